"""The rules of Belgian identifiers: judge them, read them, make fictitious ones.

It must not look up whether a number was given to a person, read a clock or a file, or draw randomness of its own.
Messages never repeat the identifier: it may be a real person's, and messages end up in reports.
"""

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from types import MappingProxyType
from typing import Final

SEQUENCES: Final = range(1, 999)
"""Sequence numbers that the register gives out; 000 and 999 are never assigned (IBZ instruction IT000)."""

FICTITIOUS_SEQUENCES: Final = range(900, 999)
"""Sequence numbers that hardly any day of birth reaches, so that a made-up number has no owner."""
EHP_PREFIX: Final = "1990"
"""First digits of every EHP number we know; nowhere documented as a rule."""
CENTURIES: Final = (1900, 2000)


class IdentifierKind(Enum):
    """An identifier's kind.

    SSIN here is the national register number alone; an SSIN in the cookbooks' sense may be a BIS number too (see
    `person_kind`).
    """

    SSIN = "SSIN"
    BIS = "BIS number"
    NIHII8 = "NIHII number of 8 digits"
    NIHII11 = "NIHII number of 11 digits"
    CBE = "CBE number"
    EHP = "EHP number"

    @property
    def length(self) -> int:
        """Say how many digits the kind has."""
        return _LENGTHS[self]


class IdentifierProblem(Enum):
    """A rule of its kind that an identifier breaks for certain; the value says it in words."""

    CHARACTER = "character: a character is not an ASCII digit"
    LENGTH = "length: the number of digits is wrong"
    DATE = "date: no such month or day"
    SEQUENCE = "sequence number: 000 and 999 are not assigned"
    PREFIX = "first digit: 9 is not in use"
    CHECK_DIGITS = "check digits: they do not match the other digits"


class Doubt(Enum):
    """An oddity that no documented rule forbids, fit for a warning; the value says it in words."""

    INCOMPLETE_DATE = "the month or the day of birth is 00: unknown, or the day's sequence numbers ran out"
    NO_KNOWN_MODULUS = "the check digits fit neither modulus 97 nor modulus 89"
    UNUSUAL_EHP_PREFIX = "published EHP numbers begin with 1990"
    UNUSUAL_EHP_CHECK_DIGITS = (
        "the check digits are not those that most published EHP numbers have"
    )


class Sex(Enum):
    """A person's sex as the sequence number tells it."""

    FEMALE = "female"
    MALE = "male"


class CbeForm(Enum):
    """A CBE number's use."""

    ENTERPRISE = "enterprise"
    ESTABLISHMENT_UNIT = "establishment unit"


class IdentifierError(ValueError):
    """A text is not an identifier of the wanted kind; the message names all that is wrong with it."""

    def __init__(
        self, kind: IdentifierKind, problems: tuple[IdentifierProblem, ...]
    ) -> None:
        """Keep the kind and the problems, as arguments too, so that the error can travel between processes."""
        super().__init__(kind, problems)
        self.kind = kind
        self.problems = problems

    def __str__(self) -> str:
        """Name the kind, its length and every problem, but not the text."""
        return (
            f"not a valid {self.kind.value} ({self.kind.length} digits); "
            + "; ".join(p.value for p in self.problems)
        )


@dataclass(frozen=True, slots=True)
class PersonNumber:
    """A national register number or a BIS number.

    `month` and `day` are None where the number leaves them open, `sex` where a BIS number was given without knowing
    it. With an open month the year may be a placeholder too (1900, 2000).
    """

    text: str
    kind: IdentifierKind
    year: int
    month: int | None
    day: int | None
    sequence: int
    sex: Sex | None

    @property
    def born(self) -> date | None:
        """Give the day of birth, None unless the number tells all of it."""
        return (
            None
            if self.month is None or self.day is None
            else date(self.year, self.month, self.day)
        )


@dataclass(frozen=True, slots=True)
class Nihii:
    """A NIHII number; `moduli` are the documented ones that its check digits fit, empty where there is a doubt.

    `qualification` is the three-digit code at the end of an 11-digit number.
    """

    text: str
    kind: IdentifierKind
    moduli: tuple[int, ...]
    qualification: str | None

    @property
    def stem(self) -> str:
        """Give the first eight digits, which the long and the short form share."""
        return self.text[: IdentifierKind.NIHII8.length]


