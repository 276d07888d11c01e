"""Tests of known failures: a list with reasons and dates, and what it makes of a result."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from conformance.contracts.loading import load_spec
from conformance.engine.known import KnownFailure, apply_known, load_known
from conformance.formats.documents import dump
from conformance.model.errors import TargetError, UsageError
from conformance.model.result import CaseResult
from conformance.model.roll_up import exit_code
from conformance.model.verdict import Finding, Severity, Verdict

CASE = load_spec("status-dashboard").cases["status-dashboard/7.2/dashboard"]
TODAY = date(2026, 5, 9)
ROW = {"case": CASE.id, "requirement": "r", "reason": "ticket 17", "expires": "2026-12-31"}


def _known(requirement: str = "r", days: int = 0, case: str = CASE.id) -> KnownFailure:
    return KnownFailure(case, requirement, f"because of {requirement}", TODAY + timedelta(days=days))


def _result(verdict: Verdict, *violated: str) -> CaseResult:
    findings = [Finding(name, Severity.VIOLATION, "broken") for name in violated]
    return CaseResult(CASE, verdict, "a reason", findings=(*findings, Finding("other", Severity.OBSERVATION, "odd")))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the path of a list to write."""
    return tmp_path / "known.yaml"


def test_list_is_read_with_reasons_and_dates(file: Path) -> None:
    """Each entry names case, requirement, reason and its last day."""
    file.write_text(dump({"known": [ROW, ROW | {"requirement": "s", "expires": "2026-02-28"}]}), encoding="utf-8")
    assert load_known(file) == (
        KnownFailure(CASE.id, "r", "ticket 17", date(2026, 12, 31)),
        KnownFailure(CASE.id, "s", "ticket 17", date(2026, 2, 28)),
    )


def test_list_may_stand_by_itself(file: Path) -> None:
    """The key above it may be left out; mistakes are told with their lines all the same."""
    row = "- {case: a/1/b, requirement: a/1/c, reason: r, expires: '2031-01-31'}\n"
    file.write_text(row, encoding="utf-8")
    assert [(one.case, one.expires.year) for one in load_known(file)] == [("a/1/b", 2031)]
    file.write_text(row + row.replace("reason", "because"), encoding="utf-8")
    with pytest.raises(TargetError, match=r":2: unknown key 'because'"):
        load_known(file)


