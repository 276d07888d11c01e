"""What the installed version's suites find of the seeded faults, as it was measured when the version was made.

The figure travels with the package, for reports and dossiers: a green run is worth what would have been found. Must not
measure anything; `benchmarks/mutation_score.py` does.
"""

import json
from collections.abc import Mapping
from typing import Any

from conformance import __version__
from conformance.formats.documents import report_file

FILE = "mutation-score.json"


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


def in_words(score: Mapping[str, Any] | None) -> str:
    """Return the score in words, as a report shows it."""
    if score is None:
        return "not measured"
    whole = score["score"]
    commit = f", commit {score['commit'][:10]}" if score.get("commit") else ""
    return f"{whole['killed']} of {whole['faults']} seeded faults found and rightly explained ({score['date']}{commit})"
