"""The speed layer: content that was read lately, kept by its hash.

What a hash names never changes, so nothing here can be stale, whoever else changes the store. The time to live and the
number of entries bound memory, as does `ROOM`; they are no question of what is right.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

ROOM = 8 * 1024 * 1024  # bytes kept at most: the memory of a mount's process is what backends are compared by


class Cache:
    """Bytes by hash, the least recently used forgotten first; any number of threads may use it.

    Args:
        seconds: How long an entry that nobody asks for is kept; 0 keeps nothing.
        entries: How many are kept at most.
    """

    def __init__(self, seconds: float, entries: int) -> None:
        self._seconds = seconds
        self._entries = entries
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()
        self._bytes = 0
        self.hits = 0
        self.misses = 0

    def get(self, key: bytes) -> bytes | None:
        """Return what is kept under a hash, or None."""
        now = time.monotonic()
        with self._lock:
            found = self._kept.get(key)
            if found is None or now - found[0] > self._seconds:
                self.misses += 1
                return None
            self.hits += 1
            self._kept[key] = (now, found[1])
            self._kept.move_to_end(key)
            return found[1]

    def put(self, key: bytes, content: bytes) -> None:
        """Keep bytes under their hash."""
        now = time.monotonic()
        with self._lock:
            self._drop(key)
            self._kept[key] = (now, content)
            self._bytes += len(content)
            while self._kept:
                oldest, (used, _) = next(iter(self._kept.items()))
                if len(self._kept) <= self._entries and self._bytes <= ROOM and now - used <= self._seconds:
                    break
                self._drop(oldest)

    def _drop(self, key: bytes) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._bytes -= len(found[1])

    def counts(self) -> dict[str, int]:
        """Return hits, misses, entries and bytes, fit for JSON."""
        return {"hits": self.hits, "misses": self.misses, "entries": len(self._kept), "bytes": self._bytes}
