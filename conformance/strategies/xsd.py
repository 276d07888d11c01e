"""Draws requests from the types of whatever WSDL is plugged in: valid ones, and ones that are broken in one way.

The schema itself is the oracle: what it does not take is not valid, what it takes is not broken. Must not sign or send.
"""

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from conformance.model.case import MessageMutation, MutationKind
from conformance.soap.editing import SWEEPS, ValidMessage, apply
from conformance.soap.markup import Element, parse
from conformance.soap.xsd.composing import MANY, Address, compose, leaves, places
from conformance.soap.xsd.contract import SoapContract, SoapOperation, Steps
from conformance.soap.xsd.grammar import Choice, Grammar
from conformance.soap.xsd.patterns import Node, Option, text_of_length
from conformance.soap.xsd.types import (
    AttributeUse,
    GroupParticle,
    Particle,
    Simple,
    Wildcard,
)
from conformance.soap.xsd.values import (
    FACETS,
    INTEGERS,
    NAMES,
    TYPE,
    USUAL,
    matches,
    number_range,
    outside,
    patterned_texts,
)

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ACCENTED: Final = "éèêëïçüñÉ"
_STRINGS: Final = frozenset({"string", "normalizedString", "token"})
_ATTRIBUTES: Final = "attributes-broken"
_STRUCTURE: Final = (
    *(
        "elements-missing",
        "elements-doubled",
        "elements-unknown",
        "elements-surplus",
        "elements-swapped",
    ),
    _ATTRIBUTES,
)
"""The sweeps that break the structure of a message in ways that belong to its schema, not to its namespaces."""
_FACET: Final = re.compile(r"\[facet '(\w+)'\]")
_FURTHEST: Final = 10**6
_BRANCHES: Final = 6
"""How many branches of choices have messages of their own that are broken in their structure."""
_TWO_WORDS: Final = 3
"""Characters of the shortest two words."""

Broken = tuple[str, MessageMutation]
"""A valid request as XML text, and the one change that its schema refuses."""


def valid(grammar: Grammar) -> SearchStrategy[str]:
    """Draw a valid request as XML text; it shrinks towards the smallest one."""
    texts = _all_texts(grammar)

    @st.composite
    def message(draw: DrawFn) -> str:
        return compose(grammar.root, _Drawn(draw, texts))

    return message().filter(grammar.fits)


def broken(
    grammar: Grammar, contract: SoapContract, operation: SoapOperation
) -> SearchStrategy[Broken]:
    """Draw a valid request, and one change to it that the schema refuses for one reason; both shrink on their own."""
    breaker = _Breaker(grammar, contract, operation)
    changes, wanted, texts = (
        list(breaker.changes()),
        dict(places(grammar.root)),
        _all_texts(grammar),
    )

    @st.composite
    def message(draw: DrawFn) -> tuple[str, str, MessageMutation]:
        breaks, edit = draw(st.sampled_from(changes))
        place = wanted.get(edit.path, wanted.get(edit.path[:-1], ()))
        return compose(grammar.root, _Drawn(draw, texts, place)), breaks, edit

    refused = message().filter(
        lambda one: grammar.fits(one[0]) and breaker.is_refused(*one)
    )
    return refused.map(lambda one: (one[0], one[2]))


