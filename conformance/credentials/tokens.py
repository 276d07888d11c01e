"""Access tokens by role: got once, kept, renewed before they expire, told to the redactor before anything else.

Asks I.AM Connect by client credentials with a signed JWT assertion. Must not verify the tokens nor
judge what a service makes of them.
"""

import json
import math
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from conformance.credentials.keystore import KeyStore, open_keystore
from conformance.credentials.secrets import resolve
from conformance.evidence.redaction import Redactor
from conformance.model.errors import CredentialRefusedError, SecretError
from conformance.model.exchange import Headers, Request, Response, TransportFailure
from conformance.target.addresses import address_problem
from conformance.target.policy import LOCAL, RULE, Sender, may_send

EXPIRED = "expired"
"""The role of a genuine token whose time is over, which is never renewed."""
MARGIN = 30.0
"""Seconds before its end at which a token is renewed, as the platform's own clients do."""
PATIENCE = 30.0
"""Seconds for which a token endpoint that has refused is not asked again."""

_CLIENT_CREDENTIALS = "client_credentials"
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_SECONDS = 60
_SMALLEST_RSA = 2048
_SHORTEST_WAIT = 1.0
_QUOTED = 200
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)  # RFC 6750, section 2.1
_JWT = re.compile(
    r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*", re.ASCII
)  # RFC 7515, section 3.1
_REALM = re.compile(r"https?://[^/]+/(?:[^/]+/)*?realms/[^/]+")
_REMEDIES = dict.fromkeys(
    (400, 401, 403), "check client_id, and that it has the certificate in the key store"
)
_CURVES = {
    "secp256r1": "ES256",
    "secp384r1": "ES384",
    "secp521r1": "ES512",
}  # RFC 7518, section 3.4

Send = Callable[[Request], Response | TransportFailure]


@dataclass(frozen=True, slots=True)
class _Held:
    """A token with the times, in epoch seconds, at which it expires and at which it is to be renewed."""

    token: str = field(repr=False)
    ends: float | None
    due: float


@dataclass(frozen=True, slots=True)
class _ConfidentialClient:
    """An application that I.AM Connect knows by its key."""

    token_url: str
    id: str
    store: KeyStore
    algorithm: str

    @property
    def realm(self) -> str:
        """Return the audience of the assertion: the realm's URL, not the token endpoint's as on other platforms."""
        found = _REALM.match(self.token_url)
        return found.group() if found else self.token_url

    def assertion(self, now: int) -> str:
        """Return a signed JWT that proves who the client is (RFC 7523, section 3), good for a minute and once.

        It names no key, since Keycloak finds none for a `kid` that it did not give itself.
        """
        own = {"iss": self.id, "sub": self.id, "aud": self.realm, "jti": str(uuid4())}
        times = {"iat": now, "exp": now + _ASSERTION_SECONDS}
        kind = RSAKey if isinstance(self.store.key, RSAPrivateKey) else ECKey
        key = kind.import_key(self.store.key)  # type: ignore[arg-type]  # the kind is that of the key
        return jwt.encode({"alg": self.algorithm}, own | times, key, [self.algorithm])


