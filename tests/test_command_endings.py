"""However a command ends, its exit code is one of the interface's: wrong words, Ctrl-C, a closed pipe, a defect."""

import errno
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import click
import pytest

from conformance.catalogue import explaining
from conformance.cli import main
from conformance.cli.closed_pipes import PipeSafeStream
from conformance.model.errors import ConformanceError, CredentialRefusedError, UsageError
from tests.campaigns import told
from tests.peers import status_dashboard
from tests.test_cli import target_file


def unread(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line with a standard output whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            [sys.executable, "-m", "conformance", *map(str, arguments)],
            cwd=cwd,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        os.close(writer)


def raising(error: BaseException) -> object:
    """Return a function that raises an error, whatever it is called with."""

    def fail(*_: object) -> NoReturn:
        raise error

    return fail


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["list", "cases"],
        ["list", "cases", "--format", "json"],
        ["list", "cases", "--format", "csv"],
        ["explain", "status-dashboard"],
        ["init"],
        ["lint"],
    ],
)
def test_closed_pipe_ends_quietly(tmp_path: Path, arguments: list[str]) -> None:
    """Who has read enough, as `head` does, is no error, and nothing is said of it."""
    done = unread(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [["--help"], ["list", "services"], ["list", "cases", "--format", "csv"]])
