"""Lets a command go on once its output leads nowhere: `list cases | head`, a terminal that is closed, a full disk.

A reader that has gone is no error, and nothing is said of it; an output that is full is one, once the work is done.
Must not decide how a command ends.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, cast

_GONE = frozenset({errno.EPIPE, errno.EIO, errno.ENXIO, errno.EBADF})
"""What a write says whose pipe was closed, or whose terminal."""


class PipeSafeStream:
    """A text stream that drops what it is given once nothing can be written any more.

    `trouble` is why, None where all was written or its reader has gone.
    """

    def __init__(self, stream: TextIO) -> None:
        """Write to `stream` while somebody reads it."""
        self._stream = stream
        self.trouble: OSError | None = None

    def write(self, text: str) -> int:
        """Write text, or drop it."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._drop_everything(error)
            return len(text)

    def flush(self) -> None:
        """Hand on what is buffered, or drop it."""
        try:
            self._stream.flush()
        except OSError as error:
            self._drop_everything(error)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else the stream has
        """Return what the stream itself has: encoding, isatty, fileno and so on; not its bytes.

        click writes bytes in an encoding of its own choice where the stream's is ASCII, past this guard.
        """
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self._stream, name)

    def _drop_everything(self, error: OSError) -> None:
        """Point the file descriptor at nothing, so that the interpreter's own last flush succeeds too."""
        if error.errno not in _GONE:
            self.trouble = self.trouble or error
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, self._stream.fileno())
        os.close(nothing)
        with suppress(OSError):  # what was buffered
            self._stream.flush()


@contextmanager
def pipe_safe_output() -> Iterator[tuple[PipeSafeStream, PipeSafeStream]]:
    """Guard standard output and standard error for a while; both are flushed at the end."""
    before = sys.stdout, sys.stderr
    with ExitStack() as opened:
        out, err = (PipeSafeStream(_open(stream, opened)) for stream in before)
        sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
        try:
            yield out, err
        finally:
            out.flush()
            err.flush()
            sys.stdout, sys.stderr = before


def _open(stream: TextIO | None, opened: ExitStack) -> TextIO:
    """Return a stream, or one that leads nowhere where its descriptor was closed from the start (`>&-`)."""
    if stream is not None:
        return stream
    return opened.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
