"""Tests of the user's own state: which target file a run folder was made with, and what is not believed."""

import json
import os
from pathlib import Path

import pytest

from conformance.state import run_targets
from conformance.state.folders import state_folder
from conformance.state.run_targets import RememberedTarget, remember, target_of_run


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty state."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Return a target file."""
    path = tmp_path / "t.yaml"
    path.write_text("name: t\n", encoding="utf-8")
    return path


def run_folder(parent: Path, name: str = "run") -> Path:
    """Make a run folder."""
    (parent / name).mkdir()
    return parent / name


def entry(state: Path) -> Path:
    """Return the only entry of a state."""
    [found] = (state / "ehealth-conformance" / "runs").iterdir()
    return found


def test_what_a_run_was_made_with_is_remembered(state: Path, target: Path, tmp_path: Path) -> None:
    """The file's whole path and its hash stand in a private file of this user's."""
    folder = run_folder(tmp_path)
    assert target_of_run(folder) is None
    remember(folder, target)
    found = target_of_run(folder)
    assert found is not None
    assert (found.file, found.is_unchanged()) == (target, True)
    assert entry(state).stat().st_mode & 0o777 == 0o600
    assert entry(state).parent.stat().st_mode & 0o777 == 0o700


def test_changed_or_missing_file_is_told_apart(state: Path, target: Path, tmp_path: Path) -> None:  # noqa: ARG001
    """A file with other bytes, or none, is not the one that was remembered."""
    folder = run_folder(tmp_path)
    remember(folder, target)
    found = target_of_run(folder)
    target.write_text("name: u\n", encoding="utf-8")
    assert isinstance(found, RememberedTarget)
    assert not found.is_unchanged()
    target.unlink()
    assert not found.is_unchanged()


def test_run_of_a_built_in_target_leaves_nothing(state: Path, tmp_path: Path) -> None:
    """Where there is no target file, there is nothing to remember."""
    remember(run_folder(tmp_path), None)
    assert not state.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "5", "{}", '{"folder": 1, "file": 2, "sha256": 3}', "[" * 9000])
def test_damaged_entry_is_no_entry(state: Path, target: Path, tmp_path: Path, text: str) -> None:
    """What cannot be read as an entry counts for nothing, and breaks nothing."""
    folder = run_folder(tmp_path)
    remember(folder, target)
    entry(state).write_text(text, encoding="utf-8")
    assert target_of_run(folder) is None


def test_entry_of_another_folder_is_not_believed(state: Path, target: Path, tmp_path: Path) -> None:
    """An entry holds for the folder that it names."""
    folder = run_folder(tmp_path)
    remember(folder, target)
    told = json.loads(entry(state).read_text("utf-8"))
    entry(state).write_text(json.dumps(told | {"folder": "/elsewhere"}), encoding="utf-8")
    assert target_of_run(folder) is None


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_entry_that_others_may_write_is_not_believed(state: Path, target: Path, tmp_path: Path, mode: int) -> None:
    """A state in which others can write says nothing about this user's runs."""
    folder = run_folder(tmp_path)
    remember(folder, target)
    entry(state).chmod(mode)
    assert target_of_run(folder) is None


def test_state_that_cannot_be_written_is_survived(state: Path, target: Path, tmp_path: Path) -> None:
    """A file in the place of the state's folder ends no run."""
    state.write_text("", encoding="utf-8")
    folder = run_folder(tmp_path)
    remember(folder, target)
    assert target_of_run(folder) is None


def test_oldest_runs_are_forgotten(state: Path, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more runs are remembered than there is room for."""
    monkeypatch.setattr(run_targets, "MOST_RUNS", 3)
    folders = [run_folder(tmp_path, f"run{number}") for number in range(5)]
    for number, folder in enumerate(folders):
        before = set((state / "ehealth-conformance" / "runs").glob("*"))
        remember(folder, target)
        [new] = set((state / "ehealth-conformance" / "runs").iterdir()) - before
        os.utime(new, (1_000_000 + number, 1_000_000 + number))
    remembered = [target_of_run(folder) is not None for folder in folders]
    assert sum(remembered) == 3
    assert remembered[-2:] == [True, True]


@pytest.mark.parametrize(
    ("environment", "platform", "place"),
    [
        ({"XDG_STATE_HOME": "/s"}, "linux", Path("/s")),
        ({"XDG_STATE_HOME": "s"}, "linux", Path.home() / ".local" / "state"),
        ({}, "linux", Path.home() / ".local" / "state"),
        ({}, "darwin", Path.home() / "Library" / "Application Support"),
        ({"LOCALAPPDATA": "/l"}, "win32", Path("/l")),
    ],
)
def test_state_is_where_the_platform_has_it(environment: dict[str, str], platform: str, place: Path) -> None:
    """XDG's variable counts where it is a whole path, else what is usual."""
    assert state_folder(environment, platform) == place


def test_user_without_home_has_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing tells of a home, nothing is remembered."""

    def none() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", none)
    assert state_folder({}, "linux") is None
