"""Reviews the certificate and the key of a SOAP caller's key store: form, owner, issuer, validity.

What the platform's certificates look like is known from those in circulation and from its clients' parsers; the periods
are from the eHealth Welcome Pack, section 2. Must not check a certificate's signature nor ask whether it was revoked.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.x509 import Certificate, Name, load_pem_x509_certificates

from conformance.credentials.keystore import KeyStore
from conformance.credentials.secrets import read_file
from conformance.model.errors import SecretError
from conformance.review.credentials.keystores import validity_remarks
from conformance.review.remarks import Remark, Severity
from conformance.review.subject import ReviewSubject
from conformance.target.policy import is_production

RENEWAL: Final = timedelta(days=90)
"""A certificate can be renewed from this time before its end."""
_PERIOD: Final = timedelta(days=3 * 365 + 1)
_MONTH: Final = timedelta(days=31)
_FIXED: Final = (("C", "BE"), ("O", "Federal Government"))
_PLATFORM: Final = "eHealth-platform Belgium"
_OWNER: Final = re.compile(r"([A-Z][A-Z_-]*)=([0-9]+)")
_SMALLEST_RSA: Final = 2048
_CURVES: Final = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_TEST_ISSUER: Final = re.compile(r"\b(test|uat|acceptance)\b", re.IGNORECASE)
_ISSUER: Final = re.compile(r"ehealth issuing ca\b", re.IGNORECASE)
_BEFORE_PRODUCTION: Final = frozenset({"integration", "acceptance"})
_LARGEST_FILE: Final = 2**20


@dataclass(frozen=True, slots=True)
class NamedOwner:
    """The owner that a subject names: type (SSIN, NIHII-HOSPITAL, ...) and number, "" for none; what is odd in it."""

    kind: str
    number: str
    oddities: tuple[str, ...]

    @property
    def identity(self) -> str:
        """Return the kind of number as a target file writes it: ssin, nihii, cbe, ehp, or another."""
        return self.kind.partition("-")[0].lower()


def owner_of(certificate: Certificate) -> NamedOwner:
    """Return whom a certificate of the platform names: OU and CN hold TYPE=number."""
    units = _values(certificate.subject, "OU")
    common_names = _values(certificate.subject, "CN")
    unit = next(filter(None, map(_OWNER.fullmatch, units)), None)
    common = next(filter(None, map(_OWNER.match, common_names)), None)
    oddities = (
        *_fixed_oddities(certificate.subject),
        *_owner_oddities(unit, common),
    )
    owner = unit or common
    if owner is None:
        return NamedOwner("", "", oddities)
    return NamedOwner(owner[1], owner[2], oddities)


def _fixed_oddities(name: Name) -> Iterator[str]:
    """Yield where a subject differs from the parts that all platform certificates share."""
    for attribute, wanted in _FIXED:
        values = _values(name, attribute)
        if values != [wanted]:
            shown = ", ".join(map(repr, values)) or "missing"
            yield f"{attribute} is {shown} instead of {wanted!r}"
    if _PLATFORM not in _values(name, "OU"):
        yield f"no OU is {_PLATFORM!r}"


def _owner_oddities(
    unit: re.Match[str] | None, common: re.Match[str] | None
) -> Iterator[str]:
    """Yield what is odd about the owner that OU and CN name as TYPE=number."""
    if unit is None:
        yield "no OU names the owner as TYPE=number"
    if common is None:
        yield "the CN does not begin with the owner as TYPE=number"
    elif unit is not None and common[0] != unit[0]:
        yield "OU and CN name different owners"


def certificate_remarks(
    subject: ReviewSubject, place: str, store: KeyStore
) -> Iterator[Remark]:
    """Yield what is wrong with a caller's key and certificate, whoever its owner is."""
    problem = _key_problem(store)
    if problem:
        curves = ", ".join(_CURVES.values())
        remedy = f"ask for a certificate on an RSA key of {_SMALLEST_RSA} bits or an EC key ({curves})"
        yield subject.remark(
            "error", "certificate", f"{place}.keystore: {problem}", remedy
        )
    remedy = "renew it in the eHealth Certificate Manager (from 90 days before its end), and put its key store here"
    yield from validity_remarks(subject, place, store.certificate, RENEWAL, remedy)
    if subject.target.local:
        return
    yield from _form_remarks(subject, place, store.certificate)
    yield from _issuer_remarks(subject, place, store.certificate)
    yield from _period_remarks(subject, place, store.certificate)


def read_authorities(path: Path) -> list[Certificate]:
    """Return the certificates of a PEM file; raises SecretError with the file and a remedy."""
    try:
        return load_pem_x509_certificates(read_file(path, _LARGEST_FILE))
    except ValueError:
        raise SecretError(
            f"{path}: not a PEM file of certificates; export the certificate as PEM"
        ) from None


def _key_problem(store: KeyStore) -> str:
    if isinstance(store.key, RSAPrivateKey):
        bits = store.key.key_size
        if bits >= _SMALLEST_RSA:
            return ""
        return f"its RSA key has {bits} bits, fewer than {_SMALLEST_RSA}"
    curve = store.key.curve.name
    if curve in _CURVES:
        return ""
    return f"its EC key is on the curve {curve}, which the platform does not know"


def _form_remarks(
    subject: ReviewSubject, place: str, certificate: Certificate
) -> Iterator[Remark]:
    oddities = owner_of(certificate).oddities
    if oddities:
        message = f"{place}.keystore: the certificate's subject is not that of a platform certificate: "
        remedy = "make sure that this is the eHealth certificate with which the caller is known to the platform"
        yield subject.remark(
            "warning", "certificate", message + "; ".join(oddities), remedy
        )


def _issuer_remarks(
    subject: ReviewSubject, place: str, certificate: Certificate
) -> Iterator[Remark]:
    """Yield where an issuer is that of another environment, or none of the platform's."""
    environment = subject.target.environment
    names = [*_values(certificate.issuer, "CN"), *_values(certificate.issuer, "O")]
    issuer = repr(names[0][:80]) if names else "an issuer without name"
    severity: Severity = "warning"
    if any(map(_TEST_ISSUER.search, names)):
        if not is_production(environment):
            return
        problem = f"the certificate is one for tests, issued by {issuer}"
        remedy = "take the certificate for production"
    elif any(map(_ISSUER.search, names)):
        if environment not in _BEFORE_PRODUCTION:
            return
        problem = f"the certificate is one for production, issued by {issuer}"
        remedy = f"take the certificate for {environment}"
    else:
        severity = "note"
        problem = f"the certificate was issued by {issuer}, which is not known as the platform's"
        remedy = "make sure that the platform's STS accepts it"
    message = f"{place}.keystore: {problem}"
    yield subject.remark(severity, "certificate", message, remedy)


def _period_remarks(
    subject: ReviewSubject, place: str, certificate: Certificate
) -> Iterator[Remark]:
    starts, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if ends - starts > _PERIOD + _MONTH:
        message = f"{place}.keystore: the certificate is valid for {(ends - starts).days} days, more than 36 months"
        yield subject.remark(
            "note",
            "certificate",
            message,
            "make sure that it is a certificate of the platform's",
        )
    if ends - subject.now >= RENEWAL:
        message = f"{place}.keystore: the certificate ends on {ends:%Y-%m-%d}, in {(ends - subject.now).days} days"
        yield subject.remark("note", "certificate", message, "nothing to do")


def _values(name: Name, attribute: str) -> list[str]:
    return [str(row.value) for row in name if row.rfc4514_attribute_name == attribute]
