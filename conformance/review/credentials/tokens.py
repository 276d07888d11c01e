"""Reviews the claims of access tokens, against the rules and the test data.

Must not verify signatures.
"""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any
from urllib.parse import urlsplit

from conformance.credentials.jwt_claims import claims, expiry, finite_number
from conformance.credentials.tokens import EXPIRED
from conformance.files.reading import UnreadableFileError, read_bounded
from conformance.model.errors import ConformanceError
from conformance.review.credentials.token_roles import (
    Claims,
    RoleRule,
    holder_remarks,
    power_remarks,
    role_remarks,
)
from conformance.review.remarks import (
    CLOCK_TOLERANCE,
    Remark,
    Severity,
    at,
    span,
    split,
)
from conformance.review.subject import ReviewSubject
from conformance.target.addresses import address_problem, environment_of
from conformance.target.policy import is_production

_LARGEST_KEYS = 2**20
"""Bytes of a file of public keys."""
_NO_TIME_S = 10**15
"""A number of seconds beyond any calendar, that of a year written in milliseconds included."""
_REALM = re.compile(r"(?P<base>.*?)/realms/(?P<realm>[^/]+)/?")


def credential_remarks(subject: ReviewSubject) -> Iterator[Remark]:
    """Yield the tokens that the target file names in vain, or that have expired."""
    if subject.tokens is None:
        return
    for problem in subject.tokens.check_before_run(subject.roles):
        yield subject.remark("error", "token", *split(problem))


def held(subject: ReviewSubject) -> Iterator[tuple[str, str]]:
    """Yield role and token of those that the target file itself gives."""
    if subject.tokens is None:
        return
    for role in subject.roles:
        if _is_issued(subject, role):
            continue
        try:
            yield role, subject.tokens.get(role)
        except ConformanceError:
            continue  # `credential_remarks` reports it


def _is_issued(subject: ReviewSubject, role: str) -> bool:
    """Tell whether a token endpoint issues the token of a role, so that no user can have given a wrong one."""
    reference = subject.service.settings["tokens"][role]
    return isinstance(reference, Mapping) and "client_credentials" in reference


def token_remarks(subject: ReviewSubject, role: str, token: str) -> Iterator[Remark]:
    """Yield what is wrong with the claims of a token."""
    rules = subject.rules.get("tokens")
    if rules is None:
        return
    content = claims(token)
    rule = rules["by_role"].get(role, {})
    if content is None:
        message = f"tokens.{role} is not a JSON Web Token, so that its content cannot be reviewed"
        remedy = "an access token of I.AM Connect has three parts with dots between them; is this the one?"
        severity: Severity = (
            "warning"  # an access token is opaque to its client (RFC 6749, 1.4)
        )
        if subject.target.local or _is_issued(subject, role):
            severity, remedy = "note", "compare it by hand with what the role needs"
        yield subject.remark(severity, "token", message, remedy)
        return
    yield from _type_remarks(subject, role, content)
    yield from _issuer_remarks(subject, role, content, rule)
    yield from _audience_remarks(subject, role, content, rules["claims"])
    yield from role_remarks(subject, role, content, rule)
    yield from holder_remarks(subject, role, content, rule)
    yield from power_remarks(subject, role, content, rule)
    yield from _time_remarks(subject, role, token, content)


def _type_remarks(
    subject: ReviewSubject, role: str, content: Claims
) -> Iterator[Remark]:
    kind = content.get("typ")
    if isinstance(kind, str) and kind.lower() != "bearer":
        message = f"tokens.{role} is a token of type {kind[:20]!r}, not an access token"
        remedy = "give the member access_token of the token endpoint's answer"
        yield subject.remark("error", "token", message, remedy)


def _issuer_remarks(
    subject: ReviewSubject, role: str, content: Claims, rule: RoleRule
) -> Iterator[Remark]:
    issuer = content.get("iss")
    if not isinstance(issuer, str):
        message = f"tokens.{role} does not name its issuer (iss)"
        remedy = "give a token that I.AM Connect issued"
        yield subject.remark("warning", "token", message, remedy)
        return
    issued = f"tokens.{role} was issued by {issuer[:200]!r}"
    yield from _environment_remarks(subject, issued, issuer)
    yield from _realm_remarks(subject, role, issuer, rule.get("realms", ()))
    if not _trusted(subject, issuer, default=True):
        message = f"{issued}, but trust.issuer names another"
        remedy = "correct trust.issuer, or get the token from that issuer"
        yield subject.remark(subject.firm, "token", message, remedy)


def _environment_remarks(
    subject: ReviewSubject, issued: str, issuer: str
) -> Iterator[Remark]:
    """Yield that another environment issued a token, or an issuer unknown to the platform."""
    environment = subject.target.environment
    remedy = f"get the token from I.AM Connect of {environment}"
    owner = _owner(issuer)
    if owner is None:
        expected = subject.target.local or _trusted(subject, issuer)
        if not expected:
            message = f"{issued}, which is not the platform's I.AM Connect"
            yield subject.remark("warning", "token", message, remedy)
    elif owner != environment:
        message = f"{issued}, the platform's {owner} environment, not by {environment}"
        severity: Severity = "error" if is_production(owner) else subject.firm
        yield subject.remark(severity, "token", message, remedy)


