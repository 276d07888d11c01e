"""The command `list`: prints what the harness knows as a table, as JSON or as CSV.

Parsing and printing only.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.catalogue.topics import TOPICS
from conformance.cli.console import as_csv, print_error, print_table
from conformance.cli.options import examples
from conformance.evidence.run_folder import DEFAULT_FOLDER

if TYPE_CHECKING:
    from conformance.catalogue.listing import Value

_SEPARATORS = {"accepted": "; "}
"""What stands between the parts of a column in a table or in CSV; a comma where the parts hold none."""


@click.command(
    name="list",
    epilog=examples(
        "ehealth-conformance list cases",
        "ehealth-conformance list requirements --format csv",
    ),
)
@click.argument("topic", type=click.Choice(TOPICS))
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="How to print it; JSON has numbers, booleans and arrays.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=DEFAULT_FOLDER,
    show_default=True,
    help="Folder in which `runs` looks for run folders.",
)
def list_topic(topic: str, form: str, out: Path) -> None:
    """List services, cases, requirements, errata, faults or runs."""
    from conformance.catalogue.listing import rows, unreadable_runs  # noqa: PLC0415 - help and completion do without

    listed = rows(topic, out)
    for line in unreadable_runs(out) if topic == "runs" else ():
        print_error(line, "note")
    if form == "json":
        click.echo(json.dumps(listed, indent=1, ensure_ascii=False))
        return
    texts = [_as_texts(row) for row in listed]
    if form == "csv":
        click.echo(as_csv(texts), nl=False)
    elif texts:
        print_table(texts)
    else:
        click.echo(f"no {topic}")


def _as_texts(row: "Mapping[str, Value]") -> dict[str, str]:
    return {name: _as_text(name, value) for name, value in row.items()}


def _as_text(name: str, value: "Value") -> str:
    """Return a value as a person reads it in a table: yes or no, a number, parts in a row."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _SEPARATORS.get(name, ", ").join(value)
    return str(value)
