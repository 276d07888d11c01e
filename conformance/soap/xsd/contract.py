"""What the harness needs of a WSDL, and requests that are valid by it; which local name plays which role.

Must not know where a contract comes from (see `conformance.soap.wsdl`), send anything, nor read from the network.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lxml import etree

from conformance.soap.markup import Element, children, local, local_name, text
from conformance.soap.names import SOAP
from conformance.soap.xsd.schemas import SchemaProblem, SchemaSet

Steps = tuple[str, ...]
"""Local names from below the root to an element, or to an attribute (`@Id`) at the end."""

_CANDIDATES: Final = (
    *("SAMPLE", "1", "0", "-1", "10", "1234567890", "12345678", "12345678901"),
    *("A", "sample@example.org"),
)


@dataclass(frozen=True, slots=True)
class ValuePlace:
    """Where a value may stand in a message: its path below the root, whether it holds text itself, how often."""

    path: Steps
    simple: bool
    required: bool
    most: int | None = 1


@dataclass(frozen=True, slots=True)
class SoapOperation:
    """One operation of a SOAP 1.1 binding: its action, address, and the elements of its messages as `{uri}local`.

    `faults` are the elements that the WSDL declares for the detail of a fault.
    """

    name: str
    action: str
    address: str
    request: str
    response: str
    places: tuple[ValuePlace, ...]
    answers: tuple[ValuePlace, ...]
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """A text in a message: that of an element, or of its attribute."""

    element: Element
    attribute: str = ""

    def read(self) -> str:
        """Return what stands there."""
        return (
            self.element.get(self.attribute, "")
            if self.attribute
            else self.element.text or ""
        )

    def write(self, value: str) -> None:
        """Put something there."""
        if self.attribute:
            self.element.set(self.attribute, value)
        else:
            self.element.text = value


Fill = Callable[[str, Element, Mapping[Steps, str | None]], list[Text]]
"""Writes the content of an operation's request from values at places, and returns what had to be made up."""


@dataclass(slots=True)
class SoapContract:
    """A WSDL: its operations by name, its schemas, and how the content of a request is written."""

    file: Path
    operations: Mapping[str, SoapOperation]
    schemas: SchemaSet
    fill: Fill

    def problems(self, element: Element) -> list[SchemaProblem]:
        """Return what keeps an element of a body from being valid."""
        return self.schemas.problems(element)

    def build(self, operation: str, values: Mapping[Steps, str | None]) -> Element:
        """Return an envelope with a valid request of an operation: the values given, and what else is required.

        An element whose value is None stands there without text.
        """
        envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soapenv": SOAP})
        body = etree.SubElement(envelope, f"{{{SOAP}}}Body")
        root = etree.SubElement(body, self.operations[operation].request)
        self._mend(root, self.fill(operation, root, values))
        return envelope

    def _mend(self, root: Element, sampled: list[Text]) -> None:
        """Give values of our own that a facet refuses another try: usual ones, then those that the schemas suggest."""
        for sample in sampled:
            count = self.schemas.count(root)
            if not count:
                return
            before = sample.read()
            for candidate in (*_CANDIDATES, *self.schemas.words):
                sample.write(candidate)
                if self.schemas.count(root) < count:
                    break
            else:
                sample.write(before)


def body_of(envelope: Element) -> Element:
    """Return the Body of a SOAP 1.1 envelope that was built here."""
    body = envelope.find(f"{{{SOAP}}}Body")
    if body is None:
        raise ValueError("an envelope without Body")
    return body


def resolve(
    spellings: Iterable[str], places: Iterable[ValuePlace], *, whole: bool = False
) -> Steps | None:
    """Return the place of a value that is spelled in one of some ways, or None where none, or several, fit.

    A spelling is a local name, or several with slashes between them, of which the last is the value's own and the
    others stand above it. A place with members leads to its only value, where it has just one, unless the `whole`
    element is wanted.
    """
    known = list(places)
    paths = [place.path for place in known]
    for fold in (str, str.casefold):
        for spelling in spellings:
            path = _nearest(spelling, paths, fold)
            if path is not None:
                return path if whole else _value_place(path, known)
    return None


def _nearest(
    spelling: str, paths: Iterable[Steps], fold: Callable[[str], str]
) -> Steps | None:
    """Return the shortest path that fits a spelling, None where none or several are the shortest."""
    wanted = [fold(part) for part in spelling.split("/")]
    fitting = [path for path in paths if _fits(wanted, list(map(fold, path)))]
    least = min(map(len, fitting), default=0)
    nearest = [path for path in fitting if len(path) == least]
    return nearest[0] if len(nearest) == 1 else None


def read_value(root: Element, path: Steps) -> str | None:
    """Return the text at a place below a root, None where there is none."""
    element = _element(root, path)
    if element is None:
        return None
    if not path or not path[-1].startswith("@"):
        return text(element)
    for name, value in element.attrib.items():
        if local_name(str(name)) == path[-1].removeprefix("@"):
            return str(value)
    return None


def _fits(wanted: list[str], path: list[str]) -> bool:
    """Tell whether a spelling's parts occur in a path in this order, the last at its end."""
    if not path or path[-1] != wanted[-1]:
        return False
    above = iter(path[:-1])
    return all(part in above for part in wanted[:-1])


def _value_place(path: Steps, places: list[ValuePlace]) -> Steps | None:
    inside = [
        place
        for place in places
        if place.path[: len(path)] == path and not place.path[-1].startswith("@")
    ]
    values = [place.path for place in inside if place.simple]
    if path[-1].startswith("@") or path in values:
        return path
    return values[0] if len(values) == 1 else None


def _element(root: Element, path: Steps) -> Element | None:
    """Return the element of a path, that which has the attribute where the path ends with one."""
    for name in path:
        if name.startswith("@"):
            break
        inner = next((child for child in children(root) if local(child) == name), None)
        if inner is None:
            return None
        root = inner
    return root
