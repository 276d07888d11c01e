"""A model of the Therapeutic Exclusion service, and the sequences that compare the service with it.

The model starts from a consultation, never from an empty state, and is compared with the service
after each step. Must not know any implementation: it says what the cookbook says (chapters 2.1, 5, 8).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any

from conformance.checks.date_time import read_moment
from conformance.checks.json_body import parse
from conformance.checks.problem import show
from conformance.engine.execution import CaseExecution
from conformance.judging.rest import error_codes
from conformance.model.case import (
    Case,
    CaseKind,
    Clause,
    Effect,
    Expectation,
    JsonBody,
    Template,
)
from conformance.model.errors import ConformanceError, MissingDataError
from conformance.model.exchange import Exchange, Purpose, Response
from conformance.model.verdict import Finding, Judgement, Severity, merge
from conformance.model.wording import count_of

SERVICE = "therapeutic-exclusion"
MOST_ENTRIES = 1500
INVENTED_NAME, INVENTED_FIRST_NAME = "Inventedname", "Inventedfirst"
_LONG_HISTORY = 60
_PROFESSIONS = ("persphysician", "persnurse")
_OK, _REFUSED, _ABSENT = 200, 400, 404
_SUCCESS = 2
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCKS_APART = timedelta(minutes=15)
"""How far the moment of an entry may be from when the change was made."""
_CLOCK_WRONG = timedelta(minutes=5)
"""How far the clock that a service's Date header shows may be from ours to be right."""
_A_SECOND = 1.05
"""Seconds until a clock that shows whole seconds shows another one."""

Key = tuple[str, str]
"""A health care party as an identifier's type and value."""


@dataclass(frozen=True, slots=True)
class Party:
    """A health care party of the target's test data."""

    kind: str
    number: str
    qualification: str

    @property
    def key(self) -> Key:
        """Return the identifier by which exclusions name the party."""
        return self.kind, self.number

    @property
    def filter(self) -> Mapping[str, str]:
        """Return the query parameter that selects the party."""
        return {"hcPartySsin" if self.kind == "ssin" else "hcPartyNihii": self.number}


Entry = tuple[str, str, tuple[Key, ...]]
"""An entry of the history: operation, moment, and the identifiers of the party."""


class Verb(StrEnum):
    """What a step does."""

    DECLARE = "declare"
    DECLARE_NAMED = "declare with names"
    DECLARE_AGAIN = "declare again under another profession"
    REVOKE = "revoke"
    CONSULT = "consult"
    HISTORY = "history"
    WAIT = "wait"


_DECLARING = frozenset({Verb.DECLARE, Verb.DECLARE_NAMED})
CHANGING = _DECLARING | {Verb.DECLARE_AGAIN, Verb.REVOKE}
"""The verbs after which a service may be in another state."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a sequence: what it does, to which party, or with which page size.

    `by` is the token of a representative, "" where the patient acts in person.
    """

    verb: Verb
    party: int = 0
    page_size: int = 0
    by: str = ""

    def __repr__(self) -> str:
        """Return the step as a reader should see it."""
        if self.verb is Verb.HISTORY:
            return (
                f"history(pageSize={self.page_size})" if self.page_size else "history()"
            )
        if self.verb is Verb.WAIT:
            return "wait()"
        return f"{self.verb}({self.party})" + (f" as {self.by}" if self.by else "")


@dataclass(frozen=True, slots=True)
class Person:
    """Whose exclusions they are, and the token that may manage them."""

    ssin: str
    token: str


def parties(execution: CaseExecution) -> list[Party]:
    """Return the target's practitioners and pharmacies; raises MissingDataError where there is none."""
    data = execution.session.service.settings.get("data", {})
    found = [
        Party("ssin", row["ssin"], row["qualification"])
        for row in data.get("practitioners", ())
    ]
    found += [
        Party("nihii", row["nihii"], "orgpharmacy")
        for row in data.get("pharmacies", ())
    ]
    if not found:
        raise MissingDataError(
            "the target gives neither data.practitioners nor data.pharmacies"
        )
    return found


def person(execution: CaseExecution, data: str, token: str) -> Person:
    """Return a patient of the target's test data; raises MissingDataError where the target gives none."""
    execution.session.requests.token(token)
    return Person(execution.session.requests.value(f"${data}"), token)


