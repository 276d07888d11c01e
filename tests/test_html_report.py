"""Tests of report.html: what it says, that foreign text stays text, and that it works in a real browser."""

import base64
import hashlib
import json
import os
import re
import select
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Self

import pytest

from conformance.evidence.redaction import Redactor
from conformance.evidence.store import Store
from conformance.model.errors import UsageError
from conformance.model.exchange import ErrorKind, Exchange, Purpose, Request, Response, TransportFailure
from conformance.reporting import embedding
from conformance.reporting import html as report
from conformance.reporting.html import write_report
from conformance.reporting.markup import visible

Json = dict[str, Any]

SERVICE = "status-dashboard"
HOSTILE = (
    "</script><script>window.pwned = 1</script>",
    "<!--<script>",
    "-->]]></style></title><b>bold</b>",
    "\"'`><img src=x onerror='window.pwned = 1'>",
    "line\u2028paragraph\u2029end",
    "lone \ud800 and \udfff surrogates",
    "NUL \x00, escape \x1b[31m, return \r\n and tab \t",
    "right to left \u202egnp.exe\u2069",
    "&lt;b&gt; &amp; {{ data }} ${7*7} javascript:window.pwned=1",
)
ALL_HOSTILE = " | ".join(HOSTILE)

# ------------------------------------------------------------------------------------- sample runs


def exchange(number: int, case: str, **changes: Any) -> Json:  # noqa: ANN401 - any part of a record
    """Return a line of exchanges.jsonl."""
    body = json.dumps({"groups": [{"id": "a", "items": [{"status_code": 1}, {"status_code": 4}]}], "number": number})
    record: Json = {
        "id": f"{number:06d}",
        "case": case,
        "purpose": "probe",
        "started": "2026-11-22T00:19:41.376524+00:00",
        "elapsed_s": 0.0125,
        "request": {
            "method": "GET",
            "url": "http://127.0.0.1:41923/api/v1/dashboard?a=b",
            "headers": [["Accept", "application/json"], ["Authorization", {"scheme": "Bearer", "token": "citizen"}]],
            "body": {"text": ""},
        },
        "response": {
            "status": 200,
            "reason": "OK",
            "version": "1.1",
            "headers": [["content-type", "application/json"]],
            "body": {"text": body},
            "length": len(body),
            "sha256": hashlib.sha256(body.encode()).hexdigest(),
            "cut": "",
            "informational": 0,
            "surplus": 0,
        },
    }
    return record | changes


def finding(**changes: Any) -> Json:  # noqa: ANN401 - parts of results.json
    """Return a finding of a case."""
    return {
        "requirement": f"{SERVICE}/5.3.1.2/status",
        "severity": "violation",
        "message": "the value is not in the list",
        "location": "/groups/0/items/1/status_code",
        "expected": "one of 1, 2, 3",
        "actual": "4 (number)",
    } | changes


def case(name: str, verdict: str = "pass", exchanges: tuple[int, ...] = (), **changes: Any) -> Json:  # noqa: ANN401 - as above
    """Return a case of results.json."""
    ids = [f"{number:06d}" for number in exchanges]
    return {
        "id": f"{SERVICE}/7.2/{name}",
        "service": SERVICE,
        "kind": "positive",
        "title": f"The {name} is as described",
        "origin": "cookbook 7.2",
        "requirements": [f"{SERVICE}/5.3.1.2/status"],
        "verdict": verdict,
        "reason": "",
        "checks_evaluated": 4,
        "evaluated": {f"{SERVICE}/5.3.1.2/status": 4},
        "duration_s": 0.0125,
        "exchanges": ids,
        "deciding": ids[-5:],
        "findings": [],
    } | changes


def requirement(slug: str, verdict: str = "pass", cases: tuple[str, ...] = (), section: str = "5.3.1.2") -> Json:
    """Return a requirement of results.json."""
    return {
        "id": f"{SERVICE}/{section}/{slug}",
        "service": SERVICE,
        "level": "MUST",
        "iut": "server",
        "source": {"document": "Status Dashboard service cookbook", "version": "1.4", "section": section},
        "statement": f"Each item has a {slug}.",
        "verdict": verdict,
        "reason": "",
        "cases": [f"{SERVICE}/7.2/{name}" for name in cases],
    }


def results(cases: list[Json], requirements: list[Json] | None = None, **run: Any) -> Json:  # noqa: ANN401 - as above
    """Return the content of results.json."""
    about = {
        "id": "20261122-001941-b6a390",
        "iut": "server",
        "started": "2026-11-22T00:19:41.354+00:00",
        "finished": "2026-11-22T00:22:41.869+00:00",
        "interrupted": False,
        "harness": "0.1.0",
        "seed": 7,
        "target": {"name": "my-target", "environment": "simulation"},
        "services": [SERVICE],
        "specs": {SERVICE: "1.4"},
        "exit_code": 0,
    }
    names = tuple(one["id"].rpartition("/")[2] for one in cases)
    rows = [requirement("status", cases=names)] if requirements is None else requirements
    return {"schema": "ehealth-conformance/results/1", "run": about | run, "cases": cases, "requirements": rows}


def write_run(folder: Path, document: Json, exchanges: list[Json] | None = None) -> Path:
    """Write a run folder and return its report."""
    (folder / "results.json").write_text(json.dumps(document), "utf-8")
    if exchanges is not None:
        lines = "".join(json.dumps(record) + "\n" for record in exchanges)
        (folder / "exchanges.jsonl").write_text(lines, "utf-8")
    return write_report(folder)


