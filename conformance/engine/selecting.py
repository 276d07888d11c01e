"""What a user's names of cases and requirements stand for: an id, a wildcard over ids, or a section of a cookbook.

Must not know where the names come from.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from conformance.formats.schemas import suggestion

_WILDCARD = re.compile(r"[*?\[]")
_MOST_ALIKE = 3
"""Ids that a message suggests where they all end as it was written."""
_SECTION = re.compile(r"[0-9]+(\.[0-9]+)*")


@dataclass(frozen=True, slots=True)
class Meant:
    """The ids that a name stands for, in their order, or the problem with it."""

    ids: tuple[str, ...] = ()
    problem: str = ""


def meant(what: str, name: str, ids: Collection[str]) -> Meant:
    """Return what a name stands for among the ids of cases or requirements (`what` they are, in a message).

    An id stands for itself; `*`, `?` and `[...]` for any characters, slashes too; `SERVICE/SECTION` for what has its id
    from that section or one below it. The service may be left out where one alone is meant.
    """
    name = name.rstrip("/")  # as shells complete folders
    if name in ids:
        return Meant((name,))
    found = tuple(each for each in ids if _fits(name, each))
    if found:
        return Meant(found)
    services = dict.fromkeys(map(service_of, ids))
    by_service = {
        service: tuple(each for each in ids if _fits(f"{service}/{name}", each))
        for service in services
    }
    several = [service for service, found in by_service.items() if found]
    if len(several) > 1:
        whole = " or ".join(repr(f"{service}/{name}") for service in several)
        return Meant(
            problem=f"{name!r} may be {what}s of several services: write {whole}"
        )
    if several:
        return Meant(by_service[several[0]])
    return Meant()


def service_of(identifier: str) -> str:
    """Return the service that an id belongs to."""
    return identifier.partition("/")[0]


def hint(name: str, ids: Iterable[str]) -> str:
    """Return a suggestion for a name that stands for nothing, in the form in which it was written."""
    known = tuple(ids)
    if _WILDCARD.search(name):
        return suggestion(name, tuple(dict.fromkeys(_wildcards(known))))
    if name.count("/") < len(("service", "section")) and (
        "/" in name or _SECTION.fullmatch(name)
    ):
        return suggestion(name, tuple(dict.fromkeys(map(_section_of, known))))
    alike = tuple(each for each in known if each.endswith(f"/{name}"))
    if alike:
        return f"; did you mean {' or '.join(map(repr, alike[:_MOST_ALIKE]))}?"
    return suggestion(name, known)


def _fits(name: str, identifier: str) -> bool:
    """Tell whether a name that begins with a service stands for an id."""
    if _WILDCARD.search(name):
        return fnmatchcase(identifier, name)
    service, _, section = name.partition("/")
    own, _, rest = identifier.partition("/")
    if service != own:
        return False
    return not section or is_in_section(rest.partition("/")[0], section)


def is_in_section(number: str, section: str) -> bool:
    """Tell whether the number of a section is that of another one, or of one below it."""
    return number == section or number.startswith(f"{section}.")


def _section_of(identifier: str) -> str:
    return identifier.rpartition("/")[0]


def _wildcards(ids: Iterable[str]) -> Iterator[str]:
    """Yield the wildcards that somebody may have meant: all of a service, or of a section of it."""
    for identifier in ids:
        yield f"{service_of(identifier)}/*"
        yield f"{_section_of(identifier)}/*"
