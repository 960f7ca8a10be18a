"""The tables of the event store, and how a connection to them is opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

BUSY_SECONDS = 5.0  # that a statement waits for another process, usually
CHUNK = 64 * 1024  # bytes of content a chunk holds; the last one of a file may be shorter
ROOT = 1  # node of `current/` itself: the event that makes the store
# The trees of the store by section, each with the number of its root; the numbers of events will never get there.
ROOTS = {"current": ROOT, "context": (1 << 62) + 1, "streams": (1 << 62) + 2}
VERSION = 2  # of the tables, kept in SQLite's user_version
APPLICATION = 0x4C424753  # "LBGS" in SQLite's application_id: what tells a store from any other database

# Names are bytes, as the kernel gives them: a name need not be UTF-8. Times are nanoseconds since the epoch and never
# go back from one event to the next. A node's number is the number of the event that made it, so numbers are never
# used twice. A node whose last name is gone keeps its row: handles on either mount go on reading it.
# `since` is the event that made a row what it is. What a row was before stands in the table of the same name with
# past_, valid from event `since` and no longer from event `until`: the tree of any instant is a lookup, not a replay.
# `tail` is the length of the feed, all events as lines, up to and with this event.
# A stream's content is its records, each at the byte where it begins; an annotation's number is that of its event.
TABLES = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, agent TEXT NOT NULL, kind TEXT NOT NULL, section TEXT NOT NULL,
    node INTEGER NOT NULL, path BLOB NOT NULL, detail TEXT NOT NULL, tail INTEGER NOT NULL
);
CREATE TABLE nodes (
    id INTEGER PRIMARY KEY, mode INTEGER NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL,
    nlink INTEGER NOT NULL, size INTEGER NOT NULL, atime INTEGER NOT NULL, mtime INTEGER NOT NULL,
    ctime INTEGER NOT NULL, target BLOB, since INTEGER NOT NULL
);
CREATE TABLE past_nodes (
    id INTEGER NOT NULL, mode INTEGER NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL,
    nlink INTEGER NOT NULL, size INTEGER NOT NULL, atime INTEGER NOT NULL, mtime INTEGER NOT NULL,
    ctime INTEGER NOT NULL, target BLOB, since INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (id, since)
) WITHOUT ROWID;
CREATE TABLE entries (
    parent INTEGER NOT NULL, name BLOB NOT NULL, node INTEGER NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (parent, name)
) WITHOUT ROWID;
CREATE TABLE past_entries (
    parent INTEGER NOT NULL, name BLOB NOT NULL, node INTEGER NOT NULL, since INTEGER NOT NULL,
    until INTEGER NOT NULL, PRIMARY KEY (parent, name, since)
) WITHOUT ROWID;
CREATE TABLE chunks (hash BLOB PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE blocks (
    node INTEGER NOT NULL, position INTEGER NOT NULL, hash BLOB NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (node, position)
) WITHOUT ROWID;
CREATE TABLE past_blocks (
    node INTEGER NOT NULL, position INTEGER NOT NULL, hash BLOB NOT NULL, since INTEGER NOT NULL,
    until INTEGER NOT NULL, PRIMARY KEY (node, position, since)
) WITHOUT ROWID;
CREATE TABLE xattrs (
    node INTEGER NOT NULL, name BLOB NOT NULL, value BLOB NOT NULL, since INTEGER NOT NULL, PRIMARY KEY (node, name)
) WITHOUT ROWID;
CREATE TABLE past_xattrs (
    node INTEGER NOT NULL, name BLOB NOT NULL, value BLOB NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,
    PRIMARY KEY (node, name, since)
) WITHOUT ROWID;
CREATE TABLE records (
    node INTEGER NOT NULL, start INTEGER NOT NULL, hash BLOB NOT NULL, event INTEGER NOT NULL,
    PRIMARY KEY (node, start)
) WITHOUT ROWID;
CREATE TABLE annotations (
    id INTEGER PRIMARY KEY, node INTEGER NOT NULL, agent TEXT NOT NULL, time INTEGER NOT NULL, first INTEGER NOT NULL,
    last INTEGER NOT NULL, anchor BLOB NOT NULL, text TEXT NOT NULL
);
CREATE INDEX annotations_of_node ON annotations (node);
CREATE TABLE synced (id INTEGER PRIMARY KEY, count INTEGER NOT NULL);
INSERT INTO synced VALUES (1, 0);
"""

STATEMENTS = tuple(filter(str.strip, TABLES.split(";")))  # one by one: a script would commit what is under way


class StoreError(Exception):
    """The file is not an event store that this version can serve."""


def connect(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open a connection in autocommit, usable from any one thread at a time.

    Args:
        path: The SQLite file.
        busy_seconds: How long a statement waits for another process; 0 where the caller waits by itself.
    """
    # Threads of the C library come and go under new identities: the usual check would refuse a pooled connection.
    # Opening waits in any case: another process may just be the last one to close the file, which locks it.
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA cache_size=-512")  # KiB: the kernel's page cache holds the file already
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute(f"PRAGMA busy_timeout={round(busy_seconds * 1000)}")
    return connection
