"""Exchanges of one's own with a service: sent as they are, recorded, judged by what is documented, kept as one case.

Tests of one's own and the command `send` stand on it. Must not know httpx nor pytest.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from threading import RLock

from conformance.credentials.alterations import ALTERATIONS, MALFORMED
from conformance.engine.campaign import Campaign
from conformance.engine.events import CaseStarted
from conformance.engine.plan import DEFAULT_SEED, Plan, Selection, usual_examples
from conformance.engine.runner import conclude
from conformance.engine.session import Session
from conformance.formats.schemas import known_names
from conformance.judging.documented import RULE, UNDOCUMENTED, documented_case
from conformance.judging.oracle import Oracle
from conformance.model.case import Case, CaseKind, Expectation, Template
from conformance.model.contract import Contract
from conformance.model.errors import UsageError
from conformance.model.exchange import Exchange, Request
from conformance.model.result import CaseResult
from conformance.model.verdict import Judgement, merge
from conformance.target.policy import Sender
from conformance.target.target import ServiceTarget, Target

PREFIX = "own/"
"""What the ids of these cases begin with."""
_MOST_DECIDING = 5
_ORIGIN = "a test of one's own"
_NO_OPERATION = "the contract has no operation that this request asks for"
_REFUSED = "the service refused who asks; check the credential that was sent"


@dataclass(slots=True)
class OwnExchanges:
    """What is exchanged with one service under one case id; threads may share it."""

    name: str
    title: str
    session: Session
    oracle: Oracle
    _lock: RLock
    _ids: list[str] = field(default_factory=list)
    _judged: list[tuple[str, Judgement]] = field(default_factory=list)
    _seconds: float = 0.0

    @property
    def contract(self) -> Contract:
        """Return the contract of the service."""
        return self.session.service.spec.contract

    def send(
        self, method: str, make: Callable[[], Request], timeout: float | None = None
    ) -> tuple[Exchange, Judgement]:
        """Send a request, and return the exchange with its judgement by an operation's documented answers.

        `make` gives the request once it is its turn, and may ask for credentials then; `timeout` (seconds) may shorten
        the target's own. Raises ForbiddenTrafficError where the policy forbids the method, BudgetError where the
        target's budget is used up.
        """
        self.session.demand_allowed(method)
        with self._lock:
            request = make()
            exchange = self.session.send_once(self.name, request, timeout=timeout)
            self._ids.append(exchange.id)
            self._seconds += exchange.elapsed
            judgement = self._judge(exchange)
            self._judged.append((exchange.id, judgement))
        return exchange, judgement

    def result(self) -> CaseResult | None:
        """Return what became of the exchanges as one case, None where there were none."""
        if not self._ids:
            return None
        case = own_case(self.contract.service, self.name, self.title)
        result = conclude(case, merge(judgement for _, judgement in self._judged))
        return replace(
            result,
            exchanges=tuple(self._ids),
            deciding=self._deciding(),
            duration=self._seconds,
        )

    def _deciding(self) -> tuple[str, ...]:
        """Return the exchanges that the verdict rests on: those that break the contract, else the undecided ones."""
        broken = [name for name, judgement in self._judged if judgement.violated]
        undecided = [
            name for name, judgement in self._judged if judgement.inconclusive_reason
        ]
        return tuple(broken or undecided or self._ids[-1:])[:_MOST_DECIDING]

    def _judge(self, exchange: Exchange) -> Judgement:
        operation = self.session.requests.operation_of(exchange.request)
        if operation is None:
            return Judgement(not_applicable_reason=_NO_OPERATION)
        if self.oracle.refuses_credential(exchange):
            return Judgement(inconclusive_reason=_REFUSED)
        case = documented_case(self.contract, self.name, operation)
        judgement = self.oracle.judge(exchange, case)
        undocumented = any(row.requirement == RULE for row in judgement.findings)
        if undocumented and not judgement.violated:
            return replace(judgement, inconclusive_reason=UNDOCUMENTED)
        return judgement


def open_exchanges(
    campaign: Campaign, service: str, name: str, title: str, lock: RLock
) -> OwnExchanges:
    """Return exchanges of one's own with a service of a campaign, under the case id `own/<name>`.

    Whoever shares the `lock` sends one after the other.
    """
    campaign.events.emit(CaseStarted(PREFIX + name, service))
    context = campaign.runner(service).context
    session = replace(context.session, sender=Sender.OWN)
    return OwnExchanges(PREFIX + name, title, session, context.oracle, lock)


def demand_credential(service: ServiceTarget, token: str, caller: str) -> None:
    """Raise UsageError where a target gives a service no token of a role, or no caller of a name; "" asks for none."""
    for kind, wanted in (("tokens", token), ("callers", caller)):
        known = tuple(service.settings.get(kind) or ())
        name, mark, alteration = wanted.partition("!")
        if mark and (kind == "callers" or alteration not in ALTERATIONS):
            raise UsageError(
                f"{wanted!r}: a token may be {' or '.join(f'{name}!{how}' for how in ALTERATIONS)}, "
                "and a caller has no such addition"
            )
        if name and name not in {*known, MALFORMED}:
            raise UsageError(
                f"the target's {kind} of {service.service} have no {name!r}{known_names(name, known)}"
            )


def own_plan(target: Target, services: tuple[ServiceTarget, ...]) -> Plan:
    """Return the plan of a run in which no suite is run, only requests of one's own."""
    return Plan(
        target,
        services,
        Selection(),
        DEFAULT_SEED,
        usual_examples(target),
        suites=False,
    )


def own_case(service: str, name: str, title: str) -> Case:
    """Return the case that exchanges of one's own are reported as."""
    nothing = Expectation("documented answers", ())
    return Case(name, service, title, CaseKind.OWN, _ORIGIN, (), Template(""), nothing)


def own_case_of(record: Mapping[str, str]) -> Case:
    """Return the case of a result that another process has made into data."""
    return own_case(record["service"], record["id"], record["title"])
