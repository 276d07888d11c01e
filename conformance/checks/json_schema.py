"""Judges a JSON document by a JSON Schema (2020-12) compiled once, and maps each error to a place of the schema.

Places are written `groups[].items[].id`. The only home of jsonschema_rs. Must not know severities.
"""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from conformance.checks.excerpt import MOST_VALUES, excerpt
from conformance.checks.problem import (
    MOST_AT_ONE_PLACE,
    Path,
    Places,
    Problem,
    pointer,
    show,
)

_MOST_UNDOCUMENTED = 50
_LONGEST_NAME = 60

WRONG_TYPE = "the value has the wrong JSON type"
NO_SUCH_ITEM = "no item is one that the cookbook describes"
BREAKS_SCHEMA = "the value breaks the schema"
REQUIREMENT = "x-requirement"
"""The annotation that ties a place of a schema to the requirement that describes it."""


Above = tuple[str, str | None]
"""The place that another one stands in, and the member's name there, None for a list's items."""


@dataclass(frozen=True, slots=True)
class SchemaPlace:
    """A place of a document that the schema describes."""

    at: str
    requirement: str
    required: bool
    members: frozenset[str] | None


class UnreadableError(ValueError):
    """The document is more than the validator can follow: nested too deeply, or with half a character."""


class Index:
    """The values of one document by place, each looked up when it is asked for first."""

    def __init__(self, document: object, above: Mapping[str, Above]) -> None:
        """Take a document, and for each place the one that it stands in."""
        self._above = above
        self._found = {"": Places([document], lambda: [()])}

    def __getitem__(self, at: str) -> Places:
        """Return the values at a place, in document order."""
        found = self._found.get(at)
        if found is None:
            above, name = self._above[at]
            found = self._found[at] = (
                self[above].items() if name is None else self[above].members(name)
            )
        return found

    @property
    def is_cut(self) -> bool:
        """Tell whether some place has more values than are looked at."""
        return any(len(places) >= MOST_AT_ONE_PLACE for places in self._found.values())


