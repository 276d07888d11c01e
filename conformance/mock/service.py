"""What a module of the local platform offers for its service.

Each module of this package that plays a service has a function `serve(spec, address)` that returns
a `Served`. Must not know any service.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.routing import BaseRoute

from conformance.loading import Spec


def _nothing() -> None:
    """Leave everything as it is."""


@dataclass(frozen=True, slots=True)
class Served:
    """A service being played: its routes with full paths, and what a target file says of it.

    `close` takes away what the service has left on this machine; the platform calls it when it stops.
    """

    routes: Sequence[BaseRoute]
    settings: Mapping[str, Any]
    close: Callable[[], None] = _nothing


class ServiceModule(Protocol):
    """A module that plays a service."""

    def serve(self, spec: Spec, address: str) -> Served:
        """Return the service, fresh and with its own state, on a platform that answers at `address`."""
