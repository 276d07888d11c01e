"""The pytest plugin: collects the cases of the suites, runs them, and writes a run folder.

The command `run` is a pytest session with this plugin; plain `pytest suites/ --target FILE` gives
the same verdicts. Parsing and printing only: all work is done by `conformance.campaign`.
"""

from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, Protocol

import pytest

from conformance.engine.campaign import Campaign, open_campaign
from conformance.engine.embedded import EmbeddedServices, start_embedded
from conformance.engine.execution import Procedure
from conformance.engine.known import load_known
from conformance.engine.plan import Plan, Selection, make_plan, usual_counterexamples
from conformance.evidence.reading import ExchangeReader
from conformance.evidence.results_document import (
    case_record,
    from_portable,
    is_confidential,
    portable,
)
from conformance.evidence.run_folder import make_folder
from conformance.model.case import SUITE_KINDS, Case, CaseKind
from conformance.model.errors import UsageError
from conformance.model.result import EXIT_CONFORMANT, WITHHELD, CaseResult
from conformance.model.verdict import Verdict
from conformance.reporting import allure
from conformance.reporting.outputs import write_outputs
from conformance.review.before_run import check_before_run
from conformance.target.policy import BUILT_IN, LOCAL
from conformance.target.reading import choose_services, load_target
from conformance.traffic.interruption import interruptible

MARKER = "service"
DEFAULT_FOLDER = "reports"


class Verify(Protocol):
    """What a suite's test calls: runs a case, played by a procedure where there is one, and ends with its verdict."""

    def __call__(self, case: Case, procedure: Procedure | None = None) -> None:
        """Run the case and end the test."""


_CAMPAIGN = pytest.StashKey[Campaign]()
_SHARED = "conformance"
"""The key under which a worker finds what it shares with the main process."""
_READER = pytest.StashKey[ExchangeReader]()
_RESULT = pytest.StashKey[CaseResult]()
PLAN = pytest.StashKey[tuple[Plan, Path]]()
"""Set by the command line, which has parsed the options itself: the plan and the run folder."""
DOCUMENT = pytest.StashKey[Any]()
"""The results document, once the session has finished."""


class CaseFailed(AssertionError):  # noqa: N818 - pytest shows the name to the user
    """The IUT breaks a requirement."""


class CaseInconclusive(Exception):  # noqa: N818 - pytest shows the name to the user
    """The case could not be decided."""


