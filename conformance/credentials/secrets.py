"""Turns a target file's references to secrets into the secrets: environment variables, files, commands.

No message says more of a secret than that it is missing. Must not keep a secret nor write one down.
"""

import os
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from conformance.evidence.redaction import Redactor
from conformance.files.reading import UnreadableFileError, read_bounded
from conformance.model.errors import SecretError

COMMAND_SECONDS = 30.0
"""How long a command may take to print a secret."""
LARGEST_SECRET = 64 * 2**10
"""Bytes that a secret may have."""
_FORMS = "write {env: NAME}, {file: PATH} or {command: [PROGRAM, ARGUMENT, ...]}"


def resolve(reference: str | Mapping[str, Any], folder: Path, where: str) -> str:
    """Return the secret that a reference stands for: a literal, `{env}`, `{file}` or `{command}`.

    Files are relative to `folder`, where commands run too. One line end after a file's or a
    command's text is no part of the secret. Raises SecretError, which begins with `where`.
    """
    try:
        return _checked(_look_up(reference, folder))
    except SecretError as error:
        raise SecretError(
            [f"{where}: {problem}" for problem in error.problems]
        ) from None


def read_file(path: Path, limit: int) -> bytes:
    """Return a file's bytes; raises SecretError where it is missing, no file, unreadable or larger than `limit`."""
    try:
        return read_bounded(path, limit)
    except UnreadableFileError as error:
        raise SecretError(error.about(_shown(path))) from None


def _look_up(reference: str | Mapping[str, Any], folder: Path) -> str:
    match reference:
        case str():
            return reference
        case {"env": str(name)} if len(reference) == 1:
            return _from_environment(name)
        case {"file": str(name)} if len(reference) == 1:
            path = folder / name
            return _text(read_file(path, LARGEST_SECRET), _shown(path))
        case {"command": [str(program), *arguments]} if len(reference) == 1:
            if all(isinstance(argument, str) for argument in arguments):
                output = _run([program, *arguments], folder)
                return _text(output, f"what the command {_shown(program)!r} prints")
    raise SecretError(f"this is no reference to a secret; {_FORMS}")


def _checked(secret: str) -> str:
    if not secret.strip():
        raise SecretError("the secret is empty; put the secret there")
    try:
        secret.encode()
    except UnicodeEncodeError:
        raise SecretError("the secret is not UTF-8 text; save it as UTF-8") from None
    return secret


def _from_environment(name: str) -> str:
    try:
        return os.environ[name]
    except (KeyError, ValueError):
        raise SecretError(
            f"the environment variable {_shown(name)!r} is not set; set it before the run"
        ) from None


def _text(raw: bytes, name: str) -> str:
    """Return the text of a file or an output without byte order mark and without its last line end."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SecretError(f"{name} is not UTF-8 text; save it as UTF-8") from None
    if not text.endswith("\n"):
        return text
    return text.removesuffix("\n").removesuffix("\r")


def _shown(name: str | Path) -> str:
    """Return a name fit for a message, even where the file has a token in its place."""
    return Redactor().text(str(name))


def _run(argv: list[str], folder: Path) -> bytes:
    """Return what a program prints; without a shell, so that nothing in an argument means anything to one."""
    name = repr(_shown(argv[0]))
    try:
        # Both its complaints and its questions may hold the secret, so neither reaches the terminal.
        process = subprocess.Popen(  # noqa: S603 - the user's own command, which is what was asked for
            argv,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        raise SecretError(
            f"there is no program {name}; install it or correct the path"
        ) from None
    except OSError as error:
        raise SecretError(
            f"the command {name} cannot be run: {error.strerror}; correct it"
        ) from None
    except ValueError:  # a NUL or a lone surrogate
        raise SecretError(
            f"the command {name} cannot be run: no argument may have such characters; correct them"
        ) from None
    try:
        output = _output(process, name)
    finally:
        process.kill()  # no effect on a process that has ended
        process.wait()
    if process.returncode:
        raise SecretError(
            f"the command {name} {_ending(process.returncode)}; run it by hand to see why"
        )
    return output


def _output(process: subprocess.Popen[bytes], name: str) -> bytes:
    """Return what a process prints until it ends; raises SecretError where that is too much or takes too long."""
    deadline = time.monotonic() + COMMAND_SECONDS
    kept: list[bytes] = []
    # A thread, since no other way to read a pipe within a time limit works on every system. It is the thread that
    # closes the pipe, because a grandchild may hold the other end for longer than the limit.
    reader = threading.Thread(
        target=_read, args=(process.stdout, kept), name="secret", daemon=True
    )
    reader.start()
    reader.join(COMMAND_SECONDS)
    too_late = SecretError(
        f"the command {name} did not end within {COMMAND_SECONDS:g} s; let it print the secret without asking anything"
    )
    if reader.is_alive():
        raise too_late
    if len(kept[0]) > LARGEST_SECRET:
        raise SecretError(
            f"the command {name} prints over {LARGEST_SECRET} bytes; let it print the secret alone"
        )
    try:
        process.wait(max(deadline - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        raise too_late from None
    return kept[0]


def _read(pipe: IO[bytes], kept: list[bytes]) -> None:
    with pipe:
        kept.append(pipe.read(LARGEST_SECRET + 1))


def _ending(status: int) -> str:
    if status > 0:
        return f"ended with status {status}"
    return f"was ended by signal {-status}"
