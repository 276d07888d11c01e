"""The command `lint`: prints the mistakes of spec folders.

Parsing and printing only.
"""

from pathlib import Path

import click

from conformance.cli.console import print_aside, print_error, print_plain
from conformance.cli.options import examples
from conformance.formats.unread_specs import unread_specs_note
from conformance.model.errors import UsageError
from conformance.model.wording import count_of


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
    """Check spec folders: formats, references, examples, coverage.

    Without DIR those that the other commands read. Each DIR/SERVICE/VERSION is checked.
    """
    from conformance.catalogue.lint import lint as problems_of  # noqa: PLC0415 - loads jsonschema and the contracts
    from conformance.formats.schemas import specs_root  # noqa: PLC0415 - help and completion do without

    note = "" if folder else unread_specs_note()
    if note:
        print_aside(f"note: {note}")
    root = (folder or specs_root()).absolute()
    problems = problems_of(root)
    for problem in problems:
        print_error(problem)
    if problems:
        print_aside(f"{root}: {count_of(len(problems), 'mistake')}")
        ctx.exit(UsageError.exit_code)
    print_plain(f"{root}: no mistakes found")