def declaration(who: Person, party: Party, *, named: bool = False) -> Template:
    """Return the request that declares an exclusion."""
    names = {"name": INVENTED_NAME, "firstName": INVENTED_FIRST_NAME} if named else {}
    if named and party.kind == "nihii":
        names.pop("firstName")
    body = {
        "patient": {"identifier": [{"type": "ssin", "value": who.ssin}]},
        "hcParty": {
            "identifier": [{"type": party.kind, "value": party.number}],
            "qualificationCode": party.qualification,
            **names,
        },
    }
    return Template("declareExclusion", token=who.token, body=JsonBody(body))


def revocation(who: Person, party: Party) -> Template:
    """Return the request that revokes an exclusion."""
    return Template(
        "revokeExclusion",
        token=who.token,
        parameters={"patientSsin": who.ssin, **party.filter},
    )


def consultation(who: Person, party: Party | None = None) -> Template:
    """Return the request that consults exclusions, all or one party's."""
    narrowed = party.filter if party else {}
    return Template(
        "getExclusions",
        token=who.token,
        parameters={"patientSsin": who.ssin, **narrowed},
    )


def history(who: Person, page_size: int = 0) -> Template:
    """Return the request that reads the history, whole or a page."""
    page = {"pageSize": str(page_size)} if page_size else {}
    return Template(
        "getHistory", token=who.token, parameters={"patientSsin": who.ssin, **page}
    )


@dataclass(slots=True)
class Model:
    """What the service should hold of one patient: active parties, and the changes made since it began."""

    active: dict[Key, Mapping[str, Any]]
    past: list[Mapping[str, Any]]
    changes: list[tuple[str, Key]] = field(default_factory=list)
    _kept: tuple[int, "Counter[Entry]"] | None = None

    def kept(self, number: int) -> "Counter[Entry]":
        """Return the newest entries of the past, so many at most, as a bag."""
        number = min(number, len(self.past))
        if self._kept is None or self._kept[0] != number:
            self._kept = number, _bag(self.past[:number])
        return self._kept[1]

    def declare(self, key: Key) -> bool:
        """Note a declaration and tell whether it succeeds."""
        if key in self.active:
            return False
        self.active[key] = {}
        self.changes.append(("DECLARE_EXCLUSION", key))
        return True

    def revoke(self, key: Key) -> bool:
        """Note a revocation and tell whether it succeeds."""
        if key not in self.active:
            return False
        del self.active[key]
        self.changes.append(("REVOKE_EXCLUSION", key))
        return True


class Blocked(Exception):  # noqa: N818 - not an error: the comparison cannot go on
    """What the model needs to know cannot be learnt from the service."""


