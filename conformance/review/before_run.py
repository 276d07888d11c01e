"""The offline part of the review, as each run does it before its first request.

Must not send anything.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from conformance.contracts.binding import bind
from conformance.engine.assembly import make_tokens
from conformance.engine.plan import Plan, roles_needed
from conformance.evidence.redaction import Redactor
from conformance.model.case import Case
from conformance.model.errors import SecretError, TargetError, UsageError
from conformance.review import caller_problems, review_offline
from conformance.target.target import ServiceTarget, Target
from conformance.target.writing import is_of_a_mock
from conformance.traffic.transport import Transport


def check_credentials(plan: Plan) -> None:
    """Resolve what the selected cases need, before any request.

    Raises SecretError with every mistake: a variable that is not set, an expired token, and the like; TargetError where
    all of them come from a mock that has ended.
    """
    problems: list[str] = []
    for service in plan.services:
        send = Transport(plan.target.limits.timeout, plan.target.ca_file).send
        cases = [
            case for case in service.spec.cases.values() if plan.selection.takes(case)
        ]
        tokens = make_tokens(plan.target, service, send, Redactor())
        if tokens is not None:
            problems += tokens.check_before_run(roles_needed(cases) & tokens.roles)
        problems += _soap_problems(plan.target, service, cases)
    if problems and _mock_has_ended(plan.target):
        raise TargetError(_ended_words(plan.target))
    if problems:
        raise SecretError(problems)


def _mock_has_ended(target: Target) -> bool:
    """Tell whether a mock's target file names key stores that are gone; they go when the mock ends."""
    callers = [
        caller
        for service in target.services.values()
        for caller in (service.settings.get("callers") or {}).values()
    ]
    stores = [target.folder / caller["keystore"] for caller in callers]
    gone = any(not store.exists() for store in stores)
    return gone and is_of_a_mock(target.file)


def _ended_words(target: Target) -> str:
    return (
        f"{target.file}: the mock that wrote this file has ended: start it again with "
        f"`ehealth-conformance mock --write-target {target.file}`"
    )


def _soap_problems(
    target: Target, service: ServiceTarget, cases: Iterable[Case]
) -> list[str]:
    """Return what is wrong with a SOAP service's callers and WSDL, as far as it shows before any request."""
    kinds = {case.caller for case in cases}
    if service.spec.contract.soap is None or not kinds:
        return []
    problems: list[str] = []
    try:
        bind(service.spec, service.settings, target.folder)
    except UsageError as error:
        problems += error.problems
    callers = service.settings.get("callers") or {}
    names = [
        name for name, row in callers.items() if "" in kinds or row["kind"] in kinds
    ]
    return [*problems, *caller_problems(target, service, datetime.now(UTC), names)]


def credential_problems(
    target: Target,
    service: ServiceTarget,
    roles: Collection[str],
    callers: Collection[str],
) -> list[str]:
    """Return why tokens of some roles or assertions of some callers cannot be had, as far as it shows by itself."""
    send = Transport(target.limits.timeout, target.ca_file).send
    tokens = make_tokens(target, service, send, Redactor())
    problems = tokens.check_before_run(roles) if tokens is not None else []
    return problems + (
        caller_problems(target, service, datetime.now(UTC), callers) if callers else []
    )


def check_before_run(plan: Plan) -> tuple[str, ...]:
    """Do the offline part of the review, and return what is worth a warning.

    Raises UsageError with every mistake. On a local target, whose tokens may have any shape, only credentials
    that cannot be had or have run out are mistakes.
    """
    if plan.target.local:
        check_credentials(plan)
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
    if errors and not plan.target.local:
        raise UsageError(errors)
    ended = [_ended_words(plan.target)] if _mock_has_ended(plan.target) else []
    return (*ended, *errors)
