"""An STS of one's own for tests: assertions signed in any way that XML Signature allows, alone or in an answer."""

import base64
import functools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from lxml import etree

from conformance.soap.names import DS, ENVELOPED, EXCLUSIVE, HOLDER_OF_KEY, RSA_SHA256, SAML, SHA256, SOAP, WST
from conformance.soap.security.wss import SAML_ID, certificate_text

NOW: Final = datetime.now(UTC).replace(microsecond=0)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
ANSWER: Final = (
    f'<e:Envelope xmlns:e="{SOAP}"%s><e:Body><t:RequestSecurityTokenResponseCollection xmlns:t="{WST}">'
    "<t:RequestSecurityTokenResponse><t:RequestedSecurityToken>@</t:RequestedSecurityToken>"
    "</t:RequestSecurityTokenResponse></t:RequestSecurityTokenResponseCollection></e:Body></e:Envelope>"
)
"""An answer with declarations and attributes in its first tag, and the assertion in the place of the sign."""


def named(common: str) -> x509.Name:
    """Return a name of the kind that the platform's certificates have."""
    parts = (NameOID.COUNTRY_NAME, "BE"), (NameOID.ORGANIZATION_NAME, "Fédéral, Gov."), (NameOID.COMMON_NAME, common)
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts])


def certify(  # noqa: PLR0913 - what each test changes
    common: str,
    key: Key,
    by: Key,
    issuer: str = "Authority",
    *,
    authority: bool = False,
    serial: int | None = None,
) -> x509.Certificate:
    """Return a certificate of a key that another one has signed."""
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(named(common))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=300))
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(identifier, critical=False)
        .sign(by, hashes.SHA256())
    )


@functools.cache
def rsa_key(who: str) -> rsa.RSAPrivateKey:
    """Return somebody's RSA key, made once."""
    assert who
    return rsa.generate_private_key(65537, 2048)


@functools.cache
def root() -> x509.Certificate:
    """Return the certificate of the authority."""
    return certify("Authority", rsa_key("root"), rsa_key("root"), authority=True)


@functools.cache
def between() -> x509.Certificate:
    """Return the certificate of an authority below the first."""
    return certify("Between", rsa_key("between"), rsa_key("root"), authority=True)


@functools.cache
def sts() -> x509.Certificate:
    """Return the certificate of the STS, from the lower authority."""
    return certify("STS", rsa_key("sts"), rsa_key("between"), "Between")


@functools.cache
def person() -> x509.Certificate:
    """Return the certificate of a person with an RSA key, from the lower authority."""
    return certify("SSIN=70020299541", rsa_key("person"), rsa_key("between"), "Between")


def x509_data(*certificates: x509.Certificate, more: str = "") -> str:
    """Return an X509Data with certificates in an order, and something else before them."""
    written = (f"<ds:X509Certificate>{certificate_text(one)}</ds:X509Certificate>" for one in certificates)
    return f'<ds:X509Data xmlns:ds="{DS}">{more}{"".join(written)}</ds:X509Data>'


def key_id(certificate: x509.Certificate) -> str:
    """Return an X509SKI."""
    identifier = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest
    return f'<ds:X509SKI xmlns:ds="{DS}">{base64.b64encode(identifier).decode()}</ds:X509SKI>'


def issuer_serial(certificate: x509.Certificate, name: str = "") -> str:
    """Return an X509IssuerSerial, with the issuer's name as RFC 4514 has it or as given."""
    written = (name or certificate.issuer.rfc4514_string()).replace("&", "&amp;")
    return (
        f'<ds:X509IssuerSerial xmlns:ds="{DS}"><ds:X509IssuerName>{written}</ds:X509IssuerName>'
        f"<ds:X509SerialNumber>{certificate.serial_number}</ds:X509SerialNumber></ds:X509IssuerSerial>"
    )


def number(value: int) -> str:
    """Return a number as ds:CryptoBinary."""
    return base64.b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).decode()


