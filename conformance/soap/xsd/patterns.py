"""Reads the regular expressions of XML Schema, and finds texts of a wanted length that they take.

Characters are those of a small alphabet that everybody can print, and those that a pattern names. Source: XML Schema
1.0 Part 2, appendix F. Must not know types or messages.
"""

import re
import string
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Protocol, TypeVar

from conformance.soap.xsd.character_classes import BLOCKS, CLASSES, ESCAPES, Taken

Option = TypeVar("Option")


class Pick(Protocol):
    """Takes one of several options."""

    def __call__(self, options: Sequence[Option], /) -> Option:
        """Return one of the options, of which there is at least one."""


_ACCENTED: Final = "ÀÂÇÈÉÊËÎÏÔÖÙÛÜàâçèéêëîïñôöùûüß"
ALPHABET: Final = f"{string.ascii_uppercase}{string.ascii_lowercase}{string.digits}{_ACCENTED}-' {string.punctuation}"
"""What a class of characters is made of, the likeliest first."""
_ENDS: Final = "|)"
_OFTEN: Final = re.compile(r"([?*+])|\{(\d+)(?:(,)(\d*))?\}")
_TIMES: Final[dict[str, tuple[int, int | None]]] = {
    "?": (0, 1),
    "*": (0, None),
    "+": (1, None),
}
_PROPERTY: Final = re.compile(r"\{([\w-]+)\}")
_MOST: Final = 10_000


class PatternError(ValueError):
    """A pattern is not one that is read here."""


@dataclass(frozen=True, slots=True)
class Characters:
    """One character, any of some."""

    some: str


@dataclass(frozen=True, slots=True)
class Series:
    """Parts one after the other."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Alternatives:
    """One of some branches."""

    branches: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Repeated:
    """A part again and again; without `most` without end."""

    part: "Node"
    least: int
    most: int | None


Node = Characters | Series | Alternatives | Repeated


def read_pattern(text: str) -> Node:
    """Return what a pattern says; raises PatternError where it is not understood, or takes none of the characters."""
    reader = _PatternReader(text, "".join(dict.fromkeys(ALPHABET + text)))
    node = reader.alternatives()
    if reader.at < len(text):
        raise PatternError(f"{text!r} has an unexpected {text[reader.at]!r}")
    return node


def translated(node: Node) -> str:
    """Return a pattern as a regular expression of Python, to be matched as a whole."""
    match node:
        case Characters(some):
            return f"[{''.join(map(re.escape, some))}]"
        case Series(parts):
            return "".join(map(translated, parts))
        case Alternatives(branches):
            return f"(?:{'|'.join(map(translated, branches))})"
        case Repeated(part, least, most):
            return f"(?:{translated(part)}){{{least},{'' if most is None else most}}}"


def lengths(node: Node, limit: int) -> tuple[int, ...]:
    """Return the lengths that a text of a pattern may have, up to a limit, in ascending order."""
    return tuple(_members(_lengths(node, min(limit, _MOST))))


def first(options: Sequence[Option], /) -> Option:
    """Return the first option."""
    return options[0]


def text_of_length(node: Node, length: int, pick: Pick = first) -> str:
    """Return a text of a pattern that has a length, by default the first one; raises LookupError where there is none.

    `pick` chooses characters, branches, and the lengths of parts.
    """
    if not _has(node, length):
        raise LookupError(f"no text of {length} characters")
    match node:
        case Characters(some):
            return pick(some)
        case Alternatives(branches):
            fitting = [branch for branch in branches if _has(branch, length)]
            return text_of_length(pick(fitting), length, pick)
        case Series(parts):
            return _series(parts, length, pick)
        case Repeated():
            return _repeated(node, length, pick)


def one_branch_each(node: Node) -> Iterator[Node]:
    """Yield a copy of a pattern for each branch of each of its alternatives, with that branch alone in their place."""
    match node:
        case Alternatives(branches):
            for branch in branches:
                yield branch
                yield from one_branch_each(branch)
        case Series(parts):
            for at, part in enumerate(parts):
                for branch in one_branch_each(part):
                    yield Series((*parts[:at], branch, *parts[at + 1 :]))
        case Repeated(part, least, most):
            once = 1 if most is None else min(1, most)
            for branch in one_branch_each(part):
                yield Repeated(branch, max(least, once), most)
        case Characters():
            return


def _series(parts: tuple[Node, ...], length: int, pick: Pick) -> str:
    """Return a text of parts that are to fill a length together."""
    text = ""
    for at, part in enumerate(parts):
        rest = Series(parts[at + 1 :])
        sizes = [size for size in lengths(part, length) if _has(rest, length - size)]
        chosen = pick(sizes)
        text += text_of_length(part, chosen, pick)
        length -= chosen
    return text


def _repeated(node: Repeated, length: int, pick: Pick) -> str:
    text = ""
    while length > 0:
        most = None if node.most is None else node.most - 1
        fewer = replace(node, least=max(node.least - 1, 0), most=most)
        sizes = filter(None, lengths(node.part, length))
        chosen = pick([size for size in sizes if _has(fewer, length - size)])
        text += text_of_length(node.part, chosen, pick)
        length, node = length - chosen, fewer
    return text


def _has(node: Node, length: int) -> bool:
    return length >= 0 and bool(_lengths(node, max(length, 0)) >> length & 1)


@lru_cache(maxsize=4096)
def _lengths(node: Node, limit: int) -> int:
    """Return the lengths of a pattern's texts up to a limit, each as a bit of a number."""
    everything = (1 << limit + 1) - 1
    match node:
        case Characters():
            return 2 & everything
        case Series(parts):
            reached = 1
            for part in parts:
                reached = _sums(reached, _lengths(part, limit), everything)
            return reached
        case Alternatives(branches):
            reached = 0
            for branch in branches:
                reached |= _lengths(branch, limit)
            return reached
        case Repeated():
            return _times(node, limit, everything)


