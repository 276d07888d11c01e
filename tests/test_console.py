"""Foreign text is never markup, and no console, encoding or missing stream ends a command."""

import ast
import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.catalogue import explaining
from conformance.cli import console
from conformance.cli.progress import ProgressDisplay, make_pace
from conformance.model.errors import UsageError
from conformance.model.wording import printable, printable_json, printable_lines, span
from tests.campaigns import told
from tests.test_architecture import PACKAGE, imports, modules, room

NASTY = "\\[/x] [link=http://x]y[/link] :hospital: \x1b[31m \x9b2J \u202eabc \u2066 \ud800 \x7f"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
DASHBOARD = "status-dashboard/7.2/dashboard"
PROGRESS = r"\d+ of \d+ cases.*"


@pytest.fixture(autouse=True)
def _fresh_consoles() -> Iterator[None]:
    """Make the consoles anew for each test, which has streams and variables of its own."""
    console.standard_output.cache_clear()
    console.standard_error.cache_clear()
    yield
    console.standard_output.cache_clear()
    console.standard_error.cache_clear()


# --------------------------------------------------------------------------------------------------------- foreign text


def test_text_is_shown_without_what_a_terminal_obeys() -> None:
    """Control, format and surrogate characters are replaced, and odd spaces are spaces; letters and signs stay."""
    shown = printable(NASTY)
    assert not OBEYED.search(shown)
    assert shown.startswith("\\[/x] [link=http://x]y[/link] :hospital: \ufffd[31m \ufffd2J \ufffdabc")
    assert printable("a\u00a0b\tc") == "a b c"
    assert printable("é 😀 漢 [x]") == "é 😀 漢 [x]"


def test_lines_stay_lines() -> None:
    """A text of several lines keeps its line feeds, and nothing else of the kind."""
    assert printable_lines("a\nb\x1b\r\nc") == "a\nb\ufffd\ufffd\nc"


def test_json_keeps_its_value_and_shows_nothing_that_is_obeyed() -> None:
    """What a terminal would obey is escaped as JSON allows, beyond 16 bits too."""
    value = {"a\x9b": [NASTY, "\U000e0001é"]}
    text = printable_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(text) == value
    assert not OBEYED.search(text)
    assert "é" in text