def test_empty_list_knows_nothing(file: Path) -> None:
    """A list without an entry is one."""
    file.write_text("known: []\n", encoding="utf-8")
    assert load_known(file) == ()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (ROW | {"expires": "2026-02-30"}, "'2026-02-30' is not a date"),
        (ROW | {"expires": "soon"}, "known.0.expires"),
        (ROW | {"expires": 2026}, "known.0.expires"),
        (ROW | {"reason": ""}, "known.0.reason"),
        (ROW | {"reasons": "x"}, "unknown key 'reasons'; did you mean 'reason'?"),
        ({key: value for key, value in ROW.items() if key != "expires"}, "the key 'expires' is missing"),
    ],
)
def test_mistake_of_a_list_is_reported_with_its_line(file: Path, row: dict[str, object], words: str) -> None:
    """An entry without reason or date, or with one that is none, is refused where it stands."""
    file.write_text(dump({"known": [row]}), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_known(file)
    [problem] = caught.value.problems
    assert problem.startswith(f"{file}:")
    assert problem.partition(f"{file}:")[2].partition(":")[0].isdigit()
    assert words in problem


def test_all_mistakes_of_a_list_are_reported_at_once(file: Path) -> None:
    """Two entries with a wrong date give two messages."""
    file.write_text(dump({"known": [ROW | {"expires": "2026-13-01"}, ROW, ROW | {"expires": "2026-02-30"}]}), "utf-8")
    with pytest.raises(UsageError) as caught:
        load_known(file)
    assert len(caught.value.problems) == 2


def test_list_that_is_not_there_is_refused(file: Path) -> None:
    """A missing file is an error of usage."""
    with pytest.raises(UsageError, match="there is no such file"):
        load_known(file)


@pytest.mark.parametrize(
    ("result", "known", "code"),
    [
        pytest.param(_result(Verdict.FAIL, "r"), [_known()], 0, id="fails as known"),
        pytest.param(_result(Verdict.FAIL, "r"), [_known(days=1)], 0, id="fails as known, a day before it expires"),
        pytest.param(_result(Verdict.FAIL, "r", "s"), [_known(), _known("s")], 0, id="fails as known in two ways"),
        pytest.param(_result(Verdict.FAIL, "r"), [_known(days=-1)], 1, id="fails, and the entry has expired"),
        pytest.param(_result(Verdict.FAIL, "r"), [_known("s")], 1, id="fails in another way"),
        pytest.param(_result(Verdict.FAIL, "r", "s"), [_known()], 1, id="fails in one way more"),
        pytest.param(_result(Verdict.FAIL, "r", "s"), [_known(), _known("s", -1)], 1, id="one of two has expired"),
        pytest.param(_result(Verdict.FAIL, "r"), [_known(case="other/1/case")], 1, id="another case is known"),
        pytest.param(_result(Verdict.FAIL, "r"), [], 1, id="nothing is known"),
        pytest.param(_result(Verdict.PASS), [_known()], 1, id="no longer fails"),
        pytest.param(_result(Verdict.PASS), [_known(days=-1)], 1, id="no longer fails, and has expired"),
        pytest.param(_result(Verdict.PASS), [_known(case="other/1/case")], 0, id="passes, another case is known"),
        pytest.param(_result(Verdict.PASS), [], 0, id="passes"),
        pytest.param(_result(Verdict.INCONCLUSIVE), [_known()], 3, id="is not decided"),
        pytest.param(_result(Verdict.NOT_RUN), [_known()], 3, id="was not run"),
        pytest.param(_result(Verdict.ERROR), [_known()], 4, id="erred"),
    ],
)
def test_known_failure_counts_as_long_as_it_holds(result: CaseResult, known: list[KnownFailure], code: int) -> None:
    """A failure that is known counts as a pass; one that has expired, or is gone, counts as failed."""
    marked = apply_known(result, known, TODAY)
    assert exit_code([marked], [CASE.service], interrupted=False) == code


def test_known_failure_keeps_its_verdict_and_says_why() -> None:
    """What is known is shown with its reasons, and stays a failure in the results."""
    result = _result(Verdict.FAIL, "r", "s")
    marked = apply_known(result, [_known(), _known("s"), _known("t", days=-5)], TODAY)
    assert marked == replace(result, known=marked.known)
    assert marked.known == "because of r; because of s"


def test_failure_that_is_gone_is_to_be_taken_off_the_list() -> None:
    """A case that passes although it was to fail says which entry is over."""
    marked = apply_known(_result(Verdict.PASS), [_known()], TODAY)
    assert "no longer happens" in marked.reason
    assert "because of r" in marked.reason
    assert marked.known == ""


@pytest.mark.parametrize("verdict", [Verdict.INCONCLUSIVE, Verdict.ERROR, Verdict.NOT_APPLICABLE, Verdict.NOT_RUN])
def test_result_that_is_neither_pass_nor_fail_is_left_alone(verdict: Verdict) -> None:
    """Whether a known failure still happens is not known where the case was not decided."""
    assert apply_known(_result(verdict), [_known()], TODAY) == _result(verdict)


def test_one_of_two_known_failures_that_is_gone_is_noticed() -> None:
    """A known failure that no longer happens counts as failed, also beside one that does."""
    marked = apply_known(_result(Verdict.FAIL, "r"), [_known(), _known("s")], TODAY)
    assert exit_code([marked], [CASE.service], interrupted=False) == 1
