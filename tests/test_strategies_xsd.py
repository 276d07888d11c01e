"""Tests of messages that are drawn from a WSDL's types: valid ones, broken ones, their limits, and how they shrink."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, seed, settings
from hypothesis.strategies import SearchStrategy
from lxml import etree

from conformance.contracts.binding import bind
from conformance.contracts.loading import load_spec
from conformance.model.case import MessageMutation, MutationKind
from conformance.soap.difference import difference
from conformance.soap.editing import apply
from conformance.soap.markup import parse
from conformance.soap.xsd.composing import leaves
from conformance.soap.xsd.contract import SoapContract, Steps, read_value
from conformance.soap.xsd.grammar import Choice, Grammar, read_grammar
from conformance.soap.xsd.schemas import WsdlError
from conformance.soap.xsd.wsdl import read_contract
from conformance.strategies.xsd import Broken, broken, edges, valid
from tests.peers.dossier_number_generation import contract_of
from tests.test_soap_types import OWN, held, restricted, sequence, written

SPEC = load_spec("dossier-number-generation")
SHIPPED = bind(SPEC, {}, Path()).contract
ID, INSTANT = ("@Id",), ("@IssueInstant",)
USUAL: Mapping[Steps, str] = {ID: "_drawn", INSTANT: "2026-01-15T12:00:00Z"}
VARIANTS = (
    *("plain", "qualified", "person-identifier-wrapped", "requester-required", "requester-choice"),
    *("last-name-anonymous", "types-included", "schema-inline", "contract-motley"),
)
QUIET = settings(
    max_examples=20,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def grammar(
    contract: SoapContract,
    fixed: Mapping[Steps, str] | None = None,
    excluded: tuple[Steps, ...] = (),
) -> Grammar:
    """Return the valid requests of the only operation of a contract."""
    [operation] = contract.operations.values()
    return read_grammar(contract, operation, fixed or {}, USUAL, excluded)


def wrong(contract: SoapContract, made: Grammar) -> SearchStrategy[Broken]:
    """Return the broken requests of the only operation of a contract."""
    [operation] = contract.operations.values()
    return broken(made, contract, operation)


def limits(contract: SoapContract, made: Grammar) -> tuple[Broken, ...]:
    """Return the broken requests that are always the same."""
    [operation] = contract.operations.values()
    return edges(made, contract, operation)


def peer(folder: Path, variant: str) -> SoapContract:
    """Return the contract of an independent implementation."""
    written_by = contract_of(variant)
    written_by.write(folder)
    (folder / "peer.wsdl").write_text(written_by.wsdl("http://127.0.0.1/"), encoding="utf-8")
    return read_contract(folder / "peer.wsdl", {})


def drawn(strategy: SearchStrategy[Any], number: int = 1, examples: int = 20) -> list[Any]:
    """Return the examples that a seed draws."""
    found: list[Any] = []

    @seed(number)
    @settings(QUIET, max_examples=examples)
    @given(strategy)
    def collect(example: Any) -> None:  # noqa: ANN401 - whatever is drawn
        found.append(example)

    collect()
    return found


def altered(one: Broken) -> etree._Element:
    """Return a broken message."""
    root = parse(one[0].encode())
    apply(root, one[1])
    return root


def reasons(contract: SoapContract, one: Broken) -> set[str]:
    """Return what the schema has against a broken message: facets, or the first word on anything else."""
    found = [problem.message for problem in contract.problems(altered(one))]
    facets = {message.partition("[facet '")[2].partition("'")[0] for message in found}
    return facets - {""} or ({"other"} if found else set())


def texts(messages: list[str], path: Steps) -> set[str]:
    """Return the values that messages have at a place."""
    found = (read_value(parse(message.encode()), path) for message in messages)
    return {value for value in found if value is not None}


# ------------------------------------------------------------------------------------------------- whatever the WSDL is


@pytest.mark.parametrize("variant", ["", *VARIANTS])
def test_messages_are_what_the_schema_says(tmp_path: Path, variant: str) -> None:
    """By each contract, what is drawn as valid is valid, and what is drawn as broken is refused; so are the limits."""
    contract = peer(tmp_path, variant) if variant else SHIPPED
    made = grammar(contract)
    for message in [*drawn(valid(made)), *map(made.message, made.boundaries())]:
        assert contract.problems(parse(message.encode())) == []
    for one in [*drawn(wrong(contract, made)), *limits(contract, made)]:
        assert made.fits(one[0])
        assert len(reasons(contract, one)) == 1, one


@pytest.mark.parametrize("variant", ["", *VARIANTS])
def test_limits_cover_every_part(tmp_path: Path, variant: str) -> None:
    """Before anything is drawn, each optional part is there and is not, each branch, each gender, each length."""
    contract = peer(tmp_path, variant) if variant else SHIPPED
    made = grammar(contract)
    messages = list(map(made.message, made.boundaries()))
    roots = [parse(message.encode()) for message in messages]
    for name in ("FirstNames", "Gender", "PhoneNumber", "PersonIdentifier"):
        there = [root.find(f".//{{*}}{name}") is not None for root in roots]
        assert any(there), name
        assert not all(there), name
    for name in ("Nihii", "Cbe"):
        assert any(root.find(f".//{{*}}{name}") is not None for root in roots), name
    for root in roots:
        found = [one for name in ("Nihii", "Cbe") for one in root.iter(f"{{*}}{name}")]
        assert len(found) <= 1
    assert texts(messages, ("Criteria", "Person", "Gender")) == {"F", "M"}
    assert {"Id" in root.attrib for root in roots} == {True, False}
    if variant:
        lengths = {len(text) for text in texts(messages, ("Criteria", "Person", "LastName"))}
        assert {min(lengths), max(lengths)} == {1, 100}


@pytest.mark.parametrize("variant", VARIANTS)
def test_facets_are_broken_just_outside(tmp_path: Path, variant: str) -> None:
    """Each facet of the peer's contract is broken once, by the least that breaks it."""
    contract = peer(tmp_path, variant)
    found = {
        (one[1].path[-1], *reasons(contract, one)): one[1].text
        for one in limits(contract, grammar(contract))
        if one[1].deed is MutationKind.WRITE
    }
    assert found["LastName", "minLength"] == ""
    assert len(found["LastName", "maxLength"]) == 101
    assert len(found["PhoneNumber", "maxLength"]) == 31
    assert len(found["Nihii", "pattern"]) == 8
    assert found["Gender", "enumeration"] == "Fx"


