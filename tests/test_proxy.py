"""Tests of the way through a company's proxy: which hosts take it, what a proxy may do, and a whole run through one."""

import base64
import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from conformance.cli import main
from conformance.contracts.loading import describe, load_spec
from conformance.credentials.outgoing import make_transport, proxy_of
from conformance.evidence.redaction import Redactor
from conformance.formats import documents
from conformance.mock.platform import LocalPlatform
from conformance.model.errors import TargetError
from conformance.model.exchange import ErrorKind, Request, Response, TransportFailure
from conformance.target.network import NamedProxy
from conformance.target.reading import load_target
from conformance.target.writing import target_text
from conformance.traffic.proxy import Proxy, basic, exemptions, named_by_environment, read_proxy_url
from conformance.traffic.transport import Transport
from tests.networks import (
    GATEWAY,
    KEYSTORE_WORD,
    PASSWORD,
    USER,
    accepting,
    fronting,
    make_pki,
    needs_tinyproxy,
    read_head,
    relaying,
    sign,
    tinyproxy,
    write_keystore,
)
from tests.peers.status_dashboard import serve as serve_dashboard
from tests.test_diagnosis import failure_of
from tests.test_transport import AMPLE, LIMIT, widening

SERVICE = "status-dashboard"
CREDENTIAL = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[str]:
    """Serve the dashboard under a name that only a proxy knows; the value is its address."""
    pki = make_pki()
    chain = pki.write(tmp_path, pki.intermediate)
    with serve_dashboard("plain") as plain, fronting(plain, chain) as port:
        yield f"https://{GATEWAY}:{port}/{plain.partition('://')[2].partition('/')[2]}"


def target_file(folder: Path, address: str, **keys: Any) -> Path:  # noqa: ANN401 - parts of a target file
    """Write a target file for the dashboard at an address."""
    data = {
        "name": "x",
        "environment": "local",
        "tls": {"ca_file": "root.pem"},
        "limits": {"timeout": AMPLE},
        "services": {SERVICE: {"base_url": address, "dashboards": ["prod"]}},
    }
    path = folder / "target.yaml"
    path.write_text(documents.dump(data | keys), "utf-8")
    return path


def through(url: str, timeout: float = AMPLE, **settings: Any) -> Transport:  # noqa: ANN401 - of a Proxy
    """Return a transport that goes through a proxy."""
    address = read_proxy_url(url)
    return Transport(timeout, proxy=Proxy(address.host, address.port, **settings))


# --------------------------------------------------------------------------------------------------- a proxy's address


@pytest.mark.parametrize(
    ("url", "host", "port", "user", "password"),
    [
        ("http://proxy.example.org:3128", "proxy.example.org", 3128, "", ""),
        ("proxy.example.org:3128", "proxy.example.org", 3128, "", ""),
        ("http://10.0.0.1:8080/", "10.0.0.1", 8080, "", ""),
        ("http://[::1]:8080", "::1", 8080, "", ""),
        ("http://svc:p%40ss%3A@proxy:3128", "proxy", 3128, "svc", "p@ss:"),
    ],
)
def test_address_of_a_proxy_is_read(url: str, host: str, port: int, user: str, password: str) -> None:
    """A URL names host and port, and in the environment's variables user and password, percent-encoded."""
    found = read_proxy_url(url)
    assert (found.host, found.port, found.user, found.password) == (host, port, user, password)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://u:secret@proxy:3128", "TLS to the proxy itself is not supported"),
        ("socks5://u:secret@proxy:1080", "SOCKS is not supported"),
        ("ftp://u:secret@proxy:21", "its scheme is not http"),
        ("http://u:secret@proxy", "it names no port"),
        ("http://u:secret@proxy:0", "it names no port"),
        ("http://u:secret@proxy:99999", "it is no URL"),
        ("http://u:secret@:3128", "it names no host"),
        ("http://u:secret@pro xy:3128", "it names no host"),
        ("http://u:secret@proxy:3128/proxy.pac", "something follows the port"),
        ("http://[::1:3128", "it is no URL"),
    ],
)
def test_address_that_is_none_of_a_proxy_is_refused_without_its_password(url: str, words: str) -> None:
    """What is wrong is said, and how to write it; the URL itself is not repeated."""
    with pytest.raises(ValueError, match=words) as found:
        read_proxy_url(url)
    assert "secret" not in str(found.value)


