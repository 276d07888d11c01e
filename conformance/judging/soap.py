"""Judges SOAP exchanges by a case's expectation, the WSDL's schemas and what a cookbook says of answers.

The counterpart of `judging` for SOAP: here problems meet requirements and become findings. It remembers the ids and
identifiers of a run, which must not occur twice. No sockets, no clock, no files but the schemas.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from conformance.checks.problem import Problem
from conformance.checks.soap_answer import (
    FAULT,
    OTHER,
    RESPONSE,
    SoapAnswer,
    envelope_problems,
    instant_problems,
    media_problems,
    read_answer,
    status_problems,
    value,
)
from conformance.checks.soap_fault import (
    blames_header,
    code_problems,
    origin_problems,
    speaks_of_security,
    structure_problems,
)
from conformance.contracts.binding import Binding, BoundOperation
from conformance.judging.findings import (
    CREDENTIAL_STATUSES,
    TRANSIENT_STATUSES,
    condense,
    only,
    severity_of,
)
from conformance.model.case import Case, Clause, Effect, Expectation, Step
from conformance.model.contract import Contract, DetailRule, SoapRules
from conformance.model.exchange import Exchange, Response
from conformance.model.verdict import Finding, Judgement, Severity
from conformance.soap.markup import (
    Element,
    XmlError,
    below,
    children,
    local,
    parse,
    path,
    text,
)
from conformance.soap.security.mutations import OF_THE_FORM
from conformance.soap.xsd.schemas import SchemaProblem, SchemaSet

_LONGEST = 160
_SUCCESS = "success"
_STATUS = "/Status/StatusCode/@Value"
CHECKS = frozenset(
    {
        *(
            "http-status",
            "media-type",
            "envelope",
            "schema",
            "response-id-unique",
            "in-response-to",
        ),
        *(
            "response-instant",
            "status-code",
            "identifier",
            "no-identifier",
            "outcome",
            "not-a-fault",
        ),
        *("fault-structure", "fault-code", "fault-origin"),
    }
)
"""The checks of an answer that a soap.yaml binds to requirements."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    """What is remembered of an answer: its exchange, and the values of the person asked for, by role."""

    exchange: str
    person: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class SoapOracle:
    """Judges exchanges of one service; `errors` is the schema of the platform's faults."""

    contract: Contract
    rules: SoapRules
    binding: Binding
    errors: SchemaSet
    _ids: dict[str, _Remembered] = field(default_factory=dict)
    _identifiers: dict[str, list[_Remembered]] = field(default_factory=dict)

    def judge(
        self, exchange: Exchange, case: Case, *, unclaimed: bool = False
    ) -> Judgement:
        """Return what an exchange says about the case."""
        del unclaimed  # a SOAP service has the operations of its WSDL
        response = exchange.response
        if response is None:
            return Judgement(
                inconclusive_reason=f"no answer: {exchange.failure.message if exchange.failure else 'unknown'}"
            )
        if response.cut:
            return Judgement(
                inconclusive_reason=f"the answer {_line(response)} could not be read to its end: {response.cut}"
            )
        answer = self._read(response, case.request.operation)
        if answer.kind == OTHER and response.status in TRANSIENT_STATUSES:
            return Judgement(
                inconclusive_reason=f"the answer {_line(response)} tells of load or of a gateway, not of the service"
            )
        bound = self.binding.bound.get(case.request.operation)
        outcome = self._outcome(answer, bound)
        clause = next(
            (
                one
                for one in case.expectation.clauses
                if _matches(one, response, answer, outcome)
            ),
            None,
        )
        if clause is not None and clause.effect is Effect.INCONCLUSIVE:
            return Judgement(
                inconclusive_reason=f"answered {self._told(answer, outcome, response)}: {clause.note}"
            )
        if clause is not None and clause.effect is Effect.NOT_APPLICABLE:
            return Judgement(
                not_applicable_reason=f"answered {self._told(answer, outcome, response)}: {clause.note}"
            )
        return self._judged(exchange, response, answer, bound, case, clause)

    def judge_step(
        self, exchange: Exchange, case: Case, step: Step, *, body: bool = False
    ) -> Judgement:
        """Return whether a request that a case needs to succeed was served.

        What else is wrong with its answer (`body`) is not taken for granted in the probe's: each has to be right.
        """
        del body
        served = Expectation(
            "step", (Clause((), answer=RESPONSE, outcomes=(_SUCCESS,)),)
        )
        own = replace(case, request=step.request, expectation=served, only=(), words="")
        judgement = self.judge(exchange, own)
        if judgement.inconclusive_reason or exchange.response is None:
            return judgement
        answer = self._read(exchange.response, step.request.operation)
        outcome = self._outcome(answer, self.binding.bound.get(step.request.operation))
        if _matches(served.clauses[0], exchange.response, answer, outcome):
            return replace(judgement, findings=())
        told = self._told(answer, outcome, exchange.response)
        unserved = replace(
            self._unexpected(case.requirements[0], served, told),
            severity=Severity.VIOLATION,
        )
        return replace(judgement, findings=(unserved,))

    def refuses_credential(self, exchange: Exchange) -> bool:
        """Tell whether a gateway refused who asks: by its own code, in the words of WS-Security, or by bare HTTP."""
        if exchange.response is None:
            return False
        answer = self._read(exchange.response)
        if answer.kind == OTHER:
            return exchange.response.status in CREDENTIAL_STATUSES
        return answer.kind == FAULT and (
            answer.code in self.rules.gates or speaks_of_security(answer)
        )

    def tells_of_outage(self, exchange: Exchange) -> bool:
        """Tell whether an answer says that the service is not available."""
        if exchange.response is None:
            return False
        answer = self._read(exchange.response)
        return answer.kind == FAULT and answer.code in self.rules.unavailable

    def values(
        self, exchange: Exchange, operation: str, places: Iterable[str]
    ) -> list[object]:
        """Return the values of some roles of an answer."""
        bound = self.binding.bound.get(operation)
        if exchange.response is None or bound is None:
            return []
        answer = read_answer(exchange.response)
        return [value(answer, bound.answer.get(place)) for place in places]

    def _read(self, response: Response, operation: str = "") -> SoapAnswer:
        """Return what an answer is, by the fault elements that the WSDL declares for an operation, else for any."""
        bound = self.binding.bound.get(operation)
        known = [bound] if bound is not None else self.binding.bound.values()
        return read_answer(
            response, {name for one in known for name in one.operation.faults}
        )

    def _judged(  # noqa: PLR0913, PLR0917 - all that is known of an answer
        self,
        exchange: Exchange,
        response: Response,
        answer: SoapAnswer,
        bound: BoundOperation | None,
        case: Case,
        clause: Clause | None,
    ) -> Judgement:
        outcome = self._outcome(answer, bound)
        evaluated = Counter({case.requirements[0]: 1})
        told = self._told(answer, outcome, response)
        if answer.kind == OTHER and clause is None:
            wrong = self._not_soap(response, answer)
            return Judgement((wrong,), evaluated + Counter({wrong.requirement: 1}))
        if answer.kind == OTHER:
            # A refusal by HTTP alone, where one is allowed, is no message that could be held against anything.
            return Judgement(
                tuple(
                    self._expectation_findings(case, clause, answer, outcome, (), told)
                ),
                evaluated,
            )
        found = _Checks(
            self, exchange, response, answer, bound, outcome, _breaks_header(case)
        )
        found.run()
        findings = list(
            self._expectation_findings(
                case, clause, answer, outcome, found.findings, told
            )
        )
        findings += condense(found.findings)
        evaluated += found.evaluated
        if case.tls and exchange.request.url.startswith("https:"):
            evaluated[case.tls] += 1
        if case.words and clause is not None and answer.kind == RESPONSE:
            findings += self._word_findings(answer, bound, case.words)
            evaluated[self.rules.messages[case.words].requirement] += 1
        if case.only:
            return only(Judgement(tuple(findings), evaluated), case.only)
        return Judgement(tuple(findings), evaluated)

    def _expectation_findings(  # noqa: PLR0913, PLR0917 - all that is known of an answer
        self,
        case: Case,
        clause: Clause | None,
        answer: SoapAnswer,
        outcome: str,
        found: Sequence[Finding],
        told: str,
    ) -> Iterator[Finding]:
        """Yield that an answer is not the one that a case wants, laid to the requirement that it breaks."""
        if case.request.message is not None and case.request.message.edits:
            told = f"{told} on a message with {'; '.join(map(str, case.request.message.edits))}"
        if clause is not None:
            if clause.effect is not Effect.ACCEPT:
                expected = _all_wanted(case.expectation)
                severity = Severity(clause.effect.value)
                yield Finding(
                    case.requirements[0],
                    severity,
                    clause.note,
                    "answer",
                    expected,
                    told,
                )
            return
        broken = any(one.severity is Severity.VIOLATION for one in found)
        wants = {one.answer for one in case.expectation.clauses}
        if answer.kind == FAULT and FAULT in wants:
            # The message was refused, as it should be; a code that does not fit, or is not there, is another matter.
            # Whether a code fits that was not found in an element of the WSDL's own, nobody can tell.
            if answer.code or not (broken or answer.declared is not None):
                message = "the fault's code is not one that fits this message"
                yield replace(
                    self._unexpected(
                        self.rules.checks["fault-code"], case.expectation, told
                    ),
                    message=message,
                )
        elif answer.kind == RESPONSE and not outcome and broken:
            return  # its status cannot be read, which is said already
        elif (
            answer.kind == RESPONSE
            and outcome not in ("", _SUCCESS)
            and "outcome" in self.rules.checks
            and _refusals(case)
        ):
            message = "an error of the client is told by another status"
            yield replace(
                self._unexpected(self.rules.checks["outcome"], case.expectation, told),
                message=message,
            )
        else:
            yield self._unexpected(case.requirements[0], case.expectation, told)

    def _unexpected(
        self, requirement: str, expectation: Expectation, told: str
    ) -> Finding:
        severity = severity_of(self.contract, requirement)
        message = "the answer is not one that is allowed here"
        return Finding(
            requirement, severity, message, "answer", _all_wanted(expectation), told
        )

    def _not_soap(self, response: Response, answer: SoapAnswer) -> Finding:
        requirement = self.rules.checks["not-a-fault"]
        return Finding(
            requirement,
            severity_of(self.contract, requirement),
            "the answer is neither a response nor a SOAP fault",
            "answer",
            "a SOAP 1.1 response or fault",
            f"{_line(response)}: {answer.problem}"[: _LONGEST * 2],
        )

    def _word_findings(
        self, answer: SoapAnswer, bound: BoundOperation | None, words: str
    ) -> Iterator[Finding]:
        """Yield that a refusal has no message, or one in other words than printed."""
        rule = self.rules.messages[words]
        said = value(
            answer, bound.answer.get("status_message") if bound is not None else None
        )
        if not said:
            severity = severity_of(self.contract, rule.requirement)
            message = "a refused requester is told no StatusMessage"
            yield Finding(
                rule.requirement,
                severity,
                message,
                "/Status/StatusMessage",
                "a text that says why",
                "absent",
            )
        elif not re.fullmatch(rule.pattern, " ".join(said.split()), re.IGNORECASE):
            message = "the StatusMessage has other words than Table 2"
            shown = said[:_LONGEST]
            yield Finding(
                rule.requirement,
                Severity.OBSERVATION,
                message,
                "/Status/StatusMessage",
                rule.pattern,
                shown,
            )

    def _outcome(self, answer: SoapAnswer, bound: BoundOperation | None) -> str:
        """Return the name of a response's status code, "" where it has none that is known."""
        if answer.kind != RESPONSE or bound is None:
            return ""
        code = value(answer, bound.answer.get("status_code"))
        return next(
            (name for name, urn in self.rules.outcomes.items() if urn == code), ""
        )

    def _told(self, answer: SoapAnswer, outcome: str, response: Response) -> str:
        if answer.kind == FAULT:
            return f"fault {answer.code or 'without code'}"
        if answer.kind == RESPONSE:
            return f"response with status {outcome or 'unknown'}"
        return _line(response)


