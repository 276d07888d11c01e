"""Reviews what only the network shows of a target: reachability, TLS, clock, refused credentials.

Sends a few GET requests, which change nothing. Must not judge a service's answers.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from conformance.credentials.outgoing import make_transport
from conformance.evidence.redaction import Redactor
from conformance.judging.findings import BUSY_STATUSES
from conformance.judging.likely_cause import is_html, refusal_of
from conformance.model.contract import Contract
from conformance.model.errors import ConformanceError, SecretError, UsageError
from conformance.model.exchange import Request, Response, TransportFailure
from conformance.review.connection import (
    clock_remarks,
    connection_remarks,
    unanswered,
)
from conformance.review.credentials.tokens import token_remarks
from conformance.review.remarks import Remark, Severity, split, tidy
from conformance.review.subject import CALLERS, ReviewSubject, load_rules
from conformance.target.addresses import address_problem
from conformance.target.policy import may_be_target
from conformance.target.target import ServiceTarget, Target
from conformance.traffic.transport import Transport


@dataclass(slots=True)
class _Network:
    """How probes are sent, and of each origin the remarks on its connection and whether its clock was read."""

    line: Transport
    clock: Callable[[], datetime]
    pause: Callable[[float], None]
    handshakes: dict[str, tuple[Remark, ...]] = field(default_factory=dict)
    clocks: set[str] = field(default_factory=set)

    def usable(self, address: str) -> bool:
        """Tell whether an address whose connection was tried can be asked."""
        return all(
            remark.severity != "error" for remark in self.handshakes[_origin(address)]
        )


def review_network(
    target: Target,
    services: tuple[ServiceTarget, ...],
    *,
    transport: Callable[[], Transport] | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    pause: Callable[[float], None] = time.sleep,
) -> tuple[Remark, ...]:
    """Return what only the network shows of a target's services: reachability, TLS, clock, refused credentials.

    Sends a few GET requests with the target's own tokens, within its rate, and requests to the token
    endpoints it names; no message to a SOAP service or an STS. Raises SpecError as `review_offline` does.
    """
    redactor = Redactor()
    try:
        line = transport() if transport else make_transport(target, redactor)
    except UsageError:
        return ()  # reported offline
    remarks: list[Remark] = []
    network = _Network(line, clock, pause)
    try:
        for service in services:
            subject = ReviewSubject(
                target,
                service,
                load_rules(service.spec),
                clock(),
                redactor,
                (),
                line.send,
            )
            subject.network = True
            remarks += _network_remarks(subject, network)
    finally:
        line.close()
    return tidy(remarks, redactor)


def _network_remarks(subject: ReviewSubject, network: _Network) -> Iterator[Remark]:
    address = subject.service.address
    if address is None:
        message = (
            "the embedded local platform plays the service: there is nothing to reach"
        )
        yield subject.remark("note", "reachability", message, "nothing to do")
        return
    if not may_be_target(
        subject.target.environment, public=subject.spec.contract.public
    ):
        return
    yield from _reached_remarks(subject, network, address)
    if network.usable(address):
        yield from _issued_token_remarks(subject)
        soap = subject.spec.contract.soap is not None
        yield from (
            _greeting_remarks(subject, network, address)
            if soap
            else _probe_remarks(subject, network, address)
        )
    yield from _sts_remarks(subject, network, address)


def _reached_remarks(
    subject: ReviewSubject, network: _Network, address: str, where: str = ""
) -> Iterator[Remark]:
    """Yield what the first connection to an address shows; `where` says whose address it is, if not the service's."""
    origin = _origin(address)
    if origin not in network.handshakes:
        network.handshakes[origin] = tuple(
            connection_remarks(subject, network.line.way(urlsplit(address)), where)
        )
        yield from network.handshakes[origin]
    elif not network.usable(address):
        message = f"{where}{origin} cannot be used here either: see the remark on another service above"
        yield subject.remark(
            "error", "reachability", message, "follow the remedy there"
        )


def _probe_remarks(
    subject: ReviewSubject, network: _Network, address: str
) -> Iterator[Remark]:
    """Yield what the answers to a service's first questions show."""
    wait = 1 / subject.target.limits.rate if subject.target.limits.rate else 0.0
    for number, (probe, request) in enumerate(_probes(subject, address)):
        network.pause(wait)
        before = network.clock()
        outcome = network.line.send(request)
        yield from _answer_remarks(subject, probe, request, outcome)
        if number == 0 and isinstance(outcome, Response):
            network.clocks.add(_origin(address))
            yield from clock_remarks(subject, outcome, before, network.clock())


def _greeting_remarks(
    subject: ReviewSubject, network: _Network, address: str, where: str = ""
) -> Iterator[Remark]:
    """Yield what a bare GET shows of an endpoint for messages: its clock; any answer means that it is reachable."""
    if _origin(address) in network.clocks:
        return
    network.pause(1 / subject.target.limits.rate if subject.target.limits.rate else 0.0)
    before = network.clock()
    outcome = network.line.send(
        Request("GET", address, (*subject.target.identity.headers, ("Accept", "*/*")))
    )
    if isinstance(outcome, TransportFailure):
        topic, message, remedy = unanswered(
            f"GET {urlsplit(address).path or '/'}", outcome
        )
        yield subject.remark("error", topic, where + message, remedy)
        return
    network.clocks.add(_origin(address))
    yield from clock_remarks(subject, outcome, before, network.clock(), where)


