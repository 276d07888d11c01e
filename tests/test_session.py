"""Tests of a session with a service: requests, evidence, polite waiting, and the guard of production."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from pathlib import Path

import pytest

from conformance.contracts.loading import load_spec
from conformance.engine.plan import Selection, make_plan
from conformance.engine.session import Session, exchange_numbers
from conformance.evidence.store import read_exchanges
from conformance.formats.documents import dump
from conformance.messages.rest import RestRequests
from conformance.messages.test_data import ServiceData
from conformance.model.case import Case, JsonBody, Template
from conformance.model.errors import BudgetError, ForbiddenTrafficError, MissingDataError
from conformance.model.exchange import Purpose, Response
from conformance.target.reading import choose_services, load_target
from tests.campaigns import begin
from tests.peers.server import Answer, Handler, Request, serving

SERVICE = "status-dashboard"
SPEC = load_spec(SERVICE)
CASE: Case = SPEC.cases["status-dashboard/7.2/dashboard"]
PLAIN = Template("getDashboard")

Opener = Callable[..., Session]


class Peer:
    """A service that answers as told and keeps the requests it got."""

    def __init__(self) -> None:
        """Answer everything with 200 until told otherwise."""
        self.seen: list[Request] = []
        self.answer: Handler = lambda _: Answer(body=b"{}")
        self.base = ""

    def __call__(self, request: Request) -> Answer:
        """Keep the request and answer it."""
        self.seen.append(request)
        return self.answer(request)


@pytest.fixture
def peer() -> Iterator[Peer]:
    """Serve a peer that answers as told."""
    told = Peer()
    with serving(told) as told.base:
        yield told


@pytest.fixture
def opened(peer: Peer, tmp_path: Path) -> Iterator[Opener]:
    """Return a function that opens a session with the peer; `pauses` collects what it would have waited."""
    closing = ExitStack()

    def open_session(
        environment: str = "local", pauses: list[float] | None = None, *, real: bool = False, **target: object
    ) -> Session:
        file = tmp_path / "target.yaml"
        services = {SERVICE: {"base_url": peer.base}}
        data = {"name": "x", "environment": environment, "limits": {"timeout": 30}, "services": services}
        file.write_text(dump(data | target), encoding="utf-8")
        chosen = load_target(str(file))
        campaign = begin(make_plan(chosen, choose_services(chosen, ()), Selection()), tmp_path)
        closing.callback(campaign.close)
        session = campaign.runner(SERVICE).session
        if not real:
            session.pause = ([] if pauses is None else pauses).append
        return session

    with closing:
        yield open_session


def _rest(session: Session) -> RestRequests:
    assert isinstance(session.requests, RestRequests)
    return session.requests


def _status(session: Session) -> int:
    response = session.exchange(CASE, PLAIN).response
    assert response is not None
    return response.status


def _then(*answers: Answer) -> Handler:
    """Give the answers one after the other, and the last one ever after."""
    numbers = count()
    return lambda _: answers[min(next(numbers), len(answers) - 1)]


def _busy(status: int = 503, **headers: str) -> Answer:
    return Answer(status, b"busy", headers={name.replace("_", "-"): value for name, value in headers.items()})


# ----------------------------------------------------------------------------------------------------------- requests


def test_plain_request_carries_identity_and_accept(peer: Peer, opened: Opener) -> None:
    """A request goes to the operation's path below the address, with who asks and what is accepted."""
    exchange = opened(identity={"user_agent": "myProduct/1 Technical/2", "from": "info@mycompany.be"}).exchange(
        CASE, PLAIN
    )
    [request] = peer.seen
    assert (request.method, request.path, request.query, request.body) == ("GET", "/api/v1/dashboard", None, b"")
    assert request.header("user-agent") == "myProduct/1 Technical/2"
    assert request.header("from") == "info@mycompany.be"
    assert request.header("accept") == "application/json"
    assert (exchange.case, exchange.purpose, exchange.id) == (CASE.id, Purpose.PROBE, "000001")
    assert exchange.request.url == f"{peer.base}/dashboard"
    assert exchange.elapsed > 0
    assert exchange.started.tzinfo is UTC


