"""The command `init`: prints or writes a target file to fill in.

Parsing and printing only.
"""

from pathlib import Path

import click

from conformance.cli.console import print_plain, print_text
from conformance.cli.options import examples
from conformance.model.errors import UsageError
from conformance.target.policy import BUILT_IN


def _complete_name(
    ctx: click.Context,  # noqa: ARG001 - as click has it
    param: click.Parameter,  # noqa: ARG001 - as click has it
    incomplete: str,
) -> list[str]:
    return [name for name in BUILT_IN if name.startswith(incomplete)]


@click.command(
    epilog=examples(
        "ehealth-conformance init acceptance --out acceptance.yaml",
        "ehealth-conformance init",
    )
)
@click.argument(
    "name", default="status-sim", metavar="[NAME]", shell_complete=_complete_name
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="File to write; it must not exist.  [default: print]",
)
def init(name: str, out: Path | None) -> None:
    """Write a commented target file to fill in.

    NAME is a built-in target: local, status-sim (the default), acceptance or production.
    """
    from conformance.contracts.loading import describe, service_ids  # noqa: PLC0415 - help and completion do without
    from conformance.formats.schemas import suggestion  # noqa: PLC0415 - the same
    from conformance.target.writing import target_text, write_target  # noqa: PLC0415 - the same

    if name not in BUILT_IN:
        raise UsageError(
            f"there is no built-in target {name!r}{suggestion(name, tuple(BUILT_IN))}"
        )
    text = target_text(name, str(out or "FILE"), map(describe, service_ids()))
    if out is None:
        print_text(text)
        return
    if out.exists():
        raise UsageError(f"{out} exists already; choose another name or remove it")
    write_target(out, text)
    print_plain(f"Fill in {out}, then run: ehealth-conformance run --target {out}")
