"""Seeded faults: which exchanges they touch, what becomes of those, and that all others pass as they are."""

import asyncio
import codecs
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from conformance.catalogue.listing import find_fault
from conformance.contracts.loading import load_spec, service_ids
from conformance.mock.fault_matching import Said, SeenRequest
from conformance.mock.faults import Faulty, _through
from conformance.model.contract import Operation
from conformance.model.errors import UsageError
from conformance.model.fault import Fault, FaultConsequence, read_fault

Data = dict[str, Any]
BASE = "/service"
OPERATIONS = {
    "list": Operation("list", "GET", "/things", (200,), {}),
    "one": Operation("one", "GET", "/things/{id}", (200,), {}),
    "make": Operation("make", "POST", "/things", (201,), {}),
    "drop": Operation("drop", "DELETE", "/things", (204,), {}),
}
TOKENS = {"citizen": "t-citizen", "other_citizen": "t-other"}
XML = b'<e:a xmlns:e="urn:e"><b n="1">x</b><b n="2">y</b></e:a>'


async def _things(request: Request) -> Response:
    """Tell what was asked, in a list of three."""
    told = {
        "query": dict(request.query_params),
        "token": request.headers.get("authorization"),
        "agent": request.headers.get("user-agent"),
        "body": (await request.body()).decode(),
    }
    return JSONResponse([told, {"n": 2}, {"n": 3}], headers={"X-Own": "yes"})


async def _thing(request: Request) -> Response:
    return JSONResponse({"id": request.path_params["id"], "n": 1, "deep": {"list": [1, 2, 3]}})


async def _made(request: Request) -> Response:
    del request
    return Response(status_code=201)


async def _dropped(request: Request) -> Response:
    del request
    return Response(status_code=204)


async def _xml(request: Request) -> Response:
    del request
    return Response(XML, media_type="text/xml")


class Counting:
    """The service, counting what reaches it."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.count = 0
        self.application = Starlette(
            routes=[
                Route(f"{BASE}/things", _things, methods=["GET"]),
                Route(f"{BASE}/things", _made, methods=["POST"]),
                Route(f"{BASE}/things", _dropped, methods=["DELETE"]),
                Route(f"{BASE}/things/{{id}}", _thing, methods=["GET"]),
                Route(f"{BASE}/xml", _xml, methods=["GET"]),
                Route("/elsewhere", _made, methods=["GET"]),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count and answer."""
        self.count += 1
        await self.application(scope, receive, send)


@dataclass
class Stage:
    """A service behind a fault."""

    service: Counting
    faulty: Faulty

    def ask(  # noqa: PLR0913 - the parts of a request
        self,
        path: str = "/things",
        *,
        method: str = "GET",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        base: str = BASE,
    ) -> Said:
        """Send a request and return the answer."""
        seen = SeenRequest(method, path, tuple((query or {}).items()), tuple((headers or {}).items()), body)
        scope = {"type": "http", "http_version": "1.1", "scheme": "http", "server": ("test", 80), "root_path": ""}
        return asyncio.run(_through(self.faulty, scope, base, seen))


def stage(**row: object) -> Stage:
    """Return a service behind a fault with some conditions and changes."""
    service = Counting()
    fault = read_fault({"id": "service/faults/own", "breaks": "something", "requirements": ["service/1/a"], **row})
    return Stage(service, Faulty(service, fault, BASE, OPERATIONS, TOKENS))


def document(said: Said) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return an answer's JSON, whose length has to be the one that is told."""
    assert dict(said.headers)["content-length"] == str(len(said.body))
    return json.loads(said.body)


def _together(own: Stage, number: int) -> list[int]:
    """Return the statuses of so many requests at the same moment."""
    scope = {"type": "http", "http_version": "1.1", "scheme": "http", "server": ("test", 80), "root_path": ""}

    async def one() -> int:
        said = await _through(own.faulty, scope, BASE, SeenRequest("GET", "/things", (), (), b""))
        return said.status

    async def all_of_them() -> list[int]:
        return list(await asyncio.gather(*(one() for _ in range(number))))

    return asyncio.run(all_of_them())


