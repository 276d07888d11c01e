"""Says in words why a connection fails or an answer is no HTTP/1.1, where the cause is known.

The environment's proxy is looked at to say that it is not used, and for nothing else. Must not open sockets.
"""

import os
import re
import ssl
from collections.abc import Mapping

_PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "http_proxy")
_HTTP2_FRAME = re.compile(rb"\x00..[\x04\x07]", re.DOTALL)
"""The head of a SETTINGS or GOAWAY frame, by which an HTTP/2 server begins (RFC 9113, 3.4 and 4.1)."""
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")
_WANTS_CERTIFICATE = ("CERTIFICATE_REQUIRED",)
_NO_COMMON_GROUND = ("PROTOCOL_VERSION", "HANDSHAKE_FAILURE", "NO_SHARED_CIPHER")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def tls_words(error: ssl.SSLError) -> str:
    """Return why TLS failed, in words where its reason has one meaning, with OpenSSL's name for it."""
    reason = str(error.reason or "").upper()
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not hold: {error.verify_message}"
    if any(word in reason for word in _WANTS_CERTIFICATE):
        return f"it wants a client certificate ({reason})"
    if any(word in reason for word in _NO_TLS):
        return f"the port speaks no TLS ({reason}): check scheme and port"
    if any(word in reason for word in _NO_COMMON_GROUND):
        return (
            f"it refuses the handshake ({reason}): TLS 1.2 or 1.3 is needed on both sides, "
            "and it may want a client certificate"
        )
    return str(error)


def speaks_http2(received: bytes) -> bool:
    """Tell whether what came instead of an answer is the beginning of HTTP/2."""
    return _HTTP2_FRAME.match(received) is not None


def unused_proxy(host: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return in words that the environment names a proxy, which is not used; "" where it names none, or of loopback."""
    if host in _LOOPBACK:
        return ""
    named = next((name for name in _PROXIES if environment.get(name)), "")
    if not named:
        return ""
    return f"; {named} is set in the environment and is not used: the harness connects directly"
