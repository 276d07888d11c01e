"""SOAP callers by name: their keys, and their SAML Holder-of-Key assertions, read from a file or asked of an STS.

An assertion is got once, kept, renewed before it ends, and given to the redactor before anything else. Must not judge
what a service makes of it.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from conformance.credentials.asking import Send, ask, demand_not_busy
from conformance.credentials.holder import Fetched, Holder, LapsedError
from conformance.credentials.keystore import keystore_password, open_keystore
from conformance.credentials.secrets import demand_length, read_file
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
from conformance.soap.multipart import root_part
from conformance.soap.security.key_clues import Match
from conformance.soap.security.saml import (
    Assertion,
    SamlError,
    UnsupportedAssertionError,
    read_assertion,
)
from conformance.soap.security.wss import Signer, make_signer
from conformance.target.addresses import address_problem
from conformance.target.policy import RULE, Sender, may_send
from conformance.traffic.waiting import Patience

MARGIN: Final = timedelta(seconds=60)
"""How long before its end an assertion is renewed; in the middle of its time where that is shorter."""
PATIENCE: Final = timedelta(seconds=30)
"""For how long an STS that has refused a caller is not asked again."""
SKEW: Final = 300.0
"""Seconds by which clocks may differ (cookbooks, section 6.2)."""
USABLE: Final = "an assertion of SAML 1.1 that is not encrypted"
"""What services of the platform take."""
_LARGEST_ASSERTION_BYTES = 2**20
_QUOTED_CHARACTERS = 200


@dataclass(slots=True, kw_only=True)
class Callers:
    """The callers that a service's section of a target file names.

    `settings` are the file's own; paths are relative to `folder`; `where` begins every message. `headers` (User-Agent,
    From) go with each request to an STS; `clock` gives the time in UTC, and `pause` waits for some seconds, as long as
    the `patience` lasts.
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
    patience: Patience = field(default_factory=Patience)
    pause: Callable[[float], None] = time.sleep
    _signers: dict[str, Signer] = field(default_factory=dict, repr=False)
    _holder: Holder[Assertion] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._holder = Holder(
            clock=lambda: self.clock().timestamp(),
            due=_due,
            patience=PATIENCE.total_seconds(),
        )

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
        """Return the rule of a caller's kind."""
        return self.rules[self.kind(name)]

    def one_of_each_sort(self) -> tuple[str, ...]:
        """Return the first caller of each kind and type of key, in the order of the file; errors as for `signer`."""
        sorts: dict[tuple[str, str], str] = {}
        for name in self.settings:
            sorts.setdefault((self.kind(name), self.signer(name).algorithm), name)
        return tuple(sorts.values())

    def of_other_sorts(self) -> tuple[str, ...]:
        """Return the first caller of each kind and type of key but those of the first caller of all.

        Raises MissingDataError where there is none; else errors are those of `signer`.
        """
        names = self.one_of_each_sort()[1:]
        if not names:
            raise MissingDataError(
                "the target gives no caller of another kind, or with another type of key, than the first one"
            )
        return names

    def signer(self, name: str) -> Signer:
        """Return a caller's key, ready for signing; raises SecretError where it cannot be had."""
        if name not in self._signers:
            row, place = self.settings[name], self._place(name)
            path = self.folder / row["keystore"]
            where = f"{place}.password"
            password = keystore_password(row["password"], path, self.folder, where)
            self.redactor.learn(password, {"password": name})
            try:
                store = open_keystore(path, password, row.get("alias"))
            except SecretError as error:
                raise SecretError(f"{place}.keystore: {error}") from None
            demand_length(password, self.environment, where)
            self._signers[name] = make_signer(store.key, store.certificate)
        return self._signers[name]

    def assertion(self, name: str) -> Assertion:
        """Return an assertion of a caller that holds now, with all that its attributes promise.

        Raises SecretError where it cannot be had without a request, CredentialRefusedError where the STS gives none,
        where it has run out and cannot be renewed, or where its certified attributes are not what a service wants.
        """
        try:
            held = self._holder.get(name, self._fetch)
        except LapsedError as lapsed:
            raise lapsed.reason from None
        problems = held.attribute_problems()
        if problems:
            raise CredentialRefusedError(
                f"{self._place(name)}: the assertion's certified attributes do not admit the caller: "
                f"{'; '.join(problems)}; ask the platform whether the test case is configured"
            )
        return held

    def expired(self, name: str) -> Assertion:
        """Return a genuine assertion of a caller whose time is over; raises MissingDataError where there is none."""
        assertion = self._spare(name, "expired")
        ends = assertion.not_on_or_after
        if ends is None or ends > self.clock():
            raise MissingDataError(
                f"callers.{name}.expired_assertion has not expired; give one whose time is over"
            )
        return assertion

    def denied(self, name: str) -> Assertion:
        """Return a genuine assertion of a caller whose certified attributes give no access.

        Raises MissingDataError where there is none.
        """
        place = f"callers.{name}.denied_assertion"
        assertion = self._spare(name, "denied")
        problem = _time_problem(assertion, self.clock())
        if problem:
            raise MissingDataError(f"{place}: {problem}; get a new one from the STS")
        if not assertion.attribute_problems():
            raise MissingDataError(
                f"{place} gives access; give one with an attribute that is false or empty"
            )
        return assertion

    def identity(self, name: str) -> str:
        """Return the number that a caller of its kind has: the file's, else the assertion's; "" where neither says."""
        rule = self.rule(name)
        number = requester_number(self.settings[name], rule)
        return number or self.assertion(name).identity(*rule.attributes)

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

    def _fetch(self, name: str) -> Fetched[Assertion]:
        return self._issued(name) if self._asks(name) else self._stored(name)

    def _stored(self, name: str) -> Fetched[Assertion]:
        """Return the assertion that the file names."""
        place = f"{self._place(name)}.assertion"
        if "assertion" not in self.settings[name]:
            raise SecretError(
                f"{self._place(name)}: give the file of an assertion, or the address of an sts"
            )
        path = self.folder / self.settings[name]["assertion"]
        stored = self._read(name, place, path)
        problem = _time_problem(stored, self.clock())
        if problem:
            raise CredentialRefusedError(
                f"{place}: {path}: {problem}; get a new one from the STS"
            )
        return Fetched(stored, _end(stored))

    def learn_altered(self, name: str, data: bytes, how: str) -> None:
        """Give the redactor a caller's assertion that was changed, with the name of the change."""
        self.redactor.learn(
            data.decode("utf-8", "replace"), {"assertion": name, "altered": how}
        )

    def _read(self, name: str, place: str, path: Path, **state: str) -> Assertion:
        """Return an assertion from a file, after giving it to the redactor."""
        try:
            assertion = read_assertion(read_file(path, _LARGEST_ASSERTION_BYTES))
        except UnsupportedAssertionError as error:
            raise SecretError(
                f"{place}: {path}: {error}; ask the STS for {USABLE}"
            ) from None
        except SamlError as error:
            raise SecretError(
                f"{place}: {path}: not a SAML 1.1 assertion: {error}; save it as it was issued"
            ) from None
        except SecretError as error:
            raise SecretError(f"{place}: {error}") from None
        text = assertion.data.decode("utf-8", "replace")
        self.redactor.learn(text, {"assertion": name, **state})
        return assertion

    def _address_problem(self, address: str) -> str | None:
        if not may_send(
            Sender.CREDENTIALS, self.environment, public=False, method="POST"
        ):
            return f"{RULE} is sent to production; name another environment"
        return address_problem(address, self.environment)

    def _issued(self, name: str) -> Fetched[Assertion]:
        """Return an assertion that the STS has just issued."""
        issuer = f"{self._place(name)}: the STS {self.settings[name]['sts']}"
        return self._holder.ask(name, issuer, partial(self._granted, name))

    def _granted(self, name: str) -> Fetched[Assertion]:
        signer, address = self.signer(name), str(self.settings[name]["sts"])
        problem = self._address_problem(address)
        if problem:
            raise SecretError(f"{self._place(name)}.sts: {problem}")
        soap_headers = (
            ("Content-Type", CONTENT_TYPE),
            ("SOAPAction", f'"{TOKEN_ACTION}"'),
            ("Accept", "text/xml"),
        )
        headers = (*self.headers, *soap_headers)
        claimed = self._claims(name)

        def made() -> Request:
            body = token_request(signer, claimed, self.clock())
            return Request("POST", address, headers, body)

        outcome = ask(made, self.send, self.patience, self.pause)
        now = self.clock()
        issued = self._read_response(outcome)
        self.redactor.learn(issued.data.decode("utf-8", "replace"), {"assertion": name})
        problem = _time_problem(issued, now)
        if problem:
            raise CredentialRefusedError(
                f"issued an assertion that does not hold: {problem}; set this machine's clock"
            )
        if issued.named.match(signer.certificate) is Match.OTHER:
            raise CredentialRefusedError(
                "issued an assertion for another key; ask its operator why"
            )
        return Fetched(issued, _end(issued))

    def _read_response(self, outcome: Response | TransportFailure) -> Assertion:
        """Return the assertion in an STS's response; raises CredentialRefusedError where it holds none."""
        if isinstance(outcome, TransportFailure):
            raise CredentialRefusedError(
                f"gives no answer: {self._quote(outcome.message)}; check address and network"
            )
        demand_not_busy(outcome)
        kind = outcome.header("Content-Type") or ""
        _, body = root_part(kind, outcome.body) or (kind, outcome.body)
        try:
            return issued_assertion(body)
        except UnsupportedAssertionError as error:
            raise CredentialRefusedError(
                f"answered with status {outcome.status}: {error}; ask its operator for {USABLE}"
            ) from None
        except SamlError as error:
            raise CredentialRefusedError(
                f"answered with status {outcome.status}: {self._quote(str(error))}; "
                "check its address, and that it knows the certificate"
            ) from None

    def _claims(self, name: str) -> list[RequestedAttribute]:
        """Return the attributes to ask for: the file's, or those usual for the caller's kind."""
        row, rule = self.settings[name], self.rule(name)
        if "attributes" in row:
            return [
                RequestedAttribute(attribute["name"], attribute.get("value", ""))
                for attribute in row["attributes"]
            ]
        number = requester_number(row, rule)
        if not number:
            raise MissingDataError(
                f"the target gives no callers.{name}.requester.{rule.identity}, which the STS has to be told"
            )
        return [
            *(RequestedAttribute(attribute, number) for attribute in rule.asserted),
            *(RequestedAttribute(attribute) for attribute in rule.certified),
        ]

    def _quote(self, text: str) -> str:
        """Return the beginning of a peer's text, without any secret that it may repeat."""
        return self.redactor.text(text)[:_QUOTED_CHARACTERS]


def requester_number(settings: Mapping[str, Any], rule: CallerRule) -> str:
    """Return the number by which the file says a caller is known, "" where it does not; an EHP may stand as CBE."""
    requester = settings.get("requester") or {}
    number = requester.get(rule.identity)
    if not number and rule.identity == "ehp":
        number = requester.get("cbe")
    return str(number or "")


def _time_problem(assertion: Assertion, now: datetime) -> str:
    """Return why an assertion does not hold now; clocks may differ where it seems to begin later."""
    if assertion.not_before is not None and assertion.not_before > now:
        now = min(assertion.not_before, now + timedelta(seconds=SKEW))
    return assertion.time_problem(now)


def _end(assertion: Assertion) -> float:
    """Return when an assertion ends, in epoch seconds; math.inf where it does not say."""
    ends = assertion.not_on_or_after
    return math.inf if ends is None else ends.timestamp()


def _due(ends: float, now: float) -> float:
    """Return when to renew an assertion: in the middle of what is left where twice the margin is more."""
    return ends - min(MARGIN.total_seconds(), (ends - now) / 2)
