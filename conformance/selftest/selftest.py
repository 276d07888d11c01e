"""Runs the suites against the local platform's seeded faults, and tells which were found, and for the right reason.

A suite is worth what it would have caught; this is how that is measured. Must not print.
"""

import json
import multiprocessing
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import pytest

from conformance import __version__
from conformance.catalogue.listing import find_fault
from conformance.engine.plan import DEFAULT_SEED, Selection, make_plan
from conformance.model.case import Case
from conformance.model.fault import Fault, FaultConsequence
from conformance.plugin import case_of
from conformance.plugin.session import run_suites
from conformance.target.policy import LOCAL
from conformance.target.reading import choose_services, load_target

SCHEMA: Final = "ehealth-conformance/selftest/1"
EXAMPLES: Final = 8
"""Examples a property draws: what is worth finding is found by what comes before them, or soon."""
_NOTED: Final = frozenset({FaultConsequence.WARNING, FaultConsequence.OBSERVATION})
"""What the faultless platform may give rise to as well, where a cookbook leaves something open."""
_RANK: Final = {"violation": 3, "warning": 2, "observation": 1}
_CONTEXT: Final = multiprocessing.get_context("spawn")


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
    """How a run ended: its fate, the case that decided it with what it said, cases run, and seconds.

    `others` are requirements that violations named besides the right ones.
    """

    subject: Mutant
    status: MutantStatus
    case: str = ""
    found: str = ""
    others: tuple[str, ...] = ()
    cases: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How the suites are run: seed, examples a property draws, and where run folders are kept ("": nowhere)."""

    seed: int = DEFAULT_SEED
    examples: int = EXAMPLES
    keep: str = ""


def examine(subject: Mutant, settings: Settings) -> MutantResult:
    """Run a service's suite against a fault until it is found for the right reason, or to the end."""
    fault = find_fault(subject.fault) if subject.fault else None
    target = load_target(LOCAL)
    plan = make_plan(
        target,
        choose_services(target, (subject.service,)),
        Selection(),
        seed=settings.seed,
        examples=settings.examples,
    )
    began = time.perf_counter()
    hunt = _MutantRun(fault)
    if fault is not None and fault.expected in _NOTED:
        about = replace(plan, selection=Selection(requirements=fault.requirements))
        usual = _MutantRun(None)
        with tempfile.TemporaryDirectory(prefix="ehealth-conformance-") as name:
            run_suites(about, Path(name), [usual], with_allure=False)
        hunt.usual = usual.told
    with _run_folder(subject, settings) as folder:
        outcome = run_suites(
            replace(plan, fault=fault), folder, [hunt], with_allure=False
        )
    seconds = round(time.perf_counter() - began, 2)
    if outcome.troubles or outcome.document is None:
        return MutantResult(
            subject,
            MutantStatus.ERRED,
            found="; ".join(outcome.troubles)[:500],
            seconds=seconds,
        )
    return replace(hunt.verdict(subject), cases=hunt.cases, seconds=seconds)


@contextmanager
def _run_folder(subject: Mutant, settings: Settings) -> Iterator[Path]:
    """Give a run folder: one that is kept, named after the subject, or one that disappears."""
    if settings.keep:
        folder = Path(settings.keep, subject.name.replace("/", ".").replace(" ", "-"))
        folder.mkdir(mode=0o700, parents=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="ehealth-conformance-") as name:
        yield Path(name)


