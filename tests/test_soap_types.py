"""Tests of what is read from schemas: particles, attributes, facets along all steps, patterns, and values at limits."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from conformance.contracts.platform_rules import bundled_schemas
from conformance.soap.xsd.composing import leaves, walk
from conformance.soap.xsd.contract import SoapContract
from conformance.soap.xsd.patterns import (
    PatternError,
    lengths,
    one_branch_each,
    read_pattern,
    text_of_length,
    translated,
)
from conformance.soap.xsd.reading_types import read_request
from conformance.soap.xsd.schemas import WsdlError
from conformance.soap.xsd.types import Bound, ElementParticle, GroupParticle, Simple, Wildcard, narrowed, size
from conformance.soap.xsd.values import limits, number_range, outside
from conformance.soap.xsd.wsdl import read_contract

XS = "http://www.w3.org/2001/XMLSchema"
OWN = "urn:example:types"

WSDL = """<wsdl:definitions name="Ask" targetNamespace="{own}" xmlns:t="{own}" xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/"
    xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/">
  <wsdl:types>
    <xs:schema xmlns:xs="{xs}"><xs:import namespace="{own}" schemaLocation="own.xsd"/></xs:schema>
  </wsdl:types>
  <wsdl:message name="Asked"><wsdl:part name="body" element="t:Ask"/></wsdl:message>
  <wsdl:portType name="P"><wsdl:operation name="Ask"><wsdl:input message="t:Asked"/></wsdl:operation></wsdl:portType>
  <wsdl:binding name="B" type="t:P">
    <soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
    <wsdl:operation name="Ask">
      <soap:operation soapAction="ask"/><wsdl:input><soap:body use="literal"/></wsdl:input>
    </wsdl:operation>
  </wsdl:binding>
  <wsdl:service name="S">
    <wsdl:port name="Q" binding="t:B"><soap:address location="http://127.0.0.1/"/></wsdl:port>
  </wsdl:service>
</wsdl:definitions>"""


def written(folder: Path, content: str, *, head: str = "", form: str = "qualified", **files: str) -> SoapContract:
    """Return a contract whose request `Ask` has a content; `head` stands before all, `files` are other schemas."""
    attributes = f'xmlns:xs="{XS}" xmlns:t="{OWN}"'
    for name, text in files.items():
        (folder / f"{name}.xsd").write_text(f"<xs:schema {attributes}>{text}</xs:schema>")
    (folder / "own.xsd").write_text(
        f'<xs:schema {attributes} targetNamespace="{OWN}" elementFormDefault="{form}">{head}'
        f'<xs:element name="Ask"><xs:complexType>{content}</xs:complexType></xs:element></xs:schema>'
    )
    (folder / "ask.wsdl").write_text(WSDL.format(own=OWN, xs=XS))
    return read_contract(folder / "ask.wsdl", bundled_schemas())


def asked(contract: SoapContract) -> ElementParticle:
    """Return the model of the request."""
    return read_request(contract.schemas, f"{{{OWN}}}Ask")


def restricted(base: str, *facets: str) -> str:
    """Return a simple type without a name: facets are written `name=value`."""
    rows = (facet.partition("=") for facet in facets)
    inside = "".join(f'<xs:{name} value="{value}"/>' for name, _, value in rows)
    return f'<xs:simpleType><xs:restriction base="{base}">{inside}</xs:restriction></xs:simpleType>'


def held(kind: str, name: str = "A", **attributes: str) -> str:
    """Return an element with a type written in it, or with one named by `type`."""
    rows = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f'<xs:element name="{name}"{rows}>{kind}</xs:element>'


def sequence(*members: str) -> str:
    """Return a sequence."""
    return f"<xs:sequence>{''.join(members)}</xs:sequence>"


def simple(contract: SoapContract, name: str = "A") -> Simple:
    """Return the type of an element or attribute."""
    return next(leaf.type for leaf in leaves(asked(contract)) if leaf.path[-1] == name)


def names(contract: SoapContract) -> list[str]:
    """Return the local names of all elements and attributes of a model, in its order."""
    found = (getattr(part, "name", "") for _, part in walk(asked(contract)))
    return [name.rpartition("}")[2] for name in found if name][1:]


# ---------------------------------------------------------------------------------------------------------- particles


def test_particles_keep_their_order_and_numbers(tmp_path: Path) -> None:
    """Sequences, choices and elements come with how often they may stand."""
    choice = f'<xs:choice minOccurs="0" maxOccurs="unbounded">{held("", "B")}{held("", "C")}</xs:choice>'
    root = asked(written(tmp_path, sequence(held("", "A", maxOccurs="3"), choice)))
    assert root.name == f"{{{OWN}}}Ask"
    assert root.content is not None
    first, second = root.content.members
    assert isinstance(first, ElementParticle)
    assert (first.name, first.least, first.most) == (f"{{{OWN}}}A", 1, 3)
    assert isinstance(second, GroupParticle)
    assert (second.kind, second.least, second.most, len(second.members)) == ("choice", 0, None, 2)


@pytest.mark.parametrize(
    ("form", "own", "expected"),
    [("qualified", "", f"{{{OWN}}}A"), ("unqualified", "", "A"), ("unqualified", "qualified", f"{{{OWN}}}A")],
)
def test_qualification_is_the_schemas_or_the_elements_own(tmp_path: Path, form: str, own: str, expected: str) -> None:
    """The element's own form counts before that of its schema."""
    attributes = {"form": own} if own else {}
    root = asked(written(tmp_path, sequence(held("", **attributes)), form=form))
    assert root.content is not None
    assert isinstance(root.content.members[0], ElementParticle)
    assert root.content.members[0].name == expected


