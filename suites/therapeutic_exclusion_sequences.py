"""Sequences of declarations, revocations, consultations and histories of one patient, fixed and drawn."""

from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from hypothesis import strategies as st

from conformance.engine.execution import CaseExecution, broken_requirements
from conformance.engine.probes.search import words
from conformance.model.errors import ConformanceError
from conformance.model.exchange import Exchange
from conformance.model.verdict import Judgement, merge

from .therapeutic_exclusion_conversation import Blocked, clear
from .therapeutic_exclusion_model import MOST_ENTRIES
from .therapeutic_exclusion_player import Player
from .therapeutic_exclusion_requests import (
    Party,
    first_of_each_kind,
    parties,
    person,
    revocation,
)
from .therapeutic_exclusion_steps import Step, Verb, steps_of

LONGEST_SEQUENCE = 8
DECLARE, REVOKE, CONSULT, HISTORY = (
    Verb.DECLARE,
    Verb.REVOKE,
    Verb.CONSULT,
    Verb.HISTORY,
)

FIXED_SEQUENCES = (
    (Step(HISTORY), Step(CONSULT, 0)),
    (
        Step(DECLARE, 0),
        Step(DECLARE, 0),
        Step(CONSULT, 0),
        Step(REVOKE, 0),
        Step(REVOKE, 0),
        Step(CONSULT, 0),
    ),
    (Step(REVOKE, 0), Step(DECLARE, 0), Step(REVOKE, 0), Step(DECLARE, 0)),
    (Step(DECLARE, 0), Step(Verb.DECLARE_AGAIN, 0)),
    (
        Step(DECLARE, 0),
        Step(DECLARE, 1),
        Step(DECLARE, 2),
        Step(CONSULT, 0),
        Step(CONSULT, 1),
        Step(CONSULT, 2),
    ),
    (
        Step(DECLARE, 2),
        Step(DECLARE, 0),
        Step(REVOKE, 2),
        Step(CONSULT, 2),
        Step(CONSULT, 0),
    ),
    (
        Step(DECLARE, 0),
        Step(DECLARE, 1),
        Step(REVOKE, 0),
        Step(CONSULT, 0),
        Step(CONSULT, 1),
    ),
)
"""Every kind of step after every kind of state, tried before any sequence is drawn; the first changes nothing."""

ACROSS_SECONDS = (Step(DECLARE, 1), Step(Verb.WAIT), Step(REVOKE, 1))
"""Two changes that a clock of whole seconds tells apart."""

STEPS = st.one_of(
    st.builds(Step, st.sampled_from([DECLARE, REVOKE, CONSULT]), st.integers(0, 2)),
    st.builds(Step, st.just(HISTORY), st.just(0), st.integers(0, 12)),
)


def with_names(known: list[Party]) -> tuple[Step, ...]:
    """Return declarations that give names, of the first party of each kind."""
    steps: list[Step] = []
    for number in first_of_each_kind(known):
        named = Step(Verb.DECLARE_NAMED, number)
        steps += [Step(REVOKE, number), named, Step(CONSULT, number)]
    return tuple(steps)


