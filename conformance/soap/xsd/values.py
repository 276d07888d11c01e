"""Texts of a simple type: those at its limits, and those just outside of one of them.

They are candidates: which of them a place takes is asked of the schema. Must not draw or send anything.
"""

import base64
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from itertools import islice
from typing import Final

from conformance.soap.xsd.matching import fits
from conformance.soap.xsd.patterns import (
    Alternatives,
    Node,
    PatternError,
    lengths,
    one_branch_each,
    read_pattern,
    text_of_length,
)
from conformance.soap.xsd.types import Bound, Simple

USUAL: Final = 30
"""Characters of a text that says nothing of its length."""
TYPE, ENUMERATION, LENGTH, PATTERN, BOUND, DIGITS = (
    "type",
    "enumeration",
    "length",
    "pattern",
    "bound",
    "digits",
)
"""What a text may break: its built-in type, or a sort of facets."""
FACETS: Final = {
    TYPE: frozenset[str](),
    ENUMERATION: frozenset({"enumeration"}),
    LENGTH: frozenset({"length", "minLength", "maxLength"}),
    PATTERN: frozenset({"pattern"}),
    BOUND: frozenset({"minInclusive", "minExclusive", "maxInclusive", "maxExclusive"}),
    DIGITS: frozenset({"totalDigits", "fractionDigits"}),
}
"""The facets of each sort."""
INTEGERS: Final[dict[str, tuple[int | None, int | None]]] = {
    "integer": (None, None),
    "nonPositiveInteger": (None, 0),
    "negativeInteger": (None, -1),
    "nonNegativeInteger": (0, None),
    "positiveInteger": (1, None),
    "long": (-(2**63), 2**63 - 1),
    "int": (-(2**31), 2**31 - 1),
    "short": (-(2**15), 2**15 - 1),
    "byte": (-(2**7), 2**7 - 1),
    "unsignedLong": (0, 2**64 - 1),
    "unsignedInt": (0, 2**32 - 1),
    "unsignedShort": (0, 2**16 - 1),
    "unsignedByte": (0, 2**8 - 1),
}
"""Built-in integers with their limits (XML Schema 1.0 Part 2, section 3.3)."""
NAMES: Final = frozenset(
    {"ID", "IDREF", "ENTITY", "NCName", "Name", "NMTOKEN", "QName"}
)
_SAMPLES: Final[dict[str, tuple[str, ...]]] = {
    "boolean": ("true", "false", "1", "0"),
    "date": ("2026-01-15", "2024-02-29"),
    "dateTime": ("2026-01-15T12:00:00Z", "2024-02-29T23:59:59.999+02:00"),
    "time": ("12:00:00Z", "23:59:59.999+02:00"),
    "gYear": ("2026",),
    "gYearMonth": ("2026-01",),
    "gMonth": ("--01", "--12"),
    "gMonthDay": ("--01-15", "--02-29"),
    "gDay": ("---15", "---31"),
    "duration": ("P1D", "P1Y2M3DT4H5M6S"),
    "anyURI": ("urn:example:a", "a"),
    "language": ("en", "nl-BE"),
    "float": ("1", "-0.5", "1E4"),
    "double": ("1", "-0.5", "1E4"),
}
_WRONG: Final[dict[str, tuple[str, ...]]] = {
    "ID": ("1A", "A:B", "", "A B"),
    "NCName": ("1A", "A:B", ""),
    "date": ("2026-02-30", "15/01/2026"),
    "dateTime": ("2026-02-30T12:00:00Z", "2026-01-15", "2026-01-15T25:00:00Z"),
    "boolean": ("yes", "2"),
    "union": ("?", "not a value", ""),
    "list": ("?", "not a value", ""),
}
_GREAT_LENGTH: Final = 1000
"""Characters that a text without a greatest length may have where its patterns leave no usual length."""
_LONGEST: Final = 10_000
_MOST_TEXTS: Final = 500
"""Texts of one type that are tried, each in a message of its own."""
_MOST_BRANCHES: Final = 25
"""Branches of a pattern that have texts of their own."""
_PLACES: Final = 2
"""Digits behind the point of a number that says nothing of them."""
_PROBES: Final = "?-x0 A"
"""Characters that are put into a text to see whether its pattern minds."""


