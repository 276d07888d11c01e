"""The remarks of a review, and the words they are written in.

Must not show a secret nor a person's whole number.
"""

import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Literal

from conformance.evidence.redaction import Redactor
from conformance.model.wording import span as span  # noqa: PLC0414 - of the words that remarks are written in

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""An error keeps a run from starting; a note is merely good to know."""

CLOCK_TOLERANCE = timedelta(minutes=5)
SOON = timedelta(days=30)
"""A certificate that ends within this time deserves a warning."""

_CORRECT = "correct the target file"
_PERSON_NUMBER = re.compile(r"(?<![0-9])([0-9]{6})[0-9]{5}(?![0-9])")


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to know about a target, and what to do; `network` is true where only the network shows it."""

    severity: Severity
    topic: str
    message: str
    remedy: str
    network: bool = False


def at(data: Any, place: str, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - whatever JSON holds
    """Yield place and value of each part of some data at `a.*.b`; nothing where the data is not so deep."""
    first, _, rest = place.partition(".")
    for name, value in _members(data, first):
        here = f"{path}.{name}" if path else name
        if rest:
            yield from at(value, rest, here)
        else:
            yield here, value


def _members(data: Any, step: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - whatever JSON holds
    """Yield name and value of the members that one step leads to: a key, a number, or `*` for all of a list."""
    if isinstance(data, Mapping):
        if step in data:
            yield step, data[step]
    elif isinstance(data, list):
        for number, value in enumerate(data):
            if step in {"*", str(number)}:
                yield (str(number), value)


def split(problem: str) -> tuple[str, str]:
    """Return message and remedy of a line that has its remedy behind the last semicolon."""
    message, _, remedy = problem.rpartition("; ")
    return (message, remedy) if message else (problem, _CORRECT)


def tidy(remarks: list[Remark], redactor: Redactor) -> tuple[Remark, ...]:
    """Return the remarks once each, without secrets and whole identifiers."""
    cleaned = (
        replace(
            remark,
            message=clean(remark.message, redactor),
            remedy=clean(remark.remedy, redactor),
        )
        for remark in remarks
    )
    return tuple(dict.fromkeys(cleaned))


def clean(text: str, redactor: Redactor) -> str:
    """Return a text without secrets and whole person numbers."""
    return _PERSON_NUMBER.sub(r"\1…", redactor.excerpt(text))


def masked(identity: str) -> str:
    """Return an identity's beginning, enough to tell test identities apart."""
    return f"{identity[:6]}…"


def moment(seconds: float) -> datetime:
    """Return the UTC time of a number of seconds; the calendar's last where it goes beyond."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=UTC)


def certificate_end(certificate: Mapping[str, Any]) -> datetime:
    """Return the end of a certificate in the form of the ssl module."""
    return moment(ssl.cert_time_to_seconds(certificate["notAfter"]))


def name_of(names: Any) -> str:  # noqa: ANN401 - as ssl has it: a tuple of tuples of pairs
    """Return the most telling name of a certificate's owner or issuer."""
    parts = dict(chain.from_iterable(names or ()))
    common, organization = parts.get("commonName"), parts.get("organizationName")
    return str(common or organization or "an unnamed authority")
