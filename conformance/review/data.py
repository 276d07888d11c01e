"""Reviews test data: identifiers, codes, what must differ, and what is left out.

Must not look up whether a number was given to a person.
"""

from collections.abc import Collection, Iterator, Mapping
from itertools import chain, combinations
from typing import Any

from conformance.credentials.assertions import requester_number
from conformance.formats import documents
from conformance.formats.schemas import suggestion
from conformance.identifiers.fictitious import seems_fictitious
from conformance.identifiers.reading import doubts, person_kind
from conformance.identifiers.rules import IdentifierKind, check
from conformance.model.case import (
    OTHER_NOTATIONS,
    OTHER_NUMBERS,
    Case,
    OtherNumbers,
    Template,
)
from conformance.review.remarks import Remark, Severity, at
from conformance.review.subject import CALLERS, ReviewSubject, callers_of_case, roles_of

_SHOWN_CASES = 3
_REAL_PERSONS = "real persons' data are forbidden in tests: make sure that these are test identities"


def data_remarks(subject: ReviewSubject) -> Iterator[Remark]:
    """Yield what is wrong with the test data."""
    rules = subject.rules.get("data", {})
    unproven: list[str] = []
    for row in rules.get("identifiers", ()):
        for place, value in at(subject.data, row["at"]):
            yield from identifier_remarks(
                subject,
                f"data.{place}",
                _kind(row["kind"], str(value)),
                str(value),
                unproven,
            )
    yield from unproven_remarks(subject, unproven)
    for row in rules.get("different", ()):
        yield from _difference_remarks(subject, row)
    for row in rules.get("codes", ()):
        yield from _code_remarks(subject, row)


def _kind(name: str, text: str) -> IdentifierKind:
    return person_kind(text) if name == "person" else IdentifierKind[name.upper()]


def identifier_remarks(
    subject: ReviewSubject,
    place: str,
    kind: IdentifierKind,
    text: str,
    unproven: list[str],
) -> Iterator[Remark]:
    """Yield what is wrong with an identifier; a number that a real person may have is added to `unproven`."""
    problems = check(kind, text)
    if problems:
        message = f"{place} is no valid {kind.value}: {'; '.join(problem.value for problem in problems)}"
        remedy = f"give a test identity of the platform: {kind.length} digits, nothing between them"
        yield subject.remark("error", "data", message, remedy)
        return
    for doubt in doubts(kind, text):
        remedy = "compare it with its source; a service may refuse it"
        yield subject.remark("warning", "data", f"{place}: {doubt.value}", remedy)
    personal = kind in {IdentifierKind.SSIN, IdentifierKind.BIS}
    if personal and not seems_fictitious(kind, text):
        unproven.append(place)


def unproven_remarks(
    subject: ReviewSubject, unproven: Collection[str]
) -> Iterator[Remark]:
    """Yield that the numbers at some places may be those of real persons."""
    if unproven and not subject.target.local:
        message = f"nothing shows that {', '.join(unproven)} are made up"
        yield subject.remark("note", "data", message, _REAL_PERSONS)


def _difference_remarks(
    subject: ReviewSubject, row: Mapping[str, Any]
) -> Iterator[Remark]:
    rows = chain.from_iterable(at(subject.data, place) for place in row["at"])
    for (place, identity), (other_place, other) in combinations(rows, 2):
        if identity == other:
            message = f"data.{place} and data.{other_place} are the same identity"
            remedy = "give two different test identities"
            yield subject.remark(row["severity"], "data", message, remedy)


def _code_remarks(subject: ReviewSubject, row: Mapping[str, Any]) -> Iterator[Remark]:
    listed = documents.read(subject.spec.folder / row["file"]).data[row["list"]]
    where = row.get("where", {})
    codes = [entry[row["key"]] for entry in listed]
    fitting = {
        entry[row["key"]]: entry for entry in listed if where.items() <= entry.items()
    }
    for place, value in at(subject.data, row["at"]):
        if value in fitting:
            continue
        remedy = "take one of the list"
        if value in codes:
            quality = ", ".join(f"{name} {wanted}" for name, wanted in where.items())
            fault = f"is not one for {quality}"
        else:
            remedy += suggestion(str(value), fitting)
            fault = f"is not in the list {row['file']}"
        message = f"data.{place}: the code {str(value)[:40]!r} {fault}"
        yield subject.remark("error", "data", message, remedy)


