"""The certificate authority, the key stores and the assertions of the DossierNumberGeneration peer.

All of it is made up, and made anew when a process first asks for it; the check digits are right. The assertions have
the shape of those the platform's Secure Token Service issues (SAML 1.1, holder of key), but most are written in ways
that only forwarding them byte for byte preserves.
"""

from __future__ import annotations

import atexit
import base64
import functools
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from xml.sax.saxutils import escape

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509.oid import NameOID

from .dossier_security import (
    CONFIRMED_BY,
    DS,
    ECDSA_SHA256,
    ENVELOPED,
    EXCLUSIVE,
    RSA_SHA256,
    SAML,
    SHA256,
    PrivateKey,
    canonical,
    digest,
    parse,
    sign,
    without_signature,
)

ALIAS = "authentication"
PASSWORD = "a fictitious passphrase"  # noqa: S105
ISSUER = "urn:example:covid:sts:7"

PERSON, NIHII, CBE, EHP = "person", "nihii_institution", "cbe_institution", "ehp_institution"

_IDENTIFIED = "urn:be:fgov:identification-namespace"
_CERTIFIED = "urn:be:fgov:certified-namespace:ehealth"
_HOLDER = "urn:be:fgov:ehealth:1.0:certificateholder:"

# By kind: the member of "requester", the type in the certificate, and the attribute which tells who calls.
KINDS: Mapping[str, tuple[str, str, str]] = {
    PERSON: ("ssin", "SSIN", "urn:be:fgov:person:ssin"),
    NIHII: ("nihii", "NIHII-SORTINGCENTER", "urn:be:fgov:ehealth:1.0:sortingcenter:nihii-number"),
    CBE: ("cbe", "CBE", "urn:be:fgov:kbo-bce:organization:cbe-number"),
    EHP: ("cbe", "EHP", "urn:be:fgov:ehealth:1.0:organization:ehp-number"),
}
_MORE: Mapping[str, tuple[tuple[str, str, str | None], ...]] = {
    PERSON: (
        (_HOLDER + "person:ssin", _IDENTIFIED, None),
        ("urn:be:fgov:person:ssin:doctor:boolean", _CERTIFIED, "true"),
        ("urn:be:fgov:person:ssin:ehealth:1.0:doctor:nihii11", _CERTIFIED, "12345625001"),
        ("urn:be:fgov:person:ssin:ehealth:1.0:givenname", _CERTIFIED, "Zoë & co"),
    ),
    NIHII: (
        (_HOLDER + "sortingcenter:nihii-number", _IDENTIFIED, None),
        (KINDS[NIHII][2] + ":recognisedsortingcenter:boolean", _CERTIFIED, "true"),
        (_HOLDER + "recognisedorganization:boolean", _CERTIFIED, "true"),
    ),
    CBE: (
        (_HOLDER + "enterprise:cbe-number", _IDENTIFIED, None),
        (KINDS[CBE][2] + ":cbe_daas_authorized:boolean", _CERTIFIED, "true"),
    ),
    EHP: (
        (_HOLDER + "organization:ehp-number", _IDENTIFIED, None),
        (KINDS[EHP][2] + ":recognisedehp:boolean", _CERTIFIED, "true"),
    ),
}


def _checked(digits: str) -> str:
    """Add the two check digits modulo 97."""
    return f"{digits}{97 - int(digits) % 97:02d}"


IDENTITIES: Mapping[str, str] = {
    PERSON: _checked("810824917"),
    NIHII: _checked("827364"),
    CBE: _checked("07654321"),
    EHP: _checked("19900773"),
}


# ------------------------------------------------------------------------------------------------ writing assertions


@dataclass(frozen=True, slots=True)
class _Hand:
    """A way to write XML."""

    prefix: str = "saml:"
    ds: str = "ds:"
    quote: str = '"'
    indent: bool = False
    comment: str = ""
    everywhere: bool = False
    start: str = ""
    end: str = ""

    def _attribute(self, name: str, value: str) -> str:
        gap = "\n      " if self.indent and len(value) > 50 else " "
        return f"{gap}{name}={self.quote}{escape(value, {self.quote: f'&#{ord(self.quote)};'})}{self.quote}"

    def tag(self, name: str, attributes: Mapping[str, str], *children: str) -> str:
        """Write an element of SAML, or of XML Signature if its name begins with "ds:"."""
        signature = name.startswith("ds:")
        prefix = self.ds if signature else self.prefix
        spelled = prefix + name.removeprefix("ds:")
        if name in ("Assertion", "ds:Signature", "ds:KeyInfo") or (self.everywhere and not signature):
            space = "xmlns" + (":" + prefix.rstrip(":") if prefix else "")
            attributes = {space: DS if signature else SAML, **attributes}
        written = "".join(self._attribute(*one) for one in attributes.items())
        if not children:
            return f"<{spelled}{written}></{spelled}>" if self.everywhere else f"<{spelled}{written}/>"
        gap = "\n  " if self.indent and children[0].startswith("<") else ""
        return f"<{spelled}{written}>{gap}{gap.join(children)}{gap[:1]}</{spelled}{' ' if self.everywhere else ''}>"


