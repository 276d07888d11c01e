"""What is wrong with a SOAP request before its security is looked at: HTTP, XML, SOAP 1.1, WS-I, WSDL.

Each check looks at one thing; one whose subject is missing passes, because another one demands the subject.
Must not know any service.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final, Protocol

from cryptography import x509
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from conformance.soap.markup import (
    Element,
    XmlError,
    children,
    local,
    namespace,
    parse,
    serialise,
    text,
)
from conformance.soap.names import DS, SOAP, WSSE, WSU, XML
from conformance.soap.security.saml import Assertion, read_element
from conformance.soap.security.wss import ASSERTION, SAML_ID, WSU_ID
from conformance.soap.xsd.contract import SoapOperation
from conformance.soap.xsd.schemas import SchemaProblem

LARGEST: Final = 2**20
"""Bytes that a message may have."""
TOLERANCE: Final = timedelta(minutes=5)
"""Between the caller's clock and this one (cookbooks, section 6.2)."""
UNFORESEEN, UNAUTHENTICATED, UNAUTHORISED = "SOA-00001", "SOA-01001", "SOA-01002"
MALFORMED, NO_SOAP, NO_BODY, NO_WSI = "SOA-03001", "SOA-03002", "SOA-03003", "SOA-03004"
NO_OPERATION, INVALID = "SOA-03005", "SOA-03006"

IDS: Final = (WSU_ID, "Id", "ID", "id", SAML_ID, f"{{{XML}}}id")
"""Attributes that somebody might take for an element's id."""
_CHARSETS: Final = frozenset({"", "utf-8", "utf-16"})
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_OF_ATTRIBUTE = re.compile(r"\battribute '")
"""What libxml2 says of an attribute."""
_OF_VALUE = re.compile(r"\[facet |is not a valid value")
"""What libxml2 says of a text."""
_QUOTED = re.compile(r'"([^"]*)"')
_NEXT: Final = "http://schemas.xmlsoap.org/soap/actor/next"
"""The actor that is whoever gets the message next (SOAP 1.1, section 4.2.2)."""
SECURITY, TIMESTAMP, SIGNATURE = (
    f"{{{WSSE}}}Security",
    f"{{{WSU}}}Timestamp",
    f"{{{DS}}}Signature",
)


class SoapRefusalError(Exception):
    """A message is refused with a code of the catalogue; `fault` is SOAP's own code where it demands one."""

    def __init__(self, code: str, reason: str, fault: str = "") -> None:
        """Keep the code and the reason."""
        super().__init__(code, reason, fault)
        self.code, self.reason, self.fault = code, reason, fault


@dataclass(frozen=True, slots=True)
class Call:
    """An HTTP request as it came."""

    method: str
    headers: Headers
    body: bytes


class ExpectedRequest(Protocol):
    """What a request is held against: the operations and schema of a WSDL, and whose assertions are trusted.

    `problems` says what keeps an element of a body from being valid; `trusted` are certificates of the STS `issuer`, or
    of the authority above.
    """

    @property
    def operations(self) -> Sequence[SoapOperation]:
        """Return the operations of the WSDL."""

    @property
    def problems(self) -> Callable[[Element], Sequence[SchemaProblem]]:
        """Return what tells why an element is not valid."""

    @property
    def trusted(self) -> Sequence[x509.Certificate]:
        """Return the certificates that assertions are verified by."""

    @property
    def issuer(self) -> str:
        """Return the issuer that assertions name."""


