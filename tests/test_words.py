"""Tests of small words that users meet on the terminal: what was meant, what there was, and what to do."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from conformance.catalogue.explaining import explain
from conformance.catalogue.listing import all_specs, find_fault
from conformance.cli import COMMANDS, console
from conformance.cli.progress import make_pace
from conformance.cli.run import _RunDisplay
from conformance.engine.events import CaseEnded, RunEnded, RunStarted
from conformance.engine.plan import Selection, make_plan
from conformance.formats.schemas import suggestion
from conformance.model.errors import UsageError
from conformance.target.reading import choose_services, load_target
from conformance.target.writing import is_of_a_mock, write_target
from tests.campaigns import run_campaign, served_platform, told
from tests.peers import hostile

SERVICE = "status-dashboard"
FAULT = "therapeutic-exclusion/faults/duplicate-accepted"


# ------------------------------------------------------------------------------------------------ names that are wrong


def _selection_problem(services: tuple[str, ...], selection: Selection) -> str:
    target = load_target("local")
    with pytest.raises(UsageError) as caught:
        make_plan(target, choose_services(target, services), selection)
    [problem] = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("selection", "what"),
    [
        (Selection(cases=(f"{SERVICE}/7.2/dashboard",)), f"the case '{SERVICE}/7.2/dashboard'"),
        (Selection(requirements=(f"{SERVICE}/5.3.1.2/item-id",)), f"the requirement '{SERVICE}/5.3.1.2/item-id'"),
    ],
)
def test_id_of_another_service_names_the_service(selection: Selection, what: str) -> None:
    """A case or requirement of a service that is not in the run is told with the service to add."""
    problem = _selection_problem(("therapeutic-exclusion",), selection)
    assert problem == f"{what} is none of this run: it belongs to {SERVICE}: add that service"


def test_slip_in_the_id_of_another_service_is_corrected() -> None:
    """The nearest id is looked for in the service that the id names, in the run or not."""
    problem = _selection_problem(("therapeutic-exclusion",), Selection(cases=(f"{SERVICE}/7.2/dashbord",)))
    assert problem.endswith(f"did you mean '{SERVICE}/7.2/dashboard'?")


def test_id_of_nobody_is_not_answered_with_hundreds() -> None:
    """Where nothing is near, a list that nobody reads is left out."""
    problem = _selection_problem((), Selection(cases=("xyz",)))
    assert problem.startswith("there is no case 'xyz'; ")
    assert len(problem) < 120


def test_short_lists_are_still_shown() -> None:
    """A few names are worth showing."""
    assert suggestion("xyz", ("one", "two")) == "; known are: one, two"


# ------------------------------------------------------------------------------------------------------------- faults


def test_short_form_of_a_fault_is_enough() -> None:
    """The part after faults/ finds the fault, as the whole id does."""
    assert find_fault("duplicate-accepted") is find_fault(FAULT)


def test_fault_of_another_service_names_the_service() -> None:
    """Where services are named, a fault is one of theirs, and another one is told with its service."""
    for name in (FAULT, "duplicate-accepted"):
        assert find_fault(name, ["therapeutic-exclusion"]).id == FAULT
        with pytest.raises(UsageError, match="belongs to therapeutic-exclusion: add that service"):
            find_fault(name, [SERVICE])


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (("run", "--kind", "postive"), "positive"),
        (("list", "caces"), "cases"),
        (("list", "cases", "--kind", "statefull"), "stateful"),
        (("list", "cases", "--format", "jsn"), "json"),
    ],
)
def test_word_that_is_none_of_a_choice_gets_the_nearest(tmp_path: Path, arguments: tuple[str, ...], near: str) -> None:
    """All words are named, and the one that was probably meant."""
    done = told(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert f"did you mean {near!r}?" in done.stderr


def test_short_form_of_several_faults_names_them_all() -> None:
    """A part that several services have is told with the ids that it may be."""
    ids = [identifier for spec in all_specs() for identifier in spec.faults]
    shorts = [identifier.partition("/faults/")[2] for identifier in ids]
    doubled = next(short for short in shorts if shorts.count(short) > 1)
    with pytest.raises(UsageError, match=f"may be .*/faults/{doubled} or .*/faults/{doubled}"):
        find_fault(doubled)


@pytest.mark.parametrize(
    ("name", "meant"), [("duplicate-acepted", "duplicate-accepted"), ("therapeutic/faults/duplicate-accepted", FAULT)]
)
@pytest.mark.parametrize("command", ["mock", "selftest"])
def test_slip_in_a_fault_is_corrected(tmp_path: Path, command: str, name: str, meant: str) -> None:
    """Both commands that take a fault say which one may be meant, in the form that was written."""
    done = told(command, "--fault", name, cwd=tmp_path)
    assert done.returncode == 2
    assert f"there is no fault '{name}'; did you mean '{meant}'?" in done.stderr


def test_fault_is_explained_with_both_commands() -> None:
    """A reader learns how to see a fault found, and how to have it served to tools of his own."""
    text = explain(FAULT)
    assert f"ehealth-conformance selftest --fault {FAULT}" in text
    assert f"ehealth-conformance mock --fault {FAULT}" in text


# --------------------------------------------------------------------------------------------------- progress of a run


def _ended(number: int, verdict: str, reason: str = "") -> CaseEnded:
    return CaseEnded(f"s/1/{number}", "s", verdict, reason, 0.0)


def _alarms(ends: Sequence[CaseEnded], capfd: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines that a run's progress prints on cases that did not pass."""
    display = _RunDisplay(make_pace({}, None))
    display(RunStarted("r", "t", "local", ("s",), len(ends)))
    for end in ends:
        display(end)
    display(RunEnded("r", 3, interrupted=False))
    lines = capfd.readouterr().err.splitlines()
    return [re.sub(" +", " ", line) for line in lines if not re.fullmatch(r"\d+ of \d+ cases", line)]


