"""Tells which request of a message an answer belongs to, where the message holds a signed one and a forged one.

Must not judge anything else of an answer.
"""

from collections.abc import Iterator

from conformance.checks.soap_answer import RESPONSE, SoapAnswer, value
from conformance.contracts.binding import BoundOperation
from conformance.judging.findings import severity_of
from conformance.model.case import Case
from conformance.model.contract import CheckRule, Contract, SoapRules
from conformance.model.verdict import Finding
from conformance.soap.markup import Element

_ECHO = "echo"
"""The check of what an answer repeats of its request, as an id."""


def forgery_processed(
    contract: Contract,
    rules: SoapRules,
    case: Case,
    answer: SoapAnswer,
    bound: BoundOperation | None,
) -> Iterator[Finding]:
    """Yield that an answer repeats the id of the forged request, which nobody has signed: it was processed."""
    message, rule = case.request.message, rules.rule_of(_ECHO)
    if message is None or message.forged is None or rule is None or bound is None:
        return
    given, asked = _given(answer, bound, rule), rule.places["asked"]
    if given is None or given != message.forged.values.get(asked):
        return
    yield Finding(
        case.requirements[0],
        severity_of(contract, case.requirements[0]),
        "the forged request was processed, which nobody has signed",
        "answer",
        f"a refusal, or an answer to the signed request {message.values.get(asked)}",
        f"an answer to the forged request {given}",
    )


def request_answered(
    requests: list[Element],
    answer: SoapAnswer,
    bound: BoundOperation | None,
    rules: SoapRules,
) -> Element | None:
    """Return of several requests in a message the one whose id an answer repeats, None where it repeats none."""
    rule = rules.rule_of(_ECHO)
    if rule is None or bound is None:
        return None
    given, place = _given(answer, bound, rule), bound.request.get(rule.places["asked"])
    named = (one for one in requests if given and _text(one, place) == given)
    return next(named, None)


def _text(request: Element, place: tuple[str, ...] | None) -> str | None:
    return value(SoapAnswer(RESPONSE, body=request), place)


def _given(answer: SoapAnswer, bound: BoundOperation, rule: CheckRule) -> str | None:
    """Return what an answer repeats of its request."""
    if answer.kind != RESPONSE:
        return None
    return value(answer, bound.answer.get(rule.places["value"]))
