"""Test cases as values: what to send, what may come back, and under which conditions.

Must not send anything nor know how an answer is checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

_SHOWN = 40
"""Characters of a value that a report shows."""


class CaseKind(StrEnum):
    """What sort of case it is."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    PROPERTY = "property"
    STATEFUL = "stateful"
    SECURITY = "security"
    OWN = "own"


SUITE_KINDS = tuple(kind for kind in CaseKind if kind is not CaseKind.OWN)
"""The kinds of the suites' cases; a case of kind own is a test of a user's own."""


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
    """One reading of an answer: it matches by status (`200`, `4xx`; any where empty) and, where given, by more.

    `answer` is what a SOAP answer has to be, `response` or `fault`, `outcomes` the names of status codes of which a
    response must have one, `detail` an element that must stand in it; codes of faults may end with `*`.
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
    answer: str = ""
    outcomes: tuple[str, ...] = ()
    detail: str = ""

    @property
    def welcome(self) -> str:
        """Say in words which answers match, such as `fault SOA-03006 or SOA-03007`, `200, 404`."""
        outcomes = f"with status {' or '.join(self.outcomes)}" if self.outcomes else ""
        codes = (
            " or ".join(code or "without code" for code in self.codes)
            if self.answer
            else ""
        )
        return " ".join(
            filter(None, [self.answer, codes, outcomes, ", ".join(self.statuses)])
        )


@dataclass(frozen=True, slots=True)
class Expectation:
    """The readings of an answer, tried in order; an answer that none matches is a violation."""

    name: str
    clauses: tuple[Clause, ...]


class MutationKind(StrEnum):
    """What an edit does to a valid message."""

    REMOVE = "remove"
    DOUBLE = "double"
    SWAP = "swap"
    ADD = "add"
    WRITE = "write"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class MessageMutation:
    """One change to a valid message before it is signed: at an element or attribute, by its path below the request.

    `text` is what is written (for an attribute that is not there, added), the name of what is added (`{uri}local`; ""
    for an element that nobody declared), or the namespace that an element is moved to ("" for none).
    """

    deed: MutationKind
    path: tuple[str, ...]
    text: str = ""

    def __str__(self) -> str:
        """Say what the edit does, as a report shows it."""
        place = "/".join(self.path) or "the request"
        words = {
            MutationKind.REMOVE: f"{place} left out",
            MutationKind.DOUBLE: f"{place} twice",
            MutationKind.SWAP: f"{place} before its predecessor",
            MutationKind.ADD: f"{self.text.rpartition('}')[2] or 'an unknown element'} added in {place}",
            MutationKind.MOVE: f"{place} in {f'the namespace {self.text}' if self.text else 'no namespace'}",
            MutationKind.WRITE: f"{place} = {quoted(self.text)}",
        }
        return words[self.deed]


@dataclass(frozen=True, slots=True)
class Message:
    """A SOAP message in the making: values by role, and what differs from a valid message.

    `caller` is the name of the caller in the target file, "" for the first of the case's kind. A value of None
    leaves out what is sent otherwise; texts that begin with `$` stand for test data. `remove` names roles to be left
    out, and `replace` gives values to write, although the schema wants it otherwise; `edits` are further changes.
    `mutation` names what is wrong with the message's security, "" for nothing. `body` is the request element as XML
    text where it is not to be built from the values by the WSDL; its id and time are written anew at each sending.
    `forged` is what the mutation puts in the place of what is signed, where it puts something there.
    """

    caller: str = ""
    values: Mapping[str, str | None] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    replace: Mapping[str, str] = field(default_factory=dict)
    edits: tuple[MessageMutation, ...] = ()
    mutation: str = ""
    body: str = ""
    forged: "Message | None" = None


@dataclass(frozen=True, slots=True)
class JsonBody:
    """A JSON body; texts in it that begin with `$` stand for the target's test data."""

    document: Any


Body = bytes | JsonBody | Message
"""What a request carries: bytes as they are, JSON, or a SOAP message that is built by the WSDL and signed."""


@dataclass(frozen=True, slots=True)
class Template:
    """A request in the making: an operation, and what differs from its plain form.

    `path` is appended to the operation's path, or to `instead`, which stands in its place; a header set to None is left
    out. `parameters` fill the path's placeholders, others make up the query in front of `query`. `token` is the role
    of the access token, with an alteration behind `!`. Texts that begin with `$` stand for the target's test data.
    """

    operation: str
    method: str = ""
    path: str = ""
    query: str = ""
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: Body = b""
    parameters: Mapping[str, str] = field(default_factory=dict)
    token: str = ""
    instead: str = ""

    @property
    def message(self) -> Message | None:
        """Return the SOAP message, None where the body is something else."""
        return self.body if isinstance(self.body, Message) else None

    @property
    def document(self) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return the JSON document, None where the body is something else."""
        return self.body.document if isinstance(self.body, JsonBody) else None


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
class ClaimedResource:
    """A target setting (a list) that says whether the service has the resource under test."""

    setting: str
    value: str


@dataclass(frozen=True, slots=True)
class Single:
    """The case's request, sent once."""


