"""What counting and timing costs: the same operation with and without it in turns, against what it takes a client.

What the instrument adds is some hundred nanoseconds, far below the noise of a mounted file system's wall time on a
shared machine. So it is measured in one process, in alternating rounds of CPU time, and set against the wall time of
the cheapest operation there is: a client's stat of a mount that keeps everything in memory and that the kernel may not
answer for. Every other operation takes longer, so its share is smaller.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dualfuse.daemon import Daemon
from dualfuse.guard import Guard
from dualfuse.instrument import Instrument
from dualfuse.samples.memory import Memory

ROUNDS, TIMES = 100, 400
MOUNT = "dualfuse.samples.memory:Memory"
UNCACHED = ["entry_timeout=0,attr_timeout=0"]


def instrument_cost() -> dict[str, float]:
    """Return what the instrument adds to an operation and what the cheapest one takes, in µs, and the share of it."""
    added = 1e6 * added_seconds()
    whole = 1e6 * stat_seconds()
    return {
        "instrument_cost": round(added / whole, 4),
        "instrument_adds_us": round(added, 2),
        "stat_us": round(whole, 1),
    }


def added_seconds() -> float:
    """Return by how much the instrument makes an operation longer: the median of paired rounds."""
    filesystem = Memory()
    bare: Any = Guard(filesystem)
    counted: Any = Instrument(filesystem, "pyfuse3", lambda *_: None)
    added = []
    for number in range(ROUNDS):
        order = (bare, counted) if number % 2 else (counted, bare)
        took = {id(to): timed(lambda to=to: to.getattr("/", None), time.thread_time) for to in order}  # type: ignore[misc]
        added.append(took[id(counted)] - took[id(bare)])
    return statistics.median(added)


def stat_seconds() -> float:
    """Return how long a client's stat of a mount by pyfuse3 takes: the median of the rounds."""
    with (
        tempfile.TemporaryDirectory(prefix="guard-cost-") as name,
        Daemon(MOUNT, Path(name), "pyfuse3", options=UNCACHED) as daemon,
    ):
        mount = Path(daemon.mountpoint)
        return statistics.median(timed(mount.stat, time.perf_counter) for _ in range(ROUNDS))


def timed(operation: Callable[[], object], clock: Callable[[], float]) -> float:
    """Return how long one operation takes, by the average of many."""
    began = clock()
    for _ in range(TIMES):
        operation()
    return (clock() - began) / TIMES
