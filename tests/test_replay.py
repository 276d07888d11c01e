"""Tests of sending recorded requests again: what goes out, what it is judged by, and what is refused beforehand."""

import json
import os
import re
import shutil
import signal
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from conformance.catalogue.listing import find_fault
from conformance.cli import main
from conformance.contracts.loading import load_spec
from conformance.engine.campaign import Campaign
from conformance.engine.execution import CaseExecution
from conformance.engine.plan import Selection, make_plan
from conformance.evidence.comparison import answer_line, differences, same_body
from conformance.evidence.recorded_run import find_run
from conformance.evidence.redaction import pieces
from conformance.evidence.run_folder import make_folder
from conformance.evidence.store import FILE, Record, read_exchanges, recorded_exchange
from conformance.formats.documents import dump
from conformance.messages.soap_requests import SoapRequests
from conformance.mock.platform import LocalPlatform
from conformance.model.case import Property, Template
from conformance.model.errors import UsageError
from conformance.model.exchange import Purpose
from conformance.model.verdict import Judgement
from conformance.replay.planning import target_of
from conformance.reporting.outputs import write_outputs
from conformance.target.reading import choose_services, load_target
from tests.campaigns import begin, told
from tests.peers import dossier_number_generation as dossiers
from tests.peers import status_dashboard as dashboards
from tests.peers import therapeutic_exclusion as exclusions
from tests.peers.server import Answer, Request, serving

SCHEMA = json.loads((Path(__file__).parent.parent / "reports" / "results.schema.json").read_text("utf-8"))
BOARD, TEX, DNG = "status-dashboard", "therapeutic-exclusion", "dossier-number-generation"
DASHBOARD = f"{BOARD}/7.2/dashboard"


@dataclass(frozen=True, slots=True)
class Done:
    """What a command came to: exit code, what it printed, and the run folder that is new."""

    code: int
    output: str
    folder: Path | None

    @property
    def results(self) -> dict[str, Any]:
        """Return the new results, which keep to their schema."""
        assert self.folder is not None
        results: dict[str, Any] = json.loads((self.folder / "results.json").read_text("utf-8"))
        jsonschema.validate(results, SCHEMA)
        return results

    @property
    def records(self) -> list[Record]:
        """Return what was exchanged."""
        assert self.folder is not None
        return list(read_exchanges(self.folder))

    def case(self, name: str) -> dict[str, Any]:
        """Return the entry of a case."""
        return next(case for case in self.results["cases"] if case["id"] == name)


@dataclass(slots=True)
class Desk:
    """A folder as a user has it: target files, and run folders below `reports`."""

    folder: Path
    numbers: "count[int]" = field(default_factory=count)

    @property
    def out(self) -> Path:
        """Return where run folders are."""
        return self.folder / "reports"

    def target(self, services: Mapping[str, Any], **more: Any) -> Path:  # noqa: ANN401 - a file's data
        """Write a target file."""
        path = self.folder / f"target-{next(self.numbers)}.yaml"
        data = {"name": path.stem, "environment": "local", "limits": {"timeout": 30}, "services": dict(services)}
        path.write_text(dump(data | more), encoding="utf-8")
        return path

    def record(
        self, target: Path | str, *cases: str, prepare: Callable[[Campaign], None] = lambda _: None, examples: int = 3
    ) -> Path:
        """Run some cases and return the run folder."""
        chosen = load_target(str(target))
        selection = Selection(cases=cases)
        plan = make_plan(chosen, choose_services(chosen, ()), selection, seed=7, examples=examples, named=False)
        campaign = begin(plan, make_folder(self.out, datetime.now(UTC)))
        try:
            prepare(campaign)
            for case in plan.cases:
                if selection.takes(case):
                    campaign.tally.add(campaign.run(case))
        finally:
            campaign.close()
        write_outputs(campaign)
        return campaign.folder

    def replay(self, *arguments: str | Path) -> Done:
        """Replay as the command line does."""
        before = set(self.out.iterdir()) if self.out.exists() else set()
        done = CliRunner().invoke(main, ["replay", *map(str, arguments), "--out", str(self.out)])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        new = set(self.out.iterdir()) - before if self.out.exists() else set()
        assert len(new) <= 1
        return Done(done.exit_code, done.output, next(iter(new), None))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return an empty desk."""
    return Desk(tmp_path)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Return what closes at the end of a test."""
    with ExitStack() as closing:
        yield closing


def number(folder: Path, case: str, purpose: str = "probe", nth: int = 0) -> str:
    """Return the id of a case's exchange in a run."""
    return str([row["id"] for row in read_exchanges(folder) if (row["case"], row["purpose"]) == (case, purpose)][nth])


def rewrite(folder: Path, change: Callable[[Record], object]) -> None:
    """Change the records of a run folder."""
    rows = list(read_exchanges(folder))
    for row in rows:
        change(row)
    (folder / FILE).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the results of a run folder."""
    path = folder / "results.json"
    document = json.loads(path.read_text("utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")


def entry(document: Mapping[str, Any], case: str) -> dict[str, Any]:
    """Return a case's entry in results."""
    found: dict[str, Any] = next(row for row in document["cases"] if row["id"] == case)
    return found


def body(record: Record) -> str:
    """Return the text of a request's body."""
    return str(record["request"]["body"]["text"])


def board(address: str) -> dict[str, Any]:
    """Return a target's section for a dashboard."""
    return {BOARD: {"base_url": address}}


# ------------------------------------------------------------------------------------------------ one exchange, by HTTP


def test_exchange_is_sent_again_and_judged(desk: Desk, stack: ExitStack) -> None:
    """The request goes out as it was, its answer stands beside the recorded one, and a run folder says all of it."""
    target = desk.target(board(stack.enter_context(dashboards.serve("plain"))))
    folder = desk.record(target, DASHBOARD)
    done = desk.replay(folder.name, "1")
    assert done.code == 0, done.output
    assert "000001 probe: GET /dashboard" in done.output
    assert re.search(r"recorded  200 OK, .*\n  now       200 OK, .*; the same body", done.output)
    assert "exit 0: the answer is one that the case expects" in done.output
    (before,), (now,) = list(read_exchanges(folder)), done.records
    assert before["request"] == now["request"]
    assert done.case(DASHBOARD)["verdict"] == "pass"
    assert done.results["run"]["replay"] == {
        "run": folder.name,
        "case": DASHBOARD,
        "exchanges": ["000001"],
        "exact": False,
    }
    assert {"report.html", "junit.xml"} <= {path.name for path in done.folder.iterdir()} if done.folder else False


