"""Tests of running a case: preamble, probe, postamble, properties, and the verdict that follows."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import strategies as st

from conformance.contracts.loading import load_spec
from conformance.engine.execution import CaseExecution
from conformance.engine.plan import Selection, make_plan
from conformance.evidence.store import read_exchanges
from conformance.formats.documents import dump
from conformance.judging.rest import RestOracle
from conformance.messages.rest import RestRequests
from conformance.messages.sources import TokenSource
from conformance.model.case import Case, CaseKind, Property, Step, Template
from conformance.model.errors import CredentialRefusedError
from conformance.model.exchange import Exchange
from conformance.model.result import CaseResult
from conformance.model.verdict import Finding, Judgement, Severity, Verdict
from conformance.strategies.http import EDGES, GENERATORS
from conformance.target.reading import choose_services, load_target
from tests.campaigns import begin
from tests.peers import hostile
from tests.peers import status_dashboard as peers
from tests.peers.server import Answer, Handler, Request, serving

SERVICE = "status-dashboard"
SPEC = load_spec(SERVICE)
BOARD: dict[str, Any] = {
    "groups": [
        {
            "id": "G",
            "name": "Group",
            "status_code": 1,
            "items": [
                {
                    "id": "I",
                    "order": 1,
                    "status_code": 1,
                    "last_updated": "2025-05-09T08:55:00+02:00",
                    "name": "Item",
                }
            ],
        }
    ]
}
GOOD = Answer(document=BOARD, headers={"Content-Type": "application/json"})
SLOW = hostile.ENDED_BY_TIME | {"accept-slow", "gzip-members-endless"}


def _case(name: str, **changes: object) -> Case:
    return replace(SPEC.cases[f"{SERVICE}/{name}"], **changes)  # type: ignore[arg-type]


def good(request: Request) -> Answer:
    """Answer as a service that conforms: the board, or a refusal."""
    if not request.resource.startswith("dashboard") or request.resource.count("/") > 1 or "unknown" in request.resource:
        return Answer(404)
    if request.resource not in {"dashboard", "dashboard/int", "dashboard/acc"}:
        return Answer(404)
    return replace(GOOD, headers=dict(GOOD.headers)) if request.method == "GET" else Answer(405)


class Bench:
    """A runner against a peer, and what both have seen."""

    def __init__(self, folder: Path, base: str, *, seed: int = 1, examples: int = 20, **target: Any) -> None:  # noqa: ANN401
        """Make a runner of the whole service for a target that differs from a local one as told."""
        settings = {"base_url": base, **target.pop("settings", {})}
        file = folder / "target.yaml"
        data = {"name": "x", "environment": "local", "limits": {"timeout": 30}, "services": {SERVICE: settings}}
        file.write_text(dump(data | target), encoding="utf-8")
        chosen = load_target(str(file))
        plan = make_plan(chosen, choose_services(chosen, ()), Selection(), seed=seed, examples=examples)
        self.folder = folder
        self.campaign = begin(plan, folder)
        self.runner = self.campaign.runner(SERVICE)
        self.address = base
        self.pauses: list[float] = []
        self.runner.session.pause = self.pauses.append

    def take_tokens(self, tokens: TokenSource) -> None:
        """Have access tokens come from a source of a test."""
        requests = self.runner.session.requests
        assert isinstance(requests, RestRequests)
        self.runner.session.requests = replace(requests, tokens=tokens)

    def __call__(self, name: str, **changes: object) -> CaseResult:
        """Run a case, changed as told."""
        return self.runner.run(_case(name, **changes))

    @property
    def sent(self) -> list[tuple[str, str]]:
        """Return method and URL below the base of what was sent, in order."""
        return [
            (record["request"]["method"], record["request"]["url"].partition("/api/v1")[2])
            for record in read_exchanges(self.folder)
        ]

    def record(self, number: str) -> Mapping[str, Any]:
        """Return an exchange by its id."""
        return next(record for record in read_exchanges(self.folder) if record["id"] == number)

    def close(self) -> None:
        """Close connection and files."""
        self.campaign.close()


Opener = Callable[..., Bench]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Opener]:
    """Return a function that serves a handler, or takes a peer, and gives a bench against it."""
    with ExitStack() as stack:
        numbers = count()

        def open_bench(peer: Handler | AbstractContextManager[str] = good, **target: Any) -> Bench:  # noqa: ANN401
            base = stack.enter_context(peer if isinstance(peer, AbstractContextManager) else serving(peer))
            folder = tmp_path / str(next(numbers))
            folder.mkdir()
            opened = Bench(folder, base, **target)
            stack.callback(opened.close)
            return opened

        yield open_bench


def _broken(**members: object) -> Handler:
    """Answer with a board whose item has other members."""
    document = json.loads(json.dumps(BOARD))
    document["groups"][0]["items"][0].update(members)
    return lambda request: replace(good(request), document=document) if good(request).status == 200 else good(request)


def _board(document: object) -> Handler:
    return lambda request: replace(good(request), document=document) if good(request).status == 200 else good(request)


def _refusing(when: Callable[[Request], bool], status: int = 500) -> Handler:
    """Answer well but for some requests."""
    return lambda request: Answer(status) if when(request) else good(request)


# ------------------------------------------------------------------------------------------------------------- verdicts


def test_case_that_holds_passes_with_its_evidence(bench: Opener) -> None:
    """A passed case has counted what it judged and names its exchanges, and took time."""
    result = bench()("7.2/dashboard")
    assert (result.verdict, result.reason, result.findings) == (Verdict.PASS, "", ())
    assert sum(result.evaluated.values()) > 5
    assert result.exchanges == result.deciding == ("000001",)
    assert result.duration > 0


def test_case_that_does_not_hold_fails_with_its_reason(bench: Opener) -> None:
    """A failed case says first what was broken, and keeps all findings."""
    result = bench(_broken(status_code=9, extra=1))("7.2/dashboard")
    assert result.verdict is Verdict.FAIL
    assert result.reason.startswith("status-dashboard/5.3.1.2/item-status-code: ")
    assert {finding.severity for finding in result.findings} == {Severity.VIOLATION, Severity.OBSERVATION}


def test_oddities_do_not_keep_a_case_from_passing(bench: Opener) -> None:
    """Observations stand in the result of a passed case."""
    result = bench(_broken(extra=1))("7.2/dashboard")
    assert result.verdict is Verdict.PASS
    assert [finding.severity for finding in result.findings] == [Severity.OBSERVATION]


@pytest.mark.parametrize("name", [case.id.partition("/")[2] for case in SPEC.cases.values() if case.only])
def test_empty_list_makes_a_case_about_its_members_not_applicable(bench: Opener, name: str) -> None:
    """Where nothing is published, a case about a member passes no more than it fails."""
    result = bench(_board({"groups": []}))(name)
    verdict = Verdict.PASS if name.endswith("/groups") else Verdict.NOT_APPLICABLE
    assert result.verdict is verdict
    assert bool(result.reason) is (verdict is Verdict.NOT_APPLICABLE)


@pytest.mark.parametrize("name", [case.id.partition("/")[2] for case in SPEC.cases.values() if case.only])
def test_broken_list_makes_a_case_about_its_members_inconclusive(bench: Opener, name: str) -> None:
    """Where the list itself is broken, a case about a member is not decided, and says what broke."""
    result = bench(_board({"groups": None}))(name)
    about_groups = name.endswith("/groups")
    assert result.verdict is (Verdict.FAIL if about_groups else Verdict.INCONCLUSIVE)
    assert "status-dashboard/5.3.1.2/groups" in result.reason


@pytest.mark.parametrize("variant", ["plain", "groups-empty", "groups-null", "status-404", "status-500", "not-json"])
def test_case_of_which_nothing_was_judged_never_passes(bench: Opener, variant: str) -> None:
    """Whatever comes back, each passed case has applied a check, and each other one says why not."""
    run = bench(peers.serve(variant), examples=3)
    for name, case in SPEC.cases.items():
        result = run.runner.run(case)
        assert (result.verdict is Verdict.PASS) <= (sum(result.evaluated.values()) > 0), name
        assert (result.verdict is Verdict.PASS) is (result.reason == ""), name


@pytest.mark.parametrize("behaviour", sorted(set(hostile.BEHAVIOURS) - SLOW))
def test_hostile_peer_ends_in_a_clear_verdict(bench: Opener, behaviour: str) -> None:
    """Whatever a peer sends, a case passes, fails or stays undecided with a reason; the harness never errs."""
    run = bench(hostile.serve(behaviour))
    for name in ("7.2/dashboard", "5.3.1.2/item-name", "8/unknown-dashboard"):
        result = run(name)
        assert result.verdict in {Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NOT_APPLICABLE}
        assert (result.verdict is Verdict.PASS) is (result.reason == "")
        json.dumps([finding.actual for finding in result.findings])
    assert run.sent


# ---------------------------------------------------------------------------------------- cases that are not to be sent


def test_intrusive_case_waits_for_a_target_that_allows_it(bench: Opener) -> None:
    """An intrusive case is not run unless the target says intrusive."""
    polite = bench(intrusive=False)
    assert polite("8/long-query").verdict is Verdict.NOT_RUN
    assert polite.sent == []
    assert bench(intrusive=True)("8/long-query").verdict is Verdict.PASS


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_production_gets_nothing_but_get(bench: Opener, method: str) -> None:
    """Cases with another method are not run against production, and nothing of them is sent."""
    run = bench(environment="production")
    result = run(f"8/method-{method}")
    assert (result.verdict, result.limited) == (Verdict.NOT_RUN, False)
    assert "production" in result.reason
    assert run.sent == []


def test_production_is_read_all_the_same(bench: Opener) -> None:
    """Cases that read run against production as they do elsewhere."""
    assert bench(environment="production")("7.2/dashboard").verdict is Verdict.PASS


def test_case_about_what_the_target_does_not_claim_is_not_applicable(bench: Opener) -> None:
    """A dashboard that the target does not name is not asked for."""
    run = bench(settings={"dashboards": ["prod", "acc"]})
    result = run("5.2/integration")
    assert result.verdict is Verdict.NOT_APPLICABLE
    assert "'int'" in result.reason
    assert run.sent == []


@pytest.mark.parametrize(
    ("environment", "settings", "verdict"),
    [
        ("acceptance", {"dashboards": ["int"]}, Verdict.FAIL),
        ("acceptance", {}, Verdict.INCONCLUSIVE),
        ("simulation", {}, Verdict.INCONCLUSIVE),
        ("local", {}, Verdict.FAIL),
    ],
)
def test_missing_dashboard_weighs_what_the_target_claims(
    bench: Opener, environment: str, settings: Mapping[str, Any], verdict: Verdict
) -> None:
    """404 for /int is a failure where the target claims it or is local, and undecided where nobody says so."""
    run = bench(
        _refusing(lambda request: request.resource == "dashboard/int", 404), environment=environment, settings=settings
    )
    assert run("5.2/integration").verdict is verdict


# ----------------------------------------------------------------------------------------------------- silence and load


def test_service_that_is_silent_is_given_up_after_three_cases(bench: Opener) -> None:
    """After three cases in a row without an answer nothing more is sent, and the rest is inconclusive."""
    run = bench(hostile.serve("empty-reply"))
    results = [run("7.2/dashboard") for _ in range(5)]
    assert {result.verdict for result in results} == {Verdict.INCONCLUSIVE}
    assert [len(result.exchanges) for result in results] == [1, 1, 1, 0, 0]
    assert "not sent" in results[3].reason
    assert run.address in results[3].reason
    assert len(run.sent) == 3


def test_one_answer_is_enough_to_go_on(bench: Opener) -> None:
    """Silence counts anew after each case that got an answer."""
    numbers = count(1)
    run = bench(lambda request: good(request) if next(numbers) % 3 == 0 else Answer(status=200, version="broken"))
    results = [run("7.2/dashboard") for _ in range(9)]
    assert [result.verdict for result in results] == [Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE, Verdict.PASS] * 3


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_service_that_is_busy_is_neither_failed_nor_given_up(bench: Opener, status: int) -> None:
    """An answer that tells of load is an answer; its case is not decided."""
    run = bench(lambda _: Answer(status))
    results = [run("7.2/dashboard") for _ in range(5)]
    assert {result.verdict for result in results} == {Verdict.INCONCLUSIVE}
    assert all(str(status) in result.reason for result in results)
    assert results[4].exchanges
    assert 0 < sum(run.pauses) <= 10


def test_budget_that_is_used_up_leaves_a_case_not_run(bench: Opener) -> None:
    """A case that has no budget left is not run because of limits, and what was sent of it is kept."""
    run = bench(limits={"budget": 2})
    assert run("7.2/dashboard").verdict is Verdict.PASS
    result = run("8/unknown-dashboard")
    assert (result.verdict, result.limited) == (Verdict.NOT_RUN, True)
    assert "budget of 2 requests" in result.reason
    assert len(result.exchanges) == 1
    assert run("7.2/dashboard").limited


def test_budget_that_ends_within_a_property_leaves_it_not_run(bench: Opener) -> None:
    """A property that could not draw all its examples is not passed."""
    result = bench(limits={"budget": 10})("8/unknown-path")
    assert (result.verdict, result.limited) == (Verdict.NOT_RUN, True)
    assert len(result.exchanges) == 10


def test_budget_that_ends_while_shrinking_keeps_the_violation(bench: Opener) -> None:
    """What an example has shown stays shown, also where there is no budget left to make it smaller."""
    run = bench(_refusing(lambda request: len(request.query or "") >= 3000), limits={"budget": 8})
    result = run("8/long-query")
    assert len(result.exchanges) == 8
    assert result.verdict is Verdict.FAIL


# --------------------------------------------------------------------------------------------------- preamble: the twin


@pytest.mark.parametrize("status", [500, 503])
def test_refusal_means_nothing_where_the_plain_request_is_refused_too(bench: Opener, status: int) -> None:
    """A negative case whose unbroken twin is not served is inconclusive, and the broken request is not even sent."""
    run = bench(lambda _: Answer(status))
    result = run("8/unknown-dashboard")
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "the plain request before it" in result.reason
    assert {url for _, url in run.sent} == {"/dashboard"}


@pytest.mark.parametrize("name", ["8/method-post", "8/unknown-dashboard", "8/unexpected-query", "8/unexpected-header"])
def test_what_is_wrong_with_the_plain_answer_is_not_laid_to_the_broken_request(bench: Opener, name: str) -> None:
    """A service whose every answer has the same mistake is not accused of it by a case about something else."""
    result = bench(_broken(name=5, extra=1))(name)
    assert result.verdict in {Verdict.PASS, Verdict.INCONCLUSIVE}
    assert Severity.VIOLATION not in {finding.severity for finding in result.findings}


def test_what_is_wrong_with_the_other_answer_alone_is_its_own(bench: Opener) -> None:
    """A mistake that only the unusual request brings about is found."""
    result = bench(lambda request: (_broken(name=5) if request.query else good)(request))("8/unexpected-query")
    assert result.verdict is Verdict.FAIL
    assert "status-dashboard/5.3.1.2/item-name" in result.reason


def test_twin_that_is_only_odd_is_accepted(bench: Opener) -> None:
    """Oddities of the plain answer do not stand in a negative case's way."""
    assert bench(_broken(name=""))("8/unknown-dashboard").verdict is Verdict.PASS


