"""Composes whole requests from the model of a WSDL's types: the smallest one, and those at each limit.

What a message holds beyond the smallest one is a list of choices. The schema is the oracle: values that it refuses are
left out. Must not draw, sign or send anything.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from conformance.soap.markup import local, parse
from conformance.soap.xsd.composing import (
    MANY,
    Address,
    Leaf,
    at,
    compose,
    is_choice,
    leaves,
    often,
    walk,
)
from conformance.soap.xsd.contract import SoapContract, SoapOperation, Steps
from conformance.soap.xsd.reading_types import read_request
from conformance.soap.xsd.schemas import SchemaProblem, SchemaSet, WsdlError
from conformance.soap.xsd.types import (
    AttributeUse,
    ElementParticle,
    GroupParticle,
    Particle,
    Simple,
    Wildcard,
    narrowed,
    size,
)
from conformance.soap.xsd.values import limits

_MOST_PARTS: Final = 20_000
"""Elements and attributes of the smallest request."""
_SPARE: Final = ("A", "a", "1", "0", "AA", "10", "1234567890", "A1", "a@example.org")
"""Texts that are tried where nothing is known of a type."""


@dataclass(frozen=True, slots=True)
class Choice:
    """That a part stands, with all above it: so often (0: once), with this text, its members the other way round."""

    address: Address
    count: int = 0
    text: str | None = None
    flipped: bool = False


@dataclass(frozen=True, slots=True)
class Grammar:
    """The valid requests of an operation: their model, and the texts of each place that the schema takes."""

    schemas: SchemaSet
    root: ElementParticle
    texts: Mapping[Address, tuple[str, ...]]

    def message(self, choices: tuple[Choice, ...] = ()) -> str:
        """Return the smallest message with some optional parts, as XML text; one that excludes others wins."""
        return compose(self.root, _Chosen(choices, self.texts))

    def fits(self, message: str) -> bool:
        """Tell whether the schema takes a message."""
        return self.schemas.fits(parse(message.encode()))

    def boundaries(self) -> tuple[tuple[Choice, ...], ...]:
        """Return the choices of valid messages that cover each limit: the smallest, then one more thing each, then all.

        Each optional part alone, each branch, each member of a list of values, least and greatest lengths and numbers,
        as many as there may be, and everything at once.
        """
        single = ((choice,) for choice in self._single())
        whole = map(self.everything, range(self.breadth))
        by_message: dict[str, tuple[Choice, ...]] = {}
        for choices in ((), *single, *whole):
            message = self.message(choices)
            if message not in by_message and self.fits(message):
                by_message[message] = choices
        return tuple(by_message.values())

    @property
    def breadth(self) -> int:
        """Return the number of branches of the widest choice, at least 1."""
        return max(
            len(part.members) if is_choice(part) else 1 for _, part in walk(self.root)
        )

    def everything(self, branch: int = 0) -> tuple[Choice, ...]:
        """Return the choices of a message with every optional part, by a branch of each choice, or by its last one."""
        return tuple(_optional(self.root, (), branch))

    def _single(self) -> Iterator[Choice]:
        for address, part in walk(self.root):
            if isinstance(part, AttributeUse):
                yield Choice(address)
            else:
                yield from _choices(address, part)
        for address, texts in self.texts.items():
            yield from (Choice(address, text=text) for text in texts)


def _choices(address: Address, part: Particle) -> Iterator[Choice]:
    """Yield how often a particle may stand, the branches of a choice, and another order of an `all`."""
    for count in sorted({1, often(part)}):
        if count > part.least:
            yield Choice(address, count)
    if is_choice(part):
        for number in range(len(part.members)):
            yield Choice((*address, number))
    if isinstance(part, GroupParticle) and part.kind == "all":
        yield Choice(address, flipped=True)


def read_grammar(
    contract: SoapContract,
    operation: SoapOperation,
    fixed: Mapping[Steps, str],
    usual: Mapping[Steps, str],
    excluded: Collection[Steps],
) -> Grammar:
    """Return the valid requests of an operation.

    `fixed` are values of places: none other stands there; so are `usual` ones where the schema takes them. What is
    `excluded` does not stand. Raises WsdlError where no valid message can be made of the rest.
    """
    model = read_request(contract.schemas, operation.request)
    excluded = set(excluded)
    while True:  # it ends: each time a place more is left out
        root = narrowed(model, fixed, excluded)
        if size(root) > _MOST_PARTS:
            raise WsdlError(
                f"{contract.file}: a {operation.name} is made to have more than {_MOST_PARTS} parts; correct minOccurs"
            )
        texts = _Prober(contract.schemas, root, usual).run()
        empty = {leaf.path for leaf in leaves(root) if not texts[leaf.address]}
        if not empty:
            break
        excluded |= empty
    standing = {
        leaf.path: usual[leaf.path]
        for leaf in leaves(root)
        if texts[leaf.address] == (usual.get(leaf.path),)
    }
    made = Grammar(
        contract.schemas, narrowed(model, {**standing, **fixed}, excluded), texts
    )
    problems = contract.schemas.problems(parse(made.message().encode()))
    if problems:
        raise WsdlError(
            f"{contract.file}: no valid {operation.name} can be made of it: {problems[0].message}"
        )
    return made


def _optional(part: Particle, address: Address, branch: int) -> Iterator[Choice]:
    """Yield a choice for each part that may be left out, by one branch of each choice."""
    if isinstance(part, Wildcard):
        return
    if not part.least:
        yield Choice(address)
    if isinstance(part, GroupParticle):
        yield from _optional_members(part, address, branch)
        return
    for number, use in enumerate(part.attributes):
        if not use.required:
            yield Choice(at(address, number))
    if part.content is not None:
        yield from _optional(part.content, (*address, 0), branch)


def _optional_members(
    part: GroupParticle, address: Address, branch: int
) -> Iterator[Choice]:
    """Yield the choices of a group's members: of a choice only those of one branch, or of its last."""
    members = list(enumerate(part.members))
    if is_choice(part):
        members = members[: branch + 1][-1:]
        yield from (Choice((*address, number)) for number, _ in members if number)
    for number, member in members:
        yield from _optional(member, (*address, number), branch)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Selects the optional particles and branches that were chosen, and leaves out all else."""

    choices: tuple[Choice, ...]
    texts: Mapping[Address, tuple[str, ...]]

    def count(self, address: Address, part: Particle) -> int:
        known = [
            choice
            for choice in self.choices
            if choice.address[: len(address)] == address
        ]
        return max(
            [
                part.least,
                min(len(known), 1),
                *(choice.count for choice in known if choice.address == address),
            ]
        )

    def branch(self, address: Address, group: GroupParticle) -> int:
        del group
        depth = len(address)
        for choice in self.choices:
            below = len(choice.address) > depth and choice.address[:depth] == address
            if below:
                return choice.address[depth]
        return 0

    def attribute(self, address: Address, use: AttributeUse) -> bool:
        return use.required or any(choice.address == address for choice in self.choices)

    def text(self, address: Address, kind: Simple) -> str:
        wanted = (
            choice.text
            for choice in self.choices
            if choice.address == address and choice.text is not None
        )
        return next(wanted, next(iter(self.texts.get(address) or limits(kind)), "A"))

    def flipped(self, address: Address) -> bool:
        return any(
            choice.address == address and choice.flipped for choice in self.choices
        )


@dataclass(slots=True)
class _Prober:
    """Asks the schema which texts each place takes, in the smallest message that has the place."""

    schemas: SchemaSet
    root: ElementParticle
    usual: Mapping[Steps, str]
    found: dict[Address, tuple[str, ...]] = field(default_factory=dict)

    def run(self) -> dict[Address, tuple[str, ...]]:
        for leaf in leaves(self.root):
            self.found[leaf.address] = self._taken(leaf)
        return self.found

    def _taken(self, leaf: Leaf) -> tuple[str, ...]:
        if (
            leaf.path in self.usual
            and leaf.type.fixed is None
            and self._takes(leaf, self.usual[leaf.path])
        ):
            return (self.usual[leaf.path],)
        taken = tuple(text for text in limits(leaf.type) if self._takes(leaf, text))
        if taken or leaf.type.fixed is not None:
            return taken
        spare = dict.fromkeys((*_SPARE, *self.schemas.words))
        return tuple(text for text in spare if self._takes(leaf, text))[:MANY]

    def _takes(self, leaf: Leaf, text: str) -> bool:
        message = parse(
            compose(
                self.root, _Chosen((Choice(leaf.address, text=text),), self.found)
            ).encode()
        )
        above = (
            leaf.path[:-1]
            if leaf.path[-1:] and leaf.path[-1].startswith("@")
            else leaf.path
        )
        place = "/" + "/".join((local(message), *above))
        name = leaf.path[-1].removeprefix("@") if leaf.path else local(message)
        return not any(
            _concerns(problem, place, name)
            for problem in self.schemas.problems(message)
        )


def _concerns(problem: SchemaProblem, place: str, name: str) -> bool:
    return problem.place == place and problem.name == name
