"""`debug/`: what the process that serves this mount says of itself, as files."""

# ruff: noqa: ARG002  (the signatures are fusepy's: not every operation needs all that it is told)
from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterable

from bridge.sections.handles import Handles
from bridge.sections.section import Attributes, Section, Surroundings
from bridge.store.tree import failure
from dualfuse.operations import DirectHandle


class Debug(Section):
    """A flat folder of files that are made when they are read."""

    def __init__(self, around: Surroundings) -> None:
        self._facts = around.facts
        self._handles: Handles[bytes] = Handles()

    def getattr(self, path: str, fh: int | None = None) -> Attributes:
        now = time.time_ns()
        told = {"st_uid": os.getuid(), "st_gid": os.getgid(), "st_atime": now, "st_mtime": now, "st_ctime": now}
        if not path:
            return {"st_mode": stat.S_IFDIR | 0o555, "st_nlink": 2, **told}
        held = self._handles.get(fh)
        said = self._said(path) if held is None else held
        return {"st_mode": stat.S_IFREG | 0o444, "st_nlink": 1, "st_size": len(said), **told}

    def readdir(self, path: str, fh: int) -> Iterable[str]:
        if path:
            raise failure(errno.ENOTDIR)
        return list(self._facts())

    def open(self, path: str, flags: int) -> int:
        if flags & os.O_ACCMODE != os.O_RDONLY:
            raise failure(errno.EROFS)
        return DirectHandle(self._handles.add(self._said(path)))

    def _said(self, path: str) -> bytes:
        try:
            said = self._facts()[path].encode()
        except KeyError:
            raise failure(errno.ENOENT) from None
        return said + b"\n" if said else b""

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return self._handles[fh][offset : offset + size]

    def release(self, path: str, fh: int) -> int:
        self._handles.close(fh)
        return 0
