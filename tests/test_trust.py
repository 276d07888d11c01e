"""Tests of whom a transport trusts and what it shows of itself: ca_file as with curl, dates, client certificates."""

import contextlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import rsa

from conformance.cli import main
from conformance.credentials.outgoing import make_transport
from conformance.evidence.redaction import Redactor
from conformance.formats import documents
from conformance.model.errors import SecretError
from conformance.model.exchange import ErrorKind, Request, Response
from conformance.target.reading import load_target
from conformance.traffic import chain as chains
from conformance.traffic.transport import Transport
from tests.networks import (
    KEYSTORE_WORD,
    Pki,
    Signed,
    accepting,
    free_port,
    make_pki,
    needs_openssl,
    process,
    read_head,
    server_context,
    sign,
    write_keystore,
)
from tests.test_diagnosis import failure_of
from tests.test_transport import AMPLE

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@contextlib.contextmanager
def answering(chain: Path) -> Iterator[str]:
    """Serve an empty answer over TLS with a key and a chain; the context gives the address."""
    context = server_context(chain)

    def serve(sock: Any) -> None:  # noqa: ANN401 - a socket, or one over TLS
        with context.wrap_socket(sock, server_side=True) as secure:
            read_head(secure)
            secure.sendall(ANSWER)

    with accepting(serve) as server:
        yield f"https://localhost:{server.port}/x"


def sent(address: str, ca_file: Path | None = None) -> Any:  # noqa: ANN401 - a response or a failure
    """Return what comes of a GET."""
    transport = Transport(AMPLE, ca_file)
    try:
        return transport.send(Request("GET", address))
    finally:
        transport.close()


def written(path: Path, *certificates: Signed) -> Path:
    """Write certificates as PEM."""
    path.write_bytes(b"".join(row.pem for row in certificates))
    return path


# ------------------------------------------------------------------------------------------------------------ ca_file


@pytest.mark.parametrize("trusted", ["root", "intermediate", "server"])
def test_any_certificate_of_the_chain_may_be_trusted(tmp_path: Path, trusted: str) -> None:
    """As with curl, a ca_file may hold the root, the intermediate authority, or the server's own certificate."""
    pki = make_pki()
    with answering(pki.write(tmp_path, pki.intermediate)) as address:
        assert isinstance(sent(address, written(tmp_path / "ca.pem", getattr(pki, trusted))), Response)


def test_intermediate_of_the_file_serves_a_server_that_sends_none(tmp_path: Path) -> None:
    """A server that leaves its intermediate certificate out is trusted by a ca_file that has it."""
    pki = make_pki()
    with answering(pki.write(tmp_path)) as address:
        assert failure_of(sent(address, written(tmp_path / "root-only.pem", pki.root))).kind is ErrorKind.TLS
        assert isinstance(sent(address, written(tmp_path / "ca.pem", pki.intermediate)), Response)


def test_another_certificate_of_the_same_name_is_not_trusted(tmp_path: Path) -> None:
    """An intermediate of the same name with another key leads nowhere."""
    pki, other = make_pki(), make_pki()
    with answering(pki.write(tmp_path, pki.intermediate)) as address:
        failure = failure_of(sent(address, written(tmp_path / "ca.pem", other.intermediate, other.server)))
    assert failure.kind is ErrorKind.TLS


# -------------------------------------------------------------------------------------------------------------- dates


def _ended(signed: Signed) -> str:
    return f"{signed.certificate.not_valid_after_utc:%Y-%m-%d}"


def _begins(signed: Signed) -> str:
    return f"{signed.certificate.not_valid_before_utc:%Y-%m-%d}"


def test_expired_certificate_of_the_server_is_named_with_its_day(tmp_path: Path) -> None:
    """The server's own certificate is said to have ended, by its name."""
    pki = make_pki(server=(-30, -2))
    with answering(pki.write(tmp_path, pki.intermediate)) as address:
        failure = failure_of(sent(address, tmp_path / "root.pem"))
    assert f"certificate has expired: that of 'gateway.invalid' ended on {_ended(pki.server)}" in failure.message
    assert "intermediate" not in failure.message


def test_expired_intermediate_is_told_apart_from_the_server_s_own(tmp_path: Path) -> None:
    """The authority's certificate is named with its day, and the server's own is said to hold."""
    pki = make_pki(intermediate=(-30, -2))
    with answering(pki.write(tmp_path, pki.intermediate)) as address:
        failure = failure_of(sent(address, tmp_path / "root.pem"))
    assert (
        f"certificate has expired: that of 'Test Intermediate' ended on {_ended(pki.intermediate)}" in failure.message
    )
    assert f"it is an intermediate one, and the server's own holds until {_ended(pki.server)}" in failure.message


