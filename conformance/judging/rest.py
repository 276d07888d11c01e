"""Judges an exchange by a case's expectation and the contract's response checks.

Here, and only here, problems meet requirements and levels and become findings. Pure: no sockets, no
clock, no files.
"""

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from http import HTTPStatus

from conformance.checks.damaged.content_type import json_type_problems
from conformance.checks.damaged.json_reading import JsonReading, first_of_twins, read
from conformance.checks.json_body import TWICE
from conformance.checks.json_schema import CompiledSchema, UnreadableError
from conformance.checks.problem import Problem
from conformance.checks.rules import APPLIES, RULES
from conformance.judging.damaged import fits_as_read, judged_as_read, with_twins
from conformance.judging.findings import (
    CREDENTIAL_STATUSES,
    FIRST_ERROR,
    FIRST_REDIRECTION,
    TRANSIENT_STATUSES,
    finding_of,
    only,
    severity_of,
)
from conformance.judging.foreign_answers import (
    asks_for_json,
    is_foreign_to_rest,
    is_page_for_json,
    is_page_of_refusal,
    is_resource,
)
from conformance.judging.likely_cause import ForeignAnswer, refusal_of
from conformance.judging.outcome import (
    allowance,
    case_of_step,
    count_tls,
    is_odd_input,
    left_open,
    no_clock,
    no_whole_answer,
    page_in_front,
    stopped,
    transient,
)
from conformance.judging.rest_expectation import (
    ANY_CODE,
    error_codes,
    has_status,
    is_error,
    left_out,
    status_line,
    wanted_answers,
    wants_code,
)
from conformance.model.case import Case, Clause, Effect, Step
from conformance.model.contract import Contract, Rule
from conformance.model.exchange import Exchange, Response
from conformance.model.verdict import Finding, Judgement, Severity, fold

_ADDRESS_KEY = "base_url"
"""Where a target file has the address of a REST service."""
_SHOWN_CODES = 3


