"""Addresses of services: whether one can be used, and which environment it belongs to.

Must not send anything nor look a name up.
"""

import fnmatch
import re
from urllib.parse import urlsplit

from conformance.contracts.platform_rules import load_environments
from conformance.traffic.proxy import HOST, is_loopback

_VISIBLE_ASCII = re.compile("[!-~]*")


def address_problem(address: str, environment: str) -> str | None:
    """Return why an address cannot be used in an environment, or None.

    The text does not repeat the parts that may be a secret: before an @, in a query.
    """
    form = _text_problem(address) or _form_problem(address)
    if form:
        return form
    url = urlsplit(address)
    host = str(url.hostname).rstrip(".").lower()
    if url.scheme == "http" and not is_loopback(host):
        return f"{address!r}: plain http is accepted for loopback addresses only; use https"
    owner = environment_of(host)
    if owner is not None and owner != environment:
        return (
            f"{address!r} belongs to the platform's {owner} environment, "
            f"but the target's environment is {environment}"
        )
    return None


def environment_of(host: str) -> str | None:
    """Return the platform's environment that a host belongs to, or None for a foreign host.

    Exact names win over patterns; unknown names below the platform's own domain count as production.
    """
    environments = load_environments()["environments"]
    for name, row in environments.items():
        if host in row["hosts"]:
            return str(name)
    for name, row in environments.items():
        if any(fnmatch.fnmatchcase(host, pattern) for pattern in row["hosts"]):
            return str(name)
    return None


def _text_problem(address: str) -> str | None:
    if "@" in address:
        return "the address holds a user name or password (an @); secrets never stand in an address"
    beginning = re.split("[?#]", address)[0]
    if beginning != address:
        return f"{beginning!r}: an address has neither query nor fragment"
    if not _VISIBLE_ASCII.fullmatch(address):
        return f"{address!r}: an address has neither spaces nor letters outside ASCII nor control characters"
    return None


def _form_problem(address: str) -> str | None:
    try:
        url = urlsplit(address)
        port = url.port
    except ValueError as error:
        return f"{address!r} is not a URL: {error}"
    if url.scheme not in {"http", "https"} or not url.hostname:
        return f"{address!r} is not an http or https URL"
    if port == 0:
        return f"{address!r}: port 0 is no address"
    if not HOST.fullmatch(url.hostname):
        return f"{address!r}: {url.hostname!r} is no host name; it has letters, digits, dots and hyphens only"
    return None
