"""Incidents and Interventions on the local platform, with a story that goes on when it is told to.

The story starts from the contract's examples; a POST on `/local/incidents-interventions/advance`
takes it one step further: the open incident is solved, the open intervention closed, then a new one
of each appears. Must not know the suites.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
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
_ADVANCE = "/local/incidents-interventions/advance"
_WRITING: Final = {"refuses-post": "POST", "refuses-delete": "DELETE"}
"""The checks that records are asked for, and not changed, with the method that each refuses."""
Record = dict[str, Any]


@dataclass(slots=True)
class Story:
    """What is going on; `step` counts how often it has gone on."""

    incidents: list[Record]
    interventions: list[Record]
    step: int = 0
    _next: int = field(default=50000)

    def advance(self, now: datetime) -> None:
        """Solve and close what is open, or let something new begin, in turns."""
        self.step += 1
        if self.step % 2:
            end = _stamp(now)
            self.incidents = [_solved(record, end) for record in self.incidents]
            self.interventions = [_closed(record, end) for record in self.interventions]
            return
        start = _stamp(now)
        self._next += 1
        number = str(self._next)
        incident = {
            "identifier": number,
            "start_datetime": start,
            "end_datetime": None,
            "status": "Ongoing",
        }
        self.incidents = [{**self.incidents[-1], **incident}, *self.incidents]
        planned = {
            "start_datetime": start,
            "end_datetime": _stamp(now + timedelta(hours=1)),
            "closed": False,
        }
        self.interventions = [
            {**self.interventions[-1], "identifier": number, **planned},
            *self.interventions,
        ]


def serve(spec: Spec, address: str, without: Sequence[str] = ()) -> Served:
    """Return the service with its story at the beginning."""
    demand_known(without, _WRITING)
    methods = ["GET", *(_WRITING[check] for check in without)]
    story = Story(_example(spec, "incidents"), _example(spec, "interventions"))

    def change(request: HttpRequest) -> None:
        if request.method in _WRITING.values():
            story.advance(datetime.now(UTC))

    def incidents(request: HttpRequest) -> Response:
        change(request)
        return JSONResponse({"data": story.incidents})

    def interventions(request: HttpRequest) -> Response:
        change(request)
        return JSONResponse({"data": story.interventions})

    def advance(request: HttpRequest) -> Response:
        del request
        story.advance(datetime.now(UTC))
        return JSONResponse({"step": story.step})

    routes = [
        Route(f"{_BASE_PATH}/incidents", incidents, methods=methods),
        Route(f"{_BASE_PATH}/interventions", interventions, methods=methods),
        Route(_ADVANCE, advance, methods=["POST"]),
    ]
    return Served(routes, {"base_url": address + _BASE_PATH})


def request_problems(
    request: Request, context: RequestContext
) -> Iterator[RequestProblem]:
    """Yield every problem of a request; a known path and GET are all that the cookbook demands of one."""
    yield from operation_problems(request, context)


def _example(spec: Spec, name: str) -> list[Record]:
    records: list[Record] = json.loads(
        (spec.folder / "examples" / f"{name}.json").read_bytes()
    )["data"]
    return records


def _stamp(moment: datetime) -> str:
    return moment.replace(microsecond=0).isoformat()


def _solved(record: Record, end: str) -> Record:
    if record["status"] == "Solved":
        return record
    return {**record, "status": "Solved", "end_datetime": end, "update": True}


def _closed(record: Record, end: str) -> Record:
    return (
        record if record["closed"] else {**record, "closed": True, "end_datetime": end}
    )
