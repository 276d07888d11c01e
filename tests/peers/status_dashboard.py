"""Tiny implementations of the Status Dashboard (cookbook 1.4), most of which lie.

``VARIANTS`` names them: those that conform use what the cookbook leaves open, the others have one defect each.
``serve(name)`` serves one; the context gives a base URL below which are /dashboard, /dashboard/int and /dashboard/acc.
``BORDERLINE`` holds, apart, the ones of which the cookbook does not say whether they conform; ``serve`` knows them too.

The data: three groups of items for each environment. Most single defects are in the second item of the second group.

By hand: ``python -m tests.peers.status_dashboard --variant plain --port 0``, or ``--list``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from .server import (
    BAD_DATES,
    PREFIX,
    Answer,
    Catalogue,
    Edit,
    Handler,
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

RESOURCES = ("dashboard", "dashboard/int", "dashboard/acc")

_GROUPS: tuple[tuple[str, tuple[tuple[str, int, str | None], ...]], ...] = (
    (
        "1. IAM - Identity & Access Management",
        (
            ("eHealth IDP - Identity provider – Authorization management", 2, "Users can not select a profile anymore"),
            ("WebService eHealth - IAM Connect - eXchange", 1, None),
            ("WebService eHealth - STS - Secure Token Service", 1, None),
        ),
    ),
    (
        "2. Hubs & Metahub",
        (
            ("Metahub - patient links", 1, None),
            ("Hub Réseau Santé Wallon", 1, "Back to normal since 08:30 – an investigation is going on"),
            ("Hub CoZo", 3, None),
        ),
    ),
    (
        "3. Basic services",
        (
            ("eHealthBox - consultation / publication", 1, None),
            ("Timestamping", 1, None),
        ),
    ),
)


def _identifier(number: int, digits: int) -> str:
    """Make an identifier which looks like those the cookbook prints."""
    return f"{(number * 0x9E3779B97F4A7C15 + 0x1234567) % 2**64:016x}{number:0{digits - 16}x}"


def _dashboard(environment: int) -> Document:
    groups: list[Document] = []
    for place, (group_name, entries) in enumerate(_GROUPS, 1):
        items: list[Document] = []
        for order, (name, status, description) in enumerate(entries, 1):
            item: Document = {
                "id": _identifier(environment * 1000 + place * 100 + order, 32),
                "order": order,
                "status_code": status,
                "last_updated": "2025-05-09T08:55:00+02:00",
                "name": name,
            }
            if description is not None:
                item["description"] = description
            items.append(item)
        codes = {item["status_code"] for item in items}
        groups.append(
            {
                "id": "AX" + _identifier(environment * 1000 + place, 18),
                "name": group_name,
                "items": items,
                "status_code": 2 if 2 in codes else 3 if 3 in codes else 1,
            }
        )
    return {"groups": groups}


def _many(document: Document) -> None:
    """Fill the dashboard with four hundred items in four groups."""
    document["groups"] = [
        {
            "id": f"GROUP{place}",
            "name": f"{place}. Group",
            "items": [
                {
                    "id": f"{place:08x}{order:08x}",
                    "order": order,
                    "status_code": 1,
                    "last_updated": "2025-05-09T08:55:00+02:00",
                    "name": f"Service {place}.{order}",
                    "description": "",
                }
                for order in range(1, 101)
            ],
            "status_code": 1,
        }
        for place in range(1, 5)
    ]


# ----------------------------------------------------------------------------------------------------------- edits


def _groups(document: Document) -> list[Document]:
    groups: list[Document] = document["groups"]
    return groups


def _items(document: Document) -> list[Document]:
    return [item for group in _groups(document) for item in group["items"]]


def _one_group(document: Document) -> Document:
    return _groups(document)[1]


def _one_item(document: Document) -> Document:
    item: Document = _one_group(document)["items"][1]
    return item


def _last_item(document: Document) -> Document:
    return _items(document)[-1]


def _group(key: str, value: Any) -> Layer:
    """Set a member of one group."""
    return edit(lambda document: _one_group(document).update({key: value}))


def _item(key: str, value: Any) -> Layer:
    """Set a member of one item."""
    return edit(lambda document: _one_item(document).update({key: value}))


def _each_group(change: Callable[[int, Document], object]) -> Layer:
    """Change every group."""
    return edit(lambda document: [change(number, group) for number, group in enumerate(_groups(document))])


def _each_item(change: Callable[[int, Document], object]) -> Layer:
    """Change every item."""
    return edit(lambda document: [change(number, item) for number, item in enumerate(_items(document))])


def _each_set(key: str, value: Any) -> Layer:
    """Set a member of every item."""
    return _each_item(lambda _, item: item.update({key: value}))


def _updated(value: str) -> Layer:
    """Set the date-time of every item."""
    return _each_set("last_updated", value)


def _move_update(request: Request, answer: Answer) -> None:
    minute, second = divmod(request.number, 60)
    moment = f"2025-05-09T{minute // 60 % 24:02}:{minute % 60:02}:{second:02}+02:00"
    for item in _items(answer.document):
        item["last_updated"] = moment


def _turn(request: Request, answer: Answer) -> None:
    for number, item in enumerate(_items(answer.document)):
        item["status_code"] = 1 + (request.number + number) % 3


def _extra_everywhere(document: Document) -> None:
    document["generated"] = {"at": "now", "by": ["a", 1, None, {"deep": True}]}
    for group in _groups(document):
        group["group"] = {"status_code": "not this one", "items": 3}
        for item in group["items"]:
            item["items"] = []
            item["Status_Code"] = "1"


def _copy_id(entries: list[Document], source: int, target: int) -> None:
    entries[target]["id"] = entries[source]["id"]


def _same_ids(document: Document) -> None:
    for number, group in enumerate(_groups(document)):
        group["id"] = f"G{number}"
    for number, item in enumerate(_items(document)):
        item["id"] = f"I{number}"


def _remove(document: Document) -> None:
    del _groups(document)[:1]


def _add(document: Document) -> None:
    groups = _groups(document)
    groups.append({"id": f"POSTED{len(groups)}", "name": "Posted", "items": [], "status_code": 1})


def _alter(document: Document) -> None:
    document["groups"][-1]["name"] = "Altered"
    document["groups"][-1]["items"][0].update(status_code=2, description="Altered")


def _drop(entry: Callable[[Document], Document], key: str) -> Edit:
    return lambda document: entry(document).pop(key)


# ------------------------------------------------------------------------------------------------------- catalogue


def _add_conforming(catalogue: Catalogue) -> None:
    good = catalogue.good
    good("plain", "as the cookbook prints it, made JSON")
    add_common_freedoms(catalogue)
    good("offset-z", "date-times in UTC, with Z", _updated("2025-05-09T06:55:00Z"))
    good("offset-basic", "offsets without a colon", _updated("2025-03-05T09:25:00+0100"))
    good("offset-extended", "offsets with a colon, in winter", _updated("2025-03-05T09:25:00+01:00"))
    good("offset-negative", "offsets west of Greenwich", _updated("2025-03-05T03:25:00-05:30"))
    good("offset-zero", "an offset of nothing", _updated("2025-03-05T09:25:00+00:00"))
    good(
        "offsets-mixed",
        "every item with another form of offset",
        _each_item(lambda n, item: item.update(last_updated="2025-05-09T08:55:00" + ("Z", "+0200", "+02:00")[n % 3])),
    )
    good("fraction-3", "milliseconds", _updated("2025-05-09T08:55:00.123+02:00"))
    good("fraction-9", "nanoseconds", _updated("2025-05-09T06:55:00.123456789Z"))
    good("date-old", "a date-time of the last century", _updated("1999-12-31T23:59:59+01:00"))
    good("date-future", "a date-time which is yet to come", _updated("2099-01-01T00:00:00+01:00"))
    good("date-leap-day", "29 February of a year that has one", _updated("2024-02-29T08:55:00+01:00"))
    good("date-moves", "last_updated is another one on each call", on_data(_move_update))
    good("description-null", "descriptions are null", _each_set("description", None))
    good("description-empty", "descriptions are empty", _each_set("description", ""))
    good("description-absent", "no item has a description", _each_item(lambda _, item: item.pop("description", None)))
    good(
        "description-html", "descriptions hold HTML and a script", _each_set("description", "<script>alert(1)</script>")
    )
    good("description-long", "a description of 100,000 characters", _item("description", "long " * 20_000))
    good("description-lines", "a description with line breaks, quotes and emoji", _item("description", 'a\r\n"b"\t😀'))
    good("item-name-null", "names of items are null", _each_set("name", None))
    good("item-name-empty", "names of items are empty", _each_set("name", ""))
    good("item-names-equal", "all items have the same name", _each_set("name", "Service"))
    good("group-name-null", "names of groups are null", _each_group(lambda _, group: group.update(name=None)))
    good("group-name-empty", "names of groups are empty", _each_group(lambda _, group: group.update(name="")))
    good("extra-top", "an extra member at the top", edit(lambda document: document.update(version="1.4")))
    good("extra-group", "an extra member in groups", _each_group(lambda n, group: group.update(order=n)))
    good("extra-item", "an extra member in items", _each_item(lambda _, item: item.update(since=None, tags=["x"])))
    good("extra-everywhere", "extra members at all levels, some with names that mislead", edit(_extra_everywhere))
    good("groups-empty", "no groups at all", edit(lambda document: document.update(groups=[])))
    good(
        "groups-empty-int",
        "no groups in the dashboard of integration",
        edit(lambda document: document.update(groups=[]), at("dashboard/int")),
    )
    good("items-empty", "a group without items", _group("items", []))
    good("order-equal", "order is the same everywhere", _each_set("order", 1))
    good("order-unsorted", "items are not sorted by order", _each_item(lambda n, item: item.update(order=50 - n)))
    good("order-gaps", "order has wide gaps", _each_item(lambda n, item: item.update(order=n * 1_000_000_007)))
    good("order-zero", "order counts from 0", _each_item(lambda n, item: item.update(order=n)))
    good("order-negative", "order is negative", _each_item(lambda n, item: item.update(order=n - 100)))
    good("status-all-1", "everything is operational", _statuses(1))
    good("status-all-2", "everything is disrupted", _statuses(2))
    good("status-all-3", "everything is unknown", _statuses(3))
    good("status-moves", "status codes are others on each call", on_data(_turn))
    good(
        "group-status-unlike-items",
        "a group is operational though its items are disrupted",
        _statuses(2),
        _each_group(lambda _, group: group.update(status_code=1)),
    )
    good(
        "numbers-with-point",
        "whole numbers are written as 1.0",
        _each_item(lambda _, item: item.update(order=float(item["order"]), status_code=float(item["status_code"]))),
        _each_group(lambda _, group: group.update(status_code=float(group["status_code"]))),
    )
    good("large", "four hundred items", edit(_many))
    good("ids-short", "identifiers of one to three characters", edit(_short_ids))
    good("ids-same-in-all-dashboards", "production, /int and /acc use the same identifiers", edit(_same_ids))
    good(
        "id-of-group-and-item-equal",
        "an item has the identifier of its group",
        edit(lambda document: _one_item(document).update(id=_one_group(document)["id"])),
    )


def _statuses(code: int) -> Layer:
    def change(document: Document) -> None:
        for entry in (*_groups(document), *_items(document)):
            entry["status_code"] = code

    return edit(change)


def _short_ids(document: Document) -> None:
    for number, group in enumerate(_groups(document)):
        group["id"] = "ABC"[number]
    for number, item in enumerate(_items(document)):
        item["id"] = str(number)


def _mixed_up(inner: Handler) -> Handler:
    last = ""

    def handle(request: Request) -> Answer:
        nonlocal last
        before, last = last, request.resource
        wrong = (before, last) == ("dashboard/int", "dashboard")
        return inner(replace(request, path=f"{PREFIX}dashboard/int") if wrong else request)

    return handle


def _replaced(inner: Handler) -> Handler:
    asked: set[str] = set()

    def handle(request: Request) -> Answer:
        asked.add(request.resource)
        wrong = request.resource == "dashboard" and "dashboard/acc" in asked
        return inner(replace(request, path=f"{PREFIX}dashboard/acc") if wrong else request)

    return handle


_Wrong = tuple[tuple[str, str, Any, str], ...]

_WRONG_IN_GROUP: _Wrong = (
    ("group-id-number", "id", 17, "an identifier is a number"),
    ("group-id-null", "id", None, "an identifier is null"),
    ("group-name-number", "name", 2, "a name is a number"),
    ("group-name-object", "name", {"en": "Hubs"}, "a name is an object"),
    ("items-object", "items", {}, "items is an object"),
    ("items-null", "items", None, "items is null"),
    ("item-string", "items", ["Metahub"], "an item is a string"),
    ("item-list", "items", [[]], "an item is a list"),
    ("group-status-0", "status_code", 0, "0"),
    ("group-status-4", "status_code", 4, "4"),
    ("group-status-string", "status_code", "1", "a string"),
    ("group-status-boolean", "status_code", True, "true"),
    ("group-status-null", "status_code", None, "null"),
    ("group-status-fraction", "status_code", 1.5, "1.5"),
)

_WRONG_IN_ITEM: _Wrong = (
    ("item-id-number", "id", 17, "an identifier is a number"),
    ("item-id-null", "id", None, "an identifier is null"),
    ("item-id-list", "id", ["17"], "an identifier is a list"),
    ("order-string", "order", "2", "a string"),
    ("order-null", "order", None, "null"),
    ("order-boolean", "order", True, "true"),
    ("order-object", "order", {}, "an object"),
    ("item-status-0", "status_code", 0, "0"),
    ("item-status-4", "status_code", 4, "4"),
    ("item-status-negative", "status_code", -1, "-1"),
    ("item-status-string", "status_code", "1", "a string"),
    ("item-status-word", "status_code", "Operational", "a word"),
    ("item-status-boolean", "status_code", True, "true"),
    ("item-status-null", "status_code", None, "null"),
    ("item-status-fraction", "status_code", 1.5, "1.5"),
    ("item-status-list", "status_code", [1], "a list"),
    ("last-updated-null", "last_updated", None, "null"),
    ("last-updated-object", "last_updated", {"date": "2025-05-09T08:55:00+02:00"}, "an object"),
    ("last-updated-boolean", "last_updated", False, "false"),
    ("item-name-number", "name", 5, "a name is a number"),
    ("item-name-list", "name", ["Hub"], "a name is a list"),
    ("description-number", "description", 0, "a number"),
    ("description-boolean", "description", False, "false"),
    ("description-object", "description", {"en": "Fine"}, "an object"),
    ("description-list", "description", [], "a list"),
)


def _add_defective(catalogue: Catalogue) -> None:
    bad = catalogue.bad
    bad("groups-missing", "groups", "no groups member", edit(lambda document: document.pop("groups")))
    for key in ("id", "name", "items", "status_code"):
        name = key.replace("_code", "")
        bad(f"group-{name}-missing", f"groups.{key}", f"a group without {key}", edit(_drop(_one_group, key)))
    for key in ("id", "order", "status_code", "last_updated", "name"):
        name = key.replace("_code", "")
        bad(f"item-{name}-missing", f"items.{key}", f"an item without {key}", edit(_drop(_one_item, key)))
    bad(
        "groups-object",
        "groups",
        "groups is an object",
        edit(lambda document: document.update(groups={group["id"]: group for group in _groups(document)})),
    )
    bad("groups-null", "groups", "groups is null", edit(lambda document: document.update(groups=None)))
    bad("groups-string", "groups", "groups is a string", edit(lambda document: document.update(groups="none")))
    bad("group-string", "groups", "a group is a string", edit(lambda document: _groups(document).append("group")))  # type: ignore[arg-type]
    bad("group-null", "groups", "a group is null", edit(lambda document: _groups(document).append(None)))  # type: ignore[arg-type]
    for name, key, value, summary in _WRONG_IN_GROUP:
        bad(name, f"groups.{key}", f"in a group: {summary}", _group(key, value))
    for name, key, value, summary in _WRONG_IN_ITEM:
        bad(name, f"items.{key}", f"in an item: {summary}", _item(key, value))
    for name, value, summary in BAD_DATES:
        bad(f"last-updated-{name}", "items.last_updated", f"in an item: {summary}", _item("last_updated", value))
    bad("order-nan", "json", "in an item: an order of NaN, which is no JSON", _item("order", float("nan")))
    bad("group-ids-equal", "groups.id", "two groups are alike", edit(lambda d: _copy_id(_groups(d), 0, 2)))
    bad("item-ids-equal", "items.id", "two items of a group are alike", edit(lambda d: _copy_id(_items(d), 0, 2)))
    bad("item-ids-equal-apart", "items.id", "items of two groups are alike", edit(lambda d: _copy_id(_items(d), 0, 7)))
    bad(
        "last-of-many-status",
        "items.status_code",
        "the last of four hundred items has status 4",
        edit(_many),
        edit(lambda document: _last_item(document).update(status_code=4)),
    )
    bad(
        "last-of-many-date",
        "items.last_updated",
        "the last of four hundred items has 30 February",
        edit(_many),
        edit(lambda document: _last_item(document).update(last_updated="2025-02-30T08:55:00+01:00")),
    )
    bad(
        "last-of-many-id",
        "items.id",
        "the last of four hundred items has the identifier of the first",
        edit(_many),
        edit(lambda document: _copy_id(_items(document), 0, -1)),
    )
    for place in ("int", "acc"):
        here = at(f"dashboard/{place}")
        bad(
            f"{place}-status",
            "items.status_code",
            f"an item has status 4, in /{place} only",
            edit(lambda document: _one_item(document).update(status_code=4), here),
        )
        bad(
            f"{place}-name-missing",
            "items.name",
            f"an item has no name, in /{place} only",
            edit(lambda document: _one_item(document).pop("name"), here),
        )
        bad(
            f"{place}-missing",
            f"paths.{place}",
            f"/{place} gets 404",
            data_instead(lambda: plain_text(404, "not found"), here),
        )
        bad(f"{place}-500", f"paths.{place}", f"/{place} gets 500", data_instead(lambda: plain_text(500, "oops"), here))
    bad(
        "prod-mixed-up",
        "paths.prod",
        "the first request for production after one for integration gets the dashboard of integration",
        _mixed_up,
    )
    bad(
        "prod-replaced",
        "paths.prod",
        "production gets the dashboard of acceptance once that has been asked for",
        _replaced,
    )
    add_common_defects(catalogue, "dashboard", (_remove, _add, _alter), "items.status_code", _item("status_code", 9))


def _add_borderline(catalogue: Catalogue) -> None:
    unsure = catalogue.unsure
    for name, conforming, value, summary in (
        ("comma", True, "2025-05-09T08:55:00,5+02:00", "a fraction after a comma"),
        ("basic-format", True, "20250509T085500+0200", "the basic format of ISO 8601"),
        ("offset-hours", True, "2025-05-09T08:55:00+02", "an offset of hours alone"),
        ("no-seconds", True, "2025-05-09T08:55+02:00", "no seconds"),
        ("hour-24", True, "2025-05-09T24:00:00+02:00", "the end of a day as 24:00"),
        ("leap-second", True, "2016-12-31T23:59:60Z", "the last leap second"),
        ("week-date", True, "2025-W19-5T08:55:00+02:00", "a week date"),
        ("ordinal-date", True, "2025-129T08:55:00+02:00", "an ordinal date"),
        ("small-letters", False, "2025-05-09t06:55:00z", "small letters"),
        ("space", False, "2025-05-09 08:55:00+02:00", "a space for the T"),
        ("offset-minus-zero", False, "2025-05-09T06:55:00-00:00", "an offset of minus zero"),
        ("leading-space", False, " 2025-05-09T08:55:00+02:00", "a space before the date"),
    ):
        unsure(f"last-updated-{name}", conforming, "items.last_updated", summary, _updated(value))
    unsure("order-fraction", True, "items.order", "an order of 1.5", _item("order", 1.5))
    unsure("item-id-empty", False, "items.id", "an empty identifier, only once", _item("id", ""))
    unsure("group-id-empty", False, "groups.id", "an empty identifier, only once", _group("id", ""))
    add_common_doubts(catalogue, "dashboard")


_CATALOGUE = Catalogue(application({resource: _dashboard(number) for number, resource in enumerate(RESOURCES, 1)}))
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
