"""The command `explain`: prints what stands behind an id.

Parsing and printing only.
"""

import click

from conformance.cli.console import print_text
from conformance.cli.options import complete_ids, complete_service, examples


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Complete whatever has an id."""
    ids = complete_ids("cases", "requirements", "errata", "faults")
    services = complete_service(ctx, param, incomplete)
    return [*services, *ids(ctx, param, incomplete)]


@click.command(
    epilog=examples(
        "ehealth-conformance explain status-dashboard/5.3.1.2/item-status-code"
    )
)
@click.argument("name", metavar="ID", shell_complete=_complete)
def explain(name: str) -> None:
    """Explain a case, requirement, erratum, fault or service by its id."""
    from conformance.catalogue.explaining import explain as explained  # noqa: PLC0415 - help and completion do without

    print_text(explained(name))
