"""Acts out a seeded fault: stands in front of a service of the local platform and changes what passes.

Must not know any service: a fault's data says which exchanges it touches and what becomes of them.
"""

import asyncio
import contextlib
import re
from collections import defaultdict
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conformance.mock.fault_company import Company
from conformance.mock.fault_edits import edit_body
from conformance.mock.fault_matching import (
    Pairs,
    Said,
    SeenRequest,
    answers_so,
    has_content,
    is_one_of,
    stands_there,
)
from conformance.model.contract import Operation
from conformance.model.fault import (
    Answer,
    Ask,
    Fault,
    Replacement,
)

NO_TOKEN: Final = "none"  # noqa: S105 - what a fault's data calls it
OTHER_TOKEN: Final = "other"  # noqa: S105 - what a fault's data calls it
_LARGEST: Final = 2**24
"""Bytes of a request from which on no more of it is read."""
_SUCCESS: Final = 2


@dataclass(slots=True)
class Faulty:
    """An ASGI application with one fault: requests below `base` pass through it, all others as they are.

    `operations` are the contract's, `tokens` the platform's own access tokens by role. What is remembered: how often
    the fault has matched and, where it asks for them, the operations that succeeded and what each address has answered.
    """

    application: ASGIApp
    fault: Fault
    base: str
    operations: Mapping[str, Operation]
    tokens: Mapping[str, str]
    _matched: int = 0
    _company: Company = field(default_factory=Company)
    _done: list[str] = field(default_factory=list)
    _answers: defaultdict[tuple[str, str, tuple[tuple[str, str], ...]], list[Said]] = (
        field(default_factory=lambda: defaultdict(list))
    )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, with the fault where it is touched by it."""
        if scope["type"] != "http" or not scope["path"].startswith(self.base):
            await self.application(scope, receive, send)
            return
        path, query = (
            scope["path"][len(self.base) :],
            scope["query_string"].decode("latin-1"),
        )
        seen = SeenRequest(
            scope["method"],
            path,
            tuple(parse_qsl(query, keep_blank_values=True)),
            tuple(
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in scope["headers"]
            ),
            await _body(receive),
            f"{path}?{query}" if query else path,
        )
        said = await self._answer(scope, seen, receive)
        await send(
            {
                "type": "http.response.start",
                "status": said.status,
                "headers": [
                    (name.encode("latin-1"), value.encode("latin-1"))
                    for name, value in said.headers
                ],
            }
        )
        await send({"type": "http.response.body", "body": said.body})

    async def _answer(self, scope: Scope, seen: SeenRequest, receive: Receive) -> Said:
        operation, fault = self._operation(seen), self.fault
        asked = self._asks(seen, operation)
        if asked and fault.when.beside:
            asked = await self._company.is_there(fault.when.beside)
        changes_request = fault.ask != Ask()
        # What is counted is the change to the request, where there is one, else that to the answer.
        touched = asked and (not changes_request or self._due())
        if changes_request and touched:
            said = await self._instead(scope, seen, fault.ask)
        else:
            said = await _through(self.application, scope, self.base, seen)
        older = self._older(seen, said, fault.answer.stale)
        concerned = touched and fault.answer != Answer()
        concerned = concerned and answers_so(fault.when, seen, said)
        if concerned and (changes_request or self._due()):
            await _wait(fault.answer.wait, receive)
            said = _changed(older, fault.answer)
        self._note(operation, said)
        return said

    def _note(self, operation: str, said: Said) -> None:
        """Remember an operation that succeeded, where the fault asks for it."""
        if said.status // 100 == _SUCCESS and operation in self.fault.when.after:
            self._done.append(operation)

    def _older(self, seen: SeenRequest, said: Said, age: int) -> Said:
        """Remember an answer, and return the one that the same address gave so many times before, if it did."""
        if not age:
            return said
        past = self._answers[seen.method, seen.path, seen.query]
        past.append(said)
        return past[-1 - age] if len(past) > age else said

    async def _instead(self, scope: Scope, seen: SeenRequest, ask: Ask) -> Said:
        if ask.status is not None:
            kind = (
                "application/json" if ask.body.startswith(("{", "[")) else "text/plain"
            )
            return _complete(
                Said(
                    ask.status,
                    (("content-type", kind),) if ask.body else (),
                    ask.body.encode(),
                )
            )
        altered = _altered(seen, ask, self.tokens)
        said = await _through(self.application, scope, self.base, altered)
        if ask.twice:
            said = await _through(self.application, scope, self.base, altered)
        return said

    def _operation(self, seen: SeenRequest) -> str:
        """Return the operation that a request is for, "" for none."""
        for operation in self.operations.values():
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(operation.path))
            if operation.method == seen.method and re.fullmatch(pattern, seen.path):
                return operation.id
        return ""

    def _asks(self, seen: SeenRequest, operation: str) -> bool:
        """Tell whether a request is one that the fault touches."""
        when = self.fault.when
        return (
            is_one_of(operation, when.operations)
            and stands_there(when, seen)
            and has_content(when, seen)
            and (not when.tokens or self._role(seen) in when.tokens)
            and (not when.after or tuple(self._done[-len(when.after) :]) == when.after)
        )

    def _due(self) -> bool:
        self._matched += 1
        return self._matched % self.fault.when.every == 0

    def _role(self, seen: SeenRequest) -> str:
        given = seen.header("authorization")
        if given is None:
            return NO_TOKEN
        token = given.partition(" ")[2]
        return next(
            (role for role, known in self.tokens.items() if known == token), OTHER_TOKEN
        )


async def _body(receive: Receive) -> bytes:
    """Return a request's body."""
    body = bytearray()
    while len(body) <= _LARGEST:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body"):
            break
    return bytes(body)


