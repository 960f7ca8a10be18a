"""The kernel's mount calls that the C library of Debian 12 does not offer: open_tree and move_mount."""

from __future__ import annotations

import ctypes
import os
from typing import Any

from dualfuse.unmounting import umount2

# The numbers are the same on every architecture since Linux 5.2.
_OPEN_TREE = 428
_MOVE_MOUNT = 429
_AT_FDCWD = -100
_OPEN_TREE_CLONE = 1
_OPEN_TREE_CLOEXEC = os.O_CLOEXEC
_AT_NO_AUTOMOUNT = 0x800
_F_EMPTY_PATH = 0x4
_BENEATH = 0x200  # Linux 6.5


def _syscall(name: str, number: int, *arguments: Any) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result: int = libc.syscall(number, *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def clone_mount(path: str) -> int:
    """Make a detached copy of the mount on a path and give its descriptor. Raises OSError."""
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | _AT_NO_AUTOMOUNT
    return _syscall("open_tree", _OPEN_TREE, _AT_FDCWD, os.fsencode(path), ctypes.c_uint(flags))


def move_mount(mount: int, path: str, *, beneath: bool) -> None:
    """Attach a detached mount to a path, over what is visible there or beneath it. Raises OSError."""
    flags = _F_EMPTY_PATH | (_BENEATH if beneath else 0)
    _syscall("move_mount", _MOVE_MOUNT, mount, b"", _AT_FDCWD, os.fsencode(path), ctypes.c_uint(flags))


def detach_top(path: str) -> None:
    """Take the visible mount off a path lazily. Raises OSError."""
    umount2(path)
