"""Tests of what a WSDL may ask for: beyond, it is told in one line with file, line and remedy, and at once."""

import os
import time
from pathlib import Path

import pytest

from conformance.soap.markup import parse
from conformance.soap.xsd.contract import SoapContract
from conformance.soap.xsd.grammar import read_grammar
from conformance.soap.xsd.matching import fits
from conformance.soap.xsd.patterns import lengths, read_pattern, text_of_length
from conformance.soap.xsd.schemas import SchemaUndecidedError, WsdlError
from conformance.soap.xsd.wsdl import read_contract
from tests.test_soap_contract import OWN, importing, schema, wsdl

QUICK = 15.0
"""CPU seconds that nothing here takes, however little of the machine is left."""


def _read(folder: Path, *types: str) -> SoapContract:
    (folder / "s.wsdl").write_text(wsdl(schema(*types)), encoding="utf-8")
    return read_contract(folder / "s.wsdl", {})


def _complex(content: str) -> str:
    return f'<xs:element name="Request"><xs:complexType>{content}</xs:complexType></xs:element>'


def _simple(facets: str, base: str = "string") -> str:
    restriction = f'<xs:restriction base="xs:{base}">{facets}</xs:restriction>'
    return f'<xs:element name="Request"><xs:simpleType>{restriction}</xs:simpleType></xs:element>'


def _elements(number: int, more: str = "") -> str:
    return "".join(f'<xs:element name="e{at}" type="xs:string" {more}/>' for at in range(number))


def _doubling(form: str, last: str, number: int = 30) -> str:
    return "".join(form.format(at=at, next=at + 1) for at in range(number)) + last.format(at=number)


A = '<xs:element name="a" type="xs:string"/>'
TOO_MUCH = {
    "length": (
        _simple('<xs:length value="2000000000"/>'),
        ":2: length 2000000000: a value of 100000 characters at most",
    ),
    "minLength": (_simple('<xs:minLength value="2000000000"/>'), ":2: minLength 2000000000: "),
    "digits of a facet": (_simple(f'<xs:maxLength value="{"9" * 5000}"/>'), ":2: maxLength: a number of 5000 digits"),
    "bound": (
        _simple(f'<xs:maxInclusive value="{"9" * 5000}"/>', "decimal"),
        ":2: maxInclusive: a number of more than",
    ),
    "exponent": (
        _simple('<xs:maxInclusive value="1E2000000000"/>', "double"),
        ":2: maxInclusive: a number of more than",
    ),
    "quantifier": (_simple('<xs:pattern value="a{2000000000}"/>'), ":2: a pattern with {2000000000}: 100000 times"),
    "long pattern": (_simple(f'<xs:pattern value="{"a" * 5000}"/>'), ":2: a pattern of 5000 characters"),
    "deep pattern": (_simple(f'<xs:pattern value="{"(" * 300}a{")" * 300}"/>'), ":2: a pattern of 300 groups"),
    "minOccurs": (
        _complex(f'<xs:sequence minOccurs="2000000000" maxOccurs="unbounded">{A}</xs:sequence>'),
        ":2: minOccurs 2000000000: a part is made to stand 1000 times at most",
    ),
    "minOccurs within one another": (
        _complex('<xs:sequence minOccurs="900" maxOccurs="900">' * 3 + A + "</xs:sequence>" * 3),
        "correct minOccurs",
    ),
    "parts of a sequence": (
        _complex("<xs:sequence>" + _elements(3000, 'minOccurs="0"') + "</xs:sequence>"),
        ":2: a sequence of 3000 parts",
    ),
    "types made of one another": (
        '<xs:element name="Request" type="t:t0"/>'
        + _doubling(
            '<xs:complexType name="t{at}"><xs:complexContent><xs:extension base="t:t{next}"/></xs:complexContent>'
            "</xs:complexType>",
            '<xs:complexType name="t{at}"/>',
            1000,
        ),
        "is made of more than 100 others",
    ),
    "groups that double": (
        _complex('<xs:group ref="t:g0"/>')
        + _doubling(
            '<xs:group name="g{at}"><xs:sequence><xs:group ref="t:g{next}"/><xs:group ref="t:g{next}"/></xs:sequence>'
            "</xs:group>",
            '<xs:group name="g{at}"><xs:sequence><xs:element name="z"/></xs:sequence></xs:group>',
        ),
        "holds more than 20000 parts",
    ),
    "unions that double": (
        '<xs:element name="Request" type="t:t0"/>'
        + _doubling(
            '<xs:simpleType name="t{at}"><xs:union memberTypes="t:t{next} t:t{next}"/></xs:simpleType>',
            '<xs:simpleType name="t{at}"><xs:restriction base="xs:string"/></xs:simpleType>',
        ),
        "holds more than 20000 parts",
    ),
    "types that double": (
        '<xs:element name="Request" type="t:t0"/>'
        + _doubling(
            '<xs:complexType name="t{at}"><xs:sequence><xs:element name="a" type="t:t{next}"/>'
            '<xs:element name="b" type="t:t{next}"/></xs:sequence></xs:complexType>',
            '<xs:complexType name="t{at}"/>',
        ),
        "more than 20000 places",
    ),
    "substitutes": (
        _complex('<xs:sequence><xs:element ref="t:h"/></xs:sequence>')
        + '<xs:element name="h" type="xs:string"/>'
        + "".join(f'<xs:element name="s{at}" substitutionGroup="t:h" type="xs:string"/>' for at in range(3000)),
        "more than 2000 kinds of elements",
    ),
}


