"""What a file system is: fusepy's path-based Operations, by duck typing.

A class may inherit from fusepy's or mfusepy's ``Operations``, from the one here, or from nothing at all. An attribute
that is missing or None means "not implemented", and a ``__call__`` of its own (as in a logging mixin) is called
instead of the methods, exactly as fusepy does it.
"""

# ruff: noqa: ARG002 - the defaults show every argument that an operation gets

from __future__ import annotations

import errno
import functools
import logging
import os
import stat
from collections.abc import Callable, Iterable
from typing import Any

OPERATIONS: tuple[str, ...] = (
    "access", "bmap", "chmod", "chown", "create", "destroy", "flush", "fsync", "fsyncdir", "getattr", "getxattr",
    "init", "ioctl", "link", "listxattr", "lock", "mkdir", "mknod", "open", "opendir", "read", "readdir", "readlink",
    "release", "releasedir", "removexattr", "rename", "rmdir", "setxattr", "statfs", "symlink", "truncate", "unlink",
    "utimens", "write",
)  # fmt: skip

# Modules whose class ``Operations`` has a ``__call__`` that only looks the method up, and no-op defaults.
_KNOWN_BASES = frozenset({"fuse", "mfusepy", "dualfuse.operations", "dualfuse.standin"})


class FuseOSError(OSError):
    """An error that an operation reports to its caller, by errno."""

    def __init__(self, errno: int) -> None:
        super().__init__(errno, os.strerror(errno))


class DirectHandle(int):
    """A handle that ``open`` or ``create`` may return for a file whose content the kernel must not keep.

    Every read and write of it then reaches the file system as it was made, as with the mount option direct_io: for
    files that grow while they are read, or are made when they are. mfusepy takes it for an ordinary handle.
    """


class Operations:
    """A read-only, empty file system: inherit from it and override what yours does.

    The defaults are fusepy's own, so a class can move here without libfuse2 (see ``dualfuse.standin``).
    Set ``use_ns`` to True to get and give times as integer nanoseconds instead of float seconds.
    """

    use_ns = False
    bmap = None
    lock = None

    def __call__(self, op: str, *args: Any) -> Any:
        if not hasattr(self, op):
            raise FuseOSError(errno.EFAULT)
        return getattr(self, op)(*args)

    def access(self, path: str, amode: int) -> int | None:
        return 0

    def chmod(self, path: str, mode: int) -> int | None:
        raise FuseOSError(errno.EROFS)

    def chown(self, path: str, uid: int, gid: int) -> int | None:
        raise FuseOSError(errno.EROFS)

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        raise FuseOSError(errno.EROFS)

    def destroy(self, path: str) -> None:
        return None

    def flush(self, path: str, fh: int) -> int | None:
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int | None:
        return 0

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int | None:
        return 0

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        if path != "/":
            raise FuseOSError(errno.ENOENT)
        return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}

    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        raise FuseOSError(errno.ENOTSUP)

    def init(self, path: str) -> None:
        return None

    def ioctl(self, path: str, cmd: int, arg: Any, fip: Any, flags: int, data: Any) -> int:
        raise FuseOSError(errno.ENOTTY)

    def link(self, target: str, source: str) -> int | None:
        raise FuseOSError(errno.EROFS)

    def listxattr(self, path: str) -> list[str]:
        return []

    def mkdir(self, path: str, mode: int) -> int | None:
        raise FuseOSError(errno.EROFS)

    def mknod(self, path: str, mode: int, dev: int) -> int | None:
        raise FuseOSError(errno.EROFS)

    def open(self, path: str, flags: int) -> int:
        return 0

    def opendir(self, path: str) -> int:
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        raise FuseOSError(errno.EIO)

    def readdir(self, path: str, fh: int) -> Iterable[str | tuple[str, dict[str, Any] | None, int]]:
        return [".", ".."]

    def readlink(self, path: str) -> str:
        raise FuseOSError(errno.ENOENT)

    def release(self, path: str, fh: int) -> int | None:
        return 0

    def releasedir(self, path: str, fh: int) -> int | None:
        return 0

    def removexattr(self, path: str, name: str) -> int | None:
        raise FuseOSError(errno.ENOTSUP)

    def rename(self, old: str, new: str) -> int | None:
        raise FuseOSError(errno.EROFS)

    def rmdir(self, path: str) -> int | None:
        raise FuseOSError(errno.EROFS)

    def setxattr(self, path: str, name: str, value: bytes, options: int, position: int = 0) -> int | None:
        raise FuseOSError(errno.ENOTSUP)

    def statfs(self, path: str) -> dict[str, int]:
        return {}

    def symlink(self, target: str, source: str) -> int | None:
        raise FuseOSError(errno.EROFS)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int | None:
        raise FuseOSError(errno.EROFS)

    def unlink(self, path: str) -> int | None:
        raise FuseOSError(errno.EROFS)

    def utimens(self, path: str, times: tuple[float, float] | None = None) -> int | None:
        return 0

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        raise FuseOSError(errno.EROFS)


class LoggingMixIn:
    """Logs every operation with its arguments and its result, at DEBUG."""

    log = logging.getLogger("fuse.log-mixin")

    def __call__(self, op: str, path: str, *args: Any) -> Any:
        self.log.debug("-> %s %s %s", op, path, repr(args))
        result: Any = "[Unhandled Exception]"
        try:
            result = getattr(self, op)(path, *args)
        except OSError as error:
            result = str(error)
            raise
        finally:
            self.log.debug("<- %s %s", op, repr(result))
        return result


def calls_methods_directly(operations: object) -> bool:
    """Whether the class has no ``__call__`` of its own, so that its methods can be called without a detour."""
    owners = (vars(kind)["__call__"] for kind in type(operations).__mro__ if "__call__" in vars(kind))
    call: Any = next(owners, None)
    return call is None or (call.__module__ in _KNOWN_BASES and call.__qualname__ == "Operations.__call__")


def bind(operations: object, name: str) -> Callable[..., Any] | None:
    """Give the callable that runs one operation, or None where the class does not implement it."""
    method = getattr(operations, name, None)
    if method is None:
        return None
    if calls_methods_directly(operations):
        return method  # type: ignore[no-any-return]
    through: Any = operations
    return functools.partial(through, name)


def inherits_default(operations: object, name: str) -> bool:
    """Whether an operation is only the no-op or refusal of a known ``Operations`` base, so that asking is useless.

    Never true where a ``__call__`` of the class might want to see the operation.
    """
    if not calls_methods_directly(operations) or name in getattr(operations, "__dict__", {}):
        return False
    method: Any = getattr(type(operations), name, None)
    return getattr(method, "__module__", "") in _KNOWN_BASES and method.__qualname__ == f"Operations.{name}"
