"""The command line: parses options, shows progress, prints summaries, sets exit codes.

Parsing and printing only.
"""

import csv
import io
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from conformance import __version__
from conformance.catalogue.listing import (
    TOPICS,
    all_faults,
    all_specs,
    explain,
    find_fault,
    rows,
)
from conformance.contracts.loading import describe, service_ids
from conformance.engine.known import load_known
from conformance.engine.plan import (
    DEFAULT_SEED,
    Plan,
    Selection,
    make_plan,
    usual_counterexamples,
)
from conformance.evidence.comparison import answer_line, differences, same_body
from conformance.evidence.recorded_run import Recorded, find_run
from conformance.evidence.results_document import is_confidential
from conformance.evidence.run_folder import make_folder
from conformance.evidence.store import Record
from conformance.formats.schemas import specs_root, suggestion
from conformance.model.case import SUITE_KINDS, CaseKind
from conformance.model.errors import ConformanceError, UsageError
from conformance.model.result import (
    EXIT_CONFORMANT,
    EXIT_ERROR,
    EXIT_FAILED,
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    NOT_SELECTED,
    WITHHELD,
)
from conformance.plugin import DEFAULT_FOLDER
from conformance.plugin.session import run_suites
from conformance.replay.performing import perform
from conformance.replay.planning import (
    Replay,
    plan_case,
    plan_counterexample,
    plan_exchange,
    target_of,
)
from conformance.reporting.mutation_score import in_words
from conformance.review import (
    SEVERITIES,
    ReleaseStep,
    Remark,
    release_steps,
    review_network,
    review_offline,
)
from conformance.review.before_run import check_before_run
from conformance.selftest.mutants import GOOD, MutantResult, MutantStatus
from conformance.selftest.selftest import (
    EXAMPLES,
    Settings,
    examine_all,
    mutants_of,
    processors,
    selftest_document,
    write_document,
)
from conformance.target.policy import BUILT_IN, LOCAL
from conformance.target.reading import choose_services, load_target
from conformance.target.writing import target_text, write_target, written_target

if TYPE_CHECKING:
    from conformance.mock.platform import LocalPlatform

_MEANINGS = {
    0: "conformant",
    1: "not conformant: at least one case failed, or a known failure is over",
    3: "not decided: nothing failed, but a case is inconclusive or was not run",
    4: "the harness itself erred",
    130: "interrupted; what was done is on disk",
}
_MEANINGS_OF_ONE_ANSWER = {
    0: "the answer is one that the case wants",
    1: "the answer breaks a requirement",
    3: "not decided: the answer says nothing about the case",
}
_STYLES = {
    "pass": "green",
    "fail": "bold red",
    "error": "bold magenta",
    "inconclusive": "yellow",
}
_SEVERITY_STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}
_STATE_STYLES = {
    "open": "cyan",
    "late": "yellow",
    "kept": "green",
    "broken": "bold red",
}
_SHOWN_FINDINGS = 3
_SHOWN_DIFFERENCES = 20
_LONGEST_LINE = 1000

_WIDE = 140
"""Columns of an output that is no terminal: enough that no table loses words."""

_out = Console(
    highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDE
)
_err = Console(stderr=True, highlight=False, soft_wrap=True)


