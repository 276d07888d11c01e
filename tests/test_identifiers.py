"""Tests of the identifiers' rules against vectors, and of the strategies against the rules."""

import pickle
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import find, given, settings
from hypothesis import strategies as st

from conformance.identifiers import fictitious, reading
from conformance.identifiers import rules as identifiers
from conformance.identifiers.rules import CbeForm, Doubt, IdentifierError, IdentifierKind, IdentifierProblem, Nihii, Sex
from conformance.strategies import broken_identifiers
from conformance.strategies import identifiers as strategies
from conformance.strategies.broken_identifiers import Broken, Defect

VECTORS: list[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("vectors").joinpath("identifiers.yaml").read_text("utf-8")
)
VALID: Mapping[IdentifierKind, st.SearchStrategy[str]] = {
    IdentifierKind.SSIN: strategies.ssin(),
    IdentifierKind.BIS: strategies.bis(),
    IdentifierKind.NIHII8: strategies.nihii8(),
    IdentifierKind.NIHII11: strategies.nihii11(),
    IdentifierKind.CBE: strategies.cbe(),
    IdentifierKind.EHP: strategies.ehp(),
}
BROKEN: Mapping[IdentifierKind, st.SearchStrategy[Broken]] = {
    IdentifierKind.SSIN: strategies.broken_ssin(),
    IdentifierKind.BIS: strategies.broken_bis(),
    IdentifierKind.NIHII8: strategies.broken_nihii8(),
    IdentifierKind.NIHII11: strategies.broken_nihii11(),
    IdentifierKind.CBE: strategies.broken_cbe(),
    IdentifierKind.EHP: strategies.broken_ehp(),
}
DOUBTFUL: Mapping[IdentifierKind, st.SearchStrategy[Broken]] = {
    IdentifierKind.NIHII8: strategies.doubtful_nihii8(),
    IdentifierKind.NIHII11: strategies.doubtful_nihii11(),
}
MAKERS: Mapping[IdentifierKind, Callable[[Random], str]] = {
    IdentifierKind.SSIN: fictitious.make_ssin,
    IdentifierKind.BIS: fictitious.make_bis,
    IdentifierKind.NIHII8: fictitious.make_nihii8,
    IdentifierKind.NIHII11: fictitious.make_nihii11,
    IdentifierKind.CBE: fictitious.make_cbe,
    IdentifierKind.EHP: fictitious.make_ehp,
}
KINDS_AND_DEFECTS = [(kind, defect) for kind, defects in broken_identifiers.DEFECTS.items() for defect in defects]

# A search has to succeed under any profile, also one with few examples.
THOROUGH = settings(max_examples=2000, database=None)

each_kind = pytest.mark.parametrize("kind", IdentifierKind, ids=lambda kind: kind.name)
each_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['kind']}: {v['why']}")


@each_vector
def test_vector_has_exactly_the_problems_named(vector: dict[str, Any]) -> None:
    """The problems of each vector are those its line names, and none where it is valid."""
    expected = tuple(IdentifierProblem[name] for name in vector.get("problems", ()))
    assert identifiers.check(IdentifierKind[vector["kind"]], vector["value"]) == expected
    assert vector["valid"] is (not expected)


@each_vector
def test_vector_is_read_or_refused_as_its_line_says(vector: dict[str, Any]) -> None:
    """Valid vectors are read with the doubts named, others refused with an error that names each problem."""
    kind, text = IdentifierKind[vector["kind"]], vector["value"]
    if vector["valid"]:
        assert reading.parse(kind, text).text == text
        assert reading.doubts(kind, text) == tuple(Doubt[name] for name in vector.get("doubts", ()))
        return
    with pytest.raises(IdentifierError) as caught:
        reading.parse(kind, text)
    assert caught.value.problems == tuple(IdentifierProblem[name] for name in vector["problems"])
    assert all(problem.value in str(caught.value) for problem in caught.value.problems)


