"""Tests of what a run selects, leaves out and repeats, and of the places of its outputs, as options and ini keys."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.contracts.loading import load_spec
from conformance.engine.plan import Plan, Selection, make_plan
from conformance.engine.run_settings import RunSettings, plan_of
from conformance.engine.selecting import meant
from conformance.evidence.recorded_run import find_run, run_of_suites
from conformance.model.errors import UsageError
from conformance.plugin.session import suites_root
from conformance.target.reading import choose_services, load_target
from tests.campaigns import told
from tests.peers import status_dashboard
from tests.test_plugin import results_of, run_pytest, target_file

SERVICE = "status-dashboard"
DASHBOARD, POST = f"{SERVICE}/7.2/dashboard", f"{SERVICE}/8/method-post"
IDS = (DASHBOARD, POST, f"{SERVICE}/8/method-put", "other/5.3.1.2/item", "other/7.2/dashboard", "other/7.20/x")


def planned(*services: str, **selection: Any) -> Plan:  # noqa: ANN401 - a selection's members
    """Return the plan of a selection against the local platform."""
    target = load_target("local")
    return make_plan(target, choose_services(target, services), Selection(**selection), named=bool(services))


def selected(plan: Plan) -> set[str]:
    """Return the cases that a plan selects."""
    return {case.id for case in plan.cases if plan.selection.takes(case)}


# -------------------------------------------------------------------------------------------------------- what is meant


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        (POST, (POST,)),
        (f"{SERVICE}/8/*", (POST, f"{SERVICE}/8/method-put")),
        (f"{SERVICE}/*", (DASHBOARD, POST, f"{SERVICE}/8/method-put")),
        ("*/7.2/*", (DASHBOARD, "other/7.2/dashboard")),
        ("*method-p?t", (f"{SERVICE}/8/method-put",)),
        (f"{SERVICE}/7.2", (DASHBOARD,)),
        (f"{SERVICE}/7.2/", (DASHBOARD,)),
        (SERVICE, (DASHBOARD, POST, f"{SERVICE}/8/method-put")),
        ("other/5.3", ("other/5.3.1.2/item",)),
        ("other/7.2", ("other/7.2/dashboard",)),
        ("8", (POST, f"{SERVICE}/8/method-put")),
        ("5.3.1.2/*", ("other/5.3.1.2/item",)),
        (f"{SERVICE}/9/*", ()),
        ("xyz", ()),
    ],
)
def test_name_stands_for_an_id_a_wildcard_or_a_section(name: str, ids: tuple[str, ...]) -> None:
    """A section stands for itself and the sections below it, and never for another number that begins alike."""
    assert meant("case", name, IDS).ids == ids


def test_bare_section_of_several_services_names_them() -> None:
    """Where the service cannot be told, each that may be meant is offered."""
    assert meant("case", "7.2", IDS).problem.endswith(f"write '{SERVICE}/7.2' or 'other/7.2'")


def test_bare_section_is_one_of_the_services_of_the_run() -> None:
    """A service that is named makes its sections unambiguous."""
    assert selected(planned(SERVICE, cases=("7.2",))) == {DASHBOARD}


def test_wildcard_of_requirements_selects_the_cases_about_them() -> None:
    """The cases about any requirement that a wildcard stands for are run, and no other."""
    chosen = selected(planned(SERVICE, requirements=("*/5.3.1.2/*",)))
    spec = load_spec(SERVICE)
    about = {name for name in spec.contract.requirements if name.startswith(f"{SERVICE}/5.3.1.2/")}
    assert chosen == {case.id for case in spec.cases.values() if about & {*case.requirements, *case.only}}
    assert chosen


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"cases": (f"{SERVICE}/7.3/*",)}, f"no case '{SERVICE}/7.3/*'; did you mean '{SERVICE}/7.2/*'?"),
        ({"cases": ("status-dashbord/7.2",)}, f"did you mean '{SERVICE}/7.2'?"),
        ({"requirements": (f"{SERVICE}/5.3.1.3/*",)}, f"did you mean '{SERVICE}/5.3.1.2/*'?"),
        ({"excluded": (f"{SERVICE}/8/method-pst",)}, f"did you mean '{POST}'?"),
        ({"cases": ("method-post",)}, f"did you mean '{POST}'?"),
        ({"excluded": ("*",)}, "no case fits the selection"),
        ({"cases": ("therapeutic-exclusion/8.1.3/*",)}, "belongs to therapeutic-exclusion: add that service"),
        ({"cases": ("therapeutic-exclusion/8.1.3",)}, "belongs to therapeutic-exclusion: add that service"),
    ],
)
def test_name_that_stands_for_nothing_is_refused_with_a_suggestion(selection: dict[str, Any], message: str) -> None:
    """A slip never runs something else, nor everything."""
    with pytest.raises(UsageError) as caught:
        planned(SERVICE, **selection)
    assert message in str(caught.value)


# ----------------------------------------------------------------------------------------------------- what is left out


def test_excluded_case_is_left_out() -> None:
    """An id leaves out that case alone."""
    spec = load_spec(SERVICE)
    assert selected(planned(SERVICE, excluded=(POST,))) == spec.cases.keys() - {POST}


def test_excluded_requirement_leaves_out_the_cases_about_it() -> None:
    """A requirement that is no case leaves out what is about it."""
    spec = load_spec(SERVICE)
    requirement = next(name for name in spec.contract.requirements if name not in spec.cases)
    left = selected(planned(SERVICE, excluded=(requirement,)))
    about = {case.id for case in spec.cases.values() if requirement in {*case.requirements, *case.only}}
    assert left == spec.cases.keys() - about


def test_what_is_not_in_the_run_may_be_excluded() -> None:
    """A list of exclusions serves runs of some services too."""
    assert selected(planned(SERVICE, excluded=("therapeutic-exclusion/8.1.3/*",))) == load_spec(SERVICE).cases.keys()


def test_service_that_is_excluded_as_a_whole_does_not_count() -> None:
    """Without named services, one without a selected case is none of the run."""
    assert SERVICE not in planned(excluded=(f"{SERVICE}/*",)).tested


# ----------------------------------------------------------------------------------------------------- what is repeated


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    """Return a target that conforms."""
    with status_dashboard.serve("plain") as address:
        yield target_file(tmp_path, address)


def run_record(parent: Path, name: str, verdicts: Mapping[str, str], **run: object) -> Path:
    """Write a run folder with these verdicts, and return it."""
    folder = parent / name
    folder.mkdir(parents=True)
    about = {"target": {"name": "t", "environment": "local"}, "services": [SERVICE], "finished": "2026-01-01T00:00:00"}
    cases = [{"id": case, "service": SERVICE, "verdict": verdict} for case, verdict in verdicts.items()]
    document = {"schema": "ehealth-conformance/results/1", "run": about | run, "cases": cases}
    (folder / "results.json").write_text(json.dumps(document, indent=1), "utf-8")
    return folder


def test_failed_cases_of_a_run_are_run_again(tmp_path: Path) -> None:
    """What failed, erred or stayed inconclusive is taken, not what passed; a service without any is left out."""
    cases = iter(load_spec(SERVICE).cases)
    verdicts = dict(zip(cases, ("fail", "pass", "error", "not_run", "inconclusive", "not_applicable"), strict=False))
    folder = run_record(tmp_path, "a", verdicts)
    plan = plan_of(RunSettings(failed=str(folder), services=(SERVICE, "incidents-interventions")))
    assert selected(plan) == {case for case, word in verdicts.items() if word in {"fail", "error", "inconclusive"}}
    assert plan.tested == (SERVICE,)


def test_case_that_is_no_more_is_not_run_again(tmp_path: Path) -> None:
    """A case of another version of the specs is passed over."""
    folder = run_record(tmp_path, "a", {DASHBOARD: "fail", f"{SERVICE}/9/gone": "fail"})
    assert selected(plan_of(RunSettings(failed=str(folder)))) == {DASHBOARD}


def test_run_without_failures_leaves_nothing_to_run(tmp_path: Path) -> None:
    """It is said, and the exit code is 0; no folder is made."""
    run_record(tmp_path / "reports", "a", {DASHBOARD: "pass"})
    done = told("run", "--failed", "latest", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (
        0,
        "no case failed, erred or stayed inconclusive in the run a: nothing is run\n",
    )
    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["a"]


def test_run_that_was_killed_is_no_run_to_repeat(tmp_path: Path) -> None:
    """Without results nobody knows what failed."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "exchanges.jsonl").touch()
    with pytest.raises(UsageError, match="nobody knows which cases failed"):
        plan_of(RunSettings(failed=str(tmp_path / "a")))


