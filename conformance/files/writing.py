"""Writes private files that appear complete or not at all.

Must not know what is written.
"""

import os
from contextlib import suppress
from pathlib import Path


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
