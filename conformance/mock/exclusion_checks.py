"""What Therapeutic Exclusion checks of a request, by its cookbook's sections 5.3 to 5.6 and 8.1.3.

Each function yields every problem of its kind, in the order in which the service refuses. Must not know the service's
state.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

from conformance.checks.request_problem import RequestProblem, http_problem
from conformance.identifiers.reading import person_kind
from conformance.identifiers.rules import IdentifierKind, check
from conformance.mock.exclusion_access import MANDATE, TokenHolder, forbidden
from conformance.mock.exclusions import (
    HISTORY_LIMIT,
    ORGANISATION,
    Name,
    Party,
    PartyIdentity,
    Scheme,
    qualifies,
)
from conformance.model.exchange import Request

BODY_BYTES = 65_536
"""The most bytes that a declaration may have."""
_PATIENT = re.compile(r"/(?:therapeuticExclusions|histories)/([^/]*)\Z")

Problems = Iterator[RequestProblem]


class Code(Enum):
    """What the service says of a request that it refuses (section 8.1.3); VAL006 is printed with two meanings."""

    EXISTS = ("BIZ001", "Resource already exists")
    ABSENT = ("BIZ002", "Resource not found")
    OTHER_PATIENT = ("BIZ003", "Patient id is different than patient id in token")
    NO_PATIENT = ("VAL001", "Missing patientId")
    BAD_PATIENT = ("VAL002", "Invalid inss")
    NO_PARTY = ("VAL005", "Missing hcparty id")
    TWO_PARTIES = ("VAL006", "Cannot specify both the inss and the nihii")
    BAD_PARTY = ("VAL006", "Invalid hcparty id")
    BAD_QUALIFICATION = ("VAL008", "Invalid hcparty type (hcPartyQualificationCode)")


@dataclass(frozen=True, slots=True)
class ExclusionRequest:
    """A kind of request: what is checked of its content, and which patient it is about, None where none is valid."""

    problems: Callable[[Request], Problems]
    patient: Callable[[Request], str | None]


@dataclass(frozen=True, slots=True)
class _Json:
    """A JSON document, which may be null."""

    document: object


def catalogue_problem(
    name: str, code: Code, status: int = HTTPStatus.BAD_REQUEST
) -> RequestProblem:
    """Return a problem that is told by a code of the catalogue."""
    number, message = code.value
    return RequestProblem(name, status, number, message)


def holder_problems(holder: TokenHolder, patient: str) -> Problems:
    """Yield that who asks may not act for a patient (section 5.1.1)."""
    if patient in holder.unfit:
        yield forbidden("mandate", f"the mandate is not of the type {MANDATE}")
    elif patient not in holder.patients:
        yield catalogue_problem("own_patient", Code.OTHER_PATIENT)


def declaration_problems(request: Request) -> Problems:
    """Yield what is wrong with a declaration (5.3): its media type, its size, its JSON, then what that says.

    A body that cannot be read names no patient: the catalogue has no nearer code for it.
    """
    if _media_type(request) != "application/json":
        status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        yield http_problem("media_type", status, "the body must be application/json")
    if len(request.body) > BODY_BYTES:
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        reason = f"a body of more than {BODY_BYTES} bytes is not accepted"
        yield http_problem("size", status, reason)
    body = _read_json(request.body)
    if body is None:
        yield catalogue_problem("json", Code.NO_PATIENT)
    else:
        yield from content_problems(body.document)


def content_problems(body: object) -> Problems:
    """Yield what is wrong with whom a declaration is for, then with whom it excludes (5.3)."""
    members = body if isinstance(body, dict) else {}
    patients = _identifier_values(members.get("patient"), Scheme.SSIN)
    yield from _patient_problems(patients[0] if patients else None)
    if len(patients) > 1:
        yield catalogue_problem("one_patient", Code.BAD_PATIENT)
    yield from _declared_party_problems(members.get("hcParty"))


def revocation_problems(request: Request) -> Problems:
    """Yield what is wrong with the query of a revocation (5.4)."""
    query = _query(request)
    yield from _patient_problems(query.get("patientSsin"))
    yield from _wanted_party_problems(query)
    if not {"hcPartySsin", "hcPartyNihii"} & set(query):
        yield catalogue_problem("party_given", Code.NO_PARTY)


def consultation_problems(request: Request) -> Problems:
    """Yield what is wrong with the path and the query of a consultation (5.5)."""
    yield from _patient_problems(_patient_in_path(request))
    yield from _wanted_party_problems(_query(request))


def history_problems(request: Request) -> Problems:
    """Yield what is wrong with the path of a consultation of the history (5.6)."""
    yield from _patient_problems(_patient_in_path(request))


DECLARATION = ExclusionRequest(
    declaration_problems, lambda request: _declared_patient(request.body)
)
REVOCATION = ExclusionRequest(
    revocation_problems, lambda request: _valid(_query(request).get("patientSsin"))
)
CONSULTATION = ExclusionRequest(
    consultation_problems, lambda request: _valid(_patient_in_path(request))
)
HISTORY = ExclusionRequest(
    history_problems, lambda request: _valid(_patient_in_path(request))
)
HEALTH = ExclusionRequest(lambda _: iter(()), lambda _: None)
"""The monitoring's request, which has no content."""


