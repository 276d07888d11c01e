"""Runs a case against a service: preamble, probe, judgement, postamble, and a result.

Must not parse options, print, or know pytest.
"""

import hashlib
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.errors import HypothesisException

from conformance.case import Case, Template
from conformance.errors import BudgetError, ConformanceError
from conformance.exchange import Exchange, Purpose
from conformance.judging import Judge
from conformance.results import CaseResult
from conformance.session import Session, allowed
from conformance.strategies.http import GENERATORS
from conformance.verdict import Finding, Judgement, Severity, Verdict, merge

_MOST_DECIDING = 5
_SILENT_CASES = 3
"""After so many cases in a row without any answer the service counts as unreachable."""
_SHRINK_REQUESTS_LOCAL, _SHRINK_REQUESTS = 200, 25


class _FalsifiedError(Exception):
    """A property does not hold for the example just tried."""


@dataclass(slots=True)
class Runner:
    """Runs the cases of one service, one after the other; `examples` is the number a property draws."""

    session: Session
    judge: Judge
    seed: int
    examples: int
    clock: Callable[[], float] = time.perf_counter
    _silent: int = 0

    def run(self, case: Case) -> CaseResult:
        """Return what became of a case; only interruptions pass through."""
        obstacle = self._obstacle(case)
        if obstacle is not None:
            return obstacle
        log = _Recorder(self.session, case)
        began = self.clock()
        try:
            judgement = self._judge(case, log)
            result = _conclude(case, judgement)
        except BudgetError as error:
            result = CaseResult(case, Verdict.NOT_RUN, str(error), limited=True)
        except ConformanceError as error:
            result = CaseResult(case, Verdict.ERROR, f"the harness erred: {error}")
        except Exception as error:  # noqa: BLE001 - whatever breaks in one case must not lose the others
            where = traceback.extract_tb(error.__traceback__)[-1]
            result = CaseResult(case, Verdict.ERROR, f"the harness erred: {error!r} at {where.name}:{where.lineno}")
        self._note_silence(log)
        return replace(
            result,
            exchanges=tuple(log.ids),
            deciding=tuple(log.deciding or log.ids)[-_MOST_DECIDING:],
            duration=self.clock() - began,
        )

    def _obstacle(self, case: Case) -> CaseResult | None:
        """Return a result for a case that is not to be sent at all."""
        target = self.session.target
        operation = self.session.service.spec.contract.operations[case.request.operation]
        if case.intrusive and not target.intrusive:
            return CaseResult(case, Verdict.NOT_RUN, "intrusive cases are off for this target (intrusive: false)")
        if not allowed(target, operation, case.request):
            return CaseResult(case, Verdict.NOT_RUN, "production: nothing but GET is ever sent")
        claimed = self._claimed(case)
        if claimed is False and case.claim is not None:
            reason = f"the target's {case.claim.setting} does not name {case.claim.value!r}"
            return CaseResult(case, Verdict.NOT_APPLICABLE, reason)
        if self._silent >= _SILENT_CASES:
            reason = f"not sent: {_SILENT_CASES} cases before it had no answer from {self.session.address}"
            return CaseResult(case, Verdict.INCONCLUSIVE, reason)
        return None

    def _claimed(self, case: Case) -> bool | None:
        """Tell whether the target claims what the case needs; None where it says nothing about it."""
        if case.claim is None or case.claim.setting not in self.session.service.settings:
            return None
        return case.claim.value in self.session.service.settings[case.claim.setting]

    def _unclaimed(self, case: Case) -> bool:
        return case.claim is not None and self._claimed(case) is None and not self.session.target.local

    def _judge(self, case: Case, log: "_Recorder") -> Judgement:
        if case.twin is not None:
            exchange = log.send(case.twin, Purpose.TWIN)
            blocked = _twin_problem(self.judge.judge_twin(exchange, case, case.twin))
            if blocked:
                return Judgement(blocked=blocked)
        if case.generate:
            return self._property(case, log)
        return self._probe(case, case.request, log)[1]

    def _probe(self, case: Case, template: Template, log: "_Recorder") -> tuple[Exchange, Judgement]:
        before = self._snapshots(case, log)
        exchange = log.send(template)
        judgement = self.judge.judge(exchange, case, unclaimed=self._unclaimed(case))
        if case.unchanged is not None and exchange.response is not None:
            judgement = merge([judgement, self._changes(case, before, exchange, log)])
        return exchange, judgement

    def _snapshots(self, case: Case, log: "_Recorder") -> list[list[object]]:
        """Return the guarded values of two answers, which differ where the service changes by itself."""
        if case.unchanged is None:
            return []
        return [self._snapshot(case, log), self._snapshot(case, log)]

    def _snapshot(self, case: Case, log: "_Recorder") -> list[object]:
        guard = case.unchanged
        if guard is None:
            return []
        exchange = log.send(Template(guard.operation), Purpose.GUARD)
        return self.judge.values(exchange, guard.operation, guard.at)

    def _changes(self, case: Case, before: list[list[object]], exchange: Exchange, log: "_Recorder") -> Judgement:
        """Return a violation where a request changed what the service answers.

        A change counts only between answers that stand still: two alike before, two alike after.
        """
        after = self._snapshots(case, log)
        if before[1] == after[0]:
            return Judgement()
        stands_still = before[0] == before[1] and after[0] == after[1]
        places = ", ".join(case.unchanged.at) if case.unchanged else ""
        finding = Finding(
            case.requirements[0],
            Severity.VIOLATION if stands_still else Severity.OBSERVATION,
            f"{exchange.request.method} changed what the service answers"
            if stands_still
            else "the answers change by themselves, so that no change can be laid to this request",
            places,
            "the same values before and after",
            "other values, or no answer, after it",
        )
        return Judgement((finding,))

    def _property(self, case: Case, log: "_Recorder") -> Judgement:
        trial = _Trial(self, case, log)
        return trial.judge(self.seed, self.examples)

    def _note_silence(self, log: "_Recorder") -> None:
        if log.answered:
            self._silent = 0
        elif log.ids:
            self._silent += 1


