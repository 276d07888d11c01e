"""Hypothesis strategies for Belgian identifiers: valid ones, and ones broken in exactly one way.

It must not judge identifiers itself: `conformance.identifiers` says what is valid, and every broken value is held
against it. What the strategies without "boundary" in their name draw is, as far as can be told, nobody's.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from types import MappingProxyType
from typing import Final

from hypothesis import strategies as st

from conformance.identifiers import rules as identifiers
from conformance.identifiers.rules import Doubt, Kind, Problem

_BIRTHDAYS: Final = st.dates(date(1925, 1, 2), date(2014, 12, 31)).filter(lambda day: day.day > 1)
# Not 2000-01-01: 1 January stands for unknown birthdays, so that its sequence numbers may run high.
_TELLING_BIRTHDAYS: Final = (date(1999, 12, 31), date(2000, 1, 2), date(1996, 2, 29), date(2000, 2, 29))
_BOUNDARY_BIRTHDAYS: Final = (date(1900, 1, 1), date(1999, 12, 31), date(2000, 1, 1), date(2000, 2, 29))
_BOUNDARY_SEQUENCES: Final = (identifiers.SEQUENCES[0], identifiers.SEQUENCES[-1])
_DIGITS: Final = "0123456789"
_LETTERS: Final = "OIlAz"
_SPACES: Final = " \N{NO-BREAK SPACE}"
_SEPARATORS: Final = ".-"
_FOREIGN_DIGITS: Final = (
    str.maketrans(_DIGITS, "٠١٢٣٤٥٦٧٨٩"),  # Arabic-Indic digits, which str.isdigit takes for digits
    str.maketrans(_DIGITS, "０１２３４５６７８９"),  # noqa: RUF001 - fullwidth digits, which int() reads
    str.maketrans(_DIGITS, "⁰¹²³⁴⁵⁶⁷⁸⁹"),  # digits to str.isdigit, but not to int()
)
# Neither a month as it is nor one with 20 or 40 added, 00 included.
_MONTHS_OF_NO_KIND: Final = (*range(13, 20), *range(33, 40), *range(53, 100))


class Defect(Enum):
    """A way to break an identifier; the value says it in words."""

    ONE_DIGIT = "one digit changed"
    CHECK_DIGITS = "other check digits"
    TOO_SHORT = "one digit left out"
    TOO_LONG = "one digit too many"
    MONTH = "no such month, check digits right"
    DAY = "no such day, check digits right"
    SEQUENCE = "sequence number 000 or 999, check digits right"
    PREFIX = "first digit 9, check digits right"
    LETTER = "a letter for a digit"
    FOREIGN_DIGIT = "digits that are not ASCII"
    INNER_SPACE = "a space inside"
    OUTER_SPACE = "white space around"
    SEPARATOR = "a dot or a dash inside"

    @property
    def problem(self) -> Problem:
        """Give the one problem that identifiers with this defect have."""
        return _PROBLEMS[self]


@dataclass(frozen=True, slots=True)
class Broken:
    """An identifier with one defect, and the valid one it was made from."""

    value: str
    defect: Defect
    twin: str


_EVERYWHERE: Final = (
    Defect.TOO_SHORT,
    Defect.TOO_LONG,
    Defect.LETTER,
    Defect.FOREIGN_DIGIT,
    Defect.INNER_SPACE,
    Defect.OUTER_SPACE,
    Defect.SEPARATOR,
)
_CHECKED: Final = (Defect.ONE_DIGIT, Defect.CHECK_DIGITS)
_OF_PERSONS: Final = (*_CHECKED, Defect.MONTH, Defect.DAY, Defect.SEQUENCE, *_EVERYWHERE)

DEFECTS: Final[Mapping[Kind, tuple[Defect, ...]]] = MappingProxyType(
    {
        Kind.SSIN: _OF_PERSONS,
        Kind.BIS: _OF_PERSONS,
        Kind.NIHII8: _EVERYWHERE,
        Kind.NIHII11: _EVERYWHERE,
        Kind.CBE: (*_CHECKED, Defect.PREFIX, *_EVERYWHERE),
        Kind.EHP: _EVERYWHERE,
    },
)
"""The defects that make an identifier of a kind invalid beyond doubt."""

_PROBLEMS: Final[Mapping[Defect, Problem]] = MappingProxyType(
    {
        Defect.ONE_DIGIT: Problem.CHECK_DIGITS,
        Defect.CHECK_DIGITS: Problem.CHECK_DIGITS,
        Defect.TOO_SHORT: Problem.LENGTH,
        Defect.TOO_LONG: Problem.LENGTH,
        Defect.MONTH: Problem.DATE,
        Defect.DAY: Problem.DATE,
        Defect.SEQUENCE: Problem.SEQUENCE,
        Defect.PREFIX: Problem.PREFIX,
        Defect.LETTER: Problem.CHARACTER,
        Defect.FOREIGN_DIGIT: Problem.CHARACTER,
        Defect.INNER_SPACE: Problem.CHARACTER,
        Defect.OUTER_SPACE: Problem.CHARACTER,
        Defect.SEPARATOR: Problem.CHARACTER,
    },
)


def ssin() -> st.SearchStrategy[str]:
    """Draw fictitious national register numbers, among them the turn of the century, 29 February and remainder 0."""
    birthdays = st.one_of(_BIRTHDAYS, st.sampled_from(_TELLING_BIRTHDAYS))
    sequences = st.sampled_from(identifiers.FICTITIOUS_SEQUENCES)
    return st.one_of(st.builds(identifiers.compose_ssin, birthdays, sequences), birthdays.map(_with_remainder_zero))


def boundary_ssin() -> st.SearchStrategy[str]:
    """Draw national register numbers at the edges of the rules, sequence numbers 001 and 998 among them.

    They may be real persons' numbers: never send them to a service that knows real persons.
    """
    return st.builds(
        identifiers.compose_ssin, st.sampled_from(_BOUNDARY_BIRTHDAYS), st.sampled_from(_BOUNDARY_SEQUENCES)
    )


def bis() -> st.SearchStrategy[str]:
    """Draw fictitious BIS numbers, the sex known or unknown."""
    sequences = st.sampled_from(identifiers.FICTITIOUS_SEQUENCES)
    return st.builds(_compose_bis, st.one_of(_BIRTHDAYS, st.sampled_from(_TELLING_BIRTHDAYS)), sequences, st.booleans())


def boundary_bis() -> st.SearchStrategy[str]:
    """Draw BIS numbers with an unknown day or month, and with sequence numbers 001 and 998.

    They may be real persons' numbers: never send them to a service that knows real persons.
    """
    return st.builds(
        identifiers.compose_bis,
        st.sampled_from((1900, 1999, 2000)),
        st.sampled_from((0, 1, 12)),
        st.sampled_from((0, 31)),
        st.sampled_from(_BOUNDARY_SEQUENCES),
        sex_known=st.booleans(),
    )


def nihii8(prefix: str = identifiers.FICTITIOUS_NIHII) -> st.SearchStrategy[str]:
    """Draw NIHII numbers of 8 digits by both moduli, remainder 0 among them; the prefix has four digits at most."""
    return st.one_of(*(_nihii(prefix, modulus, st.just("")) for modulus in identifiers.NIHII_MODULI))


def nihii11(prefix: str = identifiers.FICTITIOUS_NIHII) -> st.SearchStrategy[str]:
    """Draw NIHII numbers of 11 digits with any qualification code; otherwise as `nihii8` does."""
    qualifications = st.integers(0, 999).map("{:03d}".format)
    return st.one_of(*(_nihii(prefix, modulus, qualifications) for modulus in identifiers.NIHII_MODULI))


def cbe(prefix: str = identifiers.FICTITIOUS_CBE) -> st.SearchStrategy[str]:
    """Draw CBE numbers, remainder 0 among them; the prefix has six digits at most, 2 to 8 first for establishments."""
    return _stems(prefix, 8, 97).map(identifiers.compose_cbe)


def ehp(prefix: str = identifiers.FICTITIOUS_EHP) -> st.SearchStrategy[str]:
    """Draw EHP numbers with the check digits that most published ones have; the prefix has six digits at most."""
    return _stems(prefix, 8, 97).map(lambda stem: stem + identifiers.check_digits(int(stem)))


def broken_ssin() -> st.SearchStrategy[Broken]:
    """Draw texts that are a national register number but for one defect, and no BIS number either."""
    return broken(Kind.SSIN, ssin())


def broken_bis() -> st.SearchStrategy[Broken]:
    """Draw texts that are a BIS number but for one defect, and no national register number either."""
    return broken(Kind.BIS, bis())


def broken_nihii8() -> st.SearchStrategy[Broken]:
    """Draw texts that are a NIHII number of 8 digits but for one defect; check digits are never it."""
    return broken(Kind.NIHII8, nihii8())


def broken_nihii11() -> st.SearchStrategy[Broken]:
    """Draw texts that are a NIHII number of 11 digits but for one defect; check digits are never it."""
    return broken(Kind.NIHII11, nihii11())


def broken_cbe() -> st.SearchStrategy[Broken]:
    """Draw texts that are a CBE number but for one defect."""
    return broken(Kind.CBE, cbe())


def broken_ehp() -> st.SearchStrategy[Broken]:
    """Draw texts that are an EHP number but for one defect; check digits are never it."""
    return broken(Kind.EHP, ehp())


def doubtful_nihii8() -> st.SearchStrategy[Broken]:
    """Draw NIHII numbers of 8 digits that fit no documented modulus: a doubt, which a service may or may not refuse."""
    return broken(Kind.NIHII8, nihii8(), _CHECKED)


def doubtful_nihii11() -> st.SearchStrategy[Broken]:
    """Draw NIHII numbers of 11 digits that fit no documented modulus: a doubt, as with `doubtful_nihii8`."""
    return broken(Kind.NIHII11, nihii11(), _CHECKED)


@st.composite
def broken(
    draw: st.DrawFn, kind: Kind, twins: st.SearchStrategy[str], defects: tuple[Defect, ...] | None = None
) -> Broken:
    """Draw identifiers broken in exactly one way, by default in any of `DEFECTS`; shrinks to the first of them."""
    twin = draw(twins)
    defect = draw(st.sampled_from(defects or DEFECTS[kind]))
    return Broken(draw(st.sampled_from(breakages(kind, twin, defect))), defect, twin)


def breakages(kind: Kind, twin: str, defect: Defect) -> tuple[str, ...]:
    """List every way in which a defect breaks a valid identifier, and nothing else with it.

    A NIHII number's check digits break nothing, but leave a doubt: then it lists the numbers with this doubt.
    """
    doubtful = defect in _CHECKED and kind in {Kind.NIHII8, Kind.NIHII11}
    is_it = _is_doubtful if doubtful else lambda kind, text: identifiers.check(kind, text) == (defect.problem,)
    return tuple(dict.fromkeys(text for text in _BREAKERS[defect](kind, twin) if text != twin and is_it(kind, text)))


def _is_doubtful(kind: Kind, text: str) -> bool:
    return Doubt.NO_KNOWN_MODULUS in identifiers.doubts(kind, text)


def _with_remainder_zero(born: date) -> str:
    # 97 sequence numbers in a row leave every remainder once.
    sequences = identifiers.FICTITIOUS_SEQUENCES[:97]
    return next(text for n in sequences if (text := identifiers.compose_ssin(born, n)).endswith("97"))


def _compose_bis(born: date, sequence: int, sex_known: bool) -> str:  # noqa: FBT001 - st.builds calls it
    return identifiers.compose_bis(born.year, born.month, born.day, sequence, sex_known=sex_known)


def _nihii(prefix: str, modulus: int, qualifications: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(identifiers.compose_nihii, _stems(prefix, 6, modulus), st.just(modulus), qualifications)


def _stems(prefix: str, length: int, modulus: int) -> st.SearchStrategy[str]:
    low = int(prefix.ljust(length, "0"))
    high = int(prefix.ljust(length, "9"))
    multiples = st.integers(-(-low // modulus), high // modulus).map(lambda quotient: quotient * modulus)
    return st.one_of(st.integers(low, high), multiples).map(lambda number: str(number).zfill(length))


def _change_digit(_kind: Kind, twin: str) -> Iterator[str]:
    return (twin[:at] + digit + twin[at + 1 :] for at in range(len(twin)) for digit in _DIGITS)


def _change_check_digits(kind: Kind, twin: str) -> Iterator[str]:
    at = 6 if kind in {Kind.NIHII8, Kind.NIHII11} else len(twin) - 2
    return (f"{twin[:at]}{pair:02d}{twin[at + 2 :]}" for pair in range(100))


def _shorten(_kind: Kind, twin: str) -> Iterator[str]:
    # The first digit stays: a CBE number without its leading 0 is an old form, which some services take.
    return (twin[:at] + twin[at + 1 :] for at in range(1, len(twin)))


def _lengthen(_kind: Kind, twin: str) -> Iterator[str]:
    # Behind all others first: a service that cuts a number off, or reads its beginning only, takes it for the twin.
    return (twin[:at] + digit + twin[at:] for at in range(len(twin), 0, -1) for digit in _DIGITS)


def _insert(characters: str, text: str) -> Iterator[str]:
    return (text[:at] + character + text[at:] for at in range(1, len(text)) for character in characters)


def _change_month(_kind: Kind, twin: str) -> Iterator[str]:
    return (_recompute(twin, f"{twin[:2]}{month:02d}{twin[4:9]}") for month in _MONTHS_OF_NO_KIND)


def _change_day(_kind: Kind, twin: str) -> Iterator[str]:
    return (_recompute(twin, f"{twin[:4]}{day:02d}{twin[6:9]}") for day in range(29, 100))


def _change_sequence(_kind: Kind, twin: str) -> Iterator[str]:
    return (_recompute(twin, twin[:6] + sequence) for sequence in ("000", "999"))


def _recompute(twin: str, nine_digits: str) -> str:
    year = identifiers.parse_person_number(twin).year
    return nine_digits + identifiers.person_check_digits(nine_digits, year)


def _change_prefix(_kind: Kind, twin: str) -> Iterator[str]:
    stem = "9" + twin[1:8]
    yield stem + identifiers.check_digits(int(stem))


def _put_letter(_kind: Kind, twin: str) -> Iterator[str]:
    return (twin[:at] + letter + twin[at + 1 :] for at in range(len(twin)) for letter in _LETTERS)


def _put_foreign_digits(_kind: Kind, twin: str) -> Iterator[str]:
    for table in _FOREIGN_DIGITS:
        yield twin.translate(table)
        yield from (twin[:at] + twin[at].translate(table) + twin[at + 1 :] for at in range(len(twin)))


def _put_inner_space(_kind: Kind, twin: str) -> Iterator[str]:
    return _insert(_SPACES, twin)


def _put_outer_space(_kind: Kind, twin: str) -> Iterator[str]:
    yield from (f" {twin}", f"{twin} ", f"\t{twin}", f"{twin}\n", f"\N{NO-BREAK SPACE}{twin}")


def _put_separator(_kind: Kind, twin: str) -> Iterator[str]:
    return _insert(_SEPARATORS, twin)


_BREAKERS: Final[Mapping[Defect, Callable[[Kind, str], Iterator[str]]]] = MappingProxyType(
    {
        Defect.ONE_DIGIT: _change_digit,
        Defect.CHECK_DIGITS: _change_check_digits,
        Defect.TOO_SHORT: _shorten,
        Defect.TOO_LONG: _lengthen,
        Defect.MONTH: _change_month,
        Defect.DAY: _change_day,
        Defect.SEQUENCE: _change_sequence,
        Defect.PREFIX: _change_prefix,
        Defect.LETTER: _put_letter,
        Defect.FOREIGN_DIGIT: _put_foreign_digits,
        Defect.INNER_SPACE: _put_inner_space,
        Defect.OUTER_SPACE: _put_outer_space,
        Defect.SEPARATOR: _put_separator,
    },
)