def test_output_that_was_never_open_is_no_error(tmp_path: Path, arguments: list[str]) -> None:
    """With standard output closed from the start (`>&-`), as some daemons have it, a command does its work."""
    command = [sys.executable, "-m", "conformance", *arguments]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *command],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_run_into_a_closed_pipe_goes_on(tmp_path: Path) -> None:
    """A run does not end with its reader: it writes its run folder, and its exit code is that of its verdict."""
    with status_dashboard.serve("item-status-4") as address:
        target = target_file(tmp_path, address)
        done = unread("run", "--target", target, "--case", "status-dashboard/7.2/dashboard", cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(list((tmp_path / "reports").glob("*/report.html"))) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("arguments", [["list", "cases"], ["--help"], ["list", "cases", "--format", "json"]])
def test_full_output_ends_with_one_line(tmp_path: Path, arguments: list[str]) -> None:
    """An output with no room is an error of the harness's surroundings, in one line and without a traceback."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "conformance", *arguments],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 4
    assert done.stderr.splitlines() == [
        "error: the output could not be written: No space left on device; make room, or write it elsewhere"
    ]


@pytest.mark.parametrize("number", [errno.EIO, errno.EPIPE, errno.ENOSPC])
def test_stream_drops_what_cannot_be_written(tmp_path: Path, number: int) -> None:
    """A terminal that is gone is no trouble, a full disk is; neither is an error of whoever writes."""

    class Broken(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(number, os.strerror(number))

    with (tmp_path / "x").open("w", encoding="utf-8") as file:
        broken = Broken()
        broken.fileno = file.fileno  # type: ignore[method-assign]
        stream = PipeSafeStream(broken)
        assert stream.write("abc") == 3
    trouble = stream.trouble.errno if stream.trouble else None
    assert trouble == (errno.ENOSPC if number == errno.ENOSPC else None)


INTERRUPTED_AT = """
import os, signal, sys

NAME = sys.argv.pop(1)

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == NAME:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
from conformance.__main__ import main
main()
"""


@pytest.mark.parametrize(
    "module", ["conformance.cli", "click", "conformance.cli.list", "conformance.catalogue.listing", "yaml"]
)
def test_interruption_while_the_command_loads_ends_with_a_word(tmp_path: Path, module: str) -> None:
    """Ctrl-C before the work has begun is told in a line, with 130 and not by the signal."""
    command = [sys.executable, "-c", INTERRUPTED_AT, module, "list", "cases"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr.strip().splitlines()) == (130, ["interrupted"])


def test_stream_drops_what_nobody_reads() -> None:
    """After its pipe is closed, a stream takes text as if it were written."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as file:
        stream = PipeSafeStream(file)
        assert stream.write("a" * 100_000) == 100_000
        stream.flush()
        assert stream.write("b") == 1
        stream.flush()


def test_stream_passes_on_what_the_stream_has() -> None:
    """All else is the stream's own affair."""
    stream = PipeSafeStream(sys.__stdout__)  # type: ignore[arg-type]
    assert stream.encoding == sys.__stdout__.encoding  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lisst", "there is no command 'lisst'; did you mean 'list'?"),
        ("Run", "there is no command 'Run'; did you mean 'run'?"),
        ("xyzzy", "there is no command 'xyzzy'; known are: explain, init, "),
    ],
)
def test_unknown_command_gets_a_suggestion(tmp_path: Path, name: str, message: str) -> None:
    """A slip in a command's name is wrong input; the nearest name is offered."""
    done = told(name, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr


def test_unknown_option_is_wrong_input(tmp_path: Path) -> None:
    """An option that does not exist is wrong input, of the group as of a command."""
    for arguments in (["--nonsense"], ["list", "cases", "--nonsense"]):
        done = told(*arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert "--nonsense" in done.stderr


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("command", [[], ["run"]])
def test_help_has_a_short_form(tmp_path: Path, command: list[str], option: str) -> None:
    """`-h` is `--help`, for every command."""
    done = told(*command, option, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: ehealth-conformance" in done.stdout


def test_module_runs_as_the_command_does(tmp_path: Path) -> None:
    """`python -m conformance` is the command."""
    done = subprocess.run(
        [sys.executable, "-m", "conformance", "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, told("--version", cwd=tmp_path).stdout)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UsageError(["first mistake", "second mistake"]), 2, "error: first mistake\nerror: second mistake\n"),
        (click.FileError("x", "no such file"), 2, "no such file"),
        (CredentialRefusedError("refused"), 3, "error: refused\n"),
        (ConformanceError("broken"), 4, "error: broken\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (OSError(28, "No space left on device"), 4, "No space left on device"),
        (ZeroDivisionError("oh"), 4, "error: the harness itself failed: ZeroDivisionError: oh ("),
        (RecursionError("deep"), 4, "error: the harness itself failed: RecursionError: deep ("),
        (MemoryError(), 4, "error: the harness itself failed: MemoryError ("),
        (SystemExit(1), 4, ""),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_error_has_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, message: str
) -> None:
    """Only what the interface calls a failure ends with 1; whatever breaks in the harness ends with 4."""
    monkeypatch.setattr(explaining, "explain", raising(error))
    done = told("explain", "anything", cwd=tmp_path)
    assert done.returncode == code
    assert message in done.stderr


def test_interruption_is_said_in_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is no error of anybody's."""
    monkeypatch.setattr(explaining, "explain", raising(KeyboardInterrupt()))
    assert told("explain", "anything", cwd=tmp_path).stderr.strip() == "interrupted"


def test_only_who_asks_for_a_traceback_gets_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken harness is one line, which says how to see where it broke; a user's mistake has nothing more to show."""
    monkeypatch.setattr(explaining, "explain", raising(ZeroDivisionError("oh")))
    [line] = told("explain", "anything", cwd=tmp_path).stderr.splitlines()
    assert line.endswith("; please report it; EHEALTH_TRACEBACK=1 shows the details")
    monkeypatch.setenv("EHEALTH_TRACEBACK", "1")
    assert "Traceback" in told("explain", "anything", cwd=tmp_path).stderr
    monkeypatch.setattr(explaining, "explain", raising(UsageError("mistake")))
    assert "Traceback" not in told("explain", "anything", cwd=tmp_path).stderr


def test_foreign_words_are_no_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an error quotes is printed as it is, without what a terminal would obey."""
    monkeypatch.setattr(explaining, "explain", raising(UsageError("[bold]x[/] \x1b[31m")))
    assert told("explain", "anything", cwd=tmp_path).stderr == "error: [bold]x[/] \ufffd[31m\n"


def test_caller_who_asks_for_errors_gets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without click's standalone mode, errors pass through and nothing exits."""
    monkeypatch.setattr(explaining, "explain", raising(UsageError("mistake")))
    with pytest.raises(UsageError):
        main(["explain", "anything"], standalone_mode=False)
    with pytest.raises(UsageError):
        main.main(["explain", "anything"], standalone_mode=False)
