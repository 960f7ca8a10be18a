"""A file system in memory: ``python -m dualfuse mount dualfuse.samples.memory:Memory MOUNTPOINT``."""

# ruff: noqa: ARG002 - the arguments are FUSE's, the paths are strings

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from typing import Any

from dualfuse.operations import FuseOSError, Operations


class _File:
    def __init__(self, mode: int) -> None:
        now = time.time_ns()
        self.mode = mode
        self.uid = os.getuid()
        self.gid = os.getgid()
        self.rdev = 0
        self.links = 2 if stat.S_ISDIR(mode) else 1
        self.atime = self.mtime = self.ctime = now
        self.data = bytearray()
        self.target = ""
        self.children: dict[str, _File] = {}
        self.attributes: dict[str, bytes] = {}


class Memory(Operations):
    """Files, directories, links and extended attributes, all gone at the unmount."""

    use_ns = True

    def __init__(self) -> None:
        self._root = _File(stat.S_IFDIR | 0o755)
        self._open: dict[int, _File] = {}
        self._next = 1
        self._lock = threading.RLock()

    # -- names

    def _find(self, path: str) -> _File:
        file = self._root
        for name in path.split("/"):
            if not name:
                continue
            if not stat.S_ISDIR(file.mode):
                raise FuseOSError(errno.ENOTDIR)
            try:
                file = file.children[name]
            except KeyError:
                raise FuseOSError(errno.ENOENT) from None
        return file

    def _parent(self, path: str) -> tuple[_File, str]:
        head, _, name = path.rpartition("/")
        if len(os.fsencode(name)) > 255:
            raise FuseOSError(errno.ENAMETOOLONG)
        return self._find(head), name

    def _add(self, path: str, file: _File) -> None:
        with self._lock:
            parent, name = self._parent(path)
            if name in parent.children:
                raise FuseOSError(errno.EEXIST)
            parent.children[name] = file
            parent.mtime = parent.ctime = time.time_ns()
            if stat.S_ISDIR(file.mode):
                parent.links += 1

    def _remove(self, path: str) -> None:
        with self._lock:
            parent, name = self._parent(path)
            file = parent.children.pop(name)
            file.links -= 1
            file.ctime = parent.mtime = parent.ctime = time.time_ns()
            if stat.S_ISDIR(file.mode):
                parent.links -= 1

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        file = self._open[fh] if fh in self._open else self._find(path)
        size = len(os.fsencode(file.target)) if stat.S_ISLNK(file.mode) else len(file.data)
        return {
            "st_mode": file.mode,
            "st_nlink": file.links,
            "st_uid": file.uid,
            "st_gid": file.gid,
            "st_rdev": file.rdev,
            "st_size": size,
            "st_blocks": (size + 511) // 512,
            "st_atime": file.atime,
            "st_mtime": file.mtime,
            "st_ctime": file.ctime,
            "st_ino": id(file),
            "st_dev": 0,
        }

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *self._find(path).children]

    def mknod(self, path: str, mode: int, dev: int) -> None:
        file = _File(mode)
        file.rdev = dev
        self._add(path, file)

    def mkdir(self, path: str, mode: int) -> None:
        self._add(path, _File(stat.S_IFDIR | mode))

    def symlink(self, target: str, source: str) -> None:
        file = _File(stat.S_IFLNK | 0o777)
        file.target = source
        self._add(target, file)

    def readlink(self, path: str) -> str:
        return self._find(path).target

    def link(self, target: str, source: str) -> None:
        file = self._find(source)
        self._add(target, file)
        file.links += 1
        file.ctime = time.time_ns()

    def unlink(self, path: str) -> None:
        self._find(path)
        self._remove(path)

    def rmdir(self, path: str) -> None:
        if self._find(path).children:
            raise FuseOSError(errno.ENOTEMPTY)
        self._remove(path)

    def rename(self, old: str, new: str) -> None:
        with self._lock:
            file = self._find(old)
            parent, name = self._parent(new)
            existing = parent.children.get(name)
            if existing is file:
                return
            if existing is not None:
                if stat.S_ISDIR(existing.mode):
                    if not stat.S_ISDIR(file.mode):
                        raise FuseOSError(errno.EISDIR)
                    if existing.children:
                        raise FuseOSError(errno.ENOTEMPTY)
                elif stat.S_ISDIR(file.mode):
                    raise FuseOSError(errno.ENOTDIR)
                self._remove(new)
            self._remove(old)
            file.links += 1
            self._add(new, file)

    # -- attributes

    def chmod(self, path: str, mode: int) -> None:
        file = self._find(path)
        file.mode = stat.S_IFMT(file.mode) | stat.S_IMODE(mode)
        file.ctime = time.time_ns()

    def chown(self, path: str, uid: int, gid: int) -> None:
        file = self._find(path)
        file.uid = file.uid if uid == -1 else uid
        file.gid = file.gid if gid == -1 else gid
        file.ctime = time.time_ns()

    def utimens(self, path: str, times: tuple[float, float] | None = None) -> None:
        file = self._find(path)
        now = time.time_ns()
        file.atime, file.mtime = (int(times[0]), int(times[1])) if times else (now, now)
        file.ctime = now

    def statfs(self, path: str) -> dict[str, int]:
        return {"f_bsize": 4096, "f_frsize": 4096, "f_blocks": 1 << 20, "f_bavail": 1 << 19, "f_bfree": 1 << 19,
                "f_files": 1 << 20, "f_ffree": 1 << 19, "f_namemax": 255}  # fmt: skip

    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        try:
            return self._find(path).attributes[name]
        except KeyError:
            raise FuseOSError(errno.ENODATA) from None

    def setxattr(self, path: str, name: str, value: bytes, options: int, position: int = 0) -> None:
        attributes = self._find(path).attributes
        if options & os.XATTR_CREATE and name in attributes:
            raise FuseOSError(errno.EEXIST)
        if options & os.XATTR_REPLACE and name not in attributes:
            raise FuseOSError(errno.ENODATA)
        attributes[name] = value

    def listxattr(self, path: str) -> list[str]:
        return list(self._find(path).attributes)

    def removexattr(self, path: str, name: str) -> None:
        if self._find(path).attributes.pop(name, None) is None:
            raise FuseOSError(errno.ENODATA)

    # -- contents

    def _opened(self, file: _File) -> int:
        with self._lock:
            handle = self._next
            self._next += 1
            self._open[handle] = file
        return handle

    def open(self, path: str, flags: int) -> int:
        return self._opened(self._find(path))

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        file = _File(stat.S_IFREG | stat.S_IMODE(mode))
        self._add(path, file)
        return self._opened(file)

    def release(self, path: str, fh: int) -> None:
        self._open.pop(fh, None)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return bytes(memoryview(self._open[fh].data)[offset : offset + size])

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        file = self._open[fh]
        with self._lock:
            if offset > len(file.data):
                file.data.extend(bytes(offset - len(file.data)))
            file.data[offset : offset + len(data)] = data
            file.mtime = file.ctime = time.time_ns()
        return len(data)

    def truncate(self, path: str, length: int, fh: int | None = None) -> None:
        file = self._open[fh] if fh in self._open else self._find(path)
        with self._lock:
            if length < len(file.data):
                del file.data[length:]
            else:
                file.data.extend(bytes(length - len(file.data)))
            file.mtime = file.ctime = time.time_ns()
