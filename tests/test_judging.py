"""Tests of judging an exchange: where problems meet requirements and levels, and what stands in a verdict's way."""

import hashlib
import itertools
import json
import time
from collections import Counter
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from conformance.contracts.loading import load_spec
from conformance.judging.findings import TRANSIENT_STATUSES
from conformance.judging.outcome import JUDGING_SECONDS
from conformance.judging.rest import RestOracle
from conformance.model.case import Case, Clause, Effect, Expectation
from conformance.model.contract import Contract, ErrorCode, Level
from conformance.model.exchange import ErrorKind, Exchange, Headers, Purpose, Request, Response, TransportFailure
from conformance.model.verdict import Finding, Judgement, Severity, Verdict, merge, worst

SERVICE = "status-dashboard"
SPEC = load_spec(SERVICE)
JUDGE = RestOracle(SPEC.contract)
NOW = datetime(2025, 5, 9, 12, 0, tzinfo=UTC)
JSON: Headers = (("Content-Type", "application/json"),)

BOARD: dict[str, Any] = {
    "groups": [
        {
            "id": f"G{group}",
            "name": f"Group {group}",
            "status_code": 1,
            "items": [
                {
                    "id": f"I{group}{item}",
                    "order": item,
                    "status_code": item,
                    "last_updated": "2025-05-09T08:55:00+02:00",
                    "name": f"Item {item}",
                }
                for item in (1, 2, 3)
            ],
        }
        for group in (1, 2)
    ]
}


def _id(name: str) -> str:
    return f"{SERVICE}/{name}"


def _case(name: str) -> Case:
    return SPEC.cases[_id(name)]


WHOLE, ITEM_IDS = _case("7.2/dashboard"), _case("5.3.1.2/item-id")


def _board(**members: object) -> dict[str, Any]:
    """Return the board with other members in the second item of its first group; None leaves one out."""
    board = deepcopy(BOARD)
    item = board["groups"][0]["items"][1]
    for name, value in members.items():
        item[name] = value
    return board


def _less(name: str) -> dict[str, Any]:
    board = deepcopy(BOARD)
    del board["groups"][0]["items"][1][name]
    return board


def _answer(
    body: object = BOARD, status: int = 200, headers: Headers = JSON, *, cut: str = "", reason: str = "OK"
) -> Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, reason, headers, data, len(data), hashlib.sha256(data).hexdigest(), cut=cut)


def _exchange(outcome: Response | TransportFailure, url: str = "http://127.0.0.1/dashboard") -> Exchange:
    return Exchange("000001", "x", Purpose.PROBE, NOW, 0.1, Request("GET", url), outcome)


def _judge(outcome: Response | TransportFailure, case: Case = WHOLE, judge: RestOracle = JUDGE) -> Judgement:
    return judge.judge(_exchange(outcome), case)


def _named(judgement: Judgement) -> list[tuple[str, str]]:
    return [(finding.severity.value, finding.requirement.removeprefix(f"{SERVICE}/")) for finding in judgement.findings]


# ----------------------------------------------------------------------------------------------------- a whole document


def test_answer_as_described_has_no_finding_and_is_counted() -> None:
    """A good answer counts the case's requirement, the document and each of its members."""
    judgement = _judge(_answer())
    assert (judgement.findings, judgement.inconclusive_reason, judgement.violated) == ((), "", False)
    assert judgement.evaluated[_id("5.2/production")] == 1
    assert judgement.evaluated[_id("5.3.1.2/group-id")] > 2
    assert judgement.evaluated[_id("5.3.1.2/item-order")] > 6
    assert _id("5.3.1.2/item-description") not in judgement.evaluated


