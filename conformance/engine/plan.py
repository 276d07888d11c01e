"""What a run is to do: target, services, selection and thoroughness, with defaults filled in.

Must not send anything.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from conformance.contracts.loading import load_spec, service_ids
from conformance.credentials.alterations import MALFORMED
from conformance.engine.known import KnownFailure
from conformance.engine.selecting import hint, meant, service_of
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
    """Which cases to run; an empty tuple selects all.

    `requirements`, `cases` and `excluded` are ids, or what a user writes for several; a plan has ids of cases in
    `excluded`. `again` are the cases of an earlier run that are to be run once more, where such a run was named.
    """

    kinds: tuple[CaseKind, ...] = ()
    requirements: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    again: tuple[str, ...] | None = None

    @property
    def restricts(self) -> bool:
        """Tell whether anything is left out."""
        named = self.kinds or self.requirements or self.cases or self.excluded
        return bool(named) or self.again is not None

    def takes(self, case: Case) -> bool:
        """Tell whether a case is selected."""
        by_kind = not self.kinds or case.kind in self.kinds
        by_requirement = not self.requirements or self._is_about(case)
        by_id = not self.cases or case.id in self.cases
        left_out = case.id in self.excluded
        anew = self.again is None or case.id in self.again
        return by_kind and by_requirement and by_id and anew and not left_out

    def _is_about(self, case: Case) -> bool:
        return not {*case.requirements, *case.only}.isdisjoint(self.requirements)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run: against which target, which services and cases, how thoroughly.

    `disclose` tells security findings of a service that is not one's own outside the private run folder too; `fault` is
    a mistake that the local platform makes on purpose. What properties find is kept in the folder `counterexamples` and
    tried first the next time, where there is one. `replay` says what is sent again of which run. Without `suites` no
    case of the specs is run: what is sent is one's own. Cases that take thousands of requests run where it is
    `thorough`. After `max_failures` cases that failed or erred no other is begun. `options` are those that the user
    gave, as the report shows them; `junit` is where junit.xml is written besides.
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
    max_failures: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    junit: Path | None = None

    @property
    def nothing_left(self) -> bool:
        """Tell whether no case of the run that was named is to be run once more."""
        return self.selection.again == ()

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
    max_failures: int | None = None,
) -> Plan:
    """Return a plan with defaults filled in.

    Where the services are not `named` by the user, or an earlier run says what to run, those without a selected case
    are left out.

    Raises UsageError where the selection names what does not exist, or selects nothing, and where a run against
    somebody else's service is to be `thorough`.
    """
    if thorough and not target.local:
        raise UsageError(
            f"--thorough sends thousands of requests, which is for local targets only; {target.name!r} has the "
            f"environment {target.environment!r}: leave the option out"
        )
    meaning = _Meaning(services, selection)
    chosen = meaning.selection()
    if chosen.restricts and (not named or chosen.again is not None):
        services = _with_selected_cases(services, chosen)
    plan = Plan(
        target,
        services,
        chosen,
        DEFAULT_SEED if seed is None else seed,
        usual_examples(target) if examples is None else examples,
        known,
        disclose,
        counterexamples=counterexamples,
        thorough=thorough,
        max_failures=max_failures,
    )
    problems = [*meaning.problems, *_unknown_known(plan)]
    if not problems:
        problems += _problems_of_no_case(plan)
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


class _Meaning:
    """What a user's selection means among the cases and requirements of some services, with what is wrong in it."""

    def __init__(
        self, services: tuple[ServiceTarget, ...], selection: Selection
    ) -> None:
        specs = [row.spec for row in services]
        self._asked = selection
        self._services = {row.service for row in services}
        self._cases = {
            name: case for spec in specs for name, case in spec.cases.items()
        }
        self._requirements = [
            name for spec in specs for name in spec.contract.requirements
        ]
        self.problems: list[str] = []

    def selection(self) -> Selection:
        """Return the selection with ids in the place of names; what stands for nothing is a problem."""
        asked = self._asked
        return replace(
            asked,
            cases=self._ids("case", asked.cases, self._cases),
            requirements=self._ids(
                "requirement", asked.requirements, self._requirements
            ),
            excluded=tuple(
                name for written in asked.excluded for name in self._excluded(written)
            ),
        )

    def _ids(
        self, what: str, names: Iterable[str], known: Collection[str]
    ) -> tuple[str, ...]:
        """Return the ids that names stand for, each once."""
        found: dict[str, None] = {}
        for name in names:
            meaning = meant(what, name, known)
            found |= dict.fromkeys(meaning.ids)
            if not meaning.ids:
                self.problems.append(
                    meaning.problem or self._unknown(what, name, known)
                )
        return tuple(found)

    def _excluded(self, name: str) -> Iterator[str]:
        """Yield the cases that a name leaves out: those it stands for, else those of the requirements."""
        cases = meant("case", name, self._cases)
        requirements = meant("requirement", name, self._requirements)
        if cases.ids:
            yield from cases.ids
        elif requirements.ids:
            about = Selection(requirements=requirements.ids)
            yield from (case.id for case in self._cases.values() if about.takes(case))
        elif cases.problem or requirements.problem:
            self.problems.append(cases.problem or requirements.problem)
        elif not meant("case", name, _ids_elsewhere(name, self._services)).ids:
            # What is not in this run need not be left out of it.
            known = (*self._cases, *self._requirements)
            self.problems.append(self._unknown("case or requirement", name, known))

    def _unknown(self, what: str, name: str, known: Collection[str]) -> str:
        """Return what to say of a name that stands for nothing, or for something of a service that is left out."""
        elsewhere = _ids_elsewhere(name, self._services)
        if meant(what, name, elsewhere).ids:
            service = service_of(name)
            return f"the {what} {name!r} is none of this run: it belongs to {service}: add that service"
        return f"there is no {what} {name!r}{hint(name, elsewhere or known)}"


def _problems_of_no_case(plan: Plan) -> Iterator[str]:
    """Yield that nothing is selected, where that is so; a run of which no case is left to repeat selects nothing."""
    selection = plan.selection
    if plan.nothing_left or any(map(selection.takes, plan.cases)):
        return
    requirements = {row.id: row for row in plan.requirements}
    yield "no case fits the selection" + _why_untested(selection, requirements)


def _ids_elsewhere(name: str, services: Collection[str]) -> tuple[str, ...]:
    """Return the ids of the service that a name begins with, none where it is one of the `services` or of nobody."""
    service = service_of(name)
    if service in services or service not in service_ids():
        return ()
    spec = load_spec(service)
    return (*spec.cases, *spec.contract.requirements)


def _unknown_known(plan: Plan) -> Iterator[str]:
    """Yield the entries of the list of known failures whose case does not exist in a service of the plan."""
    cases = {case.id: case for case in plan.cases}
    services = {row.service for row in plan.services}
    for row in plan.known:
        if row.case not in cases and row.case.partition("/")[0] in services:
            near = suggestion(row.case, cases)
            yield f"the list of known failures names the case {row.case!r}, which does not exist{near}"


def _why_untested(selection: Selection, requirements: Mapping[str, Requirement]) -> str:
    """Return why no case tests what is selected, "" where nothing says so."""
    if selection.again is not None:
        return ": none of the cases that failed there is among those selected"
    wanted = (requirements.get(name) for name in selection.requirements)
    reasons = (row.untested for row in wanted if row is not None)
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
