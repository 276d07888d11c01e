"""The Status Dashboard of the local platform: three dashboards from the contract's own examples.

Must not know the suites nor judge requests beyond what HTTP says.
"""

import json
from collections.abc import Iterator, Mapping, MutableSequence, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from conformance.checks.request_problem import RequestProblem
from conformance.contracts.loading import Spec
from conformance.mock.service import (
    RequestContext,
    Served,
    demand_known,
    operation_problems,
)
from conformance.model.exchange import Request

_BASE_PATH = "/api/v1"
_PAGES = {
    "/dashboard": "dashboard",
    "/dashboard/int": "dashboard-int",
    "/dashboard/acc": "dashboard-acc",
}
_UPDATE_MINUTES = 5
_WRITING: Final = {"refuses-post": "POST", "refuses-delete": "DELETE"}
"""The checks that a dashboard is asked for, and not changed, with the method that each refuses."""


def serve(spec: Spec, address: str, without: Sequence[str] = ()) -> Served:
    """Return the service with its three dashboards."""
    demand_known(without, _WRITING)
    methods = ["GET", *(_WRITING[check] for check in without)]
    boards = {
        path: json.loads((spec.folder / "examples" / f"{name}.json").read_bytes())
        for path, name in _PAGES.items()
    }
    routes = [
        Route(_BASE_PATH + path, _page(board), methods=methods)
        for path, board in boards.items()
    ]
    return Served(
        routes, {"base_url": address + _BASE_PATH, "dashboards": ["prod", "int", "acc"]}
    )


def request_problems(
    request: Request, context: RequestContext
) -> Iterator[RequestProblem]:
    """Yield every problem of a request; a known path and GET are all that the cookbook demands of one."""
    yield from operation_problems(request, context)


def _page(board: Mapping[str, Any]) -> Any:  # noqa: ANN401 - starlette types an endpoint as Any
    def answer(request: HttpRequest) -> Response:
        if request.method in _WRITING.values():
            _change(board["groups"], request.method)
        return JSONResponse(_updated(board, datetime.now(UTC)))

    return answer


def _change(groups: MutableSequence[dict[str, Any]], method: str) -> None:
    """Change a board by a request that ought to have been refused: add a group, or take the first one away."""
    if method == "POST":
        groups.append(
            {"id": f"new-{len(groups)}", "name": "New", "items": [], "status_code": 3}
        )
    else:
        del groups[:1]


def _updated(board: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the board as if its monitoring had run at the last full five minutes."""
    moment = now - timedelta(
        minutes=now.minute % _UPDATE_MINUTES,
        seconds=now.second,
        microseconds=now.microsecond,
    )
    stamp = moment.astimezone().isoformat(timespec="seconds")
    groups = [
        {**group, "items": [{**item, "last_updated": stamp} for item in group["items"]]}
        for group in board["groups"]
    ]
    return {"groups": groups}
