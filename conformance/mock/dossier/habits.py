"""What a right DossierNumberGeneration does besides its checks, by names that a fault's `without` may say.

Must not know which fault asks for it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from conformance.checks import wss
from conformance.checks.request_problem import RequestProblem
from conformance.checks.soap_request import Check, Incoming
from conformance.mock import gateway
from conformance.soap.markup import Element
from conformance.soap.security.wss import instant

HABITS: Final = (
    "request_of_body",
    "own_instant",
    "own_request",
    "late_tolerated",
    "early_tolerated",
)
"""It takes the request from the Body, says when it answers and which request, and bears with clocks that are off."""
_MINUTE: Final = timedelta(minutes=1)


@dataclass(slots=True)
class Habits:
    """Which of the HABITS a service has, and the Id of the request before."""

    kept: frozenset[str] = frozenset(HABITS)
    before: str | None = None

    def request(self, request: Element) -> Element:
        """Return the request that is processed: that of the Body, or the first of its name in the document."""
        if "request_of_body" in self.kept:
            return request
        return next(request.getroottree().getroot().iter(request.tag))

    def said_of(self, request: Element) -> Mapping[str, str]:
        """Return which request is answered, where it has an Id, and when (section 5.2.1.2)."""
        own, asked = request.get("Id"), request.get("IssueInstant", "")
        answered = own if "own_request" in self.kept else self.before or own
        self.before = own
        now = instant(gateway.utc_now()) if "own_instant" in self.kept else asked
        named = {} if answered is None else {"InResponseTo": answered}
        return named | {"IssueInstant": now}


def without_habits(without: Sequence[str]) -> Habits:
    """Return the habits that are left."""
    return Habits(frozenset(HABITS) - {*without})


def strict_checks(without: Sequence[str]) -> tuple[Check, ...]:
    """Return the checks of a gateway that does not bear with other clocks."""
    return tuple(check for name, check in _STRICT.items() if name in without)


def _not_late(incoming: Incoming) -> Iterator[RequestProblem]:
    """Refuse a Timestamp that has expired, by no more than a moment."""
    expires = incoming.moment("Expires")
    if expires is not None and incoming.now > expires:
        yield wss.unauthenticated("late_tolerated", "the Timestamp has expired")


def _not_early(incoming: Incoming) -> Iterator[RequestProblem]:
    """Refuse a Timestamp from the future, be it of the next minutes."""
    created = incoming.moment("Created")
    if created is not None and created - incoming.now > _MINUTE:
        reason = "the Timestamp was created in the future"
        yield wss.unauthenticated("early_tolerated", reason)


_STRICT: Final[Mapping[str, Check]] = {
    "late_tolerated": _not_late,
    "early_tolerated": _not_early,
}