def failing_run() -> tuple[Json, list[Json]]:
    """Return a run with every verdict, every severity and a property of thirty exchanges."""
    second, order = f"{SERVICE}/5.3.1.2/name", f"{SERVICE}/5.3.1.2/order"
    cases = [
        case("dashboard", "fail", (1,), findings=[finding()], reason="the value is not in the list"),
        case("again", "fail", (2,), findings=[finding()], known="TICKET-1 is open"),
        case("property", kind="property", exchanges=tuple(range(3, 33))),
        case("silent", "inconclusive", (33,), reason="no answer: the peer did not answer in time"),
        case("names", exchanges=(34,), findings=[finding(severity="warning", requirement=second, location="body")]),
        case(
            "orders", exchanges=(35,), findings=[finding(severity="observation", requirement=order, location="status")]
        ),
        case("broken", "error", reason="the harness erred: KeyError"),
        case("left", "not_run", reason="not selected"),
        case("other", "not_applicable", reason="nothing was published"),
    ]
    rows = [
        requirement("status", "fail", ("dashboard", "again", "property", "silent", "left", "other", "broken")),
        requirement("name", "inconclusive", ("names",)),
        requirement("order", "pass", ("orders",)),
        requirement("language", "not_covered", section="10.1"),
        requirement("client", "not_applicable", section="9"),
    ]
    exchanges = [exchange(number, cases[2]["id"]) for number in range(3, 33)]
    exchanges += [exchange(1, cases[0]["id"]), exchange(2, cases[1]["id"]), exchange(34, cases[4]["id"])]
    exchanges += [exchange(35, cases[5]["id"]), without_answer(exchange(33, cases[3]["id"]))]
    return results(cases, rows, exit_code=4), exchanges


def without_answer(record: Json) -> Json:
    """Return an exchange whose transport failed."""
    kept = {key: value for key, value in record.items() if key != "response"}
    return kept | {
        "failure": {"kind": "timeout", "message": "the peer did not answer in time", "received": {"text": ""}}
    }


def hostile_run() -> tuple[Json, list[Json]]:
    """Return a run in which every foreign text is hostile."""
    texts = dict.fromkeys(("message", "location", "expected", "actual"), ALL_HOSTILE)
    bad = case("hostile", "fail", (1, 2, 3), findings=[finding(**texts)], reason=ALL_HOSTILE, known=ALL_HOSTILE)
    bad["title"] = ALL_HOSTILE
    document = results([bad], target={"name": ALL_HOSTILE, "environment": ALL_HOSTILE}, exit_code=1)
    document["requirements"][0] |= {"statement": ALL_HOSTILE, "reason": ALL_HOSTILE}
    headers = [[ALL_HOSTILE, ALL_HOSTILE], ["Cookie", {"secret": ALL_HOSTILE}], ["content-type", ALL_HOSTILE]]
    request = {
        "method": ALL_HOSTILE,
        "url": f"http://peer/{ALL_HOSTILE}",
        "headers": headers,
        "body": {"text": ALL_HOSTILE},
    }
    plain = exchange(1, bad["id"], request=request)
    plain["response"] |= {"reason": ALL_HOSTILE, "headers": headers, "body": {"text": ALL_HOSTILE}, "cut": ALL_HOSTILE}
    shaped = exchange(2, bad["id"])
    shaped["response"]["body"] = {
        "text": json.dumps({ALL_HOSTILE: [ALL_HOSTILE, {"a": ALL_HOSTILE}]}, ensure_ascii=False)
    }
    failed = without_answer(exchange(3, bad["id"]))
    failed["failure"] = {"kind": "closed", "message": ALL_HOSTILE, "received": {"text": ALL_HOSTILE}}
    return document, [plain, shaped, failed]


# ------------------------------------------------------------------------------- reading the page


