"""The runner's only outgoing socket: a Request in, a Response or a TransportFailure out.

HTTP/1.1 by h11, TLS by the ssl module with verification that cannot be switched off. Whatever the
peer does, `send` returns within its time limit and holds no more than its size limits. Redirects
are answers, cookies are forgotten, environment variables are not read. Must not judge answers.
"""

import contextlib
import re
import socket
import ssl
import time
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import Self
from urllib.parse import SplitResult, urlsplit

import h11

from conformance.model.exchange import ErrorKind, Request, Response, TransportFailure
from conformance.traffic.body import Body, content_coding
from conformance.traffic.connecting import (
    ClientCertificate,
    Route,
    is_readable,
    open_socket,
    system_trust,
    way_to,
)
from conformance.traffic.diagnosis import speaks_http2, tls_words
from conformance.traffic.failure import FailureError, left
from conformance.traffic.proxy import Proxy
from conformance.traffic.request_bytes import request_bytes

LARGEST_HEAD = 256 * 2**10
"""Bytes that status line and header fields may have."""
_KEPT_RAW = 4096
_MOST_INFORMATIONAL = 50
_QUOTED_BYTES = re.compile(
    r"bytearray\(b(?P<text>(?P<quote>['\"]).*?(?P=quote))\)", re.DOTALL
)
"""How h11 quotes what it cannot read."""
_CHUNK = 64 * 2**10
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})

_Origin = tuple[str, str, int]
"""Scheme, host and port."""


