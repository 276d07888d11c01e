"""What pytest selects decides the exit code, and the reason of one that is not 0 is printed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.plugin.outcome import exit_reason
from conformance.plugin.session import suites_root
from tests.peers import status_dashboard
from tests.test_plugin import results_of, run_pytest, target_file

SERVICE = "status-dashboard"
DASHBOARD, POST = f"{SERVICE}/7.2/dashboard", f"{SERVICE}/8/method-post"
SUITE = "test_status_dashboard.py"


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    """Return a target of two services, of which one only answers."""
    with status_dashboard.serve("plain") as address:
        services = {SERVICE: {"base_url": address}, "incidents-interventions": {"base_url": "http://127.0.0.1:9/"}}
        yield target_file(tmp_path, address, services=services)


def verdict_of(document: dict[str, Any], case: str) -> str:
    """Return a case's verdict."""
    return next(str(row["verdict"]) for row in document["cases"] if row["id"] == case)


@pytest.mark.parametrize(
    "arguments",
    [
        (suites_root() / SUITE, "--examples", "1"),
        (f"{suites_root() / SUITE}::test_case[{DASHBOARD}]",),
        (suites_root(), "-k", DASHBOARD),
        (suites_root(), "-k", DASHBOARD, "-m", "service"),
        (suites_root(), "-k", DASHBOARD, "-n", "2"),
    ],
    ids=["path", "node id", "-k", "-m", "workers"],
)
def test_service_that_pytest_does_not_select_does_not_count(
    tmp_path: Path, target: Path, arguments: tuple[object, ...]
) -> None:
    """A run of some cases of one service ends with 0 where they pass, whatever else the target has."""
    done, (folder,) = run_pytest(tmp_path, *arguments, "--target", target)
    document = results_of(folder)
    assert done.returncode == 0, done.stdout
    assert (document["run"]["exit_code"], document["run"]["services"]) == (0, [SERVICE])
    assert "exit code" not in done.stdout


def test_deselected_case_does_not_count(tmp_path: Path) -> None:
    """--deselect leaves out a case that would fail, and it is "not selected"."""
    with status_dashboard.serve("plain") as address:
        target = target_file(tmp_path, address)
        place = suites_root() / SUITE
        node = f"{SUITE}::test_case[{POST}]"
        options = ("-k", f"{DASHBOARD} or {POST}", "--deselect", node)
        done, (folder,) = run_pytest(tmp_path, place, "--target", target, *options)
    rows = {row["id"]: row for row in results_of(folder)["cases"]}
    assert done.returncode == 0, done.stdout
    assert (rows[POST]["verdict"], rows[POST]["reason"]) == ("not_run", "not selected")
    assert rows[DASHBOARD]["verdict"] == "pass"


def test_named_service_without_a_selected_case_is_not_decided(tmp_path: Path, target: Path) -> None:
    """A service that --service names has to pass a case; pytest ends non-zero, and says why."""
    named = ("--service", SERVICE, "--service", "incidents-interventions")
    done, (folder,) = run_pytest(tmp_path, suites_root(), "--target", target, *named, "-k", DASHBOARD)
    assert results_of(folder)["run"]["exit_code"] == 3
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "exit code 3, not decided: no case of incidents-interventions passed" in done.stdout


def test_selection_of_nothing_says_so(tmp_path: Path) -> None:
    """Where no case is selected nothing is run, no folder is made, and a line says so."""
    done, folders = run_pytest(tmp_path, suites_root(), "-k", "nothing")
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "no case of the suites was selected, so that none was run" in done.stdout
    assert folders == []


@pytest.mark.parametrize("parallel", [(), ("-n", "2")], ids=["alone", "workers"])
def test_wrong_target_file_is_one_line_a_mistake(tmp_path: Path, parallel: tuple[str, ...]) -> None:
    """Every mistake stands in a line with file and line number; there is no traceback and no run folder."""
    text = "name: t\nenvironment: local\nidentity: {form: x}\nservices:\n  status-dashbord: {}\n"
    (tmp_path / "t.yaml").write_text(text, "utf-8")
    done, folders = run_pytest(tmp_path, suites_root(), "--target", "t.yaml", *parallel)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert [line.partition(": ")[2].partition(" ")[0] for line in lines] == ["t.yaml:3:", "t.yaml:5:"]
    assert folders == []


