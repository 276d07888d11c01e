"""Target files: where the implementation under test stands, who asks, within which limits.

Every mistake is found before the first request and reported at once, with file, line and remedy.
Must not send anything nor resolve a secret.
"""

import fnmatch
import ipaddress
import re
import ssl
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from conformance import __version__
from conformance.checks.tracing import from_problems, user_agent_problems
from conformance.contracts.loading import (
    Description,
    Spec,
    describe,
    format_problems,
    load_environments,
    load_format,
    load_spec,
    load_tracing,
    service_ids,
    suggestion,
)
from conformance.formats import documents
from conformance.formats.documents import Document, Pointer
from conformance.model.errors import SpecError, TargetError
from conformance.model.exchange import Headers

LOCAL = "local"
PRODUCTION = "production"
BUILT_IN: Mapping[str, str] = {
    "local": LOCAL,
    "status-sim": "simulation",
    "acceptance": "acceptance",
    "production": PRODUCTION,
}
"""The targets that need no file, and the environment of each."""

_LITERAL = "a secret stands here in plain text; outside local write {env: NAME}, {file: PATH} or {command: [...]}"

_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
"""A host name, or an IP address."""

DEFAULT_TIMEOUT = 10.0
_POLITE_RATE, _POLITE_BUDGET = 5.0, 2000


@dataclass(frozen=True, slots=True)
class Identity:
    """The headers that tell the platform who asks; `sender` is the From header, "" leaves it out."""

    user_agent: str
    sender: str

    @property
    def headers(self) -> Headers:
        """Return the headers as fields."""
        return (("User-Agent", self.user_agent), *((("From", self.sender),) if self.sender else ()))


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests a second and for the whole run (None: no limit), and seconds a request may take."""

    rate: float | None
    budget: int | None
    timeout: float


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """What a target says of one service, before its spec is read."""

    description: Description
    address: str | None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServiceTarget:
    """One service of a target: its spec, its address (None: the embedded platform) and the file's settings."""

    spec: Spec
    address: str | None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def service(self) -> str:
        """Return the service's id."""
        return self.spec.contract.service


class Services(Mapping[str, ServiceTarget]):
    """The services of a target by id; a spec is read when its service is asked for first.

    Raises SpecError where it cannot be.
    """

    def __init__(self, found: Iterable[ServiceEntry]) -> None:
        """Take what is said of each service."""
        self._entries = {entry.description.service: entry for entry in found}
        self._read: dict[str, ServiceTarget] = {}

    def __getitem__(self, service: str) -> ServiceTarget:
        """Return a service of the target."""
        if service not in self._read:
            entry = self._entries[service]
            spec = load_spec(service, entry.description.folder.name)
            self._read[service] = ServiceTarget(spec, entry.address, entry.settings)
        return self._read[service]

    def __contains__(self, service: object) -> bool:
        """Tell whether the target has a service, without reading anything."""
        return service in self._entries

    def __iter__(self) -> Iterator[str]:
        """Yield the ids of the services."""
        return iter(self._entries)

    def __len__(self) -> int:
        """Return how many services there are."""
        return len(self._entries)


@dataclass(frozen=True, slots=True)
class Target:
    """The IXIT of a run: what a target file says, completed by defaults."""

    name: str
    environment: str
    intrusive: bool
    identity: Identity
    ca_file: Path | None
    limits: Limits
    services: Mapping[str, ServiceTarget]
    file: Path | None = None

    @property
    def local(self) -> bool:
        """Tell whether identities may be made up and everything may be sent."""
        return self.environment == LOCAL

    @property
    def folder(self) -> Path:
        """Return the folder that the file's paths are relative to."""
        return (self.file or Path()).parent


def own_identity() -> Identity:
    """Return the harness's own identity, for targets that name none."""
    return Identity(f"ehealth-conformance/{__version__} h11/{metadata.version('h11')}", "")


def load_target(name_or_file: str) -> Target:
    """Return a built-in target or the one a file describes.

    Raises TargetError with every mistake found, one line each.
    """
    if name_or_file in BUILT_IN:
        return _built_in(name_or_file)
    path = Path(name_or_file)
    if not path.exists():
        hint = suggestion(name_or_file, tuple(BUILT_IN))
        raise TargetError(f"{name_or_file}: neither a file nor a built-in target{hint}")
    return _from_document(documents.read(path))


