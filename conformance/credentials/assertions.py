"""SOAP callers by name: their keys, and their SAML Holder-of-Key assertions, read from a file or asked of an STS.

An assertion is got once, kept, renewed before it ends, and told to the redactor before anything else. Must not judge
what a service makes of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any, Final

from conformance.credentials.keystore import open_keystore
from conformance.credentials.secrets import read_file, resolve
from conformance.evidence.redaction import Redactor
from conformance.model.contract import CallerRule
from conformance.model.errors import (
    CredentialRefusedError,
    MissingDataError,
    SecretError,
)
from conformance.model.exchange import Headers, Request, Response, TransportFailure
from conformance.soap.message import (
    CONTENT_TYPE,
    TOKEN_ACTION,
    RequestedAttribute,
    issued_assertion,
    token_request,
)
from conformance.soap.security.saml import (
    Assertion,
    SamlError,
    public_key,
    read_assertion,
)
from conformance.soap.security.wss import Signer, make_signer
from conformance.target.addresses import address_problem
from conformance.target.policy import RULE, Sender, may_send

Send = Callable[[Request], Response | TransportFailure]

MARGIN: Final = timedelta(seconds=60)
"""How long before its end an assertion is renewed; in the middle of its time where that is shorter."""
PATIENCE: Final = timedelta(seconds=30)
"""For how long an STS that has refused a caller is not asked again."""
SKEW: Final = 300.0
"""Seconds by which clocks may differ (cookbooks, section 6.2)."""
_LARGEST_ASSERTION = 2**20
_QUOTED = 200


@dataclass(slots=True, kw_only=True)
class Callers:
    """The callers that a service's section of a target file names.

    `settings` are the file's own; paths are relative to `folder`; `where` begins every message. `headers` (User-Agent,
    From) go with each request to an STS; `clock` gives the time in UTC.
    """

    settings: Mapping[str, Mapping[str, Any]] = field(repr=False)
    rules: Mapping[str, CallerRule]
    folder: Path
    where: str
    environment: str
    send: Send
    headers: Headers
    clock: Callable[[], datetime]
    redactor: Redactor = field(repr=False)
    _signers: dict[str, Signer] = field(default_factory=dict, repr=False)
    _held: dict[str, tuple[Assertion, datetime]] = field(
        default_factory=dict, repr=False
    )
    _refusals: dict[str, tuple[datetime, str]] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def names(self, kind: str = "") -> tuple[str, ...]:
        """Return the names of the callers of a kind, in the order of the file; of all callers without one."""
        return tuple(
            name
            for name, row in self.settings.items()
            if not kind or row["kind"] == kind
        )

    def kind(self, name: str) -> str:
        """Return the kind of a caller."""
        return str(self.settings[name]["kind"])

    def rule(self, name: str) -> CallerRule:
        """Return what is said of a caller's kind."""
        return self.rules[self.kind(name)]

    def signer(self, name: str) -> Signer:
        """Return a caller's key, ready for signing; raises SecretError where it cannot be had."""
        if name not in self._signers:
            row, place = self.settings[name], self._place(name)
            password = resolve(row["password"], self.folder, f"{place}.password")
            self.redactor.learn(password, {"password": name})
            try:
                store = open_keystore(
                    self.folder / row["keystore"], password, row.get("alias")
                )
            except SecretError as error:
                raise SecretError(f"{place}.keystore: {error}") from None
            self._signers[name] = make_signer(store.key, store.certificate)
        return self._signers[name]

    def assertion(self, name: str) -> Assertion:
        """Return an assertion of a caller that holds now, with all that its attributes promise.

        Raises SecretError where it cannot be had without a request, CredentialRefusedError where the STS gives none,
        where it has run out and cannot be renewed, or where its certified attributes are not what a service wants.
        """
        with self._lock:
            now = self.clock()
            held, due = self._held.get(name, (None, now))
            if held is None or due <= now:
                held = self._fetched(name, held, now)
                self._held[name] = held, _due(held, now)
        problems = held.attribute_problems()
        if problems:
            raise CredentialRefusedError(
                f"{self._place(name)}: the assertion's certified attributes do not admit the caller: "
                f"{'; '.join(problems)}; ask the platform whether the test case is configured"
            )
        return held

    def expired(self, name: str) -> Assertion:
        """Return a genuine assertion of a caller whose time is over; raises MissingDataError where there is none."""
        found = self._spare(name, "expired")
        if found.not_on_or_after is None or found.not_on_or_after > self.clock():
            raise MissingDataError(
                f"callers.{name}.expired_assertion has not expired; give one whose time is over"
            )
        return found

    def denied(self, name: str) -> Assertion:
        """Return a genuine assertion of a caller whose certified attributes give no access.

        Raises MissingDataError where there is none.
        """
        found = self._spare(name, "denied")
        problem = _time_problem(found, self.clock())
        if problem:
            raise MissingDataError(
                f"callers.{name}.denied_assertion: {problem}; get a new one from the STS"
            )
        if not found.attribute_problems():
            place = f"callers.{name}.denied_assertion"
            raise MissingDataError(
                f"{place} gives access; give one with an attribute that is false or empty"
            )
        return found

    def identity(self, name: str) -> str:
        """Return the number that a caller of its kind has: the file's, else the assertion's; "" where neither says."""
        rule = self.rule(name)
        return requester_number(self.settings[name], rule) or self.assertion(
            name
        ).identity(*rule.attributes)

    def _spare(self, name: str, state: str) -> Assertion:
        """Return an assertion that the target gives for a message that has to be refused."""
        place = self.settings[name].get(f"{state}_assertion")
        if not place:
            raise MissingDataError(
                f"the target gives no callers.{name}.{state}_assertion"
            )
        return self._read(
            name,
            f"{self._place(name)}.{state}_assertion",
            self.folder / place,
            state=state,
        )

    def _asks(self, name: str) -> bool:
        return "assertion" not in self.settings[name] and "sts" in self.settings[name]

    def _place(self, name: str) -> str:
        return f"{self.where}.{name}"

    def _fetched(self, name: str, old: Assertion | None, now: datetime) -> Assertion:
        """Return a new assertion; the old one for as long as it holds where there is no new one."""
        try:
            return (
                self._issue(name, now) if self._asks(name) else self._stored(name, now)
            )
        except (SecretError, CredentialRefusedError):
            if old is None or _time_problem(old, now):
                raise
            return old

    def _stored(self, name: str, now: datetime) -> Assertion:
        place = f"{self._place(name)}.assertion"
        if "assertion" not in self.settings[name]:
            raise SecretError(
                f"{self._place(name)}: give the file of an assertion, or the address of an sts"
            )
        path = self.folder / self.settings[name]["assertion"]
        stored = self._read(name, place, path)
        problem = _time_problem(stored, now)
        if problem:
            raise CredentialRefusedError(
                f"{place}: {path}: {problem}; get a new one from the STS"
            )
        return stored

    def learn_altered(self, name: str, data: bytes, how: str) -> None:
        """Tell the redactor of an assertion of a caller that was changed, and how."""
        self.redactor.learn(
            data.decode("utf-8", "replace"), {"assertion": name, "altered": how}
        )

    def _read(self, name: str, place: str, path: Path, **state: str) -> Assertion:
        """Return an assertion from a file; what it says is told to the redactor first."""
        try:
            found = read_assertion(read_file(path, _LARGEST_ASSERTION))
        except SamlError as error:
            raise SecretError(
                f"{place}: {path}: not a SAML 1.1 assertion: {error}; save it as it was issued"
            ) from None
        except SecretError as error:
            raise SecretError(f"{place}: {error}") from None
        self.redactor.learn(
            found.data.decode("utf-8", "replace"), {"assertion": name, **state}
        )
        return found

    def _address_problem(self, address: str) -> str | None:
        if not may_send(
            Sender.CREDENTIALS, self.environment, public=False, method="POST"
        ):
            return f"{RULE} is sent to production; name another environment"
        return address_problem(address, self.environment)

    def _issue(self, name: str, now: datetime) -> Assertion:
        """Return an assertion that the STS has just issued; who refused a moment ago is not asked again."""
        until, reason = self._refusals.get(name, (now, ""))
        if now < until:
            raise CredentialRefusedError(reason)
        try:
            return self._granted(name, now)
        except CredentialRefusedError as error:
            reason = (
                f"{self._place(name)}: the STS {self.settings[name]['sts']} {error}"
            )
            self._refusals[name] = now + PATIENCE, reason
            raise CredentialRefusedError(reason) from None

    def _granted(self, name: str, now: datetime) -> Assertion:
        signer, address = self.signer(name), str(self.settings[name]["sts"])
        problem = self._address_problem(address)
        if problem:
            raise SecretError(f"{self._place(name)}.sts: {problem}")
        own = (
            ("Content-Type", CONTENT_TYPE),
            ("SOAPAction", f'"{TOKEN_ACTION}"'),
            ("Accept", "text/xml"),
        )
        body = token_request(signer, self._claims(name), now)
        outcome = self.send(Request("POST", address, (*self.headers, *own), body))
        if isinstance(outcome, TransportFailure):
            raise CredentialRefusedError(
                f"gives no answer: {self._quote(outcome.message)}; check address and network"
            )
        try:
            issued = issued_assertion(outcome.body)
        except SamlError as error:
            said = f"answered with status {outcome.status}: {self._quote(str(error))}"
            raise CredentialRefusedError(
                f"{said}; check its address, and that it knows the certificate"
            ) from None
        self.redactor.learn(issued.data.decode("utf-8", "replace"), {"assertion": name})
        problem = _time_problem(issued, now)
        if problem:
            raise CredentialRefusedError(
                f"issued an assertion that does not hold: {problem}; set this machine's clock"
            )
        if issued.holder and issued.holder != public_key(signer.certificate):
            raise CredentialRefusedError(
                "issued an assertion for another key; ask its operator why"
            )
        return issued

    def _claims(self, name: str) -> list[RequestedAttribute]:
        """Return the attributes to ask for: the file's, or those usual for the caller's kind."""
        row, rule = self.settings[name], self.rule(name)
        if "attributes" in row:
            return [
                RequestedAttribute(one["name"], one.get("value", ""))
                for one in row["attributes"]
            ]
        number = requester_number(row, rule)
        if not number:
            raise MissingDataError(
                f"the target gives no callers.{name}.requester.{rule.identity}, which the STS has to be told"
            )
        return [
            *(RequestedAttribute(one, number) for one in rule.asserted),
            *(RequestedAttribute(one) for one in rule.certified),
        ]

    def _quote(self, text: str) -> str:
        """Return a short piece of somebody else's text, without any secret that it may repeat."""
        return self.redactor.text(text)[:_QUOTED]


def requester_number(settings: Mapping[str, Any], rule: CallerRule) -> str:
    """Return the number by which the file says a caller is known, "" where it does not; an EHP may stand as CBE."""
    given = settings.get("requester") or {}
    return str(
        given.get(rule.identity)
        or (given.get("cbe", "") if rule.identity == "ehp" else "")
    )


def _time_problem(assertion: Assertion, now: datetime) -> str:
    """Return why an assertion does not hold now; clocks may differ where it seems to begin later."""
    if assertion.not_before is not None and assertion.not_before > now:
        now = min(assertion.not_before, now + timedelta(seconds=SKEW))
    return assertion.time_problem(now)


def _due(assertion: Assertion, now: datetime) -> datetime:
    """Return when to renew an assertion."""
    ends = assertion.not_on_or_after
    if ends is None:
        return datetime.max.replace(tzinfo=UTC)
    return ends - min(MARGIN, (ends - now) / 2)
