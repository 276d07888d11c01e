"""A gateway that verifies SOAP requests as carefully as it can before a service sees them.

Sources: SOAP 1.1, WS-I Basic Profile 1.1, WS-Security 1.1 with the SAML Token Profile 1.1, and the error catalogue of a
cookbook. Each check is a function of its own in CHECKS and looks at one thing; a check whose subject is missing passes,
because another one demands the subject. Must not know any service.
"""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from conformance.mock.authority import in_time
from conformance.mock.iam import read_body
from conformance.mock.service import demand_known
from conformance.model.contract import ErrorCode
from conformance.soap.markup import Element, XmlError, children, local, namespace, parse, serialise, text
from conformance.soap.message import CONTENT_TYPE
from conformance.soap.names import (
    DS,
    ERRORS,
    EXCLUSIVE,
    HOLDER_OF_KEY,
    SAML_ASSERTION_ID,
    SOAP,
    WSSE,
    WSU,
    XML,
)
from conformance.soap.security.saml import Assertion, SamlError, read_element, signature_problem
from conformance.soap.security.wss import ASSERTION, SAML_ID, WSU_ID, SignatureError, identified, references, verify
from conformance.soap.xsd.contract import SoapOperation
from conformance.soap.xsd.schemas import SchemaProblem

LARGEST: Final = 2**20
"""Bytes that a message may have."""
TOLERANCE: Final = timedelta(minutes=5)
"""Between the caller's clock and this one (cookbooks, section 6.2)."""
ENVIRONMENT: Final = "Test"
UNFORESEEN, UNAUTHENTICATED, UNAUTHORISED = "SOA-00001", "SOA-01001", "SOA-01002"
MALFORMED, NO_SOAP, NO_BODY, NO_WSI = "SOA-03001", "SOA-03002", "SOA-03003", "SOA-03004"
NO_OPERATION, INVALID = "SOA-03005", "SOA-03006"

_IDS: Final = (WSU_ID, "Id", "ID", "id", SAML_ID, f"{{{XML}}}id")
"""Attributes that somebody might take for an element's id."""
_CHARSETS: Final = frozenset({"", "utf-8", "utf-16"})
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})")
_OF_ATTRIBUTE = re.compile(r"\battribute '")
"""What libxml2 says of an attribute."""
_OF_VALUE = re.compile(r"\[facet |is not a valid value")
"""What libxml2 says of a text."""
_QUOTED = re.compile(r'"([^"]*)"')
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NEXT: Final = "http://schemas.xmlsoap.org/soap/actor/next"
"""The actor that is whoever gets the message next (SOAP 1.1, section 4.2.2)."""
_SECURITY, _TIMESTAMP, _SIGNATURE = f"{{{WSSE}}}Security", f"{{{WSU}}}Timestamp", f"{{{DS}}}Signature"


class RefusalError(Exception):
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


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that passed: its operation, the element in its Body, and who sent it (None: nothing told)."""

    operation: SoapOperation
    request: Element
    assertion: Assertion | None


@dataclass(slots=True)
class Incoming:
    """A request under examination; what it holds is looked up when first asked for, None where it is not there."""

    call: Call
    gateway: "Gateway"
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
        return next((one for one in self.gateway.operations if asked is not None and one.request == asked.tag), None)

    @property
    def action(self) -> str | None:
        """Return the SOAPAction without quotes."""
        return self.call.headers["soapaction"].strip(' "') if "soapaction" in self.call.headers else None

    @property
    def security(self) -> Element | None:
        """Return the Security header."""
        return self.header.find(_SECURITY) if self.header is not None else None

    @property
    def timestamp(self) -> Element | None:
        """Return the Timestamp of the Security header, the only one that is ever looked at."""
        return self.secured(_TIMESTAMP)

    @property
    def signature(self) -> Element | None:
        """Return the message's Signature."""
        return self.secured(_SIGNATURE)

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
        found = self.timestamp.find(f"{{{WSU}}}{name}") if self.timestamp is not None else None
        return _moment(text(found)) if found is not None else None


