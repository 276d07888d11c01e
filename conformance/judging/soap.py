"""Judges SOAP exchanges by a case's expectation, and tells refused credentials and outages.

The counterpart of `judging.rest`: what is checked of every answer stands in `judging.soap_answer`. No sockets, no
clock, no files.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from conformance.checks.soap_answer import (
    FAULT,
    OTHER,
    RESPONSE,
    SoapAnswer,
    http_line,
    value,
)
from conformance.checks.soap_answered import SUCCESS, Answered
from conformance.checks.soap_fault import speaks_of_security
from conformance.contracts.binding import Binding
from conformance.judging.findings import (
    CREDENTIAL_STATUSES,
    TRANSIENT_STATUSES,
    condense,
    only,
    severity_of,
)
from conformance.judging.memory import RunMemory
from conformance.judging.outcome import (
    case_of_step,
    count_tls,
    left_open,
    no_clock,
    no_whole_answer,
    too_much,
    transient,
    welcome_clauses,
)
from conformance.judging.soap_answer import AnswerChecks, SoapReading, read_soap
from conformance.model.case import Case, Clause, Effect, Expectation, Step
from conformance.model.contract import Contract, SoapRules
from conformance.model.exchange import Exchange
from conformance.model.verdict import Finding, Judgement, Severity
from conformance.soap.markup import below
from conformance.soap.security.mutations import OF_THE_FORM
from conformance.soap.xsd.schemas import SchemaSet, SchemaUndecidedError

_NOT_A_FAULT, _FAULT_CODE, _OUTCOME = "not-a-fault", "fault-code", "outcome"
"""The checks whose requirement is broken where an answer is not the one that a case wants."""


@dataclass(slots=True)
class SoapOracle:
    """Judges exchanges of one service; `errors` is the schema of the platform's faults, `memory` that of the run."""

    contract: Contract
    rules: SoapRules
    binding: Binding
    errors: SchemaSet
    memory: RunMemory
    clock: Callable[[], float] = no_clock
    _checks: AnswerChecks = field(init=False)

    def __post_init__(self) -> None:
        """Make the checks of answers."""
        self._checks = AnswerChecks(
            self.contract,
            self.rules,
            self.binding,
            self.errors,
            self.memory,
            self.clock,
        )

    def judge(
        self, exchange: Exchange, case: Case, *, unclaimed: bool = False
    ) -> Judgement:
        """Return what an exchange says about the case."""
        del unclaimed  # a SOAP service has the operations of its WSDL
        response = exchange.response
        if response is None or response.cut:
            return no_whole_answer(exchange, http_line)
        reading = read_soap(
            exchange, response, self.rules, self.binding, case.request.operation
        )
        if reading.answer.kind == OTHER and response.status in TRANSIENT_STATUSES:
            return transient(http_line(response))
        if reading.answer.unreadable:
            return too_much(http_line(response), reading.answer.unreadable)
        clause = _matching(case.expectation, reading)
        open_case = left_open(clause, reading.summary)
        try:
            return open_case or self._judged(reading, case, clause)
        except SchemaUndecidedError as error:
            return too_much(http_line(response), str(error))

    def judge_step(
        self, exchange: Exchange, case: Case, step: Step, *, body: bool = False
    ) -> Judgement:
        """Return whether a request that a case needs to succeed was served.

        What else is wrong with its answer (`body`) is not taken for granted in the probe's: each has to be right.
        """
        del body
        served = Clause((), answer=RESPONSE, outcomes=(SUCCESS,))
        own = replace(case_of_step(case, step, served), words="")
        judgement = self.judge(exchange, own)
        if judgement.inconclusive_reason or exchange.response is None:
            return judgement
        reading = read_soap(
            exchange, exchange.response, self.rules, self.binding, own.request.operation
        )
        if _matches(served, reading):
            return replace(judgement, findings=())
        unserved = self._unexpected(
            case.requirements[0], own.expectation, reading.summary
        )
        # A step that is not served stands in the way, however binding the case's own requirement is.
        violation = replace(unserved, severity=Severity.VIOLATION)
        return replace(judgement, findings=(violation,))

    def refuses_credential(self, exchange: Exchange) -> bool:
        """Tell whether a gateway refused who asks: by its own code, in the words of WS-Security, or by bare HTTP."""
        if exchange.response is None:
            return False
        answer = self._answer(exchange)
        if answer.kind == OTHER:
            return exchange.response.status in CREDENTIAL_STATUSES
        is_gate = answer.code in self.rules.gates or speaks_of_security(answer)
        return answer.kind == FAULT and is_gate

    def tells_of_outage(self, exchange: Exchange) -> bool:
        """Tell whether an answer says that the service is not available."""
        answer = self._answer(exchange)
        return answer.kind == FAULT and answer.code in self.rules.unavailable

    def values(
        self, exchange: Exchange, operation: str, places: Iterable[str]
    ) -> list[object]:
        """Return the values of some roles of an answer."""
        bound = self.binding.bound.get(operation)
        if exchange.response is None or bound is None:
            return []
        answer = self._answer(exchange)
        return [value(answer, bound.answer.get(place)) for place in places]

    def _answer(self, exchange: Exchange) -> SoapAnswer:
        """Return an answer as SOAP, whatever the operation."""
        if exchange.response is None:
            return SoapAnswer(OTHER)
        return read_soap(exchange, exchange.response, self.rules, self.binding).answer

    def _judged(
        self, reading: SoapReading, case: Case, clause: Clause | None
    ) -> Judgement:
        """Return what an answer says that leaves the case not open."""
        answered = self._checks.answered(reading, breaks_header=_breaks_header(case))
        if reading.answer.kind == OTHER:
            return self._without_soap(reading, answered, case, clause)
        checked = self._checks.apply(answered, is_bound=reading.bound is not None)
        misfit = self._expectation_findings(
            case, clause, reading, answered, checked.findings
        )
        findings = [*misfit, *condense(list(checked.findings))]
        evaluated = Counter({case.requirements[0]: 1}) + checked.evaluated
        evaluated += count_tls(case, reading.exchange)
        if case.words and clause is not None and reading.answer.kind == RESPONSE:
            words = self._word_judgement(answered, case.words)
            findings += words.findings
            evaluated += words.evaluated
        judgement = Judgement(tuple(findings), evaluated, checked.inconclusive_reason)
        return only(judgement, case.only) if case.only else judgement

    def _without_soap(
        self,
        reading: SoapReading,
        answered: Answered,
        case: Case,
        clause: Clause | None,
    ) -> Judgement:
        """Judge an answer that is neither a response nor a fault."""
        own = Counter({case.requirements[0]: 1})
        rule = self.rules.rule_of(_NOT_A_FAULT)
        if clause is None and rule is not None:
            # Errors are SOAP faults (SOAP 1.1, section 6.2): the answer breaks that, whatever the case is about.
            wrong = self._checks.apply_rule(answered, rule)
            return Judgement(wrong.findings, own + wrong.evaluated)
        # A refusal by HTTP alone, where one is allowed, is no message that could be held against anything.
        misfit = self._expectation_findings(case, clause, reading, answered, ())
        return Judgement(tuple(misfit), own)

    def _expectation_findings(
        self,
        case: Case,
        clause: Clause | None,
        reading: SoapReading,
        answered: Answered,
        found: Sequence[Finding],
    ) -> Iterator[Finding]:
        """Yield a finding for an unexpected answer, attributed to the requirement that it breaks."""
        actual = _shown(case, reading)
        if clause is not None:
            yield from _weighed(case, clause, actual)
            return
        is_broken = any(one.severity is Severity.VIOLATION for one in found)
        if _is_refused_as_wanted(case, reading):
            # The message was refused, as it should be; that its code does not fit is another matter.
            if _has_unfitting_code(reading.answer, is_broken=is_broken):
                yield self._unfitting_code(case, actual)
        elif _has_unknown_status(reading) and is_broken:
            return  # the status cannot be read, which a check of the answer has found already
        elif _is_another_refusal(case, reading) and self.rules.rule_of(_OUTCOME):
            yield from self._other_outcome(case, answered, actual)
        else:
            yield self._unexpected(case.requirements[0], case.expectation, actual)

    def _unexpected(
        self, requirement: str, expectation: Expectation, actual: str
    ) -> Finding:
        severity = severity_of(self.contract, requirement)
        message = "the answer is not one that is allowed here"
        wanted = _wanted(expectation)
        return Finding(requirement, severity, message, "answer", wanted, actual)

    def _unfitting_code(self, case: Case, actual: str) -> Finding:
        """Return that a fault's code is not for this message, laid to the rule on codes, else to the case."""
        rule = self.rules.rule_of(_FAULT_CODE)
        requirement = rule.requirement if rule is not None else case.requirements[0]
        unexpected = self._unexpected(requirement, case.expectation, actual)
        message = "the fault's code is not one that fits this message"
        return replace(unexpected, message=message)

    def _other_outcome(
        self, case: Case, answered: Answered, actual: str
    ) -> Iterator[Finding]:
        """Yield that a request was refused with another outcome than the one wanted."""
        rule = self.rules.rule_of(_OUTCOME)
        found = self._checks.apply_rule(answered, rule).findings if rule else ()
        wanted = _wanted(case.expectation)
        yield from (replace(one, expected=wanted, actual=actual) for one in found)

    def _word_judgement(self, answered: Answered, words: str) -> Judgement:
        """Return whether a refusal says why, in the words that the cookbook prints."""
        return self._checks.apply_rule(answered, self.rules.messages[words])


