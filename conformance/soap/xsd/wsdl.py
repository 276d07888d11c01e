"""Reads a WSDL: operations, places and types, from which requests are written.

Namespaces, qualification, order, types, soapAction and port come from the WSDL. The only home of the zeep library,
which takes long to load: to be imported where a SOAP service is tested, and nowhere else. Must not send anything nor
read from the network.
"""

import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any, Final

from lxml import etree
from zeep import Client, Settings
from zeep.exceptions import Error as ZeepError
from zeep.wsdl.bindings.soap import Soap11Binding
from zeep.xsd import ComplexType
from zeep.xsd import Element as TypedElement
from zeep.xsd.elements import Choice
from zeep.xsd.elements.indicators import Group, Indicator

from conformance.soap.markup import Element, children, parse
from conformance.soap.names import XSD
from conformance.soap.xsd.collecting import collect
from conformance.soap.xsd.components import clark, is_abstract
from conformance.soap.xsd.contract import (
    SoapContract,
    SoapOperation,
    Steps,
    Text,
    ValuePlace,
)
from conformance.soap.xsd.schemas import WsdlError

_DEEPEST: Final = 12
"""Levels of elements that are looked at; types may contain themselves."""
_MOST_PLACES: Final = 20_000
"""Places of a message; types that hold one another twice have them without end."""
_TEXT = "_value_1"
"""The name that zeep gives to the text of an element that has attributes too."""
_SAMPLES: Final = {
    "boolean": "true",
    "date": "2026-01-15",
    "dateTime": "2026-01-15T12:00:00Z",
    "time": "12:00:00Z",
    "gYear": "2026",
    "gYearMonth": "2026-01",
    "gMonth": "--01",
    "gMonthDay": "--01-15",
    "gDay": "---15",
    "duration": "P1D",
    "ID": "_sample",
    "anyURI": "urn:example:sample",
    "language": "en",
    "base64Binary": "AAAA",
    "hexBinary": "00",
    "QName": "sample",
}
_NUMBERS: Final = frozenset(
    {
        *(
            "decimal",
            "float",
            "double",
            "integer",
            "long",
            "int",
            "short",
            "byte",
            "positiveInteger",
        ),
        *(
            "nonNegativeInteger",
            "unsignedLong",
            "unsignedInt",
            "unsignedShort",
            "unsignedByte",
        ),
    }
)


def read_contract(wsdl: Path, bundled: Mapping[str, Path]) -> SoapContract:
    """Return the contract of a WSDL; `bundled` gives files for namespaces that are usually not beside one.

    Raises WsdlError with file and remedy.
    """
    schemas, start = collect(wsdl, bundled)
    settings = Settings(
        strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True
    )
    try:
        with warnings.catch_warnings(record=True) as doubts:
            warnings.simplefilter("always")
            bound = _operations(
                Client(start, transport=_Memory(schemas.documents), settings=settings)
            )
    except ZeepError as error:
        raise WsdlError(
            f"{wsdl}: cannot be used: {error}; correct it, or get it anew"
        ) from None
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise WsdlError(
            f"{wsdl}: cannot be used: {error!r}; correct it, or get it anew"
        ) from None
    except WsdlError as error:
        raise WsdlError(f"{wsdl}: {error}") from None
    except RecursionError:
        raise WsdlError(
            f"{wsdl}: its types lie too deeply within one another; correct it, or get it anew"
        ) from None
    if not bound:
        why = "".join(f" ({doubt.message})" for doubt in doubts[:1])
        raise WsdlError(
            f"{wsdl}: has no port with a SOAP 1.1 binding that can be used{why}; name the service's own WSDL"
        )
    operations = {name: operation for name, (operation, _) in bound.items()}
    return SoapContract(
        wsdl,
        operations,
        schemas,
        partial(
            _fill,
            {name: kind for name, (_, kind) in bound.items()},
            frozenset(_abstract_names(schemas.documents.values())),
        ),
    )


def _abstract_names(documents: Iterable[bytes]) -> Iterator[str]:
    """Yield the elements and types that no message may have: the abstract ones, which zeep does not tell apart."""
    for document in documents:
        for schema in parse(document).iter(f"{{{XSD}}}schema"):
            for node in children(schema):
                if is_abstract(node):
                    yield clark(schema.get("targetNamespace", ""), node.get("name", ""))


