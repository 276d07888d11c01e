"""Who asks Therapeutic Exclusion, by the access token, and for whom that allows it to act (cookbook, section 5.1.1).

Must not know what is asked, nor the service's state.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from conformance.checks.request_problem import RequestProblem, http_problem
from conformance.mock.exclusions import Author
from conformance.mock.iam_connect import tokens as iam_tokens
from conformance.mock.iam_connect.people import Claims, Mandate, Person, Profile
from conformance.mock.iam_connect.tokens import TokenError, Verifier
from conformance.model.exchange import Request

SERVICE = "ehealth-exclusion-backend"
REST_ACCESS, MONITORING = "rest-access", "monitoring"
MANDATE = "medicaldatamanagement"
"""The only type of mandate with which a mandatary may use the service (section 5.1.1)."""

CHALLENGES: Mapping[str, str] = {
    "token_given": "",
    "one_bearer_token": "invalid_request",
    "token_accepted": "invalid_token",
    "role_granted": "insufficient_scope",
    "citizen": "insufficient_scope",
    "mandate": "insufficient_scope",
}
"""The checks of who asks, each with the error that a challenge names (RFC 6750, section 3.1), "" for none."""


_LENT_FOR = timedelta(days=365)
"""How long the tokens of a target file hold: longer than any local platform runs, which alone accepts them."""
_EXPIRED_FOR = timedelta(hours=1)

PATIENT = Person("90010199794", "Alphonsine", "Sterrenveld", (REST_ACCESS,))
OTHER = Person("85061599690", "Godelieve", "Wolkenberg", (REST_ACCESS,))
_PARENT = Person(
    "64031799653", "Theofiel", "Sterrenveld", (REST_ACCESS,), children=(PATIENT.ssin,)
)
_MANDATARY = Person(
    "71110599535",
    "Hortense",
    "Vuurdoorn",
    (REST_ACCESS,),
    mandates=(Mandate(PATIENT.ssin, (MANDATE,)),),
)
_WRONG_MANDATARY = Person(
    "58091299721",
    "Isidoor",
    "Nevelrots",
    (REST_ACCESS,),
    mandates=(Mandate(PATIENT.ssin, ("recipe",)),),
)
PEOPLE = (PATIENT, OTHER, _PARENT, _MANDATARY, _WRONG_MANDATARY)
"""The fictitious people who may ask."""


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """Who asks, as the token tells; `unfit` are those who gave a mandate, but not one for this service."""

    author: Author
    patients: frozenset[str]
    unfit: frozenset[str] = frozenset()


def token_problems(
    request: Request, verifier: Verifier, role: str
) -> Iterator[RequestProblem]:
    """Yield why a request's access token does not open the service to a role (RFC 6750, section 3.1)."""
    credentials = request.values("Authorization")
    if not credentials:
        yield _unauthorised("token_given", "an access token is needed")
        return
    if len(credentials) > 1 or _bearer(credentials[0]) is None:
        reason = "one Authorization header with a Bearer token is needed"
        yield _unauthorised("one_bearer_token", reason)
        return
    try:
        claims = verifier.verify(_bearer(credentials[0]) or "")
    except TokenError as error:
        reason = f"the access token is not accepted: {error}"
        yield _unauthorised("token_accepted", reason)
        return
    if role not in iam_tokens.roles(claims, SERVICE):
        yield forbidden("role_granted", f"the role {role} is missing")
    if role == REST_ACCESS and holder_of(claims) is None:
        yield forbidden("citizen", "the token is no citizen's")


def token_holder(request: Request, verifier: Verifier) -> TokenHolder | None:
    """Return who asks by a request's access token, None where it is not accepted or is no person's."""
    credentials = request.values("Authorization")
    token = _bearer(credentials[0]) if len(credentials) == 1 else None
    try:
        return holder_of(verifier.verify(token)) if token is not None else None
    except TokenError:
        return None


def holder_of(claims: Claims) -> TokenHolder | None:
    """Return who asks by verified claims, None where they are no person's.

    A token whose `sub` is that of a may_act entry acts in that entry's profile, any other as a citizen.
    """
    ssin = claims.get("ssin")
    if not isinstance(ssin, str):
        return None
    author = Author(str(claims.get("azp")), ssin)
    profile = _acting_profile(claims)
    if profile is None:
        return TokenHolder(author, frozenset({ssin}))
    children = _people(profile, Profile.PARENT)
    mandators = _people(profile, Profile.MANDATARY)
    fit = {
        name
        for name, mandator in mandators.items()
        if MANDATE in _listed(mandator, "serviceNames")
    }
    return TokenHolder(author, frozenset({*children, *fit}), frozenset(mandators) - fit)


def forbidden(check: str, reason: str) -> RequestProblem:
    """Return a problem of a token that is right, but not for this (RFC 6750, section 3.1)."""
    return http_problem(check, HTTPStatus.FORBIDDEN, reason)


def _unauthorised(check: str, reason: str) -> RequestProblem:
    return http_problem(check, HTTPStatus.UNAUTHORIZED, reason)


def _bearer(credentials: str) -> str | None:
    """Return the token of Bearer credentials, None where they are of another scheme (RFC 6750, section 2.1)."""
    scheme, _, token = credentials.partition(" ")
    return token.strip(" ") if scheme.lower() == "bearer" else None


def _acting_profile(claims: Claims) -> Mapping[str, Any] | None:
    """Return the profile in which a token's holder acts for somebody else, None for a citizen."""
    for entry in _listed(claims, "may_act"):
        if isinstance(entry, dict) and entry.get("sub") == claims.get("sub"):
            profile = entry.get("userProfile")
            return profile if isinstance(profile, dict) else {}
    return None


def _people(
    profile: Mapping[str, Any], relation: Profile
) -> dict[str, Mapping[str, Any]]:
    """Return whom a profile names in a relation, by SSIN."""
    people = [each for each in _listed(profile, relation.value) if type(each) is dict]
    return {each["ssin"]: each for each in people if isinstance(each.get("ssin"), str)}


def _listed(holder: Mapping[str, Any], name: str) -> list[Any]:
    """Return a member that is a list; an empty one where it is none."""
    member = holder.get(name)
    return member if isinstance(member, list) else []


def tokens_by_role(issuer: iam_tokens.Issuer) -> dict[str, str]:
    """Return a token for each role that a target file knows."""
    past = replace(issuer, clock=lambda: issuer.clock() - 2 * _EXPIRED_FOR)

    def token(
        person: Person,
        profile: Profile = Profile.CITIZEN,
        by: iam_tokens.Issuer = issuer,
        lifetime: timedelta = _LENT_FOR,
    ) -> str:
        return by.issue(
            iam_tokens.person_claims(person, iam_tokens.LOCAL_CLIENT, SERVICE, profile),
            lifetime,
        )

    machine = iam_tokens.machine_claims("local-monitoring", SERVICE, (MONITORING,))
    return {
        "citizen": token(PATIENT),
        "parent": token(_PARENT, Profile.PARENT),
        "mandatary": token(_MANDATARY, Profile.MANDATARY),
        "mandatary_wrong_type": token(_WRONG_MANDATARY, Profile.MANDATARY),
        "without_role": token(replace(PATIENT, roles=())),
        "expired": token(PATIENT, by=past, lifetime=_EXPIRED_FOR),
        "other_citizen": token(OTHER),
        "monitoring": issuer.issue(machine, _LENT_FOR),
    }