class _Reader(HTMLParser):
    """Reads a page into tags with attributes, texts, and the contents of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.raw: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in {"script", "style"}:
            self.raw.append((tag, dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem:
            tag, attributes, text = self.raw[-1]
            self.raw[-1] = (tag, attributes, text + data)
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    @property
    def data(self) -> dict[str, Any]:
        return {str(attributes["id"]): json.loads(text) for _, attributes, text in self.raw if "id" in attributes}

    def content(self, tag: str) -> str:
        """Return the one style, or the one script that is not data."""
        (text,) = [text for name, attributes, text in self.raw if name == tag and "type" not in attributes]
        return text


def read(path: Path) -> _Reader:
    """Return a report as read by an HTML parser."""
    return _Reader(path.read_text("utf-8"))


@pytest.fixture(name="failing")
def _failing(tmp_path: Path) -> Path:
    """Return the report of a run with findings."""
    return write_run(tmp_path, *failing_run())


@pytest.fixture(name="hostile")
def _hostile(tmp_path: Path) -> Path:
    """Return the report of a run with hostile texts."""
    return write_run(tmp_path, *hostile_run())


# ---------------------------------------------------------------------------------- what it says


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, ("Conformant", "none failed, erred or stayed inconclusive")),
        (1, ("Not conformant", "at least one case failed")),
        (3, ("Inconclusive", "nothing failed")),
        (4, ("The harness erred", "therefore says nothing about the target")),
        (130, ("Interrupted", "this page shows the part that was completed")),
        (77, ("Ended with exit code 77",)),
    ],
)
def test_overall_verdict_is_said_in_words_with_its_exit_code(tmp_path: Path, code: int, words: tuple[str, ...]) -> None:
    """The summary names the outcome, the exit code and what that code means."""
    page = read(write_run(tmp_path, results([case("dashboard")], exit_code=code)))
    for word in (*words, f"Exit code {code}"):
        assert word in page.text


def test_run_is_identified(failing: Path) -> None:
    """Target, environment, addresses, cookbooks, run, times, harness and seed are in the summary."""
    text = read(failing).text
    for words in (
        "my-target (simulation)",
        "http://127.0.0.1:41923",
        "Status Dashboard service cookbook 1.4",
        "20261122-001941-b6a390",
        "2026-11-22 00:19:41.354 UTC",
        "2026-11-22 00:22:41.869 UTC, after 3 min 1 s",
        "ehealth-conformance 0.1.0",
        "Seed 7",
    ):
        assert words in text


def test_outcome_is_explained_by_numbers(failing: Path) -> None:
    """The sentences of the summary say what the exit code rests on."""
    text = read(failing).text
    for words in (
        "3 of 7 judged cases passed.",
        "2 cases failed, breaking 1 requirement.",
        "1 known failure among them",
        "1 case could not be judged because the harness erred.",
        "1 case stayed inconclusive.",
        "1 case not run.",
    ):
        assert words in text


def test_service_without_a_passed_case_is_named(tmp_path: Path) -> None:
    """A service that nothing shows to conform is named in the summary."""
    page = read(write_run(tmp_path, results([case("dashboard", "inconclusive", reason="no answer")], exit_code=3)))
    assert "No case of status-dashboard passed" in page.text


def test_likely_cause_stands_beside_the_verdict(tmp_path: Path) -> None:
    """What the run noted, such as why nothing of a service was met, is read first, whatever stands in it."""
    note = "status-dashboard: every plain request was answered 404 <b>: is base_url right?"
    undecided = results([case("dashboard", "inconclusive", reason="no answer")], exit_code=3, notes=[note])
    assert f"Note: {note}" in read(write_run(tmp_path, undecided)).text


def test_findings_come_first_and_in_the_order_of_their_weight(failing: Path) -> None:
    """Violations, what was not judged, warnings, observations, then requirements, then cases."""
    text = failing.read_text("utf-8")
    headings = re.findall(r"<h[23][^>]*>(?:<span[^>]*>.</span>)?\s*([A-Z][a-z ]*[a-z])", text)
    expected = ["Summary", "Findings", "Violations", "Not judged", "Warnings", "Observations", "Left out"]
    assert headings[:9] == [*expected, "Requirements", "Cases"]


def test_finding_tells_everything_about_itself(failing: Path) -> None:
    """A finding shows requirement, statement, message, location, expected, actual, case and exchange."""
    text = failing.read_text("utf-8")
    card = text[text.index('<article class="card finding violation"') :].partition("</article>")[0]
    for words in (
        'href="#requirement=status-dashboard/5.3.1.2/status"',
        "section 5.3.1.2 of Status Dashboard service cookbook 1.4",
        ">MUST<",
        "Each item has a status.",
        "the value is not in the list",
        "/groups/0/items/1/status_code",
        "<dt>Expected</dt><dd>one of 1, 2, 3</dd>",
        "<dt>Actual</dt><dd>4 (number)</dd>",
        'href="#case=status-dashboard/7.2/dashboard"',
        'href="#exchange=000001"',
        "known failure: TICKET-1 is open",
    ):
        assert words in card


def test_same_finding_of_several_cases_is_told_once(failing: Path) -> None:
    """What two cases found alike is one finding with two cases."""
    assert failing.read_text("utf-8").count("one of 1, 2, 3</dd>") == 3  # violation, warning, observation
    assert "3 findings (4 times)" in read(failing).text


def test_finding_in_many_places_is_told_once(tmp_path: Path) -> None:
    """One card says in how many places it is, and each further case what was different there."""
    many = finding(severity="observation", count=789, places=["/groups/0/items/1/status_code", "/groups/1"])
    other = finding(severity="observation", location="/groups/7", actual="5 (number)", count=2, places=["/groups/7"])
    cases = [case("dashboard", findings=[many]), case("dashboard-int", findings=[other])]
    text = write_run(tmp_path, results(cases)).read_text("utf-8")
    card = text.partition('<article class="card finding')[2].partition("</article>")[0]
    assert text.count('<article class="card finding') == 1
    assert "(791 times)" in card
    assert card.count("<dt>Expected</dt>") == 1
    assert "actual <code>5 (number)</code>" in card
    assert "at <code>/groups/7</code>" in card
    assert "<summary>3 places</summary>" in card
    assert "<code>/groups/1</code>" in card
    assert "1 finding (791 times)" in read(tmp_path / "report.html").text


def test_finding_of_an_unlisted_requirement_is_shown(tmp_path: Path) -> None:
    """A finding whose requirement the results do not describe is shown by the requirement's id, and without sides."""
    odd = finding(requirement="common/1/odd", expected="", actual="", location="")
    page = write_run(tmp_path, results([case("dashboard", "fail", findings=[odd, odd])]))
    card = page.read_text("utf-8").partition('<article class="card finding')[2].partition("</article>")[0]
    assert "common/1/odd" in card
    assert "Expected" not in card
    assert card.count('href="#case=') == 1


def test_nothing_found_is_said(tmp_path: Path) -> None:
    """A run without findings says so instead of leaving a gap."""
    assert "No findings" in read(write_run(tmp_path, results([case("dashboard")]))).text


def test_requirements_are_in_the_order_of_their_sections(failing: Path) -> None:
    """Sections are ordered by number, not by letter."""
    sections = re.findall(r">Section ([\d.]+)<", failing.read_text("utf-8"))
    assert sections == ["5.3.1.2", "9", "10.1"]


def test_many_cases_of_a_requirement_fold(failing: Path) -> None:
    """Of many cases the worst are shown and the others open on demand."""
    row = failing.read_text("utf-8").partition('<tr id="requirement=status-dashboard/5.3.1.2/status"')[2]
    first, _, rest = row.partition("</tr>")[0].partition("<summary>2 more</summary>")
    assert "7.2/broken" in first
    assert "7.2/left" in rest


def test_verdicts_are_told_by_sign_and_word(failing: Path) -> None:
    """Every badge carries a word beside its sign, so that colour alone says nothing."""
    badges = re.findall(
        r'<span class="badge \w+"><span aria-hidden="true">(.)</span> ([a-z ]+)</span>', failing.read_text("utf-8")
    )
    assert len(badges) == failing.read_text("utf-8").count('class="badge ')
    signs = {word: sign for sign, word in badges}
    assert len(set(signs.values()) | {"✗"}) >= len(signs) - 1  # fail and violation share theirs


