"""Writes a request as the bytes of HTTP/1.1, by h11.

Must not open sockets.
"""

from urllib.parse import urlsplit

import h11

from conformance.model.exchange import Request

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


def _request_target(url: str) -> str:
    """Return path and query as the URL spells them (RFC 9112, 3.2.1)."""
    parts = urlsplit(url)
    path = parts.path or "/"
    # urlsplit does not tell an empty query from none, so the text decides.
    before_fragment, _, _ = url.partition("#")
    has_query = "?" in before_fragment
    return f"{path}?{parts.query}" if has_query else path


def _header_fields(request: Request) -> list[tuple[bytes, bytes]]:
    """Return the request's header fields between Host and Content-Length (RFC 9110, 7.2 and 8.6)."""
    host = urlsplit(request.url).netloc
    headers = [("Host", host), *request.headers]
    if request.body or request.method in _WITH_BODY:
        headers.append(("Content-Length", str(len(request.body))))
    return [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in headers
    ]


def request_bytes(http: h11.Connection, request: Request) -> bytes:
    """Return the bytes of a request; `http` notes that they are sent."""
    events: list[h11.Event] = [
        h11.Request(
            method=request.method,
            target=_request_target(request.url),
            headers=_header_fields(request),
        )
    ]
    if request.body:
        events.append(h11.Data(data=request.body))
    events.append(h11.EndOfMessage())
    return b"".join(http.send(event) or b"" for event in events)
