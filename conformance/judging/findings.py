"""What findings weigh.

Must not know how an answer is checked.
"""

from collections import Counter
from collections.abc import Mapping

from conformance.checks.problem import Problem
from conformance.model.contract import Contract, Level
from conformance.model.verdict import Finding, Judgement, Severity

FIRST_REDIRECTION, FIRST_ERROR = 300, 400
BUSY_STATUSES = frozenset({408, 429, 502, 503, 504, *range(520, 528), 530})
"""Statuses that tell of load or of a gateway, so that it is worth asking again after a while.

Sources: RFC 9110, 15.5.9 and 15.6.3 to 15.6.5; RFC 6585, 4. 520 to 527 and 530 are those of gateways whose origin
fails.
"""
NETWORK_STATUSES: Mapping[int, str] = {
    407: "a proxy on the way wants credentials",
    511: "the network wants a login",
}
"""Statuses that only a proxy or a network on the way has (RFC 9110, 15.5.8; RFC 6585, 6), and what each tells."""
TRANSIENT_STATUSES = BUSY_STATUSES | NETWORK_STATUSES.keys()
"""Statuses of what stands in front of the service, not of the service, unless a clause names them."""

_BY_LEVEL = {
    Level.MUST: Severity.VIOLATION,
    Level.SHOULD: Severity.WARNING,
    Level.MAY: Severity.OBSERVATION,
}
CREDENTIAL_STATUSES = frozenset({401, 403})
"""Statuses that refuse who asks."""


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
