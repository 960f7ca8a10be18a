"""The verdicts of gates: what passes, what fails, and what is honestly not known."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from checks.gate import NEAR_ZERO, Against, Status, Threshold, judge, needed, upper_bound
from deployment.metrics.source import Measurement, Metric
from deployment.model import Side


def threshold(
    metric: Metric, limit: float, *, minimum: int = 1, window: float = 300, at_least: bool = False, unit: str = ""
) -> Threshold:
    return Threshold("t", metric, limit, window, minimum, at_least, unit)


def measured(
    metric: Metric, value: float | None, samples: int, *, window: float = 300, failed: bool = False, detail: str = ""
) -> Measurement:
    return Measurement(metric, Side.CANARY, window, value, samples, 0.0, failed, detail)


THRESHOLDS = st.builds(
    threshold,
    st.sampled_from(Metric),
    st.floats(0, 10, allow_nan=False),
    minimum=st.integers(0, 5000),
    at_least=st.booleans(),
    unit=st.sampled_from(["", "%", "s", "B"]),
)


@pytest.mark.parametrize(
    ("limit", "measurement", "status", "reason"),
    [
        (threshold(Metric.P95, 0.005), measured(Metric.P95, 0.0056, 900), Status.FAIL, "p95 5.6 ms > 5 ms"),
        (threshold(Metric.P95, 0.005), measured(Metric.P95, 0.0032, 900), Status.PASS, "p95 3.2 ms ≤ 5 ms"),
        (threshold(Metric.P95, 0.005), measured(Metric.P95, 0.005, 900), Status.PASS, "p95 5 ms ≤ 5 ms"),
        (
            threshold(Metric.P95, 0.005, window=360),
            measured(Metric.P95, None, 0, window=360),
            Status.INCONCLUSIVE,
            "no samples for 6 min",
        ),
        (
            threshold(Metric.DIVERGENCE_RATIO, 0.001, minimum=3000),
            measured(Metric.DIVERGENCE_RATIO, 0.0, 212),
            Status.INCONCLUSIVE,
            "212 of 3000 comparisons: too few to claim ≤ 0.1%",
        ),
        (
            threshold(Metric.DIVERGENCE_RATIO, 0.001, minimum=100),
            measured(Metric.DIVERGENCE_RATIO, 0.0, 212),
            Status.INCONCLUSIVE,
            "212 of 3000 comparisons: too few to claim ≤ 0.1%",
        ),
        (
            threshold(Metric.DIVERGENCE_RATIO, 0.001, minimum=3000),
            measured(Metric.DIVERGENCE_RATIO, 1 / 3000, 3000),
            Status.INCONCLUSIVE,
            "1 of 3000 comparisons differ: too few to claim ≤ 0.1% (may be 0.149%)",
        ),
        (
            threshold(Metric.DIVERGENCE_RATIO, 0.001, minimum=3000),
            measured(Metric.DIVERGENCE_RATIO, 0.0, 3000),
            Status.PASS,
            "divergence 0% ≤ 0.1%",
        ),
        (
            threshold(Metric.DIVERGENCE_RATIO, 0.001, minimum=100),
            measured(Metric.DIVERGENCE_RATIO, 0.02, 200),
            Status.FAIL,
            "divergence 2% > 0.1%",
        ),
        (
            threshold(Metric.ERROR_RATIO, 0.01, minimum=50),
            measured(Metric.ERROR_RATIO, 0.5, 49),
            Status.INCONCLUSIVE,
            "49 of 300 operations: too few to claim ≤ 1%",
        ),
        (
            threshold(Metric.ERROR_RATIO, 0.01, minimum=50),
            measured(Metric.ERROR_RATIO, 0.010004, 3000),
            Status.FAIL,
            "error ratio 1.0004% > 1%",
        ),
        (
            threshold(Metric.UPTIME, 0.999, at_least=True),
            measured(Metric.UPTIME, 0.99862, 6000),
            Status.FAIL,
            "uptime 99.862% < 99.9%",
        ),
        (
            threshold(Metric.UPTIME, 0.999, at_least=True),
            measured(Metric.UPTIME, 1.0, 60),
            Status.PASS,
            "uptime 100% ≥ 99.9%",
        ),
        (
            threshold(Metric.RESPONSIVE, 1, at_least=True),
            measured(Metric.RESPONSIVE, 0, 3),
            Status.FAIL,
            "the mount does not answer its heartbeat",
        ),
        (
            threshold(Metric.MEMORY, 50e6),
            measured(Metric.MEMORY, 62.4e6, 1),
            Status.FAIL,
            "memory 62.4 MB > 50 MB",
        ),
        (
            threshold(Metric.P99, 1.0),
            measured(Metric.P99, None, 0, failed=True, detail="Prometheus: connection refused"),
            Status.ERROR,
            "Prometheus: connection refused",
        ),
    ],
)
def test_a_verdict_says_why(limit: Threshold, measurement: Measurement, status: Status, reason: str) -> None:
    verdict = judge(limit, measurement)
    assert (verdict.status, verdict.reason) == (status, reason)
    assert (verdict.value, verdict.samples, verdict.limit) == (measurement.value, measurement.samples, limit.limit)


@given(THRESHOLDS, st.one_of(st.none(), st.just(math.nan), st.just(math.inf)), st.integers(0, 10**6))
def test_no_data_never_passes_and_never_fails(limit: Threshold, value: float | None, samples: int) -> None:
    assert judge(limit, measured(limit.metric, value, samples)).status is Status.INCONCLUSIVE
    assert judge(limit, measured(limit.metric, 0.0, 0)).status is Status.INCONCLUSIVE


@given(THRESHOLDS, st.floats(0, 100, allow_nan=False), st.integers(0, 10**6))
def test_a_source_that_does_not_answer_is_an_error(limit: Threshold, value: float, samples: int) -> None:
    assert judge(limit, measured(limit.metric, value, samples, failed=True)).status is Status.ERROR


@given(THRESHOLDS, st.floats(0, 100, allow_nan=False), st.floats(0, 1, exclude_max=True))
@example(threshold(Metric.ERROR_RATIO, 5e-324, minimum=2), 0.0, 0.5)
def test_too_few_samples_neither_clear_nor_convict(limit: Threshold, value: float, share: float) -> None:
    samples = int(share * limit.minimum_samples)
    assert judge(limit, measured(limit.metric, value, samples)).status is Status.INCONCLUSIVE


@given(THRESHOLDS, st.floats(0, 100, allow_nan=False), st.integers(1, 10**6))
def test_status_agrees_with_the_side_of_the_limit(limit: Threshold, value: float, samples: int) -> None:
    verdict = judge(limit, measured(limit.metric, value, samples))
    beyond = value < limit.limit if limit.at_least else value > limit.limit
    if samples < limit.minimum_samples:
        assert verdict.status is Status.INCONCLUSIVE
    elif beyond:
        assert verdict.status is Status.FAIL
    else:
        assert verdict.status in {Status.PASS, Status.INCONCLUSIVE}
    if verdict.status is Status.PASS:
        assert samples >= needed(limit)
    assert verdict.reason


@given(st.sampled_from(sorted(NEAR_ZERO)), st.floats(1e-4, 0.5), st.integers(0, 10**5))
def test_a_claim_near_zero_takes_the_rule_of_three(metric: Metric, limit: float, samples: int) -> None:
    verdict = judge(threshold(metric, limit), measured(metric, 0.0, samples))
    assert (verdict.status is Status.PASS) == (samples > 0 and samples >= 3 / limit - 1e-6)


@given(st.floats(1e-4, 0.2), st.integers(1, 10**5), st.integers(2, 50))
def test_more_samples_of_the_same_ratio_never_turn_a_pass_back(limit: float, samples: int, factor: int) -> None:
    gate = threshold(Metric.DIVERGENCE_RATIO, limit)
    if judge(gate, measured(Metric.DIVERGENCE_RATIO, limit / 2, samples)).status is Status.PASS:
        assert judge(gate, measured(Metric.DIVERGENCE_RATIO, limit / 2, samples * factor)).status is Status.PASS


@given(st.floats(0, 1), st.integers(1, 10**6))
def test_the_upper_bound_lies_above_what_was_seen(ratio: float, samples: int) -> None:
    assert ratio - 1e-9 <= upper_bound(ratio, samples) <= 1.0


MEMORY = replace(threshold(Metric.MEMORY, 1.10, unit="×"), against=Against.BASELINE)


@pytest.mark.parametrize(
    ("value", "baseline", "status", "reason"),
    [
        (43e6, 40e6, Status.PASS, "memory against the baseline 1.07 × ≤ 1.1 ×"),
        (48e6, 40e6, Status.FAIL, "memory against the baseline 1.2 × > 1.1 ×"),
        (43e6, None, Status.INCONCLUSIVE, "memory: nothing was recorded in week 1 to compare it with"),
        (43e6, 0.0, Status.INCONCLUSIVE, "memory: nothing was recorded in week 1 to compare it with"),
        (None, 40e6, Status.INCONCLUSIVE, "no samples for 5 min"),
    ],
)
def test_a_value_is_held_against_what_was_recorded(
    value: float | None, baseline: float | None, status: Status, reason: str
) -> None:
    verdict = judge(MEMORY, measured(Metric.MEMORY, value, 0 if value is None else 9), baseline)
    assert (verdict.status, verdict.reason) == (status, reason)


def test_a_ratio_against_another_takes_no_more_samples_than_it_asks_for() -> None:
    errors = replace(threshold(Metric.ERROR_RATIO, 0.005, minimum=300), against=Against.STABLE)
    assert needed(errors) == 300
    assert needed(replace(errors, against=None)) == 600