def test_extension_adds_behind_its_base_and_restriction_replaces(tmp_path: Path) -> None:
    """An extension has the base's content first, a restriction its own, and leaves out prohibited attributes."""
    head = f"""
      <xs:complexType name="Base"><xs:sequence>{held("", "A")}{held("", "B", minOccurs="0")}</xs:sequence>
        <xs:attribute name="x"/><xs:attribute name="y" use="required"/></xs:complexType>
      <xs:complexType name="More"><xs:complexContent><xs:extension base="t:Base">
        {sequence(held("", "C"))}<xs:attribute name="z"/></xs:extension></xs:complexContent></xs:complexType>
      <xs:complexType name="Less"><xs:complexContent><xs:restriction base="t:Base">
        {sequence(held("", "A"))}<xs:attribute name="x" use="prohibited"/>
      </xs:restriction></xs:complexContent></xs:complexType>"""
    contract = written(tmp_path, sequence(held("", "M", type="t:More"), held("", "L", type="t:Less")), head=head)
    assert names(contract) == ["M", "x", "y", "z", "A", "B", "C", "L", "y", "A"]


def test_groups_and_attribute_groups_are_followed(tmp_path: Path) -> None:
    """Named groups stand where they are named, as often as it is said there."""
    head = f"""<xs:group name="G">{sequence(held("", "A"), held("", "B"))}</xs:group>
      <xs:attributeGroup name="H">
        <xs:attribute name="h" type="xs:int"/><xs:attribute ref="xml:lang"/>
      </xs:attributeGroup>"""
    imported = '<xs:import namespace="http://www.w3.org/XML/1998/namespace"/>'
    content = sequence('<xs:group ref="t:G" minOccurs="0" maxOccurs="2"/>') + '<xs:attributeGroup ref="t:H"/>'
    contract = written(tmp_path, content, head=imported + head)
    assert names(contract) == ["h", "lang", "A", "B"]
    group = asked(contract).content
    assert group is not None
    assert (group.members[0].least, group.members[0].most) == (0, 2)


def test_type_that_contains_itself_is_not_looked_into_again(tmp_path: Path) -> None:
    """A part that cannot stand without the type it is in is left out."""
    inside = sequence(held("", "V"), held("", "N", type="t:N", minOccurs="0"))
    head = f'<xs:complexType name="N">{inside}</xs:complexType>'
    assert names(written(tmp_path, sequence(held("", "N", type="t:N")), head=head)) == ["N", "V"]


def test_request_that_contains_itself_cannot_be_made(tmp_path: Path) -> None:
    """A request of which no message could ever end is told with its name."""
    head = f'<xs:complexType name="N">{sequence(held("", "N", type="t:N"))}</xs:complexType>'
    contract = written(tmp_path, sequence(held("", "N", type="t:N")), head=head)
    with pytest.raises(WsdlError, match=r"no message can be made of the schema's .*Ask: a type contains itself"):
        asked(contract)
    with pytest.raises(WsdlError, match="it is not declared"):
        read_request(contract.schemas, "{urn:x}Other")


