"""Shared pieces of the tiny peers: an HTTP server, layers that bend its answers, and a catalogue of variants.

A service is a ``Handler`` (a request in, an answer out) that is right in everything. A variant is that handler under a
few ``Layer``s, each of which changes one thing: a member of the document, the bytes of the body, a header, a status.
Layers are applied anew whenever a variant is served, so what they remember never leaks from one test to the next.

``add_common_freedoms`` and its siblings add what has nothing to do with a service's own fields: the freedoms HTTP and
JSON leave open, and the ways to get HTTP and JSON wrong. ``BAD_DATES`` are the values which are no date-time in the
form the cookbooks print.

A defect's ``field`` is "groups", "groups.FIELD" or "items.FIELD" for the dashboard, "RESOURCE.FIELD" for the other
service, "paths.NAME" for a resource that is not there, "json" for a body which is no JSON object, or one of
"http.status", "http.content_type", "http.accept", "http.user_agent", "http.unknown_path", "http.method", "http.query"
and "http.header".

Beside ``variants`` a catalogue holds ``borderline``: variants of which the cookbooks do not let one say with certainty
whether they conform; their ``conforming`` is only the reading the author leans to, and no test should insist on it.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import gzip
import http
import itertools
import json
import re
import socket
import socketserver
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any

PREFIX = "/api/v1/"
_STOP_SECONDS = 10.0
"""What the end waits for threads that are about to end; wide, since a busy machine is late."""
COOKBOOK_USER_AGENTS = ("myProduct/62.310.4 Technical/3.19.0", "Topaz-XXXX/123.23.X freeconnector/XXXXX.XXX")

# The expression as it must have been meant, and as it is printed once the letter V is read as an escaped slash.
MEANT_USER_AGENT = re.compile(r"[a-zA-Z0-9\-/]*/[0-9a-zA-Z\-_.]* [a-zA-Z0-9\-/]*/[0-9a-zA-Z\-_.]*")
PRINTED_USER_AGENT = re.compile(r"[a-zA-Z0-9\-/]*/[0-9azA-Z\-_.]* [a-zA-Z0-9\-/]*/[0-9azA-Z\-_.]*")

_USUAL_HEADERS = (
    *("host", "user-agent", "accept", "accept-encoding", "accept-language", "connection", "content-length"),
    *("content-type", "transfer-encoding", "cache-control", "pragma"),
)


@dataclass(frozen=True, slots=True)
class Variant:
    """One implementation: whether it conforms, what is special about it, and the field or rule a defect breaks."""

    name: str
    conforming: bool
    summary: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What a handler gets to see of a request."""

    method: str
    path: str
    query: str | None
    headers: Mapping[str, str]
    body: bytes
    number: int

    @property
    def resource(self) -> str:
        """The path below the base URL, empty for a path elsewhere."""
        return self.path.removeprefix(PREFIX) if self.path.startswith(PREFIX) else ""

    def header(self, name: str) -> str:
        """The value of a header, empty where it is absent."""
        return self.headers.get(name, "")