def _matching(expectation: Expectation, reading: SoapReading) -> Clause | None:
    """Return the first clause that describes an answer."""
    return next((one for one in expectation.clauses if _matches(one, reading)), None)


def _matches(clause: Clause, reading: SoapReading) -> bool:
    """Tell whether an answer is what a clause describes: what a clause leaves out, it leaves open."""
    answer = reading.answer
    return (
        _fits_status(clause, reading.response.status)
        and (not clause.answer or clause.answer == answer.kind)
        and (not clause.outcomes or reading.outcome in clause.outcomes)
        and (not clause.detail or _has_element(answer, clause.detail))
        and (not clause.codes or _has_code(answer, clause.codes))
    )


def _fits_status(clause: Clause, status: int) -> bool:
    exact, family = str(status), f"{str(status)[0]}xx"
    return not clause.statuses or bool({exact, family} & set(clause.statuses))


def _has_element(answer: SoapAnswer, name: str) -> bool:
    body = answer.body
    return body is not None and next(below(body, name), None) is not None


def _has_code(answer: SoapAnswer, wanted: tuple[str, ...]) -> bool:
    """Tell whether a fault's code is one of some, of which one that ends with * stands for all that begin so."""
    return any(
        answer.code.startswith(code[:-1]) if code.endswith("*") else answer.code == code
        for code in wanted
    )


