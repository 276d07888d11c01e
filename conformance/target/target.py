"""The target of a run as values: environment, identity, limits, services.

Must not read target files.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from conformance import __version__
from conformance.contracts.loading import Description, Spec, load_spec
from conformance.model.exchange import Headers
from conformance.target.network import ClientKeyStore, ProxySetting
from conformance.target.policy import LOCAL
from conformance.traffic.limits import Limits


@dataclass(frozen=True, slots=True)
class Identity:
    """The headers that tell the platform who asks; `sender` is the From header, "" leaves it out."""

    user_agent: str
    sender: str

    @property
    def headers(self) -> Headers:
        """Return the headers as fields."""
        return (
            ("User-Agent", self.user_agent),
            *((("From", self.sender),) if self.sender else ()),
        )


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """What a target says of one service, before its spec is read."""

    description: Description
    address: str | None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServiceTarget:
    """One service of a target: its spec, its address (None: the embedded platform) and the file's settings."""

    spec: Spec
    address: str | None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def service(self) -> str:
        """Return the service's id."""
        return self.spec.contract.service


class Services(Mapping[str, ServiceTarget]):
    """The services of a target by id; a spec is read when its service is asked for first.

    Raises SpecError where it cannot be.
    """

    def __init__(self, found: Iterable[ServiceEntry]) -> None:
        """Take the entry of each service."""
        self._entries = {entry.description.service: entry for entry in found}
        self._read: dict[str, ServiceTarget] = {}

    def __getitem__(self, service: str) -> ServiceTarget:
        """Return a service of the target."""
        if service not in self._read:
            entry = self._entries[service]
            spec = load_spec(service, entry.description.folder.name)
            self._read[service] = ServiceTarget(spec, entry.address, entry.settings)
        return self._read[service]

    def __contains__(self, service: object) -> bool:
        """Tell whether the target has a service, without reading anything."""
        return service in self._entries

    def __iter__(self) -> Iterator[str]:
        """Yield the ids of the services."""
        return iter(self._entries)

    def __len__(self) -> int:
        """Return how many services there are."""
        return len(self._entries)


@dataclass(frozen=True, slots=True)
class Target:
    """The IXIT of a run: what a target file says, completed by defaults."""

    name: str
    environment: str
    intrusive: bool
    identity: Identity
    ca_file: Path | None
    limits: Limits
    services: Mapping[str, ServiceTarget]
    file: Path | None = None
    proxy: ProxySetting = None
    client: ClientKeyStore | None = None

    @property
    def local(self) -> bool:
        """Tell whether identities may be made up and everything may be sent."""
        return self.environment == LOCAL

    @property
    def folder(self) -> Path:
        """Return the folder that the file's paths are relative to."""
        return (self.file or Path()).parent


def own_identity() -> Identity:
    """Return the harness's own identity, for targets that name none."""
    return Identity(
        f"ehealth-conformance/{__version__} h11/{metadata.version('h11')}", ""
    )
