"""Puts redacted records of exchanges into Allure's form of an HTTP exchange, several in one attachment.

Also finds the records of a case in the growing file. Must not know Allure's libraries, nor judge.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from conformance.evidence.store import FILE, Record

MIME, EXTENSION = "application/vnd.allure.http+json", "httpexchange"
LONGEST_BODY = 32 * 2**10
"""Characters of a body that an attachment holds; exchanges.jsonl has all that was kept."""

_START_OF_LINE = 80
"""Bytes within which a line of exchanges.jsonl gives the exchange's id."""


class ExchangeReader:
    """Reads a growing exchanges.jsonl piece by piece, so that a run's exchanges are gone through once in all."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._at = 0

    def read(self, ids: Collection[str]) -> list[Record]:
        """Return the exchanges with these ids from the lines written since the last call, in the order of `ids`."""
        fresh = self._fresh({name.encode() for name in ids})
        records = {record["id"]: record for record in fresh}
        return [records[name] for name in ids if name in records]

    def _fresh(self, ids: Collection[bytes]) -> Iterator[Record]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._at)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._at += len(line)
                if any(name in line[:_START_OF_LINE] for name in ids):
                    with suppress(ValueError, RecursionError):  # a broken line
                        yield json.loads(line)


def attachment(exchanges: Sequence[Record]) -> str:
    """Return exchanges in the form of one HTTP-exchange attachment.

    Allure shows the exchange at the top, which is the last probe; the others are in `related`, in
    the same form, where only a reader of the file sees them.
    """
    main = main_exchange(exchanges)
    others = [_exchange(record) for record in exchanges if record is not main]
    document = {"schemaVersion": 1, **_exchange(main)} | (
        {"related": others} if others else {}
    )
    return json.dumps(document)


def main_exchange(exchanges: Sequence[Record]) -> Record:
    """Return the exchange to show: the last probe, else the last of all."""
    probes = [record for record in exchanges if record["purpose"] == "probe"]
    return (probes or exchanges)[-1]


def summary(record: Record) -> str:
    """Return an exchange in a line, such as `GET /dashboard → 200`."""
    address = urlsplit(record["request"]["url"])
    query = f"?{address.query}" if address.query else ""
    outcome = (
        record["response"]["status"]
        if "response" in record
        else record["failure"]["kind"]
    )
    return f"{record['request']['method']} {address.path}{query} → {outcome}"


def _exchange(record: Record) -> Record:
    """Return a record in Allure's form of an exchange, with our id and purpose added."""
    start = round(datetime.fromisoformat(record["started"]).timestamp() * 1000)
    shown: Record = {
        "id": record["id"],
        "purpose": record["purpose"],
        "start": start,
        "stop": start + round(record["elapsed_s"] * 1000),
        "request": _request(record["request"]),
    }
    if "response" in record:
        shown["response"] = _response(record["response"])
    if "failure" in record:
        failure = record["failure"]
        received = _body(failure["received"])
        shown["error"] = {"name": failure["kind"], "message": failure["message"]}
        shown["error"] |= (
            {"stack": f"received before it: {received['value']}"} if received else {}
        )
    return shown


def _request(request: Record) -> Record:
    body = _body(request["body"])
    return {
        "method": request["method"],
        "url": request["url"],
        "headers": _pairs(request["headers"]),
        **({"body": body} if body else {}),
    }


def _response(response: Record) -> Record:
    body = _body(response["body"])
    if body:
        body |= {
            "size": response["length"],
            "truncated": bool(body["truncated"] or response["cut"]),
        }
    return {
        "status": response["status"],
        "statusText": response["reason"],
        "httpVersion": f"HTTP/{response['version']}",
        "headers": _pairs(response["headers"]),
        **({"body": body} if body else {}),
        **{
            key: response[key]
            for key in ("length", "sha256", "cut", "informational", "surplus")
        },
    }


def _pairs(headers: Iterable[Sequence[Any]]) -> list[dict[str, str]]:
    """Return headers as Allure has them; the reference to a secret becomes JSON text."""
    return [
        {"name": name, "value": value if isinstance(value, str) else json.dumps(value)}
        for name, value in headers
    ]


def _body(body: Record) -> Record:
    """Return a body as Allure has it, empty where there is none.

    The content type says how to show it, and is never one that a viewer would render as a page or
    a picture; what was declared is among the headers.
    """
    if body.get("base64"):
        value, shown, encoding = body["base64"], "application/octet-stream", "base64"
    elif body.get("text"):
        value, shown, encoding = body["text"], _shown_type(body["text"]), "utf8"
    else:
        return {}
    size = (
        len(value.encode("utf-8", "surrogatepass"))
        if encoding == "utf8"
        else len(value) // 4 * 3 - value.count("=")
    )
    cut = {"value": value[:LONGEST_BODY], "truncated": len(value) > LONGEST_BODY}
    return {"contentType": shown, "encoding": encoding, "size": size} | cut


def _shown_type(text: str) -> str:
    first = text.lstrip("\ufeff \t\r\n")[:5].lower()
    if first.startswith(("{", "[")):
        return "application/json"
    return "application/xml" if first.startswith(("<?xml", "<soap")) else "text/plain"
