"""Other ways to write a number, and numbers that are as long as those of another kind: for requests that must not pass.

Must not draw randomness of its own, nor be used where a number may have an owner.
"""

from collections.abc import Iterator, Mapping
from itertools import accumulate, pairwise
from typing import Final

_GROUPS: Final[Mapping[str, tuple[tuple[int, ...], str]]] = {
    "ssin": ((2, 2, 2, 3, 2), "..-."),
    "nihii": ((1, 5, 2), "--"),
    "cbe": ((4, 3, 3), ".."),
    "ehp": ((4, 3, 3), ".."),
}
"""How many digits stand together where a number is written for people, and the usual signs between them."""
_SIGNS: Final = (" ", ".", "-")
_LENGTHS: Final = (8, 10, 11)
"""How many digits numbers have: of NIHII, of CBE and EHP, of persons."""


def notations(identity: str, number: str) -> tuple[str, ...]:
    """Return a number as people write it: with the usual signs between its parts, and with one sign alone.

    Returns nothing where it is not written in digits, as many as its kind has. Blanks around it are left to XML.
    """
    sizes, usual = _GROUPS[identity]
    if not (number.isascii() and number.isdecimal()) or len(number) != sum(sizes):
        return ()
    groups = [number[start:end] for start, end in pairwise([0, *accumulate(sizes)])]
    written = [_joined(groups, usual), *(sign.join(groups) for sign in _SIGNS)]
    return tuple(dict.fromkeys(written))


def other_lengths(number: str) -> tuple[str, ...]:
    """Return numbers that share digits with one: a digit less, a digit more, and as long as those of other kinds."""
    if not (number.isascii() and number.isdecimal()):
        return ()
    lengths = (size for size in _LENGTHS if size != len(number))
    others = (
        (f"1{number}00" if size > len(number) else number)[:size] for size in lengths
    )
    return tuple(dict.fromkeys((number[:-1], f"{number}0", *others)))


def _joined(groups: list[str], signs: str) -> str:
    return "".join(_alternating(groups, signs))


def _alternating(groups: list[str], signs: str) -> Iterator[str]:
    yield groups[0]
    for sign, group in zip(signs, groups[1:], strict=True):
        yield sign
        yield group
