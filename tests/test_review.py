"""Tests of the review: one mistake at a time in a right target, then services over real sockets."""

import copy
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.catalogue.listing import all_specs
from conformance.contracts.loading import load_spec, service_ids
from conformance.formats import documents
from conformance.mock.iam_connect.tokens import Issuer
from conformance.mock.platform import LocalPlatform
from conformance.model.errors import SpecError, TargetError
from conformance.review import (
    ReleaseStep,
    Remark,
    load_rules,
    release_steps,
    review_network,
    review_offline,
)
from conformance.target.reading import choose_services, load_target
from conformance.target.target import ServiceTarget, Target
from conformance.target.writing import written_target
from tests.issuers import playing
from tests.issuers import token as issued
from tests.peers import therapeutic_exclusion as peers

NOW = datetime(2026, 3, 24, 12, tzinfo=UTC)
SERVICE = "therapeutic-exclusion"
PUBLIC = "status-dashboard"
VECTORS = documents.read(Path(__file__).parent / "vectors" / "review_mistakes.yaml").data
ISSUER = Issuer("https://issuer.example", lambda: NOW)
KEY = ec.generate_private_key(ec.SECP256R1())
CLIENT_KEY = rsa.generate_private_key(65537, 2048)
PASSWORD = "changeit"  # noqa: S105 - of a file that is made here

CLAIMS = ("typ", "iss", "aud", "ssin", "resource_access", "may_act", "userProfile", "nbf", "iat", "exp")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=8),
    lambda part: (
        st.lists(part, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("ssin", "userProfile", "children", "mandators", "serviceNames", "roles", "ehealth-exclusion-backend")
            ),
            part,
            max_size=3,
        )
    ),
    max_leaves=8,
)

Review = tuple[Remark, ...]


