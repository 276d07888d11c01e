"""The therapeutic exclusions of fictitious patients: who is excluded now, and how that came about.

Source: Therapeutic Exclusion cookbook 1.2, sections 2.1 and 5.3 to 5.6. Must not know HTTP, nor judge
whether an identifier is valid or who may act for a patient.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from types import MappingProxyType

HISTORY_LIMIT = 1500
"""The most entries that a consultation of the history returns (section 5.6)."""

ORGANISATION = "orgpharmacy"
"""The only KMEHR code of an organisation that can be excluded."""

PRACTITIONERS = frozenset(
    {
        "persaudician",
        "persaudiologist",
        "persbandagistorthosiologist",
        "persbiologist",
        "persclinicalorthopedagogue",
        "persclinicalpsychologist",
        "persdentist",
        "persdietician",
        "perslogopedist",
        "persmidwife",
        "persmobilityimprover",
        "persnurse",
        "persoccupationaltherapist",
        "persoptometrist",
        "persordentalhygienist",
        "persorthoptist",
        "persphysician",
        "persphysiotherapist",
        "perspodologist",
        "perspracticalnurse",
        "persprosthesiologist",
        "persshoetechnologist",
        "perstechnician",
        "perstrussmaker",
    }
)
"""The KMEHR codes (CD-HCPARTY) of the practitioners that can be excluded, as section 2.1 prints them."""

_FAMILY_NAMES = (
    "Zilverberk",
    "Morgenwald",
    "Noirfontaine",
    "Kaasjäger",
    "Belleroche",
    "Windhoven",
    "Lunévray",
)
_FIRST_NAMES = ("Odilon", "Liesbrecht", "Fantine", "Joël", "Emmerence", "Wannes")
_PHARMACIES = (
    "Apotheek De Gulden Vijzel",
    "Pharmacie de l'Étoile Bleue",
    "Apotheke Zum Mondstein",
)


class Scheme(Enum):
    """What kind of number identifies a party: a practitioner has an SSIN, an organisation a NIHII."""

    SSIN = "ssin"
    NIHII = "nihii"


class ChangeOperation(Enum):
    """A change, in the history's own words."""

    DECLARE = "DECLARE_EXCLUSION"
    REVOKE = "REVOKE_EXCLUSION"


@dataclass(frozen=True, slots=True)
class PartyIdentity:
    """What tells one healthcare party from another; a practitioner's professions are no part of it."""

    scheme: Scheme
    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """A party's name as the authentic source publishes it; an organisation has no first name."""

    name: str
    first_name: str | None


@dataclass(frozen=True, slots=True)
class Party:
    """A healthcare party in the profession it was excluded for, and the name that the declaration gave, if any."""

    identity: PartyIdentity
    qualification: str
    given: Name | None = None


@dataclass(frozen=True, slots=True)
class Author:
    """Who made a change: a person, by the application used."""

    application: str
    ssin: str


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """One entry of a patient's history; two that look alike are still two."""

    author: Author
    party: Party
    moment: datetime
    operation: ChangeOperation


class AlreadyExcludedError(Exception):
    """The patient has excluded the party already, for whichever profession."""


class NotExcludedError(Exception):
    """The patient has no such exclusion to revoke."""


@dataclass(frozen=True, slots=True)
class ExclusionRules:
    """What the state keeps to, as the cookbook has it; a seeded fault changes one rule.

    `most_active` is how many parties a patient can exclude at a time, None for any number (2.1); `most_entries` how
    many a history shows, None for all (5.6); `newest_stay` tells that a full history loses its oldest entry;
    `newest_first` that changes of one second stand in descending order. `together` are the operations of which two that
    come at the same moment are both made, as if neither knew of the other; with `recorded_twice` one of two
    declarations is refused, and both are recorded.
    """

    most_active: int | None = None
    most_entries: int | None = HISTORY_LIMIT
    newest_stay: bool = True
    newest_first: bool = True
    together: frozenset[ChangeOperation] = frozenset()
    recorded_twice: bool = False

    @property
    def hesitates(self) -> bool:
        """Tell whether time passes between the look at the state and the change of it."""
        return bool(self.together) or self.recorded_twice


RULES: Mapping[str, ExclusionRules] = MappingProxyType(
    {
        "any-number-of-parties": ExclusionRules(most_active=10),
        "history-limit": ExclusionRules(most_entries=None),
        "newest-entries-stay": ExclusionRules(newest_stay=False),
        "newest-first-in-a-second": ExclusionRules(newest_first=False),
        "declarations-in-turn": ExclusionRules(
            together=frozenset({ChangeOperation.DECLARE})
        ),
        "revocations-in-turn": ExclusionRules(
            together=frozenset({ChangeOperation.REVOKE})
        ),
        "entries-in-turn": ExclusionRules(recorded_twice=True),
    }
)
"""The checks of the state that a seeded fault can leave out, and the rules that hold without each."""


