"""Progress of a long command on standard error: a bar on a terminal, else a line now and then.

Must not know what is counted.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TextIO, cast

from conformance.cli.closed_pipes import PipeSafeStream
from conformance.cli.console import Part, line_of, make_console
from conformance.model.wording import printable

_SECONDS_BETWEEN_LINES = 1


@contextmanager
def _standard_error_throughout() -> Iterator[TextIO]:
    """Give standard error as it is now, on a descriptor of its own: pytest captures the usual one during a test."""
    try:
        own = os.dup(sys.stderr.fileno())
    except (OSError, ValueError):  # a stream in memory has none
        yield sys.stderr
        return
    encoding = sys.stderr.encoding
    with os.fdopen(own, "w", encoding=encoding, errors="backslashreplace") as stream:
        safe = PipeSafeStream(stream)
        yield cast(TextIO, safe)
        safe.flush()


class ProgressDisplay:
    """Shows how many of a number of things are done: a bar on a terminal, else a line now and then."""

    def __init__(self, noun: str) -> None:
        """Count things that are called `noun`, in the plural."""
        from rich import progress  # noqa: PLC0415 - takes long to load, and only long commands need it

        self._noun = noun
        self._done = self._total = 0
        self._last_line = datetime.now(UTC)
        self._closing = ExitStack()
        stream = self._closing.enter_context(_standard_error_throughout())
        self._console = make_console(file=stream)
        self._bar = progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._closing.callback(self._bar.stop)

    def start(self, total: int) -> None:
        """Begin to count up to `total`."""
        self._total = total
        self._bar.start()
        self._task = self._bar.add_task("starting", total=total)

    def describe(self, text: str) -> None:
        """Name the thing that is being done."""
        self._bar.update(self._task, description=printable(text))

    def advance(self) -> None:
        """Count one more as done."""
        self._done += 1
        self._bar.advance(self._task)

    def report(self, *alarm: Part) -> None:
        """Print an alarm at once; without one, print how many are done, unless that was printed just before."""
        if alarm:
            self._console.print(line_of(*alarm))
        elif not self._console.is_terminal and self._line_is_due():
            self._last_line = datetime.now(UTC)
            self._console.print(f"{self._done} of {self._total} {self._noun}")

    def stop(self) -> None:
        """Remove the bar, at the first call."""
        self._closing.close()

    def _line_is_due(self) -> bool:
        waited = datetime.now(UTC) - self._last_line
        return waited.total_seconds() > _SECONDS_BETWEEN_LINES