def test_sender_that_is_not_known_is_left_out(peer: Peer, opened: Opener) -> None:
    """Outside local no From is sent that the target does not give."""
    opened("acceptance").exchange(CASE, PLAIN)
    assert "from" not in peer.seen[0].headers


def test_template_changes_method_path_query_headers_and_body(peer: Peer, opened: Opener) -> None:
    """What a template says differs from the plain request, and a header set to null is left out."""
    template = Template(
        "getDashboardInt",
        method="POST",
        path="/below",
        query="a=1&b",
        headers={"Accept": None, "User-Agent": "c/3 d/4", "Content-Type": "text/x"},
        body=b"text",
    )
    opened().exchange(CASE, template, Purpose.CONTROL)
    [request] = peer.seen
    assert (request.method, request.path, request.query) == ("POST", "/api/v1/dashboard/int/below", "a=1&b")
    assert request.body == b"text"
    assert "accept" not in request.headers
    assert (request.header("user-agent"), request.header("content-type")) == ("c/3 d/4", "text/x")


def test_slash_at_the_end_of_the_address_is_not_doubled(peer: Peer, opened: Opener) -> None:
    """An address with and one without a slash at its end lead to the same place."""
    session = opened()
    session.requests = replace(_rest(session), address=f"{peer.base}//")
    assert session.requests.request(PLAIN).url == f"{peer.base}/dashboard"


def test_every_exchange_is_on_disk_before_it_is_handed_over(opened: Opener, tmp_path: Path) -> None:
    """Each exchange is recorded with its own number when `exchange` returns."""
    session = opened()
    for number in range(1, 4):
        exchange = session.exchange(CASE, PLAIN)
        assert [record["id"] for record in read_exchanges(tmp_path)][-1] == exchange.id == f"{number:06d}"


def test_prefix_keeps_the_numbers_of_workers_apart(opened: Opener) -> None:
    """A worker's exchanges begin with its prefix."""
    session = opened()
    session.recorder = replace(session.recorder, numbers=exchange_numbers("gw1-"))
    assert session.exchange(CASE, PLAIN).id == "gw1-000001"


def test_peer_that_is_gone_gives_an_exchange_without_an_answer(opened: Opener, tmp_path: Path) -> None:
    """Where nothing answers, the exchange says so and is recorded all the same."""
    session = opened()
    session.requests = replace(_rest(session), address="http://127.0.0.1:1")
    exchange = session.exchange(CASE, PLAIN)
    assert exchange.response is None
    assert exchange.failure is not None
    assert [record["failure"]["kind"] for record in read_exchanges(tmp_path)] == ["connect"]


def test_budget_ends_the_conversation(peer: Peer, opened: Opener) -> None:
    """When the target's budget is used up nothing more is sent."""
    session = opened(limits={"budget": 2})
    session.exchange(CASE, PLAIN)
    session.exchange(CASE, PLAIN)
    with pytest.raises(BudgetError):
        session.exchange(CASE, PLAIN)
    assert len(peer.seen) == 2


# --------------------------------------------------------------------------------- test data and tokens of the target


class Tokens:
    """Tokens by role, as a target file gives them."""

    roles = frozenset({"citizen"})

    def get(self, role: str) -> str:
        """Return a token that looks like one."""
        return f"head.{role}-payload.signature"

    def give_up(self, role: str) -> bool:
        """Have no other token than this one."""
        del role
        return False

    def check_before_run(self, roles_needed: Iterable[str]) -> list[str]:
        """Find nothing wrong."""
        del roles_needed
        return []


@pytest.fixture
def filled(opened: Opener) -> RestRequests:
    """Return the requests of a target with test data and a token, and an operation with a place in its path."""
    requests = _rest(opened())
    contract = requests.contract
    operation = replace(contract.operations["getDashboard"], path="/dashboard/{patient}/x")
    contract = replace(contract, operations={**contract.operations, "getDashboard": operation})
    data = {"patient": "85010101697", "practitioners": [{"nihii": "61234516"}], "odd": "a/b c&d?"}
    return replace(requests, contract=contract, data=ServiceData(data), tokens=Tokens())


