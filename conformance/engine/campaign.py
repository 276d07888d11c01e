"""One run from beginning to end: its parts, its cases one by one, and what has become of them.

pytest's plugin and the command line both stand on it. Must not print, know pytest, nor write reports.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conformance import __version__
from conformance.contracts.loading import Spec
from conformance.credentials.outgoing import make_transport
from conformance.engine.assembly import Wire, identity_headers, make_context
from conformance.engine.embedded import EmbeddedServices
from conformance.engine.events import (
    EVENTS,
    CaseEnded,
    CaseStarted,
    EventLog,
    Listener,
    RunEnded,
    RunStarted,
)
from conformance.engine.execution import Procedure
from conformance.engine.known import apply_known
from conformance.engine.plan import Plan
from conformance.engine.reachability import Reachability
from conformance.engine.runner import Runner
from conformance.engine.session import Recorder, exchange_numbers
from conformance.engine.workers import Workers
from conformance.evidence.json_lines import CLOSED, is_sealed
from conformance.evidence.redaction import Redactor
from conformance.evidence.run_folder import relative_target_path, run_name
from conformance.evidence.store import FILE, Store
from conformance.model.case import Case, CaseKind
from conformance.model.contract import Contract
from conformance.model.errors import not_kept
from conformance.model.result import (
    DISCLOSURE_NOTICE,
    NOT_KEPT,
    NOT_SELECTED,
    CaseResult,
    Run,
)
from conformance.model.roll_up import counts_as_failure
from conformance.model.verdict import Verdict
from conformance.model.wording import count_of
from conformance.state.run_targets import remember
from conformance.target.placeholders import unfilled_identity
from conformance.target.target import ServiceTarget
from conformance.traffic.ledger import open_ledger

_STOPPED = "the run was stopped: "
"""How the note on a run folder that cannot be written to begins."""


@dataclass(slots=True)
class Tally:
    """What has become of a run so far: results by case id, in the order in which the cases ended.

    `erred` tells that the harness itself broke down outside of any case, `single` that the run is one request of one's
    own.
    """

    results: dict[str, CaseResult] = field(default_factory=dict)
    deselected: set[str] = field(default_factory=set)
    interrupted: bool = False
    erred: bool = False
    single: bool = False

    def add(self, result: CaseResult) -> None:
        """Take the result of a case."""
        self.results[result.case.id] = result

    def deselect(self, case: str) -> None:
        """Take note that a case was deselected by an option, so that it is reported as not selected."""
        self.deselected.add(case)

    def interrupt(self) -> None:
        """Take note that the run was interrupted."""
        self.interrupted = True

    def err(self) -> None:
        """Take note that the harness broke down outside of any case."""
        self.erred = True


@dataclass(slots=True)
class Campaign:
    """A run under way; `open_campaign` makes one."""

    plan: Plan
    folder: Path
    embedded: EmbeddedServices
    workers: Workers
    events: EventLog
    started: datetime
    tally: Tally = field(default_factory=Tally)
    _redactor: Redactor = field(default_factory=Redactor)
    _numbers: Iterator[str] = field(default_factory=exchange_numbers)
    _runners: dict[str, Runner] = field(default_factory=dict)
    _recorders: list[Recorder] = field(default_factory=list)
    _causes: set[str] = field(default_factory=set)
    _resources: ExitStack = field(default_factory=ExitStack)

    def service(self, name: str) -> ServiceTarget:
        """Return a service of the plan with its address, be it the target's or the local platform's."""
        services = (row for row in self.plan.services if row.service == name)
        return self.embedded.completed(next(services))

    def contract(self, service: str) -> Contract:
        """Return the contract of a service of the plan."""
        return self._spec(service).contract

    def runner(self, service: str) -> Runner:
        """Return the runner of a service, made at its first use."""
        if service not in self._runners:
            wire = self._make_wire()
            context = make_context(self.plan, self.service(service), wire)
            # What is sent again is one exchange of a run in which the service was heard of.
            reachability = Reachability(doubts_passes=not self.plan.replay)
            self._runners[service] = Runner(context, reachability=reachability)
        return self._runners[service]

    def run(self, case: Case, procedure: Procedure | None = None) -> CaseResult:
        """Run a case and return what became of it, without secrets, marked where it is a known failure.

        Nothing is sent once an exchange could not be kept, nor where as many cases failed as the plan allows.
        """
        if self.trouble:
            return CaseResult(case, Verdict.NOT_RUN, f"not sent: {NOT_KEPT}")
        most = self.plan.max_failures
        if most is not None and self.workers.failures() >= most:
            return self.safe(CaseResult(case, Verdict.NOT_RUN, _enough(most)))
        result = self._run(case, procedure)
        if most is not None and counts_as_failure(result):
            self.workers.count_failure()
        return result

    def _run(self, case: Case, procedure: Procedure | None) -> CaseResult:
        """Run a case, whatever became of others."""
        self.events.emit(CaseStarted(case.id, case.service))
        with self.alone(case.service):
            runner = self.runner(case.service)
            result = runner.run(case, procedure)
        self._note_cause(case.service, runner.reachability.cause)
        for text in runner.session.renewals.take_notes():
            self.note(f"{case.service}: {text}")
        result = self.safe(result)
        return apply_known(result, self.plan.known, datetime.now(UTC).date())

    def _note_cause(self, service: str, cause: str) -> None:
        """Remember once for the summary why a service is not reached."""
        if cause and cause not in self._causes:
            self._causes.add(cause)
            self.note(self.redacted(f"{service}: {cause}"))

    @property
    def trouble(self) -> str:
        """Return why the run was stopped: what was exchanged could not be kept, by whichever worker; "" usually."""
        own = self._recorders[0].trouble if self._recorders else self.events.trouble
        if own:
            return own
        names = [EVENTS, FILE]
        sealed = [name for name in names if is_sealed(self.folder / name)]
        return f"{self.folder / sealed[-1]} could not be written" if sealed else ""

    def give_up(self, path: Path, error: OSError) -> None:
        """Stop the run, in all its workers, since a file of its folder could not be written."""
        self.events.give_up(str(not_kept(path, error)))

    def redacted(self, text: str) -> str:
        """Return a text of somebody else's making without secrets, in whole or cut short."""
        return self._redactor.excerpt(text)

    def safe(self, result: CaseResult) -> CaseResult:
        """Return the result of a case that has ended without secrets, and tell that it has."""
        result = _redacted(result, self._redactor)
        self.events.emit(
            CaseEnded(
                result.case.id,
                result.case.service,
                result.verdict.value,
                result.reason,
                round(result.duration, 6),
            )
        )
        return result

    def alone(self, service: str) -> AbstractContextManager[object]:
        """Return a context in which no other worker uses a service that remembers what is done to it."""
        if not self.contract(service).stateful:
            return nullcontext()
        return self.workers.turn(service)

    def shared(self, name: str, make: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return what `make` (JSON data) gave the first worker that asked for this name; call it `alone`."""
        return self.workers.shared(name, make)

    def note(self, text: str) -> None:
        """Remember something that the summary should say; it may come from any worker."""
        self.workers.note(text)

    def close(self) -> None:
        """Close connections and files and stop the local platform; results and events stay open."""
        for recorder in self._recorders:
            self._note_unkept(recorder)
        self._recorders.clear()
        self._resources.close()
        self._runners.clear()
        self.embedded.close()

    def ended(self) -> Run:
        """Return what the results say of the run as a whole; call it once, when the run is over."""
        plan, tally = self.plan, self.tally
        notes, trouble = self.workers.take_notes(), self.trouble
        if trouble and not any(note.startswith(_STOPPED) for note in notes):
            notes = (*notes, f"{_STOPPED}{trouble}")
        return Run(
            id=self.folder.name,
            harness=__version__,
            seed=plan.seed,
            target=plan.target.name,
            environment=plan.target.environment,
            services=plan.tested,
            versions={row.service: row.spec.contract.version for row in plan.services},
            started=self.started,
            finished=datetime.now(UTC),
            interrupted=tally.interrupted,
            erred=tally.erred or bool(trouble),
            single=tally.single,
            notes=(*notes, *self._notices()),
            disclosed=plan.disclose,
            examples=plan.examples,
            folder=run_name(self.folder),
            file=relative_target_path(self.folder, plan.target.file),
            addresses=self._addresses(),
            user_agent=plan.target.identity.user_agent,
            sender=_sender(plan),
            options=plan.options,
            replay=plan.replay,
        )

    @property
    def description(self) -> Mapping[str, Any]:
        """Return the run's id and target as the results have them."""
        folder, target = self.folder, self.plan.target
        file = relative_target_path(folder, target.file)
        named = {"name": target.name, "file": file}
        return {"id": folder.name, "folder": run_name(folder), "target": named}

    def finish(self, exit_code: int) -> None:
        """Tell that the run is over and its outputs are written, and remove what workers shared."""
        self.events.emit(RunEnded(self.folder.name, exit_code, self.tally.interrupted))
        self.events.close()
        self.workers.clear()

    def discard(self) -> None:
        """Remove what a run leaves that sent nothing: its events, and what workers shared."""
        self.events.close()
        (self.folder / EVENTS).unlink(missing_ok=True)
        self.workers.clear()

    def in_order(self) -> list[CaseResult]:
        """Return a result for every case of the plan, in the order of the specs, then those of cases that it lacks."""
        results = self.tally.results
        if not self.plan.suites:
            return list(results.values())
        planned = {case.id: case for case in self.plan.cases}
        others = [result for name, result in results.items() if name not in planned]
        ordered = [
            results.get(name) or self._not_run(case) for name, case in planned.items()
        ]
        return [*ordered, *others]

    def _spec(self, service: str) -> Spec:
        return next(row.spec for row in self.plan.services if row.service == service)

    def _make_wire(self) -> Wire:
        limits = self.plan.target.limits
        transport = make_transport(self.plan.target, self._redactor)
        self._resources.callback(transport.close)
        ledger = open_ledger(limits, self.folder)
        return Wire(transport, ledger, self._recorder(), self._redactor)

    def _recorder(self) -> Recorder:
        """Return the one recorder of all services, made at its first use."""
        if not self._recorders:
            store = self._resources.enter_context(Store(self.folder, self._redactor))
            self._recorders.append(Recorder(self._numbers, store, self.events))
        return self._recorders[0]

    def _note_unkept(self, recorder: Recorder) -> None:
        """Remember for the summary why the run was stopped, and what was sent all the same."""
        if recorder.trouble and not recorder.trouble.endswith(CLOSED):
            self.note(f"{_STOPPED}{recorder.trouble}")
        if recorder.unrecorded:
            sent = count_of(recorder.unrecorded, "request")
            self.note(f"{sent} to restore the service went out and could not be kept")

    def _not_run(self, case: Case) -> CaseResult:
        deselected = case.id in self.tally.deselected
        if deselected or not self.plan.selection.takes(case):
            return CaseResult(case, Verdict.NOT_RUN, NOT_SELECTED)
        reason = "not reached, or not selected"
        if self.tally.interrupted:
            reason = "interrupted before it"
        return CaseResult(case, Verdict.NOT_RUN, reason)

    def _addresses(self) -> Mapping[str, str]:
        """Return the services' addresses, the local platform's once it is up."""
        services = map(self.embedded.completed, self.plan.services)
        return {row.service: row.address for row in services if row.address is not None}

    def _notices(self) -> tuple[str, ...]:
        """Return whose identity was never filled in, and what a security finding on somebody else's service obliges to.

        The warning of the identity stands in every report, since the platform saw it in every request.
        """
        target = self.plan.target
        unfilled = (f"{what}; {remedy}" for what, remedy in unfilled_identity(target))
        found = any(map(_is_security_finding, self.tally.results.values()))
        obliged = (DISCLOSURE_NOTICE,) if found and not target.local else ()
        return (*unfilled, *obliged)


def open_campaign(
    plan: Plan,
    folder: Path,
    embedded: EmbeddedServices,
    *,
    worker: str = "",
    listeners: tuple[Listener, ...] = (),
) -> Campaign:
    """Return a campaign whose run begins now, or, for a `worker`, one that joins it.

    `embedded` are the services that the local platform plays; `listeners` are told of the run's events.
    """
    workers = Workers(folder, worker)
    events = EventLog(folder, worker, listeners)
    if not worker:
        remember(folder, plan.target.file)
        events.emit(_run_started(plan, folder))
    return Campaign(
        plan,
        folder,
        embedded,
        workers,
        events,
        datetime.now(UTC),
        _numbers=exchange_numbers(workers.prefix),
    )


def _enough(most: int) -> str:
    """Return why no other case is begun after the most failures that a run may have."""
    return f"{count_of(most, 'case')} failed before it, the most that --max-failures allows"


def _run_started(plan: Plan, folder: Path) -> RunStarted:
    return RunStarted(
        folder.name,
        plan.target.name,
        plan.target.environment,
        plan.tested,
        sum(map(plan.selection.takes, plan.cases)) if plan.suites else 0,
    )


def _redacted(result: CaseResult, redactor: Redactor) -> CaseResult:
    """Return a result without secrets."""
    if not (result.findings or result.reason):
        return result
    text = redactor.statement
    findings = tuple(
        replace(
            finding,
            message=text(finding.message),
            location=text(finding.location),
            places=tuple(map(text, finding.places)),
            expected=text(finding.expected),
            actual=redactor.quotation(finding.actual),
        )
        for finding in result.findings
    )
    return replace(result, reason=text(result.reason), findings=findings)


def _sender(plan: Plan) -> str:
    """Return the From header of a run's requests, "" where none was sent."""
    contracts = [row.spec.contract for row in plan.services]
    sent = (identity_headers(plan.target, contract)["From"] for contract in contracts)
    return next(filter(None, sent), "")


def _is_security_finding(result: CaseResult) -> bool:
    return result.case.kind is CaseKind.SECURITY and result.verdict is Verdict.FAIL
