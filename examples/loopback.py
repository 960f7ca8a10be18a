"""Another directory, seen through FUSE: ``python -m dualfuse mount examples.loopback:Loopback MNT --arg root=DIR``.

A class as fusepy knows them: one method an operation, paths as strings, errors as OSError. It runs unchanged on every
backend. A file's handle here is the descriptor of the file below.
"""

# ruff: noqa: ARG002, PTH101, PTH102, PTH104, PTH106, PTH108, PTH115, PTH208, PTH211 - FUSE's arguments, string paths

import os
from typing import Any

from dualfuse.operations import Operations

STATUS = ("st_mode", "st_ino", "st_dev", "st_nlink", "st_uid", "st_gid", "st_rdev", "st_size", "st_blocks")
SPACE = ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_favail", "f_namemax")


class Loopback(Operations):
    """Passes every operation on to the directory ``root``."""

    use_ns = True  # times are whole nanoseconds, not float seconds

    def __init__(self, root: str = ".") -> None:
        self.root = os.path.realpath(root)

    def below(self, path: str) -> str:
        return self.root + path

    # -- names

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        status = os.lstat(self.below(path)) if fh is None else os.fstat(fh)
        times = {"st_atime": status.st_atime_ns, "st_mtime": status.st_mtime_ns, "st_ctime": status.st_ctime_ns}
        return {name: getattr(status, name) for name in STATUS} | times

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *os.listdir(self.below(path))]

    def readlink(self, path: str) -> str:
        return os.readlink(self.below(path))

    def mkdir(self, path: str, mode: int) -> None:
        os.mkdir(self.below(path), mode)

    def rmdir(self, path: str) -> None:
        os.rmdir(self.below(path))

    def unlink(self, path: str) -> None:
        os.unlink(self.below(path))

    def symlink(self, target: str, source: str) -> None:
        os.symlink(source, self.below(target))

    def link(self, target: str, source: str) -> None:
        os.link(self.below(source), self.below(target), follow_symlinks=False)

    def rename(self, old: str, new: str) -> None:
        os.rename(self.below(old), self.below(new))

    # -- attributes

    def chmod(self, path: str, mode: int) -> None:
        os.chmod(self.below(path), mode)

    def chown(self, path: str, uid: int, gid: int) -> None:
        os.lchown(self.below(path), uid, gid)

    def utimens(self, path: str, times: tuple[float, float] | None = None) -> None:
        if times is None:
            os.utime(self.below(path), follow_symlinks=False)
        else:
            os.utime(self.below(path), ns=(int(times[0]), int(times[1])), follow_symlinks=False)

    def statfs(self, path: str) -> dict[str, int]:
        status = os.statvfs(self.below(path))
        return {name: getattr(status, name) for name in SPACE}

    # -- contents

    def open(self, path: str, flags: int) -> int:
        # the kernel gives every write its offset, so O_APPEND below would put it in the wrong place
        return os.open(self.below(path), flags & ~(os.O_APPEND | os.O_DIRECT))

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        return os.open(self.below(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, mode & 0o7777)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, fh: int | None = None) -> None:
        os.truncate(self.below(path) if fh is None else fh, length)

    def fsync(self, path: str, datasync: int, fh: int) -> None:
        os.fsync(fh)

    def release(self, path: str, fh: int) -> None:
        os.close(fh)
