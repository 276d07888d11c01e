"""Holds an answer's status and error codes against what a case of a REST service expects, and says both in words.

Must not judge bodies.
"""

from conformance.checks.json_schema import Index
from conformance.checks.problem import MOST_AT_ONE_PLACE
from conformance.judging.findings import FIRST_ERROR, TRANSIENT_STATUSES
from conformance.judging.outcome import welcome_clauses
from conformance.model.case import Case, Clause
from conformance.model.exchange import Response

ANY_CODE = "*"


def error_codes(document: object) -> list[str]:
    """Return the codes of an error body: a list of objects with a `code`, or one such object."""
    rows = document if isinstance(document, list) else [document]
    codes = [row.get("code") for row in rows if isinstance(row, dict)]
    return [code for code in codes if isinstance(code, str)]


def wants_code(case: Case, response: Response) -> bool:
    """Tell whether a case would welcome an answer of this status, had it the right error code."""
    return any(
        clause.codes and str(response.status) in clause.statuses
        for clause in case.expectation.clauses
    )


def _wanted(clause: Clause) -> str:
    codes = (
        f" with {' or '.join(clause.codes)}"
        if clause.codes and clause.codes != (ANY_CODE,)
        else ""
    )
    return "/".join(clause.statuses) + codes


def wanted_answers(case: Case) -> str:
    """Say which answers a case welcomes."""
    welcome = map(_wanted, welcome_clauses(case.expectation))
    return ", ".join(dict.fromkeys(welcome))


def has_status(response: Response, clause: Clause) -> bool:
    """Tell whether a clause names a status, or its family, to which a gateway's statuses do not belong."""
    is_named = str(response.status) in clause.statuses
    family = f"{response.status // 100}xx"
    is_of_service = response.status not in TRANSIENT_STATUSES
    return is_named or (family in clause.statuses and is_of_service)


def status_line(response: Response) -> str:
    """Return status and reason of an answer."""
    return f"{response.status} {response.reason}".strip()


def is_error(response: Response) -> bool:
    """Tell whether a status refuses or fails."""
    return response.status >= FIRST_ERROR


def left_out(index: Index) -> str:
    """Return why a long document is not judged to its end, "" where it is."""
    if not index.is_cut:
        return ""
    return f"only the first {MOST_AT_ONE_PLACE} values at each place were looked at"
