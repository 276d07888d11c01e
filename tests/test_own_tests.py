"""Tests of other projects' tests with the fixture `ehealth`, by plain pytest, and of what the documentation prints."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from conformance.evidence.store import read_exchanges
from tests.campaigns import told
from tests.peers.server import Answer, Request, serving

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = (ROOT / "docs" / "own-tests.md").read_text("utf-8")
SCHEMA = json.loads((ROOT / "reports" / "results.schema.json").read_text("utf-8"))
PRINTED = dict(re.findall(r"<!-- ([\w.]+) -->\n```\w+\n(.*?)```", DOCUMENT, re.DOTALL))
"""The files that the documentation prints, by name."""
INI = "[pytest]\nehealth_target = target.yaml\n"
BROKEN = Answer(body=b'{"groups": 1}', headers={"Content-Type": "application/json"})


def run_pytest(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder of its own, as another project would."""
    foreign = ("PYTEST_", "EHEALTH_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment | variables, capture_output=True, text=True, timeout=300, check=False
    )


def project(folder: Path, test: str, ini: str = INI, address: str = "http://127.0.0.1:9/api/v1") -> None:
    """Write a project with one module of tests, and a target with a dashboard at an address."""
    services = {"status-dashboard": {"base_url": address}}
    data = {"name": "own", "environment": "local", "limits": {"timeout": 30}, "services": services}
    (folder / "target.yaml").write_text(json.dumps(data), encoding="utf-8")
    (folder / "pytest.ini").write_text(ini, encoding="utf-8")
    (folder / "test_mine.py").write_text(test, encoding="utf-8")


def results(folder: Path) -> Mapping[str, Any]:
    """Return the results document of the only run folder, which is valid by its schema."""
    [run] = (folder / "reports").iterdir()
    document: Mapping[str, Any] = json.loads((run / "results.json").read_text("utf-8"))
    jsonschema.validate(document, SCHEMA)
    return document


def verdicts(folder: Path) -> dict[str, str]:
    """Return the verdict of each case."""
    return {case["id"]: case["verdict"] for case in results(folder)["cases"]}


# -------------------------------------------------------------------------------------------------- the documentation


