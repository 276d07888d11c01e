"""Progress of a long command on standard error: a bar on a terminal, else a line now and then; and what is left.

Must not know what is counted.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO, cast

from conformance.cli.closed_pipes import PipeSafeStream
from conformance.cli.console import Part, line_of, make_console
from conformance.model.wording import printable, span

_SECONDS_BETWEEN_LINES = 1
_TELLING = 10
"""Requests after which a pace is one."""
_WORTH_SAYING = 5
"""Seconds from which the time left is said."""
_STEP = 5
"""Seconds to which it is rounded, so that it does not flicker."""


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
        self._left = ""
        self._last_line = datetime.now(UTC)
        self._closing = ExitStack()
        stream = self._closing.enter_context(_standard_error_throughout())
        self._console = make_console(file=stream)
        self._bar = progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TextColumn("{task.fields[left]}", markup=False),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._closing.callback(self._bar.stop)

    def start(self, total: int) -> None:
        """Begin to count up to `total`."""
        self._total = total
        self._bar.start()
        self._task = self._bar.add_task("starting", total=total, left="")

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
            left = f", {self._left}" if self._left else ""
            self._console.print(f"{self._done} of {self._total} {self._noun}{left}")

    def expect(self, seconds: float) -> None:
        """Say how much longer it takes, where that is long enough to be of use."""
        self._left = f"about {span(_rounded(seconds))} left"
        if seconds < _WORTH_SAYING:
            self._left = ""
        self._bar.update(self._task, left=self._left)

    def stop(self) -> None:
        """Remove the bar, at the first call."""
        self._closing.close()

    def _line_is_due(self) -> bool:
        waited = datetime.now(UTC) - self._last_line
        return waited.total_seconds() > _SECONDS_BETWEEN_LINES


def _rounded(seconds: float) -> int:
    return max(_STEP, round(seconds / _STEP) * _STEP)


@dataclass(slots=True)
class Pace:
    """How long the rest of a run takes: by what its cases are expected to send, its pace so far, and its rate.

    `expected` are the requests of each case still to come, `least` the seconds that one takes at least.
    """

    expected: dict[str, int]
    least: float
    sent: int = 0
    _of_case: int = 0

    def exchange(self) -> None:
        """Count one request of the case under way."""
        self.sent += 1
        self._of_case += 1

    def end(self, case: str) -> None:
        """Take note that a case is over, whatever it has sent."""
        self.expected.pop(case, None)
        self._of_case = 0

    def left(self, elapsed: float) -> float:
        """Return the seconds that the rest takes, after so many have gone by; 0 while that cannot be told."""
        own = elapsed / self.sent if self.sent >= _TELLING else 0.0
        each = max(self.least, own)
        return max(0, sum(self.expected.values()) - self._of_case) * each


def make_pace(requests: Mapping[str, int], rate: float | None) -> Pace:
    """Return the pace of a run that is about to begin."""
    return Pace(dict(requests), 1 / rate if rate else 0.0)