@dataclass(frozen=True, slots=True)
class Ehp:
    """A number that the eHealth platform gives to organisations without another one."""

    text: str


_LENGTHS: Final[Mapping[IdentifierKind, int]] = MappingProxyType(
    {
        IdentifierKind.SSIN: 11,
        IdentifierKind.BIS: 11,
        IdentifierKind.NIHII8: 8,
        IdentifierKind.NIHII11: 11,
        IdentifierKind.CBE: 10,
        IdentifierKind.EHP: 10,
    },
)
# What a BIS number adds to the month, by whether the sex was known (royal decree of 8 February 1991, art. 2).
SEX_UNKNOWN: Final = 20
SEX_KNOWN: Final = 40
_MONTH_OFFSETS: Final[Mapping[IdentifierKind, tuple[int, ...]]] = MappingProxyType(
    {IdentifierKind.SSIN: (0,), IdentifierKind.BIS: (SEX_UNKNOWN, SEX_KNOWN)},
)


def check_digits(number: int, modulus: int = 97) -> str:
    """Give the two check digits of a number: the modulus less the remainder, so that remainder 0 gives 97."""
    return f"{modulus - number % modulus:02d}"


def person_check_digits(digits: str, year: int) -> str:
    """Give the check digits for a person number's first nine digits: from 2000 on, a 2 stands before them.

    Source: IBZ instruction IT000; royal decree of 8 February 1991, art. 4.
    """
    return check_digits(int("2" + digits if year >= CENTURIES[1] else digits))


def check(kind: IdentifierKind, text: str) -> tuple[IdentifierProblem, ...]:
    """List what is certainly wrong with a text as an identifier of a kind, nothing if it is valid.

    A wrong character or a wrong length is reported alone: it leaves the other rules without meaning.
    """
    if not re.fullmatch("[0-9]*", text):
        return (IdentifierProblem.CHARACTER,)
    if len(text) != kind.length:
        return (IdentifierProblem.LENGTH,)
    match kind:
        case IdentifierKind.SSIN | IdentifierKind.BIS:
            return _check_person(kind, text)
        case IdentifierKind.CBE:
            return _check_cbe(text)
        case _:
            return ()


def _check_person(kind: IdentifierKind, text: str) -> tuple[IdentifierProblem, ...]:
    years = possible_years(text)
    offset = month_offset(kind, int(text[2:4]))
    problems = []
    if offset is None or not any(
        _has_day(year, int(text[2:4]) - offset, int(text[4:6])) for year in years
    ):
        problems.append(IdentifierProblem.DATE)
    if int(text[6:9]) not in SEQUENCES:
        problems.append(IdentifierProblem.SEQUENCE)
    if len(years) > 1:
        problems.append(IdentifierProblem.CHECK_DIGITS)
    return tuple(problems)


def _check_cbe(text: str) -> tuple[IdentifierProblem, ...]:
    problems = []
    if text.startswith("9"):
        problems.append(IdentifierProblem.PREFIX)
    if check_digits(int(text[:8])) != text[8:]:
        problems.append(IdentifierProblem.CHECK_DIGITS)
    return tuple(problems)


def possible_years(text: str) -> tuple[int, ...]:
    """Give the one year of birth whose rule the check digits obey, or both where they obey none.

    They cannot obey both: the two rules differ by 2,000,000,000, which leaves remainder 68 by 97.
    """
    years = tuple(century + int(text[:2]) for century in CENTURIES)
    return (
        tuple(year for year in years if person_check_digits(text[:9], year) == text[9:])
        or years
    )


def month_offset(kind: IdentifierKind, coded_month: int) -> int | None:
    """Return what a kind of number adds to the month it codes, None where the month is none."""
    return next(
        (
            offset
            for offset in _MONTH_OFFSETS[kind]
            if coded_month - offset in range(13)
        ),
        None,
    )


def _has_day(year: int, month: int, day: int) -> bool:
    # A month or day of 00 stands for an unknown part; after a month of 00 the day may count on, when sequence numbers
    # ran out (IBZ instruction IT000; royal decree of 8 February 1991, art. 5).
    return day <= (monthrange(year, month)[1] if month else 31)
