"""Holds a SOAP answer against what a case expects, and says both in words.

Must not apply checks of the contract.
"""

from collections.abc import Iterator

from conformance.checks.soap_answer import FAULT, RESPONSE, SoapAnswer
from conformance.checks.soap_answered import SUCCESS
from conformance.judging.outcome import welcome_clauses
from conformance.judging.soap_answer import SoapReading
from conformance.model.case import Case, Clause, Effect, Expectation
from conformance.model.verdict import Finding, Severity
from conformance.soap.markup import below


def matching(expectation: Expectation, reading: SoapReading) -> Clause | None:
    """Return the first clause that describes an answer."""
    return next((one for one in expectation.clauses if matches(one, reading)), None)


def matches(clause: Clause, reading: SoapReading) -> bool:
    """Tell whether an answer is what a clause describes: what a clause leaves out, it leaves open."""
    answer = reading.answer
    return (
        _fits_status(clause, reading.response.status)
        and (not clause.answer or clause.answer == answer.kind)
        and (not clause.outcomes or reading.outcome in clause.outcomes)
        and (not clause.detail or _has_element(answer, clause.detail))
        and (not clause.codes or _has_code(answer, clause.codes))
    )


def _fits_status(clause: Clause, status: int) -> bool:
    exact, family = str(status), f"{str(status)[0]}xx"
    return not clause.statuses or bool({exact, family} & set(clause.statuses))


def _has_element(answer: SoapAnswer, name: str) -> bool:
    body = answer.body
    return body is not None and next(below(body, name), None) is not None


def _has_code(answer: SoapAnswer, wanted: tuple[str, ...]) -> bool:
    """Tell whether a fault's code is one of some, of which one that ends with * stands for all that begin so."""
    return any(
        answer.code.startswith(code[:-1]) if code.endswith("*") else answer.code == code
        for code in wanted
    )


def shown(case: Case, reading: SoapReading) -> str:
    """Return what came, and on which changes of the message."""
    message = case.request.message
    if message is None or not message.edits:
        return reading.summary
    edits = "; ".join(map(str, message.edits))
    return f"{reading.summary} on a message with {edits}"


def weighed(case: Case, clause: Clause, actual: str) -> Iterator[Finding]:
    """Yield the answer of a clause that does not accept it, by the clause's own weight."""
    if clause.effect is not Effect.ACCEPT:
        severity, wanted = (
            Severity(clause.effect.value),
            wanted_answers(case.expectation),
        )
        requirement = case.requirements[0]
        yield Finding(requirement, severity, clause.note, "answer", wanted, actual)


def is_refused_as_wanted(case: Case, reading: SoapReading) -> bool:
    """Tell whether a case wants a fault, and got one."""
    wanted = {clause.answer for clause in case.expectation.clauses}
    return reading.answer.kind == FAULT and FAULT in wanted


def has_unfitting_code(answer: SoapAnswer, *, is_broken: bool) -> bool:
    """Tell whether the code of a fault that fits no clause can be held against it.

    Whether a code fits that was not found in an element of the WSDL's own, or that a damaged answer lost, nobody can
    tell; that there is none is found by the check of the code.
    """
    may_be_lost = answer.damage is not None or answer.declared is not None
    return bool(answer.code) or not (is_broken or may_be_lost)


def has_unknown_status(reading: SoapReading) -> bool:
    """Tell whether a response has no status that is known."""
    return reading.answer.kind == RESPONSE and not reading.outcome


def is_another_refusal(case: Case, reading: SoapReading) -> bool:
    """Tell whether a case wants a response that is no success, and got one with another outcome."""
    is_refusal = reading.answer.kind == RESPONSE and reading.outcome not in (
        "",
        SUCCESS,
    )
    wants_refusal = any(
        clause.answer == RESPONSE and SUCCESS not in clause.outcomes
        for clause in case.expectation.clauses
    )
    return is_refusal and wants_refusal


def wanted_answers(expectation: Expectation) -> str:
    """Say which answers a case welcomes."""
    welcome = (clause.welcome for clause in welcome_clauses(expectation))
    return ", or ".join(dict.fromkeys(welcome))
