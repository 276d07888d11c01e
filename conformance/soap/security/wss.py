"""Signs and verifies parts of a SOAP message by XML Signature, as WS-Security has it.

The only home of the xmlsec library. A signature is verified only over parts of the document itself, by algorithms of a
list. Must not know whose key it is, nor what a message says.
"""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import xmlsec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509 import Certificate
from lxml import etree

from conformance.model.errors import ConformanceError
from conformance.soap.markup import Element, children
from conformance.soap.names import (
    BASE64,
    DS,
    DS_MORE07,
    ECDSA_SHA256,
    ENVELOPED,
    EXCLUSIVE,
    INCLUSIVE,
    INCLUSIVE11,
    RSA_SHA256,
    SAML,
    SAML_ASSERTION_ID,
    SAML_TOKEN,
    SHA256,
    WITH_COMMENTS,
    WSSE,
    WSSE11,
    WSU,
    X509_TOKEN,
)

WSU_ID: Final = f"{{{WSU}}}Id"
_SHA384, _SHA512 = (
    "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512",
)
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"

STRONG: Final = frozenset(
    {
        *(RSA_SHA256, f"{_MORE}rsa-sha384", f"{_MORE}rsa-sha512"),
        *(ECDSA_SHA256, f"{_MORE}ecdsa-sha384", f"{_MORE}ecdsa-sha512"),
    }
)
"""Signature algorithms that are accepted; SHA-1 and keyed hashes are not among them."""
DIGESTS: Final = frozenset({SHA256, _SHA384, _SHA512})
CANONICAL: Final = frozenset({EXCLUSIVE})
_BROKEN: Final = re.compile(r"(?:md5|sha1|ripemd160)$", re.IGNORECASE)
"""How the names of algorithms end whose digests collide."""
_NOTHING_MORE: Final = "failed to verify"
_PEM: Final = b"-----BEGIN PUBLIC KEY"
_SIGNATURE = [f"{{{DS}}}{name}" for name in ("SignedInfo", "SignatureValue", "KeyInfo")]
"""A Signature's members; an Object, which may have a Manifest with references to anywhere, is not among them."""


class SignatureError(ConformanceError):
    """A signature is missing, does not hold, or covers its parts in a way that is not accepted."""


class UnfitSignatureError(SignatureError):
    """A signature is made in a way that no service takes, be it whole or not: by a weak algorithm, or not by an id."""


class UncheckedSignatureError(SignatureError):
    """A signature uses an algorithm that is not checked here: it may hold or not."""


@dataclass(frozen=True, slots=True)
class Algorithms:
    """The algorithms that are accepted in a signature: of SignedInfo's form, of transforms, signatures, digests."""

    canonical: frozenset[str] = CANONICAL
    transforms: frozenset[str] = CANONICAL | {ENVELOPED}
    signatures: frozenset[str] = STRONG
    digests: frozenset[str] = DIGESTS


STRICT: Final = Algorithms()
"""What the platform takes in a message."""
_FORMS: Final = frozenset(
    {
        *(EXCLUSIVE, f"{EXCLUSIVE}{WITH_COMMENTS}"),
        *(INCLUSIVE, f"{INCLUSIVE}#{WITH_COMMENTS}"),
        *(INCLUSIVE11, f"{INCLUSIVE11}#{WITH_COMMENTS}"),
    }
)
LEGAL: Final = Algorithms(
    canonical=_FORMS,
    transforms=_FORMS | {ENVELOPED},
    signatures=STRONG | {f"{DS_MORE07}sha{bits}-rsa-MGF1" for bits in (256, 384, 512)},
)
"""What an issuer may sign an assertion by, whatever the platform does (XML Signature 1.1, section 6)."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key made ready for signing, and the certificate that belongs to it."""

    certificate: Certificate
    algorithm: str
    key: xmlsec.Key = field(repr=False)
    private: RSAPrivateKey | EllipticCurvePrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reference:
    """What a signature says of one part: its id, its transforms and its digest algorithm."""

    part: str
    transforms: tuple[str, ...]
    digest: str


