"""Reads an answer's body as JSON, a damaged one as far as it can be read, and says what holds in spite of the damage.

What was lost may have been anything: only what is wrong whatever it was is a finding. Must not know requirements.
"""

import codecs
import functools
import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

from conformance.checks.damaged.json_recovery import (
    DEEPEST,
    LOST,
    RecoveredJson,
    containers,
    recover,
)
from conformance.checks.json_body import TOO_DEEP, Parsed, number, odd, parse
from conformance.checks.json_schema import (
    BREAKS_SCHEMA,
    NO_SUCH_ITEM,
    WRONG_TYPE,
    place_of,
)
from conformance.checks.problem import Path, pointer

_LONGEST_PREFIX = 100
"""Characters before a document among which its first bracket is looked for."""
_OF_THE_WHOLE: Final = frozenset({BREAKS_SCHEMA, NO_SUCH_ITEM})
"""What is said of an object or list as a whole, whatever part of it was lost."""
_HALF: Final = re.compile("[\ud800-\udfff]")
_ESCAPED_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]")

_NOTHING: Final = RecoveredJson(LOST, frozenset({()}))

Members = Callable[[str], Collection[str]]
"""The names of the members that are documented at a place such as `groups[].items[]`."""


@dataclass(frozen=True, slots=True)
class JsonReading:
    """A body as JSON: what is wrong with its form, and what was read of it all the same.

    `lost` are places of values that were not read whole, `torn` of objects and lists of which a part is missing;
    where nothing was read, the whole is lost.
    """

    form: Parsed
    document: Any
    lost: frozenset[Path] = frozenset()
    torn: frozenset[Path] = frozenset()

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing was lost."""
        return not self.lost and not self.torn

    @property
    def is_read(self) -> bool:
        """Tell whether there is anything to judge."""
        return () not in self.lost

    def least(self) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return the document without the values that were lost."""
        return _copied(self.document, (), self.lost)

    def most(self, members: Members) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return the document with something in the place of what was lost, documented members that are missing too."""
        filled = _copied(self.document, (), frozenset())
        for path in self.lost:
            _put(filled, path, LOST)
        for path in self.torn:
            found = _at(filled, path)
            if isinstance(found, dict):
                for name in members(place_of(path)):
                    found.setdefault(name, LOST)
        return filled

    def hides(self, location: str, message: str) -> bool:
        """Tell whether a finding may come of what was lost: it is at such a place, or of a whole with one in it."""
        steps = location.split("/")
        above = ("/".join(steps[:length]) or "/" for length in range(1, len(steps) + 1))
        if any(place in _pointers(self.lost) for place in above):
            return True
        if message == WRONG_TYPE and location in _pointers(self.torn):
            return True  # its bracket may be what was damaged
        return message in _OF_THE_WHOLE and location in _above(self.lost | self.torn)


@functools.lru_cache(maxsize=1)
def read(body: bytes) -> JsonReading:
    """Return a body as JSON, a damaged one as far as it can be read."""
    form = parse(body)
    if form.problem is None and not form.unreadable:
        return _readable(form, body)
    text = _decoded(body)
    found = _recovered(text)
    return JsonReading(form, found.document, found.lost, found.torn)


def first_of_twins(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return the document of a body in which the first of equal members counts, not the last."""
    return json.loads(
        body.removeprefix(codecs.BOM_UTF8),
        parse_int=number,
        parse_float=number,
        object_pairs_hook=lambda pairs: dict(reversed(pairs)),
    )


def _readable(form: Parsed, body: bytes) -> JsonReading:
    """Return a JSON text without what the checks cannot follow: what is nested too deeply, and half characters."""
    if body.count(b"[") + body.count(b"{") > DEEPEST and _is_too_deep(form.document):
        found = recover(_decoded(body))
        deep = Parsed(unreadable=TOO_DEEP, oddities=form.oddities)
        return JsonReading(deep, found.document, found.lost, found.torn)
    if not _ESCAPED_HALF.search(body):
        return JsonReading(form, form.document)
    whole = _without_halves(form.document)
    if whole == form.document:
        return JsonReading(form, form.document)
    told = odd("a text holds half of a character (RFC 8259, section 8.2)")
    return JsonReading(Parsed(whole, oddities=(*form.oddities, told)), whole)


