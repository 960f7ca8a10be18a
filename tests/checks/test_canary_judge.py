"""The relative judge: it holds on too little, leaves equals alone, and sees a canary that is twice as slow."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import canary_judge
from checks.canary_judge import compare, judge, step_of
from checks.gate import Against, Status, Threshold
from deployment.metrics.series import Slices
from deployment.metrics.source import Metric
from deployment.model import Side
from phases.gates import CANARY_ERRORS, CANARY_P95
from tests.checks.traffic import Recorded, Traffic, count, slices

RECORDED = Path(__file__).with_name("recorded") / "stable.json"
VALUES = st.lists(st.integers(0, 6).map(float), min_size=1, max_size=9)


@given(VALUES, VALUES)
def test_the_effect_is_the_share_of_pairs_in_which_the_canary_is_larger(
    stable: list[float], canary: list[float]
) -> None:
    pairs = [(c > s) + (c == s) / 2 for s, c in itertools.product(stable, canary)]
    assert compare(stable, canary).effect == pytest.approx(sum(pairs) / len(pairs))


def test_the_chance_is_that_of_all_ways_to_deal_the_values_out() -> None:
    chance = random.Random(3)
    values = [chance.lognormvariate(0, 1) for _ in range(14)]
    stable, canary = values[:7], [v * 1.8 for v in values[7:]]
    seen = compare(stable, canary)
    together = [*stable, *canary]
    as_large = [
        compare([v for i, v in enumerate(together) if i not in dealt], [together[i] for i in dealt]).effect
        >= seen.effect
        for dealt in itertools.combinations(range(14), 7)
    ]
    assert seen.chance == pytest.approx(sum(as_large) / len(as_large), abs=0.01)


def test_equals_are_left_alone_a_thousand_times() -> None:
    """A/A: at most 1% of false alarms are allowed; at these seeds there is none."""
    said = Counter[Status]()
    for seed, share in enumerate((0.1, 0.5)):
        traffic = Traffic(seed, share, step=4.0, pool=10)
        said.update(judge(CANARY_P95, *traffic.pair(10)).status for _ in range(500))
    assert said.total() == 1000
    assert said[Status.FAIL] == 0
    assert said[Status.PASS] >= 990


def test_a_canary_that_is_twice_as_slow_is_seen() -> None:
    said = Counter[Status]()
    for seed, share in enumerate((0.1, 0.5)):
        traffic = Traffic(seed, share, step=4.0, pool=10)
        said.update(judge(CANARY_P95, *traffic.pair(12, slower=2.0)).status for _ in range(150))
    assert said[Status.FAIL] >= 0.99 * said.total()


def test_one_kind_of_operation_that_is_slow_is_named() -> None:
    traffic = Traffic(5, 0.5, step=30.0, pool=8)
    verdict = judge(CANARY_P95, *traffic.pair(20, slower={"readdir": 3.0}))
    assert verdict.status is Status.FAIL
    assert verdict.reason.startswith("p95 of readdir ")
    assert verdict.value is not None and verdict.value > 1.25


def test_a_slow_tail_is_seen_in_a_long_window() -> None:
    traffic = Traffic(6, 0.5, step=60.0, pool=6)
    verdict = judge(CANARY_P95, *traffic.pair(60, tail=3.0))
    assert verdict.status is Status.FAIL, verdict.reason


def test_recorded_traffic_dealt_out_by_chance_is_equal_and_doubled_is_not() -> None:
    recorded = Recorded(RECORDED)
    for seed in range(3):
        assert judge(CANARY_P95, *recorded.pair(seed, 2, 0.3)).status is Status.PASS
        assert judge(CANARY_P95, *recorded.pair(seed, 2, 0.3, slower=2.0)).status is Status.FAIL


def test_few_points_hold_and_say_how_many_there_are() -> None:
    verdict = judge(CANARY_P95, *Traffic(1, 0.1).pair(3, slower=20.0))
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.value is None and verdict.samples < 50
    assert verdict.reason == f"{verdict.samples} of 50 points of both sides: too few to compare them"


def test_without_traffic_on_one_side_nothing_is_known() -> None:
    stable, _ = Traffic(1, 0.5).pair(30)
    for threshold in (CANARY_P95, CANARY_ERRORS):
        verdict = judge(threshold, stable, Slices(Side.CANARY, 1.0))
        assert (verdict.status, verdict.samples) == (Status.INCONCLUSIVE, 0)


def test_a_source_that_does_not_answer_is_an_error() -> None:
    stable, _ = Traffic(1, 0.5).pair(30)
    verdict = judge(CANARY_P95, stable, Slices(Side.CANARY, 1.0, failed=True, detail="connection refused"))
    assert (verdict.status, verdict.reason) == (Status.ERROR, "connection refused")


def test_a_rare_kind_fills_its_points_over_several_slices() -> None:
    seconds = [{"rename": count([0.001, 0.002, 0.002])} for _ in range(200)]
    verdict = judge(CANARY_P95, slices(Side.STABLE, seconds), slices(Side.CANARY, seconds))
    assert verdict.status is Status.PASS
    assert verdict.samples == 50  # four slices to a point


@pytest.mark.parametrize(
    ("stable_errors", "canary_errors", "each", "status"),
    [
        (0, 0, 10_000, Status.PASS),
        (30, 32, 10_000, Status.PASS),
        (0, 200, 10_000, Status.FAIL),  # 2%
        (100, 400, 10_000, Status.FAIL),  # 1% against 4%
        (0, 1, 400, Status.INCONCLUSIVE),
        (0, 5, 280, Status.INCONCLUSIVE),
        (200, 0, 10_000, Status.PASS),
    ],
)
def test_errors_are_compared_with_the_stable_sides(
    stable_errors: int, canary_errors: int, each: int, status: Status
) -> None:
    sides = [
        slices(side, [{"read": count([0.001] * (each // 20), errors / 20)}] * 20)
        for side, errors in ((Side.STABLE, stable_errors), (Side.CANARY, canary_errors))
    ]
    assert judge(CANARY_ERRORS, *sides).status is status


def test_equal_errors_are_left_alone_also_where_they_come_in_bursts() -> None:
    chance = random.Random(11)
    said = Counter[Status]()
    empty = count([0.001])
    for _ in range(1000):
        sides = []
        for side, each in ((Side.STABLE, 180), (Side.CANARY, 20)):
            found = slices(side, [{"read": empty}] * 60)
            for piece in found.slices:
                bursts = sum(chance.random() < 0.002 for _ in range(each // 10))
                piece.growth.operations, piece.growth.errors = float(each), bursts * 10.0
            sides.append(found)
        said[judge(CANARY_ERRORS, *sides).status] += 1
    assert said[Status.FAIL] <= 10


def test_windows_are_cut_so_that_a_kind_has_points_enough_by_itself() -> None:
    assert step_of(6.0) == 1.0
    assert step_of(24 * 3600.0) == 1440.0
    assert canary_judge.SLICES >= canary_judge.POINTS
    assert Threshold("canary-p95", Metric.P95, 1.25, 86400.0, 50, unit="×", against=Against.STABLE) == CANARY_P95
