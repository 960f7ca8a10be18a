"""What is mounted where, read from the kernel's table and never by touching a mount."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

MNT_DETACH = 2
UMOUNT_NOFOLLOW = 8


class Mount(NamedTuple):
    """One row of `/proc/self/mountinfo`."""

    id: int
    parent: int
    device: str  # "0:57": the same for every place that shows the same mounted file system
    point: str
    kind: str  # "fuse", "ext4"
    source: str = ""  # what it is mounted from, a name of its own choice where it is FUSE
    shared: bool = False  # what is mounted on it is passed on to those who share it


def table() -> tuple[Mount, ...]:
    """Return every mount this process can see, in the kernel's order."""
    found = []
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
        first, _, second = line.partition(b" - ")
        words = first.split(b" ")
        kind, source = (os.fsdecode(word) for word in second.split(b" ", 2)[:2])
        found.append(
            Mount(
                int(words[0]),
                int(words[1]),
                words[2].decode(),
                _unescape(words[4]),
                kind,
                source,
                any(word.startswith(b"shared:") for word in words[6:]),
            )
        )
    return tuple(found)


def at(mounts: tuple[Mount, ...], point: Path) -> Mount | None:
    """Return the mount a client that opens `point` meets: the top one where several are stacked."""
    stacked = [m for m in mounts if m.point == str(point)]
    covered = {m.parent for m in stacked}
    return next((m for m in stacked if m.id not in covered), None)


def below(mounts: tuple[Mount, ...], folder: Path) -> tuple[Mount, ...]:
    """Return the mounts at or below a folder, the deepest first."""
    inside = [m for m in mounts if m.point == str(folder) or m.point.startswith(f"{folder}/")]
    return tuple(sorted(inside, key=lambda m: m.point.count("/"), reverse=True))


def detach(point: str) -> str | None:
    """Take a mount out of the tree at once, whatever still uses it, and return why it could not be done."""
    if os.geteuid() == 0:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        if libc.umount2(os.fsencode(point), MNT_DETACH | UMOUNT_NOFOLLOW) == 0:
            return None
        return os.strerror(ctypes.get_errno())
    import subprocess

    for helper in ("fusermount3", "fusermount"):
        try:
            done = subprocess.run(
                [helper, "-u", "-z", "--", point], capture_output=True, text=True, timeout=5, check=False
            )
        except FileNotFoundError:
            continue
        except subprocess.TimeoutExpired:
            return f"{helper} did not end"
        return None if done.returncode == 0 else done.stderr.strip()
    return "neither fusermount3 nor fusermount is installed"


def clear(folder: Path) -> bool:
    """Detach every mount at or below a folder and return whether none is left."""
    for mount in below(table(), folder):
        detach(mount.point)
    return not below(table(), folder)


def abort(mount: Mount) -> None:
    """Free every client that waits for a FUSE server which does not answer; the mount stays, dead.

    It is the last resort of `destroy`: work in flight fails. Where fusectl is not mounted, or the connection is another
    user's, nothing is done.
    """
    if not mount.kind.startswith("fuse"):
        return
    with suppress(FileNotFoundError, PermissionError):
        Path("/sys/fs/fuse/connections", mount.device.rpartition(":")[2], "abort").write_text("1", "ascii")


def _unescape(raw: bytes) -> str:
    """Undo the kernel's octal escapes of space, tab, newline and backslash."""
    pieces = raw.split(b"\\")
    text = pieces[0] + b"".join(bytes([int(p[:3], 8)]) + p[3:] for p in pieces[1:])
    return os.fsdecode(text)
