"""Another directory through FUSE, with coroutines for operations: what the soak serves beside ``Loopback``."""

from __future__ import annotations

from typing import Any

from dualfuse.samples.loopback import Loopback


class AsyncLoopback:
    """``Loopback``, with the operations that are used most as ``async def``; not a subclass: their types differ."""

    use_ns = True

    def __init__(self, root: str) -> None:
        self._below = Loopback(root)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._below, name)

    async def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        return self._below.getattr(path, fh)

    async def readdir(self, path: str, fh: int) -> list[str]:
        return self._below.readdir(path, fh)

    async def open(self, path: str, flags: int) -> int:
        return self._below.open(path, flags)

    async def create(self, path: str, mode: int, fi: Any = None) -> int:
        return self._below.create(path, mode, fi)

    async def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return self._below.read(path, size, offset, fh)

    async def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        return self._below.write(path, data, offset, fh)

    async def release(self, path: str, fh: int) -> None:
        self._below.release(path, fh)

    async def rename(self, old: str, new: str) -> None:
        self._below.rename(old, new)

    async def unlink(self, path: str) -> None:
        self._below.unlink(path)
