"""The command `send`: one request of one's own making, its answer and what the answer breaks.

Parsing and printing only; what is printed of the exchange is its record, which holds no secret.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conformance.cli.console import print_line, print_plain, verdict_part
from conformance.cli.options import (
    complete_service,
    examples,
    out_option,
    target_option,
)
from conformance.model.wording import place_words

if TYPE_CHECKING:
    from conformance.engine.sending import OwnRequest
    from conformance.model.result import CaseResult

_LARGEST_BODY = 8 * 2**20
"""Bytes of a body that is sent."""
_LONGEST_BODY = 4000
"""Characters of a body that a terminal still shows well."""
_MEANINGS = {
    "pass": "the contract documents this answer",
    "fail": "the answer breaks the contract",
    "inconclusive": "the answer says nothing about the service",
    "not_applicable": "nothing in the contract applies to this answer",
}


@click.command(
    epilog=examples(
        "ehealth-conformance send status-dashboard getDashboard --target status-sim",
        "ehealth-conformance send therapeutic-exclusion getExclusions --token citizen "
        "--set 'patientSsin=$patient'",
        "ehealth-conformance send therapeutic-exclusion declareExclusion --token citizen "
        "--body exclusion.json --set hcParty.qualificationCode=persdentist",
        "ehealth-conformance send dossier-number-generation generate --caller physician "
        "--set 'own_number=$own' --set LastName=Sterrenveld",
    )
)
@click.argument("service", shell_complete=complete_service)
@click.argument("operation")
@target_option
@out_option
@click.option(
    "--token", default="", metavar="ROLE", help="Send the access token of this role."
)
@click.option(
    "--caller",
    default="",
    metavar="NAME",
    help="Sign the SOAP message as this caller.  [default: the target's first]",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Give a parameter, a member of the body or an element its value, by the contract's name (repeatable); "
    "a value such as $patient stands for the target's test data.",
)
@click.option(
    "--body",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the whole body: JSON, or for SOAP the request element as XML.",
)
@click.pass_context
def send(  # noqa: PLR0913 - the interface's options
    ctx: click.Context,
    /,
    *,
    service: str,
    operation: str,
    target: str,
    out: Path,
    token: str,
    caller: str,
    settings: tuple[str, ...],
    body: Path | None,
) -> None:
    """Send one request with credentials, and judge the answer.

    OPERATION is the contract's name of it. The exchange goes into a new run folder.

    Exit code: 0 documented answer, 1 the answer breaks the contract, 2 wrong input, 3 inconclusive.
    """
    from conformance.engine.sending import OwnRequest  # noqa: PLC0415 - help and completion do without

    values = dict(map(_name_and_value, settings))
    content = _content(body) if body is not None else None
    wanted = OwnRequest(operation, token, caller, values, content)
    result, folder, code = _send(service, target, out, wanted)
    _print_exchange(folder)
    _print_judgement(result, folder)
    ctx.exit(code)


def _content(body: Path) -> bytes:
    from conformance.files.reading import UnreadableFileError, read_bounded  # noqa: PLC0415 - help does without
    from conformance.model.errors import UsageError  # noqa: PLC0415 - the same

    try:
        return read_bounded(body, _LARGEST_BODY)
    except UnreadableFileError as error:
        raise UsageError(error.about(body)) from None


def _send(
    name: str, target_name: str, out: Path, wanted: "OwnRequest"
) -> tuple["CaseResult", Path, int]:
    """Send a request into a run folder of its own; return what became of it, the folder, and the exit code."""
    from conformance.engine.campaign import open_campaign  # noqa: PLC0415 - help and completion do without
    from conformance.engine.embedded import start_embedded  # noqa: PLC0415 - the same
    from conformance.engine.own import own_plan  # noqa: PLC0415 - the same
    from conformance.engine.sending import make_template, send_template  # noqa: PLC0415 - the same
    from conformance.evidence.run_folder import make_folder  # noqa: PLC0415 - the same
    from conformance.reporting.outputs import write_outputs  # noqa: PLC0415 - the same
    from conformance.review.mock_alive import demand_mock  # noqa: PLC0415 - the same
    from conformance.target.placeholders import unfilled_identity  # noqa: PLC0415 - the same
    from conformance.target.reading import choose_services, load_target  # noqa: PLC0415 - the same

    target = load_target(target_name)
    services = choose_services(target, (name,))
    demand_mock(target, services)
    for message, remedy in unfilled_identity(target):
        print_plain(f"warning: {message}; {remedy}")
    embedded = start_embedded(services, folder=target.folder)
    try:
        template = make_template(target, embedded.completed(services[0]), wanted)
    except BaseException:
        embedded.close()
        raise
    folder = make_folder(out, datetime.now(UTC))
    campaign = open_campaign(own_plan(target, services), folder, embedded)
    try:
        title = f"one request: {template.operation}"
        result = send_template(campaign, name, template, title)
    except BaseException:
        campaign.close()
        _remove_if_empty(folder)
        raise
    campaign.close()
    campaign.tally.add(result)
    campaign.tally.single = True
    document = write_outputs(campaign)
    return result, folder, int(document["run"]["exit_code"])


def _remove_if_empty(folder: Path) -> None:
    """Remove a run folder in which no exchange was recorded: it shows nothing."""
    from conformance.evidence.store import read_exchanges  # noqa: PLC0415 - help and completion do without

    if not any(read_exchanges(folder)):
        shutil.rmtree(folder)


def _name_and_value(setting: str) -> tuple[str, str]:
    name, equals, value = setting.partition("=")
    if not (name and equals):
        raise click.BadParameter(
            f"{setting!r} is no NAME=VALUE; write --set patientSsin=90010199794",
            param_hint="--set",
        )
    return name, value


def _print_exchange(folder: Path) -> None:
    """Print request and answer as they are recorded: credentials as references."""
    from conformance.evidence.store import read_exchanges  # noqa: PLC0415 - help and completion do without

    for record in read_exchanges(folder):
        request = record["request"]
        print_plain(f"> {request['method']} {request['url']}")
        _print_message(request, ">")
        print_plain("")
        response = record.get("response")
        if response is None:
            print_plain(f"< no answer: {record['failure']['message']}")
            continue
        line = f"HTTP/{response['version']} {response['status']} {response['reason']}"
        print_plain(f"< {line.rstrip()}  ({record['elapsed_s'] * 1000:.0f} ms)")
        _print_message(response, "<")
        print_plain("")


def _print_message(message: Mapping[str, Any], mark: str) -> None:
    for name, value in message["headers"]:
        print_plain(f"{mark} {name}: {_shown_value(value)}")
    body = message["body"]
    if "base64" in body:
        print_plain(
            f"{mark} {message['length']} bytes that are no text, in the run folder"
        )
        return
    for line in _shown_body(body["text"]):
        print_plain(line)


def _shown_value(value: str | Mapping[str, str]) -> str:
    """Return a header's value; a credential is its reference, such as `Bearer {"token": "citizen"}`."""
    if isinstance(value, str):
        return value
    reference = {key: text for key, text in value.items() if key != "scheme"}
    return f"{value.get('scheme', '')} {json.dumps(reference)}".strip()


