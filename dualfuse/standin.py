"""A stand-in for the module ``fuse``, for classes that still say ``from fuse import Operations`` without libfuse2.

Opt in, explicitly and before such a class is imported: ``dualfuse.standin.install()``, or ``--stand-in`` on the command
line. It has what classes use (Operations, FuseOSError, LoggingMixIn, fuse_get_context, ENOTSUP) and can mount nothing
by itself: ``fuse.FUSE`` serves through pyfuse3.
"""

from __future__ import annotations

import errno
import sys
import types
from typing import Any

from dualfuse.backend import mount
from dualfuse.context import fuse_get_context
from dualfuse.operations import FuseOSError, LoggingMixIn, Operations

ENOTSUP = errno.ENOTSUP


def FUSE(operations: object, mountpoint: str, **options: Any) -> None:  # noqa: N802 - fusepy's name
    """Mount and serve on pyfuse3, with fusepy's signature. Raises MountError."""
    mount(operations, mountpoint, "pyfuse3", **options)


def install() -> types.ModuleType:
    """Put the stand-in in the place of the module ``fuse``.

    Raises RuntimeError when fusepy itself has been imported already: classes would inherit from both.
    """
    present = sys.modules.get("fuse")
    if present is not None and present.__name__ != __name__:
        raise RuntimeError("fusepy is imported already; install the stand-in first")
    sys.modules["fuse"] = sys.modules[__name__]
    return sys.modules[__name__]


__all__ = ["ENOTSUP", "FUSE", "FuseOSError", "LoggingMixIn", "Operations", "fuse_get_context", "install"]
