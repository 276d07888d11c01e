"""What `mock --write-target` writes holds as long as the mock, and a file whose mock has ended says so in one line."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from conformance.contracts.loading import load_spec
from conformance.mock.platform import LocalPlatform
from conformance.model.errors import TargetError
from conformance.review.mock_alive import demand_mock
from conformance.target.reading import choose_services, load_target
from conformance.target.writing import WrittenBy, write_target, writer_of, written_target
from tests.campaigns import told
from tests.peers import status_dashboard

SERVICE = "status-dashboard"
DASHBOARD = f"{SERVICE}/7.2/dashboard"
LONG = timedelta(days=300)
"""No local platform runs so long."""


@contextmanager
def mock(folder: Path, *services: str, port: int = 0) -> Iterator[tuple[Path, LocalPlatform]]:
    """Serve the local platform as `mock` does, with the target file that it writes."""
    with LocalPlatform(tuple(map(load_spec, services)), port) as platform:
        settings = {service: platform.settings(service) for service in services}
        file = folder / "target.yaml"
        writer = WrittenBy(platform.whereabouts, platform.name)
        write_target(file, written_target("mock", settings, None, writer))
        yield file, platform


def demand(file: Path, *services: str) -> None:
    """Ask as `run` does whether the mock of a target file still runs."""
    target = load_target(str(file))
    demand_mock(target, choose_services(target, services))


def ended(file: Path, folder: Path) -> bool:
    """Tell whether a run against a target file stops at once with the one line on its mock."""
    done = told("run", SERVICE, "--case", DASHBOARD, "--target", file, cwd=folder)
    if done.returncode == 0:
        return False
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    return "the mock that wrote this file has ended: start it again" in line


# ---------------------------------------------------------------------------------------------------- how long it holds


def test_lent_credentials_hold_as_long_as_the_mock(tmp_path: Path) -> None:
    """Tokens and assertions outlive any mock; the one that is to have expired has."""
    now = datetime.now(UTC)
    with mock(tmp_path, "therapeutic-exclusion", "dossier-number-generation") as (file, _):
        services = yaml.safe_load(file.read_text("utf-8"))["services"]
        for role, token in services["therapeutic-exclusion"]["tokens"].items():
            part = token.split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
            left = datetime.fromtimestamp(claims["exp"], UTC) - now
            assert left < timedelta(0) if role == "expired" else left > LONG, role
        for caller in services["dossier-number-generation"]["callers"].values():
            if "assertion" in caller:
                text = Path(caller["assertion"]).read_text("utf-8")
                end = datetime.fromisoformat(text.partition('NotOnOrAfter="')[2].partition('"')[0])
                assert end - now > LONG


# ---------------------------------------------------------------------------------------------------- when it has ended


def test_mock_that_runs_is_let_be_tested(tmp_path: Path) -> None:
    """A file whose mock answers by its name is used."""
    with mock(tmp_path, SERVICE) as (file, _):
        assert not ended(file, tmp_path)


def test_mock_that_has_ended_is_told(tmp_path: Path) -> None:
    """Nobody answers at its address, and no key store is needed to see it."""
    with mock(tmp_path, SERVICE) as (file, _):
        pass
    assert ended(file, tmp_path)


def test_address_that_is_somebody_elses_now_is_told(tmp_path: Path) -> None:
    """What answers there does not know the mock's name, and is not tested in its place."""
    with mock(tmp_path, SERVICE) as (file, platform):
        pass
    with status_dashboard.serve("plain") as address:
        text = file.read_text("utf-8").replace(platform.address, address.partition("/api")[0])
        write_target(file, text)
        assert ended(file, tmp_path)


def test_address_that_is_another_mocks_now_is_told(tmp_path: Path) -> None:
    """Another mock does not take what the first one lent."""
    with mock(tmp_path, SERVICE) as (file, platform):
        port = int(platform.address.rpartition(":")[2])
        stale = file.read_text("utf-8")
    with mock(tmp_path, SERVICE, port=port) as (again, _):
        assert not ended(again, tmp_path)
        write_target(file, stale)
        assert ended(file, tmp_path)


def test_service_of_ones_own_does_not_need_the_mock(tmp_path: Path) -> None:
    """A service that the user has put at another address is tested whether the mock runs or not."""
    with mock(tmp_path, SERVICE) as (file, platform):
        own = yaml.safe_load(file.read_text("utf-8"))["services"][SERVICE]["base_url"]
    with status_dashboard.serve("plain") as address:
        write_target(file, file.read_text("utf-8").replace(own, address))
        assert writer_of(file) == WrittenBy(platform.whereabouts, platform.name)
        assert not ended(file, tmp_path)


@pytest.mark.parametrize(
    "url", ["https://example.org/local/name", "http://127.0.0.1:1@example.org/", "ftp://127.0.0.1/"]
)
def test_nobody_elsewhere_is_asked(tmp_path: Path, url: str) -> None:
    """A file from elsewhere cannot have a stranger asked for the name of a mock."""
    with mock(tmp_path, SERVICE) as (file, platform):
        write_target(file, file.read_text("utf-8").replace(platform.whereabouts, url))
        assert writer_of(file) is None
        demand(file)


def test_send_says_it_too(tmp_path: Path) -> None:
    """One request of one's own stops in the same way."""
    with mock(tmp_path, SERVICE) as (file, _):
        pass
    done = told("send", SERVICE, "getDashboard", "--set", "dashboard=prod", "--target", file, cwd=tmp_path)
    assert done.returncode == 2
    assert "the mock that wrote this file has ended" in done.stderr
    with pytest.raises(TargetError):
        demand(file, SERVICE)