@pytest.mark.parametrize("name", [name for name in PRINTED if name.startswith("test_")])
def test_printed_test_runs_as_it_is(tmp_path: Path, name: str) -> None:
    """Each test that the documentation prints passes with the printed ini file, and is a case that passed."""
    for file in (name, "pytest.ini"):
        (tmp_path / file).write_text(PRINTED[file], encoding="utf-8")
    done = run_pytest(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    [(case, verdict)] = verdicts(tmp_path).items()
    assert re.fullmatch(rf"own/{re.escape(name)}::test_\w+", case)
    assert verdict == "pass"


def test_document_prints_what_is_tested_here() -> None:
    """The documentation has a vendor's own flow, a SOAP message, asyncio, an ini file and a script."""
    assert set(PRINTED) == {"pytest.ini", "test_exclusions.py", "test_dossiers.py", "test_async.py", "script.py"}


def test_printed_script_runs_as_it_is(tmp_path: Path) -> None:
    """The script without pytest prints what came, and leaves a run folder with its results."""
    (tmp_path / "script.py").write_text(PRINTED["script.py"], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, folder = done.stdout.splitlines()
    assert first == "200 False"
    assert (tmp_path / folder / "results.json").exists()
    assert verdicts(tmp_path) == {"own/look": "pass"}


@pytest.mark.parametrize(
    "line",
    [line for line in re.sub(r" \\\n +", " ", DOCUMENT).splitlines() if line.startswith("ehealth-conformance send")],
)
def test_printed_send_runs_as_it_is(tmp_path: Path, line: str) -> None:
    """Each printed `send` is sent to the local platform, whose answer the contract documents."""
    declaration = ROOT / "specs" / "therapeutic-exclusion" / "1.2" / "examples" / "exclusion-request-pharmacy.json"
    (tmp_path / "exclusion.json").write_bytes(declaration.read_bytes())
    done = told(*line.replace("'", "").split()[1:], cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_links_of_the_document_lead_somewhere() -> None:
    """Links lead to files of the repository or to pages elsewhere."""
    for name in re.findall(r"\]\((?!http)([^)#]+)\)", DOCUMENT):
        assert (ROOT / "docs" / name).exists(), name


# --------------------------------------------------------------------------------------------------------- the fixture


def test_failing_assert_leaves_the_judged_verdict(tmp_path: Path) -> None:
    """A test that fails by its own assert fails for pytest; its case stays as it was judged."""
    test = "def test_mine(ehealth):\n    assert ehealth('status-dashboard').get('/dashboard').status_code == 201\n"
    project(tmp_path, test, "[pytest]\nehealth_target = local\n")
    done = run_pytest(tmp_path)
    assert done.returncode == 1
    assert "1 failed" in done.stdout
    assert verdicts(tmp_path) == {"own/test_mine.py::test_mine": "pass"}


def test_broken_contract_is_judged_though_the_test_passes(tmp_path: Path) -> None:
    """An answer that breaks the contract makes the case fail; the test, which does not look, passes."""
    test = "def test_mine(ehealth):\n    assert ehealth('status-dashboard').get('/dashboard').status_code == 200\n"
    with serving(lambda _: BROKEN) as address:
        project(tmp_path, test, address=address)
        done = run_pytest(tmp_path)
    assert "1 passed" in done.stdout
    assert verdicts(tmp_path) == {"own/test_mine.py::test_mine": "fail"}


def test_verify_makes_it_the_failure_of_the_test(tmp_path: Path) -> None:
    """With `verify` the same answer fails the test, which shows requirement, expectation and what came."""
    test = "def test_mine(ehealth):\n    ehealth('status-dashboard', verify=True).get('/dashboard')\n"
    with serving(lambda _: BROKEN) as address:
        project(tmp_path, test, address=address)
        done = run_pytest(tmp_path)
    assert done.returncode == 1
    assert "AnswerError: status-dashboard/" in done.stdout
    assert "expected array" in done.stdout
    assert verdicts(tmp_path) == {"own/test_mine.py::test_mine": "fail"}


def test_each_test_is_a_case_of_kind_own(tmp_path: Path) -> None:
    """One session has one run folder, with a case for each test that exchanged something, and no service tested."""
    test = """
import pytest

@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/acc"])
def test_mine(ehealth, path):
    ehealth("status-dashboard").get(path)

def test_silent(ehealth):
    pass

def test_foreign():
    pass
"""
    project(tmp_path, test, "[pytest]\nehealth_target = local\n")
    done = run_pytest(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    document = results(tmp_path)
    names = [f"own/test_mine.py::test_mine[{path}]" for path in ("/dashboard", "/dashboard/acc")]
    assert [(case["id"], case["kind"]) for case in document["cases"]] == [(name, "own") for name in names]
    assert document["run"]["services"] == []
    [run] = (tmp_path / "reports").iterdir()
    assert [row["case"] for row in read_exchanges(run)] == names
    page = (run / "report.html").read_text("utf-8")
    assert "no suite was run" in page
    assert ">Conformant<" not in page


def test_variable_comes_before_the_ini_key(tmp_path: Path) -> None:
    """EHEALTH_TARGET names the target of one run, whatever the ini file says."""
    test = "def test_mine(ehealth):\n    assert ehealth('status-dashboard').get('/dashboard').status_code == 200\n"
    project(tmp_path, test)
    done = run_pytest(tmp_path, EHEALTH_TARGET="local")
    assert done.returncode == 0, done.stdout + done.stderr
    assert results(tmp_path)["run"]["target"]["name"] == "local"


def test_fixture_without_a_target_says_what_it_needs(tmp_path: Path) -> None:
    """Without ini key and variable the test ends with one line, and there is no run folder."""
    project(tmp_path, "def test_mine(ehealth):\n    pass\n", "[pytest]\n")
    done = run_pytest(tmp_path)
    assert done.returncode == 1
    assert "ehealth_target" in done.stdout
    assert "EHEALTH_TARGET" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "reports").exists()


def test_wrong_name_is_told_with_what_there_is(tmp_path: Path) -> None:
    """A service that the target does not have is told with those that it has."""
    project(tmp_path, "def test_mine(ehealth):\n    ehealth('status-dashbord')\n")
    done = run_pytest(tmp_path)
    assert done.returncode == 1
    assert "the target has no service 'status-dashbord'; did you mean 'status-dashboard'?" in done.stdout


def test_project_without_the_fixture_has_no_run_folder(tmp_path: Path) -> None:
    """A session that does not use the fixture writes nothing, though a target is named."""
    project(tmp_path, "def test_mine():\n    pass\n")
    done = run_pytest(tmp_path)
    assert done.returncode == 0
    assert not (tmp_path / "reports").exists()


@pytest.mark.whole_run
def test_workers_share_one_run_folder(tmp_path: Path) -> None:
    """With pytest-xdist the cases of all workers are in one results.json, with ids of exchanges that do not collide."""
    test = """
import pytest

@pytest.mark.parametrize("number", range(6))
def test_mine(ehealth, number):
    client = ehealth("therapeutic-exclusion", token="citizen")
    assert client.get("/therapeuticExclusions/90010199794").status_code == 404
"""
    project(tmp_path, test, "[pytest]\nehealth_target = local\n")
    done = run_pytest(tmp_path, "-n", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    document = results(tmp_path)
    assert len(document["cases"]) == 6
    exchanges = [name for case in document["cases"] for name in case["exchanges"]]
    assert len(set(exchanges)) == 6


# -------------------------------------------------------------------------------------------------------- credentials

TOKEN = "opaque-" + "0123456789abcdef" * 4
GIVEN = "given-by-the-test-itself"
LEAKY = """
import pytest

SECRETS = open("given.txt").read().split()

def asked(client, **headers):
    return client.get("/therapeuticExclusions/90010199794", headers=headers).json()

@pytest.fixture
def client(ehealth):
    return ehealth("therapeutic-exclusion", token="citizen")

def test_compares(client):
    assert asked(client)["Authorization"] == "another"

def test_raises(client):
    raise RuntimeError(asked(client)["Authorization"])

def test_prints(client):
    print(asked(client))
    pytest.skip(str(asked(client)))

def test_fails_while_it_holds_the_clients(ehealth, client):
    asked(client)
    assert ehealth is None

@pytest.mark.parametrize("number", [0, 1, 2])
def test_gives_its_own(ehealth, number):
    name, value = [("Authorization", "Bearer "), ("Cookie", "sid="), ("X-Api-Key", "")][number]
    answer = asked(ehealth("therapeutic-exclusion"), **{name: value + SECRETS[0]})
    assert answer == {}
"""


def echo(request: Request) -> Answer:
    """Answer with the credentials of a request, in the body and in a header."""
    names = ("Authorization", "Cookie", "X-Api-Key")
    said = {name: value for name in names if (value := request.header(name.lower()))}
    return Answer(document=said, headers={"Content-Type": "application/json", "X-Echo": str(said)})


@pytest.mark.parametrize("shown", [[], ["-vv", "-l"], ["-rA", "--showlocals", "--full-trace", "--junitxml=mine.xml"]])
def test_credentials_are_neither_shown_nor_kept(tmp_path: Path, shown: list[str]) -> None:
    """A token of the target, and what a test gives itself, are no part of what pytest prints and any report says."""
    with serving(echo) as address:
        project(tmp_path, LEAKY)
        (tmp_path / "token.txt").write_text(TOKEN, encoding="utf-8")
        (tmp_path / "given.txt").write_text(GIVEN, encoding="utf-8")
        settings = {"base_url": address, "tokens": {"citizen": {"file": "token.txt"}}}
        target = {"name": "own", "environment": "local", "services": {"therapeutic-exclusion": settings}}
        (tmp_path / "target.yaml").write_text(json.dumps(target), encoding="utf-8")
        done = run_pytest(tmp_path, *shown)
    assert "6 failed, 1 skipped" in done.stdout, done.stdout
    written = [path for path in (tmp_path / "reports").rglob("*") if path.is_file()] + list(tmp_path.glob("*.xml"))
    assert [path.name for path in written if path.name.endswith("-result.json")]
    texts = {"terminal": done.stdout + done.stderr} | {path.name: path.read_text("utf-8") for path in written}
    recognisable = (TOKEN, TOKEN[:20], TOKEN[-20:], GIVEN)
    assert [(name, part) for name, text in texts.items() for part in recognisable if part in text] == []


def test_interrupted_test_keeps_its_case(tmp_path: Path) -> None:
    """What a test has exchanged before Ctrl-C is in the results as well."""
    test = """
def test_mine(ehealth):
    ehealth("status-dashboard").get("/dashboard")
    raise KeyboardInterrupt
"""
    project(tmp_path, test, "[pytest]\nehealth_target = local\n")
    done = run_pytest(tmp_path)
    assert done.returncode == 2
    document = results(tmp_path)
    assert [case["id"] for case in document["cases"]] == ["own/test_mine.py::test_mine"]
    assert (document["summary"]["exchanges"], document["run"]["exit_code"]) == (1, 130)


def test_interrupted_test_of_a_worker_keeps_its_case(tmp_path: Path) -> None:
    """With pytest-xdist too, what a test has exchanged before Ctrl-C is a case of the results."""
    test = """
import os, signal, time
def test_mine(ehealth):
    ehealth("status-dashboard").get("/dashboard")
    os.killpg(os.getpgid(0), signal.SIGINT)
    time.sleep(60)
"""
    project(tmp_path, test, "[pytest]\nehealth_target = local\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=300, check=False, start_new_session=True)
    assert done.returncode == 2
    document = results(tmp_path)
    assert [case["id"] for case in document["cases"]] == ["own/test_mine.py::test_mine"]
    assert (document["summary"]["exchanges"], document["run"]["exit_code"]) == (1, 130)
