"""The checks of SOAP answers by name: what a soap.yaml binds to requirements, with places and words.

Each looks at one thing of an answer and returns how often it was applied and what is wrong. Must not know requirements,
levels or services: which value stands where, and how a cookbook calls it, comes from the binding.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from conformance.checks.problem import Problem
from conformance.checks.soap_answer import (
    envelope_problems,
    http_line,
    media_problems,
    status_problems,
)
from conformance.checks.soap_answered import (
    NOT_APPLIED,
    SUCCESS,
    Answered,
    Checked,
    Occurrence,
    once,
    worded,
)
from conformance.checks.soap_fault import (
    code_problems,
    origin_problems,
    structure_problems,
)
from conformance.checks.soap_schema import as_problem, element, schema
from conformance.checks.soap_values import (
    documented_outcome,
    echo,
    member,
    moment,
    not_copied,
    not_on_failure,
    not_with_outcome,
    on_success,
    one_person,
    printed_message,
    printed_values,
    unique,
    value_given,
    value_of_person,
)
from conformance.model.contract import CheckRule

_LONGEST = 320


class Scope(StrEnum):
    """Which answers a check is applied to."""

    MESSAGE = "every response and fault"
    FAULT = "every fault of the platform"
    RESPONSE = "every response of an operation in the WSDL"
    CASE = "an answer in which a case looks for it"


@dataclass(frozen=True, slots=True)
class SoapCheck:
    """A check as the table has it: the function, and what a binding has to give and may give.

    `places` are looked up in answers, `asked` in requests; `words` are the texts of its findings, in which `$name` is
    the element or attribute, `$role` its role. `remembers` returns what later answers are held against: a value.
    """

    function: Callable[[Answered, CheckRule], Checked]
    scope: Scope
    places: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    remembers: Callable[[Answered, CheckRule], tuple[str, Occurrence] | None] | None = (
        None
    )


# ------------------------------------------------------------------------------ every response and fault


def http_status(answered: Answered, rule: CheckRule) -> Checked:
    """Check that the HTTP status goes with the message."""
    del rule
    return once(status_problems(answered.response, answered.answer))


def media_type(answered: Answered, rule: CheckRule) -> Checked:
    """Check the media type."""
    del rule
    return once(media_problems(answered.response))


def envelope(answered: Answered, rule: CheckRule) -> Checked:
    """Check the envelope, and the frame of a fault."""
    del rule
    return once(envelope_problems(answered.answer))


# -------------------------------------------------------------------------------------------- every fault


def fault_structure(answered: Answered, rule: CheckRule) -> Checked:
    """Check the detail of a fault."""
    del rule
    problems = [as_problem(one) for one in answered.schema_problems]
    return once(
        structure_problems(answered.answer, problems, of_header=answered.of_header)
    )


def fault_code(answered: Answered, rule: CheckRule) -> Checked:
    """Check that a fault has a code of the catalogue."""
    del rule
    codes = tuple(answered.documented.components)
    return once(code_problems(answered.answer, codes, of_header=answered.of_header))


def fault_origin(answered: Answered, rule: CheckRule) -> Checked:
    """Check a fault's Origin, where the catalogue gives the component of its code."""
    del rule
    answer, components = answered.answer, answered.documented.components
    if answer.error is None or not components.get(answer.code):
        return NOT_APPLIED
    return once(origin_problems(answer, components))


def not_a_fault(answered: Answered, rule: CheckRule) -> Checked:
    """Check that an answer is a SOAP response or fault at all."""
    actual = f"{http_line(answered.response)}: {answered.answer.problem}"
    wanted = "a SOAP 1.1 response or fault"
    return once([Problem(worded(rule, "neither"), "answer", wanted, actual[:_LONGEST])])


def outcome(answered: Answered, rule: CheckRule) -> Checked:
    """Check that a request is refused with the outcome that a case wants, where it got another that is no success."""
    if answered.outcome in ("", SUCCESS):
        return NOT_APPLIED
    return once([Problem(worded(rule, "other"), "answer")])