@pytest.mark.parametrize(
    ("body", "finding", "location"),
    [
        pytest.param(_board(status_code=4), "item-status-code", "/groups/0/items/1/status_code", id="outside the list"),
        pytest.param(
            _board(status_code="1"), "item-status-code", "/groups/0/items/1/status_code", id="text for a number"
        ),
        pytest.param(_board(order="1"), "item-order", "/groups/0/items/1/order", id="text for an order"),
        pytest.param(_board(id="I11"), "item-id", "/groups/0/items/1/id", id="id that is not unique"),
        pytest.param(_board(id="I21"), "item-id", "/groups/1/items/0/id", id="id of another group's item"),
        pytest.param(_board(name=5), "item-name", "/groups/0/items/1/name", id="number for a name"),
        pytest.param(_board(last_updated="today"), "item-last-updated", "/groups/0/items/1/last_updated", id="no date"),
        pytest.param(
            _board(last_updated=5), "item-last-updated", "/groups/0/items/1/last_updated", id="number as date"
        ),
        pytest.param(_board(description=[]), "item-description", "/groups/0/items/1/description", id="list as text"),
        pytest.param(_less("name"), "item-name", "/groups/0/items/1", id="name missing"),
        pytest.param(_less("last_updated"), "item-last-updated", "/groups/0/items/1", id="date missing"),
        pytest.param({}, "groups", "/", id="groups missing"),
        pytest.param({"groups": None}, "groups", "/groups", id="groups null"),
    ],
)
def test_broken_member_is_a_violation_of_its_own_requirement(body: object, finding: str, location: str) -> None:
    """One mistake is one violation that names requirement, place, expected and actual, and accuses no other."""
    judgement = _judge(_answer(body))
    violations = [found for found in judgement.findings if found.severity is Severity.VIOLATION]
    assert [(found.requirement, found.location) for found in violations] == [(_id(f"5.3.1.2/{finding}"), location)]
    assert judgement.violated
    assert violations[0].expected
    assert violations[0].actual
    assert violations[0].message


@pytest.mark.parametrize(
    ("body", "requirement"),
    [
        pytest.param(_board(description=None), "5.3.1.2/item-description", id="null as description"),
        pytest.param(_board(description=""), "5.3.1.2/item-description", id="empty description"),
        pytest.param(_board(name=None), "5.3.1.2/item-name", id="null as name"),
        pytest.param(_board(order=1), "5.3.1.2/item-order", id="equal order"),
        pytest.param(_board(order=0.5), "5.3.1.2/item-order", id="order with a fraction, unsorted"),
        pytest.param(_board(last_updated="1999-01-01T00:00:00Z"), "5.3.1.2/item-last-updated", id="far past"),
        pytest.param(_board(last_updated="2025-05-10T00:00:00Z"), "5.3.1.2/item-last-updated", id="future"),
        pytest.param(_board(last_updated="2025-05-09T08:55+02:00"), "5.3.1.2/item-last-updated", id="no seconds"),
        pytest.param(_board(extra=1), "5.3.1.2/items", id="extra member"),
        pytest.param(BOARD | {"version": 1}, "5.2/json", id="extra member at the top"),
    ],
)
def test_oddity_is_an_observation_and_no_more(body: object, requirement: str) -> None:
    """What is unusual but tolerable never changes the verdict, but is noted."""
    judgement = _judge(_answer(body))
    assert {severity for severity, _ in _named(judgement)} == {"observation"}
    assert {named for _, named in _named(judgement)} == {requirement}
    assert not judgement.violated


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty"),
        (b"all is well", "not JSON"),
        (b'{"groups": [NaN]}', "not JSON"),
        (json.dumps(BOARD).encode("utf-16"), "not UTF-8"),
        (b'["\xff"]', "not UTF-8"),
        (b"[]", "wrong JSON type"),
        (b"null", "wrong JSON type"),
        (b'"text"', "wrong JSON type"),
    ],
)
def test_answer_that_is_no_json_object_violates_the_json_requirement(body: bytes, message: str) -> None:
    """Where there is no JSON object, that is the one violation, and no member is accused."""
    judgement = _judge(_answer(body))
    assert _named(judgement) == [("violation", "5.2/json")]
    assert message in judgement.findings[0].message


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        (JSON, []),
        ((("content-type", "application/json; charset=utf-8"),), []),
        ((("Content-Type", "text/html"),), [("violation", "5.2/json")]),
        ((), [("observation", "5.2/json")]),
    ],
)
def test_media_type_is_judged_with_the_document(headers: Headers, found: list[tuple[str, str]]) -> None:
    """Another media type than JSON's is a violation, a missing one an observation."""
    assert _named(_judge(_answer(headers=headers))) == found


