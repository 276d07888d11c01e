"""Tests of what users are told of assertions from an STS of their own: in the review, in a run, in a message."""

import base64
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from conformance.contracts.binding import bind
from conformance.contracts.loading import load_spec
from conformance.formats import documents
from conformance.mock.platform import LocalPlatform
from conformance.model.errors import SecretError
from conformance.model.exchange import Response
from conformance.review import Remark, caller_problems, review_offline
from conformance.soap.message import issued_assertion, secure
from conformance.soap.names import DS, INCLUSIVE, RSA_SHA256, SAML2, XSD
from conformance.soap.security.resigning import altered_assertion
from conformance.soap.security.saml import read_assertion, read_moment
from conformance.soap.security.wss import make_signer
from conformance.target.reading import choose_services, load_target
from conformance.target.target import ServiceTarget, Target
from tests.issuing import (
    ANSWER,
    NOW,
    issue,
    issuer_serial,
    key_id,
    number,
    person,
    root,
    rsa_key,
    rsa_value,
    sts,
    x509_data,
)
from tests.scripted import Scripted
from tests.test_callers import callers, complaint
from tests.test_cli import conformance
from tests.test_keystore import certificate, store

SERVICE = "dossier-number-generation"
SPEC = load_spec(SERVICE)
ADDRESS = "http://127.0.0.1:1/DossierNumberGeneration/v1"
TRUSTED = sts().public_bytes(Encoding.PEM)
AUTHORITY = root().public_bytes(Encoding.PEM)
OWN = {"kind": "person", "keystore": "caller.p12", "password": "zonnebloem", "requester": {"ssin": "70020299541"}}
STORE = store(rsa_key("person"), person(), password="zonnebloem")  # noqa: S106 - of a file that is made here


def _target(folder: Path, assertion: bytes, trusted: bytes = TRUSTED, address: str = ADDRESS) -> Path:
    """Write a target with one caller and all its files."""
    caller = OWN | {"assertion": "caller.saml.xml"}
    (folder / "caller.p12").write_bytes(STORE)
    (folder / "caller.saml.xml").write_bytes(assertion)
    (folder / "sts.pem").write_bytes(trusted)
    section = {"endpoint": address, "callers": {"doctor": caller}, "trust": {"sts_ca": "sts.pem"}}
    file = folder / "target.yaml"
    file.write_text(documents.dump({"name": "own", "environment": "local", "services": {SERVICE: section}}), "utf-8")
    file.chmod(0o600)
    return file


def _loaded(file: Path) -> tuple[Target, tuple[ServiceTarget, ...]]:
    target = load_target(str(file))
    return target, choose_services(target, ())


def _remarks(folder: Path, assertion: bytes, trusted: bytes = TRUSTED) -> list[Remark]:
    """Return what the review says of the assertion but for what it says of every one that is made here."""
    remarks = review_offline(*_loaded(_target(folder, assertion, trusted)), datetime.now(UTC))
    return [one for one in remarks if one.topic == "assertion" and "names its holder" not in one.message]


NO_CERTIFICATE = {
    "serial number": f"<ds:X509Data>{issuer_serial(sts())}</ds:X509Data>",
    "key identifier": f"<ds:X509Data>{key_id(sts())}</ds:X509Data>",
    "value": rsa_value(sts()),
    "nothing": "",
}


@pytest.mark.parametrize("signer", NO_CERTIFICATE.values(), ids=NO_CERTIFICATE)
def test_signer_without_certificate_is_looked_for_and_else_noted(tmp_path: Path, signer: str) -> None:
    """The STS's certificate in trust.sts_ca settles it; its authority's leaves a note, and blames no file."""
    assert _remarks(tmp_path, issue(signer=signer)) == []
    (note,) = _remarks(tmp_path, issue(signer=signer), AUTHORITY)
    assert note.severity == "note"
    assert "names no certificate" in note.message
    assert "not checked" in note.message
    assert note.remedy == "name the STS's own certificate as trust.sts_ca"


