"""Tests of values by the contract's names: parameters, members of a JSON body, roles and elements of a message."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.contracts.binding import BoundOperation, bind
from conformance.contracts.loading import load_spec
from conformance.messages.named_values import element_names, value_names, with_named_elements, with_named_values
from conformance.model.case import JsonBody, Message, Template
from conformance.model.contract import Contract, Operation
from conformance.model.errors import UsageError

EXCLUSIONS = load_spec("therapeutic-exclusion").contract
DOSSIERS = load_spec("dossier-number-generation")
TYPES = {
    "type": "object",
    "properties": {
        "count": {"type": "integer"},
        "share": {"type": "number"},
        "open": {"type": "boolean"},
        "note": {"type": ["string", "null"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "inner": {"$ref": "#/$defs/inner"},
        "either": {"oneOf": [{"type": "integer"}, {"type": "string"}]},
    },
    "$defs": {"inner": {"type": "object", "properties": {"again": {"$ref": "#/$defs/inner"}, "x": {}}}},
}


def typed_contract() -> Contract:
    """Return a contract with one operation whose body has members of all types."""
    operation = Operation("write", "POST", "/things", (200,), {}, {"dry": "query"}, "things")
    return replace(EXCLUSIONS, operations={"write": operation}, schemas={"things": TYPES})


def body(values: dict[str, str], before: Any = None) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return the JSON body with values put in."""
    template = Template("write", body=JsonBody(before) if before is not None else b"")
    return with_named_values(typed_contract(), template, values).document


@pytest.fixture(scope="module")
def bound() -> BoundOperation:
    """Return the operation of the reconstructed WSDL."""
    return bind(DOSSIERS, {}, Path()).bound["generate"]


def problems(operation: str, **values: str) -> tuple[str, ...]:
    """Return what is wrong with values of an operation of Therapeutic Exclusion."""
    with pytest.raises(UsageError) as caught:
        with_named_values(EXCLUSIONS, Template(operation), values)
    return tuple(caught.value.problems)


# ---------------------------------------------------------------------------------------------------------------- REST


def test_parameters_go_where_the_contract_has_them() -> None:
    """Parameters of path and query fill the address, those of the header the header fields."""
    values = {"patientSsin": "$patient", "pageSize": "2", "From": "info@mycompany.be"}
    template = with_named_values(EXCLUSIONS, Template("getHistory"), values)
    assert template.parameters == {"patientSsin": "$patient", "pageSize": "2"}
    assert template.headers == {"From": "info@mycompany.be"}


def test_missing_path_parameter_is_named() -> None:
    """A path without its parameter has a hole; the message says what to add."""
    [problem] = problems("getExclusions")
    assert problem.endswith("needs a value of patientSsin; add --set patientSsin=VALUE")


def test_unknown_name_is_told_with_a_suggestion_and_all_names() -> None:
    """A misspelt name gets the nearest one, and the list of all."""
    [problem] = problems("getHistory", patientSsin="1", pagesize="2")
    assert problem == (
        "getHistory has no value 'pagesize'; did you mean 'pageSize'? "
        "Known are: patientSsin, pageSize, User-Agent, From"
    )


def test_all_unknown_names_are_told_at_once() -> None:
    """Each wrong name has its line."""
    assert len(problems("getHistory", patientSsin="1", one="1", two="2")) == 2


def test_members_are_put_in_by_path() -> None:
    """A path of names and indices makes the objects and lists that it leads through."""
    values = {"patient.identifier.0.value": "$patient", "hcParty.identifier[0].type": "ssin"}
    template = with_named_values(EXCLUSIONS, Template("declareExclusion"), values)
    assert template.document == {
        "patient": {"identifier": [{"value": "$patient"}]},
        "hcParty": {"identifier": [{"type": "ssin"}]},
    }


