"""Reads the types of an XML Schema into the model of particles that messages are built from.

Source: XML Schema 1.0, part 1. Must not draw nor build.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from conformance.soap.markup import Element, children, local, parse
from conformance.soap.names import XML, XSD
from conformance.soap.xsd.schemas import EVERYTHING, SchemaSet, WsdlError
from conformance.soap.xsd.types import (
    AttributeUse,
    Bound,
    ElementParticle,
    GroupParticle,
    ImpossibleError,
    Particle,
    Simple,
    Wildcard,
    checked,
)

_DEEPEST: Final = 24
_LISTS: Final = {"NMTOKENS": "NMTOKEN", "IDREFS": "IDREF", "ENTITIES": "ENTITY"}
_PARTICLES: Final = frozenset({"sequence", "choice", "all", "group", "element", "any"})
_KINDS: Final = frozenset(
    {"element", "attribute", "complexType", "simpleType", "group", "attributeGroup"}
)


def read_request(schemas: SchemaSet, name: str) -> ElementParticle:
    """Return what the schemas say of a global element, `{uri}local`.

    Raises WsdlError where no message can be made of it.
    """
    try:
        return _TypeReader(schemas.documents).request(name)
    except ImpossibleError as error:
        raise WsdlError(
            f"no message can be made of the schema's {name}: {error}"
        ) from None


@dataclass(frozen=True, slots=True)
class _Content:
    """What is in an element: text or a group, and attributes by name."""

    text: Simple | None = None
    group: GroupParticle | None = None
    attributes: Mapping[str, AttributeUse] = field(default_factory=dict)


class _TypeReader:
    """Knows the global components of all schemas, and reads the model from them."""

    def __init__(self, documents: Mapping[str, bytes]) -> None:
        self._documents = documents
        self._found: dict[tuple[str, str], Element] = {}
        self._visited: dict[tuple[str, str], Element] = {}
        self._visit(EVERYTHING, "")

    def request(self, name: str) -> ElementParticle:
        node = self._found.get(("element", name))
        if node is None:
            raise ImpossibleError("it is not declared")
        return self._one(node, ())

    # ------------------------------------------------------------------------------------------------- components

    def _visit(self, address: str, space: str) -> None:
        """Read a schema with those it refers to; one without a namespace takes that of the schema that includes it."""
        if address not in self._documents:
            return
        root = parse(self._documents[address])
        space = root.get("targetNamespace") or space
        if (address, space) in self._visited:
            return
        self._visited[address, space] = root
        if space:
            root.set("targetNamespace", space)
        for node in children(root):
            kind = local(node)
            if kind in {"include", "import"}:
                self._visit(
                    node.get("schemaLocation", ""), "" if kind == "import" else space
                )
            elif kind in _KINDS:
                self._found[kind, _clark(space, node.get("name", ""))] = node

    def _find(self, kind: str, node: Element, name: str) -> Element | None:
        """Return the component that a node names."""
        found = (self._found.get((kind, full)) for full in self._names(node, name))
        return next((one for one in found if one is not None), None)

    def _names(self, node: Element, name: str) -> tuple[str, ...]:
        """Return what a QName may stand for: in a schema that took its includer's namespace, that one too."""
        prefix, _, own = name.rpartition(":")
        uri = XML if prefix == "xml" else node.nsmap.get(prefix or None)
        if uri is not None or prefix:
            return (_clark(uri or "", own),)
        return own, _clark(_space(node), own)

    # -------------------------------------------------------------------------------------------------- particles

    def _particle(self, node: Element, above: tuple[Element, ...]) -> Particle:
        least, most = _occurs(node)
        match local(node):
            case "element":
                return self._element(node, above)
            case "any":
                lax = node.get("processContents", "strict") != "strict"
                if least and (
                    not lax
                    or node.get("namespace", "##any") not in {"##any", "##other"}
                ):
                    raise ImpossibleError(
                        "it wants elements that only a reader of the schema could name"
                    )
                return Wildcard(least, most, lax)
            case "group":
                named = self._find("group", node, node.get("ref", ""))
                if named is None or any(named is one for one in above):
                    raise ImpossibleError(
                        f"there is no group {node.get('ref')}, or it is in itself"
                    )
                return GroupParticle(
                    "sequence",
                    tuple(self._members(named, (*above, named))),
                    least,
                    most,
                )
            case kind:
                members = tuple(self._members(node, above))
                return checked(GroupParticle(kind, members, least, most))

    def _members(self, node: Element, above: tuple[Element, ...]) -> Iterator[Particle]:
        for one in children(node):
            if local(one) not in _PARTICLES or one.get("maxOccurs") == "0":
                continue
            try:
                yield self._particle(one, above)
            except ImpossibleError:
                if one.get("minOccurs") != "0" and local(node) != "choice":
                    raise

    def _element(self, node: Element, above: tuple[Element, ...]) -> Particle:
        if "ref" not in node.attrib:
            return self._declared(node, node, above)
        found = self._find("element", node, node.get("ref", ""))
        if found is None:
            raise ImpossibleError(f"there is no element {node.get('ref')}")
        return self._declared(found, node, above)

    def _declared(
        self, node: Element, use: Element, above: tuple[Element, ...]
    ) -> Particle:
        """Return an element where it is used, or a choice of those that may stand for it."""
        least, most = _occurs(use)
        branches, why = [], f"{node.get('name')} is abstract"
        for one in [node, *self._substitutes(node)]:
            try:
                if one.get("abstract") not in {"true", "1"}:
                    branches.append(self._one(one, above))
            except ImpossibleError as error:
                why = str(error)
        if not branches:
            raise ImpossibleError(why)
        if len(branches) == 1:
            return replace(branches[0], least=least, most=most)
        return checked(GroupParticle("choice", tuple(branches), least, most))

    def _substitutes(self, head: Element) -> Iterator[Element]:
        """Yield the elements that may stand in the place of a global one."""
        if not _is_global(head):
            return
        for (kind, _), node in self._found.items():
            named = node.get("substitutionGroup", "") if kind == "element" else ""
            if named and self._find("element", node, named) is head:
                yield node
                yield from self._substitutes(node)

    def _one(self, node: Element, above: tuple[Element, ...]) -> ElementParticle:
        form = node.get("form") or _schema(node).get(
            "elementFormDefault", "unqualified"
        )
        space = _space(node) if _is_global(node) or form == "qualified" else ""
        content = self._typed(node, above)
        text = _set(content.text, node.get("fixed"))
        attributes = tuple(content.attributes.values())
        return ElementParticle(
            _clark(space, node.get("name", "")), 1, 1, text, content.group, attributes
        )

    # ------------------------------------------------------------------------------------------------------ types

    def _typed(self, node: Element, above: tuple[Element, ...]) -> _Content:
        """Return what is in an element: by its type, or by that of the head of its substitution group."""
        for one in children(node):
            if local(one) == "complexType":
                return self._complex(one, above)
            if local(one) == "simpleType":
                return _Content(self._simple(one))
        if "type" in node.attrib:
            return self._named(node, node.get("type", ""), above)
        head = self._find("element", node, node.get("substitutionGroup", ""))
        return self._typed(head, above) if head is not None else _Content()

    def _named(
        self,
        node: Element,
        name: str,
        above: tuple[Element, ...],
        *,
        derived: bool = False,
    ) -> _Content:
        """Return the content of a type that a node names."""
        found = self._find("complexType", node, name)
        if found is not None:
            return self._complex(found, above, derived=derived)
        if self._names(node, name)[0] == _clark(XSD, "anyType"):
            return _Content()
        return _Content(self._simple_named(node, name))

    def _complex(
        self, node: Element, above: tuple[Element, ...], *, derived: bool = False
    ) -> _Content:
        if len(above) > _DEEPEST or any(node is one for one in above):
            raise ImpossibleError("a type contains itself")
        if node.get("abstract") in {"true", "1"} and not derived:
            raise ImpossibleError(f"the type {node.get('name')} is abstract")
        for one in children(node):
            if local(one) in {"simpleContent", "complexContent"}:
                derivation = next(
                    part
                    for part in children(one)
                    if local(part) in {"extension", "restriction"}
                )
                return self._derived(derivation, (*above, node))
        return self._own(node, (*above, node))

    def _own(self, node: Element, above: tuple[Element, ...]) -> _Content:
        """Return the group and attributes that stand in a type itself."""
        group = next(
            (
                one
                for one in self._members(node, above)
                if isinstance(one, GroupParticle)
            ),
            None,
        )
        return _Content(None, group, dict(self._attributes(node)))

    def _derived(self, node: Element, above: tuple[Element, ...]) -> _Content:
        """Return what an extension adds to its base, or what a restriction leaves of it."""
        base = self._named(node, node.get("base", ""), above, derived=True)
        own = self._own(node, above)
        attributes = {**base.attributes, **own.attributes}
        for one in children(node):
            if local(one) == "attribute" and one.get("use") == "prohibited":
                attributes.pop(self._attribute_name(one), None)
        if base.text is not None:
            return _Content(self._restricted(node, base.text), None, attributes)
        group = own.group
        if local(node) == "extension" and base.group is not None:
            group = (
                base.group
                if group is None
                else GroupParticle("sequence", (base.group, group))
            )
        return _Content(None, group, attributes)

    def _attributes(self, node: Element) -> Iterator[tuple[str, AttributeUse]]:
        """Yield the attributes of a type or group by name, but for those that are prohibited."""
        for one in children(node):
            if local(one) == "attributeGroup":
                group = self._find("attributeGroup", node, one.get("ref", ""))
                if group is not None:
                    yield from self._attributes(group)
            elif local(one) == "attribute" and one.get("use") != "prohibited":
                name = self._attribute_name(one)
                declared = (
                    self._find("attribute", one, one.get("ref", ""))
                    if "ref" in one.attrib
                    else one
                )
                kind = (
                    self._attribute_type(declared)
                    if declared is not None
                    else Simple("string")
                )
                yield (
                    name,
                    AttributeUse(
                        name,
                        _set(kind, one.get("fixed")) or kind,
                        one.get("use") == "required",
                    ),
                )

    def _attribute_name(self, node: Element) -> str:
        if "ref" in node.attrib:
            return self._names(node, node.get("ref", ""))[-1]
        form = node.get("form") or _schema(node).get(
            "attributeFormDefault", "unqualified"
        )
        return _clark(_space(node) if form == "qualified" else "", node.get("name", ""))

    def _attribute_type(self, node: Element) -> Simple:
        inside = [
            self._simple(one) for one in children(node) if local(one) == "simpleType"
        ]
        kind = inside[0] if inside else Simple("string")
        if "type" in node.attrib:
            kind = self._simple_named(node, node.get("type", ""))
        return _set(kind, node.get("fixed")) or kind

    def _simple_named(self, node: Element, name: str) -> Simple:
        found = self._find("simpleType", node, name)
        if found is not None:
            return self._simple(found)
        own = name.rpartition(":")[2]
        if own in _LISTS:
            return Simple("list", item=Simple(_LISTS[own]), shortest=1)
        return Simple("string" if own in {"anySimpleType", "anyType"} else own)

    def _simple(self, node: Element) -> Simple:
        """Return a simple type: a restriction of another, a list, or a union."""
        for one in children(node):
            inside = tuple(
                self._simple(part)
                for part in children(one)
                if local(part) == "simpleType"
            )
            match local(one):
                case "restriction":
                    base = (
                        inside[0]
                        if inside
                        else self._simple_named(one, one.get("base", ""))
                    )
                    return self._restricted(one, base)
                case "list":
                    item = (
                        inside[0]
                        if inside
                        else self._simple_named(one, one.get("itemType", ""))
                    )
                    return Simple("list", item=item)
                case "union":
                    named = tuple(
                        self._simple_named(one, name)
                        for name in one.get("memberTypes", "").split()
                    )
                    return Simple("union", members=(*named, *inside))
        return Simple("string")

    def _restricted(self, node: Element, base: Simple) -> Simple:
        """Return a type with the facets that stand in a node added; those of the last step count."""
        for one in children(node):
            if local(one) == "simpleType":
                base = self._simple(one)
        values = [
            (local(one), one.get("value", ""))
            for one in children(node)
            if "value" in one.attrib
        ]
        listed = tuple(value for name, value in values if name == "enumeration")
        step = tuple(value for name, value in values if name == "pattern")
        kind = replace(base, enumeration=listed or base.enumeration)
        kind = replace(kind, patterns=(step, *base.patterns) if step else base.patterns)
        for name, value in values:
            kind = _with_facet(kind, name, value)
        return kind


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
            return replace(kind, total_digits=int(value))
        case "fractionDigits":
            return replace(kind, fraction_digits=int(value))
        case _:
            return kind


def _set(kind: Simple | None, fixed: str | None) -> Simple | None:
    """Return a type of which one value may stand."""
    return (
        kind if kind is None or fixed is None else replace(kind, enumeration=(fixed,))
    )


def _occurs(node: Element) -> tuple[int, int | None]:
    most = node.get("maxOccurs", "1")
    return int(node.get("minOccurs", "1")), None if most == "unbounded" else int(most)


def _schema(node: Element) -> Element:
    return next(
        (one for one in (node, *node.iterancestors()) if local(one) == "schema"), node
    )


def _space(node: Element) -> str:
    return _schema(node).get("targetNamespace", "")


def _is_global(node: Element) -> bool:
    above = node.getparent()
    return above is not None and local(above) == "schema"


def _clark(space: str, name: str) -> str:
    return f"{{{space}}}{name}" if space else name