def test_company_is_what_touches_a_request() -> None:
    """Of requests at the same moment each is touched, for as long as each has one beside it."""
    own = stage(when={"beside": 30}, answer=CHANGED)
    assert _together(own, 2) == [500, 500]
    assert _together(own, 4) == [500, 500, 500, 500]


def test_request_that_nobody_comes_beside_passes_after_its_wait() -> None:
    """Alone again and again, each request waits for itself and is served."""
    own = stage(when={"beside": 0.02}, answer=CHANGED)
    assert [own.ask().status for _ in range(3)] == [200, 200, 200]
    assert _together(own, 2) == [500, 500]


CHANGED = {"status": 500}


@pytest.mark.parametrize(
    ("when", "request_", "touched"),
    [
        ({}, {}, True),
        ({"operation": ["list"]}, {}, True),
        ({"operation": ["one"]}, {}, False),
        ({"operation": ["one"]}, {"path": "/things/7"}, True),
        ({"operation": ["one"]}, {"path": "/things/7/8"}, False),
        ({"method": ["POST"]}, {}, False),
        ({"method": ["POST"]}, {"method": "POST"}, True),
        ({"path": "/thing"}, {}, False),
        ({"path": "/th.*"}, {}, True),
        ({"target": "/things"}, {}, True),
        ({"target": "/things"}, {"query": {"a": "1"}}, False),
        ({"target": r".*\?a=%20"}, {"query": {"a": " "}}, True),
        ({"target": ".{16,}"}, {"query": {"a": "1234"}}, False),
        ({"target": ".{16,}"}, {"query": {"a": "12345678"}}, True),
        ({"query": {"a": "[0-9]+"}}, {"query": {"a": "12"}}, True),
        ({"query": {"a": "[0-9]+"}}, {"query": {"a": "12x"}}, False),
        ({"query": {"a": "[0-9]+"}}, {}, False),
        ({"query": {"a": None}}, {}, True),
        ({"query": {"a": None}}, {"query": {"a": ""}}, False),
        ({"headers": {"User-Agent": ".*x"}}, {"headers": {"user-agent": "max"}}, True),
        ({"headers": {"User-Agent": ".*x"}}, {"headers": {"user-agent": "may"}}, False),
        ({"body": "b+"}, {"method": "POST", "body": b"abba"}, True),
        ({"body": "b+"}, {"method": "POST", "body": b"aa"}, False),
        ({"token": ["none"]}, {}, True),
        ({"token": ["none"]}, {"headers": {"authorization": "Bearer t-citizen"}}, False),
        ({"token": ["citizen"]}, {"headers": {"authorization": "Bearer t-citizen"}}, True),
        ({"token": ["citizen"]}, {"headers": {"authorization": "Bearer t-other"}}, False),
        ({"token": ["other"]}, {"headers": {"authorization": "Bearer something"}}, True),
        ({"status": [200]}, {}, True),
        ({"status": [404]}, {}, False),
        ({"status": [404]}, {"path": "/nothing"}, True),
        ({"says": '"n":2'}, {}, True),
        ({"says": '"n":4'}, {}, False),
        ({"entries": {"of": "size"}}, {"query": {"size": "3"}}, True),
        ({"entries": {"of": "size"}}, {"query": {"size": "2"}}, False),
        ({"entries": {"of": "size", "plus": 1}}, {"query": {"size": "2"}}, True),
        ({"entries": {"of": "size"}}, {"query": {"size": "x"}}, False),
        ({"entries": {"of": "size"}}, {"path": "/things/3", "query": {"size": "3"}}, False),
    ],
)
def test_fault_touches_what_all_its_conditions_fit(when: Data, request_: Data, touched: bool) -> None:  # noqa: FBT001
    """Each condition tells exchanges apart; without any all are touched."""
    plain = stage(answer={"headers": {"X-Other": "1"}}).ask(**request_).status
    said = stage(**({"when": when} if when else {}), answer={"status": 599}).ask(**request_)
    assert said.status == (599 if touched else plain)


