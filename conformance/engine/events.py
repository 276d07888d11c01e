"""What happens in a run, as frozen values: written to events.jsonl, and handed to whoever shows progress.

The terminal's progress reads them, and whatever shows a run later reads the file. Must not judge, print, or decide.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from conformance.evidence.json_lines import JsonLines
from conformance.model.errors import NotKeptError
from conformance.model.exchange import Exchange

EVENTS = "events.jsonl"


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins: what is tested, and how many cases are selected."""

    run: str
    target: str
    environment: str
    services: tuple[str, ...]
    cases: int


@dataclass(frozen=True, slots=True)
class CaseStarted:
    """A case begins."""

    case: str
    service: str


@dataclass(frozen=True, slots=True)
class ExchangeCompleted:
    """An exchange is complete and on disk; `status` is None where no response came, `failure` its kind then."""

    exchange: str
    case: str
    purpose: str
    elapsed_s: float
    status: int | None
    failure: str | None


@dataclass(frozen=True, slots=True)
class CaseEnded:
    """A case has its verdict; the reason holds no secret."""

    case: str
    service: str
    verdict: str
    reason: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run is over and its outputs are written."""

    run: str
    exit_code: int
    interrupted: bool


Event = RunStarted | CaseStarted | ExchangeCompleted | CaseEnded | RunEnded
Listener = Callable[[Event], None]
_NAMES = {
    RunStarted: "run-started",
    CaseStarted: "case-started",
    ExchangeCompleted: "exchange-completed",
    CaseEnded: "case-ended",
    RunEnded: "run-ended",
}
_MEMBERS = {kind: tuple(row.name for row in fields(kind)) for kind in _NAMES}


def exchange_completed(exchange: Exchange) -> ExchangeCompleted:
    """Return the event of an exchange."""
    response, failure = exchange.response, exchange.failure
    return ExchangeCompleted(
        exchange.id,
        exchange.case,
        exchange.purpose.value,
        round(exchange.elapsed, 6),
        response.status if response is not None else None,
        failure.kind.value if failure is not None else None,
    )


def _content(event: Event) -> dict[str, object]:
    """Return an event's members; plain values, so that nothing has to be copied deeply, as `asdict` would."""
    return {name: getattr(event, name) for name in _MEMBERS[type(event)]}


class EventLog:
    """Appends events to a run folder's events.jsonl, then tells the listeners; workers may share the file.

    `worker` names the process that writes, "" for the main one. A listener that fails ends the run, as any other
    error of the harness does: it is part of the command that started the run. `trouble` says why an event could not be
    written, "" where all were; the listeners are told all the same.
    """

    def __init__(
        self, folder: Path, worker: str = "", listeners: tuple[Listener, ...] = ()
    ) -> None:
        """Open the file; raises NotKeptError where that cannot be."""
        self._lines = JsonLines(folder / EVENTS)
        self.trouble = ""
        self._worker = worker
        self._listeners = listeners

    def emit(self, event: Event) -> None:
        """Write an event as a line, and tell the listeners."""
        head = {"event": _NAMES[type(event)], "at": datetime.now(UTC).isoformat()}
        worker = {"worker": self._worker} if self._worker else {}
        try:
            self._lines.append({**head, **worker, **_content(event)})
        except NotKeptError as error:
            self.trouble = self.trouble or str(error)
        for listener in self._listeners:
            listener(event)

    def give_up(self, trouble: str) -> None:
        """Take no more events, since something of the run could not be written; `trouble` says what, and why."""
        self.trouble = self.trouble or trouble
        self._lines.seal()

    def close(self) -> None:
        """Close the file."""
        self._lines.close()
