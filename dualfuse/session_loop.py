"""What pyfuse3's session loop needs from whoever drives it, apart from trio: what dualfuse's two loops share."""

import fcntl
import os
import signal
from collections.abc import Callable
from itertools import repeat
from typing import Any

Handler = Callable[..., Any]
MAX_IDLE = 10  # that wait for the lead, as libfuse2
JOIN_TIMEOUT = 5.0  # seconds to wait at the end for operations that are still running
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_NEVER = 1 << 30


class Ready(tuple[()]):
    """An awaitable that is done; it takes no Python code to await it, three times a request."""

    __slots__ = ()
    __await__ = tuple.__iter__


READY = Ready()


class NoLock:
    """Stands in for trio.Lock: leadership already keeps readers apart."""

    __aenter__ = repeat(READY).__next__

    def __aexit__(self, *_: object) -> Ready:
        return READY


def requests_of(pyfuse3: Any) -> Any:
    """Give pyfuse3's coroutine that reads requests and awaits their handlers, one after the other, until the unmount.

    It raises BlockingIOError when a request was taken back (its caller died) between the wait and the read.
    """
    return pyfuse3._session_loop.__wrapped__(None, _NEVER, 0)  # it is never one of too many, so it starts no other


def never_block(device: int) -> None:
    """Let reads of the device return at once: libfuse's read keeps the interpreter, so the waiting is done before."""
    fcntl.fcntl(device, fcntl.F_SETFL, fcntl.fcntl(device, fcntl.F_GETFL) | os.O_NONBLOCK)
