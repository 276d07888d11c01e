"""Tests of the transport with real sockets: hostile peers, kept connections, TLS, and the environment's variables."""

import contextlib
import gzip
import hashlib
import inspect
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from conformance.contracts.loading import load_spec
from conformance.mock.authority import ServerCertificate, make_server_certificate
from conformance.mock.platform import LocalPlatform
from conformance.model.exchange import ErrorKind, Request, Response, TransportFailure
from conformance.traffic.body import LARGEST_BODY
from conformance.traffic.transport import Transport
from tests.peers import hostile
from tests.peers.server import Answer, serving
from tests.peers.server import Request as PeerRequest

ROOT = Path(__file__).parents[1]
LIMIT = 0.5
"""Seconds that an exchange may take where only this limit ends it."""
AMPLE = 30.0
"""Seconds where the peer ends it: no machine is so slow, and they pass only where a test fails."""
WIDENING = (LIMIT, 10 * LIMIT, AMPLE)
"""Limits to try one after the other, where a busy machine may reach the first too early."""
STUCK = 60.0
"""Seconds beyond a limit after which it did not end the exchange; wide, since a busy machine notices it late."""

# What each behaviour comes to: the kind of failure, `cut` with its reason, or `whole` with the status and more.
EXPECTED: dict[str, tuple[str, str]] = {
    "refused": ("connect", "Connection refused"),
    "accept-never": ("timeout", "no connection to 127.0.0.1"),
    "accept-slow": ("whole", "200"),
    "hang": ("timeout", "did not answer in time"),
    "hang-in-head": ("timeout", "in time"),
    "hang-in-body": ("cut", "in time"),
    "reset-at-once": ("connect closed", "reset by peer"),
    "reset-after-request": ("closed", "reset by peer"),
    "reset-in-head": ("closed", "reset by peer"),
    "reset-in-body": ("cut", "reset by peer"),
    "reset-on-reuse": ("whole", "200"),
    "close-on-reuse": ("whole", "200"),
    "answer-before-request": ("whole closed connect", ""),
    "empty-reply": ("closed", "without an answer"),
    "drip-head": ("timeout", "time"),
    "drip-body": ("cut", "time"),
    "drip-chunks": ("cut", "time"),
    "chunk-unfinished": ("cut", "in time"),
    "chunks-without-last": ("cut", "in time"),
    "extra-bytes": ("whole", "200"),
    "extra-answer": ("whole", "200"),
    "informational-endless": ("protocol", "1xx"),
    "continue-endless": ("protocol", "1xx"),
    "redirect-loop": ("whole", "302"),
    "redirect-endless": ("whole", "307"),
    "redirect-elsewhere": ("whole", "302"),
    "redirect-elsewhere-permanent": ("whole", "308"),
    "redirect-elsewhere-bare": ("whole", "302"),
    "redirect-disguised": ("whole", "302"),
    "redirect-file": ("whole", "302"),
    "redirect-bad": ("whole", "302"),
    "redirect-nowhere": ("whole", "302"),
    "body-endless-chunked": ("cut", "larger than"),
    "body-endless": ("cut", "larger than"),
    "body-endless-spaces": ("cut", "larger than"),
    "chunks-endless-small": ("cut", "time"),
    "chunk-extension-endless": ("cut", "breaks HTTP"),
    "trailer-endless": ("cut", "breaks HTTP"),
    "gigabyte": ("cut", "larger than"),
    "gzip-bomb": ("cut", "larger than"),
    "gzip-bomb-nested": ("cut", "'gzip, gzip' was not asked for"),
    "gzip-members-endless": ("cut", ""),
    "header-64-megabytes": ("protocol", "breaks HTTP"),
    "header-line-endless": ("protocol", "breaks HTTP"),
    "headers-endless": ("protocol", "breaks HTTP"),
    "headers-20000": ("protocol", "breaks HTTP"),
    "status-line-endless": ("protocol", "breaks HTTP"),
    "garbage-endless": ("protocol", "breaks HTTP"),
    "gzip-nested": ("cut", "'gzip, gzip' was not asked for"),
    "gzip-nested-undeclared": ("whole", "200"),
    "gzip-corrupt": ("cut", "content coding is broken"),
    "gzip-truncated": ("cut", "ends too early"),
    "gzip-check-wrong": ("cut", "content coding is broken"),
    "gzip-not": ("cut", "content coding is broken"),
    "gzip-undeclared": ("whole", "200"),
    "encoding-unknown": ("cut", "'x-rot13' was not asked for"),
    "encodings-many": ("cut", "was not asked for"),
    "charset-unknown": ("whole", "200"),
    "utf-8-invalid": ("whole", "200"),
    "utf-16": ("whole", "200"),
    "utf-8-mark": ("whole", "200"),
    "surrogate": ("whole", "200"),
    "control-characters": ("whole", "200"),
    "terminal-escapes": ("whole", "200"),
    "nan": ("whole", "200"),
    "infinity": ("whole", "200"),
    "number-overflow": ("whole", "200"),
    "number-long": ("whole", "200"),
    "exponent-long": ("whole", "200"),
    "nested": ("whole", "200"),
    "nested-open": ("whole", "200"),
    "nested-objects": ("whole", "200"),
    "duplicate-members": ("whole", "200"),
    "member-name-long": ("whole", "200"),
    "members-many": ("whole", "200"),
    "length-too-long": ("cut", "breaks HTTP"),
    "length-negative": ("protocol", "Content-Length"),
    "length-word": ("protocol", "Content-Length"),
    "length-huge": ("protocol", "Content-Length"),
    "lengths-two": ("protocol", "Content-Length"),
    "length-and-chunks": ("whole", "200"),
    "chunk-size-word": ("cut", "breaks HTTP"),
    "chunk-size-negative": ("cut", "breaks HTTP"),
    "chunk-size-huge": ("cut", "breaks HTTP"),
    "chunk-size-small": ("cut", "breaks HTTP"),
    "chunk-cut": ("cut", "breaks HTTP"),
    "transfer-unknown": ("protocol", "Transfer-Encoding"),
    "continue-then-good": ("whole", "200"),
    "garbage": ("protocol", "breaks HTTP"),
    "garbage-binary": ("protocol", "breaks HTTP"),
    "http-0-9": ("closed", "in the middle of the head"),
    "http-9-9": ("whole", "200"),
    "status-999": ("whole", "999"),
    "status-99": ("protocol", "breaks HTTP"),
    "status-word": ("protocol", "breaks HTTP"),
    "status-negative": ("protocol", "breaks HTTP"),
    "status-101": ("protocol", "breaks HTTP"),
    "header-nul": ("protocol", "breaks HTTP"),
    "header-8-bit": ("whole", "200"),
    "header-folded": ("whole", "200"),
    "header-bare-cr": ("protocol", "breaks HTTP"),
    "header-no-colon": ("protocol", "breaks HTTP"),
    "header-space": ("protocol", "breaks HTTP"),
    "line-feeds": ("whole", "200"),
    "tls-alert": ("protocol", "breaks HTTP"),
}
GREEDY = [
    *("body-endless-chunked", "body-endless", "body-endless-spaces", "gigabyte", "gzip-bomb", "gzip-bomb-nested"),
    *("gzip-members-endless", "header-64-megabytes", "header-line-endless", "headers-endless", "status-line-endless"),
    *("chunk-extension-endless", "trailer-endless", "garbage-endless", "chunks-endless-small", "members-many"),
]

