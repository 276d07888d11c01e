"""What is wrong with a SOAP request before its security is looked at: HTTP, XML, SOAP 1.1, WS-I, WSDL.

Each check looks at one thing and yields every problem of its kind. A check whose subject is missing yields nothing,
because another check demands the subject; so all checks can run on any bytes. Must not know any service.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from cryptography import x509

from conformance.checks.request_problem import (
    RequestProblem,
    http_problem,
    soap_problem,
)
from conformance.model.exchange import Request
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
from conformance.soap.security.saml import Assertion, SamlError, read_element
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
"""Attributes that a reader might take for an element's id."""
_CHARSETS: Final = frozenset({"", "utf-8", "utf-16"})
_CHARSET = re.compile(r"charset\s*=\s*\"?([^\";\s]*)", re.IGNORECASE)
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


@dataclass(frozen=True, slots=True)
class ExpectedRequest:
    """What a request is held against: the operations and schema of a WSDL, and whose assertions are trusted.

    `problems` returns what keeps an element of a body from being valid; `trusted` are certificates of the STS
    `issuer`, or of the authority above.
    """

    operations: Sequence[SoapOperation]
    problems: Callable[[Element], Sequence[SchemaProblem]]
    trusted: Sequence[x509.Certificate]
    issuer: str

    @property
    def actions(self) -> frozenset[str]:
        """Return the SOAPActions of the WSDL."""
        return frozenset(operation.action for operation in self.operations)


@dataclass(slots=True)
class Incoming:
    """A request under examination; what it holds is looked up when first asked for, None where it is not there.

    No lookup raises: a part that cannot be read is None, like one that is missing.
    """

    http: Request
    expected: ExpectedRequest
    now: datetime
    _document: Element | XmlError | None = None
    _saml: Assertion | SamlError | None = None

    @property
    def document(self) -> Element | XmlError:
        """Return the document's root, or why the bytes are no XML document."""
        if self._document is None:
            self._document = _document(self.http.body)
        return self._document

    @property
    def root(self) -> Element | None:
        """Return the document's root."""
        document = self.document
        return None if isinstance(document, XmlError) else document

    @property
    def envelope(self) -> Element | None:
        """Return the root where it is an Envelope, of whatever version of SOAP."""
        root = self.root
        return root if root is not None and local(root) == "Envelope" else None

    @property
    def header(self) -> Element | None:
        """Return the envelope's Header."""
        return self._member("Header")

    @property
    def body(self) -> Element | None:
        """Return the envelope's Body, the only one that is ever processed."""
        return self._member("Body")

    @property
    def request(self) -> Element | None:
        """Return the element in the Body."""
        return next(iter(children(self.body)), None) if self.body is not None else None

    @property
    def operation(self) -> SoapOperation | None:
        """Return the operation that the element in the Body asks for."""
        asked = self.request
        if asked is None:
            return None
        operations = self.expected.operations
        return next((each for each in operations if each.request == asked.tag), None)

    @property
    def action(self) -> str | None:
        """Return the SOAPAction without quotes."""
        values = self.http.values("SOAPAction")
        return values[0].strip(' "') if values else None

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
    def saml(self) -> Assertion | SamlError | None:
        """Return what the assertion says, or why it cannot be read."""
        if self._saml is None and self.token is not None:
            self._saml = _assertion(self.token)
        return self._saml

    @property
    def assertion(self) -> Assertion | None:
        """Return what the assertion says."""
        saml = self.saml
        return None if isinstance(saml, SamlError) else saml

    def named(self, name: str) -> str:
        """Return the tag of a part of the envelope, which is in the same namespace."""
        space = namespace(self.envelope) if self.envelope is not None else SOAP
        return f"{{{space}}}{name}"

    def secured(self, tag: str) -> Element | None:
        """Return the Security header's first child of a tag."""
        return self.security.find(tag) if self.security is not None else None

    def moment(self, name: str) -> datetime | None:
        """Return when the Timestamp was Created, or Expires."""
        if self.timestamp is None:
            return None
        element = self.timestamp.find(f"{{{WSU}}}{name}")
        return _moment(text(element)) if element is not None else None

    def _member(self, name: str) -> Element | None:
        envelope = self.envelope
        return envelope.find(self.named(name)) if envelope is not None else None


