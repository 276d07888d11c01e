"""Runs services' suites in this process against an address, for tests that need a run's results."""

import io
import os
import subprocess
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conformance.cli import main
from conformance.contracts.loading import load_spec
from conformance.engine.campaign import Campaign, open_campaign
from conformance.engine.embedded import start_embedded
from conformance.engine.plan import Plan, Selection, make_plan
from conformance.formats.documents import dump
from conformance.mock.platform import LocalPlatform
from conformance.model.case import Case
from conformance.plugin import case_of
from conformance.plugin.session import run_suites
from conformance.reporting.outputs import write_outputs
from conformance.target.reading import choose_services, load_target
from conformance.target.writing import write_target, written_target
from tests.peers.server import Variant

ALL_PEERS = bool(os.environ.get("EHEALTH_ALL_PEERS"))
"""Whether every variant of the peers is run, each to its end."""
PATIENT = {"timeout": 30}
"""Limits of a run whose answers all come: no machine is so busy, and nobody waits for them."""


def sample(variants: Mapping[str, Variant], names: Iterable[str], every: int) -> list[str]:
    """Return of the variants named the first that breaks a field, and every so manieth of the others that break it."""
    chosen, seen = [], Counter[str]()
    for name in names:
        field = variants[name].field
        if ALL_PEERS or seen[field] % every == 0:
            chosen.append(name)
        seen[field] += 1
    return chosen


@contextmanager
def served_platform(folder: Path, services: Iterable[str]) -> Iterator[Path]:
    """Serve services on the local platform, and give a target file for them."""
    with LocalPlatform(tuple(map(load_spec, services))) as served:
        settings = {spec.contract.service: dict(served.settings(spec.contract.service)) for spec in served.specs}
        file = folder / "target.yaml"
        write_target(file, written_target("platform", settings, None))
        yield file


def told(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line in this process, which saves importing everything anew; return what it said and its code."""
    out, err = io.StringIO(), io.StringIO()
    with chdir(cwd), redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)], prog_name="ehealth-conformance")
    assert isinstance(ended.value.code, int)
    return subprocess.CompletedProcess(arguments, ended.value.code, out.getvalue(), err.getvalue())


def begin(plan: Plan, folder: Path) -> Campaign:
    """Return a campaign whose run begins now; the local platform plays what the target gives no address."""
    return open_campaign(plan, folder, start_embedded(plan.services, plan.fault))


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
    until: Collection[str] = (),
) -> Mapping[str, Any]:
    """Return the results document of a run of one service against an address (None: the local platform).

    Where the run is meant to find a violation of one of the requirements `until`, cases about these come first, and it
    ends with the first that finds one (unless EHEALTH_ALL_PEERS is set).
    """
    section = dict(settings or {}) | ({"base_url": address} if address else {})
    data = {"name": "test", "environment": environment, "limits": PATIENT | dict(limits or {})}
    file = folder / "target.yaml"
    file.write_text(dump(data | {"services": {service: section}}), encoding="utf-8")
    target = load_target(str(file))
    plan = make_plan(target, choose_services(target, ()), selection or Selection(), seed=seed, examples=examples)
    run_folder = folder / "run"
    run_folder.mkdir()
    campaign = begin(plan, run_folder)
    try:
        for case in sorted(plan.cases, key=lambda case: not _is_about(case, until)):
            if plan.selection.takes(case):
                result = campaign.run(case)
                campaign.tally.add(result)
                if _ends(((finding.requirement, finding.severity) for finding in result.findings), until):
                    break
    finally:
        campaign.close()
    return write_outputs(campaign)


def run_suite(  # noqa: PLR0913 - what a test may want to vary
    folder: Path,
    service: str,
    settings: Mapping[str, Any],
    *,
    cases: tuple[str, ...] = (),
    examples: int = 3,
    until: Collection[str] = (),
) -> Mapping[str, Any]:
    """Return the results document of a session of a service's own suite, with what it prepares and restores.

    `until` is as with `run_campaign`.
    """
    data = {"name": "test", "environment": "local", "limits": PATIENT, "services": {service: dict(settings)}}
    file = folder / "target.yaml"
    file.write_text(dump(data), encoding="utf-8")
    target = load_target(str(file))
    plan = make_plan(target, choose_services(target, ()), Selection(cases=cases), examples=examples)
    run_folder = folder / "run"
    run_folder.mkdir()
    outcome = run_suites(plan, run_folder, [_Until(until)], with_allure=False)
    assert outcome.troubles == []
    assert outcome.document is not None
    return outcome.document


@dataclass(slots=True)
class _Until:
    """A pytest plugin that ends a session as `run_campaign` ends."""

    wanted: Collection[str]
    found: bool = False

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put the cases first that are about what is wanted."""
        items.sort(key=lambda item: not _is_about(case_of(item), self.wanted))

    def pytest_runtest_logreport(self, report: Any) -> None:  # noqa: ANN401 - carries the plugin's attribute
        """Look for what is wanted."""
        record = getattr(report, "conformance", None)
        told = ((row["requirement"], row["severity"]) for row in record["findings"]) if record else ()
        self.found = self.found or _ends(told, self.wanted)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self) -> bool | None:
        """Leave out all cases after it; that is no interruption."""
        return self.found or None


def _is_about(case: Case | None, wanted: Collection[str]) -> bool:
    return case is not None and not {*case.requirements, *case.only}.isdisjoint(wanted)


def _ends(findings: Iterable[tuple[str, str]], wanted: Collection[str]) -> bool:
    return not ALL_PEERS and any(severity == "violation" and name in wanted for name, severity in findings)
