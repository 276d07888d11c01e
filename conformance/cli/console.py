"""What all commands print with: lines, tables, CSV and progress, with foreign text made harmless.

rich is loaded by the first styled line or table; plain text needs click alone. Must not know what is printed.
"""

import functools
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO, cast

import click

from conformance.cli.closed_pipes import PipeSafeStream

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

Row = Mapping[str, str]
"""A row of a table: a text for each column."""

VERDICT_STYLES = {
    "pass": "green",
    "fail": "bold red",
    "error": "bold magenta",
    "inconclusive": "yellow",
}

_WIDE, _WIDE_TABLE = 140, 200
"""Columns of an output that is no terminal: enough that no line or table loses words."""
_GAP = 2
"""Characters between two columns of a table."""
_LONGEST_WORD = 120
"""Characters from which a word is folded: no id is so long."""
_SECONDS_BETWEEN_LINES = 1
_BRACKET = re.compile(r"(\\*)\[(?=([a-z#/@][^\[]*?\])?)")
"""A bracket with the backslashes before it, and what would make it one of rich's tags."""


@functools.cache
def standard_output() -> "Console":
    """Return the console for what a command was asked for."""
    return _console(stderr=False, width=None if sys.stdout.isatty() else _WIDE)


@functools.cache
def standard_error() -> "Console":
    """Return the console for errors, warnings and progress."""
    return _console(stderr=True, width=None)


def _console(
    *, stderr: bool = False, width: int | None = None, file: TextIO | None = None
) -> "Console":
    from rich.console import Console  # noqa: PLC0415 - takes long to load, and plain text does without

    return Console(
        file=file,
        stderr=stderr,
        highlight=False,
        emoji=False,
        soft_wrap=True,
        width=width,
    )


@contextmanager
def _standard_error_throughout() -> Iterator[TextIO]:
    """Give standard error as it is now, on a descriptor of its own: pytest captures the usual one during a test."""
    try:
        own = os.dup(sys.stderr.fileno())
    except (OSError, ValueError):  # a stream in memory has none
        yield sys.stderr
        return
    with os.fdopen(own, "w", encoding=sys.stderr.encoding, errors="replace") as stream:
        safe = PipeSafeStream(stream)
        yield cast(TextIO, safe)
        safe.flush()


def print_styled(*parts: str, separator: str = " ") -> None:
    """Print a line with rich's markup; foreign text in it must have been escaped."""
    standard_output().print(*parts, sep=separator)


def print_plain(text: str) -> None:
    """Print a line of foreign text as it is, but for control characters."""
    click.echo(printable(text))


def print_error(message: str, word: str = "error") -> None:
    """Print an error, or what belongs to it under another `word`, to standard error."""
    standard_error().print(f"[bold red]{word}:[/] {escaped(message)}")


def print_table(rows: Sequence[Row]) -> None:
    """Print rows of foreign text as a table; words wrap inside their column, and none is cut: an id can be copied."""
    from rich.console import Console  # noqa: PLC0415 - takes long to load, and only tables need it

    width = None if sys.stdout.isatty() else _WIDE_TABLE
    console = Console(highlight=False, emoji=False, width=width)
    widths = _column_widths(rows, console.width)
    table = new_table()
    for column, characters in widths.items():
        table.add_column(column, overflow="fold", width=characters)
    for row in rows:
        table.add_row(*(escaped(value) for value in row.values()))
    needed = sum(widths.values()) + _GAP * len(widths)
    console.width = max(console.width, needed)
    console.print(table)


def _column_widths(rows: Sequence[Row], characters: int) -> dict[str, int]:
    """Return how wide each column is: as wide as its longest word, and with a share of what is left of a line."""
    least, most = {}, {}
    for column in rows[0]:
        texts = [column, *(row[column] for row in rows)]
        words = (word for text in texts for word in text.split())
        least[column] = min(max(map(len, words)), _LONGEST_WORD)
        most[column] = max(least[column], *map(len, texts))
    left = max(0, characters - sum(least.values()) - _GAP * len(least))
    wanted = sum(most.values()) - sum(least.values())
    share = min(1.0, left / wanted) if wanted else 0.0
    return {
        column: width + int(share * (most[column] - width))
        for column, width in least.items()
    }


def new_table() -> "Table":
    """Return an empty table in the style of the house."""
    from rich.table import Table  # noqa: PLC0415 - takes long to load, and only tables need it

    return Table(box=None, pad_edge=False)


def as_csv(rows: Sequence[Row]) -> str:
    """Return rows as CSV with a header."""
    import csv  # noqa: PLC0415 - one form of one command needs it
    import io  # noqa: PLC0415 - one form of one command needs it

    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def printable(text: str) -> str:
    """Return foreign text without control characters that a terminal would obey."""
    return "".join(
        character if character.isprintable() else "\ufffd" for character in text
    )


def escaped(text: str) -> str:
    """Return foreign text without control characters, and without what rich would take for markup."""
    safe = _BRACKET.sub(_escaped_bracket, printable(text))
    # A backslash at the end would escape the markup that follows.
    return safe + "\\" * (len(safe) - len(safe.rstrip("\\")))


def _escaped_bracket(found: "re.Match[str]") -> str:
    """Return a bracket as rich prints it: before a tag each backslash counts twice, before another bracket once."""
    return found[1] * (2 if found[2] else 1) + "\\["


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
        self._console = _console(file=stream)
        self._bar = progress.Progress(
            progress.TextColumn("{task.description}"),
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
        self._bar.update(self._task, description=text)

    def advance(self) -> None:
        """Count one more as done."""
        self._done += 1
        self._bar.advance(self._task)

    def report(self, alarm: str = "") -> None:
        """Print an alarm at once; without one, print how many are done, unless that was printed just before."""
        if alarm:
            self._console.print(alarm)
        elif not self._console.is_terminal and self._line_is_due():
            self._last_line = datetime.now(UTC)
            self._console.print(f"{self._done} of {self._total} {self._noun}")

    def stop(self) -> None:
        """Remove the bar, at the first call."""
        self._closing.close()

    def _line_is_due(self) -> bool:
        waited = datetime.now(UTC) - self._last_line
        return waited.total_seconds() > _SECONDS_BETWEEN_LINES
