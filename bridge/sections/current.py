"""`current/`: the tree as it is now; everything done to it is an event."""

# ruff: noqa: ARG002  (the signatures are fusepy's: not every operation needs all that it is told)
from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterable

from bridge.sections.open_files import OpenFiles
from bridge.sections.section import Attributes, CallerSource, Section
from bridge.store.event_store import EventStore
from bridge.store.tree import failure

BLOCK = 128 * 1024  # bytes: the size programs are told to read and write in, the largest request the kernel sends


class Current(Section):
    """The read-write section, over an event store.

    Args:
        store: The event store; other processes may have it open as well.
        caller: Tells who makes the call at hand.
    """

    def __init__(self, store: EventStore, caller: CallerSource) -> None:
        self._store = store
        self._caller = caller
        self._files = OpenFiles(store)

    def getattr(self, path: str, fh: int | None = None) -> Attributes:
        if fh:  # a handle knows its node, also when the last name of it is gone
            number = self._files.handle(fh).file.node
            node = self._files.node(lambda tree: tree.node(number))
        else:
            name = os.fsencode(path)
            node = self._files.node(lambda tree: tree.at(name))
        return {
            "st_ino": node.id,
            "st_mode": node.mode,
            "st_nlink": node.nlink,
            "st_uid": node.uid,
            "st_gid": node.gid,
            "st_size": node.size,
            "st_blocks": -(-node.size // 512),
            "st_blksize": BLOCK,
            "st_atime": node.atime,
            "st_mtime": node.mtime,
            "st_ctime": node.ctime,
        }

    def readdir(self, path: str, fh: int) -> Iterable[str]:
        with self._store.read() as tree:
            return [os.fsdecode(name) for name in tree.names(tree.number(os.fsencode(path)))]

    def readlink(self, path: str) -> str:
        with self._store.read() as tree:
            target = tree.at(os.fsencode(path)).target
        if target is None:
            raise failure(errno.EINVAL)
        return os.fsdecode(target)

    def open(self, path: str, flags: int) -> int:
        name = os.fsencode(path)
        with self._store.read() as tree:
            node = tree.at(name)
        if node.is_directory:
            raise failure(errno.EISDIR)
        agent = self._caller().agent
        handle = self._files.open(node.id, name, flags, agent)
        if flags & os.O_TRUNC and node.size:
            self._truncate(node.id, name, 0, agent)
        return handle

    def create(self, path: str, mode: int, fi: object = None) -> int:
        caller, name = self._caller(), os.fsencode(path)
        with self._store.change(caller.agent) as change:
            node = change.make(name, stat.S_IFREG | stat.S_IMODE(mode), caller.uid, caller.gid, exclusive=False)
        return self._files.open(node.id, name, os.O_RDWR, caller.agent)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return self._files.read(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        return self._files.write(fh, os.fsencode(path), data, offset)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        name = os.fsencode(path)
        if fh:
            handle = self._files.handle(fh)
            self._truncate(handle.file.node, name, length, handle.agent)
        else:
            with self._store.read() as tree:
                number = tree.number(name)
            self._truncate(number, name, length, self._caller().agent)
        return 0

    def _truncate(self, number: int, name: bytes, length: int, agent: str) -> None:
        self._files.merge_node(number)  # what was written before must not come back after it
        with self._store.change(agent) as change:
            change.truncate(number, name, length)

    def flush(self, path: str, fh: int) -> int:
        self._files.flush(fh)
        return 0

    def release(self, path: str, fh: int) -> int:
        self._files.release(fh)
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self._files.flush(fh, durable=True)
        return 0

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        self._store.sync()
        return 0

    def mknod(self, path: str, mode: int, dev: int) -> int:
        if not stat.S_ISREG(mode) and stat.S_IFMT(mode):
            raise failure(errno.EPERM)  # devices, pipes and sockets have no place in an event store
        self._make(path, stat.S_IFREG | stat.S_IMODE(mode))
        return 0

    def mkdir(self, path: str, mode: int) -> int:
        self._make(path, stat.S_IFDIR | stat.S_IMODE(mode))
        return 0

    def symlink(self, target: str, source: str) -> int:
        self._make(target, stat.S_IFLNK | 0o777, os.fsencode(source))
        return 0

    def _make(self, path: str, mode: int, target: bytes | None = None) -> None:
        caller = self._caller()
        with self._store.change(caller.agent) as change:
            change.make(os.fsencode(path), mode, caller.uid, caller.gid, target)

    def link(self, target: str, source: str) -> int:
        with self._store.change(self._caller().agent) as change:
            change.link(os.fsencode(source), os.fsencode(target))
        return 0

    def unlink(self, path: str) -> int:
        with self._store.change(self._caller().agent) as change:
            change.unlink(os.fsencode(path))
        return 0

    def rmdir(self, path: str) -> int:
        with self._store.change(self._caller().agent) as change:
            change.rmdir(os.fsencode(path))
        return 0

    def rename(self, old: str, new: str) -> int:
        with self._store.change(self._caller().agent) as change:
            change.rename(os.fsencode(old), os.fsencode(new))
        return 0

    def chmod(self, path: str, mode: int) -> int:
        with self._store.change(self._caller().agent) as change:
            change.chmod(os.fsencode(path), mode)
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        with self._store.change(self._caller().agent) as change:
            change.chown(os.fsencode(path), uid, gid)
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        now = time.time_ns()
        atime, mtime = times or (now, now)
        name, agent = os.fsencode(path), self._caller().agent
        with self._store.read() as tree:
            number = tree.number(name)
        self._files.merge_node(number)  # or a later merge would set the time of the writing again
        with self._store.change(agent) as change:
            change.utimens(name, atime, mtime)
        return 0

    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        with self._store.read() as tree:
            value = tree.xattr(tree.number(os.fsencode(path)), os.fsencode(name))
        if value is None:
            raise failure(errno.ENODATA)
        return value

    def listxattr(self, path: str) -> list[str]:
        with self._store.read() as tree:
            return [os.fsdecode(name) for name in tree.xattrs(tree.number(os.fsencode(path)))]

    def setxattr(self, path: str, name: str, value: bytes, options: int, position: int = 0) -> int:
        with self._store.change(self._caller().agent) as change:
            change.setxattr(os.fsencode(path), os.fsencode(name), value, options)
        return 0

    def removexattr(self, path: str, name: str) -> int:
        with self._store.change(self._caller().agent) as change:
            change.removexattr(os.fsencode(path), os.fsencode(name))
        return 0

    def close(self) -> None:
        """Store what is buffered for files that are still open."""
        self._files.merge_all()
