"""Close-to-open between the two mounts of one store: what one side was told to keep, the next open on the other sees.

Each worker has files of its own. It writes one through one mount and, after the close, reads it through the other, to
and fro. What is read must be what was written last.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from bridge.mount_child import MountChild
from bridge.settings import Settings

HAND_OVERS = 100_000
WORKERS = 4
FILES = 4  # of each
PIECE = 64  # bytes a file is made of
KEPT = 5
TELL = 10_000


class Worker(threading.Thread):
    """Hands files over from one side to the other."""

    def __init__(self, index: int, places: list[int], hand_overs: int) -> None:
        super().__init__(name=f"worker {index}", daemon=True)
        self._index = index
        self._places = places  # descriptors of the folder, on either side
        self._random = random.Random(index)
        self._hand_overs = hand_overs
        self.done = 0
        self.stale: list[str] = []
        self.error: Exception | None = None

    def run(self) -> None:
        """Do as many as asked for."""
        try:
            while self.done < self._hand_overs:
                self._hand_over(self.done)
                self.done += 1
        except Exception as error:  # noqa: BLE001 - told by the one who started this thread
            self.error = error

    def _hand_over(self, number: int) -> None:
        here, there = self._places[number % 2], self._places[1 - number % 2]
        name = f"{self._index}-{number % FILES}"
        content = f"{self._index} {number} ".encode().ljust(PIECE, b".") * (1 + self._random.randrange(40))
        kind = number % 10
        if kind == 9:  # a new file takes the place of the old one
            write(here, f"{name}.new", content, os.O_TRUNC)
            os.rename(f"{name}.new", name, src_dir_fd=here, dst_dir_fd=here)
        elif kind == 8:  # gone, and there again
            os.unlink(name, dir_fd=here)
            if exists(there, name):
                self.stale.append(f"{name}: still there after its removal, {number}")
            write(here, name, content, os.O_EXCL)
        else:
            write(here, name, content, os.O_TRUNC)
        size, seen = read(there, name)
        if (size, seen) != (len(content), content):
            self.stale.append(f"{name}: {size} bytes that begin with {seen[:20]!r}, not {content[:20]!r}")


def write(folder: int, name: str, content: bytes, flags: int) -> None:
    """Write a whole file."""
    file = os.open(name, os.O_WRONLY | os.O_CREAT | flags, 0o644, dir_fd=folder)
    try:
        os.write(file, content)
    finally:
        os.close(file)


def read(folder: int, name: str) -> tuple[int, bytes]:
    """Return a file's size and content."""
    file = os.open(name, os.O_RDONLY, dir_fd=folder)
    try:
        return os.fstat(file).st_size, os.read(file, 1 << 20)
    finally:
        os.close(file)


def exists(folder: int, name: str) -> bool:
    """Whether there is such a name."""
    try:
        os.stat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def hand_overs(number: int = HAND_OVERS) -> dict[str, Any]:
    """Hand over so often and return how often something older was read."""
    with tempfile.TemporaryDirectory(prefix="hand-overs-") as folder:
        children = []
        places = []
        try:
            for backend in ("fusepy", "pyfuse3"):
                settings = Settings(
                    backend=backend,
                    store=Path(folder) / "store.db",
                    state_dir=Path(folder) / backend,
                    mount_point=Path(folder) / f"{backend}-mnt",
                    drain_timeout=5.0,
                )
                children.append(MountChild(settings, backend, 1))
                children[-1].prove()
            (children[0].mountpoint / "current" / "d").mkdir()
            places = [os.open(child.mountpoint / "current" / "d", os.O_RDONLY) for child in children]
            workers = [Worker(index, places, number // WORKERS) for index in range(WORKERS)]
            began = time.monotonic()
            for worker in workers:
                worker.start()
            told = TELL
            while any(worker.is_alive() for worker in workers):
                workers[0].join(1.0) if workers[0].is_alive() else time.sleep(0.2)
                if (done := sum(worker.done for worker in workers)) >= told:
                    print(f"{done} hand-overs in {time.monotonic() - began:.0f} s", file=sys.stderr)
                    told += TELL
            seconds = time.monotonic() - began
        finally:
            for place in places:
                os.close(place)
            for child in children:
                child.let_go()
                child.kill()
                child.tidy()
    errors = [f"{worker.name}: {worker.error!r}" for worker in workers if worker.error is not None]
    if errors:
        raise SystemExit(f"hand-overs failed: {errors}")
    stale = [each for worker in workers for each in worker.stale]
    answer = {
        "hand_overs": sum(worker.done for worker in workers),
        "hand_overs_per_second": round(sum(worker.done for worker in workers) / seconds),
        "stale_reads": len(stale),
        "stale": stale[:KEPT],
    }
    return {**answer, "unmet": [f"{len(stale)} hand-overs read something older"] if stale else []}
