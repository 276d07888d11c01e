"""How a target file says to get there: `proxy`, and `tls.client` for gateways that ask for a certificate.

Must not open sockets, nor resolve a secret or read the environment.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.formats.documents import Pointer
from conformance.traffic.proxy import ProxyAddress, exemptions, read_proxy_url

Reference = str | Mapping[str, Any]
"""A secret, as a target file refers to it."""

ENVIRONMENT = "env"


@dataclass(frozen=True, slots=True)
class ProxyCredential:
    """Who asks a proxy: a user, and the reference to his password."""

    user: str
    password: Reference = field(repr=False)


@dataclass(frozen=True, slots=True)
class NamedProxy:
    """A proxy that the file names, and the hosts that are exempt from it."""

    address: ProxyAddress
    exempt: tuple[str, ...] = ()
    credential: ProxyCredential | None = None


@dataclass(frozen=True, slots=True)
class EnvironmentProxy:
    """The proxy that the environment names, when a run begins."""


@dataclass(frozen=True, slots=True)
class ClientKeyStore:
    """The key store of a client certificate: its file, the alias of the entry (None: the only one), its password."""

    keystore: str
    alias: str | None
    password: Reference = field(repr=False)


ProxySetting = NamedProxy | EnvironmentProxy | None
"""What a target says of a proxy: which one, that of the environment, or none."""


def read_proxy(section: object) -> ProxySetting:
    """Return what a file's `proxy` says, which has no problem."""
    if section == ENVIRONMENT:
        return EnvironmentProxy()
    if not isinstance(section, Mapping):
        return None
    exempt = section.get("no_proxy", ())
    credential = None
    if "user" in section:
        credential = ProxyCredential(section["user"], section["password"])
    return NamedProxy(
        read_proxy_url(section["url"]),
        exemptions(exempt) if isinstance(exempt, str) else tuple(exempt),
        credential,
    )


def read_client(section: object) -> ClientKeyStore | None:
    """Return what a file's `tls` says of a client certificate, None where it says nothing."""
    client = section.get("client") if isinstance(section, Mapping) else None
    if client is None:
        return None
    return ClientKeyStore(client["keystore"], client.get("alias"), client["password"])


def proxy_problems(section: object) -> Iterator[tuple[Pointer, str]]:
    """Yield what is wrong with a file's `proxy` beyond its form, without repeating what may be a password."""
    is_known = section is None or section == ENVIRONMENT or isinstance(section, Mapping)
    if not is_known:
        yield (
            ("proxy",),
            "proxy: write `env`, or {url: ...} with the proxy's address",
        )
    url = section.get("url") if isinstance(section, Mapping) else None
    if not isinstance(url, str):
        return
    try:
        read_proxy_url(url)
    except ValueError as error:
        yield ("proxy", "url"), f"proxy.url: {error}"
        return
    if "@" in url:
        yield (
            ("proxy", "url"),
            "proxy.url holds a user name or password (an @); write them as proxy.user and proxy.password",
        )