def test_member_that_occurs_twice_is_an_observation_and_byte_order_mark_a_warning() -> None:
    """Oddities of the JSON text itself are noted for the JSON requirement."""
    body = b"\xef\xbb\xbf" + json.dumps(BOARD).encode()[:-1] + b',"groups":[]}'
    assert _named(_judge(_answer(body))) == [("warning", "5.2/json"), ("observation", "5.2/json")]


@pytest.mark.parametrize("depth", [50, 255, 256, 300, 900, 1_000, 5_000, 100_000])
@pytest.mark.parametrize("member", ["name", "extra", "groups"])
def test_nesting_of_any_depth_never_raises(depth: int, member: str) -> None:
    """A deep value is judged while it can be followed, and blocks the verdict from there on."""
    deep = "[" * depth + "]" * depth
    text = json.dumps(_board(name="@")).replace('"@"', deep)
    if member == "extra":
        text = json.dumps(_board(extra="@")).replace('"@"', deep)
    elif member == "groups":
        text = f'{{"groups": {deep}}}'
    judgement = _judge(_answer(text.encode()))
    assert (
        judgement.violated or judgement.inconclusive_reason or _named(judgement) == [("observation", "5.3.1.2/items")]
    )
    assert depth < 1_000 or "nested too deeply" in judgement.inconclusive_reason


def test_text_with_a_lone_surrogate_is_judged() -> None:
    """A text that no encoding can hold is a text, and breaks nothing here but what RFC 8259 advises."""
    form = ("observation", "5.2/json")
    assert _named(_judge(_answer(_board(name="\ud800")))) == [form]
    assert _named(_judge(_answer(_board(id="\ud800", name=5)))) == [form, ("violation", "5.3.1.2/item-name")]


def test_member_name_with_a_lone_surrogate_is_not_called_nested() -> None:
    """A name that no encoding can hold is either judged or said to be what it is."""
    judgement = _judge(_answer(_board(**{"\ud800": 1})))
    assert "nested" not in judgement.inconclusive_reason


def test_date_that_overflows_never_raises() -> None:
    """A date before the first moment there is, is no date."""
    judgement = _judge(_answer(_board(last_updated="0001-01-01T00:00:00+01:00")))
    assert _named(judgement) == [("violation", "5.3.1.2/item-last-updated")]


def test_findings_that_differ_in_place_only_are_condensed() -> None:
    """Four hundred equal mistakes are one finding with their number and the first places."""
    board = deepcopy(BOARD)
    board["groups"][0]["items"] = [
        {**BOARD["groups"][0]["items"][0], "id": f"X{number}", "order": number, "status_code": 9}
        for number in range(400)
    ]
    [finding] = _judge(_answer(board)).findings
    assert (finding.location, finding.count) == ("/groups/0/items/0/status_code", 400)
    assert finding.places == tuple(f"/groups/0/items/{number}/status_code" for number in range(10))


@pytest.mark.parametrize(
    ("level", "severity"),
    [(Level.MUST, "violation"), (Level.SHOULD, "warning"), (Level.MAY, "observation")],
)
def test_severity_follows_the_level_of_the_requirement(level: Level, severity: str) -> None:
    """The same mistake weighs as much as the requirement that it breaks."""
    name = _id("5.3.1.2/item-status-code")
    requirements = dict(SPEC.contract.requirements)
    requirements[name] = replace(requirements[name], level=level)
    judge = RestOracle(replace(SPEC.contract, requirements=requirements))
    assert _named(_judge(_answer(_board(status_code=4)), judge=judge)) == [(severity, "5.3.1.2/item-status-code")]


# ------------------------------------------------------------------------------------------------ what cannot be judged


def test_exchange_without_an_answer_is_blocked_by_its_failure() -> None:
    """Where nothing came back, nobody is accused."""
    judgement = _judge(TransportFailure(ErrorKind.TIMEOUT, "the peer did not answer in time"))
    assert judgement == Judgement(inconclusive_reason="no answer: the peer did not answer in time")


