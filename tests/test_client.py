"""Tests of the httpx client for tests of one's own, with real sockets: bytes, limits, policy, judging, evidence."""

import asyncio
import gzip
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from conformance.cli.summary import print_summary
from conformance.client import AnswerError, OwnClients, connect, message
from conformance.client.wire import ERRORS
from conformance.engine.campaign import Campaign
from conformance.evidence.store import FILE, read_exchanges
from conformance.formats.documents import dump
from conformance.judging.documented import RULE
from conformance.messages.soap_requests import SoapRequests
from conformance.model.errors import (
    BudgetError,
    ConformanceError,
    CredentialRefusedError,
    ForbiddenTrafficError,
    MissingDataError,
    UsageError,
)
from conformance.model.exchange import ErrorKind, Exchange
from conformance.model.verdict import Judgement
from conformance.target.reading import load_target
from tests.campaigns import served_platform
from tests.peers import hostile
from tests.peers.hostile import DASHBOARD
from tests.peers.server import Answer, Request, serving

SCHEMA = Path(__file__).parents[1] / "reports" / "results.schema.json"
DASHBOARDS, EXCLUSIONS, DOSSIERS = "status-dashboard", "therapeutic-exclusion", "dossier-number-generation"
PATIENT = "/therapeuticExclusions/90010199794"
CITIZEN = "citizen"
JSON = {"Content-Type": "application/json"}
TOKEN = "a-token-that-is-no-jwt-but-long-enough"  # noqa: S105 - made up
Connect = Callable[..., OwnClients]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Serve the local platform, and return a target file for it."""
    folder = tmp_path_factory.mktemp("platform")
    with served_platform(folder, (DASHBOARDS, EXCLUSIONS, DOSSIERS)) as file:
        yield file


@pytest.fixture
def opened(tmp_path: Path, platform: Path) -> Iterator[Connect]:
    """Return a function that connects to a target with one service at an address, or to the local platform."""
    with ExitStack() as closing:

        def open_clients(service: str = "", address: str = "", /, **target: Any) -> OwnClients:  # noqa: ANN401
            if not service:
                return closing.enter_context(connect(platform, out=tmp_path / "runs"))
            settings = ({"base_url": address} if address else {}) | target.pop("settings", {})
            data = {"name": "x", "environment": "local", "limits": {"timeout": 30}, "services": {service: settings}}
            file = tmp_path / "target.yaml"
            file.write_text(dump(data | target), encoding="utf-8")
            return closing.enter_context(connect(file, out=tmp_path / "runs"))

        yield open_clients


class Peer:
    """A service that answers as told and keeps the requests it got."""

    def __init__(self, *answers: Answer) -> None:
        """Give the answers in turn; a good dashboard where there are none."""
        self.seen: list[Request] = []
        self._answers = cycle(answers or (Answer(body=DASHBOARD, headers=dict(JSON)),))

    def __call__(self, request: Request) -> Answer:
        """Keep the request and answer it."""
        self.seen.append(request)
        return replace(next(self._answers))


class Wiretap:
    """A server that keeps the very bytes of one request and answers with bytes of its own."""

    def __init__(self, answer: bytes = b"HTTP/1.1 204 No Content\r\n\r\n") -> None:
        """Listen on loopback."""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}/api/v1"
        self.received = b""
        self._answer = answer
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        sock, _ = self.listener.accept()
        with sock:
            while b"\r\n\r\n" not in self.received:
                self.received += sock.recv(65536)
            sock.sendall(self._answer)

    def head(self) -> list[bytes]:
        """Return the lines of the request's head."""
        self._thread.join(5)
        self.listener.close()
        return self.received.partition(b"\r\n\r\n")[0].split(b"\r\n")


def exchange_of(response: httpx.Response) -> Exchange:
    """Return the exchange behind an answer."""
    exchange: Exchange = response.extensions["exchange"]
    return exchange


def judgement_of(response: httpx.Response) -> Judgement:
    """Return the judgement of an answer."""
    judgement: Judgement = response.extensions["judgement"]
    return judgement


def results(clients: OwnClients) -> Any:  # noqa: ANN401 - JSON
    """Return the results document of a connection that has ended."""
    return json.loads((clients.folder / "results.json").read_text("utf-8"))


# ------------------------------------------------------------------------------------------- 1: text outside of ASCII


def test_answer_headers_outside_ascii_are_shown(opened: Connect) -> None:
    """A header field with bytes of any sort reaches the test, which httpx would refuse as text."""
    with hostile.serve("header-8-bit") as address:
        response = opened(DASHBOARDS, address)(DASHBOARDS).get("/dashboard")
    assert (b"X-High", b"\xe9\xff\x80") in response.headers.raw


def test_request_headers_outside_ascii_are_sent(opened: Connect) -> None:
    """Bytes that a test gives as a header field's value go out as they are."""
    peer = Wiretap()
    opened(DASHBOARDS, peer.address)(DASHBOARDS).get("/x", headers=[(b"X-Name", "Ren\xe9".encode("latin-1"))])
    assert b"X-Name: Ren\xe9" in peer.head()