@dataclass(slots=True)
class Player:
    """Plays steps for one patient and compares the service with the model after each.

    `watchers` are tokens of representatives, who have to see what the patient sees. `full` is the last full history
    that was read, after `read` changes; `others` are the changes that representatives made.
    """

    execution: CaseExecution
    who: Person
    parties: Sequence[Party]
    model: Model = field(default_factory=lambda: Model({}, []))
    last: Exchange | None = None
    full: list[Any] = field(default_factory=list)
    read: int = 0
    purpose: Purpose = Purpose.PROBE
    watchers: tuple[str, ...] = ()
    others: set[tuple[str, Key]] = field(default_factory=set)
    _begun: datetime = _LONG_AGO
    _judgements: list[Judgement] = field(default_factory=list)

    def begin(self) -> Judgement:
        """Learn the state from a consultation and a history; return the violation that prevents it, if there is one.

        Raises Blocked where they cannot be read for another reason.
        """
        active, past = self._send(consultation(self.who)), self._send(history(self.who))
        told = merge([self._readable(active, "5.5"), self._readable(past, "5.6")])
        if told.violated:
            return told
        self.full, self.read, self._begun = (
            self._rows(past, "the history at the start"),
            0,
            past.started,
        )
        rows = self._rows(active, "the consultation at the start")
        self.model = Model(
            {key: row for row in rows for key in self._known_or_first(row)}, self.full
        )
        return Judgement()

    def _readable(self, exchange: Exchange, section: str) -> Judgement:
        """Judge by its status alone an answer of which nobody knows whether it has to find something."""
        empty = (
            exchange.response is not None
            and exchange.response.status // 100 == _SUCCESS
        )
        rule = f"{section}/not-found" if empty else f"{section}/success"
        return self._expect(exchange, rule, [_clause("200"), *NOTHING_THERE], ())

    @property
    def decisive(self) -> Exchange:
        """Return the last exchange, on which the judgement of what was played rests."""
        if self.last is None:
            raise ConformanceError("a sequence sent nothing")
        return self.last

    def served(self, role: str) -> Judgement:
        """Judge by its status alone whether a representative may ask for the patient's exclusions."""
        exchange = self._send(consultation(self._person(role)))
        return self._expect(
            exchange, f"5.1.1/{role}", [_clause("200"), *NOTHING_THERE], ()
        )

    def _person(self, role: str) -> Person:
        """Return the patient, with the token of a representative where a role is named."""
        return replace(self.who, token=role) if role else self.who

    def play(self, steps: Sequence[Step], *, thorough: bool = True) -> Judgement:
        """Play steps until one shows a violation; return the judgement of all that was seen.

        Unless `thorough`, a long history is compared after the last change only: reading hundreds of entries after
        each is what a run would mostly do, and a service mostly serve.
        """
        self._judgements = []
        changes = [
            number for number, step in enumerate(steps, 1) if step.verb in CHANGING
        ]
        for number, step in enumerate(steps, 1):
            self._judgements.append(self._step(step, steps[:number]))
            if not self._judgements[-1].violated and step.verb in CHANGING:
                whole = thorough or not self.long or number == changes[-1]
                self._judgements.append(self.compare(steps[:number], whole=whole))
            if (
                self._judgements[-1].violated
                or self._judgements[-1].inconclusive_reason
            ):
                break
        return merge(self._judgements)

    def compare(self, steps: Sequence[Step], *, whole: bool = True) -> Judgement:
        """Compare a full consultation, and the full history where the `whole` is wanted, with the model."""
        judgements = []
        for who in map(self._person, ("", *self.watchers)):
            judgements.append(self._consult(who, None, steps))
            if whole:
                judgements.append(self._history(who, 0, steps))
        return merge(judgements)

    @property
    def long(self) -> bool:
        """Tell whether the history is too long to be read after each change of many."""
        return len(self.model.past) > _LONG_HISTORY

    def _step(self, step: Step, steps: Sequence[Step]) -> Judgement:
        party, who = self.parties[step.party % len(self.parties)], self._person(step.by)
        match step.verb:
            case Verb.DECLARE | Verb.DECLARE_NAMED:
                exchange = self._send(
                    declaration(who, party, named=step.verb is Verb.DECLARE_NAMED)
                )
                return self._declared(exchange, party, steps)
            case Verb.DECLARE_AGAIN:
                return self._declared_again(who, party, steps)
            case Verb.REVOKE:
                return self._revoked(self._send(revocation(who, party)), party, steps)
            case Verb.CONSULT:
                return self._consult(who, party, steps)
            case Verb.WAIT:
                return self._wait()
            case _:
                return self._history(who, step.page_size, steps)

    def _wait(self) -> Judgement:
        """Let a second pass where all of the history happened in one, so that its order cannot be told."""
        if (
            len({read_moment(str(row.get("timestamp"))).instant for row in self.full})
            == 1
        ):
            self.execution.session.pause(_A_SECOND)
        return Judgement()

    def length_after(self, steps: Sequence[Step]) -> int:
        """Return how many entries the history has once some steps have been made."""
        future = Model(dict(self.model.active), [], list(self.model.changes))
        for step in steps:
            key = self.parties[step.party % len(self.parties)].key
            if step.verb is Verb.REVOKE:
                future.revoke(key)
            elif step.verb in _DECLARING:
                future.declare(key)
        return min(len(self.model.past) + len(future.changes), MOST_ENTRIES)

    def _declared(
        self, exchange: Exchange, party: Party, steps: Sequence[Step]
    ) -> Judgement:
        if self.model.declare(party.key):
            self._note_author(steps[-1])
            return self._expect(exchange, "5.3/declares", [_clause("201")], steps)
        return self._expect(
            exchange, "5.3/conflict", [_clause("409"), _clause("400", "BIZ001")], steps
        )

    def _declared_again(
        self, who: Person, party: Party, steps: Sequence[Step]
    ) -> Judgement:
        """Declare a practitioner's active exclusion under another profession, which must not change its own."""
        before = self._profession(who, party)
        if party.key not in self.model.active or not before:
            return Judgement()
        other = next(code for code in _PROFESSIONS if code != before)
        exchange = self._send(declaration(who, replace(party, qualification=other)))
        unqualified = replace(
            _clause("400", "VAL008"),
            effect=Effect.NOT_APPLICABLE,
            note="no such profession",
        )
        clauses = [_clause("409"), _clause("400", "BIZ001"), unqualified]
        judgement = self._expect(exchange, "5.3/conflict", clauses, steps)
        if judgement.violated or judgement.inconclusive_reason:
            return judgement
        after = self._profession(who, party)
        if not after or after == before:
            return judgement
        message = "a declaration that was refused has changed the active exclusion's profession"
        return merge(
            [
                judgement,
                Judgement(
                    (self._finding("5.3/conflict", message, steps, before, after),)
                ),
            ]
        )

    def _profession(self, who: Person, party: Party) -> str:
        """Return the code that a practitioner's active exclusion shows, "" where it shows none."""
        if party.kind != "ssin":
            return ""
        rows = _objects(self._send(consultation(who, party)))
        return next(
            (
                _qualification(row)
                for row in rows
                if party.key in _identifiers(row.get("hcParty"))
            ),
            "",
        )

    def _revoked(
        self, exchange: Exchange, party: Party, steps: Sequence[Step]
    ) -> Judgement:
        if self.model.revoke(party.key):
            self._note_author(steps[-1])
            return self._expect(exchange, "5.4/revokes", [_clause("204")], steps)
        return self._expect(exchange, "5.4/not-found", NOTHING_THERE, steps)

    def _note_author(self, step: Step) -> None:
        """Note that a representative made the last change, whose own number nobody has told."""
        if step.by:
            self.others.add(self.model.changes[-1])

    def _consult(
        self, who: Person, party: Party | None, steps: Sequence[Step]
    ) -> Judgement:
        exchange = self._send(consultation(who, party))
        wanted = [key for key in self.model.active if party is None or key == party.key]
        rule = "5.5/all" if party is None else f"5.5/by-{party.kind}"
        if not wanted:
            judgement = self._expect(exchange, "5.5/not-found", NOTHING_THERE, steps)
            listed = self._listed(_objects(exchange), wanted, rule, steps)
            return listed if listed.violated else judgement
        told = (
            self._blame(wanted[0], rule, steps)
            if is_absent(exchange)
            else "5.5/success"
        )
        judgement = self._expect(
            exchange, told, [replace(_clause("200"), judge=True)], steps
        )
        if judgement.violated or judgement.inconclusive_reason:
            return judgement
        rows = _objects(exchange)
        return merge([judgement, self._listed(rows, wanted, rule, steps)])

    def _listed(
        self, rows: list[Any], wanted: list[Key], rule: str, steps: Sequence[Step]
    ) -> Judgement:
        """Compare the exclusions of an answer with the parties that are active."""
        seen = Counter(key for row in rows for key in self._known_or_first(row))
        findings = []
        for key in wanted:
            if seen[key] == 0:
                message = f"the active exclusion of {_name(key)} is not listed"
                findings.append(
                    self._finding(
                        self._blame(key, rule, steps), message, steps, "listed"
                    )
                )
            elif seen[key] > 1:
                findings.append(
                    self._finding(
                        "5.3/conflict",
                        f"{_name(key)} is listed twice",
                        steps,
                        "listed once",
                    )
                )
        surplus = [key for key in seen if key not in wanted]
        if surplus:
            broken = (
                "5.5/active-only"
                if rule == "5.5/all" or surplus[0] not in self.model.active
                else rule
            )
            message = f"{_name(surplus[0])} is listed, which is not what was asked for"
            findings.append(
                self._finding(
                    self._blame(surplus[0], broken, steps), message, steps, "not listed"
                )
            )
        for row in rows:
            patients = _identifiers(row.get("patient"))
            if ("ssin", self.who.ssin) not in patients:
                message = "an exclusion of another patient is listed"
                findings.append(
                    self._finding(
                        "5.5/active-only",
                        message,
                        steps,
                        self.who.ssin,
                        show(row.get("patient")),
                    )
                )
            findings += self._invented_names(row.get("hcParty"), steps)
            findings += self._kinds(row.get("hcParty"), steps)
        counts = Counter({f"{SERVICE}/{name}": 1 for name in (rule, "5.5/active-only")})
        return Judgement(tuple(findings), counts)

    def _blame(self, key: Key, rule: str, steps: Sequence[Step]) -> str:
        """Return the rule that the last change broke, where a list is wrong because of it; else the given one."""
        if not steps or steps[-1].verb not in CHANGING:
            return rule
        own = self.parties[steps[-1].party % len(self.parties)].key == key
        revoking = steps[-1].verb is Verb.REVOKE
        if key in self.model.active:
            return (
                "5.4/matching-only"
                if revoking and not own
                else ("5.3/declares" if own and not revoking else rule)
            )
        return "5.4/revokes" if revoking and own else rule

    def _invented_names(self, party: Any, steps: Sequence[Step]) -> Iterator[Finding]:  # noqa: ANN401 - an answer's part
        if not isinstance(party, dict) or not {INVENTED_NAME, INVENTED_FIRST_NAME} & {
            party.get("name"),
            party.get("firstName"),
        }:
            return
        slug = (
            "organisation-name"
            if party.get("qualificationCode") == "orgpharmacy"
            else "practitioner-names"
        )
        message = "a name given in a declaration is published"
        yield self._finding(
            f"5.3/{slug}",
            message,
            steps,
            "the name of the authentic source",
            show(party),
        )

    def _kinds(self, party: Any, steps: Sequence[Step]) -> Iterator[Finding]:  # noqa: ANN401 - an answer's part
        """Check that one of our parties carries a qualification of its own kind: a person's or an organisation's."""
        code = party.get("qualificationCode") if isinstance(party, dict) else None
        own = next(
            (one for one in self.parties if one.key in _identifiers(party)), None
        )
        if (
            own is not None
            and isinstance(code, str)
            and code.startswith("org") is not (own.kind == "nihii")
        ):
            message = (
                f"{_name(own.key)} carries a qualification of another kind of party"
            )
            yield self._finding(
                "5.5/qualification-code",
                message,
                steps,
                f"like {own.qualification}",
                show(code),
            )

    def _history(self, who: Person, page_size: int, steps: Sequence[Step]) -> Judgement:
        length = min(len(self.model.past) + len(self.model.changes), MOST_ENTRIES)
        exchange = self._send(history(who, page_size))
        if not length:
            return self._expect(exchange, "5.6/not-found", NOTHING_THERE, steps)
        rule = "5.6/page-size" if page_size else "5.6/all"
        told = "5.6/success"
        if is_absent(exchange):
            told = (
                rule if page_size else (told if self.model.past else "5.6/every-change")
            )
        judgement = self._expect(
            exchange, told, [replace(_clause("200"), judge=True)], steps
        )
        if judgement.violated or judgement.inconclusive_reason:
            return judgement
        rows = _objects(exchange)
        findings = [
            *self._ordered(rows, steps),
            *self._counted(rows, length, page_size, steps),
        ]
        findings += self._foreign(rows, steps)
        if not page_size:
            self.full, self.read = rows, len(self.model.changes)
        if not findings and (not page_size or page_size >= length):
            bag = _bag(rows)
            lasting = self._recorded(bag, steps)
            findings += lasting or [
                *self._authored(rows, bag, steps),
                *self._timed(exchange, bag, steps),
            ]
        elif not findings and self.read == len(self.model.changes):
            findings += self._newest(rows, steps)
        slugs = [rule, "5.6/newest-first", "5.6/maximum"]
        if self.model.changes and not page_size:
            slugs += ["5.6/every-change", "5.6/author-responsible", "5.6/timestamp"]
        return merge(
            [
                judgement,
                Judgement(
                    tuple(findings), Counter({f"{SERVICE}/{name}": 1 for name in slugs})
                ),
            ]
        )

    def _ordered(self, rows: list[Any], steps: Sequence[Step]) -> Iterator[Finding]:
        moments = [read_moment(str(row.get("timestamp"))).instant for row in rows]
        for number, (above, below) in enumerate(pairwise(moments)):
            if above is not None and below is not None and below > above:
                actual = (
                    f"{rows[number]['timestamp']} above {rows[number + 1]['timestamp']}"
                )
                yield self._finding(
                    "5.6/newest-first",
                    "the history is not newest first",
                    steps,
                    "descending",
                    actual,
                )
                return

    def _counted(
        self, rows: list[Any], length: int, page_size: int, steps: Sequence[Step]
    ) -> Iterator[Finding]:
        wanted = min(page_size, length) if page_size else length
        if len(rows) > MOST_ENTRIES and not page_size:
            yield self._finding(
                "5.6/maximum",
                "the history has too many entries",
                steps,
                "1500 at most",
                str(len(rows)),
            )
        elif len(rows) != wanted:
            known = self.read == len(self.model.changes) and len(self.full) == length
            paged = page_size and (page_size < length or known)
            rule = (
                "5.6/page-size"
                if paged
                else ("5.6/every-change" if self.model.changes else "5.6/all")
            )
            message = f"the history has {len(rows)} entries"
            yield self._finding(
                rule, message, steps, f"{wanted} entries", f"{len(rows)} entries"
            )

    def _foreign(self, rows: list[Any], steps: Sequence[Step]) -> Iterator[Finding]:
        """Check that an entry which names a patient at all names the one whose history was asked for."""
        for row in rows:
            named = _identifiers(row.get("patient"))
            if named and ("ssin", self.who.ssin) not in named:
                message = "an entry of the history names another patient"
                yield self._finding(
                    "5.6/patient",
                    message,
                    steps,
                    self.who.ssin,
                    show(row.get("patient")),
                )
                return

    def _authored(
        self, rows: list[Any], bag: Counter[Entry], steps: Sequence[Step]
    ) -> list[Finding]:
        """Check that as many entries as are new name among their authors the patient who made the changes.

        Left out are changes like those that a representative has made.
        """
        fresh = bag - self.model.kept(MOST_ENTRIES)
        own = [
            row
            for row in rows
            if _entry(row) in fresh and self.who.ssin in _authors(row)
        ]
        unnamed = fresh - _bag(own)
        for entry in unnamed:
            if any((entry[0], key) in self.others for key in self._own_first(entry[2])):
                continue
            message = "no author of an entry is the person who made the change"
            authors = next(row.get("author") for row in rows if _entry(row) == entry)
            return [
                self._finding(
                    "5.6/author-responsible",
                    message,
                    steps,
                    self.who.ssin,
                    show(authors),
                )
            ]
        return []

    def _timed(
        self, exchange: Exchange, bag: Counter[Entry], steps: Sequence[Step]
    ) -> Iterator[Finding]:
        """Check that each new entry has a moment between the start and now, as far as clocks may be apart.

        Where the service's clock is wrong, or not told, its entries cannot be held against it.
        """
        earliest, latest = self._begun - _CLOCKS_APART, exchange.started + _CLOCKS_APART
        for entry in bag - self.model.kept(MOST_ENTRIES):
            instant = read_moment(entry[1]).instant
            if instant is not None and not earliest <= instant <= latest:
                clock = _clock(exchange.response)
                right = (
                    clock is not None and abs(clock - exchange.started) <= _CLOCK_WRONG
                )
                message = "the moment of a new entry is not that of its change"
                expected = f"about {exchange.started.isoformat(timespec='seconds')}"
                finding = self._finding(
                    "5.6/timestamp", message, steps, expected, entry[1]
                )
                unsure = f"{message}; the service's clock is wrong, too, or not told"
                yield (
                    finding
                    if right
                    else replace(finding, severity=Severity.OBSERVATION, message=unsure)
                )
                return

    def _recorded(self, bag: Counter[Entry], steps: Sequence[Step]) -> list[Finding]:
        """Compare the history with the changes made and with what was there before, as bags: ties are left open."""
        changes = Counter(self.model.changes)
        kept = self.model.kept(max(MOST_ENTRIES - changes.total(), 0))
        surplus, gone = bag - kept, kept - bag
        if gone:
            message = "entries from before have changed or gone"
            return [
                self._finding(
                    "5.6/every-change",
                    message,
                    steps,
                    "the same entries",
                    show([*gone][:3]),
                )
            ]
        recorded: Counter[tuple[str, Key]] = Counter()
        for (operation, _, keys), count in surplus.items():
            recorded.update({(operation, key): count for key in self._own_first(keys)})
        for change, count in (changes - recorded).items():
            message = (
                f"{count} x {change[0]} of {_name(change[1])} is not in the history"
            )
            return [
                self._finding(
                    "5.6/every-change",
                    message,
                    steps,
                    "each change recorded",
                    show([*surplus][:3]),
                )
            ]
        return []

    def _newest(self, rows: list[Any], steps: Sequence[Step]) -> Iterator[Finding]:
        """Check that a page holds the newest entries of the full history; ties are left open."""
        page, full = _bag(rows), _bag(self.full)
        left = [
            moment
            for entry in full - page
            if (moment := read_moment(entry[1]).instant) is not None
        ]
        shown = [
            moment
            for entry in page
            if (moment := read_moment(entry[1]).instant) is not None
        ]
        if page - full or (left and shown and min(shown) < max(left)):
            message = "a page holds other entries than the newest"
            yield self._finding(
                "5.6/page-size", message, steps, "the newest entries", show(rows[:3])
            )

    def _send(self, template: Template) -> Exchange:
        self.last = self.execution.send(template, self.purpose)
        if self.execution.refused(template, self.last):
            raise Blocked(f"the token {template.token!r} was refused")
        return self.last

    def _expect(
        self,
        exchange: Exchange,
        rule: str,
        clauses: Sequence[Clause],
        steps: Sequence[Step],
    ) -> Judgement:
        requirement = f"{SERVICE}/{rule}"
        operation = _operation(exchange)
        expectation = Expectation(rule, tuple(clauses))
        case = replace(
            self.execution.case,
            requirements=(requirement,),
            request=Template(operation),
            expectation=expectation,
        )
        judgement = self.execution.oracle.judge(exchange, case)
        told = tuple(
            replace(row, message=f"{row.message}; after {_told(steps)}")
            for row in judgement.findings
        )
        return replace(judgement, findings=told)

    def _finding(
        self,
        rule: str,
        message: str,
        steps: Sequence[Step],
        expected: str,
        actual: str = "otherwise",
    ) -> Finding:
        return Finding(
            f"{SERVICE}/{rule}",
            Severity.VIOLATION,
            f"{message}; after {_told(steps)}",
            "body",
            expected,
            actual,
        )

    def _rows(self, exchange: Exchange, what: str) -> list[Any]:
        response = exchange.response
        if is_absent(exchange):
            return []
        if response is None or response.status != _OK or response.cut:
            raise Blocked(
                f"{what} cannot be read: {response.status if response else 'no answer'}"
            )
        document = parse(response.body).document
        if not isinstance(document, list) or not all(
            isinstance(row, dict) for row in document
        ):
            raise Blocked(f"{what} cannot be read: it is no list of objects")
        return document

    def _known_or_first(self, row: Any, member: str = "hcParty") -> list[Key]:  # noqa: ANN401 - an answer's part
        """Return the key of an entry's party: one of ours where it names one, else the first identifier."""
        return self._own_first(
            _identifiers(row.get(member) if isinstance(row, dict) else None)
        )

    def _own_first(self, keys: Sequence[Key]) -> list[Key]:
        own = [party.key for party in self.parties if party.key in keys]
        return own[:1] or list(keys[:1])


