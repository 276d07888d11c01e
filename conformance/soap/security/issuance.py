"""Whether an assertion is as its issuer signed it, as far as a reader outside of the platform can tell.

A signature holds, does not, or is not checked: because nothing names who has signed, or because of its algorithms. The
platform itself is stricter (`saml.signature_problem`). Must not decide what follows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)
from lxml import etree

from conformance.soap.markup import Element, children
from conformance.soap.names import DS, WSU, XML
from conformance.soap.security.certificates import leads_to
from conformance.soap.security.extraction import takes_in_surroundings
from conformance.soap.security.key_clues import ODD_CERTIFICATE, Match
from conformance.soap.security.key_info import (
    KeyInfoError,
    NamedKey,
    read_key_info,
)
from conformance.soap.security.wss import (
    LEGAL,
    SAML_ID,
    SignatureError,
    UncheckedSignatureError,
    UnfitSignatureError,
    references,
    verify,
)

_IDS: Final = (SAML_ID, "ID", "Id", "id", f"{{{WSU}}}Id", f"{{{XML}}}id")
_LONGEST_ID: Final = 80


@dataclass(frozen=True, slots=True)
class Holds:
    """The signature is good, and its signer is trusted; `alone` where it is so only while nothing stands around it."""

    alone: bool = False


@dataclass(frozen=True, slots=True)
class Refuted:
    """The assertion is not as a trusted issuer signed it; `unfit` where it is the way it was signed."""

    reason: str
    unfit: bool = False


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Nothing is known of the signature; `needs` is what would let it be checked, "" where nothing does."""

    reason: str
    needs: str = ""


SignatureState = Holds | Refuted | Unchecked


def signature_state(
    root: Element, trusted: Sequence[x509.Certificate]
) -> SignatureState:
    """Return whether an assertion's own signature holds, by the certificates that are trusted or their authorities."""
    try:
        signature = _covering(root)
    except UnfitSignatureError as error:
        return Refuted(str(error), unfit=True)
    except UncheckedSignatureError as error:
        return Unchecked(f"its signature is not checked: {error}")
    except SignatureError as error:
        return Refuted(str(error))
    return _by_key(_Signed(root, signature), trusted)


def _covering(root: Element) -> Element:
    """Return the one signature of an assertion, which covers it and nothing else; raises SignatureError."""
    signatures = [one for one in children(root) if one.tag == f"{{{DS}}}Signature"]
    if len(signatures) != 1:
        raise SignatureError(f"it has {len(signatures)} signatures instead of one")
    covered = references(signatures[0], LEGAL)
    own = root.get(SAML_ID, "")
    if [reference.part for reference in covered] != [own]:
        raise SignatureError(
            "its signature covers something else than the whole assertion"
        )
    others = (element.attrib for element in root.iterdescendants(etree.Element))
    if any(own in map(held.get, _IDS) for held in others):
        raise SignatureError(
            f"the id {own[:_LONGEST_ID]!r}, which its signature covers, is given twice"
        )
    return signatures[0]


@dataclass(frozen=True, slots=True)
class _Signed:
    """An assertion and the signature that covers all of it."""

    root: Element
    signature: Element

    def problem(self, key: bytes) -> str:
        """Return why the signature does not hold by a certificate in DER or a key in PEM, "" where it does."""
        part = {self.root.get(SAML_ID, ""): self.root}
        try:
            verify(self.signature, key, part, SAML_ID, LEGAL)
        except SignatureError as error:
            return str(error)
        return ""


def _by_key(signed: _Signed, trusted: Sequence[x509.Certificate]) -> SignatureState:
    """Return whether a signature holds by the key that it names, or else by one that is trusted."""
    info = signed.signature.find(f"{{{DS}}}KeyInfo")
    try:
        named = read_key_info(info) if info is not None else NamedKey()
    except KeyInfoError as error:
        return Refuted(str(error))
    if named.certificates:
        return _by_certificate(signed, named, trusted)
    if any(not signed.problem(_der(certificate)) for certificate in trusted):
        is_damaged = ODD_CERTIFICATE in named.clues  # not what it was signed by
        return (
            Refuted("a certificate in it cannot be read")
            if is_damaged
            else _good(signed)
        )
    return _by_name(signed, named, trusted)


def _by_certificate(
    signed: _Signed, named: NamedKey, trusted: Sequence[x509.Certificate]
) -> SignatureState:
    """Return whether a signature holds by a certificate that its KeyInfo brings, and that is trusted."""
    believed = [
        one for one in named.certificates if leads_to(one, trusted, named.brought)
    ]
    if not believed:
        name = named.certificates[0].subject.rfc4514_string()
        return Refuted(f"it is signed by {name!r}, which is not trusted")
    problems = [signed.problem(_der(one)) for one in believed]
    return _good(signed) if "" in problems else _broken(signed, problems[0])


def _good(signed: _Signed) -> Holds:
    return Holds(alone=takes_in_surroundings(signed.signature))


def _by_name(
    signed: _Signed, named: NamedKey, trusted: Sequence[x509.Certificate]
) -> SignatureState:
    """Return what is known of a signature that holds by no trusted certificate, and brings none."""
    for key in named.keys:
        problem = signed.problem(_pem(key))
        if problem:
            return _broken(signed, problem)
    for certificate in trusted:
        if named.match(certificate) is Match.SAME:
            return _broken(signed, signed.problem(_der(certificate)))
    return Unchecked(
        "its signature names no certificate"
        + (f", but its key by {named.words}" if named else "")
        + ", and was made by none of those in trust.sts_ca: who signed it is not checked",
        "name the STS's own certificate as trust.sts_ca",
    )


def _broken(signed: _Signed, problem: str) -> SignatureState:
    """Return that a signature does not hold, or that nobody knows, where it depends on what stood around."""
    if takes_in_surroundings(signed.signature):
        return Unchecked(
            "its signature is not checked: by its canonicalisation it depends on what stood around the assertion"
        )
    return Refuted(problem)


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _pem(key: bytes) -> bytes:
    """Return a key in PEM, which is told from a certificate."""
    return load_der_public_key(key).public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
