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
) -> int:
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
    # A test of one's own never makes a service conformant.
    suites = [result for result in results if result.case.kind is not CaseKind.OWN]
    passed = {
        result.case.service for result in suites if _counted(result) is Verdict.PASS
    }
    codes |= {EXIT_INCONCLUSIVE for service in services if service not in passed}
    return next((code for code in _BY_URGENCY if code in codes), EXIT_INCONCLUSIVE)


def requirement_results(
    requirements: Iterable[Requirement], results: Iterable[CaseResult], iut: str
) -> tuple[RequirementResult, ...]:
    """Return each requirement's verdict, rolled up from the cases of a run."""
    results = list(results)
    return tuple(
        _requirement(requirement, results, iut) for requirement in requirements
    )


def _counted(result: CaseResult) -> Verdict:
    """Return the verdict that the exit code counts: a known failure passes, one that is over fails."""
    if result.stale:
        return Verdict.FAIL
    return (
        Verdict.PASS
        if result.known and result.verdict is Verdict.FAIL
        else result.verdict
    )


def _requirement(
    requirement: Requirement, results: list[CaseResult], iut: str
) -> RequirementResult:
    own = [result for result in results if requirement.id in result.case.requirements]
    judged = [result for result in results if result.evaluated.get(requirement.id)]
    found = [
        (result, finding)
        for result in results
        for finding in result.findings
        if finding.requirement == requirement.id
    ]
    cases = tuple(dict.fromkeys(result.case.id for result in (*own, *judged)))
    severities = {finding.severity for _, finding in found}
    if Severity.VIOLATION in severities:
        return RequirementResult(requirement, Verdict.FAIL, cases)
    if Severity.WARNING in severities:
        return RequirementResult(
            requirement, Verdict.INCONCLUSIVE, cases, "a warning names it"
        )
    if judged:
        return RequirementResult(requirement, Verdict.PASS, cases)
    if requirement.iut.value != iut and not own:
        reason = requirement.untested or f"it binds the {requirement.iut.value}"
        return RequirementResult(requirement, Verdict.NOT_APPLICABLE, cases, reason)
    return _unjudged(requirement, own, cases)


def _unjudged(
    requirement: Requirement, own: list[CaseResult], cases: tuple[str, ...]
) -> RequirementResult:
    """Return the verdict of a requirement that no check was applied for."""
    if not own:
        return RequirementResult(
            requirement,
            Verdict.NOT_COVERED,
            cases,
            requirement.untested or "no case of this run",
        )
    stuck = next(
        (
            result
            for result in own
            if result.verdict in (Verdict.INCONCLUSIVE, Verdict.ERROR)
        ),
        None,
    )
    if stuck is not None:
        return RequirementResult(requirement, Verdict.INCONCLUSIVE, cases, stuck.reason)
    if all(result.verdict is Verdict.NOT_RUN for result in own):
        return RequirementResult(
            requirement,
            Verdict.NOT_COVERED,
            cases,
            f"its cases were not run: {own[0].reason}",
        )
    reason = next(
        (result.reason for result in own if result.reason),
        "none of its checks applied to what was answered",
    )
    return RequirementResult(requirement, Verdict.NOT_APPLICABLE, cases, reason)
