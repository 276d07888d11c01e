"""Turns a case's request templates into exchanges with one service of a target.

Adds address, identity headers and limits, waits politely where a service is busy, and has each
exchange on disk before it returns it. Must not judge answers.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Any
from urllib.parse import quote, urlencode

from conformance.credentials.alterations import MALFORMED, alter
from conformance.evidence.store import Store
from conformance.identifiers.rules import IdentifierKind, check
from conformance.judging.findings import TRANSIENT_STATUSES
from conformance.messages.sources import MessageSource, TokenSource
from conformance.model.case import Case, Template
from conformance.model.errors import ForbiddenTrafficError, MissingDataError
from conformance.model.exchange import Exchange, Purpose, Request, Response
from conformance.strategies.broken_identifiers import Defect, breakages
from conformance.strategies.xsd import Drawing
from conformance.target.policy import RULE, Sender, may_send
from conformance.target.target import ServiceTarget, Target
from conformance.traffic.interruption import raise_if_requested
from conformance.traffic.ledger import Ledger
from conformance.traffic.transport import Transport

ACCEPT = "application/json"
_PATIENCE = 10.0
"""Seconds that a run waits in all for a service that says it is busy."""
_FIRST_WAIT = 1.0
_NOBODY = "nobody@example.org"
_LEAST_WAIT = 0.1
_RESERVE = 24
"""Requests that restoring may take, with several workers."""
_MOST_REPETITIONS = 10


@dataclass(slots=True)
class Session:
    """A conversation with one service; `prefix` keeps the exchange ids of several workers apart.

    The sessions of a run share the `numbers` of their exchanges, so that an id names one exchange of the run.
    """

    target: Target
    service: ServiceTarget
    address: str
    transport: Transport
    store: Store
    ledger: Ledger
    prefix: str = ""
    tokens: TokenSource | None = None
    messages: MessageSource | None = None
    pause: Callable[[float], None] = time.sleep
    sender: Sender = Sender.RUN
    numbers: "count[int]" = field(default_factory=lambda: count(1))
    _patience: float = _PATIENCE

    def exchange(
        self, case: Case, template: Template, purpose: Purpose = Purpose.PROBE
    ) -> Exchange:
        """Send a request and return the exchange; a busy service is asked again after a polite while.

        Raises BudgetError where the target's budget is used up, ForbiddenTrafficError where the
        environment allows no such request.
        """
        return self.send(case, self.request(template), purpose)

    def send(
        self, case: Case, request: Request, purpose: Purpose = Purpose.PROBE
    ) -> Exchange:
        """Send a request that is complete already; as `exchange` in everything else."""
        if not self.may_send(request.method):
            raise ForbiddenTrafficError(f"production: {RULE} may be sent")
        exchange = self._once(case, request, purpose)
        for _ in range(_MOST_REPETITIONS):
            if (
                exchange.response is None
                or exchange.response.status not in TRANSIENT_STATUSES
            ):
                break
            wait = max(_asked_wait(exchange.response), _LEAST_WAIT)
            if wait > self._patience:
                break
            self._patience -= wait
            self.pause(wait)
            exchange = self._once(case, request, purpose)
        return exchange

    def variants_by_caller(self, case: Case) -> list[Case]:
        """Return a case once for each caller that plays it: itself alone where there are no callers."""
        return (
            self.messages.variants_by_caller(case)
            if self.messages is not None
            else [case]
        )

    def sweep(self, case: Case) -> Iterator[Template]:
        """Yield a case's request once for each way to change it; raises MissingDataError where there is none."""
        if self.messages is None:
            raise MissingDataError(f"only SOAP messages are changed by {case.generate}")
        return self.messages.sweep(case)

    def drawing(self, case: Case) -> Drawing | None:
        """Return the messages of a case whose strategy draws them from a WSDL's types, None for any other case."""
        return self.messages.drawing(case) if self.messages is not None else None

    def availability_probes(self, case: Case) -> list[Template]:
        """Return requests that show whether the service is there at all, by other callers than the case's."""
        return (
            self.messages.availability_probes(case) if self.messages is not None else []
        )

    def request(self, template: Template) -> Request:
        """Return the request that a template stands for at this service.

        Raises MissingDataError where the target does not give what the template needs.
        """
        if self.messages is not None and template.message is not None:
            return self._message(self.messages, template)
        operation = self.service.spec.contract.operations[template.operation]
        parameters = {
            name: self.value(text) for name, text in template.parameters.items()
        }
        path = operation.path
        for name in [name for name in parameters if f"{{{name}}}" in path]:
            path = path.replace(f"{{{name}}}", quote(parameters.pop(name), safe=""))
        query = "&".join(
            filter(None, [urlencode(parameters, quote_via=quote), template.query])
        )
        url = (
            self.address.rstrip("/")
            + path
            + template.path
            + (f"?{query}" if query else "")
        )
        body = (
            template.body
            if template.json is None
            else json.dumps(self._filled(template.json)).encode()
        )
        headers: dict[str, str | None] = {"User-Agent": self.target.identity.user_agent}
        headers["From"] = self._sender() or None
        headers |= {"Accept": ACCEPT, "Accept-Encoding": "gzip"}
        if template.json is not None:
            headers["Content-Type"] = "application/json"
        if template.token:
            headers["Authorization"] = f"Bearer {self.token(template.token)}"
        headers |= template.headers
        fields = tuple(
            (name, value) for name, value in headers.items() if value is not None
        )
        return Request(template.method or operation.method, url, fields, body)

    def _message(self, messages: MessageSource, template: Template) -> Request:
        post = messages.request(template)
        headers: dict[str, str | None] = {"User-Agent": self.target.identity.user_agent}
        headers["From"] = self._sender() or None
        headers |= {"Accept-Encoding": "gzip", **post.headers, **template.headers}
        fields = tuple(
            (name, value) for name, value in headers.items() if value is not None
        )
        return Request(template.method or post.method, self.address, fields, post.body)

    def _sender(self) -> str:
        """Return the From header: the target's; on a local target a made-up one for services that want one."""
        own = (
            _NOBODY
            if self.target.local and self.service.spec.contract.wants_sender
            else ""
        )
        return self.target.identity.sender or own

    def value(self, text: str) -> str:
        """Return a text, or the test data that it stands for: `$patient`, `$practitioners.0.ssin!CHECK_DIGITS`."""
        if not text.startswith("$"):
            return text
        place, _, defect = text[1:].partition("!")
        data: Any = self.service.settings.get("data", {})
        for part in place.split("."):
            index = int(part) if part.isdigit() else part
            try:
                data = data[index]
            except (KeyError, IndexError, TypeError):
                raise MissingDataError(f"the target gives no data.{place}") from None
        return _broken(str(data), defect, place) if defect else str(data)

    def token(self, role: str) -> str:
        """Return the access token of a role, altered where the role says how: `citizen!forged`."""
        role, _, alteration = role.partition("!")
        if role == MALFORMED:
            return MALFORMED
        if self.tokens is None or role not in self.tokens.roles:
            raise MissingDataError(f"the target gives no token for the role {role!r}")
        token = self.tokens.get(role)
        if not alteration:
            return token
        altered = alter(token, alteration)
        self.store.learn(altered, {"token": role, "altered": alteration})
        return altered

    def recorded(self, reference: Mapping[str, str]) -> bytes:
        """Return the credential that a record refers to, such as `{"token": "citizen"}`, got again from the target.

        Raises MissingDataError where the target does not give it.
        """
        if "token" in reference:
            altered = f"!{reference['altered']}" if "altered" in reference else ""
            try:
                return self.token(reference["token"] + altered).encode()
            except ValueError as error:
                raise MissingDataError(
                    f"a token cannot be changed in this way: {error}"
                ) from None
        if "assertion" in reference and self.messages is not None:
            return self.messages.recorded(reference)
        raise MissingDataError(
            f"the target gives nothing for {json.dumps(dict(reference))}"
        )

    def _filled(self, body: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return a JSON body with test data in the place of what stands for it."""
        if isinstance(body, dict):
            return {name: self._filled(value) for name, value in body.items()}
        if isinstance(body, list):
            return [self._filled(value) for value in body]
        return self.value(body) if isinstance(body, str) else body

    def _once(self, case: Case, request: Request, purpose: Purpose) -> Exchange:
        self.ledger.take(0 if purpose is Purpose.RESTORE else self._kept())
        raise_if_requested()
        started = datetime.now(UTC)
        clock = time.perf_counter()
        outcome = self.transport.send(request)
        elapsed = time.perf_counter() - clock
        number = f"{self.prefix}{next(self.numbers):06d}"
        exchange = Exchange(
            number, case.id, purpose, started, elapsed, request, outcome
        )
        self.store.write(exchange)
        return exchange

    def _kept(self) -> int:
        """Return how many requests of the budget are kept for restoring a service that remembers."""
        budget = self.ledger.limits.budget
        return (
            min(_RESERVE, budget // 4)
            if budget and self.service.spec.contract.stateful
            else 0
        )

    def may_send(self, method: str) -> bool:
        """Tell whether the policy lets this session send a request of a method."""
        public = self.service.spec.contract.public
        return may_send(
            self.sender, self.target.environment, public=public, method=method
        )


def _broken(number: str, defect: str, place: str) -> str:
    """Return an identifier broken in one way; raises MissingDataError where it is not valid to begin with."""
    kind = _kind_of(number)
    ways = () if check(kind, number) else breakages(kind, number, Defect[defect])
    if not ways:
        raise MissingDataError(
            f"the target's data.{place} is no valid identifier that could be broken"
        )
    return ways[0]


def _kind_of(number: str) -> IdentifierKind:
    """Return what kind of identifier a test identity is, by its length and form."""
    return {
        IdentifierKind.NIHII8.length: IdentifierKind.NIHII8,
        IdentifierKind.CBE.length: IdentifierKind.CBE,
    }.get(len(number)) or (
        IdentifierKind.SSIN
        if not check(IdentifierKind.SSIN, number)
        else IdentifierKind.BIS
    )


def _asked_wait(response: Response) -> float:
    """Return how many seconds an answer asks to wait (RFC 9110, 10.2.3), or a default."""
    value = (response.header("Retry-After") or "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max((moment - datetime.now(UTC)) / timedelta(seconds=1), 0.0)
    except (ValueError, OverflowError):
        return _FIRST_WAIT
