"""Tests of secrets by reference: every way to name one, every way to fail, and nothing of it in any message."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.credentials import secrets
from conformance.credentials.secrets import LARGEST_SECRET, demand_length, read_file, resolve
from conformance.model.errors import SecretError

WHERE = "target.yaml:12: tokens.citizen"
JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl"
NAME = "EHEALTH_CONFORMANCE_TEST_SECRET"


def python(code: str, *arguments: str) -> dict[str, list[str]]:
    """Return a reference to a command that runs Python code."""
    return {"command": [sys.executable, "-c", code, *arguments]}


def printing(secret: str, more: str = "") -> dict[str, list[str]]:
    """Return a reference to a command that prints a secret to both of its streams, and then does more."""
    text = secret.encode().hex()
    code = f"import os; s = bytes.fromhex('{text}'); os.write(2, s); os.write(1, s + b'\\n'); {more or 'pass'}"
    return python(code)


def complaint(reference: Any, folder: Path = Path()) -> str:  # noqa: ANN401 - a file's data
    """Return what is said of a reference that cannot be resolved."""
    with pytest.raises(SecretError) as caught:
        resolve(reference, folder, WHERE)
    (problem,) = caught.value.problems
    assert problem.startswith(f"{WHERE}: ")
    return problem.removeprefix(f"{WHERE}: ")


def test_literal_is_the_secret_itself(tmp_path: Path) -> None:
    """A text means nothing but itself, whatever it looks like."""
    for text in ("secret", "$HOME", "{env: HOME}", " padded "):
        assert resolve(text, tmp_path, WHERE) == text


def test_environment_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable's value is taken as it stands, anew each time."""
    for value in ("first", "second "):
        monkeypatch.setenv(NAME, value)
        assert resolve({"env": NAME}, Path(), WHERE) == value


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"secret", "secret"),
        (b"secret\n", "secret"),
        (b"secret\r\n", "secret"),
        (b"secret\r", "secret\r"),
        (b"secret\n\n", "secret\n"),
        (b" secret ", " secret "),
        (b"\xef\xbb\xbfsecret\n", "secret"),
        ("geheimé\n".encode(), "geheimé"),
        (b"s" * LARGEST_SECRET, "s" * LARGEST_SECRET),
    ],
    ids=["bare", "line", "Windows line", "carriage return", "two lines", "blanks", "mark", "accent", "largest"],
)
def test_file_is_read_relative_to_the_folder(tmp_path: Path, content: bytes, secret: str) -> None:
    """A file's text without byte order mark and one line end is the secret, beside the target or anywhere."""
    (tmp_path / "secret.txt").write_bytes(content)
    assert resolve({"file": "secret.txt"}, tmp_path, WHERE) == secret
    assert resolve({"file": str(tmp_path / "secret.txt")}, Path("elsewhere"), WHERE) == secret


def test_command_prints_the_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command runs in the target's folder with the environment of the harness, and nothing to read."""
    monkeypatch.setenv(NAME, "inherited")
    code = f"import os, sys; print(os.environ['{NAME}'], os.getcwd(), sys.stdin.read(), sep='|')"
    assert resolve(python(code), tmp_path, WHERE) == f"inherited|{tmp_path}|"


PASSED_ON = st.characters(codec=sys.getfilesystemencoding(), exclude_characters="\0")
"""What this system can pass on to a program; in the locale C that is ASCII."""


@given(st.lists(st.text(PASSED_ON, max_size=20), max_size=4))
@settings(max_examples=15, deadline=None)
def test_no_argument_means_anything_to_a_shell(arguments: list[str]) -> None:
    """Arguments reach the program as they are written."""
    code = "import os, sys; os.write(1, b'|'.join(os.fsencode(a).hex().encode() for a in sys.argv[1:]) + b'.')"
    printed = resolve(python(code, *arguments), Path(), WHERE).removesuffix(".")
    assert printed == "|".join(os.fsencode(argument).hex() for argument in arguments)