def test_pytest_repeats_what_failed(tmp_path: Path, target: Path) -> None:
    """`--failed` means to pytest what it means to `run`; without a failure nothing is run, and pytest ends with 0."""
    named = (suites_root() / "test_status_dashboard.py", "--target", target, "--examples", "1")
    run_record(tmp_path / "reports", "a", {DASHBOARD: "fail", POST: "pass"})
    done, folders = run_pytest(tmp_path, *named, "--failed", "latest")
    assert done.returncode == 0, done.stdout
    (new,) = (folder for folder in folders if folder.name != "a")
    assert results_of(new)["summary"]["pass"] == 1
    for parallel in ((), ("-n", "2")):
        again, after = run_pytest(tmp_path, *named, "--failed", "latest", *parallel)
        assert (again.returncode, len(after)) == (0, len(folders))
        assert "nothing is run" in again.stdout


def test_latest_is_the_run_that_ended_last(tmp_path: Path) -> None:
    """The time in the results decides, not the folder's name; what is no run of the kind asked for is passed over."""
    run_record(tmp_path, "z-first", {}, finished="2026-01-01T00:00:00+00:00")
    run_record(tmp_path, "a-last", {}, finished="2026-01-02T00:00:00+00:00")
    run_record(tmp_path, "replay", {}, finished="2026-01-03T00:00:00+00:00", replay={"run": "a-last"})
    (tmp_path / "killed").mkdir()
    (tmp_path / "killed" / "exchanges.jsonl").touch()
    assert find_run("latest", tmp_path, run_of_suites).id == "a-last"
    assert find_run("latest", tmp_path).id == "replay"


