"""Requests side by side, over real sockets: what overlaps, what does not, and what is on disk of either."""

import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from conformance.contracts.loading import load_spec
from conformance.engine.execution import CaseExecution
from conformance.engine.plan import Selection, make_plan
from conformance.engine.probes.overlapping import MOST_ATTEMPTS, Overlap, overlap, send_side_by_side
from conformance.engine.session import Session
from conformance.evidence.store import FILE, read_exchanges
from conformance.formats.documents import dump
from conformance.mock.authority import make_server_certificate
from conformance.model.case import Message, Template
from conformance.model.errors import BudgetError, ForbiddenTrafficError
from conformance.model.exchange import ErrorKind, Exchange, Request, Response, TransportFailure
from conformance.target.reading import choose_services, load_target
from conformance.traffic import side_by_side
from conformance.traffic.interruption import interruptible
from conformance.traffic.side_by_side import Lane, make_lanes, send_lanes, why_apart
from conformance.traffic.transport import Transport
from tests.campaigns import begin
from tests.peers.dossier_number_generation import serve
from tests.peers.server import Answer, serving

REST, SOAP = "status-dashboard", "dossier-number-generation"
PAIR = (Template("getDashboard"), Template("getDashboardInt"))
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"
PATIENT, SHORT = 30, 0.3

Serve = Callable[[socket.socket], None]
Opener = Callable[..., CaseExecution]


def _hear(connection: socket.socket) -> bytes:
    """Read a request without a body."""
    heard = b""
    while b"\r\n\r\n" not in heard:
        data = connection.recv(4096)
        if not data:
            break
        heard += data
    return heard


class Listener:
    """A socket that hands each connection to a function, in the order in which they come."""

    def __init__(self, handle: Serve) -> None:
        """Listen on a port of the system's choice."""
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.sock.getsockname()[1]}"
        self.handle = handle
        self.opened: list[socket.socket] = []

    def run(self) -> None:
        """Serve until the socket is closed."""
        while True:
            try:
                connection, _ = self.sock.accept()
            except OSError:
                return
            self.opened.append(connection)
            try:
                self.handle(connection)
            except OSError:
                continue


