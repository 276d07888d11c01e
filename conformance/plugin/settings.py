"""The settings of a session, from its options, its environment and its ini file, as a plan.

The precedence is: option, environment, ini key, default. Must not send anything.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conformance.engine.known import load_known
from conformance.engine.plan import (
    Plan,
    Selection,
    make_plan,
    usual_counterexamples,
)
from conformance.engine.run_options import (
    CASE,
    DISCLOSE_SECURITY,
    EXAMPLES,
    KIND,
    KNOWN,
    NO_COUNTEREXAMPLES,
    OUT,
    REQUIREMENT,
    SEED,
    SERVICE,
    TARGET,
    THOROUGH,
    RunOption,
)
from conformance.model.case import CaseKind
from conformance.model.errors import UsageError
from conformance.plugin import TARGET_VARIABLE
from conformance.target.policy import BUILT_IN
from conformance.target.reading import choose_services, load_target


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """What a session is to run, where its run folder goes, and whether the user named the services."""

    plan: Plan
    out: Path
    named: bool


def planned_run(config: pytest.Config) -> PlannedRun:
    """Return what the settings of a session ask for.

    Raises UsageError with every mistake in them or in the files that they name.
    """
    target = load_target(_text(config, TARGET))
    services = _texts(config, SERVICE)
    known = _value(config, KNOWN)
    plan = make_plan(
        target,
        choose_services(target, services),
        _selection(config),
        seed=_number(config, SEED),
        examples=_number(config, EXAMPLES),
        known=load_known(Path(known)) if known else (),
        named=bool(services),
        disclose=bool(_value(config, DISCLOSE_SECURITY)),
        counterexamples=None
        if _value(config, NO_COUNTEREXAMPLES)
        else usual_counterexamples(),
        thorough=bool(_value(config, THOROUGH)),
    )
    return PlannedRun(plan, Path(_text(config, OUT)), named=bool(services))


def _selection(config: pytest.Config) -> Selection:
    kinds = _texts(config, KIND)
    unknown = [kind for kind in kinds if kind not in KIND.choices]
    if unknown:
        raise UsageError(
            f"{_ini_place(config, KIND)}: expected one of {', '.join(KIND.choices)}, not {unknown[0]!r}"
        )
    return Selection(
        tuple(CaseKind(kind) for kind in kinds),
        _texts(config, REQUIREMENT),
        _texts(config, CASE),
    )


def _text(config: pytest.Config, option: RunOption) -> str:
    return str(_value(config, option) or option.default)


def _texts(config: pytest.Config, option: RunOption) -> tuple[str, ...]:
    values: Sequence[str] = _value(config, option) or ()
    return tuple(values)


def _number(config: pytest.Config, option: RunOption) -> int | None:
    value = _value(config, option)
    if value is None:
        return None
    if option.minimum is not None and value < option.minimum:
        raise UsageError(
            f"{_ini_place(config, option)}: expected {option.minimum} or more, not {value}"
        )
    return int(value)


def _value(config: pytest.Config, option: RunOption) -> Any:  # noqa: ANN401 - text, number, flag or list
    """Return the value of an option, None or something empty where none is given."""
    given = getattr(config.option, option.key, None)
    if given not in (None, False, []):
        return given
    if option is TARGET and os.environ.get(TARGET_VARIABLE):
        return os.environ[TARGET_VARIABLE]
    return _from_ini(config, option)


def _from_ini(config: pytest.Config, option: RunOption) -> Any:  # noqa: ANN401 - text, number, flag or list
    try:
        value = config.getini(option.key)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{_ini_place(config, option)}: {error}") from error
    if value and option.is_path and value not in BUILT_IN:
        return str(_ini_folder(config) / value)
    return value


def _ini_folder(config: pytest.Config) -> Path:
    """Return the folder from which the ini file's relative paths count."""
    return config.inipath.parent if config.inipath else config.rootpath


def _ini_place(config: pytest.Config, option: RunOption) -> str:
    return f"{config.inipath.name if config.inipath else 'ini'}: {option.key}"
