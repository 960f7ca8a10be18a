"""What one iteration of each measured operation does to a mounted directory."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

SMALL = 2048  # bytes; the documents say below 4 KB
LARGE = 2 * 1024 * 1024  # bytes; the documents say above 1 MB
ENTRIES = 200
CLIENTS = 8

_SMALL_DATA = os.urandom(SMALL)
_LARGE_DATA = os.urandom(LARGE)


@dataclass(frozen=True, slots=True)
class Workload:
    """One operation: what it needs beforehand, what is timed, what is cleaned away untimed after a round."""

    name: str
    run: Callable[[str, int], int]  # (directory, iteration) -> bytes moved
    prepare: Callable[[Path], None]
    clients: int = 1
    clean: Callable[[Path], None] | None = None
    repeat: int = 1  # for each iteration asked for: what the kernel answers by itself is over before a round is one


def _read(name: str) -> Callable[[str, int], int]:
    def run(directory: str, _iteration: int) -> int:
        moved = 0
        descriptor = os.open(f"{directory}/{name}", os.O_RDONLY)
        try:
            while data := os.read(descriptor, 1 << 20):
                moved += len(data)
        finally:
            os.close(descriptor)
        return moved

    return run


def _write(path: str, data: bytes) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        return os.write(descriptor, data)
    finally:
        os.close(descriptor)


def _write_small(directory: str, iteration: int) -> int:
    return _write(f"{directory}/new-{os.getpid()}-{iteration}", _SMALL_DATA)


def _write_large(directory: str, _iteration: int) -> int:
    return _write(f"{directory}/large-written", _LARGE_DATA)


def _stat(directory: str, _iteration: int) -> int:
    os.stat(f"{directory}/small")  # noqa: PTH116 - the call itself is measured
    return 0


def _readdir(directory: str, _iteration: int) -> int:
    return 0 * len(os.listdir(f"{directory}/many"))  # noqa: PTH208


def _small(directory: Path) -> None:
    (directory / "small").write_bytes(_SMALL_DATA)


def _large(directory: Path) -> None:
    (directory / "large").write_bytes(_LARGE_DATA)


def _many(directory: Path) -> None:
    (directory / "many").mkdir(exist_ok=True)
    for number in range(ENTRIES):
        (directory / "many" / f"entry-{number:05}").touch()


def _nothing(_directory: Path) -> None:
    return None


def _remove_new(directory: Path) -> None:
    for path in directory.glob("new-*"):
        path.unlink()


WORKLOADS: tuple[Workload, ...] = (
    Workload("read_small", _read("small"), _small),
    Workload("read_large", _read("large"), _large),
    Workload("write_small", _write_small, _nothing, clean=_remove_new),
    Workload("write_large", _write_large, _nothing),
    Workload("stat", _stat, _small, repeat=50),
    Workload("readdir", _readdir, _many),
    Workload("concurrent_reads", _read("small"), _small, clients=CLIENTS),
    Workload("concurrent_writes", _write_small, _nothing, clients=CLIENTS, clean=_remove_new),
)


def timed(run: Callable[[str, int], int], directory: str, first: int, count: int) -> tuple[list[float], int]:
    """Run iterations one after the other; gives the seconds of each and the bytes moved by all."""
    latencies = []
    moved = 0
    for iteration in range(first, first + count):
        start = perf_counter()
        moved += run(directory, iteration)
        latencies.append(perf_counter() - start)
    return latencies, moved


def by_name(name: str) -> Workload:
    """Find a workload, for client processes that get its name only."""
    return next(workload for workload in WORKLOADS if workload.name == name)


def timed_by_name(name: str, directory: str, first: int, count: int) -> tuple[list[float], int]:
    """Run iterations of a named workload in a client process."""
    return timed(by_name(name).run, directory, first, count)
