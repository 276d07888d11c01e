"""What a run prints before and after its cases: target and services, then failures with their reasons, and the verdict.

Must not decide anything: every word comes from the plan or the results document.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance import __version__
from conformance.cli.console import (
    VERDICT_STYLES,
    Styled,
    new_table,
    print_line,
    print_plain,
    standard_output,
    verdict_part,
)
from conformance.evidence.reproduction import reproducing_lines
from conformance.evidence.results_document import (
    exchange_words,
    is_confidential,
    partial_selection,
)
from conformance.model.result import (
    EXIT_CONFORMANT,
    EXIT_ERROR,
    EXIT_FAILED,
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    NOT_SELECTED,
    WITHHELD,
)
from conformance.model.wording import (
    count_of,
    kind_words,
    option_words,
    place_words,
    span,
)
from conformance.reporting.mutation_score import in_words
from conformance.target.placeholders import unfilled_identity

if TYPE_CHECKING:
    from conformance.engine.plan import Plan
    from conformance.review import Remark

Record = Mapping[str, Any]
"""A case of a results document, or the whole document."""

_MEANINGS = {
    EXIT_CONFORMANT: "conformant",
    EXIT_FAILED: "not conformant: a case failed, or a known failure expired or no longer happens",
    EXIT_INCONCLUSIVE: "undecided: no case failed, but a case is inconclusive or was not run",
    EXIT_ERROR: "the harness itself failed",
    EXIT_INTERRUPTED: "interrupted; the results so far are in the run folder",
}
_MEANINGS_OF_ONE_ANSWER = {
    EXIT_CONFORMANT: "the answer is one that the case expects",
    EXIT_FAILED: "the answer breaks a requirement",
    EXIT_INCONCLUSIVE: "undecided: the answer says nothing about the case",
}
_NO_SUITE = "tests of one's own were run and no suite, so that nothing is said of a service's conformance"
_MEANINGS_OF_OWN_TESTS = {
    EXIT_CONFORMANT: f"no answer broke the contract; {_NO_SUITE}",
    EXIT_FAILED: f"an answer broke the contract; {_NO_SUITE}",
    EXIT_INCONCLUSIVE: f"undecided: an answer could not be judged; {_NO_SUITE}",
}
_COLUMNS = {
    "pass": "pass",
    "inconclusive": "inconclusive",
    "fail": "fail",
    "error": "error",
    "not_applicable": "n/a",
    "not_run": "not run",
}
"""The verdicts that the summary counts, and the heading of each."""
_FAILED = ("fail", "error")
_UNDECIDED = ("inconclusive", "not_applicable", "not_run")
_SHOWN_VIOLATIONS = 3
_A_MINUTE = 60


def print_head(plan: "Plan", folder: Path) -> None:
    """Print target, services and run folder, before the first request."""
    print_line(
        Styled(f"ehealth-conformance {__version__}", "bold"),
        f"  target {plan.target.name} ({plan.target.environment}), "
        f"seed {plan.seed}, {count_of(plan.examples, 'example')} a property",
    )
    for service in plan.services:
        contract = service.spec.contract
        where = service.address or "the embedded local platform"
        chosen = sum(plan.selection.takes(case) for case in service.spec.cases.values())
        print_line(
            f"{contract.service} {contract.version}: {count_of(chosen, 'case')} at {where}"
        )
    _print_identity(plan)
    print_line(f"run folder: {folder}")


def _print_identity(plan: "Plan") -> None:
    """Print who asks, the options given, and a warning where the identity was never filled in."""
    identity = plan.target.identity
    print_plain(", ".join(filter(None, (f"as {identity.user_agent}", identity.sender))))
    if plan.options:
        print_plain(f"options: {option_words(plan.options)}")
    for message, remedy in unfilled_identity(plan.target):
        print_plain(f"warning: {message}; {remedy}")


def print_summary(
    document: Record, folder: Path, remarks: "Sequence[Remark]" = ()
) -> int:
    """Print what became of a run, with a review's remarks on it, and return its exit code."""
    _print_cases(document, folder)
    _print_verdict_counts(document)
    _print_run(document, folder)
    _print_services_without_a_pass(document)
    for remark in remarks:
        print_line(f"review: {remark.message}")
        print_line(f"        remedy: {remark.remedy}")
    return _print_exit_code(document)


def _print_cases(document: Record, folder: Path) -> None:
    """Print what a person has to act on: each case that failed or erred, and why others are undecided."""
    cases = document["cases"]
    for case in cases:
        if is_confidential(case, document["run"]):
            print_line()
            print_line(verdict_part("fail"), f" {case['id']}: {WITHHELD}")
        elif case["verdict"] in _FAILED:
            _print_failed_case(case, folder)
        if "stale" in case:
            print_line(
                Styled("stale", VERDICT_STYLES["fail"]),
                f" {case['id']}: {case['stale']}",
            )
    for verdict in _UNDECIDED:
        _print_reasons(verdict, [case for case in cases if case["verdict"] == verdict])