def test_members_of_a_substitution_group_stand_for_an_abstract_head(tmp_path: Path) -> None:
    """An abstract element is a choice of those that may stand for it, an abstract type cannot stand."""
    head = f"""<xs:element name="Head" abstract="true" type="xs:string"/>
      <xs:element name="One" substitutionGroup="t:Head"/>
      <xs:element name="Two" substitutionGroup="t:One">{restricted("xs:string", "length=2")}</xs:element>
      <xs:complexType name="Never" abstract="true"/>"""
    content = sequence('<xs:element ref="t:Head"/>', held("", "Z", type="t:Never", minOccurs="0"))
    contract = written(tmp_path, content, head=head)
    assert names(contract) == ["One", "Two"]
    assert simple(contract, "Two").longest == 2


def test_included_schema_takes_the_namespace_of_its_includer(tmp_path: Path) -> None:
    """What has no namespace of its own gets that of the schema that includes it, its references too."""
    extra = (
        restricted("xs:string", "maxLength=5").replace("<xs:simpleType>", '<xs:simpleType name="S">')
        + f'<xs:complexType name="C">{sequence(held("", "A", type="S"))}</xs:complexType>'
    )
    content = sequence(held("", "X", type="t:C"))
    contract = written(tmp_path, content, head='<xs:include schemaLocation="extra.xsd"/>', extra=extra)
    assert simple(contract).longest == 5


def test_wildcards_are_known_but_not_filled(tmp_path: Path) -> None:
    """An element that may be anything is a place of its own; one that must be declared somewhere cannot be wanted."""
    content = sequence('<xs:any namespace="##other" processContents="lax" maxOccurs="2"/>')
    group = asked(written(tmp_path, content)).content
    assert group is not None
    assert group.members == (Wildcard(1, 2, lax=True),)
    with pytest.raises(WsdlError, match="only a reader of the schema could name"):
        asked(written(tmp_path, sequence("<xs:any/>")))


def test_element_that_may_be_anything_is_empty(tmp_path: Path) -> None:
    """An element of any type, or of a type without content, stands with nothing in it."""
    contract = written(tmp_path, sequence(held(""), held("<xs:complexType/>", "B"), held("", "C", type="xs:anyType")))
    assert names(contract) == ["A", "B", "C"]
    assert list(leaves(asked(contract))) == []


def test_group_that_is_in_itself_is_left_out(tmp_path: Path) -> None:
    """A named group that stands within an element of its own is not looked into again."""
    again = sequence('<xs:group ref="t:G" minOccurs="0"/>')
    inner = f"<xs:complexType>{again}</xs:complexType>"
    head = f'<xs:group name="G">{sequence(held(inner))}</xs:group>'
    assert names(written(tmp_path, sequence('<xs:group ref="t:G"/>'), head=head)) == ["A"]


def test_required_attribute_that_must_not_stand_takes_its_element_along(tmp_path: Path) -> None:
    """An optional attribute is left out alone, a required one with the element that has it."""
    marked = '<xs:complexType><xs:attribute name="x" use="required"/><xs:attribute name="y"/></xs:complexType>'
    contract = written(tmp_path, sequence(held(marked, minOccurs="0")))
    rest = narrowed(asked(contract), {}, {("A", "@y")})
    assert [leaf.path for leaf in leaves(rest)] == [("A", "@x")]
    assert list(leaves(narrowed(asked(contract), {}, {("A", "@x")}))) == []


def test_size_counts_what_must_be_there(tmp_path: Path) -> None:
    """Optional parts count nothing, required ones as often as they must stand, with their attributes."""
    marked = '<xs:complexType><xs:attribute name="x" use="required"/></xs:complexType>'
    wild = '<xs:any namespace="##other" processContents="lax" minOccurs="2" maxOccurs="2"/>'
    contract = written(
        tmp_path, sequence(held(marked, minOccurs="2", maxOccurs="2"), wild, held("", "B", minOccurs="0"))
    )
    assert size(asked(contract)) == 1 + 2 * 2 + 2


# -------------------------------------------------------------------------------------------------------------- facets


