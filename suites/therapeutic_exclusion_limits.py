"""Documented limits, and those that nobody documents: how many parties a patient excludes, how long a history is.

Section 2.1: a citizen can exclude one or more parties, and no number is named. Section 5.6: a history without pageSize
has 1,500 entries at most. Each limit is looked at with one less and one more.
"""

from datetime import date
from functools import cache

from conformance.engine.execution import CaseExecution
from conformance.identifiers.reading import compose_ssin
from conformance.identifiers.rules import FICTITIOUS_SEQUENCES
from conformance.model.case import Scripted
from conformance.model.errors import ConformanceError, MissingDataError
from conformance.model.exchange import Purpose
from conformance.model.verdict import Judgement, merge

from .therapeutic_exclusion_answers import clause, unknown_party
from .therapeutic_exclusion_model import MOST_ENTRIES
from .therapeutic_exclusion_player import Player
from .therapeutic_exclusion_requests import (
    Party,
    declaration,
    parties,
    person,
    revocation,
)
from .therapeutic_exclusion_steps import Step, Verb

_MOST_MADE_UP = 120
_NEAR = 1
"""How far from a limit the numbers are that it is looked at with."""


@cache
def made_up_parties() -> tuple[Party, ...]:
    """Return practitioners who are nobody: for a local target only."""
    births = (date(1961, 1 + n // 28, 1 + n % 28) for n in range(_MOST_MADE_UP))
    numbers = (compose_ssin(born, FICTITIOUS_SEQUENCES[5]) for born in births)
    return tuple(Party("ssin", number, "persphysician") for number in numbers)


def play_many_parties(execution: CaseExecution) -> Judgement:
    """Exclude more parties than some number, and see each of them; made up for a local target only."""
    probe = execution.case.probe
    if not isinstance(probe, Scripted):
        raise ConformanceError(f"{execution.case.id} says nothing of a number")
    if not execution.session.target.local:
        raise MissingDataError(
            "identities are made up only where the environment is local"
        )
    who, limit = person(execution, "patient", "citizen"), probe.options["limit"]
    known = [*parties(execution), *made_up_parties()]
    player = Player(execution, who, known)
    judgement = player.begin()
    if judgement.violated:
        return judgement
    try:
        return _declare_until(player, max(limit, len(player.model.active)) + _NEAR)
    finally:
        own = {party.key for party in made_up_parties()}
        for party in known:
            if party.key in own and party.key in player.model.active:
                execution.send(revocation(who, party), Purpose.RESTORE)


def _declare_until(player: Player, number: int) -> Judgement:
    """Declare party after party until so many are active, and compare when the last three are."""
    judgements: list[Judgement] = []
    steps: list[Step] = []
    for place, party in enumerate(player.parties):
        if len(player.model.active) >= number:
            break
        if party.key in player.model.active:
            continue
        steps.append(Step(Verb.DECLARE, place))
        exchange = player.talk.send(declaration(player.who, party))
        if unknown_party(exchange):
            reason = (
                "a party that nobody knows is refused (erratum 8.1.3/unknown-party)"
            )
            return merge([*judgements, Judgement(not_applicable_reason=reason)])
        player.model.declare(party.key)
        judgement = player.talk.expect(
            exchange, "2.1/several-parties", [clause("201")], steps[-1:]
        )
        near = len(player.model.active) >= number - 2 * _NEAR
        if near and not judgement.violated and not judgement.inconclusive_reason:
            listed = player.compare(steps[-1:], whole=False)
            judgement = merge([judgement, listed])
        judgements.append(judgement)
        if judgement.violated or judgement.inconclusive_reason:
            break
    return merge(judgements)


def play_long_history(execution: CaseExecution) -> Judgement:
    """Change an exclusion until the history has one entry less than the limit, as many, and one more."""
    who, known = person(execution, "patient", "citizen"), parties(execution)
    player = Player(execution, who, known)
    judgements = [player.begin()]
    if judgements[0].violated:
        return judgements[0]
    for wanted in (MOST_ENTRIES - _NEAR, MOST_ENTRIES, MOST_ENTRIES + _NEAR):
        judgements.append(_lengthen(player, wanted))
        if judgements[-1].violated or judgements[-1].inconclusive_reason:
            break
    return merge(judgements)


def _lengthen(player: Player, wanted: int) -> Judgement:
    """Change the first party until so many entries have been made, then compare the history, whole and in pages."""
    judgements = []
    step = Step(Verb.REVOKE)
    while player.entries < wanted or not player.model.changes:
        active = player.parties[0].key in player.model.active
        step = Step(Verb.REVOKE if active else Verb.DECLARE)
        judgements.append(player.change(step))
        if judgements[-1].violated or judgements[-1].inconclusive_reason:
            return merge(judgements)
    judgements.append(player.compare([step]))
    pages = (MOST_ENTRIES - _NEAR, MOST_ENTRIES)
    steps = [Step(Verb.HISTORY, page_size=size) for size in pages]
    if not judgements[-1].violated:
        judgements.append(player.play(steps, thorough=False))
    return merge(judgements)
