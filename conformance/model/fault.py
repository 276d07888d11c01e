"""Seeded faults as values: single mistakes that the local platform can be told to make.

A fault says which exchanges it touches, what the service sees instead of what was sent, and what becomes of its
answer. Must not know any service, nor how a fault is acted out.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class FaultConsequence(StrEnum):
    """What a fault has to lead to: a finding of this severity, or a case that cannot be decided."""

    VIOLATION = "violation"
    WARNING = "warning"
    OBSERVATION = "observation"
    INCONCLUSIVE = "inconclusive"


Fields = Mapping[str, re.Pattern[str] | None]
"""Expressions for whole values by name; None: the field is not there."""


@dataclass(frozen=True, slots=True)
class Entries:
    """The answer is a list with as many entries as a query parameter says, and `plus` more."""

    parameter: str
    plus: int = 0


@dataclass(frozen=True, slots=True)
class When:
    """Which exchanges a fault touches: those for which all that is given holds.

    `target` is the path with the query string behind it as it was sent.
    `tokens` are roles, `none` for no token at all, `other` for one that is not the platform's own. `after` are the
    operations of the last successful requests, those for other operations left out. `every` counts what has matched.
    With `beside` another such request has to be under way; one that is alone waits so many seconds for it.
    """

    operations: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    path: re.Pattern[str] | None = None
    target: re.Pattern[str] | None = None
    query: Fields = field(default_factory=dict)
    headers: Fields = field(default_factory=dict)
    body: re.Pattern[str] | None = None
    tokens: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    says: re.Pattern[str] | None = None
    entries: Entries | None = None
    after: tuple[str, ...] = ()
    every: int = 1
    beside: float = 0.0


class FaultAction(StrEnum):
    """What an edit does at each place."""

    WRITE = "write"
    REMOVE = "remove"
    RENAME = "rename"
    MOVE = "move"
    REPEAT = "repeat"
    REVERSE = "reverse"
    FIRST = "first"
    REST = "rest"
    TEXT = "text"
    NUMBER = "number"
    WRAP = "wrap"


@dataclass(frozen=True, slots=True)
class FaultEdit:
    """One change to a JSON or XML document.

    `at` is a JSON pointer in which `*` stands for each entry or member and `-` for the last entry, or an ElementPath
    that begins with a dot, with `/@name` at its end for an attribute. `write` puts a value there (a new member, entry
    or attribute too), `rename` gives a member or element another name (`{uri}local`, `{}local`), `move` puts an
    element behind all others below the one at another ElementPath, `repeat` adds a copy behind; of a list `reverse`,
    `first` and `rest` keep what they say; `text` and `number` change a value's type; `wrap` puts it into a list.
    """

    at: str
    deed: FaultAction = FaultAction.WRITE
    value: Any = None


@dataclass(frozen=True, slots=True)
class Replacement:
    """An expression, and what stands in the place of all that it matches."""

    text: re.Pattern[str]
    by: str


@dataclass(frozen=True, slots=True)
class Ask:
    """What the service sees instead of what was sent, edits before text; with a `status` it is not asked at all."""

    status: int | None = None
    body: str = ""
    method: str = ""
    query: Mapping[str, str | None] = field(default_factory=dict)
    add: Mapping[str, int] = field(default_factory=dict)
    headers: Mapping[str, str | None] = field(default_factory=dict)
    token: str = ""
    path: Replacement | None = None
    edits: tuple[FaultEdit, ...] = ()
    replace: Replacement | None = None
    twice: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of the service's answer, in this order: an older one, edits, text, bytes, length, head, and a wait.

    `encoding` is the one that the text is sent in.
    """

    status: int | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: str | None = None
    edits: tuple[FaultEdit, ...] = ()
    replace: Replacement | None = None
    encoding: str = ""
    keep: int | None = None
    stale: int = 0
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake: what it breaks, the requirements of which a finding explains it, and what has to be found.

    The first of `requirements` is the one that is broken; the others are broken by the same mistake. `without` names
    checks of the platform that are left out. A `thorough` fault is found by cases that take thousands of requests.
    """

    id: str
    breaks: str
    requirements: tuple[str, ...]
    expected: FaultConsequence = FaultConsequence.VIOLATION
    when: When = When()
    ask: Ask = Ask()
    answer: Answer = Answer()
    without: tuple[str, ...] = ()
    thorough: bool = False

    @property
    def service(self) -> str:
        """Return the service that makes the mistake."""
        return self.id.partition("/")[0]


def read_fault(row: Mapping[str, Any]) -> Fault:
    """Return the fault of a row of a faults.yaml; raises re.error where an expression is none."""
    return Fault(
        id=row["id"],
        breaks=row["breaks"],
        requirements=tuple(row["requirements"]),
        expected=FaultConsequence(row.get("severity", FaultConsequence.VIOLATION)),
        when=_when(row.get("when", {})),
        ask=_ask(row.get("ask", {})),
        answer=_answer(row.get("answer", {})),
        without=tuple(row.get("without", ())),
        thorough=row.get("thorough", False),
    )


def _when(row: Mapping[str, Any]) -> When:
    entries = row.get("entries")
    return When(
        operations=tuple(row.get("operation", ())),
        methods=tuple(row.get("method", ())),
        path=_expression(row.get("path")),
        target=_expression(row.get("target")),
        query={name: _expression(text) for name, text in row.get("query", {}).items()},
        headers={
            name: _expression(text) for name, text in row.get("headers", {}).items()
        },
        body=_expression(row.get("body")),
        tokens=tuple(row.get("token", ())),
        statuses=tuple(row.get("status", ())),
        says=_expression(row.get("says")),
        entries=Entries(entries["of"], entries.get("plus", 0)) if entries else None,
        after=tuple(row.get("after", ())),
        every=row.get("every", 1),
        beside=row.get("beside", 0.0),
    )


def _ask(row: Mapping[str, Any]) -> Ask:
    given = {name: row[name] for name in row.keys() - {"path", "edits", "replace"}}
    path, text = (_replacement(row.get(name)) for name in ("path", "replace"))
    return Ask(**given, path=path, edits=_edits(row), replace=text)


def _answer(row: Mapping[str, Any]) -> Answer:
    given = {name: row[name] for name in row.keys() - {"replace", "edits"}}
    return Answer(**given, replace=_replacement(row.get("replace")), edits=_edits(row))


def _edits(row: Mapping[str, Any]) -> tuple[FaultEdit, ...]:
    return tuple(
        FaultEdit(
            one["at"], FaultAction(one.get("do", FaultAction.WRITE)), one.get("value")
        )
        for one in row.get("edits", ())
    )


def _replacement(row: Mapping[str, str] | None) -> Replacement | None:
    return Replacement(re.compile(row["text"]), row["by"]) if row else None


def _expression(text: str | None) -> re.Pattern[str] | None:
    return re.compile(text) if text is not None else None
