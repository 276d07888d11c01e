"""Reads of XML that is not well-formed what can be read, and says what of it can be relied on.

No DTD, entity or network here either. Must not know SOAP, nor what any element means.
"""

import codecs
import re
from dataclasses import dataclass
from typing import Final

from lxml import etree

from conformance.soap.markup import (
    LARGEST,
    Element,
    TooMuchXmlError,
    XmlError,
    demand_readable,
    parse,
)

LOST: Final = "\ufffd"
"""What stands in the place of characters that were lost: the replacement character."""
_DECLARATION: Final = re.compile(r"\s*<\?xml\b[^>]*\?>")
_DECLARED: Final = re.compile(rb"<\?xml\b[^>]*\bencoding\s*=\s*[\"']([\w.:-]+)")
_NO_CHARACTER: Final = re.compile(
    "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
_NO_REFERENCE: Final = re.compile(
    r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});)"
    r"|&#(?:x0*(?:[0-8bBcCeEfF]|1[0-9a-fA-F])|0*(?:[0-8]|1[124-9]|2[0-9]|3[01]));"
)
"""An ampersand that begins no reference, and a reference to what is no character (XML 1.0, 4.1 and 2.2)."""
_NO_TAG: Final = re.compile(r"<(?![A-Za-z_:/!?\u00c0-\ufffc])")
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class XmlDamage:
    """What is wrong with the form of a document, and what of it is certain all the same.

    `torn` are elements of which a part is missing: those that were open at the first mistake, or hold a damaged name.
    `moved` are elements that may belong elsewhere, or hold what does; `lost` those of which nothing is certain.
    `is_cut` tells that the document ends at its mistake, so that all that stands before it is in its place.
    """

    mistake: str
    torn: frozenset[Element] = frozenset()
    moved: frozenset[Element] = frozenset()
    lost: frozenset[Element] = frozenset()
    is_cut: bool = False

    @property
    def touched(self) -> frozenset[Element]:
        """Return the elements of which not everything is certain."""
        return self.torn | self.moved | self.lost

    def is_of_order(self, element: Element, *, unexpected: bool) -> bool:
        """Tell whether it may come of the damage that an element is unexpected, or has too few elements in it."""
        if not unexpected:
            return element in self.touched
        above = element.getparent()
        if element in self.torn | self.lost or above is None:
            return True
        return above in self.touched and not (self.is_cut and above in self.torn)


@dataclass(frozen=True, slots=True)
class Recovered:
    """The root of a damaged document, and the damage."""

    root: Element
    damage: XmlDamage


def recover(data: bytes, encoding: str = "") -> Recovered:
    """Return what can be read of a document that is not well-formed; lost characters leave a replacement character.

    Raises XmlError where nothing can be read, where there is a document type declaration, or the document is too large.
    """
    try:
        root = parse(data)
    except TooMuchXmlError:
        raise
    except XmlError as error:
        mistake = str(error)
    else:
        return Recovered(root, XmlDamage(""))
    text = _text(data, encoding)
    if len(data) > LARGEST or "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise XmlError(mistake)
    try:
        return _with_characters_lost(parse(text.encode()), mistake)
    except TooMuchXmlError:
        raise
    except XmlError:
        return _with_parts_lost(text.encode(), mistake)


def _text(data: bytes, encoding: str) -> str:
    """Return the text from its first tag to its last, with a replacement character for each that XML does not have."""
    text = data.decode(_encoding(data, encoding), "replace").removeprefix("\ufeff")
    text = _DECLARATION.sub("", text, count=1)
    text = text[max(text.find("<"), 0) : text.rfind(">") + 1] or text
    for pattern in (_NO_CHARACTER, _NO_REFERENCE, _NO_TAG):
        text = pattern.sub(LOST, text)
    return text


def _encoding(data: bytes, told: str) -> str:
    """Return the encoding that the first bytes show, or that is declared or told, else UTF-8."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    declared = _DECLARED.match(data.lstrip())
    for name in (told, declared[1].decode() if declared else ""):
        try:
            if name and "<a>".encode(name).decode("utf-8", "replace") == "<a>":
                return name
        except (LookupError, UnicodeError):
            continue
    return "utf-8"


def _with_characters_lost(root: Element, mistake: str) -> Recovered:
    """Return a document of which only characters were lost; where one was of a name, a part of what is above it was."""
    torn: set[Element] = set()
    for element in root.iter(etree.Element):
        above = element.getparent()
        if LOST in str(element.tag) and above is not None:
            torn.update((element, above))
        is_named = any(LOST in str(name) for name in element.attrib)
        if is_named or (len(element) and LOST in own_text(element)):
            torn.add(element)
    return Recovered(root, XmlDamage(mistake, frozenset(torn)))


def own_text(element: Element) -> str:
    """Return the characters that stand in an element itself, and not in those in it."""
    return "".join((element.text or "", *(child.tail or "" for child in element)))


def _with_parts_lost(data: bytes, mistake: str) -> Recovered:
    demand_readable(data)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        recover=True,
    )
    root: Element | None = etree.fromstring(data, parser)
    if root is None or root.getroottree().docinfo.internalDTD is not None:
        raise XmlError(mistake)
    unbound = _without_unbound_prefixes(root)
    mistakes = sum(entry.level_name != "WARNING" for entry in parser.error_log)
    begun, still_open = _until_mistake(data)
    elements = list(root.iter(etree.Element))
    torn = unbound | {
        elements[number] for number in still_open if number < len(elements)
    }
    first = next(iter(parser.error_log), None)
    is_cut = first is not None and first.type_name == "ERR_TAG_NOT_FINISHED"
    lost = elements[begun:] if mistakes > 1 else elements[begun : begun + 1]
    moved = [] if is_cut else [child for one in torn for child in one]
    for one in {*torn, *lost}:
        _mark(one, is_torn=one in torn)
    damage = XmlDamage(mistake, torn, frozenset(moved), frozenset(lost), is_cut)
    return Recovered(root, damage)


def _without_unbound_prefixes(root: Element) -> frozenset[Element]:
    """Mark names whose prefix nobody declares, and return the elements that have or hold one."""
    torn: set[Element] = set()
    for element in root.iter(etree.Element):
        if ":" in _local(str(element.tag)):
            element.tag = str(element.tag).replace(":", LOST)
            above = element.getparent()
            torn.update((element,) if above is None else (element, above))
        for name in [one for one in map(str, element.attrib) if ":" in _local(one)]:
            element.set(name.replace(":", LOST), str(element.attrib.pop(name)))
            torn.add(element)
    return frozenset(torn)


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _mark(element: Element, *, is_torn: bool) -> None:
    """Put a replacement character where a text may be only a part of what it was."""
    if not len(element) or (element.text or "").strip():
        element.text = f"{element.text or ''}{LOST}"
    if not is_torn:  # its start tag was not read whole, or stands behind a mistake
        for name, value in element.attrib.items():
            element.set(name, f"{value!s}{LOST}")


def _until_mistake(data: bytes) -> tuple[int, list[int]]:
    """Return how many elements begin before the first mistake, and the numbers of those that are open at it."""
    parser = etree.XMLPullParser(
        events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False
    )
    begun, still_open = 0, list[int]()
    try:
        parser.feed(data)
        parser.close()
    except etree.XMLSyntaxError:
        pass
    try:
        for event, _ in parser.read_events():
            if event == "start":
                still_open.append(begun)
                begun += 1
            else:
                still_open.pop()
    except etree.XMLSyntaxError:
        pass
    return begun, still_open
