"""A certificate authority for tests, made anew at each start: the local platform's TLS and its callers hang on it.

No key ever leaves the process but into a private temporary folder. Must not be trusted by anyone else.
"""

import ipaddress
import os
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from conformance.soap.security.certificates import in_time

ALIAS: Final = "authentication"
"""The alias of the platform's own choice for the key that identifies its owner."""
APPLICATION: Final = "IAMLOCAL"
"""The application that the STS's certificate names, as IAMACC names the one of acceptance."""

_NAME = "ehealth-conformance local test CA"
_VALIDITY = timedelta(days=366)
"""How long the platform's TLS certificate holds: somewhat longer than what it lends."""
_MONTHS = 36
"""How long the platform's certificates for callers are valid."""
_TYPE = re.compile(r"([A-Z][A-Z|_-]*)=([0-9]+)")
"""The organisational unit that names a certificate's owner, as public clients of the platform read it."""

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class KeyKind(Enum):
    """The kinds of key that callers of the platform have."""

    RSA = "RSA of 2048 bits"
    P256 = "EC on P-256"
    P384 = "EC on P-384"


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """A server's key and certificate as PEM, and the authority's certificate to trust."""

    key: bytes
    certificate: bytes
    authority: bytes

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write certificate and key into a private folder and return their paths."""
        certificate, key = folder / "server.pem", folder / "server.key"
        certificate.write_bytes(self.certificate)
        write_private(key, self.key)
        return certificate, key


@dataclass(frozen=True, slots=True)
class CertificateOwner:
    """Whom a certificate of the platform names: the type of number (SSIN, NIHII-HOSPITAL, CBE, EHP), number, name."""

    type: str
    number: str
    name: str


@dataclass(frozen=True, slots=True)
class Credential:
    """A private key and its certificate, with the certificate of the authority above it."""

    key: PrivateKey = field(repr=False)
    certificate: x509.Certificate
    authority: x509.Certificate

    def write(self, path: Path, password: str) -> None:
        """Write a PKCS#12 key store that only its owner may read; raises OSError, also where the file exists."""
        store = pkcs12.serialize_key_and_certificates(
            ALIAS.encode(),
            self.key,
            self.certificate,
            [self.authority],
            serialization.BestAvailableEncryption(password.encode()),
        )
        write_private(path, store)


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority for tests: its key, which stays in this process, and its certificate."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        """Return its certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, owner: CertificateOwner, kind: KeyKind) -> Credential:
        """Return a new key and a caller's certificate for it, valid for 36 months."""
        return self._issue(_subject(owner), make_key(kind))

    def issue_sts(self, owner: CertificateOwner) -> Credential:
        """Return a new RSA key and a certificate for it that names the STS beside its owner."""
        return self._issue(_subject(owner, APPLICATION), make_key(KeyKind.RSA))

    def vouches_for(self, certificate: x509.Certificate, now: datetime) -> bool:
        """Tell whether a certificate was issued here and is valid at a time."""
        return vouches_for(self.certificate, certificate, now)

    def _issue(self, subject: x509.Name, key: PrivateKey) -> Credential:
        public = key.public_key()
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.EMAIL_PROTECTION]
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(
            self.key.public_key()
        )
        certificate = (
            _builder(subject, self.certificate.subject, public, _MONTHS)
            .add_extension(
                x509.BasicConstraints(ca=False, path_length=None), critical=True
            )
            .add_extension(_key_usage(identifies=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(public), critical=False
            )
            .add_extension(above, critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return Credential(key, certificate, self.certificate)


def vouches_for(
    authority: x509.Certificate, certificate: x509.Certificate, now: datetime
) -> bool:
    """Tell whether a certificate was issued by an authority and is valid at a time."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return in_time(certificate, now)


def make_authority() -> Authority:
    """Return a new authority, valid somewhat longer than what it issues."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Authority(key, _root(key, _MONTHS + 1))


def make_key(kind: KeyKind) -> PrivateKey:
    """Return a new private key."""
    match kind:
        case KeyKind.RSA:
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)
        case KeyKind.P256:
            return ec.generate_private_key(ec.SECP256R1())
        case KeyKind.P384:
            return ec.generate_private_key(ec.SECP384R1())


def owner_of(certificate: x509.Certificate) -> CertificateOwner:
    """Return whom a certificate of the platform names.

    Raises ValueError where its subject names nobody in the platform's way.
    """
    units = [
        str(unit.value)
        for unit in certificate.subject.get_attributes_for_oid(
            NameOID.ORGANIZATIONAL_UNIT_NAME
        )
    ]
    numbered = [(unit, found) for unit in units if (found := _TYPE.fullmatch(unit))]
    if len(numbered) != 1:
        raise ValueError(f"{certificate.subject.rfc4514_string()!r} names no owner")
    unit, found = numbered[0]
    others = units[units.index(unit) + 1 :]
    return CertificateOwner(found[1], found[2], others[0] if others else "")


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that only its owner may read; raises OSError, also where the file exists."""
    with os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
    ) as file:
        file.write(data)


def make_server_certificate() -> ServerCertificate:
    """Return a certificate for this machine's loopback names, signed by an authority made for it."""
    authority_key, server_key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    authority = _root(authority_key, _VALIDITY)
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    names += [
        x509.IPAddress(ipaddress.ip_address(address))
        for address in ("127.0.0.1", "::1")
    ]
    server = (
        _builder(
            _common_name("localhost"),
            authority.subject,
            server_key.public_key(),
            _VALIDITY,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(
                authority_key.public_key()
            ),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    key = server_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem = serialization.Encoding.PEM
    return ServerCertificate(key, server.public_bytes(pem), authority.public_bytes(pem))


def _root(
    key: ec.EllipticCurvePrivateKey, validity: timedelta | int
) -> x509.Certificate:
    name = _common_name(_NAME)
    return (
        _builder(name, name, key.public_key(), validity)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
        .sign(key, hashes.SHA256())
    )


def _subject(owner: CertificateOwner, application: str = "") -> x509.Name:
    """Return the subject by which the platform's certificates name an owner and, where there is one, an application."""
    named = f"{owner.type}={owner.number}"
    units = [
        named,
        owner.name,
        "eHealth-platform Belgium",
        *([application] if application else []),
    ]
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "BE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Federal Government"),
            *(
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit)
                for unit in units
            ),
            x509.NameAttribute(
                NameOID.COMMON_NAME, f"{named}, {application}" if application else named
            ),
        ]
    )


def _common_name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    validity: timedelta | int,
) -> x509.CertificateBuilder:
    """Return a certificate to be signed; `validity` is a time, or a number of months."""
    now = datetime.now(UTC)
    ends = now + validity if isinstance(validity, timedelta) else _later(now, validity)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(ends)
    )


def _later(moment: datetime, months: int) -> datetime:
    """Return the same day some months later, the 28th where it is one that not every month has."""
    years, month = divmod(moment.month - 1 + months, 12)
    return moment.replace(
        year=moment.year + years, month=month + 1, day=min(moment.day, 28)
    )


def _key_usage(
    *, signs_certificates: bool = False, identifies: bool = False
) -> x509.KeyUsage:
    """Return what a key may be used for; who is identified by it signs in earnest, too."""
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=identifies,
        key_encipherment=identifies,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
