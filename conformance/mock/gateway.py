"""A gateway that verifies SOAP requests as carefully as it can before a service sees them.

Sources: SOAP 1.1, WS-I Basic Profile 1.1, WS-Security 1.1 with the SAML Token Profile 1.1, and the error catalogue of a
cookbook. What is checked stands in `conformance.checks.secured_request`; the gateway refuses by the first problem.
Must not know any service.
"""

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from lxml import etree
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from conformance.checks.request_problem import RequestProblem, soap_problem
from conformance.checks.secured_request import leaving_out, name_of
from conformance.checks.soap_request import (
    LARGEST,
    NO_OPERATION,
    UNFORESEEN,
    Check,
    ExpectedRequest,
    Incoming,
    request_problems,
)
from conformance.mock.iam_connect.routes import read_body
from conformance.mock.service import demand_known, exchange_request
from conformance.model.contract import ErrorCode
from conformance.model.exchange import Request
from conformance.soap.markup import Element, serialise
from conformance.soap.message import CONTENT_TYPE
from conformance.soap.names import ERRORS, SOAP, XML
from conformance.soap.security.saml import Assertion
from conformance.soap.xsd.contract import SoapOperation

ENVIRONMENT: Final = "Test"
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that passed: its operation, the element in its Body, and who sent it (None: nothing told)."""

    operation: SoapOperation
    request: Element
    assertion: Assertion | None


class SoapRefusalError(Exception):
    """A request is refused for a problem, which is told by a fault."""

    def __init__(self, problem: RequestProblem) -> None:
        """Keep the problem."""
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Gateway:
    """What stands before a service: what it expects of a request, and which checks it makes, in their order.

    `clock` gives the time in UTC.
    """

    expected: ExpectedRequest
    clock: Callable[[], datetime]
    checks: tuple[Check, ...]

    def without(self, *names: str) -> "Gateway":
        """Return a gateway that leaves out some checks; raises LookupError where there is no such check."""
        demand_known(names, map(name_of, self.checks))
        return replace(self, checks=leaving_out(self.checks, names))

    def receive(self, message: Request) -> Accepted:
        """Return a request that passes all checks.

        Raises for the first problem: HTTPException where a status alone refuses it, else SoapRefusalError.
        """
        incoming = Incoming(message, self.expected, self.clock())
        for problem in request_problems(incoming, self.checks):
            raise refusal_for(problem)
        request, operation = incoming.request, incoming.operation
        if request is None or operation is None:
            raise SoapRefusalError(_nothing_asked())
        return Accepted(operation, request, incoming.assertion)


def refusal_for(problem: RequestProblem) -> HTTPException | SoapRefusalError:
    """Return the error by which a request with a problem is refused."""
    if problem.code is not None:
        return SoapRefusalError(problem)
    # RFC 9110, section 15.5.6: 405 names the methods that are allowed.
    by_method = problem.status == HTTPStatus.METHOD_NOT_ALLOWED
    allow = {"Allow": "POST"} if by_method else None
    return HTTPException(problem.status, problem.reason, allow)


def _nothing_asked() -> RequestProblem:
    """Return the problem of a request that passes the checks but names no operation, since some are left out."""
    reason = "it asks for nothing that is known"
    return soap_problem("operation_known", NO_OPERATION, reason)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An ASGI application that answers each HTTP request at its address."""

    answer: Callable[[Request], Response]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read a request of at most LARGEST bytes, and answer it."""
        request = HttpRequest(scope, receive)
        message = exchange_request(request, await read_body(request, LARGEST))
        await self.answer(message)(scope, receive, send)


def answering(
    gateway: Gateway,
    serve: Callable[[Accepted], bytes],
    tell: Callable[[RequestProblem], bytes],
) -> Callable[[Request], Response]:
    """Return a handler that serves a request or answers with a SOAP fault.

    It raises HTTPException alone, for what is no matter of SOAP.
    """

    def answer(message: Request) -> Response:
        try:
            return respond(serve(gateway.receive(message)))
        except HTTPException:
            raise
        except SoapRefusalError as error:
            problem = error.problem
        except Exception as error:  # noqa: BLE001 - no message may take the platform down
            reason = f"unforeseen {type(error).__name__}"
            problem = soap_problem("unforeseen", UNFORESEEN, reason)
        return respond(tell(problem), problem.status)

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


def error_fault(errors: Mapping[str, ErrorCode], problem: RequestProblem) -> bytes:
    """Return the fault of a catalogue's code: who is to blame and what it means come from there, if it has the code."""
    own = problem.code or UNFORESEEN
    entry = errors.get(own, ErrorCode(own, "Service error", ""))
    origin = entry.component or "Provider"
    detail = etree.Element(
        f"{{{ERRORS}}}SystemError", {"Id": str(uuid.uuid4())}, nsmap={"soa": ERRORS}
    )
    etree.SubElement(detail, "Origin").text = origin
    etree.SubElement(detail, "Code").text = entry.code
    words = etree.SubElement(detail, "Message", {f"{{{XML}}}lang": "en"})
    words.text = _NO_XML.sub("?", f"{entry.message}: {problem.reason}")
    etree.SubElement(detail, f"{{{ERRORS}}}Environment").text = ENVIRONMENT
    code = problem.fault or ("Client" if origin == "Consumer" else "Server")
    return fault(f"soapenv:{code}", f"{entry.code}: {entry.message}", detail)


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
