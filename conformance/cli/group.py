"""The click group of the command line: loads a command when it is used, and turns every ending into an exit code.

Names and one-line help of the commands are data, so that help and completion of names load no command.
Must not know what a command does.
"""

import functools
import importlib
import io
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from conformance.cli.closed_pipes import pipe_safe_output
from conformance.cli.console import print_aside, print_error
from conformance.cli.encodings import prepare_streams
from conformance.model.errors import (
    TRACEBACK_VARIABLE,
    ConformanceError,
    UsageError,
    defect_line,
)
from conformance.traffic.interruption import interruptible

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

USAGE = UsageError.exit_code
ERRED = ConformanceError.exit_code
INTERRUPTED = 128 + signal.SIGINT
"""Exit codes of what goes wrong before or beside a command's work (interface, section 3)."""
_CLICK_WORDS = (
    (
        r"('[^']*') is not a valid integer( range)?\.",
        r"expected a whole number, not \1.",
    ),
    (r"(\S+) is not in the range x>=(\d+)\.", r"expected \2 or more, not \1."),
    (r"(\S+) is not in the range (\d+)<=x<=(\d+)\.", r"expected \2 to \3, not \1."),
    (
        r"('[^']*') does not match the format '%Y-%m-%d'\.",
        r"expected a day such as 2026-12-31, not \1.",
    ),
)
"""What click says of a value, and what its author should read."""
_COMPLETION = "_EHEALTH_CONFORMANCE_COMPLETE"
"""The variable by which a shell asks for completion, which click answers in bytes."""


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """A command as the group knows it before it is used: its name, the first line of its help, and its place.

    `place` is `module:attribute`, the attribute being a click command.
    """

    name: str
    help: str
    place: str

    def load(self) -> click.Command:
        """Import the command's module and return the command."""
        # Libraries in Rust load it too, and an interruption there would be shown as a panic.
        import decimal  # noqa: F401, PLC0415 - see above

        module, _, attribute = self.place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


class CommandGroup(click.Group):
    """A group of commands that are imported when they are used."""

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - as click has it
        entries: Sequence[CommandEntry] = (),
        **settings: Any,  # noqa: ANN401 - as click has it
    ) -> None:
        """Make the group of a table of commands, which help shows in this order."""
        super().__init__(*args, **settings)
        self.entries = {entry.name: entry for entry in entries}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click has it
        """Return the names of all commands."""
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as click has it
        """Load a command; None where there is no such name."""
        entry = self.entries.get(cmd_name)
        return None if entry is None else entry.load()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Load the command that the arguments begin with; an unknown name gets the nearest as a suggestion."""
        name = args[0]
        unknown = name not in self.entries and not name.startswith("-")
        if unknown and not ctx.resilient_parsing:
            from conformance.formats.schemas import suggestion  # noqa: PLC0415 - only where a user has made a mistake

            names = tuple(self.entries)
            ctx.fail(f"there is no command {name!r}{suggestion(name, names)}")
        return super().resolve_command(ctx, args)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - as click has it
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the table of commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [(entry.name, entry.help) for entry in self.entries.values()]
            )

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> "list[CompletionItem]":
        """Complete the name of a command without loading any, or an option of the group."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only a shell that completes needs it

        names = [
            CompletionItem(entry.name, help=entry.help)
            for entry in self.entries.values()
            if entry.name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002 - as click has it
        **extra: Any,  # noqa: ANN401 - as click has it
    ) -> Any:  # noqa: ANN401 - as click has it
        """Run the command line to its end, which is an exit code of the interface."""
        run = functools.partial(
            super().main, args, prog_name, complete_var, standalone_mode=False, **extra
        )
        if not standalone_mode or _COMPLETION in os.environ:
            return run()
        prepare_streams()
        with pipe_safe_output() as (out, err):
            code = self._exit_code(run)
            for stream in (out, err):
                stream.flush()
            if trouble := out.trouble or err.trouble:
                code = _unwritten(trouble, code)
        sys.exit(code)

    @staticmethod
    def _exit_code(run: Callable[[], int | None]) -> int:
        """Run a command line, print what goes wrong outside of its work, and return the exit code."""
        try:
            code = _interruptible(run)
        except click.ClickException as error:
            _show(error)
            return USAGE
        except (click.Abort, KeyboardInterrupt):
            print_aside("interrupted")
            return INTERRUPTED
        except ConformanceError as error:
            for problem in _problems(error):
                print_error(problem)
            for note in getattr(error, "__notes__", ()):
                print_error(note, "note")
            return error.exit_code
        except BaseException as error:  # noqa: BLE001 - whatever breaks ends with 4, and 1 is for failed cases alone
            if os.environ.get(TRACEBACK_VARIABLE):
                print_aside(traceback.format_exc())
            print_error(defect_line(error))
            return ERRED
        return code or 0


def _interruptible(run: Callable[[], int | None]) -> int | None:
    """Run a command line; what breaks because a signal came in the midst of it is an interruption."""
    with interruptible() as requested:
        try:
            return run()
        except BaseException:
            if requested.is_set():
                raise KeyboardInterrupt from None
            raise


def _unwritten(error: OSError, code: int) -> int:
    """Say that what was printed is not all there, and return the exit code; what was interrupted stays so."""
    print_error(
        f"the output could not be written: {error.strerror}; make room, or write it elsewhere"
    )
    return INTERRUPTED if code == INTERRUPTED else ERRED


def _show(error: click.ClickException) -> None:
    """Print what is wrong with a command line: what was expected, and what came."""
    shown = io.StringIO()
    error.show(file=shown)
    text = shown.getvalue()
    for pattern, words in _CLICK_WORDS:
        text = re.sub(pattern, words, text)
    print_aside(text)


def _problems(error: ConformanceError) -> Sequence[str]:
    """Return one line for each mistake of the user, or the error as a whole."""
    return error.problems if isinstance(error, UsageError) else (str(error),)
