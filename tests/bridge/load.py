"""Clients that work on a Bridge all the time."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tests.bridge.harness import Bridge


class Load:
    """Clients by HTTP and by mount that verify every byte and note every failure."""

    def __init__(self, bridge: Bridge, clients: int = 4) -> None:
        self.bridge = bridge
        self.failures: list[str] = []
        self.operations = 0
        self._stop = threading.Event()
        works = (self._by_http, self._by_mount)
        self._threads = [
            threading.Thread(target=works[number % 2], args=(f"load{number}",)) for number in range(clients)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, name: str, once: Callable[[str, bytes], bytes]) -> None:
        number = 0
        while not self._stop.is_set():
            body = f"{name} {number} ".encode() * 100
            try:
                seen = once(f"{name}/{number % 7}", body)
                if seen != body:
                    self.failures.append(f"{name} read {seen[:40]!r}")
            except OSError as error:
                self.failures.append(f"{name}: {error!r}")
            number += 1
            self.operations += 2

    def _by_http(self, name: str) -> None:
        def once(path: str, body: bytes) -> bytes:
            status, answer = self.bridge.request("PUT", f"/files/{path}", body)
            if status not in (201, 204):
                raise OSError(f"PUT answered {status}: {answer!r}")
            return self.bridge.request("GET", f"/files/{path}")[1]

        self._run(name, once)

    def _by_mount(self, name: str) -> None:
        def once(path: str, body: bytes) -> bytes:
            (self.bridge.current / path).write_bytes(body)
            return (self.bridge.current / path).read_bytes()

        (self.bridge.current / name).mkdir(exist_ok=True)
        self._run(name, once)
