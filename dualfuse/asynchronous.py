"""File systems whose operations are ``async def``, served like any other, on every backend.

Threading rule: all coroutines of one mount run side by side on one event loop in a thread of its own (asyncio or trio,
see ``library_of``); the thread that serves a request waits there for its coroutine.
Operations that are not coroutines never run on the loop's thread: they may call ``asyncio.run`` themselves.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextvars import copy_context
from types import ModuleType
from typing import Any

from dualfuse.context import CALLER, current_caller
from dualfuse.operations import OPERATIONS

_COROUTINE, _ASYNC_GENERATOR = 0x80, 0x200  # code flags; importing inspect for them would cost 4 ms a mount
STOP_TIMEOUT = 5.0  # seconds to wait at the end for coroutines that are still running


def _is_asynchronous(method: object) -> bool:
    code = getattr(getattr(method, "__func__", method), "__code__", None)
    return code is not None and bool(code.co_flags & (_COROUTINE | _ASYNC_GENERATOR))


def asynchronous_operations(operations: object) -> list[str]:
    """Name the operations of a class that are coroutine functions or asynchronous generators."""
    return [name for name in OPERATIONS if _is_asynchronous(getattr(operations, name, None))]


async def result_of(awaited: Any) -> Any:
    """Await a coroutine, or collect what an asynchronous generator yields (readdir)."""
    if hasattr(awaited, "__aiter__"):
        return [each async for each in awaited]
    return await awaited


class Portal:
    """One event loop in a thread of its own, started when the first coroutine is run."""

    def __init__(self, library: str = "asyncio") -> None:
        if library not in {"asyncio", "trio"}:
            raise ValueError(f"async_library must be asyncio or trio, not {library!r}")
        self.library = library
        self.direct: Callable[[Any], Any] | None = None  # awaits instead, where the serving loop is the library's
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._run: Callable[[Any], Any] | None = None
        self._stop: Callable[[], object] | None = None
        self._failure: BaseException | None = None

    def settled(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap an operation: what it returns is awaited on the loop if it can be awaited."""

        def settle(*args: Any) -> Any:
            returned = call(*args)
            if hasattr(returned, "__await__") or hasattr(returned, "__aiter__"):
                return self.run(returned)
            return returned

        return settle

    def run(self, awaitable: Any) -> Any:
        """Run one coroutine on the loop and wait for it; raises what it raises."""
        if self.direct is not None:
            return self.direct(awaitable)
        if self._run is None:
            self._start()
        assert self._run is not None
        if CALLER.get() is not None:
            return self._run(awaitable)
        context = copy_context()  # on libfuse2 and mfusepy the caller is known to this thread only: take it along
        context.run(CALLER.set, current_caller())
        return context.run(self._run, awaitable)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                serve = self._asyncio if self.library == "asyncio" else self._trio
                self._thread = threading.Thread(target=self._serve, args=(serve,), name="dualfuse-async", daemon=True)
                self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise RuntimeError(f"the {self.library} loop did not start") from self._failure

    def _serve(self, serve: Callable[[], None]) -> None:
        try:
            serve()
        except BaseException as error:  # noqa: BLE001 - told to the thread that waits for the start
            self._failure = error
        finally:
            self._ready.set()

    def _asyncio(self) -> None:
        import asyncio

        loop = asyncio.new_event_loop()

        def run(awaitable: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(result_of(awaitable), loop).result()

        self._run, self._stop = run, lambda: loop.call_soon_threadsafe(loop.stop)
        loop.call_soon(self._ready.set)
        try:
            loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    def _trio(self) -> None:
        import trio

        async def main() -> None:
            token = trio.lowlevel.current_trio_token()
            stopped = trio.Event()

            def run(awaitable: Any) -> Any:
                return trio.from_thread.run(result_of, awaitable, trio_token=token)

            self._run, self._stop = run, lambda: token.run_sync_soon(stopped.set)
            self._ready.set()
            await stopped.wait()

        trio.run(main)

    def close(self) -> None:
        """End the loop; coroutines that still run are cancelled."""
        if self._thread is not None and self._stop is not None:
            self._stop()
            self._thread.join(STOP_TIMEOUT)


def library_of(operations: object) -> str:
    """Name the library whose loop runs the coroutines of a class.

    It is what the class says in ``async_library``; trio where the class's module imports trio and not asyncio; else
    asyncio.
    """
    declared = getattr(operations, "async_library", None)
    if declared is not None:
        return str(declared)
    module = sys.modules.get(type(operations).__module__)
    imported = {each.__name__ for each in vars(module).values() if isinstance(each, ModuleType)} if module else set()
    return "trio" if "trio" in imported and "asyncio" not in imported else "asyncio"


def portal_for(operations: object) -> Portal | None:
    """Give a portal if any operation of the class needs one."""
    return Portal(library_of(operations)) if asynchronous_operations(operations) else None
