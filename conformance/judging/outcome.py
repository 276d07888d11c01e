"""What REST and SOAP say alike of an answer: none, one cut short, one of a gateway, one that leaves a case open.

Must not know how an answer is read; the caller says how it shows one.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from conformance.judging.findings import NETWORK_STATUSES
from conformance.model.case import (
    Case,
    CaseKind,
    Clause,
    Effect,
    Expectation,
    Step,
)
from conformance.model.exchange import Exchange, Response
from conformance.model.verdict import Finding, Judgement, Severity

_ODD_KINDS = frozenset({CaseKind.NEGATIVE, CaseKind.PROPERTY, CaseKind.SECURITY})

JUDGING_SECONDS: Final = 20.0
"""Seconds of CPU that judging one answer may take; it is looked at between checks, each of which has limits of size."""


def no_clock() -> float:
    """Return that no time goes by, for those who judge at leisure."""
    return 0.0


def no_whole_answer(
    exchange: Exchange, status_line: Callable[[Response], str]
) -> Judgement:
    """Return why an exchange without an answer, or with half of one, says nothing; nothing at all of a whole one."""
    response = exchange.response
    if response is None:
        cause = exchange.failure.message if exchange.failure else "unknown"
        return Judgement(inconclusive_reason=f"no answer: {cause}")
    if response.cut:
        reason = (
            f"the answer {status_line(response)} could not be read to its end: "
            f"{response.cut}"
        )
        return Judgement(inconclusive_reason=reason)
    return Judgement()


def transient(status: int, status_line: str) -> Judgement:
    """Return that an answer tells of load, of a gateway or of a proxy (RFC 9110, 15.5.8, 15.5.9, 15.6.3 to 15.6.5).

    So do 429 and 511 (RFC 6585, 4 and 6).
    """
    reason = (
        f"the answer {status_line} tells of load or of a gateway, not of the service"
    )
    if status in NETWORK_STATUSES:
        reason = f"the answer {status_line} is not of the service: {NETWORK_STATUSES[status]}"
    return Judgement(inconclusive_reason=reason)


def page_in_front(
    case: Case, clause: Clause | None, gate: Clause | None, shown: str
) -> Judgement | None:
    """Return what a page says of an odd input: a filter or gateway answered, as one does with 403.

    `clause` is what matches the page's status, `gate` what matches 403; `shown` says what came. None where the clause
    says all there is to say.
    """
    if clause is not None and clause.effect is not Effect.ACCEPT:
        return None
    reason = (
        f"answered {shown}, which the contract does not have: "
        "a filter or gateway in front of the service?"
    )
    effect = gate.effect if gate is not None else Effect.INCONCLUSIVE
    if effect is Effect.NOT_APPLICABLE:
        return Judgement(not_applicable_reason=reason)
    # Where a refusal was wanted of the service itself, a page in front of it is none.
    is_wanted = effect is Effect.ACCEPT and clause is None
    if is_wanted or effect in {Effect.VIOLATION, Effect.INCONCLUSIVE}:
        return Judgement(inconclusive_reason=reason)
    note = Finding(
        case.requirements[0],
        Severity.OBSERVATION,
        "a page of something in front of the service came in answer to an odd input",
        "answer",
        "an answer of the service",
        shown,
    )
    return Judgement((note,), not_applicable_reason=reason)


def is_odd_input(case: Case) -> bool:
    """Tell whether a case sends what a filter in front of a service may take for an attack."""
    return case.kind in _ODD_KINDS


def too_much(status_line: str, reason: str) -> Judgement:
    """Return that an answer is more than is read, so that nothing can be said for it or against it."""
    return Judgement(
        inconclusive_reason=f"the answer {status_line} is more than can be read: {reason}"
    )


@dataclass(frozen=True, slots=True)
class Allowance:
    """The time that judging one answer may take: `clock` gives the seconds spent so far (of CPU, in a run)."""

    clock: Callable[[], float]
    ends: float

    @property
    def is_spent(self) -> bool:
        """Tell whether the time is over."""
        return self.clock() > self.ends


def allowance(clock: Callable[[], float]) -> Allowance:
    """Return the time for an answer that is to be judged from now on."""
    return Allowance(clock, clock() + JUDGING_SECONDS)


def stopped(judgement: Judgement) -> Judgement:
    """Return what was found in an answer until its time was over: that stays, and nothing is said of the rest."""
    reason = f"judging the answer took more than {JUDGING_SECONDS:g} s; what comes after it was not checked"
    return replace(judgement, inconclusive_reason=reason)


def left_open(clause: Clause | None, summary: str) -> Judgement | None:
    """Return that a clause leaves the case undecided or not applicable, None where it judges the answer."""
    if clause is None:
        return None
    reason = f"answered {summary}: {clause.note}"
    match clause.effect:
        case Effect.NOT_APPLICABLE:
            return Judgement(not_applicable_reason=reason)
        case Effect.INCONCLUSIVE:
            return Judgement(inconclusive_reason=reason)
        case _:
            return None


def welcome_clauses(expectation: Expectation) -> tuple[Clause, ...]:
    """Return the clauses that accept an answer, all of them where none does."""
    accepted = tuple(
        clause for clause in expectation.clauses if clause.effect is Effect.ACCEPT
    )
    return accepted or expectation.clauses


def case_of_step(case: Case, step: Step, served: Clause) -> Case:
    """Return a case that wants a step's request to be served, and nothing besides."""
    expectation = Expectation("step", (served,))
    return replace(
        case,
        kind=CaseKind.POSITIVE,
        request=step.request,
        expectation=expectation,
        only=(),
    )


def count_tls(case: Case, exchange: Exchange) -> Counter[str]:
    """Return the requirement of TLS, counted where the answer came over it."""
    is_secured = bool(case.tls) and exchange.request.url.startswith("https:")
    return Counter({case.tls: 1}) if is_secured else Counter()
