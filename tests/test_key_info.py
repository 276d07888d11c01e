"""Tests of how an assertion names the key of its holder, and whether a key store has that key."""

import base64
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from conformance.soap.markup import parse
from conformance.soap.names import DS, DS11, DS_MORE, WSSE, XENC
from conformance.soap.security.certificates import public_key
from conformance.soap.security.distinguished_names import says_the_same
from conformance.soap.security.key_clues import Match
from conformance.soap.security.key_info import KeyInfoError, NamedKey, read_key_info
from tests.issuing import (
    between,
    certify,
    issuer_serial,
    key_id,
    named,
    number,
    person,
    root,
    rsa_key,
    rsa_value,
    sts,
    x509_data,
)

EC_KEYS = {curve.name: ec.generate_private_key(curve) for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1())}
PERSONS = {name: certify("SSIN=70020299541", key, rsa_key("root")) for name, key in EC_KEYS.items()}
OIDS = {"secp256r1": "1.2.840.10045.3.1.7", "secp384r1": "1.3.132.0.34", "secp521r1": "1.3.132.0.35"}
PRIMES = {
    "secp256r1": 2**256 - 2**224 + 2**192 + 2**96 - 1,
    "secp384r1": 2**384 - 2**128 - 2**96 + 2**32 - 1,
    "secp521r1": 2**521 - 1,
}
TOKENS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0"


def info(inside: str) -> NamedKey:
    """Return by what a KeyInfo names a key."""
    return read_key_info(parse(f'<ds:KeyInfo xmlns:ds="{DS}" xmlns:w="{WSSE}">{inside}</ds:KeyInfo>'.encode()))


def _point(certificate: x509.Certificate) -> str:
    point = certificate.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.b64encode(point).decode()


def _ec_value(curve: str, parameters: str = "") -> str:
    named_curve = f'<n:NamedCurve URI="urn:oid:{OIDS[curve]}"/>'
    return (
        f'<ds:KeyValue><n:ECKeyValue xmlns:n="{DS11}">{parameters or named_curve}'
        f"<n:PublicKey>{_point(PERSONS[curve])}</n:PublicKey></n:ECKeyValue></ds:KeyValue>"
    )


def _explicit(prime: int) -> str:
    return (
        f"<n:ECParameters><n:FieldID><n:Prime><n:P>{number(prime)}</n:P></n:Prime></n:FieldID>"
        "<n:Curve><n:A>AA==</n:A><n:B>AA==</n:B></n:Curve><n:Base>BA==</n:Base><n:Order>AA==</n:Order></n:ECParameters>"
    )


def _old_value(curve: str, parameters: str) -> str:
    numbers = EC_KEYS[curve].public_key().public_numbers()
    return (
        f'<ds:KeyValue><o:ECDSAKeyValue xmlns:o="{DS_MORE}"><o:DomainParameters>{parameters}</o:DomainParameters>'
        f'<o:PublicKey><o:X Value="{numbers.x}"/><o:Y Value="{numbers.y}"/></o:PublicKey></o:ECDSAKeyValue>'
        "</ds:KeyValue>"
    )


def _token(kind: str, data: bytes, tag: str = "KeyIdentifier") -> str:
    encoded = base64.b64encode(data).decode()
    return f'<w:SecurityTokenReference><w:{tag} ValueType="{kind}">{encoded}</w:{tag}></w:SecurityTokenReference>'


def _digest(certificate: x509.Certificate, name: str) -> bytes:
    return hashlib.new(name, certificate.public_bytes(Encoding.DER)).digest()


def _x509_digest(certificate: x509.Certificate, uri: str, name: str) -> str:
    encoded = base64.b64encode(_digest(certificate, name)).decode()
    return f'<ds:X509Data><n:X509Digest xmlns:n="{DS11}" Algorithm="{uri}">{encoded}</n:X509Digest></ds:X509Data>'


