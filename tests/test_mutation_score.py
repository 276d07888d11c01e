"""The figure that travels with the package: measured of this version, on the faults that there are."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance import __version__
from conformance.contracts.loading import Spec, load_spec, service_ids
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


SPECS = [load_spec(name) for name in service_ids()]


def _row(killed: int, faults: int) -> dict[str, int]:
    return {"killed": killed, "faults": faults}


def _run(services: list[str], **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of results.json
    measured = {"a": _row(3, 4), "b": _row(5, 5)}
    score = {"services": measured, "date": "2026-11-26", "commit": "0123456789abcdef"}
    return {"services": services, "mutation_score": score | changes}


def test_words_tell_numbers_date_and_commit() -> None:
    """A report shows what was found in each service of the run, when, and of which commit."""
    words = "a 3 of 4 seeded faults found and rightly explained (2026-11-26, commit 0123456789)"
    assert mutation_score.in_words(_run(["a"])) == words
    assert mutation_score.in_words(_run(["a", "b"])).startswith("a 3 of 4, b 5 of 5 seeded faults found")
    assert mutation_score.in_words(_run(["a"], commit="")).endswith("(2026-11-26)")


def test_words_tell_what_was_not_measured() -> None:
    """Services on which nothing was measured are named, and no number of others is laid to them."""
    assert mutation_score.in_words(_run(["own", "a", "other"])).endswith("commit 0123456789); own, other not measured")
    assert mutation_score.in_words(_run(["own"])) == "not measured"
    assert mutation_score.in_words({"services": ["a"], "mutation_score": None}) == "not measured"


def test_score_is_that_of_the_services_of_a_run() -> None:
    """Of a run of one service the score holds that one alone, and its total is its own."""
    for spec in SPECS:
        score = mutation_score.score_of([spec])
        assert score is not None
        assert list(score["services"]) == [spec.contract.service]
        assert score["specs"] == {spec.contract.service: spec.contract.version}
        assert score["score"] == score["services"][spec.contract.service]
    whole = mutation_score.score_of(SPECS)
    assert whole is not None
    assert SCORE is not None
    assert whole["score"] == SCORE["score"]


def _other_version(spec: Spec) -> Spec:
    return replace(spec, contract=replace(spec.contract, version="99"))


def _own_folder(spec: Spec) -> Spec:
    return replace(spec, description=replace(spec.description, folder=Path("/somewhere/of/ones/own")))


def _own_service(spec: Spec) -> Spec:
    return replace(spec, contract=replace(spec.contract, service="my-service"))


@pytest.mark.parametrize("changed", [_other_version, _own_folder, _own_service])
def test_other_specs_are_not_measured(changed: Callable[[Spec], Spec]) -> None:
    """Another version of a cookbook, a spec folder of one's own, and a service of one's own have no score."""
    first, second, *_ = SPECS
    assert mutation_score.score_of([changed(first)]) is None
    score = mutation_score.score_of([changed(first), second])
    assert score is not None
    assert list(score["services"]) == [second.contract.service]


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


def test_nothing_of_another_version_counts_for_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the harness is not the one that was measured, no service has a score."""
    monkeypatch.setattr(mutation_score, "__version__", "99")
    assert mutation_score.score_of(SPECS) is None