def test_vectors_are_told_apart() -> None:
    """No vector stands in the file twice."""
    assert len({(vector["kind"], vector["value"]) for vector in VECTORS}) == len(VECTORS)


def test_error_names_the_kind_and_its_length_but_not_the_identifier() -> None:
    """The message serves a reader without giving away whose number was refused."""
    with pytest.raises(IdentifierError) as caught:
        reading.parse_ssin("94021300146")
    assert str(caught.value) == ("not a valid SSIN (11 digits); check digits: they do not match the other digits")


def test_error_survives_the_way_between_processes() -> None:
    """An error that is pickled and read back says the same."""
    error = IdentifierError(IdentifierKind.CBE, (IdentifierProblem.PREFIX, IdentifierProblem.CHECK_DIGITS))
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (str(copy), copy.kind, copy.problems) == (str(error), error.kind, error.problems)


@pytest.mark.parametrize(
    ("text", "kind", "born", "sex"),
    [
        ("94021300145", IdentifierKind.SSIN, date(1994, 2, 13), Sex.MALE),
        ("06070500252", IdentifierKind.SSIN, date(2006, 7, 5), Sex.FEMALE),
        ("85493000163", IdentifierKind.BIS, date(1985, 9, 30), Sex.MALE),
        ("85233000274", IdentifierKind.BIS, date(1985, 3, 30), None),
        ("06490500255", IdentifierKind.BIS, date(2006, 9, 5), Sex.FEMALE),
        ("85400090197", IdentifierKind.BIS, None, Sex.MALE),
        ("85010090118", IdentifierKind.SSIN, None, Sex.MALE),
    ],
)
def test_person_number_tells_day_of_birth_and_sex(
    text: str, kind: IdentifierKind, born: date | None, sex: Sex | None
) -> None:
    """A person number is read as its kind, with what it tells of the person and None for what it does not."""
    number = reading.parse_person_number(text)
    assert (number.text, number.kind, number.born, number.sex) == (text, kind, born, sex)


def test_person_number_with_unknown_parts_keeps_the_known_ones() -> None:
    """An unknown day leaves year and month, an unknown month leaves the year."""
    no_day = reading.parse_person_number("85010090118")
    no_month = reading.parse_person_number("85400090197")
    assert (no_day.year, no_day.month, no_day.day) == (1985, 1, None)
    assert (no_month.year, no_month.month, no_month.day, no_month.sequence) == (1985, None, None, 901)


def test_text_that_is_no_number_is_refused_as_a_national_register_number() -> None:
    """A person number of which the month cannot be read is judged by the commoner kind."""
    assert reading.person_kind("94x21300145") is IdentifierKind.SSIN


def test_no_number_obeys_the_rules_of_both_centuries() -> None:
    """The two centuries' check digits differ for every remainder."""
    assert all(
        identifiers.person_check_digits(digits, 1999) != identifiers.person_check_digits(digits, 2000)
        for digits in (f"{remainder:09d}" for remainder in range(97))
    )


@pytest.mark.parametrize(
    ("text", "moduli"), [("12345625", (97,)), ("12345676", (89,)), ("12345600", ()), ("99270689", (97, 89))]
)
def test_nihii_tells_the_moduli_it_fits(text: str, moduli: tuple[int, ...]) -> None:
    """A NIHII number is read whatever modulus it fits, and says which."""
    assert reading.parse_nihii8(text) == Nihii(text, IdentifierKind.NIHII8, moduli, None)


def test_long_nihii_shares_its_stem_with_the_short_one() -> None:
    """The first eight of eleven digits are the short number, the last three the qualification."""
    long = reading.parse_nihii11("12345625001")
    assert (long.stem, long.qualification) == (reading.parse_nihii8("12345625").stem, "001")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("0809394427", CbeForm.ENTERPRISE),
        ("1000000021", CbeForm.ENTERPRISE),
        ("2000000042", CbeForm.ESTABLISHMENT_UNIT),
        ("8000000071", CbeForm.ESTABLISHMENT_UNIT),
    ],
)
def test_first_digit_tells_enterprises_from_establishment_units(text: str, form: CbeForm) -> None:
    """Enterprises begin with 0 or 1, establishment units with 2 to 8."""
    assert reading.parse_cbe(text).form is form


