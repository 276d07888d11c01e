"""Reads YAML and JSON files as data and remembers on which line each value stands.

The only home of the yaml library. Must not know what the data means.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from conformance.errors import DocumentError

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


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """A SafeLoader for which dates stay text: a contract's `2025-05-09` is a string."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(path: Path) -> Document:
    """Read a YAML or JSON file (by its ending).

    Raises DocumentError with file and line where the file is missing, is not UTF-8, is not
    well-formed, repeats a key, or uses anchors (which could expand without bound).
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
        lines = dict(_lines(node, (), path))
        return Document(path, loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DocumentError(f"{path}:{line}: not well-formed YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DocumentError(f"{path}: not well-formed YAML: {error}") from error
    finally:
        loader.dispose()


def dump(data: Data) -> str:
    """Return `data` as YAML text, in the order given."""
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)


def _parse_json(text: str, path: Path) -> Document:
    try:
        return Document(path, json.loads(text), {(): 1})
    except json.JSONDecodeError as error:
        raise DocumentError(f"{path}:{error.lineno}: not well-formed JSON: {error.msg}") from error
    except RecursionError as error:
        raise DocumentError(f"{path}: nested too deeply") from error


def _lines(node: yaml.Node, pointer: Pointer, path: Path) -> Iterator[tuple[Pointer, int]]:
    """Yield the line of each value; a mapping's value counts from the line of its key."""
    if not pointer:
        yield pointer, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                raise DocumentError(f"{path}:{line}: the key {key.value!r} is given twice")
            seen.add(key.value)
            yield (*pointer, key.value), line
            yield from _lines(value, (*pointer, key.value), path)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*pointer, index), value.start_mark.line + 1
            yield from _lines(value, (*pointer, index), path)
