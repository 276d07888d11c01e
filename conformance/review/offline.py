"""Reviews a target without sending anything.

Must not name a whole identifier or a secret.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from conformance.engine.plan import usual_examples
from conformance.evidence.redaction import Redactor
from conformance.model.case import Case
from conformance.review.amount import amount_of
from conformance.review.contracts import contract_remarks
from conformance.review.credentials.callers import caller_remarks
from conformance.review.credentials.keystores import keystore_remarks
from conformance.review.credentials.tokens import (
    credential_remarks,
    held,
    same_token_remarks,
    token_remarks,
    trust_remarks,
)
from conformance.review.data import data_remarks, missing_remarks
from conformance.review.outgoing import outgoing_remarks
from conformance.review.remarks import Remark, tidy
from conformance.review.subject import (
    ReviewSubject,
    load_rules,
    send_nothing,
)
from conformance.review.target_file import (
    address_remarks,
    authority_remarks,
    identity_remarks,
    limit_remarks,
)
from conformance.target.target import ServiceTarget, Target


def review_offline(
    target: Target,
    services: tuple[ServiceTarget, ...],
    now: datetime,
    *,
    selected: Callable[[Case], bool] | None = None,
    examples: int | None = None,
) -> tuple[Remark, ...]:
    """Return the remarks on a target that need no request; secrets are resolved, and shown nowhere.

    With `selected`, only the tokens and callers that the selected cases need are looked at. Raises SpecError where a
    spec folder's review.yaml breaks its format.
    """
    redactor = Redactor()
    subjects = [
        ReviewSubject(
            target,
            service,
            load_rules(service.spec),
            now,
            redactor,
            tuple(
                case
                for case in service.spec.cases.values()
                if selected is None or selected(case)
            ),
            send_nothing,
            everything=selected is None,
        )
        for service in services
    ]
    drawn = usual_examples(target) if examples is None else examples
    played = ((case, row.service) for row in subjects for case in row.cases)
    amount = amount_of(target, played, drawn)
    remarks = [
        *identity_remarks(target),
        *authority_remarks(target, now),
        *outgoing_remarks(target, now, redactor),
        *limit_remarks(target, amount),
    ]
    for subject in subjects:
        subject.seconds = amount.seconds
        remarks += _service_remarks(subject)
    return tidy(remarks, redactor)


def _service_remarks(subject: ReviewSubject) -> Iterator[Remark]:
    yield from address_remarks(subject)
    yield from contract_remarks(subject)
    yield from data_remarks(subject)  # first, since tokens are held against the data
    yield from trust_remarks(subject)
    yield from _secret_remarks(subject)
    if subject.service.address is not None:
        yield from missing_remarks(subject)


def _secret_remarks(subject: ReviewSubject) -> Iterator[Remark]:
    yield from credential_remarks(subject)
    for role, token in held(subject):
        yield from token_remarks(subject, role, token)
    yield from same_token_remarks(subject)
    yield from keystore_remarks(subject)
    yield from caller_remarks(subject)
