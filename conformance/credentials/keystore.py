"""Opens PKCS#12 key stores: the private key of one entry, its certificate, and the chain above it.

Must not judge certificates (validity, issuer, owner) nor use the keys.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, pkcs12
from cryptography.x509 import Certificate

from conformance.credentials.foreign_stores import (
    AUTHENTICATION,
    export_command,
    no_password,
    what_it_is,
)
from conformance.credentials.secrets import read_file, resolve
from conformance.model.errors import SecretError

_LARGEST_FILE = 2**20
_NAMED_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_DATA = bytes.fromhex("2a864886f70d010701")  # 1.2.840.113549.1.7.1
_SHROUDED_KEY = bytes.fromhex("2a864886f70d010c0a0102")  # 1.2.840.113549.1.12.10.1.2
_FRIENDLY_NAME = bytes.fromhex("2a864886f70d010914")  # 1.2.840.113549.1.9.20
_INDEFINITE = 0x80
_CONSTRUCTED = 0x20
_END_OF_CONTENTS = b"\0\0"

_TOGETHER = "export key and certificate together, such as with " + export_command(
    "KEY.pem", "CERTIFICATE.pem", "NEW.p12"
)

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


def keystore_password(
    reference: str | Mapping[str, Any], path: Path, folder: Path, where: str
) -> str:
    """Return the password of the key store at `path`; `folder`, `where` and errors are those of `resolve`.

    For an empty one the message says how the key store gets a password.
    """
    return resolve(
        reference,
        folder,
        where,
        lambda: no_password(read_file(path, _LARGEST_FILE), path),
    )


def open_keystore(path: Path, password: str, alias: str | None = None) -> KeyStore:
    """Return the entry of a PKCS#12 file that has an alias, in any case of letters.

    Without alias: the only entry, or the platform's own alias among several. Raises SecretError
    where file, password, key, alias or certificate is missing or wrong.
    """
    raw = read_file(path, _LARGEST_FILE)
    other = what_it_is(raw, path)
    if other:
        raise SecretError(f"{path} {other}")
    try:
        entries, certificates = _read(raw, password.encode())
    except UnsupportedAlgorithm as error:
        raise SecretError(f"{path}: {_unsupported(error)}") from None
    except (ValueError, TypeError):
        raise SecretError(f"{path}: {_unreadable(raw, password)}") from None
    try:
        return _chosen(entries, certificates, alias)
    except SecretError as error:
        raise SecretError(f"{path}: {error}") from None


def _unreadable(raw: bytes, password: str) -> str:
    """Return why a key store cannot be read: it is cut, or it is as good as its password is wrong."""
    with suppress(IndexError, ValueError, RecursionError):
        _elements(raw)
        if password != password.strip():
            return (
                "the password is wrong, or the file is damaged; "
                "mind that the password begins or ends with a blank or a line end"
            )
        return "the password is wrong, or the file is damaged; correct the password"
    return "the file ends too early or is damaged; copy it again, byte by byte"


def _unsupported(error: UnsupportedAlgorithm) -> str:
    """Return what a key store holds that nothing here can use, and what to do."""
    if "explicit" in str(error):
        return (
            "its key or a certificate describes its elliptic curve in full (explicit parameters), "
            f"and it is none of {', '.join(_NAMED_CURVES)}; make a key on a curve that is named, such as by "
            "`openssl ecparam -name prime256v1 -genkey -noout -out key.pem`, and ask for a certificate for it"
        )
    return (
        "its key, or what protects it, is of a kind that is not known here; "
        "export RSA or EC key and certificate anew, protected with AES-256"
    )


def _read(
    raw: bytes, password: bytes
) -> tuple[Sequence[_Entry], Sequence[Certificate]]:
    """Return all entries and all certificates; the library checks the password and finds one key at most."""
    with warnings.catch_warnings():
        # A file in BER and an unusual certificate are no mistakes here.
        warnings.simplefilter("ignore", UserWarning)
        store = pkcs12.load_pkcs12(raw, password)
    certificates = list(store.additional_certs)
    if store.cert:
        certificates.insert(0, store.cert)
    keys = list(_keys(raw, password))
    if not keys and store.key:
        keys = [("", store.key)]
    entries = [_entry(alias, key, certificates) for alias, key in keys]
    return entries, [row.certificate for row in certificates]


def _entry(
    alias: str, key: object, certificates: Sequence[pkcs12.PKCS12Certificate]
) -> _Entry:
    """Return a key with the certificate that belongs to it; the certificate's name serves where the key has none."""
    row = _certificate_of(key, certificates)
    if row is None:
        return _Entry(alias, key, None)
    friendly_name = (row.friendly_name or b"").decode(errors="replace")
    return _Entry(alias or friendly_name, key, row.certificate)