def test_unknown_member_is_told_with_the_members_there_are() -> None:
    """A member that the schema of the body does not have is an error that lists those it has."""
    [problem] = problems("declareExclusion", **{"hcParty.qualification": "x"})
    assert "did you mean 'hcParty.qualificationCode'?" in problem
    assert "patient.identifier.0.value" in problem


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("count", "3", 3),
        ("share", "0.5", 0.5),
        ("share", "2", 2),
        ("open", "true", True),
        ("note", "true", "true"),
        ("note", "null", None),
        ("note", "3", "3"),
        ("tags", '["a"]', ["a"]),
        ("either", "3", 3),
        ("either", "x", "x"),
        ("count", "$number", "$number"),
    ],
)
def test_values_have_the_type_of_the_schema(name: str, text: str, value: object) -> None:
    """Numbers, booleans and null are written as such where the schema wants them; texts stay texts."""
    assert body({name: text}) == {name: value}


@pytest.mark.parametrize(("name", "text"), [("count", "0.5"), ("count", "many"), ("open", "yes"), ("tags", "a")])
def test_value_of_another_type_is_refused(name: str, text: str) -> None:
    """A text that is not of the schema's type is an error that names the type."""
    with pytest.raises(UsageError, match=f"{name} is to be of type"):
        body({name: text})


def test_list_grows_by_one() -> None:
    """An index stands for an item that is there, or for the next one."""
    assert body({"tags.0": "b", "tags.1": "c"}, {"tags": ["a"]}) == {"tags": ["b", "c"]}
    with pytest.raises(UsageError, match="the next one is 1"):
        body({"tags.2": "c"}, {"tags": ["a"]})


def test_given_body_is_changed_and_not_touched() -> None:
    """Values are put into a copy of the body that was given."""
    before = {"count": 1, "other": True}
    assert body({"count": "2"}, before) == {"count": 2, "other": True}
    assert before["count"] == 1


def test_member_of_no_object_is_refused() -> None:
    """A body that has a text where the schema has an object cannot take a member there."""
    with pytest.raises(UsageError, match="is no object"):
        body({"inner.x": "1"}, {"inner": "text"})


def test_schema_that_refers_to_itself_has_an_end() -> None:
    """Names are listed to a certain depth."""
    names = list(value_names(typed_contract(), typed_contract().operations["write"]))
    assert {"dry", "count", "tags.0", "inner.x"} <= set(names)
    assert len(names) < 30


def test_operation_without_body_takes_no_members() -> None:
    """An operation without a body in the contract knows its parameters only."""
    [problem] = problems("getHealth", colour="red")
    assert problem.endswith("Known are: User-Agent, From")


# ---------------------------------------------------------------------------------------------------------------- SOAP


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("last_name", "last_name"),
        ("own_number", "own_number"),
        ("LastName", "/Criteria/Person/LastName"),
        ("Criteria/Person/LastName", "/Criteria/Person/LastName"),
        ("Person/LastName", "/Criteria/Person/LastName"),
        ("@Id", "/@Id"),
    ],
)
def test_elements_are_named_by_role_or_as_the_wsdl_does(bound: BoundOperation, name: str, key: str) -> None:
    """A role stays a role; an element or attribute of the WSDL becomes its path."""
    template = with_named_elements(bound, Template("generate", body=Message("physician")), {name: "x"})
    assert template.message == Message("physician", values={key: "x"})


@pytest.mark.parametrize("name", ["Lastname2", "Criteria", "person", "Person/Nihii"])
def test_unknown_element_is_told_with_the_names_there_are(bound: BoundOperation, name: str) -> None:
    """What is no role, or an element that holds no text, is an error that lists roles and elements."""
    with pytest.raises(UsageError) as caught:
        with_named_elements(bound, Template("generate"), {name: "x"})
    assert f"no value {name!r}" in str(caught.value)
    assert "last_name, first_names" in str(caught.value)
    assert "Criteria/Person/LastName" in str(caught.value)


def test_element_names_hold_text(bound: BoundOperation) -> None:
    """The names are roles and paths of what holds a value, none of what only holds elements."""
    names = list(element_names(bound))
    assert "Criteria/Person" not in names
    assert "@IssueInstant" in names
