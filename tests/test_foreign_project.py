"""A project that has nothing to do with the suites is untouched by the plugin, alone and beside the suites."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.plugin.session import suites_root
from tests.peers import status_dashboard
from tests.test_plugin import results_of, run_pytest, target_file

CONFTEST = """
import pytest

def pytest_addoption(parser):
    parser.addoption("--target", default="nowhere")
    parser.addoption("--seed", type=int)
    parser.addoption("--case", action="append", default=[])

@pytest.fixture
def target(request):
    return request.config.getoption("--target")
"""
TESTS = """
import pytest

def test_target(target, request):
    assert (target, request.config.getoption("seed")) == ("here", 3)

@pytest.mark.service("of their own")
@pytest.mark.parametrize("case", ["good", "bad"])
def test_case(case, request):
    assert case in request.config.getoption("--case")
"""
OWN_OPTIONS = ("--target", "here", "--seed", "3", "--case", "good")
ONE_CASE = ("-k", "dashboard/7.2/dashboard or test_own")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with a project that has options, fixtures and markers of its own, and a failing test."""
    (tmp_path / "conftest.py").write_text(CONFTEST, "utf-8")
    (tmp_path / "test_theirs.py").write_text(TESTS, "utf-8")
    return tmp_path


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    """Return a target file of a status dashboard that is being served."""
    with status_dashboard.serve("plain") as address:
        yield target_file(tmp_path, address)


def shown(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a session printed, without times, addresses in memory, and our name in pytest's list of plugins."""
    text = re.sub(r"ehealth-conformance-[\w.]+(, )?", "", done.stdout + done.stderr)
    return re.sub(r"in \d+\.\d+s( \([\d:]+\))?|0x[0-9a-f]+", "", text)


def test_session_is_the_same_with_and_without_the_plugin(project: Path) -> None:
    """Exit code and output are the same to the letter, but for times."""
    alone, _ = run_pytest(project, *OWN_OPTIONS, "-p", "no:conformance", "-p", "no:cacheprovider")
    beside, folders = run_pytest(project, *OWN_OPTIONS, "-p", "no:cacheprovider")
    assert "1 failed, 2 passed" in alone.stdout
    assert beside.returncode == alone.returncode == 1
    assert shown(beside) == shown(alone)
    assert folders == []


def test_importing_the_plugin_loads_nothing_that_takes_long() -> None:
    """Neither Hypothesis, lxml, zeep, the engine nor a contract is loaded before a suite is named."""
    heavy = "('hypothesis', 'lxml', 'zeep', 'jsonschema', 'yaml', 'cryptography', 'conformance.engine.campaign',"
    heavy += " 'conformance.contracts', 'conformance.target.reading', 'conformance.plugin.suites')"
    code = f"import sys, conformance.plugin; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_options_do_not_exist_where_no_suite_is_named(tmp_path: Path) -> None:
    """Without suites pytest does not know the options."""
    done, _ = run_pytest(tmp_path, "--examples", "3")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "unrecognized arguments: --examples" in done.stderr


@pytest.mark.parametrize("fixture", ["verify", "campaign"])
def test_fixture_without_target_says_what_it_needs_in_one_line(tmp_path: Path, fixture: str) -> None:
    """A fixture used without a suite names the ini key, the variable and the argument that it needs."""
    (tmp_path / "test_own.py").write_text(f"def test_own({fixture}): pass\n", "utf-8")
    done, folders = run_pytest(tmp_path, "-q")
    _, _, told = done.stdout.partition("ERROR at setup of test_own")
    lines = told.splitlines()[1:]
    assert lines[0].startswith(f"the fixture {fixture!r} needs a target: set the ini key ehealth_target or ")
    assert lines[1].startswith("=")
    assert folders == []


def test_fixture_with_a_wrong_target_shows_the_mistake_alone(tmp_path: Path) -> None:
    """A fixture whose target cannot be read ends the test with a line for each mistake, without a traceback."""
    (tmp_path / "test_own.py").write_text("def test_own(campaign): pass\n", "utf-8")
    done, _ = run_pytest(tmp_path, "-q", EHEALTH_TARGET="nowhere.yaml")
    _, _, told = done.stdout.partition("ERROR at setup of test_own")
    assert told.splitlines()[1].startswith("nowhere.yaml: neither a file nor a built-in target")
    assert told.splitlines()[2].startswith("=")


def test_failing_foreign_test_is_no_error_of_the_run(tmp_path: Path, target: Path) -> None:
    """Beside the suites a foreign test that fails makes pytest fail, and the run's exit code speaks of the suites."""
    (tmp_path / "test_own.py").write_text("def test_own(): assert False\n", "utf-8")
    done, (folder,) = run_pytest(tmp_path, "test_own.py", suites_root(), "--target", target, *ONE_CASE)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, 1 passed" in done.stdout
    assert results_of(folder)["run"]["exit_code"] == 0
    assert "exit code" not in done.stdout


def test_foreign_module_that_cannot_be_collected_is_no_error_of_the_run(tmp_path: Path, target: Path) -> None:
    """Beside the suites a foreign module that cannot be imported makes pytest fail, and the cases run nevertheless."""
    (tmp_path / "test_own.py").write_text("import nowhere_to_be_found\n", "utf-8")
    options = ("--target", target, *ONE_CASE, "--continue-on-collection-errors")
    done, (folder,) = run_pytest(tmp_path, "test_own.py", suites_root(), *options)
    assert done.returncode != 0
    assert "1 passed" in done.stdout
    assert results_of(folder)["run"]["exit_code"] == 0


def test_project_keeps_its_options_beside_the_suites(project: Path, target: Path) -> None:
    """Where the project has `--target` itself, it keeps it; the run takes its target from the variable, and says so."""
    arguments = ("test_theirs.py", suites_root(), *OWN_OPTIONS, "-k", "test_target or 7.2/dashboard")
    done, (folder,) = run_pytest(project, *arguments, EHEALTH_TARGET=str(target))
    assert done.returncode == 0, done.stdout
    told = "this project has its own --target, --seed, --case; set the ini keys instead (docs/pytest.md)"
    assert f"conformance: {told}\n" in done.stdout
    assert f"\n{told}\n" in done.stdout  # at the end again, since -q leaves out the header
    assert results_of(folder)["run"]["target"]["name"] == "t"
