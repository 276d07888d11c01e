"""The formats of the project's own data files: JSON Schemas, mistakes in words, suggestions.

Must not know what the data means.
"""

import functools
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs

from conformance.formats import documents
from conformance.formats.documents import Document, Pointer
from conformance.formats.schema_mistakes import mistake_words, nearest
from conformance.model.errors import SpecError

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

SECRET_KEYS = frozenset({"tokens", "password"})
"""Keys of a target file whose content is never repeated in a message."""
_MOST_MISTAKES: Final = 20
"""Mistakes of one file that are told; somebody who has made more has taken the wrong file."""


@functools.cache
def specs_root() -> Path:
    """Return the folder of the specs: inside the installed package, else beside it in a clone."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "specs"
    return installed if installed.is_dir() else package.parent / "specs"


def services_below(root: Path) -> tuple[str, ...]:
    """Return the ids of all services that have a spec folder below a folder, in alphabetical order."""
    found = {path.parent.parent.name for path in root.glob("*/*/service.yaml")}
    return tuple(sorted(found))


@functools.cache
def load_format(name: str, root: Path | None = None) -> Mapping[str, Any]:
    """Return the JSON Schema specs/formats/NAME.schema.json."""
    schema: Mapping[str, Any] = documents.read(
        (root or specs_root()) / "formats" / f"{name}.schema.json"
    ).data
    return schema


_MOST_LISTED = 40
"""Names that a message lists where none is near to what was written."""


def format_problems(
    document: Document, schema: Mapping[str, Any]
) -> Iterator[tuple[Pointer, str]]:
    """Yield, for each mistake in a data file, where it stands and what is wrong, as a user should read it."""
    if jsonschema_rs.validator_for(dict(schema)).is_valid(document.data):
        return  # many times faster than what tells mistakes in words
    import jsonschema  # noqa: PLC0415 - needed for mistakes only

    validator = jsonschema.Draft202012Validator(schema)
    errors = sorted(
        islice(validator.iter_errors(document.data), _MOST_MISTAKES),
        key=lambda found: [str(part) for part in found.path],
    )
    mistakes = (mistake for error in errors for mistake in _readable(error))
    yield from islice(mistakes, _MOST_MISTAKES)
    if next(mistakes, None) is not None:
        yield (), f"more than {_MOST_MISTAKES} mistakes; is this the right file?"


def _readable(error: "ValidationError") -> Iterator[tuple[Pointer, str]]:
    path = tuple(error.absolute_path)
    if (
        error.validator == "additionalProperties"
        and isinstance(error.schema, dict)
        and isinstance(error.instance, dict)
    ):
        known = error.schema.get("properties", {})
        for key in error.instance:
            if key not in known:
                yield (*path, key), f"unknown key {key!r}{suggestion(str(key), known)}"
        return
    where = ".".join(str(part) for part in path)
    if SECRET_KEYS & {*path}:
        yield path, f"{where}: {_hidden(error)}"
        return
    words = mistake_words(error)
    yield path, f"{where}: {words}" if where else words


def _hidden(error: "ValidationError") -> str:
    """Return what is wrong where a secret may stand, in words that show nothing of it."""
    if error.validator == "required":
        return f"{mistake_words(error)}; add it"  # the name is the schema's
    if error.validator == "enum" and isinstance(error.schema, dict):
        return f"write one of {', '.join(error.schema['enum'])}"
    what = "it is empty" if error.instance == "" else "not a secret's reference"
    return f"{what}; write {{env: NAME}}, {{file: PATH}} or {{command: [...]}}"


def suggestion(word: str, known: Mapping[str, Any] | tuple[str, ...]) -> str:
    """Return `; did you mean 'x'?`, or the list of what is known where nothing is near.

    A list that nobody reads is left out.
    """
    names = sorted(known)
    near = nearest(word, names)
    if near:
        return near
    if len(names) > _MOST_LISTED:
        return f"; {len(names)} are known: see `ehealth-conformance list --help`"
    return f"; known are: {', '.join(names)}" if names else ""


def known_names(word: str, known: Mapping[str, Any] | tuple[str, ...]) -> str:
    """Return the nearest of some names as a suggestion, and all of them in their order, for the end of a message."""
    if not known:
        return "; there are none"
    near = suggestion(word, known)
    nearest = near if near.endswith("?") else "."
    return f"{nearest} Known are: {', '.join(known)}"


def read_valid(path: Path, form: str, root: Path) -> Document:
    """Return a data file that is valid by its format; raises SpecError with every mistake, by line."""
    document = documents.read(path)
    schema = load_format(form, root)
    problems = [
        f"{path}:{document.line(at)}: {text}"
        for at, text in format_problems(document, schema)
    ]
    if problems:
        raise SpecError(problems)
    return document


MOST_LEVELS: Final = 64
"""Levels of lists and objects in what another program is said to have written."""


def shape_problem(data: Any, form: str) -> str:  # noqa: ANN401 - whatever JSON holds
    """Return where data read back breaks the format NAME first, "" where it does not; nothing of it is quoted."""
    if _is_deeper(data, MOST_LEVELS):
        return f"it is nested more than {MOST_LEVELS} levels deep"
    error = next(_shape(form).iter_errors(data), None)
    if error is None:
        return ""
    where = "/".join(str(step)[:_LONGEST_STEP] for step in error.instance_path)
    broken = str(error.schema_path[-1]) if error.schema_path else "its form"
    return f"{where or 'the whole'} breaks {broken!r} of the format {form}"


_LONGEST_STEP: Final = 60
"""Characters of a key that a message has as a part of a place."""


@functools.cache
def _shape(form: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(dict(load_format(form)))


def _is_deeper(data: Any, levels: int) -> bool:  # noqa: ANN401 - whatever JSON holds
    """Tell whether lists and objects stand in one another more often than so many times."""
    layer = [data]
    for _ in range(levels):
        inside = (
            value.values() if isinstance(value, dict) else value
            for value in layer
            if isinstance(value, dict | list)
        )
        layer = [value for values in inside for value in values]
        if not layer:
            return False
    return True
