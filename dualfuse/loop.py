"""The loop that drives pyfuse3: one blocking leader, followers only while an operation blocks.

Threading rule: exactly one thread, the leader, waits for requests and runs their operations itself. When an operation
takes longer than a tick, a watcher hands the lead to another thread; a kind of operation that usually blocks hands it
over before it starts. Nothing else ever reads the device. The main thread only waits, so that a hang in user code can
not keep the process from ending (but with one thread only, it is that one).

Why not ``pyfuse3.main``: one trio task a request costs more than libfuse2's threads, and a thread an operation three to
eight times as much. What is used of pyfuse3's insides (version checked by ``dualfuse.insides``, stock loop otherwise):

- ``pyfuse3._session_loop`` looks ``trio`` up in its module, so an object with the same few names can stand in for it;
- it is a coroutine: a request handler that yields hands its operation out to whoever drives the coroutine. User code
  must run out there: pyfuse3 holds a handler that has not yielded yet by one global only, and another thread that reads
  the next request would free it;
- ``fuse_session_receive_buf`` keeps the GIL, so the descriptor must not block: the waiting is done in ``Lead``;
- ``pyfuse3.close`` frees the session, so every thread must have ended before.
"""

import logging
import threading
import time
import types
from collections.abc import Generator
from typing import Any

from dualfuse.lead import Lead, Over
from dualfuse.session_loop import JOIN_TIMEOUT, READY, Handler, NoLock, Ready, requests_of
from dualfuse.watcher import Watcher

log = logging.getLogger("dualfuse")

SLOW = 0.0003  # seconds: a kind of operation that mostly sleeps longer hands the lead over before it starts
MAX_THREADS = 1000


def hand_out(handler: Handler) -> Handler:
    """Make a request handler of pyfuse3 that yields its work to the thread that drives the coroutine."""

    @types.coroutine
    def request(*args: Any) -> Generator[tuple[Handler, tuple[Any, ...]], Any, Any]:
        return (yield handler, args)

    return request


class _Thread:
    """One thread that drives a session: it leads, waits for the lead, or runs an operation."""

    __slots__ = ("leading", "native")

    def __init__(self) -> None:
        self.leading = False
        self.native = 0  # the kernel's number of it, once it runs


class Loop:
    """Serves one mounted pyfuse3 session until it is unmounted or ``stop`` is called."""

    # what pyfuse3 takes from the module trio
    ClosedResourceError = Over
    Lock = NoLock
    name = "dualfuse"

    def __init__(self, pyfuse3: Any, threads: int = MAX_THREADS) -> None:
        self._pyfuse3 = pyfuse3
        self._max_threads = max(1, threads)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._count = 0  # threads
        self._gone = threading.Lock()  # released by the last of them
        self._gone.acquire()
        self._closed = False
        self._failure: BaseException | None = None
        # Seconds that a kind of operation sleeps on average, for the kinds that were ever slow. Time spent computing
        # does not count: another thread could not use it.
        self._slept: dict[Handler, float] = {}
        self._lead = Lead()
        self._watcher = Watcher(self._give_lead, self._slept)
        self.lowlevel = self
        pyfuse3.trio = self

    # -- what pyfuse3 calls, in place of trio

    def current_task(self) -> "Loop":
        return self

    def notify_closing(self, _fd: int) -> None:
        """Called by ``pyfuse3.terminate``."""
        self.stop()

    def wait_readable(self, fd: int) -> Ready:
        """Wait for the lead, and for a request."""
        me: _Thread = self._local.me
        if me.leading:
            self._lead.keep(me)
        else:
            self._lead.attach(fd)
            self._lead.take(me)
            me.leading = True
        return READY

    # -- the life of the loop

    def run(self) -> bool:
        """Serve until unmounted or stopped; False if an operation still ran at the end, so nothing may be freed."""
        restore = self._lead.end_on_signals()
        try:
            if self._max_threads > 1:
                threading.Thread(target=self._watcher.watch, name="dualfuse-watcher", daemon=True).start()
            if self._max_threads == 1 or not self._start_thread():
                self._count = 1
                self._work(self._new_thread())
            self._lead.wait_for_the_end()
        finally:
            restore()
        self._watcher.end()
        ended = not self._lead.is_used() or self._gone.acquire(timeout=JOIN_TIMEOUT)
        if self._failure is not None:
            log.error("the loop ended with an error", exc_info=self._failure)
        if not ended:
            log.error("an operation did not end within %.0f s of the unmount; it is left behind", JOIN_TIMEOUT)
        return ended

    def stop(self) -> None:
        """Ask the loop to end; may be called from any thread and from a signal handler."""
        self._lead.end()

    def close(self) -> None:
        """Free what the loop holds, after ``run``, as soon as no thread asks for it any more."""
        with self._lock:
            self._closed = True
            if self._count == 0:
                self._lead.close()

    # -- leading and following

    def _new_thread(self) -> _Thread:
        me = _Thread()
        self._lead.enter(me)
        return me

    def _work(self, me: _Thread) -> None:
        self._local.me = me
        me.native = threading.get_native_id()
        try:
            while not self._lead.is_over:
                try:
                    self._drive(requests_of(self._pyfuse3), me)
                except BlockingIOError:
                    continue
                break
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits in run
            self._failure = error
        finally:
            self._lead.leave(me)
            if me.leading:
                self._lead.end()
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._count -= 1
            if self._count:
                return
            self._gone.release()
            if self._closed:
                self._lead.close()

    def _drive(self, session: Any, me: _Thread) -> None:
        """Run the operations that one session coroutine hands out, until it ends."""
        send, watcher, slept = session.send, self._watcher, self._slept
        shared = self._max_threads > 1
        try:
            handler, args = send(None)
            while True:
                usual = slept.get(handler)
                watched = False
                if me.leading and shared:
                    if usual is not None and usual > SLOW:
                        me.leading = False
                        self._give_lead()
                    else:
                        watched = True
                        watcher.begin(args, me.native)
                computed = time.thread_time() if usual is not None else 0.0
                started = time.perf_counter()
                failure: BaseException | None = None
                value = None
                try:
                    value = handler(*args)
                except BaseException as error:  # noqa: BLE001 - handlers raise FUSEError only; it goes to the caller
                    failure = error
                taken = time.perf_counter() - started
                if watched:
                    me.leading = watcher.finish()
                if usual is not None:
                    # Capped, so that it takes several sleeps in a row and not one long wait for a processor.
                    sleep = min(taken - (time.thread_time() - computed), 2 * SLOW)
                    slept[handler] = usual + (sleep - usual) * 0.125
                elif taken > SLOW:
                    slept[handler] = 0.0  # look closer from now on
                args = ()  # a forget of 65,000 inodes must not stay until the next request of this thread
                handler, args = session.throw(failure) if failure is not None else send(value)
        except StopIteration:
            return

    def _give_lead(self) -> None:
        """Let another thread lead: one that waits for it, or else a new one."""
        if not self._lead.give() and not self._lead.is_over:
            self._start_thread()

    def _start_thread(self) -> bool:
        with self._lock:
            if self._count >= self._max_threads:
                return False
            me = self._new_thread()
            thread = threading.Thread(target=self._work, args=(me,), name="dualfuse", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                self._lead.leave(me)
                log.error("no thread can be started for a blocked operation; others wait for it")
                return False
            self._count += 1
            return True
