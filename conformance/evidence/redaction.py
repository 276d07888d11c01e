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
from itertools import islice, takewhile
from urllib.parse import parse_qsl

from conformance.evidence.dresses import Reading, Span, views
from conformance.evidence.lookalikes import SHORTEST_LOOKALIKE, lookalikes
from conformance.evidence.sought import (
    TAIL,
    Found,
    SoughtSecret,
    led_back,
    left_of,
    merged,
)

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
_LONGEST_STATEMENT = 4000
"""Characters of a finding's text; a message that it quotes is in the exchange."""
_SHORTEST_GIVEN = 8
"""Shorter values that a test gives itself are taken out where it gives them, and not wherever they come again."""
SHORTEST_SECRET = 6
"""Shorter values would be found in the middle of ordinary text; outside local they are refused."""
_SHORTEST_CUT, _RECOGNISED = 24, 12
"""A secret of so many characters is recognised by so many of its first or last ones where it was cut."""
_RECOGNISED_ABROAD = 16
"""The same in what others wrote, which is longer."""
_BLANK = "\x1f"
"""A character that no dress has."""
_CUT = re.compile(r"(?P<mark>['\"]?(?:…|\.\.\.))|['\"]|\Z")
"""Where a text may have been cut before it came here: before an ellipsis, in quotes, at its end."""
_LEFT_AT_A_MARK, _LEFT_ELSEWHERE = 4, 8
"""So many of the first characters of a secret just before a cut are too many."""
_MOST_CUTS = 200
"""Cuts of one text that are looked at."""
_MOST_COOKIES = 64
"""Cookies of servers that are remembered; the oldest are forgotten, since a server may set one in each answer."""
_A_COOKIE = re.compile(r"(?=.*[A-Za-z])(?=.*[0-9])(?!\d{4}-\d\d-\d\d).{8,4096}")
"""A cookie's value that may be a session's: no word, number or date."""


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
    """Replaces the secrets it has learnt in any dress, and texts that look like one, in text and header values."""

    _references: dict[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    _sought: dict[str, SoughtSecret] = field(default_factory=dict, repr=False)
    _cookies: list[str] = field(default_factory=list, repr=False)

    def learn(self, secret: str, reference: Mapping[str, str]) -> None:
        """Remember that `secret` is to be written as `reference`, such as `{"token": "citizen"}`."""
        if not secret:
            return
        self._references[secret] = dict(reference)
        if len(secret) >= SHORTEST_SECRET and secret not in self._sought:
            # Made anew: another thread may be going through the old one.
            self._sought = {**self._sought, secret: SoughtSecret.of(secret)}

    def learn_cookies(self, headers: Iterable[tuple[str, str]]) -> None:
        """Remember the values of the cookies that a server sets, which are credentials from then on (RFC 6265)."""
        for name, value in headers:
            if name.lower() == "set-cookie":
                for cookie in _credential_parts("set-cookie", value):
                    self._learn_cookie(cookie.strip('"'))

    def _learn_cookie(self, cookie: str) -> None:
        if cookie in self._references or not _A_COOKIE.fullmatch(cookie):
            return
        self.learn(cookie, UNKNOWN)
        self._cookies.append(cookie)
        if len(self._cookies) > _MOST_COOKIES:
            self._forget_cookie(self._cookies.pop(0))

    def _forget_cookie(self, cookie: str) -> None:
        """Look for a cookie no more, unless its value has turned out to be another secret's."""
        if self._references.get(cookie) != UNKNOWN:
            return
        self._sought = {
            secret: sought
            for secret, sought in self._sought.items()
            if secret != cookie
        }
        del self._references[cookie]

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
            if len(secret) >= _SHORTEST_GIVEN and secret not in self._references:
                self.learn(secret, UNKNOWN)

    def text(self, text: str) -> str:
        """Return a text of somebody else's making with each secret replaced by its reference as JSON.

        Of a long secret its first or last characters are enough: somebody may have cut it, or put something into it.
        """
        return self._without_parts(self._cleaned(text, own=False), _RECOGNISED_ABROAD)

    def statement(self, text: str) -> str:
        """Return what the harness says of a message without secrets, and no longer than a person reads."""
        return _shortened(self.excerpt(text))

    def quotation(self, text: str) -> str:
        """Return what a message says, perhaps cut short before, as `statement` does."""
        return _shortened(self._without_remains(self.text(text)))

    def excerpt(self, text: str) -> str:
        """Return words of the harness that may quote a text without secrets, nor what a cut has left of one.

        A secret that is an ordinary word stays where the harness itself may have said it.
        """
        return self._without_remains(self.own_text(text))

    def own_text(self, text: str) -> str:
        """Return words of the harness without secrets; a secret that is an ordinary word stays in them."""
        return self._cleaned(text, own=True)

    def address(self, url: str) -> str:
        """Return the address of a request without secrets: what comes before its query are the harness's words."""
        path, mark, query = url.partition("?")
        return self.own_text(path) + mark + self.text(query)

    def _without_remains(self, text: str) -> str:
        """Return a text without the secrets of which a cut has left but a part."""
        return self._without_what_cuts_left(self._without_parts(text, _RECOGNISED))

    def _without_parts(self, text: str, fewest: int) -> str:
        """Return a text without parts of long secrets that have so many of their first or last characters."""
        for secret, sought in self._sought.items():
            if len(secret) < _SHORTEST_CUT or not sought.begins_like_nothing_else:
                continue
            if secret[:fewest] in text:
                text = _without_beginnings(text, secret, fewest)
            if secret[-fewest:] in text:
                text = _without_beginnings(text[::-1], secret[::-1], fewest)[::-1]
        return text

    def _cleaned(self, text: str, *, own: bool) -> str:
        shortest = [sought.shortest for sought in self._sought.values()]
        # No view is longer than what it is made of.
        may_have = bool(shortest) and min(shortest) <= len(text)
        found = list(self._found(text, own=own)) if may_have else []
        clean = _replaced(text, merged(found))
        unknown = [Found(*span, UNKNOWN) for span in lookalikes(clean)]
        return _replaced(clean, unknown)

    def _found(self, text: str, *, own: bool) -> Iterator[Found]:
        """Yield where a text has a secret, in whatever dress, or in one what looks like a credential."""
        known = list(self._known_in(text, own=own))
        credentials: list[Span] = []
        shortest = (sought.shortest for sought in self._sought.values())
        fewest = min(SHORTEST_LOOKALIKE, *shortest)
        for view in views(self._blanked(text), fewest=fewest):
            # What is coded is nobody's sentence.
            in_words = own and view.reading is not Reading.CODE
            folded = view.reading is Reading.FOLDS
            found = self._known_in(view.text, own=in_words, folded=folded)
            known += led_back(found, view.back)
            credentials += map(view.back, lookalikes(view.text))
        yield from known
        for start, end in credentials:
            if not any(one.start < end and start < one.end for one in known):
                yield Found(start, end, UNKNOWN)

    def _blanked(self, text: str) -> str:
        """Return a text of the same length in which secrets that stand as they are say nothing in any dress.

        They are found already, and an assertion is most of a message: it is not undone and decoded once more.
        """
        for secret, sought in self._sought.items():
            if sought.word is None:
                text = text.replace(secret, _BLANK * len(secret))
        return text

    def _known_in(
        self, text: str, *, own: bool, folded: bool = False
    ) -> Iterator[Found]:
        code = text.replace("-", "+").replace("_", "/")
        for secret, sought in self._sought.items():
            if len(text) < sought.shortest or (folded and len(secret) < _SHORTEST_CUT):
                continue
            for start, end in sought.places(text, code, own=own):
                yield Found(start, end, self._references.get(secret, UNKNOWN))

    def cut_text(self, text: str) -> str:
        """Return a foreign text that was cut without secrets, nor the beginning of one at its end."""
        text = self._cleaned(text, own=False)
        text = text[: len(text) - self._left_before(text, _LEFT_ELSEWHERE)]
        return self._without_parts(text, _RECOGNISED_ABROAD)

    def _without_what_cuts_left(self, text: str) -> str:
        """Return a text without the beginnings of secrets that stand just before a cut."""
        clean, end = [], 0
        for match in islice(_CUT.finditer(text), _MOST_CUTS):
            cut = match.start()
            fewest = _LEFT_AT_A_MARK if match["mark"] else _LEFT_ELSEWHERE
            left = self._left_before(text[max(cut - TAIL, 0) : cut], fewest)
            clean.append(text[end : max(cut - left, end)])
            end = cut
        return "".join((*clean, text[end:]))

    def header(
        self, name: str, value: str, *, own: bool = False
    ) -> str | dict[str, object]:
        """Return a header's value fit for the record; `own` tells that the harness has sent it.

        The value of a credential header becomes `{"scheme": "Bearer", "token": "citizen"}`, or
        `{"secret": "unknown"}` with the scheme where the secret is not a known one.
        """
        if name.lower() not in _CREDENTIAL_HEADERS:
            return self.own_text(value) if own else self.text(value)
        scheme, _, secret = value.partition(" ")
        if secret and name.lower() in _SCHEMED:
            known = self._references.get(secret, UNKNOWN)
            return {"scheme": self.text(scheme), **known}
        return dict(self._references.get(value, UNKNOWN))

    def _left_before(self, before: str, fewest: int) -> int:
        """Return how many characters at the end of a text are the beginning of a secret, in any dress; 0 for fewer."""
        sought = [row for row in self._sought.values() if row.begins_like_nothing_else]
        return left_of(sought, before, fewest) if sought and before else 0


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
            pair = decoded.decode("utf-8", "replace")
            yield from (pair, pair.partition(":")[2])


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST_STATEMENT:
        return text
    return f"{text[:_LONGEST_STATEMENT]}… ({len(text)} characters)"


def _replaced(text: str, found: Iterable[Found]) -> str:
    """Return a text with references as JSON in the place of what was found in it, in order and apart."""
    clean, end = [], 0
    for one in found:
        clean += [text[end : one.start], json.dumps(one.reference)]
        end = one.end
    return "".join((*clean, text[end:])) if clean else text


def _without_beginnings(text: str, secret: str, fewest: int) -> str:
    """Return a text in which what begins like a secret is an ellipsis, as far as it goes on like it."""
    clean, end, begins = [], 0, secret[:fewest]
    start = text.find(begins)
    while start >= 0:
        clean += [text[end:start], "..."]
        pairs = zip(text[start : start + len(secret)], secret, strict=False)
        end = start + sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        start = text.find(begins, end)
    return "".join((*clean, text[end:]))
