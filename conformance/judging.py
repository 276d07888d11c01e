"""Judges an exchange by a case's expectation and the contract's response checks.

Here, and only here, problems meet requirements and levels and become findings. Pure: no sockets, no
clock, no files.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from conformance.case import Case, Clause, Effect, Expectation, Template
from conformance.checks.json_body import Parsed, media_type_problem, parse
from conformance.checks.json_schema import CompiledSchema, UnreadableError
from conformance.checks.problem import Problem
from conformance.checks.rules import RULES
from conformance.contract import Contract, Level
from conformance.exchange import Exchange, Response
from conformance.verdict import Finding, Judgement, Severity

NEVER_CONCLUSIVE = frozenset({429, 502, 503, 504})
"""Statuses that tell of load or of a gateway, not of the service, unless a clause names them."""

_BY_LEVEL = {Level.MUST: Severity.VIOLATION, Level.SHOULD: Severity.WARNING, Level.MAY: Severity.OBSERVATION}
_MOST_ALIKE = 3


class Judge:
    """Judges exchanges of one contract; schemas are compiled once."""

    def __init__(self, contract: Contract) -> None:
        """Compile the contract's schemas."""
        self._contract = contract
        self._schemas = {name: CompiledSchema(schema) for name, schema in contract.schemas.items()}

    def judge(self, exchange: Exchange, case: Case, *, unclaimed: bool = False) -> Judgement:
        """Return what an exchange says about the case.

        `unclaimed` tells that the target does not claim to have the resource under test.
        """
        response = exchange.response
        if response is None:
            return Judgement(blocked=f"no answer: {exchange.failure.message if exchange.failure else 'unknown'}")
        if response.cut:
            return Judgement(blocked=f"the answer {_line(response)} could not be read to its end: {response.cut}")
        clause = self._matching(response, case, unclaimed=unclaimed)
        if clause is None and response.status in NEVER_CONCLUSIVE:
            return Judgement(blocked=f"the answer {_line(response)} tells of load or of a gateway, not of the service")
        return self._by_clause(exchange, response, case, clause)

    def judge_twin(self, exchange: Exchange, case: Case, twin: Template) -> Judgement:
        """Return what an exchange says about the unbroken request that a case starts from."""
        statuses = tuple(str(status) for status in self._contract.operations[twin.operation].schemas)
        served = Expectation("twin", (Clause(statuses, judge=True),))
        return self.judge(exchange, replace(case, request=twin, expectation=served, only=(), tls=""))

    def values(self, exchange: Exchange, operation: str, places: Iterable[str]) -> list[object]:
        """Return the values at places of an answer, for comparing two answers."""
        response = exchange.response
        schema = self._schema(operation, response.status) if response else None
        if response is None or schema is None:
            return []
        index = schema.index(parse(response.body).document)
        return [[node.value for node in index[at]] for at in places]

    def _matching(self, response: Response, case: Case, *, unclaimed: bool) -> Clause | None:
        for clause in case.expectation.clauses:
            if clause.unclaimed and not unclaimed:
                continue
            exact = str(response.status) in clause.statuses
            family = f"{response.status // 100}xx" in clause.statuses and response.status not in NEVER_CONCLUSIVE
            if (exact or family) and (not clause.matches or self._fits(response, clause.matches)):
                return clause
        return None

    def _fits(self, response: Response, schema: str) -> bool:
        parsed = parse(response.body)
        return parsed.problem is None and not parsed.unreadable and self._schemas[schema].fits(parsed.document)

    def _by_clause(self, exchange: Exchange, response: Response, case: Case, clause: Clause | None) -> Judgement:
        if clause is not None and clause.effect is Effect.INCONCLUSIVE:
            return Judgement(blocked=f"answered {_line(response)}: {clause.note}")
        findings = list(self._status_finding(response, case, clause))
        judged = clause is not None and clause.judge
        if case.only and not judged:
            return Judgement(blocked=f"not reached, because the answer is {_line(response)}")
        answer = self._answer(exchange, response, case.request.operation) if judged else Judgement()
        if case.only:
            return _only(answer, case.only)
        evaluated = Counter({case.requirements[0]: 1})
        if case.tls and exchange.request.url.startswith("https:"):
            evaluated[case.tls] += 1
        return Judgement((*findings, *answer.findings), evaluated + answer.evaluated, answer.blocked)

    def _status_finding(self, response: Response, case: Case, clause: Clause | None) -> Iterator[Finding]:
        expected = ", ".join(dict.fromkeys(status for one in _welcome(case) for status in one.statuses))
        if clause is None:
            yield Finding(
                case.requirements[0],
                self._severity(case.requirements[0]),
                "the answer's status is not one that the cookbook allows here",
                "status",
                expected,
                _line(response),
            )
        elif clause.effect is not Effect.ACCEPT:
            severity = Severity(clause.effect.value)
            yield Finding(case.requirements[0], severity, clause.note, "status", expected, _line(response))

    def _answer(self, exchange: Exchange, response: Response, operation: str) -> Judgement:
        """Apply the checks that the contract has for an operation's answer."""
        schema = self._schema(operation, response.status)
        if schema is None:
            return Judgement()
        root = schema.requirement_at("")
        media = media_type_problem(response.header("Content-Type"))
        parsed = parse(response.body)
        findings = [self._finding(root, problem) for problem in _present(media, parsed.problem, *parsed.oddities)]
        evaluated = Counter({root: 1})
        if parsed.unreadable or parsed.problem:
            blocked = (
                parsed.unreadable or f"there is no JSON to judge: {parsed.problem.message if parsed.problem else ''}"
            )
            return Judgement(tuple(findings), evaluated, blocked if parsed.unreadable else "")
        try:
            found, counts = self._document(exchange, operation, response.status, parsed)
        except UnreadableError as error:
            return Judgement(tuple(findings), evaluated, f"the answer is nested too deeply: {error}")
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
        found = [self._finding(requirement, problem) for requirement, problem in schema.problems(parsed.document)]
        for rule in self._contract.rules:
            if rule.schema == name:
                nodes = index[rule.at]
                evaluated[rule.requirement] += len(nodes)
                for problem in RULES[rule.name](nodes, rule.options or {}, exchange.started):
                    finding = self._finding(rule.requirement, problem)
                    found.append(replace(finding, severity=Severity(rule.severity)) if rule.severity else finding)
        found += [self._finding(requirement, problem) for requirement, problem in schema.undocumented(index)]
        return _condense(found), +evaluated

    def _schema(self, operation: str, status: int) -> CompiledSchema | None:
        return self._schemas.get(self._contract.operations[operation].schemas.get(status, ""))

    def _severity(self, requirement: str) -> Severity:
        return _BY_LEVEL[self._contract.requirements[requirement].level]

    def _finding(self, requirement: str, problem: Problem) -> Finding:
        severity = Severity.OBSERVATION if problem.odd else self._severity(requirement)
        return Finding(requirement, severity, problem.message, problem.location, problem.expected, problem.actual)


