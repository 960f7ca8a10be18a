"""Serve an Operations object on pyfuse3 and libfuse3: the life of a mount, nothing else.

Threading rule: ``mount`` runs ``dualfuse.loop`` in the calling thread; user operations run there and, while one of them
blocks, in the loop's followers. On the stock loop (the fallback) they run in trio's worker threads.
"""

import contextlib
import logging
import os
import signal
import threading
from typing import Any

from dualfuse import insides, options
from dualfuse.attributes import AttributeFiller
from dualfuse.backend import log_notes, prepare_mountpoint, unmount
from dualfuse.context import redirect
from dualfuse.cstderr import CapturedStderr
from dualfuse.errors import MountError
from dualfuse.guard import Guard, guard
from dualfuse.loop import MAX_THREADS, Loop, hand_out
from dualfuse.requests import Requests

log = logging.getLogger("dualfuse")

_REQUESTS = (
    "lookup", "forget", "getattr", "setattr", "readlink", "mknod", "mkdir", "unlink", "rmdir", "symlink", "rename",
    "link", "open", "read", "write", "flush", "release", "fsync", "opendir", "readdir", "releasedir", "fsyncdir",
    "statfs", "setxattr", "getxattr", "listxattr", "removexattr", "access", "create", "poll",
)  # fmt: skip

# pyfuse3 knows one session a process, by a global that every request reads: a second one would take its place under the
# threads that serve it, and its end would free what they use. Held from the mount until nothing uses the session.
_SESSION = threading.Lock()
_READDIRPLUS: dict[options.Value, str] = {"yes": "plus", True: "plus", "no": "plain", "auto": "auto"}


class _Session:
    """What pyfuse3 sees as its Operations: one awaitable a request, each handing its work out."""

    supports_dot_lookup = False
    enable_acl = False

    def __init__(self, operations: Guard, writeback_cache: bool) -> None:
        self.enable_writeback_cache = writeback_cache
        self.operations: Any = operations
        self.started = self.begun = False
        self.is_open = False  # between pyfuse3's init and close; stays so where a thread is left behind
        self.failure: OSError | None = None
        self.on_failure: Any = None

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
            self.on_failure()

    def finish(self) -> None:
        """Run the class's destroy, once and only if the mount was ever used."""
        if self.started and self.operations.destroy is not None:
            self.started = False
            with contextlib.suppress(OSError):  # the guard has logged and counted it; the mount ends all the same
                self.operations.destroy("/")

    def stacktrace(self) -> None:
        """pyfuse3 offers its stack by an attribute; dualfuse does not."""


class Pyfuse3Backend:
    """pyfuse3 on libfuse3."""

    name = "pyfuse3"

    def __init__(self) -> None:
        self._operations: object | None = None

    def unavailable(self) -> str | None:
        """Say why pyfuse3 cannot be used here, None if it can."""
        try:
            insides.load()
        except ImportError as error:
            return f"pyfuse3: {error}"
        return None

    def versions(self) -> dict[str, str]:
        """Give the version of pyfuse3, and libfuse3's from the name of its shared library."""
        self.unavailable()
        return {"pyfuse3": insides.installed_version("pyfuse3") or "none", "libfuse3": _libfuse3_version()}

    def get_operations(self) -> object | None:
        """Give the Operations object that is being served."""
        return self._operations

    def unmount(self, mountpoint: str) -> None:
        """Detach the mount lazily."""
        unmount(mountpoint, "fusermount3")

    def mount(self, operations: object, mountpoint: str, **given: Any) -> None:
        """Mount and serve until unmounted or signalled; see ``dualfuse.mount``."""
        plan = options.plan(given, self.name)
        log_notes(plan.notes)
        _check_encoding(str(plan.adapter.get("encoding", "utf-8")))
        words = _library_options(plan.library, operations)
        path = prepare_mountpoint(mountpoint, bool(plan.adapter.get("nonempty")))
        problem = self.unavailable()
        if problem is not None:
            raise MountError(problem)
        pyfuse3 = insides.load()
        reasons = insides.reasons_against(pyfuse3)
        if plan.adapter.get("stock_loop"):
            reasons.append("the option stock_loop asks for it")
        guarded = guard(operations)
        session = _Session(guarded, bool(plan.adapter.get("writeback_cache")))
        if not _SESSION.acquire(blocking=False):
            raise MountError(
                f"cannot mount {path}: pyfuse3 serves one mount a process",
                remedy="serve it from a process of its own, or with another backend",
            )
        self._operations = operations
        try:
            with redirect():
                requests = _requests(pyfuse3, guarded, plan.adapter)
                if reasons:
                    log.warning("serving with pyfuse3's own, slower loop: %s", "; ".join(reasons))
                    _serve_stock(pyfuse3, session, requests, path, words)
                else:
                    threads = options.whole({"max_threads": MAX_THREADS, **plan.adapter}, "max_threads")
                    _serve(pyfuse3, session, requests, path, words, threads)
                session.finish()
        finally:
            guarded.close()
            self._operations = None
            if not session.is_open:
                _SESSION.release()
        if session.failure is not None:
            raise MountError(f"the file system's init failed: {session.failure}") from session.failure


