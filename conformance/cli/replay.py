"""The command `replay`: sends recorded requests again, and prints each answer beside the recorded one.

Parsing and printing only.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance import __version__
from conformance.cli.console import Styled, print_line
from conformance.cli.options import (
    complete_run,
    complete_target,
    disclose_option,
    examples,
)
from conformance.cli.run import check_and_run
from conformance.engine.run_options import TARGET
from conformance.evidence.run_folder import DEFAULT_FOLDER
from conformance.model.errors import UsageError
from conformance.model.wording import count_of

if TYPE_CHECKING:
    from conformance.engine.plan import Plan
    from conformance.evidence.recorded_run import Recorded, RecordedRun
    from conformance.evidence.store import Record
    from conformance.replay.planning import Replay

_SHOWN_DIFFERENCES = 20


@click.command(
    epilog=examples(
        "ehealth-conformance replay reports/20260115-093000-1a2b3c 000012",
        "ehealth-conformance replay 20260115-093000-1a2b3c status-dashboard/7.2/dashboard --target my-target.yaml",
        "ehealth-conformance replay 20260115-093000-1a2b3c therapeutic-exclusion/5.3/sequences --counterexample",
    )
)
@click.argument("run_name", metavar="RUN", shell_complete=complete_run)
@click.argument("name", metavar="EXCHANGE_OR_CASE")
@click.option(
    "--target",
    shell_complete=complete_target,
    help=f"{TARGET.help}  [default: that of the run]",
)
@click.option(
    "--exact",
    is_flag=True,
    help="Send a SOAP message exactly as recorded: old Timestamp, ids and signature.",
)
@click.option(
    "--counterexample",
    is_flag=True,
    help="Send the exchanges that show the case's failure again, in their order.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=DEFAULT_FOLDER,
    show_default=True,
    help="Folder of run folders: RUN is looked up in it, and new ones are made there.",
)
@disclose_option
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
    """Send a recorded request again and judge the answer.

    The recorded answer is shown beside the new one. RUN is a run folder, its results.json, the id of a run below
    --out, or `latest` for the one there that ended last. An exchange is sent again with credentials from the target;
    a SOAP message is rebuilt (Timestamp, ids, assertion, signature) unless --exact. A case is run again with the seed
    of its run. Everything goes into a new run folder.

    Exit code: 0 passed, 1 failed, 2 wrong input, 3 inconclusive, 4 harness error, 130 interrupted.
    """
    from conformance.evidence.recorded_run import find_run  # noqa: PLC0415 - help and completion do without
    from conformance.replay.planning import plays_itself, sequence_of, target_of  # noqa: PLC0415 - the same

    recorded = find_run(run_name, out)
    chosen = target_of(recorded, target)
    sequence = ""
    whole_case = "/" in name and not counterexample
    if counterexample and not exact and plays_itself(recorded, name, chosen):
        sequence, whole_case = sequence_of(recorded, name), True
    if whole_case and exact:
        raise UsageError(
            "--exact sends recorded messages: name an exchange, or add --counterexample"
        )
    if whole_case:
        from conformance.replay.planning import plan_case  # noqa: PLC0415 - the same

        plan = plan_case(
            recorded, name, chosen, disclose=disclose_security, sequence=sequence
        )
        ctx.exit(_run_case(recorded, name, plan, out))
    from conformance.replay.planning import plan_counterexample, plan_exchange  # noqa: PLC0415 - the same

    make = plan_counterexample if counterexample else plan_exchange
    planned = make(recorded, name, chosen, exact=exact, disclose=disclose_security)
    ctx.exit(_send_again(planned, out))


def _run_case(recorded: "RecordedRun", name: str, plan: "Plan", out: Path) -> int:
    """Run a case of a recorded run again, and return the exit code."""
    from conformance.evidence.run_folder import make_folder  # noqa: PLC0415 - help and completion do without

    verdict = recorded.cases[name]["verdict"]
    print_line(
        f"replay of {name} of the run {recorded.id}, where its verdict was {verdict}"
    )
    if sequence := plan.replay.get("sequence"):
        print_line(f"the sequence: {sequence}")
    return check_and_run(plan, lambda: make_folder(out, datetime.now(UTC)))


def _send_again(planned: "Replay", out: Path) -> int:
    """Send the exchanges of a replay, and return the exit code."""
    from conformance.cli.summary import print_summary  # noqa: PLC0415 - help and completion do without
    from conformance.replay.performing import perform  # noqa: PLC0415 - loads the engine

    document, folder = perform(planned, out, _ReplayDisplay(planned))
    return print_summary(document, folder)


class _ReplayDisplay:
    """Prints what a replay sends, and each answer beside the recorded one."""

    def __init__(self, planned: "Replay") -> None:
        self._replay = planned

    def begins(self, folder: Path) -> None:
        planned, target = self._replay, self._replay.plan.target
        contract = planned.service.spec.contract
        address = planned.service.address or "the embedded local platform"
        print_line(
            Styled(f"ehealth-conformance {__version__}", "bold"),
            f"  replay of the run {planned.run.id}, "
            f"target {target.name} ({target.environment})",
        )
        print_line(f"{contract.service} {contract.version} at {address}")
        before = ""
        if planned.verdict:
            before = f": verdict {planned.verdict.replace('_', ' ')} in that run"
        print_line(f"case {planned.case.id}{before}")
        print_line(f"run folder: {folder}")

    def sends(self, one: "Recorded", place: str, said: str) -> None:
        print_line()
        method = one.exchange.request.method
        print_line(Styled(one.id, "bold"), f" {one.purpose.value}: {method} {place}")
        if said:
            style = "yellow" if "NOT" in said else "dim"
            print_line("  ", Styled(said, style))

    def answered(self, one: "Recorded", now: "Record") -> None:
        from conformance.evidence.comparison import answer_line, same_body  # noqa: PLC0415 - help does without

        if self._replay.confidential:
            print_line(
                "  a security case: the answers are in the private run folders; --disclose-security shows them"
            )
            return
        same = "; the same body" if same_body(one.record, now) else ""
        print_line(f"  recorded  {answer_line(one.record)}")
        print_line(f"  now       {answer_line(now)}{same}")
        self._print_differences(one, now)

    def _print_differences(self, one: "Recorded", now: "Record") -> None:
        """Print the first lines that differ where the exchange decides, else how many do."""
        from conformance.evidence.comparison import differences  # noqa: PLC0415 - help does without

        lines = list(differences(one.record, now))
        decides = one.id == self._replay.decisive.id
        shown = lines[:_SHOWN_DIFFERENCES] if decides else []
        for line in shown:
            print_line(f"    {line}")
        hidden = len(lines) - len(shown)
        if hidden:
            more = "more " if shown else ""
            verb = "differs" if hidden == 1 else "differ"
            print_line(f"    {count_of(hidden, f'{more}line')} {verb}")