def test_redirect_to_no_url_is_recorded_before_httpx_refuses_it(opened: Connect) -> None:
    """An answer whose Location is no URL cannot be shown by httpx; the run folder has it all the same."""
    with hostile.serve("redirect-bad") as address:
        clients = opened(DASHBOARDS, address)
        with pytest.raises(httpx.RemoteProtocolError):
            clients(DASHBOARDS).get("/dashboard")
        [row] = read_exchanges(clients.folder)
    assert row["response"]["status"] == 302


# --------------------------------------------------------------------------------------------------- 2: encoded bodies


def test_encoded_body_is_decoded_once(opened: Connect) -> None:
    """A gzip body is readable, its Content-Encoding is not shown, and the true header fields are in the exchange."""
    packed = gzip.compress(DASHBOARD)
    answer = Answer(body=packed, headers={**JSON, "Content-Encoding": "gzip"})
    with serving(Peer(answer)) as address:
        response = opened(DASHBOARDS, address)(DASHBOARDS).get("/dashboard")
    assert response.json() == json.loads(DASHBOARD)
    assert "content-encoding" not in response.headers
    assert response.headers["content-length"] == str(len(DASHBOARD))
    outcome = exchange_of(response).response
    assert outcome is not None
    assert outcome.header("Content-Encoding") == "gzip"
    assert outcome.header("Content-Length") == str(len(packed))


def test_chunked_body_is_whole(opened: Connect) -> None:
    """A body in chunks is shown without Transfer-Encoding, which is no field of the body that is at hand."""
    answer = Answer(body=DASHBOARD, headers=dict(JSON), chunked=True)
    with serving(Peer(answer)) as address:
        response = opened(DASHBOARDS, address)(DASHBOARDS).get("/dashboard")
    assert response.json() == json.loads(DASHBOARD)
    assert "transfer-encoding" not in response.headers


def test_body_can_be_streamed(opened: Connect) -> None:
    """`stream` works as with any other client of httpx."""
    with serving(Peer()) as address, opened(DASHBOARDS, address)(DASHBOARDS).stream("GET", "/dashboard") as response:
        assert b"".join(response.iter_bytes()) == DASHBOARD


def test_reason_phrase_is_the_answers_own(opened: Connect) -> None:
    """The reason that the service wrote is shown, not the one that httpx knows for the status."""
    with serving(Peer(Answer(body=DASHBOARD, headers=dict(JSON), reason="All is well"))) as address:
        response = opened(DASHBOARDS, address)(DASHBOARDS).get("/dashboard")
    assert (response.reason_phrase, response.http_version) == ("All is well", "HTTP/1.1")


# ---------------------------------------------------------------------------------------------- 3: httpx's own defaults


def test_environment_changes_nothing(opened: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a proxy nor trust nor credentials are taken from variables of the environment."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something", encoding="utf-8")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:1")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    peer = Peer()
    with serving(peer) as address:
        response = opened(DASHBOARDS, address)(DASHBOARDS).get("/dashboard")
    assert response.status_code == 200
    assert peer.seen[0].header("authorization") == ""


def test_redirects_are_answers(opened: Connect) -> None:
    """A redirect is handed to the test, and nothing goes where it leads."""
    peer = Peer(Answer(302, headers={"Location": "/api/v1/other"}))
    with serving(peer) as address:
        response = opened(DASHBOARDS, address)(DASHBOARDS).get("/dashboard")
    assert response.status_code == 302
    assert len(peer.seen) == 1


@pytest.mark.parametrize("behaviour", ["redirect-elsewhere", "redirect-elsewhere-bare"])
def test_redirect_elsewhere_is_refused_when_a_test_follows_it(opened: Connect, behaviour: str) -> None:
    """A test that follows redirects is kept from another origin, which gets no request."""
    with hostile.serve(behaviour) as address:
        client = opened(DASHBOARDS, address)(DASHBOARDS)
        with pytest.raises(ForbiddenTrafficError, match="another origin"):
            client.get("/dashboard", follow_redirects=True)
        assert hostile.elsewhere_requests(address) == 0


def test_default_headers_are_the_targets_identity(opened: Connect) -> None:
    """Every request carries the identity of the target file, and nothing tells of httpx."""
    peer = Peer()
    identity = {"user_agent": "myProduct/1 Technical/2", "from": "info@mycompany.be"}
    with serving(peer) as address:
        opened(DASHBOARDS, address, identity=identity)(DASHBOARDS).get("/dashboard")
    [request] = peer.seen
    assert dict(request.headers) == {
        "host": address.split("/")[2],
        "user-agent": "myProduct/1 Technical/2",
        "from": "info@mycompany.be",
        "accept": "application/json",
        "accept-encoding": "gzip",
    }