def test_twin_goes_out_before_the_broken_request(bench: Opener) -> None:
    """The unbroken request comes first, and both are evidence."""
    run = bench()
    result = run("8/unknown-dashboard")
    assert [url for _, url in run.sent] == ["/dashboard", "/dashboard/no-such-dashboard"]
    assert [run.record(number)["purpose"] for number in result.exchanges] == ["twin", "probe"]


# ---------------------------------------------------------------------------------------------- postamble: what changed


def _changing(method: str, status: int) -> Handler:
    """Answer a method with a status, and change the name of the group each time."""
    changes = count()
    done: list[int] = []

    def handle(request: Request) -> Answer:
        if request.method == method:
            done.append(next(changes))
            return Answer(status)
        document = json.loads(json.dumps(BOARD))
        document["groups"][0]["name"] = f"Group {len(done)}"
        return _board(document)(request)

    return handle


@pytest.mark.parametrize("status", [200, 204, 405])
def test_method_that_changes_something_violates_whatever_it_answers(bench: Opener, status: int) -> None:
    """A change after a request that the cookbook does not know is a violation, also where it was denied."""
    result = bench(_changing("DELETE", status))("8/method-delete")
    assert result.verdict is Verdict.FAIL
    assert "DELETE changed what the service answers" in result.reason
    assert [finding.severity for finding in result.findings][-1] is Severity.VIOLATION


