"""Ask several HTTP servers at once, with one deadline for all, and without the weight of an HTTP library.

`status` may spend 100 ms of CPU, and `http.client` alone costs a tenth of that in imports. For the same reason the
small values here and in the local target are named tuples: a dataclass costs ten times as much to define. What is
asked here are small GETs of our own Bridges on this machine or on another one.
"""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Mapping
from typing import NamedTuple

LARGEST = 8 * 1024 * 1024  # bytes; an answer longer than this is not one of ours


class Answer(NamedTuple):
    """What came back: a status and a body, or the reason why nothing did."""

    status: int = 0  # 0: no answer, see `error`
    body: bytes = b""
    error: str = ""


def ask(urls: Mapping[str, str], timeout: float) -> dict[str, Answer]:
    """GET every URL at once and return the answers by the keys of `urls` within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    answers: dict[str, Answer] = {}
    with selectors.DefaultSelector() as selector:
        waiting: dict[str, _Conversation] = {}
        for key, url in urls.items():
            try:
                waiting[key] = _Conversation(url)
                selector.register(waiting[key].stream, selectors.EVENT_WRITE, key)
            except (OSError, ValueError) as error:
                answers[key] = Answer(error=_words(error))
        try:
            while waiting and (left := deadline - time.monotonic()) > 0:
                for event, _ in selector.select(left):
                    key = event.data
                    conversation = waiting[key]
                    try:
                        answer = conversation.go_on()
                    except OSError as error:
                        answer = Answer(error=_words(error))
                    if answer is not None:
                        answers[key] = answer
                        selector.unregister(conversation.stream)
                        waiting.pop(key).stream.close()
                    elif conversation.sent:
                        selector.modify(conversation.stream, selectors.EVENT_READ, key)
            for key in waiting:
                answers[key] = Answer(error=f"no answer within {timeout:g} s")
        finally:
            for conversation in waiting.values():
                conversation.stream.close()
    return answers


class _Conversation:
    """One GET on a socket that never blocks."""

    def __init__(self, url: str) -> None:
        authority, _, path = url.removeprefix("http://").partition("/")
        host, _, port = authority.rpartition(":")
        self.request = f"GET /{path} HTTP/1.0\r\nHost: {authority}\r\nConnection: close\r\n\r\n".encode()
        self.received = bytearray()
        self.sent = False
        # an address, not a name: getaddrinfo may block for longer than the deadline
        self.stream = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        try:
            self.stream.setblocking(False)
            self.stream.connect_ex((host.strip("[]"), int(port)))
        except BaseException:
            self.stream.close()
            raise

    def go_on(self) -> Answer | None:
        """Send or receive what can be, and return the answer once it is complete."""
        if not self.sent:
            failed = self.stream.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if failed:
                raise OSError(failed, os.strerror(failed))
            self.request = self.request[self.stream.send(self.request) :]
            self.sent = not self.request
            return None
        piece = self.stream.recv(65536)
        self.received += piece
        if len(self.received) > LARGEST:
            return Answer(error="the answer is too long")
        return None if piece else _parse(bytes(self.received))


def _parse(raw: bytes) -> Answer:
    head, separator, body = raw.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if not separator or len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return Answer(error="what answers does not speak HTTP")
    return Answer(int(words[1]), body)


def _words(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
