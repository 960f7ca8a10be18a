"""How fast a Bridge answers: requests of its API and operations of its mount, on each backend, four clients at once."""

from __future__ import annotations

import http.client
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bridge.harness import BACKENDS, Bridge, cleaned

CLIENTS = 4
SECONDS = 4.0  # of each kind of request
WARM_UP = 20  # requests of each client that do not count
CONTENT = b"x" * 2000

Action = Callable[[int], None]  # does one thing; told how many it has done
Maker = Callable[[Bridge, int], Action]  # makes one for a client, by its number


def _api(method: str) -> Maker:
    def make(bridge: Bridge, client: int) -> Action:
        connection = http.client.HTTPConnection("127.0.0.1", bridge.port, timeout=30)
        body = CONTENT if method == "PUT" else None

        def ask(number: int) -> None:
            connection.request(method, f"/files/c{client}/{number % 20}", body)
            answer = connection.getresponse()
            answer.read()
            assert answer.status in (200, 201, 204), answer.status

        return ask

    return make


def _write(bridge: Bridge, client: int) -> Action:
    return lambda number: _ignored((bridge.current / f"c{client}" / str(number % 20)).write_bytes(CONTENT))


def _read(bridge: Bridge, client: int) -> Action:
    return lambda number: _ignored((bridge.current / f"c{client}" / str(number % 20)).read_bytes())


def _stat(bridge: Bridge, client: int) -> Action:
    return lambda number: _ignored((bridge.current / f"c{client}" / str(number % 20)).stat())


def _list(bridge: Bridge, client: int) -> Action:
    return lambda _: _ignored(os.listdir(bridge.current / f"c{client}"))  # noqa: PTH208 - names alone are asked for


def _ignored(_: object) -> None:
    """Let go of a result."""


# In this order: what is read was put before.
KINDS: tuple[tuple[str, Maker], ...] = (
    ("api_put", _api("PUT")),
    ("api_get", _api("GET")),
    ("mount_write", _write),
    ("mount_read", _read),
    ("mount_stat", _stat),
    ("mount_list", _list),
)


def requests() -> dict[str, Any]:
    """Measure each kind on each backend: how many a second, and the 50th and 99th percentile in milliseconds."""
    answer: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="lh", dir="/tmp") as folder:
        for backend in BACKENDS:
            bridge = Bridge(Path(folder) / backend, Path(folder) / f"{backend}.db", backend)
            with cleaned(bridge):
                bridge.start()
                for name, make in KINDS:
                    for key, value in _measured(bridge, make).items():
                        answer[f"{backend}_{name}_{key}"] = value
    return answer


def _measured(bridge: Bridge, make: Maker) -> dict[str, float]:
    took: list[list[float]] = [[] for _ in range(CLIENTS)]
    failed: list[BaseException] = []
    ends = time.monotonic() + SECONDS

    def work(client: int) -> None:
        act = make(bridge, client)
        number = -WARM_UP
        try:
            while time.monotonic() < ends or number <= 0:
                began = time.perf_counter()
                act(number)
                if number >= 0:
                    took[client].append(time.perf_counter() - began)
                number += 1
        except (OSError, AssertionError, http.client.HTTPException) as error:
            failed.append(error)

    began = time.monotonic()
    threads = [threading.Thread(target=work, args=(client,)) for client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - began
    if failed:
        raise failed[0]
    all_took = sorted(one for client in took for one in client)
    percentiles = statistics.quantiles(all_took, n=100, method="inclusive")
    return {
        "per_second": round(len(all_took) / seconds, 1),
        "p50_ms": round(percentiles[49] * 1e3, 3),
        "p99_ms": round(percentiles[98] * 1e3, 3),
    }
