"""Convicting: much wrong is seen in seconds, little or by chance is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from checks.gate import Status, Threshold
from deployment.metrics.series import Point
from deployment.metrics.source import Measurement, Metric
from deployment.model import Side
from runbook import conviction

ERRORS = Threshold("error-ratio", Metric.ERROR_RATIO, 0.01, 60.0, 100, unit="%")
SLOW = Threshold("p99-1s", Metric.SLOW_SHARE, 0.01, 60.0, 50, unit="%")
BEAT = Threshold("heartbeat", Metric.RESPONSIVE, 1.0, 60.0, 3, at_least=True)


def measured(
    value: float | None, samples: int, *, failed: bool = False, metric: Metric = Metric.ERROR_RATIO
) -> Measurement:
    return Measurement(metric, Side.CANARY, 3.0, value, samples, 0.0, failed=failed, detail="it is silent")


def unasked(_window: float) -> Any:
    raise AssertionError("only slow operations are told apart by the moment, and held against the stable side")


def unknown(_window: float) -> Measurement:
    return measured(None, 0, metric=Metric.SLOW_SHARE)


def seconds(counts: Sequence[int]) -> conviction.Moments:
    """Return the moments of four seconds with so many slow operations each, of sixty."""

    def moments(window: float) -> Sequence[Point]:
        assert window == 4.0
        return [Point(float(at), bad / 60, 60) for at, bad in enumerate(counts)]

    return moments


def as_well(_window: float) -> Measurement:
    """Say of the stable side that it has been busy and nothing was ever slow there."""
    return measured(0.0, 50_000, metric=Metric.SLOW_SHARE)


@pytest.mark.parametrize(
    ("metric", "most", "age", "expected"),
    [
        (Metric.ERROR_RATIO, 60.0, 1e6, (2.0, 5.0, 15.0, 60.0)),
        (Metric.ERROR_RATIO, 60.0, 4.0, (2.0, 4.0)),
        (Metric.ERROR_RATIO, 60.0, 0.2, (1.0,)),
        (Metric.DIVERGENCE_RATIO, 10.0, 1e6, (2.0, 5.0, 10.0)),
        (Metric.SLOW_SHARE, 60.0, 1e6, (3.0, 4.0, 5.0, 15.0, 60.0)),
        (Metric.OLDEST, 60.0, 1e6, (60.0,)),
    ],
)
def test_it_looks_back_on_seconds_and_never_on_another_stage(
    metric: Metric, most: float, age: float, expected: tuple[float, ...]
) -> None:
    assert conviction.windows(metric, most, age) == expected


@pytest.mark.parametrize(
    ("bad", "samples", "status"),
    [
        (5, 100, Status.FAIL),
        (9, 180, Status.FAIL),  # 5%, of three seconds' traffic
        (2, 100, Status.INCONCLUSIVE),  # twice the limit, and perhaps chance
        (6, 300, Status.INCONCLUSIVE),
        (40, 90, Status.INCONCLUSIVE),  # fewer than the trigger asks for: never, whatever they say
        (3, 300, Status.PASS),
        (0, 0, Status.INCONCLUSIVE),
    ],
)
def test_only_what_is_no_chance_convicts(bad: int, samples: int, status: Status) -> None:
    value = bad / samples if samples else None
    verdict = conviction.weigh(ERRORS, (3.0,), lambda _: measured(value, samples), unasked, unasked)
    assert verdict.status is status, verdict.reason


@pytest.mark.parametrize(
    ("by_second", "status"),
    [
        ((9, 0, 0, 0), Status.INCONCLUSIVE),  # a stall: all that was in progress is late at once
        ((0, 8, 9, 0), Status.INCONCLUSIVE),  # that met two looks
        ((1, 40, 1, 0), Status.INCONCLUSIVE),
        ((2, 1, 1, 1), Status.INCONCLUSIVE),  # 2% of 240, which half a percent may look like
        ((3, 3, 3, 3), Status.FAIL),
        ((60, 60, 60, 60), Status.FAIL),
    ],
)
def test_a_moment_or_two_convict_nobody_of_being_slow(by_second: tuple[int, ...], status: Status) -> None:
    slow = measured(sum(by_second) / 240, 240, metric=Metric.SLOW_SHARE)
    verdict = conviction.weigh(SLOW, (4.0,), lambda _: slow, seconds(by_second), unknown)
    assert verdict.status is status, verdict.reason


@pytest.mark.parametrize(
    ("stable", "status"),
    [
        (as_well, Status.FAIL),  # three of 240, where there is none among 50,000
        (lambda _: measured(0.0005, 50_000, metric=Metric.SLOW_SHARE), Status.INCONCLUSIVE),
        (lambda w: measured(0.005 if w < 60 else 0.0, 10_000, metric=Metric.SLOW_SHARE), Status.INCONCLUSIVE),
        (lambda _: measured(0.0, 100, metric=Metric.SLOW_SHARE), Status.INCONCLUSIVE),
        (lambda _: measured(None, 0, metric=Metric.SLOW_SHARE), Status.INCONCLUSIVE),
        (lambda _: measured(None, 0, failed=True), Status.INCONCLUSIVE),
    ],
    ids=["never slow", "slow now and then", "slow in these seconds too", "hardly known", "idle", "silent"],
)
def test_few_slow_operations_convict_where_the_stable_side_has_none(stable: conviction.Measure, status: Status) -> None:
    slow = measured(3 / 240, 240, metric=Metric.SLOW_SHARE)
    verdict = conviction.weigh(SLOW, (4.0,), lambda _: slow, seconds((1, 1, 0, 1)), stable)
    assert verdict.status is status, verdict.reason


def test_one_stall_of_the_canary_alone_convicts_nobody_however_well_the_stable_side_is() -> None:
    slow = measured(17 / 240, 240, metric=Metric.SLOW_SHARE)
    verdict = conviction.weigh(SLOW, (4.0,), lambda _: slow, seconds((0, 8, 9, 0)), as_well)
    assert verdict.status is Status.INCONCLUSIVE
    assert "one stall" in verdict.reason


def test_where_the_moments_are_not_known_nobody_is_convicted_of_being_slow() -> None:
    slow = measured(0.5, 180, metric=Metric.SLOW_SHARE)
    assert conviction.weigh(SLOW, (3.0,), lambda _: slow, lambda _: (), as_well).status is Status.INCONCLUSIVE


def test_the_shortest_window_that_convicts_decides() -> None:
    asked: list[float] = []

    def measure(window: float) -> Measurement:
        asked.append(window)
        return measured(0.0 if window < 10 else 0.2, 1000)

    verdict = conviction.weigh(ERRORS, (3.0, 10.0, 60.0), measure, unasked, unasked)
    assert (verdict.status, verdict.window, asked) == (Status.FAIL, 10.0, [3.0, 10.0])


def test_a_source_that_is_silent_is_asked_once() -> None:
    asked: list[float] = []

    def measure(window: float) -> Measurement:
        asked.append(window)
        return measured(None, 0, failed=True)

    verdict = conviction.weigh(ERRORS, (3.0, 10.0, 60.0), measure, unasked, unasked)
    assert (verdict.status, verdict.reason, asked) == (Status.ERROR, "it is silent", [3.0])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_what_is_no_number_convicts_nobody(value: float | None) -> None:
    assert (
        conviction.weigh(ERRORS, (3.0,), lambda _: measured(value, 1000), unasked, unasked).status
        is Status.INCONCLUSIVE
    )


def test_a_mount_that_does_not_answer_needs_no_statistics() -> None:
    verdict = conviction.weigh(BEAT, (3.0, 10.0), lambda _: measured(0.0, 3), unasked, unasked)
    assert verdict.status is Status.FAIL


def test_the_tail_is_poissons() -> None:
    assert conviction.tail(0, 5.0) == 1.0
    assert conviction.tail(1, 0.0) == 0.0
    assert conviction.tail(1, 1.0) == pytest.approx(0.632121)
    assert conviction.tail(10, 3.0) == pytest.approx(0.001102, rel=1e-3)
    assert conviction.tail(10**6, 10.0) == 0.0
    assert conviction.tail(3, 0.01) == pytest.approx(1.654e-7, rel=1e-3)
