"""Breaks access tokens in exactly one way, for cases in which the service must refuse them.

Must not make a token that anyone could take for a valid one.
"""

import base64
import json

MALFORMED = "malformed"
"""A role that needs no credential: its token is no token at all."""
ALTERATIONS = ("forged", "unsigned")
"""What can be wrong with a token: its signature is another, or it has none."""


def alter(token: str, how: str) -> str:
    """Return a token with one thing wrong: `forged` (another signature) or `unsigned` (alg none, RFC 7519, 6.1).

    Raises ValueError for another alteration; a token that is no JWT is given another end.
    """
    header, _, rest = token.partition(".")
    payload, _, signature = rest.partition(".")
    if how == "forged":
        return f"{header}.{payload}.{_other(signature)}" if signature else _other(token)
    if how == "unsigned":
        none = (
            base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode())
            .rstrip(b"=")
            .decode()
        )
        return f"{none}.{payload}."
    raise ValueError(f"unknown alteration {how!r}")


def _other(text: str) -> str:
    """Return a text of the same length that differs in the middle, where no padding bits hide the change."""
    middle = len(text) // 2
    return (
        text[:middle]
        + ("A" if text[middle : middle + 1] != "A" else "B")
        + text[middle + 1 :]
    )