def test_other_addresses_pass_as_they_are() -> None:
    """What lies outside of the service, such as the issuer of its tokens, makes no mistake."""
    assert stage(answer=CHANGED).ask("/elsewhere", base="").status == 201


def test_each_so_manieth_time() -> None:
    """An intermittent fault counts what has matched, and nothing else."""
    one = stage(when={"operation": ["one"], "every": 3}, answer=CHANGED)
    found = []
    for _ in range(7):
        one.ask()
        found.append(one.ask("/things/1").status)
    assert found == [200, 200, 500, 200, 200, 500, 200]


def test_each_so_manieth_request_is_changed() -> None:
    """A change of the request is counted where the request comes in."""
    one = stage(when={"operation": ["drop"], "every": 2}, ask={"status": 404})
    assert [one.ask(method="DELETE").status for _ in range(4)] == [204, 404, 204, 404]


def test_only_the_answer_to_a_changed_request_is_changed() -> None:
    """Where a fault changes both, it counts once, and leaves the others alone."""
    one = stage(when={"method": ["DELETE"], "every": 2}, ask={"status": 404}, answer={"body": "gone"})
    found = [one.ask(method="DELETE") for _ in range(4)]
    assert [(said.status, said.body) for said in found] == [(204, b""), (404, b"gone")] * 2


def test_fault_after_a_sequence() -> None:
    """Only the last successful requests for the operations named count, in their order."""
    one = stage(when={"operation": ["make"], "after": ["make", "drop"]}, answer=CHANGED)
    assert one.ask(method="POST").status == 201
    assert one.ask(method="POST").status == 201
    one.ask(method="DELETE")
    one.ask()
    assert one.ask(method="POST").status == 500
    assert one.ask(method="POST").status == 500
    one.ask(method="DELETE")
    one.ask(method="DELETE")
    assert one.ask(method="POST").status == 201


def test_service_is_not_asked_where_the_answer_is_given() -> None:
    """Nothing reaches the service, as where a change is confirmed and not made."""
    one = stage(when={"method": ["DELETE"]}, ask={"status": 204})
    assert (one.ask(method="DELETE").status, one.service.count) == (204, 0)
    said = stage(ask={"status": 400, "body": '[{"code": "X"}]'}).ask()
    assert (document(said), dict(said.headers)["content-type"]) == ([{"code": "X"}], "application/json")


def test_request_is_changed_before_the_service_sees_it() -> None:
    """Query, headers, token, path, method and body are what the fault makes of them."""
    query = stage(ask={"query": {"a": None, "b": "2"}, "add": {"c": -1}}).ask(query={"a": "1", "c": "5"})
    assert document(query)[0]["query"] == {"b": "2", "c": "4"}
    assert document(stage(ask={"headers": {"User-Agent": "x"}}).ask())[0]["agent"] == "x"
    assert document(stage(ask={"token": "citizen"}).ask())[0]["token"] == f"Bearer {TOKENS['citizen']}"
    assert document(stage(ask={"path": {"text": "[0-9]", "by": "9"}}).ask("/things/1"))["id"] == "9"
    assert stage(ask={"method": "GET"}).ask(method="DELETE").status == 200
    edited = stage(ask={"edits": [{"at": "/a", "value": 2}]}).ask(body=b'{"a": 1}', headers={"content-length": "8"})
    assert document(edited)[0]["body"] == '{"a":2}'
    text = stage(ask={"replace": {"text": "^a+", "by": "b"}}).ask(body=b"aac", headers={"content-length": "3"})
    assert document(text)[0]["body"] == "bc"


def test_number_that_is_none_is_not_added_to() -> None:
    """What is no number stays."""
    assert document(stage(ask={"add": {"c": 1}}).ask(query={"c": "x"}))[0]["query"] == {"c": "x"}


def test_request_is_made_twice() -> None:
    """The service is asked again, and the second answer is told."""
    one = stage(ask={"twice": True})
    assert (one.ask(method="POST").status, one.service.count) == (201, 2)


