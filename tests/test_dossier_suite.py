"""The procedures of the DossierNumberGeneration suite, and rows that other callers play, on the local platform."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.contracts.loading import load_spec
from conformance.mock.platform import LocalPlatform
from conformance.model.fault import Fault, read_fault
from tests.campaigns import run_suite

pytestmark = pytest.mark.whole_run

SERVICE = "dossier-number-generation"
SPEC = load_spec(SERVICE)
CALLERS, MOMENT = f"{SERVICE}/5.2.1.2/persons-of-callers", f"{SERVICE}/5.2.1.2/same-moment"
BY_OTHERS = tuple(case.id for case in SPEC.cases.values() if case.other_callers)
SIGNED_BY = f"{SERVICE}/4/signature-altered-by-others"
OWN_PERSON = f"{SERVICE}/5.2.1.2/identifier-of-one-person"


def _played(
    folder: Path, *cases: str, fault: Mapping[str, Any] | None = None, callers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return what became of cases of the suite against the local platform, by id; `callers` are the platform's own."""
    made: Fault | None = None
    if fault is not None:
        made = read_fault({"id": f"{SERVICE}/faults/x", "breaks": "x", "requirements": ["x"], **fault})
    with LocalPlatform((SPEC,), fault=made) as platform:
        section = platform.settings(SERVICE)
        if callers is not None:
            section["callers"] = {name: copy.deepcopy(section["callers"][own]) for name, own in callers.items()}
        document = run_suite(folder, SERVICE, section, cases=cases)
    return {case["id"]: case for case in document["cases"] if case["verdict"] != "not_run"}


def _accused(case: Mapping[str, Any]) -> set[str]:
    return {finding["requirement"] for finding in case["findings"] if finding["severity"] == "violation"}


def test_every_kind_of_caller_and_of_key_asks_for_persons(tmp_path: Path) -> None:
    """Each of the four kinds asks for as many persons as there are rounds, and the plain request comes before."""
    case = _played(tmp_path, CALLERS)[CALLERS]
    assert case["verdict"] == "pass"
    assert len(case["exchanges"]) == 1 + 3 * 4


def test_numbers_that_callers_share_are_found(tmp_path: Path) -> None:
    """Identifiers that are counted for each caller belong to several persons."""
    case = _played(tmp_path, CALLERS, fault={"without": ["one_sequence"]})[CALLERS]
    assert _accused(case) == {OWN_PERSON}


def test_one_caller_alone_is_asked_too(tmp_path: Path) -> None:
    """A target with one caller has its own persons compared."""
    case = _played(tmp_path, CALLERS, callers={"center": "center"})[CALLERS]
    assert case["verdict"] == "pass"
    assert len(case["exchanges"]) == 1 + 3


def test_pairs_at_the_same_moment_pass_on_a_sound_platform(tmp_path: Path) -> None:
    """A caller meets itself and one of each other sort; requests that did not overlap are sent again, no more."""
    case = _played(tmp_path, MOMENT)[MOMENT]
    assert case["verdict"] == "pass"
    assert len(case["exchanges"]) >= 1 + 2 * 4


@pytest.mark.parametrize(
    ("edit", "accused"),
    [
        ({"at": ".//CovidDossierIdentifier", "value": "CV-1"}, OWN_PERSON),
        ({"at": ".//{*}GenerateCovidIdResponse/@InResponseTo", "value": "_x"}, f"{SERVICE}/5.2.1.2/in-response-to"),
        ({"at": ".//{*}GenerateCovidIdResponse/@Id", "value": "_x"}, f"{SERVICE}/5.2.1.2/id-unique"),
        ({"at": ".//CovidDossierIdentifier", "do": "remove"}, f"{SERVICE}/5.2.1.2/identifier"),
    ],
)
def test_what_goes_wrong_at_the_same_moment_alone_is_found(
    tmp_path: Path, edit: Mapping[str, str], accused: str
) -> None:
    """A service that is right while it has one request at a time is found out by two, each mistake for what it is."""
    fault = {"when": {"says": "status:Success", "beside": 0.2}, "answer": {"edits": [edit]}}
    cases = _played(tmp_path, MOMENT, CALLERS, fault=fault)
    assert _accused(cases[MOMENT]) == {accused}
    assert cases[CALLERS]["verdict"] == "pass"


def test_rows_of_the_matrix_are_played_by_every_other_sort_of_caller(tmp_path: Path) -> None:
    """A row that others play sends the plain request and the broken one for each of them, at a bounded price."""
    case = _played(tmp_path, SIGNED_BY)[SIGNED_BY]
    assert case["verdict"] == "pass"
    assert len(case["exchanges"]) == 2 * 3
    assert len(BY_OTHERS) * 2 * 3 <= 120


def test_finding_names_the_caller_whose_message_was_served(tmp_path: Path) -> None:
    """Who reads the report learns whose signature is not verified, and the exchange is shown."""
    case = _played(tmp_path, SIGNED_BY, fault={"without": ["signature_holds of rsa"]})[SIGNED_BY]
    (finding,) = (one for one in case["findings"] if one["severity"] == "violation")
    assert finding["requirement"] == f"{SERVICE}/4/security-verified"
    assert finding["actual"].endswith("sent by the caller 'hub'")
    assert case["deciding"]


@pytest.mark.parametrize(("sort", "served"), [("person", set()), ("ehp_institution", {"hub"}), ("rsa", {"hub"})])
def test_first_caller_plays_the_matrix_itself(tmp_path: Path, sort: str, served: set[str]) -> None:
    """What the first caller's own sort is spared is for the row itself to find, and not for the others'."""
    fault = {"without": [f"signature_holds of {sort}"]}
    row = SIGNED_BY.removesuffix("-by-others")
    cases = _played(tmp_path, row, SIGNED_BY, fault=fault)
    assert (_accused(cases[row]) == set()) is bool(served)
    assert (_accused(cases[SIGNED_BY]) != set()) is bool(served)


def test_target_with_one_sort_of_caller_has_no_others(tmp_path: Path) -> None:
    """Where there is nobody else, the row does not apply, with the reason."""
    case = _played(tmp_path, SIGNED_BY, callers={"company": "company"})[SIGNED_BY]
    assert case["verdict"] == "not_applicable"
    assert "no caller of another kind, or with another type of key" in case["reason"]


def test_one_caller_of_each_kind_and_key_is_taken(tmp_path: Path) -> None:
    """Two callers of one kind with keys of one type are one sort; the first of the file stands for it."""
    given = {"first": "physician", "second": "physician", "third": "hub", "fourth": "hub"}
    case = _played(tmp_path, SIGNED_BY, callers=given)[SIGNED_BY]
    assert len(case["exchanges"]) == 2
