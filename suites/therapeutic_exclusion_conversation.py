"""A conversation with a service about exclusions: requests are sent, and each answer is judged by the rule at stake."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from conformance.checks.json_body import parse
from conformance.engine.assessment import refusal_words
from conformance.engine.execution import CaseExecution
from conformance.judging.foreign_answers import is_page_of_refusal
from conformance.model.case import Clause, Expectation, Template
from conformance.model.errors import ConformanceError
from conformance.model.exchange import Exchange, Purpose
from conformance.model.verdict import Judgement

from .therapeutic_exclusion_answers import (
    NOTHING_THERE,
    OK,
    clause,
    is_absent,
    operation_of,
)
from .therapeutic_exclusion_requests import SERVICE
from .therapeutic_exclusion_steps import Step, told

_SUCCESS = 2


class Blocked(Exception):  # noqa: N818 - not an error: the comparison cannot go on
    """What the model needs to know cannot be learnt from the service."""


def send_or_block(
    execution: CaseExecution, template: Template, purpose: Purpose = Purpose.PROBE
) -> Exchange:
    """Send a request; raises Blocked where its token is refused that has not served before."""
    exchange = execution.send(template, purpose)
    if execution.refused(template, exchange):
        raise Blocked(refusal_words(template, exchange))
    return exchange


def clear(execution: CaseExecution, revoking: Template) -> None:
    """Revoke what may be active; raises Blocked where it cannot be told that nothing is any more."""
    exchange = send_or_block(execution, revoking, Purpose.CONTROL)
    response = exchange.response
    status = response.status if response is not None else 0
    # A page with 404 comes of something in front of the service, which knows nothing of exclusions.
    is_foreign = response is not None and is_page_of_refusal(response)
    is_done = status // 100 == _SUCCESS or is_absent(exchange)
    if is_foreign or not is_done:
        raise Blocked(f"the revocation before was not served: {status or 'no answer'}")


@dataclass(slots=True)
class Conversation:
    """Sends what sequences ask for; `last` is the last exchange, on which a judgement rests."""

    execution: CaseExecution
    purpose: Purpose = Purpose.PROBE
    last: Exchange | None = None

    @property
    def decisive(self) -> Exchange:
        """Return the last exchange, on which the judgement of what was played rests."""
        if self.last is None:
            raise ConformanceError("a sequence sent nothing")
        return self.last

    def send(self, template: Template) -> Exchange:
        """Send a request; raises Blocked where its token is refused that has not served before."""
        self.last = send_or_block(self.execution, template, self.purpose)
        return self.last

    def expect(
        self,
        exchange: Exchange,
        rule: str,
        clauses: Sequence[Clause],
        steps: Sequence[Step],
    ) -> Judgement:
        """Judge an answer by the clauses that a rule allows, after some steps."""
        requirement = f"{SERVICE}/{rule}"
        operation = operation_of(exchange)
        expectation = Expectation(rule, tuple(clauses))
        case = replace(
            self.execution.case,
            requirements=(requirement,),
            request=Template(operation),
            expectation=expectation,
        )
        judgement = self.execution.oracle.judge(exchange, case)
        findings = tuple(
            replace(row, message=f"{row.message}; after {told(steps)}")
            for row in judgement.findings
        )
        return replace(judgement, findings=findings)

    def rows(self, exchange: Exchange, what: str) -> list[Any]:
        """Return the objects of a list, none where nothing is there; raises Blocked where it cannot be read."""
        response = exchange.response
        if is_absent(exchange):
            return []
        if response is None or response.status != OK or response.cut:
            raise Blocked(
                f"{what} cannot be read: {response.status if response else 'no answer'}"
            )
        document = parse(response.body).document
        if not isinstance(document, list) or not all(
            isinstance(row, dict) for row in document
        ):
            raise Blocked(f"{what} cannot be read: it is no list of objects")
        return document

    def readable(self, exchange: Exchange, section: str) -> Judgement:
        """Judge by its status alone an answer of which nobody knows whether it has to find something."""
        empty = (
            exchange.response is not None
            and exchange.response.status // 100 == _SUCCESS
        )
        rule = f"{section}/not-found" if empty else f"{section}/success"
        return self.expect(exchange, rule, [clause("200"), *NOTHING_THERE], ())
