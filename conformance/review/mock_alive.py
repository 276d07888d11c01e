"""Whether the mock that wrote a target file still runs: asked before anything is tested against what it left.

Must ask nobody but the address on this machine that the file itself names.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from conformance.model.errors import TargetError
from conformance.model.exchange import ErrorKind, Request, Response
from conformance.target.target import ServiceTarget, Target
from conformance.target.writing import WrittenBy, is_of_a_mock, writer_of
from conformance.traffic.transport import Transport

_OK = 200


def demand_mock(target: Target, services: Iterable[ServiceTarget]) -> None:
    """Raise TargetError, where some services need the mock that wrote the target file, and that has ended.

    A service that stands at another address needs the mock only for the key stores that it lends.
    """
    services = list(services)
    if _has_left_nothing(target, services) or _has_ended(target, services):
        raise TargetError(
            f"{target.file}: the mock that wrote this file has ended: start it again with "
            f"`ehealth-conformance mock --write-target {target.file}`"
        )


def _has_left_nothing(target: Target, services: Iterable[ServiceTarget]) -> bool:
    """Tell whether key stores that services need are gone with the mock that lent them."""
    callers = [
        caller
        for service in services
        for caller in (service.settings.get("callers") or {}).values()
    ]
    stores = [target.folder / caller["keystore"] for caller in callers]
    gone = any(not store.exists() for store in stores)
    return gone and is_of_a_mock(target.file)


def _has_ended(target: Target, services: Iterable[ServiceTarget]) -> bool:
    """Tell whether nobody answers in the place of the mock at which services stand, or somebody else does."""
    mock = writer_of(target.file)
    if mock is None:
        return False
    place = urlsplit(mock.url).netloc
    asked = any(urlsplit(row.address or "").netloc == place for row in services)
    return asked and not _answers(mock, target)


def _answers(mock: WrittenBy, target: Target) -> bool:
    """Tell whether a mock tells its name; one that is merely slow has not ended."""
    transport = Transport(target.limits.timeout, target.ca_file)
    answer = transport.send(Request("GET", mock.url, target.identity.headers, b""))
    transport.close()
    if isinstance(answer, Response):
        return answer.status == _OK and answer.body == mock.name.encode()
    return answer.kind is ErrorKind.TIMEOUT
