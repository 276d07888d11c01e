"""The value that every check returns: what is wrong, where, and what was expected.

Must not know requirements nor severities, save a hint that a check found a tolerable oddity.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeVar

Path = tuple[str | int, ...]
"""Keys and indexes from a document to a value in it."""
Found = TypeVar("Found")

_LONGEST = 160
MOST_AT_ONE_PLACE: Final = 50_000
"""Values at one place of a document that are looked at."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a place; `odd` marks what is unusual but tolerable (an observation at most).

    `should` marks what breaks only a recommendation (a warning at most); `lacking` that something is not there, or not
    in its place, which nobody can say of a document of which a part was lost.
    """

    message: str
    location: str = ""
    expected: str = ""
    actual: str = ""
    odd: bool = False
    should: bool = False
    lacking: bool = False


class Places:
    """The values at one place of a document, in its order; where each stands is found out when somebody asks.

    Documents are long and mostly right, so that nobody does.
    """

    __slots__ = ("_find", "_paths", "values")

    def __init__(self, values: Sequence[Any], find: Callable[[], list[Path]]) -> None:
        """Take the values, and what finds a path of keys and indexes for each."""
        self.values = values
        self._find = find
        self._paths: list[Path] | None = None

    def __len__(self) -> int:
        """Return how many values there are."""
        return len(self.values)

    @property
    def paths(self) -> list[Path]:
        """Return the path of each value."""
        if self._paths is None:
            self._paths = self._find()
        return self._paths

    def location(self, number: int) -> str:
        """Return where a value stands, as a JSON Pointer (RFC 6901)."""
        return pointer(self.paths[number])

    def members(self, name: str) -> "Places":
        """Return the members of a name in the values that are objects and have one."""
        values = (
            value[name]
            for value in self.values
            if isinstance(value, dict) and name in value
        )
        return Places(
            _first(values),
            lambda: _first(
                (*path, name) for path, value in self._objects() if name in value
            ),
        )

    def items(self) -> "Places":
        """Return the items of the values that are lists."""
        values = (
            item for value in self.values if isinstance(value, list) for item in value
        )
        return Places(
            _first(values),
            lambda: _first(
                (*path, at) for path, value in self._lists() for at in range(len(value))
            ),
        )

    def _objects(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        return (
            (path, one)
            for path, one in zip(self.paths, self.values, strict=True)
            if isinstance(one, dict)
        )

    def _lists(self) -> Iterator[tuple[Path, list[Any]]]:
        return (
            (path, one)
            for path, one in zip(self.paths, self.values, strict=True)
            if isinstance(one, list)
        )


def _first(found: Iterable[Found]) -> list[Found]:
    """Return what is found at a place, as far as it is looked at."""
    return list(islice(found, MOST_AT_ONE_PLACE))


def pointer(path: Iterable[str | int]) -> str:
    """Return a JSON Pointer (RFC 6901) for a path of keys and indexes; "/" for the whole document."""
    text = (
        "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
        or "/"
    )
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
