"""Applies the checks of the table to SOAP answers, as a soap.yaml binds them to requirements.

Here problems of SOAP answers meet requirements and levels. Must not know what a case expects.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from conformance.checks.damaged.soap_damage import (
    certain_problems,
    certain_schema_problems,
)
from conformance.checks.problem import Problem
from conformance.checks.soap_answer import (
    FAULT,
    OTHER,
    RESPONSE,
    SoapAnswer,
    http_line,
    read_answer,
    value,
)
from conformance.checks.soap_answered import (
    Answered,
    Checked,
    Documented,
    memory_key,
)
from conformance.checks.soap_fault import blames_header, speaks_of_security
from conformance.checks.soap_rules import (
    CHECKS,
    Scope,
    in_order,
    missing_places,
    with_words,
)
from conformance.contracts.binding import Binding, BoundOperation
from conformance.judging.findings import finding_of
from conformance.judging.forged import request_answered
from conformance.judging.memory import RunMemory
from conformance.judging.outcome import allowance, no_clock, stopped
from conformance.model.contract import CheckRule, Contract, SoapRules
from conformance.model.errors import SpecError
from conformance.model.exchange import Exchange, Response
from conformance.model.verdict import Finding, Judgement
from conformance.soap.markup import Element, XmlError, children, local, parse
from conformance.soap.xsd.schemas import SchemaProblem, SchemaSet

_STATUS_ROLE = "status_code"
"""The role of names.yaml that tells the outcome, unless soap.yaml binds another one."""


@dataclass(frozen=True, slots=True)
class SoapReading:
    """An exchange's answer as SOAP, the operation that it belongs to, and the name of its status code ("" for none)."""

    exchange: Exchange
    response: Response
    answer: SoapAnswer
    bound: BoundOperation | None
    outcome: str

    @property
    def summary(self) -> str:
        """Return in a few words what came."""
        if self.answer.kind == FAULT:
            return f"fault {self.answer.code or 'without code'}"
        if self.answer.kind == RESPONSE:
            return f"response with status {self.outcome or 'unknown'}"
        return http_line(self.response)


def read_soap(
    exchange: Exchange,
    response: Response,
    rules: SoapRules,
    binding: Binding,
    operation: str = "",
) -> SoapReading:
    """Return what an answer is, by the fault elements that the WSDL declares for an operation, else for any."""
    bound = binding.bound.get(operation)
    known = [bound] if bound is not None else binding.bound.values()
    faults = {name for one in known for name in one.operation.faults}
    answer = read_answer(response, faults)
    outcome = _outcome(answer, bound, rules)
    return SoapReading(exchange, response, answer, bound, outcome)


def _outcome(answer: SoapAnswer, bound: BoundOperation | None, rules: SoapRules) -> str:
    """Return the name of a response's status code, "" where it has none that is known."""
    if answer.kind != RESPONSE or bound is None:
        return ""
    rule = rules.rule_of("documented-outcome")
    role = rule.places["value"] if rule is not None else _STATUS_ROLE
    code = value(answer, bound.answer.get(role))
    return next((name for name, urn in rules.outcomes.items() if urn == code), "")


