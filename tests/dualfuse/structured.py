"""File systems whose operations use what an event loop offers: tasks, deadlines, and events shared by operations."""

from __future__ import annotations

import errno
import stat
import threading
import time
from pathlib import Path
from typing import Any

import trio

from dualfuse.context import fuse_get_context
from dualfuse.operations import FuseOSError


class OnTrio:
    """Nurseries, cancel scopes and events inside operations; nothing declares the library, the import above shows it.

    With ``log`` it tells there when it was ended. Reading ``/together-…`` ends when that many of them are being read.
    """

    TOGETHER = 12

    def __init__(self, log: str = "") -> None:
        self._inside: set[str] = set()
        self._opened: trio.Event | None = None
        self._threads: set[int] = set()
        self._log = log

    async def init(self, path: str) -> None:
        await trio.sleep(0)
        self._opened = trio.Event()

    async def destroy(self, path: str) -> None:
        await trio.sleep(0)
        if self._log:
            Path(self._log).write_text(path)

    def _event(self) -> trio.Event:
        assert self._opened is not None, "init ran before the first operation"
        return self._opened

    async def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if path.startswith("/absent"):
            raise FuseOSError(errno.ENOENT)
        return {"st_mode": stat.S_IFREG | 0o644, "st_nlink": 1, "st_size": 100}

    async def rename(self, old: str, new: str) -> None:
        await trio.sleep(0.01)

    async def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        self._threads.add(threading.get_ident())
        if offset:
            return b""
        if path.startswith("/together-"):
            return await self._read_together(path)
        operation = getattr(self, path.removeprefix("/").replace("-", "_"))
        result: bytes = await operation()
        return result

    async def nursery(self) -> bytes:
        done: list[int] = []
        turns = [trio.Event() for _ in range(4)]

        async def child(number: int) -> None:
            await turns[number - 1].wait()
            done.append(number)
            turns[number].set()

        turns[0].set()
        async with trio.open_nursery() as nursery:
            for number in (3, 1, 2):
                nursery.start_soon(child, number)
        return repr(done).encode()

    async def failing_nursery(self) -> bytes:
        async def fails() -> None:
            raise ValueError("in a child task")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(fails)
            await trio.sleep_forever()

    async def deadline(self) -> bytes:
        with trio.move_on_after(0.05) as scope:
            await trio.sleep_forever()
        return b"cancelled" if scope.cancelled_caught else b"not cancelled"

    async def too_slow(self) -> bytes:
        with trio.fail_after(0.02):
            await trio.sleep_forever()

    async def await_event(self) -> bytes:
        await self._event().wait()
        return b"opened"

    async def set_event(self) -> bytes:
        self._event().set()
        return b"set"

    async def blocking_call(self) -> bytes:
        return await trio.to_thread.run_sync(lambda: b"from a thread")

    async def hang(self) -> bytes:
        await trio.sleep_forever()

    async def _read_together(self, path: str) -> bytes:
        self._inside.add(path)
        with trio.fail_after(60):
            while len(self._inside) < self.TOGETHER:
                await trio.sleep(0.01)
        return b"together"

    async def caller(self) -> bytes:
        await trio.sleep(0)
        return str(fuse_get_context()[2]).encode()

    async def block(self) -> bytes:
        time.sleep(60)
        return b"late"

    async def threads(self) -> bytes:
        return str(len(self._threads)).encode()


class Mixed(OnTrio):
    """The same with an operation that is not a coroutine, which must not run on trio's thread."""

    def getattr(self, path: str, fh: int | None = None) -> Any:
        threading.Event().wait(0.001)
        return {"st_mode": (stat.S_IFDIR if path == "/" else stat.S_IFREG) | 0o755, "st_nlink": 1, "st_size": 100}
