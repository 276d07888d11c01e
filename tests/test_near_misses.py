"""Tests of numbers that are easily taken for another one."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.identifiers.fictitious import make_nihii11
from conformance.identifiers.near_misses import IDENTIFIER_GENERATORS, near_misses
from conformance.identifiers.rules import check_digits, person_check_digits

STEMS = {"ssin": 9, "nihii": 6, "cbe": 8, "ehp": 8}
OWN = {"ssin": "85061599690", "nihii": "12345625", "cbe": "0809394427", "ehp": "1990000035"}


def fits(identity: str, number: str) -> bool:
    """Tell whether a number's check digits are those of its stem."""
    stem, check = number[: STEMS[identity]], number[STEMS[identity] :]
    right = person_check_digits(stem, 1999) if identity == "ssin" else check_digits(int(stem))
    return check == right


def test_every_kind_of_identity_has_a_maker() -> None:
    """Numbers of nobody can be made for each kind that has near misses."""
    assert IDENTIFIER_GENERATORS.keys() == STEMS.keys()
    for identity, maker in IDENTIFIER_GENERATORS.items():
        assert maker(Random(1)) == maker(Random(1)) != maker(Random(2))
        assert near_misses(identity, maker(Random(1)))


@pytest.mark.parametrize("identity", STEMS)
@given(seed=st.integers(0, 10**6))
def test_near_miss_is_another_number_of_the_same_form(identity: str, seed: int) -> None:
    """None is the number itself, none occurs twice, and all are as many digits."""
    own = IDENTIFIER_GENERATORS[identity](Random(seed))
    found = near_misses(identity, own)
    assert own not in found
    assert len(set(found)) == len(found) >= 5
    assert all(number.isascii() and number.isdecimal() and len(number) == len(own) for number in found)


@pytest.mark.parametrize("identity", STEMS)
@given(seed=st.integers(0, 10**6))
def test_near_miss_shares_something(identity: str, seed: int) -> None:
    """Some have right check digits, some the same ones, and some the same digits in another order."""
    own = IDENTIFIER_GENERATORS[identity](Random(seed))
    stem, rest = own[: STEMS[identity]], own[STEMS[identity] :]
    found = near_misses(identity, own)
    neighbours = [number for number in found if abs(int(number[: len(stem)]) - int(stem)) in {1, 10}]
    assert any(fits(identity, number) for number in neighbours)
    assert any(number.endswith(rest) and abs(int(number[: len(stem)]) - int(stem)) == 97 for number in found)
    assert any(sorted(number) == sorted(own) for number in found)
    assert all(
        number in neighbours
        or number.endswith(rest)
        or sorted(number) == sorted(own)
        or fits(identity, number)
        or number.startswith(stem)
        for number in found
    )


@pytest.mark.parametrize(("identity", "own"), OWN.items(), ids=OWN)
def test_near_misses_of_a_number_are_known(identity: str, own: str) -> None:
    """The same number always has the same near misses."""
    expected = {
        "ssin": ("85061599789", "85061599591", "85061600680", "85061609390", "85061589990"),
        "nihii": ("12345724", "12345526", "12346615", "12355325", "12335925"),
        "cbe": ("0809394526", "0809394328", "0809395417", "0809404127", "0809384727"),
        "ehp": ("1990000134", "1989999936", "1990001025", "1990009735", "1989990335"),
    }
    found = near_misses(identity, own)
    assert found[:5] == expected[identity]
    assert all(fits(identity, number) for number in expected[identity])


def test_person_of_another_century_is_a_near_miss() -> None:
    """Who has the same nine digits and was born in another century has other check digits."""
    assert "85061599622" in near_misses("ssin", "85061599690")
    assert "85061599690" in near_misses("ssin", "85061599622")


def test_number_of_eleven_digits_keeps_its_qualification_or_its_beginning() -> None:
    """A caller whose number has a qualification behind it is missed by numbers with and without one."""
    own = make_nihii11(Random(7))
    found = near_misses("nihii", own)
    assert own not in found
    assert {len(number) for number in found} == {8, 11}
    assert all(number.isdecimal() for number in found)
    assert own[:8] not in found


@pytest.mark.parametrize("own", ["", "12", "123456", "8506159969X", "850615 996-90", "१२३४५६२५१२३", "-85061599690"])
@pytest.mark.parametrize("identity", STEMS)
def test_what_is_no_number_has_no_near_misses(identity: str, own: str) -> None:
    """Nothing is derived from a text that is too short or has other characters."""
    assert near_misses(identity, own) == ()


@pytest.mark.parametrize("digit", "09")
@pytest.mark.parametrize("identity", STEMS)
def test_ends_of_the_range_have_near_misses_of_the_same_length(identity: str, digit: str) -> None:
    """Below the lowest and above the highest stem comes the other end; digits that are all alike cannot be swapped."""
    length = STEMS[identity] + 2
    found = near_misses(identity, digit * length)
    assert digit * length not in found
    assert {len(number) for number in found} == {length}