@pytest.mark.parametrize(
    ("exempt", "host", "leads"),
    [
        ("", "gateway.example.org", True),
        ("*", "gateway.example.org", False),
        ("example.org", "gateway.example.org", False),
        (".example.org", "gateway.example.org", False),
        (".example.org", "example.org", False),
        ("*.example.org", "gateway.example.org", False),
        ("EXAMPLE.org.", "Gateway.example.ORG.", False),
        ("example.org", "badexample.org", True),
        ("a.test, example.org b.test", "example.org", False),
        ("example.org:443", "example.org", False),
        ("example.org:8443", "example.org", True),
        ("10.0.0.0/8", "10.200.3.4", False),
        ("10.0.0.0/8", "11.0.0.1", True),
        ("10.1.2.3", "10.1.2.3", False),
        ("10.1.2.3", "10.1.2.33", True),
        ("fd00::/8", "fd12::1", False),
        ("[fd12::1]", "fd12::1", False),
        (".", "example.org", True),
        (",,", "example.org", True),
        ("", "localhost", False),
        ("", "127.0.0.9", False),
        ("", "::1", False),
    ],
)
def test_hosts_are_exempt_as_curl_has_it(exempt: str, host: str, leads: bool) -> None:  # noqa: FBT001 - a table's column
    """Domains with all below them, addresses and networks are exempt, and loopback always is."""
    assert Proxy("proxy", 3128, exemptions(exempt)).leads_to(host, 443) is leads


@pytest.mark.parametrize(
    ("environment", "variable", "exempt"),
    [
        ({"HTTPS_PROXY": "http://a:1", "https_proxy": "http://b:2"}, "https_proxy", ()),
        ({"ALL_PROXY": "http://a:1", "HTTPS_PROXY": "http://b:2"}, "HTTPS_PROXY", ()),
        ({"all_proxy": "http://a:1", "NO_PROXY": "x.test,y.test"}, "all_proxy", ("x.test", "y.test")),
        ({"HTTPS_PROXY": "http://a:1", "no_proxy": "x", "NO_PROXY": "y"}, "HTTPS_PROXY", ("x",)),
        ({"HTTPS_PROXY": "", "ALL_PROXY": "http://a:1"}, "ALL_PROXY", ()),
    ],
)
def test_environment_names_a_proxy_as_for_curl(
    environment: Mapping[str, str], variable: str, exempt: tuple[str, ...]
) -> None:
    """The variables are looked at in curl's order, small letters first."""
    named = named_by_environment(environment)
    assert named is not None
    assert (named.variable, named.exempt) == (variable, exempt)


@pytest.mark.parametrize("environment", [{}, {"HTTP_PROXY": "http://a:1"}, {"NO_PROXY": "x"}])
def test_environment_without_proxy_for_https_names_none(environment: Mapping[str, str]) -> None:
    """A proxy for plain http is none for https."""
    assert named_by_environment(environment) is None


# ------------------------------------------------------------------------------------------------------- target files


def test_proxy_of_a_file_is_one_with_its_credential(tmp_path: Path) -> None:
    """Address, exempt hosts, user and password become a proxy; the redactor learns the credential in both forms."""
    section = {"url": "http://proxy.example.org:3128", "no_proxy": ["x.test"], "user": USER, "password": PASSWORD}
    redactor = Redactor()
    proxy = proxy_of(load_target(str(target_file(tmp_path, "https://x.test", proxy=section, tls={}))), redactor)
    assert proxy == Proxy("proxy.example.org", 3128, ("x.test",), f"Basic {CREDENTIAL}")
    assert PASSWORD not in repr(proxy)
    assert CREDENTIAL not in repr(proxy)
    assert redactor.text(f"{PASSWORD} {CREDENTIAL}") == '{"password": "proxy"} {"password": "proxy"}'


