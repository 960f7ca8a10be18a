"""The tap: what the comparator gets to know of the operations that a mount served.

It stands in the way of every operation, so it does next to nothing: most calls only lower a counter, and one in so many
is noted in a bounded queue, from which the oldest fall out when the comparator is slow or absent. How many are let pass
between two that are noted follows from how many the comparator takes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

QUEUE = 1024  # samples
Sample = tuple[str, str, Any]  # operation, path, and what else must be known to ask the same again
Told = Callable[[tuple[Any, ...]], list[tuple[str, Any]]]  # an operation's arguments → paths with their detail


def _path(args: tuple[Any, ...]) -> list[tuple[str, Any]]:
    return [(args[0], None)]


def _two_paths(args: tuple[Any, ...]) -> list[tuple[str, Any]]:
    return [(args[0], None), (args[1], None)]


def _attribute(args: tuple[Any, ...]) -> list[tuple[str, Any]]:
    return [(args[0], args[1])]


def _was_read(args: tuple[Any, ...]) -> list[tuple[str, Any]]:
    return [(args[0], (args[2], args[1]))]  # offset, size


def _was_written(args: tuple[Any, ...]) -> list[tuple[str, Any]]:
    return [(args[0], (args[2], len(args[1])))]


# Operations whose effect or answer a second look can show, with what is kept of their arguments: never any content.
SAMPLED: dict[str, Told] = {
    **dict.fromkeys(
        (
            *("chmod", "chown", "create", "getattr", "listxattr", "mkdir", "mknod", "open", "readdir", "readlink"),
            *("release", "rmdir", "symlink", "truncate", "unlink", "utimens"),
        ),
        _path,
    ),
    **dict.fromkeys(("link", "rename"), _two_paths),
    **dict.fromkeys(("getxattr", "removexattr", "setxattr"), _attribute),
    "read": _was_read,
    "write": _was_written,
}


class Tap:
    """A bounded queue of samples; the comparator's own operations are left out.

    Args:
        caller: Tells which thread makes the call at hand, by the number the kernel gives it.
    """

    def __init__(self, caller: Callable[[], int]) -> None:
        self._caller = caller
        self._samples: deque[Sample] = deque(maxlen=QUEUE)
        self._muted: frozenset[int] | None = None  # nobody listens until the comparator asks for the first time
        self._random = Random(0)
        self._stride = 1  # one operation in so many is noted
        self._skip = 1  # operations until the next one that is
        self._taken_at = 0
        self.seen = 0

    def __call__(self, operation: str, args: tuple[Any, ...]) -> None:
        """Note one operation, or let it pass."""
        if self._muted is None:
            return
        self.seen += 1
        self._skip -= 1
        if self._skip > 0:
            return
        told = SAMPLED.get(operation)
        if told is None or self._caller() in self._muted:
            return
        # Not simply every n-th: programs repeat themselves, and always the same call of a cycle would be met.
        self._skip = self._random.randrange(1, 2 * self._stride) if self._stride > 1 else 1
        self._samples.extend((operation, path, detail) for path, detail in told(args))

    def take(self, callers: Iterable[int], limit: int) -> list[Sample]:
        """Hand out the newest samples, at most `limit`, oldest first, and leave the comparator's threads out."""
        taken: list[Sample] = []
        while self._samples and len(taken) < limit:
            taken.append(self._samples.pop())
        self._samples.clear()  # what is older would be compared with a state that is gone
        self._muted = frozenset(callers)
        self._stride = max(1, (self.seen - self._taken_at) // max(1, limit))
        self._taken_at = self.seen
        return taken[::-1]