def limits(kind: Simple) -> tuple[str, ...]:
    """Return texts at the limits of a type, the smallest one first; not all of them need be valid."""
    if kind.fixed is not None:
        return (kind.fixed,)
    if kind.enumeration:
        texts = dict.fromkeys(kind.enumeration)
        return (*islice(texts, _MOST_TEXTS),)
    found = _patterned(kind) if kind.patterns else _limits(kind)
    texts = dict.fromkeys(islice(found, _MOST_TEXTS))
    return (*filter(None, texts), *([""] if "" in texts else []))


def outside(kind: Simple, good: str) -> Iterator[tuple[str, str]]:
    """Yield what is broken and a text just outside, for each limit of a type; `good` is a text that it takes."""
    broken: list[tuple[str, Iterable[str]]] = [(TYPE, _wrong(kind))]
    if kind.enumeration:
        others = (f"{good}x", good.swapcase(), good * 2, "?", "")
        broken.append((ENUMERATION, others))
    broken += [
        (LENGTH, _of_length(kind, good, length)) for length in _wrong_lengths(kind)
    ]
    if kind.patterns:
        broken.append((PATTERN, _spoilt(good)))
    broken += [(BOUND, _beyond(kind)), (DIGITS, _too_precise(kind))]
    for facet, texts in broken:
        for text in texts:
            yield facet, text


def _wrong_lengths(kind: Simple) -> Iterator[int]:
    """Yield the lengths just outside those of a type."""
    for length in (kind.longest, kind.shortest):
        if length is not None and length < _LONGEST:
            yield length + 1 if length == kind.longest else length - 1
    if kind.shortest and kind.shortest == kind.longest:
        yield kind.shortest - 1


def matches(kind: Simple, text: str) -> bool:
    """Tell whether a text keeps to the lengths and patterns of a type, as far as these are read here."""
    shortest = kind.shortest or 0
    longest = _LONGEST if kind.longest is None else kind.longest
    if not shortest <= len(text) <= longest:
        return False
    nodes = (node for node in map(_step, kind.patterns) if node is not None)
    return all(fits(node, text) for node in nodes)


def patterned_texts(kind: Simple) -> tuple[tuple[Node, tuple[int, ...]], ...]:
    """Return the patterns of each step of a type with the lengths that all of them and the facets leave, to draw from.

    There are none where one of the patterns is not read here, or where nothing is left.
    """
    nodes = [node for node in map(_step, kind.patterns) if node is not None]
    if len(nodes) < len(kind.patterns):
        return ()
    pairs = ((node, _common(kind, node, nodes)) for node in nodes)
    return tuple((node, some) for node, some in pairs if some)


def number_range(kind: Simple) -> tuple[Decimal | None, Decimal | None, Decimal]:
    """Return the lowest and highest number of a type, and the step between its numbers."""
    lowest, highest = INTEGERS.get(kind.base, (None, None))
    step = Decimal(1).scaleb(-_decimal_places(kind))
    low = _limit(kind.lowest, step, None if lowest is None else Decimal(lowest))
    high = _limit(kind.highest, -step, None if highest is None else Decimal(highest))
    if kind.total_digits is None:
        return low, high, step
    most = (Decimal(10) ** kind.total_digits - 1) * step
    low = -most if low is None else max(low, -most)
    high = most if high is None else min(high, most)
    return low, high, step


def _decimal_places(kind: Simple) -> int:
    if kind.base in INTEGERS:
        return 0
    return _PLACES if kind.fraction_digits is None else kind.fraction_digits


