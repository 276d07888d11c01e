"""Messages signed with keys that prove nothing: strangers' keys, key values, other assertions."""

import base64
import hashlib
import hmac
import uuid
from dataclasses import replace
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree

from conformance.model.errors import MissingDataError
from conformance.soap.markup import Element, canonical, parse, serialise
from conformance.soap.message import SignedDraft
from conformance.soap.names import DS, WSSE
from conformance.soap.security.certificates import public_key
from conformance.soap.security.resigning import HMAC, resign, signed_info
from conformance.soap.security.saml import (
    Assertion,
    element_of,
    signer_certificate,
)
from conformance.soap.security.wss import (
    SAML_ID,
    Signer,
    binary_token,
    make_signer,
    sign_enveloped,
    token_reference,
    x509_data,
)


def foreign(signer: Signer) -> Signer:
    """Return a signer with a key unknown to the SUT, and the certificate of the given signer."""
    return make_signer(ec.generate_private_key(ec.SECP256R1()), signer.certificate)


def sign_assertion_oneself(draft: SignedDraft) -> None:
    """Put an assertion that says the same, signed by the caller's own key, in the place of the STS's."""
    root = parse(unsigned_assertion(draft.assertion))
    sign_enveloped(root, SAML_ID, draft.signer)
    draft.security.replace(draft.place, root)


def unsigned_assertion(assertion: Assertion) -> bytes:
    """Return an assertion without its signature."""
    root = element_of(assertion)
    for signature in root.findall(f"{{{DS}}}Signature"):
        root.remove(signature)
    return serialise(root)


def foreign_assertion(assertion: Assertion) -> bytes:
    """Return an assertion that says the same, signed by an issuer who calls itself like the real one."""
    genuine = signer_certificate(element_of(assertion))
    root = parse(unsigned_assertion(assertion))
    sign_enveloped(
        root,
        SAML_ID,
        make_stranger(
            genuine.subject if genuine is not None else name_of_nobody("IAM")
        ),
    )
    return serialise(root)


def name_of_nobody(name: str) -> x509.Name:
    """Return a distinguished name with a common name only."""
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def make_stranger(subject: x509.Name) -> Signer:
    """Return a key pair unknown to the SUT with a self-signed certificate."""
    return _unknown(subject, subject, x509.random_serial_number())


def _lookalike(genuine: x509.Certificate) -> Signer:
    """Return a key pair unknown to the SUT with a certificate that names what a genuine one does."""
    return _unknown(genuine.subject, genuine.issuer, genuine.serial_number)


def _unknown(subject: x509.Name, issuer: x509.Name, number: int) -> Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
    )
    builder = builder.serial_number(number)
    builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    builder = builder.not_valid_after(datetime(2045, 1, 1, tzinfo=UTC))
    return make_signer(key, builder.sign(key, hashes.SHA256()))


def double_assertion(draft: SignedDraft) -> None:
    """Put a copy of the assertion with another id, signed by an unknown issuer, before the first."""
    root = parse(unsigned_assertion(draft.assertion))
    root.set(SAML_ID, f"_{uuid.uuid4().hex}")
    sign_enveloped(root, SAML_ID, make_stranger(name_of_nobody("IAM")))
    draft.place.addprevious(root)


def _key_info(draft: SignedDraft, *inside: Element) -> None:
    """Put other content into KeyInfo."""
    info = next(draft.signature.iter(f"{{{DS}}}KeyInfo"))
    for child in list(info):
        info.remove(child)
    info.extend(inside)


def _sign_as(draft: SignedDraft, signer: Signer) -> None:
    """Let another key sign what is there."""
    next(draft.signature.iter(f"{{{DS}}}SignatureMethod")).set(
        "Algorithm", signer.algorithm
    )
    draft.signer = signer
    resign(draft)


def certificate_for_assertion(draft: SignedDraft) -> None:
    """Prove who asks by the certificate alone: a BinarySecurityToken in the place of the assertion."""
    name = f"_{uuid.uuid4()}"
    draft.security.replace(draft.place, binary_token(draft.signer.certificate, name))
    _key_info(draft, token_reference(name))


def own_certificate(draft: SignedDraft) -> None:
    """Let KeyInfo bring the certificate of the key that has signed, instead of referring to the assertion."""
    stranger = make_stranger(name_of_nobody("nobody"))
    _key_info(draft, x509_data(stranger.certificate))
    _sign_as(draft, stranger)


