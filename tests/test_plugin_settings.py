"""The options of a run: one list for pytest and the command `run`, and where each value comes from."""

import argparse
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from conformance.cli.run import run as run_command
from conformance.engine.run_options import RUN_OPTIONS, SERVICE, RunOption
from conformance.model.case import SUITE_KINDS, CaseKind
from conformance.model.errors import UsageError
from conformance.plugin.recognition import is_suites_folder, names_suites, without_values
from conformance.plugin.session import suites_root
from conformance.plugin.settings import planned_run


def settings(folder: Path, *, ini: dict[str, Any] | None = None, **given: object) -> Any:  # noqa: ANN401 - a double
    """Return what a session's settings are read from: options given, and an ini file in a folder."""
    return SimpleNamespace(
        option=argparse.Namespace(**{f"ehealth_{name}": value for name, value in given.items()}),
        getini=(ini or {}).get,
        inipath=folder / "pytest.ini",
        rootpath=folder,
    )


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EHEALTH_TARGET", raising=False)


def named_target(folder: Path, name: str) -> Path:
    """Write a target file of a name, and return its path."""
    path = folder / f"{name}.yaml"
    path.write_text(f"name: {name}\nenvironment: local\nservices: {{status-dashboard: {{}}}}\n", "utf-8")
    return path


@pytest.mark.parametrize(
    "option", [option for option in RUN_OPTIONS if option is not SERVICE], ids=lambda option: option.name
)
def test_option_is_the_same_in_the_command_run(option: RunOption) -> None:
    """Name, help, choices and repetition of each option are those of the command `run`."""
    parameters = {name: row for row in run_command.params for name in row.opts}
    of_run = parameters[option.name]
    assert isinstance(of_run, click.Option)
    assert (of_run.help or "").partition("  [default")[0] == option.help
    assert of_run.multiple is option.repeatable
    assert of_run.is_flag is not option.takes_value
    if option.choices:
        assert isinstance(of_run.type, click.Choice)
        assert tuple(of_run.type.choices) == option.choices == tuple(SUITE_KINDS)


def test_command_run_has_no_further_options() -> None:
    """The list is complete: what `run` has, pytest has too."""
    of_run = {name for row in run_command.params if isinstance(row, click.Option) for name in row.opts}
    assert of_run == {option.name for option in RUN_OPTIONS if option is not SERVICE}


def test_target_comes_from_the_option_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An option wins over the variable and the ini key."""
    monkeypatch.setenv("EHEALTH_TARGET", str(named_target(tmp_path, "variable")))
    ini = {"ehealth_target": named_target(tmp_path, "ini").name}
    run = planned_run(settings(tmp_path, ini=ini, target=str(named_target(tmp_path, "option"))))
    assert run.plan.target.name == "option"


def test_target_comes_from_the_variable_before_the_ini_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable wins over the ini key."""
    monkeypatch.setenv("EHEALTH_TARGET", str(named_target(tmp_path, "variable")))
    run = planned_run(settings(tmp_path, ini={"ehealth_target": named_target(tmp_path, "ini").name}))
    assert run.plan.target.name == "variable"


def test_paths_of_the_ini_file_count_from_its_folder(tmp_path: Path) -> None:
    """A target and an output folder of the ini file are found wherever pytest is started."""
    ini = {"ehealth_target": named_target(tmp_path, "ini").name, "ehealth_out": "evidence"}
    run = planned_run(settings(tmp_path, ini=ini))
    assert run.plan.target.name == "ini"
    assert run.out == tmp_path / "evidence"


def test_built_in_target_of_the_ini_file_is_no_path(tmp_path: Path) -> None:
    """The ini key takes the name of a built-in target as the option does."""
    run = planned_run(settings(tmp_path, ini={"ehealth_target": "status-sim"}))
    assert run.plan.target.name == "status-sim"


def test_without_any_setting_the_local_platform_is_tested(tmp_path: Path) -> None:
    """Defaults are those of `run`."""
    run = planned_run(settings(tmp_path))
    assert (run.plan.target.name, run.plan.seed, run.out) == ("local", 1, Path("reports"))


def test_other_settings_come_from_the_ini_file(tmp_path: Path) -> None:
    """Services, kinds, seed, examples and flags have ini keys."""
    ini = {
        "ehealth_service": ["status-dashboard"],
        "ehealth_kind": ["positive"],
        "ehealth_seed": 7,
        "ehealth_examples": 2,
        "ehealth_no_counterexamples": True,
        "ehealth_disclose_security": True,
        "ehealth_thorough": True,
    }
    run = planned_run(settings(tmp_path, ini=ini))
    assert [service.service for service in run.plan.services] == ["status-dashboard"]
    assert run.plan.selection.kinds == (CaseKind.POSITIVE,)
    assert (run.plan.seed, run.plan.examples, run.plan.counterexamples) == (7, 2, None)
    assert run.plan.disclose
    assert run.plan.thorough
    assert run.named


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("ehealth_kind", ["odd"], "pytest.ini: ehealth_kind: expected one of positive, "),
        ("ehealth_examples", 0, "pytest.ini: ehealth_examples: expected 1 or more, not 0"),
        ("ehealth_seed", -1, "pytest.ini: ehealth_seed: expected 0 or more, not -1"),
    ],
)
def test_wrong_value_of_the_ini_file_names_file_and_key(tmp_path: Path, key: str, value: object, message: str) -> None:
    """A value that cannot be is a usage error."""
    with pytest.raises(UsageError, match=message):
        planned_run(settings(tmp_path, ini={key: value}))


@pytest.mark.parametrize(
    ("argument", "pyargs", "named"),
    [
        ("SUITES", False, True),
        ("SUITES/test_status_dashboard.py", False, True),
        ("SUITES/test_status_dashboard.py::test_case[status-dashboard/7.2/dashboard]", False, True),
        ("conformance.suites", True, True),
        ("conformance.suites.test_status_dashboard::test_case", True, True),
        ("conformance.suites", False, False),
        ("conformance.suitescase", True, False),
        ("suites", False, False),
        (".", False, False),
        ("tests/test_own.py::test_own", False, False),
    ],
)
def test_arguments_that_name_the_suites(tmp_path: Path, argument: str, pyargs: bool, named: bool) -> None:  # noqa: FBT001
    """The suites' folder, what is in it, and their package name them; a foreign folder of the same name does not."""
    (tmp_path / "suites").mkdir()
    place = argument.replace("SUITES", str(suites_root()))
    assert names_suites([place], tmp_path, pyargs=pyargs) is named


def test_suites_of_a_clone_are_known_whatever_is_installed(tmp_path: Path) -> None:
    """A folder beside the package is the suites' folder, though another copy of the package runs."""
    (tmp_path / "conformance" / "plugin").mkdir(parents=True)
    (tmp_path / "conformance" / "plugin" / "recognition.py").touch()
    (tmp_path / "suites").mkdir()
    assert is_suites_folder(tmp_path / "suites")


def test_value_of_an_option_names_nothing() -> None:
    """What follows `--target` is no place to collect tests from."""
    arguments = ["--target", "suites/t.yaml", "--no-counterexamples", "tests", "--seed", "3"]
    assert without_values(arguments, ["suites/t.yaml", "tests", "3"]) == ["tests"]