def test_proxy_of_the_environment_is_read_when_it_is_needed(tmp_path: Path) -> None:
    """With `env`, the variable's URL gives address and credential, and the redactor learns its user info as written."""
    target = load_target(str(target_file(tmp_path, "https://x.test", proxy="env", tls={})))
    redactor = Redactor()
    environment = {"HTTPS_PROXY": "http://svc:p%40ss-word@proxy:3128", "NO_PROXY": "y.test"}
    proxy = proxy_of(target, redactor, environment)
    assert proxy == Proxy("proxy", 3128, ("y.test",), basic("svc", "p@ss-word"), "HTTPS_PROXY")
    assert "p%40ss" not in redactor.text("http://svc:p%40ss-word@proxy:3128")
    assert proxy_of(target, redactor, {}) is None


def test_wrong_proxy_of_the_environment_is_refused_by_its_variable(tmp_path: Path) -> None:
    """What the variable holds is not shown."""
    target = load_target(str(target_file(tmp_path, "https://x.test", proxy="env", tls={})))
    with pytest.raises(TargetError, match=r"the environment variable HTTPS_PROXY: SOCKS is not supported") as found:
        proxy_of(target, Redactor(), {"HTTPS_PROXY": "socks5://svc:geheimwoord@proxy:1080"})
    assert "geheimwoord" not in str(found.value)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("http://svc:geheimwoord@proxy:3128", "proxy: write `env`, or {url: ...}"),
        ({"url": "http://svc:geheimwoord@proxy:3128"}, "write them as proxy.user and proxy.password"),
        ({"url": "http://proxy"}, "proxy.url: it names no port"),
        ({"no_proxy": ["x"]}, "proxy: the key 'url' is missing"),
        ({"url": "http://proxy:1", "user": "svc"}, "the key 'password' is missing, which 'user' needs"),
        ({"url": "http://proxy:1", "user": "a:b", "password": {"env": "X"}}, "proxy.user"),
        ({"url": "http://proxy:1", "noproxy": []}, "did you mean 'no_proxy'?"),
        ({"url": "http://proxy:1", "user": "a", "password": {"env": "X", "file": "geheimwoord"}}, "write {env: NAME}"),
        (5, "proxy: write `env`, or {url: ...}"),
        (["http://svc:geheimwoord@proxy:3128"], "proxy: write `env`, or {url: ...}"),
    ],
)
def test_mistake_in_proxy_is_told_with_its_remedy(tmp_path: Path, section: object, words: str) -> None:
    """Each mistake stands in a line with its place, without a password."""
    with pytest.raises(TargetError) as found:
        load_target(str(target_file(tmp_path, "https://x.test", proxy=section, tls={})))
    assert words in str(found.value)
    assert "geheimwoord" not in str(found.value)


def test_password_in_plain_text_is_for_local_targets_only(tmp_path: Path) -> None:
    """Outside local the passwords of the proxy and of tls.client are references."""
    path = target_file(
        tmp_path,
        "https://x.test",
        environment="acceptance",
        proxy={"url": "http://proxy:1", "user": "svc", "password": "geheimwoord"},
        tls={"client": {"keystore": "c.p12", "password": "geheimwoord"}},
    )
    with pytest.raises(TargetError) as found:
        load_target(str(path))
    assert sum("a secret stands here in plain text" in row for row in found.value.problems) == 2
    assert "geheimwoord" not in str(found.value)


# ------------------------------------------------------------------------------------------------- what a proxy may do


