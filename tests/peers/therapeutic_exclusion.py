"""Tiny implementations of Therapeutic Exclusion (cookbook 1.2), most of which lie.

``VARIANTS`` names them: those that conform use what the cookbook and the table of right refusals leave open, the others
have one defect each. ``serve(name)`` serves one; the context gives the section of a target file: base URL, a token for
each role, test data and trust. ``BORDERLINE`` holds, apart, the ones of which neither says with certainty whether they
conform; their ``conforming`` is only the reading the author leans to. ``serve`` knows them too.

A variant is ``Rules``, of which one or two are changed, under layers which bend the answers. The state is made anew
whenever a variant is served. It is never empty unless the variant says so: the patient has excluded a nurse and a
pharmacy, neither among the test data, and has excluded the first practitioner once and revoked that; the other patient
has excluded the second practitioner, the pharmacy of the test data and a dentist.

A defect's ``field`` is the documented rule it breaks:

- ``OPERATION.status``: the status of a success; the operations are declare, revoke, consult, history and health;
- ``OPERATION.absent``, ``declare.exists``: nothing matches (5.4, 5.5, 5.6), the exclusion exists already (5.3);
- ``OPERATION.effect``: what a declaration or revocation does to the state, or does not;
- ``OPERATION.json``, ``OPERATION.content_type``: the body of a success as such;
- ``declare.patient``, ``declare.party``, ``declare.qualification``, ``declare.message``: what must be refused there,
  and ``revoke.patient``, ``revoke.party``, ``consult.party`` likewise;
- ``practitioner.professions``: who is excluded for one profession is excluded for all (2.1);
- ``consult.patient``, ``consult.hcParty``, ``consult.names``, ``consult.filter.ssin``, ``consult.filter.nihii``;
- ``history.author``, ``.target``, ``.timestamp``, ``.operation``, ``.order``, ``.pageSize``, ``.limit``;
- ``consult.complete``, ``history.complete``: all there is is shown, and once; ``consult.others``, ``history.others``:
  nothing is shown that is of another patient;
- ``error.body``, ``error.code``, ``error.message``: the body of a 400 (8.1.3);
- ``auth.missing``, ``auth.malformed``, ``auth.signature``, ``auth.expired``, ``auth.role``, ``auth.monitoring``,
  ``auth.mandate``: whom the service must not serve (5.1.1);
- ``auth.patient``: BIZ003, the patient is another than the token's.

By hand: ``python -m tests.peers.therapeutic_exclusion --variant plain --port 0``, or ``--list``.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import gzip
import itertools
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, unquote

from .server import (
    MEANT_USER_AGENT,
    PREFIX,
    Answer,
    Handler,
    Layer,
    Request,
    Variant,
    by_hand,
    dumped,
    edit,
    instead,
    on_all,
    on_data,
    plain_text,
    recode,
    refuse,
    serving,
)
from .tokens import MANDATE, MONITORING, REST_ACCESS, Caller, Issuer, People, TokenRefusedError

__all__ = ["BORDERLINE", "VARIANTS", "Variant", "serve"]

Document = dict[str, Any]

BASE = "/therapeuticExclusion/v2"
LIMIT = 1500
LARGE = 32_768

PHARMACY = "orgpharmacy"
QUALIFICATIONS = frozenset(
    (
        *("persphysician", "persnurse", "persdentist", "persmidwife", "persaudician", "persaudiologist"),
        *("persbiologist", "persdietician", "perslogopedist", "persoccupationaltherapist", "persorthoptist"),
        *("persoptometrist", "persphysiotherapist", "perspodologist", "perspracticalnurse", "perstechnician"),
        *("perstrussmaker", "persclinicalorthopedagogue", "persclinicalpsychologist", "persordentalhygienist"),
        *("persmobilityimprover", "persbandagistorthosiologist", "persprosthesiologist", "persshoetechnologist"),
        PHARMACY,
    )
)

PEOPLE = People(patient="83072199273", other_patient="61092399448", parent="58030399161", mandatary="74083098813")

_NAMES = {
    "78051499366": ("Denkbeeldig", "Noor"),
    "92081799003": ("Imaginaire", "Élise"),
    "66060698965": ("Verzonnen", "Wout"),
    "70020299541": ("Fictif", "Jean-Luc"),
    "22013456": ("Apotheek 't Voorbeeld", None),
    "22775501": ("Pharmacie de l'Exemple", None),
}
_NIHII = {"78051499366": "12345625001", "92081799003": "12345676001", "66060698965": "45678942401"}

DECLARE, REVOKE, CONSULT, HISTORY, HEALTH = "declare", "revoke", "consult", "history", "health"
DECLARED, REVOKED = "DECLARE_EXCLUSION", "REVOKE_EXCLUSION"


# ----------------------------------------------------------------------------------------------------------- state


@dataclass(frozen=True, slots=True)
class Party:
    """A health care party: identified by an SSIN or a NIHII, with the qualification it was excluded under."""

    kind: str
    value: str
    qualification: str
    name: str = ""

    def document(self) -> Document:
        """Write it as the cookbook does, with the names of the authentic source."""
        name, first = _NAMES.get(self.value, (f"Name of {self.value}", None if self.kind == "nihii" else "Sam"))
        return {
            "identifier": [{"type": self.kind, "value": self.value}],
            "name": self.name or name,
            "firstName": first,
            "qualificationCode": self.qualification,
        }


@dataclass(frozen=True, slots=True)
class Change:
    """A line of the history."""

    patient: str
    author: str
    profile: str
    party: Party
    moment: datetime
    operation: str


@dataclass(slots=True)
class State:
    """What a service remembers: active exclusions by patient, changes with the oldest first, and its own marks."""

    active: dict[str, list[Party]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    marks: dict[str, Any] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)

    def of(self, patient: str) -> list[Party]:
        """Give the active exclusions of a patient."""
        return self.active.setdefault(patient, [])

    def nth(self, name: str, count: int = 5) -> bool:
        """Whether this is a so-manieth time."""
        self.seen[name] += 1
        return self.seen[name] % count == 0


FIRST = Party("ssin", "78051499366", "persphysician")
SECOND = Party("ssin", "92081799003", "persphysiotherapist")
SHOP = Party("nihii", "22013456", PHARMACY)
NURSE = Party("ssin", "66060698965", "persnurse")
DENTIST = Party("ssin", "70020299541", "persdentist")
OTHER_SHOP = Party("nihii", "22775501", PHARMACY)

_LONG_AGO = datetime(2023, 6, 7, 16, 1, 18, tzinfo=UTC)


def _past(state: State, patient: str, *steps: tuple[str, Party]) -> None:
    """Let a patient have declared and revoked, long ago and in this order."""
    for operation, party in steps:
        moment = _LONG_AGO + timedelta(hours=5, seconds=7) * len(state.changes)
        state.changes.append(Change(patient, patient, "patient", party, moment, operation))
        if operation == DECLARED:
            state.of(patient).append(party)
        else:
            state.of(patient).remove(party)


def _others(state: State) -> None:
    _past(state, PEOPLE.other_patient, (DECLARED, SECOND), (DECLARED, SHOP), (DECLARED, DENTIST))


def start_with_some(state: State) -> None:
    """Begin with a nurse and a pharmacy excluded, and a physician whose exclusion was revoked."""
    _others(state)
    _past(state, PEOPLE.patient, (DECLARED, NURSE), (DECLARED, FIRST), (DECLARED, OTHER_SHOP), (REVOKED, FIRST))


def start_with_targets(state: State) -> None:
    """Begin with all parties of the test data excluded."""
    _others(state)
    _past(state, PEOPLE.patient, (DECLARED, SHOP), (DECLARED, SECOND), (DECLARED, FIRST))


def start_revoked(state: State) -> None:
    """Begin with a history, and nothing excluded any more."""
    _others(state)
    _past(state, PEOPLE.patient, (DECLARED, SECOND), (REVOKED, SECOND))


def start_long(state: State, count: int = 1600) -> None:
    """Begin with a history of so many lines."""
    _past(state, PEOPLE.patient, (DECLARED, NURSE), (DECLARED, OTHER_SHOP))
    for number in range(count - 2):
        _past(state, PEOPLE.patient, (REVOKED if number % 2 else DECLARED, DENTIST))


def start_crowded(state: State) -> None:
    """Begin with eighty practitioners excluded."""
    _others(state)
    codes = sorted(QUALIFICATIONS - {PHARMACY})
    for number in range(80):
        root = f"6{number // 10 % 10}0{number % 9 + 1}{number % 28 + 1:02d}{800 + number}"
        ssin = f"{root}{97 - int(root) % 97:02d}"
        _past(state, PEOPLE.patient, (DECLARED, Party("ssin", ssin, codes[number % len(codes)])))


# ------------------------------------------------------------------------------------------- what variants may change

_MESSAGES = {
    "BIZ001": "Resource already exists",
    "BIZ002": "Resource not found",
    "BIZ003": "Patient id is different than patient id in token",
    "VAL001": "Missing patientId",
    "VAL002": "Invalid inss",
    "VAL005": "Missing hcparty id",
    "VAL006": "Invalid hcparty id",
    "VAL008": "Invalid hcparty type (hcPartyQualificationCode)",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a service says no: a status, and codes of the catalogue or none, which is an empty body."""

    status: int
    codes: tuple[str, ...] = ()
    message: str = ""
    document: Any = None

    def answer(self) -> Answer:
        """Write it."""
        document = self.document
        if self.codes:
            document = [{"code": code, "message": self.message or _MESSAGES[code]} for code in self.codes]
        headers = {} if document is None else {"Content-Type": "application/json"}
        if self.status == 401:
            headers["WWW-Authenticate"] = 'Bearer realm="healthcare"'
        return Answer(self.status, document=copy.deepcopy(document), headers=headers)


def _no(status: int, *codes: str) -> Refusal:
    return Refusal(status, codes)


_TOKEN_KINDS = tuple(
    f"token.{kind}" for kind in ("missing", "malformed", "unsigned", "algorithm", "signature", "issuer", "expired")
)

