"""Reads YAML and JSON files as data and remembers on which line each value stands.

The only home of the yaml library. Must not know what the data means.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from conformance.model.errors import DocumentError

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

    Raises DocumentError with file and line where the file is missing, is not UTF-8, is not
    well-formed, repeats a key, holds what JSON cannot (a key that is no scalar, NaN, infinity), or
    uses aliases (which could expand without bound).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DocumentError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{path}: cannot be read: {error}") from error
    return parse(text, path)


def parse(text: str, path: Path) -> Document:
    """Parse YAML or JSON text that came from `path`; errors as for `read`."""
    if path.suffix == ".json":
        return _parse_json(text, path)
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return Document(path, None, {(): 1})
        lines = dict(_Lines(loader, path).below(node, ()))
        return _finite(Document(path, loader.construct_document(node), lines))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DocumentError(
            f"{path}:{line}: not well-formed YAML: {error.problem}"
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DocumentError(f"{path}: not well-formed YAML: {error}") from error
    finally:
        loader.dispose()


def dump(data: Data) -> str:
    """Return `data` as YAML text, in the order given."""
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)


def _parse_json(text: str, path: Path) -> Document:
    try:
        data = json.loads(text, object_pairs_hook=lambda pairs: _object(pairs, path))
        return _finite(Document(path, data, {(): 1}))
    except json.JSONDecodeError as error:
        raise DocumentError(
            f"{path}:{error.lineno}: not well-formed JSON: {error.msg}"
        ) from error
    except RecursionError as error:
        raise DocumentError(f"{path}: nested too deeply") from error


def _object(pairs: list[tuple[str, Data]], path: Path) -> dict[str, Data]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DocumentError(f"{path}: the key {twice!r} is given twice")
    return members


def _finite(document: Document) -> Document:
    """Return a document of which every number is one that JSON can hold."""
    for pointer, number in _numbers(document.data, ()):
        if not math.isfinite(number):
            where = ".".join(map(str, pointer))
            raise DocumentError(
                f"{document.path}:{document.line(pointer)}: {where}: {number} is not a number of JSON"
            )
    return document


def _numbers(data: Data, pointer: Pointer) -> Iterator[tuple[Pointer, float]]:
    if isinstance(data, float):
        yield pointer, data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from _numbers(value, (*pointer, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _numbers(value, (*pointer, index))


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
            name = self.loader.construct_object(key)
            if name in keys:
                raise DocumentError(
                    f"{self.path}:{line}: the key {name!r} is given twice"
                )
            keys.add(name)
            yield (*pointer, name), line
            yield from self.below(value, (*pointer, name))
