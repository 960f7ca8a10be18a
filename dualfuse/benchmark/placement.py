"""On which processors a client and a daemon run while they are timed.

Where the two share a processor a request costs a switch; where they do not, it may have to wake a sleeping processor,
which on a virtual machine takes several times as long. Left to chance this decides more than any backend does, so both
ways are measured equally often, and contenders that are compared always run the same way.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def placed(daemon: int | None, *, apart: bool) -> Iterator[None]:
    """Keep this process on one processor, and a daemon (its pid) on the same or, `apart`, on another one.

    Does nothing where there is one processor only, or no daemon.
    """
    usual = os.sched_getaffinity(0)
    first, *others = sorted(usual)
    if daemon is None or not others:
        yield
        return
    try:
        os.sched_setaffinity(0, {first})
        _keep(daemon, {others[0] if apart else first})
        yield
    finally:
        os.sched_setaffinity(0, usual)
        _keep(daemon, usual)


def _keep(process: int, processors: set[int]) -> None:
    for thread in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):  # it ended since it was listed
            os.sched_setaffinity(int(thread.name), processors)