Script = Callable[[socket.socket], object]


class Recorder:
    """A listener on loopback that counts connections and keeps the first bytes of each."""

    def __init__(self, script: Script, host: str = "127.0.0.1") -> None:
        """Listen, and run the script for each connection in a thread."""
        self._script = script
        self._listener = socket.create_server((host, 0))
        self.address = "{}:{}".format(*self._listener.getsockname())
        self.connections: list[socket.socket] = []
        self.threads: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(2 * STUCK)
                self.connections.append(connection)
                thread = threading.Thread(target=self._run, args=(connection,), daemon=True)
                self.threads.append(thread)
                thread.start()

    def _run(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            self._script(connection)

    def stop(self) -> None:
        """End the listener and all connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(5)


@contextlib.contextmanager
def recording(script: Script, host: str = "127.0.0.1") -> Iterator[Recorder]:
    """Run a script for each connection to a free port of loopback."""
    recorder = Recorder(script, host)
    try:
        yield recorder
    finally:
        recorder.stop()


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """Give the address of a listener that neither accepts nor reads: the system alone takes what it has room for.

    It stays silent until the test is over, so that an exchange with it ends by its limit, or never.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield "{}:{}".format(*listener.getsockname())


@contextlib.contextmanager
def sending(timeout: float = AMPLE, ca_file: Path | None = None) -> Iterator[Transport]:
    """Give a transport and close it afterwards."""
    transport = Transport(timeout, ca_file)
    try:
        yield transport
    finally:
        transport.close()


def widening(
    attempt: Callable[[float], Response | TransportFailure], kinds: str, words: str, limits: Sequence[float] = WIDENING
) -> Response | TransportFailure:
    """Return the outcome of an attempt within a time limit, which is of one of the kinds and has the words.

    A busy machine may reach a short limit before the peer has done what the test is about; then a longer one decides.
    """
    for limit in limits:
        outcome = attempt(limit)
        kind, reason = _kind(outcome)
        if kind in kinds.split() and words in reason:
            return outcome
    pytest.fail(f"{outcome} is not {kinds}: {words!r}")


def _kind(outcome: Response | TransportFailure) -> tuple[str, str]:
    """Return the kind of a failure, "cut" or "whole", with the reason or status."""
    if isinstance(outcome, TransportFailure):
        return outcome.kind.value, outcome.message
    return ("cut", outcome.cut) if outcome.cut else ("whole", str(outcome.status))


def _head(sock: socket.socket) -> bytes:
    """Read a request up to the end of its head."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            raise OSError("the client closed")
        data += piece
    return data


def _answer(body: bytes = b"{}", *lines: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", *lines, b"Content-Length: %d" % len(body), b"", body])


def _get(address: str, path: str = "/x") -> Request:
    return Request("GET", f"{address}{path}", (("Accept", "application/json"), ("Accept-Encoding", "gzip")))


def _ok(outcome: Response | TransportFailure) -> Response:
    assert isinstance(outcome, Response), outcome
    return outcome


def _failed(outcome: Response | TransportFailure) -> TransportFailure:
    assert isinstance(outcome, TransportFailure), outcome
    return outcome


def _reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


# ------------------------------------------------------------------------------------------------------ hostile peers


def test_every_hostile_behaviour_has_an_expectation() -> None:
    """The table above names every behaviour that the hostile peer knows, and no other."""
    assert set(EXPECTED) == set(hostile.BEHAVIOURS)


@pytest.mark.parametrize("behaviour", EXPECTED)
def test_hostile_peer_ends_in_a_clear_outcome_within_the_time_limit(behaviour: str) -> None:
    """Whatever the peer does, `send` returns in time what came of it, within its size limits, and raises nothing."""

    def attempt(limit: float) -> Response | TransportFailure:
        with hostile.serve(behaviour) as base, sending(limit) as transport:
            began = time.monotonic()
            outcome = transport.send(_get(base, "/dashboard"))
            assert time.monotonic() - began < limit + STUCK
        return outcome

    limits = WIDENING if behaviour in hostile.ENDED_BY_TIME else (AMPLE,)
    outcome = widening(attempt, *EXPECTED[behaviour], limits)
    if isinstance(outcome, Response):
        assert len(outcome.body) <= LARGEST_BODY
        assert len(outcome.sha256) == 64
    else:
        assert len(outcome.received) <= 2**16


@pytest.mark.parametrize("behaviour", ["redirect-loop", "redirect-endless", "redirect-elsewhere", "redirect-disguised"])
def test_redirect_is_an_answer_and_never_followed(behaviour: str) -> None:
    """A redirect is handed back as it came, and nobody elsewhere hears of it, credentials or not."""
    with hostile.serve(behaviour) as base, sending() as transport:
        request = Request("GET", f"{base}/dashboard", (("Authorization", "Bearer abcdef"),))
        response = _ok(transport.send(request))
        assert response.header("Location")
        assert hostile.elsewhere_requests(base) == 0


MEASURE = """
import sys, tracemalloc
from conformance.model.exchange import Request
from conformance.traffic.transport import Transport

tracemalloc.start()
for argument in sys.argv[1:]:
    limit, _, url = argument.partition(" ")
    transport = Transport(float(limit))
    transport.send(Request("GET", url, (("Accept-Encoding", "gzip"),)))
    transport.close()
print(tracemalloc.get_traced_memory()[1])
"""


def test_answers_without_end_are_held_in_bounded_memory() -> None:
    """A gigabyte, bombs, endless bodies and endless heads, one after the other, cost a few times the size limit."""
    with contextlib.ExitStack() as stack:
        limits = {name: 1.0 if name in hostile.ENDED_BY_TIME else AMPLE for name in GREEDY}
        peers = [f"{limits[name]} {stack.enter_context(hostile.serve(name))}/dashboard" for name in GREEDY]
        command = [sys.executable, "-c", MEASURE, *peers]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
    assert LARGEST_BODY < int(done.stdout) < 6 * LARGEST_BODY


@pytest.mark.parametrize(
    ("size", "cut"), [(0, False), (1, False), (LARGEST_BODY, False), (LARGEST_BODY + 1, True), (LARGEST_BODY * 2, True)]
)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_body_is_kept_up_to_its_limit(size: int, cut: bool, packed: bool) -> None:  # noqa: FBT001 - a table's columns
    """A body of the largest size is whole; of a longer one the first part is kept, with what was read of it."""
    body = b"0123456789abcdef" * (size // 16) + b"x" * (size % 16)
    content = gzip.compress(body, 1) if packed else body
    headers = {"Content-Encoding": "gzip"} if packed else {}
    with serving(lambda _: Answer(body=content, headers=headers)) as base, sending() as transport:
        response = _ok(transport.send(_get(base)))
    assert response.body == body[:LARGEST_BODY]
    assert bool(response.cut) is cut
    assert response.length <= len(content)
    if not cut:
        assert (response.length, response.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_what_was_received_of_a_broken_answer_is_kept() -> None:
    """The first bytes of an answer that is none are evidence."""
    with hostile.serve("garbage") as base, sending() as transport:
        assert _failed(transport.send(_get(base))).received == b"220 mail.example.org ESMTP\r\n\r\n"


def test_informational_answers_and_surplus_bytes_are_counted() -> None:
    """A 1xx answer before and bytes after the answer proper are told apart from it."""
    with hostile.serve("continue-then-good") as base, sending() as transport:
        assert _ok(transport.send(_get(base))).informational == 1
    with hostile.serve("extra-bytes") as base, sending() as transport:
        assert _ok(transport.send(_get(base))).surplus == 50


# --------------------------------------------------------------------------------------------------------- plain HTTP


def test_request_goes_out_as_it_was_given() -> None:
    """Method, path, query, headers and body reach the peer unchanged, with Host and Content-Length and no more."""
    seen: list[bytes] = []

    def script(sock: socket.socket) -> None:
        data = _head(sock)
        while not data.endswith(b"5678"):
            data += sock.recv(100)
        seen.append(data)
        sock.sendall(_answer())

    with recording(script) as peer, sending() as transport:
        headers = (("X-First", "1"), ("user-AGENT", "a/1 b/2"), ("X-Twice", "a"), ("X-Twice", "\xe9"))
        _ok(transport.send(Request("PATCH", f"http://{peer.address}/a%20b;c?d=e&f", headers, b"12345678")))
        lines = [
            "PATCH /a%20b;c?d=e&f HTTP/1.1",
            f"Host: {peer.address}",
            "X-First: 1",
            "user-AGENT: a/1 b/2",
            "X-Twice: a",
            "X-Twice: \xe9",
            "Content-Length: 8",
            "",
            "12345678",
        ]
    assert seen == ["\r\n".join(lines).encode("latin-1")]


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("", "/"),
        ("/a", "/a"),
        ("/a?", "/a?"),
        ("?", "/?"),
        ("/a??", "/a??"),
        ("/a?b=%3F&c", "/a?b=%3F&c"),
        ("/a?#f", "/a?"),
        ("/a#f?g", "/a"),
        ("/a/../b//c;d", "/a/../b//c;d"),
    ],
)
def test_target_on_the_wire_is_that_of_the_url(url: str, target: str) -> None:
    """Path and query go out as the URL has them, an empty query's question mark too; a fragment stays here."""
    seen: list[bytes] = []

    def script(sock: socket.socket) -> None:
        seen.append(_head(sock))
        sock.sendall(_answer())

    with recording(script) as peer, sending() as transport:
        _ok(transport.send(Request("GET", f"http://{peer.address}{url}", (), b"")))
    request_line, _, _ = seen[0].partition(b"\r\n")
    assert request_line == f"GET {target} HTTP/1.1".encode()


@pytest.mark.parametrize(
    ("method", "line", "length"),
    [("GET", b"GET / HTTP/1.1", False), ("POST", b"POST / HTTP/1.1", True), ("DELETE", b"DELETE / HTTP/1.1", False)],
)
def test_request_without_path_or_body_is_complete(method: str, line: bytes, length: bool) -> None:  # noqa: FBT001
    """A URL without a path asks for /, and only methods that expect a body tell the length of none."""
    seen: list[bytes] = []

    def script(sock: socket.socket) -> None:
        seen.append(_head(sock))
        sock.sendall(_answer())

    with recording(script) as peer, sending() as transport:
        _ok(transport.send(Request(method, f"http://{peer.address}")))
    assert seen[0].startswith(line)
    assert (b"Content-Length: 0" in seen[0]) is length


def test_answer_is_handed_back_as_it_came() -> None:
    """Status, reason, version, headers and body are those of the wire."""

    def script(sock: socket.socket) -> None:
        _head(sock)
        sock.sendall(
            b"HTTP/1.1 418 I'm a \xe9 pot\r\nX-One: 1\r\nset-cookie: a\r\nSet-Cookie: b\r\nContent-Length: 3\r\n\r\nabc"
        )

    with recording(script) as peer, sending() as transport:
        response = _ok(transport.send(_get(f"http://{peer.address}")))
    assert (response.status, response.reason, response.version) == (418, "I'm a \xe9 pot", "1.1")
    assert response.headers[:3] == (("X-One", "1"), ("set-cookie", "a"), ("Set-Cookie", "b"))
    assert (response.header("x-one"), response.header("SET-COOKIE"), response.header("X-Two")) == ("1", "a", None)
    assert (response.body, response.length, response.cut, response.surplus) == (b"abc", 3, "", 0)
    assert response.sha256 == hashlib.sha256(b"abc").hexdigest()


_PACKED = gzip.compress(b"text", mtime=0)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        pytest.param("gzip", _PACKED, id="gzip"),
        pytest.param("GZip", _PACKED, id="capitals"),
        pytest.param("x-gzip", _PACKED, id="old name"),
        pytest.param("identity", b"text", id="none, by its name"),
        pytest.param("", b"text", id="none, by an empty header"),
        pytest.param("identity, gzip", _PACKED, id="gzip of none"),
        pytest.param(
            "gzip",
            gzip.compress(b"te", mtime=0) + gzip.compress(b"xt", mtime=0),
            id="two members (RFC 1952, 2.2)",
        ),
    ],
)
def test_content_coding_is_undone(coding: str, body: bytes) -> None:
    """The body is what stands under the content coding, its length and hash those of the wire."""

    def handle(_: PeerRequest) -> Answer:
        return Answer(body=body, headers={"Content-Encoding": coding})

    with serving(handle) as base, sending() as transport:
        response = _ok(transport.send(_get(base)))
    assert (response.body, response.cut) == (b"text", "")
    assert (response.length, response.sha256) == (len(body), hashlib.sha256(body).hexdigest())


