"""Tests of the results of a run: exit codes, the roll-up into requirements, and the document."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from conformance.contracts.loading import load_spec
from conformance.evidence.results_document import (
    case_record,
    from_portable,
    is_confidential,
    portable,
    results_document,
    summary,
)
from conformance.model.case import Case
from conformance.model.contract import Level, Requirement, Role, Source
from conformance.model.result import CaseResult, Run
from conformance.model.roll_up import exit_code, requirement_results
from conformance.model.verdict import Finding, Severity, Verdict

SERVICE = "status-dashboard"
CASES = list(load_spec(SERVICE).cases.values())
RUN = Run(
    id="20250509-085500-abcdef",
    harness="0.1.0",
    seed=7,
    target="my-target",
    environment="acceptance",
    services=(SERVICE,),
    versions={SERVICE: "1.4"},
    started=datetime(2025, 5, 9, 8, 55, 0, 123456, tzinfo=UTC),
    finished=datetime(2025, 5, 9, 8, 56, tzinfo=UTC),
    interrupted=False,
)


def _case(number: int = 0, service: str = SERVICE, requirements: tuple[str, ...] = ("r",)) -> Case:
    return replace(CASES[number], id=f"{service}/1/case-{number}", service=service, requirements=requirements)


def _result(verdict: str, number: int = 0, **members: Any) -> CaseResult:  # noqa: ANN401 - any of a result's members
    service = members.pop("service", SERVICE)
    requirements = members.pop("requirements", ("r",))
    return CaseResult(_case(number, service, requirements), Verdict(verdict), **members)


def _requirement(name: str = "r", **members: Any) -> Requirement:  # noqa: ANN401 - any of a requirement's members
    source = Source("Cookbook", "1.4", "5.3")
    plain = Requirement(name, SERVICE, Level.MUST, "must", Role.SERVER, source, "Something is so.", "")
    return replace(plain, **members)


def _finding(severity: str, requirement: str = "r") -> Finding:
    return Finding(requirement, Severity(severity), "a message", "/place", "this", "that")


# ----------------------------------------------------------------------------------------------------------- exit codes


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ("pass", 0),
        ("pass pass not_run not_applicable", 0),
        ("pass fail", 1),
        ("fail", 1),
        ("pass inconclusive", 3),
        ("inconclusive", 3),
        ("pass limited", 3),
        ("limited", 3),
        ("pass error", 4),
        ("error", 4),
        ("error fail inconclusive pass", 4),
        ("fail inconclusive limited", 1),
        ("", 3),
        ("not_run", 3),
        ("not_applicable", 3),
        ("not_run not_applicable", 3),
        ("known", 0),
        ("known pass", 0),
        ("known fail", 1),
        ("known inconclusive", 3),
        ("known-inconclusive pass", 3),
        ("known-error pass", 4),
    ],
)
@pytest.mark.parametrize("interrupted", [False, True])
def test_exit_code_is_that_of_the_worst(verdicts: str, code: int, interrupted: bool) -> None:  # noqa: FBT001
    """The order is 130, 4, 1, 3, 0, and a service without a passed case is not conformant."""
    results = []
    for number, word in enumerate(verdicts.split()):
        kind, _, verdict = word.rpartition("-") if word.startswith("known-") else ("", "", word)
        if word == "limited":
            results.append(_result("not_run", number, limited=True))
        elif word == "known" or kind == "known":
            results.append(_result(verdict if kind else "fail", number, known="a reason"))
        else:
            results.append(_result(verdict, number))
    assert exit_code(results, [SERVICE], interrupted=interrupted) == (130 if interrupted else code)


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [("pass", "pass", 0), ("pass", "not_applicable", 3), ("not_run", "pass", 3), ("pass", "fail", 1)],
)
def test_every_service_needs_a_passed_case(first: str, second: str, code: int) -> None:
    """One service that passed does not stand for another."""
    results = [_result(first, 0), _result(second, 1, service="other")]
    assert exit_code(results, [SERVICE, "other"], interrupted=False) == code


def test_results_are_read_once() -> None:
    """Results may come from an iterator."""
    assert exit_code(iter([_result("pass")]), iter([SERVICE]), interrupted=False) == 0


@pytest.mark.parametrize(("interrupted", "code"), [(False, 4), (True, 130)])
def test_harness_that_breaks_down_outside_of_a_case_never_ends_well(interrupted: bool, code: int) -> None:  # noqa: FBT001
    """Cases that were not reached then are no reason to call a service conformant."""
    assert exit_code([_result("pass")], [SERVICE], interrupted=interrupted, erred=True) == code


# --------------------------------------------------------------------------------------------------------- requirements


@pytest.mark.parametrize(
    ("results", "verdict"),
    [
        pytest.param([_result("pass", evaluated={"r": 3})], "pass", id="judged and not broken"),
        pytest.param(
            [_result("fail", evaluated={"r": 1}, findings=(_finding("violation"),))], "fail", id="named by a violation"
        ),
        pytest.param(
            [_result("fail", evaluated={"r": 1, "s": 1}, findings=(_finding("violation", "s"),))],
            "pass",
            id="another one of the same case is broken",
        ),
        pytest.param(
            [_result("pass", evaluated={"r": 1}, findings=(_finding("observation"),))],
            "pass",
            id="named by an observation",
        ),
        pytest.param(
            [_result("pass", evaluated={"r": 1}, findings=(_finding("warning"),))],
            "inconclusive",
            id="named by a warning",
        ),
        pytest.param(
            [
                _result("pass", 0, evaluated={"r": 9}),
                _result("fail", 1, evaluated={"r": 1}, findings=(_finding("violation"),)),
            ],
            "fail",
            id="broken in one of two cases",
        ),
        pytest.param(
            [
                _result("inconclusive", 0),
                _result("pass", 1, evaluated={"r": 1}),
            ],
            "pass",
            id="judged in one of two cases",
        ),
        pytest.param(
            [_result("fail", requirements=("s",), evaluated={"s": 1}, findings=(_finding("violation"),))],
            "fail",
            id="broken in a case that does not list it",
        ),
        pytest.param(
            [_result("pass", requirements=("s",), evaluated={"s": 1, "r": 1})], "pass", id="judged in a case of another"
        ),
        pytest.param([_result("inconclusive", reason="busy")], "inconclusive", id="its case is inconclusive"),
        pytest.param([_result("error", reason="erred")], "inconclusive", id="its case erred"),
        pytest.param(
            [_result("not_applicable", 0), _result("inconclusive", 1, reason="busy")],
            "inconclusive",
            id="one of its cases is undecided",
        ),
        pytest.param([_result("not_applicable", reason="nothing published")], "not_applicable", id="nothing to judge"),
        pytest.param(
            [_result("not_run", 0), _result("not_applicable", 1)], "not_applicable", id="nothing to judge, or not run"
        ),
        pytest.param([_result("fail", evaluated={"s": 1})], "inconclusive", id="its case failed without reaching it"),
        pytest.param([_result("not_run", reason="not selected")], "not_covered", id="its case was not run"),
        pytest.param(
            [_result("pass", requirements=("s",), evaluated={"s": 1})], "not_covered", id="no case of its own"
        ),
        pytest.param([], "not_covered", id="no case at all"),
    ],
)
def test_requirement_has_the_verdict_of_its_own_checks(results: list[CaseResult], verdict: str) -> None:
    """A requirement fails where a violation names it, and passes where its own checks were applied and held."""
    [row] = requirement_results([_requirement()], results, "server")
    assert row.verdict.value == verdict
    assert bool(row.reason) is (verdict not in ("pass", "fail"))


@pytest.mark.parametrize(
    ("untested", "results", "verdict", "reason"),
    [
        ("It binds an organisation.", [], "not_applicable", "It binds an organisation."),
        ("", [], "not_applicable", "client"),
        ("", [_result("pass", evaluated={"r": 1})], "pass", ""),
        ("", [_result("not_run", reason="not selected")], "not_covered", "not selected"),
    ],
)
def test_requirement_of_the_other_side_is_not_applicable(
    untested: str, results: list[CaseResult], verdict: str, reason: str
) -> None:
    """What binds the client is no matter of a run against a server, unless a case is about it."""
    requirement = _requirement(iut=Role.CLIENT, untested=untested)
    [row] = requirement_results([requirement], results, "server")
    assert row.verdict.value == verdict
    assert reason in row.reason


def test_requirement_without_a_case_gives_its_own_reason() -> None:
    """Why no case verifies a requirement is said where it stands in the results."""
    [row] = requirement_results([_requirement(untested="No check can tell.")], [], "server")
    assert (row.verdict, row.reason) == (Verdict.NOT_COVERED, "No check can tell.")


def test_requirement_names_the_cases_that_were_about_it() -> None:
    """Cases that list a requirement, or judged it, are named once each."""
    results = [
        _result("pass", 0, evaluated={"r": 1}),
        _result("pass", 1, requirements=("s",), evaluated={"r": 2}),
        _result("pass", 2, requirements=("s",), evaluated={"s": 2}),
    ]
    [row] = requirement_results([_requirement()], results, "server")
    assert row.cases == (f"{SERVICE}/1/case-0", f"{SERVICE}/1/case-1")


# --------------------------------------------------------------------------------------------------------- the document


def _results() -> list[CaseResult]:
    return [
        _result(
            "pass",
            0,
            evaluated={"s": 2, "r": 3},
            findings=(_finding("observation"), _finding("warning", "s")),
            exchanges=("000001", "000002"),
            deciding=("000002",),
            duration=0.123456789,
        ),
        _result("fail", 1, reason="broken", findings=(_finding("violation"),), exchanges=("000003",), known="we know"),
        _result("not_run", 2, reason="budget", limited=True),
    ]


def test_summary_counts_cases_findings_and_exchanges() -> None:
    """Each verdict is counted, with findings below violation and exchanges."""
    assert summary(_results(), {"probe": 2, "restore": 1}) == {
        "pass": 1,
        "inconclusive": 0,
        "fail": 1,
        "error": 0,
        "not_applicable": 0,
        "not_run": 1,
        "warnings": 1,
        "warning_places": 1,
        "observations": 1,
        "observation_places": 1,
        "exchanges": 3,
        "exchanges_probing": 2,
        "exchanges_controlling": 0,
        "exchanges_guarding": 0,
        "exchanges_restoring": 1,
    }


def test_summary_counts_kinds_over_all_cases() -> None:
    """What several cases found alike, in many places, is one kind; its places are summed up beside it."""
    many = replace(_finding("observation"), location="/0", count=789, places=("/0", "/1"))
    results = [
        _result("pass", 0, findings=(many, _finding("warning"))),
        _result("pass", 1, findings=(replace(many, location="/7", count=2), replace(_finding("warning"), message="b"))),
    ]
    counts = summary(results, {})
    assert (counts["observations"], counts["observation_places"]) == (1, 791)
    assert (counts["warnings"], counts["warning_places"]) == (2, 2)


def test_finding_with_many_places_survives_the_way_from_a_worker() -> None:
    """The number of places and the first of them are plain data, and come back."""
    many = replace(_finding("observation"), count=789, places=("/place", "/1"))
    result = replace(_results()[0], duration=0.25, findings=(many,))
    record = json.loads(json.dumps(portable(result)))
    assert (record["findings"][0]["count"], record["findings"][0]["places"]) == (789, ["/place", "/1"])
    assert from_portable(record, result.case) == result


def test_document_says_what_was_run_and_what_became_of_it() -> None:
    """The document holds the run, the summary, every case and every requirement, as JSON."""
    rows = [_requirement(), _requirement("s", level=Level.SHOULD)]
    document = results_document(RUN, iter(_results()), rows, {"probe": 3})
    assert json.loads(json.dumps(document)) == document
    assert document["schema"] == "ehealth-conformance/results/1"
    run = document["run"]
    assert (run["id"], run["iut"], run["harness"], run["seed"]) == (RUN.id, "server", "0.1.0", 7)
    assert run["target"] == {"name": "my-target", "environment": "acceptance"}
    assert (run["started"], run["finished"]) == ("2025-05-09T08:55:00.123+00:00", "2025-05-09T08:56:00.000+00:00")
    assert (run["services"], run["interrupted"], run["exit_code"]) == ([SERVICE], False, 3)
    assert document["summary"]["exchanges"] == 3
    assert [case["verdict"] for case in document["cases"]] == ["pass", "fail", "not_run"]
    assert [row["verdict"] for row in document["requirements"]] == ["fail", "inconclusive"]


def test_case_is_recorded_with_all_that_decides_it() -> None:
    """A case's entry has its place in the suite, its verdict, its findings and its exchanges."""
    first, second, _ = _results()
    record = case_record(first)
    assert (record["id"], record["service"], record["kind"]) == (first.case.id, SERVICE, first.case.kind.value)
    assert (record["title"], record["origin"], record["requirements"]) == (first.case.title, first.case.origin, ["r"])
    assert (record["verdict"], record["reason"], record["checks_evaluated"]) == ("pass", "", 5)
    assert (record["duration_s"], record["exchanges"]) == (0.123457, ["000001", "000002"])
    assert record["deciding"] == ["000002"]
    assert record["findings"][0] == {
        "requirement": "r",
        "severity": "observation",
        "message": "a message",
        "location": "/place",
        "expected": "this",
        "actual": "that",
        "count": 1,
        "places": ["/place"],
    }
    assert "known" not in record
    assert case_record(second)["known"] == "we know"
    assert case_record(second)["verdict"] == "fail"


