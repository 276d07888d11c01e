"""Runs the suites for a plan in a pytest session of their own, apart from any project around it.

Must not print: whoever wants to show progress listens to the run's events, and whoever wants to end it early hands
in a plugin.
"""

import gc
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from conformance.engine.events import Listener
from conformance.engine.plan import Plan
from conformance.engine.probes.search import make_private
from conformance.model.errors import (
    TRACEBACK_VARIABLE,
    NotKeptError,
    UsageError,
    defect_line,
)
from conformance.plugin.handover import DOCUMENT, PREPARED, PreparedRun
from conformance.reporting import allure
from conformance.state.folders import cache_folder
from conformance.traffic.interruption import interruptible


@dataclass(slots=True)
class Outcome:
    """What a session came to: the results document, None where it broke down before one, and what went wrong."""

    document: Mapping[str, Any] | None = None
    troubles: list[str] = field(default_factory=list)


def run_suites(
    plan: Plan,
    folder: Path,
    plugins: Sequence[object] = (),
    *,
    listeners: tuple[Listener, ...] = (),
    with_allure: bool = True,
) -> Outcome:
    """Run the suites of a plan's services into a run folder, and return what became of it.

    `listeners` are told of the run's events; `plugins` may end the session early. Raises NotKeptError where the results
    cannot be written.
    """
    suites = suites_root()
    files = [suite_file(suites, service.service) for service in plan.services]
    arguments = [
        *map(str, files),
        "-c",
        str(suites / "pytest.ini"),
        f"--rootdir={suites}",
    ]
    arguments += [
        "-p",
        "no:terminal",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:faulthandler",
        "-p",
        "conformance.plugin",
    ]
    arguments += [
        "-p",
        "no:unraisableexception",
        "-p",
        "no:threadexception",
    ]  # they collect garbage at length
    arguments += allure.plugin_arguments() if with_allure else []
    outcome = Outcome()
    prepared = PreparedRun(plan, folder, listeners)
    try:
        with _own_environment(), _settled(), interruptible():
            status: object = pytest.main(
                arguments, plugins=[_SuiteSession(prepared, outcome), *plugins]
            )
    except NotKeptError:
        raise
    except Exception as error:  # noqa: BLE001 - outputs are written in pytest's last hook, whose errors pass through
        outcome.document = None
        outcome.troubles.append(defect_line(error))
    else:
        if outcome.document is None and not outcome.troubles:
            outcome.troubles.append(f"pytest ended with {status!r}")
    return outcome


def suites_root() -> Path:
    """Return the folder of the suites: inside the installed package, else beside it in a clone."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "suites"
    return installed if installed.is_dir() else package.parent / "suites"


def suite_file(root: Path, service: str) -> Path:
    """Return the file with a service's suite.

    Raises UsageError where there is none.
    """
    path = root / f"test_{service.replace('-', '_')}.py"
    if not path.exists():
        raise UsageError(
            f"{path}: the service {service!r} has no suite; it takes a file of about 20 lines"
        )
    return path


@contextmanager
def _own_environment() -> Iterator[None]:
    """Keep the surrounding project's pytest variables and plugins out of the suites' session, and its folder clean."""
    with _hypothesis_folder() as folder:
        values = {
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "HYPOTHESIS_STORAGE_DIRECTORY": folder,
        }
        before = dict(os.environ)
        for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "ALLURE_TESTPLAN_PATH"):
            os.environ.pop(name, None)
        os.environ.update(values)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


@contextmanager
def _settled() -> Iterator[None]:
    """Keep the collector from going through what has been loaded, which stays, over and over."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def _hypothesis_folder() -> Iterator[str]:
    """Give the folder where Hypothesis keeps what takes it long to find out: the user's own cache, else one for now."""
    home = cache_folder()
    cache = home / "ehealth-conformance" / "hypothesis" if home is not None else None
    if cache is not None and _is_usable(cache):
        yield str(cache)
        return
    with tempfile.TemporaryDirectory(prefix="ehealth-conformance-") as folder:
        yield folder


def _is_usable(cache: Path) -> bool:
    try:
        make_private(cache)
        return os.access(cache, os.W_OK)
    except OSError:
        return False


def trouble_line(shown: object) -> str:
    """Return in one line what pytest shows of an error outside of a case; all of it where the user asks for details."""
    if os.environ.get(TRACEBACK_VARIABLE):
        return str(shown)
    crash = getattr(shown, "reprcrash", None)
    if crash is None:
        return " ".join(str(shown).split())
    words = " ".join(crash.message.split())
    return f"{words} ({Path(crash.path).name}, line {crash.lineno})"


class _SuiteSession:
    """Hands the plan into a pytest session, and takes the document and what went wrong outside of cases."""

    def __init__(self, prepared: PreparedRun, outcome: Outcome) -> None:
        self._prepared, self._outcome = prepared, outcome

    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[PREPARED] = self._prepared

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        judged = report.when == "call" and hasattr(report, "conformance")
        if report.failed and not judged:
            self._outcome.troubles.append(trouble_line(report.longrepr))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._outcome.troubles.append(trouble_line(report.longrepr))

    def pytest_internalerror(self, excrepr: object) -> bool:
        """Take what went wrong, in the place of pytest, which would print its traceback."""
        self._outcome.troubles.append(trouble_line(excrepr))
        return True

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        self._outcome.document = config.stash.get(DOCUMENT, None)
