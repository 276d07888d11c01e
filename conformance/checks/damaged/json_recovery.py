"""Reads of a damaged JSON text what can be read, and says which values and which parts were lost.

A text that RFC 8259 refuses is read on behind each mistake in the way that leads farthest. Nothing is made up: what
stands around a mistake counts as lost. Must not know which document is expected, nor what a mistake weighs.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from conformance.checks.damaged.json_tokens import (
    WANTING_NAME,
    Mistake,
    State,
    Token,
    next_token,
    state_after,
)
from conformance.checks.damaged.json_ways import CLOSERS, MistakePlace, Way, WayFinder
from conformance.checks.json_body import number
from conformance.checks.problem import Path

LOST: Final = "\ufffd"
"""What stands in the place of a value that was lost: the replacement character."""
DEEPEST: Final = 200
"""How deeply objects and lists are read; what is deeper counts as lost."""
_MOST_MISTAKES = 40
LONGEST: Final = 2**20
"""Characters of a text that are read; what is behind them counts as lost."""
_MISNESTED: Final = frozenset(",:]}")
"""What can only stand behind the end of a text where a bracket closed too early."""
_BAD: Final = re.compile("[\x00-\x1f\ufffd]")
_BRACKETS: Final = re.compile(r"[{}\[\]]")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_DECODER: Final = json.JSONDecoder(strict=False)
_WORDS: Final[dict[str, Any]] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class RecoveredJson:
    """What was read of a text: `lost` are places of values, `torn` of objects and lists of which a part is missing.

    `mistakes` counts the places at which something was lost between values.
    """

    document: Any
    lost: frozenset[Path] = frozenset()
    torn: frozenset[Path] = frozenset()
    mistakes: int = 0


@dataclass(slots=True)
class _Frame:
    """An object or list that is being read; `name` is that of the member whose value comes next, None for one lost."""

    kind: str
    content: Any
    step: str | int | None = None
    name: str | None = None

    def next_step(self) -> str | int | None:
        """Return under which key or index the next value stands."""
        return len(self.content) if self.kind == "[" else self.name


def recover(text: str, begins: int = 0) -> RecoveredJson:
    """Return what can be read of a text from a place on; of one that never ends well, what stands before its mistake.

    The time is linear in the length of the text, of which at most LONGEST characters are read.
    """
    text = text[: begins + LONGEST]
    reader = _Reader(text)
    if not reader.read(begins) and reader.mistakes:
        mistakes = reader.mistakes
        reader = _Reader(text[: mistakes[0]], is_rest=True, mistakes=mistakes)
        reader.read(begins)
    return reader.result()


def containers(document: object) -> Iterator[Path]:
    """Yield the places of all objects and lists of a document."""
    waiting: list[tuple[Path, object]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict | list):
            yield path
            steps = value.items() if isinstance(value, dict) else enumerate(value)
            waiting += (((*path, step), inner) for step, inner in steps)


@dataclass(slots=True)
class _Reader:
    """Builds the values of a text, and chooses how to read on where it is none of JSON."""

    text: str
    is_rest: bool = False
    mistakes: list[int] = field(default_factory=list)
    _kinds: list[str] = field(default_factory=list)
    _frames: list[_Frame] = field(default_factory=list)
    _root: Any = LOST
    _lost: set[Path] = field(default_factory=lambda: {()})
    _torn: set[Path] = field(default_factory=set)
    _last: tuple[_Frame | None, str | int | None, Token] | None = None
    _closed: set[Path] = field(default_factory=set)
    _misnested: bool = False

    def read(self, begins: int) -> bool:
        """Read the text; tell whether it came to an end at which nothing is left open, or is only cut short."""
        finder = WayFinder(self.text)
        at, state = begins, State.VALUE
        while state is not State.END:
            token = next_token(self.text, at)
            if token.kind == "end":
                return self._cut()
            try:
                state, at = self._step(token, state), token.ends
            except Mistake:
                self.mistakes.append(token.begins)
                place = self._mistaken(token, state)
                way = finder.best(place)
                if way is None or len(self.mistakes) > _MOST_MISTAKES:
                    self._tear()
                    return False
                if way.tears:
                    self._doubt(place, way)
                else:
                    self.mistakes.pop()  # only spelled otherwise
                self._take(way)
                state, at = way.state, way.at
        self._misnested |= next_token(self.text, at).kind in _MISNESTED
        if self._misnested:
            self._torn |= set(containers(self._root))
        return True

    def result(self) -> RecoveredJson:
        """Return what was read."""
        lost, torn = frozenset(self._lost), frozenset(self._torn)
        return RecoveredJson(self._root, lost, torn, len(self.mistakes))

    # ---------------------------------------------------------------------------------------------- what is read

    def _step(self, token: Token, state: State) -> State:
        """Read a token where it may stand; raises Mistake where it may not."""
        after = state_after(token, state, self._kinds)
        if state in WANTING_NAME and token.kind == "string":
            self._name(token)
        elif token.kind in ("{", "["):
            self._open(token.kind)
        elif token.kind in ("}", "]"):
            self._close()
        elif token.kind in ("string", "scalar"):
            self._put(token)
        return after

    def _name(self, token: Token) -> None:
        name = _string(self.text, token)
        if name is None or _is_damaged(self.text, token):
            name = None
            self._torn.add(self._path())
        self._frames[-1].name = name
        self._last = (None, None, token)
        self._closed.clear()

    def _put(self, token: Token) -> None:
        is_whole, value = _scalar(self.text, token)
        frame = self._frames[-1] if self._frames else None
        step = frame.next_step() if frame is not None else None
        self._attach(value)
        self._last = (frame, step, token)
        if not is_whole:
            self._lose(frame, step)

    def _open(self, kind: str) -> None:
        content: Any = {} if kind == "{" else []
        frame = self._frames[-1] if self._frames else None
        step = frame.next_step() if frame is not None else None
        self._attach(content if len(self._frames) < DEEPEST else LOST)
        if len(self._frames) == DEEPEST:
            self._lose(frame, step)
        self._frames.append(_Frame(kind, content, step))
        self._last = None
        self._closed.clear()

    def _close(self) -> None:
        self._closed.add(self._path())
        self._frames.pop()
        self._last = None

    def _attach(self, value: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        if not self._frames:
            self._root = value
            self._lost.discard(())
            return
        frame = self._frames[-1]
        if len(self._frames) > DEEPEST:
            return
        if frame.kind == "[":
            frame.content.append(value)
        elif frame.name is not None:
            frame.content[frame.name] = value
        frame.name = None

    # ---------------------------------------------------------------------------------------------- what is lost

    def _path(self, *step: str | int) -> Path:
        """Return the place of the innermost object or list, or of what stands at a step of it."""
        above = self._frames[1 : DEEPEST + 1]
        steps = [frame.step for frame in above if frame.step is not None]
        return (*steps, *step)

    def _lose(self, frame: _Frame | None, step: str | int | None) -> None:
        """Note that the value at a step of the innermost object or list was lost; without a name, a part of it was."""
        if step is not None:
            self._lost.add(self._path(step))
        elif frame is not None:
            self._torn.add(self._path())
        else:
            self._lost.add(())

    def _tear(self) -> None:
        """Note that a part of all that is still open is missing."""
        steps = self._path()
        self._torn |= {steps[:length] for length in range(len(steps) + 1)}

    def _cut(self) -> bool:
        """Note what is lost where the text ends too early; the last number may have had more digits."""
        is_number = self._last is not None and self._last[2].kind == "scalar"
        if self.is_rest or is_number:
            self._lose_last()
        if self.is_rest:
            self._doubt_brackets()
        if self._frames and self._frames[-1].name is not None:
            self._lost.add(self._path(self._frames[-1].name))
        self._tear()
        return not self.mistakes

    def _lose_last(self) -> None:
        """Note that the token before a mistake may not be what it seems to be."""
        if self._last is None:
            return
        frame, step, _ = self._last
        if frame is None and self._frames:
            self._frames[-1].name = None
        else:
            self._lose(frame, step)

    # ---------------------------------------------------------------------------------------- how to read on

    def _mistaken(self, token: Token, state: State) -> MistakePlace:
        name = self._frames[-1].name if self._frames else None
        last = self._last[2] if self._last is not None else None
        return MistakePlace(token, state, self._kinds, name, last)

    def _doubt(self, place: MistakePlace, way: Way) -> None:
        """Note what a mistake makes doubtful: what closed just before it, and brackets that do not fit."""
        token = place.token
        skips_bracket = _BRACKETS.search(self.text, token.ends, max(way.at, token.ends))
        if skips_bracket or token.kind in CLOSERS.values():
            self._misnested = True
        if token.kind == ":" and self._kinds[-1:] == ["["]:
            self._lost.add(self._path())  # it may be an object
        self._doubt_brackets()

    def _doubt_brackets(self) -> None:
        """Note that what closed just before a mistake, or opened, may have done so by it."""
        self._torn |= self._closed
        frame = self._frames[-1] if len(self._frames) > 1 else None
        if frame is not None and len(frame.content) <= (frame.kind == "["):
            self._lost.add(self._path())

    def _take(self, way: Way) -> None:
        """Note what a way loses."""
        if way.loses_last:
            self._lose_last()
        if way.tears:
            self._torn.add(self._path())
        for _ in range(way.closed):
            self._close()
            self._kinds.pop()
            if way.tears:
                self._torn.add(self._path())
        self._last = None
        if way.opened:
            self._open(way.opened)
            self._kinds.append(way.opened)
            self._lost.add(self._path())
        elif self._frames and self._frames[-1].kind == "{":
            self._give_name(self._frames[-1], way)
        elif self._frames and way.tears:
            self._lost.add(self._path(len(self._frames[-1].content)))

    def _give_name(self, frame: _Frame, way: Way) -> None:
        """Take over a name that stands there without quotes; lose the value of one that is skipped."""
        if way.name is not None:
            frame.name = way.name
            if way.tears:
                self._lost.add(self._path(way.name))
        elif way.state is State.NEXT and frame.name is not None:
            self._lost.add(self._path(frame.name))
            frame.content.setdefault(frame.name, LOST)
            frame.name = None


def _string(text: str, token: Token) -> str | None:
    """Return a text, control characters in it as they are; None where an escape in it is none."""
    try:
        value, _ = _DECODER.raw_decode(text, token.begins)
    except ValueError:
        return None
    return str(value)


def _is_damaged(text: str, token: Token) -> bool:
    """Tell whether a character in a text was lost, or is one that must not stand there (RFC 8259, section 7)."""
    return _BAD.search(text, token.begins, token.ends) is not None


def _scalar(text: str, token: Token) -> tuple[bool, Any]:
    """Return whether a token is a value of JSON that stands there whole, and the value."""
    if token.kind == "string":
        value = _string(text, token)
        is_whole = value is not None and not _is_damaged(text, token)
        return is_whole, LOST if value is None else value
    word = text[token.begins : token.ends]
    if word in _WORDS:
        return True, _WORDS[word]
    return (True, number(word)) if _NUMBER.fullmatch(word) else (False, LOST)
