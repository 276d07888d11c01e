"""Two equal changes at the same moment: one of them is made, and the other meets what the first one has left.

Erratum 5.3/same-moment. Nothing is said of requests that are not shown to have been under way together.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from conformance.engine.execution import CaseExecution
from conformance.engine.probes.overlapping import MOST_ATTEMPTS, overlap
from conformance.model.case import Clause, Effect, Template
from conformance.model.exchange import Exchange
from conformance.model.verdict import Judgement, merge

from .therapeutic_exclusion_answers import NOTHING_THERE, clause
from .therapeutic_exclusion_conversation import Blocked
from .therapeutic_exclusion_player import Player
from .therapeutic_exclusion_requests import (
    SERVICE,
    Person,
    declaration,
    first_of_each_kind,
    parties,
    person,
    revocation,
)
from .therapeutic_exclusion_steps import Step, Verb

_SUCCESS = 2
_ROUNDS_LOCAL = 2
_ATTEMPTS_LOCAL = 6
"""A service on the same machine may answer before both requests have gone out; each act has to be seen once."""
_AS_CONFLICT = replace(
    clause("409"),
    effect=Effect.OBSERVATION,
    note="of two equal revocations one is refused with 409, which is documented for declarations",
)


@dataclass(frozen=True, slots=True)
class Act:
    """What is done twice at once: the step, the rules of its success and of a second one, and what each may get."""

    verb: Verb
    done: str
    again: str
    success: Clause
    conflict: tuple[Clause, ...]


ACTS = (
    Act(
        Verb.DECLARE,
        "5.3/declares",
        "5.3/conflict",
        clause("201"),
        (clause("409"), clause("400", "BIZ001")),
    ),
    Act(
        Verb.REVOKE,
        "5.4/revokes",
        "5.4/not-found",
        clause("204"),
        (*NOTHING_THERE, _AS_CONFLICT),
    ),
)


def play_equal_changes(execution: CaseExecution) -> Judgement:
    """Declare the first party of each kind twice at the same moment, then revoke it twice at the same moment."""
    who, known = person(execution, "patient", "citizen"), parties(execution)
    local = execution.session.target.local
    judgements = []
    apart = {act.verb: "it was not tried" for act in ACTS}
    for number in first_of_each_kind(known) * (_ROUNDS_LOCAL if local else 1):
        for act in ACTS:
            twice = _Twice(execution, who, act, number)
            judgement = twice.judge(_ATTEMPTS_LOCAL if local else MOST_ATTEMPTS)
            if twice.obstacle:
                apart[act.verb] = apart[act.verb] and twice.obstacle
                continue
            apart[act.verb] = ""
            judgements.append(judgement)
            if judgement.violated or judgement.inconclusive_reason:
                return merge(judgements)
    obstacle = next(filter(None, apart.values()), "")
    return replace(merge(judgements), inconclusive_reason=obstacle)


@dataclass(slots=True)
class _Twice:
    """One act on one party, done twice at once; `player` knows what was there before.

    `obstacle` says why the last requests are not shown to have overlapped, "" if they are.
    """

    execution: CaseExecution
    who: Person
    act: Act
    number: int
    player: Player = field(init=False)
    obstacle: str = ""

    def __post_init__(self) -> None:
        """Get ready for a first look at what is there."""
        known = parties(self.execution)
        self.player = Player(self.execution, self.who, known)

    @property
    def _step(self) -> Step:
        return Step(self.act.verb, self.number)

    def judge(self, attempts: int) -> Judgement:
        """Return what the answers say, and whether the state agrees with them; nothing where none overlapped."""
        tried = overlap(self.execution, self._prepared, attempts)
        self.obstacle = tried.obstacle
        if not tried.overlapped:
            return Judgement()
        self.execution.deciding = [exchange.id for exchange in tried.exchanges]
        judgement = merge([*map(self._documented, tried.exchanges)])
        if judgement.violated or judgement.inconclusive_reason:
            return judgement
        told = merge([judgement, self._one_success(tried.exchanges)])
        return told if told.violated else merge([told, self._agreed()])

    def _prepared(self) -> Sequence[Template]:
        """Bring the party into the state that the act starts from; raises Blocked where that cannot be done."""
        self.player = Player(
            self.execution, self.who, self.player.parties, purpose=self.player.purpose
        )
        begun = self.player.begin()
        party = self.player.parties[self.number]
        ready = (party.key in self.player.model.active) is (
            self.act.verb is Verb.REVOKE
        )
        if not ready and not begun.violated:
            opposite = Verb.DECLARE if self.act.verb is Verb.REVOKE else Verb.REVOKE
            begun = self.player.change(Step(opposite, self.number))
        if begun.violated or begun.inconclusive_reason:
            raise Blocked(f"{party.number} could not be made ready for {self.act.verb}")
        make = revocation if self.act.verb is Verb.REVOKE else declaration
        return [make(self.who, party)] * 2

    def _documented(self, exchange: Exchange) -> Judgement:
        """Judge one answer by itself: a success, or what a second change meets."""
        clauses = [self.act.success, *self.act.conflict]
        return self.player.talk.expect(exchange, self.act.done, clauses, [self._step])

    def _one_success(self, exchanges: Sequence[Exchange]) -> Judgement:
        """Judge both answers together: one tells of a success, the other does not."""
        statuses = [one.response.status for one in exchanges if one.response]
        successes = [status for status in statuses if status // 100 == _SUCCESS]
        rules = (self.act.done, self.act.again)
        counts = Counter({f"{SERVICE}/{rule}": 1 for rule in rules})
        if len(successes) == 1:
            return Judgement(evaluated=counts)
        both = len(successes) > 1
        word = "both succeed" if both else "neither succeeds"
        message = f"of two equal changes at the same moment {word}"
        finding = self.player.situation([self._step]).finding(
            self.act.again if both else self.act.done,
            message,
            "one success and one conflict (erratum 5.3/same-moment)",
            " and ".join(map(str, statuses)),
        )
        return Judgement((finding,), counts)

    def _agreed(self) -> Judgement:
        """Compare exclusions and history with one change made."""
        key = self.player.parties[self.number].key
        if self.act.verb is Verb.REVOKE:
            self.player.model.revoke(key)
        else:
            self.player.model.declare(key)
        judgement = self.player.compare([self._step])
        findings = tuple(
            replace(one, message=f"{one.message}, twice at the same moment")
            for one in judgement.findings
        )
        return replace(judgement, findings=findings)
