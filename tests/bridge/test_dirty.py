"""Buffered ranges against a plain bytearray."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bridge.sections.dirty import DirtyRanges

WRITES = st.lists(st.tuples(st.integers(0, 60), st.binary(max_size=20)), max_size=30)


@given(WRITES, st.integers(0, 80), st.integers(0, 100))
def test_ranges_read_back_as_if_written_in_order(writes: list[tuple[int, bytes]], start: int, size: int) -> None:
    dirty = DirtyRanges()
    content, touched = bytearray(100), bytearray(100)
    for offset, data in writes:
        dirty.write(offset, data)
        content[offset : offset + len(data)] = data
        touched[offset : offset + len(data)] = b"\1" * len(data)
    seen = bytearray(b"?" * size)
    dirty.overlay(start, seen)
    expected = bytes(content[at] if at < 100 and touched[at] else ord("?") for at in range(start, start + size))
    assert bytes(seen) == expected
    assert dirty.size == touched.count(1)
    assert dirty.end == max((at + 1 for at in range(100) if touched[at]), default=0)
    assert bool(dirty) == any(touched)


@given(WRITES)
def test_ranges_stay_apart_and_in_order(writes: list[tuple[int, bytes]]) -> None:
    dirty = DirtyRanges()
    for offset, data in writes:
        dirty.write(offset, data)
    extents = dirty.extents()
    for (start, extent), (after, _) in pairwise(extents):
        assert start + len(extent) < after
    dirty.clear()
    assert not dirty
    assert (dirty.size, dirty.end, dirty.extents()) == (0, 0, [])
