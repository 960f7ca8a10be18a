"""The changes of the tree: each does what the system call of its name does, and is one event."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import time
from collections.abc import Iterable, Mapping
from hashlib import blake2b

from bridge.store.apply import Detail, Event
from bridge.store.feed import record, tail
from bridge.store.schema import CHUNK, ROOTS
from bridge.store.tree import Node, Tree, etag, failure

LARGEST = 1 << 52  # bytes in a file: far beyond any disk, and chunk positions stay small integers
# An extended attribute of a file that is about to take a name: the etags, separated by commas, of which what has the
# name now must have one; "*" is any, and nothing that there is none. So nobody overwrites a change that they never saw.
REPLACES = b"user.lighthouse.replaces"
XATTR_CREATE, XATTR_REPLACE = 1, 2  # flags of setxattr(2)
KIND_OF = {stat.S_IFDIR: "mkdir", stat.S_IFLNK: "symlink", stat.S_IFREG: "create"}

Bytes = bytes | bytearray | memoryview


class Change(Tree):
    """One transaction on a tree; paths are bytes below its root, without a leading slash.

    Every method raises OSError with the errno its system call has. The caller owns BEGIN and COMMIT.
    """

    def __init__(self, connection: sqlite3.Connection, agent: str, section: str = "current") -> None:
        super().__init__(connection, ROOTS[section])
        self.agent = agent
        self.section = section
        self._sequence, before, self._tail = tail(connection)
        self.now = max(time.time_ns(), before)  # a clock that was set back must not put this before what is known

    def make(
        self, path: bytes, mode: int, uid: int, gid: int, target: bytes | None = None, exclusive: bool = True
    ) -> Node:
        """Make a file, directory or symbolic link; without `exclusive` an existing file is returned instead."""
        parent, name = self.parent_of(path)
        existing = self.child(parent.id, name)
        if existing is not None:
            found = self.node(existing)
            if exclusive or found.is_directory:
                raise failure(errno.EEXIST)
            return found
        if parent.mode & stat.S_ISGID:  # the group is inherited, and by directories the bit as well
            gid = parent.gid
            mode |= stat.S_ISGID if stat.S_ISDIR(mode) else 0
        detail: Detail = {"mode": mode, "uid": uid, "gid": gid, "parent": parent.id}
        if target is not None:
            detail["target"] = os.fsdecode(target)
        return self.node(self.record(KIND_OF[stat.S_IFMT(mode)], None, path, detail))

    def link(self, source: bytes, path: bytes) -> None:
        """Give a file a second name."""
        node = self.at(source)
        if node.is_directory:
            raise failure(errno.EPERM)
        parent, name = self.parent_of(path)
        if self.child(parent.id, name) is not None:
            raise failure(errno.EEXIST)
        self.record("link", node.id, path, {"parent": parent.id})

    def unlink(self, path: bytes) -> None:
        """Remove a name that is not a directory's."""
        node = self.at(path)
        if node.is_directory:
            raise failure(errno.EISDIR)
        self.record("unlink", node.id, path, {"parent": self.parent_of(path)[0].id})

    def rmdir(self, path: bytes) -> None:
        """Remove an empty directory."""
        node = self.at(path)
        self._must_be_empty(node)
        self.record("rmdir", node.id, path, {"parent": self.parent_of(path)[0].id})

    def rename(self, old: bytes, new: bytes) -> None:
        """Move a name, over what has the new name already."""
        node = self.at(old)
        parent, _ = self.parent_of(old)
        to_parent, new_name = self.parent_of(new)
        if node.is_directory and new.startswith(old + b"/"):
            raise failure(errno.EINVAL)
        replaced = self.child(to_parent.id, new_name)
        if replaced == node.id:
            return  # two names of one file, or the very same name: POSIX leaves both
        self._must_be_meant(node.id, old, replaced)
        if replaced is not None:
            over = self.node(replaced)
            if node.is_directory:
                self._must_be_empty(over)
            elif over.is_directory:
                raise failure(errno.EISDIR)
        detail: Detail = {"to": os.fsdecode(new), "parent": parent.id, "to_parent": to_parent.id}
        self.record("rename", node.id, old, {**detail, "replaced": replaced, "directory": node.is_directory})

    def write(self, number: int, path: bytes, extents: Iterable[tuple[int, Bytes]], mtime: int) -> int:
        """Merge byte ranges (offset, bytes) into a file as it is stored now, and return its size.

        Only these ranges are written: what another writer stored beside them in the meantime stays.
        """
        size = self.node(number).size
        pieces: dict[int, list[tuple[int, Bytes]]] = {}
        for offset, data in extents:
            end = offset + len(data)
            if end > LARGEST:
                raise failure(errno.EFBIG)
            size = max(size, end)
            for position in range(offset // CHUNK, -(-end // CHUNK)):
                start = position * CHUNK
                piece = memoryview(data)[max(offset, start) - offset : min(end, start + CHUNK) - offset]
                pieces.setdefault(position, []).append((max(offset, start) - start, piece))
        chunks = {position: self._merged(number, position, of_chunk) for position, of_chunk in pieces.items()}
        self.record("write", number, path, {"size": size, "mtime": mtime, "chunks": self._store(chunks)})
        return size

    def append(self, number: int, path: bytes, data: bytes) -> int:
        """Add bytes at the end of a file, wherever that is by now, and return its size."""
        return self.write(number, path, [(self.node(number).size, data)], self.now)

    def append_record(self, number: int, path: bytes, data: bytes) -> int:
        """Add a record at the end of a stream, and return the stream's size."""
        start = self.node(number).size
        digest = self.keep(data)
        size = start + len(data)
        self.record("append", number, path, {"start": start, "size": size, "hash": digest})
        return size

    def truncate(self, number: int, path: bytes, size: int) -> None:
        """Set a file's size; what is added reads as zeros."""
        node = self.node(number)
        if node.is_directory:
            raise failure(errno.EISDIR)
        if not 0 <= size <= LARGEST:
            raise failure(errno.EFBIG if size > 0 else errno.EINVAL)
        chunks: dict[int, bytes] = {}
        last, rest = divmod(size, CHUNK)
        if size < node.size and rest:
            kept = self._chunk(number, last)
            if len(kept) > rest:  # bytes beyond the end must be zeros if the file grows again
                chunks[last] = kept[:rest]
        self.record("truncate", number, path, {"size": size, "chunks": self._store(chunks)})

    def chmod(self, path: bytes, mode: int) -> None:
        """Set the permission bits."""
        self.record("chmod", self.number(path), path, {"mode": stat.S_IMODE(mode)})

    def chown(self, path: bytes, uid: int, gid: int) -> None:
        """Set owner and group; -1 leaves one as it is."""
        node = self.at(path)
        uid, gid = node.uid if uid == -1 else uid, node.gid if gid == -1 else gid
        self.record("chown", node.id, path, {"uid": uid, "gid": gid})

    def utimens(self, path: bytes, atime: int, mtime: int) -> None:
        """Set the times, in nanoseconds."""
        self.record("utimens", self.number(path), path, {"atime": atime, "mtime": mtime})

    def setxattr(self, path: bytes, name: bytes, value: bytes, flags: int) -> None:
        """Set an extended attribute; the flags are XATTR_CREATE or XATTR_REPLACE."""
        number = self.number(path)
        exists = self.xattr(number, name) is not None
        if exists and flags & XATTR_CREATE:
            raise failure(errno.EEXIST)
        if not exists and flags & XATTR_REPLACE:
            raise failure(errno.ENODATA)
        self.record("setxattr", number, path, {"name": os.fsdecode(name), "value": value.hex()})

    def removexattr(self, path: bytes, name: bytes) -> None:
        """Remove an extended attribute."""
        number = self.number(path)
        if self.xattr(number, name) is None:
            raise failure(errno.ENODATA)
        self.record("removexattr", number, path, {"name": os.fsdecode(name)})

    def touch_synced(self) -> None:
        """Write one row that is no event, so that a commit has something to carry to the disk."""
        self.connection.execute("UPDATE synced SET count = count + 1")

    def record(self, kind: str, number: int | None, path: bytes, detail: Detail) -> int:
        """Write an event down and apply it; return its node, which is a new one if no number is given."""
        self._sequence += 1
        node = number or self._sequence
        event = Event(self._sequence, self.now, self.agent, kind, self.section, node, path, detail)
        self._tail = record(self.connection, event, self._tail)
        return node

    def _must_be_meant(self, number: int, path: bytes, replaced: int | None) -> None:
        """Fail with EAGAIN where a file says what it replaces and that is not what is there."""
        meant = self.xattr(number, REPLACES)
        if meant is None:
            return
        there = "" if replaced is None else etag(self.node(replaced).ctime, self.node(replaced).size)
        if there not in meant.decode().split(",") and (meant != b"*" or replaced is None):
            raise failure(errno.EAGAIN)
        self.record("removexattr", number, path, {"name": os.fsdecode(REPLACES)})

    def _must_be_empty(self, node: Node) -> None:
        if not node.is_directory:
            raise failure(errno.ENOTDIR)
        if self.connection.execute("SELECT 1 FROM entries WHERE parent=? LIMIT 1", (node.id,)).fetchone():
            raise failure(errno.ENOTEMPTY)

    def _chunk(self, number: int, position: int) -> bytes:
        row = self.connection.execute(
            "SELECT c.data FROM blocks b JOIN chunks c ON c.hash = b.hash WHERE b.node=? AND b.position=?",
            (number, position),
        ).fetchone()
        return b"" if row is None else bytes(row[0])

    def _merged(self, number: int, position: int, pieces: list[tuple[int, Bytes]]) -> Bytes:
        if len(pieces) == 1 and pieces[0][0] == 0 and len(pieces[0][1]) == CHUNK:
            return pieces[0][1]  # all of it is new: nothing to read
        stored = self._chunk(number, position)
        merged = bytearray(max(len(stored), *(start + len(piece) for start, piece in pieces)))
        merged[: len(stored)] = stored
        for start, piece in pieces:
            merged[start : start + len(piece)] = piece
        return merged

    def _store(self, chunks: Mapping[int, Bytes]) -> dict[int, str]:
        return {position: self.keep(data) for position, data in chunks.items()}

    def keep(self, data: Bytes) -> str:
        """Store bytes under their hash, once, and return it in hexadecimal."""
        digest = blake2b(data, digest_size=32)
        self.connection.execute("INSERT OR IGNORE INTO chunks VALUES (?,?)", (digest.digest(), data))
        return digest.hexdigest()
