"""Who made a change: the number that a token names, and whether the entries of a history name the right one.

An entry names who is responsible for the change (section 5.6). Of a representative's change the patient may be named
in the representative's place (erratum 5.6/author-codes), but then of each such change, whatever it does and to whom.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.checks.problem import show
from conformance.credentials.jwt_claims import claims
from conformance.engine.execution import CaseExecution
from conformance.model.verdict import Finding

from .therapeutic_exclusion_answers import Entry, authors, entry_of
from .therapeutic_exclusion_model import MOST_ENTRIES, Situation, What

_RULE = "5.6/author-responsible"
_PATIENT = ""
"""The role of who makes a change in person."""


def number_in_token(execution: CaseExecution, role: str) -> str:
    """Return the number of the person who holds a role's token, "" where the token cannot be read."""
    told = claims(execution.session.requests.token(role)) or {}
    profile = told.get("userProfile")
    inside = profile.get("ssin") if isinstance(profile, dict) else None
    number = told.get("ssin") or inside
    return number if isinstance(number, str) else ""


@dataclass(frozen=True, slots=True)
class _Alike:
    """The changes of one kind to one party by role, and whom the new entries of that kind name, newest first."""

    made: Counter[str]
    named: Sequence[frozenset[str]]

    def naming(self, number: str) -> int:
        """Return how many entries name a person."""
        return sum(number in names for names in self.named)


def authored(
    situation: Situation,
    rows: Sequence[Any],
    bag: Counter[Entry],
    actors: Mapping[str, str],
) -> list[Finding]:
    """Check that each new entry names who made the change; `actors` are the persons' numbers by role, "" if unknown."""
    known = {_PATIENT: situation.who.ssin, **actors}
    groups = _groups(situation, rows, bag)
    wrong = [one for group in groups for one in _unnamed(situation, group, known)]
    return wrong[:1] or list(_in_the_patients_name(situation, groups, known))


def _groups(
    situation: Situation, rows: Sequence[Any], bag: Counter[Entry]
) -> list[_Alike]:
    """Return new entries and changes, put together by what was changed."""
    fresh = bag - situation.model.kept(MOST_ENTRIES)
    named: dict[What, list[frozenset[str]]] = {}
    for row in rows:
        entry = entry_of(row)
        if fresh[entry] > 0:
            fresh[entry] -= 1
            for key in situation.own_first(entry[2]):
                named.setdefault((entry[0], key), []).append(frozenset(authors(row)))
    made: dict[What, Counter[str]] = {}
    for change in situation.model.shown:
        made.setdefault(change.what, Counter())[change.by] += 1
    return [_Alike(made[what], names) for what, names in named.items() if what in made]


def _unnamed(
    situation: Situation, group: _Alike, known: Mapping[str, str]
) -> Iterator[Finding]:
    """Yield that fewer entries name a person than the person has made changes, or that one names a stranger."""
    patient = known[_PATIENT]
    spare = group.naming(patient) - group.made[_PATIENT]
    for role, number in known.items():
        lacking = group.made[role] - group.naming(number) if number else 0
        instead = role != _PATIENT and lacking <= spare
        if lacking > 0 and not instead:
            yield _not_named(situation, group, number)
    welcome = {known.get(role, "") for role in group.made} | {patient}
    if "" not in welcome:
        for names in group.named:
            if names.isdisjoint(welcome):
                yield _not_named(situation, group, " or ".join(sorted(welcome)))


def _not_named(situation: Situation, group: _Alike, number: str) -> Finding:
    others = next((names for names in group.named if number not in names), frozenset())
    message = "no author of an entry is the person who made the change"
    return situation.finding(_RULE, message, number, show(sorted(others)))


def _in_the_patients_name(
    situation: Situation, groups: Sequence[_Alike], known: Mapping[str, str]
) -> Iterator[Finding]:
    """Yield that entries name the patient in a representative's place: of some changes only, or of all."""
    for role, number in known.items():
        acted = [group for group in groups if number and group.made[role]]
        if role == _PATIENT or not acted:
            continue
        own = [group for group in acted if group.naming(number) >= group.made[role]]
        if len(own) < len(acted):
            yield _told_otherwise(situation, role, number, mixed=bool(own))


def _told_otherwise(
    situation: Situation, role: str, number: str, *, mixed: bool
) -> Finding:
    patient = situation.who.ssin
    if mixed:
        message = f"some entries of changes by a {role} name the {role}, others the patient alone"
        return situation.finding(_RULE, message, number, patient)
    message = f"the entries of changes by a {role} name the patient, and not the {role}"
    return situation.observation(
        _RULE, f"{message} (erratum 5.6/author-codes)", number, patient
    )