def test_suites_named_in_addopts_bring_the_options(tmp_path: Path) -> None:
    """Arguments of PYTEST_ADDOPTS and of the ini file name the suites as those of the command line do."""
    (tmp_path / "pytest.ini").write_text(f"[pytest]\naddopts = {suites_root() / SUITE}\n", "utf-8")
    options = ("-c", "pytest.ini", "--collect-only", "-q", "--kind", "stateful")
    by_ini, _ = run_pytest(tmp_path, *options)
    by_variable, _ = run_pytest(tmp_path, *options[2:], PYTEST_ADDOPTS=str(suites_root() / SUITE))
    assert "[status-dashboard/" in by_ini.stdout, by_ini.stdout + by_ini.stderr
    assert "[status-dashboard/" in by_variable.stdout, by_variable.stdout + by_variable.stderr


OWN_SUITE = """
import pytest
from conformance.plugin import Verify

pytestmark = pytest.mark.service("status-dashboard")

def test_case(case, verify: Verify):
    verify(case)
"""


def test_suite_of_ones_own_takes_its_settings_from_the_ini_file(tmp_path: Path, target: Path) -> None:
    """A suite outside the suites' folder needs no option: target, selection and folder stand in the ini file."""
    (tmp_path / "test_mine.py").write_text(OWN_SUITE, "utf-8")
    keys = f"ehealth_target = {target.name}\nehealth_out = evidence\nehealth_case = {DASHBOARD}\n"
    markers = "markers = service: the service that a suite tests\n"
    (tmp_path / "pytest.ini").write_text(f"[pytest]\n{keys}{markers}", "utf-8")
    done, _ = run_pytest(tmp_path, "test_mine.py")
    (folder,) = (tmp_path / "evidence").iterdir()
    assert done.returncode == 0, done.stdout
    assert results_of(folder)["summary"]["pass"] == 1


def test_options_can_be_asked_for(tmp_path: Path, target: Path) -> None:
    """`-p conformance.options` gives a suite of one's own the options, with workers too."""
    (tmp_path / "test_mine.py").write_text(OWN_SUITE, "utf-8")
    asked = ("-p", "conformance.options", "--target", target, "--case", DASHBOARD)
    done, (folder,) = run_pytest(tmp_path, *asked, "test_mine.py", "-n", "2")
    assert done.returncode == 0, done.stdout
    assert results_of(folder)["summary"]["pass"] == 1


def test_options_may_be_asked_for_where_the_suites_are_named(tmp_path: Path) -> None:
    """Asking for the options twice is asking once."""
    asked = ("-p", "conformance.options", suites_root() / SUITE, "--case", DASHBOARD, "--collect-only", "-q")
    done, _ = run_pytest(tmp_path, *asked)
    assert done.returncode == 0, done.stderr
    assert "this project has its own" not in done.stdout


def test_asked_for_options_do_not_run_anything_by_themselves(tmp_path: Path) -> None:
    """A session that has the options and no case leaves no run folder, with workers too."""
    (tmp_path / "test_own.py").write_text("def test_own(): pass\n", "utf-8")
    for parallel in ((), ("-n", "1")):
        done, folders = run_pytest(tmp_path, "-p", "conformance.options", "test_own.py", *parallel)
        assert done.returncode == 0, done.stdout
        assert folders == []


def case(verdict: str, reason: str = "", **marks: str) -> dict[str, str]:
    """Return a case's entry in results.json, as far as it concerns the exit code."""
    return {"id": f"s/{verdict}", "service": "s", "verdict": verdict, "reason": reason} | marks