def test_tunnel_carries_the_request_and_keeps_the_credential_to_itself(tmp_path: Path, gateway: str) -> None:
    """The proxy is asked with its credential; the request within TLS holds none of it, and the answer comes back."""
    with relaying() as relay:
        section = {"url": relay.url, "user": USER, "password": PASSWORD}
        target = load_target(str(target_file(tmp_path, gateway, proxy=section)))
        transport = make_transport(target, Redactor())
        outcome = transport.send(Request("GET", f"{gateway}/dashboard"))
        transport.close()
    assert isinstance(outcome, Response)
    assert outcome.status == 200
    place = gateway.partition("://")[2].partition("/")[0].encode()
    (head,) = relay.heads
    assert head.startswith(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n" % (place, place))
    assert f"Proxy-Authorization: Basic {CREDENTIAL}\r\n".encode() in head


def test_connection_through_a_proxy_is_kept(tmp_path: Path, gateway: str) -> None:
    """The way is asked for once, however many requests go over it."""
    with relaying() as relay:
        target = load_target(str(target_file(tmp_path, gateway, proxy={"url": relay.url})))
        transport = make_transport(target, Redactor())
        outcomes = [transport.send(Request("GET", f"{gateway}/dashboard")) for _ in range(3)]
        transport.close()
    assert all(isinstance(outcome, Response) for outcome in outcomes)
    assert len(relay.heads) == 1


def test_loopback_never_goes_through_a_proxy() -> None:
    """A proxy that refuses everything is not asked for an address of this machine."""
    with relaying(b"HTTP/1.1 403 Forbidden\r\n\r\n") as relay, serve_dashboard("plain") as address:
        transport = through(relay.url)
        assert isinstance(transport.send(Request("GET", f"{address}/dashboard")), Response)
        transport.close()
    assert relay.heads == []


def _with_head(lines: bytes) -> bytes:
    return b"HTTP/1.1 " + lines + b"\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (
            _with_head(b'407 No\r\nProxy-Authenticate: Basic realm="x"'),
            "it wants a user and a password: give proxy.user",
        ),
        (
            _with_head(
                b'407 No\r\nProxy-Authenticate: NTLM\r\nProxy-Authenticate: Negotiate, Digest realm="a, Basic b"'
            ),
            "it wants NTLM or Negotiate or Digest, and the harness speaks Basic only",
        ),
        (_with_head(b"401 No"), "401 Unauthorized: it wants a user and a password: give proxy.user"),
        (_with_head(b"403 No"), "403 Forbidden: it does not let this machine connect"),
        (_with_head(b"502 No"), "502 Bad Gateway: it cannot reach"),
        (_with_head(b"503 No"), "503 Service Unavailable: it cannot reach"),
        (_with_head(b"504 No"), "504 Gateway Timeout: it cannot reach"),
        (_with_head(b"405 No"), "405 Method Not Allowed: check that proxy names an HTTP proxy"),
        (
            _with_head(b"302 No\r\nLocation: http://login.example.org"),
            "302 Found: check that proxy names an HTTP proxy",
        ),
        (_with_head(b"599 No"), "599: check that proxy"),
        (b"\x05\x00garbage\r\n\r\n", "with something that is no HTTP/1.1"),
        (b"HTTP/2 200\r\n\r\n", "with something that is no HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, "sends header fields without end"),
        (b"HTTP/1.1 100 Go on\r\n\r\n" * 20_000, "sends header fields without end"),
        (b"HTTP/1.1 200 OK\r\nX: ", "closed the connection instead of answering"),
    ],
)
def test_refusal_of_a_proxy_names_it_with_a_remedy(refusal: bytes, words: str) -> None:
    """Whatever a proxy answers, the failure is the proxy's: it names it, what came, and what to do."""
    with relaying(refusal) as relay:
        transport = through(relay.url)
        failure = failure_of(transport.send(Request("GET", f"https://{GATEWAY}/x")))
    assert failure.kind is ErrorKind.PROXY
    assert relay.url in failure.message
    assert words in failure.message


def test_refused_credential_of_a_proxy_is_named_by_its_setting() -> None:
    """A 407 to a credential says where to correct it, and not what it is."""
    with relaying(_with_head(b"407 No\r\nProxy-Authenticate: Basic")) as relay:
        transport = through(relay.url, authorization=basic(USER, PASSWORD), setting="HTTPS_PROXY")
        failure = failure_of(transport.send(Request("GET", f"https://{GATEWAY}/x")))
    assert "it refuses the credential: correct user and password in HTTPS_PROXY" in failure.message


