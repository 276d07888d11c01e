"""Sends requests of a run folder again and has the answers judged: one exchange, or those that show a failure.

What is sent and what comes back goes into a run folder of its own. Must not print, nor judge by itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from conformance.contracts.binding import bind
from conformance.engine.campaign import Campaign
from conformance.engine.runner import CaseExecution
from conformance.engine.session import Session
from conformance.evidence.recorded_run import Recorded
from conformance.evidence.run_folder import make_folder
from conformance.evidence.store import Record
from conformance.messages.recorded import (
    ReplayItem,
    fits,
    item_problems,
    place_of,
    remark,
    request_of,
    rest_item,
    soap_item,
)
from conformance.messages.soap import as_caller
from conformance.model.case import Case, Step, Template
from conformance.model.errors import ConformanceError, UsageError
from conformance.model.exchange import Exchange, Purpose
from conformance.model.verdict import Judgement, Severity
from conformance.replay.planning import SHOWN_ONLY, Replay
from conformance.reporting.outputs import write_outputs
from conformance.review.before_run import credential_problems
from conformance.soap.security.mutations import MUTATIONS
from conformance.target.target import ServiceTarget
from conformance.traffic.interruption import interruptible

_OUTER = frozenset({"status", "answer"})
"""Locations of findings that the state of a service may explain: another answer than the one that was wanted."""


class ReplayListener(Protocol):
    """Who is told what happens during a replay; no record holds a secret."""

    def begins(self, folder: Path) -> None:
        """Take note that everything is ready, and where it will be recorded."""

    def sends(self, one: Recorded, place: str, said: str) -> None:
        """Take note that an exchange is sent again, to a path, and of what is to be said of its bytes."""

    def answered(self, one: Recorded, now: Record) -> None:
        """Take note of what came of it."""


def perform(
    replay: Replay, out: Path, listener: ReplayListener
) -> tuple[Mapping[str, Any], Path]:
    """Send a replay's exchanges, and return the results document and the new run folder.

    Raises UsageError, before anything is sent or written, where a credential cannot be had or a record not be used.
    """
    campaign = Campaign(replay.plan, out)
    with interruptible() as requested:
        try:
            campaign.start_platform()
            parts = _parts(replay, campaign.service(replay.service.service))
            campaign.folder = make_folder(out, datetime.now(UTC))
            _send_all(replay, parts, campaign, listener)
        finally:
            campaign.close()
        campaign.interrupted = requested.is_set()
        try:
            return write_outputs(campaign), campaign.folder
        except OSError as error:
            raise ConformanceError(
                f"{campaign.folder}: cannot be written to: {error}"
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
        generate="",
        unchanged=None,
        procedure="",
    )
    try:
        listener.begins(campaign.folder)
        for note in _notes(replay):
            campaign.note(note)
        campaign.results[bare.id] = campaign.run(
            bare, _Player(replay, parts, listener).play
        )
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


@dataclass(slots=True)
class _Player:
    """Sends the parts of a replay in a conversation, and has the one that decides judged."""

    replay: Replay
    parts: Sequence[ReplayItem]
    listener: ReplayListener

    def play(self, execution: CaseExecution) -> Judgement:
        """Send everything, and return the judgement."""
        decisive = self.replay.decisive.id
        judgement: Judgement | None = None
        accepted = False
        for part in self.parts:
            exchange, template = self._send(part, execution)
            if part.one.id == decisive:
                execution.deciding = [exchange.id]
                accepted, judgement = (
                    execution.accepted,
                    self._judge(part, template, exchange, execution),
                )
            elif part.step is not None and not accepted:
                inconclusive_reason = self._stands_in_the_way(
                    part.step, exchange, execution, before=judgement is None
                )
                if inconclusive_reason:
                    return Judgement(inconclusive_reason=inconclusive_reason)
        return judgement or Judgement()

    def _send(
        self, part: ReplayItem, execution: CaseExecution
    ) -> tuple[Exchange, Template]:
        session = execution.session
        template = self._template(part, session)
        request = request_of(part, session, template)
        place = (
            part.place
            if part.place.strip("/")
            else urlsplit(session.address).path or "/"
        )
        self.listener.sends(part.one, place, remark(part, request, datetime.now(UTC)))
        exchange = execution.resend(request, template, part.one.purpose)
        self.listener.answered(part.one, session.store.record(exchange))
        return exchange, template

    def _template(self, part: ReplayItem, session: Session) -> Template:
        """Return which of its case's requests a part stands for."""
        plain = part.step.request if part.step is not None else self._case(part).request
        if part.element and session.messages is not None:
            return session.messages.again(
                plain.operation if self.replay.known else "", part.caller, part.element
            )
        return plain

    def _case(self, part: ReplayItem) -> Case:
        """Return the case as it is played by who sends a part."""
        return (
            as_caller(self.replay.case, part.caller)
            if self.replay.soap
            else self.replay.case
        )

    def _stands_in_the_way(
        self, step: Step, exchange: Exchange, execution: CaseExecution, *, before: bool
    ) -> str:
        """Return why a request before or after the one that decides was not served, "" where it was."""
        case = self.replay.case
        if before and step is case.control:
            execution.baseline = execution.runner.baseline(case, step, exchange)
        what = (
            "a request that comes before it" if before else "the plain request after it"
        )
        return execution.runner.step_problem(case, step, exchange, what)

    def _judge(
        self,
        part: ReplayItem,
        template: Template,
        exchange: Exchange,
        execution: CaseExecution,
    ) -> Judgement:
        case, runner = self._case(part), execution.runner
        untold = self._only_shown(part)
        if untold:
            return Judgement(
                inconclusive_reason=f"{untold}; its answer stands beside the recorded one"
            )
        if (
            self.replay.exact
            and self.replay.soap
            and runner.oracle.refuses_credential(exchange)
        ):
            return Judgement(
                inconclusive_reason="the message was refused, which its age, or that it was sent before, may explain; "
                "without --exact it is made anew"
            )
        if part.step is not None:
            problem = runner.step_problem(case, part.step, exchange, "the request")
            return (
                Judgement(inconclusive_reason=problem)
                if problem
                else runner.oracle.judge_step(exchange, case, part.step)
            )
        control = None if case.control_after or self.replay.soap else case.control
        if control is not None and not any(
            other.step is control for other in self.parts
        ):
            execution.baseline = self._recorded_baseline(case, control, execution)
        return self._settled(runner.assess(case, template, exchange, execution))

    def _only_shown(self, part: ReplayItem) -> str:
        """Return why an answer is not judged, "" where it is."""
        if part.one.purpose in SHOWN_ONLY:
            return SHOWN_ONLY[part.one.purpose]
        if not self.replay.known:
            return "the installed specs do not have this case, so that nothing says what may be answered"
        if self.replay.case.procedure:
            return "the case is played and judged as a whole by its suite (replay it by the case's id)"
        if part.one.purpose is Purpose.CONTROL and part.step is None:
            return "the case has no such request any more"
        return ""

    def _recorded_baseline(
        self, case: Case, control: Step, execution: CaseExecution
    ) -> set[tuple[str, str]]:
        """Return what was wrong with the plain answer already when it was recorded."""
        service = execution.session.service
        for one in reversed(self.replay.earlier):
            if one.purpose is Purpose.CONTROL and fits(
                control.request, service, one, place_of(service, one, self.replay.base)
            ):
                return execution.runner.baseline(case, control, one.exchange)
        return set()

    def _settled(self, judgement: Judgement) -> Judgement:
        """Return a judgement without what the state of the service may explain, where nothing has prepared it."""
        preamble = self.replay.case.preamble
        sent = [
            one
            for one in self.replay.exchanges[: self.replay.judged]
            if one.purpose is Purpose.CONTROL
        ]
        outer = [
            row
            for row in judgement.findings
            if row.severity is Severity.VIOLATION and row.location in _OUTER
        ]
        if not preamble or len(sent) >= len(preamble) or not outer:
            return judgement
        reason = (
            f"{outer[0].requirement}: {outer[0].message}, actual {outer[0].actual}; but what the case sends before was "
            "not sent, and the service's state may explain it (replay the case by its id, or its --counterexample)"
        )
        kept = tuple(row for row in judgement.findings if row not in outer)
        return replace(
            judgement,
            findings=kept,
            inconclusive_reason=judgement.inconclusive_reason or reason,
        )