def test_head_and_answers_without_a_body_have_none() -> None:
    """Neither HEAD nor 204 waits for a body, even where a length or a coding is announced."""

    def handle(request: PeerRequest) -> Answer:
        if request.method == "HEAD":
            return Answer(body=gzip.compress(b"text"), headers={"Content-Encoding": "gzip"})
        return Answer(204)

    with serving(handle) as base, sending() as transport:
        for method, status in (("HEAD", 200), ("GET", 204), ("HEAD", 200)):
            response = _ok(transport.send(Request(method, base)))
            assert (response.status, response.body, response.cut) == (status, b"", "")


# --------------------------------------------------------------------------------------------------- kept connections


def test_connection_is_kept_for_the_next_request() -> None:
    """Requests to one origin share a connection while the peer keeps it."""

    def script(sock: socket.socket) -> None:
        while True:
            _head(sock)
            sock.sendall(_answer())

    with recording(script) as peer, sending() as transport:
        for _ in range(3):
            assert _ok(transport.send(_get(f"http://{peer.address}"))).status == 200
        assert len(peer.connections) == 1


def test_each_origin_has_a_connection_of_its_own() -> None:
    """A request to another port never goes out on the connection to the first."""

    def script(sock: socket.socket) -> None:
        while True:
            _head(sock)
            sock.sendall(_answer())

    with recording(script) as one, recording(script) as other, sending() as transport:
        for peer in (one, other, one):
            assert _ok(transport.send(_get(f"http://{peer.address}"))).status == 200
        assert (len(one.connections), len(other.connections)) == (2, 1)


