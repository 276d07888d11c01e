"""An httpx client over the harness's own wire, for tests of one's own: `connect` and the pytest fixture `ehealth`.

Requests carry the target's identity, travel within its limits and under the policy on production, are recorded with
redaction, and are judged by the documented answers. httpx has its one home here. Must not know pytest.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, TypedDict

import httpx

from conformance.engine.campaign import Campaign, open_campaign
from conformance.engine.embedded import start_embedded
from conformance.engine.own import OwnExchanges, open_exchanges, own_plan
from conformance.evidence.run_folder import make_folder
from conformance.judging.documented import operation_at
from conformance.messages.rest import ACCEPT
from conformance.model.case import Message, Template
from conformance.model.contract import Operation
from conformance.model.errors import ForbiddenTrafficError, MissingDataError, UsageError
from conformance.model.exchange import (
    ErrorKind,
    Exchange,
    Request,
    Response,
    TransportFailure,
)
from conformance.model.result import CaseResult
from conformance.model.verdict import Finding, Judgement, Severity
from conformance.reporting.outputs import write_outputs
from conformance.target.reading import choose_services, load_target

SOAP_MESSAGE = "ehealth_message"
"""The extension of a request that asks for a SOAP message to be built, and signed when it is sent."""
_ERRORS: Mapping[ErrorKind, type[httpx.TransportError]] = {
    ErrorKind.CONNECT: httpx.ConnectError,
    ErrorKind.TLS: httpx.ConnectError,
    ErrorKind.TIMEOUT: httpx.ReadTimeout,
    ErrorKind.CLOSED: httpx.ReadError,
    ErrorKind.PROTOCOL: httpx.RemoteProtocolError,
}
"""What httpx raises where the wire has no answer; a test keeps it complete."""
_WRITTEN_BY_THE_WIRE = frozenset({"host", "content-length", "transfer-encoding"})
_OF_THE_ENCODED_BODY = frozenset(
    {"content-encoding", "content-length", "transfer-encoding"}
)
"""Response fields that describe the body before it was decoded; httpx would decode it again."""


class AnswerError(AssertionError):
    """An answer breaks the contract; raised by clients that are made with `verify=True`."""


def message(operation: str = "", **values: str | None) -> dict[str, Template]:
    """Return the extensions of a request whose SOAP message is built of values by role, and signed when it is sent.

    `client.post("", extensions=message(last_name="Sterrenveld"))`. A value of None leaves out what is sent otherwise;
    texts that begin with `$` stand for the target's test data. Without `operation` the service's first one is meant.
    """
    return {SOAP_MESSAGE: Template(operation, body=Message(values=values))}


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
        wanted, operation = self._wire_request(request)
        timeout = _shortest(request.extensions.get("timeout") or {})
        exchange, judgement = self._exchanges.send(wanted, operation, timeout)
        if self._verify and judgement.violated:
            raise AnswerError(_explained(judgement))
        return _httpx_response(request, exchange, judgement)

    def _wire_request(self, request: httpx.Request) -> tuple[Request, Operation | None]:
        """Return what goes over the wire, and the operation of the contract that it asks for."""
        self._demand_origin(request.url)
        template = request.extensions.get(SOAP_MESSAGE)
        if isinstance(template, Template):
            return self._signed(template)
        fields = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in request.headers.raw
            if name.lower().decode("latin-1") not in _WRITTEN_BY_THE_WIRE
        ]
        if self._credential.token and "authorization" not in request.headers:
            token = self._exchanges.session.requests.token(self._credential.token)
            fields.append(("Authorization", f"Bearer {token}"))
        url, body = str(request.url), request.read()
        operation = operation_at(
            self._exchanges.contract,
            self._exchanges.session.address,
            request.method,
            url,
        )
        return Request(request.method, url, tuple(fields), body), operation

    def _signed(self, template: Template) -> tuple[Request, Operation]:
        """Return a SOAP message that is built and signed now."""
        contract = self._exchanges.contract
        if contract.soap is None:
            raise MissingDataError(f"{contract.service} is no SOAP service")
        name = template.operation or next(iter(contract.operations))
        if name not in contract.operations:
            known = ", ".join(contract.operations)
            raise UsageError(f"there is no operation {name!r}; known are: {known}")
        values = template.message.values if template.message is not None else {}
        own = Template(name, body=Message(self._credential.caller, values=values))
        return self._exchanges.session.requests.request(own), contract.operations[name]

    def _demand_origin(self, url: httpx.URL) -> None:
        """Refuse to send anything, a token above all, to another origin than the target's."""
        own = httpx.URL(self._exchanges.session.address)
        if _origin(url) != _origin(own):
            raise ForbiddenTrafficError(
                f"{url.scheme}://{url.netloc.decode()} is another origin than the target's {own}"
            )


