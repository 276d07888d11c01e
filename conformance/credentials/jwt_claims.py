"""Reads the claims of a JSON Web Token, above all when it expires.

Must not verify signatures: what a token says is shown to people and used to renew it in time.
"""

import json
import math
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any

_SIGNED_JWT = re.compile(
    r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*", re.ASCII
)  # RFC 7515, section 3.1

_NUMBER = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?", re.ASCII)


def claims(token: str) -> Mapping[str, Any] | None:
    """Return the claims of a JWT, unverified (RFC 7519, section 7.2); None where the text is no signed JWT."""
    parts = _SIGNED_JWT.fullmatch(token)
    if parts is None:
        return None
    header, payload = (json_object(_base64(part)) for part in parts.groups())
    return payload if header is not None else None


def expiry(token: str) -> float | None:
    """Return when a token expires, in epoch seconds; None where it does not say (RFC 7519, section 4.1.4)."""
    return finite_number((claims(token) or {}).get("exp"))


def finite_number(value: object) -> float | None:
    """Return a JSON number, None for any other value and for a number too large."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def stated_seconds(value: object) -> float | None:
    """Return a number of seconds that a JSON document states, be it in a text as some servers write it; else None."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    return finite_number(value)


def json_object(raw: bytes) -> dict[str, Any] | None:
    """Return the members of a JSON object, None for any other bytes."""
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _base64(text: str) -> bytes:
    """Return the bytes of base64url text without padding (RFC 7515, appendix C), none for an impossible length."""
    if len(text) % 4 == 1:
        return b""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
