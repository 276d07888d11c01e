"""Tests of the one new token after a 401: for tokens that the harness got itself, on plain requests only."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from conformance.contracts.loading import load_spec
from conformance.engine.plan import Selection
from conformance.evidence.store import read_exchanges
from conformance.mock.platform import LocalPlatform
from conformance.model.case import CaseKind, Clause, Expectation, Step, Template
from conformance.model.errors import CredentialRefusedError
from conformance.model.verdict import Verdict
from tests.campaigns import run_campaign
from tests.peers.server import Answer, Request, serving
from tests.test_keystore import PASSWORD
from tests.test_runner import GOOD, Bench, Opener, bench
from tests.test_tokens import RSA_KEY, key_store

__all__ = ["bench"]
SERVICE = "therapeutic-exclusion"
WITH_TOKEN = Template("getDashboard", token="citizen")  # noqa: S106 - a role
CASE = "7.2/dashboard"


@dataclass(slots=True)
class Issued:
    """Tokens that are numbered, of which each role has a new one whenever the old one is given up."""

    roles: frozenset[str] = frozenset({"citizen"})
    own: bool = True
    down: bool = False
    number: int = 1

    def get(self, role: str) -> str:
        """Return the present token, or refuse as an issuer that has gone."""
        if self.down and self.number > 1:
            raise CredentialRefusedError("the issuer does not answer")
        return f"{role}-{self.number}"

    def give_up(self, role: str) -> bool:
        """Forget the present token where it is one of the harness's own."""
        assert role in self.roles
        self.number += self.own
        return self.own

    def check_before_run(self, roles_needed: Iterable[str]) -> list[str]:
        """Find nothing wrong."""
        del roles_needed
        return []


@dataclass(slots=True)
class Gate:
    """A service that takes some tokens only, and keeps the ones that it was sent."""

    good: frozenset[str]
    status: int = 401
    seen: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Answer:
        """Answer a good token, refuse any other."""
        token = request.header("authorization").removeprefix("Bearer ")
        self.seen.append(token)
        return replace(GOOD, headers=dict(GOOD.headers)) if token in self.good else Answer(self.status)


def opened(bench: Opener, gate: Gate, tokens: Issued | None = None) -> Bench:
    """Return a bench in front of a gate, with tokens of the harness's own."""
    run = bench(gate)
    run.take_tokens(tokens or Issued())
    return run


def test_plain_request_is_sent_once_more_with_a_new_token(bench: Opener) -> None:
    """A token whose end nobody told is replaced, and the case is judged by the second answer."""
    gate = Gate(frozenset({"citizen-2"}))
    result = opened(bench, gate)(CASE, request=WITH_TOKEN)
    assert result.verdict is Verdict.PASS
    assert gate.seen == ["citizen-1", "citizen-2"]


def test_both_answers_are_kept(bench: Opener) -> None:
    """The refusal is on disk, and the case rests on what came after it."""
    run = opened(bench, Gate(frozenset({"citizen-2"})))
    result = run(CASE, request=WITH_TOKEN)
    assert [record["response"]["status"] for record in read_exchanges(run.folder)] == [401, 200]
    assert [run.record(name)["response"]["status"] for name in result.exchanges] == [200]


def test_control_is_sent_once_more_too(bench: Opener) -> None:
    """A request that has to be served is a plain one, whatever its case is about."""
    gate = Gate(frozenset({"citizen-2"}))
    refusal = Expectation("refused", (Clause(("401",)),))
    case = {"preamble": (Step(WITH_TOKEN),), "expectation": refusal, "request": replace(WITH_TOKEN, token="malformed")}  # noqa: S106 - a role
    opened(bench, gate)(CASE, **case)
    assert gate.seen == ["citizen-1", "citizen-2", "malformed"]


def test_change_is_sent_once_more(bench: Opener) -> None:
    """A 401 comes before the work, so that a change was not made and may be asked for again."""
    gate = Gate(frozenset({"citizen-2"}))
    opened(bench, gate)(CASE, request=replace(WITH_TOKEN, method="POST", body=b"{}"))
    assert gate.seen == ["citizen-1", "citizen-2"]


def test_new_token_that_is_refused_is_the_last(bench: Opener) -> None:
    """Where the new token does not help, the case is undecided, and no later case asks for one."""
    gate, tokens = Gate(frozenset({""})), Issued()
    run = opened(bench, gate, tokens)
    result = run(CASE, request=WITH_TOKEN)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "the token 'citizen' was refused with 401" in result.reason
    before = tokens.number
    run(CASE, request=WITH_TOKEN)
    assert tokens.number == before == 2


def test_token_that_was_served_again_may_end_again(bench: Opener) -> None:
    """Once a token of the role was accepted, the next refusal is its end, and a new one is asked for."""
    gate = Gate(frozenset())
    run = opened(bench, gate)
    run(CASE, request=WITH_TOKEN)
    gate.good = frozenset({"citizen-2"})
    assert run(CASE, request=WITH_TOKEN).verdict is Verdict.PASS
    gate.good = frozenset({"citizen-3"})
    assert run(CASE, request=WITH_TOKEN).verdict is Verdict.PASS


