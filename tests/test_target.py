"""Tests of target files: every mistake with file, line and remedy, all at once, before any request."""

import os
import socket
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

from conformance.checks.tracing import user_agent_problems
from conformance.contracts.loading import Spec, describe, load_spec, service_ids
from conformance.contracts.platform_rules import load_tracing
from conformance.mock.authority import make_server_certificate
from conformance.model.errors import DocumentError, TargetError, UsageError
from conformance.target.addresses import address_problem, environment_of
from conformance.target.policy import BUILT_IN
from conformance.target.reading import choose_services, load_target
from conformance.target.writing import target_text, write_target, written_target
from conformance.traffic.limits import Limits
from conformance.traffic.proxy import is_loopback

VECTORS: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("vectors").joinpath("target_mistakes.yaml").read_text("utf-8")
)
SERVICE = "status-dashboard"
SIMULATOR = "https://status-sim.ehealthplatform.info/api/v1"

COMPLETE = """\
name: my-acceptance
environment: acceptance
intrusive: true
identity:
  user_agent: "myProduct/62.310.4 Technical/3.19.0"
  from: "info@mycompany.be"
tls: {ca_file: sub/ca.pem}
limits: {rate: 0.5, budget: 17, timeout: 3}
services:
  status-dashboard:
    base_url: "https://gateway.example.org/api/v1"
    spec: "1.4"
    dashboards: [prod, acc]
"""


@pytest.fixture(autouse=True)
def _no_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make any attempt to resolve a name or to connect fail the test."""

    def refuse(*_: object, **__: object) -> NoReturn:
        pytest.fail("something was sent while a target file was read")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the path of a target file to write, beside a certificate, a text and a folder."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "ca.pem").write_bytes(make_server_certificate().authority)
    (tmp_path / "text.pem").write_text("no certificate", encoding="ascii")
    (tmp_path / "folder").mkdir()
    return tmp_path / "target.yaml"


def _rows(key: str, name: str) -> list[Any]:
    return [pytest.param(row, id=f"{row.get('environment', '')} {row[name]}".strip()) for row in VECTORS[key]]


@pytest.mark.parametrize("row", _rows("files", "name"))
def test_every_mistake_of_a_file_is_reported_with_line_and_remedy(file: Path, row: dict[str, Any]) -> None:
    """All mistakes come at once, in the order of their lines, each with what to do about it, and no other."""
    file.write_text(row["text"], encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_target(str(file))
    problems = caught.value.problems
    assert len(problems) == len(row["problems"]), problems
    for problem, expected in zip(problems, row["problems"], strict=True):
        assert problem.startswith(f"{file}:{expected['line']}: " if "line" in expected else f"{file}:"), problem
        assert all(words in problem for words in expected["says"]), problem
    assert caught.value.exit_code == 2
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("row", _rows("addresses", "address"))
def test_address_is_refused_with_its_reason(row: dict[str, Any]) -> None:
    """No disguise brings production, another environment or an unprotected host into a run."""
    problem = address_problem(row["address"], row["environment"])
    assert problem is not None
    assert row["says"] in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize("row", _rows("accepted", "address"))
def test_address_is_accepted(row: dict[str, Any]) -> None:
    """Loopback, https hosts of nobody's, and the environment's own hosts can be tested."""
    assert address_problem(row["address"], row["environment"]) is None


@pytest.mark.parametrize("row", _rows("addresses", "address"))
def test_file_with_a_refused_address_is_refused(file: Path, row: dict[str, Any]) -> None:
    """What is refused as an address is refused in a file, at its line."""
    data = {"name": "x", "environment": row["environment"], "services": {SERVICE: {"base_url": row["address"]}}}
    file.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")
    with pytest.raises(TargetError) as caught:
        load_target(str(file))
    assert [problem.startswith(f"{file}:5: ") for problem in caught.value.problems] == [True]
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "environment"),
    [
        ("status.ehealth.fgov.be", "production"),
        ("new.ehealth.fgov.be", "production"),
        ("api-acpt.ehealth.fgov.be", "acceptance"),
        ("wwwacc.ehealth.fgov.be", "acceptance"),
        ("services-int.ehealth.fgov.be", "integration"),
        ("any.ehealthplatform.info", "simulation"),
        ("example.org", None),
        ("ehealth.fgov.be.example.org", None),
        ("127.0.0.1", None),
    ],
)
def test_host_belongs_to_an_environment_or_to_nobody(host: str, environment: str | None) -> None:
    """Named hosts belong to their environment, all others below the platform's domain to production."""
    assert environment_of(host) == environment


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("0.0.0.0", False),  # noqa: S104 - not listened on
        ("::", False),
        ("10.0.0.1", False),
        ("example.org", False),
        ("localhost.example.org", False),
        ("2130706433", False),
    ],
)
def test_loopback_is_known_by_its_name_or_address(host: str, loopback: bool) -> None:  # noqa: FBT001 - a table's column
    """Only this machine's own addresses are loopback, whatever else may lead there."""
    assert is_loopback(host) is loopback