async def _wait(seconds: float, receive: Receive) -> None:
    """Wait, but no longer than the client does."""
    if not seconds:
        return
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(receive(), seconds)


def _altered(seen: SeenRequest, ask: Ask, tokens: Mapping[str, str]) -> SeenRequest:
    """Return a request as the service sees it instead; `tokens` are the platform's own by role."""
    body = _replaced(edit_body(seen.body, ask.edits), ask.replace)
    headers = _altered_headers(seen.headers, ask, tokens)
    sized = tuple(
        (name, str(len(body)) if name == "content-length" else value)
        for name, value in headers
    )
    path = ask.path.text.sub(ask.path.by, seen.path) if ask.path else seen.path
    query = _altered_query(seen.query, ask)
    return SeenRequest(ask.method or seen.method, path, query, sized, body)


def _altered_query(query: Pairs, ask: Ask) -> Pairs:
    """Return a query with the parameters that are asked for instead, at its end, and what is added to numbers."""
    pairs = _overridden(query, ask.query)
    return tuple(
        (name, _sum(value, ask.add[name]) if name in ask.add else value)
        for name, value in pairs
    )


def _altered_headers(headers: Pairs, ask: Ask, tokens: Mapping[str, str]) -> Pairs:
    """Return header fields with those that are asked for instead, and with the token of a role."""
    own = {name.lower(): value for name, value in ask.headers.items()}
    altered = _overridden(headers, own)
    if not ask.token:
        return altered
    return _overridden(altered, {"authorization": f"Bearer {tokens[ask.token]}"})


def _overridden(pairs: Pairs, own: Mapping[str, str | None]) -> Pairs:
    """Return pairs without those of some names, then those that have a value instead."""
    others = tuple((name, value) for name, value in pairs if name not in own)
    given = ((name, value) for name, value in own.items() if value is not None)
    return (*others, *given)


async def _through(
    application: ASGIApp, scope: Scope, base: str, seen: SeenRequest
) -> Said:
    """Return what an application answers to a request."""
    sent: list[Message] = []
    given: MutableMapping[str, Any] = {
        "type": "http.request",
        "body": seen.body,
        "more_body": False,
    }
    gone = asyncio.Event()

    async def receive() -> Message:
        if given:
            message = dict(given)
            given.clear()
            return message
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    inner = dict(scope) | {
        "method": seen.method,
        "path": base + seen.path,
        "raw_path": quote(base + seen.path).encode(),
        "query_string": urlencode(seen.query, quote_via=quote).encode(),
        "headers": [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in seen.headers
        ],
    }
    await application(inner, receive, send)
    start = next(
        message for message in sent if message["type"] == "http.response.start"
    )
    body = b"".join(
        message.get("body", b"")
        for message in sent
        if message["type"] == "http.response.body"
    )
    headers = tuple(
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in start["headers"]
    )
    return Said(start["status"], headers, body)


def _changed(said: Said, change: Answer) -> Said:
    """Return an answer as a fault has it."""
    body = _replaced(edit_body(said.body, change.edits), change.replace)
    if change.body is not None:
        body = change.body.encode()
    if change.encoding:
        body = body.decode("utf-8", "replace").encode(change.encoding, "replace")
    if change.keep is not None:
        body = body[: change.keep]
    given = {name.lower(): value for name, value in change.headers.items()}
    headers = _overridden(said.headers, given)
    status = said.status if change.status is None else change.status
    return _complete(Said(status, headers, body))


def _replaced(body: bytes, change: Replacement | None) -> bytes:
    return (
        body
        if change is None
        else change.text.sub(change.by, body.decode("utf-8", "replace")).encode()
    )


def _complete(said: Said) -> Said:
    """Return an answer whose Content-Length is that of its body; some statuses have none (RFC 9110, 15.3.5)."""
    headers = tuple(
        (name, value) for name, value in said.headers if name != "content-length"
    )
    if said.status in {204, 304}:
        return replace(said, headers=headers, body=b"")
    return replace(said, headers=(*headers, ("content-length", str(len(said.body)))))


def _sum(text: str, number: int) -> str:
    return str(int(text) + number) if text.isdigit() else text
