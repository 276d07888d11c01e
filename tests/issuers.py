"""A token endpoint or an STS on a real socket that plays a part move by move: busy, slow, reset, and there again."""

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.networks import read_head

Move = bytes | Callable[[socket.socket], None]
"""The bytes of an answer, or what is done with a connection instead."""


@dataclass(slots=True)
class Issuer:
    """An issuer with its address and the bodies of the requests that it was sent."""

    address: str
    bodies: list[bytes] = field(default_factory=list)


def reset(connection: socket.socket) -> None:
    """Close with a reset instead of an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang(connection: socket.socket) -> None:
    """Do nothing until the other side has given up."""
    with contextlib.suppress(OSError):
        while connection.recv(65536):
            pass


def http(status: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    """Return an answer as bytes."""
    fields = {"Content-Length": str(len(body)), "Connection": "close", **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def busy(status: str = "503 Service Unavailable", wait: str | None = None) -> bytes:
    """Return the answer of an issuer that has too much to do."""
    return http(status, b"", {} if wait is None else {"Retry-After": wait})


def token(text: str, **more: object) -> bytes:
    """Return the answer that gives a token."""
    body = json.dumps({"access_token": text, "token_type": "Bearer", **more}).encode()
    return http("200 OK", body, {"Content-Type": "application/json"})


@contextmanager
def playing(moves: Sequence[Move]) -> Iterator[Issuer]:
    """Serve an issuer that makes one move a connection, the last one again and again."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        issuer = Issuer(f"http://127.0.0.1:{listener.getsockname()[1]}/realms/x/token")
        thread = threading.Thread(target=_play, args=(listener, issuer, moves), daemon=True)
        thread.start()
        try:
            yield issuer
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def _play(listener: socket.socket, issuer: Issuer, moves: Sequence[Move]) -> None:
    number = 0
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, contextlib.suppress(OSError):
            issuer.bodies.append(_body(connection))
            move = moves[min(number, len(moves) - 1)]
            number += 1
            if isinstance(move, bytes):
                connection.sendall(move)
            else:
                move(connection)


def _body(connection: socket.socket) -> bytes:
    """Read a request, and return its body."""
    head, _, body = read_head(connection).partition(b"\r\n\r\n")
    (length,) = (line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(body) < int(length):
        data = connection.recv(65536)
        if not data:
            raise ConnectionResetError
        body += data
    return body
