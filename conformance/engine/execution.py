"""One case's execution: what is sent in its name, and what is remembered of it until it has a verdict.

A suite's procedure plays its case through it. Must not decide verdicts.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis.strategies import SearchStrategy

from conformance.engine.probes.search import Attempt, Drawn, Search, case_dir, words
from conformance.engine.session import Session
from conformance.judging.likely_cause import ForeignAnswer
from conformance.judging.oracle import Oracle
from conformance.model.case import Case, Template
from conformance.model.errors import ConformanceError
from conformance.model.exchange import Exchange, Purpose, Request
from conformance.model.verdict import Counterexample, Judgement, Severity

_MOST_SHOWN = 20
_SHRINK_REQUESTS_LOCAL, _SHRINK_REQUESTS = 200, 25
_SUCCESS = 2


@dataclass(frozen=True, slots=True)
class ExecutionContext:
    """What the cases of one service are executed with; `examples` is the number a property draws.

    Counterexamples are kept below `counterexamples` and tried first the next time, where there is such a folder. Cases
    that take thousands of requests run where it is `thorough`. `sequence` is the only one that a case of sequences
    plays, in the words of the run in which it failed, "" for all.
    """

    session: Session
    oracle: Oracle
    seed: int
    examples: int
    counterexamples: Path | None = None
    thorough: bool = False
    sequence: str = ""


@dataclass(slots=True)
class CaseExecution:
    """The execution of one case.

    `ids` are those of its exchanges, `deciding` those that its verdict rests on, `served` the credentials that have
    been accepted. `failure` is why the last answer is not whole; `heard` tells that an answer was the service's own,
    `refusals` has those that were not, by exchange. `baseline` is what is wrong with plain answers already, by
    requirement and message.
    """

    context: ExecutionContext
    case: Case
    ids: list[str] = field(default_factory=list)
    deciding: list[str] = field(default_factory=list)
    answered: bool = False
    accepted: bool = False
    counterexample: Counterexample | None = None
    served: set[str] = field(default_factory=set)
    failure: str = ""
    heard: bool = False
    refusals: dict[str, ForeignAnswer] = field(default_factory=dict)
    baseline: set[tuple[str, str]] = field(default_factory=set)
    _last_body: bytes | None = None

    @property
    def session(self) -> Session:
        """Return the session with the service under test."""
        return self.context.session

    @property
    def oracle(self) -> Oracle:
        """Return what judges the service's answers."""
        return self.context.oracle

    @property
    def last_body(self) -> bytes | None:
        """Return the body of the request sent last, which a mutation may replay; None before the first one."""
        return self._last_body

    @property
    def shown(self) -> Counterexample:
        """Return the exchanges that show what is wrong: the smallest that were found, else the last ones."""
        if self.counterexample is not None:
            return self.counterexample
        until = len(self.ids)
        if self.deciding and self.deciding[-1] in self.ids:
            until = self.ids.index(self.deciding[-1]) + 1
        return Counterexample(tuple(self.ids[:until][-_MOST_SHOWN:]))

    def send(self, template: Template, purpose: Purpose = Purpose.PROBE) -> Exchange:
        """Send a request and return the exchange; errors as for `Session.exchange`."""
        repeated = self._last_body

        def built() -> Request:
            return self.session.requests.request(template, repeated)

        return self._send(built(), template, purpose, built)

    def resend(
        self, request: Request, template: Template, purpose: Purpose = Purpose.PROBE
    ) -> Exchange:
        """Send a request that is complete already, and return the exchange; a template says what it stands for."""
        return self._send(request, template, purpose)

    def _send(
        self,
        request: Request,
        template: Template,
        purpose: Purpose,
        renewed: Callable[[], Request] | None = None,
    ) -> Exchange:
        exchange = self.session.send(self.case.id, request, purpose, renewed)
        if renewed is not None:
            exchange = self._with_new_token(exchange, template, purpose, renewed)
        self._last_body = exchange.request.body
        self.note(exchange, template, purpose)
        return exchange

    def _with_new_token(
        self,
        exchange: Exchange,
        template: Template,
        purpose: Purpose,
        renewed: Callable[[], Request],
    ) -> Exchange:
        """Return what came of a request; of one whose token was refused, what comes of it with a new one."""
        session, renewals = self.session, self.session.renewals
        is_given_up = renewals.give_up(
            self.case, template, purpose, exchange, session.requests
        )
        if not is_given_up:
            return exchange
        try:
            request = renewed()
        except ConformanceError:
            self.note(exchange, template, purpose)
            raise
        again = session.send(self.case.id, request, purpose, renewed)
        renewals.note(template.token, again)
        return again

    def refused(self, template: Template, exchange: Exchange) -> bool:
        """Tell whether a credential was refused that has not served in this execution: a fault of neither side."""
        credential = credential_of(template)
        broken_on_purpose = "!" in credential
        if not credential or broken_on_purpose or credential in self.served:
            return False
        return self.oracle.refuses_credential(exchange)

    def search(
        self,
        strategy: SearchStrategy[Drawn],
        attempt: "Attempt[Drawn]",
        examples: int = 0,
    ) -> Judgement:
        """Try drawn examples until one is violated, and return the judgement of the smallest such one, or of all.

        `attempt` sends what an example asks for and judges it; `examples` defaults to the run's number.
        """
        local = self.session.target.local
        shrinking = _SHRINK_REQUESTS_LOCAL if local else _SHRINK_REQUESTS
        search = Search(attempt, self.ids, shrinking)
        judgement = search.run(
            strategy,
            case_seed(self.context.seed, self.case.id),
            examples or self.context.examples,
            case_dir(self.context.counterexamples, self.case.id),
        )
        if search.found is not None:
            self.counterexample = search.found
            self.deciding.append(search.found.exchanges[-1])
        return judgement

    def reduce(
        self, parts: tuple[Drawn, ...], attempt: "Attempt[tuple[Drawn, ...]]"
    ) -> Judgement:
        """Try a sequence; where it is violated, leave out parts for as long as the same requirement stays broken."""
        before = len(self.ids)
        exchange, judgement = attempt(parts)
        if not judgement.violated:
            return judgement
        self.show(exchange, before, parts)
        broken = broken_requirements(judgement)
        for at in reversed(range(len(parts))):
            shorter = (*parts[:at], *parts[at + 1 :])
            if not shorter:
                continue
            before = len(self.ids)
            try:
                exchange, smaller = attempt(shorter)
            except ConformanceError:
                break  # what was found stays found, also where it cannot be made smaller
            if broken & broken_requirements(smaller):
                parts, judgement = shorter, smaller
                self.show(exchange, before, parts)
        return judgement

    @property
    def deciding_refusal(self) -> ForeignAnswer | None:
        """Return what the exchanges that decide met in front of the service, None where one was the service's own."""
        met = [self.refusals.get(name) for name in self.deciding or self.ids[-1:]]
        return met[-1] if met and None not in met else None

    def keep_deciding(self) -> None:
        """Let the verdict rest on what has been sent so far, whatever is sent to understand it."""
        self.deciding = self.deciding or self.ids[-1:]

    def show(self, exchange: Exchange, before: int, parts: tuple[Drawn, ...]) -> None:
        """Let an exchange decide, and what was sent since there were `before` exchanges show the failure."""
        self.deciding = [exchange.id]
        self.counterexample = Counterexample(tuple(self.ids[before:]), words(parts))

    def note(self, exchange: Exchange, template: Template, purpose: Purpose) -> None:
        """Remember an exchange, and what its answer says of the credential."""
        self.ids.append(exchange.id)
        response = exchange.response
        if response is None:
            self.failure = exchange.failure.message if exchange.failure else ""
            return
        self.failure = response.cut
        self.answered = self.answered or not response.cut
        refusal = self.oracle.foreign_refusal(exchange, template.operation)
        if refusal is not None:
            self.refusals[exchange.id] = refusal
        elif not response.cut:
            self.heard = True
        if not self.oracle.refuses_credential(exchange):
            self.served.add(credential_of(template))
        if purpose is Purpose.PROBE and response.status // 100 == _SUCCESS:
            self.accepted = True


Procedure = Callable[[CaseExecution], Judgement]
"""A case that a suite plays itself."""


def credential_of(template: Template) -> str:
    """Return the name of what a request proves its sender with, "" for nothing."""
    message = template.message
    return message.caller if message is not None else template.token


def case_seed(seed: int, case: str) -> int:
    """Return a case's own seed, so that adding a case changes no other's requests."""
    digest = hashlib.sha256(f"{seed}:{case}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def broken_requirements(judgement: Judgement) -> set[str]:
    """Return the requirements that violations name."""
    violations = (
        finding
        for finding in judgement.findings
        if finding.severity is Severity.VIOLATION
    )
    return {finding.requirement for finding in violations}