@pytest.mark.parametrize("behaviour", ["close-on-reuse", "reset-on-reuse", "extra-answer", "extra-bytes"])
def test_stale_connection_is_replaced_and_the_request_asked_again(behaviour: str) -> None:
    """A kept connection that the peer ends, or on which it says more than was asked, spoils no later request."""
    with hostile.serve(behaviour) as base, sending() as transport:
        for _ in range(3):
            assert _ok(transport.send(_get(base))).status == 200


@pytest.mark.parametrize("ending", ["close", "reset", "chatter"])
def test_kept_connection_that_is_no_good_any_more_is_noticed_beforehand(ending: str) -> None:
    """What happens on an idle connection is seen before the next request goes out, so that it is sent once."""
    go, done = threading.Event(), threading.Event()
    seen: list[bytes] = []

    def script(sock: socket.socket) -> None:
        seen.append(_head(sock))
        sock.sendall(_answer())
        if not go.wait(STUCK):
            return
        if ending == "chatter":
            sock.sendall(b"HTTP/1.1 408 Too late\r\n\r\n")
        elif ending == "reset":
            _reset(sock)
        else:
            sock.close()
        done.set()
        if ending == "chatter":
            sock.recv(1)

    with recording(script) as peer, sending() as transport:
        _ok(transport.send(_get(f"http://{peer.address}")))
        go.set()
        assert done.wait(STUCK)
        assert _ok(transport.send(_get(f"http://{peer.address}"))).status == 200
        assert (len(peer.connections), len(seen)) == (2, 2)


