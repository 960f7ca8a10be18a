"""The comparator's pace: even, never above its rate, never all of the time, and slower where the primary is busy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.comparator_pace import LONGEST_PAUSE, MOST, MOST_PATHS, SPARED, Pace


@given(st.floats(0.5, 10_000), st.floats(0, 2), st.integers(0, 100))
def test_neither_the_rate_nor_the_share_of_time_is_exceeded(rate: float, took: float, done: int) -> None:
    pause = Pace(rate).pause(took, done)
    assert 0 <= pause <= LONGEST_PAUSE
    if pause < LONGEST_PAUSE:
        assert done <= rate * (took + pause) * 1.000001
        assert took <= MOST * (took + pause) * 1.000001


@pytest.mark.parametrize(("rate", "paths"), [(0.1, 1), (20, 1), (200, 10), (400, 20), (10_000, MOST_PATHS)])
def test_what_is_due_in_a_moment_is_compared_at_once(rate: float, paths: int) -> None:
    assert Pace(rate).paths == paths


def test_where_looks_take_long_more_is_looked_at_at_once() -> None:
    pace = Pace(20)
    pace.pause(0.5, 2)
    assert pace.paths == 5


@pytest.mark.parametrize(("share", "spared"), [(0.0, 1.0), (0.6, 1.0), (0.775, 3.0), (0.9, SPARED), (1.7, SPARED)])
def test_a_primary_that_is_busy_is_spared(share: float, spared: float) -> None:
    pace = Pace(10)
    for look in range(200):
        pace.saw(100.0 + 0.2 * look, 50.0 + 0.2 * look * share)
    assert pace.spared == pytest.approx(spared, rel=0.01)
    assert pace.pause(0.01, 2) == pytest.approx(spared * 0.2 - 0.01, rel=0.01)


def test_a_moment_or_a_process_that_was_replaced_does_not_slow_it_down() -> None:
    pace = Pace(10)
    pace.saw(0.0, 90.0)
    pace.saw(0.2, 90.2)  # a whole processor, for a fifth of a second
    assert pace.spared == 1.0
    pace.saw(0.4, 0.1)
    assert pace.spared == 1.0
    pace.saw(0.4, 0.2)  # no time has passed
    assert pace.spared == 1.0
