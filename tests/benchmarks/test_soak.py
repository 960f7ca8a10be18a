"""A short soak swaps, verifies and reports; a failure and growth are told."""

from __future__ import annotations

import pytest

from benchmarks.soak import report
from benchmarks.soaking.course import course, slope
from tests.benchmarks.benched import bench


@pytest.mark.fuse
@pytest.mark.root
def test_a_short_soak() -> None:
    answer = bench("soak", "--minutes", "0.1", "--every", "1.5")
    assert (answer["failed"], answer["failures"]) == (0, [])
    assert answer["clients"] == 8
    assert answer["swaps"] >= 4
    assert answer["operations"] > 20
    assert answer["verified_bytes"] > 0
    assert all(each["bytes"]["least"] > 1_000_000 for each in answer["held"].values())
    assert all(each["descriptors"]["least"] > 0 for each in answer["held"].values())
    assert all(each["threads"]["least"] > 0 for each in answer["held"].values())
    assert answer["mounts"]["first"] == answer["mounts"]["last"] == 6


def test_a_slope_is_an_amount_a_minute() -> None:
    assert slope([(second, 10_000_000 + 5_000 * second) for second in range(1, 30)]) == pytest.approx(5_000 * 60)


def test_what_a_daemon_needs_to_get_warm_is_no_growth() -> None:
    samples = [
        (second, {"bytes": 10_000_000 + min(second, 400) * 50_000, "threads": 3}) for second in range(0, 1800, 2)
    ]
    seen = course(samples, "bytes")
    assert (seen["least"], seen["most"], seen["grows"]) == (10_000_000, 30_000_000, False)
    assert len(seen["course"]) == 10


@pytest.mark.parametrize(("leak", "grows"), [(0, False), (1, True)])
def test_what_is_lost_with_every_swap_is_growth(leak: int, grows: bool) -> None:
    samples = [
        (second, {"descriptors": 5 + second % 4 + leak * second // 60, "bytes": 0, "threads": 3})
        for second in range(0, 1800, 2)
    ]
    assert course(samples, "descriptors")["grows"] is grows
    assert not course(samples, "threads")["grows"]


def test_a_failure_of_a_client_is_the_soaks() -> None:
    answer = report(
        [], [{"operations": 5, "verified_bytes": 1, "failed": 1, "failures": ["client 0: read: oh"]}], 6, []
    )
    assert (answer["ok"], answer["failed"], answer["failures"]) == (False, 1, ["client 0: read: oh"])


@pytest.mark.parametrize(("leak", "grows"), [(0, False), (5000, True)])
def test_memory_is_compared_at_one_number_of_threads(leak: int, grows: bool) -> None:
    samples = [
        (second, {"bytes": 10_000_000 + threads * 2_000_000 + second * leak, "threads": threads})
        for second in range(0, 1800, 2)
        for threads in [3 + (second > 1500)]
    ]
    assert course(samples, "bytes")["grows"] is grows


def test_mounts_that_pile_up_are_growth() -> None:
    assert report([], [], 6, [6, 6, 7])["grows"]