CHECKS: dict[str, SoapCheck] = {
    "http-status": SoapCheck(http_status, Scope.MESSAGE),
    "media-type": SoapCheck(media_type, Scope.MESSAGE),
    "envelope": SoapCheck(envelope, Scope.MESSAGE),
    "fault-structure": SoapCheck(fault_structure, Scope.FAULT),
    "fault-code": SoapCheck(fault_code, Scope.FAULT),
    "fault-origin": SoapCheck(fault_origin, Scope.FAULT),
    "element": SoapCheck(element, Scope.RESPONSE),
    "schema": SoapCheck(schema, Scope.RESPONSE),
    "documented-outcome": SoapCheck(
        documented_outcome,
        Scope.RESPONSE,
        ("value",),
        words={"unknown": "the status code is not one of those documented"},
    ),
    "unique": SoapCheck(
        unique,
        Scope.RESPONSE,
        ("value",),
        words={"again": "the response's $name was given to another response"},
        remembers=value_given,
    ),
    "echo": SoapCheck(
        echo,
        Scope.RESPONSE,
        ("value",),
        ("asked",),
        words={
            "other": "$name is not the request's $asked",
            "invented": "$name names a request, although the request has no $asked",
        },
    ),
    "moment": SoapCheck(moment, Scope.RESPONSE, ("value",)),
    "not-copied": SoapCheck(
        not_copied,
        Scope.RESPONSE,
        ("value",),
        ("asked",),
        words={"copied": "$name is that of the request, of some time before"},
    ),
    "on-success": SoapCheck(
        on_success,
        Scope.RESPONSE,
        ("value",),
        words={"missing": "a success carries no $role"},
    ),
    "one-person": SoapCheck(
        one_person,
        Scope.RESPONSE,
        ("value",),
        words={"again": "$a_role is given to two persons"},
        remembers=value_of_person,
    ),
    "not-on-failure": SoapCheck(
        not_on_failure,
        Scope.RESPONSE,
        ("value",),
        words={"given": "a request that did not succeed is given $a_role"},
    ),
    "not-with-outcome": SoapCheck(
        not_with_outcome,
        Scope.RESPONSE,
        words={"stands": "$element stands with the status $outcome"},
    ),
    "member": SoapCheck(
        member,
        Scope.RESPONSE,
        words={"other": "$element.$member is not one of the values documented"},
    ),
    "not-a-fault": SoapCheck(
        not_a_fault,
        Scope.CASE,
        words={"neither": "the answer is neither a response nor a SOAP fault"},
    ),
    "outcome": SoapCheck(
        outcome,
        Scope.CASE,
        words={"other": "an error of the client is told by another status"},
    ),
    "printed-message": SoapCheck(
        printed_message,
        Scope.CASE,
        ("value",),
        words={
            "missing": "a refusal has no message",
            "other": "the message has other words than those printed",
        },
    ),
    "printed-values": SoapCheck(
        printed_values,
        Scope.CASE,
        ("value",),
        ("asked",),
        words={
            "unfilled": "the message leaves a value open",
            "swapped": "the message has the request's $asked in the place of the caller's",
        },
    ),
}
"""The checks that a soap.yaml binds to requirements, in the order in which they are applied."""


def with_words(rule: CheckRule) -> CheckRule:
    """Return a binding with the table's words for what soap.yaml has no words of its own."""
    return replace(rule, words={**CHECKS[rule.check].words, **rule.words})


def in_order(rules: Iterable[CheckRule], scope: Scope) -> Iterator[CheckRule]:
    """Yield the bindings of checks of a scope, in the order of the table."""
    known = list(rules)
    for name, check in CHECKS.items():
        if check.scope is scope:
            yield from (rule for rule in known if rule.check == name)


def missing_places(rule: CheckRule) -> Iterator[str]:
    """Yield which places a binding does not give although its check needs them."""
    check = CHECKS.get(rule.check)
    needed = (*check.places, *check.asked) if check is not None else ()
    for place in needed:
        if place not in rule.places:
            yield f"the check {rule.check} for {rule.requirement} lacks the place {place}"
