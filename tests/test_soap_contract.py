"""Tests of reading a WSDL and building requests by it: the shipped one, a peer's, and small ones with one oddity."""

import warnings
from collections.abc import Mapping
from pathlib import Path

import pytest

from conformance.contracts.platform_rules import bundled_schemas
from conformance.formats.schemas import specs_root
from conformance.soap.markup import Element, children, local, namespace, parse, serialise
from conformance.soap.names import SOAP, XML, XSD
from conformance.soap.xsd.collecting import read_schema
from conformance.soap.xsd.contract import SoapContract, Steps, ValuePlace, body_of, read_value, resolve
from conformance.soap.xsd.schemas import WsdlError
from conformance.soap.xsd.wsdl import read_contract
from tests.peers.dossier_contract import Contract
from tests.peers.dossier_number_generation import contract_of

OWN, OTHER = "urn:example:own", "urn:example:other"
A, B = '<xs:element name="A" type="xs:string"/>', '<xs:element name="B" type="xs:string"/>'
C, D = '<xs:element name="C" type="xs:string"/>', '<xs:element name="D" type="xs:string"/>'
SHIPPED = specs_root() / "dossier-number-generation" / "1.2" / "wsdl" / "DossierNumberGeneration.wsdl"
SHIPPED_NAMESPACE = "urn:be:fgov:ehealth:dossiernumbergeneration:protocol:v1"

Values = Mapping[Steps, str | None]


def schema(*parts: str, space: str = OWN, form: str = "qualified", head: str = "") -> str:
    """Return a schema; `t` stands for its namespace, `o` for the other one."""
    target = f'targetNamespace="{space}" xmlns:t="{space}"' if space else ""
    return (
        f'<xs:schema xmlns:xs="{XSD}" {target} xmlns:o="{OTHER}" elementFormDefault="{form}" {head}>'
        f"{''.join(parts)}</xs:schema>"
    )


def request(content: str, *more: str, form: str = "qualified") -> str:
    """Return a schema with a request of the content given."""
    return schema(
        f'<xs:element name="Request"><xs:complexType>{content}</xs:complexType></xs:element>', *more, form=form
    )


def importing(location: str | None, space: str = OWN) -> str:
    """Return a schema that does nothing but import another one."""
    where = "" if location is None else f' schemaLocation="{location}"'
    return f'<xs:schema xmlns:xs="{XSD}"><xs:import namespace="{space}"{where}/></xs:schema>'


HEAD = f"""<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/"
    xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:t="{OWN}" xmlns:w="urn:w" targetNamespace="urn:w">"""
ABSTRACT = """<wsdl:message name="In"><wsdl:part name="body" element="t:Request"/></wsdl:message>
  <wsdl:portType name="Type"><wsdl:operation name="Do"><wsdl:input message="w:In"/></wsdl:operation></wsdl:portType>"""
BINDING = """<wsdl:binding name="Binding" type="w:Type">
    <soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
    <wsdl:operation name="Do"><soap:operation soapAction="urn:do"/>
      <wsdl:input><soap:body use="literal"/></wsdl:input></wsdl:operation></wsdl:binding>"""
SERVICE = """<wsdl:service name="Service"><wsdl:port name="First" binding="w:Binding">
    <soap:address location="https://127.0.0.1/first"/></wsdl:port></wsdl:service>"""
END = "</wsdl:definitions>"


def wsdl(types: str) -> str:
    """Return a WSDL with one operation, whose request is the element Request."""
    return f"{HEAD}<wsdl:types>{types}</wsdl:types>{ABSTRACT}{BINDING}{SERVICE}{END}"


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files into a folder and return the path of the first one."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / next(iter(files))


def read(folder: Path, files: Mapping[str, str | bytes]) -> SoapContract:
    """Write files into a folder and read the first one as a WSDL."""
    return read_contract(write(folder, files), bundled_schemas())


def complaint(folder: Path, files: Mapping[str, str | bytes]) -> str:
    """Return what is said of a WSDL that cannot be used, without the folder."""
    with pytest.raises(WsdlError) as caught:
        read(folder, files)
    assert caught.value.exit_code == 2
    return str(caught.value).replace(f"{folder}/", "")


def inside(envelope: Element) -> Element:
    """Return the one element of a body."""
    (found,) = children(body_of(envelope))
    return found


def shape(element: Element) -> str:
    """Return an element in short: names, attributes and texts, without namespaces."""
    attributes = "".join(f" {str(name).rpartition('}')[2]}={value!s}" for name, value in element.attrib.items())
    within = ",".join(shape(child) for child in children(element)) or (element.text or "")
    return f"{local(element)}{attributes}({within})"


def built(folder: Path, content: str, values: Values | None = None, *more: str) -> str:
    """Return a request of a content model in short; it must be valid, and must have the values that were asked."""
    contract = read(folder, {"s.wsdl": wsdl(request(content, *more))})
    root = inside(contract.build("Do", values or {}))
    assert contract.problems(root) == []
    for place, value in (values or {}).items():
        assert read_value(root, place) == (value or ""), place
    return shape(root)


# The shipped contract


@pytest.fixture(scope="module")
def shipped() -> SoapContract:
    """Return the contract that comes with the harness."""
    return read_contract(SHIPPED, bundled_schemas())


def test_shipped_operation_is_read(shipped: SoapContract) -> None:
    """Action, address and elements are those of the file."""
    ((name, operation),) = shipped.operations.items()
    assert (name, operation.name) == ("GenerateCovidId", "GenerateCovidId")
    assert operation.action == f"{SHIPPED_NAMESPACE}:GenerateCovidId"
    assert operation.address == "https://services-acpt.ehealth.fgov.be/DossierNumberGeneration/v1"
    assert operation.request == f"{{{SHIPPED_NAMESPACE}}}GenerateCovidIdRequest"
    assert operation.response == f"{{{SHIPPED_NAMESPACE}}}GenerateCovidIdResponse"


def test_shipped_places_are_in_the_order_of_the_schema(shipped: SoapContract) -> None:
    """Each element stands before what is in it, each with what the schema says of it."""
    places = shipped.operations["GenerateCovidId"].places
    assert [place.path for place in places] == [
        ("@Id",),
        ("@IssueInstant",),
        ("Criteria",),
        ("Criteria", "Requester"),
        ("Criteria", "Requester", "InstitutionIdentifier"),
        ("Criteria", "Requester", "InstitutionIdentifier", "Nihii"),
        ("Criteria", "Requester", "InstitutionIdentifier", "Cbe"),
        ("Criteria", "Requester", "PersonIdentifier"),
        ("Criteria", "Person"),
        ("Criteria", "Person", "LastName"),
        ("Criteria", "Person", "FirstNames"),
        ("Criteria", "Person", "Gender"),
        ("Criteria", "Person", "PhoneNumber"),
    ]
    assert {place.path[-1] for place in places if place.required} == {"@IssueInstant", "Criteria", "Person", "LastName"}
    assert {place.path[-1] for place in places if not place.simple} == {
        *("Criteria", "Requester", "InstitutionIdentifier", "Person")
    }
    assert {place.most for place in places} == {1}


def test_status_detail_holds_no_text(shipped: SoapContract) -> None:
    """An element that takes any others is not mistaken for one with a text."""
    answers = {place.path: place for place in shipped.operations["GenerateCovidId"].answers}
    assert not answers["Status", "StatusDetail"].simple
    assert answers["Status", "StatusMessage"].simple


def test_least_request_of_the_shipped_contract_is_valid(shipped: SoapContract) -> None:
    """Without values, only what is required stands there, and it is valid."""
    envelope = shipped.build("GenerateCovidId", {})
    root = inside(envelope)
    assert (namespace(envelope), namespace(root)) == (SOAP, SHIPPED_NAMESPACE)
    assert shape(root) == (
        "GenerateCovidIdRequest IssueInstant=2026-01-15T12:00:00Z(Criteria(Person(LastName(SAMPLE))))"
    )
    assert {namespace(found) for found in root.iterdescendants()} == {""}
    assert shipped.problems(root) == []


