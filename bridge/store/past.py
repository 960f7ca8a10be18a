"""The tree as it was: the same questions as to the tree of now, answered as of an event."""

from __future__ import annotations

import errno
import sqlite3
from typing import Any

from bridge.cache import Cache
from bridge.store.feed import first_beyond, tail
from bridge.store.schema import CHUNK, ROOT
from bridge.store.tree import NODE, Node, Tree, failure


class Past(Tree):
    """Questions to the tree of `current/` as it was right after an event."""

    def __init__(self, connection: sqlite3.Connection, event: int, cache: Cache | None = None) -> None:
        super().__init__(connection, ROOT, cache)
        self._event = event

    def node(self, number: int) -> Node:
        """Return a node as it was."""
        row = self._row("nodes", NODE, "id=?", (number,))
        if row is None:
            raise failure(errno.ESTALE)
        return Node._make(row)

    def child(self, parent: int, name: bytes) -> int | None:
        """Return the number of the node that had a name in a directory, or None."""
        row = self._row("entries", "node", "parent=? AND name=?", (parent, name))
        return None if row is None else int(row[0])

    def number(self, path: bytes) -> int:
        """Return the number of the node that was at a path."""
        number = self.root
        for name in filter(None, path.split(b"/")):
            child = self.child(number, name)
            if child is None:
                raise failure(errno.ENAMETOOLONG if len(name) > 255 else errno.ENOENT)
            number = child
        return number

    def at(self, path: bytes) -> Node:
        """Return the node that was at a path."""
        return self.node(self.number(path))

    def names(self, number: int) -> list[bytes]:
        """Return the names that were in a directory, in byte order."""
        return [row[0] for row in self._rows("entries", "name", "parent=?", number)]

    def xattr(self, number: int, name: bytes) -> bytes | None:
        """Return the value that an extended attribute had, or None."""
        row = self._row("xattrs", "value", "node=? AND name=?", (number, name))
        return None if row is None else bytes(row[0])

    def xattrs(self, number: int) -> list[bytes]:
        """Return the names of the extended attributes that there were."""
        return [row[0] for row in self._rows("xattrs", "name", "node=?", number)]

    def blocks(self, number: int, first: int, last: int) -> tuple[int, list[tuple[int, bytes]]]:
        """Return the size a file had, and position and hash of the chunks from one position to another."""
        size = self.node(number).size
        found = []
        for position in range(first, min(last, size // CHUNK) + 1):
            row = self._row("blocks", "hash", "node=? AND position=?", (number, position))
            if row is not None:
                found.append((position, bytes(row[0])))
        return size, found

    def _row(self, table: str, columns: str, where: str, key: tuple[Any, ...]) -> tuple[Any, ...] | None:
        row = self.connection.execute(
            f"SELECT {columns} FROM {table} WHERE {where} AND since <= ?", (*key, self._event)
        ).fetchone()
        if row is None:  # of what is past, only the latest that began by then can have held
            row = self.connection.execute(
                f"SELECT {columns}, until FROM past_{table} WHERE {where} AND since <= ? ORDER BY since DESC LIMIT 1",
                (*key, self._event),
            ).fetchone()
            row = row[:-1] if row is not None and row[-1] > self._event else None
        return row  # type: ignore[no-any-return]

    def _rows(self, table: str, column: str, where: str, key: int) -> list[tuple[Any, ...]]:
        return self.connection.execute(
            f"SELECT {column} FROM {table} WHERE {where} AND since <= ?"
            f" UNION ALL SELECT {column} FROM past_{table} WHERE {where} AND since <= ? AND until > ? ORDER BY 1",
            (key, self._event, key, self._event, self._event),
        ).fetchall()


def event_at(connection: sqlite3.Connection, nanoseconds: int, now: int) -> tuple[int, bool]:
    """Return the last event up to an instant, and whether no further one can ever join it.

    Raises:
        OSError: ENOENT, the instant is before the store or after now.
    """
    number = first_beyond(connection, "time", nanoseconds) - 1
    last, last_time, _ = tail(connection)
    settled = last_time > nanoseconds  # events are written one after the other, and their times never fall
    if number == 0 or (not settled and nanoseconds > now):
        raise failure(errno.ENOENT)
    return number, settled and number < last
