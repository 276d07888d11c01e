"""HTTP messages as values: exact bytes, times, and either an answer or a transport error.

Must not open sockets nor read clocks.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

Headers = tuple[tuple[str, str], ...]
"""Field name and value in the order of the wire; both are Latin-1 text."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it goes out; `url` is absolute and already percent-encoded."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""

    def values(self, name: str) -> tuple[str, ...]:
        """Return all values of a header field; names are case-insensitive (RFC 9110, 5.1)."""
        wanted = name.lower()
        return tuple(value for key, value in self.headers if key.lower() == wanted)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer as it came in.

    `body` is what is kept after content decoding; `length` (bytes) and `sha256` (hex) describe all
    that was read from the wire; `cut` says why reading ended early, "" where the body is whole.
    `informational` counts the 1xx answers before it, `surplus` the bytes after its end.
    """

    status: int
    reason: str
    headers: Headers
    body: bytes
    length: int
    sha256: str
    version: str = "1.1"
    cut: str = ""
    informational: int = 0
    surplus: int = 0

    def header(self, name: str) -> str | None:
        """Return the first value of a header field, or None; names are case-insensitive (RFC 9110, 5.1)."""
        return next(iter(self.values(name)), None)

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values of all lines of a header field, in the order of the wire."""
        wanted = name.lower()
        return tuple(value for key, value in self.headers if key.lower() == wanted)


class ErrorKind(StrEnum):
    """Where in an exchange the transport failed."""

    CONNECT = "connect"
    PROXY = "proxy"
    TLS = "tls"
    TIMEOUT = "timeout"
    CLOSED = "closed"
    PROTOCOL = "protocol"


@dataclass(frozen=True, slots=True)
class TransportFailure:
    """Why there is no answer; `received` keeps the first bytes that came all the same."""

    kind: ErrorKind
    message: str
    received: bytes = b""


class Purpose(StrEnum):
    """What an exchange is for within its case."""

    PROBE = "probe"
    CONTROL = "twin"
    GUARD = "guard"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came of it; `started` is UTC, `elapsed` seconds."""

    id: str
    case: str
    purpose: Purpose
    started: datetime
    elapsed: float
    request: Request
    outcome: Response | TransportFailure

    @property
    def response(self) -> Response | None:
        """Return the answer, or None where the transport failed."""
        return self.outcome if isinstance(self.outcome, Response) else None

    @property
    def failure(self) -> TransportFailure | None:
        """Return the transport's failure, or None where there is an answer."""
        return self.outcome if isinstance(self.outcome, TransportFailure) else None
