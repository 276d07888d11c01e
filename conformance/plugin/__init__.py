"""The pytest plugin: decides whether a session is about the suites, and only then loads what runs them.

Every pytest session of the environment imports it. It must load neither the engine nor what that stands on, and must
not change a session in which no suite is named, collected or asked for by a fixture.
"""

import os
from argparse import ArgumentTypeError
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from conformance.engine.run_options import (
    RUN_OPTIONS,
    TARGET,
    RunOption,
)
from conformance.plugin.recognition import (
    is_suites_folder,
    names_suites,
    without_values,
)

if TYPE_CHECKING:
    from conformance.client import OwnClients
    from conformance.engine.campaign import Campaign
    from conformance.engine.execution import Procedure
    from conformance.model.case import Case
    from conformance.plugin.suites import SuiteRun

__all__ = ["Verify", "case_of"]

MARKER = "service"
CLIENTS = "ehealth"
"""The fixture that gives a test of one's own its clients."""
TARGET_VARIABLE = "EHEALTH_TARGET"
OPTIONS_MODULE = "conformance.options"
_PLUGIN = "conformance_suites"

_RUN: "pytest.StashKey[SuiteRun]" = pytest.StashKey()
TAKEN: pytest.StashKey[tuple[str, ...]] = pytest.StashKey()
"""The options that the project around the suites has for itself."""


class Verify(Protocol):
    """What a suite's test calls: runs a case, played by a procedure where there is one, and ends with its verdict."""

    def __call__(self, case: "Case", procedure: "Procedure | None" = None) -> None:
        """Run the case and end the test."""


class CaseFailed(AssertionError):  # noqa: N818 - pytest shows the name to the user
    """The IUT breaks a requirement."""


class CaseInconclusive(Exception):  # noqa: N818 - pytest shows the name to the user
    """The case could not be decided."""