@dataclass(slots=True)
class _Checks:
    """All that is checked of one SOAP answer, whatever the case but for whether its message breaks the header."""

    oracle: SoapOracle
    exchange: Exchange
    response: Response
    answer: SoapAnswer
    bound: BoundOperation | None
    outcome: str
    breaks_header: bool
    findings: list[Finding] = field(default_factory=list)
    evaluated: Counter[str] = field(default_factory=Counter)
    _asked: SoapAnswer | None = None

    def run(self) -> None:
        self._check("http-status", status_problems(self.response, self.answer))
        self._check("media-type", media_problems(self.response))
        self._check("envelope", envelope_problems(self.answer))
        if self.answer.kind == FAULT:
            self._fault()
        elif self.bound is not None and self.answer.body is not None:
            self._response(self.bound, self.answer.body)

    def _fault(self) -> None:
        if speaks_of_security(self.answer):
            return  # an engine of WS-Security in front of the service, which answers in the words of its own standard
        catalogue = self.oracle.contract.errors
        error, declared = self.answer.error, self.answer.declared
        found = self.oracle.errors.problems(error) if error is not None else []
        if declared is not None:
            found = self.oracle.binding.contract.problems(declared)
        of_header = (
            self.breaks_header
            or blames_header(self.answer)
            or self.answer.code in self.oracle.rules.gates
        )
        problems = [_as_problem(one) for one in found]
        self._check(
            "fault-structure",
            structure_problems(self.answer, problems, of_header=of_header),
        )
        self._check(
            "fault-code",
            code_problems(self.answer, tuple(catalogue), of_header=of_header),
        )
        components = {code: row.component for code, row in catalogue.items()}
        if error is not None and components.get(self.answer.code):
            self._check("fault-origin", origin_problems(self.answer, components))

    def _response(self, bound: BoundOperation, body: Element) -> None:
        self._schema(bound, body)
        outcome, rules = self.outcome, self.oracle.rules
        code = value(self.answer, bound.answer.get("status_code"))
        if code is not None:
            known = ", ".join(rules.outcomes.values())
            wrong = (
                []
                if outcome
                else [
                    Problem(
                        "the status code is not one of those documented",
                        _STATUS,
                        known,
                        code,
                    )
                ]
            )
            self._check("status-code", wrong)
        self._correlation(bound)
        if outcome:
            self._identifier(bound)
        for rule in rules.details:
            self._detail(body, rule)

    def _schema(self, bound: BoundOperation, body: Element) -> None:
        rules = self.oracle.rules
        if bound.operation.response and body.tag != bound.operation.response:
            problem = Problem(
                "the Body holds another element than the WSDL says",
                "/Envelope/Body",
                bound.operation.response,
                str(body.tag),
            )
            self._check("schema", [problem])
            return
        self._check("schema", ())
        problems = self.oracle.binding.contract.problems(body)
        for name, requirement in rules.elements.items():
            self.evaluated[requirement] += 1
            own = [one for one in problems if _concerns(one, name)]
            problems = [one for one in problems if one not in own]
            self._add(requirement, [_as_problem(one) for one in own])
        self._add(
            rules.checks["schema"],
            [_as_problem(one, odd=self._is_unknown(one)) for one in problems],
        )

    def _is_unknown(self, problem: SchemaProblem) -> bool:
        """Tell whether an element is refused only because its declaration is not at hand.

        A reconstructed contract cannot know all that stands in a detail; nor is it printed where the cookbook's own
        detail elements are declared.
        """
        named = {rule.element for rule in self.oracle.rules.details}
        return problem.undeclared and (
            self.oracle.binding.reconstructed or problem.name in named
        )

    def _correlation(self, bound: BoundOperation) -> None:
        own = value(self.answer, bound.answer.get("response_id"))
        if own:
            seen = self.oracle._ids.setdefault(own, _Remembered(self.exchange.id))  # noqa: SLF001 - one class in two halves
            again = seen.exchange != self.exchange.id
            problem = Problem(
                "the response's Id was given to another response",
                "/@Id",
                "an Id of its own",
                f"that of {seen.exchange}",
            )
            self._check("response-id-unique", [problem] if again else [])
        asked = self._requested("request_id")
        if asked:
            told = value(self.answer, bound.answer.get("in_response_to"))
            problem = Problem(
                "InResponseTo is not the request's Id",
                "/@InResponseTo",
                asked,
                told if told is not None else "absent",
            )
            self._check("in-response-to", [] if told == asked else [problem])
        instant = value(self.answer, bound.answer.get("response_instant"))
        if instant:
            self._check(
                "response-instant",
                instant_problems(
                    instant, self.response.header("Date"), self.exchange.started
                ),
            )

    def _identifier(self, bound: BoundOperation) -> None:
        place = bound.answer.get("identifier")
        if place is None:
            return
        given, where = value(self.answer, place), "/" + "/".join(place)
        if self.outcome == _SUCCESS:
            problem = Problem(
                "a success carries no identifier",
                where,
                "an identifier",
                "empty" if given == "" else "absent",
            )
            self._check("identifier", [] if given else [problem])
            if given:
                self._same_person(given, where)
        else:
            problem = Problem(
                "a request that did not succeed is given an identifier",
                where,
                "no identifier",
                str(given),
            )
            self._check("no-identifier", [problem] if given else [])

    def _same_person(self, given: str, where: str) -> None:
        """Hold an identifier against those given before: it must not belong to two persons."""
        rule = self.oracle.rules.same_person
        if rule is None:
            return
        roles = (*rule.decisive, *rule.disjoint)
        person = tuple(
            (role, told) for role in roles if (told := self._requested(role))
        )
        before = self.oracle._identifiers.setdefault(given, [])  # noqa: SLF001 - one class in two halves
        others = [
            one
            for one in before
            if one.exchange != self.exchange.id
            and _differ(dict(one.person), dict(person), rule.decisive, rule.disjoint)
        ]
        if not any(one.exchange == self.exchange.id for one in before):
            before.append(_Remembered(self.exchange.id, person))
        self.evaluated[rule.requirement] += 1
        if others:
            message = "an identifier is given to two persons"
            actual = f"also given in {others[0].exchange} to {_named(others[0].person)}, here to {_named(person)}"
            self._add(
                rule.requirement,
                [Problem(message, where, "an identifier of this person alone", actual)],
            )

    def _detail(self, body: Element, rule: DetailRule) -> None:
        name = rule.element
        for element in below(body, name):
            self.evaluated[rule.requirement] += 1
            if self.outcome in rule.refused_outcomes:
                problem = Problem(
                    f"{name} stands with the status {self.outcome}",
                    path(element),
                    "no such element",
                    name,
                )
                self._add(rule.requirement, [problem])
            for member, (allowed, requirement) in rule.members.items():
                found = next(
                    (child for child in children(element) if local(child) == member),
                    None,
                )
                told = text(found) if found is not None else "absent"
                self.evaluated[requirement] += 1
                if told not in allowed:
                    message = f"{name}.{member} is not one of the values documented"
                    self._add(
                        requirement,
                        [
                            Problem(
                                message,
                                f"{path(element)}/{member}",
                                ", ".join(allowed),
                                told,
                            )
                        ],
                    )

    def _requested(self, role: str) -> str:
        """Return the value of a role in the request that was really sent, "" where it had none."""
        place = self.bound.request.get(role) if self.bound is not None else None
        if place is None:
            return ""
        if self._asked is None:
            self._asked = _sent(self.exchange)
        return value(self._asked, place) or ""

    def _check(self, name: str, problems: Iterable[Problem]) -> None:
        requirement = self.oracle.rules.checks.get(name)
        if requirement is not None:
            self.evaluated[requirement] += 1
            self._add(requirement, problems)

    def _add(self, requirement: str, problems: Iterable[Problem]) -> None:
        for one in problems:
            severity = (
                Severity.OBSERVATION
                if one.odd
                else severity_of(self.oracle.contract, requirement)
            )
            actual = one.actual or "empty"
            self.findings.append(
                Finding(
                    requirement,
                    severity,
                    one.message,
                    one.location,
                    one.expected,
                    actual,
                )
            )


