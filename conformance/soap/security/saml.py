"""SAML 1.1 Holder-of-Key assertions: what one says, and whether its signature holds.

Must not decide what the attributes are worth to a service, nor read a clock.
"""

import base64
import binascii
import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from conformance.model.errors import ConformanceError
from conformance.soap.markup import (
    Element,
    XmlError,
    children,
    local,
    parse,
    slice_element,
    text,
)
from conformance.soap.names import CERTIFIED, DS, HOLDER_OF_KEY, IDENTIFICATION, SAML
from conformance.soap.security.wss import (
    ASSERTION,
    SAML_ID,
    SignatureError,
    references,
    verify,
)

_BOOLEAN = ":boolean"
_CERTIFICATE_HOLDER = ":certificateholder:"


class SamlError(ConformanceError):
    """Bytes are not a SAML 1.1 assertion that can be used here."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of an assertion: name, namespace and values, as printed."""

    name: str
    namespace: str
    values: tuple[str, ...]

    @property
    def certified(self) -> bool:
        """Tell whether the platform vouches for it; one public client spells the namespace without a hyphen."""
        return self.namespace.replace("-", "") == CERTIFIED.replace("-", "")

    def problem(self) -> str:
        """Return why a certified attribute gives no access, "" where it does."""
        values = [value for value in self.values if value]
        if not self.boolean:
            return "" if values else f"{self.name} is empty"
        if values and set(values) == {"true"}:
            return ""
        return f"{self.name} is {', '.join(values) or 'empty'} instead of true"

    @property
    def boolean(self) -> bool:
        """Tell whether its value is true or false, as its name says."""
        return self.name.endswith(_BOOLEAN)


@dataclass(frozen=True, slots=True)
class Assertion:
    """A SAML 1.1 assertion; `data` is exactly what was issued, `holder` the key named (SubjectPublicKeyInfo, DER).

    `holder` is empty where the assertion names no key; `certificate` where it names one without certificate.
    """

    data: bytes = field(repr=False)
    id: str
    issuer: str
    issued: datetime | None
    not_before: datetime | None
    not_on_or_after: datetime | None
    subject: str
    methods: tuple[str, ...]
    holder: bytes
    certificate: bytes
    attributes: tuple[Attribute, ...]

    def time_problem(self, now: datetime, tolerance: float = 0.0) -> str:
        """Return why an assertion does not hold at a time, give or take some seconds; "" where it does."""
        if (
            self.not_on_or_after is not None
            and (now - self.not_on_or_after).total_seconds() >= tolerance
        ):
            return f"it expired at {self.not_on_or_after:%Y-%m-%dT%H:%M:%SZ}"
        if (
            self.not_before is not None
            and (self.not_before - now).total_seconds() > tolerance
        ):
            return f"it holds only from {self.not_before:%Y-%m-%dT%H:%M:%SZ}"
        return ""

    def attribute_problems(self) -> list[str]:
        """Return which certified attributes keep a service from accepting it (cookbooks, "Use of the eHealth SSO")."""
        certified = (row for row in self.attributes if row.certified)
        return [problem for row in certified if (problem := row.problem())]

    def identity(self, *endings: str) -> str:
        """Return the value of an identification attribute whose name ends so, "" for none.

        The certificate's holder counts only where no other person is named: a mandate holder acts for another.
        """
        named = [
            attribute
            for attribute in self.attributes
            if attribute.namespace == IDENTIFICATION and attribute.values
        ]
        named.sort(key=lambda one: _CERTIFICATE_HOLDER in one.name)
        return next(
            (
                attribute.values[0]
                for ending in endings
                for attribute in named
                if attribute.name.endswith(ending)
            ),
            "",
        )


def read_assertion(data: bytes) -> Assertion:
    """Return what a document that is an assertion, or holds one, says; its bytes are kept as they are.

    Raises SamlError.
    """
    try:
        root = parse(data)
        if b"\0" in data:
            raise SamlError(
                "it is encoded in UTF-16; save it as UTF-8, exactly as it was issued"
            )
        exact = (
            data if root.tag == ASSERTION else slice_element(data, "Assertion", SAML)
        )
        if exact is None:
            raise SamlError("there is no SAML 1.1 assertion in it")
        exact = _bare(exact)
        return read_element(parse(exact), exact)
    except XmlError as error:
        raise SamlError(str(error)) from None


def read_element(root: Element, data: bytes) -> Assertion:
    """Return what an Assertion element says; `data` is the bytes it came from.

    The content of its signature is ignored: no signature covers itself, so an attacker may have put it there.
    """
    root = copy.deepcopy(root)
    for signature in root.findall(f"{{{DS}}}Signature"):
        root.remove(signature)
    conditions = root.find(f"{{{SAML}}}Conditions")
    certificate, holder = _holder(root)
    return Assertion(
        data=data,
        id=root.get(SAML_ID, ""),
        issuer=root.get("Issuer", ""),
        issued=_moment(root.get("IssueInstant")),
        not_before=_moment(conditions.get("NotBefore"))
        if conditions is not None
        else None,
        not_on_or_after=_moment(conditions.get("NotOnOrAfter"))
        if conditions is not None
        else None,
        subject=next(
            (text(element) for element in root.iter(f"{{{SAML}}}NameIdentifier")), ""
        ),
        methods=tuple(
            text(element) for element in root.iter(f"{{{SAML}}}ConfirmationMethod")
        ),
        holder=holder,
        certificate=certificate,
        attributes=tuple(
            _attribute(element) for element in root.iter(f"{{{SAML}}}Attribute")
        ),
    )


