"""Several people: two patients who exclude the same party, and representatives who act for a patient."""

from collections.abc import Iterator
from functools import partial

from conformance.engine.execution import CaseExecution
from conformance.model.errors import MissingDataError
from conformance.model.exchange import Exchange
from conformance.model.verdict import Judgement, merge

from .therapeutic_exclusion_player import Player
from .therapeutic_exclusion_requests import Party, first_of_each_kind, parties, person
from .therapeutic_exclusion_steps import Step, Verb

CONSULT, DECLARE, REVOKE = Verb.CONSULT, Verb.DECLARE, Verb.REVOKE


def play_two_patients(execution: CaseExecution) -> Judgement:
    """Let two patients exclude the same party, and see that neither's changes touch the other."""
    first = Player(
        execution, person(execution, "patient", "citizen"), parties(execution)
    )
    second = Player(
        execution,
        person(execution, "other_patient", "other_citizen"),
        parties(execution),
    )
    judgements = [first.begin(), second.begin()]
    if merge(judgements).violated:
        return merge(judgements)
    steps: list[Step] = []
    for player, step in _turns(first, second):
        steps.append(step)
        judgements.append(player.play([step]))
        if not judgements[-1].inconclusive_reason:
            judgements.append((second if player is first else first).compare(steps))
            judgements += [
                one.play([Step(CONSULT, step.party)]) for one in (first, second)
            ]
        told = merge(judgements)
        if told.violated or told.inconclusive_reason:
            break
    return merge(judgements)


def _turns(first: Player, second: Player) -> Iterator[tuple[Player, Step]]:
    for verb in (REVOKE, DECLARE, REVOKE, DECLARE):
        for number in range(len(first.parties)):
            yield first, Step(verb, number)
            yield second, Step(Verb.REVOKE if verb is DECLARE else DECLARE, number)


def play_representatives(execution: CaseExecution) -> Judgement:
    """Let parent and mandatary change what the patient has, and the patient what they have; all see the same."""
    tokens = execution.session.service.settings.get("tokens") or {}
    roles = [role for role in ("parent", "mandatary") if role in tokens]
    if not roles:
        raise MissingDataError(
            "the target gives no token for the role 'parent' nor for 'mandatary'"
        )
    judgements = []
    known = parties(execution)
    for role in roles:
        judgements.append(
            execution.reduce(
                _represented(role, known),
                partial(_attempt_represented, execution, role),
            )
        )
        if judgements[-1].violated or judgements[-1].inconclusive_reason:
            break
    return merge(judgements)


def _represented(role: str, known: list[Party]) -> tuple[Step, ...]:
    """Return steps by which patient and representative each declare and revoke a party of each kind.

    Each revokes what the other has declared.
    """
    steps: list[Step] = []
    for number in first_of_each_kind(known):
        steps += [
            Step(REVOKE, number),
            Step(DECLARE, number, by=role),
            Step(REVOKE, number),
            Step(DECLARE, number),
            Step(REVOKE, number, by=role),
        ]
    return tuple(steps)


def _attempt_represented(
    execution: CaseExecution, role: str, steps: tuple[Step, ...]
) -> tuple[Exchange, Judgement]:
    """Play a sequence that a patient and a representative share."""
    who, known = person(execution, "patient", "citizen"), parties(execution)
    player = Player(execution, who, known, watchers=(role,))
    judgement = merge([player.begin(), player.served(role)])
    if not judgement.violated and not judgement.inconclusive_reason:
        judgement = merge([judgement, player.play(steps, thorough=False)])
    return player.decisive, judgement
