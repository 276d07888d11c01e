"""The figure that travels with the package: measured of this version, on the faults that there are."""

import json
from pathlib import Path

import pytest

from conformance import __version__
from conformance.contracts.loading import load_spec, service_ids
from conformance.reporting import mutation_score

SCORE = mutation_score.mutation_score()


def test_score_was_measured_of_this_version_and_of_every_fault() -> None:
    """Each service's faults are all in it; a new fault wants `benchmarks/mutation_score.py` to be run again."""
    assert SCORE is not None
    assert {name: row["faults"] for name, row in SCORE["services"].items()} == {
        name: len(load_spec(name).faults) for name in service_ids()
    }
    assert SCORE["score"]["faults"] == sum(row["faults"] for row in SCORE["services"].values())


def test_every_fault_is_killed() -> None:
    """Nothing survives and nothing is explained wrongly."""
    assert SCORE is not None
    assert SCORE["score"]["killed"] == SCORE["score"]["faults"]
    assert SCORE["score"]["score"] == 1.0


def test_words_tell_numbers_date_and_commit() -> None:
    """A report shows what was found, when, and of which commit."""
    score = {"score": {"killed": 3, "faults": 4}, "date": "2026-11-26", "commit": "0123456789abcdef"}
    words = "3 of 4 seeded faults found and rightly explained (2026-11-26, commit 0123456789)"
    assert mutation_score.in_words(score) == words
    assert mutation_score.in_words(score | {"commit": ""}).endswith("(2026-11-26)")
    assert mutation_score.in_words(None) == "not measured"


@pytest.mark.parametrize(
    ("text", "known"),
    [(json.dumps({"harness": __version__}), True), ('{"harness": "0"}', False), ("{", False), ("", False)],
)
def test_score_of_another_version_is_none(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    text: str,
    known: bool,  # noqa: FBT001 - a table's column
) -> None:
    """What was measured of another version, or cannot be read, says nothing."""
    path = tmp_path / "score.json"
    if text:
        path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(mutation_score, "report_file", lambda _: path)
    assert (mutation_score.mutation_score() is not None) is known