def test_identical_runs_make_identical_reports(tmp_path: Path) -> None:
    """The report depends on the run folder's content alone."""
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    first, second = (write_run(folder, *failing_run()).read_bytes() for folder in folders)
    assert first == second


# ------------------------------------------------------------------------------ foreign text, policy


def test_foreign_text_never_becomes_markup(hostile: Path) -> None:
    """The hostile report has only our own elements and attributes, and one script that runs."""
    page = read(hostile)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"img", "b>", "iframe", "object", "link", "base"}
    assert sum(tag == "script" and "type" not in attributes for tag, attributes in page.tags) == 1
    assert all(attributes.get("type") in {None, "application/json"} for tag, attributes in page.tags if tag == "script")
    assert not {name for _, attributes in page.tags for name in attributes if name.startswith("on") or name == "style"}
    assert "window.pwned" in page.text


def test_embedded_json_survives_foreign_text(hostile: Path) -> None:
    """Data blocks are ASCII without markup characters, and give back exactly what was recorded."""
    page = read(hostile)
    blocks = [text for tag, attributes, text in page.raw if tag == "script" and "type" in attributes]
    assert all(text.isascii() and not set(text) & set("<>&\x00") for text in blocks)
    first = page.data["exchange=000001"]
    assert first["response"]["reason"] == ALL_HOSTILE
    assert page.data[first["response"]["body"]]["text"] == ALL_HOSTILE
    assert page.data["exchange=000003"]["failure"]["message"] == ALL_HOSTILE


def test_page_is_well_formed_text(hostile: Path) -> None:
    """The file is UTF-8 without control characters other than line breaks and tabs."""
    text = hostile.read_bytes().decode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e\u2028]", text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b", "a⟨U+0000⟩b"),
        ("\ud800", "⟨U+D800⟩"),
        ("\u202e", "⟨U+202E⟩"),
        ("\x7f", "⟨U+007F⟩"),
        ("é\t\n", "é\t\n"),
    ],
)
def test_hidden_characters_are_made_visible(text: str, shown: str) -> None:
    """What an answer hides is shown; letters, tabs and line breaks stay."""
    assert visible(text) == shown


def test_policy_allows_its_own_style_and_script_only(hostile: Path) -> None:
    """The content security policy names the hashes of the one style and the one script, and nothing else."""
    page = read(hostile)
    (policy,) = [
        attributes["content"]
        for tag, attributes in page.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    digests = {
        tag: base64.b64encode(hashlib.sha256(page.content(tag).encode()).digest()).decode()
        for tag in ("script", "style")
    }
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{digests['script']}'; style-src 'sha256-{digests['style']}'; "
        "base-uri 'none'; form-action 'none'"
    )


def test_nothing_refers_outside(hostile: Path) -> None:
    """Links lead into the page; style and script name no address."""
    page = read(hostile)
    for _, attributes in page.tags:
        assert (attributes.get("href") or "#").startswith("#")
        assert not {"src", "srcset", "action", "background", "data", "poster", "xlink:href"} & set(attributes)
    assert not re.search(r"url\(|@import|https?:", page.content("style"))
    assert not re.search(
        r"https?:|fetch\(|XMLHttpRequest|WebSocket|sendBeacon|innerHTML|eval\(", page.content("script")
    )


# ------------------------------------------------------------------------------------ run folders


def test_report_is_private_and_whole(tmp_path: Path) -> None:
    """The file has mode 0600, replaces an earlier one, and leaves no temporary file behind."""
    write_run(tmp_path, results([case("first")]))
    path = write_run(tmp_path, results([case("second")]))
    assert path == tmp_path / "report.html"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "The second is" in path.read_text("utf-8")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["report.html", "results.json"]


def test_failed_report_leaves_the_earlier_one(tmp_path: Path) -> None:
    """Where writing breaks off, the earlier report stays as it was and nothing else is left."""
    before = write_run(tmp_path, results([case("first")])).read_bytes()
    with pytest.raises(KeyError):
        write_run(tmp_path, {"run": {}})
    assert (tmp_path / "report.html").read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["report.html", "results.json"]


def test_folder_without_results_is_refused(tmp_path: Path) -> None:
    """A folder that is no run's says so."""
    with pytest.raises(UsageError, match=r"no results\.json"):
        write_report(tmp_path)


def test_missing_exchanges_file_is_no_obstacle(tmp_path: Path) -> None:
    """Without exchanges.jsonl everything else is there."""
    document, _ = failing_run()
    page = read(write_run(tmp_path, document))
    assert "no request was sent" in page.text
    assert page.data["data=status-dashboard/7.2/dashboard"]["exchanges"] == ["000001"]


def test_truncated_last_line_is_left_out(tmp_path: Path) -> None:
    """A line that a kill cut short is left out, the others are shown."""
    document, exchanges = failing_run()
    write_run(tmp_path, document, exchanges)
    with (tmp_path / "exchanges.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"id": "000099", "case": "x", "requ')
    page = read(write_report(tmp_path))
    assert "exchange=000035" in page.data
    assert "exchange=000099" not in page.data


def test_unreadable_line_is_reported(tmp_path: Path) -> None:
    """A broken line in the middle is left out, those behind it are read, and the page says which it was."""
    document, exchanges = failing_run()
    write_run(tmp_path, document, exchanges)
    path = tmp_path / "exchanges.jsonl"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines[:3], "{broken\n", *lines[3:]]), "utf-8")
    page = read(write_report(tmp_path))
    assert "1 line of exchanges.jsonl is broken and left out: 4." in page.text
    assert len([name for name in page.data if name.startswith("exchange=")]) == len(lines)


