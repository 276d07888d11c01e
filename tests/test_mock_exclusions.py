"""Tests of the exclusions' state, without HTTP, and against a far simpler model."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.mock.exclusions import (
    HISTORY_LIMIT,
    ORGANISATION,
    PRACTITIONERS,
    AlreadyExcludedError,
    Author,
    ChangeOperation,
    Exclusions,
    NotExcludedError,
    Party,
    PartyIdentity,
    Scheme,
    published_name,
    qualifies,
    rules_without,
)

START = datetime(2026, 3, 24, 12, tzinfo=UTC)
PATIENT, OTHER = "90010199794", "85061599690"
PHYSICIAN = Party(PartyIdentity(Scheme.SSIN, "70020299541"), "persphysician")
NURSE = Party(PartyIdentity(Scheme.SSIN, "77082499654"), "persnurse")
PHARMACY = Party(PartyIdentity(Scheme.NIHII, "61234516"), ORGANISATION)
PARTIES = (PHYSICIAN, NURSE, PHARMACY)
AUTHOR = Author("some-application", PATIENT)


class Clock:
    """A clock that shows what it is set to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def exclusions() -> Exclusions:
    """Return the state of a service in which nothing has happened."""
    return Exclusions(Clock())


def test_a_declared_party_is_excluded_until_it_is_revoked(exclusions: Exclusions) -> None:
    """Declaring and revoking are each other's opposite."""
    exclusions.declare(PATIENT, PHYSICIAN, AUTHOR)
    assert exclusions.active(PATIENT) == (PHYSICIAN,)
    exclusions.revoke(PATIENT, PHYSICIAN.identity, AUTHOR)
    assert exclusions.active(PATIENT) == ()
    exclusions.declare(PATIENT, PHYSICIAN, AUTHOR)
    assert exclusions.active(PATIENT) == (PHYSICIAN,)


def test_a_practitioner_excluded_in_one_profession_is_excluded_in_all(exclusions: Exclusions) -> None:
    """A second profession of an excluded practitioner is a conflict, and the first one stands."""
    exclusions.declare(PATIENT, PHYSICIAN, AUTHOR)
    with pytest.raises(AlreadyExcludedError):
        exclusions.declare(PATIENT, Party(PHYSICIAN.identity, "persdentist"), AUTHOR)
    assert exclusions.active(PATIENT) == (PHYSICIAN,)
    assert len(exclusions.history(PATIENT)) == 1


def test_what_is_not_excluded_cannot_be_revoked(exclusions: Exclusions) -> None:
    """A revocation without an exclusion leaves no trace."""
    with pytest.raises(NotExcludedError):
        exclusions.revoke(PATIENT, PHYSICIAN.identity, AUTHOR)
    assert exclusions.history(PATIENT) == ()


def test_patients_share_nothing(exclusions: Exclusions) -> None:
    """One party can be excluded by several patients, each of whom sees only what is his own."""
    exclusions.declare(PATIENT, PHYSICIAN, AUTHOR)
    assert exclusions.active(OTHER) == ()
    exclusions.declare(OTHER, PHYSICIAN, AUTHOR)
    exclusions.revoke(PATIENT, PHYSICIAN.identity, AUTHOR)
    assert exclusions.active(OTHER) == (PHYSICIAN,)
    assert [change.operation for change in exclusions.history(OTHER)] == [ChangeOperation.DECLARE]


def test_a_filter_gives_one_party_or_none(exclusions: Exclusions) -> None:
    """A consultation for one party ignores all others."""
    exclusions.declare(PATIENT, PHYSICIAN, AUTHOR)
    exclusions.declare(PATIENT, PHARMACY, AUTHOR)
    assert exclusions.active(PATIENT, PHARMACY.identity) == (PHARMACY,)
    assert exclusions.active(PATIENT, NURSE.identity) == ()


