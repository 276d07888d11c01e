"""Collects the schemas of a WSDL from files beside it, and validates elements against all of them together.

Imports are followed on this machine only: what stands on the network has to be put beside the WSDL. Must not know SOAP.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, Final

from lxml import etree

from conformance.model.errors import ConformanceError, UsageError
from conformance.soap.markup import Element, alone, local_name, path, serialise

MEMORY: Final = "file:///contract/"
"""Prefix of the addresses of documents that were read; they are handed out from memory."""
EVERYTHING: Final = MEMORY + "everything.xsd"
"""Address of the schema that only leads to all others."""
_MOST_PROBLEMS = 50
"""Problems of one element that are described; a hostile answer may have thousands."""
_MOST_TAGS_AT_ONCE = 10_000
"""Tags of an element whose problems are looked for with their places in one go."""
_MOST_ALIKE = 1000
"""Siblings of one name in a row that are looked at in a longer element."""
_MOST_UNDECIDED = 5
"""Values of our own of which a pattern may leave open whether they fit."""
_LONGEST_MESSAGE = 2000
"""Characters of what a schema says, which quotes the value that it is about."""
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


class SchemaUndecidedError(ConformanceError):
    """Nobody can tell in time whether an element is valid."""


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
    _undecided: int = 0

    def problems(self, element: Element) -> list[SchemaProblem]:
        """Return what keeps an element from being valid, in document order; an empty list where it is valid."""
        data, copy = serialise(element), alone(element)
        if data.count(b"<") > _MOST_TAGS_AT_ONCE:
            return self._problems_of_long(data, copy)
        if self._takes(copy):
            return []
        return self._described(copy)

    def _takes(self, root: Element) -> bool:
        """Tell whether the schemas take an element; raises SchemaUndecidedError where a pattern takes too long."""
        try:
            return bool(self._schema.validate(root))
        except etree.XMLSchemaValidateError:
            raise SchemaUndecidedError(
                "a pattern of the WSDL's schemas takes too long for a value; write it so that a text fits in one way"
            ) from None

    def _described(self, root: Element) -> list[SchemaProblem]:
        entries: Any = self._schema.error_log
        prefixes = _prefixes(root)
        return [
            _problem(entry, root, prefixes) for entry in islice(entries, _MOST_PROBLEMS)
        ]

    def _problems_of_long(self, data: bytes, root: Element) -> list[SchemaProblem]:
        """Return the problems of a long element.

        For the place of each problem libxml2 counts the siblings before it, which for a hundred thousand of them ends
        never: so whether all is valid is asked without places, and the places of an element with fewer siblings.
        """
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, schema=self._schema
        )
        try:
            etree.fromstring(data, parser)
        except etree.XMLSyntaxError as error:
            told = str(error.msg)[:_LONGEST_MESSAGE]
        else:
            return []
        _drop_surplus(root)
        if not self._takes(root):
            return self._described(root)
        names = _NAME.findall(told)
        message = _QUALIFIED.sub("", told).rstrip(". ")
        return [SchemaProblem(message, names[-1] if names else "", path(root))]

    def count(self, element: Element) -> int:
        """Return how many problems an element has, however many there are."""
        entries: Any = self._schema.error_log if not self.fits(element) else ()
        return len(entries)

    def fits(self, element: Element) -> bool:
        """Tell whether an element is valid, as far as that can be told.

        Raises WsdlError where it could not be told of several: each costs seconds.
        """
        try:
            return self._takes(alone(element))
        except SchemaUndecidedError as error:
            self._undecided += 1
            if self._undecided > _MOST_UNDECIDED:
                raise WsdlError(str(error)) from None
            return False


def _drop_surplus(root: Element) -> None:
    """Take out of an element what stands behind many siblings of the same name, at whatever depth."""
    for parent in list(root.iter(etree.Element)):
        if len(parent) > _MOST_ALIKE:
            for _, alike in groupby(parent, key=lambda child: child.tag):
                for child in list(alike)[_MOST_ALIKE:]:
                    parent.remove(child)


def _problem(
    entry: "etree._LogEntry", root: Element, prefixes: Mapping[str, str]
) -> SchemaProblem:
    message = str(entry.message)[:_LONGEST_MESSAGE]
    names = _NAME.findall(message)
    found = _concerned(entry, root, prefixes)
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


def _concerned(
    entry: "etree._LogEntry", root: Element, prefixes: Mapping[str, str]
) -> Element:
    """Return the element that a problem is with."""
    elements = (
        node
        for node in _selected(root, getattr(entry, "path", None), prefixes)
        if isinstance(node, etree._Element)  # noqa: SLF001 - lxml names its class so
    )
    return next(elements, root)


def _selected(
    root: Element, xpath: str | None, prefixes: Mapping[str, str]
) -> list[object]:
    """Return the nodes of an XPath, none where it is no path to nodes."""
    if not xpath:
        return []
    try:
        nodes = root.getroottree().xpath(xpath, namespaces=dict(prefixes))
    except etree.XPathError:
        return []
    return list(nodes) if isinstance(nodes, list) else []


def _prefixes(root: Element) -> dict[str, str]:
    """Return the prefixes of a document with the namespaces that they were declared for last."""
    declarations = etree.iterwalk(root, events=("start-ns",))
    return {prefix: uri for _, (prefix, uri) in declarations if prefix}