def test_request_that_changes_something_is_sent_once() -> None:
    """A POST never goes out on a kept connection, and is not repeated when the peer ends without an answer."""
    heads: list[bytes] = []

    def script(sock: socket.socket) -> None:
        heads.append(_head(sock)[:4])
        if heads[-1] == b"GET ":
            sock.sendall(_answer())
            heads.append(_head(sock)[:4])

    with recording(script) as peer, sending() as transport:
        _ok(transport.send(_get(f"http://{peer.address}")))
        failure = _failed(transport.send(Request("POST", f"http://{peer.address}/x", (), b"1")))
        assert failure.kind is ErrorKind.CLOSED
        assert heads == [b"GET ", b"POST"]
        assert len(peer.connections) == 2


def test_fresh_connection_that_ends_without_an_answer_is_not_asked_again() -> None:
    """Only a connection that has served before can be stale; a first one that is closed is a failure."""
    with recording(_head) as peer, sending() as transport:
        assert _failed(transport.send(_get(f"http://{peer.address}"))).kind is ErrorKind.CLOSED
        assert len(peer.connections) == 1


def test_peer_that_does_not_take_the_request_is_given_up_in_time() -> None:
    """A peer that reads nothing of a request larger than the system's buffers ends in a timeout."""

    def attempt(limit: float) -> Response | TransportFailure:
        with silent() as address, sending(limit) as transport:
            return transport.send(Request("PUT", f"http://{address}/x", (), b"x" * 2**25))

    assert widening(attempt, "timeout", "did not take the request")


