"""What the DossierNumberGeneration peer and its client need of XML signatures and of WS-Security, by hand.

Canonical XML is lxml's, digests are hashlib's, signatures are cryptography's; nothing here knows xmlsec. ``verify``
checks a ``ds:Signature`` and tells which elements it covers; ``authenticate`` checks the security of a whole message.

What is not right has a kind in dotted words. A demand may overlook kinds, and may have bad habits, which are words in
the same set (``HABITS`` says what they mean); as long as the set has none of them, all is checked.
"""

from __future__ import annotations

import base64
import binascii
import copy
import hashlib
import hmac
import re
import secrets
import urllib.request
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurve,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
DS = "http://www.w3.org/2000/09/xmldsig#"
DS11 = "http://www.w3.org/2009/xmldsig11#"
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
SHA1 = DS + "sha1"
RSA_SHA1 = DS + "rsa-sha1"
ECDSA_SHA1 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1"
HMAC_SHA1 = DS + "hmac-sha1"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
XSL = "http://www.w3.org/1999/XSL/Transform"
CONFIRMED_BY = "urn:oasis:names:tc:SAML:1.0:cm:"

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
_CURVES: Mapping[str, type[EllipticCurve]] = {
    "urn:oid:1.2.840.10045.3.1.7": SECP256R1,
    "urn:oid:1.3.132.0.34": SECP384R1,
    "urn:oid:1.3.132.0.35": SECP521R1,
}
SKEW = timedelta(minutes=5)

# What a service may do that none should, beside overlooking kinds of errors.
HABITS: Mapping[str, str] = {
    "security.empty": "an empty Security header is as good as a full one",
    "headers.first": "the first Security header is verified, others are ignored",
    "headers.last": "the last is",
    "assertions.first": "the first assertion counts, others are ignored",
    "assertions.last": "the last does",
    "assertions.mixed": "the key is that of the assertion KeyInfo points to, the caller is that of the other one",
    "timestamps.first": "the first Timestamp is read, the last is to be signed",
    "timestamps.last": "the other way round",
    "bodies.first": "the first Body is read, the last is to be signed",
    "bodies.last": "the other way round",
    "ids.first": "of elements of one name the first is digested, and a name is as good as the element",
    "ids.last": "the same with the last",
    "digest.body": "the digest of the Body is not compared",
    "digest.timestamp": "the digest of the Timestamp is not compared",
    "value.empty": "an empty SignatureValue will do",
    "wrapping.anywhere": "a signed Body anywhere will do",
    "wrapping.header": "a signed Body in another header block will do",
    "wrapping.security": "a signed Body elsewhere in the Security header will do",
    "wrapping.assertion": "a signed Body within the assertion, where its signature does not cover it, will do",
    "wrapping.forged": "an assertion of the issuer anywhere makes that in the Security header good",
    "wrapping.timestamp": "a signed Timestamp anywhere will do",
    "transforms.unknown": "transforms it does not know are skipped",
    "transforms.xpath": "XPath filters are executed",
    "transforms.xpath_ignored": "XPath filters are skipped",
    "transforms.xslt": "XSLT is executed",
    "transforms.xslt_ignored": "XSLT is skipped",
    "reference.external": "references that lead out of the message are skipped",
    "reference.external_covers": "the same, and they stand for the Body",
    "reference.fetch": "references that lead out of the message are followed, on loopback",
    "reference.whole": "one reference to the whole message covers all, whatever its digest",
    "reference.whole_checked": "one reference to the whole message covers all",
    "sha1": "SHA-1 will do",
    "hmac.message": "HMAC with a key that stands in the message will do",
    "hmac.truncated": "HMAC of any length will do",
    "key.x509": "a certificate in KeyInfo is used in the place of that of the assertion",
    "key.value": "a KeyValue in KeyInfo is",
    "key.token": "a BinarySecurityToken is, if KeyInfo points to it",
    "key.known": "the key of any caller will do",
    "no_assertion.x509": "without an assertion, a certificate in KeyInfo or a BinarySecurityToken will do",
    "assertion.digest": "the digest of the assertion is not compared",
    "assertion.value": "the SignatureValue of the assertion is not verified",
    "assertion.unsigned": "an assertion may have no signature",
    "assertion.unchecked": "nothing of the signature of an assertion is checked",
    "issuer.any": "the signature of an assertion is verified with the certificate in it",
    "issuer.ca": "the same, if the authority issued that certificate",
    "issuer.name": "the same, if that certificate has the name of the issuer's",
    "methods.bearer": "the confirmation method bearer will do, with any key",
    "methods.sender-vouches": "sender-vouches will",
    "key_info.absent": "KeyInfo may be missing",
    "key_info.other": "KeyInfo may point to something else",
}
# With these an assertion need not be byte for byte one that was issued.
_REWRITTEN = frozenset(
    (
        *("security.assertion.bytes", "assertion.digest", "assertion.value", "assertion.unsigned"),
        *("assertion.unchecked", "issuer.any", "issuer.ca", "issuer.name", "wrapping.assertion", "wrapping.forged"),
    )
)
_NOTHING = etree.XSLTAccessControl.DENY_ALL  # type: ignore[attr-defined]
_OUTSIDE = "{urn:example:peer:outside}outside"

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


