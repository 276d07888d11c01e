"""A SOAP answer with all that a check may hold it against, and what a check returns.

Values only: what is held against what stands in the checks themselves.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from string import Template

from conformance.checks.problem import Problem
from conformance.checks.soap_answer import SoapAnswer, value
from conformance.model.contract import CheckRule
from conformance.model.exchange import Exchange, Response
from conformance.soap.xsd.contract import Steps
from conformance.soap.xsd.schemas import SchemaProblem

SUCCESS = "success"
"""The outcome, among those that soap.yaml names, by which a request is served."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An exchange of this run in which a value was given, and the values of its request, by role."""

    exchange: str
    asked: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Documented:
    """What is known of an operation's answers: by its WSDL, by soap.yaml and by the catalogue of errors.

    `element` is what the WSDL has in the Body ("" where it does not say), `request` and `answer` map roles to places;
    `reconstructed` tells that the WSDL is not the service's own; `components` maps error codes to components.
    """

    element: str
    request: Mapping[str, Steps]
    answer: Mapping[str, Steps]
    reconstructed: bool
    outcomes: Mapping[str, str]
    components: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer with all that a check may hold it against.

    `sent` is the request as it was really sent; `outcome` the name of the answer's status code, "" where it has none
    that is documented; `schema_problems` are those of the Body, for a fault of its detail; `of_header` tells of a fault
    about a header block; `occurrences` gives the exchanges in which a value was given, by the check's memory and value.
    """

    exchange: Exchange
    response: Response
    answer: SoapAnswer
    sent: SoapAnswer
    outcome: str
    documented: Documented
    schema_problems: tuple[SchemaProblem, ...]
    of_header: bool
    occurrences: Callable[[str, str], tuple[Occurrence, ...]]

    def value(self, rule: CheckRule) -> str | None:
        """Return what stands at the place that a rule calls `value`, None where nothing does."""
        return value(self.answer, self.documented.answer.get(rule.places["value"]))

    def asked(self, role: str) -> str:
        """Return the value of a role in the request that was really sent, "" where it had none."""
        return value(self.sent, self.documented.request.get(role)) or ""

    def asked_name(self, role: str) -> str:
        """Return the local name of the element or attribute that plays a role in the request."""
        return self.documented.request.get(role, (role,))[-1].removeprefix("@")

    def where(self, rule: CheckRule) -> str:
        """Return the place that a rule calls `value`, from the answer's root on."""
        role = rule.places["value"]
        return "/" + "/".join(self.documented.answer.get(role, (role,)))


@dataclass(frozen=True, slots=True)
class Checked:
    """How often a check was really applied to an answer, and what it has to say."""

    times: int
    problems: tuple[Problem, ...] = ()


NOT_APPLIED = Checked(0)


def once(problems: Iterable[Problem]) -> Checked:
    """Return a check that was applied once, with what it found."""
    return Checked(1, tuple(problems))


def memory_key(rule: CheckRule) -> str:
    """Return under which name the values of a check are remembered."""
    return f"{rule.check} {rule.places['value']}"


def worded(rule: CheckRule, slot: str, **names: str) -> str:
    """Return a text of a check's findings, with the names that it leaves open."""
    return Template(rule.words[slot]).safe_substitute(names)
