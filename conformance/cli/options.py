"""Options and arguments that several commands share, with the completion of their values.

Must load nothing heavy: a shell that completes waits for it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from conformance.cli.choices import NearestChoice
from conformance.engine.run_options import (
    CASE,
    DISCLOSE_SECURITY,
    EXCLUDE,
    FAILED,
    OUT,
    REQUIREMENT,
    RUN_OPTIONS,
    SERVICE,
    TARGET,
    RunOption,
)
from conformance.evidence.run_folder import DEFAULT_FOLDER
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
    """Complete a built-in target's name or a YAML file's; where none begins so, let the shell complete a path.

    A shell that is told to complete paths forgets the names it was given besides.
    """
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only a shell that completes needs it

    names = [name for name in BUILT_IN if name.startswith(incomplete)]
    found = [*names, *_yaml_files(incomplete)]
    if not found:
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(name) for name in found]


def _yaml_files(start: str) -> list[str]:
    """Return the YAML files that a text begins to name, as it names them."""
    folder = start.rpartition("/")[0]
    head = f"{folder}/" if "/" in start else ""
    below = Path(head or ".")
    try:
        names = sorted(path.name for path in below.iterdir() if path.is_file())
    except OSError:
        return []
    files = [head + name for name in names if name.endswith((".yaml", ".yml"))]
    return [file for file in files if file.startswith(start)]


def complete_ids(
    *kinds: str,
) -> "Callable[[click.Context, click.Parameter, str], list[str]]":
    """Return what completes an id of one of these kinds (`conformance.catalogue.completion`)."""

    def complete(
        ctx: click.Context,  # noqa: ARG001 - as click has it
        param: click.Parameter,  # noqa: ARG001 - as click has it
        incomplete: str,
    ) -> list[str]:
        from conformance.catalogue.completion import ids_beginning  # noqa: PLC0415 - only a shell that completes

        return ids_beginning(incomplete, kinds)

    return complete


def complete_fault(
    ctx: click.Context,
    param: click.Parameter,
    incomplete: str,
) -> list[str]:
    """Complete the id of a seeded fault, or the part of it after faults/, which is enough."""
    complete = complete_ids("faults")
    if "/" in incomplete:
        return complete(ctx, param, incomplete)
    every = complete(ctx, param, "")
    short = dict.fromkeys(name.partition("/faults/")[2] for name in every)
    return [name for name in (*short, *every) if name.startswith(incomplete)]


def complete_run(
    ctx: click.Context,
    param: click.Parameter,  # noqa: ARG001 - as click has it
    incomplete: str,
) -> "list[CompletionItem]":
    """Complete the id of a run below the folder of runs, or `latest`; else let the shell complete a folder."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only a shell that completes needs it

    from conformance.evidence.run_folder import run_folders  # noqa: PLC0415 - the same

    out = Path(ctx.params.get("out") or DEFAULT_FOLDER)
    names = ["latest", *(folder.name for folder in reversed([*run_folders(out)]))]
    found = [CompletionItem(name) for name in names if name.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="dir")]


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
        shell_complete=_COMPLETIONS.get(option.name),
    )


def run_options(function: "Decorated") -> "Decorated":
    """Add all options of a run to a command, which takes services as arguments, in the order of the list."""
    for option in reversed(RUN_OPTIONS):
        if option is not SERVICE:
            function = run_option(option)(function)
    return function


_COMPLETIONS: "dict[str, Callable[[click.Context, click.Parameter, str], Any]]" = {
    TARGET.name: complete_target,
    CASE.name: complete_ids("cases"),
    REQUIREMENT.name: complete_ids("requirements"),
    EXCLUDE.name: complete_ids("cases", "requirements"),
    FAILED.name: complete_run,
}
"""What completes the value of an option of a run."""


def _default(option: RunOption) -> str | bool | None:
    if not option.takes_value:
        return False
    return option.default if option.value_type is str and option.default else None


def _click_type(option: RunOption) -> "click.ParamType[Any] | None":
    if option.choices:
        return NearestChoice(option.choices)
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
