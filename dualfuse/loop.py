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
- ``fuse_session_receive_buf`` keeps the GIL, so the descriptor must not block: the waiting is done in ``poll``;
- ``pyfuse3.close`` frees the session, so every thread must have ended before.
"""

import fcntl
import logging
import os
import select
import signal
import threading
import time
import types
from collections.abc import Callable, Generator
from itertools import repeat
from typing import Any

log = logging.getLogger("dualfuse")

Handler = Callable[..., Any]
TICK = 0.002  # seconds: an operation that sleeps longer than one or two ticks loses the lead
CALM = 0.01  # seconds: the tick while no kind of operation has been seen to sleep
HURRY = 100  # short ticks after an operation has lost the lead: others like it may be waiting
PATIENCE = 5  # ticks: an operation that computes for so long loses the lead too
SLOW = 0.0003  # seconds: a kind of operation that mostly sleeps longer hands the lead over before it starts
MAX_THREADS = 1000
MAX_IDLE = 10  # as libfuse2
JOIN_TIMEOUT = 5.0  # seconds to wait at the end for operations that are still running
_NEVER = 1 << 30
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class _Closed(Exception):  # noqa: N818 - stands in for trio.ClosedResourceError
    pass


class _Ready(tuple[()]):
    """An awaitable that is done; it takes no Python code to await it, three times a request."""

    __slots__ = ()
    __await__ = tuple.__iter__


_READY = _Ready()


class NoLock:
    """Stands in for trio.Lock: leadership already keeps readers apart."""

    __aenter__ = repeat(_READY).__next__

    def __aexit__(self, *_: object) -> _Ready:
        return _READY


def hand_out(handler: Handler) -> Handler:
    """Make a request handler of pyfuse3 that yields its work to the thread that drives the coroutine."""

    @types.coroutine
    def request(*args: Any) -> Generator[tuple[Handler, tuple[Any, ...]], Any, Any]:
        return (yield handler, args)

    return request


class _Thread:
    """One thread that drives a session: the leader, a parked follower, or busy with an operation."""

    __slots__ = ("leading", "native", "wake")

    def __init__(self) -> None:
        self.leading = True
        self.native = 0  # the kernel's number of this thread
        self.wake = threading.Lock()
        self.wake.acquire()


class Loop:
    """Serves one mounted pyfuse3 session until it is unmounted or ``stop`` is called."""

    # what pyfuse3 takes from the module trio
    ClosedResourceError = _Closed
    Lock = NoLock
    name = "dualfuse"

    def __init__(self, pyfuse3: Any, threads: int = MAX_THREADS) -> None:
        self._pyfuse3 = pyfuse3
        self._max_threads = max(1, threads)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._idle: list[_Thread] = []
        self._threads: list[threading.Thread] = []
        self._count = 0
        self._over = threading.Lock()  # released at the end
        self._over.acquire()
        self._failure: BaseException | None = None
        self._vacant = False  # the lead is free: no thread could be started for it
        self._stopping = False
        self._ended = False
        # Seconds that a kind of operation sleeps on average, for the kinds that were ever slow. Time spent computing
        # does not count: another thread could not use it.
        self._slept: dict[Handler, float] = {}
        # The lead of a thread that runs an operation: whoever pops it has it, the thread itself or the watcher.
        self._ticket: list[object] = []
        self._runner: _Thread | None = None  # the thread that put the ticket there
        self._watcher_sleeps = False
        self._wake_watcher = threading.Event()
        self._pause = threading.Lock()  # released at the end, so that the watcher does not finish its tick
        self._pause.acquire()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poll: select.poll | None = None
        self.lowlevel = self
        pyfuse3.trio = self

    # -- what pyfuse3 calls, in place of trio

    def current_task(self) -> "Loop":
        return self

    def notify_closing(self, _fd: int) -> None:
        """Called by ``pyfuse3.terminate``."""
        self.stop()

    def wait_readable(self, fd: int) -> _Ready:
        """Wait for the lead, then for a request."""
        me: _Thread = self._local.me
        if self._poll is None:
            fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_NONBLOCK)
            self._poll = select.poll()
            self._poll.register(fd, select.POLLIN)
            self._poll.register(self._wake_read, select.POLLIN)
        if not me.leading:
            self._park(me)
        poll, wake = self._poll.poll, self._wake_read
        while not self._stopping:
            for ready, _ in poll():
                if ready != wake:
                    return _READY
                if any(byte == 0 or byte in SIGNALS for byte in os.read(wake, 64)):
                    self._stopping = True
        raise _Closed

    # -- the life of the loop

    def run(self) -> bool:
        """Serve until unmounted or stopped; False if an operation still ran at the end, so nothing may be freed."""
        restore = self._catch_signals()
        try:
            if self._max_threads == 1:
                self._work(_Thread())
            else:
                watcher = threading.Thread(target=self._watch, name="dualfuse-watcher", daemon=True)
                watcher.start()
                self._threads.append(watcher)
                with self._lock:
                    started = self._promote()
                if not started:
                    self._work(_Thread())
                self._over.acquire()
        finally:
            restore()
        deadline = time.monotonic() + JOIN_TIMEOUT
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        ended = not any(thread.is_alive() for thread in self._threads)
        if self._failure is not None:
            log.error("the loop ended with an error", exc_info=self._failure)
        if not ended:
            log.error("an operation did not end within %.0f s of the unmount; it is left behind", JOIN_TIMEOUT)
        return ended

    def stop(self) -> None:
        """Ask the loop to end; may be called from any thread and from a signal handler."""
        os.write(self._wake_write, b"\0")

    def close(self) -> None:
        """Close the wake pipe, after ``run``."""
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _catch_signals(self) -> Callable[[], None]:
        """Let TERM, INT and HUP end the loop, unless the process handles them itself (as libfuse does)."""
        if threading.current_thread() is not threading.main_thread():
            return lambda: None
        before: dict[signal.Signals, Any] = {}
        for number in SIGNALS:
            handler = signal.getsignal(number)
            if handler in (signal.SIG_DFL, signal.default_int_handler):
                before[number] = handler
                signal.signal(number, lambda *_: None)
        # The C-level handler writes the number of the signal: it reaches the leader whatever the main thread runs.
        wakeup = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)

        def restore() -> None:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)

        return restore

    # -- leading and following

    def _work(self, me: _Thread) -> None:
        self._local.me = me
        me.native = threading.get_native_id()
        try:
            while not self._stopping:
                session = self._pyfuse3._session_loop.__wrapped__(None, _NEVER, 0)
                try:
                    self._drive(session, me)
                except BlockingIOError:
                    continue  # the request was taken back (its caller died) between poll and read
                break
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits in run
            self._failure = error
        finally:
            if me.leading or self._stopping:
                self._end()
            else:
                with self._lock:
                    self._count -= 1

    def _drive(self, session: Any, me: _Thread) -> None:
        """Run the operations that one session coroutine hands out, until it ends."""
        send, ticket, slept = session.send, self._ticket, self._slept
        watched = self._max_threads > 1
        try:
            handler, args = send(None)
            while True:
                usual = slept.get(handler)
                held = False
                if me.leading and watched:
                    if usual is not None and usual > SLOW:
                        self._hand_over(me)
                    else:
                        held = True
                        self._runner = me
                        ticket.append(args)
                        if self._watcher_sleeps:
                            self._wake_watcher.set()
                computed = time.thread_time() if usual is not None else 0.0
                started = time.perf_counter()
                failure: BaseException | None = None
                value = None
                try:
                    value = handler(*args)
                except BaseException as error:  # noqa: BLE001 - handlers raise FUSEError only; it goes to the caller
                    failure = error
                taken = time.perf_counter() - started
                if held:
                    try:
                        ticket.pop()
                    except IndexError:
                        me.leading = False  # the watcher has taken the lead away
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

    def _hand_over(self, me: _Thread) -> None:
        with self._lock:
            if self._promote():
                me.leading = False

    def _promote(self) -> bool:
        """Give the lead to a parked or a new thread; call with the lock held."""
        if self._stopping:
            return False
        if self._idle:
            follower = self._idle.pop()
            follower.leading = True
            follower.wake.release()
            return True
        if self._count >= self._max_threads:
            return False
        thread = threading.Thread(target=self._work, args=(_Thread(),), name="dualfuse", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            log.error("no thread can be started for a blocked operation; others wait for it")
            return False
        self._count += 1
        self._threads = [known for known in self._threads if known.is_alive()]
        self._threads.append(thread)
        return True

    def _park(self, me: _Thread) -> None:
        """Wait until this thread gets the lead."""
        with self._lock:
            if self._stopping:
                raise _Closed
            if self._vacant:
                self._vacant = False
                me.leading = True
                return
            if len(self._idle) >= MAX_IDLE:
                raise _Closed
            self._idle.append(me)
        me.wake.acquire()
        if self._stopping:
            raise _Closed

    def _end(self) -> None:
        """End all threads: the session is over."""
        with self._lock:
            self._stopping = True
            for follower in self._idle:
                follower.wake.release()
            self._idle.clear()
            if self._ended:
                return
            self._ended = True
        self._pause.release()
        self._wake_watcher.set()
        self._over.release()
        self.stop()

    def _watch(self) -> None:
        """Take the lead from an operation that lasts, and give it to another thread."""
        seen: object = None
        quiet = lasted = hurry = 0
        while not self._stopping:
            hurry = max(0, hurry - 1)
            if self._pause.acquire(timeout=TICK if hurry or self._slept else CALM):
                return
            current = self._ticket[0] if self._ticket else None
            lasted = lasted + 1 if current is seen else 0
            if current is not None and current is seen:
                if lasted < PATIENCE and self._runner is not None and not _sleeps(self._runner.native):
                    continue
                try:
                    self._ticket.pop()
                except IndexError:
                    continue
                with self._lock:
                    self._vacant = not self._promote()
                hurry = HURRY
                seen = None
                continue
            quiet = quiet + 1 if current is None else 0
            seen = current
            if quiet > 25:
                quiet = 0
                self._wake_watcher.clear()
                self._watcher_sleeps = True
                if not self._ticket and not self._stopping:
                    self._wake_watcher.wait()
                self._watcher_sleeps = False


def _sleeps(native: int) -> bool:
    """Whether a thread of this process sleeps, rather than computes or waits for a processor."""
    try:
        with open(f"/proc/self/task/{native}/stat", "rb") as status:  # noqa: PTH123 - hundreds of times a second
            return status.read().rpartition(b")")[2].split(None, 1)[0] != b"R"
    except OSError:  # it has ended
        return True
