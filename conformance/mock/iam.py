"""I.AM Connect of the local platform: two OpenID Connect realms for fictitious citizens and for machines.

Keys are made at start and never leave the process. Must not know what a service does with a token,
nor show a form: whoever asks is logged in as the fictitious person of his choice.
"""

import hashlib
import json
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import NAMESPACE_URL, uuid4, uuid5

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey
from joserfc.jwt import ClaimsOption, JWTClaimsRegistry
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

HEALTHCARE = "healthcare"
MACHINES = "M2M"
LOCAL_CLIENT = "local-citizen-application"
"""The public client of the healthcare realm that needs no registration."""

AUTHORIZATION_CODE = "authorization_code"
CLIENT_CREDENTIALS = "client_credentials"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - a name, not a secret
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name, not a secret
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_ALGORITHM = "RS256"
_MOST_REMEMBERED = 256
_KEY_BITS = 2048
_LIFETIME = timedelta(minutes=5)
_CODE_LIFETIME = timedelta(minutes=1)
_FORM_BYTES = 65_536
_DRAINED_BYTES = 16_777_216
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}  # RFC 6749, section 5.1
_CODE_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)  # RFC 7636, section 4.1
_CODE_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)

Clock = Callable[[], datetime]
Claims = Mapping[str, Any]
Form = Mapping[str, str]


class TokenError(Exception):
    """A token cannot be accepted; the message gives the reason and repeats nothing of the token."""