def test_test_data_stand_where_a_request_names_them(filled: RestRequests) -> None:
    """Texts that begin with a dollar sign become the target's data, in path, query and body."""
    body = {"who": "$patient", "list": ["$practitioners.0.nihii", "text", 5, None], "plain": True}
    parameters = {"patient": "$patient", "date": "2025-05-09", "by": "$practitioners.0.nihii"}
    request = filled.request(replace(PLAIN, parameters=parameters, query="x=1", body=JsonBody(body)))
    assert request.url == f"{filled.address}/dashboard/85010101697/x?date=2025-05-09&by=61234516&x=1"
    assert json.loads(request.body) == {
        "who": "85010101697",
        "list": ["61234516", "text", 5, None],
        "plain": True,
    }
    assert dict(request.headers)["Content-Type"] == "application/json"


def test_another_path_stands_in_the_place_of_the_operation_s(filled: RestRequests) -> None:
    """A template may give the whole path itself, with what is appended to it and its parameters."""
    request = filled.request(replace(PLAIN, instead="/DASHBOARD/{patient}", path="/z", parameters={"patient": "a b"}))
    assert request.url == f"{filled.address}/DASHBOARD/a%20b/z"


def test_test_data_are_escaped_in_path_and_query(filled: RestRequests) -> None:
    """What a URL reserves is escaped, so that data never become another resource or parameter."""
    request = filled.request(replace(PLAIN, parameters={"patient": "$odd", "by": "$odd"}))
    assert request.url == f"{filled.address}/dashboard/a%2Fb%20c%26d%3F/x?by=a%2Fb%20c%26d%3F"


@pytest.mark.parametrize(
    "place",
    [
        "$nobody",
        "$practitioners.1.nihii",
        "$practitioners.0.ssin",
        "$patient.0.x",
        "$",
        "$odd!CHECK_DIGITS",
        "$nobody!DATE",
    ],
)
def test_test_data_that_the_target_does_not_give_are_missing(filled: RestRequests, place: str) -> None:
    """A request that needs what the target does not give, or what cannot be broken as asked, cannot be made."""
    with pytest.raises(MissingDataError):
        filled.request(replace(PLAIN, parameters={"patient": place}))


@pytest.mark.parametrize(
    ("place", "length"), [("$patient!CHECK_DIGITS", 11), ("$practitioners.0.nihii!CHECK_DIGITS", 8)]
)
def test_test_data_can_be_broken_in_one_way(filled: RestRequests, place: str, length: int) -> None:
    """A defect behind the place gives the same identity with that one thing wrong."""
    broken, whole = filled.value(place), filled.value(place.partition("!")[0])
    assert broken != whole
    assert len(broken) == length
    assert broken[:6] == whole[:6]


def test_token_goes_out_as_a_bearer_token(filled: RestRequests) -> None:
    """The access token of a role stands in Authorization."""
    request = filled.request(replace(PLAIN, parameters={"patient": "x"}, token="citizen"))  # noqa: S106 - a role
    assert dict(request.headers)["Authorization"] == "Bearer head.citizen-payload.signature"


@pytest.mark.parametrize("role", ["citizen!forged", "citizen!unsigned", "malformed"])
def test_token_can_be_broken_in_one_way(filled: RestRequests, role: str) -> None:
    """An altered token is another one than the role's, and never a valid one."""
    altered = filled.token(role)
    assert altered
    assert altered != filled.token("citizen")


def test_token_of_a_role_that_the_target_does_not_give_is_missing(filled: RestRequests) -> None:
    """Without a token of the role, or without any, the request cannot be made."""
    with pytest.raises(MissingDataError, match="'mandatary'"):
        filled.token("mandatary")
    with pytest.raises(MissingDataError, match="'citizen'"):
        replace(filled, tokens=None).token("citizen")


# ----------------------------------------------------------------------------------------------------- polite waiting


@pytest.mark.parametrize("status", [429, 502, 503, 504, 520, 522, 527, 530])
def test_busy_service_is_asked_again_after_a_while(peer: Peer, opened: Opener, status: int) -> None:
    """An answer that tells of load is waited out, once where the next one is good."""
    pauses: list[float] = []
    peer.answer = _then(_busy(status), Answer())
    assert _status(opened(pauses=pauses)) == 200
    assert pauses == [1.0]
    assert len(peer.seen) == 2


