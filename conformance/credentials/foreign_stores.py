"""Says what a file is that was given for a PKCS#12 key store and is none, with the command that makes one of it.

Must not open key stores, nor keep what it reads.
"""

import re
import shlex
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_private_key
from cryptography.x509 import load_der_x509_certificate

_SEQUENCE: Final = b"\x30"
_JAVA: Final = {b"\xfe\xed\xfe\xed": "JKS", b"\xce\xce\xce\xce": "JCEKS"}
"""How Java's own key stores begin."""
_SIGNED_DATA: Final = bytes.fromhex("06092a864886f70d010702")  # 1.2.840.113549.1.7.2
_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
"""Byte order marks of UTF-8 and UTF-16."""
_SHROUDED_KEY: Final = bytes.fromhex(
    "060b2a864886f70d010c0a0102"
)  # 1.2.840.113549.1.12.10.1.2
_LABEL: Final = re.compile(rb"(?m)^-----BEGIN ([A-Z0-9 ]{1,40})-----")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]{8,}={0,2}")
_WHITE: Final = b" \t\r\n"
AUTHENTICATION: Final = "authentication"
"""The alias of the platform's own choice for the key that identifies its owner, beside those for encryption."""


def what_it_is(raw: bytes, path: Path) -> str:
    """Return what a file is that is no PKCS#12 key store, and how to make one of it, as the end of a message.

    "" where it looks like one.
    """
    java = _JAVA.get(raw[:4])
    labels = set(_LABEL.findall(raw))
    if java:
        return (
            f"is a key store of Java's own kind ({java}), not PKCS#12; convert it with "
            f"`keytool -importkeystore -srckeystore {_quoted(path)} -srcstoretype {java} "
            f"-destkeystore {_quoted(_new(path))} -deststoretype PKCS12` and name the new file"
        )
    if labels and not raw.startswith(_MARKS):
        return _pem(labels, path)
    if _is_base64(raw):
        return f"is base64 text, not PKCS#12 itself; {_decoding(path, '')}"
    return _der(raw, path) if raw.startswith(_SEQUENCE) else _nothing_known(raw)


def export_command(key: str, certificate: str, new: Path | str) -> str:
    """Return the command that makes a key store of a file with the key and one with its certificate (both PEM)."""
    return (
        f"`openssl pkcs12 -export -inkey {key} -in {certificate} "
        f"-out {_quoted(new)} -name {AUTHENTICATION}`"
    )


def no_password(raw: bytes, path: Path) -> str:
    """Return what to do with a key store that has no password, as the end of a message."""
    own, new, pem = map(_quoted, (path, _new(path), _beside(path, "key.pem")))
    command = (
        f'`keytool -importkeystore -srckeystore {own} -srcstoretype PKCS12 -srcstorepass "" '
        f"-destkeystore {new} -deststoretype PKCS12`"
    )
    if _SHROUDED_KEY not in raw:  # keytool leaves out a key that is not encrypted
        command = (
            f"`openssl pkcs12 -in {own} -passin pass: -nodes -out {pem}` "
            f"and `openssl pkcs12 -export -in {pem} -out {new} -name {AUTHENTICATION}`"
        )
    return f"a key store needs a password; if this one has none, copy it with {command} and name the new file"


def _pem(labels: set[bytes], path: Path) -> str:
    """Return what a PEM file holds, by the labels of its parts (RFC 7468), and how to make a key store of it."""
    if b"PKCS12" in labels:
        return f"is a PKCS#12 key store in PEM; {_decoding(path, 'grep -v -e - ')}"
    has_key = any(label.endswith(b"PRIVATE KEY") for label in labels)
    has_certificate = any(label.endswith(b"CERTIFICATE") for label in labels)
    own = _quoted(path)
    if has_key and has_certificate:
        return (
            "is a PEM file with key and certificate, not PKCS#12; convert it with "
            f"`openssl pkcs12 -export -in {own} -out {_quoted(_new(path))} -name {AUTHENTICATION}` "
            "and name the new file"
        )
    if has_key:
        return (
            "is a PEM file with a private key and no certificate, not PKCS#12; put both into a key store with "
            f"{export_command(own, 'CERTIFICATE.pem', _new(path))} and name the new file"
        )
    if has_certificate:
        return (
            "is a PEM file with a certificate and no private key, not PKCS#12; put both into a key store with "
            f"{export_command('KEY.pem', own, _new(path))} and name the new file"
        )
    return "is a PEM file without private key, not PKCS#12; name the key store with your key and certificate"


def _decoding(path: Path, lines: str) -> str:
    """Return the command that decodes base64, on one line or many; `lines` is a command that chooses among them."""
    own, new = _quoted(path), _quoted(_new(path))
    source = f"{lines}{own} | tr -d '\\r\\n '" if lines else f"tr -d '\\r\\n ' < {own}"
    return f"decode it with `{source} | openssl base64 -d -A -out {new}` and name the new file"


def _is_base64(raw: bytes) -> bool:
    """Tell whether a file is the base64 text of a key store, with any white space in it."""
    text = raw.translate(None, _WHITE)
    if not _BASE64.fullmatch(text):
        return False
    start = b64decode(text[: len(text) // 4 * 4])[:4]
    return start.startswith(_SEQUENCE) or start in _JAVA


def _nothing_known(raw: bytes) -> str:
    """Return why a file cannot be told to be anything that has a key."""
    if not raw:
        return "is empty; put the key store there"
    if raw.startswith(_MARKS):
        return (
            "begins with a byte order mark, so that it was saved as text; "
            "copy a key store byte by byte, and save a PEM file as plain ASCII"
        )
    return (
        "is not a PKCS#12 key store, nor anything to make one of; "
        "name the file (.p12 or .pfx) with your key"
    )


def _der(raw: bytes, path: Path) -> str:
    """Return what a DER file holds that is no key store, "" where it holds none of what is known."""
    if _loads(load_der_x509_certificate, raw):
        return (
            "is a certificate without private key (DER), not PKCS#12; put both into a key store with "
            f"{export_command('KEY.pem', _quoted(path), _new(path))} and name the new file"
        )
    if _loads(lambda data: load_der_private_key(data, None), raw):
        pem = _beside(path, "key.pem")
        return (
            "is a private key without certificate (DER), not PKCS#12; put both into a key store with "
            f"`openssl pkey -inform DER -in {_quoted(path)} -out {_quoted(pem)}` and "
            f"{export_command(_quoted(pem), 'CERTIFICATE.pem', _new(path))}, and name the new file"
        )
    if _SIGNED_DATA in raw[:32]:
        pem = _beside(path, "certificates.pem")
        return (
            "is a list of certificates without private key (PKCS#7), not PKCS#12; put both into a key store with "
            f"`openssl pkcs7 -inform DER -in {_quoted(path)} -print_certs -out {_quoted(pem)}` and "
            f"{export_command('KEY.pem', _quoted(pem), _new(path))}, and name the new file"
        )
    return ""


def _loads(load: Callable[[bytes], object], raw: bytes) -> bool:
    """Tell whether a file is what a function reads; a key that wants a password is a key (TypeError)."""
    try:
        load(raw)
    except TypeError:
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def _new(path: Path) -> Path:
    """Return where to write a key store that is made of a file: where none is yet."""
    new = path.with_suffix(".p12")
    return path.with_name(f"{path.stem}-new.p12") if new.exists() else new


def _beside(path: Path, end: str) -> Path:
    return path.with_name(f"{path.stem}-{end}")


def _quoted(path: Path | str) -> str:
    return shlex.quote(str(path))