def rsa_value(certificate: x509.Certificate) -> str:
    """Return a KeyValue of an RSA key."""
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    numbers = key.public_numbers()
    return (
        f'<ds:KeyValue xmlns:ds="{DS}"><ds:RSAKeyValue><ds:Modulus>{number(numbers.n)}</ds:Modulus>'
        f"<ds:Exponent>{number(numbers.e)}</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>"
    )


def transform(algorithm: str, inside: str = "") -> str:
    """Return a Transform."""
    return f'<ds:Transform Algorithm="{algorithm}">{inside}</ds:Transform>'


def prefixes(names: str) -> str:
    """Return the list of prefixes of exclusive canonicalisation."""
    return f'<i:InclusiveNamespaces xmlns:i="{EXCLUSIVE}" PrefixList="{names}"/>'


def issue(  # noqa: PLR0913 - what each test changes
    *,
    around: str = "@",
    name: str = "_a1",
    holder: str = "",
    signer: str | None = None,
    key: Key | None = None,
    form: str = EXCLUSIVE,
    transforms: Sequence[str] = (transform(ENVELOPED), transform(EXCLUSIVE)),
    algorithm: str = RSA_SHA256,
    digest: str = SHA256,
    uri: str | None = None,
    space: str = f' xmlns:saml="{SAML}"',
    value: str = "<saml:AttributeValue>true</saml:AttributeValue>",
    conditions: str = "",
) -> bytes:
    """Return a document with an assertion that is signed where it stands: `@` in what is `around` it.

    `holder` and `signer` are what their KeyInfo holds; without a signer there is no KeyInfo.
    """
    times = f'NotBefore="{NOW - timedelta(minutes=5):%FT%TZ}" NotOnOrAfter="{NOW + timedelta(hours=1):%FT%TZ}"'
    told = x509_data(sts()) if signer is None else signer
    info = f"<ds:KeyInfo>{told}</ds:KeyInfo>" if told else ""
    data = (
        f'<saml:Assertion{space} AssertionID="{name}" Issuer="urn:be:fgov:ehealth:sts:1_0" MajorVersion="1" '
        f'MinorVersion="1"><saml:Conditions {times}>{conditions}</saml:Conditions><saml:AttributeStatement>'
        f"<saml:Subject><saml:NameIdentifier>CN=x</saml:NameIdentifier><saml:SubjectConfirmation>"
        f'<saml:ConfirmationMethod>{HOLDER_OF_KEY}</saml:ConfirmationMethod><ds:KeyInfo xmlns:ds="{DS}">'
        f"{holder or x509_data(person())}</ds:KeyInfo></saml:SubjectConfirmation></saml:Subject>"
        f'<saml:Attribute AttributeName="a" AttributeNamespace="b">{value}</saml:Attribute></saml:AttributeStatement>'
        f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{form}"/>'
        f'<ds:SignatureMethod Algorithm="{algorithm}"/><ds:Reference URI="{f"#{name}" if uri is None else uri}">'
        f'<ds:Transforms>{"".join(transforms)}</ds:Transforms><ds:DigestMethod Algorithm="{digest}"/><ds:DigestValue/>'
        f"</ds:Reference></ds:SignedInfo><ds:SignatureValue/>{info}</ds:Signature></saml:Assertion>"
    )
    document = etree.fromstring(around.replace("@", data))
    element = next(one for one in document.iter(f"{{{SAML}}}Assertion") if one.get(SAML_ID) == name)
    sign(element, key or rsa_key("sts"))
    return etree.tostring(document)


def sign(element: etree._Element, key: Key) -> None:
    """Fill the signature in, whatever its KeyInfo names."""
    signature = element[-1]
    info = signature.find(f"{{{DS}}}KeyInfo")
    if info is not None:
        signature.remove(info)  # else the library looks for its key there
    context = xmlsec.SignatureContext()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    context.key = xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatPem)
    context.register_id(element, SAML_ID)
    context.sign(signature)
    if info is not None:
        signature.append(info)
