"""Tests of keeping within a target's limits: spacing, budget, and one ledger for all workers of a run."""

import json
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from conformance.model.errors import BudgetError
from conformance.traffic import ledger as own_ledger
from conformance.traffic.ledger import close_ledger, open_ledger
from conformance.traffic.limits import Limits


def _take_all(folder: Path, limits: Limits, tries: int) -> list[float]:
    """Take turns until the budget is used up; return the times of those that were given."""
    ledger = open_ledger(limits, folder)
    turns = []
    for _ in range(tries):
        try:
            ledger.take()
        except BudgetError:
            break
        turns.append(time.monotonic())
    return turns


def test_budget_gives_out_after_its_number_of_requests(tmp_path: Path) -> None:
    """The request after the last one of the budget is refused, and so is every later one."""
    ledger = open_ledger(Limits(None, 3, 10.0), tmp_path)
    for _ in range(3):
        ledger.take()
    for _ in range(2):
        with pytest.raises(BudgetError, match="budget of 3 requests is used up"):
            ledger.take()


def test_rate_spaces_requests_evenly(tmp_path: Path) -> None:
    """At forty requests a second each comes a fortieth after the one before, and the first at once."""
    began = time.monotonic()
    turns = _take_all(tmp_path, Limits(40, None, 10.0), 5)
    assert len(turns) == 5
    assert all(turn >= began + number / 40 - 0.001 for number, turn in enumerate(turns))


def test_turns_that_nobody_took_are_not_saved_up(tmp_path: Path) -> None:
    """After a pause longer than the spacing only one request goes out at once, not those of the pause."""
    ledger = open_ledger(Limits(20, None, 10.0), tmp_path)
    ledger.take()
    time.sleep(0.15)
    began = time.monotonic()
    for _ in range(3):
        ledger.take()
    assert time.monotonic() - began >= 2 * 0.05 - 0.001


def test_without_limits_nothing_is_written(tmp_path: Path) -> None:
    """A target without rate and budget costs no file and no time."""
    ledger = open_ledger(Limits(None, None, 10.0), tmp_path)
    for _ in range(1000):
        ledger.take()
    assert list(tmp_path.iterdir()) == []


def test_workers_share_one_budget_and_one_rate(tmp_path: Path) -> None:
    """Three processes together get the budget once, spaced as if they were one."""
    limits = Limits(100, 30, 10.0)
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as workers:
        done = [workers.submit(_take_all, tmp_path, limits, 30) for _ in range(3)]
        turns = sorted(turn for one in done for turn in one.result(timeout=300))
    assert len(turns) == 30
    assert turns[-1] - turns[0] >= 0.2  # 0.29 by one ledger, 0.09 by three


def test_budget_alone_is_shared_through_the_folder(tmp_path: Path) -> None:
    """A second ledger of the same run goes on where the first stopped."""
    limits = Limits(None, 2, 10.0)
    open_ledger(limits, tmp_path).take()
    open_ledger(limits, tmp_path).take()
    with pytest.raises(BudgetError):
        open_ledger(limits, tmp_path).take()


def test_ledger_leaves_nothing_behind(tmp_path: Path) -> None:
    """At the end of a run its files are removed; where there are none, that is no mistake."""
    open_ledger(Limits(1000, 5, 10.0), tmp_path).take()
    close_ledger(tmp_path)
    assert list(tmp_path.iterdir()) == []
    close_ledger(tmp_path)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the seconds for which a ledger waits, without waiting for them."""
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0], ids=["back", "forth"])
def test_wall_clock_that_jumps_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slept: list[float], jump: float
) -> None:
    """A day back stalls nothing, and a day forth frees no turn: the next one is a spacing after the last."""
    wall = time.time()
    ledger = open_ledger(Limits(0.01, None, 10.0), tmp_path)
    ledger.take()
    monkeypatch.setattr(time, "time", lambda: wall + jump)
    ledger.take()
    assert slept[0] == 0
    assert 10 < slept[1] <= 100


@pytest.mark.parametrize("next_turn", [0.0, 1e9], ids=["past", "far ahead"])
def test_ledger_of_an_earlier_start_keeps_its_count(tmp_path: Path, slept: list[float], next_turn: float) -> None:
    """Times from before the machine was started say nothing: one spacing is waited for, and the budget is not freed."""
    (tmp_path / "ledger.json").write_text(json.dumps([2, next_turn, "another start"]))
    ledger = open_ledger(Limits(0.5, 3, 10.0), tmp_path)
    ledger.take()
    assert slept == [pytest.approx(2)]
    with pytest.raises(BudgetError):
        ledger.take()


def test_turn_that_nobody_waits_for_stalls_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    """Where the system does not name its start, a turn further ahead than all that can wait is one of an earlier."""
    monkeypatch.setattr(own_ledger, "_BOOT", tmp_path / "nowhere")
    (tmp_path / "ledger.json").write_text(json.dumps([2, time.monotonic() + 1000, ""]))
    open_ledger(Limits(1, None, 10.0), tmp_path).take()
    assert slept == [pytest.approx(1)]
