"""Tests of binding a cookbook's names to a WSDL: the shipped one and a vendor's own, with a names file or without."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.contracts.binding import Binding, bind
from conformance.contracts.loading import load_spec
from conformance.model.errors import DocumentError, SpecError, TargetError
from conformance.soap.xsd.schemas import WsdlError
from tests.peers.dossier_contract import Contract

SPEC = load_spec("dossier-number-generation", "1.2")
ADDRESS = "https://127.0.0.1/covid"
PERSON, REQUESTER = ("Criteria", "Person"), ("Criteria", "Requester")
WSDL = "official/covid.wsdl"


def bound(folder: Path, names: str | None = None, contract: Contract | None = None) -> Binding:
    """Return a binding with a names file and a WSDL of one's own, where they are given."""
    settings: dict[str, Any] = {}
    if contract is not None:
        contract.write(folder / "official")
        (folder / WSDL).write_text(contract.wsdl(ADDRESS), "utf-8")
        settings["wsdl"] = WSDL
    if names is not None:
        (folder / "names.yaml").write_text(names, "utf-8")
        settings["names"] = "names.yaml"
    return bind(SPEC, settings, folder)


def complaint(folder: Path, names: str) -> tuple[str, ...]:
    """Return what is said of a names file, without its folder."""
    with pytest.raises(TargetError) as caught:
        bound(folder, names)
    return tuple(problem.replace(f"{folder}/", "") for problem in caught.value.problems)


def test_all_roles_of_the_shipped_contract_resolve(tmp_path: Path) -> None:
    """Each name of the cookbook has its place in the contract that comes with the harness."""
    found = bound(tmp_path)
    assert (found.unresolved, found.reconstructed) == ((), True)
    assert found.operations == {"generate": "GenerateCovidId"}
    operation = found.bound["generate"]
    assert operation.operation is found.contract.operations["GenerateCovidId"]
    assert operation.request == {
        "request_id": ("@Id",),
        "issue_instant": ("@IssueInstant",),
        "requester_ssin": (*REQUESTER, "PersonIdentifier"),
        "requester_nihii": (*REQUESTER, "InstitutionIdentifier", "Nihii"),
        "requester_cbe": (*REQUESTER, "InstitutionIdentifier", "Cbe"),
        "last_name": (*PERSON, "LastName"),
        "first_names": (*PERSON, "FirstNames"),
        "gender": (*PERSON, "Gender"),
        "phone_number": (*PERSON, "PhoneNumber"),
    }
    assert operation.parts == {"criteria": ("Criteria",), "person": PERSON, "requester": REQUESTER}
    assert operation.answer == {
        "response_id": ("@Id",),
        "in_response_to": ("@InResponseTo",),
        "response_instant": ("@IssueInstant",),
        "status": ("Status",),
        "status_code": ("Status", "StatusCode", "@Value"),
        "status_message": ("Status", "StatusMessage"),
        "identifier": ("CovidDossierIdentifier",),
    }


VARIANTS: Mapping[str, Contract] = {
    "plain": Contract(),
    "qualified": Contract(qualified=True),
    "wrapped person": Contract(wrapped_person=True),
    "choice": Contract(requester_choice=True, requester_required=True),
    "inline": Contract(inline=True, included=True, anonymous_name=True),
}


@pytest.mark.parametrize("contract", VARIANTS.values(), ids=VARIANTS)
def test_all_roles_of_an_own_contract_resolve(tmp_path: Path, contract: Contract) -> None:
    """A vendor's WSDL, written another way, needs no names file as long as its names are the cookbook's."""
    found = bound(tmp_path, contract=contract)
    assert (found.unresolved, found.reconstructed) == ((), False)
    assert found.bound["generate"].operation.address == ADDRESS
    ssin = found.bound["generate"].request["requester_ssin"]
    assert ssin == (*REQUESTER, "PersonIdentifier", *(["Ssin"] if contract.wrapped_person else []))


def test_operation_in_lower_camel_case_is_found(tmp_path: Path) -> None:
    """An operation is found in another case of letters, under the WSDL's own name and action."""
    found = bound(tmp_path, contract=Contract(operation="generateCovidId", action="urn:x"))
    assert found.operations == {"generate": "generateCovidId"}
    assert found.bound["generate"].operation.action == "urn:x"
    assert found.unresolved == ()