def _sts_remarks(
    subject: ReviewSubject, network: _Network, address: str
) -> Iterator[Remark]:
    """Yield whether the STS of each caller can be reached; none is asked for anything."""
    named: dict[str, list[str]] = {}
    for name, row in subject.callers.items():
        if "sts" in row and "assertion" not in row:
            named.setdefault(row["sts"], []).append(f"{CALLERS}.{name}.sts")
    for sts, places in named.items():
        if address_problem(sts, subject.target.environment) or _origin(sts) == _origin(
            address
        ):
            continue  # reported offline, or of the service itself
        where = f"{', '.join(places)}: "
        yield from _reached_remarks(subject, network, sts, where)
        if network.usable(sts):
            yield from _greeting_remarks(subject, network, sts, where)


def _origin(address: str) -> str:
    url = urlsplit(address)
    return f"{url.scheme}://{url.netloc}"


def _issued_token_remarks(subject: ReviewSubject) -> Iterator[Remark]:
    """Yield what is wrong with the tokens that a token endpoint issues, or that it issues none."""
    if subject.tokens is None:
        return
    for role, reference in subject.service.settings.get("tokens", {}).items():
        issued = isinstance(reference, Mapping) and "client_credentials" in reference
        if not issued:
            continue
        try:
            token = subject.tokens.get(role)
        except SecretError:
            continue  # reported offline
        except ConformanceError as error:
            yield subject.remark("error", "credential", *split(str(error)))
        else:
            yield from token_remarks(subject, role, token)


def _probes(
    subject: ReviewSubject, address: str
) -> Iterator[tuple[Mapping[str, Any], Request]]:
    """Yield each first question with its GET request; at least one, be it without a token."""
    asked = False
    for probe in subject.rules.get("probes", ()):
        request = _probe(subject, address, probe)
        if request is not None:
            asked = True
            yield probe, request
    if asked:
        return
    url = address.rstrip("/") + _open_path(subject.spec.contract)
    headers = (*subject.target.identity.headers, ("Accept", "application/json"))
    yield {}, Request("GET", url, headers)


def _open_path(contract: Contract) -> str:
    """Return the first path of a public service that a GET without parameters reads, "" where there is none."""
    if not contract.public:
        return ""
    for operation in contract.operations.values():
        if operation.method == "GET" and "{" not in operation.path:
            return operation.path
    return ""


def _probe(
    subject: ReviewSubject, address: str, row: Mapping[str, Any]
) -> Request | None:
    """Return a first question with a token, or None where the file lacks what it needs."""
    role = row.get("token", "")
    path = subject.spec.contract.operations[row["operation"]].path
    for name, place in row.get("parameters", {}).items():
        if not subject.identity(place):
            return None
        path = path.replace(f"{{{name}}}", quote(subject.identity(place), safe=""))
    headers = (*subject.target.identity.headers, ("Accept", "application/json"))
    if role:
        token = _token(subject, role)
        if not token:
            return None
        headers += (("Authorization", f"Bearer {token}"),)
    return Request("GET", address.rstrip("/") + path, headers)


def _token(subject: ReviewSubject, role: str) -> str:
    """Return the token of a role, "" where it cannot be had."""
    if subject.tokens is None:
        return ""
    try:
        return subject.tokens.get(role)
    except ConformanceError:
        return ""


def _answer_remarks(
    subject: ReviewSubject,
    probe: Mapping[str, Any],
    request: Request,
    outcome: Response | TransportFailure,
) -> Iterator[Remark]:
    role = probe.get("token", "")
    asked = f"GET {urlsplit(request.url).path}"
    if role:
        asked += f" with tokens.{role}"
    if isinstance(outcome, TransportFailure):
        topic, message, remedy = unanswered(asked, outcome)
        yield subject.remark("error", topic, message, remedy)
    elif outcome.status in BUSY_STATUSES:
        message = f"the answer to {asked} is {outcome.status}: the service is not available now"
        yield subject.remark(
            "error",
            "reachability",
            message,
            "try again later, or ask the contact centre",
        )
    elif outcome.status < HTTPStatus.MULTIPLE_CHOICES and is_html(outcome):
        yield _way_remark(subject, "error", asked, outcome)
    elif not role and not subject.spec.contract.public:
        return  # any answer to a request without a token shows that the service is there
    elif outcome.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        who = f"tokens.{role}" if role else "the request"
        remedy = "get a new token, and ask the platform whether client and role are admitted to this service"
        message = f"{who} is refused: the answer to {asked} is {outcome.status}"
        yield subject.remark("error", "credential", message, remedy)
    elif outcome.status >= HTTPStatus.MULTIPLE_CHOICES and not _has_no_entries(
        probe, outcome
    ):
        yield _way_remark(subject, "warning", asked, outcome)


def _way_remark(
    subject: ReviewSubject, severity: Severity, asked: str, answer: Response
) -> Remark:
    """Return what an answer tells of the way to the service, with the remedy."""
    met = refusal_of(answer, "base_url")
    remedy = met.remedy
    if not is_html(answer):
        remedy += ". Compare token and test data with each other, too"
    return subject.remark(
        severity, "reachability", f"the answer to {asked} is {met.seen}", remedy
    )


def _has_no_entries(probe: Mapping[str, Any], answer: Response) -> bool:
    """Tell whether a 404 means that there are no entries yet: without a body, or with a list of errors."""
    absent = probe.get("may_be_absent", False) and answer.status == HTTPStatus.NOT_FOUND
    return absent and answer.body.strip()[:1] in (b"", b"[")