@pytest.mark.parametrize(("status", "observations"), [(405, 0), (501, 0), (200, 1), (204, 1)])
def test_method_that_changes_nothing_passes(bench: Opener, status: int, observations: int) -> None:
    """Without a change a refusal is right, and an answer with 2xx is an observation."""
    run = bench(_refusing(lambda request: request.method == "PUT", status))
    result = run("8/method-put")
    assert result.verdict is Verdict.PASS
    assert [finding.severity for finding in result.findings] == [Severity.OBSERVATION] * observations
    assert "guard" in {run.record(number)["purpose"] for number in result.exchanges}


def test_service_that_changes_by_itself_is_not_accused(bench: Opener) -> None:
    """Where the answers differ without a request in between, no change is laid to one."""
    numbers = count()

    def handle(request: Request) -> Answer:
        document = json.loads(json.dumps(BOARD))
        document["groups"][0]["name"] = f"Group {next(numbers)}"
        return _board(document)(request)

    result = bench(handle)("8/method-post")
    assert result.verdict is not Verdict.FAIL
    assert Severity.VIOLATION not in {finding.severity for finding in result.findings}


@pytest.mark.parametrize("first", range(9))
def test_change_in_real_time_is_not_laid_to_a_refused_request(bench: Opener, first: int) -> None:
    """A service may go on between two answers at any moment, also where it has just refused something."""
    numbers = count(first)

    def handle(request: Request) -> Answer:
        document = json.loads(json.dumps(BOARD))
        document["groups"][0]["name"] = f"Group {next(numbers) // 9}"
        return Answer(405) if request.method == "DELETE" else _board(document)(request)

    result = bench(handle)("8/method-delete")
    assert result.verdict is not Verdict.FAIL
    assert Severity.VIOLATION not in {finding.severity for finding in result.findings}


