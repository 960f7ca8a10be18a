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
- ``pyfuse3.close`` frees the session, so every thread must have ended before; where the process ends, too, it is enough
  that none uses it: a thread that waits does not (see ``Lead``), and to wait for that thread makes the unmount longer.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import types
from collections.abc import Callable, Generator
from typing import Any

from dualfuse.lead import Lead, Over
from dualfuse.session_loop import JOIN_TIMEOUT, READY, Handler, NoLock, Ready, requests_of
from dualfuse.watcher import Watcher

log = logging.getLogger("dualfuse")

SLOW = 0.0003  # seconds: a kind of operation that mostly sleeps longer hands the lead over before it starts
LOOK = 7  # of so many operations of a slow kind one is timed: it is the caller who waits for the clock
MAX_THREADS = 1000
# Seconds between two askings for the interpreter. A thread that asks for it while the process ends is made to end, and
# loads libgcc_s for that, which takes longer than all the rest; the unmount wakes one, and most processes end sooner.
HUSH = 0.1


def hand_out(handler: Handler) -> Handler:
    """Make a request handler of pyfuse3 that yields its work to the thread that drives the coroutine."""

    @types.coroutine
    def request(*args: Any) -> Generator[tuple[Handler, tuple[Any, ...]], Any, Any]:
        return (yield handler, args)

    return request


class _Thread:
    """One thread that drives a session: it leads, waits for the lead, or runs an operation."""

    __slots__ = ("leading", "native", "slow")

    def __init__(self) -> None:
        self.leading = False
        self.native = 0  # the kernel's number of it, once it runs
        self.slow = 0  # how many operations of a slow kind it has run


class Loop:
    """Serves one mounted pyfuse3 session until it is unmounted or ``stop`` is called."""

    # what pyfuse3 takes from the module trio
    ClosedResourceError = Over
    Lock = NoLock
    name = "dualfuse"

    def __init__(self, pyfuse3: Any, threads: int = MAX_THREADS, ends_process: bool = False) -> None:
        self._pyfuse3 = pyfuse3
        self._max_threads = max(1, threads)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._ends_process = ends_process
        self._threads: list[threading.Thread] = []
        self._count = 0  # threads that serve
        self._restore: Callable[[], None] = lambda: None
        self._interval = 0.0  # the interpreter's own, where HUSH is in its place
        self.failure: BaseException | None = None  # what ended the loop, if it was not asked to
        # Seconds that a kind of operation sleeps on average, for the kinds that were ever slow. Time spent computing
        # does not count: another thread could not use it.
        self._slept: dict[Handler, float] = {}
        self._lead = Lead()
        self._watcher = Watcher(self._give_lead, self._slept)
        self.lowlevel = self
        pyfuse3.trio = self

    # -- what pyfuse3 calls, in place of trio

    def current_task(self) -> Loop:
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
        self._restore = self._lead.end_on_signals()
        try:
            if self._max_threads == 1 or not self._start_watcher() or not self._start_thread():
                self._max_threads = self._count = 1
                self._lead.hear_signals_as_the_only_one()
                self._work(self._new_thread())
            self._lead.wait_for_the_end()
            is_idle = not self._lead.is_used()
            if self._ends_process and is_idle:
                self._interval = sys.getswitchinterval()
                sys.setswitchinterval(HUSH)
        finally:
            self._watcher.end()
        if self._ends_process and is_idle:
            return True
        self._lead.end()
        ended = self._join(JOIN_TIMEOUT)
        if not ended:
            log.error("an operation did not end within %.0f s of the unmount; it is left behind", JOIN_TIMEOUT)
        return ended

    def stop(self) -> None:
        """Ask the loop to end; may be called from any thread and from a signal handler."""
        self._lead.end()

    def close(self) -> None:
        """Let signals do what they did before ``run``, and free what the loop holds if no thread asks for it."""
        self._restore()
        if self._interval:  # whoever asks by now has HUSH to wait; the class's destroy, or another backend, may follow
            sys.setswitchinterval(self._interval)
        if self._join(0):
            self._lead.close()

    def _join(self, seconds: float) -> bool:
        """Wait for the threads to end; False if one did not."""
        deadline = time.monotonic() + seconds
        while alive := [thread for thread in self._threads if thread.is_alive()]:  # one may just have started another
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            alive[0].join(left)
        return True

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
        except BaseException as error:  # noqa: BLE001 - raised by who mounted
            self.failure = self.failure or error
            self._lead.end()  # also where another thread leads: who waits for this one's answer would wait for ever
        finally:
            self._lead.leave(me)
            with self._lock:
                self._count -= 1
                if me.leading or self._count == 0:
                    self._lead.end()

    def _drive(self, session: Any, me: _Thread) -> None:
        """Run the operations that one session coroutine hands out, until it ends."""
        send, watcher, slept = session.send, self._watcher, self._slept
        shared = self._max_threads > 1
        try:
            handler, args = send(None)
            while True:
                usual = slept.get(handler)
                watched = False
                timed = True
                if usual is not None and usual > SLOW:
                    me.slow += 1
                    timed = me.slow % LOOK == 0
                    if me.leading and shared:
                        me.leading = False
                        self._give_lead()
                elif me.leading and shared:
                    watched = True
                    watcher.begin(args, me.native)
                computed = time.thread_time() if timed and usual is not None else 0.0
                started = time.perf_counter()
                failure: BaseException | None = None
                value = None
                try:
                    value = handler(*args)
                except BaseException as error:  # noqa: BLE001 - handlers raise FUSEError only; it goes to the caller
                    failure = error
                if watched:
                    me.leading = watcher.take_ticket()
                if timed:
                    taken = time.perf_counter() - started
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

    def _start_watcher(self) -> bool:
        try:
            threading.Thread(target=self._watcher.watch, name="dualfuse-watcher", daemon=True).start()
        except RuntimeError:
            log.error("no thread can be started: one thread serves, and an operation that blocks blocks all")
            return False
        return True

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
            self._threads = [known for known in self._threads if known.is_alive()]
            self._threads.append(thread)
            return True
