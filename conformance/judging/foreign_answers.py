"""Tells an answer without anything of the contract from the service's own: what stands in front of it answers so.

Must not judge: whether the service is there takes more than one answer.
"""

from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from typing import Any

from conformance.judging.findings import (
    BUSY_STATUSES,
    CREDENTIAL_STATUSES,
    FIRST_ERROR,
    FIRST_REDIRECTION,
    NETWORK_STATUSES,
)
from conformance.judging.likely_cause import is_html, speaks_of_the_way
from conformance.model.exchange import Exchange, Response

_OF_THE_WAY = (
    CREDENTIAL_STATUSES
    | NETWORK_STATUSES.keys()
    | {
        HTTPStatus.NOT_FOUND,
        HTTPStatus.GONE,
        HTTPStatus.MISDIRECTED_REQUEST,
        HTTPStatus.UPGRADE_REQUIRED,
        HTTPStatus.HTTP_VERSION_NOT_SUPPORTED,
    }
)
"""Statuses that tell by themselves of a wrong address, a credential, or a server of another kind."""
_REDIRECTIONS = frozenset({300, 301, 302, 303, 307, 308})
"""Statuses that lead elsewhere (RFC 9110, 15.4); 304 answers a condition, which no plain request has."""
_NEVER = BUSY_STATUSES | {HTTPStatus.INTERNAL_SERVER_ERROR}
"""Statuses that do not tell of a wrong way: of load, and the service's own."""


def is_foreign_to_rest(
    response: Response,
    documented: Collection[int],
    has_error_shape: Callable[[Response], bool],
) -> bool:
    """Tell whether an answer is no document of an operation, nor an error of the contract.

    `documented` are the operation's statuses; `has_error_shape` tells whether a body is one of the contract's errors.
    A refusal of who asks has no shape that would make it the service's own.
    """
    status = response.status
    if status in CREDENTIAL_STATUSES or status in NETWORK_STATUSES:
        return True
    if status in _NEVER:
        return False
    if status < FIRST_REDIRECTION:
        return is_html(response)
    if status < FIRST_ERROR and status in documented:
        return False
    return _tells_of_the_way(response) and not has_error_shape(response)


def is_foreign_to_soap(response: Response) -> bool:
    """Tell whether an answer has nothing of a message: a page, or a refusal without an envelope.

    A 500 is the service's own, with a fault or without (SOAP 1.1, section 6.2).
    """
    if response.status in _NEVER:
        return False
    if response.status < FIRST_REDIRECTION:
        return is_html(response)
    is_message = b"Envelope" in response.body
    return not is_message and _tells_of_the_way(response)


def _tells_of_the_way(response: Response) -> bool:
    """Tell whether an answer may come of a wrong way: by its status, or since a page came with it.

    400, 405, 406 or 415 without a page is a service's own that wants something else than the plain request.
    """
    status = response.status
    if status in _REDIRECTIONS or status in _OF_THE_WAY:
        return True
    is_of_client = FIRST_ERROR <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return is_of_client and (is_html(response) or speaks_of_the_way(response))


def is_plain_message(response: Response) -> bool:
    """Tell at a glance that an answer is a SOAP message and no fault, as most are."""
    return b"Envelope" in response.body and b"Fault" not in response.body


def is_resource(document: object, schema: Mapping[str, Any]) -> bool:
    """Tell whether a document may be one of a schema: a list for a list, an object with a member that is documented."""
    match schema.get("type"):
        case "array":
            return isinstance(document, list)
        case "object":
            members = schema.get("properties", {})
            return isinstance(document, dict) and any(
                map(members.__contains__, document)
            )
        case _:
            return True


def is_page_of_refusal(response: Response) -> bool:
    """Tell whether a page came with a status that refuses, as filters send it; a 500 is a service's own."""
    is_refusal = response.status >= FIRST_ERROR and response.status not in _NEVER
    return is_refusal and is_html(response)


def is_page_for_json(exchange: Exchange, response: Response) -> bool:
    """Tell whether a page for a browser came in answer to a request that asks for JSON: no resource of the service."""
    is_success = response.status < FIRST_REDIRECTION
    return is_success and asks_for_json(exchange) and is_html(response)


def asks_for_json(exchange: Exchange) -> bool:
    """Tell whether a request asks for JSON (RFC 9110, 12.5.1)."""
    return "json" in ",".join(exchange.request.values("Accept"))
