"""Opens PKCS#12 key stores: the private key of one entry, its certificate, and the chain above it.

Must not judge certificates (validity, issuer, owner) nor use the keys.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, pkcs12
from cryptography.x509 import Certificate

from conformance.credentials.secrets import read_file
from conformance.model.errors import SecretError

AUTHENTICATION = "authentication"
"""The alias of the platform's own choice for the key that identifies its owner, beside those for encryption."""

_LARGEST_FILE = 2**20
_SEQUENCE = b"\x30"
_DATA = bytes.fromhex("2a864886f70d010701")  # 1.2.840.113549.1.7.1
_SHROUDED_KEY = bytes.fromhex("2a864886f70d010c0a0102")  # 1.2.840.113549.1.12.10.1.2
_FRIENDLY_NAME = bytes.fromhex("2a864886f70d010914")  # 1.2.840.113549.1.9.20
_INDEFINITE = 0x80
_CONSTRUCTED = 0x20
_END_OF_CONTENTS = b"\0\0"

Element = tuple[int, bytes]
"""The tag of a BER value, and its contents."""


@dataclass(frozen=True, slots=True)
class KeyStore:
    """One entry of a key store; `chain` goes up from the certificate's issuer, `alias` is "" where it has none."""

    key: RSAPrivateKey | EllipticCurvePrivateKey = field(repr=False)
    certificate: Certificate
    chain: tuple[Certificate, ...]
    alias: str


@dataclass(frozen=True, slots=True)
class _Entry:
    """A private key of any kind with its alias and the certificate that belongs to it, if there is one."""

    alias: str
    key: object
    certificate: Certificate | None


