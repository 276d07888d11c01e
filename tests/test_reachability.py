"""Tests of answers that are not the service's: a wrong address, a login page, a refused credential, a busy network."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from conformance.contracts.loading import load_spec
from conformance.engine.campaign import Campaign
from conformance.engine.plan import Selection, make_plan
from conformance.evidence.results_document import results_document
from conformance.formats.documents import dump
from conformance.judging.rest import RestOracle
from conformance.model.case import Step, Template
from conformance.model.exchange import Exchange, Purpose, Request, Response
from conformance.model.result import CaseResult
from conformance.model.verdict import Severity, Verdict
from conformance.target.reading import choose_services, load_target
from tests.campaigns import begin
from tests.peers.server import Answer, Handler, serving
from tests.peers.server import Request as Received
from tests.test_runner import good

PAGE = b"<html><head><title>404 Not Found</title></head><body><hr>nginx</body></html>"
LOGIN = b"<!DOCTYPE html><title>Sign in</title><form><input name=u><input type=password></form>"
HTML = {"Content-Type": "text/html"}
JSON = {"Content-Type": "application/json"}


@dataclass(slots=True)
class Opened:
    """A campaign against a handler in the place of one service."""

    campaign: Campaign
    service: str

    def run(self, *names: str) -> list[CaseResult]:
        """Run the cases of some names, or all that ask once."""
        cases = self.campaign.plan.services[0].spec.cases
        chosen = [f"{self.service}/{name}" for name in names] or [
            name for name, case in cases.items() if case.procedure is None
        ]
        results = [self.campaign.run(cases[name]) for name in chosen]
        for result in results:
            self.campaign.tally.add(result)
        return results

    def requirement_verdicts(self) -> set[str]:
        """Return the verdicts of all requirements of the contract."""
        contract = self.campaign.contract(self.service)
        document = results_document(
            self.campaign.ended(), self.campaign.tally.results.values(), contract.requirements.values(), {}
        )
        return {row["verdict"] for row in document["requirements"]}


Opener = Callable[..., Opened]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    """Return a function that opens a campaign against a handler."""
    with ExitStack() as stack:
        numbers = count()

        def open_campaign(handler: Handler, service: str = "status-dashboard") -> Opened:
            folder = tmp_path / str(next(numbers))
            folder.mkdir()
            base = stack.enter_context(serving(handler))
            settings: dict[str, object] = {"base_url": base}
            if service == "status-dashboard":
                settings["dashboards"] = ["prod", "int", "acc"]
            file = folder / "target.yaml"
            data = {"name": "x", "environment": "local", "services": {service: settings}}
            file.write_text(dump(data), encoding="utf-8")
            target = load_target(str(file))
            campaign = begin(make_plan(target, choose_services(target, ()), Selection(), examples=3), folder)
            stack.callback(campaign.close)
            return Opened(campaign, service)

        yield open_campaign


WRONG_WAYS = {
    "a page": (
        Answer(404, PAGE, headers=HTML),
        "404 Not Found with an HTML page ('404 Not Found'): is base_url",
    ),
    "nothing": (Answer(404), "404 Not Found without a body: is base_url right?"),
    "a gateway's words": (
        Answer(404, b'{"message": "no Route matched with those values"}', headers=JSON),
        "404 Not Found with a body that the contract does not have: is base_url right?",
    ),
    "a login page": (Answer(200, LOGIN, headers=HTML), "with a login page ('Sign in')"),
    "a redirection": (
        Answer(302, headers={"Location": "https://u:p@login.example.org/in?back=secret"}),
        "302 Found with Location https://login.example.org/in: is base_url right?",
    ),
    "401": (Answer(401), "is the credential right"),
    "403 in the errors' shape": (Answer(403, b'{"error": "Forbidden"}', headers=JSON), "is the credential right"),
    "plain HTTP": (
        Answer(400, b"<html><title>400 The plain HTTP request was sent to HTTPS port</title>", headers=HTML),
        "the port wants TLS",
    ),
    "no certificate": (
        Answer(400, b"<html><title>400 No required SSL certificate was sent</title>", headers=HTML),
        "wants a client certificate",
    ),
    "another HTTP": (Answer(505), "HTTP/2 only"),
    "an upgrade": (Answer(426, headers={"Upgrade": "h2"}), "HTTP/2 only"),
    "a proxy": (Answer(407, headers={"Proxy-Authenticate": "Basic"}), "a proxy on the way wants credentials"),
    "a network": (Answer(511, LOGIN, headers=HTML), "the network wants a login"),
}


@pytest.mark.parametrize("way", WRONG_WAYS)
@pytest.mark.parametrize("service", ["status-dashboard", "incidents-interventions"])
def test_wrong_way_accuses_nobody(opened: Opener, service: str, way: str) -> None:
    """Where every plain request meets one refusal without the contract's shape, all is undecided by one cause."""
    answer, words = WRONG_WAYS[way]
    run = opened(lambda _: answer, service)
    results = run.run()
    assert {result.verdict for result in results} == {Verdict.INCONCLUSIVE}
    [reason] = {result.reason for result in results}
    assert reason.startswith("every plain request was answered ")
    assert words in reason
    assert "secret" not in reason
    assert run.campaign.ended().notes == (f"{service}: {reason}",)


