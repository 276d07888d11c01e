"""Run folders: made private and new, written atomically, found again.

Must not know what a run does.
"""

import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from conformance.model.errors import UsageError

RESULTS, JUNIT = "results.json", "junit.xml"
DEFAULT_FOLDER = "reports"
"""Where run folders are made, and looked for, where nothing else is said."""


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


def write_atomically(path: Path, text: str) -> None:
    """Write a private text file so that it appears complete or not at all.

    Raises OSError where it cannot be written; what stood there before stays, and no draft is left.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    try:
        with open(
            draft,
            "w",
            encoding="utf-8",
            errors="backslashreplace",
            opener=lambda name, _: os.open(name, flags, 0o600),
        ) as file:
            file.write(text)
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def run_folders(parent: Path) -> Iterable[Path]:
    """Return the run folders below a folder, oldest first."""
    return sorted(path.parent for path in parent.glob(f"*/{RESULTS}"))
