"""Tells whether a request changed what it must leave alone: guarded values, and the effect of a refused request.

Must not judge answers by themselves.
"""

from collections import Counter
from dataclasses import dataclass

from conformance.engine.assessment import send_step, step_problem
from conformance.engine.execution import CaseExecution
from conformance.judging.findings import (
    CREDENTIAL_STATUSES,
    FIRST_ERROR,
    TRANSIENT_STATUSES,
)
from conformance.model.case import Case, Step, Template, Unchanged
from conformance.model.exchange import Exchange, Purpose
from conformance.model.verdict import Finding, Judgement, Severity

_DAMAGED = "an answer that would show a change cannot be read whole"
_CLIENT_ERROR = 4


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The guarded values of two answers, one after the other; they differ where the service changes by itself."""

    first: list[object] | None
    second: list[object] | None

    @property
    def steady(self) -> bool:
        """Tell whether the values stood still between the two answers."""
        return self.first == self.second


def take_snapshots(execution: CaseExecution, guard: Unchanged) -> Snapshots:
    """Return the guarded values twice."""
    return Snapshots(_values(execution, guard), _values(execution, guard))


def changes(
    execution: CaseExecution,
    guard: Unchanged,
    template: Template,
    exchange: Exchange,
    before: Snapshots,
) -> Judgement:
    """Return a violation where a request changed what the service answers.

    A change counts only between answers that stand still: two alike before, two alike after. Where the request
    was refused, it also has to happen again when the request is sent again, unless nothing is left to change:
    a service that shows what happens in real time changes now and then between two answers.
    """
    after = take_snapshots(execution, guard)
    if None in (before.first, before.second, after.first, after.second):
        return Judgement(inconclusive_reason=_DAMAGED)
    if before.second == after.first:
        return Judgement()
    own = before.steady and after.steady
    refused = exchange.response is not None and exchange.response.status >= FIRST_ERROR
    if own and refused and any(after.second or ()):
        execution.send(template)
        later = take_snapshots(execution, guard)
        own = after.second != later.first and later.steady
    return Judgement((_change_finding(execution.case, guard, exchange, own=own),))


def took_effect(execution: CaseExecution, case: Case, control: Step) -> bool:
    """Tell whether the plain request fails because of the refused one: from the same state, without it and with it."""
    for probed in (False, True):
        if any(send_step(execution, case, step, "") for step in case.preamble):
            return False
        if probed:
            execution.deciding = [execution.send(case.request).id]
        exchange = execution.send(control.request, Purpose.CONTROL)
        execution.deciding.append(exchange.id)
        failed = bool(step_problem(execution, case, control, exchange, ""))
        as_supposed = failed is probed
        undecided = failed and not _is_conclusive(exchange)
        if undecided or not as_supposed:
            execution.deciding = []
            return False
    return True


def effect_of_refused(case: Case) -> Judgement:
    """Return the violation of a request that was refused and took effect."""
    finding = Finding(
        case.requirements[0],
        Severity.VIOLATION,
        "the request was refused, and done all the same",
        "state",
        "no effect: the plain request after it is served, as it is without it",
        "the plain request after it is refused, since there is nothing left to do",
    )
    return Judgement((finding,), Counter({case.requirements[0]: 1}))


def _values(execution: CaseExecution, guard: Unchanged) -> list[object] | None:
    exchange = execution.send(Template(guard.operation), Purpose.GUARD)
    return execution.oracle.values(exchange, guard.operation, guard.at)


def _is_conclusive(exchange: Exchange) -> bool:
    """Tell whether an answer refuses what is asked: a client error that is about neither the caller nor load."""
    status = exchange.response.status if exchange.response is not None else 0
    if status // 100 != _CLIENT_ERROR:
        return False
    return status not in CREDENTIAL_STATUSES | TRANSIENT_STATUSES


def _change_finding(
    case: Case, guard: Unchanged, exchange: Exchange, *, own: bool
) -> Finding:
    message = "the answers change by themselves, so that no change can be laid to this request"
    if own:
        message = f"{exchange.request.method} changed what the service answers"
    return Finding(
        case.requirements[0],
        Severity.VIOLATION if own else Severity.OBSERVATION,
        message,
        ", ".join(guard.at),
        "the same values before and after",
        "other values, or no answer, after it",
    )
