"""What single comparisons with the model of Therapeutic Exclusion find: who acted, order in a moment, and names."""

from typing import Any

import pytest

from conformance.model.verdict import Finding, Severity
from suites.therapeutic_exclusion_answers import bag_of
from suites.therapeutic_exclusion_authors import authored
from suites.therapeutic_exclusion_histories import ordered_in_moments
from suites.therapeutic_exclusion_lists import listed
from suites.therapeutic_exclusion_model import Change, Model, Situation
from suites.therapeutic_exclusion_names import dropped_names, invented_names, spoiled_names, spoiling
from suites.therapeutic_exclusion_requests import INVENTED_NAME, Party, Person, first_of_each_kind

PATIENT, PARENT, STRANGER = "90010199794", "64031799653", "71110599535"
DOCTOR = Party("ssin", "70020299541", "persphysician", "Müller", "Zoé")
SHOP = Party("nihii", "61234516", "orgpharmacy")
DECLARED, REVOKED = "DECLARE_EXCLUSION", "REVOKE_EXCLUSION"


def situation(*changes: tuple[str, Party, str]) -> Situation:
    """Return what the model has noted after some changes: what was done, to which party, by which role."""
    made = [Change((operation, party.key), by) for operation, party, by in changes]
    return Situation(Person(PATIENT, "citizen"), (DOCTOR, SHOP), Model({}, [], made), ())


def entry(operation: str, party: Party, *authors: str, second: int = 0) -> dict[str, Any]:
    """Return an entry of a history."""
    return {
        "author": [{"identifier": [{"type": "ssin", "value": author}]} for author in authors],
        "target": shown(party),
        "timestamp": f"2026-11-30T10:00:{second:02}+00:00",
        "operation": operation,
    }


def shown(party: Party, name: str | None = "A", first: str | None = None) -> dict[str, Any]:
    """Return a party as an answer shows it."""
    identifier = [{"type": party.kind, "value": party.number}]
    return {"identifier": identifier, "name": name, "firstName": first, "qualificationCode": party.qualification}


def weight(findings: list[Finding]) -> set[tuple[str, Severity]]:
    """Return what findings are about, and how much they weigh."""
    return {(one.requirement.partition("/")[2], one.severity) for one in findings}


AUTHOR = "5.6/author-responsible"
PARENTS_CHANGES = (DECLARED, DOCTOR, "parent"), (REVOKED, SHOP, "parent")


@pytest.mark.parametrize(
    ("changes", "rows", "found"),
    [
        ([(DECLARED, DOCTOR, "")], [entry(DECLARED, DOCTOR, PATIENT)], set()),
        ([(DECLARED, DOCTOR, "")], [entry(DECLARED, DOCTOR, PARENT)], {(AUTHOR, Severity.VIOLATION)}),
        ([(DECLARED, DOCTOR, "parent")], [entry(DECLARED, DOCTOR, PARENT)], set()),
        ([(DECLARED, DOCTOR, "parent")], [entry(DECLARED, DOCTOR, PARENT, PATIENT)], set()),
        ([(DECLARED, DOCTOR, "parent")], [entry(DECLARED, DOCTOR, PATIENT)], {(AUTHOR, Severity.OBSERVATION)}),
        ([(DECLARED, DOCTOR, "parent")], [entry(DECLARED, DOCTOR, STRANGER)], {(AUTHOR, Severity.VIOLATION)}),
        (
            PARENTS_CHANGES,
            [entry(REVOKED, SHOP, PATIENT), entry(DECLARED, DOCTOR, PARENT)],
            {(AUTHOR, Severity.VIOLATION)},
        ),
        (
            PARENTS_CHANGES,
            [entry(REVOKED, SHOP, PATIENT), entry(DECLARED, DOCTOR, PATIENT)],
            {(AUTHOR, Severity.OBSERVATION)},
        ),
        (
            [(DECLARED, SHOP, ""), (DECLARED, SHOP, "parent")],
            [entry(DECLARED, SHOP, PARENT, second=1), entry(DECLARED, SHOP, PARENT)],
            {(AUTHOR, Severity.VIOLATION)},
        ),
    ],
)
def test_entry_names_who_made_the_change(
    changes: list[tuple[str, Party, str]], rows: list[dict[str, Any]], found: set[tuple[str, Severity]]
) -> None:
    """The patient may be named for a representative, but then each time; a stranger never."""
    findings = authored(situation(*changes), rows, bag_of(rows), {"parent": PARENT})
    assert weight(findings) == found


def test_representative_whose_number_nobody_knows_is_not_missed() -> None:
    """An opaque token does not tell whose it is, so that any person may be the one."""
    rows = [entry(DECLARED, DOCTOR, STRANGER)]
    assert authored(situation((DECLARED, DOCTOR, "parent")), rows, bag_of(rows), {"parent": ""}) == []