def test_answer_that_was_cut_is_blocked_by_the_reason() -> None:
    """Half an answer is none, not even where its first half is wrong."""
    judgement = _judge(_answer(b'{"groups": 5', cut="larger than 8 bytes"))
    assert (judgement.findings, dict(judgement.evaluated)) == ((), {})
    assert judgement.inconclusive_reason == "the answer 200 OK could not be read to its end: larger than 8 bytes"


@pytest.mark.parametrize("status", sorted(TRANSIENT_STATUSES))
@pytest.mark.parametrize("name", ["7.2/dashboard", "8/unknown-dashboard", "8/method-post", "5.1.1/accept-xml"])
def test_answer_of_a_gateway_is_never_conclusive(status: int, name: str) -> None:
    """429, 502, 503 and 504 accuse and acquit nobody, whatever the case expects, also where it says 4xx."""
    judgement = _judge(_answer(b"busy", status), _case(name))
    assert (judgement.findings, dict(judgement.evaluated)) == ((), {})
    assert str(status) in judgement.inconclusive_reason


def test_gateway_status_that_a_clause_names_is_conclusive() -> None:
    """Where a case expects 503 itself, that is an answer like any other."""
    case = replace(WHOLE, expectation=Expectation("x", (Clause(("503",)),)))
    assert dict(_judge(_answer(b"", 503), case).evaluated) == {WHOLE.requirements[0]: 1}


# --------------------------------------------------------------------------------------------------------- expectations


@pytest.mark.parametrize(
    ("name", "status", "body", "outcome"),
    [
        ("7.2/dashboard", 200, BOARD, "pass"),
        ("7.2/dashboard", 201, BOARD, "violation"),
        ("7.2/dashboard", 204, b"", "violation"),
        ("7.2/dashboard", 302, b"", "violation"),
        ("7.2/dashboard", 404, b"", "violation"),
        ("7.2/dashboard", 500, b"", "violation"),
        ("8/unknown-dashboard", 404, b"", "pass"),
        ("8/unknown-dashboard", 400, b"", "pass"),
        ("8/unknown-dashboard", 200, BOARD, "violation"),
        ("8/unknown-dashboard", 200, {"groups": []}, "violation"),
        ("8/unknown-dashboard", 200, {"groups": 1}, "observation"),
        ("8/unknown-dashboard", 200, b"<html>", "observation"),
        ("8/unknown-dashboard", 200, b"[" * 100_000, "observation"),
        ("8/unknown-dashboard", 302, b"", "observation"),
        ("8/unknown-dashboard", 500, b"", "violation"),
        ("8/unknown-dashboard", 999, b"", "violation"),
        ("8/method-put", 405, b"", "pass"),
        ("8/method-put", 501, b"", "pass"),
        ("8/method-put", 200, b"", "observation"),
        ("8/method-put", 204, b"", "observation"),
        ("8/method-put", 500, b"", "violation"),
        ("8/unexpected-query", 200, BOARD, "pass"),
        ("8/unexpected-query", 400, b"", "observation"),
        ("8/unexpected-query", 500, b"", "violation"),
        ("5.1.1/accept-xml", 406, b"", "pass"),
        ("5.1.1/accept-xml", 200, b"<x/>", "pass"),
        ("5.1.1/accept-xml", 500, b"", "violation"),
        ("5.1.1/user-agent-missing", 403, b"", "pass"),
        ("5.1.1/user-agent-missing", 200, BOARD, "pass"),
        ("5.1.1/user-agent-with-connector", 403, b"", "violation"),
    ],
)
def test_status_is_read_by_the_first_clause_that_fits(name: str, status: int, body: object, outcome: str) -> None:
    """An answer gets the effect of the first clause that it matches, and what no clause matches is a violation."""
    case = _case(name)
    judgement = _judge(_answer(body, status, reason="Something"), case)
    assert _named(judgement) == ([] if outcome == "pass" else [(outcome, case.requirements[0].partition("/")[2])])
    assert judgement.evaluated[case.requirements[0]] == 1
    for finding in judgement.findings:
        assert finding.location == "status"
        assert finding.actual == f"{status} Something"
        assert finding.expected
        assert finding.message


def test_expected_statuses_are_those_that_are_welcome() -> None:
    """A finding about the status says which ones would have done."""
    [finding] = _judge(_answer(b"", 500), _case("8/method-put")).findings
    assert "4xx" in finding.expected
    assert "501" in finding.expected
    assert "2xx" not in finding.expected


