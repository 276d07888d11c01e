"""The rules of Belgian identifiers: judge them, read them, make fictitious ones.

It must not look up whether a number was given to anybody, read a clock or a file, or draw randomness of its own.
Messages never repeat the identifier: it may be a real person's, and messages end up in reports.
"""

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from random import Random
from types import MappingProxyType
from typing import Final

SEQUENCES: Final = range(1, 999)
"""Sequence numbers that the register gives out; 000 and 999 are never assigned (IBZ instruction IT000)."""

FICTITIOUS_SEQUENCES: Final = range(900, 999)
"""Sequence numbers that hardly any day of birth reaches, so that a made-up number is nobody's."""

NIHII_MODULI: Final = (97, 89)
"""Documented moduli: 97, and since RIZIV note I 2012/26 also 89; others (83, 79) are only suspected."""

FICTITIOUS_NIHII: Final = "99"
"""First digits of NIHII numbers made here: seen in acceptance test data, and of no profession we know."""

FICTITIOUS_CBE: Final = "18"
"""First digits of enterprise numbers made here: well above those we know of, and below those of EHP numbers."""

EHP_PREFIX: Final = "1990"
"""First digits of every EHP number we know; nowhere documented as a rule."""

FICTITIOUS_EHP: Final = EHP_PREFIX + "9"
"""First digits of EHP numbers made here: well above those we know of."""

_CENTURIES: Final = (1900, 2000)
_BIRTH_YEARS: Final = range(1925, 2015)
_SEPARATORS: Final = str.maketrans("", "", " .-/\N{NO-BREAK SPACE}")
_BARE_CBE: Final = 9


class Kind(Enum):
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


class Problem(Enum):
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
    UNUSUAL_EHP_CHECK_DIGITS = "the check digits are not those that most published EHP numbers have"


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

    def __init__(self, kind: Kind, problems: tuple[Problem, ...]) -> None:
        """Keep the kind and the problems, as arguments too, so that the error can travel between processes."""
        super().__init__(kind, problems)
        self.kind = kind
        self.problems = problems

    def __str__(self) -> str:
        """Name the kind, its length and every problem, but not the text."""
        return f"not a valid {self.kind.value} ({self.kind.length} digits); " + "; ".join(
            p.value for p in self.problems
        )


@dataclass(frozen=True, slots=True)
class PersonNumber:
    """A national register number or a BIS number.

    `month` and `day` are None where the number leaves them open, `sex` where a BIS number was given without knowing
    it. With an open month the year may be a placeholder too (1900, 2000).
    """

    text: str
    kind: Kind
    year: int
    month: int | None
    day: int | None
    sequence: int
    sex: Sex | None

    @property
    def born(self) -> date | None:
        """Give the day of birth, None unless the number tells all of it."""
        return None if self.month is None or self.day is None else date(self.year, self.month, self.day)


@dataclass(frozen=True, slots=True)
class Nihii:
    """A NIHII number; `moduli` are the documented ones that its check digits fit, empty where there is a doubt.

    `qualification` is the three-digit code at the end of an 11-digit number.
    """

    text: str
    kind: Kind
    moduli: tuple[int, ...]
    qualification: str | None

    @property
    def stem(self) -> str:
        """Give the first eight digits, which the long and the short form share."""
        return self.text[: Kind.NIHII8.length]


@dataclass(frozen=True, slots=True)
class Cbe:
    """A number of the Crossroads Bank for Enterprises."""

    text: str
    form: CbeForm


@dataclass(frozen=True, slots=True)
class Ehp:
    """A number that the eHealth platform gives to organisations without another one."""

    text: str


Identifier = PersonNumber | Nihii | Cbe | Ehp

