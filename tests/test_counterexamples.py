"""Counterexamples: the smallest failure is told with commands, kept in a private folder, and tried first next time."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.evidence.store import read_exchanges
from tests.peers.server import Answer, Request, serving
from tests.peers.therapeutic_exclusion import serve
from tests.test_runner import good

CASE = "status-dashboard/8/long-query"
SEQUENCES = "therapeutic-exclusion/5.3/sequences"
KEPT = Path(".ehealth-conformance", "counterexamples")


def run(folder: Path, service: str, section: Mapping[str, Any], case: str, **environment: str) -> Mapping[str, Any]:
    """Run a case in a folder and return the newest results document."""
    target = folder / "target.json"
    target.write_text(json.dumps({"name": "t", "environment": "local", "services": {service: dict(section)}}))
    command = [sys.executable, "-m", "conformance", "run", "--target", str(target), "--case", case, "--examples", "20"]
    surroundings = {name: value for name, value in os.environ.items() if name != "CI"} | environment
    subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, timeout=300, check=False)
    newest = max((folder / "reports").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    document: dict[str, Any] = json.loads((newest / "results.json").read_text("utf-8"))
    return {**document, "folder": newest}


def entry(document: Mapping[str, Any], case: str) -> Mapping[str, Any]:
    """Return a case's entry."""
    return next(row for row in document["cases"] if row["id"] == case)


def refusing(length: int) -> Any:  # noqa: ANN401 - a handler
    """Return a service that breaks on queries of some length."""

    def handle(request: Request) -> Answer:
        return Answer(500) if len(request.query or "") >= length else good(request)

    return handle


def queries(document: Mapping[str, Any]) -> list[int]:
    """Return how long the queries of a run were, in order, the plain requests left out."""
    urls = [record["request"]["url"] for record in read_exchanges(document["folder"])]
    return [len(url.partition("?")[2]) for url in urls if "?" in url]


def test_smallest_failure_is_told_kept_and_tried_first(tmp_path: Path) -> None:
    """The next run begins with it after the bounds, and forgets it once it holds."""
    with serving(refusing(4321)) as address:
        section = {"base_url": address}
        first = run(tmp_path, "status-dashboard", section, CASE)
        second = run(tmp_path, "status-dashboard", section, CASE)
        apart = run(tmp_path, "status-dashboard", section, CASE, CI="true")
    shown = entry(first, CASE)["counterexample"]
    (number,) = shown["exchanges"]
    assert entry(first, CASE)["deciding"] == [number]
    assert len(shown["curl"]) == 1
    assert "a" * 4319 in shown["curl"][0]
    bounds = queries(second).index(4321)
    assert 4321 not in queries(apart)[: bounds + 1]
    latest = json.loads((tmp_path / KEPT / CASE.replace("/", ".") / "latest.json").read_text("utf-8"))
    assert (latest["case"], latest["run"]) == (CASE, second["run"]["id"])
    with serving(good) as address:
        mended = run(tmp_path, "status-dashboard", {"base_url": address}, CASE)
        after = run(tmp_path, "status-dashboard", {"base_url": address}, CASE)
    assert entry(mended, CASE)["verdict"] == "pass"
    assert not list((tmp_path / KEPT).rglob("latest.json"))
    assert 4321 in queries(mended)[: bounds + 1]
    assert 4321 not in queries(after)


def test_folder_is_private_and_made_only_where_there_is_something_to_keep(tmp_path: Path) -> None:
    """A run that passes leaves nothing but its run folder."""
    with serving(good) as address:
        run(tmp_path, "status-dashboard", {"base_url": address}, CASE)
    assert not (tmp_path / KEPT).exists()
    with serving(refusing(1)) as address:
        run(tmp_path, "status-dashboard", {"base_url": address}, CASE)
    for path in (KEPT.parent, KEPT, KEPT / CASE.replace("/", ".")):
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == 0o700


@pytest.mark.parametrize("variant", ["revoke-nothing-204"])
def test_shortest_sequence_is_told_in_words_and_as_commands(tmp_path: Path, variant: str) -> None:
    """A sequence is as short as it can be, and its commands name the token without telling it."""
    with serve(variant) as section:
        document = run(tmp_path, "therapeutic-exclusion", section, SEQUENCES)
        tokens = [token for token in section["tokens"].values() if isinstance(token, str)]
    shown = entry(document, SEQUENCES)["counterexample"]
    assert shown["example"] in {"revoke(0), revoke(0)", "declare(0), revoke(0), revoke(0)"}
    assert shown["exchanges"][-1] in entry(document, SEQUENCES)["deciding"]
    assert any(line.startswith("curl -i -X DELETE") and "$TOKEN_CITIZEN" in line for line in shown["curl"])
    texts = [path.read_text("utf-8") for path in (tmp_path / KEPT).rglob("latest.json")]
    assert texts
    assert not any(token in text for text in (*texts, json.dumps(shown)) for token in tokens)


def test_failure_that_was_not_searched_for_has_its_commands_too(tmp_path: Path) -> None:
    """A plain case tells all that it sent; only what was searched for is kept."""
    case = "status-dashboard/8/unknown-dashboard"
    with serving(lambda request: good(request) if request.resource == "dashboard" else Answer(500)) as address:
        document = run(tmp_path, "status-dashboard", {"base_url": address}, case)
    assert entry(document, case)["verdict"] == "fail"
    shown = entry(document, case)["counterexample"]
    assert len(shown["curl"]) == len(shown["exchanges"]) == 2
    assert not (tmp_path / KEPT).exists()