def test_proxy_that_repeats_its_credential_does_not_have_it_shown() -> None:
    """A proxy that sends the request back as its answer, which is no HTTP, is not quoted."""

    def echo(sock: socket.socket) -> None:
        sock.sendall(read_head(sock))

    with accepting(echo) as proxy:
        transport = through(f"http://127.0.0.1:{proxy.port}", authorization=basic(USER, PASSWORD))
        failure = failure_of(transport.send(Request("GET", f"https://{GATEWAY}/x")))
    assert CREDENTIAL not in f"{failure.message}{failure.received!r}"
    assert "no HTTP/1.1" in failure.message


def test_proxy_that_is_not_there_is_named() -> None:
    """A refused connection to the proxy is told apart from one to the service."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        transport = through(f"http://127.0.0.1:{taken.getsockname()[1]}")
        failure = failure_of(transport.send(Request("GET", f"https://{GATEWAY}/x")))
    assert failure.kind is ErrorKind.PROXY
    assert "no connection to the proxy http://127.0.0.1:" in failure.message
    assert "(Connection refused): check that proxy is right" in failure.message


def _silence(sock: socket.socket) -> None:
    read_head(sock)
    sock.recv(1)


def _drip(sock: socket.socket) -> None:
    read_head(sock)
    sock.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    sock.settimeout(0.05)
    while True:
        try:
            if not sock.recv(1):
                return
        except TimeoutError:
            sock.sendall(b"y")


@pytest.mark.parametrize("serve", [_silence, _drip])
def test_proxy_that_never_comes_to_an_end_is_given_up_in_time(serve: Callable[[socket.socket], None]) -> None:
    """A proxy that says nothing, or a byte at a time, has as long as the exchange."""

    def attempt(limit: float) -> Response | TransportFailure:
        with accepting(serve) as proxy:
            transport = through(f"http://127.0.0.1:{proxy.port}", limit)
            assert transport.tls  # reading the system's authorities is not what takes the time
            return transport.send(Request("GET", f"https://{GATEWAY}/x"))

    widening(attempt, "proxy", "did not answer CONNECT gateway.invalid:443 in time", (LIMIT, 10 * LIMIT))


def test_name_that_only_the_proxy_knows_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's name service is asked for the proxy alone."""
    asked: list[object] = []
    resolve = socket.getaddrinfo

    def remember(host: str, *rest: Any, **others: Any) -> Any:  # noqa: ANN401 - as getaddrinfo
        asked.append(host)
        return resolve(host, *rest, **others)

    monkeypatch.setattr(socket, "getaddrinfo", remember)
    with relaying(_with_head(b"502 No")) as relay:
        through(relay.url).send(Request("GET", f"https://{GATEWAY}/x"))
    assert GATEWAY not in asked


# ---------------------------------------------------------------------------------------------------- look-ups of names


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Make the name service hang until the test is over; the value are the names that it was asked for."""
    over, asked = threading.Event(), list[str]()

    def hang(host: str, *_: object, **__: object) -> None:
        asked.append(host)
        over.wait(AMPLE)
        raise socket.gaierror(socket.EAI_AGAIN, "the test is over")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield asked
    over.set()
    for thread in threading.enumerate():
        if thread.name.startswith("look-up of"):
            thread.join(AMPLE)


def test_look_up_that_hangs_is_given_up_in_time(hanging: list[str]) -> None:
    """A name service that never answers ends an exchange by its time limit, and is named."""
    transport = Transport(LIMIT)
    failure = failure_of(transport.send(Request("GET", "http://hang-a.invalid/x")))
    assert failure.kind is ErrorKind.TIMEOUT
    assert failure.message.startswith(
        "the name hang-a.invalid was not resolved in time: check this machine's name service"
    )
    assert hanging == ["hang-a.invalid"]


def test_look_ups_that_hang_are_shared_and_few(hanging: list[str]) -> None:
    """Who asks for a name again waits for the look-up that is under way; beyond some of them none begins."""
    transport = Transport(0.01)
    for number in (0, 0, *range(40)):
        failure = failure_of(transport.send(Request("GET", f"http://hang-{number}.invalid/x")))
        assert "was not resolved in time" in failure.message
    assert len(hanging) == len(set(hanging)) <= 16


def test_look_up_of_a_proxy_that_hangs_names_the_proxy(hanging: list[str]) -> None:
    """A proxy whose name is not resolved is the proxy's failure."""
    failure = failure_of(through("http://proxy.invalid:3128", LIMIT).send(Request("GET", f"https://{GATEWAY}/x")))
    assert failure.kind is ErrorKind.PROXY
    assert "no connection to the proxy http://proxy.invalid:3128 (the name proxy.invalid was not" in failure.message
    assert hanging == ["proxy.invalid"]


