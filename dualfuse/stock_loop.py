"""The loop of pyfuse3 itself, on trio: the fallback where its insides are not what dualfuse's own loop knows.

Threading rule: one thread runs trio and reads the requests; every operation runs in one of trio's worker threads.
"""

from __future__ import annotations

from typing import Any

from dualfuse import insides
from dualfuse.loop import MAX_THREADS
from dualfuse.requests import Requests
from dualfuse.session import Session
from dualfuse.session_loop import SIGNALS, Handler


def serve(pyfuse3: Any, session: Session, requests: Requests, path: str, words: set[str]) -> BaseException | None:
    """Mount and serve until unmounted or signalled; gives what ended the loop, if it was not asked to.

    Raises ImportError when trio is not installed, MountError when the mount cannot be made.
    """
    trio = insides.use_real_trio(pyfuse3)

    limit = trio.CapacityLimiter(MAX_THREADS)  # trio's own would let the 41st operation wait for the forty before it

    def in_thread(handler: Handler) -> Any:
        async def request(*args: Any) -> Any:
            return await trio.to_thread.run_sync(handler, *args, limiter=limit)

        return request

    session.answer_with(requests, in_thread)
    session.mount(path, words)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop_on_signal)
            await pyfuse3.main(max_tasks=MAX_THREADS)
            nursery.cancel_scope.cancel()

    async def stop_on_signal() -> None:
        with trio.open_signal_receiver(*SIGNALS) as signals:
            async for _ in signals:
                pyfuse3.terminate()

    try:
        trio.run(main)
    except Exception as error:  # noqa: BLE001 - raised by who mounted
        return error
    finally:
        session.unmount()
    return None
