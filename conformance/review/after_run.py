"""What a review says of a target whose run was left undecided: the causes that it knows, each with its remedy.

Must not send a request: a service that gave no answer is tried by a handshake, as a review does first.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from conformance.credentials.outgoing import make_transport
from conformance.engine.plan import Plan
from conformance.evidence.redaction import Redactor
from conformance.review.connection import connection_remarks
from conformance.review.offline import review_offline
from conformance.review.remarks import Remark, tidy
from conformance.review.subject import ReviewSubject, load_rules, send_nothing
from conformance.target.target import ServiceTarget

_UNDECIDED: Final = "inconclusive"
_BESIDE_THE_POINT: Final = frozenset({"identity"})
"""Topics that leave no case undecided."""
_OF_CASES_NOT_RUN: Final = "limits"


def remarks_after_run(plan: Plan, document: Mapping[str, Any]) -> tuple[Remark, ...]:
    """Return the errors and warnings that may be why cases of a run are undecided; none where no case is."""
    verdicts = [case["verdict"] for case in document["cases"]]
    if _UNDECIDED not in verdicts and "not_run" not in verdicts:
        return ()
    now = datetime.now(UTC)
    offline = review_offline(
        plan.target,
        plan.services,
        now,
        selected=plan.selection.takes,
        examples=plan.examples,
    )
    topics = {_OF_CASES_NOT_RUN} if _UNDECIDED not in verdicts else None
    found = [row for row in offline if _may_be_why(row, topics)]
    if _UNDECIDED in verdicts:
        found += _silent_remarks(plan, document, now)
    return tidy(found, Redactor())


def _may_be_why(remark: Remark, topics: set[str] | None) -> bool:
    if remark.severity == "note" or remark.topic in _BESIDE_THE_POINT:
        return False
    return topics is None or remark.topic in topics


def _silent_remarks(
    plan: Plan, document: Mapping[str, Any], now: datetime
) -> Iterator[Remark]:
    """Yield why a connection fails to a service of which no case was decided.

    A proxy is not asked again: the cases say what it did, and a credential that it refused is not sent twice.
    """
    if plan.target.proxy is not None:
        return
    redactor = Redactor()
    transport = make_transport(plan.target, redactor)
    try:
        for service in plan.services:
            if service.address is None or not _is_silent(service, document):
                continue
            subject = ReviewSubject(
                plan.target,
                service,
                load_rules(service.spec),
                now,
                redactor,
                (),
                send_nothing,
            )
            subject.network = True
            way = transport.way(urlsplit(service.address))
            yield from connection_remarks(subject, way, "")
    finally:
        transport.close()


def _is_silent(service: ServiceTarget, document: Mapping[str, Any]) -> bool:
    """Tell whether a service has undecided cases only, but for those that were not for it."""
    verdicts = {
        case["verdict"]
        for case in document["cases"]
        if case["service"] == service.service
    }
    return verdicts <= {_UNDECIDED, "not_applicable", "not_run"}
