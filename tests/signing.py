"""An authority, an STS and messages for tests of the local platform's SOAP side; keys are made once a process."""

import functools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import xmlsec
from lxml import etree

from conformance.contracts.platform_rules import bundled_schemas
from conformance.formats.schemas import specs_root
from conformance.mock.authority import Authority, CertificateOwner, Credential, KeyKind, make_authority
from conformance.mock.sts import TokenService
from conformance.soap.markup import Element, parse, serialise
from conformance.soap.message import RequestedAttribute, secure
from conformance.soap.names import DS, SOAP, WSSE, WSU
from conformance.soap.security import wss
from conformance.soap.security.saml import Assertion, read_assertion
from conformance.soap.xsd.contract import SoapContract, Steps
from conformance.soap.xsd.wsdl import read_contract

NOW = datetime.now(UTC).replace(microsecond=0)
"""The time, for all that is made and verified here."""
OPERATION = "GenerateCovidId"
PERSON = CertificateOwner("SSIN", "85061599690", "GODELIEVE WOLKENBERG")
CLAIMS = (
    RequestedAttribute("urn:be:fgov:person:ssin", PERSON.number),
    RequestedAttribute("urn:be:fgov:person:ssin:doctor:boolean"),
    RequestedAttribute("urn:be:fgov:person:ssin:ehealth:1.0:doctor:nihii11"),
)
VALUES: dict[Steps, str | None] = {("Criteria", "Person", "LastName"): "GOOD", ("Criteria", "Person", "Gender"): "F"}
BODY, HEADER, SECURITY = f"{{{SOAP}}}Body", f"{{{SOAP}}}Header", f"{{{WSSE}}}Security"
TIMESTAMP, SIGNATURE = f"{{{WSU}}}Timestamp", f"{{{DS}}}Signature"

Change = Callable[[Element], object]


@functools.cache
def contract() -> SoapContract:
    """Return the contract of the service that the messages are for."""
    folder = specs_root() / "dossier-number-generation" / "1.2" / "wsdl"
    return read_contract(folder / "DossierNumberGeneration.wsdl", bundled_schemas())


@functools.cache
def authority() -> Authority:
    """Return the authority of all certificates."""
    return make_authority()


@functools.cache
def tokens() -> TokenService:
    """Return the STS."""
    owner = CertificateOwner("CBE", "0809394427", "EHEALTH-PLATFORM LOCAL TEST")
    return TokenService(authority(), authority().issue_sts(owner), lambda: NOW)


def holder(kind: KeyKind = KeyKind.P256) -> Credential:
    """Return a person's key and certificate."""
    return _holder(kind)


@functools.cache
def _holder(kind: KeyKind) -> Credential:
    return authority().issue(PERSON, kind)


def signer(credential: Credential) -> wss.Signer:
    """Return a signer of a credential."""
    return wss.make_signer(credential.key, credential.certificate)


def issued(kind: KeyKind = KeyKind.P256, change: Change | None = None, by: Credential | None = None) -> Assertion:
    """Return an assertion for the person; one that is changed is signed after it, by the STS or somebody else."""
    data = tokens().issue(holder(kind).certificate, CLAIMS)
    if change is None and by is None:
        return read_assertion(data)
    root = parse(data)
    root.remove(root[-1])
    if change is not None:
        change(root)
    wss.sign_enveloped(root, wss.SAML_ID, signer(by or tokens().credential))
    return read_assertion(serialise(root))


def message(
    kind: KeyKind = KeyKind.P256, assertion: Assertion | None = None, created: datetime = NOW, last_name: str = "GOOD"
) -> Element:
    """Return a message that is right in everything."""
    values = {**VALUES, ("Criteria", "Person", "LastName"): last_name}
    envelope = contract().build(OPERATION, values)
    return parse(secure(envelope, assertion or issued(kind), signer(holder(kind)), created))


def part(root: Element, *tags: str) -> Element:
    """Return the element that is reached by children of some tags."""
    for tag in tags:
        found = root.find(tag)
        assert found is not None, tag
        root = found
    return root


def security(root: Element) -> Element:
    """Return a message's Security header."""
    return part(root, HEADER, SECURITY)


def signed_parts(root: Element) -> list[Element]:
    """Return what a client has to sign."""
    return [part(security(root), TIMESTAMP), part(root, BODY)]


def sign_again(
    root: Element,
    parts: Sequence[Element] | None = None,
    by: Credential | None = None,
    key_info: Element | None = None,
    alter: Change | None = None,
) -> None:
    """Sign a message anew: its parts, by the person's key, with a reference to the assertion, unless told otherwise.

    What `alter` does to the Signature is signed as well.
    """
    header = security(root)
    for old in header.findall(SIGNATURE):
        header.remove(old)
    if key_info is None:
        key_info = wss.assertion_reference(str(part(header, wss.ASSERTION).get(wss.SAML_ID)))
    parts = signed_parts(root) if parts is None else parts
    own = signer(by or holder())
    signature = wss.sign(header, parts, own, key_info)
    if alter is not None:
        for name in ("DigestValue", "SignatureValue"):
            for one in signature.iter(f"{{{DS}}}{name}"):
                one.text = None
        alter(signature)
        context = xmlsec.SignatureContext()
        context.key = own.key
        for one in root.iter(etree.Element):
            if one.get(wss.WSU_ID):
                context.register_id(one, "Id", WSU)
        context.sign(signature)


def stamp(root: Element, created: timedelta, expires: timedelta) -> None:
    """Give a message another Timestamp, relative to now, and sign it again."""
    for name, moment in (("Created", created), ("Expires", expires)):
        part(security(root), TIMESTAMP, f"{{{WSU}}}{name}").text = wss.instant(NOW + moment)
    sign_again(root)
