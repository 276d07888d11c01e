"""What the installed version's suites find of the seeded faults, as it was measured when the version was made.

The figure travels with the package, for reports and dossiers: a green run is worth what would have been found. Must not
measure anything; `benchmarks/mutation_score.py` does.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from conformance import __version__
from conformance.contracts.loading import Spec
from conformance.formats.documents import report_file
from conformance.formats.schemas import specs_root

FILE = "mutation-score.json"
_NOT_MEASURED = "not measured"
_NUMBERS = ("faults", "killed", "survived", "wrongly_explained", "erred")


def mutation_score() -> Mapping[str, Any] | None:
    """Return the score: date, commit, and faults and killed in all and by service; None where none was measured.

    A score of another version does not count.
    """
    try:
        score: Mapping[str, Any] = json.loads(
            report_file(FILE).read_text(encoding="utf-8")
        )
    except (OSError, ValueError):
        return None
    return score if score.get("harness") == __version__ else None


def score_of(specs: Iterable[Spec]) -> Mapping[str, Any] | None:
    """Return the part of the score that was measured on these specs; None where it was measured on none of them.

    A service counts where its spec is one that comes with the harness, in the version that was measured.
    """
    score = mutation_score()
    if score is None:
        return None
    versions = score.get("specs", {})
    services = {
        service: score["services"][service]
        for spec in specs
        if (service := spec.contract.service) in score["services"]
        and versions.get(service) == spec.contract.version
        and spec.folder.is_relative_to(specs_root())
    }
    if not services:
        return None
    return {
        **{name: score[name] for name in ("schema", "harness", "date", "commit")},
        "specs": {service: versions[service] for service in services},
        "score": _total(services.values()),
        "services": services,
    }


def _total(rows: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the numbers of several services as those of one."""
    listed = list(rows)
    numbers = {name: sum(row[name] for row in listed) for name in _NUMBERS}
    return {**numbers, "score": numbers["killed"] / max(numbers["faults"], 1)}


def in_words(run: Mapping[str, Any]) -> str:
    """Return what the suites of a run are worth, as a report shows it: by service, and for which it is not known."""
    score = run.get("mutation_score")
    measured = score["services"] if score else {}
    shown = [name for name in run["services"] if name in measured]
    others = [name for name in run["services"] if name not in measured]
    if score is None or not shown:
        return _NOT_MEASURED
    found = ", ".join(
        f"{name} {measured[name]['killed']} of {measured[name]['faults']}"
        for name in shown
    )
    commit = f", commit {score['commit'][:10]}" if score.get("commit") else ""
    words = (
        f"{found} seeded faults found and rightly explained ({score['date']}{commit})"
    )
    return f"{words}; {', '.join(others)} {_NOT_MEASURED}" if others else words
