"""Ctrl-C, SIGTERM and SIGHUP that are never lost, for as long as a run lasts.

Python throws away a KeyboardInterrupt that is raised in a finaliser, a weak reference's callback or a callback of the
garbage collector, and with a platform in the same process that is where the main thread often is. So the signal is
remembered too, and raised again at the next exchange. Must not know what is interrupted.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

HANGUP = getattr(signal, "SIGHUP", None)
"""What a process gets when its terminal is closed, None where the system has no such signal."""

_requested = threading.Event()
_hung_up = threading.Event()
_held = threading.Event()


def raise_if_requested() -> None:
    """Raise KeyboardInterrupt where a signal has come since the innermost `interruptible` began."""
    if _requested.is_set():
        raise KeyboardInterrupt


def ending_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that end a command; a hang-up is none where `nohup` has it ignored."""
    usual = (signal.SIGINT, signal.SIGTERM)
    if HANGUP is None or signal.getsignal(HANGUP) is signal.SIG_IGN:
        return usual
    return (*usual, HANGUP)


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Make SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt, now or at the next `raise_if_requested`.

    Yields an event that is set once a signal has come. Work after the block, such as restoring a service, goes on
    undisturbed. A terminal that is closed may say so twice, by the system and by the shell: once it has, it is not
    listened to any more, after the block neither. Outside the main thread signals stay as they are.
    """
    if threading.current_thread() is not threading.main_thread():
        yield _requested
        return
    before = {number: signal.signal(number, _interrupt) for number in ending_signals()}
    if _interrupt not in before.values():
        _hung_up.clear()
    try:
        yield _requested
    finally:
        for number, handler in before.items():
            gone = number == HANGUP and _hung_up.is_set()
            signal.signal(number, signal.SIG_IGN if gone else handler)
        _requested.clear()


@contextmanager
def undivided() -> Iterator[None]:
    """Let what belongs together be done as a whole: a signal that comes meanwhile is raised at the end."""
    if threading.current_thread() is not threading.main_thread() or _held.is_set():
        yield
        return
    came_before = _requested.is_set()
    _held.set()
    try:
        yield
    finally:
        _held.clear()
    if not came_before:
        raise_if_requested()


def _interrupt(number: int, frame: FrameType | None) -> None:
    del frame
    if number == HANGUP:
        if _hung_up.is_set():
            return
        _hung_up.set()
    _requested.set()
    if not _held.is_set():
        raise KeyboardInterrupt