def test_latest_of_none_says_where_it_was_looked_for(tmp_path: Path) -> None:
    """A folder without runs has no latest one."""
    with pytest.raises(UsageError, match=f"has ended below {tmp_path}; name a run folder"):
        find_run("latest", tmp_path)


# -------------------------------------------------------------------------------------------------------------- how far


@pytest.mark.parametrize("parallel", [(), ("-n", "2")], ids=["alone", "workers"])
def test_run_stops_after_so_many_failures(tmp_path: Path, parallel: tuple[str, ...]) -> None:
    """No other case is begun, the rest is not run with the reason, and the exit code is that of the failure."""
    with status_dashboard.serve("group-name-object") as address:
        target = target_file(tmp_path, address)
        place = suites_root() / "test_status_dashboard.py"
        options = ("--target", target, "--examples", "1", "--max-failures", "1", *parallel)
        done, (folder,) = run_pytest(tmp_path, place, *options)
    document = results_of(folder)
    reasons = {case["reason"] for case in document["cases"] if case["verdict"] == "not_run"}
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert document["run"]["exit_code"] == 1
    assert 1 <= document["summary"]["fail"] <= 1 + len(parallel)
    assert "1 case failed before it, the most that --max-failures allows" in reasons


# ---------------------------------------------------------------------------------------------------- places of outputs


def test_outputs_have_the_places_that_were_asked_for(tmp_path: Path, target: Path) -> None:
    """The run folder is the one named, private, and junit.xml stands besides in a folder that is made for it."""
    fixed = ("--run-dir", "evidence", "--junitxml", "ci/out/junit.xml")
    done = told("run", "--target", target, "--case", DASHBOARD, *fixed, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "evidence").stat().st_mode & 0o777 == 0o700
    assert results_of(tmp_path / "evidence")["run"]["id"] == "evidence"
    assert (tmp_path / "ci/out/junit.xml").read_bytes() == (tmp_path / "evidence/junit.xml").read_bytes()
    assert not (tmp_path / "reports").exists()


def test_empty_folder_may_be_the_run_folder(tmp_path: Path, target: Path) -> None:
    """A folder that a CI job has made is used, and made private."""
    (tmp_path / "evidence").mkdir(mode=0o755)
    done = told("run", "--target", target, "--case", DASHBOARD, "--run-dir", "evidence", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "evidence").stat().st_mode & 0o777 == 0o700


def test_run_folder_that_holds_files_is_refused(tmp_path: Path, target: Path) -> None:
    """Nothing is ever overwritten."""
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "notes.txt").write_text("mine")
    done = told("run", "--target", target, "--run-dir", "evidence", cwd=tmp_path)
    assert done.returncode == 2
    assert "has to be new or empty" in done.stderr
    assert [path.name for path in (tmp_path / "evidence").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("option", ["--run-dir", "--junitxml"])
def test_place_that_cannot_be_written_is_told_before_the_run(tmp_path: Path, target: Path, option: str) -> None:
    """A file where a folder is needed ends with 2, without a traceback."""
    (tmp_path / "file").touch()
    done = told("run", "--target", target, option, "file/below", cwd=tmp_path)
    assert done.returncode == 2
    assert re.search("Not a directory|is a file or leads through one", done.stderr)


def test_pytest_has_the_same_places(tmp_path: Path, target: Path) -> None:
    """`--run-dir` and the ini keys hold in a session; `--junitxml` is pytest's own there."""
    keys = "ehealth_junitxml = ours.xml\nehealth_exclude =\n    status-dashboard/8/*\n    5.1.1\n"
    (tmp_path / "pytest.ini").write_text(f"[pytest]\n{keys}", "utf-8")
    options = ("-c", "pytest.ini", "--target", target, "--run-dir", "evidence", "--junitxml", "theirs.xml")
    done, _ = run_pytest(tmp_path, suites_root() / "test_status_dashboard.py", *options, "--examples", "1")
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "ours.xml").read_bytes() == (tmp_path / "evidence/junit.xml").read_bytes()
    assert 'testsuite name="pytest"' in (tmp_path / "theirs.xml").read_text("utf-8")
    assert "this project has its own" not in done.stdout
    left_out = {
        case["id"].split("/")[1]
        for case in results_of(tmp_path / "evidence")["cases"]
        if case["reason"] == "not selected"
    }
    assert left_out == {"8", "5.1.1"}
