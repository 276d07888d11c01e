"""A gateway on loopback that damages every answer of a service in a way of its own, repeatably by number.

It passes requests on as they came. What it does to the bytes is the caller's: a number and a body in, a body out.
"""

import contextlib
import http.client
import itertools
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

Damaging = Callable[[int, bytes], bytes]
_HOP = frozenset({"connection", "content-length", "transfer-encoding", "host", "accept-encoding"})


@contextlib.contextmanager
def serve(upstream: str, damaging: Damaging) -> Iterator[str]:
    """Serve on a free port in front of an address; the context gives the gateway's own."""
    numbers = itertools.count(1)
    host = urlsplit(upstream).netloc

    class Handler(BaseHTTPRequestHandler):
        """Passes one request on."""

        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def handle_any(self) -> None:
            """Ask upstream, and answer with what it says, damaged."""
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length) if length else None
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            connection = http.client.HTTPConnection(host, timeout=30)
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            data = answer.read()
            connection.close()
            if data and self.command != "HEAD":
                data = damaging(next(numbers), data)
            self.send_response(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            if answer.status not in (204, 304):
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def __getattr__(self, name: str) -> Callable[[], None]:
            if name.startswith("do_"):
                return self.handle_any
            raise AttributeError(name)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