def _fill(
    kinds: Mapping[str, Any],
    abstract: Collection[str],
    operation: str,
    root: Element,
    values: Mapping[Steps, str | None],
) -> list[Text]:
    writer = _ElementWriter(values, abstract)
    writer.fill(root, kinds[operation], ())
    return writer.sampled


class _Memory:
    """Hands zeep the documents that were read before, and keeps it from any other."""

    def __init__(self, documents: Mapping[str, bytes]) -> None:
        self._documents = documents

    def load(self, address: str) -> bytes:
        """Return a document."""
        if address not in self._documents:
            raise WsdlError(
                f"{address}: not read from the network; put the document beside the WSDL"
            )
        return self._documents[address]


def _operations(client: Client) -> dict[str, tuple[SoapOperation, Any]]:
    """Return the operations with the types of their requests; of two with the same name, the first port's counts."""
    operations: dict[str, tuple[SoapOperation, Any]] = {}
    for service in client.wsdl.services.values():
        for port in service.ports.values():
            if not isinstance(port.binding, Soap11Binding):
                continue
            address = port.binding_options["address"]
            for name, operation in port.binding.all().items():
                request = _body(operation.input)
                if operation.style == "document" and _is_element(request):
                    described = _described(name, operation, address)
                    operations.setdefault(name, (described, request.type))
    return operations


def _body(message: Any) -> Any:  # noqa: ANN401 - zeep's types
    """Return the body of an operation's input or output, None where it has none."""
    return message.body if message is not None else None


def _is_element(body: Any) -> bool:  # noqa: ANN401 - zeep's types
    """Tell whether the Body holds a global element, as document/literal wants (WS-I Basic Profile 1.1, R2204)."""
    return body is not None and body.is_global


def _described(name: str, operation: Any, address: str) -> SoapOperation:  # noqa: ANN401 - zeep's types
    request, answer = _body(operation.input), _body(operation.output)
    return SoapOperation(
        name,
        operation.soapaction
        or "",  # none: an empty action (WSDL 1.1, section 3.4; WS-I R2745)
        address,
        str(request.qname),
        str(answer.qname) if answer is not None else "",
        _bounded_places(name, request.type),
        _bounded_places(name, answer.type) if answer is not None else (),
        tuple(_faults(operation)),
    )


def _faults(operation: Any) -> Iterator[str]:  # noqa: ANN401 - zeep's types
    """Yield the elements of the faults of an operation, by its port type: a binding need not repeat them."""
    for message in operation.abstract.fault_messages.values():
        yield from (
            str(part.element.qname)
            for part in message.parts.values()
            if part.element is not None
        )


def _bounded_places(name: str, kind: Any) -> tuple[ValuePlace, ...]:  # noqa: ANN401 - zeep's types
    """Return the places of a type; raises WsdlError where they have no end, though no type contains itself."""
    places = tuple(islice(_places(kind), _MOST_PLACES + 1))
    if len(places) > _MOST_PLACES:
        raise WsdlError(
            f"the messages of {name} have more than {_MOST_PLACES} places; correct the WSDL's types"
        )
    return places


def _places(
    kind: Any,  # noqa: ANN401 - zeep's types
    path: Steps = (),
    above: tuple[Any, ...] = (),
) -> Iterator[ValuePlace]:
    """Yield the places of a type in the order of its schema, each element before what is in it.

    A type within itself is not looked into once more.
    """
    if not isinstance(kind, ComplexType) or any(kind is ancestor for ancestor in above):
        return
    for _, attribute in kind.attributes:
        if getattr(attribute, "name", None):
            yield ValuePlace(
                (*path, f"@{attribute.name}"), simple=True, required=attribute.required
            )
    for element in (
        element for _, part in kind.elements_nested for element in _elements(part)
    ):
        here = (*path, str(element.name))
        most = element.max_occurs if isinstance(element.max_occurs, int) else None
        yield ValuePlace(here, _is_simple(element.type), element.min_occurs > 0, most)
        yield from _places(element.type, here, (*above, kind))


def _elements(part: Any) -> Iterator[Any]:  # noqa: ANN401 - zeep's types
    """Yield the elements of a group, and of the groups in it."""
    for member in _inside(part) if isinstance(part, Indicator) else ():
        if isinstance(member, TypedElement):
            yield member
        else:
            yield from _elements(member)


