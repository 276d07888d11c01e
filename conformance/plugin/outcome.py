"""Turns a case's result into the outcome of its test, and a run's results into the reason of its exit code.

Must not judge.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import pytest

from conformance.model.result import (
    EXIT_CONFORMANT,
    EXIT_ERROR,
    EXIT_FAILED,
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    NOT_SELECTED,
    WITHHELD,
    CaseResult,
)
from conformance.model.verdict import Finding, Verdict
from conformance.model.wording import count_of, place_words, printable_lines
from conformance.plugin import CaseErred, CaseFailed, CaseInconclusive

_MEANINGS = {
    EXIT_FAILED: "not conformant",
    EXIT_INCONCLUSIVE: "not decided",
    EXIT_ERROR: "the harness itself erred",
    EXIT_INTERRUPTED: "interrupted",
}
_SHOWN_CASES = 3


def end_test(
    result: CaseResult, *, confidential: bool, reproducing: Sequence[str] = ()
) -> None:
    """End the running test with a case's verdict; what is confidential is not told here.

    `reproducing` are the lines that send a failure again.
    """
    __tracebackhide__ = True
    if confidential and not (result.stale or result.known):
        raise CaseFailed(WITHHELD)
    if result.stale:
        raise CaseFailed(printable_lines(result.stale))
    if result.known:
        pytest.xfail(printable_lines(f"known failure: {result.known}"))
    match result.verdict:
        case Verdict.PASS:
            return
        case Verdict.FAIL:
            raise CaseFailed(
                printable_lines("\n".join([_explanation(result), *reproducing]))
            )
        case Verdict.INCONCLUSIVE:
            raise CaseInconclusive(printable_lines(result.reason))
        case Verdict.ERROR:
            raise CaseErred(printable_lines(result.reason))
        case _:
            _skip(printable_lines(f"{result.verdict}: {result.reason}"))


def exit_reason(document: Mapping[str, Any]) -> str:
    """Return in one line why a run does not end with 0, "" where it does."""
    code = document["run"]["exit_code"]
    if code == EXIT_CONFORMANT:
        return ""
    causes = "; ".join(_causes(document, code)) or "what broke stands above"
    return f"exit code {code}, {_MEANINGS[code]}: {causes}"


def _causes(document: Mapping[str, Any], code: int) -> Iterator[str]:
    cases = document["cases"]
    if code == EXIT_INTERRUPTED:
        yield "what was done is on disk"
    elif code == EXIT_ERROR:
        yield from _counted(_with_verdict(cases, Verdict.ERROR), "erred")
    elif code == EXIT_FAILED:
        yield from _counted(_failed(cases), "failed")
    else:
        yield from _undecided(document)


def _undecided(document: Mapping[str, Any]) -> Iterator[str]:
    cases = document["cases"]
    yield from _counted(_with_verdict(cases, Verdict.INCONCLUSIVE), "inconclusive")
    not_run = _with_verdict(cases, Verdict.NOT_RUN)
    left = [case for case in not_run if case["reason"] != NOT_SELECTED]
    yield from _counted(left, "not run")
    passed = {case["service"] for case in cases if _counts_as_pass(case)}
    for service in document["run"]["services"]:
        if service not in passed:
            yield f"no case of {service} passed"


def redact_report(report: Any, redacted: Callable[[str], str]) -> None:  # noqa: ANN401 - pytest's, with any text
    """Take the credentials out of a report on a test, where it shows some; it stays as it is otherwise."""
    report.sections = [(name, redacted(text)) for name, text in report.sections]
    if isinstance(report.longrepr, tuple):  # of a skipped test: file, line, reason
        file, line, reason = report.longrepr
        report.longrepr = (file, line, redacted(reason))
    elif report.longrepr is not None:
        shown = report.longreprtext
        clean = redacted(shown)
        if clean != shown:
            report.longrepr = clean


def _counted(cases: list[Mapping[str, Any]], what: str) -> Iterator[str]:
    if not cases:
        return
    names = ", ".join(case["id"] for case in cases[:_SHOWN_CASES])
    more = ", ..." if len(cases) > _SHOWN_CASES else ""
    yield f"{count_of(len(cases), 'case')} {what} ({names}{more})"


def _with_verdict(
    cases: Iterable[Mapping[str, Any]], verdict: Verdict
) -> list[Mapping[str, Any]]:
    return [case for case in cases if case["verdict"] == verdict.value]


def _failed(cases: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the cases that count as failed: a known failure does not, one that is over does."""
    failed = Verdict.FAIL.value
    return [
        case
        for case in cases
        if case.get("stale") or (case["verdict"] == failed and not case.get("known"))
    ]


def _counts_as_pass(case: Mapping[str, Any]) -> bool:
    known_failure = case["verdict"] == Verdict.FAIL.value and case.get("known")
    return case["verdict"] == Verdict.PASS.value or bool(known_failure)


def _skip(reason: str) -> NoReturn:
    pytest.skip(reason)


def _explanation(result: CaseResult) -> str:
    """Return a failed case's findings as text, one block each."""
    return "\n".join([result.reason, *map(_block, result.findings)])


def _block(finding: Finding) -> str:
    where = place_words(finding.location, finding.count)
    return (
        f"{finding.severity}: {finding.requirement}\n  {finding.message}\n  at {where}\n"
        f"  expected {finding.expected}\n  actual   {finding.actual}"
    )