def _decoded(body: bytes) -> str:
    """Return the text of a body, in the encoding that its first bytes show (RFC 4627, section 3)."""
    encoding = json.detect_encoding(body)
    return body.decode(encoding, "replace").removeprefix("\ufeff")


def _recovered(text: str) -> RecoveredJson:
    """Return what can be read of a text that is not JSON: odd words in it are lost, or what stands around mistakes."""
    try:
        document = json.loads(
            text,
            parse_constant=lambda _: LOST,
            parse_int=number,
            parse_float=number,
        )
    except (ValueError, RecursionError):
        return _mended(text)
    if _is_too_deep(document):
        return _mended(text)
    return _marked(document) if isinstance(document, dict | list) else _NOTHING


def _mended(text: str) -> RecoveredJson:
    begins = len(text) - len(text.lstrip())
    if text[begins : begins + 1] in ("{", "["):
        return recover(text, begins)
    bracket = re.compile(r"[{\[]").search(text[: begins + _LONGEST_PREFIX])
    if bracket is None or text[begins] == "<":
        return _NOTHING
    # Something stands before the document, or its first sign is damaged: what has no further mistake is believed.
    rest = text[begins + 1 :]
    for candidate in (text[bracket.start() :], "{" + rest, "[" + rest):
        found = recover(candidate)
        if not found.mistakes and isinstance(found.document, dict | list):
            return found
    return _NOTHING


def _marked(document: Any) -> RecoveredJson:  # noqa: ANN401 - whatever JSON holds
    """Return a document with the places of texts and names in which characters were lost."""
    document = _without_halves(document)
    lost: set[Path] = set()
    torn: set[Path] = set()
    for path in list(containers(document)):
        found = _at(document, path)  # None where a name above it was damaged
        inner = found.items() if isinstance(found, dict) else enumerate(found or ())
        for step, value in list(inner):
            if _is_damaged(value):
                lost.add((*path, step))
            if _is_damaged(step):
                torn.add(path)
                del found[step]
    return RecoveredJson(document, frozenset(lost), frozenset(torn))


def _is_damaged(value: object) -> bool:
    return isinstance(value, str) and LOST in value


def _without_halves(document: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return a document in which whole characters stand for halves."""
    text = json.dumps(document, ensure_ascii=False)
    return json.loads(_HALF.sub(LOST, text)) if _HALF.search(text) else document


def _is_too_deep(document: object) -> bool:
    """Tell whether objects and lists stand in one another more deeply than they are followed."""
    level = [document]
    for _ in range(DEEPEST):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
    return any(isinstance(value, dict | list) for value in level)


def _copied(value: Any, path: Path, without: Collection[Path]) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return a copy without some values; entries of lists keep their places, with null in the place of one."""
    if isinstance(value, dict):
        return {
            name: _copied(inner, (*path, name), without)
            for name, inner in value.items()
            if (*path, name) not in without
        }
    if isinstance(value, list):
        steps = ((*path, number) for number in range(len(value)))
        return [
            None if step in without else _copied(inner, step, without)
            for step, inner in zip(steps, value, strict=True)
        ]
    return value


def _at(document: Any, path: Path) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return the value at a path, None where there is none."""
    for step in path:
        try:
            document = document[step]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def _put(document: Any, path: Path, value: object) -> None:  # noqa: ANN401 - whatever JSON holds
    """Put a value at a path, where what is above it is there."""
    above: Any = _at(document, path[:-1]) if path else None
    step = path[-1] if path else None
    is_member = isinstance(above, dict) and isinstance(step, str)
    is_entry = isinstance(above, list) and step in range(len(above))
    if is_member or is_entry:
        above[step] = value


@functools.lru_cache(maxsize=4)
def _pointers(paths: frozenset[Path]) -> frozenset[str]:
    return frozenset(map(pointer, paths))


@functools.lru_cache(maxsize=2)
def _above(paths: frozenset[Path]) -> frozenset[str]:
    """Return where the objects and lists stand that have some places in them, and the places themselves."""
    return frozenset(
        pointer(path[:length]) for path in paths for length in range(len(path) + 1)
    )
