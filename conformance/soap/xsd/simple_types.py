"""Reads simple types of an XML Schema: restrictions with their facets, lists, unions, and attributes.

Source: XML Schema 1.0, part 2, section 4. Must not read particles.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from conformance.soap.markup import Element, children, local
from conformance.soap.xsd.components import (
    Components,
    declared_name,
    qualified_names,
)
from conformance.soap.xsd.types import AttributeUse, Bound, Simple

_LISTS: Final = {"NMTOKENS": "NMTOKEN", "IDREFS": "IDREF", "ENTITIES": "ENTITY"}
_ANY: Final = frozenset({"anySimpleType", "anyType"})
_STRING: Final = Simple("string")
_MOST_DIGITS: Final = 100
"""Digits of a number that count as a limit."""


@dataclass(frozen=True, slots=True)
class SimpleTypeReader:
    """Reads simple types and attributes from the components of a schema."""

    components: Components

    def named(self, node: Element, name: str) -> Simple:
        """Return the simple type that a node names by a QName: a global or a built-in one."""
        component = self.components.find("simpleType", node, name)
        if component is not None:
            return self.read(component)
        base = name.rpartition(":")[2]
        if base in _LISTS:
            return Simple("list", item=Simple(_LISTS[base]), shortest=1)
        return _STRING if base in _ANY else Simple(base)

    def read(self, node: Element) -> Simple:
        """Return a simple type: a restriction of another, a list, or a union."""
        for derivation in children(node):
            match local(derivation):
                case "restriction":
                    return self.restricted(derivation, self._base(derivation, "base"))
                case "list":
                    return Simple("list", item=self._base(derivation, "itemType"))
                case "union":
                    return Simple("union", members=tuple(self._members(derivation)))
        return _STRING

    def restricted(self, node: Element, base: Simple) -> Simple:
        """Return a type with the facets of a restriction added; those of the last step count."""
        kind = (base, *self._inner(node))[-1]
        facets: dict[str, tuple[str, ...]] = {}
        for facet in children(node):
            if "value" in facet.attrib:
                name, text = local(facet), facet.get("value", "")
                facets[name] = (*facets.get(name, ()), text)
                kind = _with_facet(kind, name, text)
        if "enumeration" in facets:
            kind = replace(kind, enumeration=facets["enumeration"])
        if "pattern" in facets:
            kind = replace(kind, patterns=(facets["pattern"], *kind.patterns))
        return kind

    def attributes(self, node: Element) -> Iterator[AttributeUse]:
        """Yield the attributes of a type or group, without the prohibited ones."""
        for child in children(node):
            if local(child) == "attributeGroup":
                group = self.components.find(
                    "attributeGroup", node, child.get("ref", "")
                )
                if group is not None:
                    yield from self.attributes(group)
            elif local(child) == "attribute" and child.get("use") != "prohibited":
                yield self._attribute_use(child)

    def _attribute_use(self, node: Element) -> AttributeUse:
        declared: Element | None = node
        if "ref" in node.attrib:
            declared = self.components.find("attribute", node, node.get("ref", ""))
        kind = _STRING if declared is None else self._attribute_type(declared)
        kind = with_fixed_value(kind, node)
        return AttributeUse(attribute_name(node), kind, node.get("use") == "required")

    def _attribute_type(self, node: Element) -> Simple:
        kind = next(self._inner(node), _STRING)
        if "type" in node.attrib:
            kind = self.named(node, node.get("type", ""))
        return with_fixed_value(kind, node)

    def _base(self, node: Element, attribute: str) -> Simple:
        """Return the type inside a node, or the one that an attribute of it names."""
        inner = next(self._inner(node), None)
        return inner or self.named(node, node.get(attribute, ""))

    def _members(self, node: Element) -> Iterator[Simple]:
        for name in node.get("memberTypes", "").split():
            yield self.named(node, name)
        yield from self._inner(node)

    def _inner(self, node: Element) -> Iterator[Simple]:
        """Yield the simple types that are defined inside a node."""
        for child in children(node):
            if local(child) == "simpleType":
                yield self.read(child)


def attribute_name(node: Element) -> str:
    """Return the qualified name of an attribute where it is used."""
    if "ref" in node.attrib:
        return qualified_names(node, node.get("ref", ""))[-1]
    return declared_name(node, "attributeFormDefault")


def with_fixed_value(kind: Simple, node: Element) -> Simple:
    """Return a type, or what a declaration's fixed value leaves of it."""
    fixed = node.get("fixed")
    return kind if fixed is None else replace(kind, enumeration=(fixed,))


def _with_facet(kind: Simple, name: str, value: str) -> Simple:  # noqa: PLR0911 - one for each facet
    match name:
        case "length":
            return replace(kind, shortest=int(value), longest=int(value))
        case "minLength":
            return replace(kind, shortest=int(value))
        case "maxLength":
            return replace(kind, longest=int(value))
        case "minInclusive" | "minExclusive":
            return replace(kind, lowest=Bound(value, name == "minInclusive"))
        case "maxInclusive" | "maxExclusive":
            return replace(kind, highest=Bound(value, name == "maxInclusive"))
        case "totalDigits":
            return replace(kind, total_digits=_digits(value))
        case "fractionDigits":
            return replace(kind, fraction_digits=_digits(value))
        case _:
            return kind


def _digits(value: str) -> int | None:
    """Return how many digits a number may have, None for so many that it is no limit."""
    return int(value) if int(value) <= _MOST_DIGITS else None
