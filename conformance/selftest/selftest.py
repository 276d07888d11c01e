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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from conformance import __version__
from conformance.catalogue.listing import all_faults, find_fault
from conformance.engine.plan import DEFAULT_SEED, Plan, Selection, make_plan
from conformance.model.fault import Fault
from conformance.plugin.session import run_suites
from conformance.selftest.mutants import (
    NOTED,
    Mutant,
    MutantResult,
    MutantRun,
    MutantStatus,
)
from conformance.target.policy import LOCAL
from conformance.target.reading import choose_services, load_target
from conformance.traffic.interruption import HANGUP

SCHEMA: Final = "ehealth-conformance/selftest/1"
EXAMPLES: Final = 8
"""Examples a property draws: what is worth finding is found by what comes before them, or soon."""
_LONGEST_TROUBLE: Final = 500
_CONTEXT: Final = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class SelftestSettings:
    """How the suites are run: seed, examples a property draws, and where run folders are kept ("": nowhere)."""

    seed: int = DEFAULT_SEED
    examples: int = EXAMPLES
    keep: str = ""


def examine(mutant: Mutant, settings: SelftestSettings) -> MutantResult:
    """Run a service's suite against a mutant until its fault is found for the right reason, or to the end."""
    fault = find_fault(mutant.fault) if mutant.fault else None
    target = load_target(LOCAL)
    plan = make_plan(
        target,
        choose_services(target, (mutant.service,)),
        Selection(),
        seed=settings.seed,
        examples=settings.examples,
        thorough=is_thorough(mutant, fault),
    )
    began = time.perf_counter()
    run = MutantRun(fault, _usual_findings(plan, fault))
    with _run_folder(mutant, settings) as folder:
        mutated = replace(plan, fault=fault)
        outcome = run_suites(mutated, folder, [run], with_allure=False)
    seconds = round(time.perf_counter() - began, 2)
    if outcome.troubles or outcome.document is None:
        trouble = "; ".join(outcome.troubles)[:_LONGEST_TROUBLE]
        erred = MutantStatus.ERRED
        return MutantResult(mutant, erred, found=trouble, seconds=seconds)
    return replace(run.verdict(mutant), cases=run.cases, seconds=seconds)


def is_thorough(mutant: Mutant, fault: Fault | None) -> bool:
    """Tell whether the cases that take thousands of requests run: a fault may be found by them alone.

    The faultless platform meets them where some fault of the service does, and must raise no alarm there either.
    """
    faults = [fault] if fault is not None else all_faults((mutant.service,))
    return any(one.thorough for one in faults)


def _usual_findings(plan: Plan, fault: Fault | None) -> frozenset[tuple[str, str]]:
    """Return what the faultless platform is found to do as well, where the fault may lead to no more than that."""
    if fault is None or fault.expected not in NOTED:
        return frozenset()
    about = replace(plan, selection=Selection(requirements=fault.requirements))
    run = MutantRun(None)
    with tempfile.TemporaryDirectory(prefix="ehealth-conformance-") as name:
        run_suites(about, Path(name), [run], with_allure=False)
    return frozenset(run.seen)


@contextmanager
def _run_folder(mutant: Mutant, settings: SelftestSettings) -> Iterator[Path]:
    """Give a run folder: one that is kept, named after the mutant, or one that disappears."""
    if settings.keep:
        folder = Path(settings.keep, mutant.name.replace("/", ".").replace(" ", "-"))
        folder.mkdir(mode=0o700, parents=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="ehealth-conformance-") as name:
        yield Path(name)


def examine_all(
    mutants: Sequence[Mutant],
    settings: SelftestSettings,
    jobs: int,
    tell: Callable[[MutantResult], None],
) -> list[MutantResult]:
    """Examine mutants in parallel processes, calling `tell` with each as it ends; return all in the order given.

    KeyboardInterrupt ends the processes, and passes through.
    """
    found: dict[Mutant, MutantResult] = {}
    with ProcessPoolExecutor(jobs, _CONTEXT, _ignore_interrupt) as pool:
        running: dict[Future[MutantResult], Mutant] = {
            pool.submit(examine, one, settings): one for one in mutants
        }
        try:
            while running:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    mutant = running.pop(future)
                    trouble = future.exception()
                    found[mutant] = (
                        MutantResult(mutant, MutantStatus.ERRED, found=repr(trouble))
                        if trouble
                        else future.result()
                    )
                    tell(found[mutant])
        except BaseException:
            for process in multiprocessing.active_children():
                process.terminate()
            pool.shutdown(cancel_futures=True)
            raise
    return [found[mutant] for mutant in mutants]


def _ignore_interrupt() -> None:
    """Leave Ctrl-C, and a terminal that is closed, to the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if HANGUP is not None:
        signal.signal(HANGUP, signal.SIG_IGN)


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
    results: Sequence[MutantResult], settings: SelftestSettings, seconds: float
) -> dict[str, Any]:
    """Return what a selftest came to as JSON data, with the score of each service and of all."""
    services = list(dict.fromkeys(one.mutant.service for one in results))
    return {
        "schema": SCHEMA,
        "harness": __version__,
        "seed": settings.seed,
        "examples": settings.examples,
        "seconds": round(seconds, 1),
        "score": _score(results),
        "services": {
            name: _score([one for one in results if one.mutant.service == name])
            for name in services
        },
        "faults": [_record(one) for one in results if one.mutant.fault],
        "controls": [_record(one) for one in results if not one.mutant.fault],
    }


def _score(results: Iterable[MutantResult]) -> dict[str, Any]:
    fates = Counter(one.status for one in results if one.mutant.fault)
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
        "id": one.mutant.fault or one.mutant.service,
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
