"""A walk of a million files, and the memory that comes back when the kernel forgets them.

Run by `./dev bench walk`. A file system without contents, its names made up as they are asked for, is walked from end
to end: every directory listed, every file looked up. The daemon's memory is taken before, after, after the kernel was
told to drop its caches (as root), and after as many walks again as `--walks` says, which must need no more.
"""

# ruff: noqa: ARG002 - the arguments are FUSE's

from __future__ import annotations

import argparse
import json
import os
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dualfuse.benchmark.servers import cpu_seconds, pss_bytes
from dualfuse.daemon import Daemon
from dualfuse.operations import Operations

BACKENDS = ("pyfuse3", "fusepy")
FILES = 1000  # in a directory
SETTLED = 120.0  # seconds that the daemon has to hear what the kernel forgets
IDLE = 0.002  # CPU seconds in a second


class Endless(Operations):
    """So many directories of a thousand files."""

    use_ns = True

    def __init__(self, folders: str) -> None:
        self._folders = [f"d{number:04}" for number in range(int(folders))]
        self._files = [f"file-{number:06}" for number in range(FILES)]

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        kind = stat.S_IFDIR | 0o755 if path.count("/") < 2 and not path.startswith("/file") else stat.S_IFREG | 0o644
        return {"st_mode": kind, "st_nlink": 1}

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *(self._folders if path == "/" else self._files)]


def walk(top: str) -> int:
    """Look up everything below a directory; gives the number of files."""
    files = 0
    for folder in os.scandir(top):
        for entry in os.scandir(folder.path):
            entry.stat(follow_symlinks=False)
            files += 1
    return files


def forget() -> bool:
    """Tell the kernel to drop what it holds of names and inodes; False without the right to."""
    try:
        Path("/proc/sys/vm/drop_caches").write_text("2")
    except OSError:
        return False
    return True


def wait_until_idle(cpu: Callable[[], float]) -> None:
    """Wait until a daemon has heard everything that the kernel forgot, which is when it works no more."""
    before, end = cpu(), time.monotonic() + SETTLED
    while time.monotonic() < end:
        time.sleep(1)
        now = cpu()
        if now - before < IDLE:
            return
        before = now
    raise SystemExit(f"the daemon still works {SETTLED:g} s after the walk")


def measure(backend: str, place: Path, files: int, walks: int) -> dict[str, Any]:
    """Walk on one backend."""
    place.mkdir()
    with Daemon("benchmarks.walk:Endless", place, backend, arguments=[f"folders={files // FILES}"]) as daemon:
        found: dict[str, Any] = {"before": pss_bytes(daemon.pid), "after": [], "forgotten": []}
        start = time.monotonic()
        for _ in range(walks):
            seen = walk(str(place))
            if seen != files:
                raise SystemExit(f"{seen} files seen of {files}")
            found["after"].append(pss_bytes(daemon.pid))
            found["dropped"] = forget()
            wait_until_idle(lambda: cpu_seconds(daemon.pid))
            if daemon.process is not None and daemon.process.poll() is not None:
                raise SystemExit(f"the daemon ended with {daemon.process.returncode}: {daemon.output()}")
            found["forgotten"].append(pss_bytes(daemon.pid))
        found["seconds"] = round(time.monotonic() - start, 1)
        found["bytes_per_file"] = round((found["after"][0] - found["before"]) / files)
        gained = found["after"][0] - found["before"]
        found["returned"] = round((found["after"][0] - found["forgotten"][0]) / gained, 3)
        found["again"] = round(found["forgotten"][-1] / found["forgotten"][0], 3)
    return found


def main(argv: list[str] | None = None) -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(prog="./dev bench walk", description=__doc__)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--walks", type=int, default=2)
    chosen = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unmount first
    answer: dict[str, Any] = {"files": chosen.files, "walks": chosen.walks}
    with tempfile.TemporaryDirectory(prefix="walk-") as place:
        for backend in BACKENDS:
            answer[backend] = measure(backend, Path(place, backend), chosen.files, chosen.walks)
            print(f"{backend}: {answer[backend]}", file=sys.stderr, flush=True)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
