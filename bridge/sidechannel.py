"""Questions to a process beside this one: one JSON line over a Unix socket, one JSON line back.

A mount's process and the comparator answer here, in a thread of their own, with plain blocking sockets: what they
import counts in the memory that is compared between backends.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

Question = dict[str, Any]
Answer = dict[str, Any]
LONGEST_QUESTION = 4096  # bytes
PATIENCE = 2.0  # seconds for one that connected and says nothing


class SilentError(Exception):
    """The other process does not answer."""


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """Name a socket through its folder's descriptor: its own path may be longer than a socket's 107 bytes."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def answer_at(path: Path, answer: Callable[[Question], Answer]) -> threading.Thread:
    """Answer questions at a socket from now on, one at a time, in a thread that does not keep the process alive."""
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX)
    with _short(path) as short:
        server.bind(short)
    server.listen(16)

    def serve() -> None:
        while True:
            client, _ = server.accept()
            with client:
                client.settimeout(PATIENCE)
                try:
                    question = json.loads(_line(client))
                    client.sendall(json.dumps(answer(question)).encode() + b"\n")
                except (OSError, ValueError) as error:
                    log.warning("a question at %s was not answered: %s", path.name, error)

    thread = threading.Thread(target=serve, name=f"answers {path.name}", daemon=True)
    thread.start()
    return thread


def ask(path: Path, question: Question, timeout: float = 1.0) -> Answer:
    """Ask the process that answers at a socket.

    Raises:
        SilentError: Nobody listens there, or the answer did not come in time.
    """
    try:
        with socket.socket(socket.AF_UNIX) as client, _short(path) as short:
            client.settimeout(timeout)
            client.connect(short)
            client.sendall(json.dumps(question).encode() + b"\n")
            received = []
            while piece := client.recv(1 << 20):
                received.append(piece)
        answer: Answer = json.loads(b"".join(received))
    except (OSError, ValueError) as error:
        raise SilentError(f"{path.name} does not answer: {error}") from error
    return answer


def _line(client: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"\n"):
        piece = client.recv(LONGEST_QUESTION)
        if not piece or len(received) > LONGEST_QUESTION:
            raise ValueError("not one line")
        received += piece
    return received
