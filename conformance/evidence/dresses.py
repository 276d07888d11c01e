"""Finds a known text in whatever dress it comes back: escaped, percent-encoded, in base64 or hexadecimal, in several.

A text is looked at as it is and in its views: what it says once escapes are undone, and what its base64 and hexadecimal
runs say. A view leads back to the place in the text that it was made of. Must not know what is looked for, nor why.
"""

import binascii
import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Final

Span = tuple[int, int]
"""From a character to before another one."""
Back = Callable[[Span], Span]
"""Leads from a place in a view to the place in the text that it was made of."""

_ESCAPE: Final = re.compile(
    r"%[0-9A-Fa-f]{2}"  # RFC 3986, section 2.1
    r"|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\[/\"'\\bfnrt]"  # RFC 8259, section 7, and Python's own
    r"|&#[0-9]{1,7};?|&#[xX][0-9A-Fa-f]{1,6};?|&[A-Za-z][A-Za-z0-9]{1,30};"  # XML 1.0, section 4.1, and HTML
    r"|\0"  # ASCII as UTF-16
)
_QUOTED_PRINTABLE: Final = re.compile(r"=[0-9A-F]{2}|=\r?\n")
"""RFC 2045, section 6.7."""
_FOLD: Final = re.compile(r"=?\r?\n[ \t]*")
_BASE64_RUN: Final = re.compile(r"[A-Za-z0-9+/_-]{8,}+={0,2}")
_HEX_RUN: Final = re.compile(r"(?:[0-9A-Fa-f]{2}[:\- ]?){6,}+")
_BETWEEN_HEX: Final = re.compile(r"[:\- ]")
_SHORT_ESCAPES: Final = {
    "\\b": "\b",
    "\\f": "\f",
    "\\n": "\n",
    "\\r": "\r",
    "\\t": "\t",
    "\0": "",
}
_MOST_ESCAPES: Final = 4
"""How often a text may have been escaped: a URL in JSON in HTML, and once more."""
_ESCAPES_BELOW_CODE: Final = 2
"""How often what was coded counts as escaped already: it is seldom so, and bytes by chance look like it."""
ESCAPES_ALONE: Final = 2
"""How often a text may have been put into base64 or hexadecimal; views that begin with so many undo escapes alone."""


class Reading(Enum):
    """How a view was made of a text."""

    ESCAPES = "escapes undone"
    QUOTED_PRINTABLE = "quoted-printable decoded"
    CODE = "base64 or hexadecimal decoded"
    FOLDS = "line ends left out"


@dataclass(frozen=True, slots=True)
class View:
    """What a text says when it is read in another way; `back` leads from its places to those of the text."""

    text: str
    back: Back
    reading: Reading


def views(
    text: str,
    escapes: int = 0,
    codes: int = 0,
    *,
    printable: bool = True,
    fewest: int = 0,
) -> Iterator[View]:
    """Yield what a text says in other ways of reading it, and what that says in turn, as deep as is bounded.

    `escapes` and `codes` are how often either was undone already, `printable` whether quoted-printable is still tried;
    `fewest` is how many characters has what is looked for: a word that cannot say so many in base64 is not decoded.
    """
    folded = None if 0 < codes < ESCAPES_ALONE else unfolded(text)
    if folded is not None:
        yield folded
    for view in _direct_views(text, escapes, codes, printable=printable, fewest=fewest):
        yield view
        is_code = view.reading is Reading.CODE
        deeper = views(
            view.text,
            max(escapes, _ESCAPES_BELOW_CODE) if is_code else escapes + 1,
            codes + is_code,
            printable=printable and view.reading is Reading.ESCAPES,
            fewest=fewest,
        )
        for inner in deeper:
            yield View(inner.text, _chained(view.back, inner.back), inner.reading)


def plain_forms(text: str) -> Iterator[str]:
    """Yield a text and what is left of it when its own escapes are undone, again and again."""
    for _ in range(_MOST_ESCAPES + 1):
        yield text
        plain = _ESCAPE.sub(_unescaped, text)
        if plain == text:
            return
        text = plain


