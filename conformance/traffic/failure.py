"""How the depth of an exchange says that it fails, and how long it may still take.

Must not open sockets.
"""

import time

from conformance.model.exchange import ErrorKind


class FailureError(Exception):
    """Carries a failure from the depth of an exchange to `send`."""

    def __init__(self, kind: ErrorKind, message: str, *, stale: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        self.stale = stale


def left(deadline: float) -> float:
    """Return the seconds that are left until a deadline; raises FailureError where none are."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise FailureError(ErrorKind.TIMEOUT, "the time limit has passed")
    return seconds
