"""The README keeps its word: its commands exist, its links lead somewhere, and its set-up lines are what CI runs."""

import re
from pathlib import Path

from conformance.cli import COMMANDS
from conformance.contracts.loading import load_spec, service_ids

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_there_are_two_set_up_commands() -> None:
    """One line runs the harness, one line the tests; each begins with a virtual environment."""
    lines = re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)
    assert len(lines) == 2
    assert lines[0].endswith("ehealth-conformance run")
    assert lines[1].endswith("tox")


def test_every_command_named_exists() -> None:
    """Each `ehealth-conformance COMMAND` of the README is one of the command line's."""
    named = set(re.findall(r"ehealth-conformance (\w+)", README))
    assert named
    assert named <= {entry.name for entry in COMMANDS}


def test_every_file_linked_exists() -> None:
    """Links and pictures lead to files of the repository."""
    for name in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / name).exists(), name


def test_every_service_is_named_with_its_version() -> None:
    """The README lists each service, with the version of its cookbook."""
    for service in service_ids():
        assert f"`{service}`" in README
        assert load_spec(service).contract.version in README
