"""The lead of a session: at most one thread reads the device at any time, and the kernel chooses which.

Who leads waits for the next request in ``poll``. Who gives the lead away arms a one-shot event on the device; the
others wait for it in an ``epoll`` that they share, and the kernel gives it to one of them and disarms it in the same
step (EPOLLONESHOT in epoll_ctl(2)). So the lead changes hands only when there is a request to read: a lock would wake
a thread that then has to wait for the interpreter, and after that for the device.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable

from dualfuse.session_loop import MAX_IDLE, catch_signals, never_block

LINGER = 1.0  # seconds that a thread waits where MAX_IDLE others do: to start one in Python costs more than in C

_ONE_REQUEST = select.EPOLLIN | select.EPOLLONESHOT


class Over(Exception):  # noqa: N818 - stands in for trio.ClosedResourceError
    """No more requests are to be read by this thread."""


class Lead:
    """Says which thread may read a session's device, and whether any uses the session.

    A thread that waits does not use it: where the process ends, too, the session may be freed under that thread. Only
    its own buffer and pyfuse3's count of tasks are touched by it then, and a pipe of libfuse's stays open.
    """

    def __init__(self) -> None:
        self.is_over = False
        self._inside: set[object] = set()  # threads that use the session
        self._device = -1
        self._lock = threading.Lock()
        self._waiting = 0  # threads that wait for the lead
        self._signals: frozenset[int] = frozenset()  # those that end it
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._signal_read, self._signal_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._end = select.poll()
        self._end.register(self._wake_read, select.POLLIN)
        self._end.register(self._signal_read, select.POLLIN)
        self._leader = select.poll()
        self._leader.register(self._wake_read, select.POLLIN)
        self._followers = select.epoll()
        self._followers.register(self._wake_read, select.EPOLLIN)

    def attach(self, device: int) -> None:
        """Say which device is read; calls after the first change nothing."""
        if self._device < 0:
            never_block(device)
            self._device = device
            self._leader.register(device, select.POLLIN)
            self._followers.register(device, _ONE_REQUEST)

    def enter(self, thread: object) -> None:
        """Say that a thread uses the session from now on."""
        self._inside.add(thread)

    def leave(self, thread: object) -> None:
        """Say that a thread does not use the session any more."""
        self._inside.discard(thread)

    def is_used(self) -> bool:
        """Whether a thread uses the session. Once it is over and this was false, none will."""
        return bool(self._inside)

    def keep(self, thread: object) -> None:
        """Wait for a request, as the leader. Raises Over at the end."""
        self._wait(thread, self._leader.poll)

    def take(self, thread: object) -> None:
        """Wait for a request that no other thread reads: who returns, leads.

        Raises Over at the end, or if enough other threads have waited for a while.
        """
        with self._lock:
            self._waiting += 1
            is_spare = self._waiting > MAX_IDLE
        while not self._wait(thread, self._poll_as_spare if is_spare else self._followers.poll):
            with self._lock:
                is_spare = self._waiting > MAX_IDLE
                if is_spare:
                    self._waiting -= 1
                    raise Over
        with self._lock:
            self._waiting -= 1

    def give(self) -> bool:
        """Let another thread lead; the caller does from now on not. False if none waits for it yet."""
        self._followers.modify(self._device, _ONE_REQUEST)
        return self._waiting > 0

    def end(self) -> None:
        """Let nobody wait any more; may be called from any thread and from a signal handler."""
        self.is_over = True
        os.write(self._wake_write, b"\0")

    def wait_for_the_end(self) -> None:
        """Wait until it is over. A signal wakes the caller alone: other threads wait on until ``end`` is called."""
        while not self.is_over:
            for ready, _ in self._end.poll():
                if ready == self._signal_read:
                    self._hear()

    def end_on_signals(self) -> Callable[[], None]:
        """Let those of TERM, INT and HUP end it that the process does not handle itself; gives what undoes this."""
        # no handler in Python: who waits hears the number itself, whichever thread the kernel has interrupted
        self._signals, restore = catch_signals(lambda: None, self._signal_write)
        return restore

    def hear_signals_as_the_only_one(self) -> None:
        """Let the thread that waits for requests hear signals: no other waits for the end."""
        self._leader.register(self._signal_read, select.POLLIN)
        self._followers.register(self._signal_read, select.EPOLLIN)

    def close(self) -> None:
        """Free what the lead holds, when no thread waits any more."""
        self._followers.close()
        for descriptor in (self._wake_read, self._wake_write, self._signal_read, self._signal_write):
            os.close(descriptor)

    def _poll_as_spare(self) -> list[tuple[int, int]]:
        return self._followers.poll(LINGER)

    def _wait(self, thread: object, poll: Callable[[], list[tuple[int, int]]]) -> bool:
        """Wait for a request; False if the poll gave up. Raises Over at the end."""
        self.leave(thread)
        while not self.is_over:
            events = poll()
            is_ready = False
            for ready, _ in events:
                if ready == self._device:
                    is_ready = True
                elif ready == self._signal_read:
                    self._hear()
            if is_ready:
                self.enter(thread)
                if self._may_go_on():
                    return True
            elif not events:
                return False
        self.leave(thread)
        raise Over

    def _may_go_on(self) -> bool:
        """Look again, after this thread has entered: whoever ends it sees this one inside, or this one sees the end."""
        return not self.is_over

    def _hear(self) -> None:
        """Take the signals that have come; one that is to end it does."""
        if self._signals.intersection(os.read(self._signal_read, 64)):
            self.is_over = True
