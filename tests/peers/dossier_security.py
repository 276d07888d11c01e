"""What the DossierNumberGeneration peer and its client need of XML signatures and of WS-Security, by hand.

Canonical XML is lxml's, digests are hashlib's, signatures are cryptography's; nothing here knows xmlsec. ``verify``
checks a ``ds:Signature`` and tells which elements it covers; ``authenticate`` checks the security of a whole message.
"""

from __future__ import annotations

import base64
import binascii
import copy
import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from lxml import etree

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
DS = "http://www.w3.org/2000/09/xmldsig#"
SAML = "urn:oasis:names:tc:SAML:1.0:assertion"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSSE11 = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
TOKEN_TYPE = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1"  # noqa: S105
ASSERTION_ID = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.0#SAMLAssertionID"
STR_TRANSFORM = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform"
ENVELOPED = DS + "enveloped-signature"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"

# By method: whether it is exclusive, and whether comments count.
_CANONICAL = {
    EXCLUSIVE: (True, False),
    EXCLUSIVE + "WithComments": (True, True),
    INCLUSIVE: (False, False),
    INCLUSIVE + "#WithComments": (False, True),
}
_DIGESTS = {
    SHA256: "sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
}
_HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_SIGNATURES = "http://www.w3.org/2001/04/xmldsig-more#"
SKEW = timedelta(minutes=5)

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey
PublicKey = RSAPublicKey | EllipticCurvePublicKey


class RefusedError(Exception):
    """A message is not taken; the kind says in dotted words what is wrong, the text says it to people."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind
        self.text = text


# ------------------------------------------------------------------------------------------------------ signatures


def parse(data: bytes) -> etree._Element:
    """Read XML without following anything that leads out of it."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    return etree.fromstring(data, parser)


def canonical(element: etree._Element, method: str = EXCLUSIVE, prefixes: Collection[str] = ()) -> bytes:
    """Write an element in canonical form, namespaces as they are where it stands."""
    known = _CANONICAL.get(method)
    if known is None:
        raise RefusedError("security.algorithm", f"canonicalization {method} is not supported")
    exclusive, comments = known
    listed = list(prefixes) or None
    return etree.tostring(
        element, method="c14n", exclusive=exclusive, with_comments=comments, inclusive_ns_prefixes=listed
    )


def without_signature(element: etree._Element) -> etree._Element:
    """Copy an element and take the signature out of it, but leave the white space behind it."""
    bare = copy.deepcopy(element)
    for signature in bare.findall(f"{{{DS}}}Signature"):
        before, tail = signature.getprevious(), signature.tail or ""
        if before is None:
            bare.text = (bare.text or "") + tail
        else:
            before.tail = (before.tail or "") + tail
        bare.remove(signature)
    return bare


def sign(key: PrivateKey, data: bytes) -> str:
    """Make the text of a SignatureValue: RSA-SHA256, or ECDSA-SHA256 as r and s side by side."""
    if isinstance(key, RSAPrivateKey):
        return base64.b64encode(key.sign(data, PKCS1v15(), hashes.SHA256())).decode()
    width = (key.curve.key_size + 7) // 8
    pair = decode_dss_signature(key.sign(data, ECDSA(hashes.SHA256())))
    return base64.b64encode(b"".join(number.to_bytes(width, "big") for number in pair)).decode()


