"""Options and arguments that several commands share, with the completion of their values.

Must load nothing heavy: a shell that completes waits for it.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.evidence.run_folder import DEFAULT_FOLDER
from conformance.target.policy import BUILT_IN

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

TARGET_HELP = f"Target file, or one of {', '.join(BUILT_IN)}."


def examples(*lines: str) -> str:
    """Return the epilog of a command's help: example command lines, each printed as it stands."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def complete_target(
    ctx: click.Context,  # noqa: ARG001 - as click has it
    param: click.Parameter,  # noqa: ARG001 - as click has it
    incomplete: str,
) -> "list[CompletionItem]":
    """Complete a built-in target's name, or let the shell complete a file."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only a shell that completes needs it

    names = [CompletionItem(name) for name in BUILT_IN if name.startswith(incomplete)]
    return [*names, CompletionItem(incomplete, type="file")]


def complete_service(
    ctx: click.Context,  # noqa: ARG001 - as click has it
    param: click.Parameter,  # noqa: ARG001 - as click has it
    incomplete: str,
) -> list[str]:
    """Complete the id of a service."""
    from conformance.contracts.loading import service_ids  # noqa: PLC0415 - only a shell that completes needs it

    return [name for name in service_ids() if name.startswith(incomplete)]


services_argument = click.argument(
    "services", nargs=-1, metavar="[SERVICE ...]", shell_complete=complete_service
)
target_option = click.option(
    "--target",
    default="local",
    show_default=True,
    shell_complete=complete_target,
    help=TARGET_HELP,
)
out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=DEFAULT_FOLDER,
    show_default=True,
    help="Folder in which run folders are made.",
)
disclose_option = click.option(
    "--disclose-security",
    is_flag=True,
    help="Show security findings of other people's services on the terminal and in junit.xml too.",
)
