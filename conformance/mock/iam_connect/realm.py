"""One realm of the local I.AM Connect: its grants, its log-in, its clients.

Source: RFC 6749, RFC 7523, RFC 7636, RFC 8693. Must not know HTTP routes.
"""

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

from joserfc.jwk import KeySet
from joserfc.jwt import ClaimsOption

from conformance.mock.iam_connect.clients import (
    ASSERTION_TYPE,
    Client,
    claimed_client,
    is_loopback_uri,
)
from conformance.mock.iam_connect.people import Claims, Form, Person, Profile
from conformance.mock.iam_connect.tokens import (
    ALGORITHM,
    EC_ALGORITHMS,
    LIFETIME,
    RSA_ALGORITHMS,
    Issuer,
    OAuthError,
    TokenError,
    Verifier,
    machine_claims,
    person_claims,
    public_keys,
    read_with_any,
    seconds,
)

AUTHORIZATION_CODE = "authorization_code"
CLIENT_CREDENTIALS = "client_credentials"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - a name, not a secret
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name, not a secret
_CODE_LIFETIME = timedelta(minutes=1)
_CODE_VERIFIER = re.compile(
    r"[A-Za-z0-9._~-]{43,128}", re.ASCII
)  # RFC 7636, section 4.1
_CODE_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


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
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "none"],
            "token_endpoint_auth_signing_alg_values_supported": [
                *RSA_ALGORITHMS,
                *EC_ALGORITHMS.values(),
            ],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "request_uri_parameter_supported": False,
        }

    def register(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """Add a client and return its metadata with the id given (RFC 7591, sections 2 and 3).

        A client without `jwks` is public and needs `redirect_uris`. Raises OAuthError.
        """
        uris = metadata.get("redirect_uris", [])
        if not isinstance(uris, list) or not all(
            isinstance(uri, str) and is_loopback_uri(uri) for uri in uris
        ):
            raise OAuthError(
                "invalid_redirect_uri", "a login leads back to a loopback address only"
            )
        keys = public_keys(metadata["jwks"]) if "jwks" in metadata else ()
        if not keys and not uris:
            raise OAuthError(
                "invalid_client_metadata",
                "a client has RSA or EC keys in jwks, or redirect_uris",
            )
        client = Client(str(uuid4()), keys, tuple(uris))
        self.clients[client.id] = client
        method = "private_key_jwt" if keys else "none"
        return {
            **metadata,
            "client_id": client.id,
            "token_endpoint_auth_method": method,
        }

    def authorize(self, form: Form) -> str:
        """Return the URL that a login leads back to, with a code or an error (RFC 6749, section 4.1).

        Raises OAuthError where client or redirect_uri is unknown, since then nothing may be redirected.
        """
        client, uri = (
            self.clients.get(form.get("client_id", "")),
            form.get("redirect_uri", ""),
        )
        if client is None or not client.returns_to(uri):
            raise OAuthError(
                "invalid_request", "client_id or redirect_uri is not registered"
            )
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
            raise OAuthError(
                "unsupported_grant_type", f"this realm knows {', '.join(self.grants)}"
            )
        return self.grants[form["grant_type"]](self._client(form), form)

    def _client(self, form: Form) -> Client:
        """Return the client that a request comes from; raises OAuthError (RFC 7521, section 4.2)."""
        assertion = form.get("client_assertion", "")
        client = self.clients.get(form.get("client_id") or claimed_client(assertion))
        if client is None:
            raise OAuthError(
                "invalid_client", "the client is unknown", HTTPStatus.UNAUTHORIZED
            )
        if client.keys or assertion:
            try:
                self._check_assertion(
                    client, assertion, form.get("client_assertion_type")
                )
            except TokenError as error:
                raise OAuthError(
                    "invalid_client",
                    f"client_assertion: {error}",
                    HTTPStatus.UNAUTHORIZED,
                ) from None
        return client

    def _check_assertion(
        self, client: Client, assertion: str, kind: str | None
    ) -> None:
        """Raise TokenError unless the assertion is the client's own, for this realm, and new (RFC 7523, section 3).

        The audience is the realm's URL: the token endpoint, which other platforms take, is not the same.
        """
        if not assertion or kind != ASSERTION_TYPE:
            raise TokenError("it must be given, and client_assertion_type beside it")
        own: ClaimsOption = {"essential": True, "value": client.id}
        now = self.issuer.clock()
        claims = read_with_any(
            assertion,
            client.keys,
            now,
            iss=own,
            sub=own,
            aud={"essential": True, "value": self.issuer.url},
            jti={"essential": True},
        )
        self._assertions = {
            use: end for use, end in self._assertions.items() if end > now.timestamp()
        }
        if (client.id, claims["jti"]) in self._assertions:
            raise TokenError("it was used before")
        self._assertions[client.id, claims["jti"]] = claims["exp"]

    def _client_credentials(self, client: Client, form: Form) -> dict[str, Any]:
        del form
        if not client.keys:
            raise OAuthError(
                "unauthorized_client", "a client without a key gets no token of its own"
            )
        return self._answer(machine_claims(client.id, self.service, self.machine_roles))

    def _login(self, client: Client, form: Form) -> str:
        challenge = form.get("code_challenge", "")
        if form.get("response_type") != "code":
            raise OAuthError("unsupported_response_type", "response_type must be code")
        if form.get("code_challenge_method") != "S256" or not _CODE_CHALLENGE.fullmatch(
            challenge
        ):
            raise OAuthError("invalid_request", "PKCE with S256 is required (RFC 7636)")
        person = self.people.get(form.get("login_hint", next(iter(self.people), "")))
        if person is None:
            raise OAuthError(
                "access_denied", "login_hint is the SSIN of nobody who can log in here"
            )
        now = self.issuer.clock()
        self._codes = {
            code: login
            for code, login in self._codes.items()
            if now - login.at < _CODE_LIFETIME
        }
        code = secrets.token_urlsafe(32)
        scope, nonce = form.get("scope", ""), form.get("nonce", "")
        self._codes[code] = _Login(
            client.id, form["redirect_uri"], challenge, person, scope, nonce, now
        )
        return code

    def _redeem(self, client: Client, form: Form) -> dict[str, Any]:
        # Taken out at the first attempt, whether that succeeds or not, so that a code is never good twice.
        login = self._codes.pop(form.get("code", ""), None)
        if login is None or self.issuer.clock() - login.at >= _CODE_LIFETIME:
            raise OAuthError("invalid_grant", "the code is unknown, used or expired")
        if (login.client, login.redirect_uri) != (client.id, form.get("redirect_uri")):
            raise OAuthError(
                "invalid_grant", "the code was given to another client or redirect_uri"
            )
        if not _proves(form.get("code_verifier", ""), login.challenge):
            raise OAuthError(
                "invalid_grant", "code_verifier does not match the code_challenge"
            )
        claims = person_claims(login.person, client.id, self.service)
        return self._answer(claims) | self._identity(login, claims)

    def _identity(self, login: _Login, claims: Claims) -> dict[str, Any]:
        """Return the ID token (OpenID Connect Core 1.0, section 2) where the scope asks for one."""
        if "openid" not in login.scope.split():
            return {}
        shared = {
            name: claims[name]
            for name in ("sub", "azp", "sid", "name", "given_name", "family_name")
        }
        own = {"typ": "ID", "aud": login.client, "auth_time": seconds(login.at)}
        return {
            "id_token": self.issuer.issue(
                own | shared | ({"nonce": login.nonce} if login.nonce else {})
            )
        }

    def _exchange(self, client: Client, form: Form) -> dict[str, Any]:
        """Return a token of the same person, in the profile that `requested_subject` names (RFC 8693)."""
        if form.get("subject_token_type") != ACCESS_TOKEN_TYPE:
            raise OAuthError(
                "invalid_request", "subject_token_type must be that of an access token"
            )
        if form.get("audience", self.service) != self.service:
            raise OAuthError("invalid_target", "there is no such audience")
        trusted = {self.issuer.url: KeySet([self.issuer.key])}
        try:
            claims = Verifier(trusted, self.service, self.issuer.clock).verify(
                form.get("subject_token", "")
            )
        except TokenError as error:
            raise OAuthError("invalid_request", f"subject_token: {error}") from None
        person = self.people.get(str(claims.get("ssin")))
        profiles = (Profile.CITIZEN, *person.may_act()) if person else ()
        wanted = form.get("requested_subject", claims["sub"])
        profile = next(
            (
                profile
                for profile in profiles
                if person and person.subject(profile) == wanted
            ),
            None,
        )
        if person is None or profile is None:
            raise OAuthError(
                "access_denied",
                "the person may not act as requested_subject",
                HTTPStatus.FORBIDDEN,
            )
        answer = self._answer(person_claims(person, client.id, self.service, profile))
        return answer | {"issued_token_type": ACCESS_TOKEN_TYPE}

    def _answer(self, claims: Claims) -> dict[str, Any]:
        return {
            "access_token": self.issuer.issue(claims),
            "token_type": "Bearer",
            "expires_in": int(LIFETIME.total_seconds()),
            "scope": claims["scope"],
        }


def _proves(verifier: str, challenge: str) -> bool:
    if not _CODE_VERIFIER.fullmatch(verifier):
        return False
    digest = urlsafe_b64encode(
        hashlib.sha256(verifier.encode("ascii")).digest()
    ).rstrip(b"=")
    return secrets.compare_digest(digest, challenge.encode("ascii"))
