"""Tells whether a text fits a pattern, in a number of steps that is limited whatever the pattern is.

Python's own expressions try one way after the other, which takes longer than anybody waits for some patterns. Must not
read patterns.
"""

from dataclasses import dataclass, field
from typing import Final

from conformance.soap.xsd.patterns import (
    Alternatives,
    Characters,
    Node,
    Repeated,
    Series,
)

_MOST_STEPS: Final = 10_000


def fits(node: Node, text: str) -> bool:
    """Tell whether a text as a whole fits a pattern; one that cannot be told within the steps does not."""
    matcher = _Matcher(text)
    return bool(matcher.after(node, 1) >> len(text) & 1)


@dataclass(slots=True)
class _Matcher:
    """Follows all ways through a pattern at once: places in the text are bits of a number."""

    text: str
    left: int = _MOST_STEPS
    known: dict[str, int] = field(default_factory=dict)

    def after(self, node: Node, starts: int) -> int:
        """Return the places where a part may end that begins at one of some places."""
        self.left -= 1
        if not starts or self.left < 0:
            return 0
        match node:
            case Characters(some):
                return (starts & self._places(some)) << 1
            case Series(parts):
                for part in parts:
                    starts = self.after(part, starts)
                return starts
            case Alternatives(branches):
                reached = 0
                for branch in branches:
                    reached |= self.after(branch, starts)
                return reached
            case Repeated():
                return self._repeated(node, starts)

    def _repeated(self, node: Repeated, starts: int) -> int:
        reached, result = starts, 0 if node.least else starts
        most = node.least + len(self.text) if node.most is None else node.most
        for times in range(1, most + 1):
            reached = self.after(node.part, reached)
            if not reached:
                break
            if times >= node.least:
                if result | reached == result:
                    break
                result |= reached
        return result

    def _places(self, some: str) -> int:
        """Return the places of a text at which one of some characters stands."""
        if some not in self.known:
            bits = "".join("1" if one in some else "0" for one in reversed(self.text))
            self.known[some] = int(bits or "0", 2)
        return self.known[some]
