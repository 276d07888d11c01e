"""Starts the local platform for a benchmark, in a process of its own."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def local_platform(folder: Path, fault: str = "") -> Iterator[Path]:
    """Start the local platform, with a seeded fault by its id or without one, and yield its target file.

    Raises RuntimeError where it does not start.
    """
    target, log = folder / "target.yaml", folder / "platform.txt"
    command = [sys.executable, "-m", "conformance", "mock", "--port", "0"]
    command += ["--write-target", str(target)]
    command += ["--fault", fault] if fault else []
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603 - our own command
    try:
        while not target.exists():
            if process.poll() is not None:
                raise RuntimeError(f"the local platform did not start: {tail(log)}")
            time.sleep(0.02)
        yield target
    finally:
        process.terminate()
        process.wait()


def tail(path: Path) -> str:
    """Return the end of a text file, for a message."""
    return path.read_text(encoding="utf-8", errors="replace")[-2000:]
