"""Tells which exchanges a seeded fault touches: by the request, and by what the service answers to it.

Must not change anything, nor know any service.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from conformance.mock.fault_edits import json_of
from conformance.model.fault import Entries, Fields, When

Pairs = tuple[tuple[str, str], ...]
"""Names and values in the order of the wire."""


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request as the fault looks at it; `path` is below the service's address, `query` in the order of the wire.

    `target` is the path with the query string behind it as it was sent.
    """

    method: str
    path: str
    query: Pairs
    headers: tuple[tuple[str, str], ...]
    body: bytes
    target: str = ""

    def header(self, name: str) -> str | None:
        """Return the first value of a header field, or None."""
        return next((value for key, value in self.headers if key == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as it is going to be sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def stands_there(when: When, seen: SeenRequest) -> bool:
    """Tell whether a request has the method and the address that a fault touches."""
    return (
        is_one_of(seen.method, when.methods)
        and _is_all(when.path, seen.path)
        and _is_all(when.target, seen.target)
    )


def has_content(when: When, seen: SeenRequest) -> bool:
    """Tell whether a request has the query, header fields and body that a fault touches."""
    wanted = {name.lower(): text for name, text in when.headers.items()}
    return (
        _fit(when.query, seen.query)
        and _fit(wanted, seen.headers)
        and _occurs(when.body, seen.body)
    )


def answers_so(when: When, seen: SeenRequest, said: Said) -> bool:
    """Tell whether an answer is one that a fault touches."""
    return (
        (not when.statuses or said.status in when.statuses)
        and _occurs(when.says, said.body)
        and (when.entries is None or _has_entries(when.entries, seen, said))
    )


def is_one_of(text: str, allowed: tuple[str, ...]) -> bool:
    """Tell whether a text is among those that are allowed, which all are where none is named."""
    return not allowed or text in allowed


def _is_all(expression: re.Pattern[str] | None, text: str) -> bool:
    """Tell whether an expression, if there is one, is for the whole of a text."""
    return expression is None or expression.fullmatch(text) is not None


def _occurs(expression: re.Pattern[str] | None, body: bytes) -> bool:
    """Tell whether an expression, if there is one, is found in a body."""
    text = "" if expression is None else body.decode("utf-8", "replace")
    return expression is None or expression.search(text) is not None


def _fit(wanted: Fields, given: Iterable[tuple[str, str]]) -> bool:
    values = dict(given)
    return all(
        name not in values
        if expression is None
        else name in values and expression.fullmatch(values[name]) is not None
        for name, expression in wanted.items()
    )


def _has_entries(wanted: Entries, seen: SeenRequest, said: Said) -> bool:
    number = dict(seen.query).get(wanted.parameter, "")
    rows = json_of(said.body)
    return (
        number.isdigit()
        and isinstance(rows, list)
        and len(rows) == int(number) + wanted.plus
    )