def _inside(group: Any) -> list[Any]:  # noqa: ANN401 - zeep's types
    """Return the particles of a sequence, choice or all; a named group has just one, which zeep hides."""
    return [group.child] if isinstance(group, Group) else list(group)


def _is_simple(kind: Any) -> bool:  # noqa: ANN401 - zeep's types
    if isinstance(kind, ComplexType):
        return any(
            name == _TEXT and isinstance(part, TypedElement)
            for name, part in kind.elements_nested
        )
    return True


@dataclass(frozen=True, slots=True)
class _ElementWriter:
    """Writes what is wanted into a message, and what is required besides; remembers where it put samples."""

    wanted: Mapping[Steps, str | None]
    abstract: Collection[str] = ()
    sampled: list[Text] = field(default_factory=list)
    made: Iterator[int] = field(default_factory=count)

    def fill(self, element: Element, kind: Any, path: Steps) -> None:  # noqa: ANN401 - zeep's types
        """Write the content of an element of a type."""
        if not isinstance(kind, ComplexType):
            self._put(Text(element), kind, path)
            return
        for _, attribute in kind.attributes:
            here = (*path, f"@{getattr(attribute, 'name', '')}")
            if here in self.wanted or getattr(attribute, "required", False):
                self._put(Text(element, attribute.qname.text), attribute.type, here)
        for name, part in kind.elements_nested:
            if isinstance(part, Indicator):
                self._add(element, part, path)
            elif name == _TEXT and isinstance(part, TypedElement):
                self._put(Text(element), part.type, path)

    def _put(self, text: Text, kind: Any, path: Steps) -> None:  # noqa: ANN401 - zeep's types
        if path in self.wanted:
            text.write(self.wanted[path] or "")
        else:
            text.write(_sample(kind))
            self.sampled.append(text)

    def _add(self, parent: Element, part: Any, path: Steps, least: int = 0) -> None:  # noqa: ANN401 - zeep's types
        """Write a particle of a content model, an element or a group, as often as it is required, once if wanted."""
        for _ in range(max(part.min_occurs, least, self._is_wanted(part, path))):
            if isinstance(part, Choice):
                for member in self._chosen(part, path):
                    self._add(parent, member, path, 1)
            elif isinstance(part, Indicator):
                for member in _inside(part):
                    self._add(parent, member, path)
            elif isinstance(part, TypedElement) and len(path) < _DEEPEST:
                self._demand_few()
                self.fill(
                    etree.SubElement(parent, part.qname.text),
                    part.type,
                    (*path, str(part.name)),
                )

    def _demand_few(self) -> None:
        if next(self.made) > _MOST_PLACES:
            raise WsdlError(
                f"a message is made to have more than {_MOST_PLACES} elements; correct minOccurs in the WSDL's types"
            )

    def _chosen(self, choice: Any, path: Steps) -> list[Any]:  # noqa: ANN401 - zeep's types
        """Return the branches of a choice that are wanted, as many as it takes, else the first one that can stand."""
        wanted = [member for member in choice if self._is_wanted(member, path)]
        possible = filter(self._is_possible, choice)
        branches = wanted or [next(possible, next(iter(choice)))]
        return branches if choice.accepts_multiple else branches[:1]

    def _is_possible(self, part: Any) -> bool:  # noqa: ANN401 - zeep's types
        """Tell whether a particle can stand in a message: it is not abstract, nor is what it cannot do without."""
        if isinstance(part, Choice):
            return any(map(self._is_possible, part))
        if isinstance(part, Indicator):
            return all(
                self._is_possible(one) for one in _inside(part) if one.min_occurs
            )
        names = {str(getattr(one, "qname", "")) for one in (part, part.type)}
        return names.isdisjoint(self.abstract)

    def _is_wanted(self, part: Any, path: Steps) -> bool:  # noqa: ANN401 - zeep's types
        if isinstance(part, Indicator):
            return any(self._is_wanted(member, path) for member in _inside(part))
        here = (*path, getattr(part, "name", None) or "")
        return any(wanted[: len(here)] == here for wanted in self.wanted)


def _sample(kind: Any) -> str:  # noqa: ANN401 - zeep's types
    """Return a text that the built-in type below a simple type takes."""
    for base in type(kind).__mro__:
        named = getattr(base, "_default_qname", None)
        name = str(named.localname) if named is not None else ""
        if name in _SAMPLES:
            return _SAMPLES[name]
        if name in _NUMBERS:
            return "1"
    return "SAMPLE"
