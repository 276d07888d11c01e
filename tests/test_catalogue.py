"""Tests of what the harness knows, as rows for `list` and texts for `explain`."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.catalogue.explaining import explain
from conformance.catalogue.filters import Filters, Row, Value
from conformance.catalogue.listing import all_specs, rows, verifying
from conformance.catalogue.topics import TOPICS
from conformance.cli import console
from conformance.contracts.loading import load_spec
from conformance.model.errors import UsageError
from tests.campaigns import run_campaign, told

SERVICE = "status-dashboard"
SPEC = load_spec(SERVICE)
IDS = [
    *(spec.contract.service for spec in all_specs()),
    *(name for spec in all_specs() for name in (*spec.contract.requirements, *spec.contract.errata, *spec.cases)),
]


def _row(topic: str, name: str, folder: Path = Path()) -> dict[str, Value]:
    return next(row for row in rows(topic, folder) if row["id"] == name)


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if topic != "runs"])
def test_rows_of_a_topic_have_the_same_columns_and_an_id_each(topic: str) -> None:
    """Every topic is a table, one row for each thing known, none twice."""
    found = rows(topic, Path())
    assert found
    assert len({tuple(row) for row in found}) == 1
    ids = [row["id"] for row in found]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if topic != "runs"])
def test_values_of_a_column_have_one_type(topic: str) -> None:
    """A column holds texts, numbers, booleans or arrays of texts, in every row the same."""
    found = rows(topic, Path())
    for column in found[0]:
        assert len({type(row[column]) for row in found}) == 1, column


def test_service_is_listed_with_its_numbers() -> None:
    """A service's row counts its cases and requirements and says where it stands."""
    row = _row("services", SERVICE)
    assert (row["version"], row["protocol"]) == ("1.4", "rest")
    assert (row["cases"], row["requirements"]) == (len(SPEC.cases), len(SPEC.contract.requirements))
    assert row["environments"] == ("production", "simulation")


def test_case_is_listed_with_its_kind_and_requirements() -> None:
    """A case's row says what it is, where it comes from and what it verifies."""
    row = _row("cases", "status-dashboard/8/long-query")
    assert (row["kind"], row["intrusive"], row["origin"]) == ("property", True, "beyond the cookbook")
    assert row["requirements"] == ("status-dashboard/8/http-codes",)
    assert _row("cases", "status-dashboard/7.2/dashboard")["intrusive"] is False


def test_requirement_is_listed_with_its_cases_or_the_reason_for_none() -> None:
    """A requirement's row has either a number of cases or a reason."""
    own = [row for row in rows("requirements", Path()) if str(row["id"]).startswith(SERVICE)]
    for row in own:
        assert (row["cases"] == 0) is bool(row["untested"]), row["id"]
    row = _row("requirements", "status-dashboard/5.3.1.2/item-id")
    assert (row["level"], row["binds"]) == ("MUST", "server")
    assert isinstance(row["cases"], int)
    assert row["cases"] > 1


def test_erratum_is_listed_with_its_reading() -> None:
    """An erratum's row says what is printed, how it is read, what else is accepted and why."""
    row = _row("errata", "status-dashboard/5.3.1.2/order")
    assert all(row.values())
    assert isinstance(row["accepted"], tuple)
    assert len(row["accepted"]) > 1


def test_runs_of_a_folder_are_listed(tmp_path: Path) -> None:
    """A run's row says when it was, what it tested, and how it ended; a folder without results is none."""
    (tmp_path / "broken").mkdir()
    assert rows("runs", tmp_path) == []
    document = run_campaign(tmp_path, SERVICE, None, examples=1)
    [row] = rows("runs", tmp_path)
    assert (row["id"], row["target"], row["services"]) == ("run", "test", (SERVICE,))
    assert (row["pass"], row["fail"], row["exit_code"]) == (document["summary"]["pass"], 0, 0)
    assert row["started"] == document["run"]["started"]
    assert row["report"] == str(tmp_path / "run" / "report.html")