def test_expectation_without_a_welcome_names_all_its_statuses() -> None:
    """Where every reading is only tolerated, all of them are what was expected."""
    clauses = (Clause(("418",), Effect.OBSERVATION, note="a pot"), Clause(("3xx",), Effect.WARNING, note="moved"))
    case = replace(WHOLE, expectation=Expectation("x", clauses))
    [finding] = _judge(_answer(b"", 200), case).findings
    assert "418" in finding.expected
    assert "3xx" in finding.expected
    assert _named(_judge(_answer(b"", 301), case)) == [("warning", "5.2/production")]


@pytest.mark.parametrize(("unclaimed", "inconclusive_reason"), [(True, True), (False, False)])
def test_resource_that_nobody_claims_may_be_missing(unclaimed: bool, inconclusive_reason: bool) -> None:  # noqa: FBT001
    """A missing dashboard is inconclusive where the target does not claim it, and a violation elsewhere."""
    case = _case("5.2/integration")
    judgement = JUDGE.judge(_exchange(_answer(b"", 404)), case, unclaimed=unclaimed)
    assert bool(judgement.inconclusive_reason) is inconclusive_reason
    assert judgement.violated is not inconclusive_reason


def test_tls_is_shown_by_an_answer_over_tls_only() -> None:
    """The requirement about TLS counts as judged where the answer came over TLS."""
    tls = _id("6.1.2/tls")
    assert JUDGE.judge(_exchange(_answer(), "https://h/dashboard"), WHOLE).evaluated[tls] == 1
    assert tls not in JUDGE.judge(_exchange(_answer(), "http://h/dashboard"), WHOLE).evaluated


# ---------------------------------------------------------------------------------------------------------- error codes


CODED = RestOracle(
    replace(SPEC.contract, errors={code: ErrorCode(code, "a message", "8") for code in ("BIZ001", "BIZ002", "TEC001")})
)


@pytest.mark.parametrize(
    ("codes", "body", "outcome"),
    [
        (("BIZ001",), {"code": "BIZ001"}, "pass"),
        (("BIZ001",), [{"code": "TEC001"}, {"code": "BIZ001"}], "pass"),
        (("BIZ001", "BIZ002"), [{"code": "BIZ002"}], "pass"),
        (("*",), [{"code": "TEC001"}], "pass"),
        (("*",), [{"code": "NEW001"}], "violation"),
        (("BIZ001",), [{"code": "BIZ002"}], "violation"),
        (("BIZ001",), [{"code": 1}], "violation"),
        (("BIZ001",), {}, "violation"),
        (("BIZ001",), [], "violation"),
        (("BIZ001",), "BIZ001", "violation"),
        (("BIZ001",), b"BIZ001", "violation"),
        (("BIZ001",), b"[" * 100_000, "violation"),
    ],
)
def test_refusal_counts_where_it_carries_a_code_that_fits(codes: tuple[str, ...], body: object, outcome: str) -> None:
    """A clause with codes matches an error body that has one of them, be it one object or a list."""
    case = replace(_case("8/unknown-dashboard"), expectation=Expectation("x", (Clause(("400",), codes=codes),)))
    judgement = _judge(_answer(body, 400), case, CODED)
    assert [severity for severity, _ in _named(judgement)] == ([] if outcome == "pass" else [outcome])


def test_finding_about_a_code_names_those_expected_and_those_seen() -> None:
    """A refusal with another code shows what it carries and what would have done."""
    clauses = (Clause(("400",), codes=("BIZ001", "BIZ002")), Clause(("409",)))
    case = replace(_case("8/unknown-dashboard"), expectation=Expectation("x", clauses))
    [finding] = _judge(_answer([{"code": "TEC001"}], 400), case, CODED).findings
    assert "BIZ001 or BIZ002" in finding.expected
    assert "409" in finding.expected
    assert "TEC001" in finding.actual


# -------------------------------------------------------------------------------------------------- cases of one member


