"""Runs a campaign in this process against an address, for tests that need a run's results."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance.campaign import Campaign, Selection, make_plan
from conformance.documents import dump
from conformance.target import choose_services, load_target


def run_campaign(  # noqa: PLR0913 - what a test may want to vary
    folder: Path,
    service: str,
    address: str | None,
    *,
    environment: str = "local",
    settings: Mapping[str, Any] | None = None,
    selection: Selection | None = None,
    examples: int = 6,
    seed: int = 1,
    limits: Mapping[str, Any] | None = None,
) -> Mapping[str, Any]:
    """Return the results document of a run of one service against an address (None: the local platform)."""
    section = dict(settings or {}) | ({"base_url": address} if address else {})
    data = {"name": "test", "environment": environment, "services": {service: section}}
    file = folder / "target.yaml"
    file.write_text(dump(data | ({"limits": dict(limits)} if limits else {})), encoding="utf-8")
    target = load_target(str(file))
    plan = make_plan(target, choose_services(target, ()), selection or Selection(), seed=seed, examples=examples)
    run_folder = folder / "run"
    run_folder.mkdir()
    campaign = Campaign(plan, run_folder)
    campaign.start_platform()
    try:
        for case in plan.cases:
            if plan.selection.takes(case):
                campaign.results[case.id] = campaign.run(case)
    finally:
        campaign.close()
    return campaign.finish()