class CaseErred(Exception):  # noqa: N818 - pytest shows the name to the user
    """The harness itself erred."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the ini keys, which change nothing by themselves."""
    for option in RUN_OPTIONS:
        parser.addini(option.key, option.full_help, _ini_type(option), default=None)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, object, object]:
    """Add the options where an argument names the suites, after the project's own conftest files have added theirs."""
    known = early_config.known_args_namespace
    places = without_values(args, known.file_or_dir)
    named = _names_suites(early_config, places)
    if named:
        known.file_or_dir = places
    outcome = yield
    asked_for = early_config.pluginmanager.hasplugin(OPTIONS_MODULE)
    if named and not asked_for:
        early_config.stash[TAKEN] = add_options(parser)
    if named or asked_for:
        suite_run(early_config)
    return outcome


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> None:
    """Load what runs the suites when one of them is collected that no argument names."""
    if is_suites_folder(module_path.parent):
        suite_run(parent.config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a suite's test one parameter for each case of its service."""
    definition = metafunc.definition
    if is_suite_test(definition):
        (service,) = next(definition.iter_markers(MARKER)).args
        cases = suite_run(metafunc.config).cases_of(service)
        metafunc.parametrize("case", cases, ids=[case.id for case in cases])


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Load what runs the suites where a test of one's own needs it.

    It has to open its run folder before the first test: allure-pytest cannot be told in the midst of one.
    """
    config = session.config
    is_loaded = _RUN in config.stash
    needed = any(uses_clients(item) for item in session.items)
    if needed and not is_loaded and _has_target(config):
        suite_run(config).pytest_collection_finish(session)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # noqa: ANN401 - xdist's own class
    """Load what runs the suites in the main process of pytest-xdist, whose workers alone collect the tests.

    What is wrong with the target is told by the tests that need it.
    """
    config = node.config
    if _RUN not in config.stash and _has_target(config):
        suite_run(config).share_if_possible(node)


@pytest.fixture
def verify(request: pytest.FixtureRequest) -> Verify:
    """Return a function that runs a case and ends the test with its verdict."""
    return _needed(request).verifier(request.node)


@pytest.fixture(scope="session")
def campaign(request: pytest.FixtureRequest) -> "Campaign":
    """Return the session's campaign, for what a suite has to prepare or to restore."""
    return _needed(request).campaign_for_fixture()


@pytest.fixture(name=CLIENTS)
def ehealth(request: pytest.FixtureRequest) -> "Iterator[OwnClients]":
    """Give httpx clients for the services of the target; what they exchange is a case of the run of its own.

    `ehealth(SERVICE, token=ROLE)` is an httpx.Client (docs/own-tests.md).
    """
    run = _needed(request)
    with run.own_clients(request.node) as clients:
        yield clients


def uses_clients(item: pytest.Item) -> bool:
    """Tell whether a test of one's own asks for clients of the target's services."""
    return CLIENTS in getattr(item, "fixturenames", ())


def suite_run(config: pytest.Config) -> "SuiteRun":
    """Return what runs the suites in a session, loaded and registered at its first use."""
    if _RUN not in config.stash:
        from conformance.plugin.suites import SuiteRun  # noqa: PLC0415 - takes long to load

        config.stash[_RUN] = SuiteRun(config)
        config.pluginmanager.register(config.stash[_RUN], _PLUGIN)
    return config.stash[_RUN]


def add_options(parser: pytest.Parser) -> tuple[str, ...]:
    """Add the options of a run to pytest's, and return the names of those that somebody else has added before."""
    present = _option_names(parser)
    group = parser.getgroup("conformance", "eHealth conformance")
    ours = [option for option in RUN_OPTIONS if not option.pytests_own]
    for option in ours:
        if option.name not in present:
            group.addoption(option.name, dest=option.key, **_attributes(option))
    return tuple(option.name for option in ours if option.name in present)


def case_of(item: pytest.Item) -> "Case | None":
    """Return the case that a test runs, None for a test of something else."""
    from conformance.model.case import Case  # noqa: PLC0415 - light modules only

    callspec = getattr(item, "callspec", None)
    case = callspec.params.get("case") if callspec else None
    return case if isinstance(case, Case) else None


def is_suite_test(item: pytest.Item) -> bool:
    """Tell whether a test is one of a suite: it names its service, takes a case, and its module is a suite.

    A suite of one's own, outside the suites' folder, is known by its import of `Verify`.
    """
    takes_case = "case" in getattr(item, "fixturenames", ())
    if not takes_case or item.get_closest_marker(MARKER) is None:
        return False
    module = getattr(item, "module", None)
    return is_suites_folder(item.path.parent) or (
        getattr(module, "Verify", None) is Verify
    )


def _option_names(parser: pytest.Parser) -> set[str]:
    """Return the names of all options so far; adding one twice fails, by pytest's version here or at the end."""
    groups = [parser._anonymous, *parser._groups]  # noqa: SLF001 - pytest has no public way to ask
    return {
        name for group in groups for option in group.options for name in option.names()
    }


def _attributes(option: RunOption) -> dict[str, Any]:
    shared = {"help": option.full_help}
    if option.value_type is bool:
        return {"action": "store_true", "default": False, **shared}
    valued = {**shared, "type": _reader(option), "metavar": option.metavar}
    if option.choices:
        valued["choices"] = option.choices
    if option.repeatable:
        return {"action": "append", "default": [], **valued}
    return {"default": None, **valued}


def _reader(option: RunOption) -> Any:  # noqa: ANN401 - what argparse calls a type
    if option.value_type is not int:
        return str

    def whole_number(text: str) -> int:
        """Return a number that is not too small; argparse puts the function's name into a message."""
        try:
            number = int(text)
        except ValueError:
            raise ArgumentTypeError(f"expected a whole number, not {text!r}") from None
        if option.minimum is not None and number < option.minimum:
            raise ArgumentTypeError(f"expected {option.minimum} or more, not {text}")
        return number

    return whole_number


def _ini_type(option: RunOption) -> Any:  # noqa: ANN401 - one of pytest's literals
    if option.repeatable:
        return "linelist"
    return {bool: "bool", int: "int", str: "string"}[option.value_type]


def _names_suites(config: pytest.Config, places: list[str]) -> bool:
    namespace, directory = config.known_args_namespace, config.invocation_params.dir
    if not places and directory == config.rootpath:
        places = config.getini("testpaths")
    return names_suites(places, directory, pyargs=namespace.pyargs)


def _needed(request: pytest.FixtureRequest) -> "SuiteRun":
    """Return what runs the suites, for a fixture; end the test with one line where the session has no target."""
    config = request.config
    if _RUN in config.stash or _has_target(config):
        return suite_run(config)
    pytest.fail(
        f"the fixture {request.fixturename!r} needs a target: set the ini key {TARGET.key} or the variable "
        f"{TARGET_VARIABLE}, or name the suites, for example: pytest --pyargs conformance.suites",
        pytrace=False,
    )


def _has_target(config: pytest.Config) -> bool:
    return TARGET_VARIABLE in os.environ or config.getini(TARGET.key) is not None
