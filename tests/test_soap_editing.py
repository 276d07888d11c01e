"""Tests of changing a valid message in one way, and of finding the changes that a schema refuses."""

import copy
import functools
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from conformance.contracts.platform_rules import bundled_schemas
from conformance.formats.schemas import specs_root
from conformance.model.case import MessageMutation, MutationKind
from conformance.soap.editing import SWEEPS, apply, refused
from conformance.soap.markup import Element, children, parse, serialise
from conformance.soap.message import body_child
from conformance.soap.xsd.contract import SoapContract, SoapOperation, Steps, resolve
from conformance.soap.xsd.wsdl import read_contract
from tests.peers.dossier_contract import Contract
from tests.peers.dossier_number_generation import contract_of

DOCUMENT = b'<p:r xmlns:p="urn:r" xmlns:q="urn:q" Id="1" q:At="2"><p:a>x</p:a><p:b><p:c>y</p:c>tail</p:b></p:r>'
CRITERIA: Steps = ("Criteria",)
PERSON: Steps = (*CRITERIA, "Person")
REQUESTER: Steps = (*CRITERIA, "Requester")
INSTITUTION: Steps = (*REQUESTER, "InstitutionIdentifier")


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        pytest.param(MessageMutation(MutationKind.REMOVE, ("a",)), {b"<p:a>x</p:a>": b""}, id="element left out"),
        pytest.param(
            MessageMutation(MutationKind.REMOVE, ("b", "c")), {b"<p:c>y</p:c>tail": b""}, id="element within left out"
        ),
        pytest.param(MessageMutation(MutationKind.REMOVE, ("@Id",)), {b' Id="1"': b""}, id="attribute left out"),
        pytest.param(
            MessageMutation(MutationKind.REMOVE, ("@At",)), {b' q:At="2"': b""}, id="qualified attribute left out"
        ),
        pytest.param(
            MessageMutation(MutationKind.DOUBLE, ("a",)),
            {b"<p:a>x</p:a>": b"<p:a>x</p:a><p:a>x</p:a>"},
            id="element twice",
        ),
        pytest.param(
            MessageMutation(MutationKind.SWAP, ("b",)),
            {b"<p:a>x</p:a>": b"", b"</p:b>": b"</p:b><p:a>x</p:a>"},
            id="before its predecessor",
        ),
        pytest.param(
            MessageMutation(MutationKind.ADD, ("b",), "{urn:r}d"),
            {b"tail": b"tail<p:d>1</p:d>"},
            id="declared element added",
        ),
        pytest.param(
            MessageMutation(MutationKind.WRITE, ("b", "c"), "<&>"), {b">y<": b">&lt;&amp;&gt;<"}, id="text written"
        ),
        pytest.param(
            MessageMutation(MutationKind.WRITE, ("b",), "z"), {b"<p:b>": b"<p:b>z"}, id="text beside elements"
        ),
        pytest.param(MessageMutation(MutationKind.WRITE, ("@Id",), "new"), {b'"1"': b'"new"'}, id="attribute written"),
        pytest.param(
            MessageMutation(MutationKind.WRITE, ("@At",), "new"), {b'"2"': b'"new"'}, id="qualified attribute written"
        ),
        pytest.param(
            MessageMutation(MutationKind.WRITE, ("b", "@x"), "new"), {b"<p:b>": b'<p:b x="new">'}, id="attribute added"
        ),
        pytest.param(
            MessageMutation(MutationKind.MOVE, ("b", "c"), "urn:q"),
            {b"<p:c>y</p:c>": b"<q:c>y</q:c>"},
            id="another namespace",
        ),
        pytest.param(MessageMutation(MutationKind.MOVE, ("b", "c")), {b"<p:c>y</p:c>": b"<c>y</c>"}, id="no namespace"),
    ],
)
def test_edit_changes_one_thing(edit: MessageMutation, expected: dict[bytes, bytes]) -> None:
    """What each deed does is seen in the bytes, and nothing else is."""
    root = parse(DOCUMENT)
    apply(root, edit)
    changed = DOCUMENT
    for old, new in expected.items():
        assert old in changed
        changed = changed.replace(old, new)
    assert _pairs(parse(serialise(root))) == _pairs(parse(changed))