@pytest.mark.parametrize(
    ("kind", "printed", "bare"),
    [
        (IdentifierKind.SSIN, "94.02.13-001.45", "94021300145"),
        (IdentifierKind.NIHII11, "1-23456-25-001", "12345625001"),
        (IdentifierKind.NIHII8, "1/23456/25", "12345625"),
        (IdentifierKind.CBE, "809.394.427", "0809394427"),
        (IdentifierKind.CBE, "0809 394\N{NO-BREAK SPACE}427", "0809394427"),
        (IdentifierKind.EHP, "199000003", "199000003"),
        (IdentifierKind.SSIN, "٩٤.x", "٩٤x"),
    ],
)
def test_normalise_takes_out_separators_and_nothing_else(kind: IdentifierKind, printed: str, bare: str) -> None:
    """A printed identifier loses its separators; only an old CBE number gains its leading zero."""
    assert reading.normalise(kind, printed) == bare


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (IdentifierKind.SSIN, "94021300145"),
        (IdentifierKind.NIHII8, "12345625"),
        (IdentifierKind.CBE, "0809394427"),
        (IdentifierKind.EHP, "1990000035"),
    ],
)
def test_identifier_that_somebody_may_have_does_not_seem_fictitious(kind: IdentifierKind, text: str) -> None:
    """Nothing tells that such a number is made up."""
    assert not fictitious.seems_fictitious(kind, text)


@each_kind
@given(seed=st.integers(0, 2**32))
def test_made_identifier_is_valid_without_a_doubt_and_seems_fictitious(kind: IdentifierKind, seed: int) -> None:
    """What a maker makes reads back as itself, breaks no rule, leaves no doubt and is nobody's."""
    made = MAKERS[kind](Random(seed))
    assert reading.parse(kind, made).text == made
    assert reading.doubts(kind, made) == ()
    assert fictitious.seems_fictitious(kind, made)


@each_kind
def test_same_seed_makes_the_same_identifier(kind: IdentifierKind) -> None:
    """Makers have no other source of randomness than the one given to them."""
    assert MAKERS[kind](Random(7)) == MAKERS[kind](Random(7))


def test_maker_heeds_what_it_is_asked_for() -> None:
    """Day of birth, sequence, sex, prefix, modulus and qualification can be chosen."""
    random = Random(1)
    person = reading.parse_ssin(
        fictitious.make_ssin(random, born=date(2001, 3, 4), sequences=identifiers.SEQUENCES[-1:])
    )
    assert (person.born, person.sequence) == (date(2001, 3, 4), 998)
    assert reading.parse_bis(fictitious.make_bis(random, sex_known=False)).sex is None
    assert 89 in reading.parse_nihii8(fictitious.make_nihii8(random, prefix="22", modulus=89)).moduli
    assert fictitious.make_nihii11(random, prefix="1", qualification="003").startswith("1")
    assert reading.parse_nihii11(fictitious.make_nihii11(random, qualification="003")).qualification == "003"
    assert reading.parse_cbe(fictitious.make_cbe(random, prefix="2")).form is CbeForm.ESTABLISHMENT_UNIT
    assert fictitious.make_ehp(random, prefix="19900").startswith("19900")


@given(born=st.dates(date(1900, 1, 1), date(2099, 12, 31)), sequence=st.sampled_from(identifiers.SEQUENCES))
def test_composed_national_register_number_reads_back(born: date, sequence: int) -> None:
    """Any day of two centuries with any sequence number makes a number that tells both."""
    number = reading.parse_person_number(reading.compose_ssin(born, sequence))
    assert (number.kind, number.born, number.sequence) == (IdentifierKind.SSIN, born, sequence)


