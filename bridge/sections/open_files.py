"""Files that are open: what their handles wrote is buffered here and merged into the store when it must be.

All handles of a file in this process share one buffer, so each sees what the others wrote. The store sees it at flush,
fsync and release, and before anybody else opens the file. Only written ranges are merged: two writers of different
parts of a file, through two mounts, keep each other's bytes.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from bridge.sections.dirty import DirtyRanges
from bridge.store.event_store import EventStore
from bridge.store.tree import Node, Tree, failure

BUFFER_LIMIT = 4 * 1024 * 1024  # bytes buffered for one file before they are stored without being asked


@dataclass
class OpenFile:
    """A file that at least one handle is open on; its lock guards the buffer and is taken before the store's."""

    node: int
    path: bytes  # as it was called last
    agent: str  # who opened it first or wrote to it last
    lock: threading.RLock = field(default_factory=threading.RLock)
    handles: int = 0
    dirty: DirtyRanges = field(default_factory=DirtyRanges)
    written: int = 0  # when the buffer was last written to, ns since the epoch


@dataclass(frozen=True)
class Handle:
    """What an open file descriptor stands for here."""

    file: OpenFile
    flags: int
    agent: str


class OpenFiles:
    """All files of a section that are open through one mount."""

    def __init__(self, store: EventStore, section: str) -> None:
        self._store = store
        self._section = section
        self._lock = threading.Lock()
        self._files: dict[int, OpenFile] = {}
        self._handles: dict[int, Handle] = {}
        self._numbers = count(1)
        self._storings = count(1)
        self._stored = 0  # which storing was the last to be finished: never the same number twice

    def open(self, node: int, path: bytes, flags: int, agent: str) -> int:
        """Return a new handle's number; what other handles buffered is stored first, so that everybody can see it."""
        with self._lock:
            file = self._files.setdefault(node, OpenFile(node, path, agent))
            file.handles += 1
            number = next(self._numbers)
            self._handles[number] = Handle(file, flags, agent)
        try:
            self.merge(file)
        except OSError:
            self._close(number)
            raise
        return number

    def handle(self, number: int) -> Handle:
        """Return a handle by number.

        Raises:
            OSError: EBADF.
        """
        try:
            return self._handles[number]
        except KeyError:
            raise failure(errno.EBADF) from None

    def read(self, number: int, size: int, offset: int) -> bytes:
        """Return the bytes as the handles of this process see them."""
        file = self.handle(number).file
        if not file.dirty:  # a write at this very moment counts as later
            with self._store.read(self._section) as tree:
                return bytes(tree.read(file.node, offset, size)[1])
        with file.lock:
            with self._store.read(self._section) as tree:
                stored, content = tree.read(file.node, offset, size)
            end = min(offset + size, max(stored, file.dirty.end))
            content.extend(bytes(max(0, end - offset - len(content))))
            file.dirty.overlay(offset, content)
            return bytes(content)

    def write(self, number: int, path: bytes, data: bytes, offset: int) -> int:
        """Buffer bytes, or append them at once where the handle is open for appending."""
        handle = self.handle(number)
        file = handle.file
        with file.lock:
            if handle.flags & os.O_APPEND:
                # The kernel's idea of the end may be older than an append through the other mount.
                self.merge(file)
                with self._store.change(handle.agent, section=self._section) as change:
                    change.append(file.node, path, data)
                return len(data)
            file.path, file.agent = path, handle.agent
            file.dirty.write(offset, data)
            file.written = time.time_ns()
            if file.dirty.size >= BUFFER_LIMIT:
                self.merge(file)
        return len(data)

    def flush(self, number: int, durable: bool = False) -> None:
        """Store what is buffered; with `durable`, wait until it is on the disk."""
        file = self.handle(number).file
        if not self.merge(file, durable) and durable:
            self._store.sync()

    def release(self, number: int) -> None:
        """Close a handle and store what is still buffered."""
        file = self.handle(number).file
        try:
            self.merge(file)
        finally:
            self._close(number)

    def merge_node(self, node: int) -> None:
        """Store what is buffered for a node, if it is open at all."""
        file = self._files.get(node)
        if file is not None:
            self.merge(file)

    def merge_all(self) -> None:
        """Store whatever is buffered: the mount goes, perhaps with files open."""
        for file in list(self._files.values()):
            self.merge(file)

    def merge(self, file: OpenFile, durable: bool = False) -> bool:
        """Store what is buffered for a file; return whether there was anything."""
        if not file.dirty:
            return False
        with file.lock:
            if not file.dirty:
                return False
            with self._store.change(file.agent, durable, self._section) as change:
                change.write(file.node, file.path, file.dirty.extents(), file.written)
            self._stored = next(self._storings)
            file.dirty.clear()
        return True

    def node(self, ask: Callable[[Tree], Node]) -> Node:
        """Return a node of the tree as this process sees it: with the size and times of what is buffered.

        What is stored between the look at the store and the look at the buffer would be seen by neither, and the kernel
        would believe the answer. So a look during which anything was stored is repeated.
        """
        while True:
            stored = self._stored
            with self._store.read(self._section) as tree:
                node = ask(tree)
            file = self._files.get(node.id)
            if file is not None and file.dirty:
                return self._with_buffered(file, node.id)
            if stored == self._stored:
                return node

    def _with_buffered(self, file: OpenFile, number: int) -> Node:
        with file.lock:
            with self._store.read(self._section) as tree:
                node = tree.node(number)
            if not file.dirty:
                return node
            return node._replace(size=max(node.size, file.dirty.end), mtime=file.written, ctime=file.written)

    def _close(self, number: int) -> None:
        with self._lock:
            file = self._handles.pop(number).file
            file.handles -= 1
            if not file.handles:
                del self._files[file.node]