class CompiledSchema:
    """One schema, ready to judge documents."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        """Compile `schema` and note the places it describes.

        Raises ValueError where it is no JSON Schema, or refers to what it does not have.
        """
        try:
            self._validator = jsonschema_rs.validator_for(dict(schema))
            self.places: dict[str, SchemaPlace] = {
                place.at: place for place in _places(schema)
            }
        except (jsonschema_rs.ReferencingError, LookupError) as error:
            raise ValueError(f"a reference leads nowhere: {error}") from error
        self._above: dict[str, Above] = {"": ("", None)}
        self._above |= {
            place: (at, name)
            for at in self.places
            for name, place in _places_below(at, self.places)
        }

    def fits(self, document: object) -> bool:
        """Tell whether the document fulfils the schema; a document too deep to follow does not."""
        try:
            return bool(self._validator.is_valid(document))
        except ValueError:
            return False

    def index(self, document: object) -> Index:
        """Return the document's values by place."""
        return Index(document, self._above)

    def members_at(self, at: str) -> frozenset[str]:
        """Return the names of the members that the schema describes at a place."""
        place = self.places.get(at)
        return (place.members if place is not None else None) or frozenset()

    def requirement_at(self, at: str) -> str:
        """Return the requirement that describes a place, or the nearest place above it."""
        while at and not (at in self.places and self.places[at].requirement):
            at = _above(at)
        return self.places[at].requirement

    def problems(self, document: object) -> Iterator[tuple[str, Problem]]:
        """Yield each schema error with the requirement it breaks; of a long document those of its first values.

        Raises UnreadableError where the document is nested too deeply, a name in it is half a character, or only what
        stands behind its first values is wrong.
        """
        if self.fits(document):
            return
        first = excerpt(document)
        try:
            errors = list(self._validator.iter_errors(first.document))
        except UnicodeEncodeError as error:
            raise UnreadableError(
                "a text in it is half of a surrogate pair, which stands for no character"
            ) from error
        except ValueError as error:
            raise UnreadableError(f"it is nested too deeply: {error}") from error
        own = [found for found in errors if _is_own(found, first.cut)]
        if first.cut and not own:
            raise UnreadableError(
                f"it breaks its schema, though not in its first {MOST_VALUES} values"
            )
        for found in own:
            yield self._problem(found)

    def evaluated(self, index: Index) -> Iterator[tuple[str, int]]:
        """Yield how often each described place was judged.

        A required member is judged wherever its parent stands, an optional one wherever it stands itself.
        """
        for at, place in self.places.items():
            if place.requirement:
                yield (
                    place.requirement,
                    len(index[self._above[at][0] if place.required and at else at]),
                )

    def undocumented(self, index: Index) -> Iterator[tuple[str, Problem]]:
        """Yield the members that no row of the cookbook's table describes, up to a number that is enough to see."""
        return itertools.islice(self._undocumented(index), _MOST_UNDOCUMENTED)

    def _undocumented(self, index: Index) -> Iterator[tuple[str, Problem]]:
        for at, place in self.places.items():
            if place.members is None:
                continue
            found = index[at]
            for number, value in enumerate(found.values):
                if not isinstance(value, dict) or value.keys() <= place.members:
                    continue
                for name in sorted(value.keys() - place.members):
                    where = pointer((*found.paths[number], name))
                    message = f"the member {name[:_LONGEST_NAME]!r} is not documented"
                    problem = Problem(
                        message,
                        where,
                        "documented members only",
                        show(value[name]),
                        odd=True,
                    )
                    yield self.requirement_at(at), problem

    def _problem(self, error: jsonschema_rs.ValidationError) -> tuple[str, Problem]:
        path = tuple(error.instance_path)
        kind = error.kind
        at = place_of(path)
        if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
            name = str(kind.property)
            problem = Problem(
                f"the member {name!r} is missing",
                pointer(path),
                f"a member {name!r}",
                "absent",
            )
            return self.requirement_at(f"{at}.{name}".lstrip(".")), problem
        match kind:
            case jsonschema_rs.ValidationErrorKind.Type():
                expected = " or ".join(sorted(kind.types))
                message = WRONG_TYPE
            case jsonschema_rs.ValidationErrorKind.Enum():
                expected = "one of " + ", ".join(
                    show(option).rpartition(" (")[0] for option in kind.options
                )
                message = "the value is not in the cookbook's list"
            case jsonschema_rs.ValidationErrorKind.Contains():
                expected, message = (
                    "an item as the cookbook describes it",
                    NO_SUCH_ITEM,
                )
            case _:
                expected, message = error.message[:200], BREAKS_SCHEMA
        return self.requirement_at(at), Problem(
            message, pointer(path), expected, show(error.instance)
        )


def _is_own(error: jsonschema_rs.ValidationError, cut: Collection[Path]) -> bool:
    """Tell whether an error is the document's: what lost something may be wrong for that alone, but in its type."""
    is_of_type = isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Type)
    return is_of_type or (*error.instance_path,) not in cut


def place_of(path: Iterable[str | int]) -> str:
    """Return the place of a path of keys and indexes: `("groups", 0, "id")` is `groups[].id`."""
    return "".join(
        "[]" if isinstance(part, int) else f".{part}" for part in path
    ).lstrip(".")


def _above(at: str) -> str:
    return at[:-2] if at.endswith("[]") else at.rpartition(".")[0]


def _places_below(
    at: str, places: Mapping[str, SchemaPlace]
) -> Iterator[tuple[str | None, str]]:
    """Yield the described places one step below a place with the member's name, None for the items of a list."""
    if f"{at}[]" in places:
        yield None, f"{at}[]"
    for name in places[at].members or ():
        yield name, f"{at}.{name}".lstrip(".")


def _places(schema: Mapping[str, Any]) -> Iterator[SchemaPlace]:
    definitions = schema.get("$defs", {})

    def walk(
        part: Mapping[str, Any], at: str, requirement: str, *, required: bool
    ) -> Iterator[SchemaPlace]:
        part = (
            definitions[part["$ref"].rpartition("/")[2]] | part
            if "$ref" in part
            else part
        )
        requirement = part.get(REQUIREMENT, requirement)
        properties = part.get("properties")
        members = None if properties is None else frozenset(properties)
        yield SchemaPlace(at, requirement, required, members)
        for name, value in (properties or {}).items():
            yield from walk(
                value,
                f"{at}.{name}".lstrip("."),
                "",
                required=name in part.get("required", ()),
            )
        if "items" in part:
            yield from walk(part["items"], f"{at}[]", "", required=False)

    return walk(schema, "", "", required=True)