@dataclass(slots=True)
class AnswerChecks:
    """The checks of one service's answers; `errors` is the schema of the platform's faults."""

    contract: Contract
    rules: SoapRules
    binding: Binding
    errors: SchemaSet
    memory: RunMemory
    clock: Callable[[], float] = no_clock
    _by_scope: Mapping[Scope, tuple[CheckRule, ...]] = field(init=False)

    def __post_init__(self) -> None:
        """Put the bindings of soap.yaml into the order of the table.

        Raises SpecError where a binding does not give what its check needs.
        """
        bound = [
            *self.rules.answer_checks,
            *self.rules.messages.values(),
            *self.rules.message_values.values(),
        ]
        missing = [problem for rule in bound for problem in missing_places(rule)]
        if missing:
            raise SpecError([f"soap.yaml: {problem}" for problem in missing])
        self._by_scope = {
            scope: tuple(map(with_words, in_order(self.rules.answer_checks, scope)))
            for scope in Scope
        }

    def answered(self, reading: SoapReading, *, breaks_header: bool) -> Answered:
        """Return an answer with all that a check may hold it against.

        `breaks_header` tells that something is wrong in the header of the message that was sent.
        """
        answer, bound = reading.answer, reading.bound
        return Answered(
            exchange=reading.exchange,
            response=reading.response,
            answer=answer,
            sent=_sent(reading.exchange, answer, bound, self.rules),
            outcome=reading.outcome,
            documented=self._documented(bound),
            schema_problems=tuple(self._schema_problems(answer, bound)),
            of_header=breaks_header
            or blames_header(answer)
            or answer.code in self.rules.gates,
            occurrences=self.memory.occurrences,
        )

    def apply(self, answered: Answered, *, is_bound: bool) -> Judgement:
        """Apply the checks of a response or fault; `is_bound` tells that the WSDL has the operation."""
        findings: list[Finding] = []
        evaluated: Counter[str] = Counter()
        time = allowance(self.clock)
        for scope in _scopes(answered.answer, is_bound=is_bound):
            for rule in self._by_scope[scope]:
                if time.is_spent:
                    return stopped(Judgement(tuple(findings), +evaluated))
                self._remember(answered, rule)
                checked = CHECKS[rule.check].function(answered, rule)
                findings += self._findings(rule, checked, answered.answer)
                evaluated[rule.requirement] += checked.times
        return Judgement(tuple(findings), +evaluated)

    def apply_rule(self, answered: Answered, rule: CheckRule) -> Judgement:
        """Apply one check, and lay what it finds to its requirement."""
        checked = CHECKS[rule.check].function(answered, with_words(rule))
        evaluated = +Counter({rule.requirement: checked.times})
        findings = self._findings(rule, checked, answered.answer)
        return Judgement(tuple(findings), evaluated)

    def _findings(
        self, rule: CheckRule, checked: Checked, answer: SoapAnswer
    ) -> Iterator[Finding]:
        """Yield what a check has to say, of a damaged answer what holds whatever was lost."""
        problems: Iterable[Problem] = checked.problems
        if answer.damage is not None and answer.body is not None:
            is_fault = answer.kind == FAULT
            problems = certain_problems(
                problems, answer.damage, answer.body, deep=is_fault
            )
        for problem in problems:
            shown = replace(problem, actual=problem.actual or "empty")
            yield finding_of(self.contract, rule.requirement, shown)

    def _remember(self, answered: Answered, rule: CheckRule) -> None:
        remembers = CHECKS[rule.check].remembers
        remembered = remembers(answered, rule) if remembers is not None else None
        if remembered is not None:
            given, occurrence = remembered
            self.memory.remember(memory_key(rule), given, occurrence)

    def _documented(self, bound: BoundOperation | None) -> Documented:
        return Documented(
            element=bound.operation.response if bound is not None else "",
            request=bound.request if bound is not None else {},
            answer=bound.answer if bound is not None else {},
            reconstructed=self.binding.reconstructed,
            outcomes=self.rules.outcomes,
            components={
                code: row.component for code, row in self.contract.errors.items()
            },
        )

    def _schema_problems(
        self, answer: SoapAnswer, bound: BoundOperation | None
    ) -> list[SchemaProblem]:
        """Return what the schemas say of a response's Body, or of the element in a fault's detail."""
        if answer.declared is not None:
            found = self.binding.contract.problems(answer.declared)
            return _certain(found, answer, answer.declared)
        if answer.error is not None:
            return _certain(self.errors.problems(answer.error), answer, answer.error)
        if answer.kind != RESPONSE or answer.body is None or bound is None:
            return []
        if bound.operation.response not in ("", answer.body.tag):
            return []  # another element than the WSDL says, which the check of the schema finds
        found = self.binding.contract.problems(answer.body)
        return _certain(found, answer, answer.body)


def _certain(
    found: list[SchemaProblem], answer: SoapAnswer, element: Element
) -> list[SchemaProblem]:
    """Return what holds of a damaged answer whatever was lost."""
    if answer.damage is None:
        return found
    return list(certain_schema_problems(found, answer.damage, element))


def _scopes(answer: SoapAnswer, *, is_bound: bool) -> tuple[Scope, ...]:
    """Return which checks a response or a fault gets."""
    if speaks_of_security(answer):
        # An engine of WS-Security before the service answers in the words of WS-Security 1.1, section 12.
        return (Scope.MESSAGE,)
    if answer.kind == FAULT:
        return Scope.MESSAGE, Scope.FAULT
    return (Scope.MESSAGE, Scope.RESPONSE) if is_bound else (Scope.MESSAGE,)


def _sent(
    exchange: Exchange,
    answer: SoapAnswer,
    bound: BoundOperation | None,
    rules: SoapRules,
) -> SoapAnswer:
    """Return the request that was really sent, by the element in its Body; only responses are held against it.

    Of several such elements in a message it is the one that the answer names; where it names none of several in the
    Body, nobody can tell which one is answered.
    """
    if answer.kind != RESPONSE:
        return SoapAnswer(OTHER)
    try:
        envelope = parse(exchange.request.body)
    except XmlError:
        return SoapAnswer(OTHER)
    body = next((child for child in children(envelope) if local(child) == "Body"), None)
    inside = children(body) if body is not None else []
    if not inside:
        return SoapAnswer(OTHER)
    first, *more = inside
    others = [one for one in envelope.iter(first.tag) if one is not first]
    asked = request_answered([first, *others], answer, bound, rules)
    if asked is None and more:
        return SoapAnswer(OTHER)
    return SoapAnswer(RESPONSE, body=first if asked is None else asked)
