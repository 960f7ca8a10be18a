"""pyfuse3's requests that work on open files and directories, and those that are left.

Threading rule: that of ``dualfuse.names``, whose handlers these complete.
"""

from __future__ import annotations

import errno
import os
from typing import Any

from dualfuse.attributes import AttributeFiller, nanoseconds, seconds_or_ns
from dualfuse.context import CALLER, Caller
from dualfuse.guard import Guard
from dualfuse.inodes import Node
from dualfuse.listing import DirectoryHandle, Lister
from dualfuse.names import NameRequests
from dualfuse.operations import DirectHandle

_decode = os.fsdecode
_encode = os.fsencode


class Handle:
    """An open file: its node, the file system's own handle, and who opened it."""

    __slots__ = ("caller", "fh", "node")

    def __init__(self, node: Node, fh: int, caller: Caller) -> None:
        self.node = node
        self.fh = fh
        self.caller = caller


class Requests(NameRequests):
    """One mount's request handlers, as plain functions of pyfuse3's arguments."""

    def __init__(
        self,
        pyfuse3: Any,
        operations: Guard,
        filler: AttributeFiller,
        *,
        negative_timeout: float = 0.0,
        keep_cache: bool = False,
        direct_io: bool = False,
        hard_remove: bool = False,
        readdirplus: str = "auto",
        readdir_ino: bool = False,
    ) -> None:
        super().__init__(pyfuse3, operations, filler, negative_timeout=negative_timeout, hard_remove=hard_remove)
        self._open_flags = {"keep_cache": keep_cache, "direct_io": direct_io}
        self.files: dict[int, Handle] = {}
        self.directories: dict[int, DirectoryHandle] = {}
        self._next_handle = 1
        self._lister = Lister(pyfuse3, self, readdirplus, readdir_ino)

    def _file(self, number: int) -> Handle:
        handle = self.files[number]
        CALLER.set(handle.caller)
        self.locks.enter(handle.node)
        return handle

    # -- attributes, through an open file where there is one

    def setattr(self, inode: int, wanted: Any, fields: Any, number: int | None, caller: Caller) -> Any:
        node = self._node(inode, caller)
        path = self.inodes.path(node)
        handle = self.files.get(number) if number is not None else None
        fh = None if handle is None else handle.fh
        if fields.update_mode:
            self.do.chmod(path, wanted.st_mode)
        if fields.update_uid or fields.update_gid:
            uid = wanted.st_uid if fields.update_uid else -1
            self.do.chown(path, uid, wanted.st_gid if fields.update_gid else -1)
        if fields.update_size:
            self.do.truncate(path, wanted.st_size, *(() if fh is None else (fh,)))
        if fields.update_atime or fields.update_mtime:
            self._set_times(path, wanted, fields)
        return self.fill(self._ops.getattr(path, fh), node)

    def _set_times(self, path: str, wanted: Any, fields: Any) -> None:
        """Set one time or both; libfuse2 would ignore a request for one of them."""
        use_ns = self._operations.use_ns
        atime, mtime = wanted.st_atime_ns, wanted.st_mtime_ns
        if not (fields.update_atime and fields.update_mtime):
            now = self._ops.getattr(path, None)
            if not fields.update_atime:
                atime = nanoseconds(now.get("st_atime", 0), use_ns)
            if not fields.update_mtime:
                mtime = nanoseconds(now.get("st_mtime", 0), use_ns)
        self.do.utimens(path, (seconds_or_ns(atime, use_ns), seconds_or_ns(mtime, use_ns)))

    # -- open files

    def open(self, inode: int, flags: int, caller: Caller) -> Any:
        node = self._node(inode, caller)
        path = self.inodes.path(node)
        fh = 0 if self._ops.open is None else self._ops.open(path, flags & ~os.O_TRUNC)
        if flags & os.O_TRUNC:  # libfuse2 opens and then truncates by path
            try:
                self.do.truncate(path, 0)
            except OSError:
                self._release(path, fh)
                raise
        return self._opened(node, fh, caller)

    def create(self, inode: int, name: bytes, mode: int, _flags: int, caller: Caller) -> tuple[Any, Any]:
        parent = self._node(inode, caller)
        text = _decode(name)
        path = self.inodes.path_in(parent, text)
        fh = self.do.create(path, mode)
        try:
            entry = self._learn(parent, text, path, fh)
        except BaseException:
            self._release(path, fh)
            raise
        return self._opened(self.inodes[entry.st_ino], fh, caller), entry

    def _opened(self, node: Node, fh: int, caller: Caller) -> Any:
        number = self._next_handle
        self._next_handle = number + 1
        self.files[number] = Handle(node, fh, caller)
        self.inodes.opened(node)
        direct = {"direct_io": True} if isinstance(fh, DirectHandle) else {}
        return self._pyfuse3.FileInfo(fh=number, **{**self._open_flags, **direct})

    def read(self, number: int, offset: int, size: int) -> bytes:
        handle = self._file(number)
        result: bytes = self.do.read(self._handle_path(handle.node), size, offset, handle.fh)
        return result

    def write(self, number: int, offset: int, data: bytes) -> int:
        handle = self._file(number)
        result: int = self.do.write(self._handle_path(handle.node), data, offset, handle.fh)
        return result

    def flush(self, number: int) -> None:
        if "flush" in self._skips:
            raise OSError(errno.ENOSYS, "flush")
        handle = self._file(number)
        self.do.flush(self._handle_path(handle.node), handle.fh)

    def fsync(self, number: int, datasync: bool) -> None:
        handle = self._file(number)
        self.do.fsync(self._handle_path(handle.node), int(datasync), handle.fh)

    def release(self, number: int) -> None:
        handle = self._file(number)
        del self.files[number]
        node = handle.node
        try:
            self._release(self._handle_path(node), handle.fh)
            if node.hidden and node.opens == 1 and node.parent is not None:
                node.hidden = False
                self.do.unlink(self.inodes.path(node))
                self.inodes.remove(node.parent, node.name)
        finally:
            self.inodes.closed(node)

    # -- directories, and the rest

    def opendir(self, inode: int, caller: Caller) -> int:
        node = self._node(inode, caller)
        fh = 0 if self._ops.opendir is None else self._ops.opendir(self.inodes.path(node))
        number = self._next_handle
        self._next_handle = number + 1
        self.directories[number] = DirectoryHandle(node, fh, caller)
        self.inodes.opened(node)
        return number

    def _directory(self, number: int) -> DirectoryHandle:
        handle = self.directories[number]
        CALLER.set(handle.caller)
        self.locks.enter(handle.node)
        return handle

    def readdir(self, number: int, offset: int, token: Any) -> None:
        self._lister.reply(self._directory(number), offset, token)

    def releasedir(self, number: int) -> None:
        handle = self._directory(number)
        del self.directories[number]
        try:
            if self._ops.releasedir is not None:
                self._ops.releasedir(self._handle_path(handle.node), handle.fh)
        finally:
            self.inodes.closed(handle.node)

    def fsyncdir(self, number: int, datasync: bool) -> None:
        handle = self._directory(number)
        self.do.fsyncdir(self._handle_path(handle.node), int(datasync), handle.fh)

    def statfs(self, caller: Caller) -> Any:
        CALLER.set(caller)
        result = self._pyfuse3.StatvfsData()
        statfs = self._ops.statfs
        values = {"f_namemax": 255, "f_bsize": 512} if statfs is None else statfs("/")
        for name, value in values.items():
            if name.startswith("f_") and hasattr(result, name):
                setattr(result, name, value)
        return result

    # -- extended attributes

    def getxattr(self, inode: int, name: bytes, caller: Caller) -> bytes:
        if "getxattr" in self._skips:
            raise OSError(errno.ENOSYS, "getxattr")
        value: bytes = self.do.getxattr(self.inodes.path(self._node(inode, caller)), _decode(name))
        return value

    def listxattr(self, inode: int, caller: Caller) -> list[bytes]:
        return [_encode(name) for name in self.do.listxattr(self.inodes.path(self._node(inode, caller)))]

    def setxattr(self, inode: int, name: bytes, value: bytes, caller: Caller) -> None:
        # pyfuse3 has already asked getxattr on behalf of XATTR_CREATE and XATTR_REPLACE
        self.do.setxattr(self.inodes.path(self._node(inode, caller)), _decode(name), value, 0)

    def removexattr(self, inode: int, name: bytes, caller: Caller) -> None:
        self.do.removexattr(self.inodes.path(self._node(inode, caller)), _decode(name))

    def poll(self, *_: Any) -> int:
        raise OSError(errno.ENOSYS, "poll")
