"""Reviews the callers of a SOAP service: key stores, assertions, STS addresses and numbers.

Must not ask an STS for anything.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.x509 import Certificate

from conformance.credentials.assertions import requester_number
from conformance.credentials.keystore import KeyStore
from conformance.evidence.redaction import Redactor
from conformance.model.contract import CallerRule
from conformance.model.errors import SecretError
from conformance.review.credentials.assertions import (
    assertion_remarks,
    audience_remarks,
    holder_remarks,
    read_stored,
    signature_remarks,
    stopping_remarks,
)
from conformance.review.credentials.certificates import (
    certificate_remarks,
    owner_of,
    read_authorities,
)
from conformance.review.credentials.keystores import opened
from conformance.review.credentials.requesters import (
    asserted_remarks,
    owner_remarks,
    requester_remarks,
)
from conformance.review.data import unproven_remarks
from conformance.review.remarks import Remark, clean, split
from conformance.review.subject import CALLERS, ReviewSubject, send_nothing
from conformance.soap.security.saml import Assertion
from conformance.target.addresses import address_problem
from conformance.target.target import ServiceTarget, Target


@dataclass(slots=True)
class _ReviewedCaller:
    """A caller as far as its files can be read; `faults` are the errors that keep a run from starting."""

    place: str
    settings: Mapping[str, Any]
    rule: CallerRule
    store: KeyStore | None = None
    assertion: Assertion | None = None
    faults: list[Remark] = field(default_factory=list)


def caller_remarks(subject: ReviewSubject) -> Iterator[Remark]:
    """Yield what is wrong with the callers under review, without sending anything."""
    callers = [
        _read(subject, name, settings) for name, settings in subject.callers.items()
    ]
    trusted, problems = _trusted(subject)
    yield from problems
    unproven: list[str] = []
    for caller in callers:
        yield from caller.faults
        yield from requester_remarks(
            subject, caller.place, caller.settings, caller.rule, unproven
        )
        yield from _caller_remarks(subject, caller)
        if caller.assertion is not None and trusted:
            yield from signature_remarks(
                subject, caller.place, caller.assertion, trusted
            )
    yield from unproven_remarks(subject, unproven)
    unchecked = [caller.place for caller in callers if caller.assertion is not None]
    if unchecked and not trusted and not problems:
        message = f"trust.sts_ca is not given: who signed the assertion of {', '.join(unchecked)} is not checked"
        yield subject.remark(
            "note",
            "trust",
            message,
            "name the certificate of the STS, or of its authority",
        )


def caller_problems(
    target: Target,
    service: ServiceTarget,
    now: datetime,
    names: Collection[str] | None = None,
) -> list[str]:
    """Return the errors that keep a run with some callers (None: with all) from starting, one line each.

    A line is `FILE: services.SERVICE.callers.NAME: ...; remedy`, and shows neither secret nor whole person number.
    """
    subject = ReviewSubject(target, service, {}, now, Redactor(), (), send_nothing)
    wanted = {
        name: row
        for name, row in subject.callers.items()
        if names is None or name in names
    }
    faults = [
        fault
        for name, row in wanted.items()
        for fault in _read(subject, name, row).faults
    ]
    start = f"{target.file or target.name}: services.{subject.name}."
    return [
        clean(
            f"{start}{fault.message.removeprefix(f'{subject.name}: ')}; {fault.remedy}",
            subject.redactor,
        )
        for fault in faults
    ]


def _read(
    subject: ReviewSubject, name: str, settings: Mapping[str, Any]
) -> _ReviewedCaller:
    """Return a caller with what its files hold."""
    caller = _ReviewedCaller(
        f"{CALLERS}.{name}", settings, subject.caller_rule(settings["kind"])
    )
    try:
        caller.store = opened(subject, caller.place, settings)
    except SecretError as error:
        caller.faults += [
            _shut(subject, caller.place, problem) for problem in error.problems
        ]
    if "assertion" in settings:
        stored = read_stored(subject, caller.place, settings)
        if isinstance(stored, Remark):
            caller.faults.append(stored)
        else:
            caller.assertion = stored
            caller.faults += stopping_remarks(
                subject, caller.place, stored, caller.store
            )
    else:
        caller.faults += _sts_remarks(subject, caller.place, settings)
    return caller


def _shut(subject: ReviewSubject, place: str, problem: str) -> Remark:
    """Return the error that a key store cannot be opened, at its own place or that of its password."""
    message, remedy = split(problem)
    if not message.startswith(f"{place}."):
        message = f"{place}.keystore: {message}"
    return subject.remark("error", "certificate", message, remedy)


def _sts_remarks(
    subject: ReviewSubject, place: str, settings: Mapping[str, Any]
) -> Iterator[Remark]:
    """Yield why a caller without assertion gets none."""
    if "sts" not in settings:
        message = f"{place} has neither an assertion nor an STS to issue one"
        remedy = "give the file of an assertion as `assertion`, or the address of the STS as `sts`"
        yield subject.remark("error", "assertion", message, remedy)
        return
    problem = address_problem(settings["sts"], subject.target.environment)
    if problem:
        remedy = f"give the address of the STS of {subject.target.environment}"
        yield subject.remark("error", "address", f"{place}.sts: {problem}", remedy)


def _caller_remarks(
    subject: ReviewSubject, caller: _ReviewedCaller
) -> Iterator[Remark]:
    """Yield what does not keep a run from starting."""
    place, settings, rule = caller.place, caller.settings, caller.rule
    number = requester_number(settings, rule)
    if "assertion" in settings and "sts" in settings:
        message = f"{place} has both an assertion and an STS: the assertion is used"
        yield subject.remark(
            "note",
            "assertion",
            message,
            "leave `assertion` out to have the STS asked for a new one",
        )
    if caller.assertion is not None:
        yield from assertion_remarks(subject, place, caller.assertion)
        yield from audience_remarks(subject, place, caller.assertion)
        yield from asserted_remarks(subject, place, settings, rule, caller.assertion)
        number = number or caller.assertion.identity(*rule.attributes)
    if caller.store is not None and caller.assertion is not None:
        yield from holder_remarks(subject, place, caller.assertion, caller.store)
    if caller.store is not None:
        yield from certificate_remarks(subject, place, caller.store)
        yield from owner_remarks(
            subject, place, rule, owner_of(caller.store.certificate), number
        )


def _trusted(subject: ReviewSubject) -> tuple[list[Certificate], list[Remark]]:
    """Return the certificates that an assertion's signer is held against, and why they cannot be had."""
    name = (subject.service.settings.get("trust") or {}).get("sts_ca")
    if name is None or not subject.callers:
        return [], []
    try:
        return read_authorities(subject.target.folder / name), []
    except SecretError as error:
        message, remedy = split(str(error))
        return [], [
            subject.remark("error", "trust", f"trust.sts_ca: {message}", remedy)
        ]
