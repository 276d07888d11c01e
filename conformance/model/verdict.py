"""Verdicts, findings and their order; the roll-up is the order.

Must not know how a verdict was reached.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
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


MOST_PLACES = 10
"""Places that a finding names; the others are counted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One statement about an exchange, or about several that are alike.

    `location` is a JSON Pointer, a header name or another place, `expected` and `actual` are what is wrong there.
    `count` is how often the same was found; of several, `places` are the first where, each once.
    """

    requirement: str
    severity: Severity
    message: str
    location: str = ""
    expected: str = ""
    actual: str = ""
    count: int = 1
    places: tuple[str, ...] = ()

    @property
    def kind(self) -> tuple[str, Severity, str]:
        """Return what is the same in findings that are alike: all but where, what was wanted, and what came."""
        return self.requirement, self.severity, self.message


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


def fold(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return one finding for all that are alike, the first of them, with their number and first places."""
    alike: dict[tuple[str, Severity, str], list[Finding]] = {}
    for finding in findings:
        alike.setdefault(finding.kind, []).append(finding)
    return tuple(map(_folded, alike.values()))


def _folded(alike: Sequence[Finding]) -> Finding:
    first, *others = alike
    if not others:
        return first
    places = [place for each in alike for place in each.places or (each.location,)]
    distinct = tuple(dict.fromkeys(filter(None, places)))
    count = sum(each.count for each in alike)
    return replace(first, count=count, places=distinct[:MOST_PLACES])


def worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    """Return the worst of the ordered verdicts, or None where none of them is ordered."""
    ranked = [verdict for verdict in verdicts if verdict in ORDER]
    return max(ranked, key=ORDER.index, default=None)
