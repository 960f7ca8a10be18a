"""Bytes that were written and not stored yet, as ranges of a file."""

from __future__ import annotations

from bisect import bisect_right

from bridge.store.tree import place


class DirtyRanges:
    """Written ranges that never overlap nor touch, in order; later bytes replace earlier ones."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._bytes: list[bytearray] = []
        self.size = 0  # bytes held

    def __bool__(self) -> bool:
        return bool(self._starts)

    @property
    def end(self) -> int:
        """The byte after the last one written; 0 if there is none."""
        return self._starts[-1] + len(self._bytes[-1]) if self._starts else 0

    def write(self, offset: int, data: bytes) -> None:
        """Put bytes at an offset."""
        if not data:
            return
        if self._starts and offset == self.end:  # a file written from front to back, by far the usual case
            self._bytes[-1] += data
            self.size += len(data)
            return
        end = offset + len(data)
        first = bisect_right(self._starts, offset)
        if first and self._starts[first - 1] + len(self._bytes[first - 1]) >= offset:
            first -= 1
        last = first
        while last < len(self._starts) and self._starts[last] <= end:
            last += 1
        start = min([offset, *self._starts[first : first + 1]])
        stop = max([end, *(s + len(b) for s, b in zip(self._starts[first:last], self._bytes[first:last], strict=True))])
        joined = bytearray(stop - start)
        for old_start, old in zip(self._starts[first:last], self._bytes[first:last], strict=True):
            place(joined, start, old, old_start)
            self.size -= len(old)
        place(joined, start, data, offset)
        self._starts[first:last], self._bytes[first:last] = [start], [joined]
        self.size += len(joined)

    def overlay(self, offset: int, content: bytearray) -> None:
        """Copy what was written over `content`, which stands for the bytes from `offset`."""
        for start, data in zip(self._starts, self._bytes, strict=True):
            place(content, offset, data, start)

    def extents(self) -> list[tuple[int, bytes | bytearray]]:
        """Return the ranges as (offset, bytes)."""
        return list(zip(self._starts, self._bytes, strict=True))

    def clear(self) -> None:
        """Forget everything."""
        self._starts, self._bytes, self.size = [], [], 0