def test_certificate_that_is_not_valid_yet_is_named_with_its_day(tmp_path: Path) -> None:
    """A certificate of the future is said to begin on its day."""
    pki = make_pki(server=(3, 30))
    with answering(pki.write(tmp_path, pki.intermediate)) as address:
        failure = failure_of(sent(address, tmp_path / "root.pem"))
    assert f"not yet valid: that of 'gateway.invalid' begins on {_begins(pki.server)}" in failure.message


def test_expired_certificate_above_those_that_are_sent_is_said_to_be_there() -> None:
    """Where all that the server sends holds, the one that is out of date stands above."""
    shown = (chains.ShownCertificate("x", 0.0, 100.0), chains.ShownCertificate("y", 0.0, 100.0))
    assert chains.whose_date(shown, 50.0) == "none that the server sends, but that of an authority above them"
    assert chains.whose_date(()) == ""


def test_second_look_sends_nothing(tmp_path: Path) -> None:
    """The handshake that shows an expired chain carries no request."""
    pki = make_pki(server=(-30, -2))
    context, heard = server_context(pki.write(tmp_path, pki.intermediate)), list[bytes]()

    def serve(sock: Any) -> None:  # noqa: ANN401 - a socket
        with context.wrap_socket(sock, server_side=True) as secure:
            heard.append(secure.recv(100))

    with accepting(serve) as server:
        failure = failure_of(sent(f"https://localhost:{server.port}/x", tmp_path / "root.pem"))
    assert "ended on" in failure.message
    assert not any(heard)


def test_review_tells_whose_certificate_has_expired(tmp_path: Path) -> None:
    """The review names the expired intermediate with its day, and whom to tell."""
    pki = make_pki(intermediate=(-30, -2))
    with answering(pki.write(tmp_path, pki.intermediate)) as address:
        ended = CliRunner().invoke(main, ["review", "--target", str(_target(tmp_path, address))])
    output = re.sub(r"\s+", " ", ended.output)
    assert ended.exit_code == 3, output
    assert f"that of 'Test Intermediate' ended on {_ended(pki.intermediate)}" in output
    assert "remedy: it, or one above it, has expired: tell the operator" in output


# ------------------------------------------------------------------------------------------------ client certificates


def _target(folder: Path, address: str, client: dict[str, Any] | None = None) -> Path:
    data = {
        "name": "x",
        "environment": "local",
        "tls": {"ca_file": "root.pem"} | ({"client": client} if client else {}),
        "limits": {"timeout": AMPLE},
        "services": {"status-dashboard": {"base_url": address, "dashboards": ["prod"]}},
    }
    path = folder / "target.yaml"
    path.write_text(documents.dump(data), "utf-8")
    return path


@contextlib.contextmanager
def gateway(folder: Path, pki: Pki, *options: str) -> Iterator[str]:
    """Run openssl's server, which asks for a client certificate and answers with a page of its own."""
    port = free_port()
    chain = pki.write(folder, pki.intermediate)
    trusted = written(folder / "clients.pem", pki.root)
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(chain), "-cert_chain", str(chain)]
    command += ["-CAfile", str(trusted), "-Verify", "3", "-verify_return_error", "-www", "-quiet", *options]
    with process(port, *command):
        yield f"https://localhost:{port}"


TLS_VERSIONS = pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])


@needs_openssl
@TLS_VERSIONS
def test_client_certificate_is_shown_to_a_gateway_that_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """Certificate and chain of the key store open the gateway, in TLS 1.2 and 1.3, and no file is left of the key."""
    pki = make_pki()
    write_keystore(tmp_path / "gateway.p12", sign("client", pki.intermediate), pki.intermediate)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with gateway(tmp_path, pki, version) as address:
        path = _target(tmp_path, address, {"keystore": "gateway.p12", "password": KEYSTORE_WORD})
        transport = make_transport(load_target(str(path)), Redactor())
        outcome = transport.send(Request("GET", f"{address}/"))
        transport.close()
    assert isinstance(outcome, Response), outcome
    assert outcome.status == 200
    assert b"Client certificate" in outcome.body
    assert list(temporary.iterdir()) == []


@needs_openssl
@TLS_VERSIONS
def test_gateway_that_gets_no_certificate_leaves_a_run_inconclusive(tmp_path: Path, version: str) -> None:
    """Without a key store nothing is decided, and run and review name the key of the target file."""
    pki = make_pki()
    with gateway(tmp_path, pki, version) as address:
        file = str(_target(tmp_path, address))
        arguments = ["run", "--target", file, "--out", str(tmp_path / "runs"), "--kind", "positive"]
        ran = CliRunner().invoke(main, arguments)
        reviewed = CliRunner().invoke(main, ["review", "--target", file])
    assert ran.exit_code == 3, ran.output
    (results,) = (tmp_path / "runs").glob("*/results.json")
    assert "name its key store as tls.client in the target file" in results.read_text("utf-8")
    assert reviewed.exit_code == 3, reviewed.output
    assert "tls.client" in reviewed.output


