"""Sends requests of a run folder again and has the answers judged: one exchange, or those that show a failure.

What is sent and what comes back goes into a run folder of its own. Must not print, nor judge by itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conformance.contracts.binding import bind
from conformance.engine.campaign import Campaign, open_campaign
from conformance.engine.embedded import start_embedded
from conformance.evidence.recorded_run import Recorded
from conformance.evidence.run_folder import make_folder
from conformance.messages.recorded import (
    ReplayItem,
    item_problems,
    rest_item,
    soap_item,
)
from conformance.model.case import Single
from conformance.model.errors import ConformanceError, UsageError
from conformance.model.exchange import Purpose
from conformance.replay.planning import SHOWN_ONLY, Replay
from conformance.replay.player import ReplayListener, ReplayPlayer
from conformance.reporting.outputs import write_outputs
from conformance.review.before_run import credential_problems
from conformance.soap.security.mutations import MUTATIONS
from conformance.target.target import ServiceTarget
from conformance.traffic.interruption import interruptible


def perform(
    replay: Replay, out: Path, listener: ReplayListener
) -> tuple[Mapping[str, Any], Path]:
    """Send a replay's exchanges, and return the results document and the new run folder.

    Raises UsageError, before anything is sent or written, where a credential cannot be had or a record not be used.
    """
    with interruptible() as requested:
        embedded = start_embedded(replay.plan.services)
        try:
            parts = _parts(replay, embedded.completed(replay.service))
            folder = make_folder(out, datetime.now(UTC))
            campaign = open_campaign(replay.plan, folder, embedded)
            _send_all(replay, parts, campaign, listener)
        finally:
            embedded.close()
        campaign.close()
        if requested.is_set():
            campaign.tally.interrupt()
        try:
            return write_outputs(campaign), folder
        except OSError as error:
            raise ConformanceError(
                f"{folder}: cannot be written to: {error}"
            ) from error


def _send_all(
    replay: Replay,
    parts: Sequence[ReplayItem],
    campaign: Campaign,
    listener: ReplayListener,
) -> None:
    # What the runner would send besides the probe is left out: it stands among the parts, or is not wanted.
    bare = replace(
        replay.case,
        preamble=(),
        control=None,
        caller="",
        probe=Single(),
        unchanged=None,
    )
    try:
        listener.begins(campaign.folder)
        for note in _notes(replay):
            campaign.note(note)
        play = ReplayPlayer(replay, parts, listener).play
        campaign.tally.add(campaign.run(bare, play))
    except KeyboardInterrupt:
        return  # what was exchanged is on disk, and the results say that the run was interrupted


def _notes(replay: Replay) -> Iterator[str]:
    """Yield what a reader of the results has to know."""
    ids, judged = ", ".join(one.id for one in replay.exchanges), replay.decisive
    shown_only = (
        not replay.known or replay.case.procedure or judged.purpose in SHOWN_ONLY
    )
    what = (
        "what is answered is shown only"
        if shown_only
        else f"the answer to {judged.id} is judged, not the whole case"
    )
    yield f"a replay of {ids} of the run {replay.run.id}: {what}"
    name, contract, target = (
        replay.service.service,
        replay.service.spec.contract,
        replay.plan.target,
    )
    if contract.stateful and any(
        one.exchange.request.method != "GET" for one in replay.exchanges
    ):
        yield f"{name} remembers what is done to it, and a replay restores nothing"
    before = replay.run.run.get("target")
    if before and (before["name"], before["environment"]) != (
        target.name,
        target.environment,
    ):
        yield "another target than the run's: test identities, User-Agent and From are sent as they were recorded"
    version = replay.run.run.get("specs", {}).get(name, contract.version)
    if version != contract.version:
        yield f"recorded by version {version} of the cookbook, judged by version {contract.version}"


def _parts(replay: Replay, service: ServiceTarget) -> list[ReplayItem]:
    """Return what is to be sent; raises UsageError where a record cannot be used or a credential not be had."""
    target, case = replay.plan.target, replay.case if replay.known else None
    if replay.soap:
        bind(service.spec, service.settings, target.folder)
    parts, earlier = [], list(replay.earlier)
    for one in _with_original(replay):
        if replay.soap:
            parts.append(
                soap_item(case, service, one, replay.base, earlier, exact=replay.exact)
            )
        else:
            parts.append(rest_item(case, service, one, replay.base))
        earlier.append(one)
    problems = [
        problem for part in parts for problem in item_problems(target, service, part)
    ]
    if not problems:
        roles = {role for part in parts for role in part.roles}
        callers = {name for part in parts for name in part.callers}
        problems = credential_problems(target, service, roles, callers)
    if problems:
        raise UsageError(list(dict.fromkeys(problems)))
    return parts


def _with_original(replay: Replay) -> list[Recorded]:
    """Return the exchanges, with the message before a probe that sends the one before it once more."""
    exchanges, message = list(replay.exchanges), replay.case.request.message
    controls = [one for one in replay.earlier if one.purpose is Purpose.CONTROL]
    probe = exchanges[0].purpose is Purpose.PROBE and not replay.exact
    if (
        probe
        and controls
        and message is not None
        and message.mutation in MUTATIONS
        and MUTATIONS[message.mutation].replay
    ):
        return [controls[-1], *exchanges]
    return exchanges