def _pairs(element: Element) -> object:
    """Return an element as names, attributes, texts, and what is in it."""
    text, tail = (element.text or "").strip(), (element.tail or "").strip()
    return element.tag, sorted(element.attrib.items()), text, tail, [_pairs(one) for one in children(element)]


def test_unknown_element_has_a_name_that_nobody_declares() -> None:
    """Without a name, what is added is an element that no contract has."""
    root = parse(DOCUMENT)
    apply(root, MessageMutation(MutationKind.ADD, ()))
    assert (children(root)[-1].tag, children(root)[-1].text) == ("NotDeclaredAnywhere", "1")


def test_root_is_moved_and_written() -> None:
    """An empty path is the request itself."""
    root = parse(DOCUMENT)
    apply(root, MessageMutation(MutationKind.MOVE, (), "urn:foreign"))
    apply(root, MessageMutation(MutationKind.WRITE, (), "text"))
    assert (root.tag, root.text) == ("{urn:foreign}r", "text")


def test_root_in_a_body_can_be_left_out_and_doubled() -> None:
    """Within its Body, the request is an element as any other."""
    body = parse(b"<Body>" + DOCUMENT + b"</Body>")
    apply(children(body)[0], MessageMutation(MutationKind.DOUBLE, ()))
    assert len(children(body)) == 2
    apply(children(body)[0], MessageMutation(MutationKind.REMOVE, ()))
    assert len(children(body)) == 1


@pytest.mark.parametrize(
    "edit",
    [
        MessageMutation(MutationKind.REMOVE, ("z",)),
        MessageMutation(MutationKind.REMOVE, ("a", "c")),
        MessageMutation(MutationKind.REMOVE, ("@z",)),
        MessageMutation(MutationKind.REMOVE, ("z", "@Id")),
        MessageMutation(MutationKind.WRITE, ("z", "@Id"), "1"),
        MessageMutation(MutationKind.ADD, ("z",)),
        MessageMutation(MutationKind.SWAP, ("a",)),
    ],
    ids=str,
)
def test_place_that_is_not_there_is_told(edit: MessageMutation) -> None:
    """An edit of what the message has not, or of what nothing stands before, leaves the message as it was."""
    root = parse(DOCUMENT)
    with pytest.raises(LookupError):
        apply(root, edit)
    assert serialise(root) == DOCUMENT


# Sweeps


@functools.cache
def contracts() -> dict[str, tuple[SoapContract, SoapOperation]]:
    """Return the shipped contract and some of a peer's, each with its only operation."""
    shipped = specs_root() / "dossier-number-generation" / "1.2" / "wsdl" / "DossierNumberGeneration.wsdl"
    found = {"shipped": read_contract(shipped, bundled_schemas())}
    written = {name: contract_of(name) for name in ("plain", "qualified", "requester-required", "requester-choice")}
    written["qualified and wrapped"] = Contract(qualified=True, wrapped_person=True, anonymous_name=True)
    for name, contract in written.items():
        with tempfile.TemporaryDirectory() as folder:
            contract.write(Path(folder))
            file = Path(folder) / "covid.wsdl"
            file.write_text(contract.wsdl("https://127.0.0.1/"), "utf-8")
            found[name] = read_contract(file, bundled_schemas())
    return {name: (contract, next(iter(contract.operations.values()))) for name, contract in found.items()}


def message(name: str, *spellings: str) -> Element:
    """Return a valid request with some values of its contract."""
    contract, operation = contracts()[name]
    texts = {"@Id": "_1", "Ssin": "81082491723", "Nihii": "82736444", "Gender": "F", "LastName": "Name"}
    values = {resolve([word], operation.places): texts.get(word, "text") for word in spellings}
    root = body_child(contract.build(operation.name, {place: text for place, text in values.items() if place}))
    assert contract.problems(root) == []
    return root


