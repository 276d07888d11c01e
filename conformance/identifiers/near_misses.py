"""Fictitious numbers that are easily taken for a given one: for requests that must be refused on a local target.

Must not be used where a number may have an owner.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from conformance.identifiers.fictitious import (
    make_cbe,
    make_ehp,
    make_nihii8,
    make_ssin,
)
from conformance.identifiers.rules import check_digits, person_check_digits

IDENTIFIER_GENERATORS: Final[Mapping[str, Callable[[random.Random], str]]] = {
    "ssin": make_ssin,
    "nihii": make_nihii8,
    "cbe": make_cbe,
    "ehp": make_ehp,
}
"""Generators of fictitious identifiers, by kind of identity."""
_STEMS: Final[Mapping[str, int]] = {"ssin": 9, "nihii": 6, "cbe": 8, "ehp": 8}
"""How many digits come before the check digits."""
_MODULUS = 97
_LAST_OF_A_CENTURY = 1999


def near_misses(identity: str, own: str) -> tuple[str, ...]:
    """Return numbers that share something with a caller's own number, none of them that number itself.

    Its last digits of the stem changed, with check digits that fit; the same check digits; the same digits in
    another order; of a person, the same birthday and sequence in another century.
    """
    if not (own.isascii() and own.isdecimal()) or len(own) <= _STEMS[identity]:
        return ()
    return tuple(
        dict.fromkeys(number for number in _misses(identity, own) if number != own)
    )


def _misses(identity: str, number: str) -> Iterator[str]:
    length = _STEMS[identity]
    stem, rest = number[:length], number[length:]
    for step in (1, -1, 10):
        yield _checked(identity, stem, int(stem) + step)
    for step in (_MODULUS, -_MODULUS):
        if 0 <= int(stem) + step < 10**length:
            yield f"{int(stem) + step:0{length}d}{rest}"
    yield _swapped(number)
    yield f"{_swapped(stem)}{rest}"
    if identity == "ssin":
        yield from (
            stem + person_check_digits(stem, year)
            for year in (_LAST_OF_A_CENTURY, _LAST_OF_A_CENTURY + 1)
        )


def _checked(identity: str, stem: str, number: int) -> str:
    """Return a number with check digits that fit."""
    digits = f"{number % 10 ** len(stem):0{len(stem)}d}"
    if identity == "ssin":
        return digits + person_check_digits(digits, _LAST_OF_A_CENTURY)
    return digits + check_digits(int(digits))


def _swapped(text: str) -> str:
    """Return a text with its last two different neighbours in each other's place."""
    for at in range(len(text) - 1, 0, -1):
        if text[at] != text[at - 1]:
            return text[: at - 1] + text[at] + text[at - 1] + text[at + 1 :]
    return text
