"""Another directory, seen through FUSE.

``python -m dualfuse mount dualfuse.samples.loopback:Loopback MOUNTPOINT --arg root=/some/directory``
"""

# ruff: noqa: ARG002, PTH101, PTH102, PTH104, PTH106, PTH108, PTH115, PTH208, PTH211 - the arguments are FUSE's, the paths are strings

from __future__ import annotations

import os
from typing import Any

from dualfuse.operations import Operations

_STAT = (
    "st_mode", "st_nlink", "st_uid", "st_gid", "st_rdev", "st_size", "st_blocks", "st_blksize", "st_ino", "st_dev",
)  # fmt: skip
_STATVFS = (
    "f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_favail", "f_namemax",
)  # fmt: skip


class Loopback(Operations):
    """Passes every operation on to a directory."""

    use_ns = True

    def __init__(self, root: str) -> None:
        self._root = os.path.realpath(root)

    def _real(self, path: str) -> str:
        return self._root + path

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        status = os.lstat(self._real(path)) if fh is None else os.fstat(fh)
        result: dict[str, Any] = {name: getattr(status, name) for name in _STAT}
        result["st_atime"] = status.st_atime_ns
        result["st_mtime"] = status.st_mtime_ns
        result["st_ctime"] = status.st_ctime_ns
        return result

    def access(self, path: str, amode: int) -> None:
        if not os.access(self._real(path), amode):
            raise PermissionError(13, "access denied", path)

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *os.listdir(self._real(path))]

    def readlink(self, path: str) -> str:
        return os.readlink(self._real(path))

    def mknod(self, path: str, mode: int, dev: int) -> None:
        os.mknod(self._real(path), mode, dev)

    def mkdir(self, path: str, mode: int) -> None:
        os.mkdir(self._real(path), mode)

    def rmdir(self, path: str) -> None:
        os.rmdir(self._real(path))

    def unlink(self, path: str) -> None:
        os.unlink(self._real(path))

    def symlink(self, target: str, source: str) -> None:
        os.symlink(source, self._real(target))

    def link(self, target: str, source: str) -> None:
        os.link(self._real(source), self._real(target), follow_symlinks=False)

    def rename(self, old: str, new: str) -> None:
        os.rename(self._real(old), self._real(new))

    def chmod(self, path: str, mode: int) -> None:
        os.chmod(self._real(path), mode)

    def chown(self, path: str, uid: int, gid: int) -> None:
        os.lchown(self._real(path), uid, gid)

    def truncate(self, path: str, length: int, fh: int | None = None) -> None:
        if fh is None:
            os.truncate(self._real(path), length)
        else:
            os.ftruncate(fh, length)

    def utimens(self, path: str, times: tuple[float, float] | None = None) -> None:
        ns = None if times is None else (int(times[0]), int(times[1]))
        os.utime(self._real(path), ns=ns or (0, 0), follow_symlinks=False)

    def statfs(self, path: str) -> dict[str, int]:
        status = os.statvfs(self._real(path))
        return {name: getattr(status, name) for name in _STATVFS}

    def open(self, path: str, flags: int) -> int:
        # The kernel has dealt with both already, and offsets and buffers here need not be aligned.
        return os.open(self._real(path), flags & ~(os.O_APPEND | os.O_DIRECT))

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        return os.open(self._real(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, mode & 0o7777)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        return os.pwrite(fh, data, offset)

    def fsync(self, path: str, datasync: int, fh: int) -> None:
        os.fdatasync(fh) if datasync else os.fsync(fh)

    def release(self, path: str, fh: int) -> None:
        os.close(fh)

    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        return os.getxattr(self._real(path), name, follow_symlinks=False)

    def listxattr(self, path: str) -> list[str]:
        return os.listxattr(self._real(path), follow_symlinks=False)

    def setxattr(self, path: str, name: str, value: bytes, options: int, position: int = 0) -> None:
        os.setxattr(self._real(path), name, value, options, follow_symlinks=False)

    def removexattr(self, path: str, name: str) -> None:
        os.removexattr(self._real(path), name, follow_symlinks=False)