Problems = Iterator[RequestProblem]
Check = Callable[[Incoming], Problems]
"""Looks at one thing and yields every problem of its kind; never raises, whatever has come."""


def request_problems(incoming: Incoming, checks: Iterable[Check]) -> Problems:
    """Yield every problem of a request in the order of the checks; who wants the first alone stops there."""
    for check in checks:
        yield from check(incoming)


def posted(incoming: Incoming) -> Problems:
    """Demand POST (R1132)."""
    if incoming.http.method != "POST":
        status = HTTPStatus.METHOD_NOT_ALLOWED
        yield http_problem("posted", status, "messages are posted")


def media_type(incoming: Incoming) -> Problems:
    """Demand the media type text/xml (SOAP 1.1, section 6), in an encoding of R1012."""
    values = incoming.http.values("Content-Type")
    kind, _, parameters = values[0].partition(";") if len(values) == 1 else ("", "", "")
    charset = _CHARSET.search(parameters)
    is_xml = kind.strip().lower() == "text/xml"
    if not is_xml or (charset[1].lower() if charset else "") not in _CHARSETS:
        status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        reason = "the message must be text/xml in UTF-8 or UTF-16"
        yield http_problem("media_type", status, reason)


def size(incoming: Incoming) -> Problems:
    """Demand LARGEST bytes at most."""
    if len(incoming.http.body) > LARGEST:
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        yield http_problem(
            "size", status, f"more than {LARGEST} bytes are not accepted"
        )


def well_formed(incoming: Incoming) -> Problems:
    """Demand XML without DTD (SOAP 1.1, section 3)."""
    if isinstance(incoming.document, XmlError):
        yield soap_problem("well_formed", MALFORMED, str(incoming.document))


def encoding(incoming: Incoming) -> Problems:
    """Demand UTF-8 or UTF-16 (R1012), whatever else is known here."""
    if incoming.root is None:
        return
    declared = incoming.root.getroottree().docinfo.encoding or ""
    if declared.lower() not in _CHARSETS:
        yield soap_problem("encoding", NO_WSI, f"the message is in {declared}")


def soap_envelope(incoming: Incoming) -> Problems:
    """Demand an Envelope of SOAP 1.1; one of another version has a fault code of its own (section 4.4.1)."""
    if incoming.root is None or incoming.root.tag == f"{{{SOAP}}}Envelope":
        return
    fault = "VersionMismatch" if incoming.envelope is not None else None
    reason = "the root is no Envelope of SOAP 1.1"
    yield soap_problem("soap_envelope", NO_SOAP, reason, fault)


def soap_body(incoming: Incoming) -> Problems:
    """Demand a Body with something in it."""
    if incoming.envelope is not None and incoming.request is None:
        reason = "there is no Body with an element in it"
        yield soap_problem("soap_body", NO_BODY, reason)


def one_body(incoming: Incoming) -> Problems:
    """Demand at most one Header, then one Body, then nothing (SOAP 1.1, section 4; R1011)."""
    if incoming.envelope is None:
        return
    header, body = incoming.named("Header"), incoming.named("Body")
    tags = [child.tag for child in children(incoming.envelope)]
    if tags not in ([body], [header, body]):
        reason = "the Envelope has other children than a Header and a Body"
        yield soap_problem("one_body", NO_WSI, reason)


def one_request(incoming: Incoming) -> Problems:
    """Demand one element in the Body at most (R2201)."""
    if incoming.body is not None and len(children(incoming.body)) > 1:
        reason = "the Body has more than one element"
        yield soap_problem("one_request", NO_WSI, reason)


