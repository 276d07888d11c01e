"""The command `explain`: prints what stands behind an id.

Parsing and printing only.
"""

import click

from conformance.cli.console import print_text
from conformance.cli.options import examples


@click.command(
    epilog=examples(
        "ehealth-conformance explain status-dashboard/5.3.1.2/item-status-code"
    )
)
@click.argument("name", metavar="ID")
def explain(name: str) -> None:
    """Explain a case, requirement, erratum, fault or service by its id."""
    from conformance.catalogue.listing import explain as explained  # noqa: PLC0415 - help and completion do without

    print_text(explained(name))
