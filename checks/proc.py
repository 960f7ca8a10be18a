"""What /proc says of mounts, listening sockets and processes; reading it touches no mount."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
CAP_SYS_ADMIN = 21
_LISTEN = "0A"


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo."""

    device: str  # "0:42"
    path: str
    kind: str  # "fuse.python", "ext4"
    source: str

    @property
    def fuse(self) -> bool:
        """Whether a FUSE daemon serves it."""
        return self.kind.split(".")[0] in {"fuse", "fuseblk"}


def mounts() -> tuple[Mount, ...]:
    """Return this mount namespace's mounts, the topmost last."""
    found = []
    for line in (PROC / "self/mountinfo").read_text(errors="surrogateescape").splitlines():
        left, _, right = line.partition(" - ")
        fields, kind = left.split(), right.split(" ")
        found.append(Mount(fields[2], _unescape(fields[4]), kind[0], _unescape(kind[1])))
    return tuple(found)


def mounted_at(path: Path) -> tuple[Mount, ...]:
    """Return the mounts on exactly this path, the topmost last."""
    return tuple(m for m in mounts() if m.path == str(path))


def mounted_under(folder: Path) -> tuple[Mount, ...]:
    """Return the mounts below a folder, the topmost last."""
    return tuple(m for m in mounts() if m.path.startswith(f"{folder}/"))


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


def _unescape(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)
