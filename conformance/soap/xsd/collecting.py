"""Collects the schemas of a WSDL, those that it includes and imports, and compiles them; nothing is fetched.

Must not validate.
"""

import re
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from lxml import etree

from conformance.soap.markup import Element, children, parse, path, serialise
from conformance.soap.names import WSDL, XSD
from conformance.soap.xsd.contract_files import read_xml
from conformance.soap.xsd.limits import (
    DEEPEST_REFERENCE,
    MOST_FILES,
    demand_followable,
)
from conformance.soap.xsd.schemas import EVERYTHING, MEMORY, SchemaSet, WsdlError

_IMPORT, _INCLUDE = f"{{{XSD}}}import", f"{{{XSD}}}include"
_REDEFINE = f"{{{XSD}}}redefine"
_FOLLOWED = frozenset({_IMPORT, _INCLUDE, _REDEFINE})
_LONGEST_REASON = 600
_LONGEST = 10_000
"""Characters of a text that is made up from a facet."""
_ATOM = re.compile(r"\\[pP]\{\w+\}|\\.|\[(?:\\.|[^\]\\])*\]|[^\\\[\]]", re.DOTALL)
_OFTEN = re.compile(r"\{(\d+)(?:,\d*)?\}|[?*+]")
_ESCAPED: Final = {
    "d": "1",
    "w": "a",
    "i": "a",
    "c": "a",
    "D": "a",
    "S": "a",
    "s": " ",
    "W": "-",
    "n": "\n",
    "t": "\t",
}
_SPECIAL = re.compile(r"\[|--|&&|~~|\|\|")


def collect(wsdl: Path, bundled: Mapping[str, Path]) -> tuple[SchemaSet, str]:
    """Return the schemas of a WSDL file, and the address in memory of the WSDL itself.

    `bundled` gives files for namespaces that are usually not beside a WSDL. Raises WsdlError with file and remedy.
    """
    collector = _SchemaCollector(bundled)
    start = collector.wsdl(wsdl)
    return _compiled(collector, wsdl), start


def read_schema(file: Path, bundled: Mapping[str, Path]) -> SchemaSet:
    """Return a schema file with those it refers to; errors as for `collect`."""
    collector = _SchemaCollector(bundled)
    collector.schema(file)
    return _compiled(collector, file)


def _compiled(collector: "_SchemaCollector", file: Path) -> SchemaSet:
    demand_followable(collector.roots.values(), file)
    documents = collector.finished()
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    parser.resolvers.add(_Resolver(documents))
    try:
        schema = etree.XMLSchema(
            etree.fromstring(documents[collector.everything], parser)
        )
    except etree.XMLSchemaParseError as error:
        raise WsdlError(
            f"{file}: its schemas cannot be used: {str(error)[:_LONGEST_REASON]}; correct them, or get them anew"
        ) from None
    return SchemaSet(documents, tuple(dict.fromkeys(collector.words)), schema)


class _Resolver(etree.Resolver):
    """Hands out documents from memory, and nothing else."""

    def __init__(self, documents: Mapping[str, bytes]) -> None:
        super().__init__()
        self._documents = documents

    def resolve(self, system_url: str, public_id: str, context: Any) -> Any:  # type: ignore[override]  # noqa: ANN401
        """Return the document of an address; one that is not known is empty."""
        del public_id
        document = self._documents.get(system_url, b"")
        return self.resolve_string(document, context, base_url=system_url)