@contextmanager
def listening(handle: Serve) -> Iterator[Listener]:
    """Serve connections one after the other with a function."""
    listener = Listener(handle)
    thread = threading.Thread(target=listener.run, daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        listener.sock.shutdown(socket.SHUT_RDWR)
        listener.sock.close()
        for connection in listener.opened:
            connection.close()
        thread.join(PATIENT)


@pytest.fixture
def listened(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Return what is set once the harness has seen that there is no answer: a quick peer waits for it, by no clock."""
    event = threading.Event()
    read_all = side_by_side._read_all

    def reading(lanes: Sequence[Lane], deadline: float) -> None:
        event.set()
        read_all(lanes, deadline)

    monkeypatch.setattr(side_by_side, "_read_all", reading)
    return event


def _together(number: int, listened: threading.Event) -> Serve:
    """Return a handler that answers only once it has so many whole requests, the last one first."""
    waiting: list[socket.socket] = []

    def handle(connection: socket.socket) -> None:
        _hear(connection)
        waiting.append(connection)
        if len(waiting) == number:
            listened.wait(PATIENT)
            while waiting:
                waiting.pop().sendall(ANSWER)

    return handle


@contextmanager
def _eager_over_tls(folder: Path) -> Iterator[tuple[str, Path]]:
    """Serve over TLS a peer that answers each connection before it has a request; the next one waits until then."""
    certificate = make_server_certificate()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate.write(folder))
    secured: list[ssl.SSLSocket] = []

    def handle(connection: socket.socket) -> None:
        secured.append(context.wrap_socket(connection, server_side=True))
        secured[-1].sendall(ANSWER)

    authority = folder / "authority.pem"
    authority.write_bytes(certificate.authority)
    with listening(handle) as peer:
        yield f"https://{peer.address}", authority
    for one in secured:
        one.close()


def _lanes(address: str, number: int = 2, timeout: float = PATIENT, ca_file: Path | None = None) -> tuple[Lane, ...]:
    """Send a number of GET requests side by side and return what became of them."""
    requests = [Request("GET", f"{address}/{at}") for at in range(number)]
    lanes = make_lanes(Transport(timeout, ca_file), requests)
    send_lanes(lanes, timeout)
    return lanes


def _statuses(overlapping: Overlap) -> list[int]:
    return [exchange.response.status for exchange in overlapping.exchanges if exchange.response is not None]


# -------------------------------------------------------------------------------------------------------- on the wire


@pytest.mark.parametrize("number", [2, 3])
def test_peer_that_waits_for_all_requests_gets_them(number: int, listened: threading.Event) -> None:
    """All requests are there before one is answered, each on a connection of its own; that is shown by the times."""
    with listening(_together(number, listened)) as peer:
        lanes = _lanes(f"http://{peer.address}", number)
        assert len(peer.opened) == number
    assert [getattr(lane.outcome, "status", None) for lane in lanes] == [200] * number
    assert why_apart(lanes) == ""


def test_peer_that_answers_one_after_the_other_answers_all(listened: threading.Event) -> None:
    """A peer that takes one connection at a time is waited for; the requests were out together all the same."""

    def in_turn(connection: socket.socket) -> None:
        _hear(connection)
        listened.wait(PATIENT)
        connection.sendall(ANSWER)
        connection.close()

    with listening(in_turn) as peer:
        lanes = _lanes(f"http://{peer.address}")
    assert all(isinstance(lane.outcome, Response) for lane in lanes)
    assert why_apart(lanes) == ""


def test_answer_that_is_there_before_all_is_sent_is_no_overlap(tmp_path: Path) -> None:
    """Where an answer began before the last request was sent, both are kept, and it is said that they were apart."""
    with _eager_over_tls(tmp_path) as (address, authority):
        lanes = _lanes(address, ca_file=authority)
    assert all(isinstance(lane.outcome, Response) for lane in lanes)
    assert why_apart(lanes) == "the answer to request 1 began before all were wholly sent"


def test_what_a_peer_says_between_the_requests_is_no_overlap() -> None:
    """The latest moment of silence has to be after the last byte of the last request."""
    outcome = Response(200, "OK", (), b"", 0, "")
    request = Request("GET", "http://127.0.0.1/")
    first = Lane(request, Transport(1), sent=1.0, silent=1.5, outcome=outcome)
    second = Lane(request, Transport(1), sent=2.0, silent=2.5, outcome=outcome)
    assert why_apart([first, second]) == "the answer to request 1 began before all were wholly sent"
    assert why_apart([replace(first, silent=2.0), second]) == ""
    assert "before it was wholly sent" in why_apart([replace(first, sent=None), second])


def test_peer_that_hangs_ends_with_the_time_limit() -> None:
    """No answer to one request neither takes the other's answer nor more than the time limit."""
    connections = iter(range(2))

    def handle(connection: socket.socket) -> None:
        _hear(connection)
        if next(connections):
            connection.sendall(ANSWER)

    with listening(handle) as peer:
        began = time.monotonic()
        lanes = _lanes(f"http://{peer.address}", timeout=SHORT)
        assert time.monotonic() - began < PATIENT
    kinds = [lane.outcome.kind if isinstance(lane.outcome, TransportFailure) else None for lane in lanes]
    assert kinds.count(ErrorKind.TIMEOUT) == 1
    assert kinds.count(None) == 1
    assert "had no answer: the peer did not answer in time" in why_apart(lanes)


def test_peer_that_closes_one_connection_is_no_overlap() -> None:
    """A connection that is closed without an answer leaves the other's answer, and says why nothing is shown."""
    connections = iter(range(2))

    def handle(connection: socket.socket) -> None:
        _hear(connection)
        if next(connections):
            connection.sendall(ANSWER)
        connection.close()

    with listening(handle) as peer:
        lanes = _lanes(f"http://{peer.address}")
    assert sorted(isinstance(lane.outcome, Response) for lane in lanes) == [False, True]
    assert "the peer closed the connection without an answer" in why_apart(lanes)


def test_where_one_cannot_be_sent_none_is() -> None:
    """All connections come before the first request, so that a change is never made without its rival."""
    heard: list[bytes] = []
    with listening(lambda connection: heard.append(_hear(connection))) as peer:
        requests = [Request("GET", f"http://{peer.address}/"), Request("GET", "http://127.0.0.1:1/")]
        lanes = make_lanes(Transport(PATIENT), requests)
        send_lanes(lanes, PATIENT)
    assert heard in ([], [b""])
    messages = [lane.outcome.message for lane in lanes if isinstance(lane.outcome, TransportFailure)]
    assert messages[0].startswith("not sent, because the request beside it could not be: no connection to 127.0.0.1:1")
    assert messages[1].startswith("no connection to 127.0.0.1:1")


def test_connections_are_closed_at_the_end(listened: threading.Event) -> None:
    """Nothing is kept alive that nobody would use again."""
    with listening(_together(2, listened)) as peer:
        _lanes(f"http://{peer.address}")
        assert [connection.recv(1) for connection in peer.opened] == [b"", b""]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_interruption_ends_all_of_them_at_once() -> None:
    """Ctrl-C while answers are awaited passes through long before the time limit, and keeps what had come."""
    answered = iter(range(2))

    def handle(connection: socket.socket) -> None:
        _hear(connection)
        if next(answered) == 0:
            connection.sendall(ANSWER)
        else:
            os.kill(os.getpid(), signal.SIGINT)

    with listening(handle) as peer, interruptible():
        lanes = make_lanes(Transport(600), [Request("GET", f"http://{peer.address}/{at}") for at in range(2)])
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            send_lanes(lanes, 600)
        assert time.monotonic() - began < 2 * PATIENT
    unanswered = [lane for lane in lanes if isinstance(lane.outcome, TransportFailure)]
    assert len(unanswered) >= 1


# --------------------------------------------------------------------------------------------- in the name of a case


@pytest.fixture
def playing(tmp_path: Path) -> Iterator[Opener]:
    """Return a function that gives the execution of an intrusive case against an address."""
    closing = ExitStack()

    def begin_execution(settings: object, service: str = REST, **target: object) -> CaseExecution:
        data = {"name": "x", "environment": "local", "limits": {"timeout": PATIENT}, "services": {service: settings}}
        file = tmp_path / "target.yaml"
        file.write_text(dump(data | target), encoding="utf-8")
        chosen = load_target(str(file))
        campaign = begin(make_plan(chosen, choose_services(chosen, ()), Selection()), tmp_path)
        closing.callback(campaign.close)
        case = next(iter(load_spec(service).cases.values()))
        return campaign.runner(service).execution(replace(case, intrusive=True))

    with closing:
        yield begin_execution


def _at(peer: Listener) -> dict[str, str]:
    return {"base_url": f"http://{peer.address}"}


def test_requests_of_a_case_overlap_and_are_on_disk_in_order(
    playing: Opener, tmp_path: Path, listened: threading.Event
) -> None:
    """Exchanges come in the order of the templates, however they were answered, and belong to the case."""
    with listening(_together(2, listened)) as peer:
        execution = playing(_at(peer))
        tried = send_side_by_side(execution, PAIR)
    assert (tried.overlapped, tried.obstacle, _statuses(tried)) == (True, "", [200, 200])
    records = list(read_exchanges(tmp_path))
    assert [record["id"] for record in records] == ["000001", "000002"] == execution.ids
    assert [record["request"]["url"].rpartition("/")[2] for record in records] == ["dashboard", "int"]
    assert {record["case"] for record in records} == {execution.case.id}
    assert execution.accepted


def test_requests_that_do_not_overlap_are_tried_again_for_a_while(playing: Opener, tmp_path: Path) -> None:
    """After a bounded number of attempts it is said why; each attempt was prepared, and each is on disk."""
    prepared: list[int] = []

    def prepare() -> Sequence[Template]:
        prepared.append(len(prepared))
        return PAIR

    with _eager_over_tls(tmp_path) as (address, authority):
        execution = playing({"base_url": address}, tls={"ca_file": str(authority)})
        tried = overlap(execution, prepare)
    assert not tried.overlapped
    assert tried.obstacle == (
        "2 requests sent at the same moment did not overlap in 3 attempts: "
        "the answer to request 1 began before all were wholly sent"
    )
    assert len(prepared) == MOST_ATTEMPTS
    assert len(list(read_exchanges(tmp_path))) == 2 * MOST_ATTEMPTS


def test_requests_that_overlap_are_sent_once(playing: Opener, listened: threading.Event) -> None:
    """Where the first attempt shows it there is no second one."""
    with listening(_together(2, listened)) as peer:
        assert overlap(playing(_at(peer)), lambda: PAIR).overlapped
        assert len(peer.opened) == 2


def test_credentials_stay_off_the_disk(playing: Opener, tmp_path: Path, listened: threading.Event) -> None:
    """What goes out side by side is redacted as everything else."""
    bearer = "head.payload-that-is-secret.signature"
    template = replace(PAIR[0], headers={"Authorization": f"Bearer {bearer}"})
    with listening(_together(2, listened)) as peer:
        execution = playing(_at(peer))
        execution.session.recorder.store.learn(bearer, {"token": "citizen"})
        send_side_by_side(execution, (template, template))
    assert len(list(read_exchanges(tmp_path))) == 2
    assert bearer not in (tmp_path / FILE).read_text(encoding="utf-8")
    assert '"token":"citizen"' in (tmp_path / FILE).read_text(encoding="utf-8")


def test_requests_side_by_side_count_within_the_limits(playing: Opener, listened: threading.Event) -> None:
    """Each takes its turn of the rate and its part of the budget before any is sent."""
    with listening(_together(2, listened)) as peer:
        execution = playing(_at(peer), limits={"timeout": PATIENT, "budget": 3})
        assert send_side_by_side(execution, PAIR).overlapped
        with pytest.raises(BudgetError):
            send_side_by_side(execution, PAIR)
        assert len(peer.opened) == 2


def test_production_gets_nothing_side_by_side_either(playing: Opener, listened: threading.Event) -> None:
    """The policy holds for each of the requests, and before the first is sent."""
    with listening(_together(2, listened)) as peer:
        execution = playing(
            _at(peer),
            environment="production",
            identity={"user_agent": "myProduct/1 Technical/2", "from": "info@mycompany.be"},
        )
        with pytest.raises(ForbiddenTrafficError):
            send_side_by_side(execution, (PAIR[0], replace(PAIR[0], method="POST")))
        assert peer.opened == []


def test_case_that_is_not_intrusive_sends_nothing_side_by_side(playing: Opener, listened: threading.Event) -> None:
    """Two requests at one moment are an imposition that a target has to allow."""
    with listening(_together(2, listened)) as peer:
        execution = playing(_at(peer))
        execution.case = replace(execution.case, intrusive=False)
        with pytest.raises(ValueError, match="has to be intrusive"):
            send_side_by_side(execution, PAIR)
        assert peer.opened == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_was_sent_is_on_disk_after_an_interruption(playing: Opener, tmp_path: Path) -> None:
    """Both requests went out, so both are evidence, the one without its answer too."""

    def handle(connection: socket.socket) -> None:
        _hear(connection)
        os.kill(os.getpid(), signal.SIGINT)

    with listening(handle) as peer:
        execution = playing(_at(peer), limits={"timeout": 600})
        with interruptible(), pytest.raises(KeyboardInterrupt):
            send_side_by_side(execution, PAIR)
    records = list(read_exchanges(tmp_path))
    assert [record["id"] for record in records] == ["000001", "000002"]
    assert all("failure" in record for record in records)


def test_signed_messages_are_made_before_the_first_is_sent(playing: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Building and signing take long, so both messages are ready when they leave, each with an id of its own."""
    order: list[str] = []
    with serve("plain") as settings:
        execution = playing(settings, SOAP, limits={"timeout": PATIENT})
        caller = min(settings["callers"])
        template = replace(execution.case.request, body=Message(caller))
        execution.send(template)
        build, leave = execution.session.requests.request, Session.send_side_by_side

        def building(_: object, *given: Any) -> Request:  # noqa: ANN401 - passed on as they are
            order.append("built")
            return build(*given)

        def leaving(*given: Any) -> tuple[tuple[Exchange, ...], str]:  # noqa: ANN401 - passed on as they are
            order.append("sent")
            return leave(*given)

        monkeypatch.setattr(type(execution.session.requests), "request", building)
        monkeypatch.setattr(Session, "send_side_by_side", leaving)
        tried = overlap(execution, lambda: (template, template), attempts=50)
    assert order[:3] == ["built", "built", "sent"]
    assert tried.obstacle == ""
    assert _statuses(tried) == [200, 200]
    [first, second] = [etree.fromstring(exchange.request.body) for exchange in tried.exchanges]
    assert first.xpath("//@Id") != second.xpath("//@Id")


def test_kept_connection_does_not_stand_in_the_way(playing: Opener) -> None:
    """A peer that serves one connection until it ends is not kept waiting by an idle one of the same session."""

    def until_closed(connection: socket.socket) -> None:
        while _hear(connection):
            connection.sendall(ANSWER)

    with listening(until_closed) as peer:
        execution = playing(_at(peer))
        execution.send(PAIR[0])
        assert _statuses(send_side_by_side(execution, PAIR)) == [200, 200]


def test_answers_of_one_service_are_judged_as_others_are(playing: Opener) -> None:
    """An exchange from a pair is an exchange: the oracle reads it as any other."""
    with serving(lambda _: Answer(503, b"busy")) as address:
        execution = playing({"base_url": address})
        tried = send_side_by_side(execution, PAIR)
        judgement = execution.oracle.judge(tried.exchanges[0], execution.case)
    assert judgement.inconclusive_reason
