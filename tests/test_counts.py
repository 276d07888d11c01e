"""Counts agree: terminal, results, report, events and the lines on disk tell one number of exchanges."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from conformance.evidence.store import FILE, read_exchanges
from tests.campaigns import told

ROOT = Path(__file__).parents[1]
SUITES = ROOT / "suites"
TEX = "therapeutic-exclusion"
COUNTED_AS = {"probe": "probing", "twin": "controlling", "guard": "guarding", "restore": "restoring"}
RUN = ["-m", "conformance", "run", "--out", "out"]
PYTEST = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(SUITES / "pytest.ini"), "--out", "out"]


def agreed(folder: Path, output: str = "") -> dict[str, Any]:
    """Return the results document of a run folder all of whose parts tell the same numbers."""
    document: dict[str, Any] = json.loads((folder / "results.json").read_text("utf-8"))
    records = list(read_exchanges(folder))
    purposes = Counter(record["purpose"] for record in records)
    summary = document["summary"]
    assert summary["exchanges"] == len(records) == len({record["id"] for record in records})
    assert {word: summary[f"exchanges_{word}"] for word in COUNTED_AS.values()} == {
        word: purposes[purpose] for purpose, word in COUNTED_AS.items()
    }
    known = {record["id"] for record in records}
    by_case = Counter(record["case"] for record in records)
    for case in document["cases"]:
        assert set(case["exchanges"]) <= known
        assert len(case["exchanges"]) <= by_case[case["id"]]
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text("utf-8").splitlines()]
    completed = [event["exchange"] for event in events if event["event"] == "exchange-completed"]
    assert set(completed) <= known
    assert len(completed) >= len(records) - 1  # the last one's, where its event found the disk full
    if (folder / "report.html").exists():
        page = (folder / "report.html").read_text("utf-8")
        told_by_page = re.search(r"<dt>Exchanges</dt><dd>(\d+) exchanges?", page)
        assert told_by_page is not None
        assert int(told_by_page[1]) == len(records)
        assert page.count('id="exchange=') == len(records)
    for number in re.findall(r"^(\d+) exchanges?\b", output, re.MULTILINE):
        assert int(number) == len(records)
    return document


def run_folder(folder: Path) -> Path:
    """Return the only run folder below `out`."""
    [found] = (folder / "out").iterdir()
    return found


def begun(folder: Path, arguments: list[str], *, limit: int = 0) -> subprocess.Popen[str]:
    """Start a run as a user does, in a process group of its own."""

    def limited() -> None:
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=limited,  # noqa: PLW1509 - the child runs a program at once
    )


def wait_for_exchanges(folder: Path, number: int) -> None:
    """Wait until so many exchanges are on disk."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for path in (folder / "out").glob(f"*/{FILE}"):
            if path.read_bytes().count(b"\n") >= number:
                return
        time.sleep(0.02)
    raise AssertionError("the run sends nothing")


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "status-dashboard", "--out", "out", "--examples", "2"],
        ["run", "--case", f"{TEX}/7.2/declare-practitioner", "--out", "out"],
        ["run", "dossier-number-generation", "--kind", "positive", "--out", "out"],
        ["send", "status-dashboard", "getDashboard", "--out", "out"],
    ],
    ids=["rest", "restoring", "soap", "send"],
)
def test_counts_of_a_run_agree(tmp_path: Path, arguments: list[str]) -> None:
    """Whatever is run, what restores and what controls is counted, and named as what it is."""
    done = told(*arguments, cwd=tmp_path)
    document = agreed(run_folder(tmp_path), done.stdout)
    assert document["run"]["exit_code"] == done.returncode == 0
    if TEX in document["run"]["services"]:
        assert re.search(r"exchanges \(.*\d+ for restoring the service\)", done.stdout)


def test_undecided_answer_ends_as_its_results_say(tmp_path: Path) -> None:
    """`send` ends with the exit code that stands in its run folder."""
    target = tmp_path / "t.yaml"
    services = {"status-dashboard": {"base_url": "http://127.0.0.1:9/api/v1"}}
    target.write_text(json.dumps({"name": "t", "environment": "local", "services": services}))
    done = told("send", "status-dashboard", "getDashboard", "--target", target, "--out", "out", cwd=tmp_path)
    assert (done.returncode, agreed(run_folder(tmp_path))["run"]["exit_code"]) == (3, 3)


@pytest.mark.whole_run
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    "arguments", [[*RUN, TEX], [*PYTEST, str(SUITES / "test_therapeutic_exclusion.py")]], ids=["run", "pytest"]
)
def test_counts_of_an_interrupted_run_agree(tmp_path: Path, number: signal.Signals, arguments: list[str]) -> None:
    """What was exchanged before a signal, and what restored the service after it, is counted everywhere."""
    running = begun(tmp_path, arguments)
    wait_for_exchanges(tmp_path, 60)
    running.send_signal(number)
    output, _ = running.communicate(timeout=300)
    document = agreed(run_folder(tmp_path), output)
    assert document["run"]["exit_code"] == 130
    assert document["summary"]["exchanges_restoring"] > 0
    assert "the active exclusions are as before" in document["run"]["notes"][0]


@pytest.mark.whole_run
@pytest.mark.parametrize("interrupt", [None, signal.SIGINT, signal.SIGHUP], ids=["whole", "ctrl-c", "hang-up"])
def test_counts_of_several_workers_agree(tmp_path: Path, interrupt: signal.Signals | None) -> None:
    """With pytest-xdist the workers' exchanges are counted together, after a signal to all of them too."""
    running = begun(tmp_path, [*PYTEST, "-n", "2", str(SUITES / "test_status_dashboard.py")])
    if interrupt is not None:
        wait_for_exchanges(tmp_path, 5)
        os.killpg(running.pid, interrupt)
    output, _ = running.communicate(timeout=300)
    document = agreed(run_folder(tmp_path), output)
    assert document["run"]["exit_code"] == (0 if interrupt is None else 130)


@pytest.mark.parametrize("limit", [400_000, 500_000])
def test_counts_on_a_full_disk_agree(tmp_path: Path, limit: int) -> None:
    """What could be kept is what is counted."""
    running = begun(tmp_path, [*RUN, "therapeutic-exclusion", "--case", f"{TEX}/5.3/sequences"], limit=limit)
    output, _ = running.communicate(timeout=300)
    document = agreed(run_folder(tmp_path), output)
    assert document["run"]["exit_code"] == 4
