"""Messages and the local platform against tools that nobody here wrote: xmlsec1, xml-crypto, node's soap, curl."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from conformance.contracts.binding import bind
from conformance.contracts.loading import Spec, load_spec
from conformance.credentials.keystore import open_keystore
from conformance.mock.platform import LocalPlatform
from conformance.soap.markup import local, parse
from conformance.soap.message import secure, token_request
from conformance.soap.security.saml import element_of, read_assertion, signer_certificate
from conformance.soap.security.wss import make_signer
from conformance.soap.xsd.contract import SoapContract

NODE = Path(__file__).parent / "node"
SPEC: Spec = load_spec("dossier-number-generation")
OPERATION = "GenerateCovidId"
LAST_NAME = ("Criteria", "Person", "LastName")

needs_xmlsec1 = pytest.mark.skipif(shutil.which("xmlsec1") is None, reason="xmlsec1 is not installed")
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def _needs(package: str) -> pytest.MarkDecorator:
    there = shutil.which("node") and (NODE / "node_modules" / package).is_dir()
    return pytest.mark.skipif(not there, reason=f"npm package {package} is not installed: npm install --prefix {NODE}")


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller of the local platform with its files, and a message that it has signed."""

    name: str
    settings: dict[str, Any]
    message: Path
    certificate: Path
    issuer: Path
    key: Path


@pytest.fixture(scope="module")
def platform() -> Iterator[LocalPlatform]:
    """Serve the local platform with the SOAP service."""
    with LocalPlatform((SPEC,)) as served:
        yield served


def _contract() -> SoapContract:
    return bind(SPEC, {}, SPEC.folder).contract


def _caller(platform: LocalPlatform, folder: Path, name: str) -> Caller:
    """Return a caller who has signed a message, all of it as files."""
    row = platform.settings(SPEC.contract.service)["callers"][name]
    store = open_keystore(Path(row["keystore"]), row["password"], row.get("alias"))
    assertion = read_assertion(Path(row["assertion"]).read_bytes())
    issuer = signer_certificate(element_of(assertion))
    assert issuer is not None
    envelope = _contract().build(OPERATION, {LAST_NAME: "Peeters-D'Hondt & <Zoon>", ("@Id",): "_1"})
    signer = make_signer(store.key, store.certificate)
    files = {
        "message": secure(envelope, assertion, signer, datetime.now(UTC)),
        "certificate": store.certificate.public_bytes(Encoding.PEM),
        "issuer": issuer.public_bytes(Encoding.PEM),
        "key": store.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    }
    for part, data in files.items():
        (folder / part).write_bytes(data)
    return Caller(name, row, *(folder / part for part in ("message", "certificate", "issuer", "key")))


