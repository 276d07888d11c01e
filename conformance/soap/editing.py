"""Changes a valid message in one way, and finds all such changes that its schema refuses.

Works on whatever contract is plugged in: the schema itself says what is refused. Must not sign or send.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from lxml import etree

from conformance.model.case import MessageMutation, MutationKind
from conformance.soap.markup import Element, children, local, local_name, namespace
from conformance.soap.xsd.contract import SoapContract, SoapOperation, Steps

_UNKNOWN: Final = "NotDeclaredAnywhere"
_WRONG: Final = (
    "",
    "?",
    "not a value",
    "X",
    "0",
    "-1",
    "9" * 40,
    "x" * 2000,
    "2026-13-45T99:99:99Z",
    "1 space",
    "\N{SNOWMAN}",
)
"""Values that some types refuse; which of them a place refuses is asked of the schema."""
_FOREIGN: Final = "urn:example:not-the-contracts-namespace"


@dataclass(frozen=True, slots=True)
class ValidMessage:
    """A valid message to break: its contract, its operation, and the element in its Body."""

    contract: SoapContract
    operation: SoapOperation
    root: Element


def apply(root: Element, edit: MessageMutation) -> None:
    """Change a message; raises LookupError where there is no such place."""
    *above, last = edit.path or ("",)
    if last.startswith("@"):
        _change_attribute(_at(root, tuple(above)), last[1:], edit)
        return
    element = _at(root, edit.path)
    match edit.deed:
        case MutationKind.ADD:
            etree.SubElement(element, edit.text or _UNKNOWN).text = "1"
        case MutationKind.MOVE:
            space = f"{{{edit.text}}}" if edit.text else ""
            element.tag = space + local(element)
        case MutationKind.WRITE:
            element.text = edit.text
        case _:
            parent = element.getparent()
            if parent is not None:
                _change_child(parent, element, edit)


def _change_child(parent: Element, element: Element, edit: MessageMutation) -> None:
    """Change an element's place in its parent."""
    match edit.deed:
        case MutationKind.REMOVE:
            parent.remove(element)
        case MutationKind.DOUBLE:
            element.addnext(copy.deepcopy(element))
        case MutationKind.SWAP:
            before = element.getprevious()
            if before is None:
                raise LookupError("nothing stands before it")
            before.addprevious(element)


def _change_attribute(element: Element, name: str, edit: MessageMutation) -> None:
    keys = (key for key in element.attrib if local_name(str(key)) == name)
    key = next(keys, name)
    if edit.deed is MutationKind.REMOVE:
        del element.attrib[key]
    else:
        element.set(key, edit.text)


def refused(
    contract: SoapContract, operation: SoapOperation, root: Element, sweep: str
) -> Iterator[MessageMutation]:
    """Yield the edits of a kind (a name of SWEEPS) that make a valid message invalid by its schema."""
    for edit in SWEEPS[sweep](ValidMessage(contract, operation, root)):
        altered = copy.deepcopy(root)
        apply(altered, edit)
        if not contract.schemas.fits(altered):
            yield edit


def _missing(subject: ValidMessage) -> Iterator[MessageMutation]:
    yield from (
        MessageMutation(MutationKind.REMOVE, path) for path, _ in _walk(subject.root)
    )


def _doubled(subject: ValidMessage) -> Iterator[MessageMutation]:
    yield from (
        MessageMutation(MutationKind.DOUBLE, path) for path, _ in _walk(subject.root)
    )


def _unknown(subject: ValidMessage) -> Iterator[MessageMutation]:
    """Yield an unknown element, and text that stands beside elements, in each element that has members."""
    for path, element in [((), subject.root), *_walk(subject.root)]:
        if len(element):
            yield MessageMutation(MutationKind.ADD, path)
            yield MessageMutation(MutationKind.WRITE, path, "text beside elements")


def _surplus(subject: ValidMessage) -> Iterator[MessageMutation]:
    """Yield declared elements that have no place beside those that are there, such as the other branch of a choice."""
    there = {(), *(path for path, _ in _walk(subject.root))}
    for place in subject.operation.places:
        *above, name = place.path
        if (
            place.simple
            and not name.startswith("@")
            and place.path not in there
            and tuple(above) in there
        ):
            parent = _at(subject.root, tuple(above))
            space = namespace((children(parent) or [parent])[-1])
            yield MessageMutation(
                MutationKind.ADD, tuple(above), f"{{{space}}}{name}" if space else name
            )


def _swapped(subject: ValidMessage) -> Iterator[MessageMutation]:
    yield from (
        MessageMutation(MutationKind.SWAP, path)
        for path, element in _walk(subject.root)
        if element.getprevious() is not None
    )


def _moved(subject: ValidMessage) -> Iterator[MessageMutation]:
    """Yield each element in another namespace: qualified where it is not, in none where it is, in a foreign one."""
    space = namespace(subject.root)
    for path, element in [((), subject.root), *_walk(subject.root)]:
        yield MessageMutation(
            MutationKind.MOVE, path, "" if namespace(element) else space
        )
        yield MessageMutation(MutationKind.MOVE, path, _FOREIGN)


def _attributes(subject: ValidMessage) -> Iterator[MessageMutation]:
    for path, element in [((), subject.root), *_walk(subject.root)]:
        for name in element.attrib:
            place = (*path, f"@{local_name(str(name))}")
            yield MessageMutation(MutationKind.REMOVE, place)
            yield MessageMutation(MutationKind.WRITE, place, "not a value")
            yield MessageMutation(MutationKind.WRITE, place, "1 2")
            yield MessageMutation(MutationKind.WRITE, place, "")
    yield MessageMutation(MutationKind.WRITE, (f"@{_UNKNOWN}",), "1")


def _values(subject: ValidMessage) -> Iterator[MessageMutation]:
    """Yield wrong values of each element that holds text: near misses of its own, then others that its type refuses."""
    for path, element in _walk(subject.root):
        if not len(element):
            texts = dict.fromkeys((*_near(element.text or ""), *_WRONG))
            yield from (
                MessageMutation(MutationKind.WRITE, path, text)
                for text in texts
                if text != element.text
            )


def _near(text: str) -> Iterator[str]:
    """Yield texts that differ a little from a valid one."""
    half = len(text) // 2
    yield from (
        text[:-1],
        f"{text}0",
        f"{text[:half]}.{text[half:]}",
        f"{text[:half]}-{text[half:]}",
    )
    yield from (
        f"X{text[1:]}",
        text.lower(),
        text.upper(),
        f"{text[:half]} {text[half:]}",
    )


SWEEPS: Final[Mapping[str, Callable[[ValidMessage], Iterator[MessageMutation]]]] = {
    "elements-missing": _missing,
    "elements-doubled": _doubled,
    "elements-unknown": _unknown,
    "elements-surplus": _surplus,
    "elements-swapped": _swapped,
    "namespaces-wrong": _moved,
    "attributes-broken": _attributes,
    "values-broken": _values,
}
"""Ways to break a message element by element; the schema says which of them it refuses."""


def _walk(root: Element, path: Steps = ()) -> Iterator[tuple[Steps, Element]]:
    """Yield path and element of all that is below a root, in document order."""
    for child in children(root):
        here = (*path, local(child))
        yield here, child
        yield from _walk(child, here)


def _at(root: Element, path: Steps) -> Element:
    for name in path:
        element = next(
            (child for child in children(root) if local(child) == name), None
        )
        if element is None:
            raise LookupError(f"the message has no {'/'.join(path)}")
        root = element
    return root
