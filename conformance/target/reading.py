"""Target files: where the implementation under test stands, who asks, within which limits.

Every mistake is found before the first request and reported at once, with file, line and remedy.
Must not send anything nor resolve a secret.
"""

import ssl
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from conformance.checks.tracing import from_problems, user_agent_problems
from conformance.contracts.loading import Description, describe, service_ids
from conformance.contracts.platform_rules import load_tracing
from conformance.files.reading import UnreadableFileError, read_bounded
from conformance.formats import documents
from conformance.formats.documents import Document, Pointer
from conformance.formats.schemas import format_problems, load_format, suggestion
from conformance.model.errors import SpecError, TargetError
from conformance.target.addresses import address_problem
from conformance.target.network import proxy_problems, read_client, read_proxy
from conformance.target.policy import BUILT_IN, LOCAL, may_be_target
from conformance.target.target import (
    Identity,
    ServiceEntry,
    Services,
    ServiceTarget,
    Target,
    own_identity,
)
from conformance.traffic.limits import Limits

_LITERAL = "a secret stands here in plain text; outside local write {env: NAME}, {file: PATH} or {command: [...]}"
DEFAULT_TIMEOUT = 10.0
_LARGEST_CA_FILE = 4 * 2**20
"""Bytes that a file of certificate authorities may have."""
_POLITE_RATE, _POLITE_BUDGET = 5.0, 2000

Problem = tuple[Pointer, str]
"""Where in a file something is wrong, and what."""


def load_target(name_or_file: str) -> Target:
    """Return a built-in target or the one a file describes.

    Raises TargetError with every mistake of the file, one line each.
    """
    if name_or_file in BUILT_IN:
        return _built_in(name_or_file)
    path = Path(name_or_file)
    if not path.exists():
        hint = suggestion(name_or_file, tuple(BUILT_IN))
        raise TargetError(f"{name_or_file}: neither a file nor a built-in target{hint}")
    return _from_document(documents.read(path))


def choose_services(
    target: Target, wanted: tuple[str, ...]
) -> tuple[ServiceTarget, ...]:
    """Return the services to test: those wanted, or all that the target has.

    Raises TargetError where a wanted service is unknown or has no address in the target.
    """
    if not wanted:
        return tuple(target.services.values())
    problems = []
    for service in wanted:
        if service not in service_ids():
            problems.append(
                f"there is no service {service!r}{suggestion(service, service_ids())}"
            )
        elif service not in target.services:
            problems.append(
                f"the target {target.name!r} has no service {service!r}; "
                f"add it to the file's services (`ehealth-conformance init` writes an example)"
            )
    if problems:
        raise TargetError(problems)
    return tuple(target.services[service] for service in dict.fromkeys(wanted))


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
        name,
        environment,
        environment == LOCAL,
        own_identity(),
        None,
        _limits({}, environment),
        Services(services),
    )


def _limits(data: Mapping[str, Any], environment: str) -> Limits:
    local = environment == LOCAL
    return Limits(
        data.get("rate", None if local else _POLITE_RATE),
        data.get("budget", None if local else _POLITE_BUDGET),
        float(data.get("timeout", DEFAULT_TIMEOUT)),
    )


def _from_document(document: Document) -> Target:
    problems = list(format_problems(document, load_format("target")))
    well_formed = not problems
    data = document.data if isinstance(document.data, dict) else {}
    environment = str(data.get("environment"))
    identity = _texts(data, "identity")
    services: list[ServiceEntry] = []
    if well_formed or isinstance(data.get("services"), dict):
        services, service_problems = _services(document, environment)
        problems += service_problems
    problems += _identity_problems(identity)
    if well_formed:
        problems += _sender_problems(identity, environment, services)
    ca_file, ca_problems = _ca_file(
        document.path.parent, _texts(data, "tls").get("ca_file")
    )
    problems += ca_problems
    problems += proxy_problems(data.get("proxy"))
    if environment != LOCAL:
        sections = {key: data.get(key) for key in ("proxy", "tls")}
        problems += [(at, _LITERAL) for at in _literal_secrets(sections)]
    if problems:
        raise _target_error(document, problems)
    default = own_identity()
    return Target(
        name=data["name"],
        environment=environment,
        intrusive=data.get("intrusive", environment == LOCAL),
        identity=Identity(
            identity.get("user_agent", default.user_agent),
            identity.get("from", default.sender),
        ),
        ca_file=ca_file,
        limits=_limits(data.get("limits", {}), environment),
        services=Services(services),
        file=document.path,
        proxy=read_proxy(data.get("proxy")),
        client=read_client(data.get("tls")),
    )