def _limits(kind: Simple) -> Iterator[str]:
    if kind.base == "union":
        for member in kind.members:
            yield from limits(member)
    elif kind.base in INTEGERS or kind.base == "decimal":
        yield from _numbers(kind)
    elif kind.base in _SAMPLES:
        for bound, step in ((kind.lowest, 1), (kind.highest, -1)):
            yield from _inside(kind.base, bound, step)
        yield from _SAMPLES[kind.base]
    else:
        yield from (_filled(kind, length) for length in _usual_lengths(kind))


def _usual_lengths(kind: Simple) -> Iterator[int]:
    """Yield the least and the greatest length of a type without the empty text, then 0 where a facet names it."""
    least = max(kind.shortest or 1, 1)
    most = kind.longest if kind.longest is not None else max(USUAL, least)
    yield least
    yield most if most <= _LONGEST else least + USUAL
    if 0 in {kind.shortest, kind.longest}:
        yield 0


def _filled(kind: Simple, length: int) -> str:
    """Return a text of a length as its type counts: in items, bytes or characters."""
    match kind.base:
        case "list" if kind.item is not None:
            return " ".join((limits(kind.item)[:1] or ("A",)) * length)
        case "hexBinary":
            return "00" * length
        case "base64Binary":
            return base64.b64encode(b"A" * length).decode()
        case _:
            return "A" * length


def _numbers(kind: Simple) -> Iterator[str]:
    low, high, step = number_range(kind)
    least = Decimal("-Infinity") if low is None else low
    most = Decimal("Infinity") if high is None else high
    usual = [number for number in (Decimal(1), Decimal(0)) if least <= number <= most]
    numbers = [*usual, least, most]
    if kind.base == "decimal":
        numbers += [number + step for number in (*usual, least)]
    yield from (f"{number:f}" for number in numbers if number.is_finite())


def _limit(
    bound: Bound | None, step: Decimal, otherwise: Decimal | None
) -> Decimal | None:
    """Return the first number within a bound."""
    if bound is None:
        return otherwise
    try:
        value = Decimal(bound.value)
    except InvalidOperation:
        return otherwise
    return value + (0 if bound.inclusive else step) if value.is_finite() else otherwise


def _inside(base: str, bound: Bound | None, step: int) -> Iterator[str]:
    """Yield the first moment within a bound."""
    if bound is not None:
        yield from (
            [bound.value] if bound.inclusive else _shifted(base, bound.value, step)
        )


def _beyond(kind: Simple) -> Iterator[str]:
    """Yield the values next to a bound on its wrong side."""
    _, _, unit = number_range(kind)
    for bound, step in ((kind.lowest, -1), (kind.highest, 1)):
        if bound is None:
            continue
        if not bound.inclusive:
            yield bound.value
        with suppress(InvalidOperation):
            yield f"{Decimal(bound.value) + step * unit:f}"
        yield from _shifted(kind.base, bound.value, step)


def _shifted(base: str, text: str, step: int) -> Iterator[str]:
    """Yield a moment a little earlier or later: a day, a second, a year."""
    with suppress(ValueError, OverflowError):
        match base:
            case "date":
                yield f"{date.fromisoformat(text[:10]) + timedelta(days=step)}{text[10:]}"
            case "dateTime":
                moved = datetime.fromisoformat(text) + timedelta(seconds=step)
                yield moved.isoformat().replace("+00:00", "Z")
            case "gYear":
                yield f"{int(text[:4]) + step:04d}{text[4:]}"


def _too_precise(kind: Simple) -> Iterator[str]:
    low, _, _ = number_range(kind)
    whole = f"{int(low)}" if low is not None and low > 0 else "0"
    if kind.fraction_digits is not None and kind.base not in INTEGERS:
        yield from (
            f"{digits}.{'1' * (kind.fraction_digits + 1)}" for digits in (whole, "1")
        )
    if kind.total_digits is not None:
        yield "1" * (kind.total_digits + 1)
        places = min(kind.fraction_digits or 0, kind.total_digits)
        yield (
            f"{'1' * (kind.total_digits - places + 1)}.{'1' * places}"
            if places
            else "9" * (kind.total_digits + 1)
        )


