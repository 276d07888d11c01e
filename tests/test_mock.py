"""Tests of the local platform: what it serves over HTTP and TLS, and that it starts and stops at once."""

import importlib
import json
import socket
import ssl
import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import jsonschema
import pytest

from conformance.contracts.loading import load_spec
from conformance.mock.authority import make_server_certificate
from conformance.mock.platform import LocalPlatform, service_module
from conformance.model.errors import UsageError
from conformance.model.exchange import Request, Response, TransportFailure
from conformance.model.fault import read_fault
from conformance.traffic.transport import Transport
from tests.campaigns import run_campaign
from tests.networks import free_port

SERVICE = "status-dashboard"
SPEC = load_spec(SERVICE)
BOARDS = ("/dashboard", "/dashboard/int", "/dashboard/acc")


@pytest.fixture(scope="module")
def platform() -> Iterator[LocalPlatform]:
    """Serve the local platform over HTTP."""
    with LocalPlatform((SPEC,)) as running:
        yield running


def _send(url: str, method: str = "GET", ca_file: Path | None = None) -> Response | TransportFailure:
    transport = Transport(5.0, ca_file)
    try:
        return transport.send(Request(method, url, (("Accept", "application/json"),)))
    finally:
        transport.close()


def _answer(url: str, method: str = "GET", ca_file: Path | None = None) -> Response:
    outcome = _send(url, method, ca_file)
    assert isinstance(outcome, Response), outcome
    return outcome


def _base(platform: LocalPlatform) -> str:
    return str(platform.settings(SERVICE)["base_url"])


@pytest.mark.parametrize("path", BOARDS)
def test_each_dashboard_is_served_as_described(platform: LocalPlatform, path: str) -> None:
    """All three environments have a dashboard that fulfils the contract's schema."""
    response = _answer(_base(platform) + path)
    assert (response.status, response.header("Content-Type")) == (200, "application/json")
    document = json.loads(response.body)
    jsonschema.Draft202012Validator(SPEC.contract.schemas["dashboard"]).validate(document)
    assert sum(len(group["items"]) for group in document["groups"]) > 5


def test_dashboards_of_the_environments_differ(platform: LocalPlatform) -> None:
    """Production, integration and acceptance are told apart by their data."""
    assert len({_answer(_base(platform) + path).body for path in BOARDS}) == 3


def test_last_update_is_a_few_minutes_old(platform: LocalPlatform) -> None:
    """The monitoring of the mock has run within the last five minutes, at a full five minutes."""
    document = json.loads(_answer(_base(platform) + "/dashboard").body)
    moments = {datetime.fromisoformat(item["last_updated"]) for group in document["groups"] for item in group["items"]}
    now = datetime.now(UTC)
    assert all(timedelta(0) <= now - moment < timedelta(minutes=6) for moment in moments)
    assert {(moment.minute % 5, moment.second) for moment in moments} == {(0, 0)}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_other_method_is_refused(platform: LocalPlatform, method: str) -> None:
    """The mock knows no method but those that read, and says which."""
    response = _answer(_base(platform) + "/dashboard", method)
    assert response.status == 405
    assert "GET" in (response.header("Allow") or "")
    assert isinstance(json.loads(response.body), dict)


@pytest.mark.parametrize(("service", "path"), [(SERVICE, "/dashboard"), ("incidents-interventions", "/incidents")])
@pytest.mark.parametrize(("check", "method"), [("refuses-post", "POST"), ("refuses-delete", "DELETE")])
def test_service_that_leaves_out_a_check_is_changed(service: str, path: str, check: str, method: str) -> None:
    """Without the check that refuses a method, it changes what is read, and the other methods are refused as before."""
    row = {"id": f"{service}/faults/own", "breaks": "it", "requirements": ["service/1/a"], "without": [check]}
    with LocalPlatform((load_spec(service),), fault=read_fault(row)) as careless:
        address = f"{careless.settings(service)['base_url']}{path}"
        seen = [_read(address)]
        assert _answer(address, method).status == 200
        seen.append(_read(address))
        assert _answer(address, "PUT").status == 405
        seen.append(_read(address))
    assert seen[0] != seen[1] == seen[2]


def _read(address: str) -> list[Any]:
    """Return what a service lists, without the moments that go on by themselves."""
    [rows] = json.loads(_answer(address).body).values()
    return [{**row, "items": None} for row in rows]


def test_check_that_is_not_there_cannot_be_left_out() -> None:
    """A fault that names an unknown check is told."""
    row = {"id": f"{SERVICE}/faults/own", "breaks": "it", "requirements": ["service/1/a"], "without": ["refuses-put"]}
    with pytest.raises(LookupError, match="refuses-put"), LocalPlatform((SPEC,), fault=read_fault(row)):
        pass


@pytest.mark.parametrize("path", ["/dashboard/prod", "/dashboards", "", "/dashboard/int/x", "/../dashboard"])
def test_unknown_path_is_refused(platform: LocalPlatform, path: str) -> None:
    """What is not served gets 404 with a JSON text."""
    response = _answer(_base(platform) + path)
    assert response.status == 404
    assert isinstance(json.loads(response.body), dict)


