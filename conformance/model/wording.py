"""Plain English for what is counted, and options as they are written. Must not know what it is about."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any


def count_of(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, in the plural but for one; `plural` is that of a noun without -s."""
    if number == 1:
        return f"{number} {noun}"
    return f"{number} {plural or f'{noun}s'}"


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
