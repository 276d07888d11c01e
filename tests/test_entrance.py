"""Tests of who is let in to the local platform, and of how long a connection to it may take; all over real sockets."""

import json
import resource
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.contracts.loading import load_spec
from conformance.mock.entrance.connections import Bounds, Phase
from conformance.mock.entrance.loopback import stranger_of
from conformance.mock.platform import LocalPlatform

SPECS = (load_spec("status-dashboard"), load_spec("incidents-interventions"), load_spec("dossier-number-generation"))
BOARD = "/api/v1/dashboard"
ADVANCE = "/local/incidents-interventions/advance"
LONG, SHORT = 60.0, 0.5  # seconds: what no machine reaches, and what ends a connection
HALF_HEAD = b"GET /api/v1/dashboard HTTP/1.1\r\nHost: localhost\r\nX-a: "


@pytest.fixture(scope="module")
def platform() -> Iterator[LocalPlatform]:
    """Serve the local platform with the usual bounds."""
    with LocalPlatform(SPECS) as running:
        yield running


def _connect(platform: LocalPlatform) -> socket.socket:
    host, _, port = platform.address.rpartition("/")[2].partition(":")
    return socket.create_connection((host, int(port)), timeout=LONG)


def _head(method: str = "GET", path: str = BOARD, *headers: str, host: str = "Host: localhost") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", host, *headers, "", ""]).encode("latin-1")


def _received(connection: socket.socket) -> bytes:
    """Return all that a peer sends until it closes."""
    received = bytearray()
    try:
        while block := connection.recv(65536):
            received += block
    except ConnectionError:
        pass
    return bytes(received)


def _ask(platform: LocalPlatform, head: bytes, body: bytes = b"") -> tuple[int, bytes]:
    """Return the status and the body of an answer."""
    with _connect(platform) as connection:
        connection.sendall(head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1) + body)
        answer = _received(connection)
    return int(answer.split()[1]), answer.partition(b"\r\n\r\n")[2]


# --------------------------------------------------------------------------------------------------------- who asks


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8080", "LOCALHOST", "localhost.:1", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:80"],
)
def test_loopback_hosts_are_served(platform: LocalPlatform, host: str) -> None:
    """Every name of this machine is one that the platform answers to, whatever the port."""
    assert _ask(platform, _head(host=f"Host: {host}"))[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "evil.example:localhost",
        "10.0.0.1",
        "[::2]",
        "0.0.0.0",  # noqa: S104 - a name that is refused
        "localhost:80:80",
        "localhost, evil.example",
        "",
    ],
)
def test_other_hosts_are_refused_with_a_word(platform: LocalPlatform, host: str) -> None:
    """A name of elsewhere that resolves to loopback (DNS rebinding) is told that it is not meant."""
    status, body = _ask(platform, _head(host=f"Host: {host}"))
    assert status == 421
    assert "127.0.0.1" in json.loads(body)["error"]


def test_message_without_host_is_not_served(platform: LocalPlatform) -> None:
    """HTTP/1.0 may leave the Host out; then nothing tells that this machine is meant."""
    assert _ask(platform, b"GET /api/v1/dashboard HTTP/1.0\r\n\r\n")[0] == 421


@pytest.mark.parametrize("origin", ["http://localhost", "http://localhost:3000", "https://127.0.0.1:1", "http://[::1]"])
def test_pages_of_this_machine_are_served(platform: LocalPlatform, origin: str) -> None:
    """An application under development on loopback may ask."""
    assert _ask(platform, _head("GET", BOARD, f"Origin: {origin}"))[0] == 200


@pytest.mark.parametrize(
    "origin",
    ["null", "", "https://evil.example", "http://localhost.evil.example", "file://", "http://127.0.0.1@evil.example"],
)
@pytest.mark.parametrize("path", [BOARD, "/nowhere"])
def test_pages_of_elsewhere_are_refused(platform: LocalPlatform, origin: str, path: str) -> None:
    """A foreign Origin, or one that hides itself, gets nothing from any path."""
    status, body = _ask(platform, _head("GET", path, f"Origin: {origin}"))
    assert status == 403
    assert "Origin" in json.loads(body)["error"]


