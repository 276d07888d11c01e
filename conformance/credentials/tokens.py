"""Access tokens by role: got once, kept, renewed before they expire, given to the redactor before anything else.

Asks I.AM Connect by client credentials with a signed JWT assertion. Must not verify the tokens nor
judge what a service makes of them.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from conformance.credentials.client_credentials import (
    GRANT,
    ConfidentialClient,
    signature_algorithm,
    token_response,
)
from conformance.credentials.holder import Fetched, Holder, LapsedError
from conformance.credentials.jwt_claims import claims, expiry, finite_number
from conformance.credentials.keystore import open_keystore
from conformance.credentials.secrets import demand_length, resolve
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

_SHORTEST_WAIT_S = 1.0
_QUOTED_CHARACTERS = 200
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)  # RFC 6750, section 2.1

Send = Callable[[Request], Response | TransportFailure]


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
    _holder: Holder[str] = field(init=False, repr=False)
    _clients: dict[str, ConfidentialClient] = field(default_factory=dict, repr=False)
    _clients_lock: Lock = field(default_factory=Lock, repr=False)

    def __post_init__(self) -> None:
        self._holder = Holder(clock=self.clock, due=_due, patience=PATIENCE)

    @property
    def roles(self) -> frozenset[str]:
        """Return the roles that the target has a token for."""
        return frozenset(self.references)

    def get(self, role: str) -> str:
        """Return a token that holds now, or for the role `expired` one that no longer does.

        Raises SecretError where it cannot be had without a request, CredentialRefusedError where a
        token endpoint gives none, or where the token has run out and cannot be renewed.
        """
        try:
            return self._holder.get(role, self._fetch)
        except LapsedError as lapsed:
            place, reason = self._place(role), lapsed.reason
        raise CredentialRefusedError(
            f"{place}: the token has run out and there is no other: {reason}"
        )

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
        settings = self._settings(role)
        if settings is not None:
            self._client(role, settings)
        else:
            self._holder.prepare(role, self._fetch)

    def _fetch(self, role: str) -> Fetched[str]:
        if role not in self.references:
            raise SecretError(
                f"{self.where}: there is no token for the role {role!r}; add it"
            )
        settings = self._settings(role)
        return self._stored(role) if settings is None else self._issued(role, settings)

    def _stored(self, role: str) -> Fetched[str]:
        """Return a token that the file names."""
        place = self._place(role)
        token = self._secret(self.references[role], place, {"token": role})
        demand_length(token, self.environment, place)
        if not _BEARER.fullmatch(token):
            raise SecretError(
                f"{place}: this is no access token (RFC 6750, section 2.1); give the token and nothing else"
            )
        problem = _time_problem(role, token, self.clock())
        if problem:
            raise SecretError(f"{place}: {problem}")
        ends = None if role == EXPIRED else expiry(token)
        return Fetched(token, math.inf if ends is None else ends)

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
        """Return the settings of a role whose token is asked for, None for one whose token the file names."""
        reference = self.references[role]
        if not isinstance(reference, Mapping):
            return None
        settings = reference.get(GRANT)
        return settings if isinstance(settings, Mapping) else None

    def _client(self, role: str, settings: Mapping[str, Any]) -> ConfidentialClient:
        """Return the application that asks for a role's token; raises SecretError for anything wrong with it."""
        with self._clients_lock:
            if role not in self._clients:
                self._clients[role] = self._open_client(role, settings)
            return self._clients[role]

    def _open_client(
        self, role: str, settings: Mapping[str, Any]
    ) -> ConfidentialClient:
        place, url = f"{self._place(role)}.{GRANT}", settings["token_url"]
        problem = _url_problem(role, url, self.environment)
        if problem:
            raise SecretError(f"{place}: {problem}")
        password = self._secret(
            settings["password"], f"{place}.password", {"password": role}
        )
        path = self.folder / settings["keystore"]
        try:
            store = open_keystore(path, password, settings.get("alias"))
            algorithm = signature_algorithm(store)
        except SecretError as error:
            raise SecretError(f"{place}.keystore: {error}") from None
        demand_length(password, self.environment, f"{place}.password")
        return ConfidentialClient(url, settings["client_id"], store, algorithm)

    def _issued(self, role: str, settings: Mapping[str, Any]) -> Fetched[str]:
        """Return a token that I.AM Connect has just issued."""
        client = self._client(role, settings)
        issuer = f"{self._place(role)}: the token endpoint {client.token_url}"
        return self._holder.ask(role, issuer, partial(self._granted, role, client))

    def _granted(self, role: str, client: ConfidentialClient) -> Fetched[str]:
        now = self.clock()
        assertion = client.assertion(int(now))
        self.redactor.learn(assertion, {"client_assertion": role})
        outcome = self.send(client.token_request(assertion, self.headers))
        answer = token_response(outcome, self._quote)
        token = answer.get("access_token")
        if not isinstance(token, str) or not token:
            raise CredentialRefusedError(
                "answered without an access_token; ask its operator why"
            )
        self.redactor.learn(token, {"token": role})
        if not _BEARER.fullmatch(token) or not _is_bearer(answer):
            raise CredentialRefusedError(
                "answered with something else than a bearer token; ask its operator why"
            )
        ends = min(_ends(token, answer, now), default=math.inf)
        if ends <= now:
            raise CredentialRefusedError(
                "answered with a token that has expired already; set this machine's clock"
            )
        return Fetched(token, ends)

    def _quote(self, text: str) -> str:
        """Return the beginning of a peer's text, without any secret that it may repeat."""
        return repr(self.redactor.text(text)[:_QUOTED_CHARACTERS])


def _is_bearer(answer: Mapping[str, Any]) -> bool:
    """Tell whether the type of a token is Bearer, in any case of letters (RFC 6749, section 5.1)."""
    kind = answer.get("token_type", "Bearer")
    return isinstance(kind, str) and kind.lower() == "bearer"


def _ends(token: str, answer: Mapping[str, Any], now: float) -> list[float]:
    """Return the ends that a token and its response state (RFC 6749, section 5.1), in epoch seconds."""
    expires = expiry(token)
    seconds = finite_number(answer.get("expires_in"))
    ends = [] if expires is None else [expires]
    if seconds is not None and seconds > 0:
        ends.append(now + seconds)
    return ends


def _due(ends: float, now: float) -> float:
    """Return when to renew a token: in the middle of what is left where that is less than the margin."""
    left = ends - now
    if left > MARGIN:
        return ends - MARGIN
    return min(now + max(left / 2, _SHORTEST_WAIT_S), ends)


def _time_problem(role: str, token: str, now: float) -> str:
    """Return why a token's time does not fit its role, "" where it does or where the token does not say."""
    ends = expiry(token)
    if role == EXPIRED:
        still_holds = ends is None or ends > now
        if still_holds and claims(token) is not None:
            return (
                "the token of this role must have expired, but it has not; "
                "give one whose time is over, or leave it out"
            )
        return ""
    if ends is not None and ends <= now:
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
