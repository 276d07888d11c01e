"""Plans of what is to be sent again: which exchanges of which run, to which target.

Must not send anything.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conformance.engine.plan import (
    Plan,
    Selection,
    make_plan,
    usual_counterexamples,
    usual_examples,
)
from conformance.evidence.recorded_run import Recorded, RecordedRun, near
from conformance.evidence.run_folder import RESULTS
from conformance.model.case import Case, CaseKind, Expectation, Template
from conformance.model.errors import UsageError
from conformance.model.exchange import Purpose
from conformance.state.run_targets import target_of_run
from conformance.target.policy import BUILT_IN, LOCAL, RULE, Sender, may_send
from conformance.target.reading import choose_services, load_target
from conformance.target.target import ServiceTarget, Target

SHOWN_ONLY = {
    Purpose.GUARD: "the request looks whether another one has changed anything, and is not judged by itself",
    Purpose.RESTORE: "the request restores what a run has changed, and is not judged",
}

_UNKNOWN_TO_SPECS = (
    "is not in the installed specs any more, so that it may be intrusive"
)


def target_of(run: RecordedRun, given: str | None) -> Target:
    """Return the target given, else the one that a run was made against.

    Raises UsageError where a target has to be given, or is wrong.
    """
    if given is not None:
        return load_target(given)
    recorded = run.run.get("target", {})
    name, environment, file = (
        recorded.get(key) for key in ("name", "environment", "file")
    )
    if not name:
        raise UsageError(
            f"the run {run.id} has no {RESULTS} that names its target; name one with --target"
        )
    if file is None:
        if BUILT_IN.get(name) == environment:
            return load_target(name)
        raise UsageError(
            f"the run {run.id} was made against {name!r}, no built-in target; name its file with --target"
        )
    return _remembered_target(run, name, environment, file)


def _remembered_target(
    run: RecordedRun, name: str, environment: str, file: str
) -> Target:
    """Return the target file that a run folder names, where this user's own state says the same of it.

    A folder from elsewhere may name any file, with commands and secrets in it. Nothing is read before the state agrees.
    """
    start = f"the run {run.id} was made against {name!r} of the target file"
    path = Path(os.path.normpath(run.folder.resolve() / file))
    remembered = target_of_run(run.folder)
    if remembered is None or remembered.file != path:
        raise UsageError(
            f"{start} {file}; name it with --target: no run of yours on this machine has made this folder with a file "
            "there, so that it is not read"
        )
    if not path.is_file():
        raise UsageError(
            f"{start} {shown_path(path)}, which is not there any more; name it with --target"
        )
    if not remembered.is_unchanged():
        raise UsageError(
            f"{start} {shown_path(path)}, which has changed since; name it with --target where you mean it all the same"
        )
    target = load_target(shown_path(path))
    if (target.name, target.environment) != (name, environment):
        raise UsageError(
            f"{start} {shown_path(path)}, which is that of {target.name!r} ({target.environment}): the folder was "
            "changed; say --target where you mean it all the same"
        )
    return target


def shown_path(path: Path) -> str:
    """Return a file's path as a user would write it, never one that is taken for a built-in target."""
    shown = os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
    return str(path) if shown in BUILT_IN else shown


@dataclass(frozen=True, slots=True)
class Replay:
    """Exchanges of one case of a run that are to be sent again, in their order.

    `known` tells that the installed specs have the case; `earlier` are the case's exchanges before the first one.
    """

    run: RecordedRun
    plan: Plan
    case: Case
    known: bool
    exchanges: tuple[Recorded, ...]
    earlier: tuple[Recorded, ...]
    exact: bool

    @property
    def service(self) -> ServiceTarget:
        """Return the service as the target has it."""
        return self.plan.services[0]

    @property
    def soap(self) -> bool:
        """Tell whether it is a SOAP service."""
        return self.service.spec.contract.soap is not None

    @property
    def base(self) -> str:
        """Return the service's address in the run, "" where the run does not say."""
        return str(self.run.run.get("addresses", {}).get(self.service.service, ""))

    @property
    def judged(self) -> int:
        """Return which exchange is judged: the last probe, the last of all where there is none."""
        probes = [
            number
            for number, one in enumerate(self.exchanges)
            if one.purpose is Purpose.PROBE
        ]
        return probes[-1] if probes else len(self.exchanges) - 1

    @property
    def decisive(self) -> Recorded:
        """Return the exchange that is judged."""
        return self.exchanges[self.judged]

    @property
    def verdict(self) -> str:
        """Return the case's verdict in the run, "" where it has none."""
        return str(self.run.cases.get(self.case.id, {}).get("verdict", ""))

    @property
    def confidential(self) -> bool:
        """Tell whether an answer may be a security finding on a service elsewhere, which is not told around."""
        elsewhere = {
            self.plan.target.environment,
            self.run.run.get("target", {}).get("environment"),
        } != {LOCAL}
        return (
            self.case.kind is CaseKind.SECURITY and elsewhere and not self.plan.disclose
        )


def plays_itself(run: RecordedRun, name: str, target: Target) -> bool:
    """Tell whether a case is played and judged as a whole by its suite; errors as for `plan_case`."""
    cases = _service(name, _entry(run, name), target).spec.cases
    return name in cases and cases[name].procedure is not None


def sequence_of(run: RecordedRun, name: str) -> str:
    """Return the sequence that shows a case's failure, in the words of the run; "" where it has none."""
    shown = _shown(run, name)
    return str(shown.get("example", ""))


