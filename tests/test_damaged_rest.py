"""Tests of judging REST answers that are damaged: nothing is invented, and what can be read is judged."""

import hashlib
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from conformance.contracts.loading import load_spec
from conformance.judging.rest import RestOracle
from conformance.model.case import Case, CaseKind, Clause, Expectation, Template
from conformance.model.exchange import Exchange, Headers, Purpose, Request, Response
from conformance.model.verdict import Finding, Severity
from tests.damage import damaged

NOW = datetime(2025, 5, 9, 12, 0, tzinfo=UTC)
JSON: Headers = (("Content-Type", "application/json"),)
ANSWERS = {
    "status-dashboard": ("getDashboard", "dashboard"),
    "incidents-interventions": ("getInterventions", "interventions"),
    "therapeutic-exclusion": ("getHistory", "history"),
}
SPECS = {service: load_spec(service) for service in ANSWERS}
ORACLES = {service: RestOracle(spec.contract) for service, spec in SPECS.items()}


def _document(service: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    return json.loads((SPECS[service].folder / "examples" / f"{ANSWERS[service][1]}.json").read_bytes())


def _case(service: str) -> Case:
    return Case(
        id=f"{service}/own",
        service=service,
        title="an answer",
        kind=CaseKind.OWN,
        origin="here",
        requirements=(next(iter(SPECS[service].contract.requirements)),),
        request=Template(ANSWERS[service][0]),
        expectation=Expectation("documented", (Clause(("200",), judge=True),)),
    )


def _found(service: str, body: bytes, headers: Headers = JSON) -> tuple[Finding, ...]:
    response = Response(200, "OK", headers, body, len(body), hashlib.sha256(body).hexdigest())
    request = Request("GET", "http://127.0.0.1/")
    exchange = Exchange("1", "c", Purpose.PROBE, NOW, 0.1, request, response)
    return ORACLES[service].judge(exchange, _case(service)).findings


def _key(finding: Finding) -> tuple[str, str, str]:
    return finding.requirement, finding.message, finding.location


def _violations(found: tuple[Finding, ...]) -> set[tuple[str, str, str]]:
    """Return the violations, but for those of the form."""
    return {_key(one) for one in found if one.severity is Severity.VIOLATION and one.location != "body"}


def _breaks_form(found: tuple[Finding, ...]) -> bool:
    return any((one.severity, one.location) == (Severity.VIOLATION, "body") for one in found)


@pytest.mark.parametrize("service", ANSWERS)
def test_damage_to_a_conforming_answer_breaks_its_form_at_most(service: str) -> None:
    """Five hundred damages leave either JSON, which is judged as it stands, or a violation of the form and no other."""
    body = json.dumps(_document(service), ensure_ascii=False).encode()
    assert not _violations(_found(service, body))
    for seed in range(500):
        found = _found(service, damaged(seed, body))
        assert not (_breaks_form(found) and _violations(found)), seed


def test_defect_is_found_beside_damage() -> None:
    """Of two defects both are found in spite of nearly every damage but a cut before them."""
    document = _document("status-dashboard")
    document["groups"][2]["items"][0]["status_code"] = "x"
    del document["groups"][1]["items"][2]["id"]
    body = json.dumps(document).encode()
    wanted = _violations(_found("status-dashboard", body))
    assert len(wanted) == 2
    counts = [len(wanted & _violations(_found("status-dashboard", damaged(seed, body)))) for seed in range(300)]
    assert counts.count(2) >= 0.7 * len(counts)


BROKEN = {"groups": [{"id": "G", "name": "Group", "status_code": "x", "items": []}]}
DEFECT = "/groups/0/status_code"


@pytest.mark.parametrize(
    ("name", "change"),
    {
        "one wrong byte": lambda text: text.replace(b"Group", b"Gro\xffp"),
        "a bare control character": lambda text: text.replace(b"Group", b"Gro\x00p"),
        "an unknown escape": lambda text: text.replace(b"Group", rb"\Group"),
        "half a character": lambda text: text.replace(b"Group", rb"\ud800"),
        "half a character as name": lambda text: text.replace(b'"id"', rb'"\udc00": 1, "id"'),
        "NaN": lambda text: text.replace(b'"Group"', b"NaN"),
        "a number beyond all": lambda text: text.replace(b'"id"', b'"more": 1e999, "id"'),
        "a number of 5,000 digits": lambda text: text.replace(b'"id"', b'"more": 1' + b"0" * 5000 + b', "id"'),
        "a leading zero": lambda text: text.replace(b'"id"', b'"more": 01, "id"'),
        "a member twice": lambda text: text.replace(b'"id"', b'"id": "G", "id"'),
        "a comma too many": lambda text: text.replace(b'"items": []', b'"items": [],'),
        "a comma too few": lambda text: text.replace(b'"Group",', b'"Group"'),
        "a quotation mark too few": lambda text: text.replace(b'"Group"', b'"Group'),
        "a bracket of the wrong kind": lambda text: text.replace(b"[]", b"[}"),
        "another notation": lambda text: text.replace(b'"groups"', b"groups"),
        "a prefix": lambda text: b")]}',\n" + text,
        "a byte order mark": lambda text: b"\xef\xbb\xbf" + text,
        "UTF-16": lambda text: text.decode().encode("utf-16"),
        "UTF-16 without a mark": lambda text: text.decode().encode("utf-16-be"),
        "a cut end": lambda text: text[:-4],
        "something behind the end": lambda text: text + b"\0",
        "too deep a place": lambda text: text.replace(b'"id"', b'"more": ' + b"[" * 5000 + b"]" * 5000 + b', "id"'),
    }.items(),
)
def test_damage_hides_no_violation_elsewhere(name: str, change: Any) -> None:  # noqa: ANN401 - a function of the table
    """A wrong value is found whatever is wrong at another place, and nothing else is."""
    body = json.dumps(BROKEN).encode()
    changed = change(body)
    assert changed != body, name
    found = _found("status-dashboard", changed)
    assert {location for _, _, location in _violations(found)} == {DEFECT}


def test_missing_member_is_no_finding_where_it_may_have_been_cut_off() -> None:
    """A member that stands behind the cut is not called missing, one of an object that is whole is."""
    whole = {"id": "A", "name": "A", "status_code": 1, "items": []}
    torn = json.dumps({"groups": [{"name": "A", "status_code": 1, "items": []}, whole]}).encode()
    found = _violations(_found("status-dashboard", torn[: torn.rindex(b'"status_code"')]))
    assert {(message, location) for _, message, location in found} == {("the member 'id' is missing", "/groups/0")}


def test_value_of_the_first_of_twins_is_an_observation() -> None:
    """Where a member stands twice the last counts; what is wrong with the first is noted."""
    body = json.dumps(BROKEN).replace('"status_code"', '"status_code": 1, "status_code"').encode()
    fixed = json.dumps(BROKEN).replace('"x"', '"x", "status_code": 1').encode()
    assert {location for _, _, location in _violations(_found("status-dashboard", body))} == {DEFECT}
    noted = [one for one in _found("status-dashboard", fixed) if one.location == DEFECT]
    assert [one.severity for one in noted] == [Severity.OBSERVATION]
    assert "first of two equal members" in noted[0].message


@pytest.mark.parametrize(
    "values",
    [
        ("application/json, application/json",),
        ("application/json", "application/json"),
        ("application/json, text/plain",),
        ("application/json", "text/plain"),
    ],
)
def test_repeated_content_type_is_a_warning_and_the_body_is_judged(values: tuple[str, ...]) -> None:
    """However a Content-Type is repeated, it is said once, as a warning, beside what the body breaks."""
    headers = tuple(("Content-Type", value) for value in values)
    found = _found("status-dashboard", json.dumps(BROKEN).encode(), headers)
    assert [one.severity for one in found if one.location == "Content-Type"] == [Severity.WARNING]
    assert {location for _, _, location in _violations(found)} == {DEFECT}


def test_values_of_a_damaged_answer_are_not_compared() -> None:
    """What is not read whole has no values, so that no change is laid to a request that was sent in between."""
    body = json.dumps(_document("status-dashboard")).encode()
    values = [_values(changed) for changed in (body, body[:-9], body.replace(b'"id"', b'"\xff"', 1))]
    assert [told is None for told in values] == [False, True, True]


def _values(body: bytes) -> list[object] | None:
    response = Response(200, "OK", JSON, body, len(body), "")
    exchange = Exchange("1", "c", Purpose.GUARD, NOW, 0.1, Request("GET", "http://127.0.0.1/"), response)
    return ORACLES["status-dashboard"].values(exchange, "getDashboard", ("groups[].id",))


def test_a_large_damaged_answer_is_judged_in_bounded_time() -> None:
    """Two megabytes with a mistake in the middle take seconds of CPU."""
    group = {"id": "G", "name": "Group", "status_code": 1, "items": []}
    body = json.dumps({"groups": [group] * 30_000}).encode()
    middle = len(body) // 2
    begun = time.process_time()
    _found("status-dashboard", body[:middle] + b"}" + body[middle:])
    assert time.process_time() - begun < 60
