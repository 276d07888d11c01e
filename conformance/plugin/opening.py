"""Opens the campaign of a session: read from its settings or handed in, and joined in a worker of pytest-xdist.

Must not end it.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pytest

from conformance.engine.campaign import Campaign
from conformance.engine.plan import Plan
from conformance.engine.run_settings import RunSettings, new_folder
from conformance.evidence.reading import ExchangeReader
from conformance.model.case import Case
from conformance.model.errors import UsageError
from conformance.plugin import OPTIONS_MODULE
from conformance.plugin.campaigns import (
    Shared,
    begin_campaign,
    join_campaign,
    narrowed,
)
from conformance.plugin.handover import PREPARED
from conformance.plugin.settings import PlannedRun, planned_run
from conformance.reporting import allure
from conformance.review.before_run import check_before_run

SHARED = "conformance"
"""The key under which a worker finds what it shares with the main process."""
PROBLEMS = "conformance_problems"
"""The key under which it finds why there is nothing to share."""


class Opening:
    """A session's plan and campaign, each made at its first use."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._planned: PlannedRun | None = None
        self._cases: Mapping[str, Case] = {}
        self.opened: tuple[Campaign, ExchangeReader] | None = None

    @property
    def handed_in(self) -> bool:
        """Tell whether the command line has handed in plan and folder, for pytest to carry out as they are."""
        return PREPARED in self._config.stash

    @property
    def in_worker(self) -> bool:
        """Tell whether this is a worker of pytest-xdist."""
        return hasattr(self._config, "workerinput")

    def planned(self) -> PlannedRun:
        """Return what the session is to run.

        Raises UsageError with every mistake in the settings.
        """
        if self._planned is None:
            self._planned = self._read()
        return self._planned

    def cases(self) -> Mapping[str, Case]:
        """Return all cases of the plan by id, selected or not."""
        if not self._cases:
            self._cases = {case.id: case for case in self.planned().plan.cases}
        return self._cases

    def campaign(self, selected: Collection[str] = ()) -> Campaign:
        """Return the campaign, opened for the cases selected; without any, for tests of one's own alone.

        Raises UsageError where a credential that they need cannot be had, or no run folder can be made.
        """
        if self.opened is None:
            campaign = self._open(selected)
            allure.configure(
                self._config, campaign.folder, campaign.redacted, campaign.give_up
            )
            self.opened = campaign, ExchangeReader(campaign.folder)
        return self.opened[0]

    def carried_out(self, selected: Collection[str]) -> Plan:
        """Return the plan of the cases that pytest selected; one that was handed in stays as it is."""
        planned = self.planned()
        if self.handed_in:
            return planned.plan
        if not selected:
            return replace(planned.plan, suites=False)
        return narrowed(planned.plan, selected, named=planned.named)

    def _read(self) -> PlannedRun:
        if self.handed_in:
            prepared = self._config.stash[PREPARED]
            return PlannedRun(prepared.plan, RunSettings())
        if self.in_worker:
            self._shared()
        return planned_run(self._config)

    def _open(self, selected: Collection[str]) -> Campaign:
        planned = self.planned()
        if self.in_worker:
            return join_campaign(planned.plan, self._shared())
        if self.handed_in:
            prepared = self._config.stash[PREPARED]
            return begin_campaign(prepared.plan, prepared.folder, prepared.listeners)
        if selected:
            plan = self.carried_out(selected)
            check_before_run(plan)
        else:  # tests of one's own alone: what they need is told where they ask for it
            plan = replace(planned.plan, suites=False)
        return begin_campaign(plan, new_folder(planned.settings))

    def _shared(self) -> Shared:
        """Return what the main process shares; it collects nothing, so its arguments must have named the suites."""
        workerinput: Mapping[str, Any] = self._config.workerinput  # type: ignore[attr-defined]
        if PROBLEMS in workerinput:
            raise UsageError(workerinput[PROBLEMS])
        if SHARED not in workerinput:
            raise UsageError(
                f"with -n, name the suites on the command line (their folder, or --pyargs conformance.suites) "
                f"or add -p {OPTIONS_MODULE}"
            )
        return Shared(**workerinput[SHARED])
