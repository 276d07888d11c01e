"""Which rows of a list to show: those of some services, sections of a cookbook, kinds of case or levels of requirement.

Must not know where rows come from.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields

from conformance.contracts.loading import service_ids
from conformance.engine.selecting import is_in_section, service_of
from conformance.formats.schemas import suggestion
from conformance.model.errors import UsageError

Value = str | int | bool | Sequence[str]
"""What a row holds: JSON shows numbers, booleans and arrays as such."""
Row = dict[str, Value]

_TOPICS = {
    "services": ("services", "cases", "requirements", "errata", "faults", "runs"),
    "sections": ("cases", "requirements", "errata"),
    "kinds": ("cases",),
    "levels": ("requirements",),
}
"""The topics to whose rows each filter can be applied."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What rows have to be of; an empty tuple takes all, several values any of them."""

    services: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()

    def check(self, topic: str) -> None:
        """Raise UsageError where a filter is none of the topic's, or names a service that does not exist."""
        given = [
            name for name in (row.name for row in fields(self)) if getattr(self, name)
        ]
        problems = [
            f"--{name.removesuffix('s')} is for lists of {' and '.join(_TOPICS[name])}, not of {topic}"
            for name in given
            if topic not in _TOPICS[name]
        ]
        known = service_ids() if self.services else ()
        problems += [
            f"there is no service {name!r}{suggestion(name, known)}"
            for name in self.services
            if name not in known
        ]
        if problems:
            raise UsageError(problems)

    def take(self, row: Row) -> bool:
        """Tell whether a row passes."""
        return all(
            (
                _any(self.services, _services_of(row)),
                not self.sections or _is_in_any(self.sections, str(row["id"])),
                not self.kinds or row["kind"] in self.kinds,
                not self.levels or row["level"] in self.levels,
            )
        )


EVERYTHING = Filters()


def _any(wanted: Collection[str], found: Iterable[str]) -> bool:
    return not wanted or not set(found).isdisjoint(wanted)


def _services_of(row: Row) -> Iterable[str]:
    """Return the services that a row is about: those of a run, else the first part of its id."""
    services = row.get("services")
    if isinstance(services, tuple):
        return services
    return (service_of(str(row["id"])),)


def _is_in_any(sections: Iterable[str], identifier: str) -> bool:
    """Tell whether an id is from one of some sections, or from a section below one; `SERVICE/SECTION` is one too."""
    service, _, rest = identifier.partition("/")
    own = rest.partition("/")[0]
    for section in sections:
        before, slash, number = section.rpartition("/")
        if is_in_section(own, number) and (not slash or before == service):
            return True
    return False
