"""Writes a recorded request as a `curl` command that a person can run, with variables in the place of credentials.

Must not resolve credentials.
"""

import re
import shlex
from collections.abc import Mapping
from typing import Any

from conformance.evidence.store import Record

LONGEST_BODY = 4096
"""Characters of a body that a command line holds."""

_OWN = ("User-Agent", "Accept")
"""Header fields that curl sends on its own unless it is told not to; with a body, Content-Type too."""


def curl_line(record: Record) -> str:
    """Return a recorded request as a command; "" where its body is too long, binary, or holds a credential."""
    request = record["request"]
    body = request["body"].get("text")
    if (
        body is None
        or len(body) > LONGEST_BODY
        or '{"secret": "unknown"}' in body
        or '{"assertion":' in body
    ):
        return ""
    parts = [
        "curl",
        "-i",
        *(["-X", request["method"]] if request["method"] != "GET" or body else []),
    ]
    for name, value in request["headers"]:
        parts += (
            ["--compressed"]
            if name.lower() == "accept-encoding"
            else ["-H", _header(name, value)]
        )
    named = {name.lower() for name, _ in request["headers"]}
    for name in (*_OWN, "Content-Type") if body else _OWN:
        parts += [] if name.lower() in named else ["-H", shlex.quote(f"{name}:")]
    parts += ["--data-raw", shlex.quote(body)] if body else []
    return " ".join([*parts, shlex.quote(request["url"])])


def _header(name: str, value: str | Mapping[str, Any]) -> str:
    """Return a header in quotes, the reference to a token as a shell variable such as $TOKEN_CITIZEN."""
    if isinstance(value, str):
        return shlex.quote(f"{name}: {value}" if value else f"{name};")
    words = [value[key] for key in ("token", "altered") if key in value] or ["unknown"]
    variable = re.sub("[^A-Z0-9]+", "_", "_".join(["TOKEN", *words]).upper())
    scheme = f"{value['scheme']} " if value.get("scheme") else ""
    return f'"{name}: {scheme}${variable}"'
