"""Tests of what is said of a connection that fails, or of an answer that is no HTTP/1.1."""

import socket
import ssl
from pathlib import Path

import pytest

from conformance.mock.authority import make_server_certificate
from conformance.model.exchange import ErrorKind, Request, Response, TransportFailure
from conformance.traffic.diagnosis import unused_proxy
from tests.test_transport import _write_authority, recording, sending

SETTINGS = bytes.fromhex("000012040000000000 000300000080 000400010000 000500ffffff")
GOAWAY = bytes.fromhex("000008070000000000 0000000000000001")


def failure_of(outcome: Response | TransportFailure) -> TransportFailure:
    """Return a failure; anything else is none."""
    assert isinstance(outcome, TransportFailure)
    return outcome


def _until_head(sock: socket.socket) -> None:
    while not sock.recv(4096).endswith(b"\r\n\r\n"):
        pass


@pytest.mark.parametrize("frame", [SETTINGS, GOAWAY], ids=["settings", "goaway"])
def test_server_that_speaks_http2_only_is_named(frame: bytes) -> None:
    """The frame by which an HTTP/2 server begins is known, and what to do is said."""

    def script(sock: socket.socket) -> None:
        _until_head(sock)
        sock.sendall(frame)

    with recording(script) as peer, sending() as transport:
        failure = failure_of(transport.send(Request("GET", f"http://{peer.address}/x")))
    assert failure.kind is ErrorKind.PROTOCOL
    assert failure.message == "the peer answers in HTTP/2, and the harness speaks HTTP/1.1: use an address that does"


def test_port_without_tls_is_named() -> None:
    """TLS to a plain port fails with the words of a person, and OpenSSL's reason beside them."""

    def script(sock: socket.socket) -> None:
        sock.recv(4096)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    with recording(script) as peer, sending() as transport:
        failure = failure_of(transport.send(Request("GET", f"https://{peer.address}/x")))
    assert failure.kind is ErrorKind.TLS
    assert "the port speaks no TLS" in failure.message
    assert "check scheme and port" in failure.message


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_gateway_that_wants_a_client_certificate_is_named(tmp_path: Path, newest: ssl.TLSVersion) -> None:
    """A handshake that ends for want of a client certificate says so, in TLS 1.2 and 1.3."""
    certificate = make_server_certificate()
    authority = _write_authority(certificate, tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = newest
    context.load_cert_chain(*certificate.write(tmp_path))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cafile=authority)

    def script(sock: socket.socket) -> None:
        try:
            context.wrap_socket(sock, server_side=True).close()
        except OSError:
            sock.close()

    with recording(script) as peer, sending(ca_file=authority) as transport:
        failure = failure_of(transport.send(Request("GET", f"https://{peer.address}/x")))
    assert failure.kind is ErrorKind.TLS
    assert "client certificate" in failure.message


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "ALL_PROXY"])
def test_proxy_of_the_environment_that_is_not_used_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A name that only a proxy can resolve fails with a word about the proxy that is set."""
    monkeypatch.setenv(name, "http://user:word@proxy.example.org:3128")
    monkeypatch.setattr(socket, "getaddrinfo", _no_such_name)
    with sending() as transport:
        failure = failure_of(transport.send(Request("GET", "https://gateway.invalid/x")))
    assert f"; {name} is set in the environment and is not used" in failure.message
    assert "word" not in failure.message


def test_loopback_is_never_behind_a_proxy() -> None:
    """No word about a proxy is lost on an address of this machine, nor where none is set."""
    environment = {"HTTPS_PROXY": "http://proxy.example.org:3128"}
    assert unused_proxy("127.0.0.1", environment) == ""
    assert unused_proxy("gateway.invalid", {}) == ""


def test_proxy_that_does_not_lead_to_a_host_is_not_named() -> None:
    """A host that NO_PROXY exempts is connected to directly by everybody."""
    environment = {"HTTPS_PROXY": "http://proxy.example.org:3128", "NO_PROXY": "gateway.invalid"}
    assert unused_proxy("gateway.invalid", environment) == ""
    assert "HTTPS_PROXY is set" in unused_proxy("other.invalid", environment)
    of_a_port = environment | {"NO_PROXY": "gateway.invalid:8443"}
    assert unused_proxy("gateway.invalid", of_a_port, port=8443) == ""
    assert "HTTPS_PROXY is set" in unused_proxy("gateway.invalid", of_a_port)
    assert "write `proxy: env` into the target file" in unused_proxy("other.invalid", environment)


def _no_such_name(*_: object, **__: object) -> None:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