@pytest.mark.parametrize(
    ("code", "cases", "reason"),
    [
        (0, [case("pass")], ""),
        (1, [case("fail"), case("pass")], "exit code 1, not conformant: 1 case failed (s/fail)"),
        (1, [case("fail", known="x"), case("pass", stale="x")], "exit code 1, not conformant: 1 case failed (s/pass)"),
        (3, [case("pass"), case("inconclusive")], "exit code 3, not decided: 1 case inconclusive (s/inconclusive)"),
        (3, [case("pass"), case("not_run", "budget")], "exit code 3, not decided: 1 case not run (s/not_run)"),
        (3, [case("not_run", "not selected")], "exit code 3, not decided: no case of s passed"),
        (
            4,
            [case("error")] * 4,
            "exit code 4, the harness itself erred: 4 cases erred (s/error, s/error, s/error, ...)",
        ),
        (4, [case("pass")], "exit code 4, the harness itself erred: what broke stands above"),
        (130, [], "exit code 130, interrupted: what was done is on disk"),
    ],
)
def test_reason_of_an_exit_code(code: int, cases: list[dict[str, str]], reason: str) -> None:
    """Each exit code but 0 is explained in one line, by the cases that it comes from."""
    document = {"run": {"exit_code": code, "services": ["s"]}, "cases": cases}
    assert exit_reason(document) == reason


PLAIN_SUITE = """
import pytest

pytestmark = pytest.mark.service("status-dashboard")

def test_case(case, verify):
    verify(case)
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a folder as a clone's, with one suite."""
    (tmp_path / "clone" / "conformance" / "plugin").mkdir(parents=True)
    (tmp_path / "clone" / "conformance" / "plugin" / "recognition.py").touch()
    (tmp_path / "clone" / "suites").mkdir()
    (tmp_path / "clone" / "suites" / SUITE).write_text(PLAIN_SUITE, "utf-8")
    return tmp_path / "clone"


def test_suites_run_where_they_are_collected_though_not_named(tmp_path: Path, target: Path, clone: Path) -> None:
    """`pytest .` above the suites runs them with the settings of the environment, and knows their marker."""
    options = ("--strict-markers", "-k", DASHBOARD)
    done, (folder,) = run_pytest(tmp_path, clone, *options, EHEALTH_TARGET=str(target))
    assert done.returncode == 0, done.stdout
    assert results_of(folder)["summary"]["pass"] == 1


def test_workers_say_what_they_need_where_the_suites_are_not_named(tmp_path: Path, clone: Path) -> None:
    """With -n the main process collects nothing: it must be told of the suites, and a line says how."""
    done, folders = run_pytest(tmp_path, clone, "-n", "2")
    assert done.returncode != 0
    assert "with -n, name the suites on the command line" in done.stdout
    assert "INTERNALERROR" not in done.stdout
    assert folders == []


def test_suite_that_cannot_be_collected_is_an_error_of_the_harness(tmp_path: Path, target: Path, clone: Path) -> None:
    """What a broken suite would have tested is not left out in silence."""
    (clone / "suites" / "test_broken.py").write_text("import nowhere_to_be_found\n", "utf-8")
    options = ("--target", target, "-k", DASHBOARD, "--continue-on-collection-errors")
    done, (folder,) = run_pytest(tmp_path, clone / "suites", *options)
    assert done.returncode != 0
    assert results_of(folder)["run"]["exit_code"] == 4
    assert "exit code 4, the harness itself erred" in done.stdout


def test_wrong_target_of_the_environment_is_told_where_the_suites_are_not_named(tmp_path: Path, clone: Path) -> None:
    """A mistake that shows while suites are being collected is a line, too, without a traceback."""
    done, folders = run_pytest(tmp_path, clone, EHEALTH_TARGET="nowhere.yaml")
    assert done.returncode != 0
    assert "nowhere.yaml: neither a file nor a built-in target" in done.stdout
    assert "Traceback" not in done.stdout
    assert "conformance/plugin" not in done.stdout
    assert folders == []