class _Group(click.Group):
    """A group that turns the harness's own errors into messages and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click has it
        """Run the command; a UsageError ends with 2, any other error of the harness with 4."""
        try:
            return super().invoke(ctx)
        except ConformanceError as error:
            for line in (
                error.problems if isinstance(error, UsageError) else [str(error)]
            ):
                _err.print(f"[bold red]error:[/] {_escaped(line)}")
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            _err.print("interrupted")
            ctx.exit(EXIT_INTERRUPTED)


_disclosing = click.option(
    "--disclose-security",
    is_flag=True,
    help="Tell security findings of services elsewhere on the terminal and in junit.xml too.",
)


def _examples(*lines: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=_examples(
        "ehealth-conformance run", "ehealth-conformance run --target my-target.yaml"
    ),
)
@click.version_option(__version__, prog_name="ehealth-conformance")
def main() -> None:
    """Test web services of the Belgian eHealth platform against their cookbooks."""


@main.command(
    epilog=_examples(
        "ehealth-conformance run",
        "ehealth-conformance run status-dashboard --target status-sim",
        "ehealth-conformance run --target my-target.yaml --kind positive --out results",
        "ehealth-conformance run --case status-dashboard/7.2/dashboard",
    )
)
@click.argument("services", nargs=-1, metavar="[SERVICE ...]")
@click.option(
    "--target",
    default="local",
    show_default=True,
    help=f"Target file, or one of {', '.join(BUILT_IN)}.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=DEFAULT_FOLDER,
    show_default=True,
    help="Where run folders are made.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    help="Seed of all random choices.  [default: 1]",
)
@click.option(
    "--examples",
    type=click.IntRange(min=1),
    help="Examples that a property draws.  [default: 20 on local, else 8]",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice([kind.value for kind in SUITE_KINDS]),
    help="Run cases of this kind only (repeatable).",
)
@click.option(
    "--requirement",
    "requirements",
    multiple=True,
    metavar="ID",
    help="Run the cases of this requirement only (repeatable).",
)
@click.option(
    "--case",
    "cases",
    multiple=True,
    metavar="ID",
    help="Run this case only (repeatable).",
)
@click.option(
    "--known",
    type=click.Path(path_type=Path),
    help="File of known failures: case, requirement, reason, expires.",
)
@click.option(
    "--no-counterexamples",
    is_flag=True,
    help="Neither try the counterexamples of earlier runs first nor keep new ones.",
)
@_disclosing
@click.pass_context
def run(  # noqa: PLR0913, PLR0917 - the interface's options
    ctx: click.Context,
    services: tuple[str, ...],
    target: str,
    out: Path,
    seed: int | None,
    examples: int | None,
    kinds: tuple[str, ...],
    requirements: tuple[str, ...],
    cases: tuple[str, ...],
    known: Path | None,
    no_counterexamples: bool,  # noqa: FBT001 - a flag
    disclose_security: bool,  # noqa: FBT001 - a flag
) -> None:
    """Run the suites against a target and write a run folder with results, evidence and a report.

    Without SERVICE all services of the target are tested; without --target the embedded local platform.
    Exit code: 0 conformant, 1 failed, 2 wrong input, 3 inconclusive, 4 harness error, 130 interrupted.
    """
    chosen = load_target(target)
    selection = Selection(tuple(CaseKind(kind) for kind in kinds), requirements, cases)
    listed = load_known(known) if known else ()
    wanted = choose_services(chosen, services)
    plan = make_plan(
        chosen,
        wanted,
        selection,
        seed=seed,
        examples=examples,
        known=listed,
        named=bool(services),
        disclose=disclose_security,
        counterexamples=None if no_counterexamples else usual_counterexamples(),
    )
    for warning in check_before_run(plan):
        _err.print(f"[yellow]warning:[/] {_escaped(warning)}")
    folder = make_folder(out, datetime.now(UTC))
    ctx.exit(_run(plan, folder))


@main.command(
    epilog=_examples(
        "ehealth-conformance review --target my-target.yaml",
        "ehealth-conformance review therapeutic-exclusion --target my-target.yaml --release 2027-03-01",
    )
)
@click.argument("services", nargs=-1, metavar="[SERVICE ...]")
@click.option(
    "--target",
    default="local",
    show_default=True,
    help=f"Target file, or one of {', '.join(BUILT_IN)}.",
)
@click.option(
    "--release",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="Day of a release: adds what it needs, with the days on which it is due.",
)
@click.pass_context
def review(
    ctx: click.Context, services: tuple[str, ...], target: str, release: datetime | None
) -> None:
    """Review a target before any test traffic, and its readiness for a release.

    Reports everything at once. Exit code: 0 no error, 2 an error that shows offline, 3 one that only the network shows.
    """
    chosen = load_target(target)
    wanted = choose_services(chosen, services)
    now = datetime.now(UTC)
    offline = review_offline(chosen, wanted, now)
    network = review_network(chosen, wanted)
    _print_remarks([*offline, *network])
    if release is not None:
        _print_release(release_steps(chosen, wanted, release.date(), now))
    if any(remark.severity == "error" for remark in offline):
        ctx.exit(EXIT_USAGE)
    ctx.exit(
        EXIT_INCONCLUSIVE
        if any(remark.severity == "error" for remark in network)
        else 0
    )


@main.command(
    epilog=_examples(
        "ehealth-conformance init acceptance --out acceptance.yaml",
        "ehealth-conformance init",
    )
)
@click.argument("name", default="status-sim", metavar="[NAME]")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="File to write; it must not exist.  [default: print]",
)
def init(name: str, out: Path | None) -> None:
    """Write a commented target file to fill in, for a built-in target (default: status-sim)."""
    if name not in BUILT_IN:
        raise UsageError(
            f"there is no built-in target {name!r}{suggestion(name, tuple(BUILT_IN))}"
        )
    text = target_text(name, str(out or "FILE"), map(describe, service_ids()))
    if out is None:
        click.echo(text, nl=False)
        return
    if out.exists():
        raise UsageError(f"{out} exists already; choose another name or remove it")
    write_target(out, text)
    _out.print(
        f"{out} is written; fill it in, then: ehealth-conformance run --target {out}"
    )


@main.command(
    epilog=_examples(
        "ehealth-conformance mock --port 8080",
        "ehealth-conformance mock --port 0 --tls --write-target local.yaml",
        "ehealth-conformance mock --fault therapeutic-exclusion/faults/duplicate-accepted",
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
    "--tls", is_flag=True, help="Serve over TLS with a certificate made at start."
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
    help="Make this mistake on purpose; see `list faults`.",
)
def mock(port: int, tls: bool, write_target: Path | None, fault_id: str | None) -> None:  # noqa: FBT001 - a flag
    """Serve the local platform on loopback until interrupted."""
    from conformance.mock.platform import LocalPlatform  # noqa: PLC0415 - takes long to load, and only this needs it

    fault = find_fault(fault_id) if fault_id else None
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with LocalPlatform(all_specs(), port, tls, fault=fault) as platform:
        services = {
            spec.contract.service: platform.settings(spec.contract.service)
            for spec in platform.specs
        }
        for spec in platform.specs:
            _out.print(
                f"{spec.contract.service:30} {services[spec.contract.service][spec.contract.address_key]}"
            )
        if write_target is not None:
            _write_mock_target(platform, services, write_target)
            _out.print(f"target file: {write_target}")
        if fault is not None:
            _out.print(f"with the fault {fault.id}: {_escaped(fault.breaks)}")
        _out.print("serving until interrupted (Ctrl-C)")
        stop.wait()
    _out.print("stopped")


@main.command(
    epilog=_examples(
        "ehealth-conformance selftest",
        "ehealth-conformance selftest therapeutic-exclusion --json selftest.json",
        "ehealth-conformance selftest --fault therapeutic-exclusion/faults/duplicate-accepted --keep runs",
    )
)
@click.argument("services", nargs=-1, metavar="[SERVICE ...]")
@click.option(
    "--fault",
    "fault_ids",
    multiple=True,
    metavar="ID",
    help="Only this fault (repeatable).",
)
@click.option(
    "--seed",
    type=int,
    default=DEFAULT_SEED,
    show_default=True,
    help="Seed of all random choices.",
)
@click.option(
    "--examples",
    type=click.IntRange(1),
    default=EXAMPLES,
    show_default=True,
    help="Examples a property draws.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    help="Processes at a time.  [default: one a processor]",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path),
    help="Write what became of each fault as JSON.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    help="Keep the run folders below this new folder.",
)
@click.pass_context
def selftest(  # noqa: PLR0913, PLR0917 - the interface's options
    ctx: click.Context,
    services: tuple[str, ...],
    fault_ids: tuple[str, ...],
    seed: int,
    examples: int,
    jobs: int | None,
    json_file: Path | None,
    keep: Path | None,
) -> None:
    """Run the suites against the local platform's seeded faults and print the mutation score.

    A fault is killed when a finding names the requirement that it breaks; its run stops there. The faultless platform
    is run too: it must raise no alarm. Exit code: 0 all killed, 1 a fault survived or a false alarm, 4 harness error.
    """
    names = [
        service.service for service in choose_services(load_target(LOCAL), services)
    ]
    chosen = [find_fault(name) for name in fault_ids] or list(all_faults(names))
    if fault_ids:
        names = list(dict.fromkeys(fault.service for fault in chosen))
    _check_outputs(json_file, keep)
    subjects = mutants_of(chosen, () if fault_ids else names)
    settings = Settings(seed, examples, str(keep.resolve()) if keep else "")
    began = datetime.now(UTC)
    with _tally(len(subjects)) as tell:
        found = examine_all(subjects, settings, jobs or processors(), tell)
    document = selftest_document(
        found, settings, (datetime.now(UTC) - began).total_seconds()
    )
    if json_file is not None:
        write_document(document, json_file)
    _print_selftest(document)
    if any(one.status is MutantStatus.ERRED for one in found):
        ctx.exit(EXIT_ERROR)
    ctx.exit(0 if all(one.status in GOOD for one in found) else EXIT_FAILED)


@main.command(
    epilog=_examples(
        "ehealth-conformance replay reports/20260115-093000-1a2b3c 000012",
        "ehealth-conformance replay 20260115-093000-1a2b3c status-dashboard/7.2/dashboard --target my-target.yaml",
        "ehealth-conformance replay 20260115-093000-1a2b3c therapeutic-exclusion/5.3/sequences --counterexample",
    )
)
@click.argument("run_name", metavar="RUN")
@click.argument("name", metavar="EXCHANGE_OR_CASE")
@click.option(
    "--target",
    help=f"Target file, or one of {', '.join(BUILT_IN)}.  [default: that of the run]",
)
@click.option(
    "--exact",
    is_flag=True,
    help="Send a SOAP message as it was: old Timestamp, ids and signature.",
)
@click.option(
    "--counterexample",
    is_flag=True,
    help="Send the exchanges again that show the case's failure, in their order.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=DEFAULT_FOLDER,
    show_default=True,
    help="Where the ids of runs are looked for, and run folders are made.",
)
@_disclosing
@click.pass_context
def replay(  # noqa: PLR0913, PLR0917 - the interface's options
    ctx: click.Context,
    run_name: str,
    name: str,
    target: str | None,
    exact: bool,  # noqa: FBT001 - a flag
    counterexample: bool,  # noqa: FBT001 - a flag
    out: Path,
    disclose_security: bool,  # noqa: FBT001 - a flag
) -> None:
    """Send a recorded request again and judge the answer, beside the recorded one.

    RUN is a run folder, its results.json, or the id of a run below --out. An exchange is sent again with credentials
    from the target; a SOAP message is made anew (Timestamp, ids, assertion, signature) unless --exact. A case is run
    again with the seed of its run. All of it goes into a new run folder.

    Exit code: 0 passed, 1 failed, 2 wrong input, 3 inconclusive, 4 harness error, 130 interrupted.
    """
    recorded = find_run(run_name, out)
    chosen = target_of(recorded, target)
    if "/" in name and not counterexample:
        if exact:
            raise UsageError(
                "--exact sends recorded messages: name an exchange, or say --counterexample too"
            )
        plan = plan_case(recorded, name, chosen, disclose=disclose_security)
        for warning in check_before_run(plan):
            _err.print(f"[yellow]warning:[/] {_escaped(warning)}")
        _out.print(
            f"replay of {name} of the run {_escaped(recorded.id)}: {recorded.cases[name]['verdict']} there"
        )
        ctx.exit(_run(plan, make_folder(out, datetime.now(UTC))))
    make = plan_counterexample if counterexample else plan_exchange
    planned = make(recorded, name, chosen, exact=exact, disclose=disclose_security)
    document, folder = perform(planned, out, _ReplayDisplay(planned))
    ctx.exit(_print_summary(document, folder))


@main.command(
    name="list",
    epilog=_examples(
        "ehealth-conformance list cases",
        "ehealth-conformance list requirements --format csv",
    ),
)
@click.argument("topic", type=click.Choice(TOPICS))
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="How to print it.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=DEFAULT_FOLDER,
    show_default=True,
    help="Where `runs` looks for run folders.",
)
def list_topic(topic: str, form: str, out: Path) -> None:
    """List what the harness knows: services, cases, requirements, errata, seeded faults, runs."""
    found = rows(topic, out)
    if form == "json":
        click.echo(json.dumps(found, indent=1, ensure_ascii=False))
    elif form == "csv":
        click.echo(_as_csv(found), nl=False)
    elif found:
        _print_table(found)
    else:
        _out.print(f"no {topic}")


@main.command(
    name="explain",
    epilog=_examples(
        "ehealth-conformance explain status-dashboard/5.3.1.2/item-status-code"
    ),
)
@click.argument("name", metavar="ID")
def explain_id(name: str) -> None:
    """Explain a case, a requirement, an erratum or a service by its id, with its source."""
    click.echo(explain(name))


@main.command(
    epilog=_examples("ehealth-conformance lint", "ehealth-conformance lint my-specs")
)
@click.argument(
    "folder", type=click.Path(path_type=Path), required=False, metavar="[DIR]"
)
@click.pass_context
def lint(ctx: click.Context, folder: Path | None) -> None:
    """Check spec folders: formats, references, examples, coverage of requirements."""
    from conformance.catalogue.lint import lint as lint_specs  # noqa: PLC0415 - what tells mistakes in words loads long

    problems = lint_specs(folder or specs_root())
    for problem in problems:
        _err.print(f"[bold red]error:[/] {_escaped(problem)}")
    if problems:
        ctx.exit(EXIT_USAGE)
    _out.print(f"{folder or 'specs'}: no mistakes found")


def _print_remarks(remarks: Sequence[Remark]) -> None:
    """Print remarks by severity, each with its remedy."""
    for severity in SEVERITIES:
        for remark in (one for one in remarks if one.severity == severity):
            where = " (network)" if remark.network else ""
            _out.print(
                f"[{_SEVERITY_STYLES[severity]}]{severity:8}[/] {remark.topic}{where}: {_escaped(remark.message)}"
            )
            _out.print(f"         remedy: {_escaped(remark.remedy)}")
    numbers = {
        severity: sum(one.severity == severity for one in remarks)
        for severity in SEVERITIES
    }
    counts = [
        f"{number} {severity}{'' if number == 1 else 's'}"
        for severity, number in numbers.items()
    ]
    _out.print(", ".join(counts))


def _print_release(steps: Sequence[ReleaseStep]) -> None:
    """Print what a release needs, by the days on which it is due."""
    _out.print()
    for step in steps:
        _out.print(
            f"{step.due}  [{_STATE_STYLES[step.state]}]{step.state:6}[/]  {_escaped(step.what)}"
        )
        _out.print(f"                    remedy: {_escaped(step.remedy)}")


def _run(plan: Plan, folder: Path) -> int:
    """Run the suites, showing progress, and print the summary; return the exit code."""
    _print_head(plan, folder)
    outcome = run_suites(plan, folder, [_Display()])
    for line in outcome.troubles:
        _err.print(f"[bold red]error:[/] {_escaped(line)}")
    if outcome.document is None:
        _err.print(
            f"the harness erred; what was exchanged is kept in {_escaped(str(folder))}"
        )
        return EXIT_ERROR
    return _print_summary(outcome.document, folder)


def _check_outputs(json_file: Path | None, keep: Path | None) -> None:
    """Make the folder of run folders, and see that a file can be written; raises UsageError before anything has run."""
    if json_file is not None and (
        json_file.is_dir() or not os.access(json_file.parent, os.W_OK)
    ):
        raise UsageError(
            f"{json_file}: no file can be written here; name one in a folder that exists and is writable"
        )
    if keep is None:
        return
    if keep.exists():
        raise UsageError(f"{keep} exists already; choose another name or remove it")
    try:
        keep.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise UsageError(
            f"{keep}: no folder can be made here: {error.strerror}"
        ) from error


class _Progress:
    """Shows how far something has got: a bar on a terminal, else a line now and then."""

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._done = self._total = 0
        self._last_line = datetime.now(UTC)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=_err,
            transient=True,
            disable=not _err.is_terminal,
        )

    def start(self, total: int) -> None:
        self._total = total
        self._bar.start()
        self._task = self._bar.add_task("starting", total=total)

    def describe(self, text: str) -> None:
        self._bar.update(self._task, description=text)

    def advance(self) -> None:
        self._done += 1
        self._bar.advance(self._task)

    def tell(self, alarm: str = "") -> None:
        """Print an alarm at once, else how far it has got, unless that was done just before."""
        if alarm:
            self._bar.console.print(alarm)
        elif (
            not _err.is_terminal
            and (datetime.now(UTC) - self._last_line).total_seconds() > 1
        ):
            self._last_line = datetime.now(UTC)
            _err.print(f"{self._done} of {self._total} {self._noun}")

    def stop(self) -> None:
        self._bar.stop()


class _Display:
    """Shows the progress of a session, and at once the cases that did not pass."""

    def __init__(self) -> None:
        self._progress = _Progress("cases")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._progress.start(len(session.items))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._progress.describe(nodeid.partition("[")[2].rstrip("]") or nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:  # noqa: ANN401 - carries our attribute
        record = getattr(report, "conformance", None)
        if report.when == "call":
            self._progress.advance()
        alarm = ""
        if record is not None and record["verdict"] in (
            "fail",
            "inconclusive",
            "error",
        ):
            alarm = f"[{_STYLES[record['verdict']]}]{record['verdict']:12}[/] {record['id']}"
        self._progress.tell(alarm)

    def pytest_unconfigure(self) -> None:
        self._progress.stop()


class _ReplayDisplay:
    """Prints what a replay sends, and each answer beside the recorded one."""

    def __init__(self, planned: Replay) -> None:
        self._replay = planned

    def begins(self, folder: Path) -> None:
        planned, target = self._replay, self._replay.plan.target
        contract, address = (
            planned.service.spec.contract,
            planned.service.address or "the embedded local platform",
        )
        _out.print(
            f"[bold]ehealth-conformance {__version__}[/]  replay of the run {_escaped(planned.run.id)}, "
            f"target {target.name} ({target.environment})"
        )
        _out.print(f"{contract.service} {contract.version} at {_escaped(address)}")
        then = (
            f": {planned.verdict.replace('_', ' ')} in that run"
            if planned.verdict
            else ""
        )
        _out.print(f"case {_escaped(planned.case.id)}{_escaped(then)}")
        _out.print(f"run folder: {_escaped(str(folder))}")

    def sends(self, one: Recorded, place: str, said: str) -> None:
        _out.print()
        method = one.exchange.request.method
        _out.print(
            f"[bold]{_escaped(one.id)}[/] {one.purpose.value}: {_escaped(method)} {_escaped(place)}"
        )
        if said:
            style = "yellow" if "NOT" in said else "dim"
            _out.print(f"  [{style}]{_escaped(said)}[/]")

    def answered(self, one: Recorded, now: Record) -> None:
        if self._replay.confidential:
            _out.print(
                "  a security case: the answers are in the private run folders; --disclose-security shows them"
            )
            return
        again = "; the same body" if same_body(one.record, now) else ""
        _out.print(f"  recorded  {_escaped(answer_line(one.record))}")
        _out.print(f"  now       {_escaped(answer_line(now))}{again}")
        lines = list(differences(one.record, now))
        shown = lines[:_SHOWN_DIFFERENCES] if one.id == self._replay.decisive.id else []
        for line in shown:
            _out.print(f"    {_escaped(line)}")
        if len(lines) > len(shown):
            _out.print(
                f"    {len(lines) - len(shown)} {'more ' if shown else ''}lines differ"
            )


@contextmanager
def _tally(total: int) -> Iterator[Callable[[MutantResult], None]]:
    """Show the progress of a selftest, and at once what is not as it should be."""
    progress = _Progress("faults")
    progress.start(total)

    def tell(one: MutantResult) -> None:
        progress.describe(one.mutant.name)
        progress.advance()
        progress.tell(
            ""
            if one.status in GOOD
            else f"[bold red]{one.status.value:18}[/] {one.mutant.name}"
        )

    try:
        yield tell
    finally:
        progress.stop()


def _print_selftest(document: Mapping[str, Any]) -> None:
    for one in (*document["controls"], *document["faults"]):
        if MutantStatus(one["fate"]) not in GOOD:
            _out.print(f"[bold red]{one['fate']}[/] {one['id']}")
            if one["case"]:
                _out.print(f"  {one['case']}: {_escaped(one['found'])}")
            elif one["found"]:
                _out.print(f"  {_escaped(one['found'])}")
    table = Table(box=None, pad_edge=False)
    columns = ("faults", "killed", "survived", "wrongly_explained", "erred")
    table.add_column("service", no_wrap=True)
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    for name, score in (*document["services"].items(), ("all", document["score"])):
        table.add_row(name, *(str(score[column]) for column in columns))
    _out.print(table)
    score = document["score"]["score"]
    shown = "no fault was tried" if score is None else f"mutation score {score:.1%}"
    _out.print(f"{shown}; {document['seconds']:.0f} s")


def _print_head(plan: Plan, folder: Path) -> None:
    _out.print(
        f"[bold]ehealth-conformance {__version__}[/]  target {plan.target.name} ({plan.target.environment}), "
        f"seed {plan.seed}, {plan.examples} examples a property"
    )
    for service in plan.services:
        contract = service.spec.contract
        where = service.address or "the embedded local platform"
        chosen = sum(plan.selection.takes(case) for case in service.spec.cases.values())
        _out.print(
            f"{contract.service} {contract.version}: {chosen} cases at {_escaped(where)}"
        )
    _out.print(f"run folder: {_escaped(str(folder))}")


def _print_summary(document: Mapping[str, Any], folder: Path) -> int:
    _print_cases(document, folder)
    table = Table(box=None, pad_edge=False)
    columns = ("pass", "inconclusive", "fail", "error", "not_applicable", "not_run")
    table.add_column("service", no_wrap=True)
    for column in columns:
        table.add_column(
            {"not_applicable": "n/a"}.get(column, column.replace("_", " ")),
            justify="right",
        )
    for service in document["run"]["services"]:
        verdicts = [
            case["verdict"] for case in document["cases"] if case["service"] == service
        ]
        table.add_row(service, *(str(verdicts.count(column)) for column in columns))
    _out.print()
    _out.print(table)
    counts = document["summary"]
    code: int = document["run"]["exit_code"]
    _out.print(
        f"{counts['exchanges']} exchanges, {counts['warnings']} warnings, {counts['observations']} observations"
    )
    _out.print(f"suites: {in_words(document['run'].get('mutation_score'))}")
    for note in document["run"]["notes"]:
        _out.print(f"note: {_escaped(note)}")
    _out.print(f"report: {_escaped(str(folder / 'report.html'))}")
    for service in document["run"]["services"]:
        if not any(
            case["verdict"] == "pass" or "known" in case
            for case in document["cases"]
            if case["service"] == service
        ):
            _out.print(f"no case of {service} passed")
    style = {0: "green", EXIT_FAILED: "bold red"}.get(code, "yellow")
    one_answer = "exchanges" in document["run"].get("replay", {})
    meanings = _MEANINGS | _MEANINGS_OF_ONE_ANSWER if one_answer else _MEANINGS
    known = sum("known" in case for case in document["cases"])
    apart = (
        f", apart from {known} known failure{'s' if known > 1 else ''}"
        if known and code == EXIT_CONFORMANT
        else ""
    )
    _out.print(f"[{style}]exit {code}: {meanings[code]}{apart}[/]")
    return code


def _print_cases(document: Mapping[str, Any], folder: Path) -> None:
    """Print what a person has to act on: each case that failed or erred, and why others were not decided."""
    cases = document["cases"]
    for case in cases:
        if is_confidential(case, document["run"]):
            _out.print(f"\n[{_STYLES['fail']}]fail[/] {case['id']}: {WITHHELD}")
        elif case["verdict"] in ("fail", "error"):
            _print_case(case, folder)
        if "stale" in case:
            _out.print(
                f"[{_STYLES['fail']}]stale[/] {case['id']}: {_escaped(case['stale'])}"
            )
    for verdict in ("inconclusive", "not_applicable", "not_run"):
        _print_reasons(verdict, [case for case in cases if case["verdict"] == verdict])


def _print_case(case: Mapping[str, Any], folder: Path) -> None:
    known = f" (known: {_escaped(case['known'])})" if "known" in case else ""
    _out.print()
    _out.print(
        f"[{_STYLES[case['verdict']]}]{case['verdict']}[/] {case['id']}{known}: {_escaped(case['title'])}"
    )
    violations = [
        finding for finding in case["findings"] if finding["severity"] == "violation"
    ]
    if not violations:
        _out.print(f"  {_escaped(case['reason'])}")
    for finding in violations[:_SHOWN_FINDINGS]:
        _out.print(f"  {finding['requirement']}: {_escaped(finding['message'])}")
        _out.print(
            f"    at {_escaped(finding['location'])}",
            f"expected {_escaped(finding['expected'])}",
            sep="; ",
        )
        _out.print(f"    actual {_escaped(finding['actual'])}")
    if len(violations) > _SHOWN_FINDINGS:
        _out.print(
            f"  and {len(violations) - _SHOWN_FINDINGS} more findings in the report"
        )
    _out.print(f"  exchanges {', '.join(case['deciding'])}; again: --case {case['id']}")
    shown = case.get("counterexample", {})
    for line in shown.get("curl", ())[-1:]:
        if len(line) <= _LONGEST_LINE:
            _out.print(f"  {_escaped(line)}")
    if shown.get("exchanges") and not shown.get(
        "curl"
    ):  # signed, binary or long: no command line can hold it
        _out.print(
            f"  ehealth-conformance replay {_escaped(str(folder))} {shown['exchanges'][-1]}"
        )


def _print_reasons(verdict: str, cases: Sequence[Mapping[str, Any]]) -> None:
    """Print why cases ended in a status that is neither pass nor fail, one line a reason."""
    by_reason: dict[str, list[str]] = {}
    for case in cases:
        by_reason.setdefault(case["reason"], []).append(case["id"])
    for reason, names in by_reason.items():
        if reason == NOT_SELECTED:
            continue
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        style = _STYLES.get(verdict, "dim")
        _out.print(
            f"[{style}]{verdict.replace('_', ' ')}[/] {names[0]}{more}: {_escaped(reason)}"
        )


def _write_mock_target(
    platform: "LocalPlatform", services: dict[str, dict[str, Any]], path: Path
) -> None:
    ca_file = None
    if platform.certificate is not None:
        ca_file = path.with_name(f"{path.stem}-ca.pem")
        write_target(ca_file, platform.certificate.authority.decode("ascii"))
    write_target(
        path, written_target("mock", services, ca_file.name if ca_file else None)
    )


def _as_csv(found: Sequence[Mapping[str, str]]) -> str:
    text = io.StringIO()
    if found:
        writer = csv.DictWriter(text, list(found[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
    return text.getvalue()


def _print_table(found: Sequence[Mapping[str, str]]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in found[0]:
        table.add_column(column, overflow="fold", no_wrap=column == "id")
    for row in found:
        table.add_row(*(_escaped(value) for value in row.values()))
    Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(table)


def _escaped(text: str) -> str:
    """Return foreign text without markup and without control characters that a terminal would obey."""
    clean = "".join(
        character if character.isprintable() else "\ufffd" for character in text
    )
    return clean.replace("[", "\\[")