_LENGTHS: Final[Mapping[Kind, int]] = MappingProxyType(
    {Kind.SSIN: 11, Kind.BIS: 11, Kind.NIHII8: 8, Kind.NIHII11: 11, Kind.CBE: 10, Kind.EHP: 10},
)
_FICTITIOUS_PREFIXES: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.NIHII8: FICTITIOUS_NIHII,
        Kind.NIHII11: FICTITIOUS_NIHII,
        Kind.CBE: FICTITIOUS_CBE,
        Kind.EHP: FICTITIOUS_EHP,
    },
)
# What a BIS number adds to the month, by whether the sex was known (royal decree of 8 February 1991, art. 2).
_SEX_UNKNOWN: Final = 20
_SEX_KNOWN: Final = 40
_MONTH_OFFSETS: Final[Mapping[Kind, tuple[int, ...]]] = MappingProxyType(
    {Kind.SSIN: (0,), Kind.BIS: (_SEX_UNKNOWN, _SEX_KNOWN)},
)


def check_digits(number: int, modulus: int = 97) -> str:
    """Give the two check digits of a number: the modulus less the remainder, so that remainder 0 gives 97."""
    return f"{modulus - number % modulus:02d}"


def person_check_digits(digits: str, year: int) -> str:
    """Give the check digits for a person number's first nine digits: from 2000 on, a 2 stands before them.

    Source: IBZ instruction IT000; royal decree of 8 February 1991, art. 4.
    """
    return check_digits(int("2" + digits if year >= _CENTURIES[1] else digits))


def check(kind: Kind, text: str) -> tuple[Problem, ...]:
    """List what is certainly wrong with a text as an identifier of a kind, nothing if it is valid.

    A wrong character or a wrong length is reported alone: it leaves the other rules without meaning.
    """
    if not re.fullmatch("[0-9]*", text):
        return (Problem.CHARACTER,)
    if len(text) != kind.length:
        return (Problem.LENGTH,)
    match kind:
        case Kind.SSIN | Kind.BIS:
            return _check_person(kind, text)
        case Kind.CBE:
            return _check_cbe(text)
        case _:
            return ()


def doubts(kind: Kind, text: str) -> tuple[Doubt, ...]:
    """List what is odd about a valid identifier of a kind though no rule forbids it; raises as `parse` does."""
    match parse(kind, text):
        case PersonNumber(kind=Kind.SSIN, born=None):
            return (Doubt.INCOMPLETE_DATE,)
        case Nihii(moduli=()):
            return (Doubt.NO_KNOWN_MODULUS,)
        case Ehp():
            return _doubts_of_ehp(text)
        case _:
            return ()


def parse(kind: Kind, text: str) -> Identifier:
    """Read an identifier of a kind; raises IdentifierError, which names every problem."""
    return _PARSERS[kind](text)


def parse_ssin(text: str) -> PersonNumber:
    """Read a national register number; raises IdentifierError."""
    return _read_person(Kind.SSIN, text)


def parse_bis(text: str) -> PersonNumber:
    """Read a BIS number; raises IdentifierError."""
    return _read_person(Kind.BIS, text)


def parse_person_number(text: str) -> PersonNumber:
    """Read an SSIN in the cookbooks' sense, a national register number or a BIS number; raises IdentifierError."""
    return _read_person(person_kind(text), text)


def parse_nihii8(text: str) -> Nihii:
    """Read a NIHII number of 8 digits, whatever its check digits; raises IdentifierError."""
    _require(Kind.NIHII8, text)
    return Nihii(text, Kind.NIHII8, _fitting_moduli(text), None)


def parse_nihii11(text: str) -> Nihii:
    """Read a NIHII number of 11 digits, whatever its check digits; raises IdentifierError."""
    _require(Kind.NIHII11, text)
    return Nihii(text, Kind.NIHII11, _fitting_moduli(text), text[-3:])


def parse_cbe(text: str) -> Cbe:
    """Read a CBE number, of an enterprise or of an establishment unit; raises IdentifierError."""
    _require(Kind.CBE, text)
    return Cbe(text, CbeForm.ENTERPRISE if text[0] in "01" else CbeForm.ESTABLISHMENT_UNIT)


def parse_ehp(text: str) -> Ehp:
    """Read an EHP number, whatever its first and check digits; raises IdentifierError."""
    _require(Kind.EHP, text)
    return Ehp(text)


