"""Whole runs behind a gateway that damages every answer: no error, no hang, and what can be read is still found."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.contracts.loading import load_spec
from conformance.engine.plan import Selection
from conformance.mock.platform import LocalPlatform
from conformance.model.case import CaseKind
from conformance.soap.markup import XmlError, parse
from tests.campaigns import run_campaign
from tests.damage import damaged
from tests.peers import damaging

DASHBOARD, DOSSIER = "status-dashboard", "dossier-number-generation"
FORM = {
    DASHBOARD: {f"{DASHBOARD}/5.2/json"},
    DOSSIER: {f"{DOSSIER}/5.1.3/envelope", f"{DOSSIER}/8/fault"},
}
"""The requirements that say that an answer is JSON, or XML."""


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body.decode("utf-8"))
    except ValueError:
        return False
    return True


def _is_xml(body: bytes) -> bool:
    try:
        parse(body)
    except XmlError:
        return False
    return True


def _breaking(is_whole: Callable[[bytes], bool]) -> damaging.Damaging:
    """Return what damages a body so that it is no longer what it should be."""

    def damage(number: int, body: bytes) -> bytes:
        changes = (damaged(1000 * number + attempt, body) for attempt in range(1000))
        return next(changed for changed in changes if not is_whole(changed))

    return damage


def _run(folder: Path, service: str, fault: str = "") -> Mapping[str, Any]:
    """Return the results of a run behind the gateway, of the platform without a fault or with one."""
    spec = load_spec(service)
    found = spec.faults[f"{service}/faults/{fault}"] if fault else None
    key = "base_url" if service == DASHBOARD else "endpoint"
    with LocalPlatform((spec,), fault=found) as platform:
        settings = platform.settings(service)
        damage = _breaking(_is_json if service == DASHBOARD else _is_xml)
        with damaging.serve(platform.address, damage) as gateway:
            settings[key] = settings[key].replace(platform.address, gateway)
            kinds = (CaseKind.POSITIVE, CaseKind.NEGATIVE, CaseKind.PROPERTY)
            return run_campaign(folder, service, None, settings=settings, selection=Selection(kinds=kinds))


def _violations(document: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {
        (finding["requirement"], finding["message"])
        for case in document["cases"]
        for finding in case["findings"]
        if finding["severity"] == "violation"
    }


@pytest.mark.whole_run
@pytest.mark.parametrize("service", [DASHBOARD, DOSSIER])
def test_conforming_service_behind_damage_breaks_the_form_alone(tmp_path: Path, service: str) -> None:
    """A hundred answers, each damaged in its own way, are judged without an error, and accused of their form alone."""
    document = _run(tmp_path, service)
    assert document["summary"]["exchanges"] >= 100 or service == DASHBOARD
    assert document["run"]["exit_code"] == 1
    assert "error" not in {case["verdict"] for case in document["cases"]}
    assert {requirement for requirement, _ in _violations(document)} <= FORM[service], _violations(document)


@pytest.mark.whole_run
@pytest.mark.parametrize(
    ("service", "fault", "requirement"),
    [
        (DASHBOARD, "group-name-title", "status-dashboard/5.3.1.2/group-name"),
        (DOSSIER, "in-response-to-missing", "dossier-number-generation/5.2.1.2/in-response-to"),
    ],
)
def test_defect_is_found_behind_damage(tmp_path: Path, service: str, fault: str, requirement: str) -> None:
    """A defect that stands in every answer is found although no answer is whole."""
    document = _run(tmp_path, service, fault)
    assert "error" not in {case["verdict"] for case in document["cases"]}
    assert requirement in {broken for broken, _ in _violations(document)}
