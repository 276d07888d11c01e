"""Plays a replay in the execution of its case: sends every item, and has the one that decides judged.

Must not print, nor write results.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from conformance.engine.assessment import assess, plain_problems, step_problem
from conformance.engine.execution import CaseExecution
from conformance.engine.probes.probing import is_unclaimed
from conformance.engine.session import Session
from conformance.evidence.recorded_run import Recorded
from conformance.evidence.store import Record
from conformance.messages.rebuilt import remark, request_of
from conformance.messages.recorded import ReplayItem, fits, place_of
from conformance.messages.templates import as_caller
from conformance.model.case import Case, Step, Template
from conformance.model.exchange import Exchange, Purpose
from conformance.model.verdict import Finding, Judgement, Severity
from conformance.replay.planning import SHOWN_ONLY, Replay

_OUTER = frozenset({"status", "answer"})
"""Locations of findings that the state of a service may explain: another answer than the one that was wanted."""
_REFUSED_WHEN_OLD = (
    "the message was refused, which its age, or that it was sent before, may explain; "
    "without --exact it is made anew"
)


class ReplayListener(Protocol):
    """Who is told what happens during a replay; no record holds a secret."""

    def begins(self, folder: Path) -> None:
        """Take note that everything is ready, and where it will be recorded."""

    def sends(self, one: Recorded, place: str, said: str) -> None:
        """Take note that an exchange is sent again, to a path, and of what is to be said of its bytes."""

    def answered(self, one: Recorded, now: Record) -> None:
        """Take note of what came of it."""


@dataclass(frozen=True, slots=True)
class ReplayPlayer:
    """Sends the items of a replay, and has the one that decides judged."""

    replay: Replay
    items: Sequence[ReplayItem]
    listener: ReplayListener

    def play(self, execution: CaseExecution) -> Judgement:
        """Send everything, and return the judgement."""
        decisive = self.replay.decisive.id
        judgement: Judgement | None = None
        accepted = False
        for item in self.items:
            exchange, template = self._send(item, execution)
            if item.one.id == decisive:
                execution.deciding = [exchange.id]
                accepted = execution.accepted
                judgement = self._judge(item, template, exchange, execution)
            elif item.step is not None and not accepted:
                before = judgement is None
                obstacle = self._obstacle(item.step, exchange, execution, before=before)
                if obstacle:
                    return Judgement(inconclusive_reason=obstacle)
        return judgement or Judgement()

    def _send(
        self, item: ReplayItem, execution: CaseExecution
    ) -> tuple[Exchange, Template]:
        session = execution.session
        template = self._template(item, session)
        request = request_of(item, session.requests, template, execution.last_body)
        place = item.place
        if not place.strip("/"):
            place = urlsplit(session.address).path or "/"
        self.listener.sends(item.one, place, remark(item, request, datetime.now(UTC)))
        exchange = execution.resend(request, template, item.one.purpose)
        self.listener.answered(item.one, session.recorder.store.record(exchange))
        return exchange, template

    def _template(self, item: ReplayItem, session: Session) -> Template:
        """Return which of its case's requests an item stands for."""
        plain = self._case(item).request
        if item.step is not None:
            plain = item.step.request
        if not item.element:
            return plain
        operation = plain.operation if self.replay.known else ""
        return session.requests.again(operation, item.caller, item.element)

    def _case(self, item: ReplayItem) -> Case:
        """Return the case as it is played by who sends an item."""
        if not self.replay.soap:
            return self.replay.case
        return as_caller(self.replay.case, item.caller)

    def _obstacle(
        self, step: Step, exchange: Exchange, execution: CaseExecution, *, before: bool
    ) -> str:
        """Return why a request before or after the one that decides was not served, "" where it was."""
        case = self.replay.case
        if before and step is case.control:
            execution.baseline = plain_problems(execution, case, step, exchange)
        what = "the plain request after it"
        if before:
            what = "a request that comes before it"
        return step_problem(execution, case, step, exchange, what)

    def _judge(
        self,
        item: ReplayItem,
        template: Template,
        exchange: Exchange,
        execution: CaseExecution,
    ) -> Judgement:
        case = self._case(item)
        shown_only = self._shown_only(item)
        if shown_only:
            reason = f"{shown_only}; its answer stands beside the recorded one"
            return Judgement(inconclusive_reason=reason)
        old = self.replay.exact and self.replay.soap
        if old and execution.oracle.refuses_credential(exchange):
            return Judgement(inconclusive_reason=_REFUSED_WHEN_OLD)
        if item.step is not None:
            return _judged_step(execution, case, item.step, exchange)
        control = None if case.control_after or self.replay.soap else case.control
        if control is not None and not self._sends(control):
            execution.baseline = self._recorded_baseline(case, control, execution)
        unclaimed = is_unclaimed(execution, case)
        assessment = assess(execution, case, template, exchange, unclaimed=unclaimed)
        return self._settled(assessment.judgement)

    def _sends(self, step: Step) -> bool:
        return any(item.step is step for item in self.items)

    def _shown_only(self, item: ReplayItem) -> str:
        """Return why an answer is not judged, "" where it is."""
        if item.one.purpose in SHOWN_ONLY:
            return SHOWN_ONLY[item.one.purpose]
        if not self.replay.known:
            return "the installed specs do not have this case, so that nothing says what may be answered"
        if self.replay.case.procedure is not None:
            return "the case is played and judged as a whole by its suite (replay it by the case's id)"
        if item.one.purpose is Purpose.CONTROL and item.step is None:
            return "the case has no such request any more"
        return ""

    def _recorded_baseline(
        self, case: Case, control: Step, execution: CaseExecution
    ) -> set[tuple[str, str]]:
        """Return what was wrong with the plain answer already when it was recorded."""
        service = execution.session.service
        for recorded in reversed(self.replay.earlier):
            if recorded.purpose is not Purpose.CONTROL:
                continue
            place = place_of(service, recorded, self.replay.base)
            if fits(control.request, service, recorded, place):
                return plain_problems(execution, case, control, recorded.exchange)
        return set()

    def _settled(self, judgement: Judgement) -> Judgement:
        """Return a judgement without what the state of the service may explain, where nothing has prepared it."""
        outer = [row for row in judgement.findings if _is_outer_violation(row)]
        if not outer or self._is_prepared():
            return judgement
        reason = (
            f"{outer[0].requirement}: {outer[0].message}, actual {outer[0].actual}; but what the case sends before was "
            "not sent, and the service's state may explain it (replay the case by its id, or its --counterexample)"
        )
        kept = tuple(row for row in judgement.findings if row not in outer)
        return replace(
            judgement,
            findings=kept,
            inconclusive_reason=judgement.inconclusive_reason or reason,
        )

    def _is_prepared(self) -> bool:
        """Tell whether all that the case sends before its probe was sent too."""
        before = self.replay.exchanges[: self.replay.judged]
        sent = [row for row in before if row.purpose is Purpose.CONTROL]
        return len(sent) >= len(self.replay.case.preamble)


def _judged_step(
    execution: CaseExecution, case: Case, step: Step, exchange: Exchange
) -> Judgement:
    problem = step_problem(execution, case, step, exchange, "the request")
    if problem:
        return Judgement(inconclusive_reason=problem)
    return execution.oracle.judge_step(exchange, case, step)


def _is_outer_violation(finding: Finding) -> bool:
    return finding.severity is Severity.VIOLATION and finding.location in _OUTER