def _run(command: list[str], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def _xmlsec1(certificate: Path, message: Path, node: str) -> subprocess.CompletedProcess[str]:
    ids = ["--id-attr:Id", "Body", "--id-attr:Id", "Timestamp", "--id-attr:Id", "BinarySecurityToken"]
    ids += ["--id-attr:AssertionID", "Assertion"]
    command = ["xmlsec1", "--verify", "--pubkey-cert-pem", str(certificate), *ids, "--node-xpath", node, str(message)]
    return _run(command)


IN_SECURITY = "//*[local-name()='Security']/*[local-name()='Signature']"
IN_ASSERTION = "//*[local-name()='Assertion']/*[local-name()='Signature']"


@needs_xmlsec1
@pytest.mark.parametrize("name", ["center", "hub"])
def test_xmlsec1_verifies_message_and_assertion(platform: LocalPlatform, tmp_path: Path, name: str) -> None:
    """Debian's xmlsec1 finds both signatures of a message valid, with an EC and with an RSA key."""
    caller = _caller(platform, tmp_path, name)
    for certificate, node in ((caller.certificate, IN_SECURITY), (caller.issuer, IN_ASSERTION)):
        found = _xmlsec1(certificate, caller.message, node)
        assert found.returncode == 0, found.stderr
        assert "SignedInfo References (ok/all)" in found.stderr + found.stdout
    altered = caller.message.read_bytes().replace(b"Zoon", b"Zonn")
    caller.message.write_bytes(altered)
    assert _xmlsec1(caller.certificate, caller.message, IN_SECURITY).returncode != 0


@needs_xmlsec1
def test_xmlsec1_verifies_a_token_request(platform: LocalPlatform, tmp_path: Path) -> None:
    """Debian's xmlsec1 finds the signature of a request to the STS valid: Body, Timestamp and token."""
    caller = _caller(platform, tmp_path, "hub")
    store = open_keystore(Path(caller.settings["keystore"]), caller.settings["password"])
    caller.message.write_bytes(token_request(make_signer(store.key, store.certificate), (), datetime.now(UTC)))
    found = _xmlsec1(caller.certificate, caller.message, IN_SECURITY)
    assert found.returncode == 0, found.stderr
    assert "3/3" in found.stderr + found.stdout


@_needs("xml-crypto")
def test_xml_crypto_verifies_message_and_assertion(platform: LocalPlatform, tmp_path: Path) -> None:
    """The npm package xml-crypto finds both signatures valid, over Timestamp and Body, and over the assertion."""
    caller = _caller(platform, tmp_path, "hub")
    command = ["node", "verify_signature.mjs", str(caller.message), str(caller.certificate), str(caller.issuer)]
    found = _run(command, NODE)
    assert found.returncode == 0, found.stderr
    results = {row["parent"]: row for row in json.loads(found.stdout)}
    assert results["Security"] == {"parent": "Security", "valid": True, "covered": ["Timestamp", "Body"]}
    assert results["Assertion"]["valid"]
    assert results["Assertion"]["covered"] == ["Assertion"]


def _node_soap(platform: LocalPlatform, caller: Caller, request: dict[str, Any], tamper: str = "") -> dict[str, Any]:
    settings = platform.settings(SPEC.contract.service)
    wsdl = SPEC.folder / "wsdl" / "DossierNumberGeneration.wsdl"
    command = ["node", "soap_client.mjs", str(wsdl), settings["endpoint"], OPERATION, json.dumps(request)]
    command += [caller.settings["assertion"], str(caller.key), *([tamper] if tamper else [])]
    found = _run(command, NODE)
    assert found.returncode == 0, found.stderr
    answer: dict[str, Any] = json.loads(found.stdout)
    return answer


def _request(**person: str) -> dict[str, Any]:
    attributes = {"Id": "_node-1", "IssueInstant": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    return {"attributes": attributes, "Criteria": {"Person": person}}


@_needs("soap")
def test_node_soap_is_served_by_the_local_platform(platform: LocalPlatform, tmp_path: Path) -> None:
    """A message of node's soap library with a Holder-of-Key header gets an identifier, and names its request."""
    caller = _caller(platform, tmp_path, "hub")
    result = _node_soap(platform, caller, _request(LastName="COVID_LASTNAME_TEST", Gender="F"))["result"]
    assert result["Status"]["StatusCode"]["attributes"]["Value"] == "urn:be:fgov:ehealth:2.0:status:Success"
    assert result["CovidDossierIdentifier"]
    assert result["attributes"]["InResponseTo"] == "_node-1"


@_needs("soap")
def test_node_soap_is_refused_where_its_message_was_changed(platform: LocalPlatform, tmp_path: Path) -> None:
    """A Body changed after node's soap library signed it gets the fault SOA-01001 with HTTP 500."""
    caller = _caller(platform, tmp_path, "hub")
    answer = _node_soap(platform, caller, _request(LastName="COVID_LASTNAME_TEST"), tamper="COVID_LASTNAME_TEST")
    assert answer["status"] == 500
    assert answer["fault"]["detail"]["SystemError"]["Code"] == "SOA-01001"


@_needs("soap")
def test_node_soap_reads_a_schema_fault(platform: LocalPlatform, tmp_path: Path) -> None:
    """A request of node's soap library without last name gets a fault that it can read: SOA-03006, by its members."""
    caller = _caller(platform, tmp_path, "hub")
    error = _node_soap(platform, caller, _request(Gender="F"))["fault"]["detail"]["SystemError"]
    assert error["Code"] == "SOA-03006"
    assert error["Origin"] == "Consumer"
    assert error["Environment"] == "Test"


@needs_curl
def test_curl_sends_the_very_bytes(platform: LocalPlatform, tmp_path: Path) -> None:
    """A message kept in a file and sent by curl is served: nothing depends on the harness's own transport."""
    caller = _caller(platform, tmp_path, "center")
    settings = platform.settings(SPEC.contract.service)
    action = _contract().operations[OPERATION].action
    headers = ["-H", "Content-Type: text/xml; charset=UTF-8", "-H", f'SOAPAction: "{action}"', "-H", "Expect:"]
    command = ["curl", "-sS", "-w", "%{http_code}", "--data-binary", f"@{caller.message}", *headers]
    found = _run([*command, settings["endpoint"]])
    assert found.returncode == 0, found.stderr
    assert found.stdout.endswith("200")
    assert local(parse(found.stdout.removesuffix("200").encode())) == "Envelope"
