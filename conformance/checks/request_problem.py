"""What is wrong with a request, as a value; a service refuses by the first, an observer reports all of them.

Must not know HTTP libraries, nor any service.
"""

from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class RequestProblem:
    """A mistake of a request: the check that finds it, the answer that it deserves, and the reason in plain words.

    `status` is the HTTP status of that answer. `code` is the service's own code for it (SOA-01001, VAL002), None where
    the status alone refuses: method, media type, size, access token. `fault` is the local name of SOAP's own fault code
    where SOAP 1.1, section 4.4.1, demands one, else None.
    """

    check: str
    status: int
    code: str | None
    reason: str
    fault: str | None = None


def http_problem(check: str, status: int, reason: str) -> RequestProblem:
    """Return a problem that is refused by an HTTP status alone."""
    return RequestProblem(check, status, None, reason)


def soap_problem(
    check: str, code: str, reason: str, fault: str | None = None
) -> RequestProblem:
    """Return a problem that is refused by a SOAP fault, which has status 500 (WS-I Basic Profile 1.1, R1126)."""
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return RequestProblem(check, status, code, reason, fault)
