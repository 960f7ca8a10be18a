"""One path-based file system, unchanged, on fusepy or pyfuse3."""

from dualfuse.backend import BACKENDS, FUSEBackend, mount
from dualfuse.errors import MountError

__all__ = ["BACKENDS", "FUSEBackend", "MountError", "mount"]