def test_one_foreign_origin_of_two_is_enough(platform: LocalPlatform) -> None:
    """A second header does not hide the first."""
    head = _head("GET", BOARD, "Origin: http://evil.example", "Origin: http://localhost")
    assert _ask(platform, head)[0] == 403


@pytest.mark.parametrize("origin", ["http://localhost", "http://127.0.0.1:8080", "null", "http://evil.example"])
def test_controls_refuse_every_page(platform: LocalPlatform, origin: str) -> None:
    """What tells the platform what to do is for programs alone: whoever has an Origin changes nothing."""
    before = _ask(platform, _head("GET", "/api/v1/incidents"))
    assert _ask(platform, _head("POST", ADVANCE, f"Origin: {origin}", "Content-Length: 0"))[0] == 403
    assert _ask(platform, _head("GET", "/api/v1/incidents")) == before


def test_controls_obey_programs(platform: LocalPlatform) -> None:
    """Without an Origin the story goes on."""
    assert _ask(platform, _head("POST", ADVANCE, "Content-Length: 0"))[0] == 200


@given(st.text("localhost127.01:[]@/\\ evxampl", max_size=30))
def test_only_names_of_loopback_pass(host: str) -> None:
    """Whatever is written in a Host, what passes is one of three names and at most a port."""
    if stranger_of(BOARD, [(b"host", host.encode("latin-1"))]) is None:
        name = host.removeprefix("[::1]").partition(":")[0].lower()
        assert name in {"", "localhost", "localhost.", "127.0.0.1"}


# ------------------------------------------------------------------------------------------------- how long, how many


def _half_body(size: int) -> bytes:
    return _head("POST", "/DossierNumberGeneration/v1", "Content-Type: text/xml", f"Content-Length: {size}")


def _bounds(phase: Phase | None = None, **numbers: int) -> Bounds:
    """Return wide bounds with one short phase."""
    return Bounds({each: SHORT if each is phase else LONG for each in Phase}, **numbers)


def _drip(platform: LocalPlatform, begin: bytes) -> float:
    """Send a beginning and then byte after byte until the peer closes; return the seconds that took."""
    began = time.monotonic()
    with _connect(platform) as connection:
        _drip_over(connection, begin, began)
    return time.monotonic() - began


def _drip_over(connection: socket.socket, begin: bytes, began: float) -> None:
    connection.settimeout(0.05)
    try:
        connection.sendall(begin)
        while time.monotonic() - began < LONG:
            connection.sendall(b"a")
            try:
                if not connection.recv(65536):
                    break
            except TimeoutError:
                continue
    except ConnectionError:
        pass


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("begin", [b"", HALF_HEAD])
def test_head_has_its_time(tls: bool, begin: bytes) -> None:  # noqa: FBT001 - a table's column
    """Whoever says nothing, or drips a head byte after byte, is closed when the time for a head is over."""
    with LocalPlatform(SPECS, tls=tls, bounds=_bounds(Phase.HEAD)) as platform:
        began = time.monotonic()
        with _connect(platform) as connection:
            connection.sendall(begin)
            assert _received(connection) == b""
        refused_at_once = tls and begin  # it is no handshake
        assert (0 if refused_at_once else SHORT * 0.9) < time.monotonic() - began < LONG


@pytest.mark.parametrize(
    ("phase", "begin"),
    [
        (Phase.HEAD, HALF_HEAD),
        (
            Phase.BODY,
            _half_body(999_999),
        ),
    ],
    ids=["head", "body"],
)
def test_dripping_does_not_win_time(phase: Phase, begin: bytes) -> None:
    """A byte now and then does not prolong the time for a head, nor that for a body."""
    with LocalPlatform(SPECS, bounds=_bounds(phase)) as platform:
        assert SHORT * 0.9 < _drip(platform, begin) < LONG


