"""Sequences of declarations, revocations, consultations and histories of one patient, fixed and drawn."""

from functools import partial

from hypothesis import strategies as st

from conformance.engine.execution import CaseExecution
from conformance.model.exchange import Exchange
from conformance.model.verdict import Judgement, merge

from .therapeutic_exclusion_model import MOST_ENTRIES
from .therapeutic_exclusion_player import Player
from .therapeutic_exclusion_requests import Party, first_of_each_kind, parties, person
from .therapeutic_exclusion_steps import Step, Verb

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


def play_sequences(execution: CaseExecution) -> Judgement:
    """Play the fixed sequences and drawn ones, each from the state that the one before has left."""
    judgements = []
    attempt = partial(_attempt, execution)
    for steps in (*FIXED_SEQUENCES, with_names(parties(execution))):
        judgements.append(execution.reduce(steps, partial(attempt, thorough=True)))
        if judgements[-1].violated or judgements[-1].inconclusive_reason:
            return merge(judgements)
    drawn = st.lists(STEPS, min_size=1, max_size=LONGEST_SEQUENCE).map(tuple)
    judgements.append(execution.search(drawn, attempt))
    return merge(judgements)


def play_across_seconds(execution: CaseExecution) -> Judgement:
    """See the order of a history whose entries did not all happen in one second.

    Comes when all others are done, which mostly takes more than the second that is waited for otherwise.
    """
    return execution.reduce(ACROSS_SECONDS, partial(_attempt, execution, thorough=True))


def _attempt(
    execution: CaseExecution, steps: tuple[Step, ...], *, thorough: bool = False
) -> tuple[Exchange, Judgement]:
    """Play a sequence from whatever state the service is in, then pages of the history that it leaves."""
    player = Player(
        execution, person(execution, "patient", "citizen"), parties(execution)
    )
    judgement = player.begin()
    if not judgement.violated:
        sizes = _page_sizes(player, steps, thorough=thorough)
        judgement = player.play((*steps, *sizes), thorough=thorough)
    return player.decisive, judgement


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
