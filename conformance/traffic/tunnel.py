"""Asks a proxy for a way to a host by CONNECT (RFC 9110, section 9.3.6), within a deadline and size limits.

Whatever a proxy answers says nothing of the host. Must not know TLS nor what goes through the way.
"""

import re
import socket
from http import HTTPStatus

import h11

from conformance import __version__
from conformance.model.exchange import ErrorKind
from conformance.traffic.failure import FailureError, left
from conformance.traffic.proxy import Proxy, bracketed

_LARGEST_HEAD = 64 * 2**10
"""Bytes of an answer's head; those of answers with status 1xx before it count in."""
_CHUNK = 4096
_SCHEME = re.compile(rb"(?:^|,)\s*([A-Za-z][A-Za-z0-9-]{0,19})(?=\s|,|$)")
"""An authentication scheme in a Proxy-Authenticate field (RFC 9110, section 11.7.1)."""
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"')
_WANTS_CREDENTIAL = frozenset(
    {HTTPStatus.PROXY_AUTHENTICATION_REQUIRED, HTTPStatus.UNAUTHORIZED}
)
"""RFC 9110, section 15.5.8, and what tinyproxy answers to a wrong credential instead."""
_CANNOT_REACH = frozenset(
    {
        HTTPStatus.NOT_FOUND,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


def open_tunnel(
    sock: socket.socket, proxy: Proxy, host: str, port: int, deadline: float
) -> None:
    """Have a proxy connect a socket to a host; raises FailureError where it does not."""
    place = f"{bracketed(host)}:{port}"
    answer = _ask(sock, proxy, place, deadline)
    # RFC 9110, section 9.3.6: any status 2xx opens the way.
    if answer.status_code // 100 != HTTPStatus.OK // 100:
        raise _failure(
            f"the proxy {proxy.url} answered CONNECT {place} with {_status(answer)}: "
            f"{_remedy(proxy, place, answer)}"
        )


def _ask(
    sock: socket.socket, proxy: Proxy, place: str, deadline: float
) -> h11.Response:
    """Return a proxy's answer to CONNECT."""
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
    try:
        sock.settimeout(_patience(deadline))
        sock.sendall(_connect(http, proxy, place))
        return _answer(sock, http, proxy, deadline)
    except TimeoutError:
        silence = f"the proxy {proxy.url} did not answer CONNECT {place} in time"
        raise _failure(
            f"{silence}: check {proxy.setting}, and that the proxy can reach {place}"
        ) from None
    except OSError as error:
        raise _failure(
            f"the proxy {proxy.url} closed the connection instead of answering CONNECT {place} "
            f"({error.strerror or error}): {_check(proxy)}"
        ) from None
    except h11.RemoteProtocolError:
        # What h11 quotes may repeat the credential.
        raise _no_http(proxy, place) from None


def _patience(deadline: float) -> float:
    """Return the seconds that are left; raises TimeoutError, as a socket does, where none are."""
    try:
        return left(deadline)
    except FailureError:
        raise TimeoutError from None


def _connect(http: h11.Connection, proxy: Proxy, place: str) -> bytes:
    """Return the request as bytes; the credential is the proxy's own and goes no further (RFC 9110, section 11.7.2)."""
    fields = [("Host", place), ("User-Agent", f"ehealth-conformance/{__version__}")]
    if proxy.authorization:
        fields.append(("Proxy-Authorization", proxy.authorization))
    request = h11.Request(method="CONNECT", target=place, headers=fields)
    return bytes(http.send(request) or b"") + bytes(
        http.send(h11.EndOfMessage()) or b""
    )


def _answer(
    sock: socket.socket, http: h11.Connection, proxy: Proxy, deadline: float
) -> h11.Response:
    """Return the final answer, with whose head the proxy has said all that it may say itself."""
    size = 0
    while True:
        event = http.next_event()
        if isinstance(event, h11.Response):
            return event
        if event is h11.NEED_DATA:
            sock.settimeout(_patience(deadline))
            data = sock.recv(_CHUNK)
            size += len(data)
            if not data:
                raise ConnectionResetError("without an answer")
            if size > _LARGEST_HEAD:
                raise _failure(
                    f"the proxy {proxy.url} sends header fields without end: {_check(proxy)}"
                )
            http.receive_data(data)


def _status(answer: h11.Response) -> str:
    """Return a status with the words that belong to it, and not with those of a proxy."""
    try:
        return f"{answer.status_code} {HTTPStatus(answer.status_code).phrase}"
    except ValueError:
        return str(answer.status_code)


def _remedy(proxy: Proxy, place: str, answer: h11.Response) -> str:
    if answer.status_code in _WANTS_CREDENTIAL:
        return _credential_remedy(proxy, answer)
    if answer.status_code == HTTPStatus.FORBIDDEN:
        return (
            f"it does not let this machine connect to {place}: ask who operates it, or exempt "
            "the host from it by no_proxy"
        )
    if answer.status_code in _CANNOT_REACH:
        return (
            f"it cannot reach {place}, or does not know the name: check the address, else "
            "ask who operates the proxy"
        )
    return _check(proxy)


def _credential_remedy(proxy: Proxy, answer: h11.Response) -> str:
    schemes = _schemes(answer)
    if schemes and "basic" not in map(str.lower, schemes):
        return (
            f"it wants {' or '.join(schemes)}, and the harness speaks Basic only: ask who operates it "
            "for another way, or put a local proxy that speaks it in between"
        )
    if proxy.setting == "proxy":
        where = "proxy.user and proxy.password"
    else:
        where = f"user and password in {proxy.setting}"
    if proxy.authorization:
        return f"it refuses the credential: correct {where}"
    return f"it wants a user and a password: give {where}"


def _schemes(answer: h11.Response) -> list[str]:
    """Return the schemes by which a proxy wants to be asked, a few at most."""
    found: dict[str, None] = {}
    for name, value in answer.headers:
        if name == b"proxy-authenticate":
            found |= {
                scheme.decode("ascii"): None
                for scheme in _SCHEME.findall(_QUOTED.sub(b'""', value))
            }
    return list(found)[:4]


def _check(proxy: Proxy) -> str:
    return f"check that {proxy.setting} names an HTTP proxy that allows CONNECT"


def _no_http(proxy: Proxy, place: str) -> FailureError:
    return _failure(
        f"the proxy {proxy.url} answered CONNECT {place} with something that is no HTTP/1.1: {_check(proxy)}"
    )


def _failure(message: str) -> FailureError:
    return FailureError(ErrorKind.PROXY, message)
