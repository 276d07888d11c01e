"""Tests of what WSDLs have that a reader may stumble over: abstract branches, no soapAction, namespaces of no URI."""

import re
import shutil
from pathlib import Path

import pytest

from conformance.contracts.platform_rules import bundled_schemas
from conformance.formats import documents
from conformance.formats.schemas import specs_root
from conformance.soap.markup import Element, children, local, namespace, parse
from conformance.soap.message import body_child
from conformance.soap.xsd.contract import SoapContract
from conformance.soap.xsd.wsdl import read_contract
from tests.test_cli import conformance

SERVICE = "dossier-number-generation"
CASE = f"{SERVICE}/7.2/last-name-only-person"
OWN = "urn:example:own"
PLACEHOLDER = "urn:example:core:v{version.major}"
ABSTRACT = (
    '<xs:complexType name="Base" abstract="true"/><xs:complexType name="Own"><xs:complexContent>'
    '<xs:extension base="t:Base"><xs:sequence><xs:element name="V" type="xs:string"/></xs:sequence></xs:extension>'
    '</xs:complexContent></xs:complexType><xs:element name="Never" type="xs:string" abstract="true"/>'
    '<xs:element name="OfBase" type="t:Base"/><xs:element name="OfOwn" type="t:Own"/>'
)


def _wsdl(types: str, action: str = f'soapAction="{OWN}:op"', more: str = "") -> str:
    wsdl, soap = "http://schemas.xmlsoap.org/wsdl/", "http://schemas.xmlsoap.org/wsdl/soap/"
    return (
        f'<wsdl:definitions xmlns:wsdl="{wsdl}" xmlns:soap="{soap}" xmlns:xs="http://www.w3.org/2001/XMLSchema"'
        f' xmlns:t="{OWN}" targetNamespace="{OWN}"{more}><wsdl:types><xs:schema targetNamespace="{OWN}"'
        f' elementFormDefault="qualified">{types}<xs:element name="Answer" type="xs:string"/></xs:schema></wsdl:types>'
        '<wsdl:message name="i"><wsdl:part name="body" element="t:Ask"/></wsdl:message>'
        '<wsdl:message name="o"><wsdl:part name="body" element="t:Answer"/></wsdl:message>'
        '<wsdl:portType name="P"><wsdl:operation name="op"><wsdl:input message="t:i"/><wsdl:output message="t:o"/>'
        '</wsdl:operation></wsdl:portType><wsdl:binding name="B" type="t:P">'
        '<soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/><wsdl:operation name="op">'
        f'<soap:operation {action}/><wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output>'
        '<soap:body use="literal"/></wsdl:output></wsdl:operation></wsdl:binding><wsdl:service name="S">'
        '<wsdl:port name="p" binding="t:B"><soap:address location="http://127.0.0.1/x"/></wsdl:port></wsdl:service>'
        "</wsdl:definitions>"
    )


def _read(folder: Path, text: str) -> SoapContract:
    file = folder / "service.wsdl"
    file.write_text(text, encoding="utf-8")
    return read_contract(file, bundled_schemas())


def _plain(contract: SoapContract) -> Element:
    return body_child(contract.build("op", {}))


def _asking(*branches: str) -> str:
    choice = "".join(branches)
    inside = f"<xs:complexType><xs:choice>{choice}</xs:choice></xs:complexType>"
    return f"{ABSTRACT}<xs:element name='Ask'>{inside}</xs:element>"


OWN_BRANCH = '<xs:element ref="t:OfOwn"/>'
SIMPLE = '<xs:element name="Ask" type="xs:string"/>'


@pytest.mark.parametrize(
    "branches",
    [
        ('<xs:element ref="t:OfBase"/>', OWN_BRANCH),
        ('<xs:element ref="t:Never"/>', OWN_BRANCH),
        ('<xs:element name="Local" type="t:Base"/>', OWN_BRANCH),
        ('<xs:sequence><xs:element name="A" type="xs:string"/><xs:element ref="t:Never"/></xs:sequence>', OWN_BRANCH),
        ('<xs:choice><xs:element ref="t:Never"/><xs:element ref="t:OfBase"/></xs:choice>', OWN_BRANCH),
        ('<xs:choice><xs:element ref="t:Never"/><xs:element ref="t:OfOwn"/></xs:choice>',),
    ],
    ids=["type", "element", "type of a local element", "in a sequence", "choice of both", "inner choice"],
)
def test_branch_that_is_abstract_is_not_taken(tmp_path: Path, branches: tuple[str, ...]) -> None:
    """The plain request takes the first branch that can stand in a message, and is valid."""
    contract = _read(tmp_path, _wsdl(_asking(*branches)))
    root = _plain(contract)
    assert [local(child) for child in children(root)] == ["OfOwn"]
    assert contract.problems(root) == []


@pytest.mark.parametrize("action", ['style="document"', 'soapAction=""', ""])
def test_binding_without_action_has_an_empty_one(tmp_path: Path, action: str) -> None:
    """Where a binding names no soapAction, the header field is sent with an empty text (WS-I R2745)."""
    assert _read(tmp_path, _wsdl(SIMPLE, action)).operations["op"].action == ""


def test_placeholder_in_a_namespace_that_nothing_uses_is_no_obstacle(tmp_path: Path) -> None:
    """A declaration with a placeholder leaves a WSDL well-formed and usable."""
    contract = _read(tmp_path, _wsdl(SIMPLE, more=f' xmlns:c="{PLACEHOLDER}"'))
    assert contract.problems(_plain(contract)) == []


@pytest.mark.parametrize("space", [PLACEHOLDER, "a b", "commons/core", "{}", "}x{"])
def test_element_of_a_namespace_that_is_no_uri_is_told_apart(space: str) -> None:
    """Name and namespace of an element are read whatever its namespace is."""
    root = parse(f'<p:a xmlns:p="{space}"><p:b/></p:a>'.encode())
    assert [(local(one), namespace(one)) for one in (root, *children(root))] == [("a", space), ("b", space)]


def test_platform_plays_the_wsdl_that_the_target_names(tmp_path: Path) -> None:
    """A binding without action is sent and served with an empty one, in a run and in its replay."""
    folder = tmp_path / "x" / "1.2" / "wsdl"
    shutil.copytree(specs_root() / SERVICE / "1.2" / "wsdl", folder)
    shutil.copytree(specs_root() / "common", tmp_path / "common")
    own = folder / "DossierNumberGeneration.wsdl"
    own.write_text(re.sub(' soapAction="[^"]*"', "", own.read_text("utf-8")), "utf-8")
    data = {"name": "own", "environment": "local", "services": {SERVICE: {"wsdl": "x/1.2/wsdl/" + own.name}}}
    (tmp_path / "t.yaml").write_text(documents.dump(data), "utf-8")
    run = conformance("run", "--target", "t.yaml", "--case", CASE, "--out", "runs", cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    (made,) = (tmp_path / "runs").iterdir()
    assert '"SOAPAction","\\"\\""' in (made / "exchanges.jsonl").read_text("utf-8")
    again = conformance("replay", made, CASE, "--target", "t.yaml", "--out", "again", cwd=tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
