"""Serve an Operations object on fusepy and libfuse2: an adapter only.

Threading rule: libfuse2 runs operations in threads of its own, as many as requests wait; with ``nothreads`` all of them
run in the thread that called ``mount``.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import warnings
from typing import Any

from dualfuse import options
from dualfuse.backend import log_notes, prepare_mountpoint, unmount
from dualfuse.context import SERVING, redirect
from dualfuse.cstderr import CapturedStderr
from dualfuse.errors import MountError
from dualfuse.guard import Guard, guard
from dualfuse.insides import installed_version
from dualfuse.operations import DirectHandle

log = logging.getLogger("dualfuse")


class Corrections:
    """Methods that take the place of the library's own; fusepy needs none."""


class Served:
    """What fusepy sees as its operations: a guarded file system that also tells when it was mounted."""

    def __init__(self, operations: Guard) -> None:
        self.operations = operations
        self.started = False
        self.failure: OSError | None = None
        self.captured = CapturedStderr()
        self.exit: Any = None
        self.opened = threading.local()  # .direct: whether what this thread opened last is a DirectHandle

    def init(self, path: str) -> None:
        """Called when the kernel says hello."""
        self.captured.stop()
        self.started = True
        init = getattr(self.operations, "init")  # noqa: B009 - made at run time
        if init is not None:
            try:
                init(path)
            except OSError as error:
                self.failure = error
                self.exit()

    def __call__(self, operation: str, *args: Any) -> Any:
        if operation == "init":
            return self.init(*args)
        result = self.operations(operation, *args)
        if operation in ("open", "create"):
            self.opened.direct = isinstance(result, DirectHandle)
        return result

    def __getattr__(self, name: str) -> Any:
        # fusepy looks for None, mfusepy for a missing attribute: both read a missing one as "not implemented"
        found = getattr(self.operations, name, None)
        if found is None:
            raise AttributeError(name)
        return found


class FusepyBackend:
    """fusepy on libfuse2."""

    name = "fusepy"
    module = "fuse"
    helper = "fusermount"
    end_by_signal: int | None = None  # what libfuse returns after a signal, if it is not 0
    corrections = Corrections
    served = Served

    def __init__(self) -> None:
        self._operations: object | None = None

    def unavailable(self) -> str | None:
        """Say why the library cannot be used here, None if it can."""
        try:
            fuse = self._load()
        except (ImportError, OSError, AttributeError) as error:  # it raises OSError when libfuse is missing
            return f"{self.name}: {error}"
        if not hasattr(fuse, "_libfuse"):
            return f"{self.name}: the module {self.module} is a stand-in without a C library"
        return None

    def _load(self) -> Any:
        return __import__(self.module)

    def versions(self) -> dict[str, str]:
        """Give the versions of the Python package and of the C library."""
        found = {self.name: installed_version(self.module) or "none"}
        if self.unavailable() is None:
            number = int(self._load()._libfuse.fuse_version())  # 29 is 2.9, 314 is 3.14
            base = 10 if number < 100 else 100
            found["libfuse"] = f"{number // base}.{number % base}"
        return found

    def get_operations(self) -> object | None:
        """Give the Operations object that is being served."""
        return self._operations

    def unmount(self, mountpoint: str) -> None:
        """Detach the mount lazily."""
        unmount(mountpoint, self.helper)

    def mount(self, operations: object, mountpoint: str, **given: Any) -> None:
        """Mount and serve until unmounted or signalled; see ``dualfuse.mount``."""
        plan = options.plan(given, self.name)
        log_notes(plan.notes)
        nonempty = bool(plan.library.get("nonempty") or plan.adapter.get("nonempty"))
        path = prepare_mountpoint(mountpoint, nonempty)
        problem = self.unavailable()
        if problem is not None:
            raise MountError(problem)
        plan.library.setdefault("fsname", type(getattr(operations, "operations", operations)).__name__)
        fuse = self._load()
        guarded = guard(operations)
        self._operations = operations
        SERVING.add(self.module)
        try:
            with redirect():
                _run(fuse, self, self.served(guarded), path, plan)
        finally:
            guarded.close()
            SERVING.discard(self.module)
            self._operations = None


def _run(fuse: Any, backend: FusepyBackend, served: Served, path: str, plan: options.Plan) -> None:
    corrections: Any = backend.corrections

    class FUSE(corrections, fuse.FUSE):  # type: ignore[misc]
        """fusepy's, with EIO for what is not an errno, and handles that say that they are direct."""

        def open(self, path: bytes, fip: Any) -> Any:
            return self._marked(super().open(path, fip), fip)

        def create(self, path: bytes, mode: int, fip: Any) -> Any:
            return self._marked(super().create(path, mode, fip), fip)

        @staticmethod
        def _marked(result: Any, fip: Any) -> Any:
            if getattr(served.opened, "direct", False):
                fip.contents.direct_io = 1
            return result

        @staticmethod
        def _wrapper(func: Any, *args: Any) -> int:
            try:
                result = func(*args) or 0
                if isinstance(result, int):
                    return result
                raise TypeError(f"{func.__name__} gave {result!r:.80}")
            except OSError as error:
                return -(error.errno or errno.EIO)
            except BaseException as error:  # noqa: BLE001 - whatever it is, the mount lives
                served.operations.report(func.__name__, error)
                return -errno.EIO

    served.exit = fuse.fuse_exit
    served.captured.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # use_ns is the class's own choice
            FUSE(
                served,
                path,
                foreground=True,
                raw_fi=bool(plan.adapter.get("raw_fi")),
                encoding=str(plan.adapter.get("encoding", "utf-8")),
                **{name: _escaped(value) for name, value in plan.library.items()},
            )
    except RuntimeError as error:
        # a signal may come before the kernel's hello
        if not served.started and error.args != (backend.end_by_signal,):
            stderr = served.captured.stop(forward=False)
            raise MountError(f"cannot mount {path}: libfuse gave up", stderr=stderr) from error
        log.info("libfuse ended with status %s", error)  # libfuse3 counts an end by a signal as one
    finally:
        served.captured.stop()
    if served.failure is not None:
        raise MountError(f"the file system's init failed: {served.failure}") from served.failure


def _escaped(value: options.Value) -> options.Value:
    return os.fspath(value).replace("\\", "\\\\").replace(",", "\\,") if isinstance(value, str) else value
