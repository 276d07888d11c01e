"""Edits of JSON and XML answers that a seeded fault asks for.

Must not know which exchange is changed.
"""

import copy
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from lxml import etree

from conformance.model.fault import FaultAction, FaultEdit
from conformance.soap.markup import XmlError, parse, serialise


def edit_body(body: bytes, edits: tuple[FaultEdit, ...]) -> bytes:
    """Return a body with the edits made that fit what it is; a place that is not there is left alone."""
    in_json = [edit for edit in edits if not edit.at.startswith(".")]
    in_xml = [edit for edit in edits if edit.at.startswith(".")]
    document = json_of(body) if in_json else None
    if document is not None:
        holder = [document]
        for edit in in_json:
            for parent, key in list(_places(holder, ["0", *_steps(edit.at)])):
                _edit_json(parent, key, edit)
        body = json.dumps(holder[0], separators=(",", ":"), ensure_ascii=False).encode()
    return edit_xml(body, in_xml) if in_xml else body


def _steps(at: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in at.split("/")[1:]]


def _places(value: Any, steps: list[str]) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - whatever JSON holds
    """Yield parent and key of each place; the last step may name a member or entry that is not there."""
    first, *rest = steps
    for key in _keys(value, first):
        if not rest:
            yield value, key
        elif _has(value, key):
            yield from _places(value[key], rest)


def _keys(value: Any, step: str) -> list[Any]:  # noqa: ANN401 - whatever JSON holds
    """Return the keys that a step of a pointer names; the last entry first, so that entries can be removed."""
    if isinstance(value, dict):
        return list(value) if step == "*" else [step]
    if not isinstance(value, list):
        return []
    if step == "*":
        return list(range(len(value) - 1, -1, -1))
    return [len(value) - 1 if step == "-" else int(step)]


def _has(value: Any, key: Any) -> bool:  # noqa: ANN401 - whatever JSON holds
    """Tell whether an object has a member, or a list an entry."""
    return key in value if isinstance(value, dict) else 0 <= key < len(value)


def _edit_json(parent: Any, key: Any, edit: FaultEdit) -> None:  # noqa: ANN401 - whatever JSON holds
    there = _has(parent, key)
    if edit.deed is FaultAction.WRITE and (there or isinstance(parent, dict)):
        parent[key] = copy.deepcopy(edit.value)
    elif edit.deed is FaultAction.WRITE:
        parent.append(copy.deepcopy(edit.value))
    elif there and edit.deed in _OF_VALUES:
        parent[key] = _OF_VALUES[edit.deed](parent[key])
    elif there:
        _move_json(parent, key, edit)


_OF_VALUES: Final[Mapping[FaultAction, Callable[[Any], Any]]] = {
    FaultAction.REVERSE: lambda rows: rows[::-1],
    FaultAction.FIRST: lambda rows: rows[:1],
    FaultAction.REST: lambda rows: rows[1:],
    FaultAction.TEXT: str,
    FaultAction.NUMBER: float,
    FaultAction.WRAP: lambda value: [value],
}


def _move_json(parent: Any, key: Any, edit: FaultEdit) -> None:  # noqa: ANN401 - whatever JSON holds
    match edit.deed:
        case FaultAction.REMOVE:
            del parent[key]
        case FaultAction.RENAME:
            parent[edit.value] = parent.pop(key)
        case FaultAction.REPEAT if isinstance(parent, list):
            parent.append(copy.deepcopy(parent[key]))


def edit_xml(body: bytes, edits: Iterable[FaultEdit]) -> bytes:
    """Return an XML body with edits applied; what is no XML stays as it is."""
    try:
        root = parse(body)
    except XmlError:
        return body
    for edit in edits:
        place, _, attribute = edit.at.partition("/@")
        for element in list(root.iterfind(place)):
            if attribute:
                _edit_attribute(element, attribute, edit)
            elif edit.deed is FaultAction.MOVE:
                _move_element(element, root.find(str(edit.value)))
            else:
                _edit_element(element, edit)
    return serialise(root)


def _edit_attribute(element: Any, name: str, edit: FaultEdit) -> None:  # noqa: ANN401 - lxml's own class
    if edit.deed is FaultAction.WRITE:
        element.set(name, str(edit.value))
    elif name in element.attrib:
        value = element.attrib.pop(name)
        if edit.deed is FaultAction.RENAME:
            element.set(str(edit.value), value)


def _move_element(element: Any, place: Any) -> None:  # noqa: ANN401 - lxml's own class
    if place is not None and element not in {place, *place.iterancestors()}:
        place.append(element)


def _edit_element(element: Any, edit: FaultEdit) -> None:  # noqa: ANN401 - lxml's own class
    parent = element.getparent()
    match edit.deed:
        case FaultAction.WRITE:
            element.text = str(edit.value)
        case FaultAction.RENAME:
            element.tag = (
                etree.QName(str(edit.value))
                if not str(edit.value).startswith("{}")
                else edit.value[2:]
            )
        case FaultAction.REMOVE if parent is not None:
            parent.remove(element)
        case FaultAction.REPEAT if parent is not None:
            element.addnext(copy.deepcopy(element))
        case FaultAction.REVERSE:
            element[:] = list(reversed(element))
        case FaultAction.WRAP if parent is not None:
            outer = etree.Element(str(edit.value))
            parent.replace(element, outer)
            outer.append(element)


def json_of(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return a body's JSON, None where it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return None
