"""Measures the CPU seconds (user and system) that short commands take: help, lists, init and a shell's completion.

`python benchmarks/start_up.py` measures the package that this interpreter imports. To set it beside another version,
name the interpreter of an environment where that is installed, or a checkout for this interpreter:

    python benchmarks/start_up.py --against ../before/.venv/bin/python
    python benchmarks/start_up.py --against-checkout ../before

Both are measured in turns, so that what else the machine does falls on both alike; figures are medians of the rounds.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_COMPLETE = {
    "_EHEALTH_CONFORMANCE_COMPLETE": "bash_complete",
    "COMP_WORDS": "ehealth-conformance li",
    "COMP_CWORD": "1",
}
_COMPLETE_ID = {
    **_COMPLETE,
    "COMP_WORDS": "ehealth-conformance run --case therapeutic-exclusion/8",
    "COMP_CWORD": "3",
}
_START = (
    "import sys; sys.argv[0] = 'ehealth-conformance'; "
    "from conformance.__main__ import main; main()"
)
"""What the console script does; it finds the package by itself, wherever it is installed."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command line to measure, with the environment variables that it needs."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    code: str = _START


COMMANDS = (
    Command("python and click alone", (), code="import click"),
    Command("--help", ("--help",)),
    Command("run --help", ("run", "--help")),
    Command("completion of `li`", (), _COMPLETE),
    Command("completion of a case's id", (), _COMPLETE_ID),
    Command("init local", ("init", "local")),
    Command("list services", ("list", "services")),
    Command("list cases --format json", ("list", "cases", "--format", "json")),
    Command("list requirements", ("list", "requirements")),
    Command("list faults --format csv", ("list", "faults", "--format", "csv")),
    Command("explain status-dashboard", ("explain", "status-dashboard")),
)


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the package: an interpreter, and the checkout that it imports.

    "" stands for what is installed there, None for what this process imports too.
    """

    name: str
    python: str
    checkout: str | None = None

    def seconds(self, command: Command, folder: Path) -> float:
        """Return the CPU seconds of a command and of what it starts; raises where it fails."""
        environment = {**os.environ, **command.environment}
        if self.checkout is not None:
            environment["PYTHONPATH"] = self.checkout
        before = _children()
        subprocess.run(  # noqa: S603 - our own commands
            [self.python, "-c", command.code, *command.arguments],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return _children() - before


def _children() -> float:
    """Return the CPU seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(
    versions: Sequence[Version], rounds: int
) -> Iterator[tuple[Command, list[float]]]:
    """Yield each command with the median CPU seconds of each version, measured in turns."""
    with tempfile.TemporaryDirectory(prefix="start-up-") as name:
        folder = Path(name)
        for command in COMMANDS:
            for version in versions:  # compiles what is not compiled yet
                version.seconds(command, folder)
            times: list[list[float]] = [[] for _ in versions]
            for _ in range(rounds):
                for taken, version in zip(times, versions, strict=True):
                    taken.append(version.seconds(command, folder))
            yield command, [statistics.median(taken) for taken in times]


def table(versions: Sequence[Version], rounds: int) -> Iterator[str]:
    """Yield the lines of a table in Markdown, with the ratio of the first version to the second where there are two."""
    ratio = len(versions) > 1
    headings = [f"{version.name}, s" for version in versions]
    headings += ["ratio"] if ratio else []
    yield f"| command | {' | '.join(headings)} |"
    yield f"|---|{'---:|' * len(headings)}"
    for command, medians in measure(versions, rounds):
        cells = [f"{seconds:.3f}" for seconds in medians]
        cells += [f"{medians[0] / medians[1]:.2f}"] if ratio else []
        yield f"| {command.name} | {' | '.join(cells)} |"


def _versions(options: argparse.Namespace) -> list[Version]:
    """Return this version, and the one that it is set beside."""
    versions = [Version("now", sys.executable)]
    if options.against:
        # Not resolved: the link inside a virtual environment is what makes it one.
        python = str(Path(options.against).absolute())
        versions.append(Version("before", python, checkout=""))
    elif options.against_checkout:
        checkout = str(options.against_checkout.resolve(strict=True))
        versions.append(Version("before", sys.executable, checkout))
    return versions


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7, help="rounds (default: 7)")
    other = parser.add_mutually_exclusive_group()
    other.add_argument(
        "--against", metavar="PYTHON", help="interpreter that has another version"
    )
    other.add_argument(
        "--against-checkout",
        type=Path,
        metavar="DIR",
        help="checkout of another version, for this interpreter",
    )
    options = parser.parse_args()
    for line in table(_versions(options), options.rounds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