@given(
    born=st.dates(date(1900, 1, 1), date(2099, 12, 31)),
    sequence=st.sampled_from(identifiers.SEQUENCES),
    sex_known=st.booleans(),
)
def test_composed_bis_number_reads_back(born: date, sequence: int, *, sex_known: bool) -> None:
    """Any day of two centuries with any sequence number makes a BIS number that tells both, and the sex if known."""
    text = reading.compose_bis(born.year, born.month, born.day, sequence, sex_known=sex_known)
    number = reading.parse_person_number(text)
    assert (number.kind, number.born, number.sequence) == (IdentifierKind.BIS, born, sequence)
    assert (number.sex is not None) is sex_known


@pytest.mark.parametrize("year", [1899, 2100])
def test_year_that_no_person_number_can_tell_is_refused(year: int) -> None:
    """Two digits and two rules tell the years 1900 to 2099 only."""
    with pytest.raises(ValueError, match="1900 to 2099"):
        reading.compose_ssin(date(year, 12, 31), 901)


@pytest.mark.parametrize("month", [-1, 13, 20])
def test_month_that_would_turn_into_another_offset_is_refused(month: int) -> None:
    """Month 20 with an unknown sex must not become the unknown month of a known one."""
    with pytest.raises(IdentifierError, match="date"):
        reading.compose_bis(1985, month, 1, 901, sex_known=False)


@pytest.mark.parametrize("sequence", [0, 999, 1000])
def test_sequence_that_is_not_assigned_is_refused(sequence: int) -> None:
    """Composing checks its result like any other identifier."""
    with pytest.raises(IdentifierError):
        reading.compose_ssin(date(1985, 1, 1), sequence)


@each_kind
@given(data=st.data())
def test_drawn_identifier_is_valid_without_a_doubt_and_seems_fictitious(
    kind: IdentifierKind, data: st.DataObject
) -> None:
    """What a strategy draws reads back as itself, leaves no doubt and is nobody's."""
    drawn = data.draw(VALID[kind])
    assert reading.parse(kind, drawn).text == drawn
    assert reading.doubts(kind, drawn) == ()
    assert fictitious.seems_fictitious(kind, drawn)


@given(text=st.one_of(strategies.boundary_ssin(), strategies.boundary_bis()))
def test_drawn_boundary_is_valid(text: str) -> None:
    """The numbers at the edges of the rules are inside them."""
    number = reading.parse_person_number(text)
    assert (number.text, number.sequence in {1, 998}) == (text, True)


@pytest.mark.parametrize(
    ("strategy", "ending"),
    [(strategies.ssin(), "97"), (strategies.nihii8(), "97"), (strategies.nihii8(), "89"), (strategies.cbe(), "97")],
)
def test_remainder_zero_is_drawn(strategy: st.SearchStrategy[str], ending: str) -> None:
    """Each strategy finds its way to the check digits that equal the modulus."""
    assert find(strategy, lambda text: text.endswith(ending), settings=THOROUGH)


@pytest.mark.parametrize("born", [date(1999, 12, 31), date(2000, 1, 1), date(2000, 2, 29)], ids=date.isoformat)
@pytest.mark.parametrize("sequence", [1, 998])
def test_boundary_is_drawn(born: date, sequence: int) -> None:
    """The turn of the century and 29 February come with the first and the last sequence number."""
    text = reading.compose_ssin(born, sequence)
    assert find(strategies.boundary_ssin(), lambda drawn: drawn == text, settings=THOROUGH) == text


@each_kind
@given(data=st.data())
def test_broken_identifier_is_refused_for_its_defect_alone(kind: IdentifierKind, data: st.DataObject) -> None:
    """A broken value has exactly the problem of its defect, and its twin has none."""
    broken = data.draw(BROKEN[kind])
    assert identifiers.check(kind, broken.value) == (broken.defect.problem,)
    assert identifiers.check(kind, broken.valid) == ()
    with pytest.raises(IdentifierError) as caught:
        reading.parse(kind, broken.value)
    assert caught.value.problems == (broken.defect.problem,)


