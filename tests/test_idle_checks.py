"""No check is idle: with each one taken away, some seeded fault is not found when its recorded run is judged again."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from conformance.catalogue.listing import find_fault
from conformance.selftest.mutants import Mutant, MutantStatus
from conformance.selftest.selftest import SelftestSettings, examine
from tests.playback import MODEL_CHECKS, REST_CHECKS, SOAP_CHECKS, Playback, Without, playback

DASHBOARD, INCIDENTS = "status-dashboard", "incidents-interventions"
EXCLUSIONS, DOSSIERS = "therapeutic-exclusion", "dossier-number-generation"
REST = {
    "expectation": (DASHBOARD, "production-broken"),
    "media-type": (DASHBOARD, "media-type-text"),
    "answer": (DASHBOARD, "names-without-quotes"),
    "schema": (DASHBOARD, "group-status-missing"),
    "undocumented": (DASHBOARD, "item-colour"),
    "unchanged": (DASHBOARD, "post-adds-group"),
    "unique": (DASHBOARD, "item-id-shared"),
    "not-empty": (DASHBOARD, "group-name-blank"),
    "date-time": (DASHBOARD, "last-updated-without-offset"),
    "whole-number": (DASHBOARD, "item-order-fraction"),
    "ascending": (DASHBOARD, "items-in-reverse"),
    "word": (INCIDENTS, "status-small-letters"),
    "any-member": (INCIDENTS, "incident-without-title"),
    "other-spelling": (INCIDENTS, "intervention-end-with-space"),
    "implies": (INCIDENTS, "ongoing-with-end"),
    "not-before": (INCIDENTS, "intervention-end-before-start"),
}
"""For each check of REST answers, a fault that only it finds."""
MODEL = {
    "listed": (EXCLUSIONS, "ssin-filter-ignored"),
    "invented-names": (EXCLUSIONS, "names-of-the-declaration"),
    "kinds": (EXCLUSIONS, "pharmacy-as-physician"),
    "ordered": (EXCLUSIONS, "history-oldest-first"),
    "counted": (EXCLUSIONS, "page-size-ignored"),
    "recorded": (EXCLUSIONS, "operation-always-declared"),
    "newest": (EXCLUSIONS, "page-of-one-is-oldest"),
    "authored": (EXCLUSIONS, "patient-recorded-as-parent"),
    "ordered-in-moments": (EXCLUSIONS, "oldest-first-in-a-second"),
    "spoiled-names": (EXCLUSIONS, "names-read-as-latin-1"),
    "dropped-names": (EXCLUSIONS, "pharmacies-unnamed"),
    "timed": (EXCLUSIONS, "timestamp-of-another-zone"),
}
"""For each comparison of Therapeutic Exclusion with its model, a fault that only it finds."""
SOAP = {
    "expectation": (DOSSIERS, "signature-optional"),
    "http-status": (DOSSIERS, "fault-with-200"),
    "media-type": (DOSSIERS, "fault-as-html"),
    "envelope": (DOSSIERS, "faultcode-unbound"),
    "fault-structure": (DOSSIERS, "fault-without-detail"),
    "fault-code": (DOSSIERS, "not-understood-code-unknown"),
    "fault-origin": (DOSSIERS, "fault-origin-provider"),
    "element": (DOSSIERS, "response-id-missing"),
    "schema": (DOSSIERS, "response-renamed"),
    "documented-outcome": (DOSSIERS, "status-unknown"),
    "unique": (DOSSIERS, "response-id-constant"),
    "echo": (DOSSIERS, "in-response-to-missing"),
    "moment": (DOSSIERS, "issue-instant-of-the-release"),
    "on-success": (DOSSIERS, "identifier-missing"),
    "one-person": (DOSSIERS, "identifier-constant"),
    "not-on-failure": (DOSSIERS, "refused-with-identifier"),
    "not-with-outcome": (DOSSIERS, "cbss-status-with-success"),
    "member": (DOSSIERS, "cbss-value-ok"),
    "not-a-fault": (DOSSIERS, "user-agent-with-letters-refused"),
    "outcome": (DOSSIERS, "requester-refused-as-responder"),
    "printed-message": (DOSSIERS, "requester-refused-without-words"),
    "not-copied": (DOSSIERS, "issue-instant-copied"),
    "printed-values": (DOSSIERS, "requester-numbers-swapped"),
}
"""For each check of SOAP answers, a fault that only it finds."""

Judged = dict[str, Playback]


@pytest.fixture(scope="module", name="judges")
def _judges() -> Iterator[Judged]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(playback(name)) for name in (DASHBOARD, INCIDENTS, EXCLUSIONS, DOSSIERS)}


@pytest.mark.whole_run
@pytest.mark.parametrize(
    ("without", "service", "name"),
    [
        pytest.param(checks[check], *fault, id=f"{form}-{check}")
        for form, checks, table in (
            ("rest", REST_CHECKS, REST),
            ("model", MODEL_CHECKS, MODEL),
            ("soap", SOAP_CHECKS, SOAP),
        )
        for check, fault in table.items()
    ],
)
def test_fault_is_found_by_this_check_alone(
    tmp_path: Path, judges: Judged, without: Without, service: str, name: str
) -> None:
    """Judged again with all checks, the record shows the fault; without this one it does not."""
    subject = Mutant(service, f"{service}/faults/{name}")
    assert examine(subject, SelftestSettings(keep=str(tmp_path))).status is MutantStatus.KILLED
    (run,) = tmp_path.iterdir()
    fault = find_fault(subject.fault)
    assert judges[service].finds(run, fault)
    with pytest.MonkeyPatch.context() as patch:
        without(patch)
        assert not judges[service].finds(run, fault)


def test_every_check_has_its_fault() -> None:
    """A new check wants a fault that only it finds."""
    assert REST.keys() == REST_CHECKS.keys()
    assert MODEL.keys() == MODEL_CHECKS.keys()
    assert SOAP.keys() == SOAP_CHECKS.keys()
