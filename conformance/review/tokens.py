"""Reviews access tokens by what they say of themselves, against the rules and the test data.

Must not verify signatures.
"""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any
from urllib.parse import urlsplit

from conformance.credentials.jwt_claims import claims, expiry
from conformance.credentials.tokens import EXPIRED
from conformance.model.errors import ConformanceError
from conformance.review.remarks import (
    CLOCK_TOLERANCE,
    Remark,
    Severity,
    at,
    span,
    split,
)
from conformance.review.subject import ReviewSubject
from conformance.review.token_roles import holder_remarks, power_remarks, role_remarks
from conformance.target.addresses import address_problem, environment_of
from conformance.target.policy import is_production

_NO_TIME = 10**15
"""A number of seconds beyond any calendar, that of a year written in milliseconds included."""
_REALM = re.compile(r"(?P<base>.*?)/realms/(?P<realm>[^/]+)/?")


def credential_remarks(subject: ReviewSubject) -> Iterator[Remark]:
    """Yield which tokens cannot be had, or have expired."""
    problems = (
        subject.tokens.check_before_run(subject.roles)
        if subject.tokens is not None
        else []
    )
    for problem in problems:
        yield subject.remark("error", "token", *split(problem))


def held(subject: ReviewSubject) -> Iterator[tuple[str, str]]:
    """Yield role and token of those that need not be asked for and can be had."""
    for role in subject.roles:
        reference = subject.service.settings["tokens"][role]
        if subject.tokens is None or (
            isinstance(reference, Mapping) and "client_credentials" in reference
        ):
            continue
        try:
            yield role, subject.tokens.get(role)
        except ConformanceError:
            continue  # told by the check of all credentials


def token_remarks(subject: ReviewSubject, role: str, token: str) -> Iterator[Remark]:
    """Yield what is wrong with a token by what it says of itself."""
    rules = subject.rules.get("tokens")
    if rules is None:
        return
    said, own = claims(token), rules["by_role"].get(role, {})
    if said is None:
        message = f"tokens.{role} is not a JSON Web Token, so that nothing it says can be reviewed"
        remedy = "give the access token of I.AM Connect as it was issued: three parts with dots between them"
        yield subject.remark(subject.firm, "token", message, remedy)
        return
    yield from _type_remarks(subject, role, said)
    yield from _issuer_remarks(subject, role, said, own)
    yield from _audience_remarks(subject, role, said, rules["claims"])
    yield from role_remarks(subject, role, said, own)
    yield from holder_remarks(subject, role, said, own)
    yield from power_remarks(subject, role, said, own)
    yield from _time_remarks(subject, role, token, said)


def _type_remarks(
    subject: ReviewSubject, role: str, said: Mapping[str, Any]
) -> Iterator[Remark]:
    kind = said.get("typ")
    if isinstance(kind, str) and kind.lower() != "bearer":
        message = f"tokens.{role} is a token of type {kind[:20]!r}, not an access token"
        yield subject.remark(
            "error",
            "token",
            message,
            "give the member access_token of the token endpoint's answer",
        )


def _issuer_remarks(
    subject: ReviewSubject, role: str, said: Mapping[str, Any], own: Mapping[str, Any]
) -> Iterator[Remark]:
    issuer = said.get("iss")
    if not isinstance(issuer, str):
        message = f"tokens.{role} does not say who issued it (iss)"
        yield subject.remark(
            "warning", "token", message, "give a token that I.AM Connect issued"
        )
        return
    shown = repr(issuer[:200])
    owner = _owner(issuer)
    environment = subject.target.environment
    if owner not in (None, environment):
        message = f"tokens.{role} was issued by {shown}, the platform's {owner} environment, not by {environment}"
        severity: Severity = "error" if is_production(owner) else subject.firm
        yield subject.remark(
            severity,
            "token",
            message,
            f"get the token from I.AM Connect of {environment}",
        )
    elif owner is None and not subject.target.local and not _trusted(subject, issuer):
        message = f"tokens.{role} was issued by {shown}, which is not the platform's I.AM Connect"
        yield subject.remark(
            "warning",
            "token",
            message,
            f"get the token from I.AM Connect of {environment}",
        )
    yield from _realm_remarks(subject, role, issuer, own.get("realms", ()))
    if not _trusted(subject, issuer, default=True):
        message = f"tokens.{role} was issued by {shown}, but trust.issuer names another"
        yield subject.remark(
            subject.firm,
            "token",
            message,
            "correct trust.issuer, or get the token from that issuer",
        )


def _realm_remarks(
    subject: ReviewSubject, role: str, issuer: str, realms: tuple[str, ...]
) -> Iterator[Remark]:
    found = _REALM.fullmatch(issuer)
    if (
        not realms
        or (found is not None and found["realm"] in realms)
        or (found is None and subject.target.local)
    ):
        return
    name = f"the realm {found['realm'][:40]!r}" if found else "no realm"
    severity: Severity = (
        "error" if _owner(issuer) == subject.target.environment else "warning"
    )
    message = f"tokens.{role} was issued by {name} instead of {' or '.join(realms)}"
    yield subject.remark(
        severity, "token", message, f"get the token in the realm {realms[0]}"
    )


