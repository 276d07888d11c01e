"""The command line loads what a command needs when the command is used: help, lists and completion stay light."""

import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from conformance.catalogue.listing import rows
from conformance.catalogue.topics import TOPICS
from conformance.cli import COMMANDS, main
from conformance.cli.group import CommandEntry
from conformance.cli.init import init
from conformance.cli.run import run
from conformance.cli.selftest import selftest
from conformance.contracts.loading import service_ids
from conformance.engine.plan import DEFAULT_SEED, LOCAL_EXAMPLES, POLITE_EXAMPLES
from conformance.selftest.selftest import EXAMPLES
from conformance.target.policy import BUILT_IN
from tests.campaigns import told

HEAVY = frozenset(
    {
        "allure_commons",
        "cryptography",
        "h11",
        "hypothesis",
        "joserfc",
        "jsonschema",
        "lxml",
        "pytest",
        "rich",
        "starlette",
        "uvicorn",
        "xmlsec",
        "zeep",
    }
)
"""What takes long to load, or is loaded for running cases alone."""
ENGINE = {"conformance.engine.campaign", "conformance.engine.plan", "conformance.engine.session"}
CONTRACTS = HEAVY | ENGINE | {"conformance.plugin", "conformance.review", "conformance.mock"}
NAMES_ONLY = CONTRACTS | {"conformance.contracts", "jsonschema_rs", "yaml"}
"""What help and the completion of names do without: they read no contract."""

PROBE = """
import atexit, sys
atexit.register(lambda: sys.stderr.write("loaded: " + " ".join(sys.modules) + "\\n"))
sys.argv[0] = "ehealth-conformance"
from conformance.__main__ import main
main()
"""


def started(*arguments: str, cwd: Path, **environment: str) -> tuple[str, set[str]]:
    """Run the command line in a process of its own; return what it printed and the modules that it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    _, _, loaded = done.stderr.rpartition("loaded: ")
    return done.stdout, set(loaded.split())


def completed(words: str, cwd: Path) -> tuple[list[str], set[str]]:
    """Complete the last of some words as bash would; return what is offered and the modules loaded."""
    text, loaded = started(
        cwd=cwd,
        _EHEALTH_CONFORMANCE_COMPLETE="bash_complete",
        COMP_WORDS=f"ehealth-conformance {words}",
        COMP_CWORD=str(len(f"ehealth-conformance {words}.".split()) - 1),
    )
    return [line.partition(",")[2] for line in text.splitlines()], loaded


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_table_says_what_the_command_says(entry: CommandEntry) -> None:
    """Each command of the table loads, has the table's name, and begins its help with the table's line."""
    command = entry.load()
    assert isinstance(command, click.Command)
    assert command.name == entry.name
    assert (command.help or "").splitlines()[0] == entry.help


def test_help_lists_every_command(tmp_path: Path) -> None:
    """The table of commands is what help shows."""
    text, _ = started("--help", cwd=tmp_path)
    assert [entry.name for entry in COMMANDS if f"\n  {entry.name} " not in text] == []


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"]])
def test_help_and_version_load_no_command(tmp_path: Path, arguments: list[str]) -> None:
    """Help of the whole needs names and lines only."""
    _, loaded = started(*arguments, cwd=tmp_path)
    assert loaded & NAMES_ONLY == set()
    assert loaded & {entry.place.partition(":")[0] for entry in COMMANDS} == set()


@pytest.mark.parametrize("name", [entry.name for entry in COMMANDS])
def test_help_of_a_command_loads_nothing_heavy(tmp_path: Path, name: str) -> None:
    """Options are known without what the command needs for its work."""
    _, loaded = started(name, "--help", cwd=tmp_path)
    assert loaded & NAMES_ONLY == set()


@pytest.mark.parametrize(("topic", "form"), [*((topic, "json") for topic in TOPICS), ("cases", "csv")])
def test_lists_load_contracts_only(tmp_path: Path, topic: str, form: str) -> None:
    """Lists read the spec folders, and need neither the engine nor rich."""
    _, loaded = started("list", topic, "--format", form, cwd=tmp_path)
    assert loaded & CONTRACTS == set()


def test_table_loads_rich_alone(tmp_path: Path) -> None:
    """A table needs rich besides."""
    _, loaded = started("list", "services", cwd=tmp_path)
    assert loaded & CONTRACTS == {"rich"}


def test_explanation_loads_contracts_only(tmp_path: Path) -> None:
    """An explanation is plain text."""
    _, loaded = started("explain", "status-dashboard/7.2/dashboard", cwd=tmp_path)
    assert loaded & CONTRACTS == set()


@pytest.mark.parametrize("arguments", [["local"], ["local", "--out", "mine.yaml"]])
def test_init_loads_contracts_only(tmp_path: Path, arguments: list[str]) -> None:
    """Writing a target file reads the spec folders' descriptions."""
    _, loaded = started("init", *arguments, cwd=tmp_path)
    assert loaded & CONTRACTS == set()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("li", ["list", "lint"]),
        ("", [entry.name for entry in COMMANDS]),
        ("list ", list(TOPICS)),
        ("list cases --format ", ["table", "json", "csv"]),
        ("run --kind se", ["security"]),
        ("run --kn", ["--known"]),
        ("replay --cou", ["--counterexample"]),
        ("init s", ["status-sim"]),
        ("selftest --j", ["--jobs", "--json"]),
    ],
)
def test_completion_is_light(tmp_path: Path, words: str, offered: list[str]) -> None:
    """A shell completes commands, options and choices without loading what does the work."""
    found, loaded = completed(words, tmp_path)
    assert found == offered
    assert loaded & NAMES_ONLY == set()


