"""What a review says: remarks, and the words they are written in.

Must not show a secret nor a person's whole number.
"""

import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from conformance.evidence.redaction import Redactor

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""From what keeps a run from starting to what is merely good to know."""

CLOCK_TOLERANCE = timedelta(minutes=5)
SOON = timedelta(days=30)
"""A certificate that ends within this time deserves a warning."""

_CORRECT = "correct the target file"
_PERSON_NUMBER = re.compile(r"(?<![0-9])([0-9]{6})[0-9]{5}(?![0-9])")


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to know about a target, and what to do; `network` tells that only the network shows it."""

    severity: Severity
    topic: str
    message: str
    remedy: str
    network: bool = False


def at(data: Any, place: str, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - whatever JSON holds
    """Yield place and value of what stands at `a.*.b` in some data; nothing where it does not go so deep."""
    first, _, rest = place.partition(".")
    found: list[tuple[str, Any]] = []
    if isinstance(data, Mapping) and first in data:
        found = [(first, data[first])]
    elif isinstance(data, list) and first == "*":
        found = [(str(number), value) for number, value in enumerate(data)]
    elif isinstance(data, list) and first.isdecimal() and int(first) < len(data):
        found = [(first, data[int(first)])]
    for name, value in found:
        here = f"{path}.{name}" if path else name
        if rest:
            yield from at(value, rest, here)
        else:
            yield here, value


def split(problem: str) -> tuple[str, str]:
    """Return message and remedy of a line that has its remedy behind the last semicolon."""
    message, _, remedy = problem.rpartition("; ")
    return (message, remedy) if message else (problem, _CORRECT)


def tidy(remarks: list[Remark], redactor: Redactor) -> tuple[Remark, ...]:
    """Return the remarks once each, without secrets and whole identifiers."""
    cleaned = (
        replace(
            one,
            message=clean(one.message, redactor),
            remedy=clean(one.remedy, redactor),
        )
        for one in remarks
    )
    return tuple(dict.fromkeys(cleaned))


def clean(text: str, redactor: Redactor) -> str:
    """Return a text without secrets and whole person numbers."""
    return _PERSON_NUMBER.sub(r"\1…", redactor.text(text))


def masked(identity: str) -> str:
    """Return an identity's beginning, enough to tell test identities apart."""
    return f"{identity[:6]}…"


def span(seconds: float) -> str:
    """Return a length of time as a person would say it."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def moment(seconds: float) -> datetime:
    """Return the UTC time of a number of seconds; the calendar's last where it goes beyond."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=UTC)


def certificate_end(certificate: Mapping[str, Any]) -> datetime:
    """Return when a certificate as ssl has it ends."""
    return moment(ssl.cert_time_to_seconds(certificate["notAfter"]))


def name_of(names: Any) -> str:  # noqa: ANN401 - as ssl has it: a tuple of tuples of pairs
    """Return the most telling name of a certificate's owner or issuer."""
    parts = {name: value for row in names or () for name, value in row}
    return str(
        parts.get("commonName")
        or parts.get("organizationName")
        or "an unnamed authority"
    )