def edits(name: str, sweep: str, root: Element) -> list[MessageMutation]:
    """Return the edits of a sweep that a contract refuses; the message must not change meanwhile."""
    contract, operation = contracts()[name]
    before = serialise(root)
    found = list(refused(contract, operation, root, sweep))
    assert serialise(root) == before
    return found


FULL = ("@Id", "Nihii", "LastName", "FirstNames", "Gender", "PhoneNumber")


@pytest.mark.parametrize("sweep", SWEEPS)
@pytest.mark.parametrize("name", contracts())
def test_each_edit_of_a_sweep_is_refused_by_the_schema(name: str, sweep: str) -> None:
    """Applied to the message, each edit makes it invalid; none occurs twice."""
    contract, _ = contracts()[name]
    root = message(name, *FULL)
    found = edits(name, sweep, root)
    assert found
    assert max(Counter(found).values()) == 1
    for edit in found:
        altered = copy.deepcopy(root)
        apply(altered, edit)
        assert contract.problems(altered), str(edit)


@pytest.mark.parametrize("sweep", SWEEPS)
@pytest.mark.parametrize("name", contracts())
def test_sweep_of_the_least_message_is_made(name: str, sweep: str) -> None:
    """A message of what is required only, with empty elements perhaps, can be broken too."""
    contract, operation = contracts()[name]
    root = body_child(contract.build(operation.name, {}))
    found = edits(name, sweep, root)
    assert found or sweep in {"elements-surplus", "elements-swapped"} or (name, sweep) == ("shipped", "values-broken")


def test_required_elements_are_left_out() -> None:
    """Only what the schema requires is left out; an optional element may be missing."""
    assert edits("shipped", "elements-missing", message("shipped", *FULL)) == [
        MessageMutation(MutationKind.REMOVE, CRITERIA),
        MessageMutation(MutationKind.REMOVE, (*INSTITUTION, "Nihii")),
        MessageMutation(MutationKind.REMOVE, PERSON),
        MessageMutation(MutationKind.REMOVE, (*PERSON, "LastName")),
    ]
    assert MessageMutation(MutationKind.REMOVE, REQUESTER) in edits(
        "requester-required", "elements-missing", message("requester-required")
    )
    wrapped = message("qualified and wrapped", "Ssin")
    assert MessageMutation(MutationKind.REMOVE, (*REQUESTER, "PersonIdentifier", "Ssin")) in edits(
        "qualified and wrapped", "elements-missing", wrapped
    )


def test_every_element_that_occurs_once_is_doubled() -> None:
    """Each element of the request may stand there once only."""
    found = [edit.path for edit in edits("shipped", "elements-doubled", message("shipped", *FULL))]
    names = ("LastName", "FirstNames", "Gender", "PhoneNumber")
    assert found == [
        *(CRITERIA, REQUESTER, INSTITUTION, (*INSTITUTION, "Nihii"), PERSON),
        *((*PERSON, name) for name in names),
    ]


def test_unknown_elements_and_stray_text_are_added_to_what_has_members() -> None:
    """An element that nobody declared, and text, are put where elements stand."""
    found = edits("shipped", "elements-unknown", message("shipped", "LastName"))
    places = ((), CRITERIA, PERSON)
    assert found == [
        edit for place in places for edit in (MessageMutation(MutationKind.ADD, place), _text_beside(place))
    ]


def _text_beside(place: Steps) -> MessageMutation:
    return MessageMutation(MutationKind.WRITE, place, "text beside elements")


def test_other_branch_of_a_choice_is_added() -> None:
    """Cbe beside Nihii has no place; what is optional and missing is no surplus in its right place."""
    found = edits("shipped", "elements-surplus", message("shipped", "Nihii"))
    assert MessageMutation(MutationKind.ADD, INSTITUTION, "Cbe") in found
    assert MessageMutation(MutationKind.ADD, PERSON, "PhoneNumber") not in found
    assert MessageMutation(MutationKind.ADD, REQUESTER, "PersonIdentifier") not in found