def test_answer_is_changed() -> None:
    """Status, headers, body, text and length are what the fault makes of them."""
    said = stage(answer={"status": 203, "headers": {"X-Own": None, "Content-Type": "text/html"}}).ask()
    fields = dict(said.headers)
    assert (said.status, "x-own" in fields, fields["content-type"]) == (203, False, "text/html")
    assert stage(answer={"body": "words"}).ask().body == b"words"
    assert document(stage(answer={"replace": {"text": "[23]", "by": "9"}}).ask())[1:] == [{"n": 9}, {"n": 9}]
    assert len(stage(answer={"keep": 5}).ask().body) == 5
    assert stage(answer={"body": "é", "encoding": "latin-1"}).ask().body == b"\xe9"
    assert stage(answer={"body": "é", "encoding": "utf-16", "keep": 2}).ask().body == codecs.BOM_UTF16
    assert stage(answer={"status": 204}).ask().body == b""


def test_older_answer_is_told_again() -> None:
    """A stale answer is the one of so many requests before, at the same address with the same query."""
    one = stage(answer={"stale": 1})
    first = one.ask(headers={"user-agent": "1"})
    one.ask(query={"other": "1"})
    second = one.ask(headers={"user-agent": "2"})
    assert (document(first)[0]["agent"], document(second)[0]["agent"]) == ("1", "1")
    assert document(one.ask(headers={"user-agent": "3"}))[0]["agent"] == "2"


def test_slow_answer_takes_its_time() -> None:
    """The wait comes before the answer."""
    began = time.monotonic()
    assert stage(answer={"wait": 0.2}).ask().status == 200
    assert time.monotonic() - began >= 0.2


