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
from conformance.soap.markup import Element, parse, path, serialise

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
_WILDCARD = "No matching global element declaration available, but demanded by the strict wildcard"


class WsdlError(UsageError):
    """A WSDL, or a schema that it refers to, cannot be read or used."""


@dataclass(frozen=True, slots=True)
class SchemaProblem:
    """What a schema says against an element: the words, the local name concerned and its place below the root.

    `undeclared` tells that an element stands where only declared ones may, and its schema is not known.
    """

    message: str
    name: str
    place: str
    undeclared: bool = False


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
        alone = parse(serialise(element))
        if self._schema.validate(alone):
            return []
        entries: Any = self._schema.error_log
        return [_problem(entry, alone) for entry in islice(entries, _MOST_PROBLEMS)]

    def count(self, element: Element) -> int:
        """Return how many problems an element has, however many there are."""
        entries: Any = self._schema.error_log if not self.fits(element) else ()
        return len(entries)

    def fits(self, element: Element) -> bool:
        """Tell whether an element is valid."""
        return bool(self._schema.validate(parse(serialise(element))))


def _problem(entry: "etree._LogEntry", root: Element) -> SchemaProblem:
    message = str(entry.message)
    names = _NAME.findall(message)
    return SchemaProblem(
        _QUALIFIED.sub("", message).rstrip(". "),
        names[-1] if names else "",
        _place(entry, root),
        _WILDCARD in message,
    )


def _place(entry: "etree._LogEntry", root: Element) -> str:
    """Return where a problem is, by local names below the root."""
    where = getattr(entry, "path", None)
    try:
        found = (
            root.getroottree().xpath(
                where, namespaces={k: v for k, v in _prefixes(root) if k}
            )
            if where
            else []
        )
    except etree.XPathError:
        found = []
    nodes = found if isinstance(found, list) else []
    elements = [node for node in nodes if isinstance(node, etree._Element)]  # noqa: SLF001
    return path(elements[0] if elements else root)


def _prefixes(root: Element) -> Iterator[tuple[str, str]]:
    for element in root.iter(etree.Element):
        yield from (
            (prefix or "", address) for prefix, address in element.nsmap.items()
        )