def edges(
    grammar: Grammar, contract: SoapContract, operation: SoapOperation
) -> tuple[Broken, ...]:
    """Return broken requests, always the same: just outside each limit of each value, and one of each other sort."""
    return tuple(_Breaker(grammar, contract, operation).edges())


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Draws what the model leaves open, towards the smallest; what stands at the `wanted` place is there."""

    draw: DrawFn
    texts: Mapping[Address, SearchStrategy[str]]
    wanted: Address = ()

    def count(self, address: Address, part: Particle) -> int:
        least = max(part.least, int(self._leads(address)))
        most = least + MANY if part.most is None else min(part.most, least + MANY)
        if isinstance(part, Wildcard) or most == least:
            return part.least if isinstance(part, Wildcard) else least
        return self.draw(st.integers(least, most))

    def branch(self, address: Address, group: GroupParticle) -> int:
        if self._leads(address) and len(self.wanted) > len(address):
            return self.wanted[len(address)]
        return (
            self.draw(st.integers(0, len(group.members) - 1))
            if len(group.members) > 1
            else 0
        )

    def attribute(self, address: Address, use: AttributeUse) -> bool:
        return use.required or address == self.wanted or self.draw(st.booleans())

    def text(self, address: Address, kind: Simple) -> str:
        del kind
        return self.draw(self.texts[address])

    def flipped(self, address: Address) -> bool:
        del address
        return self.draw(st.booleans())

    def _leads(self, address: Address) -> bool:
        """Tell whether the wanted place is at an address, or below it."""
        return bool(self.wanted) and self.wanted[: len(address)] == address


def _all_texts(grammar: Grammar) -> dict[Address, SearchStrategy[str]]:
    return {
        leaf.address: _texts(leaf.type, grammar.texts[leaf.address])
        for leaf in leaves(grammar.root)
    }


def _texts(kind: Simple, taken: tuple[str, ...]) -> SearchStrategy[str]:
    """Draw texts of a type: those at its limits that the schema takes, and where more can be drawn, others."""
    known = st.sampled_from(taken)
    if kind.fixed is not None or kind.enumeration:
        return known
    more = _patterned(kind) if kind.patterns else _plain(kind)
    return known if more is None else st.one_of(known, more)


def _patterned(kind: Simple) -> SearchStrategy[str] | None:
    """Draw texts by the patterns of a type, None where one of them is not read here."""
    strategies = [
        _by_pattern(node, some[:USUAL]) for node, some in patterned_texts(kind)
    ]
    return (
        st.one_of(strategies).filter(lambda text: matches(kind, text))
        if strategies
        else None
    )


@st.composite
def _by_pattern(draw: DrawFn, node: Node, lengths: tuple[int, ...]) -> str:
    """Draw a text of a pattern that has one of some lengths, towards the shortest."""

    def pick(options: Sequence[Option], /) -> Option:
        return options[0] if len(options) == 1 else draw(st.sampled_from(options))

    return text_of_length(node, pick(lengths), pick)


def _plain(kind: Simple) -> SearchStrategy[str] | None:
    """Draw texts of a type without pattern, None where none but those at its limits are known."""
    if kind.base in _STRINGS:
        return _words(kind, f"{_LETTERS}0123456789-'{_ACCENTED}", spaced=True)
    if kind.base in NAMES:
        return _words(kind, f"{_LETTERS}0123456789-", spaced=False)
    if kind.base in INTEGERS or kind.base == "decimal":
        return _numbers(kind)
    return None


def _words(kind: Simple, letters: str, *, spaced: bool) -> SearchStrategy[str]:
    """Draw words that a person can read, of a length that a type allows; `spaced`: two of them as well."""
    least = max(kind.shortest or 1, 1)
    most = max(USUAL, least)
    most = most if kind.longest is None else min(most, kind.longest)
    word = _word(letters, least, most)
    if not spaced or not least <= _TWO_WORDS <= most:
        return word
    half = _word(letters, 1, most // 2 - 1 + most % 2)
    return st.one_of(word, st.builds("{} {}".format, half, half))


def _word(letters: str, least: int, most: int) -> SearchStrategy[str]:
    rest = st.lists(
        st.sampled_from(letters), min_size=least - 1, max_size=max(least, most) - 1
    ).map("".join)
    return st.builds("{}{}".format, st.sampled_from(_LETTERS), rest)


def _numbers(kind: Simple) -> SearchStrategy[str]:
    """Draw numbers within the bounds of a type, in its own steps."""
    low, high, step = number_range(kind)
    least = int(
        (low if low is not None else min(high or Decimal(0), Decimal(0))) / step
    )
    most = int(high / step) if high is not None else max(least, 0) + _FURTHEST
    return st.integers(least, max(most, least)).map(lambda number: f"{number * step:f}")


@dataclass(frozen=True, slots=True)
class _Breaker:
    """Finds the changes to a valid message that its schema refuses for one reason."""

    grammar: Grammar
    contract: SoapContract
    operation: SoapOperation

    def changes(self) -> Iterator[tuple[str, MessageMutation]]:
        """Yield changes that break full messages, each with what it breaks: structure (""), or a sort of facets."""
        edits: dict[tuple[str, MessageMutation], None] = {}
        for branch in range(min(self.grammar.breadth, _BRANCHES)):
            edits |= dict.fromkeys(
                ("", edit)
                for sweep in _STRUCTURE
                for edit in self._swept(branch, sweep)
            )
        yield from edits
        for leaf in leaves(self.grammar.root):
            for good in self.grammar.texts[leaf.address][:1]:
                yield from self._values(leaf.path, leaf.type, good)

    def is_refused(self, text: str, breaks: str, edit: MessageMutation) -> bool:
        """Tell whether the schema refuses a message once it is changed, and for what the change breaks alone."""
        return self._facet(parse(text.encode()), breaks, edit) is not None

    def edges(self) -> Iterator[Broken]:
        yield from self._structure()
        for leaf in leaves(self.grammar.root):
            for good in self.grammar.texts[leaf.address][:1]:
                text = self.grammar.message((Choice(leaf.address, text=good),))
                yield from (
                    (text, edit)
                    for edit in self._limits(text, leaf.path, leaf.type, good)
                )

    def _structure(self) -> Iterator[Broken]:
        """Yield the first and last change of each sort to a full message, and one of each to each of its attributes."""
        choices = self.grammar.everything()
        for sweep in _STRUCTURE:
            refused = self._swept(0, sweep)
            each = {(edit.deed, edit.path): edit for edit in reversed(refused)}
            chosen = (
                reversed(each.values())
                if sweep == _ATTRIBUTES
                else dict.fromkeys((*refused[:1], *refused[-1:]))
            )
            yield from ((self._least(choices, edit), edit) for edit in chosen)

    def _swept(self, branch: int, sweep: str) -> list[MessageMutation]:
        """Return the edits of a sweep that break a message with everything."""
        text = self.grammar.message(self.grammar.everything(branch))
        edits = SWEEPS[sweep](
            ValidMessage(self.contract, self.operation, parse(text.encode()))
        )
        return [edit for edit in edits if self.is_refused(text, "", edit)]

    def _least(self, choices: tuple[Choice, ...], edit: MessageMutation) -> str:
        """Return the smallest message that the schema still refuses once it is changed."""
        for choice in reversed(choices):
            fewer = tuple(one for one in choices if one is not choice)
            if self.is_refused(self.grammar.message(fewer), "", edit):
                choices = fewer
        return self.grammar.message(choices)

    def _limits(
        self, text: str, path: Steps, kind: Simple, good: str
    ) -> Iterator[MessageMutation]:
        """Yield a change for each facet of a value, and all those against its built-in type."""
        root, seen = parse(text.encode()), set[str]()
        for breaks, edit in self._values(path, kind, good):
            facet = self._facet(root, breaks, edit)
            if facet is not None and (breaks == TYPE or facet not in seen):
                seen.add(facet)
                yield edit

    def _values(
        self, path: Steps, kind: Simple, good: str
    ) -> Iterator[tuple[str, MessageMutation]]:
        wrong = dict.fromkeys(
            (breaks, text) for breaks, text in outside(kind, good) if text != good
        )
        yield from (
            (breaks, MessageMutation(MutationKind.WRITE, path, text))
            for breaks, text in wrong
        )

    def _facet(self, root: Element, breaks: str, edit: MessageMutation) -> str | None:
        """Return the facet that a changed message breaks, "" for anything else, None where it is not what it should."""
        altered = copy.deepcopy(root)
        try:
            apply(altered, edit)
        except LookupError:
            return None
        problems = self.grammar.schemas.problems(altered)
        facets = {
            texts[1]
            for problem in problems
            if (texts := _FACET.search(problem.message))
        }
        if not problems or not breaks:
            return "" if problems else None
        if (
            len(facets) > 1
            or not facets <= FACETS[breaks]
            or bool(facets) == (breaks == TYPE)
        ):
            return None
        return next(iter(facets), "")
