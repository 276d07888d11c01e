"""The services of a run that the local platform plays, because the target gives them no address.

Must not know pytest.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from conformance.model.fault import Fault
from conformance.target.target import ServiceTarget


def _nothing() -> None:
    """Leave everything as it is."""


@dataclass(frozen=True, slots=True)
class EmbeddedServices:
    """Settings of the services that the local platform plays, by id; `close` stops it."""

    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    close: Callable[[], None] = _nothing

    def completed(self, service: ServiceTarget) -> ServiceTarget:
        """Return a service with its address, be it the target's or the local platform's."""
        if service.service not in self.settings:
            return service
        settings = {**self.settings[service.service], **service.settings}
        address = settings[service.spec.contract.address_key]
        return replace(service, settings=settings, address=address)


def start_embedded(
    services: Iterable[ServiceTarget], fault: Fault | None = None
) -> EmbeddedServices:
    """Start the local platform for the services that have no address of their own; it makes the `fault` on purpose."""
    specs = tuple(row.spec for row in services if row.address is None)
    if not specs:
        return EmbeddedServices()
    from conformance.mock.platform import LocalPlatform  # noqa: PLC0415 - loads long

    stack = ExitStack()
    platform = stack.enter_context(LocalPlatform(specs, fault=fault))
    names = [spec.contract.service for spec in specs]
    settings = {name: platform.settings(name) for name in names}
    return EmbeddedServices(settings, stack.close)
