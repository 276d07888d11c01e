"""Compares the answers of two recorded exchanges, for a person to read.

Must not judge: that answers differ says nothing about either.
"""

import base64
import difflib
import json
import re
from collections.abc import Iterator

from conformance.evidence.store import Record

_MOST_LINES = 2000
"""Lines of an answer that are compared: more take long."""
_LONGEST_LINE = 160
_START = 100
"""Characters within which XML shows what it is."""
_ATTRIBUTE = re.compile(r"(?<=[\"']) (?=[\w:.-]+=[\"'])")


def answer_line(record: Record) -> str:
    """Return what came of a request in a line: status, media type and length, or why there was no answer."""
    if "response" not in record:
        failure = record["failure"]
        return f"no answer ({failure['kind']}): {failure['message']}"
    response = record["response"]
    media = next(
        (
            value
            for name, value in response["headers"]
            if name.lower() == "content-type"
        ),
        "no media type",
    )
    status = f"{response['status']} {response['reason']}".strip()
    cut = f", {response['cut']}" if response["cut"] else ""
    return f"{status}, {media}, {response['length']} bytes{cut}"


def same_body(one: Record, other: Record) -> bool:
    """Tell whether two answers have the same body."""
    return (
        "response" in one
        and "response" in other
        and bool(one["response"]["body"] == other["response"]["body"])
    )


def differences(one: Record, other: Record) -> Iterator[str]:
    """Yield the lines in which the second answer's body differs from the first one's: `- ` for what only that has.

    JSON and XML are laid out before, so that what differs stands on a line of its own.
    """
    first, second = (list(_lines(record)) for record in (one, other))
    for line in difflib.unified_diff(
        first[:_MOST_LINES], second[:_MOST_LINES], n=0, lineterm=""
    ):
        if line[:3] not in ("---", "+++", "@@ "):
            shown = (
                line[1:]
                if len(line) <= _LONGEST_LINE
                else f"{line[1:_LONGEST_LINE]}..."
            )
            yield f"{line[0]} {shown}"


def _lines(record: Record) -> Iterator[str]:
    body = record.get("response", {}).get("body", {"text": ""})
    if "base64" in body:
        yield f"{len(base64.b64decode(body['base64']))} bytes that are no text"
        return
    written = body["text"]
    try:
        yield from json.dumps(
            json.loads(written), indent=2, ensure_ascii=False
        ).splitlines()
    except (ValueError, RecursionError):
        laid_out = (
            _ATTRIBUTE.sub("\n  ", written.replace("><", ">\n<"))
            if "<" in written[:_START]
            else written
        )
        yield from laid_out.splitlines()