def test_refused_request_that_leaves_nothing_to_change_is_found(bench: Opener) -> None:
    """What has emptied a service cannot do it twice."""
    done: list[str] = []

    def handle(request: Request) -> Answer:
        if request.method == "DELETE":
            done.append(request.path)
            return Answer(405)
        return _board({"groups": []} if done else BOARD)(request)

    result = bench(handle)("8/method-delete")
    assert result.verdict is Verdict.FAIL
    assert "DELETE changed what the service answers" in result.reason


# --------------------------------------------------------------------------------------------- preambles and procedures


@pytest.mark.parametrize(
    ("path", "verdict", "sent"),
    [("", Verdict.PASS, ["/dashboard/int", "/dashboard"]), ("/gone", Verdict.INCONCLUSIVE, ["/dashboard/int/gone"])],
)
def test_preamble_comes_first_and_must_succeed(bench: Opener, path: str, verdict: Verdict, sent: list[str]) -> None:
    """A case whose preamble is refused is inconclusive, and its own request is not sent."""
    run = bench()
    result = run("7.2/dashboard", preamble=(Step(Template("getDashboardInt", path=path)),))
    assert (result.verdict, [url for _, url in run.sent][: len(sent)]) == (verdict, sent)
    assert bool(result.reason) is (verdict is not Verdict.PASS)