def _clause(status: str, *codes: str) -> Clause:
    return Clause((status,), Effect.ACCEPT, codes=codes)


NOTHING_THERE = (_clause("404"), _clause("400", "BIZ002"))
"""How a service says that there is nothing (erratum 8.1.3/business-codes)."""


def _objects(exchange: Exchange) -> list[dict[str, Any]]:
    """Return the objects of a list that was found, none where nothing was, or no list."""
    response = exchange.response
    document = (
        parse(response.body).document
        if response is not None and response.status == _OK
        else None
    )
    return (
        [row for row in document if isinstance(row, dict)]
        if isinstance(document, list)
        else []
    )


def is_absent(exchange: Exchange) -> bool:
    """Tell whether an answer says that there is nothing: by 404, or by 400 and BIZ002."""
    response = exchange.response
    if response is None or response.status != _REFUSED:
        return response is not None and response.status == _ABSENT
    return "BIZ002" in error_codes(parse(response.body).document)


def _clock(response: Response | None) -> datetime | None:
    """Return the time that an answer's Date header tells (RFC 9110, 6.6.1), None where it tells none."""
    try:
        moment = parsedate_to_datetime((response and response.header("Date")) or "")
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _identifiers(party: Any) -> list[Key]:  # noqa: ANN401 - an answer's part
    rows = (
        (party.get("identifier") or party.get("identifiers"))
        if isinstance(party, dict)
        else None
    )
    return [
        (str(row.get("type")), str(row.get("value")))
        for row in rows or ()
        if isinstance(row, dict)
    ]


