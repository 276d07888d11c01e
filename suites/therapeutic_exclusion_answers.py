"""What answers of Therapeutic Exclusion say: the exclusions and entries in them, or that there is nothing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from conformance.checks.json_body import parse
from conformance.judging.rest_expectation import error_codes
from conformance.model.case import Clause, Effect
from conformance.model.exchange import Exchange, Response

from .therapeutic_exclusion_requests import Key

OK = 200
_REFUSED, _ABSENT = 400, 404

Entry = tuple[str, str, tuple[Key, ...]]
"""An entry of the history: operation, moment, and the identifiers of the party."""


def clause(status: str, *codes: str) -> Clause:
    """Return a clause that accepts a status, with one of some codes where these are given."""
    return Clause((status,), Effect.ACCEPT, codes=codes)


NOTHING_THERE = (clause("404"), clause("400", "BIZ002"))
"""How a service says that there is nothing (erratum 8.1.3/business-codes)."""


def objects(exchange: Exchange) -> list[dict[str, Any]]:
    """Return the objects of a list that was found, none where nothing was, or no list."""
    response = exchange.response
    document = (
        parse(response.body).document
        if response is not None and response.status == OK
        else None
    )
    return (
        [row for row in document if isinstance(row, dict)]
        if isinstance(document, list)
        else []
    )


def is_absent(exchange: Exchange) -> bool:
    """Tell whether an answer says that there is nothing: by 404, or by 400 and BIZ002."""
    return error_is(exchange, (_ABSENT,), "BIZ002")


def unknown_party(exchange: Exchange) -> bool:
    """Tell whether a declaration is refused for a party that nobody knows (erratum 8.1.3/unknown-party)."""
    return error_is(exchange, (), "VAL006")


def error_is(exchange: Exchange, statuses: tuple[int, ...], code: str) -> bool:
    """Tell whether an answer refuses by one of some statuses, or by 400 and a code of the catalogue."""
    response = exchange.response
    if response is None or response.status != _REFUSED:
        return response is not None and response.status in statuses
    return code in error_codes(parse(response.body).document)


def clock_of(response: Response | None) -> datetime | None:
    """Return the time that an answer's Date header tells (RFC 9110, 6.6.1), None where it tells none."""
    try:
        moment = parsedate_to_datetime((response and response.header("Date")) or "")
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def identifiers(party: Any) -> list[Key]:  # noqa: ANN401 - an answer's part
    """Return the identifiers of a party, a patient or an author."""
    rows = (
        (party.get("identifier") or party.get("identifiers"))
        if isinstance(party, dict)
        else None
    )
    return [
        (str(row.get("type")), str(row.get("value")))
        for row in rows or ()
        if isinstance(row, dict)
    ]


def authors(row: Any) -> set[str]:  # noqa: ANN401 - an answer's part
    """Return the numbers of those whom an entry names as its authors, whatever their type."""
    return {
        number
        for author in row.get("author") or ()
        for _, number in identifiers(author)
    }


def entry_of(row: Mapping[str, Any]) -> Entry:
    """Return what tells an entry from others: operation, moment and party."""
    return (
        str(row.get("operation")),
        str(row.get("timestamp")),
        tuple(identifiers(row.get("target"))),
    )


def bag_of(rows: Sequence[Any]) -> Counter[Entry]:
    """Return entries as a bag: which of equal moments stands first is left open."""
    return Counter(map(entry_of, rows))


def operation_of(exchange: Exchange) -> str:
    """Return the contract's operation that a request was for."""
    path = exchange.request.url.partition("?")[0]
    by_method = {"POST": "declareExclusion", "DELETE": "revokeExclusion"}
    return by_method.get(exchange.request.method) or (
        "getHistory" if "/histories/" in path else "getExclusions"
    )


def name_of(key: Key) -> str:
    """Return what a message calls a party."""
    return f"{key[0]} {key[1]}"


def qualification_of(row: Mapping[str, Any]) -> str:
    """Return the qualification code of an exclusion's party, "" where it shows none."""
    party = row.get("hcParty")
    return str(party.get("qualificationCode") or "") if isinstance(party, dict) else ""
