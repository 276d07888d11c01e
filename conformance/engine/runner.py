"""Runs a case against a service: preamble, probe, judgement, postamble, and a result.

Must not parse options, print, or know pytest.
"""

import hashlib
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from hypothesis.strategies import SearchStrategy

from conformance.engine.search import (
    Attempt,
    Drawn,
    Search,
    case_dir,
    distinct,
    flaky,
    words,
)
from conformance.engine.session import Session
from conformance.judging.findings import CREDENTIAL_STATUSES, TRANSIENT_STATUSES
from conformance.judging.oracle import Oracle
from conformance.model.case import Case, Step, Template
from conformance.model.errors import (
    BudgetError,
    ConformanceError,
    CredentialRefusedError,
    MissingDataError,
)
from conformance.model.exchange import Exchange, Purpose, Request
from conformance.model.result import CaseResult
from conformance.model.verdict import (
    Counterexample,
    Finding,
    Judgement,
    Severity,
    Verdict,
    merge,
)
from conformance.soap.xsd.grammar import Choice
from conformance.strategies.generators import EDGES, GENERATORS
from conformance.strategies.xsd import Drawing, Start
from conformance.target.policy import RULE

_MOST_DECIDING = 5
_MOST_SHOWN = 20
_SILENT_CASES = 3
"""After so many cases in a row without any answer the service counts as unreachable."""
_SHRINK_REQUESTS_LOCAL, _SHRINK_REQUESTS = 200, 25
_SUCCESS = 2
_FIRST_REFUSAL = 400
_CLIENT_ERROR = 4
_ANSWER = "answer"
_TELLING = frozenset({"status", _ANSWER})
"""Locations of findings of which the reason of an undecided case repeats what was found."""


