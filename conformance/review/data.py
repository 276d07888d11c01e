"""Reviews test data: identifiers, codes, what must differ, and what is left out.

Must not look up whether a number was given to anybody.
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
from conformance.model.case import Case, OtherNumbers, Template
from conformance.review.remarks import Remark, Severity, at
from conformance.review.subject import CALLERS, ReviewSubject, callers_of_case, roles_of

_SHOWN_CASES = 3
_REAL_PERSONS = "real persons' data are forbidden in tests: make sure that these are test identities"


def data_remarks(subject: ReviewSubject) -> Iterator[Remark]:
    """Yield what is wrong with the test data."""
    rules = subject.rules.get("data", {})
    untold: list[str] = []
    for row in rules.get("identifiers", ()):
        for place, value in at(subject.data, row["at"]):
            yield from identifier_remarks(
                subject,
                f"data.{place}",
                _kind(row["kind"], str(value)),
                str(value),
                untold,
            )
    yield from untold_remarks(subject, untold)
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
    untold: list[str],
) -> Iterator[Remark]:
    """Yield what is wrong with an identifier; a person's that may be somebody's is added to `untold`."""
    problems = check(kind, text)
    if problems:
        message = f"{place} is no valid {kind.value}: {'; '.join(problem.value for problem in problems)}"
        remedy = f"give a test identity of the platform: {kind.length} digits, nothing between them"
        yield subject.remark("error", "data", message, remedy)
        return
    for doubt in doubts(kind, text):
        remedy = "compare it with its source; a service may refuse it"
        yield subject.remark("warning", "data", f"{place}: {doubt.value}", remedy)
    if kind in (IdentifierKind.SSIN, IdentifierKind.BIS) and not seems_fictitious(
        kind, text
    ):
        untold.append(place)


def untold_remarks(subject: ReviewSubject, untold: Collection[str]) -> Iterator[Remark]:
    """Yield that the numbers at some places may be those of real persons."""
    if untold and not subject.target.local:
        message = f"it cannot be told that {', '.join(untold)} are made up"
        yield subject.remark("note", "data", message, _REAL_PERSONS)


def _difference_remarks(
    subject: ReviewSubject, row: Mapping[str, Any]
) -> Iterator[Remark]:
    values = [found for place in row["at"] for found in at(subject.data, place)]
    for (one, first), (other, second) in combinations(values, 2):
        if first == second:
            message = f"data.{one} and data.{other} are the same identity"
            yield subject.remark(
                row["severity"], "data", message, "give two different test identities"
            )


def _code_remarks(subject: ReviewSubject, row: Mapping[str, Any]) -> Iterator[Remark]:
    listed = documents.read(subject.spec.folder / row["file"]).data[row["list"]]
    where = row.get("where", {})
    fitting = {
        entry[row["key"]]: entry for entry in listed if where.items() <= entry.items()
    }
    for place, value in at(subject.data, row["at"]):
        if value in fitting:
            continue
        known = any(entry[row["key"]] == value for entry in listed)
        quality = ", ".join(f"{name} {wanted}" for name, wanted in where.items())
        fault = (
            f"is not one for {quality}"
            if known
            else f"is not in the list {row['file']}"
        )
        remedy = (
            f"take one of the list{'' if known else suggestion(str(value), fitting)}"
        )
        yield subject.remark(
            "error",
            "data",
            f"data.{place}: the code {str(value)[:40]!r} {fault}",
            remedy,
        )


def missing_remarks(subject: ReviewSubject) -> Iterator[Remark]:
    """Yield which cases will not apply because the file leaves out a token, a caller or test data."""
    needs: dict[tuple[str, str], list[str]] = {}
    for case in subject.cases:
        for need in _missing(subject, case):
            needs.setdefault(need, []).append(case.id)
    for (topic, place), cases in sorted(needs.items()):
        severity: Severity = (
            "warning" if 2 * len(cases) > len(subject.cases) else "note"
        )
        shown = ", ".join(cases[:_SHOWN_CASES]) + (
            ", ..." if len(cases) > _SHOWN_CASES else ""
        )
        message = f"{place} is not given: {len(cases)} of {len(subject.cases)} cases will be not_applicable ({shown})"
        yield subject.remark(
            severity, topic, message, f"add {place} to the target file, if you have it"
        )


def _missing(subject: ReviewSubject, case: Case) -> Iterator[tuple[str, str]]:
    """Yield topic and place of what a case needs and the file does not give."""
    given = subject.tokens.roles if subject.tokens is not None else frozenset()
    yield from (("token", f"tokens.{role}") for role in roles_of(case) - given)
    yield from (
        ("data", f"data.{place}")
        for place in _places(case)
        if not subject.identity(place)
    )
    if subject.spec.contract.soap is None:
        return
    if not callers_of_case(subject, case):
        yield (
            "caller",
            f"a caller of the kind {case.caller}" if case.caller else "a caller",
        )
    elif not subject.target.local:
        yield from (
            ("data", f"data.others.{identity}") for identity in _others(subject, case)
        )


def _others(subject: ReviewSubject, case: Case) -> set[str]:
    """Return of which kinds a case needs the number of somebody else, which neither test data nor a caller has."""
    found = set()
    for caller in callers_of_case(subject, case):
        rule = subject.caller_rule(caller["kind"])
        swept = ("$other",) if isinstance(case.probe, OtherNumbers) else ()
        for text in (*_message_texts(case), *swept):
            what, _, which = text.partition(".")
            if what == "$other" and not _has_other(
                subject, caller, which or rule.identity
            ):
                found.add(which or rule.identity)
    return found


def _has_other(
    subject: ReviewSubject, caller: Mapping[str, Any], identity: str
) -> bool:
    """Tell whether there may be a number of a kind that is not a caller's own; one in an assertion is not known."""
    own = requester_number(caller, subject.caller_rule(caller["kind"]))
    given = subject.identity(f"others.{identity}")
    rows = [
        row for row in subject.service.settings[CALLERS].values() if row is not caller
    ]
    rules = [(row, subject.caller_rule(row["kind"])) for row in rows]
    numbers = [
        requester_number(row, rule) for row, rule in rules if rule.identity == identity
    ]
    return given not in {"", own} or any(
        not number or number != own for number in numbers
    )


def _message_texts(case: Case) -> Iterator[str]:
    for message in (request.message for request in case.requests):
        if message is not None:
            yield from (text for text in message.values.values() if text is not None)


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