def without_signature(element: etree._Element, signature: etree._Element | None = None) -> etree._Element:
    """Copy an element and take the signature out of it, but leave the white space behind it."""
    bare = twin(element)
    if signature is None:
        signature = element.find(f"{{{DS}}}Signature")
    if signature is None or not within(signature, element):
        return bare
    found = bare
    for place in _places(signature, element):
        found = found[place]
    before, tail, parent = found.getprevious(), found.tail or "", found.getparent()
    assert parent is not None
    if before is None:
        parent.text = (parent.text or "") + tail
    else:
        before.tail = (before.tail or "") + tail
    parent.remove(found)
    return bare


def within(element: etree._Element, other: etree._Element | None) -> bool:
    """Whether an element is somewhere in another."""
    return other is not None and any(one is other for one in element.iterancestors())


def twin(element: etree._Element) -> etree._Element:
    """Find an element in a copy of all that it stands in."""
    root = element.getroottree().getroot()
    found = copy.deepcopy(root)
    for place in _places(element, root):
        found = found[place]
    return found


def _places(element: etree._Element, top: etree._Element) -> list[int]:
    """Tell the way from an element down to another."""
    places: list[int] = []
    while element is not top:
        parent = element.getparent()
        assert parent is not None
        places.insert(0, parent.index(element))
        element = parent
    return places


def sign(key: PrivateKey, data: bytes, algorithm: hashes.HashAlgorithm = _HASHES["sha256"]) -> str:
    """Make the text of a SignatureValue: RSA, or ECDSA as r and s side by side."""
    if isinstance(key, RSAPrivateKey):
        return base64.b64encode(key.sign(data, PKCS1v15(), algorithm)).decode()
    width = (key.curve.key_size + 7) // 8
    pair = decode_dss_signature(key.sign(data, ECDSA(algorithm)))
    return base64.b64encode(b"".join(number.to_bytes(width, "big") for number in pair)).decode()


def digest(data: bytes, name: str = "sha256") -> str:
    """Make the text of a DigestValue."""
    return base64.b64encode(hashlib.new(name, data).digest()).decode()


def public_key(certificate: str) -> PublicKey:
    """Read the key out of the text of an X509Certificate."""
    try:
        key = x509.load_der_x509_certificate(base64.b64decode("".join(certificate.split()))).public_key()
    except (ValueError, binascii.Error) as error:
        raise RefusedError("security.certificate", "a certificate cannot be read") from error
    if not isinstance(key, RSAPublicKey | EllipticCurvePublicKey):
        raise RefusedError("security.certificate", "a certificate has a key of an unknown kind")
    return key


def identified(
    root: etree._Element,
    ignored: Collection[etree._Element] = (),
    spare: Collection[etree._Element] = (),
    doubles: str = "",
) -> dict[str, etree._Element]:
    """Find the elements which references can point to; no two may share a name, unless one is spare."""
    found: dict[str, etree._Element] = {}
    for element in root.iter(etree.Element):
        if any(element is one or within(element, one) for one in ignored):
            continue
        for name in _names(element):
            known = found.get(name)
            if known is not None and not doubles and not any(one in (known, element) for one in spare):
                raise RefusedError("security.ids", f"two elements are called {name}")
            if known is None or doubles == "last" or (not doubles and known in spare):
                found[name] = element
    return found


def _names(element: etree._Element) -> set[str]:
    """Tell how references call an element."""
    names = {element.get(f"{{{WSU}}}Id")}
    space = etree.QName(element).namespace
    if space == SAML:
        names.add(element.get("AssertionID"))
    if space == DS:
        names.add(element.get("Id"))
    return {name for name in names if name is not None}


def _algorithm(parent: etree._Element, name: str) -> tuple[str, list[str]]:
    """Give the algorithm of a child, and the prefixes it lists."""
    child = parent if etree.QName(parent).localname == name else parent.find(f"{{{DS}}}{name}")
    if child is None:
        raise RefusedError("security.structure", f"{name} is missing")
    listed = child.find(f"{{{EXCLUSIVE}}}InclusiveNamespaces")
    return child.get("Algorithm", ""), ("" if listed is None else listed.get("PrefixList", "")).split()


