"""The HTTP servers: both ports in one event loop, in a thread beside the one that waits for signals."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Mapping

import uvicorn
from starlette.types import ASGIApp

# Longer than a router keeps an idle connection in its pool: the side that sends requests must be the one to close, or a
# request that meets the closing fails, and one that changes something may not be repeated.
KEEP_ALIVE = 120  # seconds
LARGEST_HEAD = 32 * 1024  # bytes of a request's line and headers
STOP_LIMIT = 5  # seconds that requests in progress have to end


class ServerError(Exception):
    """A port cannot be listened on."""


class Servers:
    """Serves applications on ports of one host.

    Args:
        host: The address to listen on.
        applications: By port.

    Raises:
        ServerError: A port is taken or not allowed.
    """

    def __init__(self, host: str, applications: Mapping[int, ASGIApp]) -> None:
        self._sockets = {port: _listen(host, port) for port in applications}
        self._servers = {
            port: uvicorn.Server(
                uvicorn.Config(
                    application,
                    log_level="warning",
                    access_log=False,
                    timeout_keep_alive=KEEP_ALIVE,
                    timeout_graceful_shutdown=STOP_LIMIT,
                    h11_max_incomplete_event_size=LARGEST_HEAD,
                )
            )
            for port, application in applications.items()
        }
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="HTTP")

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting, let requests in progress end, and return."""
        for server in self._servers.values():
            server.should_exit = True
        self._thread.join()

    async def _serve(self) -> None:
        await asyncio.gather(*(server.serve(sockets=[self._sockets[port]]) for port, server in self._servers.items()))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol must be named: asyncio turns Nagle's algorithm off only where it is, and an answer waits 40 ms else.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        raise ServerError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener
