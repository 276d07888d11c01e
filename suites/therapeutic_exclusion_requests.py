"""The requests that sequences for Therapeutic Exclusion are made of: about whom, to which party, in whose name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from conformance.engine.execution import CaseExecution
from conformance.model.case import JsonBody, Template
from conformance.model.errors import MissingDataError

SERVICE = "therapeutic-exclusion"
INVENTED_NAME, INVENTED_FIRST_NAME = "Inventedname", "Inventedfirst"
ACCENTED = "Inventéd-Ñøßname", "Ïnventëd"
BEYOND_LATIN_1 = (
    "Łĭşŧőŵy d\N{RIGHT SINGLE QUOTATION MARK}Œuvre",
    "Ằnh-Žofia e\N{COMBINING ACUTE ACCENT}",
)
INVENTED = frozenset(
    {
        INVENTED_NAME,
        INVENTED_FIRST_NAME,
        *ACCENTED,
        *BEYOND_LATIN_1,
    }
)
"""Names that declarations of ours give, and that nobody has."""

Key = tuple[str, str]
"""A health care party as an identifier's type and value."""


@dataclass(frozen=True, slots=True)
class Party:
    """A health care party of the target's test data; its names are the authentic source's, "" if unknown."""

    kind: str
    number: str
    qualification: str
    name: str = ""
    first_name: str = ""

    @property
    def key(self) -> Key:
        """Return the identifier by which exclusions name the party."""
        return self.kind, self.number

    @property
    def filter(self) -> Mapping[str, str]:
        """Return the query parameter that selects the party."""
        return {"hcPartySsin" if self.kind == "ssin" else "hcPartyNihii": self.number}


@dataclass(frozen=True, slots=True)
class Person:
    """Whose exclusions they are, and the token that may manage them."""

    ssin: str
    token: str


def parties(execution: CaseExecution) -> list[Party]:
    """Return the target's practitioners and pharmacies; raises MissingDataError where there is none."""
    data = execution.session.service.settings.get("data", {})
    found = [
        Party(
            "ssin",
            row["ssin"],
            row["qualification"],
            row.get("name", ""),
            row.get("first_name", ""),
        )
        for row in data.get("practitioners", ())
    ]
    found += [
        Party("nihii", row["nihii"], "orgpharmacy", row.get("name", ""))
        for row in data.get("pharmacies", ())
    ]
    if not found:
        raise MissingDataError(
            "the target gives neither data.practitioners nor data.pharmacies"
        )
    return found


def first_of_each_kind(known: Sequence[Party]) -> tuple[int, ...]:
    """Return the places of the first party of each kind: a practitioner and a pharmacy, as far as there are some."""
    places = {party.kind: place for place, party in reversed(list(enumerate(known)))}
    return tuple(sorted(places.values()))


def person(execution: CaseExecution, data: str, token: str) -> Person:
    """Return a patient of the target's test data; raises MissingDataError where the target gives none."""
    execution.session.requests.token(token)
    return Person(execution.session.requests.value(f"${data}"), token)


def declaration(who: Person, party: Party, *, named: bool = False) -> Template:
    """Return the request that declares an exclusion."""
    names = {"name": INVENTED_NAME, "firstName": INVENTED_FIRST_NAME} if named else {}
    if named and party.kind == "nihii":
        names.pop("firstName")
    body = {
        "patient": {"identifier": [{"type": "ssin", "value": who.ssin}]},
        "hcParty": {
            "identifier": [{"type": party.kind, "value": party.number}],
            "qualificationCode": party.qualification,
            **names,
        },
    }
    return Template("declareExclusion", token=who.token, body=JsonBody(body))


def revocation(who: Person, party: Party) -> Template:
    """Return the request that revokes an exclusion."""
    return Template(
        "revokeExclusion",
        token=who.token,
        parameters={"patientSsin": who.ssin, **party.filter},
    )


def consultation(who: Person, party: Party | None = None) -> Template:
    """Return the request that consults exclusions, all or one party's."""
    narrowed = party.filter if party else {}
    return Template(
        "getExclusions",
        token=who.token,
        parameters={"patientSsin": who.ssin, **narrowed},
    )


def history(who: Person, page_size: int = 0) -> Template:
    """Return the request that reads the history, whole or a page."""
    page = {"pageSize": str(page_size)} if page_size else {}
    return Template(
        "getHistory", token=who.token, parameters={"patientSsin": who.ssin, **page}
    )
