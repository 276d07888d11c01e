"""SSINs at the boundaries of their rules: what they are, and what is made of a service that refuses them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from conformance.contracts.loading import load_spec
from conformance.engine.execution import CaseExecution
from conformance.identifiers.reading import parse_person_number, person_kind
from conformance.identifiers.rules import check
from conformance.mock.platform import LocalPlatform
from conformance.model.errors import MissingDataError
from conformance.model.fault import read_fault
from suites.therapeutic_exclusion_births import BIRTHS, ORDINARY, play_births
from tests.campaigns import run_suite

SERVICE = "therapeutic-exclusion"
REFUSED = '[{"code": "VAL006", "message": "Invalid hcparty id"}]'
KNOWN = "90010199794"
UNKNOWN = r"(?!90010199794|85061599690)\d{11}"


def birth(folder: Path, **fault: object) -> tuple[str, set[str], str]:
    """Run the case against the local platform with a fault; return verdict, requirements broken and reason."""
    row = {"id": f"{SERVICE}/faults/test", "breaks": "something", "requirements": [f"{SERVICE}/8.1.3/valid-ssin"]}
    with LocalPlatform((load_spec(SERVICE),), fault=read_fault(row | fault)) as platform:
        document = run_suite(folder, SERVICE, platform.settings(SERVICE), cases=(f"{SERVICE}/8.1.3/births",))
    (case,) = [one for one in document["cases"] if one["exchanges"]]
    broken = {row["requirement"].partition("/")[2] for row in case["findings"] if row["severity"] == "violation"}
    return case["verdict"], broken, case["reason"]


def test_numbers_are_valid_and_at_the_boundaries() -> None:
    """Each is valid; together they have leap days, both centuries, the ends of a day's sequence, and BIS numbers."""
    numbers = [one.ssin for one in BIRTHS]
    assert ORDINARY not in numbers
    assert len(set(numbers)) == len(numbers)
    assert [number for number in [ORDINARY, *numbers] if check(person_kind(number), number)] == []
    people = [parse_person_number(number) for number in numbers]
    assert {one.year for one in people if (one.month, one.day) == (2, 29)} >= {1904, 1996, 2000, 2004}
    assert {(1999, 12, 31), (2000, 1, 1)} <= {(one.year, one.month, one.day) for one in people}
    assert {1, 998} <= {one.sequence for one in people}
    assert {number[2] for number in numbers} >= {"0", "1", "2", "4"}
    assert {"0", "97"} <= {number[-2] for number in numbers} | {number[-2:] for number in numbers}


def test_they_are_sent_to_local_targets_only() -> None:
    """Identities are made up only where the environment is local."""
    elsewhere = SimpleNamespace(session=SimpleNamespace(target=SimpleNamespace(local=False)))
    with pytest.raises(MissingDataError, match="local"):
        play_births(cast("CaseExecution", elsewhere))


@pytest.mark.parametrize(
    ("fault", "broken"),
    [
        pytest.param(
            {
                "when": {"operation": ["getExclusions"], "query": {"hcPartySsin": r"\d\d0229\d+"}},
                "ask": {"status": 400, "body": REFUSED},
            },
            {"8.1.3/valid-ssin"},
            id="leap-days-refused",
        ),
        pytest.param(
            {
                "when": {"operation": ["getHistory"], "path": r"/histories/\d\d0229\d+"},
                "answer": {"replace": {"text": r"\]$", "by": ',{"code": "VAL002", "message": "Invalid inss"}]'}},
            },
            {"8.1.3/valid-ssin"},
            id="one-code-of-two-tells-invalid",
        ),
        pytest.param(
            {
                "when": {"operation": ["getExclusions"], "query": {"hcPartySsin": ".*"}, "every": 7},
                "ask": {"status": 400, "body": REFUSED},
            },
            {"5.5/not-found"},
            id="not-on-every-request",
        ),
        pytest.param(
            {
                "when": {"operation": ["revokeExclusion"], "query": {"patientSsin": KNOWN, "hcPartySsin": UNKNOWN}},
                "ask": {"status": 500},
            },
            {"5.4/not-found"},
            id="ordinary-number-broken",
        ),
        pytest.param(
            {
                "when": {"operation": ["declareExclusion"], "body": r'"value": "\d\d4'},
                "ask": {"status": 201},
            },
            {"8.1.3/biz003"},
            id="a-stranger-served",
        ),
    ],
)
def test_refusal_is_laid_to_what_it_is_due_to(tmp_path: Path, fault: dict[str, Any], broken: set[str]) -> None:
    """Only what an ordinary number is spared, each time, is laid to the number."""
    verdict, found, _ = birth(tmp_path, **fault)
    assert (verdict, found) == ("fail", broken)


def test_service_that_refuses_whom_it_does_not_know_is_no_subject(tmp_path: Path) -> None:
    """Where an ordinary made-up number is refused as invalid, nothing can be told of the others."""
    fault = {"when": {"target": f".*{UNKNOWN}.*"}, "ask": {"status": 400, "body": REFUSED}}
    verdict, found, _ = birth(tmp_path, **fault)
    assert (verdict, found) == ("pass", set())
    (tmp_path / "both").mkdir()
    every = {"when": {"token": ["citizen"]}, "ask": {"status": 400, "body": REFUSED}}
    verdict, found, reason = birth(tmp_path / "both", **every)
    assert (verdict, found) == ("not_applicable", set())
    assert "cannot be told" in reason
