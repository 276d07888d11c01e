"""Lets a command go on in silence once the reader of its output has gone: `ehealth-conformance list cases | head`.

Must not decide how a command ends: its exit code is that of its work, whoever reads along.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO, cast


class PipeSafeStream:
    """A text stream that drops what it is given once the other end of its pipe is closed."""

    def __init__(self, stream: TextIO) -> None:
        """Write to `stream` while somebody reads it."""
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text, or drop it."""
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._drop_everything()
            return len(text)

    def flush(self) -> None:
        """Hand on what is buffered, or drop it."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._drop_everything()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else the stream has
        """Return what the stream itself has: encoding, isatty, fileno and so on; not its bytes.

        click writes bytes in an encoding of its own choice where the stream's is ASCII, past this guard.
        """
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self._stream, name)

    def _drop_everything(self) -> None:
        """Point the file descriptor at nothing, so that the interpreter's own last flush succeeds too."""
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, self._stream.fileno())
        os.close(nothing)


@contextmanager
def pipe_safe_output() -> Iterator[None]:
    """Guard standard output and standard error for a while; both are flushed at the end."""
    before = sys.stdout, sys.stderr
    with ExitStack() as opened:
        guarded = [PipeSafeStream(_open(stream, opened)) for stream in before]
        sys.stdout, sys.stderr = (cast(TextIO, stream) for stream in guarded)
        try:
            yield
        finally:
            for stream in guarded:
                stream.flush()
            sys.stdout, sys.stderr = before


def _open(stream: TextIO | None, opened: ExitStack) -> TextIO:
    """Return a stream, or one that leads nowhere where its descriptor was closed from the start (`>&-`)."""
    if stream is not None:
        return stream
    return opened.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
