"""What a Therapeutic Exclusion service should hold of one patient, and how it is compared with what one answers.

Must not know any implementation: it says what the cookbook says (chapters 2.1, 5, 8).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.model.verdict import Finding, Severity

from .therapeutic_exclusion_answers import Entry, bag_of, identifiers
from .therapeutic_exclusion_requests import SERVICE, Key, Party, Person
from .therapeutic_exclusion_steps import CHANGING, Step, told

MOST_ENTRIES = 1500
"""The most entries of a history without pageSize (section 5.6)."""


What = tuple[str, Key]
"""What a change does, in the history's own word, and to which party."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change that was made: what it did, and by the token of which representative ("": the patient)."""

    what: What
    by: str = ""


@dataclass(slots=True)
class Model:
    """What the service should hold of one patient: active parties, and the changes made since it began."""

    active: dict[Key, Mapping[str, Any]]
    past: list[Mapping[str, Any]]
    changes: list[Change] = field(default_factory=list)
    _kept: tuple[int, "Counter[Entry]"] | None = None

    def kept(self, number: int) -> "Counter[Entry]":
        """Return the newest entries of the past, so many at most, as a bag."""
        number = min(number, len(self.past))
        if self._kept is None or self._kept[0] != number:
            self._kept = number, bag_of(self.past[:number])
        return self._kept[1]

    @property
    def shown(self) -> list[Change]:
        """Return the changes that a whole history shows, which has so many entries at most (5.6)."""
        return self.changes[-MOST_ENTRIES:]

    def declare(self, key: Key, by: str = "") -> bool:
        """Note a declaration and tell whether it succeeds."""
        if key in self.active:
            return False
        self.active[key] = {}
        self.changes.append(Change(("DECLARE_EXCLUSION", key), by))
        return True

    def revoke(self, key: Key, by: str = "") -> bool:
        """Note a revocation and tell whether it succeeds."""
        if key not in self.active:
            return False
        del self.active[key]
        self.changes.append(Change(("REVOKE_EXCLUSION", key), by))
        return True


@dataclass(frozen=True, slots=True)
class Situation:
    """What an answer is compared with: whose exclusions, which parties are ours, the model, and the steps so far."""

    who: Person
    parties: Sequence[Party]
    model: Model
    steps: Sequence[Step]

    @property
    def last_change(self) -> Step | None:
        """Return the last step, where it was one that may change something."""
        last = self.steps[-1] if self.steps else None
        return last if last is not None and last.verb in CHANGING else None

    def party(self, step: Step) -> Party:
        """Return the party that a step is about."""
        return self.parties[step.party % len(self.parties)]

    def finding(
        self, rule: str, message: str, expected: str, actual: str = "otherwise"
    ) -> Finding:
        """Return a violation of a rule of the cookbook."""
        return Finding(
            f"{SERVICE}/{rule}",
            Severity.VIOLATION,
            f"{message}; after {told(self.steps)}",
            "body",
            expected,
            actual,
        )

    def observation(
        self, rule: str, message: str, expected: str, actual: str
    ) -> Finding:
        """Return an observation on a rule, which is the same whatever the steps were."""
        severity = Severity.OBSERVATION
        return Finding(f"{SERVICE}/{rule}", severity, message, "body", expected, actual)

    def known_or_first(self, row: Any, member: str = "hcParty") -> list[Key]:  # noqa: ANN401 - an answer's part
        """Return the key of an entry's party: one of ours where it names one, else the first identifier."""
        return self.own_first(
            identifiers(row.get(member) if isinstance(row, dict) else None)
        )

    def own_first(self, keys: Sequence[Key]) -> list[Key]:
        """Return one of our parties among some identifiers, else the first of them."""
        own = [party.key for party in self.parties if party.key in keys]
        return own[:1] or list(keys[:1])