def test_facets_of_all_steps_are_kept(tmp_path: Path) -> None:
    """Of each facet the last step's counts; of patterns each step's, of which one must fit."""
    head = """
      <xs:simpleType name="S"><xs:restriction base="xs:token"><xs:minLength value="1"/><xs:maxLength value="9"/>
        <xs:pattern value="[a-z]*"/><xs:pattern value="[A-Z]*"/></xs:restriction></xs:simpleType>
      <xs:simpleType name="R"><xs:restriction base="t:S"><xs:maxLength value="4"/><xs:pattern value=".*a"/>
        </xs:restriction></xs:simpleType>"""
    found = simple(written(tmp_path, sequence(held("", type="t:R")), head=head))
    assert (found.base, found.shortest, found.longest) == ("token", 1, 4)
    assert found.patterns == ((".*a",), ("[a-z]*", "[A-Z]*"))


def test_lists_unions_and_simple_content_are_read(tmp_path: Path) -> None:
    """Items, members and the text beside attributes have their types."""
    listed = '<xs:simpleType><xs:list itemType="xs:int"/></xs:simpleType>'
    members = f'<xs:union memberTypes="xs:date">{restricted("xs:string", "length=1")}</xs:union>'
    union = f"<xs:simpleType>{members}</xs:simpleType>"
    text = """<xs:complexType><xs:simpleContent><xs:extension base="xs:decimal">
      <xs:attribute name="unit" use="required"/></xs:extension></xs:simpleContent></xs:complexType>"""
    tokens = held("", "D", type="xs:NMTOKENS")
    contract = written(tmp_path, sequence(held(listed), held(union, "B"), held(text, "C"), tokens))
    assert simple(contract).item == Simple("int")
    assert simple(contract, "B").members == (Simple("date"), Simple("string", shortest=1, longest=1))
    assert simple(contract, "C").base == "decimal"
    assert simple(contract, "@unit") == Simple("string")
    assert simple(contract, "D") == Simple("list", shortest=1, item=Simple("NMTOKEN"))


def test_fixed_values_are_the_only_ones(tmp_path: Path) -> None:
    """A fixed value of an element or attribute is a list of one."""
    content = sequence(held("", type="xs:string", fixed="yes")) + '<xs:attribute name="v" type="xs:int" fixed="7"/>'
    contract = written(tmp_path, content)
    assert limits(simple(contract)) == ("yes",)
    assert limits(simple(contract, "@v")) == ("7",)


# ----------------------------------------------------------------------------------------------------------- narrowing


def test_excluded_places_take_what_needs_them_along(tmp_path: Path) -> None:
    """A parent that cannot stand without an excluded place does not stand; a choice loses that branch."""
    inner = f"<xs:complexType><xs:choice>{held('', 'A')}{held('', 'B')}</xs:choice></xs:complexType>"
    wrapped = f"<xs:complexType>{sequence(held('', 'C'))}</xs:complexType>"
    contract = written(tmp_path, sequence(held(inner, "X"), held(wrapped, "Y", minOccurs="0")))
    root = narrowed(asked(contract), {("X", "B"): "1"}, {("X", "A"), ("Y", "C")})
    told = [getattr(part, "name", "").rpartition("}")[2] for _, part in walk(root)]
    assert [name for name in told if name] == ["Ask", "X", "B"]
    with pytest.raises(WsdlError, match="none of its branches can stand"):
        narrowed(asked(contract), {}, {("X", "A"), ("X", "B")})


def test_smallest_branch_comes_first(tmp_path: Path) -> None:
    """Of a choice the branch with the fewest elements is the first one."""
    big = f"<xs:complexType>{sequence(held('', 'P'), held('', 'Q'))}</xs:complexType>"
    contract = written(tmp_path, f"<xs:choice>{held(big, 'Big')}{held('', 'Small')}</xs:choice>")
    group = asked(contract).content
    assert group is not None
    assert [size(one) for one in group.members] == [1, 3]


# ------------------------------------------------------------------------------------------------------------ patterns


