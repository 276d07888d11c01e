"""The fictitious persons of the local I.AM Connect, and the words for what is said of them.

Values only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import NAMESPACE_URL, uuid5

Clock = Callable[[], datetime]
Claims = Mapping[str, Any]
Form = Mapping[str, str]


class Profile(Enum):
    """In what quality a person acts; the value is the member of may_act that lists for whom."""

    CITIZEN = ""
    PARENT = "children"
    MANDATARY = "mandators"


@dataclass(frozen=True, slots=True)
class Mandate:
    """Somebody who has given a mandate, and for which services."""

    ssin: str
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """A fictitious person who can log in, with the roles at the service and those the person may act for."""

    ssin: str
    first_name: str
    last_name: str
    roles: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    mandates: tuple[Mandate, ...] = ()

    def subject(self, profile: Profile) -> str:
        """Return the `sub` under which the person acts in a profile."""
        return str(uuid5(NAMESPACE_URL, f"{self.ssin}/{profile.value}"))

    def may_act(self) -> dict[Profile, dict[str, Any]]:
        """Return the claim's entry for each profile but the citizen's own that the person has."""
        listed: dict[Profile, list[dict[str, Any]]] = {
            Profile.PARENT: [{"ssin": child} for child in self.children],
            Profile.MANDATARY: [
                {"ssin": mandate.ssin, "serviceNames": list(mandate.services)}
                for mandate in self.mandates
            ],
        }
        return {
            profile: {
                "sub": self.subject(profile),
                "userProfile": {profile.value: people},
            }
            for profile, people in listed.items()
            if people
        }