def test_complete_file_becomes_a_target(file: Path) -> None:
    """Everything that a file says stands in the target, with paths relative to the file."""
    file.write_text(COMPLETE, encoding="utf-8")
    target = load_target(str(file))
    assert (target.name, target.environment, target.intrusive, target.local) == (
        "my-acceptance",
        "acceptance",
        True,
        False,
    )
    assert (target.identity.user_agent, target.identity.sender) == (
        "myProduct/62.310.4 Technical/3.19.0",
        "info@mycompany.be",
    )
    assert target.ca_file == file.parent / "sub" / "ca.pem"
    assert target.limits == Limits(0.5, 17, 3.0)
    service = target.services[SERVICE]
    assert (service.service, service.address) == (SERVICE, "https://gateway.example.org/api/v1")
    assert service.settings["dashboards"] == ["prod", "acc"]
    assert service.spec.contract.version == "1.4"


def test_file_without_more_gets_polite_defaults(file: Path) -> None:
    """Outside local a run is not intrusive, sends five requests a second and two thousand in all."""
    file.write_text(
        "name: x\nenvironment: acceptance\nservices: {status-dashboard: {base_url: 'https://example.org'}}\n", "utf-8"
    )
    target = load_target(str(file))
    assert (target.intrusive, target.ca_file, target.limits) == (False, None, Limits(5.0, 2000, 10.0))
    assert user_agent_problems(target.identity.user_agent, load_tracing()) == []
    assert target.identity.sender == ""


def test_local_file_without_services_has_all_of_them_embedded(file: Path) -> None:
    """A local target is intrusive and without limits, and the embedded platform serves what has no address."""
    file.write_text("name: x\nenvironment: local\n", encoding="utf-8")
    target = load_target(str(file))
    assert (target.intrusive, target.local, target.limits) == (True, True, Limits(None, None, 10.0))
    assert target.services[SERVICE].address is None


def test_local_file_may_leave_an_address_to_the_embedded_platform(file: Path) -> None:
    """A local service of nothing is the embedded one."""
    file.write_text("name: x\nenvironment: local\nservices:\n  status-dashboard:\n", encoding="utf-8")
    target = load_target(str(file))
    assert list(target.services) == [SERVICE]
    assert (target.services[SERVICE].address, dict(target.services[SERVICE].settings)) == (None, {})


def test_limits_of_a_local_file_are_kept(file: Path) -> None:
    """A local target may have limits of its own, and need not be intrusive."""
    file.write_text("name: x\nenvironment: local\nintrusive: false\nlimits: {budget: 3}\n", encoding="utf-8")
    target = load_target(str(file))
    assert (target.intrusive, target.limits) == (False, Limits(None, 3, 10.0))


def test_json_file_is_a_target_file_too(file: Path) -> None:
    """A file that ends in .json is read as JSON."""
    path = file.with_suffix(".json")
    path.write_text('{"name": "x", "environment": "local", "services": {"status-dashboard": {}}}', encoding="utf-8")
    assert load_target(str(path)).name == "x"


def test_harness_identifies_itself_by_the_printed_pattern() -> None:
    """A target without an identity gets the harness's own, which follows the cookbooks and names no person."""
    for name in ("local", "status-sim", "production"):
        identity = load_target(name).identity
        assert user_agent_problems(identity.user_agent, load_tracing()) == []
        assert metadata.version("h11") in identity.user_agent
        assert identity.sender == "" or name == "local"


@pytest.mark.parametrize(
    ("name", "environment", "address"),
    [
        ("local", "local", None),
        ("status-sim", "simulation", SIMULATOR),
        ("production", "production", "https://status.ehealth.fgov.be/api/v1"),
    ],
)
def test_built_in_target_needs_no_file(name: str, environment: str, address: str | None) -> None:
    """The built-in targets know where the public status services stand."""
    target = load_target(name)
    assert (target.name, target.environment, target.intrusive) == (name, environment, environment == "local")
    assert target.services[SERVICE].address == address


def test_built_in_target_without_credentials_says_how_to_make_a_file() -> None:
    """A built-in target that has no public service refuses with the command that writes a file."""
    with pytest.raises(TargetError, match="ehealth-conformance init acceptance --out FILE"):
        load_target("acceptance")


@pytest.mark.parametrize(
    ("name", "words"),
    [("locl", "did you mean 'local'?"), ("my-target.yaml", "neither a file nor a built-in target"), ("", "")],
)
def test_name_of_no_target_is_refused_with_the_nearest(name: str, words: str) -> None:
    """What is neither a file nor built in is refused with what may have been meant."""
    with pytest.raises(UsageError) as caught:
        load_target(name)
    assert words in str(caught.value)


def test_folder_is_no_target_file(tmp_path: Path) -> None:
    """A folder in the place of a file is refused by its name."""
    with pytest.raises(DocumentError, match="is not a file but a folder"):
        load_target(str(tmp_path))


