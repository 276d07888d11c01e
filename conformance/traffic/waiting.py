"""How long to wait for a peer that is busy: as long as it asks for, within one patience for all that a run waits.

Must not decide which answers tell of load, nor send anything.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from conformance.model.exchange import Response

PATIENCE_S = 10.0
"""How long a run waits in all for a service that says it is busy, and for who issues its credentials."""
MOST_REPETITIONS = 10
"""How often one request is repeated at most."""
_FIRST_WAIT_S = 1.0
_SHORTEST_WAIT_S = 0.1


@dataclass(slots=True)
class Patience:
    """The seconds for which a run still waits; whoever asks for the same service shares them."""

    seconds: float = PATIENCE_S

    def grant(self, response: Response | None) -> float | None:
        """Return how long to wait before the next try, and count it; None where that is more than is left.

        Without a `response` nobody asks for a certain time.
        """
        asked = _FIRST_WAIT_S if response is None else asked_wait(response)
        wait = max(asked, _SHORTEST_WAIT_S)
        if wait > self.seconds:
            return None
        self.seconds -= wait
        return wait


def asked_wait(response: Response) -> float:
    """Return how many seconds an answer asks to wait (RFC 9110, 10.2.3), or a default."""
    value = (response.header("Retry-After") or "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max((moment - datetime.now(UTC)) / timedelta(seconds=1), 0.0)
    except (ValueError, OverflowError):
        return _FIRST_WAIT_S
