"""Tests of the date-time rule against vectors, and against Python's own dates."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conformance.checks.date_time import date_oddities, read_moment

VECTORS: list[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("vectors").joinpath("date_times.yaml").read_text("utf-8")
)
NOW = datetime(2025, 5, 9, 12, 0, tzinfo=UTC)

repeatable = settings(derandomize=True, database=None, deadline=None)


def _row(row: dict[str, Any]) -> Any:  # noqa: ANN401 - pytest's type for a parameter set is private
    return pytest.param(row, id=f"{row['is']}: {row['why']}")


@pytest.mark.parametrize("row", [_row(row) for row in VECTORS])
def test_vector_is_what_its_line_says(row: dict[str, Any]) -> None:
    """Each vector is plain, odd or no date-time, names its moment, and says why it is odd or none."""
    moment = read_moment(row["text"])
    assert (moment.instant is None) is (row["is"] == "none")
    assert bool(moment.problem) is (row["is"] == "none")
    assert bool(moment.oddities) is (row["is"] == "odd")
    if moment.instant is not None:
        assert moment.instant.replace(tzinfo=None, microsecond=0) == datetime.fromisoformat(row["utc"])
        assert moment.instant.utcoffset() == timedelta(0)
    assert row.get("says", "") in " ".join([moment.problem, *moment.oddities])


def test_several_oddities_of_one_text_are_all_named() -> None:
    """A text that is odd in three ways gets three oddities."""
    assert read_moment("2025-05-09t24:00+02").oddities == (
        "uses a lower-case letter",
        "has no seconds",
        "gives the offset in hours only",
        "writes midnight as 24:00:00",
    )


@repeatable
@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001 - the zone is drawn apart
    st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    st.sampled_from(["%z", "%:z"]),
    st.sampled_from(["seconds", "milliseconds", "microseconds"]),
)
def test_every_date_as_the_cookbooks_print_it_is_plain(
    local: datetime, zone: timezone, offset: str, precision: str
) -> None:
    """Whatever Python writes as ISO 8601 with an offset is read as the same moment, without an oddity."""
    moment = local.replace(tzinfo=zone)
    text = local.isoformat(timespec=precision)
    sign, digits = moment.strftime("%z")[0], moment.strftime("%z")[1:5]
    text += f"{sign}{digits}" if offset == "%z" else f"{sign}{digits[:2]}:{digits[2:]}"
    read = read_moment(text)
    assert (read.problem, read.oddities) == ("", ())
    assert read.instant is not None
    assert abs(read.instant - moment) < timedelta(seconds=1)


@repeatable
@given(st.text(max_size=40) | st.from_regex(r"[0-9W-]{4,12}[Tt ][0-9:.,]{2,12}(Z|[+-][0-9:]{2,6})", fullmatch=True))
@example("9999-12-31T23:59:60Z")
@example("2025-05-09T08:55:00+99:99")
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    """No text makes the rule raise: it names either an instant or a problem."""
    moment = read_moment(text)
    assert (moment.instant is None) is bool(moment.problem)


@pytest.mark.parametrize(
    ("instant", "oddities"),
    [
        (NOW, ()),
        (NOW - timedelta(days=3000), ()),
        (datetime(2000, 1, 1, tzinfo=UTC), ()),
        (datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC), ("lies before the year 2000",)),
        (NOW + timedelta(minutes=5), ()),
        (NOW + timedelta(minutes=5, seconds=1), ("lies in the future",)),
        (datetime(2099, 1, 1, tzinfo=UTC), ("lies in the future",)),
    ],
)
def test_far_past_and_future_are_odd_for_what_has_happened(instant: datetime, oddities: tuple[str, ...]) -> None:
    """A moment before 2000, or more than five minutes ahead of this machine's clock, is odd."""
    assert date_oddities(instant, NOW) == oddities