def test_history_is_newest_first_even_if_the_clock_is_set_back() -> None:
    """Entries stand in descending chronological order whatever the clock does."""
    clock = Clock()
    exclusions = Exclusions(clock)
    for minutes, party in ((5, PHYSICIAN), (3, NURSE), (9, PHARMACY)):
        clock.now = START + timedelta(minutes=minutes)
        exclusions.declare(PATIENT, party, AUTHOR)
    assert [change.party for change in exclusions.history(PATIENT)] == [PHARMACY, NURSE, PHYSICIAN]
    minutes_shown = [(change.moment - START).seconds // 60 for change in exclusions.history(PATIENT)]
    assert minutes_shown == [9, 5, 5]


def test_history_ends_at_its_limit(exclusions: Exclusions) -> None:
    """The oldest entries beyond 1,500 are not shown, whatever the page size."""
    for _ in range(HISTORY_LIMIT // 2 + 1):
        exclusions.declare(PATIENT, PHYSICIAN, AUTHOR)
        exclusions.revoke(PATIENT, PHYSICIAN.identity, AUTHOR)
    assert len(exclusions.history(PATIENT)) == HISTORY_LIMIT
    assert len(exclusions.history(PATIENT, HISTORY_LIMIT + 5)) == HISTORY_LIMIT
    assert exclusions.history(PATIENT, 1)[0].operation is ChangeOperation.REVOKE


@given(st.lists(st.tuples(st.sampled_from((PATIENT, OTHER)), st.booleans(), st.sampled_from(PARTIES))))
def test_any_sequence_agrees_with_a_set(steps: list[tuple[str, bool, Party]]) -> None:
    """After any steps the active parties are those of a plain set, and the history is the steps that succeeded."""
    exclusions = Exclusions(Clock())
    active: set[tuple[str, Party]] = set()
    done: list[tuple[str, ChangeOperation, Party]] = []
    for patient, declares, party in steps:
        possible = ((patient, party) in active) != declares
        try:
            if declares:
                exclusions.declare(patient, party, AUTHOR)
            else:
                exclusions.revoke(patient, party.identity, AUTHOR)
        except (AlreadyExcludedError, NotExcludedError):
            assert not possible
        else:
            assert possible
            active ^= {(patient, party)}
            done.append((patient, ChangeOperation.DECLARE if declares else ChangeOperation.REVOKE, party))
    for patient in (PATIENT, OTHER):
        assert set(exclusions.active(patient)) == {party for who, party in active if who == patient}
        changes = [(patient, change.operation, change.party) for change in exclusions.history(patient)]
        assert changes == [step for step in reversed(done) if step[0] == patient]


@pytest.mark.parametrize("party", PARTIES, ids=lambda party: party.qualification)
def test_names_are_published_and_constant(party: Party) -> None:
    """Each party has one name; only a practitioner has a first name."""
    name = published_name(party.identity)
    assert name.name
    assert bool(name.first_name) == (party.identity.scheme is Scheme.SSIN)
    assert published_name(party.identity) == name


def test_qualifications_fit_one_kind_of_party() -> None:
    """The 24 professions are for practitioners, the pharmacy is for organisations, and nothing else is for any."""
    assert len(PRACTITIONERS) == 24
    assert all(qualifies(code, Scheme.SSIN) and not qualifies(code, Scheme.NIHII) for code in PRACTITIONERS)
    assert qualifies(ORGANISATION, Scheme.NIHII)
    assert not qualifies(ORGANISATION, Scheme.SSIN)
    assert not any(qualifies(code, scheme) for scheme in Scheme for code in ("", "patient", "PERSPHYSICIAN"))


# ------------------------------------------------------------------------------------------- rules that are left out


def without(check: str) -> Exclusions:
    """Return the state of a service that leaves out a check."""
    return Exclusions(Clock(), rules_without(["authentic-names", check]))


def change(state: Exclusions, number: int) -> None:
    """Declare and revoke in turn, so many times in all."""
    for turn in range(number):
        if turn % 2:
            state.revoke(PATIENT, PHYSICIAN.identity, AUTHOR)
        else:
            state.declare(PATIENT, PHYSICIAN, AUTHOR)


def test_no_number_of_parties_is_too_many(exclusions: Exclusions) -> None:
    """A patient excludes as many as there are; a faulty service lets the first one go."""
    faulty = without("any-number-of-parties")
    for number in range(11):
        party = Party(PartyIdentity(Scheme.SSIN, str(number)), "persnurse")
        exclusions.declare(PATIENT, party, AUTHOR)
        faulty.declare(PATIENT, party, AUTHOR)
    assert len(exclusions.active(PATIENT)) == 11
    assert [party.identity.value for party in faulty.active(PATIENT)] == [str(number) for number in range(1, 11)]


def test_history_has_a_limit_unless_a_fault_has_it_otherwise(exclusions: Exclusions) -> None:
    """The newest entries stay; a faulty service shows all, or keeps the oldest."""
    endless, stubborn = without("history-limit"), without("newest-entries-stay")
    for state in (exclusions, endless, stubborn):
        change(state, HISTORY_LIMIT + 1)
    lengths = [len(state.history(PATIENT)) for state in (exclusions, endless, stubborn)]
    assert lengths == [HISTORY_LIMIT, HISTORY_LIMIT + 1, HISTORY_LIMIT]
    newest = [state.history(PATIENT)[0].operation for state in (exclusions, stubborn)]
    assert newest == [ChangeOperation.DECLARE, ChangeOperation.REVOKE]


def test_entries_of_one_second_stand_newest_first(exclusions: Exclusions) -> None:
    """A faulty service shows them in the order in which they were made, below those of later seconds."""
    faulty = without("newest-first-in-a-second")
    for state in (exclusions, faulty):
        change(state, 2)
    told = [[entry.operation for entry in state.history(PATIENT)] for state in (exclusions, faulty)]
    assert told == [
        [ChangeOperation.REVOKE, ChangeOperation.DECLARE],
        [ChangeOperation.DECLARE, ChangeOperation.REVOKE],
    ]


def test_two_changes_at_once_are_made_one_after_the_other(exclusions: Exclusions) -> None:
    """Whatever was seen before; a faulty service makes both, or records both."""
    careful, recording, hasty = exclusions, without("entries-in-turn"), without("declarations-in-turn")
    for state in (careful, recording, hasty):
        state.declare(PATIENT, PHYSICIAN, AUTHOR, ())
    hasty.declare(PATIENT, PHYSICIAN, AUTHOR, ())
    for state in (careful, recording):
        with pytest.raises(AlreadyExcludedError):
            state.declare(PATIENT, PHYSICIAN, AUTHOR, ())
    assert [len(state.history(PATIENT)) for state in (careful, recording, hasty)] == [1, 2, 2]
    late = without("revocations-in-turn")
    late.revoke(PATIENT, PHYSICIAN.identity, AUTHOR, (PHYSICIAN,))
    with pytest.raises(NotExcludedError):
        exclusions.revoke(OTHER, PHYSICIAN.identity, AUTHOR, (PHYSICIAN,))
