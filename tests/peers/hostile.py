"""Peers which break HTTP, or JSON, or their promise to answer at all, each in one way; written with raw sockets.

``BEHAVIOURS`` names them, ``serve(name)`` serves one; the context gives a base URL, and any path gets the same answer.
Where a good part is needed it is a small valid dashboard. Nothing here holds more than a few megabytes in memory: what
is huge is made while it is sent, and sending stops when the other side closes.

``ENDED_BY_TIME`` are those that only the other side's time limit ends; whoever asks one of them waits for that long.
All others end by themselves, by what they send or by its size, so that a limit that a busy machine could reach is of
no use there.

Everything listens on 127.0.0.1, on a port the system chooses. The redirects elsewhere lead to a second listener on
127.0.0.2; ``elsewhere_requests(base_url)`` tells how many requests arrived there, also after the context has ended.

By hand: ``python -m tests.peers.hostile --variant gzip-bomb --port 0``, or ``--list``.
"""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import re
import select
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType

from .server import by_hand

GIGABYTE = 2**30
MEGABYTE = 2**20
BLOCK = b" " * 65536
_STOP_SECONDS = 10.0
"""What the end waits for threads that are about to end; wide, since a busy machine is late."""
_DRIP_SECONDS = 0.1
_ACCEPT_SECONDS = 0.3
"""What a slow acceptance takes from the moment when somebody waits for it."""

_DASHBOARD: dict[str, object] = {
    "groups": [
        {
            "id": "AXAQooF-9v9nOdhekPYm",
            "name": "1. IAM - Identity & Access Management",
            "items": [
                {
                    "id": "715d31b5a498a4587fedc57dada6a9df",
                    "order": 1,
                    "status_code": 1,
                    "last_updated": "2025-05-09T08:55:00+02:00",
                    "name": "eHealth IDP - Identity provider",
                    "description": "All is well",
                },
                {
                    "id": "2c7ab1fb8df82828f961293921177004",
                    "order": 2,
                    "status_code": 1,
                    "last_updated": "2025-05-09T08:55:00+02:00",
                    "name": "WebService eHealth - IAM Connect - eXchange",
                },
            ],
            "status_code": 1,
        }
    ]
}
DASHBOARD = json.dumps(_DASHBOARD).encode("ascii")


class _GoneError(Exception):
    """The other side closed, or the peer is to stop."""


