"""Replaying the events: the proof that the stored tree is what they add up to."""

from __future__ import annotations

import json
import sqlite3
from itertools import zip_longest

from bridge.store.apply import Event, apply
from bridge.store.schema import STATEMENTS

OF_THE_TREE = (
    *("nodes", "entries", "blocks", "xattrs", "past_nodes", "past_entries", "past_blocks", "past_xattrs"),
    *("records", "annotations"),
)


def replayed(store: sqlite3.Connection, until: int | None = None) -> sqlite3.Connection:
    """Return a database in memory with the tree that the events up to number `until` add up to (all, by default)."""
    tree = sqlite3.connect(":memory:", isolation_level=None)
    for statement in STATEMENTS:
        tree.execute(statement)
    tree.execute("BEGIN")
    for row in store.execute("SELECT * FROM events WHERE seq <= ? ORDER BY seq", (until or (1 << 62),)):
        apply(tree, Event._make((*row[:7], json.loads(row[7]))))
    tree.execute("COMMIT")
    return tree


def differences(store: sqlite3.Connection) -> list[str]:
    """Return the tables of the tree that are not what a replay of all events gives; empty if the store is sound."""
    tree = replayed(store)
    try:
        return [table for table in OF_THE_TREE if _differ(store, tree, table)]
    finally:
        tree.close()


def _differ(store: sqlite3.Connection, tree: sqlite3.Connection, table: str) -> bool:
    columns = [row[1] for row in tree.execute(f"PRAGMA table_info({table})")]
    question = f"SELECT * FROM {table} ORDER BY {', '.join(columns)}"
    return any(one != other for one, other in zip_longest(store.execute(question), tree.execute(question)))