@pytest.mark.parametrize(
    "holder",
    [
        rsa_value(person()),
        x509_data(root(), person()),
        f"<ds:X509Data>{key_id(person())}</ds:X509Data>",
        f"<ds:X509Data>{issuer_serial(person())}</ds:X509Data>",
    ],
)
def test_holder_without_certificate_is_the_key_stores(tmp_path: Path, holder: str) -> None:
    """Whatever names the holder's key, the key store has it."""
    assert _remarks(tmp_path, issue(holder=holder)) == []


@pytest.mark.parametrize(
    "holder",
    [
        rsa_value(sts()),
        f"<ds:X509Data>{key_id(sts())}</ds:X509Data>",
        f"<ds:X509Data>{issuer_serial(sts())}</ds:X509Data>",
    ],
)
def test_holder_of_another_key_stops_a_run(tmp_path: Path, holder: str) -> None:
    """A key that is surely another one's makes the assertion worthless."""
    target, (service,) = _loaded(_target(tmp_path, issue(holder=holder)))
    (problem,) = caller_problems(target, service, datetime.now(UTC))
    assert "its holder's key is not that of the key store" in problem


def test_holder_by_a_name_that_nobody_knows_is_noted(tmp_path: Path) -> None:
    """A key's name is no reason not to run."""
    target, (service,) = _loaded(_target(tmp_path, issue(holder="<ds:KeyName>k-17</ds:KeyName>")))
    assert caller_problems(target, service, datetime.now(UTC)) == []
    remarks = review_offline(target, (service,), datetime.now(UTC))
    (note,) = [one for one in remarks if "holder's key" in one.message]
    assert note.severity == "note"
    assert "by the name 'k-17': whether it is that of the key store is not checked" in note.message


def test_weak_signature_is_the_stss(tmp_path: Path) -> None:
    """The remedy for SHA-1 is to ask the STS: the file is as it was issued."""
    weak = issue().replace(RSA_SHA256.encode(), f"{DS}rsa-sha1".encode())
    (error,) = _remarks(tmp_path, weak)
    assert (error.severity, "ask the STS" in error.remedy) == ("error", True)
    assert "exactly as" not in error.remedy


def test_inclusive_form_is_noted(tmp_path: Path) -> None:
    """A signature that holds alone may not hold in a message, which is good to know."""
    (note,) = _remarks(tmp_path, issue(form=INCLUSIVE))
    assert note.severity == "note"
    assert "may not hold in a message" in note.message


def test_assertion_in_base64_is_to_be_decoded(tmp_path: Path) -> None:
    """What STS answers are often kept as is named, with what to do."""
    (error,) = _remarks(tmp_path, base64.encodebytes(issue()))
    assert "it is encoded in base64; save it decoded" in error.message


@pytest.mark.parametrize("token", ['<x:EncryptedData xmlns:x="urn:x"/>', f'<x:Assertion xmlns:x="{SAML2}"/>'])
def test_assertion_of_another_kind_is_the_stss(tmp_path: Path, token: str) -> None:
    """The remedy for what no service of the platform takes is another assertion; so it is in an answer of the STS."""
    (error,) = _remarks(tmp_path, token.encode())
    assert "which is not supported" in error.message
    assert "ask the STS for an assertion of SAML 1.1 that is not encrypted" in error.remedy
    said = complaint(callers(tmp_path, OWN | {"assertion": "caller.saml.xml"}), SecretError)
    assert said.endswith("ask the STS for an assertion of SAML 1.1 that is not encrypted")
    said = complaint(callers(tmp_path, ASKING, send=Scripted([_answer((ANSWER % "").replace("@", token).encode())])))
    assert said.endswith("ask its operator for an assertion of SAML 1.1 that is not encrypted")


def _answer(body: bytes, kind: str = "text/xml") -> Response:
    return Response(200, "OK", (("Content-Type", kind),), body, len(body), "")


ASKING = OWN | {"sts": "https://127.0.0.1/sts"}


