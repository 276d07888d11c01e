"""The one place where secrets are taken out of what is written down.

A known secret becomes a typed reference such as `{"token": "citizen"}`; what merely looks like a
credential becomes `{"secret": "unknown"}`. Must not resolve secrets nor write files.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import takewhile
from urllib.parse import parse_qsl, quote

UNKNOWN = {"secret": "unknown"}
_REFERENCE = re.compile(
    r'\{"(?:token|password|client_assertion|assertion|secret)": "(?:[^"\\]|\\.)*"'
    r'(?:, "(?:altered|state)": "(?:[^"\\]|\\.)*")*\}'
)
"""What stands in a text in the place of a secret."""

_CREDENTIAL_HEADERS = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "authentication-info",
    }
)
_CREDENTIAL_PARAMETERS = frozenset(
    {
        "access_token",
        "refresh_token",
        "id_token",
        "client_secret",
        "client_assertion",
        "assertion",
        "password",
        "code_verifier",
    }
)
"""Parameters of a query or a form that are credentials (RFC 6749, RFC 6750, RFC 7521, RFC 7636)."""
_SCHEMED = frozenset({"authorization", "proxy-authorization"})
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
_LONGEST_STATEMENT = 4000
"""Characters of a finding's text; a message that it quotes is in the exchange."""
_SHORTEST_GIVEN = 8
"""Shorter values that a test gives itself are taken out where it gives them, and not wherever they come again."""
_SHORTEST_SECRET = 4
"""Shorter values would be replaced in the middle of ordinary text."""
_SHORTEST_CUT, _RECOGNISED = 32, 16
"""A secret of so many characters is recognised by so many of its first or last ones where it was cut."""
_LONG_SECRET = 256
"""From this length on a secret is looked for as it is: an expression of thousands of letters takes long to make."""


def pieces(text: str) -> Iterator[str | Mapping[str, str]]:
    """Yield what was written in pieces: text as it is, and each reference that stands in the place of a secret."""
    end = 0
    for match in _REFERENCE.finditer(text):
        try:
            reference = json.loads(match.group())
        except ValueError:
            continue  # text of the message that only looks like one
        yield text[end : match.start()]
        yield reference
        end = match.end()
    yield text[end:]


@dataclass(slots=True)
class Redactor:
    """Replaces the secrets it has learnt, and texts that look like one, in text and header values."""

    _known: dict[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    _long: tuple[str, ...] = field(default=(), repr=False)
    _pattern: re.Pattern[str] | None = field(default=None, repr=False)

    def learn(self, secret: str, reference: Mapping[str, str]) -> None:
        """Remember that `secret` is to be written as `reference`, such as `{"token": "citizen"}`."""
        if len(secret) < _SHORTEST_SECRET:
            return
        new = secret not in self._known
        self._known |= {
            form: dict(reference)
            for form in (secret, quote(secret), quote(secret, safe=""))
        }
        if new:
            longest_first = sorted(self._known, key=len, reverse=True)
            self._long = tuple(
                known for known in longest_first if len(known) >= _LONG_SECRET
            )
            short = longest_first[len(self._long) :]
            self._pattern = (
                re.compile("|".join(re.escape(known) for known in short))
                if short
                else None
            )

    def learn_given(self, headers: Iterable[tuple[str, str]], *encoded: str) -> None:
        """Remember the credentials that somebody has put into header fields, or into a query or a form, by himself.

        They are not known to the target, but may come back in the answer.
        """
        secrets = [
            part
            for name, value in headers
            if name.lower() in _CREDENTIAL_HEADERS
            for part in _credential_parts(name.lower(), value)
        ]
        secrets += [
            value
            for text in encoded
            for name, value in parse_qsl(text)
            if name.lower() in _CREDENTIAL_PARAMETERS
        ]
        for secret in secrets:
            if len(secret) >= _SHORTEST_GIVEN and secret not in self._known:
                self.learn(secret, UNKNOWN)

    def text(self, text: str) -> str:
        """Return `text` with each secret replaced by its reference as JSON."""
        for known in self._long:
            if known in text:
                text = text.replace(known, json.dumps(self._known[known]))
        if self._pattern is not None:
            text = self._pattern.sub(
                lambda match: json.dumps(self._known[match.group()]), text
            )
        if "eyJ" in text or "PRIVATE KEY" in text:
            text = _LOOKS_LIKE_A_CREDENTIAL.sub(_unknown, text)
        return _without_assertions(text) if "Assertion" in text else text

    def statement(self, text: str) -> str:
        """Return what is said of a message without secrets, and no longer than a person reads."""
        text = self.text(text)
        if len(text) <= _LONGEST_STATEMENT:
            return text
        return f"{text[:_LONGEST_STATEMENT]}… ({len(text)} characters)"

    def excerpt(self, text: str) -> str:
        """Return a text without secrets, nor what somebody who cut it has left of their beginnings and ends."""
        text = self.text(text)
        for secret in self._known:
            if len(secret) >= _SHORTEST_CUT:
                text = _without_beginnings(text, secret)
                text = _without_beginnings(text[::-1], secret[::-1])[::-1]
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


def _credential_parts(name: str, value: str) -> Iterator[str]:
    """Yield what must not be written of a credential header's value: it as a whole, and each secret in it."""
    if name in ("cookie", "set-cookie"):  # RFC 6265, section 4
        pairs = value.split(";") if name == "cookie" else value.split(";")[:1]
        yield from (pair.partition("=")[2].strip() for pair in pairs)
        return
    if name not in _SCHEMED:
        yield value.strip()
        return
    scheme, _, secret = value.partition(" ")
    yield secret.strip() or value.strip()
    if scheme.lower() == "basic":  # RFC 7617
        with suppress(ValueError):
            decoded = base64.b64decode(secret.strip(), validate=True)
            yield decoded.decode("utf-8", "replace").partition(":")[2]


def _without_beginnings(text: str, secret: str) -> str:
    """Return a text in which what begins like a secret is an ellipsis, as far as it goes on like it."""
    clean, end, begins = [], 0, secret[:_RECOGNISED]
    start = text.find(begins)
    while start >= 0:
        clean += [text[end:start], "..."]
        pairs = zip(text[start : start + len(secret)], secret, strict=False)
        end = start + sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        start = text.find(begins, end)
    return "".join((*clean, text[end:]))


def _unknown(match: re.Match[str]) -> str:
    return json.dumps(UNKNOWN) if match["jwt"] or match["key"] else match.group()


def _without_assertions(text: str) -> str:
    """Return a text without what stands between the first beginning of an assertion and the last end of one.

    An assertion may hold another one, or its end tag in a comment; one without end goes to the end of the text.
    """
    clean = ""
    while (begins := _ASSERTION_BEGINS.search(text)) is not None:
        ends = [match.end() for match in _ASSERTION_ENDS.finditer(text, begins.end())]
        clean += text[: begins.start()] + json.dumps(UNKNOWN)
        text = text[ends[-1] :] if ends else ""
    return clean + text
