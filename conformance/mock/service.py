"""What a module of the local platform offers for its service.

Each module of this package that plays a service has a function `serve(spec, address, without)` that returns
a `Served`. Must not know any service.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.routing import BaseRoute

from conformance.contracts.loading import Spec


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


def demand_known(without: Sequence[str], known: Iterable[str] = ()) -> None:
    """Raise LookupError where a check is to be left out that does not exist."""
    unknown = sorted(set(without) - set(known))
    if unknown:
        raise LookupError(f"there is no check {', '.join(unknown)}")


class ServiceModule(Protocol):
    """A module that plays a service."""

    def serve(self, spec: Spec, address: str, without: Sequence[str] = ()) -> Served:
        """Return the service, fresh and with its own state, on a platform that answers at `address`.

        `without` names checks of its own that a seeded fault leaves out; raises LookupError where it has no such check.
        """
