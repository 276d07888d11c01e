"""One run from beginning to end: folder, local platform, runners, results, outputs.

pytest's plugin and the command line both stand on it. Must not print nor know pytest.
"""

import json
import os
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from filelock import FileLock

from conformance import __version__
from conformance.contracts.binding import Binding, bind
from conformance.contracts.loading import Spec, bundled_schemas, suggestion
from conformance.credentials.alterations import MALFORMED
from conformance.credentials.assertions import Callers
from conformance.credentials.tokens import AccessTokens, Send
from conformance.engine.known import KnownFailure, apply_known
from conformance.engine.runner import Judging, Procedure, Runner
from conformance.engine.search import kept_below, make_private
from conformance.engine.session import Session
from conformance.evidence.curl import curl_line
from conformance.evidence.reading import ExchangeReader
from conformance.evidence.redaction import Redactor
from conformance.evidence.store import Store
from conformance.judging.rest import Judge
from conformance.judging.soap import SoapJudge
from conformance.messages.soap import SoapMessages
from conformance.model.case import Case, Kind
from conformance.model.contract import Contract, Requirement, SoapRules
from conformance.model.errors import SecretError, UsageError
from conformance.model.exchange import Request, Response, TransportFailure
from conformance.model.fault import Fault
from conformance.model.result import DUTY, NOT_SELECTED, CaseResult, Run, results_document
from conformance.model.verdict import Verdict
from conformance.reporting.html import write_report
from conformance.reporting.junit import junit_text
from conformance.reporting.mutation_score import mutation_score
from conformance.review import caller_problems, review_offline
from conformance.soap.xsd.schemas import read_schema
from conformance.target.reading import ServiceTarget, Target
from conformance.traffic.ledger import close_ledger, open_ledger
from conformance.traffic.transport import Transport

