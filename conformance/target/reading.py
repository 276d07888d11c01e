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
from conformance.formats import documents
from conformance.formats.documents import Document, Pointer
from conformance.formats.schemas import format_problems, load_format, suggestion
from conformance.model.errors import SpecError, TargetError
from conformance.target.addresses import address_problem
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
_POLITE_RATE, _POLITE_BUDGET = 5.0, 2000


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
    ca_file, problems = _ca_file(
        document.path.parent, _texts(data, "tls").get("ca_file")
    )
    found += problems
    if found:
        raise _target_error(document, found)
    own = own_identity()
    return Target(
        name=data["name"],
        environment=environment,
        intrusive=data.get("intrusive", environment == LOCAL),
        identity=Identity(
            identity.get("user_agent", own.user_agent), identity.get("from", own.sender)
        ),
        ca_file=ca_file,
        limits=_limits(data.get("limits", {}), environment),
        services=Services(services),
        file=document.path,
    )


def _target_error(
    document: Document, problems: list[tuple[Pointer, str]]
) -> TargetError:
    lines = [(document.line(at), text) for at, text in problems]
    return TargetError(
        [f"{document.path}:{line}: {text}" for line, text in sorted(set(lines))]
    )


def _texts(data: Mapping[str, Any], section: str) -> dict[str, str]:
    """Return the texts of a section, which may be of any form."""
    given = data.get(section)
    return (
        {key: value for key, value in given.items() if isinstance(value, str)}
        if isinstance(given, dict)
        else {}
    )


def _services(
    document: Document, environment: str
) -> tuple[list[ServiceEntry], list[tuple[Pointer, str]]]:
    services: list[ServiceEntry] = []
    problems: list[tuple[Pointer, str]] = []
    given = document.data.get("services")
    names = (
        list(service_ids())
        if given is None and environment == LOCAL
        else list(given or {})
    )
    for service in names:
        at = ("services", service)
        settings = (given or {}).get(service)
        if service not in service_ids():
            problems.append(
                (
                    at,
                    f"there is no service {service!r}{suggestion(str(service), service_ids())}",
                )
            )
            continue
        settings = {} if settings is None else settings
        try:
            description = describe(service, _spec_version(settings))
        except SpecError as error:
            problems += [((*at, "spec"), problem) for problem in error.problems]
            continue
        section = Document(document.path, settings, {})
        found = [
            ((*at, *where), text)
            for where, text in format_problems(section, description.target_schema)
        ]
        if isinstance(settings, dict) and (
            not found or isinstance(settings.get(description.address_key), str)
        ):
            found += _address_problems(description, settings, environment, at)
        if environment != LOCAL:
            found += [((*at, *where), _LITERAL) for where in _literal_secrets(settings)]
        problems += found
        if not found:
            services.append(
                ServiceEntry(
                    description, settings.get(description.address_key), settings
                )
            )
    if not names and not problems:
        problems.append(
            (("services",), "the target names no service; add one below `services:`")
        )
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
    description: Description,
    settings: Mapping[str, Any],
    environment: str,
    at: tuple[str, str],
) -> Iterator[tuple[Pointer, str]]:
    key = description.address_key
    if not may_be_target(environment, public=description.public):
        yield (
            at,
            f"production is never a target for {at[1]}: only the public status services may be read there",
        )
    elif key not in settings:
        if environment != LOCAL:
            yield (
                at,
                f"{key} is missing; only a local target may leave it to the embedded platform",
            )
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
                (
                    ("identity", key),
                    f"{problem.message}: {problem.actual!r}; write it like {problem.expected!r}",
                )
                for problem in check(identity[key], rules)
            ]
    return found


def _sender_problems(
    identity: Mapping[str, str], environment: str, services: Iterable[ServiceEntry]
) -> list[tuple[Pointer, str]]:
    demanding = [
        one.description.service for one in services if one.description.wants_sender
    ]
    if environment == LOCAL or "from" in identity or not demanding:
        return []
    names = ", ".join(demanding)
    return [
        (
            ("identity",),
            f"identity.from is missing; every request to {names} carries a mail address for emergencies",
        )
    ]


def _ca_file(
    folder: Path, name: str | None
) -> tuple[Path | None, list[tuple[Pointer, str]]]:
    if name is None:
        return None, []
    path = folder / name
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except FileNotFoundError:
        return None, [(("tls", "ca_file"), f"{path}: there is no such file")]
    except OSError as error:
        return None, [
            (
                ("tls", "ca_file"),
                f"{path}: not a PEM file of certificates: {error.strerror or error}",
            )
        ]
    except ValueError as error:
        return None, [
            (("tls", "ca_file"), f"{str(path)!r}: not the name of a file: {error}")
        ]
    return path, []