def open_keystore(path: Path, password: str, alias: str | None = None) -> KeyStore:
    """Return the entry of a PKCS#12 file that has an alias, in any case of letters.

    Without alias: the only entry, or the platform's own alias among several. Raises SecretError
    where file, password, key, alias or certificate is missing or wrong.
    """
    raw = read_file(path, _LARGEST_FILE)
    if not raw.startswith(_SEQUENCE):
        raise SecretError(
            f"{path} is not a PKCS#12 key store; convert it with "
            "`keytool -importkeystore -deststoretype pkcs12` or `openssl pkcs12 -export`"
        )
    try:
        entries, certificates = _read(raw, password.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SecretError(
            f"{path}: the password is wrong, or the file is damaged; correct the password"
        ) from None
    try:
        return _chosen(entries, certificates, alias)
    except SecretError as error:
        raise SecretError(f"{path}: {error}") from None


def _read(
    raw: bytes, password: bytes
) -> tuple[Sequence[_Entry], Sequence[Certificate]]:
    """Return all entries and all certificates; the library checks the password and finds one key at most."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # that a file is BER, or a certificate unusual, is no mistake here
        store = pkcs12.load_pkcs12(raw, password)
    found = [*([store.cert] if store.cert else []), *store.additional_certs]
    entries = [_entry(alias, key, found) for alias, key in _keys(raw, password)]
    if not entries and store.key:
        entries = [_entry("", store.key, found)]
    return entries, [one.certificate for one in found]


def _entry(
    alias: str, key: object, certificates: Sequence[pkcs12.PKCS12Certificate]
) -> _Entry:
    public = (
        key.public_key()
        if isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey)
        else None
    )
    own = next(
        (
            one
            for one in certificates
            if public is not None and one.certificate.public_key() == public
        ),
        None,
    )
    if own is None:
        return _Entry(alias, key, None)
    return _Entry(
        alias or (own.friendly_name or b"").decode(errors="replace"),
        key,
        own.certificate,
    )


def _chosen(
    entries: Sequence[_Entry], certificates: Sequence[Certificate], alias: str | None
) -> KeyStore:
    entry = _select(entries, alias)
    if not isinstance(entry.key, RSAPrivateKey | EllipticCurvePrivateKey):
        raise SecretError("its key is neither RSA nor EC; the platform knows no other")
    if entry.certificate is None:
        reason = (
            "no certificate in it belongs to its key"
            if certificates
            else "it has no certificate"
        )
        raise SecretError(f"{reason}; export key and certificate together")
    return KeyStore(
        entry.key,
        entry.certificate,
        tuple(_chain(entry.certificate, certificates)),
        entry.alias,
    )


def _select(entries: Sequence[_Entry], alias: str | None) -> _Entry:
    if not entries:
        raise SecretError(
            "it has no private key; export the key together with its certificate"
        )
    if alias is None and len(entries) == 1:
        return entries[0]
    wanted = AUTHENTICATION if alias is None else alias
    found = next(
        (entry for entry in entries if entry.alias.casefold() == wanted.casefold()),
        None,
    )
    if found is not None:
        return found
    known = ", ".join(repr(entry.alias) for entry in entries if entry.alias)
    remedy = (
        f"give one of {known}" if known else "leave `alias` out, since its key has none"
    )
    raise SecretError(
        f"it has several keys and none called {wanted!r}; {remedy}"
        if alias is None
        else f"it has no key called {wanted!r}; {remedy}"
    )


def _chain(
    certificate: Certificate, certificates: Sequence[Certificate]
) -> Iterator[Certificate]:
    """Yield the certificates above one, as far as the file has them."""
    left = [one for one in certificates if one != certificate]
    while certificate.issuer != certificate.subject:
        above = next((one for one in left if one.subject == certificate.issuer), None)
        if above is None:
            return
        yield above
        left.remove(above)
        certificate = above


def _keys(raw: bytes, password: bytes) -> Iterator[tuple[str, object]]:
    """Yield alias and key of each shrouded key bag that can be read (RFC 7292, sections 4 and 4.2.2)."""
    for alias, value in _key_bags(raw):
        with suppress(ValueError, TypeError, UnsupportedAlgorithm):
            yield alias, load_der_private_key(value, password)


def _key_bags(raw: bytes) -> Sequence[tuple[str, bytes]]:
    """Return alias and EncryptedPrivateKeyInfo of each key bag; none where the file is built in another way."""
    try:
        (_, file), *_ = _elements(raw)
        bags = [
            bag for info in _contents(_elements(file)[1][1]) for bag in _contents(info)
        ]
        parts = [_elements(bag) for bag in bags]
        return [
            (_friendly_name(part[2:]), part[1][1])
            for part in parts
            if part[0][1] == _SHROUDED_KEY
        ]
    except (IndexError, ValueError, RecursionError):
        return []


def _contents(info: bytes) -> list[bytes]:
    """Return the members of the sequence in a ContentInfo of type data; nothing of an encrypted one."""
    (_, kind), *rest = _elements(info)
    if kind != _DATA:
        return []
    ((_, sequence),) = _elements(_octets(*_elements(rest[0][1])[0]))
    return [contents for _, contents in _elements(sequence)]


def _friendly_name(attributes: Sequence[Element]) -> str:
    for _, attribute in _elements(attributes[0][1] if attributes else b""):
        (_, kind), (_, values) = _elements(attribute)
        if kind == _FRIENDLY_NAME:
            return _elements(values)[0][1].decode("utf-16-be", errors="replace")
    return ""


def _octets(tag: int, contents: bytes) -> bytes:
    """Return the octets of an OCTET STRING, which BER lets come in pieces (X.690, section 8.7)."""
    if tag & _CONSTRUCTED:
        return b"".join(_octets(*piece) for piece in _elements(contents))
    return contents


def _elements(data: bytes) -> list[Element]:
    """Return the values that stand one after another in BER, which Java's key stores are written in too."""
    found, at = [], 0
    while at < len(data):
        tag, contents, at = _element(data, at)
        found.append((tag, contents))
    return found


def _element(data: bytes, at: int) -> tuple[int, bytes, int]:
    """Return tag, contents and end of the value that begins at a place (X.690, section 8.1)."""
    tag, length, start = data[at], data[at + 1], at + 2
    if length == _INDEFINITE:
        end = start
        while data[end : end + 2] != _END_OF_CONTENTS:
            _, _, end = _element(data, end)
        return tag, data[start:end], end + 2
    if length & _INDEFINITE:
        size = length & ~_INDEFINITE
        length, start = int.from_bytes(data[start : start + size], "big"), start + size
    end = start + length
    if end > len(data):
        raise ValueError("a value goes beyond its end")
    return tag, data[start:end], end
