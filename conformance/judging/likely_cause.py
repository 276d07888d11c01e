"""Answers that tell of the way to a service and not of the service, with the likely cause and the remedy.

A wrong address, a refused credential, a login page, a gateway that wants a certificate: no contract describes what
they answer. Pure; must not decide whether a service is there, which takes more than one answer.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from conformance.checks.damaged.content_type import media_types
from conformance.judging.findings import CREDENTIAL_STATUSES, NETWORK_STATUSES
from conformance.model.exchange import Response

_LOOKED_AT = 64 * 2**10
"""Bytes of a page that are looked at."""
_LONGEST_TITLE = 60
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{0,300})", re.IGNORECASE)
_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_HTML_START = re.compile(rb"\s*(?:<!doctype html|<html[\s>])", re.IGNORECASE)
_LOGIN = re.compile(
    r"type\s*=\s*[\"']?password|<title[^<]{0,100}"
    r"(?:sign.?in|log.?in|log.?on|authenti|aanmeld|inlog|connexion|identifi|anmeld)",
    re.IGNORECASE,
)
_LONG_NUMBER = re.compile(r"[0-9]{8,}")
"""What may be a person's number."""
_WANTS_CERTIFICATE = re.compile(
    r"(?:ssl|client|required)\s+certificate|certificate\s+(?:is\s+)?required",
    re.IGNORECASE,
)
_WANTS_TLS = re.compile(r"plain http request was sent to https", re.IGNORECASE)
_SSL_CERTIFICATE_STATUSES = frozenset({495, 496})
"""Statuses by which nginx says that a client's certificate does not hold or is missing; no standard has them."""
_OTHER_HTTP_STATUSES = frozenset(
    {HTTPStatus.UPGRADE_REQUIRED, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED}
)
_ON_THE_WAY: Mapping[int, str] = {
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: "ask who operates the network",
    HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED: "log in with a browser first",
}
"""What to do about a proxy or a network on the way."""
_NOT_THERE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_CLIENT_CERTIFICATE = (
    "the gateway wants a client certificate, and none was shown: "
    "name its key store as tls.client in the target file, or ask its operator how clients are admitted"
)
_HTTP2_ONLY = "the address speaks another HTTP than 1.1, HTTP/2 only: ask for one that speaks HTTP/1.1"
_TLS_ONLY = "the port wants TLS: write https:// in the address"


@dataclass(frozen=True, slots=True)
class ForeignAnswer:
    """An answer that no contract describes: `kind` is the same for those that have one cause.

    `seen` says in words what came, `remedy` what is likely wrong and what to do.
    """

    kind: str
    seen: str
    remedy: str


def is_html(response: Response) -> bool:
    """Tell whether an answer is a page for a browser: it begins as one, or is declared as one and begins as markup.

    A document of the service that is merely declared as a page is none.
    """
    if _HTML_START.match(response.body) is not None:
        return True
    is_declared = not _HTML_TYPES.isdisjoint(media_types(response))
    return is_declared and response.body.lstrip().startswith(b"<")


def speaks_of_the_way(response: Response) -> bool:
    """Tell whether an answer says in so many words that a certificate or TLS is wanted."""
    text = response.body[:_LOOKED_AT].decode("latin-1")
    return bool(_own_words(response, text))


def refusal_of(response: Response, address_key: str) -> ForeignAnswer:
    """Return what an answer that is not the service's tells; `address_key` is where the target file has the address."""
    text = response.body[:_LOOKED_AT].decode("latin-1")
    seen = _seen(response, text)
    own = _own_words(response, text)
    if own:
        return ForeignAnswer(own, seen, own)
    status = response.status
    if status // 100 == HTTPStatus.MULTIPLE_CHOICES // 100:
        remedy = (
            f"is {address_key} right? Redirections are not followed: write the address "
            "that the Location leads to, if that is the service's"
        )
        return ForeignAnswer("redirection", seen, remedy)
    if status in CREDENTIAL_STATUSES:
        remedy = (
            "is the credential right, and is this client admitted to the service? "
            f"Else is {address_key} right?"
        )
        return ForeignAnswer("credential", seen, remedy)
    if is_html(response) and status < HTTPStatus.BAD_REQUEST:
        return ForeignAnswer("page", seen, _page_remedy(text, address_key))
    return ForeignAnswer(str(status), seen, _status_remedy(status, address_key))


def _own_words(response: Response, text: str) -> str:
    """Return what an answer says of the way to it in words or statuses that have one meaning, "" for nothing."""
    if response.status in _SSL_CERTIFICATE_STATUSES:
        return _CLIENT_CERTIFICATE
    if response.status in _ON_THE_WAY:
        return f"{NETWORK_STATUSES[response.status]}: {_ON_THE_WAY[response.status]}"
    if response.status in _OTHER_HTTP_STATUSES:
        return _wanted_protocol(response.header("Upgrade") or "")
    if response.status < HTTPStatus.BAD_REQUEST:
        return ""
    if _WANTS_TLS.search(text):
        return _TLS_ONLY
    return _CLIENT_CERTIFICATE if _WANTS_CERTIFICATE.search(text) else ""


def _wanted_protocol(upgrade: str) -> str:
    """Return what a server wants that does not go on in HTTP/1.1 (RFC 9110, 15.5.22 and 15.6.6)."""
    if "tls" in upgrade.lower():
        return _TLS_ONLY
    return _HTTP2_ONLY


def _seen(response: Response, text: str) -> str:
    """Return an answer in words: its status line, and what it carries or where it leads."""
    line = f"{response.status} {response.reason}".strip()
    location = response.header("Location")
    if location is not None and response.status // 100 == 3:  # noqa: PLR2004 - RFC 9110, 15.4
        return f"{line} with Location {_without_query(location)}"
    if is_html(response):
        return f"{line} with {_page(text)}"
    if not response.body.strip():
        return f"{line} without a body"
    return f"{line} with a body that the contract does not have"


def _page(text: str) -> str:
    kind = "a login page" if _LOGIN.search(text) else "an HTML page"
    title = _TITLE.search(text)
    if title is None or not title[1].strip():
        return kind
    words = " ".join(html.unescape(title[1]).split())
    return f"{kind} ({words[:_LONGEST_TITLE]!r})"


def _page_remedy(text: str, address_key: str) -> str:
    if _LOGIN.search(text):
        return f"something in front of the service wants a login: is {address_key} right, and may this machine use it?"
    return f"a login page or a gateway? Is {address_key} right?"


def _status_remedy(status: int, address_key: str) -> str:
    if status in _NOT_THERE:
        return f"is {address_key} right? Compare it with the cookbook's"
    if status == HTTPStatus.MISDIRECTED_REQUEST:
        return f"the host does not serve this name: is {address_key} right?"
    return f"is {address_key} right, and does a gateway stand in front of the service?"


def _without_query(location: str) -> str:
    """Return where a redirection leads, without what may be a secret."""
    try:
        parts = urlsplit(location)
        parts.hostname  # noqa: B018 - a host that cannot be read is found here
    except ValueError:
        return "that cannot be read"
    host = parts.netloc.rpartition("@")[2]
    path = _LONG_NUMBER.sub("…", parts.path)
    return f"{parts.scheme}://{host}{path}" if parts.netloc else path
