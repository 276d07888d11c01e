"""Says how a failure is sent again by hand: a `curl` for each of its exchanges, or the `replay` line.

The terminal, the report, junit.xml and Allure have their words from here. Must not send anything.
"""

import posixpath
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from conformance.evidence.curl import curl_line, variables
from conformance.evidence.results_document import case_record
from conformance.evidence.store import Record
from conformance.model.result import CaseResult

HEADING = "Reproduce with curl"
_PROGRAM = "ehealth-conformance"
LONGEST = 8000
"""Characters of commands that a person still pastes."""


def reproduction(
    case: Mapping[str, Any], run: Mapping[str, Any], records: Mapping[str, Record]
) -> dict[str, Any]:
    """Return what the results keep of how a case's counterexample is sent again.

    `curl` has a command for each exchange that one can send, in their order; `tokens` the lines that fill the variables
    in them; `replay` the words of the command after the run.
    """
    names = case["counterexample"]["exchanges"]
    known = [records[name] for name in names if name in records]
    commands = [(record, _command(record)) for record in known]
    sent = [record for record, command in commands if command]
    return {
        "curl": [command for _, command in commands if command],
        "tokens": list(_filling(sent, case, run)),
        "replay": [names[-1]] if len(names) == 1 else [case["id"], "--counterexample"],
    }


def _command(record: Record) -> str:
    """Return the curl command of an exchange, "" where a token in it was altered, which only a replay does again."""
    if any("altered" in reference for reference in variables(record).values()):
        return ""
    return curl_line(record)


def recipes(case: Mapping[str, Any], run: str) -> Iterator[tuple[str, list[str]]]:
    """Yield lines to paste into a shell, after what they are for; `run` is the run's id or folder.

    Where a curl command sends each exchange, all of them in their order; where several belong together, or none can,
    the `replay` that also judges what is answered.
    """
    shown = case.get("counterexample", {})
    names, commands = shown.get("exchanges", ()), shown.get("curl", ())
    lines = [*shown.get("tokens", ()), *commands]
    complete = len(commands) == len(names)
    by_curl = bool(commands) and complete and sum(map(len, lines)) <= LONGEST
    if by_curl:
        yield f"{HEADING}:", lines
    if names and not (by_curl and len(names) == 1):
        heading = "Or, with the answers judged:" if by_curl else "Reproduce with:"
        yield heading, [replay_line(run, shown.get("replay") or [names[-1]])]


def reproducing_lines(case: Mapping[str, Any], run: str) -> Iterator[str]:
    """Yield the recipes as lines."""
    for heading, lines in recipes(case, run):
        yield heading
        yield from lines


def told_lines(
    result: CaseResult, run: Mapping[str, Any], records: Mapping[str, Record]
) -> list[str]:
    """Return the lines on a case that has just ended, before there are results; none where nothing failed."""
    if result.counterexample is None:
        return []
    case = case_record(result)
    case["counterexample"] |= reproduction(case, run, records)
    return list(reproducing_lines(case, name_of(run)))


def name_of(run: Mapping[str, Any]) -> str:
    """Return how a command names a run, from where the run was made: its folder, or its id where that is enough."""
    return str(run.get("folder") or run["id"])


def replay_line(run: str, arguments: Sequence[str]) -> str:
    """Return the command that sends again what a run has recorded, with each of its words quoted for a shell."""
    options = [word for word in arguments if word == "--counterexample"]
    words = [run, *(word for word in arguments if word not in options)]
    if any(word.startswith("-") for word in words):
        return shlex.join([_PROGRAM, "replay", *options, "--", *words])
    return shlex.join([_PROGRAM, "replay", *words, *options])


def _filling(
    records: Sequence[Record], case: Mapping[str, Any], run: Mapping[str, Any]
) -> Iterator[str]:
    """Yield a line for each variable that stands for a credential, which gives it its value."""
    found = {
        name: reference
        for record in records
        for name, reference in variables(record).items()
    }
    options = ["--target", _target(run)]
    for variable, reference in found.items():
        role = reference.get("token")
        if isinstance(role, str) and role.isprintable():
            words = [case["service"], role]
            dashes = ["--"] if any(word.startswith("-") for word in words) else []
            command = [_PROGRAM, "token", *options, *dashes, *words]
            yield f'{variable}="$({shlex.join(command)})"'
        else:
            yield f"{variable}='put the credential here'"


def _target(run: Mapping[str, Any]) -> str:
    """Return the run's target as `--target` takes it: from where the run was made, else from above its `--out`."""
    target: Mapping[str, str] = run["target"]
    file = target.get("file", "")
    if "/" not in file:
        return file or target["name"]
    folder = run.get("folder") or "runs/run"
    return posixpath.normpath(posixpath.join(folder, file))