def _authors(row: Any) -> set[str]:  # noqa: ANN401 - an answer's part
    return {
        number
        for author in row.get("author") or ()
        for _, number in _identifiers(author)
    }


def _entry(row: Mapping[str, Any]) -> Entry:
    """Return what tells an entry from others: operation, moment and party."""
    return (
        str(row.get("operation")),
        str(row.get("timestamp")),
        tuple(_identifiers(row.get("target"))),
    )


def _bag(rows: Sequence[Any]) -> Counter[Entry]:
    """Return entries as a bag: which of equal moments stands first is left open."""
    return Counter(map(_entry, rows))


def _operation(exchange: Exchange) -> str:
    path = exchange.request.url.partition("?")[0]
    by_method = {"POST": "declareExclusion", "DELETE": "revokeExclusion"}
    return by_method.get(exchange.request.method) or (
        "getHistory" if "/histories/" in path else "getExclusions"
    )


def _name(key: Key) -> str:
    return f"{key[0]} {key[1]}"


def _told(steps: Sequence[Step]) -> str:
    return ", ".join(map(repr, steps)) or "the start"


def own_case(name: str) -> Case:
    """Return a case for exchanges that prepare or restore, which no verdict rests on."""
    nothing = Template("getExclusions")
    return Case(
        name, SERVICE, name, CaseKind.STATEFUL, "", (), nothing, Expectation("none", ())
    )