def _shown_body(text: str) -> Iterator[str]:
    """Yield the lines of a body: JSON indented, a long text without its middle, but with its length."""
    if not text:
        return
    with suppress(ValueError, RecursionError):  # another text is shown as it is
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    if len(text) <= _LONGEST_BODY:
        yield from text.splitlines()
        return
    half = _LONGEST_BODY // 2
    yield from text[:half].splitlines()
    yield f"... ({len(text):,} characters; the run folder has them all) ..."
    yield from text[-half:].splitlines()


def _print_judgement(result: "CaseResult", folder: Path) -> None:
    """Print the verdict with the findings it rests on, and where the evidence is."""
    verdict = result.verdict.value
    meaning = _MEANINGS.get(verdict, "the harness erred")
    print_line(verdict_part(verdict), f": {meaning}")
    if result.reason and not result.findings:
        print_line(f"  {result.reason}")
    for finding in result.findings:
        _print_lines(
            (
                f"  {finding.severity.value} {finding.requirement}: {finding.message}",
                f"    at {place_words(finding.location, finding.count)}",
                f"    expected {finding.expected}",
                f"    actual   {finding.actual}",
            )
        )
    print_line(f"run folder: {folder}")


def _print_lines(lines: Sequence[str]) -> None:
    for line in lines:
        print_line(line)
