"""The command `review`: prints what can be said of a target before any test traffic, with a remedy for each remark.

Parsing and printing only.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from conformance.cli.console import Styled, print_line
from conformance.cli.options import examples, services_argument, target_option
from conformance.model.wording import count_of

if TYPE_CHECKING:
    from conformance.review import ReleaseStep, Remark

_SEVERITY_STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}
_STATE_STYLES = {
    "open": "cyan",
    "late": "yellow",
    "kept": "green",
    "broken": "bold red",
}


@click.command(
    epilog=examples(
        "ehealth-conformance review --target my-target.yaml",
        "ehealth-conformance review therapeutic-exclusion --target my-target.yaml --release 2027-03-01",
    )
)
@services_argument
@target_option
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
    """Review a target before any test traffic or a release.

    Reports everything at once.

    Exit code: 0 no error, 2 an error that shows offline, 3 an error that only the network shows.
    """
    from conformance.engine.plan import Selection, make_plan  # noqa: PLC0415 - help and completion do without
    from conformance.model.result import EXIT_INCONCLUSIVE, EXIT_USAGE  # noqa: PLC0415 - help and completion do without
    from conformance.review import release_steps, review_network, review_offline  # noqa: PLC0415 - loads key stores
    from conformance.review.amount import planned_amount  # noqa: PLC0415 - the same
    from conformance.review.mock_alive import demand_mock  # noqa: PLC0415 - the same
    from conformance.target.reading import choose_services, load_target  # noqa: PLC0415 - help and completion do without

    chosen = load_target(target)
    wanted = choose_services(chosen, services)
    demand_mock(chosen, wanted)
    now = datetime.now(UTC)
    offline = review_offline(chosen, wanted, now)
    network = review_network(chosen, wanted)
    _print_remarks([*offline, *network])
    plan = make_plan(chosen, wanted, Selection())
    print_line(f"a run sends {planned_amount(plan).words}")
    if release is not None:
        _print_release(release_steps(chosen, wanted, release.date(), now))
    if _has_error(offline):
        ctx.exit(EXIT_USAGE)
    if _has_error(network):
        ctx.exit(EXIT_INCONCLUSIVE)


def _has_error(remarks: "Sequence[Remark]") -> bool:
    return any(remark.severity == "error" for remark in remarks)


def _print_remarks(remarks: "Sequence[Remark]") -> None:
    """Print remarks by severity, each with its remedy, and how many there are of each."""
    counts = []
    for severity, style in _SEVERITY_STYLES.items():
        chosen = [remark for remark in remarks if remark.severity == severity]
        for remark in chosen:
            where = " (network)" if remark.network else ""
            print_line(
                Styled(f"{severity:8}", style),
                f" {remark.topic}{where}: {remark.message}",
            )
            print_line(f"         remedy: {remark.remedy}")
        counts.append(count_of(len(chosen), severity))
    print_line(", ".join(counts))


def _print_release(steps: "Sequence[ReleaseStep]") -> None:
    """Print what a release needs, by the days on which it is due."""
    print_line()
    for step in steps:
        state = Styled(f"{step.state:6}", _STATE_STYLES[step.state])
        print_line(f"{step.due}  ", state, f"  {step.what}")
        print_line(f"                    remedy: {step.remedy}")