def test_results_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """A run folder whose results are damaged is left out, and told by its file."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "results.json").write_text('{"run": 1}', encoding="utf-8")
    lines: list[str] = []
    assert rows("runs", tmp_path, tell=lines.append) == []
    [line] = lines
    assert "not the results of a run" in line
    assert "left out" in line


def test_damaged_run_is_told_and_the_others_are_listed(tmp_path: Path) -> None:
    """One folder that cannot be read hides no other."""
    run_campaign(tmp_path, SERVICE, None, examples=1)
    for name, text in (
        ("a", "{"),
        ("z", '{"schema": "ehealth-conformance/results/1", "run": {"target": {}}, "cases": []}'),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(text, encoding="utf-8")
    told: list[str] = []
    [row] = rows("runs", tmp_path, tell=told.append)
    assert row["id"] == "run"
    assert len(told) == 2
    assert all("not the results of a run" in line and "\n" not in line for line in told)


def test_folder_that_is_not_there_has_no_runs(tmp_path: Path) -> None:
    """Looking for runs where there is nothing finds none."""
    assert rows("runs", tmp_path / "nowhere") == []


@pytest.mark.parametrize("name", IDS)
def test_everything_with_an_id_can_be_explained(name: str) -> None:
    """Every service, requirement, erratum and case has a text that begins with what it is."""
    text = explain(name)
    assert text.partition(" ")[0] in ("service", "requirement", "erratum", "case")
    assert name in text.splitlines()[0]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (SERVICE, ["cookbook", "1.4", "GET /dashboard/int", "https://status-sim.ehealthplatform.info/api/v1"]),
        (
            "status-dashboard/5.3.1.2/item-status-code",
            [
                "MUST for the server",
                "printed: indicative",
                "section 5.3.1.2",
                "verified by status-dashboard/7.2/dashboard",
            ],
        ),
        ("status-dashboard/7.2/test-case", ["SHOULD for the client", "not verified: It binds an organisation"]),
        (
            "status-dashboard/5.3.1.2/date-time-form",
            ["printed:", "reading taken:", "also accepted: no seconds", "because:"],
        ),
        ("status-dashboard/5.3.1.2/example-is-not-json", ["also accepted: nothing else"]),
        (
            "status-dashboard/8/unknown-dashboard",
            ["sends GET /dashboard/no-such-dashboard", "4xx -> accept", "with dashboard-data -> violation"],
        ),
        ("status-dashboard/5.1.1/accept-xml", ["with {'Accept': 'application/xml'}", "2xx, 3xx, 4xx -> accept"]),
        ("status-dashboard/8/long-query", ["property", "intrusive", "drawn by long-query"]),
        (
            "status-dashboard/5.2/integration",
            ["where not claimed -> inconclusive", "200 -> accept, the body is judged"],
        ),
        ("status-dashboard/8/method-delete", ["sends DELETE /dashboard", "verifies status-dashboard/8/http-codes"]),
    ],
)
def test_explanation_says_what_there_is_to_know(name: str, parts: list[str]) -> None:
    """An explanation has level, source, cases, reading or request, according to what the id stands for."""
    text = explain(name)
    assert all(part in text for part in parts), text


def test_id_of_a_requirement_and_a_case_explains_both() -> None:
    """Where a case has the id of its requirement, both are told."""
    lines = explain("status-dashboard/5.3.1.2/item-id").splitlines()
    assert [line.partition(" ")[0] for line in lines if not line.startswith(" ")] == ["requirement", "case"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("status-dashboard/5.3.1.2/item-status-cod", "did you mean 'status-dashboard/5.3.1.2/item-status-code'?"),
        ("nothing-like-it", "nothing is known by the id 'nothing-like-it'"),
    ],
)
def test_unknown_id_is_refused_with_the_nearest(name: str, words: str) -> None:
    """A slip in an id gets the id that was meant."""
    with pytest.raises(UsageError) as caught:
        explain(name)
    assert words in str(caught.value)


def test_requirements_of_an_answer_are_verified_by_the_cases_that_judge_it() -> None:
    """A case that judges a whole answer verifies each of its members; one about a member verifies that alone."""
    found = verifying(SPEC)
    whole, one = "status-dashboard/7.2/dashboard", "status-dashboard/5.3.1.2/item-name"
    assert {whole, one} <= set(found[one])
    assert one not in found["status-dashboard/5.3.1.2/item-id"]
    assert whole in found["status-dashboard/6.1.2/tls"]
    assert found["status-dashboard/7.2/test-case"] == []
    assert all(len(set(cases)) == len(cases) for cases in found.values())


# ------------------------------------------------------------------------------------------------------------- filters


@pytest.mark.parametrize(
    ("topic", "filters", "taken"),
    [
        ("cases", Filters(services=(SERVICE,)), lambda row: row["id"].startswith(f"{SERVICE}/")),
        ("faults", Filters(services=(SERVICE,)), lambda row: row["id"].startswith(f"{SERVICE}/")),
        ("services", Filters(services=(SERVICE,)), lambda row: row["id"] == SERVICE),
        ("cases", Filters(kinds=("negative", "stateful")), lambda row: row["kind"] in {"negative", "stateful"}),
        ("requirements", Filters(levels=("SHOULD",)), lambda row: row["level"] == "SHOULD"),
        ("requirements", Filters(sections=("5.3",)), lambda row: re.match("5[.]3([.]|$)", row["id"].split("/")[1])),
        ("cases", Filters(sections=(f"{SERVICE}/8",)), lambda row: row["id"].startswith(f"{SERVICE}/8/")),
        ("errata", Filters((SERVICE,), ("5.3.1.2",)), lambda row: row["id"].startswith(f"{SERVICE}/5.3.1.2/")),
    ],
)
def test_filters_take_what_they_name(topic: str, filters: Filters, taken: Callable[[Row], object]) -> None:
    """A filter leaves the rows of which it speaks, whole and in their order."""
    expected = [row for row in rows(topic, Path()) if taken(row)]
    assert expected
    assert rows(topic, Path(), filters) == expected


def test_runs_are_filtered_by_their_services(tmp_path: Path) -> None:
    """A run is of every service that it tested."""
    (tmp_path / "a").mkdir()
    about = {"id": "a", "started": "2026", "target": {"name": "t"}, "services": [SERVICE], "exit_code": 0}
    document = {"schema": "ehealth-conformance/results/1", "run": about, "summary": {"pass": 1, "fail": 0}, "cases": []}
    (tmp_path / "a" / "results.json").write_text(json.dumps(document), "utf-8")
    assert len(rows("runs", tmp_path, Filters(services=(SERVICE,)))) == 1
    assert rows("runs", tmp_path, Filters(services=("therapeutic-exclusion",))) == []


@pytest.mark.parametrize(
    ("topic", "filters", "message"),
    [
        ("cases", Filters(services=("status-dashbord",)), "there is no service 'status-dashbord'; did you mean"),
        ("faults", Filters(kinds=("negative",)), "--kind is for lists of cases, not of faults"),
        ("runs", Filters(sections=("5",)), "--section is for lists of cases and requirements and errata, not of runs"),
    ],
)
def test_filter_that_cannot_be_is_refused(topic: str, filters: Filters, message: str) -> None:
    """A slip is not answered with an empty list."""
    with pytest.raises(UsageError, match=re.escape(message)):
        rows(topic, Path(), filters)


@pytest.mark.parametrize("columns", [20, 60, 300])
@pytest.mark.parametrize("topic", ["cases", "faults", "requirements"])
def test_ids_are_whole_at_any_width(tmp_path: Path, topic: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No table cuts an id, in whichever column it stands, on a narrow console too."""
    monkeypatch.setattr(console, "_WIDE_TABLE", columns)
    words = set(told("list", topic, "--service", SERVICE, cwd=tmp_path).stdout.replace(",", " ").split())
    for row in rows(topic, tmp_path, Filters(services=(SERVICE,))):
        named = row.get("requirements", ())
        assert {row["id"], *(named if isinstance(named, tuple) else ())} <= words
