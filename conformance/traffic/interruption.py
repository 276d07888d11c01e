"""Ctrl-C and SIGTERM that are never lost, for as long as a run lasts.

Python throws away a KeyboardInterrupt that is raised in a finaliser, a weak reference's callback or a callback of the
garbage collector, and with a platform in the same process that is where the main thread often is. So the signal is
remembered too, and raised again at the next exchange. Must not know what is interrupted.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_requested = threading.Event()


def raise_if_requested() -> None:
    """Raise KeyboardInterrupt where a signal has come since the innermost `interruptible` began."""
    if _requested.is_set():
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Make SIGINT and SIGTERM raise KeyboardInterrupt, now or at the next `raise_if_requested`.

    Yields an event that is set once a signal has come. Work after the block, such as restoring a service, goes on
    undisturbed. Outside the main thread signals stay as they are.
    """
    if threading.current_thread() is not threading.main_thread():
        yield _requested
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        _requested.set()
        raise KeyboardInterrupt

    before = {
        number: signal.signal(number, interrupt)
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield _requested
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _requested.clear()
