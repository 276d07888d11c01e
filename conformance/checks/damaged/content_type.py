"""Checks the media type of an answer, however often it is told.

Content-Type is a field with one value (RFC 9110, 8.3): two lines of it, and one with a comma, are the same to a
recipient (5.3), and judged alike. Must not know requirements.
"""

import re
from collections.abc import Iterator
from typing import Final

from conformance.checks.problem import Problem
from conformance.model.exchange import Response

_JSON_TYPES: Final = frozenset({"application/json", "text/json"})
_COMMA: Final = re.compile(r"""((?:[^",]|"(?:[^"\\]|\\.)*"?)*+),?""", re.DOTALL)
"""What stands before a comma that is not part of a quoted text (RFC 9110, 5.6.4)."""


def json_type_problems(response: Response) -> Iterator[Problem]:
    """Yield what is wrong with a Content-Type where JSON is expected; a missing one is odd (RFC 9110, 8.3)."""
    told = media_types(response)
    if not told:
        message = "the answer has no Content-Type"
        yield Problem(message, "Content-Type", "application/json", "absent", odd=True)
        return
    yield from repetition_problems(response)
    if not any(map(_is_json, told)):
        yield Problem(
            "the answer's media type is not JSON",
            "Content-Type",
            "application/json",
            shown(response),
        )


def repetition_problems(response: Response) -> Iterator[Problem]:
    """Yield that a Content-Type is told more than once, in as many lines or in one (RFC 9110, 5.3 and 8.3)."""
    if len(media_types(response)) > 1:
        yield Problem(
            "the Content-Type is a repeated singleton field (RFC 9110, 5.3 and 8.3)",
            "Content-Type",
            "one media type",
            shown(response),
            should=True,
        )


def media_types(response: Response) -> tuple[str, ...]:
    """Return the media types that an answer tells, without parameters, in small letters."""
    values = content_types(response)
    return tuple(value.partition(";")[0].strip().lower() for value in values)


def content_types(response: Response) -> tuple[str, ...]:
    """Return the values of Content-Type, each by itself."""
    lines = response.values("Content-Type")
    values = [part.strip() for line in lines for part in _COMMA.findall(line)]
    return tuple(filter(None, values)) or lines[:1]


def shown(response: Response) -> str:
    """Return all that an answer tells of its media type."""
    return ", ".join(response.values("Content-Type"))


def _is_json(media_type: str) -> bool:
    return media_type in _JSON_TYPES or media_type.endswith("+json")
