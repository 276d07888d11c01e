"""Known failures: cases that are expected to fail, with a reason and a date until which that holds.

A known failure that has expired, or that no longer happens, counts as failed. Must not change the
verdict that results.json keeps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from conformance.formats import documents
from conformance.formats.documents import Document
from conformance.formats.schemas import format_problems, load_format
from conformance.model.errors import TargetError
from conformance.model.result import CaseResult
from conformance.model.verdict import Severity, Verdict


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """A case that fails because of a requirement, why that is accepted, and the last day on which it is."""

    case: str
    requirement: str
    reason: str
    expires: date


def load_known(path: Path) -> tuple[KnownFailure, ...]:
    """Return the known failures that a file lists, below `known:` or by itself.

    Raises TargetError with every mistake, one line each.
    """
    document = _below_key(documents.read(path))
    problems = list(format_problems(document, load_format("known")))
    known = []
    for number, row in enumerate(document.data["known"] if not problems else ()):
        try:
            known.append(_known_failure(row))
        except ValueError:
            text = f"expires: {row['expires']!r} is not a date such as 2027-01-31"
            problems.append((("known", number, "expires"), text))
    if problems:
        lines = [f"{path}:{document.line(at)}: {text}" for at, text in problems]
        raise TargetError(lines)
    return tuple(known)


def _known_failure(row: Mapping[str, str]) -> KnownFailure:
    expires = date.fromisoformat(row["expires"])
    return KnownFailure(row["case"], row["requirement"], row["reason"], expires)


def _below_key(document: Document) -> Document:
    """Return a document in which the list stands below its key."""
    if not isinstance(document.data, list):
        return document
    lines = {(): 1} | {("known", *at): line for at, line in document.lines.items()}
    return Document(document.path, {"known": document.data}, lines)


def apply_known(
    result: CaseResult, known: Sequence[KnownFailure], today: date
) -> CaseResult:
    """Return a result marked as known where it fails as expected, and as stale where a known failure is over."""
    listed = [row for row in known if row.case == result.case.id]
    if not listed:
        return result
    match result.verdict:
        case Verdict.PASS:
            return _over(result, listed[0])
        case Verdict.FAIL:
            return _failed(result, [row for row in listed if row.expires >= today])
        case _:
            return result


def _failed(result: CaseResult, valid: Sequence[KnownFailure]) -> CaseResult:
    """Return a failed result, marked where exactly what is known to be broken is broken."""
    violated = _violated(result)
    if violated - {row.requirement for row in valid}:
        return result
    gone = [row for row in valid if row.requirement not in violated]
    if gone:
        return _over(result, gone[0])
    return replace(result, known="; ".join(row.reason for row in valid))


def _violated(result: CaseResult) -> set[str]:
    """Return the requirements that violations name."""
    violations = (row for row in result.findings if row.severity is Severity.VIOLATION)
    return {row.requirement for row in violations}


def _over(result: CaseResult, gone: KnownFailure) -> CaseResult:
    """Return a result that counts as failed because of its entry in the list, whatever its verdict."""
    message = f"this failure was known ({gone.reason}) and no longer happens: remove it from the list"
    return replace(result, stale=message, reason=message)