PATTERNS = (
    *("[0-9]{11}", "[0-9]{8}([0-9]{3})?", "a|bc|def", "(a|b)*c", "", "x{2,}", r"\d{2,3}\.\d?", "[A-Z-[IO]]{3}"),
    *(r"\i\c*", r"[\i-[:]][\c-[:]]*", r"\p{Lu}\p{Ll}+", r"\P{L}", "[^a-z]{2}", r"\S+@\S+", "a.c", r"\w+([-+.']\w+)*"),
    *(
        "^a$",
        r"[\-+]?[0-9]",
        "[+-]?1",
        "[a-c-]",
        r"\p{IsBasicLatin}{1,3}",
        "€{2}",
        r"[\d\-]{4}",
        r"\\\|\(\)",
        "(ab){3}",
    ),
    *(r"([A-Za-z]{2,3}){2}", "((a|b)(c|d)?){1,2}", r"\s", r"[^\s]", "a{0}b", "[0-9]{4}-(0[1-9]|1[0-2])"),
)
STRANGE = (r"\p{IsArabic}", r"\p{Lz}x", "[", "(", "a)", "*", r"\q", "\\", r"\p", "[a", "a{,2}", "a]")


def taker(pattern: str) -> etree.XMLSchema:
    """Return a schema of an element whose text must fit a pattern."""
    root = etree.Element(f"{{{XS}}}schema", nsmap={"xs": XS})
    kind = etree.SubElement(etree.SubElement(root, f"{{{XS}}}element", name="a"), f"{{{XS}}}simpleType")
    restriction = etree.SubElement(kind, f"{{{XS}}}restriction", base="xs:string")
    etree.SubElement(restriction, f"{{{XS}}}pattern", value=pattern)
    return etree.XMLSchema(root)


def takes(schema: etree.XMLSchema, text: str) -> bool:
    """Tell whether an element with a text is valid."""
    element = etree.Element("a")
    element.text = text
    return schema.validate(element)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_texts_of_a_pattern_are_taken_by_the_schema(pattern: str) -> None:
    """For each length that a pattern has there is a text, and libxml2 takes it; so it does for each branch."""
    schema, node = taker(pattern), read_pattern(pattern)
    found = lengths(node, 14)
    assert found
    for length in found:
        text = text_of_length(node, length)
        assert len(text) == length
        assert takes(schema, text), text
    for branch in one_branch_each(node):
        assert takes(schema, text_of_length(branch, lengths(branch, 20)[0]))
    with pytest.raises(LookupError):
        text_of_length(node, -1)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_translated_patterns_draw_what_the_schema_takes(pattern: str) -> None:
    """What is drawn by Python's own expression is taken by libxml2."""
    schema = taker(pattern)

    @settings(max_examples=8, database=None, derandomize=True)
    @given(st.from_regex(translated(read_pattern(pattern)), fullmatch=True))
    def drawn(text: str) -> None:
        assert takes(schema, text), text

    drawn()


@pytest.mark.parametrize("pattern", STRANGE)
def test_pattern_that_is_not_understood_is_said(pattern: str) -> None:
    """What cannot be read is an error, never a wrong reading."""
    with pytest.raises(PatternError):
        read_pattern(pattern)


# -------------------------------------------------------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Simple("string"), ("A", "A" * 30)),
        (Simple("string", shortest=2, longest=5), ("AA", "AAAAA")),
        (Simple("string", shortest=0, longest=3), ("A", "AAA", "")),
        (Simple("string", enumeration=("F", "M")), ("F", "M")),
        (Simple("string", fixed="x", longest=9), ("x",)),
        (Simple("int", lowest=Bound("5", inclusive=True), highest=Bound("9", inclusive=False)), ("5", "8")),
        (Simple("byte"), ("1", "0", "-128", "127")),
        (Simple("unsignedByte", total_digits=2), ("1", "0", "99")),
        (Simple("decimal", total_digits=3, fraction_digits=1), ("1", "0", "-99.9", "99.9", "1.1", "0.1", "-99.8")),
        (Simple("list", item=Simple("int"), shortest=1, longest=3), ("1", "1 1 1")),
        (Simple("union", members=(Simple("boolean"), Simple("gYear"))), ("true", "false", "1", "0", "2026")),
        (Simple("hexBinary", shortest=2, longest=2), ("0000",)),
        (Simple("base64Binary", shortest=1, longest=3), ("QQ==", "QUFB")),
    ],
)
def test_limits_of_a_type(kind: Simple, expected: tuple[str, ...]) -> None:
    """The texts at the limits of a type are there, the smallest one first, an empty one last."""
    assert limits(kind) == expected


