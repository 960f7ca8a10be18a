"""How pyfuse3 and fusepy scale: clients, entries of a directory, bytes of a file.

Run by `./dev bench scaling`. The loopback class on both, timeouts of 1 s, in turn, `--rounds` times; a figure is the
median over the rounds, `time_ratio` that of pyfuse3's time to fusepy's. Units: reads per second for clients (2 KiB
files opened, read and closed), seconds for one listing, and megabytes per second for reading a file from end to end.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from dualfuse.benchmark.workloads import timed_by_name
from dualfuse.daemon import Daemon

BACKENDS = ("fusepy", "pyfuse3")
CLIENTS = (1, 2, 4, 8, 16, 32, 64)
ENTRIES = (10, 100, 1_000, 10_000, 100_000)
SIZES = (1 << 10, 1 << 16, 1 << 20, 1 << 24, 1 << 28, 1 << 30)
READS = 640  # in a round, by all clients together
CHUNK = 1 << 20


def reads_per_second(directory: Path, clients: int, pool: Executor) -> float:
    """So many clients share the reads of a round."""
    start = time.perf_counter()
    tasks = [pool.submit(timed_by_name, "read_small", str(directory), 0, READS // clients) for _ in range(clients)]
    for task in tasks:
        task.result()
    return READS // clients * clients / (time.perf_counter() - start)


def seconds_of_a_listing(directory: Path, entries: int, _pool: Executor) -> float:
    """One listing, names only."""
    start = time.perf_counter()
    names = os.listdir(directory / f"entries-{entries}")  # noqa: PTH208 - the call itself is measured
    seconds = time.perf_counter() - start
    if len(names) != entries:
        raise SystemExit(f"{len(names)} names listed of {entries}")
    return seconds


def megabytes_per_second(directory: Path, size: int, _pool: Executor) -> float:
    """Read one file from end to end, as often as makes a megabyte."""
    times = max(1, CHUNK // size)
    start = time.perf_counter()
    for _ in range(times):
        with (directory / f"size-{size}").open("rb", buffering=0) as file:
            while file.read(CHUNK):
                pass
    return times * size / (time.perf_counter() - start) / 1e6


MEASURES: dict[str, tuple[Callable[[Path, int, Executor], float], tuple[int, ...]]] = {
    "clients": (reads_per_second, CLIENTS),
    "entries": (seconds_of_a_listing, ENTRIES),
    "bytes": (megabytes_per_second, SIZES),
}


def prepare(store: Path, most_entries: int, largest: int) -> None:
    """Make what is read, below the mounts; large files are sparse."""
    (store / "small").write_bytes(os.urandom(2048))
    for entries in ENTRIES:
        if entries <= most_entries:
            folder = store / f"entries-{entries}"
            folder.mkdir()
            for number in range(entries):
                (folder / f"entry-{number:06}").touch()
    for size in SIZES:
        if size <= largest:
            with (store / f"size-{size}").open("wb") as file:
                file.truncate(size)


def scale(rounds: int, most: dict[str, int]) -> dict[str, Any]:
    """Measure every point on both backends in turn, up to the most of each kind."""
    clients = most["clients"]
    answer: dict[str, Any] = {"rounds": rounds}
    with (
        tempfile.TemporaryDirectory(prefix="scaling-", dir=_memory()) as name,
        ProcessPoolExecutor(clients, mp_context=multiprocessing.get_context("spawn")) as pool,
        ExitStack() as stack,
    ):
        place = Path(name)
        (place / "store").mkdir()
        prepare(place / "store", most["entries"], most["bytes"])
        for backend in BACKENDS:
            (place / backend).mkdir()
            loopback = "dualfuse.samples.loopback:Loopback"
            stack.enter_context(Daemon(loopback, place / backend, backend, arguments=[f"root={place}/store"]))
        list(pool.map(abs, range(clients * 4)))  # start the clients
        for measure, (run, points) in MEASURES.items():
            answer[measure] = {}
            for point in [each for each in points if each <= most[measure]]:
                found: dict[str, list[float]] = {backend: [] for backend in BACKENDS}
                for number in range(rounds + 1):
                    for backend in BACKENDS if number % 2 else BACKENDS[::-1]:
                        value = run(place / backend, point, pool)
                        if number:  # the first round only warms the caches
                            found[backend].append(value)
                figures = {backend: float(f"{median(values):.4g}") for backend, values in found.items()}
                pairs = [new / old for new, old in zip(found["pyfuse3"], found["fusepy"], strict=True)]
                time_ratio = median(pairs) if measure == "entries" else 1 / median(pairs)
                answer[measure][str(point)] = {**figures, "time_ratio": round(time_ratio, 3)}
            print(f"{measure}: {answer[measure]}", file=sys.stderr)
    return answer


def _memory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def main(argv: list[str] | None = None) -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(prog="./dev bench scaling", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    for name, (_, points) in MEASURES.items():
        parser.add_argument(f"--{name}", type=int, default=points[-1], metavar="MOST", help="go up to so many")
    chosen = vars(parser.parse_args(argv))
    print(json.dumps(scale(chosen["rounds"], {name: chosen[name] for name in MEASURES})))


if __name__ == "__main__":
    main()
