"""Tests of junit.xml: what other tools read of a run."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conformance.contracts.loading import load_spec
from conformance.evidence.results_document import results_document
from conformance.model.case import CaseKind
from conformance.model.result import WITHHELD, CaseResult, Run
from conformance.model.verdict import Finding, Severity, Verdict
from conformance.reporting.junit import junit_text

SERVICE = "status-dashboard"
CASES = list(load_spec(SERVICE).cases.values())
STARTED = datetime(2025, 5, 9, 8, 55, tzinfo=UTC)
NASTY = "<script>&\"'\x00\x1b[2J\ud800\uffff\x7f]]>é😀\n\t"
"""What an answer may hold: markup, control characters, a lone surrogate, what XML has no place for."""


def _xml(
    *results: CaseResult,
    services: tuple[str, ...] = (SERVICE,),
    environment: str = "local",
    disclosed: bool = False,
) -> ET.Element:
    run = Run(
        id="x",
        harness="0.1.0",
        seed=1,
        target="t",
        environment=environment,
        disclosed=disclosed,
        services=services,
        versions={},
        started=STARTED,
        finished=STARTED + timedelta(seconds=3),
        interrupted=False,
    )
    return ET.fromstring(junit_text(results_document(run, results, [], {})))


def _result(verdict: str, number: int = 0, **members: Any) -> CaseResult:  # noqa: ANN401 - any of a result's members
    return CaseResult(CASES[number], Verdict(verdict), **members)


def _finding(severity: str = "violation", text: str = "a message") -> Finding:
    return Finding("r/1/x", Severity(severity), text, "/place", f"expected {text}", f"actual {text}")


@pytest.mark.parametrize(
    ("verdict", "tag"),
    [
        ("pass", None),
        ("fail", "failure"),
        ("inconclusive", "error"),
        ("error", "error"),
        ("not_applicable", "skipped"),
        ("not_run", "skipped"),
    ],
)
def test_verdict_becomes_what_junit_has_for_it(verdict: str, tag: str | None) -> None:
    """Failures, errors and skipped cases are told apart, each with its reason and type."""
    [suite] = _xml(_result(verdict, reason="a reason"))
    [case] = suite
    outcomes = [child for child in case if child.tag != "properties"]
    assert [child.tag for child in outcomes] == ([tag] if tag else [])
    if tag:
        assert outcomes[0].get("message") == "a reason"
        assert outcomes[0].get("type") == (None if tag == "skipped" else verdict)


def test_case_has_its_requirements_as_properties() -> None:
    """A passed case is there too, with requirement ids, verdict, kind and title."""
    case = replace(CASES[0], requirements=("a/1/x", "a/1/y"))
    element = _xml(CaseResult(case, Verdict.PASS, duration=1.23456))[0][0]
    assert (element.get("classname"), element.get("name"), element.get("time")) == (SERVICE, case.id, "1.235")
    properties = [(row.get("name"), row.get("value")) for row in element.iter("property")]
    assert properties == [
        ("requirement", "a/1/x"),
        ("requirement", "a/1/y"),
        ("verdict", "pass"),
        ("kind", case.kind.value),
        ("title", case.title),
    ]


def test_failure_lists_its_findings() -> None:
    """The text of a failure has a line a finding: severity, requirement, place, expected, actual."""
    element = _xml(_result("fail", reason="x", findings=(_finding(), _finding("warning", "other"))))[0][0]
    text = element.findtext("failure")
    assert text == (
        "violation r/1/x at /place: a message; expected expected a message; actual actual a message\n"
        "warning r/1/x at /place: other; expected expected other; actual actual other"
    )


def test_error_without_findings_repeats_its_reason() -> None:
    """Where nothing was found, the reason is all there is to say."""
    assert _xml(_result("inconclusive", reason="busy"))[0][0].findtext("error") == "busy"


def test_findings_of_a_passed_case_are_its_output() -> None:
    """Warnings and observations of a case that passed are shown as its output."""
    element = _xml(_result("pass", findings=(_finding("observation"),)))[0][0]
    assert "observation r/1/x at /place: a message" in str(element.findtext("system-out"))
    assert _xml(_result("pass"))[0][0].find("system-out") is None


def test_numbers_of_suites_and_of_all_add_up() -> None:
    """Tests, failures, errors, skipped and time are counted for each service and for all."""
    verdicts = ["pass", "pass", "fail", "inconclusive", "error", "not_run", "not_applicable"]
    other = replace(CASES[9], id="other/1/x", service="other")
    results = [_result(verdict, number, duration=0.5) for number, verdict in enumerate(verdicts)]
    root = _xml(*results, CaseResult(other, Verdict.FAIL, duration=1.0), services=(SERVICE, "other"))
    numbers = [
        [element.get(key) for key in ("tests", "failures", "errors", "skipped", "time")] for element in (root, *root)
    ]
    assert numbers == [["8", "2", "2", "2", "4.500"], ["7", "1", "2", "2", "3.500"], ["1", "1", "0", "0", "1.000"]]
    assert [suite.get("name") for suite in root] == [SERVICE, "other"]
    assert {suite.get("timestamp") for suite in root} == {"2025-05-09T08:55:00.000+00:00"}


@pytest.mark.parametrize("verdict", ["pass", "fail", "inconclusive", "not_run"])
def test_foreign_text_is_escaped_and_cleaned(verdict: str) -> None:
    """Markup and characters that XML cannot hold, from an answer, leave the document well-formed and are shown."""
    root = _xml(_result(verdict, reason=NASTY, findings=(_finding(text=NASTY),)))
    text = "".join(root.itertext()) + "".join(str(element.attrib) for element in root.iter())
    assert not any(character in text for character in "\x00\x1b\ud800\uffff")
    if verdict in ("pass", "fail", "inconclusive"):
        assert "<script>&\"'\ufffd\ufffd[2J\ufffd\ufffd\ufffd]]>é😀" in text
    assert root.find(".//script") is None


def test_run_without_cases_is_a_document_too() -> None:
    """A service of which nothing was run has an empty suite."""
    root = _xml()
    assert [suite.get("tests") for suite in root] == ["0"]


@pytest.mark.parametrize(
    ("environment", "disclosed", "told"),
    [("acceptance", False, False), ("acceptance", True, True), ("local", False, True)],
)
def test_security_finding_of_a_service_elsewhere_is_withheld(environment: str, *, disclosed: bool, told: bool) -> None:
    """A failure of kind security is counted, but told only where the service is one's own or where it was asked for."""
    finding = Finding("x/4/rule", Severity.VIOLATION, "a hole", "answer", "refused", "served")
    case = replace(CASES[0], kind=CaseKind.SECURITY)
    result = CaseResult(case, Verdict.FAIL, "x/4/rule: a hole", {}, (finding,))
    root = _xml(result, environment=environment, disclosed=disclosed)
    failure = root.find(".//failure")
    assert root.get("failures") == "1"
    assert failure is not None
    assert ("a hole" in ET.tostring(failure, encoding="unicode")) is told
    assert (failure.get("message") == WITHHELD) is not told
