"""Verdicts, findings and their order; the roll-up is the order.

Must not know how a verdict was reached.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """A case's verdict or status; the first four are ordered, the other two say that nothing was judged."""

    PASS = "pass"  # noqa: S105 - a verdict
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"
    ERROR = "error"
    NOT_APPLICABLE = "not_applicable"
    NOT_RUN = "not_run"
    NOT_COVERED = "not_covered"


ORDER = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR)
"""From best to worst; a roll-up takes the worst."""


class Severity(StrEnum):
    """What a finding weighs: a broken MUST, a broken SHOULD, or something worth noting."""

    VIOLATION = "violation"
    WARNING = "warning"
    OBSERVATION = "observation"


@dataclass(frozen=True, slots=True)
class Finding:
    """One statement about an exchange; `location` is a JSON Pointer, a header name or another place."""

    requirement: str
    severity: Severity
    message: str
    location: str = ""
    expected: str = ""
    actual: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What checks found in one exchange.

    `evaluated` counts, by requirement, how often a predicate was really applied. `blocked` is the
    reason why the exchange could not be judged at all, "" where it could; `inapplicable` the reason
    why nothing applied to it.
    """

    findings: tuple[Finding, ...] = ()
    evaluated: Counter[str] = field(default_factory=Counter)
    inconclusive_reason: str = ""
    not_applicable_reason: str = ""

    @property
    def violated(self) -> bool:
        """Tell whether a finding is a violation."""
        return any(finding.severity is Severity.VIOLATION for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Counterexample:
    """The exchanges (ids in order) that show a violation, the last of which decides, and what they do in words."""

    exchanges: tuple[str, ...]
    example: str = ""


def merge(judgements: Iterable[Judgement]) -> Judgement:
    """Return one judgement with all findings, the summed counts and the first reason for a block."""
    findings: list[Finding] = []
    evaluated: Counter[str] = Counter()
    inconclusive_reason = not_applicable_reason = ""
    for judgement in judgements:
        findings += judgement.findings
        evaluated += judgement.evaluated
        inconclusive_reason = inconclusive_reason or judgement.inconclusive_reason
        not_applicable_reason = not_applicable_reason or judgement.not_applicable_reason
    return Judgement(
        tuple(findings), evaluated, inconclusive_reason, not_applicable_reason
    )


def worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    """Return the worst of the ordered verdicts, or None where none of them is ordered."""
    ranked = [verdict for verdict in verdicts if verdict in ORDER]
    return max(ranked, key=ORDER.index, default=None)