# -------------------------------------------------------------------------------------------------------- a whole run


def _everything(folder: Path) -> str:
    return "".join(path.read_text("utf-8") for path in sorted(folder.rglob("*")) if path.is_file())


@needs_tinyproxy
@pytest.mark.parametrize("given", [True, False], ids=["with a credential", "without"])
def test_run_and_review_go_through_tinyproxy(tmp_path: Path, gateway: str, given: bool) -> None:  # noqa: FBT001
    """A service that only the proxy reaches is tested and reviewed, and the credential is nowhere."""
    word = "tulp-en-roos-7"
    who = {"user": USER, "password": {"env": "PROXY_PASSWORD"}} if given else {}
    settings = [f"BasicAuth {USER} {word}"] if given else []
    with relaying() as relay, tinyproxy(tmp_path, relay.port, *settings) as url:
        file = str(target_file(tmp_path, gateway, proxy={"url": url, **who}))
        environment = {"PROXY_PASSWORD": word}
        arguments = ["run", "--target", file, "--out", str(tmp_path / "runs"), "--kind", "positive"]
        ran = CliRunner().invoke(main, arguments, env=environment)
        reviewed = CliRunner().invoke(main, ["review", "--target", file], env=environment)
    assert ran.exit_code == 0, ran.output
    assert f"{GATEWAY}:" in reviewed.output
    assert f"through the proxy {url} speaks TLSv1" in reviewed.output
    assert reviewed.exit_code == 0, reviewed.output
    assert relay.heads
    written = _everything(tmp_path / "runs") + ran.output + reviewed.output
    for secret in (word, base64.b64encode(f"{USER}:{word}".encode()).decode()):
        assert secret not in written


@needs_tinyproxy
def test_run_through_tinyproxy_that_wants_a_credential_is_inconclusive(tmp_path: Path, gateway: str) -> None:
    """Without the credential nothing is decided; run and review name the proxy, its answer and the key to fill in."""
    with relaying() as relay, tinyproxy(tmp_path, relay.port, f"BasicAuth {USER} x-of-{USER}") as url:
        file = str(target_file(tmp_path, gateway, proxy={"url": url}))
        arguments = ["run", "--target", file, "--out", str(tmp_path / "runs"), "--kind", "positive"]
        ran = CliRunner().invoke(main, arguments)
        reviewed = CliRunner().invoke(main, ["review", "--target", file])
    assert ran.exit_code == 3, ran.output
    (results,) = (tmp_path / "runs").glob("*/results.json")
    reasons = {
        row["reason"] for row in json.loads(results.read_text("utf-8"))["cases"] if row["verdict"] == "inconclusive"
    }
    assert any(f"the proxy {url} answered CONNECT" in reason and "proxy.user" in reason for reason in reasons)
    assert reviewed.exit_code == 3, reviewed.output
    assert "proxy (network): " in reviewed.output
    assert relay.heads == []


