"""Serve an Operations object on mfusepy and libfuse3: fusepy's interface and threads on the newer library.

Threading rule: as fusepy: libfuse3's high-level loop runs operations in threads of its own. Optional: install mfusepy.
"""

from __future__ import annotations

import errno
import os
from typing import Any

from dualfuse.fusepy_backend import Corrections, FusepyBackend, Served


class _Served(Served):
    """libfuse3 leaves O_TRUNC in the flags of open; libfuse2, which classes are written for, truncates by path."""

    def open(self, path: str, flags: int) -> Any:
        """Open, then truncate."""
        operations: Any = self.operations
        handle = 0 if operations.open is None else operations.open(path, flags & ~os.O_TRUNC)
        if flags & os.O_TRUNC:
            if operations.truncate is None:
                # to ENOSYS the kernel says: then nothing needs to be opened
                raise OSError(errno.EOPNOTSUPP, "truncate is not implemented")
            operations.truncate(path, 0)
        return handle


class _Corrections(Corrections):
    """mfusepy forgets the flags of rename: what must not replace a file would, and an exchange would lose one."""

    def rename_fuse_3(self, old: bytes, new: bytes, flags: int) -> Any:
        """Rename; flags are refused, as by libfuse2."""
        if flags:
            raise OSError(errno.EINVAL, "rename takes no flags here")
        library: Any = self
        return library.rename_fuse_2(old, new)


class MfusepyBackend(FusepyBackend):
    """mfusepy on libfuse3."""

    name = "mfusepy"
    module = "mfusepy"
    helper = "fusermount3"
    served = _Served
    corrections = _Corrections
    end_by_signal = 8  # see fuse_main(3)

    def _load(self) -> Any:
        os.environ.setdefault("FUSE_LIBRARY_NAME", "fuse3")  # where both are installed it would take libfuse2
        return super()._load()
