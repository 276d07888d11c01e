"""Puts values into a request by the names that the contract has for them: parameters, members, roles, elements.

Must not send anything, nor resolve test data or credentials.
"""

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from conformance.contracts.binding import BoundOperation
from conformance.formats.schemas import known_names
from conformance.messages.soap import OWN_NUMBER
from conformance.model.case import JsonBody, Message, Template
from conformance.model.contract import Contract, Operation
from conformance.model.errors import UsageError
from conformance.soap.xsd.contract import resolve

Values = Mapping[str, str]
"""Values by the contract's names for them; texts that begin with `$` stand for the target's test data."""
Schema = Mapping[str, Any]
_DEEPEST = 8
"""Levels of a body that are listed: a schema may refer to itself."""


def with_named_values(
    contract: Contract, template: Template, values: Values
) -> Template:
    """Return the request of a REST operation with values put in; its body may be JSON already.

    Raises UsageError for each name that the operation does not have, for a value of the wrong type, and for a path
    parameter that is missing.
    """
    operation = contract.operations[template.operation]
    parameters, headers, members = _sorted_by_place(operation, values)
    schema = contract.schemas.get(operation.body)
    problems = [
        *_unknown(operation, schema, members),
        *_missing(operation, parameters),
    ]
    if problems:
        raise UsageError(problems)
    if schema is not None and members:
        template = replace(template, body=_with_members(template, schema, members))
    headers = {**template.headers, **headers}
    return replace(template, parameters=parameters, headers=headers)


def _sorted_by_place(
    operation: Operation, values: Values
) -> tuple[dict[str, str], dict[str, str | None], dict[str, str]]:
    """Return parameters of path and query, those of the header, and what may stand in the body."""
    parameters: dict[str, str] = {}
    headers: dict[str, str | None] = {}
    members: dict[str, str] = {}
    for name, text in values.items():
        match operation.parameters.get(name):
            case None:
                members[name] = text
            case "header":
                headers[name] = text
            case _:
                parameters[name] = text
    return parameters, headers, members


def with_named_elements(
    bound: BoundOperation, template: Template, values: Values
) -> Template:
    """Return the message of a SOAP operation with values put in, by role or by the WSDL's names of elements.

    `Name`, `Criteria/Person/Name` and `@Id` are such names. Raises UsageError for each name that the
    operation's request does not have.
    """
    places = {name: _element(bound, name) for name in values}
    known = tuple(element_names(bound))
    problems = [
        f"{bound.operation.name} has no value {name!r}{known_names(name, known)}"
        for name, place in places.items()
        if place is None
    ]
    if problems:
        raise UsageError(problems)
    named = {str(places[name]): text for name, text in values.items()}
    message = template.message or Message()
    return replace(template, body=replace(message, values={**message.values, **named}))


def _element(bound: BoundOperation, name: str) -> str | None:
    """Return a role as it is, and an element's name as its path; None where there is neither, or several of it."""
    if name in bound.request or name == OWN_NUMBER:
        return name
    place = resolve((name,), bound.operation.places)
    return f"/{'/'.join(place)}" if place is not None else None


def value_names(contract: Contract, operation: Operation) -> Iterator[str]:
    """Yield the names of the values that a REST operation takes: its parameters, and the members of its body."""
    yield from operation.parameters
    schema = contract.schemas.get(operation.body)
    if schema is not None:
        yield from _leaves(schema, schema)


def element_names(bound: BoundOperation) -> Iterator[str]:
    """Yield the names of the values that a SOAP operation takes: roles, then paths of elements and attributes."""
    yield from (*bound.request, OWN_NUMBER)
    yield from (
        "/".join(place.path) for place in bound.operation.places if place.simple
    )


def _unknown(
    operation: Operation, schema: Schema | None, members: Values
) -> Iterator[str]:
    known = (
        *operation.parameters,
        *(_leaves(schema, schema) if schema is not None else ()),
    )
    for name in members:
        if schema is None or _at(schema, _steps(name)) is None:
            yield f"{operation.id} has no value {name!r}{known_names(name, known)}"


def _missing(operation: Operation, parameters: Values) -> Iterator[str]:
    """Yield the parameters without which a path would have a hole."""
    for name, place in operation.parameters.items():
        if place == "path" and name not in parameters:
            yield f"the path {operation.path} needs a value of {name}; add --set {name}=VALUE"