def test_own_number_stands_and_others_do_not() -> None:
    """Where the caller's number stands, it is that one; numbers of other kinds never stand."""
    above = ("Criteria", "Requester")
    own, nihii = (*above, "PersonIdentifier"), (*above, "InstitutionIdentifier", "Nihii")
    made = grammar(SHIPPED, {own: "70020299541"}, (nihii, (*above, "InstitutionIdentifier", "Cbe")))
    messages = [*drawn(valid(made)), *map(made.message, made.boundaries())]
    assert texts(messages, own) == {"70020299541"}
    assert not any("InstitutionIdentifier" in message for message in messages)
    assert texts(messages, ID) == {"_drawn"}
    assert texts(messages, INSTANT) == {USUAL[INSTANT]}


def test_number_that_the_schema_refuses_does_not_stand(tmp_path: Path) -> None:
    """A fixed value that its type does not take leaves its place empty; where that is required, it is said."""
    number = ("Criteria", "Requester", "PersonIdentifier")
    made = grammar(peer(tmp_path, "plain"), {number: "not a number"})
    assert not any("PersonIdentifier" in made.message(choices) for choices in made.boundaries())
    with pytest.raises(WsdlError, match="must not stand"):
        grammar(SHIPPED, {}, (("Criteria", "Person", "LastName"),))


# ------------------------------------------------------------------------------------------------------- every facet


