"""The settings of a session, from its options, its environment and its ini file, as a plan.

The precedence is: option, environment, ini key, default. Must not send anything.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conformance.engine.plan import Plan
from conformance.engine.run_options import (
    CASE,
    DISCLOSE_SECURITY,
    EXAMPLES,
    EXCLUDE,
    FAILED,
    JUNITXML,
    KIND,
    KNOWN,
    MAX_FAILURES,
    NO_COUNTEREXAMPLES,
    OUT,
    REQUIREMENT,
    RUN_DIR,
    SEED,
    SERVICE,
    TARGET,
    THOROUGH,
    RunOption,
)
from conformance.engine.run_settings import RunSettings, plan_of
from conformance.model.errors import UsageError
from conformance.plugin import TARGET_VARIABLE
from conformance.target.policy import BUILT_IN


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """What a session is to run, where its run folder goes, and whether the user named the services."""

    plan: Plan
    settings: RunSettings

    @property
    def named(self) -> bool:
        """Tell whether the user named the services."""
        return bool(self.settings.services)

    @property
    def out(self) -> Path:
        """Return the folder in which run folders are made."""
        return self.settings.out


def planned_run(config: pytest.Config) -> PlannedRun:
    """Return what the settings of a session ask for.

    Raises UsageError with every mistake in them or in the files that they name.
    """
    settings = RunSettings(
        target=_text(config, TARGET),
        services=_texts(config, SERVICE),
        out=Path(_text(config, OUT)),
        seed=_number(config, SEED),
        examples=_number(config, EXAMPLES),
        kinds=_kinds(config),
        requirements=_texts(config, REQUIREMENT),
        cases=_texts(config, CASE),
        excluded=_texts(config, EXCLUDE),
        failed=_value(config, FAILED) or None,
        max_failures=_number(config, MAX_FAILURES),
        known=_path(config, KNOWN),
        junitxml=_path(config, JUNITXML),
        run_dir=_path(config, RUN_DIR),
        thorough=bool(_value(config, THOROUGH)),
        no_counterexamples=bool(_value(config, NO_COUNTEREXAMPLES)),
        disclose_security=bool(_value(config, DISCLOSE_SECURITY)),
    )
    return PlannedRun(plan_of(settings), settings)


def _kinds(config: pytest.Config) -> tuple[str, ...]:
    kinds = _texts(config, KIND)
    unknown = [kind for kind in kinds if kind not in KIND.choices]
    if unknown:
        raise UsageError(
            f"{_ini_place(config, KIND)}: expected one of {', '.join(KIND.choices)}, not {unknown[0]!r}"
        )
    return kinds


def _path(config: pytest.Config, option: RunOption) -> Path | None:
    value = _value(config, option)
    return Path(value) if value else None


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
