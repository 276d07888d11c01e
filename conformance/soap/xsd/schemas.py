"""Collects the schemas of a WSDL from files beside it, and validates elements against all of them together.

Imports are followed on this machine only: what stands on the network has to be put beside the WSDL. Must not know SOAP.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from lxml import etree

from conformance.model.errors import UsageError
from conformance.soap.markup import Element, alone, local_name, path

MEMORY: Final = "file:///contract/"
"""Prefix of the addresses of documents that were read; they are handed out from memory."""
EVERYTHING: Final = MEMORY + "everything.xsd"
"""Address of the schema that only leads to all others."""
_MOST_PROBLEMS = 50
"""Problems of one element that are described; a hostile answer may have thousands."""
_NAME = re.compile(r"(?:Element|Attribute|, attribute) '(?:\{[^}]*\})?([^']+)'")
_QUALIFIED = re.compile(
    r"(?:(?<=[\s'(])|(?<=##other))\{(?![\d,]*\})[^{}\s]*\}(?=[\w*])"
)
"""A namespace in front of a name in the words of libxml2; how often a part of a pattern may stand is none."""
_UNEXPECTED = re.compile(
    r"Element '((?:\{[^}]*\})?)([^']+)': This element is not expected\. "
    r"Expected is(?: one of)? \( (.*?) \)"
)
_WILDCARD = "No matching global element declaration available, but demanded by the strict wildcard"


class WsdlError(UsageError):
    """A WSDL, or a schema that it refers to, cannot be read or used."""


@dataclass(frozen=True, slots=True)
class SchemaProblem:
    """What a schema says against an element: the words, the local name concerned and its place below the root.

    `undeclared` tells that an element stands where only declared ones may, and its schema is not known; `number` counts
    the elements before the one concerned, comments left out; `unexpected` tells that the element has no place there,
    `incomplete` that another one is missing in it.
    """

    message: str
    name: str
    place: str
    undeclared: bool = False
    number: int = 0
    unexpected: bool = False
    incomplete: bool = False


@dataclass(slots=True)
class SchemaSet:
    """All schemas of a WSDL; `documents` maps an address in memory to a document's bytes.

    `words` are texts that some simple type takes: those of lists, and such as keep to a length, a bound or a pattern.
    """

    documents: Mapping[str, bytes]
    words: tuple[str, ...]
    _schema: etree.XMLSchema

    def problems(self, element: Element) -> list[SchemaProblem]:
        """Return what keeps an element from being valid, in document order; an empty list where it is valid."""
        copy = alone(element)
        if self._schema.validate(copy):
            return []
        entries: Any = self._schema.error_log
        return [_problem(entry, copy) for entry in islice(entries, _MOST_PROBLEMS)]

    def count(self, element: Element) -> int:
        """Return how many problems an element has, however many there are."""
        entries: Any = self._schema.error_log if not self.fits(element) else ()
        return len(entries)

    def fits(self, element: Element) -> bool:
        """Tell whether an element is valid."""
        return bool(self._schema.validate(alone(element)))


def _problem(entry: "etree._LogEntry", root: Element) -> SchemaProblem:
    message = str(entry.message)
    names = _NAME.findall(message)
    found = _concerned(entry, root)
    return SchemaProblem(
        _told(message),
        names[-1] if names else "",
        path(found),
        _WILDCARD in message,
        _number(found, root),
        "This element is not expected" in message,
        "Missing child element" in message,
    )


def _told(message: str) -> str:
    """Return the words of libxml2 without namespaces, unless a namespace is what is wrong."""
    found = _UNEXPECTED.search(message)
    expected = found[3].split(", ") if found is not None else []
    if found is None or found[2] not in map(local_name, expected):
        return _QUALIFIED.sub("", message).rstrip(". ")
    space = found[1].strip("{}")
    where = f"in the namespace {space}" if space else "in no namespace"
    return f"{message.rstrip('. ')}; it stands {where}"


def _number(element: Element, root: Element) -> int:
    """Return how many elements begin before one."""
    everyone = enumerate(root.iter(etree.Element))
    return next((number for number, one in everyone if one is element), 0)


def _concerned(entry: "etree._LogEntry", root: Element) -> Element:
    """Return the element that a problem is with."""
    elements = (
        node
        for node in _selected(root, getattr(entry, "path", None))
        if isinstance(node, etree._Element)  # noqa: SLF001 - lxml names its class so
    )
    return next(elements, root)


def _selected(root: Element, xpath: str | None) -> list[object]:
    """Return the nodes of an XPath, none where it is no path to nodes."""
    if not xpath:
        return []
    namespaces = {prefix: uri for prefix, uri in _prefixes(root) if prefix}
    try:
        nodes = root.getroottree().xpath(xpath, namespaces=namespaces)
    except etree.XPathError:
        return []
    return list(nodes) if isinstance(nodes, list) else []


def _prefixes(root: Element) -> Iterator[tuple[str, str]]:
    for element in root.iter(etree.Element):
        yield from (
            (prefix or "", address) for prefix, address in element.nsmap.items()
        )
