"""What a test run must not leave behind: FUSE mounts under its own folders, and processes it started."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

MARK = "LIGHTHOUSE_TEST_RUN"  # in the environment of every process a test starts


@dataclass(frozen=True, slots=True)
class Process:
    """A process as it was seen; `started` tells it from a later one with the same number."""

    pid: int
    started: str
    command: str

    def __str__(self) -> str:
        return f"process {self.pid}: {self.command}"


def _unescape(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)


def fuse_mounts(folders: Iterable[Path]) -> set[str]:
    """Return the mountpoints of FUSE mounts below the folders, topmost last; no mount is touched."""
    roots = [f"{folder}/" for folder in folders]
    found = set()
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        mountpoint, kind = _unescape(left.split()[4]), right.split()[0]
        if kind.split(".")[0] in {"fuse", "fuseblk"} and any(mountpoint.startswith(root) for root in roots):
            found.add(mountpoint)
    return found


def _started(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if stat[0] in "ZX" else stat[19]


def processes(mark: str, folders: Iterable[Path]) -> set[Process]:
    """Return the living processes that carry the mark, or whose command line or working directory is in the folders."""
    roots = [str(folder) for folder in folders]
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        started = _started(int(entry.name))
        if started is None:
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            environment = (entry / "environ").read_bytes().split(b"\0")
            folder = str((entry / "cwd").readlink())
        except OSError:
            continue  # it ended, or it is another user's and no child of these tests
        ours = f"{MARK}={mark}".encode() in environment
        if ours or any(root in command or folder == root or folder.startswith(f"{root}/") for root in roots):
            found.add(Process(int(entry.name), started, command[:200] or "(no command line)"))
    return found


def settle(look: Callable[[], set[Process]], seconds: float) -> set[Process]:
    """Return what is still seen after giving processes that are on their way out some seconds to end."""
    deadline = time.monotonic() + seconds
    while (seen := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return seen


def _ended(process: Process, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while _started(process.pid) == process.started:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def end(leaked: Iterable[Process]) -> None:
    """End the processes: TERM first, KILL after two seconds."""
    left = list(leaked)
    for number, patience in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0)):
        for process in left:
            if _started(process.pid) == process.started:
                os.kill(process.pid, number)
        left = [process for process in left if not _ended(process, patience)]


def detach(mountpoint: str) -> None:
    """Detach a mount lazily, dead or alive, and whatever is mounted on the same place below it."""
    command = ["umount", "-l", mountpoint] if os.geteuid() == 0 else ["fusermount3", "-uz", mountpoint]
    for _ in range(10):
        if subprocess.run(command, capture_output=True, timeout=10).returncode != 0:
            return
