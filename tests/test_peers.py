"""Runs of the whole suite against implementations that were written from the cookbook alone.

Those that conform must not be accused; those with one defect must be found, by the requirement that the defect breaks.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from conformance.engine.session import Session
from tests.campaigns import run_campaign, run_suite
from tests.peers.status_dashboard import BORDERLINE, VARIANTS, serve

SERVICE = "status-dashboard"
TABLE = "5.3.1.2"

# The requirements that a defect of a field may break, without the service's name.
REQUIREMENTS: Mapping[str, tuple[str, ...]] = {
    "groups": (f"{TABLE}/groups",),
    "groups.id": (f"{TABLE}/group-id",),
    "groups.name": (f"{TABLE}/group-name",),
    "groups.items": (f"{TABLE}/items",),
    "groups.status_code": (f"{TABLE}/group-status-code",),
    "items.id": (f"{TABLE}/item-id",),
    "items.order": (f"{TABLE}/item-order",),
    "items.status_code": (f"{TABLE}/item-status-code",),
    "items.last_updated": (f"{TABLE}/item-last-updated",),
    "items.name": (f"{TABLE}/item-name",),
    "items.description": (f"{TABLE}/item-description",),
    "paths.prod": ("5.2/production",),
    "paths.int": ("5.2/integration",),
    "paths.acc": ("5.2/acceptance",),
    "json": ("5.2/json",),
    "http.content_type": ("5.2/json",),
    "http.status": ("5.2/production", "5.2/integration", "5.2/acceptance", "8/http-codes", "5.1.1/user-agent-accepted"),
    "http.accept": ("5.2/production", "5.2/integration", "5.2/acceptance"),
    "http.user_agent": ("5.1.1/user-agent-accepted",),
    "http.unknown_path": ("8/http-codes",),
    "http.method": ("8/http-codes",),
    "http.query": ("8/http-codes",),
    # The harness's own From is a header that such a service does not know either.
    "http.header": ("8/http-codes", "5.2/production", "5.2/integration", "5.2/acceptance"),
}
BUSY = "status-503"
"""A defect that a harness must not judge: 503 tells of load (interface, section 5)."""
UNREACHED = ("status-404", "html-200")
"""Defects that cannot be told from a wrong address or a login page: every plain request meets them (section 5)."""

IN_TURN = f"{SERVICE}/5.2/in-turn"
"""The case that the suite plays itself."""
MIXED_UP = ("prod-mixed-up", "prod-replaced")
"""Defects that only a sequence of requests shows."""

CONFORMING = [name for name, variant in VARIANTS.items() if variant.conforming]
DEFECTIVE = [name for name, one in VARIANTS.items() if not one.conforming and name not in {BUSY, *UNREACHED, *MIXED_UP}]


def _run(folder: Path, name: str) -> Mapping[str, Any]:
    """Return the results of a run against a variant, of a target that claims all three dashboards."""
    settings = {"dashboards": ["prod", "int", "acc"]}
    with serve(name) as base:
        return run_campaign(folder, SERVICE, base, settings=settings, examples=6)


def _findings(document: Mapping[str, Any], severity: str) -> list[Mapping[str, str]]:
    return [finding for case in document["cases"] for finding in case["findings"] if finding["severity"] == severity]


def test_every_field_of_a_defect_has_its_requirements() -> None:
    """The table above knows each field that a variant may break, and its requirements exist."""
    assert {variant.field for variant in VARIANTS.values() if not variant.conforming} <= set(REQUIREMENTS)


@pytest.mark.whole_run
@pytest.mark.parametrize("name", CONFORMING)
def test_conforming_implementation_is_not_accused(tmp_path: Path, name: str) -> None:
    """What the cookbook leaves open is neither a violation nor a warning, and leaves no case undecided."""
    document = _run(tmp_path, name)
    assert document["run"]["exit_code"] == 0, [case for case in document["cases"] if case["verdict"] != "pass"]
    assert _findings(document, "violation") + _findings(document, "warning") == []
    assert {case["verdict"] for case in document["cases"]} <= {"pass", "not_applicable"}


@pytest.mark.whole_run
@pytest.mark.parametrize("name", DEFECTIVE)
def test_defective_implementation_is_found_by_its_requirement(tmp_path: Path, name: str) -> None:
    """A single defect fails the run, and every violation names a requirement that it breaks, and what was found."""
    document = _run(tmp_path, name)
    assert document["run"]["exit_code"] == 1
    violations = _findings(document, "violation")
    expected = {f"{SERVICE}/{requirement}" for requirement in REQUIREMENTS[VARIANTS[name].field]}
    assert violations
    assert {finding["requirement"] for finding in violations} <= expected
    for finding in violations:
        assert finding["message"]
        assert finding["location"]
        assert finding["expected"]
        assert finding["actual"]
    verdicts = {row["id"]: row["verdict"] for row in document["requirements"]}
    failed = {requirement for requirement, verdict in verdicts.items() if verdict == "fail"}
    assert failed == {finding["requirement"] for finding in violations}


@pytest.mark.parametrize("name", UNREACHED)
def test_implementation_of_which_nothing_is_served_is_not_judged(tmp_path: Path, name: str) -> None:
    """A service whose every resource is gone, or a page, is inconclusive, and no requirement passes on it."""
    document = _run(tmp_path, name)
    assert document["run"]["exit_code"] == 3
    assert _findings(document, "violation") == []
    assert "pass" not in {row["verdict"] for row in document["requirements"]}


def test_busy_implementation_is_not_judged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A service that answers 503 to everything, also after waiting, is inconclusive and accused of nothing."""
    waits: list[float] = []
    monkeypatch.setattr("conformance.engine.assembly.Session", partial(Session, pause=waits.append))
    document = _run(tmp_path, BUSY)
    assert 5 < sum(waits) <= 10
    assert document["run"]["exit_code"] == 3
    assert _findings(document, "violation") == []
    assert {case["verdict"] for case in document["cases"]} == {"inconclusive"}


