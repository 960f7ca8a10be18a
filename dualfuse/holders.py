"""Who still holds a mount's files.

A mount that was taken off its path is drained when its connection is gone, which happens when the last open file,
open directory and working directory on it are closed; its daemon then ends by itself.
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that keeps a mount busy, and by what: fd/7, cwd, root or map."""

    pid: int
    command: str
    what: str


def holders(major: int, minor: int) -> list[Holder]:
    """Find the processes that have open or mapped files, a working directory or a root on a device.

    Only the kernel's cached answer is asked (statx with DONT_SYNC through the links in /proc), never the file system:
    a hung or dead mount does not hold the asker up. A mount that was taken off its path is found all the same.
    """
    device = os.makedev(major, minor)
    mapped = f" {major:02x}:{minor:02x} ".encode()
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            found += _holds(Path(entry.path), device, mapped)
    return found


def _holds(process: Path, device: int, mapped: bytes) -> list[Holder]:
    try:
        names = [f"fd/{entry.name}" for entry in os.scandir(process / "fd")]
        command = (process / "comm").read_text(errors="replace").strip()
        maps = (process / "maps").read_bytes()
    except OSError:  # it has ended, or is not ours to look into
        return []
    held = [what for what in (*names, "cwd", "root") if _cached_device(os.fsencode(process / what)) == device]
    if mapped in maps:
        held.append("map")
    return [Holder(int(process.name), command, what) for what in held]


class _Statx(ctypes.Structure):
    _fields_ = (
        ("head", ctypes.c_uint8 * 0x88),
        ("dev_major", ctypes.c_uint32),
        ("dev_minor", ctypes.c_uint32),
        ("rest", ctypes.c_uint8 * 0x70),
    )


_AT_FDCWD = -100
_AT_STATX_DONT_SYNC = 0x4000


def _cached_device(path: bytes) -> int | None:
    """Give the device behind a path without asking the file system: statx with DONT_SYNC and an empty mask.

    The link in /proc leads straight to the open file, so no name is looked up on the mount either.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    result = _Statx()
    if libc.statx(_AT_FDCWD, path, _AT_STATX_DONT_SYNC, 0, ctypes.byref(result)) != 0:
        return None
    return os.makedev(result.dev_major, result.dev_minor)