def digest(data: bytes) -> str:
    """Make the text of a DigestValue, with SHA-256."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def public_key(certificate: str) -> PublicKey:
    """Read the key out of the text of an X509Certificate."""
    try:
        key = x509.load_der_x509_certificate(base64.b64decode("".join(certificate.split()))).public_key()
    except (ValueError, binascii.Error) as error:
        raise RefusedError("security.certificate", "a certificate cannot be read") from error
    if not isinstance(key, RSAPublicKey | EllipticCurvePublicKey):
        raise RefusedError("security.certificate", "a certificate has a key of an unknown kind")
    return key


def identified(root: etree._Element) -> dict[str, etree._Element]:
    """Find the elements which references can point to; no two may share a name."""
    found: dict[str, etree._Element] = {}
    for element in root.iter(etree.Element):
        names = {element.get(f"{{{WSU}}}Id")}
        name = etree.QName(element)
        if name.namespace == SAML:
            names.add(element.get("AssertionID"))
        if name.namespace == DS:
            names.add(element.get("Id"))
        for one in names - {None}:
            assert one is not None
            if one in found:
                raise RefusedError("security.ids", f"two elements are called {one}")
            found[one] = element
    return found


def _algorithm(parent: etree._Element, name: str) -> tuple[str, list[str]]:
    """Give the algorithm of a child, and the prefixes it lists."""
    child = parent if etree.QName(parent).localname == name else parent.find(f"{{{DS}}}{name}")
    if child is None:
        raise RefusedError("security.structure", f"{name} is missing")
    listed = child.find(f"{{{EXCLUSIVE}}}InclusiveNamespaces")
    return child.get("Algorithm", ""), ("" if listed is None else listed.get("PrefixList", "")).split()


def _referenced(reference: etree._Element, ids: Mapping[str, etree._Element]) -> tuple[etree._Element, bytes]:
    """Follow a reference; give the element it covers and the bytes to digest."""
    uri = reference.get("URI", "")
    element = ids.get(uri.removeprefix("#")) if uri.startswith("#") else None
    if element is None:
        raise RefusedError("security.reference", f"{uri or 'an empty reference'} leads nowhere")
    covered, data = element, b""
    transforms = reference.find(f"{{{DS}}}Transforms")
    for transform in () if transforms is None else transforms.findall(f"{{{DS}}}Transform"):
        method, prefixes = _algorithm(transform, "Transform")
        if method == ENVELOPED:
            element = without_signature(element)
        elif method == STR_TRANSFORM:
            pointer = element.find(f"{{{WSSE}}}KeyIdentifier")
            target = None if pointer is None else ids.get((pointer.text or "").strip())
            parameters = transform.find(f"{{{WSSE}}}TransformationParameters")
            if target is None or parameters is None:
                raise RefusedError("security.reference", "a token reference leads nowhere")
            method, prefixes = _algorithm(parameters, "CanonicalizationMethod")
            covered, data = target, canonical(target, method, prefixes)
        else:
            data = canonical(element, method, prefixes)
    return covered, data or canonical(element, INCLUSIVE)


def verify(
    signature: etree._Element, key: PublicKey, ids: Mapping[str, etree._Element], overlook: Collection[str] = ()
) -> list[etree._Element]:
    """Verify a signature with a key and give the elements it covers."""
    info = signature.find(f"{{{DS}}}SignedInfo")
    if info is None:
        raise RefusedError("security.structure", "SignedInfo is missing")
    covered = []
    for reference in info.findall(f"{{{DS}}}Reference"):
        element, data = _referenced(reference, ids)
        name = _DIGESTS.get(_algorithm(reference, "DigestMethod")[0])
        if name is None:
            raise RefusedError("security.algorithm", "a digest is of an unknown or weak kind")
        stated = "".join((reference.findtext(f"{{{DS}}}DigestValue") or "").split())
        right = base64.b64encode(hashlib.new(name, data).digest()).decode()
        if stated != right and "security.digest" not in overlook:
            raise RefusedError("security.digest", f"the digest of {reference.get('URI')} is wrong")
        covered.append(element)
    method = _algorithm(info, "SignatureMethod")[0]
    kind, _, hash_name = method.removeprefix(_SIGNATURES).partition("-")
    expected = "rsa" if isinstance(key, RSAPublicKey) else "ecdsa"
    if not method.startswith(_SIGNATURES) or kind != expected or hash_name not in _HASHES:
        raise RefusedError("security.algorithm", f"signature algorithm {method} does not suit the key")
    data = canonical(info, *_algorithm(info, "CanonicalizationMethod"))
    value = signature.findtext(f"{{{DS}}}SignatureValue") or ""
    if not _holds(key, _HASHES[hash_name], value, data) and "security.value" not in overlook:
        raise RefusedError("security.value", "the signature is not by the key of the certificate")
    return covered


def _holds(key: PublicKey, algorithm: hashes.HashAlgorithm, text: str, data: bytes) -> bool:
    try:
        value = base64.b64decode("".join(text.split()), validate=True)
        if isinstance(key, RSAPublicKey):
            key.verify(value, data, PKCS1v15(), algorithm)
        else:
            width = (key.curve.key_size + 7) // 8
            if len(value) != 2 * width:
                return False
            pair = (int.from_bytes(value[:width], "big"), int.from_bytes(value[width:], "big"))
            key.verify(encode_dss_signature(*pair), data, ECDSA(algorithm))
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


# --------------------------------------------------------------------------------------------- security of a message


class Issued(Protocol):
    """An assertion as its issuer remembers it."""

    @property
    def element(self) -> bytes:
        """The bytes of the element."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a service asks of a message: who signs assertions, which ones there are, and what it does not mind."""

    sts: PublicKey
    issued: Mapping[str, Issued]
    overlook: frozenset[str] = frozenset()
    longest: timedelta | None = None
    skew: timedelta = SKEW


def moment(text: str | None, kind: str) -> datetime:
    """Read a date-time that has an offset."""
    try:
        found = datetime.fromisoformat((text or "").strip())
    except ValueError as error:
        raise RefusedError(kind, f"{text!r} is no date-time") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _only(parent: etree._Element, name: str, kind: str) -> etree._Element:
    found = parent.findall(name)
    if len(found) != 1:
        raise RefusedError(kind, f"{len(found)} elements {etree.QName(name).localname} where one is due")
    return found[0]


