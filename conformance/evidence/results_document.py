"""The results document (results.json): results as JSON data, and back.

Must not know how cases are run.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from conformance.model.case import Case, CaseKind
from conformance.model.contract import Requirement
from conformance.model.exchange import Purpose
from conformance.model.result import (
    NOT_SELECTED,
    CaseResult,
    RequirementResult,
    Run,
)
from conformance.model.roll_up import exit_code, requirement_results
from conformance.model.verdict import ORDER, Counterexample, Finding, Severity, Verdict
from conformance.model.wording import count_of

SCHEMA = "ehealth-conformance/results/1"
_OWN = "local"
_COUNTED_AS = {
    Purpose.PROBE: "probing",
    Purpose.CONTROL: "controlling",
    Purpose.GUARD: "guarding",
    Purpose.RESTORE: "restoring",
}
"""How the summary names the exchanges of each purpose, which together are all that are on disk."""
_OTHERS = {
    "exchanges_controlling": "plain requests around probes",
    "exchanges_guarding": "looking for changes",
    "exchanges_restoring": "restoring the service",
}


def summary(
    results: Iterable[CaseResult], exchanges: Mapping[str, int]
) -> dict[str, int]:
    """Return the numbers of cases by verdict, of kinds of findings below violation and their places, of exchanges.

    `exchanges` has the number of exchanges of each purpose.
    """
    results = list(results)
    verdicts = Counter(result.verdict for result in results)
    findings = [finding for result in results for finding in result.findings]
    kinds = Counter(severity for _, severity, _ in {each.kind for each in findings})
    places: Counter[Severity] = Counter()
    for finding in findings:
        places[finding.severity] += finding.count
    counts = {
        verdict.value: verdicts[verdict]
        for verdict in (*ORDER, Verdict.NOT_APPLICABLE, Verdict.NOT_RUN)
    }
    counts["warnings"] = kinds[Severity.WARNING]
    counts["warning_places"] = places[Severity.WARNING]
    counts["observations"] = kinds[Severity.OBSERVATION]
    counts["observation_places"] = places[Severity.OBSERVATION]
    return counts | exchange_counts(exchanges)


def exchange_counts(purposes: Mapping[str, int]) -> dict[str, int]:
    """Return how many exchanges there are, and how many of each purpose, as a summary names them."""
    counts = {"exchanges": sum(purposes.values())}
    for purpose, word in _COUNTED_AS.items():
        counts[f"exchanges_{word}"] = purposes.get(purpose.value, 0)
    return counts


def exchange_words(counts: Mapping[str, int]) -> str:
    """Return how many exchanges a summary counts, and how many of them were for something else than probing.

    Summaries of earlier versions count no purposes.
    """
    others = [
        f"{counts[key]} for {noun}"
        for key, noun in _OTHERS.items()
        if counts.get(key, 0)
    ]
    words = count_of(counts["exchanges"], "exchange")
    return f"{words} ({', '.join(others)})" if others else words


def results_document(
    run: Run,
    results: Iterable[CaseResult],
    requirements: Iterable[Requirement],
    exchanges: Mapping[str, int],
) -> dict[str, Any]:
    """Return the content of results.json; `exchanges` has the number of recorded ones of each purpose."""
    results = list(results)
    selected = sum(result.reason != NOT_SELECTED for result in results)
    return {
        "schema": SCHEMA,
        "run": {
            "id": run.id,
            **({"folder": run.folder} if run.folder else {}),
            "iut": run.iut,
            "started": run.started.isoformat(timespec="milliseconds"),
            "finished": run.finished.isoformat(timespec="milliseconds"),
            "interrupted": run.interrupted,
            "harness": run.harness,
            "seed": run.seed,
            "examples": run.examples,
            "target": {"name": run.target, "environment": run.environment}
            | ({"file": run.file} if run.file else {}),
            "identity": {"user_agent": run.user_agent, "from": run.sender},
            "services": list(run.services),
            "options": dict(run.options),
            "selection": {"selected": selected, "cases": len(results)},
            "addresses": dict(run.addresses),
            "specs": dict(run.versions),
            "notes": list(run.notes),
            "security_disclosed": run.disclosed,
            "mutation_score": run.mutation_score,
            **({"replay": dict(run.replay)} if run.replay else {}),
            "exit_code": exit_code(
                results,
                run.services,
                interrupted=run.interrupted,
                erred=run.erred,
                single=run.single,
            ),
        },
        "summary": summary(results, exchanges),
        "cases": [case_record(result) for result in results],
        "requirements": [
            _requirement_record(row)
            for row in requirement_results(requirements, results, run.iut)
        ],
    }


def partial_selection(document: Mapping[str, Any]) -> str:
    """Return what was selected and how much of it passed, "" where all cases of the run's services were selected.

    Source: interface, section 5: "conformant" stands over the full selection only.
    """
    cases = document["cases"]
    chosen = [case for case in cases if case["reason"] != NOT_SELECTED]
    if len(chosen) == len(cases):
        return ""
    passed = sum(case["verdict"] == Verdict.PASS.value for case in chosen)
    much = "passed" if passed == len(chosen) else f"{passed} passed"
    return f"{len(chosen)} of {count_of(len(cases), 'case')} selected: {much}"


def case_record(result: CaseResult) -> dict[str, Any]:
    """Return a case's entry in results.json."""
    case = result.case
    record: dict[str, Any] = {
        "id": case.id,
        "service": case.service,
        "kind": case.kind.value,
        "title": case.title,
        "origin": case.origin,
        "requirements": list(case.requirements),
        "verdict": result.verdict.value,
        "reason": result.reason,
        "checks_evaluated": sum(result.evaluated.values()),
        "evaluated": dict(sorted(result.evaluated.items())),
        "duration_s": round(result.duration, 6),
        "exchanges": list(result.exchanges),
        "deciding": list(result.deciding),
        "findings": [finding_record(finding) for finding in result.findings],
    }
    marks = {"known": result.known, "stale": result.stale}
    record |= {name: text for name, text in marks.items() if text}
    if result.counterexample is not None:
        shown = result.counterexample
        record["counterexample"] = {
            "exchanges": list(shown.exchanges),
            "example": shown.example,
        }
    return record