# ------------------------------------------------------------------------------------------------------- references


@dataclass(slots=True)
class _Digested:
    """What a reference leads to, on its way through the transforms: an element or, at last, bytes."""

    covered: etree._Element
    element: etree._Element
    data: bytes | None = None
    rewritten: bool = False

    def canonical(self, method: str, prefixes: Collection[str] = ()) -> None:
        """Write the element, without the tags of what a filter left out."""
        if self.rewritten:
            self.rewritten, self.element = False, _reread(self.data)
        data = canonical(self.element, method, prefixes)
        self.data = re.sub(rb"</?\w+:outside(?: [^>]*)?>", b"", data) if b"urn:example:peer:outside" in data else data


def _referenced(
    reference: etree._Element, signature: etree._Element, ids: Mapping[str, etree._Element], overlook: Collection[str]
) -> tuple[etree._Element, bytes]:
    """Follow a reference within the message; give the element it covers and the bytes to digest."""
    uri = reference.get("URI", "")
    element = ids.get(uri.removeprefix("#")) if uri.startswith("#") else None
    if not uri and "reference.whole_checked" in overlook:
        element = signature.getroottree().getroot()
    if element is None:
        raise RefusedError("security.reference", f"{uri or 'an empty reference'} leads nowhere")
    state = _Digested(element, element)
    transforms = reference.find(f"{{{DS}}}Transforms")
    for transform in () if transforms is None else transforms.findall(f"{{{DS}}}Transform"):
        _transform(state, transform, signature, ids, overlook)
    if state.data is None:
        state.canonical(INCLUSIVE)
    assert state.data is not None
    return state.covered, state.data


def _transform(
    state: _Digested,
    transform: etree._Element,
    signature: etree._Element,
    ids: Mapping[str, etree._Element],
    overlook: Collection[str],
) -> None:
    """Apply a transform."""
    method, prefixes = _algorithm(transform, "Transform")
    skipped = {"transforms.unknown", {XPATH: "transforms.xpath_ignored", XSLT: "transforms.xslt_ignored"}.get(method)}
    if method == ENVELOPED:
        state.element = without_signature(state.element, signature)
    elif method == STR_TRANSFORM:
        _follow_token(state, transform, ids)
    elif method == XPATH and "transforms.xpath" in overlook:
        state.element = _filtered(state.element, transform)
    elif method == XSLT and "transforms.xslt" in overlook:
        state.data, state.rewritten = _rewritten(state.element, transform), True
    elif method in _CANONICAL or skipped.isdisjoint(overlook):
        state.canonical(method, prefixes)


def _follow_token(state: _Digested, transform: etree._Element, ids: Mapping[str, etree._Element]) -> None:
    """Put the token in the place of the reference to it."""
    pointer = state.element.find(f"{{{WSSE}}}KeyIdentifier")
    target = None if pointer is None else ids.get((pointer.text or "").strip())
    parameters = transform.find(f"{{{WSSE}}}TransformationParameters")
    if target is None or parameters is None:
        raise RefusedError("security.reference", "a token reference leads nowhere")
    state.covered = state.element = target
    state.canonical(*_algorithm(parameters, "CanonicalizationMethod"))


def _filtered(element: etree._Element, transform: etree._Element) -> etree._Element:
    """Execute an XPath filter: in the copy, the tags of what it leaves out are marked, texts and attributes gone."""
    filter_ = transform.find(f"{{{DS}}}XPath")
    if filter_ is None:
        raise RefusedError("security.structure", "there is no XPath")
    copied = twin(element)
    spaces = {prefix: space for prefix, space in filter_.nsmap.items() if prefix}
    try:
        nodes = copied.xpath(f"(//node() | //@*)[{filter_.text}]", namespaces=spaces)
    except etree.XPathError as error:
        raise RefusedError("security.algorithm", "an XPath cannot be read") from error
    assert isinstance(nodes, list)
    elements = {node for node in nodes if isinstance(node, etree._Element)}
    texts = [node for node in nodes if isinstance(node, etree._ElementUnicodeResult)]
    places = {(text.getparent(), text.attrname if text.is_attribute else text.is_tail) for text in texts}
    for one in list(copied.iter(etree.Element)):
        for name in list(one.attrib):
            if (one, name) not in places:
                del one.attrib[name]
        if (one, False) not in places:
            one.text = None
        if one is not copied and (one, True) not in places:
            one.tail = None
        if one not in elements:
            one.attrib.clear()
            one.tag = _OUTSIDE
    return copied


