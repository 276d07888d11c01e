"""The entries of a history, compared with the model."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from conformance.checks.date_time import read_moment
from conformance.checks.problem import show
from conformance.model.exchange import Exchange
from conformance.model.verdict import Finding, Severity

from .therapeutic_exclusion_answers import (
    Entry,
    bag_of,
    clock_of,
    identifiers,
    name_of,
)
from .therapeutic_exclusion_model import MOST_ENTRIES, Situation, What
from .therapeutic_exclusion_requests import Key

_CLOCKS_APART = timedelta(minutes=15)
"""How far the moment of an entry may be from when the change was made."""
_CLOCK_WRONG = timedelta(minutes=5)
"""How far the clock that a service's Date header shows may be from ours to be right."""


def ordered(situation: Situation, rows: list[Any]) -> Iterator[Finding]:
    """Check that no entry is earlier than the one after it (section 5.6)."""
    moments = [read_moment(str(row.get("timestamp"))).instant for row in rows]
    for number, (above, below) in enumerate(pairwise(moments)):
        if above is not None and below is not None and below > above:
            actual = (
                f"{rows[number]['timestamp']} above {rows[number + 1]['timestamp']}"
            )
            yield situation.finding(
                "5.6/newest-first",
                "the history is not newest first",
                "descending",
                actual,
            )
            return


def ordered_in_moments(situation: Situation, rows: list[Any]) -> Iterator[Finding]:
    """Yield an observation where entries of one moment stand in the order in which their changes were made.

    The moments that a service shows are left open by the erratum 5.6/equal-moments; what was changed last is known.
    """
    changes = [change.what for change in reversed(situation.model.shown)]
    shown = [
        (str(row.get("operation")), key)
        for row in rows[: len(changes)]
        for key in situation.known_or_first(row, "target")
    ]
    if shown == changes or Counter(shown) != Counter(changes):
        return
    at = next(at for at, what in enumerate(shown) if what != changes[at])
    yield situation.observation(
        "5.6/newest-first",
        "entries of one moment do not stand newest first (erratum 5.6/equal-moments)",
        _told(changes[at]),
        _told(shown[at]),
    )


def _told(what: What) -> str:
    return f"{what[0]} of {name_of(what[1])}"


def counted(
    situation: Situation, rows: list[Any], length: int, page_size: int, *, known: bool
) -> Iterator[Finding]:
    """Check the number of entries; `known` tells that a full history of this length was read since the last change."""
    wanted = min(page_size, length) if page_size else length
    if len(rows) > MOST_ENTRIES and not page_size:
        yield situation.finding(
            "5.6/maximum",
            "the history has too many entries",
            "1500 at most",
            str(len(rows)),
        )
    elif len(rows) != wanted:
        paged = page_size and (page_size < length or known)
        rule = (
            "5.6/page-size"
            if paged
            else ("5.6/every-change" if situation.model.changes else "5.6/all")
        )
        message = f"the history has {len(rows)} entries"
        yield situation.finding(
            rule, message, f"{wanted} entries", f"{len(rows)} entries"
        )


def foreign(situation: Situation, rows: list[Any]) -> Iterator[Finding]:
    """Check that an entry which names a patient at all names the one whose history was asked for."""
    for row in rows:
        named = identifiers(row.get("patient"))
        if named and ("ssin", situation.who.ssin) not in named:
            message = "an entry of the history names another patient"
            yield situation.finding(
                "5.6/patient",
                message,
                situation.who.ssin,
                show(row.get("patient")),
            )
            return


def timed(
    situation: Situation, exchange: Exchange, bag: Counter[Entry], begun: datetime
) -> Iterator[Finding]:
    """Check that each new entry has a moment between the start and now, as far as clocks may be apart.

    Where the service's clock is wrong, or not told, its entries cannot be held against it.
    """
    earliest, latest = begun - _CLOCKS_APART, exchange.started + _CLOCKS_APART
    for entry in bag - situation.model.kept(MOST_ENTRIES):
        instant = read_moment(entry[1]).instant
        if instant is not None and not earliest <= instant <= latest:
            clock = clock_of(exchange.response)
            right = clock is not None and abs(clock - exchange.started) <= _CLOCK_WRONG
            message = "the moment of a new entry is not that of its change"
            expected = f"about {exchange.started.isoformat(timespec='seconds')}"
            finding = situation.finding("5.6/timestamp", message, expected, entry[1])
            unsure = f"{message}; the service's clock is wrong, too, or not told"
            yield (
                finding
                if right
                else replace(finding, severity=Severity.OBSERVATION, message=unsure)
            )
            return


def recorded(situation: Situation, bag: Counter[Entry]) -> list[Finding]:
    """Compare the history with the changes made and with what was there before, as bags: ties are left open."""
    changes = Counter(change.what for change in situation.model.shown)
    kept = situation.model.kept(max(MOST_ENTRIES - changes.total(), 0))
    surplus, gone = bag - kept, kept - bag
    if gone:
        message = "entries from before have changed or gone"
        return [
            situation.finding(
                "5.6/every-change",
                message,
                "the same entries",
                show([*gone][:3]),
            )
        ]
    shown: Counter[tuple[str, Key]] = Counter()
    for (operation, _, keys), count in surplus.items():
        shown.update({(operation, key): count for key in situation.own_first(keys)})
    for change, count in (changes - shown).items():
        message = f"{count} x {change[0]} of {name_of(change[1])} is not in the history"
        return [
            situation.finding(
                "5.6/every-change",
                message,
                "each change recorded",
                show([*surplus][:3]),
            )
        ]
    return []


def newest(situation: Situation, rows: list[Any], full: list[Any]) -> Iterator[Finding]:
    """Check that a page holds the newest entries of the full history; ties are left open."""
    page, whole = bag_of(rows), bag_of(full)
    left = [
        moment
        for entry in whole - page
        if (moment := read_moment(entry[1]).instant) is not None
    ]
    shown = [
        moment
        for entry in page
        if (moment := read_moment(entry[1]).instant) is not None
    ]
    if page - whole or (left and shown and min(shown) < max(left)):
        message = "a page holds other entries than the newest"
        yield situation.finding(
            "5.6/page-size", message, "the newest entries", show(rows[:3])
        )
