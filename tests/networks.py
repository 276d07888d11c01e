"""Networks of loopback for tests: a PKI made anew, a TLS front before a peer, a relay by CONNECT, and tinyproxy.

The names below `.invalid` lead nowhere (RFC 6761): a proxy alone knows the way to them, which is loopback again.
"""

import contextlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509.oid import NameOID

GATEWAY = "gateway.invalid"
"""A host that only a proxy can reach."""
_HOST = re.compile(rb"Host: gateway\.invalid:[0-9]+\r\n")
USER, PASSWORD = "svc", "tulp-én-roos:%7"
KEYSTORE_WORD = "molen-en-dijk"
START_S = 30.0
"""Seconds within which a process of a test is ready, on any machine."""

needs_tinyproxy = pytest.mark.skipif(shutil.which("tinyproxy") is None, reason="tinyproxy is not installed")
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Signed:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key as PEM."""
        form = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def sign(
    name: str,
    issuer: Signed | None = None,
    *,
    authority: bool = False,
    days: tuple[int, int] = (-30, 300),
    key: Key | None = None,
) -> Signed:
    """Return a certificate from the first to the last of some days from now; without an issuer it signs itself."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begins, ends = (datetime.now(UTC) + timedelta(days=day) for day in days)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        names = x509.SubjectAlternativeName([x509.DNSName(name), x509.DNSName("localhost")])
        builder = builder.add_extension(names, critical=False)
    return Signed(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


@dataclass(frozen=True)
class Pki:
    """A root, an intermediate authority, and a server's certificate below it."""

    root: Signed
    intermediate: Signed
    server: Signed

    def write(self, folder: Path, *chain: Signed) -> Path:
        """Write the root as root.pem; return the file with the server's key, its certificate, and others after it."""
        (folder / "root.pem").write_bytes(self.root.pem)
        path = folder / "server.pem"
        path.write_bytes(self.server.key_pem + self.server.pem + b"".join(row.pem for row in chain))
        return path


def make_pki(*, server: tuple[int, int] = (-30, 300), intermediate: tuple[int, int] = (-30, 300)) -> Pki:
    """Return a PKI for the gateway, whose certificates hold between the days given."""
    root = sign("Test Root", authority=True)
    middle = sign("Test Intermediate", root, authority=True, days=intermediate)
    return Pki(root, middle, sign(GATEWAY, middle, days=server))


def server_context(chain: Path) -> ssl.SSLContext:
    """Return a server's context with key and chain."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context


def write_keystore(path: Path, owner: Signed, *others: Signed, alias: str = "gateway") -> None:
    """Write a PKCS#12 key store."""
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(
            alias.encode(),
            owner.key,
            owner.certificate,
            [row.certificate for row in others] or None,
            BestAvailableEncryption(KEYSTORE_WORD.encode()),
        )
    )


# ------------------------------------------------------------------------------------------------------ connections


Serve = Callable[[socket.socket], None]
Edit = Callable[[bytes], bytes]


@dataclass
class Accepting:
    """A listener on loopback that hands each connection to a function, in a thread of its own."""

    serve: Serve
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    open: list[socket.socket] = field(default_factory=list)

    @property
    def port(self) -> int:
        """The port."""
        return int(self.listener.getsockname()[1])

    def run(self) -> None:
        """Accept until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                self.open.append(sock)
                threading.Thread(target=self._one, args=(sock,), daemon=True).start()

    def _one(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self.serve(sock)
        with contextlib.suppress(OSError):
            sock.close()


@contextlib.contextmanager
def accepting(serve: Serve) -> Iterator[Accepting]:
    """Serve connections with a function."""
    server = Accepting(serve)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
        for sock in server.open:
            with contextlib.suppress(OSError):
                sock.close()
        thread.join(START_S)


def read_head(sock: socket.socket) -> bytes:
    """Read up to the end of a message's head."""
    head = b""
    while b"\r\n\r\n" not in head:
        data = sock.recv(4096)
        if not data:
            raise ConnectionResetError
        head += data
    return head


def _pipe(source: socket.socket, sink: socket.socket, edit: Edit = bytes) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(edit(data))
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


def join(inner: socket.socket, outer: socket.socket, edit: Edit = bytes) -> None:
    """Carry bytes both ways until one end closes; what comes from outside is edited."""
    threading.Thread(target=_pipe, args=(inner, outer), daemon=True).start()
    _pipe(outer, inner, edit)


@dataclass
class Relay:
    """A proxy that takes every host for loopback, and keeps the heads that it was asked with."""

    port: int
    heads: list[bytes]

    @property
    def url(self) -> str:
        """The proxy's URL."""
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def relaying(refusal: bytes = b"") -> Iterator[Relay]:
    """Run a proxy that leads every host to the same port of loopback, or answers CONNECT with a refusal."""
    heads: list[bytes] = []

    def serve(sock: socket.socket) -> None:
        heads.append(read_head(sock))
        if refusal:
            sock.sendall(refusal)
            return
        port = int(heads[-1].split()[1].rpartition(b":")[2])
        with socket.create_connection(("127.0.0.1", port)) as other:
            sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            join(other, sock)

    with accepting(serve) as server:
        yield Relay(server.port, heads)


@contextlib.contextmanager
def fronting(address: str, chain: Path) -> Iterator[int]:
    """Stand before a plain peer with TLS, and name it in Host by its own name; the context gives the port."""
    host, port = address.partition("://")[2].partition("/")[0].split(":")
    context = server_context(chain)

    def serve(sock: socket.socket) -> None:
        with (
            context.wrap_socket(sock, server_side=True) as secure,
            socket.create_connection((host, int(port))) as other,
        ):
            join(other, secure, partial(_HOST.sub, f"Host: {host}:{port}\r\n".encode()))

    with accepting(serve) as server:
        yield server.port


# -------------------------------------------------------------------------------------------------------- processes


def free_port() -> int:
    """Return a free port below those that a system gives out by itself, so that no other test takes it meanwhile."""
    for port in range(20_000 + os.getpid() % 10_000, 32_768):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    pytest.fail("no port is free")


@contextlib.contextmanager
def process(port: int, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that listens at a port of loopback, and end it."""
    running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_S
        while not _listens(port):
            assert running.poll() is None, f"{command[0]} has ended with {running.returncode}"
            assert time.monotonic() < deadline, f"{command[0]} does not listen"
            time.sleep(0.02)
        yield running
    finally:
        running.kill()
        running.communicate()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def tinyproxy(folder: Path, upstream: int, *settings: str) -> Iterator[str]:
    """Run tinyproxy, which reaches the hosts below `.invalid` by a relay; the context gives its URL."""
    port = free_port()
    lines = [
        f"Port {port}",
        "Listen 127.0.0.1",
        "Timeout 60",
        "LogLevel Critical",
        f'LogFile "{folder / "tinyproxy.log"}"',
        f'Upstream http 127.0.0.1:{upstream} ".invalid"',
        *settings,
    ]
    file = folder / "tinyproxy.conf"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    with process(port, "tinyproxy", "-d", "-c", str(file)):
        yield f"http://127.0.0.1:{port}"