def is_confidential(case: Mapping[str, Any], run: Mapping[str, Any]) -> bool:
    """Tell whether an entry of results.json is a security finding that only the private run folder may tell.

    Those of local targets are not: no other party runs the software that was tested there.
    """
    failed = (
        case["kind"] == CaseKind.SECURITY.value
        and case["verdict"] == Verdict.FAIL.value
    )
    return (
        failed
        and run["target"]["environment"] != _OWN
        and not run.get("security_disclosed", False)
    )


def portable(result: CaseResult) -> dict[str, Any]:
    """Return a result as plain data that another process can turn back into a result."""
    return case_record(result) | {"limited": result.limited}


def from_portable(record: Mapping[str, Any], case: Case) -> CaseResult:
    """Return the result of `case` that `portable` made into data."""
    shown = record.get("counterexample")
    return CaseResult(
        case,
        Verdict(record["verdict"]),
        record["reason"],
        record["evaluated"],
        tuple(map(_finding, record["findings"])),
        tuple(record["exchanges"]),
        tuple(record["deciding"]),
        record["duration_s"],
        record["limited"],
        record.get("known", ""),
        record.get("stale", ""),
        Counterexample(tuple(shown["exchanges"]), shown["example"]) if shown else None,
    )


def _finding(row: Mapping[str, Any]) -> Finding:
    """Return the finding that `finding_record` made into data."""
    several = row["count"] > 1
    return Finding(
        **{
            **row,
            "severity": Severity(row["severity"]),
            "places": tuple(row["places"]) if several else (),
        }
    )


def finding_record(finding: Finding) -> dict[str, Any]:
    """Return a finding's entry in results.json."""
    return {
        "requirement": finding.requirement,
        "severity": finding.severity.value,
        "message": finding.message,
        "location": finding.location,
        "expected": finding.expected,
        "actual": finding.actual,
        "count": finding.count,
        "places": list(finding.places or filter(None, [finding.location])),
    }


def _requirement_record(row: RequirementResult) -> dict[str, Any]:
    requirement = row.requirement
    return {
        "id": requirement.id,
        "service": requirement.service,
        "level": requirement.level.value,
        "iut": requirement.iut.value,
        "source": {
            "document": requirement.source.document,
            "version": requirement.source.version,
            "section": requirement.source.section,
        },
        "statement": requirement.statement,
        "verdict": row.verdict.value,
        "reason": row.reason,
        "cases": list(row.cases),
    }
