"""Tells whether anything of a service was ever met, or only what stands in front of it: a wrong address, a login.

Where every plain request meets the same refusal without anything of the contract, no case can accuse the service
(interface, section 5). Must not judge answers by the contract.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from conformance.engine.execution import CaseExecution, credential_of
from conformance.judging.findings import BUSY_STATUSES
from conformance.judging.likely_cause import ForeignAnswer
from conformance.model.case import Case, CaseKind, Single, Template
from conformance.model.contract import Contract
from conformance.model.errors import ConformanceError
from conformance.model.exchange import Exchange, Purpose
from conformance.model.verdict import Verdict

_MOST_ASKED = 6
"""Plain requests that are sent at most to tell a wrong address from a service that refuses something."""
_DECIDED = frozenset({Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE})


@dataclass(slots=True)
class Reachability:
    """What the plain requests of one service meet.

    `cause` is what all of them have met since the service was last heard of, with the remedy; "" where it was heard of.
    `doubts_passes` tells that a refusal that a case wants counts only where the service was heard of in the same run.
    """

    cause: str = ""
    doubts_passes: bool = True
    _kind: str = field(default="", init=False)
    _heard: bool = field(default=False, init=False)

    def cause_for(self, execution: CaseExecution, verdict: Verdict) -> str:
        """Return why a case that has ended says nothing of the service, "" where it may.

        Plain requests are sent where what decides the case is no answer of the contract.
        """
        if verdict not in _DECIDED:
            return ""
        refusal = execution.deciding_refusal
        if execution.heard and refusal is None:
            self._heard, self.cause = True, ""
        if refusal is None:
            return ""
        # A refusal that a case wants is the service's own for as long as the service is known to be there.
        is_believed = self._heard or execution.heard or not self.doubts_passes
        if verdict is Verdict.PASS and is_believed:
            return ""
        if not self.cause or refusal.kind != self._kind:
            self._ask(execution, refusal)
        return self.cause

    def _ask(self, execution: CaseExecution, refusal: ForeignAnswer) -> None:
        """Send plain requests, and remember the cause where all of them are refused like the one that decides."""
        self.cause, self._kind, self._heard = "", "", False
        execution.keep_deciding()
        asked: list[str] = []
        for template in _plain_requests(execution):
            try:
                exchange = execution.send(template, Purpose.CONTROL)
            except ConformanceError:
                continue  # nothing can be asked in this way
            met = execution.oracle.foreign_refusal(exchange, template.operation)
            if met is None and _is_silent(exchange):
                continue  # no answer, or one of load, tells nothing either way
            if met is None or met.kind != refusal.kind:
                self._heard = met is None
                return
            asked.append(_asked_by(template))
            if len(asked) == _MOST_ASKED:
                break
        if asked:
            self._kind = refusal.kind
            who = ", ".join(dict.fromkeys(filter(None, asked)))
            by = f", sent with {who}," if who else ""
            met_by_all = f"every plain request{by} was answered {refusal.seen}"
            self.cause = f"{met_by_all}: {refusal.remedy}"


def _is_silent(exchange: Exchange) -> bool:
    response = exchange.response
    return response is None or bool(response.cut) or response.status in BUSY_STATUSES


def _asked_by(template: Template) -> str:
    """Return what a request proves its sender with, in words; "" for nothing."""
    name = credential_of(template)
    if not name:
        return ""
    return f"{'the token' if template.message is None else 'the caller'} {name!r}"


def _plain_requests(execution: CaseExecution) -> Iterator[Template]:
    """Yield each request, by each caller, that the service has to serve and that changes nothing."""
    session = execution.session
    contract = session.service.spec.contract
    sent: set[str] = set()
    for case in session.service.spec.cases.values():
        if not _is_plain(case, contract, session.service.settings):
            continue
        for variant in _variants(execution, case):
            key = repr(variant.request)
            if key not in sent:
                sent.add(key)
                yield variant.request


def _variants(execution: CaseExecution, case: Case) -> list[Case]:
    """Return a case by each caller that can play it."""
    try:
        return execution.session.requests.variants_by_caller(case)
    except ConformanceError:
        return []  # nobody can ask in this way


def _is_plain(
    case: Case, contract: Contract, settings: Mapping[str, Collection[str]]
) -> bool:
    """Tell whether a case asks once, changes nothing, and asks for what the target has."""
    is_single = isinstance(case.probe, Single) and not case.preamble
    if case.kind is not CaseKind.POSITIVE or not is_single:
        return False
    claim = case.claim
    if claim is not None and claim.value not in settings.get(claim.setting, ()):
        return False
    if contract.soap is not None:
        return not contract.stateful
    method = case.request.method or contract.operations[case.request.operation].method
    return method == "GET"
