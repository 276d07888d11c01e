"""Says in words why a connection fails or an answer is no HTTP/1.1, where the cause is known.

The environment's proxy is looked at to say that it is not used, and for nothing else. Must not open sockets.
"""

import os
import re
import ssl
from collections.abc import Mapping

from conformance.traffic.proxy import Proxy, named_by_environment

_HTTP2_FRAME = re.compile(rb"\x00..[\x04\x07]", re.DOTALL)
"""The head of a SETTINGS or GOAWAY frame, by which an HTTP/2 server begins (RFC 9113, 3.4 and 4.1)."""
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")
_WANTS_CERTIFICATE = ("CERTIFICATE_REQUIRED",)
_REFUSES_CERTIFICATE = (
    "ALERT_BAD_CERTIFICATE",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_CERTIFICATE_REVOKED",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_UNSUPPORTED_CERTIFICATE",
    "ALERT_UNKNOWN_CA",
    "ALERT_ACCESS_DENIED",
)
CLIENT_REMEDY = "name its key store as tls.client in the target file"
_NO_COMMON_GROUND = ("PROTOCOL_VERSION", "HANDSHAKE_FAILURE", "NO_SHARED_CIPHER")


def tls_words(error: ssl.SSLError, late: str = "") -> str:
    """Return why TLS failed, in words where its reason has one meaning, with OpenSSL's name for it.

    `late` says whose certificate is out of date, where that is why.
    """
    reason = str(error.reason or "").upper()
    if isinstance(error, ssl.SSLCertVerificationError):
        whose = f": {late}" if late else ""
        return f"its certificate does not hold: {error.verify_message}{whose}"
    if any(word in reason for word in _WANTS_CERTIFICATE):
        return f"it wants a client certificate ({reason}): {CLIENT_REMEDY}"
    if any(word in reason for word in _REFUSES_CERTIFICATE):
        return (
            f"it refuses the client certificate, or wants one ({reason}): check tls.client in the target file, "
            "and ask the gateway's operator which certificates are admitted"
        )
    if any(word in reason for word in _NO_TLS):
        return f"the port speaks no TLS ({reason}): check scheme and port"
    if any(word in reason for word in _NO_COMMON_GROUND):
        return (
            f"it refuses the handshake ({reason}): TLS 1.2 or 1.3 is needed on both sides, "
            f"and it may want a client certificate: {CLIENT_REMEDY}"
        )
    return str(error)


def speaks_http2(received: bytes) -> bool:
    """Tell whether what came instead of an answer is the beginning of HTTP/2."""
    return _HTTP2_FRAME.match(received) is not None


def unused_proxy(
    host: str, environment: Mapping[str, str] = os.environ, *, port: int = 443
) -> str:
    """Return in words that the environment names a proxy, which is not used; "" where it names none for that host."""
    named = named_by_environment(environment)
    if named is None or not Proxy("", 0, named.exempt).leads_to(host, port):
        return ""
    return (
        f"; {named.variable} is set in the environment and is not used: the harness connects directly; "
        "write `proxy: env` into the target file to go through that proxy"
    )
