"""Access tokens by role: got once, kept, renewed before they expire, given to the redactor before anything else.

Asks I.AM Connect by client credentials with a signed JWT assertion. Must not verify the tokens nor
judge what a service makes of them.
"""

import math
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from conformance.credentials.asking import Send, ask
from conformance.credentials.client_credentials import (
    GRANT,
    ConfidentialClient,
    signature_algorithm,
    token_response,
)
from conformance.credentials.holder import Fetched, Holder, LapsedError
from conformance.credentials.jwt_claims import claims, expiry, stated_seconds
from conformance.credentials.keystore import keystore_password, open_keystore
from conformance.credentials.secrets import demand_length, resolve
from conformance.evidence.redaction import Redactor
from conformance.model.errors import CredentialRefusedError, SecretError
from conformance.model.exchange import Headers, Request
from conformance.target.addresses import address_problem
from conformance.target.policy import LOCAL, RULE, Sender, may_send
from conformance.traffic.waiting import Patience

EXPIRED = "expired"
"""The role of a genuine token whose time is over, which is never renewed."""
MARGIN = 30.0
"""Seconds before its end at which a token is renewed, as the platform's own clients do."""
PATIENCE = 30.0
"""Seconds for which a token endpoint that has refused is not asked again."""

_SHORTEST_WAIT_S = 1.0
_QUOTED_CHARACTERS = 200
_SCHEME = re.compile(r"bearer\b", re.ASCII | re.IGNORECASE)
_QUOTES = frozenset("\"'`\u2018\u2019\u201c\u201d")
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)  # RFC 6750, section 2.1


@dataclass(slots=True, kw_only=True)
class AccessTokens:
    """The access tokens that a service's section of a target file names, by role.

    `references` are the file's own: a text, `{env}`, `{file}`, `{command}` or `{client_credentials}`;
    paths are relative to `folder`; `where` begins every message. `headers` (User-Agent, From) go
    with each request to a token endpoint; `clock` gives epoch seconds, and `pause` waits for some, as long as the
    `patience` lasts. Threads may share it.
    """

    references: Mapping[str, Any] = field(repr=False)
    folder: Path
    where: str
    environment: str
    send: Send
    headers: Headers
    clock: Callable[[], float]
    redactor: Redactor = field(repr=False)
    patience: Patience = field(default_factory=Patience)
    pause: Callable[[float], None] = time.sleep
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

    def give_up(self, role: str) -> bool:
        """Forget a token that a service refused, where the harness got it itself; tell whether a new one can be had."""
        if role not in self.references or self._settings(role) is None:
            return False
        self._holder.drop(role)
        return True

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
        reference = self.references[role]
        text = resolve(reference, self.folder, place)
        self._keep(text, reference, place, {"token": role})
        token = text.strip()
        self.redactor.learn(token, {"token": role})
        demand_length(token, self.environment, place)
        if not _BEARER.fullmatch(token):
            raise SecretError(
                f"{place}: this is no access token (RFC 6750, section 2.1){_oddity(token)}; "
                "give the token and nothing else"
            )
        problem = _time_problem(role, token, self.clock())
        if problem:
            raise SecretError(f"{place}: {problem}")
        ends = None if role == EXPIRED else expiry(token)
        return Fetched(token, math.inf if ends is None else ends)

    def _keep(
        self,
        secret: str,
        reference: Any,  # noqa: ANN401 - a file's data
        place: str,
        written_as: Mapping[str, str],
    ) -> None:
        """Give a secret to the redactor; raises SecretError for one that should not stand where it does."""
        self.redactor.learn(secret, written_as)
        if isinstance(reference, str) and self.environment != LOCAL:
            raise SecretError(
                f"{place}: a secret stands in the file itself, which only a local target may have; "
                "give {env: NAME}, {file: PATH} or {command: [...]}"
            )

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
        path, reference = self.folder / settings["keystore"], settings["password"]
        where = f"{place}.password"
        password = keystore_password(reference, path, self.folder, where)
        self._keep(password, reference, where, {"password": role})
        try:
            store = open_keystore(path, password, settings.get("alias"))
            signature_algorithm(store)
        except SecretError as error:
            raise SecretError(f"{place}.keystore: {error}") from None
        try:
            algorithm = signature_algorithm(store, settings.get("algorithm", ""))
        except SecretError as error:
            raise SecretError(f"{place}.algorithm: {error}") from None
        demand_length(password, self.environment, where)
        return ConfidentialClient(url, settings["client_id"], store, algorithm)

    def _issued(self, role: str, settings: Mapping[str, Any]) -> Fetched[str]:
        """Return a token that I.AM Connect has just issued."""
        client = self._client(role, settings)
        issuer = f"{self._place(role)}: the token endpoint {client.token_url}"
        return self._holder.ask(role, issuer, partial(self._granted, role, client))

    def _granted(self, role: str, client: ConfidentialClient) -> Fetched[str]:
        asked_at: list[float] = []

        def made() -> Request:
            asked_at.append(self.clock())
            return self._request(role, client, asked_at[-1])

        outcome = ask(made, self.send, self.patience, self.pause)
        now = asked_at[-1]  # a token's seconds may count from before its answer came
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

    def _request(self, role: str, client: ConfidentialClient, now: float) -> Request:
        """Return a request for a token, with an assertion that was never used."""
        assertion = client.assertion(int(now))
        self.redactor.learn(assertion, {"client_assertion": role})
        return client.token_request(assertion, self.headers)

    def _quote(self, text: str) -> str:
        """Return the beginning of a peer's text, without any secret that it may repeat."""
        return repr(self.redactor.text(text)[:_QUOTED_CHARACTERS])


def _oddity(text: str) -> str:
    """Return what a text that is no token has instead, as far as that can be told without showing it."""
    lines = [line for line in text.splitlines() if line.strip()]
    if _SCHEME.match(text):
        return ': it begins with the word "Bearer", which the harness writes itself'
    if text.startswith("{"):
        return ": it is a whole JSON object, such as the answer whose member access_token is the token"
    if len(lines) > 1:
        return f": it has {len(lines)} lines"
    if text[:1] in _QUOTES or text[-1:] in _QUOTES:
        return ": it stands in quotation marks"
    return ""


def _is_bearer(answer: Mapping[str, Any]) -> bool:
    """Tell whether the type of a token is Bearer, in any case of letters (RFC 6749, section 5.1), or is not told."""
    kind = answer.get("token_type")
    return kind is None or (isinstance(kind, str) and kind.lower() == "bearer")


def _ends(token: str, answer: Mapping[str, Any], now: float) -> list[float]:
    """Return the ends that a token and its response state (RFC 6749, section 5.1), in epoch seconds."""
    expires = expiry(token)
    seconds = stated_seconds(answer.get("expires_in"))
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
