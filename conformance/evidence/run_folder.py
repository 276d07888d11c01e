"""Run folders: made private and new, written atomically, found again.

Must not know what a run does.
"""

import os
import re
import secrets
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from conformance.model.errors import UsageError

RESULTS, JUNIT = "results.json", "junit.xml"
DEFAULT_FOLDER = "reports"
"""Where run folders are made, and looked for, where nothing else is said."""
_FINISHED = re.compile(rb'"finished": "([0-9T:.+-]+)"')
_HEAD = 8 * 2**10
"""Bytes of a results.json within which it says when the run was over."""


def relative_target_path(folder: Path, file: Path | None) -> str:
    """Return where a target file is, as seen from a run folder: `../../my-target.yaml`.

    The name alone where it is not below the folder that holds all run folders: the path above it stays private.
    """
    if file is None:
        return ""
    file, folder = file.resolve(), folder.resolve()
    top = folder.parent.parent
    near = top != Path(top.anchor) and file.is_relative_to(top)
    return Path(os.path.relpath(file, folder)).as_posix() if near else file.name


def run_name(folder: Path) -> str:
    """Return how a command names a run from where it was made, such as `out/ID`; "" where its id is enough.

    The path to a folder elsewhere stays private.
    """
    here = Path.cwd()
    place = folder.resolve()
    if place.parent == here / DEFAULT_FOLDER or not place.is_relative_to(here):
        return ""
    return place.relative_to(here).as_posix()


def make_folder(parent: Path, now: datetime) -> Path:
    """Make and return a new private run folder, named by the time and a few random letters.

    Raises UsageError where the parent cannot be written.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = parent / f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise UsageError(
            f"{parent}: no run folder can be made here: {error.strerror}"
        ) from error
    return folder


def use_folder(folder: Path) -> Path:
    """Return a folder of the user's choice as a private run folder, made where it is not there yet.

    Raises UsageError where it is no folder, cannot be written, or holds something: no run is ever overwritten.
    """
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - its name is the run's id, be it "." or a link
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        taken = any(folder.iterdir())
        if not taken:
            folder.chmod(0o700)
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot be the run folder: {error.strerror}"
        ) from error
    if taken:
        raise UsageError(
            f"{folder}: a run folder has to be new or empty, and this one holds files; name another one or empty it"
        )
    return folder


def run_folders(parent: Path) -> Iterable[Path]:
    """Return the run folders below a folder, oldest first."""
    return sorted(path.parent for path in parent.glob(f"*/{RESULTS}"))


def newest_first(parent: Path) -> list[Path]:
    """Return the run folders below a folder: that which ended last first, those that do not say when at the end."""
    ended = [(_finished(folder), folder) for folder in run_folders(parent)]
    return [folder for _, folder in sorted(ended, reverse=True)]


def _finished(folder: Path) -> bytes:
    """Return when a run was over as its results say it, empty where they do not."""
    try:
        with (folder / RESULTS).open("rb") as file:
            found = _FINISHED.search(file.read(_HEAD))
    except OSError:
        return b""
    return found[1] if found else b""
