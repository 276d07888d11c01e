"""Sends requests to one service of a target, within its limits, and has each exchange on disk before it returns it.

Waits politely where a service is busy. Knows neither REST nor SOAP: a builder makes the requests. Must not judge.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import count

from conformance.engine.events import EventLog, exchange_completed
from conformance.engine.renewal import Renewals
from conformance.evidence.store import Store
from conformance.judging.findings import BUSY_STATUSES
from conformance.messages.sources import RequestBuilder
from conformance.model.case import Case, Template
from conformance.model.errors import ForbiddenTrafficError, NotKeptError
from conformance.model.exchange import Exchange, Purpose, Request, Response
from conformance.target.policy import RULE, Sender, may_send
from conformance.target.target import ServiceTarget, Target
from conformance.traffic.interruption import raise_if_requested, undivided
from conformance.traffic.ledger import Ledger
from conformance.traffic.side_by_side import Lane, make_lanes, send_lanes, why_apart
from conformance.traffic.transport import Transport
from conformance.traffic.waiting import MOST_REPETITIONS, Patience

_RESTORING_RESERVE = 24
"""Requests that restoring may take, with several workers."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that change nothing (RFC 9110, 9.2.1)."""
_NOT_BEGUN = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


def exchange_numbers(prefix: str = "") -> Iterator[str]:
    """Yield the ids of a run's exchanges; `prefix` keeps those of several workers apart."""
    return map(f"{prefix}{{:06d}}".format, count(1))


@dataclass(slots=True)
class Recorder:
    """Where a session's exchanges go: ids that are unique in the run, the store on disk, and the run's events.

    `unrecorded` counts requests that restored a service although they could not be kept.
    """

    numbers: Iterator[str]
    store: Store
    events: EventLog
    unrecorded: int = 0
    _trouble: str = ""

    @property
    def trouble(self) -> str:
        """Return why what is exchanged cannot be kept any more, by this process or another, "" where it can."""
        return self._trouble or self.events.trouble or self.store.trouble

    def demand_kept(self, purpose: Purpose) -> None:
        """Raise NotKeptError where an exchange could not be kept; what restores a service is sent all the same."""
        if self.trouble and purpose is not Purpose.RESTORE:
            raise NotKeptError(self.trouble)

    def record(self, exchange: Exchange) -> Exchange:
        """Write an exchange to disk, then tell of it; raises NotKeptError where that cannot be."""
        with undivided():
            if not self.trouble:
                self._write(exchange)
            if self.trouble and exchange.purpose is Purpose.RESTORE:
                self.unrecorded += 1
                return exchange
            self.demand_kept(exchange.purpose)
            self.events.emit(exchange_completed(exchange))
        return exchange

    def _write(self, exchange: Exchange) -> None:
        try:
            self.store.write(exchange)
        except NotKeptError as error:
            self._trouble = str(error)