_PARSERS: Final[Mapping[Kind, Callable[[str], Identifier]]] = MappingProxyType(
    {
        Kind.SSIN: parse_ssin,
        Kind.BIS: parse_bis,
        Kind.NIHII8: parse_nihii8,
        Kind.NIHII11: parse_nihii11,
        Kind.CBE: parse_cbe,
        Kind.EHP: parse_ehp,
    },
)


def person_kind(text: str) -> Kind:
    """Say by the month whether a text is to be judged as a BIS number or as a national register number."""
    coded_month = re.fullmatch("[0-9]{2}([0-9]{2})[0-9]*", text)
    return Kind.BIS if coded_month and _month_offset(Kind.BIS, int(coded_month[1])) is not None else Kind.SSIN


def normalise(kind: Kind, text: str) -> str:
    """Take spaces, dots, dashes and slashes out of a printed identifier, and give an old CBE number its leading 0.

    The result is not checked.
    """
    bare = text.translate(_SEPARATORS)
    return "0" + bare if kind is Kind.CBE and len(bare) == _BARE_CBE else bare


def seems_fictitious(kind: Kind, text: str) -> bool:
    """Say whether a valid identifier lies where none, or hardly any, was given out; raises as `parse` does.

    False means only that it cannot be told.
    """
    number = parse(kind, text)
    if isinstance(number, PersonNumber):
        return number.sequence in FICTITIOUS_SEQUENCES
    return text.startswith(_FICTITIOUS_PREFIXES[kind])


def compose_ssin(born: date, sequence: int) -> str:
    """Write the national register number for a day of birth and a sequence number; raises ValueError."""
    return parse_ssin(_compose_person(born.year, born.month, born.day, sequence)).text


def compose_bis(year: int, month: int, day: int, sequence: int, *, sex_known: bool) -> str:
    """Write the BIS number for a date of birth (0 for an unknown part) and a sequence number; raises ValueError."""
    if month not in range(13):
        raise IdentifierError(Kind.BIS, (Problem.DATE,))
    return parse_bis(_compose_person(year, month + (_SEX_KNOWN if sex_known else _SEX_UNKNOWN), day, sequence)).text


def compose_nihii(six_digits: str, modulus: int = 97, qualification: str = "") -> str:
    """Write the NIHII number for its first six digits, with three more for a qualification; raises ValueError."""
    text = six_digits + check_digits(int(six_digits), modulus) + qualification
    return parse(Kind.NIHII11 if qualification else Kind.NIHII8, text).text


def compose_cbe(eight_digits: str) -> str:
    """Write the CBE number for its first eight digits; raises ValueError."""
    return parse_cbe(eight_digits + check_digits(int(eight_digits))).text


def make_ssin(random: Random, *, born: date | None = None, sequences: range = FICTITIOUS_SEQUENCES) -> str:
    """Make a national register number, by default one that is almost surely nobody's."""
    return compose_ssin(born or _some_birthday(random), random.choice(sequences))


def make_bis(random: Random, *, sex_known: bool = True, sequences: range = FICTITIOUS_SEQUENCES) -> str:
    """Make a BIS number, by default one that is almost surely nobody's."""
    born = _some_birthday(random)
    return compose_bis(born.year, born.month, born.day, random.choice(sequences), sex_known=sex_known)


def make_nihii8(random: Random, *, prefix: str = FICTITIOUS_NIHII, modulus: int = 97) -> str:
    """Make a NIHII number of 8 digits; the prefix's first digit tells the profession or the institution."""
    return compose_nihii(_fill(random, prefix, 6), modulus)


def make_nihii11(
    random: Random, *, prefix: str = FICTITIOUS_NIHII, modulus: int = 97, qualification: str | None = None
) -> str:
    """Make a NIHII number of 11 digits, with any qualification code unless one is given."""
    return compose_nihii(_fill(random, prefix, 6), modulus, qualification or _fill(random, "", 3))


def make_cbe(random: Random, *, prefix: str = FICTITIOUS_CBE) -> str:
    """Make a CBE number; a prefix of 2 to 8 gives an establishment unit."""
    return compose_cbe(_fill(random, prefix, 8))


