"""The roll-up of case results into requirements and into the exit code.

Source: interface, sections 3 and 5. Must not know where results are written.
"""

from collections.abc import Iterable

from conformance.model.case import CaseKind
from conformance.model.contract import Requirement
from conformance.model.result import (
    EXIT_CONFORMANT,
    EXIT_ERROR,
    EXIT_FAILED,
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    CaseResult,
    RequirementResult,
)
from conformance.model.verdict import Severity, Verdict

_BY_VERDICT = {
    Verdict.FAIL: EXIT_FAILED,
    Verdict.INCONCLUSIVE: EXIT_INCONCLUSIVE,
    Verdict.ERROR: EXIT_ERROR,
}
_BY_URGENCY = (EXIT_ERROR, EXIT_FAILED, EXIT_INCONCLUSIVE, EXIT_CONFORMANT)


def exit_code(
    results: Iterable[CaseResult],
    services: Iterable[str],
    *,
    interrupted: bool,
    erred: bool = False,
    single: bool = False,
) -> int:
    """Return the exit code of a run's results; `erred` means that the harness broke down outside of a case.

    With a `single` request of one's own, whose answer is all that was wanted, an undecided one counts. A known failure
    counts as a pass. A service without any passed case is inconclusive.
    """
    if interrupted:
        return EXIT_INTERRUPTED
    if erred:
        return EXIT_ERROR
    codes: set[int] = set()
    passed: set[str] = set()
    for result in results:
        verdict = _counted(result)
        code = verdict_exit_code(verdict)
        if result.case.kind is CaseKind.OWN:
            # A test of one's own may want a refusal, and never makes a service conformant.
            decided = single or code != EXIT_INCONCLUSIVE
            codes.add(code if decided else EXIT_CONFORMANT)
            continue
        codes.add(code)
        if result.limited:
            codes.add(EXIT_INCONCLUSIVE)
        if verdict is Verdict.PASS:
            passed.add(result.case.service)
    if not passed.issuperset(services):
        codes.add(EXIT_INCONCLUSIVE)
    return next((code for code in _BY_URGENCY if code in codes), EXIT_INCONCLUSIVE)


def verdict_exit_code(verdict: Verdict) -> int:
    """Return the exit code of one verdict by itself."""
    return _BY_VERDICT.get(verdict, EXIT_CONFORMANT)


def requirement_results(
    requirements: Iterable[Requirement], results: Iterable[CaseResult], iut: str
) -> tuple[RequirementResult, ...]:
    """Return each requirement's verdict, rolled up from the cases of a run."""
    results = list(results)
    return tuple(
        _requirement(requirement, results, iut) for requirement in requirements
    )


def counts_as_failure(result: CaseResult) -> bool:
    """Tell whether a case counts as failed, or erred; a known failure does not, one that is over does."""
    return _counted(result) in {Verdict.FAIL, Verdict.ERROR}


def _counted(result: CaseResult) -> Verdict:
    """Return the verdict that the exit code counts: a known failure passes, a known failure that passes fails."""
    if result.stale:
        return Verdict.FAIL
    accepted = result.known and result.verdict is Verdict.FAIL
    return Verdict.PASS if accepted else result.verdict


def _requirement(
    requirement: Requirement, results: list[CaseResult], iut: str
) -> RequirementResult:
    citing = [
        result for result in results if requirement.id in result.case.requirements
    ]
    judged = [result for result in results if result.evaluated.get(requirement.id)]
    cases = tuple(dict.fromkeys(result.case.id for result in (*citing, *judged)))
    severities = _severities(requirement, results)
    if Severity.VIOLATION in severities:
        verdict, reason = Verdict.FAIL, ""
    elif Severity.WARNING in severities:
        verdict, reason = Verdict.INCONCLUSIVE, "a warning names it"
    elif judged:
        verdict, reason = Verdict.PASS, ""
    elif citing:
        verdict, reason = _unjudged(citing)
    else:
        verdict, reason = _without_case(requirement, iut)
    return RequirementResult(requirement, verdict, cases, reason)


def _severities(requirement: Requirement, results: list[CaseResult]) -> set[Severity]:
    """Return the severities of the findings that a requirement has."""
    findings = (finding for result in results for finding in result.findings)
    return {row.severity for row in findings if row.requirement == requirement.id}


def _without_case(requirement: Requirement, iut: str) -> tuple[Verdict, str]:
    """Return verdict and reason of a requirement that no case of the run cites."""
    binds = requirement.iut.value
    if binds != iut:
        return Verdict.NOT_APPLICABLE, requirement.untested or f"it binds the {binds}"
    return Verdict.NOT_COVERED, requirement.untested or "no case of this run"


def _unjudged(citing: list[CaseResult]) -> tuple[Verdict, str]:
    """Return verdict and reason of a requirement whose cases applied none of its checks."""
    for result in citing:
        if result.verdict in {Verdict.INCONCLUSIVE, Verdict.ERROR}:
            return Verdict.INCONCLUSIVE, result.reason
    played = [row for row in citing if row.verdict in {Verdict.PASS, Verdict.FAIL}]
    if played and all(row.verdict is Verdict.FAIL for row in played):
        # One that passed has shown that there was nothing to apply the check to.
        return (
            Verdict.INCONCLUSIVE,
            f"none of its checks was applied in {played[0].case.id}, which failed",
        )
    if all(result.verdict is Verdict.NOT_RUN for result in citing):
        return Verdict.NOT_COVERED, f"its cases were not run: {citing[0].reason}"
    reasons = (result.reason for result in citing if result.reason)
    no_check = "none of its checks applied to what was answered"
    return Verdict.NOT_APPLICABLE, next(reasons, no_check)
