"""The first values of a JSON document, for what takes memory or time for each value that is wrong.

Must not know what the document means.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from conformance.checks.problem import Path

MOST_VALUES: Final = 20_000
"""Values of a document that are looked at one by one; a validator keeps a kilobyte for each that is wrong."""
_DEEPEST: Final = 200
"""Levels that are looked into; validators follow no more."""


@dataclass(slots=True)
class Excerpt:
    """A document without what stands behind its first values; `cut` has the paths of what lost something.

    An ancestor of what lost something has lost something too.
    """

    document: Any = None
    cut: set[Path] = field(default_factory=set)
    _left: int = MOST_VALUES

    def take(self, value: object, path: Path = ()) -> object:
        """Return a value with as much in it as there is room for."""
        self._left -= 1
        if len(path) >= _DEEPEST:
            return value
        if isinstance(value, dict):
            return dict(self._taken(value.items(), path))
        if isinstance(value, list):
            return [one for _, one in self._taken(enumerate(value), path)]
        return value

    def _taken(self, rows: Any, path: Path) -> Any:  # noqa: ANN401 - keys or indexes with what JSON holds
        for key, value in rows:
            if self._left <= 0:
                self.cut |= {path[:length] for length in range(len(path) + 1)}
                return
            yield key, self.take(value, (*path, key))


def excerpt(document: object) -> Excerpt:
    """Return the first values of a document."""
    made = Excerpt()
    made.document = made.take(document)
    return made
