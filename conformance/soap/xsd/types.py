"""Reads from the schemas of a WSDL what a request may hold: its particles, attributes, and simple types with facets.

The model is a tree: a type that contains itself is not looked into once more, and a part that cannot stand without it
is left out. Nil, xsi:type, identity constraints and attributes from elsewhere are not part of it. Source: XML Schema
1.0 Part 1, section 3. Must not draw or send anything.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from conformance.soap.markup import local_name
from conformance.soap.xsd.contract import Steps
from conformance.soap.xsd.schemas import WsdlError


@dataclass(frozen=True, slots=True)
class Bound:
    """The lowest or highest value of a type."""

    value: str
    inclusive: bool


@dataclass(frozen=True, slots=True)
class Simple:
    """A simple type: the local name of its built-in base (`list`, `union`), and the facets of all steps from there.

    `patterns` has a tuple for each step, of which one must fit; lengths are None where no facet limits them. `fixed`
    is the one value that may stand at a place, whatever else the type takes.
    """

    base: str
    enumeration: tuple[str, ...] = ()
    patterns: tuple[tuple[str, ...], ...] = ()
    shortest: int | None = None
    longest: int | None = None
    lowest: Bound | None = None
    highest: Bound | None = None
    total_digits: int | None = None
    fraction_digits: int | None = None
    item: "Simple | None" = None
    members: "tuple[Simple, ...]" = ()
    fixed: str | None = None


@dataclass(frozen=True, slots=True)
class AttributeUse:
    """An attribute: `{uri}local` or `local`, its type, whether it must be there."""

    name: str
    type: Simple
    required: bool


@dataclass(frozen=True, slots=True)
class ElementParticle:
    """An element: `{uri}local` or `local`, the type of its text or the group in it, how often; no `most` is no end."""

    name: str
    least: int = 1
    most: int | None = 1
    text: Simple | None = None
    content: "GroupParticle | None" = None
    attributes: tuple[AttributeUse, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupParticle:
    """A `sequence`, `choice` or `all` of particles."""

    kind: str
    members: "tuple[Particle, ...]"
    least: int = 1
    most: int | None = 1


@dataclass(frozen=True, slots=True)
class Wildcard:
    """Any element of other namespaces, or of all (`foreign`), whose schema need not be known (`lax`)."""

    least: int
    most: int | None
    lax: bool


Particle = ElementParticle | GroupParticle | Wildcard


def narrowed(
    root: ElementParticle, fixed: Mapping[Steps, str], excluded: Collection[Steps]
) -> ElementParticle:
    """Return a request in which some places have one value, if they stand at all, and others do not stand.

    Of a choice, the smallest branch comes first. Raises WsdlError where nothing is left.
    """
    try:
        return _Narrower(fixed, frozenset(excluded)).element(root, ())
    except ImpossibleError as error:
        raise WsdlError(
            f"no message can be made of the schema's {root.name}: {error}"
        ) from None


def size(part: Particle) -> int:
    """Return how many elements and attributes the smallest form of a particle has, counted once."""
    if part.least == 0:
        return 0
    if isinstance(part, Wildcard):
        return part.least
    if isinstance(part, GroupParticle):
        sizes = [size(member) for member in part.members]
        return part.least * (
            min(sizes, default=0) if part.kind == "choice" else sum(sizes)
        )
    inside = size(part.content) if part.content is not None else 0
    return part.least * (1 + inside + sum(use.required for use in part.attributes))


class ImpossibleError(Exception):
    """A part cannot stand in any message."""


@dataclass(frozen=True, slots=True)
class _Narrower:
    fixed: Mapping[Steps, str]
    excluded: frozenset[Steps]

    def element(self, part: ElementParticle, path: Steps) -> ElementParticle:
        if path in self.excluded:
            raise ImpossibleError(f"{'/'.join(path)} must not stand")
        text = part.text
        if text is not None and path in self.fixed:
            text = replace(text, fixed=self.fixed[path])
        content = self._group(part.content, path) if part.content is not None else None
        return replace(
            part,
            text=text,
            content=content,
            attributes=tuple(self._attributes(part, path)),
        )

    def _attributes(self, part: ElementParticle, path: Steps) -> Iterator[AttributeUse]:
        for use in part.attributes:
            here = (*path, f"@{local_name(use.name)}")
            if here not in self.excluded:
                yield (
                    replace(use, type=replace(use.type, fixed=self.fixed[here]))
                    if here in self.fixed
                    else use
                )
            elif use.required:
                raise ImpossibleError(f"{'/'.join(here)} must not stand")

    def _group(self, group: GroupParticle, path: Steps) -> GroupParticle:
        members = []
        for member in group.members:
            try:
                members.append(self._particle(member, path))
            except ImpossibleError:
                if member.least and group.kind != "choice":
                    raise
        return checked(replace(group, members=tuple(members)))

    def _particle(self, part: Particle, path: Steps) -> Particle:
        if isinstance(part, ElementParticle):
            return self.element(part, (*path, local_name(part.name)))
        return self._group(part, path) if isinstance(part, GroupParticle) else part


def checked(group: GroupParticle) -> GroupParticle:
    """Return a group, its branches in order of size; raises _ImpossibleError for a choice without any."""
    if group.kind != "choice":
        return group
    if not group.members and group.least:
        raise ImpossibleError("none of its branches can stand")
    return replace(group, members=tuple(sorted(group.members, key=size)))
