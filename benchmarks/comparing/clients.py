"""Clients of a mount that never rest, and note how long each of their operations took."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from array import array
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

FILES = 20  # of each client
KINDS = (*["read"] * 8, *["stat"] * 6, *["list"] * 2, "write", "write", "rename", "xattr")
SIZES = (200, 4096, 20_000)  # bytes


def work(number: int, directory: Path, stop: Any, answer: Connection, pause: float) -> None:
    """Work until told to stop, then send (when each operation ended, how long it took, what failed)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    generator = random.Random(number)
    place = directory / f"client-{number}"
    place.mkdir(exist_ok=True)
    for name in range(FILES):
        (place / str(name)).write_bytes(b"x" * 1000)
    ended, took = array("d"), array("d")
    failures: list[str] = []
    answer.send("ready")
    while not stop.is_set():
        kind, path = generator.choice(KINDS), place / str(generator.randrange(FILES))
        start = time.monotonic()
        try:
            act(kind, path, generator)
        except OSError as error:
            failures.append(f"{kind} {path}: {error}")
        now = time.monotonic()
        ended.append(now)
        took.append(now - start)
        if pause:
            time.sleep(generator.random() * 2 * pause)
    answer.send((ended.tolist(), took.tolist(), failures))
    answer.close()


def act(kind: str, path: Path, generator: random.Random) -> None:
    """Do one thing as programs do it."""
    match kind:
        case "read":
            path.read_bytes()
        case "stat":
            path.stat()
        case "write":
            path.write_bytes(generator.randbytes(generator.choice(SIZES)))
        case "list":
            os.listdir(path.parent)  # noqa: PTH208 - the call itself is measured
        case "rename":
            path.rename(path.with_name("moving"))
            path.with_name("moving").rename(path)
        case "xattr":
            os.setxattr(path, "user.n", generator.randbytes(8))
            os.getxattr(path, "user.n")


class Clients:
    """So many clients, each a process of its own; a context manager."""

    def __init__(
        self,
        directories: Sequence[Path],
        pause: float = 0.0,
        does: Callable[[int, Path, Any, Connection, float], None] = work,
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._stop = context.Event()
        self._answers: list[Connection] = []
        self._processes = []
        for number, directory in enumerate(directories):
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=does, args=(number, directory, self._stop, theirs, pause), daemon=True)
            process.start()
            self._processes.append(process)
            self._answers.append(ours)

    def wait_until_ready(self) -> None:
        """Wait until every client works."""
        for answer in self._answers:
            if not answer.poll(60) or answer.recv() != "ready":
                raise SystemExit("a client did not start")

    def stop(self) -> list[Any]:
        """Let them end, and return what they answered."""
        self._stop.set()
        answers = []
        for process, answer in zip(self._processes, self._answers, strict=True):
            if not answer.poll(60):
                raise SystemExit("a client hangs")
            answers.append(answer.recv())
            process.join(10)
        return answers

    def __enter__(self) -> Clients:
        self.wait_until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for process in self._processes:
            process.join(10)
            if process.is_alive():
                process.kill()