def test_case_of_one_member_judges_that_member_only() -> None:
    """What is wrong elsewhere neither accuses nor hinders a case about one member."""
    judgement = _judge(_answer(_board(status_code=4, order="x", extra=1)), ITEM_IDS)
    assert (judgement.findings, judgement.inconclusive_reason) == ((), "")
    assert set(judgement.evaluated) == {_id("5.3.1.2/item-id")}


def test_case_of_one_member_finds_what_is_wrong_with_it() -> None:
    """The member's own mistake is found among others."""
    judgement = _judge(_answer(_board(id=5, status_code=4)), ITEM_IDS)
    assert _named(judgement) == [("violation", "5.3.1.2/item-id")]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"groups": None}, "breaks status-dashboard/5.3.1.2/groups"),
        ({}, "breaks status-dashboard/5.3.1.2/groups"),
        ([], "breaks status-dashboard/5.2/json"),
        (b"no JSON", "breaks status-dashboard/5.2/json"),
        ({"groups": [{"id": "G", "name": "n", "status_code": 1}]}, "breaks status-dashboard/5.3.1.2/items"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_case_of_one_member_is_blocked_by_what_breaks_above_it(body: object, words: str) -> None:
    """Where the member could not be reached because its list is broken, that is the reason for no verdict."""
    judgement = _judge(_answer(body), ITEM_IDS)
    assert (judgement.findings, dict(judgement.evaluated)) == ((), {})
    assert words in judgement.inconclusive_reason


@pytest.mark.parametrize(
    "body", [{"groups": []}, {"groups": [{"id": "G", "name": "n", "status_code": 1, "items": []}]}]
)
def test_case_of_one_member_of_nothing_is_neither_judged_nor_blocked(body: object) -> None:
    """An empty list leaves nothing to judge, and that is nobody's fault."""
    assert _judge(_answer(body), ITEM_IDS) == Judgement()


@pytest.mark.parametrize("status", [302, 404, 500])
def test_case_of_one_member_is_blocked_by_another_status(status: int) -> None:
    """Where there is no dashboard, its members are not accused."""
    judgement = _judge(_answer(b"", status), ITEM_IDS)
    assert not judgement.violated
    assert f"not reached, because the answer is {status}" in judgement.inconclusive_reason


# --------------------------------------------------------------------------------------------------------------- guards


def test_guarded_values_are_those_of_the_places_asked_for() -> None:
    """Two answers are compared by the values at some places, in order."""
    places = ("groups[].id", "groups[].items[].order")
    assert JUDGE.values(_exchange(_answer()), "getDashboard", places) == [["G1", "G2"], [1, 2, 3, 1, 2, 3]]


@pytest.mark.parametrize("outcome", [_answer(b"", 404), TransportFailure(ErrorKind.CLOSED, "gone")])
def test_guarded_values_of_no_answer_are_none(outcome: Response | TransportFailure) -> None:
    """Where there is no document, there is nothing to compare."""
    assert JUDGE.values(_exchange(outcome), "getDashboard", ("groups[].id",)) == []


def test_status_without_a_schema_is_judged_by_its_status_alone() -> None:
    """A clause that asks for judging a body that no schema describes judges the status."""
    case = replace(WHOLE, expectation=Expectation("x", (Clause(("204",), judge=True),)))
    judgement = _judge(_answer(b"", 204), case)
    assert (judgement.findings, judgement.inconclusive_reason) == ((), "")
    assert dict(judgement.evaluated) == {WHOLE.requirements[0]: 1}


# ------------------------------------------------------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], None),
        (["not_run", "not_applicable"], None),
        (["pass", "not_run"], "pass"),
        (["pass", "inconclusive", "pass"], "inconclusive"),
        (["fail", "inconclusive"], "fail"),
        (["pass", "error", "fail"], "error"),
    ],
)
def test_worst_verdict_is_the_roll_up(verdicts: list[str], expected: str | None) -> None:
    """From pass over inconclusive and fail to error; what was not judged does not count."""
    assert worst(Verdict(verdict) for verdict in verdicts) == expected