def test_request_that_a_server_gave_up_is_asked_again_at_once(peer: Peer, opened: Opener) -> None:
    """408 on a kept connection is no answer to this request: it goes out again on a new one (RFC 9110, 15.5.9)."""
    pauses: list[float] = []
    peer.answer = _then(Answer(), Answer(408, close=True), Answer())
    session = opened(pauses=pauses)
    assert [_status(session), _status(session)] == [200, 200]
    assert (pauses, len(peer.seen)) == ([], 3)


def test_server_that_gives_every_request_up_is_busy(peer: Peer, opened: Opener) -> None:
    """408 again and again is waited for as 503, and is the answer in the end."""
    pauses: list[float] = []
    peer.answer = _then(Answer(408, close=True))
    assert _status(opened(pauses=pauses)) == 408
    assert sum(pauses) == 10.0


@pytest.mark.parametrize(("status", "sent"), [(502, 1), (504, 1), (522, 1), (408, 1), (429, 2), (503, 2)])
def test_change_that_a_gateway_gave_up_on_is_not_repeated(tmp_path: Path, status: int, sent: int) -> None:
    """What is behind a gateway may have made a change; 429 and 503 say that it was not begun (RFC 9110, 9.2.2)."""
    seen: list[Request] = []
    answer = _then(_busy(status), Answer(204))

    def handle(request: Request) -> Answer:
        seen.append(request)
        return answer(request)

    with serving(handle) as base, ExitStack() as closing:
        service = "therapeutic-exclusion"
        file = tmp_path / "target.yaml"
        data = {"name": "x", "environment": "local", "services": {service: {"base_url": base}}}
        file.write_text(dump(data), encoding="utf-8")
        chosen = load_target(str(file))
        campaign = begin(make_plan(chosen, choose_services(chosen, ()), Selection()), tmp_path)
        closing.callback(campaign.close)
        session = campaign.runner(service).session
        session.pause = lambda _: None
        case = next(iter(session.service.spec.cases.values()))
        session.exchange(case, Template("revokeExclusion"))
    assert len(seen) == sent


@pytest.mark.parametrize("status", [407, 511])
def test_answer_of_a_network_on_the_way_is_not_waited_for(peer: Peer, opened: Opener, status: int) -> None:
    """A proxy or a network that wants a login will want it after a while, too."""
    pauses: list[float] = []
    peer.answer = _then(_busy(status))
    assert _status(opened(pauses=pauses)) == status
    assert (pauses, len(peer.seen)) == ([], 1)


@pytest.mark.parametrize("status", [200, 204, 301, 400, 404, 500, 501])
def test_other_answer_is_final(peer: Peer, opened: Opener, status: int) -> None:
    """No other status is asked again, whatever it says about retrying."""
    pauses: list[float] = []
    peer.answer = _then(_busy(status, Retry_After="2"))
    assert _status(opened(pauses=pauses)) == status
    assert (pauses, len(peer.seen)) == ([], 1)


@pytest.mark.parametrize(
    ("value", "wait"),
    [("3", 3.0), (" 2 ", 2.0), ("010", 10.0), ("", 1.0), ("soon", 1.0), ("-1", 1.0), ("1.5", 1.0), ("\xb2", 1.0)],
)
def test_retry_after_in_seconds_is_obeyed(peer: Peer, opened: Opener, value: str, wait: float) -> None:
    """The service's own wish is waited for; one that is none counts as a second."""
    pauses: list[float] = []
    peer.answer = _then(_busy(Retry_After=value), Answer())
    assert _status(opened(pauses=pauses)) == 200
    assert pauses == [wait]


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000"])
def test_retry_after_as_a_date_is_obeyed(peer: Peer, opened: Opener, zone: str) -> None:
    """A date is waited for from now on (RFC 9110, 5.6.7), also where it leaves its zone open."""
    pauses: list[float] = []
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=9), usegmt=True).replace("GMT", zone)
    peer.answer = _then(_busy(Retry_After=moment), Answer())
    assert _status(opened(pauses=pauses)) == 200
    assert [2 < pause <= 9 for pause in pauses] == [True]


