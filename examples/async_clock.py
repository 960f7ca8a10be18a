"""A file system whose operations are coroutines: ``python -m dualfuse mount examples.async_clock:Clock MOUNTPOINT``.

Reading ``/now`` tells the time; reading ``/in-2`` waits two seconds first, and nobody else waits with you.
"""

# ruff: noqa: ARG002 - the arguments are FUSE's

import asyncio
import errno
import stat
import time
from collections.abc import AsyncIterator
from typing import Any

from dualfuse.operations import FuseOSError


class Clock:
    """No base class is needed, and a method may be ``async def`` or not."""

    async_library = "asyncio"

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if path == "/now" or path.startswith("/in-"):
            return {"st_mode": stat.S_IFREG | 0o444, "st_nlink": 1, "st_size": 64, "st_mtime": time.time()}
        raise FuseOSError(errno.ENOENT)

    async def readdir(self, path: str, fh: int) -> AsyncIterator[str]:
        for name in (".", "..", "now", "in-1", "in-2"):
            yield name

    async def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        if path.startswith("/in-"):
            await asyncio.sleep(float(path.removeprefix("/in-")))
        text = time.strftime("%Y-%m-%d %H:%M:%S\n").ljust(64, " ")
        return text.encode()[offset : offset + size]
