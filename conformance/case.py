"""Test cases as values: what to send, what may come back, and under which conditions.

Must not send anything nor know how an answer is checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What sort of case it is."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    PROPERTY = "property"
    STATEFUL = "stateful"
    SECURITY = "security"


class Effect(StrEnum):
    """What follows when a clause matches an answer."""

    ACCEPT = "accept"
    OBSERVATION = "observation"
    WARNING = "warning"
    VIOLATION = "violation"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class Clause:
    """One reading of an answer: it matches by status (`200`, `4xx`) and, where given, by more.

    `matches` names a schema that the JSON body must fulfil; `codes` are error codes of which the body
    must carry one (`*` for any of the catalogue); `unclaimed` restricts the clause to
    resources that the target does not claim to have; `judge` applies the operation's response checks.
    """

    statuses: tuple[str, ...]
    effect: Effect = Effect.ACCEPT
    matches: str = ""
    codes: tuple[str, ...] = ()
    unclaimed: bool = False
    judge: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Expectation:
    """The readings of an answer, tried in order; an answer that none matches is a violation."""

    name: str
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """A request in the making: an operation, and what differs from its plain form.

    `path` is appended to the operation's path; a header set to None is left out. `parameters` fill the
    path's placeholders, the others make up the query in front of `query`. `token` is the role of the
    access token, with an alteration behind `!`. `json` is the body where it is not None. Texts that
    begin with `$` stand for the target's test data.
    """

    operation: str
    method: str = ""
    path: str = ""
    query: str = ""
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: bytes = b""
    parameters: Mapping[str, str] = field(default_factory=dict)
    token: str = ""
    json: Any = None


@dataclass(frozen=True, slots=True)
class Step:
    """A request before or after the probe, and the statuses that count as its success."""

    request: Template
    statuses: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The places of an operation's answer that a refused request must leave as they are."""

    operation: str
    at: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """A target setting (a list) that says whether the service has the resource under test."""

    setting: str
    value: str


@dataclass(frozen=True, slots=True)
class Case:
    """One test case; `requirements` starts with the one that its expectation verifies.

    `only` restricts the response checks to these requirements; `generate` names the strategy of a
    property; `twin` is the unbroken request that must be accepted for a refusal to mean anything, sent before the
    probe or `twin_after` it; the `preamble` brings the service into the state that the probe needs.
    `procedure` names a function of the suite that plays the case instead of the one request.
    `tls` names the requirement that an answer over TLS shows to be kept.
    """

    id: str
    service: str
    title: str
    kind: Kind
    origin: str
    requirements: tuple[str, ...]
    request: Template
    expectation: Expectation
    twin: Step | None = None
    twin_after: bool = False
    preamble: tuple[Step, ...] = ()
    procedure: str = ""
    only: tuple[str, ...] = ()
    generate: str = ""
    unchanged: Unchanged | None = None
    claim: Claim | None = None
    tls: str = ""
    intrusive: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def requests(self) -> tuple[Template, ...]:
        """Return all requests that the case may send: preamble, twin and probe."""
        twin = (self.twin.request,) if self.twin is not None else ()
        return (*(step.request for step in self.preamble), *twin, self.request)
