"""Tests of what happens in a run as events: values, the file that workers share, and who listens."""

import json
import threading
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from conformance.engine.campaign import open_campaign
from conformance.engine.embedded import start_embedded
from conformance.engine.events import (
    EVENTS,
    CaseEnded,
    CaseStarted,
    Event,
    EventLog,
    ExchangeCompleted,
    RunEnded,
    RunStarted,
)
from conformance.engine.plan import Selection, make_plan
from conformance.evidence.store import read_exchanges
from conformance.reporting.outputs import write_outputs
from conformance.target.reading import choose_services, load_target

SERVICE = "status-dashboard"
CASE = f"{SERVICE}/7.2/dashboard"


def lines(folder: Path) -> list[dict[str, Any]]:
    """Return the events on disk."""
    return [json.loads(line) for line in (folder / EVENTS).read_text(encoding="utf-8").splitlines()]


def test_events_are_values() -> None:
    """An event is made once and never changed."""
    event = CaseStarted("a", "s")
    with pytest.raises(FrozenInstanceError):
        event.case = "b"  # type: ignore[misc]


def test_every_kind_of_event_has_a_line_of_its_own(tmp_path: Path) -> None:
    """Each event is one line, with its name, its moment and its fields."""
    log = EventLog(tmp_path)
    events: list[Event] = [
        RunStarted("r", "local", "local", ("s",), 1),
        CaseStarted("a", "s"),
        ExchangeCompleted("000001", "a", "probe", 0.5, 200, None),
        CaseEnded("a", "s", "pass", "", 0.5),
        RunEnded("r", 0, interrupted=False),
    ]
    for event in events:
        log.emit(event)
    log.close()
    names = [line["event"] for line in lines(tmp_path)]
    assert names == ["run-started", "case-started", "exchange-completed", "case-ended", "run-ended"]
    assert lines(tmp_path)[2].items() >= {"exchange": "000001", "status": 200, "failure": None}.items()
    assert all("at" in line for line in lines(tmp_path))


def test_file_of_events_is_private(tmp_path: Path) -> None:
    """Nobody else may read what happened."""
    EventLog(tmp_path).close()
    assert (tmp_path / EVENTS).stat().st_mode & 0o777 == 0o600


def test_event_is_on_disk_before_a_listener_is_told(tmp_path: Path) -> None:
    """Who listens may read the file up to its event."""
    seen: list[str] = []
    log = EventLog(tmp_path, listeners=(lambda _: seen.append(lines(tmp_path)[-1]["case"]),))
    log.emit(CaseStarted("a", "s"))
    assert seen == ["a"]


def test_workers_share_the_file_line_by_line(tmp_path: Path) -> None:
    """Lines of several writers are never mixed, and say whose they are."""

    def write(name: str) -> None:
        log = EventLog(tmp_path, name)
        for number in range(200):
            log.emit(CaseEnded(f"{name}/{number}", "s", "pass", "x" * 500, 0.0))
        log.close()

    writers = [threading.Thread(target=write, args=(f"gw{number}",)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = lines(tmp_path)
    assert len(found) == 800
    assert all(line["case"].startswith(line["worker"]) for line in found)


def test_run_tells_what_happens_in_order(tmp_path: Path) -> None:
    """A case begins, its exchanges are complete, it ends; the run is around all of them."""
    told: list[Event] = []
    target = load_target("local")
    plan = make_plan(target, choose_services(target, (SERVICE,)), Selection(cases=(CASE,)))
    campaign = open_campaign(plan, tmp_path, start_embedded(plan.services), listeners=(told.append,))
    campaign.tally.add(campaign.run(next(case for case in plan.cases if case.id == CASE)))
    campaign.close()
    write_outputs(campaign)
    [started, begun, exchange, ended, over] = told
    assert started == RunStarted(tmp_path.name, "local", "local", (SERVICE,), 1)
    assert begun == CaseStarted(CASE, SERVICE)
    assert isinstance(exchange, ExchangeCompleted)
    assert (exchange.exchange, exchange.case, exchange.status) == ("000001", CASE, 200)
    assert isinstance(ended, CaseEnded)
    assert (ended.case, ended.verdict) == (CASE, "pass")
    assert over == RunEnded(tmp_path.name, 0, interrupted=False)
    assert [record["id"] for record in read_exchanges(tmp_path)] == ["000001"]


def test_worker_joins_a_run_without_beginning_it(tmp_path: Path) -> None:
    """Only the main process tells that the run begins; a worker's exchanges have its name."""
    target = load_target("local")
    plan = make_plan(target, choose_services(target, (SERVICE,)), Selection(cases=(CASE,)))
    embedded = start_embedded(plan.services)
    campaign = open_campaign(plan, tmp_path, embedded, worker="gw1")
    result = campaign.run(next(case for case in plan.cases if case.id == CASE))
    campaign.close()
    assert result.exchanges == ("gw1-000001",)
    assert [line["event"] for line in lines(tmp_path)] == ["case-started", "exchange-completed", "case-ended"]
    assert {line["worker"] for line in lines(tmp_path)} == {"gw1"}
