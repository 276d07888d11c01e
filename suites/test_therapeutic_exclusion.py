"""Therapeutic Exclusion: the four cases of section 7.2, every error code for its own reason, and sequences.

Whatever the cases do, the patient's active exclusions are restored at the end, after Ctrl-C too.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import strategies as st

from conformance.engine.campaign import Campaign
from conformance.engine.execution import CaseExecution, Procedure
from conformance.engine.search import distinct
from conformance.model.case import Case, Scripted, Template
from conformance.model.errors import ConformanceError, MissingDataError
from conformance.model.exchange import Exchange, Purpose
from conformance.model.verdict import Judgement, merge
from conformance.plugin import Verify

from .therapeutic_exclusion_answers import is_absent
from .therapeutic_exclusion_births import play_births
from .therapeutic_exclusion_conversation import Blocked
from .therapeutic_exclusion_keeper import Keeper, own_case
from .therapeutic_exclusion_model import MOST_ENTRIES
from .therapeutic_exclusion_player import Player
from .therapeutic_exclusion_requests import (
    SERVICE,
    declaration,
    parties,
    person,
    revocation,
)
from .therapeutic_exclusion_steps import Step, Verb

pytestmark = pytest.mark.service(SERVICE)

LONGEST_SEQUENCE = 8
_SUCCESS = 2
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
    (
        Step(REVOKE, 0),
        Step(Verb.DECLARE_NAMED, 0),
        Step(CONSULT, 0),
        Step(REVOKE, 2),
        Step(Verb.DECLARE_NAMED, 2),
        Step(CONSULT, 2),
    ),
)
"""Every kind of step after every kind of state, tried before any sequence is drawn; the first changes nothing."""

ACROSS_SECONDS = (Step(DECLARE, 1), Step(Verb.WAIT), Step(REVOKE, 1))
"""Two changes that a clock of whole seconds tells apart."""

STEPS = st.one_of(
    st.builds(Step, st.sampled_from([DECLARE, REVOKE, CONSULT]), st.integers(0, 2)),
    st.builds(Step, st.just(HISTORY), st.just(0), st.integers(0, 12)),
)


def play_sequences(execution: CaseExecution) -> Judgement:
    """Play the fixed sequences and drawn ones, each from the state that the one before has left."""
    judgements = []
    attempt = partial(_attempt, execution)
    for steps in FIXED_SEQUENCES:
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


def play_as_found(execution: CaseExecution) -> Judgement:
    """Read exclusions and history before anything is changed, when a fresh service has none."""
    player = Player(
        execution, person(execution, "patient", "citizen"), parties(execution)
    )
    told = player.begin()
    if told.violated:
        return told
    found = {"5.5": player.model.active, "5.6": player.model.past}
    rules = (
        f"{SERVICE}/{section}/{'success' if rows else 'not-found'}"
        for section, rows in found.items()
    )
    return Judgement(evaluated=Counter(rules))


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
    for role in roles:
        judgements.append(
            execution.reduce(
                _represented(role), partial(_attempt_represented, execution, role)
            )
        )
        if judgements[-1].violated or judgements[-1].inconclusive_reason:
            break
    return merge(judgements)


def _represented(role: str) -> tuple[Step, ...]:
    """Return steps by which a patient and a representative each revoke what the other has declared."""
    return (
        Step(REVOKE, 0),
        Step(REVOKE, 1),
        Step(DECLARE, 0),
        Step(REVOKE, 0, by=role),
        Step(DECLARE, 1, by=role),
        Step(REVOKE, 1),
    )


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


def play_professions(execution: CaseExecution) -> Judgement:
    """Declare the first practitioner under each listed code; outside local under the target's own one only."""
    who, known = person(execution, "patient", "citizen"), parties(execution)
    practitioner = next((party for party in known if party.kind == "ssin"), None)
    if practitioner is None:
        raise MissingDataError("the target gives no data.practitioners")
    probe = execution.case.probe
    codes = [practitioner.qualification]
    if execution.session.target.local and isinstance(probe, Scripted):
        codes = probe.options["codes"]
    judgements = []
    for code in codes:
        _clean_up(execution, revocation(who, practitioner))
        request = declaration(who, replace(practitioner, qualification=code))
        exchange = execution.send(request)
        if execution.refused(request, exchange):
            raise Blocked(f"the token {who.token!r} was refused")
        judgements.append(execution.oracle.judge(exchange, execution.case))
        if judgements[-1].violated or judgements[-1].inconclusive_reason:
            break
    return merge(judgements)


def _clean_up(execution: CaseExecution, request: Template) -> None:
    """Revoke what may be active; raises Blocked where it cannot be told that nothing is any more."""
    exchange = execution.send(request, Purpose.CONTROL)
    response = exchange.response
    if not is_absent(exchange) and (
        response is None or response.status // 100 != _SUCCESS
    ):
        raise Blocked(
            f"the revocation before was not served: {response.status if response else 'no answer'}"
        )


def unless_blocked(procedure: Procedure) -> Procedure:
    """Return a procedure that is inconclusive where the service's state cannot be learnt."""

    def guarded(execution: CaseExecution) -> Judgement:
        try:
            return distinct(procedure(execution))
        except Blocked as obstacle:
            return Judgement(inconclusive_reason=str(obstacle))

    return guarded


PROCEDURES: Mapping[str, Procedure] = {
    "as-found": unless_blocked(play_as_found),
    "sequences": unless_blocked(play_sequences),
    "across-seconds": unless_blocked(play_across_seconds),
    "two-patients": unless_blocked(play_two_patients),
    "representatives": unless_blocked(play_representatives),
    "professions": unless_blocked(play_professions),
    "births": unless_blocked(play_births),
}


@pytest.fixture(scope="module", autouse=True)
def _restored(campaign: Campaign) -> Iterator[None]:
    """Restore both patients' active exclusions when the module's cases are done, failed or interrupted."""
    execution = campaign.runner(SERVICE).execution(own_case(f"{SERVICE}/7.2/restoring"))
    keepers: list[tuple[str, Keeper]] = []
    with suppress(Blocked, ConformanceError):
        for whose, data, token in (
            ("", "patient", "citizen"),
            ("the other patient: ", "other_patient", "other_citizen"),
        ):
            keeper = Keeper(execution, person(execution, data, token))
            with campaign.alone(SERVICE):
                keeper.recall(campaign.shared(f"{SERVICE}-{data}", keeper.remembered))
            keepers.append((whose, keeper))
    yield
    for whose, keeper in keepers:
        try:
            with campaign.alone(SERVICE):
                campaign.note(f"{SERVICE}: {whose}{keeper.restore()}")
        except (Blocked, ConformanceError) as obstacle:
            campaign.note(
                f"{SERVICE}: {whose}the active exclusions could NOT be restored: {obstacle}"
            )


def test_case(case: Case, verify: Verify) -> None:
    """One case of specs/therapeutic-exclusion/*/cases.yaml; its verdict is the test's outcome."""
    verify(case, PROCEDURES.get(case.procedure or ""))
