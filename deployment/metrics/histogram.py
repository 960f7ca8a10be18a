"""Percentiles from a histogram's buckets, as Prometheus computes them."""

from __future__ import annotations

import math
from collections.abc import Mapping


def quantile(q: float, buckets: Mapping[float, float]) -> float | None:
    """Return the value below which a share `q` of the observations lies, or None without observations.

    It interpolates inside the bucket the quantile falls into, so near a bucket's edge it may be off by the width of the
    bucket. What lies beyond the largest finite bound is reported as that bound.

    Args:
        q: 0..1.
        buckets: Upper bound in seconds (the last is infinity) → observations that were not larger.
    """
    bounds = sorted(buckets)
    if not bounds or buckets[bounds[-1]] <= 0:
        return None
    rank = q * buckets[bounds[-1]]
    below, lower = 0.0, 0.0
    for bound in bounds:
        if buckets[bound] >= rank:
            if math.isinf(bound):
                return lower
            inside = buckets[bound] - below
            return lower + (bound - lower) * ((rank - below) / inside if inside else 1.0)
        below, lower = buckets[bound], bound
    return lower
