"""Applications that ask the local I.AM Connect for tokens, and what identifies one (RFC 7521, RFC 8252).

Must not know which grants a realm has.
"""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from conformance.mock.iam_connect.tokens import ClientKey, TokenError, unverified

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Client:
    """An application that asks for tokens: public without keys, else known by its signed assertions."""

    id: str
    keys: tuple[ClientKey, ...] = ()
    redirect_uris: tuple[str, ...] = ()

    def returns_to(self, uri: str) -> bool:
        """Tell whether a login may lead back there: a loopback address, and a registered one if any is."""
        return is_loopback_uri(uri) and (
            not self.redirect_uris or uri in self.redirect_uris
        )


def claimed_client(assertion: str) -> str:
    """Return the client that an assertion names, for a request without client_id (RFC 7521, section 4.2)."""
    try:
        return str(unverified(assertion).get("sub"))
    except TokenError:
        return ""


def is_loopback_uri(uri: str) -> bool:
    """Tell whether a redirect URI leads to this machine (RFC 8252, section 7.3), without fragment or user."""
    try:
        url = urlsplit(uri)
        own = url.hostname == "localhost" or ip_address(url.hostname or "").is_loopback
    except ValueError:
        return False
    return (
        own
        and url.scheme in {"http", "https"}
        and url.username is None
        and "#" not in uri
    )