@pytest.mark.whole_run
@pytest.mark.parametrize("name", BORDERLINE)
def test_borderline_implementation_is_judged_without_an_error(tmp_path: Path, name: str) -> None:
    """Where the cookbook lets one quarrel, either verdict will do, as long as the harness reaches one and says why."""
    document = _run(tmp_path, name)
    assert document["run"]["exit_code"] in (0, 1)
    assert "error" not in {case["verdict"] for case in document["cases"]}
    accused = _findings(document, "violation")
    expected = {f"{SERVICE}/{requirement}" for requirement in REQUIREMENTS[BORDERLINE[name].field]}
    assert {finding["requirement"] for finding in accused} <= expected
    assert bool(accused) is (document["run"]["exit_code"] == 1)


@pytest.mark.parametrize("name", MIXED_UP)
def test_dashboard_in_the_place_of_another_is_found(tmp_path: Path, name: str) -> None:
    """Reading the dashboards in turn shows an answer that is another's, and says whose."""
    [finding] = _findings(_in_turn(tmp_path, name), "violation")
    assert finding["requirement"] == f"{SERVICE}/5.2/production"
    assert (finding["expected"], finding["actual"]) == (
        "the groups and items of production",
        {"prod-mixed-up": "those of integration", "prod-replaced": "those of acceptance"}[name],
    )


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("plain", "pass"),
        ("groups-empty-int", "pass"),
        ("date-moves", "pass"),
        ("ids-same-in-all-dashboards", "not_applicable"),
        ("groups-empty", "not_applicable"),
        ("int-missing", "pass"),
        ("status-500", "inconclusive"),
        ("status-503", "inconclusive"),
    ],
)
def test_dashboards_in_turn_are_not_accused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, verdict: str
) -> None:
    """Dashboards that keep apart pass; those that cannot be told apart, or are not served, are not judged."""
    monkeypatch.setattr("conformance.engine.assembly.Session", partial(Session, pause=lambda _: None))
    [case] = [case for case in _in_turn(tmp_path, name)["cases"] if case["verdict"] != "not_run"]
    assert (case["verdict"], case["findings"]) == (verdict, [])


def _in_turn(folder: Path, name: str) -> Mapping[str, Any]:
    """Return the results of reading a variant's dashboards in turn."""
    with serve(name) as base:
        settings = {"base_url": base, "dashboards": ["prod", "int", "acc"]}
        return run_suite(folder, SERVICE, settings, cases=(IN_TURN,))
