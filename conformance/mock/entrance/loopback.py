"""Answers only what was meant for this machine, and no web page of elsewhere.

A page in a browser of this machine reaches loopback too: by a name of its own that resolves to it (DNS rebinding), or
across origins. Must not know what is served.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

CONTROLS: Final = "/local"
"""Below this path the platform itself is told what to do: for programs alone, never for a page."""

_LOOPBACK: Final = r"(?:localhost\.?|127\.0\.0\.1|\[::1\])(?::[0-9]{0,5})?"
_HOST: Final = re.compile(_LOOPBACK, re.ASCII | re.IGNORECASE)
_ORIGIN: Final = re.compile(f"https?://{_LOOPBACK}", re.ASCII | re.IGNORECASE)
_Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Stranger:
    """Why a request is not let in, with the status that says so."""

    status: HTTPStatus
    reason: str


@dataclass(frozen=True, slots=True)
class LoopbackOnly:
    """An ASGI application that lets another one answer what comes from this machine."""

    application: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it in JSON."""
        stranger = stranger_of(scope["path"], scope["headers"])
        if stranger is None:
            await self.application(scope, receive, send)
            return
        refusal = JSONResponse({"error": stranger.reason}, stranger.status)
        await refusal(scope, receive, send)


def stranger_of(path: str, headers: _Headers) -> Stranger | None:
    """Return why a request is not for this platform; None where it is. Names of headers are in lower case."""
    headers = list(headers)
    hosts, origins = _values(headers, b"host"), _values(headers, b"origin")
    # RFC 9110, section 7.4: a server that is not meant answers 421.
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
        return Stranger(
            HTTPStatus.MISDIRECTED_REQUEST,
            "the Host header must be localhost, 127.0.0.1 or [::1], with or without a port",
        )
    if origins and (path == CONTROLS or path.startswith(f"{CONTROLS}/")):
        return Stranger(
            HTTPStatus.FORBIDDEN,
            f"{CONTROLS} is not for web pages: ask without an Origin header",
        )
    if not all(map(_ORIGIN.fullmatch, origins)):
        return Stranger(
            HTTPStatus.FORBIDDEN,
            "the Origin header must be one of this machine (http://localhost, any port) or be left out",
        )
    return None


def _values(headers: _Headers, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key == name]
