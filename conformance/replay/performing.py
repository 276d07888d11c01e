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
from conformance.model.case import Case, Single
from conformance.model.errors import UsageError
from conformance.model.exchange import Purpose
from conformance.replay.planning import SHOWN_ONLY, Replay
from conformance.replay.player import ReplayListener, ReplayPlayer
from conformance.reporting.outputs import write_outputs
from conformance.review.before_run import credential_problems
from conformance.review.mock_alive import demand_mock
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
        embedded = start_embedded(
            replay.plan.services, folder=replay.plan.target.folder
        )
        try:
            items = _items(replay, embedded.completed(replay.service))
            folder = make_folder(out, datetime.now(UTC))
            campaign = open_campaign(replay.plan, folder, embedded)
            _send_all(replay, items, campaign, listener)
        finally:
            embedded.close()
        campaign.close()
        if requested.is_set():
            campaign.tally.interrupt()
        return write_outputs(campaign), folder


def _send_all(
    replay: Replay,
    items: Sequence[ReplayItem],
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
        play = ReplayPlayer(replay, items, listener).play
        campaign.tally.add(campaign.run(bare, play))
    except KeyboardInterrupt:
        return  # what was exchanged is on disk, and the results say that the run was interrupted


def _notes(replay: Replay) -> Iterator[str]:
    """Yield what a reader of the results has to know."""
    ids = ", ".join(recorded.id for recorded in replay.exchanges)
    yield f"a replay of {ids} of the run {replay.run.id}: {_what_is_judged(replay)}"
    contract, target = replay.service.spec.contract, replay.plan.target
    name = contract.service
    changing = any(row.exchange.request.method != "GET" for row in replay.exchanges)
    if contract.stateful and changing:
        yield f"{name} remembers what is done to it, and a replay restores nothing"
    if skipped := replay.run.skipped:
        yield skipped
    before = replay.run.run.get("target")
    own = {"name": target.name, "environment": target.environment}
    if before and any(before[key] != value for key, value in own.items()):
        yield "another target than the run's: test identities, User-Agent and From are sent as they were recorded"
    version = replay.run.run.get("specs", {}).get(name, contract.version)
    if version != contract.version:
        yield f"recorded by version {version} of the cookbook, judged by version {contract.version}"


def _what_is_judged(replay: Replay) -> str:
    judged = replay.decisive
    unjudged = judged.purpose in SHOWN_ONLY or replay.case.procedure is not None
    if unjudged or not replay.known:
        return "what is answered is shown only"
    return f"the answer to {judged.id} is judged, not the whole case"


def _items(replay: Replay, service: ServiceTarget) -> list[ReplayItem]:
    """Return what is to be sent; raises UsageError where a record cannot be used or a credential not be had."""
    target = replay.plan.target
    demand_mock(target, [service])
    if replay.soap:
        bind(service.spec, service.settings, target.folder)
    items: list[ReplayItem] = []
    earlier = list(replay.earlier)
    for recorded in _with_original(replay):
        items.append(_item(replay, service, recorded, earlier))
        earlier.append(recorded)
    problems = [row for item in items for row in item_problems(target, service, item)]
    if not problems:
        roles = {role for item in items for role in item.roles}
        callers = {name for item in items for name in item.callers}
        problems = credential_problems(target, service, roles, callers)
    if problems:
        raise UsageError(list(dict.fromkeys(problems)))
    return items


def _item(
    replay: Replay, service: ServiceTarget, one: Recorded, earlier: Sequence[Recorded]
) -> ReplayItem:
    case = replay.case if replay.known else None
    if not replay.soap:
        return rest_item(case, service, one, replay.base)
    return soap_item(case, service, one, replay.base, earlier, exact=replay.exact)


def _with_original(replay: Replay) -> list[Recorded]:
    """Return the exchanges, with the message before a probe that sends the one before it once more."""
    exchanges = list(replay.exchanges)
    controls = [row for row in replay.earlier if row.purpose is Purpose.CONTROL]
    probe = exchanges[0].purpose is Purpose.PROBE and not replay.exact
    if probe and controls and _replays_a_message(replay.case):
        return [controls[-1], *exchanges]
    return exchanges


def _replays_a_message(case: Case) -> bool:
    message = case.request.message
    mutation = MUTATIONS.get(message.mutation) if message is not None else None
    return mutation is not None and mutation.replay