def _times(node: Repeated, limit: int, everything: int) -> int:
    single = _lengths(node.part, limit)
    most = limit if node.most is None else min(node.most, limit)
    if single == 2:  # noqa: PLR2004 - one character: any number of them
        return everything >> node.least << node.least & (1 << most + 1) - 1
    forced = _power(single, node.least, everything)
    return _sums(
        forced, _power(single | 1, max(most - node.least, 0), everything), everything
    )


def _power(single: int, times: int, everything: int) -> int:
    """Return the lengths of a part that stands some times, by doubling."""
    result, doubled = 1, single
    while times:
        if times & 1:
            result = _sums(result, doubled, everything)
        doubled, times = _sums(doubled, doubled, everything), times >> 1
    return result


def _sums(first: int, second: int, everything: int) -> int:
    if first.bit_count() > second.bit_count():
        first, second = second, first
    result = 0
    for shift in _members(first):
        result |= second << shift
    return result & everything


def _members(bits: int) -> Iterator[int]:
    return (at for at, bit in enumerate(reversed(f"{bits:b}")) if bit == "1")


@dataclass(slots=True)
class _PatternReader:
    """Reads a pattern from left to right."""

    text: str
    alphabet: str
    at: int = 0

    def alternatives(self) -> Node:
        branches = [self._series()]
        while self._next("|"):
            branches.append(self._series())
        return branches[0] if len(branches) == 1 else Alternatives(tuple(branches))

    def _series(self) -> Node:
        parts = []
        while self.at < len(self.text) and self.text[self.at] not in _ENDS:
            parts.append(self._quantified(self._atom()))
        return parts[0] if len(parts) == 1 else Series(tuple(parts))

    def _quantified(self, node: Node) -> Node:
        quantifier = _OFTEN.match(self.text, self.at)
        if quantifier is None:
            return node
        self.at = quantifier.end()
        sign, least, comma, most = quantifier.groups()
        if sign:
            return Repeated(node, *_TIMES[sign])
        return Repeated(
            node, int(least), int(most) if most else None if comma else int(least)
        )

    def _atom(self) -> Node:
        if self._next("("):
            node = self.alternatives()
            self._expect(")")
            return node
        taken = self._class() if self._next("[") else self._single()
        some = "".join(character for character in self.alphabet if taken(character))
        if not some:
            raise PatternError(
                f"{self.text!r} takes characters that are not drawn here"
            )
        return Characters(some)

    def _single(self) -> Taken:
        character = self._take()
        if character == "\\":
            return self._escape()
        if character == ".":
            return lambda found: found not in "\n\r"
        if character in "?*+{}[]":
            raise PatternError(f"{self.text!r} has an unexpected {character!r}")
        return lambda found: found == character

    def _class(self) -> Taken:
        """Read a class behind its bracket: members, then perhaps what is taken away from them."""
        outside = self._next("^")
        tests: list[Taken] = []
        less: Taken | None = None
        while not self._next("]"):
            if tests and self.text.startswith("-[", self.at):
                self.at += 2
                less = self._class()
                self._expect("]")
                break
            tests.append(self._member())
        return lambda found: (
            (any(test(found) for test in tests) != outside)
            and not (less and less(found))
        )

    def _member(self) -> Taken:
        """Read a character, a range of them, or an escape within a class."""
        first = self._take()
        if first == "\\":
            escaped = self.text[self.at : self.at + 1]
            test = self._escape()
            first = ESCAPES.get(escaped, escaped)
            if escaped.isalpha() and escaped not in ESCAPES:
                return test
        follows = self.text[self.at + 1 : self.at + 2]
        if self.text[self.at : self.at + 1] != "-" or follows in {"]", "["}:
            return lambda found: found == first
        self.at += 1
        last = self._take()
        if last == "\\":
            escaped = self._take()
            last = ESCAPES.get(escaped, escaped)
        return lambda found: first <= found <= last

    def _escape(self) -> Taken:
        """Read an escape behind its backslash: a character, or a class with a capital for its opposite."""
        character = self._take()
        if character in "pP":
            test = self._property()
        elif character.lower() in CLASSES:
            test = CLASSES[character.lower()]
        elif character.isalpha() and character not in ESCAPES:
            raise PatternError(f"{self.text!r} has an unknown escape \\{character}")
        else:
            return lambda found: found == ESCAPES.get(character, character)
        return test if character.islower() else lambda found: not test(found)

    def _property(self) -> Taken:
        named = _PROPERTY.match(self.text, self.at)
        if named is None:
            raise PatternError(f"{self.text!r} has a property without a name")
        self.at, name = named.end(), named[1]
        if not name.startswith("Is"):
            return lambda found: unicodedata.category(found).startswith(name)
        if name[2:] not in BLOCKS:
            raise PatternError(
                f"{self.text!r} names the block {name}, which is not known here"
            )
        first, last = BLOCKS[name[2:]]
        return lambda found: first <= ord(found) <= last

    def _take(self) -> str:
        if self.at >= len(self.text):
            raise PatternError(f"{self.text!r} ends too early")
        self.at += 1
        return self.text[self.at - 1]

    def _next(self, wanted: str) -> bool:
        if not self.text.startswith(wanted, self.at):
            return False
        self.at += len(wanted)
        return True

    def _expect(self, wanted: str) -> None:
        if not self._next(wanted):
            raise PatternError(f"{self.text!r} lacks a {wanted!r}")
