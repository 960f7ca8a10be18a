"""What /proc says of privilege, listening sockets and processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
CAP_SYS_ADMIN = 21
_LISTEN = "0A"


def status() -> dict[str, str]:
    """Return this process's /proc/self/status as a dictionary."""
    lines = (PROC / "self/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def has_sys_admin() -> bool:
    """Return whether this process may mount by itself."""
    return bool(int(status()["CapEff"], 16) >> CAP_SYS_ADMIN & 1)


@dataclass(frozen=True, slots=True)
class Process:
    """A process, as far as it may be seen."""

    pid: int
    command: str
    folder: str = ""  # its working directory, empty where it may not be read

    def __str__(self) -> str:
        return f"pid {self.pid} ({self.command[:80]})"


def process(pid: int) -> Process | None:
    """Return a process, or None if it has ended."""
    entry = PROC / str(pid)
    try:
        command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        command = command or (entry / "comm").read_text().strip()
    except OSError:
        return None
    try:
        folder = str((entry / "cwd").readlink())
    except OSError:
        folder = ""
    return Process(pid, command, folder)


def pids() -> Iterator[int]:
    """Return the numbers of all processes."""
    return (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def parents(pid: int) -> Iterator[int]:
    """Return a process's ancestors, the nearest first."""
    while pid > 1:
        try:
            pid = int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            return
        yield pid


def listening(port: int) -> frozenset[int]:
    """Return the inodes of the sockets that listen on a TCP port in this network namespace."""
    found = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = (PROC / "net" / table).read_text().splitlines()[1:]
        except FileNotFoundError:
            continue  # a kernel without IPv6
        for fields in (line.split() for line in lines):
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(int(fields[9]))
    return frozenset(found)


def holders(inodes: frozenset[int]) -> tuple[Process, ...]:
    """Return the processes that hold one of the sockets; those of other users are seen by root only."""
    wanted = {f"socket:[{inode}]" for inode in inodes}
    found = []
    for pid in pids():
        try:
            held = any(str(entry.readlink()) in wanted for entry in (PROC / str(pid) / "fd").iterdir())
        except OSError:
            continue  # it ended, or it is another user's
        if held and (seen := process(pid)) is not None:
            found.append(seen)
    return tuple(found)
