"""File systems that tests serve: old habits, bad habits, and broken ones."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Any

from dualfuse.context import fuse_get_context
from dualfuse.instrument import Instrument
from dualfuse.operations import FuseOSError, LoggingMixIn, Operations
from dualfuse.samples.loopback import Loopback
from dualfuse.samples.memory import Memory

FILE = {"st_mode": stat.S_IFREG | 0o644, "st_nlink": 1, "st_size": 1000}
DIRECTORY = {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
# the kernel takes no answer with an errno above 511, libfuse none above 999, and the C languages none above an int
NO_ERRNOS: dict[str, Any] = {
    "/errno-512": 512, "/errno-999": 999, "/errno-1000": 1000, "/errno-large": 1 << 40, "/errno-float": 2.5,
    "/errno-text": "ENOENT", "/errno-negative": -2,
}  # fmt: skip


class Broken(Operations):
    """Every name chooses what goes wrong."""

    def getattr(self, path: str, fh: int | None = None) -> Any:
        answers: dict[str, Any] = {
            "/": DIRECTORY,
            "/none": None,
            "/list": [1, 2],
            "/no-mode": {"st_size": 5},
            "/text-size": {**FILE, "st_size": "many"},
            "/huge-size": {**FILE, "st_size": 1 << 80},
            "/text-time": {**FILE, "st_mtime": "now"},
        }
        if path == "/raise":
            raise ValueError("user code is wrong")
        if path == "/exit":
            sys.exit(3)
        if path == "/no-errno":
            raise OSError("no errno at all")
        if path in NO_ERRNOS:
            raise OSError(NO_ERRNOS[path], "no errno that there is")
        if path == "/interrupt":
            raise KeyboardInterrupt
        return answers.get(path, FILE)

    def read(self, path: str, size: int, offset: int, fh: int) -> Any:
        return {
            "/too-long": b"x" * (size + 1),
            "/read-text": "text",
            "/read-none": None,
            "/read-number": 12,
            "/read-array": bytearray(b"array")[:size] if offset == 0 else b"",
            "/read-view": memoryview(b"view")[:size] if offset == 0 else b"",
        }.get(path, b"fine"[:size] if offset == 0 else b"")

    def open(self, path: str, flags: int) -> Any:
        return {"/open-none": None, "/open-text": "3", "/open-big": 1 << 63}.get(path, 0)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> Any:
        return {"/write-more": len(data) + 1, "/write-text": "5", "/write-negative": -errno.ENOSPC}.get(path, len(data))

    def readdir(self, path: str, fh: int) -> Any:
        if path == "/":
            return iter([".", "..", "fine", "raise"])
        return {"/dir-numbers": [1, 2], "/dir-none": None}.get(path, self._failing_generator())

    def _failing_generator(self) -> Any:
        yield "one"
        raise RuntimeError("in the middle of a listing")

    def readlink(self, path: str) -> Any:
        return 7

    def chmod(self, path: str, mode: int) -> Any:
        return {
            "/status-text": "done",
            "/status-positive": 5,
            "/status-negative": -errno.EACCES,
            "/status-no-errno": -600,
        }.get(path)

    def statfs(self, path: str) -> Any:
        return {"f_bsize": "big"}

    def getxattr(self, path: str, name: str, position: int = 0) -> Any:
        return {"user.text": "text", "user.number": 5}.get(name, b"value")

    def listxattr(self, path: str) -> Any:
        return [5] if path == "/bad-names" else ["user.a", "user.b"]

    def truncate(self, path: str, length: int, fh: int | None = None) -> None:
        return None

    def unlink(self, path: str) -> None:
        return None


class BrokenDirectories(Broken):
    """The same, with every /dir-* a directory."""

    def getattr(self, path: str, fh: int | None = None) -> Any:
        return DIRECTORY if path.startswith("/dir-") else super().getattr(path, fh)


class Duck:
    """Inherits nothing, implements little, answers times as floats."""

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        if path == "/":
            return DIRECTORY
        if path == "/file":
            return {"st_mode": FILE["st_mode"], "st_size": 4, "st_mtime": 1234567890.25}
        raise FuseOSError(errno.ENOENT)

    def readdir(self, path: str, fh: int) -> list[tuple[str, dict[str, Any] | None, int]]:
        return [(".", None, 0), ("..", None, 0), ("file", {"st_mode": stat.S_IFREG}, 0)]

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return b"duck"[offset : offset + size]


class Logged(LoggingMixIn, Memory):
    """A class whose ``__call__`` sees every operation and writes it to a file."""

    def __init__(self, log: str) -> None:
        super().__init__()
        self._seen = Path(log).open("a", buffering=1)  # noqa: SIM115

    def __call__(self, op: str, path: str, *args: Any) -> Any:
        self._seen.write(f"{op} {path} {args!r:.100}\n")
        return super().__call__(op, path, *args)


class Recorder(Loopback):
    """Writes the arguments of every operation to a file, from inside the methods."""

    def __init__(self, root: str, log: str) -> None:
        super().__init__(root)
        self._log = Path(log).open("a", buffering=1)  # noqa: SIM115
        for name in (
            "create",
            "mknod",
            "mkdir",
            "open",
            "truncate",
            "release",
            "utimens",
            "getattr",
            "init",
            "destroy",
        ):
            setattr(self, name, self._recorded(name, getattr(self, name)))

    def _recorded(self, name: str, method: Any) -> Any:
        def recorded(*args: Any) -> Any:
            self._log.write(f"{name} {args!r}\n")
            return method(*args)

        return recorded


class FloatTimes(Loopback):
    """Times as float seconds, fusepy's old default."""

    use_ns = False

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        result = super().getattr(path, fh)
        status = os.lstat(self._real(path))
        for name in ("st_atime", "st_mtime", "st_ctime"):
            result[name] = getattr(status, name)
        return result

    def utimens(self, path: str, times: tuple[float, float] | None = None) -> None:
        assert times is not None and all(isinstance(each, float) for each in times)
        os.utime(self._real(path), times, follow_symlinks=False)


