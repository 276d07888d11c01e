"""Reads soap.yaml and names.yaml into what a cookbook says of SOAP answers, callers and names.

Must not judge.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance.formats.documents import Data, Document
from conformance.model.contract import (
    CallerRule,
    DetailRule,
    MessageRule,
    SamePersonRule,
    SoapRules,
)


def read_soap_rules(folder: Path, files: Mapping[str, Document]) -> SoapRules:
    """Return what soap.yaml and names.yaml of a spec folder say."""
    data = files["soap.yaml"].data
    same = data.get("same_person")
    return SoapRules(
        wsdl=folder / data["wsdl"],
        names=spellings(files["names.yaml"].data),
        outcomes=data["outcomes"],
        callers={kind: _caller_rule(row) for kind, row in data["callers"].items()},
        defaults=data.get("defaults", {}),
        same_person=SamePersonRule(
            same["requirement"],
            same["identifier"],
            tuple(same["decisive"]),
            tuple(same["disjoint"]),
        )
        if same
        else None,
        checks=data["checks"],
        elements=data.get("elements", {}),
        details=tuple(_detail_rule(row) for row in data.get("details", ())),
        messages={
            name: MessageRule(**row) for name, row in data.get("messages", {}).items()
        },
        gates=frozenset(data["gates"]),
        unavailable=frozenset(data["unavailable"]),
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


def _detail_rule(row: Data) -> DetailRule:
    members = {
        name: (tuple(member["values"]), member["requirement"])
        for name, member in row.get("members", {}).items()
    }
    return DetailRule(
        row["element"],
        tuple(row["never_with"]["outcomes"]),
        row["never_with"]["requirement"],
        members,
    )
