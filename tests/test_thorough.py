"""The option --thorough: which cases it adds, to which targets, and what is said where it is not given."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from conformance.catalogue.listing import all_faults
from conformance.contracts.loading import load_spec
from conformance.engine.plan import Selection, make_plan
from conformance.formats.documents import dump
from conformance.model.errors import UsageError
from conformance.selftest.mutants import Mutant
from conformance.selftest.selftest import is_thorough
from conformance.target.reading import choose_services, load_target
from tests.campaigns import run_suite

SERVICE = "therapeutic-exclusion"
LONG = f"{SERVICE}/5.6/long-history"
ELSEWHERE = {
    "name": "elsewhere",
    "environment": "acceptance",
    "identity": {"user_agent": "product/1 connector/1", "from": "info@example.org"},
    "services": {"status-dashboard": {"base_url": "https://127.0.0.1:9/api/v1"}},
}


def test_case_of_thousands_of_requests_says_why_it_is_not_run(tmp_path: Path) -> None:
    """Without the option it is left out with the reason, and nothing is sent."""
    document = run_suite(tmp_path, SERVICE, {}, cases=(LONG,))
    (case,) = [case for case in document["cases"] if case["id"] == LONG]
    assert (case["verdict"], case["exchanges"]) == ("not_run", [])
    assert "--thorough" in case["reason"]


def test_plan_against_a_local_target_is_thorough() -> None:
    """The option becomes a part of the plan."""
    target = load_target("local")
    services = choose_services(target, (SERVICE,))
    assert make_plan(target, services, Selection(), thorough=True).thorough
    assert not make_plan(target, services, Selection()).thorough


def test_thousands_of_requests_are_sent_to_local_targets_only(tmp_path: Path) -> None:
    """Elsewhere the option is wrong input: one line that says why and what to do, before any request."""
    file = tmp_path / "target.yaml"
    file.write_text(dump(ELSEWHERE), encoding="utf-8")
    target = load_target(str(file))
    with pytest.raises(UsageError, match=r"for local targets only; 'elsewhere'.*leave the option out"):
        make_plan(target, choose_services(target, ()), Selection(), thorough=True)


def test_command_ends_with_2_where_the_target_is_elsewhere(tmp_path: Path) -> None:
    """Nothing is sent, and no run folder is made."""
    from conformance.cli import main  # noqa: PLC0415 - loads the command line

    file = tmp_path / "target.yaml"
    file.write_text(dump(ELSEWHERE), encoding="utf-8")
    arguments = ["run", "--thorough", "--target", str(file), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_selftest_is_thorough_where_a_fault_wants_it() -> None:
    """Such faults are found by such cases alone; the faultless platform meets these cases, too."""
    faults = {fault.id: fault for fault in all_faults((SERVICE,))}
    wanting = faults[f"{SERVICE}/faults/history-without-limit"]
    other = faults[f"{SERVICE}/faults/declared-with-200"]
    assert is_thorough(Mutant(SERVICE, wanting.id), wanting)
    assert not is_thorough(Mutant(SERVICE, other.id), other)
    assert is_thorough(Mutant(SERVICE), None)
    assert not is_thorough(Mutant("status-dashboard"), None)


def test_thorough_cases_are_those_on_limits() -> None:
    """A limit that takes hundreds of requests or more is no part of a usual run."""
    thorough = {case.id for case in load_spec(SERVICE).cases.values() if case.thorough}
    assert thorough == {LONG, f"{SERVICE}/2.1/hundred-parties"}
