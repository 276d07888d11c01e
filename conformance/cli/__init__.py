"""The command line: the group of all commands and its version.

Each command has a module of its own, which parses options and prints; the table below says which.
"""

import click

from conformance import __version__
from conformance.cli.console import print_aside
from conformance.cli.group import CommandEntry, CommandGroup
from conformance.cli.options import examples
from conformance.formats.unread_specs import unread_specs_note

COMMANDS = (
    CommandEntry(
        "run",
        "Run the suites against a target and write results and a report.",
        "conformance.cli.run:run",
    ),
    CommandEntry(
        "init",
        "Write a commented target file to fill in.",
        "conformance.cli.init:init",
    ),
    CommandEntry(
        "review",
        "Review a target before any test traffic or a release.",
        "conformance.cli.review:review",
    ),
    CommandEntry(
        "replay",
        "Send a recorded request again and judge the answer.",
        "conformance.cli.replay:replay",
    ),
    CommandEntry(
        "send",
        "Send one request with credentials, and judge the answer.",
        "conformance.cli.send:send",
    ),
    CommandEntry(
        "token",
        "Show what a role's access token says, or print it.",
        "conformance.cli.token:token",
    ),
    CommandEntry(
        "mock",
        "Serve the local platform on loopback until interrupted.",
        "conformance.cli.mock:mock",
    ),
    CommandEntry(
        "list",
        "List services, cases, requirements, errata, faults or runs.",
        "conformance.cli.list:list_topic",
    ),
    CommandEntry(
        "explain",
        "Explain a case, requirement, erratum, fault or service by its id.",
        "conformance.cli.explain:explain",
    ),
    CommandEntry(
        "lint",
        "Check spec folders: formats, references, examples, coverage.",
        "conformance.cli.lint:lint",
    ),
    CommandEntry(
        "selftest",
        "Run the suites against seeded faults and print the mutation score.",
        "conformance.cli.selftest:selftest",
    ),
)
"""All commands, in the order in which help shows them."""


@click.group(
    cls=CommandGroup,
    entries=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=examples(
        "ehealth-conformance run", "ehealth-conformance run --target my-target.yaml"
    ),
)
@click.version_option(__version__, prog_name="ehealth-conformance")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Test web services of the Belgian eHealth platform against their cookbooks."""
    note = unread_specs_note()
    if note and ctx.invoked_subcommand != "lint":  # which may be told another folder
        print_aside(f"note: {note}")