@dataclass(slots=True)
class _SchemaCollector:
    """Reads a WSDL and what it refers to; gives each document an address in memory."""

    bundled: Mapping[str, Path]
    words: list[str] = field(default_factory=list)
    everything: str = EVERYTHING
    _addresses: dict[Path, str] = field(default_factory=dict)
    _roots: dict[str, Element] = field(default_factory=dict)
    _groups: dict[str, list[str]] = field(default_factory=dict)

    def wsdl(self, file: Path, depth: int = 0) -> str:
        """Read a WSDL with those it imports, and return its address."""
        address = self._address(file, ".wsdl")
        if address in self._roots:
            return address
        self._demand_few(file, depth)
        root = self._roots[address] = read_xml(file)
        if root.tag != f"{{{WSDL}}}definitions":
            raise WsdlError(
                f"{file}: not a WSDL 1.1 document (its root is {path(root)}); name the service's WSDL"
            )
        for node in root.findall(f"{{{WSDL}}}import"):
            location = node.get("location", "")
            node.set("location", self.wsdl(_beside(file, location), depth + 1))
        for types in root.findall(f"{{{WSDL}}}types"):
            for schema in types.findall(f"{{{XSD}}}schema"):
                inline = f"{MEMORY}{len(self._roots)}-inline.xsd"
                self._roots[inline] = parse(serialise(schema))
                self._groups.setdefault(schema.get("targetNamespace", ""), []).append(
                    inline
                )
                self._follow(self._roots[inline], file, depth)
                types.remove(schema)
            etree.SubElement(types, f"{{{XSD}}}schema").append(
                _inclusion(self.everything)
            )
        return address

    @property
    def roots(self) -> Mapping[str, Element]:
        """Return the documents that were read, by address."""
        return self._roots

    def finished(self) -> dict[str, bytes]:
        """Return all documents by address, their references leading to one another."""
        groups = {
            space: f"{MEMORY}namespace-{number}.xsd"
            for number, space in enumerate(self._groups)
        }
        self._lead_imports(groups)
        documents = {address: serialise(root) for address, root in self._roots.items()}
        for space, members in self._groups.items():
            documents[groups[space]] = _gathering(space, _includes(members))
        imports = [
            ("import", address, space) for space, address in groups.items() if space
        ]
        imports += _includes(self._groups.get("", ()))
        documents[self.everything] = _gathering("", imports)
        return documents

    def _lead_imports(self, groups: Mapping[str, str]) -> None:
        """Make each import lead to the document that gathers its namespace."""
        for root in self._roots.values():
            for node in root.iter(f"{{{XSD}}}import"):
                space = node.get("namespace", "")
                if space in groups:
                    node.set("schemaLocation", groups[space])

    def schema(self, file: Path, depth: int = 0, *, included: bool = False) -> str:
        """Read a schema with those it refers to, and return its address."""
        address = self._address(file, ".xsd")
        if address not in self._roots:
            self._demand_few(file, depth)
            root = self._roots[address] = read_xml(file)
            if root.tag != f"{{{XSD}}}schema":
                raise WsdlError(
                    f"{file}: not an XML Schema (its root is {path(root)}); correct the reference to it"
                )
            self._follow(root, file, depth)
        if not included:
            members = self._groups.setdefault(
                self._roots[address].get("targetNamespace", ""), []
            )
            if address not in members:
                members.append(address)
        return address

    def _demand_few(self, file: Path, depth: int) -> None:
        """Raise WsdlError where one file more would be too many."""
        if depth > DEEPEST_REFERENCE:
            raise WsdlError(
                f"{file}: more than {DEEPEST_REFERENCE} files refer to one another in a row up to this one; "
                "correct the references, or put the schemas into fewer files"
            )
        if len(self._roots) >= MOST_FILES:
            raise WsdlError(
                f"{file}: the WSDL has more than {MOST_FILES} files with this one; put them into fewer files"
            )

    def _follow(self, root: Element, file: Path, depth: int) -> None:
        """Read what a schema refers to, and make its references lead to addresses in memory."""
        self.words += _words(root)
        for node in children(root):
            if node.tag not in _FOLLOWED:
                continue
            imported = node.tag == _IMPORT
            location = node.get("schemaLocation")
            if imported:
                location = self._import_location(node, file)
            if location is None:
                continue
            address = self.schema(
                _beside(file, location), depth + 1, included=not imported
            )
            node.set("schemaLocation", address)
            if node.tag == _INCLUDE:
                root.replace(node, _inclusion(address))

    def _import_location(self, node: Element, file: Path) -> str | None:
        """Return where an imported schema is; None where it needs no reading."""
        space, location = node.get("namespace", ""), node.get("schemaLocation")
        if space in self.bundled and not _is_file(file, location):
            return str(self.bundled[space].resolve())
        known = space in self._groups
        if location is None or (known and _on_network(location)):
            return None
        return location

    def _address(self, file: Path, ending: str) -> str:
        resolved = file.resolve()
        if resolved not in self._addresses:
            self._addresses[resolved] = f"{MEMORY}{len(self._addresses)}{ending}"
        return self._addresses[resolved]


