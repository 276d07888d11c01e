"""The contract of the DossierNumberGeneration peer: a WSDL and XSDs of its own, which variants may write otherwise.

Nothing here is official: the official contract is not public. The namespaces are made up, except those of the
platform's commons and errors, whose types are described here anew.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

CORE = "urn:be:fgov:ehealth:commons:core:v2"
PROTOCOL = "urn:be:fgov:ehealth:commons:protocol:v2"
ERRORS = "urn:be:fgov:ehealth:errors:soa:v1"
ERRORS_CORE = "urn:be:fgov:ehealth:errors:core:v1"
OWN = "urn:example:covid:dossier:protocol:v7"
TYPES = "urn:example:covid:dossier:core:v7"
REQUEST, RESPONSE = "GenerateCovidIdRequest", "GenerateCovidIdResponse"

_XS = "http://www.w3.org/2001/XMLSchema"
_XML = "http://www.w3.org/XML/1998/namespace"

_COMMONS_CORE = f"""<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="{_XS}" xmlns:core="{CORE}" targetNamespace="{CORE}" elementFormDefault="qualified"
    version="2.0">
  <xs:element name="Status" type="core:StatusType"/>
  <xs:element name="StatusCode" type="core:StatusCodeType"/>
  <xs:element name="StatusMessage" type="xs:string"/>
  <xs:element name="StatusDetail" type="core:StatusDetailType"/>
  <xs:complexType name="StatusType">
    <xs:sequence>
      <xs:element ref="core:StatusCode"/>
      <xs:element ref="core:StatusMessage" minOccurs="0"/>
      <xs:element ref="core:StatusDetail" minOccurs="0"/>
    </xs:sequence>
  </xs:complexType>
  <xs:complexType name="StatusCodeType">
    <xs:sequence><xs:element ref="core:StatusCode" minOccurs="0"/></xs:sequence>
    <xs:attribute name="Value" type="xs:anyURI" use="required"/>
  </xs:complexType>
  <xs:complexType name="StatusDetailType">
    <xs:sequence>
      <xs:any namespace="##any" processContents="strict" minOccurs="0" maxOccurs="unbounded"/>
    </xs:sequence>
  </xs:complexType>
</xs:schema>
"""

_COMMONS_PROTOCOL = f"""<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="{_XS}" xmlns:core="{CORE}" xmlns:p="{PROTOCOL}" targetNamespace="{PROTOCOL}"
    elementFormDefault="qualified" version="2.0">
  <xs:import namespace="{CORE}" schemaLocation="commons-core.xsd"/>
  <xs:complexType name="RequestType">
    <xs:attribute name="Id" type="xs:ID"/>
    <xs:attribute name="IssueInstant" type="xs:dateTime" use="required"/>
  </xs:complexType>
  <xs:complexType name="ResponseType">
    <xs:attribute name="Id" type="xs:ID" use="required"/>
    <xs:attribute name="InResponseTo" type="xs:string"/>
    <xs:attribute name="IssueInstant" type="xs:dateTime" use="required"/>
  </xs:complexType>
  <xs:complexType name="StatusResponseType">
    <xs:complexContent>
      <xs:extension base="p:ResponseType">
        <xs:sequence><xs:element ref="core:Status"/></xs:sequence>
      </xs:extension>
    </xs:complexContent>
  </xs:complexType>
</xs:schema>
"""

_XML_LANG = f"""<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="{_XS}" targetNamespace="{_XML}">
  <xs:attribute name="lang" type="xs:language"/>
