"""Measures what the installed pytest plugin adds to a session of a project that does not use it.

One command, one line: `python benchmarks/plugin_cost.py`. A project with one test is run in pairs, with the plugin and
without it (`-p no:conformance`); a figure is the user and system CPU of the child process. What pytest, allure-pytest
and Hypothesis' own plugin cost stands on both sides and so is not counted.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

LIMIT = 0.1
"""The CPU seconds that the plugin may add."""
WITHOUT = ("-p", "no:conformance")


def cpu_seconds(folder: Path, *options: str) -> float:
    """Return the CPU seconds of one session in a folder."""
    before = _children()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    subprocess.run(command, cwd=folder, capture_output=True, check=True)  # noqa: S603 - our own command
    return _children() - before


def measure(pairs: int) -> tuple[float, float]:
    """Return the median CPU seconds of a session without the plugin, and of what it adds, pair by pair."""
    with tempfile.TemporaryDirectory(prefix="plugin-cost-") as name:
        folder = Path(name)
        (folder / "test_foreign.py").write_text("def test_nothing(): pass\n", "utf-8")
        cpu_seconds(folder)  # once for caches of compiled modules
        without, added = [], []
        for _ in range(pairs):
            without.append(cpu_seconds(folder, *WITHOUT))
            added.append(cpu_seconds(folder) - without[-1])
    return statistics.median(without), statistics.median(added)


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    """Measure, print, and return 1 where the limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=15)
    arguments = parser.parse_args()
    without, added = measure(arguments.pairs)
    print(
        f"{arguments.pairs} pairs, CPU of a session: {without * 1000:.0f} ms without the plugin; "
        f"it adds {added * 1000:.0f} ms (limit {LIMIT * 1000:.0f} ms)"
    )
    return int(added > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
