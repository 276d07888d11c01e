"""Remembers for this user which target file each run folder was made with, and tells it again.

A run folder may come from anybody; what it says of a target file holds only where this user's own state says the same.
Must not read a target file for anything but its hash, nor print.
"""

import hashlib
import json
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from conformance.files.reading import UnreadableFileError, read_bounded
from conformance.files.writing import write_atomically
from conformance.state.folders import state_folder

MOST_RUNS: Final = 1000
"""Runs that are remembered; the oldest are forgotten."""
_LARGEST_ENTRY: Final = 16 * 2**10
"""Bytes that an entry may have: two paths and a hash."""
_LARGEST_TARGET: Final = 4 * 2**20
"""Bytes of a target file of which a hash is made; a target file is smaller by far."""
_NOT_ONLY_MINE: Final = stat.S_IWGRP | stat.S_IWOTH
_OWN_FOLDER: Final = Path("ehealth-conformance", "runs")


@dataclass(frozen=True, slots=True)
class RememberedTarget:
    """The target file that a run was made with: its whole path, and the SHA-256 (hex) of its bytes then."""

    file: Path
    sha256: str

    def is_unchanged(self) -> bool:
        """Tell whether the file holds the very bytes that it held when the run was made."""
        return _digest(self.file) == self.sha256


def remember(run_folder: Path, target_file: Path | None) -> None:
    """Remember that a run folder of one's own is made with a target file; a state that cannot be written is none."""
    place = _entry_of(run_folder)
    if target_file is None or place is None:
        return
    with suppress(OSError, ValueError):
        digest = _digest(target_file)
        told = {
            "folder": str(run_folder.resolve()),
            "file": str(target_file.resolve()),
            "sha256": digest,
        }
        if digest:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(place, json.dumps(told))
            _forget_oldest(place.parent)


def target_of_run(run_folder: Path) -> RememberedTarget | None:
    """Return the target file that this user's own run made a folder with, None where the state knows of none."""
    place = _entry_of(run_folder)
    if place is None or not _is_private(place):
        return None
    try:
        told = json.loads(read_bounded(place, _LARGEST_ENTRY))
        folder, file, digest = (told[key] for key in ("folder", "file", "sha256"))
    except (UnreadableFileError, ValueError, LookupError, TypeError, RecursionError):
        return None
    if not (isinstance(file, str) and isinstance(digest, str)):
        return None
    return (
        RememberedTarget(Path(file), digest)
        if folder == str(run_folder.resolve())
        else None
    )


def _entry_of(run_folder: Path) -> Path | None:
    """Return where the state tells of a run folder: a file of its own, so that runs side by side lose nothing."""
    state = state_folder()
    if state is None:
        return None
    try:
        name = str(run_folder.resolve())
    except (OSError, ValueError):
        return None
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
    return state / _OWN_FOLDER / f"{digest}.json"


def _digest(file: Path) -> str:
    """Return the SHA-256 of a file's bytes as hex, "" where it cannot be read."""
    try:
        return hashlib.sha256(read_bounded(file, _LARGEST_TARGET)).hexdigest()
    except UnreadableFileError:
        return ""


def _is_private(place: Path) -> bool:
    """Tell whether nobody else can have written an entry: it and its folder are this user's, and closed to others."""
    if not hasattr(os, "geteuid"):
        return True  # the platform's own rights keep others out of the user's folder
    try:
        found = [place.lstat(), place.parent.stat()]
    except OSError:
        return False
    return all(
        one.st_uid == os.geteuid() and not one.st_mode & _NOT_ONLY_MINE for one in found
    )


def _forget_oldest(folder: Path) -> None:
    """Remove the oldest entries where there are more than are kept."""
    entries = list(folder.iterdir())
    if len(entries) <= MOST_RUNS:
        return
    by_age = sorted(entries, key=lambda entry: entry.stat().st_mtime_ns)
    for entry in by_age[:-MOST_RUNS]:
        entry.unlink(missing_ok=True)
