"""What the endpoints of the local I.AM Connect read and answer: forms, JSON, and refusals (RFC 6749).

Must not know what is asked for.
"""

import json
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from conformance.mock.iam_connect.people import Form
from conformance.mock.iam_connect.tokens import OAuthError

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}  # RFC 6749, section 5.1


def refusal(error: OAuthError, request: Request) -> Response:
    """Return the answer that tells of an error (RFC 6749, section 5.2)."""
    # RFC 6749, section 5.2: who authenticated by header is told by header.
    by_header = (
        error.status == HTTPStatus.UNAUTHORIZED and "authorization" in request.headers
    )
    challenge = {"WWW-Authenticate": 'Basic realm="I.AM Connect"'} if by_header else {}
    body = {"error": error.error, "error_description": error.description}
    return JSONResponse(body, error.status, NO_STORE | challenge)


def form_fields(text: str) -> Form:
    """Return a form's fields; empty ones are left out, repeated ones refused (RFC 6749, section 3.1)."""
    try:
        pairs = parse_qsl(text, errors="strict", max_num_fields=100)
    except ValueError:
        raise OAuthError("invalid_request", "the request is not a form") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise OAuthError("invalid_request", "a parameter is repeated")
    return form


def json_object(body: bytes) -> dict[str, Any]:
    """Return a body's JSON object; raises OAuthError where it is none."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise OAuthError("invalid_client_metadata", "the body is not a JSON object")
    return data
