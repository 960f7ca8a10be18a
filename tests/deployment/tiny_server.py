"""A small HTTP server that says who it is: `python -m tests.deployment.tiny_server NAME PORT`.

It stands where a Bridge stands, for tests of what is in front of the Bridges. GET answers its name, PUT takes a body,
`/drop` ends the connection without an answer, `/late` is not done in time, `/counts` says how often each method was
asked for.
"""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers in the server's name."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer: in two, the second waits 40 ms for the client's acknowledgement
    server: Server

    def answer(self) -> None:
        if self.path == "/health":
            self.reply(200 if self.server.healthy else 503, b"{}")
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            self.server.counts[self.command] += 1
        if self.path == "/counts":
            self.reply(200, json.dumps(self.server.counts).encode())
        elif self.path == "/drop":
            self.close_connection = True  # and no answer: what a client sees of a process that was killed
        elif self.path == "/late":
            self.reply(504, b"it may still be done")
        else:
            self.reply(200, f"{self.server.name} {len(body)}".encode())

    do_GET = do_PUT = do_DELETE = do_POST = answer  # noqa: N815

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class Server(ThreadingHTTPServer):
    """One of the servers behind the router."""

    request_queue_size = 128

    def __init__(self, name: str, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.name = name
        self.healthy = True
        self.counts: Counter[str] = Counter()
        self.lock = threading.Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that went away, which HAProxy's checks do."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def serving(name: str, port: int) -> Iterator[Server]:
    """Run a server in a thread of this process."""
    server = Server(name, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


if __name__ == "__main__":
    Server(sys.argv[1], int(sys.argv[2])).serve_forever()