@dataclass(slots=True)
class Runner:
    """Runs the cases of one service, one after the other; `examples` is the number a property draws.

    What properties find is kept below `kept` and tried first the next time, where there is such a folder.
    """

    session: Session
    oracle: Oracle
    seed: int
    examples: int
    kept: Path | None = None
    clock: Callable[[], float] = time.perf_counter
    _silent: int = 0

    def run(self, case: Case, procedure: "Procedure | None" = None) -> CaseResult:
        """Return what became of a case; only interruptions pass through.

        A `procedure` plays the case in the place of its one request.
        """
        obstacle = self._obstacle(case)
        if obstacle is not None:
            return obstacle
        execution = CaseExecution(self, case)
        began = self.clock()
        try:
            judgement = self._execute(case, execution, procedure)
            result = _conclude(case, judgement)
        except BudgetError as error:
            result = CaseResult(case, Verdict.NOT_RUN, str(error), limited=True)
        except MissingDataError as error:
            result = CaseResult(case, Verdict.NOT_APPLICABLE, str(error))
        except CredentialRefusedError as error:
            result = CaseResult(case, Verdict.INCONCLUSIVE, str(error))
        except ConformanceError as error:
            result = CaseResult(case, Verdict.ERROR, f"the harness erred: {error}")
        except Exception as error:  # noqa: BLE001 - whatever breaks in one case must not lose the others
            where = traceback.extract_tb(error.__traceback__)[-1]
            result = CaseResult(
                case,
                Verdict.ERROR,
                f"the harness erred: {error!r} at {where.name}:{where.lineno}",
            )
        self._note_silence(execution)
        return replace(
            result,
            exchanges=tuple(execution.ids),
            deciding=tuple(execution.deciding or execution.ids)[-_MOST_DECIDING:],
            counterexample=execution.shown if result.verdict is Verdict.FAIL else None,
            duration=self.clock() - began,
        )

    def conversation(self, case: Case) -> "CaseExecution":
        """Return a conversation outside of any case's run, for what has to be prepared or restored."""
        return CaseExecution(self, case)

    def _obstacle(self, case: Case) -> CaseResult | None:
        """Return a result for a case that is not to be sent at all."""
        target = self.session.target
        operation = self.session.service.spec.contract.operations[
            case.request.operation
        ]
        if case.intrusive and not target.intrusive:
            return CaseResult(
                case,
                Verdict.NOT_RUN,
                "intrusive cases are off for this target (intrusive: false)",
            )
        if not self.session.may_send(case.request.method or operation.method):
            return CaseResult(case, Verdict.NOT_RUN, f"production: {RULE} is ever sent")
        claimed = self._claimed(case)
        if claimed is False and case.claim is not None:
            reason = (
                f"the target's {case.claim.setting} does not name {case.claim.value!r}"
            )
            return CaseResult(case, Verdict.NOT_APPLICABLE, reason)
        if self._silent >= _SILENT_CASES:
            reason = f"not sent: {_SILENT_CASES} cases before it had no answer from {self.session.address}"
            return CaseResult(case, Verdict.INCONCLUSIVE, reason)
        return None

    def _claimed(self, case: Case) -> bool | None:
        """Tell whether the target claims what the case needs; None where it says nothing about it."""
        if (
            case.claim is None
            or case.claim.setting not in self.session.service.settings
        ):
            return None
        return case.claim.value in self.session.service.settings[case.claim.setting]

    def _unclaimed(self, case: Case) -> bool:
        return (
            case.claim is not None
            and self._claimed(case) is None
            and not self.session.target.local
        )

    def _execute(
        self, case: Case, execution: "CaseExecution", procedure: "Procedure | None"
    ) -> Judgement:
        """Judge a case by each caller that plays it, or by itself alone."""
        variants_by_caller = self.session.variants_by_caller(case)
        if len(variants_by_caller) == 1:
            return self._run_variant(variants_by_caller[0], execution, procedure)
        judgements = []
        for variant in variants_by_caller:
            try:
                judgements.append(self._run_variant(variant, execution, procedure))
            except CredentialRefusedError as error:
                judgements.append(Judgement(inconclusive_reason=str(error)))
            except MissingDataError as error:
                judgements.append(Judgement(not_applicable_reason=str(error)))
            except BudgetError:
                if not any(one.violated for one in judgements):
                    raise
                break  # what was found stays found
        return distinct(merge(judgements))

    def _run_variant(
        self, case: Case, execution: "CaseExecution", procedure: "Procedure | None"
    ) -> Judgement:
        for step in case.preamble:
            inconclusive_reason = self._step_problem(
                case, step, execution, "a request of the preamble"
            )
            if inconclusive_reason:
                return Judgement(inconclusive_reason=inconclusive_reason)
        if case.control is not None and not case.control_after:
            inconclusive_reason = self._step_problem(
                case,
                case.control,
                execution,
                "the plain request before it",
                baseline=True,
            )
            if inconclusive_reason:
                return Judgement(inconclusive_reason=inconclusive_reason)
        judgement = self._run_probe(case, execution, procedure)
        if case.control is not None and case.control_after and not execution.accepted:
            inconclusive_reason = self._step_problem(
                case, case.control, execution, "the plain request after it"
            )
            if (
                inconclusive_reason
                and procedure is None
                and not case.generate
                and self._took_effect(case, case.control, execution)
            ):
                return merge([judgement, _done_all_the_same(case)])
            if inconclusive_reason:
                return Judgement(inconclusive_reason=inconclusive_reason)
        return judgement

    def _took_effect(
        self, case: Case, control: Step, execution: "CaseExecution"
    ) -> bool:
        """Tell whether the plain request fails because of the refused one: from the same state, with and without it."""
        for probed in (False, True):
            if any(
                self._step_problem(case, step, execution, "") for step in case.preamble
            ):
                return False
            if probed:
                execution.deciding = [execution.send(case.request).id]
            exchange = execution.send(control.request, Purpose.CONTROL)
            execution.deciding.append(exchange.id)
            status = exchange.response.status if exchange.response is not None else 0
            conclusive = (
                status // 100 == _CLIENT_ERROR
                and status not in CREDENTIAL_STATUSES | TRANSIENT_STATUSES
            )
            failed = bool(self.step_problem(case, control, exchange, ""))
            if failed is not probed or (failed and not conclusive):
                execution.deciding = []
                return False
        return True

    def _run_probe(
        self, case: Case, execution: "CaseExecution", procedure: "Procedure | None"
    ) -> Judgement:
        if procedure is not None:
            return procedure(execution)
        if case.generate in GENERATORS:
            return self._run_property(case, execution)
        drawing = self.session.drawing(case)
        if drawing is not None:
            return self._run_wsdl_property(case, drawing, execution)
        if case.generate:
            return self._run_mutations(case, execution)
        return self._probe(case, case.request, execution)[1]

    def _run_property(self, case: Case, execution: "CaseExecution") -> Judgement:
        """Send a property's requests: those at the bounds of what it varies, then drawn ones, which shrink."""

        def attempt(template: Template) -> tuple[Exchange, Judgement]:
            return self._probe(case, template, execution)

        judgements: list[Judgement] = []
        for template in (
            EDGES[case.generate](case.request) if case.generate in EDGES else ()
        ):
            found = execution.reduce((template,), lambda one: attempt(one[0]))
            judgements.append(
                _confirm(found, partial(attempt, template)) if found.violated else found
            )
            if found.inconclusive_reason:
                return merge(judgements)
            if found.violated:
                break
        known = execution.deciding, execution.counterexample
        execution.deciding = []
        try:
            searched = execution.search(
                GENERATORS[case.generate](case.request), attempt
            )
        except ConformanceError:
            if not any(one.violated for one in judgements):
                raise
            searched = (
                Judgement()
            )  # what was found stays found, also where it cannot be made smaller
        if searched.violated:
            return replace(searched, evaluated=merge([*judgements, searched]).evaluated)
        execution.deciding, execution.counterexample = known
        return distinct(merge([*judgements, searched]))

    def _run_wsdl_property(
        self, case: Case, drawing: Drawing, execution: "CaseExecution"
    ) -> Judgement:
        """Send a property's own messages one by one, then those that are drawn; stop at one that is violated.

        What is found says how its message differs from one that was served.
        """

        def attempt(template: Template) -> tuple[Exchange, Judgement]:
            exchange, judgement = self._probe(case, template, execution)
            return exchange, _explained(
                judgement, drawing.explain(template)
            ) if judgement.findings else judgement

        def built(
            start: Start, parts: tuple[Choice, ...]
        ) -> tuple[Exchange, Judgement]:
            return attempt(start.build(parts))

        judgements: list[Judgement] = []
        for start in drawing.starts:
            found = execution.reduce(start.parts, partial(built, start))
            judgements.append(
                _confirm(found, partial(built, start, start.parts))
                if found.violated
                else found
            )
            if found.violated or found.inconclusive_reason:
                return distinct(merge(judgements))
        judgements.append(execution.search(drawing.strategy, attempt))
        return distinct(merge(judgements))

    def _run_mutations(self, case: Case, execution: "CaseExecution") -> Judgement:
        """Send a request once for each way to break it, and return all that was found."""
        judgements: list[Judgement] = []
        try:
            for template in self.session.sweep(case):
                exchange, judgement = self._probe(case, template, execution)
                judgements.append(judgement)
                if judgement.violated:
                    execution.deciding.append(exchange.id)
                if judgement.inconclusive_reason:
                    break
        except ConformanceError:
            if not any(one.violated for one in judgements):
                raise  # else what was found stays found
        return merge(judgements)

    def _step_problem(
        self,
        case: Case,
        step: Step,
        execution: "CaseExecution",
        what: str,
        *,
        baseline: bool = False,
    ) -> str:
        """Send a request that must succeed; return why it did not, or "".

        As a `baseline`, what is wrong with its answer's body is remembered: it is not the probe's doing.
        """
        exchange = execution.send(step.request, Purpose.CONTROL)
        if baseline:
            execution.baseline = self.baseline(case, step, exchange)
        return self.step_problem(case, step, exchange, what)

    def baseline(
        self, case: Case, step: Step, exchange: Exchange
    ) -> set[tuple[str, str]]:
        """Return what is wrong with a plain answer, by requirement and message: it is not a later probe's doing."""
        found = self.oracle.judge_step(exchange, case, step, body=True).findings
        return {(finding.requirement, finding.message) for finding in found}

    def step_problem(
        self, case: Case, step: Step, exchange: Exchange, what: str
    ) -> str:
        """Return why a request that had to succeed did not, or "" where it did."""
        return _step_problem(self.oracle.judge_step(exchange, case, step), what)

    def _probe(
        self, case: Case, template: Template, execution: "CaseExecution"
    ) -> tuple[Exchange, Judgement]:
        before = self._snapshots(case, execution)
        exchange = execution.send(template)
        judgement, excused = self._assess(case, template, exchange, execution)
        if excused:
            return exchange, judgement
        if case.unchanged is not None and exchange.response is not None:
            try:
                judgement = merge(
                    [
                        judgement,
                        self._changes(case, template, before, exchange, execution),
                    ]
                )
            except BudgetError:
                if not judgement.violated:
                    raise
        return exchange, judgement

    def assess(
        self,
        case: Case,
        template: Template,
        exchange: Exchange,
        execution: "CaseExecution",
    ) -> Judgement:
        """Return what a probe's answer says about its case, in a conversation; a template says what was sent."""
        return self._assess(case, template, exchange, execution)[0]

    def _assess(
        self,
        case: Case,
        template: Template,
        exchange: Exchange,
        execution: "CaseExecution",
    ) -> tuple[Judgement, bool]:
        """Judge a probe's answer, and tell whether what is wrong with it is excused, being nobody's fault."""
        judgement = self.oracle.judge(
            exchange, replace(case, request=template), unclaimed=self._unclaimed(case)
        )
        own = tuple(
            row
            for row in judgement.findings
            if (row.requirement, row.message) not in execution.baseline
        )
        judgement = replace(judgement, findings=own)
        if judgement.violated and execution.refused(template, exchange):
            status = exchange.response.status if exchange.response else ""
            what = (
                f"the caller {template.message.caller!r}"
                if template.message
                else f"the token {template.token!r}"
            )
            return Judgement(
                inconclusive_reason=f"{what} was refused with {_refusal(judgement, status)}"
            ), True
        if judgement.violated and self.oracle.tells_of_outage(exchange):
            inconclusive_reason = self._outage(case, execution)
            if inconclusive_reason:
                return Judgement(inconclusive_reason=inconclusive_reason), True
        return judgement, False

    def _outage(self, case: Case, execution: "CaseExecution") -> str:
        """Return why an answer that tells of an outage is not the message's doing, "" where another one is served.

        Asked for are the plain request, the case's availability probe, and what other callers send.
        """
        others = [Step(template) for template in self.session.availability_probes(case)]
        for step in filter(None, (case.control, case.availability_probe, *others)):
            try:
                if not self._step_problem(
                    case,
                    step,
                    execution,
                    "a request to see whether the service is there",
                ):
                    return ""
            except (CredentialRefusedError, MissingDataError):
                continue  # nothing can be asked in this way
        return "the service says that it is not available"

    def _snapshots(self, case: Case, execution: "CaseExecution") -> list[list[object]]:
        """Return the guarded values of two answers, which differ where the service changes by itself."""
        if case.unchanged is None:
            return []
        return [self._snapshot(case, execution), self._snapshot(case, execution)]

    def _snapshot(self, case: Case, execution: "CaseExecution") -> list[object]:
        guard = case.unchanged
        if guard is None:
            return []
        exchange = execution.send(Template(guard.operation), Purpose.GUARD)
        return self.oracle.values(exchange, guard.operation, guard.at)

    def _changes(
        self,
        case: Case,
        template: Template,
        before: list[list[object]],
        exchange: Exchange,
        execution: "CaseExecution",
    ) -> Judgement:
        """Return a violation where a request changed what the service answers.

        A change counts only between answers that stand still: two alike before, two alike after. Where the request
        was refused, it also has to happen again when the request is sent again, unless nothing is left to change:
        a service that shows what happens in real time changes now and then between two answers.
        """
        after = self._snapshots(case, execution)
        if before[1] == after[0]:
            return Judgement()
        own = before[0] == before[1] and after[0] == after[1]
        refused = (
            exchange.response is not None and exchange.response.status >= _FIRST_REFUSAL
        )
        if own and refused and any(after[1]):
            execution.send(template)
            later = self._snapshots(case, execution)
            own = after[1] != later[0] and later[0] == later[1]
        places = ", ".join(case.unchanged.at) if case.unchanged else ""
        finding = Finding(
            case.requirements[0],
            Severity.VIOLATION if own else Severity.OBSERVATION,
            f"{exchange.request.method} changed what the service answers"
            if own
            else "the answers change by themselves, so that no change can be laid to this request",
            places,
            "the same values before and after",
            "other values, or no answer, after it",
        )
        return Judgement((finding,))

    def _note_silence(self, execution: "CaseExecution") -> None:
        if execution.answered:
            self._silent = 0
        elif execution.ids:
            self._silent += 1


