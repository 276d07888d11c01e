"""HTML as text that cannot be forged: elements, escaping, badges, the content security policy.

Must not know what a run is.
"""

import base64
import hashlib
import html
import json
import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NewType
from urllib.parse import quote

Html = NewType("Html", str)
"""Text that may stand in the page as it is; only `_text`, `_json`, `_element` and our own assets make it."""
LONGEST_HEAD, LONGEST_TEXT = 16 * 2**10, 2**12
_SHORT_S, _LONG_S = 0.01, 120
"""Seconds below which a duration has a decimal, and from which it is given in minutes."""
DASH = "\N{EN DASH}"
VERDICTS = {
    "error": ("!", "error"),
    "fail": ("✗", "fail"),
    "inconclusive": ("?", "inconclusive"),
    "pass": ("✓", "pass"),
    "not_applicable": (DASH, "not applicable"),
    "not_run": ("○", "not run"),
    "not_covered": ("·", "not covered"),
    "unfinished": ("…", "unfinished"),
    "restoring": ("↺", "restoring"),
}
SEVERITIES = {
    "violation": ("✗", "violation"),
    "warning": ("▲", "warning"),
    "observation": ("●", "observation"),
}
_INVISIBLE = re.compile(r"[^ -~\n\t]")
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def visible(text: str) -> str:
    """Return text with control, format and surrogate characters made visible; newline and tab stay.

    What an answer hides (NUL, a lone surrogate, a right-to-left override) is what a reader must see.
    """
    return _INVISIBLE.sub(_picture, text)


def _picture(match: re.Match[str]) -> str:
    character = match.group()
    if unicodedata.category(character) not in _INVISIBLE_CATEGORIES:
        return character
    return f"⟨U+{ord(character):04X}⟩"


def text_node(value: object) -> Html:
    """Return a value as escaped text in which nothing is invisible."""
    return Html(html.escape(visible(str(value))))


def json_text(value: object) -> Html:
    """Return JSON that cannot end its script element, nor any other, in ASCII."""
    text = json.dumps(value, separators=(",", ":"))
    return Html(
        text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    )


def make_element(tag: str, *children: Html, **attributes: object) -> Html:
    """Return an element; None and False leave an attribute out, `class_` and `data_x` are spelled as in Python."""
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{text_node(value)}"'
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{tag}{given}>{''.join(children)}</{tag}>")


def data_block(name: str, value: object, **attributes: object) -> Html:
    """Return a value as a block of JSON that scripts read and nothing executes."""
    return make_element(
        "script", json_text(value), type="application/json", id=name, **attributes
    )


def asset(name: str) -> Html:
    """Return a style sheet or script that stands beside this module."""
    return Html(Path(__file__).with_name(name).read_text("utf-8"))


def content_policy(style: str, script: str) -> Html:
    """Return a content security policy that allows this style and script, and nothing from outside."""

    def source(text: str) -> str:
        return (
            "'sha256-"
            + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            + "'"
        )

    allowed = f"script-src {source(script)}; style-src {source(style)}"
    return Html(f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'")


def make_link(key: str, name: str, label: Html, **attributes: object) -> Html:
    """Return a link to an entry of this page, such as `#case=ID`."""
    return make_element(
        "a",
        label,
        href=f"#{key}={quote(name, safe='/', errors='replace')}",
        **attributes,
    )


def code_span(value: object) -> Html:
    """Return a value in the type of code."""
    return make_element("code", text_node(value))


def badge(word: str) -> Html:
    """Return a verdict or severity with its sign."""
    symbol, name = sign_of(word)
    return make_element(
        "span", hidden_sign(symbol), text_node(f" {name}"), class_=f"badge {word}"
    )


def verdict_mark(word: str) -> Html:
    """Return the sign of a verdict without its word, which screen readers read instead."""
    symbol, name = sign_of(word)
    return make_element(
        "span", text_node(symbol), class_=f"mark {word}", role="img", aria_label=name
    )


def sign_of(word: str) -> tuple[str, str]:
    """Return the sign and the name of a verdict or severity."""
    return (VERDICTS | SEVERITIES).get(word, ("·", word))


def hidden_sign(symbol: str) -> Html:
    """Return a sign that readers of screens leave out."""
    return make_element("span", text_node(symbol), aria_hidden="true")


def item_list(items: Iterable[Html], **attributes: object) -> Html:
    """Return a list with an item for each piece."""
    return make_element(
        "ul", *(make_element("li", item) for item in items), **attributes
    )


def joined(pieces: Iterable[Html], separator: str = " · ") -> Html:
    """Return pieces with a separator between them, empty ones left out."""
    return Html(text_node(separator).join(piece for piece in pieces if piece))


def clipped(text: object, longest: int = LONGEST_TEXT) -> str:
    """Return a text, cut where it is longer than is shown, with its length then."""
    text = str(text)
    return (
        text
        if len(text) <= longest
        else f"{text[:longest]}… ({len(text):,} characters in all)"
    )


def duration_words(seconds: float) -> str:
    """Return a duration in milliseconds, seconds or minutes."""
    if seconds < 1:
        decimals = 0 if seconds >= _SHORT_S else 1
        return f"{seconds * 1000:.{decimals}f} ms"
    if seconds < _LONG_S:
        return f"{seconds:.1f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def moment_words(text: str) -> str:
    """Return an ISO moment as UTC to the millisecond."""
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03} UTC"


def level_badge(level: str) -> Html:
    """Return the level of a requirement, nothing where it has none."""
    return (
        make_element("span", text_node(level), class_=f"level {level.lower()}")
        if level
        else Html("")
    )
