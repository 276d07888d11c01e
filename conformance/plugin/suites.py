"""Runs the suites in a pytest session: selection, cases, workers, outputs and exit status.

Registered by `conformance.plugin` in sessions that concern the suites. Must not judge.
"""

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from conformance.engine.campaign import Campaign
from conformance.engine.execution import Procedure
from conformance.engine.own import own_case_of
from conformance.engine.plan import Plan
from conformance.evidence.reproduction import told_lines
from conformance.evidence.results_document import (
    case_record,
    from_portable,
    is_confidential,
    portable,
)
from conformance.model.case import Case
from conformance.model.errors import (
    TRACEBACK_VARIABLE,
    NotKeptError,
    UsageError,
    defect_line,
    not_kept,
)
from conformance.model.result import EXIT_CONFORMANT, CaseResult
from conformance.model.wording import printable
from conformance.plugin import (
    MARKER,
    Verify,
    case_of,
    is_suite_test,
    uses_clients,
)
from conformance.plugin.announcements import header_lines, options_taken
from conformance.plugin.campaigns import Ending, discard, end_campaign, share
from conformance.plugin.handover import DOCUMENT
from conformance.plugin.opening import PROBLEMS, SHARED, Opening
from conformance.plugin.outcome import end_test, exit_reason, redact_report
from conformance.plugin.recognition import is_suites_folder
from conformance.reporting import allure
from conformance.traffic.interruption import interruptible

if TYPE_CHECKING:
    from conformance.client import OwnClients

_RESULT = pytest.StashKey[CaseResult]()
_OWN_RESULTS = pytest.StashKey[list[CaseResult]]()
_UNTOLD = "conformance_notes"
"""The key under which the main process finds what a worker could not write down."""
_CRASHED = "???"
"""What pytest-xdist calls the phase of a test whose worker crashed."""