@pytest.mark.parametrize(
    ("patterns", "facets", "expected"),
    [
        ((("[0-9]{8}([0-9]{3})?",),), {}, ("00000000", "00000000000")),
        ((("[a-z]*",), (".{3,4}",)), {}, ("aaa", "aaaa")),
        ((("yes|no",),), {}, ("no", "yes")),
        ((("[0-9]{3}", "[A-Z]{5}"),), {}, ("000", "AAAAA")),
        ((("[A-Z]*",),), {"longest": 40}, ("A", "A" * 40, "")),
        ((("[a-z]{1,9}",),), {"shortest": 3, "longest": 5}, ("aaa", "aaaaa")),
        (((r"[0-9]{50}",),), {}, ("0" * 50,)),
    ],
)
def test_limits_of_patterns(
    patterns: tuple[tuple[str, ...], ...], facets: dict[str, int], expected: tuple[str, ...]
) -> None:
    """Of patterns, the shortest and the longest text that the other facets leave are there, and each branch."""
    found = limits(Simple("string", patterns=patterns, **facets))  # type: ignore[arg-type]
    assert set(expected) <= set(found)
    assert found[0] == expected[0]


@pytest.mark.parametrize(
    ("kind", "good", "wanted"),
    [
        (Simple("string", shortest=2, longest=3), "AA", {("length", "A"), ("length", "AAAA")}),
        (Simple("string", shortest=4, longest=4), "AAAA", {("length", "AAA"), ("length", "AAAAA")}),
        (Simple("string", longest=2, patterns=(("[0-9]*",),)), "0", {("length", "000")}),
        (Simple("string", patterns=(("[0-9]{2}",),)), "00", {("pattern", "0"), ("pattern", "000"), ("pattern", "0-")}),
        (Simple("string", enumeration=("F",)), "F", {("enumeration", "f"), ("enumeration", "")}),
        (Simple("int", highest=Bound("9", inclusive=True)), "1", {("bound", "10"), ("type", "x"), ("type", "1.5")}),
        (Simple("decimal", lowest=Bound("0", inclusive=False)), "1", {("bound", "0"), ("bound", "-0.01")}),
        (Simple("decimal", total_digits=3, fraction_digits=1), "1", {("digits", "1111"), ("digits", "1.11")}),
        (Simple("date", highest=Bound("2026-12-31", inclusive=True)), "2026-01-01", {("bound", "2027-01-01")}),
        (
            Simple("dateTime", lowest=Bound("2026-01-01T00:00:00Z", inclusive=True)),
            "2026-01-15T12:00:00Z",
            {("bound", "2025-12-31T23:59:59Z"), ("type", "2026-01-15")},
        ),
        (Simple("gYear", highest=Bound("2026", inclusive=True)), "2026", {("bound", "2027")}),
        (Simple("byte"), "1", {("type", "128"), ("type", "-129")}),
        (Simple("ID"), "A", {("type", "1A"), ("type", "A:B"), ("type", "")}),
        (Simple("list", item=Simple("int"), longest=2), "1", {("length", "1 1 1")}),
    ],
)
def test_texts_just_outside_of_a_limit(kind: Simple, good: str, wanted: set[tuple[str, str]]) -> None:
    """For each limit there is a text on its wrong side."""
    assert wanted <= set(outside(kind, good))


def test_type_without_limits_has_nothing_outside() -> None:
    """A plain text takes everything."""
    assert list(outside(Simple("string"), "A")) == []
    assert list(outside(Simple("anyURI"), "a")) == []


def _odd() -> Iterator[Simple]:
    yield Simple("date", lowest=Bound("never", inclusive=False), highest=Bound("9999-12-31", inclusive=False))
    yield Simple("dateTime", highest=Bound("0001-01-01T00:00:00", inclusive=True))
    yield Simple("decimal", lowest=Bound("INF", inclusive=True))
    yield Simple("string", longest=10**9)
    yield Simple("union")
    yield Simple("list", item=Simple("union"))
    yield Simple("neverHeardOf", patterns=((r"\p{IsArabic}",),))


@pytest.mark.parametrize("kind", list(_odd()))
def test_odd_types_break_nothing(kind: Simple) -> None:
    """Whatever a schema says, there are texts or none, and never an error."""
    assert all(isinstance(text, str) for text in limits(kind))
    assert all(len(text) < 20_000 for _, text in outside(kind, "A"))
    assert number_range(kind)[2] > 0