def _welcome(case: Case) -> list[Clause]:
    accepted = [clause for clause in case.expectation.clauses if clause.effect is Effect.ACCEPT]
    return accepted or list(case.expectation.clauses)


def _line(response: Response) -> str:
    return f"{response.status} {response.reason}".strip()


def _present(*problems: Problem | None) -> list[Problem]:
    return [problem for problem in problems if problem is not None]


def _only(answer: Judgement, requirements: tuple[str, ...]) -> Judgement:
    """Restrict a judgement to some requirements; what broke before they could be reached blocks it."""
    findings = tuple(finding for finding in answer.findings if finding.requirement in requirements)
    evaluated = Counter({name: count for name, count in answer.evaluated.items() if name in requirements})
    blocked = answer.blocked
    if not evaluated and not blocked and answer.violated:
        first = next(finding for finding in answer.findings if finding.severity is Severity.VIOLATION)
        blocked = f"not reached, because the answer breaks {first.requirement}: {first.message}"
    return Judgement(findings, evaluated, blocked)


def _condense(findings: list[Finding]) -> list[Finding]:
    """Keep the first few of findings that differ in place only, and say how many more there are."""
    alike: dict[tuple[str, str, Severity], list[Finding]] = {}
    for finding in findings:
        alike.setdefault((finding.requirement, finding.message, finding.severity), []).append(finding)
    condensed = []
    for group in alike.values():
        shown = group[:_MOST_ALIKE]
        more = len(group) - len(shown)
        if more:
            shown[-1] = replace(shown[-1], location=f"{shown[-1].location} (and {more} more places)")
        condensed += shown
    return condensed
