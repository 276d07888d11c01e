"""Reviews what a connection shows of its other end: whether it can be had, TLS, certificate, clock.

Must not send more than a handshake.
"""

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from conformance.model.exchange import Response
from conformance.review.remarks import (
    CLOCK_TOLERANCE,
    SOON,
    Remark,
    certificate_end,
    name_of,
    span,
)
from conformance.review.subject import ReviewSubject
from conformance.traffic.diagnosis import tls_words, unused_proxy

_HANDSHAKE_REMEDIES = {  # X509_V_ERR_... of OpenSSL
    9: "its certificate is not valid yet: compare this machine's clock, else tell the operator",
    10: "its certificate has expired: tell the operator, who must renew it; compare this machine's clock too",
    18: "put the certificate that signs it into a file and name it as tls.ca_file, if you trust it",
    19: "put the authority's certificate into a file and name it as tls.ca_file, if you trust it",
    20: "name the authority's certificate as tls.ca_file, or tell the operator to send the intermediate certificates",
    21: "tell the operator to send the intermediate certificates, or name the authority's as tls.ca_file",
    62: "use the host name for which the certificate was issued",
    64: "use the host name for which the certificate was issued",
}


def connection_remarks(
    subject: ReviewSubject, address: str, tls: ssl.SSLContext, where: str
) -> Iterator[Remark]:
    """Yield whether a host can be reached, and over TLS what it shows of itself."""
    url = urlsplit(address)
    host, port = str(url.hostname), url.port or (443 if url.scheme == "https" else 80)
    place = f"{host}:{port}"
    try:
        with closing(
            socket.create_connection((host, port), subject.target.limits.timeout)
        ) as bare:
            if url.scheme == "https":
                with closing(tls.wrap_socket(bare, server_hostname=host)) as sock:
                    yield from _certificate_remarks(subject, f"{where}{place}", sock)
    except OSError as error:
        topic, message, remedy = _refusal(
            error, host, place, subject.target.limits.timeout
        )
        yield subject.remark("error", topic, where + message, remedy)


def _refusal(
    error: OSError, host: str, place: str, timeout: float
) -> tuple[str, str, str]:
    """Return topic, message and remedy of a connection that fails."""
    match error:
        case ssl.SSLCertVerificationError():
            message = (
                f"the certificate of {place} does not hold: {error.verify_message}"
            )
            remedy = _HANDSHAKE_REMEDIES.get(
                error.verify_code,
                "tell the operator, or name its authority as tls.ca_file",
            )
            return "tls", message, remedy
        case ssl.SSLError():
            message = f"no TLS with {place}: {tls_words(error)}"
            return (
                "tls",
                message,
                "check scheme and port; TLS 1.2 or 1.3 is needed on both sides",
            )
        case socket.gaierror():
            message = f"the name {host} cannot be resolved{unused_proxy(host)}"
            return (
                "reachability",
                message,
                "correct the address, or this machine's name service",
            )
        case TimeoutError():
            message = f"no connection to {place} within {timeout:g} seconds{unused_proxy(host)}"
            return (
                "reachability",
                message,
                "open the firewall for it, or raise limits.timeout",
            )
    message = f"no connection to {place}: {error.strerror or error}{unused_proxy(host)}"
    return "reachability", message, "check host and port, and that the service is up"


def _certificate_remarks(
    subject: ReviewSubject, place: str, sock: ssl.SSLSocket
) -> Iterator[Remark]:
    certificate: Mapping[str, Any] = sock.getpeercert() or {}
    ends = certificate_end(certificate)
    left = ends - subject.now
    message = (
        f"{place} speaks {sock.version()}; its certificate by {name_of(certificate.get('issuer'))} "
        f"ends on {ends:%Y-%m-%d}, in {left.days} days"
    )
    if left < SOON:
        yield subject.remark(
            "warning", "tls", message, "tell the operator to renew it in time"
        )
    else:
        yield subject.remark("note", "tls", message, "nothing to do")


def clock_remarks(
    subject: ReviewSubject,
    answer: Response,
    before: datetime,
    after: datetime,
    where: str = "",
) -> Iterator[Remark]:
    """Yield by how much this machine's clock is off the service's, in one direction or the other."""
    text = answer.header("Date")
    try:
        date = parsedate_to_datetime(text or "")
    except ValueError:
        message = "the answer has no Date header"
        if text is not None:
            message = f"the Date header is no date: {text[:40]!r}"
        remedy = "compare this machine's clock with another source"
        yield subject.remark("note", "clock", where + message, remedy)
        return
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    ahead = date < before
    off = before - date if ahead else date - after
    if off > CLOCK_TOLERANCE:
        direction = "ahead of" if ahead else "behind"
        message = f"this machine's clock is {span(off.total_seconds())} {direction} the service's (Date header)"
        yield subject.remark(
            "error",
            "clock",
            where + message,
            "set this machine's clock by NTP; else tell the operator",
        )
