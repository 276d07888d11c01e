"""Values in other forms than the right one, and names beyond ASCII: what is sent, and what is made of a service."""

from pathlib import Path
from typing import Any

import pytest

from conformance.contracts.loading import load_spec
from conformance.identifiers.reading import person_kind
from conformance.identifiers.rules import IdentifierKind, check
from conformance.mock.platform import LocalPlatform
from conformance.model.fault import read_fault
from suites.therapeutic_exclusion_forms import identifier_forms, letter_cases, value_at, with_value
from suites.therapeutic_exclusion_letters import PLAIN, WRITINGS
from suites.therapeutic_exclusion_requests import INVENTED
from tests.campaigns import run_suite

SERVICE = "therapeutic-exclusion"
SSIN, NIHII = "70020299541", "61234516"
SPEC = load_spec(SERVICE)


def played(folder: Path, case: str, **fault: object) -> dict[str, Any]:
    """Return the result of one case against the local platform with a fault."""
    row = {"id": f"{SERVICE}/faults/test", "breaks": "something", "requirements": [f"{SERVICE}/8.1.3/val002"]}
    with LocalPlatform((SPEC,), fault=read_fault(row | fault)) as platform:
        document = run_suite(folder, SERVICE, platform.settings(SERVICE), cases=(f"{SERVICE}/{case}",))
    (result,) = [one for one in document["cases"] if one["exchanges"]]
    return dict(result)


def test_forms_of_a_number_are_invalid_each_for_its_form() -> None:
    """None of them is a valid identifier of the kind that is asked for, and none of them stands there twice."""
    for number, others in ((SSIN, [NIHII]), (NIHII, [SSIN])):
        forms = [form.text for form in identifier_forms(number, others)]
        assert len(set(forms)) == len(forms)
        kinds = [IdentifierKind.NIHII8 if number == NIHII else person_kind(form) for form in forms]
        assert [form for kind, form in zip(kinds, forms, strict=True) if not check(kind, form)] == []


@pytest.mark.parametrize(
    ("number", "wanted"),
    [
        (SSIN, {"70.02.02-995.41", "70 02 02 995 41", " 70020299541", "70020299541 ", "70020299", NIHII}),
        (NIHII, {"6-12345-16", "6 12345 16", " 61234516", "61234516 ", "61234516000", SSIN}),
    ],
)
def test_forms_are_those_that_people_write(number: str, wanted: set[str]) -> None:
    """Blanks, dots and dashes, inside and around; and numbers as long as those of another kind."""
    other = NIHII if number == SSIN else SSIN
    assert wanted <= {form.text for form in identifier_forms(number, [other])}


def test_word_is_written_in_other_letter_cases() -> None:
    """In capitals, capitalised, with a capital inside; of other words of the list in capitals only."""
    assert [form.text for form in letter_cases("persnurse", ["persdentist"])] == [
        "PERSNURSE",
        "Persnurse",
        "persNurse",
        "PERSDENTIST",
    ]
    assert [form.text for form in letter_cases("ssin")] == ["SSIN", "Ssin"]


@pytest.mark.parametrize(
    "case", [case for case in SPEC.cases.values() if case.procedure == "forms"], ids=lambda c: c.id
)
def test_every_case_of_forms_has_a_value_at_its_place(case: Any) -> None:  # noqa: ANN401 - a case
    """The place that is named can be read, and written without changing the request itself."""
    place = case.probe.options["at"]
    before = value_at(case.request, place)
    assert value_at(with_value(case.request, place, "other"), place) == "other"
    assert value_at(case.request, place) == before


def test_finding_says_in_which_form_a_value_was_served(tmp_path: Path) -> None:
    """Who reads a violation sees the text that was sent."""
    fault = {
        "when": {"operation": ["revokeExclusion"], "query": {"hcPartySsin": r"[\d ]+"}},
        "ask": {"query": {"hcPartySsin": SSIN}},
    }
    result = played(tmp_path, "8.1.3/revoke-practitioner-forms", **fault)
    assert result["verdict"] == "fail"
    assert result["findings"][0]["requirement"] == f"{SERVICE}/8.1.3/val006-invalid"
    assert "with blanks: '70 02 02 995 41'" in result["findings"][0]["message"]


def test_gate_that_takes_offence_at_an_odd_number_is_observed(tmp_path: Path) -> None:
    """A refusal with a page of its own, before the service is reached, breaks nothing."""
    fault = {"when": {"operation": ["getHistory"], "path": "/histories/.*[^0-9].*"}, "ask": {"status": 400}}
    result = played(tmp_path, "8.1.3/history-patient-forms", **fault)
    assert result["verdict"] == "pass"
    assert {one["severity"] for one in result["findings"]} == {"observation"}


LETTERS = "5.3/letters-beyond-ascii"


@pytest.mark.parametrize(
    ("body", "told"),
    [("[^\\x00-\\x7f]", "unlike names of plain letters"), ('"name"', "with names of plain letters, too")],
)
def test_refusal_of_names_says_whether_it_is_for_their_letters(tmp_path: Path, body: str, told: str) -> None:
    """A service that refuses all names has another fault than one that refuses some letters."""
    fault = {"when": {"operation": ["declareExclusion"], "body": body}, "ask": {"status": 500}}
    result = played(tmp_path, LETTERS, **fault)
    assert result["verdict"] == "fail"
    assert {one["requirement"] for one in result["findings"]} == {f"{SERVICE}/5.3/names-tolerated"}
    assert all(told in one["message"] for one in result["findings"])


def test_names_beyond_ascii_are_served(tmp_path: Path) -> None:
    """The local platform serves them, however they are written."""
    when = {"when": {"operation": ["getHealth"]}, "ask": {"status": 404}}
    result = played(tmp_path, LETTERS, **when)
    assert (result["verdict"], result["findings"]) == ("pass", [])


def test_names_are_known_as_invented_and_written_in_both_ways() -> None:
    """A service that publishes them is found; both ways of writing letters in JSON are used."""
    assert {name for one in (PLAIN, *WRITINGS) for name in (one.name, one.first_name)} == INVENTED
    assert {one.escaped for one in WRITINGS} == {True, False}