Check = Callable[[Incoming], None]
"""Looks at one thing; raises RefusalError, or HTTPException where it is no matter of SOAP."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """What stands before a service: its operations and schema, whose assertions are trusted, and what is checked.

    `problems` says what keeps an element of a body from being valid; `trusted` are certificates of the STS `issuer`, or
    of the authority above; `clock` gives the time in UTC.
    """

    operations: Sequence[SoapOperation]
    problems: Callable[[Element], Sequence[SchemaProblem]]
    trusted: Sequence[x509.Certificate]
    issuer: str
    clock: Callable[[], datetime]
    checks: tuple[Check, ...]

    def without(self, *names: str) -> "Gateway":
        """Return a gateway that leaves out some checks; raises LookupError where there is no such check."""
        demand_known(names, map(name_of, self.checks))
        return replace(self, checks=tuple(check for check in self.checks if name_of(check) not in names))

    def receive(self, call: Call) -> Accepted:
        """Return a request that passes all checks; raises RefusalError or HTTPException for the first that fails."""
        incoming = Incoming(call, self, self.clock())
        for check in self.checks:
            check(incoming)
        request, operation = incoming.request, incoming.operation
        if request is None or operation is None:
            raise RefusalError(NO_OPERATION, "it asks for nothing that is known")
        return Accepted(operation, request, incoming.assertion)


def name_of(check: Check) -> str:
    """Return the name of a check."""
    return str(getattr(check, "__name__", ""))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An ASGI application that answers each HTTP request at its address."""

    answer: Callable[[Call], Response]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read a request of at most LARGEST bytes, and answer it."""
        request = Request(scope, receive)
        call = Call(request.method, request.headers, await read_body(request, LARGEST))
        await self.answer(call)(scope, receive, send)


def answering(
    gateway: Gateway, serve: Callable[[Accepted], bytes], tell: Callable[[RefusalError], bytes]
) -> Callable[[Call], Response]:
    """Return what answers calls: with the service's message or, whatever happens, with the fault that tells why not."""

    def answer(call: Call) -> Response:
        try:
            return respond(serve(gateway.receive(call)))
        except HTTPException:
            raise
        except RefusalError as error:
            refusal = error
        except Exception as error:  # noqa: BLE001 - no message may take the platform down
            refusal = RefusalError(UNFORESEEN, f"unforeseen {type(error).__name__}")
        return respond(tell(refusal), HTTPStatus.INTERNAL_SERVER_ERROR)

    return answer


def respond(message: bytes, status: int = HTTPStatus.OK) -> Response:
    """Return a message as HTTP has it (WS-I Basic Profile 1.1: R1111, R1126)."""
    return Response(message, status, {"Content-Type": CONTENT_TYPE})


def envelope(content: Element) -> bytes:
    """Return a SOAP 1.1 envelope around an element."""
    root = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soapenv": SOAP})
    etree.SubElement(root, f"{{{SOAP}}}Body").append(content)
    return serialise(root)


def fault(code: str, reason: str, detail: Element | None = None, nsmap: Mapping[str, str] | None = None) -> bytes:
    """Return a SOAP 1.1 fault in an envelope; `code` is a qualified name, its prefix soapenv or one of `nsmap`."""
    element = etree.Element(f"{{{SOAP}}}Fault", nsmap={"soapenv": SOAP, **(nsmap or {})})
    etree.SubElement(element, "faultcode").text = code
    etree.SubElement(element, "faultstring").text = _NO_XML.sub("?", reason)
    if detail is not None:
        etree.SubElement(element, "detail").append(detail)
    return envelope(element)


def error_fault(errors: Mapping[str, ErrorCode], refusal: RefusalError) -> bytes:
    """Return the fault of a catalogue's code: who is to blame and what it means come from there, if it has the code."""
    entry = errors.get(refusal.code, ErrorCode(refusal.code, "Service error", ""))
    origin = entry.component or "Provider"
    detail = etree.Element(f"{{{ERRORS}}}SystemError", {"Id": str(uuid.uuid4())}, nsmap={"soa": ERRORS})
    etree.SubElement(detail, "Origin").text = origin
    etree.SubElement(detail, "Code").text = entry.code
    said = etree.SubElement(detail, "Message", {f"{{{XML}}}lang": "en"})
    said.text = _NO_XML.sub("?", f"{entry.message}: {refusal.reason}")
    etree.SubElement(detail, f"{{{ERRORS}}}Environment").text = ENVIRONMENT
    code = refusal.fault or ("Client" if origin == "Consumer" else "Server")
    return fault(f"soapenv:{code}", f"{entry.code}: {entry.message}", detail)


