"""Says in a few lines how one message differs from another, as a person reads it.

Must not know schemas.
"""

import difflib
from collections.abc import Collection, Iterator
from typing import Final

from conformance.model.case import quoted
from conformance.soap.markup import (
    Element,
    children,
    local,
    local_name,
    namespace,
    parse,
    text,
)
from conformance.soap.xsd.contract import Steps

_MOST: Final = 12


def difference(
    before: str, after: str, ignored: Collection[Steps] = ()
) -> tuple[str, ...]:
    """Return what stands in one message only: `- ` in that before, `+ ` in that after; at most a dozen lines.

    The messages are XML texts; places that are `ignored` do not count. A line is a place below the root with its text,
    such as `+ Criteria/Person/Gender = 'F'`.
    """
    first, second = (
        list(_lines(parse(message.encode()), (), frozenset(ignored)))
        for message in (before, after)
    )
    changed = [
        line for line in difflib.ndiff(first, second) if line[:2] in {"- ", "+ "}
    ]
    if len(changed) > _MOST:
        return (*changed[: _MOST - 1], f"and {len(changed) - _MOST + 1} lines more")
    return tuple(changed)


def _lines(element: Element, path: Steps, ignored: frozenset[Steps]) -> Iterator[str]:
    """Yield a line for each attribute, for each text, and for each element with nothing in it or in a new namespace."""
    for name, value in sorted(
        (str(name), str(value)) for name, value in element.attrib.items()
    ):
        here = (*path, f"@{local_name(name)}")
        if here not in ignored:
            yield f"{'/'.join(here)} = {quoted(value)}"
    inside = children(element)
    above = element.getparent()
    if above is not None and namespace(element) not in {"", namespace(above)}:
        yield f"{'/'.join(path)} in {namespace(element)}"
    if not inside:
        yield f"{'/'.join(path) or 'the request'} = {quoted(text(element))}"
    for child in inside:
        yield from _lines(child, (*path, local(child)), ignored)
