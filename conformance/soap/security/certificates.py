"""X.509 certificates: whether one holds at a moment."""

from datetime import datetime

from cryptography import x509


def in_time(certificate: x509.Certificate, now: datetime) -> bool:
    """Tell whether a certificate is valid at a time, whoever issued it."""
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