def test_exchanges_of_unfinished_cases_are_kept(tmp_path: Path) -> None:
    """What an interrupted run did for a case without result is shown as unfinished; a known case gets its strays."""
    document = results([case("dashboard", exchanges=(1,))], exit_code=130, interrupted=True)
    strays = [exchange(2, f"{SERVICE}/7.2/lost"), exchange(3, f"{SERVICE}/7.2/dashboard")]
    page = read(write_run(tmp_path, document, [exchange(1, f"{SERVICE}/7.2/dashboard"), *strays]))
    assert "the run ended before this case did" in page.text
    assert page.data[f"data={SERVICE}/7.2/lost"]["exchanges"] == ["000002"]
    assert page.data[f"data={SERVICE}/7.2/dashboard"]["exchanges"] == ["000001", "000003"]


def test_exchanges_that_restore_a_service_are_no_case(tmp_path: Path) -> None:
    """They are shown, and neither counted nor called unfinished."""
    own = exchange(2, f"{SERVICE}/7.2/restoring") | {"purpose": "restore"}
    page = read(
        write_run(
            tmp_path, results([case("dashboard", exchanges=(1,))]), [exchange(1, f"{SERVICE}/7.2/dashboard"), own]
        )
    )
    assert "restored the state that the service had" in page.text
    assert "unfinished" not in page.text
    assert page.data[f"data={SERVICE}/7.2/restoring"]["exchanges"] == ["000002"]


def test_exchanges_of_the_store_are_understood(tmp_path: Path) -> None:
    """What the evidence store writes is what the report reads: bytes, credentials, failures."""
    redactor = Redactor()
    redactor.learn("very-secret", {"token": "citizen"})
    request = Request("POST", "http://peer/x", (("Authorization", "Bearer very-secret"),), b"\xff\xfe")
    answer = Response(200, "OK", (("Content-Type", "application/json"),), b'{"a": 1}', 8, "00")
    outcomes: tuple[Response | TransportFailure, ...] = (answer, TransportFailure(ErrorKind.TLS, "no trust", b"\x15"))
    with Store(tmp_path, redactor) as store:
        for number, outcome in enumerate(outcomes):
            moment = datetime(2026, 11, 22, tzinfo=UTC)
            name = f"{SERVICE}/7.2/dashboard"
            store.write(Exchange(f"w{number}", name, Purpose.PROBE, moment, 0.5, request, outcome))
    page = read(write_run(tmp_path, results([case("dashboard")])))
    sent = page.data["exchange=w0"]["request"]
    assert sent["headers"] == [["Authorization", {"scheme": "Bearer", "token": "citizen"}]]
    assert sent["body"] == {"base64": "//4=", "size": 2}
    assert page.data["exchange=w1"]["failure"]["kind"] == "tls"


# ------------------------------------------------------------------------------------------- size


def test_long_bodies_are_cut_with_a_note(tmp_path: Path) -> None:
    """Of long texts, bytes and headers the report holds the beginning and says how much there is."""
    name = f"{SERVICE}/7.2/dashboard"
    record = exchange(1, name)
    record["request"]["body"] = {"base64": base64.b64encode(b"\x00\xff" * 10_000).decode()}
    record["response"]["body"] = {"text": "é" * 100_000}
    record["response"]["headers"] = [["X-Long", "v" * 1000]] * 30
    page = read(write_run(tmp_path, results([case("dashboard", exchanges=(1,))]), [record]))
    shown = page.data["exchange=000001"]
    text, data = page.data[shown["response"]["body"]], page.data[shown["request"]["body"]]
    assert (len(text["text"]), text["size"], text["cut"]) == (65_536, 200_000, 65_536)
    assert (len(base64.b64decode(data["base64"])), data["size"], data["cut"]) == (12_288, 20_000, 12_288)
    assert len(shown["response"]["headers"]) + shown["response"]["headers_cut"] == 30
    assert shown["response"]["headers_cut"] > 10


def test_equal_bodies_are_kept_once(tmp_path: Path) -> None:
    """The same long answer to many requests takes its room once."""
    name = f"{SERVICE}/7.2/dashboard"
    exchanges = [exchange(number, name) for number in range(1, 6)]
    for record in exchanges:
        record["response"]["body"] = {"text": "same " * 1000}
    page = read(write_run(tmp_path, results([case("dashboard", exchanges=(1, 2, 3, 4, 5))]), exchanges))
    assert [one for one in page.data if one.startswith("body=")] == ["body=1"]