def test_no_cookie_is_kept(opened: Connect) -> None:
    """A cookie that a service sets does not come back with the next request."""
    peer = Peer(Answer(body=DASHBOARD, headers={**JSON, "Set-Cookie": "session=1; Path=/"}))
    with serving(peer) as address:
        client = opened(DASHBOARDS, address)(DASHBOARDS)
        client.get("/dashboard")
        client.get("/dashboard")
    assert [request.header("cookie") for request in peer.seen] == ["", ""]
    assert not client.cookies


# ----------------------------------------------------------------------------------------------------- 4: other origins


@pytest.mark.parametrize("path", ["../../another/api", "/../v2/x", "/%2e%2e/v2/x", "/..%2f..%2fadmin", "ABSOLUTE"])
def test_path_that_climbs_out_of_the_address_is_refused(opened: Connect, path: str) -> None:
    """A service's neighbours behind the same gateway are no part of the target, and get no token."""
    peer = Peer()
    with serving(peer) as address:
        client = opened(DASHBOARDS, address)(DASHBOARDS)
        url = path.replace("ABSOLUTE", f"{address.rpartition('/api')[0]}/another")
        with pytest.raises(ForbiddenTrafficError, match="not below the service's address"):
            client.get(url)
    assert peer.seen == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.2:{port}/api/v1/dashboard",
        "http://127.0.0.1:1/api/v1/dashboard",
        "https://127.0.0.1:{port}/api/v1/dashboard",
        "http://127.0.0.1:{port}@127.0.0.2:{port}/dashboard",
        "http://localhost:{port}/api/v1/dashboard",
    ],
)
def test_other_origin_is_refused_and_gets_nothing(opened: Connect, url: str) -> None:
    """Another host, port or scheme raises before anything is sent, so that a token never travels there."""
    peer = Peer()
    with serving(peer) as address:
        client = opened(EXCLUSIONS, address, settings={"tokens": {"citizen": TOKEN}})(EXCLUSIONS, token=CITIZEN)
        with pytest.raises(ForbiddenTrafficError, match="another origin"):
            client.get(url.format(port=httpx.URL(address).port))
    assert peer.seen == []


def test_credentials_in_a_url_are_refused(opened: Connect) -> None:
    """A user and a password before the host would be recorded in the clear."""
    peer = Peer()
    with serving(peer) as address:
        client = opened(DASHBOARDS, address)(DASHBOARDS)
        with pytest.raises(ForbiddenTrafficError, match="user or password"):
            client.get(address.replace("http://", "http://user:secret@") + "/dashboard")
    assert peer.seen == []


def test_url_without_scheme_stays_at_the_target(opened: Connect) -> None:
    """A URL `//host/path` is, for httpx, a path below the client's address: the host is dropped, nothing leaves."""
    peer = Peer()
    with serving(peer) as address:
        response = opened(DASHBOARDS, address)(DASHBOARDS).get("//127.0.0.2:1/dashboard")
    assert exchange_of(response).request.url == f"{address}/dashboard"
    assert len(peer.seen) == 1


# --------------------------------------------------------------------------------------------------- 5: limits of time


def test_test_may_shorten_the_time_limit(opened: Connect) -> None:
    """A limit of the test's own ends an exchange that the target's limit would let go on for ten minutes."""
    with hostile.serve("hang") as address:
        client = opened(DASHBOARDS, address, limits={"timeout": 600})(DASHBOARDS)
        with pytest.raises(httpx.ReadTimeout, match="did not answer in time"):
            client.get("/dashboard", timeout=0.3)


@pytest.mark.parametrize("timeout", [600, None, httpx.Timeout(600, connect=None)])
def test_test_cannot_lengthen_the_time_limit(opened: Connect, timeout: httpx._types.TimeoutTypes) -> None:
    """The target's limit holds for the whole exchange, though a byte comes now and then, whatever the test asks for."""
    with hostile.serve("drip-body") as address:
        clients = opened(DASHBOARDS, address, limits={"timeout": 2})
        with pytest.raises(httpx.ReadError, match="time"):
            clients(DASHBOARDS).get("/dashboard", timeout=timeout)
        [row] = read_exchanges(clients.folder)
    assert "time" in row["response"]["cut"]


# -------------------------------------------------------------------------------------------- 6: errors of the harness


@pytest.mark.parametrize(
    "error", [BudgetError, ForbiddenTrafficError, MissingDataError, CredentialRefusedError, UsageError]
)
def test_errors_of_the_harness_are_none_of_httpx(error: type[ConformanceError]) -> None:
    """A test that catches httpx's errors does not swallow those of the harness."""
    assert not issubclass(error, httpx.HTTPError | httpx.InvalidURL | httpx.StreamError)


def test_used_up_budget_raises_before_sending(opened: Connect) -> None:
    """A request beyond the target's budget is not sent."""
    peer = Peer()
    with serving(peer) as address:
        client = opened(DASHBOARDS, address, limits={"timeout": 30, "budget": 1})(DASHBOARDS)
        client.get("/dashboard")
        with pytest.raises(BudgetError):
            client.get("/dashboard")
    assert len(peer.seen) == 1


