"""X.509 certificates: what one holds, whether it holds at a moment, and whether one has issued another."""

import base64
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_LONGEST_CHAIN = 5
"""Certificates between a signer and the authority that is trusted."""


def in_time(certificate: x509.Certificate, now: datetime) -> bool:
    """Tell whether a certificate is valid at a time, whoever issued it."""
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


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


def has_issued(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Tell whether an authority is a certificate itself, or has signed it."""
    if certificate == authority:
        return True
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def leads_to(
    certificate: x509.Certificate,
    trusted: Sequence[x509.Certificate],
    brought: Sequence[x509.Certificate] = (),
) -> bool:
    """Tell whether a certificate is a trusted one, or issued by one: directly, or by authorities that are `brought`.

    What is brought along counts only where it is an authority's (RFC 5280, section 6.1.4 (k)).
    """
    reached, left = [certificate], [one for one in brought if _is_authority(one)]
    for _ in range(_LONGEST_CHAIN):
        if any(has_issued(root, one) for one in reached for root in trusted):
            return True
        reached = [up for up in left if any(has_issued(up, one) for one in reached)]
        left = [one for one in left if one not in reached]
    return False


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        extension = certificate.extensions.get_extension_for_class(
            x509.BasicConstraints
        )
    except (ValueError, x509.ExtensionNotFound):
        return False
    return extension.value.ca