def test_services_are_chosen_in_the_order_asked_for() -> None:
    """Without a choice all services are tested; one named twice is tested once."""
    target = load_target("local")
    assert choose_services(target, ()) == tuple(target.services.values())
    assert choose_services(target, (SERVICE, SERVICE)) == (target.services[SERVICE],)


def test_spec_is_read_only_where_its_service_is_tested(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of one service does not read the cases of all others; a mistake in their sections is told all the same."""
    read: list[str] = []

    def reading(name: str, version: str) -> Spec:
        read.append(name)
        return load_spec(name, version)

    monkeypatch.setattr("conformance.target.target.load_spec", reading)
    target = load_target("local")
    choose_services(target, (SERVICE,))
    assert read == [SERVICE]
    assert sorted(target.services) == sorted(service_ids())
    file.write_text("name: x\nenvironment: local\nservices: {status-dashboard: {}, therapeutic-exclusion: {data: 5}}\n")
    with pytest.raises(TargetError, match=r"target\.yaml:3: .*data"):
        load_target(str(file))
    assert read == [SERVICE]


def test_unknown_services_are_refused_all_at_once() -> None:
    """Every service that does not exist, or that the target does not have, is named with a remedy."""
    target = replace(load_target("local"), services={})
    with pytest.raises(TargetError) as caught:
        choose_services(target, ("status-dashbord", SERVICE, "zzz"))
    slip, absent, unknown = caught.value.problems
    assert "did you mean 'status-dashboard'?" in slip
    assert "has no service 'status-dashboard'" in absent
    assert "init" in absent
    assert "known are:" in unknown


@pytest.mark.parametrize("name", ["local", "status-sim", "production"])
def test_file_that_init_writes_is_a_target_at_once(file: Path, name: str) -> None:
    """The commented file is complete: it loads, and names environment, address and polite limits."""
    write_target(file, target_text(name, "my.yaml", [describe(SERVICE)]))
    target = load_target(str(file))
    assert (target.name, target.environment) == (f"my-{name}", BUILT_IN[name])
    address = target.services[SERVICE].address
    assert address is not None
    assert address_problem(address, target.environment) is None
    assert target.limits == (Limits(None, None, 10.0) if name == "local" else Limits(5, 2000, 10.0))
    assert "ehealth-conformance run --target my.yaml" in file.read_text("utf-8")
    assert file.stat().st_mode & 0o777 == 0o600


def test_init_for_an_environment_without_services_is_refused() -> None:
    """Where no service stands, there is no file to write."""
    with pytest.raises(UsageError, match="no service of this version stands in the environment acceptance"):
        target_text("acceptance", "x.yaml", [describe(SERVICE)])


def test_init_offers_no_service_with_credentials_for_production() -> None:
    """A service that is not public is not even written into a file for production."""
    private = replace(describe(SERVICE), public=False)
    with pytest.raises(UsageError):
        target_text("production", "x.yaml", [private])


@pytest.mark.parametrize("ca_file", [None, "sub/ca.pem"])
def test_file_that_the_mock_writes_is_a_local_target(file: Path, ca_file: str | None) -> None:
    """What `mock --write-target` writes loads, with the services' settings and what to trust."""
    settings = {"base_url": "http://127.0.0.1:1234/api/v1", "dashboards": ["prod"]}
    write_target(file, written_target("mock", {SERVICE: settings}, ca_file))
    target = load_target(str(file))
    assert (target.name, target.local, dict(target.services[SERVICE].settings)) == ("mock", True, settings)
    assert target.ca_file == (file.parent / ca_file if ca_file else None)


def test_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A folder that does not exist is an error of usage, with the path."""
    path = tmp_path / "nowhere" / "target.yaml"
    with pytest.raises(UsageError, match=r"nowhere/target\.yaml: cannot be written"):
        write_target(path, "name: x\n")


def test_production_is_no_target_for_a_service_with_credentials(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that is not public is refused in production, whatever its address."""
    private = replace(describe(SERVICE), public=False)
    monkeypatch.setattr("conformance.target.reading.describe", lambda *_: private)
    file.write_text(
        "name: x\nenvironment: production\nservices: {status-dashboard: {base_url: 'https://example.org'}}\n", "utf-8"
    )
    with pytest.raises(TargetError, match="production is never a target for status-dashboard"):
        load_target(str(file))
    with pytest.raises(TargetError, match="without credentials"):
        load_target("production")


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_target_file_takes_the_place_of_a_file_only(tmp_path: Path, kind: str) -> None:
    """What is no ordinary file stays what it is: a pipe, a link to a file, a folder."""
    path = tmp_path / "there"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        (tmp_path / "real").write_text("as it was", encoding="utf-8")
        path.symlink_to(tmp_path / "real")
    else:
        path.mkdir()
    before = path.lstat().st_ino
    with pytest.raises(UsageError, match="something else stands there"):
        write_target(path, "name: x")
    assert path.lstat().st_ino == before


def test_target_file_needs_a_name() -> None:
    """A folder of one's own is no file to write."""
    with pytest.raises(UsageError, match="name another file"):
        write_target(Path(), "name: x")
