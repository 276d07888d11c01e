"""Estimates what a run sends to a service that answers well: how many requests, and how long they take.

Must not send anything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from conformance.engine.plan import Plan, roles_needed
from conformance.model.case import (
    Case,
    Forgeries,
    Forgery,
    Listed,
    Mutated,
    OtherNumbers,
    Property,
    Scripted,
    Single,
    WsdlProperty,
)
from conformance.model.wording import count_of, span
from conformance.strategies.generators import EDGES
from conformance.target.target import ServiceTarget, Target

_LOCAL_SECONDS: Final = 0.02
"""Seconds that a request to a local service takes, where no rate is kept."""
_SNAPSHOTS: Final = 4
"""Requests that show whether a probe changed what it must leave alone: two before it and two after it."""
_SWEPT: Final = 8
"""Mutations that a WSDL usually has of one kind."""
_BOUNDARIES: Final = 17
"""Messages at the bounds of a WSDL's types that usually come before those that are drawn."""
_WRITINGS: Final[Mapping[str, int]] = {"other-numbers": 8, "odd-lengths": 4}
_OTHER_WRITINGS: Final = 3
"""How often a caller's number can be written in another way, by the name of the sort."""
_STATEFUL_STEPS: Final = 15
"""Requests that an example of a procedure takes whose case does not say how many."""


@dataclass(frozen=True, slots=True)
class Amount:
    """What a run sends: requests by case id, and how many are sent in a second at most, None where no rate is kept."""

    requests: Mapping[str, int]
    rate: float | None

    @property
    def total(self) -> int:
        """Return the number of requests."""
        return sum(self.requests.values())

    @property
    def seconds(self) -> float:
        """Return how long they take."""
        return self.seconds_of(self.total)

    def seconds_of(self, requests: int) -> float:
        """Return how long some of the requests take."""
        return requests / self.rate if self.rate else requests * _LOCAL_SECONDS

    @property
    def words(self) -> str:
        """Return the amount in words, with the time that the target's rate makes it take."""
        sent = f"about {count_of(self.total, 'request')}"
        if not self.rate:
            return sent
        return f"{sent}: {span(self.seconds)} at {self.rate:g} a second"


def amount_of(
    target: Target, cases: Iterable[tuple[Case, ServiceTarget]], examples: int
) -> Amount:
    """Return what cases send, each to its service."""
    counts = {
        case.id: requests_of(case, service, target, examples) for case, service in cases
    }
    return Amount(counts, target.limits.rate)


def planned_amount(plan: Plan) -> Amount:
    """Return what a plan's selected cases send."""
    chosen = (
        (case, service)
        for service in plan.services
        for case in service.spec.cases.values()
        if plan.selection.takes(case)
    )
    return amount_of(plan.target, chosen, plan.examples)


def requests_of(
    case: Case, service: ServiceTarget, target: Target, examples: int
) -> int:
    """Return roughly how many requests a case sends to a service that answers well, 0 where it is not sent at all."""
    if _is_left_out(case, service, target):
        return 0
    steps = len(case.requests) - 1
    guarded = 1 + (_SNAPSHOTS if case.unchanged is not None else 0)
    return (steps + _probes(case, examples) * guarded) * _players(case, service)


def _is_left_out(case: Case, service: ServiceTarget, target: Target) -> bool:
    """Tell whether the target alone keeps a case from being sent (a thorough one is sent where nobody counts)."""
    if case.thorough or (case.intrusive and not target.intrusive):
        return True
    settings, claim = service.settings, case.claim
    if claim and claim.value not in settings.get(claim.setting, (claim.value,)):
        return True
    if service.address is None:
        return False  # the embedded platform gives everything
    roles = roles_needed([case])
    return not roles <= set(settings.get("tokens") or ())


def _players(case: Case, service: ServiceTarget) -> int:
    """Return how many callers play a case of a SOAP service, one after the other; 1 for another service."""
    rules = service.spec.contract.soap
    if rules is None:
        return 1
    given = service.settings.get("callers") or {}
    kinds = [row["kind"] for row in given.values()]
    if service.address is None:
        kinds = list(rules.callers)
    if case.other_callers:
        return len(set(kinds) - {*kinds[:1]})
    return kinds.count(case.caller) if case.caller else min(1, len(kinds))


def _probes(case: Case, examples: int) -> int:
    """Return how often a case's probe is sent by one caller."""
    match case.probe:
        case Single():
            return 1
        case Scripted(_, options):
            usual = 0 if "requests" in options else _STATEFUL_STEPS
            each: int = options.get("requests_an_example", usual)
            fixed: int = options.get("requests", 0)
            return fixed + examples * each
        case Property(strategy):
            edges = EDGES[strategy](case.request) if strategy in EDGES else ()
            return len(edges) + examples
        case WsdlProperty():
            return _BOUNDARIES + examples
        case Forgeries(pairs):
            return sum(_pair(case, pair) for pair in pairs)
        case mutated:
            return _mutations(mutated)


def _pair(case: Case, pair: Forgery) -> int:
    """Return how many requests a pair takes: what is forged, signed by itself; what is signed; and both in one."""
    control = case.control.request if case.control is not None else None
    return 1 + (pair.forged != control) + pair.refused


def _mutations(probe: Mutated) -> int:
    match probe:
        case Listed(rows):
            return len(rows)
        case OtherNumbers(form):
            return _WRITINGS.get(form, _OTHER_WRITINGS)
        case _:
            return _SWEPT
