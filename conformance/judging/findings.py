"""What findings weigh, and how many alike are kept.

Must not know how an answer is checked.
"""

from collections import Counter
from dataclasses import replace

from conformance.checks.problem import Problem
from conformance.model.contract import Contract, Level
from conformance.model.verdict import Finding, Judgement, Severity

TRANSIENT_STATUSES = frozenset({429, 502, 503, 504})
"""Statuses that tell of load or of a gateway, not of the service, unless a clause names them."""

_BY_LEVEL = {
    Level.MUST: Severity.VIOLATION,
    Level.SHOULD: Severity.WARNING,
    Level.MAY: Severity.OBSERVATION,
}
CREDENTIAL_STATUSES = frozenset({401, 403})
"""Statuses that refuse who asks."""
MOST_ALIKE = 3


def severity_of(contract: Contract, requirement: str) -> Severity:
    """Return what a broken requirement weighs, by its level."""
    return _BY_LEVEL[contract.requirements[requirement].level]


def finding_of(contract: Contract, requirement: str, problem: Problem) -> Finding:
    """Return a problem as a finding against a requirement.

    An odd one is an observation whatever the level, and what breaks a recommendation is no violation.
    """
    severity = severity_of(contract, requirement)
    if problem.odd:
        severity = Severity.OBSERVATION
    elif problem.should and severity is Severity.VIOLATION:
        severity = Severity.WARNING
    return Finding(
        requirement,
        severity,
        problem.message,
        problem.location,
        problem.expected,
        problem.actual,
    )


def only(answer: Judgement, requirements: tuple[str, ...]) -> Judgement:
    """Restrict a judgement to some requirements; what broke before they could be reached blocks it."""
    findings = tuple(
        finding for finding in answer.findings if finding.requirement in requirements
    )
    evaluated = Counter(
        {
            name: count
            for name, count in answer.evaluated.items()
            if name in requirements
        }
    )
    inconclusive_reason = answer.inconclusive_reason
    if not evaluated and not inconclusive_reason and answer.violated:
        first = next(
            finding
            for finding in answer.findings
            if finding.severity is Severity.VIOLATION
        )
        inconclusive_reason = f"not reached, because the answer breaks {first.requirement}: {first.message}"
    return Judgement(findings, evaluated, inconclusive_reason)


def condense(findings: list[Finding]) -> list[Finding]:
    """Keep the first few of findings that differ in place only, and say how many more there are."""
    alike: dict[tuple[str, str, Severity], list[Finding]] = {}
    for finding in findings:
        alike.setdefault(
            (finding.requirement, finding.message, finding.severity), []
        ).append(finding)
    condensed = []
    for group in alike.values():
        shown = group[:MOST_ALIKE]
        more = len(group) - len(shown)
        if more:
            shown[-1] = replace(
                shown[-1], location=f"{shown[-1].location} (and {more} more places)"
            )
        condensed += shown
    return condensed