@dataclass(slots=True)
class CaseExecution:
    """One case's talk with the service: what a suite's procedure may do, and what is remembered of it."""

    runner: "Runner"
    case: Case
    ids: list[str] = field(default_factory=list)
    deciding: list[str] = field(default_factory=list)
    answered: bool = False
    accepted: bool = False
    counterexample: Counterexample | None = None
    served: set[str] = field(default_factory=set)
    baseline: set[tuple[str, str]] = field(default_factory=set)

    @property
    def session(self) -> Session:
        """Return the session with the service under test."""
        return self.runner.session

    @property
    def shown(self) -> Counterexample:
        """Return the exchanges that show what is wrong: the smallest that were found, else the last ones."""
        last = self.deciding[-1] if self.deciding else ""
        until = self.ids.index(last) + 1 if last in self.ids else len(self.ids)
        return self.counterexample or Counterexample(
            tuple(self.ids[:until][-_MOST_SHOWN:])
        )

    def send(self, template: Template, purpose: Purpose = Purpose.PROBE) -> Exchange:
        """Send a request and return the exchange; errors as for `Session.exchange`."""
        return self._noted(
            self.session.exchange(self.case, template, purpose), template, purpose
        )

    def resend(
        self, request: Request, template: Template, purpose: Purpose = Purpose.PROBE
    ) -> Exchange:
        """Send a request that is complete already, and return the exchange; a template says what it stands for."""
        return self._noted(
            self.session.send(self.case, request, purpose), template, purpose
        )

    def _noted(
        self, exchange: Exchange, template: Template, purpose: Purpose
    ) -> Exchange:
        """Remember an exchange, and what its answer says of the credential."""
        self.ids.append(exchange.id)
        response = exchange.response
        self.answered = self.answered or (response is not None and not response.cut)
        if response is not None and not self.runner.oracle.refuses_credential(exchange):
            self.served.add(_credential(template))
        if (
            purpose is Purpose.PROBE
            and response is not None
            and response.status // 100 == _SUCCESS
        ):
            self.accepted = True
        return exchange

    def refused(self, template: Template, exchange: Exchange) -> bool:
        """Tell whether a credential was refused that has not served in this conversation, which is no one's fault."""
        credential = _credential(template)
        unknown = (
            bool(credential) and "!" not in credential and credential not in self.served
        )
        return unknown and self.runner.oracle.refuses_credential(exchange)

    def search(
        self,
        strategy: SearchStrategy[Drawn],
        attempt: "Attempt[Drawn]",
        examples: int = 0,
    ) -> Judgement:
        """Try drawn examples until one is violated, and return the judgement of the smallest such one, or of all.

        `attempt` sends what an example asks for and judges it; `examples` defaults to the run's number.
        """
        local = self.session.target.local
        search = Search(
            attempt, self.ids, _SHRINK_REQUESTS_LOCAL if local else _SHRINK_REQUESTS
        )
        seed, number = (
            _seed(self.runner.seed, self.case.id),
            examples or self.runner.examples,
        )
        judgement = search.run(
            strategy, seed, number, case_dir(self.runner.kept, self.case.id)
        )
        if search.found is not None:
            self.counterexample = search.found
            self.deciding.append(search.found.exchanges[-1])
        return judgement

    def reduce(
        self, parts: tuple[Drawn, ...], attempt: "Attempt[tuple[Drawn, ...]]"
    ) -> Judgement:
        """Try a sequence; where it is violated, leave out parts for as long as the same requirement stays broken."""
        before = len(self.ids)
        exchange, judgement = attempt(parts)
        if not judgement.violated:
            return judgement
        self._show(exchange, before, parts)
        broken = _broken(judgement)
        for at in reversed(range(len(parts))):
            shorter = (*parts[:at], *parts[at + 1 :])
            before = len(self.ids)
            try:
                exchange, found = (
                    attempt(shorter) if shorter else (exchange, Judgement())
                )
            except ConformanceError:
                break  # what was found stays found, also where it cannot be made smaller
            if broken & _broken(found):
                parts, judgement = shorter, found
                self._show(exchange, before, parts)
        return judgement

    def _show(self, exchange: Exchange, before: int, parts: tuple[Drawn, ...]) -> None:
        self.deciding = [exchange.id]
        self.counterexample = Counterexample(tuple(self.ids[before:]), words(parts))