def _reread(data: bytes | None) -> etree._Element:
    try:
        return parse(data or b"")
    except etree.XMLSyntaxError as error:
        raise RefusedError("security.structure", "a stylesheet made no XML") from error


def _rewritten(element: etree._Element, transform: etree._Element) -> bytes:
    """Execute XSLT."""
    sheet = next(transform.iter(f"{{{XSL}}}stylesheet", f"{{{XSL}}}transform"), None)
    if sheet is None:
        raise RefusedError("security.structure", "there is no stylesheet")
    try:
        made = etree.XSLT(copy.deepcopy(sheet), access_control=_NOTHING)
        return bytes(made(copy.deepcopy(element)))
    except etree.XSLTError as error:
        raise RefusedError("security.algorithm", "a stylesheet cannot be executed") from error


def _fetched(uri: str) -> bytes:
    """Read what is elsewhere, on loopback only."""
    if urlsplit(uri).hostname not in ("127.0.0.1", "localhost"):
        raise RefusedError("security.reference", f"{uri} is too far away")
    try:
        with urllib.request.urlopen(uri, timeout=60) as answer:
            return bytes(answer.read(1_000_000))
    except (OSError, ValueError) as error:
        raise RefusedError("security.reference", f"{uri} cannot be read") from error


def _covered(
    reference: etree._Element,
    signature: etree._Element,
    ids: Mapping[str, etree._Element],
    overlook: Collection[str],
    unminded: Collection[etree._Element | None],
) -> list[etree._Element]:
    """Check a reference; give what it covers."""
    uri = reference.get("URI", "")
    alone = sum(1 for _ in reference.itersiblings(f"{{{DS}}}Reference")) == 0
    alone = alone and not any(True for _ in reference.itersiblings(f"{{{DS}}}Reference", preceding=True))
    if not uri and alone and "reference.whole" in overlook:
        return [signature.getroottree().getroot()]
    outward = bool(uri) and not uri.startswith("#")
    if outward and "reference.external" in overlook:
        return []
    if outward and "reference.external_covers" in overlook:
        return [reference]
    if outward and "reference.fetch" in overlook:
        element, data = reference, _fetched(uri)
    else:
        element, data = _referenced(reference, signature, ids, overlook)
    method = _algorithm(reference, "DigestMethod")[0]
    name = "sha1" if method == SHA1 and "sha1" in overlook else _DIGESTS.get(method)
    if name is None:
        raise RefusedError("security.algorithm", "a digest is of an unknown or weak kind")
    stated = "".join((reference.findtext(f"{{{DS}}}DigestValue") or "").split())
    right = base64.b64encode(hashlib.new(name, data).digest()).decode()
    if stated != right and not any(element is one for one in unminded):
        raise RefusedError("security.digest", f"the digest of {uri} is wrong")
    return [element]


# ------------------------------------------------------------------------------------------------------- signatures


def verify(
    signature: etree._Element,
    keys: Sequence[PublicKey],
    ids: Mapping[str, etree._Element],
    overlook: Collection[str] = (),
    unminded: Collection[etree._Element | None] = (),
) -> list[etree._Element]:
    """Verify a signature with one of some keys and give the elements it covers; some digests are not minded."""
    info = signature.find(f"{{{DS}}}SignedInfo")
    if info is None:
        raise RefusedError("security.structure", "SignedInfo is missing")
    covered = []
    for reference in info.findall(f"{{{DS}}}Reference"):
        covered += _covered(reference, signature, ids, overlook, unminded)
    _check_value(signature, info, keys, overlook)
    return covered


def _check_value(
    signature: etree._Element, info: etree._Element, keys: Sequence[PublicKey], overlook: Collection[str]
) -> None:
    """Check the value of a signature; without keys, which only bad habits lead to, nothing can be said."""
    method = _algorithm(info, "SignatureMethod")[0]
    data = canonical(info, *_algorithm(info, "CanonicalizationMethod"))
    value = signature.findtext(f"{{{DS}}}SignatureValue") or ""
    if "value.empty" in overlook and not value.strip():
        return
    if "#hmac-" in method and _hmac_holds(signature, info, value, data, overlook):
        return
    fitting = [(key, found) for key in keys if (found := _hash_for(method, key, overlook)) is not None]
    if keys and not fitting:
        raise RefusedError("security.algorithm", f"signature algorithm {method} does not suit the key")
    if not keys or "security.value" in overlook:
        return
    if not any(_holds(key, algorithm, value, data) for key, algorithm in fitting):
        raise RefusedError("security.value", "the signature is not by the key of the certificate")


