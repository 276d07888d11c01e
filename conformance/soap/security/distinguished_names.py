"""Distinguished names as people and libraries print them, compared by what they say.

RFC 2253, RFC 4514, X.509 in Java, .NET and OpenSSL differ in order, in the names of types, in quotes and in spaces: the
values are what they share. Must not decide what a name is worth.
"""

import re
from collections.abc import Iterator
from typing import Final

from cryptography.x509 import Name

_PART: Final = re.compile(
    r"""\s*[\w.-]+\s*=\s*(?P<value>"(?:[^"\\]|\\.)*"|(?:[^\\,;+/"]|\\.|/(?!\s*[\w.-]+\s*=))*)\s*[,;+/]?""",
    re.DOTALL,
)
"""One type and value, with what separates it from the next."""
_ESCAPED: Final = re.compile(r"((?:\\[0-9A-Fa-f]{2})+)|\\(.)", re.DOTALL)
_ENCODED: Final = re.compile(r"#(?:[0-9A-Fa-f]{2})+")
_LONGEST: Final = 4000
_SHORT_LENGTH: Final = 0x80
"""A length of DER below it stands in one byte."""


def says_the_same(written: str, name: Name) -> bool:
    """Tell whether a printed name has the very values of a certificate's name, in whatever order."""
    own = sorted(_folded(str(part.value)) for part in name)
    return bool(own) and sorted(_values(written)) == own


def _values(written: str) -> Iterator[str]:
    """Yield the values of a printed name; "" in the place of what cannot be read."""
    rest = written.strip().lstrip("/")[:_LONGEST]
    while rest:
        found = _PART.match(rest)
        if found is None:
            yield ""
            return
        yield _folded(_plain(found["value"].strip()))
        rest = rest[found.end() :].strip()


def _plain(value: str) -> str:
    """Return a value without quotes, escapes and encoding (RFC 4514, section 2.4)."""
    if _ENCODED.fullmatch(value):
        data = bytes.fromhex(value[1:])
        short = len(data) > 1 and data[1] < _SHORT_LENGTH
        return data[2:].decode("utf-8", "replace") if short else ""
    return _ESCAPED.sub(_character, value.strip('"'))


def _character(found: re.Match[str]) -> str:
    if found[1]:
        return bytes.fromhex(found[1].replace("\\", "")).decode("utf-8", "replace")
    return found[2]


def _folded(value: str) -> str:
    """Return a value as it is compared: case and white space do not count (RFC 4518, section 2)."""
    return " ".join(value.casefold().split())