RICH: Mapping[str, tuple[str, ...]] = {
    "string": ("length=4",),
    "token": ("minLength=2", "maxLength=6"),
    "normalizedString": ("minLength=0", "maxLength=3"),
    "NMTOKEN": ("enumeration=red", "enumeration=green", "enumeration=blue"),
    "int": ("minInclusive=-5", "maxInclusive=150"),
    "short": ("minExclusive=0", "maxExclusive=10"),
    "decimal": ("totalDigits=4", "fractionDigits=1"),
    "double": (),
    "positiveInteger": (),
    "boolean": (),
    "date": ("minInclusive=2020-01-01", "maxExclusive=2030-01-01"),
    "dateTime": ("minExclusive=2020-01-01T00:00:00Z",),
    "gYear": ("maxInclusive=2030",),
    "hexBinary": ("length=2",),
    "anyURI": ("maxLength=40",),
    "language": (),
    "NCName": ("maxLength=5",),
}
PATTERNED: Mapping[str, str] = {
    "Plain": "[A-Z]{2}[0-9]{3}(-[a-z]+)?",
    "Names": r"\i\c*",
    "Less": r"[\p{Lu}-[AEIOU]]{2,4}",
    "Branches": "(yes|no)|[0-9]{4}",
    "Anchors": "^a$",
}


def rich(folder: Path) -> SoapContract:
    """Return a contract with every facet, every sort of particle, and attributes of each use."""
    simple = [held(restricted(f"xs:{base}", *facets), f"V-{base}", minOccurs="0") for base, facets in RICH.items()]
    simple += [
        held(restricted("xs:string", f"pattern={text}"), name, minOccurs="0") for name, text in PATTERNED.items()
    ]
    listed = "<xs:simpleType><xs:list itemType='xs:int'/></xs:simpleType>"
    few = f"<xs:simpleType><xs:restriction>{listed}<xs:maxLength value='2'/></xs:restriction></xs:simpleType>"
    union = "<xs:simpleType><xs:union memberTypes='xs:date xs:int'/></xs:simpleType>"
    pair = f"<xs:complexType>{sequence(held('', 'P', type='xs:int'), held('', 'Q', type='xs:int'))}</xs:complexType>"
    either = f"<xs:choice minOccurs='0'>{held(pair, 'Both')}{held('', 'One', type='xs:int')}</xs:choice>"
    many = held("", "Item", type="xs:int", minOccurs="0", maxOccurs="unbounded")
    some = held("", "Some", type="xs:int", minOccurs="2", maxOccurs="4")
    two = "".join(held("", name, type="xs:int") for name in "XY")
    every = f"<xs:complexType><xs:all>{two}</xs:all></xs:complexType>"
    wild = "<xs:any namespace='##other' processContents='lax' minOccurs='0'/>"
    marks = (
        "<xs:attribute name='id' type='xs:ID' use='required'/><xs:attribute name='n' type='xs:int'/>"
        "<xs:attribute name='v' type='xs:string' fixed='7'/>"
    )
    marked = f"<xs:complexType>{marks}</xs:complexType>"
    content = sequence(
        *simple, held(few, "Few", minOccurs="0"), held(union, "Union", minOccurs="0"), either, many, some,
        held(every, "Every", minOccurs="0"), held(marked, "Marked", maxOccurs="2"), wild,
    )  # fmt: skip
    return written(folder, content)


def test_rich_contract_is_drawn_and_broken(tmp_path: Path) -> None:
    """Every facet is kept to, and is broken by itself once."""
    contract = rich(tmp_path)
    made = grammar(contract)
    for message in [*drawn(valid(made)), *map(made.message, made.boundaries())]:
        assert contract.problems(parse(message.encode())) == []
    found = set()
    for one in limits(contract, made):
        assert made.fits(one[0])
        [reason] = reasons(contract, one)
        found.add(("/".join(one[1].path[-1:]), reason))
    assert {("V-string", "length"), ("V-token", "minLength"), ("V-token", "maxLength")} <= found
    assert {("V-int", "minInclusive"), ("V-int", "maxInclusive"), ("V-int", "other")} <= found
    assert {("V-short", "minExclusive"), ("V-short", "maxExclusive"), ("V-NMTOKEN", "enumeration")} <= found
    assert {("V-decimal", "totalDigits"), ("V-decimal", "fractionDigits"), ("V-hexBinary", "length")} <= found
    assert {("V-date", "minInclusive"), ("V-date", "maxExclusive"), ("V-dateTime", "minExclusive")} <= found
    assert {("V-gYear", "maxInclusive"), ("V-boolean", "other"), ("Few", "maxLength"), ("Union", "other")} <= found
    assert {(name, "pattern") for name in PATTERNED} <= found
    assert {("@id", "other"), ("@n", "other")} <= found