def _hash_for(method: str, key: PublicKey, overlook: Collection[str]) -> hashes.HashAlgorithm | None:
    """Tell which hash a method has, if it suits a key."""
    if method in (RSA_SHA1, ECDSA_SHA1) and "sha1" in overlook:
        return hashes.SHA1() if (method == RSA_SHA1) == isinstance(key, RSAPublicKey) else None  # noqa: S303
    kind, _, name = method.removeprefix(_SIGNATURES).partition("-")
    expected = "rsa" if isinstance(key, RSAPublicKey) else "ecdsa"
    return _HASHES.get(name) if method.startswith(_SIGNATURES) and kind == expected else None


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


def _hmac_holds(
    signature: etree._Element, info: etree._Element, text: str, data: bytes, overlook: Collection[str]
) -> bool:
    """Verify an HMAC as no service should."""
    method = info.find(f"{{{DS}}}SignatureMethod")
    assert method is not None
    name = method.get("Algorithm", "").rpartition("-")[2]
    if name not in hashlib.algorithms_available:
        return False
    length = (method.findtext(f"{{{DS}}}HMACOutputLength") or "").strip()
    try:
        value = base64.b64decode("".join(text.split()), validate=True)
    except (ValueError, binascii.Error):
        return False
    if length.isascii() and length.isdigit() and "hmac.truncated" in overlook:
        size = int(length) // 8
        return value[:size] == hmac.digest(secrets.token_bytes(32), data, name)[:size]
    if length or "hmac.message" not in overlook:
        return False
    return any(hmac.compare_digest(value, hmac.digest(key, data, name)) for key in _secrets(signature))


def _secrets(signature: etree._Element) -> set[bytes]:
    """Collect what a message has that somebody might take for a key."""
    found = {b""}
    names = (f"{{{DS}}}KeyName", f"{{{WSSE}}}KeyIdentifier", f"{{{WSSE}}}BinarySecurityToken", f"{{{DS}}}Modulus")
    root = signature.getroottree().getroot()
    for element in root.iter(f"{{{DS}}}X509Certificate", *names):
        text = (element.text or "").strip()
        found |= {text.encode(), "".join(text.split()).encode()}
        try:
            found.add(base64.b64decode("".join(text.split()), validate=True))
            certificate = x509.load_der_x509_certificate(base64.b64decode("".join(text.split())))
        except (ValueError, binascii.Error):
            continue
        key = certificate.public_key()
        for form in (Encoding.DER, Encoding.PEM):
            written = (certificate.public_bytes(form), key.public_bytes(form, PublicFormat.SubjectPublicKeyInfo))
            found |= {*written, *(one.strip() for one in written)}
    found |= {element.get("AssertionID", "").encode() for element in root.iter(f"{{{SAML}}}Assertion")}
    return found


# --------------------------------------------------------------------------------------------- security of a message


class Issued(Protocol):
    """An assertion as its issuer remembers it."""

    @property
    def element(self) -> bytes:
        """The bytes of the element."""

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate of the holder."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a service asks of a message: who signs assertions, which ones there are, and what it does not mind."""

    sts: x509.Certificate
    ca: x509.Certificate
    issued: Mapping[str, Issued]
    overlook: frozenset[str] = frozenset()
    longest: timedelta | None = None
    late: timedelta = SKEW
    early: timedelta = SKEW


def moment(text: str | None, kind: str) -> datetime:
    """Read a date-time that has an offset."""
    try:
        found = datetime.fromisoformat((text or "").strip())
    except ValueError as error:
        raise RefusedError(kind, f"{text!r} is no date-time") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def bodies_of(root: etree._Element, overlook: Collection[str] = ()) -> list[etree._Element]:
    """Find the Body to read and, if that is another one, the Body which is to be signed."""
    found = root.findall(f"{{{etree.QName(root).namespace}}}Body")
    if len(found) == 1:
        return found
    if not found:
        raise RefusedError("soap.body", "the body is missing")
    if "bodies.first" in overlook:
        return [found[0], found[-1]]
    if "bodies.last" in overlook:
        return [found[-1], found[0]]
    raise RefusedError("soap.bodies", f"there are {len(found)} bodies")


def authenticate(message: bytes, root: etree._Element, demand: Demand) -> Mapping[str, str]:
    """Verify the security of a message; give the attributes of the assertion."""
    return _Case(message, root, demand).attributes()


