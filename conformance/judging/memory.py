"""What a run remembers of its answers: values that must not be given twice, and to whom they were given.

Must not judge.
"""

from dataclasses import dataclass, field

from conformance.checks.soap_answered import Occurrence


@dataclass(slots=True)
class RunMemory:
    """Values that answers of one run gave, each with the exchanges that it was given in, the earliest first."""

    _seen: dict[tuple[str, str], list[Occurrence]] = field(default_factory=dict)

    def remember(self, key: str, value: str, occurrence: Occurrence) -> None:
        """Keep that a value was given in an exchange; an exchange that is judged again is kept once."""
        before = self._seen.setdefault((key, value), [])
        if all(one.exchange != occurrence.exchange for one in before):
            before.append(occurrence)

    def occurrences(self, key: str, value: str) -> tuple[Occurrence, ...]:
        """Return the exchanges in which a value was given."""
        return tuple(self._seen.get((key, value), ()))