@pytest.mark.parametrize("argument", ["; touch broken", "$(touch broken)", "`touch broken`", "| touch broken", "\n:"])
def test_injection_is_literal(tmp_path: Path, argument: str) -> None:
    """What would be a second command to a shell is an argument like any other, and no program of that name exists."""
    assert resolve(python("import sys; print(sys.argv[1])", argument), tmp_path, WHERE) == argument
    assert "there is no program" in complaint({"command": [f"true{argument}"]}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_command_without_path_is_relative_to_the_folder(tmp_path: Path) -> None:
    """A program beside the target file is found there."""
    script = tmp_path / "get-token"
    script.write_text("#!/bin/sh\necho secret\n")
    script.chmod(0o700)
    assert resolve({"command": ["./get-token"]}, tmp_path, WHERE) == "secret"


MISSING: Mapping[str, tuple[Any, str]] = {
    "variable": ({"env": NAME}, f"the environment variable '{NAME}' is not set; set it"),
    "variable with NUL": ({"env": "A\0B"}, "is not set"),
    "variable beyond Unicode": ({"env": "\ud800"}, "is not set"),
    "file": ({"file": "nowhere.txt"}, "nowhere.txt: there is no such file"),
    "folder": ({"file": "."}, "is not a file"),
    "file below a file": ({"file": "empty/secret"}, "cannot be read: Not a directory"),
    "path with NUL": ({"file": "a\0b"}, "a\\0b is not the name of a file; correct it"),
    "long path": ({"file": "a" * 5000}, "cannot be read: File name too long"),
    "empty file": ({"file": "empty"}, "the secret is empty"),
    "blank file": ({"file": "blank"}, "the secret is empty"),
    "binary file": ({"file": "binary"}, "binary is not UTF-8 text"),
    "large file": ({"file": "large"}, f"is larger than {LARGEST_SECRET} bytes"),
    "program": ({"command": ["no-such-program"]}, "there is no program 'no-such-program'"),
    "program is a folder": ({"command": ["/"]}, "the command '/' cannot be run: Permission denied"),
    "argument with NUL": ({"command": ["true", "\0"]}, "no argument may have such characters"),
    "status": (python("raise SystemExit(3)"), "ended with status 3; run it by hand"),
    "signal": (python("import os; os.kill(os.getpid(), 9)"), "was ended by signal 9"),
    "nothing printed": (python("pass"), "the secret is empty"),
    "binary printed": (python("import os; os.write(1, b'\\xff')"), "prints is not UTF-8 text"),
    "much printed": (python(f"print('s' * {LARGEST_SECRET})"), f"prints over {LARGEST_SECRET} bytes"),
    "endless": (python("while True: print('s')"), f"prints over {LARGEST_SECRET} bytes"),
    "empty literal": ("", "the secret is empty"),
    "literal beyond Unicode": ("\ud800", "the secret is not UTF-8 text"),
    "number": (5, "no reference to a secret; write {env: NAME}"),
    "list": (["env", NAME], "no reference"),
    "empty": ({}, "no reference"),
    "two at once": ({"env": NAME, "file": "x"}, "no reference"),
    "unknown": ({"variable": NAME}, "no reference"),
    "variable is a number": ({"env": 5}, "no reference"),
    "empty command": ({"command": []}, "no reference"),
    "command line": ({"command": "echo secret"}, "no reference"),
    "argument is a number": ({"command": ["echo", 5]}, "no reference"),
}


@pytest.mark.parametrize(("reference", "message"), MISSING.values(), ids=MISSING)
def test_what_is_missing_is_named_with_a_remedy(tmp_path: Path, reference: object, message: str) -> None:
    """Every way to miss a secret says where, what, and what to do about it."""
    for name, content in {"empty": b"", "blank": b" \n", "binary": b"\xff\xfe", "large": b"s" * (2**16 + 1)}.items():
        (tmp_path / name).write_bytes(content)
    problem = complaint(reference, tmp_path)
    assert message in problem
    assert ";" in problem


def test_unreadable_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that this user may not read is said to be so."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "secret").write_text("secret")
    monkeypatch.setattr("os.open", refuse)
    assert complaint({"file": "secret"}, tmp_path).endswith(
        "secret cannot be read: Permission denied; let this user read it"
    )


def test_pipe_is_no_file(tmp_path: Path) -> None:
    """A named pipe that nobody writes to is refused instead of waited for."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SecretError, match="is not a file"):
        read_file(tmp_path / "pipe", 10)


WIDE = 60
"""Seconds in which a busy machine, too, has noticed a limit of half a second; what is ended sleeps much longer."""
SLEEP = f"import time; time.sleep({10 * WIDE})"
ORPHAN = f"import time; time.sleep({2 * WIDE})"
SLOW: Mapping[str, dict[str, list[str]]] = {
    "hangs": python(SLEEP),
    "hangs after the secret": printing("s3cr3t-value", SLEEP),
    "hangs after closing its output": printing("s3cr3t-value", f"os.close(1); {SLEEP}"),
    "leaves a child with its output": printing(
        "s3cr3t-value", f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {ORPHAN!r}])"
    ),
}


@pytest.mark.parametrize("reference", SLOW.values(), ids=SLOW)
def test_command_that_does_not_end_is_ended(reference: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """A command gets its time and no more, whatever it or its children hold on to."""
    monkeypatch.setattr(secrets, "COMMAND_SECONDS", 0.5)
    started = time.monotonic()
    problem = complaint(reference)
    assert time.monotonic() - started < WIDE
    assert "did not end within 0.5 s" in problem
    assert "s3cr3t" not in problem


FAMILY = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdout=subprocess.DEVNULL)
open("started", "w").write(f"{os.getpid()} {child.pid}")
os.rename("started", "family")
"""
"""A program that leaves a child, and writes down who belongs to it."""


def family(folder: Path) -> list[int]:
    """Return the processes that the program has written down, once it has."""
    path = folder / "family"
    deadline = time.monotonic() + WIDE
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return [int(number) for number in path.read_text().split()]


def assert_ended(processes: list[int]) -> None:
    """Assert that none of some processes is there any more, but for those that nobody has asked for their status."""
    deadline = time.monotonic() + WIDE
    for number in processes:
        while _is_alive(number):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def _is_alive(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


ENDINGS: Mapping[str, str] = {
    "at its end": "print('s3cr3t-value')",
    "after an error": "raise SystemExit(3)",
    "when it prints too much": f"print('s' * {2 * LARGEST_SECRET}, flush=True); time.sleep(600)",
    "when its time is over": "time.sleep(600)",
}


@pytest.mark.parametrize("more", ENDINGS.values(), ids=ENDINGS)
def test_command_is_ended_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str) -> None:
    """However a command ends, what it has started does not live on."""
    if "sleep" in more and "print" not in more:
        monkeypatch.setattr(secrets, "COMMAND_SECONDS", 2.0)
    with contextlib.suppress(SecretError):
        resolve(python(FAMILY + more), tmp_path, WHERE)
    assert_ended(family(tmp_path))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_is_ended_when_the_harness_is(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM, while a command is waited for, end its children too."""
    code = f"""
from pathlib import Path
from conformance.credentials.secrets import resolve
resolve({python(FAMILY + "time.sleep(600)")!r}, Path({str(tmp_path)!r}), "here")
"""
    harness = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
    with harness:
        processes = family(tmp_path)
        assert all(map(_is_alive, processes))
        harness.send_signal(number)
        _, complaints = harness.communicate(timeout=WIDE)
    assert b"KeyboardInterrupt" in complaints
    assert_ended(processes)


def test_command_has_no_terminal(tmp_path: Path) -> None:
    """A command that would ask on the terminal is told that there is none, and does not wait for an answer."""
    asking = "try: open('/dev/tty')\nexcept OSError: print('none')"
    assert resolve(python(asking), tmp_path, WHERE) == "none"


def test_signals_stay_as_they_were(tmp_path: Path) -> None:
    """After a command the harness handles signals as before."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    resolve(python("print('s3cr3t-value')"), tmp_path, WHERE)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_token_in_the_place_of_a_name_is_not_repeated(tmp_path: Path) -> None:
    """Who writes a token where a variable, file or program belongs does not find it in the message."""
    for reference in ({"env": JWT}, {"file": JWT}, {"command": [JWT]}, {"token": JWT}, {"env": JWT, "file": JWT}):
        assert JWT not in complaint(reference, tmp_path)
        assert "c2lnbmF0dXJl" not in complaint(reference, tmp_path)


@given(secret=st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=12, max_size=60))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_message_holds_the_secret(tmp_path: Path, secret: str) -> None:
    """Whatever goes wrong after a secret was seen, neither the error nor its traceback shows any of it."""
    files = {"latin": secret.encode() + b"\xff", "large": (secret * 2**13).encode()[: 2**16 + 1] + b"s" * 2**16}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    references: list[Any] = [
        {"file": "latin"},
        {"file": "large"},
        {"secret": secret},
        {"env": NAME, "literal": secret},
        {"command": secret},
        {"command": [sys.executable, "-c", "raise SystemExit(1)", secret]},
        printing(secret, "raise SystemExit(1)"),
        printing(secret, "os.write(1, b'\\xff')"),
        secret + "\ud800",
    ]
    for reference in references:
        with pytest.raises(SecretError) as caught:
            resolve(reference, tmp_path, WHERE)
        text = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(caught.value.problems)
        assert secret not in text
        assert secret[:12] not in text


@pytest.mark.parametrize("environment", ["simulation", "integration", "acceptance", "production"])
def test_secret_that_is_too_short_to_be_kept_out_of_a_record_is_refused(environment: str) -> None:
    """Outside local the message has the place and the remedy, and not the secret; locally anything goes."""
    with pytest.raises(SecretError, match=r"fewer than 6 characters.*take one of at least 6") as caught:
        demand_length("xq7zk", environment, WHERE)
    assert str(caught.value).startswith(WHERE)
    assert "xq7zk" not in str(caught.value)
    demand_length("xq7zk", "local", WHERE)
    demand_length("xq7zkw", environment, WHERE)
