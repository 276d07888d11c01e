"""The very request to send again, made of its record: credentials filled in, SOAP messages rebuilt.

Must not send anything, nor judge.
"""

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from urllib.parse import quote

from conformance.checks.date_time import read_moment
from conformance.evidence.recorded_run import Recorded
from conformance.evidence.redaction import pieces
from conformance.messages.recorded import (
    OF_THE_CONNECTION,
    Reference,
    ReplayItem,
    body_references,
    of_header,
    written_body,
)
from conformance.messages.sources import RequestBuilder
from conformance.model.case import Template
from conformance.model.exchange import Request
from conformance.soap.markup import XmlError, below, parse, text


def request_of(
    item: ReplayItem,
    source: RequestBuilder,
    template: Template,
    repeated: bytes | None = None,
) -> Request:
    """Return the request to send; `template` is what a message that is rebuilt is made of.

    `repeated` is the message sent before, for a mutation that replays it.

    Raises MissingDataError and CredentialRefusedError as sessions do.
    """
    recorded = item.one.record["request"]
    place = _filled(
        item.place,
        lambda reference: quote(source.recorded(reference), safe="").encode(),
    ).decode()
    headers = []
    for name, value in recorded["headers"]:
        if name.lower() in OF_THE_CONNECTION:
            continue
        if isinstance(value, str):
            headers.append(
                (name, _filled(value, source.recorded, "latin-1").decode("latin-1"))
            )
        else:
            scheme = f"{value['scheme']} " if "scheme" in value else ""
            headers.append(
                (name, scheme + source.recorded(of_header(value)).decode("latin-1"))
            )
    if item.rebuilt:
        body = source.request(template, repeated).body
    else:
        body = _filled_body(item.one, source.recorded)
    # A SOAP service's address is taken as it is written; below that of others there is a path.
    url = source.address.rstrip("/") + place if place.strip("/") else source.address
    return Request(recorded["method"], url, tuple(headers), body)


def remark(item: ReplayItem, request: Request, now: datetime) -> str:
    """Return what is to be said of the bytes that are sent now (UTC), "" for nothing."""
    if item.rebuilt:
        how = (
            "its security broken as the case says"
            if item.mutated
            else "with the recorded request"
        )
        return f"made anew by {item.caller}, {how}"
    if not request.body or not item.one.digest:
        return ""
    if hashlib.sha256(request.body).hexdigest() == item.one.digest:
        bytes_sent = "the very bytes that were sent then"
    elif body_references(item.one):
        bytes_sent = "NOT the bytes that were sent then: a credential is another one by now, or the record was changed"
    else:
        bytes_sent = "NOT the bytes that were sent then: the record was changed after it was written"
    return "; ".join([bytes_sent, *(_ages(item.one, now) if item.caller else ())])


def _filled(
    written: str, resolve: Callable[[Reference], bytes], encoding: str = "utf-8"
) -> bytes:
    """Return a recorded text with credentials in the place of the references to them."""
    parts = pieces(written)
    return b"".join(
        piece.encode(encoding) if isinstance(piece, str) else resolve(piece)
        for piece in parts
    )


def _filled_body(one: Recorded, resolve: Callable[[Reference], bytes]) -> bytes:
    if not body_references(one):
        return one.exchange.request.body
    written, encoding = written_body(one)
    return _filled(written, resolve, encoding)


def _ages(one: Recorded, now: datetime) -> Iterator[str]:
    """Yield until when a recorded message's Timestamps hold, or for how long they have been over."""
    try:
        stamps = list(below(parse(one.exchange.request.body), "Timestamp"))
    except XmlError:
        return
    for stamp in stamps:
        written = next((text(found) for found in below(stamp, "Expires")), "")
        ends = read_moment(written).instant
        if ends is None:
            yield "its Timestamp does not say until when it holds"
        elif ends > now:
            yield f"its Timestamp holds until {written}"
        else:
            yield f"its Timestamp is old: over since {written}, {_in_words(now - ends)} ago"


def _in_words(time: timedelta) -> str:
    minutes, seconds = divmod(int(time.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = ((days, "days"), (hours, "hours"), (minutes, "minutes"))
    return next(
        (f"{number} {unit}" for number, unit in units if number), f"{seconds} seconds"
    )