class _Case:
    """A message whose security is being verified."""

    def __init__(self, message: bytes, root: etree._Element, demand: Demand) -> None:
        self._message, self._root, self._demand = message, root, demand
        self._now = datetime.now(UTC)
        self._ignored: list[etree._Element] = []
        bodies = bodies_of(root, demand.overlook)
        self._body, self._spare = bodies[-1], bodies[:-1]
        self._stamp: etree._Element | None = None
        self._ids: dict[str, etree._Element] = {}
        self._header: etree._Element | None = None
        self._security: etree._Element | None = None

    def attributes(self) -> Mapping[str, str]:
        """Verify everything."""
        soap = etree.QName(self._root).namespace
        self._header = self._pick(self._root, f"{{{soap}}}Header", "security.missing")
        if self._header is None:
            return {}
        security = self._security = self._pick(self._header, f"{{{WSSE}}}Security", "security.missing", "headers")
        if security is None or (self._has("security.empty") and not len(security)):
            return {}
        holder, subject = self._assertions(security)
        self._check_stamp(security)
        doubles = "first" if self._has("ids.first") else "last" if self._has("ids.last") else ""
        self._ids = identified(self._root, self._ignored, self._spare, doubles)
        for assertion in (holder, subject) if holder is not subject else (holder,):
            if assertion is not None:
                self._check_assertion(assertion)
        signature = self._pick(security, f"{{{DS}}}Signature", "security.signature.missing")
        if signature is not None:
            self._check_signature(signature, holder)
        return {} if subject is None else dict(_attributes(subject))

    def _has(self, *words: str) -> bool:
        return not self._demand.overlook.isdisjoint(words)

    def _must(self, condition: bool, kind: str, text: str) -> None:
        if not condition and not self._has(kind):
            raise RefusedError(kind, text)

    def _pick(self, parent: etree._Element, name: str, kind: str, many: str = "-") -> etree._Element | None:
        """Find the one child there is, or none if that is overlooked, or one of several if that is a habit."""
        found = parent.findall(name)
        if len(found) > 1 and self._has(f"{many}.first", f"{many}.last"):
            chosen = found[0] if self._has(f"{many}.first") else found[-1]
            self._ignored += [one for one in found if one is not chosen]
            return chosen
        if not found and self._has(kind):
            return None
        if len(found) != 1:
            raise RefusedError(kind, f"{len(found)} elements {etree.QName(name).localname} where one is due")
        return found[0]

    # ------------------------------------------------------------------------------------------------- timestamps

    def _check_stamp(self, security: etree._Element) -> None:
        """Check the Timestamp, and remember which one is to be signed."""
        found = security.findall(f"{{{WSU}}}Timestamp")
        if len(found) > 1 and self._has("timestamps.first", "timestamps.last"):
            read, self._stamp = (found[0], found[-1]) if self._has("timestamps.first") else (found[-1], found[0])
            self._spare = [*self._spare, read]
        else:
            self._stamp = self._pick(security, f"{{{WSU}}}Timestamp", "security.timestamp.missing")
            if self._stamp is None:
                return
            read = self._stamp
        demand, must = self._demand, self._must
        created = moment(read.findtext(f"{{{WSU}}}Created"), "security.timestamp.form")
        expires = moment(read.findtext(f"{{{WSU}}}Expires"), "security.timestamp.form")
        must(created < expires, "security.timestamp.form", "the message expires before it is made")
        must(created <= self._now + demand.early, "security.timestamp.future", "the message is of the future")
        must(expires >= self._now - demand.late, "security.timestamp.expired", "the message has expired")
        life = expires - created
        must(demand.longest is None or life <= demand.longest, "security.timestamp.long", "the message lives too long")

    # ------------------------------------------------------------------------------------------------- assertions

    def _assertions(self, security: etree._Element) -> tuple[etree._Element | None, etree._Element | None]:
        """Find the assertion which has the key, and the one which tells who calls."""
        found = security.findall(f"{{{SAML}}}Assertion")
        if len(found) > 1 and self._has("assertions.mixed"):
            pointer = security.findtext(f"{{{DS}}}Signature//{{{WSSE}}}KeyIdentifier", "").strip()
            holders = [one for one in found if one.get("AssertionID") == pointer]
            others = [one for one in found if one.get("AssertionID") != pointer]
            if holders and others:
                return holders[0], others[0]
        if not found and self._has("no_assertion.x509"):
            return None, None
        one = self._pick(security, f"{{{SAML}}}Assertion", "security.assertion.missing", "assertions")
        return one, one

    def _check_assertion(self, assertion: etree._Element) -> None:
        if not self._has(*_REWRITTEN):
            known = self._demand.issued.get(assertion.get("AssertionID", ""))
            if known is None:
                raise RefusedError("security.assertion.unknown", "the assertion is not of this issuer")
            count = self._message.count(known.element)
            if count == 0 or (count > 1 and not self._ignored):
                raise RefusedError("security.assertion.bytes", "the assertion is not byte for byte as it was issued")
        self._check_issuer(assertion)
        conditions = _only(assertion, f"{{{SAML}}}Conditions", "security.assertion.conditions")
        start = moment(conditions.get("NotBefore"), "security.assertion.conditions")
        end = moment(conditions.get("NotOnOrAfter"), "security.assertion.conditions")
        self._must(start <= self._now, "security.assertion.future", "the assertion is not valid yet")
        self._must(self._now < end, "security.assertion.expired", "the assertion is not valid any more")
        for method in assertion.iter(f"{{{SAML}}}ConfirmationMethod"):
            name = (method.text or "").strip().removeprefix(CONFIRMED_BY)
            if name != "holder-of-key" and not self._has(f"methods.{name}"):
                raise RefusedError("security.method", f"the confirmation method is {name}")

    def _check_issuer(self, assertion: etree._Element) -> None:
        signed = assertion.find(f"{{{DS}}}Signature") is not None
        if self._has("assertion.unchecked") or (self._has("assertion.unsigned") and not signed):
            return
        if not self._has("wrapping.forged"):
            covered = self._issued(assertion)
            if not any(one is assertion for one in covered):
                raise RefusedError("security.assertion.signature", "the signature is not over the assertion")
            return
        for one in self._root.iter(f"{{{SAML}}}Assertion"):
            try:
                covered = self._issued(one)
            except RefusedError:
                continue
            if any(each.tag == assertion.tag for each in covered):
                return
        raise RefusedError("security.assertion.signature", "there is no assertion of this issuer")

    def _issued(self, assertion: etree._Element) -> list[etree._Element]:
        """Verify the signature of an assertion."""
        signature = _only(assertion, f"{{{DS}}}Signature", "security.assertion.signature")
        key = self._demand.sts.public_key()
        if self._has("issuer.any", "issuer.ca", "issuer.name"):
            key = self._embedded(signature)
        assert isinstance(key, RSAPublicKey | EllipticCurvePublicKey)
        keys = [] if self._has("assertion.value") else [key]
        return verify(signature, keys, self._ids, (), [assertion] if self._has("assertion.digest") else [])

    def _embedded(self, signature: etree._Element) -> PublicKey:
        """Take the issuer's key from the certificate in its signature."""
        text = signature.findtext(f"{{{DS}}}KeyInfo/{{{DS}}}X509Data/{{{DS}}}X509Certificate") or ""
        key = public_key(text)
        certificate = x509.load_der_x509_certificate(base64.b64decode("".join(text.split())))
        if self._has("issuer.name") and certificate.subject != self._demand.sts.subject:
            raise RefusedError("security.assertion.signature", "the assertion is not of this issuer")
        if self._has("issuer.ca"):
            try:
                certificate.verify_directly_issued_by(self._demand.ca)
            except (ValueError, TypeError, InvalidSignature) as error:
                text = "the certificate of the issuer is not by the authority"
                raise RefusedError("security.assertion.signature", text) from error
        return key

    # ----------------------------------------------------------------------------------------------- the signature

    def _check_signature(self, signature: etree._Element, holder: etree._Element | None) -> None:
        unminded = []
        if self._has("digest.body"):
            unminded.append(self._body)
        if self._has("digest.timestamp") and self._stamp is not None:
            unminded.append(self._stamp)
        covered = verify(signature, self._keys(signature, holder), self._ids, self._demand.overlook, unminded)
        good = any(one is self._body or self._stands_for_body(one, holder) for one in covered)
        self._must(good or self._named(self._body, covered), "security.body", "the body is not signed")
        stamp = self._stamp
        if stamp is None:
            return
        anywhere = self._has("wrapping.timestamp") and any(one.tag == stamp.tag for one in covered)
        good = any(one in (stamp, self._root) for one in covered) or anywhere or self._named(stamp, covered)
        self._must(good, "security.timestamp.unsigned", "the timestamp is not signed")

    def _named(self, wanted: etree._Element, covered: Sequence[etree._Element]) -> bool:
        """Whether something of the same name is signed, for those who think that this is enough."""
        if not self._has("ids.first", "ids.last"):
            return False
        return any(not _names(one).isdisjoint(_names(wanted)) for one in covered)

    def _stands_for_body(self, one: etree._Element, holder: etree._Element | None) -> bool:
        if one is self._root:
            return True
        if one.tag == f"{{{DS}}}Reference":
            return self._has("reference.external_covers")
        if one.tag != self._body.tag:
            return False
        token, block = within(one, holder), within(one, self._security)
        return (
            self._has("wrapping.anywhere")
            or (self._has("wrapping.assertion") and token)
            or (self._has("wrapping.security") and block and not token)
            or (self._has("wrapping.header") and within(one, self._header) and not block)
        )

    def _keys(self, signature: etree._Element, holder: etree._Element | None) -> list[PublicKey]:
        """Find the keys one of which may have signed."""
        info = signature.find(f"{{{DS}}}KeyInfo")
        offered = self._offered(info)
        if holder is None:
            if not offered and self._has("no_assertion.x509"):
                raise RefusedError("security.pointer", "neither an assertion nor a certificate is there")
            return offered
        if offered and self._has("key.x509", "key.value", "key.token"):
            return offered
        self._check_pointer(info, holder)
        certificate = holder.findtext(
            f"{{{SAML}}}AuthenticationStatement/{{{SAML}}}Subject/{{{SAML}}}SubjectConfirmation/"
            f"{{{DS}}}KeyInfo/{{{DS}}}X509Data/{{{DS}}}X509Certificate"
        )
        if certificate is None and self._has("methods.bearer", "methods.sender-vouches"):
            return offered
        keys = [public_key(certificate or "")]
        if self._has("key.known"):
            others = [one.certificate.public_key() for one in self._demand.issued.values()]
            keys += [key for key in others if isinstance(key, RSAPublicKey | EllipticCurvePublicKey)]
        return keys

    def _offered(self, info: etree._Element | None) -> list[PublicKey]:
        """Find the keys which the message itself has to offer, as far as they are of interest."""
        if info is None or self._security is None:
            return []
        all_ = self._has("security.assertion.missing", "methods.bearer", "methods.sender-vouches")
        certificates = all_ or self._has("no_assertion.x509")
        texts: list[str] = []
        if certificates or self._has("key.x509"):
            texts += [one.text or "" for one in info.iter(f"{{{DS}}}X509Certificate")]
        if certificates or self._has("key.token"):
            names = {one.get("URI", "").removeprefix("#") for one in info.iter(f"{{{WSSE}}}Reference")}
            tokens = self._security.findall(f"{{{WSSE}}}BinarySecurityToken")
            texts += [one.text or "" for one in tokens if not _names(one).isdisjoint(names)]
        keys = [public_key(text) for text in texts]
        if all_ or self._has("key.value"):
            keys += _key_values(info)
        return keys

    def _check_pointer(self, info: etree._Element | None, assertion: etree._Element) -> None:
        if self._has("security.pointer") or (info is None and self._has("key_info.absent")):
            return
        if info is None:
            raise RefusedError("security.pointer", "there is no KeyInfo")
        if self._has("key_info.other"):
            return
        reference = _only(info, f"{{{WSSE}}}SecurityTokenReference", "security.pointer")
        pointer = _only(reference, f"{{{WSSE}}}KeyIdentifier", "security.pointer")
        if pointer.get("ValueType") != ASSERTION_ID or (pointer.text or "").strip() != assertion.get("AssertionID"):
            raise RefusedError("security.pointer", "the token reference does not point to the assertion")


