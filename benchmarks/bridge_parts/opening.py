"""How long a store of a million events takes to open, and to show its tree as it was in the middle."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from bridge.store.event_store import EventStore
from bridge.store.feed import tail
from bridge.store.past import Past, event_at

EVENTS = 1_000_000
FOLDERS, FILES = 20, 2_000  # what the events happen to: a tree that a service might have
LIMIT = 2.0  # seconds
BATCH = 5_000  # events a transaction, so that making the store takes minutes and not hours


def fill(store: EventStore, events: int) -> None:
    """Write so many events, by the very methods that a mount writes them with."""
    with store.change("generator") as change:
        for number in range(FOLDERS):
            change.make(b"d%d" % number, 0o040755, 0, 0)
    numbers: dict[bytes, int] = {}
    for first in range(FOLDERS, events, BATCH):
        with store.change("generator") as change:
            for number in range(first, min(first + BATCH, events)):
                path = b"d%d/f%d" % (number % FOLDERS, number % FILES)
                if path not in numbers:
                    numbers[path] = change.make(path, 0o100644, 0, 0).id
                elif number // FILES % 8 == 0:
                    change.write(numbers[path], path, [(0, b"%d" % (number % 977))], change.now)
                else:
                    change.record("utimens", numbers[path], path, {"atime": change.now, "mtime": change.now})


def opening() -> dict[str, Any]:
    """Make a store of a million events, then open it from nothing and ask it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.db"
        store = EventStore(path)
        fill(store, EVENTS)
        store.close()
        os.sync()
        began = time.monotonic()
        store = EventStore(path)
        with store.read() as tree:
            tree.at(b"d1/f1")
            events = tail(tree.connection)[0]
        seconds = time.monotonic() - began
        past = _past(store, events)
        store.close()
        answer = {
            "events": events,
            "open_seconds_1m_events": round(seconds, 4),
            "past_lookup_ms": round(past * 1e3, 3),
            "store_bytes": path.stat().st_size,
        }
    unmet = [] if seconds < LIMIT else [f"opening {events} events took {seconds:.2f} s, more than {LIMIT:g}"]
    return {**answer, "unmet": unmet}


def _past(store: EventStore, events: int) -> float:
    """Return the seconds that it takes to find an instant in the middle and to read a file as it was then."""
    with store.reader() as reader:
        moment = reader.execute("SELECT time FROM events WHERE seq=?", (events // 2,)).fetchone()[0]
        began = time.monotonic()
        event, _ = event_at(reader, moment, moment)
        tree = Past(reader, event)
        node = tree.at(b"d1/f1")
        tree.read(node.id, 0, node.size)
        return time.monotonic() - began