Procedure = Callable[[CaseExecution], Judgement]
"""A case that a suite plays itself."""


def _broken(judgement: Judgement) -> set[str]:
    """Return the requirements that violations name."""
    return {
        finding.requirement
        for finding in judgement.findings
        if finding.severity is Severity.VIOLATION
    }


def _credential(template: Template) -> str:
    """Return the name of what a request proves its sender with, "" for nothing."""
    return template.message.caller if template.message is not None else template.token


def _refusal(judgement: Judgement, status: object) -> str:
    return next(
        (
            finding.actual
            for finding in judgement.findings
            if finding.location == "answer"
        ),
        str(status),
    )


def _seed(seed: int, name: str) -> int:
    """Return a case's own seed, so that adding a case changes no other's requests."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8], "big")


def _confirm(
    judgement: Judgement, again: Callable[[], tuple[Exchange, Judgement]]
) -> Judgement:
    """Return a violated judgement, which says so where the same request is answered well when it is sent again."""
    try:
        _, second = again()
    except ConformanceError:
        return judgement
    held = not second.violated and not second.inconclusive_reason
    return replace(judgement, findings=flaky(judgement.findings)) if held else judgement


def _explained(judgement: Judgement, words: str) -> Judgement:
    """Return a judgement whose findings on the answer say what was asked."""
    findings = (
        replace(finding, actual=f"{finding.actual}{words}")
        if finding.location == _ANSWER
        else finding
        for finding in judgement.findings
    )
    return replace(judgement, findings=tuple(findings))


def _step_problem(judgement: Judgement, what: str) -> str:
    """Return why a request that must succeed did not, or "" where it did."""
    if judgement.inconclusive_reason:
        return f"{what} was not answered: {judgement.inconclusive_reason}"
    for finding in judgement.findings:
        if finding.severity is Severity.VIOLATION:
            actual = (
                f", actual {finding.actual}" if finding.location in _TELLING else ""
            )
            return f"{what} breaks {finding.requirement} already: {finding.message}{actual}"
    return ""


def _done_all_the_same(case: Case) -> Judgement:
    """Return the violation of a request that was refused and took effect."""
    finding = Finding(
        case.requirements[0],
        Severity.VIOLATION,
        "the request was refused, and done all the same",
        "state",
        "no effect: the plain request after it is served, as it is without it",
        "the plain request after it is refused, since there is nothing left to do",
    )
    return Judgement((finding,), Counter({case.requirements[0]: 1}))


def _conclude(case: Case, judgement: Judgement) -> CaseResult:
    """Return the verdict that a judgement calls for (interface, section 5)."""
    evaluated = dict(judgement.evaluated)
    if judgement.violated:
        first = next(
            finding
            for finding in judgement.findings
            if finding.severity is Severity.VIOLATION
        )
        reason = f"{first.requirement}: {first.message}"
        return CaseResult(case, Verdict.FAIL, reason, evaluated, judgement.findings)
    if judgement.inconclusive_reason:
        return CaseResult(
            case,
            Verdict.INCONCLUSIVE,
            judgement.inconclusive_reason,
            evaluated,
            judgement.findings,
        )
    if not judgement.evaluated:
        reason = (
            judgement.not_applicable_reason
            or "nothing was published that its checks apply to"
        )
        return CaseResult(
            case, Verdict.NOT_APPLICABLE, reason, evaluated, judgement.findings
        )
    return CaseResult(case, Verdict.PASS, "", evaluated, judgement.findings)
