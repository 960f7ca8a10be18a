"""`history/<RFC 3339 time>/…`: the tree of `current/` as it was at that instant, read-only."""

# ruff: noqa: ARG002  (the signatures are fusepy's: not every operation needs all that it is told)
from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from bridge.sections.handles import Handles
from bridge.sections.section import Attributes, Section, Surroundings, attributes
from bridge.store.feed import tail
from bridge.store.instant import instant, spelled
from bridge.store.past import Past, event_at
from bridge.store.schema import ROOT
from bridge.store.tree import failure

LISTED = 100  # of the latest instants at which something changed; any other resolves as well
KNOWN = 1000  # instants whose event is remembered


class History(Section):
    """Every instant since the store was made, as a folder; instants to come are not there yet."""

    def __init__(self, around: Surroundings) -> None:
        self._store = around.store
        self._known: dict[str, int] = {}  # instants whose event cannot change any more
        self._handles: Handles[tuple[int, int]] = Handles()  # event, node

    @contextmanager
    def _find(self, path: str) -> Iterator[tuple[Past, int, bytes]]:
        name, _, rest = path.partition("/")
        with self._store.reader() as reader:
            event = self._known.get(name)
            if event is None:
                try:
                    moment = instant(name)
                except (ValueError, OverflowError):
                    raise failure(errno.ENOENT) from None
                event, settled = event_at(reader, moment, time.time_ns())
                if settled:
                    if len(self._known) >= KNOWN:
                        self._known.clear()
                    self._known[name] = event
            yield Past(reader, event, self._store.cache), event, os.fsencode(rest)

    def getattr(self, path: str, fh: int | None = None) -> Attributes:
        if not path:
            return self._top()
        with self._find(path) as (tree, event, rest):
            told = attributes(tree.at(rest))
        # The same number as in `current/`, on a device of its own: two names of one file stay two names of one file.
        return {**told, "st_dev": event}

    def _top(self) -> Attributes:
        with self._store.read() as tree:
            root = tree.node(ROOT)
        with self._store.reader() as reader:
            changed = tail(reader)[1]
        times = dict.fromkeys(("st_atime", "st_mtime", "st_ctime"), changed)
        return {"st_mode": stat.S_IFDIR | 0o555, "st_nlink": 2, "st_uid": root.uid, "st_gid": root.gid, **times}

    def readdir(self, path: str, fh: int) -> Iterable[str]:
        if not path:
            return self._instants()
        with self._find(path) as (tree, _, rest):
            node = tree.at(rest)
            if not node.is_directory:
                raise failure(errno.ENOTDIR)
            return [os.fsdecode(name) for name in tree.names(node.id)]

    def _instants(self) -> list[str]:
        with self._store.reader() as reader:
            rows = reader.execute("SELECT time FROM events ORDER BY seq DESC LIMIT ?", (LISTED,)).fetchall()
            born = reader.execute("SELECT time FROM events WHERE seq=1").fetchone()
        return [spelled(moment) for moment in sorted({row[0] for row in [*rows, born]})]

    def readlink(self, path: str) -> str:
        with self._find(path) as (tree, _, rest):
            return os.fsdecode(tree.target(rest))

    def open(self, path: str, flags: int) -> int:
        with self._find(path) as (tree, event, rest):
            node = tree.at(rest)
        if node.is_directory:
            raise failure(errno.EISDIR)
        if flags & (os.O_ACCMODE | os.O_TRUNC):
            raise failure(errno.EROFS)
        return self._handles.add((event, node.id))

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        event, node = self._handles[fh]
        with self._store.reader() as reader:
            return bytes(Past(reader, event, self._store.cache).read(node, offset, size)[1])

    def release(self, path: str, fh: int) -> int:
        self._handles.close(fh)
        return 0

    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        if not path:
            raise failure(errno.ENODATA)
        with self._find(path) as (tree, _, rest):
            value = tree.xattr(tree.number(rest), os.fsencode(name))
        if value is None:
            raise failure(errno.ENODATA)
        return value

    def listxattr(self, path: str) -> list[str]:
        if not path:
            return []
        with self._find(path) as (tree, _, rest):
            return [os.fsdecode(name) for name in tree.xattrs(tree.number(rest))]
