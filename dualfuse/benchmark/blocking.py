"""What blocking operations do to others: reads that sleep, side by side, and a stat while another operation sleeps."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

from dualfuse.benchmark.servers import Server
from dualfuse.benchmark.workloads import CLIENTS

SPECIFICATION = "dualfuse.samples.slow:Slow"
_READS = 40  # by each client in a round
_ROUNDS = 45  # at most: the spread of one is ten times the difference looked for


def measure_blocking(contenders: Sequence[str], iterations: int) -> dict[str, Any]:
    """Measure reads per second of 8 clients whose reads sleep 5 ms, and a stat while another read sleeps 1 s.

    A client opens, reads and closes a file of its own. The same with files that stay open and O_DIRECT is under
    ``direct``: only libfuse3 asks the kernel to do such reads asynchronously (FUSE_ASYNC_DIO in fuse_kernel.h), which
    takes the kernel longer; no criterion speaks of it. The more iterations are asked for, the more rounds there are: 3
    to 45.
    """
    rounds = min(_ROUNDS, max(3, iterations // 20))
    kinds = {"ordinary": _read_files, "direct": _read_direct}
    rates: dict[str, dict[str, list[float]]] = {kind: {name: [] for name in contenders} for kind in kinds}
    stats: dict[str, float] = {}
    with (
        tempfile.TemporaryDirectory(prefix="dualfuse-blocking-") as place,
        ProcessPoolExecutor(CLIENTS, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        servers = [Server(name, Path(place, f"m{number}"), SPECIFICATION) for number, name in enumerate(contenders)]
        try:
            for server in servers:
                server.start()
                for read in kinds.values():
                    list(pool.map(read, _own_files(server.directory), [2] * CLIENTS))
            for number in range(rounds):
                for kind, read in kinds.items():
                    # every other round runs in the opposite order
                    for server in servers if number % 2 == 0 else servers[::-1]:
                        start = time.perf_counter()
                        list(pool.map(read, _own_files(server.directory), [_READS] * CLIENTS))
                        rates[kind][server.contender].append(CLIENTS * _READS / (time.perf_counter() - start))
            for server in servers:
                stats[server.contender] = _stat_during_block(server.directory)
        finally:
            for server in servers:
                server.abandon()
    answer: dict[str, Any] = _compared(rates["ordinary"])
    answer["direct"] = _compared(rates["direct"])
    answer["stat_ms"] = {name: round(value * 1000, 3) for name, value in stats.items()}
    if "pyfuse3" in stats:
        answer["stat_during_block_ms"] = answer["stat_ms"]["pyfuse3"]
    return answer


def _compared(rates: dict[str, list[float]]) -> dict[str, Any]:
    answer: dict[str, Any] = {"reads_per_second": {name: round(median(each), 1) for name, each in rates.items()}}
    if "fusepy" in rates and "pyfuse3" in rates:
        pairs = [new / old for new, old in zip(rates["pyfuse3"], rates["fusepy"], strict=True)]
        answer["reads_per_second_ratio"] = round(median(pairs), 3)
    return answer


def _own_files(directory: Path) -> list[str]:
    """Name a file for each client; to the file system they are the same number."""
    return [f"{directory}/sleep-0.005{'0' * number}" for number in range(CLIENTS)]


def _read_files(path: str, count: int) -> None:
    for _ in range(count):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.pread(descriptor, 4096, 0)
        finally:
            os.close(descriptor)


def _read_direct(path: str, count: int) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECT)
    try:
        for _ in range(count):
            os.pread(descriptor, 4096, 0)
    finally:
        os.close(descriptor)


def _stat_during_block(directory: Path) -> float:
    """Median seconds of a stat that the daemon must answer while a read sleeps for a second."""
    sleeper = threading.Thread(target=(directory / "sleep-1").read_bytes)
    sleeper.start()
    time.sleep(0.1)  # let the read arrive
    taken = []
    for number in range(50):
        start = time.perf_counter()
        (directory / f"absent-{number}").exists()
        taken.append(time.perf_counter() - start)
    sleeper.join()
    return median(taken)
