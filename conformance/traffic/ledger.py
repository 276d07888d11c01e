"""Keeps a run within its target's limits: requests a second, and requests in all.

One ledger serves all worker processes of a run, through a file that they lock. Must not send anything.
"""

import json
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from conformance.model.errors import BudgetError
from conformance.traffic.limits import Limits

_FILE = "ledger.json"


@dataclass(slots=True)
class Ledger:
    """Counts requests and spaces them; without limits it does nothing.

    `_path` is the file shared by the workers.
    """

    limits: Limits
    _path: Path

    def take(self, kept: int = 0) -> None:
        """Count one request, after waiting for its turn.

        `kept` requests of the budget stay in reserve. Raises BudgetError where no more than these are left.
        """
        unlimited = self.limits.rate is None and self.limits.budget is None
        if unlimited:
            return
        with self._lock():
            used, next_turn = self._read()
            if self.limits.budget is not None and used >= self.limits.budget - kept:
                raise BudgetError(
                    f"the target's budget of {self.limits.budget} requests is used up"
                )
            now = time.time()
            turn = max(now, next_turn)
            spacing = 1 / self.limits.rate if self.limits.rate else 0.0
            self._path.write_text(
                json.dumps([used + 1, turn + spacing]), encoding="ascii"
            )
        time.sleep(turn - now)

    def _lock(self) -> AbstractContextManager[object]:
        return (
            FileLock(f"{self._path}.lock")
            if self._path.parent.is_dir()
            else nullcontext()
        )

    def _read(self) -> tuple[int, float]:
        if not self._path.exists():
            return 0, 0.0
        used, next_turn = json.loads(self._path.read_text(encoding="ascii"))
        return int(used), float(next_turn)


def open_ledger(limits: Limits, folder: Path) -> Ledger:
    """Return the ledger of the run in `folder`."""
    return Ledger(limits, folder / _FILE)


def close_ledger(folder: Path) -> None:
    """Remove the ledger's files at the end of a run."""
    for name in (_FILE, f"{_FILE}.lock"):
        (folder / name).unlink(missing_ok=True)
