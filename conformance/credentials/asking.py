"""Asks who issues credentials, and asks again after a polite while where the answer tells of load or never came whole.

Must not know what is asked for, nor read the answers.
"""

from collections.abc import Callable, Mapping
from typing import Final

from conformance.judging.findings import BUSY_STATUSES
from conformance.model.errors import CredentialRefusedError
from conformance.model.exchange import ErrorKind, Request, Response, TransportFailure
from conformance.traffic.waiting import MOST_REPETITIONS, Patience, asked_wait

Send = Callable[[Request], Response | TransportFailure]

BUSY_REMEDY: Final = "it is busy or down: try again later"
_MOST_FAILURES: Final = 2
_WEIGHTS: Final[Mapping[ErrorKind, int]] = {
    ErrorKind.CLOSED: 1,
    ErrorKind.TIMEOUT: 2,
    ErrorKind.CONNECT: 2,
    ErrorKind.TLS: 2,
}
"""How much a failure that may pass counts.

A reset is tried again twice. A time-out has taken its time already; a connection that fails is more often a wrong
address or trust than a restart: both are tried again once.
"""


def ask(
    make: Callable[[], Request],
    send: Send,
    patience: Patience,
    pause: Callable[[float], None],
) -> Response | TransportFailure:
    """Return the last answer to a request; after a busy one, a reset and a time-out it is made anew and sent again.

    Each try is a request of its own, which `make` gives a new id and the present time: who has seen one must not take
    the next one for its repetition. `pause` waits for some seconds, as long as the `patience` lasts.
    """
    outcome = send(make())
    failures = 0
    for _ in range(MOST_REPETITIONS):
        weight = _failure_weight(outcome)
        failures += weight
        may_pass = is_busy(outcome) or weight > 0
        if not may_pass or failures > _MOST_FAILURES:
            break
        wait = patience.grant(outcome if isinstance(outcome, Response) else None)
        if wait is None:
            break
        pause(wait)
        outcome = send(make())
    return outcome


def _failure_weight(outcome: Response | TransportFailure) -> int:
    """Return how much an outcome counts as a failure that may pass, 0 for any other; an answer cut short is a reset."""
    if isinstance(outcome, TransportFailure):
        return _WEIGHTS.get(outcome.kind, 0)
    return 1 if outcome.cut else 0


def is_busy(outcome: Response | TransportFailure) -> bool:
    """Tell whether an answer tells of load or of a gateway that has nothing behind it now."""
    return isinstance(outcome, Response) and outcome.status in BUSY_STATUSES


def wait_wanted(outcome: Response | TransportFailure) -> float:
    """Return for how many seconds an issuer is to be left alone, as it asked or as is usual; 0 for one not busy."""
    if not isinstance(outcome, Response) or not is_busy(outcome):
        return 0.0
    return asked_wait(outcome)


def demand_not_busy(outcome: Response | TransportFailure) -> None:
    """Raise CredentialRefusedError for the answer of an issuer that is busy, however often it was asked."""
    if isinstance(outcome, Response) and is_busy(outcome):
        raise CredentialRefusedError(
            f"answered with status {outcome.status}; {BUSY_REMEDY}",
            wait_wanted(outcome),
        )
