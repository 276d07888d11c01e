"""Plain English for what is counted, options as they are written, and foreign text that is safe to show.

Must not know what it is about.
"""

import re
import shlex
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

_REPLACED = "\N{REPLACEMENT CHARACTER}"
_NOT_ASCII_TEXT = re.compile(r"[^ -~\n]")


def count_of(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, in the plural but for one; `plural` is that of a noun without -s."""
    if number == 1:
        return f"{number} {noun}"
    return f"{number} {plural or f'{noun}s'}"


def span(seconds: float) -> str:
    """Return a length of time in its largest fitting unit."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length:
            return count_of(round(seconds / length), unit)
    return count_of(round(seconds), "second")


def place_words(location: str, count: int) -> str:
    """Return where something is that was found so many times, the first time at `location`, perhaps always there."""
    if count == 1:
        return location
    return f"{location} ({count_of(count, 'time')})".strip()


def kind_words(kinds: int, times: int, noun: str) -> str:
    """Return how many kinds of a thing there are, and how often they were found where that is more."""
    words = count_of(kinds, noun)
    return f"{words} ({times} times)" if times > kinds else words


def option_words(options: Mapping[str, Any]) -> str:
    """Return options as somebody writes them on a command line, "none" where there are none."""
    written = (
        word for name, value in options.items() for word in _written(name, value)
    )
    return shlex.join(written) or "none"


def _written(name: str, value: Any) -> Iterator[str]:  # noqa: ANN401 - text, number, flag or list
    for each in value if isinstance(value, list) else [value]:
        yield f"--{name}"
        if each is not True:
            yield str(each)


def printable(text: str) -> str:
    """Return a text in one line, without characters that a terminal obeys or that reorder or hide others.

    Control characters (C0, C1), format characters such as U+202E, and lone surrogates become U+FFFD; odd spaces spaces.
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def printable_lines(text: str) -> str:
    """Return a text of several lines, each `printable`."""
    return "\n".join(map(printable, text.split("\n")))


def printable_json(text: str) -> str:
    """Return a JSON text in which what a terminal would obey is escaped; its value stays the same (RFC 8259, 7)."""
    return _NOT_ASCII_TEXT.sub(_escaped_in_json, text)


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    is_space = character == "\t" or unicodedata.category(character) == "Zs"
    return " " if is_space else _REPLACED


def _escaped_in_json(match: re.Match[str]) -> str:
    character = match.group()
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