class AsyncWireTransport(httpx.AsyncBaseTransport):
    """Hands the requests of an httpx.AsyncClient to a WireTransport, in a thread."""

    def __init__(self, wire: WireTransport) -> None:
        """Take the transport that does the work."""
        self._wire = wire

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; errors as for WireTransport."""
        await request.aread()
        return await asyncio.to_thread(self._wire.handle_request, request)


class _ClientSettings(TypedDict):
    """What the clients of httpx, with and without async, are made with."""

    base_url: str
    cookies: CookieJar
    timeout: float
    follow_redirects: bool
    trust_env: bool


@dataclass(slots=True)
class OwnClients:
    """Makes clients for one test of one's own; `name` and `title` are those of the case that it is reported as."""

    campaign: Campaign
    name: str
    title: str
    _exchanges: dict[str, OwnExchanges] = field(default_factory=dict)
    _clients: list[httpx.Client] = field(default_factory=list)

    def __call__(
        self, service: str, *, token: str = "", caller: str = "", verify: bool = False
    ) -> httpx.Client:
        """Return a client for a service of the target.

        `token` is the role of an access token, `caller` the name of a SOAP caller in the target file. With `verify`
        an answer that breaks the contract raises AnswerError, and so ends the test.
        """
        wire = self._wire(service, WhoAsks(token, caller), verify=verify)
        client = httpx.Client(transport=wire, **self._settings(service))
        _replace_headers(client.headers, self._headers(service))
        self._clients.append(client)
        return client

    def asynchronous(
        self, service: str, *, token: str = "", caller: str = "", verify: bool = False
    ) -> httpx.AsyncClient:
        """Return an asynchronous client; otherwise as calling this object. Close it in the test."""
        wire = self._wire(service, WhoAsks(token, caller), verify=verify)
        client = httpx.AsyncClient(
            transport=AsyncWireTransport(wire), **self._settings(service)
        )
        _replace_headers(client.headers, self._headers(service))
        return client

    def finish(self) -> list[CaseResult]:
        """Close the clients, and return what was exchanged, a case a service."""
        for client in self._clients:
            client.close()
        results = (exchanges.result() for exchanges in self._exchanges.values())
        return [self.campaign.safe(result) for result in results if result is not None]

    def _wire(
        self, service: str, credential: WhoAsks, *, verify: bool
    ) -> WireTransport:
        self._demand_known(service)
        if service not in self._exchanges:
            # A test that asks several services is a case for each.
            name = f"{self.name}@{service}" if self._exchanges else self.name
            self._exchanges[service] = open_exchanges(
                self.campaign, service, name, self.title
            )
        exchanges = self._exchanges[service]
        _demand_credential(exchanges, credential)
        return WireTransport(exchanges, credential, verify=verify)

    def _demand_known(self, service: str) -> None:
        known = [row.service for row in self.campaign.plan.services]
        if service not in known:
            names = ", ".join(known)
            raise UsageError(f"the target has no service {service!r}; it has: {names}")

    def _settings(self, service: str) -> _ClientSettings:
        session = self._exchanges[service].session
        return {
            "base_url": session.address,
            "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            "timeout": session.target.limits.timeout,
            "follow_redirects": False,
            "trust_env": False,
        }

    def _headers(self, service: str) -> Mapping[str, str]:
        identity = self._exchanges[service].session.requests.identity
        own = {name: value for name, value in identity.items() if value is not None}
        return {**own, "Accept": ACCEPT, "Accept-Encoding": "gzip"}


@contextmanager
def connect(
    target: str | Path = "local", *, name: str = "session", out: str | Path = "reports"
) -> Iterator[OwnClients]:
    """Give clients for a target outside of pytest; what they exchange goes into a new run folder below `out`.

    `target` is a built-in name or a file. Raises UsageError where it cannot be used.
    """
    chosen = load_target(str(target))
    plan = own_plan(chosen, choose_services(chosen, ()))
    embedded = start_embedded(plan.services)
    campaign = open_campaign(plan, make_folder(Path(out), datetime.now(UTC)), embedded)
    clients = OwnClients(campaign, name, name)
    try:
        yield clients
    finally:
        for result in clients.finish():
            campaign.tally.add(result)
        campaign.close()
        write_outputs(campaign)


def _demand_credential(exchanges: OwnExchanges, credential: WhoAsks) -> None:
    """Raise UsageError where the target gives no such token or caller."""
    settings = exchanges.session.service.settings
    for kind, wanted in (("tokens", credential.token), ("callers", credential.caller)):
        known = settings.get(kind) or {}
        if wanted and wanted.partition("!")[0] not in known:
            names = ", ".join(known) or "none"
            raise UsageError(
                f"the target's {kind} have no {wanted!r}; there are: {names}"
            )


def _replace_headers(headers: httpx.Headers, own: Mapping[str, str]) -> None:
    """Put the target's identity in the place of what httpx sends by itself."""
    for name in list(headers):
        del headers[name]
    headers.update(own)


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    port = url.port or {"http": 80, "https": 443}.get(url.scheme, 0)
    return url.scheme, url.host, port


def _shortest(timeout: Mapping[str, float | None]) -> float | None:
    """Return the shortest of httpx's time limits, which holds for the whole exchange here."""
    return min((limit for limit in timeout.values() if limit is not None), default=None)


def _httpx_response(
    request: httpx.Request, exchange: Exchange, judgement: Judgement
) -> httpx.Response:
    """Return an answer for httpx; raises its error where there is none, or where it was cut short."""
    response = exchange.outcome
    if isinstance(response, TransportFailure):
        raise _ERRORS[response.kind](response.message, request=request)
    if response.cut:
        raise httpx.ReadError(response.cut, request=request)
    extensions: dict[str, Any] = {"exchange": exchange, "judgement": judgement}
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
        f"{finding.requirement}: {finding.message}\n  at {finding.location}\n"
        f"  expected {finding.expected}\n  actual   {finding.actual}"
    )
