"""The speed layer: bounded in number, bytes and time."""

from __future__ import annotations

import pytest

from bridge import cache
from bridge.cache import Cache


def test_the_least_recently_used_goes_first() -> None:
    kept = Cache(60.0, 2)
    kept.put(b"a", b"1")
    kept.put(b"b", b"2")
    assert kept.get(b"a") == b"1"
    kept.put(b"c", b"3")
    assert (kept.get(b"a"), kept.get(b"b"), kept.get(b"c")) == (b"1", None, b"3")
    assert kept.counts() == {"hits": 3, "misses": 1, "entries": 2, "bytes": 2}


def test_what_nobody_asks_for_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("bridge.cache.time.monotonic", lambda: now)
    kept = Cache(60.0, 100)
    kept.put(b"a", b"1")
    now = 161.0
    assert kept.get(b"a") is None
    kept.put(b"b", b"2")
    assert kept.counts()["entries"] == 1


def test_no_more_bytes_are_kept_than_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "ROOM", 10)
    kept = Cache(60.0, 100)
    for name in (b"a", b"b", b"c"):
        kept.put(name, b"1234")
    kept.put(b"huge", b"12345678901")
    assert kept.counts()["bytes"] == 0
    kept.put(b"d", b"1234")
    assert kept.get(b"d") == b"1234"
