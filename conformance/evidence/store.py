"""The append-only file of exchanges: one JSON line each, on disk before the next request goes out.

Everything passes the redactor on its way. Must not judge, nor keep exchanges in memory.
"""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self
from urllib.parse import urlsplit

from conformance.evidence.json_lines import JsonLines
from conformance.evidence.redaction import Redactor
from conformance.files.reading import open_file
from conformance.model.exchange import (
    ErrorKind,
    Exchange,
    Headers,
    Purpose,
    Request,
    Response,
    TransportFailure,
)
from conformance.model.wording import count_of

FILE = "exchanges.jsonl"
LONGEST_LINE = 64 * 2**20
"""Bytes of a line: a body of 8 MiB may have six characters for each of its bytes."""
_SHOWN_LINES = 5
_WIDE = ("utf-16-le", "utf-16-be")
_KEPT = (
    "status",
    "reason",
    "version",
    "length",
    "sha256",
    "cut",
    "informational",
    "surplus",
)

Record = dict[str, Any]
"""An exchange as JSON: id, case, purpose, started, elapsed_s, request, and response or failure."""


class Store:
    """Writes exchanges to one file; several processes may write to the same one.

    Each line is a single write in append mode, so that a killed process loses at most the exchange under way.
    """

    def __init__(self, folder: Path, redactor: Redactor) -> None:
        """Open (or create, mode 0600) the file in a run folder."""
        self._redactor = redactor
        self._lines = JsonLines(folder / FILE)

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file; what was written stays."""
        self._lines.close()

    @property
    def trouble(self) -> str:
        """Return why no exchange can be written any more, "" where one can."""
        return self._lines.trouble

    def learn(self, secret: str, reference: Mapping[str, str]) -> None:
        """Remember a secret, so that it is written as its reference from now on."""
        self._redactor.learn(secret, reference)

    def learn_given(self, headers: Headers, *encoded: str) -> None:
        """Remember the credentials in header fields, queries and forms that a test of one's own gives itself."""
        self._redactor.learn_given(headers, *encoded)

    def write(self, exchange: Exchange) -> None:
        """Write one exchange as a line; raises NotKeptError where it cannot be written whole."""
        self._lines.append(self.record(exchange))

    def record(self, exchange: Exchange) -> Record:
        """Return an exchange as JSON data without secrets."""
        if exchange.response is not None:
            self._redactor.learn_cookies(exchange.response.headers)
        record: Record = {
            "id": exchange.id,
            "case": exchange.case,
            "purpose": exchange.purpose.value,
            "started": exchange.started.isoformat(timespec="microseconds"),
            "elapsed_s": round(exchange.elapsed, 6),
            "request": self._request(exchange.request),
        }
        if exchange.response is not None:
            record["response"] = self._response(exchange.response)
        if exchange.failure is not None:
            record["failure"] = {
                "kind": exchange.failure.kind.value,
                "message": self._redactor.text(exchange.failure.message),
                "received": self._body(exchange.failure.received, cut=True),
            }
        return record

    def _request(self, request: Request) -> Record:
        record: Record = {
            "method": request.method,
            "url": self._redactor.address(request.url),
            "headers": self._headers(request.headers, own=True),
            "body": self._body(request.body),
        }
        if request.body:
            # Of the very bytes sent: proves a record whose references to credentials are filled in again.
            record |= {
                "length": len(request.body),
                "sha256": hashlib.sha256(request.body).hexdigest(),
            }
        return record

    def _response(self, response: Response) -> Record:
        return {
            "status": response.status,
            "reason": self._redactor.text(response.reason),
            "version": response.version,
            "headers": self._headers(response.headers),
            "body": self._body(response.body, cut=bool(response.cut)),
            "length": response.length,
            "sha256": response.sha256,
            "cut": self._redactor.text(response.cut),
            "informational": response.informational,
            "surplus": response.surplus,
        }

    def _headers(self, headers: Headers, *, own: bool = False) -> list[list[object]]:
        return [
            [self._redactor.text(name), self._redactor.header(name, value, own=own)]
            for name, value in headers
        ]

    def _body(self, body: bytes, *, cut: bool = False) -> Record:
        """Return a body without secrets, and without the beginning of one at the end where it was `cut`."""
        clean_text = self._redactor.cut_text if cut else self._redactor.text
        body = self._without_wide_secrets(body)
        try:
            return {"text": clean_text(body.decode("utf-8"))}
        except UnicodeDecodeError:
            clean = clean_text(body.decode("latin-1")).encode("latin-1")
            return {"base64": base64.b64encode(clean).decode("ascii")}

    def _without_wide_secrets(self, body: bytes) -> bytes:
        """Return a body without the secrets that stand in it as UTF-16, which XML may be written in."""
        for encoding in _WIDE if b"\0" in body else ():
            text = body.decode(encoding, "replace")
            clean = self._redactor.text(text)
            if clean != text:
                return clean.encode(encoding, "replace")
        return body