def make_signer(
    key: RSAPrivateKey | EllipticCurvePrivateKey, certificate: Certificate
) -> Signer:
    """Return a signer for an RSA or EC key: rsa-sha256 or ecdsa-sha256, as the platform's clients sign."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    algorithm = RSA_SHA256 if isinstance(key, RSAPrivateKey) else ECDSA_SHA256
    return Signer(
        certificate,
        algorithm,
        xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatPem),
        key,
    )


def timestamp(created: datetime, lifetime: timedelta, name: str) -> Element:
    """Return a Timestamp (WS-Security 1.1, section 10) in UTC with milliseconds, of a lifetime, with a wsu:Id."""
    element = etree.Element(f"{{{WSU}}}Timestamp", {WSU_ID: name}, nsmap={"wsu": WSU})
    for tag, moment in (("Created", created), ("Expires", created + lifetime)):
        etree.SubElement(element, f"{{{WSU}}}{tag}").text = instant(moment)
    return element


def instant(moment: datetime) -> str:
    """Return a time as WS-Security and SAML write it: in UTC, with milliseconds and Z."""
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def assertion_reference(assertion: str) -> Element:
    """Return a SecurityTokenReference to a SAML 1.1 assertion by its id (SAML Token Profile 1.1, section 3.3)."""
    reference = etree.Element(
        f"{{{WSSE}}}SecurityTokenReference",
        {f"{{{WSSE11}}}TokenType": SAML_TOKEN},
        nsmap={"wsse": WSSE, "wsse11": WSSE11},
    )
    etree.SubElement(
        reference, f"{{{WSSE}}}KeyIdentifier", ValueType=SAML_ASSERTION_ID
    ).text = assertion
    return reference


def token_reference(token: str) -> Element:
    """Return a SecurityTokenReference to a BinarySecurityToken of the same message (X.509 Token Profile, 3.2)."""
    reference = etree.Element(f"{{{WSSE}}}SecurityTokenReference", nsmap={"wsse": WSSE})
    etree.SubElement(
        reference, f"{{{WSSE}}}Reference", URI=f"#{token}", ValueType=X509_TOKEN
    )
    return reference


def binary_token(certificate: Certificate, name: str) -> Element:
    """Return a BinarySecurityToken with a certificate (X.509 Token Profile 1.1, section 3.1)."""
    element = etree.Element(
        f"{{{WSSE}}}BinarySecurityToken",
        {"EncodingType": BASE64, "ValueType": X509_TOKEN, WSU_ID: name},
        nsmap={"wsse": WSSE, "wsu": WSU},
    )
    element.text = certificate_text(certificate)
    return element


def sign(
    parent: Element, parts: Sequence[Element], signer: Signer, key_info: Element
) -> Element:
    """Append a Signature over parts of the parent's document, each with a wsu:Id, and return it.

    Exclusive canonicalisation without prefixes, SHA-256 digests; KeyInfo holds the reference given.
    """
    covered = [(str(part.get(WSU_ID)), (EXCLUSIVE,)) for part in parts]
    signature = _unsigned(parent, signer, covered, key_info)
    context = xmlsec.SignatureContext()
    context.key = signer.key
    for part in parts:
        context.register_id(part, "Id", WSU)
    context.sign(signature)
    return signature


def sign_enveloped(element: Element, attribute: str, signer: Signer) -> None:
    """Append an enveloped Signature over an element with an id attribute, with the signer's certificate in KeyInfo."""
    covered = [(str(element.get(attribute)), (ENVELOPED, EXCLUSIVE))]
    signature = _unsigned(element, signer, covered, x509_data(signer.certificate))
    context = xmlsec.SignatureContext()
    context.key = signer.key
    context.register_id(element, attribute)
    context.sign(signature)


def x509_data(certificate: Certificate) -> Element:
    """Return an X509Data with a certificate (XML Signature, section 4.4.4)."""
    data = etree.Element(f"{{{DS}}}X509Data", nsmap={"ds": DS})
    etree.SubElement(data, f"{{{DS}}}X509Certificate").text = certificate_text(
        certificate
    )
    return data


def certificate_text(certificate: Certificate) -> str:
    """Return a certificate as X509Certificate holds it: DER in base64."""
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode("ascii")


def verify(
    signature: Element,
    certificate: bytes,
    parts: Mapping[str, Element],
    attribute: str = WSU_ID,
    algorithms: Algorithms = STRICT,
) -> None:
    """Verify a signature, by a certificate in DER or a key in PEM, over parts of its document, known by their ids.

    The ids stand in the attribute given, those of assertions in their own.
    Raises SignatureError where the signature covers anything else, uses what `references` refuses, or does not hold.
    """
    for reference in references(signature, algorithms):
        if reference.part not in parts:
            raise SignatureError(
                f"the signature covers {reference.part!r}, which is no part that it should"
            )
    context = xmlsec.SignatureContext()
    try:
        is_key = certificate.startswith(_PEM)
        form = "KeyDataFormatPem" if is_key else "KeyDataFormatCertDer"
        context.key = xmlsec.Key.from_memory(
            certificate, getattr(xmlsec.constants, form)
        )
        for part in parts.values():
            name = etree.QName(SAML_ID if part.tag == ASSERTION else attribute)
            context.register_id(part, name.localname, name.namespace)
        context.verify(signature)
    except xmlsec.Error as error:
        raise SignatureError(f"the signature does not hold{_more(error)}") from None


