"""Names of a key that are no key: each says whether a certificate is the one that is meant.

Source: XML Signature 1.1, section 4.5.4, and the X.509 Token Profile 1.1, section 3.2. Must not know
where a name stands.
"""

import hashlib
from dataclasses import dataclass
from enum import Enum
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from conformance.soap.names import DS, XENC
from conformance.soap.security.distinguished_names import says_the_same

_DIGESTS: Final = {
    f"{DS}sha1": "sha1",
    "http://www.w3.org/2001/04/xmldsig-more#sha224": "sha224",
    f"{XENC}sha256": "sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384",
    f"{XENC}sha512": "sha512",
}
_ONE_OF_ITS_KIND: Final = 2**32
"""Serial numbers from here on are drawn by chance: no two authorities give the same one."""


class Match(Enum):
    """Whether a certificate's key is the one that is named: where nothing tells, it is unknown."""

    SAME = "same"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SubjectKeyId:
    """The identifier of a key (RFC 5280, section 4.2.1.2)."""

    value: bytes
    words: str = "its subject key identifier"

    def match(self, certificate: x509.Certificate) -> Match:
        """Compare with the certificate's own identifier, and with the one that its key makes."""
        return known(self.value in _key_ids(certificate))


@dataclass(frozen=True, slots=True)
class IssuerSerial:
    """A certificate's issuer and serial number."""

    issuer: str
    serial: int
    words: str = "its issuer and serial number"

    def match(self, certificate: x509.Certificate) -> Match:
        """Compare both; a long number is enough, since libraries print names in many ways."""
        same = self.serial == certificate.serial_number
        is_sure = self.serial >= _ONE_OF_ITS_KIND
        return known(
            same and (is_sure or says_the_same(self.issuer, certificate.issuer))
        )


@dataclass(frozen=True, slots=True)
class SubjectName:
    """The name of a certificate's subject, which several certificates may have."""

    name: str
    words: str = "its subject's name"

    def match(self, certificate: x509.Certificate) -> Match:
        """Compare the name; another one may be printed in a way that is not understood."""
        same = says_the_same(self.name, certificate.subject)
        return Match.SAME if same else Match.UNKNOWN


@dataclass(frozen=True, slots=True)
class CertificateDigest:
    """A digest of a certificate in DER (XML Signature 1.1, section 4.5.4.1; WS-Security 1.1, section 7.3)."""

    algorithm: str
    value: bytes
    words: str = "a digest of its certificate"

    def match(self, certificate: x509.Certificate) -> Match:
        """Compare the digest, where its algorithm is known."""
        name = _DIGESTS.get(self.algorithm)
        if name is None:
            return Match.UNKNOWN
        data = certificate.public_bytes(Encoding.DER)
        return known(
            hashlib.new(name, data, usedforsecurity=False).digest() == self.value
        )


@dataclass(frozen=True, slots=True)
class OtherName:
    """A name that means something only to those who have agreed on it, or a kind of name that is not read here."""

    words: str
    name: str = ""

    def match(self, certificate: x509.Certificate) -> Match:
        """Compare with the subject and its common name: a key may be called so."""
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        is_common = self.name.strip() in [str(part.value) for part in common]
        same = is_common or says_the_same(self.name, certificate.subject)
        return Match.SAME if self.name and same else Match.UNKNOWN


Clue = SubjectKeyId | IssuerSerial | SubjectName | CertificateDigest | OtherName
"""A name of a key that is no key."""

ODD_CERTIFICATE: Final = OtherName(
    "a certificate with a key of a kind that is not read here"
)


def known(same: bool) -> Match:  # noqa: FBT001 - the one thing that it is about
    """Return what is known where nothing is open."""
    return Match.SAME if same else Match.OTHER


def _key_ids(certificate: x509.Certificate) -> set[bytes]:
    """Return the identifiers that a certificate's key may go by."""
    made = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest
    try:
        extension = certificate.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier
        )
    except (ValueError, x509.ExtensionNotFound):
        return {made}
    return {made, extension.value.digest}