class RestOracle:
    """Judges exchanges of one contract; schemas are compiled once."""

    def __init__(
        self, contract: Contract, clock: Callable[[], float] = no_clock
    ) -> None:
        """Compile the contract's schemas; `clock` gives the seconds that judging has taken."""
        self._contract = contract
        self._clock = clock
        self._schemas = {
            name: CompiledSchema(schema) for name, schema in contract.schemas.items()
        }
        self._error_schemas = {
            name
            for operation in contract.operations.values()
            for status, name in operation.schemas.items()
            if status >= FIRST_ERROR
        }

    def judge(
        self, exchange: Exchange, case: Case, *, unclaimed: bool = False
    ) -> Judgement:
        """Return what an exchange says about the case.

        `unclaimed` tells that the target does not claim to have the resource under test.
        """
        response = exchange.response
        if response is None or response.cut:
            return no_whole_answer(exchange, status_line)
        clause = self._matching(response, case, unclaimed=unclaimed)
        if clause is None and response.status in TRANSIENT_STATUSES:
            return transient(response.status, status_line(response))
        open_case = left_open(clause, status_line(response))
        return (
            open_case
            or self._filtered(exchange, response, case, clause)
            or self._judged(exchange, response, case, clause)
        )

    def judge_step(
        self, exchange: Exchange, case: Case, step: Step, *, body: bool = False
    ) -> Judgement:
        """Return what an exchange says about a request that a case needs to succeed, with or without its body."""
        statuses = (
            step.statuses or self._contract.operations[step.request.operation].successes
        )
        served = Clause(tuple(map(str, statuses)), judge=body)
        own = replace(case_of_step(case, step, served), tls="")
        response = exchange.response
        if response is not None and is_page_of_refusal(response):
            return Judgement(
                inconclusive_reason=f"{status_line(response)} with an HTML page is no answer of the service"
            )
        judgement = self.judge(exchange, own)
        # A step that is not served stands in the way, however binding the requirement is that the case is about.
        findings = (
            replace(one, severity=Severity.VIOLATION)
            if one.location == "status"
            else one
            for one in judgement.findings
        )
        return replace(judgement, findings=tuple(findings))

    def refuses_credential(self, exchange: Exchange) -> bool:
        """Tell whether an answer refuses who asks, and not what is asked."""
        return (
            exchange.response is not None
            and exchange.response.status in CREDENTIAL_STATUSES
        )

    def tells_of_outage(self, exchange: Exchange) -> bool:
        """Tell whether an answer says in the service's own words that it is not available: REST services have none."""
        del exchange
        return False

    def values(
        self, exchange: Exchange, operation: str, places: Iterable[str]
    ) -> list[object] | None:
        """Return the values at places of an answer, for comparing two answers; None where it is damaged."""
        response = exchange.response
        schema = self._schema(operation, response.status) if response else None
        if response is None or schema is None:
            return []
        reading = read(response.body)
        if not reading.is_whole and response.body:
            return None
        index = schema.index(reading.document)
        return [list(index[at].values) for at in places]

    def foreign_refusal(
        self, exchange: Exchange, operation: str
    ) -> ForeignAnswer | None:
        """Return what an answer tells of the way to the service, None where it may be the service's own."""
        response = exchange.response
        if response is None or response.cut:
            return None
        documented = self._contract.operations[operation].statuses
        if not is_foreign_to_rest(response, documented, self._has_error_shape):
            return None
        return refusal_of(response, _ADDRESS_KEY)

    def asks_to_wait(self, response: Response) -> bool:
        """Tell whether an answer asks to wait in the service's own words: REST services have none."""
        del response
        return False

    def _has_error_shape(self, response: Response) -> bool:
        """Tell whether a body is one of the contract's errors, of whatever operation and status."""
        document = read(response.body).document
        return self._has_code(document, (ANY_CODE,)) or any(
            self._schemas[name].fits(document) for name in self._error_schemas
        )

    def _filtered(
        self, exchange: Exchange, response: Response, case: Case, clause: Clause | None
    ) -> Judgement | None:
        """Return what a filter's answer says of a case that sends odd input, None for all other answers."""
        if not is_odd_input(case):
            return None
        is_page = is_page_for_json(exchange, response)
        if clause is None:
            # A refusal was wanted: what is no document of the service has not given anything away.
            is_page = is_page or is_page_of_refusal(response)
            is_filters = is_page or self._is_without_resource(response, case)
        else:
            is_filters = is_page
        if not is_filters:
            return None
        forbidden = replace(response, status=HTTPStatus.FORBIDDEN)
        gate = self._matching(forbidden, case, unclaimed=False)
        what = "an HTML page" if is_page else "a body that is no document of it"
        return page_in_front(case, clause, gate, f"{status_line(response)} with {what}")

    def _is_without_resource(self, response: Response, case: Case) -> bool:
        """Tell whether a success brings nothing of what the operation gives: no document, or one of something else."""
        name = self._contract.operations[case.request.operation].schemas.get(
            response.status
        )
        if name is None or response.status >= FIRST_REDIRECTION:
            return False
        reading = read(response.body)
        if not reading.is_read:
            return True
        return not is_resource(reading.document, self._contract.schemas[name])

    def _matching(
        self, response: Response, case: Case, *, unclaimed: bool
    ) -> Clause | None:
        """Return the first clause that describes an answer."""
        for clause in case.expectation.clauses:
            is_meant = unclaimed or not clause.unclaimed
            if (
                is_meant
                and has_status(response, clause)
                and self._fits(response, clause)
            ):
                return clause
        return None

    def _fits(self, response: Response, clause: Clause) -> bool:
        """Tell whether a body is what a clause asks for: of a schema, or with one of some error codes."""
        if not clause.matches and not clause.codes:
            return True
        reading = read(response.body)
        if not reading.is_read:
            return False
        if clause.matches:
            is_welcome = clause.effect is Effect.ACCEPT
            schema = self._schemas[clause.matches]
            if not fits_as_read(schema, reading, is_welcome=is_welcome):
                return False
        return not clause.codes or self._has_code(reading.document, clause.codes)

    def _has_code(self, document: object, wanted: tuple[str, ...]) -> bool:
        """Tell whether an error body has one of some codes, or any of the catalogue."""
        known = self._contract.errors.keys() if wanted == (ANY_CODE,) else {*wanted}
        return bool(known & {*error_codes(document)})

    def _judged(
        self, exchange: Exchange, response: Response, case: Case, clause: Clause | None
    ) -> Judgement:
        """Judge an answer that leaves the case not open: its status by the clause, its body by the contract."""
        if case.only:
            return self._judged_by_some(exchange, response, case, clause)
        is_judged = clause.judge if clause is not None else is_error(response)
        operation = case.request.operation
        is_welcome = clause is None or clause.effect is Effect.ACCEPT
        is_page = is_welcome and is_page_for_json(exchange, response)
        is_judged = is_judged or is_page
        answer = (
            self._answer(exchange, response, operation) if is_judged else Judgement()
        )
        findings = tuple(self._expectation_findings(response, case, clause))
        if clause is None and answer.violated and wants_code(case, response):
            # The refusal is of the right kind; that its code cannot be read is the body's fault, not the rule's.
            findings = ()
        is_nothing = (
            is_welcome
            and asks_for_json(exchange)
            and self._is_without_resource(response, case)
        )
        is_unserved = is_page or is_nothing
        own = Counter() if is_unserved else Counter({case.requirements[0]: 1})
        evaluated = own + count_tls(case, exchange)
        return Judgement(
            (*findings, *answer.findings),
            evaluated + answer.evaluated,
            answer.inconclusive_reason,
        )

    def _judged_by_some(
        self, exchange: Exchange, response: Response, case: Case, clause: Clause | None
    ) -> Judgement:
        """Return what an answer says of the requirements that a case is restricted to: its body alone tells."""
        if clause is None or not clause.judge:
            reason = f"not reached, because the answer is {status_line(response)}"
            return Judgement(inconclusive_reason=reason)
        answer = self._answer(exchange, response, case.request.operation)
        return only(answer, case.only)

    def _expectation_findings(
        self, response: Response, case: Case, clause: Clause | None
    ) -> Iterator[Finding]:
        """Yield a finding for an answer that no clause of the case accepts."""
        if clause is not None and clause.effect is Effect.ACCEPT:
            return
        requirement = case.requirements[0]
        if clause is None:
            severity = severity_of(self._contract, requirement)
            message = "the answer is not one that the cookbook allows here"
        else:
            severity = Severity(clause.effect.value)
            message = (
                clause.note or "the answer is not the one that the cookbook describes"
            )
        wanted, seen = wanted_answers(case), self._seen(response)
        yield Finding(requirement, severity, message, "status", wanted, seen)

    def _seen(self, response: Response) -> str:
        """Return an answer's status line with its error codes, where the catalogue has codes at all."""
        codes = (
            error_codes(read(response.body).document) if self._contract.errors else []
        )
        return status_line(response) + (
            f" with {', '.join(codes[:_SHOWN_CODES])}" if codes else ""
        )

    def _answer(
        self, exchange: Exchange, response: Response, operation: str
    ) -> Judgement:
        """Apply the checks that the contract has for an operation's answer."""
        schema = self._schema(operation, response.status)
        if schema is None:
            return Judgement()
        root = schema.requirement_at("")
        reading = read(response.body)
        form = reading.form
        problems = [
            *json_type_problems(response),
            *([form.problem] if form.problem is not None else ()),
            *form.oddities,
        ]
        findings = tuple(self._laid((root, problem) for problem in problems))
        content = Judgement()
        if reading.is_read:
            content = self._content(exchange, operation, response, reading)
        return Judgement(
            (*findings, *content.findings),
            Counter({root: 1}) + content.evaluated,
            form.unreadable or content.inconclusive_reason,
        )

    def _content(
        self,
        exchange: Exchange,
        operation: str,
        response: Response,
        reading: JsonReading,
    ) -> Judgement:
        """Judge all of a document that was read: of a damaged one what is wrong whatever was lost."""
        name = self._contract.operations[operation].schemas[response.status]
        judged = functools.partial(self._document, exchange, name)
        try:
            if not reading.is_whole:
                found = judged_as_read(judged, self._schemas[name], reading)
            else:
                found = judged(reading.document)
                if any(told.message == TWICE for told in reading.form.oddities):
                    found = with_twins(found, judged(first_of_twins(response.body)))
        except UnreadableError as error:
            reason = f"the answer cannot be held against its schema: {error}"
            return Judgement(inconclusive_reason=reason)
        return replace(found, findings=fold(found.findings))

    def _document(self, exchange: Exchange, name: str, document: object) -> Judgement:
        """Hold a JSON document against its schema and the contract's rules."""
        schema = self._schemas[name]
        index = schema.index(document)
        evaluated: Counter[str] = Counter()
        time = allowance(self._clock)
        for requirement, count in schema.evaluated(index):
            evaluated[requirement] += count
        findings = list(self._laid(schema.problems(document)))
        for rule in self._contract.rules:
            if time.is_spent:
                return stopped(Judgement(tuple(findings), +evaluated))
            if rule.schema == name:
                places, options = index[rule.at], rule.options or {}
                evaluated[rule.requirement] += APPLIES[rule.name](places, options)
                problems = RULES[rule.name](places, options, exchange.started)
                findings += self._rule_findings(rule, problems)
        findings += self._laid(schema.undocumented(index))
        return Judgement(tuple(findings), +evaluated, left_out(index))

    def _laid(self, problems: Iterable[tuple[str, Problem]]) -> Iterator[Finding]:
        """Yield the findings of problems that come with their requirements."""
        for requirement, problem in problems:
            yield finding_of(self._contract, requirement, problem)

    def _rule_findings(
        self, rule: Rule, problems: Iterable[Problem]
    ) -> Iterator[Finding]:
        """Yield the findings of a rule, which may weigh otherwise than its requirement's level says."""
        for problem in problems:
            finding = finding_of(self._contract, rule.requirement, problem)
            severity = Severity(rule.severity) if rule.severity else finding.severity
            yield replace(finding, severity=severity)

    def _schema(self, operation: str, status: int) -> CompiledSchema | None:
        return self._schemas.get(
            self._contract.operations[operation].schemas.get(status, "")
        )