def choose_services(target: Target, wanted: tuple[str, ...]) -> tuple[ServiceTarget, ...]:
    """Return the services to test: those wanted, or all that the target has.

    Raises TargetError where a wanted service is unknown or has no address in the target.
    """
    if not wanted:
        return tuple(target.services.values())
    problems = []
    for service in wanted:
        if service not in service_ids():
            problems.append(f"there is no service {service!r}{suggestion(service, service_ids())}")
        elif service not in target.services:
            problems.append(
                f"the target {target.name!r} has no service {service!r}; "
                f"add it to the file's services (`ehealth-conformance init` writes an example)"
            )
    if problems:
        raise TargetError(problems)
    return tuple(target.services[service] for service in dict.fromkeys(wanted))


def address_problem(address: str, environment: str) -> str | None:
    """Return what keeps an address from being used in an environment, or None.

    What may be a secret, before an @ or in a query, is never repeated.
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
            f"{address!r} belongs to the platform's {owner} environment, but the target's environment is {environment}"
        )
    return None


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is one of this machine's loopback addresses."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def environment_of(host: str) -> str | None:
    """Return the platform's environment that a host belongs to, or None for a foreign host.

    Exact names win over patterns; what is unknown below the platform's own domain counts as production.
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
    shown = re.split("[?#]", address)[0]
    if shown != address:
        return f"{shown!r}: an address has neither query nor fragment"
    if any(not (character.isascii() and character.isprintable()) or character == " " for character in address):
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
    if not _HOST.fullmatch(url.hostname):
        return f"{address!r}: {url.hostname!r} is no host name; it has letters, digits, dots and hyphens only"
    return None


def _built_in(name: str) -> Target:
    environment = BUILT_IN[name]
    services = []
    for description in map(describe, service_ids()):
        address = description.environments.get(environment)
        if environment == LOCAL:
            services.append(ServiceEntry(description, None))
        elif address and description.public:
            services.append(ServiceEntry(description, address))
    if not services:
        raise TargetError(
            f"the built-in target {name!r} has no service that works without credentials; "
            f"write a target file with `ehealth-conformance init {name} --out FILE` and fill it in"
        )
    return Target(
        name, environment, environment == LOCAL, own_identity(), None, _limits({}, environment), Services(services)
    )


def _limits(data: Mapping[str, Any], environment: str) -> Limits:
    local = environment == LOCAL
    return Limits(
        data.get("rate", None if local else _POLITE_RATE),
        data.get("budget", None if local else _POLITE_BUDGET),
        float(data.get("timeout", DEFAULT_TIMEOUT)),
    )


def _from_document(document: Document) -> Target:
    found = list(format_problems(document, load_format("target")))
    well_formed = not found
    data = document.data if isinstance(document.data, dict) else {}
    environment = str(data.get("environment"))
    identity = _texts(data, "identity")
    services: list[ServiceEntry] = []
    if well_formed or isinstance(data.get("services"), dict):
        services, problems = _services(document, environment)
        found += problems
    found += _identity_problems(identity)
    if well_formed:
        found += _sender_problems(identity, environment, services)
    ca_file, problems = _ca_file(document.path.parent, _texts(data, "tls").get("ca_file"))
    found += problems
    if found:
        raise _target_error(document, found)
    own = own_identity()
    return Target(
        name=data["name"],
        environment=environment,
        intrusive=data.get("intrusive", environment == LOCAL),
        identity=Identity(identity.get("user_agent", own.user_agent), identity.get("from", own.sender)),
        ca_file=ca_file,
        limits=_limits(data.get("limits", {}), environment),
        services=Services(services),
        file=document.path,
    )


def _target_error(document: Document, problems: list[tuple[Pointer, str]]) -> TargetError:
    lines = [(document.line(at), text) for at, text in problems]
    return TargetError([f"{document.path}:{line}: {text}" for line, text in sorted(set(lines))])


def _texts(data: Mapping[str, Any], section: str) -> dict[str, str]:
    """Return the texts of a section, which may be of any form."""
    given = data.get(section)
    return {key: value for key, value in given.items() if isinstance(value, str)} if isinstance(given, dict) else {}