# HTTP (SOAP 1.1, section 6; WS-I Basic Profile 1.1, section 3.4)


def posted(incoming: Incoming) -> None:
    """Demand POST (R1132)."""
    if incoming.call.method != "POST":
        raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, "messages are posted", {"Allow": "POST"})


def media_type(incoming: Incoming) -> None:
    """Demand the media type text/xml (SOAP 1.1, section 6), in an encoding of R1012."""
    given = incoming.call.headers.getlist("content-type")
    kind, _, parameters = given[0].partition(";") if len(given) == 1 else ("", "", "")
    charset = re.search(r"charset\s*=\s*\"?([^\";\s]*)", parameters, re.IGNORECASE)
    if kind.strip().lower() != "text/xml" or (charset[1].lower() if charset else "") not in _CHARSETS:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the message must be text/xml in UTF-8 or UTF-16")


def size(incoming: Incoming) -> None:
    """Demand LARGEST bytes at most."""
    if len(incoming.call.body) > LARGEST:
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {LARGEST} bytes are not accepted")


# XML and SOAP


def well_formed(incoming: Incoming) -> None:
    """Demand XML without DTD (SOAP 1.1, section 3)."""
    try:
        _ = incoming.root
    except XmlError as error:
        raise RefusalError(MALFORMED, str(error)) from None


def encoding(incoming: Incoming) -> None:
    """Demand UTF-8 or UTF-16 (R1012), whatever else is known here."""
    declared = incoming.root.getroottree().docinfo.encoding or ""
    if declared.lower() not in _CHARSETS:
        raise RefusalError(NO_WSI, f"the message is in {declared}")


def soap_envelope(incoming: Incoming) -> None:
    """Demand an Envelope of SOAP 1.1; one of another version has a fault code of its own (section 4.4.1)."""
    if incoming.root.tag != f"{{{SOAP}}}Envelope":
        other = "VersionMismatch" if local(incoming.root) == "Envelope" else ""
        raise RefusalError(NO_SOAP, "the root is no Envelope of SOAP 1.1", other)


def soap_body(incoming: Incoming) -> None:
    """Demand a Body with something in it."""
    if incoming.body is None or incoming.request is None:
        raise RefusalError(NO_BODY, "there is no Body with an element in it")


def one_body(incoming: Incoming) -> None:
    """Demand at most one Header, then one Body, then nothing (SOAP 1.1, section 4; R1011)."""
    header, body = incoming.named("Header"), incoming.named("Body")
    if [one.tag for one in children(incoming.root)] not in ([body], [header, body]):
        raise RefusalError(NO_WSI, "the Envelope has other children than a Header and a Body")


def one_request(incoming: Incoming) -> None:
    """Demand one element in the Body at most (R2201)."""
    if incoming.body is not None and len(children(incoming.body)) > 1:
        raise RefusalError(NO_WSI, "the Body has more than one element")


def no_instructions(incoming: Incoming) -> None:
    """Refuse processing instructions (R1009)."""
    if incoming.root.xpath("//processing-instruction()"):
        raise RefusalError(NO_WSI, "there is a processing instruction")


def headers_understood(incoming: Incoming) -> None:
    """Refuse headers that have to be understood, but Security (SOAP 1.1, sections 4.2.3 and 4.4.1)."""
    for one in children(incoming.header) if incoming.header is not None else ():
        ours = one.get(f"{{{SOAP}}}actor", _NEXT) in {"", _NEXT}
        if ours and one.get(f"{{{SOAP}}}mustUnderstand") in {"1", "true"} and one.tag != _SECURITY:
            raise RefusalError(NO_WSI, f"the header {local(one)} is not understood", "MustUnderstand")


