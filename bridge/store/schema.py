"""The tables of the event store, and how a connection to them is opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

CHUNK = 64 * 1024  # bytes of content a chunk holds; the last one of a file may be shorter
ROOT = 1  # node of `current/` itself: the event that makes the store
VERSION = 1  # of the tables, kept in SQLite's user_version
APPLICATION = 0x4C424753  # "LBGS" in SQLite's application_id: what tells a store from any other database

# Names are bytes, as the kernel gives them: a name need not be UTF-8. Times are nanoseconds since the epoch.
# A node's number is the number of the event that made it, so numbers are never used twice.
# A node whose last name is gone keeps its row: handles on either mount go on reading it, and so does history.
TABLES = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, agent TEXT NOT NULL, kind TEXT NOT NULL,
    node INTEGER NOT NULL, path BLOB NOT NULL, detail TEXT NOT NULL
);
CREATE TABLE nodes (
    id INTEGER PRIMARY KEY, mode INTEGER NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL,
    nlink INTEGER NOT NULL, size INTEGER NOT NULL, atime INTEGER NOT NULL, mtime INTEGER NOT NULL,
    ctime INTEGER NOT NULL, target BLOB
);
CREATE TABLE entries (
    parent INTEGER NOT NULL, name BLOB NOT NULL, node INTEGER NOT NULL, PRIMARY KEY (parent, name)
) WITHOUT ROWID;
CREATE TABLE chunks (hash BLOB PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE blocks (
    node INTEGER NOT NULL, position INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (node, position)
) WITHOUT ROWID;
CREATE TABLE xattrs (
    node INTEGER NOT NULL, name BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (node, name)
) WITHOUT ROWID;
CREATE TABLE synced (id INTEGER PRIMARY KEY, count INTEGER NOT NULL);
INSERT INTO synced VALUES (1, 0);
"""


class StoreError(Exception):
    """The file is not an event store that this version can serve."""


def connect(path: Path, *, busy_seconds: float = 5.0) -> sqlite3.Connection:
    """Open a connection in autocommit, usable from any one thread at a time.

    Args:
        path: The SQLite file.
        busy_seconds: How long a statement waits for another process; 0 where the caller waits by itself.
    """
    # Threads of the C library come and go under new identities: the usual check would refuse a pooled connection.
    connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA cache_size=-512")  # KiB: the kernel's page cache holds the file already
    connection.execute("PRAGMA temp_store=MEMORY")
    return connection
