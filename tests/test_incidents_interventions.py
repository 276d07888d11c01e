"""Incidents and Interventions: independent implementations, conforming and lying, and the local platform's story."""

import json
import urllib.request
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from conformance.contracts.loading import load_spec
from conformance.mock.platform import LocalPlatform
from tests.campaigns import run_campaign
from tests.peers import incidents_interventions as peers
from tests.peers import status_dashboard

SERVICE = "incidents-interventions"
SECTIONS = {"interventions": "5.3.1.2", "incidents": "5.3.2.2"}
OWN = sorted(peers.VARIANTS.keys() - status_dashboard.VARIANTS.keys())
"""Variants that concern this service; those about HTTP and JSON alone are tried with the Status Dashboard."""

BROKEN_OTHERWISE = {
    "paths.incidents": {"5.2/incidents", "5.3.2.2/contact-info", "5.3.2.2/status", "5.3.2.2/update"},
    "paths.interventions": {"5.2/interventions"},
    "identifier": {"5.3.1.2/identifier", "5.3.2.2/identifier"},
    "json": {"5.2/json"},
}


def violated(document: Mapping[str, Any]) -> set[str]:
    """Return the requirements that a run's violations name, without the service."""
    findings = [finding for case in document["cases"] for finding in case["findings"]]
    assert all(finding["expected"] and finding["actual"] for finding in findings if finding["severity"] == "violation")
    return {row["requirement"].partition("/")[2] for row in findings if row["severity"] == "violation"}


def fitting(field: str) -> set[str]:
    """Return the requirements of which one must be named where a documented field or rule is broken."""
    if field in BROKEN_OTHERWISE:
        return BROKEN_OTHERWISE[field]
    resource, _, member = field.partition(".")
    slug = {"name": "title"}.get(member, member) if resource == "incidents" else member
    if resource in SECTIONS:
        return {f"{SECTIONS[resource]}/{slug.replace('_', '-')}"}
    return {"8/http-codes", "5.2/json", "5.2/incidents", "5.2/interventions", "5.1.1/user-agent-accepted"}


@pytest.mark.whole_run
@pytest.mark.parametrize("name", [name for name in OWN if peers.VARIANTS[name].conforming])
def test_conforming_implementation_raises_no_alarm(tmp_path: Path, name: str) -> None:
    """What the cookbook leaves open, each implementation may do as it likes."""
    with peers.serve(name) as address:
        document = run_campaign(tmp_path, SERVICE, address)
    assert violated(document) == set()
    assert document["run"]["exit_code"] == 0


@pytest.mark.whole_run
@pytest.mark.parametrize("name", [name for name in OWN if not peers.VARIANTS[name].conforming])
def test_defect_is_found_and_named(tmp_path: Path, name: str) -> None:
    """Each single defect gives a failing case whose finding names the requirement broken."""
    wanted = fitting(peers.VARIANTS[name].field)
    with peers.serve(name) as address:
        until = {f"{SERVICE}/{requirement}" for requirement in wanted}
        document = run_campaign(tmp_path, SERVICE, address, until=until)
    assert document["run"]["exit_code"] == 1
    assert violated(document) & wanted


@pytest.mark.parametrize(
    ("name", "severity", "requirement"),
    [
        ("status-other-word", "warning", "5.3.2.2/status"),
        ("incident-end-before-start", "warning", "5.3.2.2/end-datetime"),
        ("closed-end-absent", "observation", "5.3.1.2/end-datetime"),
        ("closed-end-null", "observation", "5.3.1.2/end-datetime"),
        ("intervention-end-spaced", "observation", "5.3.1.2/end-datetime"),
        ("type-of-the-other", "observation", "5.3.2.2/type"),
    ],
)
def test_doubt_is_told_without_failing(tmp_path: Path, name: str, severity: str, requirement: str) -> None:
    """A doubtful reading is noted with its severity, and the service still conforms."""
    with peers.serve(name) as address:
        document = run_campaign(tmp_path, SERVICE, address)
    findings = [finding for case in document["cases"] for finding in case["findings"]]
    assert (f"{SERVICE}/{requirement}", severity) in {(row["requirement"], row["severity"]) for row in findings}
    assert document["run"]["exit_code"] == 0


def test_story_goes_on_on_demand_and_stays_conforming(tmp_path: Path) -> None:
    """Each step of the local platform's story changes the data and keeps to the cookbook."""
    with LocalPlatform((load_spec(SERVICE),)) as platform:
        address = platform.settings(SERVICE)["base_url"]
        seen = []
        for step in range(4):
            seen.append([_read(f"{address}/{name}") for name in ("incidents", "interventions")])
            (tmp_path / str(step)).mkdir()
            assert run_campaign(tmp_path / str(step), SERVICE, address, examples=2)["run"]["exit_code"] == 0
            request = urllib.request.Request(f"{platform.address}/local/incidents-interventions/advance", method="POST")
            assert json.load(urllib.request.urlopen(request)) == {"step": step + 1}
    assert all(before[0] != after[0] and before[1] != after[1] for before, after in pairwise(seen))


def _read(url: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)