def compact(document: Any) -> str:
    """Write JSON as short as it gets, with the characters as they are."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


@dataclass(slots=True)
class Answer:
    """What a handler answers; a document wins over a body until something turns it into bytes."""

    status: int = 200
    body: bytes = b""
    document: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    dump: Callable[[Any], str] = compact
    reason: str | None = None
    version: str = "HTTP/1.1"
    chunked: bool = False
    close: bool = False
    lower: bool = False

    @property
    def is_data(self) -> bool:
        """Whether this is the good answer of a service, not yet turned into bytes."""
        return self.status == 200 and self.document is not None

    def content(self) -> bytes:
        """The body as bytes."""
        return self.body if self.document is None else self.dump(self.document).encode("utf-8")

    def freeze(self, body: bytes) -> None:
        """Set the bytes of the body for good."""
        self.body, self.document = body, None


Handler = Callable[[Request], Answer]
Layer = Callable[[Handler], Handler]
When = Callable[[Request], bool]
Edit = Callable[[Any], object]


def always(request: Request) -> bool:
    """Hold for every request."""
    return True


def at(*resources: str) -> When:
    """Hold for requests for one of these resources."""
    return lambda request: request.resource in resources


def plain_text(status: int, text: str, kind: str = "text/plain; charset=utf-8") -> Answer:
    """Make an answer with a text."""
    return Answer(status, text.encode("utf-8"), headers={"Content-Type": kind})


def application(documents: Mapping[str, Any]) -> Handler:
    """Make a service that is right: GET and HEAD give the documents, other methods 405, other paths 404."""

    def handle(request: Request) -> Answer:
        if request.resource not in documents:
            return plain_text(404, "not found")
        if request.method not in ("GET", "HEAD"):
            answer = plain_text(405, "method not allowed")
            answer.headers["Allow"] = "GET, HEAD"
            return answer
        return Answer(document=copy.deepcopy(documents[request.resource]), headers={"Content-Type": "application/json"})

    return handle


# ---------------------------------------------------------------------------------------------------------- layers


def on_data(change: Callable[[Request, Answer], object], when: When = always) -> Layer:
    """Change the good answers."""

    def wrap(inner: Handler) -> Handler:
        def handle(request: Request) -> Answer:
            answer = inner(request)
            if answer.is_data and when(request):
                change(request, answer)
            return answer

        return handle

    return wrap


def on_all(change: Callable[[Request, Answer], object]) -> Layer:
    """Change every answer."""

    def wrap(inner: Handler) -> Handler:
        def handle(request: Request) -> Answer:
            answer = inner(request)
            change(request, answer)
            return answer

        return handle

    return wrap


def edit(change: Edit, when: When = always) -> Layer:
    """Change the document of the good answers in place."""
    return on_data(lambda _, answer: change(answer.document), when)


def recode(change: Callable[[bytes], bytes], when: When = always) -> Layer:
    """Change the bytes of the good answers."""
    return on_data(lambda _, answer: answer.freeze(change(answer.content())), when)


def dumped(dump: Callable[[Any], str]) -> Layer:
    """Write the document of the good answers in another way."""
    return on_data(lambda _, answer: setattr(answer, "dump", dump))


def content_type(value: str) -> Layer:
    """Set the content type of the good answers."""
    return on_data(lambda _, answer: answer.headers.update({"Content-Type": value}))


def data_instead(make: Callable[[], Answer], when: When = always) -> Layer:
    """Give another answer where a good one was due."""

    def wrap(inner: Handler) -> Handler:
        def handle(request: Request) -> Answer:
            answer = inner(request)
            return make() if answer.is_data and when(request) else answer

        return handle

    return wrap


def instead(status: int, make: Callable[[], Answer], when: When = always) -> Layer:
    """Give another answer where one with this status was due."""

    def wrap(inner: Handler) -> Handler:
        def handle(request: Request) -> Answer:
            answer = inner(request)
            return make() if answer.status == status and when(request) else answer

        return handle

    return wrap


def refuse(when: When, make: Callable[[], Answer]) -> Layer:
    """Answer some requests without asking the service."""

    def wrap(inner: Handler) -> Handler:
        return lambda request: make() if when(request) else inner(request)

    return wrap


def every(count: int, layer: Layer) -> Layer:
    """Put a layer over every so-manieth good answer to a GET only."""

    def wrap(inner: Handler) -> Handler:
        changed = layer(inner)
        seen = itertools.count(1)

        def handle(request: Request) -> Answer:
            answer = inner(request)
            if request.method == "GET" and answer.is_data and next(seen) % count == 0:
                return changed(request)
            return answer

        return handle

    return wrap


def really(method: str, status: int, change: Edit) -> Layer:
    """Let a method that is not documented change the data for good."""

    def wrap(inner: Handler) -> Handler:
        done: Counter[str] = Counter()

        def handle(request: Request) -> Answer:
            answer = inner(request)
            if answer.status == 405 and request.method == method:
                done[request.resource] += 1
                return Answer(status)
            if answer.is_data:
                for _ in range(done[request.resource]):
                    change(answer.document)
            return answer

        return handle

    return wrap


# ---------------------------------------------------------------------------------------------------------- server


class _Server(ThreadingHTTPServer):
    """A server on loopback which knows its connections, so that it can end them."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, handler: Handler, port: int) -> None:
        self.handler = handler
        self.turn = threading.Lock()
        self.numbers = itertools.count(1)
        self.connections: set[socket.socket] = set()
        self.changed = threading.Condition()
        self.stopping = False
        super().__init__(("127.0.0.1", port), _Connection)

    def server_bind(self) -> None:
        """Bind without asking a name server for the name of loopback."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that went away or of the end of the server."""

    def stop(self) -> None:
        """End the server and all its connections at once."""
        self.shutdown()
        self.server_close()
        with self.changed:
            self.stopping = True
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self.changed.wait_for(lambda: not self.connections, timeout=_STOP_SECONDS)