def recorded_exchange(record: Record) -> Exchange:
    """Return what a record tells of as an exchange, in which references stand in the place of secrets.

    Raises KeyError, TypeError or ValueError where it is no record of this form.
    """
    asked, answered = record["request"], record.get("response")
    if not all(
        isinstance(text, str)
        for text in (record["id"], record["case"], asked["method"], asked["url"])
    ):
        raise TypeError("a text is none")
    urlsplit(asked["url"])  # raises ValueError for what is no address
    outcome: Response | TransportFailure
    if answered is not None:
        kept = {name: answered[name] for name in _KEPT}
        outcome = Response(
            headers=_read_headers(answered["headers"]),
            body=_read_body(answered["body"]),
            **kept,
        )
    else:
        failure = record["failure"]
        received = _read_body(failure["received"])
        outcome = TransportFailure(
            ErrorKind(failure["kind"]), failure["message"], received
        )
    request = Request(
        asked["method"],
        asked["url"],
        _read_headers(asked["headers"]),
        _read_body(asked["body"]),
    )
    started, purpose = (
        datetime.fromisoformat(record["started"]),
        Purpose(record["purpose"]),
    )
    return Exchange(
        record["id"],
        record["case"],
        purpose,
        started,
        float(record["elapsed_s"]),
        request,
        outcome,
    )


def _read_headers(rows: Iterable[tuple[str, object]]) -> Headers:
    return tuple((name, _read_header(name, value)) for name, value in rows)


def _read_header(name: object, value: object) -> str:
    """Return the value of a field as text, a reference as its JSON."""
    if not (isinstance(name, str) and isinstance(value, str | Mapping)):
        raise TypeError("a header field is none")
    return value if isinstance(value, str) else json.dumps(value)


def _read_body(body: Mapping[str, str]) -> bytes:
    return (
        body["text"].encode("utf-8")
        if "text" in body
        else base64.b64decode(body["base64"], validate=True)
    )


def read_exchanges(folder: Path) -> Iterator[Record]:
    """Yield the exchanges of a run folder in the order written, without the lines that are broken.

    Those are in `broken_lines`; a last line that was cut short is none of them. Raises UnreadableFileError where what
    has the file's name is none.
    """
    for _, record in _numbered_records(folder):
        if record is not None:
            yield record


def broken_lines(folder: Path) -> tuple[int, ...]:
    """Return the numbers, from 1, of the lines of exchanges that are no exchange, and that readers leave out."""
    rows = _numbered_records(folder)
    return tuple(number for number, record in rows if record is None)


def count_exchanges(folder: Path) -> Counter[str]:
    """Return how many exchanges a run folder holds of each purpose."""
    return Counter(str(record.get("purpose")) for record in read_exchanges(folder))


def skipped_words(numbers: Sequence[int]) -> str:
    """Return the sentence on lines that were left out, "" for none."""
    if not numbers:
        return ""
    shown = ", ".join(map(str, numbers[:_SHOWN_LINES]))
    more = ", ..." if len(numbers) > _SHOWN_LINES else ""
    lines = count_of(len(numbers), "line")
    verb = "is" if len(numbers) == 1 else "are"
    return f"{lines} of {FILE} {verb} broken and left out: {shown}{more}"


def _numbered_records(folder: Path) -> Iterator[tuple[int, Record | None]]:
    path = folder / FILE
    if not path.exists():
        return
    with open_file(path) as file:
        for number, line in enumerate(_lines(file), start=1):
            yield number, _record(line)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file that end; of one that is longer than any exchange, nothing but its end."""
    cut = False
    while line := file.readline(LONGEST_LINE + 1):
        if line.endswith(b"\n"):
            yield b"" if cut else line
        cut = not line.endswith(b"\n")


def _record(line: bytes) -> Record | None:
    """Return what a line holds, None where that is no exchange with id and case."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    named = all(isinstance(record.get(name), str) for name in ("id", "case"))
    return record if named else None