@pytest.mark.parametrize(("status", "verdict"), [(405, Verdict.PASS), (500, Verdict.INCONCLUSIVE)])
def test_preamble_succeeds_with_the_statuses_that_it_names(bench: Opener, status: int, verdict: Verdict) -> None:
    """A preamble may count another answer than 2xx as its success."""
    run = bench(_refusing(lambda request: request.method == "DELETE", status))
    step = Step(Template("getDashboard", method="DELETE"), (404, 405))
    assert run("7.2/dashboard", preamble=(step,)).verdict is verdict


def test_twin_may_come_after_the_broken_request(bench: Opener) -> None:
    """Where the broken request must go first, the plain one that follows has to be accepted."""
    run = bench()
    assert run("8/unknown-dashboard", control_after=True).verdict is Verdict.PASS
    assert [url for _, url in run.sent] == ["/dashboard/no-such-dashboard", "/dashboard"]
    refusing = bench(lambda _: Answer(404))
    assert refusing("8/unknown-dashboard", control_after=True).verdict is Verdict.INCONCLUSIVE


def test_procedure_plays_a_case_in_the_place_of_its_request(bench: Opener) -> None:
    """A suite's own function sends what it likes, and its judgement decides."""
    run = bench()

    def procedure(conversation: CaseExecution) -> Judgement:
        exchange = conversation.send(Template("getDashboardAcc"))
        assert exchange.response is not None
        return Judgement(evaluated=Counter({"r": exchange.response.status}))

    result = run.runner.run(_case("7.2/dashboard"), procedure)
    assert (result.verdict, result.evaluated) == (Verdict.PASS, {"r": 200})
    assert run.sent == [("GET", "/dashboard/acc")]