def missing_remarks(subject: ReviewSubject) -> Iterator[Remark]:
    """Yield which cases will not apply because the file leaves out a token, a caller or test data."""
    needs: dict[tuple[str, str], list[str]] = {}
    for case in subject.cases:
        for need in _missing(subject, case):
            needs.setdefault(need, []).append(case.id)
    for (topic, place), cases in sorted(needs.items()):
        most = 2 * len(cases) > len(subject.cases)
        severity: Severity = "warning" if most else "note"
        names = ", ".join(cases[:_SHOWN_CASES])
        if len(cases) > _SHOWN_CASES:
            names += ", ..."
        message = f"{place} is not given: {len(cases)} of {len(subject.cases)} cases will be not_applicable ({names})"
        remedy = f"add {place} to the target file, if you have it"
        yield subject.remark(severity, topic, message, remedy)


def _missing(subject: ReviewSubject, case: Case) -> Iterator[tuple[str, str]]:
    """Yield topic and place of what a case needs and the file does not give."""
    given = subject.tokens.roles if subject.tokens is not None else frozenset()
    for role in roles_of(case) - given:
        yield "token", f"tokens.{role}"
    for place in _places(case):
        if not subject.identity(place):
            yield "data", f"data.{place}"
    if subject.spec.contract.soap is not None:
        yield from _missing_for_soap(subject, case)


def _missing_for_soap(subject: ReviewSubject, case: Case) -> Iterator[tuple[str, str]]:
    if not callers_of_case(subject, case):
        kind = f"a caller of the kind {case.caller}" if case.caller else "a caller"
        yield "caller", kind
    elif not subject.target.local:
        for identity in _others(subject, case):
            yield "data", f"data.others.{identity}"


def _others(subject: ReviewSubject, case: Case) -> set[str]:
    """Return the kinds of number of another person that a case needs, and neither test data nor a caller has."""
    texts = list(_message_texts(case))
    form = case.probe.form if isinstance(case.probe, OtherNumbers) else ""
    if form in {OTHER_NUMBERS, OTHER_NOTATIONS}:
        texts.append("$other")
    references = [text.partition(".") for text in texts]
    kinds = {kind for what, _, kind in references if what == "$other"}
    missing = set()
    for caller in callers_of_case(subject, case):
        rule = subject.caller_rule(caller["kind"])
        for identity in {kind or rule.identity for kind in kinds}:
            if not _has_other(subject, caller, identity):
                missing.add(identity)
    return missing


def _has_other(
    subject: ReviewSubject, caller: Mapping[str, Any], identity: str
) -> bool:
    """Tell whether there may be a number of a kind that is not a caller's own; one in an assertion is not known."""
    number = requester_number(caller, subject.caller_rule(caller["kind"]))
    if subject.identity(f"others.{identity}") not in {"", number}:
        return True
    for other in subject.service.settings[CALLERS].values():
        rule = subject.caller_rule(other["kind"])
        if other is caller or rule.identity != identity:
            continue
        other_number = requester_number(other, rule)
        if not other_number or other_number != number:
            return True
    return False


def _message_texts(case: Case) -> Iterator[str]:
    for request in case.requests:
        if request.message is not None:
            yield from filter(None, request.message.values.values())


def _places(case: Case) -> set[str]:
    """Return the places of test data that a case's requests name."""
    return {place for request in case.requests for place in _named(request)}


def _named(request: Template) -> Iterator[str]:
    for text in chain(request.parameters.values(), _texts(request.document)):
        if text.startswith("$"):
            yield text[1:].partition("!")[0]


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(part)