@pytest.mark.parametrize(
    "changes",
    [
        {"token": "citizen!forged"},
        {"token": "citizen!unsigned"},
        {"token": "malformed"},
        {"token": ""},
        {"headers": {"Authorization": "Bearer citizen-0"}},
        {"headers": {"authorization": None}},
    ],
    ids=str,
)
def test_what_is_sent_in_the_place_of_a_token_is_not_renewed(bench: Opener, changes: Mapping[str, Any]) -> None:
    """A token that was altered, or that is none of the role's, is refused for what it is."""
    gate, tokens = Gate(frozenset({"citizen-2"})), Issued()
    opened(bench, gate, tokens)(CASE, request=replace(WITH_TOKEN, **changes))
    assert tokens.number == 1
    assert "citizen-2" not in gate.seen


def test_case_that_tests_a_token_gets_no_new_one(bench: Opener) -> None:
    """Where a refusal is what the case is about, the first answer decides."""
    gate = Gate(frozenset({"citizen-2"}))
    refusal = Expectation("refused", (Clause(("401", "403")),))
    opened(bench, gate)(CASE, request=WITH_TOKEN, expectation=refusal)
    assert "citizen-2" not in gate.seen


def test_token_that_the_user_gave_is_not_renewed(bench: Opener) -> None:
    """Nobody but the user has another one, so that the case is undecided as before."""
    gate = Gate(frozenset({"citizen-2"}))
    result = opened(bench, gate, Issued(own=False))(CASE, request=WITH_TOKEN)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert set(gate.seen) - {""} == {"citizen-1"}


def test_forbidden_is_no_end_of_a_token(bench: Opener) -> None:
    """403 refuses who asks, whatever token he has."""
    tokens = Issued()
    opened(bench, Gate(frozenset({"citizen-2"}), 403), tokens)(CASE, request=WITH_TOKEN)
    assert tokens.number == 1


def test_issuer_that_has_gone_is_the_reason(bench: Opener) -> None:
    """A token that has ended and cannot be renewed accuses nobody, and the refusal stays in the evidence."""
    run = opened(bench, Gate(frozenset({""})), Issued(down=True))
    result = run(CASE, request=WITH_TOKEN)
    assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, "the issuer does not answer")
    assert run.record(result.exchanges[0])["response"]["status"] == 401


# ----------------------------------------------------------------------------------------------- a run, with a real IAM


@dataclass(slots=True)
class Turnstile:
    """A gateway with opaque tokens, each good for a few requests, in front of a service that knows the real ones."""

    upstream: str
    token: str
    uses: int
    said: Mapping[str, object]
    left: dict[str, int] = field(default_factory=dict)

    def __call__(self, request: Request) -> Answer:
        """Issue a token, or let a request through that has one with uses left."""
        if request.path.endswith("/token"):
            name = f"opaque-{len(self.left)}"
            self.left[name] = self.uses
            return Answer(document={"access_token": name, "token_type": "Bearer", **self.said})
        given = request.header("authorization").removeprefix("Bearer ")
        if given not in self.left:
            return self._forwarded(request, dict(request.headers))
        self.left[given] -= 1
        if self.left[given] < 0:
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            return Answer(401, document={"error": "invalid_token"}, headers=challenge)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "authorization"}
        return self._forwarded(request, {**headers, "Authorization": f"Bearer {self.token}"})

    def _forwarded(self, request: Request, headers: Mapping[str, str]) -> Answer:
        connection = HTTPConnection(urlsplit(self.upstream).netloc, timeout=30)
        kept = {name: value for name, value in headers.items() if name.lower() not in {"host", "accept-encoding"}}
        path = request.path + (f"?{request.query}" if request.query is not None else "")
        connection.request(request.method, path, request.body or None, kept)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        fields = {name: value for name, value in answer.getheaders() if name.lower() == "content-type"}
        return Answer(answer.status, body, headers=fields)


@pytest.mark.parametrize("said", [{}, {"expires_in": None}, {"expires_in": 300}, {"expires_in": "300"}], ids=json.dumps)
def test_run_outlasts_its_tokens(tmp_path: Path, said: Mapping[str, object]) -> None:
    """Opaque tokens that end sooner than told, or whose end is not told, leave no case undecided, and a note."""
    with LocalPlatform((load_spec(SERVICE),)) as platform:
        settings = dict(platform.settings(SERVICE))
        upstream = settings["base_url"]
        turnstile = Turnstile(upstream, settings["tokens"]["citizen"], 5, said)
        with serving(turnstile) as base:
            (tmp_path / "client.p12").write_bytes(key_store(RSA_KEY))
            address = base.removesuffix("/api/v1")
            own = {
                "token_url": f"{address}/token",
                "client_id": "machine",
                "keystore": "client.p12",
                "password": PASSWORD,
            }
            given = {"tokens": {**settings["tokens"], "citizen": {"client_credentials": own}}}
            results = run_campaign(
                tmp_path,
                SERVICE,
                address + urlsplit(upstream).path,
                settings={**settings, **given},
                selection=Selection(kinds=(CaseKind.POSITIVE,)),
            )
    verdicts = {row["verdict"] for row in results["cases"]}
    assert verdicts <= {"pass", "not_run", "not_applicable"}
    assert results["summary"]["pass"] > 10
    assert len(turnstile.left) > 2
    (note,) = (note for note in results["run"]["notes"] if "a token 'citizen'" in note)
    assert note.startswith(f"{SERVICE}: a token 'citizen' that the harness had got was refused with 401")
