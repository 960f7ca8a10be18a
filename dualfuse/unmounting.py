"""Take a mount off its path without ever touching it, so that a dead or hung one goes too."""

from __future__ import annotations

import ctypes
import errno
import os

from dualfuse.errors import MountError

MNT_DETACH = 2
UMOUNT_NOFOLLOW = 8


def umount2(path: str, flags: int = MNT_DETACH | UMOUNT_NOFOLLOW) -> None:
    """Call umount2(2). Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.umount2(os.fsencode(path), flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)


def detach(path: str, helper: str = "fusermount3") -> None:
    """Unmount lazily: new lookups no longer see the mount, open files are served until they are closed.

    An ordinary user goes through the setuid helper (fusermount or fusermount3). Raises MountError.
    """
    try:
        umount2(path)
    except OSError as error:
        if error.errno != errno.EPERM:
            raise MountError(f"cannot unmount {path}: {error.strerror}") from error
        _ask_helper(path, helper)


def _ask_helper(path: str, helper: str) -> None:
    read, write = os.pipe2(os.O_CLOEXEC)
    try:
        pid = os.posix_spawnp(
            helper,
            [helper, "-u", "-z", "--", path],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, write, 2)],
        )
    except OSError as error:
        os.close(read)
        os.close(write)
        raise MountError(f"cannot run {helper}: {error.strerror}", remedy="install fuse3 (or fuse)") from error
    os.close(write)
    with os.fdopen(read, errors="replace") as words:
        text = words.read()
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise MountError(f"{helper} could not unmount {path}", stderr=text)