DEFAULT_SEED = 1
LOCAL_EXAMPLES, POLITE_EXAMPLES = 20, 8
RESULTS, JUNIT = "results.json", "junit.xml"
_NOTES = "notes.jsonl"
_LATEST = "latest.json"
_SEARCHED = frozenset({Kind.PROPERTY.value, Kind.STATEFUL.value})
_ERRORS = "errors-soa-v1.xsd"
"""The schema of the platform's faults (specs/common/xsd)."""
_SHARED = "shared-"
"""How the names of files begin that workers share while a run lasts."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which cases to run; an empty tuple selects all."""

    kinds: tuple[Kind, ...] = ()
    requirements: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()

    def takes(self, case: Case) -> bool:
        """Tell whether a case is selected."""
        return (
            (not self.kinds or case.kind in self.kinds)
            and (not self.requirements or bool(set(self.requirements) & {*case.requirements, *case.only}))
            and (not self.cases or case.id in self.cases)
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run: against which target, which services and cases, how thoroughly.

    `disclose` tells security findings of a service that is not one's own outside the private run folder too; `fault` is
    a mistake that the local platform makes on purpose. What properties find is kept in the folder `counterexamples` and
    tried first the next time, where there is one. `replay` says what is sent again of which run.
    """

    target: Target
    services: tuple[ServiceTarget, ...]
    selection: Selection
    seed: int
    examples: int
    known: tuple[KnownFailure, ...] = ()
    disclose: bool = False
    fault: Fault | None = None
    counterexamples: Path | None = None
    replay: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cases(self) -> Iterator[Case]:
        """Yield all cases of the plan's services, selected or not."""
        for service in self.services:
            yield from service.spec.cases.values()

    @property
    def requirements(self) -> Iterator[Requirement]:
        """Yield all requirements of the plan's services."""
        for service in self.services:
            yield from service.spec.contract.requirements.values()


def make_plan(  # noqa: PLR0913 - the options of a run
    target: Target,
    services: tuple[ServiceTarget, ...],
    selection: Selection,
    *,
    seed: int | None = None,
    examples: int | None = None,
    known: tuple[KnownFailure, ...] = (),
    named: bool = True,
    disclose: bool = False,
    counterexamples: Path | None = None,
) -> Plan:
    """Return a plan with defaults filled in.

    Where the services are not `named` by the user, those without a selected case are left out.

    Raises UsageError where the selection names what does not exist, or selects nothing.
    """
    if any((selection.kinds, selection.requirements, selection.cases)) and not named:
        chosen = tuple(row for row in services if any(selection.takes(case) for case in row.spec.cases.values()))
        services = chosen or services
    seed = DEFAULT_SEED if seed is None else seed
    plan = Plan(
        target,
        services,
        selection,
        seed,
        usual_examples(target) if examples is None else examples,
        known,
        disclose,
        counterexamples=counterexamples,
    )
    cases = {case.id: case for case in plan.cases}
    requirements = {requirement.id: requirement for requirement in plan.requirements}
    problems = [f"there is no case {name!r}{suggestion(name, cases)}" for name in selection.cases if name not in cases]
    problems += [
        f"the list of known failures names the case {row.case!r}, which does not exist{suggestion(row.case, cases)}"
        for row in known
        if row.case not in cases and row.case.partition("/")[0] in {service.service for service in services}
    ]
    problems += [
        f"there is no requirement {name!r}{suggestion(name, requirements)}"
        for name in selection.requirements
        if name not in requirements
    ]
    if not problems and not any(selection.takes(case) for case in cases.values()):
        problems.append("no case fits the selection" + _why_untested(selection, requirements))
    if problems:
        raise UsageError(problems)
    return plan


def usual_examples(target: Target) -> int:
    """Return how many examples a property draws where nobody says: fewer where a service is somebody else's."""
    return LOCAL_EXAMPLES if target.local else POLITE_EXAMPLES


def _why_untested(selection: Selection, requirements: Mapping[str, Requirement]) -> str:
    reasons = [requirements[name].untested for name in selection.requirements if requirements[name].untested]
    return f": {reasons[0]}" if reasons else ""


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
        specs = tuple(service.spec for service in self.plan.services if service.address is None)
        if specs:
            from conformance.mock.platform import LocalPlatform  # noqa: PLC0415 - takes long to load

            platform = self._resources.enter_context(LocalPlatform(specs, fault=self.plan.fault))
            self.embedded = {spec.contract.service: platform.settings(spec.contract.service) for spec in specs}

    def service(self, name: str) -> ServiceTarget:
        """Return a service of the plan with its address, be it the target's or the local platform's."""
        service = next(service for service in self.plan.services if service.service == name)
        if name not in self.embedded:
            return service
        settings = {**self.embedded[name], **service.settings}
        return replace(service, settings=settings, address=settings[service.spec.contract.address_key])

    def contract(self, service: str) -> Contract:
        """Return the contract of a service of the plan."""
        return next(row.spec.contract for row in self.plan.services if row.service == service)

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

    def finish(self) -> Mapping[str, Any]:
        """Write the run's outputs and return the results document."""
        run = Run(
            id=self.folder.name,
            harness=__version__,
            seed=self.plan.seed,
            target=self.plan.target.name,
            environment=self.plan.target.environment,
            services=tuple(service.service for service in self.plan.services),
            versions={service.service: service.spec.contract.version for service in self.plan.services},
            started=self.started,
            finished=datetime.now(UTC),
            interrupted=self.interrupted,
            erred=self.erred,
            mutation_score=mutation_score(),
            notes=(*self._notes(), *self._duties()),
            disclosed=self.plan.disclose,
            examples=self.plan.examples,
            file=_seen_from(self.folder, self.plan.target.file),
            addresses=self._addresses(),
            replay=self.plan.replay,
        )
        document = results_document(run, self.in_order(), self.plan.requirements)
        self._tell_counterexamples(document)
        self._forget_counterexamples(document)
        write_atomically(self.folder / RESULTS, json.dumps(document, indent=1) + "\n")
        write_atomically(self.folder / JUNIT, junit_text(document))
        write_report(self.folder)
        close_ledger(self.folder)
        for path in self.folder.glob(f"{_SHARED}*"):
            path.unlink()
        return document

    def _tell_counterexamples(self, document: Mapping[str, Any]) -> None:
        """Add commands that show each failure, and keep those that were searched for."""
        failed = [case for case in document["cases"] if "counterexample" in case]
        if not failed:
            return
        wanted = {name for case in failed for name in case["counterexample"]["exchanges"]}
        records = {record["id"]: record for record in ExchangeReader(self.folder).read(wanted)}
        for case in failed:
            shown = case["counterexample"]
            lines = [curl_line(records[number]) for number in shown["exchanges"] if number in records]
            shown["curl"] = [line for line in lines if line]
            kept = kept_below(self.plan.counterexamples, case["id"])
            if kept is not None and case["kind"] in _SEARCHED:
                make_private(kept)
                told = {"case": case["id"], "run": self.folder.name, "reason": case["reason"], **shown}
                write_atomically(kept / _LATEST, json.dumps(told, indent=1) + "\n")

    def _forget_counterexamples(self, document: Mapping[str, Any]) -> None:
        """Take away what people are told of failures that are none any longer."""
        for case in document["cases"]:
            kept = kept_below(self.plan.counterexamples, case["id"])
            if kept is not None and case["verdict"] == Verdict.PASS.value:
                (kept / _LATEST).unlink(missing_ok=True)

    def in_order(self) -> list[CaseResult]:
        """Return a result for every case of the plan, in the order of the specs, then those of cases that it lacks."""
        planned = {case.id: case for case in self.plan.cases}
        others = [result for name, result in self.results.items() if name not in planned]
        return [*(self.results.get(name) or self._not_run(case) for name, case in planned.items()), *others]

    def _not_run(self, case: Case) -> CaseResult:
        if case.id in self.deselected or not self.plan.selection.takes(case):
            return CaseResult(case, Verdict.NOT_RUN, NOT_SELECTED)
        reason = "interrupted before it" if self.interrupted else "not reached, or not selected"
        return CaseResult(case, Verdict.NOT_RUN, reason)

    def _addresses(self) -> dict[str, str]:
        """Return the services' addresses, the local platform's once it is up."""
        found = {service.service: self.service(service.service).address for service in self.plan.services}
        return {name: address for name, address in found.items() if address is not None}

    def _notes(self) -> tuple[str, ...]:
        path = self.folder / _NOTES
        if not path.exists():
            return ()
        notes = tuple(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
        path.unlink()
        return notes

    def _duties(self) -> tuple[str, ...]:
        """Return what a security finding on a service that is not one's own obliges to."""
        found = any(
            result.case.kind is Kind.SECURITY and result.verdict is Verdict.FAIL for result in self.results.values()
        )
        return (DUTY,) if found and not self.plan.target.local else ()

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

        tokens = _tokens(target, service, counted, self._redactor)
        session = Session(target, service, str(service.address), transport, store, ledger, self.prefix, tokens)
        session.numbers = self._numbers
        judge: Judging = Judge(service.spec.contract)
        rules = service.spec.contract.soap
        if rules is not None:
            binding = bind(service.spec, service.settings, target.folder)
            callers = _callers(target, service, rules, counted, self._redactor)
            session.messages = _messages(target, service, rules, binding, callers)
            judge = _soap_judge(service.spec, rules, binding)
        return Runner(session, judge, self.plan.seed, self.plan.examples, self.plan.counterexamples)


def _tokens(target: Target, service: ServiceTarget, send: Send, redactor: Redactor) -> AccessTokens | None:
    """Return the access tokens that a target file gives for a service, or None where it gives none."""
    references = service.settings.get("tokens")
    if not references:
        return None
    return AccessTokens(
        references=references,
        folder=target.folder,
        where=f"{target.file or target.name}: services.{service.service}.tokens",
        environment=target.environment,
        send=send,
        headers=target.identity.headers,
        clock=time.time,
        redactor=redactor,
    )


def _callers(target: Target, service: ServiceTarget, rules: SoapRules, send: Send, redactor: Redactor) -> Callers:
    """Return the SOAP callers that a target file gives for a service."""
    return Callers(
        settings=service.settings.get("callers") or {},
        rules=rules.callers,
        folder=target.folder,
        where=f"{target.file or target.name}: services.{service.service}.callers",
        environment=target.environment,
        send=send,
        headers=target.identity.headers,
        clock=lambda: datetime.now(UTC),
        redactor=redactor,
    )


def _messages(
    target: Target, service: ServiceTarget, rules: SoapRules, binding: Binding, callers: Callers
) -> SoapMessages:
    return SoapMessages(
        rules=rules,
        binding=binding,
        callers=callers,
        settings=service.settings,
        local=target.local,
        clock=lambda: datetime.now(UTC),
    )


def _soap_judge(spec: Spec, rules: SoapRules, binding: Binding) -> SoapJudge:
    root = spec.folder.parent.parent
    errors = read_schema(root / "common" / "xsd" / _ERRORS, bundled_schemas(root))
    return SoapJudge(spec.contract, rules, binding, errors)


def check_credentials(plan: Plan) -> None:
    """Resolve what the selected cases need, before any request.

    Raises SecretError with every mistake: a variable that is not set, an expired token, and the like.
    """
    problems: list[str] = []
    for service in plan.services:
        send = Transport(plan.target.limits.timeout, plan.target.ca_file).send
        cases = [case for case in service.spec.cases.values() if plan.selection.takes(case)]
        tokens = _tokens(plan.target, service, send, Redactor())
        if tokens is not None:
            problems += tokens.check_before_run(roles_needed(cases) & tokens.roles)
        problems += _soap_problems(plan.target, service, cases)
    if problems:
        raise SecretError(problems)


def _soap_problems(target: Target, service: ServiceTarget, cases: Iterable[Case]) -> list[str]:
    """Return what is wrong with a SOAP service's callers and WSDL, as far as it shows before any request."""
    kinds = {case.caller for case in cases}
    if service.spec.contract.soap is None or not kinds:
        return []
    problems: list[str] = []
    try:
        bind(service.spec, service.settings, target.folder)
    except UsageError as error:
        problems += error.problems
    callers = service.settings.get("callers") or {}
    names = [name for name, row in callers.items() if "" in kinds or row["kind"] in kinds]
    return [*problems, *caller_problems(target, service, datetime.now(UTC), names)]


def credential_problems(
    target: Target, service: ServiceTarget, roles: Collection[str], callers: Collection[str]
) -> list[str]:
    """Return why tokens of some roles or assertions of some callers cannot be had, as far as it shows by itself."""
    send = Transport(target.limits.timeout, target.ca_file).send
    tokens = _tokens(target, service, send, Redactor())
    problems = tokens.check_before_run(roles) if tokens is not None else []
    return problems + (caller_problems(target, service, datetime.now(UTC), callers) if callers else [])


def roles_needed(cases: Iterable[Case]) -> set[str]:
    """Return the roles of the access tokens that some cases send."""
    requests = [request for case in cases for request in case.requests]
    return {request.token.partition("!")[0] for request in requests} - {"", MALFORMED}


def check_before_run(plan: Plan) -> tuple[str, ...]:
    """Do the offline part of the review, and return what is worth a warning.

    Raises UsageError with every mistake. On a local target, whose tokens may have any shape, only credentials
    that cannot be had or have run out are mistakes.
    """
    if plan.target.local:
        check_credentials(plan)
    remarks = review_offline(
        plan.target, plan.services, datetime.now(UTC), selected=plan.selection.takes, examples=plan.examples
    )
    errors = [f"{remark.message}; {remark.remedy}" for remark in remarks if remark.severity == "error"]
    if errors and not plan.target.local:
        raise UsageError(errors)
    return tuple(errors)


def _seen_from(folder: Path, file: Path | None) -> str:
    """Return where a target file is, as seen from a run folder: `../../my-target.yaml`.

    The name alone where it is not below the folder that holds all run folders: what is above is nobody's business.
    """
    if file is None:
        return ""
    file, folder = file.resolve(), folder.resolve()
    top = folder.parent.parent
    near = top != Path(top.anchor) and file.is_relative_to(top)
    return Path(os.path.relpath(file, folder)).as_posix() if near else file.name


def usual_counterexamples() -> Path | None:
    """Return where a user's runs keep counterexamples, None in continuous integration, where each run stands alone."""
    return None if os.environ.get("CI") else Path(".ehealth-conformance", "counterexamples").absolute()


def make_folder(parent: Path, now: datetime) -> Path:
    """Make and return a new private run folder, named by the time and a few random letters.

    Raises UsageError where the parent cannot be written.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = parent / f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise UsageError(f"{parent}: no run folder can be made here: {error.strerror}") from error
    return folder


def write_atomically(path: Path, text: str) -> None:
    """Write a private text file so that it appears complete or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    draft.replace(path)


def run_folders(parent: Path) -> Iterable[Path]:
    """Return the run folders below a folder, oldest first."""
    return sorted(path.parent for path in parent.glob(f"*/{RESULTS}"))