</xs:schema>
"""

_ERRORS_CORE = f"""<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="{_XS}" xmlns:e="{ERRORS_CORE}" targetNamespace="{ERRORS_CORE}">
  <xs:import namespace="{_XML}" schemaLocation="xml-lang.xsd"/>
  <xs:complexType name="MessageType">
    <xs:simpleContent>
      <xs:extension base="xs:string"><xs:attribute ref="xml:lang"/></xs:extension>
    </xs:simpleContent>
  </xs:complexType>
  <xs:complexType name="ErrorType">
    <xs:sequence>
      <xs:element name="Origin" type="xs:string"/>
      <xs:element name="Code" type="xs:string"/>
      <xs:element name="Message" type="e:MessageType" maxOccurs="unbounded"/>
      <xs:element name="Retry" type="xs:boolean" minOccurs="0"/>
      <xs:element name="Contact" type="xs:string" minOccurs="0"/>
    </xs:sequence>
    <xs:attribute name="Id" type="xs:string"/>
  </xs:complexType>
</xs:schema>
"""

_ERRORS = f"""<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="{_XS}" xmlns:e="{ERRORS_CORE}" xmlns:soa="{ERRORS}" targetNamespace="{ERRORS}"
    elementFormDefault="qualified">
  <xs:import namespace="{ERRORS_CORE}" schemaLocation="errors-core.xsd"/>
  <xs:element name="SystemError" type="soa:SOAErrorType"/>
  <xs:element name="BusinessError" type="soa:SOAErrorType"/>
  <xs:complexType name="SOAErrorType">
    <xs:complexContent>
      <xs:extension base="e:ErrorType">
        <xs:sequence><xs:element name="Environment" type="soa:EnvironmentType"/></xs:sequence>
      </xs:extension>
    </xs:complexContent>
  </xs:complexType>
  <xs:simpleType name="EnvironmentType">
    <xs:restriction base="xs:string">
      <xs:enumeration value="Development"/><xs:enumeration value="Test"/><xs:enumeration value="Integration"/>
      <xs:enumeration value="Acceptation"/><xs:enumeration value="Simulation"/><xs:enumeration value="Production"/>
    </xs:restriction>
  </xs:simpleType>