def test_failing_exchange_fails_again_and_no_more_where_it_is_mended(desk: Desk, stack: ExitStack) -> None:
    """A defect is found again with its finding and exit code 1; another target that has none passes, with a note."""
    folder = desk.record(desk.target(board(stack.enter_context(dashboards.serve("item-status-4")))), DASHBOARD)
    done = desk.replay(folder, "000001")
    assert done.code == 1
    assert f"fail {DASHBOARD}" in done.output
    assert "actual 4 (number)" in done.output
    assert "fail in that run" in done.output
    plain = desk.target(board(stack.enter_context(dashboards.serve("plain"))))
    mended = desk.replay(folder, "000001", "--target", plain)
    assert mended.code == 0, mended.output
    assert re.search(r'    - +"status_code": 4', mended.output)
    assert "User-Agent and From are sent as they were recorded" in mended.output


def test_another_address_takes_the_place_of_the_recorded_one(desk: Desk, stack: ExitStack) -> None:
    """What follows the recorded address goes below the target's, whatever path that has."""
    seen: list[Request] = []
    folder = desk.record(desk.target(board(stack.enter_context(dashboards.serve("plain")))), f"{BOARD}/8/unknown-path")

    def handle(request: Request) -> Answer:
        seen.append(request)
        return Answer(404)

    base = stack.enter_context(serving(handle))
    elsewhere = desk.target(board(f"{base.rstrip('/')}/deep/down"))
    last = list(read_exchanges(folder))[-1]
    desk.replay(folder, last["id"], "--target", elsewhere)
    rest = last["request"]["url"].partition("/api/v1")[2]
    assert [request.path for request in seen] == [f"/api/v1/deep/down{rest.partition('?')[0]}"]


def test_what_the_plain_answer_had_wrong_already_is_not_laid_to_the_probe(desk: Desk, stack: ExitStack) -> None:
    """A defect that has nothing to do with a case fails its replay as little as it failed the case."""
    case = f"{BOARD}/8/unknown-query-parameter"
    known = load_spec(BOARD).cases
    case = (
        case
        if case in known
        else next(name for name, row in known.items() if row.probe == Property("unexpected-query"))
    )
    folder = desk.record(desk.target(board(stack.enter_context(dashboards.serve("item-status-4")))), case)
    assert entry(json.loads((folder / "results.json").read_text("utf-8")), case)["verdict"] == "pass"
    done = desk.replay(folder, number(folder, case))
    assert done.code == 0, done.output


def test_counterexample_with_its_plain_request_needs_no_recorded_one(desk: Desk, stack: ExitStack) -> None:
    """Sent along, the plain request says itself what is wrong whatever the probe does."""
    known = load_spec(BOARD).cases
    case = next(name for name, row in known.items() if row.probe == Property("unexpected-query"))
    folder = desk.record(desk.target(board(stack.enter_context(dashboards.serve("item-status-4")))), case)
    names = [row["id"] for row in read_exchanges(folder)][:2]
    edit(folder, lambda document: entry(document, case).update(counterexample={"exchanges": names}))
    rewrite(folder, lambda row: row.update(response={**row["response"], "body": {"text": "{}"}}))
    done = desk.replay(folder, case, "--counterexample")
    assert [row["purpose"] for row in done.records] == ["twin", "probe"]
    assert done.code == 0, done.output


def test_plain_request_that_the_case_has_no_more_is_only_shown(desk: Desk) -> None:
    """A case may have changed since; what it does not send any more says nothing about it."""
    case = f"{BOARD}/8/method-post"
    folder = desk.record("local", case)
    rewrite(folder, lambda row: row["request"].update(url=row["request"]["url"].replace("dashboard", "board")))
    done = desk.replay(folder, number(folder, case, "twin"))
    assert done.code == 3
    assert "the case has no such request any more" in done.output


def test_other_version_of_the_cookbook_is_told(desk: Desk) -> None:
    """What was recorded by one version is judged by another one openly."""
    folder = desk.record("local", DASHBOARD)
    edit(folder, lambda document: document["run"]["specs"].update({BOARD: "1.3"}))
    assert "recorded by version 1.3 of the cookbook, judged by version 1.4" in desk.replay(folder, "1").output


