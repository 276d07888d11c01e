"""SAML 1.1 Holder-of-Key assertions: what one says, and whether its signature holds.

Must not decide what the attributes are worth to a service, nor read a clock.
"""

import copy
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from conformance.model.errors import ConformanceError
from conformance.soap.markup import Element, XmlError, children, parse, text
from conformance.soap.names import CERTIFIED, DS, HOLDER_OF_KEY, IDENTIFICATION, SAML
from conformance.soap.security.certificates import has_issued, read_certificate
from conformance.soap.security.extraction import (
    TakingError,
    UnsupportedTokenError,
    bare,
    taken_out,
)
from conformance.soap.security.key_info import KeyInfoError, NamedKey, read_key_info
from conformance.soap.security.wss import (
    ASSERTION,
    SAML_ID,
    SignatureError,
    references,
    verify,
)

_MOST_CONFIRMATIONS: Final = 20
"""Confirmations of a subject that are looked at; there is one a statement."""
_BOOLEAN = ":boolean"
_BASE64: Final = re.compile(rb"\s*(?:PD94bWwg|PHNhbW|PEFzc2Vy|PHNvYX)[A-Za-z0-9+/\s]+")
"""How `<?xml `, `<sam`, `<Asser` and `<soa` begin in base64."""
_CERTIFICATE_HOLDER = ":certificateholder:"


class SamlError(ConformanceError):
    """Bytes are not a SAML 1.1 assertion that can be used here."""


class UnsupportedAssertionError(SamlError):
    """An assertion is of another version, or encrypted: its issuer has to give another one."""


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
    """A SAML 1.1 assertion; `data` is exactly what was issued, `named` all that it names its holder's key by.

    `audiences` are those for whom it is meant, by condition: one of each condition has to be the service.
    """

    data: bytes = field(repr=False)
    id: str
    issuer: str
    issued: datetime | None
    not_before: datetime | None
    not_on_or_after: datetime | None
    subject: str
    methods: tuple[str, ...]
    named: NamedKey
    attributes: tuple[Attribute, ...]
    audiences: tuple[tuple[str, ...], ...] = ()

    @property
    def holder(self) -> bytes:
        """Return the key of the holder (SubjectPublicKeyInfo, DER), b"" where it is not named by itself."""
        return next(iter(self.named.public_keys), b"")

    @property
    def certificate(self) -> bytes:
        """Return the certificate of the holder as DER, b"" where the assertion brings none."""
        certificates = self.named.certificates
        return certificates[0].public_bytes(Encoding.DER) if certificates else b""

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
        exact = bare(root, data) if root.tag == ASSERTION else taken_out(root, data)
        return read_element(parse(exact), exact)
    except UnsupportedTokenError as error:
        raise UnsupportedAssertionError(str(error)) from None
    except (XmlError, TakingError) as error:
        is_base64 = _BASE64.match(data) is not None
        words = "it is encoded in base64; save it decoded" if is_base64 else str(error)
        raise SamlError(words) from None


def read_element(root: Element, data: bytes) -> Assertion:
    """Return what an Assertion element says; `data` is the bytes it came from.

    The content of its signature is ignored: no signature covers itself, so an attacker may have put it there.
    """
    root = copy.deepcopy(root)
    for signature in root.findall(f"{{{DS}}}Signature"):
        root.remove(signature)
    conditions = root.find(f"{{{SAML}}}Conditions")
    return Assertion(
        data=data,
        id=root.get(SAML_ID, ""),
        issuer=root.get("Issuer", ""),
        issued=read_moment(root.get("IssueInstant")),
        not_before=read_moment(conditions.get("NotBefore"))
        if conditions is not None
        else None,
        not_on_or_after=read_moment(conditions.get("NotOnOrAfter"))
        if conditions is not None
        else None,
        subject=next(
            (text(element) for element in root.iter(f"{{{SAML}}}NameIdentifier")), ""
        ),
        methods=tuple(
            text(element) for element in root.iter(f"{{{SAML}}}ConfirmationMethod")
        ),
        named=_holder(root),
        attributes=tuple(
            _attribute(element) for element in root.iter(f"{{{SAML}}}Attribute")
        ),
        audiences=_audiences(conditions) if conditions is not None else (),
    )


def _audiences(conditions: Element) -> tuple[tuple[str, ...], ...]:
    """Return the audiences of each condition (SAML 1.1 core, section 2.3.2.1.2)."""
    rows = conditions.findall(f"{{{SAML}}}AudienceRestrictionCondition")
    return tuple(
        tuple(text(audience) for audience in row.findall(f"{{{SAML}}}Audience"))
        for row in rows
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
        if not any(has_issued(authority, signer) for authority in trusted):
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


def _signer(signature: Element) -> x509.Certificate:
    named = signature.find(f"{{{DS}}}KeyInfo/{{{DS}}}X509Data/{{{DS}}}X509Certificate")
    return _certificate(text(named) if named is not None else "")


def _certificate(encoded: str) -> x509.Certificate:
    certificate = read_certificate(encoded)
    if certificate is None:
        raise SamlError("a certificate in it cannot be read")
    return certificate


def _holder(root: Element) -> NamedKey:
    """Return by what the first subject that is confirmed by a key names that key."""
    confirmations = root.iter(f"{{{SAML}}}SubjectConfirmation")
    for confirmation in islice(confirmations, _MOST_CONFIRMATIONS):
        methods = [
            text(element)
            for element in confirmation.iter(f"{{{SAML}}}ConfirmationMethod")
        ]
        named = _key(confirmation) if HOLDER_OF_KEY in methods else NamedKey()
        if named:
            return named
    return NamedKey()


def _key(confirmation: Element) -> NamedKey:
    try:
        return read_key_info(confirmation)
    except KeyInfoError as error:
        raise SamlError(str(error)) from None


def _attribute(element: Element) -> Attribute:
    values: Iterable[Element] = element.iter(f"{{{SAML}}}AttributeValue")
    return Attribute(
        element.get("AttributeName", ""),
        element.get("AttributeNamespace", ""),
        tuple(text(value) for value in values),
    )


_MIDNIGHT: Final = re.compile(r"(?<=T)24(?=:00:00(\.0+)?(Z|[+-]\d\d:\d\d)?$)")
"""The end of a day, which is the beginning of the next (XML Schema 1.0, part 2, section 3.2.7.1)."""


def read_moment(written: str | None) -> datetime | None:
    """Return an xs:dateTime in UTC, None for what is none; without zone it is in UTC (SAML 1.1 core, section 1.2.2)."""
    usual, is_midnight = _MIDNIGHT.subn("00", (written or "").strip())
    try:
        moment = datetime.fromisoformat(usual) + timedelta(days=is_midnight)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def element_of(assertion: Assertion) -> Element:
    """Return an assertion as an element of a document of its own."""
    return parse(assertion.data)
