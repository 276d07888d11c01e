"""Turns a target file's references to secrets into the secrets: environment variables, files, commands.

No message says more of a secret than that it is missing. Must not keep a secret nor write one down.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from conformance.credentials.secret_command import SecretCommand
from conformance.evidence.redaction import SHORTEST_SECRET, Redactor
from conformance.files.reading import UnreadableFileError, read_bounded
from conformance.model.errors import SecretError
from conformance.target.policy import LOCAL

COMMAND_SECONDS = 30.0
"""How long a command may take to print a secret."""
LARGEST_SECRET = 64 * 2**10
"""Bytes that a secret may have."""
_FORMS = "write {env: NAME}, {file: PATH} or {command: [PROGRAM, ARGUMENT, ...]}"


def resolve(
    reference: str | Mapping[str, Any],
    folder: Path,
    where: str,
    if_empty: Callable[[], str] = lambda: "put the secret there",
) -> str:
    """Return the secret that a reference stands for: a literal, `{env}`, `{file}` or `{command}`.

    Files are relative to `folder`, where commands run too. One line end after a file's or a
    command's text is no part of the secret. Raises SecretError, which begins with `where`; `if_empty` says what to do
    about a secret that is empty.
    """
    try:
        return _checked(_look_up(reference, folder), if_empty)
    except SecretError as error:
        raise SecretError(
            [f"{where}: {problem}" for problem in error.problems]
        ) from None


def demand_length(secret: str, environment: str, where: str) -> None:
    """Raise SecretError where a secret is too short to be told from ordinary text in what a service answers.

    It could not be kept out of what a run writes; on a local target it may be any.
    """
    if environment != LOCAL and len(secret) < SHORTEST_SECRET:
        raise SecretError(
            f"{where}: the secret has fewer than {SHORTEST_SECRET} characters, so that it could not be kept out of "
            f"what a run writes down; take one of at least {SHORTEST_SECRET} (a key store can be saved with another)"
        )


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


def _checked(secret: str, if_empty: Callable[[], str]) -> str:
    if not secret.strip():
        raise SecretError(f"the secret is empty; {if_empty()}")
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
    name = repr(_shown(argv[0]))
    return SecretCommand(argv, folder, name, COMMAND_SECONDS, LARGEST_SECRET).run()