def test_slow_answer_does_not_outlast_its_client() -> None:
    """Nobody waits for an answer that nobody waits for."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": f"{BASE}/xml", "query_string": b"", "headers": []}
    began = time.monotonic()
    asyncio.run(stage(answer={"wait": 300}).faulty(scope, receive, send))
    assert time.monotonic() - began < 60
    assert sent


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ({"at": "/n", "value": 5}, {"n": 5}),
        ({"at": "/new", "value": 5}, {"new": 5}),
        ({"at": "/n", "do": "remove"}, {"n": "gone"}),
        ({"at": "/missing", "do": "remove"}, {}),
        ({"at": "/missing/deeper", "value": 1}, {}),
        ({"at": "/n", "do": "rename", "value": "m"}, {"n": "gone", "m": 1}),
        ({"at": "/n", "do": "text"}, {"n": "1"}),
        ({"at": "/n", "do": "number"}, {"n": 1.0}),
        ({"at": "/n", "do": "wrap"}, {"n": [1]}),
        ({"at": "/deep/list", "do": "reverse"}, {"deep": {"list": [3, 2, 1]}}),
        ({"at": "/deep/list", "do": "first"}, {"deep": {"list": [1]}}),
        ({"at": "/deep/list", "do": "rest"}, {"deep": {"list": [2, 3]}}),
        ({"at": "/deep/list/*", "value": 0}, {"deep": {"list": [0, 0, 0]}}),
        ({"at": "/deep/list/-", "value": 0}, {"deep": {"list": [1, 2, 0]}}),
        ({"at": "/deep/list/0", "do": "remove"}, {"deep": {"list": [2, 3]}}),
        ({"at": "/deep/list/*", "do": "remove"}, {"deep": {"list": []}}),
        ({"at": "/deep/list/0", "do": "repeat"}, {"deep": {"list": [1, 2, 3, 1]}}),
        ({"at": "/deep/list/9", "value": 4}, {"deep": {"list": [1, 2, 3, 4]}}),
        ({"at": "/deep/*", "value": 0}, {"deep": {"list": 0}}),
    ],
)
def test_json_is_edited(edit: Data, expected: Mapping[str, Any]) -> None:
    """Each deed changes what its place names; a place that is not there is left alone."""
    found = document(stage(answer={"edits": [edit]}).ask("/things/1"))
    plain: Data = {"id": "1", "n": 1, "deep": {"list": [1, 2, 3]}}
    wanted = {name: value for name, value in (plain | dict(expected)).items() if value != "gone"}
    assert found == wanted


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ({"at": ".//b", "value": "z"}, '<b n="1">z</b><b n="2">z</b>'),
        ({"at": ".//b[1]", "do": "remove"}, '<b n="2">y</b>'),
        ({"at": ".//b[2]", "do": "repeat"}, '<b n="1">x</b><b n="2">y</b><b n="2">y</b>'),
        ({"at": ".//b[1]", "do": "rename", "value": "{}c"}, '<c n="1">x</c><b n="2">y</b>'),
        ({"at": ".//b[1]", "do": "rename", "value": "{urn:e}c"}, '<e:c n="1">x</e:c><b n="2">y</b>'),
        ({"at": ".//b[1]", "do": "wrap", "value": "w"}, '<w><b n="1">x</b></w><b n="2">y</b>'),
        ({"at": ".", "do": "reverse"}, '<b n="2">y</b><b n="1">x</b>'),
        ({"at": ".//b[1]/@n", "value": "9"}, '<b n="9">x</b><b n="2">y</b>'),
        ({"at": ".//b/@n", "do": "remove"}, "<b>x</b><b>y</b>"),
        ({"at": ".//b[1]/@n", "do": "rename", "value": "m"}, '<b m="1">x</b><b n="2">y</b>'),
        ({"at": ".//missing", "do": "remove"}, '<b n="1">x</b><b n="2">y</b>'),
        ({"at": ".//b[1]", "do": "move", "value": "."}, '<b n="2">y</b><b n="1">x</b>'),
        ({"at": ".//b[1]", "do": "move", "value": "./b[2]"}, '<b n="2">y<b n="1">x</b></b>'),
        ({"at": ".//b[1]", "do": "move", "value": ".//b[1]"}, '<b n="1">x</b><b n="2">y</b>'),
        ({"at": ".//b[1]", "do": "move", "value": ".//missing"}, '<b n="1">x</b><b n="2">y</b>'),
    ],
)
def test_xml_is_edited(edit: Data, expected: str) -> None:
    """Each deed changes the elements or attributes that its path finds."""
    said = stage(answer={"edits": [edit]}).ask("/xml").body.decode()
    assert said.removeprefix('<e:a xmlns:e="urn:e">').removesuffix("</e:a>") == expected


def test_what_is_neither_json_nor_xml_is_left_alone() -> None:
    """Edits fit what they were written for; anything else passes."""
    for edit in ({"at": "/a", "value": 1}, {"at": ".//a", "value": 1}):
        assert stage(when={"status": [201]}, answer={"edits": [edit]}).ask(method="POST").body == b""


def test_catalogue_is_large_enough_and_refers_to_what_exists() -> None:
    """Each service has the faults that its size calls for, each with an id of its own and a sentence of its own."""
    least = {"therapeutic-exclusion": 40, "dossier-number-generation": 40}
    for service in service_ids():
        spec = load_spec(service)
        faults: list[Fault] = list(spec.faults.values())
        assert len(faults) >= least.get(service, 30)
        assert len({fault.breaks for fault in faults}) == len(faults)
        assert all(fault.service == service for fault in faults)
        assert {name for fault in faults for name in fault.requirements} <= set(spec.contract.requirements)
        assert {fault.expected for fault in faults} >= {FaultConsequence.VIOLATION, FaultConsequence.INCONCLUSIVE}
        assert any(fault.when.every == 5 for fault in faults)


def test_unknown_fault_is_told_with_what_is_near() -> None:
    """A wrong id is a mistake of the user, with a suggestion."""
    with pytest.raises(UsageError, match="did you mean 'therapeutic-exclusion/faults/duplicate-accepted'"):
        find_fault("therapeutic-exclusion/faults/duplicate-acepted")
    with pytest.raises(UsageError, match="see `list faults`"):
        find_fault("nonsense")
