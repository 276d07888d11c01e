"""Sequences of steps for Therapeutic Exclusion, each followed by a comparison of the service with the model.

The model starts from a consultation, never from an empty state, and is compared with the service after each step.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from conformance.checks.date_time import read_moment
from conformance.engine.execution import CaseExecution
from conformance.model.case import Effect
from conformance.model.exchange import Exchange, Purpose
from conformance.model.verdict import Finding, Judgement, Severity, merge

from .therapeutic_exclusion_answers import (
    NOTHING_THERE,
    bag_of,
    clause,
    identifiers,
    is_absent,
    objects,
    qualification_of,
)
from .therapeutic_exclusion_authors import authored, number_in_token
from .therapeutic_exclusion_conversation import Conversation
from .therapeutic_exclusion_histories import (
    counted,
    foreign,
    newest,
    ordered,
    ordered_in_moments,
    recorded,
    timed,
)
from .therapeutic_exclusion_lists import blame, listed
from .therapeutic_exclusion_model import MOST_ENTRIES, Model, Situation
from .therapeutic_exclusion_names import names_in_entries
from .therapeutic_exclusion_requests import (
    SERVICE,
    Party,
    Person,
    consultation,
    declaration,
    history,
    revocation,
)
from .therapeutic_exclusion_steps import CHANGING, DECLARING, Step, Verb

_LONG_HISTORY = 60
_PROFESSIONS = ("persphysician", "persnurse")
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_WITH_PAST = " (the history had entries of these parties before; it may take those)"
_FOUND = replace(clause("200"), judge=True)
_A_SECOND = 1.05
"""Seconds until a clock that shows whole seconds shows another one."""


@dataclass(slots=True)
class Player:
    """Plays steps for one patient and compares the service with the model after each.

    `watchers` are tokens of representatives, who have to see what the patient sees. `full` is the last full history
    that was read, after `read` changes; `full_before` is the one at the start.
    """

    execution: CaseExecution
    who: Person
    parties: Sequence[Party]
    model: Model = field(default_factory=lambda: Model({}, []))
    full: list[Any] = field(default_factory=list)
    read: int = 0
    purpose: Purpose = Purpose.PROBE
    watchers: tuple[str, ...] = ()
    talk: Conversation = field(init=False)
    full_before: list[Any] = field(default_factory=list)
    _begun: datetime = _LONG_AGO

    def __post_init__(self) -> None:
        """Open the conversation."""
        self.talk = Conversation(self.execution, self.purpose)

    @property
    def decisive(self) -> Exchange:
        """Return the last exchange, on which the judgement of what was played rests."""
        return self.talk.decisive

    def begin(self) -> Judgement:
        """Learn the state from a consultation and a history; return the violation that prevents it, if there is one.

        Raises Blocked where they cannot be read for another reason.
        """
        active, past = map(self.talk.send, (consultation(self.who), history(self.who)))
        readable = self.talk.readable
        judgement = merge([readable(active, "5.5"), readable(past, "5.6")])
        if judgement.violated:
            return judgement
        self.full, self.read = self.talk.rows(past, "the history at the start"), 0
        self.full_before = list(self.full)
        self._begun = past.started
        rows = self.talk.rows(active, "the consultation at the start")
        known_or_first = self.situation(()).known_or_first
        self.model = Model(
            {key: row for row in rows for key in known_or_first(row)}, self.full
        )
        return Judgement()

    def situation(self, steps: Sequence[Step]) -> Situation:
        """Return what answers are compared with after some steps."""
        return Situation(self.who, self.parties, self.model, steps)

    def served(self, role: str) -> Judgement:
        """Judge by its status alone whether a representative may ask for the patient's exclusions."""
        exchange = self.talk.send(consultation(self._person(role)))
        return self.talk.expect(
            exchange, f"5.1.1/{role}", [clause("200"), *NOTHING_THERE], ()
        )

    def _person(self, role: str) -> Person:
        """Return the patient, with the token of a representative where a role is named."""
        return replace(self.who, token=role) if role else self.who

    def play(self, steps: Sequence[Step], *, thorough: bool = True) -> Judgement:
        """Play steps until one shows a violation; return the judgement of all that was seen.

        Unless `thorough`, a long history is compared after the last change only: reading hundreds of entries after
        each is what a run would mostly do, and a service mostly serve.
        """
        judgements: list[Judgement] = []
        changes = [
            number for number, step in enumerate(steps, 1) if step.verb in CHANGING
        ]
        for number, step in enumerate(steps, 1):
            judgements.append(self._step(step, steps[:number]))
            stepped = judgements[-1]
            # Whether a change was made that something in between answered for, nobody can tell.
            is_certain = not (stepped.violated or stepped.inconclusive_reason)
            if is_certain and step.verb in CHANGING:
                whole = thorough or not self.long or number == changes[-1]
                judgements.append(self.compare(steps[:number], whole=whole))
            if judgements[-1].violated or judgements[-1].inconclusive_reason:
                break
        return self._with_past(merge(judgements), steps)

    def _with_past(self, judgement: Judgement, steps: Sequence[Step]) -> Judgement:
        """Say with a violation that the history had entries of its parties before, which may be what it takes."""
        ours = {self.parties[step.party % len(self.parties)].key for step in steps}
        known_or_first = self.situation(()).known_or_first
        past = self.full_before
        earlier = {key for row in past for key in known_or_first(row, "target")}
        if not judgement.violated or ours.isdisjoint(earlier):
            return judgement
        findings = tuple(
            replace(row, message=f"{row.message}{_WITH_PAST}")
            if row.severity is Severity.VIOLATION
            else row
            for row in judgement.findings
        )
        return replace(judgement, findings=findings)

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
                exchange = self.talk.send(
                    declaration(who, party, named=step.verb is Verb.DECLARE_NAMED)
                )
                return self._declared(exchange, party, steps)
            case Verb.DECLARE_AGAIN:
                return self._declared_again(who, party, steps)
            case Verb.REVOKE:
                return self._revoked(
                    self.talk.send(revocation(who, party)), party, steps
                )
            case Verb.CONSULT:
                return self._consult(who, party, steps)
            case Verb.WAIT:
                return self._wait()
            case _:
                return self._history(who, step.page_size, steps)

    @property
    def entries(self) -> int:
        """Return how many entries have been made, shown or not."""
        return len(self.model.past) + len(self.model.changes)

    def change(self, step: Step) -> Judgement:
        """Make one change, and judge its answer alone."""
        return self._step(step, [step])

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
            elif step.verb in DECLARING:
                future.declare(key)
        return min(len(self.model.past) + len(future.changes), MOST_ENTRIES)

    def _declared(
        self, exchange: Exchange, party: Party, steps: Sequence[Step]
    ) -> Judgement:
        if self.model.declare(party.key, steps[-1].by):
            return self.talk.expect(exchange, "5.3/declares", [clause("201")], steps)
        return self.talk.expect(
            exchange, "5.3/conflict", [clause("409"), clause("400", "BIZ001")], steps
        )

    def _declared_again(
        self, who: Person, party: Party, steps: Sequence[Step]
    ) -> Judgement:
        """Declare a practitioner's active exclusion under another profession, which must not change its own."""
        before = self._profession(who, party)
        if party.key not in self.model.active or not before:
            return Judgement()
        other = next(code for code in _PROFESSIONS if code != before)
        exchange = self.talk.send(declaration(who, replace(party, qualification=other)))
        unqualified = replace(
            clause("400", "VAL008"),
            effect=Effect.NOT_APPLICABLE,
            note="no such profession",
        )
        clauses = [clause("409"), clause("400", "BIZ001"), unqualified]
        judgement = self.talk.expect(exchange, "5.3/conflict", clauses, steps)
        if judgement.violated or judgement.inconclusive_reason:
            return judgement
        after = self._profession(who, party)
        if not after or after == before:
            return judgement
        message = "a declaration that was refused has changed the active exclusion's profession"
        finding = self.situation(steps).finding("5.3/conflict", message, before, after)
        return merge([judgement, Judgement((finding,))])

    def _profession(self, who: Person, party: Party) -> str:
        """Return the code that a practitioner's active exclusion shows, "" where it shows none."""
        if party.kind != "ssin":
            return ""
        rows = objects(self.talk.send(consultation(who, party)))
        return next(
            (
                qualification_of(row)
                for row in rows
                if party.key in identifiers(row.get("hcParty"))
            ),
            "",
        )

    def _revoked(
        self, exchange: Exchange, party: Party, steps: Sequence[Step]
    ) -> Judgement:
        if self.model.revoke(party.key, steps[-1].by):
            return self.talk.expect(exchange, "5.4/revokes", [clause("204")], steps)
        return self.talk.expect(exchange, "5.4/not-found", NOTHING_THERE, steps)

    def _actors(self) -> dict[str, str]:
        """Return the numbers of the representatives who have made changes, by role."""
        roles = {change.by for change in self.model.changes if change.by}
        return {role: number_in_token(self.execution, role) for role in sorted(roles)}

    def _consult(
        self, who: Person, party: Party | None, steps: Sequence[Step]
    ) -> Judgement:
        exchange, situation = (
            self.talk.send(consultation(who, party)),
            self.situation(steps),
        )
        wanted = [key for key in self.model.active if party is None or key == party.key]
        rule = "5.5/all" if party is None else f"5.5/by-{party.kind}"
        if not wanted:
            judgement = self.talk.expect(
                exchange, "5.5/not-found", NOTHING_THERE, steps
            )
            surplus = listed(situation, objects(exchange), wanted, rule)
            return surplus if surplus.violated else judgement
        absent = is_absent(exchange)
        broken = blame(situation, wanted[0], rule) if absent else "5.5/success"
        judgement = self.talk.expect(exchange, broken, [_FOUND], steps)
        if judgement.violated or judgement.inconclusive_reason:
            return judgement
        return merge([judgement, listed(situation, objects(exchange), wanted, rule)])

    def _history(self, who: Person, page_size: int, steps: Sequence[Step]) -> Judgement:
        length = min(len(self.model.past) + len(self.model.changes), MOST_ENTRIES)
        exchange = self.talk.send(history(who, page_size))
        if not length:
            return self.talk.expect(exchange, "5.6/not-found", NOTHING_THERE, steps)
        rule = "5.6/page-size" if page_size else "5.6/all"
        broken = "5.6/success"
        if is_absent(exchange) and (page_size or not self.model.past):
            broken = rule if page_size else "5.6/every-change"
        judgement = self.talk.expect(exchange, broken, [_FOUND], steps)
        if judgement.violated or judgement.inconclusive_reason:
            return judgement
        found = self._entries(exchange, page_size, length, steps)
        slugs = [rule, "5.6/newest-first", "5.6/maximum"]
        if self.model.changes and not page_size:
            slugs += ["5.6/every-change", "5.6/author-responsible", "5.6/timestamp"]
        evaluated = Counter({f"{SERVICE}/{name}": 1 for name in slugs})
        return merge([judgement, Judgement(tuple(found), evaluated)])

    def _entries(
        self, exchange: Exchange, page_size: int, length: int, steps: Sequence[Step]
    ) -> list[Finding]:
        """Compare the entries of a history, whole or a page, with the model."""
        situation, rows = self.situation(steps), objects(exchange)
        known = self.read == len(self.model.changes) and len(self.full) == length
        findings = [
            *ordered(situation, rows),
            *counted(situation, rows, length, page_size, known=known),
            *foreign(situation, rows),
        ]
        if not page_size:
            self.full, self.read = rows, len(self.model.changes)
        if findings:
            return findings
        if page_size and page_size < length:
            fresh = self.read == len(self.model.changes)
            return list(newest(situation, rows, self.full)) if fresh else []
        bag = bag_of(rows)
        return recorded(situation, bag) or [
            *authored(situation, rows, bag, self._actors()),
            *timed(situation, exchange, bag, self._begun),
            *ordered_in_moments(situation, rows),
            *names_in_entries(situation, rows, bag),
        ]