def test_folder_that_cannot_be_written_is_the_harness_s_trouble(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk ends with 4 and a reason."""
    folder = desk.record("local", DASHBOARD)

    def fail(_: Campaign) -> Mapping[str, Any]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("conformance.plugin.campaigns.write_outputs", fail)
    monkeypatch.setattr("conformance.replay.performing.write_outputs", fail)
    done = desk.replay(folder, "1")
    assert done.code == 4
    assert "No space left on device" in done.output


def test_guard_is_only_shown(desk: Desk) -> None:
    """A request that looks for changes is sent, and decides nothing."""
    case = next(name for name, row in load_spec(BOARD).cases.items() if row.unchanged is not None)
    folder = desk.record("local", case)
    done = desk.replay(folder, number(folder, case, "guard"))
    assert done.code == 3
    assert "is not judged by itself" in done.output
    assert len(done.records) == 1


def test_case_that_nobody_knows_any_more_is_only_shown(desk: Desk) -> None:
    """Without a case nothing says what may be answered: the verdict is inconclusive, and the entry is there."""
    folder = desk.record("local", DASHBOARD)
    gone = f"{BOARD}/7.2/gone"
    rewrite(folder, lambda row: row.update(case=gone))
    edit(folder, lambda document: entry(document, DASHBOARD).update(id=gone, title="What once was"))
    done = desk.replay(folder, "1")
    assert done.code == 3
    assert "the installed specs do not have this case" in done.output
    assert done.case(gone)["title"] == "What once was"
    again = desk.replay(folder, gone)
    assert again.code == 2
    assert "the installed specs have no case" in again.output


def test_peer_that_speaks_to_the_terminal_is_not_heard(desk: Desk, stack: ExitStack) -> None:
    """What a service answers reaches the terminal without control characters and without markup."""
    evil = Answer(200, b'{"groups": "\x1b[31m[bold]"}', headers={"Content-Type": "application/json"})
    folder = desk.record(desk.target(board(stack.enter_context(serving(lambda _: evil)))), DASHBOARD)
    done = desk.replay(folder, "1", "--target", "local")
    assert "\x1b" not in done.output
    assert "[31m[bold]" in done.output


def test_dead_service_is_inconclusive(desk: Desk, stack: ExitStack) -> None:
    """No answer stands beside the recorded one, and accuses nobody."""
    with ExitStack() as first:
        target = desk.target(board(first.enter_context(dashboards.serve("plain"))))
        folder = desk.record(target, DASHBOARD)
    done = desk.replay(folder, "1")
    assert done.code == 3
    assert "now       no answer (connect): " in done.output
    del stack


# ------------------------------------------------------------------------------------------------------ tokens, by role


@pytest.fixture
def tex(desk: Desk, stack: ExitStack) -> tuple[Path, dict[str, Any]]:
    """Serve Therapeutic Exclusion, and return a target file with its section."""
    section = stack.enter_context(exclusions.serve("plain"))
    return desk.target({TEX: section}), section


def test_token_is_got_again_by_its_role(desk: Desk, tex: tuple[Path, dict[str, Any]]) -> None:
    """A token goes out again, and never to the new folder."""
    target, section = tex
    folder = desk.record(target, f"{TEX}/7.2/declare-practitioner")
    names = [row["id"] for row in read_exchanges(folder)]
    for name in names:
        done = desk.replay(folder, name)
        assert done.code in (0, 3), done.output
        assert done.records[0]["response"]["status"] != 401
        assert ["Authorization", {"scheme": "Bearer", "token": "citizen"}] in done.records[0]["request"]["headers"]
        assert done.folder is not None
        texts = [path.read_text("utf-8") for path in done.folder.rglob("*") if path.is_file()]
        assert not any(section["tokens"]["citizen"] in text for text in [*texts, done.output])


@pytest.mark.parametrize("how", ["forged", "unsigned"])
def test_altered_token_is_altered_again(desk: Desk, tex: tuple[Path, dict[str, Any]], how: str) -> None:
    """A token that was broken in one way is broken in the same way, and refused again."""
    case = f"{TEX}/5.1.1/{how}-token-consult"
    folder = desk.record(tex[0], case)
    done = desk.replay(folder, number(folder, case))
    assert done.code == 0, done.output
    expected = {"scheme": "Bearer", "token": "citizen", "altered": how}
    assert ["Authorization", expected] in done.records[0]["request"]["headers"]
    assert done.records[0]["response"]["status"] == 401


def test_token_that_is_none_is_known_from_its_case(desk: Desk, tex: tuple[Path, dict[str, Any]]) -> None:
    """A record cannot name the token that is no token; the case does."""
    case = f"{TEX}/5.1.1/malformed-token-consult"
    folder = desk.record(tex[0], case)
    done = desk.replay(folder, number(folder, case))
    assert done.code == 0, done.output
    assert done.records[0]["response"]["status"] == 401


def test_missing_role_is_told_with_file_and_exchange(desk: Desk, tex: tuple[Path, dict[str, Any]]) -> None:
    """A target without the role ends with 2 before anything is sent or written."""
    case = f"{TEX}/7.2/declare-practitioner"
    folder = desk.record(tex[0], case)
    tokens = {"citzen": tex[1]["tokens"]["citizen"], "monitoring": tex[1]["tokens"]["monitoring"]}
    poor = desk.target({TEX: {**tex[1], "tokens": {"monitoring": tokens["monitoring"]}}})
    done = desk.replay(folder, number(folder, case), "--target", poor)
    assert (done.code, done.folder) == (2, None)
    assert f"{poor}: services.{TEX}.tokens has no 'citizen'" in done.output
    assert "known are: monitoring" in done.output


def test_secret_that_no_record_names_cannot_be_sent(desk: Desk, tex: tuple[Path, dict[str, Any]]) -> None:
    """`{"secret": "unknown"}` stands for something that nobody can get again."""
    case = f"{TEX}/7.2/declare-practitioner"
    folder = desk.record(tex[0], case)
    unknown = {"scheme": "Bearer", "secret": "unknown"}
    rewrite(folder, lambda row: row["request"]["headers"].append(["Proxy-Authorization", unknown]))
    done = desk.replay(folder, number(folder, case))
    assert (done.code, done.folder) == (2, None)
    assert "carries a secret that its record does not name" in done.output


def test_variable_that_is_not_set_is_told_beforehand(
    desk: Desk, tex: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials are resolved before anything is sent."""
    case = f"{TEX}/7.2/declare-practitioner"
    folder = desk.record(tex[0], case)
    monkeypatch.delenv("NO_SUCH_TOKEN", raising=False)
    other = desk.target({TEX: {**tex[1], "tokens": {"citizen": {"env": "NO_SUCH_TOKEN"}}}})
    done = desk.replay(folder, number(folder, case), "--target", other)
    assert (done.code, done.folder) == (2, None)
    assert "'NO_SUCH_TOKEN' is not set" in done.output


def test_body_is_proved_by_its_digest(desk: Desk, tex: tuple[Path, dict[str, Any]]) -> None:
    """A body says that it is the recorded one; one that was changed afterwards is told."""
    case = f"{TEX}/7.2/declare-practitioner"
    folder = desk.record(tex[0], case)
    assert "the very bytes that were sent then" in desk.replay(folder, number(folder, case)).output
    rewrite(folder, lambda row: row["request"]["body"].update(text=body(row).replace("persphysician", "persnurse")))
    done = desk.replay(folder, number(folder, case))
    assert "NOT the bytes that were sent then: the record was changed after it was written" in done.output


def test_own_text_that_looks_like_a_reference_is_sent_as_it_is(desk: Desk, tex: tuple[Path, dict[str, Any]]) -> None:
    """The digest tells a body that only looks as if a secret had been taken out of it."""
    case = f"{TEX}/8.1.3/json-words"
    text = '{"token": "citizen"}'

    def talk(log: CaseExecution) -> Judgement:
        log.send(Template("declareExclusion", token="citizen", body=text.encode()))  # noqa: S106 - a role
        return Judgement()

    def prepare(campaign: Campaign) -> None:
        campaign.run(load_spec(TEX).cases[case], talk)

    folder = desk.record(tex[0], case, prepare=prepare)
    name = next(row["id"] for row in read_exchanges(folder) if body(row) == text)
    done = desk.replay(folder, name)
    assert "the very bytes that were sent then" in done.output
    assert body(done.records[0]) == text


# ------------------------------------------------------------------------------------------- state, and counterexamples


def test_answer_that_the_state_may_explain_accuses_nobody(desk: Desk, tex: tuple[Path, dict[str, Any]]) -> None:
    """A probe whose case prepares the service is not failed by another status when it is sent alone."""
    case = f"{TEX}/7.2/declare-practitioner"
    folder = desk.record(tex[0], case)
    done = desk.replay(folder, number(folder, case))
    assert done.code == 3, done.output
    assert done.records[0]["response"]["status"] == 409
    assert "the service's state may explain it" in done.output
    assert "remembers what is done to it, and a replay restores nothing" in done.output


def test_counterexample_is_sent_in_its_order_and_its_probe_judged(desk: Desk, stack: ExitStack) -> None:
    """The exchanges that show a failure show it again, the preparing ones first."""
    section = stack.enter_context(exclusions.serve("patient-invalid-accepted"))
    folder = desk.record(desk.target({TEX: section}), f"{TEX}/8.1.3/declare-patient-check-digits")
    case = f"{TEX}/8.1.3/declare-patient-check-digits"
    names = [row["id"] for row in read_exchanges(folder) if row["case"] == case]
    shown = {"exchanges": names, "example": "", "curl": ["curl ..."]}
    edit(folder, lambda document: entry(document, case).update(verdict="fail", counterexample=shown))
    done = desk.replay(folder, case, "--counterexample")
    assert done.code == 1, done.output
    assert [row["purpose"] for row in done.records] == [row["purpose"] for row in read_exchanges(folder)]
    sent = re.findall(r"^(\d{6}) (?:probe|twin)", done.output, re.MULTILINE)
    assert sent == names
    deciding = next(row["id"] for row in done.records if row["purpose"] == "probe")
    assert done.case(case)["deciding"] == [deciding]


def test_counterexample_whose_preparation_is_not_served_decides_nothing(desk: Desk, stack: ExitStack) -> None:
    """A request that has to succeed before the probe stands in the way where it does not."""
    section = stack.enter_context(exclusions.serve("plain"))
    case = f"{TEX}/8.1.3/declare-patient-check-digits"
    folder = desk.record(desk.target({TEX: section}), case)
    names = [row["id"] for row in read_exchanges(folder)]
    edit(folder, lambda document: entry(document, case).update(counterexample={"exchanges": names}))
    down = stack.enter_context(serving(lambda _: Answer(500)))
    other = desk.target({TEX: {**section, "base_url": f"{down}/therapeuticExclusion/v2"}})
    done = desk.replay(folder, case, "--counterexample", "--target", other)
    assert done.code == 3
    assert "a request that comes before it" in done.output
    assert len(done.records) == 1


def test_counterexample_of_a_sequence_is_played_and_judged(desk: Desk, stack: ExitStack) -> None:
    """The steps that showed a failure are played by their suite, from nothing, and judged as they were."""
    case = f"{TEX}/5.3/sequences"
    platform = stack.enter_context(LocalPlatform((load_spec(TEX),), fault=find_fault("duplicate-accepted")))
    target = desk.target({TEX: dict(platform.settings(TEX))})
    told("run", TEX, "--target", target, "--case", case, cwd=desk.folder)
    [folder] = desk.out.iterdir()
    shown = entry(json.loads((folder / "results.json").read_text("utf-8")), case)["counterexample"]
    assert shown["example"] == "declare(0), declare(0)"
    done = desk.replay(folder, case, "--counterexample")
    assert done.code == 1, done.output
    assert "the sequence: declare(0), declare(0)" in done.output
    assert done.results["run"]["replay"]["sequence"] == shown["example"]
    again = entry(done.results, case)
    assert again["counterexample"]["example"] == shown["example"]
    assert [row["requirement"] for row in again["findings"]] == [f"{TEX}/5.3/conflict"]
    assert "the active exclusions are as before" in done.results["run"]["notes"][0]


@pytest.mark.parametrize(
    ("example", "reason"),
    [("declare(7), `id`", "cannot be played again: '`id`' is no step"), ("declare(99)", "fewer parties")],
)
def test_sequence_that_is_none_is_told(desk: Desk, tex: tuple[Path, dict[str, Any]], example: str, reason: str) -> None:
    """A sequence of somebody else's making is read as steps or not at all."""
    case = f"{TEX}/5.3/sequences"
    folder = desk.record(tex[0], f"{TEX}/7.2/declare-practitioner")
    shown = {"exchanges": ["000001"], "example": example, "curl": []}
    edit(folder, lambda document: entry(document, case).update(verdict="fail", counterexample=shown))
    done = desk.replay(folder, case, "--counterexample")
    assert done.code == 3, done.output
    assert reason in entry(done.results, case)["reason"]


def test_case_without_counterexample_is_told(desk: Desk) -> None:
    """Where nothing failed there is nothing to show."""
    folder = desk.record("local", DASHBOARD)
    done = desk.replay(folder, DASHBOARD, "--counterexample")
    assert (done.code, done.folder) == (2, None)
    assert "whose verdict is pass" in done.output


# ---------------------------------------------------------------------------------------------------------- whole cases


def test_case_is_run_again_with_seed_and_examples_of_its_run(desk: Desk, stack: ExitStack) -> None:
    """A case is run as `run --case` does it, and draws what it drew."""
    case = next(name for name, row in load_spec(BOARD).cases.items() if row.probe == Property("unexpected-query"))
    folder = desk.record(desk.target(board(stack.enter_context(dashboards.serve("plain")))), case)
    done = desk.replay(folder, case)
    assert done.code == 0, done.output
    run = done.results["run"]
    assert (run["seed"], run["examples"]) == (7, 3)
    assert run["replay"] == {"run": folder.name, "case": case}
    assert [row["request"] for row in done.records] == [row["request"] for row in read_exchanges(folder)]


def test_exact_is_for_messages_that_were_recorded(desk: Desk) -> None:
    """A case that is run again has no recorded message."""
    folder = desk.record("local", DASHBOARD)
    done = desk.replay(folder, DASHBOARD, "--exact")
    assert (done.code, done.folder) == (2, None)
    assert "--exact sends recorded messages" in done.output


# ----------------------------------------------------------------------------------------------------------------- SOAP


@pytest.fixture
def dng(desk: Desk, stack: ExitStack) -> tuple[Path, dict[str, Any]]:
    """Serve DossierNumberGeneration, and return a target file with its section."""
    section = stack.enter_context(dossiers.serve("plain"))
    return desk.target({DNG: section}), section


def test_message_is_made_anew(desk: Desk, dng: tuple[Path, dict[str, Any]]) -> None:
    """Id, time and signature are new, the rest of the request is that of the record, and the gateway takes it."""
    case = f"{DNG}/7.2/all-fields-nihii-institution"
    folder = desk.record(dng[0], case)
    done = desk.replay(folder, number(folder, case))
    assert done.code == 0, done.output
    assert "made anew by center, with the recorded request" in done.output
    old, new = body(list(read_exchanges(folder))[-1]), body(done.records[0])
    assert '{"assertion": "center"}' in new
    for pattern in (r"SignatureValue>[^<]+", r"Created>[^<]+", r' Id="_[^"]+"', r'wsu:Id="_body[^"]+"'):
        assert re.findall(pattern, old) != re.findall(pattern, new)
    for pattern in (r"<LastName>.*?</LastName>", r"<Gender>.*?</Gender>", r"<\w*:?NIHII\w*>.*?<"):
        assert re.findall(pattern, old) == re.findall(pattern, new)


def test_plain_message_before_a_probe_is_judged_as_such(desk: Desk, dng: tuple[Path, dict[str, Any]]) -> None:
    """A request that had to be served has to be served again."""
    case = f"{DNG}/7.2/no-last-name-person"
    folder = desk.record(dng[0], case)
    assert desk.replay(folder, number(folder, case, "twin")).code == 0
    assert desk.replay(folder, number(folder, case)).code == 0


@pytest.mark.parametrize(
    "row",
    ["4/body-altered", "4/no-assertion", "4/assertion-by-caller", "4/assertion-of-another", "8/method-put", "4/replay"],
)
def test_broken_security_is_broken_again(desk: Desk, dng: tuple[Path, dict[str, Any]], row: str) -> None:
    """A row of the matrix is made anew by its case and by the caller of the plain message before it."""
    case = f"{DNG}/{row}"
    folder = desk.record(dng[0], case)
    done = desk.replay(folder, number(folder, case))
    assert done.code == 0, done.output
    assert "made anew by physician, its security broken as the case says" in done.output
    before = next(record for record in read_exchanges(folder) if record["purpose"] == "probe")
    assert done.records[-1]["response"]["status"] == before["response"]["status"]
    assert done.records[-1]["request"]["method"] == before["request"]["method"]
    assert [record["purpose"] for record in done.records] == (["twin", "probe"] if row == "4/replay" else ["probe"])


def test_message_that_breaks_the_schema_breaks_it_again(desk: Desk, dng: tuple[Path, dict[str, Any]]) -> None:
    """Making a message anew does not mend what was wrong with it, be it its id."""
    case = f"{DNG}/8/attributes-broken"
    folder = desk.record(dng[0], case)
    probes = [row["id"] for row in read_exchanges(folder) if row["purpose"] == "probe"]
    assert len(probes) > 2
    for name in probes:
        assert desk.replay(folder, name).code == 0


def test_id_that_was_tested_is_kept(desk: Desk, dng: tuple[Path, dict[str, Any]]) -> None:
    """Only an id that is made up for each message is made up anew."""
    case = f"{DNG}/5.2.1.1/request-ids"
    folder = desk.record(dng[0], case)
    name = number(folder, case)
    done = desk.replay(folder, name)
    assert done.code == 0, done.output
    old = next(body(row) for row in read_exchanges(folder) if row["id"] == name)
    pattern = r'GenerateCovidIdRequest[^>]* Id="([^"]+)"'
    assert re.findall(pattern, old) == re.findall(pattern, body(done.records[0]))


def test_exact_message_is_accepted_while_it_is_young(desk: Desk, dng: tuple[Path, dict[str, Any]]) -> None:
    """With an assertion from a file the bytes are the recorded ones, which a gateway takes within their time."""
    case = f"{DNG}/7.2/last-name-only-person"
    folder = desk.record(dng[0], case)
    done = desk.replay(folder, "1", "--exact")
    assert done.code == 0, done.output
    assert "the very bytes that were sent then; its Timestamp holds until 20" in done.output
    (old,), (new,) = list(read_exchanges(folder)), done.records
    assert old["request"] == new["request"]


def test_exact_message_that_is_old_is_refused_and_says_so(desk: Desk, dng: tuple[Path, dict[str, Any]]) -> None:
    """A message made an hour ago is told to be old, and its refusal decides nothing."""

    def an_hour_ago(campaign: Campaign) -> None:
        requests = campaign.runner(DNG).session.requests
        assert isinstance(requests, SoapRequests)
        requests.messages.clock = lambda: datetime.now(UTC) - timedelta(hours=1)

    folder = desk.record(dng[0], f"{DNG}/7.2/last-name-only-person", prepare=an_hour_ago)
    done = desk.replay(folder, "1", "--exact")
    assert done.code == 3, done.output
    assert re.search(r"its Timestamp is old: over since 20\S+, 5\d minutes ago", done.output)
    assert "without --exact it is made anew" in done.output
    assert desk.replay(folder, "1").code == 0


def test_exact_message_with_another_assertion_or_changed_afterwards_is_told(
    desk: Desk, dng: tuple[Path, dict[str, Any]]
) -> None:
    """The digest of the bytes sent proves that they are the recorded ones, or that they are not."""
    folder = desk.record(dng[0], f"{DNG}/7.2/last-name-only-person")
    rewrite(folder, lambda row: row["request"]["body"].update(text=body(row).replace("LastName>", "FirstName>")))
    done = desk.replay(folder, "1", "--exact")
    assert "NOT the bytes that were sent then: a credential is another one by now, or the record" in done.output


def test_exact_message_with_a_secret_that_nobody_names_is_refused(desk: Desk, dng: tuple[Path, dict[str, Any]]) -> None:
    """An assertion that a caller has made itself is not kept; without --exact it is made once more."""
    case = f"{DNG}/4/assertion-by-caller"
    folder = desk.record(dng[0], case)
    done = desk.replay(folder, number(folder, case), "--exact")
    assert (done.code, done.folder) == (2, None)
    assert "without --exact it is made anew" in done.output


@pytest.mark.parametrize("row", ["assertion-altered", "assertion-unsigned", "assertion-of-another"])
def test_exact_message_with_another_assertion_than_issued(
    desk: Desk, dng: tuple[Path, dict[str, Any]], row: str
) -> None:
    """An assertion that was changed is changed again in the same way, to the same bytes."""
    case = f"{DNG}/4/{row}"
    folder = desk.record(dng[0], case)
    done = desk.replay(folder, number(folder, case), "--exact")
    assert "the very bytes that were sent then" in done.output
    assert done.code == 3


def test_exact_message_that_is_no_xml_tells_no_age(desk: Desk, dng: tuple[Path, dict[str, Any]]) -> None:
    """What cannot be read is sent as it was all the same."""
    case = f"{DNG}/8/not-well-formed"
    folder = desk.record(dng[0], case)
    done = desk.replay(folder, number(folder, case), "--exact")
    assert "  the very bytes that were sent then\n" in done.output
    assert done.code == 0, done.output


def test_message_that_is_no_xml_any_more_needs_exact(desk: Desk, dng: tuple[Path, dict[str, Any]]) -> None:
    """A record that cannot be read is told with the way out."""
    folder = desk.record(dng[0], f"{DNG}/7.2/last-name-only-person")
    rewrite(folder, lambda row: row["request"]["body"].update(text=body(row)[:-9]))
    done = desk.replay(folder, "1")
    assert (done.code, done.folder) == (2, None)
    assert "--exact sends it as it was" in done.output


def test_message_with_an_empty_body_needs_exact(desk: Desk, dng: tuple[Path, dict[str, Any]]) -> None:
    """There is no request to be made anew where there was none."""
    folder = desk.record(dng[0], f"{DNG}/7.2/last-name-only-person")
    empty = re.compile("(Body[^>]*>).*(</[a-z]+:Body)")
    rewrite(folder, lambda row: row["request"]["body"].update(text=empty.sub(r"\1\2", body(row))))
    assert "its Body holds 0 elements" in desk.replay(folder, "1").output


def test_message_of_nobody_cannot_be_made_anew(desk: Desk, dng: tuple[Path, dict[str, Any]]) -> None:
    """A record without assertion does not say who sent it."""
    folder = desk.record(dng[0], f"{DNG}/7.2/last-name-only-person")
    rewrite(folder, lambda row: row["request"]["body"].update(text=body(row).replace('{"assertion": "physician"}', "")))
    done = desk.replay(folder, "1")
    assert done.code == 2
    assert "does not say by an assertion which caller sent it" in done.output


def test_missing_caller_is_told_with_file_and_near_name(desk: Desk, dng: tuple[Path, dict[str, Any]]) -> None:
    """A target without the caller ends with 2 before anything is sent or written."""
    folder = desk.record(dng[0], f"{DNG}/7.2/last-name-only-person")
    callers = {"physicians": dng[1]["callers"]["physician"]}
    other = desk.target({DNG: {**dng[1], "callers": callers}})
    done = desk.replay(folder, "1", "--target", other)
    assert (done.code, done.folder) == (2, None)
    assert f"{other}: services.{DNG}.callers has no 'physician'" in done.output
    assert "did you mean 'physicians'?" in done.output


def test_message_goes_to_the_local_platform_as_well(desk: Desk) -> None:
    """The embedded platform has other keys each time, and takes what is made anew."""
    case = f"{DNG}/7.2/last-name-only-person"
    folder = desk.record("local", case)
    assert desk.replay(folder, "1").code == 0
    exact = desk.replay(folder, "1", "--exact")
    assert exact.code == 3
    assert "NOT the bytes that were sent then: a credential is another one by now" in exact.output


def test_message_of_a_case_that_nobody_knows_is_only_shown(desk: Desk, dng: tuple[Path, dict[str, Any]]) -> None:
    """What the message asks for is known from the element in its Body."""
    folder = desk.record(dng[0], f"{DNG}/7.2/last-name-only-person")
    rewrite(folder, lambda row: row.update(case=f"{DNG}/7.2/gone"))
    done = desk.replay(folder, "1")
    assert done.code == 3, done.output
    assert done.records[0]["response"]["status"] == 200


def test_service_that_lies_to_a_message_fails_again(desk: Desk, stack: ExitStack) -> None:
    """A defect of a SOAP service is found again."""
    section = stack.enter_context(dossiers.serve("identifier-missing"))
    folder = desk.record(desk.target({DNG: section}), f"{DNG}/7.2/last-name-only-person")
    done = desk.replay(folder, "1")
    assert done.code == 1
    assert "a success carries no identifier" in done.output


# --------------------------------------------------------------------------------------------------- what is never sent


def test_intrusive_case_is_refused_where_the_target_is_not(desk: Desk, dng: tuple[Path, dict[str, Any]]) -> None:
    """`intrusive: false` holds for replays of exchanges and of cases, and for what may be intrusive."""
    case = f"{DNG}/4/body-altered"
    folder = desk.record(dng[0], case)
    polite = desk.target({DNG: dng[1]}, intrusive=False)
    for what in (number(folder, case), case):
        done = desk.replay(folder, what, "--target", polite)
        assert (done.code, done.folder) == (2, None)
        assert "is intrusive, and the target" in done.output
    rewrite(folder, lambda row: row.update(case=f"{DNG}/4/gone"))
    done = desk.replay(folder, number(folder, f"{DNG}/4/gone"), "--target", polite)
    assert (done.code, done.folder) == (2, None)
    assert "so that it may be intrusive" in done.output


def test_production_gets_nothing_but_get_on_its_public_services(desk: Desk) -> None:
    """Another method is refused before anything is sent, and other services are no part of the target."""
    case = f"{BOARD}/8/method-post"
    folder = desk.record("local", case, f"{TEX}/7.2/declare-practitioner")
    done = desk.replay(folder, number(folder, case), "--target", "production")
    assert (done.code, done.folder) == (2, None)
    assert "production: nothing but GET" in done.output
    other = desk.replay(folder, number(folder, f"{TEX}/7.2/declare-practitioner"), "--target", "production")
    assert (other.code, other.folder) == (2, None)
    assert f"has no service '{TEX}'" in other.output


def test_security_case_elsewhere_is_told_in_the_private_folder_only(
    desk: Desk, dng: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither answers nor findings of a security case elsewhere are printed, unless that is asked for."""
    monkeypatch.setenv("P12", dng[1]["callers"]["physician"]["password"])
    callers = {name: {**row, "password": {"env": "P12"}} for name, row in dng[1]["callers"].items()}
    identity = {"user_agent": "own/1.0 own/1.0", "from": "emergency@mycompany.be"}
    more: dict[str, Any] = {"environment": "acceptance", "identity": identity, "intrusive": True}
    case = f"{DNG}/4/body-altered"
    folder = desk.record(desk.target({DNG: {**dng[1], "callers": callers}}, **more), case)
    name = number(folder, case)
    done = desk.replay(folder, name)
    assert done.code == 0, done.output
    assert "recorded  500" not in done.output
    assert "--disclose-security shows them" in done.output
    assert "recorded  500" in desk.replay(folder, name, "--disclose-security").output


# ---------------------------------------------------------------------------------------------------------- wrong input


def test_unknown_things_are_told_with_what_is_near(desk: Desk) -> None:
    """Run, exchange and case that do not exist end with 2, a hint, and no new folder."""
    folder = desk.record("local", DASHBOARD)
    wrong = {
        (f"{folder.name[:-1]}x", "1"): f"did you mean '{folder.name}'?",
        ("reports", "1"): "list runs --out",
        (folder.name, "000002"): "its exchanges are 000001 to 000001",
        (folder.name, "dashboard"): "neither an exchange nor a case 'dashboard'",
        (folder.name, f"{DASHBOARD}s"): f"did you mean '{DASHBOARD}'?",
        (folder.name, "nothing/like/it"): "has no case 'nothing/like/it'\n",
    }
    for arguments, message in wrong.items():
        done = desk.replay(*arguments)
        assert (done.code, done.folder) == (2, None)
        assert message in done.output


def test_exchange_of_a_worker_is_named_by_its_whole_id(desk: Desk) -> None:
    """A run with several workers has ids with their names."""
    folder = desk.record("local", DASHBOARD)
    rewrite(folder, lambda row: row.update(id="gw1-000001"))
    assert desk.replay(folder, "gw1-000001").code == 0
    assert "its exchanges are gw1-000001 to gw1-000001" in desk.replay(folder, "1").output


def test_run_is_named_by_folder_results_or_id(desk: Desk) -> None:
    """Each of the three leads to the same run."""
    folder = desk.record("local", DASHBOARD)
    for name in (folder, folder / "results.json", folder.name):
        assert find_run(str(name), desk.out).id == folder.name


def test_target_of_the_run_is_found_where_it_was(desk: Desk, stack: ExitStack) -> None:
    """The file is known where the user's state has it; where it is gone or has changed, it has to be named."""
    target = desk.target(board(stack.enter_context(dashboards.serve("plain"))))
    folder = desk.record(target, DASHBOARD)
    run = json.loads((folder / "results.json").read_text("utf-8"))["run"]
    assert run["target"]["file"] == f"../../{target.name}"
    moved = desk.folder / "moved.yaml"
    shutil.move(target, moved)
    gone = desk.replay(folder, "1")
    assert (gone.code, gone.folder) == (2, None)
    assert "which is not there any more; name it with --target" in gone.output
    assert desk.replay(folder, "1", "--target", moved).code == 0
    target.write_text(moved.read_text("utf-8").replace(target.stem, "other"), encoding="utf-8")
    other = desk.replay(folder, "1")
    assert (other.code, other.folder) == (2, None)
    assert "which has changed since; name it with --target" in other.output
    assert "other" not in other.output


def test_target_that_is_far_away_is_kept_by_its_name_alone(
    desk: Desk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Where a target file is elsewhere, its folders are nobody's business, and it has to be named."""
    far = tmp_path_factory.mktemp("private") / "secret.yaml"
    far.write_text(dump({"name": "far", "environment": "local", "services": {BOARD: {}}}), encoding="utf-8")
    folder = desk.record(far, DASHBOARD)
    assert json.loads((folder / "results.json").read_text("utf-8"))["run"]["target"]["file"] == "secret.yaml"
    done = desk.replay(folder, "1")
    assert (done.code, done.folder) == (2, None)
    assert "of the target file secret.yaml; name it with --target" in done.output


def test_target_file_that_a_foreign_folder_names_is_not_read(desk: Desk, stack: ExitStack) -> None:
    """A folder from elsewhere that brings its target file runs no command, sends nothing, and quotes nothing."""
    seen: list[Request] = []

    def answer(request: Request) -> Answer:
        seen.append(request)
        return Answer(200)

    address = stack.enter_context(serving(answer))
    folder = desk.record("local", DASHBOARD)
    touched = desk.folder / "touched"
    evil = {"name": "evil", "environment": "local", "services": {TEX: {"base_url": address}}}
    evil["services"][TEX]["tokens"] = {"citizen": {"command": ["touch", str(touched)]}}  # type: ignore[index]
    (folder / "t.yaml").write_text("first-line-of-it: 1\n" + dump(evil), encoding="utf-8")
    for file in ("t.yaml", "./t.yaml", "../reports/x/../../t.yaml", str(folder / "t.yaml"), "/etc/passwd"):
        told = {"name": "evil", "environment": "local", "file": file}
        edit(folder, lambda document, told=told: document["run"].update(target=told))  # type: ignore[misc]
        done = desk.replay(folder, "1")
        assert (done.code, done.folder) == (2, None)
        assert "name it with --target" in done.output
        assert "first-line" not in done.output
        assert "root:" not in done.output
    assert not touched.exists()
    assert seen == []


def test_folder_that_was_made_by_a_run_of_one_s_own_and_moved_needs_its_target(desk: Desk, stack: ExitStack) -> None:
    """A copy of a run folder is not the folder that the state speaks of, whatever stands in it by now."""
    target = desk.target(board(stack.enter_context(dashboards.serve("plain"))))
    folder = desk.record(target, DASHBOARD)
    assert desk.replay(folder, "1").code == 0
    copied = desk.folder / "mails" / folder.name
    shutil.copytree(folder, copied)
    assert "name it with --target" in desk.replay(copied, "1").output
    assert desk.replay(copied, "1", "--target", target).code == 0


def test_user_with_another_state_names_the_target(
    desk: Desk, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a job whose home is another one, `--target` works, and nothing else does."""
    target = desk.target(board(stack.enter_context(dashboards.serve("plain"))))
    folder = desk.record(target, DASHBOARD)
    monkeypatch.setenv("XDG_STATE_HOME", str(desk.folder / "another"))
    assert "name it with --target" in desk.replay(folder, "1").output
    assert desk.replay(folder, "1", "--target", target).code == 0


def test_credential_goes_to_the_target_alone(desk: Desk, tex: tuple[Path, dict[str, Any]], stack: ExitStack) -> None:
    """Whatever addresses a record has, a token is never sent to one of them."""
    seen: list[Request] = []

    def answer(request: Request) -> Answer:
        seen.append(request)
        return Answer(200)

    foreign = stack.enter_context(serving(answer))
    target, section = tex
    base = section["base_url"]
    folder = desk.record(target, f"{TEX}/7.2/declare-practitioner")
    first = next(row for row in read_exchanges(folder) if row["purpose"] == "probe")
    rest, host = first["request"]["url"].removeprefix(base), foreign.removeprefix("http://")
    urls = [f"{foreign}{rest}", f"{base}@{host}{rest}", f"{base}/@{host}{rest}", f"{base}//{host}{rest}", foreign]
    for url in urls:
        rewrite(folder, lambda row, url=url: row["request"].update(url=url))  # type: ignore[misc]
        edit(folder, lambda document: document["run"]["addresses"].update({TEX: foreign}))
        done = desk.replay(folder, first["id"], "--target", target)
        assert done.code in {1, 2, 3}, done.output
    assert seen == []


def test_target_without_file_that_is_not_built_in_has_to_be_named(desk: Desk) -> None:
    """A name alone leads nowhere."""
    folder = desk.record("local", DASHBOARD)
    edit(folder, lambda document: document["run"]["target"].update(name="mine"))
    with pytest.raises(UsageError, match="no built-in target; name its file with --target"):
        target_of(find_run(str(folder), desk.out), None)


def test_killed_run_gives_its_exchanges(desk: Desk, stack: ExitStack) -> None:
    """Without results an exchange needs a target, and a case cannot be run again."""
    target = desk.target(board(stack.enter_context(dashboards.serve("plain"))))
    folder = desk.record(target, DASHBOARD)
    (folder / "results.json").unlink()
    assert "name one with --target" in desk.replay(folder, "1").output
    assert desk.replay(folder, "1", "--target", target).code == 0
    assert desk.replay(folder, "1", "--target", "local").code == 0
    assert "replay its exchanges by their ids" in desk.replay(folder, DASHBOARD, "--target", target).output
    elsewhere = desk.target(board(f"{stack.enter_context(serving(lambda _: Answer(404)))}/elsewhere"))
    done = desk.replay(folder, "1", "--target", elsewhere)
    assert (done.code, done.folder) == (2, None)
    assert "does not say which part of it is the service's address" in done.output


@pytest.mark.parametrize(
    "text", ["nonsense", "[]", '{"schema": "x", "run": {}, "cases": []}', '{"schema": 1}', '{"run": {"target": 1}}']
)
def test_results_that_are_none_are_told(desk: Desk, text: str) -> None:
    """A results.json that nobody can read ends with 2."""
    folder = desk.record("local", DASHBOARD)
    (folder / "results.json").write_text(text, encoding="utf-8")
    done = desk.replay(folder, "1")
    assert (done.code, done.folder) == (2, None)
    assert "results.json: " in done.output


def test_exchanges_that_are_none_are_told(desk: Desk) -> None:
    """A line that is no exchange, or one that HTTP cannot carry, ends with 2."""
    folder = desk.record("local", DASHBOARD)
    good = (folder / FILE).read_text("utf-8")
    wrong = {
        "nonsense\n": "it has no exchanges; 1 line of exchanges.jsonl is broken and left out: 1",
        "[1]\n": "it has no exchanges; 1 line of exchanges.jsonl is broken and left out: 1",
        good.replace('"method":"GET"', '"method":7'): "is no exchange as runs write them",
        good.replace('"purpose":"probe"', '"purpose":"love"'): "is no exchange as runs write them",
        good.replace('"method":"GET"', '"method":"G T"'): "no request that HTTP can carry",
        good.replace("/dashboard", "/dash board"): "no request that HTTP can carry",
        good.replace('"Accept"', '"Acc\\nept"'): "no request that HTTP can carry",
    }
    for text, message in wrong.items():
        (folder / FILE).write_text(text, encoding="utf-8")
        done = desk.replay(folder, "1")
        assert (done.code, done.folder) == (2, None), done.output
        assert message in done.output


def test_counterexample_of_which_an_exchange_is_gone_is_told(desk: Desk) -> None:
    """Results that speak of an exchange that is not there end with 2."""
    folder = desk.record("local", DASHBOARD)
    edit(folder, lambda document: entry(document, DASHBOARD).update(counterexample={"exchanges": ["000009"]}))
    assert "has no exchange '000009'" in desk.replay(folder, DASHBOARD, "--counterexample").output


# --------------------------------------------------------------------------------------------------------- interruption


def test_interrupted_replay_keeps_what_was_done(desk: Desk, stack: ExitStack) -> None:
    """Ctrl-C ends with 130, with the exchanges and the results on disk, and the next replay goes through."""
    folder = desk.record(desk.target(board(stack.enter_context(dashboards.serve("plain")))), DASHBOARD)
    asked = count()

    def handle(request: Request) -> Answer:
        del request
        if next(asked) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return Answer(200, b"{}", headers={"Content-Type": "application/json"})

    target = desk.target(board(stack.enter_context(serving(handle))))
    shown = {"exchanges": ["000001", "000001", "000001"]}
    edit(folder, lambda document: entry(document, DASHBOARD).update(counterexample=shown))
    done = desk.replay(folder, DASHBOARD, "--counterexample", "--target", target)
    assert done.code == 130, done.output
    assert done.results["run"]["interrupted"] is True
    assert len(done.records) in (1, 2)
    assert desk.replay(folder, "1", "--target", "local").code == 0


# ---------------------------------------------------------------------------------------------------------- small parts


def test_exchanges_of_a_run_have_ids_of_their_own(desk: Desk) -> None:
    """An id names one exchange of a run, whatever the service."""
    folder = desk.record("local", DASHBOARD, f"{DNG}/7.2/last-name-only-person", f"{TEX}/7.2/declare-practitioner")
    ids = [row["id"] for row in read_exchanges(folder)]
    assert len(ids) == len(set(ids)) > 3


def test_text_is_taken_to_pieces_at_references() -> None:
    """References are found wherever they stand; what only looks like one stays text."""
    text = (
        'a {"token": "citizen", "altered": "forged"} b {"assertion": "m\\u00e9decin"} {"token": "\\q"} {"other": "x"}'
    )
    assert list(pieces(text)) == [
        "a ",
        {"token": "citizen", "altered": "forged"},
        " b ",
        {"assertion": "médecin"},
        ' {"token": "\\q"} {"other": "x"}',
    ]


def test_record_becomes_the_exchange_again(desk: Desk) -> None:
    """What was written is what is read: request, answer or failure, times and purpose."""
    folder = desk.record("local", DASHBOARD)
    (row,) = read_exchanges(folder)
    found = recorded_exchange(row)
    assert (found.id, found.case, found.purpose) == ("000001", DASHBOARD, Purpose.PROBE)
    assert found.response is not None
    assert (found.response.status, found.response.length) == (200, len(found.response.body))
    failure = {"kind": "timeout", "message": "late", "received": {"base64": b64encode(b"\xff").decode()}}
    lost = recorded_exchange({key: value for key, value in row.items() if key != "response"} | {"failure": failure})
    assert lost.failure is not None
    assert (lost.failure.kind, lost.failure.received) == ("timeout", b"\xff")


def _answer(**response: Any) -> Record:  # noqa: ANN401 - a record's data
    usual = {"status": 200, "reason": "OK", "headers": [], "length": 2, "cut": "", "body": {"text": ""}}
    return {"response": usual | response}


def test_answers_are_compared_for_a_person() -> None:
    """JSON and XML are laid out before they are compared; what is no text is told by its length."""
    one, other = _answer(body={"text": '{"a":1,"b":2}'}), _answer(body={"text": '{"a":1,"b":3}'})
    assert list(differences(one, other)) == ['-   "b": 2', '+   "b": 3']
    assert list(differences(_answer(body={"text": "<a x='1' y='2'><b/></a>"}), _answer())) == [
        "- <a x='1'",
        "-   y='2'>",
        "- <b/>",
        "- </a>",
    ]
    assert list(differences(_answer(body={"base64": "/w=="}), _answer())) == ["- 1 bytes that are no text"]
    assert same_body(one, one)
    assert not same_body(one, other)
    assert not same_body(one, {"failure": {}})
    assert len(next(differences(_answer(body={"text": "x" * 900}), _answer()))) < 200


def test_answer_is_told_in_a_line() -> None:
    """Status, media type and length, why reading ended, or why there was no answer."""
    headers = [["content-type", "text/xml"]]
    assert answer_line(_answer(headers=headers, cut="cut short")) == "200 OK, text/xml, 2 bytes, cut short"
    assert answer_line(_answer(reason="")) == "200, no media type, 2 bytes"
    assert answer_line({"failure": {"kind": "tls", "message": "no"}}) == "no answer (tls): no"


def test_help_has_an_example() -> None:
    """The command explains itself."""
    done = CliRunner().invoke(main, ["replay", "--help"])
    assert done.exit_code == 0
    assert "Examples:" in done.output
