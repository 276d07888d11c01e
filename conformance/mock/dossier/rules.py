"""What DossierNumberGeneration demands of a request because of who sends it (sections 5.2.2.2 and 5.1, Table 2).

Each rule is a function of its own in RULES and yields every problem of its kind. Must not know HTTP nor signatures.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Final

from conformance.checks.request_problem import RequestProblem, soap_problem
from conformance.checks.soap_request import UNAUTHORISED
from conformance.soap.markup import Element
from conformance.soap.security.saml import Assertion
from conformance.soap.xsd.contract import Steps, read_value

REQUESTER: Final = "urn:be:fgov:ehealth:2.0:status:Requester"

_LAST_NAME = ("Criteria", "Person", "LastName")
_PERSON = ("Criteria", "Requester", "PersonIdentifier")
_NIHII = ("Criteria", "Requester", "InstitutionIdentifier", "Nihii")
_CBE = ("Criteria", "Requester", "InstitutionIdentifier", "Cbe")
GENDER: Final = ("Criteria", "Person", "Gender")
IDENTIFIERS: Final[Mapping[Steps, int]] = {_PERSON: 11, _NIHII: 8, _CBE: 10}
"""Where the numbers of the requester stand, and how many digits each has."""
_OTHER = (
    "does not correspond to the security information provided in the Envelope header"
)


class CallerKind(Enum):
    """Kinds of caller (Table 2); the value is how the attributes end that name one in an assertion."""

    PERSON = ":person:ssin"
    NIHII = ":nihii-number"
    CBE = ":cbe-number"
    EHP = ":ehp-number"


@dataclass(frozen=True, slots=True)
class AssertionHolder:
    """Who asks, by the assertion; without a kind nobody is named."""

    kind: CallerKind | None = None
    number: str = ""


Problems = Iterator[RequestProblem]
Rule = Callable[[AssertionHolder, Element], Problems]
"""Yields why a caller's request is refused: by the status Requester, or by a fault where it is not even read."""


def caller_of(assertion: Assertion | None) -> AssertionHolder:
    """Return who asks, as far as the assertion identifies one of those who may."""
    for kind in CallerKind:
        number = assertion.identity(kind.value) if assertion is not None else ""
        if number:
            return AssertionHolder(kind, number)
    return AssertionHolder()


def caller_problems(
    caller: AssertionHolder, request: Element, rules: Iterable[Rule]
) -> Problems:
    """Yield every problem of a caller's request, in the order of the rules."""
    for rule in rules:
        yield from rule(caller, request)


def caller_known(caller: AssertionHolder, request: Element) -> Problems:
    """Demand a caller who is a person or an institution."""
    del request
    if caller.kind is None:
        reason = "the assertion identifies neither a person nor an institution"
        yield soap_problem("caller_known", UNAUTHORISED, reason)


def last_name(caller: AssertionHolder, request: Element) -> Problems:
    """Demand a last name (section 5.2.2.2)."""
    del caller
    if not (read_value(request, _LAST_NAME) or "").strip():
        yield _requester("last_name", "The last name of the person is missing.")


def person_number(caller: AssertionHolder, request: Element) -> Problems:
    """Demand of a person the own number, where one is given."""
    if _is_foreign(caller, request, {CallerKind.PERSON}, _PERSON):
        place = f"PersonIdentifier : {read_value(request, _PERSON)}"
        yield _requester("person_number", _different("person", place, caller))


def no_nihii_of_person(caller: AssertionHolder, request: Element) -> Problems:
    """Refuse an institution's NIHII number from a person."""
    given = read_value(request, _NIHII)
    if caller.kind is CallerKind.PERSON and given is not None:
        reason = _unexpected(f"NIHII identifier ({given})", "person", caller)
        yield _requester("no_nihii_of_person", reason)


def nihii_number(caller: AssertionHolder, request: Element) -> Problems:
    """Demand of a NIHII institution the own number, where one is given."""
    if _is_foreign(caller, request, {CallerKind.NIHII}, _NIHII):
        place = f"InstitutionIdentifier.Nihii : {read_value(request, _NIHII)}"
        yield _requester("nihii_number", _different("institution", place, caller))


def no_cbe_of_nihii(caller: AssertionHolder, request: Element) -> Problems:
    """Refuse a CBE number from a NIHII institution."""
    given = read_value(request, _CBE)
    if caller.kind is CallerKind.NIHII and given is not None:
        reason = _unexpected(f"CBE identifier ({given})", "NIHII institution", caller)
        yield _requester("no_cbe_of_nihii", reason)


def cbe_number(caller: AssertionHolder, request: Element) -> Problems:
    """Demand of a CBE or EHP institution the own number, where one is given."""
    if _is_foreign(caller, request, {CallerKind.CBE, CallerKind.EHP}, _CBE):
        place = f"InstitutionIdentifier.Cbe : {read_value(request, _CBE)}"
        yield _requester("cbe_number", _different("institution", place, caller))


RULES: Final[Mapping[str, Rule]] = {
    rule.__name__: rule
    for rule in (
        caller_known,
        last_name,
        person_number,
        no_nihii_of_person,
        nihii_number,
        no_cbe_of_nihii,
        cbe_number,
    )
}
"""Who may ask, the last name and Table 2, in this order, by name.

What has no row there is allowed: a person's CBE number, an institution's person, a NIHII number of a CBE one.
"""


def _requester(check: str, message: str) -> RequestProblem:
    """Return a problem that is told by the response's status (section 8), not by a fault."""
    return RequestProblem(check, HTTPStatus.OK, REQUESTER, message)


def _is_foreign(
    caller: AssertionHolder,
    request: Element,
    kinds: Collection[CallerKind],
    place: Steps,
) -> bool:
    """Tell whether a caller of some kinds gives at a place a number that is not its own."""
    given = read_value(request, place)
    return caller.kind in kinds and given is not None and given != caller.number


def _different(what: str, given: str, caller: AssertionHolder) -> str:
    """Return the cookbook's words for a number that is not the caller's own."""
    start = f"The {what} identifier defined in your request (Criteria.Requester.{given}"
    return f"{start}) {_OTHER} ({caller.number})"


def _unexpected(what: str, called: str, caller: AssertionHolder) -> str:
    """Return the cookbook's words for a number that this kind of caller may not give."""
    return (
        f"No institution {what} may be defined in your request, "
        f"as the WS-security is connecting as a {called} ({caller.number})."
    )
