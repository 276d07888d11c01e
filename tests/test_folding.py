"""Tests of what is alike: one finding with a count and its places, and the words for it."""

from dataclasses import replace
from pathlib import Path

import pytest

from conformance.cli.summary import print_summary
from conformance.contracts.loading import load_spec
from conformance.engine.runner import conclude
from conformance.model.verdict import MOST_PLACES, Finding, Judgement, Severity, Verdict, fold
from conformance.model.wording import kind_words, place_words

DATE = Finding("s/1/date", Severity.OBSERVATION, "the date has no zone", "/0/date", "a zone", '"2026-01-01" (string)')
CASE = next(iter(load_spec("status-dashboard").cases.values()))


def test_alike_findings_are_one_with_count_and_first_places() -> None:
    """Requirement, severity and message make a kind; what differs in place and value only is counted."""
    many = [replace(DATE, location=f"/{number % 40}/date", actual=str(number)) for number in range(789)]
    [folded] = fold(many)
    assert replace(folded, count=1, places=()) == many[0]
    assert folded.count == 789
    assert folded.places == tuple(f"/{number}/date" for number in range(MOST_PLACES))


@pytest.mark.parametrize(
    "other",
    [
        replace(DATE, requirement="s/1/time"),
        replace(DATE, severity=Severity.VIOLATION),
        replace(DATE, message="the date has a fraction"),
    ],
)
def test_other_kinds_stay_apart(other: Finding) -> None:
    """Another requirement, weight or message is another finding, in the order in which they came."""
    assert fold([DATE, other, DATE]) == (replace(DATE, count=2, places=("/0/date",)), other)


def test_folding_goes_on_where_it_stopped() -> None:
    """What is folded for each answer is folded again for a case: counts are added, and places joined."""
    first = fold([DATE, replace(DATE, location="/1/date")])
    second = fold([replace(DATE, location="/1/date"), replace(DATE, location="/2/date")])
    [folded] = fold([*first, *second, replace(DATE, location="")])
    assert (folded.count, folded.places) == (5, ("/0/date", "/1/date", "/2/date"))


def test_case_keeps_one_finding_of_a_kind_of_all_its_exchanges() -> None:
    """A case's result folds what several answers brought up, and its verdict is what it was."""
    broken = replace(DATE, severity=Severity.VIOLATION)
    result = conclude(CASE, Judgement((DATE, broken, DATE, broken, DATE)))
    assert [(finding.severity.value, finding.count) for finding in result.findings] == [
        ("observation", 3),
        ("violation", 2),
    ]
    assert (result.verdict, result.reason) == (Verdict.FAIL, "s/1/date: the date has no zone")


def test_words_say_one_and_many() -> None:
    """A place alone is itself, and of kinds their number alone is said where they have one place each."""
    assert place_words("/a", 1) == "/a"
    assert place_words("/a", 2) == "/a (2 times)"
    assert place_words("", 3) == "(3 times)"
    assert kind_words(1, 1, "warning") == "1 warning"
    assert kind_words(0, 0, "warning") == "0 warnings"
    assert kind_words(1, 789, "observation") == "1 observation (789 times)"


def test_summary_says_kinds_and_places(capsys: pytest.CaptureFixture[str]) -> None:
    """The terminal says how many kinds there are, and in how many places; of an earlier document the kinds alone."""
    counts = {"exchanges": 3, "warnings": 2, "warning_places": 14, "observations": 1}
    times = {"started": "2026-01-01T00:00:00+00:00", "finished": "2026-01-01T00:00:02+00:00"}
    run = {"services": [], "notes": [], "exit_code": 0} | times
    print_summary({"summary": counts, "run": run, "cases": []}, Path("run"))
    assert "3 exchanges, 2 warnings (14 times), 1 observation, 2.0 s\n" in capsys.readouterr().out
