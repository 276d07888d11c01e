"""Options and arguments that several commands share, with the completion of their values.

Must load nothing heavy: a shell that completes waits for it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from conformance.engine.run_options import (
    DISCLOSE_SECURITY,
    OUT,
    RUN_OPTIONS,
    SERVICE,
    TARGET,
    RunOption,
)
from conformance.target.policy import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.shell_completion import CompletionItem

Decorated = TypeVar("Decorated", bound="Callable[..., Any] | click.Command")


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


def run_option(option: RunOption) -> "Callable[[Decorated], Decorated]":
    """Return the click option that an option of a run is on the command line."""
    names = [option.name, *filter(None, [option.parameter])]
    return click.option(
        *names,
        type=_click_type(option),
        default=_default(option),
        multiple=option.repeatable,
        is_flag=not option.takes_value,
        metavar=option.metavar,
        help=option.full_help,
        shell_complete=complete_target if option is TARGET else None,
    )


def run_options(function: "Decorated") -> "Decorated":
    """Add all options of a run to a command, which takes services as arguments, in the order of the list."""
    for option in reversed(RUN_OPTIONS):
        if option is not SERVICE:
            function = run_option(option)(function)
    return function


def _default(option: RunOption) -> str | bool | None:
    if not option.takes_value:
        return False
    return option.default if option.value_type is str and option.default else None


def _click_type(option: RunOption) -> "click.ParamType[Any] | None":
    if option.choices:
        return click.Choice(option.choices)
    if option.value_type is int:
        return click.IntRange(min=option.minimum)
    if option.is_path and option is not TARGET:
        return click.Path(path_type=Path)
    return None


services_argument = click.argument(
    "services", nargs=-1, metavar="[SERVICE ...]", shell_complete=complete_service
)
target_option = run_option(TARGET)
out_option = run_option(OUT)
disclose_option = run_option(DISCLOSE_SECURITY)
