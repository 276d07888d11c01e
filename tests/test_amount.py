"""What a run is expected to send is what it sends, and an undecided run ends with what a review says of its target."""

from pathlib import Path

import pytest

from conformance.engine.plan import Selection, make_plan
from conformance.formats import documents
from conformance.review.amount import Amount, planned_amount
from conformance.target.reading import choose_services, load_target
from tests.campaigns import run_campaign, run_suite, told

NEAR = 0.15
"""Share of the real number by which an estimate may be wrong."""


def _expected(service: str, examples: int) -> int:
    target = load_target("local")
    return planned_amount(make_plan(target, choose_services(target, (service,)), Selection(), examples=examples)).total


@pytest.mark.parametrize("examples", [3, 8])
@pytest.mark.parametrize("service", ["status-dashboard", "incidents-interventions"])
def test_small_runs_send_what_was_expected(tmp_path: Path, service: str, examples: int) -> None:
    """A run against the local platform sends the requests that were announced, properties' examples as they are."""
    document = run_campaign(tmp_path, service, None, examples=examples)
    sent = document["summary"]["exchanges"]
    assert _expected(service, examples) == pytest.approx(sent, rel=NEAR)


@pytest.mark.whole_run
@pytest.mark.parametrize("service", ["therapeutic-exclusion", "dossier-number-generation"])
def test_large_runs_send_what_was_expected(tmp_path: Path, service: str) -> None:
    """The same of services with sequences, callers and mutations."""
    document = run_suite(tmp_path, service, {}, examples=8)
    sent = document["summary"]["exchanges"]
    assert _expected(service, 8) == pytest.approx(sent, rel=NEAR)


def test_amount_says_how_long_it_takes_at_the_rate() -> None:
    """The target's rate is what a run's length depends on."""
    assert Amount({"a": 200, "b": 100}, 2).words == "about 300 requests: 2 minutes at 2 a second"
    assert Amount({"a": 1}, None).words == "about 1 request"


def _target(folder: Path, **values: object) -> Path:
    file = folder / "target.yaml"
    services = {"status-dashboard": {"base_url": "http://127.0.0.1:9/api/v1"}}
    file.write_text(documents.dump({"name": "x", "environment": "local", "services": services, **values}), "utf-8")
    return file


def test_what_is_left_out_by_the_target_is_not_counted(tmp_path: Path) -> None:
    """Intrusive cases that a target does not allow are no requests."""
    every, plain = (
        planned_amount(make_plan(target, choose_services(target, ()), Selection()))
        for target in (load_target(str(_target(tmp_path, intrusive=value))) for value in (True, False))
    )
    assert plain.total < every.total


def test_undecided_run_ends_with_a_remedy(tmp_path: Path) -> None:
    """A service that cannot be reached is told with what to do, above the exit code."""
    done = told("run", "--target", _target(tmp_path), cwd=tmp_path)
    assert done.returncode == 3
    *_, review, remedy, ending = done.stdout.splitlines()
    assert review.startswith("review: status-dashboard: no connection to 127.0.0.1:9")
    assert remedy.strip() == "remedy: check host and port, and that the service is up"
    assert ending.startswith("exit 3: ")


def test_run_says_what_it_sends_and_how_long_it_took(tmp_path: Path) -> None:
    """The head of a run announces its requests, and the summary ends with the time on the wall."""
    done = told("run", "status-dashboard", "--case", "status-dashboard/7.2/dashboard", cwd=tmp_path)
    assert "to send: about 1 request\n" in done.stdout
    [counts] = [line for line in done.stdout.splitlines() if line.startswith("1 exchange, ")]
    assert counts.endswith(" s")
