"""Allure: what a run leaves in allure-results, and the single page that is made of it."""

import json
import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from conformance.contracts.loading import load_spec
from conformance.evidence.reading import LONGEST_BODY, MIME, ExchangeReader, attachment
from conformance.evidence.store import read_exchanges
from conformance.model.case import Case, CaseKind
from conformance.model.contract import Level, Requirement, Role, Source
from conformance.model.errors import UsageError
from conformance.reporting.allure import severity
from conformance.reporting.allure_report import (
    ReportError,
    clean,
    external_references,
    find_generator,
    main,
    make_report,
)
from tests.campaigns import told
from tests.peers import status_dashboard
from tests.peers.server import Answer, Request, serving

PROJECT = Path(__file__).resolve().parent.parent
SUITE = PROJECT / "suites" / "test_status_dashboard.py"
SERVICE = "status-dashboard"
STATUSES = {
    "pass": "passed",
    "fail": "failed",
    "error": "broken",
    "inconclusive": "broken",
    "not_applicable": "skipped",
    "not_run": "skipped",
}
BROKEN_STATUS = f"{SERVICE}/5.3.1.2/item-status-code"
TOKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJBbGxpY2UifQ.c2lnbmF0dXJl"  # noqa: S105 - of nobody
COOKIE = "AWSALB=this-is-a-session-cookie"

Serve = Callable[[str], AbstractContextManager[str]]


@dataclass(frozen=True)
class Output:
    """What a run left: its results by case, and Allure's results, with everything they refer to."""

    folder: Path
    allure: Path
    results: Mapping[str, Any]
    cases: Mapping[str, Any]
    named: Mapping[str, Any]

    @property
    def files(self) -> Counter[str]:
        """Count Allure's files by what they are."""
        return Counter(path.name.rpartition("-")[2] for path in self.allure.iterdir())

    def exchange(self, case: str) -> Any:  # noqa: ANN401 - JSON
        """Return the content of a case's one attachment."""
        (attached,) = self.named[case]["attachments"]
        return json.loads((self.allure / attached["source"]).read_text("utf-8"))