def test_merged_judgements_keep_findings_counts_and_the_first_block() -> None:
    """Several judgements make one, with everything that was found and counted."""
    finding = Finding("r", Severity.WARNING, "m")
    judgements = [
        Judgement((finding,), Counter(a=1, b=2)),
        Judgement(inconclusive_reason="first"),
        Judgement((finding,), Counter(b=1), inconclusive_reason="second"),
    ]
    assert merge(judgements) == Judgement((finding, finding), Counter(a=1, b=3), "first")
    assert merge([]) == Judgement()


def test_contract_is_not_changed_by_judging() -> None:
    """A judge leaves the contract that it was made of as it was."""
    before: Contract = deepcopy(SPEC.contract)
    _judge(_answer(_board(status_code=4, id="I11")))
    assert before == SPEC.contract


# ------------------------------------------------------------------------------------------ answers without end

ITEM = json.dumps(BOARD["groups"][0]["items"][0])
GROUP = '{{"groups": [{{"id": "G1", "name": "Group 1", "status_code": 1, "items": [{}]}}]}}'
WITHOUT_END = {
    "items that are nothing": GROUP.format("{}," * 2_000_000 + "{}"),
    "items that are wrong in everything": GROUP.format('{"id": "", "order": 1.5, "name": ""},' * 150_000 + "{}"),
    "numbers for groups": f'{{"groups": [{"1," * 3_000_000}1]}}',
    "a list of nothing": f"[{'null,' * 1_500_000}null]",
}


@pytest.mark.parametrize("body", WITHOUT_END.values(), ids=WITHOUT_END)
def test_answer_of_a_million_mistakes_is_judged_by_the_first_ones(body: str) -> None:
    """Each mistake costs the validator a kilobyte: the first thousands are enough to break a requirement."""
    began = time.process_time()
    judgement = _judge(_answer(body.encode()))
    assert time.process_time() - began < 15
    assert judgement.violated
    assert len(judgement.findings) < 100


def test_what_is_wrong_far_behind_is_not_passed_over() -> None:
    """A long answer whose first values are right, and a later one is not, never counts as right."""
    right = ",".join(ITEM.replace("I11", f"I{number}") for number in range(30_000))
    judgement = _judge(_answer(GROUP.format(f"{right},7").encode()))
    reason = "the answer cannot be held against its schema: it breaks its schema, though not in its first 20000 values"
    assert judgement.inconclusive_reason == reason


def test_what_was_left_out_makes_nothing_wrong() -> None:
    """That the end of a long answer was not looked at is never held against its beginning."""
    groups = ",".join(json.dumps(BOARD["groups"][0]).replace("I1", f"I{number}-") for number in range(6_000))
    body = f'{{"extra": [{"0," * 30_000}0], "groups": [{groups}, 7]}}'
    assert not _judge(_answer(body.encode())).violated


def test_long_answer_that_is_right_is_inconclusive_only_beyond_what_is_looked_at() -> None:
    """An answer of ten thousand items is judged whole; one of a hundred thousand says that it was not."""
    for number, reason in ((10_000, ""), (60_000, "only the first 50000 values at each place were looked at")):
        items = ",".join(
            ITEM.replace("I11", f"I{at}").replace('"order": 1', f'"order": {at}') for at in range(1, number + 1)
        )
        assert _judge(_answer(GROUP.format(items).encode())).inconclusive_reason == reason


@pytest.mark.parametrize(
    "body", [f"[{'1e999,' * 1_000_000}1]", "[" + '{"a":1,"a":1},' * 500_000 + "1]"], ids=["numbers", "members"]
)
def test_oddities_without_end_are_told_by_the_first_ones(body: str) -> None:
    """A million odd numbers, or doubled members, are a page of observations."""
    assert len(_judge(_answer(body.encode())).findings) < 100


@pytest.mark.parametrize(("body", "violated"), [(BOARD, False), ({"groups": 5}, True)])
def test_time_for_an_answer_is_limited_and_what_was_found_stays_found(body: object, *, violated: bool) -> None:
    """An answer whose checks take too long is inconclusive with the reason, but for what was found before."""
    ticks = itertools.count(step=JUDGING_SECONDS)
    judgement = _judge(_answer(body), judge=RestOracle(SPEC.contract, lambda: float(next(ticks))))
    assert judgement.inconclusive_reason.startswith("judging the answer took more than 20 s; ")
    assert judgement.violated is violated