def _more(error: xmlsec.Error) -> str:
    """Return what the library says beyond that a signature does not hold."""
    words = str(error.args[-1]) if error.args else ""
    return "" if words in {"", _NOTHING_MORE} else f": {words}"


def references(signature: Element, algorithms: Algorithms = STRICT) -> list[Reference]:
    """Return what a signature covers.

    Raises SignatureError for algorithms that are not listed, for transforms that could select something else, and for
    references to anything but a part of the same document by its id.
    """
    if [child.tag for child in children(signature)] not in (_SIGNATURE[:2], _SIGNATURE):
        raise SignatureError(
            "the signature has other members than SignedInfo, SignatureValue and KeyInfo"
        )
    info = _only(signature, "SignedInfo")
    method = _algorithm(_only(info, "CanonicalizationMethod"))
    if method not in algorithms.canonical:
        raise _refused("canonicalisation", method)
    method = _algorithm(_only(info, "SignatureMethod"))
    if method not in algorithms.signatures:
        raise _refused("signature algorithm", method)
    parts = [
        _reference(element, algorithms)
        for element in children(info)
        if element.tag == f"{{{DS}}}Reference"
    ]
    if not parts:
        raise SignatureError("the signature covers nothing")
    return parts


def identified(root: Element, attributes: Iterable[str]) -> dict[str, Element]:
    """Return the elements of a document by id; raises SignatureError where an id is given twice."""
    elements: dict[str, Element] = {}
    names = tuple(attributes)
    for element in root.iter(etree.Element):
        for value in {element.get(name) for name in names} - {None}:
            if value in elements:
                raise SignatureError(f"the id {value!r} is given twice")
            elements[str(value)] = element
    return elements


def _unsigned(
    parent: Element,
    signer: Signer,
    covered: Sequence[tuple[str, tuple[str, ...]]],
    key_info: Element,
) -> Element:
    """Append a Signature that is yet to be computed over parts, given by id and transforms, and return it."""
    signature = etree.SubElement(parent, f"{{{DS}}}Signature", nsmap={"ds": DS})
    info = etree.SubElement(signature, f"{{{DS}}}SignedInfo")
    etree.SubElement(info, f"{{{DS}}}CanonicalizationMethod", Algorithm=EXCLUSIVE)
    etree.SubElement(info, f"{{{DS}}}SignatureMethod", Algorithm=signer.algorithm)
    for name, transforms in covered:
        _add_reference(info, name, transforms)
    etree.SubElement(signature, f"{{{DS}}}SignatureValue")
    etree.SubElement(signature, f"{{{DS}}}KeyInfo").append(key_info)
    return signature


_BARE_NAME: Final = re.compile(r"#[^(]+")
"""A reference to a part by its id; XPointer functions have parentheses (XML Signature, section 4.3.3.3)."""


def _add_reference(info: Element, name: str, transforms: Sequence[str]) -> None:
    reference = etree.SubElement(info, f"{{{DS}}}Reference", URI=f"#{name}")
    listed = etree.SubElement(reference, f"{{{DS}}}Transforms")
    for algorithm in transforms:
        etree.SubElement(listed, f"{{{DS}}}Transform", Algorithm=algorithm)
    etree.SubElement(reference, f"{{{DS}}}DigestMethod", Algorithm=SHA256)
    etree.SubElement(reference, f"{{{DS}}}DigestValue")


def _reference(element: Element, algorithms: Algorithms) -> Reference:
    uri = element.get("URI")
    if uri is None or not _BARE_NAME.fullmatch(uri):
        raise UnfitSignatureError(
            f"the signature refers to {uri!r} instead of a part of the message by its id"
        )
    listed = element.find(f"{{{DS}}}Transforms")
    nodes = children(listed) if listed is not None else ()
    transforms = tuple(map(_algorithm, nodes))
    for transform in transforms:
        if transform not in algorithms.transforms:
            raise _refused("transform", transform)
    digest = _algorithm(_only(element, "DigestMethod"))
    if digest not in algorithms.digests:
        raise _refused("digest algorithm", digest)
    return Reference(uri[1:], transforms, digest)


def _refused(sort: str, algorithm: str) -> SignatureError:
    kind = UnfitSignatureError if _BROKEN.search(algorithm) else UncheckedSignatureError
    return kind(f"the {sort} {algorithm!r} is not accepted")


def _only(element: Element, name: str) -> Element:
    nodes = element.findall(f"{{{DS}}}{name}")
    if len(nodes) != 1:
        raise SignatureError(f"the signature has {len(nodes)} {name} instead of one")
    return nodes[0]


def _algorithm(element: Element) -> str:
    return element.get("Algorithm", "")


SAML_ID: Final = "AssertionID"
"""The attribute that identifies a SAML 1.1 assertion, in no namespace."""
ASSERTION: Final = f"{{{SAML}}}Assertion"