class OAuthError(Exception):
    """A request is refused with one of the error codes of RFC 6749, sections 4.1.2.1 and 5.2."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        """Keep the code, its explanation and the HTTP status."""
        super().__init__(error, description)
        self.error, self.description, self.status = error, description, status


class Profile(Enum):
    """In what quality a person acts; the value is the member of may_act that lists for whom."""

    CITIZEN = ""
    PARENT = "children"
    MANDATARY = "mandators"


@dataclass(frozen=True, slots=True)
class Mandate:
    """Somebody who has given a mandate, and for which services."""

    ssin: str
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """A fictitious person who can log in, with the roles at the service and those the person may act for."""

    ssin: str
    first_name: str
    last_name: str
    roles: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    mandates: tuple[Mandate, ...] = ()

    def subject(self, profile: Profile) -> str:
        """Return the `sub` under which the person acts in a profile."""
        return str(uuid5(NAMESPACE_URL, f"{self.ssin}/{profile.value}"))

    def may_act(self) -> dict[Profile, dict[str, Any]]:
        """Return the claim's entry for each profile but the citizen's own that the person has."""
        listed: dict[Profile, list[dict[str, Any]]] = {
            Profile.PARENT: [{"ssin": child} for child in self.children],
            Profile.MANDATARY: [
                {"ssin": mandate.ssin, "serviceNames": list(mandate.services)} for mandate in self.mandates
            ],
        }
        return {
            profile: {"sub": self.subject(profile), "userProfile": {profile.value: people}}
            for profile, people in listed.items()
            if people
        }


@dataclass(frozen=True, slots=True)
class Client:
    """An application that asks for tokens: public without keys, else known by its signed assertions."""

    id: str
    keys: tuple[RSAKey, ...] = ()
    redirect_uris: tuple[str, ...] = ()

    def returns_to(self, uri: str) -> bool:
        """Tell whether a login may lead back there: a loopback address, and a registered one if any is."""
        return _is_loopback_uri(uri) and (not self.redirect_uris or uri in self.redirect_uris)


@dataclass(frozen=True, slots=True)
class Issuer:
    """The signing half of a realm: its URL, its key and the clock it stamps tokens by."""

    url: str
    clock: Clock
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(_KEY_BITS, auto_kid=True), repr=False)

    def issue(self, claims: Claims, lifetime: timedelta = _LIFETIME) -> str:
        """Return a signed token with these claims, valid from now on, with an identifier of its own."""
        now = self.clock()
        stamps = {"iss": self.url, "jti": str(uuid4()), "iat": _seconds(now), "exp": _seconds(now + lifetime)}
        header = {"alg": _ALGORITHM, "kid": self.key.kid}
        return jwt.encode(header, {**stamps, **claims}, self.key, [_ALGORITHM])

    def public_keys(self) -> dict[str, Any]:
        """Return the JSON Web Key Set that verifies the tokens (RFC 7517, section 5)."""
        return {"keys": [self.key.as_dict(private=False, use="sig", alg=_ALGORITHM)]}


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
        issuer = str(_unverified(token).get("iss"))
        if issuer not in self.keys:
            raise TokenError("its issuer is not trusted")
        if len(self._seen) >= _MOST_REMEMBERED:
            self._seen.clear()
        self._seen[token] = _signed(token, self.keys[issuer])
        return self._seen[token]


def read_token(token: str, key: RSAKey | KeySet, now: datetime, **rules: ClaimsOption) -> Claims:
    """Return the claims of a JWT that is signed by a key and holds now; it must say when it expires.

    Raises TokenError. Source: RFC 7519, section 7.2; RFC 8725, section 3.1 for the list of algorithms.
    """
    claims = _signed(token, key)
    _check(claims, now, rules)
    return claims


def _signed(token: str, key: RSAKey | KeySet) -> Claims:
    with _refusing():
        return jwt.decode(token, key, [_ALGORITHM]).claims


def _check(claims: Claims, now: datetime, rules: Mapping[str, ClaimsOption]) -> None:
    with _refusing():
        JWTClaimsRegistry(_seconds(now), 0, exp={"essential": True}, **rules).validate(dict(claims))


@contextmanager
def _refusing() -> Iterator[None]:
    """Tell what is wrong with a token in words of our own."""
    try:
        yield
    except JoseError as error:
        raise TokenError(f"{error.error}: {error.description}" if error.description else error.error) from None
    except (ValueError, TypeError, RecursionError):
        raise TokenError("it is not a signed JSON Web Token") from None


def roles(claims: Claims, service: str) -> frozenset[str]:
    """Return the roles that a verified token carries for a service (cookbook, section 5.1.1)."""
    access = claims.get("resource_access")
    entry = access.get(service) if isinstance(access, dict) else None
    listed = entry.get("roles") if isinstance(entry, dict) else None
    return frozenset(role for role in listed if isinstance(role, str)) if isinstance(listed, list) else frozenset()


def person_claims(person: Person, client: str, service: str, profile: Profile = Profile.CITIZEN) -> dict[str, Any]:
    """Return what an access token says of a person who acts in a profile for a service.

    A citizen's own token lists every profile that the person could change to; any other token names
    only its own profile, whose `sub` it bears.
    """
    profiles = person.may_act()
    entries = list(profiles.values()) if profile is Profile.CITIZEN else [profiles[profile]]
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
        "userProfile": {"ssin": person.ssin, "firstName": person.first_name, "lastName": person.last_name},
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
    return {"typ": "Bearer", "aud": [service], "azp": client, "sid": str(uuid4()), "resource_access": resources}


@dataclass(frozen=True, slots=True)
class _Login:
    """What an authorization code stands for until it is redeemed."""

    client: str
    redirect_uri: str
    challenge: str
    person: Person
    scope: str
    nonce: str
    at: datetime


@dataclass(slots=True)
class Realm:
    """One realm: its clients and people, and what it remembers of codes and assertions until they expire.

    Without people it is a realm of machines, whose clients all have `machine_roles` at the service.
    No method waits for anything, so on one event loop each is atomic.
    """

    issuer: Issuer
    service: str
    people: Mapping[str, Person] = field(default_factory=dict)
    machine_roles: tuple[str, ...] = ()
    clients: dict[str, Client] = field(default_factory=dict)
    _codes: dict[str, _Login] = field(default_factory=dict, repr=False)
    _assertions: dict[tuple[str, str], float] = field(default_factory=dict, repr=False)

    @property
    def grants(self) -> Mapping[str, Callable[[Client, Form], dict[str, Any]]]:
        """Return the grant types of the realm: people log in to one, machines to the other."""
        if self.people:
            return {AUTHORIZATION_CODE: self._redeem, TOKEN_EXCHANGE: self._exchange}
        return {CLIENT_CREDENTIALS: self._client_credentials}

    def discovery(self) -> dict[str, Any]:
        """Return the realm's metadata (OpenID Connect Discovery 1.0, section 3)."""
        url = self.issuer.url
        return {
            "issuer": url,
            "authorization_endpoint": url + "/protocol/openid-connect/auth",
            "token_endpoint": url + "/protocol/openid-connect/token",
            "jwks_uri": url + "/protocol/openid-connect/certs",
            "registration_endpoint": url + "/clients-registrations/openid-connect",
            "grant_types_supported": list(self.grants),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "scopes_supported": ["openid", "profile"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [_ALGORITHM],
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "none"],
            "token_endpoint_auth_signing_alg_values_supported": [_ALGORITHM],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "request_uri_parameter_supported": False,
        }

    def register(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """Add a client and return its metadata with the id given (RFC 7591, sections 2 and 3).

        A client without `jwks` is public and needs `redirect_uris`. Raises OAuthError.
        """
        uris = metadata.get("redirect_uris", [])
        if not isinstance(uris, list) or not all(isinstance(uri, str) and _is_loopback_uri(uri) for uri in uris):
            raise OAuthError("invalid_redirect_uri", "a login leads back to a loopback address only")
        keys = _public_keys(metadata["jwks"]) if "jwks" in metadata else ()
        if not keys and not uris:
            raise OAuthError("invalid_client_metadata", "a client has RSA keys in jwks, or redirect_uris")
        client = Client(str(uuid4()), keys, tuple(uris))
        self.clients[client.id] = client
        method = "private_key_jwt" if keys else "none"
        return {**metadata, "client_id": client.id, "token_endpoint_auth_method": method}

    def authorize(self, form: Form) -> str:
        """Return the URL that a login leads back to, with a code or an error (RFC 6749, section 4.1).

        Raises OAuthError where client or redirect_uri is unknown, since then nothing may be redirected.
        """
        client, uri = self.clients.get(form.get("client_id", "")), form.get("redirect_uri", "")
        if client is None or not client.returns_to(uri):
            raise OAuthError("invalid_request", "client_id or redirect_uri is not registered")
        try:
            answer = {"code": self._login(client, form)}
        except OAuthError as error:
            answer = {"error": error.error, "error_description": error.description}
        answer |= {"iss": self.issuer.url}  # RFC 9207
        answer |= {"state": form["state"]} if "state" in form else {}
        return f"{uri}{'&' if urlsplit(uri).query else '?'}{urlencode(answer)}"

    def token(self, form: Form) -> dict[str, Any]:
        """Return the token endpoint's answer to a request (RFC 6749, section 3.2); raises OAuthError."""
        if "grant_type" not in form:
            raise OAuthError("invalid_request", "grant_type is missing")
        if form["grant_type"] not in self.grants:
            raise OAuthError("unsupported_grant_type", f"this realm knows {', '.join(self.grants)}")
        return self.grants[form["grant_type"]](self._client(form), form)

    def _client(self, form: Form) -> Client:
        """Return the client that a request comes from; raises OAuthError (RFC 7521, section 4.2)."""
        assertion = form.get("client_assertion", "")
        client = self.clients.get(form.get("client_id") or _claimed_client(assertion))
        if client is None:
            raise OAuthError("invalid_client", "the client is unknown", HTTPStatus.UNAUTHORIZED)
        if client.keys or assertion:
            try:
                self._check_assertion(client, assertion, form.get("client_assertion_type"))
            except TokenError as error:
                raise OAuthError("invalid_client", f"client_assertion: {error}", HTTPStatus.UNAUTHORIZED) from None
        return client

    def _check_assertion(self, client: Client, assertion: str, kind: str | None) -> None:
        """Raise TokenError unless the assertion is the client's own, for this realm, and new (RFC 7523, section 3).

        The audience is the realm's URL: the token endpoint, which other platforms take, is not the same.
        """
        if not assertion or kind != ASSERTION_TYPE:
            raise TokenError("it must be given, and client_assertion_type beside it")
        own: ClaimsOption = {"essential": True, "value": client.id}
        now = self.issuer.clock()
        claims = _read_with_any(
            assertion,
            client.keys,
            now,
            iss=own,
            sub=own,
            aud={"essential": True, "value": self.issuer.url},
            jti={"essential": True},
        )
        self._assertions = {use: end for use, end in self._assertions.items() if end > now.timestamp()}
        if (client.id, claims["jti"]) in self._assertions:
            raise TokenError("it was used before")
        self._assertions[client.id, claims["jti"]] = claims["exp"]

    def _client_credentials(self, client: Client, form: Form) -> dict[str, Any]:
        del form
        if not client.keys:
            raise OAuthError("unauthorized_client", "a client without a key gets no token of its own")
        return self._answer(machine_claims(client.id, self.service, self.machine_roles))

    def _login(self, client: Client, form: Form) -> str:
        challenge = form.get("code_challenge", "")
        if form.get("response_type") != "code":
            raise OAuthError("unsupported_response_type", "response_type must be code")
        if form.get("code_challenge_method") != "S256" or not _CODE_CHALLENGE.fullmatch(challenge):
            raise OAuthError("invalid_request", "PKCE with S256 is required (RFC 7636)")
        person = self.people.get(form.get("login_hint", next(iter(self.people), "")))
        if person is None:
            raise OAuthError("access_denied", "login_hint is the SSIN of nobody who can log in here")
        now = self.issuer.clock()
        self._codes = {code: login for code, login in self._codes.items() if now - login.at < _CODE_LIFETIME}
        code = secrets.token_urlsafe(32)
        scope, nonce = form.get("scope", ""), form.get("nonce", "")
        self._codes[code] = _Login(client.id, form["redirect_uri"], challenge, person, scope, nonce, now)
        return code

    def _redeem(self, client: Client, form: Form) -> dict[str, Any]:
        # Taken out at the first attempt, whether that succeeds or not, so that a code is never good twice.
        login = self._codes.pop(form.get("code", ""), None)
        if login is None or self.issuer.clock() - login.at >= _CODE_LIFETIME:
            raise OAuthError("invalid_grant", "the code is unknown, used or expired")
        if (login.client, login.redirect_uri) != (client.id, form.get("redirect_uri")):
            raise OAuthError("invalid_grant", "the code was given to another client or redirect_uri")
        if not _proves(form.get("code_verifier", ""), login.challenge):
            raise OAuthError("invalid_grant", "code_verifier does not match the code_challenge")
        claims = person_claims(login.person, client.id, self.service)
        return self._answer(claims) | self._identity(login, claims)

    def _identity(self, login: _Login, claims: Claims) -> dict[str, Any]:
        """Return the ID token (OpenID Connect Core 1.0, section 2) where the scope asks for one."""
        if "openid" not in login.scope.split():
            return {}
        shared = {name: claims[name] for name in ("sub", "azp", "sid", "name", "given_name", "family_name")}
        own = {"typ": "ID", "aud": login.client, "auth_time": _seconds(login.at)}
        return {"id_token": self.issuer.issue(own | shared | ({"nonce": login.nonce} if login.nonce else {}))}

    def _exchange(self, client: Client, form: Form) -> dict[str, Any]:
        """Return a token of the same person, in the profile that `requested_subject` names (RFC 8693)."""
        if form.get("subject_token_type") != ACCESS_TOKEN_TYPE:
            raise OAuthError("invalid_request", "subject_token_type must be that of an access token")
        if form.get("audience", self.service) != self.service:
            raise OAuthError("invalid_target", "there is no such audience")
        trusted = {self.issuer.url: KeySet([self.issuer.key])}
        try:
            claims = Verifier(trusted, self.service, self.issuer.clock).verify(form.get("subject_token", ""))
        except TokenError as error:
            raise OAuthError("invalid_request", f"subject_token: {error}") from None
        person = self.people.get(str(claims.get("ssin")))
        profiles = (Profile.CITIZEN, *person.may_act()) if person else ()
        wanted = form.get("requested_subject", claims["sub"])
        profile = next((profile for profile in profiles if person and person.subject(profile) == wanted), None)
        if person is None or profile is None:
            raise OAuthError("access_denied", "the person may not act as requested_subject", HTTPStatus.FORBIDDEN)
        answer = self._answer(person_claims(person, client.id, self.service, profile))
        return answer | {"issued_token_type": ACCESS_TOKEN_TYPE}

    def _answer(self, claims: Claims) -> dict[str, Any]:
        return {
            "access_token": self.issuer.issue(claims),
            "token_type": "Bearer",
            "expires_in": int(_LIFETIME.total_seconds()),
            "scope": claims["scope"],
        }


@dataclass(frozen=True, slots=True)
class IamConnect:
    """Both realms, their HTTP endpoints, and the verifier of the tokens that they issue."""

    healthcare: Realm
    machines: Realm

    @classmethod
    def at(
        cls, address: str, service: str, people: Sequence[Person], machine_roles: tuple[str, ...], clock: Clock
    ) -> "IamConnect":
        """Return I.AM Connect on a platform that answers at an address; the first of the people is the default."""
        base = f"{address}/auth/realms/"
        known = {person.ssin: person for person in people}
        local = {LOCAL_CLIENT: Client(LOCAL_CLIENT)}
        return cls(
            Realm(Issuer(base + HEALTHCARE, clock), service, known, clients=local),
            Realm(Issuer(base + MACHINES, clock), service, machine_roles=machine_roles),
        )

    def verifier(self) -> Verifier:
        """Return what a service verifies the access tokens of both realms with."""
        realms = (self.healthcare, self.machines)
        keys = {realm.issuer.url: KeySet([realm.issuer.key]) for realm in realms}
        return Verifier(keys, self.healthcare.service, self.healthcare.issuer.clock)

    def routes(self) -> list[Route]:
        """Return the endpoints of both realms with full paths."""
        return [*_realm_routes(self.healthcare), *_realm_routes(self.machines)]


async def read_body(request: Request, limit: int) -> bytes:
    """Return the body of a request.

    Raises HTTPException: 413 for one of more bytes than the limit, 400 for one that breaks off.
    """
    body, size = bytearray(), 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= limit:
                body += chunk
            elif size > _DRAINED_BYTES:  # up to here it is read, so that a client that only sends hears the answer
                break
    except ClientDisconnect:
        raise HTTPException(400, "the body breaks off") from None
    if size > limit:
        raise HTTPException(413, f"a body of more than {limit} bytes is not accepted")
    return bytes(body)


def _realm_routes(realm: Realm) -> list[Route]:
    async def configuration(request: Request) -> Response:
        del request
        return JSONResponse(realm.discovery())

    async def certificates(request: Request) -> Response:
        del request
        return JSONResponse(realm.issuer.public_keys())

    async def token(request: Request) -> Response:
        try:
            return JSONResponse(realm.token(await _form(request)), headers=_NO_STORE)
        except OAuthError as error:
            return _refusal(error, request)

    async def authorize(request: Request) -> Response:
        try:
            url = realm.authorize(await _form(request) if request.method == "POST" else _fields(request.url.query))
        except OAuthError as error:
            return _refusal(error, request)
        return RedirectResponse(url, 302, _NO_STORE)

    async def register(request: Request) -> Response:
        try:
            return JSONResponse(realm.register(_object(await read_body(request, _FORM_BYTES))), 201, _NO_STORE)
        except OAuthError as error:
            return _refusal(error, request)

    path = urlsplit(realm.issuer.url).path
    return [
        Route(path + "/.well-known/openid-configuration", configuration, methods=["GET"]),
        Route(path + "/protocol/openid-connect/certs", certificates, methods=["GET"]),
        Route(path + "/protocol/openid-connect/token", token, methods=["POST"]),
        Route(path + "/protocol/openid-connect/auth", authorize, methods=["GET", "POST"]),
        Route(path + "/clients-registrations/openid-connect", register, methods=["POST"]),
    ]


def _refusal(error: OAuthError, request: Request) -> Response:
    # RFC 6749, section 5.2: who authenticated by header is told by header.
    by_header = error.status == HTTPStatus.UNAUTHORIZED and "authorization" in request.headers
    challenge = {"WWW-Authenticate": 'Basic realm="I.AM Connect"'} if by_header else {}
    body = {"error": error.error, "error_description": error.description}
    return JSONResponse(body, error.status, _NO_STORE | challenge)


async def _form(request: Request) -> Form:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise OAuthError("invalid_request", "the body must be application/x-www-form-urlencoded")
    try:
        return _fields((await read_body(request, _FORM_BYTES)).decode("ascii"))
    except UnicodeDecodeError:
        raise OAuthError("invalid_request", "the body is not a form") from None


def _fields(text: str) -> Form:
    """Return a form's fields; empty ones are left out, repeated ones refused (RFC 6749, section 3.1)."""
    try:
        pairs = parse_qsl(text, errors="strict", max_num_fields=100)
    except ValueError:
        raise OAuthError("invalid_request", "the request is not a form") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise OAuthError("invalid_request", "a parameter is repeated")
    return form


def _object(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise OAuthError("invalid_client_metadata", "the body is not a JSON object")
    return data


def _public_keys(jwks: object) -> tuple[RSAKey, ...]:
    try:
        keys = KeySet.import_key_set(jwks).keys  # type: ignore[arg-type]  # wrong types are what is caught here
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise OAuthError("invalid_client_metadata", "jwks is not a JSON Web Key Set") from None
    return tuple(key for key in keys if isinstance(key, RSAKey))


def _read_with_any(token: str, keys: Sequence[RSAKey], now: datetime, **rules: ClaimsOption) -> Claims:
    """Return a token's claims by whichever key signed it: the `kid` that a client writes is its own affair."""
    reason = TokenError("the client has no key")
    for key in keys:
        try:
            return read_token(token, key, now, **rules)
        except TokenError as error:
            reason = error
    raise reason


def _unverified(token: str) -> Claims:
    """Return the claims that a token makes, to be trusted in nothing but the choice of the key."""
    try:
        claims = json.loads(jws.extract_compact(token.encode()).payload)
    except (JoseError, ValueError, TypeError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise TokenError("it is not a signed JSON Web Token")
    return claims


def _claimed_client(assertion: str) -> str:
    """Return the client that an assertion names, for a request without client_id (RFC 7521, section 4.2)."""
    try:
        return str(_unverified(assertion).get("sub"))
    except TokenError:
        return ""


def _proves(verifier: str, challenge: str) -> bool:
    if not _CODE_VERIFIER.fullmatch(verifier):
        return False
    digest = urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=")
    return secrets.compare_digest(digest, challenge.encode("ascii"))


def _is_loopback_uri(uri: str) -> bool:
    """Tell whether a redirect URI leads to this machine (RFC 8252, section 7.3), without fragment or user."""
    try:
        url = urlsplit(uri)
        own = url.hostname == "localhost" or ip_address(url.hostname or "").is_loopback
    except ValueError:
        return False
    return own and url.scheme in {"http", "https"} and url.username is None and "#" not in uri


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
