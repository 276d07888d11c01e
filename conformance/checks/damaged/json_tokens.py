"""Cuts a JSON text into tokens and tells which may follow which (RFC 8259, sections 2 to 7).

Must not build values, nor know how a text with a mistake is read on.
"""

import re
from enum import Enum
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(
    r"""[ \t\r\n]*+(?:
        (?P<sign>[{}\[\],:])
      | (?P<string>"(?:[^"\\]++|\\.)*+")
      | (?P<scalar>[\w+.\ufffd-]++)
      | (?P<end>\Z)
      | (?P<other>.)
    )""",
    re.VERBOSE | re.DOTALL,
)
"""White space, and what stands behind it; a scalar may be a word that JSON does not know."""


class Token(NamedTuple):
    """A token and where it stands; `kind` is a sign itself, or `string`, `scalar`, `end`, `other`."""

    kind: str
    begins: int
    ends: int


class State(Enum):
    """What may come next."""

    VALUE = "a value"
    FIRST_VALUE = "a value or ]"
    NAME = "a name"
    FIRST_NAME = "a name or }"
    COLON = "a colon"
    NEXT = "a comma or a closing bracket"
    END = "nothing"


WANTING_VALUE: Final = frozenset({State.VALUE, State.FIRST_VALUE})
WANTING_NAME: Final = frozenset({State.NAME, State.FIRST_NAME})


class Mistake(Exception):  # noqa: N818 - a place in a text, which the reader mends
    """A token stands where it may not."""


def next_token(text: str, at: int) -> Token:
    """Return the token behind a place of a text, white space left out."""
    found = _TOKEN.match(text, at)
    kind = found.lastgroup if found is not None else None
    if found is None or kind is None:
        return Token("end", len(text), len(text))
    begins, ends = found.span(kind)
    return Token(text[begins] if kind == "sign" else kind, begins, ends)


def state_after(token: Token, state: State, kinds: list[str]) -> State:
    """Return what may follow a token; `kinds` are the brackets that are open, and change with it.

    Raises Mistake where the token may not stand.
    """
    kind = token.kind
    if state in WANTING_VALUE:
        if kind in ("string", "scalar"):
            return after_value(kinds)
        if kind in ("{", "["):
            kinds.append(kind)
            return State.FIRST_NAME if kind == "{" else State.FIRST_VALUE
    if kind == "string" and state in WANTING_NAME:
        return State.COLON
    if kind == ":" and state is State.COLON:
        return State.VALUE
    if kind == "," and state is State.NEXT:
        return item_of(kinds)
    if _closes(kind, state, kinds):
        kinds.pop()
        return after_value(kinds)
    raise Mistake(kind)


def _closes(kind: str, state: State, kinds: list[str]) -> bool:
    """Tell whether a closing bracket fits."""
    if kind == "}":
        return kinds[-1:] == ["{"] and state in (State.NEXT, State.FIRST_NAME)
    if kind == "]":
        return kinds[-1:] == ["["] and state in (State.NEXT, State.FIRST_VALUE)
    return False


def after_value(kinds: list[str]) -> State:
    """Return what may come behind a value."""
    return State.NEXT if kinds else State.END


def item_of(kinds: list[str]) -> State:
    """Return what comes behind a comma."""
    return State.NAME if kinds[-1:] == ["{"] else State.VALUE


def scan(text: str, at: int, state: State, kinds: list[str]) -> int:
    """Return where the first mistake behind a place stands; a place beyond the text where it ends well."""
    while state is not State.END:
        token = next_token(text, at)
        try:
            state = state_after(token, state, kinds)
        except Mistake:
            return token.begins
        at = token.ends
    rest = next_token(text, at)
    return len(text) + 1 if rest.kind == "end" else rest.begins
