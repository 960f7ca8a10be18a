"""Ratios are paired round by round, and say how sure they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualfuse.benchmark.statistics import Series, ratio


def series(*rounds: tuple[float, float]) -> Series:
    """Rounds of two operations each: wall and CPU seconds of a round."""
    made = Series()
    for wall, cpu in rounds:
        made.add([wall / 2, wall / 2], wall, cpu, 1_000_000)
    return made


def test_noise_that_hits_both_in_a_round_cancels() -> None:
    found = ratio(series((2, 1), (20, 10), (4, 2)), series((4, 2), (40, 20), (8, 4)))
    assert found == {"time": 0.5, "time_low": 0.5, "time_high": 0.5, "cpu": 0.5, "daemon": 1.0}


def test_rounds_that_only_one_has_run_are_left_out() -> None:
    long, short = series((2, 1), (2, 1), (9, 9), (9, 9)), series((4, 4), (4, 4))
    assert (ratio(long, short)["time"], ratio(long, short)["cpu"]) == (0.5, 0.25)
    assert (ratio(short, long)["time"], ratio(short, long)["daemon"]) == (2.0, 1.0)


def test_where_the_kernel_answers_there_is_no_ratio_of_cpu() -> None:
    found = ratio(series((2, 1), (2, 1), (2, 1)), series((2, 0), (2, 1), (2, 0)))
    assert (found["time"], found["cpu"], found["daemon"]) == (1.0, 0.0, 0.333)


def test_nothing_measured_is_no_ratio() -> None:
    assert set(ratio(Series(), series((1, 1))).values()) == {0.0}


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=300))
def test_the_interval_holds_the_median_and_narrows_with_more_rounds(walls: list[float]) -> None:
    one, more = (ratio(series(*((w, 1) for w in many)), series(*((1, 1) for _ in many))) for many in (walls, walls * 4))
    assert one["time_low"] <= one["time"] <= one["time_high"]
    assert more["time_high"] - more["time_low"] <= one["time_high"] - one["time_low"]


def test_the_seven_metrics() -> None:
    metrics = series((2, 0.5), (4, 1.5)).metrics()
    assert metrics["latency_p50"] == metrics["latency_p99"] == 2
    assert metrics["throughput_mbps"] == pytest.approx(2 / 6)
    assert metrics["iops"] == pytest.approx(4 / 6)
    assert metrics["cpu_usage"] == pytest.approx(0.5)
