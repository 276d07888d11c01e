"""The selftest: what it counts as found, what as wrongly explained, and what its command prints and returns."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.catalogue.listing import find_fault
from conformance.contracts.loading import load_spec
from conformance.model.fault import Answer, Ask, Fault, FaultConsequence
from conformance.plugin.session import Outcome
from conformance.selftest import mutants, selftest
from conformance.selftest.mutants import Mutant, MutantResult, MutantStatus
from conformance.selftest.selftest import SelftestSettings, examine, mutants_of, selftest_document

SERVICE = "status-dashboard"
REQUIREMENT = f"{SERVICE}/5.3.1.2/item-status-code"
FAULT = next(fault for fault in load_spec(SERVICE).faults.values() if fault.requirements == (REQUIREMENT,))
SETTINGS = SelftestSettings(examples=2)


def seeded(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Mutant:  # noqa: ANN401 - a fault's own fields
    """Make the catalogue know one fault, changed as a test wants it, and return what is to be examined."""
    fault = replace(FAULT, **changes)
    monkeypatch.setattr(selftest, "find_fault", lambda _: fault)
    return Mutant(SERVICE, fault.id)


def test_fault_is_killed_by_a_finding_that_names_its_requirement(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cases about the requirement come first, and the first right finding ends the run."""
    found = examine(seeded(monkeypatch), SETTINGS)
    assert (found.status, found.others) == (MutantStatus.KILLED, ())
    assert found.found.startswith(REQUIREMENT)
    assert found.cases == 1


def test_finding_that_names_another_requirement_is_a_wrong_explanation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that is noticed for another reason is not understood, and the whole suite was tried."""
    other = f"{SERVICE}/5.3.1.2/item-description"
    found = examine(seeded(monkeypatch, requirements=(other,)), SETTINGS)
    assert (found.status, found.others) == (MutantStatus.MISEXPLAINED, (REQUIREMENT,))
    assert found.cases == len(load_spec(SERVICE).cases)


def test_fault_that_nothing_finds_survives(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change that breaks nothing is found by nothing."""
    harmless = find_fault(FAULT.id).answer.__class__(headers={"X-Other": "1"})
    found = examine(seeded(monkeypatch, answer=harmless), SETTINGS)
    assert found.status is MutantStatus.SURVIVED


def test_finding_has_to_weigh_as_much_as_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    """A violation explains a fault of which a warning is expected; an undecided case is no finding."""
    assert examine(seeded(monkeypatch, expected=FaultConsequence.WARNING), SETTINGS).status is MutantStatus.KILLED
    assert (
        examine(seeded(monkeypatch, expected=FaultConsequence.INCONCLUSIVE), SETTINGS).status is not MutantStatus.KILLED
    )


def test_observation_that_is_made_without_the_fault_too_kills_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the faultless platform is told as well says nothing of a fault."""
    service = "incidents-interventions"
    plain = next(one for one in load_spec(service).faults.values() if one.expected is FaultConsequence.OBSERVATION)
    subject = Mutant(service)
    told = _told(subject)
    assert told, "the faultless platform gives rise to no observation any more"
    requirement = min(told)[0]
    harmless = replace(plain, requirements=(requirement,), ask=Ask(), answer=Answer(headers={"X-Other": "1"}))
    monkeypatch.setattr(selftest, "find_fault", lambda _: harmless)
    assert examine(Mutant(service, harmless.id), SETTINGS).status is MutantStatus.SURVIVED


def test_faultless_platform_raises_no_alarm() -> None:
    """The control runs the whole suite."""
    found = examine(Mutant(SERVICE), SETTINGS)
    assert (found.status, found.cases) == (MutantStatus.CLEAN, len(load_spec(SERVICE).cases))


def test_alarm_without_a_fault_is_a_false_one() -> None:
    """A control that finds something is an alarm, and so is one that cannot decide."""
    for verdict, findings in (("fail", [_finding()]), ("inconclusive", [])):
        hunt = mutants.MutantRun(None)
        hunt.look({"id": "a", "verdict": verdict, "reason": "why", "requirements": [], "findings": findings})
        assert hunt.verdict(Mutant(SERVICE)).status is MutantStatus.ALARMED


def test_run_that_breaks_down_is_an_error_and_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the harness itself did wrong kills nothing."""
    monkeypatch.setattr(selftest, "run_suites", lambda *_, **__: Outcome(None, ["broken"]))
    found = examine(Mutant(SERVICE), SETTINGS)
    assert (found.status, found.found) == (MutantStatus.ERRED, "broken")


def test_run_folder_is_kept_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Kept run folders bear the fault's name and hold a run's usual files."""
    examine(seeded(monkeypatch), replace(SETTINGS, keep=str(tmp_path / "kept")))
    (folder,) = (tmp_path / "kept").iterdir()
    assert folder.name == FAULT.id.replace("/", ".")
    assert {"results.json", "exchanges.jsonl"} <= {path.name for path in folder.iterdir()}


def test_document_counts_by_service_and_in_all() -> None:
    """The score is what was killed of all faults; controls do not count."""
    first, second = Fault("a/faults/x", "x", ("a/1/r",)), Fault("b/faults/y", "y", ("b/1/r",))
    subjects = mutants_of([first, second], ["a"])
    fates = (MutantStatus.CLEAN, MutantStatus.KILLED, MutantStatus.SURVIVED)
    document = selftest_document(
        [MutantResult(one, status) for one, status in zip(subjects, fates, strict=True)], SETTINGS, 1.0
    )
    assert [one["fate"] for one in document["controls"]] == ["no false alarm"]
    assert document["score"] == {
        "faults": 2,
        "killed": 1,
        "survived": 1,
        "wrongly_explained": 0,
        "erred": 0,
        "score": 0.5,
    }
    assert document["services"]["a"]["score"] == 1.0


def selftest_command(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    command = [sys.executable, "-m", "conformance", "selftest", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=900, check=False)


def test_command_prints_the_score_and_writes_what_became_of_each(tmp_path: Path) -> None:
    """Killed faults end with 0; the JSON says by which case each was found."""
    done = selftest_command("--fault", FAULT.id, "--json", "found.json", cwd=tmp_path)
    assert (done.returncode, "mutation score 100.0%" in done.stdout) == (0, True), done.stdout + done.stderr
    (row,) = json.loads((tmp_path / "found.json").read_text("utf-8"))["faults"]
    assert (row["id"], row["fate"]) == (FAULT.id, "killed")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fault", "status-dashboard/faults/nonsense"], "there is no fault"),
        (["nonsense"], "nonsense"),
        (["--fault", FAULT.id, "--keep", "."], "exists already"),
        (["--fault", FAULT.id, "--keep", "/proc/kept"], "no folder can be made here"),
        (["--fault", FAULT.id, "--json", "nowhere/found.json"], "no file can be written here"),
        (["--fault", FAULT.id, "--json", "."], "no file can be written here"),
    ],
)
def test_wrong_input_ends_with_2(tmp_path: Path, arguments: list[str], message: str) -> None:
    """What does not exist is told before anything runs."""
    done = selftest_command(*arguments, cwd=tmp_path)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr


def _told(subject: Mutant) -> set[tuple[str, str]]:
    """Return the requirements and messages of what the faultless platform is told."""
    hunt = mutants.MutantRun(None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selftest, "MutantRun", lambda *_: hunt)
        examine(subject, SETTINGS)
    return hunt.seen


def _finding() -> Mapping[str, str]:
    return {"requirement": REQUIREMENT, "severity": "violation", "message": "wrong"}