def no_instructions(incoming: Incoming) -> Problems:
    """Refuse processing instructions (R1009)."""
    if incoming.root is None:
        return
    if incoming.root.xpath("//processing-instruction()"):
        reason = "there is a processing instruction"
        yield soap_problem("no_instructions", NO_WSI, reason)


def headers_understood(incoming: Incoming) -> Problems:
    """Refuse headers that have to be understood, but Security (SOAP 1.1, sections 4.2.3 and 4.4.1)."""
    for block in children(incoming.header) if incoming.header is not None else ():
        # SOAP 1.1, section 4.2.2: a block without actor is for the ultimate recipient.
        for_us = block.get(f"{{{SOAP}}}actor", _NEXT) in {"", _NEXT}
        binding = block.get(f"{{{SOAP}}}mustUnderstand") in {"1", "true"}
        if for_us and binding and block.tag != SECURITY:
            reason = f"the header {local(block)} is not understood"
            yield soap_problem("headers_understood", NO_WSI, reason, "MustUnderstand")


def action_quoted(incoming: Incoming) -> Problems:
    """Demand one SOAPAction, in quotes (R1109)."""
    values = incoming.http.values("SOAPAction")
    if len(values) != 1 or not _QUOTED.fullmatch(values[0].strip()):
        reason = "there is not one SOAPAction in quotes"
        yield soap_problem("action_quoted", NO_WSI, reason)


def action_known(incoming: Incoming) -> Problems:
    """Demand a SOAPAction of the WSDL (R2744)."""
    if incoming.action is None:
        return
    if incoming.action not in incoming.expected.actions:
        reason = "the SOAPAction is none of the WSDL's"
        yield soap_problem("action_known", NO_WSI, reason)


def operation_known(incoming: Incoming) -> Problems:
    """Demand that the element in the Body is an operation's request by the WSDL."""
    if incoming.request is not None and incoming.operation is None:
        reason = f"no operation takes {incoming.request.tag!r}"
        yield soap_problem("operation_known", NO_OPERATION, reason)


def action_fits(incoming: Incoming) -> Problems:
    """Demand the SOAPAction of the operation whose request the Body holds (R2744)."""
    operation, action = incoming.operation, incoming.action
    if operation is None or action not in incoming.expected.actions:
        return
    if operation.action != action:
        reason = "the SOAPAction is that of another operation"
        yield soap_problem("action_fits", NO_WSI, reason)


def elements_valid(incoming: Incoming) -> Problems:
    """Demand in the Body the elements of the WSDL's schemas, each where it belongs."""
    for words in _schema_words(incoming):
        if not _OF_ATTRIBUTE.search(words) and not _OF_VALUE.search(words):
            yield soap_problem("elements_valid", INVALID, words)


def attributes_valid(incoming: Incoming) -> Problems:
    """Demand in the Body the attributes of the WSDL's schemas, with values of their types."""
    for words in _schema_words(incoming):
        if _OF_ATTRIBUTE.search(words):
            yield soap_problem("attributes_valid", INVALID, words)


def values_valid(incoming: Incoming) -> Problems:
    """Demand in the Body elements whose values are of their types."""
    for words in _schema_words(incoming):
        if _OF_VALUE.search(words) and not _OF_ATTRIBUTE.search(words):
            yield soap_problem("values_valid", INVALID, words)


def _schema_words(incoming: Incoming) -> Iterator[str]:
    """Yield what the schema says against the element in the Body."""
    if incoming.request is not None:
        for problem in incoming.expected.problems(incoming.request):
            yield problem.message


def _document(body: bytes) -> Element | XmlError:
    try:
        return parse(body)
    except XmlError as error:
        return error


def _assertion(token: Element) -> Assertion | SamlError:
    try:
        return read_element(token, serialise(token))
    except SamlError as error:
        return error


def _moment(written: str) -> datetime | None:
    try:
        return datetime.fromisoformat(written) if _MOMENT.fullmatch(written) else None
    except ValueError:
        return None
