"""Who must not be served, asked for a pharmacy and for a part of what is there: each operation once for each caller.

Between the refusals stand requests of one who is served: they show that the others were refused for who asked, and
that what was refused was not done.
"""

from collections import Counter
from dataclasses import dataclass, replace

from conformance.engine.assessment import assess
from conformance.engine.execution import CaseExecution
from conformance.model.case import Scripted, Template
from conformance.model.errors import ConformanceError, MissingDataError
from conformance.model.exchange import Exchange, Purpose
from conformance.model.verdict import Finding, Judgement, Severity, merge

from .therapeutic_exclusion_answers import error_is
from .therapeutic_exclusion_conversation import Blocked, send_or_block
from .therapeutic_exclusion_requests import (
    Party,
    Person,
    consultation,
    declaration,
    history,
    parties,
    person,
    revocation,
)

_CREATED, _FOUND, _GONE = 201, 200, 204


def play_callers(execution: CaseExecution) -> Judgement:
    """Let a caller who must not be served ask for each thing, among requests of one who is served."""
    probe = execution.case.probe
    if not isinstance(probe, Scripted):
        raise ConformanceError(f"{execution.case.id} names no caller")
    options = probe.options
    who = person(
        execution, options.get("data", "patient"), options.get("served", "citizen")
    )
    party = next((one for one in parties(execution) if one.kind == "nihii"), None)
    if party is None:
        raise MissingDataError("the target gives no data.pharmacies")
    if options["token"]:
        execution.session.requests.token(options["token"])
    return _Asker(execution, who, party, options["token"]).judge()


@dataclass(frozen=True, slots=True)
class _Asker:
    """Asks in the name of a caller who must not be served, and of one who is."""

    execution: CaseExecution
    who: Person
    party: Party
    token: str

    def judge(self) -> Judgement:
        """Return what became of a revocation, of consultations, and of a declaration; stop at one that is served."""
        who, party = self.who, self.party
        self._prepared()
        asked = [
            ("a pharmacy's exclusion revoked", revocation(who, party)),
            ("a pharmacy's exclusion consulted", consultation(who, party)),
            ("a page of the history", history(who, 1)),
        ]
        judgements = []
        for what, template in asked:
            judgements.append(self._refused(what, template))
            if judgements[-1].violated or judgements[-1].inconclusive_reason:
                return merge(judgements)
        judgements.append(self._undone("a revocation", revocation(who, party), _GONE))
        if judgements[-1].violated:
            return merge(judgements)
        declared = declaration(who, party)
        judgements.append(self._refused("a pharmacy declared", declared))
        if not judgements[-1].violated and not judgements[-1].inconclusive_reason:
            judgements.append(self._undone("a declaration", declared, _CREATED))
        return merge(judgements)

    def _prepared(self) -> None:
        """Have the pharmacy excluded; raises Blocked where it is not, so that nothing can be learnt of a refusal."""
        self.execution.send(declaration(self.who, self.party), Purpose.CONTROL)
        plain = consultation(self.who, self.party)
        exchange = send_or_block(self.execution, plain, Purpose.CONTROL)
        if _status(exchange) != _FOUND:
            raise Blocked(f"the plain request was answered with {_status(exchange)}")

    def _refused(self, what: str, plain: Template) -> Judgement:
        """Send a request in the name of who must not be served."""
        template = replace(plain, token=self.token)
        exchange = self.execution.send(template)
        case = self.execution.case
        judgement = assess(self.execution, case, template, exchange).judgement
        findings = tuple(
            replace(one, message=f"{one.message}; {what}") for one in judgement.findings
        )
        return replace(judgement, findings=findings)

    def _undone(self, what: str, plain: Template, status: int) -> Judgement:
        """Send the plain request, which fails where the refused one before it was done all the same."""
        exchange = self.execution.send(plain, Purpose.CONTROL)
        requirement = self.execution.case.requirements[0]
        if _status(exchange) == status:
            return Judgement(evaluated=Counter({requirement: 1}))
        done = {_GONE: ((404,), "BIZ002"), _CREATED: ((409,), "BIZ001")}[status]
        if not error_is(exchange, *done):
            raise Blocked(f"the plain request was answered with {_status(exchange)}")
        self.execution.deciding = [exchange.id]
        finding = Finding(
            requirement,
            Severity.VIOLATION,
            f"{what} for a pharmacy was refused, and done all the same",
            "state",
            f"the plain request after it is answered with {status}",
            f"it is answered with {_status(exchange)}: there is nothing left to do",
        )
        return Judgement((finding,), Counter({requirement: 1}))


def _status(exchange: Exchange) -> int:
    return exchange.response.status if exchange.response is not None else 0
