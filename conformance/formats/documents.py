"""Reads YAML and JSON files as data and remembers on which line each value stands.

The only home of the yaml library. Must not know what the data means.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from conformance.files.reading import UnreadableFileError, read_bounded
from conformance.model.errors import DocumentError

LARGEST: Final = 512 * 2**10
"""Bytes that a file may have: the longest of our own has a fifth of it, and reading it takes a second or two."""
_DEEPEST: Final = 64
"""Lists and objects within one another."""
_LONGEST_NUMBER: Final = 100
"""Characters of a number; beyond, one of base 60 takes minutes to read."""
_NUMBERS: Final = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
Pointer = tuple[str | int, ...]
Data = Any
"""What JSON can hold: dict, list, str, int, float, bool, None."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file's data with the line (from 1) of each value, by its path of keys and indexes."""

    path: Path
    data: Data
    lines: Mapping[Pointer, int]

    def line(self, pointer: Pointer) -> int:
        """Return the line of the value at `pointer`, or of its nearest ancestor that is known."""
        for length in range(len(pointer), -1, -1):
            if pointer[:length] in self.lines:
                return self.lines[pointer[:length]]
        return 1


def report_file(name: str) -> Path:
    """Return a data file of the reports: inside the installed package, else in the clone's reports folder."""
    package = Path(__file__).parents[1]
    installed = package / "reporting" / name
    return installed if installed.exists() else package.parent / "reports" / name


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """A SafeLoader for which dates stay text: a contract's `2025-05-09` is a string."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, regexp)
        for tag, regexp in resolvers
        if tag != "tag:yaml.org,2002:timestamp"
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(path: Path) -> Document:
    """Read a YAML or JSON file (by its ending).

    Raises DocumentError with file and line where the file is missing, larger than LARGEST, no file, not UTF-8, not
    well-formed or nested too deeply, repeats a key, holds what JSON cannot (a key that is no scalar, NaN, infinity), or
    uses aliases (which could expand without bound).
    """
    try:
        text = _decoded(read_bounded(path, LARGEST), path)
    except UnreadableFileError as error:
        raise DocumentError(error.about(path)) from None
    return parse(text.replace("\r\n", "\n").replace("\r", "\n"), path)


def _decoded(data: bytes, path: Path) -> str:
    if b"\0" in data[:4]:
        raise _undecodable(data, 0, path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _undecodable(data, error.start, path) from None


def _undecodable(data: bytes, at: int, path: Path) -> DocumentError:
    from conformance.formats.yaml_mistakes import encoding_words  # noqa: PLC0415 - needed for mistakes only

    return DocumentError(f"{path}: cannot be read: {encoding_words(data, at)}")


def _control_character(text: str) -> tuple[int, str] | None:
    """Return line and code of the first control character that YAML has no place for (YAML 1.1, 5.1), None else."""
    found = re.search(
        r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text
    )
    if found is None:
        return None
    return text.count("\n", 0, found.start()) + 1, f"U+{ord(found.group()):04X}"


def parse(text: str, path: Path) -> Document:
    """Parse YAML or JSON text that came from `path`; errors as for `read`."""
    if path.suffix == ".json":
        return _parse_json(text, path)
    bad = _control_character(text)
    if bad is not None:
        line, code = bad
        raise DocumentError(
            f"{path}:{line}: not well-formed YAML: the control character {code}; remove it"
        )
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return Document(path, None, {(): 1})
        lines = dict(_Lines(loader, path).below(node, ()))
        return _checked(Document(path, loader.construct_document(node), lines))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        from conformance.formats.yaml_mistakes import yaml_words  # noqa: PLC0415 - needed for mistakes only

        words = yaml_words(str(error.problem), _character_at(text, error.problem_mark))
        raise DocumentError(f"{path}:{line}: not well-formed YAML: {words}") from error
    except RecursionError as error:
        raise DocumentError(f"{path}: nested too deeply") from error
    except (yaml.YAMLError, ValueError) as error:
        raise DocumentError(
            f"{path}: not well-formed YAML: a value does not fit its tag (!!...); leave the tag out"
        ) from error
    finally:
        loader.dispose()


def dump(data: Data) -> str:
    """Return `data` as YAML text, in the order given."""
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)


def _character_at(text: str, mark: yaml.Mark | None) -> str:
    """Return the character at which the reader stopped, "" at the end."""
    lines = text.split("\n")
    if mark is None or mark.line >= len(lines):
        return ""
    return lines[mark.line][mark.column : mark.column + 1]


def _parse_json(text: str, path: Path) -> Document:
    try:
        data = json.loads(
            text,
            object_pairs_hook=lambda pairs: _object(pairs, path),
            parse_int=lambda digits: int(_short_number(digits, f"{path}")),
            parse_float=lambda digits: float(_short_number(digits, f"{path}")),
        )
        return _checked(Document(path, data, {(): 1}))
    except json.JSONDecodeError as error:
        from conformance.formats.yaml_mistakes import json_words  # noqa: PLC0415 - needed for mistakes only

        raise DocumentError(
            f"{path}:{error.lineno}: not well-formed JSON: {json_words(error.msg)}"
        ) from error
    except RecursionError as error:
        raise DocumentError(f"{path}: nested too deeply") from error


def _object(pairs: list[tuple[str, Data]], path: Path) -> dict[str, Data]:
    members = dict(pairs)
    if len(members) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice, _ = counts.most_common(1)[0]
        raise DocumentError(f"{path}: the key {twice!r} is given twice")
    return members


def _short_number(digits: str, place: str) -> str:
    if len(digits) > _LONGEST_NUMBER:
        raise DocumentError(
            f"{place}: a number of {len(digits)} characters; write it with {_LONGEST_NUMBER} at most"
        )
    return digits


def _checked(document: Document) -> Document:
    """Return a document of which every number and every text is one that JSON can hold."""
    for pointer, value in _scalars(document.data, ()):
        problem = _problem(value)
        if problem:
            where = ".".join(map(str, pointer))
            line = document.line(pointer)
            raise DocumentError(f"{document.path}:{line}: {where}: {problem}")
    return document


def _problem(value: float | str) -> str:
    """Return what keeps a number or a text from being one of JSON, "" for nothing."""
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"{value} is not a number of JSON"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "a text with half of a character; write the whole character"
    return ""


def _scalars(data: Data, pointer: Pointer) -> Iterator[tuple[Pointer, float | str]]:
    """Yield the numbers with a fraction and the texts of a document; raises RecursionError where it is too deep."""
    if len(pointer) > _DEEPEST:
        raise RecursionError("nested too deeply")
    if isinstance(data, float | str):
        yield pointer, data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from _scalars(value, (*pointer, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _scalars(value, (*pointer, index))


@dataclass(slots=True)
class _Lines:
    """Finds the line of each value of a YAML file, and refuses keys given twice, keys that are no text, and aliases."""

    loader: _Loader
    path: Path
    seen: set[int] = field(default_factory=set)

    def below(self, node: yaml.Node, pointer: Pointer) -> Iterator[tuple[Pointer, int]]:
        """Yield the line of a value and of what it holds; a mapping's value counts from the line of its key."""
        if id(node) in self.seen:
            line = node.start_mark.line + 1
            raise DocumentError(
                f"{self.path}:{line}: an alias refers to this value; write it out where it is used"
            )
        self.seen.add(id(node))
        if len(pointer) > _DEEPEST:
            line = node.start_mark.line + 1
            raise DocumentError(f"{self.path}:{line}: nested too deeply")
        self._demand_short(node)
        if not pointer:
            yield pointer, node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            yield from self._mapping(node, pointer)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                yield (*pointer, index), value.start_mark.line + 1
                yield from self.below(value, (*pointer, index))

    def _mapping(
        self, node: yaml.MappingNode, pointer: Pointer
    ) -> Iterator[tuple[Pointer, int]]:
        keys = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise DocumentError(
                    f"{self.path}:{line}: a key is a text, not a list or an object"
                )
            self._demand_short(key)
            name = self.loader.construct_object(key)
            if name in keys:
                raise DocumentError(
                    f"{self.path}:{line}: the key {name!r} is given twice"
                )
            keys.add(name)
            yield (*pointer, name), line
            yield from self.below(value, (*pointer, name))

    def _demand_short(self, node: yaml.Node) -> None:
        """Raise DocumentError for a number of too many characters, before anybody reads it as one."""
        if isinstance(node, yaml.ScalarNode) and node.tag in _NUMBERS:
            _short_number(node.value, f"{self.path}:{node.start_mark.line + 1}")
