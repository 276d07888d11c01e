"""What a run is to do: target, services, selection and thoroughness, with defaults filled in.

Must not send anything.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.contracts.loading import load_spec, service_ids
from conformance.credentials.alterations import MALFORMED
from conformance.engine.known import KnownFailure
from conformance.formats.schemas import suggestion
from conformance.model.case import Case, CaseKind
from conformance.model.contract import Requirement
from conformance.model.errors import UsageError
from conformance.model.fault import Fault
from conformance.target.target import ServiceTarget, Target

DEFAULT_SEED = 1
LOCAL_EXAMPLES, POLITE_EXAMPLES = 20, 8


@dataclass(frozen=True, slots=True)
class Selection:
    """Which cases to run; an empty tuple selects all."""

    kinds: tuple[CaseKind, ...] = ()
    requirements: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()

    @property
    def restricts(self) -> bool:
        """Tell whether anything is left out."""
        return bool(self.kinds or self.requirements or self.cases)

    def takes(self, case: Case) -> bool:
        """Tell whether a case is selected."""
        by_kind = not self.kinds or case.kind in self.kinds
        by_requirement = not self.requirements or self._is_about(case)
        by_id = not self.cases or case.id in self.cases
        return by_kind and by_requirement and by_id

    def _is_about(self, case: Case) -> bool:
        return not {*case.requirements, *case.only}.isdisjoint(self.requirements)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run: against which target, which services and cases, how thoroughly.

    `disclose` tells security findings of a service that is not one's own outside the private run folder too; `fault` is
    a mistake that the local platform makes on purpose. What properties find is kept in the folder `counterexamples` and
    tried first the next time, where there is one. `replay` says what is sent again of which run. Without `suites` no
    case of the specs is run: what is sent is one's own. Cases that take thousands of requests run where it is
    `thorough`.
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
    suites: bool = True
    thorough: bool = False

    @property
    def tested(self) -> tuple[str, ...]:
        """Return the services whose suites are run."""
        return tuple(row.service for row in self.services) if self.suites else ()

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
    thorough: bool = False,
) -> Plan:
    """Return a plan with defaults filled in.

    Where the services are not `named` by the user, those without a selected case are left out.

    Raises UsageError where the selection names what does not exist, or selects nothing, and where a run against
    somebody else's service is to be `thorough`.
    """
    if thorough and not target.local:
        raise UsageError(
            f"--thorough sends thousands of requests, which is for local targets only; {target.name!r} has the "
            f"environment {target.environment!r}: leave the option out"
        )
    if selection.restricts and not named:
        services = _with_selected_cases(services, selection)
    plan = Plan(
        target,
        services,
        selection,
        DEFAULT_SEED if seed is None else seed,
        usual_examples(target) if examples is None else examples,
        known,
        disclose,
        counterexamples=counterexamples,
        thorough=thorough,
    )
    problems = list(_selection_problems(plan))
    if problems:
        raise UsageError(problems)
    return plan


def usual_examples(target: Target) -> int:
    """Return how many examples a property draws where nobody says: fewer where a service is somebody else's."""
    return LOCAL_EXAMPLES if target.local else POLITE_EXAMPLES


def _with_selected_cases(
    services: tuple[ServiceTarget, ...], selection: Selection
) -> tuple[ServiceTarget, ...]:
    """Return the services of which a case is selected, all of them where none is."""
    chosen = tuple(
        row for row in services if any(map(selection.takes, row.spec.cases.values()))
    )
    return chosen or services


def _selection_problems(plan: Plan) -> Iterator[str]:
    """Yield what a selection or a list of known failures names that does not exist; that nothing is selected, else."""
    cases = {case.id: case for case in plan.cases}
    requirements = {row.id: row for row in plan.requirements}
    selection = plan.selection
    unknown = [
        *_unknown("case", selection.cases, cases, plan),
        *_unknown_known(plan, cases),
        *_unknown("requirement", selection.requirements, requirements, plan),
    ]
    yield from unknown
    if not unknown and not any(map(selection.takes, cases.values())):
        yield "no case fits the selection" + _why_untested(selection, requirements)


def _unknown(
    what: str, names: Iterable[str], known: Mapping[str, object], plan: Plan
) -> Iterator[str]:
    """Yield the names of cases or requirements that are not known, those of services that are left out apart."""
    for name in names:
        if name in known:
            continue
        service = name.partition("/")[0]
        elsewhere = _ids_elsewhere(service, plan)
        if name in elsewhere:
            yield f"the {what} {name!r} is none of this run: it belongs to {service}: add that service"
        else:
            yield f"there is no {what} {name!r}{suggestion(name, elsewhere or known)}"


def _ids_elsewhere(service: str, plan: Plan) -> tuple[str, ...]:
    """Return the ids of a service's cases and requirements, none where it is one of the plan or of nobody."""
    if service in {row.service for row in plan.services}:
        return ()
    if service not in service_ids():
        return ()
    spec = load_spec(service)
    return (*spec.cases, *spec.contract.requirements)


def _unknown_known(plan: Plan, cases: Mapping[str, Case]) -> Iterator[str]:
    """Yield the entries of the list of known failures whose case does not exist in a service of the plan."""
    services = {row.service for row in plan.services}
    for row in plan.known:
        if row.case not in cases and row.case.partition("/")[0] in services:
            hint = suggestion(row.case, cases)
            yield f"the list of known failures names the case {row.case!r}, which does not exist{hint}"


def _why_untested(selection: Selection, requirements: Mapping[str, Requirement]) -> str:
    reasons = (requirements[name].untested for name in selection.requirements)
    reason = next(filter(None, reasons), "")
    return f": {reason}" if reason else ""


def roles_needed(cases: Iterable[Case]) -> set[str]:
    """Return the roles of the access tokens that some cases send."""
    requests = [request for case in cases for request in case.requests]
    return {request.token.partition("!")[0] for request in requests} - {"", MALFORMED}


def usual_counterexamples() -> Path | None:
    """Return where a user's runs keep counterexamples, None in continuous integration, where each run stands alone."""
    if os.environ.get("CI"):
        return None
    return Path(".ehealth-conformance", "counterexamples").absolute()