def authenticate(message: bytes, root: etree._Element, demand: Demand) -> Mapping[str, str]:
    """Verify the security of a message; give the attributes of the assertion."""

    def must(condition: bool, kind: str, text: str) -> None:
        if not condition and kind not in demand.overlook:
            raise RefusedError(kind, text)

    now = datetime.now(UTC)
    body = _only(root, f"{{{SOAP}}}Body", "soap.body")
    header = _only(root, f"{{{SOAP}}}Header", "security.missing")
    security = _only(header, f"{{{WSSE}}}Security", "security.missing")
    ids = identified(root)
    assertion = _only(security, f"{{{SAML}}}Assertion", "security.assertion.missing")
    _check_assertion(message, assertion, ids, demand, now)
    if list(security.iterfind(f"{{{WSU}}}Timestamp")) or "security.timestamp.missing" not in demand.overlook:
        stamp = _only(security, f"{{{WSU}}}Timestamp", "security.timestamp.missing")
        created = moment(stamp.findtext(f"{{{WSU}}}Created"), "security.timestamp.form")
        expires = moment(stamp.findtext(f"{{{WSU}}}Expires"), "security.timestamp.form")
        must(created < expires, "security.timestamp.form", "the message expires before it is made")
        must(created <= now + demand.skew, "security.timestamp.future", "the message is of the future")
        must(expires >= now - demand.skew, "security.timestamp.expired", "the message has expired")
        life = expires - created
        must(demand.longest is None or life <= demand.longest, "security.timestamp.long", "the message lives too long")
    else:
        stamp = None
    if security.find(f"{{{DS}}}Signature") is None and "security.signature.missing" in demand.overlook:
        return dict(_attributes(assertion))
    signature = _only(security, f"{{{DS}}}Signature", "security.signature.missing")
    _check_pointer(signature, assertion)
    certificate = assertion.findtext(
        f"{{{SAML}}}AuthenticationStatement/{{{SAML}}}Subject/{{{SAML}}}SubjectConfirmation/"
        f"{{{DS}}}KeyInfo/{{{DS}}}X509Data/{{{DS}}}X509Certificate"
    )
    covered = verify(signature, public_key(certificate or ""), ids, demand.overlook)
    must(any(one is body for one in covered), "security.body", "the body is not signed")
    signed = stamp is None or any(one is stamp for one in covered)
    must(signed, "security.timestamp.unsigned", "the timestamp is not signed")
    return dict(_attributes(assertion))


def _check_assertion(
    message: bytes, assertion: etree._Element, ids: Mapping[str, etree._Element], demand: Demand, now: datetime
) -> None:
    known = demand.issued.get(assertion.get("AssertionID", ""))
    if known is None:
        raise RefusedError("security.assertion.unknown", "the assertion is not of this issuer")
    signature = _only(assertion, f"{{{DS}}}Signature", "security.assertion.signature")
    covered = verify(signature, demand.sts, ids)
    if not any(one is assertion for one in covered):
        raise RefusedError("security.assertion.signature", "the signature is not over the assertion")
    if message.count(known.element) != 1 and "security.assertion.bytes" not in demand.overlook:
        raise RefusedError("security.assertion.bytes", "the assertion is not byte for byte the one that was issued")
    conditions = _only(assertion, f"{{{SAML}}}Conditions", "security.assertion.conditions")
    start = moment(conditions.get("NotBefore"), "security.assertion.conditions")
    end = moment(conditions.get("NotOnOrAfter"), "security.assertion.conditions")
    if not start <= now < end:
        raise RefusedError("security.assertion.expired", "the assertion is not valid now")


def _check_pointer(signature: etree._Element, assertion: etree._Element) -> None:
    info = _only(signature, f"{{{DS}}}KeyInfo", "security.pointer")
    reference = _only(info, f"{{{WSSE}}}SecurityTokenReference", "security.pointer")
    pointer = _only(reference, f"{{{WSSE}}}KeyIdentifier", "security.pointer")
    if pointer.get("ValueType") != ASSERTION_ID or (pointer.text or "").strip() != assertion.get("AssertionID"):
        raise RefusedError("security.pointer", "the token reference does not point to the assertion")


def _attributes(assertion: etree._Element) -> Iterator[tuple[str, str]]:
    for attribute in assertion.iterfind(f"{{{SAML}}}AttributeStatement/{{{SAML}}}Attribute"):
        yield attribute.get("AttributeName", ""), (attribute.findtext(f"{{{SAML}}}AttributeValue") or "").strip()