def base64_forms(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield how a text stands in base64, at each of three places in it, without the characters that are shared.

    With each come the numbers of characters before and after it that hold a part of the text. `-_` are `+/`.
    """
    raw = text.encode("utf-8", "surrogatepass")
    for shift in range(3):
        encoded = binascii.b2a_base64(bytes(shift) + raw, newline=False).decode("ascii")
        first, last = -(-shift * 8 // 6), (shift + len(raw)) * 8 // 6
        shared = 0 if (shift + len(raw)) % 3 == 0 else 1
        yield encoded[first:last], 1 if shift else 0, shared


def unfolded(text: str) -> View | None:
    """Return a text without its line ends and what indents the lines, None where it has none."""
    if "\n" not in text:
        return None
    return _substituted(text, _FOLD, _nothing, Reading.FOLDS)


def _direct_views(
    text: str, escapes: int, codes: int, *, printable: bool, fewest: int
) -> Iterator[View]:
    if escapes < _MOST_ESCAPES:
        if _ESCAPE.search(text):
            yield _substituted(text, _ESCAPE, _unescaped, Reading.ESCAPES)
        if printable and _QUOTED_PRINTABLE.search(text):
            way = Reading.QUOTED_PRINTABLE
            yield _substituted(text, _QUOTED_PRINTABLE, _quoted_printable, way)
    if codes < ESCAPES_ALONE:
        yield from filter(None, (_from_base64(text, fewest), _from_hex(text, fewest)))


def _chained(outer: Back, inner: Back) -> Back:
    return lambda span: outer(inner(span))


def _nothing(match: re.Match[str]) -> str:
    del match
    return ""


def _unescaped(match: re.Match[str]) -> str:
    """Return the character that an escape stands for; a byte of percent-encoded text is a Latin-1 character."""
    escape = match.group()
    known = _SHORT_ESCAPES.get(escape)
    if known is not None:
        return known
    if escape[0] == "%":
        return chr(int(escape[1:], 16))
    if escape[0] == "&":
        return html.unescape(escape)
    digits = escape[2:]
    return chr(int(digits, 16)) if digits else escape[1]


def _quoted_printable(match: re.Match[str]) -> str:
    hexadecimal = match.group()[1:].strip()
    return chr(int(hexadecimal, 16)) if hexadecimal else ""


def _substituted(
    text: str,
    pattern: re.Pattern[str],
    meaning: Callable[[re.Match[str]], str],
    reading: Reading,
) -> View:
    """Return the view in which each match is what it means."""
    places: list[tuple[int, int, int, int]] = []

    def back(span: Span) -> Span:
        if not places:
            places.extend(_places(text, pattern, meaning))
        return _before(places, span[0]), _behind(places, span[1])

    return View(pattern.sub(meaning, text), back, reading)


def _places(
    text: str, pattern: re.Pattern[str], meaning: Callable[[re.Match[str]], str]
) -> Iterator[tuple[int, int, int, int]]:
    """Yield, for each match, from where to where it is in the view and in the text."""
    shorter = 0
    for match in pattern.finditer(text):
        start, end = match.span()
        said = len(meaning(match))
        yield start - shorter, start - shorter + said, start, end
        shorter += end - start - said


def _before(places: Sequence[tuple[int, int, int, int]], at: int) -> int:
    """Return where in the text a character of the view begins."""
    number = bisect_right(places, at, key=lambda place: place[0]) - 1
    if number < 0:
        return at
    _, view_end, start, end = places[number]
    return start if at < view_end else end + at - view_end


def _behind(places: Sequence[tuple[int, int, int, int]], at: int) -> int:
    """Return where in the text the character before a place of the view ends."""
    return _ending(places, at - 1) if at else 0


def _ending(places: Sequence[tuple[int, int, int, int]], last: int) -> int:
    """Return where in the text a character of the view ends."""
    number = bisect_right(places, last, key=lambda place: place[0]) - 1
    if number < 0:
        return last + 1
    _, view_end, _, end = places[number]
    return end if last < view_end else end + last + 1 - view_end


# ------------------------------------------------------------------------------------------------------------- runs


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A run of a text that stands for bytes: where it begins in the text and in the view, and how long it is there."""

    start: int
    text: str
    view_start: int
    length: int


def _from_base64(text: str, fewest: int) -> View | None:
    """Return what the base64 runs of a text say (RFC 4648, sections 4 and 5), a line for each; None without one."""
    shortest = fewest * 8 // 6
    return _decoded(text, _BASE64_RUN, _base64_bytes, _base64_span, shortest)


def _from_hex(text: str, fewest: int) -> View | None:
    """Return what the hexadecimal runs of a text say, a line for each; None without one."""
    return _decoded(text, _HEX_RUN, _hex_bytes, _hex_span, fewest * 2)


def _decoded(
    text: str,
    pattern: re.Pattern[str],
    decode: Callable[[str], bytes],
    span_in: Callable[[str, Span], Span],
    shortest: int,
) -> View | None:
    runs, said, at = [], [], 0
    for match in pattern.finditer(text):
        if match.end() - match.start() < shortest:
            continue
        decoded = decode(match.group()).decode("latin-1")
        runs.append(_Stretch(match.start(), match.group(), at, len(decoded)))
        said.append(decoded)
        at += len(decoded) + 1

    def back(span: Span) -> Span:
        number = bisect_right(runs, span[0], key=lambda run: run.view_start) - 1
        run = runs[max(number, 0)]
        inside = (span[0] - run.view_start, min(span[1] - run.view_start, run.length))
        first, last = span_in(run.text, inside)
        return run.start + first, run.start + last

    return View("\n".join(said), back, Reading.CODE) if runs else None


def _base64_bytes(run: str) -> bytes:
    digits = run.rstrip("=").replace("-", "+").replace("_", "/")
    whole = digits[: len(digits) - 1] if len(digits) % 4 == 1 else digits
    return binascii.a2b_base64(whole + "=" * (-len(whole) % 4))


def _base64_span(run: str, span: Span) -> Span:
    first, last = span[0] // 3 * 4, -(-span[1] * 4 // 3)
    rest = run[last:]
    return first, len(run) if not rest.strip("=") else last


def _hex_bytes(run: str) -> bytes:
    return bytes.fromhex(_BETWEEN_HEX.sub("", run))


def _hex_span(run: str, span: Span) -> Span:
    digits = (at for at, digit in enumerate(run) if digit not in ":- ")
    places = list(islice(digits, 2 * span[0], 2 * span[1]))
    return places[0], places[-1] + 1