</xs:schema>
"""

_NAME = """<xs:restriction base="xs:string"><xs:minLength value="1"/><xs:maxLength value="100"/></xs:restriction>"""

_POLICY = """<wsp:Policy wsu:Id="HolderOfKey">
    <wsp:ExactlyOne><wsp:All>
      <sp:AsymmetricBinding><wsp:Policy>
        <sp:InitiatorToken><wsp:Policy>
          <sp:SamlToken sp:IncludeToken="@SP@/IncludeToken/AlwaysToRecipient">
            <wsp:Policy><sp:WssSamlV11Token10/></wsp:Policy>
          </sp:SamlToken>
        </wsp:Policy></sp:InitiatorToken>
        <sp:RecipientToken><wsp:Policy>
          <sp:X509Token sp:IncludeToken="@SP@/IncludeToken/Never">
            <wsp:Policy><sp:WssX509V3Token10/></wsp:Policy>
          </sp:X509Token>
        </wsp:Policy></sp:RecipientToken>
        <sp:AlgorithmSuite><wsp:Policy><sp:Basic256/></wsp:Policy></sp:AlgorithmSuite>
        <sp:Layout><wsp:Policy><sp:Lax/></wsp:Policy></sp:Layout>
        <sp:IncludeTimestamp/>
      </wsp:Policy></sp:AsymmetricBinding>
      <sp:SignedParts><sp:Body/></sp:SignedParts>
    </wsp:All></wsp:ExactlyOne>
  </wsp:Policy>""".replace("@SP@", "http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702")


@dataclass(frozen=True, slots=True)
class Contract:
    """How the contract is written; as it stands here it is the plain one."""

    qualified: bool = False
    operation: str = "GenerateCovidId"
    action: str = "urn:example:covid:dossier:v7#generate"
    wrapped_person: bool = False
    requester_required: bool = False
    requester_choice: bool = False
    anonymous_name: bool = False
    included: bool = False
    inline: bool = False
    prefix: str = "dos"

    # --------------------------------------------------------------------------------------------------- schemas

    def _form(self) -> str:
        return ' elementFormDefault="qualified"' if self.qualified else ""

    def _types(self) -> str:
        name = 'type="t:NameType"/>'
        if self.anonymous_name:
            name = f"><xs:simpleType>{_NAME}</xs:simpleType></xs:element>"
        particle = "choice" if self.requester_choice else "sequence"
        optional = "" if self.requester_choice else ' minOccurs="0"'
        person = "t:WrappedPersonIdentifierType" if self.wrapped_person else "t:PersonIdentifierType"
        return f"""<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="{_XS}" xmlns:t="{TYPES}" targetNamespace="{TYPES}"{self._form()}>
  <xs:element name="CbssStatus" type="t:CbssStatusType"/>
  <xs:complexType name="CbssStatusType">
    <xs:sequence>
      <xs:element name="Value" type="xs:string"/>
      <xs:element name="Code" type="xs:string"/>
      <xs:element name="Description" type="xs:string" minOccurs="0"/>
      <xs:element name="Information" type="t:InformationType" minOccurs="0" maxOccurs="unbounded"/>
    </xs:sequence>
  </xs:complexType>
  <xs:complexType name="InformationType">
    <xs:sequence>
      <xs:element name="FieldName" type="xs:string"/>
      <xs:element name="FieldValue" type="xs:string" minOccurs="0"/>
    </xs:sequence>
  </xs:complexType>
  <xs:complexType name="RequesterType">
    <xs:{particle}>
      <xs:element name="PersonIdentifier" type="{person}"{optional}/>
      <xs:element name="InstitutionIdentifier" type="t:InstitutionIdentifierType"{optional}/>
    </xs:{particle}>
  </xs:complexType>
  <xs:complexType name="WrappedPersonIdentifierType">
    <xs:sequence><xs:element name="Ssin" type="t:PersonIdentifierType"/></xs:sequence>
  </xs:complexType>
  <xs:complexType name="InstitutionIdentifierType">
    <xs:choice>
      <xs:element name="Nihii" type="t:NihiiType"/>
      <xs:element name="Cbe" type="t:CbeType"/>
    </xs:choice>
  </xs:complexType>
  <xs:complexType name="PersonType">
    <xs:sequence>
      <xs:element name="LastName" {name}
      <xs:element name="FirstNames" type="xs:string" minOccurs="0"/>
      <xs:element name="Gender" type="t:GenderType" minOccurs="0"/>
      <xs:element name="PhoneNumber" type="t:PhoneNumberType" minOccurs="0"/>
    </xs:sequence>
  </xs:complexType>
  <xs:simpleType name="NameType">{_NAME}</xs:simpleType>
  <xs:simpleType name="PersonIdentifierType">
    <xs:restriction base="xs:string"><xs:pattern value="[0-9]{{11}}"/></xs:restriction>
  </xs:simpleType>
  <xs:simpleType name="NihiiType">
    <xs:restriction base="xs:string"><xs:pattern value="[0-9]{{8}}([0-9]{{3}})?"/></xs:restriction>
  </xs:simpleType>
  <xs:simpleType name="CbeType">
    <xs:restriction base="xs:string"><xs:pattern value="[0-9]{{10}}"/></xs:restriction>
  </xs:simpleType>
  <xs:simpleType name="GenderType">
    <xs:restriction base="xs:string"><xs:enumeration value="F"/><xs:enumeration value="M"/></xs:restriction>
  </xs:simpleType>
  <xs:simpleType name="PhoneNumberType">
    <xs:restriction base="xs:string"><xs:maxLength value="30"/></xs:restriction>
  </xs:simpleType>
