"""Identifiers read into their parts and composed of them.

Must not make any up.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from conformance.identifiers.rules import (
    CENTURIES,
    EHP_PREFIX,
    SEX_KNOWN,
    SEX_UNKNOWN,
    CbeForm,
    Doubt,
    Ehp,
    IdentifierError,
    IdentifierKind,
    IdentifierProblem,
    Nihii,
    PersonNumber,
    Sex,
    check,
    check_digits,
    month_offset,
    person_check_digits,
    possible_years,
)

NIHII_MODULI: Final = (97, 89)
"""Documented moduli: 97, and since RIZIV note I 2012/26 also 89; others (83, 79) are only suspected."""
_SEPARATORS: Final = str.maketrans("", "", " .-/\N{NO-BREAK SPACE}")
_BARE_CBE: Final = 9


@dataclass(frozen=True, slots=True)
class Cbe:
    """A number of the Crossroads Bank for Enterprises."""

    text: str
    form: CbeForm


Identifier = PersonNumber | Nihii | Cbe | Ehp


def parse(kind: IdentifierKind, text: str) -> Identifier:
    """Read an identifier of a kind; raises IdentifierError, which names every problem."""
    return _PARSERS[kind](text)


def parse_ssin(text: str) -> PersonNumber:
    """Read a national register number; raises IdentifierError."""
    return _read_person(IdentifierKind.SSIN, text)


def parse_bis(text: str) -> PersonNumber:
    """Read a BIS number; raises IdentifierError."""
    return _read_person(IdentifierKind.BIS, text)


def parse_person_number(text: str) -> PersonNumber:
    """Read an SSIN in the cookbooks' sense, a national register number or a BIS number; raises IdentifierError."""
    return _read_person(person_kind(text), text)


def parse_nihii8(text: str) -> Nihii:
    """Read a NIHII number of 8 digits, whatever its check digits; raises IdentifierError."""
    _require(IdentifierKind.NIHII8, text)
    return Nihii(text, IdentifierKind.NIHII8, _fitting_moduli(text), None)


def parse_nihii11(text: str) -> Nihii:
    """Read a NIHII number of 11 digits, whatever its check digits; raises IdentifierError."""
    _require(IdentifierKind.NIHII11, text)
    return Nihii(text, IdentifierKind.NIHII11, _fitting_moduli(text), text[-3:])


def parse_cbe(text: str) -> Cbe:
    """Read a CBE number, of an enterprise or of an establishment unit; raises IdentifierError."""
    _require(IdentifierKind.CBE, text)
    return Cbe(
        text, CbeForm.ENTERPRISE if text[0] in "01" else CbeForm.ESTABLISHMENT_UNIT
    )


def parse_ehp(text: str) -> Ehp:
    """Read an EHP number, whatever its first and check digits; raises IdentifierError."""
    _require(IdentifierKind.EHP, text)
    return Ehp(text)


_PARSERS: Final[Mapping[IdentifierKind, Callable[[str], Identifier]]] = (
    MappingProxyType(
        {
            IdentifierKind.SSIN: parse_ssin,
            IdentifierKind.BIS: parse_bis,
            IdentifierKind.NIHII8: parse_nihii8,
            IdentifierKind.NIHII11: parse_nihii11,
            IdentifierKind.CBE: parse_cbe,
            IdentifierKind.EHP: parse_ehp,
        },
    )
)


def person_kind(text: str) -> IdentifierKind:
    """Say by the month whether a text is to be judged as a BIS number or as a national register number."""
    coded_month = re.fullmatch("[0-9]{2}([0-9]{2})[0-9]*", text)
    return (
        IdentifierKind.BIS
        if coded_month
        and month_offset(IdentifierKind.BIS, int(coded_month[1])) is not None
        else IdentifierKind.SSIN
    )


def normalise(kind: IdentifierKind, text: str) -> str:
    """Take spaces, dots, dashes and slashes out of a printed identifier, and give an old CBE number its leading 0.

    The result is not checked.
    """
    bare = text.translate(_SEPARATORS)
    return "0" + bare if kind is IdentifierKind.CBE and len(bare) == _BARE_CBE else bare


def compose_ssin(born: date, sequence: int) -> str:
    """Write the national register number for a day of birth and a sequence number; raises ValueError."""
    return parse_ssin(_compose_person(born.year, born.month, born.day, sequence)).text


def compose_bis(
    year: int, month: int, day: int, sequence: int, *, sex_known: bool
) -> str:
    """Write the BIS number for a date of birth (0 for an unknown part) and a sequence number; raises ValueError."""
    if month not in range(13):
        raise IdentifierError(IdentifierKind.BIS, (IdentifierProblem.DATE,))
    return parse_bis(
        _compose_person(
            year, month + (SEX_KNOWN if sex_known else SEX_UNKNOWN), day, sequence
        )
    ).text


def compose_nihii(six_digits: str, modulus: int = 97, qualification: str = "") -> str:
    """Write the NIHII number for its first six digits, with three more for a qualification; raises ValueError."""
    text = six_digits + check_digits(int(six_digits), modulus) + qualification
    return parse(
        IdentifierKind.NIHII11 if qualification else IdentifierKind.NIHII8, text
    ).text


def compose_cbe(eight_digits: str) -> str:
    """Write the CBE number for its first eight digits; raises ValueError."""
    return parse_cbe(eight_digits + check_digits(int(eight_digits))).text


def _require(kind: IdentifierKind, text: str) -> None:
    if problems := check(kind, text):
        raise IdentifierError(kind, problems)


def _read_person(kind: IdentifierKind, text: str) -> PersonNumber:
    _require(kind, text)
    (year,) = possible_years(text)
    offset = month_offset(kind, int(text[2:4])) or 0
    month = int(text[2:4]) - offset or None
    day = int(text[4:6]) or None if month else None
    sequence = int(text[6:9])
    sex = None if offset == SEX_UNKNOWN else Sex.MALE if sequence % 2 else Sex.FEMALE
    return PersonNumber(text, kind, year, month, day, sequence, sex)


def _compose_person(year: int, coded_month: int, day: int, sequence: int) -> str:
    if year - year % 100 not in CENTURIES:
        message = "a person number cannot tell a year of birth outside 1900 to 2099"
        raise ValueError(message)
    digits = f"{year % 100:02d}{coded_month:02d}{day:02d}{sequence:03d}"
    return digits + person_check_digits(digits, year)


def _fitting_moduli(text: str) -> tuple[int, ...]:
    return tuple(
        modulus
        for modulus in NIHII_MODULI
        if check_digits(int(text[:6]), modulus) == text[6:8]
    )


def doubts(kind: IdentifierKind, text: str) -> tuple[Doubt, ...]:
    """List what is odd about a valid identifier of a kind though no rule forbids it; raises as `parse` does."""
    match parse(kind, text):
        case PersonNumber(kind=IdentifierKind.SSIN, born=None):
            return (Doubt.INCOMPLETE_DATE,)
        case Nihii(moduli=()):
            return (Doubt.NO_KNOWN_MODULUS,)
        case Ehp():
            return _doubts_of_ehp(text)
        case _:
            return ()


def _doubts_of_ehp(text: str) -> tuple[Doubt, ...]:
    doubts = []
    if not text.startswith(EHP_PREFIX):
        doubts.append(Doubt.UNUSUAL_EHP_PREFIX)
    if check_digits(int(text[:8])) != text[8:]:
        doubts.append(Doubt.UNUSUAL_EHP_CHECK_DIGITS)
    return tuple(doubts)
