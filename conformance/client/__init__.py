"""httpx clients over the harness's own wire, for tests of one's own: `connect` and the pytest fixture `ehealth`.

Requests carry the target's identity, travel within its limits and under the policy on production, are recorded with
redaction, and are judged by the documented answers. httpx has its one home in this room. Must not know pytest.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from threading import RLock
from typing import TypedDict

import httpx

from conformance.client.wire import (
    SOAP_MESSAGE,
    AnswerError,
    AsyncWireTransport,
    WhoAsks,
    WireTransport,
)
from conformance.engine.campaign import Campaign, open_campaign
from conformance.engine.embedded import start_embedded
from conformance.engine.own import (
    OwnExchanges,
    demand_credential,
    open_exchanges,
    own_plan,
)
from conformance.evidence.run_folder import DEFAULT_FOLDER, make_folder
from conformance.formats.schemas import known_names
from conformance.messages.rest import ACCEPT
from conformance.model.case import Message, Template
from conformance.model.errors import UsageError
from conformance.model.result import CaseResult
from conformance.reporting.outputs import write_outputs
from conformance.target.reading import choose_services, load_target

__all__ = ("AnswerError", "OwnClients", "connect", "message")
_ACCEPT_SOAP = "text/xml"
"""The media type of SOAP 1.1 (section 6)."""


def message(operation: str = "", **values: str | None) -> dict[str, Template]:
    """Return the extensions of a request whose SOAP message is built of values by role, and signed when it is sent.

    `client.post("", extensions=message(last_name="Sterrenveld"))`. A value of None leaves out what is sent otherwise;
    texts that begin with `$` stand for the target's test data. Without `operation` the service's first one is meant.
    """
    return {SOAP_MESSAGE: Template(operation, body=Message(values=values))}


class _ClientSettings(TypedDict):
    """What the clients of httpx, with and without async, are made with."""

    base_url: str
    cookies: CookieJar
    timeout: float
    follow_redirects: bool
    trust_env: bool


@dataclass(slots=True, repr=False)
class OwnClients:
    """Makes clients for one test of one's own; `name` and `title` are those of the case that it is reported as.

    Threads may share the clients: requests go out one after the other.
    """

    campaign: Campaign
    name: str
    title: str
    _exchanges: dict[str, OwnExchanges] = field(default_factory=dict)
    _clients: list[httpx.Client] = field(default_factory=list)
    _turns: ExitStack = field(default_factory=ExitStack)
    _alone: bool = False
    _lock: RLock = field(default_factory=RLock)

    def __repr__(self) -> str:
        """Name the target alone: pytest shows the values of a failed test, and what is below holds its credentials."""
        return f"<clients of the target {self.campaign.plan.target.name}>"

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

    @property
    def folder(self) -> Path:
        """Return the run folder, which holds every exchange as soon as it is complete."""
        return self.campaign.folder

    def finish(self) -> list[CaseResult]:
        """Close the clients, and return what was exchanged, a case a service."""
        for client in self._clients:
            client.close()
        self._turns.close()
        results = (exchanges.result() for exchanges in self._exchanges.values())
        return [self.campaign.safe(result) for result in results if result is not None]

    def _wire(
        self, service: str, credential: WhoAsks, *, verify: bool
    ) -> WireTransport:
        with self._lock:
            exchanges = self._exchanges.get(service) or self._open(service)
        asked = exchanges.session.service
        demand_credential(asked, credential.token, credential.caller)
        return WireTransport(exchanges, credential, verify=verify)

    def _open(self, service: str) -> OwnExchanges:
        """Return new exchanges with a service; a test that asks several services is a case for each."""
        self._demand_known(service)
        self._take_turns(service)
        name = f"{self.name}@{service}" if self._exchanges else self.name
        exchanges = open_exchanges(self.campaign, service, name, self.title, self._lock)
        self._exchanges[service] = exchanges
        return exchanges

    def _demand_known(self, service: str) -> None:
        known = tuple(row.service for row in self.campaign.plan.services)
        if service not in known:
            raise UsageError(
                f"the target has no service {service!r}{known_names(service, known)}"
            )

    def _take_turns(self, service: str) -> None:
        """Wait until no other worker uses a service that remembers what is done to it (interface, section 6).

        All such services are taken at once, in one order, so that two tests never wait for each other.
        """
        if self._alone or not self.campaign.contract(service).stateful:
            return
        self._alone = True
        for name in sorted(row.service for row in self.campaign.plan.services):
            self._turns.enter_context(self.campaign.alone(name))

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
        """Return what every request carries: the target's identity, and what the harness itself accepts."""
        exchanges = self._exchanges[service]
        identity = exchanges.session.requests.identity
        own = {name: value for name, value in identity.items() if value is not None}
        accept = ACCEPT if exchanges.contract.soap is None else _ACCEPT_SOAP
        return {**own, "Accept": accept, "Accept-Encoding": "gzip"}


@contextmanager
def connect(
    target: str | Path = "local",
    *,
    name: str = "session",
    out: str | Path = DEFAULT_FOLDER,
) -> Iterator[OwnClients]:
    """Give clients for a target outside of pytest; what they exchange goes into a new run folder below `out`.

    `target` is a built-in name or a file. Raises UsageError where it cannot be used.
    """
    chosen = load_target(str(target))
    plan = own_plan(chosen, choose_services(chosen, ()))
    embedded = start_embedded(plan.services, folder=chosen.folder)
    campaign = open_campaign(plan, make_folder(Path(out), datetime.now(UTC)), embedded)
    clients = OwnClients(campaign, name, name)
    try:
        yield clients
    except KeyboardInterrupt:
        campaign.tally.interrupt()
        raise
    finally:
        for result in clients.finish():
            campaign.tally.add(result)
        campaign.close()
        write_outputs(campaign)


def _replace_headers(headers: httpx.Headers, own: Mapping[str, str]) -> None:
    """Put the target's identity in the place of what httpx sends by itself, as bytes: a name may have an accent."""
    for name in list(headers):
        del headers[name]
    headers.update(
        [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in own.items()
        ]
    )