class CaseErred(Exception):  # noqa: N818 - pytest shows the name to the user
    """The harness itself erred."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of `run` to pytest."""
    group = parser.getgroup("conformance", "eHealth conformance")
    built_in = ", ".join(BUILT_IN)
    group.addoption(
        "--target",
        default=None,
        help=f"target file, or one of {built_in} (default: local)",
    )
    group.addoption(
        "--service",
        action="append",
        default=[],
        help="test this service only (repeatable)",
    )
    group.addoption(
        "--out",
        default=DEFAULT_FOLDER,
        help="where run folders are made (default: reports)",
    )
    group.addoption(
        "--seed", type=int, default=None, help="seed of all random choices (default: 1)"
    )
    group.addoption(
        "--examples", type=int, default=None, help="examples a property draws"
    )
    group.addoption(
        "--kind",
        action="append",
        default=[],
        choices=[kind.value for kind in SUITE_KINDS],
        help="kind of case",
    )
    group.addoption(
        "--requirement",
        action="append",
        default=[],
        help="run the cases of this requirement (repeatable)",
    )
    group.addoption(
        "--case", action="append", default=[], help="run this case (repeatable)"
    )
    group.addoption("--known", default=None, help="file of known failures")
    group.addoption(
        "--no-counterexamples",
        action="store_true",
        help="neither try the counterexamples of earlier runs first nor keep new ones",
    )
    group.addoption(
        "--disclose-security",
        action="store_true",
        help="tell security findings of services elsewhere on the terminal and in junit.xml too",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker by which a suite names its service."""
    config.addinivalue_line(
        "markers", f"{MARKER}(id): the service that a suite module tests"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a suite's test one parameter a case of its service."""
    marker = metafunc.definition.get_closest_marker(MARKER)
    if marker is None or "case" not in metafunc.fixturenames:
        return
    campaign = _campaign(metafunc.config)
    cases = [case for case in campaign.plan.cases if case.service == marker.args[0]]
    metafunc.parametrize("case", cases, ids=[case.id for case in cases])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Deselect the cases that the options do not select, and suites without cases in this target."""
    if _CAMPAIGN not in config.stash:
        return
    selection = config.stash[_CAMPAIGN].plan.selection
    dropped = [
        item
        for item in items
        if item.get_closest_marker(MARKER) and not _selected(item, selection)
    ]
    if dropped:
        items[:] = [item for item in items if item not in set(dropped)]
        config.hook.pytest_deselected(items=dropped)


@pytest.fixture
def verify(request: pytest.FixtureRequest) -> Verify:
    """Return a function that runs a case and ends the test with its verdict."""
    item = request.node

    def run(case: Case, procedure: Procedure | None = None) -> None:
        __tracebackhide__ = True
        campaign = _campaign(request.config)
        result = campaign.run(case, procedure)
        item.stash[_RESULT] = result
        allure.describe(
            case, result, campaign.contract(case.service), request.config.stash[_READER]
        )
        for requirement in case.requirements:
            item.user_properties.append(("requirement", requirement))
        target = campaign.plan.target
        run_record = {
            "target": {"environment": target.environment},
            "security_disclosed": campaign.plan.disclose,
        }
        _end(result, confidential=is_confidential(case_record(result), run_record))

    return run


@pytest.fixture(scope="session")
def campaign(pytestconfig: pytest.Config) -> Campaign:
    """Return the session's campaign, for what a suite has to prepare or to restore."""
    return _campaign(pytestconfig)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Attach the case's result to the report, which reaches the main process from any worker."""
    report: Any = yield
    if report.when == "call" and _RESULT in item.stash:
        report.conformance = portable(item.stash[_RESULT])
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # noqa: ANN401 - xdist's own class
    """Hand the campaign's folder and addresses to a worker of pytest-xdist."""
    if _runs_suites(node.config):
        campaign = _campaign(node.config)
        worker = node.workerinput["workerid"]
        shared = {
            "folder": str(campaign.folder),
            "embedded": dict(campaign.embedded.settings),
            "worker": worker,
        }
        node.workerinput[_SHARED] = shared


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Remember what was deselected by whatever option, so that it is not taken for lost."""
    for item in items:
        case = case_of(item)
        if case is not None and _CAMPAIGN in item.config.stash:
            item.config.stash[_CAMPAIGN].tally.deselect(case.id)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Lose no Ctrl-C while cases run."""
    if _CAMPAIGN not in session.config.stash or hasattr(session.config, "workerinput"):
        return (yield)
    with interruptible() as requested:
        try:
            return (yield)
        finally:
            if requested.is_set():
                session.config.stash[_CAMPAIGN].tally.interrupt()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the run's outputs, and make pytest's exit status follow the verdicts."""
    config = session.config
    if _CAMPAIGN not in config.stash:
        return
    campaign = config.stash[_CAMPAIGN]
    campaign.close()
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    if exitstatus == pytest.ExitCode.INTERNAL_ERROR:
        campaign.tally.err()
    # pytest calls a session interrupted too when a suite cannot be collected.
    if exitstatus == pytest.ExitCode.INTERRUPTED and not campaign.tally.erred:
        campaign.tally.interrupt()
    document = write_outputs(campaign)
    config.stash[DOCUMENT] = document
    allure.write_context(config, campaign.folder, document)
    if (
        document["run"]["exit_code"] != EXIT_CONFORMANT
        and session.exitstatus == pytest.ExitCode.OK
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:  # noqa: ANN401 - a private class
    """Say where the report is."""
    if DOCUMENT in config.stash:
        folder = config.stash[_CAMPAIGN].folder
        terminalreporter.write_sep("-", "conformance")
        terminalreporter.write_line(f"report: {folder / 'report.html'}")


class _ResultCollector:
    """Collects the results that reports carry, and takes what broke outside of a case for what it is: an error."""

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._cases = {case.id: case for case in campaign.plan.cases}

    def pytest_runtest_logreport(self, report: Any) -> None:  # noqa: ANN401 - carries our attribute
        record = getattr(report, "conformance", None)
        if record is not None:
            case = self._cases[record["id"]]
            self._campaign.tally.add(from_portable(record, case))
        elif report.failed:
            self._campaign.tally.err()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._campaign.tally.err()


def _campaign(config: pytest.Config) -> Campaign:
    """Return the session's campaign, made and started at its first use; a worker joins the main process's one."""
    if _CAMPAIGN not in config.stash:
        shared = getattr(config, "workerinput", {}).get(_SHARED)
        if shared is None and hasattr(config, "workerinput"):
            raise pytest.UsageError(
                "with -n, say which suites run by --target, or give the suites' own folder"
            )
        plan, folder = (
            config.stash[PLAN]
            if PLAN in config.stash
            else _from_options(config, shared)
        )
        campaign = _open(plan, folder, shared)
        config.stash[_CAMPAIGN] = campaign
        config.stash[_READER] = ExchangeReader(folder)
        allure.configure(config, folder)
        config.pluginmanager.register(_ResultCollector(campaign))
    return config.stash[_CAMPAIGN]


def _open(plan: Plan, folder: Path, shared: Mapping[str, Any] | None) -> Campaign:
    """Return a campaign that begins now, or one that joins that of the main process."""
    if shared is not None:
        embedded = EmbeddedServices(shared["embedded"])
        return open_campaign(plan, folder, embedded, worker=shared["worker"])
    return open_campaign(plan, folder, start_embedded(plan.services, plan.fault))


def _runs_suites(config: pytest.Config) -> bool:
    """Tell, before anything is collected, whether this session is going to run suites."""
    if PLAN in config.stash or config.option.target is not None:
        return True
    return any(_is_suite(argument) for argument in config.args)


def _is_suite(argument: str) -> bool:
    if argument.startswith("conformance.suites"):
        return True
    path = Path(argument.partition("::")[0])
    files = sorted(path.glob("test_*.py")) if path.is_dir() else [path]
    return any(
        f"pytest.mark.{MARKER}(" in file.read_text(encoding="utf-8")
        for file in files
        if file.is_file()
    )


def _from_options(
    config: pytest.Config, shared: Mapping[str, Any] | None
) -> tuple[Plan, Path]:
    option = config.option
    try:
        target = load_target(option.target or LOCAL)
        selection = Selection(
            tuple(CaseKind(kind) for kind in option.kind),
            tuple(option.requirement),
            tuple(option.case),
        )
        known = load_known(Path(option.known)) if option.known else ()
        services = choose_services(target, tuple(option.service))
        plan = make_plan(
            target,
            services,
            selection,
            seed=option.seed,
            examples=option.examples,
            known=known,
            named=bool(option.service),
            disclose=option.disclose_security,
            counterexamples=None
            if option.no_counterexamples
            else usual_counterexamples(),
        )
        if shared is None:
            check_before_run(plan)
        return plan, Path(shared["folder"]) if shared else make_folder(
            Path(option.out), datetime.now(UTC)
        )
    except UsageError as error:
        raise pytest.UsageError("\n".join(error.problems)) from error


def _selected(item: pytest.Item, selection: Selection) -> bool:
    case = case_of(item)
    return case is not None and selection.takes(case)


def case_of(item: pytest.Item) -> Case | None:
    """Return the case that a test runs, None for a test of something else."""
    callspec = getattr(item, "callspec", None)
    case = callspec.params.get("case") if callspec else None
    return case if isinstance(case, Case) else None


def _end(result: CaseResult, *, confidential: bool) -> None:
    __tracebackhide__ = True
    if confidential and not (result.stale or result.known):
        raise CaseFailed(WITHHELD)
    if result.stale:
        raise CaseFailed(result.stale)
    if result.known:
        pytest.xfail(f"known failure: {result.known}")
    match result.verdict:
        case Verdict.PASS:
            return
        case Verdict.FAIL:
            raise CaseFailed(explain(result))
        case Verdict.INCONCLUSIVE:
            raise CaseInconclusive(result.reason)
        case Verdict.ERROR:
            raise CaseErred(result.reason)
        case _:
            _skip(f"{result.verdict}: {result.reason}")


def _skip(reason: str) -> NoReturn:
    pytest.skip(reason)


def explain(result: CaseResult) -> str:
    """Return a failed case's findings as text, one block each."""
    blocks = [
        f"{finding.severity}: {finding.requirement}\n  {finding.message}\n  at {finding.location}\n"
        f"  expected {finding.expected}\n  actual   {finding.actual}"
        for finding in result.findings
    ]
    return "\n".join([result.reason, *blocks])


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
