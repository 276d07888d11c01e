"""An append-only file of JSON lines that several processes may write to.

Must not know what a line says.
"""

import json
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from conformance.model.errors import NotKeptError, not_kept

try:
    import fcntl
except ModuleNotFoundError:  # a system that has no such locks
    _LOCKS = False
else:
    _LOCKS = True

CLOSED = "is closed: an earlier line of it could not be written"
"""How the trouble with a file ends that was found closed; whoever closed it has said why."""

_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


class JsonLines:
    """Appends values to a private file (mode 0600), one a line; the last whole line always ends the file.

    Each line is a single write in append mode, so that a killed process loses at most the line under way. A line that
    cannot be written whole is taken back, and the file is sealed: nothing is appended to it any more, by whichever
    process, so that it never has a gap.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, or create it; raises NotKeptError where that cannot be."""
        self._path = path
        self._turn = threading.Lock()
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        try:
            self._file = os.open(path, flags, 0o600)
        except OSError as error:
            raise not_kept(path, error) from error

    def append(self, value: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        """Write a value as a line; it is on its way to the disk when this returns.

        Raises NotKeptError where it cannot be written, now or since an earlier one could not.
        """
        line = f"{_ENCODE(value)}\n".encode("ascii")
        with self._alone():
            if trouble := self.trouble:
                raise NotKeptError(trouble)
            size = os.fstat(self._file).st_size
            try:
                self._write(line)
            except OSError as error:
                self._take_back(size)
                raise not_kept(self._path, error) from error

    @property
    def trouble(self) -> str:
        """Return why nothing more can be appended, "" where something can."""
        if os.fstat(self._file).st_mode & stat.S_IWUSR:
            return ""
        return f"{self._path} {CLOSED}"

    def close(self) -> None:
        """Close the file; what was written stays."""
        os.close(self._file)

    def seal(self) -> None:
        """Let nobody append anything any more; the file's mode says so, which takes no room."""
        with suppress(OSError):
            self._path.chmod(stat.S_IRUSR)

    def _write(self, line: bytes) -> None:
        left = memoryview(line)
        while left:
            left = left[os.write(self._file, left) :]

    def _take_back(self, size: int) -> None:
        """Let the file end as it did before a line was cut short, and seal it."""
        with suppress(OSError):
            os.ftruncate(self._file, size)
        self.seal()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads and processes from writing, so that what is taken back is one's own."""
        with self._turn:
            if not _LOCKS:
                yield
                return
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)


def is_sealed(path: Path) -> bool:
    """Tell whether a line could not be written to a file of lines, so that its run was stopped."""
    try:
        return not path.stat().st_mode & stat.S_IWUSR
    except OSError:
        return False
