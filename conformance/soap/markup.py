"""Reads and writes XML without DTD, entities or network, whoever sent it; finds the exact bytes of an element.

Must not know SOAP, nor what any element means.
"""

import re
from collections.abc import Iterator
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from conformance.model.errors import ConformanceError
from conformance.soap.names import XML

Element = etree._Element  # noqa: SLF001 - lxml publishes the class of its elements under this name only
LARGEST: Final = 8 * 2**20
"""Bytes that a document may have."""


_TAG = re.compile(rb"<(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>")
"""A start tag, in the values of whose attributes anything may stand."""


_IN_TEXT: Final = {"\r": "&#13;"}
_IN_VALUES: Final = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
"""What a parser would read as something else (XML 1.0, sections 2.11 and 3.3.3)."""


class XmlError(ConformanceError):
    """Bytes are not XML that is read here: not well-formed, with a DTD, or too large."""


class _Enough(Exception):  # noqa: N818 - no error: the prolog is over
    """Ends the reading of a prolog."""


def parse(data: bytes) -> Element:
    """Return the root element of a document; a namespace need not be a URI, since names are only compared.

    Raises XmlError where it is not well-formed, has a document type declaration, or is larger than LARGEST.
    """
    if len(data) > LARGEST:
        raise XmlError(f"larger than {LARGEST} bytes")
    _refuse_document_type(data)
    parser = _parser()
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        if not _names_no_uri(parser):
            raise XmlError(f"not well-formed XML: {error}") from None
        root = etree.fromstring(data, _parser(recover=True))
    if root.getroottree().docinfo.internalDTD is not None:
        raise XmlError("a document type declaration is not accepted")
    return root


def _parser(*, recover: bool = False) -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        recover=recover,
    )


def _names_no_uri(parser: etree.XMLParser) -> bool:
    """Tell whether nothing is wrong but that a namespace is no URI (XML Namespaces 1.0, section 2.3 compares only)."""
    wrong = {
        entry.type_name for entry in parser.error_log if entry.level_name != "WARNING"
    }
    return wrong == {"WAR_NS_URI"}


def serialise(element: Element) -> bytes:
    """Return an element as UTF-8 without XML declaration and without what follows it."""
    return etree.tostring(
        element, encoding="UTF-8", xml_declaration=False, with_tail=False
    )


def alone(element: Element) -> Element:
    """Return a copy of an element as the root of a document of its own."""
    return etree.fromstring(serialise(element), _parser(recover=True))


def canonical(element: Element) -> bytes:
    """Return an element in exclusive canonical form without comments."""
    return etree.tostring(
        element, method="c14n", exclusive=True, with_comments=False, with_tail=False
    )


def without_prefixes(element: Element) -> bytes:
    """Return an element in UTF-8 whose namespaces, and those of all below it, are declared as default ones.

    Attributes that have a namespace keep a prefix, as they have to (Namespaces in XML, section 6.2).
    """
    return "".join(_unprefixed(element, None)).encode()


def _unprefixed(element: Element, around: str | None) -> Iterator[str]:
    """Yield the markup of an element in whose surroundings a default namespace holds (None: not known)."""
    space, name = namespace(element), local(element)
    own = "" if space == around else f" xmlns={quoteattr(space)}"
    yield f"<{name}{own}"
    for number, (attribute, value) in enumerate(element.attrib.items()):
        where = etree.QName(attribute)
        prefix = f"a{number}:" if where.namespace else ""
        if where.namespace == XML:
            prefix = (
                "xml:"  # bound without a declaration (Namespaces in XML, section 3)
            )
        elif prefix:
            yield f" xmlns:{prefix[:-1]}={quoteattr(str(where.namespace))}"
        yield f" {prefix}{where.localname}={quoteattr(str(value), _IN_VALUES)}"
    yield f">{escape(element.text or '', _IN_TEXT)}"
    for child in children(element):
        yield from _unprefixed(child, space)
        yield escape(child.tail or "", _IN_TEXT)
    yield f"</{name}>"


def local(element: Element) -> str:
    """Return an element's local name; that of a comment or processing instruction is ""."""
    return local_name(element.tag) if isinstance(element.tag, str) else ""


def local_name(name: str) -> str:
    """Return the local name of `{uri}local`."""
    return name.rpartition("}")[2]


def namespace(element: Element) -> str:
    """Return an element's namespace, "" where it has none."""
    return element.tag.rpartition("}")[0][1:] if isinstance(element.tag, str) else ""


def children(element: Element) -> list[Element]:
    """Return the child elements, without comments and processing instructions."""
    return [child for child in element if isinstance(child.tag, str)]


def below(element: Element, name: str) -> Iterator[Element]:
    """Yield all descendants of a local name, whatever their namespace, in document order."""
    return (node for node in element.iterdescendants() if local(node) == name)


def text(element: Element) -> str:
    """Return all character data of an element, without surrounding white space."""
    return "".join(str(part) for part in element.itertext()).strip()


def path(element: Element) -> str:
    """Return where an element stands, as local names from the root: `/Envelope/Body/Request`."""
    names = [local(ancestor) for ancestor in (element, *element.iterancestors())]
    return "/" + "/".join(reversed(names))


def slice_element(data: bytes, name: str, space: str) -> bytes | None:
    """Return the very bytes of the first element of a name and namespace in a UTF-8 document, or None.

    They are a document of their own only where the element declares all the namespaces it uses.
    """
    finder = _Finder(f"{space} {name}" if space else name)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = lambda tag, _: finder.start(
        tag, parser.CurrentByteIndex
    )
    parser.EndElementHandler = lambda _: finder.end(parser.CurrentByteIndex)
    try:
        parser.Parse(data, True)  # noqa: FBT003 - expat takes no keywords
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise XmlError(f"not well-formed XML: {error}") from None
    if finder.begins is None or finder.ends is None:
        return None
    opens = _TAG.match(data, finder.begins)
    if opens is not None and opens[0].endswith(
        b"/>"
    ):  # an empty element has no end tag
        return opens[0]
    ends = data.find(b">", finder.ends)
    return data[finder.begins : ends + 1] if opens is not None and ends >= 0 else None


class _Finder:
    """Remembers where the first element of a tag begins, and where its end tag does."""

    def __init__(self, tag: str) -> None:
        self.tag, self.depth = tag, 0
        self.begins: int | None = None
        self.ends: int | None = None

    def start(self, tag: str, at: int) -> None:
        if self.ends is not None:
            return
        if self.begins is None and tag == self.tag:
            self.begins = at
        elif self.begins is not None:
            self.depth += 1

    def end(self, at: int) -> None:
        if self.begins is None or self.ends is not None:
            return
        if self.depth == 0:
            self.ends = at
        else:
            self.depth -= 1


def _refuse_document_type(data: bytes) -> None:
    """Read the prolog only, so that no declaration of entities ever reaches the parser proper."""
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = _stop
    try:
        parser.Parse(data, True)  # noqa: FBT003 - expat takes no keywords
    except _Enough:
        return
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise XmlError(f"not well-formed XML: {error}") from None


def _refuse(*_: object) -> None:
    raise XmlError("a document type declaration is not accepted")


def _stop(*_: object) -> None:
    raise _Enough