def test_rich_contract_has_all_its_limits(tmp_path: Path) -> None:
    """Lengths and numbers hit both limits; values of lists and branches all appear, and parts as often as may be."""
    made = grammar(rich(tmp_path))
    messages = list(map(made.message, made.boundaries()))
    assert {len(text) for text in texts(messages, ("V-token",))} == {2, 6}
    assert texts(messages, ("V-normalizedString",)) == {"A", "AAA", ""}
    assert texts(messages, ("V-NMTOKEN",)) == {"red", "green", "blue"}
    assert {"-5", "150"} <= texts(messages, ("V-int",))
    assert {"1", "9"} <= texts(messages, ("V-short",))
    assert {"-999.9", "999.9"} <= texts(messages, ("V-decimal",))
    assert {"2020-01-01", "2029-12-31"} <= texts(messages, ("V-date",))
    assert {"2020-01-01T00:00:01Z"} <= texts(messages, ("V-dateTime",))
    assert texts(messages, ("V-boolean",)) == {"true", "false", "1", "0"}
    assert {"yes", "no", "0000"} <= texts(messages, ("Branches",))
    assert texts(messages, ("Anchors",)) == {"^a$"}
    assert any("Both>" in message for message in messages)
    assert any("One>" in message for message in messages)
    assert {message.count("<n0:Some>") for message in messages} == {2, 4}
    assert {message.count("<n0:Item>") for message in messages} == {0, 1, 3}
    assert any(message.index(":X>") < message.index(":Y>") for message in messages if ":X>" in message)
    assert any(message.index(":Y>") < message.index(":X>") for message in messages if ":X>" in message)
    ids = [parse(message.encode()).xpath("//@id") for message in messages]
    assert {len(one) for one in ids if isinstance(one, list)} == {1, 2}
    assert all(len(set(one)) == len(one) for one in ids if isinstance(one, list))


def test_pattern_that_is_not_understood_falls_back_to_the_schema(tmp_path: Path) -> None:
    """Where a pattern cannot be read, the schema is asked which usual texts it takes; else the part does not stand."""
    known = held(restricted("xs:string", r"pattern=1234567890|\p{IsArabic}"), "Known")
    other = held(restricted("xs:string", r"pattern=\p{IsArabic}"), "Other", minOccurs="0")
    contract = written(tmp_path, sequence(known, other))
    made = grammar(contract)
    messages = [*drawn(valid(made)), *map(made.message, made.boundaries())]
    assert texts(messages, ("Known",)) == {"1234567890"}
    assert texts(messages, ("Other",)) == set()
    assert all(len(reasons(contract, one)) == 1 for one in drawn(wrong(contract, made)))


def test_contract_of_which_no_message_can_be_made_is_said(tmp_path: Path) -> None:
    """A required value that nobody can guess is told, not guessed."""
    strange = held(restricted("xs:string", r"pattern=\p{IsArabic}"))
    with pytest.raises(WsdlError, match="no message can be made of the schema's"):
        grammar(written(tmp_path, sequence(strange)))


def test_patterns_meet_lengths_and_one_another(tmp_path: Path) -> None:
    """A type whose steps each have a pattern, and lengths besides, is drawn within all of them."""
    head = restricted("xs:string", "pattern=[a-z0-9]*", "maxLength=8").replace("Type>", 'Type name="S">', 1)
    kind = restricted("t:S", "pattern=[a-z].*", "minLength=7")
    contract = written(tmp_path, sequence(held(kind)), head=head)
    made = grammar(contract)
    found = texts([*drawn(valid(made)), *map(made.message, made.boundaries())], ("A",))
    assert {len(text) for text in found} == {7, 8}
    assert len(found) > 5


# ------------------------------------------------------------------------------------------------- shrinking, seeds


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (bool, ""),
        (lambda text: "Gender>" in text, "+ Criteria/Person/Gender = 'F'"),
        (lambda text: ">M<" in text, "+ Criteria/Person/Gender = 'M'"),
        (lambda text: "Cbe>" in text, "+ Criteria/Requester/InstitutionIdentifier/Cbe = 'A'"),
        (lambda text: "é" in text, "- Criteria/Person/LastName = 'A'\n+ Criteria/Person/LastName = 'Aé'"),
    ],
)
def test_valid_messages_shrink_to_the_smallest(wanted: Callable[[str], bool], expected: str) -> None:
    """What fails for one reason shrinks until that reason is all that differs from the smallest message."""
    made = grammar(SHIPPED)
    found = find(valid(made), wanted, settings=settings(database=None, max_examples=500, derandomize=True))
    lines = difference(made.message(), found)
    assert "\n".join(lines) == expected


