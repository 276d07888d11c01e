"""Finds what looks like a credential in a text, whosever it is: compact tokens, private keys, SAML assertions.

Must not know any secret.
"""

import re
from collections.abc import Iterator

from conformance.evidence.dresses import Span

_LOOKS_LIKE_A_CREDENTIAL = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]{8,}+(?P<jwt>\.)[A-Za-z0-9_-]*+)?"  # RFC 7519: a compact JWT
    r"|(?P<key>-----BEGIN [A-Z ]*PRIVATE KEY-----)[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"  # RFC 7468
)
"""A match without `jwt` or `key` is but the beginning of a token; it is taken whole so that no text takes long."""
_LESS, _GREATER = (
    r"(?:<|&(?:amp;)*+(?:lt|#60|#x3[Cc]);)",
    r"(?:>|&(?:amp;)*+(?:gt|#62|#x3[Ee]);)",
)
_ASSERTION_BEGINS = re.compile(
    rf"{_LESS}(?:[\w.-]++:)?Assertion(?:\s|\\[nrt])(?:(?!{_LESS})[\s\S])*?\b(?:Assertion)?ID\s*="
)
"""A SAML assertion, whoever wrote it down again in other words than it was issued in, or as text inside of XML."""
_ASSERTION_ENDS = re.compile(rf"{_LESS}/(?:[\w.-]++:)?Assertion\s*+{_GREATER}")


SHORTEST_LOOKALIKE = len("<Assertion ID=")
"""Characters of the shortest text that looks like a credential, or begins like one."""


def lookalikes(text: str) -> Iterator[Span]:
    """Yield where a text has what looks like a credential, from its beginning on and without overlaps."""
    found: list[Span] = []
    if "eyJ" in text or "PRIVATE KEY" in text:
        matches = _LOOKS_LIKE_A_CREDENTIAL.finditer(text)
        found += [match.span() for match in matches if match["jwt"] or match["key"]]
    if "Assertion" in text:
        found += _assertions(text)
    end = 0
    for span in sorted(found):
        if span[0] >= end:
            yield span
            end = span[1]


def _assertions(text: str) -> Iterator[Span]:
    """Yield what stands between the first beginning of an assertion and the last end of one.

    An assertion may hold another one, or its end tag in a comment; one without end goes to the end of the text.
    """
    begins = _ASSERTION_BEGINS.search(text)
    if begins is None:
        return
    ends = [match.end() for match in _ASSERTION_ENDS.finditer(text, begins.end())]
    yield begins.start(), ends[-1] if ends else len(text)
    if ends and (more := _ASSERTION_BEGINS.search(text, ends[-1])) is not None:
        yield more.start(), len(text)
