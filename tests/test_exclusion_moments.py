"""Two equal changes at the same moment, and callers who must not be served: what is made of a service's answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from conformance.engine.execution import CaseExecution
from conformance.engine.probes.overlapping import Overlap
from conformance.model.case import Template
from conformance.model.exchange import Exchange, Request, Response
from conformance.model.verdict import Judgement, Severity
from suites import therapeutic_exclusion_callers, therapeutic_exclusion_moments
from suites.test_therapeutic_exclusion import PROCEDURES
from suites.therapeutic_exclusion_moments import play_equal_changes
from tests.test_exclusion_model import PATIENT, SPEC, Service, broken

Second = Callable[[Service, Template, Exchange], Exchange]


def answered(exchange: Exchange, status: int) -> Exchange:
    """Return an exchange with another status in its answer."""
    response = cast("Response", exchange.response)
    return replace(exchange, outcome=replace(response, status=status, body=b""))


def in_turn(service: Service, template: Template, first: Exchange) -> Exchange:
    """Answer the second of two requests as a service that takes them one after the other."""
    del first
    return service.send(template)


def together(service: Service, template: Template, first: Exchange) -> Exchange:
    """Answer both alike, as a service that looks before it changes anything."""
    del service, template
    return first


def recorded_again(service: Service, template: Template, first: Exchange) -> Exchange:
    """Refuse the second, and record it all the same."""
    del first
    entries = service.entries[PATIENT]
    entries.insert(0, dict(entries[0]))
    return service.send(template)


def conflict_for_revocations(service: Service, template: Template, first: Exchange) -> Exchange:
    """Refuse a second revocation with 409."""
    del first
    exchange = service.send(template)
    return answered(exchange, 409) if template.operation == "revokeExclusion" else exchange


def refused_both(service: Service, template: Template, first: Exchange) -> Exchange:
    """Refuse the second, where the first one has been refused, too."""
    del service, template
    return answered(first, 409)


def side_by_side(service: Service, second: Second, obstacle: str = "") -> Callable[..., Overlap]:
    """Return what plays two requests at the same moment against a service in memory."""

    def send(execution: CaseExecution, prepare: Callable[[], Sequence[Template]], attempts: int) -> Overlap:
        del execution, attempts
        one, other = prepare()
        first = service.send(one)
        exchanges = (first, second(service, other, first))
        if second is refused_both:
            exchanges = (answered(first, 409), exchanges[1])
        return Overlap(exchanges, obstacle)

    return send


def played(
    monkeypatch: pytest.MonkeyPatch, second: Second, obstacle: str = "", service: Service | None = None
) -> Judgement:
    """Return what is made of a service that answers the second of two equal requests in some way."""
    service = service or Service()
    monkeypatch.setattr(therapeutic_exclusion_moments, "overlap", side_by_side(service, second, obstacle))
    return play_equal_changes(cast("CaseExecution", service))


@pytest.mark.parametrize(
    ("second", "severity", "found"),
    [
        (in_turn, Severity.VIOLATION, set()),
        (together, Severity.VIOLATION, {"5.3/conflict"}),
        (refused_both, Severity.VIOLATION, {"5.3/declares"}),
        (recorded_again, Severity.VIOLATION, {"5.6/every-change"}),
        (conflict_for_revocations, Severity.VIOLATION, set()),
        (conflict_for_revocations, Severity.OBSERVATION, {"5.4/revokes"}),
    ],
)
def test_one_of_two_equal_changes_is_made(
    monkeypatch: pytest.MonkeyPatch, second: Second, severity: Severity, found: set[str]
) -> None:
    """One succeeds, the other meets a documented conflict, and the history has one entry more."""
    judgement = played(monkeypatch, second)
    assert (broken(judgement, severity), judgement.inconclusive_reason) == (found, "")


@pytest.mark.parametrize("absent", [(404, ""), (400, "BIZ002")])
def test_second_revocation_may_find_nothing_in_either_way(
    monkeypatch: pytest.MonkeyPatch, absent: tuple[int, str]
) -> None:
    """404, or 400 with BIZ002 (erratum 8.1.3/business-codes)."""
    assert broken(played(monkeypatch, in_turn, service=Service(absent=absent))) == set()


def test_requests_that_did_not_overlap_decide_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not shown to have met is not judged, even where both succeed."""
    judgement = played(monkeypatch, together, "they did not overlap")
    assert (broken(judgement), judgement.inconclusive_reason) == (set(), "they did not overlap")


