"""Reads a body as JSON (RFC 8259) strictly, and says what is wrong or odd about it.

Must not know which document is expected.
"""

import codecs
import functools
import json
import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, NoReturn

from conformance.checks.problem import Problem

TWICE = "an object has the same member twice"
TOO_DEEP = "the JSON text is nested too deeply to be read"
_LONGEST_NUMBER = 300
_LARGEST = 1e308
_MOST_ODDITIES = 50
"""Oddities of one body that are told; it may have one in each of its values."""
_MOST_NAMES = 5
"""Names that stand twice in one object that are told."""
_UTF16_OR_32 = (
    codecs.BOM_UTF32_LE,
    codecs.BOM_UTF32_BE,
    codecs.BOM_UTF16_LE,
    codecs.BOM_UTF16_BE,
)
_MARKED = Problem(
    "the JSON text starts with a byte order mark (RFC 8259, section 8.1)",
    "body",
    "UTF-8 without a byte order mark",
    "EF BB BF",
    should=True,
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A body read as JSON: the document, or why it is none; `oddities` are tolerable.

    `unreadable` is set where the body may be JSON but exceeds what the harness can take in.
    """

    document: Any = None
    problem: Problem | None = None
    unreadable: str = ""
    oddities: tuple[Problem, ...] = ()


class _NotJsonError(ValueError):
    """A word that Python's parser takes although RFC 8259 does not know it."""


@functools.lru_cache(maxsize=1)
def parse(body: bytes) -> Parsed:
    """Return the document that `body` holds, or the problem that makes it not JSON.

    Odd but read all the same: a byte order mark (section 8.1), members that occur twice (RFC 8259, section 4),
    numbers beyond what others can hold (section 6). The last body is remembered, since several checks look at one
    answer: nobody may change a document.
    """
    oddities: list[Problem] = []
    if body.startswith(codecs.BOM_UTF8):
        body = body[len(codecs.BOM_UTF8) :]
        oddities.append(_MARKED)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        return Parsed(problem=_not_utf8(body, error))
    try:
        document = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_int=lambda digits: _number(digits, oddities),
            parse_float=lambda digits: _number(digits, oddities),
            object_pairs_hook=lambda pairs: _object(pairs, oddities),
        )
    except RecursionError:
        return Parsed(unreadable=TOO_DEEP)
    except ValueError as error:
        return Parsed(problem=_malformed(text, error))
    return Parsed(document=document, oddities=tuple(oddities))


def _note(oddities: list[Problem], oddity: Problem) -> None:
    if len(oddities) < _MOST_ODDITIES:
        oddities.append(oddity)


def odd(message: str, actual: str = "") -> Problem:
    """Return what is unusual about a body but tolerable."""
    return Problem(message, "body", actual=actual, odd=True)


def _not_utf8(body: bytes, error: UnicodeDecodeError) -> Problem:
    if body.startswith(_UTF16_OR_32):
        return Problem(
            "the body is not UTF-8 (RFC 8259, section 8.1)",
            "body",
            "UTF-8",
            "UTF-16 or UTF-32",
        )
    actual = f"byte 0x{body[error.start]:02x} at offset {error.start}"
    return Problem(
        "the body is not UTF-8 (RFC 8259, section 8.1)", "body", "UTF-8", actual
    )


def _malformed(text: str, error: ValueError) -> Problem:
    if not text.strip():
        return Problem(
            "the body is empty where JSON is expected", "body", "a JSON text", "nothing"
        )
    start = text[:80] + ("…" if len(text) > 80 else "")  # noqa: PLR2004 - enough to recognise it
    return Problem(f"the body is not JSON: {error}", "body", "a JSON text", start)


def _refuse_constant(word: str) -> NoReturn:
    raise _NotJsonError(f"{word} is not a JSON value")


def number(digits: str) -> int | float:
    """Return a number, one beyond what others can hold as the largest."""
    return _number(digits, [])


def _number(digits: str, oddities: list[Problem]) -> int | float:
    if len(digits) <= _LONGEST_NUMBER:
        value = float(digits) if not digits.lstrip("-").isdigit() else int(digits)
        if math.isfinite(value):
            return value
    message = "a number is larger or longer than others can read"
    _note(oddities, odd(message, f"{len(digits)} characters"))
    return -_LARGEST if digits.startswith("-") else _LARGEST


def _object(pairs: list[tuple[str, Any]], oddities: list[Problem]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = sorted(name for name, count in counts.items() if count > 1)
        more = ["…"] if len(twice) > _MOST_NAMES else []
        names = ", ".join([*twice[:_MOST_NAMES], *more])
        _note(oddities, odd(TWICE, names))
    return members
