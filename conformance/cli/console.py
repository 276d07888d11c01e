"""What all commands print with: lines, tables, JSON and CSV. There is no markup: every text is shown as it stands.

A part of a line has a style only where it is `Styled`. Control characters and what else a terminal would obey are
shown as U+FFFD, whatever the text's origin (`printable`). rich is loaded by the first styled line or table.
Must not know what is printed.
"""

import functools
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from conformance.model.wording import printable, printable_json, printable_lines

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

Row = Mapping[str, str]
"""A row of a table: a text for each column."""

VERDICT_STYLES = {
    "pass": "green",
    "fail": "bold red",
    "error": "bold magenta",
    "inconclusive": "yellow",
}

_USUAL, _WIDE, _WIDE_TABLE = 80, 140, 200
"""Columns of an output that is no terminal: enough that no line or table loses words."""
_GAP = 2
"""Characters between two columns of a table."""
_LONGEST_WORD = 120
"""Characters from which a word is folded: no id is so long."""


@dataclass(frozen=True, slots=True)
class Styled:
    """A part of a line in one of rich's styles, such as `bold red`."""

    text: str
    style: str


Part = str | Styled
"""A part of a line: plain text, whoever wrote it, or text with a style."""


def verdict_part(verdict: str, width: int = 0) -> Styled:
    """Return a verdict in its style, filled up to a number of columns."""
    words = verdict.replace("_", " ")
    return Styled(f"{words:{width}}", VERDICT_STYLES.get(verdict, "dim"))


@functools.cache
def standard_output() -> "Console":
    """Return the console for what a command was asked for."""
    return make_console(stderr=False, width=None if sys.stdout.isatty() else _WIDE)


@functools.cache
def standard_error() -> "Console":
    """Return the console for errors and warnings."""
    return make_console(stderr=True, width=None)


def make_console(
    *, stderr: bool = False, width: int | None = None, file: TextIO | None = None
) -> "Console":
    """Return a console that takes no text for markup, emoji codes or anything else; plain where NO_COLOR is set."""
    from rich.console import Console  # noqa: PLC0415 - takes long to load, and plain text does without

    if width is None and os.environ.get("COLUMNS") == "0":
        width = _USUAL  # a terminal that does not know its size says so
    return Console(
        file=file,
        stderr=stderr,
        markup=False,
        highlight=False,
        emoji=False,
        soft_wrap=True,
        width=width,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
    )


def line_of(*parts: Part) -> "Text":
    """Return parts as rich's text, one after the other."""
    from rich.text import Text  # noqa: PLC0415 - takes long to load, and plain text does without

    line = Text()
    for part in parts:
        if isinstance(part, Styled):
            line.append(printable(part.text), part.style)
        else:
            line.append(printable(part))
    return line


def print_line(*parts: Part) -> None:
    """Print parts as one line."""
    standard_output().print(line_of(*parts))


def print_plain(text: str) -> None:
    """Print a line without style."""
    _write(sys.stdout, printable(text) + "\n")


def print_text(text: str) -> None:
    """Print lines without style, with a line feed at the end; nothing for no text."""
    if text:
        _write(sys.stdout, printable_lines(text.removesuffix("\n")) + "\n")


def print_json(value: object) -> None:
    """Print a value as JSON; what a terminal would obey is escaped, as JSON allows."""
    text = json.dumps(value, indent=1, ensure_ascii=False)
    _write(sys.stdout, printable_json(text) + "\n")


def print_error(message: str, word: str = "error") -> None:
    """Print an error, or what belongs to it under another `word`, to standard error."""
    standard_error().print(line_of(Styled(f"{word}:", "bold red"), f" {message}"))


def print_aside(text: str) -> None:
    """Print lines without style to standard error; nothing for no text."""
    if not text:
        return
    _write(sys.stderr, printable_lines(text.removesuffix("\n")) + "\n")


def print_table(rows: Sequence[Row]) -> None:
    """Print rows as a table; words wrap inside their column, and none is cut: an id can be copied."""
    console = make_console(width=None if sys.stdout.isatty() else _WIDE_TABLE)
    console.soft_wrap = False  # columns wrap inside the table
    widths = _column_widths(rows, console.width)
    table = new_table()
    for column, characters in widths.items():
        table.add_column(column, overflow="fold", width=characters)
    for row in rows:
        table.add_row(*map(line_of, row.values()))
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


def _write(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()


def new_table() -> "Table":
    """Return an empty table in the style of the house."""
    from rich.table import Table  # noqa: PLC0415 - takes long to load, and only tables need it

    return Table(box=None, pad_edge=False)


def as_csv(rows: Sequence[Row]) -> str:
    """Return rows as CSV with a header, each cell in one line."""
    import csv  # noqa: PLC0415 - one form of one command needs it
    import io  # noqa: PLC0415 - one form of one command needs it

    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: printable(value) for name, value in row.items()})
    return text.getvalue()
