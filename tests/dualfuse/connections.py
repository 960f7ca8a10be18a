"""FUSE connections as the kernel counts them: is one alive, is something waiting on it."""

import ctypes
import os
from pathlib import Path

from dualfuse.mounts import mounts

CONTROL = Path("/sys/fs/fuse/connections")


def control_available() -> bool:
    """Whether the kernel's control file system is mounted; mounts it where that is allowed."""
    if any(mount.path == str(CONTROL) for mount in mounts()):
        return True
    if not CONTROL.exists():
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    mounted: bool = libc.mount(b"fusectl", os.fsencode(CONTROL), b"fusectl", 0, None) == 0
    return mounted


def connection_alive(minor: int) -> bool | None:
    """Whether the kernel still knows the connection with this minor device number; None if that cannot be told."""
    if not control_available():
        return None
    return (CONTROL / str(minor)).exists()


def waiting(minor: int) -> int | None:
    """How many requests wait for an answer of the daemon; None when the connection is gone or not ours to read."""
    if not control_available():
        return None
    try:
        return int((CONTROL / str(minor) / "waiting").read_text())
    except OSError:
        return None


def abort(minor: int) -> bool:
    """Cut a connection: everything that waits on it gets ECONNABORTED, also what sits in uninterruptible sleep."""
    if not control_available():
        return False
    try:
        (CONTROL / str(minor) / "abort").write_text("1")
    except FileNotFoundError:
        return False
    return True