def test_production_lets_nothing_but_get_on_public_services_pass(opened: Connect) -> None:
    """Against production a POST to a public service is refused before it is sent; a GET goes out."""
    peer = Peer()
    with serving(peer) as address:
        clients = opened(DASHBOARDS, address)
        session = clients.campaign.runner(DASHBOARDS).context.session
        session.target = replace(session.target, environment="production")
        client = clients(DASHBOARDS)
        assert client.get("/dashboard").status_code == 200
        with pytest.raises(ForbiddenTrafficError, match="nothing but GET"):
            client.post("/dashboard", json={})
    assert [request.method for request in peer.seen] == ["GET"]


def test_production_asks_for_no_token_for_what_may_not_be_sent(opened: Connect) -> None:
    """The policy is asked before a credential is: nothing at all leaves for a service that is not public."""
    peer = Peer()
    with serving(peer) as address:
        settings = {"tokens": {"citizen": {"command": ["false"]}}}
        clients = opened(EXCLUSIONS, address, settings=settings)
        session = clients.campaign.runner(EXCLUSIONS).context.session
        session.target = replace(session.target, environment="production")
        with pytest.raises(ForbiddenTrafficError):
            clients(EXCLUSIONS, token=CITIZEN).get(PATIENT)
    assert peer.seen == []


def test_map_of_errors_is_complete() -> None:
    """Each way in which the wire fails has an error of httpx, so that a test catches them as ever."""
    assert set(ERRORS) == set(ErrorKind)
    assert all(issubclass(error, httpx.TransportError) for error in ERRORS.values())


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        ("refused", httpx.ConnectError),
        ("hang", httpx.ReadTimeout),
        ("empty-reply", httpx.ReadError),
        ("informational-endless", httpx.RemoteProtocolError),
    ],
)
def test_failures_of_the_wire_are_httpx_errors(
    opened: Connect, behaviour: str, error: type[httpx.TransportError]
) -> None:
    """Where there is no answer httpx's own error is raised, with the request, and the exchange is recorded."""
    limit = 1 if behaviour in hostile.ENDED_BY_TIME else 30
    with hostile.serve(behaviour) as address:
        clients = opened(DASHBOARDS, address, limits={"timeout": limit})
        with pytest.raises(error) as caught:
            clients(DASHBOARDS).get("/dashboard")
        [row] = read_exchanges(clients.folder)
    assert caught.value.request.url == f"{address}/dashboard"
    assert row["failure"]["message"] == str(caught.value)


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GE T", {}),
        ("GET", {"X-A": "a\nX-B: b"}),
        ("GET", {"X A": "b"}),
        ("GET", {"X-A": " b"}),
        ("GET", {"X-A": "\0"}),
    ],
)
def test_request_that_is_no_http_raises_before_sending(opened: Connect, method: str, headers: dict[str, str]) -> None:
    """A method or header field that HTTP has no form for is httpx's own error, and nothing is sent."""
    peer = Peer()
    with serving(peer) as address:
        client = opened(DASHBOARDS, address)(DASHBOARDS)
        with pytest.raises(httpx.LocalProtocolError):
            client.request(method, "/dashboard", headers=headers)
    assert peer.seen == []


def test_cut_answer_is_recorded_and_then_raises(opened: Connect) -> None:
    """An answer that ends too early is no answer for the test; what came of it is in the run folder."""
    with hostile.serve("gzip-truncated") as address:
        clients = opened(DASHBOARDS, address)
        with pytest.raises(httpx.ReadError):
            clients(DASHBOARDS).get("/dashboard")
        [row] = read_exchanges(clients.folder)
    assert row["response"]["status"] == 200
    assert row["response"]["cut"]


# ---------------------------------------------------------------------------------------------------------- 7: threads


def test_threads_share_a_client(opened: Connect) -> None:
    """Each thread gets the answer to its own request, and every exchange has an id of its own."""

    def echo(request: Request) -> Answer:
        return Answer(body=(request.query or "").encode())

    with serving(echo) as address:
        clients = opened(DASHBOARDS, address)
        client = clients(DASHBOARDS)
        with ThreadPoolExecutor(8) as pool:
            responses = list(pool.map(lambda number: client.get("/dashboard", params={"n": number}), range(40)))
        recorded = [row["id"] for row in read_exchanges(clients.folder)]
    assert [response.text for response in responses] == [f"n={number}" for number in range(40)]
    assert len({exchange_of(response).id for response in responses}) == 40
    assert sorted(recorded) == sorted(set(recorded))


def test_threads_share_clients_of_several_services(opened: Connect) -> None:
    """Clients of one test may be used side by side, though each signs messages and asks for tokens on its way."""
    clients = opened()
    dossiers, exclusions = clients(DOSSIERS), clients(EXCLUSIONS, token=CITIZEN)

    def ask(number: int) -> int:
        if number % 2:
            return exclusions.get(PATIENT).status_code
        return dossiers.post("", extensions=message(own_number="$own", last_name="Sterrenveld")).status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(ask, range(8)))
    assert statuses == [200, 404] * 4
    assert len({row["id"] for row in read_exchanges(clients.folder)}) == 8


