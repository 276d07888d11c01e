"""What the installed version's suites find of the seeded faults, as it was measured when the version was made.

The figure travels with the package, for reports and dossiers: a green run is worth what would have been found. Must not
measure anything; `benchmarks/mutation_score.py` does.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance import __version__

FILE = "mutation-score.json"


def score_file() -> Path:
    """Return the file of the score: inside the installed package, else in the clone's reports folder."""
    installed = Path(__file__).with_name("reporting") / FILE
    return installed if installed.exists() else Path(__file__).parents[1] / "reports" / FILE


def mutation_score() -> Mapping[str, Any] | None:
    """Return the score: date, commit, and faults and killed in all and by service; None where none was measured.

    One that was measured of another version says nothing of this one.
    """
    try:
        score: Mapping[str, Any] = json.loads(score_file().read_text(encoding="utf-8"))
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
