"""Tells whose certificate is out of date where a chain is refused for it, which OpenSSL does not say.

A second handshake, without verification, shows the chain; nothing is sent over it, and it is closed at once.
"""

import contextlib
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

_NOT_YET, _EXPIRED = 9, 10
OUT_OF_DATE = frozenset({_NOT_YET, _EXPIRED})
"""X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL."""


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """A certificate that a server shows: its owner's name, and from when until when it holds (epoch seconds)."""

    name: str
    starts: float
    ends: float

    def problem(self, now: float) -> str:
        """Return in words how it is out of date, "" where it is not."""
        if self.ends < now:
            return f"that of {self.name!r} ended on {_day(self.ends)}"
        if self.starts > now:
            return f"that of {self.name!r} begins on {_day(self.starts)}"
        return ""


def shown_chain(
    sock: socket.socket, host: str, seconds: float
) -> tuple[ShownCertificate, ...]:
    """Return the certificates that a server shows, its own first; none where that cannot be seen. Closes the socket."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    # This context only looks at the chain that a verifying one has refused, and nothing is sent over it.
    context.verify_mode = ssl.CERT_NONE
    with contextlib.closing(sock):
        try:
            sock.settimeout(seconds)
            with context.wrap_socket(sock, server_hostname=host) as secure:
                rows = _unverified(secure)
        except OSError:
            return ()
    return tuple(map(_shown, rows))


def _unverified(secure: ssl.SSLSocket) -> Sequence[Any]:
    """Return a connection's certificates as OpenSSL has them; the public way to them begins with Python 3.13."""
    try:
        return secure._sslobj.get_unverified_chain() or ()  # type: ignore[attr-defined]  # noqa: SLF001 - as above
    except AttributeError:
        return ()


def _shown(certificate: Any) -> ShownCertificate:  # noqa: ANN401 - a type of the ssl module's own
    info = certificate.get_info()
    return ShownCertificate(
        _name(info),
        ssl.cert_time_to_seconds(info["notBefore"]),
        ssl.cert_time_to_seconds(info["notAfter"]),
    )


def _name(info: Mapping[str, Any]) -> str:
    """Return the most telling name of a certificate's owner."""
    parts = dict(chain.from_iterable(info.get("subject", ())))
    return str(
        parts.get("commonName") or parts.get("organizationName") or "nobody named"
    )[:100]


def whose_date(shown: Sequence[ShownCertificate], now: float | None = None) -> str:
    """Return in words whose certificate is out of date, "" where no chain could be seen."""
    if not shown:
        return ""
    now = time.time() if now is None else now
    own, *others = shown
    if own.problem(now):
        return own.problem(now)
    late = next(filter(None, (row.problem(now) for row in others)), "")
    if late:
        return f"{late}; it is an intermediate one, and the server's own holds until {_day(own.ends)}"
    return "none that the server sends, but that of an authority above them"


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