def _certificate_of(
    key: object, certificates: Sequence[pkcs12.PKCS12Certificate]
) -> pkcs12.PKCS12Certificate | None:
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        return None
    public = key.public_key()
    rows = (row for row in certificates if row.certificate.public_key() == public)
    return next(rows, None)


def _chosen(
    entries: Sequence[_Entry], certificates: Sequence[Certificate], alias: str | None
) -> KeyStore:
    entry = _select(entries, alias)
    if not isinstance(entry.key, RSAPrivateKey | EllipticCurvePrivateKey):
        raise SecretError(
            "its key is neither RSA nor EC, and the platform knows no other; "
            "give the key store that the platform's certificate came with"
        )
    if entry.certificate is None:
        reason = (
            "no certificate in it belongs to its key"
            if certificates
            else "it has no certificate"
        )
        raise SecretError(f"{reason}; {_TOGETHER}")
    return KeyStore(
        entry.key,
        entry.certificate,
        tuple(_chain(entry.certificate, certificates)),
        entry.alias,
    )


def _select(entries: Sequence[_Entry], alias: str | None) -> _Entry:
    if not entries:
        raise SecretError(f"it has no private key; {_TOGETHER}")
    if alias is None and len(entries) == 1:
        return entries[0]
    wanted = AUTHENTICATION if alias is None else alias
    for entry in entries:
        if entry.alias.casefold() == wanted.casefold():
            return entry
    problem = "no key" if alias is not None else "several keys and none"
    raise SecretError(f"it has {problem} called {wanted!r}; {_alias_remedy(entries)}")


def _alias_remedy(entries: Sequence[_Entry]) -> str:
    known = ", ".join(repr(entry.alias) for entry in entries if entry.alias)
    if known:
        return f"give one of {known}"
    if len(entries) > 1:
        return f"its keys have no names, so put the one for authentication alone into a key store: {_TOGETHER}"
    return "leave `alias` out, since its key has none"


def _chain(
    certificate: Certificate, certificates: Sequence[Certificate]
) -> Iterator[Certificate]:
    """Yield a certificate's issuer, the issuer's issuer and so on, as far as the file has them."""
    rest = [other for other in certificates if other != certificate]
    while certificate.issuer != certificate.subject:
        issuers = [other for other in rest if other.subject == certificate.issuer]
        if not issuers:
            return
        certificate = issuers[0]
        yield certificate
        rest.remove(certificate)


def _keys(raw: bytes, password: bytes) -> Iterator[tuple[str, object]]:
    """Yield alias and key of each shrouded key bag that can be read (RFC 7292, sections 4 and 4.2.2)."""
    for alias, value in _key_bags(raw):
        with suppress(ValueError, TypeError, UnsupportedAlgorithm):
            yield alias, load_der_private_key(value, password)


def _key_bags(raw: bytes) -> Sequence[tuple[str, bytes]]:
    """Return alias and EncryptedPrivateKeyInfo of each key bag; none where the file is built in another way."""
    try:
        (_, file), *_ = _elements(raw)
        safes = _contents(_elements(file)[1][1])
        bags = [_elements(bag) for safe in safes for bag in _contents(safe)]
        return [_key_bag(bag) for bag in bags if bag[0][1] == _SHROUDED_KEY]
    except (IndexError, ValueError, RecursionError):
        return []


def _key_bag(bag: Sequence[Element]) -> tuple[str, bytes]:
    _, (_, value), *attributes = bag
    return _friendly_name(attributes), value


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
    """Return the values that stand one after another in BER, in which Java writes its key stores too."""
    elements, at = [], 0
    while at < len(data):
        tag, contents, at = _element(data, at)
        elements.append((tag, contents))
    return elements


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