@dataclass(slots=True)
class _MutantRun:
    """A pytest plugin: runs first what is about the requirement broken, and stops at the first right finding.

    `usual` are warnings and observations that the faultless platform gives rise to as well; `told` are all findings.
    """

    fault: Fault | None
    usual: set[tuple[str, str]] = field(default_factory=set)
    told: set[tuple[str, str]] = field(default_factory=set)
    cases: int = 0
    right: tuple[str, str] | None = None
    wrong: dict[str, tuple[str, str]] = field(default_factory=dict)
    undecided: tuple[str, str] | None = None
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
        self._look(record)
        if self.right is not None and self._session is not None:
            self._session.shouldstop = "found"

    def verdict(self, subject: Mutant) -> MutantResult:
        """Return what the run came to."""
        if self.fault is None:
            alarm = next(iter(self.wrong.values()), self.undecided)
            return MutantResult(
                subject,
                MutantStatus.ALARMED if alarm else MutantStatus.CLEAN,
                *(alarm or ("", "")),
            )
        others = tuple(sorted(self.wrong))
        if self.right is not None:
            return MutantResult(
                subject, MutantStatus.KILLED, *self.right, others=others
            )
        if self.wrong:
            return MutantResult(
                subject,
                MutantStatus.MISEXPLAINED,
                *next(iter(self.wrong.values())),
                others=others,
            )
        return MutantResult(
            subject, MutantStatus.SURVIVED, *(self.undecided or ("", ""))
        )

    def _distance(self, case: Case | None) -> int:
        wanted = self.fault.requirements if self.fault is not None else ()
        named = [*case.requirements, *case.only] if case is not None else []
        return min(
            (wanted.index(name) for name in named if name in wanted),
            default=len(wanted),
        )

    def _look(self, record: Mapping[str, Any]) -> None:
        wanted = self.fault.requirements if self.fault is not None else ()
        expected = (
            self.fault.expected
            if self.fault is not None
            else FaultConsequence.VIOLATION
        )
        for finding in record["findings"]:
            told = (record["id"], f"{finding['requirement']}: {finding['message']}")
            self.told.add((finding["requirement"], finding["message"]))
            if (finding["requirement"], finding["message"]) in self.usual:
                continue
            if finding["requirement"] in wanted and _RANK[
                finding["severity"]
            ] >= _RANK.get(expected.value, 4):
                self.right = self.right or told
            elif (
                finding["severity"] == "violation"
                and finding["requirement"] not in wanted
            ):
                self.wrong.setdefault(finding["requirement"], told)
        if record["verdict"] in ("inconclusive", "error"):
            self.undecided = self.undecided or (record["id"], record["reason"])
            if expected is FaultConsequence.INCONCLUSIVE and set(
                record["requirements"]
            ) & set(wanted):
                self.right = self.right or (record["id"], record["reason"])


def examine_all(
    subjects: Sequence[Mutant],
    settings: Settings,
    jobs: int,
    tell: Callable[[MutantResult], None],
) -> list[MutantResult]:
    """Examine subjects in parallel processes, calling `tell` with each as it ends; return all in the order given.

    KeyboardInterrupt ends the processes, and passes through.
    """
    found: dict[Mutant, MutantResult] = {}
    with ProcessPoolExecutor(jobs, _CONTEXT, _ignore_interrupt) as pool:
        running: dict[Future[MutantResult], Mutant] = {
            pool.submit(examine, one, settings): one for one in subjects
        }
        try:
            while running:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    subject = running.pop(future)
                    trouble = future.exception()
                    found[subject] = (
                        MutantResult(subject, MutantStatus.ERRED, found=repr(trouble))
                        if trouble
                        else future.result()
                    )
                    tell(found[subject])
        except BaseException:
            for process in multiprocessing.active_children():
                process.terminate()
            pool.shutdown(cancel_futures=True)
            raise
    return [found[subject] for subject in subjects]


def _ignore_interrupt() -> None:
    """Leave Ctrl-C to the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def mutants_of(faults: Iterable[Fault], services: Iterable[str]) -> list[Mutant]:
    """Return what a selftest runs: each service without a fault, which takes longest, then each fault."""
    return [
        *(Mutant(service) for service in services),
        *(Mutant(fault.service, fault.id) for fault in faults),
    ]


def processors() -> int:
    """Return how many processors this process may use."""
    return (
        len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1
    )


def selftest_document(
    examinations: Sequence[MutantResult], settings: Settings, seconds: float
) -> dict[str, Any]:
    """Return what a selftest came to as JSON data, with the score of each service and of all."""
    services = list(dict.fromkeys(one.subject.service for one in examinations))
    return {
        "schema": SCHEMA,
        "harness": __version__,
        "seed": settings.seed,
        "examples": settings.examples,
        "seconds": round(seconds, 1),
        "score": _score(examinations),
        "services": {
            name: _score([one for one in examinations if one.subject.service == name])
            for name in services
        },
        "faults": [_record(one) for one in examinations if one.subject.fault],
        "controls": [_record(one) for one in examinations if not one.subject.fault],
    }


def _score(examinations: Iterable[MutantResult]) -> dict[str, Any]:
    fates = Counter(one.status for one in examinations if one.subject.fault)
    total = fates.total()
    return {
        "faults": total,
        "killed": fates[MutantStatus.KILLED],
        "survived": fates[MutantStatus.SURVIVED],
        "wrongly_explained": fates[MutantStatus.MISEXPLAINED],
        "erred": fates[MutantStatus.ERRED],
        "score": round(fates[MutantStatus.KILLED] / total, 4) if total else None,
    }


def _record(one: MutantResult) -> dict[str, Any]:
    return {
        "id": one.subject.fault or one.subject.service,
        "fate": one.status.value,
        "case": one.case,
        "found": one.found,
        "others": list(one.others),
        "cases": one.cases,
        "seconds": one.seconds,
    }


def write_document(document: Mapping[str, Any], path: Path) -> None:
    """Write a selftest's document."""
    path.write_text(
        json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
