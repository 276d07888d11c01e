"""The limits of a run as a value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests a second and for the whole run (None: no limit), and seconds a request may take."""

    rate: float | None
    budget: int | None
    timeout: float
