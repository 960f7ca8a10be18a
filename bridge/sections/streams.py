"""`streams/<name>`: files that only grow, readable while they do; `streams/events` is everything that happens.

What is written is added at the end, wherever that is by now, and is there for every reader before the call returns.
Each write is one record and one event. A stream cannot be shortened, renamed or removed: what was said was said.
"""

# ruff: noqa: ARG002  (the signatures are fusepy's: not every operation needs all that it is told)
from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from typing import NoReturn

from bridge.sections.handles import Handles
from bridge.sections.section import Attributes, Surroundings, attributes
from bridge.sections.tree_section import TreeSection
from bridge.store import feed
from bridge.store.tree import Tree, failure
from dualfuse.operations import DirectHandle

EVENTS = "events"  # the stream that is not written but is the feed of the store
OF_THE_FEED = 0  # instead of the number of a node


class Streams(TreeSection):
    """A flat folder of streams."""

    NAME = "streams"

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._handles: Handles[tuple[int, str]] = Handles()  # node, agent

    def getattr(self, path: str, fh: int | None = None) -> Attributes:
        with self._read() as tree:
            if path != EVENTS:
                return attributes(tree.at(os.fsencode(path)))
            root = tree.node(tree.root)
            _, time, size = feed.tail(tree.connection)
        feed_node = root._replace(
            id=root.id + 1, mode=stat.S_IFREG | 0o444, nlink=1, size=size, atime=time, mtime=time, ctime=time
        )
        return attributes(feed_node)

    def readdir(self, path: str, fh: int) -> Iterable[str]:
        return [EVENTS, *super().readdir(path, fh)]

    def open(self, path: str, flags: int) -> int:
        writes = flags & os.O_ACCMODE != os.O_RDONLY
        if path == EVENTS:
            if writes:
                raise failure(errno.EPERM)
            return self._handle(OF_THE_FEED, "")
        with self._read() as tree:
            node = tree.at(os.fsencode(path))
        if node.is_directory:
            raise failure(errno.EISDIR)
        if flags & os.O_TRUNC or (writes and not flags & os.O_APPEND):
            raise failure(errno.EPERM)
        return self._handle(node.id, self._caller().agent)

    def create(self, path: str, mode: int, fi: object = None) -> int:
        if "/" in path or path == EVENTS:
            raise failure(errno.EPERM)
        caller = self._caller()
        with self._change(caller.agent) as change:
            new = stat.S_IFREG | stat.S_IMODE(mode)
            node = change.make(os.fsencode(path), new, caller.uid, caller.gid, exclusive=False)
        return self._handle(node.id, caller.agent)

    def _handle(self, node: int, agent: str) -> int:
        return DirectHandle(self._handles.add((node, agent)))

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        node, _ = self._handles[fh]
        with self._read() as tree:
            if node == OF_THE_FEED:
                return feed.read(tree.connection, offset, size)
            return _records(tree, node, offset, size)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        node, agent = self._handles[fh]
        with self._change(agent) as change:
            change.append_record(node, os.fsencode(path), data)
        return len(data)

    def flush(self, path: str, fh: int) -> int:
        return 0

    def release(self, path: str, fh: int) -> int:
        self._handles.close(fh)
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self._store.sync()
        return 0

    def mknod(self, path: str, mode: int, dev: int) -> int:
        if "/" in path or path == EVENTS:
            raise failure(errno.EPERM)
        return super().mknod(path, mode, dev)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        _only_grows()

    def mkdir(self, path: str, mode: int) -> int:
        _only_grows()

    def symlink(self, target: str, source: str) -> int:
        _only_grows()

    def link(self, target: str, source: str) -> int:
        _only_grows()

    def unlink(self, path: str) -> int:
        _only_grows()

    def rename(self, old: str, new: str) -> int:
        _only_grows()


def _records(tree: Tree, node: int, offset: int, size: int) -> bytes:
    rows = tree.connection.execute(
        "SELECT start, hash FROM records WHERE node=?1 AND start < ?3 AND start >="
        " coalesce((SELECT max(start) FROM records WHERE node=?1 AND start <= ?2), 0) ORDER BY start",
        (node, offset, offset + size),
    ).fetchall()
    if not rows:
        return b""
    content = b"".join(tree.chunk(digest) for _, digest in rows)
    return content[offset - rows[0][0] :][:size]


def _only_grows() -> NoReturn:
    raise failure(errno.EPERM)
