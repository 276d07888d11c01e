"""By what a KeyInfo names a key: certificates, key values, and names that only somebody who has the key understands.

Source: XML Signature 1.1, section 4.5, and the X.509 Token Profile 1.1, section 3.2. Must not decide whom to trust.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)
from cryptography.x509 import ObjectIdentifier

from conformance.model.errors import ConformanceError
from conformance.soap.markup import Element, below, children, local, text
from conformance.soap.names import DS, DS11, DS_MORE, WSSE, XENC
from conformance.soap.security.certificates import (
    has_issued,
    public_key,
    read_certificate,
)
from conformance.soap.security.key_clues import (
    ODD_CERTIFICATE,
    CertificateDigest,
    Clue,
    IssuerSerial,
    Match,
    OtherName,
    SubjectKeyId,
    SubjectName,
    known,
)

_LONGEST_NAME: Final = 80
_MOST: Final = 20
"""Names of a key that are looked at; a KeyInfo has one or two."""
_LONGEST: Final = 100_000
"""Letters of a certificate or a number that are read; those in use have fewer than 10,000."""
_URN: Final = "urn:oid:"
_PRIMES: Final[Mapping[int, type[ec.EllipticCurve]]] = {
    2**256 - 2**224 + 2**192 + 2**96 - 1: ec.SECP256R1,
    2**384 - 2**128 - 2**96 + 2**32 - 1: ec.SECP384R1,
    2**521 - 1: ec.SECP521R1,
}
"""The curves that the platform's keys are on, by the prime of their field (FIPS 186-4, D.1.2)."""
_UNCOMPRESSED: Final = b"\x04"


class UnreadKeyError(ConformanceError):
    """A key may well be one, but is of a kind that is not read here."""


class KeyInfoError(ConformanceError):
    """What names a key cannot be read at all."""


