"""Hypothesis strategies for Belgian identifiers: valid ones, and ones broken in exactly one way.

It must not judge identifiers itself: `conformance.identifiers` says what is valid, and every broken value is held
against it. What the strategies without "boundary" in their name draw has, as far as is known, no owner.
"""

from datetime import date
from typing import Final

from hypothesis import strategies as st

from conformance.identifiers import fictitious, reading
from conformance.identifiers import rules as identifiers
from conformance.identifiers.rules import IdentifierKind
from conformance.strategies.broken_identifiers import (
    CHECKED,
    DEFECTS,
    Broken,
    Defect,
    breakages,
)

_BIRTHDAYS: Final = st.dates(date(1925, 1, 2), date(2014, 12, 31)).filter(
    lambda day: day.day > 1
)
# Not 2000-01-01: 1 January stands for unknown birthdays, so that its sequence numbers may run high.
_TELLING_BIRTHDAYS: Final = (
    date(1999, 12, 31),
    date(2000, 1, 2),
    date(1996, 2, 29),
    date(2000, 2, 29),
)
_BOUNDARY_BIRTHDAYS: Final = (
    date(1900, 1, 1),
    date(1999, 12, 31),
    date(2000, 1, 1),
    date(2000, 2, 29),
)
_BOUNDARY_SEQUENCES: Final = (identifiers.SEQUENCES[0], identifiers.SEQUENCES[-1])


def ssin() -> st.SearchStrategy[str]:
    """Draw fictitious national register numbers, among them the turn of the century, 29 February and remainder 0."""
    birthdays = st.one_of(_BIRTHDAYS, st.sampled_from(_TELLING_BIRTHDAYS))
    sequences = st.sampled_from(identifiers.FICTITIOUS_SEQUENCES)
    return st.one_of(
        st.builds(reading.compose_ssin, birthdays, sequences),
        birthdays.map(_with_remainder_zero),
    )


def boundary_ssin() -> st.SearchStrategy[str]:
    """Draw national register numbers at the edges of the rules, sequence numbers 001 and 998 among them.

    They may be real persons' numbers: never send them to a service that knows real persons.
    """
    return st.builds(
        reading.compose_ssin,
        st.sampled_from(_BOUNDARY_BIRTHDAYS),
        st.sampled_from(_BOUNDARY_SEQUENCES),
    )


def bis() -> st.SearchStrategy[str]:
    """Draw fictitious BIS numbers, the sex known or unknown."""
    sequences = st.sampled_from(identifiers.FICTITIOUS_SEQUENCES)
    return st.builds(
        _compose_bis,
        st.one_of(_BIRTHDAYS, st.sampled_from(_TELLING_BIRTHDAYS)),
        sequences,
        st.booleans(),
    )


def boundary_bis() -> st.SearchStrategy[str]:
    """Draw BIS numbers with an unknown day or month, and with sequence numbers 001 and 998.

    They may be real persons' numbers: never send them to a service that knows real persons.
    """
    return st.builds(
        reading.compose_bis,
        st.sampled_from((1900, 1999, 2000)),
        st.sampled_from((0, 1, 12)),
        st.sampled_from((0, 31)),
        st.sampled_from(_BOUNDARY_SEQUENCES),
        sex_known=st.booleans(),
    )


def nihii8(prefix: str = fictitious.FICTITIOUS_NIHII) -> st.SearchStrategy[str]:
    """Draw NIHII numbers of 8 digits by both moduli, remainder 0 among them; the prefix has four digits at most."""
    return st.one_of(
        *(_nihii(prefix, modulus, st.just("")) for modulus in reading.NIHII_MODULI)
    )


def nihii11(prefix: str = fictitious.FICTITIOUS_NIHII) -> st.SearchStrategy[str]:
    """Draw NIHII numbers of 11 digits with any qualification code; otherwise as `nihii8` does."""
    qualifications = st.integers(0, 999).map("{:03d}".format)
    return st.one_of(
        *(_nihii(prefix, modulus, qualifications) for modulus in reading.NIHII_MODULI)
    )


