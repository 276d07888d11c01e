"""The Status Dashboard of the local platform: three dashboards from the contract's own examples.

Must not know the suites nor judge requests beyond what HTTP says.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from conformance.loading import Spec
from conformance.mock.service import Served, demand_known

_BASE_PATH = "/api/v1"
_PAGES = {"/dashboard": "dashboard", "/dashboard/int": "dashboard-int", "/dashboard/acc": "dashboard-acc"}
_UPDATE_MINUTES = 5


def serve(spec: Spec, address: str, without: Sequence[str] = ()) -> Served:
    """Return the service with its three dashboards."""
    demand_known(without)
    boards = {
        path: json.loads((spec.folder / "examples" / f"{name}.json").read_bytes()) for path, name in _PAGES.items()
    }
    routes = [Route(_BASE_PATH + path, _page(board), methods=["GET"]) for path, board in boards.items()]
    return Served(routes, {"base_url": address + _BASE_PATH, "dashboards": ["prod", "int", "acc"]})


def _page(board: Mapping[str, Any]) -> Any:  # noqa: ANN401 - starlette types an endpoint as Any
    def answer(request: Request) -> Response:
        del request
        return JSONResponse(_updated(board, datetime.now(UTC)))

    return answer


def _updated(board: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the board as if its monitoring had run at the last full five minutes."""
    moment = now - timedelta(minutes=now.minute % _UPDATE_MINUTES, seconds=now.second, microseconds=now.microsecond)
    stamp = moment.astimezone().isoformat(timespec="seconds")
    groups = [
        {**group, "items": [{**item, "last_updated": stamp} for item in group["items"]]} for group in board["groups"]
    ]
    return {"groups": groups}
