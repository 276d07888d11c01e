"""Keeps a run within its target's limits: requests a second, and requests in all.

One ledger serves all worker processes of a run, through a file that they lock. Turns are times of the monotonic clock,
which all processes since the start of the machine share, and which nobody sets: a wall clock that jumps neither stalls
a run nor frees its rate. Must not send anything.
"""

import json
import os
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from conformance.model.errors import BudgetError, not_kept
from conformance.traffic.limits import Limits

_FILE = "ledger.json"
_BOOT = Path("/proc/sys/kernel/random/boot_id")
"""Where Linux names the start of the machine, anew at each."""
_LONGEST_RECORD = 256
"""Bytes of a record; all are as long, so that a later one takes the very place of an earlier one."""
_MOST_WAITING = 256
"""No more requests than these wait for their turns at once."""


@dataclass(slots=True)
class Ledger:
    """Counts requests and spaces them; without limits it does nothing.

    `_path` is the file shared by the workers.
    """

    limits: Limits
    _path: Path

    def take(self, kept: int = 0) -> None:
        """Count one request, after waiting for its turn.

        `kept` requests of the budget stay in reserve. Raises BudgetError where no more than these are left, and
        NotKeptError, after one spacing, where the request cannot be counted.
        """
        unlimited = self.limits.rate is None and self.limits.budget is None
        if unlimited:
            return
        try:
            self._wait(kept)
        except OSError as error:
            time.sleep(self._spacing())
            raise not_kept(self._path, error) from error

    def _wait(self, kept: int) -> None:
        with self._lock():
            used, next_turn = self._read(now := time.monotonic())
            if self.limits.budget is not None and used >= self.limits.budget - kept:
                raise BudgetError(
                    f"the target's budget of {self.limits.budget} requests is used up"
                )
            turn = max(now, next_turn)
            self._write([used + 1, turn + self._spacing(), _boot()])
        time.sleep(turn - now)

    def _write(self, record: Sequence[object]) -> None:
        """Write a record over the last one, which takes no room on a full disk, and never leaves half of one."""
        line = json.dumps(record).ljust(_LONGEST_RECORD).encode("ascii")
        flags = os.O_WRONLY | os.O_CREAT
        descriptor = os.open(self._path, flags, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def _spacing(self) -> float:
        """Return the seconds from one turn to the next."""
        return 1 / self.limits.rate if self.limits.rate else 0.0

    def _lock(self) -> AbstractContextManager[object]:
        return (
            FileLock(f"{self._path}.lock")
            if self._path.parent.is_dir()
            else nullcontext()
        )

    def _read(self, now: float) -> tuple[int, float]:
        """Return how many requests are counted, and the time of the next turn.

        The clock begins anew when the machine starts, so that an earlier start's times say nothing: what was counted
        stays, and one spacing is waited for. Where the system does not name its start, a turn too far ahead tells.
        """
        if not self._path.exists():
            return 0, 0.0
        text = self._path.read_text(encoding="ascii")
        if not text.strip():  # the disk was full when it was made
            return 0, 0.0
        used, next_turn, boot = json.loads(text)
        furthest = now + _MOST_WAITING * self._spacing()
        if boot != _boot() or next_turn > furthest:
            return int(used), now + self._spacing()
        return int(used), float(next_turn)


def _boot() -> str:
    """Return what names this start of the machine, "" where the system has no name for it."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def open_ledger(limits: Limits, folder: Path) -> Ledger:
    """Return the ledger of the run in `folder`."""
    return Ledger(limits, folder / _FILE)


def close_ledger(folder: Path) -> None:
    """Remove the ledger's files at the end of a run."""
    for name in (_FILE, f"{_FILE}.lock"):
        (folder / name).unlink(missing_ok=True)
