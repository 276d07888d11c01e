"""Signature wrapping against independent gateways: each form of it is found where a gateway falls for that form alone.

By default each form is played against a gateway that looks at content first, as the schema of one would mask what is
wrong behind it; with EHEALTH_ALL_PEERS=1 against one that looks at security first, too, and all styles play all cases.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.engine.plan import Selection
from conformance.model.case import CaseKind
from tests.campaigns import ALL_PEERS, run_campaign
from tests.peers.wrapping_gateway import HOLES, MASKED, STYLES, Style, serve

SERVICE = "dossier-number-generation"
WANTED = {f"{SERVICE}/4/security-verified", f"{SERVICE}/8/not-authenticated"}
ALL_STYLES = tuple(STYLES) if ALL_PEERS else ("content-first", "strict-headers")


def _run(folder: Path, hole: str, style: Style, *kinds: CaseKind) -> Mapping[str, Any]:
    with serve(hole, style) as section:
        return run_campaign(folder, SERVICE, None, settings=section, selection=Selection(kinds=kinds), examples=3)


def _by_verdict(document: Mapping[str, Any], verdict: str) -> dict[str, Mapping[str, Any]]:
    """Return the cases of a verdict by the last part of their ids."""
    return {case["id"].rpartition("/")[2]: case for case in document["cases"] if case["verdict"] == verdict}


@pytest.mark.whole_run
@pytest.mark.parametrize("style", ("content-first", "security-first") if ALL_PEERS else ("content-first",))
@pytest.mark.parametrize("hole", HOLES)
def test_gateway_that_falls_for_a_form_is_found_by_it_alone(tmp_path: Path, hole: str, style: str) -> None:
    """Whatever it checks besides, the row of its hole fails by the requirement, and no other row does."""
    document = _run(tmp_path, hole, STYLES[style], CaseKind.SECURITY)
    failed = _by_verdict(document, "fail")
    assert {row.removesuffix("-by-others") for row in failed} == {hole}
    violations = [one for one in failed[hole]["findings"] if one["severity"] == "violation"]
    assert {one["requirement"] for one in violations} <= WANTED
    assert _by_verdict(document, "inconclusive") == {}
    assert document["run"]["exit_code"] == 1


@pytest.mark.whole_run
@pytest.mark.parametrize("style", ALL_STYLES)
def test_careful_gateway_raises_no_alarm(tmp_path: Path, style: str) -> None:
    """With no hole nothing is a violation or a warning, whatever it checks first and by whichever code it refuses."""
    document = _run(tmp_path, "", STYLES[style], *(() if ALL_PEERS else (CaseKind.SECURITY,)))
    severe = [
        (case["id"], one) for case in document["cases"] for one in case["findings"] if one["severity"] != "observation"
    ]
    assert severe == []
    assert {case["verdict"] for case in document["cases"]} <= {"pass", "not_applicable", "not_run"}
    assert document["run"]["exit_code"] == 0


@pytest.mark.whole_run
def test_gateway_that_speaks_of_the_content_only_passes_nothing(tmp_path: Path) -> None:
    """Where content that is served when signed is refused for its content, the security was not seen: inconclusive."""
    document = _run(tmp_path, "", MASKED, CaseKind.SECURITY)
    masked = _by_verdict(document, "inconclusive")
    assert set(HOLES) - {"doubled-body-first", "doubled-body-last", "doubled-body-same-id"} - set(masked) <= {
        name for name in HOLES if name.startswith(("forged-", "wrapped-behind"))
    }
    assert all("a code of the content, which is served when it is signed" in case["reason"] for case in masked.values())
    assert _by_verdict(document, "fail") == {}
    assert document["run"]["exit_code"] == 3