def test_values_are_written_as_they_are(shipped: SoapContract) -> None:
    """What XML escapes comes out of the message as it went in, in the order of the schema."""
    odd = "<&>\"'\r\n\t é 😀 ]]>"
    values: Values = {("Criteria", "Person", name): odd for name in ("PhoneNumber", "LastName", "FirstNames")}
    root = inside(parse(serialise(shipped.build("GenerateCovidId", values))))
    person = children(children(root)[0])[0]
    assert [(local(one), one.text) for one in children(person)] == [
        *(("LastName", odd), ("FirstNames", odd), ("PhoneNumber", odd))
    ]


def test_value_of_none_is_an_empty_element(shipped: SoapContract) -> None:
    """An element whose value is None stands there without text."""
    root = inside(shipped.build("GenerateCovidId", {("Criteria", "Person", "FirstNames"): None}))
    assert read_value(root, ("Criteria", "Person", "FirstNames")) == ""


def test_value_that_the_schema_refuses_is_kept(shipped: SoapContract) -> None:
    """Only samples are mended: a value that was asked for stays, and the schema says what is wrong with it."""
    root = inside(shipped.build("GenerateCovidId", {("Criteria", "Person", "Gender"): "X"}))
    assert read_value(root, ("Criteria", "Person", "Gender")) == "X"
    (first, *_) = shipped.problems(root)
    assert (first.name, first.place, first.undeclared) == (
        *("Gender", "/GenerateCovidIdRequest/Criteria/Person/Gender"),
        False,
    )
    assert not shipped.schemas.fits(root)


def test_undeclared_element_under_a_strict_wildcard_is_told_apart(shipped: SoapContract) -> None:
    """An element whose schema nobody gave is marked, since it may be valid all the same."""
    answer = parse(
        f"""<r:GenerateCovidIdResponse xmlns:r="{SHIPPED_NAMESPACE}" Id="_1" IssueInstant="2026-01-01T00:00:00Z"
        xmlns:c="urn:be:fgov:ehealth:commons:core:v2"><c:Status><c:StatusCode Value="urn:x"/><c:StatusDetail>
        <q:Own xmlns:q="urn:unknown"/></c:StatusDetail></c:Status></r:GenerateCovidIdResponse>""".encode()
    )
    (problem,) = shipped.problems(answer)
    assert (problem.name, problem.undeclared) == ("Own", True)
    assert problem.place == "/GenerateCovidIdResponse/Status/StatusDetail/Own"


def test_message_does_not_name_schemas_to_load(tmp_path: Path, shipped: SoapContract) -> None:
    """A schemaLocation in an answer is not followed, neither to a file nor to the network."""
    location = write(tmp_path, {"evil.xsd": schema('<xs:element name="Own"/>', space="urn:unknown")}).as_uri()
    answer = parse(
        f"""<r:GenerateCovidIdResponse xmlns:r="{SHIPPED_NAMESPACE}" Id="_1" IssueInstant="2026-01-01T00:00:00Z"
        xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:unknown {location}"
        xmlns:c="urn:be:fgov:ehealth:commons:core:v2"><c:Status><c:StatusCode Value="urn:x"/><c:StatusDetail>
        <q:Own xmlns:q="urn:unknown"/></c:StatusDetail></c:Status></r:GenerateCovidIdResponse>""".encode()
    )
    assert [problem.undeclared for problem in shipped.problems(answer)] == [True]


# Contracts of a peer


def peer(folder: Path, contract: Contract) -> SoapContract:
    """Return a contract that a peer wrote."""
    contract.write(folder)
    return read(folder, {"covid.wsdl": contract.wsdl("https://127.0.0.1/covid")})


def every_contract() -> dict[str, Contract]:
    """Return the peer's contracts, one of each way of writing, and some with several ways at once."""
    several = {
        "all at once": Contract(
            qualified=True,
            wrapped_person=True,
            requester_required=True,
            requester_choice=True,
            anonymous_name=True,
            included=True,
            prefix="x1",
        ),
        "inline and included": Contract(qualified=True, included=True, inline=True, wrapped_person=True),
    }
    return {name: contract_of(name) for name in PEER_NAMES} | several


PEER_NAMES = (
    *("plain", "qualified", "person-identifier-wrapped", "requester-required", "requester-choice"),
    *("last-name-anonymous", "types-included", "schema-inline", "soap-action-empty"),
)


@pytest.mark.parametrize("name", every_contract())
def test_least_request_of_a_peer_is_valid(tmp_path: Path, name: str) -> None:
    """However the contract is written, a request of what is required is valid by it."""
    written = every_contract()[name]
    contract = peer(tmp_path, written)
    root = inside(contract.build(written.operation, {}))
    assert contract.problems(root) == []
    assert (read_value(root, ("Criteria", "Requester")) is not None) == written.requester_required


@pytest.mark.parametrize("own", ["PersonIdentifier", "Nihii", "Cbe"])
@pytest.mark.parametrize("name", every_contract())
def test_full_request_of_a_peer_is_valid(tmp_path: Path, name: str, own: str) -> None:
    """Each way to name the requester goes with all values of the person, valid and where they belong."""
    written = every_contract()[name]
    contract = peer(tmp_path, written)
    places = contract.operations[written.operation].places
    wanted = {
        "@Id": "_1",
        "@IssueInstant": "2026-03-01T00:00:00Z",
        own: {"PersonIdentifier": "81082491723", "Nihii": "82736444", "Cbe": "0765432146"}[own],
        "LastName": "Ôdd & name",
        "FirstNames": "Zoë",
        "Gender": "M",
        "PhoneNumber": "+32 2 555",
    }
    found = {resolve([spelling], places): value for spelling, value in wanted.items()}
    assert None not in found
    values = {place: value for place, value in found.items() if place is not None}
    root = inside(contract.build(written.operation, values))
    assert contract.problems(root) == []
    assert {place: read_value(root, place) for place in values} == values
    qualified = {bool(namespace(one)) for one in root.iterdescendants()}
    assert qualified == {written.qualified}


def test_operation_in_another_spelling_has_its_own_action(tmp_path: Path) -> None:
    """Name, action and address of an operation are those of the WSDL, not those of the cookbook."""
    contract = peer(tmp_path, Contract(operation="generateCovidId", action="urn:x:generateCovidId"))
    operation = contract.operations["generateCovidId"]
    assert (operation.action, operation.address) == ("urn:x:generateCovidId", "https://127.0.0.1/covid")
    assert peer(tmp_path / "empty", Contract(action="")).operations["GenerateCovidId"].action == ""


# Content models

