"""Messages that a property draws from a WSDL's types, as values: those to try first, how others are drawn.

Must not know how messages are made.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis.strategies import SearchStrategy

from conformance.model.case import Template

Parts = tuple[Any, ...]
"""Parts of a message that may be left out, of whatever sort its grammar has; each says by its repr what it is."""


@dataclass(frozen=True, slots=True)
class Start:
    """A message to try before any is drawn: the parts that may be left out of it, and how to make it of those."""

    parts: Parts
    build: Callable[[Parts], Template]


@dataclass(frozen=True, slots=True)
class Drawing:
    """The messages of a property: those to try first, how others are drawn, and what to say of one that fails."""

    starts: tuple[Start, ...]
    strategy: SearchStrategy[Template]
    explain: Callable[[Template], str]
