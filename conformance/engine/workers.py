"""What the worker processes of a run share through its folder: turns, values made once, notes for the summary.

Must not know what a case is.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from conformance.files.writing import write_atomically
from conformance.model.errors import not_kept
from conformance.traffic.ledger import close_ledger

_NOTES = "notes.jsonl"
_SHARED = "shared-"
"""How the names of files begin that workers share while a run lasts."""
_FAILURES = f"{_SHARED}failures"
_UNREPORTED = f"{_SHARED}unreported-"


@dataclass(frozen=True, slots=True)
class Workers:
    """The processes of one run; `worker` is the name of this one, "" for the only or the main one."""

    folder: Path
    worker: str = ""
    _noted: list[str] = field(default_factory=list)

    @property
    def prefix(self) -> str:
        """Return what this worker's exchange ids begin with."""
        return f"{self.worker}-" if self.worker else ""

    def turn(self, name: str) -> AbstractContextManager[object]:
        """Return a context that one worker at a time is in."""
        if not self.worker:
            return nullcontext()
        return FileLock(self.folder / f"{_SHARED}{name}.lock")

    def shared(self, name: str, make: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return what `make` (JSON data) gave the first worker that asked for this name; call it in a turn.

        Raises NotKeptError where the others could not be told.
        """
        path = self.folder / f"{_SHARED}{name}.json"
        if not path.exists():
            made = json.dumps(make())
            try:
                write_atomically(path, made)
            except OSError as error:
                raise not_kept(path, error) from error
        return json.loads(path.read_text(encoding="utf-8"))

    def count_failure(self) -> None:
        """Count a case that failed, for all workers."""
        with (self.folder / _FAILURES).open("ab") as file:
            file.write(b"x")  # one byte at the end of a file is written as a whole

    def failures(self) -> int:
        """Return how many cases failed so far, in all workers."""
        path = self.folder / _FAILURES
        return path.stat().st_size if path.exists() else 0

    def note(self, text: str) -> None:
        """Remember something that the summary should say; it may come from any worker.

        What a worker cannot write down is among its `untold`.
        """
        if not self.worker:
            self._noted.append(text)
            return
        try:
            with (self.folder / _NOTES).open("a", encoding="utf-8") as file:
                file.write(json.dumps(text) + "\n")
        except OSError:
            self._noted.append(text)

    @property
    def untold(self) -> tuple[str, ...]:
        """Return the notes of a worker that the folder does not hold, for another way to the main process."""
        return tuple(self._noted)

    def take_notes(self) -> tuple[str, ...]:
        """Return all workers' notes, each once, and remove their file."""
        notes = [*self._written_notes(), *self._noted]
        self._noted.clear()
        return tuple(dict.fromkeys(notes))

    def _written_notes(self) -> Iterator[str]:
        path = self.folder / _NOTES
        if not path.exists():
            return
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError):  # of a full disk
                yield str(json.loads(line))
        path.unlink()

    def hand_over(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Leave records for the main process, of what was interrupted before the worker could report it."""
        if records:
            path = self.folder / f"{_UNREPORTED}{self.worker}.json"
            with suppress(OSError):  # what was exchanged is told all the same
                write_atomically(path, json.dumps(list(records)))

    def handed_over(self) -> Iterator[dict[str, Any]]:
        """Yield what all workers have left for the main process."""
        for path in sorted(self.folder.glob(f"{_UNREPORTED}*.json")):
            yield from json.loads(path.read_text(encoding="utf-8"))

    def clear(self) -> None:
        """Remove what was shared while the run lasted."""
        close_ledger(self.folder)
        for path in self.folder.glob(f"{_SHARED}*"):
            path.unlink()
