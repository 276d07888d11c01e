"""Tests of the evidence on disk: complete, private, without secrets, and there after the process was killed."""

import base64
import codecs
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from conformance.evidence.redaction import Redactor
from conformance.evidence.store import FILE, Store, read_exchanges
from conformance.formats.documents import dump
from conformance.model.exchange import ErrorKind, Exchange, Purpose, Request, Response, TransportFailure
from tests.peers.server import Answer, serving
from tests.peers.server import Request as PeerRequest

ROOT = Path(__file__).parents[1]
STARTED = datetime(2025, 5, 9, 8, 55, 0, 123456, tzinfo=UTC)
REQUEST = Request("GET", "http://127.0.0.1/x?a=b", (("User-Agent", "a/1 b/2"), ("Accept", "*/*")), b"")
RESPONSE = Response(200, "OK", (("Content-Type", "text/plain"),), b"text", 4, "ab" * 32)


def _exchange(
    number: str = "000001", request: Request = REQUEST, outcome: Response | TransportFailure = RESPONSE
) -> Exchange:
    return Exchange(number, "service/1/case", Purpose.PROBE, STARTED, 0.0123456789, request, outcome)


def _written(folder: Path, exchange: Exchange, redactor: Redactor | None = None) -> dict[str, object]:
    with Store(folder, redactor or Redactor()) as store:
        store.write(exchange)
    [record] = read_exchanges(folder)
    return record


def test_exchange_is_read_back_as_it_was(tmp_path: Path) -> None:
    """A request and its answer are one line with everything that was seen."""
    assert _written(tmp_path, _exchange()) == {
        "id": "000001",
        "case": "service/1/case",
        "purpose": "probe",
        "started": "2025-05-09T08:55:00.123456+00:00",
        "elapsed_s": 0.012346,
        "request": {
            "method": "GET",
            "url": "http://127.0.0.1/x?a=b",
            "headers": [["User-Agent", "a/1 b/2"], ["Accept", "*/*"]],
            "body": {"text": ""},
        },
        "response": {
            "status": 200,
            "reason": "OK",
            "version": "1.1",
            "headers": [["Content-Type", "text/plain"]],
            "body": {"text": "text"},
            "length": 4,
            "sha256": "ab" * 32,
            "cut": "",
            "informational": 0,
            "surplus": 0,
        },
    }


def test_failure_is_read_back_with_what_was_received(tmp_path: Path) -> None:
    """Where there is no answer, the record says why and keeps the first bytes."""
    record = _written(tmp_path, _exchange(outcome=TransportFailure(ErrorKind.PROTOCOL, "no HTTP", b"220 mail")))
    assert record["failure"] == {"kind": "protocol", "message": "no HTTP", "received": {"text": "220 mail"}}
    assert "response" not in record


@pytest.mark.parametrize(
    "body", [b"", "é😀\u2028\x00\x1b".encode(), b'{"a": "\\ud800"}\r\n', b"\xff\x00\xfe", b"\xed\xa0\x80"]
)
def test_body_of_any_bytes_is_kept(tmp_path: Path, body: bytes) -> None:
    """A body in UTF-8 is kept as text, any other in base64, and both give the same bytes again."""
    response = Response(200, "\xe9", (("X", "\xff\x80"),), body, len(body), "")
    record = _written(tmp_path, _exchange(outcome=response))["response"]
    assert isinstance(record, dict)
    kept = record["body"]
    assert (kept["text"].encode() if "text" in kept else base64.b64decode(kept["base64"])) == body
    assert (record["reason"], record["headers"]) == ("\xe9", [["X", "\xff\x80"]])
    assert (tmp_path / FILE).read_bytes().isascii()


def test_secrets_never_reach_the_disk(tmp_path: Path) -> None:
    """A known secret becomes its reference wherever it stands: URL, headers, body, answer, what was received."""
    redactor = Redactor()
    redactor.learn("s3cr3t-value", {"token": "citizen"})
    headers = (("Authorization", "Bearer s3cr3t-value"), ("X-Copy", "s3cr3t-value"))
    request = Request("POST", "http://h/s3cr3t-value?t=s3cr3t-value", headers, b'{"t": "s3cr3t-value"}')
    answers: list[Response | TransportFailure] = [
        Response(200, "s3cr3t-value", headers, b"text s3cr3t-value", 1, ""),
        Response(200, "", (), b"\xff s3cr3t-value \xfe", 1, ""),
        TransportFailure(ErrorKind.PROTOCOL, "broken", b"X: s3cr3t-value"),
        TransportFailure(ErrorKind.PROTOCOL, "broken", b"\xff: s3cr3t-value"),
    ]
    with Store(tmp_path, redactor) as store:
        for answer in answers:
            store.write(_exchange(request=request, outcome=answer))
    text = (tmp_path / FILE).read_text("ascii")
    assert "s3cr3t" not in text
    assert base64.b64encode(b"s3cr3t-value").decode().rstrip("=") not in text
    records = list(read_exchanges(tmp_path))
    assert records[0]["request"]["headers"][0] == ["Authorization", {"scheme": "Bearer", "token": "citizen"}]
    binary = base64.b64decode(records[1]["response"]["body"]["base64"])
    assert binary == b'\xff {"token": "citizen"} \xfe'