SUBJECT = person().subject.rfc4514_string()
DER = person().public_bytes(Encoding.DER)
SKI = x509.SubjectKeyIdentifier.from_public_key(person().public_key()).digest
BY_ITSELF = {
    "certificate": x509_data(person()),
    "chain, holder first": x509_data(person(), between(), root()),
    "chain, holder last": x509_data(root(), between(), person()),
    "chain, holder between": x509_data(between(), person(), root()),
    "two X509Data": x509_data(between()) + x509_data(person()),
    "certificates and a serial number": x509_data(root(), person(), more=issuer_serial(person())),
    "unrelated certificates and a key identifier": x509_data(sts(), person(), more=key_id(person())),
    "unrelated certificates and a value": rsa_value(person()) + x509_data(sts(), person()),
    "RSA value": rsa_value(person()),
    "key in DER": f'<n:DEREncodedKeyValue xmlns:n="{DS11}">{base64.b64encode(public_key(person())).decode()}'
    "</n:DEREncodedKeyValue>",
    "embedded token": "<w:SecurityTokenReference><w:Embedded>"
    f'<w:BinarySecurityToken ValueType="{TOKENS}#X509v3">{base64.b64encode(DER).decode()}</w:BinarySecurityToken>'
    "</w:Embedded></w:SecurityTokenReference>",
    "certificate in a key identifier": _token(f"{TOKENS}#X509v3", DER),
    "X509Data in a token reference": f"<w:SecurityTokenReference>{x509_data(person())}</w:SecurityTokenReference>",
}
BY_NAME = {
    "key identifier": f"<ds:X509Data>{key_id(person())}</ds:X509Data>",
    "issuer and serial number": f"<ds:X509Data>{issuer_serial(person())}</ds:X509Data>",
    "issuer in other words": f"<ds:X509Data>{issuer_serial(person(), 'CN=Between, O=&quot;Federal')}</ds:X509Data>",
    "SHA-256 digest": _x509_digest(person(), f"{XENC}sha256", "sha256"),
    "SHA-512 digest": _x509_digest(person(), f"{XENC}sha512", "sha512"),
    "SKI in a token reference": _token(f"{TOKENS}#X509SubjectKeyIdentifier", SKI),
    "thumbprint": _token("http://docs.oasis-open.org/wss/x#ThumbprintSHA1", _digest(person(), "sha1")),
    "issuer and serial in a token reference": "<w:SecurityTokenReference><ds:X509Data>"
    f"{issuer_serial(person())}</ds:X509Data></w:SecurityTokenReference>",
}
BY_PERHAPS = {
    "subject": f"<ds:X509Data><ds:X509SubjectName>{SUBJECT}</ds:X509SubjectName></ds:X509Data>",
    "key name that is the subject": f"<ds:KeyName>{SUBJECT}</ds:KeyName>",
    "key name that is the common name": "<ds:KeyName> SSIN=70020299541 </ds:KeyName>",
}


@pytest.mark.parametrize("inside", [*BY_ITSELF.values(), *BY_NAME.values(), *BY_PERHAPS.values()])
def test_key_store_that_has_the_key_is_known(inside: str) -> None:
    """However a key is named, the certificate that has it is the one."""
    assert info(inside).match(person()) is Match.SAME


@pytest.mark.parametrize("inside", [*BY_ITSELF.values(), *BY_NAME.values()])
def test_key_store_with_another_key_is_told(inside: str) -> None:
    """A name that fits one certificate alone does not fit another one."""
    assert info(inside).match(certify("SSIN=70020299541", rsa_key("other"), rsa_key("root"))) is Match.OTHER


@pytest.mark.parametrize("inside", BY_PERHAPS.values(), ids=BY_PERHAPS)
def test_name_that_does_not_fit_proves_nothing(inside: str) -> None:
    """Somebody's name may be written in another way, and a key's name is what its parties have agreed on."""
    assert info(inside).match(root()) is Match.UNKNOWN


@pytest.mark.parametrize("inside", BY_ITSELF.values(), ids=BY_ITSELF)
def test_key_that_is_named_by_itself_is_the_holders(inside: str) -> None:
    """Out of a chain in any order, it is the last certificate that counts."""
    assert info(inside).public_keys[0] == public_key(person())


@pytest.mark.parametrize("curve", EC_KEYS)
def test_ec_key_value_is_read_in_every_form(curve: str) -> None:
    """A curve may be named, or given by its parameters; the numbers are binary, or decimal as they were before."""
    named_curve = f'<o:NamedCurve URN="urn:oid:{OIDS[curve]}"/>'
    prime = f"<o:ExplicitParams><o:FieldParams><o:P>{PRIMES[curve]}</o:P></o:FieldParams></o:ExplicitParams>"
    forms = (
        _ec_value(curve),
        _ec_value(curve, _explicit(PRIMES[curve])),
        _old_value(curve, named_curve),
        _old_value(curve, prime),
    )
    assert [info(form).match(PERSONS[curve]) for form in forms] == [Match.SAME] * 4
    assert {info(form).match(person()) for form in forms} == {Match.OTHER}


DSA = dsa.generate_private_key(2048).public_key().public_numbers()
UNREAD = {
    "unknown curve": (
        _ec_value("secp256r1", '<n:NamedCurve URI="urn:oid:1.2.3.4"/>'),
        "a key on the curve 'urn:oid:1.2.3.4', which is not read here",
    ),
    "unknown parameters": (_ec_value("secp256r1", _explicit(97)), "a key on a curve by its parameters, which is none"),
    "DSA": (f"<ds:KeyValue><ds:DSAKeyValue><ds:Y>{number(DSA.y)}</ds:Y></ds:DSAKeyValue></ds:KeyValue>", "a DSA key"),
    "key name": ("<ds:KeyName>sts-2026</ds:KeyName>", "the name 'sts-2026'"),
    "elsewhere": ('<ds:RetrievalMethod URI="#x"/>', "RetrievalMethod"),
    "path of certificates": (_token(f"{TOKENS}#X509PKIPathv1", b"x", "BinarySecurityToken"), "'X509PKIPathv1'"),
    "serial number that is none": (
        "<ds:X509IssuerSerial><ds:X509SerialNumber>x</ds:X509SerialNumber></ds:X509IssuerSerial>",
        "X509IssuerSerial, which cannot be read",
    ),
    "unknown digest": (_x509_digest(person(), "urn:x", "sha256"), "a digest of its certificate"),
}