REFUSALS: Mapping[str, Refusal] = {
    **dict.fromkeys(_TOKEN_KINDS, _no(401)),
    "role": _no(403),
    "mandate": _no(403),
    "stranger": _no(400, "BIZ003"),
    "exists": _no(409, "BIZ001"),
    **dict.fromkeys(("absent.revoke", "absent.consult", "absent.history"), _no(404, "BIZ002")),
    "patient.missing": _no(400, "VAL001"),
    "patient.invalid": _no(400, "VAL002"),
    "party.missing": _no(400, "VAL005"),
    "party.ssin": _no(400, "VAL002"),
    "party.nihii": _no(400, "VAL006"),
    "party.both": Refusal(400, ("VAL006",), "Cannot specify both the inss and the nihii"),
    "qualification": _no(400, "VAL008"),
    "contradiction.organisation": _no(400, "VAL008"),
    "contradiction.practitioner": _no(400, "VAL008"),
    "json": Refusal(400, ("VAL001",), "The body is no JSON"),
    "shape": Refusal(400, ("VAL001",), "The body is no JSON object"),
    "media": _no(415),
    "large": _no(413),
    "members": Refusal(400, ("VAL005",), "Unknown member"),
    "pageSize": Refusal(400, ("VAL006",), "Invalid pageSize"),
    "accept": _no(406),
    "agent": _no(403),
    "from": _no(403),
    "method": _no(405),
    "path": _no(404),
}

# What the plain service does not mind.
OVERLOOKED = frozenset(
    ("members", "pageSize", "accept", "agent", "from", "nihii.check", "party.both.practitioner", "party.unknown")
)


def _blind(*kinds: str) -> frozenset[str]:
    """Overlook these as well; a kind counts everywhere, OPERATION:KIND in one operation."""
    return OVERLOOKED | frozenset(kinds)


def _strict(*kinds: str) -> frozenset[str]:
    """Overlook these no more."""
    return OVERLOOKED - frozenset(kinds)


def _refusing(refusal: Refusal, *kinds: str) -> Mapping[str, Refusal]:
    """Refuse these in another way."""
    return {**REFUSALS, **dict.fromkeys(kinds, refusal)}


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _same(party: Party, other: Party) -> bool:
    return (party.kind, party.value) == (other.kind, other.value)


def _exists(state: State, patient: str, party: Party) -> bool:
    return any(_same(party, one) for one in state.of(patient))


def _add(state: State, patient: str, party: Party) -> None:
    state.of(patient).append(party)


def _remove(state: State, patient: str, party: Party) -> None:
    state.active[patient] = [one for one in state.of(patient) if not _same(party, one)]


def _record(state: State, change: Change) -> None:
    state.changes.append(change)


def _listed(state: State, patient: str) -> list[Party]:
    return list(state.of(patient))


_Choose = Callable[[Sequence[Party], str, str], list[Party]]


def _chosen(parties: Sequence[Party], kind: str, value: str) -> list[Party]:
    return [party for party in parties if (party.kind, party.value) == (kind, value)]


def _entries(state: State, patient: str) -> list[Change]:
    """Give the lines of a patient, newest first."""
    return [change for change in reversed(state.changes) if change.patient == patient]


def _page(entries: list[Change], size: int | None) -> list[Change]:
    return entries[: min(LIMIT if size is None else size, LIMIT)]


def _person(ssin: str, profile: str) -> Document:
    identifier = [{"type": "ssin", "value": ssin}]
    return {"identifier": identifier, "name": None, "firstName": None, "qualificationCode": profile}


def _software(profile: str) -> Document:
    name = f"profile-viewer-{profile}"
    identifier = [{"type": "local", "value": name}]
    return {"identifier": identifier, "name": name, "firstName": None, "qualificationCode": "application"}


def _author(change: Change) -> list[Document]:
    return [_software(change.profile), _person(change.author, change.profile)]


@dataclass(frozen=True, slots=True)
class Rules:
    """What makes one service differ from another; as they stand here they are right."""

    refusals: Mapping[str, Refusal] = field(default_factory=lambda: REFUSALS)
    overlook: frozenset[str] = OVERLOOKED
    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    mandates: tuple[str, ...] = (MANDATE,)
    stranger_first: bool = False
    style: str = "plain"
    start: Callable[[State], None] = start_with_some
    clock: Callable[[datetime], datetime] = lambda moment: moment
    stamp: Callable[[datetime], str] = _stamp
    exists: Callable[[State, str, Party], bool] = _exists
    add: Callable[[State, str, Party], None] = _add
    remove: Callable[[State, str, Party], None] = _remove
    record: Callable[[State, Change], None] = _record
    listed: Callable[[State, str], list[Party]] = _listed
    chosen: _Choose = _chosen
    entries: Callable[[State, str], list[Change]] = _entries
    page: Callable[[list[Change], int | None], list[Change]] = _page
    author: Callable[[Change], list[Document]] = _author
    refused: Callable[[State, Change], None] = lambda _state, _change: None


# --------------------------------------------------------------------------------------------------------- service