def make_ehp(random: Random, *, prefix: str = FICTITIOUS_EHP) -> str:
    """Make an EHP number with the check digits that most published ones have."""
    eight_digits = _fill(random, prefix, 8)
    return parse_ehp(eight_digits + check_digits(int(eight_digits))).text


def _require(kind: Kind, text: str) -> None:
    if problems := check(kind, text):
        raise IdentifierError(kind, problems)


def _check_person(kind: Kind, text: str) -> tuple[Problem, ...]:
    years = _possible_years(text)
    offset = _month_offset(kind, int(text[2:4]))
    problems = []
    if offset is None or not any(_has_day(year, int(text[2:4]) - offset, int(text[4:6])) for year in years):
        problems.append(Problem.DATE)
    if int(text[6:9]) not in SEQUENCES:
        problems.append(Problem.SEQUENCE)
    if len(years) > 1:
        problems.append(Problem.CHECK_DIGITS)
    return tuple(problems)


def _check_cbe(text: str) -> tuple[Problem, ...]:
    problems = []
    if text.startswith("9"):
        problems.append(Problem.PREFIX)
    if check_digits(int(text[:8])) != text[8:]:
        problems.append(Problem.CHECK_DIGITS)
    return tuple(problems)


def _doubts_of_ehp(text: str) -> tuple[Doubt, ...]:
    found = []
    if not text.startswith(EHP_PREFIX):
        found.append(Doubt.UNUSUAL_EHP_PREFIX)
    if check_digits(int(text[:8])) != text[8:]:
        found.append(Doubt.UNUSUAL_EHP_CHECK_DIGITS)
    return tuple(found)


def _possible_years(text: str) -> tuple[int, ...]:
    """Give the one year of birth whose rule the check digits obey, or both where they obey none.

    They cannot obey both: the two rules differ by 2,000,000,000, which leaves remainder 68 by 97.
    """
    years = tuple(century + int(text[:2]) for century in _CENTURIES)
    return tuple(year for year in years if person_check_digits(text[:9], year) == text[9:]) or years


def _month_offset(kind: Kind, coded_month: int) -> int | None:
    return next((offset for offset in _MONTH_OFFSETS[kind] if coded_month - offset in range(13)), None)


def _has_day(year: int, month: int, day: int) -> bool:
    # A month or day of 00 stands for an unknown part; after a month of 00 the day may count on, when sequence numbers
    # ran out (IBZ instruction IT000; royal decree of 8 February 1991, art. 5).
    return day <= (monthrange(year, month)[1] if month else 31)


def _read_person(kind: Kind, text: str) -> PersonNumber:
    _require(kind, text)
    (year,) = _possible_years(text)
    offset = _month_offset(kind, int(text[2:4])) or 0
    month = int(text[2:4]) - offset or None
    day = int(text[4:6]) or None if month else None
    sequence = int(text[6:9])
    sex = None if offset == _SEX_UNKNOWN else Sex.MALE if sequence % 2 else Sex.FEMALE
    return PersonNumber(text, kind, year, month, day, sequence, sex)


def _compose_person(year: int, coded_month: int, day: int, sequence: int) -> str:
    if year - year % 100 not in _CENTURIES:
        message = "a person number cannot tell a year of birth outside 1900 to 2099"
        raise ValueError(message)
    digits = f"{year % 100:02d}{coded_month:02d}{day:02d}{sequence:03d}"
    return digits + person_check_digits(digits, year)


def _fitting_moduli(text: str) -> tuple[int, ...]:
    return tuple(modulus for modulus in NIHII_MODULI if check_digits(int(text[:6]), modulus) == text[6:8])


def _some_birthday(random: Random) -> date:
    # Never the first of a month: 1 January and 1 July stand for unknown birthdays, so their sequence numbers run high.
    return date(random.choice(_BIRTH_YEARS), random.randint(1, 12), random.randint(2, 28))


def _fill(random: Random, prefix: str, length: int) -> str:
    return prefix + "".join(random.choice("0123456789") for _ in range(length - len(prefix)))
