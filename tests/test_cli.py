"""The command line as a user meets it: output, exit codes, files, and what happens when it is interrupted."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jsonschema
import pytest

from conformance.cli import COMMANDS
from conformance.evidence.store import read_exchanges
from conformance.formats.schemas import specs_root
from tests.campaigns import told
from tests.peers import hostile, status_dashboard

SCHEMA = json.loads((Path(__file__).parent.parent / "reports" / "results.schema.json").read_text("utf-8"))


def conformance(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end, in a process of its own; `told` is quicker where that makes no difference."""
    command = [sys.executable, "-m", "conformance", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600, check=False)


def only_run(parent: Path) -> Path:
    """Return the one run folder below a folder."""
    (folder,) = parent.iterdir()
    return folder


def target_file(folder: Path, address: str, **more: object) -> Path:
    """Write a target file for a status dashboard at an address."""
    data = {"name": "test", "environment": "local", "services": {"status-dashboard": {"base_url": address}}} | more
    path = folder / "target.yaml"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


@contextmanager
def started(*arguments: str | Path, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the command line and kill it at the end if it still runs."""
    command = [sys.executable, "-m", "conformance", *map(str, arguments)]
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(condition: object, seconds: float = 20) -> None:
    """Wait until a condition holds; fail after some seconds."""
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.whole_run
def test_run_without_arguments_is_conformant(tmp_path: Path) -> None:
    """A new user's first command ends with 0, names its report, and warns of nothing."""
    done = conformance("run", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "exit 0: conformant" in done.stdout
    assert "Warning" not in done.stdout + done.stderr
    report = Path(re.search(r"report: (\S+)", done.stdout)[1])  # type: ignore[index]
    assert (tmp_path / report).exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["reports"], "nothing else is left behind"


def test_run_folder_is_private_and_complete(tmp_path: Path) -> None:
    """A run folder holds the promised files, readable by their owner alone, and results.json fits its schema."""
    assert told("run", "status-dashboard", "--out", tmp_path / "out", cwd=tmp_path).returncode == 0
    folder = only_run(tmp_path / "out")
    assert {"results.json", "exchanges.jsonl", "junit.xml", "report.html"} <= {path.name for path in folder.iterdir()}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir() if path.is_file())
    results = json.loads((folder / "results.json").read_text("utf-8"))
    jsonschema.validate(results, SCHEMA)
    assert results["summary"]["exchanges"] == len(list(read_exchanges(folder)))


@pytest.mark.whole_run
def test_two_runs_with_one_seed_send_the_same(tmp_path: Path) -> None:
    """Same seed, same requests, same results apart from times and ids.

    Two requests at one moment, which are intrusive, are tried until their overlap is shown, and left out here.
    """
    runs = []
    file = tmp_path / "target.yaml"
    file.write_text("{name: x, environment: local, intrusive: false}", encoding="utf-8")
    kinds = ("--kind", "positive", "--kind", "property", "--kind", "stateful")
    for _ in range(2):
        done = conformance(
            "run", "--target", file, "--seed", "7", "--examples", "2", *kinds, "--out", tmp_path / "out", cwd=tmp_path
        )
        assert done.returncode == 0
    for folder in (tmp_path / "out").iterdir():
        exchanges = [(row["id"], row["case"], _without_address(row["request"])) for row in read_exchanges(folder)]
        results = json.loads((folder / "results.json").read_text("utf-8"))
        cases = [{key: value for key, value in case.items() if key != "duration_s"} for case in results["cases"]]
        runs.append((exchanges, cases, results["requirements"]))
    assert runs[0] == runs[1]


def _without_address(request: dict[str, object]) -> str:
    """Return a request without the port, and without ids and times of signed messages and what is computed of them."""
    if "<" not in json.dumps(request["body"]):
        return re.sub(r"http://127\.0\.0\.1:\d+", "", json.dumps(request))
    text = json.dumps({key: value for key, value in request.items() if key not in ("length", "sha256")})
    for changing in (
        r"http://127\.0\.0\.1:\d+",
        r'(?<= Id=\\").*?(?=\\")',
        r"_?[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}",
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
        r"(?<=>)[A-Za-z0-9+/=\\n]{24,}(?=<)",
    ):
        text = re.sub(changing, "", text)
    return text


def test_failing_service_ends_with_1_and_says_why(tmp_path: Path) -> None:
    """A defect is told with requirement, expected and actual."""
    with status_dashboard.serve("item-status-4") as address:
        done = told("run", "--target", target_file(tmp_path, address), cwd=tmp_path)
    assert done.returncode == 1
    assert "status-dashboard/5.3.1.2/item-status-code" in done.stdout
    assert "expected one of 1, 2, 3" in done.stdout
    assert "actual 4 (number)" in done.stdout
    assert "exit 1: not conformant" in done.stdout


def test_failed_case_says_how_to_see_it_again(tmp_path: Path) -> None:
    """A failed case names what decided it, how to run it alone, and the request by itself."""
    with status_dashboard.serve("item-status-4") as address:
        target = target_file(tmp_path, address)
        done = told("run", "--target", target, "--case", "status-dashboard/7.2/dashboard", cwd=tmp_path)
    _, _, shown = done.stdout.partition("actual 4 (number)\n")
    decided, alone, reproduce, curl = shown.splitlines()[:4]
    assert decided == "  decided by the exchanges 000001"
    assert alone == "  Run it alone with: --case status-dashboard/7.2/dashboard"
    assert reproduce == "  Reproduce with curl:"
    assert curl.startswith("  curl ")


def test_foreign_markup_is_harmless(tmp_path: Path) -> None:
    """What a service answers is neither markup in the report nor a command to the terminal."""
    body = (
        b'{"groups":[{"id":"a","name":"<script>alert(1)</script>\\u001b[31m","items":[],"status_code":"</script><b>"}]}'
    )
    with hostile_free(body) as address:
        done = told("run", "--target", target_file(tmp_path, address), "--out", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    report = (only_run(tmp_path / "out") / "report.html").read_text("utf-8")
    assert "<script>alert" not in report
    assert "</script><b>" not in report


@contextmanager
def hostile_free(body: bytes) -> Iterator[str]:
    """Serve one body on every path."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer  # noqa: PLC0415 - this test only
    from threading import Thread  # noqa: PLC0415 - this test only

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/api/v1"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "status-dashbord"], "did you mean 'status-dashboard'?"),
        (["run", "--target", "status-simm"], "did you mean 'status-sim'?"),
        (["run", "--target", "acceptance"], "ehealth-conformance init acceptance"),
        (["run", "--case", "status-dashboard/7.2/dashbord"], "did you mean 'status-dashboard/7.2/dashboard'?"),
        (["run", "--requirement", "status-dashboard/6.1.1/update"], "binds an organisation"),
        (["run", "--kind", "stateful", "dossier-number-generation"], "no case fits the selection"),
        (["run", "--examples", "0"], "expected 1 or more, not 0"),
        (["run", "--known", "nothing.yaml"], "there is no such file"),
        (["explain", "nothing"], "nothing is known by the id"),
        (["init", "moon"], "there is no built-in target"),
        (["lint", "nowhere"], "there is no spec folder here"),
        (["list", "planets"], "is not one of"),
    ],
)
def test_wrong_input_ends_with_2_before_any_run(tmp_path: Path, arguments: list[str], message: str) -> None:
    """Wrong usage is told with a remedy, exit code 2, and leaves nothing behind."""
    done = told(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_target_file_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    """Each mistake comes with its line; nothing is sent."""
    text = (
        "name: x\nenvironment: acceptance\nidentity: {user_agent: nonsense}\nservices:\n"
        "  status-dashboard: {base_url: 'http://status.ehealth.fgov.be/api/v1'}\n  incidents: {}\n"
    )
    (tmp_path / "t.yaml").write_text(text, encoding="utf-8")
    done = told("run", "--target", "t.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert [line for line in ("t.yaml:3:", "t.yaml:5:", "t.yaml:6:") if line not in done.stderr] == []
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_ends_with_130_and_keeps_everything(tmp_path: Path, number: signal.Signals) -> None:
    """An interruption in the middle leaves exchanges, results and report, and ends with 130."""
    out = tmp_path / "out"
    target = target_file(tmp_path, "", services={"status-dashboard": {}}, limits={"rate": 20})
    with started("run", "--target", target, "--out", out, cwd=tmp_path) as process:
        wait_for(lambda: out.exists() and any(len(list(read_exchanges(path))) > 3 for path in out.iterdir()))
        process.send_signal(number)
        process.communicate(timeout=300)
        assert process.returncode == 130
    folder = only_run(out)
    results = json.loads((folder / "results.json").read_text("utf-8"))
    jsonschema.validate(results, SCHEMA)
    assert results["run"]["interrupted"] is True
    assert results["run"]["exit_code"] == 130
    assert results["summary"]["pass"] > 0
    assert results["summary"]["not_run"] > 0
    assert (folder / "report.html").exists()


def test_killed_run_keeps_every_completed_exchange(tmp_path: Path) -> None:
    """After kill -9 each line of the exchanges is a whole exchange."""
    out = tmp_path / "out"
    target = target_file(tmp_path, "", services={"status-dashboard": {}}, limits={"rate": 50})
    with started("run", "--target", target, "--out", out, cwd=tmp_path) as process:
        wait_for(lambda: out.exists() and any(len(list(read_exchanges(path))) > 5 for path in out.iterdir()))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=300)
    rows = list(read_exchanges(only_run(out)))
    assert len(rows) > 5
    assert all(row["response"]["status"] for row in rows)


@pytest.mark.whole_run
def test_mock_writes_a_target_that_run_accepts(tmp_path: Path) -> None:
    """`mock --write-target`, then `run --target`, ends with 0, over TLS too; an interrupted mock ends with 0."""
    target = tmp_path / "mock.yaml"
    with started("mock", "--port", "0", "--tls", "--write-target", target, cwd=tmp_path) as process:
        wait_for(target.exists)
        assert target.stat().st_mode & 0o777 == 0o600
        done = conformance("run", "--target", target, "--out", tmp_path / "out", "--kind", "positive", cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=300)
        assert process.returncode == 0
    results = json.loads((only_run(tmp_path / "out") / "results.json").read_text("utf-8"))
    verdicts = {row["id"]: row["verdict"] for row in results["requirements"]}
    assert verdicts["status-dashboard/6.1.2/tls"] == "pass"


def test_mock_refuses_a_port_in_use(tmp_path: Path) -> None:
    """A taken port is told with a remedy."""
    with hostile.serve("hang") if "hang" in hostile.BEHAVIOURS else hostile_free(b"") as address:
        port = re.search(r":(\d+)", address)[1]  # type: ignore[index]
        done = conformance("mock", "--port", port, cwd=tmp_path)
    assert done.returncode == 2
    assert "--port 0 picks a free one" in done.stderr


def test_init_writes_a_file_that_loads(tmp_path: Path) -> None:
    """What `init` writes is commented, private, never overwritten, and accepted by `run` once it points somewhere."""
    assert told("init", "local", "--out", "mine.yaml", cwd=tmp_path).returncode == 0
    path = tmp_path / "mine.yaml"
    text = path.read_text("utf-8")
    assert text.count("#") > 5
    assert path.stat().st_mode & 0o777 == 0o600
    again = told("init", "local", "--out", "mine.yaml", cwd=tmp_path)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    with status_dashboard.serve(next(iter(status_dashboard.VARIANTS))) as address:
        path.write_text(re.sub(r'base_url: ".*?"', f'base_url: "{address}"', text), encoding="utf-8")
        done = told("run", "status-dashboard", "--target", "mine.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("topic", ["services", "cases", "requirements", "errata"])
def test_lists_come_in_three_forms(tmp_path: Path, topic: str) -> None:
    """Each list comes as a table, as JSON and as CSV, with the same rows and columns."""
    rows = json.loads(told("list", topic, "--format", "json", cwd=tmp_path).stdout)
    lines = told("list", topic, "--format", "csv", cwd=tmp_path).stdout
    table = told("list", topic, cwd=tmp_path).stdout
    assert rows
    assert lines.startswith(",".join(rows[0]))
    assert all(row["id"] in table and row["id"] in lines for row in rows)


def test_list_runs_finds_what_run_wrote(tmp_path: Path) -> None:
    """`list runs` shows a run with its counts and report."""
    assert told("list", "runs", cwd=tmp_path).stdout == "no runs\n"
    assert told("run", "--case", "status-dashboard/7.2/dashboard", "status-dashboard", cwd=tmp_path).returncode == 0
    (row,) = json.loads(told("list", "runs", "--format", "json", cwd=tmp_path).stdout)
    assert (row["pass"], row["fail"], row["exit_code"]) == (1, 0, 0)
    assert row["services"] == ["status-dashboard"]


def test_explain_names_source_and_expectation(tmp_path: Path) -> None:
    """`explain` tells a case, a requirement and an erratum with their section."""
    case = told("explain", "status-dashboard/8/method-post", cwd=tmp_path).stdout
    assert "POST /dashboard" in case
    assert "501" in case
    requirement = told("explain", "status-dashboard/5.3.1.2/item-order", cwd=tmp_path).stdout
    assert "section 5.3.1.2" in requirement
    assert "verified by status-dashboard/7.2/dashboard" in requirement
    assert "reading taken" in told("explain", "status-dashboard/5.3.1.2/date-time-form", cwd=tmp_path).stdout


def test_lint_finds_a_mistake_by_file(tmp_path: Path) -> None:
    """A broken spec folder is told by file and line, with exit code 2."""
    folder = tmp_path / "specs"
    subprocess.run(["cp", "-r", str(specs_root()), str(folder)], check=True)
    path = folder / "status-dashboard" / "1.4" / "requirements.yaml"
    path.write_text(path.read_text("utf-8").replace("level: SHOULD", "level: OUGHT", 1), encoding="utf-8")
    done = told("lint", folder, cwd=tmp_path)
    assert done.returncode == 2
    assert re.search(r"requirements\.yaml:\d+: .*expected one of .*, not 'OUGHT'", done.stderr)
    assert done.stderr.endswith(f"{folder}: 1 mistake\n")
    assert told("lint", cwd=tmp_path).stdout == f"{specs_root()}: no mistakes found\n"


@pytest.mark.parametrize("command", [[], *([entry.name] for entry in COMMANDS)])
def test_help_has_an_example(tmp_path: Path, command: list[str]) -> None:
    """Every command explains itself with an example."""
    done = told(*command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Examples:" in done.stdout
    assert "ehealth-conformance" in done.stdout


def test_environment_of_a_surrounding_project_does_not_matter(tmp_path: Path) -> None:
    """A pytest.ini, a conftest and pytest's variables of the folder where `run` is called change nothing."""
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --nonsense\n", encoding="utf-8")
    (tmp_path / "conftest.py").write_text("raise SystemExit(9)\n", encoding="utf-8")
    command = [sys.executable, "-m", "conformance", "run", "status-dashboard", "--kind", "positive"]
    environment = {**os.environ, "PYTEST_ADDOPTS": "--nonsense", "PYTEST_PLUGINS": "no_such_plugin"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_selected_case_decides_alone(tmp_path: Path) -> None:
    """A run of one case names no service, and the services without a selected case do not count."""
    done = told("run", "--case", "status-dashboard/7.2/dashboard", "--out", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    results = json.loads((only_run(tmp_path / "out") / "results.json").read_text("utf-8"))
    assert results["run"]["services"] == ["status-dashboard"]


def test_review_of_the_local_platform_finds_nothing_wrong(tmp_path: Path) -> None:
    """The built-in target is right, and there is nothing to reach."""
    done = told("review", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "0 errors, 0 warnings" in done.stdout


def test_review_tells_network_errors_apart(tmp_path: Path) -> None:
    """A service that cannot be reached is a network finding, with its remedy, and ends with 3."""
    with hostile.serve("refused") as address:
        done = told("review", "--target", target_file(tmp_path, address), cwd=tmp_path)
    assert done.returncode == 3
    assert "reachability (network)" in done.stdout
    assert "remedy: check host and port" in done.stdout


def test_review_finds_offline_errors_and_run_refuses_them(tmp_path: Path) -> None:
    """A token of somebody else is found before any request, by `review` with 2 and by `run` too; no secret is shown."""
    parts = ({"alg": "RS256"}, {"ssin": "85061599690"}, "no signature")
    token = ".".join(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    (tmp_path / "citizen.jwt").write_text(token, encoding="ascii")
    section = {
        "base_url": "https://127.0.0.1:1/therapeuticExclusion/v2",
        "tokens": {"citizen": {"file": "citizen.jwt"}},
        "data": {"patient": "90010199794"},
    }
    identity = {"user_agent": "own/1.0 own/1.0", "from": "emergency@mycompany.be"}
    services = {"therapeutic-exclusion": section}
    target = target_file(tmp_path, "", environment="acceptance", identity=identity, services=services)
    done = told("review", "--target", target, "--release", "2099-03-01", cwd=tmp_path)
    assert done.returncode == 2
    assert "data.patient" in done.stdout
    assert "2099-02-01" in done.stdout
    refused = conformance("run", "--target", target, cwd=tmp_path)
    assert refused.returncode == 2
    assert not (tmp_path / "reports").exists()
    assert token not in done.stdout + done.stderr + refused.stdout + refused.stderr


def test_known_failure_counts_as_a_pass_until_it_expires(tmp_path: Path) -> None:
    """A known failure ends with 0 and is shown; once expired, or once it no longer happens, it ends with 1."""
    requirement = "status-dashboard/5.3.1.2/item-status-code"
    selected = ["--case", requirement]

    def known(expires: str) -> Path:
        row = {"case": requirement, "requirement": requirement, "reason": "ticket 7", "expires": expires}
        path = tmp_path / "known.yaml"
        path.write_text(json.dumps({"known": [row]}), encoding="utf-8")
        return path

    with status_dashboard.serve("item-status-4") as address:
        target = target_file(tmp_path, address)
        accepted = told("run", "--target", target, "--known", known("2999-01-01"), *selected, cwd=tmp_path)
        expired = told("run", "--target", target, "--known", known("2001-01-01"), *selected, cwd=tmp_path)
    gone = told("run", "--known", known("2999-01-01"), *selected, "status-dashboard", cwd=tmp_path)
    assert (accepted.returncode, expired.returncode, gone.returncode) == (0, 1, 1)
    assert "known: ticket 7" in accepted.stdout
    assert "no longer happens" in gone.stdout