@pytest.mark.parametrize("kind", [IdentifierKind.SSIN, IdentifierKind.BIS], ids=lambda kind: kind.name)
@given(data=st.data())
def test_broken_person_number_is_refused_where_either_kind_is_welcome(
    kind: IdentifierKind, data: st.DataObject
) -> None:
    """No defect turns a national register number into a BIS number, or the other way round."""
    broken = data.draw(BROKEN[kind])
    with pytest.raises(IdentifierError):
        reading.parse_person_number(broken.value)


@pytest.mark.parametrize("kind", DOUBTFUL, ids=lambda kind: kind.name)
@given(data=st.data())
def test_doubtful_nihii_is_read_with_a_doubt(kind: IdentifierKind, data: st.DataObject) -> None:
    """A NIHII number with other check digits or another digit is read, but leaves the doubt about its modulus."""
    doubtful = data.draw(DOUBTFUL[kind])
    assert doubtful.value != doubtful.valid
    assert reading.doubts(kind, doubtful.value) == (Doubt.NO_KNOWN_MODULUS,)
    assert doubtful.defect in {Defect.ONE_DIGIT, Defect.CHECK_DIGITS}


@pytest.mark.parametrize(("kind", "defect"), KINDS_AND_DEFECTS, ids=lambda value: getattr(value, "name", None))
@settings(max_examples=20)
@given(data=st.data())
def test_every_defect_can_be_had_from_every_twin(kind: IdentifierKind, defect: Defect, data: st.DataObject) -> None:
    """There are always ways to break an identifier with each defect of its kind, all told apart and none the twin."""
    valid = data.draw(VALID[kind])
    found = broken_identifiers.breakages(kind, valid, defect)
    assert found
    assert valid not in found
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("defect", "value"),
    [
        (Defect.ONE_DIGIT, "94021300146"),
        (Defect.CHECK_DIGITS, "94021300100"),
        (Defect.CHECK_DIGITS, "94021300198"),
        (Defect.TOO_SHORT, "9402130014"),
        (Defect.TOO_LONG, "940213001450"),
        (Defect.MONTH, "94131300125"),
        (Defect.DAY, "94023200157"),
        (Defect.DAY, "94023000120"),
        (Defect.SEQUENCE, "94021300046"),
        (Defect.LETTER, "9402130O145"),
        (Defect.FOREIGN_DIGIT, "٩٤٠٢١٣٠٠١٤٥"),
        (Defect.FOREIGN_DIGIT, "９４０２１３００１４５"),  # noqa: RUF001 - fullwidth on purpose
        (Defect.FOREIGN_DIGIT, "940²1300145"),
        (Defect.INNER_SPACE, "940213 00145"),
        (Defect.OUTER_SPACE, "94021300145 "),
        (Defect.OUTER_SPACE, "94021300145\n"),
        (Defect.SEPARATOR, "940213-00145"),
    ],
)
def test_known_breakage_of_a_national_register_number_is_listed(defect: Defect, value: str) -> None:
    """The ways to break 94021300145 include one worked out by hand for each defect."""
    assert value in broken_identifiers.breakages(IdentifierKind.SSIN, "94021300145", defect)


@pytest.mark.parametrize(("defect", "by"), [(Defect.TOO_SHORT, -1), (Defect.TOO_LONG, 1)])
@each_kind
@settings(max_examples=20)
@given(data=st.data())
def test_wrong_length_is_wrong_by_one_digit(kind: IdentifierKind, defect: Defect, by: int, data: st.DataObject) -> None:
    """One digit is left out or put in, never more, and a leading zero is never the one left out."""
    valid = data.draw(VALID[kind])
    found = broken_identifiers.breakages(kind, valid, defect)
    assert {len(text) - len(valid) for text in found} == {by}
    assert {text[0] for text in found} == {valid[0]}
