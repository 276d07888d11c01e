"""Tests of `send`, one request from the command line, and of `token`, with real sockets and the local platform."""

import base64
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from conformance.cli.token import described_token, owner_of
from conformance.evidence.store import read_exchanges
from conformance.formats.documents import dump
from conformance.model.errors import UsageError
from conformance.target.reading import choose_services, load_target
from tests.campaigns import served_platform, told
from tests.peers import hostile
from tests.peers.hostile import DASHBOARD
from tests.peers.server import Answer, Request, serving

DASHBOARDS, EXCLUSIONS, DOSSIERS = "status-dashboard", "therapeutic-exclusion", "dossier-number-generation"
SCHEMA = Path(__file__).parents[1] / "reports" / "results.schema.json"
OPAQUE = "an-opaque-token-of-a-kind-that-is-no-jwt"
JSON = {"Content-Type": "application/json"}
NOW = datetime(2026, 11, 30, 18, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Serve the local platform, and return a target file for it."""
    folder = tmp_path_factory.mktemp("platform")
    with served_platform(folder, (DASHBOARDS, EXCLUSIONS, DOSSIERS)) as file:
        yield file


def target_file(folder: Path, service: str, address: str, /, **target: Any) -> Path:  # noqa: ANN401
    """Write a target file with one service at an address."""
    settings = {"base_url": address, **target.pop("settings", {})}
    data = {"name": "x", "environment": "local", "limits": {"timeout": 30}, "services": {service: settings}}
    file = folder / "target.yaml"
    file.write_text(dump(data | target), encoding="utf-8")
    return file


def run_folder(folder: Path) -> Path:
    """Return the only run folder."""
    [only] = (folder / "reports").iterdir()
    return only


def jwt(**claims: object) -> str:
    """Return a JWT with claims and a made-up signature."""
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, claims)]
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "c2lnbmF0dXJl"])


# ---------------------------------------------------------------------------------------------------------------- send


def test_request_and_answer_are_shown_and_judged(tmp_path: Path) -> None:
    """Request line, header fields, status line, indented body, verdict and run folder are printed; the end is 0."""
    answer = Answer(body=DASHBOARD, headers=dict(JSON))
    with serving(lambda _: answer) as address:
        file = target_file(tmp_path, DASHBOARDS, address)
        done = told("send", DASHBOARDS, "getDashboard", "--target", file, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == f"> GET {address}/dashboard"
    assert "> Accept: application/json" in lines
    assert any(line.startswith("< HTTP/1.1 200 OK  (") for line in lines)
    assert '  "groups": [' in lines
    assert "pass: the contract documents this answer" in lines
    assert lines[-1] == f"run folder: reports/{run_folder(tmp_path).name}"


def test_run_folder_holds_one_own_case(tmp_path: Path) -> None:
    """The exchange is a case of kind own in a complete run folder, which calls nothing conformant."""
    answer = Answer(body=DASHBOARD, headers=dict(JSON))
    with serving(lambda _: answer) as address:
        file = target_file(tmp_path, DASHBOARDS, address)
        told("send", DASHBOARDS, "getDashboard", "--target", file, cwd=tmp_path)
    folder = run_folder(tmp_path)
    document = json.loads((folder / "results.json").read_text("utf-8"))
    jsonschema.validate(document, json.loads(SCHEMA.read_text("utf-8")))
    [case] = document["cases"]
    assert (case["id"], case["kind"], case["verdict"]) == ("own/send/getDashboard", "own", "pass")
    assert document["run"]["services"] == []
    assert len(list(read_exchanges(folder))) == 1
    assert {"junit.xml", "report.html", "events.jsonl"} <= {path.name for path in folder.iterdir()}


def test_broken_contract_ends_with_1(tmp_path: Path) -> None:
    """A violation is printed with requirement, place, what was expected and what came."""
    answer = Answer(body=b'{"groups": 1}', headers=dict(JSON))
    with serving(lambda _: answer) as address:
        file = target_file(tmp_path, DASHBOARDS, address)
        done = told("send", DASHBOARDS, "getDashboard", "--target", file, cwd=tmp_path)
    assert done.returncode == 1
    assert "fail: the answer breaks the contract" in done.stdout
    assert "violation status-dashboard/" in done.stdout
    assert "    at /groups\n" in done.stdout
    assert "    actual   1 (number)\n" in done.stdout


@pytest.mark.parametrize("status", [302, 418, 500])
def test_undocumented_answer_ends_with_3(tmp_path: Path, status: int) -> None:
    """Nothing says what such an answer means, so that it is neither documented nor a violation."""
    with serving(lambda _: Answer(status)) as address:
        file = target_file(tmp_path, DASHBOARDS, address)
        done = told("send", DASHBOARDS, "getDashboard", "--target", file, cwd=tmp_path)
    assert done.returncode == 3
    assert "the contract documents no such answer to this operation" in done.stdout
    assert "the contract documents this answer" not in done.stdout


@pytest.mark.parametrize("option", ["--token=citizen!another", "--token=citizen!"])
def test_unknown_alteration_of_a_token_ends_with_2(platform: Path, tmp_path: Path, option: str) -> None:
    """What can be wrong with a token is named, and nothing is sent."""
    done = told("send", EXCLUSIONS, "getHealth", option, "--target", platform, cwd=tmp_path)
    assert done.returncode == 2
    assert "a token may be citizen!forged or citizen!unsigned" in done.stderr
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("answer", [Answer(401), Answer(503)])
def test_answer_that_says_nothing_ends_with_3(tmp_path: Path, answer: Answer) -> None:
    """A refused credential and a busy service are inconclusive, with the reason."""
    with serving(lambda _: answer) as address:
        file = target_file(tmp_path, EXCLUSIONS, address)
        done = told("send", EXCLUSIONS, "getHealth", "--target", file, cwd=tmp_path)
    assert done.returncode == 3
    assert "inconclusive: the answer says nothing about the service" in done.stdout


def test_silent_service_ends_with_3(tmp_path: Path) -> None:
    """Where there is no answer the reason stands in its place."""
    with hostile.serve("empty-reply") as address:
        file = target_file(tmp_path, DASHBOARDS, address)
        done = told("send", DASHBOARDS, "getDashboard", "--target", file, cwd=tmp_path)
    assert done.returncode == 3
    assert "< no answer: the peer closed the connection" in done.stdout


def test_values_are_sent_by_name(platform: Path, tmp_path: Path) -> None:
    """Parameters and members of the body are given by the contract's names; `$` stands for the target's test data."""
    values = {
        "patient.identifier.0.type": "ssin",
        "patient.identifier.0.value": "$patient",
        "hcParty.identifier.0.type": "nihii",
        "hcParty.identifier.0.value": "$pharmacies.0.nihii",
        "hcParty.qualificationCode": "orgpharmacy",
    }
    settings: list[str | Path] = [part for name, value in values.items() for part in ("--set", f"{name}={value}")]
    settings += ["--target", platform, "--token", "citizen"]
    done = told("send", EXCLUSIONS, "declareExclusion", *settings, cwd=tmp_path)
    assert done.returncode == 0
    assert "< HTTP/1.1 201 Created" in done.stdout
    asked = ("--set", "patientSsin=$patient", "--set", "hcPartyNihii=$pharmacies.0.nihii", "--token", "citizen")
    done = told("send", EXCLUSIONS, "revokeExclusion", "--target", platform, *asked, cwd=tmp_path)
    assert done.returncode == 0
    assert "< HTTP/1.1 204 No Content" in done.stdout


def test_token_is_shown_as_a_reference_and_not_on_disk(tmp_path: Path) -> None:
    """Neither the terminal nor the run folder ever has the token, even where the service sends it back."""
    answer = Answer(404, body=OPAQUE.encode())
    with serving(lambda _: answer) as address:
        file = target_file(tmp_path, EXCLUSIONS, address, settings={"tokens": {"citizen": OPAQUE}})
        command = ("send", EXCLUSIONS, "getHealth", "--token", "citizen", "--target", file)
        done = told(*command, cwd=tmp_path)
    assert '> Authorization: Bearer {"token": "citizen"}' in done.stdout
    assert OPAQUE not in done.stdout + done.stderr
    assert not [
        path for path in run_folder(tmp_path).rglob("*") if path.is_file() and OPAQUE in path.read_text("utf-8")
    ]


def test_body_file_goes_out_as_it_is(tmp_path: Path) -> None:
    """A whole body is sent byte for byte, as JSON."""
    seen: list[Request] = []
    content = b'{"patient" :  {}, "unknown": 1}\n'
    (tmp_path / "body.json").write_bytes(content)
    with serving(lambda request: seen.append(request) or Answer(400)) as address:  # type: ignore[func-returns-value]
        file = target_file(tmp_path, EXCLUSIONS, address)
        told("send", EXCLUSIONS, "declareExclusion", "--body", "body.json", "--target", file, cwd=tmp_path)
    assert (seen[0].body, seen[0].header("content-type")) == (content, "application/json")


def test_values_change_a_body_of_json(tmp_path: Path) -> None:
    """`--set` changes a value in the body of a file."""
    seen: list[Request] = []
    (tmp_path / "body.json").write_text('{"hcParty": {"qualificationCode": "x"}, "other": 1}', encoding="utf-8")
    with serving(lambda request: seen.append(request) or Answer(400)) as address:  # type: ignore[func-returns-value]
        file = target_file(tmp_path, EXCLUSIONS, address)
        changed = ("--body", "body.json", "--set", "hcParty.qualificationCode=persdentist")
        told("send", EXCLUSIONS, "declareExclusion", *changed, "--target", file, cwd=tmp_path)
    assert json.loads(seen[0].body) == {"hcParty": {"qualificationCode": "persdentist"}, "other": 1}


def test_long_body_is_clipped_with_its_length(tmp_path: Path) -> None:
    """The middle of a long body is left to the run folder, and the terminal says how long it is."""
    text = "begin" + "x" * 12_335 + "ended"
    with serving(lambda _: Answer(404, body=text.encode())) as address:
        file = target_file(tmp_path, DASHBOARDS, address)
        done = told("send", DASHBOARDS, "getDashboard", "--target", file, cwd=tmp_path)
    assert "... (12,345 characters; the run folder has them all) ..." in done.stdout
    assert "\nbegin" in done.stdout
    assert "ended\n" in done.stdout
    assert text not in done.stdout


def test_control_characters_of_an_answer_do_not_reach_the_terminal(tmp_path: Path) -> None:
    """What a terminal would obey is made harmless."""
    with serving(lambda _: Answer(404, body=b"\x1b[31mred")) as address:
        file = target_file(tmp_path, DASHBOARDS, address)
        done = told("send", DASHBOARDS, "getDashboard", "--target", file, cwd=tmp_path)
    assert "\x1b" not in done.stdout
    assert "[31mred" in done.stdout


@pytest.mark.parametrize("operation", ["generate", "GenerateCovidId"])
@pytest.mark.parametrize("name", ["last_name", "LastName", "Criteria/Person/LastName"])
def test_soap_message_is_built_signed_and_judged(platform: Path, tmp_path: Path, operation: str, name: str) -> None:
    """A SOAP operation by the contract's or the WSDL's name, values by role or element, signed as a caller."""
    command = ("send", DOSSIERS, operation, "--target", platform, "--caller", "physician")
    done = told(*command, "--set", "own_number=$own", "--set", f"{name}=Sterrenveld", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "<LastName>Sterrenveld<" in done.stdout
    assert '{"assertion": "physician"}' in done.stdout


def test_soap_body_is_the_request_element(platform: Path, tmp_path: Path) -> None:
    """A body of XML is put into a signed message, its id and time made anew."""
    told("send", DOSSIERS, "generate", "--target", platform, "--set", "own_number=$own", cwd=tmp_path)
    [row] = read_exchanges(run_folder(tmp_path))
    envelope = row["request"]["body"]["text"]
    begin, end = envelope.index("GenerateCovidIdRequest") - 5, envelope.index("</soapenv:Body>")
    element = envelope[begin:end]
    (tmp_path / "body.xml").write_text(f'<?xml version="1.0"?>\n{element}', encoding="utf-8")
    done = told("send", DOSSIERS, "generate", "--target", platform, "--body", "body.xml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("status-dashbord", "getDashboard"), "did you mean 'status-dashboard'"),
        ((DASHBOARDS, "getDashbord"), "did you mean 'getDashboard'? Known are: getDashboard, getDashboardInt"),
        ((DASHBOARDS, "getDashboard", "--token", "citizen"), "have no 'citizen'; there are none"),
        ((EXCLUSIONS, "getHealth", "--token", "citzen"), "did you mean 'citizen'? Known are: citizen, parent"),
        ((EXCLUSIONS, "getHealth", "--caller", "physician"), "use --token"),
        ((DOSSIERS, "generate", "--token", "citizen"), "use --caller"),
        ((DOSSIERS, "generate", "--caller", "nobody"), "Known are: physician, "),
        ((DOSSIERS, "generate", "--token", "a", "--caller", "b"), "not both"),
        ((DOSSIERS, "generate", "--set", "LastNam=x"), "did you mean 'last_name'? Known are: request_id, "),
        ((EXCLUSIONS, "getExclusions"), "add --set patientSsin=VALUE"),
        ((EXCLUSIONS, "getExclusions", "--set", "patientSsin"), "is no NAME=VALUE"),
        ((EXCLUSIONS, "getExclusions", "--set", "patientSsin=$nobody"), "the target gives no data.nobody"),
        ((EXCLUSIONS, "declareExclusion", "--body", "text", "--set", "hcParty.name=x"), "the body is no JSON"),
        ((DOSSIERS, "generate", "--body", "text"), "the body is no XML"),
        ((DOSSIERS, "generate", "--body", "a.xml"), "the body is to be the element"),
        ((DOSSIERS, "generate", "--body", "a.xml", "--set", "last_name=x"), "in a body of JSON only"),
        ((EXCLUSIONS, "getHealth", "--body", "none"), "does not exist"),
    ],
)
def test_wrong_input_ends_with_2_and_leaves_nothing(
    platform: Path, tmp_path: Path, arguments: tuple[str, ...], problem: str
) -> None:
    """A mistake is told with its remedy before anything is sent, and no run folder is left."""
    (tmp_path / "text").write_text("no data", encoding="utf-8")
    (tmp_path / "a.xml").write_text("<a/>", encoding="utf-8")
    done = told("send", *arguments, "--target", platform, cwd=tmp_path)
    assert done.returncode == 2
    assert problem in " ".join(done.stderr.split())
    assert not list((tmp_path / "reports").glob("*"))


def test_secret_that_cannot_be_had_leaves_nothing(tmp_path: Path) -> None:
    """A token whose variable is not set is told, and no run folder is left."""
    settings = {"tokens": {"citizen": {"env": "THIS_VARIABLE_IS_NOT_SET"}}}
    file = target_file(tmp_path, EXCLUSIONS, "http://127.0.0.1:9/v2", settings=settings)
    done = told("send", EXCLUSIONS, "getHealth", "--token", "citizen", "--target", file, cwd=tmp_path)
    assert done.returncode == 2
    assert "THIS_VARIABLE_IS_NOT_SET" in done.stderr
    assert not list((tmp_path / "reports").glob("*"))


def test_production_gets_nothing_but_get_on_public_services(tmp_path: Path) -> None:
    """A service that is not public is no target there, so that nothing can be sent to it."""
    done = told("send", EXCLUSIONS, "getHealth", "--target", "production", cwd=tmp_path)
    assert done.returncode == 2
    assert "has no service" in done.stderr


# --------------------------------------------------------------------------------------------------------------- token


def test_pipe_gets_the_bare_token(tmp_path: Path) -> None:
    """Into a pipe goes the token and a line end, and nothing else."""
    file = target_file(tmp_path, EXCLUSIONS, "http://127.0.0.1:9/v2", settings={"tokens": {"citizen": OPAQUE}})
    for arguments in (["citizen"], [EXCLUSIONS, "citizen"], ["citizen", "--raw"]):
        done = told("token", *arguments, "--target", file, cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{OPAQUE}\n", "")


def test_terminal_gets_the_claims_and_no_token(tmp_path: Path) -> None:
    """On a terminal who and until when are said in words, with the claims; the token itself is not shown."""
    ends = datetime.now(UTC) + timedelta(hours=2, minutes=1)
    text = jwt(iss="https://issuer", name="Alphonsine Sterrenveld", exp=int(ends.timestamp()))
    file = target_file(tmp_path, EXCLUSIONS, "http://127.0.0.1:9/v2", settings={"tokens": {"citizen": text}})
    shown = on_a_terminal("token", "citizen", "--target", str(file), cwd=tmp_path)
    assert "who      name Alphonsine Sterrenveld" in shown
    assert f"expires  {ends:%Y-%m-%d %H:%M:%S} UTC, in 2 hours" in shown
    assert '"iss": "https://issuer"' in shown
    assert text not in shown
    assert on_a_terminal("token", "citizen", "--raw", "--target", str(file), cwd=tmp_path).strip() == text


def on_a_terminal(*arguments: str, cwd: Path) -> str:
    """Run the command line on a pseudo-terminal, and return what it shows."""
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "conformance", *arguments], cwd=cwd, stdout=theirs, timeout=300, check=False
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:
        pass  # a terminal whose other side is closed
    os.close(ours)
    assert done.returncode == 0
    return shown.decode().replace("\r\n", "\n")


def test_claims_are_json_into_a_pipe(platform: Path, tmp_path: Path) -> None:
    """`--claims` prints what the token says as JSON, wherever it goes."""
    done = told("token", "citizen", "--claims", "--target", platform, cwd=tmp_path)
    claims = json.loads(done.stdout)
    assert claims["userProfile"]["ssin"] == claims["ssin"]


@pytest.mark.parametrize(
    ("claims", "lines"),
    [
        ({"exp": NOW.timestamp() + 300}, ["expires  2026-11-30 18:05:00 UTC, in 5 minutes"]),
        ({"exp": NOW.timestamp() - 86400}, ["expires  2026-11-29 18:00:00 UTC, 1 day ago"]),
        ({"iat": NOW.timestamp() - 1}, ["issued   2026-11-30 17:59:59 UTC, 1 second ago"]),
        ({"exp": "soon"}, ["expires  'soon', which is no moment"]),
        ({"exp": 1e30}, ["expires  1e+30, which is beyond the calendar"]),
        ({"sub": "x"}, ["who      sub x", "issuer   the token does not say"]),
        ({}, ["who      the token does not say"]),
    ],
)
def test_moments_and_holder_in_words(claims: dict[str, object], lines: list[str]) -> None:
    """Times are said in words, and what a token does not say is said too."""
    shown = list(described_token(jwt(**claims), "citizen", NOW))
    assert set(lines) <= set(shown)


def test_opaque_token_says_so(tmp_path: Path) -> None:
    """A token that is no JWT is described as opaque; it has no claims to print."""
    [line] = described_token(OPAQUE, "citizen", NOW)
    assert line == f"the token 'citizen' is opaque: it is no JWT and says nothing of itself ({len(OPAQUE)} characters)"
    file = target_file(tmp_path, EXCLUSIONS, "http://127.0.0.1:9/v2", settings={"tokens": {"citizen": OPAQUE}})
    done = told("token", "citizen", "--claims", "--target", file, cwd=tmp_path)
    assert done.returncode == 2
    assert "is no JWT" in done.stderr
    assert OPAQUE not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("citzen",), "did you mean 'citizen'? Known are: citizen, parent"),
        ((DASHBOARDS, "citizen"), "the target has no token 'citizen'; there are none"),
        (("a", "b", "c"), "token [SERVICE] ROLE"),
        (("citizen", "--raw", "--claims"), "not both"),
        (("status-dashbord", "citizen"), "did you mean 'status-dashboard'"),
    ],
)
def test_wrong_role_ends_with_2(platform: Path, tmp_path: Path, arguments: tuple[str, ...], problem: str) -> None:
    """A role that is not there is told with those that are."""
    done = told("token", *arguments, "--target", platform, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert problem in " ".join(done.stderr.split())


def test_role_of_several_services_needs_a_service(platform: Path) -> None:
    """Without a service the role must be in one only; the error names those that have it."""
    target = load_target(str(platform))
    [one] = choose_services(target, (EXCLUSIONS,))
    other = replace(target.services[DASHBOARDS], settings=one.settings)
    with pytest.raises(UsageError, match=f"several services have a token 'citizen': {EXCLUSIONS}, {DASHBOARDS}"):
        owner_of((one, other), "citizen")


@pytest.mark.parametrize("command", ["send", "token"])
def test_help_has_examples(tmp_path: Path, command: str) -> None:
    """Each command's help ends with command lines that can be copied."""
    done = told(command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert f"ehealth-conformance {command} therapeutic-exclusion" in done.stdout
