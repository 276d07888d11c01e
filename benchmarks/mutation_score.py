"""Measures what the suites find of the seeded faults, and writes the figure that travels with the package.

    python benchmarks/mutation_score.py            # writes reports/mutation-score.json
    python benchmarks/mutation_score.py --check    # only tells whether the file still holds

Ends with 1 where a fault survives, is wrongly explained, or the faultless platform raises an alarm.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conformance.contracts.loading import load_spec

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "reports" / "mutation-score.json"
SCHEMA = "ehealth-conformance/mutation-score/1"


def measured() -> dict[str, Any]:
    """Run the selftest and return its document; exits where it does not end well."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "selftest.json")
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "conformance", "selftest", "--json", str(path)],
            cwd=ROOT,
            check=False,
        )
        if done.returncode:
            sys.exit(done.returncode)
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def commit() -> str:
    """Return the commit that is checked out."""
    asked = subprocess.run(
        ["git", "rev-parse", "HEAD"],  # noqa: S607 - whichever git there is
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return asked.stdout.strip()


def main() -> None:
    """Measure, then write or compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="compare with the file instead of writing it",
    )
    check = parser.parse_args().check
    found = measured()
    figures = {"score": found["score"], "services": found["services"]}
    if check:
        kept = json.loads(FILE.read_text(encoding="utf-8"))
        differs = {name: kept[name] for name in figures if kept[name] != figures[name]}
        print(
            "the file holds" if not differs else f"the file says otherwise: {differs}"
        )
        sys.exit(bool(differs))
    about = {
        "schema": SCHEMA,
        "harness": found["harness"],
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": commit(),
        "specs": {name: load_spec(name).contract.version for name in found["services"]},
    }
    FILE.write_text(json.dumps({**about, **figures}, indent=1) + "\n", encoding="utf-8")
    print(f"{FILE.relative_to(ROOT)} is written")


if __name__ == "__main__":
    main()
