"""The command `lint`: prints the mistakes of spec folders.

Parsing and printing only.
"""

from pathlib import Path

import click

from conformance.cli.console import print_error, print_plain
from conformance.cli.options import examples
from conformance.model.errors import UsageError


@click.command(
    epilog=examples("ehealth-conformance lint", "ehealth-conformance lint my-specs")
)
@click.argument(
    "folder",
    type=click.Path(path_type=Path),
    required=False,
    metavar="[DIR]",
)
@click.pass_context
def lint(ctx: click.Context, folder: Path | None) -> None:
    """Check spec folders: formats, references, examples, coverage."""
    from conformance.catalogue.lint import lint as problems_of  # noqa: PLC0415 - loads jsonschema and the contracts
    from conformance.formats.schemas import specs_root  # noqa: PLC0415 - help and completion do without

    problems = problems_of(folder or specs_root())
    for problem in problems:
        print_error(problem)
    if problems:
        ctx.exit(UsageError.exit_code)
    print_plain(f"{folder or 'specs'}: no mistakes found")
