"""Reads bytes in every way that a curious person would: escapes undone, base64 and hexadecimal decoded, again.

Knows nothing of how the harness takes secrets out.
"""

import base64
import binascii
import html
import quopri
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

_RUN = re.compile(rb"[A-Za-z0-9+/_-]{8,}")
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2}[:\- ]?){6,}")
_UNICODE = re.compile(rb"\\u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})|\\([\\/\"'])")
DEPTH = 3


def readings(data: bytes, depth: int = DEPTH) -> Iterator[bytes]:
    """Yield bytes as they are, and everything that they may be read as."""
    yield data
    if depth:
        for other in {*_other_readings(data)} - {data}:
            yield from readings(other, depth - 1)


def _other_readings(data: bytes) -> Iterator[bytes]:
    yield unquote_to_bytes(data)
    yield _UNICODE.sub(_character, data)
    yield html.unescape(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogatepass")
    if b"\0" in data:
        yield data.replace(b"\0", b"")
    if b"=" in data and b"\n" in data:
        yield quopri.decodestring(data)
    yield b"\n".join(_decoded(data))
    yield b"\n".join(binascii.unhexlify(re.sub(rb"[:\- ]", b"", run)) for run in _HEX.findall(data))


def _character(match: re.Match[bytes]) -> bytes:
    digits = match[1] or match[2]
    return chr(int(digits, 16)).encode("utf-8", "surrogatepass") if digits else match[3]


def _decoded(data: bytes) -> Iterator[bytes]:
    for run in _RUN.findall(data):
        digits = run.translate(bytes.maketrans(b"-_", b"+/"))
        for offset in range(4):
            whole = digits[offset:]
            whole = whole[: len(whole) - len(whole) % 4] if len(whole) % 4 == 1 else whole
            yield base64.b64decode(whole + b"=" * (-len(whole) % 4))