@pytest.mark.parametrize("text", ["[bold]x[/]", NASTY, "[", "\\", "a\\[b]", ":smile:", "[/]", "https://x.example/"])
def test_no_line_takes_text_for_markup(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines, errors, tables and CSV show brackets, links and emoji codes as they stand."""
    row = {"id": text, "title": text}
    console.print_line(console.Styled(text, "bold"), text)
    console.print_plain(text)
    console.print_error(text)
    console.print_aside(text)
    console.print_text(console.as_csv([row]))
    said = capsys.readouterr()
    shown = printable(text)
    assert said.out.splitlines()[:2] == [shown * 2, shown]
    assert said.err.splitlines() == [f"error: {shown}", shown]
    assert list(csv.reader(said.out.splitlines()[2:])) == [["id", "title"], [shown, shown]]
    console.print_table([row])
    assert shown in capsys.readouterr().out


def test_progress_shows_names_as_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    """A case of somebody's own specs may have any name; the bar shows it as text."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    display = ProgressDisplay("cases")
    display.start(1)
    display.describe("[red]x[/] :hospital: \x9b")
    display.advance()
    display.report(console.Styled("fail", "red"), " [b]y[/b]")
    display.stop()
    assert " [b]y[/b]" in stream.getvalue()
    assert "\x9b" not in stream.getvalue()
    assert "🏥" not in stream.getvalue()


@pytest.mark.parametrize("form", ["run", "pytest"])
def test_answer_reaches_no_output_raw(tmp_path: Path, form: str) -> None:
    """What styles, links and controls is text on the terminal, pytest's too, and in every report."""
    reason = f"the harness says {NASTY}"
    (tmp_path / "breaker.py").write_text(
        "from conformance.engine.session import Session\n"
        "from conformance.model.errors import ConformanceError\n"
        f"def fail(*_, **__): raise ConformanceError({reason!r})\n"
        "Session.send = fail\n",
        "utf-8",
    )
    suite = PACKAGE.parent / "suites" / "test_status_dashboard.py"
    command = {
        "run": ["-c", "import breaker; from conformance.cli import main; main()", "run", "status-dashboard"],
        "pytest": ["-m", "pytest", "-p", "breaker", "-p", "no:cacheprovider", str(suite)],
    }[form]
    done = subprocess.run(
        [sys.executable, *command, "--case", DASHBOARD, "--out", str(tmp_path / "reports")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{PACKAGE.parent}"},
        capture_output=True,
        timeout=120,
        check=False,
    )
    said = (done.stdout + done.stderr).decode("utf-8")
    assert "[link=http://x]y[/link] :hospital: \ufffd[31m" in said
    assert not OBEYED.search(said)
    [folder] = (tmp_path / "reports").iterdir()
    texts = [path for path in folder.rglob("*") if path.suffix in {".xml", ".json", ".jsonl", ".html"}]
    assert not [path for path in texts if OBEYED.search(path.read_text("utf-8"))]


# ------------------------------------------------------------------------------------------------------------ mechanism

OUTPUT = ("print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write", "traceback.print_exc")


def _calls(path: Path) -> Iterator[str]:
    """Yield the names of the functions that a module calls, as written."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield ast.unparse(node.func)


@pytest.mark.parametrize("path", [path for path in modules() if room(path) != "__main__"], ids=lambda path: path.name)
def test_nothing_is_printed_past_the_console(path: Path) -> None:
    """All output goes through `cli/console.py`, which knows no markup; Allure's report has a process of its own."""
    if path.name in {"console.py", "allure_report.py"}:
        return
    assert not set(OUTPUT) & set(_calls(path))


def test_consoles_and_rich_text_have_one_home() -> None:
    """Nobody else makes a console or parses markup: whoever does would have to think of foreign text himself."""
    for path in modules():
        names = set(imports(path))
        if path.name != "console.py":
            assert not {"rich.console.Console", "rich.text.Text", "rich.markup", "rich.print"} & names, path
        assert "from_markup" not in path.read_text("utf-8"), path


# ------------------------------------------------------------------------------------------------ consoles of all sorts


def _started(
    *arguments: str, cwd: Path, line: str = 'exec "$@"', **environment: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["sh", "-c", line, "sh", sys.executable, "-m", "conformance", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent), **environment},
        capture_output=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("environment", "encoding"),
    [
        ({"PYTHONIOENCODING": "cp1252"}, "cp1252"),
        ({"PYTHONIOENCODING": "ascii"}, "ascii"),
        ({"PYTHONIOENCODING": "utf-16"}, "utf-16"),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "ascii"),
        ({"LC_ALL": "xx_YY"}, "utf-8"),
        ({"TERM": "dumb"}, "utf-8"),
        ({"COLUMNS": "20"}, "utf-8"),
        ({"COLUMNS": "0", "TERM": ""}, "utf-8"),
    ],
    ids=lambda value: " ".join(f"{name}={text}" for name, text in value.items()) if isinstance(value, dict) else value,
)
def test_no_console_ends_a_command(tmp_path: Path, environment: dict[str, str], encoding: str) -> None:
    """What an encoding lacks is escaped; neither encoding nor locale nor size decides how a command ends."""
    done = _started("explain", "∃→é", cwd=tmp_path, **environment)
    assert done.returncode == 2
    words = done.stderr.decode(encoding)
    assert words.startswith("error: nothing is known by the id")
    done = _started("list", "errata", cwd=tmp_path, **environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode(encoding)


def test_what_an_encoding_lacks_is_escaped(tmp_path: Path) -> None:
    """A character that the console cannot show is its code, not a question mark."""
    done = _started("explain", "x→é", cwd=tmp_path, PYTHONIOENCODING="cp1252")
    assert "x\\u2192é" in done.stderr.decode("cp1252")


@pytest.mark.parametrize("closed", ["<&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_streams_that_were_never_open_are_no_error(tmp_path: Path, closed: str) -> None:
    """A command does its work whichever of its streams is closed from the start, a run too."""
    done = _started("run", "status-dashboard", "--case", DASHBOARD, cwd=tmp_path, line=f'exec "$@" {closed}')
    said = [line for line in done.stderr.splitlines() if not re.fullmatch(PROGRESS, line.decode())]
    assert (done.returncode, said) == (0, [])
    assert len(list(tmp_path.glob("reports/*/results.json"))) == 1


def test_no_color_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """With NO_COLOR nothing is bold either, also where colours are forced."""
    stream = io.StringIO()
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    styled = console.line_of(console.Styled("x", "bold red"))
    console.make_console(file=stream).print(styled)
    assert "\x1b[" in stream.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    plain = io.StringIO()
    console.make_console(file=plain).print(styled)
    assert plain.getvalue() == "x\n"


def test_click_says_what_was_expected(tmp_path: Path) -> None:
    """A number or a day that is none is told in words, and what came is no control sequence."""
    for arguments, words in (
        (("run", "--seed", "x"), "expected a whole number, not 'x'."),
        (("run", "--examples", "0"), "expected 1 or more, not 0."),
        (("mock", "--port", "99999"), "expected 0 to 65535, not 99999."),
        (("review", "--release", "soon"), "expected a day such as 2026-12-31, not 'soon'."),
    ):
        done = told(*arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert words in done.stderr
    assert "\x1b" not in told("run", "\x1b[31m", cwd=tmp_path).stderr


@pytest.mark.parametrize("error", [RuntimeError("x\ny"), RecursionError(), MemoryError(), OSError(28, "full", "file")])
def test_whatever_breaks_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """What nobody foresaw ends with 4 and one line, which says how to see more."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(explaining, "explain", fail)
    done = told("explain", "anything", cwd=tmp_path)
    assert done.returncode == 4
    [line] = done.stderr.splitlines()
    assert line.endswith("EHEALTH_TRACEBACK=1 shows the details")


BREAKER = """
import importlib, os
place, _, name = os.environ["BREAK"].partition(":")
owner = importlib.import_module(place)
*outer, last = name.split(".")
for part in outer:
    owner = getattr(owner, part)
def fail(*_, **__):
    raise RuntimeError("broken on purpose")
setattr(owner, last, fail)
"""
PLACES = (
    "conformance.engine.campaign:Campaign.run",
    "conformance.engine.campaign:open_campaign",
    "conformance.plugin.campaigns:write_outputs",
    "conformance.plugin.suites:SuiteRun.pytest_sessionstart",
    "conformance.cli.run:_RunDisplay.__call__",
    "conformance.cli.summary:print_summary",
)


@pytest.mark.parametrize("place", PLACES)
def test_a_run_that_breaks_says_so_without_a_traceback(tmp_path: Path, place: str) -> None:
    """Wherever the harness breaks in a run, the exit code is 4 and what broke is said, and nothing else."""
    (tmp_path / "breaker.py").write_text(BREAKER, "utf-8")
    program = "import breaker; from conformance.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "run", "status-dashboard", "--case", DASHBOARD],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{PACKAGE.parent}", "BREAK": place},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 4
    assert "Traceback" not in done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if not re.fullmatch(PROGRESS, line)]
    assert "broken on purpose" in lines[0]
    assert len([line for line in lines if line.startswith("error: ")]) == len(lines) <= 2


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("conformance.plugin.opening:begin_campaign", 4),
        ("conformance.plugin.opening:planned_run", 4),
        ("conformance.plugin.campaigns:write_outputs", 3),
    ],
)
def test_pytest_tells_what_breaks_in_a_line(tmp_path: Path, place: str, code: int) -> None:
    """In a session of the user's own pytest too: no traceback of the harness, and an exit code that is no verdict."""
    (tmp_path / "breaker.py").write_text(BREAKER, "utf-8")
    suite = PACKAGE.parent / "suites" / "test_status_dashboard.py"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "breaker", "-p", "no:cacheprovider", str(suite), "--case", DASHBOARD],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{PACKAGE.parent}", "BREAK": place},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code
    said = done.stdout + done.stderr
    assert "the harness itself failed: RuntimeError: broken on purpose" in said
    assert "Traceback" not in said
    assert "INTERNALERROR" not in said


# --------------------------------------------------------------------------------------------------------- what is left


def test_time_left_follows_the_rate_and_the_pace() -> None:
    """What is left is the requests still expected, each at the rate at least, or as slowly as they came so far."""
    pace = make_pace({"a": 20, "b": 80}, rate=10)
    assert pace.left(0) == pytest.approx(10)
    for _ in range(20):
        pace.exchange()
    pace.end("a")
    assert pace.left(1) == pytest.approx(8)
    assert pace.left(10) == pytest.approx(40)
    pace.end("b")
    assert pace.left(10) == 0


def test_time_left_is_not_guessed() -> None:
    """Without a rate, nothing is said until there is a pace."""
    pace = make_pace({"a": 100}, rate=None)
    assert pace.left(3) == 0
    for _ in range(10):
        pace.exchange()
    assert pace.left(1) == pytest.approx(9)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"),
        (0.4, "0 seconds"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7200, "2 hours"),
        (172800, "2 days"),
    ],
)
def test_span_has_singular_and_plural(seconds: float, words: str) -> None:
    """A length of time stands in its largest unit of which there are two."""
    assert span(seconds) == words


def test_usage_errors_stay_one_line_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several mistakes are several lines, whatever line feeds they quote."""

    def fail(*_: object) -> None:
        raise UsageError(["a\nb", "c"])

    monkeypatch.setattr(explaining, "explain", fail)
    assert told("explain", "x", cwd=tmp_path).stderr == "error: a\ufffdb\nerror: c\n"
