"""How a new event store is made, and how an existing file is recognised as one."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from bridge.store.apply import Event
from bridge.store.feed import record
from bridge.store.schema import APPLICATION, ROOT, STATEMENTS, VERSION, StoreError, connect


def create_or_check(path: Path, mode: int, uid: int, gid: int) -> None:
    """Make the tables of a new store, or make sure that an existing one is ours.

    Args:
        path: The SQLite file; its folder must exist.
        mode: Permissions of the root of `current/` of a new store.
        uid: Its owner.
        gid: Its group.

    Raises:
        StoreError: The file is some other database, or was written by a newer version.
    """
    try:
        with closing(connect(path, busy_seconds=30.0)) as connection:
            _create_or_check(connection, path, mode, uid, gid)
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path} cannot be opened as an event store: {error}") from error


def check(path: Path) -> None:
    """Make sure that a file is an event store of this version, without making one.

    Raises:
        StoreError: It is not.
    """
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            _must_be_ours(connection, path)
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path} cannot be opened as an event store: {error}") from error


def _create_or_check(connection: sqlite3.Connection, path: Path, mode: int, uid: int, gid: int) -> None:
    if _identity(connection) == (0, 0) and not _tables(connection):
        connection.execute("PRAGMA journal_mode=WAL")
        # Two Bridges may start on the same empty folder: only one finds it still empty under the write lock.
        connection.execute("BEGIN IMMEDIATE")
        if not _tables(connection):
            _create(connection, mode, uid, gid)
        connection.execute("COMMIT")
    _must_be_ours(connection, path)


def _must_be_ours(connection: sqlite3.Connection, path: Path) -> None:
    application, version = _identity(connection)
    if application != APPLICATION:
        raise StoreError(f"{path} is not an event store")
    if version != VERSION:
        raise StoreError(f"{path} is an event store of version {version}; this Bridge knows version {VERSION}")


def _identity(connection: sqlite3.Connection) -> tuple[int, int]:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    return int(application), int(version)


def _tables(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])


def _create(connection: sqlite3.Connection, mode: int, uid: int, gid: int) -> None:
    for statement in STATEMENTS:
        connection.execute(statement)
    detail = {"mode": mode, "uid": uid, "gid": gid}
    record(connection, Event(ROOT, time.time_ns(), "bridge", "store", "current", ROOT, b"", detail), 0)
    connection.execute(f"PRAGMA application_id={APPLICATION}")
    connection.execute(f"PRAGMA user_version={VERSION}")
