"""The services of a run that the local platform plays, because the target gives them no address.

Must not know pytest.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from conformance.contracts.loading import Spec
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
    services: Iterable[ServiceTarget],
    fault: Fault | None = None,
    folder: Path | None = None,
) -> EmbeddedServices:
    """Start the local platform for the services that have no address of their own; it makes the `fault` on purpose.

    A service plays the WSDL that the target names, relative to the target file's `folder`.
    """
    specs = tuple(_by_own_wsdl(row, folder) for row in services if row.address is None)
    if not specs:
        return EmbeddedServices()
    from conformance.mock.platform import LocalPlatform  # noqa: PLC0415 - loads long

    stack = ExitStack()
    platform = stack.enter_context(LocalPlatform(specs, fault=fault))
    names = [spec.contract.service for spec in specs]
    settings = {name: platform.settings(name) for name in names}
    return EmbeddedServices(settings, stack.close)


def _by_own_wsdl(service: ServiceTarget, folder: Path | None) -> Spec:
    """Return a service's spec with the WSDL of the target in the place of its own, where the target names one."""
    spec, wsdl = service.spec, service.settings.get("wsdl")
    rules = spec.contract.soap
    if folder is None or not wsdl or rules is None:
        return spec
    soap = replace(rules, wsdl=folder / wsdl)
    return replace(spec, contract=replace(spec.contract, soap=soap))