@dataclass(slots=True, kw_only=True)
class AccessTokens:
    """The access tokens that a service's section of a target file names, by role.

    `references` are the file's own: a text, `{env}`, `{file}`, `{command}` or `{client_credentials}`;
    paths are relative to `folder`; `where` begins every message. `headers` (User-Agent, From) go
    with each request to a token endpoint; `clock` gives epoch seconds. Threads may share it.
    """

    references: Mapping[str, Any] = field(repr=False)
    folder: Path
    where: str
    environment: str
    send: Send
    headers: Headers
    clock: Callable[[], float]
    redactor: Redactor = field(repr=False)
    _held: dict[str, _Held] = field(default_factory=dict, repr=False)
    _clients: dict[str, _ConfidentialClient] = field(default_factory=dict, repr=False)
    _refusals: dict[str, tuple[float, str]] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    @property
    def roles(self) -> frozenset[str]:
        """Return the roles that the target has a token for."""
        return frozenset(self.references)

    def get(self, role: str) -> str:
        """Return a token that holds now, or for the role `expired` one that no longer does.

        Raises SecretError where it cannot be had without a request, CredentialRefusedError where a
        token endpoint gives none, or where the token has run out and cannot be renewed.
        """
        with self._lock:
            held = self._held.get(role)
            if held is None:
                held = self._fetch(role)
            elif held.due <= self.clock():
                held = self._renew(role, held)
            self._held[role] = held
            return held.token

    def check_before_run(self, roles_needed: Iterable[str]) -> list[str]:
        """Return what is wrong with the tokens that a run needs, one line each, without sending anything.

        Roles that the target leaves out are no mistake: their cases do not apply.
        """
        problems: list[str] = []
        for role in sorted(self.roles & set(roles_needed)):
            try:
                self._prepare(role)
            except SecretError as error:
                problems += error.problems
        return problems

    def _prepare(self, role: str) -> None:
        """Have ready what a role's token needs, short of asking for it; raises SecretError."""
        with self._lock:
            if self._settings(role) is not None:
                self._client(role)
            elif role not in self._held:
                self._held[role] = self._fetch(role)

    def _renew(self, role: str, held: _Held) -> _Held:
        """Return a new token; the old one for as long as it holds where there is no new one."""
        try:
            return self._fetch(role)
        except (SecretError, CredentialRefusedError) as error:
            now = self.clock()
            if held.ends is not None and held.ends > now:
                return replace(held, due=_due(held.ends, now))
            reason = str(error)
        place = self._place(role)
        raise CredentialRefusedError(
            f"{place}: the token has run out and there is no other: {reason}"
        )

    def _fetch(self, role: str) -> _Held:
        if role not in self.references:
            raise SecretError(
                f"{self.where}: there is no token for the role {role!r}; add it"
            )
        if self._settings(role) is not None:
            return self._request(role)
        place, reference = self._place(role), self.references[role]
        token = self._secret(reference, place, {"token": role})
        if not _BEARER.fullmatch(token):
            raise SecretError(
                f"{place}: this is no access token (RFC 6750, section 2.1); give the token and nothing else"
            )
        ends, now = expiry(token), self.clock()
        problem = _time_problem(role, token, now)
        if problem:
            raise SecretError(f"{place}: {problem}")
        return _Held(token, ends, math.inf if role == EXPIRED else _due(ends, now))

    def _secret(self, reference: Any, place: str, written_as: Mapping[str, str]) -> str:  # noqa: ANN401 - a file's data
        secret = resolve(reference, self.folder, place)
        self.redactor.learn(secret, written_as)
        if isinstance(reference, str) and self.environment != LOCAL:
            raise SecretError(
                f"{place}: a secret stands in the file itself, which only a local target may have; "
                "give {env: NAME}, {file: PATH} or {command: [...]}"
            )
        return secret

    def _place(self, role: str) -> str:
        return f"{self.where}.{role}"

    def _settings(self, role: str) -> Mapping[str, Any] | None:
        """Return what a role's token is asked for with, or None where it is not asked for."""
        reference = self.references[role]
        settings = (
            reference.get(_CLIENT_CREDENTIALS)
            if isinstance(reference, Mapping)
            else None
        )
        return settings if isinstance(settings, Mapping) else None

    def _client(self, role: str) -> _ConfidentialClient:
        """Return the application that asks for a role's token; raises SecretError for anything wrong with it."""
        if role not in self._clients:
            place, settings = (
                f"{self._place(role)}.{_CLIENT_CREDENTIALS}",
                self._settings(role) or {},
            )
            url = settings["token_url"]
            problem = _url_problem(role, url, self.environment)
            if problem:
                raise SecretError(f"{place}: {problem}")
            password = self._secret(
                settings["password"], f"{place}.password", {"password": role}
            )
            try:
                store = open_keystore(
                    self.folder / settings["keystore"], password, settings.get("alias")
                )
                self._clients[role] = _ConfidentialClient(
                    url, settings["client_id"], store, _algorithm(store)
                )
            except SecretError as error:
                raise SecretError(f"{place}.keystore: {error}") from None
        return self._clients[role]

    def _request(self, role: str) -> _Held:
        """Return a token that I.AM Connect has just issued; who refused a moment ago is not asked again."""
        client = self._client(role)
        until, reason = self._refusals.get(role, (-math.inf, ""))
        if self.clock() < until:
            raise CredentialRefusedError(reason)
        try:
            return self._granted(role, client)
        except CredentialRefusedError as error:
            reason = (
                f"{self._place(role)}: the token endpoint {client.token_url} {error}"
            )
            self._refusals[role] = (self.clock() + PATIENCE, reason)
            raise CredentialRefusedError(reason) from None

    def _granted(self, role: str, client: _ConfidentialClient) -> _Held:
        now = self.clock()
        assertion = client.assertion(int(now))
        self.redactor.learn(assertion, {"client_assertion": role})
        answer = self._answer(
            self.send(_token_request(client, assertion, self.headers))
        )
        token = answer.get("access_token")
        if not isinstance(token, str) or not token:
            raise CredentialRefusedError(
                "answered without an access_token; ask its operator why"
            )
        self.redactor.learn(token, {"token": role})
        kind = answer.get("token_type", "Bearer")
        if (
            not _BEARER.fullmatch(token)
            or not isinstance(kind, str)
            or kind.lower() != "bearer"
        ):
            raise CredentialRefusedError(
                "answered with something else than a bearer token; ask its operator why"
            )
        ends = min(
            (end for end in (expiry(token), _lasting(answer, now)) if end is not None),
            default=None,
        )
        if ends is not None and ends <= now:
            raise CredentialRefusedError(
                "answered with a token that has expired already; set this machine's clock"
            )
        return _Held(token, ends, _due(ends, now))

    def _answer(self, outcome: Response | TransportFailure) -> Mapping[str, Any]:
        """Return the members of a token endpoint's answer (RFC 6749, section 5.1)."""
        if isinstance(outcome, TransportFailure):
            raise CredentialRefusedError(
                f"gives no answer: {self._quote(outcome.message)}; check address and network"
            )
        answer = _json_object(outcome.body)
        if outcome.status != HTTPStatus.OK:
            said = [(answer or {}).get(name) for name in ("error", "error_description")]
            reason = "".join(
                f", {self._quote(text)}" for text in said if isinstance(text, str)
            )
            remedy = _REMEDIES.get(
                outcome.status, "check token_url, or try again later"
            )
            raise CredentialRefusedError(
                f"answered with status {outcome.status}{reason}; {remedy}"
            )
        if outcome.cut or answer is None:
            raise CredentialRefusedError(
                "answered with something else than a JSON object; check token_url"
            )
        return answer

    def _quote(self, text: str) -> str:
        """Return a short piece of somebody else's text, without any secret that it may repeat."""
        return repr(self.redactor.text(text)[:_QUOTED])