def own_token(draft: SignedDraft) -> None:
    """Bring the certificate of the key that has signed as a BinarySecurityToken beside the assertion."""
    _sign_with_token(draft, make_stranger(name_of_nobody("nobody")))


def certificate_of_another(draft: SignedDraft) -> None:
    """Let another caller sign and bring its own certificate, which the platform knows, beside the first's assertion."""
    other = _other_signer(draft)
    _key_info(draft, x509_data(other.certificate))
    _sign_as(draft, other)


def token_of_another(draft: SignedDraft) -> None:
    """Let another caller sign and bring its own certificate as a BinarySecurityToken beside the first's assertion."""
    _sign_with_token(draft, _other_signer(draft))


def lookalike_certificate(draft: SignedDraft) -> None:
    """Let KeyInfo bring a certificate that names subject, issuer and number of the holder's, but another key."""
    lookalike = _lookalike(draft.signer.certificate)
    _key_info(draft, x509_data(lookalike.certificate))
    _sign_as(draft, lookalike)


def lookalike_token(draft: SignedDraft) -> None:
    """Bring a certificate that looks like the holder's as a BinarySecurityToken."""
    _sign_with_token(draft, _lookalike(draft.signer.certificate))


def _other_signer(draft: SignedDraft) -> Signer:
    if draft.other_signer is None:
        raise MissingDataError("the target gives no second caller whose key could sign")
    return draft.other_signer


def _sign_with_token(draft: SignedDraft, signer: Signer) -> None:
    """Sign with a key whose certificate stands in a token beside the assertion."""
    name = f"_{uuid.uuid4()}"
    draft.place.addnext(binary_token(signer.certificate, name))
    _key_info(draft, token_reference(name))
    _sign_as(draft, signer)


def own_key_value(draft: SignedDraft) -> None:
    """Let KeyInfo bring the key that has signed as a KeyValue (XML Signature, section 4.4.2.1)."""
    key = rsa.generate_private_key(65537, 2048)
    numbers = key.public_key().public_numbers()
    value = etree.Element(f"{{{DS}}}KeyValue")
    inside = etree.SubElement(value, f"{{{DS}}}RSAKeyValue")
    for tag, number in (("Modulus", numbers.n), ("Exponent", numbers.e)):
        data = number.to_bytes((number.bit_length() + 7) // 8, "big")
        etree.SubElement(inside, f"{{{DS}}}{tag}").text = base64.b64encode(data).decode(
            "ascii"
        )
    _key_info(draft, value)
    _sign_as(draft, make_signer(key, draft.signer.certificate))


def keyed_hash(draft: SignedDraft) -> None:
    """Sign by a keyed hash whose key everybody has: the public key of the holder."""
    next(draft.signature.iter(f"{{{DS}}}SignatureMethod")).set("Algorithm", HMAC)
    value = hmac.new(
        public_key(draft.signer.certificate),
        canonical(signed_info(draft)),
        hashlib.sha256,
    ).digest()
    next(draft.signature.iter(f"{{{DS}}}SignatureValue")).text = base64.b64encode(
        value
    ).decode("ascii")


def cut_keyed_hash(draft: SignedDraft) -> None:
    """Sign by a keyed hash that is cut to no bit at all (CVE-2009-0217)."""
    method = next(draft.signature.iter(f"{{{DS}}}SignatureMethod"))
    method.set("Algorithm", HMAC)
    etree.SubElement(method, f"{{{DS}}}HMACOutputLength").text = "0"
    next(draft.signature.iter(f"{{{DS}}}SignatureValue")).text = ""


def no_key_info(draft: SignedDraft) -> None:
    """Remove the KeyInfo of the message's signature."""
    draft.signature.remove(next(draft.signature.iter(f"{{{DS}}}KeyInfo")))


def other_key_info(draft: SignedDraft) -> None:
    """Let the KeyInfo name an assertion that is not there."""
    next(draft.signature.iter(f"{{{WSSE}}}KeyIdentifier")).text = f"_{uuid.uuid4().hex}"


def second_caller(draft: SignedDraft) -> None:
    """Put the assertion of another caller before the own one."""
    if draft.borrowed is None:
        raise MissingDataError(
            "the target gives no second caller whose assertion could be borrowed"
        )
    draft.assertion = replace(
        draft.assertion, data=draft.borrowed.data + draft.assertion.data
    )
