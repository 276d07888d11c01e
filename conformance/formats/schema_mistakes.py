"""Says in words what breaks the JSON Schema of a data file: what was expected, what came.

Must not know what the data means.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from conformance.model.wording import count_of

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

Data = Any
"""A value of a data file: mapping, list, text, number, boolean or nothing."""
_LONGEST_VALUE: Final = 60
_TYPES: Final[Mapping[str, str]] = {
    "object": "keys with values (`key: value`)",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "nothing",
}


def _repeated(values: list[Data]) -> Data:
    """Return the first value of a list that stands in it before."""
    return next(value for at, value in enumerate(values) if value in values[:at])


def _needed(schema: Data) -> str:
    names = schema.get("required", ())
    if not names:
        return f"expected {_types(schema.get('type', 'object'))}"
    return f"it needs at least {' and '.join(names)}"


def _forms(branches: list[Any]) -> str:
    """Return the forms of which a value must have one, where each says which keys or which type it has."""
    words = [
        " and ".join(row["required"]) if "required" in row else _types(row["type"])
        for row in branches
        if isinstance(row, dict) and ("required" in row or "type" in row)
    ]
    complete = words and len(words) == len(branches)
    return f": {', or '.join(dict.fromkeys(words))}" if complete else ""


def _types(names: str | list[str]) -> str:
    given = [names] if isinstance(names, str) else names
    return " or ".join(_TYPES[name] for name in given)


def nearest(value: object, known: Iterable[object]) -> str:
    """Return `; did you mean 'x'?` for what is near of what is known, "" where nothing is."""
    from difflib import get_close_matches  # noqa: PLC0415 - needed only where a user has made a mistake

    near = get_close_matches(str(value), list(map(str, known)), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _shown(value: object) -> str:
    """Return a value as it may stand in a line: as YAML has it, cut where it is long."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    if len(text) <= _LONGEST_VALUE:
        return text
    return f"{text[:_LONGEST_VALUE]}… ({count_of(len(text), 'character')})"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else _shown(value)


def mistake_words(error: "ValidationError") -> str:
    """Return what a value breaks, as the one who wrote the file should read it."""
    words = _WORDS.get(str(error.validator))
    if words is None:
        return error.message
    return words(error.instance, error.validator_value, error)


def _type(value: Data, limit: Data, error: "ValidationError") -> str:
    if value is None and not error.absolute_path:
        return f"the file is empty; {_needed(error.schema)}"
    return f"expected {_types(limit)}, not {_shown(value)}"


def _enumerated(value: Data, limit: Data, _: "ValidationError") -> str:
    known = ", ".join(map(_plain, limit))
    return f"expected one of {known}, not {_shown(value)}{nearest(value, limit)}"


def _pattern(value: Data, limit: Data, error: "ValidationError") -> str:
    described = isinstance(error.schema, dict) and error.schema.get("description")
    if described:
        return f"expected {described}, not {_shown(value)}"
    return f"{_shown(value)} has not the form that is wanted here: {limit}"


def _too_few(value: Data, limit: Data, _: "ValidationError") -> str:
    if not value:
        return "there is nothing here; give a value, or leave the key out"
    if isinstance(value, str):
        return f"expected {count_of(limit, 'character')} at least, not {_shown(value)}"
    return f"expected {count_of(limit, 'entry', 'entries')} at least, not {len(value)}"


def _missing(_: Data, __: Data, error: "ValidationError") -> str:
    name = error.message.removesuffix(" is a required property")
    return f"the key {name} is missing"


def _needed_beside(value: Data, limit: Data, _: "ValidationError") -> str:
    """Return in words which key is missing that another one needs (JSON Schema, `dependentRequired`)."""
    lacking = (
        f"the key {need!r} is missing, which {key!r} needs"
        for key, needs in limit.items()
        for need in needs
        if key in value and need not in value
    )
    return next(lacking)


_WORDS: Final[Mapping[str, "Callable[[Data, Data, ValidationError], str]"]] = {
    "type": _type,
    "enum": _enumerated,
    "pattern": _pattern,
    "required": _missing,
    "dependentRequired": _needed_beside,
    "minItems": _too_few,
    "minProperties": _too_few,
    "minLength": _too_few,
    "const": lambda value, limit, _: f"expected {_plain(limit)}, not {_shown(value)}",
    "minimum": lambda value, limit, _: f"expected {limit} or more, not {_shown(value)}",
    "exclusiveMinimum": lambda value, limit, _: (
        f"expected more than {limit}, not {_shown(value)}"
    ),
    "maximum": lambda value, limit, _: f"expected {limit} or less, not {_shown(value)}",
    "uniqueItems": lambda value, *_: (
        f"the list has {_shown(_repeated(value))} twice; name it once"
    ),
    "format": lambda value, limit, _: (
        f"expected a text in the form {limit}, not {_shown(value)}"
    ),
    "anyOf": lambda value, limit, _: (
        f"{_shown(value)} has none of the forms that are allowed here{_forms(limit)}"
    ),
}
"""What breaks each rule, by the value, the rule's own value, and the mistake."""