@dataclass(frozen=True, slots=True)
class Property:
    """Requests that a strategy of conformance.strategies draws from the case's request."""

    strategy: str


@dataclass(frozen=True, slots=True)
class WsdlProperty:
    """Whole messages that a strategy draws from the types of the WSDL at hand: a name of WSDL_STRATEGIES."""

    strategy: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """The request once for each mutation of a kind that the schema refuses: a name of SWEEP_KINDS."""

    kind: str


@dataclass(frozen=True, slots=True)
class Listed:
    """The request once for each row of values to be set (`values`) or written against the schema (`replace`)."""

    rows: tuple[Mapping[str, Mapping[str, str]], ...]


OTHER_NUMBERS, ODD_LENGTHS = "other-numbers", "odd-lengths"
OWN_NOTATIONS, OTHER_NOTATIONS = "own-notations", "other-notations"
NUMBER_FORMS = frozenset({OTHER_NUMBERS, OWN_NOTATIONS, OTHER_NOTATIONS, ODD_LENGTHS})
"""Numbers of somebody else; the own or another one with blanks, dots and dashes; too few digits, or too many."""


@dataclass(frozen=True, slots=True)
class OtherNumbers:
    """The request once for each number of a form in the place of the caller's own: a name of NUMBER_FORMS."""

    form: str = OTHER_NUMBERS


@dataclass(frozen=True, slots=True)
class Scripted:
    """A procedure of the service's suite, by name, with what it takes from the case."""

    procedure: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Forgery:
    """Two requests of which one is signed, and the other is forged in its place; by itself, signed, that one is served.

    Where the signed one is `refused` by itself, a success tells that the forged one was processed.
    """

    signed: Template
    forged: Template
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Forgeries:
    """The request broken by its mutation, once for each pair of what is signed and what is forged in its place."""

    pairs: tuple[Forgery, ...]


Mutated = Sweep | Listed | OtherNumbers
Probe = Single | Property | WsdlProperty | Mutated | Forgeries | Scripted
"""How a case probes the service."""

VALID_MESSAGES, BROKEN_MESSAGES = "valid-messages", "broken-messages"
WSDL_STRATEGIES = frozenset({VALID_MESSAGES, BROKEN_MESSAGES})
SWEEP_KINDS = frozenset(
    {
        "elements-missing",
        "elements-doubled",
        "elements-unknown",
        "elements-surplus",
        "elements-swapped",
        "namespaces-wrong",
        "attributes-broken",
        "values-broken",
    }
)
"""Kinds of mutations of a message, element by element."""


@dataclass(frozen=True, slots=True)
class Case:
    """One test case; `requirements` starts with the one that its expectation verifies.

    `probe` says what becomes of the case's request; `only` restricts the response checks to these requirements.
    `control` is the positive control: the unbroken request that must be accepted for a refusal to mean anything, sent
    before the probe or (`control_after`) after it; the `preamble` brings the service into the state that the probe
    needs. `tls` names the requirement that an answer over TLS shows to be kept. `caller` is the kind of caller that
    plays the case, each caller of it in turn ("" for the first caller of any kind); `words` names the printed text
    that a refusal has. With `other_callers` one caller of each kind and type of key plays it, but the first caller's.
    The `availability_probe` is a request that shows, where the probe's answer tells of an outage, whether the service
    is there at all. A `thorough` case takes thousands of requests.
    """

    id: str
    service: str
    title: str
    kind: CaseKind
    origin: str
    requirements: tuple[str, ...]
    request: Template
    expectation: Expectation
    control: Step | None = None
    control_after: bool = False
    preamble: tuple[Step, ...] = ()
    probe: Probe = Single()
    only: tuple[str, ...] = ()
    unchanged: Unchanged | None = None
    claim: ClaimedResource | None = None
    tls: str = ""
    intrusive: bool = False
    caller: str = ""
    other_callers: bool = False
    words: str = ""
    availability_probe: Step | None = None
    thorough: bool = False

    @property
    def procedure(self) -> str | None:
        """Return the procedure that plays the case, None where none does."""
        return self.probe.procedure if isinstance(self.probe, Scripted) else None

    @property
    def requests(self) -> tuple[Template, ...]:
        """Return all requests that the case may send: preamble, positive control and probe."""
        control = (self.control.request,) if self.control is not None else ()
        return (*(step.request for step in self.preamble), *control, self.request)


def quoted(value: str) -> str:
    """Return a value in quotes, cut where it is long, with its length then."""
    return (
        repr(value)
        if len(value) <= _SHOWN
        else f"{value[:_SHOWN]!r}... ({len(value)} characters)"
    )