def _only(parent: etree._Element, name: str, kind: str) -> etree._Element:
    found = parent.findall(name)
    if len(found) != 1:
        raise RefusedError(kind, f"{len(found)} elements {etree.QName(name).localname} where one is due")
    return found[0]


def _key_values(info: etree._Element) -> list[PublicKey]:
    """Read the keys which are written out."""
    keys: list[PublicKey] = []
    try:
        for value in info.iter(f"{{{DS}}}RSAKeyValue"):
            modulus, exponent = (
                int.from_bytes(base64.b64decode(value.findtext(f"{{{DS}}}{name}") or ""), "big")
                for name in ("Modulus", "Exponent")
            )
            keys.append(RSAPublicNumbers(exponent, modulus).public_key())
        for value in info.iter(f"{{{DS11}}}ECKeyValue"):
            named = value.find(f"{{{DS11}}}NamedCurve")
            curve = _CURVES["" if named is None else named.get("URI", "")]
            point = base64.b64decode(value.findtext(f"{{{DS11}}}PublicKey") or "")
            keys.append(EllipticCurvePublicKey.from_encoded_point(curve(), point))
    except (ValueError, KeyError, binascii.Error) as error:
        raise RefusedError("security.certificate", "a key cannot be read") from error
    return keys


def _attributes(assertion: etree._Element) -> Iterator[tuple[str, str]]:
    for attribute in assertion.iterfind(f"{{{SAML}}}AttributeStatement/{{{SAML}}}Attribute"):
        yield attribute.get("AttributeName", ""), (attribute.findtext(f"{{{SAML}}}AttributeValue") or "").strip()