@pytest.mark.parametrize(("types", "words"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_wsdl_that_asks_too_much_is_told_in_one_line(tmp_path: Path, types: str, words: str) -> None:
    """What no library reads in time, and what nobody could send, is refused before anybody tries."""
    began = time.process_time()
    with pytest.raises(WsdlError) as caught:
        _use(_read(tmp_path, types))
    assert time.process_time() - began < QUICK
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def _use(contract: SoapContract) -> int:
    """Build a request of a contract, and return how many texts its places may have."""
    contract.build("Do", {})
    grammar = read_grammar(contract, contract.operations["Do"], {}, {}, ())
    return sum(map(len, grammar.texts.values()))


ENOUGH = {
    "maxLength": _simple('<xs:maxLength value="2000000000"/>'),
    "totalDigits": _simple('<xs:totalDigits value="2000000000"/>', "decimal"),
    "fractionDigits": _simple('<xs:fractionDigits value="2000000000"/>', "decimal"),
    "maxOccurs": _complex(f'<xs:sequence maxOccurs="1000000000">{A}</xs:sequence>'),
    "a type within itself": (
        '<xs:element name="Request" type="t:t"/><xs:complexType name="t"><xs:sequence>'
        '<xs:element name="a" type="t:t" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType>'
    ),
    "values": _simple("".join(f'<xs:enumeration value="v{at}"/>' for at in range(3000))),
    "a pattern read in two ways": _simple('<xs:pattern value="(a|a)*b"/>'),
    "a pattern read in many ways": _simple('<xs:pattern value="((a{1,100}){1,100}){1,100}"/>'),
    "a pattern with many lengths": _simple('<xs:pattern value="(a|aa){0,9000}"/>'),
}


@pytest.mark.parametrize("types", ENOUGH.values(), ids=ENOUGH)
def test_wide_limit_is_no_limit(tmp_path: Path, types: str) -> None:
    """Where a type allows more than anybody sends, requests are made of it all the same, of a few texts."""
    began = time.process_time()
    assert 0 <= _use(_read(tmp_path, types)) <= 500
    assert time.process_time() - began < QUICK


def _including(location: str) -> str:
    return schema(f'<xs:include schemaLocation="{location}"/>')


def test_chain_of_thousands_of_files_is_followed_a_part_of_the_way(tmp_path: Path) -> None:
    """Nobody reads three thousand files one of which names the next; the file that is one too many is named."""
    for number in range(100):
        (tmp_path / f"c{number}.xsd").write_text(_including(f"c{number + 1}.xsd"), encoding="utf-8")
    (tmp_path / "s.wsdl").write_text(wsdl(importing("c0.xsd")), encoding="utf-8")
    with pytest.raises(WsdlError, match=r"c40\.xsd: more than 40 files refer to one another in a row"):
        read_contract(tmp_path / "s.wsdl", {})


def test_files_are_counted(tmp_path: Path) -> None:
    """A schema that includes thousands of others is read up to a number."""
    for number in range(600):
        (tmp_path / f"c{number}.xsd").write_text(schema(), encoding="utf-8")
    parts = (f'<xs:include schemaLocation="c{number}.xsd"/>' for number in range(600))
    (tmp_path / "all.xsd").write_text(schema(*parts), encoding="utf-8")
    (tmp_path / "s.wsdl").write_text(wsdl(importing("all.xsd")), encoding="utf-8")
    with pytest.raises(WsdlError, match="the WSDL has more than 500 files with this one"):
        read_contract(tmp_path / "s.wsdl", {})


def test_pipe_in_the_place_of_a_schema_is_not_waited_for(tmp_path: Path) -> None:
    """A schema that nobody writes is refused as what it is."""
    os.mkfifo(tmp_path / "pipe.xsd")
    (tmp_path / "s.wsdl").write_text(wsdl(importing("pipe.xsd")), encoding="utf-8")
    with pytest.raises(WsdlError, match=r"pipe\.xsd is not a file but a pipe; save what it gives as a file"):
        read_contract(tmp_path / "s.wsdl", {})


@pytest.mark.parametrize(
    ("pattern", "text", "wanted"),
    [
        ("(a|a)*b", "a" * 200, False),
        ("(a|a)*b", "a" * 200 + "b", True),
        ("(([a-z])+.)+[A-Z]([a-z])+", "a" * 300, False),
        ("(a*)*c", "a" * 300 + "c", True),
        ("(a?){50}a{50}", "a" * 50, True),
        ("a{2,3}|b?", "aaaa", False),
        ("a{2,3}|b?", "", True),
    ],
)
def test_text_is_held_against_a_pattern_in_few_steps(pattern: str, text: str, *, wanted: bool) -> None:
    """All ways through a pattern are followed at once, so that none of them is followed for ever."""
    began = time.process_time()
    assert fits(read_pattern(pattern), text) is wanted
    assert time.process_time() - began < QUICK


def test_lengths_of_a_pattern_are_found_by_doubling() -> None:
    """How long the texts of a part that stands thousands of times are is found in a few steps."""
    began = time.process_time()
    node = read_pattern("(ab|abc){3,9000}")
    assert lengths(node, 12) == (6, 7, 8, 9, 10, 11, 12)
    assert len(lengths(node, 10_000)) == 10_000 - 5
    assert text_of_length(node, 7) == "abababc"
    assert time.process_time() - began < QUICK


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_value_that_a_pattern_leaves_open_is_undecided(tmp_path: Path) -> None:
    """Where libxml2 gives up a pattern, nothing is said of the value."""
    contract = _read(tmp_path, _simple('<xs:pattern value="(a|aa)*b"/>'))
    element = parse(f'<t:Request xmlns:t="{OWN}">{"a" * 100}</t:Request>'.encode())
    with pytest.raises(SchemaUndecidedError, match="a pattern of the WSDL's schemas takes too long"):
        contract.problems(element)
