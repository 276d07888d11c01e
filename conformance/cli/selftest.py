"""The command `selftest`: options, progress over the seeded faults, and the mutation score.

Parsing and printing only.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conformance.cli.console import Styled, new_table, print_line, standard_output
from conformance.cli.options import complete_fault, examples, services_argument
from conformance.cli.progress import ProgressDisplay
from conformance.model.errors import UsageError

if TYPE_CHECKING:
    from conformance.model.fault import Fault
    from conformance.selftest.mutants import MutantResult

_SCORES = ("faults", "killed", "survived", "wrongly_explained", "erred")


@click.command(
    epilog=examples(
        "ehealth-conformance selftest",
        "ehealth-conformance selftest therapeutic-exclusion --json selftest.json",
        "ehealth-conformance selftest --fault therapeutic-exclusion/faults/duplicate-accepted --keep runs",
    )
)
@services_argument
@click.option(
    "--fault",
    "fault_ids",
    multiple=True,
    metavar="ID",
    shell_complete=complete_fault,
    help="Only this fault (repeatable); the part after faults/ is enough.",
)
@click.option("--seed", type=int, help="Seed of all random choices.  [default: 1]")
@click.option(
    "--examples",
    type=click.IntRange(1),
    help="Examples that a property draws.  [default: 8]",
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
    help="Write the outcome of each fault as JSON.",
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
    seed: int | None,
    examples: int | None,
    jobs: int | None,
    json_file: Path | None,
    keep: Path | None,
) -> None:
    """Run the suites against seeded faults and print the mutation score.

    The local platform makes each fault on purpose. A fault is killed when a finding names the requirement that it
    breaks; its run stops there. The platform without a fault is run too: it must raise no alarm.

    Exit code: 0 all killed, 1 a fault survived or a false alarm, 4 harness error.
    """
    from conformance.engine.plan import DEFAULT_SEED  # noqa: PLC0415 - help and completion do without
    from conformance.selftest import selftest as suite  # noqa: PLC0415 - loads pytest and the engine

    faults, names = _chosen(services, fault_ids)
    _check_outputs(json_file, keep)
    settings = suite.SelftestSettings(
        DEFAULT_SEED if seed is None else seed,
        suite.EXAMPLES if examples is None else examples,
        str(keep.resolve()) if keep else "",
    )
    mutants = suite.mutants_of(faults, () if fault_ids else names)
    began = datetime.now(UTC)
    with _progress(len(mutants)) as show:
        results = suite.examine_all(mutants, settings, jobs or suite.processors(), show)
    seconds = (datetime.now(UTC) - began).total_seconds()
    document = suite.selftest_document(results, settings, seconds)
    if json_file is not None:
        suite.write_document(document, json_file)
    _print_outcome(document)
    ctx.exit(_exit_code(results))


def _chosen(
    services: tuple[str, ...], fault_ids: tuple[str, ...]
) -> "tuple[list[Fault], list[str]]":
    """Return the faults that the options name, all of the services' by default, and the services concerned."""
    from conformance.catalogue.listing import all_faults, find_fault  # noqa: PLC0415 - help and completion do without
    from conformance.target.policy import LOCAL  # noqa: PLC0415 - the same
    from conformance.target.reading import choose_services, load_target  # noqa: PLC0415 - the same

    names = [entry.service for entry in choose_services(load_target(LOCAL), services)]
    if fault_ids:
        faults = [find_fault(name, names if services else ()) for name in fault_ids]
        return faults, list(dict.fromkeys(fault.service for fault in faults))
    return list(all_faults(names)), names


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


@contextmanager
def _progress(total: int) -> "Iterator[Callable[[MutantResult], None]]":
    """Show the progress of a selftest, and at once each fault that was not killed."""
    from conformance.selftest.mutants import GOOD  # noqa: PLC0415 - loads pytest and the engine

    display = ProgressDisplay("faults")
    display.start(total)

    def show(result: "MutantResult") -> None:
        display.describe(result.mutant.name)
        display.advance()
        status = Styled(f"{result.status.value:18}", "bold red")
        display.report(
            *(() if result.status in GOOD else (status, f" {result.mutant.name}"))
        )

    try:
        yield show
    finally:
        display.stop()


def _print_outcome(document: Mapping[str, Any]) -> None:
    """Print each fault that was not killed, the counts of each service, and the score."""
    for row in (*document["controls"], *document["faults"]):
        _print_alarm(row)
    table = new_table()
    table.add_column("service", no_wrap=True)
    for score in _SCORES:
        table.add_column(score.replace("_", " "), justify="right")
    for name, scores in (*document["services"].items(), ("all", document["score"])):
        table.add_row(name, *(str(scores[score]) for score in _SCORES))
    standard_output().print(table)
    rate = document["score"]["score"]
    shown = "no fault was tried" if rate is None else f"mutation score {rate:.1%}"
    print_line(f"{shown}; {document['seconds']:.0f} s")


def _print_alarm(row: Mapping[str, Any]) -> None:
    from conformance.selftest.mutants import GOOD, MutantStatus  # noqa: PLC0415 - loads pytest and the engine

    if MutantStatus(row["fate"]) in GOOD:
        return
    print_line(Styled(row["fate"], "bold red"), f" {row['id']}")
    if row["case"]:
        print_line(f"  {row['case']}: {row['found']}")
    elif row["found"]:
        print_line(f"  {row['found']}")


def _exit_code(results: "list[MutantResult]") -> int:
    from conformance.model.result import EXIT_CONFORMANT, EXIT_ERROR, EXIT_FAILED  # noqa: PLC0415 - help does without
    from conformance.selftest.mutants import GOOD, MutantStatus  # noqa: PLC0415 - loads pytest and the engine

    if any(result.status is MutantStatus.ERRED for result in results):
        return EXIT_ERROR
    return (
        EXIT_CONFORMANT
        if all(result.status in GOOD for result in results)
        else EXIT_FAILED
    )
