"""The command `token`: what an access token says, or into a pipe the token itself.

Parsing and printing only. The one place where a secret is printed, since it was asked for.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from conformance.cli.console import print_json, print_plain
from conformance.cli.options import examples, target_option

if TYPE_CHECKING:
    from conformance.target.target import ServiceTarget, Target

_MOMENTS = {
    "iat": "issued",
    "nbf": "valid from",
    "auth_time": "logged in",
    "exp": "expires",
}
"""Claims that are moments (RFC 7519, section 4.1; OpenID Connect Core, section 2), and what they tell."""
_HOLDERS = ("name", "preferred_username", "ssin", "clientId", "azp", "sub")
"""Claims that name who holds a token, the most telling first."""
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


@click.command(
    epilog=examples(
        "ehealth-conformance token therapeutic-exclusion citizen --target my-target.yaml",
        "ehealth-conformance token citizen --claims",
        'curl -H "Authorization: Bearer $(ehealth-conformance token citizen --target my-target.yaml)" URL',
    )
)
@click.argument("names", nargs=-1, required=True, metavar="[SERVICE] ROLE")
@target_option
@click.option("--raw", is_flag=True, help="Print the bare token on a terminal too.")
@click.option(
    "--claims", is_flag=True, help="Print the claims as JSON, into a pipe too."
)
def token(names: tuple[str, ...], target: str, *, raw: bool, claims: bool) -> None:
    """Show what a role's access token says, or print it.

    Without SERVICE the role must be in one service of the target only.
    """
    if raw and claims:
        raise click.UsageError("give --raw or --claims, not both")
    if len(names) > 2:  # noqa: PLR2004 - service and role
        raise click.UsageError("give a service and a role: token [SERVICE] ROLE")
    *service, role = names
    text = _token(target, tuple(service), role)
    if claims:
        print_json(_claims_of(text, role))
    elif raw or not sys.stdout.isatty():
        print_plain(text)
    else:
        for line in described_token(text, role, datetime.now(UTC)):
            print_plain(line)


def _token(target_name: str, wanted: tuple[str, ...], role: str) -> str:
    """Return the access token of a role; raises UsageError where it cannot be told which, or where there is none."""
    from conformance.engine.embedded import start_embedded  # noqa: PLC0415 - help and completion do without
    from conformance.target.reading import choose_services, load_target  # noqa: PLC0415 - the same

    target = load_target(target_name)
    services = choose_services(target, wanted)
    embedded = start_embedded(services)
    try:
        completed = tuple(map(embedded.completed, services))
        return _get(target, owner_of(completed, role), role)
    finally:
        embedded.close()


def owner_of(services: Iterable["ServiceTarget"], role: str) -> "ServiceTarget":
    """Return the one service that has a token of a role."""
    from conformance.formats.schemas import known_names  # noqa: PLC0415 - help and completion do without
    from conformance.model.errors import UsageError  # noqa: PLC0415 - the same

    roles = {row.service: tuple(row.settings.get("tokens") or ()) for row in services}
    owners = [row for row in services if role in roles[row.service]]
    if len(owners) == 1:
        return owners[0]
    if owners:
        names = ", ".join(row.service for row in owners)
        raise UsageError(
            f"several services have a token {role!r}: {names}; name one: token SERVICE {role}"
        )
    known = tuple(dict.fromkeys(name for given in roles.values() for name in given))
    raise UsageError(f"the target has no token {role!r}{known_names(role, known)}")


def _get(target: "Target", service: "ServiceTarget", role: str) -> str:
    from conformance.credentials.outgoing import make_transport  # noqa: PLC0415 - help and completion do without
    from conformance.engine.assembly import make_tokens  # noqa: PLC0415 - the same
    from conformance.evidence.redaction import Redactor  # noqa: PLC0415 - the same

    redactor = Redactor()
    transport = make_transport(target, redactor)
    tokens = make_tokens(target, service, transport.send, redactor)
    if tokens is None:
        raise AssertionError(f"{service.service} has a token and gives none")
    try:
        return tokens.get(role)
    finally:
        transport.close()


def _claims_of(text: str, role: str) -> Mapping[str, Any]:
    from conformance.credentials.jwt_claims import claims as read_claims  # noqa: PLC0415 - help and completion do without
    from conformance.model.errors import UsageError  # noqa: PLC0415 - the same

    said = read_claims(text)
    if said is None:
        raise UsageError(
            f"the token {role!r} is no JWT, so that it has no claims; --raw prints it"
        )
    return said


def described_token(text: str, role: str, now: datetime) -> Iterator[str]:
    """Yield what a person wants to know of a token, which is not itself shown."""
    from conformance.credentials.jwt_claims import claims as read_claims  # noqa: PLC0415 - help and completion do without

    said = read_claims(text)
    if said is None:
        yield f"the token {role!r} is opaque: it is no JWT and says nothing of itself ({len(text)} characters)"
        return
    holders = (f"{name} {said[name]}" for name in _HOLDERS if name in said)
    yield f"who      {next(holders, 'the token does not say')}"
    yield f"issuer   {said.get('iss', 'the token does not say')}"
    for name, words in _MOMENTS.items():
        if name in said:
            yield f"{words:8} {_moment(said[name], now)}"
    yield "claims, as the token has them (its signature was not verified):"
    yield from json.dumps(said, indent=1, ensure_ascii=False).splitlines()


def _moment(seconds: object, now: datetime) -> str:
    """Return a moment and how far it is from now: `2026-11-30 18:00:00 UTC, in 4 minutes`."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return f"{seconds!r}, which is no moment"
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{seconds!r}, which is beyond the calendar"
    away = (moment - now).total_seconds()
    unit, noun = next((row for row in _UNITS if abs(away) >= row[0]), _UNITS[-1])
    count = int(abs(away) // unit)
    words = f"{count} {noun}{'' if count == 1 else 's'}"
    distance = f"in {words}" if away > 0 else f"{words} ago"
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC, {distance}"
