"""Reviews what a connection shows of its other end: whether it can be had, TLS, certificate, clock.

Must not send more than a handshake.
"""

import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from conformance.model.exchange import ErrorKind, Response, TransportFailure
from conformance.review.remarks import (
    CLOCK_TOLERANCE,
    SOON,
    Remark,
    certificate_end,
    name_of,
    span,
)
from conformance.review.subject import ReviewSubject
from conformance.traffic.connecting import Route, late_words, open_bare, secured
from conformance.traffic.diagnosis import tls_words
from conformance.traffic.failure import FailureError

_UNKNOWN_AUTHORITY = frozenset({18, 19, 20, 21})
_CLIENT_KEY = "tls.client"
_CHECK = "check host and port, and that the service is up"
_HANDSHAKE_REMEDIES = {  # X509_V_ERR_... of OpenSSL
    9: "it, or one above it, is not valid yet: compare this machine's clock, else tell the operator",
    10: "it, or one above it, has expired: tell the operator, who must renew it; compare this machine's clock too",
    18: "put the certificate that signs it into a file and name it as tls.ca_file, if you trust it",
    19: "put the authority's certificate into a file and name it as tls.ca_file, if you trust it",
    20: "name the authority's certificate as tls.ca_file, or tell the operator to send the intermediate certificates",
    21: "tell the operator to send the intermediate certificates, or name the authority's as tls.ca_file",
    62: "use the host name for which the certificate was issued",
    64: "use the host name for which the certificate was issued",
}


def connection_remarks(
    subject: ReviewSubject, way: Route, where: str
) -> Iterator[Remark]:
    """Yield whether a host can be reached, and over TLS what it shows of itself."""
    place = f"{way.host}:{way.port}"
    deadline = time.monotonic() + subject.target.limits.timeout
    try:
        with closing(open_bare(way, deadline)) as bare:
            if way.tls is not None:
                with closing(secured(bare, way.tls, way.host, deadline)) as sock:
                    yield from _certificate_remarks(
                        subject, f"{where}{place}", way, sock
                    )
    except FailureError as failure:
        topic, message, remedy = _failed(failure, way)
        yield subject.remark("error", topic, where + message, remedy)
    except (OSError, UnicodeError) as error:
        late = late_words(error, way, time.monotonic() + subject.target.limits.timeout)
        topic, message, remedy = _refusal(
            error, way, place, subject.target.limits.timeout, late
        )
        yield subject.remark("error", topic, where + message, remedy)


def unanswered(asked: str, failure: TransportFailure) -> tuple[str, str, str]:
    """Return topic, message and remedy of an answer that did not come."""
    topic, reason, remedy = (
        "reachability",
        failure.message,
        "check the address and that the service is up",
    )
    if failure.kind is ErrorKind.PROXY or _CLIENT_KEY in failure.message:
        reason, _, remedy = failure.message.rpartition(": ")
        topic = "proxy" if failure.kind is ErrorKind.PROXY else "tls"
    return topic, f"no answer to {asked}: {reason}", remedy


def _failed(failure: FailureError, way: Route) -> tuple[str, str, str]:
    """Return topic, message and remedy of a way that a proxy or the name service does not open."""
    message, _, remedy = str(failure).rpartition(": ")
    if failure.kind is ErrorKind.PROXY:
        return "proxy", message, remedy
    if not message:
        message, remedy = remedy, _CHECK
    return "reachability", f"{message}{way.unused}", remedy


def _refusal(
    error: OSError | UnicodeError, way: Route, place: str, timeout: float, late: str
) -> tuple[str, str, str]:
    """Return topic, message and remedy of a connection that fails."""
    match error:
        case ssl.SSLCertVerificationError():
            whose = f": {late}" if late else ""
            message = f"the certificate of {way.place} does not hold: {error.verify_message}{whose}"
            remedy = _HANDSHAKE_REMEDIES.get(
                error.verify_code,
                "tell the operator, or name its authority as tls.ca_file",
            )
            if way.proxy is not None and error.verify_code in _UNKNOWN_AUTHORITY:
                remedy += " (a proxy that opens TLS has an authority of its own)"
            return "tls", message, remedy
        case ssl.SSLError():
            message, _, remedy = tls_words(error).rpartition(": ")
            if _CLIENT_KEY not in remedy:
                message = tls_words(error)
                remedy = "check scheme and port; TLS 1.2 or 1.3 is needed on both sides"
            return "tls", f"no TLS with {way.place}: {message}", remedy
        case socket.gaierror() | UnicodeError():
            message = f"the name {way.host} cannot be resolved{way.unused}"
            return (
                "reachability",
                message,
                "correct the address, or this machine's name service",
            )
        case TimeoutError():
            message = f"no connection to {place} within {timeout:g} seconds{way.unused}"
            return (
                "reachability",
                message,
                "open the firewall for it, or raise limits.timeout",
            )
    message = f"no connection to {place}: {error.strerror or error}{way.unused}"
    return "reachability", message, _CHECK


def _certificate_remarks(
    subject: ReviewSubject, place: str, way: Route, sock: ssl.SSLSocket
) -> Iterator[Remark]:
    certificate: Mapping[str, Any] = sock.getpeercert() or {}
    ends = certificate_end(certificate)
    left = ends - subject.now
    message = (
        f"{place}{way.through} speaks {sock.version()}; its certificate by {name_of(certificate.get('issuer'))} "
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