def test_round_that_did_not_overlap_is_made_up_for_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each act has to be seen once; a machine may be too slow, or a service too fast, now and then."""
    service = Service(local=True)
    proven, apart = side_by_side(service, in_turn), side_by_side(service, in_turn, "they did not overlap")
    rounds = iter([apart, proven, proven, *[apart] * 5])

    def overlap(*arguments: Any) -> Overlap:  # noqa: ANN401 - as the engine has it
        return next(rounds)(*arguments)

    monkeypatch.setattr(therapeutic_exclusion_moments, "overlap", overlap)
    judgement = play_equal_changes(cast("CaseExecution", service))
    assert (broken(judgement), judgement.inconclusive_reason) == (set(), "")
    assert judgement.evaluated["therapeutic-exclusion/5.4/not-found"] > 0


def test_case_of_two_equal_changes_is_intrusive() -> None:
    """Requests side by side are sent where the target's owner agrees only."""
    assert SPEC.cases["therapeutic-exclusion/5.3/same-moment"].intrusive


# ------------------------------------------------------------------------------------------- who must not be served


REFUSED = SPEC.cases["therapeutic-exclusion/8.1.3/other-citizen-pharmacy"]


@dataclass(slots=True)
class Guarded(Service):
    """A service in memory that refuses every token but the patient's own; `does` names what is done all the same."""

    does: str = ""
    serves: str = ""

    def send(self, template: Template, *rest: Any) -> Exchange:  # noqa: ANN401 - as the service has it
        """Answer a request, with 403 for whoever is not the patient."""
        served = template.token == "citizen" or template.operation == self.serves  # noqa: S105 - the name of a token
        if served or template.operation == self.does:
            exchange = Service.send(self, template, *rest)
            return exchange if served else answered(exchange, 403)
        harmless = replace(template, operation="getHistory", parameters={"patientSsin": PATIENT})
        asked = replace(Service.send(self, harmless), request=Request("GET", "http://localhost/"))
        return answered(asked, 403)


def asked(monkeypatch: pytest.MonkeyPatch, does: str = "", serves: str = "") -> Judgement:
    """Return what is made of a service that refuses another citizen, but for some operation."""
    service = Guarded(case=REFUSED, does=does, serves=serves)
    monkeypatch.setattr(
        therapeutic_exclusion_callers,
        "assess",
        lambda execution, case, template, exchange: SimpleNamespace(
            judgement=execution.oracle.judge(exchange, replace(case, request=template))
        ),
    )
    return PROCEDURES["refused-callers"](cast("CaseExecution", service))


def test_caller_who_is_refused_each_time_is_no_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plain requests between the refusals are served."""
    judgement = asked(monkeypatch)
    assert (broken(judgement), judgement.inconclusive_reason) == (set(), "")


@pytest.mark.parametrize("operation", ["declareExclusion", "revokeExclusion", "getExclusions", "getHistory"])
def test_caller_who_is_served_is_found(monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    """Whichever of the operations serves who must not be served."""
    assert broken(asked(monkeypatch, serves=operation)) == {"8.1.3/biz003"}


@pytest.mark.parametrize("operation", ["declareExclusion", "revokeExclusion"])
def test_change_that_is_refused_and_done_is_found(monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    """The plain request after it shows that there is nothing left to do."""
    judgement = asked(monkeypatch, does=operation)
    assert broken(judgement) == {"8.1.3/biz003"}
    assert "done all the same" in judgement.findings[-1].message


def test_refusals_mean_nothing_where_the_plain_request_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that serves nobody refuses others for no reason of theirs."""
    send = Service.send
    monkeypatch.setattr(Service, "send", lambda *arguments: answered(send(*arguments), 503))
    judgement = PROCEDURES["refused-callers"](cast("CaseExecution", Service(case=REFUSED)))
    assert judgement.inconclusive_reason == "the plain request was answered with 503"