def _sent(exchange: Exchange) -> SoapAnswer:
    """Return the request that was really sent, by the element in its Body."""
    try:
        envelope = parse(exchange.request.body)
    except XmlError:
        return SoapAnswer(OTHER)
    body = next((child for child in children(envelope) if local(child) == "Body"), None)
    inside = children(body) if body is not None else []
    return SoapAnswer(RESPONSE, body=inside[0]) if inside else SoapAnswer(OTHER)


def _matches(
    clause: Clause, response: Response, answer: SoapAnswer, outcome: str
) -> bool:
    """Tell whether an answer is what a clause describes."""
    status = str(response.status)
    if clause.statuses and not {status, f"{status[0]}xx"} & set(clause.statuses):
        return False
    if clause.answer and clause.answer != answer.kind:
        return False
    if clause.outcomes and outcome not in clause.outcomes:
        return False
    if clause.detail and (
        answer.body is None or next(below(answer.body, clause.detail), None) is None
    ):
        return False
    return not clause.codes or any(_is_code(answer.code, code) for code in clause.codes)


def _is_code(code: str, wanted: str) -> bool:
    return code.startswith(wanted[:-1]) if wanted.endswith("*") else code == wanted


def _breaks_header(case: Case) -> bool:
    """Tell whether a case's message has something wrong in its header, and not only in its form or its Body."""
    mutation = case.request.message.mutation if case.request.message is not None else ""
    return bool(mutation) and mutation not in OF_THE_FORM