def _wrong(kind: Simple) -> tuple[str, ...]:
    """Return texts that the built-in type below a type refuses."""
    if kind.base in INTEGERS:
        low, high = INTEGERS[kind.base]
        below = [] if low is None else [str(low - 1)]
        above = [] if high is None else [str(high + 1)]
        return (*below, *above, "1.5", "x", "")
    if kind.base in NAMES:
        return _WRONG.get(kind.base, ("A B", ""))
    if kind.base in {"decimal", "float", "double"}:
        return ("1,5", "x", "")
    if kind.base in {"hexBinary", "base64Binary", "language"}:
        return ("?",)
    known = kind.base in _SAMPLES and kind.base != "anyURI"
    return (*_WRONG.get(kind.base, ()), *(("not a value", "") if known else ()))


def _spoilt(good: str) -> Iterator[str]:
    """Yield texts that differ from a good one in a character: another one, one less, one more."""
    for character in _PROBES:
        if good:
            yield f"{good[:-1]}{character}"
            yield f"{character}{good[1:]}"
    yield from (
        good[:-1],
        f"{good}{good[-1:]}",
        f"{good}x",
        good.swapcase(),
        "?" * len(good),
    )


def _of_length(kind: Simple, good: str, length: int) -> Iterator[str]:
    """Yield texts of a length, those first that the patterns take."""
    if length < 0:
        return
    for step in kind.patterns:
        node = _step(step)
        with suppress(LookupError):
            if node is not None:
                yield text_of_length(node, length)
    if kind.base in {"list", "hexBinary", "base64Binary"}:
        yield _filled(kind, length)
    elif good:
        yield (good * (length // len(good) + 1))[:length]
    yield _filled(kind, length)


def _patterned(kind: Simple) -> Iterator[str]:
    """Yield texts at the limits of the patterns of a type: shortest, longest, and one for each of their branches."""
    nodes = [node for node in map(_step, kind.patterns) if node is not None]
    for node in nodes:
        for branch in (node, *islice(one_branch_each(node), _MOST_BRANCHES)):
            for length in _lengths(kind, branch, nodes):
                text = text_of_length(branch, length)
                if matches(replace(kind, shortest=None, longest=None), text):
                    yield text
    yield from _limits(replace(kind, patterns=()))


def _lengths(kind: Simple, node: Node, others: list[Node]) -> tuple[int, ...]:
    """Return the least and the greatest length that a pattern, other ones and the facets of a type leave."""
    lengths_left = _common(kind, node, others)
    if not lengths_left:
        return ()
    first = lengths_left[0]
    least = next(filter(None, lengths_left), first)
    return least, lengths_left[-1], first


def _common(kind: Simple, node: Node, others: list[Node]) -> tuple[int, ...]:
    """Return the lengths that a pattern, other ones and the facets of a type leave; usual ones where there are any."""
    shortest = kind.shortest or 0
    greatest = (max(USUAL, shortest), _GREAT_LENGTH)
    for limit in greatest if kind.longest is None else (kind.longest,):
        allowed = [set(lengths(pattern, limit)) for pattern in (node, *others)]
        common = set.intersection(*allowed)
        fitting = tuple(sorted(length for length in common if length >= shortest))
        if fitting:
            return fitting
    return ()


@cache
def _step(patterns: tuple[str, ...]) -> Node | None:
    """Return the patterns of one step as one, None where one of them is not read here."""
    try:
        nodes = tuple(map(read_pattern, patterns))
    except PatternError:
        return None
    return nodes[0] if len(nodes) == 1 else Alternatives(nodes)
