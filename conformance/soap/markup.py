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
MOST_TAGS: Final = 250_000
"""Tags, comments and instructions that a document may have: as many as a parser, and every check, reads in seconds."""
MOST_ATTRIBUTES: Final = 1000
"""Attributes and namespace declarations that one element may have; libxml2 reads n of them in n times n steps."""
MOST_NAMESPACES: Final = 1000
"""Namespace declarations that may hold at one place, those of all its ancestors together."""
_MOST_UNSEEN: Final = 20_000
"""Attributes that a document may have behind the place where it stops being well-formed."""
_LONGEST_REASON: Final = 300
_OF_LIMITS: Final = frozenset(
    {etree.ErrorTypes.ERR_RESOURCE_LIMIT, etree.ErrorTypes.ERR_NAME_TOO_LONG}
)
"""What libxml2 says of what is well-formed but beyond its own limits: 256 levels, names of 50,000 letters."""


_TAG = re.compile(rb"<(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>")
"""A start tag, in the values of whose attributes anything may stand."""


_IN_TEXT: Final = {"\r": "&#13;"}
_IN_VALUES: Final = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
"""What a parser would read as something else (XML 1.0, sections 2.11 and 3.3.3)."""
_TEXT = etree.XPath("string()", smart_strings=False)
"""All character data; lxml's own iterator takes n times n steps over n comments."""


class XmlError(ConformanceError):
    """Bytes are not XML that is read here: not well-formed, with a DTD, or too large."""


class TooMuchXmlError(XmlError):
    """Bytes may well be XML, but more than is read here: nothing can be said of them."""


class _Enough(Exception):  # noqa: N818 - no error: the prolog is over
    """Ends the reading of a prolog."""


def parse(data: bytes) -> Element:
    """Return the root element of a document; a namespace need not be a URI, since names are only compared.

    Raises XmlError where it is not well-formed, has a document type declaration, or is larger than LARGEST.
    """
    demand_readable(data)
    parser = _parser()
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        if not _names_no_uri(parser):
            raise _syntax_error(error) from None
        root = etree.fromstring(data, _parser(recover=True))
    except ValueError as error:
        raise XmlError(f"not well-formed XML: {error}") from None
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


def demand_readable(data: bytes) -> None:
    """Raise XmlError where a document is more than libxml2 reads in seconds, or has a document type declaration.

    To be asked before any parser of libxml2, whose calls nothing can interrupt. Takes time in proportion to the bytes.
    """
    if len(data) > LARGEST:
        raise TooMuchXmlError(f"larger than {LARGEST} bytes")
    tags, signs = data.count(b"<"), data.count(b"=")
    is_long, has_many = tags > MOST_TAGS, signs > min(MOST_ATTRIBUTES, MOST_NAMESPACES)
    is_read = _Scan(whole=has_many and not is_long).run(data)
    if is_long:
        raise TooMuchXmlError(f"more than {MOST_TAGS} tags")
    if not is_read and signs > _MOST_UNSEEN:
        raise TooMuchXmlError(
            f"not well-formed, and more than {_MOST_UNSEEN} attributes"
        )


def _syntax_error(error: etree.XMLSyntaxError) -> XmlError:
    """Return what the parser says, which may quote the document, in a few words."""
    words = str(error)[:_LONGEST_REASON]
    if getattr(error, "code", None) in _OF_LIMITS:
        return TooMuchXmlError(f"beyond what is read here: {words}")
    return XmlError(f"not well-formed XML: {words}")


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
    return str(_TEXT(element)).strip()


def path(element: Element) -> str:
    """Return where an element stands, as local names from the root: `/Envelope/Body/Request`."""
    names = [local(ancestor) for ancestor in (element, *element.iterancestors())]
    return "/" + "/".join(reversed(names))


def slice_element(data: bytes, name: str, space: str, skipped: int = 0) -> bytes | None:
    """Return the very bytes of the first element of a name and namespace in a UTF-8 document, or None.

    With `skipped`, that many of them, in the order of their beginnings, are passed over.

    They are a document of their own only where the element declares all the namespaces it uses.
    """
    finder = _Finder(f"{space} {name}" if space else name, skipped)
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
    """Remembers where the first element of a tag, after some that are skipped, begins, and where its end tag does."""

    def __init__(self, tag: str, skipped: int) -> None:
        self.tag, self.skipped, self.depth = tag, skipped, 0
        self.begins: int | None = None
        self.ends: int | None = None

    def start(self, tag: str, at: int) -> None:
        if self.ends is not None:
            return
        if self.begins is None and tag == self.tag:
            self.begins = at if not self.skipped else None
            self.skipped -= 1
        elif self.begins is not None:
            self.depth += 1

    def end(self, at: int) -> None:
        if self.begins is None or self.ends is not None:
            return
        if self.depth == 0:
            self.ends = at
        else:
            self.depth -= 1


class _Scan:
    """Reads the prolog, or the `whole` document, so that no declaration of entities, and no more than is read, passes.

    Nothing is built; the reading stops at the first element where only the prolog is wanted.
    """

    def __init__(self, *, whole: bool) -> None:
        self.whole, self.begun, self.namespaces = whole, False, 0
        self._declared: list[int] = []

    def run(self, data: bytes) -> bool:
        """Tell whether all was read that was wanted; raises XmlError for what must not be read any further."""
        parser = expat.ParserCreate()
        parser.ordered_attributes = True
        parser.StartDoctypeDeclHandler = _refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end if self.whole else None
        try:
            parser.Parse(data, True)  # noqa: FBT003 - expat takes no keywords
        except _Enough:
            return True
        except (expat.ExpatError, ValueError, LookupError) as error:
            if self.begun:
                return False  # the parser proper says it better
            raise XmlError(f"not well-formed XML: {error}") from None
        return True

    def _start(self, _: str, attributes: list[str]) -> None:
        self.begun = True
        if not self.whole:
            raise _Enough
        if len(attributes) > 2 * MOST_ATTRIBUTES:
            raise TooMuchXmlError(f"an element with over {MOST_ATTRIBUTES} attributes")
        self._declared.append(sum(name.startswith("xmlns") for name in attributes[::2]))
        self.namespaces += self._declared[-1]
        if self.namespaces > MOST_NAMESPACES:
            raise TooMuchXmlError(f"over {MOST_NAMESPACES} namespaces at one place")

    def _end(self, _: str) -> None:
        self.namespaces -= self._declared.pop()


def _refuse(*_: object) -> None:
    raise XmlError("a document type declaration is not accepted")
