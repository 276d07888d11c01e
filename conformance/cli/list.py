"""The command `list`: prints what the harness knows as a table, as JSON or as CSV.

Parsing and printing only.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.catalogue.topics import TOPICS
from conformance.cli.choices import NearestChoice
from conformance.cli.console import (
    as_csv,
    print_error,
    print_json,
    print_plain,
    print_table,
    print_text,
)
from conformance.cli.options import complete_service, examples
from conformance.evidence.run_folder import DEFAULT_FOLDER
from conformance.model.case import SUITE_KINDS
from conformance.model.contract import Level

if TYPE_CHECKING:
    from conformance.catalogue.filters import Value

_SEPARATORS = {"accepted": "; "}
"""What stands between the parts of a column in a table or in CSV; a comma where the parts hold none."""


@click.command(
    name="list",
    epilog=examples(
        "ehealth-conformance list cases",
        "ehealth-conformance list cases --service status-dashboard --kind negative",
        "ehealth-conformance list requirements --section 5.3 --level MUST --format csv",
    ),
)
@click.argument("topic", type=NearestChoice(TOPICS))
@click.option(
    "--format",
    "form",
    type=NearestChoice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="How to print it; JSON has numbers, booleans and arrays.",
)
@click.option(
    "--service",
    "services",
    multiple=True,
    metavar="ID",
    shell_complete=complete_service,
    help="Show what is of this service only (repeatable).",
)
@click.option(
    "--section",
    "sections",
    multiple=True,
    metavar="NUMBER",
    help="Show cases, requirements or errata of this section of a cookbook, such as 5.3.1 (repeatable).",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=NearestChoice(tuple(kind.value for kind in SUITE_KINDS)),
    help="Show cases of this kind only (repeatable).",
)
@click.option(
    "--level",
    "levels",
    multiple=True,
    type=NearestChoice(tuple(level.value for level in Level), case_sensitive=False),
    help="Show requirements of this level only (repeatable).",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=DEFAULT_FOLDER,
    show_default=True,
    help="Folder in which `runs` looks for run folders.",
)
def list_topic(  # noqa: PLR0913 - the interface's options
    *,
    topic: str,
    form: str,
    out: Path,
    services: tuple[str, ...],
    sections: tuple[str, ...],
    kinds: tuple[str, ...],
    levels: tuple[str, ...],
) -> None:
    """List services, cases, requirements, errata, faults or runs."""
    from conformance.catalogue.filters import Filters  # noqa: PLC0415 - help and completion do without
    from conformance.catalogue.listing import rows  # noqa: PLC0415 - the same

    listed = rows(topic, out, Filters(services, sections, kinds, levels), print_error)
    if form == "json":
        print_json(listed)
        return
    texts = [_as_texts(row) for row in listed]
    if form == "csv":
        print_text(as_csv(texts))
    elif texts:
        print_table(texts)
    else:
        print_plain(f"no {topic}")


def _as_texts(row: "Mapping[str, Value]") -> dict[str, str]:
    return {name: _as_text(name, value) for name, value in row.items()}


def _as_text(name: str, value: "Value") -> str:
    """Return a value as a person reads it in a table: yes or no, a number, parts in a row."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _SEPARATORS.get(name, ", ").join(value)
    return str(value)
