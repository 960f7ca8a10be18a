"""What an event does to the tree: the one place where the tables of the tree are written.

A live change and a replay of the whole history both end here, so the stored tree is, by construction, what its events
add up to. An event says everything that is needed: applying it asks nothing of the tree.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from typing import Any, NamedTuple

from bridge.store.schema import CHUNK

Detail = dict[str, Any]  # JSON-able; names as os.fsdecode gives them, hashes and values in hexadecimal


class Event(NamedTuple):
    """One change, as it was made; `path` is where the caller saw it, below the root."""

    seq: int
    time: int  # nanoseconds since the epoch
    agent: str
    kind: str
    node: int
    path: bytes
    detail: Detail

    @property
    def name(self) -> bytes:
        """The last name of the path."""
        return self.path.rpartition(b"/")[2]


def apply(tree: sqlite3.Connection, event: Event) -> None:
    """Write to the tables of the tree what an event means."""
    KINDS[event.kind](tree, event, event.detail)


def _make(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    directory = stat.S_ISDIR(detail["mode"])
    target = os.fsencode(detail["target"]) if "target" in detail else None
    node = (event.node, detail["mode"], detail["uid"], detail["gid"], 2 if directory else 1, len(target or b""))
    tree.execute("INSERT INTO nodes VALUES (?,?,?,?,?,?,?,?,?,?)", (*node, *[event.time] * 3, target))
    _enter(tree, event, detail["parent"], event.name, int(directory))


def _link(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    _enter(tree, event, detail["parent"], event.name)
    _links(tree, event, event.node, 1)


def _unlink(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    _leave(tree, event, detail["parent"], event.name)
    _links(tree, event, event.node, -1)


def _rmdir(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    _leave(tree, event, detail["parent"], event.name, -1)
    _links(tree, event, event.node, -2)


def _rename(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    directory = int(detail["directory"])
    new_name = os.fsencode(detail["to"]).rpartition(b"/")[2]
    if detail["replaced"] is not None:
        _leave(tree, event, detail["to_parent"], new_name, -directory)
        _links(tree, event, detail["replaced"], -2 if directory else -1)
    _leave(tree, event, detail["parent"], event.name, -directory)
    _enter(tree, event, detail["to_parent"], new_name, directory)
    _links(tree, event, event.node, 0)


def _write(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    _blocks(tree, event, detail)
    tree.execute(
        "UPDATE nodes SET size=?, mtime=?, ctime=? WHERE id=?",
        (detail["size"], detail["mtime"], event.time, event.node),
    )


def _truncate(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    kept = -(-detail["size"] // CHUNK)
    tree.execute("DELETE FROM blocks WHERE node=? AND position>=?", (event.node, kept))
    _write(tree, event, {**detail, "mtime": event.time})


def _chmod(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    tree.execute(
        "UPDATE nodes SET mode = (mode & ~4095) | ?, ctime=? WHERE id=?", (detail["mode"], event.time, event.node)
    )


def _chown(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    tree.execute(
        "UPDATE nodes SET uid=?, gid=?, ctime=? WHERE id=?", (detail["uid"], detail["gid"], event.time, event.node)
    )


def _utimens(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    tree.execute(
        "UPDATE nodes SET atime=?, mtime=?, ctime=? WHERE id=?",
        (detail["atime"], detail["mtime"], event.time, event.node),
    )


def _setxattr(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    value = bytes.fromhex(detail["value"])
    tree.execute("INSERT OR REPLACE INTO xattrs VALUES (?,?,?)", (event.node, os.fsencode(detail["name"]), value))
    _links(tree, event, event.node, 0)


def _removexattr(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    tree.execute("DELETE FROM xattrs WHERE node=? AND name=?", (event.node, os.fsencode(detail["name"])))
    _links(tree, event, event.node, 0)


def _store(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    node = (event.node, detail["mode"], detail["uid"], detail["gid"], 2, 0)
    tree.execute("INSERT INTO nodes VALUES (?,?,?,?,?,?,?,?,?,NULL)", (*node, *[event.time] * 3))


def _enter(tree: sqlite3.Connection, event: Event, parent: int, name: bytes, subdirectories: int = 0) -> None:
    tree.execute("INSERT INTO entries VALUES (?,?,?)", (parent, name, event.node))
    _directory_changed(tree, event, parent, subdirectories)


def _leave(tree: sqlite3.Connection, event: Event, parent: int, name: bytes, subdirectories: int = 0) -> None:
    tree.execute("DELETE FROM entries WHERE parent=? AND name=?", (parent, name))
    _directory_changed(tree, event, parent, subdirectories)


def _directory_changed(tree: sqlite3.Connection, event: Event, number: int, subdirectories: int) -> None:
    tree.execute(
        "UPDATE nodes SET nlink = nlink + ?, mtime=?, ctime=? WHERE id=?",
        (subdirectories, event.time, event.time, number),
    )


def _links(tree: sqlite3.Connection, event: Event, number: int, more: int) -> None:
    tree.execute("UPDATE nodes SET nlink = nlink + ?, ctime=? WHERE id=?", (more, event.time, number))


def _blocks(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    rows = [(event.node, int(position), bytes.fromhex(digest)) for position, digest in detail["chunks"].items()]
    tree.executemany("INSERT OR REPLACE INTO blocks VALUES (?,?,?)", rows)


KINDS: dict[str, Callable[[sqlite3.Connection, Event, Detail], None]] = {
    "store": _store,
    "create": _make,
    "mkdir": _make,
    "symlink": _make,
    "link": _link,
    "unlink": _unlink,
    "rmdir": _rmdir,
    "rename": _rename,
    "write": _write,
    "truncate": _truncate,
    "chmod": _chmod,
    "chown": _chown,
    "utimens": _utimens,
    "setxattr": _setxattr,
    "removexattr": _removexattr,
}