def test_undecided_cases_of_one_reason_are_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    """Of a service that cannot be reached one line says how many cases are undecided, and why."""
    ends = [_ended(number, "inconclusive", "no connection to [::1]:1") for number in range(101)]
    assert _alarms(ends, capfd) == ["inconclusive s/1/0 and 100 more: no connection to [::1]:1"]


def test_other_reasons_and_verdicts_have_their_own_lines(capfd: pytest.CaptureFixture[str]) -> None:
    """Another reason, a failure or a pass ends a line; cases that are not run do not."""
    ends = [
        _ended(0, "inconclusive", "a"),
        _ended(1, "not_run", "off"),
        _ended(2, "inconclusive", "a"),
        _ended(3, "inconclusive", "b"),
        _ended(4, "fail", "b"),
        _ended(5, "inconclusive", "b"),
        _ended(6, "pass"),
        _ended(7, "inconclusive", "b"),
    ]
    assert _alarms(ends, capfd) == [
        "inconclusive s/1/0 and 1 more: a",
        "inconclusive s/1/3",
        "fail s/1/4",
        "inconclusive s/1/5",
        "inconclusive s/1/7",
    ]


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [("refused", "no connection to "), ("status-word", "the answer breaks HTTP: ")],
    ids=["nothing", "something unreadable"],
)
def test_given_up_service_is_told_by_what_there_was(tmp_path: Path, behaviour: str, words: str) -> None:
    """Cases that are not sent say what there was in the place of an answer."""
    with hostile.serve(behaviour) as address:
        document = run_campaign(tmp_path, SERVICE, address, limits={"timeout": 30.0})
    [reason] = {case["reason"] for case in document["cases"] if case["reason"].startswith("not sent: ")}
    assert "3 cases before it had no answer that can be read from http" in reason
    assert words in reason


def test_unreadable_answer_is_quoted_as_text(tmp_path: Path) -> None:
    """What breaks HTTP is shown as it came, and not as Python writes bytes."""
    selection = Selection(cases=(f"{SERVICE}/7.2/dashboard",))
    with hostile.serve("status-word") as address:
        document = run_campaign(tmp_path, SERVICE, address, limits={"timeout": 30.0}, selection=selection)
    [reason] = {case["reason"] for case in document["cases"] if case["verdict"] == "inconclusive"}
    assert "the answer breaks HTTP: illegal status line: '" in reason
    assert "bytearray" not in reason


# ------------------------------------------------------------------------------------------------ a mock that has ended


def test_target_of_a_mock_that_has_ended_says_so_once(tmp_path: Path) -> None:
    """Six key stores that are gone are one line, with what to do."""
    with served_platform(tmp_path, ["dossier-number-generation"]) as file:
        assert is_of_a_mock(file)
    done = told("run", "--target", file, cwd=tmp_path)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "the mock that wrote this file has ended: start it again" in line


def test_target_of_a_mock_that_has_ended_serves_where_no_key_store_is_needed(tmp_path: Path) -> None:
    """A service without key stores is asked all the same: another mock may stand at the address now."""
    with served_platform(tmp_path, [SERVICE, "dossier-number-generation"]) as file:
        pass
    done = told("run", SERVICE, "--target", file, cwd=tmp_path)
    assert done.returncode == 3
    assert "Connection refused" in done.stdout


def test_target_of_ones_own_names_each_file_that_is_missing(tmp_path: Path) -> None:
    """What no mock has written is told path by path."""
    with served_platform(tmp_path, ["dossier-number-generation"]) as file:
        text = file.read_text("utf-8").partition("\n")[2]
    own = tmp_path / "own.yaml"
    write_target(own, text)
    assert not is_of_a_mock(own)
    assert not is_of_a_mock(tmp_path / "nowhere.yaml")
    assert not is_of_a_mock(None)
    done = told("run", "--target", own, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("there is no such file") > 1


# --------------------------------------------------------------------------------------------------------------- help


def test_summaries_of_commands_fit_into_a_line() -> None:
    """The list of commands is one line a command on a terminal of 80 columns, and nothing is cut."""
    widest = max(len(entry.name) for entry in COMMANDS)
    assert [entry.help for entry in COMMANDS if len(entry.help) > 80 - widest - 4] == []
    assert not [entry.help for entry in COMMANDS if entry.help.endswith("...")]


@pytest.mark.parametrize("text", ["\\[/x]", "[bold]", "a\\", "\\\\[link=x]", "[/]", ":hospital:", "x[0]\\[1]\\"])
def test_foreign_text_is_printed_as_it_is(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever brackets, backslashes and colons a text has, rich takes none of them for markup or a picture."""
    console.standard_output.cache_clear()
    console.print_line(console.Styled(text, "bold"), " and ", console.Styled("more", "red"))
    console.standard_output.cache_clear()
    assert capsys.readouterr().out == f"{text} and more\n"