def cbe(prefix: str = fictitious.FICTITIOUS_CBE) -> st.SearchStrategy[str]:
    """Draw CBE numbers, remainder 0 among them; the prefix has six digits at most, 2 to 8 first for establishments."""
    return _stems(prefix, 8, 97).map(reading.compose_cbe)


def ehp(prefix: str = fictitious.FICTITIOUS_EHP) -> st.SearchStrategy[str]:
    """Draw EHP numbers with the check digits that most published ones have; the prefix has six digits at most."""
    return _stems(prefix, 8, 97).map(
        lambda stem: stem + identifiers.check_digits(int(stem))
    )


def broken_ssin() -> st.SearchStrategy[Broken]:
    """Draw texts that are a national register number but for one defect, and no BIS number either."""
    return broken(IdentifierKind.SSIN, ssin())


def broken_bis() -> st.SearchStrategy[Broken]:
    """Draw texts that are a BIS number but for one defect, and no national register number either."""
    return broken(IdentifierKind.BIS, bis())


def broken_nihii8() -> st.SearchStrategy[Broken]:
    """Draw texts that are a NIHII number of 8 digits but for one defect; check digits are never it."""
    return broken(IdentifierKind.NIHII8, nihii8())


def broken_nihii11() -> st.SearchStrategy[Broken]:
    """Draw texts that are a NIHII number of 11 digits but for one defect; check digits are never it."""
    return broken(IdentifierKind.NIHII11, nihii11())


def broken_cbe() -> st.SearchStrategy[Broken]:
    """Draw texts that are a CBE number but for one defect."""
    return broken(IdentifierKind.CBE, cbe())


def broken_ehp() -> st.SearchStrategy[Broken]:
    """Draw texts that are an EHP number but for one defect; check digits are never it."""
    return broken(IdentifierKind.EHP, ehp())


def doubtful_nihii8() -> st.SearchStrategy[Broken]:
    """Draw NIHII numbers of 8 digits that fit no documented modulus: a doubt, which a service may or may not refuse."""
    return broken(IdentifierKind.NIHII8, nihii8(), CHECKED)


def doubtful_nihii11() -> st.SearchStrategy[Broken]:
    """Draw NIHII numbers of 11 digits that fit no documented modulus: a doubt, as with `doubtful_nihii8`."""
    return broken(IdentifierKind.NIHII11, nihii11(), CHECKED)


@st.composite
def broken(
    draw: st.DrawFn,
    kind: IdentifierKind,
    valid_numbers: st.SearchStrategy[str],
    defects: tuple[Defect, ...] | None = None,
) -> Broken:
    """Draw identifiers broken in exactly one way, by default in any of `DEFECTS`; shrinks to the first of them."""
    valid = draw(valid_numbers)
    defect = draw(st.sampled_from(defects or DEFECTS[kind]))
    return Broken(draw(st.sampled_from(breakages(kind, valid, defect))), defect, valid)


def _with_remainder_zero(born: date) -> str:
    # 97 sequence numbers in a row leave every remainder once.
    sequences = identifiers.FICTITIOUS_SEQUENCES[:97]
    return next(
        text
        for n in sequences
        if (text := reading.compose_ssin(born, n)).endswith("97")
    )


def _compose_bis(born: date, sequence: int, sex_known: bool) -> str:  # noqa: FBT001 - st.builds calls it
    return reading.compose_bis(
        born.year, born.month, born.day, sequence, sex_known=sex_known
    )


def _nihii(
    prefix: str, modulus: int, qualifications: st.SearchStrategy[str]
) -> st.SearchStrategy[str]:
    return st.builds(
        reading.compose_nihii,
        _stems(prefix, 6, modulus),
        st.just(modulus),
        qualifications,
    )


def _stems(prefix: str, length: int, modulus: int) -> st.SearchStrategy[str]:
    low = int(prefix.ljust(length, "0"))
    high = int(prefix.ljust(length, "9"))
    multiples = st.integers(-(-low // modulus), high // modulus).map(
        lambda quotient: quotient * modulus
    )
    return st.one_of(st.integers(low, high), multiples).map(
        lambda number: str(number).zfill(length)
    )