def test_large_runs_keep_whole_what_decided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the room is used up, only exchanges that decided a case with findings keep long bodies."""
    monkeypatch.setattr(embedding, "REPORT_BUDGET_BYTES", 0)
    cases = [case("good", exchanges=(1,)), case("bad", "fail", (2,), findings=[finding()])]
    exchanges = [exchange(number, one["id"]) for number, one in enumerate(cases, start=1)]
    for number, record in enumerate(exchanges):
        record["response"]["body"] = {"text": f"{number}" * 5000}
    page = read(write_run(tmp_path, results(cases, exit_code=1), exchanges))
    sizes = [len(page.data[page.data[f"exchange=00000{number}"]["response"]["body"]]["text"]) for number in (1, 2)]
    assert sizes == [1024, 5000]


def large_run() -> tuple[Json, list[Json]]:
    """Return a run of 5,000 exchanges in 500 cases with bodies of 10 KB, each another."""
    filler = [{"id": f"{number:032x}", "order": number, "status_code": 1, "name": "x" * 60} for number in range(70)]
    cases, exchanges = [], []
    for at in range(500):
        numbers = tuple(range(at * 10 + 1, at * 10 + 11))
        cases.append(
            case(f"case-{at}", "fail" if at % 50 == 0 else "pass", numbers, findings=[finding()] * (at % 50 == 0))
        )
        for number in numbers:
            record = exchange(number, cases[-1]["id"])
            record["response"]["body"] = {"text": json.dumps({"number": number, "items": filler})}
            exchanges.append(record)
    return results(cases, exit_code=1), exchanges


@pytest.fixture(name="large", scope="module")
def _large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """Return the report of 5,000 exchanges and the seconds of CPU that writing it took."""
    folder = tmp_path_factory.mktemp("large")
    run = large_run()
    began = time.process_time()
    return write_run(folder, *run), time.process_time() - began


def test_five_thousand_exchanges_are_written_soon(large: tuple[Path, float]) -> None:
    """A report of 5,000 exchanges with 10 KB each takes seconds, and stays small enough to be opened."""
    path, seconds = large
    assert seconds < 20
    assert path.stat().st_size < 60 * 2**20


# ----------------------------------------------------------------------------------------- colours


def _tokens(css: str, dark: bool) -> dict[str, str]:  # noqa: FBT001 - two tables
    start = css.index(':root[data-theme="dark"]') if dark else css.index(":root {")
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", css[start:].partition("}")[0]))


def _luminance(colour: str) -> float:
    """Return a colour's relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_contrast_is_enough_for_reading(dark: bool) -> None:  # noqa: FBT001 - a parameter
    """Every pair of text and ground has a contrast of 4.5 or more (WCAG 2.2, level AA)."""
    token = _tokens(Path(report.__file__).with_name("report.css").read_text("utf-8"), dark)
    tones = ("pass", "fail", "inconclusive", "error", "warning", "observation", "neutral")
    pairs = [(text, ground) for text in ("ink", "muted", "accent") for ground in ("page", "surface", "sunken")]
    pairs += [(tone, ground) for tone in tones for ground in (f"{tone}-soft", "surface", "page", "sunken")]
    pairs += (
        [("surface", tone) for tone in tones] + [("ink", f"{tone}-soft") for tone in tones] + [("ink", "accent-soft")]
    )
    poor = {pair: round(_contrast(*(token[name] for name in pair)), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in poor.items() if ratio < 4.5} == {}


def test_dark_is_the_same_by_system_and_by_choice() -> None:
    """The two tables of dark colours, which CSS cannot share, are equal."""
    css = Path(report.__file__).with_name("report.css").read_text("utf-8")
    chosen = css[css.index(':root[data-theme="dark"]') :].partition("{")[2].partition("}")[0]
    system = css[css.index(':root:not([data-theme="light"])') :].partition("{")[2].partition("}")[0]
    assert chosen == system


# --------------------------------------------------------------------------------------- a browser

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)


LAUNCH = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
os.dup2(ends[0], 3)
os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Chromium reads its pipe from the file descriptor 3 and writes to 4."""


class _Browser:
    """A headless Chromium, driven over its DevTools pipe: JSON messages that end with NUL."""

    def __init__(self, profile: str) -> None:
        to_read, self._writing = os.pipe()
        self._reading, to_write = os.pipe()
        command = [sys.executable, "-c", LAUNCH, str(to_read), str(to_write), str(CHROMIUM), *SWITCHES]
        self._process = subprocess.Popen(
            [*command, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._buffer = b""
        self._number = 0
        self._session = ""
        self.events: list[Json] = []

    def __enter__(self) -> Self:
        try:
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.call(f"{domain}.enable")
            self.call("Performance.enable", timeDomain="threadTicks")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._reading)
        os.close(self._writing)

    def call(self, method: str, **parameters: object) -> Json:
        """Send a command and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self.events.append(answer)

    def _receive(self, seconds: float = 300) -> Json:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._reading], [], [], seconds)
            data = os.read(self._reading, 2**20) if ready else b""
            assert data, "Chromium does not answer"
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(message))

    def open(self, path: Path, fragment: str = "", width: int = 1280) -> None:
        """Load a file afresh at a width in pixels, and wait until it is complete."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        for url in ("about:blank", path.as_uri() + fragment):
            self.events.clear()
            self.call("Page.navigate", url=url)
            while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
                self.events.append(self._receive())

    @property
    def spent(self) -> float:
        """Seconds of CPU that the page has taken since it was opened: the same on a busy machine."""
        metrics = self.call("Performance.getMetrics")["metrics"]
        return next(float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")

    def run(self, expression: str) -> Any:  # noqa: ANN401 - whatever the script returns
        """Evaluate a script and return its value."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key."""
        code = {"Enter": 13, "Escape": 27}.get(key, 0)
        text = {"text": "\r" if key == "Enter" else key} if key != "Escape" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def until(self, condition: str) -> None:
        """Wait until a condition holds, a minute at most, since the machine may be busy."""
        self.run(f"""new Promise((done, fail) => {{
          const began = Date.now();
          const look = () => {{
            if ({condition}) done();
            else if (Date.now() - began > 60000) fail(new Error('waited in vain'));
            else setTimeout(look, 10);
          }};
          look();
        }})""")

    def settle(self) -> None:
        """Wait until events that are under way have been handled."""
        self.run("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")

    @property
    def complaints(self) -> list[Json]:
        """Errors and messages of the page since it was opened."""
        methods = {
            "Log.entryAdded",
            "Runtime.exceptionThrown",
            "Runtime.consoleAPICalled",
            "Page.javascriptDialogOpening",
        }
        return [event for event in self.events if event.get("method") in methods]

    @property
    def requests(self) -> list[str]:
        """Addresses that the page asked for since it was opened."""
        events = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [str(event["params"]["request"]["url"]) for event in events]

    def visible(self, selector: str) -> int:
        """Return how many elements of a selector are displayed."""
        return int(
            self.run(f"[...document.querySelectorAll({selector!r})].filter((e) => e.getClientRects().length).length")
        )


