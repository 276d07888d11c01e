"""Ctrl-C is never lost: not in a finaliser that swallows it, and not half-way through an exchange."""

import gc
import os
import signal
import threading
import weakref
from collections.abc import Iterator

import pytest

from conformance.model.exchange import Request, Response
from conformance.traffic.interruption import interruptible, raise_if_requested, undivided
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


@pytest.fixture
def hangup() -> Iterator[None]:
    """Restore what this process does when its terminal is closed."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hangup")
def test_closed_terminal_interrupts_once() -> None:
    """SIGHUP ends what is going on as SIGTERM does; the shell's own SIGHUP after it disturbs nothing."""
    with interruptible() as requested:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGHUP)
        assert requested.is_set()
        os.kill(os.getpid(), signal.SIGHUP)
    os.kill(os.getpid(), signal.SIGHUP)


@pytest.mark.usefixtures("hangup")
def test_ignored_hangup_stays_ignored() -> None:
    """What `nohup` started goes on when the terminal is closed."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interruptible() as requested:
        os.kill(os.getpid(), signal.SIGHUP)
        assert not requested.is_set()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_what_belongs_together_is_done_as_a_whole() -> None:
    """A signal in the midst of it is raised at its end."""
    done = []

    def divided() -> None:
        with undivided():
            os.kill(os.getpid(), signal.SIGINT)
            done.append("the rest")

    with interruptible():
        with pytest.raises(KeyboardInterrupt):
            divided()
        with undivided():
            done.append("what comes after it")
    assert done == ["the rest", "what comes after it"]


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
