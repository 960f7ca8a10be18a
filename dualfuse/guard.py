"""Make any Operations object safe to serve: every exception and every wrong return value becomes an errno.

On pyfuse3 an unhandled exception ends the main loop and leaves a dead mount; on fusepy it becomes EINVAL. Behind a
guard both answer EIO, write a log line, count it, and live.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Mapping
from typing import Any

from dualfuse.asynchronous import asynchronous_operations, portal_for
from dualfuse.operations import OPERATIONS, DirectHandle, bind, inherits_default

log = logging.getLogger("dualfuse")

Check = Callable[[Any, tuple[Any, ...]], Any]
LARGEST_ERRNO = 511  # the kernel throws an answer with a larger one away, and the caller would wait for ever


class BadReturnError(TypeError):
    """An operation returned something that libfuse cannot use."""


def _status(result: Any, _args: tuple[Any, ...]) -> int:
    """Allow None and 0, and the negative errno that C habits make some classes return."""
    if result is None or result == 0:
        return 0
    if isinstance(result, int) and result < 0:
        raise OSError(-result, "negative return value")
    raise BadReturnError(f"expected None or 0, got {result!r:.80}")


def _anything(_result: Any, _args: tuple[Any, ...]) -> int:
    return 0


def _count(result: Any, args: tuple[Any, ...]) -> int:
    if not isinstance(result, int):
        if result is None:
            return 0
        raise BadReturnError(f"write must return a number of bytes, got {result!r:.80}")
    if result < 0:
        raise OSError(-result, "negative return value")
    if result > len(args[1]):
        raise BadReturnError(f"write returned {result} for {len(args[1])} bytes")
    return result


def _data(result: Any, args: tuple[Any, ...]) -> bytes:
    if type(result) is not bytes:
        if not result:
            return b""
        if isinstance(result, int) and result < 0:
            raise OSError(-result, "negative return value")
        if not isinstance(result, (bytes, bytearray, memoryview)):
            raise BadReturnError(f"read must return bytes, got {type(result).__name__}")
        result = bytes(result)
    data: bytes = result
    if len(data) > args[1]:
        raise BadReturnError(f"read returned {len(data)} bytes where {args[1]} were asked")
    return data


def _handle(result: Any, _args: tuple[Any, ...]) -> int:
    if not isinstance(result, int):
        raise BadReturnError(f"expected a file handle (int), got {result!r:.80}")
    return result if isinstance(result, DirectHandle) else result & 0xFFFFFFFFFFFFFFFF


def _attributes(result: Any, _args: tuple[Any, ...]) -> Mapping[str, Any]:
    if not isinstance(result, (dict, Mapping)):
        raise BadReturnError(f"expected a dictionary of attributes, got {type(result).__name__}")
    return result


def _names(result: Any, _args: tuple[Any, ...]) -> list[Any]:
    entries = list(result)
    for kind in set(map(type, entries)):
        if kind is not str and not issubclass(kind, (str, tuple)):
            raise BadReturnError(f"readdir must give names or (name, attributes, offset), got {kind.__name__}")
    return entries


def _text(result: Any, _args: tuple[Any, ...]) -> str:
    if not isinstance(result, str) or "\0" in result:
        raise BadReturnError(f"readlink must return a string, got {result!r:.80}")
    return result


def _value(result: Any, _args: tuple[Any, ...]) -> bytes:
    if isinstance(result, str):
        return result.encode("utf-8", "surrogateescape")
    if not isinstance(result, (bytes, bytearray, memoryview)):
        raise BadReturnError(f"getxattr must return bytes, got {type(result).__name__}")
    return bytes(result)


def _attribute_names(result: Any, _args: tuple[Any, ...]) -> list[str]:
    names = list(result or ())
    if not all(isinstance(name, str) for name in names):
        raise BadReturnError(f"listxattr must give strings, got {names!r:.80}")
    return names


_CHECKS: dict[str, Check] = {
    "read": _data, "write": _count, "open": _handle, "opendir": _handle, "create": _handle, "getattr": _attributes,
    "statfs": _attributes, "readdir": _names, "readlink": _text, "getxattr": _value, "listxattr": _attribute_names,
    # libfuse ignores what these return
    "release": _anything, "releasedir": _anything, "init": _anything, "destroy": _anything,
}  # fmt: skip


class Guard:
    """An Operations object behind a guard: it raises nothing but OSError and returns nothing that libfuse cannot use.

    ``exceptions`` counts what the guard turned into EIO. Operations that the class does not implement are None.
    """

    def __init__(self, operations: object) -> None:
        self.operations = operations
        self.exceptions = 0
        self.use_ns = bool(getattr(operations, "use_ns", False))
        for flag in ("flag_nullpath_ok", "flag_nopath", "flag_utime_omit_ok"):
            if hasattr(operations, flag):
                setattr(self, flag, getattr(operations, flag))
        self.portal = portal_for(operations)
        for name in OPERATIONS:
            call = bind(operations, name)
            if call is not None and self.portal is not None:
                call = self.portal.settled(call)
            setattr(self, name, None if call is None else self._protect(name, call, _CHECKS.get(name, _status)))

    def __call__(self, operation: str, *args: Any) -> Any:
        """Run one operation by name, as fusepy does."""
        method: Any = getattr(self, operation)
        return method(*args)

    def implements(self, name: str) -> bool:
        """Whether the class does anything of its own for this operation."""
        return getattr(self, name) is not None and not inherits_default(self.operations, name)

    def only_coroutines(self) -> bool:
        """Whether every operation that the class implements is one, so that none of them blocks an event loop."""
        found = set(asynchronous_operations(self.operations)) | {"init", "destroy"}
        return all(name in found or not self.implements(name) for name in OPERATIONS)

    def close(self) -> None:
        """End the event loop of an asynchronous class, after the last operation."""
        if self.portal is not None:
            self.portal.close()

    def report(self, operation: str, error: BaseException) -> None:
        """Count and log what user code did wrong."""
        self.exceptions += 1
        log.error("operation %s failed with an unexpected exception, the caller gets EIO", operation, exc_info=error)

    def _protect(self, name: str, call: Callable[..., Any], check: Check) -> Callable[..., Any]:
        def guarded(*args: Any) -> Any:
            try:
                return check(call(*args), args)
            except BaseException as error:
                failure = self._errno(name, error)
                if failure is error:
                    raise
                raise failure from error

        return guarded

    def _errno(self, name: str, error: BaseException) -> OSError:
        """Return what an operation's error is answered with: itself if it is an errno, else EIO, which is reported."""
        if isinstance(error, OSError):
            if isinstance(error.errno, int) and 0 < error.errno <= LARGEST_ERRNO:
                return error
            why = f"an OSError without an errno that there is: {error.errno!r:.80}"
        else:
            why = f"{type(error).__name__} in {name}"
        self.report(name, error)
        return OSError(errno.EIO, why)


def guard(operations: object) -> Guard:
    """Put an Operations object behind a guard, unless it is behind one already."""
    return operations if isinstance(operations, Guard) else Guard(operations)
