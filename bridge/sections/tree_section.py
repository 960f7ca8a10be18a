"""A section that is one of the store's trees as it is now, read and written; everything done to it is an event."""

# ruff: noqa: ARG002  (the signatures are fusepy's: not every operation needs all that it is told)
from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import ClassVar

from bridge.sections.open_files import OpenFiles
from bridge.sections.section import Attributes, Section, Surroundings, attributes
from bridge.store.changes import Change
from bridge.store.tree import Tree, failure


class TreeSection(Section):
    """A tree of the event store; `NAME` says which one."""

    NAME: ClassVar[str]

    def __init__(self, around: Surroundings) -> None:
        self._store = around.store
        self._caller = around.caller
        self._files = OpenFiles(around.store, self.NAME)

    def _read(self) -> AbstractContextManager[Tree]:
        return self._store.read(self.NAME)

    def _change(self, agent: str | None = None) -> AbstractContextManager[Change]:
        return self._store.change(agent or self._caller().agent, section=self.NAME)

    def getattr(self, path: str, fh: int | None = None) -> Attributes:
        if fh:  # a handle knows its node, also when the last name of it is gone
            number = self._files.handle(fh).file.node
            node = self._files.node(lambda tree: tree.node(number))
        else:
            name = os.fsencode(path)
            node = self._files.node(lambda tree: tree.at(name))
        return attributes(node)

    def readdir(self, path: str, fh: int) -> Iterable[str]:
        with self._read() as tree:
            return [os.fsdecode(name) for name in tree.names(tree.number(os.fsencode(path)))]

    def readlink(self, path: str) -> str:
        with self._read() as tree:
            return os.fsdecode(tree.target(os.fsencode(path)))

    def open(self, path: str, flags: int) -> int:
        name = os.fsencode(path)
        with self._read() as tree:
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
        with self._change(caller.agent) as change:
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
            with self._read() as tree:
                number = tree.number(name)
            self._truncate(number, name, length, self._caller().agent)
        return 0

    def _truncate(self, number: int, name: bytes, length: int, agent: str) -> None:
        self._files.merge_node(number)  # what was written before must not come back after it
        with self._change(agent) as change:
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
        with self._change(caller.agent) as change:
            change.make(os.fsencode(path), mode, caller.uid, caller.gid, target)

    def link(self, target: str, source: str) -> int:
        with self._change() as change:
            change.link(os.fsencode(source), os.fsencode(target))
        return 0

    def unlink(self, path: str) -> int:
        with self._change() as change:
            change.unlink(os.fsencode(path))
        return 0

    def rmdir(self, path: str) -> int:
        with self._change() as change:
            change.rmdir(os.fsencode(path))
        return 0

    def rename(self, old: str, new: str) -> int:
        with self._change() as change:
            change.rename(os.fsencode(old), os.fsencode(new))
        return 0

    def chmod(self, path: str, mode: int) -> int:
        with self._change() as change:
            change.chmod(os.fsencode(path), mode)
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        with self._change() as change:
            change.chown(os.fsencode(path), uid, gid)
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        now = time.time_ns()
        atime, mtime = times or (now, now)
        name, agent = os.fsencode(path), self._caller().agent
        with self._read() as tree:
            number = tree.number(name)
        self._files.merge_node(number)  # or a later merge would set the time of the writing again
        with self._change(agent) as change:
            change.utimens(name, atime, mtime)
        return 0

    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        with self._read() as tree:
            value = tree.xattr(tree.number(os.fsencode(path)), os.fsencode(name))
        if value is None:
            raise failure(errno.ENODATA)
        return value

    def listxattr(self, path: str) -> list[str]:
        with self._read() as tree:
            return [os.fsdecode(name) for name in tree.xattrs(tree.number(os.fsencode(path)))]

    def setxattr(self, path: str, name: str, value: bytes, options: int, position: int = 0) -> int:
        with self._change() as change:
            change.setxattr(os.fsencode(path), os.fsencode(name), value, options)
        return 0

    def removexattr(self, path: str, name: str) -> int:
        with self._change() as change:
            change.removexattr(os.fsencode(path), os.fsencode(name))
        return 0

    def close(self) -> None:
        """Store what is buffered for files that are still open."""
        self._files.merge_all()