def _print_failed_case(case: Record, folder: Path) -> None:
    """Print a case with its first violations, and how to repeat it."""
    known = f" (known: {case['known']})" if "known" in case else ""
    print_line()
    print_line(verdict_part(case["verdict"]), f" {case['id']}{known}: {case['title']}")
    violations = [
        finding for finding in case["findings"] if finding["severity"] == "violation"
    ]
    if not violations:
        print_line(f"  {case['reason']}")
    for finding in violations[:_SHOWN_VIOLATIONS]:
        _print_violation(finding)
    more = len(violations) - _SHOWN_VIOLATIONS
    if more > 0:
        print_line(f"  the report has {count_of(more, 'more finding')}")
    if case["deciding"]:
        print_line(f"  decided by the exchanges {', '.join(case['deciding'])}")
    print_line(f"  Run it alone with: --case {case['id']}")
    for line in reproducing_lines(case, str(folder)):
        print_line(f"  {line}")


def _print_violation(finding: Record) -> None:
    place = place_words(finding["location"], finding.get("count", 1))
    print_line(f"  {finding['requirement']}: {finding['message']}")
    print_line(f"    at {place}; expected {finding['expected']}")
    print_line(f"    actual {finding['actual']}")


def _print_reasons(verdict: str, cases: Sequence[Record]) -> None:
    """Print why cases ended in a status that is neither pass nor fail, one line a reason."""
    by_reason: dict[str, list[str]] = {}
    for case in cases:
        by_reason.setdefault(case["reason"], []).append(case["id"])
    by_reason.pop(NOT_SELECTED, None)
    for reason, names in by_reason.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        print_line(verdict_part(verdict), f" {names[0]}{more}: {reason}")


def _print_verdict_counts(document: Record) -> None:
    """Print a table of the cases of each service by verdict."""
    table = new_table()
    table.add_column("service", no_wrap=True)
    for heading in _COLUMNS.values():
        table.add_column(heading, justify="right")
    asked = (case["service"] for case in document["cases"])
    for service in dict.fromkeys([*document["run"]["services"], *asked]):
        verdicts = [case["verdict"] for case in _cases_of(service, document)]
        table.add_row(service, *(str(verdicts.count(verdict)) for verdict in _COLUMNS))
    print_line()
    standard_output().print(table)


def _print_run(document: Record, folder: Path) -> None:
    """Print what counts for the run as a whole: exchanges, warnings, the suites' worth, notes, the report."""
    counts, run = document["summary"], document["run"]
    print_line(
        f"{exchange_words(counts)}, {_kinds(counts, 'warning')}, {_kinds(counts, 'observation')}, {_wall_time(run)}"
    )
    print_line(f"suites: {in_words(run)}")
    for note in run["notes"]:
        print_line(f"note: {note}")
    report = folder / "report.html"
    if report.exists():  # unless the disk was full
        print_line(f"report: {report}")


def _wall_time(run: Record) -> str:
    """Return how long a run took from its start to its results."""
    started, finished = map(datetime.fromisoformat, (run["started"], run["finished"]))
    seconds = (finished - started).total_seconds()
    return f"{seconds:.1f} s" if seconds < _A_MINUTE else span(seconds)


def _kinds(counts: Record, noun: str) -> str:
    """Return how many kinds of warnings or observations there are, and how often they were found."""
    kinds = counts[f"{noun}s"]
    return kind_words(kinds, counts.get(f"{noun}_places", kinds), noun)


def _print_services_without_a_pass(document: Record) -> None:
    for service in document["run"]["services"]:
        cases = _cases_of(service, document)
        if not any(case["verdict"] == "pass" or "known" in case for case in cases):
            print_line(f"no case of {service} passed")


def _print_exit_code(document: Record) -> int:
    """Print the exit code with its meaning, and return it."""
    code: int = document["run"]["exit_code"]
    style = {EXIT_CONFORMANT: "green", EXIT_FAILED: "bold red"}.get(code, "yellow")
    one_answer = "exchanges" in document["run"].get("replay", {})
    meanings = _MEANINGS | _MEANINGS_OF_ONE_ANSWER if one_answer else _MEANINGS
    if not document["run"]["services"]:
        meanings = _MEANINGS | _MEANINGS_OF_OWN_TESTS
    partial = partial_selection(document)
    if partial and not one_answer and document["run"]["services"]:
        meanings = meanings | {EXIT_CONFORMANT: partial}
    known = sum("known" in case for case in document["cases"])
    apart = ""
    if known and code == EXIT_CONFORMANT:
        apart = f", apart from {count_of(known, 'known failure')}"
    print_line(Styled(f"exit {code}: {meanings[code]}{apart}", style))
    return code


def _cases_of(service: str, document: Record) -> list[Record]:
    return [case for case in document["cases"] if case["service"] == service]