class Context(Operations):
    """The file /OPERATION tells who called that operation, asked by a function that was imported early or late."""

    def __init__(self, imported: str = "") -> None:
        self._seen: dict[str, str] = {}
        self._ask: Any = fuse_get_context
        if imported == "early":
            self._import()
        self._is_late = imported == "late"

    def _import(self) -> None:
        from fuse import fuse_get_context as ask

        self._ask = ask

    def _note(self, operation: str) -> None:
        if self._is_late:
            self._import()
        self._seen[operation] = " ".join(map(str, self._ask()))

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        self._note("getattr")
        if path == "/new" and "mkdir" not in self._seen:
            raise FuseOSError(errno.ENOENT)
        return DIRECTORY if path in {"/", "/new"} else FILE

    def open(self, path: str, flags: int) -> int:
        self._note("open")
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        self._note("read")
        return self._seen.get(path[1:], "never").encode()[offset : offset + size]

    def mkdir(self, path: str, mode: int) -> None:
        self._note("mkdir")


class Hanging(Memory):
    """Reading /hang never ends; reading /together-… ends when that many of them are read at the same time."""

    TOGETHER = 6

    def __init__(self) -> None:
        super().__init__()
        self._inside: set[str] = set()
        self._more = threading.Condition()

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        if path == "/hang":
            threading.Event().wait()
        if path.startswith("/together-"):
            with self._more:
                self._inside.add(path)
                self._more.notify_all()
                if not self._more.wait_for(lambda: len(self._inside) == self.TOGETHER, 60):
                    raise FuseOSError(errno.ETIMEDOUT)
        return super().read(path, size, offset, fh)


class FailingInit(Memory):
    """Refuses to start."""

    def init(self, path: str) -> None:
        raise RuntimeError("no disk today")


class Counted:
    """An instrumented memory file system that writes its counts to a file at the end."""

    def __new__(cls, log: str) -> Any:
        class Reporting(Memory):
            def destroy(self, path: str) -> None:
                Path(log).write_text(json.dumps(instrument.snapshot()))

        instrument = Instrument(Reporting(), backend="here")
        return instrument


class Meeting(Operations):
    """Every file reads how many reads have run at once at most: each waits a while for as many as ``GUESTS``."""

    GUESTS = 16

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._there = self._most = 0

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        return DIRECTORY if path == "/" else {**FILE, "st_size": 4096}

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        with self._arrived:
            self._there += 1
            self._most = max(self._most, self._there)
            self._arrived.notify_all()
            self._arrived.wait_for(lambda: self._most >= self.GUESTS, 1.0)
            self._there -= 1
            return str(self._most).encode().ljust(size)


class Forking(Operations):
    """Reading /child forks one, ends it with TERM and tells the number of the signal that it died of."""

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        return DIRECTORY if path == "/" else FILE

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        ready, tell = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(tell, b"ready")
            time.sleep(5)
            os._exit(0)
        os.read(ready, 5)
        os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)
        os.close(ready)
        os.close(tell)
        return str(os.WTERMSIG(status)).encode() if offset == 0 else b""