class SuiteRun:
    """The suites' part of one session, or of one worker of it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._opening = Opening(config)
        self._selected: set[str] = set()
        self._results: dict[str, CaseResult] = {}
        self._problems: list[str] = []
        self._troubles: list[str] = []
        self._unreported: list[dict[str, Any]] = []
        self._erred = self._interrupted = self._collection_failed = False

    def pytest_configure(self, config: pytest.Config) -> None:
        """Register the marker by which a suite names its service."""
        config.addinivalue_line(
            "markers", f"{MARKER}(id): the service that a suite module tests"
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Read the settings before anything else, so that mistakes in them are the only thing that pytest prints."""
        with self._as_usage_error():
            self._opening.planned()

    def pytest_report_header(self) -> list[str]:
        """Say which options belong to the project around the suites, and whose identity was never filled in."""
        return header_lines(self._config, self._opening.planned().plan.target)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Deselect the cases that the options do not select, and suites without cases in this target."""
        dropped = [
            item for item in items if is_suite_test(item) and not self._takes(item)
        ]
        if dropped:
            items[:] = [item for item in items if item not in set(dropped)]
            self._config.hook.pytest_deselected(items=dropped)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Open the campaign once it is known which cases pytest selected, and whether own tests need it."""
        cases = [case_of(item) for item in session.items]
        self._selected |= {case.id for case in cases if case is not None}
        if self._config.option.collectonly:
            return
        if self._selected or self._opening.handed_in:
            with self._as_usage_error():
                self._opening.campaign(self._selected)
        elif any(uses_clients(item) for item in session.items):
            with suppress(UsageError):  # the tests that need it say so
                self._opening.campaign()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:  # noqa: ANN401 - xdist's own class
        """Hand the campaign's folder and addresses to a worker of pytest-xdist."""
        if self._problems:
            node.workerinput[PROBLEMS] = self._problems
            return
        with self._as_usage_error():
            campaign = self._opening.campaign()
        shared = share(campaign, node.workerinput["workerid"])
        node.workerinput[SHARED] = shared.as_data()

    def share_if_possible(self, node: Any) -> None:  # noqa: ANN401 - xdist's own class
        """Hand the campaign to a worker, or else why there is none, which its tests may never need to know."""
        try:
            self._opening.campaign()
        except UsageError as error:
            self._problems = list(error.problems)
        self.pytest_configure_node(node)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Learn from a worker which cases pytest selected."""
        names = {case_name(name) for name in ids}
        self._selected |= names & self._opening.cases().keys()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:  # noqa: ANN401 - xdist's own class
        """Take over the notes that a worker could not write into the run folder."""
        told = getattr(node, "workeroutput", {}).get(_UNTOLD, ())
        if self._opening.opened is not None:
            for note in told:
                self._opening.opened[0].note(note)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Turn SIGINT, SIGTERM and SIGHUP into a flag that is checked between requests."""
        if self._opening.opened is None and not self._opening.in_worker:
            return (yield)
        with interruptible() as requested:
            try:
                return (yield)
            finally:
                self._interrupted = requested.is_set()

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Attach the case and its result to the report, which reaches the main process from any worker.

        Last of the wrappers, so that nobody else sees the credentials that a test of one's own may show.
        """
        report: Any = yield
        if uses_clients(item) and self._opening.opened is not None:
            redact_report(report, self._opening.opened[0].redacted)
        case = case_of(item)
        if case is not None:
            report.conformance_case = case.id
        if report.when == "call" and _RESULT in item.stash:
            report.conformance = portable(item.stash[_RESULT])
        if report.when == "teardown" and _OWN_RESULTS in item.stash:
            report.conformance_own = [
                portable(result) for result in item.stash[_OWN_RESULTS]
            ]
            self._unreported.clear()
        return report

    def pytest_runtest_logreport(self, report: Any) -> None:  # noqa: ANN401 - carries our attributes
        """Collect a case's result; what breaks around a case is an error of the harness."""
        for own in getattr(report, "conformance_own", ()):
            self._results[own["id"]] = from_portable(own, own_case_of(own))
        record = getattr(report, "conformance", None)
        if record is not None:
            case = self._opening.cases()[record["id"]]
            self._results[case.id] = from_portable(record, case)
        elif report.failed and self._is_about_case(report):
            self._erred = True

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, Any, Any]:
        """Mark the report on a suite's module: from its node id, which is relative, the folder cannot be told."""
        report: Any = yield
        report.conformance_suite = is_suites_folder(collector.path.parent)
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take a suite that cannot be collected for an error of the harness, but not a test of somebody else."""
        if report.failed:
            self._collection_failed = True
            self._erred |= getattr(report, "conformance_suite", False)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the run's outputs, and make pytest's exit status follow the verdicts."""
        nobody = exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED
        if nobody and self._nothing_left():
            session.exitstatus = pytest.ExitCode.OK
        if self._opening.opened is None:
            return
        campaign, _ = self._opening.opened
        campaign.close()
        if self._opening.in_worker:
            workeroutput: dict[str, Any] = self._config.workeroutput  # type: ignore[attr-defined]
            workeroutput[_UNTOLD] = campaign.workers.untold
            campaign.workers.hand_over(self._unreported)
            return
        for own in campaign.workers.handed_over():
            self._results.setdefault(own["id"], from_portable(own, own_case_of(own)))
        if self._selected or self._results or self._opening.handed_in:
            self._write_or_tell(campaign, session, exitstatus)
        else:
            discard(campaign)

    def pytest_terminal_summary(self, terminalreporter: Any, exitstatus: int) -> None:  # noqa: ANN401 - a private class
        """Say where the report is, and why the run does not end with 0."""
        lines = [*options_taken(self._config), *self._troubles]
        document = self._config.stash.get(DOCUMENT, None)
        if document is not None and self._opening.opened is not None:
            report = self._opening.opened[0].folder / "report.html"
            lines += [f"report: {report}"] if report.exists() else []
            lines += filter(None, [exit_reason(document)])
        elif self._nothing_left():
            lines.append(
                "no case failed, erred or stayed inconclusive in the run named: nothing is run"
            )
        elif exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            lines.append("no case of the suites was selected, so that none was run")
        if lines:
            terminalreporter.write_sep("-", "conformance")
        for line in lines:
            terminalreporter.write_line(line)

    def verifier(self, item: pytest.Item) -> Verify:
        """Return the function that runs cases for a test."""
        campaign = self.campaign_for_fixture()

        def run(case: Case, procedure: Procedure | None = None) -> None:
            __tracebackhide__ = True
            result = campaign.run(case, procedure)
            item.stash[_RESULT] = result
            lines = self._describe(item, case, result)
            confidential = _is_confidential(result, campaign.plan)
            end_test(result, confidential=confidential, reproducing=lines)

        return run

    @contextmanager
    def own_clients(self, item: pytest.Item) -> Iterator["OwnClients"]:
        """Give a test of one's own its clients, and keep what they exchanged for the run's results."""
        from conformance.client import OwnClients  # noqa: PLC0415 - httpx loads long

        campaign = self.campaign_for_fixture()
        clients = OwnClients(campaign, item.nodeid, title=_title(item))
        try:
            yield clients
        finally:
            results = clients.finish()
            item.stash[_OWN_RESULTS] = results
            if self._opening.in_worker:
                self._unreported += map(portable, results)
            else:  # an interrupted test has no report
                self._results |= {result.case.id: result for result in results}

    def campaign_for_fixture(self) -> Campaign:
        """Return the campaign; end the test, one line a mistake, where the settings do not allow one."""
        try:
            return self._opening.campaign()
        except UsageError as error:
            problems = error.problems
        pytest.fail("\n".join(problems), pytrace=False)

    def cases_of(self, service: str) -> list[Case]:
        """Return the planned cases of a service, for a suite that is being collected."""
        try:
            cases = self._opening.cases().values()
        except UsageError as error:
            raise pytest.Collector.CollectError("\n".join(error.problems)) from error
        return [case for case in cases if case.service == service]

    @contextmanager
    def _as_usage_error(self) -> Iterator[None]:
        """Turn errors into pytest's usage errors: it prints one line for each mistake and ends with its exit code 4.

        What the command line has handed in tells it by itself what nobody foresaw.
        """
        try:
            yield
        except UsageError as error:
            raise pytest.UsageError(*map(printable, error.problems)) from error
        except Exception as error:
            if self._opening.handed_in or os.environ.get(TRACEBACK_VARIABLE):
                raise
            raise pytest.UsageError(printable(defect_line(error))) from error

    def _write_or_tell(
        self, campaign: Campaign, session: pytest.Session, exitstatus: int
    ) -> None:
        """Write the run's outputs; what breaks there is told in the terminal's summary, and is pytest's exit code 3."""
        try:
            self._write(campaign, session, exitstatus)
        except Exception as error:
            if self._opening.handed_in or os.environ.get(TRACEBACK_VARIABLE):
                raise
            foreseen = isinstance(error, NotKeptError)
            what = str(error) if foreseen else defect_line(error)
            told = [what, *getattr(error, "__notes__", ())]
            self._troubles = list(map(printable, told))
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR

    def _write(
        self, campaign: Campaign, session: pytest.Session, exitstatus: int
    ) -> None:
        ending = self._ending(exitstatus)
        carried_out = (
            self._opening.planned().plan
            if ending.erred
            else self._opening.carried_out(self._selected | self._results.keys())
        )
        document = end_campaign(campaign, carried_out, ending)
        self._config.stash[DOCUMENT] = document
        try:
            allure.write_context(self._config, campaign.folder, document)
        except OSError as error:
            raise not_kept(campaign.folder / allure.FOLDER, error) from error
        conformant = document["run"]["exit_code"] == EXIT_CONFORMANT
        if not conformant and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _ending(self, exitstatus: int) -> Ending:
        erred = self._erred or exitstatus == pytest.ExitCode.INTERNAL_ERROR
        # pytest calls a session interrupted too when a module cannot be collected.
        at_collection = self._erred or self._collection_failed
        stopped = exitstatus == pytest.ExitCode.INTERRUPTED and not at_collection
        return Ending(self._results, self._interrupted or stopped, erred)

    def _describe(self, item: pytest.Item, case: Case, result: CaseResult) -> list[str]:
        """Tell Allure and pytest's own junit.xml about a case, and return the lines that reproduce its failure."""
        if self._opening.opened is None:
            return []
        campaign, reader = self._opening.opened
        shown = result.counterexample.exchanges if result.counterexample else ()
        read = reader.read(list(dict.fromkeys([*result.deciding, *shown])))
        records = {record["id"]: record for record in read}
        lines = told_lines(result, campaign.description, records)
        deciding = [records[name] for name in result.deciding if name in records]
        contract = campaign.contract(case.service)
        allure.describe(case, result, contract, deciding, lines)
        for requirement in case.requirements:
            item.user_properties.append(("requirement", requirement))
        return lines

    def _nothing_left(self) -> bool:
        """Tell whether the run whose failed cases are to be repeated has none."""
        try:
            return self._opening.planned().plan.nothing_left
        except UsageError:
            return False

    def _takes(self, item: pytest.Item) -> bool:
        case = case_of(item)
        return case is not None and self._opening.planned().plan.selection.takes(case)

    def _is_about_case(self, report: Any) -> bool:  # noqa: ANN401 - carries our attribute
        """Tell whether a report is of a case's test; xdist's report of a worker that crashed has a name only."""
        if hasattr(report, "conformance_case"):
            return True
        return report.when == _CRASHED and case_name(report.nodeid) in (
            self._opening.cases()
        )


def case_name(nodeid: str) -> str:
    """Return the id of the case in a test's node id, "" where there is no parameter."""
    return nodeid.partition("[")[2].removesuffix("]")


def _title(item: pytest.Item) -> str:
    """Return what a test of one's own says of itself: the first line of its docstring, else its name."""
    text = getattr(getattr(item, "obj", None), "__doc__", None) or item.name
    return str(text).strip().splitlines()[0]


def _is_confidential(result: CaseResult, plan: Plan) -> bool:
    run_record = {
        "target": {"environment": plan.target.environment},
        "security_disclosed": plan.disclose,
    }
    return is_confidential(case_record(result), run_record)
