"""What a WSDL and its schemas may ask for: beyond, no library reads them in time, and no message could be made of them.

Upper limits of a type may be as wide as they like. Must not read files.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from lxml import etree

from conformance.soap.markup import Element, children, local
from conformance.soap.names import XSD
from conformance.soap.xsd.schemas import WsdlError

MOST_FILES: Final = 500
"""Files that a WSDL may consist of."""
DEEPEST_REFERENCE: Final = 40
"""Files on the longest way of references."""
_LONGEST_TEXT: Final = 100_000
"""Characters that a value may be forced to have."""
_MOST_TIMES: Final = 1000
"""Times that a part may be forced to stand."""
_LONGEST_CHAIN: Final = 100
"""Types each of which is made of the next one; libxml2 takes n times n times n steps."""
_MOST_IN_SEQUENCE: Final = 500
"""Particles of one sequence; libxml2 takes n times n steps where each may be left out."""
_MOST_PARTS: Final = 20_000
"""Particles, attributes and members of a group or a union with all that it refers to."""
_LONGEST_PATTERN: Final = 2000
_DEEPEST_PATTERN: Final = 50
_FORCED: Final = {
    "length": _LONGEST_TEXT,
    "minLength": _LONGEST_TEXT,
}
_NUMBERS: Final = frozenset(
    {*_FORCED, "maxLength", "totalDigits", "fractionDigits", "minOccurs", "maxOccurs"}
)
_LONGEST_NUMBER: Final = 30
_BOUNDS: Final = frozenset(
    {"minInclusive", "minExclusive", "maxInclusive", "maxExclusive"}
)
_LONGEST_BOUND: Final = 1000
_EXPONENT: Final = re.compile(r"[eE][+-]?0*(\d+)")
_TIMES: Final = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_REFERENCES: Final = ("ref", "memberTypes")
_TYPES: Final = frozenset({"complexType", "simpleType"})


def demand_bounded(root: Element, file: Path) -> None:
    """Raise WsdlError with file and line for what a schema asks too much of."""
    for element in root.iter(etree.Element):
        for problem in _problems(element):
            raise WsdlError(
                f"{file}:{element.sourceline}: {problem}; correct it, or get the schema anew"
            )


def demand_followable(roots: Iterable[Element], file: Path) -> None:
    """Raise WsdlError where types or groups of some schemas refer to one another too often."""
    schemas = [one for root in roots for one in (root, *root.iter(f"{{{XSD}}}schema"))]
    components = [child for schema in schemas for child in children(schema)]
    bases = {
        child.get("name", ""): base
        for child in components
        if local(child) in _TYPES and (base := _base(child))
    }
    for name in bases:
        if _chain(name, bases) > _LONGEST_CHAIN:
            raise WsdlError(
                f"{file}: the type {name!r} is made of more than {_LONGEST_CHAIN} others, each of the next; "
                "correct its schema, or get it anew"
            )
    weights = _Weights({child.get("name", ""): child for child in components})
    for name in weights.components:
        if weights.of(name, ()) > _MOST_PARTS:
            raise WsdlError(
                f"{file}: {name!r} holds more than {_MOST_PARTS} parts with all that it refers to; "
                "correct its schema, or get it anew"
            )


def _problems(element: Element) -> Iterator[str]:
    name, value = local(element), element.get("value", "").strip()
    if name == "sequence" and len(element) > _MOST_IN_SEQUENCE:
        yield f"a sequence of {len(element)} parts, of which {_MOST_IN_SEQUENCE} are read"
    for attribute in ("minOccurs", "maxOccurs"):
        yield from _number_problems(attribute, element.get(attribute, "").strip())
    least = element.get("minOccurs", "").strip()
    if _exceeds(least, _MOST_TIMES):
        yield f"minOccurs {least}: a part is made to stand {_MOST_TIMES} times at most"
    if name in _NUMBERS:
        yield from _number_problems(name, value)
        if name in _FORCED and _exceeds(value, _FORCED[name]):
            yield f"{name} {value}: a value of {_FORCED[name]} characters at most is made"
    if name in _BOUNDS and _is_vast(value):
        yield f"{name}: a number of more than {_LONGEST_BOUND} digits"
    if name == "pattern":
        yield from _pattern_problems(value)


def _number_problems(name: str, value: str) -> Iterator[str]:
    if len(value) > _LONGEST_NUMBER:
        yield f"{name}: a number of {len(value)} digits"


def _exceeds(value: str, most: int) -> bool:
    return value.isdecimal() and int(value[: _LONGEST_NUMBER + 1]) > most


def _is_vast(value: str) -> bool:
    exponent = _EXPONENT.search(value)
    return len(value) > _LONGEST_BOUND or (
        exponent is not None and _exceeds(exponent[1], _LONGEST_BOUND)
    )


def _pattern_problems(pattern: str) -> Iterator[str]:
    if len(pattern) > _LONGEST_PATTERN:
        yield f"a pattern of {len(pattern)} characters, of which {_LONGEST_PATTERN} are read"
        return
    depth = deepest = 0
    for character in pattern:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    if deepest > _DEEPEST_PATTERN:
        yield f"a pattern of {deepest} groups within one another"
    for times in _TIMES.finditer(pattern):
        if any(_exceeds(number or "", _LONGEST_TEXT) for number in times.groups()):
            yield f"a pattern with {times[0][:_LONGEST_NUMBER]}: {_LONGEST_TEXT} times at most are read"


def _base(component: Element) -> str:
    """Return the local name of the type that a type is made of, "" for none."""
    for node in component.iter(etree.Element):
        if "base" in node.attrib:
            return node.get("base", "").rpartition(":")[2]
    return ""


def _chain(name: str, bases: dict[str, str]) -> int:
    """Return how many types follow upon one another, one more than is allowed at most."""
    length = 0
    while name in bases and length <= _LONGEST_CHAIN:
        following = bases[name]
        if following == name:  # the same name of another namespace
            return length
        name, length = following, length + 1
    return length


class _Weights:
    """How many parts components have with what they refer to, which doubles where each refers to the next one twice."""

    def __init__(self, components: dict[str, Element]) -> None:
        self.components = components
        self._known: dict[str, int] = {}

    def of(self, name: str, above: tuple[str, ...]) -> int:
        """Return the parts of a component; one within itself counts once."""
        if name in self._known or name in above or name not in self.components:
            return self._known.get(name, 1)
        if len(above) > _LONGEST_CHAIN:
            return _MOST_PARTS + 1
        total = 1
        for node in self.components[name].iter(etree.Element):
            if local(node) == "enumeration":
                continue
            referred = " ".join(node.get(key, "") for key in _REFERENCES).split()
            total += 1 + sum(
                self.of(one.rpartition(":")[2], (*above, name)) for one in referred
            )
            if total > _MOST_PARTS:
                break
        self._known[name] = total
        return total
