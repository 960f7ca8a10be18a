"""Gates: a threshold and a measurement become a verdict with its reason. Pure: no clock, no network.

How a verdict is found, first match wins:

1. the source itself did not answer: *error*;
2. no value, or no samples behind it, or nothing to compare it with: *inconclusive*;
3. fewer samples than the threshold asks for: *inconclusive*, whichever way the value points, because a handful of
   operations neither clears a backend nor convicts it;
4. the value is beyond the limit: *fail*;
5. the value is within a limit near zero, but it was seen too rarely to claim so: *inconclusive* (see `needed`);
6. otherwise: *pass*.

A threshold against the stable side is judged by `checks.canary_judge`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from checks import words
from deployment.metrics.source import Measurement, Metric

CONFIDENCE_Z = 1.6449  # one-sided 95%
RULE_OF_THREE = 3.0  # no event in n trials: with 95% confidence the true rate is at most 3/n
MOST_SAMPLES = 1e12  # a limit that needs more than that can never be claimed
NEAR_ZERO = frozenset({Metric.ERROR_RATIO, Metric.SLOW_SHARE, Metric.DIVERGENCE_RATIO})


class Status(StrEnum):
    """How a verdict ends."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"  # too few samples or no data: it holds, it never passes, it never rolls back
    ERROR = "error"  # the source does not answer


class Against(StrEnum):
    """What a limit is a factor of, where it is not a value by itself."""

    STABLE = "stable"  # what the stable side does over the same window
    BASELINE = "baseline"  # what was recorded of fusepy in week 1


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a metric of a side must stay within, over which window, and from how many samples on it counts."""

    id: str  # "error-ratio"
    metric: Metric
    limit: float
    window: float  # seconds
    minimum_samples: int
    at_least: bool = False  # the value must not fall below the limit, instead of not rising above it
    unit: str = ""  # "%", "s", "B", "×": how a person reads the value; empty: what the metric is measured in
    against: Against | None = None  # the limit is a factor of that; of errors, the difference to it


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate says, and everything it said it from."""

    id: str
    status: Status
    value: float | None
    limit: float
    window: float
    samples: int
    reason: str


def judge(threshold: Threshold, measurement: Measurement, baseline: float | None = None) -> Verdict:
    """Weigh one measurement against its threshold.

    Args:
        threshold: What must hold.
        measurement: What was measured.
        baseline: What was recorded in week 1, for a threshold against it; None where nothing was.
    """
    if threshold.against is Against.BASELINE and measurement.value is not None:
        measurement = replace(measurement, value=measurement.value / baseline if baseline else None)
        if not baseline:
            measurement = replace(measurement, detail="nothing was recorded in week 1 to compare it with")
    status, reason = _weigh(threshold, measurement)
    return Verdict(
        id=threshold.id,
        status=status,
        value=measurement.value,
        limit=threshold.limit,
        window=threshold.window,
        samples=measurement.samples,
        reason=reason,
    )


def needed(threshold: Threshold) -> int:
    """Return how many samples a pass takes.

    A ratio near zero can be claimed only from 3 / limit samples on (rule of three, 95%): 3,000 comparisons for 0.1%,
    300 operations for 1%. Everything else takes the threshold's own minimum.
    """
    minimum = max(1, threshold.minimum_samples)
    if threshold.metric in NEAR_ZERO and not threshold.against and not threshold.at_least and threshold.limit > 0:
        return max(minimum, math.ceil(min(RULE_OF_THREE / threshold.limit, MOST_SAMPLES) - 1e-9))
    return minimum


def upper_bound(ratio: float, samples: int) -> float:
    """Return the largest true ratio that is still plausible (Wilson, one-sided 95%) after `samples` trials."""
    z2 = CONFIDENCE_Z**2
    middle = ratio + z2 / (2 * samples)
    spread = CONFIDENCE_Z * math.sqrt(ratio * (1 - ratio) / samples + z2 / (4 * samples**2))
    return min(1.0, (middle + spread) / (1 + z2 / samples))


def _weigh(threshold: Threshold, measurement: Measurement) -> tuple[Status, str]:
    noun = words.SAMPLES[threshold.metric]
    if measurement.failed:
        return Status.ERROR, measurement.detail or "the metrics source does not answer"
    value, samples = measurement.value, measurement.samples
    if value is None and samples and measurement.detail:
        return Status.INCONCLUSIVE, f"{words.NAMES[threshold.metric]}: {measurement.detail}"
    if value is None or not math.isfinite(value) or samples <= 0:
        reason = f"no samples for {words.duration(measurement.window)}"
        return Status.INCONCLUSIVE, f"{reason} ({measurement.detail})" if measurement.detail else reason
    claim = f"{'≥' if threshold.at_least else '≤'} {words.quantity(threshold.limit, threshold.metric, threshold.unit)}"
    if samples < threshold.minimum_samples:
        return Status.INCONCLUSIVE, f"{samples} of {needed(threshold)} {noun}: too few to claim {claim}"
    if _beyond(threshold, value):
        return Status.FAIL, _compared(threshold, value, "<" if threshold.at_least else ">")
    if samples < needed(threshold):
        return Status.INCONCLUSIVE, f"{samples} of {needed(threshold)} {noun}: too few to claim {claim}"
    if threshold.metric is Metric.DIVERGENCE_RATIO and not threshold.at_least and 0 <= value <= 1:
        highest = upper_bound(value, samples)
        if highest > threshold.limit:
            seen = f"{round(value * samples)} of {samples} {noun} differ"
            return Status.INCONCLUSIVE, f"{seen}: too few to claim {claim} (may be {words.percent(highest)})"
    return Status.PASS, _compared(threshold, value, "≥" if threshold.at_least else "≤")


def _beyond(threshold: Threshold, value: float) -> bool:
    return value < threshold.limit if threshold.at_least else value > threshold.limit


def _compared(threshold: Threshold, value: float, sign: str) -> str:
    if threshold.metric is Metric.RESPONSIVE:
        return "the mount answers its heartbeat" if value >= 1 else "the mount does not answer its heartbeat"
    name = words.NAMES[threshold.metric] + (f" against the {threshold.against}" if threshold.against else "")
    shown = words.quantity(value, threshold.metric, threshold.unit)
    limit = words.quantity(threshold.limit, threshold.metric, threshold.unit)
    if shown == limit and value != threshold.limit:  # "1% > 1%" would read as a mistake
        shown = words.quantity(value, threshold.metric, threshold.unit, digits=6)
    return f"{name} {shown} {sign} {limit}"
