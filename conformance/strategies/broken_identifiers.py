"""Ways to break a valid identifier in one respect.

Must not draw anything.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from conformance.identifiers import reading
from conformance.identifiers import rules as identifiers
from conformance.identifiers.rules import Doubt, IdentifierKind, IdentifierProblem

_DIGITS: Final = "0123456789"
_LETTERS: Final = "OIlAz"
_SPACES: Final = " \N{NO-BREAK SPACE}"
_SEPARATORS: Final = ".-"
_FOREIGN_DIGITS: Final = (
    str.maketrans(
        _DIGITS, "٠١٢٣٤٥٦٧٨٩"
    ),  # Arabic-Indic digits, which str.isdigit takes for digits
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
    def problem(self) -> IdentifierProblem:
        """Give the one problem that identifiers with this defect have."""
        return _PROBLEMS[self]


@dataclass(frozen=True, slots=True)
class Broken:
    """An identifier with one defect, and the valid one it was made from."""

    value: str
    defect: Defect
    valid: str


_EVERYWHERE: Final = (
    Defect.TOO_SHORT,
    Defect.TOO_LONG,
    Defect.LETTER,
    Defect.FOREIGN_DIGIT,
    Defect.INNER_SPACE,
    Defect.OUTER_SPACE,
    Defect.SEPARATOR,
)
CHECKED: Final = (Defect.ONE_DIGIT, Defect.CHECK_DIGITS)
_OF_PERSONS: Final = (*CHECKED, Defect.MONTH, Defect.DAY, Defect.SEQUENCE, *_EVERYWHERE)

DEFECTS: Final[Mapping[IdentifierKind, tuple[Defect, ...]]] = MappingProxyType(
    {
        IdentifierKind.SSIN: _OF_PERSONS,
        IdentifierKind.BIS: _OF_PERSONS,
        IdentifierKind.NIHII8: _EVERYWHERE,
        IdentifierKind.NIHII11: _EVERYWHERE,
        IdentifierKind.CBE: (*CHECKED, Defect.PREFIX, *_EVERYWHERE),
        IdentifierKind.EHP: _EVERYWHERE,
    },
)
"""The defects that make an identifier of a kind invalid beyond doubt."""

_PROBLEMS: Final[Mapping[Defect, IdentifierProblem]] = MappingProxyType(
    {
        Defect.ONE_DIGIT: IdentifierProblem.CHECK_DIGITS,
        Defect.CHECK_DIGITS: IdentifierProblem.CHECK_DIGITS,
        Defect.TOO_SHORT: IdentifierProblem.LENGTH,
        Defect.TOO_LONG: IdentifierProblem.LENGTH,
        Defect.MONTH: IdentifierProblem.DATE,
        Defect.DAY: IdentifierProblem.DATE,
        Defect.SEQUENCE: IdentifierProblem.SEQUENCE,
        Defect.PREFIX: IdentifierProblem.PREFIX,
        Defect.LETTER: IdentifierProblem.CHARACTER,
        Defect.FOREIGN_DIGIT: IdentifierProblem.CHARACTER,
        Defect.INNER_SPACE: IdentifierProblem.CHARACTER,
        Defect.OUTER_SPACE: IdentifierProblem.CHARACTER,
        Defect.SEPARATOR: IdentifierProblem.CHARACTER,
    },
)


def breakages(kind: IdentifierKind, valid: str, defect: Defect) -> tuple[str, ...]:
    """List every way in which a defect breaks a valid identifier, and nothing else with it.

    A NIHII number's check digits break nothing, but leave a doubt: then it lists the numbers with this doubt.
    """
    doubtful = defect in CHECKED and kind in {
        IdentifierKind.NIHII8,
        IdentifierKind.NIHII11,
    }
    is_it = (
        _is_doubtful
        if doubtful
        else lambda kind, text: identifiers.check(kind, text) == (defect.problem,)
    )
    return tuple(
        dict.fromkeys(
            text
            for text in _BREAKERS[defect](kind, valid)
            if text != valid and is_it(kind, text)
        )
    )


def _is_doubtful(kind: IdentifierKind, text: str) -> bool:
    return Doubt.NO_KNOWN_MODULUS in reading.doubts(kind, text)


def _change_digit(_kind: IdentifierKind, valid: str) -> Iterator[str]:
    return (
        valid[:at] + digit + valid[at + 1 :]
        for at in range(len(valid))
        for digit in _DIGITS
    )


def _change_check_digits(kind: IdentifierKind, valid: str) -> Iterator[str]:
    at = (
        6 if kind in {IdentifierKind.NIHII8, IdentifierKind.NIHII11} else len(valid) - 2
    )
    return (f"{valid[:at]}{pair:02d}{valid[at + 2 :]}" for pair in range(100))


def _shorten(_kind: IdentifierKind, valid: str) -> Iterator[str]:
    # The first digit stays: a CBE number without its leading 0 is an old form, which some services take.
    return (valid[:at] + valid[at + 1 :] for at in range(1, len(valid)))


def _lengthen(_kind: IdentifierKind, valid: str) -> Iterator[str]:
    # Behind all others first: a service that cuts a number off, or reads its beginning only,
    # takes it for the valid one.
    return (
        valid[:at] + digit + valid[at:]
        for at in range(len(valid), 0, -1)
        for digit in _DIGITS
    )


def _insert(characters: str, text: str) -> Iterator[str]:
    return (
        text[:at] + character + text[at:]
        for at in range(1, len(text))
        for character in characters
    )


def _change_month(_kind: IdentifierKind, valid: str) -> Iterator[str]:
    return (
        _recompute(valid, f"{valid[:2]}{month:02d}{valid[4:9]}")
        for month in _MONTHS_OF_NO_KIND
    )


def _change_day(_kind: IdentifierKind, valid: str) -> Iterator[str]:
    return (
        _recompute(valid, f"{valid[:4]}{day:02d}{valid[6:9]}") for day in range(29, 100)
    )


def _change_sequence(_kind: IdentifierKind, valid: str) -> Iterator[str]:
    return (_recompute(valid, valid[:6] + sequence) for sequence in ("000", "999"))


def _recompute(valid: str, nine_digits: str) -> str:
    year = reading.parse_person_number(valid).year
    return nine_digits + identifiers.person_check_digits(nine_digits, year)


def _change_prefix(_kind: IdentifierKind, valid: str) -> Iterator[str]:
    stem = "9" + valid[1:8]
    yield stem + identifiers.check_digits(int(stem))


def _put_letter(_kind: IdentifierKind, valid: str) -> Iterator[str]:
    return (
        valid[:at] + letter + valid[at + 1 :]
        for at in range(len(valid))
        for letter in _LETTERS
    )


def _put_foreign_digits(_kind: IdentifierKind, valid: str) -> Iterator[str]:
    for table in _FOREIGN_DIGITS:
        yield valid.translate(table)
        yield from (
            valid[:at] + valid[at].translate(table) + valid[at + 1 :]
            for at in range(len(valid))
        )


def _put_inner_space(_kind: IdentifierKind, valid: str) -> Iterator[str]:
    return _insert(_SPACES, valid)


def _put_outer_space(_kind: IdentifierKind, valid: str) -> Iterator[str]:
    yield from (
        f" {valid}",
        f"{valid} ",
        f"\t{valid}",
        f"{valid}\n",
        f"\N{NO-BREAK SPACE}{valid}",
    )


def _put_separator(_kind: IdentifierKind, valid: str) -> Iterator[str]:
    return _insert(_SEPARATORS, valid)


_BREAKERS: Final[Mapping[Defect, Callable[[IdentifierKind, str], Iterator[str]]]] = (
    MappingProxyType(
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
)