def _realm_remarks(
    subject: ReviewSubject, role: str, issuer: str, realms: tuple[str, ...]
) -> Iterator[Remark]:
    match = _REALM.fullmatch(issuer)
    if match is None:
        expected, name = subject.target.local, "no realm"
    else:
        expected = match["realm"] in realms
        name = f"the realm {match['realm'][:40]!r}"
    if expected or not realms:
        return
    from_environment = _owner(issuer) == subject.target.environment
    severity: Severity = "error" if from_environment else "warning"
    message = f"tokens.{role} was issued by {name} instead of {' or '.join(realms)}"
    remedy = f"get the token in the realm {realms[0]}"
    yield subject.remark(severity, "token", message, remedy)


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
    if trusted is None:
        return default
    if issuer == trusted:
        return True
    issuing, trusting = _REALM.fullmatch(issuer), _REALM.fullmatch(trusted)
    if issuing is None or trusting is None:
        return False
    sister = issuing["realm"] != trusting["realm"]
    return sister and issuing["base"] == trusting["base"]


def _audience_remarks(
    subject: ReviewSubject, role: str, content: Claims, names: Mapping[str, Any]
) -> Iterator[Remark]:
    audience, wanted = content.get("aud"), names.get("audience")
    if audience is None or not wanted:
        return
    listed = audience if isinstance(audience, list) else [audience]
    if wanted not in listed:
        message = f"tokens.{role} is not for this service: its audience (aud) does not name {wanted}"
        remedy = f"exchange it for one whose audience is {wanted}"
        yield subject.remark("warning", "token", message, remedy)


def _time_remarks(
    subject: ReviewSubject, role: str, token: str, content: Claims
) -> Iterator[Remark]:
    if role == EXPIRED:
        return
    now, ends = subject.now.timestamp(), expiry(token)
    if ends is None:
        message = f"tokens.{role} does not state its end (exp)"
        remedy = "make sure that it holds until the end of the run"
        yield subject.remark("note", "token", message, remedy)
    elif now < ends < now + subject.seconds:
        message = f"tokens.{role} expires in {span(ends - now)}, but the run takes about {span(subject.seconds)}"
        remedy = "get a longer one, give {command: [...]} or {client_credentials: ...} to renew it, or run fewer cases"
        yield subject.remark("warning", "token", message, remedy)
    yield from _start_remarks(subject, role, "nbf", "error", content.get("nbf"))
    yield from _start_remarks(subject, role, "iat", "warning", content.get("iat"))


def _start_remarks(
    subject: ReviewSubject, role: str, name: str, severity: Severity, starts: object
) -> Iterator[Remark]:
    seconds = finite_number(starts)
    if seconds is None or abs(seconds) >= _NO_TIME_S:
        return
    ahead = seconds - subject.now.timestamp()
    if ahead > CLOCK_TOLERANCE.total_seconds():
        message = f"tokens.{role} is valid only {span(ahead)} from now ({name})"
        remedy = "set this machine's clock, or get another token"
        yield subject.remark(severity, "token", message, remedy)


def same_token_remarks(subject: ReviewSubject) -> Iterator[Remark]:
    """Yield the pairs of roles that share a token."""
    for (role, token), (other_role, other_token) in combinations(held(subject), 2):
        if token == other_token:
            message = f"tokens.{role} and tokens.{other_role} are the same token"
            remedy = "give each role a token of its own"
            yield subject.remark("warning", "token", message, remedy)


def trust_remarks(subject: ReviewSubject) -> Iterator[Remark]:
    """Yield what is wrong with the issuer and the keys that are trusted."""
    issuer, keys = _trust(subject, "issuer"), _trust(subject, "keys")
    owner, environment = _owner(issuer or ""), subject.target.environment
    if owner not in (None, environment):
        message = f"trust.issuer belongs to the platform's {owner} environment, not to {environment}"
        remedy = f"name the realm of {environment}"
        yield subject.remark(subject.firm, "trust", message, remedy)
    problem = _keys_problem(subject, keys) if keys is not None else None
    if problem is not None:
        remedy = "name the address or a file of the public keys"
        yield subject.remark("error", "trust", f"trust.jwks: {problem}", remedy)


def _keys_problem(subject: ReviewSubject, keys: str) -> str | None:
    if "://" in keys:
        return address_problem(keys, subject.target.environment)
    try:
        data = json.loads(read_bounded(subject.target.folder / keys, _LARGEST_KEYS))
    except UnreadableFileError as error:
        return error.about("the file").partition(";")[0]
    except (ValueError, RecursionError):
        return "the file is not JSON"
    if isinstance(data, dict) and data.get("keys"):
        return None
    return "the file is no JSON Web Key Set"


def _trust(subject: ReviewSubject, name: str) -> str | None:
    """Return a trusted value of the target file, None where it names none."""
    place = subject.rules.get("tokens", {}).get("trust", {}).get(name)
    if not place:
        return None
    return next((str(value) for _, value in at(subject.service.settings, place)), None)
