"""Serves the local platform on loopback, in a thread, until it is told to stop.

Each service is a module of this package named after its id. Must not be reachable from outside
this machine.
"""

import asyncio
import importlib
import secrets
import socket
import ssl
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from conformance.contracts.loading import Spec
from conformance.mock.authority import ServerCertificate, make_server_certificate
from conformance.mock.entrance.connections import Bounds, Entrance, TellingPhases
from conformance.mock.entrance.loopback import CONTROLS, LoopbackOnly
from conformance.mock.faults import Faulty
from conformance.mock.service import Served, ServiceModule
from conformance.model.errors import UsageError
from conformance.model.fault import Fault

_HOST = "127.0.0.1"
_BACKLOG = 512
_NAME_PATH = f"{CONTROLS}/name"
_STOP_SECONDS = 5.0


@dataclass(slots=True)
class LocalPlatform:
    """The platform with some services; `address` is where it answers while it is entered.

    By its `name`, told at `whereabouts`, it is known from another platform that later answers at the same address.
    One of the services makes a mistake where there is a `fault`. What stands open beyond the `bounds` is closed.
    """

    specs: tuple[Spec, ...]
    port: int = 0
    tls: bool = False
    address: str = ""
    certificate: ServerCertificate | None = None
    fault: Fault | None = None
    bounds: Bounds = field(default_factory=Bounds)
    name: str = field(default_factory=lambda: secrets.token_hex(8))
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = None
    _served: dict[str, Served] = field(default_factory=dict)

    def __enter__(self) -> Self:
        """Start serving; connections are accepted from here on.

        Raises UsageError where the port is taken.
        """
        modules = [(spec, service_module(spec.contract.service)) for spec in self.specs]
        listener = self._listen()
        try:
            self._start(listener, modules)
        except BaseException:
            listener.close()
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop serving; connections that are open are closed, and what the services left on disk disappears."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._server.force_exit = True
            self._thread.join(_STOP_SECONDS)
        self._close()

    @property
    def whereabouts(self) -> str:
        """Return the URL at which the platform tells its name."""
        return self.address + _NAME_PATH

    def settings(self, service: str) -> dict[str, Any]:
        """Return what a target file says of a service on this platform."""
        return dict(self._served[service].settings)

    def wait(self, seconds: float | None = None) -> None:
        """Block until the platform stops, or for some seconds."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _start(
        self, listener: socket.socket, modules: Sequence[tuple[Spec, ServiceModule]]
    ) -> None:
        scheme = "https" if self.tls else "http"
        self.address = f"{scheme}://{_HOST}:{listener.getsockname()[1]}"
        for spec, module in modules:
            own = self.fault is not None and self.fault.service == spec.contract.service
            without = self.fault.without if self.fault is not None and own else ()
            self._served[spec.contract.service] = module.serve(
                spec, self.address, without
            )
        entrance = Entrance(self.bounds)
        if self.tls:
            self.certificate = make_server_certificate()
            entrance.tls = _tls_context(self.certificate)
        config = uvicorn.Config(
            TellingPhases(LoopbackOnly(self._application())),
            # uvicorn only calls it; TLS begins there too, so that a slow handshake is bounded.
            http=cast("type[asyncio.Protocol]", entrance.protocol),
            ws="none",
            log_level="error",
            lifespan="off",
            server_header=False,
            proxy_headers=False,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run,
            args=([listener],),
            name="local-platform",
            daemon=True,
        )
        self._thread.start()

    def _close(self) -> None:
        """Let each service take away what it has left on this machine."""
        for served in self._served.values():
            served.close()

    def _listen(self) -> socket.socket:
        # The protocol is named, because asyncio turns Nagle off only for sockets that name it.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, self.port))
        except OSError as error:
            listener.close()
            raise UsageError(
                f"port {self.port} cannot be used: {error.strerror}; --port 0 picks a free one"
            ) from None
        listener.listen(_BACKLOG)
        return listener

    async def _tell_name(self, request: Request) -> Response:
        del request
        return PlainTextResponse(self.name)

    def _application(self) -> ASGIApp:
        routes = [route for served in self._served.values() for route in served.routes]
        routes.append(Route(_NAME_PATH, self._tell_name))
        application = Starlette(
            routes=routes, exception_handlers={HTTPException: _refusal}
        )
        spec = next(
            (
                one
                for one in self.specs
                if self.fault and one.contract.service == self.fault.service
            ),
            None,
        )
        if self.fault is None or spec is None:
            return application
        settings = self.settings(spec.contract.service)
        base = urlsplit(settings[spec.contract.address_key]).path
        tokens = {
            role: token
            for role, token in settings.get("tokens", {}).items()
            if isinstance(token, str)
        }
        return Faulty(application, self.fault, base, spec.contract.operations, tokens)


def service_module(service: str) -> ServiceModule:
    """Return the module of this package that plays a service.

    Raises UsageError where there is none.
    """
    name = f"{__package__}.{service.replace('-', '_')}"
    try:
        return cast("ServiceModule", importlib.import_module(name))
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise UsageError(
            f"the local platform does not play {service!r}; give it an address in a target file"
        ) from None


async def _refusal(request: Request, error: Exception) -> Response:
    """Tell a refusal by HTTP (unknown path, method) as JSON."""
    del request
    refusal = cast("HTTPException", error)
    return JSONResponse({"error": refusal.detail}, refusal.status_code, refusal.headers)


def _tls_context(certificate: ServerCertificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="ehealth-conformance-") as folder:
        context.load_cert_chain(*certificate.write(Path(folder)))
    return context
