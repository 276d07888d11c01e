"""How a failure is sent again by hand: what is printed is pasted into a real shell, and sends what was recorded."""

import json
import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from conformance.evidence.curl import curl_line
from conformance.evidence.reproduction import LONGEST, name_of, replay_line, reproducing_lines, reproduction
from conformance.evidence.run_folder import run_name
from conformance.model.wording import printable
from conformance.reporting.junit import junit_text
from tests.peers.server import Answer, Request, serving

ID = "20260101-000000-abcdef"
RUN = {"id": ID, "target": {"name": "mine", "file": "../../my target.yaml"}}
CASE = "service/1/case"
HEADERS = [["User-Agent", "a/1"], ["Accept", "x/y"]]
SHELLS = [shell for shell in ("bash", "dash", "sh") if shutil.which(shell)]
OPTIONS = {"-i", "-H", "-X", "--data-raw", "--data-binary", "--target", "--"}
HOSTILE = [
    "`touch pwned`",
    "$(touch pwned)",
    "${IFS}touch pwned",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "a\ntouch pwned\n",
    "a\r\ntouch pwned\r\n",
    "!!",
    "!touch",
    "--output pwned",
    "-opwned",
    "-",
    "@/etc/hostname",
    "%s %d %% \\n \\\\ \\101",
    "\x00\x01\x1b[31m\x7f\x9b",
    "\u2028\u202e\u00a0\ufeff",
    "é 中 😀",
    "a & touch pwned &",
    "a | touch pwned",
    "a > pwned",
    "* ? [a-z] {a,b} ~",
    "# no comment",
    "trailing \\",
    " ",
]