def test_wrong_way_lets_no_requirement_pass(opened: Opener) -> None:
    """No page counts as a resource served, nor a bare refusal as the service's own."""
    for answer in (Answer(200, LOGIN, headers=HTML), Answer(404)):
        run = opened(lambda _, answer=answer: answer)
        run.run()
        assert run.requirement_verdicts() <= {"inconclusive", "not_covered", "not_applicable"}


def test_wrong_way_is_not_gone_for_each_case_anew(opened: Opener) -> None:
    """After three cases that met nothing of the service the others are not sent."""
    seen: list[Received] = []

    def handler(request: Received) -> Answer:
        seen.append(request)
        return Answer(404)

    results = opened(handler).run()
    assert len(results) > 30
    assert len(seen) < 15


ERRORS = b'[{"code": "VAL002", "description": "The patient identifier is invalid"}]'


@pytest.mark.parametrize(
    ("status", "body", "foreign"),
    [
        (400, ERRORS, False),
        (404, ERRORS, False),
        (403, ERRORS, True),
        (404, b"", True),
        (404, PAGE, True),
        (400, b"[]", False),
    ],
)
def test_errors_of_the_contract_are_the_services_own(status: int, body: bytes, *, foreign: bool) -> None:
    """A refusal in the shape of the contract's errors is the service's own, unless it refuses who asks."""
    oracle = RestOracle(load_spec("therapeutic-exclusion").contract)
    response = Response(status, "", (("Content-Type", "application/json"),), body, len(body), "")
    exchange = Exchange("1", "x", Purpose.PROBE, datetime.now(UTC), 0.1, Request("GET", "http://127.0.0.1/"), response)
    assert (oracle.foreign_refusal(exchange, "getExclusions") is not None) is foreign


@pytest.mark.parametrize("way", ["a page", "nothing", "a login page", "a redirection", "401"])
def test_one_resource_that_is_not_served_is_a_violation(opened: Opener, way: str) -> None:
    """A refusal that another plain request does not meet is the service's own."""
    answer, _ = WRONG_WAYS[way]
    run = opened(lambda request: answer if request.resource == "dashboard" else good(request))
    [result] = run.run("7.2/dashboard")
    assert result.verdict is Verdict.FAIL


def test_session_that_ends_half_way_accuses_nobody(opened: Opener) -> None:
    """A gateway that lets requests pass for a while, and then wants a login, leaves the rest undecided."""
    numbers = count()
    run = opened(lambda request: good(request) if next(numbers) < 6 else Answer(200, LOGIN, headers=HTML))
    verdicts = {result.verdict for result in run.run()}
    assert verdicts == {Verdict.PASS, Verdict.INCONCLUSIVE}