def plan_case(
    run: RecordedRun,
    name: str,
    target: Target,
    *,
    disclose: bool = False,
    sequence: str = "",
) -> Plan:
    """Return the plan of running one case again, with the seed and the number of examples of its run.

    Of a case of sequences only the one given is played, where one is. Raises UsageError where the run, the target or
    the installed specs have no such case, or where it may not be sent.
    """
    service = _service(name, _entry(run, name), target)
    cases = service.spec.cases
    if name not in cases:
        hint = near(name, cases) or "; its exchanges can be replayed by their ids"
        raise UsageError(f"the installed specs have no case {name!r} any more{hint}")
    _refuse_intrusive(cases[name], target, known=True)
    plan = make_plan(
        target,
        (service,),
        Selection(cases=(name,)),
        seed=run.run.get("seed"),
        examples=run.run.get("examples") or None,
        disclose=disclose,
        counterexamples=usual_counterexamples(),
        thorough=cases[name].thorough,
    )
    told = {"sequence": sequence} if sequence else {}
    return replace(plan, replay={"run": run.id, "case": name, **told})


def plan_exchange(
    run: RecordedRun,
    name: str,
    target: Target,
    *,
    exact: bool = False,
    disclose: bool = False,
) -> Replay:
    """Return a replay of one exchange; raises UsageError where there is none, or where it may not be sent."""
    return _planned(run, [run.exchange(name)], target, exact=exact, disclose=disclose)


def plan_counterexample(
    run: RecordedRun,
    name: str,
    target: Target,
    *,
    exact: bool = False,
    disclose: bool = False,
) -> Replay:
    """Return a replay of the exchanges that show a case's failure; raises UsageError where there are none."""
    shown = _shown(run, name)["exchanges"]
    return _planned(run, run.exchanges(shown), target, exact=exact, disclose=disclose)


def _shown(run: RecordedRun, name: str) -> Mapping[str, Any]:
    entry = _entry(run, name)
    shown: Mapping[str, Any] = entry.get("counterexample", {})
    if not shown.get("exchanges"):
        raise UsageError(
            f"the run {run.id} has no counterexample of {name!r}, whose verdict is {entry['verdict']}; "
            "without --counterexample the case is run again"
        )
    return shown


def _entry(run: RecordedRun, name: str) -> Mapping[str, Any]:
    if not run.cases:
        raise UsageError(
            f"the run {run.id} was ended before it wrote results; replay its exchanges by their ids"
        )
    if name not in run.cases:
        raise UsageError(
            f"the run {run.id} has no case {name!r}{near(name, run.cases)}"
        )
    return run.cases[name]


def _service(case: str, entry: Mapping[str, Any], target: Target) -> ServiceTarget:
    return choose_services(
        target, (str(entry.get("service") or case.partition("/")[0]),)
    )[0]


def _planned(
    run: RecordedRun,
    exchanges: list[Recorded],
    target: Target,
    *,
    exact: bool,
    disclose: bool,
) -> Replay:
    name = exchanges[0].exchange.case
    entry = run.cases.get(name, {})
    service = _service(name, entry, target)
    known = name in service.spec.cases
    case = service.spec.cases[name] if known else _stand_in(name, service, entry)
    if known or not all(one.purpose in SHOWN_ONLY for one in exchanges):
        _refuse_intrusive(case, target, known=known)
    for one in exchanges:
        _refuse_in_production(one, service, target)
    told = {
        "run": run.id,
        "case": name,
        "exchanges": [one.id for one in exchanges],
        "exact": exact,
    }
    examples = run.run.get("examples") or usual_examples(target)
    seed, selection = run.run.get("seed", 0), Selection(cases=(name,))
    plan = Plan(
        target, (service,), selection, seed, examples, disclose=disclose, replay=told
    )
    return Replay(
        run, plan, case, known, tuple(exchanges), tuple(run.before(exchanges[0])), exact
    )


def _stand_in(name: str, service: ServiceTarget, entry: Mapping[str, Any]) -> Case:
    """Return a case for exchanges of one that the installed specs do not have: no verdict rests on it."""
    kind = (
        CaseKind(entry["kind"])
        if entry.get("kind") in set(CaseKind)
        else CaseKind.STATEFUL
    )
    nothing = Template(next(iter(service.spec.contract.operations)))
    title, origin = str(entry.get("title", name)), str(entry.get("origin", ""))
    return Case(
        name, service.service, title, kind, origin, (), nothing, Expectation("none", ())
    )


def _refuse_intrusive(case: Case, target: Target, *, known: bool) -> None:
    may_be = case.intrusive if known else case.kind is not CaseKind.POSITIVE
    if may_be and not target.intrusive:
        why = "is intrusive" if known else _UNKNOWN_TO_SPECS
        if case.kind is CaseKind.OWN:
            why = "is of requests of one's own, which may be intrusive"
        raise UsageError(
            f"the case {case.id} {why}, and the target {target.name!r} has intrusive: false, so that nothing is sent; "
            "where the service's owner agrees, say intrusive: true in the target file"
        )


def _refuse_in_production(
    one: Recorded, service: ServiceTarget, target: Target
) -> None:
    method = one.exchange.request.method
    if not may_send(
        Sender.REPLAY,
        target.environment,
        public=service.spec.contract.public,
        method=method,
    ):
        raise UsageError(
            f"production: {RULE} may be sent, and the exchange {one.id} is {method} on {service.service}"
        )