@dataclass(slots=True)
class Incoming:
    """A request under examination; what it holds is looked up when first asked for, None where it is not there."""

    call: Call
    expected: "ExpectedRequest"
    now: datetime
    _root: Element | None = None
    _assertion: Assertion | None = None

    @property
    def root(self) -> Element:
        """Return the document's root; raises XmlError."""
        if self._root is None:
            self._root = parse(self.call.body)
        return self._root

    @property
    def header(self) -> Element | None:
        """Return the envelope's Header."""
        return self.root.find(self.named("Header"))

    @property
    def body(self) -> Element | None:
        """Return the envelope's Body, the only one that is ever processed."""
        return self.root.find(self.named("Body"))

    @property
    def request(self) -> Element | None:
        """Return the element in the Body."""
        return next(iter(children(self.body)), None) if self.body is not None else None

    @property
    def operation(self) -> SoapOperation | None:
        """Return the operation that the element in the Body asks for."""
        asked = self.request
        return next(
            (
                one
                for one in self.expected.operations
                if asked is not None and one.request == asked.tag
            ),
            None,
        )

    @property
    def action(self) -> str | None:
        """Return the SOAPAction without quotes."""
        return (
            self.call.headers["soapaction"].strip(' "')
            if "soapaction" in self.call.headers
            else None
        )

    @property
    def security(self) -> Element | None:
        """Return the Security header."""
        return self.header.find(SECURITY) if self.header is not None else None

    @property
    def timestamp(self) -> Element | None:
        """Return the Timestamp of the Security header, the only one that is ever looked at."""
        return self.secured(TIMESTAMP)

    @property
    def signature(self) -> Element | None:
        """Return the message's Signature."""
        return self.secured(SIGNATURE)

    @property
    def token(self) -> Element | None:
        """Return the assertion's element."""
        return self.secured(ASSERTION)

    @property
    def assertion(self) -> Assertion | None:
        """Return what the assertion says; raises SamlError."""
        if self._assertion is None and self.token is not None:
            self._assertion = read_element(self.token, serialise(self.token))
        return self._assertion

    def named(self, name: str) -> str:
        """Return the tag of a part of the envelope, which is in the same namespace."""
        return f"{{{namespace(self.root)}}}{name}"

    def secured(self, tag: str) -> Element | None:
        """Return the Security header's first child of a tag."""
        return self.security.find(tag) if self.security is not None else None

    def moment(self, name: str) -> datetime | None:
        """Return when the Timestamp was Created, or Expires."""
        found = (
            self.timestamp.find(f"{{{WSU}}}{name}")
            if self.timestamp is not None
            else None
        )
        return _moment(text(found)) if found is not None else None


Check = Callable[[Incoming], None]
"""Looks at one thing; raises RefusalError, or HTTPException where it is no matter of SOAP."""


def posted(incoming: Incoming) -> None:
    """Demand POST (R1132)."""
    if incoming.call.method != "POST":
        raise HTTPException(
            HTTPStatus.METHOD_NOT_ALLOWED, "messages are posted", {"Allow": "POST"}
        )


def media_type(incoming: Incoming) -> None:
    """Demand the media type text/xml (SOAP 1.1, section 6), in an encoding of R1012."""
    given = incoming.call.headers.getlist("content-type")
    kind, _, parameters = given[0].partition(";") if len(given) == 1 else ("", "", "")
    charset = re.search(r"charset\s*=\s*\"?([^\";\s]*)", parameters, re.IGNORECASE)
    if (
        kind.strip().lower() != "text/xml"
        or (charset[1].lower() if charset else "") not in _CHARSETS
    ):
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "the message must be text/xml in UTF-8 or UTF-16",
        )


def size(incoming: Incoming) -> None:
    """Demand LARGEST bytes at most."""
    if len(incoming.call.body) > LARGEST:
        raise HTTPException(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"more than {LARGEST} bytes are not accepted",
        )


def well_formed(incoming: Incoming) -> None:
    """Demand XML without DTD (SOAP 1.1, section 3)."""
    try:
        _ = incoming.root
    except XmlError as error:
        raise SoapRefusalError(MALFORMED, str(error)) from None


def encoding(incoming: Incoming) -> None:
    """Demand UTF-8 or UTF-16 (R1012), whatever else is known here."""
    declared = incoming.root.getroottree().docinfo.encoding or ""
    if declared.lower() not in _CHARSETS:
        raise SoapRefusalError(NO_WSI, f"the message is in {declared}")


def soap_envelope(incoming: Incoming) -> None:
    """Demand an Envelope of SOAP 1.1; one of another version has a fault code of its own (section 4.4.1)."""
    if incoming.root.tag != f"{{{SOAP}}}Envelope":
        other = "VersionMismatch" if local(incoming.root) == "Envelope" else ""
        raise SoapRefusalError(NO_SOAP, "the root is no Envelope of SOAP 1.1", other)


