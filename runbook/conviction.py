"""Convicting a side: which windows a trigger looks back on, and from what on a breach is no chance. Pure.

A gate must be sure that all is well; a trigger must be sure that something is wrong, and soon. So a trigger is asked
over short windows as well as over its own: where much is wrong, seconds are enough. What keeps a short window from
crying wolf is the question how likely so many bad operations would be on a side that is well, with half of what the
limit allows (the tail of the Poisson distribution): only below `CHANCE` is it convicted. The gate's own judgement comes
first, so too few samples, no data and a source that does not answer never convict.

What is slow comes in bursts: where a machine stalls for a moment, everything that was in progress is late at once, and
is no fault of the side. So the worst second is left out before slow operations are held against it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from checks.gate import NEAR_ZERO, Status, Threshold, Verdict, judge
from deployment.metrics.series import Point
from deployment.metrics.source import Measurement, Metric

#: Seconds that a trigger looks back on besides its own window.
QUICK = (2.0, 5.0, 15.0)
#: What a side that is well may have of what the limit allows, and how likely a breach may be there and still convict.
WELL, CHANCE = 0.5, 1e-3
#: Bad operations that it takes at least.
FEWEST = 2
MOMENT = 1.0  # second

Moments = Callable[[float], Sequence[Point]]


def windows(most: float, age: float) -> tuple[float, ...]:
    """Return the windows to look back on, shortest first; what lies before this stage speaks of another one.

    Args:
        most: The trigger's own window, seconds.
        age: How long the stage has been applied, seconds.
    """
    longest = max(1.0, min(most, age))
    return (*(w for w in QUICK if w < longest), longest)


def weigh(
    threshold: Threshold, spans: tuple[float, ...], measure: Callable[[float], Measurement], moments: Moments
) -> Verdict:
    """Return the first conviction, shortest window first, else what the longest window says.

    Where the source does not answer for one window it is not asked for the others: each may take a second.

    Args:
        threshold: The trigger.
        spans: The windows to look back on, seconds.
        measure: Measures over a window.
        moments: The same in pieces of `MOMENT`; only asked where slow operations would convict.
    """
    verdict = Verdict(threshold.id, Status.INCONCLUSIVE, None, threshold.limit, threshold.window, 0, "not measured")
    for span in spans:
        verdict = _convict(replace(threshold, window=span), measure(span), moments)
        if verdict.status in (Status.FAIL, Status.ERROR):
            return verdict
    return verdict


def _convict(threshold: Threshold, measured: Measurement, moments: Moments) -> Verdict:
    verdict = judge(threshold, measured)
    if verdict.status is not Status.FAIL or threshold.metric not in NEAR_ZERO or threshold.at_least:
        return verdict
    assert measured.value is not None
    bad, samples = round(measured.value * measured.samples), measured.samples
    why = "chance"
    if _too_many(bad, samples, threshold.limit):
        if threshold.metric is not Metric.SLOW_SHARE:
            return verdict
        worst = max((round((p.value or 0.0) * p.samples) for p in moments(threshold.window)), default=bad)
        if _too_many(bad - worst, samples, threshold.limit):
            return verdict
        why = f"one stall, of which {worst} are"
    return replace(verdict, status=Status.INCONCLUSIVE, reason=f"{verdict.reason}, but {bad} of {samples} may be {why}")


def _too_many(bad: int, samples: int, limit: float) -> bool:
    return bad >= FEWEST and tail(bad, WELL * limit * samples) < CHANCE


def tail(count: int, mean: float) -> float:
    """Return how likely `count` or more events are where `mean` are expected (Poisson)."""
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    if count > mean + 40 * math.sqrt(mean) + 200:
        return 0.0
    below = sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count))
    return max(0.0, 1.0 - below)