def _all_wanted(expectation: Expectation) -> str:
    """Say which answers a case welcomes."""
    accepted = [
        clause for clause in expectation.clauses if clause.effect is Effect.ACCEPT
    ]
    return ", or ".join(
        dict.fromkeys(one.welcome for one in accepted or expectation.clauses)
    )


def _refusals(case: Case) -> bool:
    """Tell whether a case wants a response that is no success."""
    return any(
        one.answer == RESPONSE and _SUCCESS not in one.outcomes
        for one in case.expectation.clauses
    )


def _as_problem(problem: SchemaProblem, *, odd: bool = False) -> Problem:
    """Return what a schema says as a problem, an `odd` one where the schema may be to blame."""
    words = problem.message
    expected = re.search(r"Expected is(?: one of)? \( (.*?) \)", words)
    return Problem(
        words,
        problem.place,
        expected[1] if expected else "valid by the WSDL's schema",
        problem.name or "invalid",
        odd=odd,
    )


def _concerns(problem: SchemaProblem, name: str) -> bool:
    """Tell whether a problem is with an element or attribute of the response itself."""
    bare = name.removeprefix("@")
    at_root = problem.place.count("/") <= 1 + (not name.startswith("@"))
    missing = f"( {bare} )" in problem.message or f"'{bare}'" in problem.message
    return at_root and (problem.name == bare or missing)


def _differ(
    one: dict[str, str],
    other: dict[str, str],
    decisive: Iterable[str],
    disjoint: Iterable[str],
) -> bool:
    """Tell whether two persons are certainly not one."""
    for role in decisive:
        if role in one and role in other and _plain(one[role]) != _plain(other[role]):
            return True
    for role in disjoint:
        if (
            role in one
            and role in other
            and not {*_plain(one[role]).split()} & {*_plain(other[role]).split()}
        ):
            return True
    return False


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def _named(person: Iterable[tuple[str, str]]) -> str:
    return (
        ", ".join(f"{role} {told!r}" for role, told in person)
        or "a person without name"
    )


def _line(response: Response) -> str:
    return f"HTTP {response.status} {response.reason}".strip()
