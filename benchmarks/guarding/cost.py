"""What counting and timing costs: the same operations of the Bridge's file system with and without it, in turns.

What it adds to an operation is some hundred nanoseconds, far below the noise of a mounted file system's wall time on a
shared machine. So the two are compared in one process, operation by operation in alternating rounds, and what is added
is set against the time that the same operation takes a client of the real mount, of which the cheapest one decides.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bridge.filesystem import Filesystem
from bridge.store.event_store import EventStore
from dualfuse.guard import Guard
from dualfuse.instrument import Instrument

ROUNDS, TIMES = 60, 300
FILE, FOLDER = "/current/file", "/current"


def instrument_cost() -> float:
    """Return the largest share of an operation's time that the instrument adds, by the median of paired rounds."""
    with tempfile.TemporaryDirectory(prefix="guard-cost-") as name:
        store = EventStore(Path(name, "store.sqlite"), uid=os.getuid(), gid=os.getgid())
        filesystem = Filesystem(store)
        bare: Any = Guard(filesystem)
        counted: Any = Instrument(filesystem, "pyfuse3", lambda *_: None)
        bare.create(FILE, 0o100644)
        handle = bare.open(FILE, os.O_RDWR)
        bare.write(FILE, b"x" * 4096, 0, handle)
        shares = []
        for operation in (
            lambda to: to.getattr(FILE, None),
            lambda to: to.read(FILE, 4096, 0, handle),
            lambda to: to.readdir(FOLDER, None),
        ):
            added, whole = paired(operation, bare, counted)
            shares.append(added / whole)
        bare.release(FILE, handle)
        store.close()
    return round(max(shares), 4)


def paired(operation: Callable[[Any], object], bare: Any, counted: Any) -> tuple[float, float]:
    """Return the seconds that the instrument adds to an operation, and those of the operation with it."""
    added, whole = [], []
    for number in range(ROUNDS):
        order = (bare, counted) if number % 2 else (counted, bare)
        took = {id(to): timed(operation, to) for to in order}
        added.append(took[id(counted)] - took[id(bare)])
        whole.append(took[id(counted)])
    return statistics.median(added), statistics.median(whole)


def timed(operation: Callable[[Any], object], to: Any) -> float:
    """Return the seconds of CPU that one operation takes."""
    began = time.thread_time()
    for _ in range(TIMES):
        operation(to)
    return (time.thread_time() - began) / TIMES