def _inclusion(address: str) -> Element:
    """Return an inclusion where no default namespace holds, which zeep would hand on to the schema that is included."""
    node = parse(f'<xs:include xmlns:xs="{XSD}" xmlns=""/>'.encode())
    node.set("schemaLocation", address)
    return node


def _includes(addresses: Iterable[str]) -> list[tuple[str, str, str]]:
    return [("include", address, "") for address in addresses]


def _gathering(space: str, members: list[tuple[str, str, str]]) -> bytes:
    """Return a schema that only includes and imports others."""
    root = etree.Element(
        f"{{{XSD}}}schema",
        {"targetNamespace": space} if space else {},
        nsmap={"xs": XSD},
    )
    for kind, address, namespace in members:
        attributes = {"schemaLocation": address} | (
            {"namespace": namespace} if namespace else {}
        )
        etree.SubElement(root, f"{{{XSD}}}{kind}", attributes)
    return serialise(root)


def _words(root: Element) -> Iterator[str]:
    """Yield texts that a simple type of a schema may take, by what its facets and fixed values say."""
    for element in root.iter(etree.Element):
        if "fixed" in element.attrib:
            yield element.get("fixed", "")
        value = element.get("value", "")
        match etree.QName(element).localname:
            case "enumeration" | "minInclusive" | "maxInclusive":
                yield value
            case "minExclusive" | "maxExclusive":
                yield from _neighbours(value)
            case "length" | "minLength" if value.isdecimal():
                yield from (letter * min(int(value), _LONGEST) for letter in "1A")
            case "pattern" if len(value) <= _LONGEST // 50:
                yield _text_of(value, 0)[0]


def _neighbours(number: str) -> Iterator[str]:
    try:
        middle = Decimal(number)
        yield from (
            f"{middle + step:f}" for step in (1, -1, Decimal("0.5"), Decimal("-0.5"))
        )
    except InvalidOperation:  # a date, which may be anything
        return


def _text_of(pattern: str, at: int) -> tuple[str, int]:
    """Return a text that a simple pattern takes, from a place to the end of its group, and where that is.

    Of alternatives it takes the first one, and what may be repeated as seldom as may be. What it does not know leaves
    a text that does not fit.
    """
    first, done = "", ""
    while at < len(pattern) and pattern[at] != ")":
        if pattern[at] == "|":
            first, done, at = first or done, "", at + 1
            continue
        if pattern[at] == "(":
            piece, at = _text_of(pattern, at + 1)
            at += 1
        else:
            atom = _ATOM.match(pattern, at)
            if atom is None:
                return "", len(pattern)
            piece, at = _character(atom[0]), atom.end()
        often = _OFTEN.match(pattern, at)
        if often is not None:
            piece = (piece * (int(often[1]) if often[1] else often[0] == "+"))[
                :_LONGEST
            ]
            at = often.end()
        done += piece
    return first or done, at


def _character(atom: str) -> str:
    """Return a character that one atom of a pattern takes."""
    if atom.startswith("\\p"):
        return {"N": "1", "L": "a"}.get(atom[3], "") if atom != r"\p{Lu}" else "A"
    if atom.startswith("\\"):
        return _ESCAPED.get(atom[1], atom[1])
    if not atom.startswith("["):
        return "a" if atom == "." else atom
    if _SPECIAL.search(atom, 1):
        return ""
    try:
        return next(
            (
                character
                for character in string.printable
                if re.fullmatch(atom, character)
            ),
            "",
        )
    except re.error:  # classes that only schemas have
        return ""


def _beside(file: Path, location: str) -> Path:
    """Return the file that a reference leads to; raises WsdlError for one that leads away from this machine."""
    if not location or _on_network(location):
        raise WsdlError(
            f"{file}: refers to {location or 'no place'!r}, which is not read from the network; "
            "put that document beside the WSDL and name it by its file"
        )
    path = file.parent / location
    return path if path.exists() else file.parent / unquote(location)


def _on_network(location: str) -> bool:
    """Tell whether a reference leads to another machine, or by a scheme to anywhere; one letter is a drive."""
    try:
        parts = urlsplit(location.replace("\\", "/"))
    except ValueError:
        return True
    return len(parts.scheme) > 1 or bool(parts.netloc)


def _is_file(file: Path, location: str | None) -> bool:
    return (
        location is not None
        and not _on_network(location)
        and (file.parent / location).is_file()
    )
