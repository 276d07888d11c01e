"""Judges an exchange by a case's expectation and the contract's response checks.

Here, and only here, problems meet requirements and levels and become findings. Pure: no sockets, no
clock, no files.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from conformance.checks.json_body import Parsed, media_type_problem, parse
from conformance.checks.json_schema import CompiledSchema, Index, UnreadableError
from conformance.checks.problem import MOST_AT_ONE_PLACE, Problem
from conformance.checks.rules import APPLIES, RULES
from conformance.judging.findings import (
    CREDENTIAL_STATUSES,
    MOST_ALIKE,
    TRANSIENT_STATUSES,
    condense,
    finding_of,
    only,
    severity_of,
)
from conformance.judging.outcome import (
    allowance,
    case_of_step,
    count_tls,
    left_open,
    no_clock,
    no_whole_answer,
    stopped,
    transient,
    welcome_clauses,
)
from conformance.model.case import Case, Clause, Effect, Step
from conformance.model.contract import Contract, Rule
from conformance.model.exchange import Exchange, Response
from conformance.model.verdict import Finding, Judgement, Severity

_ANY_CODE = "*"
_FIRST_ERROR_STATUS = 400


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

    def judge(
        self, exchange: Exchange, case: Case, *, unclaimed: bool = False
    ) -> Judgement:
        """Return what an exchange says about the case.

        `unclaimed` tells that the target does not claim to have the resource under test.
        """
        response = exchange.response
        if response is None or response.cut:
            return no_whole_answer(exchange, _status_line)
        clause = self._matching(response, case, unclaimed=unclaimed)
        if clause is None and response.status in TRANSIENT_STATUSES:
            return transient(_status_line(response))
        open_case = left_open(clause, _status_line(response))
        return open_case or self._judged(exchange, response, case, clause)

    def judge_step(
        self, exchange: Exchange, case: Case, step: Step, *, body: bool = False
    ) -> Judgement:
        """Return what an exchange says about a request that a case needs to succeed, with or without its body."""
        statuses = (
            step.statuses or self._contract.operations[step.request.operation].successes
        )
        served = Clause(tuple(map(str, statuses)), judge=body)
        own = replace(case_of_step(case, step, served), tls="")
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
    ) -> list[object]:
        """Return the values at places of an answer, for comparing two answers."""
        response = exchange.response
        schema = self._schema(operation, response.status) if response else None
        if response is None or schema is None:
            return []
        index = schema.index(parse(response.body).document)
        return [list(index[at].values) for at in places]

    def _matching(
        self, response: Response, case: Case, *, unclaimed: bool
    ) -> Clause | None:
        """Return the first clause that describes an answer."""
        for clause in case.expectation.clauses:
            is_meant = unclaimed or not clause.unclaimed
            if (
                is_meant
                and _has_status(response, clause)
                and self._fits(response, clause)
            ):
                return clause
        return None

    def _fits(self, response: Response, clause: Clause) -> bool:
        """Tell whether a body is what a clause asks for: of a schema, or with one of some error codes."""
        if not clause.matches and not clause.codes:
            return True
        parsed = parse(response.body)
        if parsed.problem is not None or parsed.unreadable:
            return False
        if clause.matches and not self._schemas[clause.matches].fits(parsed.document):
            return False
        return not clause.codes or self._has_code(parsed.document, clause.codes)

    def _has_code(self, document: object, wanted: tuple[str, ...]) -> bool:
        """Tell whether an error body has one of some codes, or any of the catalogue."""
        known = self._contract.errors.keys() if wanted == (_ANY_CODE,) else {*wanted}
        return bool(known & {*error_codes(document)})

    def _judged(
        self, exchange: Exchange, response: Response, case: Case, clause: Clause | None
    ) -> Judgement:
        """Judge an answer that leaves the case not open: its status by the clause, its body by the contract."""
        if case.only:
            return self._judged_by_some(exchange, response, case, clause)
        is_judged = clause.judge if clause is not None else _is_error(response)
        operation = case.request.operation
        answer = (
            self._answer(exchange, response, operation) if is_judged else Judgement()
        )
        findings = tuple(self._expectation_findings(response, case, clause))
        if clause is None and answer.violated and _wants_code(case, response):
            # The refusal is of the right kind; that its code cannot be read is the body's fault, not the rule's.
            findings = ()
        evaluated = Counter({case.requirements[0]: 1}) + count_tls(case, exchange)
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
            reason = f"not reached, because the answer is {_status_line(response)}"
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
        wanted, seen = _wanted_answers(case), self._seen(response)
        yield Finding(requirement, severity, message, "status", wanted, seen)

    def _seen(self, response: Response) -> str:
        """Return an answer's status line with its error codes, where the catalogue has codes at all."""
        codes = (
            error_codes(parse(response.body).document) if self._contract.errors else []
        )
        return _status_line(response) + (
            f" with {', '.join(codes[:MOST_ALIKE])}" if codes else ""
        )

    def _answer(
        self, exchange: Exchange, response: Response, operation: str
    ) -> Judgement:
        """Apply the checks that the contract has for an operation's answer."""
        schema = self._schema(operation, response.status)
        if schema is None:
            return Judgement()
        root = schema.requirement_at("")
        media = media_type_problem(response.header("Content-Type"))
        parsed = parse(response.body)
        findings = tuple(
            finding_of(self._contract, root, problem)
            for problem in _present(media, parsed.problem, *parsed.oddities)
        )
        form = Judgement(findings, Counter({root: 1}), parsed.unreadable)
        if parsed.unreadable or parsed.problem:
            return form
        try:
            content = self._document(exchange, operation, response.status, parsed)
        except UnreadableError as error:
            reason = f"the answer cannot be held against its schema: {error}"
            return replace(form, inconclusive_reason=reason)
        return Judgement(
            (*findings, *content.findings),
            form.evaluated + content.evaluated,
            content.inconclusive_reason,
        )

    def _document(
        self, exchange: Exchange, operation: str, status: int, parsed: Parsed
    ) -> Judgement:
        """Hold a JSON document against its schema and the contract's rules."""
        name = self._contract.operations[operation].schemas[status]
        schema = self._schemas[name]
        index = schema.index(parsed.document)
        evaluated: Counter[str] = Counter()
        time = allowance(self._clock)
        for requirement, count in schema.evaluated(index):
            evaluated[requirement] += count
        findings = list(self._laid(schema.problems(parsed.document)))
        for rule in self._contract.rules:
            if time.is_spent:
                return stopped(Judgement(tuple(condense(findings)), +evaluated))
            if rule.schema == name:
                places, options = index[rule.at], rule.options or {}
                evaluated[rule.requirement] += APPLIES[rule.name](places, options)
                problems = RULES[rule.name](places, options, exchange.started)
                findings += self._rule_findings(rule, problems)
        findings += self._laid(schema.undocumented(index))
        return Judgement(tuple(condense(findings)), +evaluated, _left_out(index))

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