@pytest.fixture(name="browser", scope="module")
def _browser() -> Iterator[_Browser]:
    """Yield a browser for this module's tests."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, _Browser(profile) as browser:
        yield browser


OPEN_ALL = (
    "for (const kind of ['.case', '.exchange']) for (const one of document.querySelectorAll(kind)) one.open = true"
)


def open_everything(browser: _Browser) -> None:
    """Open all cases, then all of their exchanges."""
    for _ in range(2):
        browser.run(OPEN_ALL)
        browser.settle()


@needs_chromium
def test_foreign_text_stays_text_in_a_browser(browser: _Browser, hostile: Path) -> None:
    """With everything open, no foreign text has become an element, run, or led anywhere."""
    browser.open(hostile)
    open_everything(browser)
    assert browser.run("window.pwned") is None
    assert browser.run("document.querySelectorAll('img, main script:not([type]), main b b').length") == 0
    assert browser.visible(".exchange .start-line") == 5  # two answers and three requests
    shown = browser.run("document.querySelector('#cases').innerText")
    assert visible("</script><script>window.pwned = 1</script>") in shown
    assert "⟨U+202E⟩" in shown
    assert "⟨U+0000⟩" in shown
    assert browser.complaints == []
    assert browser.requests == [hostile.as_uri()]


@needs_chromium
def test_policy_is_in_force(browser: _Browser, failing: Path) -> None:
    """An inline script that is not ours does not run, and nothing can be fetched."""
    browser.open(failing)
    attempt = "const s = document.createElement('script'); s.textContent = 'window.pwned = 1'; document.body.append(s)"
    browser.run(attempt)
    assert browser.run("window.pwned") is None
    assert browser.run("fetch('data:text/plain,x').then(() => 'fetched', () => 'refused')") == "refused"


@needs_chromium
def test_parts_are_built_when_they_are_opened(browser: _Browser, failing: Path) -> None:
    """No exchange is in the page before its case is opened; the deciding ones come first, the others on demand."""
    browser.open(failing)
    assert browser.run("document.querySelectorAll('.exchange').length") == 0
    browser.run("document.querySelector('[data-case$=\"/property\"]').open = true")
    browser.settle()
    listed = "[...document.querySelectorAll('.exchange')].map((e) => e.dataset.exchange)"
    assert browser.run(listed) == [f"{number:06d}" for number in range(28, 33)]
    browser.run("document.querySelector('.rest').click()")
    assert len(browser.run(listed)) == 30
    assert browser.visible(".rest") == 0
    assert browser.run("document.querySelectorAll('.message-box').length") == 2  # only the last probe is built


@needs_chromium
def test_request_and_answer_stand_side_by_side(browser: _Browser, failing: Path) -> None:
    """A link to an exchange opens it, marks the finding's place in the body and hides no credential behind text."""
    browser.open(failing, "#exchange=000001")
    browser.settle()
    boxes = browser.run("[...document.querySelectorAll('.message-box')].map((e) => e.getBoundingClientRect().y)")
    assert boxes[0] == boxes[1]
    assert browser.run("document.querySelector('pre mark').textContent") == '"status_code": 4'
    assert browser.run("document.querySelector('pre .note').textContent").endswith("expected one of 1, 2, 3")
    assert browser.run("document.querySelector('.reference').textContent") == "token: citizen"
    browser.run("document.querySelector('.message-box + .message-box .toggle').click()")
    assert browser.run("document.querySelector('.message-box + .message-box pre').textContent").startswith(
        '{"groups": [{'
    )


@needs_chromium
def test_failed_and_missing_exchanges_are_told_apart(browser: _Browser, tmp_path: Path) -> None:
    """A transport failure is shown with its kind, an exchange that is not on disk by a sentence."""
    document, exchanges = failing_run()
    path = write_run(tmp_path, document, [record for record in exchanges if record["id"] != "000001"])
    browser.open(path)
    open_everything(browser)
    text = browser.run("document.querySelector('#cases').textContent")
    assert "No answer: timeout" in text
    assert "Exchange 000001 is not in exchanges.jsonl." in text


@needs_chromium
@pytest.mark.parametrize(
    "body",
    [
        "[" * 60_000,
        "[" * 20_000 + "]" * 20_000,
        '{"a": 1, "a": 12345678901234567890.50, "b": []}',
        '{"open": "',
        "NaN",
        "é" * 70_000,
        "<?xml version='1.0'?><!-- a > b --><a x='1'><b>t &lt; u</b><c/><![CDATA[<d>]]></a>",
        "<a>" * 20_000,
        "<a " * 20_000,
        "</a></a>",
    ],
    ids=[
        *("unclosed", "nested", "duplicates", "truncated", "no JSON", "long"),
        *("XML", "nested XML", "unfinished XML", "end tags only"),
    ],
)
def test_odd_bodies_are_shown_as_they_are(browser: _Browser, tmp_path: Path, body: str) -> None:
    """Bodies that break parsers are shown without stalling, and indenting changes no digit."""
    record = exchange(1, f"{SERVICE}/7.2/dashboard")
    record["response"]["body"] = {"text": body}
    browser.open(write_run(tmp_path, results([case("dashboard", exchanges=(1,))]), [record]))
    before = browser.spent
    open_everything(browser)
    assert browser.spent - before < 10
    shown = browser.run("document.querySelector('.message-box + .message-box pre').textContent")
    assert re.sub(r"\s", "", shown) == re.sub(r"\s", "", body[:65_536])
    assert browser.complaints == []


@needs_chromium
def test_filters_are_kept_in_the_address(browser: _Browser, failing: Path) -> None:
    """A filter hides what does not fit, says so, and is in the address; the address restores it."""
    browser.open(failing)
    browser.run("document.querySelector('.counts a[href=\"#verdict=fail\"]').click()")
    assert browser.run("location.hash") == "#verdict=fail"
    assert browser.visible(".case") == 2
    assert "Only verdict fail: 2 of 9 cases" in browser.run("document.querySelector('#status').textContent")
    browser.open(failing, "#q=names&severity=warning")
    assert browser.visible(".case") == 1
    assert browser.visible(".card") == 1
    assert browser.run("document.querySelector('#q').value") == "names"
    browser.run("document.querySelector('#reset').click()")
    browser.settle()
    assert browser.visible(".case") == 9
    assert browser.run("location.hash") == ""


