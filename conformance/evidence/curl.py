"""Writes a recorded request as a `curl` command that a person can run, with variables in the place of credentials.

Must not resolve credentials.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from conformance.evidence.store import Record

LONGEST_BODY = 4096
"""Characters of a body that a command line holds."""

_ADDED_BY_CURL = ("User-Agent", "Accept")
"""Header fields that curl adds unless an empty one stands in their place; with a body, Content-Type too."""
_CREDENTIALS = ('{"secret": "unknown"}', '{"assertion":')
"""References that the redactor leaves in a body, which no shell variable can stand for."""


def curl_line(record: Record) -> str:
    """Return a recorded request as a command; "" where its body is too long, binary, or holds a credential."""
    request = record["request"]
    body = request["body"].get("text")
    if body is None or not _fits_a_line(body):
        return ""
    parts = ["curl", "-i"]
    if request["method"] != "GET" or body:
        parts += ["-X", request["method"]]
    parts += _headers(request["headers"], with_body=bool(body))
    if body:
        parts += ["--data-raw", shlex.quote(body)]
    return " ".join([*parts, shlex.quote(request["url"])])


def _fits_a_line(body: str) -> bool:
    holds_credential = any(reference in body for reference in _CREDENTIALS)
    return len(body) <= LONGEST_BODY and not holds_credential


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
    words = [value[key] for key in ("token", "altered") if key in value] or ["unknown"]
    variable = re.sub("[^A-Z0-9]+", "_", "_".join(["TOKEN", *words]).upper())
    scheme = f"{value['scheme']} " if value.get("scheme") else ""
    return f'"{name}: {scheme}${variable}"'
