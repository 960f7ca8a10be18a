"""What pyfuse3's session loop needs from whoever drives it, apart from trio: what dualfuse's two loops share."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Callable
from itertools import repeat
from typing import Any

Handler = Callable[..., Any]
MAX_IDLE = 10  # that wait for the lead, as libfuse2
JOIN_TIMEOUT = 5.0  # seconds to wait at the end for operations that are still running
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_MANY = 1 << 30


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

    It raises BlockingIOError when a request was taken back (its caller died) between the wait and the read, and loses
    its buffer then. Of its own it never ends for being one too many, and never starts another: that is the loop's.
    """
    return pyfuse3._session_loop.__wrapped__(None, _MANY, -_MANY)


# what a forked child does: a signal that ends it must not end its parent's mount
_restores: list[Callable[[], None]] = []
os.register_at_fork(after_in_child=lambda: [restore() for restore in tuple(_restores)])


def catch_signals(handler: Callable[[], None], wakeup: int = -1) -> tuple[frozenset[int], Callable[[], None]]:
    """Let this handle those of TERM, INT and HUP that the process does not handle itself (as libfuse does).

    In another thread than the main one there are none. Python writes the number of every signal to the descriptor
    ``wakeup``, where one is given, at once, whatever the main thread does. Gives the signals, and what puts everything
    back as it was.
    """
    if threading.current_thread() is not threading.main_thread():
        return frozenset(), lambda: None
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    before = {each: was for each, was in handlers.items() if was in (signal.SIG_DFL, signal.default_int_handler)}
    # first: a signal that came between the two would be heard by nobody
    wakeup_before = signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False) if wakeup >= 0 else None
    for number in before:
        signal.signal(number, lambda *_: handler())

    def restore() -> None:
        _restores.remove(restore)
        if wakeup_before is not None:
            signal.set_wakeup_fd(wakeup_before)
        for number, was in before.items():
            signal.signal(number, was)

    _restores.append(restore)
    return frozenset(before), restore


def never_block(device: int) -> None:
    """Let reads of the device return at once: libfuse's read keeps the interpreter, so the waiting is done before."""
    fcntl.fcntl(device, fcntl.F_SETFL, fcntl.fcntl(device, fcntl.F_GETFL) | os.O_NONBLOCK)
