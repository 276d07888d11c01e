"""Counterexamples of failed cases: shown as commands, and kept for the next run.

Must not send anything.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance.engine.probes.search import case_dir, make_private
from conformance.evidence.reading import ExchangeReader
from conformance.evidence.reproduction import reproduction
from conformance.files.writing import write_atomically
from conformance.model.case import CaseKind
from conformance.model.verdict import Verdict

_LATEST = "latest.json"
_SEARCHED = frozenset({CaseKind.PROPERTY.value, CaseKind.STATEFUL.value})


def add_commands(document: Mapping[str, Any], folder: Path) -> None:
    """Add to each failed case of a results document the commands that show its failure."""
    shown = [case for case in document["cases"] if "counterexample" in case]
    wanted = {name for case in shown for name in case["counterexample"]["exchanges"]}
    if not wanted:
        return
    records = {row["id"]: row for row in ExchangeReader(folder).read(wanted)}
    for case in shown:
        case["counterexample"] |= reproduction(case, document["run"], records)


def update_counterexamples(document: Mapping[str, Any], parent: Path | None) -> None:
    """Store the counterexamples that were searched for, and delete those of cases that pass again.

    `parent` is the folder that holds them, None where none are kept.
    """
    for case in document["cases"]:
        kept = case_dir(parent, case["id"])
        if kept is None:
            continue
        if case["verdict"] == Verdict.PASS.value:
            (kept / _LATEST).unlink(missing_ok=True)
        if "counterexample" in case and case["kind"] in _SEARCHED:
            make_private(kept)
            told = {
                "case": case["id"],
                "run": document["run"]["id"],
                "reason": case["reason"],
                **case["counterexample"],
            }
            write_atomically(kept / _LATEST, json.dumps(told, indent=1) + "\n")