def claims(token: str) -> Mapping[str, Any] | None:
    """Return what a JWT says, unverified (RFC 7519, section 7.2); None where the text is no signed JWT."""
    parts = _JWT.fullmatch(token)
    if parts is None:
        return None
    header, payload = (_json_object(_base64(part)) for part in parts.groups())
    return payload if header is not None else None


def expiry(token: str) -> float | None:
    """Return when a token expires, in epoch seconds; None where it does not say (RFC 7519, section 4.1.4)."""
    return _number((claims(token) or {}).get("exp"))


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _lasting(answer: Mapping[str, Any], now: float) -> float | None:
    """Return when an answer says that its token expires (RFC 6749, section 5.1), or None."""
    seconds = _number(answer.get("expires_in"))
    return now + seconds if seconds is not None and seconds > 0 else None


def _due(ends: float | None, now: float) -> float:
    """Return when to renew a token: in the middle of what is left where that is less than the margin."""
    if ends is None:
        return math.inf
    left = ends - now
    return (
        ends - MARGIN
        if left > MARGIN
        else min(now + max(left / 2, _SHORTEST_WAIT), ends)
    )


def _time_problem(role: str, token: str, now: float) -> str:
    """Return why a token's time does not fit its role, "" where it does or where the token does not say."""
    ends = expiry(token)
    over = ends is not None and ends <= now
    if role == EXPIRED and not over and claims(token) is not None:
        return "the token of this role must have expired, but it has not; give one whose time is over, or leave it out"
    if role != EXPIRED and ends is not None and over:
        return f"the token expired {_moment(ends)}; get a new one"
    return ""


def _moment(seconds: float) -> str:
    try:
        return f"at {datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return "long ago"


def _url_problem(role: str, url: str, environment: str) -> str | None:
    if role == EXPIRED:
        return "a token just issued has not expired; give {file: PATH} of one whose time is over, or leave the role out"
    if not may_send(Sender.CREDENTIALS, environment, public=False, method="POST"):
        return f"{RULE} is sent to production; name another environment"
    return address_problem(url, environment)


def _algorithm(store: KeyStore) -> str:
    """Return the signature algorithm for a key; raises SecretError where there is none."""
    if not isinstance(store.key, RSAPrivateKey):
        name = store.key.curve.name
        if name not in _CURVES:
            raise SecretError(
                f"nothing can be signed with a key on the curve {name}; use {', '.join(_CURVES)} or RSA"
            )
        return _CURVES[name]
    if store.key.key_size < _SMALLEST_RSA:  # RFC 7518, section 3.3
        raise SecretError(
            f"its RSA key has {store.key.key_size} bits; {_SMALLEST_RSA} are needed"
        )
    return "RS256"


def _token_request(
    client: _ConfidentialClient, assertion: str, headers: Headers
) -> Request:
    """Return the request of RFC 6749, section 4.4.2, with the client's proof of RFC 7523, section 2.2."""
    form = {
        "grant_type": _CLIENT_CREDENTIALS,
        "client_id": client.id,
        "client_assertion_type": _ASSERTION_TYPE,
        "client_assertion": assertion,
    }
    own = (
        ("Accept", "application/json"),
        ("Content-Type", "application/x-www-form-urlencoded"),
    )
    return Request("POST", client.token_url, (*headers, *own), urlencode(form).encode())


def _base64(text: str) -> bytes:
    return (
        urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) % 4 != 1 else b""
    )


def _json_object(raw: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None