def test_sequence_that_fails_is_reduced_to_what_it_takes(bench: Opener) -> None:
    """Of a sequence of requests that breaks a service only those are kept without which it does not."""
    run = bench()
    tried: list[tuple[int, ...]] = []

    def procedure(conversation: CaseExecution) -> Judgement:
        def attempt(parts: tuple[int, ...]) -> tuple[Exchange, Judgement]:
            tried.append(parts)
            exchange = conversation.send(Template("getDashboard", query=",".join(map(str, parts))))
            broken = (Finding("r", Severity.VIOLATION, "broken"),) if {2, 5} <= set(parts) else ()
            return exchange, Judgement(broken, Counter({"r": 1}))

        return conversation.reduce((1, 2, 3, 4, 5, 6), attempt)

    result = run.runner.run(_case("7.2/dashboard"), procedure)
    assert result.verdict is Verdict.FAIL
    assert tried[0] == (1, 2, 3, 4, 5, 6)
    assert _query(run.record(result.deciding[0])) == "2,5"


def test_sequence_that_holds_is_tried_once(bench: Opener) -> None:
    """A sequence that breaks nothing is not taken apart."""
    run = bench()

    def procedure(conversation: CaseExecution) -> Judgement:
        return conversation.reduce(
            ("a", "b"), lambda _: (conversation.send(Template("getDashboard")), Judgement(evaluated=Counter({"r": 1})))
        )

    assert run.runner.run(_case("7.2/dashboard"), procedure).verdict is Verdict.PASS
    assert len(run.sent) == 1


# ---------------------------------------------------------------------------------------------------------- credentials


class Tokens:
    """Tokens by role; those of an issuer that is down cannot be had."""

    roles = frozenset({"citizen", "down"})

    def get(self, role: str) -> str:
        """Return a token, or refuse as the issuer does."""
        if role == "down":
            raise CredentialRefusedError("the issuer does not answer")
        return f"head.{role}.signature"

    def give_up(self, role: str) -> bool:
        """Have no other token than this one."""
        del role
        return False

    def check_before_run(self, roles_needed: Iterable[str]) -> list[str]:
        """Find nothing wrong."""
        del roles_needed
        return []


def test_case_without_its_test_data_is_not_applicable(bench: Opener) -> None:
    """A token or an identity that the target does not give makes a case not applicable."""
    run = bench()
    result = run("7.2/dashboard", request=Template("getDashboard", token="citizen"))  # noqa: S106 - a role
    assert (result.verdict, run.sent) == (Verdict.NOT_APPLICABLE, [])
    assert "citizen" in result.reason


def test_credential_that_cannot_be_had_leaves_a_case_undecided(bench: Opener) -> None:
    """An issuer that is silent or refuses accuses nobody."""
    run = bench()
    run.take_tokens(Tokens())
    result = run("7.2/dashboard", request=Template("getDashboard", token="down"))  # noqa: S106 - a role
    assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, "the issuer does not answer")


@pytest.mark.parametrize(
    ("token", "verdict"), [("citizen", Verdict.INCONCLUSIVE), ("citizen!forged", Verdict.FAIL), ("", Verdict.FAIL)]
)
@pytest.mark.parametrize("status", [401, 403])
def test_credential_that_is_refused_leaves_a_case_undecided(
    bench: Opener, status: int, token: str, verdict: Verdict
) -> None:
    """A good token that the service does not take is nobody's fault; without one a refusal is judged."""
    run = bench(_refusing(lambda request: bool(request.query), status))
    run.take_tokens(Tokens())
    assert run("7.2/dashboard", request=Template("getDashboard", query="a=1", token=token)).verdict is verdict


