"""Sends several requests at the same moment, each on a connection of its own, and tells whether they overlapped.

All connections are open, and all but the last byte of each request has gone out, before the last bytes leave together.
They overlapped where no byte of any answer had come when the last of them was wholly sent. Must not judge answers.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from conformance.model.exchange import ErrorKind, Request, Response, TransportFailure
from conformance.traffic.failure import FailureError
from conformance.traffic.interruption import raise_if_requested
from conformance.traffic.transport import Transport

_NOT_SENT = "not sent, because the request beside it could not be: "
_HEARTBEAT_S = 0.2
"""How long a signal that a finaliser has swallowed may stay unnoticed."""
_SHORTEST_TURN_S = 1e-6
_INTERRUPTED = TransportFailure(
    ErrorKind.CLOSED, "the harness was interrupted before the answer had come"
)


@dataclass(slots=True)
class Lane:
    """One of several requests under way; times are seconds of the monotonic clock, None for what did not happen.

    `sent` is when the request had wholly gone out, `silent` the latest moment at which no byte of an answer had come.
    """

    request: Request
    transport: Transport
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    sent: float | None = None
    silent: float | None = None
    outcome: Response | TransportFailure = _INTERRUPTED

    @property
    def elapsed(self) -> float:
        """Return the seconds from the request's beginning to the end of its answer."""
        return (self.ended or time.monotonic()) - self.began

    def write(self, deadline: float) -> None:
        """Send all but the last byte of the request, or give it up where the peer does not take it."""
        self.started, self.began = datetime.now(UTC), time.monotonic()
        try:
            self.transport.write(self.request, deadline)
        except FailureError as failure:
            self.give_up(failure)

    def finish(self, deadline: float) -> None:
        """Send the last byte of the request, or give it up."""
        try:
            if self.transport.finish(deadline):
                self.sent = time.monotonic()
        except FailureError as failure:
            self.give_up(failure)

    def listen(self) -> None:
        """Note that there is no answer yet, where there is none."""
        asked = time.monotonic()
        if not self.transport.has_answered():
            self.silent = asked

    def read(self, deadline: float) -> None:
        """Wait for the answer."""
        self.outcome = self.transport.read(self.request, deadline)
        self.ended = time.monotonic()

    def give_up(self, failure: FailureError) -> None:
        """Note why there is no answer."""
        self.outcome = TransportFailure(failure.kind, str(failure))
        self.ended = time.monotonic()
        self.transport.close()


def make_lanes(transport: Transport, requests: Sequence[Request]) -> tuple[Lane, ...]:
    """Return the requests before they are sent, each with a transport of the same trust and limits."""
    return tuple(Lane(request, transport.another()) for request in requests)


def send_lanes(lanes: Sequence[Lane], timeout: float) -> None:
    """Send requests at the same moment and wait for the answers, within `timeout` seconds for all.

    Where one finds no connection, none is sent. An interruption ends all of them, and passes through; what had come
    until then stands in the lanes.
    """
    deadline = time.monotonic() + timeout
    try:
        if not _all_opened(lanes, deadline):
            return
        for lane in lanes:
            lane.write(deadline)
        _read_all(_let_go(lanes, deadline), deadline)
    finally:
        for lane in lanes:
            lane.transport.close()


def why_apart(lanes: Sequence[Lane]) -> str:
    """Return why it is not shown that requests were under way at the same time, "" where it is shown."""
    for number, lane in enumerate(lanes, 1):
        if isinstance(lane.outcome, TransportFailure):
            return f"request {number} had no answer: {lane.outcome.message}"
        if lane.sent is None:
            return f"request {number} was answered before it was wholly sent"
    last_sent = max(lane.sent or 0.0 for lane in lanes)
    for number, lane in enumerate(lanes, 1):
        if lane.silent is None or lane.silent < last_sent:
            return f"the answer to request {number} began before all were wholly sent"
    return ""


def _all_opened(lanes: Sequence[Lane], deadline: float) -> bool:
    """Open a connection for each; where one cannot be had, say so of all."""
    for lane in lanes:
        try:
            lane.transport.open(lane.request, deadline)
        except FailureError as failure:
            lane.give_up(failure)
            for other in lanes:
                if other is not lane:
                    other.give_up(FailureError(failure.kind, f"{_NOT_SENT}{failure}"))
            return False
    return True


def _let_go(lanes: Sequence[Lane], deadline: float) -> list[Lane]:
    """Send the last bytes of all, see that no answer is there yet, and return the requests that have gone out."""
    with _quick_turns():
        for lane in lanes:
            if lane.ended is None:
                lane.finish(deadline)
        gone = [lane for lane in lanes if lane.ended is None]
        for lane in gone:
            lane.listen()
    return gone


@contextmanager
def _quick_turns() -> Iterator[None]:
    """Have this thread's turn again at once after each system call, also where the peer runs in the same process."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SHORTEST_TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _read_all(lanes: Sequence[Lane], deadline: float) -> None:
    """Read each answer in a thread of its own; waiting for them can be interrupted."""
    if not lanes:
        return
    with ThreadPoolExecutor(len(lanes)) as readers:
        reading: list[Future[None]] = [
            readers.submit(lane.read, deadline) for lane in lanes
        ]
        try:
            while wait(reading, _HEARTBEAT_S).not_done:
                raise_if_requested()
        except BaseException:
            for lane in lanes:
                lane.transport.abort()
            raise
    for one in reading:
        one.result()