class _Connection(BaseHTTPRequestHandler):
    """One connection, kept alive until one side wants no more."""

    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Register the connection."""
        super().setup()
        with self.server.changed:
            self.server.connections.add(self.connection)
            if self.server.stopping:
                self.connection.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        """Forget the connection."""
        with self.server.changed:
            self.server.connections.discard(self.connection)
            self.server.changed.notify_all()
        super().finish()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def handle_one_request(self) -> None:
        """Read one request and answer it, whatever its method."""
        try:
            self._exchange()
        except OSError:
            self.close_connection = True

    def _exchange(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline:
            self.close_connection = True
            return
        if not self.parse_request():
            return
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            key = name.lower()
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
        path, mark, query = self.path.partition("?")
        body = self._body(headers)
        request = Request(self.command, path, query if mark else None, headers, body, next(self.server.numbers))
        with self.server.turn:
            answer = self.server.handler(request)
        self._send(request, answer)

    def _body(self, headers: Mapping[str, str]) -> bytes:
        if "chunked" not in headers.get("transfer-encoding", ""):
            length = headers.get("content-length", "0")
            return self.rfile.read(int(length)) if length.isascii() and length.isdigit() else b""
        body = b""
        while size := int(self.rfile.readline(1000).partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline(1000)
        while self.rfile.readline(65537).strip():
            pass
        return body

    def _send(self, request: Request, answer: Answer) -> None:
        content = answer.content()
        chunked = answer.chunked and self.request_version != "HTTP/1.0"
        if answer.close:
            self.close_connection = True
        headers = {"Date": formatdate(usegmt=True), "Server": "peer", **answer.headers}
        bare = answer.status in (204, 304)
        if chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif not bare:
            headers["Content-Length"] = str(len(content))
        if self.close_connection and answer.version == "HTTP/1.1":
            headers["Connection"] = "close"
        reason = answer.reason
        if reason is None:
            known = answer.status in set(http.HTTPStatus)
            reason = http.HTTPStatus(answer.status).phrase if known else ""
        lines = [f"{answer.version} {answer.status} {reason}"]
        lines += [f"{name.lower() if answer.lower else name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        if bare or request.method == "HEAD":
            content = b""
        elif chunked:
            pieces = [content[start : start + 700] for start in range(0, len(content), 700)]
            content = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        self.wfile.write(head + content)


@contextlib.contextmanager
def serving(handler: Handler, port: int = 0) -> Iterator[str]:
    """Serve a handler on loopback and give its base URL."""
    server = _Server(handler, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{PREFIX.rstrip('/')}"
    finally:
        server.stop()
        thread.join(_STOP_SECONDS)


# ------------------------------------------------------------------------------------------------------- catalogue


class Catalogue:
    """The variants of one service."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._layers: dict[str, tuple[Layer, ...]] = {}
        self._variants: dict[str, Variant] = {}
        self._borderline: dict[str, Variant] = {}

    @property
    def variants(self) -> Mapping[str, Variant]:
        """The variants of which the cookbook says whether they conform."""
        return MappingProxyType(self._variants)

    @property
    def borderline(self) -> Mapping[str, Variant]:
        """The variants of which it does not."""
        return MappingProxyType(self._borderline)

    def good(self, name: str, summary: str, *layers: Layer) -> None:
        """Add a variant that conforms."""
        self._add(self._variants, Variant(name, True, summary), layers)

    def bad(self, name: str, field: str, summary: str, *layers: Layer) -> None:
        """Add a variant with one defect."""
        self._add(self._variants, Variant(name, False, summary, field), layers)

    def unsure(self, name: str, conforming: bool, field: str, summary: str, *layers: Layer) -> None:
        """Add a variant about which one may quarrel."""
        self._add(self._borderline, Variant(name, conforming, summary, field), layers)

    def _add(self, where: dict[str, Variant], variant: Variant, layers: Sequence[Layer]) -> None:
        if variant.name in self._layers:
            raise ValueError(f"two variants are called {variant.name}")
        where[variant.name] = variant
        self._layers[variant.name] = tuple(layers)

    def serve(self, name: str, port: int = 0) -> AbstractContextManager[str]:
        """Serve a variant; the context gives the base URL."""
        handler = self._handler
        for layer in self._layers[name]:
            handler = layer(handler)
        return serving(handler, port)

    def lines(self) -> list[str]:
        """Describe all variants, one a line."""
        lines = []
        for variant in (*self._variants.values(), *self._borderline.values()):
            word = "conforming" if variant.conforming else f"defective ({variant.field})"
            if variant.name in self._borderline:
                word = f"borderline, rather {word}"
            lines.append(f"{variant.name}: {word}: {variant.summary}")
        return lines