def test_sts_may_name_the_holder_by_any_name(tmp_path: Path) -> None:
    """An issued assertion is taken where the key is the caller's, and refused where it is surely another one's."""
    (tmp_path / "caller.p12").write_bytes(STORE)
    by_name = "<ds:X509Data>%s</ds:X509Data>"
    for holder in (by_name % key_id(person()), by_name % issuer_serial(person()), "<ds:KeyName>k</ds:KeyName>"):
        body = issue(around=ANSWER % "", holder=holder)
        held = callers(tmp_path, ASKING, send=Scripted([_answer(body)]), clock=lambda: NOW)
        assert held.assertion("physician").data in body
    body = issue(around=ANSWER % "", holder=by_name % key_id(sts()))
    said = complaint(callers(tmp_path, ASKING, send=Scripted([_answer(body)]), clock=lambda: NOW))
    assert "for another key" in said


def test_sts_may_answer_in_parts(tmp_path: Path) -> None:
    """An STS that answers with MTOM has its envelope in the first part."""
    (tmp_path / "caller.p12").write_bytes(STORE)
    body = b"--b\r\nContent-Type: application/xop+xml\r\n\r\n" + issue(around=ANSWER % "") + b"\r\n--b--\r\n"
    sent = Scripted([_answer(body, 'multipart/related; type="application/xop+xml"; boundary=b')])
    assert callers(tmp_path, ASKING, send=sent, clock=lambda: NOW).assertion("physician").id == "_a1"


def _for(*audiences: str) -> str:
    inside = "".join(f"<saml:Audience>{audience}</saml:Audience>" for audience in audiences)
    return f"<saml:AudienceRestrictionCondition>{inside}</saml:AudienceRestrictionCondition>"


@pytest.mark.parametrize(
    "audiences",
    [
        (ADDRESS,),
        (f"{ADDRESS}/",),
        ("http://127.0.0.1:1",),
        ("127.0.0.1",),
        ("urn:be:fgov:ehealth",),
        ("urn:be:fgov:ehealth:dossiernumbergeneration:protocol:v1",),
        ("urn:other", ADDRESS),
    ],
)
def test_audience_that_is_the_service_is_right(tmp_path: Path, audiences: tuple[str, ...]) -> None:
    """A service is named by its address, its host, the namespace of its messages, or what these stand below."""
    assert _remarks(tmp_path, issue(conditions=_for(*audiences))) == []


@pytest.mark.parametrize("conditions", [_for("urn:example:other"), _for(ADDRESS) + _for("urn:example:other")])
def test_audience_that_is_another_service_is_noted(tmp_path: Path, conditions: str) -> None:
    """Each condition has to be met (SAML 1.1); whether the service refuses it is the service's own."""
    (note,) = _remarks(tmp_path, issue(conditions=conditions))
    assert note.severity == "note"
    assert "it is meant for 'urn:example:other', which is not known to be this service" in note.message


def test_end_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    """An end that is no time is another thing than none."""
    odd = issue(signer="").replace(b'NotOnOrAfter="2', b'NotOnOrAfter="on 2')
    messages = [one.message for one in _remarks(tmp_path, odd, AUTHORITY)]
    assert [one for one in messages if "cannot be read: 'on 2" in one]


MOMENTS = {
    "2026-03-24T24:00:00Z": datetime(2026, 3, 25, tzinfo=UTC),
    "2026-12-31T24:00:00.000+01:00": datetime(2026, 12, 31, 23, tzinfo=UTC),
    "2026-03-24T24:00:00": datetime(2026, 3, 25, tzinfo=UTC),
    " 2026-03-24T12:00:00.1234567Z ": datetime(2026, 3, 24, 12, 0, 0, 123_456, tzinfo=UTC),
    "2026-03-24T12:00:00.5-14:00": datetime(2026, 3, 25, 2, 0, 0, 500_000, tzinfo=UTC),
    "2026-03-24T12:00:00": datetime(2026, 3, 24, 12, tzinfo=UTC),
    "2026-03-24T24:00:01Z": None,
    "2026-03-24T24:30:00Z": None,
    "9999-12-31T24:00:00Z": None,
    "24:00:00": None,
    "": None,
}


@pytest.mark.parametrize(("written", "moment"), MOMENTS.items())
def test_moment_is_read_as_xml_schema_has_it(written: str, moment: datetime | None) -> None:
    """A day's end is the next one's beginning; fractions and zones are of any length; without zone it is UTC."""
    assert read_moment(written) == moment


