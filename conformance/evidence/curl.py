"""Writes a recorded request as a `curl` command that a person can run, with variables in the place of credentials.

A record may be of anybody's making: nothing of it reaches a shell, or curl's own reading of its options, but as text.
Must not resolve credentials.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from conformance.evidence.store import Record

LONGEST_BODY = 4096
"""Characters of a body that a command line holds."""

_ADDED_BY_CURL = ("User-Agent", "Accept")
"""Header fields that curl adds unless an empty one stands in their place; with a body, Content-Type too."""
_CREDENTIALS = ('{"secret": "unknown"}', '{"assertion":')
"""References that the redactor leaves in a body, which no shell variable can stand for."""
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""A method, or the name of a header field (RFC 9110, 5.6.2); it cannot begin with @, which curl takes for a file."""
_PLAIN = re.compile(r"[A-Za-z0-9_-]*")
"""What a shell takes as it is, between double quotes too."""
_FRAMING = frozenset({"content-length", "transfer-encoding"})
"""Header fields that say where a body ends, which curl decides by itself."""
_NOT_IN_ADDRESS = frozenset(" #@\\")
"""What curl does not send as it stands in an address."""
_GLOBBING = frozenset("[]{}")


def curl_line(record: Record) -> str:
    """Return a recorded request as a command for a shell (POSIX), in one line.

    "" where none sends the same: a body is too long, binary, or holds a credential, and a header field, a method or an
    address is none that curl sends as it is.
    """
    request = record["request"]
    body = request["body"].get("text")
    if body is None or not _fits_a_line(body) or not _is_sendable(request):
        return ""
    parts = ["curl", "-i", *_method(request["method"], with_body=bool(body))]
    parts += _address_options(request["url"])
    parts += _headers(request["headers"], with_body=bool(body))
    before = ""
    if body.isprintable():
        parts += ["--data-raw", shlex.quote(body)] if body else []
    else:
        before = f"printf {shlex.quote(_as_format(body))} | "
        parts += ["--data-binary", "@-"]
    return before + " ".join([*parts, shlex.quote(request["url"])])


def variables(record: Record) -> dict[str, Mapping[str, Any]]:
    """Return the shell variables that a command has in the place of credentials, each with its reference."""
    values = (value for _, value in record["request"]["headers"])
    return {_variable(value): value for value in values if not isinstance(value, str)}


def _fits_a_line(body: str) -> bool:
    holds_credential = any(reference in body for reference in _CREDENTIALS)
    return len(body) <= LONGEST_BODY and not holds_credential


def _is_sendable(request: Mapping[str, Any]) -> bool:
    """Tell whether curl sends method, address and header fields as they are recorded."""
    url = request["url"]
    is_web = url.startswith(("http://", "https://"))  # no file:, and no option
    if not (is_web and _is_line(url)) or _NOT_IN_ADDRESS & set(url):
        return False
    names = [name for name, _ in request["headers"]]
    texts = [_said(value) for _, value in request["headers"]]
    tokens = all(map(_TOKEN.fullmatch, [request["method"], *names]))
    framed = _FRAMING & {name.lower() for name in names}
    return tokens and not framed and all(map(_is_line, texts))


def _said(value: str | Mapping[str, Any]) -> str:
    """Return what a header field says before a credential, or says at all."""
    if isinstance(value, str):
        return value
    scheme = value.get("scheme", "")
    return scheme if isinstance(scheme, str) else ""


def _is_line(text: str) -> bool:
    """Tell whether a text is of visible ASCII and spaces, which any shell and any locale leave as they are."""
    return text.isascii() and text.isprintable() and text == text.strip()


def _method(method: str, *, with_body: bool) -> Iterator[str]:
    if method == "HEAD" and not with_body:
        yield "--head"  # with -X, curl would wait for a body
    elif method != "GET" or with_body:
        yield from ("-X", shlex.quote(method))


def _address_options(url: str) -> Iterator[str]:
    """Yield what keeps curl from reading more into an address than stands there."""
    if url.startswith("https:"):
        yield "--http1.1"  # as it was sent
    if _GLOBBING & set(url):
        yield "--globoff"
    if "/." in urlsplit(url).path:
        yield "--path-as-is"


def _as_format(body: str) -> str:
    """Return what `printf` writes as the body: octal for what a terminal would obey, on one line."""
    if body.startswith("-"):  # no option of printf
        return "\\055" + _as_format(body[1:])
    return "".join(map(_format_character, body))


def _format_character(character: str) -> str:
    if character in "%\\":
        return character * 2
    if character.isprintable():
        return character
    return "".join(
        f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogatepass")
    )


def _headers(
    headers: Iterable[tuple[str, str | Mapping[str, Any]]], *, with_body: bool
) -> Iterator[str]:
    """Yield the options for the recorded header fields, and for leaving out those that curl would add."""
    added = {name.lower(): name for name in _ADDED_BY_CURL}
    if with_body:
        added["content-type"] = "Content-Type"
    for name, value in headers:
        added.pop(name.lower(), None)
        if name.lower() == "accept-encoding":
            yield "--compressed"
        else:
            yield from ("-H", _header(name, value))
    for name in added.values():
        yield from ("-H", shlex.quote(f"{name}:"))


def _header(name: str, value: str | Mapping[str, Any]) -> str:
    """Return a header in quotes, the reference to a token as a shell variable such as $TOKEN_CITIZEN."""
    if isinstance(value, str):
        return shlex.quote(f"{name}: {value}" if value else f"{name};")
    scheme = _said(value)
    before = f"{name}: {scheme} " if scheme else f"{name}: "
    if _PLAIN.fullmatch(name) and _PLAIN.fullmatch(scheme):
        return f'"{before}${_variable(value)}"'
    return f'{shlex.quote(before)}"${_variable(value)}"'


def _variable(reference: Mapping[str, Any]) -> str:
    """Return the name of the variable for a token: letters of ASCII, digits and underscores only."""
    given = [reference[key] for key in ("token", "altered") if key in reference]
    words = ["TOKEN", *map(str, given or ["unknown"])]
    return re.sub("[^A-Z0-9]+", "_", "_".join(words).upper())