# ------------------------------------------------------------------------------------------------------------ 8: async


def test_asynchronous_client(opened: Connect) -> None:
    """An AsyncClient sends over the same wire, several requests at a time."""

    def echo(request: Request) -> Answer:
        return Answer(body=(request.query or "").encode() + request.body)

    async def ask(clients: OwnClients) -> list[str]:
        async with clients.asynchronous(DASHBOARDS) as client:
            asked = (client.post("/dashboard", params={"n": number}, content=b"!") for number in range(6))
            return [response.text for response in await asyncio.gather(*asked)]

    with serving(echo) as address:
        clients = opened(DASHBOARDS, address)
        assert asyncio.run(ask(clients)) == [f"n={number}!" for number in range(6)]
        assert len(list(read_exchanges(clients.folder))) == 6


# ---------------------------------------------------------------------------------------------------------- 9: judging


def test_documented_answer_passes(opened: Connect) -> None:
    """An answer that the contract documents is judged by all that the contract says of it."""
    with serving(Peer()) as address:
        judgement = judgement_of(opened(DASHBOARDS, address)(DASHBOARDS).get("/dashboard"))
    assert not judgement.violated
    assert judgement.evaluated[RULE] == 1
    assert "status-dashboard/5.3.1.2/item-status-code" in judgement.evaluated


@pytest.mark.parametrize("status", [202, 302, 418, 500, 799])
def test_undocumented_status_is_an_observation(opened: Connect, status: int) -> None:
    """Nothing says what the request was meant to show, so that an unexpected status is worth noting, and no more."""
    peer = Wiretap(f"HTTP/1.1 {status} So\r\nContent-Length: 0\r\n\r\n".encode())
    judgement = judgement_of(opened(DASHBOARDS, peer.address)(DASHBOARDS).get("/dashboard"))
    peer.head()
    [finding] = judgement.findings
    assert (finding.severity, finding.requirement) == ("observation", RULE)
    assert str(status) in finding.actual


def test_broken_contract_is_a_violation(opened: Connect) -> None:
    """A documented status with a body that breaks the contract is violated; the client goes on all the same."""
    with serving(Peer(Answer(body=b'{"groups": 1}', headers=dict(JSON)))) as address:
        response = opened(DASHBOARDS, address)(DASHBOARDS).get("/dashboard")
    assert response.status_code == 200
    assert judgement_of(response).violated is True


def test_verify_raises_with_the_finding(opened: Connect) -> None:
    """With `verify` the test ends with requirement, place, what was expected and what came."""
    with serving(Peer(Answer(body=b'{"groups": 1}', headers=dict(JSON)))) as address:
        client = opened(DASHBOARDS, address)(DASHBOARDS, verify=True)
        with pytest.raises(AnswerError) as caught:
            client.get("/dashboard")
    text = str(caught.value)
    assert text.startswith("status-dashboard/")
    assert "at /groups" in text
    assert "expected " in text
    assert "actual   1" in text


def test_verify_lets_good_answers_pass(opened: Connect) -> None:
    """With `verify` a documented answer comes back as without it."""
    with serving(Peer()) as address:
        assert opened(DASHBOARDS, address)(DASHBOARDS, verify=True).get("/dashboard").status_code == 200


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credential_is_inconclusive(opened: Connect, status: int) -> None:
    """An answer that refuses who asks says nothing about the service."""
    with serving(Peer(Answer(status))) as address:
        judgement = judgement_of(opened(EXCLUSIONS, address)(EXCLUSIONS).get(PATIENT))
    assert "refused who asks" in judgement.inconclusive_reason
    assert not judgement.violated


def test_busy_service_is_inconclusive_and_not_asked_again(opened: Connect) -> None:
    """A test of one's own sees the answer as it came; waiting politely is its own affair."""
    peer = Peer(Answer(503, headers={"Retry-After": "1"}))
    with serving(peer) as address:
        response = opened(DASHBOARDS, address)(DASHBOARDS).get("/dashboard")
    assert "load" in judgement_of(response).inconclusive_reason
    assert len(peer.seen) == 1


def test_path_outside_of_the_contract_is_not_judged(opened: Connect) -> None:
    """A request that no operation knows goes out, and its answer is not held against anything."""
    with serving(Peer(Answer(404))) as address:
        response = opened(DASHBOARDS, address)(DASHBOARDS).get("/nothing")
    assert response.status_code == 404
    assert "no operation" in judgement_of(response).not_applicable_reason


# --------------------------------------------------------------------------------------------------------- credentials