def record(name: str = "000001", **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any part of a request
    """Return the record of a request."""
    request = {"method": "GET", "url": "http://127.0.0.1:1/a", "headers": HEADERS, "body": {"text": ""}}
    return {"id": name, "request": {**request, **changes}}


def failed(*records: dict[str, Any], name: str = CASE) -> dict[str, Any]:
    """Return the entry of a failed case whose counterexample are these exchanges."""
    names = [row["id"] for row in records]
    shown: dict[str, Any] = {"exchanges": names, "example": ""}
    entry = {"id": name, "service": "service", "counterexample": shown}
    shown |= reproduction(entry, RUN, {row["id"]: row for row in records})
    return entry


def pasted(folder: Path, shell: str, text: str) -> list[list[str]]:
    """Run a text in a shell where `curl` and `ehealth-conformance` note their arguments; return these, call by call."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    noted = folder / "noted"
    for name in ("curl", "ehealth-conformance"):
        script = f'#!/bin/sh\nprintf "%s\\0" {name} "$@" "" >> "{noted}"\nprintf "[%s]" "$#"\n'
        (programs / name).write_text(script)
        (programs / name).chmod(0o700)
    work = folder / "work"
    work.mkdir(exist_ok=True)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}"}
    noted.unlink(missing_ok=True)
    subprocess.run([shell, "-c", text], cwd=work, env=environment, capture_output=True, timeout=60, check=False)
    assert list(work.iterdir()) == []
    calls = noted.read_bytes().decode("utf-8", "surrogateescape").split("\0\0") if noted.exists() else []
    return [call.split("\0") for call in calls if call]


def hostile(place: str, text: str) -> dict[str, Any]:
    """Return what a record has in the place of usual values where a text stands in one of its places."""
    changes: dict[str, dict[str, Any]] = {
        "value": {"headers": [["X", text]]},
        "name": {"headers": [[text, "x"]]},
        "scheme": {"headers": [["Authorization", {"scheme": text, "token": "citizen"}]]},
        "role": {"headers": [["Authorization", {"scheme": "Bearer", "token": text}]]},
        "method": {"method": text},
        "url": {"url": text},
        "body": {"method": "POST", "body": {"text": text}},
        "reference": {"headers": [["Cookie", {text: text, "secret": text}]]},
    }
    return changes[place]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("place", ["value", "name", "scheme", "role", "method", "url", "body", "reference"])
def test_nothing_foreign_reaches_a_shell(tmp_path: Path, shell: str, place: str) -> None:
    """Whatever stands anywhere in a record of somebody else's making, pasting the lines runs nothing but curl."""
    for text in HOSTILE:
        lines = reproducing_lines(failed(record(**hostile(place, text))), "run")
        script = "\n".join(line for line in lines if not line.endswith(":"))
        for program, *words in pasted(tmp_path, shell, script):
            values = {at + 1 for at, word in enumerate(words) if word in {"-H", "-X", "--data-raw"}}
            options = [word for at, word in enumerate(words) if at not in values and word.startswith("-")]
            assert program in {"curl", "ehealth-conformance"}
            assert set(options) <= OPTIONS or place == "role"


@pytest.mark.parametrize("shell", SHELLS)
def test_words_of_a_replay_stay_words(tmp_path: Path, shell: str) -> None:
    """A run's folder with spaces, or an id of somebody else's making, is one word of the command."""
    texts = [text for text in HOSTILE if "\0" not in text]
    calls = pasted(tmp_path, shell, "\n".join(replay_line(text, [text]) for text in texts))
    words = [[word for word in call if word != "--"] for call in calls]
    assert words == [["ehealth-conformance", "replay", text, text] for text in texts]


def test_printed_lines_are_what_a_terminal_leaves_alone() -> None:
    """No line has a character that a terminal would obey, so that what is shown is what is pasted."""
    for text in HOSTILE:
        line = curl_line(record(method="POST", body={"text": text}))
        assert line.isprintable()
        assert printable(line) == line


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("shell", SHELLS)
def test_bytes_that_curl_sends_are_those_recorded(tmp_path: Path, shell: str) -> None:
    """Method, address, fields and body arrive as they were, whatever they hold."""
    seen: list[Request] = []

    def answer(request: Request) -> Answer:
        seen.append(request)
        return Answer()

    with serving(answer) as address:
        urls = ["/a/../b?x=[1-3]&y={a,b}", "/%20?q='\"$x`y`!!", "/a/./b//c"]
        headers = [*HEADERS, ["X-Hostile", "`id` $(id) !! 'a' \"b\" \\ @x"], ["X-Empty", ""], ["Content-Type", "a/b"]]
        rows = [record(method="PUT", url=f"{address}/", headers=headers, body={"text": text}) for text in HOSTILE]
        rows += [record(url=f"{address}{url}") for url in urls]
        for row in rows:
            script = curl_line(row)
            assert script
            done = subprocess.run([shell, "-c", script], cwd=tmp_path, capture_output=True, timeout=60, check=False)
            assert done.returncode == 0, done.stderr
    assert [request.body.decode() for request in seen[: len(HOSTILE)]] == HOSTILE
    assert {request.method for request in seen[: len(HOSTILE)]} == {"PUT"}
    fields = {name.lower(): value for name, value in seen[0].headers.items()}
    assert fields["x-hostile"] == headers[2][1]
    assert not fields["x-empty"]
    asked = [request.path + (f"?{request.query}" if request.query else "") for request in seen[len(HOSTILE) :]]
    assert asked == [f"/api/v1{url}" for url in urls]


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "file:///etc/passwd"},
        {"url": "-o/tmp/x"},
        {"url": "http://user:word@host/"},
        {"url": "http://h/a b"},
        {"url": "http://h/\n"},
        {"method": "G T"},
        {"headers": [["@/etc/passwd", "x"]]},
        {"headers": [["X", "é"]]},
        {"headers": [["X", "a\nb"]]},
        {"headers": [["Content-Length", "7"]]},
        {"headers": [["Authorization", {"scheme": "Bearer", "token": "citizen", "altered": "forged"}]]},
        {"body": {"base64": "AAE="}},
    ],
)
def test_what_curl_would_not_send_is_replayed(changes: dict[str, Any]) -> None:
    """Where no command sends the very request, the line with `replay` stands in its place."""
    lines = list(reproducing_lines(failed(record(**changes)), "reports/run"))
    assert lines == ["Reproduce with:", "ehealth-conformance replay reports/run 000001"]