def action_quoted(incoming: Incoming) -> None:
    """Demand one SOAPAction, in quotes (R1109)."""
    given = incoming.call.headers.getlist("soapaction")
    if len(given) != 1 or not _QUOTED.fullmatch(given[0].strip()):
        raise RefusalError(NO_WSI, "there is not one SOAPAction in quotes")


def action_known(incoming: Incoming) -> None:
    """Demand a SOAPAction of the WSDL (R2744)."""
    if incoming.action is not None and incoming.action not in {one.action for one in incoming.gateway.operations}:
        raise RefusalError(NO_WSI, "the SOAPAction is none of the WSDL's")


def operation_known(incoming: Incoming) -> None:
    """Demand that the element in the Body is an operation's request by the WSDL."""
    if incoming.request is not None and incoming.operation is None:
        raise RefusalError(NO_OPERATION, f"no operation takes {incoming.request.tag!r}")


def action_fits(incoming: Incoming) -> None:
    """Demand the SOAPAction of the operation whose request the Body holds (R2744)."""
    known = incoming.action in {one.action for one in incoming.gateway.operations}
    if known and incoming.operation is not None and incoming.operation.action != incoming.action:
        raise RefusalError(NO_WSI, "the SOAPAction is that of another operation")


# WS-Security: what there is


def one_security(incoming: Incoming) -> None:
    """Demand one Security header in the whole message, a child of the Header."""
    _demand_only(incoming.root, _SECURITY, incoming.header)


def unique_ids(incoming: Incoming) -> None:
    """Refuse ids that occur twice, whatever attribute gives them."""
    try:
        identified(incoming.root, _IDS)
    except SignatureError as error:
        raise RefusalError(UNAUTHENTICATED, str(error)) from None


def one_timestamp(incoming: Incoming) -> None:
    """Demand one Timestamp in the whole message, a child of Security (WS-Security 1.1, section 10)."""
    _demand_only(incoming.root, _TIMESTAMP, incoming.security)


def one_assertion(incoming: Incoming) -> None:
    """Demand one SAML 1.1 assertion in the whole message, a child of Security."""
    _demand_only(incoming.root, ASSERTION, incoming.security)


def one_signature(incoming: Incoming) -> None:
    """Demand one Signature besides the assertion's own, a child of Security."""
    security, token = incoming.security, incoming.token
    parents = [one.getparent() for one in incoming.root.iter(_SIGNATURE)]
    others = [parent for parent in parents if token is None or parent is not token]
    _demand(len(others) == 1 and others[0] is security, "there is not one Signature in Security")


# WS-Security: the Timestamp


def timestamp_complete(incoming: Incoming) -> None:
    """Demand a Timestamp with one Created and one Expires, each with a time zone."""
    if incoming.timestamp is None:
        return
    names = sorted(local(one) for one in children(incoming.timestamp))
    if names != ["Created", "Expires"] or None in map(incoming.moment, names):
        raise RefusalError(UNAUTHENTICATED, "the Timestamp has not one Created and one Expires")


def timestamp_ordered(incoming: Incoming) -> None:
    """Demand a Timestamp that does not expire before it was created."""
    created, expires = incoming.moment("Created"), incoming.moment("Expires")
    if created is not None and expires is not None and expires < created:
        raise RefusalError(UNAUTHENTICATED, "the Timestamp expires before it was created")


def timestamp_begun(incoming: Incoming) -> None:
    """Refuse a Timestamp from the future, but for the tolerance."""
    created = incoming.moment("Created")
    if created is not None and created - incoming.now > TOLERANCE:
        raise RefusalError(UNAUTHENTICATED, "the Timestamp was created in the future")


def timestamp_alive(incoming: Incoming) -> None:
    """Refuse a Timestamp that has expired, but for the tolerance."""
    expires = incoming.moment("Expires")
    if expires is not None and incoming.now - expires > TOLERANCE:
        raise RefusalError(UNAUTHENTICATED, "the Timestamp has expired")


# WS-Security: the assertion


def assertion_readable(incoming: Incoming) -> None:
    """Demand an assertion that can be read, with the certificate in it."""
    try:
        _ = incoming.assertion
    except SamlError as error:
        raise RefusalError(UNAUTHENTICATED, f"the assertion: {error}") from None


