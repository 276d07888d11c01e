"""Reads files that others wrote: regular files only, up to a size, never waiting for a pipe or a device.

The one reader of foreign files; who calls it says what the file is for. Must not know what a file holds.
"""

import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

_NO_WAITING: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""A pipe whose writer never comes, put in the place of a file after it was looked at, is opened at once."""
_KINDS: Final = (
    (stat.S_ISDIR, "a folder", "name the file itself"),
    (stat.S_ISFIFO, "a pipe", "save what it gives as a file, and name that"),
    (stat.S_ISSOCK, "a socket", "name the file itself"),
)
_OTHER_KIND: Final = ("a device", "name the file itself")


class UnreadableFileError(Exception):
    """A file cannot be read: what is wrong with it, to be said behind its name, and the remedy."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.problem, self.remedy = problem, remedy

    def about(self, name: str | Path) -> str:
        """Return a line that says so of a file by its name."""
        shown = str(name).replace("\0", "\\0")
        return f"{shown}{self.problem}; {self.remedy}"


def read_bounded(path: Path, largest: int) -> bytes:
    """Return the bytes of a regular file, however it grows meanwhile.

    Raises UnreadableFileError where it is missing, no file, not to be read, or of more than `largest` bytes.
    """
    with open_file(path) as file:
        try:
            raw = file.read(largest + 1)
        except OSError as error:
            raise _denied(error) from None
    if len(raw) > largest:
        raise UnreadableFileError(
            f" is larger than {largest} bytes, too many for this", "name the right file"
        )
    return raw


def open_file(path: Path) -> BinaryIO:
    """Return a regular file to be read from; raises UnreadableFileError where it is missing or none."""
    try:
        # Before opening, since opening a device may do something.
        _demand_file(path.stat().st_mode)
        file = open(os.open(path, os.O_RDONLY | _NO_WAITING), "rb")  # noqa: PTH123, SIM115 - of a descriptor; the caller closes it
    except FileNotFoundError:
        raise UnreadableFileError(
            ": there is no such file", "put it there or correct the path"
        ) from None
    except OSError as error:
        raise _denied(error) from None
    except ValueError:  # a NUL or a lone surrogate
        raise UnreadableFileError(" is not the name of a file", "correct it") from None
    try:
        _demand_file(os.fstat(file.fileno()).st_mode)
    except UnreadableFileError:
        file.close()
        raise
    return file


def _denied(error: OSError) -> UnreadableFileError:
    return UnreadableFileError(
        f" cannot be read: {error.strerror}", "let this user read it"
    )


def _demand_file(mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    kinds = (words for is_kind, *words in _KINDS if is_kind(mode))
    kind, remedy = next(kinds, _OTHER_KIND)
    raise UnreadableFileError(f" is not a file but {kind}", remedy)