def test_peer_that_resets_while_the_request_is_sent_is_a_failure() -> None:
    """A connection that breaks in the middle of a large request is a failure like any other."""

    def script(sock: socket.socket) -> None:
        sock.recv(1)
        _reset(sock)

    with recording(script) as peer, sending() as transport:
        failure = _failed(transport.send(Request("PUT", f"http://{peer.address}/x", (), b"x" * 2**26)))
        assert failure.kind is ErrorKind.CLOSED


def test_host_with_several_addresses_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time limit is one for all addresses of a host, not one for each, which would come to minutes here."""
    resolve = socket.getaddrinfo
    with hostile.serve("accept-never") as base, sending(LIMIT) as transport:
        port = int(base.rpartition(":")[2].partition("/")[0])
        addresses = resolve("127.0.0.1", port, type=socket.SOCK_STREAM) * 300
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
        began = time.monotonic()
        assert _failed(transport.send(_get(base))).kind is ErrorKind.TIMEOUT
        assert time.monotonic() - began < LIMIT + STUCK


def test_host_that_has_no_address_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that cannot be resolved ends in a failure that names it."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with sending() as transport:
        failure = _failed(transport.send(_get("http://nowhere.invalid")))
    assert failure.kind is ErrorKind.CONNECT
    assert "nowhere.invalid:80: Name or service not known" in failure.message


# ---------------------------------------------------------------------------------------------------------------- TLS


@pytest.fixture(scope="module")
def platform() -> Iterator[LocalPlatform]:
    """Serve the local platform over TLS."""
    with LocalPlatform((load_spec("status-dashboard"),), tls=True) as running:
        yield running


@pytest.fixture
def ca_file(platform: LocalPlatform, tmp_path: Path) -> Path:
    """Return a file with the certificate of the platform's own authority."""
    assert platform.certificate is not None
    return _write_authority(platform.certificate, tmp_path)