def signature_problem(root: Element, trusted: Sequence[x509.Certificate]) -> str:
    """Return why an assertion's own signature does not hold, "" where it does.

    The signer's certificate must be one of the trusted ones, or issued by one of them.
    """
    signatures = [
        child for child in children(root) if child.tag == f"{{{DS}}}Signature"
    ]
    if len(signatures) != 1:
        return f"it has {len(signatures)} signatures instead of one"
    try:
        signer = _signer(signatures[0])
        if not any(_issued(signer, authority) for authority in trusted):
            return f"it is signed by {signer.subject.rfc4514_string()!r}, which is not trusted"
        covered = references(signatures[0])
        if [reference.part for reference in covered] != [root.get(SAML_ID)]:
            return "its signature covers something else than the whole assertion"
        verify(
            signatures[0],
            signer.public_bytes(Encoding.DER),
            {root.get(SAML_ID, ""): root},
            SAML_ID,
        )
    except (SignatureError, SamlError) as error:
        return str(error)
    return ""


def signer_certificate(root: Element) -> x509.Certificate | None:
    """Return the certificate that an assertion's signature names, or None."""
    signature = root.find(f"{{{DS}}}Signature")
    try:
        return _signer(signature) if signature is not None else None
    except SamlError:
        return None


def public_key(certificate: x509.Certificate) -> bytes:
    """Return a certificate's public key as DER (SubjectPublicKeyInfo), as `Assertion.holder` has it."""
    return certificate.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )


def read_certificate(encoded: str) -> x509.Certificate | None:
    """Return a certificate in base64, all of which can be read; the library reads it only when it is asked for."""
    try:
        certificate = x509.load_der_x509_certificate(
            base64.b64decode("".join(encoded.split()), validate=True)
        )
        _ = (
            public_key(certificate),
            certificate.subject,
            certificate.issuer,
            certificate.not_valid_after_utc,
        )
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        return None
    return certificate


def _bare(data: bytes) -> bytes:
    """Return a document without byte order mark, XML declaration and what stands around its root."""
    element_bytes = slice_element(data, "Assertion", SAML)
    if element_bytes is None:
        raise SamlError("there is no SAML 1.1 assertion in it")
    encoding = parse(data).getroottree().docinfo.encoding or "UTF-8"
    if (
        encoding.upper() not in ("UTF-8", "US-ASCII", "ASCII")
        and not element_bytes.isascii()
    ):
        raise SamlError(
            f"it is encoded in {encoding}; save it as UTF-8, exactly as it was issued"
        )
    return element_bytes


def _signer(signature: Element) -> x509.Certificate:
    named = signature.find(f"{{{DS}}}KeyInfo/{{{DS}}}X509Data/{{{DS}}}X509Certificate")
    return _certificate(text(named) if named is not None else "")


def _certificate(encoded: str) -> x509.Certificate:
    certificate = read_certificate(encoded)
    if certificate is None:
        raise SamlError("a certificate in it cannot be read")
    return certificate


def _issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    if certificate == authority:
        return True
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _holder(root: Element) -> tuple[bytes, bytes]:
    """Return certificate and public key of the holder, as DER; both empty where none is named."""
    for confirmation in root.iter(f"{{{SAML}}}SubjectConfirmation"):
        methods = [
            text(element)
            for element in confirmation.iter(f"{{{SAML}}}ConfirmationMethod")
        ]
        if HOLDER_OF_KEY not in methods:
            continue
        encoded = next(
            (
                text(element)
                for element in confirmation.iter(f"{{{DS}}}X509Certificate")
            ),
            "",
        )
        if encoded:
            certificate = _certificate(encoded)
            return certificate.public_bytes(Encoding.DER), public_key(certificate)
        numbers = list(confirmation.iter(f"{{{DS}}}RSAKeyValue"))
        if numbers:
            return b"", _rsa_key(numbers[0])
    return b"", b""


def _rsa_key(element: Element) -> bytes:
    try:
        parts = {
            local(child): int.from_bytes(base64.b64decode(text(child)), "big")
            for child in children(element)
        }
        key = RSAPublicNumbers(parts["Exponent"], parts["Modulus"]).public_key()
    except (ValueError, KeyError, binascii.Error):
        raise SamlError("the key in it cannot be read") from None
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _attribute(element: Element) -> Attribute:
    values: Iterable[Element] = element.iter(f"{{{SAML}}}AttributeValue")
    return Attribute(
        element.get("AttributeName", ""),
        element.get("AttributeNamespace", ""),
        tuple(text(value) for value in values),
    )


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat((text or "").strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def element_of(assertion: Assertion) -> Element:
    """Return an assertion as an element of a document of its own."""
    return parse(assertion.data)