def _with_members(template: Template, schema: Schema, members: Values) -> JsonBody:
    """Return a JSON body with members put in by their paths."""
    document = copy.deepcopy(template.document) if template.document is not None else {}
    for name, text in members.items():
        steps = _steps(name)
        place = _at(schema, steps)
        _put(document, steps, _typed(name, text, place or {}, schema))
    return JsonBody(document)


def _steps(name: str) -> tuple[str, ...]:
    """Return the parts of a path: `patient.identifier.0.value`, or with `[0]` for the index."""
    return tuple(name.replace("[", ".").replace("]", "").split("."))


def _at(schema: Schema, steps: tuple[str, ...]) -> Schema | None:
    """Return the schema of a member at a path, None where the schema has no such member."""
    here: Schema | None = schema
    for step in steps:
        here = next(_below(here, step, schema), None) if here is not None else None
    return here


def _below(here: Schema, step: str, root: Schema) -> Iterator[Schema]:
    for option in _options(here, root):
        if step in option.get("properties", {}):
            yield option["properties"][step]
        if step.isdecimal() and isinstance(option.get("items"), Mapping):
            yield option["items"]


def _options(here: Schema, root: Schema) -> Iterator[Schema]:
    """Yield a schema with its reference resolved, and those that it is put together of."""
    reference = here.get("$ref", "")
    if reference.startswith("#/"):
        found: Any = root
        for part in reference[2:].split("/"):
            found = found[part]
        yield from _options(found, root)
    yield here
    for keyword in ("allOf", "anyOf", "oneOf"):
        for option in here.get(keyword, ()):
            yield from _options(option, root)


def _leaves(here: Schema, root: Schema, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the paths of all members that hold no others; an item of a list is shown as the first."""
    below = [
        (name, member)
        for option in _options(here, root)
        for name, member in (
            *option.get("properties", {}).items(),
            *(
                (("0", option["items"]),)
                if isinstance(option.get("items"), Mapping)
                else ()
            ),
        )
    ]
    if not below and path:
        yield ".".join(path)
    for name, member in below if len(path) < _DEEPEST else ():
        yield from _leaves(member, root, (*path, name))


def _put(document: Any, steps: tuple[str, ...], value: Any) -> None:  # noqa: ANN401 - whatever JSON holds
    """Write a value at a path of a document, making what stands above it."""
    *above, last = steps
    for step, following in zip(above, steps[1:], strict=True):
        document = _child(document, step, [] if following.isdecimal() else {})
    if isinstance(document, list):
        _extend(document, last, value)
        document[int(last)] = value
    elif isinstance(document, dict):
        document[last] = value
    else:
        raise UsageError(
            f"{'.'.join(steps)}: what stands above it in the body is no object"
        )


def _child(document: Any, step: str, empty: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    if isinstance(document, list):
        _extend(document, step, empty)
        return document[int(step)]
    if isinstance(document, dict):
        return document.setdefault(step, empty)
    raise UsageError(f"{step}: what stands above it in the body is no object")


def _extend(items: list[Any], step: str, value: Any) -> None:  # noqa: ANN401 - whatever JSON holds
    """Make room for an item at the end of a list."""
    if not step.isdecimal() or int(step) > len(items):
        raise UsageError(
            f"a list with {len(items)} items has no item {step}; the next one is {len(items)}"
        )
    if int(step) == len(items):
        items.append(value)


def _typed(name: str, text: str, place: Schema, root: Schema) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return a value of the type that the schema wants; a text stays as it is."""
    kinds = [kind for option in _options(place, root) for kind in _kinds(option)]
    if not kinds or text.startswith("$"):
        return text
    for kind in kinds:
        value = _as_json(text)
        if kind != "string" and _TYPES[kind](value):
            return value
    if "string" in kinds:
        return text
    raise UsageError(
        f"{name} is to be of type {' or '.join(dict.fromkeys(kinds))}, but {text!r} is not; give another value, "
        "or the whole body by --body"
    )


def _kinds(option: Schema) -> list[str]:
    kind = option.get("type", [])
    return [kind] if isinstance(kind, str) else list(kind)


def _as_json(text: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: (
        isinstance(value, int | float) and not isinstance(value, bool)
    ),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
"""The types of JSON Schema but for texts (JSON Schema Validation 2020-12, section 6.1.1)."""
