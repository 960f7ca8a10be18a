"""The event store: who may read and change the tree, and what an acknowledged change is worth.

Several processes hold the same store open, so nothing is kept in memory that another one could change. A change is one
short transaction: it is committed, and so seen by every later question of every process, before the call returns.
"""

from __future__ import annotations

import errno
import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.cache import Cache
from bridge.store.changes import Change
from bridge.store.creation import create_or_check
from bridge.store.schema import ROOTS, connect
from bridge.store.tree import Tree, failure

log = logging.getLogger(__name__)

WAIT_LIMIT = 10.0  # seconds a change waits for the other process's transaction, which takes well below a millisecond
# SQLite's own waiting sleeps up to 100 ms and starves the unlucky one; polling finely keeps two busy writers fair.
SHORTEST_WAIT, LONGEST_WAIT = 0.0001, 0.002
ERRNOS = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_BUSY: errno.EBUSY,
    sqlite3.SQLITE_LOCKED: errno.EBUSY,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_TOOBIG: errno.EFBIG,
    sqlite3.SQLITE_NOMEM: errno.ENOMEM,
}


class EventStore:
    """An event store that is open in this process; any number of threads may use it.

    Args:
        path: The SQLite file, made if it is missing.
        mode: Permissions of the root of `current/` of a new store, its file type included.
        uid: Its owner.
        gid: Its group.
        cache: Where content that was read lately is kept; none, unless told otherwise.

    Raises:
        StoreError: The file is not an event store of this version.
    """

    def __init__(
        self, path: Path, mode: int = 0o040755, uid: int = 0, gid: int = 0, cache: Cache | None = None
    ) -> None:
        create_or_check(path, mode, uid, gid)
        self.path = path
        self.cache = cache
        self._writer = connect(path, busy_seconds=0)
        self._writing = threading.Lock()
        self._readers: list[sqlite3.Connection] = []  # idle ones; append and pop are atomic
        # Each statement lets go of Python's lock several times. Threads that ask side by side would spend half of their
        # time on handing it to each other: in turn they answer half as many questions more in a second.
        self._asking = threading.RLock()

    @contextmanager
    def read(self, section: str = "current") -> Iterator[Tree]:
        """Ask a section's tree; each single question sees everything that was committed before it."""
        with self.reader() as reader, self._asking:
            yield Tree(reader, ROOTS[section], self.cache)

    @contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection to ask other questions than those of a tree."""
        try:
            reader = self._readers.pop() if self._readers else connect(self.path)
        except IndexError:  # another thread took the last idle one in between
            reader = connect(self.path)
        try:
            yield reader
        except sqlite3.Error as error:
            raise _as_oserror(error) from error
        finally:
            self._readers.append(reader)

    @contextmanager
    def change(self, agent: str, durable: bool = False, section: str = "current") -> Iterator[Change]:
        """Change a tree; it is committed when the block ends and undone when the block raises.

        Args:
            agent: Who changes it, as the event says.
            durable: Wait until the change, and all that went before it, is on the disk.
            section: Which of the trees.

        Raises:
            OSError: EBUSY when another process holds the store for longer than 10 s; ENOSPC, EROFS and the like.
        """
        with self._writing:
            try:
                if durable:
                    self._writer.execute("PRAGMA synchronous=FULL")
                self._begin()
                yield Change(self._writer, agent, section)
                self._writer.execute("COMMIT")
            except sqlite3.Error as error:
                raise _as_oserror(error) from error
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                if durable:
                    self._writer.execute("PRAGMA synchronous=NORMAL")

    def sync(self) -> None:
        """Carry everything that was committed so far to the disk."""
        with self.change("bridge", durable=True) as change:
            change.touch_synced()

    def close(self) -> None:
        """Close the connections; no thread may be using the store any more."""
        with self._writing:
            self._writer.close()
        while self._readers:
            self._readers.pop().close()

    def _begin(self) -> None:
        deadline = time.monotonic() + WAIT_LIMIT
        pause = SHORTEST_WAIT
        while True:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_WAIT)


def _as_oserror(error: sqlite3.Error) -> OSError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the low byte is the primary code
    log.log(logging.WARNING if code in ERRNOS else logging.ERROR, "the event store failed: %s", error)
    return failure(ERRNOS.get(code, errno.EIO))
