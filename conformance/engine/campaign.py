"""One run from beginning to end: folder, local platform, runners, results, outputs.

pytest's plugin and the command line both stand on it. Must not print nor know pytest.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from filelock import FileLock

from conformance import __version__
from conformance.contracts.binding import bind
from conformance.engine.assembly import (
    make_callers,
    make_soap_messages,
    make_soap_oracle,
    make_tokens,
)
from conformance.engine.known import apply_known
from conformance.engine.plan import Plan
from conformance.engine.runner import Procedure, Runner
from conformance.engine.session import Session
from conformance.evidence.redaction import Redactor
from conformance.evidence.run_folder import relative_target_path
from conformance.evidence.store import Store
from conformance.judging.oracle import Oracle
from conformance.judging.rest import RestOracle
from conformance.model.case import Case, CaseKind
from conformance.model.contract import Contract
from conformance.model.exchange import Request, Response, TransportFailure
from conformance.model.result import DISCLOSURE_NOTICE, NOT_SELECTED, CaseResult, Run
from conformance.model.verdict import Verdict
from conformance.target.target import ServiceTarget
from conformance.traffic.ledger import close_ledger, open_ledger
from conformance.traffic.transport import Transport

_NOTES = "notes.jsonl"
_SHARED = "shared-"
"""How the names of files begin that workers share while a run lasts."""


@dataclass(slots=True)
class Campaign:
    """A run under way.

    `embedded` holds the settings of the services that the local platform plays, once it is up.
    `erred` tells that the harness itself broke down outside of any case; `results` collects what became of the
    cases, by id, in the order in which they ended.
    """

    plan: Plan
    folder: Path
    embedded: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    prefix: str = ""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    interrupted: bool = False
    erred: bool = False
    results: dict[str, CaseResult] = field(default_factory=dict)
    deselected: set[str] = field(default_factory=set)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))
    _redactor: Redactor = field(default_factory=Redactor)
    _runners: dict[str, Runner] = field(default_factory=dict)
    _resources: ExitStack = field(default_factory=ExitStack)

    def start_platform(self) -> None:
        """Start the local platform for the services that have no address of their own."""
        specs = tuple(
            service.spec for service in self.plan.services if service.address is None
        )
        if specs:
            from conformance.mock.platform import LocalPlatform  # noqa: PLC0415 - takes long to load

            platform = self._resources.enter_context(
                LocalPlatform(specs, fault=self.plan.fault)
            )
            self.embedded = {
                spec.contract.service: platform.settings(spec.contract.service)
                for spec in specs
            }

    def service(self, name: str) -> ServiceTarget:
        """Return a service of the plan with its address, be it the target's or the local platform's."""
        service = next(
            service for service in self.plan.services if service.service == name
        )
        if name not in self.embedded:
            return service
        settings = {**self.embedded[name], **service.settings}
        return replace(
            service,
            settings=settings,
            address=settings[service.spec.contract.address_key],
        )

    def contract(self, service: str) -> Contract:
        """Return the contract of a service of the plan."""
        return next(
            row.spec.contract for row in self.plan.services if row.service == service
        )

    def runner(self, service: str) -> Runner:
        """Return the runner of a service, made at its first use."""
        if service not in self._runners:
            self._runners[service] = self._make_runner(service)
        return self._runners[service]

    def run(self, case: Case, procedure: Procedure | None = None) -> CaseResult:
        """Run a case and return what became of it, without secrets, marked where it is a known failure."""
        with self.alone(case.service):
            result = self._redacted(self.runner(case.service).run(case, procedure))
        return apply_known(result, self.plan.known, datetime.now(UTC).date())

    def alone(self, service: str) -> AbstractContextManager[object]:
        """Return a context in which no other worker uses a service that remembers what is done to it."""
        if not self.prefix or not self.contract(service).stateful:
            return nullcontext()
        return FileLock(self.folder / f"{_SHARED}{service}.lock")

    def shared(self, name: str, make: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return what `make` (JSON data) gave the first worker that asked for this name; call it `alone`."""
        path = self.folder / f"{_SHARED}{name}.json"
        if not path.exists():
            path.write_text(json.dumps(make()), encoding="utf-8")
        return json.loads(path.read_text(encoding="utf-8"))

    def note(self, text: str) -> None:
        """Remember something that the summary should say; it may come from any worker."""
        with (self.folder / _NOTES).open("a", encoding="utf-8") as file:
            file.write(json.dumps(text) + "\n")

    def _redacted(self, result: CaseResult) -> CaseResult:
        text = self._redactor.text
        findings = tuple(
            replace(
                finding,
                message=text(finding.message),
                location=text(finding.location),
                expected=text(finding.expected),
                actual=text(finding.actual),
            )
            for finding in result.findings
        )
        return replace(result, reason=text(result.reason), findings=findings)

    def close(self) -> None:
        """Close connections and files and stop the local platform."""
        self._resources.close()
        self._runners.clear()

    def ended(self) -> Run:
        """Return what the results say of the run as a whole; call it once, when the run is over."""
        return Run(
            id=self.folder.name,
            harness=__version__,
            seed=self.plan.seed,
            target=self.plan.target.name,
            environment=self.plan.target.environment,
            services=tuple(service.service for service in self.plan.services),
            versions={
                service.service: service.spec.contract.version
                for service in self.plan.services
            },
            started=self.started,
            finished=datetime.now(UTC),
            interrupted=self.interrupted,
            erred=self.erred,
            notes=(*self._notes(), *self._duties()),
            disclosed=self.plan.disclose,
            examples=self.plan.examples,
            file=relative_target_path(self.folder, self.plan.target.file),
            addresses=self._addresses(),
            replay=self.plan.replay,
        )

    def clear(self) -> None:
        """Remove what workers shared while the run lasted."""
        close_ledger(self.folder)
        for path in self.folder.glob(f"{_SHARED}*"):
            path.unlink()

    def in_order(self) -> list[CaseResult]:
        """Return a result for every case of the plan, in the order of the specs, then those of cases that it lacks."""
        planned = {case.id: case for case in self.plan.cases}
        others = [
            result for name, result in self.results.items() if name not in planned
        ]
        return [
            *(
                self.results.get(name) or self._not_run(case)
                for name, case in planned.items()
            ),
            *others,
        ]

    def _not_run(self, case: Case) -> CaseResult:
        if case.id in self.deselected or not self.plan.selection.takes(case):
            return CaseResult(case, Verdict.NOT_RUN, NOT_SELECTED)
        reason = (
            "interrupted before it"
            if self.interrupted
            else "not reached, or not selected"
        )
        return CaseResult(case, Verdict.NOT_RUN, reason)

    def _addresses(self) -> dict[str, str]:
        """Return the services' addresses, the local platform's once it is up."""
        found = {
            service.service: self.service(service.service).address
            for service in self.plan.services
        }
        return {name: address for name, address in found.items() if address is not None}

    def _notes(self) -> tuple[str, ...]:
        path = self.folder / _NOTES
        if not path.exists():
            return ()
        notes = tuple(
            json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()
        )
        path.unlink()
        return notes

    def _duties(self) -> tuple[str, ...]:
        """Return what a security finding on a service that is not one's own obliges to."""
        found = any(
            result.case.kind is CaseKind.SECURITY and result.verdict is Verdict.FAIL
            for result in self.results.values()
        )
        return (DISCLOSURE_NOTICE,) if found and not self.plan.target.local else ()

    def _make_runner(self, name: str) -> Runner:
        target = self.plan.target
        service = self.service(name)
        transport = Transport(target.limits.timeout, target.ca_file)
        store = self._resources.enter_context(Store(self.folder, self._redactor))
        self._resources.callback(transport.close)
        ledger = open_ledger(target.limits, self.folder)

        def counted(request: Request) -> Response | TransportFailure:
            """Send a request for a credential, which counts within the target's limits as any other."""
            ledger.take()
            return transport.send(request)

        tokens = make_tokens(target, service, counted, self._redactor)
        session = Session(
            target,
            service,
            str(service.address),
            transport,
            store,
            ledger,
            self.prefix,
            tokens,
        )
        session.numbers = self._numbers
        judge: Oracle = RestOracle(service.spec.contract)
        rules = service.spec.contract.soap
        if rules is not None:
            binding = bind(service.spec, service.settings, target.folder)
            callers = make_callers(target, service, rules, counted, self._redactor)
            session.messages = make_soap_messages(
                target, service, rules, binding, callers
            )
            judge = make_soap_oracle(service.spec, rules, binding)
        return Runner(
            session,
            judge,
            self.plan.seed,
            self.plan.examples,
            self.plan.counterexamples,
        )
