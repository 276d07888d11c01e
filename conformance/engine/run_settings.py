"""The options of a run with their values, from a command line, from pytest or from an ini file, made into a plan.

Must not send anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conformance.engine.known import load_known
from conformance.engine.plan import (
    Plan,
    Selection,
    make_plan,
    usual_counterexamples,
)
from conformance.evidence.recorded_run import RecordedRun, find_run, run_of_suites
from conformance.evidence.run_folder import (
    DEFAULT_FOLDER,
    RESULTS,
    make_folder,
    use_folder,
)
from conformance.model.case import CaseKind
from conformance.model.errors import UsageError
from conformance.model.verdict import Verdict
from conformance.target.policy import LOCAL
from conformance.target.reading import choose_services, load_target

_OF_ITSELF = frozenset({"target", "services", "out", "run_dir", "junitxml"})
"""Settings that a report shows elsewhere, or that say only where it is written."""
_NAMES = {
    "kinds": "kind",
    "requirements": "requirement",
    "cases": "case",
    "excluded": "exclude",
}
"""The options whose values have another name in the code."""
_TO_REPEAT = frozenset(
    {Verdict.FAIL.value, Verdict.ERROR.value, Verdict.INCONCLUSIVE.value}
)


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The options of a run as their values, defaults where none is given (`conformance.engine.run_options`)."""

    target: str = LOCAL
    services: tuple[str, ...] = ()
    out: Path = Path(DEFAULT_FOLDER)
    seed: int | None = None
    examples: int | None = None
    kinds: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    failed: str | None = None
    max_failures: int | None = None
    known: Path | None = None
    junitxml: Path | None = None
    run_dir: Path | None = None
    thorough: bool = False
    no_counterexamples: bool = False
    disclose_security: bool = False

    def given(self) -> Mapping[str, Any]:
        """Return the options that were given and that shape the run, by their names, as JSON data.

        Of a file the name alone is told: a report may be passed on, and the path above it is private.
        """
        return {
            _NAMES.get(name, name).replace("_", "-"): _portable(value)
            for name in (row.name for row in fields(self))
            if name not in _OF_ITSELF and (value := getattr(self, name))
        }


def plan_of(settings: RunSettings) -> Plan:
    """Return the plan that the settings ask for.

    Raises UsageError with every mistake in them or in the files that they name.
    """
    _check_outputs(settings)
    target = load_target(settings.target)
    options, again = dict(settings.given()), None
    if settings.failed is not None:
        recorded = find_run(settings.failed, settings.out, run_of_suites)
        options["failed"], again = recorded.id, _cases_to_repeat(recorded)
    plan = make_plan(
        target,
        choose_services(target, settings.services),
        Selection(
            tuple(CaseKind(kind) for kind in settings.kinds),
            settings.requirements,
            settings.cases,
            settings.excluded,
            again,
        ),
        seed=settings.seed,
        examples=settings.examples,
        known=load_known(settings.known) if settings.known else (),
        named=bool(settings.services),
        disclose=settings.disclose_security,
        counterexamples=None
        if settings.no_counterexamples
        else usual_counterexamples(),
        thorough=settings.thorough,
        max_failures=settings.max_failures,
    )
    junit = settings.junitxml.absolute() if settings.junitxml else None
    return replace(plan, options=options, junit=junit)


def new_folder(settings: RunSettings) -> Path:
    """Return the folder that a run is written into: the one that the settings name, else a new one below `out`.

    Raises UsageError where it cannot be had.
    """
    if settings.run_dir is not None:
        return use_folder(settings.run_dir)
    return make_folder(settings.out, datetime.now(UTC))


def _cases_to_repeat(recorded: RecordedRun) -> tuple[str, ...]:
    """Return the cases of a run that failed, erred or stayed inconclusive; raises UsageError where it has no results.

    A known failure that is over counts as failed.
    """
    if not recorded.results:
        raise UsageError(
            f"{recorded.folder}: that run was ended before it wrote {RESULTS}, so that nobody knows which cases failed"
        )
    return tuple(
        name
        for name, case in recorded.cases.items()
        if case["verdict"] in _TO_REPEAT or case.get("stale")
    )


def _check_outputs(settings: RunSettings) -> None:
    """Make the folder of junit.xml where it is missing; raises UsageError where a place cannot be written."""
    path = settings.junitxml
    if path is None:
        return
    if path.exists() and not path.is_file():
        raise UsageError(
            f"{path}: junit.xml is to be written there, and something else stands there; name a file"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UsageError(
            f"{path}: no file can be written there: {path.parent} is a file or leads through one; name a folder"
        ) from None
    except OSError as error:
        raise UsageError(
            f"{path}: no file can be written there: {error.strerror}"
        ) from error


def _portable(value: Any) -> Any:  # noqa: ANN401 - a setting's value
    if isinstance(value, Path):
        return value.name
    return list(value) if isinstance(value, tuple) else value
