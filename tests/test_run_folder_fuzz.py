"""Real run folders changed at random: a command that reads one ends with a line, and never with 4."""

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from conformance.cli import main
from conformance.evidence.store import FILE
from tests.campaigns import run_campaign
from tests.peers import status_dashboard as dashboards

CASE = "status-dashboard/7.2/dashboard"
ROUNDS = 40
ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 10**30, 1.5, float("inf"), "", "x", "\0", "\ud800", "\x1b[31m[/x]", "../../x", "a\r\nb: c"),
    *([], {}, [[]], {"a": []}, [None], "9" * 5000, "http://[::1/", "http://127.0.0.1:1/@x", [["X", "y", "z"]]),
    *({"token": "citizen"}, {"secret": 5}, {"text": 5}, {"base64": "!"}, '{"token": "parent"}'),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run folder as a run left it."""
    place = tmp_path_factory.mktemp("fuzz")
    run_campaign(place, "status-dashboard", None, examples=1)
    return place / "run"


def _places(value: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - any JSON
    """Yield each place of a value: what holds it, and its key or number."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inside in steps:
        yield value, step
        yield from _places(inside)


def _changed(chance: random.Random, text: str) -> str:
    """Return a JSON text with one thing wrong: a value, a key, or the text itself."""
    how = chance.randrange(10)
    if how == 0:
        at = chance.randrange(len(text))
        return text[:at] + chance.choice(["", "\0", "[" * 3000, '"', "}", "\ud7ff", "1e999"]) + text[at + 1 :]
    document = json.loads(text)
    holder, step = chance.choice(list(_places(document)))
    if how in {1, 2}:
        del holder[step]
    elif how == 3:
        holder[step] = json.loads("[" * 200 + "]" * 200)
    else:
        holder[step] = chance.choice(ODD)
    return json.dumps(document)


def _invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def _assert_told(done: Result) -> None:
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code in {0, 1, 2, 3}, done.output
    assert "Traceback" not in done.output, done.output
    if done.exit_code == 2:
        assert len([line for line in done.output.splitlines() if line.startswith("error: ")]) >= 1, done.output


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_changed_run_folder_ends_a_command_with_a_line(folder: Path, tmp_path: Path, seed: int) -> None:
    """Whatever is changed in it, `replay` of an exchange, of a case and of a counterexample, and `list runs`, end."""
    chance = random.Random(seed)
    place = tmp_path / "runs" / "run"
    shutil.copytree(folder, place, ignore=shutil.ignore_patterns("allure*", "*.html", "events*"))
    path = place / chance.choice(["results.json", FILE, FILE])
    lines = path.read_text("utf-8").splitlines()
    at = chance.randrange(min(len(lines), 3))
    lines[at] = _changed(chance, lines[at] if path.name == FILE else "\n".join(lines))
    text = "\n".join(lines) + "\n" if path.name == FILE else lines[at]
    path.write_text(text, "utf-8", errors="surrogatepass")
    target = tmp_path / "target.yaml"
    with dashboards.serve("plain") as address:
        target.write_text(
            f"name: fuzz\nenvironment: local\nservices: {{status-dashboard: {{base_url: '{address}'}}}}\n", "utf-8"
        )
        given = ("--target", str(target), "--out", str(tmp_path / "out"))
        for name in (str(at + 1), CASE, CASE):
            more = ("--counterexample",) if chance.random() < 0.3 else ()
            _assert_told(_invoke("replay", str(place), name, *more, *given))
        _assert_told(_invoke("replay", str(place), "1", "--out", str(tmp_path / "out")))
    listed = _invoke("list", "runs", "--out", str(tmp_path / "runs"))
    assert listed.exit_code == 0, listed.output