CHOICE = f"<xs:choice>{A}{B}</xs:choice>"
OPTIONAL = '<xs:element name="O" type="xs:string" minOccurs="0"/>'
MODELS: dict[str, tuple[str, Values, str]] = {
    "sequence": (f"<xs:sequence>{A}{OPTIONAL}{B}</xs:sequence>", {}, "A(SAMPLE),B(SAMPLE)"),
    "order of the schema": (f"<xs:sequence>{A}{OPTIONAL}</xs:sequence>", {("O",): "o", ("A",): "a"}, "A(a),O(o)"),
    "all": (f"<xs:all>{A}{B}</xs:all>", {("B",): "b"}, "A(SAMPLE),B(b)"),
    "nothing": ("", {}, ""),
    "choice wanted": (CHOICE, {("B",): "b"}, "B(b)"),
    "choice of nothing wanted": (CHOICE, {}, "A(SAMPLE)"),
    "choice that may be left out": (f'<xs:sequence><xs:choice minOccurs="0">{A}{B}</xs:choice></xs:sequence>', {}, ""),
    "choice of sequences": (
        f"<xs:choice><xs:sequence>{A}{B}</xs:sequence><xs:sequence>{C}{D}</xs:sequence></xs:choice>",
        {("D",): "d"},
        "C(SAMPLE),D(d)",
    ),
    "choice of sequences, first": (
        f"<xs:choice><xs:sequence>{A}{B}</xs:sequence><xs:sequence>{C}{D}</xs:sequence></xs:choice>",
        {},
        "A(SAMPLE),B(SAMPLE)",
    ),
    "two choices": (
        f"<xs:sequence><xs:choice>{A}{B}</xs:choice><xs:choice>{C}{D}</xs:choice></xs:sequence>",
        {("D",): "d"},
        "A(SAMPLE),D(d)",
    ),
    "choice in a choice": (f"<xs:choice>{A}<xs:choice>{B}{C}</xs:choice></xs:choice>", {("C",): "c"}, "C(c)"),
    "repeated choice": (
        f'<xs:choice maxOccurs="unbounded">{A}{B}</xs:choice>',
        {("B",): "b", ("A",): "a"},
        "A(a),B(b)",
    ),
    "optional sequence": (
        f'<xs:sequence>{A}<xs:sequence minOccurs="0">{B}</xs:sequence></xs:sequence>',
        {},
        "A(SAMPLE)",
    ),
    "optional sequence wanted": (
        f'<xs:sequence>{A}<xs:sequence minOccurs="0">{B}{C}</xs:sequence></xs:sequence>',
        {("C",): "c"},
        "A(SAMPLE),B(SAMPLE),C(c)",
    ),
    "repeated sequence": (
        f'<xs:sequence>{A}<xs:sequence maxOccurs="unbounded">{B}</xs:sequence></xs:sequence>',
        {("B",): "b"},
        "A(SAMPLE),B(b)",
    ),
    "same name twice": (f"<xs:sequence>{A}{B}{A}</xs:sequence>", {("A",): "a"}, "A(a),B(SAMPLE),A(a)"),
    "repeated": ('<xs:sequence><xs:element name="A" maxOccurs="9" type="xs:int"/></xs:sequence>', {}, "A(1)"),
    "repeated thrice": (
        '<xs:sequence><xs:element name="A" minOccurs="3" maxOccurs="unbounded" type="xs:int"/></xs:sequence>',
        {},
        "A(1),A(1),A(1)",
    ),
    "repeated with members": (
        (
            '<xs:sequence><xs:element name="A" minOccurs="2" maxOccurs="4"><xs:complexType><xs:sequence>'
            '<xs:element name="V"><xs:simpleType><xs:restriction base="xs:string"><xs:pattern value="[A-F]{2}x"/>'
            "</xs:restriction></xs:simpleType></xs:element></xs:sequence></xs:complexType></xs:element></xs:sequence>"
        ),
        {},
        "A(V(AAx)),A(V(AAx))",
    ),
    "members all optional": (
        (
            f'<xs:sequence><xs:element name="M"><xs:complexType><xs:sequence>{OPTIONAL}</xs:sequence></xs:complexType>'
            "</xs:element></xs:sequence>"
        ),
        {},
        "M()",
    ),
    "text and attribute": (
        (
            '<xs:sequence><xs:element name="A"><xs:complexType><xs:simpleContent><xs:extension base="xs:date">'
            '<xs:attribute name="unit" type="xs:string" use="required"/></xs:extension></xs:simpleContent>'
            "</xs:complexType></xs:element></xs:sequence>"
        ),
        {("A", "@unit"): "day"},
        "A unit=day(2026-01-15)",
    ),
    "text and attribute wanted": (
        (
            '<xs:sequence><xs:element name="A"><xs:complexType><xs:simpleContent><xs:extension base="xs:string">'
            '<xs:attribute name="unit" type="xs:string"/></xs:extension></xs:simpleContent>'
            "</xs:complexType></xs:element></xs:sequence>"
        ),
        {("A",): "text"},
        "A(text)",
    ),
    "fixed value": ('<xs:sequence><xs:element name="A" type="xs:string" fixed="F"/></xs:sequence>', {}, "A(F)"),
    "names that Python has": (
        "<xs:sequence>"
        + "".join(
            f'<xs:element name="{name}" type="xs:int"/>' for name in ("self", "service", "class", "_value_1", "a-b.c")
        )
        + "</xs:sequence>",
        {("self",): "2"},
        "self(2),service(1),class(1),_value_1(1),a-b.c(1)",
    ),
    "anything": ('<xs:sequence><xs:element name="A"/><xs:any minOccurs="0"/></xs:sequence>', {}, "A(SAMPLE)"),
    "value where there is no place": (f"<xs:sequence>{A}</xs:sequence>", {}, "A(SAMPLE)"),
}


@pytest.mark.parametrize(("content", "values", "expected"), MODELS.values(), ids=MODELS)
def test_request_follows_the_content_model(tmp_path: Path, content: str, values: Values, expected: str) -> None:
    """What is wanted stands there, what else is required too, and no more; all of it is valid."""
    assert built(tmp_path, content, values) == f"Request({expected})"


def test_of_two_branches_wanted_the_first_is_taken(tmp_path: Path) -> None:
    """A choice takes one; the caller sees which by what is missing."""
    contract = read(tmp_path, {"s.wsdl": wsdl(request(CHOICE))})
    root = inside(contract.build("Do", {("B",): "b", ("A",): "a"}))
    assert shape(root) == "Request(A(a))"
    assert contract.problems(root) == []


def test_place_that_the_contract_has_not_is_left_out(tmp_path: Path) -> None:
    """Values for which there is no place are not written."""
    contract = read(tmp_path, {"s.wsdl": wsdl(request(f"<xs:sequence>{A}</xs:sequence>"))})
    assert shape(inside(contract.build("Do", {("Z",): "z", ("@z",): "z", ("A", "Z"): "z"}))) == "Request(A(SAMPLE))"


@pytest.mark.parametrize(
    ("content", "more", "expected"),
    [
        pytest.param(
            '<xs:sequence><xs:group ref="t:G"/></xs:sequence>',
            f'<xs:group name="G"><xs:sequence>{A}{B}</xs:sequence></xs:group>',
            "Request(A(SAMPLE),B(SAMPLE))",
            id="named group",
        ),
        pytest.param(
            '<xs:group ref="t:G"/>',
            f'<xs:group name="G"><xs:choice>{A}{B}</xs:choice></xs:group>',
            "Request(A(SAMPLE))",
            id="named choice",
        ),
        pytest.param(
            '<xs:sequence/><xs:attributeGroup ref="t:G"/>',
            '<xs:attributeGroup name="G"><xs:attribute name="a" type="xs:int" use="required"/></xs:attributeGroup>',
            "Request a=1()",
            id="named attributes",
        ),
        pytest.param(
            '<xs:sequence><xs:element ref="t:E"/></xs:sequence>',
            '<xs:element name="E" type="xs:int"/>',
            "Request(E(1))",
            id="reference",
        ),
        pytest.param(
            '<xs:complexContent><xs:extension base="t:Base"><xs:sequence><xs:element name="A" type="xs:int"/>'
            '</xs:sequence><xs:attribute name="b" type="xs:ID" use="required"/></xs:extension></xs:complexContent>',
            f'<xs:complexType name="Base"><xs:sequence>{B}</xs:sequence>'
            '<xs:attribute name="a" type="xs:boolean" use="required"/></xs:complexType>',
            "Request a=true b=_sample(B(SAMPLE),A(1))",
            id="extension",
        ),
        pytest.param(
            '<xs:sequence><xs:element name="A" type="t:Tree"/></xs:sequence>',
            '<xs:complexType name="Tree"><xs:sequence><xs:element name="V" type="xs:int"/>'
            '<xs:element name="A" type="t:Tree" minOccurs="0"/></xs:sequence></xs:complexType>',
            "Request(A(V(1)))",
            id="recursive type",
        ),
    ],
)
def test_named_parts_are_followed(tmp_path: Path, content: str, more: str, expected: str) -> None:
    """Groups, references, extensions and types within themselves are written as the schema has them."""
    assert built(tmp_path, content, {}, more) == expected


