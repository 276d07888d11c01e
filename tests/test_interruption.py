"""Ctrl-C is never lost: not in a finaliser that swallows it, and not half-way through an exchange."""

import gc
import os
import signal
import threading
import weakref

import pytest

from conformance.model.exchange import Request, Response
from conformance.traffic.interruption import interruptible, raise_if_requested
from conformance.traffic.transport import Transport
from tests.peers.server import Answer, serving


class _Finalised:
    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_is_raised_at_once(number: signal.Signals) -> None:
    """Both signals end what is going on, and leave the handlers as they were."""
    before = signal.getsignal(number)
    with interruptible() as requested:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        assert requested.is_set()
    assert signal.getsignal(number) is before
    assert not requested.is_set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_signal_that_a_finaliser_swallows_is_raised_later() -> None:
    """Python ignores what a finaliser raises; the next exchange raises it again."""
    with interruptible() as requested:
        _Finalised()
        gc.collect()
        assert requested.is_set()
        with pytest.raises(KeyboardInterrupt):
            raise_if_requested()
    raise_if_requested()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_signal_in_a_weak_reference_s_callback_is_raised_later() -> None:
    """Nor is one lost that comes while a weak reference is cleared."""
    with interruptible():
        target = threading.Event()
        reference = weakref.ref(target, lambda _: os.kill(os.getpid(), signal.SIGINT))
        del target
        assert reference() is None
        with pytest.raises(KeyboardInterrupt):
            raise_if_requested()


def test_another_thread_leaves_signals_alone() -> None:
    """Only the main thread may set handlers; elsewhere nothing changes and nothing fails."""
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def run() -> None:
        with interruptible() as requested:
            seen.append((signal.getsignal(signal.SIGINT), requested.is_set()))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [(before, False)]


def test_connection_of_an_interrupted_exchange_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What restores a service is sent on a new connection, on which no answer is still to come."""
    with serving(lambda _: Answer()) as address:
        transport = Transport(5)
        request = Request("GET", f"{address}/")
        assert isinstance(transport.send(request), Response)

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("conformance.traffic.transport._receive", interrupted)
            with pytest.raises(KeyboardInterrupt):
                transport.send(request)
        assert isinstance(transport.send(request), Response)
        transport.close()
