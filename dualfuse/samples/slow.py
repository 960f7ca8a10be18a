"""A file system whose reads sleep: every name ``sleep-SECONDS`` is a file that takes so long to read."""

# ruff: noqa: ARG002 - the arguments are FUSE's

from __future__ import annotations

import errno
import stat
import time
from typing import Any

from dualfuse.operations import FuseOSError, Operations


class Slow(Operations):
    """Blocking operations, for measuring what they do to others."""

    use_ns = True

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if not path.startswith("/sleep-"):
            raise FuseOSError(errno.ENOENT)
        return {"st_mode": stat.S_IFREG | 0o444, "st_nlink": 1, "st_size": 4096}

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        time.sleep(float(path.removeprefix("/sleep-")))
        return b"z" * min(size, max(0, 4096 - offset))