def test_requirement_is_recorded_with_its_source() -> None:
    """A requirement's entry says where it is printed, how binding it is and which cases verify it."""
    [record] = results_document(RUN, _results(), [_requirement()], {})["requirements"]
    assert record["id"] == "r"
    assert (record["service"], record["level"], record["iut"]) == (SERVICE, "MUST", "server")
    assert record["source"] == {"document": "Cookbook", "version": "1.4", "section": "5.3"}
    assert record["statement"] == "Something is so."
    assert record["cases"] == [f"{SERVICE}/1/case-{number}" for number in range(3)]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_result_survives_the_way_from_a_worker(number: int) -> None:
    """What another process made into plain data becomes the same result again, to the microsecond."""
    result = replace(_results()[number], duration=0.25)
    assert from_portable(json.loads(json.dumps(portable(result))), result.case) == result


def _failed_security(environment: str, *, disclosed: bool, kind: str = "security") -> bool:
    run = {"target": {"environment": environment}, "security_disclosed": disclosed}
    return is_confidential({"kind": kind, "verdict": "fail"}, run)


def test_security_findings_of_services_elsewhere_are_confidential() -> None:
    """What was found on a service that is not one's own stays in the private folder unless asked for."""
    assert _failed_security("acceptance", disclosed=False)
    assert not _failed_security("acceptance", disclosed=True)
    assert not _failed_security("local", disclosed=False)
    assert not _failed_security("acceptance", disclosed=False, kind="negative")