def test_token_goes_with_every_request_and_never_to_disk(opened: Connect) -> None:
    """The token of a role is sent as a bearer, and the run folder has a reference in its place."""
    peer = Peer(Answer(body=TOKEN.encode(), headers={"X-Echo": TOKEN}))
    with serving(peer) as address:
        clients = opened(EXCLUSIONS, address, settings={"tokens": {"citizen": TOKEN}})
        clients(EXCLUSIONS, token=CITIZEN).get(PATIENT, params={"access_token": TOKEN})
    assert peer.seen[0].header("authorization") == f"Bearer {TOKEN}"
    [row] = read_exchanges(clients.folder)
    assert ["Authorization", {"scheme": "Bearer", "token": "citizen"}] in row["request"]["headers"]
    on_disk = [path.read_bytes() for path in clients.folder.rglob("*") if path.is_file()]
    assert on_disk
    assert not [data for data in on_disk if TOKEN.encode() in data]


def test_authorization_of_the_test_comes_before_the_role(opened: Connect) -> None:
    """A header that a test gives itself is sent in the place of the role's token."""
    peer = Peer()
    with serving(peer) as address:
        clients = opened(EXCLUSIONS, address, settings={"tokens": {"citizen": TOKEN}})
        clients(EXCLUSIONS, token=CITIZEN).get(PATIENT, headers={"Authorization": "Bearer nothing"})
    assert peer.seen[0].header("authorization") == "Bearer nothing"


def test_altered_token_is_sent(opened: Connect) -> None:
    """A role with an alteration behind `!` gives a token that the service must refuse."""
    response = opened()(EXCLUSIONS, token=f"{CITIZEN}!forged").get(PATIENT)
    assert response.status_code == 401


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"service": "status-dashbord"}, "did you mean 'status-dashboard'"),
        ({"service": EXCLUSIONS, "token": "citzen"}, "did you mean 'citizen'? Known are: citizen, "),
        ({"service": DOSSIERS, "caller": "nobody"}, ". Known are: physician, "),
        ({"service": DASHBOARDS, "token": "citizen"}, "there are none"),
    ],
)
def test_unknown_names_are_told_with_what_there_is(opened: Connect, arguments: dict[str, Any], problem: str) -> None:
    """A wrong service, role or caller is one line with the names that the target has."""
    with pytest.raises(UsageError) as caught:
        opened()(**arguments)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------------------------------------------------------- SOAP


