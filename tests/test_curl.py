"""Commands that send a recorded request by hand: what a shell makes of them is what was sent, without its secrets."""

import json
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from conformance.evidence.curl import LONGEST_BODY, curl_line
from tests.peers.server import Answer, Request, serving

HEADERS = [["User-Agent", "a/1 b/1"], ["Accept", "x/y"]]


def record(**changes: object) -> dict[str, Any]:
    """Return the record of a request."""
    request = {"method": "GET", "url": "http://127.0.0.1:1/a?b=c", "headers": HEADERS, "body": {"text": ""}}
    return {"request": {**request, **changes}}


def test_plain_request_needs_no_method() -> None:
    """GET is what curl sends by itself."""
    assert curl_line(record()) == "curl -i -H 'User-Agent: a/1 b/1' -H 'Accept: x/y' 'http://127.0.0.1:1/a?b=c'"


def test_answer_is_unpacked() -> None:
    """What was asked for packed is shown as it is."""
    assert curl_line(record(headers=[["Accept-Encoding", "gzip"]])).startswith("curl -i --compressed ")


@pytest.mark.parametrize(
    ("reference", "header"),
    [
        ({"scheme": "Bearer", "token": "citizen"}, '"Authorization: Bearer $TOKEN_CITIZEN"'),
        (
            {"scheme": "Bearer", "token": "citizen", "altered": "forged"},
            '"Authorization: Bearer $TOKEN_CITIZEN_FORGED"',
        ),
        ({"scheme": "Bearer", "secret": "unknown"}, '"Authorization: Bearer $TOKEN_UNKNOWN"'),
    ],
)
def test_credential_is_a_variable(reference: object, header: str) -> None:
    """A reference becomes a variable that the user sets."""
    assert header in curl_line(record(headers=[["Authorization", reference]]))


@pytest.mark.parametrize(
    "body",
    [
        {"base64": "AAE="},
        {"text": "x" * (LONGEST_BODY + 1)},
        {"text": '<a>{"assertion": "physician"}</a>'},
        {"text": '<a>{"secret": "unknown"}</a>'},
    ],
)
def test_what_no_command_line_can_hold_has_none(body: object) -> None:
    """Binary, long and signed bodies are for `replay`."""
    assert curl_line(record(method="POST", body=body)) == ""


def test_foreign_text_stays_text() -> None:
    """Whatever stands in a header, a body or an address, the shell takes it as it is."""
    headers = [*HEADERS, ["Content-Type", "a'b$(c)`d`"]]
    line = curl_line(record(method="POST", headers=headers, body={"text": "e'$f"}, url="http://h/'g"))
    assert shlex.split(line) == [
        *("curl", "-i", "-X", "POST", "-H", "User-Agent: a/1 b/1", "-H", "Accept: x/y"),
        *("-H", "Content-Type: a'b$(c)`d`", "--data-raw", "e'$f", "http://h/'g"),
    ]


def test_body_of_several_lines_is_written_in_one() -> None:
    """What a terminal would obey is written by `printf`, which has octal for it."""
    line = curl_line(record(method="POST", body={"text": "-e'\n\t%d\\\x1b"}))
    assert line.startswith("""printf '\\055e'"'"'\\012\\011%%d\\\\\\033' | curl -i -X POST""")
    assert "--data-binary @- " in line


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_sends_what_was_recorded(tmp_path: Path) -> None:
    """The real program sends method, headers, token and body to the very address."""
    seen: list[Request] = []

    def answer(request: Request) -> Answer:
        seen.append(request)
        return Answer()

    with serving(answer) as address:
        headers = [["Authorization", {"scheme": "Bearer", "token": "citizen"}], ["Content-Type", "application/json"]]
        body = {"text": json.dumps({"a": "it's"})}
        line = curl_line(record(method="POST", url=f"{address}/x?y=%20z", headers=headers, body=body))
        script = f"TOKEN_CITIZEN=abc; {line}"
        subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, timeout=120, check=True)
    (request,) = seen
    assert (request.method, request.body) == ("POST", body["text"].encode())
    fields = {name.lower(): value for name, value in request.headers.items()}
    assert (fields["authorization"], fields["content-type"]) == ("Bearer abc", "application/json")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("body", ["", "text"])
def test_curl_adds_no_header_of_its_own(tmp_path: Path, body: str) -> None:
    """What was sent without User-Agent, Accept or Content-Type is sent without them again."""
    seen: list[Request] = []

    def answer(request: Request) -> Answer:
        seen.append(request)
        return Answer()

    with serving(answer) as address:
        line = curl_line(record(method="POST", url=address, headers=[["X-A", "b"]], body={"text": body}))
        subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, timeout=120, check=True)
    assert {name.lower() for name in seen[0].headers} - {"host", "content-length"} == {"x-a"}