def test_secret_in_the_message_of_a_failure_never_reaches_the_disk(tmp_path: Path) -> None:
    """A peer that sends a token back in a broken header does not bring it into the record."""
    redactor = Redactor()
    redactor.learn("s3cr3t-value", {"token": "citizen"})
    message = "the answer breaks HTTP: illegal header line: bytearray(b'X-Token : s3cr3t-value')"
    _written(tmp_path, _exchange(outcome=TransportFailure(ErrorKind.PROTOCOL, message)), redactor)
    assert "s3cr3t" not in (tmp_path / FILE).read_text("ascii")


@pytest.mark.parametrize("body", [b"x", "é\U0001f600".encode(), b"\xff\x00", b'{"a": 1}\r\n' * 10_000])
def test_request_body_has_its_length_and_hash(tmp_path: Path, body: bytes) -> None:
    """A request with a body says how many bytes were sent, and their SHA-256, as an answer does."""
    record = _written(tmp_path, _exchange(request=Request("POST", "http://h/", (), body)))["request"]
    assert isinstance(record, dict)
    assert (record["length"], record["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())


def test_request_without_body_has_neither(tmp_path: Path) -> None:
    """Where no body was sent, there is nothing to prove."""
    record = _written(tmp_path, _exchange())["request"]
    assert isinstance(record, dict)
    assert not {"length", "sha256"} & record.keys()


@pytest.mark.parametrize("secret", ["s3cr3t-value", "<Assertion a='é'>\n\u20ac</Assertion>"])
def test_length_and_hash_are_those_of_the_bytes_sent(tmp_path: Path, secret: str) -> None:
    """With the secret in the place of its reference, the record gives the very bytes that were sent."""
    redactor = Redactor()
    redactor.learn(secret, {"assertion": "physician"})
    body = f"<a>é {secret} {secret}</a>".encode()
    record = _written(tmp_path, _exchange(request=Request("POST", "http://h/", (), body)), redactor)["request"]
    assert isinstance(record, dict)
    text = record["body"]["text"]
    assert secret not in text
    again = text.replace('{"assertion": "physician"}', secret).encode()
    assert (again, record["length"]) == (body, len(body))
    assert record["sha256"] == hashlib.sha256(again).hexdigest()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", [b"", b"\x00"])
def test_secret_written_in_another_encoding_never_reaches_the_disk(tmp_path: Path, encoding: str, end: bytes) -> None:
    """XML may come as UTF-16: a credential in it is taken out all the same, the rest stays as it was."""
    redactor = Redactor()
    redactor.learn("s3cr3t-value", {"password": "physician"})
    body = "<a>é s3cr3t-value <Assertion ID='1'>x</Assertion></a>".encode(encoding) + end
    record = _written(tmp_path, _exchange(outcome=Response(200, "", (), body, len(body), "")), redactor)["response"]
    assert isinstance(record, dict)
    kept = record["body"]
    raw = kept["text"].encode() if "text" in kept else base64.b64decode(kept["base64"])
    for piece in ("s3cr3t", "<Assertion"):
        assert piece.encode() not in raw.replace(b"\x00", b"")
    assert '{"password": "physician"} {"secret": "unknown"}</a>'.encode(encoding).removeprefix(codecs.BOM_UTF16) in raw


def test_binary_body_without_a_secret_is_kept_as_it_was(tmp_path: Path) -> None:
    """Bytes that only look like UTF-16 stay the same."""
    body = bytes(range(256)) * 3
    record = _written(tmp_path, _exchange(outcome=Response(200, "", (), body, len(body), "")))["response"]
    assert isinstance(record, dict)
    assert base64.b64decode(record["body"]["base64"]) == body


def test_file_is_private_whatever_the_mask(tmp_path: Path) -> None:
    """The file can be read by its owner alone."""
    before = os.umask(0)
    try:
        _written(tmp_path, _exchange())
    finally:
        os.umask(before)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_each_exchange_is_on_disk_before_the_next(tmp_path: Path) -> None:
    """What was written can be read while the file is still open, and a second store adds to it."""
    with Store(tmp_path, Redactor()) as first, Store(tmp_path, Redactor()) as second:
        for number, store in enumerate((first, second, first), 1):
            store.write(_exchange(f"{number:06d}"))
            assert [record["id"] for record in read_exchanges(tmp_path)] == [f"{n:06d}" for n in range(1, number + 1)]


def test_run_without_exchanges_has_none(tmp_path: Path) -> None:
    """A folder without the file, and a file without a line, hold no exchange."""
    assert list(read_exchanges(tmp_path)) == []
    Store(tmp_path, Redactor()).close()
    assert list(read_exchanges(tmp_path)) == []


@pytest.mark.parametrize("kept", [1, 40, -2, -1])
def test_last_line_that_was_cut_short_is_left_out(tmp_path: Path, kept: int) -> None:
    """After a half written line the complete ones before it are still read."""
    with Store(tmp_path, Redactor()) as store:
        store.write(_exchange("000001"))
        store.write(_exchange("000002"))
        store.write(_exchange("000003"))
    path = tmp_path / FILE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1] + lines[2][:kept])
    assert [record["id"] for record in read_exchanges(tmp_path)] == ["000001", "000002"]


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from conformance.evidence.store import Store
from conformance.model.exchange import Exchange, Purpose, Request, Response
from conformance.evidence.redaction import Redactor