@dataclass(slots=True)
class Session:
    """A conversation with one service.

    `pause` waits for some seconds, in all as long as the `patience` lasts; `asks_to_wait` tells whether an answer does
    in the service's own words.
    """

    target: Target
    service: ServiceTarget
    requests: RequestBuilder
    transport: Transport
    ledger: Ledger
    recorder: Recorder
    sender: Sender = Sender.RUN
    pause: Callable[[float], None] = time.sleep
    asks_to_wait: Callable[[Response], bool] = lambda _: False
    patience: Patience = field(default_factory=Patience)
    renewals: Renewals = field(default_factory=Renewals)

    @property
    def address(self) -> str:
        """Return the address of the service."""
        return self.requests.address

    def exchange(
        self,
        case: Case,
        template: Template,
        purpose: Purpose = Purpose.PROBE,
    ) -> Exchange:
        """Build a request, send it, and return the exchange; a busy service is asked again after a polite while.

        Raises BudgetError where the target's budget is used up, ForbiddenTrafficError where the environment allows no
        such request, MissingDataError where the target lacks what the request needs.
        """
        return self.send(
            case.id,
            self.requests.request(template),
            purpose,
            lambda: self.requests.request(template),
        )

    def send(
        self,
        case: str,
        request: Request,
        purpose: Purpose = Purpose.PROBE,
        renewed: Callable[[], Request] | None = None,
    ) -> Exchange:
        """Send a request that is complete already, in the name of a case; as `exchange` in everything else.

        Where the service itself asks to wait, it has read the message: `renewed` gives one with an id and a time of its
        own, which is no repetition of it.
        """
        exchange = self.send_once(case, request, purpose)
        if _is_given_up(exchange) and request.method in _SAFE:
            # RFC 9110, 15.5.9: the server had waited in vain on a kept connection; ask again on a new one.
            exchange = self.send_once(case, request, purpose)
        for _ in range(MOST_REPETITIONS):
            response = exchange.response
            if response is None:
                break
            is_own_word = self.asks_to_wait(response)
            is_busy = response.status in BUSY_STATUSES
            if not (is_own_word or (is_busy and self._may_repeat(request, response))):
                break
            wait = self.patience.grant(response)
            if wait is None:
                break
            self.pause(wait)
            if is_own_word and renewed is not None:
                request = renewed()
            exchange = self.send_once(case, request, purpose)
        return exchange

    def send_once(
        self,
        case: str,
        request: Request,
        purpose: Purpose = Purpose.PROBE,
        timeout: float | None = None,
    ) -> Exchange:
        """Send a request that is complete already, and return the exchange as it came, of a busy service too.

        `timeout` (seconds) may shorten the target's own. Errors as for `exchange`.
        """
        self.demand_allowed(request.method)
        self.recorder.demand_kept(purpose)
        self._take_turn(purpose)
        raise_if_requested()
        started = datetime.now(UTC)
        clock = time.perf_counter()
        outcome = self.transport.send(request, timeout)
        elapsed = time.perf_counter() - clock
        number = next(self.recorder.numbers)
        return self.recorder.record(
            Exchange(number, case, purpose, started, elapsed, request, outcome)
        )

    def send_side_by_side(
        self, case: str, requests: Sequence[Request], purpose: Purpose = Purpose.PROBE
    ) -> tuple[tuple[Exchange, ...], str]:
        """Send requests at the same moment, each on a connection of its own, once.

        Returns the exchanges in the order of the requests, and why it is not shown that they were under way at the same
        time, "" where it is. All turns within the target's limits are taken before. Errors as for `exchange`.
        """
        for request in requests:
            self.demand_allowed(request.method)
        self.recorder.demand_kept(purpose)
        for _ in requests:
            self._take_turn(purpose)
        raise_if_requested()
        # A peer that serves one connection after the other must not wait for the kept one.
        self.transport.close()
        lanes = make_lanes(self.transport, requests)
        try:
            send_lanes(lanes, self.transport.timeout)
        finally:
            exchanges = tuple(self._record(case, purpose, lane) for lane in lanes)
        return exchanges, why_apart(lanes)

    def _take_turn(self, purpose: Purpose) -> None:
        """Wait for the turn of a request; one that restores a service is sent also where it cannot be counted."""
        if purpose is not Purpose.RESTORE:
            self.ledger.take(self._reserve())
            return
        with suppress(NotKeptError):
            self.ledger.take()

    def _record(self, case: str, purpose: Purpose, lane: Lane) -> Exchange:
        number = next(self.recorder.numbers)
        return self.recorder.record(
            Exchange(
                number,
                case,
                purpose,
                lane.started,
                lane.elapsed,
                lane.request,
                lane.outcome,
            )
        )

    def _may_repeat(self, request: Request, response: Response) -> bool:
        """Tell whether a busy service may be asked the same again.

        A gateway that gave up waiting says nothing of what the service behind it has done, so that a change is not
        repeated (RFC 9110, 9.2.2); 429 and 503 say that it was not begun.
        """
        changes = self.service.spec.contract.stateful and request.method not in _SAFE
        return not changes or response.status in _NOT_BEGUN

    def demand_allowed(self, method: str) -> None:
        """Raise ForbiddenTrafficError where the policy forbids this session a request of a method."""
        if not self.may_send(method):
            raise ForbiddenTrafficError(f"production: {RULE} may be sent")

    def may_send(self, method: str) -> bool:
        """Tell whether the policy lets this session send a request of a method."""
        public = self.service.spec.contract.public
        environment = self.target.environment
        return may_send(self.sender, environment, public=public, method=method)

    def _reserve(self) -> int:
        """Return how many requests of the budget are kept for restoring a service that remembers."""
        budget = self.ledger.limits.budget
        if not budget or not self.service.spec.contract.stateful:
            return 0
        return min(_RESTORING_RESERVE, budget // 4)


def _is_given_up(exchange: Exchange) -> bool:
    response = exchange.response
    return response is not None and response.status == HTTPStatus.REQUEST_TIMEOUT
