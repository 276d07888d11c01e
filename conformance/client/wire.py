"""The httpx transport over the harness's own wire: an httpx request in, a recorded and judged answer out.

A request goes out as given: order, case and repetition of its header fields are kept. Must not know pytest, nor make
clients.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import unquote

import httpx

from conformance.engine.own import OwnExchanges
from conformance.formats.schemas import known_names
from conformance.messages.soap import OWN_NUMBER
from conformance.model.case import Message, Template
from conformance.model.contract import SoapRules
from conformance.model.errors import ForbiddenTrafficError, UsageError
from conformance.model.exchange import (
    ErrorKind,
    Exchange,
    Headers,
    Request,
    Response,
    TransportFailure,
)
from conformance.model.verdict import Finding, Judgement, Severity
from conformance.model.wording import place_words

SOAP_MESSAGE = "ehealth_message"
"""The extension of a request that asks for a SOAP message to be built, and signed when it is sent."""
ERRORS: Mapping[ErrorKind, type[httpx.TransportError]] = {
    ErrorKind.CONNECT: httpx.ConnectError,
    ErrorKind.PROXY: httpx.ProxyError,
    ErrorKind.TLS: httpx.ConnectError,
    ErrorKind.TIMEOUT: httpx.ReadTimeout,
    ErrorKind.CLOSED: httpx.ReadError,
    ErrorKind.PROTOCOL: httpx.RemoteProtocolError,
}
"""What httpx raises where the wire has no answer; a test keeps it complete."""
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_FIELD_VALUE = re.compile(rb"(?:[^\x00\s]+(?:[ \t]+[^\x00\s]+)*)?")  # section 5.5
_WRITTEN_BY_THE_WIRE = frozenset({"host", "content-length", "transfer-encoding"})
_OF_THE_ENCODED_BODY = frozenset(
    {"content-encoding", "content-length", "transfer-encoding"}
)
"""Response fields that describe the body before it was decoded; httpx would decode it again."""


class AnswerError(AssertionError):
    """An answer breaks the contract; raised by clients that are made with `verify=True`."""


@dataclass(frozen=True, slots=True)
class WhoAsks:
    """Who asks: the role of an access token, or the name of a SOAP caller; "" for nobody, and the first caller."""

    token: str = ""
    caller: str = ""


class WireTransport(httpx.BaseTransport):
    """Carries httpx requests over the harness's wire.

    The exchange as it came, and its judgement, are in the response's extensions `exchange` and `judgement`.
    """

    def __init__(
        self, exchanges: OwnExchanges, credential: WhoAsks, *, verify: bool = False
    ) -> None:
        """Take where the requests go, and who asks; with `verify` a broken contract raises AnswerError."""
        self._exchanges = exchanges
        self._credential = credential
        self._verify = verify

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to the target's address.

        Raises ForbiddenTrafficError for another origin or where the policy forbids the request, BudgetError where the
        target's budget is used up, MissingDataError where it lacks a credential: errors of the harness, which a test
        that catches httpx's own does not swallow.
        """
        self._demand_own_origin(request.url)
        _demand_writable(request)
        timeout = _shortest(request.extensions.get("timeout") or {})
        make = self._maker(request)
        exchange, judgement = self._exchanges.send(request.method, make, timeout)
        if exchange.response is not None:
            store = self._exchanges.session.recorder.store
            store.learn_given(exchange.response.headers)
        if self._verify and judgement.violated:
            raise AnswerError(_explained(judgement))
        return _httpx_response(request, exchange, judgement)

    def _maker(self, request: httpx.Request) -> Callable[[], Request]:
        """Return what makes the request that goes over the wire, once it is its turn.

        Only then are a token renewed and a message signed, since both are good for a short while.
        """
        body = request.read()
        self._learn_given(request, body)
        template = request.extensions.get(SOAP_MESSAGE)
        if isinstance(template, Template):
            self._demand_message(request, template)
            return partial(self._signed, request, template)
        return partial(self._as_given, request, body)

    def _learn_given(self, request: httpx.Request, body: bytes) -> None:
        """Have the credentials that the test gives itself taken out of whatever is written, the answer included."""
        content = request.headers.get("content-type", "")
        form = body.decode("latin-1") if "x-www-form-urlencoded" in content else ""
        query = request.url.query.decode("ascii", "replace")
        given = _fields(request.headers)
        self._exchanges.session.recorder.store.learn_given(given, query, form)

    def _as_given(self, request: httpx.Request, body: bytes) -> Request:
        fields = _fields(request.headers)
        if self._credential.token and "authorization" not in request.headers:
            token = self._exchanges.session.requests.token(self._credential.token)
            fields = (*fields, ("Authorization", f"Bearer {token}"))
        return Request(request.method, self._url(request.url), fields, body)

    def _signed(self, request: httpx.Request, template: Template) -> Request:
        """Return a SOAP message that is built and signed now, with the header fields that the test gives beside it."""
        values = template.message.values if template.message is not None else {}
        message = Message(self._credential.caller, values=values)
        name = template.operation or next(iter(self._exchanges.contract.operations))
        requests = self._exchanges.session.requests
        built = requests.request(Template(name, body=message))
        given = _fields(request.headers)
        replaced = {name.lower() for name, _ in given}
        kept = tuple(row for row in built.headers if row[0].lower() not in replaced)
        return Request(built.method, built.url, (*kept, *given), built.body)

    def _demand_message(self, request: httpx.Request, template: Template) -> None:
        """Raise UsageError where no such message can be sent, naming what can be."""
        contract = self._exchanges.contract
        if contract.soap is None:
            raise UsageError(
                f"{contract.service} is no SOAP service, and takes no message()"
            )
        _demand_name("operation", template.operation, tuple(contract.operations))
        if template.message is not None:
            roles = message_roles(contract.soap)
            for role in template.message.values:
                _demand_name("role", role, roles)
        address = httpx.URL(self._exchanges.session.address)
        elsewhere = httpx.URL(self._url(request.url)) != address
        if request.method != "POST" or request.content or elsewhere:
            raise UsageError(
                "a SOAP message is the body of a POST to the service's address: "
                'write client.post("", extensions=message(...))'
            )

    def _demand_own_origin(self, url: httpx.URL) -> None:
        """Refuse to send anything, a token above all, to another origin than the target's."""
        own = httpx.URL(self._exchanges.session.address)
        if _origin(url) != _origin(own):
            raise ForbiddenTrafficError(
                f"{url.scheme}://{url.netloc.decode()} is another origin than the target's {own}"
            )
        if not _is_below(url.path, own.path):
            raise ForbiddenTrafficError(
                f"{url.path} is not below the service's address {own}"
            )
        if url.userinfo:
            raise ForbiddenTrafficError(
                "a URL with a user or password in it would be recorded as it is; "
                "give the credential by `token`, or in the header Authorization"
            )

    def _url(self, url: httpx.URL) -> str:
        """Return a URL as it is, but for the slash that httpx puts behind the client's own address."""
        address = self._exchanges.session.address
        path, mark, query = url.raw_path.partition(b"?")
        if path == httpx.URL(address).raw_path + b"/":
            return address + (mark + query).decode("ascii")
        return str(url.copy_with(fragment=None))


