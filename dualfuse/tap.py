"""The tap: what the comparator gets to know of the operations that a mount served.

It stands in the way of every operation, so it does nothing but append to a bounded queue: when the comparator is slow
or absent the oldest samples fall out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

QUEUE = 4096  # samples
# Operations whose effect or answer a second look at the path can show; the others say nothing new about a path.
SAMPLED = frozenset({
    "chmod", "chown", "create", "getattr", "getxattr", "link", "listxattr", "mkdir", "mknod", "open", "read", "readdir",
    "readlink", "release", "removexattr", "rename", "rmdir", "setxattr", "symlink", "truncate", "unlink", "utimens",
    "write",
})  # fmt: skip

Sample = tuple[str, str]  # operation, path


class Tap:
    """A bounded queue of samples; the comparator's own operations are left out.

    Args:
        caller: Tells which thread makes the call at hand, by the number the kernel gives it.
    """

    def __init__(self, caller: Callable[[], int]) -> None:
        self._caller = caller
        self._samples: deque[Sample] = deque(maxlen=QUEUE)
        self._muted: frozenset[int] | None = None  # nobody listens until the comparator asks for the first time
        self.seen = 0

    def __call__(self, operation: str, path: str) -> None:
        """Note one operation that succeeded."""
        if self._muted is None or operation not in SAMPLED or self._caller() in self._muted:
            return
        self.seen += 1
        self._samples.append((operation, path))

    def take(self, callers: Iterable[int], limit: int) -> list[Sample]:
        """Hand out up to `limit` samples, oldest first, to the comparator, and leave its threads out from now on."""
        self._muted = frozenset(callers)
        taken: list[Sample] = []
        while self._samples and len(taken) < limit:
            taken.append(self._samples.popleft())
        return taken