def test_credential_that_has_served_is_good(bench: Opener) -> None:
    """A token with which a request of the case was answered is not to blame when the next one is refused."""
    run = bench(_refusing(lambda request: bool(request.query), 403))
    run.take_tokens(Tokens())
    with_token = Template("getDashboard", token="citizen")  # noqa: S106 - a role
    case = {"preamble": (Step(with_token),), "request": replace(with_token, query="a=1")}
    assert run("7.2/dashboard", **case).verdict is Verdict.FAIL


# ----------------------------------------------------------------------------------------------------------- properties


def _query(record: Mapping[str, Any]) -> str:
    return str(record["request"]["url"].partition("?")[2])


@pytest.mark.parametrize("examples", [1, 7, 20])
def test_property_draws_as_many_examples_as_asked_for(bench: Opener, examples: int) -> None:
    """Each example is one request, after a plain one where the case has a twin, and after those at the bounds."""
    run = bench(examples=examples)
    bounds = EDGES["unexpected-query"](Template("getDashboard"))
    assert len(run("8/unexpected-query").exchanges) == examples + len(bounds) + 1
    assert len(run("5.2/repeated").exchanges) == examples


def test_property_keeps_the_last_few_exchanges_as_deciding(bench: Opener) -> None:
    """Of many exchanges that a pass rests on, five at most are named."""
    result = bench()("8/unexpected-query")
    assert result.verdict is Verdict.PASS
    assert result.deciding == result.exchanges[-5:]


@pytest.mark.parametrize("threshold", [2000, 2001, 4321, 7999])
def test_property_reports_the_smallest_example_that_fails(bench: Opener, threshold: int) -> None:
    """A service that cannot take a query of so many characters is shown the shortest one that breaks it."""
    run = bench(_refusing(lambda request: len(request.query or "") >= threshold), examples=100)
    result = run("8/long-query")
    assert result.verdict is Verdict.FAIL
    [deciding] = result.deciding
    assert len(_query(run.record(deciding))) == max(threshold, 2002)
    assert run.record(deciding)["response"]["status"] == 500
    assert [finding.location for finding in result.findings] == ["status"]
    assert len(result.exchanges) <= 100 + 200 + 1 + len(EDGES["long-query"](Template("getDashboard")))


def test_property_shrinks_structure_as_well_as_size(bench: Opener) -> None:
    """Of a failure that takes two fields and an odd character no more than these are left."""

    def breaks(request: Request) -> bool:
        query = request.query or ""
        return query.count("&") >= 1 and "%" in query

    run = bench(_refusing(breaks), examples=100)
    result = run("8/unexpected-query")
    assert result.verdict is Verdict.FAIL
    query = _query(run.record(result.deciding[0]))
    assert query.count("&") == 1
    assert len(query) < 16


def test_property_asks_a_foreign_service_less_often_while_it_shrinks(bench: Opener) -> None:
    """Outside local a failure costs twenty-five requests more at most."""
    run = bench(_refusing(lambda request: bool(request.query)), environment="acceptance", examples=8)
    result = run("8/unexpected-query")
    assert result.verdict is Verdict.FAIL
    assert len(result.exchanges) <= 1 + 8 + 25


def test_property_stops_where_the_service_is_busy(bench: Opener) -> None:
    """A property that meets 503 for good is inconclusive and asks no further examples."""
    numbers = count(1)
    run = bench(lambda request: good(request) if next(numbers) <= 5 else Answer(503))
    result = run("8/unexpected-query")
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "503" in result.reason
    assert len(result.exchanges) < 20
    assert result.exchanges[-1] in result.deciding


def test_failure_that_comes_and_goes_is_reported_as_such(bench: Opener) -> None:
    """Where the same request was also answered well, the finding says so."""
    numbers = count(1)
    run = bench(lambda request: Answer(500) if next(numbers) % 3 == 0 else good(request))
    result = run("5.2/repeated")
    assert result.verdict is Verdict.FAIL
    assert all("not on every request" in finding.message for finding in result.findings)


