"""What Therapeutic Exclusion checks of a request, by its cookbook's sections 5.3 to 5.6 and 8.1.3.

Must not know HTTP nor the service's state.
"""

import re
from enum import Enum
from http import HTTPStatus

from starlette.requests import Request

from conformance.identifiers.reading import person_kind
from conformance.identifiers.rules import IdentifierKind, check
from conformance.mock.exclusions import (
    HISTORY_LIMIT,
    ORGANISATION,
    Name,
    Party,
    PartyIdentity,
    Scheme,
    qualifies,
)


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


class ExclusionRefusalError(Exception):
    """A request is refused with a status and a code of the catalogue."""

    def __init__(self, code: Code, status: int = HTTPStatus.BAD_REQUEST) -> None:
        """Keep the code and the status."""
        super().__init__(code, status)
        self.code, self.status = code, status


def read_declaration(body: object) -> tuple[str, Party]:
    """Return whom a declaration is for and whom it excludes; raises RefusalError for the first mistake (5.3)."""
    members = body if isinstance(body, dict) else {}
    patients = _identifier_values(members.get("patient"), Scheme.SSIN)
    patient = valid_patient(patients[0] if patients else None)
    if len(patients) > 1:
        raise ExclusionRefusalError(Code.BAD_PATIENT)
    return patient, _declared_party(members.get("hcParty"))


def valid_patient(text: object) -> str:
    """Return a patient's SSIN; raises RefusalError where it is missing or is none."""
    if text is None or text == "":
        raise ExclusionRefusalError(Code.NO_PATIENT)
    if not isinstance(text, str) or check(person_kind(text), text):
        raise ExclusionRefusalError(Code.BAD_PATIENT)
    return text


def valid_party(scheme: Scheme, text: object) -> PartyIdentity:
    """Return a healthcare party's identity; raises RefusalError where it is missing or is none.

    The check digits of a NIHII are not judged: numbers in use in acceptance fit no documented modulus.
    """
    if text is None or text == "":
        raise ExclusionRefusalError(Code.NO_PARTY)
    if not isinstance(text, str) or check(
        IdentifierKind.NIHII8 if scheme is Scheme.NIHII else person_kind(text), text
    ):
        raise ExclusionRefusalError(Code.BAD_PARTY)
    return PartyIdentity(scheme, text)


def _declared_party(party: object) -> Party:
    """Return the party that a declaration excludes; a practitioner's NIHII beside the SSIN is tolerated (5.3)."""
    given = {scheme: _identifier_values(party, scheme) for scheme in Scheme}
    qualification = party.get("qualificationCode") if isinstance(party, dict) else None
    if not any(given.values()):
        raise ExclusionRefusalError(
            Code.BAD_PARTY if _identifier_values(party) else Code.NO_PARTY
        )
    if all(given.values()) and qualification == ORGANISATION:
        raise ExclusionRefusalError(Code.TWO_PARTIES)
    scheme = Scheme.SSIN if given[Scheme.SSIN] else Scheme.NIHII
    identity = valid_party(scheme, given[scheme][0])
    if len(given[scheme]) > 1 or (
        scheme is Scheme.SSIN and not all(map(_is_nihii, given[Scheme.NIHII]))
    ):
        raise ExclusionRefusalError(Code.BAD_PARTY)
    if not isinstance(qualification, str) or not qualifies(qualification, scheme):
        raise ExclusionRefusalError(Code.BAD_QUALIFICATION)
    return Party(identity, qualification, _name_in(party))


def _name_in(party: object) -> Name | None:
    """Return the name that a declaration gives, which is no business of its own (5.3), or None."""
    name, first = (
        party.get(key) if isinstance(party, dict) else None
        for key in ("name", "firstName")
    )
    return (
        Name(name, first if isinstance(first, str) else None)
        if isinstance(name, str)
        else None
    )


def _identifier_values(party: object, scheme: Scheme | None = None) -> list[object]:
    """Return the values of a party's identifiers, of one scheme or of any; none where there is no such list."""
    listed = party.get("identifier") if isinstance(party, dict) else None
    entries = (
        [entry for entry in listed if isinstance(entry, dict)]
        if isinstance(listed, list)
        else []
    )
    return [
        entry.get("value")
        for entry in entries
        if scheme is None or entry.get("type") == scheme.value
    ]


def _is_nihii(text: object) -> bool:
    return isinstance(text, str) and any(
        not check(kind, text)
        for kind in (IdentifierKind.NIHII8, IdentifierKind.NIHII11)
    )


def wanted_party(request: Request) -> PartyIdentity | None:
    """Return the party that the query names, if any; raises RefusalError (5.4, 5.5)."""
    query = request.query_params
    if "hcPartySsin" in query and "hcPartyNihii" in query:
        raise ExclusionRefusalError(Code.TWO_PARTIES)
    if "hcPartySsin" in query:
        return valid_party(Scheme.SSIN, query["hcPartySsin"])
    return (
        valid_party(Scheme.NIHII, query["hcPartyNihii"])
        if "hcPartyNihii" in query
        else None
    )


def page_size(text: str) -> int:
    """Return the most entries to show; what is no positive number is ignored, since no code refuses it (5.6, 8.1.3)."""
    size = re.fullmatch("0*([1-9][0-9]{0,3})", text)
    return min(int(size[1]), HISTORY_LIMIT) if size else HISTORY_LIMIT