def python(*arguments: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python with arguments in an environment with additions."""
    command = [sys.executable, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": f"{cwd}{os.pathsep}{PROJECT}", **variables}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, check=False)


def target_file(folder: Path, address: str, **settings: object) -> Path:
    """Write a target file for a status dashboard at an address."""
    service = {"base_url": address, **settings}
    path = folder / "target.yaml"
    path.write_text(json.dumps({"name": "test", "environment": "local", "services": {SERVICE: service}}), "utf-8")
    return path


def output(folder: Path, allure: Path | None = None) -> Output:
    """Read the one run folder below a folder."""
    (run,) = (folder / "out").iterdir()
    allure = allure or run / "allure-results"
    results = json.loads((run / "results.json").read_text("utf-8"))
    named = {}
    for path in allure.glob("*-result.json"):
        result = json.loads(path.read_text("utf-8"))
        (case,) = label(result, "case")
        assert case not in named
        named[case] = result
    return Output(run, allure, results, {case["id"]: case for case in results["cases"]}, named)


def label(result: Mapping[str, Any], name: str) -> list[str]:
    """Return the values of a result's label."""
    return [row["value"] for row in result["labels"] if row["name"] == name]


def run(folder: Path, address: str, *arguments: str, **settings: object) -> Output:
    """Run the command line against an address."""
    target = target_file(folder, address, **settings)
    done = told("run", "--target", target, "--out", folder / "out", *arguments, cwd=folder)
    assert done.returncode in {0, 1, 3}, done.stderr + done.stdout
    return output(folder)


def pytest_run(folder: Path, address: str, *arguments: str | Path, **variables: str) -> None:
    """Run the suite with pytest itself."""
    target = target_file(folder, address)
    done = python(
        "-m", "pytest", SUITE, "--target", target, "--out", folder / "out", *arguments, cwd=folder, **variables
    )
    assert done.returncode in {0, 1}, done.stdout + done.stderr


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Output:
    """Return a run with cases that pass, fail, stay inconclusive and do not apply."""
    with status_dashboard.serve("groups-missing") as address:
        return run(tmp_path_factory.mktemp("faulty"), address, dashboards=["prod"])


@pytest.fixture(scope="module")
def conforming(tmp_path_factory: pytest.TempPathFactory) -> Output:
    """Return a run in which everything passes."""
    with status_dashboard.serve("plain") as address:
        return run(tmp_path_factory.mktemp("conforming"), address)


def test_each_case_has_one_result_with_the_status_of_its_verdict(faulty: Output) -> None:
    """Fail is failed, inconclusive broken, not applicable skipped."""
    statuses = {name: result["status"] for name, result in faulty.named.items()}
    assert statuses == {name: STATUSES[case["verdict"]] for name, case in faulty.cases.items()}
    assert set(statuses.values()) == {"passed", "failed", "broken", "skipped"}


def test_results_are_valid(faulty: Output) -> None:
    """Ids are unique, times are ordered, and what is referred to exists."""
    uuids = {result["uuid"] for result in faulty.named.values()}
    assert len(uuids) == len({result["historyId"] for result in faulty.named.values()}) == len(faulty.named)
    assert all(result["start"] <= result["stop"] for result in faulty.named.values())
    assert not list(faulty.allure.glob("*-container.json")), "nothing is to be told of fixtures"
    attached = [row["source"] for result in faulty.named.values() for row in result.get("attachments", ())]
    assert sorted(attached) == sorted(path.name for path in faulty.allure.glob("*-attachment.*"))


def test_a_result_says_what_the_case_is(faulty: Output) -> None:
    """Title, epic, feature, story, severity, tag, requirement labels and links come from the spec."""
    contract = load_spec(SERVICE).contract
    for name, case in faulty.cases.items():
        result = faulty.named[name]
        first = contract.requirements[case["requirements"][0]]
        assert result["name"] == case["title"]
        assert label(result, "epic") == label(result, "parentSuite") == [f"{contract.title} {contract.version}"]
        assert label(result, "feature") == [f"Section {first.source.section}"]
        assert label(result, "story") == [first.id]
        assert label(result, "suite") == label(result, "tag") == [case["kind"]]
        assert label(result, "severity")[0] in {"blocker", "critical", "normal", "minor", "trivial"}
        assert set(case["requirements"]) <= set(label(result, "requirement"))
        assert [link["name"] for link in result["links"]] == label(result, "requirement")
        assert all(link["url"] == f"report.html#requirement={link['name']}" for link in result["links"])
        assert "parameters" not in result


def test_a_failed_result_says_what_was_found(tmp_path: Path) -> None:
    """The message has the finding, and neither a trace nor the name of a module of ours."""
    with status_dashboard.serve("item-status-4") as address:
        result = run(tmp_path, address, "--case", BROKEN_STATUS).named[BROKEN_STATUS]
    assert result["statusDetails"]["message"].startswith(f"CaseFailed: {BROKEN_STATUS}: ")
    assert "actual   4 (number)" in result["statusDetails"]["message"]
    assert "trace" not in result["statusDetails"]
    assert "<code>4 (number)</code>" in result["descriptionHtml"]


@pytest.mark.parametrize("name", ["faulty", "conforming"])
def test_one_attachment_bundles_the_deciding_exchanges(name: str, request: pytest.FixtureRequest) -> None:
    """It has the documented form, with the last probe on top and the others beside it."""
    done: Output = request.getfixturevalue(name)
    recorded = {record["id"]: record for record in read_exchanges(done.folder)}
    most = 0
    for each, case in done.cases.items():
        if not case["deciding"]:
            assert not done.named[each].get("attachments")
            continue
        (attached,) = done.named[each]["attachments"]
        assert attached["type"] == MIME
        assert attached["source"].endswith(".httpexchange")
        document = done.exchange(each)
        bundled = [document, *document.get("related", ())]
        most = max(most, len(bundled))
        assert document["schemaVersion"] == 1
        assert {exchange["id"] for exchange in bundled} == set(case["deciding"])
        assert len(bundled) == len(case["deciding"]) <= 5
        for exchange in bundled:
            assert_same(exchange, recorded[exchange["id"]])
        purposes = {recorded[number]["purpose"] for number in case["deciding"]}
        assert document["purpose"] == "probe" or "probe" not in purposes
    assert most == 5


def assert_same(exchange: Mapping[str, Any], recorded: Mapping[str, Any]) -> None:
    """Assert that Allure's form of an exchange says what the record says."""
    for key in ("method", "url"):
        assert exchange["request"][key] == recorded["request"][key]
    assert exchange["response"]["status"] == recorded["response"]["status"]
    assert exchange["response"]["body"]["value"] == recorded["response"]["body"]["text"]
    assert exchange["start"] <= exchange["stop"]


@pytest.mark.whole_run
def test_the_number_of_files_does_not_depend_on_the_number_of_exchanges(tmp_path: Path) -> None:
    """Ten times the examples make more exchanges, and not one file more."""
    counts = []
    for examples in ("3", "30"):
        folder = tmp_path / examples
        folder.mkdir()
        with status_dashboard.serve("plain") as address:
            done = run(folder, address, "--kind", "property", "--examples", examples)
        counts.append((done.files, done.results["summary"]["exchanges"]))
    (few_files, few), (many_files, many) = counts
    assert few_files == many_files
    assert many > 4 * few


@pytest.mark.whole_run
def test_neither_secrets_nor_names_of_the_machine_are_written(tmp_path: Path) -> None:
    """Cookies and tokens of an answer, the host's name and the folders of this machine stay out of every file."""
    data = json.dumps({"groups": [], "note": f"your token is {TOKEN}"}).encode()

    def leaky(request: Request) -> Answer:
        del request
        return Answer(body=data, headers={"Content-Type": "application/json", "Set-Cookie": f"{COOKIE}; Path=/"})

    with serving(leaky) as address:
        done = run(tmp_path, address)
    assert any("Set-Cookie" in json.dumps(done.exchange(name)) for name, case in done.cases.items() if case["deciding"])
    for path in done.allure.iterdir():
        text = path.read_text("utf-8")
        for secret in (TOKEN, COOKIE, str(tmp_path), str(PROJECT), str(Path.home()), sys.prefix):
            assert secret not in text, path
    for result in done.named.values():
        assert label(result, "host") == ["ehealth-conformance"]
        assert label(result, "thread") == ["main"]
        assert socket.gethostname() not in {row["value"] for row in result["labels"]}


def test_environment_and_categories_stand_beside_the_results(faulty: Output) -> None:
    """The report's head names target, harness, seed and spec; every status that needs a reader has a category."""
    lines = (faulty.allure / "environment.properties").read_text("ascii").splitlines()
    assert {"target=test", "environment=local", "seed=1", "exit\\ code=1", f"{SERVICE}=1.4"} <= set(lines)
    categories = json.loads((faulty.allure / "categories.json").read_text("utf-8"))
    assert {status for row in categories for status in row["matchedStatuses"]} == {"failed", "broken", "skipped"}


def test_the_users_own_folder_is_the_only_one_written_to(tmp_path: Path) -> None:
    """With --alluredir all results go there, and what was there already stays."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "environment.properties").write_text("mine=1\n", "utf-8")
    with status_dashboard.serve("plain") as address:
        pytest_run(tmp_path, address, "--alluredir", own, "-k", "positive or 7.2")
    done = output(tmp_path, own)
    assert not (done.folder / "allure-results").exists()
    assert set(done.named) == {name for name, case in done.cases.items() if case["verdict"] != "not_run"}
    assert (own / "environment.properties").read_text("utf-8") == "mine=1\n"
    assert (own / "categories.json").exists()


@pytest.mark.whole_run
def test_workers_write_into_one_folder(tmp_path: Path) -> None:
    """With pytest-xdist every case has one result, and its thread is the worker."""
    with status_dashboard.serve("plain") as address:
        pytest_run(tmp_path, address, "-n", "2")
    done = output(tmp_path)
    assert {name: result["status"] for name, result in done.named.items()} == {
        name: STATUSES[case["verdict"]] for name, case in done.cases.items()
    }
    assert {label(result, "thread")[0] for result in done.named.values()} == {"gw0", "gw1"}
    assert done.files["environment.properties"] == 1


BREAKER = f"""
from dataclasses import replace
from conformance.engine.runner import Runner
from conformance.model.verdict import Verdict

run = Runner.run

def broken(self, case, procedure=None):
    result = run(self, case, procedure)
    if case.id == {BROKEN_STATUS!r}:
        return replace(result, verdict=Verdict.ERROR, reason="the harness erred: \\ud800<script>alert(1)</script>")
    return result

Runner.run = broken
"""


def test_an_error_of_the_harness_is_broken_and_foreign_text_stays_text(tmp_path: Path) -> None:
    """A lone surrogate or markup in a reason neither ends the run nor becomes a part of the report."""
    (tmp_path / "breaker.py").write_text(BREAKER, "utf-8")
    with status_dashboard.serve("plain") as address:
        pytest_run(tmp_path, address, "-p", "breaker", "--case", BROKEN_STATUS)
    result = output(tmp_path).named[BROKEN_STATUS]
    assert result["status"] == "broken"
    assert result["statusDetails"]["message"].startswith("CaseErred: the harness erred: \ufffd")
    assert "<script" not in result["descriptionHtml"]
    assert "&lt;script&gt;" in result["descriptionHtml"]


def test_a_known_failure_is_skipped_and_named_so(tmp_path: Path) -> None:
    """It is neither failed nor passed in Allure, and has a tag to filter by."""
    row = {
        "case": BROKEN_STATUS,
        "requirement": BROKEN_STATUS,
        "reason": "until the next release",
        "expires": "2999-01-01",
    }
    known = tmp_path / "known.yaml"
    known.write_text(json.dumps({"known": [row]}), "utf-8")
    with status_dashboard.serve("item-status-4") as address:
        result = run(tmp_path, address, "--known", str(known), "--case", BROKEN_STATUS).named[BROKEN_STATUS]
    assert result["status"] == "skipped"
    assert result["statusDetails"]["known"] is True
    assert "known failure" in label(result, "tag")


WITHOUT = """
import sys
sys.modules["allure"] = None
from conformance.cli import main
main(sys.argv[1:])
"""


def test_a_run_without_allure_pytest_has_the_same_verdicts(tmp_path: Path) -> None:
    """Where the library is not installed, the run folder lacks allure-results and nothing else."""
    with status_dashboard.serve("item-status-4") as address:
        target = target_file(tmp_path, address)
        done = python("-c", WITHOUT, "run", "--target", target, "--out", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    (folder,) = (tmp_path / "out").iterdir()
    assert not (folder / "allure-results").exists()
    assert (folder / "results.json").exists()


def test_a_blocked_plugin_stays_blocked(tmp_path: Path) -> None:
    """The user's -p no:allure_pytest is respected."""
    with status_dashboard.serve("plain") as address:
        pytest_run(tmp_path, address, "-p", "no:allure_pytest", "--case", BROKEN_STATUS)
    (folder,) = (tmp_path / "out").iterdir()
    assert not (folder / "allure-results").exists()


def requirement(level: Level) -> Requirement:
    """Return a requirement of a level."""
    return Requirement("s/1/x", "s", level, level.value, Role.SERVER, Source("d", "1", "1"), "It is so.")


def case(kind: CaseKind) -> Case:
    """Return some case of a kind."""
    return replace(next(iter(load_spec(SERVICE).cases.values())), kind=kind)


@pytest.mark.parametrize(
    ("kind", "levels", "expected"),
    [
        (CaseKind.SECURITY, [Level.MUST], "blocker"),
        (CaseKind.SECURITY, [Level.SHOULD], "normal"),
        (CaseKind.POSITIVE, [Level.SHOULD, Level.MUST], "critical"),
        (CaseKind.NEGATIVE, [Level.SHOULD, Level.MAY], "normal"),
        (CaseKind.POSITIVE, [Level.MAY], "minor"),
        (CaseKind.PROPERTY, [], "trivial"),
    ],
)
def test_severity_follows_the_most_binding_requirement(kind: CaseKind, levels: list[Level], expected: str) -> None:
    """A broken MUST weighs more than a broken SHOULD, and security most."""
    assert severity(case(kind), [requirement(level) for level in levels]) == expected


def record(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return the record of an exchange with changes."""
    response = {
        "status": 200,
        "reason": "OK",
        "version": "1.1",
        "headers": [["Content-Type", "text/html"]],
        "body": {"text": "<p>Hello</p>"},
        "length": 12,
        "sha256": "0" * 64,
        "cut": "",
        "informational": 0,
        "surplus": 0,
    }
    request = {
        "method": "GET",
        "url": "http://127.0.0.1/x?y=1",
        "headers": [["Authorization", {"scheme": "Bearer", "token": "citizen"}]],
        "body": {"text": ""},
    }
    started = "2026-01-01T00:00:00.000000+00:00"
    rest = {"id": "000001", "case": "s/1/x", "purpose": "probe", "started": started, "elapsed_s": 0.0123}
    return {**rest, "request": request, "response": response} | changes


def test_a_reference_to_a_secret_stays_a_reference() -> None:
    """What was redacted is shown as the reference, as text."""
    (header,) = json.loads(attachment([record()]))["request"]["headers"]
    assert header == {"name": "Authorization", "value": '{"scheme": "Bearer", "token": "citizen"}'}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"text": "<html>"}, "text/plain"),
        ({"text": ' \n{"a": 1}'}, "application/json"),
        ({"text": "<?xml version='1.0'?><a/>"}, "application/xml"),
        ({"base64": "AAEC"}, "application/octet-stream"),
    ],
)
def test_no_body_is_shown_as_a_page(body: Mapping[str, str], expected: str) -> None:
    """The viewer is told to show text, JSON or XML, whatever the answer declares."""
    response = record()["response"] | {"body": body}
    assert json.loads(attachment([record(response=response)]))["response"]["body"]["contentType"] == expected


@pytest.mark.parametrize("key", ["text", "base64"])
def test_bodies_are_cut_at_the_stated_size(key: str) -> None:
    """A long body is cut, says so, and tells how long it was."""
    response = record()["response"] | {"body": {key: "A" * (LONGEST_BODY + 4)}, "length": 99_999}
    body = json.loads(attachment([record(response=response)]))["response"]["body"]
    assert (len(body["value"]), body["truncated"], body["size"]) == (LONGEST_BODY, True, 99_999)


def test_a_failed_transport_is_an_error_with_what_came() -> None:
    """Without an answer the attachment tells why, and what was received before."""
    failed = record()
    del failed["response"]
    failed["failure"] = {"kind": "closed", "message": "closed in the middle", "received": {"text": "HTTP/1.1 2"}}
    document = json.loads(attachment([failed]))
    assert "response" not in document
    assert document["error"]["name"] == "closed"
    assert document["error"]["stack"].endswith("HTTP/1.1 2")


def test_the_reader_waits_for_the_end_of_a_line(tmp_path: Path) -> None:
    """A line under way is read once it is complete, and what was read is not read again."""
    path = tmp_path / "exchanges.jsonl"
    reader = ExchangeReader(tmp_path)
    assert reader.read(["000001"]) == []
    line = json.dumps(record())
    path.write_text(line[:50], "utf-8")
    assert reader.read(["000001"]) == []
    path.write_text(line + "\n", "utf-8")
    assert reader.read(["000001"]) == [record()]
    assert reader.read(["000001"]) == []


TAG = "https://www.googletagmanager.com/gtag/js?id=G-1"
START = "<script>\nwindow.dataLayer = [];\nfunction gtag(){dataLayer.push(arguments);}\ngtag('config');</script>"
OLD = (
    "<script>window.ga=1;ga('create', 'UA-1', 'auto')</script>"
    "<SCRIPT async SRC='//www.google-analytics.com/analytics.js'></SCRIPT >"
)
VIEWER = "<script>window.allure = {};</script><script src='data:text/javascript;base64,YWxlcnQoMSk='></script>"


def page(*parts: str) -> str:
    """Return a page of some parts."""
    return f"<!DOCTYPE html><html><head><title>r</title></head><body>{''.join(parts)}</body></html>"


@pytest.mark.parametrize(
    "analytics", [f'<script async src="{TAG}"></script>{START}', OLD], ids=["gtag", "analytics.js"]
)
def test_analytics_are_removed_and_nothing_else(analytics: str) -> None:
    """The viewer's own scripts stay; the tracker's go; the policy comes first."""
    dirty = page(VIEWER, analytics)
    assert external_references(dirty)
    cleaned = clean(dirty)
    assert external_references(cleaned) == []
    assert VIEWER in cleaned
    assert "ga(" not in cleaned.replace("allure", "")
    assert cleaned.index("Content-Security-Policy") < cleaned.index("<title>")


@pytest.mark.parametrize(
    "part",
    [
        "<img src='https://example.org/x.png'>",
        "<link rel='stylesheet' href='//example.org/x.css'>",
        "<style>body { background: url(https://example.org/x.png) }</style>",
        "<style>@import 'https://example.org/x.css';</style>",
        "<p style=\"background: url('http://example.org')\">",
        "<iframe src='other.html'></iframe>",
        "<script src='data:text/javascript;base64,c3JjPSJodHRwczovL3d3dy5nb29nbGV0YWdtYW5hZ2VyLmNvbS8i'></script>",
        "<!-- www.google-analytics.com -->",
    ],
)
def test_what_is_left_of_the_outside_is_found(part: str) -> None:
    """Whatever a browser would load, and a tracker's name wherever it stands, also within an encoded script."""
    assert external_references(clean(page(VIEWER, part)))


def test_a_page_without_a_head_is_no_report() -> None:
    """What cannot be given a policy is refused."""
    with pytest.raises(ReportError):
        clean("<html></html>")


FAKE = """#!{python}
import pathlib, sys
if "--version" in sys.argv:
    print({version!r})
    sys.exit()
folder = pathlib.Path(sys.argv[sys.argv.index("--output") + 1])
folder.mkdir()
(folder / "index.html").write_text({text!r})
sys.exit({code})
"""


def fake(folder: Path, text: str, *, version: str = "3.1.0", code: int = 0) -> str:
    """Write a program that plays the generator."""
    path = folder / "generator"
    path.write_text(FAKE.format(python=sys.executable, version=version, text=text, code=code), "utf-8")
    path.chmod(0o755)
    return str(path)


def results_folder(folder: Path) -> Path:
    """Return a folder that looks like a run folder with one result."""
    results = folder / "run" / "allure-results"
    results.mkdir(parents=True)
    (results / "1-result.json").write_text("{}", "utf-8")
    return folder / "run"


def test_the_command_writes_one_clean_private_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file stands in the run folder unless the user says otherwise."""
    program = fake(tmp_path, page(VIEWER, f'<script async src="{TAG}"></script>{START}'))
    folder = results_folder(tmp_path)
    assert main([str(folder), "--allure", program]) == 0
    made = folder / "allure.html"
    assert str(made) in capsys.readouterr().out
    assert external_references(made.read_text("utf-8")) == []
    assert made.stat().st_mode & 0o777 == 0o600
    assert main([str(folder / "allure-results"), "--allure", program, "--out", str(tmp_path / "other.html")]) == 0
    assert (tmp_path / "other.html").exists()


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (page("<img src='https://example.org/x.png'>"), 0, "example.org"),
        (page(), 1, "exit code 1"),
        ("nothing", 0, "no <head>"),
    ],
)
def test_what_went_wrong_leaves_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, code: int, said: str
) -> None:
    """A report that would load something, or a generator that fails, ends with 4 and says why."""
    folder = results_folder(tmp_path)
    assert main([str(folder), "--allure", fake(tmp_path, text, code=code)]) == 4
    assert said in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == ["allure-results"]


def test_wrong_input_is_said_with_its_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder without results, an older generation, no npm package and no node all end with 2."""
    program = fake(tmp_path, page())
    assert main([str(tmp_path), "--allure", program]) == 2
    assert "neither a run folder" in capsys.readouterr().err
    folder = results_folder(tmp_path)
    assert main([str(folder), "--allure", program, "--out", str(tmp_path / "none" / "x.html")]) == 2
    assert "no such folder" in capsys.readouterr().err
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([str(folder)]) == 2
    assert "install Node.js" in capsys.readouterr().err
    (tmp_path / "node").symlink_to(sys.executable)
    assert main([str(folder), "--allure", fake(tmp_path, page(), version="2.30.0")]) == 2
    assert "2.30.0" in (said := capsys.readouterr().err)
    assert "npm install" in said


def test_a_real_report_of_a_real_run_loads_nothing(faulty: Output, tmp_path: Path) -> None:
    """The npm package makes a page with every case; its analytics are gone."""
    try:
        find_generator()
    except UsageError as error:
        pytest.skip(str(error))
    made = make_report(faulty.folder, tmp_path / "report.html")
    text = made.read_text("utf-8")
    assert external_references(text) == []
    assert len(text) > 1_000_000
    assert str(PROJECT) not in text