def _target_error(document: Document, problems: list[Problem]) -> TargetError:
    lines = {(document.line(at), text) for at, text in problems}
    return TargetError(
        [f"{document.path}:{line}: {text}" for line, text in sorted(lines)]
    )


def _texts(data: Mapping[str, Any], section: str) -> dict[str, str]:
    """Return the texts of a section, which may be of any form."""
    values = data.get(section)
    if not isinstance(values, dict):
        return {}
    return {key: value for key, value in values.items() if isinstance(value, str)}


def _services(
    document: Document, environment: str
) -> tuple[list[ServiceEntry], list[Problem]]:
    sections = document.data.get("services")
    if sections is None and environment == LOCAL:
        sections = dict.fromkeys(service_ids())
    if not sections:
        problem = "the target names no service; add one below `services:`"
        return [], [(("services",), problem)]
    services: list[ServiceEntry] = []
    problems: list[Problem] = []
    for service, section in sections.items():
        settings = {} if section is None else section
        entry = _service(document.path, service, settings, environment)
        if isinstance(entry, ServiceEntry):
            services.append(entry)
        else:
            problems += [(("services", service, *at), text) for at, text in entry]
    return services, problems


def _service(
    path: Path,
    service: str,
    settings: Any,  # noqa: ANN401 - a file's data
    environment: str,
) -> ServiceEntry | list[Problem]:
    """Return a service's entry, or what is wrong with its section."""
    if service not in service_ids():
        hint = suggestion(str(service), service_ids())
        return [((), f"there is no service {service!r}{hint}")]
    try:
        description = describe(service, _spec_version(settings))
    except SpecError as error:
        return [(("spec",), problem) for problem in error.problems]
    section = Document(path, settings, {})
    problems = list(format_problems(section, description.target_schema))
    if _has_address_to_check(description, settings, well_formed=not problems):
        problems += _address_problems(description, settings, environment)
    if environment != LOCAL:
        problems += [(at, _LITERAL) for at in _literal_secrets(settings)]
    if problems:
        return problems
    return ServiceEntry(description, settings.get(description.address_key), settings)


def _has_address_to_check(
    description: Description, settings: object, *, well_formed: bool
) -> bool:
    """Tell whether a section's address can be checked, although the section may be wrong elsewhere."""
    if not isinstance(settings, dict):
        return False
    return well_formed or isinstance(settings.get(description.address_key), str)


def _literal_secrets(settings: Any, path: Pointer = ()) -> Iterator[Pointer]:  # noqa: ANN401 - a file's data
    """Yield the places of secrets in plain text: below `tokens`, or as a `password`."""
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
    description: Description, settings: Mapping[str, Any], environment: str
) -> Iterator[Problem]:
    service, key = description.service, description.address_key
    if not may_be_target(environment, public=description.public):
        yield (
            (),
            f"production is never a target for {service}: only the public status services may be read there",
        )
        return
    if key in settings:
        problem = address_problem(settings[key], environment)
        if problem:
            yield (key,), problem
    elif environment != LOCAL:
        yield (
            (),
            f"{key} is missing; only a local target may leave it to the embedded platform",
        )


def _identity_problems(identity: Mapping[str, str]) -> Iterator[Problem]:
    rules = load_tracing()
    for key, check in (("user_agent", user_agent_problems), ("from", from_problems)):
        if key not in identity:
            continue
        for problem in check(identity[key], rules):
            text = f"{problem.message}: {problem.actual!r}; write it like {problem.expected!r}"
            yield ("identity", key), text


def _sender_problems(
    identity: Mapping[str, str], environment: str, services: Iterable[ServiceEntry]
) -> Iterator[Problem]:
    descriptions = [entry.description for entry in services]
    demanding = [row.service for row in descriptions if row.wants_sender]
    needed = demanding and environment != LOCAL
    if needed and "from" not in identity:
        names = ", ".join(demanding)
        yield (
            ("identity",),
            f"identity.from is missing; every request to {names} carries a mail address for emergencies",
        )


def _ca_file(folder: Path, name: str | None) -> tuple[Path | None, list[Problem]]:
    """Return the path of a file of certificate authorities, None without one, and what is wrong with the file."""
    if name is None:
        return None, []
    path = folder / name
    try:
        read_bounded(path, _LARGEST_CA_FILE)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except UnreadableFileError as error:
        problem = error.about(path)
    except OSError as error:
        reason = error.strerror or error
        problem = f"{path}: not a PEM file of certificates: {reason}"
    except ValueError as error:
        problem = f"{str(path)!r}: not the name of a file: {error}"
    else:
        return path, []
    return None, [(("tls", "ca_file"), problem)]