def test_surplus_element_is_qualified_as_its_siblings_are() -> None:
    """In a qualified contract the other branch stands in the namespace of the first."""
    found = edits("qualified", "elements-surplus", message("qualified", "Nihii"))
    assert MessageMutation(MutationKind.ADD, INSTITUTION, "{urn:example:covid:dossier:core:v7}Cbe") in found


def test_surplus_of_an_empty_element_is_tried() -> None:
    """An element without members may lack some; adding one is no reason to stumble."""
    root = message("requester-required")
    assert not len(children(children(root)[0])[0])
    found = edits("requester-required", "elements-surplus", root)
    assert MessageMutation(MutationKind.ADD, REQUESTER, "PersonIdentifier") in found  # since its text is no such number


def test_neighbours_are_swapped() -> None:
    """Each element is put before the one that stands before it."""
    found = [edit.path[-1] for edit in edits("shipped", "elements-swapped", message("shipped", *FULL))]
    assert found == ["Person", "FirstNames", "Gender", "PhoneNumber"]


def test_root_and_members_are_moved_to_other_namespaces() -> None:
    """The request is moved out of its namespace, its members into it where they are unqualified, and all elsewhere."""
    contract, operation = contracts()["shipped"]
    own = operation.request[1:].partition("}")[0]
    found = edits("shipped", "namespaces-wrong", message("shipped", "LastName"))
    assert found[:2] == [
        MessageMutation(MutationKind.MOVE, ()),
        MessageMutation(MutationKind.MOVE, (), "urn:example:not-the-contracts-namespace"),
    ]
    assert MessageMutation(MutationKind.MOVE, (*PERSON, "LastName"), own) in found
    assert MessageMutation(MutationKind.MOVE, (*PERSON, "LastName")) not in found
    assert contract.problems(message("shipped", "LastName")) == []
    assert MessageMutation(MutationKind.MOVE, (*PERSON, "LastName")) in edits(
        "qualified", "namespaces-wrong", message("qualified", "LastName")
    )


def test_attributes_are_left_out_broken_and_added() -> None:
    """A required attribute is left out, a time and an id are broken, and one that nobody declared is added."""
    found = edits("shipped", "attributes-broken", message("shipped", "@Id"))
    assert MessageMutation(MutationKind.REMOVE, ("@IssueInstant",)) in found
    assert MessageMutation(MutationKind.REMOVE, ("@Id",)) not in found
    assert {edit.text for edit in found if edit.path == ("@Id",)} == {"not a value", "1 2", ""}
    assert MessageMutation(MutationKind.WRITE, ("@IssueInstant",), "not a value") in found
    assert found[-1] == MessageMutation(MutationKind.WRITE, ("@NotDeclaredAnywhere",), "1")


def test_values_are_broken_where_their_type_refuses_it() -> None:
    """Gender and what has a pattern take few texts; a name without facets takes any."""
    found = edits("shipped", "values-broken", message("shipped", *FULL))
    assert {edit.path[-1] for edit in found} == {"Gender"}
    assert {"f", "", "X", "F0"} <= {edit.text for edit in found}
    found = edits("plain", "values-broken", message("plain", "Nihii", "LastName", "Gender"))
    assert {edit.path[-1] for edit in found} == {"Nihii", "LastName", "Gender"}
    assert "8273644" in {edit.text for edit in found if edit.path[-1] == "Nihii"}
    assert {edit.text for edit in found if edit.path[-1] == "LastName"} == {"", "x" * 2000}


def test_unknown_sweep_is_a_mistake() -> None:
    """Only the names of the table are ways to break a message."""
    contract, operation = contracts()["shipped"]
    with pytest.raises(KeyError):
        list(refused(contract, operation, message("shipped"), "elements-burnt"))
