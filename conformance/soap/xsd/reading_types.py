"""Reads the elements and complex types of an XML Schema into the model of particles that messages are built from.

Source: XML Schema 1.0, part 1. Must not draw nor build.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from conformance.soap.markup import Element, children, local
from conformance.soap.names import XSD
from conformance.soap.xsd.components import (
    Components,
    clark,
    declared_name,
    is_abstract,
    is_global,
    namespace,
    qualified_names,
)
from conformance.soap.xsd.schemas import SchemaSet, WsdlError
from conformance.soap.xsd.simple_types import (
    SimpleTypeReader,
    attribute_name,
    with_fixed_value,
)
from conformance.soap.xsd.types import (
    AttributeUse,
    ElementParticle,
    GroupParticle,
    ImpossibleError,
    Particle,
    Simple,
    Wildcard,
    checked,
)

_DEEPEST: Final = 24
_MOST_ELEMENTS: Final = 2000
"""Places of elements in one request; types that hold one another twice have them without end."""
_PARTICLES: Final = frozenset({"sequence", "choice", "all", "group", "element", "any"})
_OPEN_NAMESPACES: Final = frozenset({"##any", "##other"})

Ancestors = tuple[Element, ...]
"""The types and groups around a node, outermost first; one that stands in itself cannot be built."""


def read_request(schemas: SchemaSet, name: str) -> ElementParticle:
    """Return the particle of a global element, `{uri}local`.

    Raises WsdlError where no message can be made of it.
    """
    components = Components(schemas.documents)
    try:
        return _TypeReader(components, SimpleTypeReader(components)).request(name)
    except ImpossibleError as error:
        raise WsdlError(
            f"no message can be made of the schema's {name}: {error}"
        ) from None


@dataclass(frozen=True, slots=True)
class _Content:
    """The content of an element: text or a group, and attributes by name."""

    text: Simple | None = None
    group: GroupParticle | None = None
    attributes: Mapping[str, AttributeUse] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _TypeReader:
    """Reads particles and complex types from the components of a schema."""

    components: Components
    simple: SimpleTypeReader
    read: list[Element] = field(default_factory=list)

    def request(self, name: str) -> ElementParticle:
        node = self.components.component("element", name)
        if node is None:
            raise ImpossibleError("it is not declared")
        return self._single(node, ())

    # -------------------------------------------------------------------------------------------------- particles

    def _particle(self, node: Element, above: Ancestors) -> Particle:
        match local(node):
            case "element":
                return self._element(node, above)
            case "any":
                return _wildcard(node)
            case "group":
                return self._group(node, above)
            case kind:
                members = tuple(self._members(node, above))
                return checked(GroupParticle(kind, members, *_occurs(node)))

    def _group(self, node: Element, above: Ancestors) -> Particle:
        group = self.components.find("group", node, node.get("ref", ""))
        if group is None or _contains(above, group):
            raise ImpossibleError(
                f"there is no group {node.get('ref')}, or it is in itself"
            )
        members = tuple(self._members(group, (*above, group)))
        return GroupParticle("sequence", members, *_occurs(node))

    def _members(self, node: Element, above: Ancestors) -> Iterator[Particle]:
        """Yield the particles inside a node, without those that are impossible and may be left out."""
        for child in children(node):
            if local(child) not in _PARTICLES or child.get("maxOccurs") == "0":
                continue
            optional = child.get("minOccurs") == "0" or local(node) == "choice"
            try:
                yield self._particle(child, above)
            except ImpossibleError:
                if not optional:
                    raise

    def _element(self, node: Element, above: Ancestors) -> Particle:
        if "ref" not in node.attrib:
            return self._declared(node, node, above)
        declaration = self.components.find("element", node, node.get("ref", ""))
        if declaration is None:
            raise ImpossibleError(f"there is no element {node.get('ref')}")
        return self._declared(declaration, node, above)

    def _demand_few(self, node: Element) -> None:
        self.read.append(node)
        if len(self.read) > _MOST_ELEMENTS:
            raise WsdlError(
                f"a request may hold more than {_MOST_ELEMENTS} kinds of elements; correct the WSDL's types"
            )

    def _declared(self, node: Element, use: Element, above: Ancestors) -> Particle:
        """Return an element where it is used, or a choice of those that may stand for it."""
        least, most = _occurs(use)
        branches, why = [], f"{node.get('name')} is abstract"
        for branch in [node, *self.components.substitutes(node)]:
            self._demand_few(branch)
            if is_abstract(branch):
                continue
            try:
                branches.append(self._single(branch, above))
            except ImpossibleError as error:
                why = str(error)
        if not branches:
            raise ImpossibleError(why)
        if len(branches) == 1:
            return replace(branches[0], least=least, most=most)
        return checked(GroupParticle("choice", tuple(branches), least, most))

    def _single(self, node: Element, above: Ancestors) -> ElementParticle:
        name = declared_name(node, "elementFormDefault")
        if is_global(node):
            name = clark(namespace(node), node.get("name", ""))
        content = self._typed(node, above)
        text = content.text and with_fixed_value(content.text, node)
        attributes = tuple(content.attributes.values())
        return ElementParticle(name, 1, 1, text, content.group, attributes)

    # ------------------------------------------------------------------------------------------------------ types

    def _typed(self, node: Element, above: Ancestors) -> _Content:
        """Return the content of an element: by its type, or by that of the head of its substitution group."""
        for child in children(node):
            if local(child) == "complexType":
                return self._complex(child, above)
            if local(child) == "simpleType":
                return _Content(self.simple.read(child))
        if "type" in node.attrib:
            return self._named(node, node.get("type", ""), above)
        head = self.components.find("element", node, node.get("substitutionGroup", ""))
        return self._typed(head, above) if head is not None else _Content()

    def _named(
        self, node: Element, name: str, above: Ancestors, *, derived: bool = False
    ) -> _Content:
        """Return the content of a type that a node names."""
        component = self.components.find("complexType", node, name)
        if component is not None:
            return self._complex(component, above, derived=derived)
        if qualified_names(node, name)[0] == clark(XSD, "anyType"):
            return _Content()
        return _Content(self.simple.named(node, name))

    def _complex(
        self, node: Element, above: Ancestors, *, derived: bool = False
    ) -> _Content:
        if len(above) > _DEEPEST or _contains(above, node):
            raise ImpossibleError("a type contains itself")
        if is_abstract(node) and not derived:
            raise ImpossibleError(f"the type {node.get('name')} is abstract")
        inside = (*above, node)
        derivation = _derivation(node)
        if derivation is not None:
            return self._derived(derivation, inside)
        return self._defined(node, inside)

    def _defined(self, node: Element, above: Ancestors) -> _Content:
        """Return the group and attributes that a type itself defines."""
        groups = (
            member
            for member in self._members(node, above)
            if isinstance(member, GroupParticle)
        )
        attributes = {use.name: use for use in self.simple.attributes(node)}
        return _Content(None, next(groups, None), attributes)

    def _derived(self, node: Element, above: Ancestors) -> _Content:
        """Return what an extension adds to its base, or what a restriction leaves of it."""
        base = self._named(node, node.get("base", ""), above, derived=True)
        defined = self._defined(node, above)
        attributes = {**base.attributes, **defined.attributes}
        for name in _prohibited(node):
            attributes.pop(name, None)
        if base.text is not None:
            text = self.simple.restricted(node, base.text)
            return _Content(text, None, attributes)
        group = defined.group
        if local(node) == "extension":
            group = _joined(base.group, defined.group)
        return _Content(None, group, attributes)


def _wildcard(node: Element) -> Wildcard:
    least, most = _occurs(node)
    lax = node.get("processContents", "strict") != "strict"
    free = lax and node.get("namespace", "##any") in _OPEN_NAMESPACES
    if least and not free:
        raise ImpossibleError(
            "it wants elements that only a reader of the schema could name"
        )
    return Wildcard(least, most, lax)


def _derivation(node: Element) -> Element | None:
    """Return the extension or restriction that defines a complex type, if there is one."""
    for content in children(node):
        if local(content) in {"simpleContent", "complexContent"}:
            kinds = {"extension", "restriction"}
            return next(part for part in children(content) if local(part) in kinds)
    return None


def _joined(
    base: GroupParticle | None, added: GroupParticle | None
) -> GroupParticle | None:
    """Return the content of an extension: that of its base, then its own."""
    if base is None or added is None:
        return base or added
    return GroupParticle("sequence", (base, added))


def _prohibited(node: Element) -> Iterator[str]:
    """Yield the names of the attributes that a restriction takes away."""
    for child in children(node):
        if local(child) == "attribute" and child.get("use") == "prohibited":
            yield attribute_name(child)


def _contains(above: Ancestors, node: Element) -> bool:
    return any(node is ancestor for ancestor in above)


def _occurs(node: Element) -> tuple[int, int | None]:
    most = node.get("maxOccurs", "1")
    return int(node.get("minOccurs", "1")), None if most == "unbounded" else int(most)