def test_broken_messages_shrink_to_the_smallest() -> None:
    """A broken message shrinks to the smallest one that can be broken in this way."""
    made = grammar(SHIPPED)

    def doubled(one: Broken) -> bool:
        return one[1] == MessageMutation(MutationKind.DOUBLE, ("Criteria", "Person", "Gender"))

    text, _ = find(wrong(SHIPPED, made), doubled, settings=settings(database=None, max_examples=1000, derandomize=True))
    assert difference(made.message(), text) == ("+ Criteria/Person/Gender = 'F'",)


def test_limits_of_broken_messages_are_as_small_as_can_be() -> None:
    """A message that is broken in its structure holds nothing that the breach does not need."""
    made = grammar(SHIPPED)
    for text, edit in limits(SHIPPED, made):
        assert len(difference(made.message(), text)) <= (2 if edit.deed is MutationKind.SWAP else 1), edit


def test_same_seed_draws_the_same() -> None:
    """A seed draws the same messages each time, another one others."""
    made = grammar(SHIPPED)
    for strategy in (valid(made), wrong(SHIPPED, made)):
        assert drawn(strategy, 1) == drawn(strategy, 1)
        assert drawn(strategy, 1) != drawn(strategy, 2)
    assert made.boundaries() == grammar(SHIPPED).boundaries()
    assert limits(SHIPPED, made) == limits(SHIPPED, grammar(SHIPPED))


def test_every_part_is_drawn() -> None:
    """Within a hundred messages each place of the contract has stood, names of two words too."""
    made = grammar(SHIPPED)
    messages = drawn(valid(made), examples=100)
    for leaf in leaves(made.root):
        assert texts(messages, leaf.path), leaf.path
    assert any(" " in text for text in texts(messages, ("Criteria", "Person", "FirstNames")))
    assert all(text == " ".join(text.split()) for text in texts(messages, ("Criteria", "Person", "LastName")))


# ----------------------------------------------------------------------------------------------------------- wishes


def test_wish_brings_what_stands_above_it(tmp_path: Path) -> None:
    """A part that is wished for stands with all above it and nothing else."""
    inner = f"<xs:complexType>{sequence(held('', 'B', minOccurs='0'))}</xs:complexType>"
    made = grammar(written(tmp_path, sequence(held(inner, minOccurs="0"))))
    root = f'<n0:Ask xmlns:n0="{OWN}">{{}}</n0:Ask>'
    assert made.message() == root.format("")
    assert made.message((Choice((0, 0)),)) == root.format("<n0:A></n0:A>")
    assert made.message((Choice((0, 0, 0, 0)),)) == root.format("<n0:A><n0:B></n0:B></n0:A>")


# ------------------------------------------------------------------------------------------------------- differences


def test_difference_names_places_and_values() -> None:
    """Texts, attributes, empty elements and namespaces are told by their place; ignored ones are not."""
    before = '<a x="1"><b><c>1</c></b></a>'
    after = '<a x="2" y="3"><b><c>1</c><d/></b><e xmlns="urn:e">2</e></a>'
    assert difference(before, after, {("@y",)}) == (
        "- @x = '1'",
        "+ @x = '2'",
        "+ b/d = ''",
        "+ e in urn:e",
        "+ e = '2'",
    )
    assert difference(before, before) == ()


def test_long_differences_are_cut() -> None:
    """A long value is shown with its length, a long difference with the number of lines left out."""
    many = "".join(f"<b{number}/>" for number in range(30))
    lines = difference("<a><c/></a>", f"<a><c/>{many}</a>")
    assert len(lines) == 12
    assert lines[-1] == "and 19 lines more"
    assert difference("<a>x</a>", f"<a>{'y' * 50}</a>")[-1] == f"+ the request = '{'y' * 40}'... (50 characters)"