def test_only_operation_is_taken_whatever_its_name(tmp_path: Path) -> None:
    """Where the WSDL has one operation, there is nothing to confuse it with."""
    found = bound(tmp_path, contract=Contract(operation="createDossier"))
    assert found.operations == {"generate": "createDossier"}


def _several(folder: Path, *names: str) -> Binding:
    """Return a binding to a WSDL with operations of some names, all for the same messages."""
    contract = Contract(operation="GenerateCovidId")
    contract.write(folder / "official")
    text = contract.wsdl(ADDRESS)
    for start, end in (("<wsdl:portType", "</wsdl:portType>"), ("<wsdl:binding", "</wsdl:binding>")):
        head, begin, rest = text.partition(start)
        inside, close, tail = rest.partition(end)
        first = inside.index("<wsdl:operation")
        one = inside[first:]
        text = head + begin + inside[:first]
        text += "".join(one.replace('"GenerateCovidId"', f'"{name}"') for name in names) + close + tail
    (folder / WSDL).write_text(text, "utf-8")
    return bind(SPEC, {"wsdl": WSDL}, folder)


def test_operation_is_found_among_several(tmp_path: Path) -> None:
    """Others beside it do not matter."""
    assert _several(tmp_path, "Ping", "generateCovidID", "Cancel").operations == {"generate": "generateCovidID"}


def test_operation_that_is_not_there_is_listed(tmp_path: Path) -> None:
    """Of several operations with other names none is taken; it and all its roles are unresolved."""
    found = _several(tmp_path, "Ping", "Cancel")
    assert found.operations == {}
    assert found.unresolved[:2] == ("operations.generate", "request.request_id")
    assert len(found.unresolved) == 1 + 9 + 3 + 7


def test_roles_that_nothing_plays_are_listed(tmp_path: Path) -> None:
    """What the WSDL does not have is named with its section, in the order of the names."""
    (tmp_path / "official").mkdir()
    contract = Contract()
    contract.write(tmp_path / "official")
    types = tmp_path / "official" / "schemas" / "dossier-core.xsd"
    types.write_text(types.read_text("utf-8").replace('"Gender"', '"Sex"').replace('"PhoneNumber"', '"Tel"'), "utf-8")
    main = tmp_path / "official" / "schemas" / "dossier-protocol.xsd"
    main.write_text(main.read_text("utf-8").replace("CovidDossierIdentifier", "Number"), "utf-8")
    (tmp_path / WSDL).write_text(contract.wsdl(ADDRESS), "utf-8")
    settings = {"wsdl": WSDL}
    assert bind(SPEC, settings, tmp_path).unresolved == ("request.gender", "request.phone_number", "answer.identifier")
    (tmp_path / "names.yaml").write_text("request: {gender: Sex, phone_number: Tel}\nanswer: {identifier: [Number]}\n")
    assert bind(SPEC, settings | {"names": "names.yaml"}, tmp_path).unresolved == ()


# A names file of the target


def test_names_replace_single_roles(tmp_path: Path) -> None:
    """What the file names counts instead of the cookbook's spellings, the other roles stay."""
    names = "request:\n  first_names: LastName\n  gender: [Nowhere, Criteria/Gender]\nparts:\n  person: [Requester]\n"
    found, usual = bound(tmp_path, names), bound(tmp_path)
    assert found.bound["generate"].request["first_names"] == (*PERSON, "LastName")
    assert found.bound["generate"].request["gender"] == (*PERSON, "Gender")
    assert found.bound["generate"].parts["person"] == REQUESTER
    for role in ("last_name", "requester_ssin", "request_id"):
        assert found.bound["generate"].request[role] == usual.bound["generate"].request[role]
    assert found.bound["generate"].answer == usual.bound["generate"].answer


def test_replaced_role_has_no_other_spellings(tmp_path: Path) -> None:
    """A role whose given spelling leads nowhere is unresolved, although the cookbook's would lead somewhere."""
    assert bound(tmp_path, "request: {gender: Sex}\n").unresolved == ("request.gender",)
    assert bound(tmp_path, "answer: {identifier: '@Id/@Id'}\n").unresolved == ("answer.identifier",)


def test_operation_can_be_named(tmp_path: Path) -> None:
    """A names file says which operation is meant."""
    found = bound(tmp_path, "operations: {generate: createDossier}\n", Contract(operation="CreateDossier"))
    assert found.operations == {"generate": "CreateDossier"}