def _requests(pyfuse3: Any, operations: Guard, adapter: dict[str, options.Value]) -> Requests:
    filler = AttributeFiller(
        pyfuse3.EntryAttributes,
        operations.use_ns,
        options.number(adapter, "entry_timeout", 1.0),
        options.number(adapter, "attr_timeout", 1.0),
    )
    for name, base in (("uid", 10), ("gid", 10), ("umask", 8)):
        if name in adapter:
            setattr(filler, name, options.whole(adapter, name, base))
    return Requests(
        pyfuse3,
        operations,
        filler,
        negative_timeout=options.number(adapter, "negative_timeout", 0.0),
        keep_cache=bool(adapter.get("keep_cache", False)),
        direct_io=bool(adapter.get("direct_io", False)),
        readdir_ino=bool(adapter.get("readdir_ino", False)),
        hard_remove=bool(adapter.get("hard_remove", False)),
        readdirplus=options.one_of(adapter, "readdirplus", _READDIRPLUS, "auto"),
    )


def _check_encoding(encoding: str) -> None:
    if encoding.lower().replace("_", "-") not in {"utf-8", "utf8"}:
        raise MountError(
            f"mount option encoding={encoding} cannot be used with pyfuse3: names are UTF-8",
            remedy="remove encoding: names that are not UTF-8 reach the class as os.fsdecode gives them",
        )


def _library_options(library: dict[str, options.Value], operations: object) -> set[str]:
    library.setdefault("fsname", type(getattr(operations, "operations", operations)).__name__)
    words = set()
    for name, value in library.items():
        word = name if value is True else f"{name}={value}"
        if not word.isascii():
            raise MountError(f"pyfuse3 takes ASCII options only, not {word!r}", remedy="use an ASCII fsname")
        words.add(word.replace("\\", "\\\\").replace(",", "\\,"))
    return words


def _initialise(pyfuse3: Any, session: _Session, path: str, words: set[str]) -> None:
    captured = CapturedStderr().start()
    try:
        pyfuse3.init(session, path, words)
    except RuntimeError as error:
        raise MountError(f"cannot mount {path}: {error}", stderr=captured.stop(forward=False)) from error
    finally:
        captured.stop()
    session.is_open = True


def _close(pyfuse3: Any, session: _Session) -> None:
    pyfuse3.close()
    session.is_open = False


def _serve(
    pyfuse3: Any, session: _Session, requests: Requests, path: str, words: set[str], threads: int
) -> None:  # fmt: skip
    loop, hand_out = _loop(pyfuse3, session, requests, threads)
    for name in _REQUESTS:
        setattr(session, name, hand_out(requests.answer(getattr(requests, name))))
    try:
        _initialise(pyfuse3, session, path, words)
        session.on_failure = pyfuse3.terminate
        ended = False
        try:
            ended = loop.run()
        finally:
            if ended:
                _close(pyfuse3, session)
            else:  # a thread still uses the session: take the mount away, leave the rest to the end of the process
                _force_unmount(path)
    finally:
        loop.close()


def _loop(pyfuse3: Any, session: _Session, requests: Requests, threads: int) -> tuple[Any, Any]:
    """Choose the loop: trio's own for a class that has nothing but trio coroutines, else dualfuse's threads."""
    portal = session.operations.portal
    if portal is not None and portal.library == "trio" and session.operations.only_coroutines():
        try:
            from dualfuse import trio_loop
        except ImportError as error:
            log.warning("coroutines run in a thread of their own, which is slower: %s", error)
        else:
            portal.direct = trio_loop.wait_for
            requests.locks = trio_loop.path_locks()
            native = trio_loop.TrioLoop(pyfuse3, session.begin, session.finish)
            return native, native.hand_out
    return Loop(pyfuse3, threads), hand_out


def _force_unmount(path: str) -> None:
    try:
        unmount(path, "fusermount3")
    except MountError as error:
        log.warning("%s", error)


def _serve_stock(pyfuse3: Any, session: _Session, requests: Requests, path: str, words: set[str]) -> None:
    """Serve with ``pyfuse3.main`` on trio, operations in worker threads."""
    trio = insides.use_real_trio(pyfuse3)

    limit = trio.CapacityLimiter(MAX_THREADS)  # trio's own would let the 41st operation wait for the forty before it

    def in_thread(handler: Any) -> Any:
        async def request(*args: Any) -> Any:
            return await trio.to_thread.run_sync(handler, *args, limiter=limit)

        return request

    for name in _REQUESTS:
        setattr(session, name, in_thread(requests.answer(getattr(requests, name))))
    _initialise(pyfuse3, session, path, words)
    session.on_failure = pyfuse3.terminate

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop_on_signal)
            await pyfuse3.main(max_tasks=MAX_THREADS)
            nursery.cancel_scope.cancel()

    async def stop_on_signal() -> None:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            async for _ in signals:
                pyfuse3.terminate()

    try:
        trio.run(main)
    finally:
        _close(pyfuse3, session)


def _libfuse3_version() -> str:
    """Read the version from the name of the shared library that this process maps."""
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:  # noqa: PTH123
        for line in maps:
            name = os.path.basename(line.rstrip())  # noqa: PTH119
            if "libfuse3" in name:
                return name
    return "none"
