"""Probes a service by a case's request: once, varied by a property, drawn from a WSDL, or mutated one by one.

Must not decide verdicts.
"""

from dataclasses import replace
from functools import partial

from conformance.checks.soap_answer import RESPONSE
from conformance.checks.soap_answered import SUCCESS
from conformance.engine.assessment import assess, explained, send_step
from conformance.engine.execution import CaseExecution, Procedure
from conformance.engine.probes.search import Attempt, distinct, flaky
from conformance.engine.state_guard import changes, take_snapshots
from conformance.messages.templates import with_message
from conformance.model.case import (
    Case,
    Clause,
    Effect,
    Expectation,
    Forgeries,
    Forgery,
    Property,
    Scripted,
    Single,
    Step,
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
        case Forgeries(pairs):
            return _run_forgeries(execution, case, pairs)
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


def _run_forgeries(
    execution: CaseExecution, case: Case, pairs: tuple[Forgery, ...]
) -> Judgement:
    """Send a request once for each pair of what is signed and what is forged, and return all that was found.

    A pair that proves nothing here is left out, and the case undecided where that is true of all.
    """
    judgements: list[Judgement] = []
    try:
        judgements.extend(_run_forgery(execution, case, pair) for pair in pairs)
    except BudgetError:
        if not any(judgement.violated for judgement in judgements):
            raise  # else what was found stays found
    if all(judgement.not_applicable_reason for judgement in judgements):
        return Judgement(inconclusive_reason=judgements[0].not_applicable_reason)
    return distinct(merge(judgements))


def _run_forgery(execution: CaseExecution, case: Case, pair: Forgery) -> Judgement:
    """Send one pair, once it is known that each of both would be answered otherwise by itself."""
    try:
        obstacle = _forgery_obstacle(execution, case, pair)
        if obstacle:
            return Judgement(not_applicable_reason=obstacle)
        asked = replace(case, expectation=_telling(case.expectation, pair))
        template = execution.session.requests.forged(case, pair)
        exchange, judgement = _probe(execution, asked, template)
    except MissingDataError as error:
        return Judgement(not_applicable_reason=str(error))
    if judgement.violated:
        execution.deciding.append(exchange.id)
    return judgement


def _forgery_obstacle(execution: CaseExecution, case: Case, pair: Forgery) -> str:
    """Return why a pair proves nothing, or "": its forged content is not served when it is signed, or the like.

    The case's own positive control has been served already.
    """
    caller = case.request.message.caller if case.request.message is not None else ""
    forged = with_message(pair.forged, caller=caller)
    control = case.control.request if case.control is not None else None
    if forged != control:
        what = "what is forged, properly signed,"
        obstacle = send_step(execution, case, Step(forged), what)
        if obstacle:
            return obstacle
    signed = Step(with_message(pair.signed, caller=caller))
    if pair.refused and not send_step(execution, case, signed, "what is signed"):
        return "what is signed is served, although it should be refused by itself"
    return ""


def _telling(expectation: Expectation, pair: Forgery) -> Expectation:
    """Return what may come back: where the signed request is refused by itself, a success is that of the forged one.

    A code that leaves the case undecided elsewhere may be that of the signed request there.
    """
    if not pair.refused:
        return expectation
    others = (
        replace(clause, effect=Effect.ACCEPT)
        if clause.effect is Effect.INCONCLUSIVE
        else clause
        for clause in expectation.clauses
    )
    clauses = (
        Clause(
            (),
            Effect.VIOLATION,
            note="served, although what is signed is refused by itself: the forged request was processed",
            answer=RESPONSE,
            outcomes=(SUCCESS,),
        ),
        *others,
        Clause((), answer=RESPONSE),
    )
    return replace(expectation, clauses=clauses)


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