@dataclass(slots=True)
class Keeper:
    """Remembers a patient's active exclusions and the length of the history, and restores the former."""

    execution: CaseExecution
    who: Person
    active: dict[Key, Mapping[str, Any]] = field(default_factory=dict)
    entries: int = 0

    def remember(self) -> None:
        """Learn what is active; raises Blocked where it cannot be read."""
        player = self._player()
        self.active, self.entries = dict(player.model.active), len(player.model.past)

    def remembered(self) -> dict[str, Any]:
        """Return what was learnt as JSON data."""
        self.remember()
        return {
            "active": [[*key, row] for key, row in self.active.items()],
            "entries": self.entries,
        }

    def recall(self, data: Mapping[str, Any]) -> None:
        """Take over what another keeper has learnt."""
        self.active = {(kind, number): row for kind, number, row in data["active"]}
        self.entries = data["entries"]

    def restore(self) -> str:
        """Bring the active exclusions back to what they were, and say what was done and how the history grew."""
        now = self._player()
        known = {party.key: party for party in now.parties}
        surplus = [
            known[key]
            for key in now.model.active
            if key not in self.active and key in known
        ]
        missing = [
            replace(
                known[key],
                qualification=_qualification(row) or known[key].qualification,
            )
            for key, row in self.active.items()
            if key not in now.model.active and key in known
        ]
        undoing = [revocation(self.who, party) for party in surplus]
        undoing += [declaration(self.who, party) for party in missing]
        for template in undoing:
            self.execution.send(template, Purpose.RESTORE)
        after = self._player()
        grown = len(after.model.past) - self.entries
        failed = set(after.model.active) ^ set(self.active)
        state = (
            "the active exclusions are as before"
            if not failed
            else f"NOT restored: {', '.join(map(_name, failed))}"
        )
        undone = count_of(len(undoing), "change")
        growth = count_of(grown, "entry", "entries")
        return f"{state} ({undone} undone); the history grew by {growth}"

    def _player(self) -> Player:
        player = Player(
            self.execution,
            self.who,
            parties(self.execution),
            purpose=Purpose.RESTORE,
        )
        begun = player.begin()
        if begun.violated:
            raise Blocked(f"{begun.findings[0].message}: {begun.findings[0].actual}")
        return player


def _qualification(row: Mapping[str, Any]) -> str:
    party = row.get("hcParty")
    return str(party.get("qualificationCode") or "") if isinstance(party, dict) else ""