def error_codes(document: object) -> list[str]:
    """Return the codes of an error body: a list of objects with a `code`, or one such object."""
    rows = document if isinstance(document, list) else [document]
    codes = [row.get("code") for row in rows if isinstance(row, dict)]
    return [code for code in codes if isinstance(code, str)]


def _left_out(index: Index) -> str:
    """Return why a long document is not judged to its end, "" where it is."""
    if not index.is_cut:
        return ""
    return f"only the first {MOST_AT_ONE_PLACE} values at each place were looked at"


def _wants_code(case: Case, response: Response) -> bool:
    """Tell whether a case would welcome an answer of this status, had it the right error code."""
    return any(
        clause.codes and str(response.status) in clause.statuses
        for clause in case.expectation.clauses
    )


def _wanted(clause: Clause) -> str:
    codes = (
        f" with {' or '.join(clause.codes)}"
        if clause.codes and clause.codes != (_ANY_CODE,)
        else ""
    )
    return "/".join(clause.statuses) + codes


def _wanted_answers(case: Case) -> str:
    """Say which answers a case welcomes."""
    welcome = map(_wanted, welcome_clauses(case.expectation))
    return ", ".join(dict.fromkeys(welcome))


def _has_status(response: Response, clause: Clause) -> bool:
    """Tell whether a clause names a status, or its family, to which a gateway's statuses do not belong."""
    is_named = str(response.status) in clause.statuses
    family = f"{response.status // 100}xx"
    is_of_service = response.status not in TRANSIENT_STATUSES
    return is_named or (family in clause.statuses and is_of_service)


def _is_error(response: Response) -> bool:
    return response.status >= _FIRST_ERROR_STATUS


def _status_line(response: Response) -> str:
    return f"{response.status} {response.reason}".strip()


def _present(*problems: Problem | None) -> list[Problem]:
    return [problem for problem in problems if problem is not None]
