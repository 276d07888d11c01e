"""Reads date-times as the cookbooks print them: ISO 8601, extended form, with an offset.

`2025-02-16T22:00:00+0100`, `2025-03-11T10:20:00+01:00` and `...Z` are plain; other forms that
ISO 8601 knows for a date, a time and an offset are odd; the rest is no date-time. Must not read the clock.
"""

import functools
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

_FORM = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)(?P<t>[Tt])"
    r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?P<fraction>[.,]\d{1,12})?)?"
    r"(?P<offset>[Zz]|[+-]\d\d(?::?\d\d)?)",
    re.ASCII,
)
_OTHER_FORM = re.compile(
    r"(?P<whole>[0-9W-]+T\d\d(?P<minute>:?\d\d(?P<second>:?\d\d)?)?)(?:[.,](?P<fraction>\d+))?"
    r"(?P<offset>Z|[+-]\d\d(?::?\d\d)?)",
    re.ASCII,
)
_ORDINAL = re.compile(r"\d{4}-\d{3}T\d\d:\d\d:\d\d(?:Z|[+-]\d\d:?\d\d)", re.ASCII)
_WIDEST_OFFSET = timedelta(hours=14)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Moment:
    """What a text says as a date-time: an instant, or a problem; oddities are legal but unusual."""

    instant: datetime | None
    problem: str = ""
    oddities: tuple[str, ...] = ()


@functools.lru_cache(maxsize=4096)
def read_moment(text: str) -> Moment:
    """Return the instant that `text` names, with what is odd about its form, or what makes it no date-time."""
    form = _FORM.fullmatch(text)
    if form is None:
        return _unprinted(text)
    try:
        instant, oddities = _instant(form)
    except (ValueError, OverflowError) as error:
        return Moment(None, f"not a possible date, time or offset: {error}")
    return Moment(instant, "", (*_form_oddities(form), *oddities))


def date_oddities(instant: datetime, now: datetime) -> tuple[str, ...]:
    """Return what is odd about an instant as the time of something that happened: far past, or future."""
    if instant < _EARLIEST:
        return ("lies before the year 2000",)
    if instant > now + _CLOCK_TOLERANCE:
        return ("lies in the future",)
    return ()


def _unprinted(text: str) -> Moment:
    """Return the moment of a text in another of ISO 8601's forms: basic format, week date, ordinal date."""
    form = _OTHER_FORM.fullmatch(text)
    if form is None:
        return Moment(None, _why_not(text))
    unit = (
        timedelta(seconds=1)
        if form["second"]
        else timedelta(minutes=1)
        if form["minute"]
        else timedelta(hours=1)
    )
    try:
        # ISO 8601:2004, 4.2.2.4: a fraction is one of the last unit that is written.
        instant = _whole(form["whole"] + form["offset"]) + unit * float(
            f"0.{form['fraction'] or 0}"
        )
        instant = instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return Moment(None, _why_not(text))
    return Moment(
        instant, "", ("uses a form of ISO 8601 that the cookbooks do not print",)
    )


def _whole(text: str) -> datetime:
    """Return the moment of a text without a fraction."""
    if not _ORDINAL.fullmatch(text):
        return datetime.fromisoformat(text)
    instant = datetime.strptime(text, "%Y-%jT%H:%M:%S%z")
    if instant.year != int(text[:4]):
        raise ValueError("the year has no such day")
    return instant


def _why_not(text: str) -> str:
    if re.fullmatch(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d([.,]\d+)?)?", text, re.ASCII):
        return "a date-time without its offset from UTC"
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        return "a date without a time"
    if text.strip() != text:
        return "surrounded by white space"
    return "not an ISO 8601 date-time"


def _instant(form: re.Match[str]) -> tuple[datetime, list[str]]:
    hour, minute = int(form["hour"]), int(form["minute"])
    second = int(form["second"] or 0)
    oddities = []
    extra = leap = timedelta()
    if (hour, minute, second) == (24, 0, 0) and not (form["fraction"] or "").strip(
        ".,0"
    ):  # ISO 8601:2004, 4.2.3: midnight at the end of a day
        hour, extra = 0, timedelta(days=1)
        oddities.append("writes midnight as 24:00:00")
    if second == 60:  # noqa: PLR2004 - ISO 8601:2004, 4.2.1: a leap second
        second, leap = 59, timedelta(seconds=1)
        oddities.append("names a leap second")
    moment = datetime(
        int(form["year"]),
        int(form["month"]),
        int(form["day"]),
        hour,
        minute,
        second,
        tzinfo=_zone(form["offset"]),
    )
    instant = moment.astimezone(UTC)
    if leap and (instant.hour, instant.minute) != (23, 59):
        raise ValueError("a leap second is the last one of a day in UTC")
    fraction = timedelta(microseconds=int((form["fraction"] or "")[1:7].ljust(6, "0")))
    return instant + extra + leap + fraction, oddities


def _zone(offset: str) -> timezone:
    if offset in "Zz":
        return UTC
    digits = offset[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 23 or minutes > 59:  # noqa: PLR2004 - a clock's limits
        raise ValueError(f"offset {offset} is not within a day")
    span = timedelta(hours=hours, minutes=minutes)
    return timezone(-span if offset[0] == "-" else span)


def _form_oddities(form: re.Match[str]) -> list[str]:
    offset = form["offset"]
    oddities = []
    if form["t"] == "t" or offset == "z":
        oddities.append("uses a lower-case letter")
    if form["second"] is None:
        oddities.append("has no seconds")
    if len(offset) == 3:  # noqa: PLR2004 - a sign and two digits
        oddities.append("gives the offset in hours only")
    if offset in {"-00:00", "-0000", "-00"}:
        oddities.append("has a negative offset of zero")
    elif offset not in "Zz" and abs(_zone(offset).utcoffset(None)) > _WIDEST_OFFSET:
        oddities.append("has an offset that no place on earth uses")
    return oddities
