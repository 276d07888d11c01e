"""Reads soap.yaml and names.yaml into what a cookbook says of SOAP answers, callers and names.

Must not judge.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from conformance.formats.documents import Data, Document
from conformance.model.contract import CallerRule, CheckRule, SoapRules

PRINTED_MESSAGE = "printed-message"
"""The check that a case's `words` ask for; its patterns and requirements are the rows of `messages`."""

_SHORT: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "status-code": ("documented-outcome", {"value": "status_code"}),
    "response-id-unique": ("unique", {"value": "response_id"}),
    "in-response-to": ("echo", {"value": "in_response_to", "asked": "request_id"}),
    "response-instant": ("moment", {"value": "response_instant"}),
    "response-instant-own": (
        "not-copied",
        {"value": "response_instant", "asked": "issue_instant"},
    ),
    "identifier": ("on-success", {"value": "identifier"}),
    "no-identifier": ("not-on-failure", {"value": "identifier"}),
    PRINTED_MESSAGE: (PRINTED_MESSAGE, {"value": "status_message"}),
}
"""Keys of `checks` that may stand without check and places: what each of them then means."""


def read_soap_rules(folder: Path, files: Mapping[str, Document]) -> SoapRules:
    """Return what soap.yaml and names.yaml of a spec folder say."""
    data = files["soap.yaml"].data
    return SoapRules(
        wsdl=folder / data["wsdl"],
        names=spellings(files["names.yaml"].data),
        outcomes=data["outcomes"],
        callers={kind: _caller_rule(row) for kind, row in data["callers"].items()},
        defaults=data.get("defaults", {}),
        checks=_checks(data),
        further_checks=(
            *_element_rules(data),
            *_detail_rules(data),
            *_same_person_rules(data),
        ),
        messages=_messages(data),
        details=frozenset(row["element"] for row in data.get("details", ())),
        gates=frozenset(data["gates"]),
        unavailable=frozenset(data["unavailable"]),
        busy=frozenset(data.get("busy", ())),
        message_values=_message_values(data),
    )


def spellings(
    names: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the content of a names file as tuples of spellings by section and role."""
    return {
        section: {
            role: (words,) if isinstance(words, str) else tuple(words)
            for role, words in roles.items()
        }
        for section, roles in names.items()
    }


def _caller_rule(row: Data) -> CallerRule:
    return CallerRule(
        row["identity"],
        row["role"],
        tuple(row.get("attributes", ())),
        tuple(row["asserted"]),
        tuple(row["certified"]),
    )


def _checks(data: Data) -> dict[str, CheckRule]:
    """Return the rows of `checks`; the check of the schema knows which elements have requirements of their own."""
    rules = {
        key: _check_rule(key, row)
        for key, row in data["checks"].items()
        if key != PRINTED_MESSAGE
    }
    named = {
        "elements": tuple(data.get("elements", {})),
        "details": tuple(row["element"] for row in data.get("details", ())),
    }
    return {
        key: replace(rule, options=named) if rule.check == "schema" else rule
        for key, rule in rules.items()
    }


def _check_rule(key: str, row: Data) -> CheckRule:
    """Return one row of `checks`: a requirement alone, or with check, places and words."""
    written: Data = {"requirement": row} if isinstance(row, str) else row
    check, places = _SHORT.get(key, (key, {}))
    return CheckRule(
        written.get("check", check),
        written["requirement"],
        written.get("places", places),
        written.get("words", {}),
    )


def _messages(data: Data) -> dict[str, CheckRule]:
    """Return the rows of `messages`, with the place and the words that `checks` may give for all of them."""
    shared = data["checks"].get(PRINTED_MESSAGE, {})
    places = shared.get("places", _SHORT[PRINTED_MESSAGE][1])
    return {
        name: CheckRule(
            PRINTED_MESSAGE,
            row["requirement"],
            places,
            shared.get("words", {}),
            {"pattern": row["pattern"]},
        )
        for name, row in data.get("messages", {}).items()
    }


def _message_values(data: Data) -> dict[str, CheckRule]:
    """Return for each row of `messages` that says so what is held against the values filled in there."""
    shared = data["checks"].get(PRINTED_MESSAGE, {})
    places = shared.get("places", _SHORT[PRINTED_MESSAGE][1])
    return {
        name: CheckRule(
            "printed-values",
            row["values"]["requirement"],
            {**places, "asked": row["values"]["asked"]},
            options={"pattern": row["pattern"]},
        )
        for name, row in data.get("messages", {}).items()
        if "values" in row
    }


def _element_rules(data: Data) -> Iterator[CheckRule]:
    elements = data.get("elements", {})
    for name, requirement in elements.items():
        options = {"element": name, "elements": tuple(elements)}
        yield CheckRule("element", requirement, options=options)


def _detail_rules(data: Data) -> Iterator[CheckRule]:
    for row in data.get("details", ()):
        element, never_with = row["element"], row["never_with"]
        outcomes = tuple(never_with["outcomes"])
        yield CheckRule(
            "not-with-outcome",
            never_with["requirement"],
            options={"element": element, "outcomes": outcomes},
        )
        for member, allowed in row.get("members", {}).items():
            options = {
                "element": element,
                "member": member,
                "values": tuple(allowed["values"]),
            }
            yield CheckRule("member", allowed["requirement"], options=options)


def _same_person_rules(data: Data) -> Iterator[CheckRule]:
    row = data.get("same_person")
    if row:
        yield CheckRule(
            "one-person",
            row["requirement"],
            places={"value": row["identifier"]},
            options={
                "decisive": tuple(row["decisive"]),
                "disjoint": tuple(row["disjoint"]),
            },
        )