def read_declaration(document: Mapping[str, Any]) -> tuple[str, Party]:
    """Return whom a declaration without problems is for, and whom it excludes.

    A practitioner's NIHII beside the SSIN is tolerated, and left aside (5.3).
    """
    patients = _identifier_values(document["patient"], Scheme.SSIN)
    party = document["hcParty"]
    given = {scheme: _identifier_values(party, scheme) for scheme in Scheme}
    scheme = Scheme.SSIN if given[Scheme.SSIN] else Scheme.NIHII
    identity = PartyIdentity(scheme, str(given[scheme][0]))
    excluded = Party(identity, party["qualificationCode"], _name_in(party))
    return str(patients[0]), excluded


def wanted_party(request: Request) -> PartyIdentity | None:
    """Return the party that the query of a request without problems names, if any (5.4, 5.5)."""
    query = _query(request)
    if "hcPartySsin" in query:
        return PartyIdentity(Scheme.SSIN, query["hcPartySsin"])
    if "hcPartyNihii" in query:
        return PartyIdentity(Scheme.NIHII, query["hcPartyNihii"])
    return None


def page_size(request: Request) -> int | None:
    """Return the most entries to show, None for as many as there are; what is no positive number counts as none.

    No code refuses such a number (5.6, 8.1.3).
    """
    written = _query(request).get("pageSize", "")
    size = re.fullmatch("0*([1-9][0-9]{0,3})", written)
    return min(int(size[1]), HISTORY_LIMIT) if size else None


def _patient_problems(text: object) -> Problems:
    """Yield that a patient's SSIN is missing, or is none."""
    if text is None or text == "":
        yield catalogue_problem("patient", Code.NO_PATIENT)
    elif _valid(text) is None:
        yield catalogue_problem("patient", Code.BAD_PATIENT)


def _party_problems(scheme: Scheme, text: object) -> Problems:
    """Yield that a healthcare party's identifier is missing, or is none.

    The check digits of a NIHII are not judged: numbers in use in acceptance fit no documented modulus.
    """
    if text is None or text == "":
        yield catalogue_problem("party", Code.NO_PARTY)
    elif not isinstance(text, str) or check(_kind_of(scheme, text), text):
        yield catalogue_problem("party", Code.BAD_PARTY)


def _declared_party_problems(party: object) -> Problems:
    """Yield what is wrong with the party that a declaration excludes (5.3)."""
    given = {scheme: _identifier_values(party, scheme) for scheme in Scheme}
    code = party.get("qualificationCode") if isinstance(party, dict) else None
    if all(given.values()) and code == ORGANISATION:
        yield catalogue_problem("one_party", Code.TWO_PARTIES)
    yield from _identifier_problems(party, given)
    schemes = [scheme for scheme in Scheme if given[scheme]][:1] or list(Scheme)
    if not _qualifies_as_any(code, schemes):
        yield catalogue_problem("qualification", Code.BAD_QUALIFICATION)


