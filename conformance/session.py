"""Turns a case's request templates into exchanges with one service of a target.

Adds address, identity headers and limits, waits politely where a service is busy, and has each
exchange on disk before it returns it. Must not judge answers.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import count

from conformance.case import Case, Template
from conformance.contract import Operation
from conformance.errors import ForbiddenTrafficError
from conformance.evidence.store import Store
from conformance.exchange import Exchange, Purpose, Request, Response
from conformance.judging import NEVER_CONCLUSIVE
from conformance.ledger import Ledger
from conformance.target import PRODUCTION, ServiceTarget, Target
from conformance.transport import Transport

ACCEPT = "application/json"
_PATIENCE = 10.0
"""Seconds that a run waits in all for a service that says it is busy."""
_FIRST_WAIT = 1.0


@dataclass(slots=True)
class Session:
    """A conversation with one service; `prefix` keeps the exchange ids of several workers apart."""

    target: Target
    service: ServiceTarget
    address: str
    transport: Transport
    store: Store
    ledger: Ledger
    prefix: str = ""
    pause: Callable[[float], None] = time.sleep
    _patience: float = _PATIENCE
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def exchange(self, case: Case, template: Template, purpose: Purpose = Purpose.PROBE) -> Exchange:
        """Send a request and return the exchange; a busy service is asked again after a polite while.

        Raises BudgetError where the target's budget is used up, ForbiddenTrafficError where the
        environment allows no such request.
        """
        request = self.request(template)
        self._check_allowed(request)
        exchange = self._once(case, request, purpose)
        while exchange.response is not None and exchange.response.status in NEVER_CONCLUSIVE:
            wait = _asked_wait(exchange.response)
            if wait > self._patience:
                break
            self._patience -= wait
            self.pause(wait)
            exchange = self._once(case, request, purpose)
        return exchange

    def request(self, template: Template) -> Request:
        """Return the request that a template stands for at this service."""
        operation = self.service.spec.contract.operations[template.operation]
        url = (
            self.address.rstrip("/") + operation.path + template.path + (f"?{template.query}" if template.query else "")
        )
        headers: dict[str, str | None] = {"User-Agent": self.target.identity.user_agent}
        headers["From"] = self.target.identity.sender or None
        headers |= {"Accept": ACCEPT, "Accept-Encoding": "gzip"}
        headers |= template.headers
        fields = tuple((name, value) for name, value in headers.items() if value is not None)
        return Request(template.method or operation.method, url, fields, template.body)

    def _once(self, case: Case, request: Request, purpose: Purpose) -> Exchange:
        self.ledger.take()
        started = datetime.now(UTC)
        clock = time.perf_counter()
        outcome = self.transport.send(request)
        elapsed = time.perf_counter() - clock
        number = f"{self.prefix}{next(self._numbers):06d}"
        exchange = Exchange(number, case.id, purpose, started, elapsed, request, outcome)
        self.store.write(exchange)
        return exchange

    def _check_allowed(self, request: Request) -> None:
        """Refuse what must never reach production, whatever led here."""
        if self.target.environment != PRODUCTION:
            return
        if request.method != "GET" or not self.service.spec.contract.public:
            raise ForbiddenTrafficError("production: nothing but GET on the public status services may be sent")


def allowed(target: Target, operation: Operation, template: Template) -> bool:
    """Tell whether a target's environment allows a request: in production nothing but GET."""
    return target.environment != PRODUCTION or (template.method or operation.method) == "GET"


def _asked_wait(response: Response) -> float:
    """Return how many seconds an answer asks to wait (RFC 9110, 10.2.3), or a default."""
    value = (response.header("Retry-After") or "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return _FIRST_WAIT
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)) / timedelta(seconds=1), 0.0)
