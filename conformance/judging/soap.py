"""Judges SOAP exchanges by a case's expectation, and tells refused credentials and outages.

The counterpart of `judging.rest`: what is checked of every answer stands in `judging.soap_answer`. No sockets, no
clock, no files.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from conformance.checks.soap_answer import (
    FAULT,
    OTHER,
    RESPONSE,
    SoapAnswer,
    http_line,
    read_answer,
    value,
)
from conformance.checks.soap_answered import SUCCESS, Answered
from conformance.checks.soap_fault import speaks_of_security
from conformance.contracts.binding import Binding
from conformance.judging.findings import (
    CREDENTIAL_STATUSES,
    FIRST_REDIRECTION,
    TRANSIENT_STATUSES,
    only,
    severity_of,
)
from conformance.judging.foreign_answers import (
    is_foreign_to_soap,
    is_plain_message,
)
from conformance.judging.forged import forgery_processed
from conformance.judging.likely_cause import ForeignAnswer, is_html, refusal_of
from conformance.judging.memory import RunMemory
from conformance.judging.outcome import (
    case_of_step,
    count_tls,
    is_odd_input,
    left_open,
    no_clock,
    no_whole_answer,
    page_in_front,
    too_much,
    transient,
)
from conformance.judging.soap_answer import AnswerChecks, SoapReading, read_soap
from conformance.judging.soap_expectation import (
    has_unfitting_code,
    has_unknown_status,
    is_another_refusal,
    is_refused_as_wanted,
    matches,
    matching,
    shown,
    wanted_answers,
    weighed,
)
from conformance.model.case import Case, Clause, Expectation, Step
from conformance.model.contract import Contract, SoapRules
from conformance.model.exchange import Exchange, Response
from conformance.model.verdict import Finding, Judgement, Severity, fold, merge
from conformance.soap.security.mutations import OF_THE_FORM
from conformance.soap.xsd.schemas import SchemaSet, SchemaUndecidedError

_NOT_A_FAULT, _FAULT_CODE, _OUTCOME = "not-a-fault", "fault-code", "outcome"
"""The checks whose requirement is broken where an answer is not the one that a case wants."""
_ADDRESS_KEY = "endpoint"
"""Where a target file has the address of a SOAP service."""


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
            return transient(response.status, http_line(response))
        if reading.answer.unreadable:
            return too_much(http_line(response), reading.answer.unreadable)
        clause = matching(case.expectation, reading)
        open_case = left_open(clause, reading.summary)
        try:
            return (
                open_case
                or self._filtered(reading, case, clause)
                or self._judged(reading, case, clause)
            )
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
        if matches(served, reading):
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

    def foreign_refusal(
        self, exchange: Exchange, operation: str
    ) -> ForeignAnswer | None:
        """Return what an answer tells of the way to the service, None where it may be the service's own."""
        del operation  # whatever was asked, an answer is SOAP
        response = exchange.response
        if response is None or response.cut or is_plain_message(response):
            return None
        if self.refuses_credential(exchange):
            return self._credential_refusal(exchange, response)
        is_foreign = (
            is_foreign_to_soap(response) and self._answer(exchange).kind == OTHER
        )
        return refusal_of(response, _ADDRESS_KEY) if is_foreign else None

    def asks_to_wait(self, response: Response) -> bool:
        """Tell whether an answer asks to wait in the service's own words: a fault with a code of load."""
        if not any(code.encode() in response.body for code in self.rules.busy):
            return False
        answer = read_answer(response, set())
        return answer.kind == FAULT and answer.code in self.rules.busy

    def values(
        self, exchange: Exchange, operation: str, places: Iterable[str]
    ) -> list[object]:
        """Return the values of some roles of an answer."""
        bound = self.binding.bound.get(operation)
        if exchange.response is None or bound is None:
            return []
        answer = self._answer(exchange)
        return [value(answer, bound.answer.get(place)) for place in places]

    def _filtered(
        self, reading: SoapReading, case: Case, clause: Clause | None
    ) -> Judgement | None:
        """Return what a page for a browser says of a case that sends odd input, None for all other answers."""
        response = reading.response
        is_page = response.status < FIRST_REDIRECTION and is_html(response)
        if not (is_page and is_odd_input(case)):
            return None
        forbidden = replace(response, status=HTTPStatus.FORBIDDEN)
        gate = matching(case.expectation, replace(reading, response=forbidden))
        shown = f"{reading.summary} with an HTML page"
        return page_in_front(case, clause, gate, shown)

    def _credential_refusal(
        self, exchange: Exchange, response: Response
    ) -> ForeignAnswer:
        """Return the refusal of who asks, by HTTP alone or by a fault."""
        refusal = refusal_of(response, _ADDRESS_KEY)
        answer = self._answer(exchange)
        if answer.kind != FAULT:
            return refusal
        remedy = "are key store and assertion right, and is this client admitted to the service?"
        return ForeignAnswer(
            "credential", f"fault {answer.code or 'without code'}", remedy
        )

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
        forged = tuple(
            forgery_processed(
                self.contract, self.rules, case, reading.answer, reading.bound
            )
        )
        misfit = forged or self._expectation_findings(
            case, clause, reading, answered, checked.findings
        )
        findings = [*misfit, *fold(checked.findings)]
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
        actual = shown(case, reading)
        if clause is not None:
            yield from weighed(case, clause, actual)
            return
        is_broken = any(one.severity is Severity.VIOLATION for one in found)
        if is_refused_as_wanted(case, reading):
            # The message was refused, as it should be; that its code does not fit is another matter.
            if has_unfitting_code(reading.answer, is_broken=is_broken):
                yield self._unfitting_code(case, actual)
        elif has_unknown_status(reading) and is_broken:
            return  # the status cannot be read, which a check of the answer has found already
        elif is_another_refusal(case, reading) and self.rules.rule_of(_OUTCOME):
            yield from self._other_outcome(case, answered, actual)
        else:
            yield self._unexpected(case.requirements[0], case.expectation, actual)

    def _unexpected(
        self, requirement: str, expectation: Expectation, actual: str
    ) -> Finding:
        severity = severity_of(self.contract, requirement)
        message = "the answer is not one that is allowed here"
        wanted = wanted_answers(expectation)
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
        wanted = wanted_answers(case.expectation)
        yield from (replace(one, expected=wanted, actual=actual) for one in found)

    def _word_judgement(self, answered: Answered, words: str) -> Judgement:
        """Return whether a refusal says why, in the words that the cookbook prints."""
        rules = (self.rules.messages[words], self.rules.message_values.get(words))
        return merge(
            self._checks.apply_rule(answered, rule)
            for rule in rules
            if rule is not None
        )


def _breaks_header(case: Case) -> bool:
    """Tell whether a case's message has something wrong in its header, and not only in its form or its Body."""
    mutation = case.request.message.mutation if case.request.message is not None else ""
    return bool(mutation) and mutation not in OF_THE_FORM
