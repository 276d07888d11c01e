"""Searches drawn examples for one that a service gets wrong, and keeps the smallest: a counterexample.

Hypothesis draws, shrinks and remembers; here is what it may do with a service at the other end. Must not send anything.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.errors import HypothesisException
from hypothesis.strategies import SearchStrategy

from conformance.model.errors import ConformanceError
from conformance.model.exchange import Exchange
from conformance.model.verdict import Counterexample, Finding, Judgement, fold, merge

Drawn = TypeVar("Drawn")
Attempt = Callable[[Drawn], tuple[Exchange, Judgement]]
"""Sends what an example asks for, and returns the exchange that decides with its judgement."""


class _FalsifiedError(Exception):
    """A property does not hold for the example just tried."""


@dataclass(slots=True)
class Search(Generic[Drawn]):
    """One search: `sent` grows by the id of each exchange, `left` is how many examples shrinking may still try.

    `found` is the counterexample, None where every example held.
    """

    attempt: "Attempt[Drawn]"
    sent: Sequence[str]
    left: int
    found: Counterexample | None = None
    _judgements: list[Judgement] = field(default_factory=list)
    _falsified: dict[str, tuple[Counterexample, Judgement]] = field(
        default_factory=dict
    )
    _held: set[str] = field(default_factory=set)
    _last: str = ""
    _blocked: str = ""
    _error: ConformanceError | None = None

    def run(
        self,
        strategy: SearchStrategy[Drawn],
        seed: int,
        examples: int,
        kept: Path | None = None,
    ) -> Judgement:
        """Return the judgement of the smallest violated example, or of all examples together.

        Examples that are `kept` in a folder are tried first, and what is found is kept there.
        """
        settings = hypothesis.settings(
            max_examples=examples,
            database=_CounterexampleDatabase(kept) if kept is not None else None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.reuse, Phase.generate, Phase.shrink),
            report_multiple_bugs=False,
            print_blob=False,
        )
        unstable = False
        try:
            # Settings come last, because `seed` turns the database off.
            settings(hypothesis.seed(seed)(hypothesis.given(strategy)(self._example)))()
        except _FalsifiedError:
            pass
        except HypothesisException:
            unstable = bool(self._falsified)
            if not unstable:
                raise
        if self._error is not None and not self._falsified:
            raise self._error
        return self._verdict(unstable=unstable or self._last in self._held)

    def _example(self, drawn: Drawn) -> None:
        key = repr(drawn)
        if key not in self._falsified:
            if (
                self._blocked
                or self._error is not None
                or (self._falsified and not self._may_shrink())
            ):
                return
            before = len(self.sent)
            try:
                _, judgement = self.attempt(drawn)
            except ConformanceError as error:
                self._error = error
                return
            self._judgements.append(judgement)
            if not judgement.violated:
                self._blocked = judgement.inconclusive_reason
                if not judgement.inconclusive_reason:
                    self._held.add(key)
                return
            self._falsified[key] = (
                Counterexample(tuple(self.sent[before:]), words(drawn)),
                judgement,
            )
        self._last = key
        raise _FalsifiedError

    def _may_shrink(self) -> bool:
        self.left -= 1
        return self.left >= 0

    def _verdict(self, *, unstable: bool) -> Judgement:
        if not self._last:
            return distinct(
                replace(merge(self._judgements), inconclusive_reason=self._blocked)
            )
        self.found, judgement = self._falsified[self._last]
        counts: Counter[str] = merge(self._judgements).evaluated
        findings = judgement.findings
        return Judgement(flaky(findings) if unstable else findings, counts)


class _CounterexampleDatabase(DirectoryBasedExampleDatabase):
    """Hypothesis's own database in a private folder, which is made when there is something to keep."""

    def save(self, key: bytes, value: bytes) -> None:
        """Keep an example."""
        make_private(self.path)
        super().save(key, value)


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for this user alone."""
    for one in (*reversed(folder.parents), folder):
        if not one.exists():
            one.mkdir(mode=0o700, exist_ok=True)


def case_dir(folder: Path | None, case: str) -> Path | None:
    """Return where the counterexamples of a case are kept; None where none are."""
    return folder / case.replace("/", ".") if folder is not None else None


def words(drawn: object) -> str:
    """Return a sequence of steps in words; "" for an example that its exchanges show well enough."""
    return ", ".join(map(repr, drawn)) if isinstance(drawn, tuple) else ""


def distinct(judgement: Judgement) -> Judgement:
    """Keep one of findings that many examples brought up alike, with their number."""
    return replace(judgement, findings=fold(judgement.findings))


def flaky(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings that say that the same request was also answered well."""
    note = " (not on every request: the same request was also answered well)"
    return tuple(
        replace(finding, message=finding.message + note) for finding in findings
    )
