"""Opens sockets: name look-up, TCP, a proxy's way, TLS with verification that cannot be switched off, in one deadline.

Must not know what is sent over them.
"""

import socket
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from conformance.model.exchange import ErrorKind
from conformance.traffic.chain import OUT_OF_DATE, shown_chain, whose_date
from conformance.traffic.diagnosis import tls_words, unused_proxy
from conformance.traffic.failure import FailureError, left
from conformance.traffic.proxy import Proxy, is_loopback
from conformance.traffic.resolving import addresses_of
from conformance.traffic.tunnel import open_tunnel


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What is shown to a gateway that asks for a certificate, in PEM: the chain, and the key under a password."""

    chain: bytes
    key: bytes = field(repr=False)
    password: bytes = field(repr=False)

    def load_into(self, context: ssl.SSLContext) -> None:
        """Give a context the certificate; the ssl module reads it from files only, which are gone afterwards.

        They are private, and the key in them is encrypted. Raises OSError.
        """
        with tempfile.TemporaryDirectory(prefix="ehealth-") as folder:
            path = Path(folder) / "client.pem"
            path.touch(mode=0o600)
            path.write_bytes(self.chain + self.key)
            context.load_cert_chain(path, password=self.password)


@dataclass(frozen=True, slots=True)
class Route:
    """How a host is reached: straight, or through a proxy; over TLS where there is a context.

    `exempt_from` is the proxy that does not lead there.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None
    proxy: Proxy | None = None
    exempt_from: Proxy | None = None

    @property
    def unused(self) -> str:
        """Return in words that a proxy is there and is not used, for who finds no way; "" where none is."""
        if self.exempt_from is None:
            return unused_proxy(self.host, port=self.port)
        if is_loopback(self.host):
            return ""
        return f"; the proxy {self.exempt_from.url} is not used for it, which no_proxy exempts"

    @property
    def place(self) -> str:
        """Return host and port, with the proxy that leads there, which may be what is met in TLS."""
        return f"{self.host}:{self.port}{self.through if self.proxy else ''}"

    @property
    def through(self) -> str:
        """Return in words which proxy leads there, or why none does; "" where there is none."""
        if self.proxy is not None:
            return f" through the proxy {self.proxy.url}"
        if self.exempt_from is None or is_loopback(self.host):
            return ""
        return f" directly, since no_proxy exempts it from {self.exempt_from.url},"


def way_to(
    origin: tuple[str, str, int], tls: ssl.SSLContext | None, proxy: Proxy | None
) -> Route:
    """Return the way to an origin: through the proxy where there is one that leads to it."""
    _, host, port = origin
    if proxy is not None and proxy.leads_to(host, port):
        return Route(host, port, tls, proxy)
    return Route(host, port, tls, exempt_from=proxy)


def system_trust() -> ssl.SSLContext:
    """Return ssl.create_default_context() without regard for SSL_CERT_FILE, SSL_CERT_DIR and SSLKEYLOGFILE."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # As curl and Python 3.13 do: whatever certificate is trusted ends a chain, be it a root or not. Their other
    # new default, VERIFY_X509_STRICT, stays off as in curl: authorities in the field lack key identifiers.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    paths = ssl.get_default_verify_paths()
    if Path(paths.openssl_cafile).is_file():
        context.load_verify_locations(cafile=paths.openssl_cafile)
    if Path(paths.openssl_capath).is_dir():
        context.load_verify_locations(capath=paths.openssl_capath)
    return context


def open_socket(way: Route, deadline: float) -> socket.socket:
    """Return a socket on a way; raises FailureError."""
    place = f"{way.host}:{way.port}"
    try:
        sock = open_bare(way, deadline)
    except FailureError as failure:
        if way.proxy is not None:
            raise
        raise FailureError(failure.kind, f"{failure}{way.unused}") from None
    except TimeoutError:
        raise FailureError(
            ErrorKind.TIMEOUT,
            f"no connection to {place} in time{way.unused}",
        ) from None
    except (
        OSError,
        UnicodeError,
    ) as error:  # UnicodeError: a name that DNS cannot hold
        reason = getattr(error, "strerror", None) or error
        raise FailureError(
            ErrorKind.CONNECT,
            f"no connection to {place}: {reason}{way.unused}",
        ) from None
    if way.tls is None:
        return sock
    try:
        return secured(sock, way.tls, way.host, deadline)
    except TimeoutError:
        raise FailureError(
            ErrorKind.TIMEOUT, f"no TLS handshake with {way.place} in time"
        ) from None
    except OSError as error:
        why: object = error
        if isinstance(error, ssl.SSLError):
            why = tls_words(error, late_words(error, way, deadline))
        raise FailureError(
            ErrorKind.TLS, f"TLS with {way.place} failed: {why}"
        ) from None


def open_bare(way: Route, deadline: float) -> socket.socket:
    """Return a socket on a way, before TLS.

    Raises FailureError for what a proxy does, and where no time is left; OSError or UnicodeError for the host.
    """
    if way.proxy is None:
        return _dial(way.host, way.port, deadline)
    sock = _dial_proxy(way.proxy, deadline)
    try:
        open_tunnel(sock, way.proxy, way.host, way.port, deadline)
    except BaseException:
        sock.close()
        raise
    return sock


def secured(
    sock: socket.socket, tls: ssl.SSLContext, host: str, deadline: float
) -> ssl.SSLSocket:
    """Return a socket over TLS; raises OSError, and closes it then."""
    try:
        sock.settimeout(left(deadline))
        return tls.wrap_socket(sock, server_hostname=host)
    except BaseException:
        sock.close()
        raise


def late_words(error: Exception, way: Route, deadline: float) -> str:
    """Return whose certificate is out of date, where that is why TLS failed and it can be seen; else ""."""
    is_late = (
        isinstance(error, ssl.SSLCertVerificationError)
        and error.verify_code in OUT_OF_DATE
    )
    if not is_late:
        return ""
    try:
        sock = open_bare(way, deadline)
        return whose_date(shown_chain(sock, way.host, left(deadline)))
    except (OSError, FailureError):
        return ""


def _dial_proxy(proxy: Proxy, deadline: float) -> socket.socket:
    """Return a socket to a proxy; raises FailureError."""
    remedy = f"check that {proxy.setting} is right, and that the proxy is up"
    try:
        return _dial(proxy.host, proxy.port, deadline)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error) or "it does not answer"
    except FailureError as failure:
        reason = str(failure)
    raise FailureError(
        ErrorKind.PROXY, f"no connection to the proxy {proxy.url} ({reason}): {remedy}"
    )


def _dial(host: str, port: int, deadline: float) -> socket.socket:
    """Return a socket to the first address of a host that takes one; its addresses share the time that is left."""
    addresses = addresses_of(host, port, deadline)
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
