"""What the deployment's tests share: a place to deploy to, clients."""

from __future__ import annotations

import http.client
import threading
from pathlib import Path

from deployment.targets.target import Place
from tests.ports import free_ports


def a_place(folder: Path, drain_seconds: float = 5.0) -> Place:
    """Return a place below a folder, with ports of its own."""
    p = free_ports(10)
    return Place(
        state=folder / "state",
        live=folder / "live",
        store=folder / "store.db",
        router_port=p[0],
        stable_ports=(p[1], p[2]),
        canary_ports=(p[3], p[4]),
        stable_metrics_ports=(p[5], p[6]),
        canary_metrics_ports=(p[7], p[8]),
        prometheus_port=p[9],
        comparison_rate=1000.0,
        drain_seconds=drain_seconds,
    )


def request(
    port: int, method: str = "GET", path: str = "/x", body: bytes | None = None, client: str = ""
) -> tuple[int, str]:
    """Ask once over a connection of its own and return status and text."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, {"X-Client-Id": client} if client else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class Clients:
    """Clients that read and write all the time, each with its own id, and note every failure."""

    def __init__(self, port: int, count: int = 6, path: str = "/files/{client}", size: int = 1000) -> None:
        self.port, self.path, self.size = port, path, size
        self.done = 0
        self.failed: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(f"client-{n}",)) for n in range(count)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self, client: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        path, turn = self.path.format(client=client), 0
        while not self._stop.wait(0.005):  # a pause: what is tested must not starve for clients
            turn += 1
            method = "PUT" if turn % 2 else "GET"
            try:
                connection.request(method, path, bytes(self.size) if method == "PUT" else None, {"X-Client-Id": client})
                answer = connection.getresponse()
                body = answer.read()
                if answer.status >= 400:
                    self.failed.append(f"{method} {answer.status} {body[:200]!r}")
                if answer.getheader("Connection") == "close":
                    connection.close()
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(f"{method} {error!r}")
                connection.close()
            self.done += 1
        connection.close()
