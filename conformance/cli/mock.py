"""The command `mock`: serves the local platform until it is interrupted.

Parsing and printing only.
"""

import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conformance.cli.console import print_plain
from conformance.cli.options import complete_fault, examples
from conformance.traffic.interruption import ending_signals

if TYPE_CHECKING:
    from conformance.mock.platform import LocalPlatform


@click.command(
    epilog=examples(
        "ehealth-conformance mock --port 8080",
        "ehealth-conformance mock --port 0 --tls --write-target local.yaml",
        "ehealth-conformance mock --fault duplicate-accepted",
    )
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="Port on loopback; 0 picks a free one.",
)
@click.option(
    "--tls",
    is_flag=True,
    help="Serve over TLS, with a certificate made at start.",
)
@click.option(
    "--write-target",
    type=click.Path(path_type=Path),
    help="Write a complete target file once the platform answers.",
)
@click.option(
    "--fault",
    "fault_id",
    metavar="ID",
    shell_complete=complete_fault,
    help="Make this mistake on purpose; see `list faults`. The part after faults/ is enough.",
)
def mock(port: int, tls: bool, write_target: Path | None, fault_id: str | None) -> None:  # noqa: FBT001 - a flag
    """Serve the local platform on loopback until interrupted."""
    from conformance.catalogue.listing import all_specs, find_fault  # noqa: PLC0415 - help and completion do without
    from conformance.mock.platform import LocalPlatform  # noqa: PLC0415 - loads the server, SOAP and cryptography

    fault = find_fault(fault_id) if fault_id else None
    stop = threading.Event()
    for number in ending_signals():
        signal.signal(number, lambda *_: stop.set())
    with LocalPlatform(all_specs(), port, tls, fault=fault) as platform:
        services = _settings(platform)
        for name, address in _addresses(platform, services).items():
            print_plain(f"{name:30} {address}")
        if write_target is not None:
            _write_target(platform, services, write_target)
            print_plain(f"target file: {write_target}")
        if fault is not None:
            print_plain(f"with the fault {fault.id}: {fault.breaks}")
        print_plain("serving until interrupted (Ctrl-C)")
        stop.wait()
    print_plain("stopped")


def _settings(platform: "LocalPlatform") -> dict[str, dict[str, Any]]:
    """Return the section of each service in a target file."""
    names = [spec.contract.service for spec in platform.specs]
    return {name: platform.settings(name) for name in names}


def _addresses(
    platform: "LocalPlatform", services: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """Return the address of each service."""
    contracts = [spec.contract for spec in platform.specs]
    return {
        contract.service: services[contract.service][contract.address_key]
        for contract in contracts
    }


def _write_target(
    platform: "LocalPlatform", services: dict[str, dict[str, Any]], path: Path
) -> None:
    """Write a target file, and beside it the authority that signed the platform's TLS certificate."""
    from conformance.target.writing import WrittenBy, write_target, written_target  # noqa: PLC0415 - help does without

    ca_file = None
    if platform.certificate is not None:
        ca_file = path.with_name(f"{path.stem}-ca.pem")
        write_target(ca_file, platform.certificate.authority.decode("ascii"))
    name_of_ca = ca_file.name if ca_file else None
    mock = WrittenBy(platform.whereabouts, platform.name)
    write_target(path, written_target("mock", services, name_of_ca, mock))