def test_settings_tell_how_to_reach_a_service(platform: LocalPlatform) -> None:
    """What a target file needs to know of a service is its address and what it claims."""
    settings = platform.settings(SERVICE)
    assert settings["base_url"].startswith(platform.address)
    assert settings["dashboards"] == ["prod", "int", "acc"]
    jsonschema.Draft202012Validator(SPEC.description.target_schema).validate(settings)


def test_platform_listens_on_loopback_only(platform: LocalPlatform) -> None:
    """The address is one of this machine, on a port that was free."""
    host, _, port = platform.address.removeprefix("http://").partition(":")
    assert host == "127.0.0.1"
    assert int(port) > 0


def test_suite_passes_against_the_platform(tmp_path: Path) -> None:
    """Without an address a run is served by the embedded platform, and every case passes."""
    document = run_campaign(tmp_path, SERVICE, None, examples=3)
    verdicts = [case["verdict"] for case in document["cases"]]
    assert (document["run"]["exit_code"], set(verdicts)) == (0, {"pass"})
    assert (document["summary"]["warnings"], document["summary"]["observations"]) == (0, 0)


def test_platform_serves_over_tls_with_an_authority_of_its_own(tmp_path: Path) -> None:
    """Over TLS the dashboards are the same, for clients that trust the authority made at the start."""
    with LocalPlatform((SPEC,), tls=True) as secure:
        assert secure.certificate is not None
        assert _base(secure).startswith("https://127.0.0.1:")
        ca_file = tmp_path / "ca.pem"
        ca_file.write_bytes(secure.certificate.authority)
        for path in BOARDS:
            assert _answer(_base(secure) + path, ca_file=ca_file).status == 200
        by_name = _base(secure).replace("127.0.0.1", "localhost")
        assert _answer(f"{by_name}/dashboard", ca_file=ca_file).status == 200
        assert isinstance(_send(_base(secure) + "/dashboard"), TransportFailure)


def test_authorities_of_two_platforms_are_strangers() -> None:
    """Each start makes new keys, so that nothing of one run is trusted by another."""
    one, other = make_server_certificate(), make_server_certificate()
    assert len({one.authority, other.authority, one.key, other.key, one.certificate, other.certificate}) == 6


def test_key_on_disk_is_private(tmp_path: Path) -> None:
    """Where the key must be a file for a moment, nobody else can read it, and it fits the certificate."""
    certificate, key = make_server_certificate().write(tmp_path)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)


def test_port_that_is_asked_for_is_used() -> None:
    """The platform listens where it is told to."""
    port = free_port()
    with LocalPlatform((SPEC,), port) as chosen:
        assert chosen.address == f"http://127.0.0.1:{port}"
        assert _answer(_base(chosen) + "/dashboard").status == 200


def test_port_that_is_taken_is_an_error_of_usage() -> None:
    """A port on which somebody listens is refused with a remedy."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} cannot be used: .*--port 0"), LocalPlatform((SPEC,), port):
            pytest.fail("it was entered all the same")


def test_two_platforms_can_stand_side_by_side() -> None:
    """Each has a port of its own."""
    with LocalPlatform((SPEC,)) as one, LocalPlatform((SPEC,)) as other:
        assert one.address != other.address
        assert {_answer(_base(running) + "/dashboard").status for running in (one, other)} == {200}


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_platform_stops_at_once_with_connections_open(tls: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a table's column
    """Idle, half spoken and silent connections do not hold up the end, and nothing answers after it."""
    monkeypatch.setattr("conformance.mock.platform._STOP_SECONDS", 60.0)  # also for a busy machine
    platform = LocalPlatform((SPEC,), tls=tls)
    with platform:
        port = int(platform.address.rpartition(":")[2])
        connections = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(3)]
        connections[0].sendall(b"GET /api/v1/dashboard HTTP/1.1\r\nHost: localhost\r\n\r\n")
        if not tls:
            assert connections[0].recv(65536).startswith(b"HTTP/1.1 200")
        connections[1].sendall(b"GET /api/v1/dash")
    assert platform._thread is not None
    assert not platform._thread.is_alive()
    for connection in connections:
        connection.close()
    assert isinstance(_send(f"http://127.0.0.1:{port}/"), TransportFailure)
    platform.wait(5)


def test_waiting_for_a_platform_ends_with_its_time() -> None:
    """`wait` blocks for the seconds that are asked for while the platform serves, and not at all before."""
    platform = LocalPlatform((SPEC,))
    platform.wait(60)
    with platform:
        began = time.monotonic()
        platform.wait(0.1)
        assert 0.1 <= time.monotonic() - began < 60


def test_platform_that_was_never_entered_has_nothing_to_stop() -> None:
    """Leaving a platform that did not start is no mistake."""
    platform = LocalPlatform((SPEC,))
    platform.__exit__(None, None, None)
    assert platform.address == ""


def test_service_that_is_not_played_is_an_error_of_usage() -> None:
    """A service without a module is refused with a remedy."""
    with pytest.raises(UsageError, match="does not play 'no-such-service'; give it an address"):
        service_module("no-such-service")


def test_fault_inside_a_module_is_not_taken_for_a_missing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that cannot be imported because of another one says so."""

    def fail(name: str, *_: Any) -> NoReturn:  # noqa: ANN401 - as importlib has it
        raise ModuleNotFoundError(f"{name} needs it", name="another_module")

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(ModuleNotFoundError, match="needs it"):
        service_module(SERVICE)
