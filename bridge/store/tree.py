"""The tree as it is stored: everything that can be asked of it, one short statement each."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from functools import cache
from typing import Any, NamedTuple

from bridge.cache import Cache
from bridge.store.schema import CHUNK, ROOT

NODE = "id, mode, uid, gid, nlink, size, atime, mtime, ctime, target"
DEEPEST = 16  # names looked up in one statement


class Node(NamedTuple):
    """A file, directory or symbolic link; times are nanoseconds since the epoch, sizes bytes."""

    id: int
    mode: int
    uid: int
    gid: int
    nlink: int
    size: int
    atime: int
    mtime: int
    ctime: int
    target: bytes | None

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return stat.S_ISDIR(self.mode)


def etag(ctime: int, size: int) -> str:
    """Return what names one state of a file: it has another one after every change."""
    return f'"{ctime:x}-{size:x}"'


def failure(code: int) -> OSError:
    """Return the error a system call would fail with."""
    return OSError(code, os.strerror(code))


@cache
def _walk(depth: int, columns: str, join: str) -> str:
    """Return the statement that walks so many names down from a node."""
    tables = " ".join(f"JOIN entries e{level} ON e{level}.parent = e{level - 1}.node" for level in range(1, depth))
    names = " ".join(f"AND e{level}.name = ?" for level in range(depth))
    last = depth - 1
    return f"SELECT {columns.format(last)} FROM entries e0 {tables}{join.format(last)} WHERE e0.parent = ? {names}"


class Tree:
    """Questions to one of the stored trees, over one connection.

    Args:
        connection: A connection to the store.
        root: The number of the tree's root.
        cache: Where content that was read lately is found.
    """

    def __init__(self, connection: sqlite3.Connection, root: int = ROOT, cache: Cache | None = None) -> None:
        self.connection = connection
        self.root = root
        self._cache = cache

    def node(self, number: int) -> Node:
        """Return a node by number.

        Raises:
            OSError: ESTALE, there is no such node.
        """
        row = self.connection.execute(f"SELECT {NODE} FROM nodes WHERE id=?", (number,)).fetchone()
        if row is None:
            raise failure(errno.ESTALE)
        return Node._make(row)

    def child(self, parent: int, name: bytes) -> int | None:
        """Return the number of the node of that name in a directory, or None."""
        row = self.connection.execute("SELECT node FROM entries WHERE parent=? AND name=?", (parent, name)).fetchone()
        return None if row is None else int(row[0])

    def number(self, path: bytes) -> int:
        """Return the number of the node at a path below the root ("" or "/" is the root itself).

        Raises:
            OSError: ENOENT, ENAMETOOLONG.
        """
        names = [name for name in path.split(b"/") if name]
        return int(self._find(names, "e{}.node", "")[0]) if names else self.root

    def at(self, path: bytes) -> Node:
        """Return the node at a path.

        Raises:
            OSError: ENOENT, ENAMETOOLONG.
        """
        names = [name for name in path.split(b"/") if name]
        if not names:
            return self.node(self.root)
        return Node._make(self._find(names, NODE, " JOIN nodes n ON n.id = e{}.node"))

    def target(self, path: bytes) -> bytes:
        """Return where the symbolic link at a path points.

        Raises:
            OSError: EINVAL, it is none; ENOENT, ENAMETOOLONG.
        """
        target = self.at(path).target
        if target is None:
            raise failure(errno.EINVAL)
        return target

    def _find(self, names: list[bytes], columns: str, join: str) -> tuple[Any, ...]:
        """Walk a path in one statement: each further one would hand Python's lock to another thread and wait for it."""
        parent = self.root
        while len(names) > DEEPEST:
            parent, names = self._find_below(parent, names[:DEEPEST], "e{}.node", "")[0], names[DEEPEST:]
        return self._find_below(parent, names, columns, join)

    def _find_below(self, parent: int, names: list[bytes], columns: str, join: str) -> tuple[Any, ...]:
        row = self.connection.execute(_walk(len(names), columns, join), (parent, *names)).fetchone()
        if row is None:
            raise failure(errno.ENAMETOOLONG if any(len(name) > 255 for name in names) else errno.ENOENT)
        return tuple(row)

    def parent_of(self, path: bytes) -> tuple[Node, bytes]:
        """Return the directory that holds the last name of a path, and that name.

        Raises:
            OSError: ENOENT, ENOTDIR, ENAMETOOLONG.
        """
        folder, _, name = path.rpartition(b"/")
        if len(name) > 255:
            raise failure(errno.ENAMETOOLONG)
        parent = self.at(folder)
        if not parent.is_directory:
            raise failure(errno.ENOTDIR)
        return parent, name

    def names(self, number: int) -> list[bytes]:
        """Return the names in a directory, in byte order."""
        return [row[0] for row in self.connection.execute("SELECT name FROM entries WHERE parent=?", (number,))]

    def blocks(self, number: int, first: int, last: int) -> tuple[int, list[tuple[int, bytes]]]:
        """Return a file's size, and position and hash of its chunks from one position to another, of one instant."""
        rows = self.connection.execute(
            "SELECT n.size, b.position, b.hash FROM nodes n"
            " LEFT JOIN blocks b ON b.node = n.id AND b.position BETWEEN ? AND ? WHERE n.id = ?",
            (first, last, number),
        ).fetchall()
        if not rows:
            raise failure(errno.ESTALE)
        return rows[0][0], [(position, digest) for _, position, digest in rows if position is not None]

    def read(self, number: int, offset: int, size: int) -> tuple[int, bytearray]:
        """Return the file's size and up to `size` bytes from `offset`, both of one and the same instant."""
        first, last = offset // CHUNK, max(offset, offset + size - 1) // CHUNK
        length, blocks = self.blocks(number, first, last)
        end = min(offset + size, length)
        if end <= offset:
            return length, bytearray()
        content = bytearray(end - offset)
        for position, digest in blocks:
            place(content, offset, self.chunk(digest), position * CHUNK)
        return length, content

    def chunk(self, digest: bytes) -> bytes:
        """Return the bytes that a hash names."""
        found = self._cache.get(digest) if self._cache is not None else None
        if found is None:
            row = self.connection.execute("SELECT data FROM chunks WHERE hash=?", (digest,)).fetchone()
            if row is None:
                raise failure(errno.EIO)
            found = bytes(row[0])
            if self._cache is not None:
                self._cache.put(digest, found)
        return found

    def xattr(self, number: int, name: bytes) -> bytes | None:
        """Return the value of an extended attribute, or None."""
        row = self.connection.execute("SELECT value FROM xattrs WHERE node=? AND name=?", (number, name)).fetchone()
        return None if row is None else bytes(row[0])

    def xattrs(self, number: int) -> list[bytes]:
        """Return the names of the extended attributes."""
        return [row[0] for row in self.connection.execute("SELECT name FROM xattrs WHERE node=?", (number,))]


def place(content: bytearray, content_start: int, data: bytes | bytearray, data_start: int) -> None:
    """Copy the part of `data` that overlaps `content` into it; both say at which byte of the file they start."""
    begin = max(content_start, data_start)
    end = min(content_start + len(content), data_start + len(data))
    if begin < end:
        source = memoryview(data)[begin - data_start : end - data_start]
        content[begin - content_start : end - content_start] = source
