"""What `/proc` knows: which process works in a folder, whether it lives, who holds a port."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# addresses as /proc/net writes them whose listeners are met at 127.0.0.1: any, 127.0.0.1, and the same in IPv6's words
OURS = ("00000000", "0100007F", "0" * 32, "0" * 16 + "FFFF00000100007F")


def environment() -> dict[str, str]:
    """Return the environment that what the target starts lives in, whoever started the tool and from where.

    Nothing of the operator's shell reaches a Bridge, so that an instance started next month by another operator is the
    same. The system folders are always in the path: an ordinary user's has no `/usr/sbin`, where haproxy is.
    """
    kept = ("HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")
    path = ":".join(dict.fromkeys([*os.environ.get("PATH", "").split(":"), *SYSTEM_PATH.split(":")]))
    return {"PATH": path.strip(":"), **{k: os.environ[k] for k in kept if k in os.environ}}


def which(program: str) -> str | None:
    """Return the path of a program, also where only root's path has it."""
    for folder in environment()["PATH"].split(":"):
        candidate = Path(folder, program)
        # in this order: a folder of root's in the path may not even be looked into
        if os.access(candidate, os.X_OK) and candidate.is_file():
            return str(candidate)
    return None


def command_line(pid: int) -> tuple[str, ...]:
    """Return the arguments a process was started with, empty if it is gone or a zombie."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ()
    return tuple(os.fsdecode(word) for word in raw.split(b"\0")[:-1])


def working_in(folders: Iterable[Path], word: str) -> dict[Path, int]:
    """Return for each folder the process that works in it and has `word` among its arguments.

    Where a process and its children both do, the parent is the one. Folders nobody works in are left out. The folders
    must be free of symbolic links.
    """
    wanted = {str(folder): folder for folder in folders}
    found: dict[Path, dict[int, int | None]] = {}
    for pid in _pids():
        try:
            folder = wanted.get(str(Path(f"/proc/{pid}/cwd").readlink()))
            if folder is not None and word in command_line(pid):
                found.setdefault(folder, {})[pid] = parent(pid)
        except OSError:
            continue  # it ended while we looked, or belongs to another user
    return {folder: min(p for p, above in pids.items() if above not in pids) for folder, pids in found.items()}


def running_from(folder: Path) -> dict[int, str]:
    """Return the processes whose program lies below a folder, and that program as they were started with it."""
    words = {pid: command_line(pid) for pid in _pids()}
    return {pid: argv[0] for pid, argv in words.items() if argv and argv[0].startswith(f"{folder}/")}


def alive(pid: int, word: str) -> bool:
    """Return whether `pid` is still the process we mean: numbers are given again."""
    return word in command_line(pid)


def send(pid: int, number: signal.Signals, word: str) -> bool:
    """Signal a process after making sure that it is the one we mean, and return whether it was there."""
    if not alive(pid, word):
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def parent(pid: int) -> int | None:
    """Return the parent of a process, or None if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[1])


def port_holder(port: int) -> str | None:
    """Return who listens on a TCP port of this machine in words, or None if it is free."""
    sockets = {**_listeners("/proc/net/tcp", port), **_listeners("/proc/net/tcp6", port)}
    if not sockets:
        return None
    wanted = {f"socket:[{inode}]" for inode in sockets}
    for pid in _pids():
        if wanted & _open_files(pid):
            return f"pid {pid} ({' '.join(command_line(pid))[:80]})"
    return f"a process of user {next(iter(sockets.values()))}"


def _open_files(pid: int) -> set[str]:
    """Return what a process has open, as far as it may be seen; a descriptor can go while they are read."""
    found = set()
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(entry.readlink()))
    return found


def _listeners(table: str, port: int) -> dict[str, str]:
    """Return inode → uid of the sockets that listen on a port."""
    listening = "0A"
    try:
        lines = Path(table).read_text("ascii").splitlines()[1:]
    except FileNotFoundError:  # a kernel without IPv6
        return {}
    rows = [line.split() for line in lines]
    found = {}
    for row in rows:
        address, _, number = row[1].rpartition(":")
        if row[3] == listening and int(number, 16) == port and address in OURS:
            found[row[9]] = row[7]
    return found


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
