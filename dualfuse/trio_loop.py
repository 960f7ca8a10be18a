"""The loop for a class whose operations are all coroutines on trio: they run on the loop that reads the requests.

Threading rule: one thread runs trio, the session and every coroutine; the main thread only waits, so that code which
blocks the loop cannot keep the process from ending. Request handlers are the same plain functions as on
``dualfuse.loop``: each runs in a greenlet, which is put aside while trio awaits what the handler needs. One task at a
time leads, that is waits for requests; it hands the lead to another task only when its operation really suspends, so
that an operation that does not costs no switch of tasks at all.
"""

from __future__ import annotations

import contextlib
import logging
import select
import threading
import types
from collections.abc import Callable, Generator
from typing import Any

import trio
from greenlet import getcurrent, greenlet

from dualfuse.asynchronous import result_of
from dualfuse.pathlocks import PathLocks
from dualfuse.session_loop import JOIN_TIMEOUT, MAX_IDLE, Handler, NoLock, catch_signals, never_block, requests_of

log = logging.getLogger("dualfuse")

_FAIR = 32  # requests that may be read without giving other tasks a turn


def wait_for(awaitable: Any) -> Any:
    """Inside a handler's greenlet: put it aside until trio has awaited this, give what it gives."""
    outer = getcurrent().parent
    if outer is None:
        raise RuntimeError("an operation was called outside a request")
    return outer.switch(awaitable)


class _Moved:
    """Stands in for threading.Condition in path locks: one thread, so nothing to lock, and waiting is trio's."""

    def __init__(self) -> None:
        self._lot = trio.lowlevel.ParkingLot()

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None

    def wait_for(self, condition: Callable[[], bool]) -> None:
        while not condition():
            wait_for(self._lot.park())

    def notify_all(self) -> None:
        self._lot.unpark_all()


def path_locks() -> PathLocks:
    """Path locks whose owners are greenlets."""
    return PathLocks(lambda: id(getcurrent()), _Moved())


