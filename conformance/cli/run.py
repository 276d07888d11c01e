"""The command `run`: options, progress while cases run, and the summary.

Parsing and printing only: a pytest session of the suites does the work.
"""

from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from conformance.cli.console import (
    Part,
    print_aside,
    print_error,
    print_line,
    print_plain,
    verdict_part,
)
from conformance.cli.options import examples, run_options, services_argument
from conformance.cli.progress import Pace, ProgressDisplay, make_pace
from conformance.model.errors import DETAILS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conformance.engine.events import CaseEnded, Event
    from conformance.engine.plan import Plan

_ALARMING = ("fail", "inconclusive", "error")
"""Verdicts that are printed."""
_UNDECIDED = "inconclusive"
_UNJUDGED = ("not_run", "not_applicable")
"""Verdicts of cases between which others may still be one after the other."""


@click.command(
    epilog=examples(
        "ehealth-conformance run",
        "ehealth-conformance run status-dashboard --target status-sim",
        "ehealth-conformance run --target my-target.yaml --kind positive --out results",
        "ehealth-conformance run --case status-dashboard/7.2/dashboard",
        "ehealth-conformance run --case 'therapeutic-exclusion/8.1.3/*' --exclude 5.6 --max-failures 3",
        "ehealth-conformance run --failed latest --junitxml junit.xml --run-dir evidence",
    )
)
@services_argument
@run_options
@click.pass_context
def run(ctx: click.Context, /, **settings: Any) -> None:  # noqa: ANN401 - what click has parsed
    """Run the suites against a target and write results and a report.

    Without SERVICE all services of the target are tested; without --target the embedded local platform.
    Results, report and every exchange go into a new run folder.

    Exit code: 0 conformant, 1 failed, 2 wrong input, 3 inconclusive, 4 harness error, 130 interrupted.
    """
    from conformance.engine.run_settings import RunSettings, new_folder, plan_of  # noqa: PLC0415 - help does without

    asked = RunSettings(**settings)
    plan = plan_of(asked)
    if plan.nothing_left:
        print_plain(
            f"no case failed, erred or stayed inconclusive in the run {plan.options['failed']}: nothing is run"
        )
        return
    ctx.exit(check_and_run(plan, lambda: new_folder(asked)))


def check_and_run(plan: "Plan", new_folder: "Callable[[], Path]") -> int:
    """Check a plan, run it into a new folder with progress and summary, and return the exit code."""
    from conformance.cli.summary import print_head, print_summary  # noqa: PLC0415 - help and completion do without
    from conformance.model.result import EXIT_ERROR  # noqa: PLC0415 - the same
    from conformance.plugin.session import run_suites  # noqa: PLC0415 - loads pytest and the engine
    from conformance.review.after_run import remarks_after_run  # noqa: PLC0415 - loads key stores and traffic
    from conformance.review.amount import planned_amount  # noqa: PLC0415 - the same
    from conformance.review.before_run import check_before_run  # noqa: PLC0415 - loads key stores and traffic

    notes = check_before_run(plan)
    amount = planned_amount(plan)
    folder = new_folder()
    print_head(plan, folder)
    print_line(f"to send: {amount.words}")
    for note in notes:
        print_line(f"note: {note}")
    display = _RunDisplay(make_pace(amount.requests, amount.rate))
    try:
        outcome = run_suites(plan, folder, listeners=(display,))
    finally:
        display.stop()
    for first, *details in map(str.splitlines, filter(None, outcome.troubles)):
        print_error(first)
        print_aside("\n".join(details))
    if outcome.document is None:
        print_error(
            f"the harness itself failed; {folder} holds what was exchanged; "
            f"please report it; {DETAILS}"
        )
        return EXIT_ERROR
    return print_summary(
        outcome.document, folder, remarks_after_run(plan, outcome.document)
    )


class _RunDisplay:
    """A listener to a run's events that shows its progress, and the cases that did not pass.

    Those that are inconclusive one after the other for the same reason are one line.
    """

    def __init__(self, pace: Pace) -> None:
        self._progress = ProgressDisplay("cases")
        self._pace = pace
        self._began = monotonic()
        self._undecided: list[CaseEnded] = []

    def __call__(self, event: "Event") -> None:
        """Show an event."""
        from conformance.engine import events  # noqa: PLC0415 - help and completion do without

        match event:
            case events.RunStarted():
                self._progress.start(event.cases)
            case events.CaseStarted():
                self._progress.describe(event.case)
            case events.ExchangeCompleted():
                self._pace.exchange()
                self._expect()
            case events.CaseEnded():
                self._pace.end(event.case)
                self._expect()
                self._progress.advance()
                self._show_end(event)
            case events.RunEnded():
                self.stop()

    def stop(self) -> None:
        """Print what is left, and remove the bar."""
        self._show_undecided()
        self._progress.stop()

    def _expect(self) -> None:
        self._progress.expect(self._pace.left(monotonic() - self._began))

    def _show_end(self, event: "CaseEnded") -> None:
        """Show that a case has ended; an inconclusive one waits for those that are alike."""
        if event.verdict == _UNDECIDED:
            if self._undecided and self._undecided[0].reason != event.reason:
                self._show_undecided()
            self._undecided.append(event)
            self._progress.report()
        elif event.verdict in _UNJUDGED:
            self._progress.report()
        else:
            self._show_undecided()
            self._progress.report(*_alarm(event))

    def _show_undecided(self) -> None:
        if self._undecided:
            self._progress.report(*_alarm(*self._undecided))
            self._undecided.clear()


def _alarm(event: "CaseEnded", *others: "CaseEnded") -> tuple[Part, ...]:
    """Return the line on a case, and on others that ended alike; nothing where there is nothing to act on."""
    if event.verdict not in _ALARMING:
        return ()
    verdict = verdict_part(event.verdict, width=12)
    if not others:
        return (verdict, f" {event.case}")
    return (verdict, f" {event.case} and {len(others)} more: {event.reason}")
