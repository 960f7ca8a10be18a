"""Opening paths that must stay below a folder, whatever links and dots they contain: openat2(2), Linux 5.6."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OPENAT2 = 437  # the same number on every architecture
NO_MAGICLINKS, BENEATH = 0x02, 0x08  # RESOLVE_*: no way out through /proc links, none above the folder
# Where a path climbs by ".." while anything at all is renamed or mounted on this machine, the kernel cannot be sure
# that it stays below and says EAGAIN: ask again.
ATTEMPTS = 1000
FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC

_libc = ctypes.CDLL(None, use_errno=True)


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_beneath(folder: int, path: str, flags: int) -> int:
    """Open a path below a folder given by its descriptor; "" is the folder itself.

    Raises:
        OSError: What open(2) says; EXDEV if the path leads out of the folder.
    """
    how = _OpenHow(flags | os.O_CLOEXEC, 0, NO_MAGICLINKS | BENEATH)
    name = os.fsencode(path) or b"."
    for _ in range(ATTEMPTS):
        descriptor: int = _libc.syscall(OPENAT2, folder, name, ctypes.byref(how), ctypes.sizeof(how))
        if descriptor >= 0:
            return descriptor
        if ctypes.get_errno() != errno.EAGAIN:
            break
    code = ctypes.get_errno()
    raise OSError(code, os.strerror(code), path)


@contextmanager
def opened(descriptor: int) -> Iterator[int]:
    """Close a descriptor when the block ends; what close(2) says is raised, for it may be about unwritten data."""
    try:
        yield descriptor
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)


@contextmanager
def folder_at(path: Path) -> Iterator[int]:
    """Open a folder to work below it."""
    with opened(os.open(path, FOLDER)) as descriptor:
        yield descriptor
