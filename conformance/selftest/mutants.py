"""A mutant and its run: a pytest plugin that looks for the seeded fault in what the suites find.

A mutant is the local platform with one fault, or without one. Must not start sessions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import pytest

from conformance.model.case import Case
from conformance.model.fault import Fault, FaultConsequence
from conformance.plugin import case_of

NOTED: Final = frozenset({FaultConsequence.WARNING, FaultConsequence.OBSERVATION})
"""Consequences that the faultless platform may have as well, so that it has to be run for comparison."""
_RANK: Final = {"violation": 3, "warning": 2, "observation": 1}
_NEVER: Final = 4
"""The rank of what no finding has: the fault has to leave a case undecided."""
_UNDECIDED: Final = frozenset({"inconclusive", "error"})
Evidence = tuple[str, str]
"""A case, and what it says."""


class MutantStatus(StrEnum):
    """What became of a fault, or of the faultless platform."""

    KILLED = "killed"
    SURVIVED = "survived"
    MISEXPLAINED = "wrongly explained"
    ERRED = "erred"
    CLEAN = "no false alarm"
    ALARMED = "false alarm"


GOOD: Final = frozenset({MutantStatus.KILLED, MutantStatus.CLEAN})


@dataclass(frozen=True, slots=True)
class Mutant:
    """What a run of the suites is made against: a service with a fault (by id), or without one ("")."""

    service: str
    fault: str = ""

    @property
    def name(self) -> str:
        """Return what a reader should call it."""
        return self.fault or f"{self.service} without a fault"


@dataclass(frozen=True, slots=True)
class MutantResult:
    """How a run ended: its status, the case that decided it with what it said, cases run, and seconds.

    `others` are requirements that violations named besides the right ones.
    """

    mutant: Mutant
    status: MutantStatus
    case: str = ""
    found: str = ""
    others: tuple[str, ...] = ()
    cases: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class MutantRun:
    """A pytest plugin: runs first what is about the requirement broken, and stops at the first right finding.

    `usual` are warnings and observations that the faultless platform gives rise to as well; `seen` are all findings,
    by requirement and message.
    """

    fault: Fault | None
    usual: frozenset[tuple[str, str]] = frozenset()
    seen: set[tuple[str, str]] = field(default_factory=set)
    cases: int = 0
    right: Evidence | None = None
    wrong: dict[str, Evidence] = field(default_factory=dict)
    undecided: Evidence | None = None
    _session: pytest.Session | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> None:
        """Put the cases first that are about a requirement which the fault breaks."""
        self._session = session
        items.sort(key=lambda item: self._distance(case_of(item)))

    def pytest_runtest_logreport(self, report: Any) -> None:  # noqa: ANN401 - carries the plugin's attribute
        """Look at a case's result."""
        record: Mapping[str, Any] | None = getattr(report, "conformance", None)
        if record is None:
            return
        self.cases += 1
        self.look(record)
        if self.right is not None and self._session is not None:
            self._session.shouldstop = "found"

    def look(self, record: Mapping[str, Any]) -> None:
        """Take the findings of a case's result, and that it could not be decided."""
        for finding in record["findings"]:
            key = finding["requirement"], finding["message"]
            self.seen.add(key)
            if key not in self.usual:
                self._weigh(record["id"], finding)
        if record["verdict"] in _UNDECIDED:
            self._note_undecided(record)

    def verdict(self, mutant: Mutant) -> MutantResult:
        """Return what the run came to."""
        if self.fault is None:
            return self._control_verdict(mutant)
        others = tuple(sorted(self.wrong))
        if self.right is not None:
            return MutantResult(mutant, MutantStatus.KILLED, *self.right, others=others)
        if self.wrong:
            first = next(iter(self.wrong.values()))
            status = MutantStatus.MISEXPLAINED
            return MutantResult(mutant, status, *first, others=others)
        undecided = self.undecided or ("", "")
        return MutantResult(mutant, MutantStatus.SURVIVED, *undecided)

    def _control_verdict(self, mutant: Mutant) -> MutantResult:
        """Return whether the faultless platform raised an alarm: a violation, or a case that stayed undecided."""
        alarm = next(iter(self.wrong.values()), self.undecided)
        if alarm is None:
            return MutantResult(mutant, MutantStatus.CLEAN)
        return MutantResult(mutant, MutantStatus.ALARMED, *alarm)

    @property
    def _wanted(self) -> tuple[str, ...]:
        return self.fault.requirements if self.fault is not None else ()

    @property
    def _expected(self) -> FaultConsequence:
        if self.fault is None:
            return FaultConsequence.VIOLATION
        return self.fault.expected

    def _distance(self, case: Case | None) -> int:
        """Return how soon a case should run: the place of its first requirement among those that are broken."""
        wanted = self._wanted
        named = (*case.requirements, *case.only) if case is not None else ()
        places = (wanted.index(name) for name in named if name in wanted)
        return min(places, default=len(wanted))

    def _weigh(self, case: str, finding: Mapping[str, str]) -> None:
        requirement = finding["requirement"]
        evidence = case, f"{requirement}: {finding['message']}"
        least = _RANK.get(self._expected.value, _NEVER)
        heavy_enough = _RANK[finding["severity"]] >= least
        if requirement in self._wanted:
            if heavy_enough:
                self.right = self.right or evidence
        elif finding["severity"] == "violation":
            self.wrong.setdefault(requirement, evidence)

    def _note_undecided(self, record: Mapping[str, Any]) -> None:
        evidence = record["id"], record["reason"]
        self.undecided = self.undecided or evidence
        about = not set(record["requirements"]).isdisjoint(self._wanted)
        if about and self._expected is FaultConsequence.INCONCLUSIVE:
            self.right = self.right or evidence
