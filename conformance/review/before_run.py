"""The offline part of the review, as each run does it before its first request.

Must not send anything but the question to a mock on this machine whether it still runs.
"""

from collections.abc import Collection
from datetime import UTC, datetime

from conformance.engine.assembly import make_tokens
from conformance.engine.plan import Plan
from conformance.evidence.redaction import Redactor
from conformance.model.errors import UsageError
from conformance.review import caller_problems, review_offline
from conformance.review.mock_alive import demand_mock
from conformance.review.subject import send_nothing
from conformance.target.target import ServiceTarget, Target


def credential_problems(
    target: Target,
    service: ServiceTarget,
    roles: Collection[str],
    callers: Collection[str],
) -> list[str]:
    """Return why tokens of some roles or assertions of some callers cannot be had, as far as it shows by itself."""
    tokens = make_tokens(target, service, send_nothing, Redactor())
    problems = tokens.check_before_run(roles) if tokens is not None else []
    return problems + (
        caller_problems(target, service, datetime.now(UTC), callers) if callers else []
    )


def check_before_run(plan: Plan) -> tuple[str, ...]:
    """Do the offline part of the review, and return what it leaves open about assertions, one line each.

    Raises UsageError with every mistake, whatever the environment.

    Raises TargetError where the target file is that of a mock that has ended.

    A wrong identity, a token of somebody else or one that has run out would accuse the service of what the target file
    does (interface, section 3).
    """
    demand_mock(plan.target, plan.services)
    remarks = review_offline(
        plan.target,
        plan.services,
        datetime.now(UTC),
        selected=plan.selection.takes,
        examples=plan.examples,
    )
    errors = [
        f"{remark.message}; {remark.remedy}"
        for remark in remarks
        if remark.severity == "error"
    ]
    if errors:
        raise UsageError(errors)
    return tuple(
        f"{remark.message}; {remark.remedy}"
        for remark in remarks
        if remark.severity == "note" and remark.topic == "assertion"
    )
