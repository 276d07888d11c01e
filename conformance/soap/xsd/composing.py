"""Composes an element from its type and a choice of optional particles and branches.

Must not validate.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeGuard
from xml.sax.saxutils import escape, quoteattr

from conformance.soap.markup import local_name
from conformance.soap.names import XML
from conformance.soap.xsd.contract import Steps
from conformance.soap.xsd.types import (
    AttributeUse,
    ElementParticle,
    GroupParticle,
    Particle,
    Simple,
    Wildcard,
)

MANY: Final = 3
"""How often a part stands that may stand without end."""
Address = tuple[int, ...]
"""Where a particle is in the model: numbers of members from the root down; attributes count from -1 downwards."""
_MOST: Final = 50
_FOREIGN: Final = "urn:example:any"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A text in the model: of an element, or of the attribute at the end of the path."""

    address: Address
    path: Steps
    type: Simple


class Choices(Protocol):
    """Who says what stands in a message, where the model leaves it open."""

    def count(self, address: Address, part: Particle) -> int:
        """Return how often a part stands."""

    def branch(self, address: Address, group: GroupParticle) -> int:
        """Return the number of the branch of a choice."""

    def attribute(self, address: Address, use: AttributeUse) -> bool:
        """Tell whether an attribute stands."""

    def text(self, address: Address, kind: Simple) -> str:
        """Return a text of a type."""

    def flipped(self, address: Address) -> bool:
        """Tell whether the members of an `all` stand the other way round."""


def compose(root: ElementParticle, choices: Choices) -> str:
    """Return a request as XML text, its namespaces declared on its first element."""
    spaces = dict.fromkeys(_spaces(root))
    prefixes = {space: f"n{number}" for number, space in enumerate(spaces)} | {
        XML: "xml",
        "": "",
    }
    return _Composer(choices, prefixes).element(root, (), top=True)


def walk(
    part: Particle, address: Address = ()
) -> Iterator[tuple[Address, Particle | AttributeUse]]:
    """Yield all that is in a model with its address, each part before what is in it."""
    yield address, part
    if isinstance(part, GroupParticle):
        for number, member in enumerate(part.members):
            yield from walk(member, (*address, number))
    elif isinstance(part, ElementParticle):
        yield from (
            (at(address, number), use) for number, use in enumerate(part.attributes)
        )
        if part.content is not None:
            yield from walk(part.content, (*address, 0))


def places(
    part: Particle, address: Address = (), path: Steps = ()
) -> Iterator[tuple[Steps, Address]]:
    """Yield the path of each element and attribute in a model with its address."""
    if isinstance(part, GroupParticle):
        for number, member in enumerate(part.members):
            inside = (
                (*path, local_name(member.name))
                if isinstance(member, ElementParticle)
                else path
            )
            yield from places(member, (*address, number), inside)
    elif isinstance(part, ElementParticle):
        yield path, address
        for number, use in enumerate(part.attributes):
            yield (*path, f"@{local_name(use.name)}"), at(address, number)
        if part.content is not None:
            yield from places(part.content, (*address, 0), path)


def leaves(root: ElementParticle) -> Iterator[Leaf]:
    """Yield the texts in a model."""
    parts = dict(walk(root))
    for path, address in places(root):
        part = parts[address]
        if isinstance(part, AttributeUse):
            yield Leaf(address, path, part.type)
        elif isinstance(part, ElementParticle) and part.text is not None:
            yield Leaf(address, path, part.text)


def at(address: Address, number: int) -> Address:
    """Return the address of an element's attribute."""
    return (*address, -1 - number)


def often(part: Particle) -> int:
    """Return the greatest number of times that a part is made to stand."""
    if isinstance(part, Wildcard):
        return part.least
    most = max(MANY, part.least + 1) if part.most is None else part.most
    return most if most <= _MOST else part.least + MANY


def is_choice(part: Particle | AttributeUse) -> TypeGuard[GroupParticle]:
    """Tell whether a particle is a choice."""
    return isinstance(part, GroupParticle) and part.kind == "choice"


def _spaces(root: ElementParticle) -> Iterator[str]:
    for _, part in walk(root):
        name = part.name if isinstance(part, ElementParticle | AttributeUse) else ""
        if name.startswith("{") and not name.startswith(f"{{{XML}}}"):
            yield name[1:].partition("}")[0]


@dataclass(frozen=True, slots=True)
class _Composer:
    """Writes a message as its choices have it; no id stands twice."""

    choices: Choices
    prefixes: Mapping[str, str]
    ids: set[str] = field(default_factory=set)

    def element(
        self, part: ElementParticle, address: Address, *, top: bool = False
    ) -> str:
        name = self._named(part.name)
        declared = [
            f' xmlns:{prefix}="{escape(space)}"'
            for space, prefix in self.prefixes.items()
            if space not in {"", XML}
        ]
        attributes = [*(declared if top else ()), *self._attributes(part, address)]
        inside = escape(self._text(address, part.text)) if part.text is not None else ""
        if part.content is not None:
            inside = self._particle(part.content, (*address, 0))
        return f"<{name}{''.join(attributes)}>{inside}</{name}>"

    def _particle(self, part: Particle, address: Address) -> str:
        return "".join(
            self._once(part, address) for _ in range(self.choices.count(address, part))
        )

    def _once(self, part: Particle, address: Address) -> str:
        if isinstance(part, ElementParticle):
            return self.element(part, address)
        if isinstance(part, Wildcard):
            return f'<any:Any xmlns:any="{_FOREIGN}"/>'
        members = list(enumerate(part.members))
        if part.kind == "choice":
            number = self.choices.branch(address, part)
            members = members[number : number + 1]
        if part.kind == "all" and self.choices.flipped(address):
            members.reverse()
        return "".join(
            self._particle(member, (*address, number)) for number, member in members
        )

    def _attributes(self, part: ElementParticle, address: Address) -> Iterator[str]:
        for number, use in enumerate(part.attributes):
            here = at(address, number)
            if self.choices.attribute(here, use):
                yield f" {self._named(use.name)}={quoteattr(self._text(here, use.type))}"

    def _text(self, address: Address, kind: Simple) -> str:
        text = self.choices.text(address, kind)
        if kind.base == "ID":
            text = f"{text}-{len(self.ids)}" if text in self.ids else text
            self.ids.add(text)
        return text

    def _named(self, name: str) -> str:
        space, _, local_part = name.rpartition("}")
        prefix = self.prefixes[space[1:]]
        return f"{prefix}:{local_part}" if prefix else local_part