</xs:schema>
"""

    def _imports(self, folder: str = "") -> str:
        return (
            f'<xs:import namespace="{CORE}" schemaLocation="{folder}commons-core.xsd"/>'
            f'<xs:import namespace="{PROTOCOL}" schemaLocation="{folder}commons-protocol.xsd"/>'
            f'<xs:import namespace="{TYPES}" schemaLocation="{folder}dossier-core.xsd"/>'
        )

    def _schema(self, *parts: str) -> str:
        return (
            f'<xs:schema xmlns:xs="{_XS}" xmlns:d="{OWN}" xmlns:t="{TYPES}" xmlns:p="{PROTOCOL}" '
            f'targetNamespace="{OWN}"{self._form()}>{"".join(parts)}</xs:schema>'
        )

    def _elements(self) -> str:
        return f"""
  <xs:element name="{REQUEST}" type="d:GenerateType"/>
  <xs:element name="{RESPONSE}" type="d:GeneratedType"/>
"""

    def _protocol_types(self) -> str:
        optional = "" if self.requester_required else ' minOccurs="0"'
        return f"""
  <xs:complexType name="GenerateType">
    <xs:complexContent>
      <xs:extension base="p:RequestType">
        <xs:sequence><xs:element name="Criteria" type="d:CriteriaType"/></xs:sequence>
      </xs:extension>
    </xs:complexContent>
  </xs:complexType>
  <xs:complexType name="CriteriaType">
    <xs:sequence>
      <xs:element name="Requester" type="t:RequesterType"{optional}/>
      <xs:element name="Person" type="t:PersonType"/>
    </xs:sequence>
  </xs:complexType>
  <xs:complexType name="GeneratedType">
    <xs:complexContent>
      <xs:extension base="p:StatusResponseType">
        <xs:sequence><xs:element name="CovidDossierIdentifier" type="xs:string" minOccurs="0"/></xs:sequence>
      </xs:extension>
    </xs:complexContent>
  </xs:complexType>
"""

    def files(self) -> Mapping[str, str]:
        """Give the schemas by file name; the one called dossier-protocol.xsd leads to all but the errors."""
        files = {
            "commons-core.xsd": _COMMONS_CORE,
            "commons-protocol.xsd": _COMMONS_PROTOCOL,
            "dossier-core.xsd": self._types(),
            "errors-core.xsd": _ERRORS_CORE,
            "errors-soa.xsd": _ERRORS,
            "xml-lang.xsd": _XML_LANG,
        }
        if self.included:
            files["dossier-types.xsd"] = self._schema(self._imports(), self._protocol_types())
            include = '<xs:include schemaLocation="dossier-types.xsd"/>'
            files["dossier-protocol.xsd"] = self._schema(include, self._elements())
        else:
            files["dossier-protocol.xsd"] = self._schema(self._imports(), self._elements(), self._protocol_types())
        return files

    def wsdl(self, address: str) -> str:
        """Write the WSDL."""
        errors = f'<xs:import namespace="{ERRORS}" schemaLocation="schemas/errors-soa.xsd"/>'
        if self.inline:
            own = self._schema(self._imports("schemas/"), self._elements(), self._protocol_types())
            types = f'{own}<xs:schema xmlns:xs="{_XS}">{errors}</xs:schema>'
        else:
            main = f'<xs:import namespace="{OWN}" schemaLocation="schemas/dossier-protocol.xsd"/>'
            types = f'<xs:schema xmlns:xs="{_XS}">{main}{errors}</xs:schema>'
        d, name = self.prefix, self.operation
        return f"""<?xml version="1.0" encoding="UTF-8"?>
