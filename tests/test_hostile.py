"""A whole run against hostile peers: a clear verdict in time, no traceback, bounded memory, evidence of what came."""

import json
import time
import tracemalloc
from pathlib import Path

import pytest

from conformance.engine.plan import Selection
from conformance.evidence.store import read_exchanges
from conformance.traffic.body import LARGEST_BODY
from tests.campaigns import run_campaign
from tests.peers import hostile

SERVICE = "status-dashboard"
CASE = "status-dashboard/7.2/dashboard"
TIMEOUT = 1.0
"""Seconds an exchange may take where only this limit ends it; a busy machine reaches it in no other state."""
AMPLE = 30.0
"""Seconds an exchange may take where the peer ends it: no machine is so slow, and nobody waits for them."""
STUCK = 120.0
"""Seconds after which a run that should have ended was not ended by its limits; wide, for a busy machine."""
HARMLESS = {
    "accept-slow",
    "reset-on-reuse",
    "close-on-reuse",
    "answer-before-request",
    "extra-answer",
    "charset-unknown",
    "utf-8-mark",
    "surrogate",
    "terminal-escapes",
    "number-overflow",
    "number-long",
    "exponent-long",
    "duplicate-members",
    "member-name-long",
    "members-many",
    "length-and-chunks",
    "continue-then-good",
    "http-9-9",
    "header-8-bit",
    "header-folded",
    "line-feeds",
}
"""Behaviours that are odd, but leave an answer that can be judged as a dashboard."""
OVERTAKING = {"answer-before-request"}
"""Those among them whose reset may come before the answer has been read; then none is left."""


@pytest.mark.parametrize("name", sorted(hostile.BEHAVIOURS))
def test_hostile_peer_ends_in_a_clear_verdict(tmp_path: Path, name: str) -> None:
    """Whatever the peer does, the case ends in time without an error of the harness, and says why."""
    began = time.monotonic()
    limit = TIMEOUT if name in hostile.ENDED_BY_TIME else AMPLE
    with hostile.serve(name) as address:
        document = run_campaign(
            tmp_path, SERVICE, address, limits={"timeout": limit}, selection=Selection(cases=(CASE,))
        )
    case = next(case for case in document["cases"] if case["id"] == CASE)
    allowed = {"pass"} if name in HARMLESS else {"inconclusive", "fail"}
    assert case["verdict"] in (allowed | {"inconclusive"} if name in OVERTAKING else allowed)
    assert case["reason"] or case["verdict"] == "pass"
    assert time.monotonic() - began < STUCK
    rows = list(read_exchanges(tmp_path / "run"))
    assert [row["id"] for row in rows] == case["exchanges"]
    for row in rows:
        assert "response" in row or row["failure"]["message"]
        if "response" in row:
            kept = row["response"]["body"]
            assert len(kept.get("text", "")) <= LARGEST_BODY
            assert len(row["response"]["sha256"]) == 64
    assert "Traceback" not in json.dumps(document)


@pytest.mark.parametrize("name", ["gigabyte", "gzip-bomb", "gzip-members-endless", "header-64-megabytes"])
def test_memory_stays_bounded(tmp_path: Path, name: str) -> None:
    """What a peer floods us with is not kept: memory stays far below it."""
    tracemalloc.start()
    try:
        with hostile.serve(name) as address:
            run_campaign(tmp_path, SERVICE, address, limits={"timeout": 2}, selection=Selection(cases=(CASE,)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * LARGEST_BODY


@pytest.mark.parametrize("name", sorted(name for name in hostile.BEHAVIOURS if name.startswith("redirect-elsewhere")))
def test_redirect_elsewhere_is_never_followed(tmp_path: Path, name: str) -> None:
    """No request ever reaches the host that a redirect names."""
    with hostile.serve(name) as address:
        run_campaign(tmp_path, SERVICE, address, limits={"timeout": AMPLE}, examples=2)
        assert hostile.elsewhere_requests(address) == 0


def test_silent_target_is_given_up_soon(tmp_path: Path) -> None:
    """After three cases without any answer the others are not sent, and say so."""
    began = time.monotonic()
    with hostile.serve("hang") as address:
        document = run_campaign(tmp_path, SERVICE, address, limits={"timeout": 0.3})
    assert time.monotonic() - began < STUCK
    assert document["run"]["exit_code"] == 3
    assert document["summary"]["exchanges"] == 3
    assert any("3 cases before it had no answer" in case["reason"] for case in document["cases"])