def _breaks_header(case: Case) -> bool:
    """Tell whether a case's message has something wrong in its header, and not only in its form or its Body."""
    mutation = case.request.message.mutation if case.request.message is not None else ""
    return bool(mutation) and mutation not in OF_THE_FORM


def _shown(case: Case, reading: SoapReading) -> str:
    """Return what came, and on which changes of the message."""
    message = case.request.message
    if message is None or not message.edits:
        return reading.summary
    edits = "; ".join(map(str, message.edits))
    return f"{reading.summary} on a message with {edits}"


def _weighed(case: Case, clause: Clause, actual: str) -> Iterator[Finding]:
    """Yield the answer of a clause that does not accept it, by the clause's own weight."""
    if clause.effect is not Effect.ACCEPT:
        severity, wanted = Severity(clause.effect.value), _wanted(case.expectation)
        requirement = case.requirements[0]
        yield Finding(requirement, severity, clause.note, "answer", wanted, actual)


def _is_refused_as_wanted(case: Case, reading: SoapReading) -> bool:
    """Tell whether a case wants a fault, and got one."""
    wanted = {clause.answer for clause in case.expectation.clauses}
    return reading.answer.kind == FAULT and FAULT in wanted


def _has_unfitting_code(answer: SoapAnswer, *, is_broken: bool) -> bool:
    """Tell whether the code of a fault that fits no clause can be held against it.

    Whether a code fits that was not found in an element of the WSDL's own, nobody can tell; that there is none is found
    by the check of the code.
    """
    return bool(answer.code) or not (is_broken or answer.declared is not None)


def _has_unknown_status(reading: SoapReading) -> bool:
    return reading.answer.kind == RESPONSE and not reading.outcome


def _is_another_refusal(case: Case, reading: SoapReading) -> bool:
    """Tell whether a case wants a response that is no success, and got one with another outcome."""
    is_refusal = reading.answer.kind == RESPONSE and reading.outcome not in (
        "",
        SUCCESS,
    )
    wants_refusal = any(
        clause.answer == RESPONSE and SUCCESS not in clause.outcomes
        for clause in case.expectation.clauses
    )
    return is_refusal and wants_refusal


def _wanted(expectation: Expectation) -> str:
    """Say which answers a case welcomes."""
    welcome = (clause.welcome for clause in welcome_clauses(expectation))
    return ", or ".join(dict.fromkeys(welcome))
