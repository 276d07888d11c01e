"""Specs that somebody edits while those of another copy are read: said on standard error, and never a wrong word."""

import shutil
from pathlib import Path

import pytest

from conformance.formats.schemas import specs_root
from conformance.formats.unread_specs import unread_specs_note
from tests.campaigns import told


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a folder with specs of its own, as a clone has them."""
    (tmp_path / "specs").mkdir()
    shutil.copytree(specs_root() / "formats", tmp_path / "specs" / "formats")
    return tmp_path


def test_specs_of_a_clone_that_are_not_read_are_told(clone: Path) -> None:
    """The note says which are read; what is printed for programs is as it was."""
    done = told("list", "services", "--format", "json", cwd=clone)
    assert done.stderr.startswith(f"note: ./specs is not read: commands read {specs_root()}")
    assert done.stdout.startswith("[")


def test_clone_says_how_to_have_its_own_read(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package stands beside the specs, Python can run it from there."""
    (clone / "conformance").mkdir()
    (clone / "conformance" / "__main__.py").touch()
    monkeypatch.chdir(clone)
    assert unread_specs_note().endswith("or install this clone with `pip install -e .`")


def test_specs_that_are_read_need_no_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where commands read the folder itself, by a link too, nothing is said."""
    (tmp_path / "specs").symlink_to(specs_root())
    monkeypatch.chdir(tmp_path)
    assert not unread_specs_note()


def test_specs_of_somebody_else_need_no_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of that name that holds something else is none of ours."""
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "model_spec.rb").touch()
    monkeypatch.chdir(tmp_path)
    assert not unread_specs_note()


def test_lint_says_which_folder_it_read(clone: Path) -> None:
    """Without an argument it is the one of the package, with one it is that one, and nothing is said of the other."""
    default = told("lint", cwd=clone)
    assert default.stdout == f"{specs_root()}: no mistakes found\n"
    assert default.stderr.startswith("note: ./specs is not read")
    named = told("lint", "specs", cwd=clone)
    assert "note:" not in named.stderr
    assert str(clone / "specs") in named.stderr