def test_services_are_completed(tmp_path: Path) -> None:
    """A shell completes the ids of services, which takes the spec folders."""
    found, loaded = completed("run status-", tmp_path)
    assert found == ["status-dashboard"]
    assert loaded & CONTRACTS == set()
    assert completed("review ", tmp_path)[0] == list(service_ids())


def test_targets_are_completed_by_name_or_file(tmp_path: Path) -> None:
    """A shell completes a built-in target and a YAML file, beside which it is told of no path: it would forget them."""
    (tmp_path / "acceptance.yaml").touch()
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "mine.yml").touch()
    assert completed("run --target acc", tmp_path)[0] == ["acceptance", "acceptance.yaml"]
    assert completed("run --target below/m", tmp_path)[0] == ["below/mine.yml"]
    assert completed("run --target other", tmp_path)[0] == ["other"]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("run --case status-dashboard/7.2/", "status-dashboard/7.2/dashboard"),
        ("run --requirement status-dashboard/5.3.1.2/item-o", "status-dashboard/5.3.1.2/item-order"),
        ("run --exclude status-dashboard/8/method-pos", "status-dashboard/8/method-post"),
        ("explain status-dashboard/8/method-pos", "status-dashboard/8/method-post"),
        ("explain status-d", "status-dashboard"),
        ("mock --fault duplicate-accepted", "duplicate-accepted"),
        (
            "selftest --fault therapeutic-exclusion/faults/duplicate-accepted",
            "therapeutic-exclusion/faults/duplicate-accepted",
        ),
        ("list cases --service status-", "status-dashboard"),
    ],
)
def test_ids_are_completed(tmp_path: Path, words: str, offered: str) -> None:
    """A shell completes ids of cases, requirements, faults and services where they are wanted."""
    assert offered in completed(words, tmp_path)[0]


def test_ids_are_completed_from_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time no contract is read; a cache that is damaged is made anew."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    words = "run --case status-dashboard/7.2/"
    first, _ = completed(words, tmp_path)
    again, loaded = completed(words, tmp_path)
    assert again == first == ["status-dashboard/7.2/dashboard"]
    assert loaded & (CONTRACTS | {"conformance.contracts.loading"}) == set()
    for file in (tmp_path / "cache").rglob("*.json"):
        file.write_text('{"stamp": 1, "ids": []}', "utf-8")
    assert completed(words, tmp_path)[0] == first


def test_runs_are_completed(tmp_path: Path) -> None:
    """A shell completes the ids of runs, newest first, and `latest`."""
    for name in ("20260101-000000-aaaaaa", "20260102-000000-aaaaaa"):
        (tmp_path / "reports" / name).mkdir(parents=True)
        (tmp_path / "reports" / name / "results.json").touch()
    ids = ["20260102-000000-aaaaaa", "20260101-000000-aaaaaa"]
    assert completed("replay ", tmp_path)[0] == ["latest", *ids]
    assert completed("run --failed 2026", tmp_path)[0] == ids


def test_defaults_in_help_are_those_of_the_work() -> None:
    """Numbers that help writes out, since it does not load the engine, are the engine's."""
    texts = {
        (command.name, option.name): option.help
        for command in (run, selftest)
        for option in command.params
        if isinstance(option, click.Option)
    }
    assert f"[default: {DEFAULT_SEED}]" in str(texts["run", "seed"])
    assert f"[default: {LOCAL_EXAMPLES} on local, else {POLITE_EXAMPLES}]" in str(texts["run", "examples"])
    assert f"[default: {DEFAULT_SEED}]" in str(texts["selftest", "seed"])
    assert f"[default: {EXAMPLES}]" in str(texts["selftest", "examples"])


def test_init_names_the_built_in_targets() -> None:
    """Help of `init` lists what it can write a file for."""
    assert [name for name in BUILT_IN if name not in str(init.help)] == []


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if topic != "runs"])
def test_json_lists_are_typed(tmp_path: Path, topic: str) -> None:
    """JSON has numbers, booleans and arrays where the catalogue has them."""
    text = told("list", topic, "--format", "json", cwd=tmp_path).stdout
    plain = [
        {name: list(value) if isinstance(value, tuple) else value for name, value in row.items()}
        for row in rows(topic, tmp_path)
    ]
    assert json.loads(text) == plain


def test_entry_point_is_the_group() -> None:
    """The console script and `python -m conformance` run the group through the same guard."""
    entry = importlib.import_module("conformance.__main__")
    assert entry.main is not main
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("conformance.cli.main", lambda: (_ for _ in ()).throw(SystemExit(7)))
        before = signal.getsignal(signal.SIGINT)
        try:
            with pytest.raises(SystemExit) as ended:
                entry.main()
        finally:
            signal.signal(signal.SIGINT, before)
    assert ended.value.code == 7