def _services(document: Document, environment: str) -> tuple[list[ServiceEntry], list[tuple[Pointer, str]]]:
    services: list[ServiceEntry] = []
    problems: list[tuple[Pointer, str]] = []
    given = document.data.get("services")
    names = list(service_ids()) if given is None and environment == LOCAL else list(given or {})
    for service in names:
        at = ("services", service)
        settings = (given or {}).get(service)
        if service not in service_ids():
            problems.append((at, f"there is no service {service!r}{suggestion(str(service), service_ids())}"))
            continue
        settings = {} if settings is None else settings
        try:
            description = describe(service, _spec_version(settings))
        except SpecError as error:
            problems += [((*at, "spec"), problem) for problem in error.problems]
            continue
        section = Document(document.path, settings, {})
        found = [((*at, *where), text) for where, text in format_problems(section, description.target_schema)]
        if isinstance(settings, dict) and (not found or isinstance(settings.get(description.address_key), str)):
            found += _address_problems(description, settings, environment, at)
        if environment != LOCAL:
            found += [((*at, *where), _LITERAL) for where in _literal_secrets(settings)]
        problems += found
        if not found:
            services.append(ServiceEntry(description, settings.get(description.address_key), settings))
    if not names and not problems:
        problems.append((("services",), "the target names no service; add one below `services:`"))
    return services, problems


def _literal_secrets(settings: Any, path: Pointer = ()) -> Iterator[Pointer]:  # noqa: ANN401 - a file's data
    """Yield where a secret is written out: below `tokens`, or as a `password`."""
    if isinstance(settings, dict):
        for key, value in settings.items():
            secret = key == "password" or path[-1:] == ("tokens",)
            if secret and isinstance(value, str):
                yield (*path, key)
            else:
                yield from _literal_secrets(value, (*path, key))
    elif isinstance(settings, list):
        for number, value in enumerate(settings):
            yield from _literal_secrets(value, (*path, number))


def _spec_version(settings: object) -> str | None:
    version = settings.get("spec") if isinstance(settings, dict) else None
    return version if isinstance(version, str) else None


def _address_problems(
    description: Description, settings: Mapping[str, Any], environment: str, at: tuple[str, str]
) -> Iterator[tuple[Pointer, str]]:
    key = description.address_key
    if environment == PRODUCTION and not description.public:
        yield at, f"production is never a target for {at[1]}: only the public status services may be read there"
    elif key not in settings:
        if environment != LOCAL:
            yield at, f"{key} is missing; only a local target may leave it to the embedded platform"
    else:
        problem = address_problem(settings[key], environment)
        if problem:
            yield (*at, key), problem


def _identity_problems(identity: Mapping[str, str]) -> list[tuple[Pointer, str]]:
    rules = load_tracing()
    found: list[tuple[Pointer, str]] = []
    for key, check in (("user_agent", user_agent_problems), ("from", from_problems)):
        if key in identity:
            found += [
                (("identity", key), f"{problem.message}: {problem.actual!r}; write it like {problem.expected!r}")
                for problem in check(identity[key], rules)
            ]
    return found


def _sender_problems(
    identity: Mapping[str, str], environment: str, services: Iterable[ServiceEntry]
) -> list[tuple[Pointer, str]]:
    demanding = [one.description.service for one in services if one.description.wants_sender]
    if environment == LOCAL or "from" in identity or not demanding:
        return []
    names = ", ".join(demanding)
    return [
        (("identity",), f"identity.from is missing; every request to {names} carries a mail address for emergencies")
    ]


def _ca_file(folder: Path, name: str | None) -> tuple[Path | None, list[tuple[Pointer, str]]]:
    if name is None:
        return None, []
    path = folder / name
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except FileNotFoundError:
        return None, [(("tls", "ca_file"), f"{path}: there is no such file")]
    except OSError as error:
        return None, [(("tls", "ca_file"), f"{path}: not a PEM file of certificates: {error.strerror or error}")]
    except ValueError as error:
        return None, [(("tls", "ca_file"), f"{str(path)!r}: not the name of a file: {error}")]
    return path, []