<wsdl:definitions name="CovidDossiers" targetNamespace="{OWN}" xmlns:{d}="{OWN}" xmlns:err="{ERRORS}"
    xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
    xmlns:wsp="http://schemas.xmlsoap.org/ws/2004/09/policy"
    xmlns:sp="http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702"
    xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd">
  {_POLICY}
  <wsdl:types>{types}</wsdl:types>
  <wsdl:message name="{REQUEST}"><wsdl:part name="body" element="{d}:{REQUEST}"/></wsdl:message>
  <wsdl:message name="{RESPONSE}"><wsdl:part name="body" element="{d}:{RESPONSE}"/></wsdl:message>
  <wsdl:message name="SystemFailure"><wsdl:part name="fault" element="err:SystemError"/></wsdl:message>
  <wsdl:message name="BusinessFailure"><wsdl:part name="fault" element="err:BusinessError"/></wsdl:message>
  <wsdl:portType name="CovidDossiersPortType">
    <wsdl:operation name="{name}">
      <wsdl:input message="{d}:{REQUEST}"/>
      <wsdl:output message="{d}:{RESPONSE}"/>
      <wsdl:fault name="SystemError" message="{d}:SystemFailure"/>
      <wsdl:fault name="BusinessError" message="{d}:BusinessFailure"/>
    </wsdl:operation>
  </wsdl:portType>
  <wsdl:binding name="CovidDossiersSoapBinding" type="{d}:CovidDossiersPortType">
    <soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
    <wsdl:operation name="{name}">
      <soap:operation soapAction="{self.action}" style="document"/>
      <wsdl:input><wsp:PolicyReference URI="#HolderOfKey"/><soap:body use="literal"/></wsdl:input>
      <wsdl:output><soap:body use="literal"/></wsdl:output>
      <wsdl:fault name="SystemError"><soap:fault name="SystemError" use="literal"/></wsdl:fault>
      <wsdl:fault name="BusinessError"><soap:fault name="BusinessError" use="literal"/></wsdl:fault>
    </wsdl:operation>
  </wsdl:binding>
  <wsdl:service name="CovidDossiersService">
    <wsdl:port name="CovidDossiersPort" binding="{d}:CovidDossiersSoapBinding">
      <soap:address location={quoteattr(address)}/>
    </wsdl:port>
  </wsdl:service>
</wsdl:definitions>
"""

    def write(self, folder: Path) -> etree.XMLSchema:
        """Write the schemas below a folder and compile them."""
        schemas = folder / "schemas"
        schemas.mkdir(parents=True)
        for name, text in self.files().items():
            if not (self.inline and name == "dossier-protocol.xsd"):
                (schemas / name).write_text(text, encoding="utf-8")
        everything = schemas / ".compiled.xsd" if self.inline else schemas / "dossier-protocol.xsd"
        if self.inline:
            everything.write_text(self.files()["dossier-protocol.xsd"], encoding="utf-8")
        compiled = etree.XMLSchema(etree.parse(everything))
        if self.inline:
            everything.unlink()
        return compiled

    # --------------------------------------------------------------------------------------------------- messages

    def request(
        self,
        person: Mapping[str, str],
        requester: Mapping[str, str] | None = None,
        identifier: str | None = None,
        instant: str | None = None,
    ) -> str:
        """Write a request; the person has members like LastName, the requester one of ssin, nihii and cbe."""
        d, t = ("d:", "t:") if self.qualified else ("", "")

        def tag(prefix: str, name: str, inner: str) -> str:
            return f"<{prefix}{name}>{inner}</{prefix}{name}>"

        asked = ""
        for kind, value in (requester or {}).items():
            if kind == "ssin":
                inner = tag(t, "Ssin", value) if self.wrapped_person else value
                asked += tag(t, "PersonIdentifier", inner)
            else:
                asked += tag(t, "InstitutionIdentifier", tag(t, kind.capitalize(), value))
        if requester is not None or self.requester_required:
            asked = tag(d, "Requester", asked)
        named = "".join(tag(t, name, escape(value)) for name, value in person.items())
        attributes = "" if identifier is None else f' Id="{identifier}"'
        attributes += f' IssueInstant="{instant or datetime.now(UTC).isoformat(timespec="milliseconds")}"'
        content = tag(d, "Criteria", asked + tag(d, "Person", named))
        return f'<d:{REQUEST} xmlns:d="{OWN}" xmlns:t="{TYPES}"{attributes}>{content}</d:{REQUEST}>'


def fresh_id() -> str:
    """Make an identifier which is an xs:ID."""
    return "_" + str(uuid.uuid4())
