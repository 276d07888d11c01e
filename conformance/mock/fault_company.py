"""Tells a request whether another one is under way beside it: for faults that a service makes under concurrency only.

Must not know what becomes of either.
"""

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class Company:
    """The requests that wait for another one to come beside them."""

    _waiting: list[asyncio.Event] = field(default_factory=list)

    async def is_there(self, seconds: float) -> bool:
        """Tell whether another request is under way, or comes within some seconds; each of the two is told so."""
        if self._waiting:
            self._waiting[0].set()
            return True
        met = asyncio.Event()
        self._waiting.append(met)
        try:
            await asyncio.wait_for(met.wait(), seconds)
        except TimeoutError:
            return False
        finally:
            self._waiting.remove(met)
        return True
