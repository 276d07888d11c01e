"""Ways to read on behind a mistake in a JSON text, and which of them most can be read on.

Must not build values, nor remember what was read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from conformance.checks.damaged.json_tokens import (
    WANTING_NAME,
    WANTING_VALUE,
    State,
    Token,
    after_value,
    item_of,
    next_token,
    scan,
)

CLOSERS: Final = {"{": "}", "[": "]"}
_MOST_SCANNED = 2**20
"""Characters that are looked at to choose ways behind mistakes, so that no text takes long."""
_MOST_CLOSED = 200
_DELIMITERS: Final = frozenset(",]}")
_ENDING: Final = re.compile(r"[,}\]]")
_COLON: Final = re.compile(":")
_NAME: Final = re.compile(r"""([A-Za-z_$][\w$-]*|'[^'"\\]*')\s*:""")
_COMMENT: Final = re.compile(r"//[^\n]*+(?:\n|\Z)|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Way:
    """One way to read on behind a mistake: the place and state, and what is lost by it.

    `closed` brackets are closed by it, `opened` is one that is opened, `name` that of the member whose value is next;
    `tears` tells that a part of the innermost object or list is lost, `loses_last` that the token before may be.
    """

    at: int
    state: State
    closed: int = 0
    opened: str = ""
    name: str | None = None
    loses_last: bool = False
    tears: bool = True


@dataclass(frozen=True, slots=True)
class MistakePlace:
    """A token that stands where it may not: what was expected, the brackets that are open, the text or word before it.

    `name` is that of the member whose value was expected.
    """

    token: Token
    state: State
    kinds: list[str]
    name: str | None
    last: Token | None

    @property
    def is_behind_comma(self) -> bool:
        """Tell whether a bracket stands behind a comma, which some writers leave there."""
        return self.state in (State.NAME, State.VALUE) and self.name is None

    @property
    def quote_before(self) -> int:
        """Return where the text before a mistake ends, since its last quotation mark may begin another one; else -1."""
        is_text = self.last is not None and self.last.kind == "string"
        return self.last.ends - 1 if self.last is not None and is_text else -1

    def distance(self, opener: str) -> int:
        """Return how many brackets have to be closed until one of a kind is, 0 where none is open."""
        kinds = reversed(self.kinds[-_MOST_CLOSED:])
        return next((at for at, kind in enumerate(kinds, 1) if kind == opener), 0)


@dataclass(slots=True)
class WayFinder:
    """Finds ways behind the mistakes of one text, as long as its budget of characters to look at lasts."""

    text: str
    budget: int = _MOST_SCANNED

    def best(self, place: MistakePlace) -> Way | None:
        """Return the way behind a mistake on which most can be read, None where none leads on."""
        begins = place.token.begins
        best, longest = None, 0
        for way in self._ways(place):
            end = self._reach(way, place.kinds)
            length = end - max(way.at, begins)
            if end > begins and length > longest:
                best, longest = way, length
            if end > len(self.text) and way.at <= begins + 1:
                break
        return best

    def _reach(self, way: Way, kinds: list[str]) -> int:
        """Return how far a text can be read without a further mistake; beyond its end where it ends well."""
        if self.budget <= 0 or way.at < 0:
            return -1
        then = [*kinds[: len(kinds) - way.closed], *way.opened]
        self.budget -= len(then)
        end = scan(self.text, way.at, way.state, then)
        self.budget -= max(end - way.at, 0)
        return end

    def _ways(self, place: MistakePlace) -> Iterator[Way]:
        """Yield ways to read on, those first that lose least."""
        yield from self._spelled_otherwise(place)
        if place.token.kind in ("}", "]"):
            yield from self._wrong_closers(place)
        yield from self._lost_signs(place)
        yield Way(place.token.begins + 1, place.state, name=place.name, loses_last=True)
        yield from self._skipped(place)

    def _spelled_otherwise(self, place: MistakePlace) -> Iterator[Way]:
        """Yield readings of what other notations have: comments, names without quotes, a comma before a bracket."""
        comment = _COMMENT.match(self.text, place.token.begins)
        if comment is not None:
            yield Way(comment.end(), place.state, name=place.name, tears=False)
        name = _NAME.match(self.text, place.token.begins)
        if name is not None and place.state in WANTING_NAME:
            bare = name[1].strip("'")
            yield Way(name.end(), State.VALUE, name=bare, tears=False)
        fits = bool(place.kinds) and CLOSERS[place.kinds[-1]] == place.token.kind
        if fits and place.is_behind_comma:
            after = after_value(place.kinds[:-1])
            yield Way(place.token.ends, after, closed=1, tears=False)

    def _wrong_closers(self, place: MistakePlace) -> Iterator[Way]:
        """Yield what a bracket may be that does not fit: the right one, one that closes more, or none at all."""
        depth = place.distance("{" if place.token.kind == "}" else "[")
        for closed in dict.fromkeys((1, depth)):
            if closed and place.kinds:
                after = after_value(place.kinds[:-closed])
                yield Way(place.token.ends, after, closed=closed)
        yield Way(place.token.ends, place.state, name=place.name)

    def _lost_signs(self, place: MistakePlace) -> Iterator[Way]:
        """Yield what a sign may have been before it was damaged: a comma, a colon, a bracket, a quotation mark."""
        at, item = place.token.begins, item_of(place.kinds)
        if place.state is State.NEXT:
            after = after_value(place.kinds[:-1])
            yield Way(self._inside_last(place, _ENDING), State.NEXT, loses_last=True)
            yield Way(at, item, loses_last=True)
            yield Way(at + 1, item, loses_last=True)
            yield Way(at + 1, after, closed=1, loses_last=True)
            yield Way(place.quote_before, item, loses_last=True)
        elif place.state is State.COLON:
            yield Way(self._inside_last(place, _COLON), State.COLON, loses_last=True)
            yield Way(at + 1, State.VALUE, loses_last=True)
            yield Way(place.quote_before, State.VALUE, loses_last=True)
        elif place.state in WANTING_VALUE:
            yield Way(at + 1, State.FIRST_NAME, opened="{")
            yield Way(at + 1, State.FIRST_VALUE, opened="[")

    def _inside_last(self, place: MistakePlace, sign: re.Pattern[str]) -> int:
        """Return where a sign stands in the text before a mistake, which may have ended before it; else -1."""
        if place.last is None or place.last.kind != "string":
            return -1
        found = sign.search(self.text, place.last.begins, place.last.ends)
        return found.start() if found is not None else -1

    def _skipped(self, place: MistakePlace) -> Iterator[Way]:
        """Yield the next comma or bracket, outside of texts, and behind the end of one."""
        quote = self.text.find('"', place.token.begins)
        for begins in (place.token.begins, quote + 1 or -1):
            at = self._delimiter(begins) if begins >= 0 and place.kinds else -1
            yield Way(at, State.NEXT, loses_last=True)

    def _delimiter(self, begins: int) -> int:
        """Return where the next comma or closing bracket stands outside of texts and inner brackets, -1 for nowhere."""
        at, depth = begins, 0
        while self.budget > 0:
            token = next_token(self.text, at)
            self.budget -= token.ends - at
            if token.kind == "end":
                return -1
            if depth == 0 and token.kind in _DELIMITERS:
                return token.begins
            depth += (token.kind in CLOSERS) - (token.kind in ("}", "]"))
            at = token.ends
        return -1