def rules_without(checks: Iterable[str]) -> ExclusionRules:
    """Return the rules that hold where checks are left out, of which the first one that is known counts."""
    return next((RULES[name] for name in checks if name in RULES), ExclusionRules())


@dataclass(slots=True)
class Exclusions:
    """The exclusions of all patients and their histories; `clock` gives the time of each change, in UTC.

    No method waits for anything, so on one event loop each is atomic.
    """

    clock: Callable[[], datetime]
    rules: ExclusionRules = ExclusionRules()
    _active: dict[str, dict[PartyIdentity, Party]] = field(default_factory=dict)
    _histories: dict[str, deque[Change]] = field(default_factory=dict)

    def declare(
        self,
        patient: str,
        party: Party,
        author: Author,
        seen: tuple[Party, ...] | None = None,
    ) -> None:
        """Exclude a party; raises AlreadyExcludedError.

        `seen` is what was active when the request came, None where that does not matter.
        """
        active = self._active.setdefault(patient, {})
        late = seen == () and party.identity in active
        if late and self.rules.recorded_twice:
            self._record(patient, party, author, ChangeOperation.DECLARE)
        overlooked = late and ChangeOperation.DECLARE in self.rules.together
        if party.identity in active and not overlooked:
            raise AlreadyExcludedError
        if self.rules.most_active is not None and len(active) >= self.rules.most_active:
            del active[next(iter(active))]
        active[party.identity] = party
        self._record(patient, party, author, ChangeOperation.DECLARE)

    def revoke(
        self,
        patient: str,
        identity: PartyIdentity,
        author: Author,
        seen: tuple[Party, ...] | None = None,
    ) -> None:
        """End the exclusion of a party; raises NotExcludedError. `seen` is as with a declaration."""
        party = self._active.get(patient, {}).pop(identity, None)
        if party is None and seen and ChangeOperation.REVOKE in self.rules.together:
            party = seen[0]
        if party is None:
            raise NotExcludedError
        self._record(patient, party, author, ChangeOperation.REVOKE)

    def active(
        self, patient: str, identity: PartyIdentity | None = None
    ) -> tuple[Party, ...]:
        """Return the parties that a patient excludes now, oldest first, or only the one of an identity."""
        parties = self._active.get(patient, {})
        if identity is None:
            return tuple(parties.values())
        return (parties[identity],) if identity in parties else ()

    def history(self, patient: str, page_size: int | None = None) -> tuple[Change, ...]:
        """Return a patient's latest changes, newest first, as many as `page_size` and the limit allow."""
        changes = tuple(self._histories.get(patient, ()))
        if not self.rules.newest_first:
            changes = _oldest_first_in_a_second(changes)
        return changes[: self.rules.most_entries if page_size is None else page_size]

    def _record(
        self, patient: str, party: Party, author: Author, operation: ChangeOperation
    ) -> None:
        limit = self.rules.most_entries
        changes = self._histories.setdefault(patient, deque(maxlen=limit))
        if len(changes) == limit and not self.rules.newest_stay:
            return
        # A clock that is set back must not put the history out of its order.
        moment = max(self.clock(), changes[0].moment) if changes else self.clock()
        changes.appendleft(Change(author, party, moment, operation))


def _oldest_first_in_a_second(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Return changes in descending order of their seconds, those of one second as they were made."""
    oldest_first = reversed(changes)
    newest = sorted(
        oldest_first, key=lambda one: one.moment.replace(microsecond=0), reverse=True
    )
    return tuple(newest)


def published_name(identity: PartyIdentity) -> Name:
    """Return the name under which the fictitious authentic source knows a party: the same at each call."""
    number = int(identity.value)
    if identity.scheme is Scheme.NIHII:
        return Name(_PHARMACIES[number % len(_PHARMACIES)], None)
    return Name(
        _FAMILY_NAMES[number % len(_FAMILY_NAMES)],
        _FIRST_NAMES[number % len(_FIRST_NAMES)],
    )


def qualifies(qualification: str, scheme: Scheme) -> bool:
    """Tell whether a KMEHR code is one of those that a party identified like that can be excluded for."""
    return (
        qualification in PRACTITIONERS
        if scheme is Scheme.SSIN
        else qualification == ORGANISATION
    )
