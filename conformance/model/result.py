"""The results of a run as values, and their roll-up into requirements, summary and exit code.

Must not know how cases are run, nor where results are written.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from conformance.model.case import Case, Kind
from conformance.model.contract import Requirement
from conformance.model.verdict import ORDER, Counterexample, Finding, Severity, Verdict

SCHEMA = "ehealth-conformance/results/1"

EXIT_CONFORMANT, EXIT_FAILED, EXIT_USAGE, EXIT_INCONCLUSIVE, EXIT_ERROR, EXIT_INTERRUPTED = 0, 1, 2, 3, 4, 130
NOT_SELECTED = "not selected"
_OWN = "local"

DUTY = (
    "security findings: report them to the eHealth platform at once, and publish them in no case "
    "(cookbooks, section Business security)"
)
"""What a finding of kind security on a service that is not one's own obliges to."""
WITHHELD = "a security finding, told in the private run folder only; --disclose-security tells it here too"

_BY_VERDICT = {Verdict.FAIL: EXIT_FAILED, Verdict.INCONCLUSIVE: EXIT_INCONCLUSIVE, Verdict.ERROR: EXIT_ERROR}
_BY_URGENCY = (EXIT_ERROR, EXIT_FAILED, EXIT_INCONCLUSIVE, EXIT_CONFORMANT)


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one case.

    `evaluated` counts applied predicates by requirement; `exchanges` are ids in order, `deciding`
    those (five at most) that the verdict rests on; `duration` is in seconds; `limited` tells that
    the case was not run because of budget or rate. `known` is why a failure is accepted, `stale` why an
    entry of the list of known failures has to go. `counterexample` is what shows a failure.
    """

    case: Case
    verdict: Verdict
    reason: str = ""
    evaluated: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    exchanges: tuple[str, ...] = ()
    deciding: tuple[str, ...] = ()
    duration: float = 0.0
    limited: bool = False
    known: str = ""
    stale: str = ""
    counterexample: Counterexample | None = None


@dataclass(frozen=True, slots=True)
class RequirementResult:
    """What became of one requirement, with the reason where it is neither pass nor fail."""

    requirement: Requirement
    verdict: Verdict
    cases: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """What is known of a run besides its results; `started` and `finished` are UTC.

    `file` says where the target file is, as seen from the run folder ("" for a built-in target); `addresses` are those
    of the services; `replay` says what was sent again of which run; `mutation_score` is what the suites are worth.
    """

    id: str
    harness: str
    seed: int
    target: str
    environment: str
    services: tuple[str, ...]
    versions: Mapping[str, str]
    started: datetime
    finished: datetime
    interrupted: bool
    iut: str = "server"
    notes: tuple[str, ...] = ()
    disclosed: bool = False
    erred: bool = False
    examples: int = 0
    file: str = ""
    addresses: Mapping[str, str] = field(default_factory=dict)
    replay: Mapping[str, Any] = field(default_factory=dict)
    mutation_score: Mapping[str, Any] | None = None


def exit_code(results: Iterable[CaseResult], services: Iterable[str], *, interrupted: bool, erred: bool = False) -> int:
    """Return the exit code that a run's results call for; `erred` tells that the harness broke down outside of a case.

    A known failure counts as a pass. A service without any passed case is inconclusive.
    """
    if interrupted:
        return EXIT_INTERRUPTED
    if erred:
        return EXIT_ERROR
    results = list(results)
    codes = {_BY_VERDICT.get(_counted(result), EXIT_CONFORMANT) for result in results}
    codes |= {EXIT_INCONCLUSIVE for result in results if result.limited}
    passed = {result.case.service for result in results if _counted(result) is Verdict.PASS}
    codes |= {EXIT_INCONCLUSIVE for service in services if service not in passed}
    return next((code for code in _BY_URGENCY if code in codes), EXIT_INCONCLUSIVE)


def requirement_results(
    requirements: Iterable[Requirement], results: Iterable[CaseResult], iut: str
) -> tuple[RequirementResult, ...]:
    """Return each requirement's verdict, rolled up from the cases of a run."""
    results = list(results)
    return tuple(_requirement(requirement, results, iut) for requirement in requirements)


def summary(results: Iterable[CaseResult], exchanges: int) -> dict[str, int]:
    """Return the numbers of cases by verdict, of findings below violation, and of exchanges."""
    results = list(results)
    verdicts = Counter(result.verdict for result in results)
    severities = Counter(finding.severity for result in results for finding in result.findings)
    counts = {verdict.value: verdicts[verdict] for verdict in (*ORDER, Verdict.NOT_APPLICABLE, Verdict.NOT_RUN)}
    counts["warnings"] = severities[Severity.WARNING]
    counts["observations"] = severities[Severity.OBSERVATION]
    counts["exchanges"] = exchanges
    return counts


