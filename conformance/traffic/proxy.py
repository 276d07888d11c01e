"""The proxy between this machine and others: its address, its credential, and the hosts that are exempt from it.

Exemptions are as curl has them. Must not open sockets nor read files.
"""

import base64
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

_FOR_HTTPS = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
"""Variables that name the proxy for https, in the order in which curl looks at them."""
_EXEMPTIONS = ("no_proxy", "NO_PROXY")
_SEPARATORS = re.compile(r"[,\s]+")
HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
"""A host name, or an IP address."""
_WITH_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:/]+):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class ProxyAddress:
    """What a proxy's URL says; `user` and `password` are "" where it holds none."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class NamedByEnvironment:
    """The proxy that the environment names: by which variable, its URL, and the exempt hosts."""

    variable: str
    url: str = field(repr=False)
    exempt: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that leads to other hosts by CONNECT, but for the exempt ones and this machine itself.

    `authorization` is the value of Proxy-Authorization, "" for none; `setting` names where the proxy was set.
    """

    host: str
    port: int
    exempt: tuple[str, ...] = ()
    authorization: str = field(default="", repr=False)
    setting: str = "proxy"

    @property
    def url(self) -> str:
        """Return the proxy's URL, without any credential."""
        return f"http://{bracketed(self.host)}:{self.port}"

    def leads_to(self, host: str, port: int) -> bool:
        """Tell whether the proxy is asked for a host; never for loopback, whose services are this machine's own."""
        name = _plain(host)
        if is_loopback(name):
            return False
        return not any(_exempts(pattern, name, port) for pattern in self.exempt)


def basic(user: str, password: str) -> str:
    """Return the credential by which a user asks a proxy (RFC 7617, section 2, in UTF-8)."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode('ascii')}"


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is one of this machine's loopback addresses."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bracketed(host: str) -> str:
    """Return a host as it stands before a port (RFC 3986, section 3.2.2)."""
    return f"[{host}]" if ":" in host else host


def read_proxy_url(text: str) -> ProxyAddress:
    """Return what a proxy's URL says, http where it has no scheme; raises ValueError with what is wrong.

    The message does not repeat the URL, which may hold a password.
    """
    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        port = url.port
    except ValueError:
        raise ValueError("it is no URL; write http://HOST:PORT") from None
    if url.scheme != "http":
        raise ValueError(_scheme_problem(url.scheme))
    if not url.hostname or not HOST.fullmatch(url.hostname):
        raise ValueError("it names no host; write http://HOST:PORT")
    if not port:
        raise ValueError(
            "it names no port, and there is none that all programs take by default; write http://HOST:PORT"
        )
    if _goes_on(url):
        raise ValueError("something follows the port; write http://HOST:PORT")
    return ProxyAddress(
        url.hostname, port, unquote(url.username or ""), unquote(url.password or "")
    )


def _goes_on(url: SplitResult) -> bool:
    return url.path not in {"", "/"} or bool(url.query or url.fragment)


def _scheme_problem(scheme: str) -> str:
    if scheme == "https":
        return (
            "TLS to the proxy itself is not supported; write http:// (what passes through it is under TLS "
            "from end to end)"
        )
    if scheme.startswith("socks"):
        return "SOCKS is not supported; name an HTTP proxy: http://HOST:PORT"
    return "its scheme is not http; write http://HOST:PORT"


def named_by_environment(
    environment: Mapping[str, str],
) -> NamedByEnvironment | None:
    """Return the proxy that the environment names for https, None where it names none."""
    variable = next((name for name in _FOR_HTTPS if environment.get(name)), None)
    if variable is None:
        return None
    exempt = next(filter(None, map(environment.get, _EXEMPTIONS)), "")
    return NamedByEnvironment(variable, environment[variable], exemptions(exempt))


def exemptions(text: str) -> tuple[str, ...]:
    """Return the hosts that a list in one text exempts, parted by commas or spaces."""
    return tuple(filter(None, _SEPARATORS.split(text)))


def _exempts(pattern: str, host: str, port: int) -> bool:
    """Tell whether a pattern exempts a host: `*`, a domain with all below it, an address or a network of addresses."""
    if pattern == "*":
        return True
    with_port = _WITH_PORT.fullmatch(pattern)
    if with_port is not None:
        return int(with_port["port"]) == port and _exempts(
            with_port["host"], host, port
        )
    name = _plain(pattern).removeprefix("*").removeprefix(".")
    if not name:
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == name or host.endswith(f".{name}")
    return _holds(name, address)


def _holds(
    network: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address
) -> bool:
    """Tell whether a network, or an address alone, holds an address; what is neither holds none."""
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _plain(host: str) -> str:
    """Return a host in lower case, without the dot and the brackets that say nothing."""
    return host.lower().rstrip(".").removeprefix("[").removesuffix("]")
