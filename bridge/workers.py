"""Whom the API's worker threads work for, told to the processes that serve mounts through a page of shared memory.

A request reaches the mount as a system call of a worker thread. The kernel says which thread that was; this table says
for which agent. It is a file that both sides map, so what is noted before a system call is there when the call arrives,
on every mount and without a question in between.
"""

from __future__ import annotations

import mmap
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = "workers"  # the file, in the state folder
SLOTS = 128
SLOT = struct.Struct("<I60s")  # the thread, and the agent's name; no thread has number 0
HEAD = struct.Struct("<I")  # how many slots are taken
SIZE = HEAD.size + SLOTS * SLOT.size


class FullError(RuntimeError):
    """More threads work for agents than there are slots."""


class Desk:
    """The writing side, in the API's process; each thread has a slot of its own.

    Args:
        folder: The state folder; what an earlier Bridge left there is not touched, its mounts may still read it.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / NAME
        path.unlink(missing_ok=True)
        self._lock = threading.Lock()
        self._taken = 0
        self._own = threading.local()
        with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "r+b") as file:  # noqa: PTH123
            file.truncate(SIZE)
            self._table = mmap.mmap(file.fileno(), SIZE)

    @contextmanager
    def working_for(self, agent: str) -> Iterator[None]:
        """Say that this thread works for an agent until the block ends."""
        offset = getattr(self._own, "offset", None)
        if offset is None:
            offset = self._own.offset = self._take()
        thread = threading.get_native_id()
        SLOT.pack_into(self._table, offset, thread, agent.encode())
        try:
            yield
        finally:
            SLOT.pack_into(self._table, offset, thread, b"")

    def _take(self) -> int:
        with self._lock:
            if self._taken == SLOTS:
                raise FullError(f"more than {SLOTS} threads work for agents")
            offset = HEAD.size + self._taken * SLOT.size
            SLOT.pack_into(self._table, offset, threading.get_native_id(), b"")
            self._taken += 1
            HEAD.pack_into(self._table, 0, self._taken)
        return offset


class Workers:
    """The reading side, in a process that serves a mount; without a file nobody works for anybody."""

    def __init__(self, folder: Path) -> None:
        self._offsets: dict[int, int] = {}
        self._seen = 0
        self._table: mmap.mmap | None = None
        try:
            with (folder / NAME).open("rb") as file:
                self._table = mmap.mmap(file.fileno(), SIZE, prot=mmap.PROT_READ)
        except FileNotFoundError:
            return

    def works_for(self, thread: int) -> str:
        """Return the agent that a thread works for at this moment, "" if for none."""
        if self._table is None:
            return ""
        if HEAD.unpack_from(self._table)[0] != self._seen:
            self._learn(self._table)
        offset = self._offsets.get(thread)
        if offset is None:
            return ""
        name: bytes = SLOT.unpack_from(self._table, offset)[1]
        return name.rstrip(b"\0").decode(errors="replace")

    def _learn(self, table: mmap.mmap) -> None:
        taken: int = HEAD.unpack_from(table)[0]
        for number in range(taken):
            offset = HEAD.size + number * SLOT.size
            self._offsets[SLOT.unpack_from(table, offset)[0]] = offset
        self._seen = taken
