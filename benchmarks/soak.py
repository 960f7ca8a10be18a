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
import errno
import hashlib
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from dualfuse.daemon import Daemon
from dualfuse.live import detach, swap
from dualfuse.mounts import mounts

KINDS = {"sync": "dualfuse.samples.loopback:Loopback", "async": "dualfuse.samples.async_loopback:AsyncLoopback"}
BACKENDS = ("fusepy", "pyfuse3")
CLIENTS = 8
SIZES = (100, 4096, 70_000, 1_500_000)  # bytes
OPTIONS = "entry_timeout=0,attr_timeout=0"  # two mounts of one store are live while a path is swapped
KEPT = 10  # failures that are shown
CROSSED: list[str] = []  # what a client has renamed twice
SAMPLE = 2.0  # seconds between two samples of memory
POINTS = 10  # of the course of an amount that are shown
ENOUGH = 10  # samples of warm daemons that a slope is drawn from
# What is called growth over a run. Memory: one that leaks 100 bytes an operation is far above.
LIMITS = {"bytes": 1 << 20, "descriptors": 3, "threads": 3}
SHARE = 0.05  # of what a daemon holds: less than this is the allocator's noise


def client(number: int, directory: str, ready: Any, stop: Any, answer: Connection) -> None:
    """Work until told to stop, and send what was done: operations, bytes verified, failures."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    generator = random.Random(number)
    operations = verified = failed = 0
    failures: list[str] = []
    hashes: dict[str, str] = {}
    place = Path(directory, f"client-{number}")
    ready.release()

    while not stop.is_set():
        kind = generator.choice(("write", "read", "read", "rename", "list", "remove", "hold"))
        name = f"f{generator.randrange(30)}"
        try:
            place.mkdir(exist_ok=True)
            verified += _act(kind, place, name, generator, hashes)
            operations += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a failure to be reported
            failed += 1
            hashes.pop(name, None)
            if len(failures) < KEPT:
                failures.append(f"client {number}: {kind} {name}: {error!r}")
        time.sleep(0.001)  # leave the machine to others, too
    for name in sorted(hashes):
        try:
            verified += _act("read", place, name, generator, hashes)
        except Exception as error:  # noqa: BLE001 - as above
            failed += 1
            failures.append(f"client {number}: {name} in the end: {error!r}")
    done = {"operations": operations, "verified_bytes": verified, "failed": failed, "failures": failures}
    answer.send({**done, "crossed": len(CROSSED)})
    answer.close()


def _act(kind: str, place: Path, name: str, generator: random.Random, hashes: dict[str, str]) -> int:
    path = place / name
    if kind in {"write", "hold"}:
        data = generator.randbytes(generator.choice(SIZES))
        with path.open("wb") as file:
            file.write(data)
            file.flush()
            if kind == "hold":  # a file that stays open, perhaps across a swap
                time.sleep(generator.random() * 0.2)
                file.write(data[:10])
                data += data[:10]
        hashes[name] = hashlib.sha256(data).hexdigest()
        return 0
    if kind == "list":
        seen = {each.name for each in place.iterdir()}
        if seen != set(hashes):
            raise AssertionError(f"listed {sorted(seen ^ set(hashes))} wrongly")
        return 0
    if name not in hashes:
        return 0
    if kind == "read":
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != hashes[name]:
            raise AssertionError(f"{len(data)} bytes read back have another hash")
        return len(data)
    if kind == "rename":
        return _rename(path, place / f"{name}-moved") + _rename(place / f"{name}-moved", path)
    path.unlink()
    del hashes[name]
    return 0


def _rename(old: Path, new: Path) -> int:
    """Rename, again where a swap has come between the two look-ups of the kernel: one path is then the old mount's."""
    try:
        old.rename(new)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        CROSSED.append(str(old))
        old.rename(new)
    return 0


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


def holds(pid: int) -> dict[str, int]:
    """What a process has of its own: memory that it does not share, descriptors, threads."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    private = next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Private_Dirty:"))
    count = {name: len(os.listdir(f"/proc/{pid}/{name}")) for name in ("fd", "task")}  # noqa: PTH208
    return {"bytes": private, "descriptors": count["fd"], "threads": count["task"]}


def slope(points: Sequence[tuple[float, int]]) -> float:
    """Slope of the least-squares line through (seconds, amount), a minute."""
    times, amounts = [time for time, _ in points], [amount for _, amount in points]
    middle, mean = sum(times) / len(times), sum(amounts) / len(amounts)
    above = sum((time - middle) * (amount - mean) for time, amount in points)
    return 60 * above / sum((time - middle) ** 2 for time in times)


def course(samples: Sequence[tuple[float, dict[str, int]]], what: str) -> dict[str, Any]:
    """How an amount went over a run: medians along it, the slope of the second half, and whether it grew there.

    A thread brings its buffers. Threads are counted themselves, so memory is compared at one number of them.
    """
    points = [(age, held[what]) for age, held in samples]
    values = [amount for _, amount in points]
    size = max(1, len(points) // POINTS)
    half = samples[len(samples) // 2 :]
    usual = Counter(held["threads"] for _, held in half).most_common(1)[0][0]
    late = [(age, held[what]) for age, held in half if what != "bytes" or held["threads"] == usual]
    is_enough = len(late) >= ENOUGH
    minute = slope(late) if is_enough else 0.0
    gained = minute * (late[-1][0] - late[0][0]) / 60
    return {
        "least": min(values),
        "most": max(values),
        "course": [round(median(values[start : start + size])) for start in range(0, len(values), size)],
        "per_minute": round(minute, 2) if is_enough else None,
        "grows": gained > max(LIMITS[what], SHARE * median(values)),
    }


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