@needs_openssl
@TLS_VERSIONS
def test_gateway_that_refuses_the_certificate_says_so(tmp_path: Path, version: str) -> None:
    """A certificate of an authority that the gateway does not know is refused, and the failure speaks of it."""
    pki = make_pki()
    write_keystore(tmp_path / "gateway.p12", sign("client"))
    with gateway(tmp_path, pki, version) as address:
        path = _target(tmp_path, address, {"keystore": "gateway.p12", "password": KEYSTORE_WORD})
        transport = make_transport(load_target(str(path)), Redactor())
        failure = failure_of(transport.send(Request("GET", f"{address}/")))
        transport.close()
    assert failure.kind is ErrorKind.TLS
    assert "client certificate" in failure.message
    assert "tls.client" in failure.message


@pytest.mark.parametrize(
    ("client", "words"),
    [
        ({"password": "wrong-word"}, "tls.client.keystore: .*gateway.p12: the password is wrong"),
        ({"password": KEYSTORE_WORD, "alias": "other"}, "it has no key called 'other'"),
        ({"password": KEYSTORE_WORD, "keystore": "nowhere.p12"}, "nowhere.p12"),
        (
            {"password": {"env": "EHEALTH_NO_SUCH_PASSWORD"}},
            "tls.client.password: .*'EHEALTH_NO_SUCH_PASSWORD' is not set",
        ),
    ],
)
@pytest.mark.parametrize("command", [["review"], ["run", "--kind", "positive"]])
def test_key_store_that_cannot_be_used_is_told_offline(
    tmp_path: Path, client: dict[str, Any], words: str, command: list[str]
) -> None:
    """A wrong password, alias, file or reference ends before any request, with exit code 2."""
    pki = make_pki()
    pki.write(tmp_path)
    write_keystore(tmp_path / "gateway.p12", pki.server)
    file = str(_target(tmp_path, "https://localhost:9/x", {"keystore": "gateway.p12"} | client))
    ended = CliRunner().invoke(main, [*command, "--target", file])
    output = re.sub(r"\s+", " ", f"{ended.output} {ended.exception}")
    assert ended.exit_code == 2, output
    assert re.search(words, output), output
    assert "wrong-word" not in output
    assert "Traceback" not in output


@pytest.mark.parametrize(("days", "words"), [((-30, -2), "expired on"), ((3, 30), "is valid only from")])
def test_key_store_out_of_date_is_told_offline(tmp_path: Path, days: tuple[int, int], words: str) -> None:
    """The review names tls.client whose certificate has ended or has not begun, with its day."""
    pki = make_pki()
    pki.write(tmp_path)
    write_keystore(tmp_path / "gateway.p12", sign("client", days=days))
    client = {"keystore": "gateway.p12", "password": KEYSTORE_WORD}
    ended = CliRunner().invoke(main, ["review", "--target", str(_target(tmp_path, "https://localhost:9/x", client))])
    output = re.sub(r"\s+", " ", ended.output)
    assert f"tls.client.keystore: the certificate {words}" in output


def test_key_that_tls_cannot_use_is_told_offline(tmp_path: Path) -> None:
    """A key too short for TLS is told with what to ask for, before anything is sent."""
    pki = make_pki()
    pki.write(tmp_path)
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - what is refused
    write_keystore(tmp_path / "gateway.p12", sign("client", key=key))
    client = {"keystore": "gateway.p12", "password": KEYSTORE_WORD}
    file = str(_target(tmp_path, "https://localhost:9/x", client))
    with pytest.raises(SecretError, match=r"tls\.client\.keystore: TLS cannot use its key"):
        make_transport(load_target(file), Redactor())
    ended = CliRunner().invoke(main, ["review", "--target", file])
    assert ended.exit_code == 2, ended.output
    assert "an RSA key of 2048 bits" in re.sub(r"\s+", " ", ended.output)


def test_mistake_in_tls_client_is_told_with_its_place(tmp_path: Path) -> None:
    """An unknown key gets a suggestion, and a missing one is named."""
    file = str(_target(tmp_path, "https://localhost:9/x", {"key_store": "gateway.p12"}))
    ended = CliRunner().invoke(main, ["review", "--target", file])
    output = f"{ended.output} {ended.exception}"
    assert "unknown key 'key_store'; did you mean 'keystore'?" in output
    assert "tls.client: the key 'keystore' is missing" in output