def _write_authority(certificate: ServerCertificate, folder: Path) -> Path:
    path = folder / "authority.pem"
    path.write_bytes(certificate.authority)
    return path


def _tls_script(certificate: ServerCertificate, folder: Path) -> Script:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate.write(folder))

    def script(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as secure:
            _head(secure)
            secure.sendall(_answer())

    return script


def _dashboard(platform: LocalPlatform) -> Request:
    return _get(platform.settings("status-dashboard")["base_url"], "/dashboard")


def test_own_authority_is_trusted_where_the_target_says_so(platform: LocalPlatform, ca_file: Path) -> None:
    """With the CA file of the peer's authority requests are answered, one after the other on one connection."""
    with sending(ca_file=ca_file) as transport:
        for _ in range(3):
            assert _ok(transport.send(_dashboard(platform))).status == 200


def test_unknown_authority_is_refused(platform: LocalPlatform) -> None:
    """Without the CA file nothing is sent, and the failure says why."""
    with sending() as transport:
        failure = _failed(transport.send(_dashboard(platform)))
    assert failure.kind is ErrorKind.TLS
    assert "its certificate does not hold: " in failure.message


def test_wrong_authority_is_refused(platform: LocalPlatform, tmp_path: Path) -> None:
    """An authority of the same name, but with another key, is not the one."""
    with sending(ca_file=_write_authority(make_server_certificate(), tmp_path)) as transport:
        failure = _failed(transport.send(_dashboard(platform)))
    assert failure.kind is ErrorKind.TLS
    assert "its certificate does not hold: " in failure.message


def test_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    """A certificate of a trusted authority does not serve for an address that it does not name."""
    certificate = make_server_certificate()
    script = _tls_script(certificate, tmp_path)
    with sending(ca_file=_write_authority(certificate, tmp_path)) as transport:
        with recording(script) as named:
            assert _ok(transport.send(_get(f"https://{named.address}"))).status == 200
        with recording(script, "127.0.0.2") as unnamed:
            failure = _failed(transport.send(_get(f"https://{unnamed.address}")))
    assert failure.kind is ErrorKind.TLS
    assert "127.0.0.2" in failure.message


def test_plain_http_behind_an_https_address_is_a_tls_failure() -> None:
    """A peer that does not speak TLS is no TLS peer."""

    def script(sock: socket.socket) -> None:
        sock.recv(1)
        sock.sendall(_answer())

    with recording(script) as peer, sending() as transport:
        assert _failed(transport.send(_get(f"https://{peer.address}"))).kind is ErrorKind.TLS


def test_handshake_that_never_comes_is_given_up_in_time() -> None:
    """A peer that accepts and says nothing ends in a timeout."""

    def attempt(limit: float) -> Response | TransportFailure:
        with silent() as address, sending(limit) as transport:
            assert transport.tls  # reading the system's authorities is not what takes the time
            return transport.send(_get(f"https://{address}"))

    assert widening(attempt, "timeout", "TLS handshake")


def test_idle_tls_connection_that_the_peer_ends_is_replaced(tmp_path: Path) -> None:
    """The end of a kept TLS connection is noticed, and the next request goes out on a new one."""
    certificate = make_server_certificate()
    with recording(_tls_script(certificate, tmp_path)) as peer:
        with sending(ca_file=_write_authority(certificate, tmp_path)) as transport:
            for _ in range(3):
                assert _ok(transport.send(_get(f"https://{peer.address}"))).status == 200
        assert len(peer.connections) == 3


def test_verification_cannot_be_switched_off(ca_file: Path) -> None:
    """There is no parameter for it, and what is made verifies chain and name by TLS 1.2 or newer."""
    assert set(inspect.signature(Transport).parameters) == {"timeout", "ca_file", "proxy", "client"}
    for transport in (Transport(1), Transport(1, ca_file)):
        assert transport.tls.verify_mode is ssl.CERT_REQUIRED
        assert transport.tls.check_hostname
        assert transport.tls.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REQUESTS_CA_BUNDLE", "{ca}"),
        ("CURL_CA_BUNDLE", "{ca}"),
        ("PYTHONHTTPSVERIFY", "0"),
        ("NODE_TLS_REJECT_UNAUTHORIZED", "0"),
        ("SSL_CERT_FILE", "{ca}"),
    ],
)
def test_environment_adds_no_trust(
    monkeypatch: pytest.MonkeyPatch, platform: LocalPlatform, ca_file: Path, name: str, value: str
) -> None:
    """No variable makes the transport trust an authority that the target does not name."""
    monkeypatch.setenv(name, value.format(ca=ca_file))
    with sending() as transport:
        assert _failed(transport.send(_dashboard(platform))).kind is ErrorKind.TLS


def test_environment_makes_no_record_of_keys(
    monkeypatch: pytest.MonkeyPatch, platform: LocalPlatform, ca_file: Path, tmp_path: Path
) -> None:
    """No variable makes the transport write down the keys with which its traffic can be read."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    with sending(ca_file=ca_file) as transport:
        assert _ok(transport.send(_dashboard(platform))).status == 200
    assert not (tmp_path / "keys.log").exists()


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
def test_environment_names_no_proxy(
    monkeypatch: pytest.MonkeyPatch, platform: LocalPlatform, ca_file: Path, name: str
) -> None:
    """Requests go to the target itself, whatever proxy a variable names."""
    with recording(lambda sock: sock.close()) as proxy:
        monkeypatch.setenv(name, f"http://{proxy.address}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with sending(ca_file=ca_file) as transport, serving(lambda _: Answer(body=b"plain")) as base:
            assert _ok(transport.send(_dashboard(platform))).status == 200
            assert _ok(transport.send(_get(base))).body == b"plain"
        assert proxy.connections == []
