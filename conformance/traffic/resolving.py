"""Looks names up within a deadline, although the system's own look-up cannot be interrupted.

Each look-up has a thread, which whoever asks for the same name meanwhile shares. One that hangs is left behind, and
there are never more than a few of them. Must not open sockets.
"""

import ipaddress
import socket
import threading
from dataclasses import dataclass, field

from conformance.model.exchange import ErrorKind
from conformance.traffic.failure import FailureError, left

AddressInfo = tuple[
    socket.AddressFamily,
    socket.SocketKind,
    int,
    str,
    tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes],
]
"""A row of socket.getaddrinfo."""

_MOST_LOOK_UPS = 16
"""Look-ups that may be under way, or hang, at the same time."""
_HEARTBEAT_S = 0.25
"""How often whoever waits looks up, so that Ctrl-C works where a wait itself cannot be interrupted."""


@dataclass(slots=True)
class _LookUp:
    """A look-up in a thread of its own: `found` or `problem` is there once it is `over`."""

    host: str
    port: int
    over: threading.Event = field(default_factory=threading.Event)
    found: list[AddressInfo] = field(default_factory=list)
    problem: Exception | None = None

    def run(self) -> None:
        """Ask the system, which may take for ever."""
        try:
            self.found = list(
                socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to who asked
            self.problem = error
        finally:
            with _lock:
                _under_way.pop((self.host, self.port), None)
            self.over.set()


_lock = threading.Lock()
_under_way: dict[tuple[str, int], _LookUp] = {}


def addresses_of(host: str, port: int, deadline: float) -> list[AddressInfo]:
    """Return the addresses of a host, in the system's order.

    Raises OSError or UnicodeError as socket.getaddrinfo does, FailureError where the deadline passes.
    """
    if _is_address(host):
        return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    look_up = _look_up(host, port)
    while not look_up.over.wait(min(_HEARTBEAT_S, _patience(host, deadline))):
        pass
    if look_up.problem is not None:
        raise look_up.problem
    return look_up.found


def _is_address(host: str) -> bool:
    """Tell whether a host is an address itself, which no name service is asked for."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _look_up(host: str, port: int) -> _LookUp:
    """Return the look-up of a name that is under way, or a new one."""
    with _lock:
        if (host, port) in _under_way:
            return _under_way[host, port]
        if len(_under_way) >= _MOST_LOOK_UPS:
            raise _unresolved(host)
        look_up = _LookUp(host, port)
        _under_way[host, port] = look_up
    threading.Thread(target=look_up.run, name=f"look-up of {host}", daemon=True).start()
    return look_up


def _patience(host: str, deadline: float) -> float:
    try:
        return left(deadline)
    except FailureError:
        raise _unresolved(host) from None


def _unresolved(host: str) -> FailureError:
    return FailureError(
        ErrorKind.TIMEOUT,
        f"the name {host} was not resolved in time: check this machine's name service",
    )
