"""The comparator's pace: even, never above its rate, and never all of the time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.comparator_pace import LONGEST_PAUSE, MOST, MOST_PATHS, Pace


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
