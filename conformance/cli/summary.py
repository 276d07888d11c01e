"""What a run prints before and after its cases: target and services, then failures with their reasons, and the verdict.

Must not decide anything: every word comes from the plan or the results document.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance import __version__
from conformance.cli.console import (
    VERDICT_STYLES,
    escaped,
    new_table,
    print_styled,
    standard_output,
)
from conformance.evidence.reproduction import reproducing_lines
from conformance.evidence.results_document import exchange_words, is_confidential
from conformance.model.result import (
    EXIT_CONFORMANT,
    EXIT_ERROR,
    EXIT_FAILED,
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    NOT_SELECTED,
    WITHHELD,
)
from conformance.model.wording import count_of, kind_words, place_words
from conformance.reporting.mutation_score import in_words

if TYPE_CHECKING:
    from conformance.engine.plan import Plan

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


def print_head(plan: "Plan", folder: Path) -> None:
    """Print target, services and run folder, before the first request."""
    print_styled(
        f"[bold]ehealth-conformance {__version__}[/]  target {plan.target.name} ({plan.target.environment}), "
        f"seed {plan.seed}, {plan.examples} examples a property"
    )
    for service in plan.services:
        contract = service.spec.contract
        where = service.address or "the embedded local platform"
        chosen = sum(plan.selection.takes(case) for case in service.spec.cases.values())
        print_styled(
            f"{contract.service} {contract.version}: {count_of(chosen, 'case')} at {escaped(where)}"
        )
    print_styled(f"run folder: {escaped(str(folder))}")


def print_summary(document: Record, folder: Path) -> int:
    """Print what became of a run, and return its exit code."""
    _print_cases(document, folder)
    _print_verdict_counts(document)
    _print_run(document, folder)
    _print_services_without_a_pass(document)
    return _print_exit_code(document)


def _print_cases(document: Record, folder: Path) -> None:
    """Print what a person has to act on: each case that failed or erred, and why others are undecided."""
    cases = document["cases"]
    for case in cases:
        if is_confidential(case, document["run"]):
            print_styled(
                f"\n[{VERDICT_STYLES['fail']}]fail[/] {case['id']}: {WITHHELD}"
            )
        elif case["verdict"] in _FAILED:
            _print_failed_case(case, folder)
        if "stale" in case:
            print_styled(
                f"[{VERDICT_STYLES['fail']}]stale[/] {case['id']}: {escaped(case['stale'])}"
            )
    for verdict in _UNDECIDED:
        _print_reasons(verdict, [case for case in cases if case["verdict"] == verdict])


def _print_failed_case(case: Record, folder: Path) -> None:
    """Print a case with its first violations, and how to repeat it."""
    style = VERDICT_STYLES[case["verdict"]]
    known = f" (known: {escaped(case['known'])})" if "known" in case else ""
    print_styled()
    print_styled(
        f"[{style}]{case['verdict']}[/] {case['id']}{known}: {escaped(case['title'])}"
    )
    violations = [
        finding for finding in case["findings"] if finding["severity"] == "violation"
    ]
    if not violations:
        print_styled(f"  {escaped(case['reason'])}")
    for finding in violations[:_SHOWN_VIOLATIONS]:
        _print_violation(finding)
    more = len(violations) - _SHOWN_VIOLATIONS
    if more > 0:
        print_styled(f"  the report has {count_of(more, 'more finding')}")
    if case["deciding"]:
        print_styled(f"  decided by the exchanges {', '.join(case['deciding'])}")
    print_styled(f"  Run it alone with: --case {case['id']}")
    for line in reproducing_lines(case, str(folder)):
        print_styled(f"  {escaped(line)}")


def _print_violation(finding: Record) -> None:
    print_styled(f"  {finding['requirement']}: {escaped(finding['message'])}")
    print_styled(
        f"    at {escaped(place_words(finding['location'], finding.get('count', 1)))}",
        f"expected {escaped(finding['expected'])}",
        separator="; ",
    )
    print_styled(f"    actual {escaped(finding['actual'])}")


def _print_reasons(verdict: str, cases: Sequence[Record]) -> None:
    """Print why cases ended in a status that is neither pass nor fail, one line a reason."""
    by_reason: dict[str, list[str]] = {}
    for case in cases:
        by_reason.setdefault(case["reason"], []).append(case["id"])
    by_reason.pop(NOT_SELECTED, None)
    style = VERDICT_STYLES.get(verdict, "dim")
    for reason, names in by_reason.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        print_styled(
            f"[{style}]{verdict.replace('_', ' ')}[/] {names[0]}{more}: {escaped(reason)}"
        )


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
    print_styled()
    standard_output().print(table)


def _print_run(document: Record, folder: Path) -> None:
    """Print what counts for the run as a whole: exchanges, warnings, the suites' worth, notes, the report."""
    counts, run = document["summary"], document["run"]
    print_styled(
        f"{exchange_words(counts)}, {_kinds(counts, 'warning')}, {_kinds(counts, 'observation')}"
    )
    print_styled(f"suites: {escaped(in_words(run))}")
    for note in run["notes"]:
        print_styled(f"note: {escaped(note)}")
    report = folder / "report.html"
    if report.exists():  # unless the disk was full
        print_styled(f"report: {escaped(str(report))}")


def _kinds(counts: Record, noun: str) -> str:
    """Return how many kinds of warnings or observations there are, and how often they were found."""
    kinds = counts[f"{noun}s"]
    return kind_words(kinds, counts.get(f"{noun}_places", kinds), noun)


def _print_services_without_a_pass(document: Record) -> None:
    for service in document["run"]["services"]:
        cases = _cases_of(service, document)
        if not any(case["verdict"] == "pass" or "known" in case for case in cases):
            print_styled(f"no case of {service} passed")


def _print_exit_code(document: Record) -> int:
    """Print the exit code with its meaning, and return it."""
    code: int = document["run"]["exit_code"]
    style = {EXIT_CONFORMANT: "green", EXIT_FAILED: "bold red"}.get(code, "yellow")
    one_answer = "exchanges" in document["run"].get("replay", {})
    meanings = _MEANINGS | _MEANINGS_OF_ONE_ANSWER if one_answer else _MEANINGS
    if not document["run"]["services"]:
        meanings = _MEANINGS | _MEANINGS_OF_OWN_TESTS
    known = sum("known" in case for case in document["cases"])
    apart = ""
    if known and code == EXIT_CONFORMANT:
        apart = f", apart from {count_of(known, 'known failure')}"
    print_styled(f"[{style}]exit {code}: {meanings[code]}{apart}[/]")
    return code


def _cases_of(service: str, document: Record) -> list[Record]:
    return [case for case in document["cases"] if case["service"] == service]
