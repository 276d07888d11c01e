"""Classes of characters that patterns of XML Schema name: escapes, blocks, classes of XML 1.0.

Must not read patterns.
"""

import unicodedata
from collections.abc import Callable
from typing import Final

Taken = Callable[[str], bool]
ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}
BLOCKS: Final = {
    "BasicLatin": (0, 0x7F),
    "Latin-1Supplement": (0x80, 0xFF),
    "LatinExtended-A": (0x100, 0x17F),
}
_INITIALS: Final = frozenset({"Lu", "Ll", "Lo", "Lt", "Nl"})


def _is_initial(character: str) -> bool:
    """Tell whether a name may begin with a character (XML 1.0, productions 84 to 86, as far as letters go)."""
    return character in "_:" or unicodedata.category(character) in _INITIALS


def _is_word(character: str) -> bool:
    return unicodedata.category(character)[0] not in "PZC"


CLASSES: Final[dict[str, Taken]] = {
    "s": lambda one: one in " \t\n\r",
    "d": lambda one: unicodedata.category(one) == "Nd",
    "w": _is_word,
    "i": _is_initial,
    "c": lambda one: (
        _is_initial(one) or one in "-." or unicodedata.category(one)[0] in "NM"
    ),
}