def test_names_do_not_change_the_contract(tmp_path: Path) -> None:
    """One target's names are not another's."""
    assert bound(tmp_path, "request: {gender: Sex}\n").unresolved
    assert bound(tmp_path).unresolved == ()


MISTAKES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "unknown role": (
        "request:\n  gender: Gender\n  lastname: LastName\n",
        ("names.yaml:3: there is no role 'lastname'; did you mean 'last_name'?",),
    ),
    "role of another section": (
        "parts:\n  gender: Gender\n",
        ("names.yaml:2: there is no role 'gender'; known are: criteria, person, requester",),
    ),
    "unknown section": (
        "request: {}\nrequests:\n  gender: Gender\n",
        ("names.yaml:2: unknown key 'requests'; did you mean 'request'?",),
    ),
    "several": (
        "request: {sex: Gender}\noperations: {generat: A}\n",
        (
            (
                "names.yaml:1: there is no role 'sex'; known are: first_names, gender, issue_instant, last_name, "
                "phone_number, request_id, requester_cbe, requester_nihii, requester_ssin"
            ),
            "names.yaml:2: there is no role 'generat'; did you mean 'generate'?",
        ),
    ),
    "space in a name": ("request:\n  gender: The Gender\n", ("names.yaml:2: request.gender: ",)),
    "empty name": ("request:\n  gender: ''\n", ("names.yaml:2: request.gender: ",)),
    "no name": ("request:\n  gender: []\n", ("names.yaml:2: request.gender: ",)),
    "number": ("request:\n  gender: 5\n", ("names.yaml:2: request.gender: ",)),
    "list": ("- gender\n", ("names.yaml:1: expected keys with values (`key: value`), not ['gender']",)),
    "empty file": ("", ("names.yaml:1: the file is empty; expected keys with values (`key: value`)",)),
}


@pytest.mark.parametrize(("names", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_in_a_names_file_is_named(tmp_path: Path, names: str, expected: tuple[str, ...]) -> None:
    """File, line, what is wrong, and what may have been meant: all mistakes at once."""
    found = complaint(tmp_path, names)
    assert len(found) == len(expected)
    for problem, start in zip(found, expected, strict=True):
        assert problem.startswith(start)


def test_broken_and_missing_files_are_named(tmp_path: Path) -> None:
    """A names file that cannot be read, and a WSDL that is not there, are named with their paths."""
    with pytest.raises(DocumentError, match=r"names\.yaml:2: not well-formed YAML"):
        bound(tmp_path, "request: {gender")
    with pytest.raises(DocumentError, match=f"{tmp_path}/none.yaml"):
        bind(SPEC, {"names": "none.yaml"}, tmp_path)
    with pytest.raises(WsdlError, match=f"{tmp_path}/none.wsdl: there is no such file; put it"):
        bind(SPEC, {"wsdl": "none.wsdl"}, tmp_path)


def test_paths_are_relative_to_the_target_file(tmp_path: Path) -> None:
    """A path climbs out of the folder, or is absolute, as any path does."""
    bound(tmp_path, contract=Contract())
    (tmp_path / "targets").mkdir()
    assert not bind(SPEC, {"wsdl": f"../{WSDL}"}, tmp_path / "targets").reconstructed
    assert not bind(SPEC, {"wsdl": str(tmp_path / WSDL)}, Path("/nowhere")).reconstructed


def test_service_without_soap_cannot_be_bound(tmp_path: Path) -> None:
    """Binding a service that speaks JSON is a mistake of the spec folder."""
    other = replace(SPEC, contract=replace(SPEC.contract, soap=None))
    with pytest.raises(SpecError, match="dossier-number-generation is no SOAP service"):
        bind(other, {}, tmp_path)


def test_names_of_a_spec_may_lack_a_section(tmp_path: Path) -> None:
    """A cookbook that names no parts knows no role there, and says so."""
    rules = SPEC.contract.soap
    assert rules is not None
    names = {section: roles for section, roles in rules.names.items() if section != "parts"}
    spec = replace(SPEC, contract=replace(SPEC.contract, soap=replace(rules, names=names)))
    assert bind(spec, {}, tmp_path).bound["generate"].parts == {}
    (tmp_path / "names.yaml").write_text("parts: {person: Person}\n", "utf-8")
    with pytest.raises(TargetError, match=r"there is no role 'person'$"):
        bind(spec, {"names": "names.yaml"}, tmp_path)
