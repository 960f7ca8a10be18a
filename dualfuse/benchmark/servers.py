"""What is measured: one served directory a contender, and what its daemon costs.

A contender is a backend, with mount options behind a plus sign: ``fusepy``, ``fusepy+nothreads``, ``pyfuse3``. Three
more set the scale: ``stock`` is fusepy's own FUSE class without dualfuse, ``passthrough=PROGRAM`` libfuse's in C (see
``dualfuse.benchmark.passthrough``), ``directory`` is no mount.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from dualfuse.daemon import Daemon
from dualfuse.mounts import mount_at


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used in all its threads, with nanosecond resolution."""
    clock = (~pid << 3) | 2  # the kernel's clock of another process, see clock_getcpuclockid(3)
    return time.clock_gettime(clock)


def pss_bytes(pid: int) -> int:
    """Proportional memory of a process in bytes: shared pages count by their share."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


@dataclass(slots=True)
class Server:
    """One contender and its directory."""

    contender: str
    directory: Path
    specification: str
    arguments: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    daemon: Daemon | None = None

    def start(self) -> float:
        """Mount; gives the seconds from the start of the process to the first answered stat."""
        self.directory.mkdir(exist_ok=True)
        if self.contender == "directory":
            return 0.0
        backend, *more = self.contender.split("+")
        backend, _, program = backend.partition("=")
        command: tuple[str, ...] = ()
        if backend in {"stock", "passthrough"}:
            command = (sys.executable, "-m", f"dualfuse.benchmark.{backend}", *([program] if program else []))
            backend = "fusepy"
        self.daemon = Daemon(
            self.specification,
            self.directory,
            backend,
            arguments=self.arguments,
            options=(*self.options, *more),
            command=command,
        )
        start = time.perf_counter()
        self.daemon.launch()
        self.daemon.wait_until_mounted(start + 20)
        self.directory.stat()
        return time.perf_counter() - start

    @property
    def is_backend(self) -> bool:
        """Whether its start and end say something about a backend."""
        return self.contender != "directory" and not self.contender.startswith("passthrough")

    @property
    def pid(self) -> int | None:
        """The daemon's, or None where there is none."""
        return None if self.daemon is None else self.daemon.pid

    def cpu(self) -> float:
        """CPU seconds of the daemon so far; those of this process where there is no daemon."""
        return time.process_time() if self.daemon is None else cpu_seconds(self.daemon.pid)

    def memory(self) -> int:
        """Bytes of the daemon now."""
        return 0 if self.daemon is None else pss_bytes(self.daemon.pid)

    def stop(self) -> tuple[float, float]:
        """Unmount; gives the seconds until the process has ended and the CPU seconds that it took."""
        if self.daemon is None:
            return 0.0, 0.0
        before = self.cpu()
        start = time.perf_counter()
        used = self.daemon.terminate_and_measure()
        seconds = time.perf_counter() - start
        self.daemon.stop()
        self.daemon = None
        return seconds, max(0.0, used - before)

    def abandon(self) -> None:
        """Leave nothing behind, whatever happened."""
        if self.daemon is not None:
            self.daemon.stop(2.0)
            self.daemon = None
        with contextlib.suppress(OSError):
            if mount_at(str(self.directory)) is None:
                os.rmdir(self.directory)  # noqa: PTH106
