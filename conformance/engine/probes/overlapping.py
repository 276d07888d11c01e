"""Sends requests of one case side by side, so that a service has them at the same moment, and tells whether it had.

Two requests that overlap are the only ones of one patient that are ever under way together, and only in a case whose
purpose is just that. Must not judge answers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from conformance.engine.execution import CaseExecution
from conformance.model.case import Template
from conformance.model.exchange import Exchange, Purpose

MOST_ATTEMPTS = 3
"""How often requests are sent side by side before it is given up that they overlap."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Exchanges in the order of their requests; `obstacle` says why it is not shown that they overlapped, "" if it is.

    They overlapped where each request was wholly sent before the first byte of any answer came, by this side's
    monotonic clock, and each was answered.
    """

    exchanges: tuple[Exchange, ...]
    obstacle: str = ""

    @property
    def overlapped(self) -> bool:
        """Tell whether the requests are shown to have been under way at the same time."""
        return not self.obstacle


def send_side_by_side(
    execution: CaseExecution,
    templates: Sequence[Template],
    purpose: Purpose = Purpose.PROBE,
) -> Overlap:
    """Send requests of a case at the same moment, each on a connection of its own, once.

    All are built, and signed, before the first is sent. Each counts within the target's limits, and each exchange is on
    disk in the order of the templates before this returns, also where it is interrupted. Raises ValueError where the
    case is not intrusive; else errors are those of `Session.exchange`.
    """
    if not execution.case.intrusive:
        raise ValueError(
            f"{execution.case.id} sends requests side by side, so it has to be intrusive"
        )
    session = execution.session
    requests = [session.requests.request(template) for template in templates]
    exchanges, obstacle = session.send_side_by_side(
        execution.case.id, requests, purpose
    )
    for template, exchange in zip(templates, exchanges, strict=True):
        execution.note(exchange, template, purpose)
    return Overlap(exchanges, obstacle)


def overlap(
    execution: CaseExecution,
    prepare: Callable[[], Sequence[Template]],
    attempts: int = MOST_ATTEMPTS,
) -> Overlap:
    """Send requests side by side until they overlap, `attempts` times at the most, and return the last attempt.

    `prepare` brings the service into the state that the requests start from, before each attempt, and returns them.
    The obstacle of one that never overlapped says how often it was tried: the case is inconclusive for it.
    """
    tried = send_side_by_side(execution, prepare())
    for _ in range(attempts - 1):
        if tried.overlapped:
            return tried
        tried = send_side_by_side(execution, prepare())
    if tried.overlapped:
        return tried
    return Overlap(
        tried.exchanges,
        f"{len(tried.exchanges)} requests sent at the same moment did not overlap in {attempts} attempts: "
        f"{tried.obstacle}",
    )
