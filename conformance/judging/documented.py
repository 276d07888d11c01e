"""The answers that a contract documents for an operation, as an expectation for requests that no case describes.

For tests of one's own and single requests: what is not documented is an observation, since nothing says what the
request was meant to show. Must not send anything.
"""

import re
from urllib.parse import unquote, urlsplit

from conformance.model.case import Case, CaseKind, Clause, Effect, Expectation, Template
from conformance.model.contract import Contract, Operation

RULE = "own/documented-answer"
"""What stands in the place of a requirement where an answer is held against what is documented."""
_ANY_STATUS = tuple(f"{digit}xx" for digit in range(1, 10))
"""Families of statuses, those that HTTP does not define (RFC 9110, section 15) among them."""
UNDOCUMENTED = "the contract documents no such answer to this operation"


def operation_at(
    contract: Contract, address: str, method: str, url: str
) -> Operation | None:
    """Return the operation that a request asks for, by its method and its path below the address; None for none.

    A SOAP service has one address, and is asked by POST; its messages say which operation they ask for.
    """
    path = urlsplit(url).path
    base = urlsplit(address).path.rstrip("/")
    if not path.startswith(base):
        return None
    for operation in contract.operations.values():
        same = _pattern(operation.path).fullmatch(path.removeprefix(base))
        if operation.method == method and same:
            return operation
    return None


def documented_case(contract: Contract, name: str, operation: Operation) -> Case:
    """Return a case whose expectation is the documented answers of an operation."""
    soap = contract.soap is not None
    clauses = _soap_clauses() if soap else _rest_clauses(operation)
    return Case(
        id=name,
        service=contract.service,
        title=f"an answer to {operation.id}",
        kind=CaseKind.OWN,
        origin="documented answers",
        requirements=(RULE,),
        request=Template(operation.id),
        expectation=Expectation("documented answers", clauses),
    )


def _rest_clauses(operation: Operation) -> tuple[Clause, ...]:
    documented = Clause(tuple(map(str, operation.statuses)), judge=True)
    other = Clause(_ANY_STATUS, Effect.OBSERVATION, note=UNDOCUMENTED)
    return (documented, other)


def _soap_clauses() -> tuple[Clause, ...]:
    return (
        Clause((), answer="response"),
        Clause((), answer="fault"),
        Clause((), Effect.OBSERVATION, note=UNDOCUMENTED),
    )


def _pattern(path: str) -> "re.Pattern[str]":
    """Return an expression for the paths that an operation's template stands for."""
    fixed = (re.escape(unquote(part)) for part in re.split(r"\{[^}]*\}", path))
    return re.compile("[^/]*".join(fixed) + "/?")
