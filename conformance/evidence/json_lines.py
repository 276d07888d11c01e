"""An append-only file of JSON lines that several processes may write to.

Must not know what a line says.
"""

import json
import os
from pathlib import Path
from typing import Any

_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


class JsonLines:
    """Appends values to a private file (mode 0600), one a line.

    Each line is a single write in append mode, so that a killed process loses at most the line under way.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, or create it."""
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def append(self, value: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        """Write a value as a line; it is on its way to the disk when this returns."""
        line = f"{_ENCODE(value)}\n"
        left = memoryview(line.encode("ascii"))
        while left:
            left = left[os.write(self._file, left) :]

    def close(self) -> None:
        """Close the file; what was written stays."""
        os.close(self._file)