@dataclass(slots=True)
class _Connection:
    """A socket to one origin with its HTTP state; `used` is true once it has carried a request.

    `held` is what is kept back of a request that is to leave at the same moment as another.
    """

    origin: _Origin
    sock: socket.socket
    http: h11.Connection
    raw: bytearray = field(default_factory=bytearray)
    used: bool = False
    held: bytes = b""

    def serves(self, origin: _Origin) -> bool:
        """Tell whether the idle connection leads to an origin and has nothing left to read."""
        return self.origin == origin and not is_readable(self.sock)

    def has_answered(self) -> bool:
        """Tell whether bytes of an answer have come, or the peer has closed; what has come is kept."""
        self.sock.settimeout(0)
        try:
            data = self.sock.recv(_CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        if data:
            self.take_in(data)
        return True

    def take_in(self, data: bytes) -> None:
        """Keep the first bytes of an answer as they came, and read all of them as HTTP."""
        room = _KEPT_RAW - len(self.raw)
        if room > 0:
            self.raw += data[:room]
        self.http.receive_data(data)

    def abort(self) -> None:
        """Wake up whoever waits for the peer in another thread: it reads the end of the connection."""
        with contextlib.suppress(OSError):
            # Not the method of a TLS socket, which must not be changed while another thread reads from it.
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.sock.close()


@dataclass(slots=True)
class Transport:
    """Sends one request at a time, keeping the connection alive between requests to one origin.

    `timeout` is the number of seconds for a whole exchange, from connecting to the last byte; `ca_file` (PEM) has
    certificates to trust besides the system's authorities. `proxy` leads to hosts over https, and `client` is the
    certificate for gateways that ask for one.
    """

    timeout: float
    ca_file: Path | None = None
    proxy: Proxy | None = None
    client: ClientCertificate | None = None
    _tls: ssl.SSLContext | None = field(default=None, init=False)
    _connection: _Connection | None = field(default=None, init=False)

    @property
    def tls(self) -> ssl.SSLContext:
        """Return the context that verifies peers; it is made at first use, since reading it takes long."""
        if self._tls is None:
            self._tls = system_trust()
            if self.ca_file is not None:
                self._tls.load_verify_locations(cafile=self.ca_file)
            if self.client is not None:
                self.client.load_into(self._tls)
        return self._tls

    def way(self, url: SplitResult) -> Route:
        """Return how an address is reached; plain http, which is for loopback only, never through a proxy."""
        if url.scheme != "https":
            return way_to(_origin(url), None, None)
        return way_to(_origin(url), self.tls, self.proxy)

    def send(
        self, request: Request, timeout: float | None = None
    ) -> Response | TransportFailure:
        """Return the peer's response, or the failure that prevented one; never raises for what the peer does.

        A `timeout` for this request may shorten the transport's own, never lengthen it.
        """
        allowed = self.timeout if timeout is None else min(timeout, self.timeout)
        deadline = time.monotonic() + allowed
        try:
            try:
                return self._exchange(request, deadline)
            except FailureError as failure:
                if not failure.stale or request.method not in _IDEMPOTENT:
                    raise
                # RFC 9112, 9.3.1: a kept-alive connection may be closed at any time; ask again on a new one.
                return self._exchange(request, deadline)
        except FailureError as failure:
            received = bytes(self._connection.raw) if self._connection else b""
            self.close()
            return TransportFailure(failure.kind, str(failure), received)
        except BaseException:
            # Interrupted half-way: the rest of this response would be taken for the next one.
            self.close()
            raise

    def close(self) -> None:
        """Close the connection that was kept."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def another(self) -> Self:
        """Return a transport with the same trust and limits, and a connection of its own."""
        other = replace(self)
        other._tls = self._tls  # noqa: SLF001 - of its own class: reading trust anew takes long
        return other

    def open(self, request: Request, deadline: float) -> None:
        """Open a new connection for a request without sending it; raises FailureError."""
        self._connect(urlsplit(request.url), deadline, fresh=True)

    def write(self, request: Request, deadline: float) -> None:
        """Send all but the last byte of a request on the connection opened for it; raises FailureError."""
        data = request_bytes(self._opened.http, request)
        _send(self._opened, data[:-1], deadline)
        self._opened.held = data[-1:]

    def finish(self, deadline: float) -> bool:
        """Send the last byte of a request; tell whether it went out. Raises FailureError."""
        return _send(self._opened, self._opened.held, deadline)

    def has_answered(self) -> bool:
        """Tell, without waiting, whether bytes of an answer have come or the peer has closed."""
        return self._opened.has_answered()

    def read(self, request: Request, deadline: float) -> Response | TransportFailure:
        """Return the answer to a request that was written, or why there is none, and close the connection."""
        connection = self._opened
        try:
            head, informational = _read_head(connection, deadline)
            return _read_body(connection, head, informational, request.method, deadline)
        except FailureError as failure:
            return TransportFailure(failure.kind, str(failure), bytes(connection.raw))
        finally:
            self.close()

    def abort(self) -> None:
        """End a `read` that goes on in another thread."""
        connection = self._connection
        if connection is not None:
            connection.abort()

    @property
    def _opened(self) -> _Connection:
        if self._connection is None:
            raise ValueError("no connection was opened for this request")
        return self._connection

    def _exchange(self, request: Request, deadline: float) -> Response:
        url = urlsplit(request.url)
        connection = self._connect(
            url, deadline, fresh=request.method not in _IDEMPOTENT
        )
        connection.raw.clear()
        reused, connection.used = connection.used, True
        try:
            _write(connection, request, deadline)
            head, informational = _read_head(connection, deadline)
        except FailureError as failure:
            stale = reused and failure.kind is ErrorKind.CLOSED and not connection.raw
            if stale:
                self.close()
            raise FailureError(failure.kind, str(failure), stale=stale) from None
        response = _read_body(connection, head, informational, request.method, deadline)
        # RFC 9110, 15.5.9: a server that answers 408 has given up this connection.
        is_given_up = response.status == HTTPStatus.REQUEST_TIMEOUT
        if response.cut or is_given_up or not _ready_for_next(connection):
            self.close()
        return response

    def _connect(
        self, url: SplitResult, deadline: float, *, fresh: bool
    ) -> _Connection:
        """Return the kept connection, or a new one where it does not serve this request."""
        origin = _origin(url)
        kept = self._connection
        if kept is not None and not fresh and kept.serves(origin):
            return kept
        self.close()
        sock = open_socket(self.way(url), deadline)
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD)
        self._connection = _Connection(origin, sock, http)
        return self._connection


def _origin(url: SplitResult) -> _Origin:
    default_port = 443 if url.scheme == "https" else 80
    return url.scheme, str(url.hostname), url.port or default_port


def _write(connection: _Connection, request: Request, deadline: float) -> None:
    _send(connection, request_bytes(connection.http, request), deadline)


def _send(connection: _Connection, data: bytes, deadline: float) -> bool:
    """Send bytes; tell whether all of them went out."""
    try:
        connection.sock.settimeout(left(deadline))
        connection.sock.sendall(data)
    except TimeoutError:
        raise FailureError(
            ErrorKind.TIMEOUT, "the peer did not take the request in time"
        ) from None
    except OSError:
        # A peer may answer and close before it has read everything; its answer is still to be read.
        return False
    return True


def _receive(connection: _Connection, deadline: float) -> None:
    try:
        connection.sock.settimeout(left(deadline))
        data = connection.sock.recv(_CHUNK)
    except TimeoutError:
        raise FailureError(
            ErrorKind.TIMEOUT, "the peer did not answer in time"
        ) from None
    except ssl.SSLError as error:
        raise FailureError(ErrorKind.TLS, f"TLS failed: {tls_words(error)}") from None
    except OSError as error:
        message = f"the peer closed the connection: {error.strerror or error}"
        raise FailureError(ErrorKind.CLOSED, message) from None
    if not data and connection.http.their_state is h11.SEND_RESPONSE:
        started = "in the middle of the head" if connection.raw else "without an answer"
        raise FailureError(
            ErrorKind.CLOSED, f"the peer closed the connection {started}"
        )
    connection.take_in(data)


def _next_event(
    connection: _Connection, deadline: float
) -> h11.Event | type[h11.PAUSED]:
    while True:
        try:
            event = connection.http.next_event()
        except h11.RemoteProtocolError as error:
            why = f"the answer breaks HTTP: {_in_words(error)}"
            if speaks_http2(bytes(connection.raw)):
                why = "the peer answers in HTTP/2, and the harness speaks HTTP/1.1: use an address that does"
            raise FailureError(ErrorKind.PROTOCOL, why) from None
        if event is not h11.NEED_DATA:
            return event  # type: ignore[return-value]  # NEED_DATA is excluded here
        _receive(connection, deadline)


def _in_words(error: h11.RemoteProtocolError) -> str:
    """Return what h11 says, with the bytes that it quotes as a text in quotes and not as Python writes them."""
    return _QUOTED_BYTES.sub(r"\g<text>", str(error))


def _read_head(connection: _Connection, deadline: float) -> tuple[h11.Response, int]:
    informational = 0
    while True:
        event = _next_event(connection, deadline)
        if isinstance(event, h11.Response):
            return event, informational
        interim = isinstance(event, h11.InformationalResponse)
        if not interim or informational >= _MOST_INFORMATIONAL:
            raise FailureError(
                ErrorKind.PROTOCOL,
                f"more than {_MOST_INFORMATIONAL} answers with status 1xx",
            )
        informational += 1
        connection.raw.clear()


def _read_body(
    connection: _Connection,
    head: h11.Response,
    informational: int,
    method: str,
    deadline: float,
) -> Response:
    headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in head.headers.raw_items()
    )
    # A response to HEAD has no content, whatever its header fields say (RFC 9110, 9.3.2).
    body = Body(content_coding(headers) if method != "HEAD" else "")
    try:
        _fill(body, connection, deadline)
    except FailureError as failure:
        body.cut = body.cut or str(failure)
    surplus = len(connection.http.trailing_data[0])
    return Response(
        status=head.status_code,
        reason=head.reason.decode("latin-1"),
        headers=headers,
        body=bytes(body.kept),
        length=body.length,
        sha256=body.digest.hexdigest(),
        version=head.http_version.decode("ascii"),
        cut=body.cut,
        informational=informational,
        surplus=0 if body.cut else surplus,
    )


def _fill(body: Body, connection: _Connection, deadline: float) -> None:
    """Read into a body until it ends or has to be cut."""
    while not body.cut:
        event = _next_event(connection, deadline)
        if not isinstance(event, h11.Data):
            break
        body.add(bytes(event.data))
    body.finish()


def _ready_for_next(connection: _Connection) -> bool:
    """Prepare a connection for its next request; tell whether it can have one."""
    http = connection.http
    ended = http.our_state is h11.DONE and http.their_state is h11.DONE
    if not ended or http.trailing_data[0]:
        return False
    http.start_next_cycle()
    return True
