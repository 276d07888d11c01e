"""The one place where secrets are taken out of what is written down.

A known secret becomes a typed reference such as `{"token": "citizen"}`; what merely looks like a
credential becomes `{"secret": "unknown"}`. Must not resolve secrets nor write files.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

UNKNOWN = {"secret": "unknown"}

_CREDENTIAL_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "authentication-info"}
)
_SCHEMED = frozenset({"authorization", "proxy-authorization"})
_LOOKS_LIKE_A_CREDENTIAL = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"  # RFC 7519: a compact JWT
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"  # RFC 7468
)
_SHORTEST_SECRET = 4
"""Shorter values would be replaced in the middle of ordinary text."""


@dataclass(slots=True)
class Redactor:
    """Replaces the secrets it has been told, and what looks like one, in text and header values."""

    _known: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _pattern: re.Pattern[str] | None = None

    def learn(self, secret: str, reference: Mapping[str, str]) -> None:
        """Remember that `secret` is to be written as `reference`, such as `{"token": "citizen"}`."""
        if len(secret) >= _SHORTEST_SECRET:
            self._known |= {form: dict(reference) for form in (secret, quote(secret), quote(secret, safe=""))}
            longest_first = sorted(self._known, key=len, reverse=True)
            self._pattern = re.compile("|".join(re.escape(known) for known in longest_first))

    def text(self, text: str) -> str:
        """Return `text` with each secret replaced by its reference as JSON."""
        if self._pattern is not None:
            text = self._pattern.sub(lambda match: json.dumps(self._known[match.group()]), text)
        if "eyJ" in text or "PRIVATE KEY" in text:
            text = _LOOKS_LIKE_A_CREDENTIAL.sub(json.dumps(UNKNOWN), text)
        return text

    def header(self, name: str, value: str) -> str | dict[str, object]:
        """Return a header's value fit for the record.

        The value of a credential header becomes `{"scheme": "Bearer", "token": "citizen"}`, or
        `{"secret": "unknown"}` with the scheme where the secret is not a known one.
        """
        if name.lower() not in _CREDENTIAL_HEADERS:
            return self.text(value)
        scheme, _, secret = value.partition(" ")
        if secret and name.lower() in _SCHEMED:
            return {"scheme": self.text(scheme), **self._known.get(secret, UNKNOWN)}
        return dict(self._known.get(value, UNKNOWN))
