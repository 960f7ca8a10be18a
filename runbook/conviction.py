"""Convicting a side: which windows a trigger looks back on, and from what on a breach is no chance. Pure.

A gate must be sure that all is well; a trigger must be sure that something is wrong, and soon. So a trigger is asked
over short windows as well as over its own: where much is wrong, seconds are enough. What keeps a short window from
crying wolf is the question how likely so many bad operations would be on a side that is well (the tail of the Poisson
distribution). Such a side may have half of what the limit allows: only below `CHANCE` is it convicted. The gate's own
judgement comes first, so too few samples, no data and a source that does not answer never convict.

What is slow comes in bursts: where a machine stalls for a moment, everything that was in progress is late at once, and
is no fault of the side. So no second counts for more than the third worst does: it takes three of them.

What is slow is also rare, and half of what the limit allows is a lot of it: by that alone it would take a quarter of a
minute to tell a canary of which 2% hang for two seconds. So the question is asked once more, of a side that is as well
as the stable one: as it is over these very seconds, and as it was over the last `USUAL`. Only below `RARE` is the
canary convicted by that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from checks.gate import NEAR_ZERO, Status, Threshold, Verdict, judge
from deployment.metrics.series import Point
from deployment.metrics.source import Measurement, Metric

#: Seconds that a trigger looks back on besides its own window; what is the newest value has no shorter one.
QUICK: Mapping[Metric, tuple[float, ...]] = MappingProxyType(
    {
        Metric.ERROR_RATIO: (2.0, 5.0, 15.0),
        Metric.DIVERGENCE_RATIO: (2.0, 5.0, 15.0),
        Metric.SLOW_SHARE: (3.0, 4.0, 5.0, 15.0),
    }
)
#: What a side that is well may have of what the limit allows, and how likely a breach may be there and still convict.
WELL, CHANCE = 0.5, 1e-3
#: The same where a side that is well is one like the stable side, which is known over so many seconds.
RARE, USUAL = 1e-6, 300.0
#: Bad operations that it takes at least.
FEWEST = 2
MOMENT = 0.8  # seconds: a little less than between two looks, so that no two of them fall into one
MOMENTS = 3  # in which something was slow, that it takes

Moments = Callable[[float], Sequence[Point]]
Measure = Callable[[float], Measurement]


def windows(metric: Metric, most: float, age: float) -> tuple[float, ...]:
    """Return the windows to look back on, shortest first; what lies before this stage speaks of another one.

    Args:
        metric: What the trigger weighs.
        most: The trigger's own window, seconds.
        age: How long the stage has been applied, seconds.
    """
    longest = max(1.0, min(most, age))
    return (*(w for w in QUICK.get(metric, ()) if w < longest), longest)


def weigh(
    threshold: Threshold, spans: tuple[float, ...], measure: Measure, moments: Moments, stable: Measure
) -> Verdict:
    """Return the first conviction, shortest window first, else what the longest window says.

    Where the source does not answer for one window it is not asked for the others: each may take a second.

    Args:
        threshold: The trigger.
        spans: The windows to look back on, seconds.
        measure: Measures over a window.
        moments: The same in pieces of `MOMENT`; only asked where slow operations would convict.
        stable: Measures the stable side over a window; only asked where slow operations would convict.
    """
    verdict = Verdict(threshold.id, Status.INCONCLUSIVE, None, threshold.limit, threshold.window, 0, "not measured")
    for span in spans:
        verdict = _convict(replace(threshold, window=span), measure(span), moments, stable)
        if verdict.status in (Status.FAIL, Status.ERROR):
            return verdict
    return verdict


def _convict(threshold: Threshold, measured: Measurement, moments: Moments, stable: Measure) -> Verdict:
    verdict = judge(threshold, measured)
    if verdict.status is not Status.FAIL or threshold.metric not in NEAR_ZERO or threshold.at_least:
        return verdict
    assert measured.value is not None
    bad, samples = round(measured.value * measured.samples), measured.samples
    allowed = WELL * threshold.limit
    why = "chance"
    if threshold.metric is not Metric.SLOW_SHARE:
        if _too_many(bad, allowed * samples, CHANCE):
            return verdict
    elif spread := evened([round((p.value or 0.0) * p.samples) for p in moments(threshold.window)]):
        if _too_many(spread, allowed * samples, CHANCE):
            return verdict
        if _too_many(spread, min(allowed, usual(stable, threshold.window)) * samples, RARE):
            return verdict
    else:
        why = "one stall"
    return replace(verdict, status=Status.INCONCLUSIVE, reason=f"{verdict.reason}, but {bad} of {samples} may be {why}")


def evened(counts: Sequence[int]) -> int:
    """Return the sum of what happened in each moment, where none counts for more than the third worst does."""
    worst = sorted(counts)[-MOMENTS:]
    return sum(min(count, worst[0]) for count in counts) if len(worst) == MOMENTS else 0


def usual(stable: Measure, span: float) -> float:
    """Return the share that is to be expected of a side like the stable one; 1 where that is not known."""
    now, long = stable(span), stable(USUAL)
    if long.failed or long.value is None or not long.samples:
        return 1.0
    # one more than was seen: of what never happened nobody knows that it cannot
    return max(now.value or 0.0, (round(long.value * long.samples) + 1) / long.samples)


def _too_many(bad: int, expected: float, chance: float) -> bool:
    return bad >= FEWEST and tail(bad, expected) < chance


def tail(count: int, mean: float) -> float:
    """Return how likely `count` or more events are where `mean` are expected (Poisson)."""
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    if count > mean + 40 * math.sqrt(mean) + 200:
        return 0.0
    if mean < 1:  # 1 - nearly 1 would be noise
        return sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count, count + 30))
    below = sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count))
    return max(0.0, 1.0 - below)