def test_service_that_comes_back_is_judged_again(opened: Opener) -> None:
    """What was refused for a while stays undecided, and what is served after it is judged."""
    answers = {"now": Answer(404)}
    run = opened(lambda request: answers["now"] if answers else good(request))
    [before] = run.run("7.2/dashboard")
    answers.clear()
    [after] = run.run("7.2/dashboard")
    assert (before.verdict, after.verdict) == (Verdict.INCONCLUSIVE, Verdict.PASS)


@pytest.mark.parametrize("name", ["8/unexpected-query", "8/long-query"])
def test_filters_page_in_answer_to_an_odd_input_is_no_violation(opened: Opener, name: str) -> None:
    """A filter that answers 200 and a page is a gate, as one that answers 403; the plain request is served."""

    def filtered(status: int) -> Handler:
        return lambda request: Answer(status, PAGE, headers=HTML) if request.query else good(request)

    for status in (200, 403):
        [result] = opened(filtered(status)).run(name)
        assert result.verdict is not Verdict.FAIL
        assert {finding.severity for finding in result.findings} <= {Severity.OBSERVATION}


def test_page_instead_of_a_resource_is_a_violation_where_another_is_served(opened: Opener) -> None:
    """A service that answers a plain request with a page breaks the rule on JSON, and the page passes for nothing."""
    run = opened(lambda request: Answer(200, PAGE, headers=HTML) if request.resource == "dashboard" else good(request))
    [result] = run.run("7.2/dashboard")
    assert result.verdict is Verdict.FAIL
    assert {finding.requirement for finding in result.findings} == {"status-dashboard/5.2/json"}
    assert "status-dashboard/5.2/production" not in result.evaluated


@pytest.mark.parametrize("status", [304, 400, 405, 406, 415])
def test_refusal_that_no_wrong_address_has_is_the_services_own(opened: Opener, status: int) -> None:
    """A service that refuses every plain request for what it asks, without a page, breaks the contract."""
    [result] = opened(lambda _: Answer(status)).run("7.2/dashboard")
    assert result.verdict is Verdict.FAIL


@pytest.mark.parametrize("status", [403, 406, 501])
def test_filters_page_with_a_status_that_refuses_is_no_violation(opened: Opener, status: int) -> None:
    """A page with 501 in answer to an odd query is a filter's, as one with 403, where the plain request is served."""
    run = opened(lambda request: Answer(status, PAGE, headers=HTML) if request.query else good(request))
    [result] = run.run("8/unexpected-query")
    assert result.verdict is not Verdict.FAIL


def test_page_with_500_in_answer_to_an_odd_input_is_the_services_own(opened: Opener) -> None:
    """A server that breaks on an odd query breaks by itself."""
    run = opened(lambda request: Answer(500, PAGE, headers=HTML) if request.query else good(request))
    [result] = run.run("8/unexpected-query")
    assert result.verdict is Verdict.FAIL


@pytest.mark.parametrize("body", [b'{"httpCode": "404", "httpMessage": "Not Found"}', b"", b"null", b'"ok"'])
def test_success_without_anything_of_a_resource_lets_no_dashboard_pass(opened: Opener, body: bytes) -> None:
    """Whoever answers 200 to everything with something else breaks the rule on the answer, and serves no dashboard."""
    run = opened(lambda _: Answer(200, body, headers=JSON))
    [result] = run.run("7.2/dashboard")
    assert result.verdict is Verdict.FAIL
    assert "status-dashboard/5.2/production" not in result.evaluated


def test_page_in_the_place_of_none_does_not_clear_the_way() -> None:
    """A step that may find nothing is not done where a page came with 404: nobody knows what the service has."""
    contract = load_spec("therapeutic-exclusion").contract
    case = next(iter(load_spec("therapeutic-exclusion").cases.values()))
    step = Step(Template("revokeExclusion"), (204, 404))
    for body, is_done in ((b"", True), (ERRORS, True), (PAGE, False)):
        response = Response(404, "Not Found", (), body, len(body), "")
        exchange = Exchange("1", "x", Purpose.CONTROL, datetime.now(UTC), 0.1, Request("DELETE", "http://x/"), response)
        judgement = RestOracle(contract).judge_step(exchange, case, step)
        assert (not judgement.inconclusive_reason and not judgement.violated) is is_done