def soap_body(incoming: Incoming) -> None:
    """Demand a Body with something in it."""
    if incoming.body is None or incoming.request is None:
        raise SoapRefusalError(NO_BODY, "there is no Body with an element in it")


def one_body(incoming: Incoming) -> None:
    """Demand at most one Header, then one Body, then nothing (SOAP 1.1, section 4; R1011)."""
    header, body = incoming.named("Header"), incoming.named("Body")
    if [one.tag for one in children(incoming.root)] not in ([body], [header, body]):
        raise SoapRefusalError(
            NO_WSI, "the Envelope has other children than a Header and a Body"
        )


def one_request(incoming: Incoming) -> None:
    """Demand one element in the Body at most (R2201)."""
    if incoming.body is not None and len(children(incoming.body)) > 1:
        raise SoapRefusalError(NO_WSI, "the Body has more than one element")


def no_instructions(incoming: Incoming) -> None:
    """Refuse processing instructions (R1009)."""
    if incoming.root.xpath("//processing-instruction()"):
        raise SoapRefusalError(NO_WSI, "there is a processing instruction")


def headers_understood(incoming: Incoming) -> None:
    """Refuse headers that have to be understood, but Security (SOAP 1.1, sections 4.2.3 and 4.4.1)."""
    for one in children(incoming.header) if incoming.header is not None else ():
        ours = one.get(f"{{{SOAP}}}actor", _NEXT) in {"", _NEXT}
        if (
            ours
            and one.get(f"{{{SOAP}}}mustUnderstand") in {"1", "true"}
            and one.tag != SECURITY
        ):
            raise SoapRefusalError(
                NO_WSI, f"the header {local(one)} is not understood", "MustUnderstand"
            )


def action_quoted(incoming: Incoming) -> None:
    """Demand one SOAPAction, in quotes (R1109)."""
    given = incoming.call.headers.getlist("soapaction")
    if len(given) != 1 or not _QUOTED.fullmatch(given[0].strip()):
        raise SoapRefusalError(NO_WSI, "there is not one SOAPAction in quotes")


def action_known(incoming: Incoming) -> None:
    """Demand a SOAPAction of the WSDL (R2744)."""
    if incoming.action is not None and incoming.action not in {
        one.action for one in incoming.expected.operations
    }:
        raise SoapRefusalError(NO_WSI, "the SOAPAction is none of the WSDL's")


def operation_known(incoming: Incoming) -> None:
    """Demand that the element in the Body is an operation's request by the WSDL."""
    if incoming.request is not None and incoming.operation is None:
        raise SoapRefusalError(
            NO_OPERATION, f"no operation takes {incoming.request.tag!r}"
        )


def action_fits(incoming: Incoming) -> None:
    """Demand the SOAPAction of the operation whose request the Body holds (R2744)."""
    known = incoming.action in {one.action for one in incoming.expected.operations}
    if (
        known
        and incoming.operation is not None
        and incoming.operation.action != incoming.action
    ):
        raise SoapRefusalError(NO_WSI, "the SOAPAction is that of another operation")


def elements_valid(incoming: Incoming) -> None:
    """Demand in the Body the elements of the WSDL's schemas, each where it belongs."""
    _demand_valid(
        incoming,
        lambda words: not (_OF_ATTRIBUTE.search(words) or _OF_VALUE.search(words)),
    )


def attributes_valid(incoming: Incoming) -> None:
    """Demand in the Body the attributes of the WSDL's schemas, with values of their types."""
    _demand_valid(incoming, lambda words: _OF_ATTRIBUTE.search(words) is not None)


def values_valid(incoming: Incoming) -> None:
    """Demand in the Body elements whose values are of their types."""
    _demand_valid(
        incoming,
        lambda words: _OF_VALUE.search(words) and not _OF_ATTRIBUTE.search(words),
    )


def _demand_valid(incoming: Incoming, concerns: Callable[[str], object]) -> None:
    problems = (
        incoming.expected.problems(incoming.request)
        if incoming.request is not None
        else ()
    )
    found = next((one.message for one in problems if concerns(one.message)), None)
    if found is not None:
        raise SoapRefusalError(INVALID, found)


def _moment(said: str) -> datetime | None:
    try:
        return datetime.fromisoformat(said) if _MOMENT.fullmatch(said) else None
    except ValueError:
        return None
