"""Bounds the connections to the local platform: how many there are, and how long each may take for what.

uvicorn bounds the head's size and closes a connection that is idle after an answer; the time for a first head and for a
body, and the number of connections, it leaves open. Whoever is slow is closed, whoever waits longest makes room for the
next, so that others are served whatever stands open. Must not know what is served.
"""

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

_OWN: Final = "conformance.connection"
"""The name under which a request's state holds its connection."""


class Phase(Enum):
    """What a connection waits for."""

    IDLE = "a next request"
    HEAD = "a TLS handshake and a whole head"
    BODY = "a whole body"
    ANSWER = "an answer, and that it is taken"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds that a connection may be in each phase, and how many there may be at once."""

    seconds: Mapping[Phase, float] = field(
        default_factory=lambda: {
            Phase.IDLE: 10.0,
            Phase.HEAD: 10.0,
            Phase.BODY: 30.0,
            Phase.ANSWER: 60.0,
        }
    )
    connections: int = 256
    bodies: int = 32


@dataclass(slots=True)
class Entrance:
    """All connections that are open, those longest in their phase first."""

    bounds: Bounds
    tls: ssl.SSLContext | None = None
    _open: dict["GuardedConnection", None] = field(default_factory=dict)

    def protocol(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> asyncio.Protocol:
        """Return what uvicorn asks for at each new connection."""
        state = dict(app_state)
        connection = GuardedConnection(
            self, H11Protocol(config, server_state, state, _loop)
        )
        state[_OWN] = connection
        return connection

    def note(self, connection: "GuardedConnection") -> None:
        """Take note of a connection in a new phase, and close those that are too many."""
        self.forget(connection)
        self._open[connection] = None
        bodies = [each for each in self._open if each.phase is Phase.BODY]
        _close_surplus(bodies, self.bounds.bodies)
        # An exchange under way is given up last.
        waiting = sorted(self._open, key=lambda each: each.phase in _UNDER_WAY)
        _close_surplus(waiting, self.bounds.connections)

    def forget(self, connection: "GuardedConnection") -> None:
        """Leave out a connection that is closed."""
        self._open.pop(connection, None)


_UNDER_WAY: Final = frozenset({Phase.BODY, Phase.ANSWER})


def _close_surplus(connections: Iterable["GuardedConnection"], most: int) -> None:
    """Close the first connections, so that no more than so many are left."""
    found = list(connections)
    for each in found[: max(0, len(found) - most)]:
        each.abort()


@dataclass(slots=True, eq=False)
class GuardedConnection(asyncio.Protocol):
    """A connection that is closed where a phase takes too long; uvicorn's own protocol speaks over it."""

    entrance: Entrance
    inner: H11Protocol
    phase: Phase = Phase.HEAD
    _raw: asyncio.Transport | None = None
    _deadline: asyncio.TimerHandle | None = None
    _securing: "asyncio.Task[None] | None" = None
    _speaking: bool = False
    _early: bytearray = field(default_factory=bytearray)

    def enter(self, phase: Phase) -> None:
        """Begin a phase with its own time limit."""
        if self._raw is None:
            return
        self.phase = phase
        self._stop_clock()
        seconds = self.entrance.bounds.seconds[phase]
        self._deadline = self.inner.loop.call_later(seconds, self.abort)
        self.entrance.note(self)

    def abort(self) -> None:
        """Close the connection at once."""
        self._stop_clock()
        self.entrance.forget(self)
        if self._raw is not None:
            self._raw.abort()

    def shutdown(self) -> None:
        """End with the server, which asks all connections that it knows."""
        self.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; over TLS only the handshake does."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a listener for streams hands over
        self._raw = transport
        self.enter(Phase.HEAD)
        if self.entrance.tls is None:
            self._speak(transport)
            return
        transport.pause_reading()
        self._known_to_server().add(self)
        secured = self._secure(transport, self.entrance.tls)
        self._securing = self.inner.loop.create_task(secured)

    def data_received(self, data: bytes) -> None:
        """Hand on what came; after an answer it begins another head."""
        if self.phase is Phase.IDLE:
            self.enter(Phase.HEAD)
        if self._speaking:
            self.inner.data_received(data)
        else:  # it came with the end of the handshake
            self._early += data

    def eof_received(self) -> None:
        """Hand on that no more comes."""
        if self._speaking:
            self.inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_clock()
        self.entrance.forget(self)
        self._raw = None
        self._known_to_server().discard(self)
        if self._speaking:
            self.inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Hand on that the client does not take what is sent."""
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        """Hand on that the client takes more."""
        self.inner.resume_writing()

    def _speak(self, transport: asyncio.Transport) -> None:
        self._speaking = True
        self._known_to_server().discard(self)
        self.inner.connection_made(transport)
        if self._early:
            self.inner.data_received(bytes(self._early))
            self._early.clear()

    async def _secure(self, raw: asyncio.Transport, context: ssl.SSLContext) -> None:
        limit = self.entrance.bounds.seconds[Phase.HEAD]
        try:
            secured = await self.inner.loop.start_tls(
                raw, self, context, server_side=True, ssl_handshake_timeout=limit
            )
        except OSError:  # the client went away, was too slow, or speaks no TLS
            self.abort()
            return
        if secured is not None and self._raw is not None:
            self._speak(secured)

    def _known_to_server(self) -> set[object]:
        """Return the connections that uvicorn ends; it adds its own protocol only after the handshake."""
        return cast("set[object]", self.inner.connections)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


@dataclass(frozen=True, slots=True)
class TellingPhases:
    """An ASGI application that tells a connection how far its request is, and lets another one answer."""

    application: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        connection: GuardedConnection = scope["state"].pop(_OWN)

        async def received() -> Message:
            message = await receive()
            if not message.get("more_body", False):
                connection.enter(Phase.ANSWER)
            return message

        connection.enter(Phase.BODY)
        try:
            await self.application(scope, received, send)
        finally:
            connection.enter(Phase.IDLE)