def test_qualification_is_that_of_each_declaration(tmp_path: Path) -> None:
    """`form` on an element or attribute, and a reference to another namespace, count more than the schema's default."""
    content = (
        '<xs:sequence><xs:element name="A" type="xs:int"/><xs:element name="B" type="xs:int" form="qualified"/>'
        '<xs:element ref="o:C"/></xs:sequence><xs:attribute name="a" type="xs:int" form="qualified" use="required"/>'
    )
    other = schema('<xs:element name="C" type="xs:int"/>', space=OTHER)
    own = request(content, form="unqualified").replace("<xs:element", f'<xs:import namespace="{OTHER}"/><xs:element', 1)
    contract = read(tmp_path, {"s.wsdl": wsdl(own + other)})
    root = inside(contract.build("Do", {}))
    assert [one.tag for one in children(root)] == ["A", f"{{{OWN}}}B", f"{{{OTHER}}}C"]
    assert list(root.attrib) == [f"{{{OWN}}}a"]
    assert contract.problems(root) == []


TYPES = {
    **dict.fromkeys(("string", "normalizedString", "token", "Name", "NCName", "NMTOKEN", "anySimpleType"), "SAMPLE"),
    **dict.fromkeys(("decimal", "float", "double", "integer", "long", "unsignedByte", "positiveInteger"), "1"),
    "negativeInteger": "-1",
    "nonPositiveInteger": "0",
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


@pytest.mark.parametrize(("name", "value"), TYPES.items(), ids=TYPES)
def test_required_value_of_each_type_is_valid(tmp_path: Path, name: str, value: str) -> None:
    """A sample suits the built-in type, in an element and in an attribute."""
    content = (
        f'<xs:sequence><xs:element name="A" type="xs:{name}"/></xs:sequence>'
        f'<xs:attribute name="a" type="xs:{name if name != "ID" else "NCName"}" use="required"/>'
    )
    other = value if name != "ID" else "SAMPLE"
    assert built(tmp_path, content) == f"Request a={other}(A({value}))"


FACETS = {
    "digits": ("string", '<xs:pattern value="[0-9]{11}"/>', ""),
    "escaped digits": ("string", r'<xs:pattern value="\d{5}-\d+"/>', "11111-1"),
    "one of two lengths": ("string", '<xs:pattern value="[0-9]{7}|[0-9]{9}"/>', "0000000"),
    "group": ("string", '<xs:pattern value="([A-Z]{2}\\.){2,3}x?(y|z)*[^a-z0-9]"/>', ""),
    "categories": ("string", r'<xs:pattern value="\p{Lu}\p{L}\p{Nd}\s\i\c\w\D\S\W."/>', ""),
    "escapes": ("string", r'<xs:pattern value="\(\[\]\)\.\-\\"/>', r"([]).-\\".replace(r"\\", "\\")),
    "class of marks": ("string", r'<xs:pattern value="[\-\]]{3}"/>', ""),
    "list": ("string", '<xs:enumeration value="Y"/><xs:enumeration value="Z"/>', "Y"),
    "list of numbers": ("int", '<xs:enumeration value="37"/>', "37"),
    "empty only": ("string", '<xs:enumeration value=""/>', ""),
    "long": ("string", '<xs:minLength value="300"/>', "1" * 300),
    "length": ("string", '<xs:length value="7"/>', "1" * 7),
    "short": ("string", '<xs:maxLength value="2"/>', "1"),
    "pattern and length": ("string", '<xs:pattern value="[A-Z]*"/><xs:length value="14"/>', "A" * 14),
    "from": ("int", '<xs:minInclusive value="100"/><xs:maxInclusive value="200"/>', "100"),
    "above": ("int", '<xs:minExclusive value="5"/><xs:maxExclusive value="7"/>', "6"),
    "between": ("decimal", '<xs:minExclusive value="0"/><xs:maxExclusive value="1"/>', "0.5"),
    "cents": ("decimal", '<xs:fractionDigits value="2"/><xs:maxInclusive value="0.05"/>', "0"),
    "date": ("date", '<xs:minInclusive value="2030-01-01"/>', "2030-01-01"),
    "date before": ("date", '<xs:maxInclusive value="1999-12-31"/>', "1999-12-31"),
    "false only": ("boolean", '<xs:pattern value="false|0"/>', "0"),
}


@pytest.mark.parametrize(("base", "facets", "value"), FACETS.values(), ids=FACETS)
def test_required_value_keeps_to_its_facets(tmp_path: Path, base: str, facets: str, value: str) -> None:
    """Where the usual sample is refused, one is found that the schema takes."""
    content = (
        f'<xs:sequence><xs:element name="A"><xs:simpleType><xs:restriction base="xs:{base}">{facets}'
        "</xs:restriction></xs:simpleType></xs:element></xs:sequence>"
    )
    found = built(tmp_path, content)
    assert not value or found == f"Request(A({value}))"


@pytest.mark.parametrize(
    "facets",
    [
        '<xs:pattern value="[a-z-[aeiou]]{3}[0-9]{4}"/>',
        '<xs:pattern value="[\\i-[:]]{9}"/>',
        '<xs:pattern value="a{1}"/><xs:pattern value="b"/><xs:minLength value="3"/>',
        '<xs:minExclusive value="2030-01-01"/>',
    ],
)
def test_sample_that_cannot_be_made_up_is_left_to_the_schema_to_refuse(tmp_path: Path, facets: str) -> None:
    """No pattern makes the building fail: what is not understood leaves a request that the schema refuses."""
    base = "date" if "2030" in facets else "string"
    content = (
        f'<xs:sequence><xs:element name="A"><xs:simpleType><xs:restriction base="xs:{base}">{facets}'
        "</xs:restriction></xs:simpleType></xs:element></xs:sequence>"
    )
    contract = read(tmp_path, {"s.wsdl": wsdl(request(content))})
    root = inside(contract.build("Do", {}))
    assert {problem.name for problem in contract.problems(root)} == {"A"}
    assert root[0].text in {"SAMPLE", "2026-01-15"}


def test_all_of_many_required_values_are_mended(tmp_path: Path) -> None:
    """However many samples the schema refuses, each is given another try."""
    kind = '<xs:simpleType name="K"><xs:restriction base="xs:string"><xs:pattern value="[A-Z]{4}9"/></xs:restriction>'
    content = "".join(f'<xs:element name="E{n}" type="t:K"/>' for n in range(70))
    found = built(tmp_path, f"<xs:sequence>{content}</xs:sequence>", {}, f"{kind}</xs:simpleType>")
    assert found.count("(AAAA9)") == 70


def test_only_so_many_problems_are_told(tmp_path: Path) -> None:
    """An answer with thousands of problems does not make thousands of findings."""
    content = '<xs:sequence><xs:element name="A" type="xs:int" maxOccurs="unbounded"/></xs:sequence>'
    contract = read(tmp_path, {"s.wsdl": wsdl(request(content))})
    root = inside(contract.build("Do", {("A",): "1"}))
    for _ in range(3000):
        root.append(parse(f'<A xmlns="{OWN}">x</A>'.encode()))
    assert len(contract.problems(root)) == 50
    assert not contract.schemas.fits(root)
    assert contract.schemas.count(root) == 3000


def test_type_without_end_is_no_endless_request(tmp_path: Path) -> None:
    """A type that requires itself gives up at some depth, and the schema refuses it."""
    tree = '<xs:complexType name="T"><xs:sequence><xs:element name="A" type="t:T"/></xs:sequence></xs:complexType>'
    content = '<xs:sequence><xs:element name="A" type="t:T"/></xs:sequence>'
    contract = read(tmp_path, {"s.wsdl": wsdl(request(content, tree))})
    assert len(contract.operations["Do"].places) == 2
    assert contract.problems(inside(contract.build("Do", {})))


def test_type_with_many_ways_into_itself_has_few_places(tmp_path: Path) -> None:
    """A type within itself is not looked into once more, so that places do not multiply."""
    ways = "".join(f'<xs:element name="W{n}" type="t:T" minOccurs="0"/>' for n in range(20))
    value = '<xs:element name="V" type="xs:int"/>'
    tree = f'<xs:complexType name="T"><xs:sequence>{value}{ways}</xs:sequence></xs:complexType>'
    content = '<xs:sequence><xs:element name="A" type="t:T"/></xs:sequence>'
    contract = read(tmp_path, {"s.wsdl": wsdl(request(content, tree))})
    assert len(contract.operations["Do"].places) == 22
    assert shape(inside(contract.build("Do", {("A", "W3", "V"): "5"}))) == "Request(A(V(1),W3(V(5))))"


# Files

TYPE = f'<xs:complexType name="Type"><xs:sequence>{A}</xs:sequence></xs:complexType>'
ELEMENT = '<xs:element name="Request" type="t:Type"/>'
LANGUAGE = (
    f'<xs:import namespace="{XML}"%s/><xs:element name="Request"><xs:complexType><xs:attribute ref="xml:lang"/>'
    "</xs:complexType></xs:element>"
)
UNPREFIXED = f'<xs:schema xmlns:xs="{XSD}" elementFormDefault="qualified">%s</xs:schema>'
CHAMELEON = UNPREFIXED % (
    TYPE.replace("xs:string", "Text") + '<xs:simpleType name="Text"><xs:restriction base="xs:string"/></xs:simpleType>'
)


def unprefixed(text: str) -> str:
    """Return a WSDL in which WSDL's own namespace is the default one."""
    return text.replace("xmlns:wsdl=", "xmlns=").replace("<wsdl:", "<").replace("</wsdl:", "</")


def renamed(text: str, prefix: str) -> str:
    """Return a schema that calls the namespace of schemas by another prefix."""
    return text.replace("xmlns:xs=", f"xmlns:{prefix}=").replace("xs:", f"{prefix}:")


def plain(text: str) -> str:
    """Return a schema whose elements have no prefix."""
    return text.replace("<xs:schema", f'<xs:schema xmlns="{XSD}"').replace("<xs:", "<").replace("</xs:", "</")


PARTS: dict[str, Mapping[str, str | bytes]] = {
    "WSDL without prefix": {"s.wsdl": unprefixed(wsdl(schema(TYPE, ELEMENT)))},
    "WSDL without prefix, schemas in files": {
        "s.wsdl": unprefixed(wsdl(importing("a.xsd"))),
        "a.xsd": schema('<xs:include schemaLocation="b.xsd"/>', ELEMENT),
        "b.xsd": CHAMELEON,
    },
    "WSDL without prefix, included without namespace": {
        "s.wsdl": unprefixed(wsdl(schema('<xs:include schemaLocation="b.xsd"/>', ELEMENT))),
        "b.xsd": CHAMELEON,
    },
    "WSDL whose default namespace is its own": {
        "s.wsdl": wsdl(schema(TYPE, ELEMENT)).replace("xmlns:w=", "xmlns=").replace('"w:', '"')
    },
    "WSDL and schemas without prefix": {"s.wsdl": unprefixed(wsdl(plain(schema(TYPE, ELEMENT))))},
    "schemas with several prefixes": {
        "s.wsdl": unprefixed(wsdl(renamed(schema(TYPE), "a") + plain(schema()) + renamed(schema(ELEMENT), "b")))
    },
    "WSDL without prefix that imports another": {
        "s.wsdl": unprefixed(f'{HEAD}<wsdl:import namespace="urn:w" location="a.wsdl"/>{BINDING}{SERVICE}{END}'),
        "a.wsdl": unprefixed(f"{HEAD}<wsdl:types>{importing('a.xsd')}</wsdl:types>{ABSTRACT}{END}"),
        "a.xsd": schema(TYPE, ELEMENT),
    },
    "WSDL with prefix that imports one without": {
        "s.wsdl": f'{HEAD}<wsdl:import namespace="urn:w" location="a.wsdl"/><wsdl:types>{schema(TYPE)}</wsdl:types>'
        f"{BINDING}{SERVICE}{END}",
        "a.wsdl": unprefixed(f"{HEAD}<wsdl:types>{schema(ELEMENT)}</wsdl:types>{ABSTRACT}{END}"),
    },
    "documentation and comments": {
        "s.wsdl": "<?xml version='1.0'?><!-- a --><?b?>"
        + unprefixed(wsdl(f"<wsdl:documentation>d</wsdl:documentation><!-- c -->{schema(TYPE, ELEMENT)}")).replace(
            "<types>", "<documentation>e <b xmlns=''>f</b></documentation><types>"
        )
    },
    "beside": {"s.wsdl": wsdl(importing("a.xsd")), "a.xsd": schema(TYPE, ELEMENT)},
    "below and above": {
        "x/s.wsdl": wsdl(importing("../y/a.xsd")),
        "y/a.xsd": schema('<xs:include schemaLocation="./z/../z/b.xsd"/>', ELEMENT),
        "y/z/b.xsd": schema(TYPE),
    },
    "name with a space": {"s.wsdl": wsdl(importing("a b.xsd")), "a b.xsd": schema(TYPE, ELEMENT)},
    "name with a space, encoded": {"s.wsdl": wsdl(importing("a%20b.xsd")), "a b.xsd": schema(TYPE, ELEMENT)},
    "inline": {"s.wsdl": wsdl(schema(TYPE, ELEMENT))},
    "include": {
        "s.wsdl": wsdl(importing("a.xsd")),
        "a.xsd": schema('<xs:include schemaLocation="b.xsd"/>', ELEMENT),
        "b.xsd": schema(TYPE),
    },
    "chameleon include": {
        "s.wsdl": wsdl(importing("a.xsd")),
        "a.xsd": schema('<xs:include schemaLocation="b.xsd"/>', ELEMENT),
        "b.xsd": UNPREFIXED
        % '<xs:complexType name="Type"><xs:sequence><xs:element name="A" type="Text"/></xs:sequence></xs:complexType>'
        '<xs:simpleType name="Text"><xs:restriction base="xs:string"/></xs:simpleType>',
    },
    "include in a circle": {
        "s.wsdl": wsdl(importing("a.xsd")),
        "a.xsd": schema('<xs:include schemaLocation="b.xsd"/>', ELEMENT),
        "b.xsd": schema('<xs:include schemaLocation="a.xsd"/>', TYPE),
    },
    "import in a circle": {
        "s.wsdl": wsdl(importing("a.xsd")),
        "a.xsd": schema(
            f'<xs:import namespace="{OTHER}" schemaLocation="b.xsd"/>',
            '<xs:element name="Request"><xs:complexType><xs:sequence><xs:element ref="t:A"/></xs:sequence>'
            '</xs:complexType></xs:element><xs:element name="A" type="o:Text"/>',
        ),
        "b.xsd": schema(
            f'<xs:import namespace="{OWN}" schemaLocation="a.xsd"/>',
            '<xs:simpleType name="Text"><xs:restriction base="xs:string"/></xs:simpleType>',
            space=OTHER,
        ),
    },
    "two inline of one namespace": {"s.wsdl": wsdl(schema(ELEMENT) + schema(TYPE))},
    "one inline, one beside": {"s.wsdl": wsdl(schema(ELEMENT) + importing("a.xsd")), "a.xsd": schema(TYPE)},
    "inline imports inline without place": {
        "s.wsdl": wsdl(
            schema(f'<xs:import namespace="{OTHER}"/>', '<xs:element name="Request" type="o:Type"/>')
            + schema(
                '<xs:complexType name="Type"><xs:sequence><xs:element name="A" type="xs:string"/></xs:sequence>'
                "</xs:complexType>",
                space=OTHER,
            )
        )
    },
    "network for what is given already": {
        "s.wsdl": wsdl(importing("b.xsd", OTHER) + importing("a.xsd")),
        "a.xsd": schema(f'<xs:import namespace="{OTHER}" schemaLocation="http://127.0.0.1:9/b.xsd"/>', TYPE, ELEMENT),
        "b.xsd": schema(space=OTHER),
    },
    "imported WSDL": {
        "s.wsdl": f'{HEAD}<wsdl:import namespace="urn:w" location="abstract/a.wsdl"/>{BINDING}{SERVICE}{END}',
        "abstract/a.wsdl": f"{HEAD}<wsdl:types>{importing('a.xsd')}</wsdl:types>{ABSTRACT}{END}",
        "abstract/a.xsd": schema(TYPE, ELEMENT),
    },
    "imported WSDL, schemas in both": {
        "s.wsdl": f'{HEAD}<wsdl:import namespace="urn:w" location="a.wsdl"/><wsdl:types>{schema(TYPE)}</wsdl:types>'
        f"{BINDING}{SERVICE}{END}",
        "a.wsdl": f"{HEAD}<wsdl:types>{schema(ELEMENT)}</wsdl:types>{ABSTRACT}{END}",
    },
    "WSDL that imports itself": {
        "s.wsdl": wsdl(schema(TYPE, ELEMENT)).replace(
            "<wsdl:types>", '<wsdl:import namespace="urn:w" location="s.wsdl"/><wsdl:types>'
        )
    },
    "UTF-16": {
        "s.wsdl": ('<?xml version="1.0" encoding="UTF-16"?>' + wsdl(importing("a.xsd"))).encode("utf-16"),
        "a.xsd": schema(TYPE, ELEMENT).encode("utf-16"),
    },
    "byte order mark and comment": {
        "s.wsdl": "\ufeff<?xml version='1.0'?><!-- é -->" + wsdl(schema(TYPE, ELEMENT)) + "<!-- end -->"
    },
}


@pytest.mark.parametrize("files", PARTS.values(), ids=PARTS)
def test_schemas_are_collected_from_files(tmp_path: Path, files: Mapping[str, str | bytes]) -> None:
    """However a contract is spread over files, its request is built and is valid by all of them together."""
    contract = read(tmp_path, files)
    root = inside(contract.build("Do", {("A",): "a"}))
    assert shape(root) == "Request(A(a))"
    assert contract.problems(root) == []
    root[0].addnext(parse(b"<unknown/>"))
    assert contract.problems(root)


@pytest.mark.parametrize(
    "location", ["", ' schemaLocation="http://www.w3.org/2001/xml.xsd"', ' schemaLocation="https://www.w3.org/xml.xsd"']
)
def test_schema_that_nobody_puts_beside_is_the_bundled_one(tmp_path: Path, location: str) -> None:
    """xml.xsd, named by its address on the network or not at all, comes with the harness."""
    contract = read(tmp_path, {"s.wsdl": wsdl(schema(LANGUAGE % location))})
    root = inside(contract.build("Do", {("@lang",): "nl"}))
    assert root.attrib.items() == [(f"{{{XML}}}lang", "nl")]
    assert contract.problems(root) == []
    root.set(f"{{{XML}}}lang", "?")
    assert contract.problems(root)


def test_own_schema_counts_more_than_the_bundled_one(tmp_path: Path) -> None:
    """A file of that namespace that does stand beside the WSDL is used."""
    own = f'<xs:schema xmlns:xs="{XSD}" targetNamespace="{XML}"><xs:attribute name="lang" type="xs:int"/></xs:schema>'
    contract = read(tmp_path, {"s.wsdl": wsdl(schema(LANGUAGE % ' schemaLocation="own.xsd"')), "own.xsd": own})
    assert contract.problems(inside(contract.build("Do", {("@lang",): "7"}))) == []


NETWORK = (
    *("http://127.0.0.1:9/b.xsd", "https://example.org/b.xsd", "HTTP://example.org/b.xsd", "ftp://example.org/b.xsd"),
    *("//example.org/b.xsd", r"\\example.org\b.xsd", "file:///etc/passwd", "urn:x:b", "http://[broken"),
)


@pytest.mark.parametrize("kind", ["import", "include"])
@pytest.mark.parametrize("location", NETWORK)
def test_schema_on_the_network_is_refused(tmp_path: Path, location: str, kind: str) -> None:
    """What leads away from this machine's files is named, with the file that refers to it and what to do."""
    space = f'namespace="{OTHER}" ' if kind == "import" else ""
    own = schema(f'<xs:{kind} {space}schemaLocation="{location}"/>', TYPE, ELEMENT)
    assert complaint(tmp_path, {"s.wsdl": wsdl(importing("a.xsd")), "a.xsd": own}) == (
        f"a.xsd: refers to {location!r}, which is not read from the network; put that document beside the WSDL and "
        "name it by its file"
    )


@pytest.mark.parametrize("location", NETWORK)
def test_wsdl_on_the_network_is_refused(tmp_path: Path, location: str) -> None:
    """An import of a WSDL is followed to files only, as that of a schema."""
    files = {"s.wsdl": f'{HEAD}<wsdl:import namespace="urn:w" location="{location}"/>{BINDING}{SERVICE}{END}'}
    assert f"s.wsdl: refers to {location!r}, which is not read from the network; put" in complaint(tmp_path, files)


WRONG: dict[str, tuple[Mapping[str, str | bytes], str]] = {
    "schema missing": (
        {"s.wsdl": wsdl(importing("sub/none.xsd"))},
        "sub/none.xsd: there is no such file; put it there or correct the path",
    ),
    "schema is a folder": (
        {"s.wsdl": wsdl(importing("sub")), "sub/x": ""},
        "sub is not a file but a folder; name the file itself",
    ),
    "endless": ({"s.wsdl": wsdl(importing("/dev/zero"))}, "/dev/zero is not a file but a device; name"),
    "DTD in the WSDL": (
        {"s.wsdl": f"<!DOCTYPE a>{wsdl(schema(TYPE, ELEMENT))}"},
        "s.wsdl:1: a document type declaration is not accepted; take the <!DOCTYPE> out of the file",
    ),
    "DTD in a schema": (
        {"s.wsdl": wsdl(importing("a.xsd")), "a.xsd": f"<!DOCTYPE a>{schema(TYPE, ELEMENT)}"},
        "a.xsd:1: a document type declaration is not accepted; take the <!DOCTYPE> out of the file",
    ),
    "DTD in an included schema": (
        {
            "s.wsdl": wsdl(importing("a.xsd")),
            "a.xsd": schema('<xs:include schemaLocation="b.xsd"/>', ELEMENT),
            "b.xsd": f'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>{schema(TYPE)}',
        },
        "b.xsd:1: a document type declaration is not accepted; take the <!DOCTYPE> out of the file",
    ),
    "no XML": ({"s.wsdl": "WSDL"}, "s.wsdl: not well-formed XML: syntax error: line 1, column 0; correct it"),
    "schema for a WSDL": (
        {"s.wsdl": schema(TYPE, ELEMENT)},
        "s.wsdl: not a WSDL 1.1 document (its root is /schema); name the service's WSDL",
    ),
    "WSDL 2.0": (
        {"s.wsdl": '<description xmlns="http://www.w3.org/ns/wsdl"/>'},
        "s.wsdl: not a WSDL 1.1 document (its root is /description)",
    ),
    "answer for a schema": (
        {"s.wsdl": wsdl(importing("a.xsd")), "a.xsd": "<html/>"},
        "a.xsd: not an XML Schema (its root is /html); correct the reference to it",
    ),
    "SOAP 1.2 only": (
        {"s.wsdl": wsdl(schema(TYPE, ELEMENT)).replace("wsdl/soap/", "wsdl/soap12/")},
        "s.wsdl: has no port with a SOAP 1.1 binding that can be used; name the service's own WSDL",
    ),
    "abstract only": (
        {"s.wsdl": f"{HEAD}<wsdl:types>{schema(TYPE, ELEMENT)}</wsdl:types>{ABSTRACT}{END}"},
        "s.wsdl: has no port with a SOAP 1.1 binding that can be used; name",
    ),
    "RPC": (
        {"s.wsdl": wsdl(schema(TYPE, ELEMENT)).replace('style="document"', 'style="rpc"')},
        "s.wsdl: has no port with a SOAP 1.1 binding that can be used; name",
    ),
    "message of a type": (
        {"s.wsdl": wsdl(schema(TYPE, ELEMENT)).replace('element="t:Request"', 'type="t:Type"')},
        "s.wsdl: has no port with a SOAP 1.1 binding that can be used; name",
    ),
    "element that is not declared": (
        {"s.wsdl": wsdl(schema(TYPE))},
        "has no port with a SOAP 1.1 binding that can be used (The wsdl:message for '{urn:w}In' contains an invalid",
    ),
    "type that is not declared": (
        {"s.wsdl": wsdl(schema(ELEMENT))},
        "s.wsdl: its schemas cannot be used: element decl. '{urn:example:own}Request'",
    ),
    "broken schema": (
        {"s.wsdl": wsdl(request('<xs:sequence><xs:element name="A" minOccurs="x" type="xs:int"/></xs:sequence>'))},
        "attribute 'minOccurs': The value 'x' is not valid",
    ),
    "declared twice": ({"s.wsdl": wsdl(schema(TYPE, TYPE, ELEMENT))}, "s.wsdl: its schemas cannot be used: "),
    "unknown prefix": (
        {"s.wsdl": wsdl(schema(TYPE, ELEMENT)).replace('binding="w:Binding"', 'binding="q:Binding"')},
        "s.wsdl: cannot be used: No namespace defined for 'q'",
    ),
    "no address": (
        {"s.wsdl": wsdl(schema(TYPE, ELEMENT)).replace("soap:address", "soap:addresses")},
        "s.wsdl: cannot be used: ",
    ),
    "redefinition": (
        {
            "s.wsdl": wsdl(importing("a.xsd")),
            "a.xsd": schema('<xs:redefine schemaLocation="b.xsd"/>', ELEMENT),
            "b.xsd": schema(TYPE),
        },
        "s.wsdl: cannot be used: ",
    ),
}


@pytest.mark.parametrize(("files", "message"), WRONG.values(), ids=WRONG)
def test_wsdl_that_cannot_be_used_is_told_with_file_and_remedy(
    tmp_path: Path, files: Mapping[str, str | bytes], message: str
) -> None:
    """Each thing that can be wrong names its file and what to do, and is the user's mistake."""
    found = complaint(tmp_path, files)
    assert message in found
    assert "; " in found


def test_missing_wsdl_is_named(tmp_path: Path) -> None:
    """A WSDL that is not there is named."""
    with pytest.raises(WsdlError) as caught:
        read_contract(tmp_path / "none.wsdl", {})
    assert str(caught.value) == (f"{tmp_path}/none.wsdl: there is no such file; put it there or correct the path")


def test_doubts_of_the_library_are_not_printed(tmp_path: Path) -> None:
    """What a library warns of goes into our own message, not to the terminal."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        complaint(tmp_path, {"s.wsdl": wsdl(schema(TYPE))})
    assert seen == []


def test_network_is_never_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading, building and validating open no socket."""

    def connect(*_: object, **__: object) -> None:
        pytest.fail("a socket was opened")

    monkeypatch.setattr("socket.socket", connect)
    contract = peer(tmp_path, Contract(inline=True, included=True))
    assert contract.problems(inside(contract.build("GenerateCovidId", {}))) == []


# Ports

SECOND = BINDING.replace('"Binding"', '"Second"').replace("urn:do", "urn:second") + SERVICE.replace(
    '"Service"', '"Other"'
).replace("w:Binding", "w:Second").replace("/first", "/second")


def test_of_two_ports_with_an_operation_the_first_counts(tmp_path: Path) -> None:
    """Where two services have an operation of one name, that of the first in the file is meant."""
    text = f"{HEAD}<wsdl:types>{schema(TYPE, ELEMENT)}</wsdl:types>{ABSTRACT}{BINDING}{SERVICE}{SECOND}{END}"
    operation = read(tmp_path, {"s.wsdl": text}).operations["Do"]
    assert (operation.address, operation.action) == ("https://127.0.0.1/first", "urn:do")


def test_of_two_ports_of_a_service_the_first_counts(tmp_path: Path) -> None:
    """So it is where both ports are of one service."""
    ports = SERVICE.replace(
        "</wsdl:port>",
        '</wsdl:port><wsdl:port name="Last" binding="w:Binding"><soap:address location="https://127.0.0.1/last"/>'
        "</wsdl:port>",
    )
    text = f"{HEAD}<wsdl:types>{schema(TYPE, ELEMENT)}</wsdl:types>{ABSTRACT}{BINDING}{ports}{END}"
    assert read(tmp_path, {"s.wsdl": text}).operations["Do"].address == "https://127.0.0.1/first"


def test_port_of_another_protocol_is_passed_over(tmp_path: Path) -> None:
    """A SOAP 1.2 port before the SOAP 1.1 port does not count."""
    twelve = "http://schemas.xmlsoap.org/wsdl/soap12/"
    other = SECOND.replace("<soap:", "<s12:").replace("</soap:", "</s12:")
    head = HEAD.replace("xmlns:w=", f'xmlns:s12="{twelve}" xmlns:w=')
    text = f"{head}<wsdl:types>{schema(TYPE, ELEMENT)}</wsdl:types>{ABSTRACT}{other}{BINDING}{SERVICE}{END}"
    assert read(tmp_path, {"s.wsdl": text}).operations["Do"].address == "https://127.0.0.1/first"


# Faults


def test_elements_of_faults_are_those_of_the_port_type(tmp_path: Path, shipped: SoapContract) -> None:
    """A fault's detail may hold what the port type declares, whether or not the binding says it again."""
    soa = "{urn:be:fgov:ehealth:errors:soa:v1}"
    assert shipped.operations["GenerateCovidId"].faults == (f"{soa}SystemError", f"{soa}BusinessError")
    message = '<wsdl:message name="Flt"><wsdl:part name="fault" element="t:Failure"/></wsdl:message>'
    abstract = message + ABSTRACT.replace(
        "</wsdl:operation>", '<wsdl:fault name="Failure" message="w:Flt"/></wsdl:operation>'
    )
    failure = '<xs:element name="Failure" type="xs:string"/>'
    text = wsdl(schema(TYPE, ELEMENT, failure)).replace(ABSTRACT, abstract)
    assert read(tmp_path, {"s.wsdl": text}).operations["Do"].faults == (f"{{{OWN}}}Failure",)


def test_operation_without_faults_has_none(tmp_path: Path) -> None:
    """A WSDL need not say anything of faults."""
    assert read(tmp_path, {"s.wsdl": wsdl(schema(TYPE, ELEMENT))}).operations["Do"].faults == ()


# Schemas alone


def test_schema_file_is_read_alone() -> None:
    """The schemas of faults validate the errors of the platform, without a WSDL."""
    schemas = read_schema(specs_root() / "common" / "xsd" / "errors-soa-v1.xsd", bundled_schemas())
    error = (
        '<s:SystemError xmlns:s="urn:be:fgov:ehealth:errors:soa:v1"><Origin>Consumer</Origin><Code>SOA-03001</Code>'
        '<Message xml:lang="en">m</Message><s:Environment>%s</s:Environment></s:SystemError>'
    )
    assert schemas.problems(parse((error % "Acceptation").encode())) == []
    problems = schemas.problems(parse((error % "Acceptance").encode()))
    assert {(problem.name, problem.place) for problem in problems} == {("Environment", "/SystemError/Environment")}


def test_problem_is_told_without_namespaces() -> None:
    """Words, name and place of a problem have local names only, whatever prefixes the message uses."""
    schemas = read_schema(specs_root() / "common" / "xsd" / "errors-soa-v1.xsd", bundled_schemas())
    for prefix in ("", "s:"):
        space = f"xmlns{':s' if prefix else ''}='urn:be:fgov:ehealth:errors:soa:v1'"
        (problem,) = schemas.problems(
            parse(f"<{prefix}SystemError {space}><x:Own xmlns:x='u'/></{prefix}SystemError>".encode())
        )
        assert "{" not in problem.message
        assert (problem.name, problem.place) == ("Own", "/SystemError/Own")


@pytest.mark.parametrize("pattern", ["[0-9]{9,12}", r"\p{Lu}{2}", "A( {2}x|B){3}", "[{}]x"])
def test_problem_shows_a_pattern_whole(tmp_path: Path, pattern: str) -> None:
    """Braces of a pattern are no namespace."""
    facet = f'<xs:restriction base="xs:string"><xs:pattern value="{pattern}"/></xs:restriction>'
    file = write(
        tmp_path, {"a.xsd": schema(f'<xs:element name="A"><xs:simpleType>{facet}</xs:simpleType></xs:element>')}
    )
    problem, *_ = read_schema(file, {}).problems(parse(f'<A xmlns="{OWN}">?</A>'.encode()))
    assert problem.message == f"Element 'A': [facet 'pattern'] The value '?' is not accepted by the pattern '{pattern}'"


def test_wildcard_is_told_without_its_namespace(tmp_path: Path) -> None:
    """What may stand in another namespace is expected by a name that has none either."""
    content = f'{A}<xs:any namespace="##other" processContents="lax"/>'
    text = schema(
        f'<xs:element name="R"><xs:complexType><xs:sequence>{content}</xs:sequence></xs:complexType></xs:element>'
    )
    schemas = read_schema(write(tmp_path, {"a.xsd": text}), {})
    (problem,) = schemas.problems(parse(f'<R xmlns="{OWN}"><A/><A/></R>'.encode()))
    assert problem.message == "Element 'A': This element is not expected. Expected is ( ##other* )"
    (problem,) = schemas.problems(parse(f'<R xmlns="{OWN}"/>'.encode()))
    assert problem.message == "Element 'R': Missing child element(s). Expected is ( A )"


# Roles

PLACES = tuple(
    ValuePlace(tuple(path.split("/")), simple=simple, required=False)
    for path, simple in (
        ("@Id", True),
        ("Criteria", False),
        ("Criteria/Requester", False),
        ("Criteria/Requester/PersonIdentifier", False),
        ("Criteria/Requester/PersonIdentifier/Ssin", True),
        ("Criteria/Requester/Name", True),
        ("Criteria/Person", False),
        ("Criteria/Person/Name", True),
        ("Criteria/Person/Name/@lang", True),
        ("Criteria/Person/Deep/Requester", True),
        ("Criteria/Person/lastName", True),
        ("Status", False),
        ("Status/StatusCode", False),
        ("Status/StatusCode/@Value", True),
        ("Status/StatusCode/StatusCode", False),
        ("Status/StatusCode/StatusCode/@Value", True),
    )
)


@pytest.mark.parametrize(
    ("spellings", "place"),
    [
        pytest.param(["@Id"], "@Id", id="attribute of the root"),
        pytest.param(["Id"], None, id="element is no attribute"),
        pytest.param(["LastName"], "Criteria/Person/lastName", id="another case of letters"),
        pytest.param(["@ID"], "@Id", id="attribute in another case"),
        pytest.param(["Nothing", "lastname"], "Criteria/Person/lastName", id="second spelling"),
        pytest.param(["Nothing"], None, id="none"),
        pytest.param([], None, id="no spelling"),
        pytest.param(["Name"], None, id="two of a depth"),
        pytest.param(["Person/Name"], "Criteria/Person/Name", id="told apart by what is above"),
        pytest.param(["Criteria/Name"], None, id="not told apart by what is above both"),
        pytest.param(["Name", "Requester/Name"], "Criteria/Requester/Name", id="next spelling where the first fails"),
        pytest.param(["Person/Criteria/Name"], None, id="above in the wrong order"),
        pytest.param(["PersonIdentifier"], "Criteria/Requester/PersonIdentifier/Ssin", id="only value below"),
        pytest.param(["Person"], None, id="several values below"),
        pytest.param(["Status/StatusCode/@Value"], "Status/StatusCode/@Value", id="the nearer of two"),
        pytest.param(["StatusCode/StatusCode/@Value"], "Status/StatusCode/StatusCode/@Value", id="the one within"),
        pytest.param(["Name/@lang"], "Criteria/Person/Name/@lang", id="attribute of an element"),
        pytest.param(["@lang"], "Criteria/Person/Name/@lang", id="attribute anywhere"),
    ],
)
def test_spelling_leads_to_a_place(spellings: list[str], place: str | None) -> None:
    """A value's place is found by its name and those above it, or is none where none or several fit."""
    found = resolve(spellings, PLACES)
    assert (found and "/".join(found)) == place


def test_exact_spelling_counts_before_another_case_of_letters() -> None:
    """All spellings are tried as they are before any is tried in another case of letters."""
    places = [ValuePlace((name,), simple=True, required=False) for name in ("name", "Surname")]
    assert resolve(["Name", "Surname"], places) == ("Surname",)
    assert resolve(["Name"], places) == ("name",)
    assert resolve(["NAME"], [*places, ValuePlace(("Name",), simple=True, required=False)]) is None


@pytest.mark.parametrize("name", ["Criteria", "Criteria/Person", "PersonIdentifier", "Status", "@Id", "lastName"])
def test_whole_element_is_not_followed_to_its_value(name: str) -> None:
    """A part of a message is the element itself, whatever is in it."""
    found = resolve([name], PLACES, whole=True)
    assert found is not None
    assert found[-1] == name.rsplit("/", maxsplit=1)[-1]


def test_values_are_read_by_place() -> None:
    """Elements and attributes, also such as are in a namespace, are found by their local names."""
    root = parse(b'<r xmlns="urn:r" xmlns:q="urn:q" q:Id="1"><a> x<!-- c -->y </a><b v="2"/></r>')
    assert [read_value(root, place) for place in (("a",), ("@Id",), ("b", "@v"), ("b",))] == ["xy", "1", "2", ""]
    assert [read_value(root, place) for place in (("c",), ("@c",), ("c", "@v"), ("b", "@c"))] == [None] * 4


def test_envelope_without_body_is_a_mistake() -> None:
    """Only envelopes that were built here are looked into."""
    with pytest.raises(ValueError, match="without Body"):
        body_of(parse(b"<a/>"))
