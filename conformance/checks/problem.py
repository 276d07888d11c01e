"""The value that every check returns: what is wrong, where, and what was expected.

Must not know requirements nor severities, save a hint that a check found a tolerable oddity.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

_LONGEST = 160


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a place; `odd` marks what is unusual but tolerable (an observation at most)."""

    message: str
    location: str = ""
    expected: str = ""
    actual: str = ""
    odd: bool = False


class Node(NamedTuple):
    """A value inside a JSON document, with its path of keys and indexes; there are many, so it is a cheap one."""

    path: tuple[str | int, ...]
    value: Any

    @property
    def location(self) -> str:
        """Return the path as a JSON Pointer (RFC 6901); the document itself is `/`."""
        return pointer(self.path)


def pointer(path: Iterable[str | int]) -> str:
    """Return a JSON Pointer (RFC 6901) for a path of keys and indexes; "/" for the whole document."""
    text = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path) or "/"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def show(value: object) -> str:
    """Return a value as short JSON text with its JSON type, for a finding's `actual`."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}… ({len(text)} characters)"
    return f"{text} ({json_type(value)})"


def json_type(value: object) -> str:
    """Return the name that JSON gives to a value's type (RFC 8259, section 3)."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