@pytest.mark.parametrize(("inside", "words"), UNREAD.values(), ids=UNREAD)
def test_name_that_is_not_understood_is_in_words(inside: str, words: str) -> None:
    """Nothing is concluded from it, and what it is can be said."""
    named_key = info(inside)
    assert named_key.match(person()) is Match.UNKNOWN
    assert words in named_key.words


def test_key_that_is_encrypted_for_somebody_is_not_the_somebodys() -> None:
    """The certificate in an EncryptedKey is the one that can open it."""
    inside = f'<x:EncryptedKey xmlns:x="{XENC}"><ds:KeyInfo>{x509_data(sts())}</ds:KeyInfo></x:EncryptedKey>'
    named_key = info(inside)
    assert (named_key.certificates, named_key.words) == ((), "EncryptedKey")
    assert named_key.match(person()) is Match.UNKNOWN


@pytest.mark.parametrize(
    "inside",
    [
        x509_data().replace("></ds:X509Data>", "><ds:X509Certificate>AAAA</ds:X509Certificate></ds:X509Data>"),
        _ec_value("secp256r1").replace("<n:PublicKey>B", "<n:PublicKey>C"),
        f'<n:DEREncodedKeyValue xmlns:n="{DS11}">AAAA</n:DEREncodedKeyValue>',
        _ec_value("secp256r1").replace("<n:PublicKey>", "<n:PublicKey>?"),
        _ec_value("secp256r1").replace("PublicKey", "Other"),
    ],
)
def test_key_that_is_damaged_is_told(inside: str) -> None:
    """What claims to be a key, and is none, is an error of whoever wrote it."""
    with pytest.raises(KeyInfoError, match="cannot be read"):
        info(inside)


def test_nothing_is_named_by_nothing() -> None:
    """An empty KeyInfo names no key."""
    assert not info("")
    assert info("").words == "nothing"


def test_key_info_without_end_is_read_to_a_limit() -> None:
    """Some names are read, all others are not."""
    assert len(info("<ds:KeyName>x</ds:KeyName>" * 5000).clues) == 20
    assert info(f"<ds:X509Data><ds:X509SKI>{'A' * 200_000}</ds:X509SKI></ds:X509Data>").words.endswith("be read")


NAME = named('Zoë, née "O\'Brien" + Co')
WRITTEN = (
    'CN=Zoë\\, née \\"O\'Brien\\" \\+ Co,O=Fédéral\\, Gov.,C=BE',
    'C=BE, O="Fédéral, Gov.", CN="Zoë, née \\"O\'Brien\\" + Co"',
    "2.5.4.3=#0c175a6fc3ab2c206ec3a96520224f27427269656e22202b20436f,O=F\\C3\\A9d\\C3\\A9ral\\2C Gov.,C=be",
    'OID.2.5.4.3 = Zoë\\,  née \\"O\'BRIEN\\" \\+ Co ; O=Fédéral\\, Gov. ; C=BE',
    '/C=BE/O=Fédéral\\, Gov./CN=Zoë\\, née \\"O\'Brien\\" \\+ Co',
)


@pytest.mark.parametrize("written", WRITTEN)
def test_name_is_the_same_however_it_is_printed(written: str) -> None:
    """Order, types, quotes, escapes, encodings, spaces and case are a library's own."""
    assert says_the_same(written, NAME)


@pytest.mark.parametrize(
    "written", ["", "CN=x", "C=BE", "x", '"', "=", WRITTEN[0] + ",CN=x", WRITTEN[0].replace("Co", "Ko"), "CN=\\" * 9999]
)
def test_other_name_is_another(written: str) -> None:
    """A value more, less or otherwise makes another name; what is no name is none."""
    assert not says_the_same(written, NAME)


def test_short_serial_number_counts_with_its_issuer_alone() -> None:
    """Several authorities give the number 7; one that is drawn by chance occurs once."""
    seventh = certify("SSIN=70020299541", rsa_key("person"), rsa_key("root"), serial=7)
    assert info(f"<ds:X509Data>{issuer_serial(seventh)}</ds:X509Data>").match(seventh) is Match.SAME
    other = f"<ds:X509Data>{issuer_serial(seventh, 'CN=other')}</ds:X509Data>"
    assert info(other).match(seventh) is Match.OTHER