def test_message_is_signed_anew_at_each_sending(opened: Connect) -> None:
    """Each sending has an id, a time and a signature of its own, which the local platform's gateway verifies."""
    client = opened()(DOSSIERS)
    extensions = message(own_number="$own", last_name="Sterrenveld")
    first, second = (client.post("", extensions=extensions) for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert judgement_of(first).evaluated
    assert not judgement_of(first).violated
    assert exchange_of(first).request.body != exchange_of(second).request.body


def test_message_is_sent_by_the_caller_named(opened: Connect) -> None:
    """The assertion is that of the caller, which stands in the record by its name."""
    clients = opened()
    clients(DOSSIERS, caller="center").post("", extensions=message(own_number="$own"))
    text = (clients.folder / FILE).read_text("utf-8")
    assert r"{\"assertion\": \"center\"}" in text
    assert "SignatureValue" in text
    assert "AttributeStatement" not in text


def test_headers_of_the_test_go_with_a_message(opened: Connect) -> None:
    """What a test adds to a message's header fields is sent, and what it replaces is replaced."""
    response = opened()(DOSSIERS).post(
        "", headers={"X-Mine": "1", "SOAPAction": '"urn:none"'}, extensions=message(own_number="$own")
    )
    fields = exchange_of(response).request.headers
    assert [value for name, value in fields if name.lower() == "soapaction"] == ['"urn:none"']
    assert ("X-Mine", "1") in fields
    assert [value for name, value in fields if name == "Accept"] == ["text/xml"]


@pytest.mark.parametrize(
    ("service", "extensions", "problem"),
    [
        (
            DOSSIERS,
            message("generat"),
            "there is no operation 'generat'; did you mean 'generate'? Known are: generate",
        ),
        (
            DOSSIERS,
            message(lastname="x"),
            "there is no role 'lastname'; did you mean 'last_name'? Known are: request_id, ",
        ),
        (DASHBOARDS, message(last_name="x"), "status-dashboard is no SOAP service"),
    ],
)
def test_wrong_message_is_told_before_anything_is_sent(
    opened: Connect, service: str, extensions: dict[str, Any], problem: str
) -> None:
    """A message with a wrong operation or role is one line that names what there is."""
    clients = opened()
    client = clients(service)
    with pytest.raises(UsageError) as caught:
        client.post("", extensions=extensions)
    assert str(caught.value).startswith(problem)
    assert list(read_exchanges(clients.folder)) == []


@pytest.mark.parametrize(("method", "path", "content"), [("GET", "", b""), ("POST", "/x", b""), ("POST", "", b"<a/>")])
def test_message_goes_by_post_to_the_address(opened: Connect, method: str, path: str, content: bytes) -> None:
    """A message is the body of a POST to the service's address: anything else is a mistake, and nothing is sent."""
    clients = opened()
    client = clients(DOSSIERS)
    with pytest.raises(UsageError, match=r"client\.post"):
        client.request(method, path, content=content, extensions=message())
    assert list(read_exchanges(clients.folder)) == []


def test_raw_message_goes_to_the_very_address(opened: Connect) -> None:
    """A post to "" goes to the endpoint itself, without the slash that httpx puts behind an address."""
    clients = opened()
    response = clients(DOSSIERS).post("", content=b"<x/>", headers={"Content-Type": "text/xml"})
    url = exchange_of(response).request.url
    assert url == clients.campaign.service(DOSSIERS).address
    assert not url.endswith("/")
    assert exchange_of(clients(DOSSIERS).get("", params={"a": "b"})).request.url == f"{url}?a=b"


def test_address_in_capitals_is_the_same_address(opened: Connect, platform: Path) -> None:
    """An address is compared as a URL, in which scheme and host have no case; it goes out as the target file has it."""
    settings = load_target(str(platform)).services[DOSSIERS].settings
    address = str(settings["endpoint"]).replace("127.0.0.1", "LOCALHOST")
    clients = opened(DOSSIERS, "", settings={**settings, "endpoint": address})
    response = clients(DOSSIERS).post("", extensions=message(own_number="$own"))
    assert response.status_code == 200
    assert exchange_of(response).request.url == address


def test_operation_of_a_raw_message_is_found_by_its_body(opened: Connect) -> None:
    """The element in the Body says which operation a message of bytes asks for, as the WSDL binds it."""
    clients = opened()
    requests = clients.campaign.runner(DOSSIERS).context.session.requests
    assert isinstance(requests, SoapRequests)
    sent = exchange_of(clients(DOSSIERS).post("", extensions=message(own_number="$own"))).request
    assert requests.messages.operation_of(sent.body) == "generate"
    assert requests.messages.operation_of(b"<a><b/></a>") == ""
    assert requests.messages.operation_of(b"no XML") == ""
    other = sent.body.replace(b"GenerateCovidIdRequest", b"SomethingElse")
    assert requests.messages.operation_of(other) == ""
    operation = requests.operation_of(replace(sent, body=other))
    assert operation is not None, "the only operation there is"
    assert operation.id == "generate"
    assert requests.operation_of(replace(sent, url=f"{sent.url}/other")) is None


def test_repeated_raw_message_is_judged(opened: Connect) -> None:
    """Bytes that were recorded can be sent again by a test; the answer is held against the operation in its Body."""
    client = opened()(DOSSIERS)
    sent = exchange_of(client.post("", extensions=message(own_number="$own", last_name="Sterrenveld"))).request
    headers = [(name, value) for name, value in sent.headers if name in {"Content-Type", "SOAPAction"}]
    response = client.post("", content=sent.body, headers=headers)
    assert response.status_code == 200
    assert judgement_of(response).evaluated[RULE] == 1


# --------------------------------------------------------------------------------------------------------- exact bytes


def test_request_goes_out_as_given(opened: Connect) -> None:
    """Order, case and repetition of header fields are what the test gave, behind the target's identity."""
    peer = Wiretap()
    identity = {"user_agent": "a/1 b/2", "from": "info@mycompany.be"}
    client = opened(DASHBOARDS, peer.address, identity=identity)(DASHBOARDS)
    headers = [("x-B", "2"), ("X-a", "1"), ("x-B", "3"), ("Accept", "text/plain")]
    client.get("/dashboard?b=%20&a", headers=headers)
    host = peer.address.split("/")[2].encode()
    assert peer.head() == [
        b"GET /api/v1/dashboard?b=%20&a HTTP/1.1",
        b"Host: " + host,
        b"User-Agent: a/1 b/2",
        b"From: info@mycompany.be",
        b"Accept-Encoding: gzip",
        b"x-B: 2",
        b"X-a: 1",
        b"x-B: 3",
        b"Accept: text/plain",
    ]


def test_body_is_sent_whole_with_its_length(opened: Connect) -> None:
    """A body, whichever way httpx makes it, goes out in one piece and unchanged."""
    peer = Peer(Answer(204))
    with serving(peer) as address:
        client = opened(DASHBOARDS, address)(DASHBOARDS)
        client.post("/x", json={"a": "\xe9"})
        client.post("/x", content=iter([b"one ", b"two"]))
        client.post("/x", data={"a": "b c"})
    assert [request.body for request in peer.seen] == ['{"a":"\xe9"}'.encode(), b"one two", b"a=b+c"]
    assert [request.header("content-length") for request in peer.seen] == ["10", "7", "5"]
    assert not any(request.header("transfer-encoding") for request in peer.seen)


# ----------------------------------------------------------------------------------------------------------- evidence


def test_exchanges_are_a_case_of_kind_own(tmp_path: Path) -> None:
    """What a connection exchanged is one case a service in results.json, with every exchange in its order."""
    with serving(Peer()) as address, connect(_target(tmp_path, address), name="mine", out=tmp_path / "out") as clients:
        client = clients(DASHBOARDS)
        client.get("/dashboard")
        client.get("/dashboard")
    document = results(clients)
    jsonschema.validate(document, json.loads(SCHEMA.read_text("utf-8")))
    [case] = document["cases"]
    assert (case["id"], case["kind"], case["verdict"]) == ("own/mine", "own", "pass")
    assert case["exchanges"] == ["000001", "000002"]
    assert case["evaluated"][RULE] == 2
    assert document["run"]["services"] == []
    assert document["run"]["exit_code"] == 0


def test_own_requests_make_nothing_conformant(tmp_path: Path) -> None:
    """A run of own requests alone is headed as such in the report, and its cases are in junit.xml."""
    with serving(Peer()) as address, connect(_target(tmp_path, address), out=tmp_path / "out") as clients:
        clients(DASHBOARDS).get("/dashboard")
    page = (clients.folder / "report.html").read_text("utf-8")
    assert "Tests of one&#x27;s own: no answer broke the contract" in page
    assert "no suite was run" in page
    assert ">Conformant<" not in page
    assert 'name="own/session"' in (clients.folder / "junit.xml").read_text("utf-8")


def test_terminal_says_that_no_suite_was_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The summary of own requests counts them by service, and calls nothing conformant."""
    with serving(Peer()) as address, connect(_target(tmp_path, address), out=tmp_path / "out") as clients:
        clients(DASHBOARDS).get("/dashboard")
    assert print_summary(results(clients), clients.folder) == 0
    shown = capsys.readouterr().out
    assert "exit 0: no answer broke the contract; tests of one's own were run and no suite" in shown
    assert re.search(r"^status-dashboard +1 ", shown, re.MULTILINE)
    assert "conformant" not in shown


def test_violation_decides_the_run(tmp_path: Path) -> None:
    """A broken contract makes the case fail, though the test went on and nothing was raised."""
    broken = Peer(Answer(body=b'{"groups": 1}', headers=dict(JSON)))
    with serving(broken) as address, connect(_target(tmp_path, address), out=tmp_path / "out") as clients:
        clients(DASHBOARDS).get("/dashboard")
    document = results(clients)
    assert document["cases"][0]["verdict"] == "fail"
    assert document["run"]["exit_code"] == 1
    assert "Not conformant" not in (clients.folder / "report.html").read_text("utf-8")


def test_verdict_rests_on_the_exchange_that_broke_the_contract(tmp_path: Path) -> None:
    """Among several exchanges the one that shows the violation decides, wherever it stands."""
    good, broken = Answer(body=DASHBOARD, headers=dict(JSON)), Answer(body=b'{"groups": 1}', headers=dict(JSON))
    with (
        serving(Peer(good, broken, good)) as address,
        connect(_target(tmp_path, address), out=tmp_path / "out") as clients,
    ):
        client = clients(DASHBOARDS)
        for _ in range(3):
            client.get("/dashboard")
    [case] = results(clients)["cases"]
    assert (case["verdict"], case["exchanges"], case["deciding"]) == (
        "fail",
        ["000001", "000002", "000003"],
        ["000002"],
    )


def test_outputs_are_written_when_the_test_breaks_down(tmp_path: Path) -> None:
    """An error of the test's own passes through, and what was exchanged before it is in the results."""
    with (  # noqa: PT012 - the block is the test
        serving(Peer()) as address,
        pytest.raises(ZeroDivisionError),
        connect(_target(tmp_path, address), out=tmp_path / "out") as clients,
    ):
        clients(DASHBOARDS).get("/dashboard")
        _ = 1 / 0
    assert results(clients)["cases"][0]["verdict"] == "pass"


def test_interruption_is_told(tmp_path: Path) -> None:
    """Ctrl-C ends the run with 130, and what was done is on disk."""
    with (  # noqa: PT012 - the block is the test
        serving(Peer()) as address,
        pytest.raises(KeyboardInterrupt),
        connect(_target(tmp_path, address), out=tmp_path / "out") as clients,
    ):
        clients(DASHBOARDS).get("/dashboard")
        raise KeyboardInterrupt
    assert results(clients)["run"]["exit_code"] == 130


def test_services_that_remember_are_asked_alone(opened: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that asks a service with a memory has the turn of all such services until it ends, in one order."""
    taken: list[str] = []
    true_alone = Campaign.alone

    def alone(campaign: Campaign, service: str) -> object:
        taken.append(service)
        return true_alone(campaign, service)

    monkeypatch.setattr(Campaign, "alone", alone)
    clients = opened()
    clients(DASHBOARDS)
    assert taken == []
    clients(EXCLUSIONS)
    clients(EXCLUSIONS)
    assert taken == sorted(taken)
    assert EXCLUSIONS in taken


def _target(folder: Path, address: str) -> Path:
    file = folder / "own.yaml"
    services = {DASHBOARDS: {"base_url": address}}
    data = {"name": "x", "environment": "local", "limits": {"timeout": 30}, "services": services}
    file.write_text(dump(data), encoding="utf-8")
    return file