class RefusedError(Exception):
    """The service says no, for a reason of this kind."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def _ssin_problem(value: str) -> str:
    """Say in a word what is wrong with an SSIN, if anything."""
    if len(value) != 11:
        return "ssin.short" if len(value) < 11 else "ssin.long"
    if not value.isascii() or not value.isdigit():
        return "ssin.unicode" if value.isdigit() else "ssin.letters"
    root, check = int(value[:9]), int(value[9:])
    if check not in (97 - root % 97, 97 - (2_000_000_000 + root) % 97):
        return "ssin.check"
    month, day = int(value[2:4]), int(value[4:6])
    return "ssin.date" if month % 20 > 12 or month > 52 or day > 31 else ""


def _nihii_problem(value: str) -> str:
    """Say in a word what is wrong with the NIHII of an organisation, if anything."""
    if len(value) != 8:
        return "nihii.eleven" if len(value) == 11 else "nihii.length"
    if not value.isascii() or not value.isdigit():
        return "nihii.letters"
    return "" if int(value[6:]) in (97 - int(value[:6]) % 97, 89 - int(value[:6]) % 89) else "nihii.check"


def _route(request: Request) -> tuple[str, str]:
    """Find the operation, and the SSIN in the path; the operation is "method" or "path" where there is none."""
    if not request.path.startswith(BASE + "/"):
        return "path", ""
    name, slash, rest = request.path.removeprefix(BASE + "/").partition("/")
    method = "GET" if request.method == "HEAD" else request.method
    known = {
        ("therapeuticExclusions", ""): {"POST": DECLARE, "DELETE": REVOKE},
        ("therapeuticExclusions", "/"): {"GET": CONSULT},
        ("histories", "/"): {"GET": HISTORY},
        ("health", ""): {"GET": HEALTH},
    }.get((name, slash))
    if known is None or "/" in rest:
        return "path", ""
    return known.get(method, "method"), unquote(rest)


def _identifiers(element: object) -> dict[str, str] | None:
    """Read the identifiers of an element by type; none at all where it has not the form of the cookbook."""
    listed = element.get("identifier") if isinstance(element, dict) else None
    if not isinstance(listed, list) or not listed:
        return None
    found = {}
    for one in listed:
        if not isinstance(one, dict) or not isinstance(one.get("type"), str) or not isinstance(one.get("value"), str):
            return None
        found[one["type"]] = one["value"].encode("utf-8", "replace").decode("utf-8")
    return found


def _operation(request: Request) -> str:
    return _route(request)[0]


@dataclass(slots=True)
class _Call:
    """One request on its way through the service."""

    operation: str
    argument: str
    request: Request
    rules: Rules
    query: dict[str, list[str]]
    caller: Caller | None = None

    def sees(self, kind: str) -> bool:
        """Whether the service notices what is wrong."""
        return self.rules.overlook.isdisjoint((kind, f"{self.operation}:{kind}"))

    def refuse(self, kind: str) -> None:
        """Refuse the request, unless that is overlooked."""
        if self.sees(kind):
            raise RefusedError(kind)

    def parameter(self, name: str) -> str | None:
        """Give the value of a query parameter."""
        return self.query[name][0] if name in self.query else None

    def check_stranger(self, patient: str) -> None:
        """See to it that the caller speaks for the patient."""
        caller = self.caller
        if caller is not None and caller.profile != "machine" and patient not in caller.patients:
            self.refuse("stranger")

    def check_patient(self, value: str | None) -> str:
        """See to it that the patient is given, valid, and one the caller speaks for."""
        if not value:
            self.refuse("patient.missing")
            return min(self.caller.patients) if self.caller and self.caller.patients else PEOPLE.patient
        if self.rules.stranger_first:
            self.check_stranger(value)
        if (problem := _ssin_problem(value)) and self.sees(problem):
            self.refuse("patient.invalid")
            return value
        self.check_stranger(value)
        return value

    def check_ssin(self, value: str) -> None:
        """See to it that the SSIN of a practitioner is valid."""
        if (problem := _ssin_problem(value)) and self.sees(problem):
            self.refuse("party.ssin")

    def check_nihii(self, value: str) -> None:
        """See to it that the NIHII of a pharmacy is valid."""
        if (problem := _nihii_problem(value)) and self.sees(problem):
            self.refuse("party.nihii")

    def party_in_query(self) -> tuple[str, str] | None:
        """Read which party the query names, if any."""
        ssin, nihii = self.parameter("hcPartySsin"), self.parameter("hcPartyNihii")
        if ssin is not None and nihii is not None:
            self.refuse("party.both")
        if ssin is not None:
            self.check_ssin(ssin)
            return "ssin", ssin
        if nihii is not None:
            self.check_nihii(nihii)
            return "nihii", nihii
        return None

    def party_in_body(self, element: object) -> Party | None:
        """Read which party a declaration names; none where that is overlooked."""
        found = _identifiers(element)
        if not found or found.keys().isdisjoint(("ssin", "nihii")):
            self.refuse("party.missing")
            return None
        code = element.get("qualificationCode") if isinstance(element, dict) else None
        if not isinstance(code, str) or code not in QUALIFICATIONS:
            self.refuse("qualification")
            code = str(code).encode("utf-8", "replace").decode("utf-8")
        return self._organisation(found, code) if code == PHARMACY else self._practitioner(found, code)

    def _organisation(self, found: Mapping[str, str], code: str) -> Party:
        if len(found) > 1 and "ssin" in found and "nihii" in found:
            self.refuse("party.both")
        if "nihii" not in found:
            self.refuse("contradiction.organisation")
            self.check_ssin(found["ssin"])
            return Party("ssin", found["ssin"], code)
        self.check_nihii(found["nihii"])
        return Party("nihii", found["nihii"], code)

    def _practitioner(self, found: Mapping[str, str], code: str) -> Party:
        if "ssin" not in found:
            self.refuse("contradiction.practitioner")
            return Party("nihii", found["nihii"], code)
        if "nihii" in found:
            self.refuse("party.both.practitioner")
        self.check_ssin(found["ssin"])
        return Party("ssin", found["ssin"], code)

    def page_size(self) -> int | None:
        """Read the size of the page; none where there is none, or none that is a number above zero."""
        text = self.parameter("pageSize")
        if text is None:
            return None
        if text.isascii() and text.isdigit() and len(text) < 20 and int(text) > 0:
            return int(text)
        self.refuse("pageSize")
        return None


class Service:
    """The service: what it remembers, and how it answers."""

    def __init__(self, rules: Rules, issuer: Issuer) -> None:
        self.rules = rules
        self.issuer = issuer
        self.state = State()
        rules.start(self.state)

    def __call__(self, request: Request) -> Answer:
        """Answer a request."""
        operation, argument = _route(request)
        query = parse_qs(request.query or "", keep_blank_values=True)
        call = _Call(operation, argument, request, self.rules, query)
        try:
            return self._answer(call)
        except RefusedError as refused:
            answer = self.rules.refusals[refused.kind].answer()
            if refused.kind == "method":
                answer.headers["Allow"] = "GET, HEAD, POST, DELETE"
            return answer

    def _answer(self, call: _Call) -> Answer:
        if call.operation in ("path", "method"):
            call.refuse(call.operation)
        self._check_headers(call)
        call.caller = self._caller(call)
        self._check_role(call)
        answers = {
            DECLARE: self._declare,
            REVOKE: self._revoke,
            CONSULT: self._consult,
            HISTORY: self._history,
            HEALTH: self._health,
        }
        return answers[call.operation](call)

    @staticmethod
    def _check_headers(call: _Call) -> None:
        if not re.search(r"application/(json|\*)|\*/\*", call.request.header("accept") or "*/*"):
            call.refuse("accept")
        if not MEANT_USER_AGENT.fullmatch(call.request.header("user-agent")):
            call.refuse("agent")
        if "@" not in call.request.header("from"):
            call.refuse("from")

    def _caller(self, call: _Call) -> Caller | None:
        """Find out who calls; none where a token that is none is overlooked."""
        scheme, _, token = call.request.header("authorization").partition(" ")
        if not scheme:
            call.refuse("token.missing")
            return None
        overlook = [
            kind for kind in ("unsigned", "algorithm", "signature", "expired") if not call.sees(f"token.{kind}")
        ]
        try:
            claims = self.issuer.read(token.strip() if scheme.lower() == "bearer" else "", overlook)
        except TokenRefusedError as error:
            call.refuse(f"token.{error.kind}")
            return None
        return Caller.of(claims, self.rules.mandates)

    def _check_role(self, call: _Call) -> None:
        if call.caller is None:
            return
        usual = frozenset([MONITORING if call.operation == HEALTH else REST_ACCESS])
        if call.caller.roles.isdisjoint(self.rules.roles.get(call.operation, usual)):
            call.refuse("role")
        if call.caller.profile == "mandatary" and not call.caller.patients:
            call.refuse("mandate")

    def _change(self, call: _Call, patient: str, party: Party, operation: str) -> Change:
        caller = call.caller or Caller(patient, "patient", frozenset(), frozenset())
        moment = self.rules.clock(datetime.now(UTC))
        return Change(patient, caller.ssin or patient, caller.profile, party, moment, operation)

    def _body(self, call: _Call) -> Document | None:
        """Read the body of a declaration; none where one that is no JSON object is overlooked."""
        kind = call.request.header("content-type").partition(";")[0].strip().lower()
        if kind != "application/json":
            call.refuse("media")
        if len(call.request.body) > LARGE:
            call.refuse("large")
        try:
            document = json.loads(call.request.body.decode("utf-8"))
        except (ValueError, RecursionError):
            call.refuse("json")
            return None
        if not isinstance(document, dict):
            call.refuse("shape")
            return None
        if not document.keys() <= {"patient", "hcParty"}:
            call.refuse("members")
        return document

    def _health(self, _: _Call) -> Answer:
        return Answer(document={"status": "UP"}, headers={"Content-Type": "application/json"})

    def _declare(self, call: _Call) -> Answer:
        document = self._body(call)
        if document is None:
            return Answer(201)
        identifiers = _identifiers(document.get("patient")) or {}
        patient = call.check_patient(identifiers.get("ssin"))
        party = call.party_in_body(document.get("hcParty"))
        if party is None:
            return Answer(201)
        if party.value not in _NAMES:
            call.refuse("party.unknown")
        self.state.marks["asked"] = document["hcParty"]
        change = self._change(call, patient, party, DECLARED)
        if self.rules.exists(self.state, patient, party):
            self.rules.refused(self.state, change)
            call.refuse("exists")
        self.rules.add(self.state, patient, party)
        self.rules.record(self.state, change)
        return Answer(201)

    def _revoke(self, call: _Call) -> Answer:
        patient = call.check_patient(call.parameter("patientSsin"))
        named = call.party_in_query()
        if named is None:
            call.refuse("party.missing")
            self.state.active[patient] = []
            return Answer(204)
        party = next((one for one in self.state.of(patient) if (one.kind, one.value) == named), None)
        if party is None:
            call.refuse("absent.revoke")
            return Answer(204)
        self.rules.remove(self.state, patient, party)
        self.rules.record(self.state, self._change(call, patient, party, REVOKED))
        return Answer(204)

    def _consult(self, call: _Call) -> Answer:
        patient = call.check_patient(call.argument)
        named = call.party_in_query()
        parties = self.rules.listed(self.state, patient)
        if named is not None:
            parties = self.rules.chosen(parties, *named)
        if not parties:
            raise RefusedError("absent.consult")
        element = {"identifier": [{"type": "ssin", "value": patient}]}
        document = [{"patient": copy.deepcopy(element), "hcParty": party.document()} for party in parties]
        return Answer(document=document, headers={"Content-Type": "application/json"})

    def _history(self, call: _Call) -> Answer:
        patient = call.check_patient(call.argument)
        size = call.page_size()
        changes = self.rules.page(self.rules.entries(self.state, patient), size)
        if not changes:
            raise RefusedError("absent.history")
        document = [
            {
                "author": self.rules.author(change),
                "target": change.party.document(),
                "timestamp": self.rules.stamp(change.moment),
                "operation": change.operation,
            }
            for change in changes
        ]
        return Answer(document=document, headers={"Content-Type": "application/json"})


# ------------------------------------------------------------------------------------------------------- catalogue


@dataclass(frozen=True, slots=True)
class _Recipe:
    """How a variant is made."""

    variant: Variant
    rules: Rules
    layers: tuple[Layer, ...]


class _Catalogue:
    """The variants, and how each is made."""

    def __init__(self) -> None:
        self.recipes: dict[str, _Recipe] = {}
        self.certain: dict[str, Variant] = {}
        self.borderline: dict[str, Variant] = {}

    def good(self, name: str, summary: str, *layers: Layer, **rules: Any) -> None:
        """Add a variant that conforms."""
        self._put(self.certain, Variant(name, conforming=True, summary=summary), layers, rules)

    def bad(self, name: str, rule: str, summary: str, *layers: Layer, **rules: Any) -> None:
        """Add a variant with one defect."""
        self._put(self.certain, Variant(name, conforming=False, summary=summary, field=rule), layers, rules)

    def perhaps_good(self, name: str, rule: str, summary: str, *layers: Layer, **rules: Any) -> None:
        """Add a variant that rather conforms."""
        self._put(self.borderline, Variant(name, conforming=True, summary=summary, field=rule), layers, rules)

    def perhaps_bad(self, name: str, rule: str, summary: str, *layers: Layer, **rules: Any) -> None:
        """Add a variant that rather does not conform."""
        self._put(self.borderline, Variant(name, conforming=False, summary=summary, field=rule), layers, rules)

    def _put(
        self, where: dict[str, Variant], variant: Variant, layers: tuple[Layer, ...], rules: Mapping[str, Any]
    ) -> None:
        if variant.name in self.recipes:
            raise ValueError(f"two variants are called {variant.name}")
        where[variant.name] = variant
        self.recipes[variant.name] = _Recipe(variant, replace(Rules(), **rules), layers)

    @contextlib.contextmanager
    def serve(self, name: str, port: int = 0) -> Iterator[Document]:
        """Serve a variant; the context gives the section of a target file."""
        recipe = self.recipes[name]
        service = Service(recipe.rules, Issuer())
        handler: Handler = service
        for layer in recipe.layers:
            handler = layer(handler)

        def handle(request: Request) -> Answer:
            published = service.issuer.document(request.path) if request.method == "GET" else None
            if published is not None:
                return Answer(document=published, headers={"Content-Type": "application/json"})
            return handler(request)

        with serving(handle, port) as address:
            origin = address.removesuffix(PREFIX.rstrip("/"))
            service.issuer = Issuer(origin)
            yield {
                "base_url": origin + BASE,
                "tokens": service.issuer.tokens(PEOPLE, recipe.rules.style),
                "data": {
                    "patient": PEOPLE.patient,
                    "other_patient": PEOPLE.other_patient,
                    "practitioners": [
                        {"ssin": party.value, "qualification": party.qualification} for party in (FIRST, SECOND)
                    ],
                    "pharmacies": [{"nihii": SHOP.value}],
                },
                "trust": {"issuer": service.issuer.url, "jwks": service.issuer.jwks_url},
            }

    def lines(self) -> list[str]:
        """Describe all variants, one a line."""
        lines = []
        for variant in (*self.certain.values(), *self.borderline.values()):
            word = "conforming" if variant.conforming else f"defective ({variant.field})"
            if variant.name in self.borderline:
                word = f"borderline, rather {word}"
            lines.append(f"{variant.name}: {word}: {variant.summary}")
        return lines


# ---------------------------------------------------------------------------------------------------------- layers


def _at(*operations: str) -> Callable[[Request], bool]:
    """Hold for requests for one of these operations."""
    return lambda request: _operation(request) in operations


def _each(operation: str, change: Callable[[Document], object]) -> Layer:
    """Change every entry of a consultation or of the history."""
    return edit(lambda document: [change(entry) for entry in document], _at(operation))


def _list(operation: str, change: Callable[[list[Document]], object]) -> Layer:
    """Change the list of a consultation or of the history, in place."""
    return edit(change, _at(operation))


def _whole(operation: str, change: Callable[[list[Document]], Any]) -> Layer:
    """Put something else in the place of the list of a consultation or of the history."""
    return on_data(lambda _, answer: setattr(answer, "document", change(answer.document)), _at(operation))


def _all_parties(change: Callable[[Document], object]) -> tuple[Layer, ...]:
    """Change every party of both consultations."""
    return (
        _each(CONSULT, lambda entry: change(entry["hcParty"])),
        _each(HISTORY, lambda entry: change(entry["target"])),
    )


def _success(operation: str, make: Callable[[Request], Answer], count: int = 1) -> Layer:
    """Answer a success of an operation, or every so-manieth, in another way once the work has been done."""

    def wrap(inner: Handler) -> Handler:
        seen = itertools.count(1)

        def handle(request: Request) -> Answer:
            answer = inner(request)
            if answer.status < 300 and _operation(request) == operation and next(seen) % count == 0:
                return make(request)
            return answer

        return handle

    return wrap


def _every(count: int, operation: str, layer: Layer) -> Layer:
    """Put a layer over every so-manieth request for an operation only."""

    def wrap(inner: Handler) -> Handler:
        changed = layer(inner)
        seen = itertools.count(1)

        def handle(request: Request) -> Answer:
            if _operation(request) == operation and next(seen) % count == 0:
                return changed(request)
            return inner(request)

        return handle

    return wrap


def _says(status: int, document: object = None) -> Callable[[Request], Answer]:
    """Make an answer, with JSON if there is a document."""
    return lambda _: Refusal(status, document=document).answer()


def _error(change: Callable[[Any], Any], code: str = "") -> Layer:
    """Put something else in the place of the body of a 400, or of those with one code."""

    def alter(_: Request, answer: Answer) -> None:
        document = answer.document
        if answer.status == 400 and isinstance(document, list) and (not code or document[0]["code"] == code):
            answer.document = change(document)

    return on_all(alter)


def _error_entry(change: Callable[[Document], object]) -> Layer:
    """Change the objects in the body of a 400."""

    def alter(document: list[Document]) -> list[Document]:
        for entry in document:
            change(entry)
        return document

    return _error(alter)


def _header(name: str, value: str, when: Callable[[Request], bool] = lambda _: True) -> Layer:
    """Set a header of the good answers which have a document."""
    return on_data(lambda _, answer: answer.headers.update({name: value}), when)


def _zipped(request: Request, answer: Answer) -> None:
    answer.headers["Vary"] = "Accept-Encoding"
    if re.search(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", request.header("accept-encoding")):
        answer.freeze(gzip.compress(answer.content()))
        answer.headers["Content-Encoding"] = "gzip"


def _pretty(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, indent=4)


def _reversed(value: object) -> object:
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(value)}
    return [_reversed(entry) for entry in value] if isinstance(value, list) else value


def _in_chunks(_: Request, answer: Answer) -> None:
    answer.chunked = answer.status != 204


def _old_http(_: Request, answer: Answer) -> None:
    answer.version, answer.close = "HTTP/1.0", True


def _echo(request: Request) -> Answer:
    """Answer a declaration with the exclusion it made."""
    asked = json.loads(request.body)
    identifiers = _identifiers(asked["hcParty"]) or {}
    code = asked["hcParty"]["qualificationCode"]
    kind = "nihii" if code == PHARMACY else "ssin"
    document = {"patient": asked["patient"], "hcParty": Party(kind, identifiers[kind], code).document()}
    return Answer(201, document=document, headers={"Content-Type": "application/json"})


def _located(request: Request) -> Answer:
    patient = (_identifiers(json.loads(request.body)["patient"]) or {})["ssin"]
    return Answer(201, headers={"Location": f"{BASE}/therapeuticExclusions/{patient}"})


def _example_paths(inner: Handler) -> Handler:
    """Take the odd paths of the cookbook's examples too."""
    return lambda request: inner(replace(request, path=request.path.replace("/patientSsin=", "/")))