def _identifier_problems(
    party: object, given: Mapping[Scheme, Sequence[object]]
) -> Problems:
    """Yield what is wrong with the identifiers of a declared party: by its SSIN, else by its NIHII (5.3)."""
    if not any(given.values()):
        code = Code.BAD_PARTY if _identifier_values(party) else Code.NO_PARTY
        yield catalogue_problem("party_given", code)
        return
    by_ssin = bool(given[Scheme.SSIN])
    scheme = Scheme.SSIN if by_ssin else Scheme.NIHII
    yield from _party_problems(scheme, given[scheme][0])
    repeated = len(given[scheme]) > 1
    wrong_beside = by_ssin and not all(map(_is_nihii, given[Scheme.NIHII]))
    if repeated or wrong_beside:
        yield catalogue_problem("one_identifier", Code.BAD_PARTY)


def _wanted_party_problems(query: Mapping[str, str]) -> Problems:
    """Yield what is wrong with the party that a query names, where it names one (5.4, 5.5)."""
    if "hcPartySsin" in query and "hcPartyNihii" in query:
        yield catalogue_problem("one_party", Code.TWO_PARTIES)
    if "hcPartySsin" in query:
        yield from _party_problems(Scheme.SSIN, query["hcPartySsin"])
    if "hcPartyNihii" in query:
        yield from _party_problems(Scheme.NIHII, query["hcPartyNihii"])


def _qualifies_as_any(code: object, schemes: Sequence[Scheme]) -> bool:
    """Tell whether a qualification is one of a party that is identified by one of some schemes."""
    return isinstance(code, str) and any(qualifies(code, each) for each in schemes)


def _declared_patient(body: bytes) -> str | None:
    """Return the patient of a declaration, None where it cannot be read or names none that is valid."""
    read = _read_json(body)
    document = read.document if read is not None else None
    patient = document.get("patient") if isinstance(document, dict) else None
    values = _identifier_values(patient, Scheme.SSIN)
    return _valid(values[0]) if values else None


def _valid(text: object) -> str | None:
    """Return a text that is an SSIN, else None."""
    if not isinstance(text, str) or check(person_kind(text), text):
        return None
    return text


def _kind_of(scheme: Scheme, text: str) -> IdentifierKind:
    return IdentifierKind.NIHII8 if scheme is Scheme.NIHII else person_kind(text)


def _patient_in_path(request: Request) -> str:
    """Return what stands in a request's path for the patient, percent-decoded, "" where nothing does."""
    segment = _PATIENT.search(unquote(urlsplit(request.url).path))
    return segment[1] if segment is not None else ""


def _query(request: Request) -> Mapping[str, str]:
    """Return the parameters of a request's query; of one that is repeated, the last counts."""
    return dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))


def _media_type(request: Request) -> str:
    values = request.values("Content-Type")
    return values[0].partition(";")[0].strip().lower() if values else ""


def _read_json(body: bytes) -> _Json | None:
    """Return the JSON that a body holds (RFC 8259), None where it is none."""
    try:
        return _Json(json.loads(body.decode(), parse_constant=_no_constant))
    except (ValueError, RecursionError):
        return None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _name_in(party: Mapping[str, object]) -> Name | None:
    """Return the name that a declaration gives, which is no business of its own (5.3), or None."""
    name, first = party.get("name"), party.get("firstName")
    if not isinstance(name, str):
        return None
    return Name(name, first if isinstance(first, str) else None)


def _identifier_values(party: object, scheme: Scheme | None = None) -> list[object]:
    """Return the values of a party's identifiers, of one scheme or of any; none where there is no such list."""
    listed = party.get("identifier") if isinstance(party, dict) else None
    entries = listed if isinstance(listed, list) else []
    return [
        entry.get("value")
        for entry in entries
        if isinstance(entry, dict) and scheme in {None, _scheme_of(entry)}
    ]


def _scheme_of(entry: Mapping[str, object]) -> Scheme | None:
    """Return the scheme that an identifier names, None where it names none that is known."""
    return next(
        (scheme for scheme in Scheme if scheme.value == entry.get("type")), None
    )


def _is_nihii(text: object) -> bool:
    kinds = (IdentifierKind.NIHII8, IdentifierKind.NIHII11)
    return isinstance(text, str) and any(not check(kind, text) for kind in kinds)
