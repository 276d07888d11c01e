"""The steps that sequences for Therapeutic Exclusion are made of."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Verb(StrEnum):
    """What a step does."""

    DECLARE = "declare"
    DECLARE_NAMED = "declare with names"
    DECLARE_AGAIN = "declare again under another profession"
    REVOKE = "revoke"
    CONSULT = "consult"
    HISTORY = "history"
    WAIT = "wait"


DECLARING = frozenset({Verb.DECLARE, Verb.DECLARE_NAMED})
CHANGING = DECLARING | {Verb.DECLARE_AGAIN, Verb.REVOKE}
"""The verbs after which a service may be in another state."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a sequence: what it does, to which party, or with which page size.

    `by` is the token of a representative, "" where the patient acts in person.
    """

    verb: Verb
    party: int = 0
    page_size: int = 0
    by: str = ""

    def __repr__(self) -> str:
        """Return the step as a reader should see it."""
        if self.verb is Verb.HISTORY:
            return (
                f"history(pageSize={self.page_size})" if self.page_size else "history()"
            )
        if self.verb is Verb.WAIT:
            return "wait()"
        return f"{self.verb}({self.party})" + (f" as {self.by}" if self.by else "")


_STEP = re.compile(
    r"(?P<verb>[a-z ]+?)\((?:(?P<party>\d{1,3})|pageSize=(?P<size>\d{1,3}))?\)(?: as (?P<by>\w+))?"
)


def steps_of(words: str) -> tuple[Step, ...]:
    """Return the steps that a sequence was told in; raises ValueError where the words tell of none."""
    return tuple(map(_step_of, words.split(", ")))


def _step_of(word: str) -> Step:
    match = _STEP.fullmatch(word)
    if match is None:
        raise ValueError(f"{word!r} is no step")
    party, size = int(match["party"] or 0), int(match["size"] or 0)
    return Step(Verb(match["verb"]), party, size, match["by"] or "")


def told(steps: Sequence[Step]) -> str:
    """Return steps in words."""
    return ", ".join(map(repr, steps)) or "the start"
