"""Runs a case against a service: preamble, positive control, probe, and a result.

Must not parse options, print, or know pytest.
"""

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from conformance.engine.assessment import explained, send_step
from conformance.engine.execution import CaseExecution, ExecutionContext, Procedure
from conformance.engine.probes.probing import run_probe
from conformance.engine.probes.search import distinct
from conformance.engine.reachability import Reachability
from conformance.engine.session import Session
from conformance.engine.state_guard import effect_of_refused, took_effect
from conformance.judging.oracle import Oracle
from conformance.model.case import Case, Scripted, Single, Step
from conformance.model.errors import (
    BudgetError,
    ConformanceError,
    CredentialRefusedError,
    MissingDataError,
    NotKeptError,
)
from conformance.model.result import NOT_KEPT, CaseResult
from conformance.model.verdict import Judgement, Severity, Verdict, fold, merge
from conformance.target.policy import RULE

_MOST_DECIDING = 5
_SILENT_CASES = 3
"""After so many cases in a row without any answer of the service it counts as unreachable."""


@dataclass(slots=True)
class Runner:
    """Runs the cases of one service, one after the other."""

    context: ExecutionContext
    clock: Callable[[], float] = time.perf_counter
    reachability: Reachability = field(default_factory=Reachability)
    _silent: int = 0
    _last_failure: str = ""
    _unreached: int = 0

    @property
    def session(self) -> Session:
        """Return the session with the service under test."""
        return self.context.session

    @property
    def oracle(self) -> Oracle:
        """Return what judges the service's answers."""
        return self.context.oracle

    def run(self, case: Case, procedure: Procedure | None = None) -> CaseResult:
        """Return what became of a case; only interruptions pass through.

        A `procedure` plays the case in the place of its one request.
        """
        obstacle = self._obstacle(case)
        if obstacle is not None:
            return obstacle
        execution = CaseExecution(self.context, case)
        began = self.clock()
        result = self._attributed(execution, self._result(execution, procedure))
        self._note_silence(execution)
        failed = result.verdict is Verdict.FAIL
        deciding = execution.deciding or execution.ids
        return replace(
            result,
            exchanges=tuple(execution.ids),
            deciding=tuple(deciding)[-_MOST_DECIDING:],
            counterexample=execution.shown if failed else None,
            duration=self.clock() - began,
        )

    def execution(self, case: Case) -> CaseExecution:
        """Return an execution outside of any case's run, for what has to be prepared or restored."""
        return CaseExecution(self.context, case)

    def _result(
        self, execution: CaseExecution, procedure: Procedure | None
    ) -> CaseResult:
        """Return the verdict of an execution, whatever breaks in it (interface, section 5)."""
        case = execution.case
        try:
            return conclude(case, self._execute(execution, procedure))
        except BudgetError as error:
            return CaseResult(case, Verdict.NOT_RUN, str(error), limited=True)
        except MissingDataError as error:
            return CaseResult(case, Verdict.NOT_APPLICABLE, str(error))
        except CredentialRefusedError as error:
            return CaseResult(case, Verdict.INCONCLUSIVE, str(error))
        except ConformanceError as error:
            why = NOT_KEPT if isinstance(error, NotKeptError) else str(error)
            return CaseResult(case, Verdict.ERROR, f"the harness erred: {why}")
        except Exception as error:  # noqa: BLE001 - whatever breaks in one case must not lose the others
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{where.name}:{where.lineno}"
            reason = f"the harness erred: {error!r} at {place}"
            return CaseResult(case, Verdict.ERROR, reason)

    def _attributed(self, execution: CaseExecution, result: CaseResult) -> CaseResult:
        """Return a result; an undecided one where the answers are not the service's (interface, section 5)."""
        cause = self.reachability.cause_for(execution, result.verdict)
        if not cause:
            self._unreached = 0
            return result
        self._unreached += 1
        return CaseResult(result.case, Verdict.INCONCLUSIVE, cause)

    def _obstacle(self, case: Case) -> CaseResult | None:
        """Return a result for a case that is not to be sent at all."""
        target, contract = self.session.target, self.session.service.spec.contract
        if case.intrusive and not target.intrusive:
            reason = "intrusive cases are off for this target (intrusive: false)"
            return CaseResult(case, Verdict.NOT_RUN, reason)
        if case.thorough and not self.context.thorough:
            reason = "it takes thousands of requests: --thorough sends them to a local target"
            return CaseResult(case, Verdict.NOT_RUN, reason)
        method = (
            case.request.method or contract.operations[case.request.operation].method
        )
        if not self.session.may_send(method):
            reason = f"production: {RULE} is ever sent"
            return CaseResult(case, Verdict.NOT_RUN, reason)
        if self._lacks_resource(case) and case.claim is not None:
            reason = (
                f"the target's {case.claim.setting} does not name {case.claim.value!r}"
            )
            return CaseResult(case, Verdict.NOT_APPLICABLE, reason)
        unreached = self._why_unreached()
        return CaseResult(case, Verdict.INCONCLUSIVE, unreached) if unreached else None

    def _why_unreached(self) -> str:
        """Return why nothing more is sent after several cases that met nothing of the service, "" where it is sent."""
        if self._silent >= _SILENT_CASES:
            return (
                f"not sent: {_SILENT_CASES} cases before it had no answer that can be read "
                f"from {self.session.address}: {self._last_failure}"
            )
        return self.reachability.cause if self._unreached >= _SILENT_CASES else ""

    def _lacks_resource(self, case: Case) -> bool:
        """Tell whether the target lists what it has, and what the case needs is not in the list."""
        settings = self.session.service.settings
        if case.claim is None or case.claim.setting not in settings:
            return False
        return case.claim.value not in settings[case.claim.setting]

    def _execute(
        self, execution: CaseExecution, procedure: Procedure | None
    ) -> Judgement:
        """Judge a case by each caller that plays it, or by itself alone."""
        variants = self.session.requests.variants_by_caller(execution.case)
        if len(variants) == 1:
            return self._named_variant(execution, variants[0], procedure)
        judgements: list[Judgement] = []
        for variant in variants:
            try:
                judgements.append(self._named_variant(execution, variant, procedure))
            except CredentialRefusedError as error:
                judgements.append(Judgement(inconclusive_reason=str(error)))
            except MissingDataError as error:
                judgements.append(Judgement(not_applicable_reason=str(error)))
            except BudgetError:
                if not any(judgement.violated for judgement in judgements):
                    raise
                break  # what was found stays found
        return distinct(merge(judgements))

    def _named_variant(
        self, execution: CaseExecution, case: Case, procedure: Procedure | None
    ) -> Judgement:
        """Run a case as one caller plays it; what is wrong names the caller where it is one among several sorts."""
        judgement = self._run_variant(execution, case, procedure)
        message = case.request.message
        if not case.other_callers or message is None:
            return judgement
        last = execution.ids[-1:]
        if judgement.violated and execution.deciding[-1:] != last:
            execution.deciding += last
        return explained(judgement, f", sent by the caller {message.caller!r}")

    def _run_variant(
        self, execution: CaseExecution, case: Case, procedure: Procedure | None
    ) -> Judgement:
        """Run preamble, positive control and probe; the control comes before the probe or after it."""
        obstacle = self._prepare(execution, case)
        if obstacle:
            return Judgement(inconclusive_reason=obstacle)
        judgement = run_probe(execution, case, procedure)
        control = case.control
        if control is None or not case.control_after or execution.accepted:
            return judgement
        what = "the plain request after it"
        obstacle = send_step(execution, case, control, what)
        if not obstacle:
            return judgement
        single = procedure is None and isinstance(case.probe, Single | Scripted)
        if single and took_effect(execution, case, control):
            return merge([judgement, effect_of_refused(case)])
        return Judgement(inconclusive_reason=obstacle)

    def _prepare(self, execution: CaseExecution, case: Case) -> str:
        """Bring the service into the state that the probe needs; return what stands in the way, or ""."""
        for step in case.preamble:
            obstacle = send_step(execution, case, step, "a request of the preamble")
            if obstacle:
                return obstacle
        control: Step | None = None if case.control_after else case.control
        if control is None:
            return ""
        what = "the plain request before it"
        return send_step(execution, case, control, what, baseline=True)

    def _note_silence(self, execution: CaseExecution) -> None:
        if execution.answered:
            self._silent = 0
        elif execution.ids:
            self._silent += 1
            self._last_failure = execution.failure


def conclude(case: Case, judgement: Judgement) -> CaseResult:
    """Return the verdict that a judgement calls for (interface, section 5)."""
    verdict, reason = _verdict(judgement)
    return CaseResult(
        case, verdict, reason, dict(judgement.evaluated), fold(judgement.findings)
    )


def _verdict(judgement: Judgement) -> tuple[Verdict, str]:
    for finding in judgement.findings:
        if finding.severity is Severity.VIOLATION:
            return Verdict.FAIL, f"{finding.requirement}: {finding.message}"
    if judgement.inconclusive_reason:
        return Verdict.INCONCLUSIVE, judgement.inconclusive_reason
    if not judgement.evaluated:
        nothing = "nothing was published that its checks apply to"
        return Verdict.NOT_APPLICABLE, judgement.not_applicable_reason or nothing
    return Verdict.PASS, ""
