"""A server that takes every question and answers none."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def a_silent_server() -> Iterator[tuple[int, threading.Event]]:
    """Listen on a port and never answer; the event is set once somebody asked."""
    asked, taken = threading.Event(), []
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:

        def listen() -> None:
            while True:
                try:
                    taken.append(silent.accept()[0])
                except OSError:
                    return
                asked.set()

        listening = threading.Thread(target=listen)
        listening.start()
        try:
            yield silent.getsockname()[1], asked
        finally:
            silent.shutdown(socket.SHUT_RDWR)
            listening.join()
            for one in taken:
                one.close()
