"""Acts out a seeded fault: stands in front of a service of the local platform and changes what passes.

Must not know any service: a fault's data says which exchanges it touches and what becomes of them.
"""

import asyncio
import contextlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conformance.mock.fault_edits import edit_body, json_of
from conformance.model.contract import Operation
from conformance.model.fault import Answer, Ask, Entries, Fault, Fields, Replacement

NO_TOKEN: Final = "none"  # noqa: S105 - what a fault's data calls it
OTHER_TOKEN: Final = "other"  # noqa: S105 - what a fault's data calls it
_LARGEST: Final = 2**24
"""Bytes of a request from which on no more of it is read."""
_SUCCESS: Final = 2


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request as the fault looks at it; `path` is below the service's address, `query` in the order of the wire.

    `target` is the path with the query string behind it as it was sent.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    body: bytes
    target: str = ""

    def header(self, name: str) -> str | None:
        """Return the first value of a header field, or None."""
        return next((value for key, value in self.headers if key == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as it is going to be sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


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
        operation = self._operation(seen)
        asked = self._asks(seen, operation)
        changing = self.fault.ask != Ask()
        touched = asked and (not changing or self._due())
        if changing and touched:
            said = await self._instead(scope, seen, self.fault.ask)
        else:
            said = await _through(self.application, scope, self.base, seen)
        change = self.fault.answer
        older = self._older(seen, said, change.stale) if change.stale else said
        if (
            touched
            and change != Answer()
            and self._answers_so(seen, said)
            and (changing or self._due())
        ):
            if change.wait:
                await _wait(change.wait, receive)
            said = _changed(older, change)
        if said.status // 100 == _SUCCESS and operation in self.fault.when.after:
            self._done.append(operation)
        return said

    def _older(self, seen: SeenRequest, said: Said, age: int) -> Said:
        """Remember an answer, and return the one that the same address gave so many times before, if it did."""
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
        altered = self._altered(seen, ask)
        said = await _through(self.application, scope, self.base, altered)
        return (
            await _through(self.application, scope, self.base, altered)
            if ask.twice
            else said
        )

    def _altered(self, seen: SeenRequest, ask: Ask) -> SeenRequest:
        query = [(name, value) for name, value in seen.query if name not in ask.query]
        query += [
            (name, value) for name, value in ask.query.items() if value is not None
        ]
        query = [
            (name, _sum(value, ask.add[name]) if name in ask.add else value)
            for name, value in query
        ]
        headers = [
            (name, value)
            for name, value in seen.headers
            if name not in {key.lower() for key in ask.headers}
        ]
        headers += [
            (name.lower(), value)
            for name, value in ask.headers.items()
            if value is not None
        ]
        if ask.token:
            headers = [
                (name, value) for name, value in headers if name != "authorization"
            ]
            headers.append(("authorization", f"Bearer {self.tokens[ask.token]}"))
        body = _replaced(edit_body(seen.body, ask.edits), ask.replace)
        headers = [
            (name, str(len(body)) if name == "content-length" else value)
            for name, value in headers
        ]
        path = ask.path.text.sub(ask.path.by, seen.path) if ask.path else seen.path
        return SeenRequest(
            ask.method or seen.method, path, tuple(query), tuple(headers), body
        )

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
            (not when.operations or operation in when.operations)
            and (not when.methods or seen.method in when.methods)
            and (when.path is None or when.path.fullmatch(seen.path) is not None)
            and (when.target is None or when.target.fullmatch(seen.target) is not None)
            and _fit(when.query, seen.query)
            and _fit(
                {name.lower(): text for name, text in when.headers.items()},
                seen.headers,
            )
            and (
                when.body is None
                or when.body.search(seen.body.decode("utf-8", "replace")) is not None
            )
            and (not when.tokens or self._role(seen) in when.tokens)
            and (not when.after or tuple(self._done[-len(when.after) :]) == when.after)
        )

    def _answers_so(self, seen: SeenRequest, said: Said) -> bool:
        """Tell whether an answer is one that the fault touches."""
        when = self.fault.when
        return (
            (not when.statuses or said.status in when.statuses)
            and (
                when.says is None
                or when.says.search(said.body.decode("utf-8", "replace")) is not None
            )
            and (when.entries is None or _has_entries(when.entries, seen, said))
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
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(receive(), seconds)


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
    headers = [(name, value) for name, value in said.headers if name not in given]
    headers += [(name, value) for name, value in given.items() if value is not None]
    status = said.status if change.status is None else change.status
    return _complete(Said(status, tuple(headers), body))


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


def _fit(wanted: Fields, given: Iterable[tuple[str, str]]) -> bool:
    values = dict(given)
    return all(
        name not in values
        if expression is None
        else name in values and expression.fullmatch(values[name]) is not None
        for name, expression in wanted.items()
    )


def _has_entries(wanted: Entries, seen: SeenRequest, said: Said) -> bool:
    number = dict(seen.query).get(wanted.parameter, "")
    rows = json_of(said.body)
    return (
        number.isdigit()
        and isinstance(rows, list)
        and len(rows) == int(number) + wanted.plus
    )


def _sum(text: str, number: int) -> str:
    return str(int(text) + number) if text.isdigit() else text