def test_failure_that_stays_is_not_called_one_that_comes_and_goes(bench: Opener) -> None:
    """A request that is always refused gets no such note."""
    result = bench(_refusing(lambda request: bool(request.query)))("8/unexpected-query")
    assert result.verdict is Verdict.FAIL
    assert not any("not on every request" in finding.message for finding in result.findings)


def test_failure_after_which_the_service_is_busy_is_not_called_one_that_comes_and_goes(bench: Opener) -> None:
    """A service that breaks, and answers 503 from then on, never answered the same request well."""
    broken = count(1)

    def handle(request: Request) -> Answer:
        if len(request.query or "") < 3000:
            return good(request)
        return Answer(500 if next(broken) <= 2 else 503)

    result = bench(handle)("8/long-query")
    assert result.verdict is Verdict.FAIL
    assert next(broken) > 3
    assert not any("not on every request" in finding.message for finding in result.findings)


def test_findings_of_many_examples_are_told_once(bench: Opener) -> None:
    """An oddity that every example brings up is one observation."""
    result = bench(_broken(extra=1))("5.2/repeated")
    assert result.verdict is Verdict.PASS
    assert len(result.findings) == 1
    assert len(result.exchanges) == 20


@pytest.mark.parametrize("name", [case.id for case in SPEC.cases.values() if case.kind is CaseKind.PROPERTY])
def test_same_seed_sends_the_same_requests_twice(bench: Opener, name: str) -> None:
    """Two runs with one seed send the same, byte for byte; another seed draws other examples."""

    def requests(seed: int) -> list[Any]:
        run = bench(seed=seed, examples=10)
        run.runner.run(SPEC.cases[name])
        base = run.address
        return [
            (record["request"]["method"], record["request"]["url"].removeprefix(base), record["request"]["headers"])
            for record in read_exchanges(run.folder)
        ]

    first = requests(1)
    assert first == requests(1)
    assert len(first) >= 10
    assert (first == requests(2)) is (SPEC.cases[name].probe == Property("repetition"))


def test_other_cases_change_nothing_of_what_a_property_draws(bench: Opener) -> None:
    """A property has a seed of its own, so that it draws the same alone and after others."""
    alone, after = bench(), bench()
    after("8/unexpected-header")
    after("8/unknown-path")
    before = len(after.sent)
    alone("8/unexpected-query")
    after("8/unexpected-query")
    assert after.sent[before:] == alone.sent


# ------------------------------------------------------------------------------------------------- the harness's faults


def test_fault_of_the_harness_is_an_error_of_one_case(bench: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks inside one case is its error, with where it happened, and the next case runs."""

    def fault(*_: object, **__: object) -> NoReturn:
        raise ZeroDivisionError("one of ours")

    run = bench()
    with monkeypatch.context() as patch:
        patch.setattr(RestOracle, "judge", fault)
        result = run("7.2/dashboard")
    assert result.verdict is Verdict.ERROR
    assert "ZeroDivisionError('one of ours') at fault:" in result.reason
    assert result.exchanges == ("000001",)
    assert run("7.2/dashboard").verdict is Verdict.PASS


def test_request_that_must_not_be_sent_is_an_error(bench: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A case that would send more than GET to production on its way is stopped, and errs."""
    posting: Any = {"posting": lambda plain: st.just(replace(plain, method="POST"))}
    monkeypatch.setattr("conformance.engine.probes.probing.GENERATORS", {**GENERATORS, **posting})
    run = bench(environment="production")
    result = run("5.2/repeated", probe=Property("posting"))
    assert result.verdict is Verdict.ERROR
    assert "production" in result.reason
    assert run.sent == []


def test_strategy_without_an_example_is_an_error(bench: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A property that cannot draw anything has not shown anything."""
    nothing: Any = {"nothing": lambda _: st.integers().filter(lambda _: False)}
    monkeypatch.setattr("conformance.engine.probes.probing.GENERATORS", {**GENERATORS, **nothing})
    result = bench()("8/unexpected-query", probe=Property("nothing"))
    assert result.verdict is Verdict.ERROR
    assert "the harness erred" in result.reason


def test_interruption_passes_through(bench: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends a run, it is not the error of a case."""

    def interrupt(*_: object, **__: object) -> NoReturn:
        raise KeyboardInterrupt

    run = bench()
    monkeypatch.setattr(RestOracle, "judge", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run("7.2/dashboard")
