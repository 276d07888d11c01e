"""Writes target files: the commented one of `init`, and the complete one of `mock --write-target`.

Must not read more of a target file than who wrote it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from conformance.contracts.loading import Description
from conformance.files.writing import write_atomically
from conformance.formats.documents import dump
from conformance.model.errors import UsageError
from conformance.target.addresses import address_problem
from conformance.target.policy import BUILT_IN, LOCAL, may_be_target
from conformance.traffic.proxy import is_loopback

TEMPLATE_USER_AGENT = "myProduct/1.0.0 myConnector/1.0.0"
TEMPLATE_SENDER = "info@mycompany.be"
"""The identity in the file of `init`, to be replaced by one's own."""
_HEAD = """\
# A target file of ehealth-conformance: where the implementation under test stands, and how it may be tested.
# Run it with: ehealth-conformance run --target {file}
name: my-{name}
environment: {environment}      # local | simulation | integration | acceptance | production
{intrusive}
identity:                        # sent with every request
  user_agent: "{user_agent}"
  from: "{sender}"      # whom the platform reaches in an emergency
# tls:
#   ca_file: ca.pem              # certificates to trust besides the system's; verification stays on
#   client: {{keystore: gateway.p12, password: {{env: P12}}}}   # for a gateway that asks for a certificate
# proxy: env                     # HTTPS_PROXY and NO_PROXY; or name it:
# proxy: {{url: "http://proxy.example.be:3128", no_proxy: [".internal"], user: svc, password: {{env: PROXY_PASSWORD}}}}
{limits}
# A secret is {{env: NAME}}, {{file: PATH}} or {{command: [program, argument]}}; it never stands here itself.
services:
"""


_BY_MOCK = (
    "# Written by `ehealth-conformance mock`: it holds for as long as that mock runs."
)
_ASK = "# That mock tells its name at: "
_WRITER = re.compile(rf"{_ASK}(\S+) ([0-9a-f]+)")
_LONGEST_MARK = 1000
"""Characters of a line that is a mark of `mock`."""


@dataclass(frozen=True, slots=True)
class WrittenBy:
    """A mock that writes target files: where it tells its name, and the name."""

    url: str
    name: str


def target_text(name: str, file: str, services: Iterable[Description]) -> str:
    """Return the commented target file for a built-in target.

    Raises UsageError where no service stands in its environment.
    """
    environment = BUILT_IN[name]
    local = environment == LOCAL
    sections = [
        _section(service, environment)
        for service in services
        if _stands(service, environment)
    ]
    if not sections:
        raise UsageError(
            f"no service of this version stands in the environment {environment}"
        )
    setting = "true " if local else "false"
    intrusive = f"intrusive: {setting}                 # security and robustness cases run when true"
    limits = "limits: {rate: 5, budget: 2000, timeout: 10}   # requests a second, requests in all, seconds a request"
    head = _HEAD.format(
        user_agent=TEMPLATE_USER_AGENT,
        sender=TEMPLATE_SENDER,
        file=file,
        name=name,
        environment=environment,
        intrusive=intrusive,
        limits=f"# {limits}" if local else limits,
    )
    return head + "".join(sections)


def written_target(
    name: str,
    services: dict[str, dict[str, Any]],
    ca_file: str | None,
    mock: WrittenBy | None = None,
) -> str:
    """Return a complete target file for services on the local platform, which lasts as long as that runs.

    With the `mock` that writes it, a reader can ask whether it still runs.
    """
    marks = [_BY_MOCK, *([f"{_ASK}{mock.url} {mock.name}"] if mock else [])]
    data: dict[str, Any] = {"name": name, "environment": LOCAL}
    if ca_file is not None:
        data["tls"] = {"ca_file": ca_file}
    head = "\n".join(marks)
    return f"{head}\n{dump(data | {'services': services})}"


def is_of_a_mock(file: Path | None) -> bool:
    """Tell whether a target file was written by `mock`, so that it leads nowhere once that mock has ended."""
    return bool(_marks(file))


def writer_of(file: Path | None) -> WrittenBy | None:
    """Return the mock that wrote a target file and says where to ask for it, None where none did.

    What is not on this machine's loopback is no mock, and nobody is to be asked there.
    """
    marks = _marks(file)
    found = _WRITER.fullmatch(marks[-1]) if marks else None
    if found is None or address_problem(found[1], LOCAL) is not None:
        return None
    near = is_loopback(str(urlsplit(found[1]).hostname))
    return WrittenBy(found[1], found[2]) if near else None


def _marks(file: Path | None) -> list[str]:
    """Return the first lines of a target file that `mock` wrote, none of another file."""
    if file is None:
        return []
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            first = lines.readline(_LONGEST_MARK).rstrip("\n")
            second = lines.readline(_LONGEST_MARK).rstrip("\n")
    except OSError:
        return []
    return [first, second] if first == _BY_MOCK else []


def write_target(path: Path, text: str) -> None:
    """Write a private target file so that it appears complete or not at all, in the place of a file if at all.

    Raises UsageError where something else stands there: a pipe, a device and a link stay what they are.
    """
    is_taken = path.is_symlink() or (path.exists() and not path.is_file())
    if is_taken or not path.name:
        raise UsageError(
            f"{path}: a file is to be written there, and something else stands there; name another file"
        )
    try:
        write_atomically(path, text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error


def _stands(service: Description, environment: str) -> bool:
    if not may_be_target(environment, public=service.public):
        return False
    return environment == LOCAL or environment in service.environments


def _section(service: Description, environment: str) -> str:
    known = service.environments
    path = urlsplit(next(iter(known.values()), "")).path
    address = known.get(environment, f"http://127.0.0.1:8080{path}")
    lines = service.template.replace("{address}", address).rstrip("\n").split("\n")
    return (
        "\n".join([f"  {service.service}:", *(f"    {line}" for line in lines)]) + "\n"
    )