@dataclass(slots=True)
class _Recorder:
    """Sends for one case and remembers the ids of its exchanges."""

    session: Session
    case: Case
    ids: list[str] = field(default_factory=list)
    deciding: list[str] = field(default_factory=list)
    answered: bool = False

    def send(self, template: Template, purpose: Purpose = Purpose.PROBE) -> Exchange:
        exchange = self.session.exchange(self.case, template, purpose)
        self.ids.append(exchange.id)
        self.answered = self.answered or exchange.response is not None
        return exchange


@dataclass(slots=True)
class _Trial:
    """One property under trial: draws examples, shrinks a falsifying one, remembers what was judged."""

    runner: Runner
    case: Case
    log: _Recorder
    judgements: list[Judgement] = field(default_factory=list)
    falsified: dict[Template, tuple[str, Judgement]] = field(default_factory=dict)
    held: set[Template] = field(default_factory=set)
    last: Template | None = None
    blocked: str = ""
    error: BaseException | None = None
    left: int = 0

    def judge(self, seed: int, examples: int) -> Judgement:
        """Return the judgement of the smallest falsifying example, or of all examples together."""
        local = self.runner.session.target.local
        self.left = _SHRINK_REQUESTS_LOCAL if local else _SHRINK_REQUESTS
        settings = hypothesis.settings(
            max_examples=examples,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink),
            report_multiple_bugs=False,
            print_blob=False,
        )
        strategy = GENERATORS[self.case.generate](self.case.request)
        unstable = False
        try:
            hypothesis.seed(_seed(seed, self.case.id))(settings(hypothesis.given(strategy)(self._example)))()
        except _FalsifiedError:
            pass
        except HypothesisException:
            unstable = bool(self.falsified)
            if not unstable:
                raise
        if self.error is not None:
            raise self.error
        return self._verdict(unstable=unstable or self.last in self.held)

    def _example(self, template: Template) -> None:
        if self.blocked or self.error is not None:
            return
        key = _frozen(template)
        if key not in self.falsified:
            if self.falsified:
                if self.left <= 0:
                    return
                self.left -= 1
            try:
                exchange, judgement = self.runner._probe(self.case, template, self.log)  # noqa: SLF001 - one unit
            except ConformanceError as error:
                self.error = error
                return
            self.judgements.append(judgement)
            if not judgement.violated:
                self.blocked = judgement.blocked
                self.held.add(key)
                return
            self.falsified[key] = (exchange.id, judgement)
        self.last = key
        raise _FalsifiedError

    def _verdict(self, *, unstable: bool) -> Judgement:
        if self.last is None:
            return _distinct(replace(merge(self.judgements), blocked=self.blocked))
        number, judgement = self.falsified[self.last]
        self.log.deciding.append(number)
        counts: Counter[str] = merge(self.judgements).evaluated
        findings = judgement.findings
        if unstable:
            note = " (not on every request: the same request was also answered well)"
            findings = tuple(replace(finding, message=finding.message + note) for finding in findings)
        return Judgement(findings, counts)


def _frozen(template: Template) -> Template:
    """Return a hashable copy of a template."""
    return replace(template, headers=_FrozenHeaders(template.headers))


class _FrozenHeaders(dict[str, str | None]):
    """Headers that can be a part of a dictionary's key."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))


def _seed(seed: int, name: str) -> int:
    """Return a case's own seed, so that adding a case changes no other's requests."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8], "big")


def _distinct(judgement: Judgement) -> Judgement:
    """Keep one of findings that many examples brought up alike."""
    first: dict[tuple[str, str, str], Finding] = {}
    for finding in judgement.findings:
        first.setdefault((finding.requirement, finding.severity, finding.message), finding)
    return replace(judgement, findings=tuple(first.values()))


def _twin_problem(judgement: Judgement) -> str:
    """Return why a twin does not count as accepted, or "" where it does."""
    if judgement.blocked:
        return f"the plain request before it was not answered: {judgement.blocked}"
    for finding in judgement.findings:
        if finding.severity is Severity.VIOLATION:
            return f"the plain request before it breaks {finding.requirement} already: {finding.message}"
    return ""


def _conclude(case: Case, judgement: Judgement) -> CaseResult:
    """Return the verdict that a judgement calls for (interface, section 5)."""
    evaluated = dict(judgement.evaluated)
    if judgement.violated:
        first = next(finding for finding in judgement.findings if finding.severity is Severity.VIOLATION)
        reason = f"{first.requirement}: {first.message}"
        return CaseResult(case, Verdict.FAIL, reason, evaluated, judgement.findings)
    if judgement.blocked:
        return CaseResult(case, Verdict.INCONCLUSIVE, judgement.blocked, evaluated, judgement.findings)
    if not judgement.evaluated:
        reason = "nothing was published that its checks apply to"
        return CaseResult(case, Verdict.NOT_APPLICABLE, reason, evaluated, judgement.findings)
    return CaseResult(case, Verdict.PASS, "", evaluated, judgement.findings)
