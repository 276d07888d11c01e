"""Probes a service by a case's request: once, varied by a property, drawn from a WSDL, or mutated one by one.

Must not decide verdicts.
"""

from dataclasses import replace
from functools import partial

from conformance.engine.assessment import assess, explained
from conformance.engine.execution import CaseExecution, Procedure
from conformance.engine.search import Attempt, distinct, flaky
from conformance.engine.state_guard import changes, take_snapshots
from conformance.model.case import (
    Case,
    Property,
    Scripted,
    Single,
    Template,
    WsdlProperty,
)
from conformance.model.errors import BudgetError, ConformanceError, MissingDataError
from conformance.model.exchange import Exchange
from conformance.model.verdict import Judgement, merge
from conformance.strategies.drawing import Parts, Start
from conformance.strategies.generators import EDGES, GENERATORS


def run_probe(
    execution: CaseExecution, case: Case, procedure: Procedure | None
) -> Judgement:
    """Return what a case's probe found; a `procedure` plays the case in the place of its one request."""
    if procedure is not None:
        return procedure(execution)
    match case.probe:
        case Single() | Scripted():
            return _probe(execution, case, case.request)[1]
        case Property(strategy):
            return _run_property(execution, case, strategy)
        case WsdlProperty():
            return _run_wsdl_property(execution, case)
        case _:
            return _run_mutations(execution, case)


def is_unclaimed(execution: CaseExecution, case: Case) -> bool:
    """Tell whether the target says nothing of the resource under test, which it may not have then."""
    if case.claim is None or execution.session.target.local:
        return False
    return case.claim.setting not in execution.session.service.settings


def _probe(
    execution: CaseExecution, case: Case, template: Template
) -> tuple[Exchange, Judgement]:
    """Send a probe and assess its response, and whether it changed what it must leave alone."""
    guard = case.unchanged
    before = take_snapshots(execution, guard) if guard is not None else None
    exchange = execution.send(template)
    unclaimed = is_unclaimed(execution, case)
    assessment = assess(execution, case, template, exchange, unclaimed=unclaimed)
    judgement = assessment.judgement
    if guard is None or before is None:
        return exchange, judgement
    if assessment.excused or exchange.response is None:
        return exchange, judgement
    try:
        changed = changes(execution, guard, template, exchange, before)
    except BudgetError:
        if not judgement.violated:
            raise
        return exchange, judgement  # what was found stays found
    return exchange, merge([judgement, changed])


def _run_property(execution: CaseExecution, case: Case, strategy: str) -> Judgement:
    """Send a property's requests: those at the bounds of what it varies, then drawn ones, which shrink."""
    attempt = partial(_probe, execution, case)
    judgements: list[Judgement] = []
    for template in EDGES[strategy](case.request) if strategy in EDGES else ():
        judgement = execution.reduce((template,), lambda parts: attempt(parts[0]))
        judgements.append(_confirmed(judgement, partial(attempt, template)))
        if judgement.inconclusive_reason:
            return merge(judgements)
        if judgement.violated:
            break
    return _searched(execution, case, strategy, attempt, judgements)


def _searched(
    execution: CaseExecution,
    case: Case,
    strategy: str,
    attempt: "Attempt[Template]",
    at_the_bounds: list[Judgement],
) -> Judgement:
    """Search drawn requests after those at the bounds, of which a violation stays found in any case."""
    known = execution.deciding, execution.counterexample
    execution.deciding = []
    try:
        searched = execution.search(GENERATORS[strategy](case.request), attempt)
    except ConformanceError:
        if not any(judgement.violated for judgement in at_the_bounds):
            raise
        searched = (
            Judgement()
        )  # what was found stays found, also where it cannot be made smaller
    if searched.violated:
        evaluated = merge([*at_the_bounds, searched]).evaluated
        return replace(searched, evaluated=evaluated)
    execution.deciding, execution.counterexample = known
    return distinct(merge([*at_the_bounds, searched]))


def _run_wsdl_property(execution: CaseExecution, case: Case) -> Judgement:
    """Send a property's own messages one by one, then those that are drawn; stop at one that is violated.

    What is found says how its message differs from one that was served.
    """
    drawing = execution.session.requests.drawing(case)

    def attempt(template: Template) -> tuple[Exchange, Judgement]:
        exchange, judgement = _probe(execution, case, template)
        if judgement.findings:
            judgement = explained(judgement, drawing.explain(template))
        return exchange, judgement

    def built(start: Start, parts: Parts) -> tuple[Exchange, Judgement]:
        return attempt(start.build(parts))

    judgements: list[Judgement] = []
    for start in drawing.starts:
        judgement = execution.reduce(start.parts, partial(built, start))
        judgements.append(_confirmed(judgement, partial(built, start, start.parts)))
        if judgement.violated or judgement.inconclusive_reason:
            return distinct(merge(judgements))
    judgements.append(execution.search(drawing.strategy, attempt))
    return distinct(merge(judgements))


def _run_mutations(execution: CaseExecution, case: Case) -> Judgement:
    """Send a request once for each mutation of it, and return all that was found."""
    judgements: list[Judgement] = []
    try:
        for template in execution.session.requests.mutations(case):
            try:
                exchange, judgement = _probe(execution, case, template)
            except MissingDataError as error:
                # Where a WSDL takes one of several texts, the others are sent all the same.
                judgements.append(Judgement(not_applicable_reason=str(error)))
                continue
            judgements.append(judgement)
            if judgement.violated:
                execution.deciding.append(exchange.id)
            if judgement.inconclusive_reason:
                break
    except ConformanceError:
        if not any(judgement.violated for judgement in judgements):
            raise  # else what was found stays found
    return merge(judgements)


def _confirmed(
    judgement: Judgement, again: "partial[tuple[Exchange, Judgement]]"
) -> Judgement:
    """Return a judgement; a violated one says so where the same request is answered well when it is sent again."""
    if not judgement.violated:
        return judgement
    try:
        _, second = again()
    except ConformanceError:
        return judgement
    if second.violated or second.inconclusive_reason:
        return judgement
    return replace(judgement, findings=flaky(judgement.findings))
