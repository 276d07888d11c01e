"""Opens sockets: name look-up, TCP, TLS with verification that cannot be switched off, all within one deadline.

Must not know HTTP.
"""

import socket
import ssl
import time
from pathlib import Path

from conformance.model.exchange import ErrorKind
from conformance.traffic.diagnosis import tls_words, unused_proxy


class FailureError(Exception):
    """Carries a failure from the depth of an exchange to `send`."""

    def __init__(self, kind: ErrorKind, message: str, *, stale: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        self.stale = stale


def system_trust() -> ssl.SSLContext:
    """Return ssl.create_default_context() without regard for SSL_CERT_FILE, SSL_CERT_DIR and SSLKEYLOGFILE."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    paths = ssl.get_default_verify_paths()
    if Path(paths.openssl_cafile).is_file():
        context.load_verify_locations(cafile=paths.openssl_cafile)
    if Path(paths.openssl_capath).is_dir():
        context.load_verify_locations(capath=paths.openssl_capath)
    return context


def open_socket(
    origin: tuple[str, str, int], tls: ssl.SSLContext | None, deadline: float
) -> socket.socket:
    """Return a socket to an origin, over TLS where there is a context; raises FailureError."""
    _, host, port = origin
    try:
        sock = _dial(host, port, deadline)
    except TimeoutError:
        raise FailureError(
            ErrorKind.TIMEOUT,
            f"no connection to {host}:{port} in time{unused_proxy(host)}",
        ) from None
    except (
        OSError,
        UnicodeError,
    ) as error:  # UnicodeError: a name that DNS cannot hold
        reason = getattr(error, "strerror", None) or error
        raise FailureError(
            ErrorKind.CONNECT,
            f"no connection to {host}:{port}: {reason}{unused_proxy(host)}",
        ) from None
    if tls is None:
        return sock
    try:
        sock.settimeout(left(deadline))
        return tls.wrap_socket(sock, server_hostname=host)
    except TimeoutError:
        sock.close()
        raise FailureError(
            ErrorKind.TIMEOUT, f"no TLS handshake with {host}:{port} in time"
        ) from None
    except OSError as error:
        sock.close()
        why = tls_words(error) if isinstance(error, ssl.SSLError) else error
        raise FailureError(
            ErrorKind.TLS, f"TLS with {host}:{port} failed: {why}"
        ) from None


def _dial(host: str, port: int, deadline: float) -> socket.socket:
    """Return a socket to the first address of a host that takes one; its addresses share the time that is left."""
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    problem = OSError(f"{host} has no address")
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        patience = left(deadline) / (len(addresses) - number)
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as error:
            problem = error
            continue
        try:
            sock.settimeout(patience)
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            problem = error
        else:
            return sock
    raise problem


def left(deadline: float) -> float:
    """Return the seconds that are left until a deadline; raises FailureError where none are."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise FailureError(ErrorKind.TIMEOUT, "the time limit has passed")
    return seconds


def is_readable(sock: socket.socket) -> bool:
    """Tell whether an idle connection has something to read: the peer closed it, or sent bytes unasked."""
    if isinstance(sock, ssl.SSLSocket) and sock.pending():
        return True
    try:
        sock.settimeout(0)
        if isinstance(sock, ssl.SSLSocket):
            return bool(sock.read(1) is not None)
        return sock.recv(1, socket.MSG_PEEK) is not None
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