def _edited(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of the right target and its tokens with a row's mistake in it."""
    data: dict[str, Any] = copy.deepcopy(VECTORS["right"])
    for place in (*row.get("set", {}), *row.get("remove", ())):
        *above, last = [int(part) if part.isdigit() else part for part in place.split("/")]
        parent: Any = data
        for part in above:
            parent = parent[part]
        if place in row.get("remove", ()):
            del parent[last]
        else:
            parent[last] = row["set"][place]
    return data


def _token(row: Mapping[str, Any]) -> str:
    """Return a token that ends some minutes from now, by default long after the run, and says what a row says."""
    issuer = replace(ISSUER, clock=lambda: NOW - timedelta(hours=2))
    return str(row.get("raw") or issuer.issue(row["claims"], timedelta(minutes=120 + row.get("minutes", 600))))


def _load(folder: Path, data: Mapping[str, Any]) -> tuple[Target, tuple[ServiceTarget, ...]]:
    """Write a target file with its tokens in files beside it, and load it."""
    section = data["target"]["services"][SERVICE]
    for role, row in data["tokens"].items():
        (folder / f"{role}.jwt").write_text(_token(row), "utf-8")
        section["tokens"].setdefault(role, {"file": f"{role}.jwt"})
    file = folder / "target.yaml"
    file.write_text(documents.dump(data["target"]), "utf-8")
    target = load_target(str(file))
    return target, choose_services(target, ())


def _offline(folder: Path, data: Mapping[str, Any]) -> Review:
    return review_offline(*_load(folder, data), NOW)


def _having(remarks: Review, *words: str) -> list[Remark]:
    return [remark for remark in remarks if all(word in remark.message for word in words)]


def test_right_target_has_nothing_to_remark(tmp_path: Path) -> None:
    """What is right in everything is told nothing, not even a note."""
    assert _offline(tmp_path, _edited({})) == ()


def test_there_are_mistakes_enough() -> None:
    """The table holds more than the twenty wrong configurations asked for, each by its own name."""
    names = [row["name"] for row in VECTORS["mistakes"]]
    assert len(set(names)) == len(names) > 20


@pytest.mark.parametrize("row", VECTORS["mistakes"], ids=lambda row: str(row["name"]))
def test_mistake_is_named_with_its_remedy(tmp_path: Path, row: dict[str, Any]) -> None:
    """Each mistake gives a remark that names it and says what to do; no other mistake of that weight is seen."""
    data = _edited(row)
    if row.get("refused"):
        with pytest.raises(TargetError) as caught:
            _load(tmp_path, data)
        assert all(word in str(caught.value) for word in (*row["says"], row["remedy"]))
        return
    remarks = _offline(tmp_path, data)
    (found, *_) = _having(remarks, *row["says"])
    assert (found.severity, found.network) == (row["severity"], False)
    assert row["remedy"] in found.remedy
    assert all(one.severity != "error" for one in remarks) or row["severity"] == "error"


@pytest.mark.parametrize("row", VECTORS["mistakes"], ids=lambda row: str(row["name"]))
def test_no_remark_shows_a_token_or_a_whole_identifier(tmp_path: Path, row: dict[str, Any]) -> None:
    """Neither a token nor a person's whole number stands in any message or remedy."""
    if row.get("refused"):
        return
    data = _edited(row)
    remarks = _offline(tmp_path, data)
    text = " ".join(remark.message + remark.remedy for remark in remarks)
    given = data["target"]["services"][SERVICE]["data"]
    numbers = [given["patient"], given["other_patient"], *(one["ssin"] for one in given["practitioners"])]
    assert not [number for number in numbers if number in text]
    assert "eyJ" not in text
    assert "opaque" not in text


def test_local_service_may_have_customs_of_its_own(tmp_path: Path) -> None:
    """On local, opaque tokens and tokens without the platform's claims are no errors, contradictions are."""
    data = _edited({})
    data["target"]["environment"] = "local"
    data["target"]["services"][SERVICE]["base_url"] = "http://127.0.0.1:1/x"
    data["tokens"]["citizen"] = {"raw": "citizen-token"}
    data["tokens"]["parent"] = {"claims": {"iss": "me"}}
    assert not [one for one in _offline(tmp_path, data) if one.severity == "error"]
    data["tokens"]["other_citizen"]["claims"]["ssin"] = "90010199794"
    assert [one.severity for one in _having(_offline(tmp_path, data), "tokens.other_citizen belongs to")] == ["error"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(said=st.dictionaries(st.sampled_from(CLAIMS), JSON))
def test_no_claim_upsets_the_review(tmp_path: Path, said: dict[str, Any]) -> None:
    """Whatever a token says of itself, the review ends with remarks."""
    data = _edited({})
    for role in ("citizen", "parent", "mandatary_wrong_type", "other_citizen"):
        data["tokens"][role]["claims"] |= said
    assert isinstance(_offline(tmp_path, data), tuple)


def test_local_platform_is_right_in_everything(tmp_path: Path) -> None:
    """The target that `mock` writes is told nothing, offline or over the network."""
    with LocalPlatform(all_specs()) as platform:
        sections = {name: platform.settings(name) for name in service_ids()}
        file = tmp_path / "target.yaml"
        file.write_text(written_target("mock", sections, None), "utf-8")
        target = load_target(str(file))
        services = choose_services(target, ())
        assert review_offline(target, services, datetime.now(UTC)) == ()
        assert review_network(target, services) == ()


def test_embedded_platform_is_nothing_to_reach() -> None:
    """The built-in local target gets a note in the place of a connection."""
    target = load_target("local")
    services = choose_services(target, ())
    assert review_offline(target, services, NOW) == ()
    notes = review_network(target, services)
    assert {note.severity for note in notes} == {"note"}
    assert len(notes) == len(services)


@pytest.mark.parametrize("style", ["plain", "tokens-lean", "tokens-rich"])
def test_tokens_of_other_makers_raise_no_alarm(tmp_path: Path, style: str) -> None:
    """Independent services, whose tokens say more or less than ours, are no mistakes."""
    with peers.serve(style) as section:
        file = tmp_path / "target.yaml"
        data = {"name": "peer", "environment": "local", "services": {SERVICE: section}}
        file.write_text(documents.dump(data), "utf-8")
        target = load_target(str(file))
        services = choose_services(target, ())
        remarks = review_offline(target, services, datetime.now(UTC)) + review_network(target, services)
    assert not [one for one in remarks if one.severity == "error"]


def test_only_the_tokens_that_selected_cases_need_are_resolved(tmp_path: Path) -> None:
    """A variable that no selected case needs may be unset."""
    data = _edited({})
    data["target"]["services"][SERVICE]["tokens"] = {"monitoring": {"env": "EHEALTH_REVIEW_UNSET"}}
    target, services = _load(tmp_path, data)
    assert _having(review_offline(target, services, NOW), "EHEALTH_REVIEW_UNSET")
    selected = review_offline(target, services, NOW, selected=lambda case: "parent" in case.id)
    assert not _having(selected, "EHEALTH_REVIEW_UNSET")


@pytest.mark.parametrize(
    ("ends", "severity"), [(NOW - timedelta(days=1), "error"), (NOW + timedelta(days=20), "warning")]
)
def test_key_store_whose_certificate_ends_is_told(tmp_path: Path, ends: datetime, severity: str) -> None:
    """A client's certificate that has expired, or soon will, is named with its day."""
    target, services = _load(tmp_path, _with_client(tmp_path, ends))
    (found,) = _having(review_offline(target, services, NOW), "monitoring.client_credentials.keystore")
    assert (found.severity, f"{ends:%Y-%m-%d}" in found.message) == (severity, True)
    assert "new certificate" in found.remedy


def test_wrong_password_of_a_key_store_is_told_once(tmp_path: Path) -> None:
    """What keeps a key store shut is one error, not two."""
    data = _with_client(tmp_path, NOW + timedelta(days=400))
    (tmp_path / "password").write_text("wrong", "utf-8")
    (found,) = _having(_offline(tmp_path, data), "keystore")
    assert (found.severity, "correct the password" in found.remedy) == ("error", True)


@pytest.mark.parametrize(
    ("ends", "severities"),
    [(timedelta(days=-1), ["error"]), (timedelta(days=20), ["warning"]), (timedelta(days=90), [])],
)
def test_authority_of_the_file_is_held_against_the_day(tmp_path: Path, ends: timedelta, severities: list[str]) -> None:
    """An authority's certificate in tls.ca_file that has ended, or soon will, is told."""
    data = _edited({})
    (tmp_path / "ca.pem").write_bytes(_pem(_certificate(NOW + ends)))
    data["target"]["tls"] = {"ca_file": "ca.pem"}
    assert [one.severity for one in _having(_offline(tmp_path, data), "tls.ca_file")] == severities


def test_spec_folder_with_a_slip_in_its_rules_is_refused(tmp_path: Path) -> None:
    """A key that review.yaml cannot have is named with file and line."""
    folder = tmp_path / "x" / "1.0"
    folder.mkdir(parents=True)
    spec = load_spec(SERVICE)
    (tmp_path / "formats").symlink_to(spec.folder.parents[1] / "formats")
    (folder / "review.yaml").write_text("probes: []\ntoken: {}\n", "utf-8")
    with pytest.raises(SpecError, match=r"review\.yaml:2: unknown key 'token'; did you mean 'tokens'\?"):
        load_rules(replace(spec, description=replace(spec.description, folder=folder)))


@pytest.mark.parametrize("service", service_ids())
def test_rules_name_what_there_is(service: str) -> None:
    """Roles, operations and lists that review.yaml names exist in the spec folder."""
    spec = load_spec(service)
    rules = load_rules(spec)
    tokens = spec.description.target_schema.get("properties", {}).get("tokens", {}).get("properties", {})
    assert set(rules.get("tokens", {}).get("by_role", {})) == set(tokens)
    for probe in rules.get("probes", ()):
        assert spec.contract.operations[probe["operation"]].method == "GET"
        assert probe["token"] in tokens
    for row in rules.get("data", {}).get("codes", ()):
        assert documents.read(spec.folder / row["file"]).data[row["list"]]


# A release


def test_release_has_its_days(tmp_path: Path) -> None:
    """A month ahead, the day before and the day itself, in this order; what is past is late."""
    target, services = _load(tmp_path, _edited({}))
    steps = [step for step in release_steps(target, services, date(2026, 3, 31), NOW) if "tokens." not in step.what]
    assert [(step.due, step.state) for step in steps] == [
        (date(2026, 2, 28), "late"),
        (date(2026, 2, 28), "late"),
        (date(2026, 3, 30), "open"),
        (date(2026, 3, 31), "open"),
    ]


@pytest.mark.parametrize(("days", "state"), [(30, "broken"), (400, "kept")])
def test_certificate_is_held_against_the_release(tmp_path: Path, days: int, state: str) -> None:
    """A client's certificate that ends before the release breaks it, one that ends after keeps it."""
    target, services = _load(tmp_path, _with_client(tmp_path, NOW + timedelta(days=days)))
    steps = release_steps(target, services, date(2026, 6, 1), NOW)
    (found,) = [step for step in steps if "keystore" in step.what]
    assert found.state == state
    assert any(isinstance(step, ReleaseStep) and "tokens.citizen is replaced" in step.what for step in steps)


# The network


@dataclass(slots=True)
class Peer:
    """What a small server answers: a status, and a clock that may be off."""

    status: int = 200
    off: timedelta = timedelta()
    date: str | None = None
    body: bytes = b"[]"
    headers: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def _serving(peer: Peer, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            text = format_datetime(datetime.now(UTC) + peer.off, usegmt=True) if peer.date is None else peer.date
            self.send_response_only(peer.status)
            if text:
                self.send_header("Date", text)
            for name, value in peer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(peer.body)))
            self.end_headers()
            self.wfile.write(peer.body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(1)


def _certificate(ends: datetime, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = KEY) -> x509.Certificate:
    """Return a certificate of loopback's, signed by its own key, that ends at some time."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback of a test")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - timedelta(days=2000))
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _server_tls(folder: Path, certificate: x509.Certificate) -> ssl.SSLContext:
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "server.pem").write_bytes(_pem(certificate))
    (folder / "server.key").write_bytes(KEY.private_bytes(serialization.Encoding.PEM, form, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return context


def _with_client(folder: Path, ends: datetime) -> dict[str, Any]:
    """Return the right target with a key store for monitoring, whose certificate ends at some time."""
    store = pkcs12.serialize_key_and_certificates(
        b"authentication", CLIENT_KEY, _certificate(ends, CLIENT_KEY), None, BestAvailableEncryption(PASSWORD.encode())
    )
    (folder / "client.p12").write_bytes(store)
    (folder / "password").write_text(PASSWORD, "utf-8")
    data = _edited({"remove": ["tokens/monitoring"]})
    data["target"]["services"][SERVICE]["tokens"]["monitoring"] = {
        "client_credentials": {
            "token_url": "https://api-acpt.ehealth.fgov.be/auth/realms/M2M/protocol/openid-connect/token",
            "client_id": "my-client",
            "keystore": "client.p12",
            "password": {"file": "password"},
        }
    }
    return data


def _network(folder: Path, address: str, *, ca_file: bool = False) -> Review:
    """Return the network's part for the public service at an address."""
    data: dict[str, Any] = {"name": "x", "environment": "local", "limits": {"timeout": 30}}
    data["services"] = {PUBLIC: {"base_url": address}}
    data |= {"tls": {"ca_file": "server.pem"}} if ca_file else {}
    file = folder / "target.yaml"
    file.write_text(documents.dump(data), "utf-8")
    target = load_target(str(file))
    remarks = review_network(target, choose_services(target, ()))
    assert all(remark.network and remark.remedy for remark in remarks)
    return remarks


def test_service_that_is_well_is_told_nothing(tmp_path: Path) -> None:
    """A service that answers in time by the right clock has nothing to remark."""
    with _serving(Peer()) as address:
        assert _network(tmp_path, address) == ()


@pytest.mark.parametrize(
    ("peer", "severity", "words", "remedy"),
    [
        (
            Peer(302, headers={"Location": "https://login.example.org/in?x=1"}),
            "warning",
            "with Location https://login.example.org/in",
            "is base_url right?",
        ),
        (
            Peer(404, body=b"<html><title>Gone</title>"),
            "warning",
            "with an HTML page ('Gone')",
            "is base_url right?",
        ),
        (
            Peer(200, body=b"<html><title>Sign in</title><input type=password>"),
            "error",
            "with a login page ('Sign in')",
            "something in front of the service wants a login",
        ),
        (Peer(400, body=b"<html>No required SSL certificate was sent"), "warning", "400", "wants a client certificate"),
    ],
)
def test_answer_that_is_not_the_services_is_named_with_its_cause(
    tmp_path: Path, peer: Peer, severity: str, words: str, remedy: str
) -> None:
    """What stands in front of a service is told by what it answers, as a run does."""
    with _serving(peer) as address:
        (found,) = _network(tmp_path, address)
    assert (found.severity, found.topic) == (severity, "reachability")
    assert words in found.message
    assert remedy in found.remedy


def test_closed_port_is_not_reachable(tmp_path: Path) -> None:
    """Nobody at a port is an error of reachability, with what to check."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        (found,) = _network(tmp_path, f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert (found.severity, found.topic) == ("error", "reachability")
    assert "Connection refused" in found.message
    assert "check host and port" in found.remedy


def test_name_of_no_host_is_not_reachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host name that cannot be resolved is told as such."""

    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    (found,) = _network(tmp_path, "https://nobody.example")
    assert (found.severity, found.topic) == ("error", "reachability")
    assert "cannot be resolved" in found.message


@pytest.mark.parametrize(
    ("off", "words"),
    [(timedelta(minutes=10), "behind"), (timedelta(minutes=-10), "ahead of"), (timedelta(minutes=4), "")],
)
def test_clock_is_held_against_the_date_header(tmp_path: Path, off: timedelta, words: str) -> None:
    """More than five minutes between the clocks is an error that says which one is ahead; less is none."""
    with _serving(Peer(off=off)) as address:
        remarks = _network(tmp_path, address)
    assert [(one.severity, one.topic, words in one.message) for one in remarks] == (
        [("error", "clock", True)] if words else []
    )


@pytest.mark.parametrize(("text", "words"), [("", "no Date header"), ("yesterday", "is no date")])
def test_date_that_is_none_is_a_note(tmp_path: Path, text: str, words: str) -> None:
    """Without a date there is nothing to compare the clock with."""
    with _serving(Peer(date=text)) as address:
        (found,) = _network(tmp_path, address)
    assert (found.severity, found.topic, words in found.message) == ("note", "clock", True)


@pytest.mark.parametrize(("days", "severity"), [(20, "warning"), (400, "note")])
def test_certificate_of_a_service_is_shown_with_its_end(tmp_path: Path, days: int, severity: str) -> None:
    """A certificate that holds is shown with protocol and end, as a warning where the end is near."""
    ends = datetime.now(UTC) + timedelta(days=days, hours=1)
    with _serving(Peer(), _server_tls(tmp_path, _certificate(ends))) as address:
        (found,) = _network(tmp_path, address, ca_file=True)
    assert (found.severity, found.topic) == (severity, "tls")
    assert all(word in found.message for word in ("TLSv1", f"{ends:%Y-%m-%d}", f"in {days} days"))


def test_expired_certificate_is_an_error(tmp_path: Path) -> None:
    """A certificate whose time is over ends the handshake and is named."""
    certificate = _certificate(datetime.now(UTC) - timedelta(days=1))
    with _serving(Peer(), _server_tls(tmp_path, certificate)) as address:
        (found,) = _network(tmp_path, address, ca_file=True)
    assert (found.severity, found.topic) == ("error", "tls")
    assert "certificate has expired" in found.message
    assert "renew" in found.remedy


def test_certificate_of_an_unknown_authority_is_an_error(tmp_path: Path) -> None:
    """A certificate that nothing leads to is refused, and the remedy names tls.ca_file."""
    certificate = _certificate(datetime.now(UTC) + timedelta(days=400))
    with _serving(Peer(), _server_tls(tmp_path, certificate)) as address:
        (found,) = _network(tmp_path, address)
    assert (found.severity, found.topic, "tls.ca_file" in found.remedy) == ("error", "tls", True)


def test_plain_http_behind_https_is_an_error(tmp_path: Path) -> None:
    """A port without TLS is told apart from one that nobody listens at."""
    with _serving(Peer()) as address:
        (found,) = _network(tmp_path, address.replace("http:", "https:"))
    assert (found.severity, found.topic, "check scheme and port" in found.remedy) == ("error", "tls", True)


@pytest.mark.parametrize(
    ("status", "severity", "topic"),
    [(503, "error", "reachability"), (403, "error", "credential"), (404, "warning", "reachability")],
)
def test_answer_that_is_none_is_told(tmp_path: Path, status: int, severity: str, topic: str) -> None:
    """A service that is busy, refuses or does not know the path is told with its status."""
    with _serving(Peer(status)) as address:
        (found,) = _network(tmp_path, address)
    assert (found.severity, found.topic, str(status) in found.message) == (severity, topic, True)


def _probed(folder: Path, peer: Peer) -> Review:
    """Return the network's part for the service with tokens, which a peer answers for."""
    data = _edited({})
    data["target"] |= {"environment": "local", "limits": {"timeout": 30}}
    peer.date = format_datetime(NOW, usegmt=True)
    with _serving(peer) as address:
        data["target"]["services"][SERVICE]["base_url"] = address
        target, services = _load(folder, data)
        return review_network(target, services, clock=_at_now)


def test_refused_token_is_an_error_of_the_network(tmp_path: Path) -> None:
    """Each token that a GET is refused for is named with the status; no message shows it or its holder."""
    remarks = _probed(tmp_path, Peer(401))
    assert {(one.severity, one.topic, one.network) for one in remarks} == {("error", "credential", True)}
    assert _having(remarks, "tokens.citizen is refused", "401", "900101…")
    assert not [one for one in remarks if "eyJ" in one.message or "90010199794" in one.message]


@pytest.mark.parametrize(("body", "number"), [(b"", 0), (b'[{"code": "BIZ002"}]', 0), (b"<html>", 4)])
def test_nothing_declared_yet_is_no_remark(tmp_path: Path, body: bytes, number: int) -> None:
    """A 404 in the service's own words says that nothing is declared; a gateway's page, that the path is wrong."""
    remarks = _probed(tmp_path, Peer(404, body=body))
    assert len(_having(remarks, "/therapeuticExclusions/")) == number


def test_questions_keep_the_rate(tmp_path: Path) -> None:
    """Before each request the review waits as long as the target's rate asks."""
    pauses: list[float] = []
    data: dict[str, Any] = {"name": "x", "environment": "local", "limits": {"rate": 4}}
    with _serving(Peer()) as address:
        file = tmp_path / "target.yaml"
        file.write_text(documents.dump(data | {"services": {PUBLIC: {"base_url": address}}}), "utf-8")
        target = load_target(str(file))
        assert review_network(target, choose_services(target, ()), pause=pauses.append) == ()
    assert pauses == [0.25]


def test_token_endpoint_that_cannot_be_reached_is_an_error_of_the_network(tmp_path: Path) -> None:
    """A token that nobody issues is a finding of the network, not of the file."""
    data = _with_client(tmp_path, datetime.now(UTC) + timedelta(days=400))
    data["target"] |= {"environment": "local", "limits": {"timeout": 30}}
    tokens = data["target"]["services"][SERVICE]["tokens"]
    with socket.socket() as taken, _serving(Peer()) as address:
        taken.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}/auth/realms/M2M/protocol/openid-connect/token"
        tokens["monitoring"]["client_credentials"]["token_url"] = closed
        data["target"]["services"][SERVICE]["base_url"] = address
        target, services = _load(tmp_path, data)
        assert not [one for one in review_offline(target, services, NOW) if one.severity == "error"]
        (found,) = _having(review_network(target, services, clock=_at_now), "monitoring")
    assert (found.severity, found.topic, found.network) == ("error", "credential", True)


def test_opaque_token_of_a_token_endpoint_is_a_note(tmp_path: Path) -> None:
    """Nobody can have given a wrong one where the endpoint itself issued it; that it cannot be reviewed is said."""
    data = _with_client(tmp_path, datetime.now(UTC) + timedelta(days=400))
    data["target"] |= {"environment": "local", "limits": {"timeout": 30}}
    own = data["target"]["services"][SERVICE]["tokens"]["monitoring"]["client_credentials"]
    with playing([issued("an-opaque-token")]) as issuer, _serving(Peer()) as address:
        own["token_url"] = issuer.address
        data["target"]["services"][SERVICE]["base_url"] = address
        target, services = _load(tmp_path, data)
        target = replace(target, environment="simulation")
        found = _having(review_network(target, services, clock=_at_now), "tokens.monitoring is not a JSON Web Token")
    assert [one.severity for one in found] == ["note"]


def _at_now() -> datetime:
    return NOW
