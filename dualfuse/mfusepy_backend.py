"""Serve an Operations object on mfusepy and libfuse3: fusepy's interface and threads on the newer library.

Threading rule: as fusepy: libfuse3's high-level loop runs operations in threads of its own. Optional: install mfusepy.
"""

import os
from typing import Any

from dualfuse.fusepy_backend import FusepyBackend, Served


class _Served(Served):
    """libfuse3 leaves O_TRUNC in the flags of open; libfuse2, which classes are written for, truncates by path."""

    def open(self, path: str, flags: int) -> Any:
        """Open, then truncate."""
        operations: Any = self.operations
        handle = operations.open(path, flags & ~os.O_TRUNC)
        if flags & os.O_TRUNC:
            operations.truncate(path, 0)
        return handle


class MfusepyBackend(FusepyBackend):
    """mfusepy on libfuse3."""

    name = "mfusepy"
    module = "mfusepy"
    helper = "fusermount3"
    served = _Served

    def _load(self) -> Any:
        os.environ.setdefault("FUSE_LIBRARY_NAME", "fuse3")  # where both are installed it would take libfuse2
        return super()._load()
