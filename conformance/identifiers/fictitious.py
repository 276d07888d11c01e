"""Generators of fictitious identifiers, from unassigned ranges.

Must not read any.
"""

from collections.abc import Mapping
from datetime import date
from random import Random
from types import MappingProxyType
from typing import Final

from conformance.identifiers.reading import (
    compose_bis,
    compose_cbe,
    compose_nihii,
    compose_ssin,
    parse,
    parse_ehp,
)
from conformance.identifiers.rules import (
    EHP_PREFIX,
    FICTITIOUS_SEQUENCES,
    IdentifierKind,
    PersonNumber,
    check_digits,
)

FICTITIOUS_NIHII: Final = "99"
"""First digits of NIHII numbers made here: seen in acceptance test data, and of no profession we know."""

FICTITIOUS_CBE: Final = "18"
"""First digits of enterprise numbers made here: well above those we know of, and below those of EHP numbers."""
FICTITIOUS_EHP: Final = EHP_PREFIX + "9"
"""First digits of EHP numbers made here: well above those we know of."""
_BIRTH_YEARS: Final = range(1925, 2015)
_FICTITIOUS_PREFIXES: Final[Mapping[IdentifierKind, str]] = MappingProxyType(
    {
        IdentifierKind.NIHII8: FICTITIOUS_NIHII,
        IdentifierKind.NIHII11: FICTITIOUS_NIHII,
        IdentifierKind.CBE: FICTITIOUS_CBE,
        IdentifierKind.EHP: FICTITIOUS_EHP,
    },
)


def seems_fictitious(kind: IdentifierKind, text: str) -> bool:
    """Say whether a valid identifier lies where none, or hardly any, was given out; raises as `parse` does.

    False means only that it may be real.
    """
    number = parse(kind, text)
    if isinstance(number, PersonNumber):
        return number.sequence in FICTITIOUS_SEQUENCES
    return text.startswith(_FICTITIOUS_PREFIXES[kind])


def make_ssin(
    random: Random, *, born: date | None = None, sequences: range = FICTITIOUS_SEQUENCES
) -> str:
    """Make a national register number, by default one that almost surely has no owner."""
    return compose_ssin(born or _some_birthday(random), random.choice(sequences))


def make_bis(
    random: Random, *, sex_known: bool = True, sequences: range = FICTITIOUS_SEQUENCES
) -> str:
    """Make a BIS number, by default one that almost surely has no owner."""
    born = _some_birthday(random)
    return compose_bis(
        born.year, born.month, born.day, random.choice(sequences), sex_known=sex_known
    )


def make_nihii8(
    random: Random, *, prefix: str = FICTITIOUS_NIHII, modulus: int = 97
) -> str:
    """Make a NIHII number of 8 digits; the prefix's first digit tells the profession or the institution."""
    return compose_nihii(_fill(random, prefix, 6), modulus)


def make_nihii11(
    random: Random,
    *,
    prefix: str = FICTITIOUS_NIHII,
    modulus: int = 97,
    qualification: str | None = None,
) -> str:
    """Make a NIHII number of 11 digits, with any qualification code unless one is given."""
    return compose_nihii(
        _fill(random, prefix, 6), modulus, qualification or _fill(random, "", 3)
    )


def make_cbe(random: Random, *, prefix: str = FICTITIOUS_CBE) -> str:
    """Make a CBE number; a prefix of 2 to 8 gives an establishment unit."""
    return compose_cbe(_fill(random, prefix, 8))


def make_ehp(random: Random, *, prefix: str = FICTITIOUS_EHP) -> str:
    """Make an EHP number with the check digits that most published ones have."""
    eight_digits = _fill(random, prefix, 8)
    return parse_ehp(eight_digits + check_digits(int(eight_digits))).text


def _some_birthday(random: Random) -> date:
    # Never the first of a month: 1 January and 1 July stand for unknown birthdays, so their sequence numbers run high.
    return date(
        random.choice(_BIRTH_YEARS), random.randint(1, 12), random.randint(2, 28)
    )


def _fill(random: Random, prefix: str, length: int) -> str:
    return prefix + "".join(
        random.choice("0123456789") for _ in range(length - len(prefix))
    )