@dataclass(slots=True)
class Attempts:
    """Attempts at sequences, each from the state that the one before has left.

    `starts` has, by its words, each sequence with the parties that were excluded when it began.
    """

    execution: CaseExecution
    starts: dict[str, tuple[tuple[Step, ...], list[int]]] = field(default_factory=dict)

    def play(
        self, steps: tuple[Step, ...], *, thorough: bool = False
    ) -> tuple[Exchange, Judgement]:
        """Play a sequence from whatever state the service is in, then pages of the history that it leaves."""
        execution = self.execution
        known = parties(execution)
        player = Player(execution, person(execution, "patient", "citizen"), known)
        judgement = player.begin()
        active = player.model.active
        start = [at for at, party in enumerate(known) if party.key in active]
        self.starts[words(steps)] = steps, start
        if not judgement.violated:
            sizes = _page_sizes(player, steps, thorough=thorough)
            judgement = player.play((*steps, *sizes), thorough=thorough)
        return player.decisive, judgement

    def from_nothing(
        self, steps: tuple[Step, ...], found: Judgement | None = None
    ) -> Judgement | None:
        """Play a sequence where nobody is excluded, and let it be what shows the failure.

        With what was `found` before, only where it breaks the same again; None where it does not.
        """
        clear_all(self.execution)
        before = len(self.execution.ids)
        exchange, judgement = self.play(steps, thorough=True)
        again = broken_requirements(judgement)
        if found is not None and not again & broken_requirements(found):
            return None
        if judgement.violated:
            self.execution.show(exchange, before, steps)
        return judgement

    def self_contained(self, found: Judgement) -> Judgement:
        """Return what is found by a sequence that begins with nothing, so that anybody can play it again.

        The smallest sequence may owe its failure to the state in which it began: what makes that state comes before it.
        """
        shown = self.execution.counterexample
        steps, start = self.starts.get(shown.example if shown else "", ((), []))
        if not start:
            return found
        with suppress(Blocked, ConformanceError):  # what was found stays found
            whole = (*(Step(DECLARE, number) for number in start), *steps)
            return self.from_nothing(whole, found) or found
        return found


def clear_all(execution: CaseExecution) -> None:
    """Revoke what the patient may exclude of the target's parties; raises Blocked where that cannot be done."""
    who = person(execution, "patient", "citizen")
    for party in parties(execution):
        clear(execution, revocation(who, party))


def play_sequences(execution: CaseExecution) -> Judgement:
    """Play the fixed sequences and drawn ones, each from the state that the one before has left.

    One that is replayed is played alone, where nobody is excluded.
    """
    attempts = Attempts(execution)
    if execution.context.sequence:
        return _replayed(attempts, execution.context.sequence)
    judgements = []
    for steps in (*FIXED_SEQUENCES, with_names(parties(execution))):
        judgements.append(
            execution.reduce(steps, partial(attempts.play, thorough=True))
        )
        if judgements[-1].violated:
            return merge([*judgements[:-1], attempts.self_contained(judgements[-1])])
        if judgements[-1].inconclusive_reason:
            return merge(judgements)
    drawn = st.lists(STEPS, min_size=1, max_size=LONGEST_SEQUENCE).map(tuple)
    searched = execution.search(drawn, attempts.play)
    if searched.violated:
        searched = attempts.self_contained(searched)
    return merge([*judgements, searched])


def play_across_seconds(execution: CaseExecution) -> Judgement:
    """See the order of a history whose entries did not all happen in one second.

    Comes when all others are done, which mostly takes more than the second that is waited for otherwise.
    """
    attempts = Attempts(execution)
    if execution.context.sequence:
        return _replayed(attempts, execution.context.sequence)
    return execution.reduce(ACROSS_SECONDS, partial(attempts.play, thorough=True))


def _replayed(attempts: Attempts, told: str) -> Judgement:
    """Play the sequence that a run has told, and return its judgement."""
    try:
        steps = steps_of(told)
    except ValueError as error:
        raise Blocked(f"the run's sequence cannot be played again: {error}") from None
    known = parties(attempts.execution)
    if any(step.party >= len(known) for step in steps):
        raise Blocked("the target has fewer parties than the run's sequence names")
    return attempts.from_nothing(steps) or Judgement()


def _page_sizes(
    player: Player, steps: tuple[Step, ...], *, thorough: bool
) -> tuple[Step, ...]:
    """Return a history of one entry, of all but one, of all, and of one more than there are after some steps.

    Unless `thorough`, only the first of a long history.
    """
    length = player.length_after(steps)
    near = (length - 1, length, length + 1) if thorough or not player.long else ()
    sizes = dict.fromkeys(size for size in (1, 2, *near) if 0 < size <= MOST_ENTRIES)
    return tuple(Step(HISTORY, page_size=size) for size in sizes)