folder, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
body = name.encode() * 20_000
with Store(folder, Redactor()) as store:
    for number in range(count):
        response = Response(200, "OK", (), body, len(body), "")
        request = Request("GET", "http://127.0.0.1/")
        store.write(Exchange(f"{name}{number}", "c", Purpose.PROBE, datetime.now(UTC), 0.0, request, response))
        print(f"{name}{number}", flush=True)
"""


def _writer(folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(folder), name, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_lines_of_several_processes_are_never_mixed(tmp_path: Path) -> None:
    """Workers that write long lines at the same time leave every one of them whole."""
    writers = [_writer(tmp_path, name, 50) for name in "abc"]
    assert [writer.communicate(timeout=300)[1] for writer in writers] == [None] * 3
    ids = [record["id"] for record in read_exchanges(tmp_path)]
    assert sorted(ids) == sorted(f"{name}{number}" for name in "abc" for number in range(50))
    assert all(len(record["response"]["body"]["text"]) == 20_000 for record in read_exchanges(tmp_path))


def test_exchanges_of_a_killed_writer_are_all_readable(tmp_path: Path) -> None:
    """A process that is killed while it writes without pause leaves every exchange that it had completed."""
    writer = _writer(tmp_path, "x", 1_000_000)
    assert writer.stdout is not None
    with writer.stdout as lines:
        said = [lines.readline().strip() for _ in range(30)]
        writer.kill()
        said += lines.read().split()
    assert writer.wait(300) == -signal.SIGKILL
    completed = [name for number, name in enumerate(said) if name == f"x{number}"]
    ids = [record["id"] for record in read_exchanges(tmp_path)]
    assert ids[: len(completed)] == completed
    assert 30 <= len(completed) <= len(ids)


def test_run_that_is_killed_in_the_middle_leaves_what_was_answered(tmp_path: Path) -> None:
    """`run`, killed while its tenth request waits for an answer, has the nine before it on disk."""
    reached, over = threading.Event(), threading.Event()
    count = 0

    def handle(_: PeerRequest) -> Answer:
        nonlocal count
        count += 1
        if count == 10:
            reached.set()
            over.wait(300)
        return Answer(document={"groups": []}, headers={"Content-Type": "application/json"})

    with serving(handle) as base:
        target = tmp_path / "target.yaml"
        services = {"status-dashboard": {"base_url": base}}
        target.write_text(dump({"name": "x", "environment": "local", "services": services}), encoding="utf-8")
        command = [sys.executable, "-m", "conformance", "run", "--target", str(target), "--out", str(tmp_path / "out")]
        run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert reached.wait(300)
        run.kill()
        assert run.communicate(timeout=300)[1] is not None
        over.set()
    assert run.returncode == -signal.SIGKILL
    [folder] = (tmp_path / "out").iterdir()
    records = list(read_exchanges(folder))
    assert [record["response"]["status"] for record in records] == [200] * 9
    assert all(json.loads(record["response"]["body"]["text"]) == {"groups": []} for record in records)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / FILE).stat().st_mode & 0o777 == 0o600