def by_hand(
    names: Sequence[str], lines: Sequence[str], serve: Callable[[str, int], AbstractContextManager[str]]
) -> None:
    """Serve from the command line what is asked for there, until interrupted."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--variant", choices=names, metavar="NAME", default=names[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if options.list:
        print("\n".join(lines))
        return
    with contextlib.suppress(KeyboardInterrupt), serve(options.variant, options.port) as base:
        print(base, flush=True)
        threading.Event().wait()


# ------------------------------------------------------------------------------------------------- common variants

BAD_DATES: tuple[tuple[str, Any, str], ...] = (
    ("february-30", "2025-02-30T08:55:00+01:00", "30 February"),
    ("february-29", "2025-02-29T08:55:00+01:00", "29 February in a year that has none"),
    ("april-31", "2025-04-31T08:55:00+02:00", "31 April"),
    ("month-13", "2025-13-09T08:55:00+02:00", "month 13"),
    ("day-0", "2025-05-00T08:55:00+02:00", "day 0"),
    ("hour-25", "2025-05-09T25:55:00+02:00", "hour 25"),
    ("minute-61", "2025-05-09T08:61:00+02:00", "minute 61"),
    ("second-75", "2025-05-09T08:55:75+02:00", "second 75"),
    ("date-only", "2025-05-09", "a date without a time"),
    ("epoch-number", 1746773700, "seconds since 1970, as a number"),
    ("epoch-text", "1746773700", "seconds since 1970, as a string"),
    ("locale-format", "09/05/2025 08:55", "a date-time as Belgians write it"),
    ("mail-format", "Fri, 09 May 2025 06:55:00 GMT", "a date-time as mail and HTTP headers have it"),
    ("no-offset", "2025-05-09T08:55:00", "no offset"),
    ("offset-25-hours", "2025-05-09T08:55:00+25:00", "an offset of 25 hours"),
    ("offset-75-minutes", "2025-05-09T08:55:00+02:75", "an offset of 2 hours and 75 minutes"),
    ("trailing-garbage", "2025-05-09T08:55:00+02:00 CEST", "a zone's name after the offset"),
    ("trailing-newline", "2025-05-09T08:55:00+02:00\n", "a line feed after the offset"),
    ("other-digits", "٢٠٢٥-05-09T08:55:00+02:00", "a year in Arabic-Indic digits"),
    ("two-digit-year", "25-05-09T08:55:00+02:00", "a year of two digits"),
    ("words", "this morning", "words"),
    ("empty", "", "an empty string"),
)


def _escaped_slashes(document: Any) -> str:
    return compact(document).replace("/", "\\/")


def _pretty(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, indent=4)


def _escaped(document: Any) -> str:
    text = compact(document).replace("e", "\\u0065").replace("tru\\u0065", "true").replace("fals\\u0065", "false")
    return re.sub(r"[^\x00-\x7f]", lambda match: json.dumps(match[0])[1:-1], text)


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(value)}
    return [_reversed(entry) for entry in value] if isinstance(value, list) else value


def _zipped(request: Request, answer: Answer) -> None:
    answer.headers["Vary"] = "Accept-Encoding"
    if re.search(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", request.header("accept-encoding")):
        answer.freeze(gzip.compress(answer.content()))
        answer.headers["Content-Encoding"] = "gzip"


def _tagged(request: Request, answer: Answer) -> None:
    tag = '"v1"'
    answer.headers.update({"ETag": tag, "Cache-Control": "no-cache"})
    if request.header("if-none-match") == tag:
        answer.status = 304
        answer.freeze(b"")


def _many_headers(request: Request, answer: Answer) -> None:
    answer.headers.update(
        {
            "Strict-Transport-Security": "max-age=31536000",
            "Set-Cookie": "route=1a2b; Path=/; HttpOnly; SameSite=Lax",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Content-Security-Policy": "default-src 'none'",
            "Access-Control-Allow-Origin": "*",
            "Vary": "Accept, Origin",
        }
    )


def _html(status: int) -> Answer:
    page = "<!DOCTYPE html><html><head><title>Status</title></head><body><h1>Hello</h1></body></html>"
    return plain_text(status, page, "text/html; charset=utf-8")


def _json_error(status: int) -> Answer:
    return plain_text(status, compact({"error": {"status": status, "message": "no"}}), "application/json")


def _refusal(status: int) -> Callable[[], Answer]:
    return lambda: plain_text(status, "refused")


def _lacks_json(request: Request) -> bool:
    return "application/json" not in request.header("accept").lower()


def _has_unusual_header(request: Request) -> bool:
    return any(name not in _USUAL_HEADERS for name in request.headers)


def _set(name: str, value: object) -> Callable[[Request, Answer], object]:
    return lambda _, answer: setattr(answer, name, value)


def add_common_freedoms(catalogue: Catalogue) -> None:
    """Add the variants which use what HTTP, JSON and both cookbooks leave open."""
    good = catalogue.good
    for status in (400, 403, 404, 501):
        good(f"wrong-method-{status}", f"methods other than GET and HEAD get {status}", instead(405, _refusal(status)))
    good("wrong-method-like-get", "any method gets what GET gets, and changes nothing", _like_get)
    good("head-405", "HEAD gets 405", refuse(lambda r: r.method == "HEAD", _refusal(405)))
    good("options-204", "OPTIONS gets 204 with an Allow header", _options(Answer(204)))
    good("options-200", "OPTIONS gets 200 with a body", _options(plain_text(200, "GET, HEAD, OPTIONS")))
    good("accept-enforced-406", "406 unless Accept names application/json", refuse(_lacks_json, _refusal(406)))
    good("accept-enforced-400", "400 unless Accept names application/json", refuse(_lacks_json, _refusal(400)))
    good(
        "accept-exact-406",
        "406 unless the value of Accept is application/json and nothing else",
        refuse(lambda r: r.header("accept") != "application/json", _refusal(406)),
    )
    for status in (400, 403):
        good(
            f"user-agent-enforced-{status}",
            f"{status} unless User-Agent is two subsets in the pattern of the cookbook",
            refuse(lambda r: not MEANT_USER_AGENT.fullmatch(r.header("user-agent")), _refusal(status)),
        )
    good(
        "user-agent-as-printed",
        "403 unless User-Agent matches the expression as printed: of the small letters only a and z in versions",
        refuse(lambda r: not PRINTED_USER_AGENT.fullmatch(r.header("user-agent")), _refusal(403)),
    )
    good("query-400", "400 for any query string", refuse(lambda r: bool(r.query), _refusal(400)))
    good(
        "header-400",
        "400 for a header whose name begins with X-",
        refuse(lambda r: any(name.startswith("x-") for name in r.headers), _refusal(400)),
    )
    good("charset", "a charset in the content type", content_type("application/json; charset=utf-8"))
    good("content-type-capitals", "the content type in other letters", content_type("Application/JSON;charset=UTF-8"))
    good("gzip", "gzip where the request accepts it", on_data(_zipped))
    good("chunked", "bodies in chunks", on_all(_set("chunked", True)))
    good(
        "gzip-chunked", "gzip where the request accepts it, in chunks", on_data(_zipped), on_all(_set("chunked", True))
    )
    good("close", "the connection is closed after every answer", on_all(_set("close", True)))
    good("http-1-0", "HTTP/1.0", on_all(_set("version", "HTTP/1.0")), on_all(_set("close", True)))
    good("reason-empty", "status lines without a reason", on_all(_set("reason", "")))
    good("reason-odd", "status lines with a reason of its own", on_all(_set("reason", "All is well, or not")))
    good("header-names-small", "names of headers in small letters", on_all(_set("lower", True)))
    good("many-headers", "cookies, caching and security headers", on_all(_many_headers))
    good("etag", "an entity tag, and 304 for If-None-Match", on_data(_tagged))
    good("not-found-html", "an HTML page with 404", instead(404, lambda: _html(404)))
    good("not-found-json", "a JSON error with 404", instead(404, lambda: _json_error(404)))
    good("not-found-empty", "an empty body with 404", instead(404, lambda: Answer(404)))
    for status in (400, 403, 410):
        good(f"not-found-{status}", f"an unknown path gets {status}", instead(404, _refusal(status)))
    good("pretty", "JSON with line breaks and indentation", dumped(_pretty))
    good("unicode-escapes", "JSON with Unicode escapes in names and values", dumped(_escaped))
    good("escaped-slashes", "JSON with escaped slashes", dumped(_escaped_slashes))
    good("members-reversed", "members in another order", dumped(lambda document: compact(_reversed(document))))
    good("white-space", "white space before and after the JSON", recode(lambda body: b"\r\n\t " + body + b" \r\n\n\t"))


def _like_get(inner: Handler) -> Handler:
    return lambda request: inner(replace(request, method="GET"))


def _options(answer: Answer) -> Layer:
    def make() -> Answer:
        return replace(answer, headers={**answer.headers, "Allow": "GET, HEAD, OPTIONS"})

    return instead(405, make, lambda request: request.method == "OPTIONS")


def _unquoted(body: bytes) -> bytes:
    return re.sub(rb'"(\w+)":', rb"\1: ", body)


def _latin(body: bytes) -> bytes:
    return body.replace(b'"name":"', b'"name":"\xe9t\xe9 ', 1)


def _misplaced(resource: str) -> Layer:
    """Give the data of a resource on every unknown path."""

    def wrap(inner: Handler) -> Handler:
        def handle(request: Request) -> Answer:
            answer = inner(request)
            return inner(replace(request, path=PREFIX + resource)) if answer.status == 404 else answer

        return handle

    return wrap


def add_common_defects(
    catalogue: Catalogue, resource: str, changes: tuple[Edit, Edit, Edit], broken_field: str, breaks: Layer
) -> None:
    """Add the variants which get HTTP or JSON wrong; the changes are what undocumented methods remove, add, alter."""
    remove, add, alter = changes
    bad = catalogue.bad
    for status in (404, 500, 503):
        bad(
            f"status-{status}",
            "http.status",
            f"a valid request gets {status}",
            data_instead(_refusal(status)),
        )
    bad("status-201", "http.status", "GET gets 201 with the data", on_data(_set("status", 201)))
    bad("status-204", "http.status", "GET gets 204", data_instead(lambda: Answer(204)))
    bad("accept-json-406", "http.accept", "Accept: application/json gets 406", refuse(_names_json, _refusal(406)))
    for number, agent in enumerate(COOKBOOK_USER_AGENTS, 1):
        bad(
            f"user-agent-example-{number}-403",
            "http.user_agent",
            f"403 for the cookbook's own example {agent}",
            refuse(lambda r, agent=agent: r.header("user-agent") == agent, _refusal(403)),  # type: ignore[misc]
        )
    bad(
        "user-agent-examples-403",
        "http.user_agent",
        "403 for both of the cookbook's own examples",
        refuse(lambda r: r.header("user-agent") in COOKBOOK_USER_AGENTS, _refusal(403)),
    )
    bad("top-level-list", "json", "the top level is a list", recode(lambda body: b"[" + body + b"]"))
    bad("top-level-string", "json", "the top level is a string with JSON in it", dumped(lambda d: compact(compact(d))))
    bad("top-level-null", "json", "the top level is null", recode(lambda _: b"null"))
    bad("not-json", "json", "a text that is no JSON", recode(lambda _: b"all systems operational"))
    bad("body-empty", "json", "an empty body with 200", recode(lambda _: b""))
    bad("truncated", "json", "the last ten bytes are missing", recode(lambda body: body[:-10]))
    bad("unquoted-keys", "json", "names without quotes, as the cookbook prints them", recode(_unquoted))
    bad("single-quotes", "json", "single quotes", recode(lambda body: body.replace(b'"', b"'")))
    bad("trailing-comma", "json", "a comma before the last brace", recode(lambda body: body[:-1] + b",}"))
    bad("two-documents", "json", "a second document after the first", recode(lambda body: body + b"\n{}"))
    bad("script-call", "json", "the JSON is wrapped in a call", recode(lambda body: b"callback(" + body + b");"))
    bad("nan", "json", "NaN in an extra member", edit(lambda document: document.update(load=float("nan"))))
    bad("invalid-utf-8", "json", "two bytes of Latin-1 in a name", recode(_latin))
    bad("utf-16", "json", "UTF-16", recode(lambda body: body.decode("utf-8").encode("utf-16")))
    bad("html-200", "json", "an HTML page with status 200", data_instead(lambda: _html(200)))
    bad("content-type-text", "http.content_type", "the data as text/plain", content_type("text/plain"))
    bad("content-type-html", "http.content_type", "the data as text/html", content_type("text/html; charset=utf-8"))
    bad("unknown-path-data", "http.unknown_path", "an unknown path gets 200 and data", _misplaced(resource))
    bad("unknown-path-500", "http.unknown_path", "an unknown path gets 500", instead(404, _refusal(500)))
    bad("wrong-method-500", "http.method", "methods other than GET and HEAD get 500", instead(405, _refusal(500)))
    bad("delete-deletes", "http.method", "DELETE gets 204 and deletes", really("DELETE", 204, remove))
    bad("post-adds", "http.method", "POST gets 201 and adds", really("POST", 201, add))
    bad("put-alters", "http.method", "PUT gets 200 and alters", really("PUT", 200, alter))
    bad("patch-alters", "http.method", "PATCH gets 200 and alters", really("PATCH", 200, alter))
    bad("delete-denied-but-done", "http.method", "DELETE gets 405 and deletes all the same", _denied_but_done(remove))
    bad("query-500", "http.query", "500 for any query string", refuse(lambda r: bool(r.query), _refusal(500)))
    bad("header-500", "http.header", "500 for a header it does not know", refuse(_has_unusual_header, _refusal(500)))
    bad("every-fifth-500", "http.status", "every fifth good answer is 500", every(5, data_instead(_refusal(500))))
    bad("every-fifth-truncated", "json", "every fifth answer is truncated", every(5, recode(lambda body: body[:-10])))
    bad("every-fifth-value", broken_field, "every fifth answer has a wrong value", every(5, breaks))


def _names_json(request: Request) -> bool:
    return "application/json" in request.header("accept")


def _denied_but_done(remove: Edit) -> Layer:
    return really("DELETE", 405, remove)


def add_common_doubts(catalogue: Catalogue, resource: str) -> None:
    """Add the variants of HTTP and JSON about which one may quarrel."""
    unsure = catalogue.unsure
    unsure(
        "content-type-absent",
        True,
        "http.content_type",
        "the data without a content type",
        on_data(lambda _, answer: answer.headers.pop("Content-Type")),
    )
    unsure("content-type-hal", False, "http.content_type", "application/hal+json", content_type("application/hal+json"))
    unsure("content-type-text-json", False, "http.content_type", "text/json", content_type("text/json"))
    unsure(
        "utf-8-mark", False, "json", "a byte order mark before the JSON", recode(lambda body: b"\xef\xbb\xbf" + body)
    )
    unsure(
        "duplicate-member", False, "json", "an extra member twice", recode(lambda body: body[:-1] + b',"x":1,"x":2}')
    )
    unsure("unknown-path-page", False, "http.unknown_path", "an unknown path gets 200 and a page", _page)
    unsure(
        "unknown-path-redirect",
        False,
        "http.unknown_path",
        "an unknown path is redirected to the data",
        instead(404, lambda: Answer(302, headers={"Location": PREFIX + resource})),
    )
    unsure("trailing-slash", True, "http.unknown_path", "a slash after a resource is ignored", _slash_ignored)
    unsure("paths-in-capitals", True, "http.unknown_path", "capital letters in paths are small ones", _small_path)


def _page(inner: Handler) -> Handler:
    return instead(404, lambda: _html(200))(inner)


def _slash_ignored(inner: Handler) -> Handler:
    return lambda request: inner(replace(request, path=request.path.rstrip("/")))


def _small_path(inner: Handler) -> Handler:
    return lambda request: inner(replace(request, path=request.path.lower()))
