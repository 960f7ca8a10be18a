"""Serve an Operations object on pyfuse3 and libfuse3: the life of a mount, nothing else.

Threading rule: ``mount`` waits in the calling thread; user operations run in the threads of ``dualfuse.loop``, or on
trio (``dualfuse.trio_loop``, ``dualfuse.stock_loop``).
"""

from __future__ import annotations

import logging
import os
import threading
from typing import Any

from dualfuse import insides, options
from dualfuse.attributes import AttributeFiller
from dualfuse.backend import log_notes, prepare_mountpoint, unmount
from dualfuse.context import redirect
from dualfuse.errors import LoopError, MountError
from dualfuse.guard import Guard, guard
from dualfuse.loop import MAX_THREADS, Loop, hand_out
from dualfuse.mounts import mount_at
from dualfuse.requests import Requests
from dualfuse.session import Session

log = logging.getLogger("dualfuse")

# pyfuse3 knows one session a process, by a global that every request reads: a second one would take its place under the
# threads that serve it, and its end would free what they use. Held from the mount until nothing uses the session.
_SESSION = threading.Lock()
_READDIRPLUS: dict[options.Value, str] = {"yes": "plus", True: "plus", "no": "plain", "auto": "auto"}


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
        session = Session(pyfuse3, guarded, bool(plan.adapter.get("writeback_cache")))
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
                    from dualfuse import stock_loop

                    failure = stock_loop.serve(pyfuse3, session, requests, path, words)
                else:
                    threads = options.whole({"max_threads": MAX_THREADS, **plan.adapter}, "max_threads")
                    chosen = _loop(pyfuse3, session, requests, threads, bool(plan.adapter.get("ends_process")))
                    failure = _serve(*chosen, session, requests, path, words)
                session.finish()
        finally:
            guarded.close()
            self._operations = None
            if not session.is_open:
                _SESSION.release()
        if session.failure is not None:
            raise MountError(f"the file system's init failed: {session.failure}") from session.failure
        if failure is not None:
            log.error("the loop that served %s failed", path, exc_info=failure)
            left = "is still mounted, and dead" if mount_at(path) is not None else "is not mounted any more"
            others = "another backend" if reasons else "the option stock_loop or another backend"
            raise LoopError(
                f"{path} {left}: the loop that served it failed: {failure!r}",
                remedy=f"mount it again; if it fails again, use {others}",
            ) from failure


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


def _serve(
    loop: Any, hand_out: Any, session: Session, requests: Requests, path: str, words: set[str]
) -> BaseException | None:
    """Mount and serve; gives what ended the loop, if it was not asked to."""
    session.answer_with(requests, hand_out)
    try:
        session.mount(path, words)
        ended = False
        try:
            ended = loop.run()
        finally:
            if ended:
                session.unmount()
            else:  # a thread still uses the session: take the mount away, leave the rest to the end of the process
                _force_unmount(path)
    finally:
        loop.close()
    failure: BaseException | None = loop.failure
    return failure


def _loop(pyfuse3: Any, session: Session, requests: Requests, threads: int, ends_process: bool) -> tuple[Any, Any]:
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
    return Loop(pyfuse3, threads, ends_process), hand_out


def _force_unmount(path: str) -> None:
    try:
        unmount(path, "fusermount3")
    except MountError as error:
        log.warning("%s", error)


def _libfuse3_version() -> str:
    """Read the version from the name of the shared library that this process maps."""
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:  # noqa: PTH123
        for line in maps:
            name = os.path.basename(line.rstrip())  # noqa: PTH119
            if "libfuse3" in name:
                return name
    return "none"
