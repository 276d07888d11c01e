"""Judges an exchange by a case's expectation and the contract's response checks.

Here, and only here, problems meet requirements and levels and become findings. Pure: no sockets, no
clock, no files.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from conformance.checks.json_body import Parsed, media_type_problem, parse
from conformance.checks.json_schema import CompiledSchema, UnreadableError
from conformance.checks.problem import Problem
from conformance.checks.rules import APPLIES, RULES
from conformance.judging.findings import (
    CREDENTIAL_STATUSES,
    MOST_ALIKE,
    TRANSIENT_STATUSES,
    condense,
    only,
    severity_of,
)
from conformance.model.case import Case, Clause, Effect, Expectation, Step
from conformance.model.contract import Contract
from conformance.model.exchange import Exchange, Response
from conformance.model.verdict import Finding, Judgement, Severity

_ANY_CODE = "*"
_FIRST_ERROR_STATUS = 400


class RestOracle:
    """Judges exchanges of one contract; schemas are compiled once."""

    def __init__(self, contract: Contract) -> None:
        """Compile the contract's schemas."""
        self._contract = contract
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
        if response is None:
            return Judgement(
                inconclusive_reason=f"no answer: {exchange.failure.message if exchange.failure else 'unknown'}"
            )
        if response.cut:
            return Judgement(
                inconclusive_reason=f"the answer {_line(response)} could not be read to its end: {response.cut}"
            )
        clause = self._matching(response, case, unclaimed=unclaimed)
        if clause is None and response.status in TRANSIENT_STATUSES:
            return Judgement(
                inconclusive_reason=f"the answer {_line(response)} tells of load or of a gateway, not of the service"
            )
        return self._by_clause(exchange, response, case, clause)

    def judge_step(
        self, exchange: Exchange, case: Case, step: Step, *, body: bool = False
    ) -> Judgement:
        """Return what an exchange says about a request that a case needs to succeed, with or without its body."""
        statuses = (
            step.statuses or self._contract.operations[step.request.operation].successes
        )
        served = Expectation("step", (Clause(tuple(map(str, statuses)), judge=body),))
        judgement = self.judge(
            exchange,
            replace(case, request=step.request, expectation=served, only=(), tls=""),
        )
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
        for clause in case.expectation.clauses:
            if clause.unclaimed and not unclaimed:
                continue
            exact = str(response.status) in clause.statuses
            family = (
                f"{response.status // 100}xx" in clause.statuses
                and response.status not in TRANSIENT_STATUSES
            )
            if (exact or family) and self._fits(response, clause):
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
        wanted = (
            self._contract.errors.keys()
            if clause.codes == (_ANY_CODE,)
            else set(clause.codes)
        )
        return not clause.codes or bool(wanted & set(error_codes(parsed.document)))

    def _by_clause(
        self, exchange: Exchange, response: Response, case: Case, clause: Clause | None
    ) -> Judgement:
        if clause is not None and clause.effect is Effect.NOT_APPLICABLE:
            return Judgement(
                not_applicable_reason=f"answered {_line(response)}: {clause.note}"
            )
        if clause is not None and clause.effect is Effect.INCONCLUSIVE:
            return Judgement(
                inconclusive_reason=f"answered {_line(response)}: {clause.note}"
            )
        findings = list(self._status_finding(response, case, clause))
        judged = (
            clause.judge
            if clause is not None
            else response.status >= _FIRST_ERROR_STATUS
        )
        if case.only and (clause is None or not clause.judge):
            return Judgement(
                inconclusive_reason=f"not reached, because the answer is {_line(response)}"
            )
        answer = (
            self._answer(exchange, response, case.request.operation)
            if judged
            else Judgement()
        )
        if case.only:
            return only(answer, case.only)
        if clause is None and answer.violated and _wants_code(case, response):
            # The refusal is of the right kind; that its code cannot be read is the body's fault, not the rule's.
            findings = []
        evaluated = Counter({case.requirements[0]: 1})
        if case.tls and exchange.request.url.startswith("https:"):
            evaluated[case.tls] += 1
        return Judgement(
            (*findings, *answer.findings),
            evaluated + answer.evaluated,
            answer.inconclusive_reason,
        )

    def _status_finding(
        self, response: Response, case: Case, clause: Clause | None
    ) -> Iterator[Finding]:
        expected = ", ".join(dict.fromkeys(_wanted(one) for one in _welcome(case)))
        if clause is None:
            yield Finding(
                case.requirements[0],
                severity_of(self._contract, case.requirements[0]),
                "the answer is not one that the cookbook allows here",
                "status",
                expected,
                self._seen(response),
            )
        elif clause.effect is not Effect.ACCEPT:
            severity = Severity(clause.effect.value)
            note = (
                clause.note or "the answer is not the one that the cookbook describes"
            )
            yield Finding(
                case.requirements[0],
                severity,
                note,
                "status",
                expected,
                self._seen(response),
            )

    def _seen(self, response: Response) -> str:
        """Return an answer's status line with its error codes, where the catalogue has codes at all."""
        codes = (
            error_codes(parse(response.body).document) if self._contract.errors else []
        )
        return _line(response) + (
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
        findings = [
            self._finding(root, problem)
            for problem in _present(media, parsed.problem, *parsed.oddities)
        ]
        evaluated = Counter({root: 1})
        if parsed.unreadable or parsed.problem:
            inconclusive_reason = (
                parsed.unreadable
                or f"there is no JSON to judge: {parsed.problem.message if parsed.problem else ''}"
            )
            return Judgement(
                tuple(findings),
                evaluated,
                inconclusive_reason if parsed.unreadable else "",
            )
        try:
            found, counts = self._document(exchange, operation, response.status, parsed)
        except UnreadableError as error:
            return Judgement(
                tuple(findings),
                evaluated,
                f"the answer cannot be held against its schema: {error}",
            )
        return Judgement((*findings, *found), evaluated + counts)

    def _document(
        self, exchange: Exchange, operation: str, status: int, parsed: Parsed
    ) -> tuple[list[Finding], Counter[str]]:
        name = self._contract.operations[operation].schemas[status]
        schema = self._schemas[name]
        index = schema.index(parsed.document)
        evaluated: Counter[str] = Counter()
        for requirement, count in schema.evaluated(index):
            evaluated[requirement] += count
        found = [
            self._finding(requirement, problem)
            for requirement, problem in schema.problems(parsed.document)
        ]
        for rule in self._contract.rules:
            if rule.schema == name:
                places = index[rule.at]
                evaluated[rule.requirement] += APPLIES[rule.name](
                    places, rule.options or {}
                )
                for problem in RULES[rule.name](
                    places, rule.options or {}, exchange.started
                ):
                    finding = self._finding(rule.requirement, problem)
                    found.append(
                        replace(finding, severity=Severity(rule.severity))
                        if rule.severity
                        else finding
                    )
        found += [
            self._finding(requirement, problem)
            for requirement, problem in schema.undocumented(index)
        ]
        return condense(found), +evaluated

    def _schema(self, operation: str, status: int) -> CompiledSchema | None:
        return self._schemas.get(
            self._contract.operations[operation].schemas.get(status, "")
        )

    def _finding(self, requirement: str, problem: Problem) -> Finding:
        severity = (
            Severity.OBSERVATION
            if problem.odd
            else severity_of(self._contract, requirement)
        )
        return Finding(
            requirement,
            severity,
            problem.message,
            problem.location,
            problem.expected,
            problem.actual,
        )


def error_codes(document: object) -> list[str]:
    """Return the codes of an error body: a list of objects with a `code`, or one such object."""
    rows = document if isinstance(document, list) else [document]
    codes = [row.get("code") for row in rows if isinstance(row, dict)]
    return [code for code in codes if isinstance(code, str)]


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


def _welcome(case: Case) -> list[Clause]:
    accepted = [
        clause for clause in case.expectation.clauses if clause.effect is Effect.ACCEPT
    ]
    return accepted or list(case.expectation.clauses)


def _line(response: Response) -> str:
    return f"{response.status} {response.reason}".strip()


def _present(*problems: Problem | None) -> list[Problem]:
    return [problem for problem in problems if problem is not None]