def assertion_genuine(incoming: Incoming) -> None:
    """Demand the assertion as the STS signed it (cookbooks, section 5.1.2)."""
    if incoming.token is not None:
        problem = signature_problem(incoming.token, incoming.gateway.trusted)
        _demand(not problem, f"the assertion: {problem}")


def assertion_issuer(incoming: Incoming) -> None:
    """Demand an assertion that says that the STS issued it."""
    if incoming.assertion is not None:
        _demand(incoming.assertion.issuer == incoming.gateway.issuer, "the assertion has another issuer than the STS")


def assertion_in_time(incoming: Incoming) -> None:
    """Demand an assertion that has a beginning and an end, and holds now."""
    if (told := incoming.assertion) is not None:
        _demand(told.not_before is not None and told.not_on_or_after is not None, "the assertion has no limits in time")
        problem = told.time_problem(incoming.now)
        _demand(not problem, f"the assertion: {problem}")


def holder_of_key(incoming: Incoming) -> None:
    """Demand an assertion for the holder of a key, and nobody else (SAML Token Profile 1.1, section 3.5.1)."""
    if incoming.assertion is not None:
        _demand(set(incoming.assertion.methods) == {HOLDER_OF_KEY}, "the assertion is not for the holder of a key")


def holder_certificate(incoming: Incoming) -> None:
    """Demand the holder's certificate in the assertion, a valid one."""
    if incoming.assertion is not None:
        data = incoming.assertion.certificate
        valid = bool(data) and in_time(x509.load_der_x509_certificate(data), incoming.now)
        _demand(valid, "the assertion has no certificate of its holder that is valid")


# WS-Security: the signature


def signature_plain(incoming: Incoming) -> None:
    """Demand a signature that selects parts by their ids, canonicalises them, and does nothing else."""
    if incoming.signature is None:
        return
    try:
        found = references(incoming.signature)
    except SignatureError as error:
        raise RefusalError(UNAUTHENTICATED, str(error)) from None
    _demand(all(one.transforms == (EXCLUSIVE,) for one in found), "the signature has other transforms than one")


def key_of_assertion(incoming: Incoming) -> None:
    """Demand a KeyInfo that refers to the assertion, and to it alone (SAML Token Profile 1.1, section 3.3)."""
    if incoming.signature is None or incoming.token is None:
        return
    own = incoming.token.get(SAML_ID, "")
    kind, named = key_reference(incoming.signature)
    _demand((kind, named) in {(SAML_ASSERTION_ID, own), ("", f"#{own}")}, "the signature's key is not the assertion's")


def body_signed(incoming: Incoming) -> None:
    """Demand that the signature covers the Body that is processed."""
    demand_covered(incoming, incoming.body, "Body")


def timestamp_signed(incoming: Incoming) -> None:
    """Demand that the signature covers the Timestamp that is looked at."""
    demand_covered(incoming, incoming.timestamp, "Timestamp")


def signature_holds(incoming: Incoming) -> None:
    """Demand that the signature holds by the holder's key, over Body, Timestamp, assertion and nothing else."""
    if incoming.assertion is not None and incoming.token is not None:
        data = incoming.assertion.certificate
        certificate = x509.load_der_x509_certificate(data) if data else None
        demand_signature(incoming, certificate, {incoming.token.get(SAML_ID, ""): incoming.token})


# Authorisation and content


def attributes_granted(incoming: Incoming) -> None:
    """Demand certified booleans that are true, other certified attributes that are not empty (section 5.1.1)."""
    problems = incoming.assertion.attribute_problems() if incoming.assertion is not None else []
    if problems:
        raise RefusalError(UNAUTHORISED, "; ".join(problems))


def elements_valid(incoming: Incoming) -> None:
    """Demand in the Body the elements of the WSDL's schemas, each where it belongs."""
    _demand_valid(incoming, lambda words: not (_OF_ATTRIBUTE.search(words) or _OF_VALUE.search(words)))


def attributes_valid(incoming: Incoming) -> None:
    """Demand in the Body the attributes of the WSDL's schemas, with values of their types."""
    _demand_valid(incoming, lambda words: _OF_ATTRIBUTE.search(words) is not None)