def test_all_exchanges_stand_in_their_order_with_what_fills_the_variables() -> None:
    """A person who has but the report can send everything that shows a failure, in its order, with credentials."""
    token = [["Authorization", {"scheme": "Bearer", "token": "citizen"}]]
    rows = [record(f"{number:06d}", headers=token, url=f"http://h/{number}") for number in (1, 2, 3)]
    lines = list(reproducing_lines(failed(*rows), ID))
    assert lines[:2] == [
        "Reproduce with curl:",
        "TOKEN_CITIZEN=\"$(ehealth-conformance token --target 'my target.yaml' service citizen)\"",
    ]
    assert [line.rpartition("/")[2] for line in lines[2:5]] == ["1", "2", "3"]
    assert lines[5:] == [
        "Or, with the answers judged:",
        f"ehealth-conformance replay {ID} {CASE} --counterexample",
    ]


def test_credential_that_nobody_knows_is_asked_for() -> None:
    """A credential that a test gave itself has to be put in by whoever pastes the line."""
    rows = [record(headers=[["Cookie", {"secret": "unknown"}]])]
    assert "TOKEN_UNKNOWN='put the credential here'" in reproducing_lines(failed(*rows), "run")


def test_what_is_too_long_to_paste_is_replayed() -> None:
    """A long sequence is no text for a terminal."""
    rows = [record(f"{number:06d}", url=f"http://h/{'x' * 500}") for number in range(LONGEST // 500)]
    assert list(reproducing_lines(failed(*rows), "run")) == [
        "Reproduce with:",
        f"ehealth-conformance replay run {CASE} --counterexample",
    ]


def test_junit_has_the_very_lines() -> None:
    """The lines of a failure are the same wherever they stand."""
    entry = failed(record("000001"), record("000002"))
    entry |= {"verdict": "fail", "kind": "positive", "title": "t", "reason": "r", "duration_s": 0.1}
    entry |= {"requirements": [], "findings": []}
    target = {"name": "mine", "environment": "local"}
    results = {"cases": [entry], "run": {"id": ID, "target": target, "services": ["service"], "started": ""}}
    failure = ET.fromstring(junit_text(json.loads(json.dumps(results)))).find(".//failure")
    assert failure is not None
    assert failure.text == "\n".join(["r", *reproducing_lines(entry, ID)])


@pytest.mark.parametrize(("place", "name"), [("reports/x", ""), ("x", "x"), ("a b/x", "a b/x"), ("../x", "")])
def test_run_is_named_as_a_command_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, name: str
) -> None:
    """Below the place where it was made a run is named by its path, in the usual folder or elsewhere by its id."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    assert run_name(here / place) == name
    assert name_of({"id": "x", "folder": name}) == (name or "x")


@pytest.mark.parametrize(
    ("folder", "file", "target"),
    [
        ("", "../../t.yaml", "t.yaml"),
        ("out/x", "../../t.yaml", "t.yaml"),
        ("mine", "../t.yaml", "t.yaml"),
        ("a/b/c/x", "../../t.yaml", "a/b/t.yaml"),
    ],
)
def test_target_of_a_token_is_named_from_where_the_run_was_made(folder: str, file: str, target: str) -> None:
    """The line that fills a token's variable finds the target file, however deep the run folder is."""
    run = {"id": "x", "folder": folder, "target": {"name": "mine", "file": file}}
    headers = [["Authorization", {"scheme": "Bearer", "token": "citizen"}]]
    case = {"id": CASE, "service": "service", "counterexample": {"exchanges": ["1"]}}
    [line] = reproduction(case, run, {"1": record(headers=headers)})["tokens"]
    assert f"--target {target} " in line
