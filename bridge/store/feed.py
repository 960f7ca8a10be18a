"""The feed: all events as lines of JSON, one after the other, the same bytes whoever reads them and whenever."""

from __future__ import annotations

import json
import os
import sqlite3

from bridge.store.apply import Event, apply
from bridge.store.instant import spelled

TOLD = ("to", "size", "start", "id", "first", "last")  # what a line says of the detail: nothing as long as content
COLUMNS = "seq, time, agent, kind, section, node, path, detail"


def line(event: Event) -> bytes:
    """Return the line that an event is in the feed."""
    said = {
        "seq": event.seq,
        "time": spelled(event.time),
        "agent": event.agent,
        "kind": event.kind,
        "section": event.section,
        "path": os.fsdecode(event.path),
        "node": event.node,
        **{key: event.detail[key] for key in TOLD if key in event.detail},
    }
    return json.dumps(said).encode() + b"\n"


def record(connection: sqlite3.Connection, event: Event, before: int) -> int:
    """Write an event down and apply it; take and return the length of the feed."""
    tail = before + len(line(event))
    connection.execute("INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?)", (*event[:7], json.dumps(event.detail), tail))
    apply(connection, event)
    return tail


def events(connection: sqlite3.Connection, after: int = 0, limit: int = 1000) -> list[Event]:
    """Return the events that follow number `after`, in order."""
    rows = connection.execute(f"SELECT {COLUMNS} FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))
    return [Event._make((*row[:7], json.loads(row[7]))) for row in rows]


def tail(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Return number and time of the newest event, and the length of the feed in bytes."""
    row = connection.execute("SELECT seq, time, tail FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    return int(row[0]), int(row[1]), int(row[2])


def first_beyond(connection: sqlite3.Connection, column: str, value: int) -> int:
    """Return the number of the first event whose time or tail is greater than a value; neither ever falls.

    If there is none, the number that the next event will have is returned.
    """
    low, high = 1, tail(connection)[0] + 1
    while low < high:
        middle = (low + high) // 2
        if connection.execute(f"SELECT {column} FROM events WHERE seq=?", (middle,)).fetchone()[0] > value:
            high = middle
        else:
            low = middle + 1
    return low


def read(connection: sqlite3.Connection, offset: int, size: int) -> bytes:
    """Return bytes of the feed."""
    number = first_beyond(connection, "tail", offset)
    before = connection.execute("SELECT max(tail) FROM events WHERE seq=?", (number - 1,)).fetchone()[0] or 0
    found = bytearray()
    while len(found) < offset - before + size:
        batch = events(connection, number - 1, 200)
        if not batch:
            break
        for event in batch:
            found += line(event)
        number = batch[-1].seq + 1
    return bytes(found[offset - before : offset - before + size])
