"""A session's campaign: opened, joined by a worker, and ended; the one place where pytest's side touches it.

Must not know pytest's hooks.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from typing import Any

from conformance.engine.campaign import Campaign, Tally, open_campaign
from conformance.engine.embedded import EmbeddedServices, start_embedded
from conformance.engine.events import Listener
from conformance.engine.plan import Plan, Selection
from conformance.model.result import CaseResult
from conformance.reporting.outputs import write_outputs


@dataclass(frozen=True, slots=True)
class Shared:
    """What the main process shares with a worker: run folder, the local platform's settings, the worker's name."""

    folder: str
    embedded: Mapping[str, Mapping[str, Any]]
    worker: str

    def as_data(self) -> dict[str, Any]:
        """Return it as plain data, which travels to another process."""
        return {
            "folder": self.folder,
            "embedded": dict(self.embedded),
            "worker": self.worker,
        }


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known of a session when it is over: results by case id, and how it ended."""

    results: Mapping[str, CaseResult]
    interrupted: bool
    erred: bool


def begin_campaign(
    plan: Plan, folder: Path, listeners: tuple[Listener, ...] = ()
) -> Campaign:
    """Return a campaign in a run folder, with the local platform where the plan needs it."""
    embedded = start_embedded(plan.services, plan.fault, plan.target.folder)
    return open_campaign(plan, folder, embedded, listeners=listeners)


def join_campaign(plan: Plan, shared: Shared) -> Campaign:
    """Return a worker's part of the main process's campaign."""
    embedded = EmbeddedServices(shared.embedded)
    return open_campaign(plan, Path(shared.folder), embedded, worker=shared.worker)


def share(campaign: Campaign, worker: str) -> Shared:
    """Return what a worker needs to join a campaign."""
    return Shared(str(campaign.folder), campaign.embedded.settings, worker)


def end_campaign(campaign: Campaign, plan: Plan, ending: Ending) -> Mapping[str, Any]:
    """Write the outputs of a campaign that is closed, by the plan that was carried out; return the results document."""
    tally = Tally(
        dict(ending.results), interrupted=ending.interrupted, erred=ending.erred
    )
    return write_outputs(replace(campaign, plan=plan, tally=tally))


def discard(campaign: Campaign) -> None:
    """Remove the folder of a campaign in which nothing was run; one that holds a file stays."""
    campaign.discard()
    if not any(path.is_file() for path in campaign.folder.rglob("*")):
        rmtree(campaign.folder)


def narrowed(plan: Plan, selected: Collection[str], *, named: bool) -> Plan:
    """Return a plan of the cases that pytest selected of it.

    Where the user has not `named` the services, those without a selected case are left out. Source: interface,
    section 3: deselected cases do not count.
    """
    taken = {case.id for case in plan.cases if plan.selection.takes(case)}
    if taken <= set(selected):
        return plan
    services = tuple(
        service
        for service in plan.services
        if named or not service.spec.cases.keys().isdisjoint(selected)
    )
    cases = tuple(case.id for case in plan.cases if case.id in selected)
    return replace(plan, services=services, selection=Selection(cases=cases))