def values_valid(incoming: Incoming) -> None:
    """Demand in the Body elements whose values are of their types."""
    _demand_valid(incoming, lambda words: _OF_VALUE.search(words) and not _OF_ATTRIBUTE.search(words))


def _demand_valid(incoming: Incoming, concerns: Callable[[str], object]) -> None:
    problems = incoming.gateway.problems(incoming.request) if incoming.request is not None else ()
    found = next((one.message for one in problems if concerns(one.message)), None)
    if found is not None:
        raise RefusalError(INVALID, found)


MESSAGE_CHECKS: Final[tuple[Check, ...]] = (
    *(posted, media_type, size, well_formed),
    *(soap_envelope, encoding, soap_body, one_body, one_request, no_instructions, headers_understood),
    *(action_quoted, action_known, operation_known, action_fits),
    *(one_security, unique_ids, one_timestamp),
    *(timestamp_complete, timestamp_ordered, timestamp_begun, timestamp_alive),
)
"""What every secured SOAP message is checked for, in this order."""

CHECKS: Final[tuple[Check, ...]] = (
    *MESSAGE_CHECKS,
    *(one_assertion, one_signature),
    *(assertion_readable, assertion_genuine, assertion_issuer, assertion_in_time, holder_of_key, holder_certificate),
    *(signature_plain, key_of_assertion, body_signed, timestamp_signed, signature_holds),
    *(attributes_granted, elements_valid, attributes_valid, values_valid),
)
"""What a message with an assertion is checked for, in this order."""


def key_reference(signature: Element) -> tuple[str, str]:
    """Return by what kind of name a signature's KeyInfo refers to its key, and the name.

    The kind is the ValueType of a KeyIdentifier, "" for a Reference by URI; both are "" where KeyInfo holds anything
    else, or anything more.
    """
    found: list[Element] = signature.findall(f"{{{DS}}}KeyInfo")
    for tag in (f"{{{WSSE}}}SecurityTokenReference", None):
        found = [child for one in found for child in children(one)]
        if len(found) != 1 or (tag and found[0].tag != tag):
            return "", ""
    if found[0].tag == f"{{{WSSE}}}KeyIdentifier":
        return found[0].get("ValueType", "?"), text(found[0])
    return "", found[0].get("URI", "") if found[0].tag == f"{{{WSSE}}}Reference" else ""


def demand_signature(incoming: Incoming, certificate: x509.Certificate | None, more: Mapping[str, Element]) -> None:
    """Raise RefusalError unless the signature holds by a certificate over Body, Timestamp and what is given more."""
    if incoming.signature is None:
        return
    _demand(certificate is not None, "nobody's key is named")
    standing = [one for one in (incoming.body, incoming.timestamp) if one is not None and one.get(WSU_ID)]
    parts = {str(one.get(WSU_ID)): one for one in standing} | dict(more)
    try:
        if certificate is not None:
            verify(incoming.signature, certificate.public_bytes(Encoding.DER), parts)
    except SignatureError as error:
        raise RefusalError(UNAUTHENTICATED, str(error)) from None


def demand_covered(incoming: Incoming, part: Element | None, name: str) -> None:
    """Raise RefusalError unless the signature has a reference to an element by its wsu:Id."""
    if part is None or incoming.signature is None:
        return
    wanted = part.get(WSU_ID)
    uris = {one.get("URI") for one in incoming.signature.iterfind(f"{{{DS}}}SignedInfo/{{{DS}}}Reference")}
    _demand(bool(wanted) and f"#{wanted}" in uris, f"the {name} is not signed")


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def _demand(holds: bool, reason: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise RefusalError(UNAUTHENTICATED, reason)


def _demand_only(root: Element, tag: str, parent: Element | None) -> None:
    found = list(root.iter(tag))
    if len(found) != 1 or found[0].getparent() is not parent:
        raise RefusalError(UNAUTHENTICATED, f"there is not one {etree.QName(tag).localname} where it belongs")


def _moment(said: str) -> datetime | None:
    try:
        return datetime.fromisoformat(said) if _MOMENT.fullmatch(said) else None
    except ValueError:
        return None