def results_document(run: Run, results: Iterable[CaseResult], requirements: Iterable[Requirement]) -> dict[str, Any]:
    """Return the content of results.json."""
    results = list(results)
    exchanges = sum(len(result.exchanges) for result in results)
    return {
        "schema": SCHEMA,
        "run": {
            "id": run.id,
            "iut": run.iut,
            "started": run.started.isoformat(timespec="milliseconds"),
            "finished": run.finished.isoformat(timespec="milliseconds"),
            "interrupted": run.interrupted,
            "harness": run.harness,
            "seed": run.seed,
            "examples": run.examples,
            "target": {"name": run.target, "environment": run.environment} | ({"file": run.file} if run.file else {}),
            "services": list(run.services),
            "addresses": dict(run.addresses),
            "specs": dict(run.versions),
            "notes": list(run.notes),
            "security_disclosed": run.disclosed,
            "mutation_score": run.mutation_score,
            **({"replay": dict(run.replay)} if run.replay else {}),
            "exit_code": exit_code(results, run.services, interrupted=run.interrupted, erred=run.erred),
        },
        "summary": summary(results, exchanges),
        "cases": [case_record(result) for result in results],
        "requirements": [_requirement_record(row) for row in requirement_results(requirements, results, run.iut)],
    }


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
        record["counterexample"] = {"exchanges": list(shown.exchanges), "example": shown.example}
    return record


def is_confidential(case: Mapping[str, Any], run: Mapping[str, Any]) -> bool:
    """Tell whether an entry of results.json is a security finding that only the private run folder may tell.

    Those of local targets are not: nobody else runs what was found there.
    """
    found = case["kind"] == Kind.SECURITY.value and case["verdict"] == Verdict.FAIL.value
    return found and run["target"]["environment"] != _OWN and not run.get("security_disclosed", False)


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
        tuple(Finding(**row | {"severity": Severity(row["severity"])}) for row in record["findings"]),
        tuple(record["exchanges"]),
        tuple(record["deciding"]),
        record["duration_s"],
        record["limited"],
        record.get("known", ""),
        record.get("stale", ""),
        Counterexample(tuple(shown["exchanges"]), shown["example"]) if shown else None,
    )


def finding_record(finding: Finding) -> dict[str, str]:
    """Return a finding's entry in results.json."""
    return {
        "requirement": finding.requirement,
        "severity": finding.severity.value,
        "message": finding.message,
        "location": finding.location,
        "expected": finding.expected,
        "actual": finding.actual,
    }


def _counted(result: CaseResult) -> Verdict:
    """Return the verdict that the exit code counts: a known failure passes, one that is over fails."""
    if result.stale:
        return Verdict.FAIL
    return Verdict.PASS if result.known and result.verdict is Verdict.FAIL else result.verdict


def _requirement(requirement: Requirement, results: list[CaseResult], iut: str) -> RequirementResult:
    own = [result for result in results if requirement.id in result.case.requirements]
    judged = [result for result in results if result.evaluated.get(requirement.id)]
    found = [
        (result, finding) for result in results for finding in result.findings if finding.requirement == requirement.id
    ]
    cases = tuple(dict.fromkeys(result.case.id for result in (*own, *judged)))
    severities = {finding.severity for _, finding in found}
    if Severity.VIOLATION in severities:
        return RequirementResult(requirement, Verdict.FAIL, cases)
    if Severity.WARNING in severities:
        return RequirementResult(requirement, Verdict.INCONCLUSIVE, cases, "a warning names it")
    if judged:
        return RequirementResult(requirement, Verdict.PASS, cases)
    if requirement.iut.value != iut and not own:
        reason = requirement.untested or f"it binds the {requirement.iut.value}"
        return RequirementResult(requirement, Verdict.NOT_APPLICABLE, cases, reason)
    return _unjudged(requirement, own, cases)


def _unjudged(requirement: Requirement, own: list[CaseResult], cases: tuple[str, ...]) -> RequirementResult:
    """Return the verdict of a requirement that no check was applied for."""
    if not own:
        return RequirementResult(requirement, Verdict.NOT_COVERED, cases, requirement.untested or "no case of this run")
    stuck = next((result for result in own if result.verdict in (Verdict.INCONCLUSIVE, Verdict.ERROR)), None)
    if stuck is not None:
        return RequirementResult(requirement, Verdict.INCONCLUSIVE, cases, stuck.reason)
    if all(result.verdict is Verdict.NOT_RUN for result in own):
        return RequirementResult(requirement, Verdict.NOT_COVERED, cases, f"its cases were not run: {own[0].reason}")
    reason = next((result.reason for result in own if result.reason), "none of its checks applied to what was answered")
    return RequirementResult(requirement, Verdict.NOT_APPLICABLE, cases, reason)


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
