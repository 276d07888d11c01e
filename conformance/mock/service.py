"""What a module of the local platform offers for its service.

Each module of this package that plays a service has a function `serve(spec, address, without)` that returns
a `Served`, and a function `request_problems(request, context)` that lists what is wrong with a request to it.
Must not know any service.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import quote, unquote, urlsplit

from cryptography import x509
from starlette.requests import Request as HttpRequest
from starlette.routing import BaseRoute

from conformance.checks.request_problem import RequestProblem, http_problem
from conformance.contracts.loading import Spec
from conformance.mock.iam_connect.tokens import Verifier
from conformance.model.contract import Operation
from conformance.model.exchange import Request


def _nothing() -> None:
    """Leave everything as it is."""


@dataclass(frozen=True, slots=True)
class Served:
    """A service being played: its routes with full paths, and what a target file says of it.

    `close` takes away what the service has left on this machine; the platform calls it when it stops.
    """

    routes: Sequence[BaseRoute]
    settings: Mapping[str, Any]
    close: Callable[[], None] = _nothing


def demand_known(without: Sequence[str], known: Iterable[str] = ()) -> None:
    """Raise LookupError where a check is to be left out that does not exist."""
    unknown = sorted(set(without) - set(known))
    if unknown:
        raise LookupError(f"there is no check {', '.join(unknown)}")


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What a request to a service is held against, besides the service's own rules.

    `address` is where the service stands: a target file's base URL or endpoint; `now` is the time in UTC at which the
    request came. `trusted` are certificates of the STS `issuer`, or of the authority above it; without them nothing is
    said about who signed an assertion. `tokens` verifies access tokens, and should take the same time; without it
    nothing is said about access tokens, nor about whom their holder may act for.
    """

    spec: Spec
    address: str
    now: datetime
    trusted: Sequence[x509.Certificate] = ()
    issuer: str = ""
    tokens: Verifier | None = None


class ServiceModule(Protocol):
    """A module that plays a service."""

    def serve(self, spec: Spec, address: str, without: Sequence[str] = ()) -> Served:
        """Return the service, fresh and with its own state, on a platform that answers at `address`.

        `without` names checks of its own that a seeded fault leaves out; raises LookupError where it has no such check.
        """

    def request_problems(
        self, request: Request, context: RequestContext
    ) -> Iterator[RequestProblem]:
        """Yield every problem of a request to the service, in the order in which the service looks for them.

        The first one is what the service refuses by. A function of its arguments alone: it knows no state of the
        service (so not whether a resource exists), opens nothing, never raises, whatever the bytes of the request.
        An observer of a client calls it with the request that the client has sent and reports all of them.
        """


def operation_problems(
    request: Request, context: RequestContext
) -> Iterator[RequestProblem]:
    """Yield that no operation of the contract stands at a request's path, or none with its method."""
    methods = {operation.method for operation in _at_path(request, context)}
    if not methods:
        reason = "no operation of the service stands at this path"
        yield http_problem("path_known", HTTPStatus.NOT_FOUND, reason)
    elif _as_get(request.method) not in methods:
        reason = f"the operations at this path are {', '.join(sorted(methods))}"
        yield http_problem("method_known", HTTPStatus.METHOD_NOT_ALLOWED, reason)


def operation_of(request: Request, context: RequestContext) -> Operation | None:
    """Return the operation of the contract that a request is for."""
    method = _as_get(request.method)
    at_path = _at_path(request, context)
    return next((each for each in at_path if each.method == method), None)


def path_below(request: Request, address: str) -> str:
    """Return the path of a request below a service's address, percent-decoded; the whole path where it is not below."""
    base = urlsplit(address).path.rstrip("/")
    return unquote(urlsplit(request.url).path).removeprefix(base)


def exchange_request(request: HttpRequest, body: bytes) -> Request:
    """Return a request that the local platform has received as the value that checks look at."""
    scope = request.scope
    host, port = scope.get("server") or ("localhost", 80)
    url = f"{scope.get('scheme', 'http')}://{host}:{port}{quote(scope['path'])}"
    query = scope.get("query_string", b"").decode("latin-1")
    headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in request.headers.raw
    )
    return Request(request.method, f"{url}?{query}" if query else url, headers, body)


def _as_get(method: str) -> str:
    """Return the method by which operations know a request: HEAD asks what GET asks (RFC 9110, section 9.3.2)."""
    return "GET" if method == "HEAD" else method


def _at_path(request: Request, context: RequestContext) -> list[Operation]:
    """Return the operations at a request's path.

    A parameter at the end may be empty, or missing where no other operation stands: its own check refuses that.
    """
    path = path_below(request, context.address)
    operations = context.spec.contract.operations.values()
    patterns = {operation.id: _path_pattern(operation) for operation in operations}
    exact = [each for each in operations if re.fullmatch(patterns[each.id], path)]
    return exact or [
        each for each in operations if re.fullmatch(patterns[each.id], f"{path}/")
    ]


def _path_pattern(operation: Operation) -> str:
    return re.sub(r"\\\{\w+\\\}", "[^/]*", re.escape(operation.path))
