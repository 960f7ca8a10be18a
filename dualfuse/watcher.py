"""The watcher of a session: it takes the lead from an operation that lasts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sized

TICK = 0.002  # seconds: an operation that sleeps longer than one or two ticks loses the lead
CALM = 0.01  # seconds: the tick while no kind of operation was ever slow
HURRY = 100  # short ticks after an operation has lost the lead: others like it may be waiting
PATIENCE = 5  # ticks: an operation that computes for so long loses the lead too
QUIET = 2  # ticks without an operation until the watcher sleeps


class Watcher:
    """Looks at the leader's operation now and then, while there are any."""

    def __init__(self, give_lead: Callable[[], None], slow: Sized) -> None:
        self._give_lead = give_lead
        self._slow = slow  # the kinds of operations that were ever slow
        # The lead of a thread that runs an operation: whoever pops it has it, the thread itself or the watcher.
        self._ticket: list[object] = []
        self._runner = 0  # the kernel's number of the thread that put the ticket there
        self._is_asleep = False
        self._wake = threading.Event()
        self._is_over = False
        self._giving = threading.Lock()
        self._pause = threading.Lock()  # released at the end, so that the watcher does not finish its tick
        self._pause.acquire()

    def begin(self, operation: object, thread: int) -> None:
        """Say that the leader, the kernel's thread of this number, begins an operation."""
        self._runner = thread
        self._ticket.append(operation)
        if self._is_asleep:
            self._wake.set()

    def take_ticket(self) -> bool:
        """Take the lead of the thread that runs an operation; False if somebody else was faster."""
        try:
            self._ticket.pop()
        except IndexError:
            return False
        return True

    def end(self) -> None:
        """Let ``watch`` return; to be called once. The lead is not given any more when this returns."""
        with self._giving:
            self._is_over = True
        self._pause.release()
        self._wake.set()

    def watch(self) -> None:
        """Watch until the end."""
        seen: object = None
        quiet = lasted = hurry = 0
        while not self._is_over:
            hurry = max(0, hurry - 1)
            if self._pause.acquire(timeout=TICK if hurry or self._slow else CALM):
                return
            current = self._ticket[0] if self._ticket else None
            lasted = lasted + 1 if current is seen else 0
            if current is not None and current is seen:
                if lasted < PATIENCE and not _sleeps(self._runner):
                    continue
                with self._giving:
                    if not self._is_over and self.take_ticket():
                        self._give_lead()
                        hurry = HURRY
                        seen = None
                continue
            quiet = quiet + 1 if current is None else 0
            seen = current
            if quiet >= QUIET:
                quiet = 0
                self._sleep()

    def _sleep(self) -> None:
        """Sleep until the next operation."""
        self._wake.clear()
        self._is_asleep = True
        if not self._ticket and not self._is_over:
            self._wake.wait()
        self._is_asleep = False


def _sleeps(thread: int) -> bool:
    """Whether a thread of this process sleeps, rather than computes or waits for a processor."""
    try:
        with open(f"/proc/self/task/{thread}/stat", "rb") as status:  # noqa: PTH123 - hundreds of times a second
            return status.read().rpartition(b")")[2].split(None, 1)[0] != b"R"
    except OSError:  # it has ended
        return True