def _more_identifiers(party: Document) -> None:
    """Give a practitioner the NIHII beside the SSIN."""
    value = party["identifier"][0]["value"]
    if value in _NIHII:
        party["identifier"].append({"type": "nihii", "value": _NIHII[value]})


def _with_patient(request: Request, answer: Answer) -> None:
    """Name in each entry of a history the patient it was asked for."""
    for entry in answer.document:
        entry["patient"] = {"identifier": [{"type": "ssin", "value": _route(request)[1]}]}


def _shuffled(document: list[Document]) -> None:
    random.Random(len(document)).shuffle(document)


# -------------------------------------------------------------------------------------------- variants that conform


def _add_refusals(catalogue: _Catalogue) -> None:
    """Add what the table of right refusals leaves open."""
    good = catalogue.good
    absent = ("absent.revoke", "absent.consult", "absent.history")
    good("exists-409-empty", "409 without a body", refusals=_refusing(_no(409), "exists"))
    good("exists-400", "400 with BIZ001 for what exists", refusals=_refusing(_no(400, "BIZ001"), "exists"))
    good("absent-404-empty", "404 without a body", refusals=_refusing(_no(404), *absent))
    good("absent-400", "400 with BIZ002 for what does not exist", refusals=_refusing(_no(400, "BIZ002"), *absent))
    good("token-403", "403 for whatever is wrong with a token", refusals=_refusing(_no(403), *_TOKEN_KINDS))
    good(
        "token-mixed",
        "401 where there is no token or an expired one, 403 for others",
        refusals=_refusing(_no(403), "token.malformed", "token.signature", "token.unsigned", "token.algorithm"),
    )
    good("token-400", "400 with BIZ003 for tokens", refusals=_refusing(_no(400, "BIZ003"), *_TOKEN_KINDS))
    good("token-404", "404 for whatever is wrong with a token", refusals=_refusing(_no(404), *_TOKEN_KINDS))
    good("role-401", "401 where a role or mandate is missing", refusals=_refusing(_no(401), "role", "mandate"))
    good("mandate-biz003", "BIZ003 for a wrong mandate", refusals=_refusing(_no(400, "BIZ003"), "mandate"))
    good("stranger-403", "403 for another citizen's token", refusals=_refusing(_no(403), "stranger"))
    good("stranger-401", "401 for another citizen's token", refusals=_refusing(_no(401), "stranger"))
    good("stranger-404", "404 for another citizen's token", refusals=_refusing(_no(404), "stranger"))
    good("stranger-first", "BIZ003 before the SSIN of the patient is looked at", stranger_first=True)
    good(
        "patient-invalid-val001",
        "VAL001 for an invalid SSIN of a patient",
        refusals=_refusing(_no(400, "VAL001"), "patient.invalid"),
    )
    good(
        "party-all-val006",
        "VAL006 for whatever is wrong with the identifiers of an HC party",
        refusals=_refusing(_no(400, "VAL006"), "party.missing", "party.ssin", "party.nihii", "party.both"),
    )
    good(
        "party-all-val005",
        "VAL005 for an identifier of a kind that does not suit the qualification",
        refusals=_refusing(_no(400, "VAL005"), "contradiction.organisation", "contradiction.practitioner"),
    )
    good(
        "errors-extra",
        "errors have more members",
        _error_entry(lambda entry: entry.update(id=7, path=["hcParty", None], severity="ERROR", timestamp=None)),
    )
    good("errors-several", "400s list a second error", _error(lambda document: [*document, _ERROR_OF_MORE]))
    good(
        "errors-own-words", "messages in other words", _error_entry(lambda entry: entry.update(message="Fout / erreur"))
    )
    for status in (400, 404):
        good(
            f"page-size-{status}",
            f"{status} for a pageSize which is no number above zero",
            overlook=_strict("pageSize"),
            refusals=_refusing(_no(status, "VAL006"), "pageSize"),
        )
    good("media-400", "400 with a code for another media type", refusals=_refusing(_no(400, "VAL001"), "media"))
    good("media-406", "406 for another media type", refusals=_refusing(_no(406), "media"))
    good("large-400", "400 with a code for a very large body", refusals=_refusing(_no(400, "VAL005"), "large"))
    good("members-refused", "400 for a member of the request it does not know", overlook=_strict("members"))
    good("accept-enforced", "406 where Accept leaves no JSON", overlook=_strict("accept"))
    good("headers-enforced-403", "403 unless User-Agent and From are right", overlook=_strict("agent", "from"))
    good(
        "headers-enforced-400",
        "400 unless User-Agent and From are right",
        overlook=_strict("agent", "from"),
        refusals=_refusing(Refusal(400, ("VAL001",), "User-Agent and From are needed"), "agent", "from"),
    )
    for status in (404, 501):
        good(f"method-{status}", f"{status} for other methods", refusals=_refusing(_no(status), "method"))
    good("nihii-checked", "the check digits of a NIHII must be right", overlook=_strict("nihii.check"))