# By kind: how an assertion is written.
_HANDS: Mapping[str, _Hand] = {
    PERSON: _Hand(),
    NIHII: _Hand(prefix="sml11:", ds="dsig:", quote="'", indent=True, end="\n"),
    CBE: _Hand(prefix="", ds="", comment="<!-- issued by a fictitious service; do not <touch/> -->", indent=True),
    EHP: _Hand(
        prefix="s1:",
        quote="'",
        everywhere=True,
        start="<?xml version='1.0' encoding='UTF-8' standalone='yes'?>\n<!-- kept beside the element -->\n",
        end="\n\n",
    ),
}


@dataclass(frozen=True, slots=True)
class Holder:
    """A caller: kind, identity, key and certificate, the assertion as bytes, and where all of that lies."""

    kind: str
    identity: str
    key: PrivateKey
    certificate: x509.Certificate
    keystore: Path
    assertion: Path
    assertion_id: str
    element: bytes

    def section(self) -> dict[str, object]:
        """Give the entry of a target file."""
        return {
            "kind": self.kind,
            "keystore": str(self.keystore),
            "alias": ALIAS,
            "password": PASSWORD,
            "assertion": str(self.assertion),
            "requester": {KINDS[self.kind][0]: self.identity},
        }


@dataclass(frozen=True, slots=True)
class Terms:
    """What an assertion says of itself: since when and until when it holds, how to confirm it, and with which key."""

    start: timedelta = timedelta(minutes=-5)
    end: timedelta = timedelta(hours=24)
    method: str = "holder-of-key"
    bound: bool = True


@dataclass(frozen=True, slots=True)
class World:
    """Everybody there is, and the assertions that were issued, by their identifiers."""

    folder: Path
    ca: Path
    ca_certificate: x509.Certificate
    sts: rsa.RSAPrivateKey
    sts_certificate: x509.Certificate
    holders: Mapping[str, Holder]
    issued: dict[str, Holder]

    def mint(self, holder: Holder, terms: Terms) -> Holder:
        """Issue one more assertion; only who has the issuer's key can do that."""
        issuer = (self.sts, self.sts_certificate)
        name, text = issue(holder.kind, holder.identity, holder.certificate, issuer, terms)
        made = replace(holder, assertion_id=name, element=text.encode())
        self.issued[name] = made
        return made


_USUAL = Terms()


