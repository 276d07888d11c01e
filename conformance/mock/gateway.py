"""A gateway that verifies SOAP requests as carefully as it can before a service sees them.

Sources: SOAP 1.1, WS-I Basic Profile 1.1, WS-Security 1.1 with the SAML Token Profile 1.1, and the error catalogue of a
cookbook. Each check is a function of its own in CHECKS and looks at one thing; a check whose subject is missing passes,
because another one demands the subject. Must not know any service.
"""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from cryptography import x509
from lxml import etree
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from conformance.checks.soap_request import (
    LARGEST,
    NO_OPERATION,
    UNFORESEEN,
    Call,
    Check,
    Incoming,
    SoapRefusalError,
    action_fits,
    action_known,
    action_quoted,
    attributes_valid,
    elements_valid,
    encoding,
    headers_understood,
    media_type,
    no_instructions,
    one_body,
    one_request,
    operation_known,
    posted,
    size,
    soap_body,
    soap_envelope,
    values_valid,
    well_formed,
)
from conformance.checks.wss import (
    assertion_genuine,
    assertion_in_time,
    assertion_issuer,
    assertion_readable,
    attributes_granted,
    body_signed,
    holder_certificate,
    holder_of_key,
    key_of_assertion,
    one_assertion,
    one_security,
    one_signature,
    one_timestamp,
    signature_holds,
    signature_plain,
    timestamp_alive,
    timestamp_begun,
    timestamp_complete,
    timestamp_ordered,
    timestamp_signed,
    unique_ids,
)
from conformance.mock.iam import read_body
from conformance.mock.service import demand_known
from conformance.model.contract import ErrorCode
from conformance.soap.markup import Element, serialise
from conformance.soap.message import CONTENT_TYPE
from conformance.soap.names import ERRORS, SOAP, XML
from conformance.soap.security.saml import Assertion
from conformance.soap.xsd.contract import SoapOperation
from conformance.soap.xsd.schemas import SchemaProblem

ENVIRONMENT: Final = "Test"
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that passed: its operation, the element in its Body, and who sent it (None: nothing told)."""

    operation: SoapOperation
    request: Element
    assertion: Assertion | None


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
        return replace(
            self,
            checks=tuple(check for check in self.checks if name_of(check) not in names),
        )

    def receive(self, call: Call) -> Accepted:
        """Return a request that passes all checks; raises RefusalError or HTTPException for the first that fails."""
        incoming = Incoming(call, self, self.clock())
        for check in self.checks:
            check(incoming)
        request, operation = incoming.request, incoming.operation
        if request is None or operation is None:
            raise SoapRefusalError(NO_OPERATION, "it asks for nothing that is known")
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
    gateway: Gateway,
    serve: Callable[[Accepted], bytes],
    tell: Callable[[SoapRefusalError], bytes],
) -> Callable[[Call], Response]:
    """Return what answers calls: with the service's message or, whatever happens, with the fault that tells why not."""

    def answer(call: Call) -> Response:
        try:
            return respond(serve(gateway.receive(call)))
        except HTTPException:
            raise
        except SoapRefusalError as error:
            refusal = error
        except Exception as error:  # noqa: BLE001 - no message may take the platform down
            refusal = SoapRefusalError(UNFORESEEN, f"unforeseen {type(error).__name__}")
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


def fault(
    code: str,
    reason: str,
    detail: Element | None = None,
    nsmap: Mapping[str, str] | None = None,
) -> bytes:
    """Return a SOAP 1.1 fault in an envelope; `code` is a qualified name, its prefix soapenv or one of `nsmap`."""
    element = etree.Element(
        f"{{{SOAP}}}Fault", nsmap={"soapenv": SOAP, **(nsmap or {})}
    )
    etree.SubElement(element, "faultcode").text = code
    etree.SubElement(element, "faultstring").text = _NO_XML.sub("?", reason)
    if detail is not None:
        etree.SubElement(element, "detail").append(detail)
    return envelope(element)


def error_fault(errors: Mapping[str, ErrorCode], refusal: SoapRefusalError) -> bytes:
    """Return the fault of a catalogue's code: who is to blame and what it means come from there, if it has the code."""
    entry = errors.get(refusal.code, ErrorCode(refusal.code, "Service error", ""))
    origin = entry.component or "Provider"
    detail = etree.Element(
        f"{{{ERRORS}}}SystemError", {"Id": str(uuid.uuid4())}, nsmap={"soa": ERRORS}
    )
    etree.SubElement(detail, "Origin").text = origin
    etree.SubElement(detail, "Code").text = entry.code
    said = etree.SubElement(detail, "Message", {f"{{{XML}}}lang": "en"})
    said.text = _NO_XML.sub("?", f"{entry.message}: {refusal.reason}")
    etree.SubElement(detail, f"{{{ERRORS}}}Environment").text = ENVIRONMENT
    code = refusal.fault or ("Client" if origin == "Consumer" else "Server")
    return fault(f"soapenv:{code}", f"{entry.code}: {entry.message}", detail)


MESSAGE_CHECKS: Final[tuple[Check, ...]] = (
    *(posted, media_type, size, well_formed),
    *(
        soap_envelope,
        encoding,
        soap_body,
        one_body,
        one_request,
        no_instructions,
        headers_understood,
    ),
    *(action_quoted, action_known, operation_known, action_fits),
    *(one_security, unique_ids, one_timestamp),
    *(timestamp_complete, timestamp_ordered, timestamp_begun, timestamp_alive),
)
"""What every secured SOAP message is checked for, in this order."""

CHECKS: Final[tuple[Check, ...]] = (
    *MESSAGE_CHECKS,
    *(one_assertion, one_signature),
    *(
        assertion_readable,
        assertion_genuine,
        assertion_issuer,
        assertion_in_time,
        holder_of_key,
        holder_certificate,
    ),
    *(
        signature_plain,
        key_of_assertion,
        body_signed,
        timestamp_signed,
        signature_holds,
    ),
    *(attributes_granted, elements_valid, attributes_valid, values_valid),
)
"""What a message with an assertion is checked for, in this order."""


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