def _owner(address: str) -> str | None:
    """Return the platform's environment that an address belongs to, or None."""
    try:
        host = urlsplit(address).hostname
    except ValueError:
        return None
    return environment_of(host.rstrip(".").lower()) if host else None


def _trusted(subject: ReviewSubject, issuer: str, *, default: bool = False) -> bool:
    """Tell whether a token's issuer is the trusted one, or a sister realm; `default` where none is named."""
    trusted = _trust(subject, "issuer")
    return (
        default
        if trusted is None
        else _base(issuer) == _base(trusted) and _same_realm(issuer, trusted)
    )


def _base(issuer: str) -> str:
    found = _REALM.fullmatch(issuer)
    return found["base"] if found else issuer


def _same_realm(issuer: str, trusted: str) -> bool:
    """Tell whether two addresses agree to the letter, unless they name different realms."""
    one, other = _REALM.fullmatch(issuer), _REALM.fullmatch(trusted)
    return issuer == trusted or (
        one is not None and other is not None and one["realm"] != other["realm"]
    )


def _audience_remarks(
    subject: ReviewSubject, role: str, said: Mapping[str, Any], names: Mapping[str, Any]
) -> Iterator[Remark]:
    audience, wanted = said.get("aud"), names.get("audience")
    listed = audience if isinstance(audience, list) else [audience]
    if wanted and audience is not None and wanted not in listed:
        message = f"tokens.{role} is not for this service: its audience (aud) does not name {wanted}"
        yield subject.remark(
            "warning",
            "token",
            message,
            f"exchange it for one whose audience is {wanted}",
        )


def _time_remarks(
    subject: ReviewSubject, role: str, token: str, said: Mapping[str, Any]
) -> Iterator[Remark]:
    now, ends = subject.now.timestamp(), expiry(token)
    if role == EXPIRED:
        return
    if ends is None:
        message = f"tokens.{role} does not say when it expires (exp)"
        yield subject.remark(
            "note", "token", message, "make sure that it holds until the end of the run"
        )
    elif now < ends < now + subject.seconds:
        message = f"tokens.{role} expires in {span(ends - now)}, but the run takes about {span(subject.seconds)}"
        remedy = "get a longer one, give {command: [...]} or {client_credentials: ...} to renew it, or run fewer cases"
        yield subject.remark("warning", "token", message, remedy)
    yield from _start_remarks(subject, role, "nbf", "error", said.get("nbf"))
    yield from _start_remarks(subject, role, "iat", "warning", said.get("iat"))


def _start_remarks(
    subject: ReviewSubject, role: str, name: str, severity: Severity, starts: object
) -> Iterator[Remark]:
    if (
        isinstance(starts, bool)
        or not isinstance(starts, int | float)
        or not abs(starts) < _NO_TIME
    ):
        return
    ahead = starts - subject.now.timestamp()
    if ahead > CLOCK_TOLERANCE.total_seconds():
        message = f"tokens.{role} is valid only {span(ahead)} from now ({name})"
        yield subject.remark(
            severity, "token", message, "set this machine's clock, or get another token"
        )


def same_token_remarks(subject: ReviewSubject) -> Iterator[Remark]:
    """Yield which roles share one token."""
    for (one, first), (other, second) in combinations(held(subject), 2):
        if first == second:
            message = f"tokens.{one} and tokens.{other} are one and the same token"
            yield subject.remark(
                "warning", "token", message, "give each role a token of its own"
            )


def trust_remarks(subject: ReviewSubject) -> Iterator[Remark]:
    """Yield what is wrong with the issuer and the keys that are trusted."""
    issuer, keys = _trust(subject, "issuer"), _trust(subject, "keys")
    owner, environment = _owner(issuer or ""), subject.target.environment
    if owner not in (None, environment):
        message = f"trust.issuer belongs to the platform's {owner} environment, not to {environment}"
        yield subject.remark(
            subject.firm, "trust", message, f"name the realm of {environment}"
        )
    problem = _keys_problem(subject, keys) if keys is not None else None
    if problem is not None:
        yield subject.remark(
            "error",
            "trust",
            f"trust.jwks: {problem}",
            "name the address or a file of the public keys",
        )


def _keys_problem(subject: ReviewSubject, keys: str) -> str | None:
    if "://" in keys:
        return address_problem(keys, subject.target.environment)
    try:
        data = json.loads((subject.target.folder / keys).read_bytes())
    except OSError as error:
        return f"the file cannot be read: {error.strerror}"
    except (ValueError, RecursionError):
        return "the file is not JSON"
    return (
        None
        if isinstance(data, dict) and data.get("keys")
        else "the file is no JSON Web Key Set"
    )


def _trust(subject: ReviewSubject, name: str) -> str | None:
    place = subject.rules.get("tokens", {}).get("trust", {}).get(name)
    return (
        next((str(value) for _, value in at(subject.service.settings, place)), None)
        if place
        else None
    )
