"""What a session says before its first test: whose options hold, whose identity was never filled in, what is not read.

Must not decide anything.
"""

from collections.abc import Iterator

import pytest

from conformance.formats.unread_specs import unread_specs_note
from conformance.plugin import TAKEN
from conformance.target.placeholders import unfilled_identity
from conformance.target.target import Target


def header_lines(config: pytest.Config, target: Target) -> list[str]:
    """Return the lines for the top of pytest's output."""
    return [f"conformance: {line}" for line in _announced(config, target)]


def options_taken(config: pytest.Config) -> list[str]:
    """Return a line that names the options of the project around the suites; the target may be another."""
    taken = config.stash.get(TAKEN, None)
    if not taken:
        return []
    return [
        f"this project has its own {', '.join(taken)}; set the ini keys instead (docs/pytest.md)"
    ]


def _announced(config: pytest.Config, target: Target) -> Iterator[str]:
    yield from options_taken(config)
    for message, remedy in unfilled_identity(target):
        yield f"warning: {message}; {remedy}"
    note = unread_specs_note()
    if note:
        yield f"note: {note}"