class _Line:
    """One accepted connection and the few things the scripts do with it."""

    def __init__(self, sock: socket.socket, stop: threading.Event, elsewhere: str) -> None:
        self._sock = sock
        self._stop = stop
        self._pending = b""
        self.elsewhere = elsewhere
        self.base = "http://{}:{}/api/v1".format(*sock.getsockname())

    def request(self) -> str:
        """Read one request and give its target."""
        while b"\r\n\r\n" not in self._pending:
            self._receive()
        head, _, self._pending = self._pending.partition(b"\r\n\r\n")
        found = re.search(rb"(?im)^content-length:\s*(\d+)", head)
        length = int(found[1]) if found else 0
        while len(self._pending) < length:
            self._receive()
        self._pending = self._pending[length:]
        words = head.split(b"\r\n")[0].split(b" ")
        return words[1].decode("latin-1") if len(words) > 1 else ""

    def _receive(self) -> None:
        piece = self._sock.recv(65536)
        if not piece or self._stop.is_set():
            raise _GoneError
        self._pending += piece

    def send(self, data: bytes) -> None:
        """Send all of it, unless the peer is to stop."""
        if self._stop.is_set():
            raise _GoneError
        self._sock.sendall(data)

    def wait(self, seconds: float) -> None:
        """Wait, unless the peer is to stop."""
        if self._stop.wait(seconds):
            raise _GoneError

    def hang(self) -> None:
        """Do nothing until the other side closes or the peer is to stop."""
        while self._sock.recv(65536):
            pass

    def drip(self, data: bytes) -> None:
        """Send a byte every tenth of a second: each comes within any limit of a test, all of them within none."""
        for place in range(len(data)):
            self.send(data[place : place + 1])
            self.wait(_DRIP_SECONDS)

    def reset(self) -> None:
        """Close with a reset instead of an end."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()
        raise _GoneError

    def close(self) -> None:
        """Close in good order: end the sending, then read what is left, for a moment."""
        self._sock.shutdown(socket.SHUT_WR)
        self._sock.settimeout(1.0)
        with contextlib.suppress(OSError):
            self.hang()

    def chunk(self, data: bytes) -> None:
        """Send one chunk."""
        self.send(b"%x\r\n%b\r\n" % (len(data), data))


Script = Callable[[_Line], None]


def _head(*lines: str, status: str = "200 OK", kind: str | None = "application/json") -> bytes:
    fields = [f"HTTP/1.1 {status}", *([f"Content-Type: {kind}"] if kind else []), *lines, "", ""]
    return "\r\n".join(fields).encode("latin-1")


def _length(body: bytes) -> str:
    return f"Content-Length: {len(body)}"


def _whole(body: bytes, *lines: str, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """Make an answer which is in order as far as HTTP goes."""
    return _head(*lines, _length(body), "Connection: close", status=status, kind=kind) + body


def _with(**members: object) -> bytes:
    """Make the dashboard with other members in its last item."""
    document = json.loads(DASHBOARD)
    document["groups"][0]["items"][1].update(members)
    return json.dumps(document).encode("ascii")


# ---------------------------------------------------------------------------------------------------------- scripts

_SCRIPTS: dict[str, tuple[str, Script]] = {}


def _behaviour(name: str, summary: str) -> Callable[[Script], Script]:
    """Register a script which starts when a connection is accepted."""

    def register(script: Script) -> Script:
        _SCRIPTS[name] = (summary, script)
        return script

    return register


def _answers(name: str, summary: str, *pieces: bytes) -> None:
    """Register a script which reads a request, sends the pieces and closes."""

    def script(line: _Line) -> None:
        line.request()
        for piece in pieces:
            line.send(piece)
        line.close()

    _behaviour(name, summary)(script)


def _streams(name: str, summary: str, pieces: Callable[[], Iterable[bytes]]) -> None:
    """Register a script which reads a request and sends pieces while they are made."""

    def script(line: _Line) -> None:
        line.request()
        for piece in pieces():
            line.send(piece)
        line.close()

    _behaviour(name, summary)(script)


def _good(line: _Line) -> None:
    line.request()
    line.send(_whole(DASHBOARD))
    line.close()


def _nothing(line: _Line) -> None:
    """Stand in for a script where no connection is ever accepted."""


_behaviour("refused", "nothing listens on the port")(_nothing)
_behaviour("accept-never", "connections are never established: the queue of the listener is full")(_nothing)
_behaviour("accept-slow", "a connection is accepted only after a moment, then answered well")(_good)


@_behaviour("hang", "the request is read and never answered")
def _hang(line: _Line) -> None:
    line.request()
    line.hang()


@_behaviour("hang-in-head", "the answer stops in the middle of its head, the connection stays open")
def _hang_in_head(line: _Line) -> None:
    line.request()
    line.send(_whole(DASHBOARD)[:30])
    line.hang()


@_behaviour("hang-in-body", "the answer stops in the middle of its body, the connection stays open")
def _hang_in_body(line: _Line) -> None:
    line.request()
    line.send(_whole(DASHBOARD)[:-50])
    line.hang()


@_behaviour("reset-at-once", "the connection is reset as soon as it is accepted")
def _reset_at_once(line: _Line) -> None:
    line.reset()


@_behaviour("reset-after-request", "the connection is reset when the request has been read")
def _reset_after_request(line: _Line) -> None:
    line.request()
    line.reset()


@_behaviour("reset-in-head", "the connection is reset in the middle of the head")
def _reset_in_head(line: _Line) -> None:
    line.request()
    line.send(_whole(DASHBOARD)[:30])
    line.wait(0.05)
    line.reset()


@_behaviour("reset-in-body", "the connection is reset in the middle of the body")
def _reset_in_body(line: _Line) -> None:
    line.request()
    line.send(_whole(DASHBOARD)[:-50])
    line.wait(0.05)
    line.reset()


@_behaviour("reset-on-reuse", "a good answer keeps the connection alive, the next request on it gets a reset")
def _reset_on_reuse(line: _Line) -> None:
    line.request()
    line.send(_head(_length(DASHBOARD)) + DASHBOARD)
    line.request()
    line.reset()


@_behaviour("close-on-reuse", "a good answer keeps the connection alive, then it is closed without a word")
def _close_on_reuse(line: _Line) -> None:
    line.request()
    line.send(_head(_length(DASHBOARD)) + DASHBOARD)


@_behaviour("answer-before-request", "a good answer is sent before the request is read, then a reset")
def _answer_before_request(line: _Line) -> None:
    line.send(_whole(DASHBOARD))
    line.reset()


@_behaviour("empty-reply", "the request is read and the connection closed without an answer")
def _empty_reply(line: _Line) -> None:
    line.request()
    line.close()


@_behaviour("drip-head", "the head comes a byte every tenth of a second")
def _drip_head(line: _Line) -> None:
    line.request()
    line.drip(_whole(DASHBOARD))


@_behaviour("drip-body", "the body comes a byte every tenth of a second")
def _drip_body(line: _Line) -> None:
    line.request()
    line.send(_head(_length(DASHBOARD)))
    line.drip(DASHBOARD)


@_behaviour("drip-chunks", "the body comes in chunks of one byte, ten a second")
def _drip_chunks(line: _Line) -> None:
    line.request()
    line.send(_head("Transfer-Encoding: chunked"))
    for place in range(len(DASHBOARD)):
        line.chunk(DASHBOARD[place : place + 1])
        line.wait(_DRIP_SECONDS)


@_behaviour("chunk-unfinished", "a chunk is announced, half of it sent, the connection stays open")
def _chunk_unfinished(line: _Line) -> None:
    line.request()
    line.send(_head("Transfer-Encoding: chunked"))
    line.send(b"%x\r\n%b" % (len(DASHBOARD), DASHBOARD[:100]))
    line.hang()


@_behaviour("chunks-without-last", "all chunks but the last, empty one; the connection stays open")
def _chunks_without_last(line: _Line) -> None:
    line.request()
    line.send(_head("Transfer-Encoding: chunked"))
    line.chunk(DASHBOARD)
    line.hang()


@_behaviour("extra-bytes", "Content-Length is too small by fifty; the connection stays open for more")
def _extra_bytes(line: _Line) -> None:
    while True:
        line.request()
        line.send(_head(f"Content-Length: {len(DASHBOARD) - 50}") + DASHBOARD)


@_behaviour("extra-answer", "a good answer is followed by a second one nobody asked for, of status 500")
def _extra_answer(line: _Line) -> None:
    while True:
        line.request()
        second = _head(_length(b"oops"), status="500 Internal Server Error", kind="text/plain") + b"oops"
        line.send(_head(_length(DASHBOARD)) + DASHBOARD + second)


@_behaviour("informational-endless", "answers 103 without end")
def _informational_endless(line: _Line) -> None:
    line.request()
    while True:
        line.send(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n" * 20)
        line.wait(0.002)


@_behaviour("continue-endless", "answers 100 without end")
def _continue_endless(line: _Line) -> None:
    line.request()
    while True:
        line.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 20)
        line.wait(0.002)


@_behaviour("redirect-loop", "every request is redirected to the same path")
def _redirect_loop(line: _Line) -> None:
    target = line.request()
    line.send(_whole(b"", f"Location: {target}", status="302 Found"))
    line.close()


@_behaviour("redirect-endless", "every request is redirected to another path below the base")
def _redirect_endless(line: _Line) -> None:
    target = line.request()
    number = int(target.rpartition("hop")[2]) + 1 if re.search(r"hop\d+$", target) else 1
    line.send(_whole(b"", f"Location: {line.base}/hop{number}", status="307 Temporary Redirect"))
    line.close()


@_behaviour("redirect-elsewhere", "every request is redirected to another host, which counts")
def _redirect_elsewhere(line: _Line) -> None:
    line.request()
    line.send(_whole(b"", f"Location: {line.elsewhere}/dashboard", status="302 Found"))
    line.close()


@_behaviour("redirect-elsewhere-permanent", "the same with 308 and a good body")
def _redirect_elsewhere_permanent(line: _Line) -> None:
    line.request()
    line.send(_whole(DASHBOARD, f"Location: {line.elsewhere}/dashboard", status="308 Permanent Redirect"))
    line.close()


@_behaviour("redirect-elsewhere-bare", "every request is redirected to another host, in the form //host/path")
def _redirect_elsewhere_bare(line: _Line) -> None:
    line.request()
    place = line.elsewhere.removeprefix("http:")
    line.send(_whole(b"", f"Location: {place}/dashboard", status="302 Found"))
    line.close()


@_behaviour("redirect-disguised", "every request is redirected to another host, with the right host as user name")
def _redirect_disguised(line: _Line) -> None:
    line.request()
    host = line.base.removeprefix("http://").partition("/")[0]
    place = line.elsewhere.replace("http://", f"http://{host}@")
    line.send(_whole(b"", f"Location: {place}/dashboard", status="302 Found"))
    line.close()


# ----------------------------------------------------------------------------------------------------- long answers


def _blocks(total: int) -> Iterator[bytes]:
    """Give so many spaces, a block at a time."""
    for _ in range(total // len(BLOCK)):
        yield BLOCK
    yield BLOCK[: total % len(BLOCK)]


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _endless_items() -> Iterator[bytes]:
    """Give the start of a dashboard and then items without end."""
    yield b'{"groups":[{"id":"G","name":"Group","status_code":1,"items":['
    for start in itertools.count(1, 500):
        yield b"".join(
            b'{"id":"I%d","order":%d,"status_code":1,"last_updated":"2025-05-09T08:55:00+02:00","name":"Item"},'
            % (n, n)
            for n in range(start, start + 500)
        )


def _endless_chunks() -> Iterator[bytes]:
    yield _head("Transfer-Encoding: chunked")
    yield from map(_chunk, _endless_items())


def _endless_plain() -> Iterator[bytes]:
    yield _head("Connection: close")
    yield from _endless_items()


def _endless_spaces() -> Iterator[bytes]:
    yield _head("Connection: close") + DASHBOARD
    yield from itertools.repeat(BLOCK)


def _endless_small_chunks() -> Iterator[bytes]:
    yield _head("Transfer-Encoding: chunked") + _chunk(DASHBOARD)
    yield from itertools.repeat(_chunk(b" ") * 1000)


def _endless_chunk_extension() -> Iterator[bytes]:
    yield _head("Transfer-Encoding: chunked") + b"5;x="
    yield from itertools.repeat(b"x" * 65536)


def _endless_trailer() -> Iterator[bytes]:
    yield _head("Transfer-Encoding: chunked") + _chunk(DASHBOARD) + b"0\r\n"
    yield from (b"X-Trailer-%d: x\r\n" % number for number in itertools.count())


def _gigabyte() -> Iterator[bytes]:
    yield _head(f"Content-Length: {GIGABYTE}") + DASHBOARD
    yield from _blocks(GIGABYTE - len(DASHBOARD))


def _bomb() -> Iterator[bytes]:
    """Compress the dashboard and 2 GB of spaces: a flushed block stays the same however often it is repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    start = packer.compress(DASHBOARD) + packer.flush(zlib.Z_FULL_FLUSH)
    spaces = b" " * MEGABYTE
    block = packer.compress(spaces) + packer.flush(zlib.Z_FULL_FLUSH)
    yield b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + start
    check = zlib.crc32(DASHBOARD)
    for _ in range(2 * GIGABYTE // MEGABYTE):
        yield block
        check = zlib.crc32(spaces, check)
    yield packer.flush() + struct.pack("<II", check, (len(DASHBOARD) + 2 * GIGABYTE) % 2**32)


def _gzip_bomb() -> Iterator[bytes]:
    yield _head("Content-Encoding: gzip", "Transfer-Encoding: chunked", "Connection: close")
    yield from map(_chunk, _bomb())
    yield b"0\r\n\r\n"


def _gzip_bomb_nested() -> Iterator[bytes]:
    yield _head("Content-Encoding: gzip, gzip", "Connection: close")
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    for piece in _bomb():
        yield packer.compress(piece)
    yield packer.flush()


def _gzip_members_endless() -> Iterator[bytes]:
    yield _head("Content-Encoding: gzip", "Connection: close") + gzip.compress(DASHBOARD)
    yield from itertools.repeat(gzip.compress(b" " * 1000))


def _header_64_megabytes() -> Iterator[bytes]:
    yield _head("Connection: close")[:-2]
    for number in range(64 * MEGABYTE // 8192):
        yield b"X-Long-%05d: " % number + b"x" * 8176 + b"\r\n"
    yield f"{_length(DASHBOARD)}\r\n\r\n".encode("ascii") + DASHBOARD


def _header_line_endless() -> Iterator[bytes]:
    yield _head()[:-2] + b"X-Endless: "
    yield from itertools.repeat(b"x" * 65536)


def _headers_endless() -> Iterator[bytes]:
    yield _head()[:-2]
    yield from (b"X-Header-%d: x\r\n" % number for number in itertools.count())


def _status_line_endless() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 "
    yield from itertools.repeat(b"O" * 65536)


def _garbage_endless() -> Iterator[bytes]:
    return itertools.repeat(bytes(range(256)).replace(b"\n", b"") * 256)


_streams("body-endless-chunked", "chunks full of items without end", _endless_chunks)
_streams("body-endless", "a body without length, full of items without end", _endless_plain)
_streams("body-endless-spaces", "a body without length: a dashboard, then spaces without end", _endless_spaces)
_streams("chunks-endless-small", "chunks of one byte without end", _endless_small_chunks)
_streams("chunk-extension-endless", "a chunk extension without end", _endless_chunk_extension)
_streams("trailer-endless", "a good chunked body with trailer fields without end", _endless_trailer)
_streams("gigabyte", "a body of 1 GB with a true Content-Length", _gigabyte)
_streams("gzip-bomb", "2 MB of gzip which unpack to 2 GB", _gzip_bomb)
_streams("gzip-bomb-nested", "some KB of gzip in gzip which unpack to 2 GB", _gzip_bomb_nested)
_streams("gzip-members-endless", "gzip members without end", _gzip_members_endless)
_streams("header-64-megabytes", "64 MB of header lines before a good answer", _header_64_megabytes)
_streams("header-line-endless", "a header line without end", _header_line_endless)
_streams("headers-endless", "small headers without end", _headers_endless)
_streams("status-line-endless", "a status line without end", _status_line_endless)
_streams("garbage-endless", "bytes which are no HTTP, and no line end, without end", _garbage_endless)


# ---------------------------------------------------------------------------------------------------- short answers


def _damaged(body: bytes) -> bytes:
    """Spoil a few bytes in the middle."""
    middle = len(body) // 2
    return body[:middle] + bytes(byte ^ 0xFF for byte in body[middle : middle + 8]) + body[middle + 8 :]


_PACKED = gzip.compress(DASHBOARD)
_EXTRA = DASHBOARD[:-1] + b', "extra": %b}'
_UTF_16 = DASHBOARD.decode("ascii").encode("utf-16")
_NAME = b'"eHealth IDP'

for _name, _summary, _body, _lines in (
    ("gzip-nested", "gzip in gzip, declared as such", gzip.compress(_PACKED), ("Content-Encoding: gzip, gzip",)),
    ("gzip-nested-undeclared", "gzip in gzip, declared once", gzip.compress(_PACKED), ("Content-Encoding: gzip",)),
    ("gzip-corrupt", "gzip with spoilt bytes in the middle", _damaged(_PACKED), ("Content-Encoding: gzip",)),
    ("gzip-truncated", "gzip without its last fifty bytes", _PACKED[:-50], ("Content-Encoding: gzip",)),
    ("gzip-check-wrong", "gzip with a wrong check sum", _PACKED[:-8] + b"\0" * 8, ("Content-Encoding: gzip",)),
    ("gzip-not", "declared as gzip, and is none", DASHBOARD, ("Content-Encoding: gzip",)),
    ("gzip-undeclared", "gzip which is not declared", _PACKED, ()),
    ("encoding-unknown", "a content encoding nobody knows", DASHBOARD, ("Content-Encoding: x-rot13",)),
    ("encodings-many", "a hundred content encodings", DASHBOARD, ("Content-Encoding: " + ", ".join(["gzip"] * 100),)),
    ("charset-unknown", "a charset nobody knows", DASHBOARD, ("Content-Type: application/json; charset=klingon",)),
    ("utf-8-invalid", "bytes which are no UTF-8", DASHBOARD.replace(_NAME, b'"\xff\xfe\xc0\x80\xed\xa0\x80'), ()),
    ("utf-16", "UTF-16 with a byte order mark", _UTF_16, ()),
    ("utf-8-mark", "UTF-8 with a byte order mark", b"\xef\xbb\xbf" + DASHBOARD, ()),
    ("surrogate", "the escape of a lone surrogate in a text", DASHBOARD.replace(b"All is well", b"\\ud800"), ()),
    (
        "control-characters",
        "bare control characters in a text",
        DASHBOARD.replace(b"All is well", b"\x00\x1b[2J\n"),
        (),
    ),
    ("terminal-escapes", "escaped terminal sequences in a text", _with(description="\x1b[2J\x1b]0;x\x07\r"), ()),
    ("nan", "NaN as a number", _with(order=float("nan")), ()),
    ("infinity", "Infinity and -Infinity as numbers", _with(order=float("inf"), status_code=float("-inf")), ()),
    ("number-overflow", "1e400 as a number", DASHBOARD.replace(b'"order": 2', b'"order": 1e400'), ()),
    ("number-long", "a number of 100,000 digits", DASHBOARD.replace(b'"order": 2', b'"order": ' + b"7" * 100_000), ()),
    ("exponent-long", "1e999999999 as a number", DASHBOARD.replace(b'"order": 2', b'"order": 1e999999999'), ()),
    ("nested", "200,000 nested lists in an extra member", _EXTRA % (b"[" * 200_000 + b"]" * 200_000), ()),
    ("nested-open", "200,000 opening brackets and nothing else", b"[" * 200_000, ()),
    ("nested-objects", "100,000 nested objects", _EXTRA % (b'{"a":' * 100_000 + b"1" + b"}" * 100_000), ()),
    ("duplicate-members", "two members called groups, the first one empty", b'{"groups": [], ' + DASHBOARD[1:], ()),
    ("member-name-long", "the name of a member has 1 MB", DASHBOARD[:-1] + b', "' + b"k" * MEGABYTE + b'": 1}', ()),
    (
        "members-many",
        "200,000 extra members",
        _EXTRA % (b"{" + b",".join(b'"k%d":0' % number for number in range(200_000)) + b"}"),
        (),
    ),
):
    if any(_line.startswith("Content-Type") for _line in _lines):
        _answers(_name, _summary, _head(*_lines, _length(_body), "Connection: close", kind=None) + _body)
    else:
        _answers(_name, _summary, _whole(_body, *_lines))

_CHUNKED = _head("Transfer-Encoding: chunked", "Connection: close")

for _name, _summary, _answer in (
    (
        "length-too-long",
        "Content-Length is too large by fifty, then the end",
        _head(f"Content-Length: {len(DASHBOARD) + 50}") + DASHBOARD,
    ),
    ("length-negative", "a negative Content-Length", _head("Content-Length: -5") + DASHBOARD),
    ("length-word", "a Content-Length which is no number", _head("Content-Length: many") + DASHBOARD),
    ("length-huge", "a Content-Length of thirty digits", _head("Content-Length: 1" + "0" * 29) + DASHBOARD),
    (
        "lengths-two",
        "two Content-Lengths which differ",
        _head(_length(DASHBOARD), "Content-Length: 10") + DASHBOARD,
    ),
    (
        "length-and-chunks",
        "Content-Length and chunks at once, with another length",
        _head("Content-Length: 10", "Transfer-Encoding: chunked") + _chunk(DASHBOARD) + b"0\r\n\r\n",
    ),
    ("chunk-size-word", "a chunk size which is no number", _CHUNKED + b"zz\r\n" + DASHBOARD + b"\r\n0\r\n\r\n"),
    ("chunk-size-negative", "a negative chunk size", _CHUNKED + b"-5\r\n" + DASHBOARD + b"\r\n0\r\n\r\n"),
    ("chunk-size-huge", "a chunk size of forty digits", _CHUNKED + b"f" * 40 + b"\r\n" + DASHBOARD + b"\r\n0\r\n\r\n"),
    ("chunk-size-small", "a chunk size too small by fifty", _CHUNKED + b"%x\r\n" % (len(DASHBOARD) - 50) + DASHBOARD),
    ("chunk-cut", "the connection is closed in the middle of a chunk", _CHUNKED + _chunk(DASHBOARD)[:100]),
    ("transfer-unknown", "a transfer encoding nobody knows", _head("Transfer-Encoding: x-rot13") + DASHBOARD),
    ("continue-then-good", "one answer 100, then a good one", b"HTTP/1.1 100 Continue\r\n\r\n" + _whole(DASHBOARD)),
    (
        "headers-20000",
        "20,000 small headers and a good body",
        _whole(DASHBOARD, *(f"X-Header-{number}: {number}" for number in range(20_000))),
    ),
    ("garbage", "a line which is no status line", b"220 mail.example.org ESMTP\r\n\r\n"),
    ("garbage-binary", "bytes which are no HTTP", bytes(range(256)) * 4),
    ("http-0-9", "a body without a head", DASHBOARD),
    ("http-9-9", "an HTTP version nobody knows", b"HTTP/9.9" + _whole(DASHBOARD)[8:]),
    ("status-999", "status 999", _whole(DASHBOARD, status="999 Odd")),
    ("status-99", "status 99", _whole(DASHBOARD, status="99 Odd")),
    ("status-word", "a status which is no number", _whole(DASHBOARD, status="OK fine")),
    ("status-negative", "status -200", _whole(DASHBOARD, status="-200 OK")),
    (
        "status-101",
        "status 101 which nobody asked for",
        _head("Upgrade: websocket", "Connection: Upgrade", status="101 X"),
    ),
    ("redirect-file", "a redirect to a file", _whole(b"", "Location: file:///etc/passwd", status="302 Found")),
    ("redirect-bad", "a redirect to what is no URL", _whole(b"", "Location: http://[::bad/\xe9", status="302 Found")),
    ("redirect-nowhere", "a redirect without Location", _whole(b"", status="302 Found")),
    ("header-nul", "NUL bytes in the value of a header", _whole(DASHBOARD, "X-Nul: a\0b\0")),
    ("header-8-bit", "bytes beyond ASCII in the value of a header", _whole(DASHBOARD, "X-High: \xe9\xff\x80")),
    ("header-folded", "a header folded over two lines", _whole(DASHBOARD, "X-Folded: one\r\n two")),
    ("header-bare-cr", "a bare carriage return in a header", _whole(DASHBOARD, "X-Bare: one\rX-Two: two")),
    ("header-no-colon", "a header line without a colon", _whole(DASHBOARD, "this is no header")),
    ("header-space", "a space before the colon of a header", _whole(DASHBOARD, "X-Space : x")),
    ("line-feeds", "lines end with a line feed alone", _head(_length(DASHBOARD)).replace(b"\r\n", b"\n") + DASHBOARD),
    ("tls-alert", "the bytes of a TLS alert", b"\x15\x03\x01\x00\x02\x02\x46"),
):
    _answers(_name, _summary, _answer)

BEHAVIOURS: Mapping[str, str] = MappingProxyType({name: summary for name, (summary, _) in _SCRIPTS.items()})
ENDED_BY_TIME = frozenset(
    {
        *("accept-never", "hang", "hang-in-head", "hang-in-body", "drip-head", "drip-body", "drip-chunks"),
        *("chunk-unfinished", "chunks-without-last", "chunks-endless-small"),
    }
)


# ----------------------------------------------------------------------------------------------------------- serving


class _Peer:
    """A listener with a thread for each connection, all of which end when it is stopped."""

    def __init__(self, script: Script, address: str, port: int, delay: float = 0.0, elsewhere: str = "") -> None:
        self._script = script
        self._delay = delay
        self._elsewhere = elsewhere
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._listener = socket.create_server((address, port), backlog=128)
        self.base = "http://{}:{}/api/v1".format(*self._listener.getsockname())
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._stop.is_set():
                self._let_wait()
                sock, _ = self._listener.accept()
                thread = threading.Thread(target=self._run, args=(sock,), daemon=True)
                with self._lock:
                    self._open[sock] = thread
                thread.start()

    def _let_wait(self) -> None:
        """Let a client that is to be accepted wait for the delay, which begins when it has connected."""
        if self._delay:
            select.select([self._listener], [], [])  # readable also when the listener is shut down
            self._stop.wait(self._delay)

    def _run(self, sock: socket.socket) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._script(_Line(sock, self._stop, self._elsewhere))
        except (OSError, _GoneError):
            pass
        finally:
            with self._lock:
                self._open.pop(sock, None)
                sock.close()

    def stop(self) -> None:
        """End the listener and all connections, also where they are blocked."""
        self._stop.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(_STOP_SECONDS)
        self._listener.close()
        with self._lock:
            threads = list(self._open.values())
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(_STOP_SECONDS)


class _Counter:
    """The host elsewhere, which counts what arrives."""

    def __init__(self) -> None:
        self.requests = 0
        self._lock = threading.Lock()

    def __call__(self, line: _Line) -> None:
        """Count a request and answer it well."""
        line.request()
        with self._lock:
            self.requests += 1
        line.send(_whole(DASHBOARD))
        line.close()


_COUNTERS: dict[str, _Counter] = {}


def elsewhere_requests(base_url: str) -> int:
    """Tell how many requests arrived at the other host to which the peer at this base URL redirects."""
    return _COUNTERS[base_url].requests


@contextlib.contextmanager
def _refused(port: int) -> Iterator[str]:
    """Hold a port without listening on it, so that nobody else can listen there either."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", port))
        yield "http://{}:{}/api/v1".format(*sock.getsockname())


@contextlib.contextmanager
def _accept_never(port: int) -> Iterator[str]:
    """Listen with the shortest queue, fill it, and never accept."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", port))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield "http://{}:{}/api/v1".format(*listener.getsockname())


@contextlib.contextmanager
def _scripted(name: str, port: int) -> Iterator[str]:
    with contextlib.ExitStack() as stack:
        counter = _Counter()
        elsewhere = ""
        if name.startswith("redirect-"):
            other = _Peer(counter, "127.0.0.2", 0)
            stack.callback(other.stop)
            elsewhere = other.base
        peer = _Peer(_SCRIPTS[name][1], "127.0.0.1", port, _ACCEPT_SECONDS if name == "accept-slow" else 0.0, elsewhere)
        stack.callback(peer.stop)
        _COUNTERS[peer.base] = counter
        yield peer.base


def _serve(name: str, port: int) -> AbstractContextManager[str]:
    if name not in BEHAVIOURS:
        raise KeyError(name)
    if name == "refused":
        return _refused(port)
    return _accept_never(port) if name == "accept-never" else _scripted(name, port)


def serve(name: str) -> AbstractContextManager[str]:
    """Serve a behaviour on a free port of loopback; the context gives its base URL."""
    return _serve(name, 0)


if __name__ == "__main__":
    by_hand(list(BEHAVIOURS), [f"{name}: {summary}" for name, summary in BEHAVIOURS.items()], _serve)
