"""Says what a release on a day needs, and whether certificates and tokens hold until then.

Must not send anything.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Literal

from conformance.credentials.jwt_claims import expiry
from conformance.credentials.tokens import EXPIRED
from conformance.evidence.redaction import Redactor
from conformance.model.errors import SecretError
from conformance.review.credentials.keystores import keystores, opened
from conformance.review.credentials.tokens import held
from conformance.review.remarks import clean, moment
from conformance.review.subject import ReviewSubject, load_rules, send_nothing
from conformance.review.target_file import authorities
from conformance.target.target import ServiceTarget, Target


@dataclass(frozen=True, slots=True)
class ReleaseStep:
    """Something due before a release: `open`, `late` (its day has passed), `kept` or `broken`."""

    due: date
    state: Literal["open", "late", "kept", "broken"]
    what: str
    remedy: str


def release_steps(
    target: Target, services: tuple[ServiceTarget, ...], release: date, now: datetime
) -> tuple[ReleaseStep, ...]:
    """Return what a release on a day needs, in the order of the days on which it is due.

    Source: the cookbooks' sections "Business security" and "Release procedure". Certificates and tokens
    are held against the day itself.
    """
    today, month = now.date(), _month_before(release)
    duties = [
        (
            month,
            "tests in acceptance have begun",
            "run the suites against acceptance for a month at least",
        ),
        (
            month,
            "the platform knows of every additional use case",
            "write to info@ehealth.fgov.be a month ahead, with a detailed estimate of the expected load",
        ),
        (
            release - timedelta(days=1),
            "test and performance results are with the platform",
            "send them with a sample of an eHealth request and its answer to your point of contact (`evidence`)",
        ),
        (
            release,
            "the platform hears how the release went",
            "report on the test and performance results that day",
        ),
    ]
    steps = [
        ReleaseStep(due, "late" if due < today else "open", what, remedy)
        for due, what, remedy in duties
    ]
    steps += _validity_steps(target, services, release, now)
    redactor = Redactor()
    return tuple(
        replace(
            step, what=clean(step.what, redactor), remedy=clean(step.remedy, redactor)
        )
        for step in sorted(steps, key=lambda step: step.due)
    )


def _validity_steps(
    target: Target, services: tuple[ServiceTarget, ...], release: date, now: datetime
) -> Iterator[ReleaseStep]:
    for name, ends in chain(authorities(target), _certificates(target, services, now)):
        what, remedy = (
            f"{name} is valid beyond the release (until {ends:%Y-%m-%d})",
            "renew it, from 90 days before",
        )
        kept = ends.date() > release
        yield ReleaseStep(
            release,
            "kept" if kept else "broken",
            what,
            "nothing to do" if kept else remedy,
        )
    for service in services:
        subject = ReviewSubject(
            target, service, load_rules(service.spec), now, Redactor(), (), send_nothing
        )
        for role, token in held(subject):
            ends = moment(expiry(token) or 0.0)
            if role != EXPIRED and ends.date() <= release:
                what = f"{service.service}: tokens.{role} is replaced (it ends on {ends:%Y-%m-%d})"
                yield ReleaseStep(
                    release,
                    "open",
                    what,
                    "get a new token on the day, or let the harness ask for it",
                )


def _certificates(
    target: Target, services: tuple[ServiceTarget, ...], now: datetime
) -> Iterator[tuple[str, datetime]]:
    for service in services:
        subject = ReviewSubject(
            target, service, load_rules(service.spec), now, Redactor(), (), send_nothing
        )
        for place, settings in keystores(subject):
            with suppress(SecretError):  # the review itself reports it
                certificate = opened(subject, place, settings).certificate
                yield (
                    f"{service.service}: the certificate of {place}.keystore",
                    certificate.not_valid_after_utc,
                )


def _month_before(day: date) -> date:
    """Return the same day of the month before, or that month's last day."""
    last = day.replace(day=1) - timedelta(days=1)
    return last.replace(day=min(day.day, last.day))