def test_proxy_without_its_password_ends_before_the_first_request(tmp_path: Path, gateway: str) -> None:
    """An environment variable that is not set is told offline, with exit code 2, by every command that would send."""
    with relaying() as relay:
        section = {"url": relay.url, "user": USER, "password": {"env": "EHEALTH_NO_SUCH_PASSWORD"}}
        file = str(target_file(tmp_path, gateway, proxy=section))
        for command in (["run"], ["review"], ["send", SERVICE, "getDashboard"]):
            out = [] if command == ["review"] else ["--out", str(tmp_path / "runs")]
            ended = CliRunner().invoke(main, [*command, "--target", file, *out])
            assert ended.exit_code == 2, ended.output
            assert "EHEALTH_NO_SUCH_PASSWORD" in ended.output
    assert relay.heads == []


def test_replay_without_the_password_of_the_proxy_sends_nothing(tmp_path: Path, gateway: str) -> None:
    """A run is repeated through the proxy, and not at all where its credential is missing."""
    section: dict[str, Any] = {"user": USER, "password": {"env": "PROXY_PASSWORD"}}
    with relaying() as relay:
        file = str(target_file(tmp_path, gateway, proxy={"url": relay.url, **section}))
        out = ["--out", str(tmp_path / "runs")]
        environment = {"PROXY_PASSWORD": "tulp-en-roos-7"}
        sent = CliRunner().invoke(main, ["send", SERVICE, "getDashboard", "--target", file, *out], env=environment)
        assert sent.exit_code == 0, sent.output
        (run,) = (path.parent for path in (tmp_path / "runs").glob("*/exchanges.jsonl"))
        replay = ["replay", str(run), "000001", "--target", file, *out]
        asked = len(relay.heads)
        refused = CliRunner().invoke(main, replay)
        assert len(relay.heads) == asked
        again = CliRunner().invoke(main, replay, env=environment)
    assert "PROXY_PASSWORD" in refused.output
    assert refused.exit_code == 2
    assert "; the same body" in again.output
    assert len(relay.heads) > asked


def test_token_endpoint_is_asked_through_the_proxy(tmp_path: Path) -> None:
    """The harness gets a token from an endpoint that only the proxy reaches."""
    pki = make_pki()
    chain = pki.write(tmp_path, pki.intermediate)
    write_keystore(tmp_path / "client.p12", sign("client"))
    answer = b'{"access_token": "an-opaque-token", "token_type": "Bearer", "expires_in": 300}'

    def issue(sock: socket.socket) -> None:
        read_head(sock)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer)
        sock.sendall(head + answer)

    with accepting(issue) as plain, fronting(f"http://127.0.0.1:{plain.port}", chain) as port, relaying() as relay:
        address = f"https://{GATEWAY}:{port}"
        credentials = {"token_url": f"{address}/token", "client_id": "x", "keystore": "client.p12"}
        credentials["password"] = KEYSTORE_WORD
        services = {
            "therapeutic-exclusion": {"base_url": address, "tokens": {"citizen": {"client_credentials": credentials}}}
        }
        file = str(target_file(tmp_path, address, proxy={"url": relay.url}, services=services))
        got = CliRunner().invoke(main, ["token", "citizen", "--raw", "--target", file])
    assert "an-opaque-token" in got.output, f"{got.output} {got.exception}"
    assert relay.heads[0].startswith(f"CONNECT {GATEWAY}:{port} ".encode())


def test_interruption_ends_a_look_up_that_hangs(tmp_path: Path) -> None:
    """Ctrl-C ends an exchange whose look-up never comes to an end, at once."""
    script = tmp_path / "hang.py"
    script.write_text(
        "import os, signal, socket, threading\n"
        "from conformance.model.exchange import Request\n"
        "from conformance.traffic.transport import Transport\n"
        "def hang(*_, **__):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    threading.Event().wait()\n"
        "socket.getaddrinfo = hang\n"
        "try:\n"
        "    Transport(600.0).send(Request('GET', 'http://hang.invalid/x'))\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n",
        "utf-8",
    )
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=120)
    assert ended.stdout == "interrupted\n", ended.stderr


