"""The smallest file system: one file, one line. Run it with ``python examples/hello.py MOUNTPOINT [BACKEND]``."""

# ruff: noqa: ARG002 - the arguments are FUSE's

import errno
import stat
import sys
from typing import Any

from dualfuse import mount
from dualfuse.operations import FuseOSError, Operations

TEXT = b"Hello from dualfuse.\n"


class Hello(Operations):
    """A class for fusepy would look the same, and runs here unchanged."""

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if path == "/hello":
            return {"st_mode": stat.S_IFREG | 0o444, "st_nlink": 1, "st_size": len(TEXT)}
        raise FuseOSError(errno.ENOENT)

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", "hello"]

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return TEXT[offset : offset + size]


if __name__ == "__main__":
    mount(Hello(), sys.argv[1], *sys.argv[2:3])
