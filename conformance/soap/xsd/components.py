"""The global components of XML Schemas, found by kind and qualified name.

Source: XML Schema 1.0, part 1, sections 3.15 and 4.2. Must not read what a component means.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from conformance.soap.markup import Element, children, local, parse
from conformance.soap.names import XML
from conformance.soap.xsd.schemas import EVERYTHING

_KINDS: Final = frozenset(
    {"element", "attribute", "complexType", "simpleType", "group", "attributeGroup"}
)
_TRUE: Final = frozenset({"true", "1"})


class Components:
    """The global components of all schemas."""

    def __init__(self, documents: Mapping[str, bytes]) -> None:
        self._documents = documents
        self._components: dict[tuple[str, str], Element] = {}
        self._visited: dict[tuple[str, str], Element] = {}
        self._groups: dict[Element, list[Element]] | None = None
        self._visit(EVERYTHING, "")

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
            self._visit_child(node, space)

    def _visit_child(self, node: Element, space: str) -> None:
        kind = local(node)
        if kind == "include":
            self._visit(node.get("schemaLocation", ""), space)
        elif kind == "import":
            self._visit(node.get("schemaLocation", ""), "")
        elif kind in _KINDS:
            self._components[kind, clark(space, node.get("name", ""))] = node

    def component(self, kind: str, name: str) -> Element | None:
        """Return a component by its qualified name, `{uri}local`."""
        return self._components.get((kind, name))

    def find(self, kind: str, node: Element, name: str) -> Element | None:
        """Return the component that a node names by a QName."""
        for full in qualified_names(node, name):
            component = self._components.get((kind, full))
            if component is not None:
                return component
        return None

    def substitutes(self, head: Element) -> Iterator[Element]:
        """Yield the elements that may stand in the place of a global one (section 3.3.6)."""
        if not is_global(head):
            return
        heads, known = [head], {head}
        while heads:
            for node in self._members_of(heads.pop(0)):
                if node not in known:
                    known.add(node)
                    heads.append(node)
                    yield node

    def _members_of(self, head: Element) -> list[Element]:
        """Return the elements that name a global one as the head of their substitution group."""
        if self._groups is None:
            self._groups = {}
            for (kind, _), node in self._components.items():
                name = node.get("substitutionGroup", "")
                named = self.find("element", node, name) if name else None
                if kind == "element" and named is not None:
                    self._groups.setdefault(named, []).append(node)
        return self._groups.get(head, [])


def qualified_names(node: Element, name: str) -> tuple[str, ...]:
    """Return what a QName may stand for: in a schema that took its includer's namespace, that one too."""
    prefix, _, local_name = name.rpartition(":")
    uri = XML if prefix == "xml" else node.nsmap.get(prefix or None)
    if uri is not None or prefix:
        return (clark(uri or "", local_name),)
    return local_name, clark(namespace(node), local_name)


def schema_of(node: Element) -> Element:
    """Return the schema that a node stands in, or the node itself."""
    ancestors = (node, *node.iterancestors())
    return next((row for row in ancestors if local(row) == "schema"), node)


def namespace(node: Element) -> str:
    """Return the target namespace of a node's schema, "" for none."""
    return schema_of(node).get("targetNamespace", "")


def is_global(node: Element) -> bool:
    """Tell whether a node stands directly below its schema."""
    parent = node.getparent()
    return parent is not None and local(parent) == "schema"


def is_abstract(node: Element) -> bool:
    """Tell whether an element or a type must be replaced by another."""
    return node.get("abstract") in _TRUE


def declared_name(node: Element, default_form: str) -> str:
    """Return the name of a declaration, qualified where its form or the schema's default says so.

    `default_form` is the schema's attribute: elementFormDefault or attributeFormDefault.
    """
    form = node.get("form") or schema_of(node).get(default_form, "unqualified")
    space = namespace(node) if form == "qualified" else ""
    return clark(space, node.get("name", ""))


def clark(space: str, name: str) -> str:
    """Return a name as `{uri}local`, without braces for no namespace."""
    return f"{{{space}}}{name}" if space else name
