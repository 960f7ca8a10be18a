"""A session of pyfuse3: what the library is given to call, and its opening and closing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from dualfuse.cstderr import CapturedStderr
from dualfuse.errors import MountError
from dualfuse.guard import Guard
from dualfuse.requests import Requests
from dualfuse.session_loop import Handler

_REQUESTS = frozenset((
    "lookup", "forget", "getattr", "setattr", "readlink", "mknod", "mkdir", "unlink", "rmdir", "symlink", "rename",
    "link", "open", "read", "write", "flush", "release", "fsync", "opendir", "readdir", "releasedir", "fsyncdir",
    "statfs", "setxattr", "getxattr", "listxattr", "removexattr", "access", "create", "poll",
))  # fmt: skip


class Session:
    """What pyfuse3 sees as its Operations: one awaitable a request, each handing its work out.

    No other method may be named like a request: the object makes and keeps those when the first of a kind comes. Most
    kinds never do.
    """

    supports_dot_lookup = False
    enable_acl = False

    def __init__(self, pyfuse3: Any, operations: Guard, writeback_cache: bool) -> None:
        self._pyfuse3 = pyfuse3
        self.enable_writeback_cache = writeback_cache
        self.operations: Any = operations
        self.started = self.begun = False
        self.is_open = False  # between pyfuse3's init and close; stays so where a thread is left behind
        self.failure: OSError | None = None
        self._make: Callable[[str], Handler]

    def init(self) -> None:
        """Called by pyfuse3 when the kernel says hello."""
        self.started = True
        self.begin()

    def begin(self) -> None:
        """Run the class's init, once."""
        if self.begun or self.operations.init is None:
            return
        self.begun = True
        try:
            self.operations.init("/")
        except OSError as error:
            self.failure = error
            self._pyfuse3.terminate()

    def finish(self) -> None:
        """Run the class's destroy, once and only if the mount was ever used."""
        if self.started and self.operations.destroy is not None:
            self.started = False
            with contextlib.suppress(OSError):  # the guard has logged and counted it; the mount ends all the same
                self.operations.destroy("/")

    def stacktrace(self) -> None:
        """pyfuse3 offers its stack by an attribute; dualfuse does not."""

    def answer_with(self, requests: Requests, hand_out: Callable[[Handler], Any]) -> None:
        """Answer every kind of request, handed out by this to whoever runs it."""
        answer = requests.answering()
        self._make = lambda name: hand_out(answer(getattr(requests, name)))

    def __getattr__(self, name: str) -> Handler:
        if name not in _REQUESTS:
            raise AttributeError(name)
        handler = self._make(name)
        setattr(self, name, handler)
        return handler

    def mount(self, path: str, words: set[str]) -> None:
        """Mount. Raises MountError with libfuse's own words."""
        captured = CapturedStderr().start()
        try:
            self._pyfuse3.init(self, path, words)
        except RuntimeError as error:
            raise MountError(f"cannot mount {path}: {error}", stderr=captured.stop(forward=False)) from error
        finally:
            captured.stop()
        self.is_open = True

    def unmount(self) -> None:
        """Unmount, and free what no thread uses any more."""
        self._pyfuse3.close()
        self.is_open = False
