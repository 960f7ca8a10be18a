"""One path-based file system, unchanged, on fusepy or pyfuse3."""

from __future__ import annotations

from dualfuse.backend import BACKENDS, FUSEBackend, mount
from dualfuse.errors import LoopError, MountError

__all__ = ["BACKENDS", "FUSEBackend", "LoopError", "MountError", "mount"]