@needs_chromium
@pytest.mark.parametrize(
    ("fragment", "cases", "rows", "cards"),
    [
        ("#q=000033", 1, 0, 1),
        ("#requirement=status-dashboard/5.3.1.2/name", 1, 1, 1),
        ("#kind=property", 1, 1, 0),
        ("#service=status-dashboard", 9, 5, 7),
        ("#verdict=not_covered", 0, 1, 0),
        ("#q=no+such+thing", 0, 0, 0),
    ],
)
def test_filters_hold_for_all_sections(  # noqa: PLR0913, PLR0917 - a table
    browser: _Browser, failing: Path, fragment: str, cases: int, rows: int, cards: int
) -> None:
    """Search, service, requirement, kind and verdict filter cases, requirements and findings alike."""
    browser.open(failing, fragment)
    found = tuple(browser.visible(selector) for selector in (".case", "tr[data-requirement]", ".card"))
    assert found == (cases, rows, cards)


@needs_chromium
def test_page_is_used_by_keyboard(browser: _Browser, failing: Path) -> None:
    """The slash searches, j and k move, Enter opens, Escape closes, the question mark helps."""
    browser.open(failing)
    focused = "document.activeElement.closest('.case')?.dataset.case.split('/').at(-1)"
    browser.press("/")
    assert browser.run("document.activeElement.id") == "q"
    browser.press("x")
    browser.until("location.hash === '#q=x'")
    browser.press("Escape")
    assert browser.run("[location.hash, document.activeElement.tagName]") == ["", "BODY"]
    browser.run("document.querySelector('nav a[href=\"#cases\"]').click()")
    for key in "jjjk":
        browser.press(key)
    assert browser.run(focused) == "again"
    browser.press("Enter")
    browser.settle()
    assert browser.run("[document.querySelectorAll('.case[open]').length, location.hash]") == [
        1,
        "#case=status-dashboard/7.2/again",
    ]
    browser.press("Escape")
    assert browser.run("[document.querySelectorAll('.case[open]').length, location.hash]") == [0, ""]
    assert browser.run(focused) == "again"
    browser.press("?")
    assert browser.visible("#help") == 1
    browser.press("Escape")
    browser.until("!document.querySelector('#help').open")


@needs_chromium
def test_link_to_a_case_leads_to_it_and_back(browser: _Browser, failing: Path) -> None:
    """A link opens a case even where a filter hid it; the browser's back button returns."""
    browser.open(failing, "#verdict=inconclusive")
    browser.run("document.querySelector('a[href=\"#case=status-dashboard/7.2/dashboard\"]').click()")
    browser.settle()
    assert browser.visible(".case[open]") == 1
    assert browser.run("location.hash") == "#case=status-dashboard/7.2/dashboard"
    assert browser.run("document.activeElement.tagName") == "SUMMARY"
    browser.run("history.back()")
    browser.until("location.hash === '#verdict=inconclusive'")
    browser.until("document.querySelectorAll('.case:not([hidden])').length === 1")


@needs_chromium
def test_colours_can_be_chosen(browser: _Browser, failing: Path) -> None:
    """The colours follow the system until the reader chooses."""
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    browser.open(failing)
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = browser.run(ground)
    browser.run("document.querySelector('#theme').click()")
    light = browser.run(ground)
    assert (dark, light) == ("rgb(17, 21, 27)", "rgb(245, 246, 248)")
    browser.run("document.querySelector('#theme').click()")
    assert browser.run(ground) == dark
    browser.run("document.querySelector('#theme').click()")
    assert browser.run("document.querySelector('#theme').textContent") == "Theme: auto"
    browser.call("Emulation.setEmulatedMedia", features=[])


@needs_chromium
@pytest.mark.parametrize("width", [360, 1280])
def test_page_fits_its_width(browser: _Browser, hostile: Path, width: int) -> None:
    """On a phone and on a desktop nothing sticks out, even with hostile text and everything open."""
    browser.open(hostile, width=width)
    open_everything(browser)
    assert browser.run("document.documentElement.scrollWidth") <= width


@needs_chromium
def test_print_has_no_controls_and_what_is_open(browser: _Browser, failing: Path) -> None:
    """Printed, the page has findings, requirements and open cases, but nothing to click."""
    browser.open(failing, "#case=status-dashboard/7.2/dashboard")
    browser.settle()
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.visible("button, input, select, nav, dialog, .skip") == 0
    assert browser.visible(".card") == 7
    assert browser.visible("tr[data-requirement]") == 5
    assert browser.visible(".message-box") == 2
    browser.call("Emulation.setEmulatedMedia", media="")


@needs_chromium
def test_page_works_without_javascript(browser: _Browser, failing: Path) -> None:
    """Without JavaScript verdict, findings, requirements and cases are readable, and dead controls are not shown."""
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(failing)
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert browser.visible("#toolbar, .controls") == 0
    assert browser.visible("noscript p") == 1
    counts = tuple(browser.visible(selector) for selector in (".verdict", ".card", "tr[data-requirement]", ".case"))
    assert counts == (1, 7, 5, 9)
    assert browser.run("document.getElementById('case=status-dashboard/7.2/dashboard') !== null") is True


SEARCH = """(() => {
  const box = document.querySelector('#q');
  box.value = 'case-49';
  box.dispatchEvent(new Event('input', {bubbles: true}));
  document.body.getBoundingClientRect();
})()"""


@needs_chromium
def test_five_thousand_exchanges_open_without_stalling(browser: _Browser, large: tuple[Path, float]) -> None:
    """A report of 5,000 exchanges opens, filters and shows an exchange in a moment."""
    path, _ = large
    browser.open(path)
    opening = browser.spent
    browser.settle()
    before = browser.spent
    browser.run(SEARCH)
    searching = browser.spent - before
    assert browser.visible(".case") == 11
    before = browser.spent
    browser.run("location.hash = '#exchange=004999'")
    browser.until("document.querySelectorAll('.message-box').length === 4")
    assert opening < 10
    assert searching < 1
    assert browser.spent - before < 5
