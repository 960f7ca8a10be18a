"""A soak: eight clients of both kinds at a stable path that is swapped between the backends, verified by hash.

Run by `./dev bench soak --minutes 30`. There is one file system with synchronous operations and one whose operations
are `async def`, each with a store, a mount by either backend, and a stable path that is swapped between the two. Half
of the clients work on each path: write, read back, rename, list, remove, and compare the hash of every byte. A failure
is anything but success, a wrong hash included; in the end every file is read once more. Every two seconds the memory,
descriptors and threads of all four daemons are taken, and the number of mounts. A daemon gets threads, and each of them
buffers and a pipe, until the load has met all of them; growth is the slope over the second half of the run.

A rename looks two paths up, one after the other. When a swap comes between, the kernel sees two mounts and answers
EXDEV, whatever the method of the swap: `renamed_again` counts these, and the second try must succeed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.soaking.client import KEPT, client
from benchmarks.soaking.course import LIMITS, course, holds
from dualfuse.daemon import Daemon
from dualfuse.live import detach, swap
from dualfuse.mounts import mounts

KINDS = {"sync": "dualfuse.samples.loopback:Loopback", "async": "dualfuse.samples.async_loopback:AsyncLoopback"}
BACKENDS = ("fusepy", "pyfuse3")
CLIENTS = 8
OPTIONS = "entry_timeout=0,attr_timeout=0"  # two mounts of one store are live while a path is swapped
SAMPLE = 2.0  # seconds between two samples of memory


class Line:
    """One kind of file system: its store, its stable path, and the two daemons that serve it in turn."""

    def __init__(self, kind: str, place: Path, stack: ExitStack) -> None:
        self.kind = kind
        self.stable = place / kind
        self.stable.mkdir()
        store = place / f"store-{kind}"
        store.mkdir()
        self._daemons: list[tuple[Daemon, float]] = []
        for backend in BACKENDS:
            mountpoint = place / f"{kind}-{backend}"
            mountpoint.mkdir()
            daemon = Daemon(KINDS[kind], mountpoint, backend, arguments=[f"root={store}"], options=[OPTIONS])
            stack.enter_context(daemon)
            self._daemons.append((daemon, time.monotonic()))
        stack.callback(detach, str(self.stable))
        self.samples: dict[str, list[tuple[float, dict[str, int]]]] = {name: [] for name in BACKENDS}  # by age in s
        self.turns = 0
        self.problems: list[str] = []

    def turn(self) -> None:
        """Put the mount of the other backend on the stable path."""
        daemon, _ = self._daemons[self.turns % 2]
        swap(daemon.mountpoint, str(self.stable))
        self.turns += 1

    def sample(self) -> None:
        """Take what both daemons hold, with their age."""
        for daemon, since in self._daemons:
            self.samples[daemon.backend].append((time.monotonic() - since, holds(daemon.pid)))

    def look(self) -> bool:
        """See whether both daemons still serve."""
        gone = [daemon for daemon, _ in self._daemons if daemon.process is None or daemon.process.poll() is not None]
        self.problems += [f"{self.kind}: {daemon.backend} ended by itself: {daemon.output()}" for daemon in gone]
        return not gone

    def end(self) -> None:
        """Unmount everything, which must be clean."""
        detach(str(self.stable))
        for daemon, _ in self._daemons:
            code = daemon.stop()
            if code:
                self.problems.append(f"{self.kind}: {daemon.backend} ended with {code} instead of a clean unmount")


def soak(seconds: float, every: float) -> dict[str, Any]:
    """Run the load and the swaps for so long."""
    context = multiprocessing.get_context("spawn")
    ready, stop = context.Semaphore(0), context.Event()
    with tempfile.TemporaryDirectory(prefix="soak-", dir=_memory()) as name, ExitStack() as stack:
        lines = [Line(kind, Path(name), stack) for kind in KINDS]
        for line in lines:
            line.turn()
        running = []
        for number in range(CLIENTS):
            ours, theirs = context.Pipe(duplex=False)
            stable = str(lines[number % len(lines)].stable)
            process = context.Process(target=client, args=(number, stable, ready, stop, theirs), daemon=True)
            process.start()
            running.append((process, ours))
        for _ in running:
            ready.acquire(timeout=60)
        start = swapped = sampled = time.monotonic()
        is_well = True
        mounted = []
        try:
            while is_well and time.monotonic() - start < seconds:
                time.sleep(0.2)
                is_well = all(line.look() for line in lines)
                if time.monotonic() - sampled >= SAMPLE:
                    sampled = time.monotonic()
                    mounted.append(sum(mount.path.startswith(name) for mount in mounts()))
                    for line in lines:
                        line.sample()
                if time.monotonic() - swapped >= every:
                    swapped = time.monotonic()
                    for line in lines:
                        line.turn()
        finally:
            stop.set()
        spent = time.monotonic() - start
        hanging = {"failed": 1, "failures": ["a client hangs"]}
        answers = [ours.recv() if ours.poll(30) else hanging for _, ours in running]
        for process, _ in running:
            process.join(5)
            if process.is_alive():
                process.kill()
        for line in lines:
            line.end()
    return report(lines, answers, spent, mounted)


def report(lines: list[Line], answers: list[dict[str, Any]], seconds: float, mounted: list[int]) -> dict[str, Any]:
    """Sum up what clients and daemons have done."""
    problems = [problem for line in lines for problem in line.problems]
    held = {
        f"{line.kind}-{backend}": {what: course(samples, what) for what in LIMITS}
        for line in lines
        for backend, samples in line.samples.items()
        if samples
    }
    stale = bool(mounted) and mounted[-1] > mounted[0]
    grows = stale or any(each["grows"] for amounts in held.values() for each in amounts.values())
    failed = sum(answer["failed"] for answer in answers) + len(problems)
    return {
        "minutes": round(seconds / 60, 2),
        "clients": len(answers),
        "operations": sum(answer.get("operations", 0) for answer in answers),
        "verified_bytes": sum(answer.get("verified_bytes", 0) for answer in answers),
        "swaps": sum(line.turns - 1 for line in lines),
        "renamed_again": sum(answer.get("crossed", 0) for answer in answers),
        "failed": failed,
        "failures": [*problems, *(text for answer in answers for text in answer["failures"])][: 2 * KEPT],
        "held": held,
        "mounts": {"first": mounted[0], "last": mounted[-1], "most": max(mounted)} if mounted else None,
        "grows": grows,
        "ok": failed == 0 and not grows,
    }


def _memory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def main(argv: list[str] | None = None) -> int:
    """Run the command; the exit code is 1 when anything failed."""
    parser = argparse.ArgumentParser(prog="./dev bench soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--every", type=float, help="seconds between two swaps (60; 5 in runs below 10 minutes)")
    chosen = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unmount first
    every = chosen.every or (60.0 if chosen.minutes >= 10 else 5.0)
    answer = soak(chosen.minutes * 60, every)
    print(json.dumps(answer))
    return 0 if answer["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