def test_order_in_a_moment_is_observed() -> None:
    """Entries of one moment are to stand newest first, too, as far as it can be held against a service."""
    now = situation((DECLARED, DOCTOR, ""), (REVOKED, DOCTOR, ""))
    declared, revoked = entry(DECLARED, DOCTOR, PATIENT), entry(REVOKED, DOCTOR, PATIENT)
    assert list(ordered_in_moments(now, [revoked, declared])) == []
    found = list(ordered_in_moments(now, [declared, revoked]))
    assert weight(found) == {("5.6/newest-first", Severity.OBSERVATION)}
    assert (found[0].expected, found[0].actual) == (
        "REVOKE_EXCLUSION of ssin 70020299541",
        "DECLARE_EXCLUSION of ssin 70020299541",
    )


@pytest.mark.parametrize(
    ("shown", "how"),
    [
        ("Müller", ""),
        ("MÜLLER", ""),
        ("Muller", ""),
        ("Weber", ""),
        ("MÃ¼ller", "its UTF-8 was read as another encoding"),
        ("Mller", "letters outside ASCII are left out"),
        ("M?ller", "letters outside ASCII are replaced"),
        ("M\N{REPLACEMENT CHARACTER}ller", "letters outside ASCII are replaced"),
        ("M&#252;ller", "letters outside ASCII are shown as escapes"),
        ("M\\u00fcller", "letters outside ASCII are shown as escapes"),
        ("M%C3%BCller", "letters outside ASCII are shown as escapes"),
    ],
)
def test_spoiled_letters_are_told_from_another_name(shown: str, how: str) -> None:
    """What an encoding does to a name is a fault; another name may be a mistake of the target file."""
    assert spoiling("Müller", shown) == how


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Mu\N{COMBINING DIAERESIS}ller", set()),
        ("M?ller", {("5.3/practitioner-names", Severity.VIOLATION)}),
        ("Weber", {("5.3/practitioner-names", Severity.OBSERVATION)}),
        (None, set()),
    ],
)
def test_names_are_held_against_those_of_the_target(name: str | None, found: set[tuple[str, Severity]]) -> None:
    """The target file may tell the names that the authentic source has."""
    assert weight(list(spoiled_names(situation(), shown(DOCTOR, name)))) == found


def test_unknown_name_that_looks_spoiled_is_observed() -> None:
    """Nobody knows what the authentic source has; it may be spoiled there."""
    found = list(spoiled_names(situation(), shown(SHOP, "Pharmacie de l'Ã‰toile")))
    assert weight(found) == {("5.3/organisation-name", Severity.OBSERVATION)}


@pytest.mark.parametrize(
    ("parties", "found"),
    [
        ([shown(DOCTOR, "Müller", "Zoé"), shown(SHOP)], set()),
        ([shown(DOCTOR, None), shown(SHOP, None)], set()),
        ([shown(DOCTOR, None), shown(SHOP)], {("5.3/practitioner-names", Severity.OBSERVATION)}),
        ([shown(DOCTOR, "Müller", "Zoé"), shown(SHOP, None)], {("5.3/organisation-name", Severity.OBSERVATION)}),
        ([shown(DOCTOR, "Müller")], {("5.3/practitioner-names", Severity.OBSERVATION)}),
    ],
)
def test_names_dropped_for_one_kind_are_observed(
    parties: list[dict[str, Any]], found: set[tuple[str, Severity]]
) -> None:
    """Where no names are shown at all, the authentic source may have nothing to tell."""
    assert weight(list(dropped_names(situation(), parties))) == found


def test_invented_name_is_told_by_the_kind_of_its_party() -> None:
    """The names of persons and of organisations are two rules."""
    assert [one.requirement.partition("/")[2] for one in invented_names(situation(), shown(SHOP, INVENTED_NAME))] == [
        "5.3/organisation-name"
    ]


def test_list_shows_its_names_to_these_checks() -> None:
    """A consultation's parties are looked at one by one."""
    row = {"patient": {"identifier": [{"type": "ssin", "value": PATIENT}]}, "hcParty": shown(DOCTOR, "MÃ¼ller", "Zoé")}
    judgement = listed(situation(), [row], [DOCTOR.key], "5.5/all")
    assert weight(list(judgement.findings)) == {("5.3/practitioner-names", Severity.VIOLATION)}


def test_first_of_each_kind_are_found_whatever_their_order() -> None:
    """A target may have one practitioner and one pharmacy, or several of one kind alone."""
    assert first_of_each_kind([DOCTOR, DOCTOR, SHOP]) == (0, 2)
    assert first_of_each_kind([SHOP, SHOP]) == (0,)