_ERROR_OF_MORE = {"code": "VAL005", "message": "Missing hcparty id"}


def _offset(hours: int, *, colon: bool = True) -> Callable[[datetime], str]:
    def write(moment: datetime) -> str:
        local = moment.astimezone(timezone(timedelta(hours=hours)))
        return local.isoformat(timespec="seconds") if colon else local.strftime("%Y-%m-%dT%H:%M:%S%z")

    return write


def _add_forms(catalogue: _Catalogue) -> None:
    """Add what the cookbook, HTTP and JSON leave open about good answers."""
    good = catalogue.good
    good("created-echo", "201 with the exclusion", _success(DECLARE, _echo))
    good("stamp-z", "timestamps with Z", stamp=lambda m: m.strftime("%Y-%m-%dT%H:%M:%SZ"))
    good("stamp-basic", "timestamps with +0100", stamp=_offset(1, colon=False))
    good("stamp-millis", "timestamps with thousandths", stamp=lambda m: m.isoformat(timespec="milliseconds"))
    good("stamp-coarse", "a clock that ticks every ten seconds", clock=lambda m: m.replace(second=m.second // 10 * 10))
    good("clock-behind", "a clock two minutes behind", clock=lambda m: m - timedelta(minutes=2))
    good("author-person", "the author is the person alone", author=lambda c: [_person(c.author, c.profile)])
    good(
        "history-patient",
        "entries of the history name the patient",
        on_data(_with_patient, _at(HISTORY)),
    )
    good("names-null", "no names are known", *_all_parties(lambda party: party.update(name=None, firstName=None)))
    good("names-absent", "no names are given", *_all_parties(lambda party: [party.pop("name"), party.pop("firstName")]))
    good(
        "extra-members",
        "more members everywhere",
        *_all_parties(lambda party: [party.update(id=1), party["identifier"][0].update(system=None)]),
        _each(CONSULT, lambda entry: entry.update(since="2023-06-07", reasons=[])),
        _each(HISTORY, lambda entry: entry.update(sequence=3)),
    )
    good("identifiers-both", "practitioners have a NIHII beside the SSIN", *_all_parties(_more_identifiers))
    good("order-shuffled", "exclusions in no order", _list(CONSULT, _shuffled))
    good("pretty", "JSON with line breaks and indentation", dumped(_pretty))
    good("gzip", "gzip where the request accepts it", on_data(_zipped))
    good("charset", "a charset in the content type", _header("Content-Type", "Application/JSON;charset=UTF-8"))
    good("chunked", "bodies in chunks", on_all(_in_chunks))
    good("close", "the connection is closed after every answer", on_all(lambda _, a: setattr(a, "close", True)))
    good("example-paths", "the paths of the cookbook's examples are taken too", _example_paths)
    good("health-text", "/health answers with a text", _success(HEALTH, lambda _: plain_text(200, "OK")))
    good("health-empty", "/health answers with nothing", _success(HEALTH, _says(200)))
    good("tokens-lean", "tokens with the least of claims", style="lean")
    good("tokens-rich", "tokens with more claims, and with roles for other services", style="rich")


def _add_states(catalogue: _Catalogue) -> None:
    """Add states to begin with."""
    good = catalogue.good
    good("starts-empty", "nothing is excluded and there is no history", start=lambda _: None)
    good("starts-revoked", "there is a history, and nothing is excluded any more", start=start_revoked)
    good("starts-with-targets", "all parties of the test data are excluded already", start=start_with_targets)
    good(
        "starts-with-first-profession",
        "a practitioner is excluded as a dietician",
        start=lambda state: _past(state, PEOPLE.patient, (DECLARED, replace(FIRST, qualification="persdietician"))),
    )
    good("starts-crowded", "eighty practitioners are excluded", start=start_crowded)
    good("starts-long", "1,600 changes, of which 1,500 are shown", start=start_long)


# ---------------------------------------------------------------------------------------------------------- defects


def _add_status_defects(catalogue: _Catalogue) -> None:
    bad = catalogue.bad
    for status in (200, 204, 500):
        bad(f"declare-{status}", "declare.status", f"a declaration gets {status}", _success(DECLARE, _says(status)))
    for status in (200, 404, 500):
        bad(f"revoke-{status}", "revoke.status", f"a revocation gets {status}", _success(REVOKE, _says(status)))
    for operation in (CONSULT, HISTORY):
        bad(f"{operation}-404", f"{operation}.status", "404 though there is something", _success(operation, _says(404)))
        bad(f"{operation}-500", f"{operation}.status", "500 always", _success(operation, _says(500)))
    bad("health-404", "health.status", "/health gets 404", _success(HEALTH, _says(404)))
    bad("health-500", "health.status", "/health gets 500", _success(HEALTH, _says(500)))
    for name, refusal, summary in (
        ("200-empty", Refusal(200, document=[]), "200 and an empty list"),
        ("204", Refusal(204), "204"),
        ("400-biz001", _no(400, "BIZ001"), "400 with BIZ001"),
    ):
        bad(
            f"consult-none-{name}",
            "consult.absent",
            f"nothing active matches: {summary}",
            refusals=_refusing(refusal, "absent.consult"),
        )
    bad(
        "history-none-200-empty",
        "history.absent",
        "no history: 200 and an empty list",
        start=lambda _: None,
        refusals=_refusing(Refusal(200, document=[]), "absent.history"),
    )
    for name, refusal, summary in (
        ("204", Refusal(204), "204"),
        ("200", Refusal(200), "200"),
        ("500", Refusal(500), "500"),
    ):
        bad(
            f"revoke-nothing-{name}",
            "revoke.absent",
            f"nothing to revoke: {summary}",
            refusals=_refusing(refusal, "absent.revoke"),
        )
    for name, refusal, summary in (
        ("201", Refusal(201), "201, though nothing changes"),
        ("200", Refusal(200), "200, though nothing changes"),
        ("400-biz002", _no(400, "BIZ002"), "400 with BIZ002"),
        ("500", Refusal(500), "500"),
    ):
        bad(f"exists-{name}", "declare.exists", f"it exists already: {summary}", refusals=_refusing(refusal, "exists"))


def _drop(*keys: str) -> Callable[[Document], object]:
    return lambda entry: [entry.pop(key) for key in keys]


def _put(key: str, value: object) -> Callable[[Document], object]:
    return lambda entry: entry.update({key: copy.deepcopy(value)})


_PARTY_DEFECTS: tuple[tuple[str, str, Callable[[Document], object]], ...] = (
    ("identifier-missing", "has no identifier", _drop("identifier")),
    ("identifier-object", "has an object for identifier", lambda p: p.update(identifier=p["identifier"][0])),
    ("type-missing", "has an identifier without type", lambda p: p["identifier"][0].pop("type")),
    ("type-other", "has an identifier of type inss", lambda p: p["identifier"][0].update(type="inss")),
    ("value-missing", "has an identifier without value", lambda p: p["identifier"][0].pop("value")),
    (
        "value-number",
        "has a number for value",
        lambda p: p["identifier"][0].update(value=int(p["identifier"][0]["value"])),
    ),
    ("qualification-missing", "has no qualificationCode", _drop("qualificationCode")),
    ("qualification-other", "has a qualificationCode outside the table", _put("qualificationCode", "physician")),
    ("name-number", "has a number for name", _put("name", 7)),
    ("first-name-list", "has a list for firstName", _put("firstName", ["Noor"])),
)


def _add_body_defects(catalogue: _Catalogue) -> None:
    bad = catalogue.bad

    def consult(name: str, rule: str, summary: str, change: Callable[[Document], object]) -> None:
        bad(f"consult-{name}", f"consult.{rule}", f"an exclusion {summary}", _each(CONSULT, change))

    consult("patient-missing", "patient", "has no patient", _drop("patient"))
    consult(
        "patient-identifier-missing",
        "patient",
        "has a patient without identifier",
        lambda e: e["patient"].pop("identifier"),
    )
    consult(
        "patient-type-other",
        "patient",
        "has a patient's identifier of type niss",
        lambda e: e["patient"]["identifier"][0].update(type="niss"),
    )
    consult(
        "patient-other",
        "patient",
        "names the other patient",
        lambda e: e["patient"]["identifier"][0].update(value=PEOPLE.other_patient),
    )
    consult("party-missing", "hcParty", "has no hcParty", _drop("hcParty"))
    for name, summary, change in _PARTY_DEFECTS:
        consult(f"party-{name}", "hcParty", f"has a party that {summary}", _inside("hcParty", change))
    bad(
        "consult-object",
        "consult.json",
        "an object instead of a list",
        _whole(CONSULT, lambda document: {"exclusions": document}),
    )
    bad(
        "consult-single-object",
        "consult.json",
        "a single exclusion is not in a list",
        _whole(CONSULT, lambda document: document[0] if len(document) == 1 else document),
    )
    bad("consult-truncated", "consult.json", "the last ten bytes are missing", recode(lambda b: b[:-10], _at(CONSULT)))
    bad(
        "consult-html",
        "consult.content_type",
        "the data as text/html",
        _header("Content-Type", "text/html; charset=utf-8", _at(CONSULT)),
    )
    bad(
        "consult-pharmacy-code",
        "consult.hcParty",
        "a pharmacy is shown as a physician",
        _each(
            CONSULT,
            lambda e: (
                e["hcParty"].update(qualificationCode="persphysician")
                if e["hcParty"]["identifier"][0]["type"] == "nihii"
                else None
            ),
        ),
    )
    bad(
        "name-from-request",
        "consult.names",
        "names are those of the request, not of the authentic source",
        add=_with_asked_name,
    )

    def history(name: str, rule: str, summary: str, change: Callable[[Document], object]) -> None:
        bad(f"history-{name}", f"history.{rule}", f"an entry {summary}", _each(HISTORY, change))

    history("author-missing", "author", "has no author", _drop("author"))
    history("author-object", "author", "has one object for author", lambda e: e.update(author=e["author"][-1]))
    history(
        "author-identifier-missing",
        "author",
        "has authors without identifier",
        lambda e: [one.pop("identifier") for one in e["author"]],
    )
    history("target-missing", "target", "has no target", _drop("target"))
    history("target-renamed", "target", "has hcParty for target", lambda e: e.update(hcParty=e.pop("target")))
    for name, summary, change in _PARTY_DEFECTS[::4]:
        history(f"target-{name}", "target", f"has a target that {summary}", _inside("target", change))
    history("timestamp-missing", "timestamp", "has no timestamp", _drop("timestamp"))
    for name, value, summary in (
        ("epoch", 1686153794, "seconds since 1970"),
        ("no-offset", "2023-06-07T16:03:14", "a date-time without offset"),
        ("february-30", "2023-02-30T16:03:14+00:00", "30 February"),
    ):
        history(f"timestamp-{name}", "timestamp", f"has {summary} for timestamp", _put("timestamp", value))
    history("operation-missing", "operation", "has no operation", _drop("operation"))
    history(
        "operation-small",
        "operation",
        "has its operation in small letters",
        lambda e: e.update(operation=e["operation"].lower()),
    )
    history(
        "operation-word",
        "operation",
        "says DECLARE or REVOKE",
        lambda e: e.update(operation=e["operation"].partition("_")[0]),
    )
    history(
        "operation-swapped",
        "operation",
        "says the contrary of what was done",
        lambda e: e.update(operation=REVOKED if e["operation"] == DECLARED else DECLARED),
    )
    bad(
        "history-object",
        "history.json",
        "an object instead of a list",
        _whole(HISTORY, lambda document: {"entries": document}),
    )


def _inside(key: str, change: Callable[[Document], object]) -> Callable[[Document], object]:
    return lambda entry: change(entry[key])


def _with_asked_name(state: State, patient: str, party: Party) -> None:
    name = state.marks["asked"].get("name")
    _add(state, patient, replace(party, name=name if isinstance(name, str) else ""))


def _add_error_defects(catalogue: _Catalogue) -> None:
    bad = catalogue.bad
    bad("error-object", "error.body", "the body of a 400 is an object", _error(lambda document: document[0]))
    bad(
        "error-strings",
        "error.body",
        "the body of a 400 is a list of codes",
        _error(lambda document: [entry["code"] for entry in document]),
    )
    bad("error-body-missing", "error.body", "a 400 has no body", _error(lambda _: None))
    bad("error-code-missing", "error.code", "errors have no code", _error_entry(_drop("code")))
    bad(
        "error-code-number",
        "error.code",
        "a code is a number",
        _error_entry(lambda entry: entry.update(code=int(entry["code"][3:]))),
    )
    bad(
        "error-code-gap",
        "error.code",
        "VAL003, which is not in the catalogue, for a missing or invalid HC party",
        _error_entry(lambda entry: entry.update(code="VAL003") if entry["code"] in ("VAL005", "VAL006") else None),
    )
    bad("error-code-own", "error.code", "codes of its own", _error_entry(lambda entry: entry.update(code="E-42")))
    bad("error-message-missing", "error.message", "errors have no message", _error_entry(_drop("message")))
    for code in ("BIZ003", "VAL001"):
        bad(
            f"error-{code.lower()}-empty",
            "error.body",
            f"the 400 of {code} alone has no body",
            _error(lambda _: None, code),
        )


def _for_kind(kind: str, choose: _Choose) -> _Choose:
    """Choose in another way by identifiers of one kind."""
    return lambda parties, given, value: (choose if given == kind else _chosen)(parties, given, value)


def _add_filter_defects(catalogue: _Catalogue) -> None:
    bad = catalogue.bad

    def chosen(name: str, rule: str, summary: str, choose: _Choose) -> None:
        bad(f"filter-{name}", f"consult.filter.{rule}", summary, chosen=choose)

    for kind, label in (("ssin", "hcPartySsin"), ("nihii", "hcPartyNihii")):
        chosen(f"{kind}-ignored", kind, f"{label} is ignored", _for_kind(kind, lambda p, _k, _v: list(p)))
        chosen(f"{kind}-never", kind, f"{label} never matches", _for_kind(kind, lambda _p, _k, _v: []))
        chosen(
            f"{kind}-all-else",
            kind,
            f"all are returned where {label} matches none",
            _for_kind(kind, lambda p, k, v: _chosen(p, k, v) or list(p)),
        )
        chosen(
            f"{kind}-of-kind",
            kind,
            f"{label} returns all parties with such an identifier",
            _for_kind(kind, lambda p, k, _v: [one for one in p if one.kind == k]),
        )
    chosen(
        "nihii-and-practitioners",
        "nihii",
        "hcPartyNihii returns the practitioners too",
        lambda p, k, v: [o for o in p if o in _chosen(p, k, v) or (k == "nihii" and o.kind == "ssin")],
    )
    chosen(
        "ssin-inverted",
        "ssin",
        "hcPartySsin returns all but what it names",
        lambda p, k, v: [o for o in p if o not in _chosen(p, k, v)] if k == "ssin" else _chosen(p, k, v),
    )


def _keep(_: State, __: str, ___: Party) -> None:
    """Do nothing."""


def _clear(state: State, patient: str, _: Party) -> None:
    state.active[patient] = []


def _clear_kind(kind: str, also: str) -> Callable[[State, str, Party], None]:
    """Remove a party, and with one of a kind all those of another kind."""

    def remove(state: State, patient: str, party: Party) -> None:
        _remove(state, patient, party)
        if party.kind == kind:
            state.active[patient] = [one for one in state.of(patient) if one.kind != also]

    return remove


def _remove_newest(state: State, patient: str, _: Party) -> None:
    state.of(patient).pop()


def _late_in(state: State, patient: str) -> list[Party]:
    now, before = list(state.of(patient)), state.marks.get(patient)
    state.marks[patient] = now
    return now if before is None else [one for one in now if one in before]


def _late_out(state: State, patient: str) -> list[Party]:
    now, before = list(state.of(patient)), state.marks.get(patient, [])
    state.marks[patient] = now
    return now + [one for one in before if one not in now]


def _exists_as(state: State, patient: str, party: Party) -> bool:
    return any(_same(party, one) and party.qualification == one.qualification for one in state.of(patient))


def _exists_or_did(state: State, patient: str, party: Party) -> bool:
    return any(change.patient == patient and _same(change.party, party) for change in state.changes)


def _replace_same(state: State, patient: str, party: Party) -> None:
    _remove(state, patient, party)
    _add(state, patient, party)


def _add_elsewhere(state: State, patient: str, party: Party) -> None:
    _add(state, PEOPLE.other_patient if patient == PEOPLE.patient else PEOPLE.patient, party)


def _add_and_drop(state: State, patient: str, party: Party) -> None:
    state.active[patient] = [*state.of(patient)[1:], party]


def _add_capped(state: State, patient: str, party: Party) -> None:
    if len(state.of(patient)) < 4:
        _add(state, patient, party)


def _when_pharmacy(state: State, patient: str, party: Party) -> bool:
    return party.kind != "nihii" and _exists(state, patient, party)


def _add_state_defects(catalogue: _Catalogue) -> None:
    bad = catalogue.bad
    bad("exists-twice", "declare.exists", "it exists already: 201, and it is shown twice", overlook=_blind("exists"))
    bad("declare-no-effect", "declare.effect", "a declaration changes nothing", add=_keep)
    bad("declare-late", "declare.effect", "a consultation shows a declaration only the second time", listed=_late_in)
    bad("declare-elsewhere", "declare.effect", "an exclusion goes to another patient", add=_add_elsewhere)
    bad("declare-drops-oldest", "declare.effect", "a declaration drops the oldest exclusion", add=_add_and_drop)
    bad("declare-at-most-four", "declare.effect", "a fifth exclusion is lost", add=_add_capped)
    bad(
        "declare-wrong-party",
        "declare.effect",
        "an exclusion is of another practitioner",
        add=lambda s, p, party: _add(s, p, DENTIST if party.kind == "ssin" else party),
    )
    bad("declare-again-409", "declare.exists", "what has been revoked cannot be declared again", exists=_exists_or_did)
    bad("revoke-no-effect", "revoke.effect", "a revocation changes nothing", remove=_keep)
    bad("revoke-all", "revoke.effect", "a revocation removes all exclusions", remove=_clear)
    bad(
        "revoke-practitioner-and-pharmacies",
        "revoke.effect",
        "with a practitioner the pharmacies are revoked",
        remove=_clear_kind("ssin", "nihii"),
    )
    bad(
        "revoke-pharmacy-and-practitioners",
        "revoke.effect",
        "with a pharmacy the practitioners are revoked",
        remove=_clear_kind("nihii", "ssin"),
    )
    bad(
        "revoke-all-practitioners",
        "revoke.effect",
        "with a practitioner all practitioners are revoked",
        remove=_clear_kind("ssin", "ssin"),
    )
    bad("revoke-newest", "revoke.effect", "the newest exclusion is revoked, whichever is named", remove=_remove_newest)
    bad("revoke-late", "revoke.effect", "a consultation shows what was revoked once more", listed=_late_out)
    bad(
        "profession-new",
        "practitioner.professions",
        "another profession of an excluded practitioner: 201, shown twice",
        exists=_exists_as,
    )
    bad(
        "profession-replaced",
        "practitioner.professions",
        "another profession: 201, and it replaces the first",
        exists=_exists_as,
        add=_replace_same,
    )
    bad("consult-first-only", "consult.complete", "only the first exclusion is shown", listed=lambda s, p: s.of(p)[:1])


def _record_twice(state: State, change: Change) -> None:
    state.changes += [change, change]


def _record_wrong(state: State, change: Change) -> None:
    _record(state, replace(change, party=DENTIST if change.party.kind == "ssin" else OTHER_SHOP))


def _record_rewriting(state: State, change: Change) -> None:
    kept = [one for one in state.changes if one.patient != change.patient or not _same(one.party, change.party)]
    state.changes = [*kept, change]


def _record_only(operation: str) -> Callable[[State, Change], None]:
    return lambda state, change: _record(state, change) if change.operation == operation else None


def _add_history_defects(catalogue: _Catalogue) -> None:
    bad = catalogue.bad

    def paged(name: str, rule: str, summary: str, page: Callable[[list[Change], int | None], list[Change]]) -> None:
        bad(f"history-{name}", f"history.{rule}", summary, page=page)

    bad("history-ascending", "history.order", "the oldest entry comes first", entries=lambda s, p: _entries(s, p)[::-1])
    paged(
        "page-ascending",
        "order",
        "with pageSize the newest entries, but the oldest of them first",
        lambda e, n: _page(e, n) if n is None else _page(e, n)[::-1],
    )
    bad(
        "history-page-oldest",
        "history.pageSize",
        "pageSize gives the oldest entries",
        page=lambda e, n: _page(e, None) if n is None else e[-n:],
    )
    paged("page-ignored", "pageSize", "pageSize is ignored", lambda e, _: _page(e, None))
    paged("page-more", "pageSize", "pageSize gives one entry more", lambda e, n: _page(e, n and n + 1))
    paged(
        "page-less",
        "pageSize",
        "pageSize above 1 gives one entry less",
        lambda e, n: _page(e, n - 1 if n and n > 1 else n),
    )
    paged("page-at-most-2", "pageSize", "pageSize above 2 gives two entries", lambda e, n: _page(e, n and min(n, 2)))
    paged("page-1-gives-2", "pageSize", "pageSize 1 gives two entries", lambda e, n: _page(e, 2 if n == 1 else n))
    paged(
        "page-count-drops",
        "pageSize",
        "pageSize equal to the number of entries drops one",
        lambda e, n: _page(e, n)[: -1 if n == len(e) > 1 else None],
    )
    paged(
        "page-above-404",
        "pageSize",
        "pageSize above the number of entries gets 404",
        lambda e, n: [] if n and n > len(e) else _page(e, n),
    )
    bad(
        "history-limit-ignored",
        "history.limit",
        "all of 1,600 entries are shown",
        start=start_long,
        page=lambda e, n: e[:n],
    )
    bad(
        "history-at-most-10",
        "history.complete",
        "never more than ten entries",
        start=functools.partial(start_long, count=9),
        page=lambda e, n: _page(e, min(n or 10, 10)),
    )
    bad("history-no-revocations", "history.complete", "revocations are not recorded", record=_record_only(DECLARED))
    bad("history-no-declarations", "history.complete", "declarations are not recorded", record=_record_only(REVOKED))
    bad(
        "history-rewritten",
        "history.complete",
        "a change removes earlier entries for the same party",
        record=_record_rewriting,
    )
    bad(
        "history-twice",
        "history.complete",
        "every change is recorded twice",
        record=_record_twice,
    )
    bad("history-conflicts", "history.complete", "a declaration of what exists is recorded too", refused=_record)
    bad(
        "history-late",
        "history.complete",
        "the newest entry is shown once there is a newer one",
        entries=lambda s, p: _entries(s, p)[1:],
    )
    bad("history-wrong-target", "history.target", "the target is another party", record=_record_wrong)
    bad(
        "history-always-declared",
        "history.operation",
        "a revocation is recorded as a declaration",
        record=lambda s, c: _record(s, replace(c, operation=DECLARED)),
    )


def _add_leaks(catalogue: _Catalogue) -> None:
    bad = catalogue.bad
    for operation in (DECLARE, REVOKE, CONSULT, HISTORY):
        bad(
            f"stranger-{operation}",
            "auth.patient",
            f"{operation}: a token for another patient will do",
            overlook=_blind(f"{operation}:stranger"),
        )
    bad(
        "consult-mixed",
        "consult.others",
        "the exclusions of all patients are shown as the patient's",
        listed=lambda s, _: [party for parties in s.active.values() for party in parties],
    )
    bad(
        "history-mixed",
        "history.others",
        "the entries of all patients are shown",
        entries=lambda s, _: s.changes[::-1],
    )


def _add_authorisation_defects(catalogue: _Catalogue) -> None:
    bad = catalogue.bad
    bad("token-none-accepted", "auth.missing", "no token is needed", overlook=_blind("token.missing"))
    for operation in (DECLARE, HISTORY, HEALTH):
        bad(
            f"token-none-{operation}",
            "auth.missing",
            f"{operation}: no token is needed",
            overlook=_blind(f"{operation}:token.missing"),
        )
    bad(
        "token-malformed-accepted", "auth.malformed", "a token that is none will do", overlook=_blind("token.malformed")
    )
    bad("token-forged-accepted", "auth.signature", "the signature is not checked", overlook=_blind("token.signature"))
    bad(
        "token-unsigned-accepted",
        "auth.signature",
        "a token with algorithm none will do",
        overlook=_blind("token.unsigned"),
    )
    bad("token-expired-accepted", "auth.expired", "an expired token will do", overlook=_blind("token.expired"))
    bad(
        "token-expired-history",
        "auth.expired",
        "history: an expired token will do",
        overlook=_blind("history:token.expired"),
    )
    patients = (DECLARE, REVOKE, CONSULT, HISTORY)
    bad("role-none-accepted", "auth.role", "no role is needed", overlook=_blind(*(f"{one}:role" for one in patients)))
    for operation in (REVOKE, HISTORY):
        bad(
            f"role-none-{operation}",
            "auth.role",
            f"{operation}: no role is needed",
            overlook=_blind(f"{operation}:role"),
        )
    bad("mandate-any-accepted", "auth.mandate", "a mandate of any type will do", mandates=(MANDATE, "reimbursement"))
    both = frozenset((REST_ACCESS, MONITORING))
    bad("monitoring-reads", "auth.role", "the role monitoring may consult", roles={CONSULT: both, HISTORY: both})
    bad("health-open", "auth.monitoring", "/health needs no role", overlook=_blind("health:role"))
    bad("health-rest-access", "auth.monitoring", "/health takes the role rest-access", roles={HEALTH: both})
    bad(
        "health-monitoring-refused",
        "auth.monitoring",
        "/health refuses the role monitoring",
        roles={HEALTH: frozenset()},
    )


def _add_validation_defects(catalogue: _Catalogue) -> None:
    bad = catalogue.bad
    for name, rule, summary, kinds in (
        ("ssin-check-accepted", "declare.party", "wrong check digits of an SSIN pass", ["ssin.check"]),
        ("ssin-10-accepted", "declare.party", "an SSIN of 10 digits passes", ["ssin.short"]),
        ("ssin-12-accepted", "declare.party", "an SSIN of 12 digits passes", ["ssin.long"]),
        ("ssin-letters-accepted", "declare.party", "an SSIN with letters passes", ["ssin.letters"]),
        ("ssin-any-accepted", "declare.party", "any text passes for the SSIN of a practitioner", ["party.ssin"]),
        ("nihii-7-accepted", "declare.party", "a NIHII of 7 or 9 digits passes", ["nihii.length"]),
        ("nihii-letters-accepted", "declare.party", "a NIHII with letters passes", ["nihii.letters"]),
        ("patient-missing-accepted", "declare.patient", "the patient may be missing", ["declare:patient.missing"]),
        (
            "patient-invalid-accepted",
            "declare.patient",
            "any text passes for the patient's SSIN",
            ["declare:patient.invalid"],
        ),
        ("party-missing-accepted", "declare.party", "hcParty may be missing", ["declare:party.missing"]),
        ("revoke-patient-missing-accepted", "revoke.patient", "patientSsin may be missing", ["revoke:patient.missing"]),
        ("revoke-party-missing-all", "revoke.party", "without a party all are revoked", ["revoke:party.missing"]),
        ("revoke-both-accepted", "revoke.party", "both identifiers at once pass", ["revoke:party.both"]),
        ("consult-both-accepted", "consult.party", "both identifiers at once pass", ["consult:party.both"]),
        ("qualification-unknown-accepted", "declare.qualification", "any qualification passes", ["qualification"]),
        (
            "pharmacy-ssin-accepted",
            "declare.qualification",
            "a pharmacy with an SSIN passes",
            ["contradiction.organisation"],
        ),
        (
            "practitioner-nihii-accepted",
            "declare.qualification",
            "a practitioner with a NIHII alone passes",
            ["contradiction.practitioner"],
        ),
        ("json-malformed-accepted", "declare.message", "malformed JSON gets 201", ["json"]),
        ("json-list-accepted", "declare.message", "a list or a text gets 201", ["shape"]),
        ("media-any-accepted", "declare.message", "any media type gets 201", ["media"]),
        ("large-accepted", "declare.message", "a very large body gets 201", ["large"]),
    ):
        bad(name, rule, summary, overlook=_blind(*kinds))
    for name, rule, kind, summary in (
        ("500-party-missing", "declare.party", "party.missing", "no HC party gets 500"),
        ("500-patient-missing", "declare.patient", "patient.missing", "no patient gets 500"),
        ("500-qualification", "declare.qualification", "qualification", "an unknown qualification gets 500"),
        ("500-both", "consult.party", "party.both", "both identifiers get 500"),
        ("500-ssin", "declare.party", "party.ssin", "an invalid SSIN of a practitioner gets 500"),
    ):
        bad(name, rule, summary, refusals=_refusing(Refusal(500), kind))


def _add_intermittent_defects(catalogue: _Catalogue) -> None:
    bad = catalogue.bad
    bad("fifth-consult-500", "consult.status", "every fifth consultation gets 500", _success(CONSULT, _says(500), 5))
    bad("fifth-history-500", "history.status", "every fifth history gets 500", _success(HISTORY, _says(500), 5))
    bad(
        "fifth-consult-drops",
        "consult.complete",
        "every fifth consultation lacks the last of several exclusions",
        _every(5, CONSULT, _list(CONSULT, lambda document: document.pop() if len(document) > 1 else None)),
    )
    bad(
        "fifth-history-ascending",
        "history.order",
        "every fifth history has the oldest entry first",
        _every(5, HISTORY, _list(HISTORY, lambda document: document.reverse())),
    )
    bad(
        "fifth-declare-lost",
        "declare.effect",
        "every fifth declaration is lost",
        add=lambda s, p, party: None if s.nth("declare") else _add(s, p, party),
    )
    bad(
        "third-revoke-lost",
        "revoke.effect",
        "every third revocation is lost",
        remove=lambda s, p, party: None if s.nth("revoke", 3) else _remove(s, p, party),
    )
    bad("third-declare-200", "declare.status", "every third declaration gets 200", _success(DECLARE, _says(200), 3))
    bad(
        "second-exists-201",
        "declare.exists",
        "every second declaration of what exists gets 201",
        _every_status(2, DECLARE, 409, 201),
    )
    bad(
        "second-absent-204",
        "revoke.absent",
        "every second revocation of nothing gets 204",
        _every_status(2, REVOKE, 404, 204),
    )


def _every_status(count: int, operation: str, status: int, other: int) -> Layer:
    """Give another status in the place of every so-manieth of an operation's answers with a status."""

    def wrap(inner: Handler) -> Handler:
        seen = itertools.count(1)

        def handle(request: Request) -> Answer:
            answer = inner(request)
            due = answer.status == status and _operation(request) == operation
            return Answer(other) if due and next(seen) % count == 0 else answer

        return handle

    return wrap


# ------------------------------------------------------------------------------------------------------- borderline


def _add_borderline(catalogue: _Catalogue) -> None:
    maybe, doubtful = catalogue.perhaps_good, catalogue.perhaps_bad
    maybe(
        "json-400-empty",
        "error.body",
        "400 without a body for malformed JSON",
        refusals=_refusing(_no(400), "json", "shape"),
    )
    maybe("json-500", "declare.message", "500 for malformed JSON", refusals=_refusing(_no(500), "json", "shape"))
    maybe("media-500", "declare.message", "500 for another media type", refusals=_refusing(_no(500), "media"))
    maybe(
        "page-size-400-empty",
        "error.body",
        "400 without a body for a bad pageSize",
        overlook=_strict("pageSize"),
        refusals=_refusing(_no(400), "pageSize"),
    )
    doubtful(
        "page-size-500",
        "history.pageSize",
        "500 for a bad pageSize",
        overlook=_strict("pageSize"),
        refusals=_refusing(_no(500), "pageSize"),
    )
    doubtful(
        "page-size-empty-list",
        "history.pageSize",
        "200 and an empty list for a bad pageSize",
        overlook=_strict("pageSize"),
        refusals=_refusing(Refusal(200, document=[]), "pageSize"),
    )
    maybe(
        "headers-400-text",
        "error.body",
        "400 with a text unless User-Agent and From are right",
        refuse(lambda r: "@" not in r.header("from"), lambda: plain_text(400, "From is missing")),
    )
    maybe(
        "absent-404-text",
        "consult.absent",
        "404 with a text",
        instead(404, lambda: plain_text(404, "no such exclusion")),
    )
    maybe(
        "absent-404-object",
        "consult.absent",
        "404 with an object for a body",
        refusals=_refusing(Refusal(404, document={"status": 404}), "absent.consult", "absent.revoke", "absent.history"),
    )
    doubtful(
        "token-500", "auth.malformed", "500 for a malformed token", refusals=_refusing(_no(500), "token.malformed")
    )
    doubtful(
        "token-400-empty", "error.body", "400 without a body for tokens", refusals=_refusing(_no(400), *_TOKEN_KINDS)
    )
    doubtful("validation-422", "error.body", "422 with the codes, where 400 is documented", _unprocessable)
    doubtful(
        "filter-invalid-404",
        "consult.party",
        "consult and revoke: 404 for an invalid identifier of a party",
        overlook=_blind(*(f"{one}:party.{kind}" for one in (CONSULT, REVOKE) for kind in ("ssin", "nihii"))),
    )
    maybe(
        "val001-for-all",
        "error.code",
        "VAL001 for every validation error",
        _error_entry(lambda entry: entry.update(code="VAL001") if entry["code"][:3] == "VAL" else None),
    )
    maybe(
        "both-refused-in-post",
        "declare.party",
        "a practitioner's SSIN and NIHII together get VAL006",
        overlook=_strict("party.both.practitioner"),
        refusals=_refusing(REFUSALS["party.both"], "party.both.practitioner"),
    )
    maybe(
        "unknown-party-refused",
        "declare.party",
        "a party that the authentic source does not know gets VAL006",
        overlook=_strict("party.unknown"),
        refusals=_refusing(_no(400, "VAL006"), "party.unknown"),
    )
    maybe(
        "ssin-date-unchecked", "declare.party", "an SSIN with a month that is none passes", overlook=_blind("ssin.date")
    )
    doubtful(
        "ssin-other-digits",
        "declare.party",
        "digits of other scripts pass for an SSIN",
        overlook=_blind("ssin.unicode"),
    )
    maybe(
        "nihii-11-accepted",
        "declare.party",
        "a NIHII of 11 digits passes for a pharmacy",
        overlook=_blind("nihii.eleven"),
    )
    maybe(
        "nihii-first",
        "consult.hcParty",
        "practitioners have a NIHII before the SSIN",
        *_all_parties(_more_identifiers),
        *_all_parties(lambda party: party["identifier"].reverse()),
    )
    doubtful(
        "identifier-type-capitals",
        "consult.hcParty",
        "the types of identifiers are SSIN and NIHII",
        *_all_parties(lambda party: party["identifier"][0].update(type=party["identifier"][0]["type"].upper())),
    )
    maybe(
        "identifiers-plural",
        "consult.hcParty",
        "identifiers, as the text has it, for identifier",
        *_all_parties(lambda party: party.update(identifiers=party.pop("identifier"))),
    )
    maybe(
        "first-name-small",
        "consult.hcParty",
        "firstname, as the text has it, for firstName",
        *_all_parties(lambda party: party.update(firstname=party.pop("firstName"))),
    )
    maybe(
        "first-name-empty",
        "consult.hcParty",
        "an empty first name of a pharmacy",
        *_all_parties(lambda party: party.update(firstName=party["firstName"] or "")),
    )
    maybe(
        "qualification-authentic",
        "consult.hcParty",
        "practitioners are shown with a profession of the authentic source",
        *_all_parties(
            lambda party: (
                None if party["qualificationCode"] == PHARMACY else party.update(qualificationCode="perspodologist")
            )
        ),
    )
    maybe("ties-swapped", "history.order", "of changes in the same second the earlier comes first", entries=_tied)
    doubtful(
        "clock-two-hours",
        "history.timestamp",
        "local time with the offset of another zone",
        stamp=lambda m: (m + timedelta(hours=2)).strftime("%FT%T+00:00"),
    )
    maybe(
        "page-above-limit",
        "history.limit",
        "a pageSize above 1,500 gives more than that",
        start=start_long,
        page=lambda e, n: e[: n or LIMIT],
    )
    maybe("empty-filter-ignored", "consult.party", "a filter without a value is none", _without_empty)
    doubtful("parent-refused", "auth.role", "parents are refused", _refusing_profile("children"))
    doubtful("mandatary-refused", "auth.role", "mandataries are refused", _refusing_profile("mandators"))
    doubtful(
        "content-type-text", "consult.content_type", "the data as text/plain", _header("Content-Type", "text/plain")
    )
    doubtful(
        "put-declares",
        "declare.message",
        "PUT declares as POST does",
        lambda inner: lambda r: inner(replace(r, method="POST" if r.method == "PUT" else r.method)),
    )
    maybe("health-204", "health.status", "/health gets 204", _success(HEALTH, _says(204)))


def _unprocessable(inner: Handler) -> Handler:
    return on_all(lambda _, answer: setattr(answer, "status", 422) if answer.status == 400 else None)(inner)


def _tied(state: State, patient: str) -> list[Change]:
    oldest_first = [change for change in state.changes if change.patient == patient]
    return sorted(oldest_first, key=lambda c: c.moment.replace(microsecond=0), reverse=True)


def _without_empty(inner: Handler) -> Handler:
    def handle(request: Request) -> Answer:
        kept = [one for one in (request.query or "").split("&") if not one.endswith("=")]
        return inner(replace(request, query="&".join(kept)))

    return handle


def _refusing_profile(member: str) -> Layer:
    """Refuse the tokens whose profile has this member."""
    reader = Issuer()

    def refused(request: Request) -> bool:
        return member in reader.peek(request.header("authorization").partition(" ")[2]).get("userProfile", {})

    return refuse(refused, lambda: Answer(403))


_CATALOGUE = _Catalogue()
_CATALOGUE.good("plain", "as the cookbook has it")
for _fill in (_add_refusals, _add_forms, _add_states):
    _fill(_CATALOGUE)
for _fill in (
    _add_status_defects,
    _add_body_defects,
    _add_error_defects,
    _add_filter_defects,
    _add_state_defects,
    _add_history_defects,
    _add_leaks,
    _add_authorisation_defects,
    _add_validation_defects,
    _add_intermittent_defects,
    _add_borderline,
):
    _fill(_CATALOGUE)

VARIANTS: Mapping[str, Variant] = MappingProxyType(_CATALOGUE.certain)
BORDERLINE: Mapping[str, Variant] = MappingProxyType(_CATALOGUE.borderline)


def serve(name: str) -> AbstractContextManager[Document]:
    """Serve a variant on a free port of loopback; the context gives the section of a target file."""
    return _CATALOGUE.serve(name)


@contextlib.contextmanager
def _serve_printed(name: str, port: int) -> Iterator[str]:
    with _CATALOGUE.serve(name, port) as section:
        yield json.dumps(section, indent=2)


if __name__ == "__main__":
    by_hand([*VARIANTS, *BORDERLINE], _CATALOGUE.lines(), _serve_printed)
