"""A small walk: everything is seen, the memory is taken, and what the kernel forgets comes back."""

from __future__ import annotations

import pytest

from benchmarks.walk import wait_until_idle
from tests.benchmarks.benched import bench


@pytest.mark.fuse
@pytest.mark.root
def test_the_memory_of_a_walk_comes_back() -> None:
    answer = bench("walk", "--files", "40000")
    assert answer["files"] == 40_000
    for backend in ("pyfuse3", "fusepy"):
        seen = answer[backend]
        assert seen["dropped"]
        assert len(seen["after"]) == len(seen["forgotten"]) == 2
        assert seen["after"][0] > seen["before"] > 1_000_000
        assert seen["bytes_per_file"] > 50
        assert seen["returned"] > (0.5 if backend == "pyfuse3" else 0.1)  # nearly all with malloc, see allocator.py
        assert seen["again"] < 1.6


def test_a_daemon_is_idle_when_its_time_no_longer_rises(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    monkeypatch.setattr("benchmarks.walk.time.sleep", sleep)
    monkeypatch.setattr("benchmarks.walk.time.monotonic", lambda: clock[0])
    used = iter([1.0, 1.5, 2.0, 2.001])
    wait_until_idle(lambda: next(used))
    assert clock[0] == 3
    with pytest.raises(SystemExit, match="still works"):
        wait_until_idle(lambda: clock[0])