def test_idle_connection_is_closed_after_an_answer() -> None:
    """A connection that is kept and not used is closed."""
    with LocalPlatform(SPECS, bounds=_bounds(Phase.IDLE)) as platform, _connect(platform) as connection:
        connection.sendall(_head())
        assert _received(connection).startswith(b"HTTP/1.1 200")


def test_every_request_has_the_whole_time() -> None:
    """The time for a head begins anew with each request of a connection."""
    limits = {**dict.fromkeys(Phase, LONG), Phase.HEAD: 3.0}
    with LocalPlatform(SPECS, bounds=Bounds(limits)) as platform:
        connection = HTTPConnection(platform.address.rpartition("/")[2], timeout=LONG)
        connection.connect()
        own = connection.sock.getsockname()
        began = time.monotonic()
        while time.monotonic() - began < 4.0:
            connection.request("GET", BOARD)
            assert connection.getresponse().read()
        assert connection.sock.getsockname() == own
        connection.close()


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_pipelined_requests_are_all_answered(tls: bool) -> None:  # noqa: FBT001 - a table's column
    """Requests that come in one piece, with the end of a handshake as well, are answered one after the other."""
    with LocalPlatform(SPECS, tls=tls) as running, _connect(running) as plain:
        connection = _secured(running, plain) if tls else plain
        with connection:
            connection.sendall(_head() * 3 + _head("GET", BOARD, "Connection: close"))
            assert _received(connection).count(b"HTTP/1.1 200 OK") == 4


def _secured(platform: LocalPlatform, plain: socket.socket) -> ssl.SSLSocket:
    assert platform.certificate is not None
    context = ssl.create_default_context(cadata=platform.certificate.authority.decode("ascii"))
    return context.wrap_socket(plain, server_hostname="127.0.0.1")


def test_newcomers_are_served_when_all_places_are_taken() -> None:
    """Beyond the number of connections whoever has waited longest is closed, and the next one is answered."""
    with LocalPlatform(SPECS, bounds=_bounds(connections=5)) as platform, ExitStack() as stack:
        waiting = [stack.enter_context(_connect(platform)) for _ in range(8)]
        assert _ask(platform, _head())[0] == 200
        assert [_received(each) for each in waiting[:4]] == [b""] * 4


def test_bodies_under_way_are_bounded() -> None:
    """Of bodies that do not end no more than a few are held, and another request is answered."""
    slow = _half_body(999_999)
    with LocalPlatform(SPECS, bounds=_bounds(bodies=2)) as platform, ExitStack() as stack:
        waiting = [stack.enter_context(_connect(platform)) for _ in range(3)]
        for each in waiting:
            each.sendall(slow + b"<")
        assert _received(waiting[0]) == b""
        assert _ask(platform, _head())[0] == 200


def _memory() -> int:
    """Return the largest resident memory of this process so far, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize(
    "begin",
    [
        b"",
        HALF_HEAD + b"a" * 10_000,
        _half_body(900_000) + b"<" * 9999,
    ],
    ids=["silent", "half heads", "half bodies"],
)
def test_flood_of_slow_connections_leaves_others_served(platform: LocalPlatform, begin: bytes) -> None:
    """Beside 700 slow connections each request is answered at once, and memory stays within bounds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096 if hard == resource.RLIM_INFINITY else min(4096, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    before = _memory()
    with ExitStack() as stack:
        for _ in range(700):
            connection = stack.enter_context(_connect(platform))
            connection.sendall(begin)
        began = time.monotonic()
        for _ in range(5):
            assert _ask(platform, _head())[0] == 200
        assert time.monotonic() - began < 30
    assert _memory() - before < 200 * 1024


def test_client_that_leaves_during_its_handshake_harms_nobody() -> None:
    """Plain text, silence and an early end at a TLS port leave the next client served."""
    with LocalPlatform(SPECS, tls=True) as platform:
        for begin in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00"):
            with _connect(platform) as connection:
                connection.sendall(begin)
        with _secured(platform, _connect(platform)) as connection:
            connection.sendall(_head("GET", BOARD, "Connection: close"))
            assert _received(connection).startswith(b"HTTP/1.1 200")
