"""Texts of a simple type: those at its limits, and those just outside of one of them.

They are candidates: which of them a place takes is asked of the schema. Must not draw or send anything.
"""

import base64
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Final

from conformance.soap.xsd.patterns import (
    Alternatives,
    Node,
    PatternError,
    lengths,
    one_branch_each,
    read_pattern,
    text_of_length,
    translated,
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
_LONGEST: Final = 10_000
_PLACES: Final = 2
"""Digits behind the point of a number that says nothing of them."""
_PROBES: Final = "?-x0 A"
"""Characters that are put into a text to see whether its pattern minds."""


def limits(kind: Simple) -> tuple[str, ...]:
    """Return texts at the limits of a type, the smallest one first; not all of them need be valid."""
    if kind.fixed is not None:
        return (kind.fixed,)
    if kind.enumeration:
        return tuple(dict.fromkeys(kind.enumeration))
    found = dict.fromkeys(_patterned(kind) if kind.patterns else _limits(kind))
    return (*filter(None, found), *([""] if "" in found else []))


def outside(kind: Simple, good: str) -> Iterator[tuple[str, str]]:
    """Yield what is broken and a text just outside, for each limit of a type; `good` is a text that it takes."""
    for text in _wrong(kind):
        yield TYPE, text
    if kind.enumeration:
        yield from (
            (ENUMERATION, text)
            for text in (f"{good}x", good.swapcase(), good * 2, "?", "")
        )
    for length in (kind.longest, kind.shortest):
        if length is not None and length < _LONGEST:
            wrong = length + 1 if length == kind.longest else length - 1
            yield from ((LENGTH, text) for text in _of_length(kind, good, wrong))
    if kind.shortest and kind.shortest == kind.longest:
        yield from (
            (LENGTH, text) for text in _of_length(kind, good, kind.shortest - 1)
        )
    if kind.patterns:
        yield from ((PATTERN, text) for text in _spoilt(good))
    yield from ((BOUND, text) for text in _beyond(kind))
    yield from ((DIGITS, text) for text in _too_precise(kind))


def matches(kind: Simple, text: str) -> bool:
    """Tell whether a text keeps to the lengths and patterns of a type, as far as these are read here."""
    if (
        not (kind.shortest or 0)
        <= len(text)
        <= (_LONGEST if kind.longest is None else kind.longest)
    ):
        return False
    return all(one is None or one.fullmatch(text) for one in expressions(kind))


def expressions(kind: Simple) -> tuple[re.Pattern[str] | None, ...]:
    """Return the patterns of a type, one for each step, as Python has them; None for one that is not read here."""
    return tuple(
        None if node is None else re.compile(translated(node))
        for node in map(_step, kind.patterns)
    )


def patterned_texts(kind: Simple) -> tuple[tuple[Node, tuple[int, ...]], ...]:
    """Return the patterns of each step of a type with the lengths that all of them and the facets leave, to draw from.

    There are none where one of the patterns is not read here, or where nothing is left.
    """
    nodes = [node for node in map(_step, kind.patterns) if node is not None]
    if len(nodes) < len(kind.patterns):
        return ()
    found = ((node, _common(kind, node, nodes)) for node in nodes)
    return tuple((node, some) for node, some in found if some)


def number_range(kind: Simple) -> tuple[Decimal | None, Decimal | None, Decimal]:
    """Return the lowest and highest number of a type, and the step between its numbers."""
    lowest, highest = INTEGERS.get(kind.base, (None, None))
    places = (
        0
        if kind.base in INTEGERS
        else _PLACES
        if kind.fraction_digits is None
        else kind.fraction_digits
    )
    step = Decimal(1).scaleb(-places)
    low = _limit(kind.lowest, step, None if lowest is None else Decimal(lowest))
    high = _limit(kind.highest, -step, None if highest is None else Decimal(highest))
    if kind.total_digits is not None:
        most = (Decimal(10) ** kind.total_digits - 1) * step
        low, high = (
            max(low, -most) if low is not None else -most,
            min(high, most) if high is not None else most,
        )
    return low, high, step


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
        least = max(kind.shortest or 1, 1)
        most = kind.longest if kind.longest is not None else max(USUAL, least)
        usual = (least, most if most <= _LONGEST else least + USUAL)
        for length in (*usual, *([0] if 0 in {kind.shortest, kind.longest} else [])):
            yield _filled(kind, length)


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
    usual = [
        one
        for one in (Decimal(1), Decimal(0))
        if (low is None or low <= one) and (high is None or one <= high)
    ]
    wanted = [*usual, *(one for one in (low, high) if one is not None)]
    if kind.base == "decimal":
        wanted += [one + step for one in [*usual, *([] if low is None else [low])]]
    yield from (f"{one:f}" for one in wanted)


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
        yield from (f"{one}.{'1' * (kind.fraction_digits + 1)}" for one in (whole, "1"))
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
        ends = [low - 1] if low is not None else []
        return (
            *map(str, [*ends, high + 1] if high is not None else ends),
            "1.5",
            "x",
            "",
        )
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
    for one in _PROBES:
        if good:
            yield f"{good[:-1]}{one}"
            yield f"{one}{good[1:]}"
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
        for one in (node, *one_branch_each(node)):
            for length in _lengths(kind, one, nodes):
                text = text_of_length(one, length)
                if matches(replace(kind, shortest=None, longest=None), text):
                    yield text
    yield from _limits(replace(kind, patterns=()))


def _lengths(kind: Simple, node: Node, others: list[Node]) -> tuple[int, ...]:
    """Return the least and the greatest length that a pattern, other ones and the facets of a type leave."""
    found = _common(kind, node, others)
    return (
        (next((one for one in found if one), found[0]), found[-1], found[0])
        if found
        else ()
    )


def _common(kind: Simple, node: Node, others: list[Node]) -> tuple[int, ...]:
    """Return the lengths that a pattern, other ones and the facets of a type leave; usual ones where there are any."""
    longest = (
        kind.longest if kind.longest is not None else max(USUAL, kind.shortest or 0)
    )
    for limit in (longest, *(() if kind.longest is not None else (1000,))):
        common = set(lengths(node, limit)).intersection(
            *(lengths(one, limit) for one in others)
        )
        found = tuple(sorted(one for one in common if one >= (kind.shortest or 0)))
        if found:
            return found
    return ()


@cache
def _step(patterns: tuple[str, ...]) -> Node | None:
    """Return the patterns of one step as one, None where one of them is not read here."""
    try:
        nodes = tuple(map(read_pattern, patterns))
    except PatternError:
        return None
    return nodes[0] if len(nodes) == 1 else Alternatives(nodes)
