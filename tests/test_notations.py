"""Tests of other writings of a number, and of numbers of other lengths."""

import re

import pytest

from conformance.identifiers.notations import notations, other_lengths

OWN = {"ssin": "85061599690", "nihii": "12345625", "cbe": "0809394427", "ehp": "1990000035"}
USUAL = {"ssin": "85.06.15-996.90", "nihii": "1-23456-25", "cbe": "0809.394.427", "ehp": "1990.000.035"}


@pytest.mark.parametrize("identity", OWN)
def test_number_is_written_as_people_write_it(identity: str) -> None:
    """The usual signs come first, then blanks, dots and dashes alone; no writing occurs twice."""
    written = notations(identity, OWN[identity])
    assert written[0] == USUAL[identity]
    assert len(set(written)) == len(written) >= 3
    signs = {frozenset(re.findall(r"\D", text)) for text in written}
    assert {frozenset(" "), frozenset("."), frozenset("-")} <= signs


@pytest.mark.parametrize("identity", OWN)
def test_writing_has_the_number_s_digits_and_none_at_the_ends_but_these(identity: str) -> None:
    """Whoever leaves out the signs has the number again; XML alone would not do that."""
    for text in notations(identity, OWN[identity]):
        assert re.sub(r"\D", "", text) == OWN[identity]
        assert text == text.strip() != OWN[identity]


@pytest.mark.parametrize("number", ["", "1234", "1234567x", "85.06.15-996.90", "١٢٣٤٥٦٧٨"])
@pytest.mark.parametrize("identity", OWN)
def test_what_is_no_number_of_its_kind_is_not_written_in_another_way(identity: str, number: str) -> None:
    """Other texts than the digits of the kind have no usual writing."""
    assert notations(identity, number) == ()


@pytest.mark.parametrize("number", OWN.values())
def test_odd_lengths_are_one_off_and_those_of_other_kinds(number: str) -> None:
    """A digit less, a digit more, and as many as numbers of other kinds have, all different and none the number."""
    odd = other_lengths(number)
    assert number not in odd
    assert len(set(odd)) == len(odd)
    assert odd[:2] == (number[:-1], f"{number}0")
    assert {len(text) for text in odd} >= {8, 10, 11} - {len(number)}
    assert all(text.isdecimal() for text in odd)


@pytest.mark.parametrize("number", OWN.values())
def test_odd_length_is_no_other_writing_of_the_same_number(number: str) -> None:
    """A leading zero more or less, or a qualification behind it, may be the same number to a careful reader."""
    assert all(text.lstrip("0") != number.lstrip("0") for text in other_lengths(number))
    assert all(text[: len(number)] != number or len(text) == len(number) + 1 for text in other_lengths(number))


def test_odd_lengths_of_what_is_no_number_are_none() -> None:
    """Where the own number is not given in digits, nothing is made of it."""
    assert other_lengths("no number") == other_lengths("") == ()
