"""One value of a request in other forms than the right one: an identifier as people write it, a word in capitals.

Each form has to be refused as the case expects. What such a form leads to, where it is served all the same, is what
the right one would have led to, which the case restores.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from conformance.engine.assessment import assess
from conformance.engine.execution import CaseExecution
from conformance.identifiers.reading import person_kind
from conformance.identifiers.rules import check
from conformance.model.case import JsonBody, Scripted, Template
from conformance.model.errors import ConformanceError
from conformance.model.verdict import Judgement, Severity, merge

from .therapeutic_exclusion_requests import parties

_FEW = 3
"""Forms that are sent to somebody else's service: the first ones, which are the likeliest to be taken."""
_SSIN_DIGITS = 11
_FULLWIDTH = str.maketrans("0123456789", "０１２３４５６７８９")  # noqa: RUF001 - digits, but none of ASCII
NO_SSIN = "1800000061"
"""The number of an enterprise, which has 10 digits, in a range that is not given out."""


@dataclass(frozen=True, slots=True)
class Form:
    """A text that stands for a value in another form, and what is special about it."""

    text: str
    what: str


def play_forms(execution: CaseExecution) -> Judgement:
    """Send the case's request once for each form of the value at a place; stop at one that is not refused."""
    case = execution.case
    probe = case.probe
    if not isinstance(probe, Scripted):
        raise ConformanceError(f"{case.id} says nothing of forms")
    forms = _forms(execution, case.request, probe.options)
    judgements = []
    for form in forms if execution.session.target.local else forms[:_FEW]:
        template = with_value(case.request, probe.options["at"], form.text)
        exchange = execution.send(template)
        judgement = assess(execution, case, template, exchange).judgement
        judgements.append(_explained(judgement, form))
        if judgement.violated or judgement.inconclusive_reason:
            break
    return merge(judgements)


def _explained(judgement: Judgement, form: Form) -> Judgement:
    """Return a judgement whose violations say in which form the value was sent."""
    findings = tuple(
        replace(one, message=f"{one.message}; {form.what}: {form.text!r}")
        if one.severity is Severity.VIOLATION
        else one
        for one in judgement.findings
    )
    return replace(judgement, findings=findings)


def _forms(
    execution: CaseExecution, request: Template, options: Mapping[str, Any]
) -> list[Form]:
    """Return the forms that a case asks for, of the value that its request has at a place."""
    value = execution.session.requests.value(value_at(request, options["at"]))
    words: Sequence[str] = options.get("words", ())
    match options["forms"]:
        case "identifier":
            other = "nihii" if len(value) == _SSIN_DIGITS else "ssin"
            known = parties(execution)
            others = [party.number for party in known if party.kind == other]
            return list(identifier_forms(value, others[:1]))
        case "letter-case":
            return list(letter_cases(value, words))
        case _:
            return [Form(word, "a word that is not in the list") for word in words]


def identifier_forms(number: str, others: Sequence[str]) -> Iterator[Form]:
    """Yield an identifier as people write it, and with as many digits as another kind has, likeliest first.

    `others` are numbers of another kind.
    """
    long = len(number) == _SSIN_DIGITS
    parts = _groups(number, (2, 2, 2, 3, 2) if long else (1, 5, 2))
    printed = "{}.{}.{}-{}.{}" if long else "{}-{}-{}"
    yield Form(printed.format(*parts), "with dots and dashes, as it is printed")
    yield Form(" ".join(parts), "with blanks")
    yield from (Form(other, "the number of another kind of party") for other in others)
    yield Form(".".join(parts), "with dots")
    if long:
        yield Form("-".join(parts), "with dashes")
    yield Form(f" {number}", "with a blank before it")
    yield Form(f"{number} ", "with a blank behind it")
    yield Form(NO_SSIN, "the number of an enterprise")
    other_length = number[:8] if long else f"{number}000"
    if not long or check(person_kind(other_length), other_length):
        yield Form(other_length, "with as many digits as another kind of number has")
    yield Form(number.translate(_FULLWIDTH), "with digits outside ASCII")


def _groups(number: str, lengths: Sequence[int]) -> list[str]:
    groups, at = [], 0
    for length in lengths:
        groups.append(number[at : at + length])
        at += length
    return groups


def letter_cases(word: str, others: Sequence[str] = ()) -> Iterator[Form]:
    """Yield a word of a list in other letter cases, then other words of the list in capitals."""
    ways: Sequence[Callable[[str], str]] = (str.upper, str.capitalize, _camel)
    texts = [way(word) for way in ways] + [other.upper() for other in others]
    for text in dict.fromkeys(texts):
        if text not in {word, *others}:
            yield Form(text, "a word of the list in another letter case")


def _camel(word: str) -> str:
    """Return a code with a capital behind the prefix that tells the kind of party, as in persPhysician."""
    prefix = next((one for one in ("pers", "org") if word.startswith(one)), "")
    return prefix + word.removeprefix(prefix).capitalize()


def value_at(request: Template, place: str) -> str:
    """Return the value at a place of a request: a parameter, or a place in its JSON body such as `a.b.0.c`."""
    if place in request.parameters:
        return request.parameters[place]
    value = request.document
    for part in place.split("."):
        value = value[int(part) if part.isdigit() else part]
    return str(value)


def with_value(request: Template, place: str, text: str) -> Template:
    """Return a request with another value at a place."""
    if place in request.parameters:
        return replace(request, parameters={**request.parameters, place: text})
    body = copy.deepcopy(request.document)
    *above, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    parent = body
    for part in above:
        parent = parent[part]
    parent[last] = text
    return replace(request, body=JsonBody(body))
