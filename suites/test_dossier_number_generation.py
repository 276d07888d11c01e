"""DossierNumberGeneration: section 7.2 for each kind of caller, Table 2, answers, and what the schema refuses."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from string import ascii_uppercase
from typing import Any, Final

import pytest

from conformance.engine.assessment import assess
from conformance.engine.execution import CaseExecution, Procedure
from conformance.engine.probes.overlapping import overlap
from conformance.engine.probes.search import distinct
from conformance.model.case import Case, Message, Scripted, Template
from conformance.model.exchange import Exchange
from conformance.model.verdict import Judgement, merge
from conformance.plugin import Verify

SERVICE: Final = "dossier-number-generation"
pytestmark = pytest.mark.service(SERVICE)

Persons = Iterator[str]
_BUSY: Final = "one of two requests at the same moment was put off by SOA-02002, as any busy service may do"


def play_callers(execution: CaseExecution) -> Judgement:
    """Let callers of each kind and type of key ask for persons of their own: no two get the same identifier."""
    persons, judgements = _persons(execution), []
    for turn in range(_options(execution)["rounds"]):
        for template in execution.session.requests.by_each_caller(
            execution.case.request
        ):
            request = _about(template, next(persons))
            exchange = execution.send(request)
            judgements.append(_judged(execution, request, exchange))
            if judgements[-1].violated:
                execution.deciding.append(exchange.id)
        if turn and merge(judgements).violated:
            break
    return distinct(merge(judgements))


def play_same_moment(execution: CaseExecution) -> Judgement:
    """Have numbers generated for two persons at the same moment, by one caller and by two."""
    persons, judgements = _persons(execution), []
    callers = execution.session.requests.by_each_caller(execution.case.request)
    first = callers[0]
    for other in callers:
        judgements.append(_at_once(execution, (first, other), persons))
        found = merge(judgements)
        if found.violated or found.inconclusive_reason:
            break
    return distinct(merge(judgements))


def _at_once(
    execution: CaseExecution, callers: tuple[Template, ...], persons: Persons
) -> Judgement:
    """Return what the answers to requests at the same moment say, each about a person of its own."""
    sent: list[Template] = []

    def prepare() -> list[Template]:
        sent[:] = [_about(template, next(persons)) for template in callers]
        return sent

    tried = overlap(execution, prepare)
    execution.deciding = [exchange.id for exchange in tried.exchanges]
    judgements = [
        Judgement(inconclusive_reason=_BUSY)
        if _is_busy(execution, exchange)
        else _judged(execution, template, exchange)
        for template, exchange in zip(sent, tried.exchanges, strict=True)
    ]
    if not tried.overlapped:
        judgements.append(Judgement(inconclusive_reason=tried.obstacle))
    return merge(judgements)


def _is_busy(execution: CaseExecution, exchange: Exchange) -> bool:
    """Tell whether a request was put off (chapter 8, Table 1: to try again should work)."""
    response = exchange.response
    return response is not None and execution.session.asks_to_wait(response)


def _judged(
    execution: CaseExecution, template: Template, exchange: Exchange
) -> Judgement:
    return assess(execution, execution.case, template, exchange).judgement


def _about(template: Template, person: str) -> Template:
    """Return a request about a person of a last name."""
    message = template.message or Message()
    values = {**message.values, "last_name": f"$person.last_name:{person}"}
    return replace(template, body=replace(message, values=values))


def _persons(execution: CaseExecution) -> Persons:
    """Yield last names that no other request of the case has: the case's own with a letter or two at the end."""
    for number in count():
        rest, letter = divmod(number, len(ascii_uppercase))
        ending = ascii_uppercase[rest - 1 : rest] if rest else ""
        yield f"{_options(execution)['last_name']}{ending}{ascii_uppercase[letter]}"


def _options(execution: CaseExecution) -> Mapping[str, Any]:
    probe = execution.case.probe
    return probe.options if isinstance(probe, Scripted) else {}


PROCEDURES: Mapping[str, Procedure] = {
    "callers": play_callers,
    "same-moment": play_same_moment,
}


def test_case(case: Case, verify: Verify) -> None:
    """One case of specs/dossier-number-generation/*/cases.yaml; its verdict is the test's outcome."""
    verify(case, PROCEDURES.get(case.procedure or ""))
