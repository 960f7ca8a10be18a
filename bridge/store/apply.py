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

from bridge.store.schema import CHUNK, ROOTS

Detail = dict[str, Any]  # JSON-able; names as os.fsdecode gives them, hashes and values in hexadecimal


class Event(NamedTuple):
    """One change, as it was made; `path` is where the caller saw it, below its section."""

    seq: int
    time: int  # nanoseconds since the epoch
    agent: str
    kind: str
    section: str
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
    _node(tree, event, event.node, detail, 2 if directory else 1, target)
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
        # A file that is replaced as a whole, as editors and the API do it, goes on as the one that takes its last name.
        tree.execute(
            "UPDATE annotations SET node=? WHERE node=? AND (SELECT nlink FROM nodes WHERE id=?) = 0",
            (event.node, detail["replaced"], detail["replaced"]),
        )
    _leave(tree, event, detail["parent"], event.name, -directory)
    _enter(tree, event, detail["to_parent"], new_name, directory)
    _links(tree, event, event.node, 0)


def _write(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    for position, digest in detail["chunks"].items():
        key = (event.node, int(position))
        _keep(tree, event, "blocks", "node=? AND position=?", key)
        tree.execute("INSERT OR REPLACE INTO blocks VALUES (?,?,?,?)", (*key, bytes.fromhex(digest), event.seq))
    _set(tree, event, event.node, "size=?, mtime=?", (detail["size"], detail["mtime"]))


def _truncate(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    cut = (event.node, -(-detail["size"] // CHUNK))
    _keep(tree, event, "blocks", "node=? AND position>=?", cut)
    tree.execute("DELETE FROM blocks WHERE node=? AND position>=?", cut)
    _write(tree, event, {**detail, "mtime": event.time})


def _append(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    record = (event.node, detail["start"], bytes.fromhex(detail["hash"]), event.seq)
    tree.execute("INSERT INTO records VALUES (?,?,?,?)", record)
    _set(tree, event, event.node, "size=?, mtime=?", (detail["size"], event.time))


def _chmod(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    _set(tree, event, event.node, "mode = (mode & ~4095) | ?", (detail["mode"],))


def _chown(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    _set(tree, event, event.node, "uid=?, gid=?", (detail["uid"], detail["gid"]))


def _utimens(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    _set(tree, event, event.node, "atime=?, mtime=?", (detail["atime"], detail["mtime"]))


def _setxattr(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    key = (event.node, os.fsencode(detail["name"]))
    _keep(tree, event, "xattrs", "node=? AND name=?", key)
    value = (bytes.fromhex(detail["value"]), event.seq)
    tree.execute("INSERT OR REPLACE INTO xattrs VALUES (?,?,?,?)", (*key, *value))
    _links(tree, event, event.node, 0)


def _removexattr(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    key = (event.node, os.fsencode(detail["name"]))
    _keep(tree, event, "xattrs", "node=? AND name=?", key)
    tree.execute("DELETE FROM xattrs WHERE node=? AND name=?", key)
    _links(tree, event, event.node, 0)


def _annotate(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    anchor = (detail["first"], detail["last"], bytes.fromhex(detail["anchor"]), detail["text"])
    values = (event.seq, event.node, event.agent, event.time, *anchor)
    tree.execute("INSERT INTO annotations VALUES (?,?,?,?,?,?,?,?)", values)


def _retract(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    tree.execute("DELETE FROM annotations WHERE id=? AND node=?", (detail["id"], event.node))


def _store(tree: sqlite3.Connection, event: Event, detail: Detail) -> None:
    for root in ROOTS.values():
        _node(tree, event, root, detail, 2, None)


def _node(
    tree: sqlite3.Connection, event: Event, number: int, detail: Detail, links: int, target: bytes | None
) -> None:
    node = (number, detail["mode"], detail["uid"], detail["gid"], links, len(target or b""))
    tree.execute("INSERT INTO nodes VALUES (?,?,?,?,?,?,?,?,?,?,?)", (*node, *[event.time] * 3, target, event.seq))


def _enter(tree: sqlite3.Connection, event: Event, parent: int, name: bytes, subdirectories: int = 0) -> None:
    tree.execute("INSERT INTO entries VALUES (?,?,?,?)", (parent, name, event.node, event.seq))
    _directory_changed(tree, event, parent, subdirectories)


def _leave(tree: sqlite3.Connection, event: Event, parent: int, name: bytes, subdirectories: int = 0) -> None:
    _keep(tree, event, "entries", "parent=? AND name=?", (parent, name))
    tree.execute("DELETE FROM entries WHERE parent=? AND name=?", (parent, name))
    _directory_changed(tree, event, parent, subdirectories)


def _directory_changed(tree: sqlite3.Connection, event: Event, number: int, subdirectories: int) -> None:
    _set(tree, event, number, "nlink = nlink + ?, mtime=?", (subdirectories, event.time))


def _links(tree: sqlite3.Connection, event: Event, number: int, more: int) -> None:
    _set(tree, event, number, "nlink = nlink + ?", (more,))


def _set(tree: sqlite3.Connection, event: Event, number: int, what: str, values: tuple[Any, ...]) -> None:
    """Change a node, and with it the time of its last change."""
    _keep(tree, event, "nodes", "id=?", (number,))
    tree.execute(f"UPDATE nodes SET {what}, ctime=?, since=? WHERE id=?", (*values, event.time, event.seq, number))


def _keep(tree: sqlite3.Connection, event: Event, table: str, where: str, key: tuple[Any, ...]) -> None:
    """Copy rows that are about to change to the past; what this very event made was never seen."""
    tree.execute(
        f"INSERT INTO past_{table} SELECT *, ? FROM {table} WHERE {where} AND since < ?", (event.seq, *key, event.seq)
    )


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
    "append": _append,
    "chmod": _chmod,
    "chown": _chown,
    "utimens": _utimens,
    "setxattr": _setxattr,
    "removexattr": _removexattr,
    "annotate": _annotate,
    "retract": _retract,
}