@dataclass(frozen=True, slots=True)
class NamedKey:
    """What a KeyInfo names a key by.

    `certificates` are those that may have the key, the authorities in `brought` not among them; `keys` are those of key
    values, as DER (SubjectPublicKeyInfo).
    """

    certificates: tuple[x509.Certificate, ...] = ()
    keys: tuple[bytes, ...] = ()
    clues: tuple[Clue, ...] = ()
    brought: tuple[x509.Certificate, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether a key is named at all."""
        return bool(self.certificates or self.keys or self.clues)

    @property
    def public_keys(self) -> tuple[bytes, ...]:
        """Return the keys that are named by themselves, as DER: those of certificates first."""
        return (*map(public_key, self.certificates), *self.keys)

    @property
    def words(self) -> str:
        """Return by what else than a certificate the key is named."""
        said = [f"its value ({len(self.keys)} given)"] if len(self.keys) > 1 else []
        said += ["its value"] if len(self.keys) == 1 else []
        said += [clue.words for clue in self.clues]
        return " and ".join(dict.fromkeys(said)) or "nothing"

    def match(self, certificate: x509.Certificate) -> Match:
        """Tell whether a certificate's key is the one that is named."""
        own = self.public_keys
        if own:
            return known(public_key(certificate) in own)
        found = {clue.match(certificate) for clue in self.clues}
        for sure in (Match.OTHER, Match.SAME):
            if sure in found:
                return sure
        return Match.UNKNOWN


def read_key_info(element: Element) -> NamedKey:
    """Return by what an element, or what stands below it, names a key; raises KeyInfoError.

    A key that is encrypted for somebody is not looked into: what stands in it names that other one's key.
    """
    certificates: list[x509.Certificate] = []
    keys: list[bytes] = []
    clues: list[Clue] = []
    for node in _nodes(element):
        match _named(node):
            case x509.Certificate() as certificate:
                certificates.append(certificate)
            case bytes() as key:
                keys.append(key)
            case None:
                pass
            case clue:
                clues.append(clue)
    own = _own(certificates, keys, clues)
    others = tuple(one for one in certificates if one not in own)
    return NamedKey(own, tuple(keys), tuple(clues), others)


def _own(
    certificates: list[x509.Certificate], keys: list[bytes], clues: list[Clue]
) -> tuple[x509.Certificate, ...]:
    """Return the certificates that may have the key, out of a chain in any order (XML Signature, section 4.5.4)."""
    unlike = dict.fromkeys(certificates)
    if len(unlike) < 2:  # noqa: PLR2004 - nothing to choose from
        return tuple(unlike)
    by_key = [one for one in unlike if public_key(one) in keys]
    by_name = [
        one for one in unlike if any(clue.match(one) is Match.SAME for clue in clues)
    ]
    last = [
        one
        for one in unlike
        if not any(has_issued(one, other) for other in unlike if other != one)
    ]
    return tuple(by_key or by_name or last or unlike)


def _nodes(element: Element) -> Iterator[Element]:
    """Yield an element and those below it that may name its key, in document order, as many as are looked at."""
    waiting, seen = [element], 0
    while waiting and seen < _MOST:
        node = waiting.pop()
        seen += node.tag in _READERS or node.tag in _KEY_VALUES
        yield node
        if node.tag != f"{{{XENC}}}EncryptedKey":
            waiting += reversed(children(node))


def _named(node: Element) -> x509.Certificate | bytes | Clue | None:
    """Return what one element names a key by, None where it does not."""
    if node.tag in _KEY_VALUES:
        return _key_value(node)
    reader = _READERS.get(node.tag)
    if reader is None:
        return None
    try:
        return reader(node)
    except ValueError:
        return OtherName(f"{local(node)}, which cannot be read")


def _certificate(node: Element) -> x509.Certificate | Clue:
    certificate = read_certificate(text(node))
    if certificate is not None:
        return certificate
    if _has_odd_key(text(node)):
        return ODD_CERTIFICATE
    raise KeyInfoError("a certificate in it cannot be read")


def _has_odd_key(encoded: str) -> bool:
    """Tell whether a certificate can be read, but not its key."""
    try:
        x509.load_der_x509_certificate(_decoded(encoded)).public_key()
    except UnsupportedAlgorithm:
        return True
    except (ValueError, TypeError, x509.InvalidVersion):
        return False
    return False


def _key_id(node: Element) -> Clue:
    return SubjectKeyId(_decoded(text(node)))


def _issuer_serial(node: Element) -> Clue:
    parts = {local(child): text(child) for child in children(node)}
    issuer, serial = parts.get("X509IssuerName", ""), parts.get("X509SerialNumber", "")
    return IssuerSerial(issuer, int(serial[:_LONGEST_NAME]))


def _subject_name(node: Element) -> Clue:
    return SubjectName(text(node))


def _digest(node: Element) -> Clue:
    return CertificateDigest(node.get("Algorithm", ""), _decoded(text(node)))


def _key_name(node: Element) -> Clue:
    name = text(node)
    return OtherName(f"the name {name[:_LONGEST_NAME]!r}", name)


def _token(node: Element) -> x509.Certificate | Clue:
    """Return what a token or a KeyIdentifier brings, by the end of its ValueType (X.509 Token Profile 1.1, 3.2)."""
    kind = node.get("ValueType", "").rpartition("#")[2]
    if kind in {"X509v3", "X509v1"}:
        return _certificate(node)
    if kind == "X509SubjectKeyIdentifier":
        return _key_id(node)
    if kind == "ThumbprintSHA1":
        return CertificateDigest(f"{DS}sha1", _decoded(text(node)))
    return OtherName(f"{local(node)} of the kind {kind[:_LONGEST_NAME]!r}")


def _foreign(node: Element) -> Clue:
    """Return a name that leads elsewhere, or a key that is not public."""
    return OtherName(local(node))


def _decoded(encoded: str) -> bytes:
    if len(encoded) > _LONGEST:
        raise ValueError("too long")
    return base64.b64decode("".join(encoded.split()), validate=True)


def _key_value(element: Element) -> bytes | Clue:
    """Return the key in an element as DER (SubjectPublicKeyInfo), or of what kind it is where it is not read here."""
    try:
        return _KEY_VALUES[element.tag](element)
    except UnreadKeyError as error:
        return OtherName(str(error))
    except UnsupportedAlgorithm:
        return OtherName("a key of a kind that is not read here")
    except (ValueError, OverflowError, KeyError, StopIteration):
        raise KeyInfoError("the key in it cannot be read") from None


def _rsa(element: Element) -> bytes:
    parts = {local(child): _number(child) for child in children(element)}
    return _encoded(RSAPublicNumbers(parts["Exponent"], parts["Modulus"]).public_key())


def _ec(element: Element) -> bytes:
    """Return an EC key: a curve, named or by its parameters, and a point on it (XML Signature 1.1, section 4.5.2.3)."""
    point = _decoded(text(next(below(element, "PublicKey"))))
    curve = _curve(element, _number)
    return _encoded(ec.EllipticCurvePublicKey.from_encoded_point(curve, point))


def _old_ec(element: Element) -> bytes:
    """Return an EC key whose numbers are written in decimal, as attributes (RFC 4050, section 3.1)."""
    point = next(below(element, "PublicKey"))
    found = {local(child): int(child.get("Value", "")) for child in children(point)}
    curve = _curve(element, lambda prime: int(text(prime)))
    size = (curve.key_size + 7) // 8
    encoded = b"".join(found[name].to_bytes(size, "big") for name in ("X", "Y"))
    return _encoded(
        ec.EllipticCurvePublicKey.from_encoded_point(curve, _UNCOMPRESSED + encoded)
    )


def _whole(element: Element) -> bytes:
    """Return a key that is written as DER (XML Signature 1.1, section 4.5.9), with all of it read."""
    key = load_der_public_key(_decoded(text(element)))
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _dsa(_: Element) -> bytes:
    raise UnreadKeyError("a DSA key, which is not read here")


def _curve(element: Element, number: Callable[[Element], int]) -> ec.EllipticCurve:
    """Return the curve that is named, or whose prime is that of a curve known by name."""
    named = next(below(element, "NamedCurve"), None)
    if named is not None:
        written = named.get("URI") or named.get("URN") or ""
        try:
            identifier = ObjectIdentifier(written.strip().lower().removeprefix(_URN))
            return ec.get_curve_for_oid(identifier)()
        except LookupError:
            raise UnreadKeyError(
                f"a key on the curve {written[:80]!r}, which is not read here"
            ) from None
    prime = number(next(below(element, "P")))
    if prime not in _PRIMES:
        raise UnreadKeyError(
            "a key on a curve by its parameters, which is none of P-256, P-384 and P-521"
        )
    return _PRIMES[prime]()


def _encoded(key: RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _number(element: Element) -> int:
    return int.from_bytes(_decoded(text(element)), "big")


_READERS: Final = {
    f"{{{DS}}}X509Certificate": _certificate,
    f"{{{DS}}}X509SKI": _key_id,
    f"{{{DS}}}X509IssuerSerial": _issuer_serial,
    f"{{{DS}}}X509SubjectName": _subject_name,
    f"{{{DS11}}}X509Digest": _digest,
    f"{{{DS}}}KeyName": _key_name,
    f"{{{DS}}}RetrievalMethod": _foreign,
    f"{{{DS}}}PGPData": _foreign,
    f"{{{DS}}}SPKIData": _foreign,
    f"{{{XENC}}}EncryptedKey": _foreign,
    f"{{{WSSE}}}BinarySecurityToken": _token,
    f"{{{WSSE}}}KeyIdentifier": _token,
    f"{{{WSSE}}}Reference": _foreign,
}
_KEY_VALUES: Final[Mapping[str, Callable[[Element], bytes]]] = {
    f"{{{DS}}}RSAKeyValue": _rsa,
    f"{{{DS}}}DSAKeyValue": _dsa,
    f"{{{DS11}}}ECKeyValue": _ec,
    f"{{{DS_MORE}}}ECDSAKeyValue": _old_ec,
    f"{{{DS11}}}DEREncodedKeyValue": _whole,
}
"""The elements that hold a public key, each with its reader."""
