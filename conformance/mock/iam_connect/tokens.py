"""Tokens of the local I.AM Connect: issued, and verified.

Must not know HTTP.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey
from joserfc.jwt import ClaimsOption, JWTClaimsRegistry

from conformance.mock.iam_connect.people import Claims, Clock, Person, Profile

HEALTHCARE = "healthcare"
MACHINES = "M2M"
LOCAL_CLIENT = "local-citizen-application"
"""The public client of the healthcare realm that needs no registration."""
ALGORITHM = "RS256"
RSA_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
EC_ALGORITHMS = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
"""How clients may sign their assertions (RFC 7518, section 3.1): with an RSA key, and with an EC key by its curve."""
ClientKey = RSAKey | ECKey
_MOST_REMEMBERED = 256
_KEY_BITS = 2048
LIFETIME = timedelta(minutes=5)


class TokenError(Exception):
    """A token cannot be accepted; the message gives the reason and repeats nothing of the token."""


class OAuthError(Exception):
    """A request is refused with one of the error codes of RFC 6749, sections 4.1.2.1 and 5.2."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        """Keep the code, its explanation and the HTTP status."""
        super().__init__(error, description)
        self.error, self.description, self.status = error, description, status


@dataclass(frozen=True, slots=True)
class Issuer:
    """The signing half of a realm: its URL, its key and the clock it stamps tokens by."""

    url: str
    clock: Clock
    key: RSAKey = field(
        default_factory=lambda: RSAKey.generate_key(_KEY_BITS, auto_kid=True),
        repr=False,
    )

    def issue(self, claims: Claims, lifetime: timedelta = LIFETIME) -> str:
        """Return a signed token with these claims, valid from now on, with an identifier of its own."""
        now = self.clock()
        stamps = {
            "iss": self.url,
            "jti": str(uuid4()),
            "iat": seconds(now),
            "exp": seconds(now + lifetime),
        }
        header = {"alg": ALGORITHM, "kid": self.key.kid}
        return jwt.encode(header, {**stamps, **claims}, self.key, [ALGORITHM])

    def public_keys(self) -> dict[str, Any]:
        """Return the JSON Web Key Set that verifies the tokens (RFC 7517, section 5)."""
        return {"keys": [self.key.as_dict(private=False, use="sig", alg=ALGORITHM)]}


@dataclass(frozen=True, slots=True)
class Verifier:
    """Verifies access tokens for one audience; `keys` holds the public keys of each issuer trusted."""

    keys: Mapping[str, KeySet]
    audience: str
    clock: Clock
    _seen: dict[str, Claims] = field(default_factory=dict, repr=False, compare=False)
    """Tokens of which the signature was right, as it will be again."""

    def verify(self, token: str) -> Claims:
        """Return the claims of an access token that holds now.

        Raises TokenError where signature, algorithm, issuer, audience, kind or time is wrong.
        """
        claims = self._seen.get(token) or self._verified(token)
        rules: Mapping[str, ClaimsOption] = {
            "typ": {"essential": True, "value": "Bearer"},
            "aud": {"essential": True, "value": self.audience},
            "sub": {"essential": True},
        }
        _check(claims, self.clock(), rules)
        return claims

    def _verified(self, token: str) -> Claims:
        issuer = str(unverified(token).get("iss"))
        if issuer not in self.keys:
            raise TokenError("its issuer is not trusted")
        if len(self._seen) >= _MOST_REMEMBERED:
            self._seen.clear()
        self._seen[token] = _signed(token, self.keys[issuer])
        return self._seen[token]


def _signed(
    token: str, key: ClientKey | KeySet, algorithms: Sequence[str] = (ALGORITHM,)
) -> Claims:
    with _refusing():
        return jwt.decode(token, key, list(algorithms)).claims


def _check(claims: Claims, now: datetime, rules: Mapping[str, ClaimsOption]) -> None:
    with _refusing():
        JWTClaimsRegistry(seconds(now), 0, exp={"essential": True}, **rules).validate(
            dict(claims)
        )


@contextmanager
def _refusing() -> Iterator[None]:
    """Tell what is wrong with a token in words of our own."""
    try:
        yield
    except JoseError as error:
        raise TokenError(
            f"{error.error}: {error.description}" if error.description else error.error
        ) from None
    except (ValueError, TypeError, RecursionError):
        raise TokenError("it is not a signed JSON Web Token") from None


def roles(claims: Claims, service: str) -> frozenset[str]:
    """Return the roles that a verified token carries for a service (cookbook, section 5.1.1)."""
    access = claims.get("resource_access")
    entry = access.get(service) if isinstance(access, dict) else None
    listed = entry.get("roles") if isinstance(entry, dict) else None
    return (
        frozenset(role for role in listed if isinstance(role, str))
        if isinstance(listed, list)
        else frozenset()
    )


def person_claims(
    person: Person, client: str, service: str, profile: Profile = Profile.CITIZEN
) -> dict[str, Any]:
    """Return what an access token says of a person who acts in a profile for a service.

    A citizen's own token lists every profile that the person could change to; any other token names
    only its own profile, whose `sub` it bears.
    """
    profiles = person.may_act()
    entries = (
        list(profiles.values()) if profile is Profile.CITIZEN else [profiles[profile]]
    )
    return {
        **_access(client, service, person.roles),
        "sub": person.subject(profile),
        "scope": "openid profile",
        "ssin": person.ssin,
        "name": f"{person.first_name} {person.last_name}",
        "given_name": person.first_name,
        "family_name": person.last_name,
        "preferred_username": person.ssin,
        "locale": "en",
        "userProfile": {
            "ssin": person.ssin,
            "firstName": person.first_name,
            "lastName": person.last_name,
        },
        **({"may_act": entries} if entries else {}),
    }


def machine_claims(client: str, service: str, granted: Sequence[str]) -> dict[str, Any]:
    """Return what an access token says of a client that acts for nobody but itself."""
    return {
        **_access(client, service, granted),
        "sub": str(uuid5(NAMESPACE_URL, f"client/{client}")),
        "scope": "profile",
        "clientId": client,
        "preferred_username": f"service-account-{client.lower()}",
    }


def _access(client: str, service: str, granted: Sequence[str]) -> dict[str, Any]:
    resources = {service: {"roles": list(granted)}} if granted else {}
    return {
        "typ": "Bearer",
        "aud": [service],
        "azp": client,
        "sid": str(uuid4()),
        "resource_access": resources,
    }


def public_keys(jwks: object) -> tuple[ClientKey, ...]:
    """Return the keys of a JSON Web Key Set with which a client can sign; raises OAuthError where it is none."""
    try:
        keys = KeySet.import_key_set(jwks).keys  # type: ignore[arg-type]  # wrong types are what is caught here
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise OAuthError(
            "invalid_client_metadata", "jwks is not a JSON Web Key Set"
        ) from None
    return tuple(
        key
        for key in keys
        if isinstance(key, RSAKey | ECKey) and assertion_algorithms(key)
    )


def assertion_algorithms(key: ClientKey) -> tuple[str, ...]:
    """Return the algorithms by which a client may sign with a key, none for a curve that JOSE has none for."""
    if isinstance(key, RSAKey):
        return RSA_ALGORITHMS
    return tuple(filter(None, [EC_ALGORITHMS.get(key.curve_name)]))


def read_with_any(
    token: str, keys: Sequence[ClientKey], now: datetime, **rules: ClaimsOption
) -> Claims:
    """Return a token's claims by whichever key signed it: the `kid` that a client writes is its own affair.

    Raises TokenError. Source: RFC 7519, section 7.2; RFC 8725, section 3.1 for the list of algorithms.
    """
    reason = TokenError("the client has no key")
    for key in keys:
        try:
            claims = _signed(token, key, assertion_algorithms(key))
            _check(claims, now, rules)
        except TokenError as error:
            reason = error
        else:
            return claims
    raise reason


def unverified(token: str) -> Claims:
    """Return the claims that a token makes, to be trusted in nothing but the choice of the key."""
    try:
        claims = json.loads(jws.extract_compact(token.encode()).payload)
    except (JoseError, ValueError, TypeError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise TokenError("it is not a signed JSON Web Token")
    return claims


def seconds(moment: datetime) -> int:
    """Return a moment in whole epoch seconds (RFC 7519, NumericDate)."""
    return int(moment.timestamp())