def test_end_at_midnight_can_be_altered() -> None:
    """Where a test needs an assertion that ends a second earlier, an end at 24:00 has one."""
    data = issue().replace(f"{NOW + timedelta(hours=1):%FT%TZ}".encode(), b"2026-03-24T24:00:00Z")
    assert b'NotOnOrAfter="2026-03-24T23:59:59.000Z"' in altered_assertion(read_assertion(data))


@pytest.fixture(scope="module")
def platform() -> Iterator[LocalPlatform]:
    """Serve the local platform with the SOAP service."""
    with LocalPlatform((SPEC,)) as served:
        yield served


def test_run_says_what_its_assertion_leaves_open(tmp_path: Path, platform: LocalPlatform) -> None:
    """What the review notes of an assertion stands before a run's first case."""
    address = platform.settings(SERVICE)["endpoint"]
    data = issue(signer="<ds:KeyName>sts</ds:KeyName>", conditions=_for("urn:example:other"))
    file = _target(tmp_path, data, AUTHORITY, address)
    done = conformance("run", "--target", file, "--case", f"{SERVICE}/7.2/last-name-only-person", cwd=tmp_path)
    text = " ".join(done.stdout.split())
    assert "note: dossier-number-generation: callers.doctor.assertion: its signature names no certificate" in text
    assert "it is meant for 'urn:example:other'" in text
    assert done.returncode == 3, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("xmlsec1") is None, reason="xmlsec1 is not installed")
@pytest.mark.parametrize("above", ["", f' xmlns:xs="{XSD}" xmlns="urn:own" xml:lang="fr"'])
def test_xmlsec1_verifies_an_assertion_out_of_an_answer_in_a_message(tmp_path: Path, above: str) -> None:
    """What another tool makes of the message that the service gets: the STS's signature holds, and so does ours."""
    value = (
        '<saml:AttributeValue xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="xs:string">true'
        "</saml:AttributeValue><Own/>"
    )
    taken = issued_assertion(issue(around=ANSWER % above, value=value if above else "<saml:AttributeValue/>"))
    envelope = bind(SPEC, {}, SPEC.folder).contract.build("GenerateCovidId", {("@Id",): "_1"})
    signer = make_signer(rsa_key("person"), person())
    (tmp_path / "message.xml").write_bytes(secure(envelope, taken, signer, datetime.now(UTC)))
    for name, place in (("sts", "Assertion"), ("person", "Security")):
        key = sts() if name == "sts" else person()
        (tmp_path / f"{name}.pem").write_bytes(key.public_bytes(Encoding.PEM))
        ids = ["--id-attr:Id", "Body", "--id-attr:Id", "Timestamp", "--id-attr:AssertionID", "Assertion"]
        node = f"//*[local-name()='{place}']/*[local-name()='Signature']"
        command = ["xmlsec1", "--verify", "--pubkey-cert-pem", f"{name}.pem", *ids, "--node-xpath", node, "message.xml"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr


def test_ec_holder_by_value_is_the_key_stores(tmp_path: Path) -> None:
    """An EC key by its value is that of the key store, or another one's."""
    key = ec.generate_private_key(ec.SECP256R1())
    point = issue(holder=_ec_value(key))
    file = _target(tmp_path, point)
    (tmp_path / "caller.p12").write_bytes(store(key, certificate(key), password="zonnebloem"))  # noqa: S106 - as above
    target, (service,) = _loaded(file)
    assert caller_problems(target, service, datetime.now(UTC)) == []
    other = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "caller.p12").write_bytes(store(other, certificate(other), password="zonnebloem"))  # noqa: S106 - as above
    target, (service,) = _loaded(file)
    [problem] = caller_problems(target, service, datetime.now(UTC))
    assert "its holder's key is not that of the key store" in problem


def _ec_value(key: ec.EllipticCurvePrivateKey) -> str:
    numbers = key.public_key().public_numbers()
    point = number(int.from_bytes(b"\4" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big"), "big"))
    return (
        '<ds:KeyValue><n:ECKeyValue xmlns:n="http://www.w3.org/2009/xmldsig11#"><n:NamedCurve '
        f'URI="urn:oid:1.2.840.10045.3.1.7"/><n:PublicKey>{point}</n:PublicKey></n:ECKeyValue></ds:KeyValue>'
    )
