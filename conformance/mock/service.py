"""What a module of the local platform offers for its service.

Each module of this package that plays a service has a function `serve(spec, address)` that returns
a `Served`. Must not know any service.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.routing import BaseRoute

from conformance.loading import Spec


@dataclass(frozen=True, slots=True)
class Served:
    """A service being played: its routes with full paths, and what a target file says of it."""

    routes: Sequence[BaseRoute]
    settings: Mapping[str, Any]


class ServiceModule(Protocol):
    """A module that plays a service."""

    def serve(self, spec: Spec, address: str) -> Served:
        """Return the service, fresh and with its own state, on a platform that answers at `address`."""
