"""Therapeutic Exclusion: the four cases of section 7.2, every error code for its own reason, and sequences.

Whatever the cases do, the patient's active exclusions are restored at the end, after Ctrl-C too.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

import pytest

from conformance.engine.campaign import Campaign
from conformance.engine.execution import CaseExecution, Procedure
from conformance.engine.probes.search import distinct
from conformance.model.case import Case, Scripted
from conformance.model.errors import ConformanceError, MissingDataError
from conformance.model.verdict import Judgement, merge
from conformance.plugin import Verify

from .therapeutic_exclusion_births import play_births
from .therapeutic_exclusion_callers import play_callers
from .therapeutic_exclusion_conversation import Blocked, clear, send_or_block
from .therapeutic_exclusion_forms import play_forms
from .therapeutic_exclusion_keeper import Keeper, own_case
from .therapeutic_exclusion_letters import play_letters
from .therapeutic_exclusion_limits import play_long_history, play_many_parties
from .therapeutic_exclusion_moments import play_equal_changes
from .therapeutic_exclusion_people import play_representatives, play_two_patients
from .therapeutic_exclusion_player import Player
from .therapeutic_exclusion_requests import (
    SERVICE,
    declaration,
    parties,
    person,
    revocation,
)
from .therapeutic_exclusion_sequences import play_across_seconds, play_sequences

pytestmark = pytest.mark.service(SERVICE)


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
        clear(execution, revocation(who, practitioner))
        request = declaration(who, replace(practitioner, qualification=code))
        exchange = send_or_block(execution, request)
        judgements.append(execution.oracle.judge(exchange, execution.case))
        if judgements[-1].violated or judgements[-1].inconclusive_reason:
            break
    return merge(judgements)


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
    "refused-callers": unless_blocked(play_callers),
    "forms": unless_blocked(play_forms),
    "equal-changes": unless_blocked(play_equal_changes),
    "many-parties": unless_blocked(play_many_parties),
    "long-history": unless_blocked(play_long_history),
    "letters": unless_blocked(play_letters),
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
                restored = keeper.restore()
            if restored:
                campaign.note(f"{SERVICE}: {whose}{restored}")
        except (Blocked, ConformanceError) as obstacle:
            campaign.note(
                f"{SERVICE}: {whose}the active exclusions could NOT be restored: {obstacle}"
            )


def test_case(case: Case, verify: Verify) -> None:
    """One case of specs/therapeutic-exclusion/*/cases.yaml; its verdict is the test's outcome."""
    verify(case, PROCEDURES.get(case.procedure or ""))
