"""Tests of run folders from anywhere: whatever stands in them, reading one ends at once with one line."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.evidence import store
from conformance.evidence.recorded_run import find_run
from conformance.evidence.results_document import SCHEMA
from conformance.evidence.store import FILE
from conformance.model.errors import UsageError

RECORD: dict[str, Any] = {
    "id": "000001",
    "case": "a/b",
    "purpose": "probe",
    "started": "2026-01-01T00:00:00+00:00",
    "elapsed_s": 0.1,
    "request": {"method": "GET", "url": "http://127.0.0.1/x", "headers": [["Accept", "a"]], "body": {"text": ""}},
    "failure": {"kind": "closed", "message": "closed", "received": {"text": ""}},
}
RUN: dict[str, Any] = {
    "target": {"name": "mine", "environment": "local"},
    "seed": 1,
    "examples": 5,
    "addresses": {"a": "http://127.0.0.1"},
    "specs": {"a": "1.0"},
}


def _folder(folder: Path, *, lines: str | None = None, **run: object) -> Path:
    document = {"schema": SCHEMA, "run": RUN | run, "cases": [{"id": "a/b", "verdict": "pass"}]}
    (folder / "results.json").write_text(json.dumps(document), encoding="utf-8")
    (folder / FILE).write_text(json.dumps(RECORD) + "\n" if lines is None else lines, encoding="utf-8")
    return folder


def _refusal(folder: Path) -> str:
    began = time.process_time()
    with pytest.raises(UsageError) as caught:
        find_run(str(folder), folder).exchange("1")
    assert time.process_time() - began < 10
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_run_folder_as_runs_write_it_is_read(tmp_path: Path) -> None:
    """What the others are changed from is read."""
    assert find_run(str(_folder(tmp_path)), tmp_path).exchange("1").id == "000001"


@pytest.mark.parametrize(
    "run",
    [
        {"seed": "x"},
        {"seed": -5},
        {"examples": 10**12},
        {"examples": [1]},
        {"examples": True},
        {"addresses": []},
        {"addresses": {"a": 5}},
        {"specs": ["x"]},
        {"target": []},
        {"target": {"name": "x", "file": 5}},
        {"target": {"name": "x", "file": "a\0b"}},
    ],
    ids=str,
)
def test_results_with_other_values_than_runs_write_are_told(tmp_path: Path, run: dict[str, Any]) -> None:
    """A seed that is a word, a million million examples or an address that is a number are no results of a run."""
    assert "results.json: not the results of a run: " in _refusal(_folder(tmp_path, **run))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "", "\x00"], ids=["lists", "objects", "empty", "0"])
def test_results_that_are_no_json_are_told(tmp_path: Path, text: str) -> None:
    """Nested without end or empty, a results.json is told in a line."""
    (_folder(tmp_path) / "results.json").write_text(text, encoding="utf-8")
    assert "results.json: not the results of a run: " in _refusal(tmp_path)


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "url": lambda record: record["request"].update(url="http://[::1/x"),
    "header value": lambda record: record["request"].update(headers=[["X", 5]]),
    "header name": lambda record: record["request"].update(headers=[[5, "X"]]),
    "header alone": lambda record: record["request"].update(headers=[["X"]]),
    "half a character": lambda record: record["request"].update(body={"text": "\ud800"}),
    "base64": lambda record: record["request"].update(body={"base64": "!!!"}),
    "id": lambda record: record.update(case=["x"]),
    "time": lambda record: record.update(started="yesterday"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_exchange_with_other_values_than_runs_write_is_told(
    tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    """A record that was changed, wherever, is no exchange."""
    record = json.loads(json.dumps(RECORD))
    change(record)
    assert "no exchange" in _refusal(_folder(tmp_path, lines=json.dumps(record) + "\n"))


def test_line_without_end_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is longer than any exchange is left out, before it fills the memory, and that is told."""
    monkeypatch.setattr(store, "LONGEST_LINE", 10_000)
    folder = _folder(tmp_path, lines=json.dumps(RECORD | {"x": "y" * 20_000}) + "\n")
    assert "1 line of exchanges.jsonl is broken and left out: 1" in _refusal(folder)


def test_line_nested_without_end_is_told(tmp_path: Path) -> None:
    """A line of brackets is told in a line."""
    folder = _folder(tmp_path, lines="[" * 100_000 + "\n")
    assert "1 line of exchanges.jsonl is broken and left out: 1" in _refusal(folder)


@pytest.mark.parametrize("name", ["results.json", FILE])
def test_pipe_in_a_run_folder_is_not_waited_for(tmp_path: Path, name: str) -> None:
    """What has the name of a run's file, and is none, is called what it is."""
    (_folder(tmp_path) / name).unlink()
    os.mkfifo(tmp_path / name)
    assert f"{name} is not a file but a pipe; save" in _refusal(tmp_path)


def test_exchange_is_looked_for_among_many_without_keeping_them(tmp_path: Path) -> None:
    """What there is among thousands of exchanges is told by the first one and the last one."""
    lines = "".join(json.dumps(RECORD | {"id": f"{number:06d}"}) + "\n" for number in range(10, 10_010))
    assert "its exchanges are 000010 to 010009" in _refusal(_folder(tmp_path, lines=lines))