def test_environment_without_proxy_is_a_note_of_the_review(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `proxy: env` and no variable, the review says that hosts are connected to directly."""
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serve_dashboard("plain") as address:
        ended = CliRunner().invoke(
            main, ["review", "--target", str(target_file(tmp_path, address, proxy="env", tls={}))]
        )
    assert ended.exit_code == 0, ended.output
    assert "proxy: the environment names none" in ended.output


def test_hints_of_init_are_a_way_that_can_be_taken(tmp_path: Path) -> None:
    """The commented lines on proxy and tls are right as they stand."""
    hinted = re.sub(
        r"(?m)^# (?=tls:|  ca_file|  client|proxy: \{)", "", target_text("local", "x.yaml", [describe(SERVICE)])
    )
    hinted = re.sub(r"(?m)^#   (?=ca_file|client)", "  ", hinted)
    path = tmp_path / "target.yaml"
    path.write_text(hinted, "utf-8")
    (tmp_path / "ca.pem").write_bytes(sign("ca", authority=True).pem)
    target = load_target(str(path))
    assert isinstance(target.proxy, NamedProxy)
    assert target.client is not None


def test_proxy_that_opens_tls_is_named_where_its_authority_is_unknown(tmp_path: Path, gateway: str) -> None:
    """A certificate of an authority that nobody named is refused; the proxy is named with it."""
    other = sign("Other Root", authority=True).pem
    with relaying() as relay:
        file = str(target_file(tmp_path, gateway, proxy={"url": relay.url}))
        (tmp_path / "root.pem").write_bytes(other)
        transport = make_transport(load_target(file), Redactor())
        failure = failure_of(transport.send(Request("GET", f"{gateway}/dashboard")))
        reviewed = CliRunner().invoke(main, ["review", "--target", file])
    assert failure.kind is ErrorKind.TLS
    assert f"through the proxy {relay.url} failed: its certificate does not hold" in failure.message
    assert reviewed.exit_code == 3, reviewed.output
    assert "a proxy that opens TLS has an authority of its own" in reviewed.output


def test_sts_is_asked_through_the_proxy(tmp_path: Path) -> None:
    """An assertion comes from an STS that only the proxy reaches; the service, on loopback, is asked directly."""
    name = "dossier-number-generation"
    pki = make_pki()
    chain = pki.write(tmp_path, pki.intermediate)
    with LocalPlatform((load_spec(name),)) as platform:
        settings = platform.settings(name)
        caller = {key: value for key, value in settings["callers"]["physician"].items() if "assertion" not in key}
        with fronting(caller["sts"], chain) as port, relaying() as relay:
            caller["sts"] = f"https://{GATEWAY}:{port}/{urlsplit(caller['sts']).path.lstrip('/')}"
            services = {name: settings | {"callers": {"physician": caller}}}
            file = str(target_file(tmp_path, "", proxy={"url": relay.url}, services=services))
            arguments = ["run", "--target", file, "--out", str(tmp_path / "runs"), "--kind", "positive"]
            ran = CliRunner().invoke(main, arguments)
    assert ran.exit_code == 0, ran.output
    assert {head.split()[1] for head in relay.heads} == {f"{GATEWAY}:{port}".encode()}


@needs_tinyproxy
def test_credential_in_the_environment_s_url_is_used_and_never_shown(tmp_path: Path, gateway: str) -> None:
    """With `proxy: env` the right user info leads through; a wrong one is refused, by the variable's name alone."""
    seen = ""
    with relaying() as relay, tinyproxy(tmp_path, relay.port, f"BasicAuth {USER} tulp-roos-7") as url:
        file = str(target_file(tmp_path, gateway, proxy="env"))
        arguments = ["run", "--target", file, "--out", str(tmp_path / "runs"), "--kind", "positive"]
        for info, code in ((f"{USER}:tulp%2Droos%2D7", 0), (f"{USER}:tulp%2Droos%2D8", 3)):
            environment = {"HTTPS_PROXY": url.replace("://", f"://{info}@"), "NO_PROXY": "other.invalid"}
            ran = CliRunner().invoke(main, arguments, env=environment)
            assert ran.exit_code == code, ran.output
            seen += ran.output
    written = _everything(tmp_path / "runs") + seen
    assert "correct user and password in HTTPS_PROXY" in written
    assert not re.search(r"tulp(-|%2D)roos", written)