def _stamp(when: datetime) -> str:
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _base64(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


def _subject(hand: _Hand, certificate: x509.Certificate, terms: Terms) -> str:
    tag = hand.tag
    key = tag("ds:KeyInfo", {}, tag("ds:X509Data", {}, tag("ds:X509Certificate", {}, _base64(certificate))))
    method = tag("ConfirmationMethod", {}, CONFIRMED_BY + terms.method)
    attributes = {
        "Format": "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName",
        "NameQualifier": certificate.issuer.rfc4514_string(),
    }
    name = tag("NameIdentifier", attributes, escape(certificate.subject.rfc4514_string()))
    return tag("Subject", {}, name, tag("SubjectConfirmation", {}, method, *([key] if terms.bound else [])))


def _attributes(hand: _Hand, kind: str, identity: str) -> Iterator[str]:
    for name, space, value in ((KINDS[kind][2], _IDENTIFIED, None), *_MORE[kind]):
        inner = hand.tag("AttributeValue", {}, escape(value or identity))
        yield hand.tag("Attribute", {"AttributeName": name, "AttributeNamespace": space}, inner)


def _signature(hand: _Hand, name: str, sts: x509.Certificate) -> str:
    tag = hand.tag
    method = RSA_SHA256 if isinstance(sts.public_key(), rsa.RSAPublicKey) else ECDSA_SHA256
    transforms = tag(
        "ds:Transforms",
        {},
        tag("ds:Transform", {"Algorithm": ENVELOPED}),
        tag("ds:Transform", {"Algorithm": EXCLUSIVE}),
    )
    sha = tag("ds:DigestMethod", {"Algorithm": SHA256})
    info = tag(
        "ds:SignedInfo",
        {},
        tag("ds:CanonicalizationMethod", {"Algorithm": EXCLUSIVE}),
        tag("ds:SignatureMethod", {"Algorithm": method}),
        tag("ds:Reference", {"URI": "#" + name}, transforms, sha, tag("ds:DigestValue", {}, "@DIGEST@")),
    )
    key = tag("ds:KeyInfo", {}, tag("ds:X509Data", {}, tag("ds:X509Certificate", {}, _base64(sts))))
    return tag("ds:Signature", {}, info, tag("ds:SignatureValue", {}, "@VALUE@"), key)


def issue(
    kind: str,
    identity: str,
    certificate: x509.Certificate,
    issuer: tuple[PrivateKey, x509.Certificate],
    terms: Terms = _USUAL,
) -> tuple[str, str]:
    """Write and sign an assertion; give its identifier and its text."""
    hand, now, name = _HANDS[kind], datetime.now(UTC), "_" + uuid.uuid4().hex
    tag = hand.tag
    validity = {"NotBefore": _stamp(now + terms.start), "NotOnOrAfter": _stamp(now + terms.end)}
    subject = _subject(hand, certificate, terms)
    how = {
        "AuthenticationInstant": _stamp(now),
        "AuthenticationMethod": "urn:oasis:names:tc:SAML:1.0:am:X509-PKI",
    }
    text = tag(
        "Assertion",
        {
            "AssertionID": name,
            "IssueInstant": _stamp(now),
            "Issuer": ISSUER,
            "MajorVersion": "1",
            "MinorVersion": "1",
        },
        tag("Conditions", validity) + hand.comment,
        tag("AuthenticationStatement", how, subject),
        tag("AttributeStatement", {}, subject, *_attributes(hand, kind, identity)),
        _signature(hand, name, issuer[1]),
    )
    text = text.replace("@DIGEST@", digest(canonical(without_signature(parse(text.encode())))))
    info = parse(text.encode()).find(f"{{{DS}}}Signature/{{{DS}}}SignedInfo")
    assert info is not None
    return name, text.replace("@VALUE@", sign(issuer[0], canonical(info)))


# ------------------------------------------------------------------------------------------------------ certificates


def _name(*parts: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    country = x509.NameAttribute(NameOID.COUNTRY_NAME, "BE")
    owner = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Fictitious Government")
    return x509.Name([country, owner, *(x509.NameAttribute(*part) for part in parts)])


_CA_NAME = _name((NameOID.COMMON_NAME, "Fictitious Issuing CA 007"))


def certify(key: PrivateKey, name: x509.Name, ca_key: PrivateKey, issuer: x509.Name = _CA_NAME) -> x509.Certificate:
    """Make a certificate; that of the authority itself if the keys are the same."""
    now = datetime.now(UTC)
    authority = key is ca_key
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=90))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not authority,
                content_commitment=not authority,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=authority,
                crl_sign=authority,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    return builder.sign(ca_key, hashes.SHA256())


def make_key(kind: str) -> PrivateKey:
    """Make a key of the sort that callers of this kind have."""
    if kind == NIHII:
        return ec.generate_private_key(ec.SECP256R1())
    if kind == CBE:
        return ec.generate_private_key(ec.SECP384R1())
    return rsa.generate_private_key(65537, 2048)


@functools.cache
def world() -> World:
    """Make everybody, once in a process; the files go when it ends."""
    folder = Path(tempfile.mkdtemp(prefix="dossier-peer-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    ca_key, sts_key = rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048)
    ca_certificate = certify(ca_key, _CA_NAME, ca_key)
    sts_name = _name((NameOID.ORGANIZATIONAL_UNIT_NAME, "CBE=1000000021"), (NameOID.COMMON_NAME, "CBE=1000000021, STS"))
    sts_certificate = certify(sts_key, sts_name, ca_key)
    ca = folder / "sts-ca.pem"
    ca.write_bytes(ca_certificate.public_bytes(Encoding.PEM))
    holders: dict[str, Holder] = {}
    for kind, identity in IDENTITIES.items():
        key, hand = make_key(kind), _HANDS[kind]
        label = f"{KINDS[kind][1]}={identity}"
        units = ((NameOID.ORGANIZATIONAL_UNIT_NAME, label), (NameOID.ORGANIZATIONAL_UNIT_NAME, "NOBODY, NOWHERE"))
        certificate = certify(key, _name(*units, (NameOID.COMMON_NAME, label)), ca_key)
        keystore, assertion = folder / f"{kind}.acc-p12", folder / f"{kind}.saml.xml"
        secret = BestAvailableEncryption(PASSWORD.encode())
        keystore.write_bytes(serialize_key_and_certificates(ALIAS.encode(), key, certificate, [ca_certificate], secret))
        name, text = issue(kind, identity, certificate, (sts_key, sts_certificate))
        assertion.write_bytes((hand.start + text + hand.end).encode())
        holders[kind] = Holder(kind, identity, key, certificate, keystore, assertion, name, text.encode())
    issued = {holder.assertion_id: holder for holder in holders.values()}
    return World(folder, ca, ca_certificate, sts_key, sts_certificate, MappingProxyType(holders), issued)