class TrioLoop:
    """Serves one mounted pyfuse3 session on trio until it is unmounted or ``stop`` is called."""

    # what pyfuse3 takes from the module trio
    ClosedResourceError = trio.ClosedResourceError
    Lock = NoLock

    def __init__(self, pyfuse3: Any, begin: Callable[[], None], finish: Callable[[], None]) -> None:
        self._pyfuse3 = pyfuse3
        self._begin = begin  # called on the loop before the first request, and after the last
        self._finish = finish
        self._token: trio.lowlevel.TrioToken | None = None
        self._nursery: trio.Nursery | None = None
        self._over = trio.Event()  # no more requests are taken
        self._quiet = trio.Event()  # none is being answered
        self._idle = trio.lowlevel.ParkingLot()
        self._leader: trio.lowlevel.Task | None = None
        self._workers = 0
        self._in_a_row = 0  # requests that were read without giving other tasks a turn
        self._is_asked = self._stopping = False
        self._fd = -1
        self._poll = select.poll()
        self.failure: BaseException | None = None  # what ended the loop, if it was not asked to
        self._waiting = threading.Lock()  # released at the end, or when it is asked for
        self._waiting.acquire()
        self.lowlevel = self
        pyfuse3.trio = self

    # -- what pyfuse3 calls, in place of trio

    def current_task(self) -> Any:
        return trio.lowlevel.current_task()

    def notify_closing(self, _fd: int) -> None:
        """Called by ``pyfuse3.terminate``."""
        self.stop()

    async def wait_readable(self, fd: int) -> None:
        """Wait for the lead, then for a request."""
        if self._fd < 0:
            self._fd = fd
            never_block(fd)
            self._poll.register(fd, select.POLLIN)
        task = trio.lowlevel.current_task()
        if self._leader is not task:
            if self._leader is not None and not self._stopping:
                if len(self._idle) >= MAX_IDLE:
                    raise trio.ClosedResourceError
                await self._idle.park()
            self._leader = task
        if self._stopping:
            raise trio.ClosedResourceError
        self._in_a_row += 1
        if self._in_a_row > _FAIR or not self._poll.poll(0):
            self._in_a_row = 0
            await trio.lowlevel.wait_readable(fd)

    # -- requests

    def hand_out(self, handler: Handler) -> Handler:
        """Make a request handler of pyfuse3 that runs in a greenlet of the task that has read the request."""

        async def request(*args: Any) -> Any:
            inner = greenlet(handler)
            inner.gr_context = getcurrent().gr_context
            result = inner.switch(*args)
            while not inner.dead:
                try:
                    value = await self._stepwise(result)
                except BaseException as error:  # noqa: BLE001 - it is the handler's
                    result = inner.throw(error)
                else:
                    result = inner.switch(value)
            return result

        return request

    @types.coroutine
    def _stepwise(self, awaitable: Any) -> Generator[Any, Any, Any]:
        """Await; the lead goes to another task when, and only when, this one must wait."""
        steps = result_of(awaitable).__await__()
        try:
            trap = next(steps)
            self._give_up_the_lead()
            while True:
                try:
                    value = yield trap
                except BaseException as error:  # noqa: BLE001 - it is the awaited one's
                    trap = steps.throw(error)
                else:
                    trap = steps.send(value)
        except StopIteration as end:
            return end.value

    def _give_up_the_lead(self) -> None:
        if self._leader is not trio.lowlevel.current_task() or self._stopping:
            return
        if self._idle:
            self._leader = self._idle.unpark()[0]
        else:
            self._leader = None
            self._start_worker()

    def _start_worker(self) -> None:
        assert self._nursery is not None
        self._workers += 1
        self._nursery.start_soon(self._work)

    async def _work(self) -> None:
        try:
            while not self._stopping:
                try:
                    await requests_of(self._pyfuse3)
                except BlockingIOError:
                    continue
                if self._leader is trio.lowlevel.current_task():
                    self._end()  # unmounted
                return
        finally:
            self._workers -= 1
            if self._workers == 0:
                self._end()
                self._quiet.set()

    # -- the life of the loop

    def run(self) -> bool:
        """Serve until unmounted or stopped; False if an operation still ran at the end, so nothing may be freed."""
        thread = threading.Thread(target=self._serve, name="dualfuse-trio", daemon=True)
        _, restore = catch_signals(self.stop)
        try:
            thread.start()
            self._waiting.acquire()
        finally:
            restore()
        thread.join(JOIN_TIMEOUT + 1)  # trio has cancelled what ran by then
        if thread.is_alive():
            log.error("an operation blocks the loop since the unmount; it is left behind")
        return not thread.is_alive()

    def stop(self) -> None:
        """Ask the loop to end; may be called from any thread and from a signal handler."""
        self._release()
        self._is_asked = True
        if self._token is not None:
            with contextlib.suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._end)

    def close(self) -> None:
        """Nothing is left to close after ``run``."""

    def _release(self) -> None:
        with contextlib.suppress(RuntimeError):  # released before
            self._waiting.release()

    def _serve(self) -> None:
        try:
            trio.run(self._main)
        except BaseException as error:  # noqa: BLE001 - raised by who mounted
            self.failure = error
        finally:
            self._release()

    async def _main(self) -> None:
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                self._token = trio.lowlevel.current_trio_token()
                await self.hand_out(self._begin)()
                self._start_worker()
                if self._is_asked:
                    self._end()
                await self._over.wait()
                with trio.move_on_after(JOIN_TIMEOUT):
                    await self._quiet.wait()
                nursery.cancel_scope.cancel()
        finally:
            await self.hand_out(self._finish)()

    def _end(self) -> None:
        if not self._stopping:
            self._stopping = True
            self._over.set()
            self._idle.unpark_all()
            if self._fd >= 0:
                trio.lowlevel.notify_closing(self._fd)
