"""Plain pytest on the suites gives what `run` gives, with pytest's own options, in parallel, and installed."""

import importlib.util
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

import conformance
from conformance.evidence.store import read_exchanges
from conformance.plugin.session import suites_root
from tests.peers import status_dashboard
from tests.peers.server import Answer, serving

INSTALLED = (Path(conformance.__file__).parent / "suites").is_dir()


def target_file(folder: Path, address: str, **more: object) -> Path:
    """Write a target file for a status dashboard at an address."""
    data = {"name": "t", "environment": "local", "services": {"status-dashboard": {"base_url": address}}} | more
    path = folder / "target.yaml"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def run_pytest(
    folder: Path, *arguments: object, **variables: str
) -> tuple[subprocess.CompletedProcess[str], list[Path]]:
    """Run pytest on the suites in a folder of its own; return what it said and the run folders it made."""
    command = [sys.executable, "-m", "pytest", *map(str, arguments)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")} | variables
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    return done, sorted((folder / "reports").glob("*")) if (folder / "reports").exists() else []


def results_of(folder: Path) -> Mapping[str, Any]:
    """Return the results document of a run folder."""
    document: Mapping[str, Any] = json.loads((folder / "results.json").read_text("utf-8"))
    return document


def verdicts(document: Mapping[str, Any]) -> dict[str, tuple[str, list[str]]]:
    """Return each case's verdict and the requirements that its findings name."""
    rows = document["cases"]
    return {row["id"]: (row["verdict"], sorted(one["requirement"] for one in row["findings"])) for row in rows}


def serve(variant: str) -> AbstractContextManager[str]:
    """Serve a variant of the Status Dashboard, or "busy": 503 for longer than any run waits."""
    if variant == "busy":
        return serving(lambda _: Answer(503, headers={"Retry-After": "3600"}))
    return status_dashboard.serve(variant)


@pytest.mark.whole_run
@pytest.mark.parametrize("variant", ["item-status-4", "busy", "group-name-missing"])
def test_pytest_and_run_give_the_same_verdicts(tmp_path: Path, variant: str) -> None:
    """Alone and with two workers the same cases end with the same verdicts and findings, all non-zero together."""
    with serve(variant) as address:
        target = target_file(tmp_path, address, limits={"timeout": 30})
        options = ("--target", str(target), "--examples", "4")
        command = [sys.executable, "-m", "conformance", "run", *options, "--out", "own"]
        by_run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        alone, _ = run_pytest(tmp_path, suites_root(), *options, "--out", "alone")
        parallel, _ = run_pytest(tmp_path, suites_root(), *options, "--out", "parallel", "-n", 2)
    own, *others = [results_of(next((tmp_path / name).iterdir())) for name in ("own", "alone", "parallel")]
    assert own["run"]["exit_code"] == by_run.returncode
    for by_pytest, document in zip((alone, parallel), others, strict=True):
        assert verdicts(document) == verdicts(own)
        assert document["run"]["exit_code"] == by_run.returncode
        assert (by_pytest.returncode == 0) is (by_run.returncode == 0)


@pytest.mark.whole_run
def test_conformant_service_ends_pytest_with_0(tmp_path: Path) -> None:
    """Against the local platform plain pytest needs no target and ends with 0."""
    done, (folder,) = run_pytest(tmp_path, suites_root(), "--kind", "positive")
    assert done.returncode == 0, done.stdout
    assert f"report: reports/{folder.name}/report.html" in done.stdout
    assert set(results_of(folder)["run"]["services"]) >= {"status-dashboard", "incidents-interventions"}


@pytest.mark.whole_run
def test_workers_share_one_run_folder(tmp_path: Path) -> None:
    """With -n all exchanges stand in one file, none lost, none twice, and the results are complete."""
    _, folders = run_pytest(tmp_path, suites_root(), "--examples", 3, "-n", 2, "--service", "status-dashboard")
    (folder,) = folders
    numbers = Counter(row["id"] for row in read_exchanges(folder))
    document = results_of(folder)
    assert max(numbers.values()) == 1
    assert set(numbers) == {number for case in document["cases"] for number in case["exchanges"]}
    assert {number.partition("-")[0] for number in numbers} == {"gw0", "gw1"}
    assert document["summary"]["not_run"] == 0


@pytest.mark.whole_run
def test_cases_of_a_service_that_remembers_never_run_side_by_side(tmp_path: Path) -> None:
    """With -n the cases of a service with state take turns: all pass, and it is left as it was found."""
    service = ("--service", "therapeutic-exclusion")
    done, (folder,) = run_pytest(tmp_path, suites_root(), *service, "--examples", 1, "-n", 2)
    assert done.returncode == 0, done.stdout
    assert all("the active exclusions are as before" in note for note in results_of(folder)["run"]["notes"])
    assert not list(folder.glob("shared-*"))


def test_workers_share_one_budget(tmp_path: Path) -> None:
    """A budget holds for all workers together; cases beyond it are not run, and say why."""
    with status_dashboard.serve("as-printed" if "as-printed" in status_dashboard.VARIANTS else "offset-z") as address:
        target = target_file(tmp_path, address, limits={"budget": 12})
        done, (folder,) = run_pytest(tmp_path, suites_root(), "--target", target, "-n", 2)
    document = results_of(folder)
    assert len(list(read_exchanges(folder))) == 12
    assert document["run"]["exit_code"] == 3
    assert any("budget of 12 requests" in case["reason"] for case in document["cases"])
    assert done.returncode != 0


def test_k_deselects_and_says_so(tmp_path: Path) -> None:
    """-k runs the matching cases only; the others are not run, "not selected", and do not count."""
    done, (folder,) = run_pytest(tmp_path, suites_root(), "-k", "dashboard/8/method-post")
    assert done.returncode == 0, done.stdout
    document = results_of(folder)
    rows = {row["id"]: row for row in document["cases"]}
    assert document["run"]["services"] == ["status-dashboard"]
    assert rows["status-dashboard/8/method-post"]["verdict"] == "pass"
    assert rows["status-dashboard/7.2/dashboard"]["reason"] == "not selected"


def test_service_option_keeps_to_a_service(tmp_path: Path) -> None:
    """--service leaves the other services out."""
    done, (folder,) = run_pytest(tmp_path, suites_root(), "-k", "method-post", "--service", "status-dashboard")
    assert done.returncode == 0
    assert results_of(folder)["run"]["services"] == ["status-dashboard"]


def test_x_stops_at_the_first_failure(tmp_path: Path) -> None:
    """-x leaves the rest not run, and what was done on disk."""
    with status_dashboard.serve("item-status-4") as address:
        done, (folder,) = run_pytest(tmp_path, suites_root(), "-x", "--target", target_file(tmp_path, address))
    summary = results_of(folder)["summary"]
    assert done.returncode == 1
    assert summary["fail"] == 1
    assert summary["not_run"] > 10


def test_junitxml_of_pytest_names_requirements(tmp_path: Path) -> None:
    """The option --junitxml of pytest itself works, with the requirement ids as properties."""
    run_pytest(tmp_path, suites_root(), "--junitxml", "own.xml", "--case", "status-dashboard/7.2/dashboard")
    properties = ET.parse(tmp_path / "own.xml").getroot().iter("property")
    assert "status-dashboard/5.2/production" in {element.get("value") for element in properties}


def test_wrong_target_is_a_usage_error(tmp_path: Path) -> None:
    """A mistake in the target ends pytest before any request, with the message and no run folder."""
    done, folders = run_pytest(tmp_path, suites_root(), "--target", "nowhere.yaml")
    assert done.returncode not in (0, 1)
    assert "neither a file nor a built-in target" in done.stdout + done.stderr
    assert folders == []


def test_collecting_alone_sends_and_writes_no_results(tmp_path: Path) -> None:
    """--collect-only lists the cases by id."""
    done, folders = run_pytest(tmp_path, suites_root(), "--collect-only", "-q")
    assert "[status-dashboard/7.2/dashboard]" in done.stdout
    assert not any((folder / "results.json").exists() for folder in folders)


def test_other_projects_are_left_alone(tmp_path: Path) -> None:
    """In a project without suites the plugin does nothing, with workers or without."""
    (tmp_path / "test_own.py").write_text("def test_own():\n    assert True\n", encoding="utf-8")
    for parallel in ((), ("-n", "1")):
        done, folders = run_pytest(tmp_path, tmp_path, *parallel)
        assert done.returncode == 0
        assert "conformance" not in done.stdout.partition("plugins:")[2].partition("\n")[2]
        assert folders == []


@pytest.mark.whole_run
@pytest.mark.skipif(not INSTALLED, reason="the package is used from the clone; tox installs the wheel")
def test_installed_suites_run_by_pyargs(tmp_path: Path) -> None:
    """`pytest --pyargs conformance.suites` finds the suites of the installed wheel."""
    assert importlib.util.find_spec("conformance.suites") is not None
    done, (folder,) = run_pytest(tmp_path, "--pyargs", "conformance.suites", "--kind", "positive", "-n", 2)
    assert done.returncode == 0, done.stdout
    assert results_of(folder)["summary"]["pass"] > 50


@pytest.mark.whole_run
@pytest.mark.parametrize("moment", ["setup", "teardown"])
def test_what_breaks_around_a_case_is_an_error_of_the_harness(tmp_path: Path, moment: str) -> None:
    """A case that could not be prepared, or tidied up after, is not one that nobody has selected."""
    hook = f"def pytest_runtest_{moment}(item):\n    if 'groups' in item.name: raise RuntimeError('broken')\n"
    (tmp_path / "breaking.py").write_text(hook, "utf-8")
    with serve("plain") as address:
        target = target_file(tmp_path, address)
        options = ("--target", str(target), "--examples", "1", "-p", "breaking")
        done, (folder,) = run_pytest(tmp_path, suites_root(), *options, PYTHONPATH=str(tmp_path))
    assert "broken" in done.stdout
    assert results_of(folder)["run"]["exit_code"] == 4
    assert done.returncode != 0


@pytest.mark.whole_run
def test_allure_tells_what_went_wrong_with_a_fixture(tmp_path: Path) -> None:
    """Allure's files about fixtures are written where there is something to tell, and nowhere else."""
    fixture = (
        "@pytest.fixture(autouse=True)\ndef broken(request):\n    if 'groups' in request.node.name: raise OSError(7)\n"
    )
    (tmp_path / "breaking.py").write_text(f"import pytest\n{fixture}", "utf-8")
    with serve("plain") as address:
        target = target_file(tmp_path, address)
        options = ("--target", str(target), "--examples", "1", "-p", "breaking")
        _, (folder,) = run_pytest(tmp_path, suites_root(), *options, PYTHONPATH=str(tmp_path))
    told = [json.loads(path.read_text("utf-8")) for path in (folder / "allure-results").glob("*-container.json")]
    assert told
    assert all([one["name"] for one in container["befores"]] == ["broken"] for container in told)
    cases = results_of(folder)["cases"]
    assert 0 < len(told) == sum("groups" in case["id"] for case in cases) < len(cases)