@pytest.mark.parametrize("value", ["11", "3600", "9" * 40, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_wait_beyond_all_patience_is_not_begun(peer: Peer, opened: Opener, value: str) -> None:
    """A service that asks for more than ten seconds is taken at its word and not asked again."""
    pauses: list[float] = []
    peer.answer = _then(_busy(Retry_After=value))
    assert _status(opened(pauses=pauses)) == 503
    assert (pauses, len(peer.seen)) == ([], 1)


def test_patience_is_bounded_for_the_whole_run(peer: Peer, opened: Opener) -> None:
    """A service that stays busy is waited for ten seconds in all, and after that every answer is final."""
    pauses: list[float] = []
    peer.answer = _then(_busy(429))
    session = opened(pauses=pauses)
    assert [_status(session) for _ in range(3)] == [429] * 3
    assert 0 < sum(pauses) <= 10
    assert len(peer.seen) == len(pauses) + 3


def test_wait_that_just_fits_the_patience_is_kept(peer: Peer, opened: Opener) -> None:
    """Two waits of five seconds are patience enough, a third of any length is not."""
    pauses: list[float] = []
    peer.answer = _then(_busy(Retry_After="5"))
    assert _status(opened(pauses=pauses)) == 503
    assert pauses == [5.0, 5.0]


class _TooOftenError(Exception):
    """The service was asked again more often than anybody would call polite."""


@pytest.mark.parametrize("value", ["0", "00", "Mon, 01 Jan 2024 00:00:00 GMT"])
def test_busy_service_that_asks_for_no_wait_is_not_asked_without_end(peer: Peer, opened: Opener, value: str) -> None:
    """A service that is busy and says Retry-After: 0 to each request is left alone after a few."""

    def pause(_: float) -> None:
        if len(peer.seen) > 100:
            raise _TooOftenError

    peer.answer = _then(_busy(Retry_After=value))
    session = opened()
    session.pause = pause
    assert _status(session) == 503


def test_date_with_an_impossible_zone_is_no_date(peer: Peer, opened: Opener) -> None:
    """A Retry-After with a zone of twenty digits counts as none."""
    peer.answer = _then(_busy(Retry_After=f"Mon, 01 Jan 2024 00:00:00 +{'9' * 20}"), Answer())
    assert _status(opened()) == 200


def test_each_repetition_is_recorded_and_counted(peer: Peer, opened: Opener, tmp_path: Path) -> None:
    """Requests that are asked again are exchanges like others: on disk, and part of the budget."""
    peer.answer = _then(_busy(), _busy(), Answer())
    session = opened(limits={"budget": 3})
    assert session.exchange(CASE, PLAIN).id == "000003"
    assert [record["response"]["status"] for record in read_exchanges(tmp_path)] == [503, 503, 200]
    with pytest.raises(BudgetError):
        session.exchange(CASE, PLAIN)


def test_waiting_is_real_unless_a_test_says_otherwise(opened: Opener) -> None:
    """A session pauses by sleeping."""
    assert opened(real=True).pause is time.sleep


# --------------------------------------------------------------------------------------------------------- production


def test_production_is_read_with_get(peer: Peer, opened: Opener) -> None:
    """The public status services may be read in production."""
    assert _status(opened("production")) == 200
    assert len(peer.seen) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "get"])
def test_production_gets_no_other_method(peer: Peer, opened: Opener, method: str) -> None:
    """Whatever a case says, nothing but GET leaves for production."""
    session = opened("production")
    with pytest.raises(ForbiddenTrafficError):
        session.exchange(CASE, replace(PLAIN, method=method))
    assert peer.seen == []


def test_production_of_a_service_that_is_not_public_is_never_asked(peer: Peer, opened: Opener) -> None:
    """A service with credentials is not even read in production."""
    session = opened("production")
    private = replace(SPEC, contract=replace(SPEC.contract, public=False))
    session.service = replace(session.service, spec=private)
    with pytest.raises(ForbiddenTrafficError):
        session.exchange(CASE, PLAIN)
    assert peer.seen == []


def test_response_of_an_exchange_is_the_answer(opened: Opener) -> None:
    """An exchange gives either the answer or the failure."""
    exchange = opened().exchange(CASE, PLAIN)
    assert isinstance(exchange.outcome, Response)
    assert exchange.response is exchange.outcome
    assert exchange.failure is None
