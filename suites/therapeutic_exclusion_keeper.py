"""Keeps a patient's active exclusions, and brings them back when the cases are done."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from conformance.engine.execution import CaseExecution
from conformance.model.case import Case, CaseKind, Expectation, Template
from conformance.model.exchange import Purpose
from conformance.model.wording import count_of

from .therapeutic_exclusion_answers import name_of, qualification_of
from .therapeutic_exclusion_conversation import Blocked
from .therapeutic_exclusion_limits import made_up_parties
from .therapeutic_exclusion_player import Player
from .therapeutic_exclusion_requests import (
    SERVICE,
    Key,
    Person,
    declaration,
    parties,
    revocation,
)


def own_case(name: str) -> Case:
    """Return a case for exchanges that prepare or restore, which no verdict rests on."""
    nothing = Template("getExclusions")
    return Case(
        name, SERVICE, name, CaseKind.STATEFUL, "", (), nothing, Expectation("none", ())
    )


@dataclass(slots=True)
class Keeper:
    """Remembers a patient's active exclusions and the length of the history, and restores the former."""

    execution: CaseExecution
    who: Person
    active: dict[Key, Mapping[str, Any]] = field(default_factory=dict)
    entries: int = 0

    def remember(self) -> None:
        """Learn what is active; raises Blocked where it cannot be read."""
        player = self._player()
        self.active, self.entries = dict(player.model.active), len(player.model.past)

    def remembered(self) -> dict[str, Any]:
        """Return what was learnt as JSON data."""
        self.remember()
        return {
            "active": [[*key, row] for key, row in self.active.items()],
            "entries": self.entries,
        }

    def recall(self, data: Mapping[str, Any]) -> None:
        """Take over what another keeper has learnt."""
        self.active = {(kind, number): row for kind, number, row in data["active"]}
        self.entries = data["entries"]

    def restore(self) -> str:
        """Bring the active exclusions back to what they were, and say what was done and how the history grew.

        "" where there was nothing to do and nothing has changed.
        """
        now = self._player()
        known = {party.key: party for party in (*made_up_parties(), *now.parties)}
        surplus = [
            known[key]
            for key in now.model.active
            if key not in self.active and key in known
        ]
        missing = [
            replace(
                known[key],
                qualification=qualification_of(row) or known[key].qualification,
            )
            for key, row in self.active.items()
            if key not in now.model.active and key in known
        ]
        undoing = [revocation(self.who, party) for party in surplus]
        undoing += [declaration(self.who, party) for party in missing]
        for template in undoing:
            self.execution.send(template, Purpose.RESTORE)
        after = self._player()
        grown = len(after.model.past) - self.entries
        failed = set(after.model.active) ^ set(self.active)
        state = (
            "the active exclusions are as before"
            if not failed
            else f"NOT restored: {', '.join(map(name_of, failed))}"
        )
        if not (undoing or grown or failed):
            return ""
        undone = count_of(len(undoing), "change")
        growth = count_of(grown, "entry", "entries")
        return f"{state} ({undone} undone); the history grew by {growth}"

    def _player(self) -> Player:
        player = Player(
            self.execution,
            self.who,
            parties(self.execution),
            purpose=Purpose.RESTORE,
        )
        begun = player.begin()
        if begun.violated:
            raise Blocked(f"{begun.findings[0].message}: {begun.findings[0].actual}")
        return player
