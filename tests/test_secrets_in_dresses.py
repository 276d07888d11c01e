"""Sixty secrets of eight kinds, echoed by a server in as many dresses, are nowhere: not on disk, not on the screen."""

import base64
import gzip
import html
import json
import quopri
import random
import socketserver
import string
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from conformance.cli.summary import print_summary
from conformance.engine.campaign import Campaign
from conformance.engine.plan import Selection, make_plan
from conformance.evidence.run_folder import make_folder
from conformance.formats.documents import dump
from conformance.model.exchange import Request
from conformance.reporting.outputs import write_outputs
from conformance.target.reading import choose_services, load_target
from tests.campaigns import begin, told
from tests.undressing import readings

TEX = "therapeutic-exclusion"
CASES = (f"{TEX}/7.2/consult", f"{TEX}/7.2/declare-practitioner", f"{TEX}/5.5/list")
chance = random.Random(14)


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret, and the part of it that is nobody else's: where that is found, the secret leaks."""

    kind: str
    text: str
    core: str


def letters(length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    """Return letters by chance."""
    return "".join(chance.choices(alphabet, k=length))


def jwt() -> tuple[str, str]:
    """Return a compact token, and its signature."""
    parts = [base64.urlsafe_b64encode(json.dumps({"sub": letters(20)}).encode()).decode().rstrip("=") for _ in "ab"]
    signature = letters(43)
    return ".".join([*parts, signature]), signature


def opaque() -> tuple[str, str]:
    """Return an opaque token of all characters that a Bearer token may have (RFC 6750, section 2.1)."""
    core = letters(30, string.ascii_letters + string.digits + "-._~+/")
    return f"A{core}z", core


def password() -> tuple[str, str]:
    """Return a password of any characters."""
    core = letters(14, string.ascii_letters + string.digits + "%&<>\"'\\/+=é ")
    return f"p{core}w", core


def saml() -> tuple[str, str]:
    """Return an assertion, and its signature's value."""
    value = letters(60, string.ascii_letters + string.digits + "+/")
    attributes = f'AssertionID="_{letters(8)}" Issuer="é"'
    return f'<s:Assertion xmlns:s="urn:x" {attributes}>\n <V>{value}</V>\n</s:Assertion>', value


def basic() -> tuple[str, str]:
    """Return the credentials of a user, and his password."""
    core = letters(16)
    return base64.b64encode(f"user:{core}".encode()).decode(), core


def key() -> tuple[str, str]:
    """Return a key of letters and digits."""
    core = f"{letters(24)}7k"
    return core, core


KINDS: dict[str, Callable[[], tuple[str, str]]] = {
    "token": jwt,
    "opaque": opaque,
    "password": password,
    "client_assertion": jwt,
    "assertion": saml,
    "key": key,
    "cookie": key,
    "basic": basic,
}
SET = "set the cookie "
SECRETS = tuple(Secret(kind, *KINDS[kind]()) for kind, _ in zip(list(KINDS) * 8, range(60), strict=False))


def dresses(secret: str) -> Iterator[str]:
    """Yield a secret in the dresses in which services give things back."""
    raw = secret.encode()
    for shift in range(3):
        yield base64.b64encode(b"x" * shift + raw).decode()
        yield base64.b64encode(b"Authorization: "[shift:] + raw + b" is refused").decode().rstrip("=")
        yield base64.urlsafe_b64encode(b"x" * shift + raw).decode().rstrip("=")
    yield base64.encodebytes(raw).decode()
    yield base64.b64encode(base64.b64encode(raw)).decode()
    yield base64.b64encode(secret.encode("utf-16-le")).decode()
    yield base64.b64encode(json.dumps({"x": secret}).encode()).decode()
    yield from (raw.hex(), raw.hex().upper(), raw.hex(":"), raw.hex(" "))
    yield "".join(f"\\x{byte:02x}" for byte in raw)
    yield from (quote(secret, safe=""), quote(quote(secret, safe=""), safe=""))
    yield "".join(f"%{byte:02x}" for byte in raw)
    yield "".join(f"%{byte:02X}" if byte % 3 == 0 or byte in b"%\\&<" or byte > 127 else chr(byte) for byte in raw)
    yield "".join(f"\\u{ord(letter):04X}" for letter in secret)
    yield from (json.dumps(secret), json.dumps(secret).replace("/", "\\/"), json.dumps(json.dumps(secret)))
    yield from (html.escape(secret), html.escape(html.escape(secret)), json.dumps(html.escape(secret)))
    yield "".join(f"&#{ord(letter)};" for letter in secret)
    yield "".join(f"&#x{ord(letter):x};" for letter in secret)
    yield quopri.encodestring(raw, quotetabs=True).decode()
    yield secret


# ----------------------------------------------------------------------------------------------------------- the server


def on_a_line(text: str) -> str:
    """Return a text as a header field can carry it."""
    return text.replace("\r", "").replace("\n", "").encode().decode("latin-1")


def answer(number: int, secret: str) -> bytes:
    """Return an answer with a secret in one of the places of an answer, in all dresses, or set it as a cookie."""
    if secret.startswith(SET):
        return _whole(f"HTTP/1.1 200 OK\r\nSet-Cookie: session={secret.removeprefix(SET)}; Path=/\r\n".encode(), b"")
    worn = list(dresses(secret))
    lines = [on_a_line(dress) for dress in worn]
    told = on_a_line(secret)
    head = b"HTTP/1.1 200 OK\r\n"
    text = json.dumps({"detail": f"{secret} is refused", "forms": worn, secret: secret}, ensure_ascii=False)
    xml = f"<r a='{html.escape(secret)}'>{''.join(f'<f>{html.escape(dress)}</f>' for dress in worn)}</r>"
    fields = "".join(f"X-Echo-{at}: {line}\r\n" for at, line in enumerate(lines)).encode("latin-1")
    chunk = text.encode()
    ways: list[bytes] = [
        _whole(head + b"Content-Type: application/json\r\n", text.encode()),
        _whole(head + fields, b"{}"),
        _whole(f"HTTP/1.1 403 {told}\r\n".encode("latin-1"), b""),
        f"HTTP/1.1 2x0 {told}\r\n\r\n".encode("latin-1"),
        head + b"bad header " + told.encode("latin-1") + b"\r\n\r\n",
        head
        + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\nX-Last: %s\r\n\r\n"
        % (len(chunk), chunk, told.encode("latin-1")),
        _whole(b"HTTP/1.1 500 Oops\r\nContent-Type: text/xml\r\n", xml.encode()),
        _whole(head, f"Invalid credential: {secret}".encode()),
        head + b"Content-Length: 99999\r\n\r\n" + text.encode() + f" and {secret}".encode()[:-3],
        _whole(head, text.encode("utf-16")),
        _whole(head + b"Content-Encoding: gzip\r\n", gzip.compress(text.encode())),
        _whole(f"HTTP/1.1 302 Found\r\nLocation: /x?t={lines[18]}#{lines[0]}\r\n".encode("latin-1"), b"\xff" + chunk),
    ]
    return ways[number % len(ways)]


def _whole(head: bytes, body: bytes) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


@contextmanager
def echoing(seen: Callable[[bytes, bytes], str]) -> Iterator[str]:
    """Serve answers that give back what `seen` takes out of a request (head, body), and give the address."""
    numbers = iter(range(10**6))

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            head = b"".join(iter(self.rfile.readline, b"\r\n"))
            if not head.strip():
                return
            length = next(
                (int(row[15:]) for row in head.split(b"\r\n") if row.lower().startswith(b"content-length:")), 0
            )
            self.wfile.write(answer(next(numbers), seen(head, self.rfile.read(length))))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


# ------------------------------------------------------------------------------------------------------------ the tests


def leaks(name: str, data: bytes, secrets: tuple[Secret, ...]) -> Iterator[str]:
    """Yield which secrets can be read in what was written."""
    cores = {secret.core.encode(): secret.kind for secret in secrets}
    for reading in readings(data):
        yield from (f"{kind} in {name}" for core, kind in cores.items() if core in reading)


def assert_nowhere(folder: Path, screen: str, secrets: tuple[Secret, ...]) -> None:
    """Go through every file of a run folder, and through what was printed."""
    found = set(leaks("the screen", screen.encode("utf-8", "surrogateescape"), secrets))
    for path in folder.rglob("*"):
        if path.is_file():
            for line in path.read_bytes().splitlines():
                found |= set(leaks(path.name, line, secrets))
    assert found == set()


def teach(campaign: Campaign, secret: Secret) -> None:
    """Have a run learn a secret as it does: from the target, from a test of one's own, or (a cookie) from an answer."""
    given = {"key": ("X-Api-Key", secret.text), "basic": ("Proxy-Authorization", f"Basic {secret.text}")}
    store = campaign.runner(TEX).session.recorder.store
    if secret.kind in given:
        store.learn_given((given[secret.kind],))
    elif secret.kind != "cookie":
        store.learn(secret.text, {"token" if secret.kind == "opaque" else secret.kind: "citizen"})


def test_echoed_secrets_are_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the kind, the dress and the place in an answer, no file of the run folder has it, nor a line printed."""
    current = [SECRETS[0].text]
    with echoing(lambda _, __: current[0]) as address:
        tokens = {"citizen": SECRETS[1].text, "other_citizen": SECRETS[0].text}
        section = {"base_url": f"{address}/v2", "tokens": tokens, "data": {"patient": "90010199794"}}
        file = tmp_path / "t.yaml"
        limits = {"timeout": 30}
        file.write_text(
            dump({"name": "t", "environment": "local", "limits": limits, "services": {TEX: section}}), "utf-8"
        )
        target = load_target(str(file))
        plan = make_plan(target, choose_services(target, ()), Selection(cases=CASES), seed=1, examples=1)
        campaign = begin(plan, make_folder(tmp_path / "reports", datetime.now(UTC)))
        session = campaign.runner(TEX).session
        for number, secret in enumerate(SECRETS):
            teach(campaign, secret)
            if secret.kind == "cookie":
                current[0] = SET + secret.text
                session.send_once(CASES[0], Request("GET", address))
            current[0] = secret.text
            way = Request("POST", f"{address}/v2/{number}", (("Content-Type", "text/plain"),), secret.text.encode())
            session.send_once(CASES[0], way)
        for case in plan.cases:
            if plan.selection.takes(case):
                campaign.tally.add(campaign.run(case))
        campaign.close()
        print_summary(write_outputs(campaign), campaign.folder)
    printed = capsys.readouterr()
    sent = (campaign.folder / "exchanges.jsonl").read_text("utf-8")
    assert sent.count("\n") >= 60
    assert_nowhere(campaign.folder, printed.out + printed.err, SECRETS)


@pytest.mark.whole_run
def test_run_whose_tokens_are_echoed_has_them_nowhere(tmp_path: Path) -> None:
    """A whole run by the command line, with JUnit, Allure and the report, keeps none of its tokens."""
    tokens = dict(zip(("citizen", "other_citizen", "parent", "without_role"), SECRETS[:2] + SECRETS[8:10], strict=True))

    def bearer(head: bytes, _: bytes) -> str:
        rows = (row for row in head.decode("latin-1").split("\r\n") if row.lower().startswith("authorization:"))
        return next(rows, "x none").split(" ", 2)[-1]

    with echoing(bearer) as address:
        section = {"base_url": f"{address}/v2", "tokens": {role: secret.text for role, secret in tokens.items()}}
        section["data"] = {"patient": "90010199794", "other_patient": "85061599690"}
        file = tmp_path / "t.yaml"
        file.write_text(dump({"name": "t", "environment": "local", "services": {TEX: section}}), "utf-8")
        chosen = [part for case in CASES for part in ("--case", case)]
        done = told("run", "--target", file, "--examples", "1", *chosen, cwd=tmp_path)
    assert done.returncode in {1, 3}, done.stderr
    [folder] = (tmp_path / "reports").iterdir()
    assert_nowhere(folder, done.stdout + done.stderr, tuple(tokens.values()))
