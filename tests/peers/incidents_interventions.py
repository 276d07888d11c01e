"""Tiny implementations of Incidents & Interventions (cookbook 1.3), most of which lie.

``VARIANTS`` names them: those that conform use what the cookbook leaves open, the others have one defect each.
``serve(name)`` serves one; the context gives a base URL below which are /incidents and /interventions.
``BORDERLINE`` holds, apart, the ones of which the cookbook does not say whether they conform; ``serve`` knows them too.

The data: of four incidents the first two are solved and the last two go on, without an end; of four interventions the
first two are closed and the last two are open, with an end. Most single defects are in the second record.

By hand: ``python -m tests.peers.incidents_interventions --variant plain --port 0``, or ``--list``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from .server import (
    BAD_DATES,
    Answer,
    Catalogue,
    Layer,
    Request,
    Variant,
    add_common_defects,
    add_common_doubts,
    add_common_freedoms,
    application,
    at,
    by_hand,
    data_instead,
    edit,
    on_data,
    plain_text,
)

__all__ = ["BORDERLINE", "VARIANTS", "Variant", "serve"]

Document = dict[str, Any]

INCIDENTS = "incidents"
INTERVENTIONS = "interventions"
SPACED = "end datetime"

_INCIDENTS: Document = {
    "data": [
        {
            "identifier": "43537",
            "name": "IO 900 incident test",
            "start_datetime": "2025-03-11T10:20:00+01:00",
            "end_datetime": "2025-03-11T11:20:00+01:00",
            "status": "Solved",
            "impact": "Impact low",
            "description": "Due to an unplanned patching, our production platform encountered small perturbation.",
            "contact_info": "900-carenet-mycarenet@hr-rail.be",
            "update": False,
            "provider": "CIN-NIC",
            "type": "incident",
        },
        {
            "identifier": "43541",
            "name": "Slow answers of the Réseau Santé Wallon",
            "start_datetime": "2025-03-12T07:05:00+01:00",
            "end_datetime": "2025-03-12T09:45:30+01:00",
            "status": "Solved",
            "impact": "<p>Documents could be consulted, with delay.</p>",
            "description": "<p>A disk was full &amp; a queue grew.</p>",
            "contact_info": "<p>support@example.org</p>",
            "update": True,
            "provider": "Smals",
            "type": "incident",
        },
        {
            "identifier": "43550",
            "name": "Timestamping unavailable",
            "start_datetime": "2025-03-14T16:00:00+01:00",
            "status": "Ongoing",
            "impact": "<p>No new timestamps.</p>",
            "description": "<p>We look for the cause.</p>",
            "contact_info": "<p>02 788 51 55</p>",
            "update": False,
            "provider": "Smals",
            "type": "incident",
        },
        {
            "identifier": "43552",
            "name": "eHealthBox – publication",
            "start_datetime": "2025-03-15T06:10:00+01:00",
            "status": "Ongoing",
            "impact": "<p>Messages are late.</p>",
            "description": "<p>The provider has been told.</p>",
            "contact_info": "<p>support@example.org</p>",
            "update": True,
            "provider": "CIN-NIC",
            "type": "incident",
        },
    ]
}


def _intervention(number: int, name: str, start: str, end: str, closed: bool) -> Document:
    return {
        "identifier": str(1447 + number),
        "name": name,
        "start_datetime": start,
        "end_datetime": end,
        "closed": closed,
        "description": "<p>The firewall cluster will be switched over to another data center.</p>",
        "business_impact": ("without_business_impact", "with_business_impact")[number % 2],
        "type_intervention": ("standard", "emergency")[number // 2],
        "impact": "<p>The connection may be interrupted for a few minutes.</p>",
        "provider": "Smals",
        "type": "intervention",
    }


_INTERVENTIONS: Document = {
    "data": [
        _intervention(0, "Firewall switch-over", "2025-02-16T22:00:00+0100", "2025-02-16T22:15:00+0100", True),
        _intervention(1, "Renewal of certificates", "2025-02-18T06:00:00+0100", "2025-02-18T06:30:00+0100", True),
        _intervention(2, "Upgrade of a database", "2035-07-01T20:00:00+0200", "2035-07-01T23:00:00+0200", False),
        _intervention(3, "Move to another data centre", "2035-11-03T08:00:00+0100", "2035-11-04T18:00:00+0100", False),
    ]
}


# ----------------------------------------------------------------------------------------------------------- edits

Change = Callable[[int, Document], object]


def _records(document: Document) -> list[Document]:
    records: list[Document] = document["data"]
    return records


def _each(resource: str, change: Change) -> Layer:
    """Change every record of a resource."""
    return edit(lambda document: [change(n, record) for n, record in enumerate(_records(document))], at(resource))


def _all(change: Change) -> Layer:
    """Change every record of both resources."""
    return edit(lambda document: [change(n, record) for n, record in enumerate(_records(document))])


def _one(resource: str, change: Callable[[Document], object], number: int = 1) -> Layer:
    """Change one record of a resource."""
    return edit(lambda document: change(_records(document)[number]), at(resource))


def _set(resource: str, key: str, value: Any, number: int = 1) -> Layer:
    """Set a member of one record of a resource."""
    return _one(resource, lambda record: record.update({key: value}), number)


def _drop(resource: str, key: str, number: int = 1) -> Layer:
    """Drop a member of one record of a resource."""
    return _one(resource, lambda record: record.pop(key), number)


def _top(resource: str, key: str, value: Any) -> Layer:
    """Set a member at the top of a resource."""
    return edit(lambda document: document.update({key: value}), at(resource))


def _ongoing(change: Callable[[Document], object]) -> Layer:
    """Change the incidents that go on."""
    return _each(INCIDENTS, lambda _, record: change(record) if record["status"] == "Ongoing" else None)


def _open(change: Callable[[Document], object]) -> Layer:
    """Change the interventions that are still open."""
    return _each(INTERVENTIONS, lambda _, record: None if record["closed"] else change(record))


def _renamed(record: Document, old: str, new: str) -> None:
    """Give a member another name and leave it where it is."""
    members = [(new if key == old else key, value) for key, value in record.items()]
    record.clear()
    record.update(members)


def _dates(change: Callable[[str], str]) -> Layer:
    """Change every date-time of both resources."""

    def alter(_: int, record: Document) -> None:
        for key in ("start_datetime", "end_datetime"):
            if key in record:
                record[key] = change(record[key])

    return _all(alter)


def _with_offset(offset: str) -> Callable[[str], str]:
    return lambda value: value[:19] + offset


def _with_colon(value: str) -> str:
    return value if value[-3] == ":" else f"{value[:-2]}:{value[-2:]}"


def _without_colon(value: str) -> str:
    return value[:-3] + value[-2:] if value[-3] == ":" else value


def _swapped_offset(value: str) -> str:
    return _without_colon(value) if value[-3] == ":" else _with_colon(value)


def _texts(value: str | None) -> Layer:
    """Set all free texts of both resources."""

    def alter(_: int, record: Document) -> None:
        for key in ("description", "impact", "contact_info"):
            if key in record:
                record[key] = value

    return _all(alter)


def _many(document: Document) -> None:
    """Repeat the records until there are four hundred."""
    document["data"] = [
        {**record, "identifier": f"{round_number}-{record['identifier']}"}
        for round_number in range(100)
        for record in _records(document)
    ]


def _solved(request: Request, answer: Answer) -> None:
    """Let incidents go on and be solved by turns, and interventions be closed and open."""
    for number, record in enumerate(_records(answer.document)):
        over = (request.number + number) % 2 == 0
        if request.resource == INTERVENTIONS:
            record["closed"] = over
            continue
        record["status"] = "Solved" if over else "Ongoing"
        record["end_datetime"] = "2025-03-16T00:00:00+01:00" if over else None


def _remove(document: Document) -> None:
    del _records(document)[:1]


def _add(document: Document) -> None:
    records = _records(document)
    records.append({**records[-1], "identifier": f"posted-{len(records)}"})


def _alter(document: Document) -> None:
    for record in _records(document):
        record["impact"] = "Altered"


# ------------------------------------------------------------------------------------------------------- catalogue


def _add_conforming(catalogue: Catalogue) -> None:
    good = catalogue.good
    good("plain", "as the cookbook prints it, made JSON")
    add_common_freedoms(catalogue)
    good("title", "incidents have a title and no name", _each(INCIDENTS, lambda _, r: _renamed(r, "name", "title")))
    good("title-and-name", "incidents have both", _each(INCIDENTS, lambda _, r: r.update(title=r["name"])))
    good(
        "title-or-name",
        "some incidents have a title, others a name",
        _each(INCIDENTS, lambda n, r: _renamed(r, "name", "title") if n % 2 else None),
    )
    good("end-null", "end_datetime is null while an incident goes on", _ongoing(lambda r: r.update(end_datetime=None)))
    good("end-empty", "end_datetime is empty while an incident goes on", _ongoing(lambda r: r.update(end_datetime="")))
    good(
        "end-spaced",
        "the end of solved incidents is called 'end datetime', as the example prints it",
        _each(INCIDENTS, lambda _, r: _renamed(r, "end_datetime", SPACED)),
    )
    good(
        "end-spaced-null",
        "the end of incidents is called 'end datetime', and is null while they go on",
        _each(INCIDENTS, lambda _, r: _renamed(r, "end_datetime", SPACED)),
        _ongoing(lambda r: r.update({SPACED: None})),
    )
    good("open-end-absent", "open interventions have no end_datetime", _open(lambda r: r.pop("end_datetime")))
    good("open-end-null", "end_datetime of open interventions is null", _open(lambda r: r.update(end_datetime=None)))
    good(
        "open-after-end",
        "interventions are open though their end has passed",
        _each(INTERVENTIONS, lambda _, r: r.update(closed=False)),
    )
    good(
        "closed-before-end",
        "interventions are closed though their end is to come",
        _each(INTERVENTIONS, lambda _, r: r.update(closed=True)),
    )
    good("offset-z", "date-times with Z", _dates(_with_offset("Z")))
    good("offset-basic", "offsets without a colon everywhere", _dates(_without_colon))
    good("offset-extended", "offsets with a colon everywhere", _dates(_with_colon))
    good("offset-swapped", "each resource with the form the other one prints", _dates(_swapped_offset))
    good("offset-negative", "offsets west of Greenwich", _dates(_with_offset("-03:30")))
    good("fractions", "fractions of seconds", _dates(lambda value: f"{value[:19]}.250{value[19:]}"))
    good("date-old", "a start in the last century", _all(lambda _, r: r.update(start_datetime="1999-12-31T23:59:59Z")))
    good(
        "end-equals-start",
        "an event without duration",
        _all(lambda _, r: r.update(end_datetime=r["start_datetime"]) if "end_datetime" in r else None),
    )
    good(
        "provider-cinnic", "CINNIC, as the table prints it", _each(INCIDENTS, lambda _, r: r.update(provider="CINNIC"))
    )
    good("provider-unknown", "a provider nobody knows", _all(lambda _, r: r.update(provider="Acme Santé NV")))
    good("extra-top", "extra members at the top", edit(lambda document: document.update(total=4, next=None)))
    good("extra-record", "extra members in records", _all(lambda _, r: r.update(id=1, tags=["x", {"y": None}])))
    good(
        "extra-of-the-other",
        "incidents have members of interventions and the reverse",
        _each(INCIDENTS, lambda _, r: r.update(closed="maybe", business_impact=3)),
        _each(INTERVENTIONS, lambda _, r: r.update(status="Planned", update="later", contact_info=None)),
    )
    good("incidents-empty", "no incidents", _top(INCIDENTS, "data", []))
    good("interventions-empty", "no interventions", _top(INTERVENTIONS, "data", []))
    good("all-empty", "no incidents and no interventions", edit(lambda document: document.update(data=[])))
    good("texts-script", "free texts with a script", _texts("<script>alert('x')</script><img src=x onerror=alert(1)>"))
    good("texts-plain", "free texts without HTML", _texts("None expected"))
    good("texts-null", "free texts are null", _texts(None))
    good("texts-empty", "free texts are empty", _texts(""))
    good("texts-long", "a free text of 100,000 characters", _set(INCIDENTS, "description", "<b>long</b> " * 8_400))
    good("name-null", "names are null", _all(lambda _, r: r.update(name=None)))
    good("name-empty", "names are empty", _all(lambda _, r: r.update(name="")))
    good(
        "type-words",
        "other words for the type",
        _each(INCIDENTS, lambda _, r: r.update(type="Incident (unplanned)")),
        _each(INTERVENTIONS, lambda _, r: r.update(type="maintenance")),
    )
    good(
        "identifiers-words", "identifiers which are no numbers", _all(lambda n, r: r.update(identifier=f"INC/2025-{n}"))
    )
    good(
        "identifiers-shared",
        "an incident and an intervention have the same identifier",
        _all(lambda n, r: r.update(identifier=str(n))),
    )
    good(
        "all-solved",
        "all incidents are solved",
        _ongoing(lambda r: r.update(status="Solved", end_datetime="2025-03-16T00:00:00+01:00")),
    )
    good("all-ongoing", "all incidents go on", _each(INCIDENTS, _go_on))
    good("data-moves", "incidents and interventions change on each call", on_data(_solved))
    good("unsorted", "the latest records come first", edit(lambda document: _records(document).reverse()))
    good("large", "four hundred records", edit(_many))


def _go_on(_: int, record: Document) -> None:
    record.pop("end_datetime", None)
    record["status"] = "Ongoing"


def _add_defective(catalogue: Catalogue) -> None:
    bad = catalogue.bad
    for resource in (INCIDENTS, INTERVENTIONS):
        bad(
            f"{resource}-data-missing",
            f"{resource}.data",
            "no data member",
            edit(lambda document: document.pop("data"), at(resource)),
        )
        for name, value, summary in (
            ("object", {"43537": {}}, "data is an object"),
            ("null", None, "data is null"),
            ("string", "[]", "data is a string"),
            ("of-strings", ["43537"], "a record is a string"),
            ("of-nulls", [None], "a record is null"),
        ):
            bad(f"{resource}-data-{name}", f"{resource}.data", summary, _top(resource, "data", value))
    _add_incident_defects(catalogue)
    _add_intervention_defects(catalogue)
    _add_date_defects(catalogue)
    for resource in (INCIDENTS, INTERVENTIONS):
        here = at(resource)
        bad(
            f"{resource}-identifiers-equal",
            f"{resource}.identifier",
            "the first and the last record have the same identifier",
            edit(lambda d: _records(d)[-1].update(identifier=_records(d)[0]["identifier"]), here),
        )
        bad(
            f"{resource}-last-of-many",
            f"{resource}.start_datetime",
            "the last of four hundred records starts on 30 February",
            edit(_many, here),
            _set(resource, "start_datetime", "2025-02-30T08:55:00+01:00", -1),
        )
        bad(
            f"{resource}-missing",
            f"paths.{resource}",
            f"/{resource} gets 404",
            data_instead(lambda: plain_text(404, "not found"), here),
        )
        bad(
            f"{resource}-500",
            f"paths.{resource}",
            f"/{resource} gets 500",
            data_instead(lambda: plain_text(500, "oops"), here),
        )
    bad(
        "incidents-are-interventions",
        "paths.incidents",
        "/incidents gives the interventions",
        edit(lambda document: document.update(data=list(_INTERVENTIONS["data"])), at(INCIDENTS)),
    )
    number = edit(lambda document: _records(document)[1].update(identifier=1))
    add_common_defects(catalogue, INCIDENTS, (_remove, _add, _alter), "identifier", number)


def _add_incident_defects(catalogue: Catalogue) -> None:
    bad = catalogue.bad
    for key in ("identifier", "start_datetime", "status", "impact", "description", "contact_info", "update"):
        bad(f"incident-{key}-missing", f"incidents.{key}", f"an incident without {key}", _drop(INCIDENTS, key))
    for key in ("provider", "type"):
        bad(f"incident-{key}-missing", f"incidents.{key}", f"an incident without {key}", _drop(INCIDENTS, key))
    bad("incident-name-missing", "incidents.title", "an incident with neither name nor title", _drop(INCIDENTS, "name"))
    for name, key, value, summary in (
        ("identifier-number", "identifier", 43541, "a number"),
        ("identifier-null", "identifier", None, "null"),
        ("name-number", "name", 5, "a number"),
        ("name-object", "name", {"en": "Slow"}, "an object"),
        ("start-null", "start_datetime", None, "null"),
        ("start-object", "start_datetime", {}, "an object"),
        ("end-number", "end_datetime", 1741769130, "a number"),
        ("end-boolean", "end_datetime", True, "true"),
        ("status-number", "status", 2, "a number"),
        ("status-null", "status", None, "null"),
        ("status-boolean", "status", True, "true"),
        ("impact-number", "impact", 0, "a number"),
        ("impact-list", "impact", ["low"], "a list"),
        ("description-object", "description", {"html": "<p>"}, "an object"),
        ("description-boolean", "description", False, "false"),
        ("contact-list", "contact_info", ["support@example.org"], "a list"),
        ("contact-number", "contact_info", 27885155, "a number"),
        ("update-1", "update", 1, "1"),
        ("update-string", "update", "false", "a string"),
        ("update-null", "update", None, "null"),
        ("provider-number", "provider", 12, "a number"),
        ("provider-null", "provider", None, "null"),
        ("provider-object", "provider", {"name": "Smals"}, "an object"),
        ("type-number", "type", 1, "a number"),
        ("type-null", "type", None, "null"),
        ("type-list", "type", ["incident"], "a list"),
    ):
        bad(f"incident-{name}", f"incidents.{key}", f"{key} of an incident is {summary}", _set(INCIDENTS, key, value))
    bad(
        "incident-title-number",
        "incidents.title",
        "title of an incident is a number",
        _each(INCIDENTS, lambda _, r: _renamed(r, "name", "title")),
        _set(INCIDENTS, "title", 5),
    )
    bad(
        "ongoing-with-end",
        "incidents.status",
        "an incident goes on though it has an end",
        _set(INCIDENTS, "status", "Ongoing"),
    )
    bad("solved-end-absent", "incidents.status", "an incident is solved without end", _drop(INCIDENTS, "end_datetime"))
    for name, value in (("null", None), ("empty", "")):
        bad(
            f"solved-end-{name}",
            "incidents.status",
            f"an incident is solved and its end is {name}",
            _set(INCIDENTS, "end_datetime", value),
        )


def _add_intervention_defects(catalogue: Catalogue) -> None:
    bad = catalogue.bad
    for key in ("identifier", "name", "start_datetime", "closed", "description"):
        bad(f"intervention-{key}-missing", f"interventions.{key}", f"{key} is missing", _drop(INTERVENTIONS, key))
    for key in ("business_impact", "type_intervention", "impact", "provider", "type"):
        bad(f"intervention-{key}-missing", f"interventions.{key}", f"{key} is missing", _drop(INTERVENTIONS, key))
    bad(
        "intervention-title-for-name",
        "interventions.name",
        "an intervention has a title for a name, which only incidents may",
        _one(INTERVENTIONS, lambda record: _renamed(record, "name", "title")),
    )
    for name, key, value, summary in (
        ("identifier-number", "identifier", 1448, "a number"),
        ("identifier-null", "identifier", None, "null"),
        ("name-list", "name", ["Renewal"], "a list"),
        ("name-number", "name", 1, "a number"),
        ("start-null", "start_datetime", None, "null"),
        ("end-number", "end_datetime", 1739856600, "a number"),
        ("end-object", "end_datetime", {}, "an object"),
        ("closed-string", "closed", "true", "a string"),
        ("closed-1", "closed", 1, "1"),
        ("closed-0", "closed", 0, "0"),
        ("closed-null", "closed", None, "null"),
        ("description-number", "description", 1, "a number"),
        ("business-impact-boolean", "business_impact", True, "true"),
        ("business-impact-null", "business_impact", None, "null"),
        ("business-impact-other", "business_impact", "minor_business_impact", "not in the list"),
        ("business-impact-capitals", "business_impact", "With_Business_Impact", "in the list but for its capitals"),
        ("business-impact-empty", "business_impact", "", "empty"),
        ("type-intervention-other", "type_intervention", "planned", "not in the list"),
        ("type-intervention-capitals", "type_intervention", "Standard", "in the list but for its capital"),
        ("type-intervention-null", "type_intervention", None, "null"),
        ("type-intervention-empty", "type_intervention", "", "empty"),
        ("type-intervention-list", "type_intervention", ["standard"], "a list"),
        ("impact-number", "impact", 0, "a number"),
        ("impact-object", "impact", {}, "an object"),
        ("provider-object", "provider", {"name": "Smals"}, "an object"),
        ("provider-null", "provider", None, "null"),
        ("type-number", "type", 2, "a number"),
        ("type-null", "type", None, "null"),
    ):
        bad(
            f"intervention-{name}",
            f"interventions.{key}",
            f"{key} of an intervention is {summary}",
            _set(INTERVENTIONS, key, value),
        )


def _add_date_defects(catalogue: Catalogue) -> None:
    """Hand the values which are no date-time out to the four fields in turn, and the commonest ones to all."""
    places = [(resource, key) for resource in (INCIDENTS, INTERVENTIONS) for key in ("start_datetime", "end_datetime")]
    for number, (name, value, summary) in enumerate(BAD_DATES):
        everywhere = name in ("february-30", "no-offset", "date-only")
        for place, (resource, key) in enumerate(places):
            if name == "empty" and key == "end_datetime":
                continue  # that is a solved incident without an end, or a closed intervention without one
            if everywhere or place == (0 if name == "empty" else number % 4):
                catalogue.bad(
                    f"{resource.removesuffix('s')}-{key.removesuffix('_datetime')}-{name}",
                    f"{resource}.{key}",
                    f"{key} of a record is {summary}",
                    _set(resource, key, value),
                )


def _add_borderline(catalogue: Catalogue) -> None:
    unsure = catalogue.unsure
    unsure(
        "status-other-word", True, "incidents.status", "status is Monitoring", _set(INCIDENTS, "status", "Monitoring")
    )
    unsure("status-small-letters", False, "incidents.status", "status is solved", _set(INCIDENTS, "status", "solved"))
    unsure("status-empty", False, "incidents.status", "status is empty", _set(INCIDENTS, "status", ""))
    unsure(
        "incident-end-before-start",
        False,
        "incidents.end_datetime",
        "an incident ends before it starts",
        _set(INCIDENTS, "end_datetime", "2025-03-11T00:00:00+01:00"),
    )
    unsure(
        "intervention-end-before-start",
        False,
        "interventions.end_datetime",
        "an intervention ends before it starts",
        _set(INTERVENTIONS, "end_datetime", "2025-02-17T00:00:00+0100"),
    )
    unsure(
        "closed-end-absent",
        False,
        "interventions.end_datetime",
        "a closed intervention has no end_datetime",
        _drop(INTERVENTIONS, "end_datetime"),
    )
    unsure(
        "closed-end-null",
        False,
        "interventions.end_datetime",
        "end_datetime of a closed intervention is null",
        _set(INTERVENTIONS, "end_datetime", None),
    )
    unsure(
        "ongoing-with-spaced-end",
        False,
        "incidents.status",
        "an incident goes on though it has an 'end datetime'",
        _each(INCIDENTS, lambda _, r: _renamed(r, "end_datetime", SPACED)),
        _set(INCIDENTS, "status", "Ongoing"),
    )
    unsure(
        "end-both-forms-differ",
        False,
        "incidents.end_datetime",
        "an incident has both an end_datetime and an 'end datetime', which differ",
        _set(INCIDENTS, SPACED, "2025-03-12T10:00:00+01:00"),
    )
    unsure(
        "intervention-end-spaced",
        True,
        "interventions.end_datetime",
        "the end of interventions is called 'end datetime', which only the example of incidents prints",
        _each(INTERVENTIONS, lambda _, r: _renamed(r, "end_datetime", SPACED)),
    )
    unsure("title-unlike-name", True, "incidents.title", "title and name differ", _set(INCIDENTS, "title", "Another"))
    unsure("provider-empty", False, "incidents.provider", "provider is empty", _set(INCIDENTS, "provider", ""))
    unsure("type-empty", False, "incidents.type", "type is empty", _set(INCIDENTS, "type", ""))
    unsure("type-of-the-other", True, "incidents.type", "type is intervention", _set(INCIDENTS, "type", "intervention"))
    unsure("identifier-empty", False, "incidents.identifier", "identifier is empty", _set(INCIDENTS, "identifier", ""))
    unsure(
        "open-start-null",
        False,
        "interventions.start_datetime",
        "start_datetime of open interventions is null",
        _open(lambda record: record.update(start_datetime=None)),
    )
    add_common_doubts(catalogue, INCIDENTS)


_CATALOGUE = Catalogue(application({INCIDENTS: _INCIDENTS, INTERVENTIONS: _INTERVENTIONS}))
_add_conforming(_CATALOGUE)
_add_defective(_CATALOGUE)
_add_borderline(_CATALOGUE)

VARIANTS: Mapping[str, Variant] = _CATALOGUE.variants
BORDERLINE: Mapping[str, Variant] = _CATALOGUE.borderline


def serve(name: str) -> AbstractContextManager[str]:
    """Serve a variant on a free port of loopback; the context gives its base URL."""
    return _CATALOGUE.serve(name)


if __name__ == "__main__":
    by_hand([*VARIANTS, *BORDERLINE], _CATALOGUE.lines(), _CATALOGUE.serve)