class AsyncWireTransport(httpx.AsyncBaseTransport):
    """Hands the requests of an httpx.AsyncClient to a WireTransport, in a thread."""

    def __init__(self, wire: WireTransport) -> None:
        """Take the transport that does the work."""
        self._wire = wire

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; errors as for WireTransport."""
        await request.aread()
        return await asyncio.to_thread(self._wire.handle_request, request)


def message_roles(rules: SoapRules) -> tuple[str, ...]:
    """Return the roles by which a SOAP message's values are named."""
    return (*rules.names.get("request", {}), OWN_NUMBER)


def _demand_name(noun: str, name: str, known: tuple[str, ...]) -> None:
    if name and name not in known:
        raise UsageError(f"there is no {noun} {name!r}{known_names(name, known)}")


def _demand_writable(request: httpx.Request) -> None:
    """Raise httpx's error for a request that cannot be written as HTTP (RFC 9110, sections 5.5 and 9.1)."""
    method = request.method.encode("latin-1", "replace")
    if not _TOKEN.fullmatch(method):
        raise httpx.LocalProtocolError(
            f"{request.method!r} is no method of HTTP", request=request
        )
    for name, value in request.headers.raw:
        if not (_TOKEN.fullmatch(name) and _FIELD_VALUE.fullmatch(value)):
            raise httpx.LocalProtocolError(
                f"{name!r}: {value!r} is no header field of HTTP", request=request
            )


def _fields(headers: httpx.Headers) -> Headers:
    """Return header fields in the order and case in which they were given, but for those that the wire writes."""
    return tuple(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in headers.raw
        if name.lower().decode("latin-1") not in _WRITTEN_BY_THE_WIRE
    )


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    port = url.port or {"http": 80, "https": 443}.get(url.scheme, 0)
    return url.scheme, url.host, port


def _is_below(path: str, base: str) -> bool:
    """Tell whether a path, whose dots httpx has resolved or not, stays below a service's address."""
    base = base.rstrip("/")
    climbs = ".." in unquote(path).replace("\\", "/").split("/")
    return not climbs and (path == base or path.startswith(f"{base}/"))


def _shortest(timeout: Mapping[str, float | None]) -> float | None:
    """Return the shortest of httpx's time limits, which holds for the whole exchange here."""
    return min((limit for limit in timeout.values() if limit is not None), default=None)


def _httpx_response(
    request: httpx.Request, exchange: Exchange, judgement: Judgement
) -> httpx.Response:
    """Return an answer for httpx; raises its error where there is none, or where it was cut short."""
    response = exchange.outcome
    if isinstance(response, TransportFailure):
        raise ERRORS[response.kind](response.message, request=request)
    if response.cut:
        raise httpx.ReadError(response.cut, request=request)
    extensions: dict[str, Any] = {
        "exchange": exchange,
        "judgement": judgement,
        "http_version": f"HTTP/{response.version}".encode("ascii"),
        "reason_phrase": response.reason.encode("latin-1"),
    }
    return httpx.Response(
        response.status,
        headers=_shown_headers(response),
        content=response.body,
        extensions=extensions,
    )


def _shown_headers(response: Response) -> list[tuple[bytes, bytes]]:
    """Return header fields as bytes, which may be of any sort, without those of the body before it was decoded."""
    encoded = response.header("Content-Encoding") is not None
    hidden = _OF_THE_ENCODED_BODY if encoded else {"transfer-encoding"}
    return [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in response.headers
        if name.lower() not in hidden
    ]


def _explained(judgement: Judgement) -> str:
    violations = (
        row for row in judgement.findings if row.severity is Severity.VIOLATION
    )
    return "\n".join(map(_in_words, violations))


def _in_words(finding: Finding) -> str:
    return (
        f"{finding.requirement}: {finding.message}\n  at {place_words(finding.location, finding.count)}\n"
        f"  expected {finding.expected}\n  actual   {finding.actual}"
    )
